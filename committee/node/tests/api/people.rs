//! The people of the tests: a group of six with two senators, its registrars, and statements.

use std::{collections::BTreeMap, sync::Mutex};

use tacit_circuits::{Nonce, SealingPublic, SealingWitness, prove, seal_point, seeded_rng};
use tacit_protocol::{
    codec::Encode as _,
    entry::Entry,
    field::{FieldElement, Fr},
    group::{
        Attestation, ClassName, Enrol, GroupCreate, GroupDefinition, GroupRoster, Record,
        RegistrarSignature, subject,
    },
    hash::domain,
    ids::{GroupId, StatementId},
    keys::SigningKey,
    lean_imt::LeanImt,
    proof::Submission,
    semaphore::{Identity, statement_scope},
    signature::{PAYLOAD_SIZES, SealedBody, Sign, TAG_BYTES, payload_hash},
    statement::{CountPolicy, RosterPolicy, Statement, StatementPropose},
    trigger::Trigger,
};

use crate::{
    committee::{FOUNDED_MS, creator, operators, public_keys},
    log::TestLog,
};

pub const MEMBERS: u8 = 6;

pub fn bytes(entry: Entry) -> Vec<u8> {
    entry.to_bytes()
}

/// An entry without a body, as it is submitted.
pub fn plain(entry: Entry) -> Vec<u8> {
    Submission {
        entry: entry.to_bytes(),
        body: None,
    }
    .to_bytes()
}

fn registrars() -> Vec<SigningKey> {
    let mut keys: Vec<_> = (50..53).map(|i| SigningKey::from_seed([i; 32])).collect();
    keys.sort_by_key(SigningKey::public);
    keys
}

pub fn definition(nonce: u8) -> GroupDefinition {
    GroupDefinition {
        fingerprint: operators().fingerprint,
        name: "The Quiet Society".into(),
        nonce: [nonce; 16],
        roster: GroupRoster::Growing,
        registrars: public_keys(&registrars()),
        threshold: 2,
        classes: vec![ClassName::new("senators").unwrap()],
        creators: vec![],
        creator: creator().public(),
    }
}

fn attest(namespace: &str, message: &[u8], count: usize) -> Vec<RegistrarSignature> {
    let sign = |(registrar, key): (u8, SigningKey)| RegistrarSignature {
        registrar,
        signature: key.sign(namespace, message),
    };
    (0u8..).zip(registrars()).take(count).map(sign).collect()
}

pub fn create_group(nonce: u8) -> Entry {
    create_group_by(2, nonce)
}

/// A group's creation, signed by so many registrars: another number, another entry.
pub fn create_group_by(registrars: usize, nonce: u8) -> Entry {
    let definition = definition(nonce);
    let id = definition.id();
    Entry::GroupCreate(GroupCreate {
        creator: creator().sign(domain::SIGN_GROUP, id.as_bytes()),
        registrars: attest(domain::SIGN_GROUP, id.as_bytes(), registrars),
        definition,
    })
}

pub fn member(i: u8) -> Identity {
    Identity::from_key(&[i + 1; 32]).unwrap()
}

pub fn enrol(group: GroupId, i: u8) -> Entry {
    enrol_by(2, group, i)
}

/// A member's enrolment, attested by so many registrars: another number, another entry.
pub fn enrol_by(registrars: usize, group: GroupId, i: u8) -> Entry {
    let record = Record {
        name: format!("Member {i}"),
        classes: vec![],
    };
    let attestation = Attestation {
        group,
        subject: subject(&[7; 32], &group, &record.name),
        binder: record.binder(&[i; 32]),
        leaf: FieldElement(member(i).commitment()),
        classes: if i < 2 { vec![0] } else { vec![] },
    };
    Entry::Enrol(Enrol {
        registrars: attest(
            domain::SIGN_ATTESTATION,
            &attestation.to_bytes(),
            registrars,
        ),
        attestation,
    })
}

/// A group of all members in the log.
pub fn found_group(log: &TestLog, nonce: u8) -> GroupId {
    let id = definition(nonce).id();
    log.block(&[bytes(create_group(nonce))]);
    let entries: Vec<_> = (0..MEMBERS).map(|i| bytes(enrol(id, i))).collect();
    log.block(&entries);
    id
}

pub fn statement(group: GroupId, text: &str) -> Statement {
    let operators = operators();
    Statement {
        fingerprint: operators.fingerprint,
        epoch: 0,
        group,
        text: text.into(),
        trigger: Trigger::parse("count >= 3").unwrap(),
        deadline_ms: FOUNDED_MS + 1_000_000_000,
        count_policy: CountPolicy::Live,
        roster_policy: RosterPolicy::Frozen,
        circuit: operators.founding().circuits[0].circuit,
        creator: creator().public(),
        nonce: [0; 16],
    }
}

pub fn propose(statement: Statement) -> Entry {
    Entry::StatementPropose(StatementPropose::sign(statement, &creator()))
}

/// A group and a statement that takes its members' signatures.
pub fn collecting(log: &TestLog) -> (GroupId, StatementId) {
    let group = found_group(log, 1);
    let statement = statement(group, "We keep the library open.");
    let id = statement.id();
    log.block(&[bytes(propose(statement))]);
    log.make_key(&id);
    (group, id)
}

fn tree(leaves: impl IntoIterator<Item = u8>) -> LeanImt {
    let leaves: Vec<Fr> = leaves.into_iter().map(|i| member(i).commitment()).collect();
    LeanImt::from_leaves(&leaves).unwrap()
}

/// A member's sealed signature with its body, sealed with the nonce that `nonce` seeds and proven
/// with the randomness that `proof` seeds.
pub fn sign(log: &TestLog, id: StatementId, i: u8, nonce: u8, proof: u8) -> Submission {
    type Made = BTreeMap<(StatementId, u8, u8, u8), Submission>;
    static MADE: Mutex<Made> = Mutex::new(BTreeMap::new());
    // A statement's key is the same in every test, so a proof is made once.
    let mut made = MADE.lock().unwrap();
    let submission = made.entry((id, i, nonce, proof));
    submission
        .or_insert_with(|| seal(log, id, i, nonce, proof))
        .clone()
}

fn seal(log: &TestLog, id: StatementId, i: u8, nonce: u8, proof: u8) -> Submission {
    let opening = log.with(|m| m.ledger().statement(&id).unwrap().unwrap().opening.unwrap());
    let tree = tree(0..MEMBERS);
    let path = tree.proof(u64::from(i)).unwrap();
    let (member, scope) = (member(i), statement_scope(&id));
    let draw = |seed| Nonce::random(&mut seeded_rng([seed; 32]));
    let sealed = seal_point(&draw(nonce), &opening.k, member.commitment()).unwrap();
    let body = SealedBody {
        c1: sealed.c1,
        c2: FieldElement(sealed.c2),
        payload: vec![i; PAYLOAD_SIZES[0] + TAG_BYTES],
    };
    let mut sign = Sign {
        statement: id,
        class: None,
        floor: 0,
        nullifier: FieldElement(member.nullifier(scope)),
        ct: FieldElement(sealed.ct),
        payload_hash: payload_hash(&body.payload),
        proof: [0; 128],
    };
    let public = SealingPublic {
        root: tree.root().unwrap(),
        nullifier: sign.nullifier.0,
        scope,
        key: opening.k,
        ct: sealed.ct,
        context: sign.context(),
    };
    let witness = SealingWitness::new(&member, draw(nonce), path);
    let proof = prove(
        &operators().proving,
        &public,
        &witness,
        &mut seeded_rng([proof; 32]),
    );
    sign.proof = proof.unwrap().to_bytes();
    Submission {
        entry: bytes(Entry::Sign(sign)),
        body: Some(body),
    }
}
