//! The adapters: claims and needs as the consensus gets them, proofs by type, bodies in the vault.

use bytes::Bytes;
use tacit_ledger::Ledger;
use tacit_node::{
    adapters::{LedgerMachine, SealingVerifier},
    block::{LogBlock, entry_id},
    machine::{
        Admission, BodyFault, BodyKey, BodyNeed, BodyStore as _, Checked, ProofClaim,
        ProofVerifier as _, StateMachine as _,
    },
};
use tacit_protocol::{
    codec::{Decode as _, Encode as _},
    entry::Entry,
    hash::Digest,
    ids::StatementId,
    proof::Submission,
    signature::SealedBody,
};
use tacit_vault::SlotState;

use crate::{
    committee::operators,
    log::TestLog,
    people::{self, collecting, create_group, sign},
};

fn verifier() -> SealingVerifier {
    let circuit = operators().founding().circuits[0].circuit.0;
    SealingVerifier::new(circuit, &operators().verifying)
}

fn admitted(log: &TestLog, submission: &Submission) -> (ProofClaim, BodyNeed) {
    match log.with(|m| m.admit(&submission.entry)).unwrap() {
        Admission::Valid { claims, body } => {
            let [claim] = claims.try_into().unwrap();
            (claim, body.unwrap())
        }
        other => panic!("{other:?}"),
    }
}

fn body(submission: &Submission) -> Bytes {
    submission.body.as_ref().unwrap().to_bytes().into()
}

#[test]
fn a_signatures_claim_and_need_say_what_stands_on_what() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    let submission = sign(&log, id, 0, 1, 1);
    let Ok(Entry::Sign(parsed)) = Entry::parse(&submission.entry) else {
        unreachable!()
    };
    let (claim, need) = admitted(&log, &submission);
    assert_eq!(claim.entry, entry_id(&submission.entry));
    assert_eq!(claim.circuit, operators().founding().circuits[0].circuit.0);
    assert_eq!(claim.public.len(), 7);
    assert_eq!(claim.proof, parsed.proof);
    let key = BodyKey {
        statement: id,
        id: parsed.body_id().0,
    };
    assert_eq!(need.key, key);
    assert_eq!(need.entry, submission.entry);

    // The same from a block, proposed and committed; then the entry is final where it is.
    let candidate = tacit_node::machine::Candidate {
        id: claim.entry,
        entry: submission.entry.clone().into(),
        proofs: 1,
    };
    let refused = tacit_node::machine::Candidate {
        id: entry_id(b"junk"),
        entry: Bytes::from_static(b"junk"),
        proofs: 0,
    };
    let candidates = [refused.into(), candidate.into()];
    log.with(|machine| {
        let time = machine.applied().timestamp_ms + 1;
        let built = machine.build(&[], time, &candidates).unwrap();
        assert_eq!(built.refused, [entry_id(b"junk")]);
        assert_eq!(built.bodies, std::slice::from_ref(&need));
        let block = LogBlock::new(built.block);
        let Checked::Valid { claims, bodies } = machine.check(&[], &block).unwrap() else {
            panic!("valid")
        };
        assert_eq!((claims, bodies), (vec![claim], vec![need.clone()]));
        assert_eq!(machine.commit(&block).unwrap().bodies, [need]);
        assert_eq!(machine.applied().digest, block.id());
        // Delivered again: nothing.
        assert!(machine.commit(&block).unwrap().bodies.is_empty());
        match machine.admit(&submission.entry).unwrap() {
            Admission::Final(position) => {
                assert_eq!((position.height, position.index), (block.number(), 0));
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn blocks_are_built_and_checked_on_ancestors_that_are_not_applied() {
    let ledger = Ledger::in_memory(operators().founding().clone()).unwrap();
    let mut machine = LedgerMachine::new(ledger).unwrap();
    let candidate = |entry: Vec<u8>| {
        std::sync::Arc::new(tacit_node::machine::Candidate {
            id: entry_id(&entry),
            entry: entry.into(),
            proofs: 0,
        })
    };
    let time = machine.applied().timestamp_ms;
    let group = candidate(people::bytes(create_group(1)));
    let first = machine
        .build(&[], time + 1, std::slice::from_ref(&group))
        .unwrap();
    let first = std::sync::Arc::new(LogBlock::new(first.block));
    let id = people::definition(1).id();
    let member = candidate(people::bytes(people::enrol(id, 0)));
    // The group is in the ancestor, so its member is valid there, and a second group isn't.
    let candidates = [group.clone(), member.clone()];
    let second = machine
        .build(std::slice::from_ref(&first), time + 2, &candidates)
        .unwrap();
    assert_eq!(second.refused, [group.id]);
    assert_eq!(second.block.entries, [member.entry.to_vec()]);
    let second = LogBlock::new(second.block);
    let valid = machine.check(&[first], &second).unwrap();
    assert!(matches!(valid, Checked::Valid { .. }));
    match machine.check(&[], &second).unwrap() {
        Checked::Invalid(refusal) => assert_eq!(refusal.code, "parent"),
        other => panic!("{other:?}"),
    }
    assert_eq!(machine.applied().height, 0);
}

#[test]
fn good_proofs_hold_alone_and_together_and_a_bad_one_is_named() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    let claims: Vec<_> = (0..3)
        .map(|i| admitted(&log, &sign(&log, id, i, i + 1, 1)).0)
        .collect();
    let verifier = verifier();
    let nothing: [usize; 0] = [];
    assert_eq!(verifier.verify(&[], [0; 32]), nothing);
    assert_eq!(verifier.verify(&claims[..1], [1; 32]), nothing);
    assert_eq!(verifier.verify(&claims, [2; 32]), nothing);
    // A proof that was moved to another signature, and one that isn't a proof.
    let mut mixed = claims.clone();
    mixed[1].proof = claims[0].proof.clone();
    assert_eq!(verifier.verify(&mixed, [3; 32]), [1]);
    assert_eq!(verifier.verify(&mixed[1..2], [4; 32]), [0]);
    mixed[0].proof.push(0);
    assert_eq!(verifier.verify(&mixed, [5; 32]), [0, 1]);
}

#[test]
fn each_claim_that_cannot_be_verified_is_refused_by_name() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    let good = admitted(&log, &sign(&log, id, 0, 1, 1)).0;
    let verifier = verifier();
    assert!(verifier.decode(&good).is_ok());
    let broken = |change: fn(&mut ProofClaim)| {
        let mut claim = good.clone();
        change(&mut claim);
        assert_eq!(verifier.verify(std::slice::from_ref(&claim), [0; 32]), [0]);
        assert_eq!(
            verifier.verify(&[good.clone(), claim.clone()], [0; 32]),
            [1]
        );
        verifier.decode(&claim).map(drop).unwrap_err().to_string()
    };
    let found = [
        broken(|c| c.circuit = Digest([9; 32])),
        broken(|c| c.public.truncate(6)),
        broken(|c| c.public.push([0; 32])),
        // Above the field's order: it would pass for another value.
        broken(|c| c.public[1] = [0xff; 32]),
        // Not on the curve.
        broken(|c| c.public[3] = c.public[4]),
        broken(|c| c.proof.push(0)),
        broken(|c| c.proof.truncate(127)),
        broken(|c| c.proof[..32].fill(0xff)),
    ];
    assert_eq!(
        found,
        [
            "the claim is about another circuit",
            "the claim has 6 public inputs",
            "the claim has 8 public inputs",
            "public input 1 is not canonical",
            "the committee's key is not one: not the canonical encoding of a point on the curve",
            "a proof has 128 bytes, not 129",
            "a proof has 128 bytes, not 127",
            "a point of the proof is not on its curve or not in its subgroup",
        ]
    );
}

#[test]
fn only_the_body_that_was_sealed_with_a_signature_fits_it() {
    let log = TestLog::new();
    let (_, id) = collecting(&log);
    let (submission, other) = (sign(&log, id, 0, 1, 1), sign(&log, id, 1, 2, 1));
    let (_, need) = admitted(&log, &submission);
    let good = body(&submission);
    assert_eq!(log.bodies.check(&need, &good), Ok(()));
    let refused = |need: &BodyNeed, body: &[u8]| match log.bodies.check(need, body) {
        Err(BodyFault::Mismatch(refusal)) => refusal.code,
        Ok(()) => "fits",
    };
    assert_eq!(refused(&need, &body(&other)), "body-mismatch");
    let mut payload = SealedBody::from_bytes(&good).unwrap();
    payload.payload[0] ^= 1;
    assert_eq!(refused(&need, &payload.to_bytes()), "body-mismatch");
    assert_eq!(refused(&need, &good[1..]), "body-malformed");
    assert_eq!(
        refused(&need, &[&good[..], &[0]].concat()),
        "body-malformed"
    );
    let no_signature = BodyNeed {
        key: need.key,
        entry: people::bytes(create_group(1)).into(),
    };
    assert_eq!(refused(&no_signature, &good), "no-signature");
}

#[test]
fn bodies_are_kept_until_their_statement_is_closed() {
    let log = TestLog::new();
    let store = &log.bodies;
    let statement = |n| StatementId(Digest([n; 32]));
    let key = |s, ct| BodyKey {
        statement: statement(s),
        id: [ct; 32],
    };
    let batch = [
        (key(1, 1), Bytes::from_static(b"one")),
        (key(2, 1), Bytes::from_static(b"two")),
        (key(1, 2), Bytes::from_static(b"three")),
    ];
    assert_eq!(store.get(&key(1, 1)).unwrap(), None);
    assert!(!store.has(&key(1, 1)).unwrap());
    assert!(store.put_all(&batch).unwrap());
    for (key, body) in &batch {
        assert!(store.has(key).unwrap());
        assert_eq!(store.get(key).unwrap().as_ref(), Some(body));
    }
    assert!(!store.has(&key(2, 2)).unwrap());

    assert!(!store.closed(&statement(1)));
    log.vault.erase(&statement(1)).unwrap();
    assert!(store.closed(&statement(1)));
    assert_eq!(store.get(&key(1, 1)).unwrap(), None);
    // Those of a closed statement are skipped, and that is said; others are kept.
    let mixed = [(key(1, 3), Bytes::new()), (key(2, 3), Bytes::new())];
    assert!(!store.put_all(&mixed).unwrap());
    assert!(!store.has(&key(1, 3)).unwrap());
    assert!(store.has(&key(2, 3)).unwrap());
    assert!(matches!(
        log.vault.state(&statement(1)),
        SlotState::Erased(_)
    ));
}

#[test]
fn more_bodies_than_one_write_takes_are_kept_all_the_same() {
    let log = TestLog::new();
    let statement = StatementId(Digest([1; 32]));
    let key = |n: u16| {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        BodyKey { statement, id }
    };
    let many = tacit_vault::limits::MAX_BATCH as u16 + 1;
    let batch: Vec<_> = (0..many)
        .map(|n| (key(n), Bytes::from_static(b"b")))
        .collect();
    assert!(log.bodies.put_all(&batch).unwrap());
    assert!((0..many).all(|n| log.bodies.has(&key(n)).unwrap()));
}
