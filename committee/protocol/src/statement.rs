//! Statements: what people sign, when the list opens, and until when.

use std::fmt;

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::hash::{Hasher, domain};
use crate::ids::{CircuitId, Fingerprint, GroupId, StatementId};
use crate::keys::{BadSignature, PublicKey, Signature, SigningKey};
use crate::trigger::Trigger;

/// Longest text, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;
/// Version of the encoding.
pub const VERSION: u16 = 1;

/// How the count is shown while a statement collects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountPolicy {
    /// Every signature shows at once.
    Live,
}

/// Which roots a signature may prove membership in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RosterPolicy {
    /// The group as it stands when the statement opens.
    Frozen,
}

/// A statement: everything that its creator chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The committee.
    pub fingerprint: Fingerprint,
    /// Its epoch: 0 in this version.
    pub epoch: u32,
    /// Whose members may sign.
    pub group: GroupId,
    /// What they sign.
    pub text: String,
    /// When the list opens.
    pub trigger: Trigger,
    /// Unix time in milliseconds: a block at or past it expires the statement.
    pub deadline_ms: u64,
    /// Only live in this version.
    pub count_policy: CountPolicy,
    /// Only frozen in this version.
    pub roster_policy: RosterPolicy,
    /// The sealing circuit.
    pub circuit: CircuitId,
    /// Who proposes it.
    pub creator: PublicKey,
    /// Makes two statements of one text different.
    pub nonce: [u8; 16],
}

impl Statement {
    /// The statement's id.
    pub fn id(&self) -> StatementId {
        StatementId(
            Hasher::new(domain::STATEMENT)
                .chain(self.to_bytes())
                .finish(),
        )
    }
}

impl Encode for Statement {
    fn encode(&self, w: &mut Writer) {
        w.u16(VERSION);
        self.fingerprint.encode(w);
        w.u32(self.epoch);
        self.group.encode(w);
        w.text(&self.text);
        self.trigger.encode(w);
        w.u64(self.deadline_ms);
        w.u8(0); // CountPolicy::Live
        w.u8(0); // RosterPolicy::Frozen
        self.circuit.encode(w);
        self.creator.encode(w);
        w.raw(&self.nonce);
    }
}

impl Decode for Statement {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.u16()? != VERSION {
            return Err(DecodeError::Unsupported("a statement of another version"));
        }
        Ok(Self {
            fingerprint: Decode::decode(r)?,
            epoch: match r.u32()? {
                0 => 0,
                _ => return Err(DecodeError::Unsupported("an epoch after the first")),
            },
            group: Decode::decode(r)?,
            text: r.text("a statement's text", MAX_TEXT)?,
            trigger: Decode::decode(r)?,
            deadline_ms: r.u64()?,
            count_policy: match r.u8()? {
                0 => CountPolicy::Live,
                1 | 2 => return Err(DecodeError::Unsupported("a bucketed or hidden count")),
                _ => return Err(DecodeError::Invalid("a count policy")),
            },
            roster_policy: match r.u8()? {
                0 => RosterPolicy::Frozen,
                1 => return Err(DecodeError::Unsupported("an open roster")),
                _ => return Err(DecodeError::Invalid("a roster policy")),
            },
            circuit: Decode::decode(r)?,
            creator: Decode::decode(r)?,
            nonce: r.array()?,
        })
    }
}

/// The log's entry that proposes a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementPropose {
    /// The statement.
    pub statement: Statement,
    /// Its creator's signature over the id.
    pub signature: Signature,
}

impl StatementPropose {
    /// Signs a statement.
    pub fn sign(statement: Statement, creator: &SigningKey) -> Self {
        let signature = creator.sign(domain::SIGN_STATEMENT, statement.id().as_bytes());
        Self {
            statement,
            signature,
        }
    }

    /// Checks the creator's signature.
    pub fn check(&self) -> Result<StatementId, BadSignature> {
        let id = self.statement.id();
        self.statement
            .creator
            .verify(domain::SIGN_STATEMENT, id.as_bytes(), &self.signature)?;
        Ok(id)
    }
}

impl Encode for StatementPropose {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        self.signature.encode(w);
    }
}

impl Decode for StatementPropose {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            signature: Decode::decode(r)?,
        })
    }
}

/// Where a statement stands. Everywhere the same words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The committee makes its key.
    Preparing,
    /// Signatures are taken and counted.
    Collecting,
    /// The trigger is met; the committee opens the list.
    Triggered,
    /// The list is open.
    Revealed,
    /// The deadline passed first; nodes erase their shares.
    Expired,
    /// Enough nodes have attested that they erased.
    Erased,
    /// Its key could not be made.
    Failed,
}

/// Text that isn't a status word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a statement's status")]
pub struct UnknownStatus;

impl Status {
    /// All of them, in the order of their encoding.
    pub const ALL: [Status; 7] = [
        Status::Preparing,
        Status::Collecting,
        Status::Triggered,
        Status::Revealed,
        Status::Expired,
        Status::Erased,
        Status::Failed,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Status::Preparing => "preparing",
            Status::Collecting => "collecting",
            Status::Triggered => "triggered",
            Status::Revealed => "revealed",
            Status::Expired => "expired",
            Status::Erased => "erased",
            Status::Failed => "failed",
        }
    }

    /// The word's status.
    pub fn from_word(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|s| s.word() == word)
            .ok_or(UnknownStatus)
    }

    /// Position in [`Status::ALL`].
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Can a statement get from this one into the other?
    pub fn leads_to(self, to: Self) -> bool {
        use Status as S;
        match self {
            S::Preparing => to != S::Preparing,
            S::Collecting => matches!(to, S::Triggered | S::Revealed | S::Expired | S::Erased),
            S::Triggered => to == S::Revealed,
            S::Expired => to == S::Erased,
            S::Revealed | S::Erased | S::Failed => false,
        }
    }

    /// Nothing more will happen to it, but for late attestations.
    pub fn is_final(self) -> bool {
        matches!(self, Status::Revealed | Status::Erased | Status::Failed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Encode for Status {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.code());
    }
}

impl Decode for Status {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let code = r.u8()?;
        Status::ALL
            .into_iter()
            .find(|s| s.code() == code)
            .ok_or(DecodeError::Invalid("a status"))
    }
}

#[cfg(test)]
mod tests {
    use super::Status as S;

    #[test]
    fn a_statement_goes_one_way() {
        let ways = [
            (S::Preparing, S::Collecting),
            (S::Collecting, S::Triggered),
            (S::Collecting, S::Erased),
            (S::Triggered, S::Revealed),
            (S::Expired, S::Erased),
        ];
        for (from, to) in ways {
            assert!(from.leads_to(to) && !to.leads_to(from), "{from} {to}");
        }
        // A deadline before the key was there; a trigger met too early; a key that couldn't be made.
        for over in [S::Expired, S::Erased, S::Triggered, S::Revealed, S::Failed] {
            assert!(!over.leads_to(S::Collecting), "{over}");
        }
        for status in S::ALL {
            assert_eq!(
                status.is_final(),
                !S::ALL.iter().any(|to| status.leads_to(*to))
            );
        }
    }
}
