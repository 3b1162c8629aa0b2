//! On the machine's own file system.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Barrier};

use tacit_vault::antiforensic::{REGION, STRIPE};
use tacit_vault::{Caveats, HostDisk, OsRandom, SecretBytes, SlotState, Vault, VaultError};

use crate::support::{body, ct, occurs, statement, wrapping_key};

const SECRET: &[u8] = b"a secret that has to vanish with the slot";

fn open(dir: &Path) -> Vault {
    Vault::open(dir, Arc::new(HostDisk), OsRandom).unwrap()
}

/// The raw bytes of every file below a folder.
fn raw_bytes(dir: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(raw_bytes(&path));
        } else {
            found.push(fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn after_erasing_no_file_of_the_folder_has_key_secret_or_body() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("erasable");
    let id = statement(1);
    let vault = open(&dir);
    vault.ensure_slot(&id).unwrap();
    vault.put_secret(&id, "dkg-seed/1", SECRET).unwrap();
    vault
        .put_bodies(&id, &[(ct(1), body(1)), (ct(2), body(2))])
        .unwrap();
    drop(vault);

    // The positive control: the folder's bytes are enough to read everything, and what is looked for
    // below is found where it lies in the form in which it lies there.
    let key_file = fs::read(dir.join(format!("keys/{id}.key"))).unwrap();
    let key = wrapping_key(&key_file);
    let bodies = fs::read(dir.join(format!("sealed/{id}.bodies"))).unwrap();
    let secret = fs::read(dir.join(format!("secrets/{id}.dkg-seed_1.secret"))).unwrap();
    let stripes = [0, 1, 7_777, 15_999].map(|i| &key_file[i * STRIPE..(i + 1) * STRIPE]);
    let lying = [stripes.to_vec(), vec![&bodies[60..100], &secret[20..50]]].concat();
    assert!(lying.iter().all(|needle| occurs(&raw_bytes(&dir), needle)));
    let vault = open(&dir);
    assert_eq!(
        vault
            .get_secret(&id, "dkg-seed/1")
            .unwrap()
            .unwrap()
            .expose(),
        SECRET
    );
    assert_eq!(
        vault.get_body(&id, &ct(2)).unwrap().unwrap().expose(),
        body(2)
    );

    let erasure = vault.erase(&id).unwrap();
    println!("caveats of this machine's file system: {}", erasure.caveats);
    assert!(!erasure.caveats.contains(Caveats::COPY_ON_WRITE));
    let left = raw_bytes(&dir);
    for needle in lying
        .into_iter()
        .chain([&key[..], SECRET, &body(1)[..40], &body(2)[..40]])
    {
        assert!(!occurs(&left, needle));
    }
    drop(vault);
    assert_eq!(open(&dir).state(&id), SlotState::Erased(erasure.caveats));
}

#[test]
fn what_is_stored_is_there_after_opening_again() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("erasable");
    let id = statement(1);
    let vault = open(&dir);
    vault.ensure_slot(&id).unwrap();
    vault.ensure_slot(&id).unwrap();
    vault.put_secret(&id, "dkg-seed/1", SECRET).unwrap();
    let batch: Vec<_> = (0..200).map(|n| (ct(n), body(n))).collect();
    vault.put_bodies(&id, &batch).unwrap();
    assert!(vault.drop_body(&id, &ct(0)).unwrap());
    assert!(!vault.drop_body(&id, &ct(0)).unwrap());
    vault.put_bodies(&id, &[(ct(201), body(201))]).unwrap();
    drop(vault);
    let vault = open(&dir);
    assert_eq!(
        vault
            .get_secret(&id, "dkg-seed/1")
            .unwrap()
            .unwrap()
            .expose(),
        SECRET
    );
    assert_eq!(vault.get_secret(&id, "dkg-seed/2").unwrap(), None);
    assert_eq!(vault.get_body(&id, &ct(0)).unwrap(), None);
    for n in (1..200).chain([201]) {
        assert_eq!(
            vault.get_body(&id, &ct(n)).unwrap().unwrap().expose(),
            body(n)
        );
    }
    assert_eq!(vault.cts(&id).len(), 200);
}

#[test]
fn the_wrapping_key_lies_split_over_a_thousand_sectors_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("erasable");
    open(&dir).ensure_slot(&statement(1)).unwrap();
    use std::os::unix::fs::MetadataExt as _;
    let meta = fs::metadata(dir.join(format!("keys/{}.key", statement(1)))).unwrap();
    assert!(meta.blocks() >= 1_000 && meta.len() as usize >= REGION);
}

#[test]
fn folder_and_files_are_for_their_owner_alone() {
    fn check(path: &Path) {
        let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            mode,
            if path.is_dir() { 0o700 } else { 0o600 },
            "{}",
            path.display()
        );
        if path.is_dir() {
            fs::read_dir(path)
                .unwrap()
                .for_each(|entry| check(&entry.unwrap().path()));
        }
    }
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("erasable");
    let vault = open(&dir);
    vault.ensure_slot(&statement(1)).unwrap();
    vault.put_secret(&statement(1), "share", SECRET).unwrap();
    vault.erase(&statement(2)).unwrap();
    check(&dir);
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("erasable");
    drop(open(&dir));
    for part in ["", "keys", "secrets", "sealed", "erased"] {
        let path = dir.join(part);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        let refused = Vault::open(&dir, Arc::new(HostDisk), OsRandom);
        assert!(
            matches!(refused, Err(VaultError::Permissions(_))),
            "{part}: {refused:?}"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    open(&dir);
}

#[test]
fn a_vault_is_open_in_one_place_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("erasable");
    let first = open(&dir);
    let second = Vault::open(&dir, Arc::new(HostDisk), OsRandom);
    assert!(
        matches!(second, Err(VaultError::AlreadyOpen { .. })),
        "{second:?}"
    );
    drop(first);
    open(&dir);
}

#[test]
fn racing_threads_get_one_and_the_same_secret() {
    let home = tempfile::tempdir().unwrap();
    let vault = open(&home.path().join("erasable"));
    let id = statement(1);
    let barrier = Barrier::new(8);
    let values: Vec<SecretBytes> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8u8)
            .map(|n| {
                let (vault, barrier) = (&vault, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    vault.ensure_slot(&id).unwrap();
                    vault.put_secret(&id, "dkg-seed/1", &[n; 32]).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(values.iter().all(|v| *v == values[0]));
    assert_eq!(
        vault.get_secret(&id, "dkg-seed/1").unwrap().unwrap(),
        values[0]
    );
}
