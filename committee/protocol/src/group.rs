//! Groups: who may attest members, what a member's record is, and how an enrolment is attested.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::field::{FieldElement, Fr};
use crate::hash::{Hasher, domain};
use crate::ids::{Binder, Fingerprint, GroupId, Subject};
use crate::keys::{PublicKey, Signature};

/// Most registrars of a group.
pub const MAX_REGISTRARS: usize = 16;
/// Most classes of a group.
pub const MAX_CLASSES: usize = 32;
/// Longest group name, in bytes.
pub const MAX_NAME: usize = 256;
/// Longest name of a class, in bytes.
pub const MAX_CLASS_NAME: usize = 32;
/// Longest name in a record, in bytes.
pub const MAX_RECORD_NAME: usize = 256;
/// Most creators that a group names.
pub const MAX_CREATORS: usize = 64;

/// Longest encoding of an entry that creates a group, in bytes.
pub const MAX_GROUP_CREATE: usize = {
    let key = 32;
    let text = 4 + MAX_NAME;
    let registrars = 4 + MAX_REGISTRARS * key;
    let classes = 4 + MAX_CLASSES * (4 + MAX_CLASS_NAME);
    let creators = 4 + MAX_CREATORS * key;
    1 + 32 + text + 16 + 1 + registrars + 1 + classes + creators + key + 64 + MAX_SIGNATURES
};
/// Longest encoding of an entry that enrols a member, in bytes.
pub const MAX_ENROL: usize = 1 + 4 * 32 + (4 + MAX_CLASSES * 2) + MAX_SIGNATURES;
/// Longest encoding of registrars' signatures, in bytes.
const MAX_SIGNATURES: usize = 4 + MAX_REGISTRARS * (1 + 64);

/// Name of a class: 1 to 32 of `a-z 0-9 - _`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassName(String);

impl ClassName {
    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, DecodeError> {
        let starts = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        let fits = name.len() <= MAX_CLASS_NAME;
        let chars = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if starts && fits && chars {
            Ok(Self(name.to_string()))
        } else {
            Err(DecodeError::Invalid("a class's name"))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Encode for ClassName {
    fn encode(&self, w: &mut Writer) {
        w.text(&self.0);
    }
}

impl Decode for ClassName {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(&r.text("a class's name", MAX_CLASS_NAME)?)
    }
}

/// Whether members may still be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupRoster {
    /// Registrars enrol members at any time.
    Growing,
}

/// What the creator of a group decides. Its hash is the group's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDefinition {
    /// The committee that keeps the group.
    pub fingerprint: Fingerprint,
    /// What people call it.
    pub name: String,
    /// Makes two groups of one name different.
    pub nonce: [u8; 16],
    /// Only `Growing` in this version.
    pub roster: GroupRoster,
    /// The registrars' keys, ascending, distinct.
    pub registrars: Vec<PublicKey>,
    /// How many of them must attest a member; more than half.
    pub threshold: u8,
    /// The classes, ascending, distinct.
    pub classes: Vec<ClassName>,
    /// Who may propose statements here, beside those whom the founding file allows.
    pub creators: Vec<PublicKey>,
    /// Who creates it: one that the founding file allows.
    pub creator: PublicKey,
}

/// Why a group's definition can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupError {
    /// No majority of registrars.
    #[error("{threshold} of {registrars} registrars is no majority")]
    NoMajority {
        /// k
        threshold: u8,
        /// m
        registrars: usize,
    },
    /// Lists must be ascending and without repetition.
    #[error("{0} must be sorted and distinct")]
    Unsorted(&'static str),
    /// No name.
    #[error("a group needs a name")]
    NoName,
    /// One of the signatures is missing or wrong.
    #[error("the {0} has not signed this group")]
    Unsigned(&'static str),
}

fn ascending<T: Ord>(items: &[T]) -> bool {
    items.windows(2).all(|w| matches!(w, [a, b] if a < b))
}

impl GroupDefinition {
    /// The group's id.
    pub fn id(&self) -> GroupId {
        GroupId(Hasher::new(domain::GROUP).chain(self.to_bytes()).finish())
    }

    /// Position of a class.
    pub fn class_index(&self, class: &ClassName) -> Option<usize> {
        self.classes.iter().position(|c| c == class)
    }

    /// Checks what the encoding alone doesn't.
    pub fn check(&self) -> Result<(), GroupError> {
        if self.name.trim().is_empty() {
            return Err(GroupError::NoName);
        }
        if !ascending(&self.registrars) {
            return Err(GroupError::Unsorted("registrars"));
        }
        if !ascending(&self.classes) {
            return Err(GroupError::Unsorted("classes"));
        }
        let (k, m) = (usize::from(self.threshold), self.registrars.len());
        if 2 * k <= m || k > m {
            return Err(GroupError::NoMajority {
                threshold: self.threshold,
                registrars: m,
            });
        }
        Ok(())
    }
}

impl Encode for GroupDefinition {
    fn encode(&self, w: &mut Writer) {
        self.fingerprint.encode(w);
        w.text(&self.name);
        w.raw(&self.nonce);
        w.u8(0); // GroupRoster::Growing
        w.list(&self.registrars);
        w.u8(self.threshold);
        w.list(&self.classes);
        w.list(&self.creators);
        self.creator.encode(w);
    }
}

impl Decode for GroupDefinition {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            fingerprint: Decode::decode(r)?,
            name: r.text("a group's name", MAX_NAME)?,
            nonce: r.array()?,
            roster: match r.u8()? {
                0 => GroupRoster::Growing,
                1 => return Err(DecodeError::Unsupported("a fixed roster")),
                _ => return Err(DecodeError::Invalid("a roster policy")),
            },
            registrars: r.list("registrars", MAX_REGISTRARS)?,
            threshold: r.u8()?,
            classes: r.list("classes", MAX_CLASSES)?,
            creators: r.list("creators", MAX_CREATORS)?,
            creator: Decode::decode(r)?,
        })
    }
}

/// A registrar's signature with its position in the definition's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrarSignature {
    /// Position in [`GroupDefinition::registrars`].
    pub registrar: u8,
    /// Over the group's id, or over an attestation.
    pub signature: Signature,
}

impl Encode for RegistrarSignature {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.registrar);
        self.signature.encode(w);
    }
}

impl Decode for RegistrarSignature {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            registrar: r.u8()?,
            signature: Decode::decode(r)?,
        })
    }
}

/// The log's entry that creates a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCreate {
    /// The group.
    pub definition: GroupDefinition,
    /// The creator's signature over the id.
    pub creator: Signature,
    /// Signatures over the id by at least `threshold` registrars, ascending.
    pub registrars: Vec<RegistrarSignature>,
}

impl GroupCreate {
    /// Checks the definition and all signatures over its id.
    pub fn check(&self) -> Result<GroupId, GroupError> {
        self.definition.check()?;
        let id = self.definition.id();
        self.definition
            .creator
            .verify(domain::SIGN_GROUP, id.as_bytes(), &self.creator)
            .map_err(|_| GroupError::Unsigned("creator"))?;
        check_quorum(
            &self.definition,
            domain::SIGN_GROUP,
            id.as_bytes(),
            &self.registrars,
        )?;
        Ok(id)
    }
}

/// Checks that at least k distinct registrars signed `message`; every signature given must be good.
fn check_quorum(
    group: &GroupDefinition,
    namespace: &str,
    message: &[u8],
    signatures: &[RegistrarSignature],
) -> Result<(), GroupError> {
    const FEW: GroupError = GroupError::Unsigned("quorum of registrars");
    if signatures.len() < usize::from(group.threshold) {
        return Err(FEW);
    }
    if !signatures
        .windows(2)
        .all(|w| matches!(w, [a, b] if a.registrar < b.registrar))
    {
        return Err(GroupError::Unsorted("registrars' signatures"));
    }
    for s in signatures {
        let key = group.registrars.get(usize::from(s.registrar)).ok_or(FEW)?;
        key.verify(namespace, message, &s.signature)
            .map_err(|_| FEW)?;
    }
    Ok(())
}

impl Encode for GroupCreate {
    fn encode(&self, w: &mut Writer) {
        self.definition.encode(w);
        self.creator.encode(w);
        w.list(&self.registrars);
    }
}

impl Decode for GroupCreate {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            definition: Decode::decode(r)?,
            creator: Decode::decode(r)?,
            registrars: r.list("signatures", MAX_REGISTRARS)?,
        })
    }
}

/// What registrars attest: this leaf belongs to this subject, bound to this record, in these classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The group.
    pub group: GroupId,
    /// Pseudonym of the person.
    pub subject: Subject,
    /// Commitment to the person's record.
    pub binder: Binder,
    /// The identity's commitment, not zero.
    pub leaf: FieldElement,
    /// Positions in [`GroupDefinition::classes`], ascending, distinct.
    pub classes: Vec<u16>,
}

impl Encode for Attestation {
    fn encode(&self, w: &mut Writer) {
        self.group.encode(w);
        self.subject.encode(w);
        self.binder.encode(w);
        self.leaf.encode(w);
        w.list(&self.classes);
    }
}

impl Decode for Attestation {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            group: Decode::decode(r)?,
            subject: Decode::decode(r)?,
            binder: Decode::decode(r)?,
            leaf: Decode::decode(r)?,
            classes: r.list("classes", MAX_CLASSES)?,
        })
    }
}

/// The log's entry that enrols a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// What the registrars attest.
    pub attestation: Attestation,
    /// At least k of them, ascending.
    pub registrars: Vec<RegistrarSignature>,
}

impl Enrol {
    /// Checks classes and signatures against the group.
    pub fn check(&self, group: &GroupDefinition) -> Result<(), GroupError> {
        let classes = &self.attestation.classes;
        if !ascending(classes)
            || classes
                .iter()
                .any(|c| usize::from(*c) >= group.classes.len())
        {
            return Err(GroupError::Unsorted("classes"));
        }
        check_quorum(
            group,
            domain::SIGN_ATTESTATION,
            &self.attestation.to_bytes(),
            &self.registrars,
        )
    }
}

impl Encode for Enrol {
    fn encode(&self, w: &mut Writer) {
        self.attestation.encode(w);
        w.list(&self.registrars);
    }
}

impl Decode for Enrol {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            attestation: Decode::decode(r)?,
            registrars: r.list("signatures", MAX_REGISTRARS)?,
        })
    }
}

/// What a reveal may publish of a person: nothing else is ever in the record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The name as it will be read.
    pub name: String,
    /// The classes it was enrolled with, ascending.
    pub classes: Vec<ClassName>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Record(redacted)")
    }
}

impl Record {
    /// The commitment of this record under a 32-byte salt.
    pub fn binder(&self, salt: &[u8; 32]) -> Binder {
        Binder(
            Hasher::new(domain::BINDER)
                .chain_var(self.to_bytes())
                .chain(salt)
                .finish(),
        )
    }
}

impl Encode for Record {
    fn encode(&self, w: &mut Writer) {
        w.text(&self.name);
        w.list(&self.classes);
    }
}

impl Decode for Record {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.text("a record's name", MAX_RECORD_NAME)?,
            classes: r.list("classes", MAX_CLASSES)?,
        })
    }
}

/// Canonical identifier of a person: the contact if there is one, else the name; NFC, trimmed, case-folded.
/// Two rows of a roster with one identifier are one person.
pub fn canonical_identifier(name: &str, contact: Option<&str>) -> String {
    let text = contact
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .unwrap_or(name);
    text.trim()
        .nfc()
        .flat_map(char::to_lowercase)
        .nfc()
        .collect()
}

fn keyed(secret: &[u8; 32], domain: &str, group: &GroupId, identifier: &str) -> [u8; 32] {
    // HMAC takes keys of any length, so this can't fail.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(domain.as_bytes());
    mac.update(group.as_bytes());
    mac.update(identifier.as_bytes());
    mac.finalize().into_bytes().into()
}

/// Pseudonym of a person in a group, under the registrars' shared 32-byte secret.
pub fn subject(secret: &[u8; 32], group: &GroupId, identifier: &str) -> Subject {
    Subject(crate::hash::Digest(keyed(
        secret,
        domain::SUBJECT,
        group,
        identifier,
    )))
}

/// Salt of a person's binder in a group, under the registrars' shared 32-byte secret.
pub fn salt(secret: &[u8; 32], group: &GroupId, identifier: &str) -> [u8; 32] {
    keyed(secret, domain::SALT, group, identifier)
}

/// What a member signs with their identity (EdDSA-Poseidon) to show a registrar that they hold the
/// secret of `leaf`: SHA-256 over (group, leaf, binder) with the top byte dropped, so that it is a field element.
pub fn enrolment_message(group: &GroupId, leaf: &Fr, binder: &Binder) -> Fr {
    let digest = Hasher::new(domain::ENROL)
        .chain(group)
        .chain(crate::field::fr_to_bytes(leaf))
        .chain(binder)
        .finish();
    digest_to_field(&digest)
}

/// A digest as a field element: big endian with the top byte dropped (248 bits, always canonical).
pub fn digest_to_field(digest: &crate::hash::Digest) -> Fr {
    use ark_ff::PrimeField as _;
    Fr::from_be_bytes_mod_order(&digest.0[1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;
    use crate::hash::Digest;
    use crate::keys::SigningKey;

    fn signatures() -> Vec<RegistrarSignature> {
        let signature = |registrar| RegistrarSignature {
            registrar,
            signature: Signature([1; 64]),
        };
        (0..MAX_REGISTRARS as u8).map(signature).collect()
    }

    #[test]
    fn the_longest_entries_have_their_bounds() {
        let key = SigningKey::from_seed([1; 32]).public();
        let class = ClassName::new(&"c".repeat(MAX_CLASS_NAME)).unwrap();
        let definition = GroupDefinition {
            fingerprint: Fingerprint(Digest::ZERO),
            name: "n".repeat(MAX_NAME),
            nonce: [0; 16],
            roster: GroupRoster::Growing,
            registrars: vec![key; MAX_REGISTRARS],
            threshold: 9,
            classes: vec![class; MAX_CLASSES],
            creators: vec![key; MAX_CREATORS],
            creator: key,
        };
        let create = Entry::GroupCreate(GroupCreate {
            definition,
            creator: Signature([1; 64]),
            registrars: signatures(),
        });
        let bytes = create.to_bytes();
        assert_eq!(Entry::parse(&bytes), Ok(create));
        assert_eq!(bytes.len(), MAX_GROUP_CREATE);

        let enrol = Entry::Enrol(Enrol {
            attestation: Attestation {
                group: GroupId(Digest::ZERO),
                subject: Subject(Digest::ZERO),
                binder: Binder(Digest::ZERO),
                leaf: FieldElement(Fr::from(1u8)),
                classes: (0..MAX_CLASSES as u16).collect(),
            },
            registrars: signatures(),
        });
        let bytes = enrol.to_bytes();
        assert_eq!(Entry::parse(&bytes), Ok(enrol));
        assert_eq!(bytes.len(), MAX_ENROL);
    }
}
