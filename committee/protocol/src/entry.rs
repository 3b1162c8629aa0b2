//! Entries: everything that happens. One encoding, one decoder.

mod envelope;

use std::fmt;

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::dkg::{DkgCommit, DkgComplain, DkgConfirm, DkgDeal, DkgKeys};
use crate::group::{Enrol, GroupCreate};
use crate::hash::{Hasher, domain};
use crate::ids::{EntryId, Fingerprint, GroupId, NodeIndex, StatementId};
use crate::keys::{BadSignature, PublicKey, Signature, SigningKey};
use crate::opening::{Partial, Unseal};
use crate::signature::Sign;
use crate::statement::StatementPropose;

pub use envelope::{About, Envelope};

/// Longest entry, in bytes.
pub const MAX_ENTRY: usize = 96 * 1024;

/// Why a node erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErasureReason {
    /// The deadline passed without a trigger.
    Expired,
    /// The list is open.
    Opened,
    /// The log stood still for too long.
    Abandoned,
    /// This attempt at a key failed.
    AttemptFailed,
}

impl ErasureReason {
    const ALL: [ErasureReason; 4] = [
        Self::Expired,
        Self::Opened,
        Self::Abandoned,
        Self::AttemptFailed,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Opened => "opened",
            Self::Abandoned => "abandoned",
            Self::AttemptFailed => "attempt-failed",
        }
    }
}

impl Decode for ErasureReason {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = r.u8()?;
        Self::ALL
            .into_iter()
            .find(|e| *e as u8 == code)
            .ok_or(DecodeError::Invalid("a reason"))
    }
}

/// A node's attestation that all it could open this statement with is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// The statement.
    pub statement: StatementId,
    /// Why.
    pub reason: ErasureReason,
    /// What the node couldn't make sure of: bits as the vault defines them.
    pub caveats: u32,
}

impl Encode for Erased {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        w.u8(self.reason as u8);
        w.u32(self.caveats);
    }
}

impl Decode for Erased {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            reason: Decode::decode(r)?,
            caveats: r.u32()?,
        })
    }
}

/// What a node says. Signed as a whole, and judged by `apply`: a wrong one stays as its own evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeStatement {
    /// Key generation: a fresh encryption key.
    Keys(DkgKeys),
    /// Key generation: commitment to the dealing.
    Commit(DkgCommit),
    /// Key generation: the dealing.
    Deal(DkgDeal),
    /// Key generation: complaints, or none.
    Complain(DkgComplain),
    /// Key generation: the outcome, confirmed.
    Confirm(DkgConfirm),
    /// The ciphertexts of a chunk that is opened.
    Unseal(Unseal),
    /// Partial decryptions of a chunk.
    Partial(Partial),
    /// Attestation of erasure.
    Erased(Erased),
}

impl NodeStatement {
    /// The statement that it is about.
    pub fn statement(&self) -> StatementId {
        match self {
            Self::Keys(m) => m.at.statement,
            Self::Commit(m) => m.at.statement,
            Self::Deal(m) => m.at.statement,
            Self::Complain(m) => m.at.statement,
            Self::Confirm(m) => m.at.statement,
            Self::Unseal(m) => m.statement,
            Self::Partial(m) => m.statement,
            Self::Erased(m) => m.statement,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Keys(_) => Kind::DkgKeys,
            Self::Commit(_) => Kind::DkgCommit,
            Self::Deal(_) => Kind::DkgDeal,
            Self::Complain(_) => Kind::DkgComplain,
            Self::Confirm(_) => Kind::DkgConfirm,
            Self::Unseal(_) => Kind::Unseal,
            Self::Partial(_) => Kind::Partial,
            Self::Erased(_) => Kind::Erased,
        }
    }

    fn encode_body(&self, w: &mut Writer) {
        match self {
            Self::Keys(m) => m.encode(w),
            Self::Commit(m) => m.encode(w),
            Self::Deal(m) => m.encode(w),
            Self::Complain(m) => m.encode(w),
            Self::Confirm(m) => m.encode(w),
            Self::Unseal(m) => m.encode(w),
            Self::Partial(m) => m.encode(w),
            Self::Erased(m) => m.encode(w),
        }
    }

    fn signed_bytes(&self, fingerprint: &Fingerprint, node: NodeIndex) -> Vec<u8> {
        let mut w = Writer::new();
        fingerprint.encode(&mut w);
        w.u16(node);
        w.u8(self.kind() as u8);
        self.encode_body(&mut w);
        w.finish()
    }
}

/// A node's statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEntry {
    /// Who says it.
    pub node: NodeIndex,
    /// What.
    pub body: NodeStatement,
    /// Over (fingerprint, node, kind, body).
    pub signature: Signature,
}

impl NodeEntry {
    /// Signs a node's statement.
    pub fn sign(
        fingerprint: &Fingerprint,
        node: NodeIndex,
        body: NodeStatement,
        key: &SigningKey,
    ) -> Self {
        let signature = key.sign(
            domain::SIGN_NODE_ENTRY,
            &body.signed_bytes(fingerprint, node),
        );
        Self {
            node,
            body,
            signature,
        }
    }

    /// Checks the signature under the node's key.
    pub fn check(&self, fingerprint: &Fingerprint, key: &PublicKey) -> Result<(), BadSignature> {
        key.verify(
            domain::SIGN_NODE_ENTRY,
            &self.body.signed_bytes(fingerprint, self.node),
            &self.signature,
        )
    }
}

/// Kinds of entries, as encoded in their first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Creates a group.
    GroupCreate = 1,
    /// Enrols a member.
    Enrol = 2,
    /// Removes a member (not in this version).
    Remove = 3,
    /// Proposes a statement.
    StatementPropose = 10,
    /// Key generation, first phase.
    DkgKeys = 20,
    /// Key generation, second phase.
    DkgCommit = 21,
    /// Key generation, third phase.
    DkgDeal = 22,
    /// Key generation, fourth phase.
    DkgComplain = 23,
    /// Key generation, last phase.
    DkgConfirm = 24,
    /// A sealed signature.
    Sign = 30,
    /// Takes a signature back (not in this version).
    Withdraw = 31,
    /// Ciphertexts of a chunk.
    Unseal = 40,
    /// Partial decryptions of a chunk.
    Partial = 41,
    /// Attestation of erasure.
    Erased = 42,
    /// A registrar's record of an opened leaf (not in this version).
    RecordOpen = 43,
}

impl Kind {
    const ALL: [Kind; 15] = [
        Kind::GroupCreate,
        Kind::Enrol,
        Kind::Remove,
        Kind::StatementPropose,
        Kind::DkgKeys,
        Kind::DkgCommit,
        Kind::DkgDeal,
        Kind::DkgComplain,
        Kind::DkgConfirm,
        Kind::Sign,
        Kind::Withdraw,
        Kind::Unseal,
        Kind::Partial,
        Kind::Erased,
        Kind::RecordOpen,
    ];

    /// The kind of an encoded byte.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u8 == code)
    }

    /// Whether nodes say it, and sign it with their key.
    pub fn is_node(self) -> bool {
        match self {
            Kind::DkgKeys
            | Kind::DkgCommit
            | Kind::DkgDeal
            | Kind::DkgComplain
            | Kind::DkgConfirm
            | Kind::Unseal
            | Kind::Partial
            | Kind::Erased => true,
            Kind::GroupCreate
            | Kind::Enrol
            | Kind::Remove
            | Kind::StatementPropose
            | Kind::Sign
            | Kind::Withdraw
            | Kind::RecordOpen => false,
        }
    }

    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::GroupCreate => "group-create",
            Kind::Enrol => "enrol",
            Kind::Remove => "remove",
            Kind::StatementPropose => "statement-propose",
            Kind::DkgKeys => "dkg-keys",
            Kind::DkgCommit => "dkg-commit",
            Kind::DkgDeal => "dkg-deal",
            Kind::DkgComplain => "dkg-complain",
            Kind::DkgConfirm => "dkg-confirm",
            Kind::Sign => "sign",
            Kind::Withdraw => "withdraw",
            Kind::Unseal => "unseal",
            Kind::Partial => "partial",
            Kind::Erased => "erased",
            Kind::RecordOpen => "record-open",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Creates a group.
    GroupCreate(GroupCreate),
    /// Enrols a member.
    Enrol(Enrol),
    /// Proposes a statement.
    StatementPropose(StatementPropose),
    /// A sealed signature.
    Sign(Sign),
    /// Something that a node says.
    Node(NodeEntry),
}

/// Which chain an entry is a link of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A group's.
    Group(GroupId),
    /// A statement's.
    Statement(StatementId),
}

/// Why bytes aren't an entry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryError {
    /// Over [`MAX_ENTRY`].
    #[error("the entry has {0} bytes, at most {MAX_ENTRY} are allowed")]
    TooLong(usize),
    /// Not an encoding.
    #[error("not an entry: {0}")]
    Decode(#[from] DecodeError),
}

impl Entry {
    /// Decodes an entry, bounded.
    pub fn parse(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong(bytes.len()));
        }
        Ok(Self::from_bytes(bytes)?)
    }

    /// The id of encoded bytes.
    pub fn id_of(bytes: &[u8]) -> EntryId {
        EntryId(Hasher::new(domain::ENTRY).chain_var(bytes).finish())
    }

    /// This entry's id.
    pub fn id(&self) -> EntryId {
        Self::id_of(&self.to_bytes())
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Entry::GroupCreate(_) => Kind::GroupCreate,
            Entry::Enrol(_) => Kind::Enrol,
            Entry::StatementPropose(_) => Kind::StatementPropose,
            Entry::Sign(_) => Kind::Sign,
            Entry::Node(n) => n.body.kind(),
        }
    }

    /// Whose chain it belongs to.
    pub fn subject(&self) -> Subject {
        match self {
            Entry::GroupCreate(e) => Subject::Group(e.definition.id()),
            Entry::Enrol(e) => Subject::Group(e.attestation.group),
            Entry::StatementPropose(e) => Subject::Statement(e.statement.id()),
            Entry::Sign(e) => Subject::Statement(e.statement),
            Entry::Node(e) => Subject::Statement(e.body.statement()),
        }
    }
}

impl Encode for Entry {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.kind() as u8);
        match self {
            Entry::GroupCreate(e) => e.encode(w),
            Entry::Enrol(e) => e.encode(w),
            Entry::StatementPropose(e) => e.encode(w),
            Entry::Sign(e) => e.encode(w),
            Entry::Node(e) => {
                w.u16(e.node);
                e.body.encode_body(w);
                e.signature.encode(w);
            }
        }
    }
}

impl Decode for Entry {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = Kind::from_code(r.u8()?).ok_or(DecodeError::Invalid("an entry's kind"))?;
        match kind {
            Kind::GroupCreate => return Ok(Entry::GroupCreate(Decode::decode(r)?)),
            Kind::Enrol => return Ok(Entry::Enrol(Decode::decode(r)?)),
            Kind::StatementPropose => return Ok(Entry::StatementPropose(Decode::decode(r)?)),
            Kind::Sign => return Ok(Entry::Sign(Decode::decode(r)?)),
            Kind::Remove => return Err(DecodeError::Unsupported("removing a member")),
            Kind::Withdraw => return Err(DecodeError::Unsupported("withdrawing a signature")),
            Kind::RecordOpen => return Err(DecodeError::Unsupported("opening a record")),
            _ => {}
        }
        let node = r.u16()?;
        let body = match kind {
            Kind::DkgKeys => NodeStatement::Keys(Decode::decode(r)?),
            Kind::DkgCommit => NodeStatement::Commit(Decode::decode(r)?),
            Kind::DkgDeal => NodeStatement::Deal(Decode::decode(r)?),
            Kind::DkgComplain => NodeStatement::Complain(Decode::decode(r)?),
            Kind::DkgConfirm => NodeStatement::Confirm(Decode::decode(r)?),
            Kind::Unseal => NodeStatement::Unseal(Decode::decode(r)?),
            Kind::Partial => NodeStatement::Partial(Decode::decode(r)?),
            _ => NodeStatement::Erased(Decode::decode(r)?),
        };
        Ok(Entry::Node(NodeEntry {
            node,
            body,
            signature: Decode::decode(r)?,
        }))
    }
}
