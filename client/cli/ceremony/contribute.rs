//! One command for a contributor: fetch, check, add randomness, upload, and keep the attestation.
//!
//! The secrets live in this process and nowhere else. What is kept on the disk between two runs is the
//! finished contribution alone, which is public: after a broken connection it is uploaded again. Nothing that
//! can pass by itself ends a run, nor leaves the queue: that costs a turn, and is told to everybody.

mod attestation;
mod by_hand;
mod interrupt;
mod turn;
mod upload;
mod work;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use tacit_ceremony::contributor::Entropy;
use tacit_ceremony::transcript::{Attestation, CeremonyId, Stage, Transcript, valid_label};
use tacit_protocol::keys::SigningKey;
use zeroize::Zeroizing;

use super::fetch::patience::Trouble;
use super::fetch::{CONTRIBUTED, FAILED, LOST_PLACE, LimitArgs, NO_TICKET, Remote};
use super::offline;
use super::verify::ceremony_id;
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input;
use crate::output::printable_line;

use attestation::own;
use turn::Places;
use work::Work;

/// Bytes of typed or read randomness at most.
const MAX_ENTROPY: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct ContributeArgs {
    /// The coordinator's address
    #[arg(value_name = "URL", required_unless_present = "from")]
    url: Option<String>,
    /// How you want to be called in the transcript, for ever [default: by your key alone]
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Mix this file into the randomness, beside the system's ("-": stdin)
    #[arg(long, value_name = "FILE")]
    entropy_file: Option<PathBuf>,
    /// The ceremony's id, as it was published before it began
    #[arg(long, value_name = "HEX", value_parser = ceremony_id)]
    ceremony: Option<CeremonyId>,
    /// The attestation goes here; no other file is written over [default: a new file in this folder]
    #[arg(long, value_name = "FILE")]
    attestation: Option<PathBuf>,
    /// Make the contribution elsewhere: what it starts from is put into this folder, and what you put
    /// beside it is uploaded. For an offline machine, or another program
    #[arg(long, value_name = "DIR", conflicts_with = "entropy_file")]
    by_hand: Option<PathBuf>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    offline: offline::OfflineArgs,
}

pub fn run(args: &ContributeArgs, cx: &Context) -> Result<(), Failure> {
    if let Some(label) = args.label.as_ref().filter(|label| !valid_label(label)) {
        return Err(Failure::usage(
            "label",
            format!("{label:?} can't be a label"),
            "Give 1 to 64 bytes without control characters or spaces at the ends.",
        ));
    }
    let added = || Added::gather(args.entropy_file.as_deref(), cx);
    let Some(url) = &args.url else {
        let entropy = || added()?.with_the_systems();
        return offline::run(&args.offline, args.label.as_deref(), entropy, cx);
    };
    let remote = Remote::new(cx, url, args.limit)?;
    let key = cx.ceremony_key()?;
    let (work, transcript) = Work::start(&remote, cx, &key, args.ceremony)?;
    if let Some(attestation) = already(&work, &transcript, &key)? {
        let path = attestation::save(&attestation, args)?;
        attestation::tell(&attestation, path, args, cx);
        return Ok(());
    }
    attestation::check_free(args.attestation.as_deref())?;
    // Before the turn begins: what takes long, and what a person types.
    work.prepare(&transcript)?;
    let added = match &args.by_hand {
        Some(_) => Added::nothing(),
        None => added()?,
    };
    interrupt::leave_at_signals(remote.leaver(), cx)?;
    let result = turns(&work, &transcript, args, &added);
    if result.as_ref().is_err_and(refuses) {
        // Others needn't wait for somebody who has gone.
        remote.leaver().leave();
    }
    remote.hold(None);
    let (attestation, with) = result?;
    let path = attestation::save(&attestation, args)?;
    work.remember(&attestation, &with)?;
    attestation::tell(&attestation, path, args, cx);
    Ok(())
}

/// Whether a run ends for a reason that another minute wouldn't change. Else the place is kept: it is lost by
/// the clock, if at all.
fn refuses(e: &Failure) -> bool {
    let passing = matches!(e.code, "busy" | LOST_PLACE | NO_TICKET | FAILED);
    e.exit != Exit::Unreachable && !passing
}

/// Joins and takes the turn, and again if the place gets lost on the way, as when the coordinator is started
/// again or has trouble of its own. What was made meanwhile is used again.
fn turns(
    work: &Work<'_>,
    first: &Transcript,
    args: &ContributeArgs,
    added: &Added,
) -> Result<(Attestation, Transcript), Failure> {
    let (mut places, mut trouble) = (Places::new(), Trouble::default());
    loop {
        let turn = work
            .join(first)
            .and_then(|ticket| work.take_turn(&ticket, args, added));
        let lost = match turn {
            Err(e) if matches!(e.code, NO_TICKET | FAILED | CONTRIBUTED) => e,
            done => return done,
        };
        // A coordinator in trouble is no rival with the same key.
        if lost.code != FAILED && !places.again() {
            return Err(lost);
        }
        work.remote.hold(None);
        // It may have been accepted, and only the word of that got lost.
        let now = work.follow()?;
        let since = |stage: &Stage| own(first, *stage, work.key).is_none();
        let mut stages = [Stage::Powers, Stage::Keys].into_iter().filter(since);
        if let Some(attestation) = stages.find_map(|stage| own(&now, stage, work.key)) {
            // If that fails, it is saved elsewhere all the same.
            let _ = attestation::keep(&attestation, work.layout());
            return Ok((attestation, now));
        }
        let out = &work.cx.out;
        if lost.code != FAILED {
            out.note("Your place in the queue got lost, as when a coordinator is started again. Joining again.");
            std::thread::sleep(turn::ASK);
        } else {
            let why = printable_line(&lost.problem);
            let note = || format!("Joining again, as long as the phase is open: {why}.");
            trouble.wait_saying(out, note);
        }
    }
}

/// The attestation of what was contributed already, if there is nothing to contribute to. Those of other
/// phases are kept too: when their coordinator has gone, nobody else has them.
fn already(
    work: &Work<'_>,
    transcript: &Transcript,
    key: &SigningKey,
) -> Result<Option<Attestation>, Failure> {
    let out = &work.cx.out;
    let open = transcript.stage();
    let mut theirs = None;
    for stage in [Stage::Powers, Stage::Keys] {
        let Some(attestation) = own(transcript, stage, key) else {
            continue;
        };
        if let Some(path) = attestation::keep(&attestation, work.layout())? {
            out.note(format!(
                "You contributed to {stage}. The attestation is kept in {}.",
                path.display()
            ));
        }
        theirs = Some((stage, attestation));
    }
    let closing = open.and_then(|stage| transcript.descriptor().closing_of(stage));
    let closed = closing.is_none_or(|closing| now_ms() / 1000 >= closing.closes);
    Ok(match theirs {
        // As after a connection that broke while the coordinator checked it.
        Some((stage, attestation)) if open == Some(stage) => {
            out.note("You have contributed to this phase already.");
            Some(attestation)
        }
        Some((_, attestation)) if closed => {
            out.note("No contributions are taken now. This is your last one.");
            Some(attestation)
        }
        _ => None,
    })
}

/// What a person adds to the system's randomness.
struct Added(Zeroizing<Vec<u8>>);

impl Added {
    fn nothing() -> Self {
        Self(Zeroizing::default())
    }

    fn gather(file: Option<&Path>, cx: &Context) -> Result<Self, Failure> {
        if let Some(path) = file {
            return input::file_or_stdin(path, MAX_ENTROPY).map(Self);
        }
        if !io::stdin().is_terminal() || cx.globals.yes {
            return Ok(Self::nothing());
        }
        let _ = write!(
            io::stderr().lock(),
            "Type some random text and press Enter. It is mixed with the system's randomness: "
        );
        // As long as it can get: a buffer that grew would leave copies behind.
        let mut line = Zeroizing::new(String::with_capacity(MAX_ENTROPY as usize));
        let read = io::stdin().lock().take(MAX_ENTROPY).read_line(&mut line);
        read.map_err(|e| Failure::usage("input", format!("can't read: {e}"), "Try again."))?;
        Ok(Self(Zeroizing::new(
            std::mem::take(&mut *line).into_bytes(),
        )))
    }

    /// Both, mixed; other randomness each time.
    fn with_the_systems(&self) -> Result<Entropy, Failure> {
        Entropy::gather(&self.0).map_err(|e| {
            Failure::usage(
                "randomness",
                format!("the operating system gives no randomness: {e}"),
                "Try again.",
            )
        })
    }
}
