use super::*;
use crate::{FaultDisk, OsRandom};
use std::io;
use tacit_protocol::hash::Digest;

fn statement(n: u8) -> StatementId {
    StatementId(Digest([n; 32]))
}

fn vault_with(limits: Limits) -> Vault {
    let disk = Arc::new(FaultDisk::new("/node"));
    Vault::open_with("/node/erasable".into(), disk, Random::new(OsRandom), limits).unwrap()
}

#[test]
fn bodies_and_secrets_beyond_their_size_are_refused() {
    let vault = vault_with(Limits::default());
    let id = statement(1);
    vault.ensure_slot(&id).unwrap();
    vault
        .put_bodies(&id, &[([1; 32], vec![0; MAX_BODY])])
        .unwrap();
    let refused = vault.put_bodies(&id, &[([2; 32], vec![]), ([3; 32], vec![0; MAX_BODY + 1])]);
    assert!(matches!(refused, Err(VaultError::BodyTooLarge(n)) if n == MAX_BODY + 1));
    assert_eq!(
        vault.cts(&id),
        [[1; 32]],
        "none of a refused batch is stored"
    );

    vault.put_secret(&id, "largest", &[0; MAX_SECRET]).unwrap();
    assert_eq!(
        vault
            .get_secret(&id, "largest")
            .unwrap()
            .unwrap()
            .expose()
            .len(),
        MAX_SECRET
    );
    let refused = vault.put_secret(&id, "larger", &[0; MAX_SECRET + 1]);
    assert!(matches!(refused, Err(VaultError::SecretTooLarge(n)) if n == MAX_SECRET + 1));
    vault.put_secret(&id, "empty", b"").unwrap();
    assert!(
        vault
            .get_secret(&id, "empty")
            .unwrap()
            .unwrap()
            .expose()
            .is_empty()
    );
    for name in ["", "Upper", "under_score", "../escape"] {
        let refused = vault.put_secret(&id, name, b"x");
        assert!(matches!(refused, Err(VaultError::BadSecretName)), "{name}");
    }
}

#[test]
fn a_batch_beyond_its_bound_is_refused() {
    let vault = vault_with(Limits::default());
    let id = statement(1);
    vault.ensure_slot(&id).unwrap();
    let ct = |n: usize| std::array::from_fn(|i| n.to_le_bytes().get(i).copied().unwrap_or(0));
    let batch: Vec<([u8; 32], [u8; 1])> = (0..=MAX_BATCH).map(|n| (ct(n), [0])).collect();
    let refused = vault.put_bodies(&id, &batch);
    assert!(matches!(refused, Err(VaultError::BatchTooLarge(n)) if n == MAX_BATCH + 1));
    vault.put_bodies(&id, &batch[..MAX_BATCH]).unwrap();
    assert_eq!(vault.cts(&id).len(), MAX_BATCH);
}

#[test]
fn bodies_beyond_their_number_are_refused_and_dropping_makes_room() {
    let vault = vault_with(Limits {
        bodies: 2,
        bodies_written: 4,
        ..Limits::default()
    });
    let id = statement(1);
    vault.ensure_slot(&id).unwrap();
    let put = |n: u8| vault.put_bodies(&id, &[([n; 32], [n])]);
    let is_full = |r: Result<(), _>| matches!(r, Err(VaultError::TooManyBodies(s)) if s == id);
    put(1).unwrap();
    put(2).unwrap();
    assert!(is_full(put(3)));
    put(1).unwrap();
    vault.drop_body(&id, &[1; 32]).unwrap();
    put(3).unwrap();
    vault.drop_body(&id, &[3; 32]).unwrap();
    put(4).unwrap();
    vault.drop_body(&id, &[4; 32]).unwrap();
    assert!(is_full(put(5)), "there is a bound on what was ever written");
}

#[test]
fn secrets_beyond_their_number_are_refused() {
    let vault = vault_with(Limits {
        secrets: 1,
        ..Limits::default()
    });
    let id = statement(1);
    vault.ensure_slot(&id).unwrap();
    vault.put_secret(&id, "one", b"1").unwrap();
    let refused = vault.put_secret(&id, "two", b"2");
    assert!(matches!(refused, Err(VaultError::TooManySecrets(s)) if s == id));
    assert_eq!(
        vault.put_secret(&id, "one", b"again").unwrap().expose(),
        b"1"
    );
}

#[test]
fn slots_beyond_their_number_are_refused_and_erasing_makes_room() {
    let vault = vault_with(Limits {
        live_slots: 1,
        ..Limits::default()
    });
    vault.ensure_slot(&statement(1)).unwrap();
    vault.ensure_slot(&statement(1)).unwrap();
    assert!(matches!(
        vault.ensure_slot(&statement(2)),
        Err(VaultError::TooManySlots)
    ));
    assert_eq!(vault.state(&statement(2)), SlotState::Absent);
    vault.erase(&statement(3)).unwrap();
    assert!(matches!(
        vault.ensure_slot(&statement(2)),
        Err(VaultError::TooManySlots)
    ));
    vault.erase(&statement(1)).unwrap();
    vault.ensure_slot(&statement(2)).unwrap();
}

#[test]
fn a_generator_that_fails_stores_nothing() {
    struct NoRandomness;
    impl rand_core::TryRng for NoRandomness {
        type Error = io::Error;
        fn try_next_u32(&mut self) -> io::Result<u32> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn try_next_u64(&mut self) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }
        fn try_fill_bytes(&mut self, _: &mut [u8]) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
    impl TryCryptoRng for NoRandomness {}
    let disk = Arc::new(FaultDisk::new("/node"));
    let vault = Vault::open("/node/erasable", disk, NoRandomness).unwrap();
    let refused = vault.ensure_slot(&statement(1));
    assert!(
        matches!(refused, Err(VaultError::Randomness(_))),
        "{refused:?}"
    );
    assert_eq!(vault.state(&statement(1)), SlotState::Absent);
}

#[test]
fn debug_output_shows_no_content() {
    let vault = vault_with(Limits::default());
    vault.ensure_slot(&statement(1)).unwrap();
    vault.put_secret(&statement(1), "name", b"secret").unwrap();
    assert_eq!(format!("{vault:?}"), "Vault(/node/erasable)");
}

/// Reads the process's own memory, which Linux lets it do.
#[cfg(target_os = "linux")]
mod memory {
    use super::*;
    use crate::antiforensic::{self, REGION};
    use crate::seal::wipe_stack;
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;
    use zeroize::{Zeroize as _, Zeroizing};

    const MASK: u8 = 0xa5;

    /// The wrapping key of a slot, masked so that this test itself leaves no copy of it.
    #[inline(never)]
    fn masked_key(disk: &FaultDisk, statement: &StatementId) -> [u8; 32] {
        let path = PathBuf::from(format!("/node/erasable/keys/{statement}.key"));
        let mut region = Zeroizing::new(vec![0; REGION]);
        disk.read_at(&path, 0, &mut region).unwrap();
        let mut key = LockedKey::zeroed().unwrap();
        assert!(antiforensic::merge(&region, key.bytes_mut()));
        let masked = key.bytes().map(|b| b ^ MASK);
        wipe_stack();
        masked
    }

    /// How many times the key occurs in the process's writable memory.
    fn occurrences(masked: &[u8; 32]) -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut found = 0;
        for line in maps.lines() {
            let mut fields = line.split(' ');
            let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            let (start, end) = range.split_once('-').unwrap();
            let start = u64::from_str_radix(start, 16).unwrap();
            let end = u64::from_str_radix(end, 16).unwrap();
            let mut content = Zeroizing::new(vec![0u8; 1 << 20]);
            let mut at = start;
            while at < end {
                let len = content.len().min((end - at) as usize);
                // A mapping may go while this reads: other tests run beside it.
                let Ok(n @ 1..) = memory.read_at(&mut content[..len], at) else {
                    break;
                };
                let first = masked[0] ^ MASK;
                found += (0..n.saturating_sub(31))
                    .filter(|i| content[*i] == first)
                    .filter(|i| {
                        content[*i..*i + 32]
                            .iter()
                            .zip(masked)
                            .all(|(a, b)| a ^ b == MASK)
                    })
                    .count();
                content.zeroize();
                // Pieces overlap, so that no key is missed across a border.
                at += if at + n as u64 == end {
                    n as u64
                } else {
                    (n as u64 - 31).max(1)
                };
            }
        }
        found
    }

    #[test]
    fn after_erasing_the_wrapping_key_is_nowhere_in_the_process() {
        let disk = FaultDisk::new("/node");
        let vault = Vault::open("/node/erasable", Arc::new(disk.clone()), OsRandom).unwrap();
        let id = statement(1);
        vault.ensure_slot(&id).unwrap();
        vault.put_secret(&id, "share", b"some share").unwrap();
        vault.put_bodies(&id, &[([1; 32], b"some body")]).unwrap();
        vault.get_body(&id, &[1; 32]).unwrap();
        let masked = masked_key(&disk, &id);
        assert_eq!(
            occurrences(&masked),
            1,
            "before, it is in its page and nowhere else"
        );
        vault.erase(&id).unwrap();
        assert_eq!(occurrences(&masked), 0);
    }
}
