//! What is committed stays; what isn't leaves nothing.

use std::fs;
use std::path::Path;

use tacit_ledger::{Ledger, LedgerError};
use tacit_protocol::block::entries_root;
use tacit_protocol::hash::Digest;
use tacit_test_world::Committee;

use crate::story::story;

/// A ledger on disk at a height of the story.
fn on_disk(path: &Path, height: u64) -> Ledger {
    let mut ledger = Ledger::open(path, story().committee.founding().clone()).unwrap();
    let applied = ledger.applied().unwrap().height;
    for block in story().blocks(height).iter().skip(applied as usize + 1) {
        ledger.commit(block).unwrap();
    }
    ledger
}

fn open(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(path, story().committee.founding().clone())
}

#[track_caller]
fn refused(result: Result<Ledger, LedgerError>) -> LedgerError {
    match result {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn a_block_that_is_delivered_again_changes_nothing() {
    let story = story();
    let mut log = story.at(story.signed);
    let (applied, root) = (
        log.proposer.applied().unwrap(),
        log.proposer.state_root().unwrap(),
    );
    for block in story.blocks(story.signed) {
        let effects = log.proposer.commit(block).unwrap();
        assert!(effects.claims.is_empty() && effects.bodies.is_empty());
    }
    assert_eq!(log.proposer.applied().unwrap(), applied);
    assert_eq!(log.proposer.state_root().unwrap(), root);
}

#[test]
fn a_gap_and_another_parent_are_errors() {
    let story = story();
    let mut log = story.at(story.collecting);
    let blocks = story.blocks(story.erased);
    let next = &blocks[story.collecting as usize + 1];
    let after = &blocks[story.collecting as usize + 2];
    let mut other_parent = next.clone();
    other_parent.header.parent = Digest::ZERO;
    for block in [after, &other_parent] {
        match log.proposer.commit(block) {
            Err(LedgerError::Gap { got, applied }) => {
                assert_eq!((got, applied), (block.header.height, story.collecting));
            }
            other => panic!("{other:?}"),
        }
    }
    log.proposer.commit(next).unwrap();
}

#[test]
fn a_finalized_block_that_is_not_valid_here_is_an_error_and_leaves_nothing() {
    let story = story();
    let mut log = story.at(story.signed);
    let root = log.proposer.state_root().unwrap();
    let parent = log.blocks[story.signed as usize].header.timestamp_ms;
    let known = log.blocks[1].entries[0].clone();
    let good = story.blocks(story.erased)[story.signed as usize + 1].clone();
    let mut duplicate = good.clone();
    duplicate.entries.push(known);
    duplicate.header.entries_root = entries_root(&duplicate.entries);
    let mut entries = good.clone();
    entries.entries.clear();
    let mut state = good.clone();
    state.header.state_root = Digest::ZERO;
    let mut time = good.clone();
    time.header.timestamp_ms = parent;
    for (block, code) in [
        (duplicate, "duplicate"),
        (entries, "entries-root"),
        (state, "state-root"),
        (time, "time-backwards"),
    ] {
        match log.proposer.commit(&block) {
            Err(LedgerError::Diverged { height, refusal }) => {
                assert_eq!((height, refusal.code), (story.signed + 1, code));
            }
            other => panic!("{code}: {other:?}"),
        }
        assert_eq!(log.proposer.applied().unwrap().height, story.signed);
        assert_eq!(log.proposer.state_root().unwrap(), root);
    }
    log.proposer.commit(&good).unwrap();
}

#[test]
fn a_database_that_is_opened_again_goes_on() {
    let story = story();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    // Between any two turns of the story the process ends.
    for height in [
        0,
        story.created,
        story.proposed,
        story.proposed + 1,
        story.proposed + 3,
        story.collecting,
        story.signed,
        story.triggered,
        story.unsealed,
        story.revealed,
        story.erased,
    ] {
        let ledger = on_disk(&path, height);
        let log = story.at(height);
        assert_eq!(ledger.applied().unwrap(), log.proposer.applied().unwrap());
        assert_eq!(
            ledger.state_root().unwrap(),
            log.proposer.state_root().unwrap()
        );
        assert_eq!(
            ledger.header(height).unwrap().as_ref(),
            Some(&log.blocks[height as usize].header)
        );
    }
    let ledger = open(&path).unwrap();
    let log = story.at(story.erased);
    let points = |l: &Ledger| l.opened_points(&story.open).unwrap();
    assert_eq!(points(&ledger), points(&log.proposer));
}

#[test]
fn a_process_that_dies_at_any_byte_of_a_commit_has_the_old_state_or_the_new() {
    let story = story();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let wal = folder.path().join("ledger.db-wal");
    let (before, after) = (story.signed, story.signed + 1);
    let old = on_disk(&path, before);
    let written = fs::metadata(&wal).unwrap().len() as usize;
    let roots = [&old, &story.at(after).proposer].map(|l| l.state_root().unwrap());
    let mut ledger = old;
    ledger.commit(&story.blocks(after)[after as usize]).unwrap();
    let (database, log) = (fs::read(&path).unwrap(), fs::read(&wal).unwrap());
    assert!(
        log.len() > written + 4096,
        "the commit is in the write-ahead log"
    );

    let frame = 4096 + 24;
    let cuts = (written..log.len())
        .step_by(frame)
        .flat_map(|at| [at, at + 1, at + 24, at + 2000]);
    let mut tried = 0;
    for cut in cuts
        .chain([log.len() - 1, log.len()])
        .filter(|cut| *cut <= log.len())
    {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        fs::write(&path, &database).unwrap();
        fs::write(folder.path().join("ledger.db-wal"), &log[..cut]).unwrap();
        let mut ledger = open(&path).unwrap();
        let (height, root) = if cut == log.len() {
            (after, roots[1])
        } else {
            (before, roots[0])
        };
        assert_eq!(
            ledger.applied().unwrap().height,
            height,
            "cut at {cut} of {}",
            log.len()
        );
        assert_eq!(ledger.state_root().unwrap(), root);
        // The block is delivered again.
        ledger.commit(&story.blocks(after)[after as usize]).unwrap();
        assert_eq!(ledger.state_root().unwrap(), roots[1]);
        tried += 1;
    }
    assert!(tried > 8, "{tried}");
}

#[test]
fn another_committees_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(on_disk(&path, 2));
    let other = Committee::new("another committee", 4);
    match refused(Ledger::open(&path, other.founding().clone())) {
        LedgerError::OtherCommittee(found) => {
            assert_eq!(found, story().committee.fingerprint.to_string());
        }
        error => panic!("{error}"),
    }
}

#[test]
fn a_database_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    drop(on_disk(&path, 2));
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let error = refused(open(&path));
    assert!(matches!(error, LedgerError::Version(2)), "{error}");
}

#[test]
fn what_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    fs::write(&path, [0x5a; 8192]).unwrap();
    let error = refused(open(&path));
    assert!(matches!(error, LedgerError::Store(_)), "{error}");
    assert!(matches!(
        refused(open(folder.path())),
        LedgerError::Store(_)
    ));
}

#[test]
fn an_unusable_founding_is_refused() {
    let mut founding = story().committee.founding().clone();
    founding.operators.swap(0, 1);
    match Ledger::in_memory(founding) {
        Err(LedgerError::Founding(_)) => {}
        _ => panic!("it opened"),
    }
}

#[test]
fn opened_bodies_are_kept_and_kept_once() {
    let story = story();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut ledger = on_disk(&path, story.revealed);
    assert!(ledger.opened_bodies(&story.open).unwrap().is_empty());
    let log = story.at(story.revealed);
    let bodies: Vec<_> = (0..)
        .zip(log.proposer.signatures(&story.open).unwrap())
        .map(|(i, s)| (i, log.bodies[&s.ct.to_le_bytes()].clone()))
        .collect();
    ledger.publish_bodies(&story.open, &bodies).unwrap();
    ledger.publish_bodies(&story.open, &bodies[..1]).unwrap();
    drop(ledger);
    assert_eq!(
        open(&path).unwrap().opened_bodies(&story.open).unwrap(),
        bodies
    );
}
