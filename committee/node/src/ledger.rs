//! The one task that owns the state machine, and the handles by which everybody else reaches it.
//!
//! The task is a future without a runtime: the engine spawns it on a thread of its own, a
//! simulation on the one thread there is. Finalized blocks go before questions. Nothing is
//! acknowledged before its transaction is durable, and blocks are committed in order or not at all.

use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact};
use tacit_protocol::hash::Digest;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::{
    block::LogBlock,
    limits::MAX_LEDGER_REQUESTS,
    machine::{Admission, Applied, Built, Candidate, Checked, Committed, Fault, StateMachine},
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

    /// Judges entries against the applied state, in order.
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

struct Owner<M> {
    machine: M,
    applied: Publisher<Applied>,
    on_commit: OnCommit,
}

impl<M: StateMachine> Owner<M> {
    async fn run(
        mut self,
        mut deliveries: mpsc::UnboundedReceiver<Delivery>,
        mut requests: mpsc::Receiver<Request>,
        mut calls: mpsc::Receiver<Call<M>>,
    ) -> Result<(), LedgerError> {
        loop {
            tokio::select! {
                biased;
                Some(delivery) = deliveries.recv() => self.deliver(delivery)?,
                Some(request) = requests.recv() => self.answer(request)?,
                Some(call) = calls.recv() => call(&mut self.machine),
                else => return Ok(()),
            }
        }
    }

    fn fault(&self, fault: Fault) -> LedgerError {
        LedgerError::Machine {
            height: self.machine.applied().height,
            fault,
        }
    }

    fn deliver(&mut self, delivery: Delivery) -> Result<(), LedgerError> {
        let Delivery { block, acknowledge } = delivery;
        let (height, applied) = (block.number(), self.machine.applied());
        if height <= applied.height {
            // At least once: the process died between the commit and its acknowledgement.
            debug!(height, applied = applied.height, "block was applied before");
            acknowledge.done();
            return Ok(());
        }
        if height != applied.height + 1 {
            return Err(LedgerError::Gap {
                height,
                applied: applied.height,
            });
        }
        if block.header.parent != applied.digest {
            return Err(LedgerError::Fork { height });
        }
        let committed = self
            .machine
            .commit(&block)
            .map_err(|fault| self.fault(fault))?;
        let now = self.machine.applied();
        if now.height != height || now.digest != block.id() {
            return Err(LedgerError::NotApplied {
                height,
                applied: now.height,
            });
        }
        (self.on_commit)(&block, committed);
        self.applied.publish(now);
        acknowledge.done();
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Result<(), LedgerError> {
        match request {
            Request::Build {
                parent,
                ancestors,
                timestamp_ms,
                candidates,
                reply,
            } => {
                if reply.is_closed() {
                    return Ok(());
                }
                let Some(ancestors) = self.unapplied(ancestors, parent) else {
                    drop(reply.send(OnAncestors::NotOnApplied));
                    return Ok(());
                };
                let built = self
                    .machine
                    .build(&ancestors, timestamp_ms, &candidates)
                    .map_err(|fault| self.fault(fault))?;
                drop(reply.send(OnAncestors::Answer(built)));
            }
            Request::Check {
                ancestors,
                block,
                reply,
            } => {
                if reply.is_closed() {
                    return Ok(());
                }
                let parent = (block.number().saturating_sub(1), block.header.parent);
                let Some(ancestors) = self.unapplied(ancestors, parent) else {
                    drop(reply.send(OnAncestors::NotOnApplied));
                    return Ok(());
                };
                let checked = self
                    .machine
                    .check(&ancestors, &block)
                    .map_err(|fault| self.fault(fault))?;
                drop(reply.send(OnAncestors::Answer(checked)));
            }
            Request::Admit { entries, reply } => {
                if reply.is_closed() {
                    return Ok(());
                }
                let admissions = entries
                    .iter()
                    .map(|entry| self.machine.admit(entry))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|fault| self.fault(fault))?;
                drop(reply.send(admissions));
            }
        }
        Ok(())
    }

    /// The ancestors above the applied block, if they lead from it to `parent`.
    ///
    /// Consensus may ask about a branch that the engine has meanwhile seen lose, or about heights
    /// that are applied by now: judging those on the applied state would be judging another block.
    fn unapplied(
        &self,
        mut ancestors: Vec<Arc<LogBlock>>,
        parent: (u64, Digest),
    ) -> Option<Vec<Arc<LogBlock>>> {
        let applied = self.machine.applied();
        ancestors.retain(|block| block.number() > applied.height);
        let mut tip = (applied.height, applied.digest);
        for block in &ancestors {
            if (block.number(), block.header.parent) != (tip.0 + 1, tip.1) {
                warn!(
                    height = block.number(),
                    applied = applied.height,
                    "ancestors don't continue the log"
                );
                return None;
            }
            tip = (block.number(), block.id());
        }
        (tip == parent).then_some(ancestors)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, executor::block_on};
    use tacit_protocol::block::{Block, Header, entries_root};

    use super::*;

    /// Counts, and does what it is told.
    struct Counter {
        applied: Applied,
        commits: u64,
        broken: bool,
        stuck: bool,
    }

    impl StateMachine for Counter {
        fn applied(&self) -> Applied {
            self.applied
        }

        fn build(
            &mut self,
            ancestors: &[Arc<LogBlock>],
            _: u64,
            _: &[Arc<Candidate>],
        ) -> Result<Built, Fault> {
            let parent = ancestors.last().map_or(self.applied.digest, |b| b.id());
            Ok(Built {
                block: Block::clone(&block(
                    self.applied.height + 1 + ancestors.len() as u64,
                    parent,
                )),
                bodies: Vec::new(),
                refused: Vec::new(),
            })
        }

        fn check(&mut self, _: &[Arc<LogBlock>], _: &LogBlock) -> Result<Checked, Fault> {
            Ok(Checked::Valid {
                claims: Vec::new(),
                bodies: Vec::new(),
            })
        }

        fn admit(&mut self, _: &[u8]) -> Result<Admission, Fault> {
            Err("the disk is gone".into())
        }

        fn commit(&mut self, block: &LogBlock) -> Result<Committed, Fault> {
            if self.broken {
                return Err("the disk is full".into());
            }
            self.commits += 1;
            if !self.stuck {
                self.applied = Applied {
                    height: block.number(),
                    digest: block.id(),
                    timestamp_ms: 0,
                };
            }
            Ok(Committed::default())
        }
    }

    fn block(height: u64, parent: Digest) -> Arc<LogBlock> {
        Arc::new(LogBlock::new(Block {
            header: Header {
                height,
                parent,
                timestamp_ms: height,
                entries_root: entries_root(&[]),
                state_root: Digest::ZERO,
            },
            entries: Vec::new(),
        }))
    }

    fn counter() -> Counter {
        Counter {
            applied: Applied {
                height: 0,
                digest: Digest::ZERO,
                timestamp_ms: 0,
            },
            commits: 0,
            broken: false,
            stuck: false,
        }
    }

    type Task = Pin<Box<dyn Future<Output = Result<(), LedgerError>> + Send>>;

    fn run(machine: Counter) -> (Ledger, Reader<Counter>, Task) {
        let (handle, reader, task) = ledger(machine);
        (handle, reader, task.run(Box::new(|_, _| {})))
    }

    /// Drives the task until `question` is answered or the task ends.
    fn ask<T>(task: &mut Task, question: impl Future<Output = T>) -> Result<T, LedgerError> {
        let mut question = Box::pin(question);
        block_on(async {
            futures::select_biased! {
                ended = task.fuse() => Err(ended.expect_err("it ends only by an error")),
                answer = question.as_mut().fuse() => Ok(answer),
            }
        })
    }

    #[test]
    fn a_block_that_is_delivered_twice_is_committed_once_and_acknowledged_twice() {
        let (handle, reader, mut task) = run(counter());
        let first = block(1, Digest::ZERO);
        let second = block(2, first.id());
        for block in [&first, &first, &second, &first, &second] {
            let (acknowledge, waiter) = <Exact as commonware_utils::Acknowledgement>::handle();
            let delivery = Delivery {
                block: block.clone(),
                acknowledge: Acknowledge::Engine(acknowledge),
            };
            handle.deliver(delivery).expect("running");
            assert!(ask(&mut task, waiter).expect("running").is_ok());
        }
        let commits = ask(&mut task, reader.read(|counter| counter.commits));
        assert_eq!(commits.expect("running"), Ok(2));
        assert_eq!(handle.applied().height, 2);
    }

    #[test]
    fn a_gap_a_fork_a_full_disk_and_a_lie_each_end_the_node_by_name() {
        let ends = |machine: Counter, block: Arc<LogBlock>| {
            let (handle, _reader, mut task) = run(machine);
            ask(&mut task, handle.replay(block)).expect_err("it ends")
        };
        assert!(matches!(
            ends(counter(), block(2, Digest::ZERO)),
            LedgerError::Gap {
                height: 2,
                applied: 0
            }
        ));
        assert!(matches!(
            ends(counter(), block(1, Digest([1; 32]))),
            LedgerError::Fork { height: 1 }
        ));
        let broken = Counter {
            broken: true,
            ..counter()
        };
        assert!(matches!(
            ends(broken, block(1, Digest::ZERO)),
            LedgerError::Machine { height: 0, .. }
        ));
        let stuck = Counter {
            stuck: true,
            ..counter()
        };
        assert!(matches!(
            ends(stuck, block(1, Digest::ZERO)),
            LedgerError::NotApplied {
                height: 1,
                applied: 0
            }
        ));
    }

    #[test]
    fn a_failing_question_ends_the_node_too() {
        let (handle, _reader, mut task) = run(counter());
        let ended = ask(&mut task, handle.admit(vec![Bytes::new()]));
        assert!(matches!(ended, Err(LedgerError::Machine { .. })));
        drop(task);
        assert!(matches!(block_on(handle.admit(Vec::new())), Err(Stopped)));
    }

    #[test]
    fn only_what_continues_the_applied_block_is_judged() {
        let (handle, _reader, mut task) = run(counter());
        let one = block(1, Digest::ZERO);
        let two = block(2, one.id());
        let three = block(3, two.id());
        let mut judged = |ancestors: &[&Arc<LogBlock>], block: &Arc<LogBlock>| {
            let ancestors = ancestors.iter().map(|b| (*b).clone()).collect();
            let answer = ask(&mut task, handle.check(ancestors, block.clone()));
            matches!(answer, Ok(Ok(OnAncestors::Answer(_))))
        };
        assert!(judged(&[], &one));
        assert!(judged(&[&one], &two));
        assert!(judged(&[&one, &two], &three));
        assert!(!judged(&[], &two), "an ancestor is missing");
        assert!(!judged(&[&two], &three), "the oldest is missing");
        assert!(!judged(&[&one], &three), "the parent is missing");
        let branch = block(1, Digest([9; 32]));
        assert!(!judged(&[&branch], &block(2, branch.id())));
        ask(&mut task, handle.replay(one.clone()))
            .expect("running")
            .expect("applied");
        let mut judged = |ancestors: &[&Arc<LogBlock>], block: &Arc<LogBlock>| {
            let ancestors = ancestors.iter().map(|b| (*b).clone()).collect();
            let answer = ask(&mut task, handle.check(ancestors, block.clone()));
            matches!(answer, Ok(Ok(OnAncestors::Answer(_))))
        };
        assert!(judged(&[&one], &two), "applied meanwhile");
        assert!(judged(&[], &two));
        assert!(!judged(&[], &one), "applied itself");
    }

    #[test]
    fn a_question_that_nobody_waits_for_costs_nothing() {
        let (handle, _reader, mut task) = run(counter());
        // `admit` would end the node.
        assert!(handle.admit(vec![Bytes::new()]).now_or_never().is_none());
        ask(&mut task, handle.replay(block(1, Digest::ZERO)))
            .expect("running")
            .expect("applied");
        assert!((&mut task).now_or_never().is_none());
    }
}
