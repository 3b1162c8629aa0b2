//! A damaged database is an error with a name, or harmless; never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use rusqlite::types::Value;
use tacit_ledger::{Ledger, LedgerError};
use tacit_protocol::block::Block;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, Subject};
use tacit_test_world::Log;
use tempfile::TempDir;

use crate::story::story;

/// The story up to a height, on disk, with changed tables.
pub fn on_disk(height: u64, change: impl Fn(&Connection)) -> (TempDir, Log) {
    let folder = tempfile::tempdir().expect("a folder");
    let ledgers = ["proposer", "validator"].map(|name| {
        let path = folder.path().join(name);
        let open = || Ledger::open(&path, story().committee.founding().clone()).expect("opens");
        let mut ledger = open();
        for block in story().blocks(height).iter().skip(1) {
            ledger.commit(block).expect("commits");
        }
        drop(ledger);
        change(&Connection::open(&path).expect("opens"));
        open()
    });
    let [proposer, validator] = ledgers;
    let mut log = Log::of(story().committee.clone(), proposer, validator);
    log.proofs = false;
    log.blocks = story().blocks(height).to_vec();
    log.now_ms = log.blocks[height as usize].header.timestamp_ms;
    (folder, log)
}

/// Everything that anyone asks of a ledger. The first error, if any. `keys`: also what needs keys, which
/// takes longer.
fn ask_everything(
    path: &std::path::Path,
    height: u64,
    entries: &[Vec<u8>],
    keys: bool,
) -> Result<(), LedgerError> {
    let story = story();
    let mut ledger = Ledger::open(path, story.committee.founding().clone())?;
    let mut first = Ok(());
    let mut note = |result: Result<(), LedgerError>| {
        if first.is_ok() {
            first = result;
        }
    };
    note(ledger.applied().map(drop));
    note(ledger.state_root().map(drop));
    note(ledger.groups().map(drop));
    note(ledger.members(&story.group).map(drop));
    note(ledger.statement_ids().map(drop));
    note(ledger.unattested(0).map(drop));
    for id in [&story.open, &story.shut] {
        note(ledger.statement(id).map(drop));
        note(ledger.signatures(id).map(drop));
        note(ledger.signature_entries(id).map(drop));
        note(ledger.opening(id).map(drop));
        note(ledger.opened_bodies(id).map(drop));
        if keys {
            note(ledger.keygen(id).map(drop));
            note(ledger.opening_context(id).map(drop));
            note(ledger.opened_points(id).map(drop));
        }
    }
    let subjects = [
        Subject::Group(story.group),
        Subject::Statement(story.open),
        Subject::Statement(story.shut),
    ];
    for subject in &subjects {
        note(ledger.chain(subject).map(drop));
        note(ledger.facts(subject).map(drop));
    }
    note(ledger.prove(&subjects).map(drop));
    for height in 0..=height {
        note(ledger.header(height).map(drop));
        note(ledger.entry_path(height, 0).map(drop));
    }
    let candidates: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
    for entry in &candidates {
        note(ledger.admit(entry).map(drop));
    }
    let time = story.blocks(height)[height as usize].header.timestamp_ms + 5;
    note(ledger.build(&[], time, &candidates).map(drop));
    // The story's next blocks, tried and committed.
    let blocks: Vec<&Block> = story
        .blocks((height + 3).min(story.erased))
        .iter()
        .collect();
    let next = &blocks[height as usize + 1..];
    if let Some((last, ancestors)) = next.split_last() {
        note(ledger.check(ancestors, last).map(drop));
    }
    for block in next {
        note(ledger.commit(block).map(drop));
    }
    first
}

fn columns(db: &Connection) -> Vec<(String, String, String)> {
    let mut tables = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .expect("lists");
    let tables: Vec<String> = tables
        .query_map([], |r| r.get(0))
        .expect("lists")
        .map(|r| r.expect("a name"))
        .collect();
    let mut columns = Vec::new();
    for table in tables {
        let mut info = db
            .prepare(&format!("PRAGMA table_info({table})"))
            .expect("lists");
        let rows = info.query_map([], |r| Ok((r.get::<_, String>(1)?, r.get::<_, String>(2)?)));
        for row in rows.expect("lists") {
            let (column, kind) = row.expect("a column");
            columns.push((table.clone(), column, kind));
        }
    }
    columns
}

/// Other values of a column's type.
fn damages(kind: &str, old: &Value) -> Vec<Value> {
    match (kind, old) {
        ("INTEGER", _) => [-1, i64::MIN, i64::MAX, 255].map(Value::Integer).to_vec(),
        (_, Value::Blob(old)) => {
            let mut damages = vec![Vec::new(), vec![0xff; 32], [&old[..], &[0]].concat()];
            if let Some((_, short)) = old.split_last() {
                damages.push(short.to_vec());
                let mut flipped = old.clone();
                flipped[old.len() / 2] ^= 0x10;
                damages.push(flipped);
            }
            damages.into_iter().map(Value::Blob).collect()
        }
        _ => vec![Value::Blob(vec![1; 32])],
    }
}

/// Damages every column of the story's database at a height, each in several ways.
fn damage_everything(height: u64) {
    let story = story();
    let (mut errors, mut harmless, mut panicked) = (0, 0, Vec::new());
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let mut ledger = Ledger::open(&whole, story.committee.founding().clone()).unwrap();
    for block in story.blocks(height).iter().skip(1) {
        ledger.commit(block).unwrap();
    }
    let log = story.at(height);
    let bodies: Vec<_> = (0..).zip(log.bodies.values().cloned()).take(1).collect();
    ledger.publish_bodies(&story.open, &bodies).unwrap();
    drop(ledger);
    let mut entries = vec![Entry::Enrol(story.registrars.enrol(&story.stranger("Gus"))).to_bytes()];
    for block in &story.blocks((height + 3).min(story.erased))[height as usize + 1..] {
        entries.extend(block.entries.clone());
    }
    ask_everything(&copy(&folder, &whole), height, &entries, true).unwrap();

    let db = Connection::open(&whole).unwrap();
    for (table, column, kind) in columns(&db) {
        // Any row will do; the last one is the youngest.
        let last = format!(
            "SELECT {column} FROM {table} LIMIT 1 OFFSET (SELECT max(count(*) - 1, 0) FROM {table})"
        );
        let Ok(old) = db.query_row(&last, [], |r| r.get::<_, Value>(0)) else {
            continue;
        };
        let with_keys = [
            "meta",
            "statements",
            "keygen",
            "signatures",
            "unseals",
            "posts",
        ];
        let with_keys = with_keys.contains(&table.as_str());
        for value in damages(&kind, &old) {
            let path = copy(&folder, &whole);
            let damaged = Connection::open(&path).unwrap();
            damaged.pragma_update(None, "synchronous", "OFF").unwrap();
            let update = format!("UPDATE OR IGNORE {table} SET {column} = ?1 WHERE {column} IS ?2");
            damaged.execute(&update, [&value, &old]).ok();
            drop(damaged);
            let ask = || ask_everything(&path, height, &entries, with_keys);
            match catch_unwind(AssertUnwindSafe(ask)) {
                Err(_) => panicked.push(format!("{table}.{column} = {value:?}")),
                Ok(Ok(())) => harmless += 1,
                Ok(Err(error)) => {
                    assert!(!error.to_string().is_empty());
                    errors += 1;
                }
            }
        }
    }
    println!("at height {height}: {errors} errors with a name, {harmless} harmless");
    assert!(panicked.is_empty(), "{panicked:#?}");
    assert!(errors > 50, "{errors}");
}

#[test]
fn a_row_damaged_while_a_key_is_made_is_an_error_and_never_a_panic() {
    damage_everything(story().proposed + 3);
}

#[test]
fn a_row_damaged_while_a_list_is_opened_is_an_error_and_never_a_panic() {
    damage_everything(story().unsealed);
}

#[test]
fn a_row_damaged_after_a_statement_expired_is_an_error_and_never_a_panic() {
    damage_everything(story().expired);
}

fn copy(folder: &TempDir, whole: &std::path::Path) -> std::path::PathBuf {
    let path = folder.path().join("copy");
    for suffix in ["", "-wal", "-shm"] {
        std::fs::remove_file(folder.path().join(format!("copy{suffix}"))).ok();
    }
    std::fs::copy(whole, &path).unwrap();
    path
}
