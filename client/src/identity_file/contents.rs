//! What an identity file holds, and its encoding: one version, canonical, never shown to anybody.

use std::fmt;

use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use tacit_protocol::entry::MAX_ENTRY;
use tacit_protocol::field::{FieldElement, SecretScalar, scalar_from_bytes, scalar_to_bytes};
use tacit_protocol::group::{MAX_CLASSES, Record};
use tacit_protocol::ids::{Binder, GroupId, StatementId, Subject};
use tacit_protocol::proof::{Receipt, Submission};
use tacit_protocol::semaphore::{Identity, SemaphoreError};
use zeroize::Zeroizing;

/// Version of the encoding.
const VERSION: u16 = 1;
/// Longest key of a Semaphore identity, in bytes.
pub const MAX_SEMAPHORE_KEY: usize = 1024;
/// Most groups that one identity is a member of.
const MAX_MEMBERSHIPS: usize = 10_000;
/// Most statements that one identity signs.
const MAX_SIGNATURES: usize = 100_000;

/// What an identity is made from.
#[derive(Clone)]
pub enum Secret {
    /// The secret scalar.
    Scalar(SecretScalar),
    /// The private key of a Semaphore v4 identity: any bytes up to [`MAX_SEMAPHORE_KEY`].
    SemaphoreKey(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Secret {
    /// The identity.
    pub fn identity(&self) -> Result<Identity, SemaphoreError> {
        match self {
            Secret::Scalar(s) => Identity::from_scalar(s.clone()),
            Secret::SemaphoreKey(key) => Identity::from_key(key),
        }
    }
}

impl Encode for Secret {
    fn encode(&self, w: &mut Writer) {
        match self {
            Secret::Scalar(s) => {
                w.u8(0);
                w.raw(&Zeroizing::new(scalar_to_bytes(s.expose()))[..]);
            }
            Secret::SemaphoreKey(key) => {
                w.u8(1);
                w.bytes(key);
            }
        }
    }
}

impl Decode for Secret {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            0 => {
                let bytes = Zeroizing::new(r.array()?);
                let scalar = scalar_from_bytes(&bytes).ok_or(DecodeError::Invalid("a secret"))?;
                Ok(Secret::Scalar(SecretScalar::new(scalar)))
            }
            1 => {
                let key = r.bytes("a Semaphore key", MAX_SEMAPHORE_KEY)?;
                Ok(Secret::SemaphoreKey(Zeroizing::new(key.to_vec())))
            }
            _ => Err(DecodeError::Invalid("a kind of secret")),
        }
    }
}

/// A member's place in one group.
#[derive(Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: GroupId,
    /// The person's pseudonym there.
    pub subject: Subject,
    /// The record that registrars attested: what a reveal publishes.
    pub record: Record,
    /// Salt of the binder. Who has it can tell the leaf from the name.
    pub salt: Zeroizing<[u8; 32]>,
    /// Commitment to the record.
    pub binder: Binder,
    /// The leaf that was enrolled.
    pub leaf: FieldElement,
    /// Positions of the classes in the group's definition, ascending.
    pub classes: Vec<u16>,
    /// The enrolment's bytes as sent: what is sent again if no receipt came.
    pub enrolment: Vec<u8>,
    /// Proof that the log has it.
    pub receipt: Option<Receipt>,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Membership(in {})", self.group)
    }
}

impl Encode for Membership {
    fn encode(&self, w: &mut Writer) {
        self.group.encode(w);
        self.subject.encode(w);
        self.record.encode(w);
        w.raw(&self.salt[..]);
        self.binder.encode(w);
        self.leaf.encode(w);
        w.list(&self.classes);
        w.bytes(&self.enrolment);
        w.option(&self.receipt);
    }
}

impl Decode for Membership {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group: Decode::decode(r)?,
            subject: Decode::decode(r)?,
            record: Decode::decode(r)?,
            salt: Zeroizing::new(r.array()?),
            binder: Decode::decode(r)?,
            leaf: Decode::decode(r)?,
            classes: r.list("classes", MAX_CLASSES)?,
            enrolment: r.bytes("an entry", MAX_ENTRY)?.to_vec(),
            receipt: r.option()?,
        })
    }
}

/// One signature: sealed and saved, or final.
#[derive(Clone, PartialEq, Eq)]
pub enum Progress {
    /// Sealed. These bytes are sent, and sent again, until there is a receipt; never others.
    Pending(Submission),
    /// In the log. The body is gone from here.
    Final(Receipt),
}

/// What this identity did about one statement.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature {
    /// The statement.
    pub statement: StatementId,
    /// How far it is.
    pub progress: Progress,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(redacted)")
    }
}

impl Encode for Signature {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        match &self.progress {
            Progress::Pending(submission) => {
                w.u8(0);
                submission.encode(w);
            }
            Progress::Final(receipt) => {
                w.u8(1);
                receipt.encode(w);
            }
        }
    }
}

impl Decode for Signature {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            progress: match r.u8()? {
                0 => Progress::Pending(Decode::decode(r)?),
                1 => Progress::Final(Decode::decode(r)?),
                _ => return Err(DecodeError::Invalid("a signature's progress")),
            },
        })
    }
}

/// All that an identity file holds.
pub(super) struct Contents {
    pub(super) secret: Secret,
    pub(super) memberships: Vec<Membership>,
    pub(super) signatures: Vec<Signature>,
}

impl Encode for Contents {
    fn encode(&self, w: &mut Writer) {
        w.u16(VERSION);
        self.secret.encode(w);
        w.list(&self.memberships);
        w.list(&self.signatures);
    }
}

impl Decode for Contents {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.u16()? != VERSION {
            return Err(DecodeError::Unsupported(
                "an identity file of another version",
            ));
        }
        Ok(Self {
            secret: Decode::decode(r)?,
            memberships: r.list("memberships", MAX_MEMBERSHIPS)?,
            signatures: r.list("signatures", MAX_SIGNATURES)?,
        })
    }
}
