//! Entries on their way into a block: admission, gossip, and the answer to whoever submitted them.
//!
//! A mempool only ever offers: what it holds was admitted against the applied state and with its
//! proofs verified, but only a block's check decides. It is memory: after a crash the client sends
//! the same bytes again. Every queue in it is bounded, and peers can fill only their part.

mod admission;
mod gossiping;
mod pool;

use std::sync::Arc;

use bytes::Bytes;
use tacit_protocol::ids::EntryId;
use tokio::sync::{mpsc, oneshot};

pub(crate) use admission::Admitter;
pub(crate) use gossiping::Gossiper;
pub(crate) use pool::Pool;
pub use pool::{Outcome, PeerView};

use crate::{
    block::{LogBlock, entry_id},
    gossip::Submission,
    limits::{BlockLimits, MAX_ADMISSIONS},
    machine::{BodyKey, Candidate, Refusal},
    time::NowMs,
    watch::Follower,
};

/// What waits for the admission task.
pub(crate) enum Incoming {
    /// A client's or a reconciler's.
    Local(EntryId, Submission),
    /// A peer's.
    Peer(EntryId, Submission),
    /// Entries that weren't valid on some ancestors: look at them again.
    Recheck(Vec<EntryId>),
}

/// Submits entries, and says what became of them. Cheap to clone.
#[derive(Clone)]
pub struct Mempool {
    pool: Arc<Pool>,
    queue: mpsc::Sender<Incoming>,
}

impl Mempool {
    pub(crate) fn new(limits: BlockLimits, now: NowMs) -> (Self, mpsc::Receiver<Incoming>) {
        let (queue, incoming) = mpsc::channel(MAX_ADMISSIONS);
        let pool = Arc::new(Pool::new(limits, now));
        (Self { pool, queue }, incoming)
    }

    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Submits an entry with the sealed body it stands for, and passes it on to all nodes.
    ///
    /// The receiver resolves when the entry is final or refused. It is closed without an answer if
    /// the node stops or the entry waited too long. Submitting the same bytes again is harmless at
    /// any time, and answers with the position once there is one.
    pub fn submit(&self, entry: Bytes, body: Option<Bytes>) -> oneshot::Receiver<Outcome> {
        let (waiter, outcome) = oneshot::channel();
        let submission = Submission { entry, body };
        if !submission.fits() {
            drop(waiter.send(Outcome::Refused(Refusal::new(
                "too-large",
                "the entry or its sealed body is longer than allowed",
            ))));
            return outcome;
        }
        let id = entry_id(&submission.entry);
        if self.pool.wait_for(id, waiter)
            && self
                .queue
                .try_send(Incoming::Local(id, submission))
                .is_err()
        {
            self.pool.busy(id);
        }
        outcome
    }

    /// Takes what a peer passed on, within the peers' part of the queue.
    pub(crate) fn offer(&self, submission: Submission) {
        let id = entry_id(&submission.entry);
        if !self.pool.is_news(&id) || !self.pool.reserve_peer_admission() {
            return;
        }
        if self.queue.try_send(Incoming::Peer(id, submission)).is_err() {
            self.pool.release_peer_admission();
        }
    }

    /// Candidates for a block, oldest first, within the block's limits.
    pub(crate) fn candidates(
        &self,
        exclude: &std::collections::BTreeSet<EntryId>,
    ) -> Vec<Arc<Candidate>> {
        self.pool.candidates(exclude)
    }

    /// Candidates that weren't valid on some ancestors: they stay until the applied state refuses
    /// them too.
    pub(crate) fn suspect(&self, ids: Vec<EntryId>) {
        if !ids.is_empty() {
            self.pool.suspect(&ids);
            // If the queue is full, the next commit has them looked at.
            drop(self.queue.try_send(Incoming::Recheck(ids)));
        }
    }

    /// Changes whenever an entry was added.
    pub(crate) fn changes(&self) -> Follower<u64> {
        self.pool.changes()
    }

    /// The sealed body of a waiting entry.
    pub(crate) fn body(&self, key: &BodyKey) -> Option<Bytes> {
        self.pool.body(key)
    }

    /// Removes what is final, and answers those who wait for it.
    pub(crate) fn finalized(&self, block: &LogBlock) {
        self.pool.finalized(block);
    }

    /// How many entries wait, and their bytes.
    pub fn pending(&self) -> (usize, usize) {
        self.pool.pending()
    }

    /// The peers that were heard lately.
    pub fn peers(&self) -> Vec<PeerView> {
        self.pool.peers()
    }
}
