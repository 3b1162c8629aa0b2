//! The seam between the consensus and what the log means: the state machine that applies blocks,
//! the verifier of proofs and the store of sealed bodies.
//!
//! Nothing here knows about networks or runtimes. All state-machine calls come from one dedicated
//! task, one after another.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;
use tacit_protocol::{
    block::Block,
    entry::{About, Kind},
    hash::{Digest, Hasher},
    ids::{EntryId, NodeIndex, StatementId},
};

use crate::block::LogBlock;

/// A local failure (disk, database) after which a node can't go on. Never about others' data.
pub type Fault = Box<dyn Error + Send + Sync + 'static>;

/// How far the database is: the block whose transaction is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The block's height; 0 is the genesis block.
    pub height: u64,
    /// The block's digest.
    pub digest: Digest,
    /// The block's time in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// Why an entry can't be in the log, for whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word for programs.
    pub code: &'static str,
    /// What is wrong, for people. Never holds secrets.
    pub detail: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// Where in the log an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The block's height.
    pub height: u64,
    /// The entry's place in the block, from 0.
    pub index: u32,
}

/// A place in the log that only one entry can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A member's one signature on a statement.
    Signature {
        /// The statement.
        statement: StatementId,
        /// The member's nullifier for it.
        nullifier: [u8; 32],
    },
    /// A node's word on one question.
    Word {
        /// The node.
        node: NodeIndex,
        /// What it says.
        kind: Kind,
        /// About which statement.
        statement: StatementId,
        /// About what of it.
        about: About,
    },
}

/// What an entry claims to be, read from outside: cheap, and nothing of it is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The node whose word it is, if it is one's.
    pub author: Option<NodeIndex>,
    /// The place that it wants.
    pub place: Option<Place>,
    /// What counts of it: entries with the same place and content are the same thing. A signature's proof
    /// isn't part of it, because anybody can make another proof of one.
    pub content: Bytes,
}

/// An entry that may be put into a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Hash of the bytes.
    pub id: EntryId,
    /// The entry's canonical encoding.
    pub entry: Bytes,
    /// How many proofs it carries (they were verified at admission).
    pub proofs: usize,
}

/// One proof that an entry's validity depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofClaim {
    /// The entry that carries it.
    pub entry: EntryId,
    /// The circuit whose verifying key applies.
    pub circuit: Digest,
    /// The public inputs in the circuit's order, canonical, 32 bytes each. Taken from the state
    /// where the rules say so (root, key, scope), never from the entry.
    pub public: Vec<[u8; 32]>,
    /// The proof's bytes.
    pub proof: Vec<u8>,
}

impl ProofClaim {
    /// Hash of the whole claim: what a cached verdict is about.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("tacit/claim/v1")
            .chain(self.entry)
            .chain(self.circuit)
            .chain((self.public.len() as u64).to_be_bytes());
        for input in &self.public {
            hasher = hasher.chain(input);
        }
        hasher.chain_var(&self.proof).finish()
    }
}

/// Which sealed body, by everything that is in it: two signatures with the same `ct` and different
/// payloads stand for different bodies, and nobody's can be kept in another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyKey {
    /// The statement.
    pub statement: StatementId,
    /// [`Sign::body_id`](tacit_protocol::signature::Sign::body_id).
    pub id: [u8; 32],
}

/// A sealed body that an entry stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyNeed {
    /// Which body.
    pub key: BodyKey,
    /// The entry, against which a body is checked.
    pub entry: Bytes,
}

/// A block that was built on given ancestors.
#[derive(Clone, Debug)]
pub struct Built {
    /// The block, its state root included.
    pub block: Block,
    /// The bodies its entries stand for.
    pub bodies: Vec<BodyNeed>,
    /// Candidates that aren't valid on these ancestors. They may be on others.
    pub refused: Vec<EntryId>,
}

/// A verdict on a proposed block, except for its proofs and bodies.
#[derive(Clone, Debug)]
pub enum Checked {
    /// Never valid on these ancestors.
    Invalid(Refusal),
    /// Valid if all claims hold, and to be voted for only when all bodies are held.
    Valid {
        /// Proofs to be verified.
        claims: Vec<ProofClaim>,
        /// Bodies to be held.
        bodies: Vec<BodyNeed>,
    },
}

/// A verdict on an entry, against the applied state.
#[derive(Clone, Debug)]
pub enum Admission {
    /// It can be in the log if all claims hold.
    Valid {
        /// Proofs to be verified.
        claims: Vec<ProofClaim>,
        /// The body that must come with it.
        body: Option<BodyNeed>,
    },
    /// The very same bytes are in the log already.
    Final(Position),
    /// It can't be in the log.
    Refused(Refusal),
}

/// What applying a finalized block leaves to be done.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    /// Bodies of the block's entries that this node should hold.
    pub bodies: Vec<BodyNeed>,
}

/// What the log means. Synchronous, and called from one dedicated task only.
///
/// `ancestors` are the blocks above the applied one, oldest first; the last one is the parent. If
/// there are none, the applied block is the parent. The caller guarantees that they connect.
/// An `Err` is a local failure and ends the node.
pub trait StateMachine: Send + 'static {
    /// The last block whose transaction is durable.
    fn applied(&self) -> Applied;

    /// Builds a block at `timestamp_ms` from those candidates that are valid on the ancestors.
    /// Within the block limits; the header holds the parent's digest and the state's root.
    fn build(
        &mut self,
        ancestors: &[Arc<LogBlock>],
        timestamp_ms: u64,
        candidates: &[Arc<Candidate>],
    ) -> Result<Built, Fault>;

    /// Judges a proposed block on its ancestors. Time, limits and the entries' root are checked by
    /// the caller.
    fn check(&mut self, ancestors: &[Arc<LogBlock>], block: &LogBlock) -> Result<Checked, Fault>;

    /// What an entry claims to be. Cheap, and called by anyone: it sees neither state nor points.
    fn outline(_entry: &Bytes) -> Outline
    where
        Self: Sized,
    {
        Outline::default()
    }

    /// Judges an entry against the applied state.
    fn admit(&mut self, entry: &[u8]) -> Result<Admission, Fault>;

    /// Applies a finalized block durably. Called at least once per height, in order; at or below
    /// the applied height it must do nothing.
    fn commit(&mut self, block: &LogBlock) -> Result<Committed, Fault>;
}

/// Verifies proofs. Called off the asynchronous workers.
pub trait ProofVerifier: Send + Sync + 'static {
    /// The positions of those claims that don't hold; none if all do. As one randomized batch whose
    /// weights come from `seed`, which whoever made the claims can't predict.
    fn verify(&self, claims: &[ProofClaim], seed: [u8; 32]) -> Vec<usize>;
}

/// Why a body isn't taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It isn't the one that the entry stands for.
    Mismatch(Refusal),
}

/// The sealed bodies, which lie beside the log and can be destroyed. Called from one thread that
/// may block.
pub trait BodyStore: Send + Sync + 'static {
    /// Whether the body is held durably.
    fn has(&self, key: &BodyKey) -> Result<bool, Fault>;

    /// The body's bytes, if held and not destroyed.
    fn get(&self, key: &BodyKey) -> Result<Option<Bytes>, Fault>;

    /// Whether `body` is the one that the entry stands for (its hash, its points, its payload's
    /// hash). Pure; no I/O.
    fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault>;

    /// Stores all of them durably, with one sync. False if some can't be held here, because their
    /// statement is closed or its key is damaged: this node then doesn't vote for their block.
    fn put_all(&self, bodies: &[(BodyKey, Bytes)]) -> Result<bool, Fault>;

    /// Whether bodies of this statement are no longer wanted.
    fn closed(&self, statement: &StatementId) -> bool;
}
