//! The ceremony as it stands, its folder and the open phase's queue.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use tacit_protocol::keys::PublicKey;

use super::clock::Clock;
use super::queue::{Queue, Rules};
use super::{CallError, Checking};
use crate::folder::layout::Layout;
use crate::folder::{Folder, FolderError};
use crate::transcript::{Entry, Missed, Reason, Stage, Transcript};

/// The ceremony as it stands.
pub struct Book {
    pub(super) layout: Layout,
    pub(super) transcript: Transcript,
}

impl Book {
    /// Where the files lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The transcript.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }
}

/// What changes while the coordinator runs.
pub(super) struct State {
    pub(super) book: Book,
    /// Away while a step takes long: nothing can be written down then.
    pub(super) folder: Option<Folder>,
    pub(super) queue: Queue,
    pub(super) clock: Clock,
}

/// The open phase's queue. Who has contributed to another phase isn't a stranger, and turns that were
/// missed in another phase don't count.
pub(super) fn open_queue(transcript: &Transcript, preferred: &BTreeSet<PublicKey>) -> Queue {
    let d = transcript.descriptor();
    let (mut missed, mut known) = (BTreeMap::new(), preferred.clone());
    for link in transcript.links() {
        match &link.signed.entry {
            Entry::Missed(m) if Some(m.stage) == transcript.stage() => {
                *missed.entry(m.contributor).or_insert(0) += 1;
            }
            Entry::Contribution(c) => {
                known.insert(c.contributor);
            }
            _ => {}
        }
    }
    let closing = transcript.stage().and_then(|stage| d.closing_of(stage));
    let rules = Rules {
        turn: d.turn.into(),
        strikes: d.strikes,
        listed: d.contributors.clone(),
        known,
        closes: closing.map(|c| c.closes),
    };
    Queue::new(rules, missed)
}

impl State {
    /// Nothing was done here for so many seconds: nobody's turn gets shorter by that.
    pub(super) fn slept(&mut self, seconds: u64, now: u64) {
        if seconds > 0 {
            tracing::warn!(
                seconds,
                "nothing was done for a while: turns last longer by it"
            );
            self.queue.slept(seconds, now);
        }
    }

    /// The disk fails while somebody hands something in: it costs them nothing.
    pub(super) fn trouble(
        &mut self,
        key: &PublicKey,
        now: u64,
        path: &Path,
        error: io::Error,
    ) -> CallError {
        self.queue.troubled(key, now);
        let path = path.to_path_buf();
        CallError::Internal(FolderError::Io { path, error })
    }

    pub(super) fn open_stage(&self, now: u64) -> Result<Stage, CallError> {
        let transcript = &self.book.transcript;
        let stage = transcript
            .stage()
            .ok_or(CallError::Closed("the ceremony's last phase has ended"))?;
        let closing = transcript.descriptor().closing_of(stage);
        if closing.is_some_and(|c| now >= c.closes) {
            return Err(CallError::Closed(
                "this phase is closed: its beacon comes next",
            ));
        }
        match &self.folder {
            None => Err(CallError::Closed("this phase is being ended just now")),
            Some(folder) if !folder.is_sure() => Err(CallError::Closed(
                "the coordinator's disk has failed: nothing is taken until it is started again",
            )),
            Some(_) if transcript.is_full() => Err(CallError::Closed(
                "as many have contributed to this phase as its files can name: its beacon comes next",
            )),
            Some(_) => Ok(stage),
        }
    }

    pub(super) fn accept(&mut self, checking: &Checking) -> Result<u32, FolderError> {
        let folder = self
            .folder
            .as_mut()
            .ok_or(FolderError::NotDue("the phase is being ended"))?;
        let accepted = folder.accept(checking.signed.clone(), &checking.files);
        self.book.transcript = folder.transcript().clone();
        accepted.map(|()| self.book.transcript.count())
    }

    pub(super) fn miss(&mut self, contributor: PublicKey, reason: Reason, at: u64) {
        let (Some(stage), Some(folder)) = (self.book.transcript.stage(), self.folder.as_mut())
        else {
            return;
        };
        let missed = Missed {
            contributor,
            stage,
            at,
            reason,
        };
        if let Err(error) = folder.missed(missed) {
            tracing::error!(%error, "can't write a missed turn down");
        }
        self.book.transcript = folder.transcript().clone();
    }
}
