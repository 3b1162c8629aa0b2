//! The founding file: who the operators are, which circuits and keys hold, who may create what, and
//! the limits. Every operator signs it; its hash is the committee's fingerprint, which clients pin.

mod card;
mod file;
#[cfg(test)]
mod tests;
mod timing;

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::hash::{Digest, Hasher, domain};
use crate::ids::{CircuitId, Fingerprint, NodeIndex};
use crate::keys::PublicKey;

pub use card::{Card, SignedCard};
pub use file::FoundingFile;
pub use timing::Timing;

/// Version of the protocol that this code speaks.
pub const PROTOCOL_VERSION: u16 = 1;
/// Fewest operators.
pub const MIN_NODES: usize = 4;
/// Most operators.
pub const MAX_NODES: usize = 100;
/// Most statements that a founding file may allow to be open at once. Each takes a slot of every node's
/// vault, which has room for four times as many.
pub const MAX_OPEN_STATEMENTS: u32 = 1000;
/// Longest operator name, in bytes.
pub const MAX_OPERATOR_NAME: usize = 64;

/// The warning that goes with keys that one party made.
pub const DEVELOPMENT_KEYS_WARNING: &str = "development keys: whoever made them can forge signatures, so can trip the trigger and expose the real signers";

/// One operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Signs entries, votes and connections of the operator's node.
    pub key: PublicKey,
    /// What people call the operator.
    pub name: String,
}

impl Encode for Operator {
    fn encode(&self, w: &mut Writer) {
        self.key.encode(w);
        w.text(&self.name);
    }
}

impl Decode for Operator {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            key: Decode::decode(r)?,
            name: r.text("an operator's name", MAX_OPERATOR_NAME)?,
        })
    }
}

/// A circuit and the hashes of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitKeys {
    /// Hash of the constraint system.
    pub circuit: CircuitId,
    /// Hash of the verifying key's bytes.
    pub verifying_key: Digest,
    /// Hash of the proving key's bytes.
    pub proving_key: Digest,
    /// Hash of the ceremony's transcript; `None` for development keys.
    pub transcript: Option<Digest>,
}

impl Encode for CircuitKeys {
    fn encode(&self, w: &mut Writer) {
        self.circuit.encode(w);
        self.verifying_key.encode(w);
        self.proving_key.encode(w);
        w.option(&self.transcript);
    }
}

impl Decode for CircuitKeys {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            circuit: Decode::decode(r)?,
            verifying_key: Decode::decode(r)?,
            proving_key: Decode::decode(r)?,
            transcript: r.option()?,
        })
    }
}

/// What the operators agree on at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founding {
    /// Only [`PROTOCOL_VERSION`].
    pub version: u16,
    /// 0: this version has one epoch.
    pub epoch: u32,
    /// When it was founded: Unix time in milliseconds, the genesis block's time.
    pub founded_ms: u64,
    /// Makes two committees of the same operators different.
    pub nonce: [u8; 16],
    /// The operators, ascending by key, distinct.
    pub operators: Vec<Operator>,
    /// The circuits that this committee serves; the first is the sealing circuit.
    pub circuits: Vec<CircuitKeys>,
    /// Who may create groups. Empty: nobody.
    pub group_creators: Vec<PublicKey>,
    /// Who may propose statements to any group.
    pub statement_creators: Vec<PublicKey>,
    /// Spans of time.
    pub timing: Timing,
    /// Most statements that are open at once, up to [`MAX_OPEN_STATEMENTS`]: a rule of blocks.
    pub max_open_statements: u32,
}

/// Why a founding file can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FoundingError {
    /// Another version.
    #[error("the founding file is of version {0}; this program speaks version {PROTOCOL_VERSION}")]
    Version(u16),
    /// Too few or too many operators.
    #[error("a committee has {MIN_NODES} to {MAX_NODES} nodes, this one {0}")]
    Nodes(usize),
    /// Lists must be ascending and without repetition.
    #[error("operators must be sorted by key and distinct")]
    Unsorted,
    /// No circuit.
    #[error("the founding file names no circuit")]
    NoCircuit,
    /// Spans of time contradict each other.
    #[error(
        "its timing doesn't fit together: leader time must exceed heartbeat plus skew, and certification time leader time"
    )]
    Timing,
    /// More open statements than nodes have room for.
    #[error("it allows {0} open statements; nodes have room for {MAX_OPEN_STATEMENTS}")]
    OpenStatements(u32),
    /// A field that this version doesn't serve.
    #[error("{0} is not supported in this version")]
    Unsupported(&'static str),
    /// An operator hasn't signed.
    #[error("operator {0} has not signed the founding file")]
    Unsigned(NodeIndex),
}

impl Founding {
    /// The committee's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(
            Hasher::new(domain::FOUNDING)
                .chain(self.to_bytes())
                .finish(),
        )
    }

    /// Number of nodes, n.
    pub fn nodes(&self) -> usize {
        self.operators.len()
    }

    /// Nodes that may be faulty: f = floor((n-1)/3).
    pub fn faults(&self) -> usize {
        self.nodes().saturating_sub(1) / 3
    }

    /// Shares that open, and signatures of a certificate: t = n - f.
    pub fn quorum(&self) -> usize {
        self.nodes() - self.faults()
    }

    /// Attestations that make a statement erased: the least e with n - e + f <= t - 1, so that too few
    /// nodes are left to open even if f of the attestations lie.
    pub fn erasure_quorum(&self) -> usize {
        (self.nodes() + self.faults() + 1)
            .saturating_sub(self.quorum())
            .min(self.nodes())
    }

    /// Position of an operator's key.
    pub fn node(&self, key: &PublicKey) -> Option<NodeIndex> {
        self.operators
            .iter()
            .position(|o| &o.key == key)
            .and_then(|i| NodeIndex::try_from(i).ok())
    }

    /// Key of the operator at a position.
    pub fn key(&self, node: NodeIndex) -> Option<&PublicKey> {
        self.operators.get(usize::from(node)).map(|o| &o.key)
    }

    /// The sealing circuit's keys.
    pub fn sealing(&self) -> Result<&CircuitKeys, FoundingError> {
        self.circuits.first().ok_or(FoundingError::NoCircuit)
    }

    /// Were any keys made by one party?
    pub fn development_keys(&self) -> bool {
        self.circuits.iter().any(|c| c.transcript.is_none())
    }

    /// The transcripts of the ceremonies that made the keys; none of development keys. That a transcript
    /// holds and gave these keys is for each operator to verify before signing: the founding file is where
    /// all of them say so.
    pub fn transcripts(&self) -> impl Iterator<Item = &Digest> {
        self.circuits.iter().filter_map(|c| c.transcript.as_ref())
    }

    /// Checks what the encoding alone doesn't.
    pub fn check(&self) -> Result<(), FoundingError> {
        if self.version != PROTOCOL_VERSION {
            return Err(FoundingError::Version(self.version));
        }
        if self.epoch != 0 {
            return Err(FoundingError::Unsupported("an epoch after the first"));
        }
        if !(MIN_NODES..=MAX_NODES).contains(&self.operators.len()) {
            return Err(FoundingError::Nodes(self.operators.len()));
        }
        if !self
            .operators
            .windows(2)
            .all(|w| matches!(w, [a, b] if a.key < b.key))
        {
            return Err(FoundingError::Unsorted);
        }
        self.sealing()?;
        if self.max_open_statements > MAX_OPEN_STATEMENTS {
            return Err(FoundingError::OpenStatements(self.max_open_statements));
        }
        self.timing.check()
    }
}

impl Encode for Founding {
    fn encode(&self, w: &mut Writer) {
        w.u16(self.version);
        w.u32(self.epoch);
        w.u64(self.founded_ms);
        w.raw(&self.nonce);
        w.list(&self.operators);
        w.list(&self.circuits);
        w.list(&self.group_creators);
        w.list(&self.statement_creators);
        self.timing.encode(w);
        w.u32(self.max_open_statements);
    }
}

impl Decode for Founding {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.u16()?,
            epoch: r.u32()?,
            founded_ms: r.u64()?,
            nonce: r.array()?,
            operators: r.list("operators", MAX_NODES)?,
            circuits: r.list("circuits", 16)?,
            group_creators: r.list("creators", 256)?,
            statement_creators: r.list("creators", 256)?,
            timing: Decode::decode(r)?,
            max_open_statements: r.u32()?,
        })
    }
}
