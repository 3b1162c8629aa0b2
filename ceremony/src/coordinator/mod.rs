//! The coordinator: who may contribute when, and what becomes of what they hand in.
//!
//! It can refuse and delay, and nothing more: what it accepts it publishes, and everybody checks it.
//! A hostile contributor costs it at most the turn, and is named in the transcript. What somebody didn't
//! sign never costs them their turn.

mod call;
mod checking;
mod clock;
mod desk;
pub mod errand;
mod http;
mod incoming;
mod page;
mod queue;
mod shown;
mod state;
mod steps;
pub mod wire;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tacit_protocol::codec::Decode as _;
use tacit_protocol::hash::domain;
use tacit_protocol::keys::{PublicKey, Signature};
use tacit_serve::Pressure;

use crate::folder::Folder;
use crate::folder::layout;
use crate::parts::PartError;
use crate::transcript::{Reason, Signed};

pub use call::{CallError, Outcome, Standing, turn_message};
pub use checking::Checking;
use checking::Wrong;
use clock::Clock;
use desk::Desk;
pub use http::{limits, router};
use incoming::Incoming;
pub use queue::{Over, Place, Queue, Refused, Rules};
use shown::{Answers, Shown};
pub use state::Book;
use state::{State, open_queue};
pub use steps::StepError;

/// Bytes that a file may grow by in one contribution: a record with the longest name.
const MAX_GROWTH: u64 = 4096;
/// What is told of a check that came to no verdict.
const CANT_CHECK: &str = "the coordinator can't check it now";
/// Bytes of one piece of an upload at most.
pub const MAX_PIECE: u64 = 4 << 20;

/// A running coordinator. Locks are taken in the order of its fields, and never the other way.
pub struct Coordinator {
    /// Held while uploaded bytes are written, or taken for what is handed in.
    uploading: Mutex<()>,
    state: Mutex<State>,
    desk: Mutex<Desk>,
    shown: Shown,
    incoming: Incoming,
    pressure: Pressure,
    /// Whom the coordinator lets go before strangers.
    preferred: BTreeSet<PublicKey>,
}

impl Coordinator {
    /// Of a folder.
    pub fn new(folder: Folder) -> Self {
        Self::preferring(folder, BTreeSet::new())
    }

    /// Of a folder, with people who go before strangers.
    pub fn preferring(folder: Folder, preferred: BTreeSet<PublicKey>) -> Self {
        let book = Book {
            layout: folder.layout().clone(),
            transcript: folder.transcript().clone(),
        };
        let incoming = Incoming::new(book.layout.incoming());
        errand::tidy(&book.layout);
        Self {
            uploading: Mutex::new(()),
            state: Mutex::new(State {
                queue: open_queue(&book.transcript, &preferred),
                book,
                folder: Some(folder),
                clock: Clock::default(),
            }),
            desk: Mutex::new(Desk::default()),
            shown: Shown::default(),
            incoming,
            pressure: Pressure::default(),
            preferred,
        }
    }

    /// Notes when somebody was turned away because too many came.
    pub fn pressure(&self) -> Pressure {
        self.pressure.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the folder is one assignment, after the disk's: a panic leaves no half one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as it is now. After a sleep nobody's time has gone by, whoever calls first.
    fn lock_at(&self, now: u64) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        let gap = state.clock.read(now);
        state.slept(gap, now);
        state
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue may have moved: from now on requests are admitted by whose turn it is.
    fn moved(&self, state: &State) {
        let now = state.queue.current().copied();
        self.desk().turn(now);
    }

    /// The number of the turn, if a ticket is that of whose turn it is. This waits for nothing.
    fn is_turn(&self, ticket: &str) -> Option<u64> {
        self.desk().has_turn(ticket)
    }

    /// Somebody asks for a turn; the answer is their ticket.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn join(
        &self,
        key: PublicKey,
        at: u64,
        signature: &Signature,
        now: u64,
    ) -> Result<String, CallError> {
        let message = {
            let state = self.lock();
            state.open_stage(now)?;
            turn_message(state.book.transcript.id(), at)
        };
        let signed = key.verify(domain::SIGN_CEREMONY_TURN, &message, signature);
        if now.abs_diff(at) > desk::CLOCKS || signed.is_err() {
            return Err(CallError::Request);
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random)
            .map_err(|e| CallError::Internal(PartError::Randomness(e).into()))?;
        let mut state = self.lock_at(now);
        state.open_stage(now)?;
        self.desk().ask(key, at, state.queue.knows(&key), now)?;
        if state.book.transcript.has_contributed(&key) {
            return Err(CallError::Again);
        }
        state.queue.join(key, now)?;
        let ticket = hex::encode(random);
        self.desk().give(ticket.clone(), key, || state.queue.all());
        self.moved(&state);
        Ok(ticket)
    }

    /// Where the holder of a ticket stands; also their sign of life.
    ///
    /// # Errors
    /// [`CallError::Ticket`]
    pub fn standing(&self, ticket: &str, now: u64) -> Result<Standing, CallError> {
        // In this order: else a verdict could fall between the two.
        let mut state = self.lock_at(now);
        let (key, outcome) = self.desk().find(ticket)?;
        let place = state.queue.seen(&key, now);
        let estimate = match place {
            Place::Waiting(before) => state.queue.estimate(before),
            _ => 0,
        };
        let transcript = &state.book.transcript;
        let stage = transcript.stage();
        let files = match place {
            Place::Turn { .. } => stage.map_or(0, |s| transcript.descriptor().files_of(s)),
            _ => 0,
        };
        let head = transcript.head();
        let received = |i| Incoming::received(&self.incoming.path(&head, &key, i)).unwrap_or(0);
        Ok(Standing {
            place,
            estimate,
            closes: stage
                .and_then(|s| transcript.descriptor().closing_of(s))
                .map(|c| c.closes),
            short: files > 0 && state.queue.is_short(),
            received: (0..files).map(received).collect(),
            outcome,
            head,
        })
    }

    /// Somebody leaves.
    ///
    /// # Errors
    /// [`CallError::Ticket`]
    pub fn leave(&self, ticket: &str, now: u64) -> Result<(), CallError> {
        let (key, _) = self.desk().find(ticket)?;
        let mut state = self.lock_at(now);
        if state.queue.has_turn(&key, now) {
            self.incoming.clear();
        }
        state.queue.leave(&key, now);
        self.moved(&state);
        Ok(())
    }

    /// Where a piece of a file from whose turn it is goes, if one of this length may come now.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn expects(
        &self,
        ticket: &str,
        index: usize,
        offset: u64,
        length: u64,
        now: u64,
    ) -> Result<PathBuf, CallError> {
        let (key, _) = self.desk().find(ticket)?;
        let mut state = self.lock_at(now);
        let stage = state.open_stage(now)?;
        if !state.queue.has_turn(&key, now) {
            return Err(CallError::NotYourTurn);
        }
        let transcript = &state.book.transcript;
        let (d, number) = (transcript.descriptor(), transcript.count());
        if index >= d.files_of(stage) {
            return Err(CallError::NoFile(index));
        }
        let before = layout::step(d, stage, number, index);
        let before = state.book.layout.path(&before);
        let path = self.incoming.path(&transcript.head(), &key, index);
        let most = match fs::metadata(&before) {
            Ok(found) => found.len() + MAX_GROWTH,
            Err(e) => return Err(state.trouble(&key, now, &before, e)),
        };
        let expected = match Incoming::received(&path) {
            Ok(received) => received,
            Err(e) => return Err(state.trouble(&key, now, &path, e)),
        };
        if offset != expected {
            let found = offset;
            return Err(CallError::Offset { expected, found });
        }
        if expected.saturating_add(length) > most {
            return Err(CallError::TooLong(most));
        }
        state.queue.seen(&key, now);
        Ok(path)
    }

    /// Takes a piece of a file from whose turn it is. The answer is the file's length, and so much of it
    /// is there from now on, whatever happens to the machine.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn receive(
        &self,
        ticket: &str,
        index: usize,
        offset: u64,
        piece: &[u8],
        now: u64,
    ) -> Result<u64, CallError> {
        let _uploading = self
            .uploading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let path = self.expects(ticket, index, offset, piece.len() as u64, now)?;
        if piece.is_empty() {
            return Ok(offset);
        }
        let (key, _) = self.desk().find(ticket)?;
        // Nobody else waits while the disk works.
        let after = Incoming::append(&path, offset, piece);
        let mut state = self.lock_at(now);
        let after = after.map_err(|e| state.trouble(&key, now, &path, e))?;
        state.queue.received(&key, now);
        Ok(after)
    }

    /// Takes the signed entry, when all files are there. Checking follows with [`Coordinator::check`],
    /// which takes long: until then nothing else can be handed in. An entry that isn't its contributor's
    /// over the transcript as it stands, or that names other files, is refused and costs nobody anything.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn hand_in(&self, ticket: &str, entry: &[u8], now: u64) -> Result<Checking, CallError> {
        let _uploading = self
            .uploading
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (key, _) = self.desk().find(ticket)?;
        let signed = Signed::from_bytes(entry)
            .map_err(|e| CallError::Invalid(format!("the entry can't be read: {e}")))?;
        let mut state = self.lock_at(now);
        let stage = state.open_stage(now)?;
        if !state.queue.has_turn(&key, now) {
            return Err(CallError::NotYourTurn);
        }
        let transcript = state.book.transcript.clone();
        let own = checking::own_entry(&signed, &key, &transcript).map_err(CallError::Invalid)?;
        if !state.queue.check(&key, now) {
            return Err(CallError::NotYourTurn);
        }
        let checking = Halted {
            coordinator: self,
            goes_on: true,
        };
        let head = transcript.head();
        let count = transcript.descriptor().files_of(stage);
        let files: Vec<_> = (0..count)
            .map(|i| self.incoming.path(&head, &key, i))
            .collect();
        let layout = state.book.layout.clone();
        drop(state);
        for path in &files {
            Incoming::complete(path).map_err(|e| self.lock_at(now).trouble(&key, now, path, e))?;
        }
        let same = checking::same_files(own, &files).map_err(|e| {
            self.lock_at(now).queue.troubled(&key, now);
            CallError::Internal(e)
        })?;
        if !same {
            self.incoming.clear();
            return Err(CallError::Invalid(
                "what was uploaded is not what the entry says: upload it again".into(),
            ));
        }
        checking.stays();
        Ok(Checking {
            key,
            signed,
            files,
            layout,
            transcript,
        })
    }

    /// Checks what was handed in, accepts or refuses it, and writes down which.
    pub fn check(&self, checking: Checking, now: impl Fn() -> u64) -> Outcome {
        let verdict = checking.verdict();
        let mut state = self.lock_at(now());
        let outcome = match verdict {
            Ok(()) => match state.accept(&checking) {
                Ok(number) => {
                    state.queue.accepted(now());
                    Outcome::Accepted(number)
                }
                // The disk's trouble, and nobody's strike.
                Err(error) => {
                    tracing::error!(%error, "can't accept a contribution");
                    state.queue.abandoned(now());
                    Outcome::Failed("the coordinator can't write it down now")
                }
            },
            Err(Wrong::Own(error)) => {
                tracing::error!(%error, "can't check a contribution");
                state.queue.abandoned(now());
                Outcome::Failed(CANT_CHECK)
            }
            Err(Wrong::Rule(rule)) => {
                let reason = Reason::refused(&rule);
                state.miss(checking.key, reason, now());
                state.queue.refused(now());
                Outcome::Refused(rule)
            }
        };
        if state.open_stage(now()).is_err() {
            state.queue.close();
        }
        self.incoming.clear();
        self.desk().became(&checking.key, outcome.clone());
        self.moved(&state);
        outcome
    }

    /// A check that ended in the middle, by a fault of this program's: the turn ends, and is nobody's
    /// fault.
    fn abandon(&self, key: &PublicKey, now: u64) {
        let mut state = self.lock_at(now);
        if !state.queue.is_checking() || state.queue.current() != Some(key) {
            return;
        }
        state.queue.abandoned(now);
        self.incoming.clear();
        self.desk().became(key, Outcome::Failed(CANT_CHECK));
        self.moved(&state);
    }

    /// Whether something that was handed in is being checked.
    pub fn is_checking(&self) -> bool {
        self.lock().queue.is_checking()
    }

    /// To be called about once a second: turns end by it.
    pub fn every_second(&self, now: u64) {
        {
            let mut state = self.lock();
            let gap = state.clock.tick(now);
            state.slept(gap, now);
        }
        self.tick(now);
    }

    /// Time has passed: turns end, and are written down. When the phase closes, they just end.
    fn tick(&self, now: u64) {
        let mut state = self.lock();
        if state.open_stage(now).is_err() {
            if state.queue.current().is_some() && !state.queue.is_checking() {
                self.incoming.clear();
            }
            state.queue.close();
        } else {
            let pressed = self.pressure.within(now, queue::NO_SIGN);
            let before = state.queue.current().copied();
            match state.queue.tick(now, pressed) {
                Some(Over::Missed(key, reason)) => {
                    tracing::info!(contributor = %key, %reason, "a turn was missed");
                    state.miss(key, reason, now);
                }
                Some(Over::Failed(key)) => {
                    tracing::warn!(contributor = %key, "a turn ended: nothing could be taken");
                    let outcome = Outcome::Failed("the coordinator can't take it now");
                    self.desk().became(&key, outcome);
                }
                None => {}
            }
            if before.is_some() && before != state.queue.current().copied() {
                self.incoming.clear();
            }
        }
        self.moved(&state);
    }

    /// What anybody may see.
    pub fn look<T>(&self, see: impl FnOnce(&Book, &Queue) -> T) -> T {
        let state = self.lock();
        see(&state.book, &state.queue)
    }

    /// How the ceremony stands, for programs and for people.
    fn answers(&self, now: u64) -> Arc<Answers> {
        let state = self.lock();
        self.shown
            .answers(&state.book.transcript, &state.queue, now)
    }

    /// Where a published file is.
    fn published(&self, name: &str) -> Option<PathBuf> {
        let state = self.lock();
        let known = self.shown.is_published(&state.book.transcript, name);
        known.then(|| state.book.layout.path(name))
    }
}

/// A turn whose clock stands still. If nothing comes of that, it goes on.
struct Halted<'a> {
    coordinator: &'a Coordinator,
    goes_on: bool,
}

impl Halted<'_> {
    fn stays(mut self) {
        self.goes_on = false;
    }
}

impl Drop for Halted<'_> {
    fn drop(&mut self) {
        if self.goes_on {
            self.coordinator.lock().queue.resume();
        }
    }
}
