//! Rules for proposals of statements.

use tacit_ledger::Checked;
use tacit_protocol::block::Block;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::ids::{CircuitId, Fingerprint, GroupId};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::statement::{Statement, StatementPropose, Status};
use tacit_protocol::trigger::Trigger;
use tacit_test_world::log::TICK_MS;
use tacit_test_world::rogue::second_signature;
use tacit_test_world::{Committee, Log, Refusals};

use crate::story::{refused, story, taken};

fn changed(log: &Log, change: impl FnOnce(&mut Statement)) -> Entry {
    let mut statement = log.statement(story().group, "A statement", "count >= 1");
    change(&mut statement);
    log.proposal(statement)
}

#[test]
fn a_statement_of_another_committee_is_refused() {
    let mut log = story().at(story().enrolled);
    let good = changed(&log, |_| {});
    taken(&mut log, &good);
    let entry = changed(&log, |s| s.fingerprint = Fingerprint(Digest([1; 32])));
    refused(&mut log, &entry, "other-committee");
}

#[test]
fn a_statement_for_another_circuit_is_refused() {
    let mut log = story().at(story().enrolled);
    let entry = changed(&log, |s| s.circuit = CircuitId(Digest([1; 32])));
    refused(&mut log, &entry, "unknown-circuit");
}

#[test]
fn a_statement_to_no_group_is_refused() {
    let mut log = story().at(story().enrolled);
    let entry = changed(&log, |s| s.group = GroupId(Digest([1; 32])));
    refused(&mut log, &entry, "unknown-group");
}

#[test]
fn a_statement_by_a_stranger_is_refused_and_by_the_groups_creators_is_not() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let stranger = SigningKey::from_seed([1; 32]);
    let mut statement = log.statement(story.group, "A statement", "count >= 1");
    statement.creator = stranger.public();
    let entry = Entry::StatementPropose(StatementPropose::sign(statement.clone(), &stranger));
    refused(&mut log, &entry, "not-a-creator");

    let theirs = GroupDefinition {
        creators: vec![stranger.public()],
        name: "Theirs".into(),
        ..story.definition.clone()
    };
    statement.group = log.create(&story.registrars, &theirs);
    log.enrol(
        &story.registrars,
        &[story.registrars.person(&theirs, "Ada", &[])],
    );
    let entry = Entry::StatementPropose(StatementPropose::sign(statement, &stranger));
    taken(&mut log, &entry);
}

#[test]
fn a_statement_says_something() {
    let mut log = story().at(story().enrolled);
    for text in ["", " \n\t"] {
        let entry = changed(&log, |s| s.text = text.into());
        refused(&mut log, &entry, "no-text");
    }
}

#[test]
fn a_deadline_lies_after_the_block() {
    let mut log = story().at(story().enrolled);
    let now = log.now_ms;
    for deadline in [0, now, now + 1] {
        let entry = changed(&log, |s| s.deadline_ms = deadline);
        refused(&mut log, &entry, "deadline-passed");
    }
    // Admission judges for the earliest next block; this one comes later.
    let entry = changed(&log, |s| s.deadline_ms = now + TICK_MS);
    let refusals = log.refusals(&entry.to_bytes());
    let late = Some("deadline-passed");
    assert_eq!(
        refusals,
        Refusals {
            admit: None,
            check: late,
            build: late
        }
    );
    let entry = changed(&log, |s| s.deadline_ms = now + TICK_MS + 1);
    taken(&mut log, &entry);
}

#[test]
fn the_furthest_deadline_is_never_due() {
    for deadline in [i64::MAX as u64, i64::MAX as u64 + 1, u64::MAX] {
        let mut log = story().at(story().enrolled);
        let mut statement = log.statement(story().group, "For ever", "count >= 1");
        statement.deadline_ms = deadline;
        let id = log.propose(statement);
        log.idle(2);
        assert_eq!(log.status(&id), Status::Preparing, "{deadline}");
    }
}

#[test]
fn a_trigger_that_this_roster_can_never_meet_is_refused() {
    let mut log = story().at(story().enrolled);
    for trigger in [
        "count >= 7",
        "count(senators) >= 3",
        "count(stewards) >= 1",
        "count(nobles) >= 1",
        "count >= 1 or count(nobles) >= 1",
        "count >= 1 and count(senators) >= 3",
    ] {
        let entry = changed(&log, |s| s.trigger = Trigger::parse(trigger).unwrap());
        refused(&mut log, &entry, "unreachable-trigger");
    }
    for trigger in [
        "count >= 6",
        "count >= 100% of members",
        "count(senators) >= 2 or count >= 9",
    ] {
        let entry = changed(&log, |s| s.trigger = Trigger::parse(trigger).unwrap());
        taken(&mut log, &entry);
    }
}

#[test]
fn a_group_without_members_signs_nothing() {
    let mut log = story().at(story().created);
    let entry = changed(&log, |_| {});
    refused(&mut log, &entry, "unreachable-trigger");
}

#[test]
fn a_statement_is_signed_by_its_creator() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let statement = log.statement(story.group, "A statement", "count >= 1");
    let stranger = SigningKey::from_seed([1; 32]);
    let by_stranger = StatementPropose::sign(statement.clone(), &stranger);
    let mut moved = StatementPropose::sign(statement, &story.committee.creator);
    moved.statement.nonce = [0; 16];
    for proposal in [by_stranger, moved] {
        refused(
            &mut log,
            &Entry::StatementPropose(proposal),
            "bad-creator-signature",
        );
    }
}

#[test]
fn a_statement_is_proposed_once_however_it_is_signed() {
    let story = story();
    let mut log = story.at(story.proposed);
    let statement = log.view(&story.open).statement;
    let creator = &story.committee.creator;
    let signature = second_signature(creator, domain::SIGN_STATEMENT, story.open.as_bytes());
    let again = StatementPropose {
        statement,
        signature,
    };
    assert_eq!(again.check(), Ok(story.open), "it is a good signature");
    refused(
        &mut log,
        &Entry::StatementPropose(again),
        "statement-exists",
    );
}

#[test]
fn no_more_statements_are_open_than_the_founding_allows_whatever_a_leader_does() {
    let committee = Committee::with("few statements", 4, |f| f.max_open_statements = 1);
    let committee = std::sync::Arc::new(committee);
    let registrars = &story().registrars;
    let definition = registrars.define(&committee, "Village", &[]);
    let mut log = Log::new(committee);
    let group = log.create(registrars, &definition);
    log.enrol(registrars, &[registrars.person(&definition, "Ada", &[])]);
    let first = log.statement(group, "First", "count >= 1");
    let second = log.proposal(log.statement(group, "Second", "count >= 1"));
    taken(&mut log, &second);
    let first = log.propose(first);
    refused(&mut log, &second, "too-many-statements");

    // The block that ends it makes room: a deadline comes before the entries.
    let third = {
        let mut statement = log.statement(group, "Third", "count >= 1");
        statement.deadline_ms += 3_600_000;
        log.proposal(statement)
    };
    log.after(3_600_000, [third]);
    assert_eq!(log.status(&first), Status::Expired);
    let fourth = log.proposal(log.statement(group, "Fourth", "count >= 1"));
    refused(&mut log, &fourth, "too-many-statements");
}

#[test]
fn statements_of_the_same_block_and_of_its_ancestors_are_open_too() {
    let committee = Committee::with("two statements", 4, |f| f.max_open_statements = 2);
    let registrars = &story().registrars;
    let definition = registrars.define(&committee, "Village", &[]);
    let mut log = Log::new(std::sync::Arc::new(committee));
    let group = log.create(registrars, &definition);
    log.enrol(registrars, &[registrars.person(&definition, "Ada", &[])]);
    let proposals = ["First", "Second", "Third"].map(|text| {
        let statement = log.statement(group, text, "count >= 1");
        log.proposal(statement).to_bytes()
    });
    let checked = |log: &mut Log, ancestors: &[&Block], block: &Block| match log
        .validator
        .check(ancestors, block)
        .unwrap()
    {
        Checked::Invalid(refusal) => Some(refusal.code),
        Checked::Valid(_) => None,
    };

    let two = log.forced(proposals[..2].to_vec());
    assert_eq!(checked(&mut log, &[], &two), None);
    let three = log.forced(proposals.to_vec());
    let code = "too-many-statements";
    assert_eq!(checked(&mut log, &[], &three), Some(code));
    let candidates: Vec<&[u8]> = proposals.iter().map(Vec::as_slice).collect();
    let time = log.now_ms + TICK_MS;
    let built = log.proposer.build(&[], time, &candidates).unwrap();
    assert_eq!(built.block.entries, proposals[..2]);
    let refused: Vec<_> = built.refused.iter().map(|(i, r)| (*i, r.code)).collect();
    assert_eq!(refused, [(2, code)]);

    let mut child = log.forced(vec![proposals[2].clone()]);
    child.header.height += 1;
    child.header.parent = two.digest();
    child.header.timestamp_ms += 1;
    // The state after the parent, as an honest leader finds it.
    let built = log.proposer.build(&[&two], time + 1, &[]).unwrap();
    child.header.state_root = built.block.header.state_root;
    assert_eq!(checked(&mut log, &[&two], &child), Some(code));
    let built = log.proposer.build(&[&two], time + 1, &candidates[2..]);
    assert_eq!(built.unwrap().block.entries.len(), 0);
}
