//! Whole lives, as the ledger sees them.

use tacit_circuits::{Nonce, seal_point, seeded_rng};
use tacit_ledger::replay;
use tacit_protocol::block::MAX_BLOCK_PROOFS;
use tacit_protocol::chain::{Event, Finding};
use tacit_protocol::entry::{Entry, ErasureReason, NodeStatement, Subject};
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::StatementId;
use tacit_protocol::lean_imt::LeanImt;
use tacit_protocol::opening::{CHUNK, Unseal};
use tacit_protocol::signature::{PROOF_BYTES, SealedBody, Sign};
use tacit_protocol::statement::Status;
use tacit_test_world::{Committee, Log, Member, Registrars};

use crate::story::{SENATORS, story};

#[test]
fn a_list_opens_to_the_leaves_of_those_who_signed() {
    let story = story();
    let log = story.at(story.revealed);
    let points = log.proposer.opened_points(&story.open).unwrap().unwrap();
    let unseal = log.unseal(&story.open);
    let opened: Vec<FieldElement> = unseal
        .items
        .iter()
        .zip(&points)
        .map(|(item, point)| FieldElement(tacit_circuits::unmask(item.c2.0, point)))
        .collect();
    let signers: Vec<FieldElement> = story.members[..3].iter().map(Member::leaf).collect();
    assert_eq!(opened, signers);
}

#[test]
fn nothing_opens_before_the_list_does() {
    let story = story();
    for height in [story.collecting, story.triggered, story.unsealed] {
        let log = story.at(height);
        assert_eq!(log.proposer.opened_points(&story.open).unwrap(), None);
    }
    let log = story.at(story.erased);
    assert_eq!(log.proposer.opened_points(&story.shut).unwrap(), None);
}

#[test]
fn a_groups_roots_are_those_of_its_members() {
    let story = story();
    let group = story
        .at(story.enrolled)
        .proposer
        .group(&story.group)
        .unwrap()
        .unwrap();
    let root = |members: &[Member]| {
        let leaves: Vec<_> = members.iter().map(|m| m.leaf().0).collect();
        LeanImt::from_leaves(&leaves)
            .unwrap()
            .root()
            .map(FieldElement)
    };
    assert_eq!(
        (group.members.size, group.members.root),
        (6, root(&story.members))
    );
    let senators = &group.classes[usize::from(SENATORS)];
    assert_eq!(
        (senators.size, senators.root),
        (2, root(&story.members[..2]))
    );
    assert_eq!((group.classes[1].size, group.classes[1].root), (0, None));
}

#[test]
fn a_statement_expires_and_is_erased_when_enough_nodes_say_so() {
    let story = story();
    let mut log = story.at(story.expired);
    assert_eq!(log.status(&story.shut), Status::Expired);
    // n - e + f <= t - 1: with four nodes, three.
    assert_eq!(story.committee.founding().erasure_quorum(), 3);
    log.erase(&story.shut, &[2], ErasureReason::Expired);
    log.erase(&story.shut, &[3], ErasureReason::Abandoned);
    assert_eq!(log.status(&story.shut), Status::Expired);
    log.erase(&story.shut, &[0], ErasureReason::Expired);
    assert_eq!(log.status(&story.shut), Status::Erased);
    // The last one's attestation is heard, too.
    log.erase(&story.shut, &[1], ErasureReason::Expired);
    assert_eq!(log.view(&story.shut).erasures.len(), 4);
    let ends: Vec<Event> = log
        .events(&story.shut)
        .into_iter()
        .filter(|e| matches!(e, Event::Expired | Event::Erased))
        .collect();
    assert_eq!(ends, [Event::Expired, Event::Erased]);
}

#[test]
fn nodes_that_gave_up_before_the_deadline_count_when_it_comes() {
    let story = story();
    let mut log = story.at(story.signed);
    log.erase(&story.shut, &[0, 1, 2], ErasureReason::Abandoned);
    assert_eq!(log.status(&story.shut), Status::Collecting);
    log.after(600_000, []);
    assert_eq!(log.status(&story.shut), Status::Erased);
}

#[test]
fn a_statement_without_a_key_expires_too() {
    let story = story();
    let mut log = story.at(story.proposed);
    log.keygen_step(&[story.shut], &[0, 1, 2, 3]);
    log.after(600_000, []);
    assert_eq!(log.status(&story.shut), Status::Expired);
    log.erase(&story.shut, &[0, 1, 3], ErasureReason::Expired);
    assert_eq!(log.status(&story.shut), Status::Erased);
}

#[test]
fn one_silent_node_of_four_stops_nothing() {
    let story = story();
    let mut log = story.at(story.proposed);
    let awake = [0, 1, 2];
    log.make_keys(&[story.open, story.shut], &awake);
    assert_eq!(log.view(&story.open).holders, awake);
    log.sign_on_paper(&story.open, &story.members[3..]);
    log.reveal(&story.open, &awake);
    assert_eq!(log.status(&story.open), Status::Revealed);
    log.after(600_000, []);
    log.erase(&story.shut, &awake, ErasureReason::Expired);
    assert_eq!(log.status(&story.shut), Status::Erased);
}

#[test]
fn who_confirms_late_joins_the_holders_and_helps_to_open() {
    let story = story();
    let mut log = story.at(story.proposed);
    // All take part, but node 3 is cut off before it confirms.
    while log.keygen(&story.open).outcome().is_none() {
        log.keygen_step(&[story.open], &[0, 1, 2, 3]);
    }
    log.make_keys(&[story.open], &[0, 1, 2]);
    assert_eq!(log.view(&story.open).holders, [0, 1, 2]);
    let confirm = log
        .due(&story.open, 3)
        .expect("it still has something to say");
    log.next([log.node(3, confirm)]);
    let view = log.view(&story.open);
    assert_eq!(view.holders, [0, 1, 2, 3]);
    assert_eq!(
        view.opening.unwrap().holders,
        [0, 1, 2],
        "those at the opening stay on record"
    );
    log.sign_on_paper(&story.open, &story.members[..3]);
    // Now another one may be down.
    log.reveal(&story.open, &[1, 2, 3]);
    assert_eq!(log.status(&story.open), Status::Revealed);
}

#[test]
fn a_trigger_over_a_class_counts_those_who_signed_under_it() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let trigger = "count(senators) >= 2 and count >= 3";
    let statement = log.statement(story.group, "By senators", trigger);
    let id = log.propose(statement);
    log.make_keys(&[id], &[0, 1, 2, 3]);
    let sign = |log: &mut Log, member: usize, class| {
        let sealed = log.paper(&id, &story.members[member], class);
        log.sign(&[sealed]);
        let view = log.view(&id);
        (view.count, view.class_counts, view.status)
    };
    assert_eq!(
        sign(&mut log, 0, Some(SENATORS)),
        (1, vec![1, 0], Status::Collecting)
    );
    // A senator who signs without the class counts for everybody only.
    assert_eq!(sign(&mut log, 2, None), (2, vec![1, 0], Status::Collecting));
    assert_eq!(sign(&mut log, 3, None), (3, vec![1, 0], Status::Collecting));
    assert_eq!(
        sign(&mut log, 1, Some(SENATORS)),
        (4, vec![2, 0], Status::Triggered)
    );
    log.reveal(&id, &[0, 2, 3]);
    assert_eq!(log.status(&id), Status::Revealed);
}

#[test]
fn two_statements_give_a_member_two_nullifiers() {
    let story = story();
    let log = story.at(story.signed);
    let nullifiers = |id| -> Vec<FieldElement> {
        let signatures = log.proposer.signatures(id).unwrap();
        signatures.iter().map(|s| s.nullifier).collect()
    };
    let (open, shut) = (nullifiers(&story.open), nullifiers(&story.shut));
    assert_eq!(
        (open.len(), shut.len()),
        (2, 2),
        "the same two members signed both"
    );
    assert!(open.iter().all(|n| !shut.contains(n)));
}

#[test]
fn a_committee_of_seven_opens_with_two_silent_nodes() {
    let committee = std::sync::Arc::new(Committee::new("seven", 7));
    let registrars = Registrars::new("seven", 2, 2);
    let definition = registrars.define(&committee, "Village", &[]);
    let mut log = Log::new(committee);
    log.proofs = false;
    let group = log.create(&registrars, &definition);
    let ada = registrars.person(&definition, "Ada", &[]);
    log.enrol(&registrars, std::slice::from_ref(&ada));
    let id = log.propose(log.statement(group, "By one", "count >= 1"));
    log.make_keys(&[id], &[0, 2, 3, 5, 6]);
    log.sign_on_paper(&id, &[ada]);
    log.reveal(&id, &[0, 2, 3, 5]);
    assert_eq!(log.status(&id), Status::Triggered, "four are one too few");
    let last = NodeStatement::Partial(log.partial(&id, 6));
    log.next([log.node(6, last)]);
    assert_eq!(log.status(&id), Status::Revealed);
}

#[test]
fn receipts_and_facts_are_certified_by_the_header_that_commits_to_them() {
    let story = story();
    let mut log = story.at(story.signed);
    let committee = &story.committee;
    for height in 1..=story.signed {
        for index in 0..log.blocks[height as usize].entries.len() as u32 {
            let receipt = log.receipt(height, index);
            let (entry, h, i) = receipt
                .verify(committee.founding(), &committee.fingerprint)
                .unwrap();
            assert_eq!((h, i), (height, u64::from(index)));
            assert_eq!(entry.id(), Entry::id_of(&receipt.entry));
        }
    }
    let subjects = [
        Subject::Group(story.group),
        Subject::Statement(story.open),
        Subject::Statement(story.shut),
    ];
    let facts = log.certified_facts(&subjects);
    assert!(
        facts
            .verify(committee.founding(), &committee.fingerprint)
            .is_ok()
    );
}

#[test]
fn a_list_of_two_chunks_opens_chunk_by_chunk() {
    const SIGNERS: u64 = CHUNK as u64 + 6;
    let story = story();
    // A group large enough, without the time that it takes to enrol it.
    let (_folder, mut log) = crate::damage::on_disk(story.enrolled, |db| {
        db.execute("UPDATE trees SET size = 5000 WHERE class = -1", [])
            .unwrap();
    });
    let trigger = format!("count >= {SIGNERS}");
    let id = log.propose(log.statement(story.group, "By many", &trigger));
    log.make_keys(&[id], &[0, 1, 2, 3]);
    let k = log.view(&id).opening.unwrap().k;
    let mut rng = seeded_rng([3; 32]);
    let mut signs = Vec::new();
    for i in 1..=SIGNERS {
        let sealed = seal_point(&Nonce::random(&mut rng), &k, Fr::from(i)).unwrap();
        let (c1, c2) = (sealed.c1, FieldElement(sealed.c2));
        let payload = Vec::new();
        let ct = FieldElement(sealed.ct);
        log.bodies
            .insert(ct.to_le_bytes(), SealedBody { c1, c2, payload });
        signs.push(Entry::Sign(Sign {
            statement: id,
            class: None,
            floor: 0,
            nullifier: FieldElement(Fr::from(i)),
            ct,
            payload_hash: Digest::ZERO,
            proof: [0; PROOF_BYTES],
        }));
    }
    for block in signs.chunks(MAX_BLOCK_PROOFS) {
        log.next(block.to_vec());
    }
    assert_eq!(log.status(&id), Status::Triggered);
    assert_eq!(log.view(&id).count, SIGNERS);

    let [first, second] = [0, 1].map(|chunk| log.unseal_chunk(&id, chunk));
    assert_eq!((first.items.len(), second.items.len()), (CHUNK, 6));
    let misplaced = Unseal {
        chunk: 0,
        ..second.clone()
    };
    log.next([log.node(1, NodeStatement::Unseal(misplaced))]);
    let finding = Finding {
        culprit: 1,
        fault: "unseal-mismatch".into(),
    };
    assert_eq!(log.findings(&id), [finding]);
    log.next([log.node(1, NodeStatement::Unseal(second))]);
    assert!(log.proposer.opening_context(&id).unwrap().is_none());
    log.next([log.node(0, NodeStatement::Unseal(first))]);

    let partial = |log: &Log, node, chunk| {
        log.node(
            node,
            NodeStatement::Partial(log.partial_chunk(&id, node, chunk)),
        )
    };
    // A chunk's partial decryptions are no other chunk's.
    let mut other = log.partial_chunk(&id, 3, 1);
    other.chunk = 0;
    let other = log.node(3, NodeStatement::Partial(other));
    log.next([
        other,
        partial(&log, 0, 0),
        partial(&log, 1, 0),
        partial(&log, 2, 0),
    ]);
    let finding = Finding {
        culprit: 3,
        fault: "partial-shape".into(),
    };
    assert_eq!(log.findings(&id).last(), Some(&finding));
    assert_eq!(
        log.status(&id),
        Status::Triggered,
        "half of a list is no list"
    );
    assert_eq!(log.proposer.opened_points(&id).unwrap(), None);
    log.next([partial(&log, 0, 1), partial(&log, 2, 1)]);
    assert_eq!(log.status(&id), Status::Triggered);
    log.next([partial(&log, 3, 1)]);
    assert_eq!(log.status(&id), Status::Revealed);

    let points = log.proposer.opened_points(&id).unwrap().unwrap();
    assert_eq!(points.len() as u64, SIGNERS);
    let signatures = log.proposer.signatures(&id).unwrap();
    for ((signature, point), i) in signatures.iter().zip(&points).zip(1u64..) {
        let body = &log.bodies[&signature.ct.to_le_bytes()];
        assert_eq!(tacit_circuits::unmask(body.c2.0, point), Fr::from(i));
    }
}

#[test]
fn a_roster_that_outgrows_a_trigger_while_the_key_is_made_fails_the_statement() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let trigger = "count(senators) >= 30% of members";
    let id = log.propose(log.statement(story.group, "By senators", trigger));
    log.keygen_step(&[id], &[0, 1, 2, 3]);
    // Two senators are 30% of six, but not of eight.
    log.enrol(
        &story.registrars,
        &[story.stranger("Gus"), story.stranger("Hal")],
    );
    log.make_keys(&[id], &[0, 1, 2, 3]);
    let view = log.view(&id);
    assert_eq!(
        (view.status, view.attempt, view.opening),
        (Status::Failed, 0, None)
    );
    replays(&log, id);
}

#[test]
fn a_group_its_members_and_their_statement_may_come_in_one_block() {
    let story = story();
    let mut log = story.at(0);
    let create = |definition: &GroupDefinition| {
        let creator = &story.committee.creator;
        Entry::GroupCreate(
            story
                .registrars
                .create(creator, definition.clone(), &[0, 1]),
        )
    };
    let other = story
        .registrars
        .define(&story.committee, "Other village", &[]);
    let enrol = |member: &Member| Entry::Enrol(story.registrars.enrol(member));
    let statement = log.statement(story.group, "At once", "count >= 2");
    let id = statement.id();
    let proposal = log.proposal(statement);
    log.next([
        create(&story.definition),
        enrol(&story.members[0]),
        create(&other),
        enrol(&story.members[1]),
        proposal,
        enrol(&story.members[2]),
    ]);
    log.make_keys(&[id], &[0, 1, 2, 3]);
    assert_eq!(log.view(&id).opening.unwrap().group.size, 3);
    log.sign_on_paper(&id, &story.members[..2]);
    log.reveal(&id, &[0, 1, 2]);
    assert_eq!(log.status(&id), Status::Revealed);
    replays(&log, id);
}

/// The statement's two chains alone lead to the facts that the log has.
#[track_caller]
fn replays(log: &Log, id: StatementId) {
    let subjects = [
        Subject::Group(log.view(&id).statement.group),
        Subject::Statement(id),
    ];
    let [group, chain] = subjects.map(|s| log.chain(s));
    let [group_facts, facts] = subjects.map(|s| log.facts(s));
    let founding = log.committee.founding();
    replay::replay(founding, &group, &chain, &group_facts, &facts).unwrap();
}
