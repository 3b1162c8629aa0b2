//! The task, driven by hand around a machine that counts.

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
