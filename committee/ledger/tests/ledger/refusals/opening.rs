//! Rules for what opens a list.

use tacit_protocol::entry::{Entry, NodeStatement};
use tacit_protocol::opening::{Partial, Unseal};
use tacit_test_world::Log;

use crate::story::{refused, story, taken};

fn unseal(log: &Log, node: u16) -> Entry {
    log.node(node, NodeStatement::Unseal(log.unseal(&story().open)))
}

/// A partial decryption that is wrong, but not the same as a right one.
fn wrong(log: &Log, node: u16) -> Partial {
    let mut partial = log.partial(&story().open, node);
    partial.points.swap(0, 1);
    partial
}

#[test]
fn nothing_is_opened_before_the_trigger_and_nothing_after_the_list_is_open() {
    let story = story();
    let triggered = story.at(story.triggered);
    let ciphertexts = unseal(&triggered, 0);
    let unsealed = story.at(story.unsealed);
    let partial = unsealed.node(2, NodeStatement::Partial(unsealed.partial(&story.open, 2)));
    for height in [
        story.proposed,
        story.collecting,
        story.signed,
        story.revealed,
    ] {
        let mut log = story.at(height);
        let fresh = unsealed.node(2, NodeStatement::Unseal(unsealed.unseal(&story.open)));
        refused(&mut log, &fresh, "out-of-phase");
        refused(&mut log, &partial, "out-of-phase");
    }
    taken(&mut story.at(story.triggered), &ciphertexts);
    taken(&mut story.at(story.unsealed), &partial);
}

#[test]
fn nothing_is_opened_of_a_statement_that_expired() {
    let story = story();
    let mut log = story.at(story.expired);
    let unseal = Unseal {
        statement: story.shut,
        ..log.unseal(&story.shut)
    };
    let unseal = log.node(0, NodeStatement::Unseal(unseal));
    refused(&mut log, &unseal, "out-of-phase");
}

#[test]
fn partial_decryptions_wait_for_the_ciphertexts() {
    let story = story();
    let unsealed = story.at(story.unsealed);
    let partial = unsealed.node(0, NodeStatement::Partial(unsealed.partial(&story.open, 0)));
    let mut log = story.at(story.triggered);
    refused(&mut log, &partial, "out-of-phase");
    // Wrong ciphertexts open nothing.
    let mut bad = log.unseal(&story.open);
    bad.items.swap(0, 1);
    log.next([log.node(1, NodeStatement::Unseal(bad))]);
    refused(&mut log, &partial, "out-of-phase");
    log.next([unseal(&log, 2)]);
    taken(&mut log, &partial);
}

#[test]
fn there_is_no_chunk_beyond_the_last() {
    let story = story();
    let mut log = story.at(story.unsealed);
    for chunk in [1, u32::MAX] {
        let unseal = Unseal {
            chunk,
            ..log.unseal(&story.open)
        };
        let unseal = log.node(1, NodeStatement::Unseal(unseal));
        refused(&mut log, &unseal, "no-such-chunk");
        let partial = Partial {
            chunk,
            ..log.partial(&story.open, 1)
        };
        let partial = log.node(1, NodeStatement::Partial(partial));
        refused(&mut log, &partial, "no-such-chunk");
    }
}

#[test]
fn the_first_valid_ciphertexts_count_and_others_are_refused() {
    let story = story();
    let mut log = story.at(story.unsealed);
    let again = unseal(&log, 1);
    refused(&mut log, &again, "repeated");
}

#[test]
fn a_node_posts_ciphertexts_once_right_or_wrong() {
    let story = story();
    let mut log = story.at(story.triggered);
    let mut bad = log.unseal(&story.open);
    bad.items.swap(0, 1);
    log.next([log.node(1, NodeStatement::Unseal(bad))]);
    let right = unseal(&log, 1);
    refused(&mut log, &right, "repeated");
    let others = unseal(&log, 2);
    taken(&mut log, &others);
}

#[test]
fn a_node_posts_partial_decryptions_once_right_or_wrong() {
    let story = story();
    let mut log = story.at(story.unsealed);
    log.next([
        log.node(0, NodeStatement::Partial(wrong(&log, 0))),
        log.node(1, NodeStatement::Partial(log.partial(&story.open, 1))),
    ]);
    let right = log.node(0, NodeStatement::Partial(log.partial(&story.open, 0)));
    refused(&mut log, &right, "repeated");
    let second = log.node(1, NodeStatement::Partial(wrong(&log, 1)));
    refused(&mut log, &second, "repeated");
}
