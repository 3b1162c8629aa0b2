//! Entries on their way into a block: admission, gossip, and the answer to whoever submitted them.
//!
//! A mempool only ever offers: what it holds was admitted against the applied state and with its
//! proofs verified, but only a block's check decides. It is memory: after a crash the client sends
//! the same bytes again. Every queue in it is bounded, and no peer can fill more than its own part.

mod admission;
mod gossiping;
mod pool;
mod queue;

use std::sync::Arc;

use bytes::Bytes;
use tacit_protocol::ids::{EntryId, NodeIndex};
use tokio::sync::oneshot;
use tracing::debug;

pub(crate) use admission::Admitter;
pub(crate) use gossiping::Gossiper;
pub(crate) use pool::Pool;
pub use pool::{Outcome, PeerView};
use queue::{Arrivals, Incoming, Offer, Queue};

use crate::{
    block::{LogBlock, entry_id},
    engine::PublicKey,
    gossip::Submission,
    limits::BlockLimits,
    machine::{BodyKey, Candidate, Outline, Refusal},
    time::NowMs,
    watch::Follower,
};

/// Submits entries, and says what became of them. Cheap to clone.
#[derive(Clone)]
pub struct Mempool {
    pool: Arc<Pool>,
    queue: Queue,
}

impl Mempool {
    pub(crate) fn new(limits: BlockLimits, now: NowMs) -> (Self, Arrivals) {
        let (queue, arrivals) = queue::queue();
        let pool = Arc::new(Pool::new(limits, now));
        (Self { pool, queue }, arrivals)
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
        if self.pool.wait_for(id, waiter) && !self.queue.local(Incoming::Local(id, submission)) {
            self.pool.busy(id);
        }
        outcome
    }

    /// Takes what a peer passed on, if it is news and within the peer's part of the queue. `outline` says
    /// what the entry claims to be.
    ///
    /// Nodes push only what was given to them by their own clients and reconcilers, and clients can't
    /// give them a node's entry. So a node's entry that comes from another than its author (at
    /// `position` in the committee) comes from nobody honest: it is dropped unseen.
    pub(crate) fn offer(
        &self,
        peer: &PublicKey,
        position: Option<usize>,
        submission: Submission,
        outline: impl FnOnce(&Bytes) -> Outline,
    ) {
        let id = entry_id(&submission.entry);
        if !self.pool.is_news(&id) {
            return;
        }
        let outline = outline(&submission.entry);
        let foreign = |author: NodeIndex| position != Some(usize::from(author));
        if outline.author.is_some_and(foreign) {
            debug!(?peer, entry = %id, "a node pushed what another is to say");
            return;
        }
        let offer = Offer {
            peer: peer.clone(),
            id,
            submission,
            outline,
        };
        if !self.queue.peer(offer) {
            debug!(?peer, "a peer has pushed more than its share");
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
            self.queue.local(Incoming::Recheck(ids));
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
