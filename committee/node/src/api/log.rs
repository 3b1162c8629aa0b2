//! What the API needs of the log, as a capability: a running node's handles, or a log in one
//! process for tests.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use tacit_ledger::Ledger;
use tacit_protocol::certificate::CertifiedHeader;
use tokio::sync::oneshot;

use crate::{
    adapters::LedgerMachine,
    block::LogBlock,
    engine::Node,
    ledger::{Reader, Stopped},
    limits::PEER_SILENCE,
    machine::Applied,
    mempool::Outcome,
};

/// A function on the ledger.
pub type LedgerRead = Box<dyn FnOnce(&Ledger) + Send>;

/// How this node stands to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The last durable block.
    pub applied: Applied,
    /// The newest finalized height heard of; 0 if none.
    pub tip: u64,
    /// Other nodes that were heard lately.
    pub peers: usize,
    /// Entries that wait for a block.
    pub pending: usize,
}

/// The log as the API sees it.
pub trait Log: Send + Sync + 'static {
    /// Runs `read` between two blocks. Blocks wait meanwhile.
    fn read(&self, read: LedgerRead) -> BoxFuture<'static, Result<(), Stopped>>;

    /// Submits an entry with its sealed body. Closed without an answer if it waited too long.
    fn submit(&self, entry: Bytes, body: Option<Bytes>) -> oneshot::Receiver<Outcome>;

    /// The last durable block.
    fn applied(&self) -> Applied;

    /// Waits until a height is durable.
    fn reached(&self, height: u64) -> BoxFuture<'static, Result<(), Stopped>>;

    /// The finalized block of a height, if it is here.
    fn block(&self, height: u64) -> BoxFuture<'static, Option<Arc<LogBlock>>>;

    /// The header of a height with what certifies it, if it is here.
    fn certified(&self, height: u64) -> BoxFuture<'static, Option<CertifiedHeader>>;

    /// How this node stands to the others.
    fn standing(&self) -> Standing;
}

/// A running node's log.
pub struct NodeLog {
    node: Node,
    reader: Reader<LedgerMachine>,
}

impl NodeLog {
    /// The log behind a running node's handles.
    pub fn new(node: Node, reader: Reader<LedgerMachine>) -> Self {
        Self { node, reader }
    }
}

impl Log for NodeLog {
    fn read(&self, read: LedgerRead) -> BoxFuture<'static, Result<(), Stopped>> {
        let reader = self.reader.clone();
        Box::pin(async move { reader.read(|machine| read(machine.ledger())).await })
    }

    fn submit(&self, entry: Bytes, body: Option<Bytes>) -> oneshot::Receiver<Outcome> {
        self.node.mempool.submit(entry, body)
    }

    fn applied(&self) -> Applied {
        self.node.ledger.applied()
    }

    fn reached(&self, height: u64) -> BoxFuture<'static, Result<(), Stopped>> {
        let ledger = self.node.ledger.clone();
        Box::pin(async move { ledger.reached(height).await })
    }

    fn block(&self, height: u64) -> BoxFuture<'static, Option<Arc<LogBlock>>> {
        let archive = self.node.archive.clone();
        Box::pin(async move { archive.block(height).await })
    }

    fn certified(&self, height: u64) -> BoxFuture<'static, Option<CertifiedHeader>> {
        let archive = self.node.archive.clone();
        Box::pin(async move { archive.certified(height).await })
    }

    fn standing(&self) -> Standing {
        let status = self.node.status();
        let silence = PEER_SILENCE.as_millis() as u64;
        Standing {
            applied: self.applied(),
            tip: status.tip.height,
            peers: status
                .peers
                .iter()
                .filter(|p| p.silent_ms <= silence)
                .count(),
            pending: status.pending.0,
        }
    }
}
