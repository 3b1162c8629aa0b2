//! A whole ceremony, checked offline from its folder: what a doubter runs.
//!
//! Nothing in the folder is believed but the rules, whose hash is the ceremony's id: initial keys are made
//! again, every proof is checked, every file is the one that the transcript names.

use std::path::Path;

use tacit_protocol::hash::Digest;
use thiserror::Error;

use crate::beacon::Rule;
use crate::coordinator::wire::describe_beacon;
use crate::files::ptau::Ptau;
use crate::files::zkey::Zkey;
use crate::folder::layout::{self, Layout};
use crate::folder::{self, FolderError, KeyBytes};
use crate::origin::Origin;
use crate::parts::{self, PartError};
use crate::phase1;
use crate::phase2::{self, InitialKey};
use crate::progress::Progress;
use crate::transcript::{Powers, Source, Stage, Transcript};

/// Something that was checked, and held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// What was found.
    pub detail: String,
    /// It holds, and means nothing until somebody has compared it with a source elsewhere, as the detail
    /// says.
    pub to_compare: bool,
}

/// Something didn't hold.
#[derive(Debug, Error)]
#[error("{name}: {error}")]
pub struct VerifyError {
    /// What was checked.
    pub name: &'static str,
    /// Why it doesn't hold.
    pub error: FolderError,
    /// What was checked before, and held.
    pub held: Vec<Check>,
}

/// A ceremony that was checked as far as it has come.
#[derive(Debug)]
pub struct Verified {
    /// Its transcript.
    pub transcript: Transcript,
    /// All that was checked.
    pub checks: Vec<Check>,
    /// The circuits' keys, in the rules' order; none while the ceremony isn't finished.
    pub keys: Option<Vec<KeyBytes>>,
}

impl Verified {
    /// The transcript's hash, for a founding file: only of a finished ceremony that was no rehearsal.
    pub fn transcript_hash(&self) -> Option<Digest> {
        let real = !self.transcript.descriptor().rehearsal && self.keys.is_some();
        real.then(|| self.transcript.head())
    }

    /// What no program can decide: whoever relies on the keys compares it with a source elsewhere.
    pub fn to_compare(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.to_compare)
    }
}

struct Run<'a> {
    layout: Layout,
    scratch: Layout,
    checks: Vec<Check>,
    name: &'static str,
    progress: &'a mut dyn Progress,
}

/// Checks a ceremony's folder. `scratch` is a folder of the caller's own, where initial keys are made.
///
/// # Errors
/// The first check that doesn't hold, and what held before it.
pub fn verify(
    root: &Path,
    scratch: &Path,
    progress: &mut dyn Progress,
) -> Result<Verified, VerifyError> {
    let mut run = Run {
        layout: Layout::new(root),
        scratch: Layout::new(scratch),
        checks: Vec::new(),
        name: "transcript",
        progress,
    };
    match run.all() {
        Ok((transcript, keys)) => Ok(Verified {
            transcript,
            checks: run.checks,
            keys,
        }),
        Err(error) => Err(VerifyError {
            name: run.name,
            error,
            held: run.checks,
        }),
    }
}

impl Run<'_> {
    fn held(&mut self, detail: String) {
        self.found(detail, false);
    }

    fn found(&mut self, detail: String, to_compare: bool) {
        let name = self.name;
        self.checks.push(Check {
            name,
            detail,
            to_compare,
        });
    }

    fn all(&mut self) -> Result<(Transcript, Option<Vec<KeyBytes>>), FolderError> {
        let transcript = folder::read(&self.layout)?;
        let d = transcript.descriptor();
        self.held(format!(
            "{} of the ceremony \"{}\", {}: every signature holds, and each binds all before it",
            counted(transcript.links().len(), "entry", "entries"),
            d.name,
            transcript.id()
        ));
        self.name = "beacons";
        self.beacons(&transcript);
        self.name = "circuits";
        let circuits = folder::circuits(&self.layout, d)?;
        for (named, circuit) in d.circuits.iter().zip(&circuits) {
            self.held(format!(
                "{}: {} constraints, as the rules name them",
                named.name,
                circuit.constraints.len()
            ));
        }
        self.name = "powers";
        self.powers(&transcript)?;
        if transcript.stage() == Some(Stage::Powers) {
            return Ok((transcript, None));
        }
        self.name = "prepared powers";
        let prepared = folder::prepared(&self.layout, &transcript, self.progress)?;
        self.held("the Lagrange forms are those of the powers".into());
        self.name = "initial keys";
        let mut initial = Vec::new();
        for (i, circuit) in circuits.iter().enumerate() {
            let to = self.scratch.path(&layout::step(d, Stage::Keys, 0, i));
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder).map_err(|error| FolderError::Io {
                    path: folder.to_path_buf(),
                    error,
                })?;
            }
            initial.push(phase2::setup(&prepared, circuit, &to, self.progress)?);
            // Nobody who verifies needs the published one; another program may be given it.
            let published = self.layout.path(&layout::step(d, Stage::Keys, 0, i));
            if published.exists() && parts::file_hash(&published)? != parts::file_hash(&to)? {
                let name = published.display().to_string();
                return Err(PartError::OtherFile(name).into());
            }
        }
        self.held("made again from the powers and the circuits".into());
        self.name = "keys";
        self.keys(&transcript, &initial)?;
        if transcript.stage().is_some() {
            return Ok((transcript, None));
        }
        self.name = "finished keys";
        let keys = self.finished(&transcript)?;
        Ok((transcript, keys))
    }

    /// The evidence was checked with the transcript. What a block's header can't show is said.
    fn beacons(&mut self, transcript: &Transcript) {
        for stage in [Stage::Powers, Stage::Keys] {
            let closing = transcript.descriptor().closing_of(stage);
            let (Some(closing), Some(beacon)) = (closing, transcript.beacon(stage)) else {
                continue;
            };
            let rule = describe_beacon(closing);
            let source = &closing.beacon.source;
            let to_compare = matches!(source, Source::Bitcoin { .. });
            let detail = match source {
                Source::Bitcoin { height, .. } => format!(
                    "{stage}: {rule}; its work is shown, its height no header shows: compare with an explorer that block {height} is {}",
                    hex::encode(&beacon.value)
                ),
                Source::Drand { .. } => format!("{stage}: {rule}; the signature is the network's"),
                Source::Known { .. } => format!("{stage}: {rule}"),
            };
            self.found(detail, to_compare);
        }
    }

    fn powers(&mut self, transcript: &Transcript) -> Result<(), FolderError> {
        let d = transcript.descriptor();
        if let (Powers::Existing { power, .. }, Some(named)) = (&d.powers, transcript.prepared()) {
            let path = self.layout.path(&layout::prepared());
            parts::same_prepared(&path, &named)?;
            let ptau = Ptau::open(&path).map_err(PartError::from)?;
            if !d.rehearsal {
                Origin::check_real(&ptau).map_err(PartError::from)?;
            }
            let origin = Origin::of(&ptau)?;
            let cut = match origin.is_cut() {
                true => format!(", cut from 2^{}", origin.ceremony_power),
                false => String::new(),
            };
            let beacon = match &origin.beacon {
                Some(beacon) => format!("the beacon {}", hex::encode(&beacon.value)),
                None => "no beacon".into(),
            };
            let detail = format!(
                "2^{power}{cut}, from the file that the rules name: {} and {beacon}; whose they are the rules don't say: compare with its own ceremony that BLAKE2b-512 is {}",
                contributions(origin.names.len()),
                hex::encode(origin.hash)
            );
            self.found(detail, true);
            return Ok(());
        }
        let first = self.layout.path(&layout::step(d, Stage::Powers, 0, 0));
        if first.exists() {
            let fresh = parts::open_powers(&first, &Rule::Open, self.progress)?;
            let (expected, found) = (0, fresh.proofs().len());
            if found != expected {
                return Err(PartError::Count { expected, found }.into());
            }
        }
        let steps = transcript.steps(Stage::Powers);
        let parts: Vec<_> = steps.iter().filter_map(|(p, _)| p.first()).collect();
        for (part, number) in parts.iter().zip(1u32..) {
            let path = self.layout.path(&layout::step(d, Stage::Powers, number, 0));
            parts::same_file(&path, part)?;
            let ptau = Ptau::open(&path).map_err(PartError::from)?;
            if number > 1 {
                let before = self
                    .layout
                    .path(&layout::step(d, Stage::Powers, number - 1, 0));
                parts::follows_powers(&Ptau::open(&before).map_err(PartError::from)?, &ptau)?;
            }
            let mut weights = parts::weights()?;
            // The points of each file hash to what its record says: in the last file alone earlier
            // records wouldn't be authenticated.
            phase1::validate(ptau, &mut weights, self.progress)
                .and_then(|valid| Ok(valid.check_last_record()?))
                .map_err(PartError::from)?;
        }
        let beacon = transcript.beacon(Stage::Powers);
        let ended = beacon.is_some();
        let rule = beacon.map_or(Rule::Open, Rule::Announced);
        let last = layout::step(d, Stage::Powers, steps.len() as u32, 0);
        let linked = parts::open_powers(&self.layout.path(&last), &rule, self.progress)?;
        if linked.ptau().power() != d.powers.power() {
            return Err(FolderError::NotDue("the powers are of another size"));
        }
        parts::match_powers(&linked, transcript)?;
        let people = steps.len() - usize::from(ended);
        self.held(format!(
            "2^{}, {}{}: every step is proven, every file published",
            d.powers.power(),
            contributions(people),
            if ended { " and the beacon" } else { "" }
        ));
        Ok(())
    }

    fn keys(&mut self, transcript: &Transcript, initial: &[InitialKey]) -> Result<(), FolderError> {
        let d = transcript.descriptor();
        let steps = transcript.steps(Stage::Keys);
        let beacon = transcript.beacon(Stage::Keys);
        let ended = beacon.is_some();
        let rule = beacon.map_or(Rule::Open, Rule::Announced);
        for ((i, circuit), initial) in d.circuits.iter().enumerate().zip(initial) {
            let mut before: Option<Zkey> = None;
            let parts: Vec<_> = steps.iter().filter_map(|(p, _)| p.get(i)).collect();
            for (part, number) in parts.iter().zip(1u32..) {
                let path = self.layout.path(&layout::step(d, Stage::Keys, number, i));
                parts::same_file(&path, part)?;
                let now = Zkey::open(&path).map_err(PartError::from)?;
                parts::follows_key(before.as_ref().unwrap_or(initial.zkey()), &now)?;
                before = Some(now);
            }
            if !steps.is_empty() {
                let last = layout::step(d, Stage::Keys, steps.len() as u32, i);
                let last = self.layout.path(&last);
                let key = parts::open_key(&last, initial, &rule, self.progress)?;
                parts::match_key(&key, transcript, i)?;
            }
            let people = steps.len() - usize::from(ended);
            self.held(format!(
                "{}: {}{}: every step is proven, every file published",
                circuit.name,
                contributions(people),
                if ended { " and the beacon" } else { "" }
            ));
        }
        Ok(())
    }

    fn finished(&mut self, transcript: &Transcript) -> Result<Option<Vec<KeyBytes>>, FolderError> {
        let Some(finished) = transcript.finished() else {
            return Ok(None);
        };
        let d = transcript.descriptor();
        // The last files, beside the initial keys that were made here.
        let steps = transcript.steps(Stage::Keys).len() as u32;
        for i in 0..d.circuits.len() {
            let name = layout::step(d, Stage::Keys, steps, i);
            let (from, to) = (self.layout.path(&name), self.scratch.path(&name));
            std::fs::copy(&from, &to).map_err(|error| FolderError::Io { path: to, error })?;
        }
        let keys = folder::final_keys(&self.scratch, transcript, self.progress)?;
        for ((key, named), circuit) in keys.iter().zip(&finished.circuits).zip(&d.circuits) {
            let proving = tacit_circuits::keys::key_hash(&key.proving);
            let verifying = tacit_circuits::keys::key_hash(&key.verifying);
            if (proving, verifying) != (named.proving_key, named.verifying_key) {
                let name = format!("the keys of {}", circuit.name);
                return Err(PartError::OtherFile(name).into());
            }
            self.held(format!(
                "{}: proving key {proving}, verifying key {verifying}",
                circuit.name
            ));
        }
        // Files for other programs, which nothing else names: equal to what was made here, or a lie.
        for (i, (key, named)) in keys.iter().zip(&finished.circuits).enumerate() {
            for (name, bytes) in [
                (layout::key(&named.proving_key), &key.proving[..]),
                (layout::key(&named.verifying_key), &key.verifying[..]),
                (layout::verifying_json(d, i), key.verifying_json.as_bytes()),
            ] {
                let path = self.layout.path(&name);
                let found = tacit_files::read(&path, bytes.len() as u64);
                if matches!(found, Ok(Some(found)) if found == bytes) {
                    continue;
                }
                return Err(PartError::OtherFile(path.display().to_string()).into());
            }
        }
        Ok(Some(keys))
    }
}

fn contributions(number: usize) -> String {
    counted(number, "contribution", "contributions")
}

fn counted(number: usize, one: &str, many: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use tacit_protocol::codec::Encode as _;

    use super::*;
    use crate::beacon;
    use crate::files::parameters::{Beacon, Parameters};
    use crate::folder::Folder;
    use crate::folder::tests::start;
    use crate::origin::OriginError;
    use crate::progress::Silent;
    use crate::stream::Stream;
    use crate::transcript::tests::{drand, key};
    use crate::transcript::{Closing, QUICKNET, REHEARSAL_VALUE};

    /// Powers that somebody contributed to, ended by this value and prepared.
    fn powers(folder: &Path, value: &[u8]) -> std::path::PathBuf {
        let path = |name: &str| folder.join(name);
        let (value, exponent) = (value.to_vec(), 10);
        let end = Beacon { value, exponent };
        phase1::create(&path("0"), 4).unwrap();
        let steps = [
            (Stream::from_seed([7; 32]), Parameters::contribution(None)),
            (beacon::stream(&end), Parameters::beacon(end.clone(), None)),
        ];
        for ((stream, parameters), i) in steps.into_iter().zip(0..) {
            let (from, to) = (path(&i.to_string()), path(&(i + 1).to_string()));
            let before = phase1::tests::linked(&from, &Rule::Open).unwrap();
            phase1::contribute(&before, &to, stream, parameters, &mut Silent).unwrap();
        }
        let whole = phase1::tests::linked(&path("2"), &Rule::Announced(end)).unwrap();
        phase1::prepare(&whole, &path("prepared"), &mut Silent).unwrap();
        path("prepared")
    }

    #[test]
    fn a_real_ceremony_from_a_rehearsals_powers_is_refused_and_others_are_to_be_compared() {
        let place = tempfile::tempdir().unwrap();
        let rehearsal = |error: &FolderError| {
            matches!(
                error,
                FolderError::Part(PartError::Origin(OriginError::Rehearsal))
            )
        };
        for (name, value) in [("good", &[9; 32][..]), ("bad", REHEARSAL_VALUE)] {
            let made = place.path().join(name);
            std::fs::create_dir_all(&made).unwrap();
            let file = powers(&made, value);
            let (hash, bytes) = parts::file_hash(&file).unwrap();
            let mut start = start();
            let d = &mut start.descriptor;
            let power = 4;
            d.powers = Powers::Existing { power, hash, bytes };
            start.powers = Some(file);
            // A coordinator makes what a rehearsal may be, and then says that it is none.
            let root = made.join("town");
            Folder::create(&root, &start, &key(100), &mut Silent).unwrap();
            let d = &mut start.descriptor;
            (d.rehearsal, d.least) = (false, 2);
            d.closing = Closing {
                closes: QUICKNET.genesis - 1_000,
                beacon: drand().0,
            };
            let transcript = Transcript::new(d.clone()).unwrap();
            std::fs::write(root.join(layout::DESCRIPTOR), d.to_bytes()).unwrap();
            std::fs::write(root.join(layout::TRANSCRIPT), transcript.to_bytes()).unwrap();
            let verified = verify(&root, &made.join("scratch"), &mut Silent);
            if name == "good" {
                let verified = verified.unwrap();
                let rows: Vec<_> = verified.to_compare().collect();
                assert!(matches!(&rows[..], [row] if row.name == "powers"
                    && row.detail.contains(&hex::encode(hash))
                    && row.detail.contains(&hex::encode(value))));
                continue;
            }
            let refused = verified.unwrap_err();
            assert!(rehearsal(&refused.error), "{refused}");
            assert_eq!(refused.name, "powers");
            // Nor does whoever contributes to it take them, or an honest coordinator.
            let layout = Layout::new(&root);
            let refused = folder::prepared(&layout, &transcript, &mut Silent).unwrap_err();
            assert!(rehearsal(&refused), "{refused}");
            let again = made.join("again");
            let refused = Folder::create(&again, &start, &key(100), &mut Silent).unwrap_err();
            assert!(rehearsal(&refused), "{refused}");
        }
    }
}
