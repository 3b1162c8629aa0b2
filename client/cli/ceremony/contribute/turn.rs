//! The queue and the turn: joining, waiting, signs of life, and what becomes of what was handed in.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tacit_ceremony::coordinator::turn_message;
use tacit_ceremony::coordinator::wire::{StandingView, TicketView, TurnRequest};
use tacit_ceremony::folder::FolderError;
use tacit_ceremony::folder::layout;
use tacit_ceremony::parts::file_hash;
use tacit_ceremony::transcript::{Attestation, Entry, Signed, Transcript};
use tacit_files as files;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::hash::domain;

use super::work::{Work, open_stage};
use super::{Added, ContributeArgs, attestation};
use crate::ceremony::fetch::{FAILED, LOST_PLACE, NO_TICKET};
use crate::clock::now_ms;
use crate::failure::Failure;

/// How often a contributor asks whether it's their turn.
pub(super) const ASK: Duration = Duration::from_secs(1);
/// How often they ask what became of what they handed in.
const OUTCOME: Duration = Duration::from_millis(200);
/// How often they give a sign of life in their turn.
const SIGN: Duration = Duration::from_secs(20);
/// How soon a sign that came to nothing is given again.
const SIGN_AGAIN: Duration = Duration::from_secs(5);
/// Longest signed entry, in bytes.
const MAX_ENTRY: u64 = 1 << 20;
/// Places that get lost one soon after the other, before a run gives up, and how soon that is.
const LOST: u32 = 4;
const SOON: Duration = Duration::from_secs(120);

/// How often a place was lost, by nobody's fault here.
#[derive(Debug)]
pub(super) struct Places {
    joined: Instant,
    soon: u32,
}

impl Places {
    pub(super) fn new() -> Self {
        let joined = Instant::now();
        Self { joined, soon: 0 }
    }

    /// Whether to join again. Who loses each place at once has a rival with the same key.
    pub(super) fn again(&mut self) -> bool {
        let soon = self.joined.elapsed() < SOON;
        self.soon = if soon { self.soon + 1 } else { 0 };
        self.joined = Instant::now();
        self.soon <= LOST
    }
}

/// The turn's end, however it comes.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Work<'_> {
    /// Asks for a turn.
    pub(super) fn join(&self, transcript: &Transcript) -> Result<String, Failure> {
        let request = || {
            let at = now_ms() / 1000;
            let message = turn_message(transcript.id(), at);
            let signature = self.key.sign(domain::SIGN_CEREMONY_TURN, &message);
            TurnRequest {
                key: self.key.public().to_string(),
                at,
                signature: hex::encode(signature.0),
            }
        };
        let view: TicketView = self.remote.post("/v1/turns", request)?;
        self.remote.hold(Some(view.ticket.clone()));
        Ok(view.ticket)
    }

    /// How things stand, for the holder of a ticket.
    pub(super) fn standing(&self, ticket: &str) -> Result<StandingView, Failure> {
        self.remote.ask(&format!("/v1/turns/{ticket}"))
    }

    /// Waits for the turn.
    fn wait(&self, ticket: &str) -> Result<StandingView, Failure> {
        let spinner = self.cx.out.spinner("waiting for your turn");
        let mut warned = false;
        loop {
            let standing = self.standing(ticket)?;
            match standing.state.as_str() {
                "turn" => {
                    spinner.finish_and_clear();
                    return Ok(standing);
                }
                "waiting" => {
                    let then = (now_ms() / 1000).saturating_add(standing.estimate);
                    if !warned && standing.closes.is_some_and(|closes| then >= closes) {
                        self.cx.out.note(
                            "Your turn may not come before the phase closes: so many are before you.",
                        );
                        warned = true;
                    }
                    spinner.set_message(format!(
                        "waiting for your turn: {} before you, about {} s",
                        standing.before, standing.estimate
                    ));
                }
                // What an earlier run handed in.
                "checking" => spinner.set_message("the coordinator checks it"),
                "refused" | "failed" => return Err(over(standing)),
                // As after a silence that was the network's, or in an earlier run that ended well.
                _ => {
                    return Err(Failure::not_yet(
                        NO_TICKET,
                        "you are no longer in the queue",
                        "Run the same command again.",
                    ));
                }
            }
            std::thread::sleep(ASK);
        }
    }

    /// Waits for the turn and uses it. What comes back is the transcript as it is with the contribution.
    pub(super) fn take_turn(
        &self,
        ticket: &str,
        args: &ContributeArgs,
        added: &Added,
    ) -> Result<(Attestation, Transcript), Failure> {
        let standing = self.wait(ticket)?;
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.stay(ticket, &over));
            let _over = Over(&over);
            self.contribute(ticket, &standing, args, added)
        })
    }

    fn contribute(
        &self,
        ticket: &str,
        standing: &StandingView,
        args: &ContributeArgs,
        added: &Added,
    ) -> Result<(Attestation, Transcript), Failure> {
        let transcript = self.follow()?;
        let head = transcript.head().to_string();
        // If that took long, the turn may be another's by now.
        if head != standing.head && head != self.in_turn(ticket)?.head {
            return Err(Failure::check(
                "bad-answer",
                "the coordinator's transcript is not the one that it says",
                "Tell the other contributors, and keep the transcript in --home.",
            ));
        }
        let d = transcript.descriptor();
        let left = standing.until.unwrap_or(0).saturating_sub(now_ms() / 1000);
        if standing.short && left.saturating_mul(10) < u64::from(d.turn).saturating_mul(9) {
            self.cx.out.note(format!(
                "The phase closes soon: this turn is shorter than others, and ends in {left} s."
            ));
        }
        let stage = open_stage(&transcript)?;
        let own = self.layout().root().join("own").join(head);
        fs::create_dir_all(&own).map_err(|e| Failure::folder(&own, &e))?;
        let made: Vec<PathBuf> = (0..d.files_of(stage))
            .map(|i| {
                let name = layout::step(d, stage, transcript.count() + 1, i);
                own.join(name.rsplit('/').next().unwrap_or_default())
            })
            .collect();
        let entry = own.join("entry.bin");
        let (signed, attestation) = match self.earlier(&transcript, &entry, &made, args)? {
            Some(again) => again,
            None => {
                let (signed, attestation) = self.make(ticket, &transcript, &made, args, added)?;
                files::replace(&entry, &signed.to_bytes())
                    .map_err(|e| Failure::file("write", &entry, &e))?;
                (signed, attestation)
            }
        };
        self.deliver(ticket, &made, &signed)?;
        self.outcome(ticket)?;
        let mut with = transcript;
        with.push(signed).map_err(FolderError::from)?;
        // What is in the transcript nobody uploads again; what it attests is kept first.
        if attestation::keep(&attestation, self.layout()).is_ok() {
            let _ = fs::remove_dir_all(&own);
        }
        Ok((attestation, with))
    }

    /// A contribution from an interrupted run, if it still goes on from the transcript's end, and is this
    /// key's, under the label that it is to have now.
    fn earlier(
        &self,
        transcript: &Transcript,
        entry: &Path,
        made: &[PathBuf],
        args: &ContributeArgs,
    ) -> Result<Option<(Signed, Attestation)>, Failure> {
        let bytes = files::read(entry, MAX_ENTRY).map_err(|e| Failure::file("read", entry, &e))?;
        let Some(signed) = bytes.and_then(|b| Signed::from_bytes(&b).ok()) else {
            return Ok(None);
        };
        let Entry::Contribution(c) = &signed.entry else {
            return Ok(None);
        };
        let same = |(path, part): (&PathBuf, &tacit_ceremony::transcript::Part)| {
            file_hash(path).is_ok_and(|found| found == (part.file, part.bytes))
        };
        let fits = c.contributor == self.key.public()
            && c.label == args.label
            && c.parts.len() == made.len()
            && transcript.clone().push(signed.clone()).is_ok()
            && made.iter().zip(&c.parts).all(same);
        if !fits {
            return Ok(None);
        }
        let attestation = Attestation::new(transcript, transcript.head(), signed.clone());
        Ok(Some((signed, attestation)))
    }

    /// Signs of life, whatever else is done in the turn.
    fn stay(&self, ticket: &str, over: &AtomicBool) {
        let mut next = Instant::now() + SIGN;
        while !over.load(Ordering::SeqCst) {
            if Instant::now() >= next {
                let heard = self.remote.ask_once(&format!("/v1/turns/{ticket}")).is_ok();
                next = Instant::now() + if heard { SIGN } else { SIGN_AGAIN };
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the coordinator has checked it.
    fn outcome(&self, ticket: &str) -> Result<(), Failure> {
        let spinner = self.cx.out.spinner("the coordinator checks it");
        loop {
            let standing = self.standing(ticket)?;
            match standing.state.as_str() {
                "accepted" => {
                    spinner.finish_and_clear();
                    return Ok(());
                }
                "checking" => std::thread::sleep(OUTCOME),
                _ => return Err(over(standing)),
            }
        }
    }
}

/// Why a turn goes on no more in which nothing was accepted.
pub(super) fn over(standing: StandingView) -> Failure {
    const AGAIN: &str = "Run the same command again.";
    let why = standing.reason.unwrap_or_default();
    match standing.state.as_str() {
        "refused" => Failure::check(
            "refused",
            format!("the coordinator refused it: {why}"),
            "Run the same command again. If it is refused again, tell the coordinator.",
        ),
        "failed" => Failure::not_yet(
            FAILED,
            format!("the turn ended by the coordinator's own trouble: {why}"),
            AGAIN,
        ),
        _ => Failure::not_yet(
            LOST_PLACE,
            "the turn ended before the contribution was accepted",
            AGAIN,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_loses_one_place_after_the_other_gives_up_and_who_loses_one_now_and_then_does_not() {
        let mut places = Places::new();
        assert!((0..LOST).all(|_| places.again()));
        assert!(!places.again());
        let Some(before) = Instant::now().checked_sub(SOON) else {
            return;
        };
        for _ in 0..10 {
            places.joined = before;
            assert!(places.again());
        }
    }
}
