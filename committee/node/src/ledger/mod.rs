//! The one task that owns the state machine, and the handles by which everybody else reaches it.
//!
//! The task is a future without a runtime: the engine spawns it on a thread of its own, a
//! simulation on the one thread there is. Finalized blocks go before questions. Nothing is
//! acknowledged before its transaction is durable, and blocks are committed in order or not at all.

mod task;
#[cfg(test)]
mod tests;

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact};
use tacit_protocol::hash::Digest;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use self::task::Owner;

use crate::{
    block::LogBlock,
    limits::MAX_LEDGER_REQUESTS,
    machine::{
        Admission, Applied, Built, Candidate, Checked, Committed, Fault, Outline, StateMachine,
    },
    watch::{Follower, Publisher},
};

/// Why the ledger task ended.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The state machine can't go on.
    #[error("the ledger failed at height {height}: {fault}")]
    Machine {
        /// The applied height.
        height: u64,
        /// What failed.
        fault: Fault,
    },
    /// The engine delivered a block that doesn't follow the applied one. Never seen; it would mean
    /// that the engine's storage and the database belong to different logs.
    #[error("block {height} was delivered, but the database is at {applied}")]
    Gap {
        /// The delivered height.
        height: u64,
        /// The applied height.
        applied: u64,
    },
    /// The next finalized block doesn't have the applied block as its parent.
    #[error("finalized block {height} doesn't continue the database's log")]
    Fork {
        /// The delivered height.
        height: u64,
    },
    /// `commit` said yes and the state machine didn't move.
    #[error("the state machine is at {applied} after committing {height}")]
    NotApplied {
        /// The committed height.
        height: u64,
        /// The applied height.
        applied: u64,
    },
}

/// The answer to a question about a block on given ancestors.
#[derive(Debug)]
pub enum OnAncestors<T> {
    /// The ancestors continue the applied block.
    Answer(T),
    /// They don't: the applied block is another branch, or is at or above the asked height.
    NotOnApplied,
}

pub(crate) enum Request {
    Build {
        parent: (u64, Digest),
        ancestors: Vec<Arc<LogBlock>>,
        timestamp_ms: u64,
        candidates: Vec<Arc<Candidate>>,
        reply: oneshot::Sender<OnAncestors<Built>>,
    },
    Check {
        ancestors: Vec<Arc<LogBlock>>,
        block: Arc<LogBlock>,
        reply: oneshot::Sender<OnAncestors<Checked>>,
    },
    Admit {
        entries: Vec<Bytes>,
        reply: oneshot::Sender<Vec<Admission>>,
    },
}

/// A finalized block, and how to say that it's durable.
pub(crate) struct Delivery {
    pub(crate) block: Arc<LogBlock>,
    pub(crate) acknowledge: Acknowledge,
}

/// Who waits for a commit.
pub(crate) enum Acknowledge {
    /// The engine.
    Engine(Exact),
    /// The catch-up at start.
    Replay(oneshot::Sender<()>),
}

impl Acknowledge {
    fn done(self) {
        match self {
            Self::Engine(exact) => exact.acknowledge(),
            Self::Replay(reply) => drop(reply.send(())),
        }
    }
}

/// Asks the ledger task. Cheap to clone, and the same type for every state machine.
#[derive(Clone)]
pub struct Ledger {
    requests: mpsc::Sender<Request>,
    deliveries: mpsc::UnboundedSender<Delivery>,
    applied: Follower<Applied>,
    outline: fn(&Bytes) -> Outline,
}

/// The ledger task has ended, so the node is ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the node is stopping")]
pub struct Stopped;

impl Ledger {
    /// The last durable block.
    pub fn applied(&self) -> Applied {
        self.applied.get()
    }

    /// Follows the last durable block.
    pub fn watch(&self) -> Follower<Applied> {
        let mut applied = self.applied.clone();
        applied.see();
        applied
    }

    /// Waits until `height` is durable.
    pub async fn reached(&self, height: u64) -> Result<(), Stopped> {
        let mut applied = self.applied.clone();
        applied
            .wait_for(|a| a.height >= height)
            .await
            .map(drop)
            .map_err(|_| Stopped)
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }

    /// Builds a block on `parent`; `ancestors` are the unapplied ones, oldest first, ending with
    /// the parent (none if the parent is applied).
    pub(crate) async fn build(
        &self,
        parent: (u64, Digest),
        ancestors: Vec<Arc<LogBlock>>,
        timestamp_ms: u64,
        candidates: Vec<Arc<Candidate>>,
    ) -> Result<OnAncestors<Built>, Stopped> {
        self.ask(|reply| Request::Build {
            parent,
            ancestors,
            timestamp_ms,
            candidates,
            reply,
        })
        .await
    }

    /// Judges a block on its unapplied ancestors.
    pub(crate) async fn check(
        &self,
        ancestors: Vec<Arc<LogBlock>>,
        block: Arc<LogBlock>,
    ) -> Result<OnAncestors<Checked>, Stopped> {
        self.ask(|reply| Request::Check {
            ancestors,
            block,
            reply,
        })
        .await
    }

    /// What an entry claims to be, without asking the task.
    pub(crate) fn outline(&self, entry: &Bytes) -> Outline {
        (self.outline)(entry)
    }

    /// Judges entries against the applied state, in order. Blocks wait meanwhile, so few are asked about
    /// at a time.
    pub(crate) async fn admit(&self, entries: Vec<Bytes>) -> Result<Vec<Admission>, Stopped> {
        self.ask(|reply| Request::Admit { entries, reply }).await
    }

    /// Hands over a finalized block. Never waits: the engine keeps at most a few unacknowledged.
    pub(crate) fn deliver(&self, delivery: Delivery) -> Result<(), Stopped> {
        self.deliveries.send(delivery).map_err(|_| Stopped)
    }

    /// Applies a block at start, before the engine delivers any.
    pub(crate) async fn replay(&self, block: Arc<LogBlock>) -> Result<(), Stopped> {
        let (reply, answer) = oneshot::channel();
        self.deliver(Delivery {
            block,
            acknowledge: Acknowledge::Replay(reply),
        })?;
        answer.await.map_err(|_| Stopped)
    }
}

type Call<M> = Box<dyn FnOnce(&mut M) + Send>;

/// Runs functions on the state machine, between blocks: how the API and the reconcilers read.
pub struct Reader<M> {
    calls: mpsc::Sender<Call<M>>,
}

impl<M> Clone for Reader<M> {
    fn clone(&self) -> Self {
        Self {
            calls: self.calls.clone(),
        }
    }
}

impl<M: 'static> Reader<M> {
    /// Runs `read` on the ledger's thread and returns what it returns. Keep it short: blocks wait.
    pub async fn read<R: Send + 'static>(
        &self,
        read: impl FnOnce(&mut M) -> R + Send + 'static,
    ) -> Result<R, Stopped> {
        let (reply, answer) = oneshot::channel();
        let call: Call<M> = Box::new(move |machine| {
            if !reply.is_closed() {
                drop(reply.send(read(machine)));
            }
        });
        self.calls.send(call).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

/// What is told of each committed block, before it is acknowledged.
pub(crate) type OnCommit = Box<dyn FnMut(&Arc<LogBlock>, Committed) + Send>;

/// The ledger's future: spawn it on a thread of its own. Ends only by an error, or when nobody is
/// left to ask.
pub struct LedgerTask {
    run: Box<dyn FnOnce(OnCommit) -> LedgerFuture + Send>,
}

type LedgerFuture = Pin<Box<dyn Future<Output = Result<(), LedgerError>> + Send>>;

impl LedgerTask {
    pub(crate) fn run(self, on_commit: OnCommit) -> LedgerFuture {
        (self.run)(on_commit)
    }
}

/// Puts a state machine behind handles.
pub fn ledger<M: StateMachine>(machine: M) -> (Ledger, Reader<M>, LedgerTask) {
    let (requests, request_queue) = mpsc::channel(MAX_LEDGER_REQUESTS);
    let (deliveries, delivery_queue) = mpsc::unbounded_channel();
    let (calls, call_queue) = mpsc::channel(MAX_LEDGER_REQUESTS);
    let publisher = Publisher::new(machine.applied());
    let applied = publisher.follow();
    let handle = Ledger {
        requests,
        deliveries,
        applied,
        outline: M::outline,
    };
    let task = LedgerTask {
        run: Box::new(move |on_commit| {
            Box::pin(
                Owner {
                    machine,
                    applied: publisher,
                    on_commit,
                }
                .run(delivery_queue, request_queue, call_queue),
            )
        }),
    };
    (handle, Reader { calls }, task)
}
