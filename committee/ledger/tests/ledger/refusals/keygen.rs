//! Rules for messages of key generation: nobody is to blame for one that comes out of its phase.

use tacit_protocol::chain::Phase;
use tacit_protocol::entry::{Entry, NodeEntry, NodeStatement};
use tacit_protocol::hash::domain;
use tacit_protocol::statement::Status;
use tacit_test_world::Log;
use tacit_test_world::nodes::said;

use crate::story::{refused, story, taken};

/// The log when key generation is in a phase, with all nodes in step.
fn in_phase(phase: Phase) -> Log {
    let story = story();
    let mut log = story.at(story.proposed);
    while log.view(&story.open).phase != phase {
        log.keygen_step(&[story.open], &[0, 1, 2, 3]);
    }
    log
}

/// Goes on with these nodes only, until their span is over.
fn until(log: &mut Log, awake: &[u16], there: impl Fn(&Log) -> bool) {
    for _ in 0..20 {
        if there(log) {
            return;
        }
        log.keygen_step(&[story().open], awake);
    }
    panic!("it doesn't come to that");
}

fn phase(log: &Log) -> Phase {
    log.view(&story().open).phase
}

#[test]
fn a_message_before_its_phase_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let secrets = log.secrets(&story.open, 0);
    let commit = log.node(0, NodeStatement::Commit(secrets.commit()));
    refused(&mut log, &commit, "out-of-phase");
    let mut later = in_phase(Phase::Commit);
    taken(&mut later, &commit);
    let deal = secrets
        .deal(later.keygen(&story.open).participants())
        .unwrap();
    let deal = later.node(0, NodeStatement::Deal(deal));
    refused(&mut later, &deal, "out-of-phase");
}

#[test]
fn a_message_after_its_phase_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let keys = log.node(3, log.due(&story.open, 3).unwrap());
    taken(&mut log, &keys);
    until(&mut log, &[0, 1, 2], |log| phase(log) == Phase::Commit);
    refused(&mut log, &keys, "out-of-phase");
    // One that isn't a participant has nothing to commit to.
    let commit = log.secrets(&story.open, 3).commit();
    let commit = log.node(3, NodeStatement::Commit(commit));
    refused(&mut log, &commit, "out-of-phase");
}

#[test]
fn the_same_message_under_another_signature_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let body = log.due(&story.open, 0).unwrap();
    let Entry::Node(first) = log.node(0, body.clone()) else {
        unreachable!()
    };
    log.next([Entry::Node(first.clone())]);
    // What is signed: fingerprint, node, kind, body. The entry holds the last three in another order.
    use tacit_protocol::codec::Encode as _;
    let entry = Entry::Node(first.clone()).to_bytes();
    let (kind, rest) = (entry[0], &entry[3..entry.len() - 64]);
    let fingerprint = story.committee.fingerprint;
    let message = [&fingerprint.as_bytes()[..], &[0, 0, kind], rest].concat();
    let key = &story.committee.keys[0];
    let signature =
        tacit_test_world::rogue::second_signature(key, domain::SIGN_NODE_ENTRY, &message);
    let second = NodeEntry { signature, ..first };
    assert_eq!(second.check(&fingerprint, &key.public()), Ok(()));
    refused(&mut log, &Entry::Node(second), "out-of-phase");
    assert_eq!(log.findings(&story.open), []);
}

#[test]
fn a_dealing_without_a_commitment_is_refused() {
    let story = story();
    let mut log = in_phase(Phase::Commit);
    // Node 3 doesn't commit: its phase ends by time.
    until(&mut log, &[0, 1, 2], |log| phase(log) == Phase::Deal);
    let state = log.keygen(&story.open);
    let deal = log
        .secrets(&story.open, 3)
        .deal(state.participants())
        .unwrap();
    let deal = log.node(3, NodeStatement::Deal(deal));
    refused(&mut log, &deal, "out-of-phase");
}

#[test]
fn a_message_of_another_attempt_is_refused() {
    let story = story();
    let mut log = story.at(story.proposed);
    let first = log.due(&story.open, 0).unwrap();
    let NodeStatement::Keys(mut keys) = first.clone() else {
        unreachable!()
    };
    keys.at.attempt = 1;
    let next = log.node(0, NodeStatement::Keys(keys));
    refused(&mut log, &next, "out-of-phase");
    // Nobody speaks: the attempt is over, and so is what belongs to it.
    while log.view(&story.open).attempt == 0 {
        log.keygen_step(&[story.open], &[]);
    }
    let first = log.node(0, first);
    refused(&mut log, &first, "out-of-phase");
    let second = log.node(0, log.due(&story.open, 0).unwrap());
    taken(&mut log, &second);
}

#[test]
fn a_confirmation_counts_while_the_key_is_of_use_and_no_longer() {
    let story = story();
    let mut log = in_phase(Phase::Confirm);
    let late = log.node(3, log.due(&story.open, 3).unwrap());
    taken(&mut log, &late);
    until(&mut log, &[0, 1, 2], |log| {
        log.status(&story.open) == Status::Collecting
    });
    taken(&mut log, &late);
    let members = &story.members[..3];
    log.sign_on_paper(&story.open, members);
    assert_eq!(log.status(&story.open), Status::Triggered);
    taken(&mut log, &late);
    log.reveal(&story.open, &[0, 1, 2]);
    assert_eq!(log.status(&story.open), Status::Revealed);
    refused(&mut log, &late, "out-of-phase");
}

#[test]
fn no_key_is_made_for_a_statement_that_is_over() {
    let story = story();
    let mut log = story.at(story.proposed);
    let keys = log.node(0, log.due(&story.open, 0).unwrap());
    log.after(3_600_000, []);
    assert_eq!(log.status(&story.open), Status::Expired);
    refused(&mut log, &keys, "out-of-phase");
}

#[test]
fn silence_after_the_phase_of_complaints_needs_no_saying() {
    let story = story();
    let mut log = in_phase(Phase::Complain);
    let silence = log.node(3, log.due(&story.open, 3).unwrap());
    until(&mut log, &[0, 1, 2], |log| phase(log) == Phase::Confirm);
    refused(&mut log, &silence, "out-of-phase");
    // But it may still confirm.
    let state = log.keygen(&story.open);
    let confirm = log
        .secrets(&story.open, 3)
        .respond(&state)
        .map(said)
        .unwrap();
    let confirm = log.node(3, confirm);
    taken(&mut log, &confirm);
}
