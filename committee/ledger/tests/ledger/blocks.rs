//! Rules for blocks as a whole, and blocks on ancestors that aren't applied yet.

use tacit_ledger::{Checked, Ledger, LedgerError};
use tacit_protocol::block::{
    Block, MAX_BLOCK_BYTES, MAX_BLOCK_PROOFS, MAX_BLOCK_PROPOSALS, entries_root,
};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::hash::Digest;
use tacit_protocol::signature::Sign;
use tacit_protocol::statement::Status;
use tacit_test_world::Log;

use crate::story::story;

#[track_caller]
fn invalid(log: &mut Log, block: &Block, code: &str) {
    invalid_on(log, &[], block, code);
}

#[track_caller]
fn invalid_on(log: &mut Log, ancestors: &[&Block], block: &Block, code: &str) {
    match log.validator.check(ancestors, block).unwrap() {
        Checked::Invalid(refusal) => assert_eq!(refusal.code, code, "{refusal}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn valid_on(log: &mut Log, ancestors: &[&Block], block: &Block) {
    match log.validator.check(ancestors, block).unwrap() {
        Checked::Valid(_) => {}
        Checked::Invalid(refusal) => panic!("{}: {refusal}", refusal.code),
    }
}

/// A block with one enrolment on the enrolled village.
fn next_block(log: &Log) -> Block {
    let entry = Entry::Enrol(story().registrars.enrol(&story().stranger("Gus")));
    log.forced(vec![entry.to_bytes()])
}

#[test]
fn a_block_whose_entries_are_not_those_of_its_header_is_invalid() {
    let mut log = story().at(story().enrolled);
    let block = next_block(&log);
    valid_on(&mut log, &[], &block);
    let mut dropped = block.clone();
    dropped.entries.clear();
    invalid(&mut log, &dropped, "entries-root");
    let mut doubled = block.clone();
    doubled.entries.push(block.entries[0].clone());
    invalid(&mut log, &doubled, "entries-root");
    let mut changed = block.clone();
    changed.entries[0][10] ^= 1;
    invalid(&mut log, &changed, "entries-root");
    let mut header = block;
    header.header.entries_root = Digest::ZERO;
    invalid(&mut log, &header, "entries-root");
}

#[test]
fn a_block_that_does_not_follow_its_parent_is_invalid() {
    let mut log = story().at(story().enrolled);
    let block = next_block(&log);
    let mut other_parent = block.clone();
    other_parent.header.parent = Digest([1; 32]);
    invalid(&mut log, &other_parent, "parent");
    for height in [block.header.height + 1, u64::MAX] {
        let mut other_height = block.clone();
        other_height.header.height = height;
        invalid(&mut log, &other_height, "parent");
    }
}

#[test]
fn a_block_that_is_not_after_its_parent_is_invalid() {
    let mut log = story().at(story().enrolled);
    let block = next_block(&log);
    for time in [0, log.now_ms - 1, log.now_ms] {
        let mut earlier = block.clone();
        earlier.header.timestamp_ms = time;
        invalid(&mut log, &earlier, "time-backwards");
    }
    let mut just_after = block.clone();
    just_after.header.timestamp_ms = log.now_ms + 1;
    valid_on(&mut log, &[], &just_after);

    let mut child = log.forced(Vec::new());
    child.header.height = block.header.height + 1;
    child.header.parent = block.digest();
    child.header.timestamp_ms = block.header.timestamp_ms;
    invalid_on(&mut log, &[&block], &child, "time-backwards");
}

#[test]
fn a_block_with_another_state_root_is_invalid() {
    let mut log = story().at(story().enrolled);
    let mut block = next_block(&log);
    for root in [Digest::ZERO, log.blocks[1].header.state_root] {
        block.header.state_root = root;
        invalid(&mut log, &block, "state-root");
    }
}

#[test]
fn at_an_applied_height_only_the_applied_block_is_valid() {
    let story = story();
    let mut log = story.at(story.signed);
    for block in story.blocks(story.signed) {
        valid_on(&mut log, &[], block);
    }
    let mut other = log.blocks[2].clone();
    other.header.timestamp_ms += 1;
    invalid(&mut log, &other, "below-applied");
    let mut other = log.blocks[2].clone();
    other.entries.pop();
    other.header.entries_root = entries_root(&other.entries);
    invalid(&mut log, &other, "below-applied");
}

/// Signatures that nobody made: `apply` leaves proofs to who called it.
fn signatures(log: &mut Log, number: u64) -> Vec<Vec<u8>> {
    let model = log.paper(&story().open, &story().members[0], None).sign;
    (0..number)
        .map(|i| {
            let nullifier = FieldElement(Fr::from(i + 1));
            Entry::Sign(Sign {
                nullifier,
                ..model.clone()
            })
            .to_bytes()
        })
        .collect()
}

#[test]
fn a_block_holds_so_many_proofs_and_no_more() {
    let mut log = story().at(story().collecting);
    let entries = signatures(&mut log, MAX_BLOCK_PROOFS as u64 + 1);
    let candidates: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &candidates).unwrap();
    assert_eq!(built.block.entries.len(), MAX_BLOCK_PROOFS);
    assert_eq!(built.effects.claims.len(), MAX_BLOCK_PROOFS);
    assert_eq!(built.effects.bodies.len(), MAX_BLOCK_PROOFS);
    assert_eq!(built.refused, [], "the last one may be in a later block");
    valid_on(&mut log, &[], &built.block);
    let full = log.forced(entries);
    invalid(&mut log, &full, "too-many-proofs");
}

#[test]
fn a_block_proposes_so_many_statements_and_no_more() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let proposals: Vec<Vec<u8>> = (0..=MAX_BLOCK_PROPOSALS as u8)
        .map(|i| {
            let mut statement = log.statement(story.group, "One of many", "count >= 1");
            statement.nonce = [i; 16];
            log.proposal(statement).to_bytes()
        })
        .collect();
    let candidates: Vec<&[u8]> = proposals.iter().map(Vec::as_slice).collect();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &candidates).unwrap();
    assert_eq!(built.block.entries, proposals[..MAX_BLOCK_PROPOSALS]);
    assert_eq!(built.refused, [], "the last one may be in a later block");
    valid_on(&mut log, &[], &built.block);
    let full = log.forced(proposals);
    invalid(&mut log, &full, "too-many-proposals");
}

#[test]
fn what_stands_behind_a_full_block_may_still_be_in_it_if_it_needs_no_proof() {
    let mut log = story().at(story().collecting);
    let mut entries = signatures(&mut log, MAX_BLOCK_PROOFS as u64 + 3);
    let enrol = Entry::Enrol(story().registrars.enrol(&story().stranger("Gus"))).to_bytes();
    entries.push(enrol.clone());
    let candidates: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &candidates).unwrap();
    assert_eq!(built.block.entries.len(), MAX_BLOCK_PROOFS + 1);
    assert_eq!(built.block.entries.last(), Some(&enrol));
    log.push(built.block);
}

#[test]
fn a_block_holds_so_many_bytes_and_no_more() {
    let story = story();
    let mut log = story.at(story.enrolled);
    let proposals: Vec<Vec<u8>> = (0..10)
        .map(|i| {
            let mut statement = log.statement(story.group, &"x".repeat(60_000), "count >= 1");
            statement.nonce = [i; 16];
            log.proposal(statement).to_bytes()
        })
        .collect();
    let candidates: Vec<&[u8]> = proposals.iter().map(Vec::as_slice).collect();
    let time = log.now_ms + 1;
    let built = log.proposer.build(&[], time, &candidates).unwrap();
    let bytes: usize = built.block.entries.iter().map(Vec::len).sum();
    assert!(bytes <= MAX_BLOCK_BYTES && bytes + proposals[0].len() > MAX_BLOCK_BYTES);
    assert_eq!(built.refused, []);
    valid_on(&mut log, &[], &built.block);
}

#[test]
fn blocks_are_judged_on_ancestors_that_are_not_applied() {
    let story = story();
    let mut log = story.at(story.enrolled);
    // The village's next turns, none of them applied here.
    let later = story.blocks(story.revealed);
    let first = story.enrolled as usize + 1;
    for (i, block) in later.iter().enumerate().skip(first) {
        let ancestors: Vec<&Block> = later[first..i].iter().collect();
        if (i - first).is_multiple_of(4) || i == later.len() - 1 {
            valid_on(&mut log, &ancestors, block);
            let time = block.header.timestamp_ms;
            let entries: Vec<&[u8]> = block.entries.iter().map(Vec::as_slice).collect();
            let built = log.proposer.build(&ancestors, time, &entries).unwrap();
            assert_eq!(&built.block, block);
        }
    }
    assert_eq!(log.proposer.applied().unwrap().height, story.enrolled);
}

#[test]
fn what_is_in_an_ancestor_is_not_taken_again() {
    let story = story();
    let mut log = story.at(story.collecting);
    let sign = log.paper(&story.open, &story.members[0], None).sign;
    let again = log.paper(&story.open, &story.members[0], None).sign;
    let [first, again] = [sign, again].map(|s| Entry::Sign(s).to_bytes());
    let parent = log.forced(vec![first.clone()]);
    let time = parent.header.timestamp_ms + 1;
    let built = log
        .proposer
        .build(&[&parent], time, &[&first, &again])
        .unwrap();
    let refused: Vec<_> = built.refused.iter().map(|(i, r)| (*i, r.code)).collect();
    assert_eq!(refused, [(0, "duplicate"), (1, "nullifier-spent")]);
    assert_eq!(built.block.header.parent, parent.digest());
    valid_on(&mut log, &[&parent], &built.block);
    // On another branch they still can.
    let sibling = log.forced(vec![again]);
    valid_on(&mut log, &[], &sibling);
}

#[test]
fn a_block_on_an_invalid_ancestor_is_invalid_and_is_not_built() {
    let story = story();
    let mut log = story.at(story.collecting);
    let entry = log.blocks[1].entries[0].clone();
    let parent = log.forced(vec![entry]);
    let mut child = log.forced(Vec::new());
    child.header.height += 1;
    child.header.parent = parent.digest();
    child.header.timestamp_ms += 1;
    invalid_on(&mut log, &[&parent], &child, "duplicate");
    let time = child.header.timestamp_ms;
    match log.proposer.build(&[&parent], time, &[]) {
        Err(LedgerError::Diverged { height, refusal }) => {
            assert_eq!((height, refusal.code), (parent.header.height, "duplicate"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_is_made_on_whatever_branch_wins() {
    // Two branches with other messages of key generation; what was tried on one leaves nothing on the other.
    let story = story();
    let mut log = story.at(story.proposed);
    let ours: Vec<Vec<u8>> = [0, 1, 2, 3]
        .map(|n| log.node(n, log.due(&story.open, n).unwrap()).to_bytes())
        .to_vec();
    let theirs: Vec<Vec<u8>> = [0, 1, 2, 3]
        .map(|n| {
            let keys = log.secrets_of_seed(&story.open, n, "other seed").keys();
            log.node(n, tacit_protocol::entry::NodeStatement::Keys(keys))
                .to_bytes()
        })
        .to_vec();
    let losing = log.forced(theirs);
    valid_on(&mut log, &[], &losing);
    let winning = log.forced(ours);
    log.push(winning);
    log.make_keys(&[story.open, story.shut], &[0, 1, 2, 3]);
    assert_eq!(log.findings(&story.open), []);
}

#[test]
fn what_a_losing_branch_opened_changes_no_verdict_on_the_winning_one() {
    let story = story();
    // Two branches whose third signature is another member's: both trigger at the same height.
    let branch = |member: usize| {
        let mut log = story.at(story.signed);
        log.sign_on_paper(&story.open, &story.members[member..=member]);
        log.reveal(&story.open, &[0, 1, 2]);
        log
    };
    let (losing, winning) = (branch(3), branch(4));
    let first = story.signed as usize + 1;
    let mut log = story.at(story.signed);
    log.bodies = winning.bodies.clone();
    let tried = &losing.blocks[first..];
    for (i, block) in tried.iter().enumerate() {
        let ancestors: Vec<&Block> = tried[..i].iter().collect();
        valid_on(&mut log, &ancestors, block);
        let entries: Vec<&[u8]> = block.entries.iter().map(Vec::as_slice).collect();
        let time = block.header.timestamp_ms;
        log.validator.build(&ancestors, time, &entries).unwrap();
    }
    for block in &winning.blocks[first..] {
        log.push(block.clone());
    }
    assert_eq!(log.findings(&story.open), []);
    assert_eq!(log.status(&story.open), Status::Revealed);
    let points = |ledger: &Ledger| ledger.opened_points(&story.open).unwrap();
    assert_eq!(points(&log.validator), points(&winning.proposer));
}
