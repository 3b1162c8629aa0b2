//! The coordinator: who may contribute when, and what becomes of what they hand in.
//!
//! It can refuse and delay, and nothing more: what it accepts it publishes, and everybody checks it.
//! A hostile contributor costs it at most the turn, and is named in the transcript.

mod http;
mod page;
mod queue;
pub mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tacit_protocol::codec::{Decode as _, Encode as _, Writer};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::keys::{PublicKey, Signature};
use thiserror::Error;

use crate::beacon::Rule;
use crate::folder::layout;
use crate::folder::{self, Folder, FolderError};
use crate::parts::PartError;
use crate::progress::Silent;
use crate::transcript::{CeremonyId, Entry, Missed, Reason, Signed, Stage, Transcript};

pub use http::{limits, router};
pub use queue::{Place, Queue, Refused, Rules};

/// Bytes that a file may grow by in one contribution: a record with the longest name.
const MAX_GROWTH: u64 = 4096;
/// Bytes of one piece of an upload at most.
pub const MAX_PIECE: u64 = 4 << 20;
/// A request for a turn is signed at most so many seconds before or after the coordinator's time.
const CLOCKS: u64 = 600;
/// Tickets at most; the oldest go first.
const MAX_TICKETS: usize = 2_000;

/// Why a contributor's call is refused.
#[derive(Debug, Error)]
pub enum CallError {
    /// No contributions are taken now.
    #[error("{0}")]
    Closed(&'static str),
    /// Not let in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Contributed already.
    #[error("this key has contributed to this phase already")]
    Again,
    /// The request's signature or time doesn't hold.
    #[error("the request is not signed by its key, or at another time than now")]
    Request,
    /// An unknown ticket.
    #[error("there is no such ticket: it is too old, or the coordinator was started again")]
    Ticket,
    /// Not their turn.
    #[error("it is not this key's turn, or no longer")]
    NotYourTurn,
    /// A piece that doesn't go on where the file ends.
    #[error("the upload goes on at {expected}, not at {found}")]
    Offset {
        /// Where it goes on.
        expected: u64,
        /// Where the piece would go.
        found: u64,
    },
    /// A file that is longer than it can be.
    #[error("the file is longer than a contribution can be: {0} bytes at most")]
    TooLong(u64),
    /// No such file in this phase.
    #[error("a contribution to this phase has no file {0}")]
    NoFile(usize),
    /// What was handed in breaks a rule: the turn is over.
    #[error("{0}")]
    Invalid(String),
    /// The coordinator's own trouble.
    #[error("the coordinator can't do this now")]
    Internal(FolderError),
}

/// What is known of somebody who joined.
struct Ticket {
    key: PublicKey,
    /// What became of what they handed in.
    outcome: Option<Outcome>,
}

/// What became of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the transcript under this number.
    Accepted(u32),
    /// It broke this rule.
    Refused(String),
}

struct State {
    folder: Folder,
    queue: Queue,
    tickets: BTreeMap<String, Ticket>,
    order: std::collections::VecDeque<String>,
    /// The time of each key's last request for a turn: none is taken twice.
    asked: BTreeMap<PublicKey, u64>,
}

/// A running coordinator.
pub struct Coordinator {
    state: Mutex<State>,
}

/// What the holder of a ticket is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Their place.
    pub place: Place,
    /// Seconds until their turn, about.
    pub estimate: u64,
    /// Bytes of each file that are there already.
    pub received: Vec<u64>,
    /// What became of what they handed in.
    pub outcome: Option<Outcome>,
    /// The digest of the transcript that the contribution goes on from.
    pub head: Digest,
}

/// The bytes that a request for a turn signs.
pub fn turn_message(ceremony: &CeremonyId, at: u64) -> Vec<u8> {
    let mut w = Writer::new();
    ceremony.encode(&mut w);
    w.u64(at);
    w.finish()
}

fn rules(transcript: &Transcript) -> (Rules, BTreeMap<PublicKey, usize>) {
    let d = transcript.descriptor();
    let mut missed = BTreeMap::new();
    for link in transcript.links() {
        if let Entry::Missed(m) = &link.signed.entry {
            *missed.entry(m.contributor).or_insert(0) += 1;
        }
    }
    let rules = Rules {
        turn: d.turn.into(),
        strikes: d.strikes,
        listed: d.contributors.clone(),
    };
    (rules, missed)
}

impl Coordinator {
    /// Of a folder.
    pub fn new(folder: Folder) -> Self {
        let (rules, missed) = rules(folder.transcript());
        Self {
            state: Mutex::new(State {
                queue: Queue::new(rules, missed),
                folder,
                tickets: BTreeMap::new(),
                order: std::collections::VecDeque::new(),
                asked: BTreeMap::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the folder is one assignment, after the disk's: a panic leaves no half one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let mut state = self.lock();
        let transcript = state.folder.transcript();
        state.open_stage(now)?;
        let message = turn_message(transcript.id(), at);
        if now.abs_diff(at) > CLOCKS
            || state.asked.get(&key).is_some_and(|last| at <= *last)
            || key
                .verify(domain::SIGN_CEREMONY_TURN, &message, signature)
                .is_err()
        {
            return Err(CallError::Request);
        }
        if transcript.has_contributed(&key) {
            return Err(CallError::Again);
        }
        state.queue.join(key, now)?;
        // A request that is older than that is refused for its age.
        state.asked.retain(|_, at| now.abs_diff(*at) <= CLOCKS);
        state.asked.insert(key, at);
        let mut random = [0; 32];
        getrandom::fill(&mut random)
            .map_err(|e| CallError::Internal(PartError::Randomness(e).into()))?;
        let ticket = hex::encode(random);
        // A newer ticket of the same key takes the older one's place.
        state.tickets.retain(|_, t| t.key != key);
        let outcome = None;
        state
            .tickets
            .insert(ticket.clone(), Ticket { key, outcome });
        state.order.push_back(ticket.clone());
        while state.order.len() > MAX_TICKETS {
            if let Some(oldest) = state.order.pop_front() {
                state.tickets.remove(&oldest);
            }
        }
        Ok(ticket)
    }

    /// Where the holder of a ticket stands; also their sign of life.
    ///
    /// # Errors
    /// [`CallError::Ticket`]
    pub fn standing(&self, ticket: &str, now: u64) -> Result<Standing, CallError> {
        let mut state = self.lock();
        let (key, outcome) = state.ticket(ticket)?;
        let place = state.queue.seen(&key, now);
        let estimate = match place {
            Place::Waiting(before) => state.queue.estimate(before),
            _ => 0,
        };
        let transcript = state.folder.transcript();
        let files = transcript
            .stage()
            .map_or(0, |s| transcript.descriptor().files_of(s));
        let received = (0..files)
            .map(|i| fs::metadata(state.upload(&key, i)).map_or(0, |m| m.len()))
            .collect();
        Ok(Standing {
            place,
            estimate,
            received,
            outcome,
            head: transcript.head(),
        })
    }

    /// Somebody leaves.
    ///
    /// # Errors
    /// [`CallError::Ticket`]
    pub fn leave(&self, ticket: &str, now: u64) -> Result<(), CallError> {
        let mut state = self.lock();
        let (key, _) = state.ticket(ticket)?;
        if state.queue.has_turn(&key, now) {
            state.clear_incoming();
        }
        state.queue.leave(&key, now);
        Ok(())
    }

    /// Takes a piece of a file from whose turn it is; the answer is the file's length.
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
        let mut state = self.lock();
        let (key, _) = state.ticket(ticket)?;
        let stage = state.open_stage(now)?;
        if !state.queue.has_turn(&key, now) {
            return Err(CallError::NotYourTurn);
        }
        let transcript = state.folder.transcript();
        let (d, number) = (transcript.descriptor(), transcript.count());
        if index >= d.files_of(stage) {
            return Err(CallError::NoFile(index));
        }
        let before = layout::step(d, stage, number, index);
        let before = state.folder.layout().path(&before);
        let most = fs::metadata(before).map_or(0, |m| m.len()) + MAX_GROWTH;
        let path = state.upload(&key, index);
        let internal = |error| {
            let path = path.clone();
            CallError::Internal(FolderError::Io { path, error })
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(internal)?;
        let length = file.metadata().map_err(internal)?.len();
        if offset != length {
            let (expected, found) = (length, offset);
            return Err(CallError::Offset { expected, found });
        }
        let after = length + piece.len() as u64;
        if after > most {
            return Err(CallError::TooLong(most));
        }
        file.write_all_at(piece, length).map_err(internal)?;
        state.queue.received();
        state.queue.seen(&key, now);
        Ok(after)
    }

    /// Takes the signed entry, when all files are there. Checking follows with [`Coordinator::check`],
    /// which takes long: until then nothing else can be handed in.
    ///
    /// # Errors
    /// [`CallError`]
    pub fn hand_in(&self, ticket: &str, entry: &[u8], now: u64) -> Result<Checking, CallError> {
        let mut state = self.lock();
        let (key, _) = state.ticket(ticket)?;
        let stage = state.open_stage(now)?;
        let signed = Signed::from_bytes(entry)
            .map_err(|e| CallError::Invalid(format!("the entry can't be read: {e}")))?;
        if !state.queue.check(&key, now) {
            return Err(CallError::NotYourTurn);
        }
        let transcript = state.folder.transcript().clone();
        let count = transcript.descriptor().files_of(stage);
        Ok(Checking {
            ticket: ticket.to_owned(),
            key,
            signed,
            files: (0..count).map(|i| state.upload(&key, i)).collect(),
            layout: state.folder.layout().clone(),
            transcript,
        })
    }

    /// Checks what was handed in, accepts or refuses it, and writes down which.
    pub fn check(&self, checking: Checking, now: impl Fn() -> u64) -> Outcome {
        let verdict = checking.verdict();
        let mut state = self.lock();
        let outcome = match verdict {
            Ok(()) => {
                let signed = checking.signed.clone();
                match state.folder.accept(signed, &checking.files) {
                    Ok(()) => {
                        state.queue.accepted(now());
                        Outcome::Accepted(state.folder.transcript().count())
                    }
                    // The disk's trouble, and nobody's strike.
                    Err(error) => {
                        tracing::error!(%error, "can't accept a contribution");
                        state.queue.abandoned(now());
                        Outcome::Refused("the coordinator can't write it down now".into())
                    }
                }
            }
            Err(rule) => {
                let reason = Reason::refused(&rule);
                state.miss(checking.key, reason, now());
                state.queue.refused(now());
                Outcome::Refused(rule)
            }
        };
        state.clear_incoming();
        if let Some(ticket) = state.tickets.get_mut(&checking.ticket) {
            ticket.outcome = Some(outcome.clone());
        }
        outcome
    }

    /// A check that ended in the middle, by a fault of this program's: the turn ends, and is nobody's
    /// fault.
    pub fn abandon(&self, now: u64) {
        let mut state = self.lock();
        state.queue.abandoned(now);
        state.clear_incoming();
    }

    /// Time has passed: turns end, and are written down.
    pub fn tick(&self, now: u64) {
        let mut state = self.lock();
        if let Some((key, reason)) = state.queue.tick(now) {
            tracing::info!(contributor = %key, %reason, "a turn was missed");
            state.miss(key, reason, now);
        }
    }

    /// What anybody may see.
    pub fn look<T>(&self, see: impl FnOnce(&Folder, &Queue) -> T) -> T {
        let state = self.lock();
        see(&state.folder, &state.queue)
    }
}

impl State {
    fn ticket(&self, ticket: &str) -> Result<(PublicKey, Option<Outcome>), CallError> {
        let found = self.tickets.get(ticket).ok_or(CallError::Ticket)?;
        Ok((found.key, found.outcome.clone()))
    }

    fn open_stage(&self, now: u64) -> Result<Stage, CallError> {
        let transcript = self.folder.transcript();
        let stage = transcript
            .stage()
            .ok_or(CallError::Closed("the ceremony's last phase has ended"))?;
        let closing = transcript.descriptor().closing_of(stage);
        if closing.is_some_and(|c| now >= c.closes) {
            return Err(CallError::Closed(
                "this phase is closed: its beacon comes next",
            ));
        }
        Ok(stage)
    }

    /// Where somebody's upload is kept: another place for another base.
    fn upload(&self, key: &PublicKey, index: usize) -> PathBuf {
        let head = self.folder.transcript().head();
        let mut name = head.as_bytes().to_vec();
        name.extend(key.0);
        let name = folder::name_of(&name);
        self.folder
            .layout()
            .incoming()
            .join(format!("{name}-{index}"))
    }

    fn miss(&mut self, contributor: PublicKey, reason: Reason, at: u64) {
        let Some(stage) = self.folder.transcript().stage() else {
            return;
        };
        let missed = Missed {
            contributor,
            stage,
            at,
            reason,
        };
        if let Err(error) = self.folder.missed(missed) {
            tracing::error!(%error, "can't write a missed turn down");
        }
        self.clear_incoming();
    }

    /// Uploads are for one turn: whatever is there when it has ended, nobody can use.
    fn clear_incoming(&self) {
        let incoming = self.folder.layout().incoming();
        for entry in fs::read_dir(incoming).into_iter().flatten().flatten() {
            if let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!(%error, "can't remove an upload");
            }
        }
    }
}

/// What was handed in and isn't checked yet.
pub struct Checking {
    ticket: String,
    key: PublicKey,
    signed: Signed,
    files: Vec<PathBuf>,
    layout: layout::Layout,
    transcript: Transcript,
}

impl Checking {
    /// The rule that it breaks, if any. Cheap ones first: the signature and its place, then the files.
    fn verdict(&self) -> Result<(), String> {
        let Entry::Contribution(c) = &self.signed.entry else {
            return Err("the entry is no contribution".into());
        };
        if c.contributor != self.key {
            return Err("the entry is another contributor's".into());
        }
        let mut with = self.transcript.clone();
        with.push(self.signed.clone()).map_err(|e| e.to_string())?;
        let (layout, transcript) = (&self.layout, &self.transcript);
        let rule = Rule::Open;
        let parts = folder::check_next(layout, transcript, &self.files, &rule, &mut Silent)
            .map_err(|e| without_paths(&e))?;
        if parts == c.parts {
            Ok(())
        } else {
            Err("the entry does not say what the files are".into())
        }
    }
}

/// An error about an uploaded file, without the coordinator's own paths.
fn without_paths(error: &FolderError) -> String {
    use crate::files::container::FileError;
    use crate::phase1::PowersError;
    use crate::phase2::KeyError;
    let file = match error {
        FolderError::Part(PartError::File(e))
        | FolderError::Part(PartError::Powers(PowersError::File(e)))
        | FolderError::Part(PartError::Key(KeyError::File(e))) => e,
        other => return other.to_string(),
    };
    match file {
        FileError::Io { error, .. } => format!("the file can't be read: {error}"),
        FileError::Magic { expected, .. } => format!("the file is not a .{expected} file"),
        FileError::Format { fault, .. } => fault.to_string(),
    }
}
