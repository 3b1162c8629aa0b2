//! Many statements at once: what each costs mustn't grow with the number of the others.

use std::time::Instant;

use tacit_protocol::block::MAX_BLOCK_PROPOSALS;
use tacit_protocol::ids::StatementId;
use tacit_protocol::statement::Status;
use tacit_test_world::{Committee, Log};

use crate::story::story;

/// A log in which so many statements have all nodes' keys and some of their commitments.
fn preparing(label: &str, statements: usize) -> (Log, Vec<StatementId>) {
    let committee = Committee::with(label, 4, |f| {
        f.max_open_statements = 1000;
        // No phase ends by itself while they are prepared.
        f.timing.dkg_phase_ms = 3_600_000;
    });
    let registrars = &story().registrars;
    let definition = registrars.define(&committee, "Village", &[]);
    let mut log = Log::new(std::sync::Arc::new(committee));
    let group = log.create(registrars, &definition);
    log.enrol(registrars, &[registrars.person(&definition, "Ada", &[])]);
    let mut ids = Vec::new();
    while ids.len() < statements {
        let part = MAX_BLOCK_PROPOSALS.min(statements - ids.len());
        let proposals = (0..part).map(|n| {
            let text = format!("Statement {}", ids.len() + n);
            log.statement(group, &text, "count >= 1")
        });
        let proposals: Vec<_> = proposals.collect();
        ids.extend(proposals.iter().map(|s| s.id()));
        let entries: Vec<_> = proposals.into_iter().map(|s| log.proposal(s)).collect();
        log.after(10, entries);
    }
    for part in ids.chunks(100) {
        log.keygen_step(part, &[0, 1, 2, 3]);
        // Three commit: all wait for the last one.
        log.keygen_step(part, &[0, 1, 2]);
    }
    (log, ids)
}

#[test]
fn blocks_replay_no_key_generation_though_many_are_under_way() {
    let (mut log, ids) = preparing("many", 100);
    assert!(ids.iter().all(|id| log.status(id) == Status::Preparing));
    let replays = |log: &Log| log.proposer.keygen_replays() + log.validator.keygen_replays();
    let before = replays(&log);
    log.idle(3);
    // A message to each of them, too.
    log.keygen_step(&ids, &[3]);
    assert_eq!(replays(&log) - before, 0);
}

/// A figure, printed: `cargo test -p tacit-ledger --test ledger -- --ignored --nocapture figure`.
#[test]
#[ignore = "takes a minute: for a figure, not for a verdict"]
fn figure_of_a_block_while_a_thousand_keys_are_made() {
    let (mut log, ids) = preparing("a thousand", 1000);
    let start = Instant::now();
    log.idle(3);
    // Each is built once, checked once and committed twice.
    println!("an empty block: {:?}", start.elapsed() / 3 / 4);
    let start = Instant::now();
    log.keygen_step(&ids[..250], &[3]);
    println!("a block of 250 messages: {:?}", start.elapsed() / 4);
}
