//! Groups, registrars and identities for this crate's tests.

use std::path::Path;

use tacit_protocol::field::{Scalar, SecretScalar};
use tacit_protocol::group::{ClassName, GroupDefinition, GroupRoster, enrolment_message};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, GroupId};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::semaphore::{EddsaSignature, Identity};

use super::{IssuedCode, Registrar};
use crate::approval;
use crate::roster::Roster;

pub(crate) fn seed(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32])
}

/// A group of these registrars, by creator `seed(100)`, with the classes `board` and `senators`.
pub(crate) fn definition(registrars: &[SigningKey]) -> GroupDefinition {
    let mut keys: Vec<_> = registrars.iter().map(SigningKey::public).collect();
    keys.sort();
    GroupDefinition {
        fingerprint: Fingerprint(Digest([5; 32])),
        name: "Town".into(),
        nonce: [6; 16],
        roster: GroupRoster::Growing,
        threshold: u8::try_from(keys.len() / 2 + 1).unwrap(),
        registrars: keys,
        classes: vec![
            ClassName::new("board").unwrap(),
            ClassName::new("senators").unwrap(),
        ],
        creators: Vec::new(),
        creator: seed(100).public(),
    }
}

pub(crate) fn roster(text: &str) -> Roster {
    Roster::parse(text.as_bytes()).unwrap()
}

pub(crate) fn identity(n: u64) -> Identity {
    Identity::from_scalar(SecretScalar::new(Scalar::from(n))).unwrap()
}

/// Registrars who share a secret, and the group that all of them approved.
pub(crate) fn registrars(folder: &Path, count: u8) -> (Vec<Registrar>, GroupDefinition) {
    let mut rng = getrandom::SysRng;
    let registrars: Vec<Registrar> = (0..count)
        .map(|i| {
            Registrar::init(
                &folder.join(i.to_string()),
                &format!("Registrar {i}"),
                Some(&[9; 32]),
                &mut rng,
            )
            .unwrap()
        })
        .collect();
    let keys: Vec<SigningKey> = registrars.iter().map(|r| r.key.clone()).collect();
    let mut group = approval::draft(definition(&keys), &seed(100)).unwrap();
    for registrar in &registrars {
        registrar.approve(&mut group).unwrap();
    }
    group.check().unwrap();
    (registrars, group.definition)
}

/// Invites a roster; the codes by name.
pub(crate) fn invite(
    registrar: &Registrar,
    group: &GroupId,
    text: &str,
) -> std::collections::BTreeMap<String, String> {
    let mut codes = std::collections::BTreeMap::new();
    let keep = |issued: &[IssuedCode]| {
        codes.extend(issued.iter().map(|i| (i.name.clone(), i.code.to_string())));
        Ok(())
    };
    registrar
        .invite(group, &roster(text), &mut getrandom::SysRng, keep)
        .unwrap();
    codes
}

/// The member's signature that goes with a code.
pub(crate) fn signature(
    registrar: &Registrar,
    group: &GroupId,
    code: &str,
    identity: &Identity,
) -> EddsaSignature {
    let binder = registrar.invitation(group, code).unwrap().binder;
    identity
        .sign(enrolment_message(group, &identity.commitment(), &binder))
        .unwrap()
}
