//! Registrars and the people whom they attest.

use tacit_protocol::codec::Encode as _;
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::{
    Attestation, ClassName, Enrol, GroupCreate, GroupDefinition, GroupRoster, Record,
    RegistrarSignature, salt, subject,
};
use tacit_protocol::hash::domain;
use tacit_protocol::ids::{GroupId, Subject};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::semaphore::Identity;

use crate::{Committee, bytes};

/// A group's registrars.
pub struct Registrars {
    /// Their keys, by position.
    pub keys: Vec<SigningKey>,
    /// How many must attest.
    pub threshold: u8,
    secret: [u8; 32],
}

impl Registrars {
    /// `threshold` of `number` registrars.
    pub fn new(label: &str, threshold: u8, number: usize) -> Self {
        let mut keys: Vec<SigningKey> = (0..number)
            .map(|i| SigningKey::from_seed(bytes(&format!("{label} registrar"), i as u64)))
            .collect();
        keys.sort_by_key(SigningKey::public);
        Self {
            keys,
            threshold,
            secret: bytes(&format!("{label} registrars' secret"), 0),
        }
    }

    /// A group of theirs. `classes` are ascending.
    pub fn define(&self, committee: &Committee, name: &str, classes: &[&str]) -> GroupDefinition {
        GroupDefinition {
            fingerprint: committee.fingerprint,
            name: name.into(),
            nonce: [9; 16],
            roster: GroupRoster::Growing,
            registrars: self.keys.iter().map(SigningKey::public).collect(),
            threshold: self.threshold,
            classes: classes
                .iter()
                .map(|c| ClassName::new(c).expect("a class"))
                .collect(),
            creators: Vec::new(),
            creator: committee.creator.public(),
        }
    }

    /// The first registrars' positions: as many as it takes.
    pub fn quorum(&self) -> Vec<u8> {
        (0..self.threshold).collect()
    }

    /// Signs a group's creation by these registrars.
    pub fn create(
        &self,
        creator: &SigningKey,
        definition: GroupDefinition,
        by: &[u8],
    ) -> GroupCreate {
        let id = definition.id();
        GroupCreate {
            creator: creator.sign(domain::SIGN_GROUP, id.as_bytes()),
            registrars: self.signatures(domain::SIGN_GROUP, id.as_bytes(), by),
            definition,
        }
    }

    /// A person of the roster, with an identity of their own.
    pub fn person(&self, definition: &GroupDefinition, name: &str, classes: &[u16]) -> Member {
        let group = definition.id();
        let record = Record {
            name: name.into(),
            classes: classes
                .iter()
                .map(|c| definition.classes[usize::from(*c)].clone())
                .collect(),
        };
        Member {
            group,
            subject: subject(&self.secret, &group, name),
            salt: salt(&self.secret, &group, name),
            identity: Identity::from_key(name.as_bytes()).expect("an identity"),
            record,
            classes: classes.to_vec(),
        }
    }

    /// Attests a member by these registrars.
    pub fn attest(&self, attestation: Attestation, by: &[u8]) -> Enrol {
        Enrol {
            registrars: self.signatures(domain::SIGN_ATTESTATION, &attestation.to_bytes(), by),
            attestation,
        }
    }

    /// Enrols a member as registrars do.
    pub fn enrol(&self, member: &Member) -> Enrol {
        self.attest(member.attestation(), &self.quorum())
    }

    fn signatures(&self, namespace: &str, message: &[u8], by: &[u8]) -> Vec<RegistrarSignature> {
        by.iter()
            .map(|registrar| RegistrarSignature {
                registrar: *registrar,
                signature: self.keys[usize::from(*registrar)].sign(namespace, message),
            })
            .collect()
    }
}

/// A person with their identity and what registrars know.
#[derive(Clone)]
pub struct Member {
    /// The group.
    pub group: GroupId,
    /// Their pseudonym in it.
    pub subject: Subject,
    /// Their secret.
    pub identity: Identity,
    /// What a reveal publishes.
    pub record: Record,
    /// Salt of their binder.
    pub salt: [u8; 32],
    /// Positions of their classes.
    pub classes: Vec<u16>,
}

impl Member {
    /// What registrars attest of them.
    pub fn attestation(&self) -> Attestation {
        Attestation {
            group: self.group,
            subject: self.subject,
            binder: self.record.binder(&self.salt),
            leaf: self.leaf(),
            classes: self.classes.clone(),
        }
    }

    /// Their leaf.
    pub fn leaf(&self) -> FieldElement {
        FieldElement(self.identity.commitment())
    }

    /// Their name.
    pub fn name(&self) -> &str {
        &self.record.name
    }
}
