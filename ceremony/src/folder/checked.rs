//! A folder's files against its transcript: what everybody does who reads one, its coordinator too.

use std::path::PathBuf;

use super::FolderError;
use super::layout::{self, Layout};
use crate::beacon::Rule;
use crate::checks::Weights;
use crate::files::ptau::Ptau;
use crate::files::r1cs::R1cs;
use crate::files::zkey::Zkey;
use crate::origin::Origin;
use crate::parts::{
    PartError, follows_key, follows_powers, match_key, match_powers, open_key, open_powers,
    part_of_key, part_of_powers, same_file, same_prepared,
};
use crate::phase1::{self, LinkedPowers, PreparedPowers};
use crate::phase2::{self, InitialKey, LinkedKey};
use crate::progress::Progress;
use crate::transcript::{Contribution, Descriptor, Entry, Part, Powers, Stage, Transcript};

/// What a contribution builds on, checked.
#[derive(Debug)]
pub enum Base {
    /// Phase 1.
    Powers(LinkedPowers),
    /// Phase 2, by circuit.
    Keys(Vec<LinkedKey>),
}

/// Opens the circuits and checks that they are those of the rules.
///
/// # Errors
/// [`FolderError::Circuit`], or that one can't be read.
pub fn circuits(layout: &Layout, descriptor: &Descriptor) -> Result<Vec<R1cs>, FolderError> {
    let mut circuits = Vec::new();
    for (i, expected) in descriptor.circuits.iter().enumerate() {
        let circuit = R1cs::open(&layout.path(&layout::circuit(descriptor, i)))?;
        if circuit.hash() != expected.hash
            || phase2::needed_power(&circuit) != expected.power
            || circuit.file_bytes() != expected.bytes
        {
            return Err(FolderError::Circuit(expected.name.clone()));
        }
        circuits.push(circuit);
    }
    Ok(circuits)
}

/// Opens what phase 2 starts from, and checks all of it against the transcript.
///
/// # Errors
/// [`FolderError`]
pub fn prepared(
    layout: &Layout,
    transcript: &Transcript,
    progress: &mut dyn Progress,
) -> Result<PreparedPowers, FolderError> {
    let path = layout.path(&layout::prepared());
    let rule = match &transcript.descriptor().powers {
        Powers::Fresh { .. } => match transcript.beacon(Stage::Powers) {
            Some(beacon) => Rule::Announced(beacon),
            None => return Err(FolderError::NotDue("phase 1 has no beacon yet")),
        },
        Powers::Existing { .. } => Rule::Any,
    };
    let named = (transcript.prepared()).ok_or(FolderError::NotDue("phase 1 has no beacon yet"))?;
    same_prepared(&path, &named)?;
    let powers = open_powers(&path, &rule, progress)?;
    if rule == Rule::Any && !transcript.descriptor().rehearsal {
        Origin::check_real(powers.ptau()).map_err(PartError::from)?;
    }
    if let Powers::Fresh { .. } = transcript.descriptor().powers {
        match_powers(&powers, transcript)?;
    }
    let mut weights = Weights::from_os().map_err(PartError::Randomness)?;
    let prepared =
        phase1::verify_prepared(powers, &mut weights, progress).map_err(PartError::from)?;
    Ok(prepared)
}

/// Writes the circuits' initial keys into the folder, where they aren't given by anybody but made.
///
/// # Errors
/// [`FolderError`]
pub fn make_initial(
    layout: &Layout,
    descriptor: &Descriptor,
    powers: &PreparedPowers,
    progress: &mut dyn Progress,
) -> Result<(), FolderError> {
    for (i, circuit) in circuits(layout, descriptor)?.iter().enumerate() {
        let path = layout.path(&layout::step(descriptor, Stage::Keys, 0, i));
        phase2::setup(powers, circuit, &path, progress)?;
    }
    Ok(())
}

/// The initial key that [`make_initial`] wrote here. It is published, never fetched: what lies there is the
/// opener's own.
pub(super) fn own_initial(
    layout: &Layout,
    descriptor: &Descriptor,
    index: usize,
) -> Result<InitialKey, FolderError> {
    let path = layout.path(&layout::step(descriptor, Stage::Keys, 0, index));
    Ok(InitialKey::of_own_disk(&path)?)
}

/// Opens what the next contribution builds on, and checks it against the transcript. In phase 2 the
/// initial keys must be the opener's own.
///
/// # Errors
/// [`FolderError`]
pub fn base(
    layout: &Layout,
    transcript: &Transcript,
    progress: &mut dyn Progress,
) -> Result<Base, FolderError> {
    let d = transcript.descriptor();
    let stage = transcript
        .stage()
        .ok_or(FolderError::NotDue("the last phase has ended"))?;
    let number = transcript.count();
    let steps = transcript.steps(stage);
    match stage {
        Stage::Powers => {
            let path = layout.path(&layout::step(d, stage, number, 0));
            if let Some(part) = steps.last().and_then(|(p, _)| p.first()) {
                same_file(&path, part)?;
            }
            let powers = open_powers(&path, &Rule::Open, progress)?;
            if powers.ptau().power() != d.powers.power() {
                return Err(FolderError::NotDue("the powers are of another size"));
            }
            match_powers(&powers, transcript)?;
            Ok(Base::Powers(powers))
        }
        Stage::Keys => {
            let mut keys = Vec::new();
            for i in 0..d.circuits.len() {
                let path = layout.path(&layout::step(d, stage, number, i));
                let initial = own_initial(layout, d, i)?;
                if let Some(part) = steps.last().and_then(|(p, _)| p.get(i)) {
                    same_file(&path, part)?;
                }
                let key = open_key(&path, &initial, &Rule::Open, progress)?;
                match_key(&key, transcript, i)?;
                keys.push(key);
            }
            Ok(Base::Keys(keys))
        }
    }
}

/// The last files of the open phase, which the next ones are to follow on.
#[derive(Debug)]
pub struct Before(Vec<Last>);

#[derive(Debug)]
enum Last {
    Powers(Ptau),
    Key(Zkey, InitialKey),
}

/// Opens what the next files are to follow on, after a look at whether it's what the transcript names.
///
/// # Errors
/// [`FolderError`]
pub fn before(layout: &Layout, transcript: &Transcript) -> Result<Before, FolderError> {
    let d = transcript.descriptor();
    let stage = transcript
        .stage()
        .ok_or(FolderError::NotDue("the last phase has ended"))?;
    let steps = transcript.steps(stage);
    let mut files = Vec::new();
    for i in 0..d.files_of(stage) {
        let path = layout.path(&layout::step(d, stage, transcript.count(), i));
        if let Some(part) = steps.last().and_then(|(parts, _)| parts.get(i)) {
            same_file(&path, part)?;
        }
        files.push(match stage {
            Stage::Powers => Last::Powers(Ptau::open(&path)?),
            Stage::Keys => Last::Key(Zkey::open(&path)?, own_initial(layout, d, i)?),
        });
    }
    Ok(Before(files))
}

impl Before {
    /// Checks files that are to follow on these, and says what the transcript must say of them. A name in
    /// their new records must be the label.
    ///
    /// # Errors
    /// The rule that they break, or that something can't be read.
    pub fn check(
        &self,
        files: &[PathBuf],
        rule: &Rule,
        label: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Part>, PartError> {
        let mut parts = Vec::new();
        for (last, path) in self.0.iter().zip(files) {
            parts.push(match last {
                Last::Powers(old) => {
                    // The cheap checks first.
                    follows_powers(old, &Ptau::open(path)?)?;
                    part_of_powers(path, &open_powers(path, rule, progress)?, label)?
                }
                Last::Key(old, initial) => {
                    follows_key(old, &Zkey::open(path)?)?;
                    part_of_key(path, &open_key(path, initial, rule, progress)?, label)?
                }
            });
        }
        Ok(parts)
    }
}

/// [`before`] and [`Before::check`] in one.
///
/// # Errors
/// The rule that they break.
pub fn check_next(
    layout: &Layout,
    transcript: &Transcript,
    files: &[PathBuf],
    rule: &Rule,
    label: Option<&str>,
    progress: &mut dyn Progress,
) -> Result<Vec<Part>, FolderError> {
    Ok(before(layout, transcript)?.check(files, rule, label, progress)?)
}

/// The rules of a contribution's entry, before it's signed.
pub fn contribution_entry(
    transcript: &Transcript,
    contributor: tacit_protocol::keys::PublicKey,
    label: Option<String>,
    at: u64,
    parts: Vec<Part>,
) -> Option<Entry> {
    Some(Entry::Contribution(Contribution {
        contributor,
        label,
        stage: transcript.stage()?,
        number: transcript.count() + 1,
        at,
        parts,
    }))
}
