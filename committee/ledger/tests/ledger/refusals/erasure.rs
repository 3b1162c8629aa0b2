//! Rules for attestations of erasure.

use tacit_protocol::entry::ErasureReason::{self, Abandoned, AttemptFailed, Expired, Opened};
use tacit_protocol::ids::StatementId;
use tacit_protocol::statement::Status;
use tacit_test_world::Log;

use crate::story::{refused, story, taken};

#[track_caller]
fn judge(log: &mut Log, statement: &StatementId, good: &[ErasureReason]) {
    for reason in [Expired, Opened, Abandoned, AttemptFailed] {
        let entry = log.erasure(statement, 3, reason);
        if good.contains(&reason) {
            taken(log, &entry);
        } else {
            refused(log, &entry, "out-of-phase");
        }
    }
}

#[test]
fn a_node_attests_that_it_erased_for_the_reason_that_there_is() {
    let story = story();
    for (height, good) in [
        (story.proposed, &[Abandoned][..]),
        (story.collecting, &[Abandoned]),
        (story.triggered, &[Abandoned]),
        (story.revealed, &[Opened, Abandoned]),
    ] {
        judge(&mut story.at(height), &story.open, good);
    }
    for height in [story.expired, story.erased] {
        judge(&mut story.at(height), &story.shut, &[Expired, Abandoned]);
    }
}

#[test]
fn a_failed_statement_is_erased_for_that_reason() {
    let story = story();
    let mut log = story.at(story.proposed);
    log.make_keys(&[story.open], &[]);
    assert_eq!(log.status(&story.open), Status::Failed);
    judge(&mut log, &story.open, &[AttemptFailed]);
    log.erase(&story.open, &[0, 1, 2, 3], AttemptFailed);
    assert_eq!(log.status(&story.open), Status::Failed);
}

#[test]
fn a_node_attests_once() {
    let story = story();
    let mut log = story.at(story.expired);
    log.erase(&story.shut, &[0], Expired);
    // The same words are a duplicate; other words about the same thing come too late.
    let again = log.erasure(&story.shut, 0, Abandoned);
    refused(&mut log, &again, "repeated");
    let others = log.erasure(&story.shut, 1, Expired);
    taken(&mut log, &others);
}
