//! Checking a whole ceremony on one's own machine.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_ceremony::blake2b::Digest64;
use tacit_ceremony::transcript::{Attestation, CeremonyId, Entry, Link, Mismatch, Transcript};
use tacit_ceremony::verify::Check;
use tacit_protocol::founding::FoundingFile;
use tacit_protocol::hash::Digest;

use super::fetch::LimitArgs;
use super::gather::Gathered;
use super::powers::{KnownPowers, Whose, digest};
use crate::clock::local_short;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;

/// Longest attestation, in bytes.
const MAX_ATTESTATION: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The ceremony's folder, or its coordinator's address: then everything is fetched first
    #[arg(value_name = "DIR|URL")]
    from: String,
    /// Your attestation: is your contribution in it? Repeat it for several
    #[arg(long = "attestation", value_name = "FILE")]
    attestations: Vec<PathBuf>,
    /// What an attestation that somebody published as text calls "after": is that contribution in it?
    /// Repeat it for several
    #[arg(long = "after", value_name = "HEX", value_parser = transcript_hash)]
    afters: Vec<Digest>,
    /// The ceremony's id, as it was published before it began
    #[arg(long, value_name = "HEX", value_parser = ceremony_id)]
    ceremony: Option<CeremonyId>,
    /// The transcript's hash, as somebody else has it: a committee, its coordinator, another contributor
    #[arg(long, value_name = "HEX", value_parser = transcript_hash)]
    transcript: Option<Digest>,
    /// A committee's founding file: does it name this transcript and its keys?
    #[arg(long, value_name = "FILE")]
    founding: Option<PathBuf>,
    /// Where the ceremony started from powers in a file: that file's BLAKE2b-512, as the ceremony that made
    /// the powers has published it. The coordinator's word for it is none
    #[arg(long, value_name = "HEX", value_parser = digest)]
    powers_hash: Option<Digest64>,
    #[command(flatten)]
    limit: LimitArgs,
}

/// Reads a ceremony's id.
pub fn ceremony_id(text: &str) -> Result<CeremonyId, String> {
    CeremonyId::from_hex(text).ok_or_else(|| "a ceremony's id has 64 digits 0-9 and a-f".into())
}

fn transcript_hash(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| "a transcript's hash has 64 digits 0-9 and a-f".into())
}

#[derive(Serialize)]
struct CheckView {
    name: String,
    ok: bool,
    /// It holds, and somebody must compare it with a source elsewhere.
    to_compare: bool,
    detail: String,
}

#[derive(Serialize)]
struct View {
    ok: bool,
    ceremony: Option<String>,
    rehearsal: Option<bool>,
    finished: bool,
    transcript: Option<String>,
    checks: Vec<CheckView>,
    /// Who took part, in order: for whoever asks whether they depend on each other.
    contributors: Vec<ContributorView>,
}

/// A contribution. All of it is its contributor's word but the key and the hashes.
#[derive(Serialize)]
struct ContributorView {
    phase: u8,
    number: u32,
    label: Option<String>,
    key: String,
    at: u64,
    /// Contribution hashes, one per file.
    hashes: Vec<String>,
    /// The digest of the transcript with this contribution, as its attestation says it.
    after: String,
}

fn contributors(transcript: &Transcript) -> Vec<ContributorView> {
    let view = |link: &Link| match &link.signed.entry {
        Entry::Contribution(c) => Some(ContributorView {
            phase: c.stage.number(),
            number: c.number,
            label: c.label.clone(),
            key: c.contributor.to_string(),
            at: c.at,
            hashes: c
                .parts
                .iter()
                .map(|p| hex::encode(p.contribution))
                .collect(),
            after: link.after.to_string(),
        }),
        _ => None,
    };
    transcript.links().iter().filter_map(view).collect()
}

/// Digits of a key or hash that a table shows.
const SHOWN: usize = 16;

fn short(hex: &str) -> String {
    hex.get(..SHOWN).unwrap_or(hex).to_owned()
}

fn held(checks: &[Check]) -> Vec<CheckView> {
    let view = |c: &Check| CheckView {
        name: c.name.into(),
        ok: true,
        to_compare: c.to_compare,
        detail: c.detail.clone(),
    };
    checks.iter().map(view).collect()
}

/// What the person brought, to compare the ceremony with.
struct Brought<'a> {
    attestations: Vec<(&'a Path, Attestation)>,
    afters: &'a [Digest],
    transcript: Option<Digest>,
    founding: Option<(&'a Path, FoundingFile)>,
}

/// What came out of comparing.
#[derive(Default)]
struct Compared {
    checks: Vec<CheckView>,
    /// What doesn't fit.
    lies: Vec<String>,
    /// What the end will show.
    unfinished: Option<String>,
}

impl Compared {
    fn row(&mut self, name: &str, found: Result<String, Mismatch>, told: impl Fn(&str) -> String) {
        let (ok, detail) = match found {
            Ok(detail) => (true, told(&detail)),
            Err(Mismatch::Unfinished) => {
                let detail = told(&Mismatch::Unfinished.to_string());
                self.unfinished = Some(detail.clone());
                (true, detail)
            }
            Err(e) => (false, self.lie(told(&e.to_string()))),
        };
        self.push(name, ok, detail);
    }

    /// What is wrong, and before it what doesn't fit: who hides files, or has taken other powers, may have
    /// dropped a contribution too.
    fn beside(&self, e: Failure) -> Failure {
        if self.lies.is_empty() {
            return e;
        }
        let problem = format!("{}; and {}", self.lies.join("; "), e.problem);
        Failure::check("lie", problem, TELL)
    }

    fn too_early(&mut self, name: &str) {
        let detail = "the ceremony is not finished".to_owned();
        self.unfinished = Some(detail.clone());
        self.push(name, true, detail);
    }

    fn lie(&mut self, detail: String) -> String {
        self.lies.push(detail.clone());
        detail
    }

    fn push(&mut self, name: &str, ok: bool, detail: String) {
        self.checks.push(CheckView {
            name: name.into(),
            ok,
            to_compare: false,
            detail,
        });
    }
}

impl<'a> Brought<'a> {
    fn read(args: &'a VerifyArgs) -> Result<Self, Failure> {
        let mut attestations = Vec::new();
        for path in &args.attestations {
            let bytes = input::file(path, MAX_ATTESTATION)?;
            let text = String::from_utf8_lossy(&bytes);
            let attestation = Attestation::from_json(&text).map_err(|e| {
                Failure::check(
                    "attestation",
                    format!("{}: {e}", path.display()),
                    "Give the file that tacit ceremony contribute has saved.",
                )
            })?;
            attestations.push((path.as_path(), attestation));
        }
        let founding = match &args.founding {
            Some(path) => Some((path.as_path(), input::encoded(path, "a founding file")?)),
            None => None,
        };
        Ok(Self {
            attestations,
            afters: &args.afters,
            transcript: args.transcript,
            founding,
        })
    }

    /// Needs no file but the transcript, so it shows whatever else is wrong.
    fn compare(&self, transcript: &Transcript) -> Compared {
        let mut all = Compared::default();
        for (path, attestation) in &self.attestations {
            let found = attestation.check(transcript);
            let found = found.map(|place| format!("it is entry {place}"));
            all.row("attestation", found, |what| {
                format!("{}: {what}", path.display())
            });
        }
        let head = transcript.head();
        let ended = transcript.finished().is_some();
        for after in self.afters {
            let place = transcript.links().iter().position(|l| l.after == *after);
            let found = match place {
                Some(i) if ended => Ok(format!("entry {} ends with it", i + 1)),
                Some(_) => Err(Mismatch::Unfinished),
                None => Err(Mismatch::Dropped),
            };
            all.row("attestation", found, |what| format!("{after}: {what}"));
        }
        if let Some(named) = self.transcript {
            match (named == head, ended) {
                (true, true) => all.push("its hash", true, "it is the one that you named".into()),
                (_, false) => all.too_early("its hash"),
                (false, true) => {
                    let detail = format!(
                        "the transcript is {head}, not {named}: a ceremony has one end, and somebody was shown another"
                    );
                    let detail = all.lie(detail);
                    all.push("its hash", false, detail);
                }
            }
        }
        if let Some((path, file)) = &self.founding {
            let path = path.display();
            match founded(file, transcript) {
                _ if !ended => all.too_early("founding"),
                Ok(()) => {
                    let detail = match transcript.descriptor().rehearsal {
                        true => format!("{path} names this rehearsal's keys, as development keys"),
                        false => format!("{path} names this transcript and its keys"),
                    };
                    all.push("founding", true, detail);
                }
                Err(why) => {
                    let detail = all.lie(format!("{path} {why}"));
                    all.push("founding", false, detail);
                }
            }
        }
        all
    }
}

/// Whether a founding file's keys are a transcript's, as both say.
fn founded(file: &FoundingFile, transcript: &Transcript) -> Result<(), String> {
    let head = transcript.head();
    let made = (transcript.finished()).map_or(&[][..], |f| &f.circuits[..]);
    for keys in &file.founding.circuits {
        match (keys.transcript, transcript.descriptor().rehearsal) {
            (Some(named), true) => {
                return Err(format!(
                    "names the transcript {named}, and this is a rehearsal, which counts as none"
                ));
            }
            (Some(named), false) if named != head => {
                return Err(format!(
                    "names the transcript {named}, and this one is {head}"
                ));
            }
            (None, false) => {
                return Err("names no transcript: its keys are development keys".into());
            }
            (Some(_), false) | (None, true) => {}
        }
        let same = |c: &tacit_ceremony::transcript::FinishedCircuit| {
            (c.proving_key, c.verifying_key) == (keys.proving_key, keys.verifying_key)
        };
        if !made.iter().any(same) {
            return Err("names keys that this transcript doesn't name".into());
        }
    }
    Ok(())
}

/// The advice for whoever has found out that something doesn't hold.
const TELL: &str = "Don't rely on its keys. Tell the coordinator and the other contributors, and show your attestation.";

pub fn run(args: &VerifyArgs, cx: &Context) -> Result<(), Failure> {
    let brought = Brought::read(args)?;
    let gathered = Gathered::begin(&args.from, args.limit, args.ceremony, cx)?;
    let compared = brought.compare(&gathered.transcript);
    let known = KnownPowers(args.powers_hash);
    let whose = (known.compare(&gathered.transcript)).map_err(|e| compared.beside(e))?;
    gathered.complete().map_err(|e| compared.beside(e))?;
    let (mut checks, mut problems, verified) = match gathered.verify() {
        Ok(verified) => (held(&verified.checks), Vec::new(), Some(verified)),
        Err(e) => {
            let mut checks = held(&e.held);
            let detail = e.error.to_string();
            checks.push(CheckView {
                name: e.name.into(),
                ok: false,
                to_compare: false,
                detail: detail.clone(),
            });
            if e.held.is_empty() {
                // No ceremony at all, mostly.
                return Err(compared.beside(e.error.into()));
            }
            let problem = format!("the ceremony does not hold at \"{}\": {detail}", e.name);
            (checks, vec![problem], None)
        }
    };
    // A folder that somebody works on may have grown.
    let compared = match &verified {
        Some(verified) => brought.compare(&verified.transcript),
        None => compared,
    };
    if whose == Whose::Named {
        for check in checks.iter_mut().filter(|c| c.name == "powers") {
            check.to_compare = false;
            check.detail += ", which you named";
        }
    }
    checks.extend(compared.checks);
    problems.extend(compared.lies);
    let unfinished = compared.unfinished;
    let view = View {
        ok: problems.is_empty(),
        ceremony: verified.as_ref().map(|v| v.transcript.id().to_string()),
        rehearsal: (verified.as_ref()).map(|v| v.transcript.descriptor().rehearsal),
        finished: verified.as_ref().is_some_and(|v| v.keys.is_some()),
        transcript: verified.as_ref().map(|v| v.transcript.head().to_string()),
        checks,
        contributors: (verified.as_ref()).map_or(Vec::new(), |v| contributors(&v.transcript)),
    };
    cx.out.result(&view, |out| {
        view.print(out);
        let real = view.ok && view.finished && view.rehearsal == Some(false);
        if real && args.transcript.is_none() && args.founding.is_none() {
            out.line("Compare this hash with a committee's founding file before you rely on the committee: --founding FILE. A coordinator can show you one end of a ceremony, and a committee another.");
        }
    });
    match (problems.is_empty(), unfinished) {
        (false, _) if cx.out.is_json() => Err(Failure::already_told()),
        (false, _) => Err(Failure::check("lie", problems.join("; "), TELL)),
        (true, Some(_)) if cx.out.is_json() => Err(Failure::not_yet_told()),
        (true, Some(problem)) => Err(Failure::not_yet(
            "unfinished",
            problem,
            "Run it again when the ceremony is finished.",
        )),
        (true, None) => Ok(()),
    }
}

impl View {
    fn print(&self, out: &Output) {
        for check in &self.checks {
            let mark = match (check.ok, check.to_compare) {
                (false, _) => "WRONG",
                (true, true) => "look ",
                (true, false) => "ok   ",
            };
            out.line(format!("{mark}  {:<16}  {}", check.name, check.detail));
        }
        if !self.contributors.is_empty() {
            out.line("");
            let row = |c: &ContributorView| {
                vec![
                    c.phase.to_string(),
                    c.number.to_string(),
                    c.label.clone().unwrap_or_default(),
                    short(&c.key),
                    local_short(c.at.saturating_mul(1000)),
                    c.hashes
                        .iter()
                        .map(|h| short(h))
                        .collect::<Vec<_>>()
                        .join(" "),
                    short(&c.after),
                ]
            };
            let rows: Vec<_> = self.contributors.iter().map(row).collect();
            let heads = [
                "phase",
                "number",
                "label",
                "key",
                "when",
                "contribution",
                "after",
            ];
            out.table(&heads, &rows);
        }
        if !self.ok {
            return;
        }
        out.line("");
        let Some(hash) = self.transcript.as_ref().filter(|_| self.finished) else {
            out.line("Everything holds so far. The ceremony is not finished.");
            return;
        };
        out.line(match self.rehearsal {
            Some(true) => "Everything holds, as far as a rehearsal goes: its keys count as development keys.",
            _ if self.checks.iter().any(|c| c.to_compare) => "Everything that a program can check holds. What \"look\" stands before, compare yourself: until then the keys are the coordinator's word.",
            _ => "Everything holds: if in each phase one contributor forgot their secret, nobody can forge with these keys.",
        });
        out.line(format!("transcript {hash}"));
    }
}
