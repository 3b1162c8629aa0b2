//! A crash before, in the middle of and after every step of every operation, with each way of coming
//! back: what was acknowledged is there, nothing is half there, what is seen is durable, and the
//! operation can be done again.

use std::collections::BTreeSet;
use std::io;

use tacit_vault::{FaultDisk, Moment, Restart, SlotState, Step, Vault, VaultError, steps};

use crate::support::{
    DIR, Seen, bodies_path, body, ct, key_path, look, open, statement, try_open, wrapping_key,
};

const OLD: u8 = 1;
const NEW: u8 = 2;
const GONE: u8 = 3;

const MOMENTS: [Moment; 3] = [Moment::Before, Moment::During, Moment::After];
const RESTARTS: [Restart; 4] = [
    Restart::Process,
    Restart::PowerLost,
    Restart::PowerKept,
    Restart::PowerTorn(1),
];

/// An operation on a vault that already has something in it.
struct Operation {
    name: &'static str,
    /// Happens before the crash is planned.
    prepare: fn(&FaultDisk, &Vault),
    act: fn(&FaultDisk, &Vault) -> Result<(), VaultError>,
    /// Whether a vault may look like this after an act that wasn't acknowledged; its statements are
    /// `OLD` and `NEW`.
    possible: fn(&Seen, &Seen) -> bool,
    /// Whether it must look like this after one that was.
    done: fn(&Seen, &Seen) -> bool,
}

/// A disk with a slot in use (`OLD`) and an erased one (`GONE`).
fn furnished_disk() -> FaultDisk {
    let disk = FaultDisk::new(crate::support::BASE);
    let vault = open(&disk);
    vault.ensure_slot(&statement(OLD)).unwrap();
    vault
        .put_secret(&statement(OLD), "dkg-seed/1", b"first seed")
        .unwrap();
    vault
        .put_bodies(&statement(OLD), &[(ct(1), body(1)), (ct(2), body(2))])
        .unwrap();
    vault.ensure_slot(&statement(GONE)).unwrap();
    vault.erase(&statement(GONE)).unwrap();
    drop(vault);
    disk.take_journal();
    disk
}

/// `OLD` as it is on a furnished disk.
fn furnished() -> Seen {
    let mut seen = Seen::nothing(SlotState::Live);
    seen.secrets
        .insert("dkg-seed/1".to_owned(), b"first seed".to_vec());
    seen.bodies.extend([(ct(1), body(1)), (ct(2), body(2))]);
    seen
}

fn new_bodies() -> Vec<([u8; 32], Vec<u8>)> {
    (10..16).map(|n| (ct(n), body(n))).collect()
}

fn nothing_prepared(_: &FaultDisk, _: &Vault) {}

const OPERATIONS: &[Operation] = &[
    Operation {
        name: "creating a slot",
        prepare: nothing_prepared,
        act: |_, vault| vault.ensure_slot(&statement(NEW)),
        possible: |old, new| *old == furnished() && (is_absent(new) || is_empty(new)),
        done: |old, new| *old == furnished() && is_empty(new),
    },
    Operation {
        name: "creating a slot after a failed attempt",
        prepare: |disk, vault| {
            disk.fail_at(steps::SLOT_SYNC_KEY, 0, io::ErrorKind::StorageFull);
            vault.ensure_slot(&statement(NEW)).unwrap_err();
        },
        act: |_, vault| vault.ensure_slot(&statement(NEW)),
        possible: |old, new| *old == furnished() && (is_absent(new) || is_empty(new)),
        done: |old, new| *old == furnished() && is_empty(new),
    },
    Operation {
        name: "storing a secret",
        prepare: nothing_prepared,
        act: |_, vault| {
            vault
                .put_secret(&statement(OLD), "dkg-seed/2", b"second seed")
                .map(drop)
        },
        possible: |old, _| *old == furnished() || *old == with_second_seed(),
        done: |old, _| *old == with_second_seed(),
    },
    Operation {
        name: "storing a secret after a failed attempt",
        prepare: |disk, vault| {
            disk.fail_at(steps::SECRET_SYNC, 0, io::ErrorKind::StorageFull);
            vault
                .put_secret(&statement(OLD), "dkg-seed/2", b"a lost seed")
                .unwrap_err();
        },
        act: |_, vault| {
            vault
                .put_secret(&statement(OLD), "dkg-seed/2", b"second seed")
                .map(drop)
        },
        possible: |old, _| *old == furnished() || *old == with_second_seed(),
        done: |old, _| *old == with_second_seed(),
    },
    Operation {
        name: "storing bodies",
        prepare: nothing_prepared,
        act: |_, vault| vault.put_bodies(&statement(OLD), &new_bodies()),
        possible: |old, _| has_furnished_and_some_new(old),
        done: |old, _| *old == with_new_bodies(),
    },
    Operation {
        name: "storing bodies after the disk was full",
        prepare: nothing_prepared,
        act: |disk, vault| {
            disk.fail_at(steps::BODIES_APPEND, 0, io::ErrorKind::StorageFull);
            // When this is done again after a crash, there may be nothing left to append.
            let _ = vault.put_bodies(&statement(OLD), &new_bodies());
            vault.put_bodies(&statement(OLD), &new_bodies())
        },
        possible: |old, _| has_furnished_and_some_new(old),
        done: |old, _| *old == with_new_bodies(),
    },
    Operation {
        name: "dropping a body",
        prepare: nothing_prepared,
        act: |_, vault| vault.drop_body(&statement(OLD), &ct(1)).map(drop),
        possible: |old, _| *old == furnished() || *old == without_first_body(),
        done: |old, _| *old == without_first_body(),
    },
    Operation {
        name: "erasing a slot",
        prepare: nothing_prepared,
        act: |_, vault| vault.erase(&statement(OLD)).map(drop),
        possible: |old, _| {
            *old == furnished() || matches!(old.state, SlotState::Erasing | SlotState::Erased(_))
        },
        done: |old, _| matches!(old.state, SlotState::Erased(_)),
    },
    Operation {
        name: "erasing a slot that a failed creation left half-made",
        prepare: |disk, vault| {
            disk.fail_at(steps::SLOT_RENAME_KEY, 0, io::ErrorKind::StorageFull);
            vault.ensure_slot(&statement(NEW)).unwrap_err();
        },
        act: |_, vault| vault.erase(&statement(NEW)).map(drop),
        possible: |old, new| {
            *old == furnished() && matches!(new.state, SlotState::Absent | SlotState::Erased(_))
        },
        done: |old, new| *old == furnished() && matches!(new.state, SlotState::Erased(_)),
    },
];

fn is_absent(seen: &Seen) -> bool {
    *seen == Seen::nothing(SlotState::Absent)
}

fn is_empty(seen: &Seen) -> bool {
    *seen == Seen::nothing(SlotState::Live)
}

fn with_second_seed() -> Seen {
    let mut seen = furnished();
    seen.secrets
        .insert("dkg-seed/2".to_owned(), b"second seed".to_vec());
    seen
}

fn with_new_bodies() -> Seen {
    let mut seen = furnished();
    seen.bodies.extend(new_bodies());
    seen
}

fn without_first_body() -> Seen {
    let mut seen = furnished();
    seen.bodies.remove(&ct(1));
    seen
}

fn has_furnished_and_some_new(seen: &Seen) -> bool {
    let (base, full) = (furnished(), with_new_bodies());
    seen.secrets == base.secrets
        && base
            .bodies
            .iter()
            .all(|(ct, body)| seen.bodies.get(ct) == Some(body))
        && seen
            .bodies
            .iter()
            .all(|(ct, body)| full.bodies.get(ct) == Some(body))
}

fn look_at_both(vault: &Vault) -> (Seen, Seen) {
    (look(vault, &statement(OLD)), look(vault, &statement(NEW)))
}

/// The steps of a journal, each with how many times it came before.
fn numbered(journal: Vec<Step>) -> Vec<(Step, usize)> {
    let count = |i: usize| journal[..i].iter().filter(|s| **s == journal[i]).count();
    (0..journal.len()).map(|i| (journal[i], count(i))).collect()
}

/// Prepares and acts without a crash; the answer is the steps of the act.
fn steps_of(operation: &Operation, furnished: &FaultDisk) -> Vec<(Step, usize)> {
    let disk = furnished.duplicate();
    let vault = open(&disk);
    (operation.prepare)(&disk, &vault);
    disk.take_journal();
    (operation.act)(&disk, &vault).unwrap();
    let (old, new) = look_at_both(&vault);
    assert!(
        (operation.done)(&old, &new),
        "{}: {old:?} {new:?}",
        operation.name
    );
    numbered(disk.take_journal())
}

/// Nothing of the key file that `OLD` had is left anywhere on the platter.
fn assert_no_stripe_survives(disk: &FaultDisk, key_file: &[u8], crash: Crash) {
    for run in disk.platter() {
        let same = run
            .chunks(32)
            .zip(key_file.chunks(32))
            .take(16_000)
            .filter(|(a, b)| a == b);
        assert_eq!(same.count(), 0, "{crash:?}");
    }
}

/// Where one run crashes, and how the machine comes back.
#[derive(Clone, Copy, Debug)]
struct Crash {
    step: Step,
    nth: usize,
    moment: Moment,
    restart: Restart,
}

fn crashes_at(steps: Vec<(Step, usize)>) -> impl Iterator<Item = Crash> {
    steps.into_iter().flat_map(|(step, nth)| {
        MOMENTS.into_iter().flat_map(move |moment| {
            RESTARTS.map(move |restart| Crash {
                step,
                nth,
                moment,
                restart,
            })
        })
    })
}

fn crash_and_go_on(
    operation: &Operation,
    furnished: &FaultDisk,
    crash: Crash,
) -> (FaultDisk, Seen) {
    let context = format!("{}: {crash:?}", operation.name);
    let disk = furnished.duplicate();
    let vault = open(&disk);
    (operation.prepare)(&disk, &vault);
    disk.crash_at(crash.step, crash.nth, crash.moment);
    let answer = (operation.act)(&disk, &vault);
    assert!(answer.is_err() && disk.is_down(), "{context}");
    drop(vault);

    disk.restart(crash.restart);
    let mut vault = open(&disk);
    let (old, new) = look_at_both(&vault);
    assert!(
        (operation.possible)(&old, &new),
        "{context}: {old:?} {new:?}"
    );
    let gone = vault.state(&statement(GONE));
    assert!(matches!(gone, SlotState::Erased(_)), "{context}: {gone:?}");

    if crash.restart == Restart::Process {
        // What is seen from now on counts as stored, so it must stay even if the power goes now.
        drop(vault);
        disk.restart(Restart::PowerLost);
        vault = open(&disk);
        assert_eq!(look_at_both(&vault), (old, new), "{context}");
    }

    // Doing it again completes it, and then it is durable.
    (operation.act)(&disk, &vault).unwrap_or_else(|e| panic!("{context}: {e}"));
    drop(vault);
    disk.restart(Restart::PowerLost);
    let (old, new) = look_at_both(&open(&disk));
    assert!((operation.done)(&old, &new), "{context}: {old:?} {new:?}");
    (disk, old)
}

#[test]
fn after_a_crash_at_any_step_nothing_acknowledged_is_lost_and_nothing_is_half_there() {
    let furnished_disk = furnished_disk();
    let key_file = furnished_disk
        .files()
        .remove(&key_path(&statement(OLD)))
        .unwrap();
    for operation in OPERATIONS {
        for crash in crashes_at(steps_of(operation, &furnished_disk)) {
            let (disk, old) = crash_and_go_on(operation, &furnished_disk, crash);
            if matches!(old.state, SlotState::Erased(_)) {
                assert_no_stripe_survives(&disk, &key_file, crash);
            }
        }
    }
}

/// A disk with something to do for every step of opening: nothing at all, or the remains of crashes.
fn disks_to_recover() -> Vec<FaultDisk> {
    let remains = furnished_disk();
    let files = remains.files();
    let bodies = &files[&bodies_path(&statement(OLD))];
    // A slot whose file of bodies is gone, and one whose erasure has begun.
    let vault = open(&remains);
    vault.ensure_slot(&statement(NEW)).unwrap();
    vault.ensure_slot(&statement(4)).unwrap();
    remains.crash_at(steps::ERASE_OVERWRITE, 0, Moment::During);
    vault.erase(&statement(4)).unwrap_err();
    drop(vault);
    remains.restart(Restart::PowerKept);
    let without = remains.files();
    let disk = FaultDisk::new(DIR);
    for folder in ["keys", "secrets", "sealed", "erased"] {
        let path = std::path::PathBuf::from(DIR).join(folder);
        tacit_vault::Disk::create_dir(&disk, steps::OPEN_CREATE_FOLDER, &path).unwrap();
    }
    disk.restart(Restart::PowerKept);
    for (path, content) in without {
        if path != bodies_path(&statement(NEW)) {
            disk.plant(path, content);
        }
    }
    // A torn tail, half of a creation, and a file of bodies without its key.
    let torn = [bodies.as_slice(), &bodies[..bodies.len() / 3]].concat();
    disk.plant(bodies_path(&statement(OLD)), torn);
    disk.plant(format!("{DIR}/keys/{}.new", statement(5)), vec![7; 1000]);
    disk.plant(bodies_path(&statement(5)), Vec::new());
    disk.plant(
        format!("{DIR}/secrets/{}.dkg-seed_9.new", statement(OLD)),
        vec![7; 10],
    );
    disk.plant(
        format!("{DIR}/secrets/{}.dkg-seed_9.secret", statement(5)),
        vec![7; 10],
    );
    vec![FaultDisk::new(crate::support::BASE), disk]
}

fn look_at_all(vault: &Vault) -> Vec<Seen> {
    (1..6).map(|n| look(vault, &statement(n))).collect()
}

#[test]
fn after_a_crash_at_any_step_of_recovery_recovery_still_succeeds() {
    for start in disks_to_recover() {
        start.take_journal();
        let whole = start.duplicate();
        let expected = look_at_all(&open(&whole));
        let steps = numbered(whole.take_journal());
        let steps: Vec<_> = steps
            .into_iter()
            .filter(|(s, _)| steps::OPEN.contains(s))
            .collect();
        for crash in crashes_at(steps) {
            let disk = start.duplicate();
            disk.crash_at(crash.step, crash.nth, crash.moment);
            assert!(try_open(&disk).is_err(), "{crash:?}");
            disk.restart(crash.restart);
            assert_eq!(look_at_all(&open(&disk)), expected, "{crash:?}");
            let left: Vec<_> = disk.files().into_keys().collect();
            let unfinished = |p: &std::path::PathBuf| p.to_string_lossy().ends_with(".new");
            assert!(!left.iter().any(unfinished), "{crash:?}: {left:?}");
        }
    }
}

#[test]
fn what_recovery_finds_is_what_it_should() {
    let disks = disks_to_recover();
    let vault = open(&disks[1]);
    assert_eq!(look(&vault, &statement(OLD)), furnished());
    assert!(is_empty(&look(&vault, &statement(NEW))));
    assert!(matches!(
        vault.state(&statement(GONE)),
        SlotState::Erased(_)
    ));
    assert_eq!(vault.state(&statement(4)), SlotState::Erasing);
    assert_eq!(vault.state(&statement(5)), SlotState::Absent);
    vault.erase(&statement(4)).unwrap();
    assert!(matches!(vault.state(&statement(4)), SlotState::Erased(_)));
}

#[test]
fn every_named_step_is_one_that_these_tests_crash_at() {
    let furnished_disk = furnished_disk();
    let mut reached: BTreeSet<Step> = BTreeSet::new();
    for operation in OPERATIONS {
        reached.extend(
            steps_of(operation, &furnished_disk)
                .into_iter()
                .map(|(step, _)| step),
        );
    }
    for disk in disks_to_recover() {
        disk.take_journal();
        open(&disk);
        reached.extend(disk.take_journal());
    }
    let missed: Vec<_> = steps::ALL.iter().filter(|s| !reached.contains(s)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_key_that_was_half_written_is_never_used() {
    let disk = FaultDisk::new(crate::support::BASE);
    let vault = open(&disk);
    disk.crash_at(steps::SLOT_SYNC_KEY, 0, Moment::During);
    vault.ensure_slot(&statement(NEW)).unwrap_err();
    drop(vault);
    disk.restart(Restart::PowerKept);
    let unfinished = std::path::PathBuf::from(format!("{DIR}/keys/{}.new", statement(NEW)));
    let half = disk.files().remove(&unfinished).unwrap();
    let vault = open(&disk);
    vault.ensure_slot(&statement(NEW)).unwrap();
    let whole = disk.files().remove(&key_path(&statement(NEW))).unwrap();
    assert_ne!(wrapping_key(&half), wrapping_key(&whole));
}

#[test]
fn after_a_failed_sync_nothing_more_is_stored_until_the_vault_is_opened_again() {
    let disk = furnished_disk();
    let vault = open(&disk);
    disk.fail_at(steps::BODIES_SYNC, 0, io::ErrorKind::Other);
    let failed = vault.put_bodies(&statement(OLD), &new_bodies());
    assert!(matches!(failed, Err(VaultError::Io { .. })), "{failed:?}");
    let refused = vault.put_bodies(&statement(OLD), &new_bodies());
    assert!(
        matches!(refused, Err(VaultError::Doubtful(_))),
        "{refused:?}"
    );
    assert_eq!(
        look(&vault, &statement(OLD)),
        furnished(),
        "what is durable can still be read"
    );

    disk.fail_at(steps::SECRET_SYNC_NAME, 0, io::ErrorKind::Other);
    let failed = vault.put_secret(&statement(OLD), "dkg-seed/2", b"second seed");
    assert!(matches!(failed, Err(VaultError::Io { .. })), "{failed:?}");
    let refused = vault.put_secret(&statement(OLD), "dkg-seed/2", b"third seed");
    assert!(
        matches!(refused, Err(VaultError::Doubtful(_))),
        "{refused:?}"
    );
    drop(vault);

    disk.restart(Restart::Process);
    let vault = open(&disk);
    let stored = vault
        .put_secret(&statement(OLD), "dkg-seed/2", b"third seed")
        .unwrap();
    assert_eq!(
        stored.expose(),
        b"second seed",
        "the value that got its name is the one"
    );
    vault.put_bodies(&statement(OLD), &new_bodies()).unwrap();
}

#[test]
fn a_failed_write_that_cannot_be_undone_stores_nothing_more_either() {
    let disk = furnished_disk();
    let vault = open(&disk);
    disk.fail_at(steps::BODIES_APPEND, 0, io::ErrorKind::Other);
    disk.fail_at(steps::BODIES_UNDO, 0, io::ErrorKind::Other);
    vault
        .put_bodies(&statement(OLD), &new_bodies())
        .unwrap_err();
    let refused = vault.put_bodies(&statement(OLD), &new_bodies());
    assert!(
        matches!(refused, Err(VaultError::Doubtful(_))),
        "{refused:?}"
    );
    let refused = vault.drop_body(&statement(OLD), &ct(1));
    assert!(
        matches!(refused, Err(VaultError::Doubtful(_))),
        "{refused:?}"
    );
    vault.erase(&statement(OLD)).unwrap();
}
