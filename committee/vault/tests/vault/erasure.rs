//! What erasing leaves: nothing, and a tombstone.

use std::collections::HashSet;
use std::io;

use tacit_vault::antiforensic::{REGION, STRIPE};
use tacit_vault::{Caveats, FaultDisk, Moment, Restart, SlotState, VaultError, steps};

use crate::support::{
    BASE, DIR, bodies_path, body, ct, key_path, look, occurs, open, secret_path, statement,
    wrapping_key,
};

const A: u8 = 1;
const B: u8 = 2;
const SECRET: &[u8] = b"a secret that has to vanish with the slot";

fn furnished_disk() -> FaultDisk {
    let disk = FaultDisk::new(BASE);
    let vault = open(&disk);
    for n in [A, B] {
        vault.ensure_slot(&statement(n)).unwrap();
        vault.put_secret(&statement(n), "share", SECRET).unwrap();
        vault
            .put_bodies(&statement(n), &[(ct(1), body(1)), (ct(2), body(2))])
            .unwrap();
    }
    drop(vault);
    disk.restart(Restart::PowerLost);
    disk
}

#[test]
fn after_erasing_no_stripe_of_the_key_is_left_on_the_platter_not_even_in_freed_sectors() {
    let disk = furnished_disk();
    let files = disk.files();
    let key_file = &files[&key_path(&statement(A))];
    let stripes: HashSet<&[u8]> = key_file[..REGION].chunks(STRIPE).collect();
    let surviving = |disk: &FaultDisk| {
        let runs = disk.platter();
        let pieces = runs.iter().flat_map(|run| run.chunks(STRIPE));
        pieces.filter(|piece| stripes.contains(piece)).count()
    };
    assert_eq!(surviving(&disk), REGION / STRIPE, "the positive control");

    let vault = open(&disk);
    let erasure = vault.erase(&statement(A)).unwrap();
    assert_eq!(
        erasure.caveats.without(Caveats::MEMORY_NOT_LOCKED),
        Caveats::NONE
    );
    assert_eq!(surviving(&disk), 0);

    let left: Vec<_> = disk.files().into_keys().collect();
    let of_a: Vec<_> = left
        .iter()
        .filter(|p| p.to_string_lossy().contains(&statement(A).to_string()))
        .collect();
    assert_eq!(of_a.len(), 1, "only the tombstone: {of_a:?}");
    assert!(of_a[0].starts_with(format!("{DIR}/erased")));
    assert!(disk.files()[of_a[0]].is_empty());
    assert_eq!(
        look(&vault, &statement(B)).bodies.len(),
        2,
        "the other slot isn't concerned"
    );
}

#[test]
fn nothing_is_ever_on_the_disk_in_clear() {
    let disk = furnished_disk();
    let key = wrapping_key(&disk.files()[&key_path(&statement(A))]);
    let sealed = disk.files()[&bodies_path(&statement(A))][60..100].to_vec();
    assert!(
        occurs(&disk.platter(), &sealed),
        "the positive control: ciphertext is found"
    );
    for needle in [&key[..], SECRET, &body(1)[..40], &body(2)[..40]] {
        assert!(!occurs(&disk.platter(), needle));
    }
}

#[test]
fn a_thief_with_every_byte_reads_it_all_before_erasing_and_nothing_after() {
    let disk = furnished_disk();
    // Before: a copy of the disk is as good as the node.
    let stolen = disk.duplicate();
    let seen = look(&open(&stolen), &statement(A));
    assert_eq!(seen.secrets["share"], SECRET);
    assert_eq!(seen.bodies[&ct(1)], body(1));

    let sealed_before = disk.files();
    open(&disk).erase(&statement(A)).unwrap();

    // After: the ciphertexts that the platter still has, and whatever it has in place of the key file.
    for run in disk
        .platter()
        .into_iter()
        .filter(|run| run.len() == tacit_vault::KEY_FILE_LEN)
    {
        let stolen = FaultDisk::new(BASE);
        open(&stolen);
        stolen.restart(Restart::PowerLost);
        stolen.plant(key_path(&statement(A)), run);
        for path in [
            bodies_path(&statement(A)),
            secret_path(&statement(A), "share"),
        ] {
            stolen.plant(path.clone(), sealed_before[&path].clone());
        }
        assert_eq!(open(&stolen).state(&statement(A)), SlotState::Damaged);
    }
}

#[test]
fn an_erased_slot_answers_the_same_for_ever_and_is_never_created_again() {
    let disk = furnished_disk();
    disk.set_discard(false);
    let vault = open(&disk);
    let first = vault.erase(&statement(A)).unwrap();
    assert!(first.caveats.contains(Caveats::NO_DISCARD));
    disk.take_journal();
    assert_eq!(vault.erase(&statement(A)).unwrap(), first);
    assert_eq!(disk.take_journal(), [], "and the disk isn't touched for it");
    drop(vault);
    disk.restart(Restart::PowerLost);
    disk.set_discard(true);
    let vault = open(&disk);
    assert_eq!(vault.state(&statement(A)), SlotState::Erased(first.caveats));
    assert_eq!(vault.erase(&statement(A)).unwrap(), first);
    let id = statement(A);
    for refused in [
        vault.ensure_slot(&id),
        vault.put_secret(&id, "share", SECRET).map(drop),
        vault.get_secret(&id, "share").map(drop),
        vault.put_bodies(&id, &[(ct(1), body(1))]),
        vault.get_body(&id, &ct(1)).map(drop),
        vault.drop_body(&id, &ct(1)).map(drop),
    ] {
        assert!(
            matches!(refused, Err(VaultError::SlotErased(s)) if s == id),
            "{refused:?}"
        );
    }
}

#[test]
fn a_statement_that_never_had_a_slot_can_be_erased_and_then_gets_none() {
    let disk = FaultDisk::new(BASE);
    let vault = open(&disk);
    // It says so: what was lost may be somewhere else.
    let caveats = vault.erase(&statement(A)).unwrap().caveats;
    assert!(caveats.contains(Caveats::NOTHING_FOUND));
    drop(vault);
    disk.restart(Restart::PowerLost);
    let vault = open(&disk);
    assert!(
        vault
            .erase(&statement(A))
            .unwrap()
            .caveats
            .contains(Caveats::NOTHING_FOUND)
    );
    let refused = vault.ensure_slot(&statement(A));
    assert!(
        matches!(refused, Err(VaultError::SlotErased(_))),
        "{refused:?}"
    );
}

#[test]
fn caveats_say_what_could_not_be_done() {
    let disk = furnished_disk();
    disk.set_discard(false);
    disk.set_direct_read_back(false);
    let caveats = open(&disk).erase(&statement(A)).unwrap().caveats;
    let both = Caveats::NO_DISCARD.union(Caveats::READ_BACK_CACHED);
    assert_eq!(caveats.without(Caveats::MEMORY_NOT_LOCKED), both);

    let disk = furnished_disk();
    let caveats = open(&disk).erase(&statement(A)).unwrap().caveats;
    assert!(!caveats.contains(Caveats::NOTHING_FOUND));

    let disk = furnished_disk();
    disk.fail_at(steps::ERASE_DISCARD, 0, io::ErrorKind::PermissionDenied);
    let caveats = open(&disk).erase(&statement(A)).unwrap().caveats;
    assert_eq!(
        caveats.without(Caveats::MEMORY_NOT_LOCKED),
        Caveats::NO_DISCARD
    );
}

#[test]
fn caveats_of_an_interrupted_erasure_are_kept_by_the_one_that_finishes_it() {
    let disk = furnished_disk();
    disk.set_direct_read_back(false);
    let vault = open(&disk);
    disk.crash_at(steps::ERASE_DISCARD, 0, Moment::Before);
    vault.erase(&statement(A)).unwrap_err();
    drop(vault);
    disk.restart(Restart::PowerLost);
    disk.set_direct_read_back(true);
    let vault = open(&disk);
    assert_eq!(vault.state(&statement(A)), SlotState::Erasing);
    let caveats = vault.erase(&statement(A)).unwrap().caveats;
    assert_eq!(
        caveats.without(Caveats::MEMORY_NOT_LOCKED),
        Caveats::READ_BACK_CACHED
    );
}

#[test]
fn a_disk_that_does_not_take_the_overwriting_is_found_out() {
    let disk = furnished_disk();
    let vault = open(&disk);
    let erasing = format!("{DIR}/keys/{}.erasing", statement(A));
    disk.stick(&erasing);
    let refused = vault.erase(&statement(A));
    let named = matches!(&refused, Err(VaultError::Survives { path }) if path.ends_with(&erasing));
    assert!(named, "{refused:?}");
    assert_eq!(vault.state(&statement(A)), SlotState::Erasing);
    look(&vault, &statement(A));
    disk.heal();
    vault.erase(&statement(A)).unwrap();
}

#[test]
fn erasing_that_failed_for_a_while_goes_on_when_called_again() {
    // A discard that fails is a caveat, and here there is no half-made key file to remove.
    let others = [steps::ERASE_DISCARD, steps::ERASE_REMOVE_STALE];
    for step in steps::ERASE.iter().filter(|s| !others.contains(s)) {
        let disk = furnished_disk();
        let vault = open(&disk);
        disk.fail_at(*step, 0, io::ErrorKind::Other);
        let failed = vault.erase(&statement(A));
        assert!(
            matches!(failed, Err(VaultError::Io { .. })),
            "{step}: {failed:?}"
        );
        assert_eq!(vault.state(&statement(A)), SlotState::Erasing, "{step}");
        look(&vault, &statement(A));
        vault.erase(&statement(A)).unwrap();
        drop(vault);
        disk.restart(Restart::PowerLost);
        assert!(
            matches!(open(&disk).state(&statement(A)), SlotState::Erased(_)),
            "{step}"
        );
    }
}

#[test]
fn a_key_that_is_put_back_from_a_copy_is_not_used_and_goes_again() {
    let disk = furnished_disk();
    let copy = disk.files().remove(&key_path(&statement(A))).unwrap();
    open(&disk).erase(&statement(A)).unwrap();
    disk.restart(Restart::PowerLost);
    disk.plant(key_path(&statement(A)), copy.clone());
    let vault = open(&disk);
    assert_eq!(vault.state(&statement(A)), SlotState::Erasing);
    look(&vault, &statement(A));
    vault.erase(&statement(A)).unwrap();
    assert!(!occurs(&disk.platter(), &copy[..STRIPE]));
    drop(vault);

    // And beside an erasure that isn't finished.
    let disk = furnished_disk();
    let vault = open(&disk);
    disk.crash_at(steps::ERASE_OVERWRITE, 0, Moment::Before);
    vault.erase(&statement(A)).unwrap_err();
    drop(vault);
    disk.restart(Restart::PowerLost);
    disk.plant(key_path(&statement(A)), copy.clone());
    let vault = open(&disk);
    assert_eq!(vault.state(&statement(A)), SlotState::Erasing);
    vault.erase(&statement(A)).unwrap();
    assert!(!occurs(&disk.platter(), &copy[..STRIPE]));
}
