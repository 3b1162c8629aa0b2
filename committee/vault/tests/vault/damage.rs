//! Damaged, moved and foreign files.

use tacit_vault::limits::MAX_BODY;
use tacit_vault::{FaultDisk, Restart, SlotState, Vault, VaultError};

use crate::support::{
    BASE, DIR, bodies_path, body, ct, key_path, look, open, secret_path, statement, try_open,
};

const A: u8 = 1;
const B: u8 = 2;

fn furnished_disk() -> FaultDisk {
    let disk = FaultDisk::new(BASE);
    let vault = open(&disk);
    for n in [A, B] {
        vault.ensure_slot(&statement(n)).unwrap();
        vault
            .put_secret(&statement(n), "seed", format!("seed of {n}").as_bytes())
            .unwrap();
        vault
            .put_secret(&statement(n), "share", format!("share of {n}").as_bytes())
            .unwrap();
        for i in 1..4 {
            vault
                .put_bodies(&statement(n), &[(ct(i), body(i))])
                .unwrap();
        }
    }
    disk
}

fn change(disk: &FaultDisk, path: std::path::PathBuf, at: usize) {
    let mut content = disk.files().remove(&path).unwrap();
    content[at] ^= 1;
    disk.plant(path, content);
}

fn swap(disk: &FaultDisk, a: std::path::PathBuf, b: std::path::PathBuf) {
    let mut files = disk.files();
    let (at_a, at_b) = (files.remove(&a).unwrap(), files.remove(&b).unwrap());
    disk.plant(a, at_b);
    disk.plant(b, at_a);
}

fn assert_key_damaged(vault: &Vault, n: u8) {
    assert_eq!(vault.state(&statement(n)), SlotState::Damaged);
    let refused = [
        vault.ensure_slot(&statement(n)),
        vault.put_secret(&statement(n), "seed", b"other").map(drop),
        vault.get_secret(&statement(n), "seed").map(drop),
        vault.put_bodies(&statement(n), &[(ct(1), body(1))]),
        vault.get_body(&statement(n), &ct(1)).map(drop),
    ];
    for answer in refused {
        assert!(
            matches!(answer, Err(VaultError::KeyDamaged(id)) if id == statement(n)),
            "{answer:?}"
        );
    }
    assert!(!vault.has_body(&statement(n), &ct(1)));
}

#[test]
fn one_changed_byte_of_a_key_file_is_noticed_and_nothing_under_it_is_cut_off() {
    // In the first, a middle and the last stripe, the magic, the check, and the padding.
    for at in [0, 256_000, 511_999, 512_000, 512_040, 516_095] {
        let disk = furnished_disk();
        let before = disk.files();
        change(&disk, key_path(&statement(A)), at);
        disk.restart(Restart::Process);
        let vault = open(&disk);
        assert_key_damaged(&vault, A);
        assert_eq!(
            vault.state(&statement(B)),
            SlotState::Live,
            "the other slot isn't concerned"
        );
        let path = bodies_path(&statement(A));
        assert_eq!(disk.files()[&path], before[&path]);
        vault.erase(&statement(A)).unwrap();
    }
}

#[test]
fn a_key_file_of_another_statement_or_length_is_refused() {
    let disk = furnished_disk();
    swap(&disk, key_path(&statement(A)), key_path(&statement(B)));
    disk.restart(Restart::Process);
    let vault = open(&disk);
    assert_key_damaged(&vault, A);
    assert_key_damaged(&vault, B);
    drop(vault);

    let disk = furnished_disk();
    let mut short = disk.files().remove(&key_path(&statement(A))).unwrap();
    short.pop();
    disk.plant(key_path(&statement(A)), short);
    disk.restart(Restart::Process);
    assert_key_damaged(&open(&disk), A);
}

#[test]
fn a_changed_or_moved_secret_is_refused_and_never_replaced() {
    let damaged = |disk: &FaultDisk, n: u8, name: &str| {
        let vault = open(disk);
        for answer in [
            vault.get_secret(&statement(n), name).map(drop),
            vault.put_secret(&statement(n), name, b"another").map(drop),
        ] {
            let named = matches!(&answer, Err(VaultError::SecretDamaged { statement: s, name: m })
                if *s == statement(n) && m == name);
            assert!(named, "{answer:?}");
        }
    };
    // The magic, the nonce, the ciphertext, the tag.
    let len = furnished_disk().files()[&secret_path(&statement(A), "seed")].len();
    for at in [0, 8, 20, len - 1] {
        let disk = furnished_disk();
        change(&disk, secret_path(&statement(A), "seed"), at);
        disk.restart(Restart::Process);
        damaged(&disk, A, "seed");
    }
    // To another name (other associated data), to another statement (another key).
    let disk = furnished_disk();
    swap(
        &disk,
        secret_path(&statement(A), "seed"),
        secret_path(&statement(A), "share"),
    );
    disk.restart(Restart::Process);
    damaged(&disk, A, "seed");
    let disk = furnished_disk();
    swap(
        &disk,
        secret_path(&statement(A), "seed"),
        secret_path(&statement(B), "seed"),
    );
    disk.restart(Restart::Process);
    damaged(&disk, A, "seed");
    // Cut short, and empty.
    for len in [0, 20, 35] {
        let disk = furnished_disk();
        let path = secret_path(&statement(A), "seed");
        let cut = disk.files()[&path][..len].to_vec();
        disk.plant(path, cut);
        disk.restart(Restart::Process);
        damaged(&disk, A, "seed");
    }
}

/// Length of each record that `furnished_disk` writes: all its bodies are equally long.
fn record_len(disk: &FaultDisk) -> usize {
    disk.files()[&bodies_path(&statement(A))].len() / 3
}

#[test]
fn a_changed_body_is_refused_by_name_and_can_be_stored_again() {
    let record = record_len(&furnished_disk());
    // The marker, kind, ct, length, nonce, ciphertext, and tag of the second record.
    for at in [0, 4, 5, 37, 41, 53, record - 1] {
        let disk = furnished_disk();
        let vault = open_same(&disk);
        change(&disk, bodies_path(&statement(A)), record + at);
        let refused = vault.get_body(&statement(A), &ct(2));
        assert!(
            matches!(refused, Err(VaultError::BodyDamaged(id)) if id == statement(A)),
            "{at}"
        );
        assert!(!vault.has_body(&statement(A), &ct(2)));
        vault
            .put_bodies(&statement(A), &[(ct(2), body(2))])
            .unwrap();
        let stored = vault.get_body(&statement(A), &ct(2)).unwrap().unwrap();
        assert_eq!(stored.expose(), body(2));
        drop(vault);
        disk.restart(Restart::PowerLost);
        let seen = look(&open(&disk), &statement(A));
        assert_eq!(
            seen.bodies.into_values().collect::<Vec<_>>(),
            [body(1), body(2), body(3)]
        );
    }
}

fn open_same(disk: &FaultDisk) -> Vault {
    disk.restart(Restart::PowerLost);
    open(disk)
}

#[test]
fn damage_in_the_middle_costs_the_bodies_there_and_no_others() {
    let record = record_len(&furnished_disk());
    for at in [0, 4, 5, 37, 41, 53, record - 1] {
        let disk = furnished_disk();
        change(&disk, bodies_path(&statement(A)), record + at);
        let vault = open_same(&disk);
        assert_eq!(
            vault.cts(&statement(A)),
            [ct(1), ct(3)],
            "byte {at} of the record"
        );
        look(&vault, &statement(A));
    }
}

#[test]
fn a_torn_tail_is_cut_off_wherever_it_tore() {
    let record = record_len(&furnished_disk());
    for kept in [0, 1, 3, 4, 40, 53, 54, record / 2, record - 1] {
        let disk = furnished_disk();
        let path = bodies_path(&statement(A));
        let torn = disk.files()[&path][..2 * record + kept].to_vec();
        disk.plant(path.clone(), torn);
        let vault = open_same(&disk);
        assert_eq!(
            vault.cts(&statement(A)),
            [ct(1), ct(2)],
            "{kept} bytes of the record kept"
        );
        assert_eq!(disk.files()[&path].len(), 2 * record);
        vault
            .put_bodies(&statement(A), &[(ct(9), body(9))])
            .unwrap();
        drop(vault);
        let vault = open_same(&disk);
        assert_eq!(vault.cts(&statement(A)), [ct(1), ct(2), ct(9)]);
    }
}

#[test]
fn records_of_another_statement_or_place_are_refused() {
    let disk = furnished_disk();
    swap(
        &disk,
        bodies_path(&statement(A)),
        bodies_path(&statement(B)),
    );
    let vault = open_same(&disk);
    assert!(vault.cts(&statement(A)).is_empty() && vault.cts(&statement(B)).is_empty());
    drop(vault);

    // The first record once more, behind the last: a dropped body would come back that way.
    let disk = furnished_disk();
    let record = record_len(&disk);
    let vault = open_same(&disk);
    vault.drop_body(&statement(A), &ct(1)).unwrap();
    drop(vault);
    let path = bodies_path(&statement(A));
    let content = &disk.files()[&path];
    disk.plant(path, [content.as_slice(), &content[..record]].concat());
    assert_eq!(open_same(&disk).cts(&statement(A)), [ct(2), ct(3)]);
}

#[test]
fn a_file_larger_than_one_read_is_read_whole_and_around_damage() {
    let disk = FaultDisk::new(BASE);
    let vault = open(&disk);
    vault.ensure_slot(&statement(A)).unwrap();
    let large = |n: u8| vec![n; MAX_BODY - n as usize];
    let batch: Vec<_> = (0..150).map(|n| (ct(n), large(n))).collect();
    vault.put_bodies(&statement(A), &batch).unwrap();
    drop(vault);
    let vault = open_same(&disk);
    assert_eq!(vault.cts(&statement(A)).len(), 150);
    for (ct, body) in &batch {
        assert_eq!(
            vault.get_body(&statement(A), ct).unwrap().unwrap().expose(),
            body
        );
    }
    drop(vault);
    // A whole megabyte of it overwritten: about 51 of the bodies.
    let path = bodies_path(&statement(A));
    let mut content = disk.files().remove(&path).unwrap();
    content[500_000..1_548_576].fill(0x74);
    disk.plant(path, content);
    let seen = look(&open_same(&disk), &statement(A));
    assert!(
        (95..=99).contains(&seen.bodies.len()),
        "{}",
        seen.bodies.len()
    );
    assert!(seen.bodies.iter().all(|(ct, body)| *body == large(ct[0])));
}

#[test]
fn foreign_files_in_the_erasable_folder_are_refused() {
    let id = statement(A);
    for name in [
        format!("keys/{id}.key.bak"),
        "keys/notes.txt".to_owned(),
        format!("secrets/{id}.Seed.secret"),
        format!("sealed/{id}.bodies~"),
        format!("erased/{id}"),
    ] {
        let disk = furnished_disk();
        disk.restart(Restart::PowerLost);
        disk.plant(format!("{DIR}/{name}"), b"?".to_vec());
        let refused = try_open(&disk);
        let named =
            matches!(&refused, Err(VaultError::UnknownFile { path }) if path.ends_with(&name));
        assert!(named, "{name}: {refused:?}");
    }
}
