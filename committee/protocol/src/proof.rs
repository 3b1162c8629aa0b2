//! What a client gets instead of a node's word: an entry's receipt, certified facts, and the bundle.

use thiserror::Error;

use crate::certificate::{CertificateError, CertifiedHeader};
use crate::chain::{Chain, Facts};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::entry::{Entry, MAX_ENTRY};
use crate::founding::{Founding, FoundingFile};
use crate::ids::Fingerprint;
use crate::merkle::{self, Path};
use crate::signature::SealedBody;

/// Proof that an entry is in a finalized block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// Its way to the header's entries root.
    pub path: Path,
    /// The block's header, certified.
    pub header: CertifiedHeader,
}

impl Receipt {
    /// Checks path and certificate; gives the entry, its height and its position.
    pub fn verify(
        &self,
        founding: &Founding,
        fingerprint: &Fingerprint,
    ) -> Result<(Entry, u64, u64), CertificateError> {
        let header = self.header.verify(founding, fingerprint)?;
        if self.path.root(&merkle::leaf(&self.entry)) != Some(header.entries_root) {
            return Err(CertificateError::Path);
        }
        let entry = Entry::parse(&self.entry)
            .map_err(|_| CertificateError::Decode(DecodeError::Invalid("an entry")))?;
        Ok((entry, header.height, self.path.index))
    }
}

impl Encode for Receipt {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.entry);
        self.path.encode(w);
        self.header.encode(w);
    }
}

impl Decode for Receipt {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            entry: r.bytes("an entry", MAX_ENTRY)?.to_vec(),
            path: Decode::decode(r)?,
            header: Decode::decode(r)?,
        })
    }
}

/// Facts with their way to a state root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenFacts {
    /// The facts.
    pub facts: Facts,
    /// Their way to the state root.
    pub path: Path,
}

impl Encode for ProvenFacts {
    fn encode(&self, w: &mut Writer) {
        self.facts.encode(w);
        self.path.encode(w);
    }
}

impl Decode for ProvenFacts {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            facts: Decode::decode(r)?,
            path: Decode::decode(r)?,
        })
    }
}

/// Facts of one moment under one certified header: the state as of that header's parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedFacts {
    /// The header whose state root holds.
    pub header: CertifiedHeader,
    /// The facts.
    pub facts: Vec<ProvenFacts>,
}

impl CertifiedFacts {
    /// Checks certificate and paths; gives the header's log time in milliseconds.
    pub fn verify(
        &self,
        founding: &Founding,
        fingerprint: &Fingerprint,
    ) -> Result<u64, CertificateError> {
        let header = self.header.verify(founding, fingerprint)?;
        for proven in &self.facts {
            if proven.path.root(&proven.facts.leaf()) != Some(header.state_root) {
                return Err(CertificateError::Path);
            }
        }
        Ok(header.timestamp_ms)
    }
}

impl Encode for CertifiedFacts {
    fn encode(&self, w: &mut Writer) {
        self.header.encode(w);
        w.list(&self.facts);
    }
}

impl Decode for CertifiedFacts {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Decode::decode(r)?,
            facts: r.list("facts", 16)?,
        })
    }
}

/// What a client sends: an entry and, for a signature, its sealed body, which never enters a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The entry's bytes.
    pub entry: Vec<u8>,
    /// The body of a signature; none for other entries.
    pub body: Option<SealedBody>,
}

impl Encode for Submission {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.entry);
        w.option(&self.body);
    }
}

impl Decode for Submission {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            entry: r.bytes("an entry", MAX_ENTRY)?.to_vec(),
            body: r.option()?,
        })
    }
}

/// A whole chain and the certified facts that hold its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertifiedChain {
    /// Exactly one: the chain's own facts.
    pub state: CertifiedFacts,
    /// The chain.
    pub chain: Chain,
}

impl Encode for CertifiedChain {
    fn encode(&self, w: &mut Writer) {
        self.state.encode(w);
        self.chain.encode(w);
    }
}

impl Decode for CertifiedChain {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            state: Decode::decode(r)?,
            chain: Decode::decode(r)?,
        })
    }
}

/// Version of the bundle's encoding, after its first bytes.
pub const BUNDLE_MAGIC: &[u8; 16] = b"tacit bundle v1\n";
/// Longest verifying key, in bytes.
pub const MAX_VERIFYING_KEY: usize = 64 * 1024;
/// Most opened bodies.
pub const MAX_BODIES: usize = 1_000_000;

/// One statement's whole life in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The founding file, signed by every operator.
    pub founding: FoundingFile,
    /// The sealing circuit's verifying key: its hash stands in the founding file.
    pub verifying_key: Vec<u8>,
    /// Certified facts: the group's, then the statement's.
    pub state: CertifiedFacts,
    /// The group's whole chain.
    pub group: Chain,
    /// The statement's whole chain.
    pub statement: Chain,
    /// The opened bodies in the order of their signatures; none unless revealed.
    pub bodies: Vec<SealedBody>,
}

/// Why bytes aren't a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BundleError {
    /// Not an encoding.
    #[error("not a bundle: {0}")]
    Decode(#[from] DecodeError),
}

impl Encode for Bundle {
    fn encode(&self, w: &mut Writer) {
        w.raw(BUNDLE_MAGIC);
        self.founding.encode(w);
        w.bytes(&self.verifying_key);
        self.state.encode(w);
        self.group.encode(w);
        self.statement.encode(w);
        w.list(&self.bodies);
    }
}

impl Decode for Bundle {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.take(BUNDLE_MAGIC.len())? != BUNDLE_MAGIC {
            return Err(DecodeError::Invalid("the first line of a bundle"));
        }
        Ok(Self {
            founding: Decode::decode(r)?,
            verifying_key: r.bytes("a verifying key", MAX_VERIFYING_KEY)?.to_vec(),
            state: Decode::decode(r)?,
            group: Decode::decode(r)?,
            statement: Decode::decode(r)?,
            bodies: r.list("bodies", MAX_BODIES)?,
        })
    }
}
