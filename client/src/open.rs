//! Reading an opened list: from the point S that t nodes opened for a signature to the member's name.
//!
//! The leaf in a counted signature is the signer's: the proof said so. The name is what the signer put
//! beside it, and holds only if it opens the binder that the registrars attested for that leaf. A
//! signature whose payload doesn't still names the leaf: "member, record withheld".

use std::fmt;

use tacit_circuits::unmask;
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::Record;
use tacit_protocol::point::Point;
use tacit_protocol::signature::{SealedBody, Sign};
use thiserror::Error;

use crate::payload::{self, Keying, PayloadError};
use crate::roster::Frozen;

/// Why a record is withheld.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Withheld {
    /// The payload isn't one.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The payload's record and salt aren't those that the registrars attested.
    #[error("the record in it is not the one that the registrars attested")]
    Binder,
    /// The roster doesn't have the leaf, which no counted signature can bring about.
    #[error("the leaf is not on the frozen roster")]
    UnknownLeaf,
}

/// What a signature says about its signer.
#[derive(Clone, PartialEq, Eq)]
pub enum Name {
    /// Their attested record.
    Record(Record),
    /// "Member, record withheld", and why.
    Withheld(Withheld),
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Record(_) => f.write_str("Record(redacted)"),
            Name::Withheld(why) => write!(f, "Withheld({why:?})"),
        }
    }
}

/// One line of an opened list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedName {
    /// The member's leaf: it is theirs, whatever the payload says.
    pub leaf: FieldElement,
    /// The class that the signature counted under.
    pub class: Option<u16>,
    /// The name.
    pub name: Name,
    /// What the signer added to it.
    pub testimony: Option<String>,
}

/// The body isn't the one that the signature commits to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the body is not the one that the signature commits to")]
pub struct OtherBody;

/// Opens one signature with its S = k·C1, combined from verified partial decryptions. `k` is the
/// statement's public key.
pub fn open(
    sign: &Sign,
    body: &SealedBody,
    shared: &Point,
    k: &Point,
    roster: &Frozen,
) -> Result<OpenedName, OtherBody> {
    if !body.matches(sign) {
        return Err(OtherBody);
    }
    let leaf = FieldElement(unmask(body.c2.0, shared));
    let keying = Keying {
        shared: *shared,
        c1: body.c1,
        k: *k,
        statement: sign.statement,
        nullifier: sign.nullifier,
    };
    let opened = payload::open(&body.payload, &keying);
    let (name, testimony) = match (roster.member(&leaf), opened) {
        (None, _) => (Name::Withheld(Withheld::UnknownLeaf), None),
        (Some(_), Err(e)) => (Name::Withheld(e.into()), None),
        (Some(member), Ok(plaintext)) => {
            let holds = plaintext.record.binder(&plaintext.salt) == member.binder;
            let name = match holds {
                true => Name::Record(plaintext.record),
                false => Name::Withheld(Withheld::Binder),
            };
            // The proof binds the payload to the leaf, so the testimony is the member's in any case.
            (name, plaintext.testimony)
        }
    };
    Ok(OpenedName {
        leaf,
        class: sign.class,
        name,
        testimony,
    })
}
