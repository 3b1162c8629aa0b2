//! Sealing a signature: the one thing that a member's secret does after enrolment.
//!
//! A nonce is drawn for each sealing and never leaves. Whoever calls [`seal`] saves the result before
//! they send it, and sends nothing else for this statement: two sealings of one member are two
//! ciphertexts under one nullifier, of which the log takes one, and nobody could say which was meant.

use std::fmt;

use tacit_circuits::keys::KeyError;
use tacit_circuits::{
    CIRCUIT_ID, CryptoRng, Nonce, ProveError, ProvingKey, RngCore, SealingPublic, SealingWitness,
    prove, seal_point,
};
use tacit_protocol::chain::Opening;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::field::FieldElement;
use tacit_protocol::founding::{CircuitKeys, Founding, FoundingError};
use tacit_protocol::group::Record;
use tacit_protocol::ids::{CircuitId, StatementId};
use tacit_protocol::lean_imt::LeanImtError;
use tacit_protocol::point::PointError;
use tacit_protocol::proof::Submission;
use tacit_protocol::semaphore::{Identity, statement_scope};
use tacit_protocol::signature::{ContextKind, SealedBody, Sign, context, payload_hash};
use thiserror::Error;

use crate::payload::{self, Keying, PayloadError, Plaintext};
use crate::roster::Frozen;

/// Why a key isn't the one to prove with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealingKeyError {
    /// The founding file names no circuit.
    #[error(transparent)]
    Founding(#[from] FoundingError),
    /// The founding file names a circuit that this program doesn't have.
    #[error("the committee uses the circuit {0}, which this program does not know")]
    UnknownCircuit(CircuitId),
    /// Not the bytes that the founding file names, or no key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The verifying key inside isn't the one that nodes check proofs with.
    #[error("the proving key is not of the committee's verifying key")]
    OtherVerifyingKey,
}

/// The proving key that a founding file names: there is no other way to make one of these.
pub struct SealingKey {
    key: ProvingKey,
    pinned: CircuitKeys,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.pinned.proving_key)
    }
}

impl SealingKey {
    /// Loads the bytes that the founding file names and checks every point in them (about a second).
    /// A key that one was merely handed may be made to make proofs that give the secret away.
    pub fn load(bytes: &[u8], founding: &Founding) -> Result<Self, SealingKeyError> {
        Self::load_with(bytes, founding, ProvingKey::load_validated)
    }

    /// As [`SealingKey::load`], for bytes that went through it before: the hash says that they are the same.
    pub fn load_again(bytes: &[u8], founding: &Founding) -> Result<Self, SealingKeyError> {
        Self::load_with(bytes, founding, ProvingKey::load)
    }

    fn load_with(
        bytes: &[u8],
        founding: &Founding,
        load: fn(&[u8], &tacit_protocol::hash::Digest) -> Result<ProvingKey, KeyError>,
    ) -> Result<Self, SealingKeyError> {
        let pinned = founding.sealing()?.clone();
        if pinned.circuit != CIRCUIT_ID {
            return Err(SealingKeyError::UnknownCircuit(pinned.circuit));
        }
        let key = load(bytes, &pinned.proving_key)?;
        if key.verifying_key().hash() != pinned.verifying_key {
            return Err(SealingKeyError::OtherVerifyingKey);
        }
        Ok(Self { key, pinned })
    }
}

/// Who signs: their secret, and what binds them to a name.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The secret.
    pub identity: &'a Identity,
    /// The record that the registrars attested.
    pub record: &'a Record,
    /// The salt of its binder.
    pub salt: &'a [u8; 32],
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(redacted)")
    }
}

/// What is signed: certified facts, never a node's word.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The statement.
    pub statement: StatementId,
    /// Its key and roots.
    pub opening: &'a Opening,
    /// The roster with these roots.
    pub roster: &'a Frozen,
    /// Count for this class too, by its position in the group's definition: the crowd is then the class.
    pub class: Option<u16>,
}

/// Why a signature can't be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// The group has no such class.
    #[error("the group has no class number {0}")]
    NoSuchClass(u16),
    /// The signer isn't on the frozen roster.
    #[error("this identity is not a member as the statement froze the group")]
    NotAMember,
    /// The signer isn't in the class.
    #[error("this identity is not a member of the class as the statement froze it")]
    NotInClass,
    /// The record and salt don't open the binder that the log has for this leaf.
    #[error("the record and salt do not open this member's binder: the name would stay withheld")]
    Binder,
    /// The roster isn't the one that the opening froze.
    #[error("the roster is not the one that the statement froze")]
    Roster,
    /// No path to the leaf.
    #[error(transparent)]
    Path(#[from] LeanImtError),
    /// Can't happen: no nonce that is drawn makes a point the identity.
    #[error(transparent)]
    Point(#[from] PointError),
    /// The payload can't be made.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// No proof.
    #[error("no proof could be made: {0}")]
    Prove(#[from] ProveError),
}

/// A sealed signature, not sent yet: save it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// What the log gets.
    pub sign: Sign,
    /// What lies beside the log.
    pub body: SealedBody,
}

impl Sealed {
    /// The bytes that are saved and sent, now and each time again.
    pub fn submission(&self) -> Submission {
        Submission {
            entry: Entry::Sign(self.sign.clone()).to_bytes(),
            body: Some(self.body.clone()),
        }
    }
}

/// Seals a signature with a fresh nonce and proves it; the proof has been verified when this returns.
/// About a second.
///
/// `rng` must be the operating system's, or seeded from it ([`tacit_circuits::seeded_rng`]).
pub fn seal(
    target: &Target<'_>,
    signer: &Signer<'_>,
    testimony: Option<&str>,
    key: &SealingKey,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Sealed, SealError> {
    let leaf = signer.identity.commitment();
    let member = target.roster.member(&FieldElement(leaf));
    let member = member.ok_or(SealError::NotAMember)?;
    if signer.record.binder(signer.salt) != member.binder {
        return Err(SealError::Binder);
    }
    let tree = target.roster.tree(target.class);
    let tree = tree.ok_or(SealError::NoSuchClass(target.class.unwrap_or_default()))?;
    let position = tree.position(leaf).ok_or(SealError::NotInClass)?;
    let frozen = match target.class {
        None => Some(&target.opening.group),
        Some(class) => target.opening.classes.get(usize::from(class)),
    };
    let root = tree.root().ok_or(SealError::Roster)?;
    if frozen.and_then(|t| t.root) != Some(FieldElement(root)) {
        return Err(SealError::Roster);
    }

    let scope = statement_scope(&target.statement);
    let nullifier = signer.identity.nullifier(scope);
    let nonce = Nonce::random(rng);
    let k = target.opening.k;
    let point = seal_point(&nonce, &k, leaf)?;
    let plaintext = Plaintext {
        record: signer.record.clone(),
        salt: *signer.salt,
        testimony: testimony.map(str::to_string),
    };
    let keying = Keying {
        shared: point.shared,
        c1: point.c1,
        k,
        statement: target.statement,
        nullifier: FieldElement(nullifier),
    };
    let payload = payload::seal(&plaintext, &keying)?;
    let payload_hash = payload_hash(&payload);
    const FLOOR: u32 = 0;
    let public = SealingPublic {
        root,
        nullifier,
        scope,
        key: k,
        ct: point.ct,
        context: context(
            ContextKind::Sign,
            &target.statement,
            FLOOR,
            target.class,
            &payload_hash,
        ),
    };
    let witness = SealingWitness::new(signer.identity, nonce, tree.proof(position)?);
    // `prove` verifies what it made, under the verifying key that the founding file names.
    let proof = prove(&key.key, &public, &witness, rng)?;
    Ok(Sealed {
        sign: Sign {
            statement: target.statement,
            class: target.class,
            floor: FLOOR,
            nullifier: FieldElement(nullifier),
            ct: FieldElement(point.ct),
            payload_hash,
            proof: proof.to_bytes(),
        },
        body: SealedBody {
            c1: point.c1,
            c2: FieldElement(point.c2),
            payload,
        },
    })
}
