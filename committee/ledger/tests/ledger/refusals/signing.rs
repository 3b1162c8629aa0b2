//! Rules for signatures.

use tacit_ledger::Admission;
use tacit_protocol::chain::Event;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::StatementId;
use tacit_protocol::signature::{PROOF_BYTES, Sign};
use tacit_protocol::statement::Status;
use tacit_test_world::log::TICK_MS;
use tacit_test_world::{Log, Refusals};

use crate::story::{SENATORS, STEWARDS, refused, story, taken};

/// A good signature of a member who hasn't signed.
fn sixth(log: &mut Log, statement: &StatementId) -> Sign {
    log.paper(statement, &story().members[5], None).sign
}

#[test]
fn a_signature_of_no_statement_is_refused() {
    let story = story();
    let mut log = story.at(story.collecting);
    let good = sixth(&mut log, &story.open);
    taken(&mut log, &Entry::Sign(good.clone()));
    let nowhere = Sign {
        statement: StatementId(Digest([1; 32])),
        ..good
    };
    refused(&mut log, &Entry::Sign(nowhere), "unknown-statement");
}

#[test]
fn signatures_are_taken_only_while_a_statement_collects() {
    let story = story();
    let mut collecting = story.at(story.collecting);
    let open = Entry::Sign(sixth(&mut collecting, &story.open));
    let shut = Entry::Sign(sixth(&mut collecting, &story.shut));
    for (height, entry) in [
        (story.proposed, &open),
        (story.triggered, &open),
        (story.revealed, &open),
        (story.expired, &shut),
        (story.erased, &shut),
    ] {
        refused(&mut story.at(height), entry, "not-collecting");
    }
    taken(&mut story.at(story.signed), &open);
}

#[test]
fn a_signature_of_a_failed_statement_is_refused() {
    let story = story();
    let mut collecting = story.at(story.collecting);
    let entry = Entry::Sign(sixth(&mut collecting, &story.open));
    let mut log = story.at(story.proposed);
    log.make_keys(&[story.open], &[]);
    assert_eq!(log.status(&story.open), Status::Failed);
    refused(&mut log, &entry, "not-collecting");
}

#[test]
fn a_class_that_the_group_does_not_have_is_refused_and_so_is_one_without_members() {
    let story = story();
    let mut log = story.at(story.collecting);
    let sign = log
        .paper(&story.open, &story.members[0], Some(SENATORS))
        .sign;
    taken(&mut log, &Entry::Sign(sign.clone()));
    for class in [STEWARDS, 2, u16::MAX] {
        let other = Sign {
            class: Some(class),
            ..sign.clone()
        };
        refused(&mut log, &Entry::Sign(other), "unknown-class");
    }
}

#[test]
fn a_member_signs_a_statement_once() {
    let story = story();
    let mut log = story.at(story.signed);
    let again = log.paper(&story.open, &story.members[0], None).sign;
    refused(&mut log, &Entry::Sign(again), "nullifier-spent");
    // Nor under their class, after they signed without one.
    let again = log
        .paper(&story.open, &story.members[0], Some(SENATORS))
        .sign;
    refused(&mut log, &Entry::Sign(again), "nullifier-spent");
    assert_eq!(log.view(&story.open).count, 2);
}

#[test]
fn two_signatures_of_one_member_in_a_block_count_once() {
    let story = story();
    let mut log = story.at(story.collecting);
    let two: Vec<Vec<u8>> = (0..2)
        .map(|_| Entry::Sign(sixth(&mut log, &story.open)).to_bytes())
        .collect();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &[&two[0], &two[1]]).unwrap();
    let refused: Vec<_> = built.refused.iter().map(|(i, r)| (*i, r.code)).collect();
    assert_eq!(refused, [(1, "nullifier-spent")]);
    assert_eq!(
        (built.effects.claims.len(), built.effects.bodies.len()),
        (1, 1)
    );
    log.push(built.block);
    assert_eq!(log.view(&story.open).count, 1);
}

#[test]
fn the_same_signature_with_another_proof_is_final_where_the_first_one_is() {
    let story = story();
    let mut log = story.at(story.collecting);
    let first = log.paper(&story.open, &story.members[3], None);
    let other = log.paper(&story.open, &story.members[4], None);
    let height = log.sign(&[other, first.clone()]);
    let again = Sign {
        proof: [7; PROOF_BYTES],
        ..first.sign.clone()
    };
    let bytes = Entry::Sign(again.clone()).to_bytes();
    match log.proposer.admit(&bytes).unwrap() {
        Admission::Final { height: h, index } => assert_eq!((h, index), (height, 1)),
        other => panic!("{other:?}"),
    }
    let spent = Some("nullifier-spent");
    let refusals = log.refusals(&bytes);
    assert_eq!(
        refusals,
        Refusals {
            admit: None,
            check: spent,
            build: spent
        }
    );
    // It is the same only with the same ciphertext, payload and class.
    for other in [
        Sign {
            ct: first.sign.nullifier,
            ..again.clone()
        },
        Sign {
            payload_hash: Digest([1; 32]),
            ..again.clone()
        },
        Sign {
            class: Some(SENATORS),
            ..again
        },
    ] {
        refused(&mut log, &Entry::Sign(other), "nullifier-spent");
    }
}

#[test]
fn a_block_at_the_deadline_expires_the_statement_before_its_entries() {
    let story = story();
    let mut log = story.at(story.signed);
    let deadline = log.view(&story.shut).statement.deadline_ms;
    let entry = Entry::Sign(sixth(&mut log, &story.shut));
    // The third signature would trigger it, but for the hour.
    log.after(deadline - log.now_ms - TICK_MS, []);
    assert_eq!(log.status(&story.shut), Status::Collecting);
    let late = Some("not-collecting");
    let refusals = log.refusals(&entry.to_bytes());
    assert_eq!(
        refusals,
        Refusals {
            admit: None,
            check: late,
            build: late
        }
    );
    log.next([]);
    assert_eq!(log.now_ms, deadline);
    assert_eq!(log.status(&story.shut), Status::Expired);
    refused(&mut log, &entry, "not-collecting");
}

#[test]
fn a_block_just_before_the_deadline_still_counts() {
    let story = story();
    let mut log = story.at(story.signed);
    let deadline = log.view(&story.shut).statement.deadline_ms;
    let entry = Entry::Sign(sixth(&mut log, &story.shut));
    log.after(deadline - 1 - log.now_ms, [entry]);
    assert_eq!(log.status(&story.shut), Status::Triggered);
    log.after(3_600_000, []);
    assert_eq!(
        log.status(&story.shut),
        Status::Triggered,
        "what is triggered never expires"
    );
}

#[test]
fn a_trigger_is_evaluated_after_a_blocks_last_entry() {
    let story = story();
    let mut log = story.at(story.collecting);
    log.sign_on_paper(&story.open, &story.members);
    assert_eq!(log.status(&story.open), Status::Triggered);
    assert!(
        log.events(&story.open)
            .contains(&Event::Triggered { count: 6 })
    );
}
