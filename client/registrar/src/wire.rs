//! The JSON of a registrar's API, for both ends. Points, scalars and digests are lowercase hex of their
//! canonical encodings; what is read becomes the protocol's types or is refused.

use std::fmt;

use serde::{Deserialize, Serialize};
use tacit_protocol::codec::{Decode, Encode as _};
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::{ClassName, Record, RegistrarSignature};
use tacit_protocol::ids::{Binder, Subject};
use tacit_protocol::keys::Signature;
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::EddsaSignature;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::registrar::{Attested, Invitation};

/// A field of an answer that isn't what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the field `{0}` can't be read")]
pub struct WireError(pub &'static str);

/// `GET /v1/registrar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrarView {
    /// What people call it.
    pub name: String,
    /// Its public key.
    pub key: String,
    /// Ids of the groups that it has approved.
    pub groups: Vec<String>,
}

/// `POST /v1/groups/{id}/invitation`.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct InvitationRequest {
    /// The code.
    pub code: String,
}

impl fmt::Debug for InvitationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvitationRequest(redacted)")
    }
}

/// `POST /v1/groups/{id}/attest`.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct AttestRequest {
    /// The code.
    pub code: String,
    /// The identity's public key A, 32 bytes.
    pub public: String,
    /// EdDSA-Poseidon signature over (group, leaf, binder), 64 bytes.
    pub signature: String,
}

impl fmt::Debug for AttestRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttestRequest(redacted)")
    }
}

impl AttestRequest {
    /// From its parts.
    pub fn new(code: &str, public: &Point, signature: &EddsaSignature) -> Self {
        Self {
            code: code.to_string(),
            public: hex::encode(public.to_bytes()),
            signature: hex::encode(signature.to_bytes()),
        }
    }
}

/// A record as JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// The name as it will be read.
    pub name: String,
    /// Names of the classes, ascending.
    pub classes: Vec<String>,
}

/// Answer of `POST /v1/groups/{id}/invitation`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationView {
    /// The person's pseudonym.
    pub subject: String,
    /// Commitment to the record.
    pub binder: String,
    /// Positions of the classes in the group's definition.
    pub classes: Vec<u16>,
    /// What a reveal may publish.
    pub record: RecordView,
    /// Opens the binder.
    pub salt: String,
}

/// Answer of `POST /v1/groups/{id}/attest`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestedView {
    /// As the invitation.
    #[serde(flatten)]
    pub invitation: InvitationView,
    /// The identity's commitment, 32 bytes little endian.
    pub leaf: String,
    /// The registrar's position in the group's definition.
    pub registrar: u8,
    /// Its Ed25519 signature, 64 bytes.
    pub signature: String,
}

/// Reads lowercase hex of a canonical encoding.
pub(crate) fn read_hex<T: Decode>(field: &'static str, text: &str) -> Result<T, WireError> {
    let is_lower = !text.bytes().any(|b| b.is_ascii_uppercase());
    let bytes = hex::decode(text)
        .ok()
        .filter(|_| is_lower)
        .ok_or(WireError(field))?;
    T::from_bytes(&bytes).map_err(|_| WireError(field))
}

impl From<&Invitation> for InvitationView {
    fn from(i: &Invitation) -> Self {
        Self {
            subject: i.subject.to_string(),
            binder: i.binder.to_string(),
            classes: i.classes.clone(),
            record: RecordView {
                name: i.record.name.clone(),
                classes: i.record.classes.iter().map(ToString::to_string).collect(),
            },
            salt: hex::encode(i.salt),
        }
    }
}

impl TryFrom<&InvitationView> for Invitation {
    type Error = WireError;

    fn try_from(view: &InvitationView) -> Result<Self, WireError> {
        let classes = view
            .record
            .classes
            .iter()
            .map(|c| ClassName::new(c))
            .collect::<Result<_, _>>();
        let mut salt = [0; 32];
        hex::decode_to_slice(&view.salt, &mut salt).map_err(|_| WireError("salt"))?;
        Ok(Self {
            subject: Subject::from_hex(&view.subject).ok_or(WireError("subject"))?,
            binder: Binder::from_hex(&view.binder).ok_or(WireError("binder"))?,
            classes: view.classes.clone(),
            record: Record {
                name: view.record.name.clone(),
                classes: classes.map_err(|_| WireError("record"))?,
            },
            salt,
        })
    }
}

impl From<&Attested> for AttestedView {
    fn from(a: &Attested) -> Self {
        Self {
            invitation: (&a.invitation).into(),
            leaf: hex::encode(a.leaf.to_le_bytes()),
            registrar: a.signature.registrar,
            signature: hex::encode(a.signature.signature.0),
        }
    }
}

impl TryFrom<&AttestedView> for Attested {
    type Error = WireError;

    fn try_from(view: &AttestedView) -> Result<Self, WireError> {
        Ok(Self {
            invitation: (&view.invitation).try_into()?,
            leaf: read_hex::<FieldElement>("leaf", &view.leaf)?,
            signature: RegistrarSignature {
                registrar: view.registrar,
                signature: read_hex::<Signature>("signature", &view.signature)?,
            },
        })
    }
}
