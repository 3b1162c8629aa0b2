//! What a node did wrong stays in the log, and its link names the culprit.

use tacit_protocol::chain::{Event, Finding, Phase};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::dkg::{DkgComplain, DkgDeal};
use tacit_protocol::entry::{Entry, NodeStatement};
use tacit_protocol::field::Scalar;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::opening::Unseal;
use tacit_protocol::statement::Status;
use tacit_test_world::rogue::{chosen_key, spoiled};
use tacit_test_world::{Log, Refusals};

use crate::story::story;

/// Who cheats in these tests.
const ROGUE: NodeIndex = 1;

fn found(culprit: NodeIndex, fault: &str) -> Finding {
    Finding {
        culprit,
        fault: fault.into(),
    }
}

/// Plays key generation of the story's first statement: `play` may change what a node says, or silence it.
#[track_caller]
fn keygen(play: impl Fn(&Log, Phase, NodeIndex, NodeStatement) -> Vec<NodeStatement>) -> Log {
    let story = story();
    let mut log = story.at(story.proposed);
    for _ in 0..40 {
        let view = log.view(&story.open);
        if view.status != Status::Preparing || view.attempt > 0 {
            break;
        }
        let mut entries = Vec::new();
        for node in 0..4 {
            let Some(due) = log.due(&story.open, node) else {
                continue;
            };
            let said = play(&log, view.phase, node, due);
            entries.extend(said.into_iter().map(|body| log.node(node, body)));
        }
        log.after(1000, entries);
    }
    log
}

/// As [`keygen`], where only the rogue's message of one phase is changed.
#[track_caller]
fn rogue_in(phase: Phase, change: impl Fn(&Log, NodeStatement) -> Vec<NodeStatement>) -> Log {
    keygen(|log, now, node, due| {
        if (now, node) == (phase, ROGUE) {
            change(log, due)
        } else {
            vec![due]
        }
    })
}

#[track_caller]
fn opens_with(log: &Log, findings: &[Finding], holders: &[NodeIndex]) {
    let view = log.view(&story().open);
    assert_eq!(log.findings(&story().open), findings);
    assert_eq!(view.status, Status::Collecting);
    assert_eq!(view.attempt, 0);
    assert_eq!(view.holders, holders);
}

fn deal(statement: NodeStatement) -> DkgDeal {
    match statement {
        NodeStatement::Deal(deal) => deal,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn rogue_deals(change: impl Fn(&mut DkgDeal), fault: &str) {
    let log = rogue_in(Phase::Deal, |_, due| {
        let mut deal = deal(due);
        change(&mut deal);
        vec![NodeStatement::Deal(deal)]
    });
    opens_with(&log, &[found(ROGUE, fault)], &[0, 1, 2, 3]);
    let good = log.keygen(&story().open).outcome().unwrap().good().to_vec();
    assert_eq!(good, [0, 2, 3]);
}

#[test]
fn nobody_is_at_fault_when_all_keep_the_rules() {
    opens_with(&keygen(|_, _, _, due| vec![due]), &[], &[0, 1, 2, 3]);
}

#[test]
fn a_silent_node_is_absent() {
    let log = keygen(|_, _, node, due| if node == ROGUE { vec![] } else { vec![due] });
    opens_with(&log, &[found(ROGUE, "absent")], &[0, 2, 3]);
}

#[test]
fn a_dealer_that_vanishes_after_committing_is_absent() {
    let log = rogue_in(Phase::Deal, |_, _| vec![]);
    opens_with(&log, &[found(ROGUE, "absent")], &[0, 1, 2, 3]);
}

#[test]
fn whoever_is_silent_in_a_phase_is_named_by_the_event_that_ends_it() {
    for phase in Phase::ALL {
        let log = rogue_in(phase, |_, _| vec![]);
        let absent = vec![found(ROGUE, "absent")];
        let holders: &[NodeIndex] = match phase {
            // Without a share, or not yet.
            Phase::Keys | Phase::Confirm => &[0, 2, 3],
            _ => &[0, 1, 2, 3],
        };
        opens_with(&log, &absent, holders);
        let naming = |event: &Event| !event.findings().is_empty();
        let ended = log.events(&story().open).into_iter().find(naming);
        match (phase.next(), ended) {
            (Some(next), Some(Event::Phase { phase, .. })) => assert_eq!(phase, next),
            (None, Some(Event::Collecting { .. })) => {}
            (_, other) => panic!("{phase:?}: {other:?}"),
        }
    }
}

#[test]
fn a_node_that_says_two_things_equivocates() {
    let log = rogue_in(Phase::Keys, |log, due| {
        let other = log
            .secrets_of_seed(&story().open, ROGUE, "other seed")
            .keys();
        vec![due, NodeStatement::Keys(other)]
    });
    opens_with(&log, &[found(ROGUE, "equivocation")], &[0, 1, 2, 3]);
}

#[test]
fn a_node_that_says_three_things_is_named_once() {
    let story = story();
    let mut log = story.at(story.proposed);
    let keys = |log: &Log, seed: &str| {
        log.node(
            ROGUE,
            NodeStatement::Keys(log.secrets_of_seed(&story.open, ROGUE, seed).keys()),
        )
    };
    log.next([keys(&log, "one"), keys(&log, "two")]);
    assert_eq!(log.findings(&story.open), [found(ROGUE, "equivocation")]);
    let third = keys(&log, "three");
    assert_eq!(
        log.refusals(&third.to_bytes()),
        Refusals::all("out-of-phase")
    );
}

#[test]
fn a_copied_encryption_key_is_a_key_without_proof() {
    let log = rogue_in(Phase::Keys, |log, _| {
        vec![NodeStatement::Keys(log.secrets(&story().open, 0).keys())]
    });
    opens_with(&log, &[found(ROGUE, "key-proof")], &[0, 2, 3]);
}

#[test]
fn a_key_that_another_node_has_is_a_repeated_point() {
    let log = keygen(|log, phase, node, due| match (phase, node) {
        (Phase::Keys, 0 | ROGUE) => {
            let ctx = log.keygen_context(&story().open);
            vec![NodeStatement::Keys(chosen_key(&ctx, node, 77))]
        }
        (_, 0 | ROGUE) => vec![],
        _ => vec![due],
    });
    assert_eq!(
        log.findings(&story().open)[0],
        found(ROGUE, "repeated-point")
    );
}

#[test]
fn a_dealing_of_another_seed_does_not_match_its_commitment() {
    let log = rogue_in(Phase::Deal, |log, _| {
        let state = log.keygen(&story().open);
        let other = log.secrets_of_seed(&story().open, ROGUE, "other seed");
        vec![NodeStatement::Deal(
            other.deal(state.participants()).unwrap(),
        )]
    });
    opens_with(&log, &[found(ROGUE, "commitment-mismatch")], &[0, 1, 2, 3]);
}

#[test]
fn a_vector_of_another_length_would_change_how_many_open() {
    rogue_deals(|deal| deal.feldman.truncate(2), "feldman-length");
    rogue_deals(|deal| deal.feldman.push(deal.feldman[0]), "feldman-length");
}

#[test]
fn a_dealing_without_proof_of_possession_is_refused() {
    let spoil = |deal: &mut DkgDeal| deal.possession.response.0 += Scalar::from(1u8);
    // It commits to what it will deal, so that nothing but the proof is wrong.
    let log = keygen(|log, phase, node, due| match (phase, node, due) {
        (Phase::Commit, ROGUE, NodeStatement::Commit(mut commit)) => {
            let secrets = log.secrets(&story().open, ROGUE);
            let mut deal = secrets
                .deal(log.keygen(&story().open).participants())
                .unwrap();
            spoil(&mut deal);
            let ctx = log.keygen_context(&story().open);
            commit.commitment =
                tacit_threshold::commitment(&ctx, ROGUE, &deal.feldman, &deal.possession);
            vec![NodeStatement::Commit(commit)]
        }
        (Phase::Deal, ROGUE, due) => {
            let mut deal = deal(due);
            spoil(&mut deal);
            vec![NodeStatement::Deal(deal)]
        }
        (_, _, due) => vec![due],
    });
    opens_with(&log, &[found(ROGUE, "possession")], &[0, 1, 2, 3]);
}

#[test]
fn a_dealer_that_leaves_somebody_out_is_named() {
    rogue_deals(|deal| deal.shares.truncate(3), "recipients");
    rogue_deals(|deal| deal.shares[3].recipient = 4, "recipients");
}

#[test]
fn an_ephemeral_with_another_ones_proof_is_refused() {
    rogue_deals(
        |deal| deal.shares[2].proof = deal.shares[3].proof,
        "ephemeral-proof",
    );
    // Copied from recipient to recipient, proof and all.
    let copy = |deal: &mut DkgDeal| {
        (deal.shares[2].ephemeral, deal.shares[2].proof) =
            (deal.shares[3].ephemeral, deal.shares[3].proof);
    };
    rogue_deals(copy, "ephemeral-proof");
}

#[test]
fn a_wrong_share_names_its_dealer_in_the_victims_complaint() {
    let log = rogue_in(Phase::Deal, |_, due| {
        vec![NodeStatement::Deal(spoiled(&deal(due), 2))]
    });
    opens_with(&log, &[found(ROGUE, "wrong-share")], &[0, 1, 2, 3]);
    let chain = log.chain(tacit_protocol::entry::Subject::Statement(story().open));
    let blamed = chain.links.iter().filter_map(|link| match &link.event {
        Event::Entry { id, findings } if !findings.is_empty() => Some(*id),
        _ => None,
    });
    let blamed: Vec<_> = blamed.collect();
    let complaint = chain
        .entries
        .iter()
        .find(|e| blamed.contains(&Entry::id_of(e)))
        .unwrap();
    match Entry::parse(complaint).unwrap() {
        Entry::Node(e) => {
            assert_eq!(e.node, 2);
            assert!(matches!(e.body, NodeStatement::Complain(_)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        log.keygen(&story().open).outcome().unwrap().good(),
        [0, 2, 3]
    );
}

#[test]
fn who_complains_about_a_right_share_is_named() {
    let log = rogue_in(Phase::Complain, |log, _| {
        vec![NodeStatement::Complain(log.false_complaint(
            &story().open,
            ROGUE,
            0,
        ))]
    });
    opens_with(&log, &[found(ROGUE, "false-complaint")], &[0, 1, 2, 3]);
    let good = log.keygen(&story().open).outcome().unwrap().good().to_vec();
    assert_eq!(good, [0, 1, 2, 3], "nobody is excluded by it");
}

#[test]
fn a_complaint_without_proof_names_who_complains() {
    let log = rogue_in(Phase::Complain, |log, _| {
        let mut complain = log.false_complaint(&story().open, ROGUE, 0);
        complain.complaints[0].proof.response.0 += Scalar::from(1u8);
        vec![NodeStatement::Complain(complain)]
    });
    opens_with(&log, &[found(ROGUE, "complaint-proof")], &[0, 1, 2, 3]);
}

#[test]
fn a_complaint_about_itself_names_who_complains() {
    let log = rogue_in(Phase::Complain, |log, _| {
        let mut complain: DkgComplain = log.false_complaint(&story().open, ROGUE, 0);
        complain.complaints[0].dealer = ROGUE;
        vec![NodeStatement::Complain(complain)]
    });
    opens_with(&log, &[found(ROGUE, "complaint-target")], &[0, 1, 2, 3]);
}

#[test]
fn who_confirms_another_key_is_named_and_holds_no_share() {
    let log = rogue_in(Phase::Confirm, |_, due| {
        let NodeStatement::Confirm(mut confirm) = due else {
            panic!("not a confirmation")
        };
        confirm.digest = Digest::ZERO;
        vec![NodeStatement::Confirm(confirm)]
    });
    opens_with(&log, &[found(ROGUE, "wrong-confirmation")], &[0, 2, 3]);
}

#[test]
fn a_wrong_confirmation_cannot_be_taken_back() {
    let mut log = rogue_in(Phase::Confirm, |_, due| {
        let NodeStatement::Confirm(mut confirm) = due else {
            panic!("not a confirmation")
        };
        confirm.digest = Digest::ZERO;
        vec![NodeStatement::Confirm(confirm)]
    });
    let story = story();
    let state = log.keygen(&story.open);
    let right = log
        .secrets(&story.open, ROGUE)
        .confirm(state.outcome().unwrap(), state.deals())
        .unwrap();
    log.next([log.node(ROGUE, NodeStatement::Confirm(right))]);
    let findings = [
        found(ROGUE, "wrong-confirmation"),
        found(ROGUE, "equivocation"),
    ];
    opens_with(&log, &findings, &[0, 2, 3]);
}

#[test]
fn wrong_ciphertexts_name_who_posted_them() {
    let story = story();
    for change in [
        |m: &mut Unseal| m.items.swap(0, 1),
        |m: &mut Unseal| m.items.truncate(2),
        |m: &mut Unseal| m.items.push(m.items[0]),
        |m: &mut Unseal| m.items[0].c2 = m.items[1].c2,
        |m: &mut Unseal| m.items[0].c1 = m.items[1].c1,
    ] {
        let mut log = story.at(story.triggered);
        let mut unseal = log.unseal(&story.open);
        change(&mut unseal);
        log.next([log.node(ROGUE, NodeStatement::Unseal(unseal))]);
        assert_eq!(log.findings(&story.open), [found(ROGUE, "unseal-mismatch")]);
        // The list opens all the same.
        log.reveal(&story.open, &[0, 2, 3]);
        assert_eq!(log.status(&story.open), Status::Revealed);
    }
}

#[test]
fn a_bad_partial_decryption_names_its_node_and_opens_nothing() {
    let story = story();
    type Change = fn(&mut tacit_protocol::opening::Partial);
    let changes: [(Change, &str); 5] = [
        (|m| m.points[1] = m.points[0], "partial-proof"),
        (|m| m.points.swap(0, 1), "partial-proof"),
        (|m| m.proof.response.0 += Scalar::from(1u8), "partial-proof"),
        (|m| m.points.truncate(2), "partial-shape"),
        (|m| m.points.push(m.points[0]), "partial-shape"),
    ];
    for (change, fault) in changes {
        let mut log = story.at(story.unsealed);
        let mut partial = log.partial(&story.open, ROGUE);
        change(&mut partial);
        log.next([
            log.node(0, NodeStatement::Partial(log.partial(&story.open, 0))),
            log.node(ROGUE, NodeStatement::Partial(partial)),
            log.node(2, NodeStatement::Partial(log.partial(&story.open, 2))),
        ]);
        assert_eq!(log.findings(&story.open), [found(ROGUE, fault)]);
        assert_eq!(
            log.status(&story.open),
            Status::Triggered,
            "two good ones open nothing"
        );
        log.next([log.node(3, NodeStatement::Partial(log.partial(&story.open, 3)))]);
        assert_eq!(log.status(&story.open), Status::Revealed);
        let points = log.proposer.opened_points(&story.open).unwrap().unwrap();
        let others = story
            .at(story.revealed)
            .proposer
            .opened_points(&story.open)
            .unwrap();
        assert_eq!(Some(points), others, "every quorum opens the same");
    }
}

#[test]
fn a_partial_decryption_of_another_node_is_none_of_ones_own() {
    let story = story();
    let mut log = story.at(story.unsealed);
    let borrowed = log.partial(&story.open, 0);
    log.next([log.node(ROGUE, NodeStatement::Partial(borrowed))]);
    assert_eq!(log.findings(&story.open), [found(ROGUE, "partial-proof")]);
}

#[test]
fn a_node_without_a_share_has_nothing_to_post() {
    let story = story();
    let mut log = story.at(story.proposed);
    log.make_keys(&[story.open], &[0, 2, 3]);
    log.sign_on_paper(&story.open, &story.members[..3]);
    let unseal = log.unseal(&story.open);
    log.next([log.node(0, NodeStatement::Unseal(unseal))]);
    let borrowed = log.partial(&story.open, 0);
    log.next([log.node(ROGUE, NodeStatement::Partial(borrowed))]);
    let findings = [found(ROGUE, "absent"), found(ROGUE, "partial-proof")];
    assert_eq!(log.findings(&story.open), findings);
}

#[test]
fn too_few_nodes_make_no_key_and_after_four_attempts_the_statement_fails() {
    let story = story();
    let mut log = story.at(story.proposed);
    log.make_keys(&[story.open], &[0, 2]);
    let view = log.view(&story.open);
    assert_eq!((view.status, view.attempt), (Status::Failed, 3));
    let absent = [found(1, "absent"), found(3, "absent")];
    // Three attempts end in the next one's beginning, the last in the failure.
    assert_eq!(log.findings(&story.open), [&absent[..]; 4].concat());
    let last = log.events(&story.open).pop();
    let failed = Event::Failed {
        findings: absent.to_vec(),
    };
    assert_eq!(last, Some(failed));
    let begun: Vec<(u8, Phase)> = log
        .events(&story.open)
        .into_iter()
        .filter_map(|event| match event {
            Event::Phase { attempt, phase, .. } => Some((attempt, phase)),
            _ => None,
        })
        .collect();
    assert_eq!(begun, [1, 2, 3].map(|attempt| (attempt, Phase::Keys)));
}

#[test]
fn a_second_attempt_has_fresh_keys_and_opens() {
    let story = story();
    let mut log = story.at(story.proposed);
    while log.view(&story.open).attempt == 0 {
        log.keygen_step(&[story.open], &[0, 2]);
    }
    log.make_keys(&[story.open], &[0, 1, 2, 3]);
    let view = log.view(&story.open);
    assert_eq!((view.status, view.attempt), (Status::Collecting, 1));
    assert_eq!(view.opening.unwrap().attempt, 1);
    assert_eq!(view.holders, [0, 1, 2, 3]);
    log.sign_on_paper(&story.open, &story.members[..3]);
    log.reveal(&story.open, &[1, 2, 3]);
    assert_eq!(log.status(&story.open), Status::Revealed);
}

#[test]
fn a_span_is_over_when_both_its_time_and_its_blocks_are() {
    let story = story();
    let phase = |log: &Log| log.view(&story.shut).phase;
    let three = |log: &Log| [0, 1, 2].map(|n| log.node(n, log.due(&story.shut, n).unwrap()));
    // Four blocks in 400 ms: the time isn't over.
    let mut log = story.at(story.proposed);
    log.next(three(&log));
    log.idle(3);
    assert_eq!(phase(&log), Phase::Keys);
    log.after(3000, []);
    assert_eq!(phase(&log), Phase::Commit);
    // Minutes in two blocks: a node that was cut off has had no chance to speak.
    let mut log = story.at(story.proposed);
    log.next(three(&log));
    log.after(300_000, []);
    assert_eq!(phase(&log), Phase::Keys);
    log.next([]);
    assert_eq!(phase(&log), Phase::Commit);
}
