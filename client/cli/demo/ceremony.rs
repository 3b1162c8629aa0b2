//! The act of the ceremony: three contributors to each phase, in seconds.
//!
//! Everything is real but the people: both phases with their proofs, the coordinator's service, three
//! contributors' programs at once, and a doubter. The circuit is small, the beacons are a rehearsal's, and
//! one machine made everything, so the keys count as development keys. The act says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use tacit_ceremony::circuits;
use tacit_ceremony::folder;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::transcript::Stage;

use super::ports::{self, Addresses};
use super::processes::{Service, Tacit, in_parallel, wait_for_file};
use super::{DemoArgs, MISTAKE, NEVER, PATIENCE, Show, Story, field, hundredths, text};
use crate::context::Context;
use crate::failure::Failure;

/// Who contributes.
const CONTRIBUTORS: [&str; 3] = ["ada", "bela", "cem"];
/// The act's circuit: so many squarings in a row.
const SQUARINGS: u32 = 100;
/// What it is called.
const CIRCUIT: &str = "squares";

#[derive(Debug, Serialize)]
struct Contributed {
    phase: u8,
    number: u64,
    label: &'static str,
    hash: String,
    attestation: PathBuf,
}

#[derive(Debug, Serialize)]
struct CeremonyResult {
    ceremony: String,
    rehearsal: bool,
    transcript: String,
    folder: PathBuf,
    contributions: Vec<Contributed>,
    timings: BTreeMap<&'static str, f64>,
}

pub fn run(args: &DemoArgs, cx: &Context) -> Result<(), Failure> {
    for (option, given) in [
        ("--roster", args.roster.is_some()),
        ("--statement", args.statement.is_some()),
        ("--trigger", args.trigger.is_some()),
        ("--signers", args.signers.is_some()),
        ("--deadline", args.deadline.is_some()),
        ("--nodes", args.nodes.is_some()),
        ("--ceremony", args.ceremony.is_some()),
    ] {
        if given {
            return Err(Failure::usage(
                "usage",
                format!("{option} is nothing for the act of the ceremony"),
                format!("Leave out {option}, or --act ceremony."),
            ));
        }
    }
    let (show, story) = Show::open(args, cx)?;
    let mut ceremony = Ceremony {
        tacit: show.tacit.clone(),
        dir: show.dir.clone(),
        story,
        at: None,
        service: None,
        id: String::new(),
        contributions: Vec::new(),
        timings: BTreeMap::new(),
    };
    let outcome = ceremony.play();
    let secrets = ["people", "town/private"];
    let result = show.close(outcome, || ceremony.stop(), &secrets, "people/")?;
    if cx.out.is_json() {
        cx.out.json(&result);
    }
    ceremony.end(args.keep);
    Ok(())
}

struct Ceremony {
    tacit: Tacit,
    dir: PathBuf,
    story: Story,
    /// Where the coordinator's service listens, in both phases.
    at: Option<Addresses>,
    service: Option<Service>,
    id: String,
    contributions: Vec<Contributed>,
    timings: BTreeMap<&'static str, f64>,
}

impl Ceremony {
    fn timed<T>(
        &mut self,
        step: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let outcome = work(self);
        self.timings.insert(step, hundredths(started.elapsed()));
        outcome
    }

    fn home(&self, name: &str) -> PathBuf {
        self.dir.join("people").join(name)
    }

    fn town(&self) -> PathBuf {
        self.dir.join("town")
    }

    fn play(&mut self) -> Result<CeremonyResult, Failure> {
        let started = Instant::now();
        self.timed("rules", Self::fix_rules)?;
        for (phase, contributing, ending) in [
            (1, "phase 1", "beacon of phase 1"),
            (2, "phase 2", "beacon of phase 2"),
        ] {
            self.timed(contributing, |c| c.take_contributions(phase))?;
            self.timed(ending, |c| c.cast(phase))?;
        }
        let transcript = self.timed("finish", Self::finish)?;
        self.timed("verify", Self::doubt)?;
        self.timings.insert("total", hundredths(started.elapsed()));
        Ok(CeremonyResult {
            ceremony: self.id.clone(),
            rehearsal: true,
            transcript,
            folder: self.town(),
            contributions: std::mem::take(&mut self.contributions),
            timings: self.timings.clone(),
        })
    }

    fn stop(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.stop();
        }
    }

    fn fix_rules(&mut self) -> Result<(), Failure> {
        self.story
            .scene("A coordinator fixes the rules, and publishes them before anybody contributes");
        for folder in ["people", "attestations"] {
            let folder = self.dir.join(folder);
            tacit_files::create_folder(&folder).map_err(|e| Failure::folder(&folder, &e))?;
        }
        let file = self.dir.join("people").join("squares.r1cs");
        let written = circuits::squares(SQUARINGS).write(&file);
        written.map_err(tacit_ceremony::folder::FolderError::from)?;
        let circuit = format!("{CIRCUIT}={}", text(&file)?);
        let made = self.tacit.call(
            &self.home("coordinator"),
            &[
                "ceremony",
                "new",
                text(&self.town())?,
                "--name",
                "town",
                "--rehearsal",
                "--without-sealing",
                "--circuit",
                &circuit,
                "--phase1-closes",
                "+1h",
                "--phase2-closes",
                "+2h",
            ],
        )?;
        self.id = field(&made, "ceremony")?;
        self.story.fact(&format!("id {}", self.id));
        let power = made.get("power").and_then(Value::as_u64).unwrap_or(0);
        self.story.fact(&format!(
            "a circuit of {SQUARINGS} squarings, so powers of tau for 2^{power} rows"
        ));
        let beacon = made.pointer("/phases/0/beacon").and_then(Value::as_str);
        self.story.fact(&format!(
            "a rehearsal: each phase ends with {}, whenever the coordinator likes",
            beacon.unwrap_or("a known value")
        ));
        Ok(())
    }

    /// Starts the coordinator's service, and gives its address.
    fn serve(&mut self) -> Result<String, Failure> {
        let at = match self.at {
            Some(at) => at,
            None => ports::reserve()?.release(),
        };
        self.at = Some(at);
        ports::wait_until_free("the coordinator", at, &self.tacit)?;
        let said = self.dir.join("people").join("address");
        // From the phase before.
        let _ = fs::remove_file(&said);
        let service = self.tacit.serve(
            "the coordinator",
            &self.home("coordinator"),
            &[
                "ceremony",
                "serve",
                text(&self.town())?,
                "--exit-with-parent",
                "--listen",
                &at.api.to_string(),
                "--address-file",
                text(&said)?,
            ],
            &self.dir.join("people").join("coordinator.log"),
        )?;
        let service = self.service.insert(service);
        let address = wait_for_file(&said, service, &self.tacit, PATIENCE)?;
        Ok(format!("http://{address}"))
    }

    fn take_contributions(&mut self, phase: u8) -> Result<(), Failure> {
        let what = match phase {
            1 => "Phase 1, powers of a secret number: three contributors come at once",
            _ => {
                "Phase 2, the circuit's key: each checks the powers, makes the first key, and contributes"
            }
        };
        self.story.scene(what);
        let url = self.serve()?;
        self.story.fact(&format!("the coordinator's page: {url}/"));
        let this = &*self;
        let contributions = in_parallel(&CONTRIBUTORS, CONTRIBUTORS.len(), |_, name| {
            let made = this.contribute(&url, phase, name)?;
            this.story.fact(&format!(
                "{name} was number {}: {}… ({})",
                made.number,
                made.hash.get(..16).unwrap_or_default(),
                made.attestation.display()
            ));
            Ok(made)
        })?;
        self.contributions.extend(contributions);
        self.tacit.check()?;
        self.stop();
        Ok(())
    }

    fn contribute(&self, url: &str, phase: u8, name: &'static str) -> Result<Contributed, Failure> {
        let attestations = self.dir.join("attestations");
        let attestation = attestations.join(format!("{name}-phase{phase}.json"));
        let told = self.tacit.call(
            &self.home(name),
            &[
                "ceremony",
                "contribute",
                url,
                "--ceremony",
                &self.id,
                "--label",
                name,
                "--attestation",
                text(&attestation)?,
            ],
        )?;
        let number = told.get("number").and_then(Value::as_u64);
        let hash = told.pointer("/hashes/0").and_then(Value::as_str);
        let (Some(number), Some(hash)) = (number, hash) else {
            let problem = format!("a contribution without a number or a hash: {told}");
            return Err(Failure::check("demo-step", problem, MISTAKE));
        };
        Ok(Contributed {
            phase,
            number,
            label: name,
            hash: hash.to_string(),
            attestation,
        })
    }

    fn cast(&mut self, phase: u8) -> Result<(), Failure> {
        self.story.scene(&format!(
            "The coordinator ends phase {phase} with its beacon"
        ));
        let told = self.tacit.call(
            &self.home("coordinator"),
            &["ceremony", "beacon", text(&self.town())?],
        )?;
        self.story.fact(&field(&told, "beacon")?);
        if phase == 1 {
            self.story
                .fact("the powers are prepared, and the circuit's first key is made from them");
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<String, Failure> {
        self.story.scene("The coordinator writes the keys");
        let told = self.tacit.call(
            &self.home("coordinator"),
            &["ceremony", "finish", text(&self.town())?],
        )?;
        for key in ["proving_key", "verifying_key"] {
            let hash = told.pointer(&format!("/circuits/0/{key}"));
            let hash = hash.and_then(Value::as_str).unwrap_or_default();
            self.story
                .fact(&format!("{:<14} {hash}", key.replace('_', " ")));
        }
        let transcript = field(&told, "transcript")?;
        self.story.fact(&format!("transcript     {transcript}"));
        Ok(transcript)
    }

    /// Somebody who believes nobody, first of the truth and then of a lie.
    fn doubt(&mut self) -> Result<(), Failure> {
        self.story.scene(
            "A doubter fetches everything and checks it, with the attestations of all three",
        );
        let url = self.serve()?;
        let mut args = vec!["ceremony", "verify", &url, "--ceremony", &self.id];
        for made in &self.contributions {
            args.extend(["--attestation", text(&made.attestation)?]);
        }
        let told = self.tacit.call(&self.home("doubter"), &args)?;
        self.show_checks(&told, true);
        self.stop();

        self.story
            .scene("Somebody changes one byte of one contribution, in a copy");
        let copy = self.dir.join("people").join("lie");
        let name = self.copy(&copy)?;
        let told = self
            .tacit
            .doubt(&self.home("doubter"), &["ceremony", "verify", text(&copy)?])?;
        if !self.show_checks(&told, false) {
            let problem = format!("a lie about {name} was refused, but for no reason: {told}");
            return Err(Failure::check("demo-step", problem, NEVER));
        }
        Ok(())
    }

    /// Shows the checks, all or those that didn't hold, and says whether there were any.
    fn show_checks(&self, told: &Value, all: bool) -> bool {
        let checks = told.get("checks").and_then(Value::as_array);
        let mut shown = false;
        for check in checks.into_iter().flatten() {
            let word = |name| check.get(name).and_then(Value::as_str).unwrap_or_default();
            let ok = check.get("ok").and_then(Value::as_bool).unwrap_or(false);
            if all || !ok {
                self.story.mark(ok, word("name"), word("detail"));
                shown = true;
            }
        }
        shown
    }

    /// Copies what is published, changes a byte of the second contributor's key, and gives its name.
    fn copy(&self, to: &Path) -> Result<String, Failure> {
        let (from, to) = (Layout::new(&self.town()), Layout::new(to));
        let transcript = folder::read(&from)?;
        let mut names = layout::published(&transcript);
        names.extend([layout::DESCRIPTOR.into(), layout::TRANSCRIPT.into()]);
        for name in &names {
            let (from, to) = (from.path(name), to.path(name));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(|e| Failure::folder(parent, &e))?;
            }
            fs::copy(&from, &to).map_err(|e| Failure::file("copy", &from, &e))?;
        }
        let name = layout::step(transcript.descriptor(), Stage::Keys, 2, 0);
        let path = to.path(&name);
        let failed = |e| Failure::file("write", &path, &e);
        let mut bytes = fs::read(&path).map_err(failed)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        fs::write(&path, bytes).map_err(failed)?;
        Ok(name)
    }

    /// What to look at, and what this was not.
    fn end(&self, kept: bool) {
        let (dir, town) = (self.dir.display(), self.town());
        let town = town.display();
        let last = CONTRIBUTORS.len() + 1;
        self.story.scene("Everything held. Look at it yourself:");
        for line in [
            format!("tacit ceremony status {town}"),
            format!(
                "tacit ceremony verify {town} --attestation {dir}/attestations/ada-phase1.json"
            ),
            format!("snarkjs powersoftau verify {town}/powers/{last:04}.ptau"),
            format!(
                "snarkjs zkey verify {town}/circuits/{CIRCUIT}.r1cs {town}/powers/prepared.ptau {town}/keys/{last:04}-{CIRCUIT}.zkey"
            ),
        ] {
            self.story.fact(&line);
        }
        self.story.fact(match kept {
            true => {
                "The contributors' and the coordinator's folders are in people/ and town/private/."
            }
            false => "Everybody's secret keys are gone; --keep keeps them.",
        });
        self.story.scene(
            "One machine made these keys, so they are for development only. In a real ceremony",
        );
        for line in [
            "- contributors are strangers on machines of their own, and publish their attestations where the coordinator can't take them away;",
            "- each phase stays open for days, and ends with a drand round an hour after its closing, which nobody knew while they contributed;",
            "- the circuit is the product's own, with powers for 2^14 rows: a contribution takes seconds to a minute, preparing phase 2 minutes;",
            "- founders give its folder to `tacit committee found --ceremony`, and no client warns.",
        ] {
            self.story.fact(line);
        }
    }
}
