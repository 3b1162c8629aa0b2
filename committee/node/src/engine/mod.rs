//! The wiring: from channels and a state machine to a running node, on any runtime.
//!
//! A node's tasks live and die together: [`Tasks::ended`] resolves with the first one that ends, and
//! whoever runs the node then stops it, loudly. Before anything runs, the engine's storage is held
//! against the database, because an engine that forgot its votes may sign contradicting ones.

mod start;
mod votes;

use std::sync::Arc;

pub use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_cryptography::{ed25519, sha256};
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage};
use commonware_utils::ordered::Set;
use futures::{
    FutureExt as _,
    future::{BoxFuture, select_all},
};
use rand_core::CryptoRng;
use thiserror::Error;
use tracing::error;

pub use self::{start::start, votes::VoteRecord};
use crate::{
    block::LogBlock,
    bodies::Bodies,
    certificates::Archive,
    evidence::OnEvidence,
    ledger::{Ledger, LedgerTask},
    limits::{BlockLimits, Profile, Timing, TimingError},
    machine::{BodyStore, ProofVerifier},
    mempool::{Mempool, PeerView},
    time::ClockOffset,
    watch::Follower,
};

/// A node's identity and vote key.
pub type PrivateKey = ed25519::PrivateKey;
/// Names a node.
pub type PublicKey = ed25519::PublicKey;
/// A block's digest, as the engine has it.
pub type Sha256Digest = sha256::Digest;

/// What runtimes have that a node needs.
pub trait Runtime: Clock + CryptoRng + Metrics + Spawner + Storage + Sync {}
impl<E: Clock + CryptoRng + Metrics + Spawner + Storage + Sync> Runtime for E {}

/// Everything about a node but its runtime and network.
pub struct Setup {
    /// The node's key. A member's.
    pub key: PrivateKey,
    /// All members' keys.
    pub committee: Set<PublicKey>,
    /// Namespace of votes and certificates: `tacit_protocol::certificate::namespace`.
    pub namespace: Vec<u8>,
    /// The block at height 0.
    pub genesis: LogBlock,
    /// Quotas.
    pub profile: Profile,
    /// Times.
    pub timing: Timing,
    /// Sizes.
    pub limits: BlockLimits,
    /// How wrong this node's clock is: zero but in simulations.
    pub clock: ClockOffset,
    /// Prefix of the engine's storage partitions: letters, digits, `-`, `_`.
    pub partition: String,
    /// Reaches the state machine.
    pub ledger: Ledger,
    /// Owns the state machine.
    pub ledger_task: LedgerTask,
    /// Verifies proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// Holds sealed bodies.
    pub bodies: Arc<dyn BodyStore>,
    /// Is told of conflicting votes.
    pub on_evidence: OnEvidence,
    /// Remembers that the node has voted.
    pub votes: Arc<dyn VoteRecord>,
}

/// A channel's two ends.
pub type Ends<S, R> = (S, R);

/// The registered channels, numbered as in [`crate::limits::channel`].
pub struct Channels<S, R> {
    /// Votes.
    pub votes: Ends<S, R>,
    /// Certificates.
    pub certificates: Ends<S, R>,
    /// Simplex's fetching.
    pub certificate_fetch: Ends<S, R>,
    /// Blocks.
    pub blocks: Ends<S, R>,
    /// Marshal's backfill.
    pub backfill: Ends<S, R>,
    /// Entries.
    pub entries: Ends<S, R>,
    /// Sealed bodies.
    pub bodies: Ends<S, R>,
}

impl<S, R> Channels<S, R> {
    /// Orders what `register` returned for channels 0, 1, 2, …
    pub fn in_order(ends: impl IntoIterator<Item = Ends<S, R>>) -> Option<Self> {
        let mut ends = ends.into_iter();
        Some(Self {
            votes: ends.next()?,
            certificates: ends.next()?,
            certificate_fetch: ends.next()?,
            blocks: ends.next()?,
            backfill: ends.next()?,
            entries: ends.next()?,
            bodies: ends.next()?,
        })
    }
}

/// Why a node doesn't start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The key isn't a member's.
    #[error("this node's key is not in the committee")]
    NotAMember,
    /// The times can't work.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The engine's storage can't be opened or read.
    #[error("the engine's storage can't be opened: {0}")]
    Storage(#[from] commonware_storage::archive::Error),
    /// The engine's storage lacks what the database has: it was deleted or restored from a copy.
    #[error(
        "the consensus storage is behind the database, which is at block {database}: it was lost or \
         restored from a copy, and a node that forgot its votes could contradict them"
    )]
    EngineBehind {
        /// The database's height.
        database: u64,
    },
    /// The engine's storage and the database hold different logs.
    #[error("the consensus storage and the database disagree about block {height}")]
    OtherLog {
        /// Where.
        height: u64,
    },
    /// The engine has delivered blocks that the database lacks, and doesn't have them any more.
    #[error("the consensus storage lacks block {height}, which the database needs")]
    Missing {
        /// Which one.
        height: u64,
    },
    /// The engine's votes can't be looked for.
    #[error("the consensus storage can't be read: {0}")]
    Votes(commonware_runtime::Error),
    /// This node has voted, and the engine has no votes.
    #[error(
        "this node has voted before, and its votes are gone from the consensus storage: a node that \
         forgot its votes could contradict them"
    )]
    VotesLost,
    /// The engine's storage, and the database with it, are older than they were.
    #[error(
        "the consensus storage ends at block {applied}, and this node was at block {recorded} already: \
         it was restored from a copy, and a node that forgot its votes could contradict them"
    )]
    Older {
        /// Where it was.
        recorded: u64,
        /// Where it is.
        applied: u64,
    },
    /// A task ended during the start.
    #[error("the node stopped while starting")]
    Stopped,
}

/// What a node's task ended with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{task} ended: {reason}")]
pub struct Ended {
    /// The task.
    pub task: &'static str,
    /// Why, if it is known.
    pub reason: String,
}

/// The tasks of a running node.
pub struct Tasks(Vec<BoxFuture<'static, Ended>>);

impl Tasks {
    /// Adds a task.
    pub fn watch<T: Send + 'static>(
        &mut self,
        task: &'static str,
        handle: Handle<T>,
        reason: impl Fn(T) -> String + Send + 'static,
    ) {
        let ended = handle.map(move |result| Ended {
            task,
            reason: match result {
                Ok(value) => reason(value),
                Err(error) => error.to_string(),
            },
        });
        self.0.push(ended.boxed());
    }

    /// Resolves when the first task ends, which ends the node.
    pub async fn ended(self) -> Ended {
        let (ended, ..) = select_all(self.0).await;
        error!(task = ended.task, reason = %ended.reason, "a task of the node ended");
        ended
    }
}

/// The newest finalized block that the engine has heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// When it was heard of by this node's clock: milliseconds since 1970; 0 if never.
    pub seen_ms: u64,
}

/// How a node is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Height of the database.
    pub applied: u64,
    /// Time of that block, milliseconds since 1970.
    pub applied_ms: u64,
    /// The newest finalized block heard of.
    pub tip: Tip,
    /// Members that were heard lately.
    pub peers: Vec<PeerView>,
    /// Entries that wait, and their bytes.
    pub pending: (usize, usize),
}

/// A running node's handles. Cheap to clone; they work from any runtime.
#[derive(Clone)]
pub struct Node {
    /// Takes entries.
    pub mempool: Mempool,
    /// Follows the applied height.
    pub ledger: Ledger,
    /// Fetches sealed bodies.
    pub bodies: Bodies,
    /// Certificates and finalized blocks.
    pub archive: Archive,
    tip: Follower<Tip>,
}

impl Node {
    /// How the node is doing.
    pub fn status(&self) -> Status {
        let applied = self.ledger.applied();
        Status {
            applied: applied.height,
            applied_ms: applied.timestamp_ms,
            tip: self.tip.get(),
            peers: self.mempool.peers(),
            pending: self.mempool.pending(),
        }
    }
}
