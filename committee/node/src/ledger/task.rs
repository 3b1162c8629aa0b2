//! The task itself: finalized blocks before questions, in order or not at all.

use std::sync::Arc;

use tacit_protocol::hash::Digest;
use tokio::sync::mpsc;
use tracing::{debug, warn};

use super::{Call, Delivery, LedgerError, OnAncestors, OnCommit, Request};
use crate::{
    block::LogBlock,
    machine::{Applied, Fault, StateMachine},
    watch::Publisher,
};

/// Owns the state machine.
pub(super) struct Owner<M> {
    pub(super) machine: M,
    pub(super) applied: Publisher<Applied>,
    pub(super) on_commit: OnCommit,
}

impl<M: StateMachine> Owner<M> {
    /// Ends only by an error, or when nobody is left to ask.
    pub(super) async fn run(
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
