//! Proofs that are moved, copied or remade, and payloads that don't say what they should.

use tacit_circuits::BadProofs;
use tacit_client::open::{Name, Withheld};
use tacit_client::payload::PayloadError;
use tacit_client::seal::Sealed;
use tacit_ledger::{Admission, Claim};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::StatementId;
use tacit_protocol::signature::{Sign, payload_hash};
use tacit_protocol::statement::Status;
use tacit_test_world::Log;
use tacit_test_world::log::verify_claims;
use tacit_test_world::signing::{encrypt, noise, plaintext, rerandomized};

use crate::lives::{SENATORS, fails, hamlet, holds, village};

/// The proofs that an entry stands on.
#[track_caller]
fn claims(log: &mut Log, sign: &Sign) -> Vec<Claim> {
    match log
        .proposer
        .admit(&Entry::Sign(sign.clone()).to_bytes())
        .unwrap()
    {
        Admission::Valid(effects) => effects.claims,
        other => panic!("{other:?}"),
    }
}

/// A statement's signatures in the log, with their bodies.
fn signatures(log: &Log, id: &StatementId) -> Vec<Sealed> {
    let entries = log.proposer.signature_entries(id).unwrap();
    let sealed = entries
        .iter()
        .map(|e| match Entry::parse(&e.entry).unwrap() {
            Entry::Sign(sign) => Sealed {
                body: log.bodies[&sign.ct.to_le_bytes()].clone(),
                sign,
            },
            other => panic!("{other:?}"),
        });
    sealed.collect()
}

#[test]
fn a_proof_holds_where_it_was_made_and_nowhere_else() {
    let village = village();
    let signed = signatures(&village.told.at(village.triggered_at), &village.opened);
    let [first, second] = [&signed[0].sign, &signed[1].sign];
    let mut log = village.told.at(village.collecting_at);
    let good = claims(&mut log, second);
    assert_eq!(verify_claims(&claims(&mut log, first)), Ok(()));

    let s = || first.clone();
    let mut flipped = s();
    flipped.proof[40] ^= 1;
    for (what, moved) in [
        (
            "another payload",
            Sign {
                payload_hash: Digest([1; 32]),
                ..s()
            },
        ),
        (
            "the payload of another member",
            Sign {
                payload_hash: second.payload_hash,
                ..s()
            },
        ),
        (
            "another statement",
            Sign {
                statement: village.erased,
                ..s()
            },
        ),
        (
            "a class",
            Sign {
                class: Some(SENATORS),
                ..s()
            },
        ),
        (
            "another ciphertext",
            Sign {
                ct: second.ct,
                ..s()
            },
        ),
        (
            "a second nullifier",
            Sign {
                nullifier: FieldElement(first.nullifier.0 + Fr::from(1u8)),
                ..s()
            },
        ),
        (
            "another member's nullifier",
            Sign {
                nullifier: second.nullifier,
                ..s()
            },
        ),
        (
            "another signature",
            Sign {
                proof: second.proof,
                ..s()
            },
        ),
        ("other bytes", flipped),
        (
            "no proof",
            Sign {
                proof: [0; 128],
                ..s()
            },
        ),
    ] {
        let mut batch = good.clone();
        batch.extend(claims(&mut log, &moved));
        assert_eq!(
            verify_claims(&batch),
            Err(BadProofs(vec![1])),
            "moved to {what}"
        );
    }
}

#[test]
fn a_proof_for_a_class_does_not_count_for_everybody_or_another_committee() {
    let village = village();
    let last = village.told.at(village.expired_at);
    let classy = signatures(&last, &village.classy)[0].sign.clone();
    let mut log = village.told.at(village.collecting_at);
    assert_eq!(verify_claims(&claims(&mut log, &classy)), Ok(()));
    let for_all = Sign {
        class: None,
        ..classy.clone()
    };
    assert_eq!(
        verify_claims(&claims(&mut log, &for_all)),
        Err(BadProofs(vec![0]))
    );

    let hamlet = hamlet();
    let mut log = hamlet.told.at(hamlet.collecting_at);
    let moved = Sign {
        statement: hamlet.statement,
        class: None,
        ..classy
    };
    assert_eq!(
        verify_claims(&claims(&mut log, &moved)),
        Err(BadProofs(vec![0]))
    );
}

#[test]
fn a_remade_proof_of_a_signature_is_that_signature() {
    let village = village();
    let mut log = village.told.at(village.triggered_at);
    let signed = signatures(&log, &village.opened);
    let again = rerandomized(&signed[2].sign);
    // It is a good proof of the very same thing,
    let mut before = village.told.at(village.collecting_at);
    assert_eq!(verify_claims(&claims(&mut before, &again)), Ok(()));
    // so whoever sends it hears where the first one is, and no block takes it.
    let first = log.proposer.signatures(&village.opened).unwrap()[2].height;
    let bytes = Entry::Sign(again.clone()).to_bytes();
    match log.proposer.admit(&bytes).unwrap() {
        Admission::Final { height, index } => assert_eq!((height, index), (first, 0)),
        other => panic!("{other:?}"),
    }
    before.sign(&signed[2..3]);
    let refusals = before.refusals(&bytes);
    assert_eq!(refusals.check, Some("nullifier-spent"));
    assert_eq!(before.view(&village.opened).count, 1);
}

/// A life of the hamlet's statement in which these sign, whatever their proofs are.
fn life(sealed: &[Sealed]) -> tacit_protocol::proof::Bundle {
    let hamlet = hamlet();
    let mut log = hamlet.told.at(hamlet.collecting_at);
    log.proofs = false;
    log.sign(sealed);
    assert_eq!(log.status(&hamlet.statement), Status::Triggered);
    log.reveal(&hamlet.statement, &[0, 2, 3]);
    log.bundle(&hamlet.statement)
}

#[test]
fn a_bundle_with_a_moved_proof_is_refused_by_the_proofs_position() {
    let hamlet = hamlet();
    let log = hamlet
        .told
        .at(hamlet.told.at(hamlet.collecting_at).height() + 1);
    let signed = signatures(&log, &hamlet.statement);
    let fingerprint = hamlet.told.fingerprint();
    holds(&life(&signed), fingerprint);

    // The second signer's payload is exchanged on its way into the log, by a committee that doesn't look.
    let mut moved = signed.clone();
    moved[1].body.payload = vec![0; moved[1].body.payload.len()];
    moved[1].sign.payload_hash = payload_hash(&moved[1].body.payload);
    fails(
        &life(&moved),
        fingerprint,
        "proofs",
        "the proof of signature 1 does not hold",
    );

    // Somebody counts twice, under a nullifier that nobody has.
    let mut twice = signed.clone();
    twice[0] = twice[1].clone();
    twice[0].sign.nullifier = FieldElement(Fr::from(7u8));
    fails(
        &life(&twice),
        fingerprint,
        "proofs",
        "the proof of signature 0 does not hold",
    );

    let mut none = signed;
    none[1].sign.proof = [0; 128];
    fails(
        &life(&none),
        fingerprint,
        "proofs",
        "signature 1 has a malformed proof",
    );
}

#[test]
fn who_seals_another_ones_name_is_listed_as_a_member_whose_record_is_withheld() {
    let hamlet = hamlet();
    let [mia, ned, oda] = &hamlet.told.members[..] else {
        panic!("three members")
    };
    let mut log = hamlet.told.at(hamlet.collecting_at);
    let as_oda = plaintext(oda);
    let drafts = [
        log.draft(&hamlet.statement, mia, None, |keying| {
            encrypt(&as_oda, keying)
        }),
        log.draft(&hamlet.statement, ned, None, noise),
    ];
    let sealed = drafts.map(|draft| draft.prove(&mut log));
    let report = holds(&life(&sealed), hamlet.told.fingerprint());
    let names = report.verified.unwrap().names.unwrap();
    assert_eq!(names[0].leaf, mia.leaf(), "they can't hide their leaf");
    assert_eq!(names[0].name, Name::Withheld(Withheld::Binder));
    assert_eq!(names[1].leaf, ned.leaf());
    let noise = Withheld::Payload(PayloadError::Decryption);
    assert_eq!(names[1].name, Name::Withheld(noise));
    let detail = &report
        .checks
        .iter()
        .find(|c| c.name == "names")
        .unwrap()
        .detail;
    assert!(
        detail.contains("2 of them withhold their record"),
        "{detail}"
    );
}

#[test]
fn what_is_encrypted_by_the_book_opens_as_the_clients_own() {
    // Nothing but the nonce differs between the client's sealing and a second way to it.
    let hamlet = hamlet();
    let mut log = hamlet.told.at(hamlet.collecting_at);
    let sealed: Vec<Sealed> = hamlet.told.members[..2]
        .iter()
        .map(|m| {
            log.draft(&hamlet.statement, m, None, |k| encrypt(&plaintext(m), k))
                .prove(&mut log)
        })
        .collect();
    let report = holds(&life(&sealed), hamlet.told.fingerprint());
    let names = report.verified.unwrap().names.unwrap();
    for (opened, member) in names.iter().zip(&hamlet.told.members) {
        assert_eq!(opened.name, Name::Record(member.record.clone()));
    }
}
