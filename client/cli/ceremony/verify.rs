//! Checking a whole ceremony on one's own machine.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_ceremony::folder::layout::Layout;
use tacit_ceremony::transcript::{Attestation, CeremonyId, Entry, Mismatch, Stage, Transcript};
use tacit_ceremony::verify::{Check, Verified, VerifyError, verify};

use super::Bar;
use super::fetch::{LimitArgs, Remote};
use crate::clock::local_short;
use crate::context::Context;
use crate::failure::Failure;
use crate::input;

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
    /// The ceremony's id, as it was published before it began
    #[arg(long, value_name = "HEX", value_parser = ceremony_id)]
    ceremony: Option<CeremonyId>,
    #[command(flatten)]
    limit: LimitArgs,
}

/// Reads a ceremony's id.
pub fn ceremony_id(text: &str) -> Result<CeremonyId, String> {
    CeremonyId::from_hex(text).ok_or_else(|| "a ceremony's id has 64 digits 0-9 and a-f".into())
}

/// A folder that is removed when it isn't needed any more.
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one in the home.
    pub fn new(cx: &Context) -> Result<Self, Failure> {
        let name = hex::encode(*input::randomness::<8>()?);
        let path = cx.in_home(&format!("ceremony-{name}"))?;
        fs::create_dir(&path).map_err(|e| Failure::folder(&path, &e))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is public, and in the way of nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Serialize)]
struct CheckView {
    name: String,
    ok: bool,
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
}

fn contributors(transcript: &Transcript) -> Vec<ContributorView> {
    let view = |entry: &Entry| match entry {
        Entry::Contribution(c) => Some(ContributorView {
            phase: match c.stage {
                Stage::Powers => 1,
                Stage::Keys => 2,
            },
            number: c.number,
            label: c.label.clone(),
            key: c.contributor.to_string(),
            at: c.at,
            hashes: c
                .parts
                .iter()
                .map(|p| hex::encode(p.contribution))
                .collect(),
        }),
        _ => None,
    };
    let entries = transcript.links().iter().map(|link| &link.signed.entry);
    entries.filter_map(view).collect()
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
        detail: c.detail.clone(),
    };
    checks.iter().map(view).collect()
}

/// Verifies a folder, with a bar.
pub fn verify_folder(folder: &Path, cx: &Context) -> Result<Verified, VerifyError> {
    let scratch = Scratch::new(cx);
    let path = scratch.as_ref().map(Scratch::path);
    // Without a folder of its own, the first write fails and says why.
    let path = path.unwrap_or_else(|_| cx.home());
    verify(folder, path, &mut Bar::new(cx.out))
}

/// The folder of a ceremony: a coordinator's files are fetched into one that goes with the first.
pub fn gather(
    from: &str,
    limit: LimitArgs,
    cx: &Context,
) -> Result<(Option<Scratch>, PathBuf), Failure> {
    if !Remote::is_url(from) {
        return Ok((None, PathBuf::from(from)));
    }
    let fetched = Scratch::new(cx)?;
    let remote = Remote::new(cx, from, limit)?;
    let layout = Layout::new(fetched.path());
    let transcript = remote.transcript(&layout)?;
    remote.everything(&layout, &transcript)?;
    let path = fetched.path().to_path_buf();
    Ok((Some(fetched), path))
}

pub fn run(args: &VerifyArgs, cx: &Context) -> Result<(), Failure> {
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
        attestations.push((path, attestation));
    }
    let (_fetched, folder) = gather(&args.from, args.limit, cx)?;
    let (mut checks, problem, verified) = match verify_folder(&folder, cx) {
        Ok(verified) => (held(&verified.checks), None, Some(verified)),
        Err(e) => {
            let mut checks = held(&e.held);
            let detail = e.error.to_string();
            checks.push(CheckView {
                name: e.name.into(),
                ok: false,
                detail: detail.clone(),
            });
            if e.held.is_empty() {
                // No ceremony at all, mostly.
                return Err(e.error.into());
            }
            let problem = format!("the ceremony does not hold at \"{}\": {detail}", e.name);
            (checks, Some(problem), None)
        }
    };
    let (mut problem, mut unfinished) = (problem, None);
    if let Some(verified) = &verified {
        let id = verified.transcript.id();
        if args.ceremony.is_some_and(|wanted| wanted != *id) {
            problem = Some(format!(
                "this is the ceremony {id}, not the one that was named"
            ));
        }
        for (path, attestation) in &attestations {
            let found = attestation.check(&verified.transcript);
            let detail = match &found {
                Ok(place) => format!("{}: it is entry {place}", path.display()),
                Err(e) => format!("{}: {e}", path.display()),
            };
            match found {
                Ok(_) => {}
                Err(Mismatch::Unfinished) => unfinished = Some(detail.clone()),
                Err(_) => problem = Some(detail.clone()),
            }
            let ok = matches!(found, Ok(_) | Err(Mismatch::Unfinished));
            let name = "attestation".into();
            checks.push(CheckView { name, ok, detail });
        }
    }
    let view = View {
        ok: problem.is_none(),
        ceremony: verified.as_ref().map(|v| v.transcript.id().to_string()),
        rehearsal: (verified.as_ref()).map(|v| v.transcript.descriptor().rehearsal),
        finished: verified.as_ref().is_some_and(|v| v.keys.is_some()),
        transcript: verified.as_ref().map(|v| v.transcript.head().to_string()),
        checks,
        contributors: (verified.as_ref()).map_or(Vec::new(), |v| contributors(&v.transcript)),
    };
    cx.out.result(&view, |out| {
        for check in &view.checks {
            let mark = if check.ok { "ok   " } else { "WRONG" };
            out.line(format!("{mark}  {:<16}  {}", check.name, check.detail));
        }
        if !view.contributors.is_empty() {
            out.line("");
            let row = |c: &ContributorView| {
                vec![
                    c.phase.to_string(),
                    c.number.to_string(),
                    c.label.clone().unwrap_or_default(),
                    short(&c.key),
                    local_short(c.at.saturating_mul(1000)),
                    c.hashes.iter().map(|h| short(h)).collect::<Vec<_>>().join(" "),
                ]
            };
            let rows: Vec<_> = view.contributors.iter().map(row).collect();
            out.table(&["phase", "number", "label", "key", "when", "contribution"], &rows);
        }
        if !view.ok {
            return;
        }
        out.line("");
        match (&view.transcript, view.finished) {
            (Some(hash), true) => {
                match view.rehearsal {
                    Some(true) => out.line("Everything holds, as far as a rehearsal goes: its keys count as development keys."),
                    _ => out.line("Everything holds: if in each phase one contributor forgot their secret, nobody can forge with these keys. Powers that another ceremony made count as that ceremony's word."),
                }
                out.line(format!("transcript {hash}"));
            }
            _ => out.line("Everything holds so far. The ceremony is not finished."),
        }
    });
    match (problem, unfinished) {
        (Some(_), _) if cx.out.is_json() => Err(Failure::already_told()),
        (Some(problem), _) => Err(Failure::check(
            "lie",
            problem,
            "Don't rely on its keys. Tell the coordinator and the other contributors, and show your attestation.",
        )),
        (None, Some(_)) if cx.out.is_json() => Err(Failure::not_yet_told()),
        (None, Some(problem)) => Err(Failure::not_yet(
            "unfinished",
            problem,
            "Run it again when the ceremony is finished.",
        )),
        (None, None) => Ok(()),
    }
}
