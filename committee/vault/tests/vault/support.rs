//! A vault on a simulated disk, and ways to look at it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::StatementId;
use tacit_vault::antiforensic::{REGION, merge};
use tacit_vault::{FaultDisk, SlotState, Vault, VaultError};

pub const BASE: &str = "/node";
pub const DIR: &str = "/node/erasable";

pub fn statement(n: u8) -> StatementId {
    StatementId(Digest([n; 32]))
}

pub fn ct(n: u8) -> [u8; 32] {
    [n; 32]
}

/// A body that says which it is, about 1.3 KiB long.
pub fn body(n: u8) -> Vec<u8> {
    format!("the sealed body number {n} | ")
        .repeat(50)
        .into_bytes()
}

pub fn try_open(disk: &FaultDisk) -> Result<Vault, VaultError> {
    // Another generator at each start: nonces must never depend on being the same.
    use std::sync::atomic::{AtomicU64, Ordering};
    static STARTS: AtomicU64 = AtomicU64::new(0);
    let random = StdRng::seed_from_u64(STARTS.fetch_add(1, Ordering::SeqCst));
    Vault::open(DIR, Arc::new(disk.clone()), random)
}

pub fn open(disk: &FaultDisk) -> Vault {
    try_open(disk).unwrap()
}

/// All that can be seen of a statement.
#[derive(PartialEq, Eq, Debug, Clone)]
pub struct Seen {
    pub state: SlotState,
    pub secrets: BTreeMap<String, Vec<u8>>,
    pub bodies: BTreeMap<[u8; 32], Vec<u8>>,
}

impl Seen {
    pub fn nothing(state: SlotState) -> Self {
        Self {
            state,
            secrets: BTreeMap::new(),
            bodies: BTreeMap::new(),
        }
    }
}

/// Looks at a statement in every way there is, and checks that they agree.
pub fn look(vault: &Vault, statement: &StatementId) -> Seen {
    let state = vault.state(statement);
    let mut seen = Seen::nothing(state);
    for name in vault.secret_names(statement) {
        let value = vault.get_secret(statement, &name).unwrap().unwrap();
        seen.secrets.insert(name, value.expose().to_vec());
    }
    for ct in vault.cts(statement) {
        assert!(vault.has_body(statement, &ct));
        let body = vault.get_body(statement, &ct).unwrap().unwrap();
        seen.bodies.insert(ct, body.expose().to_vec());
    }
    let listed = vault
        .slots()
        .iter()
        .find(|(id, _)| id == statement)
        .map(|(_, state)| *state);
    assert_eq!(listed.unwrap_or(SlotState::Absent), state);
    match state {
        SlotState::Live => {}
        SlotState::Absent => {
            let refused = vault.get_secret(statement, "any");
            assert!(matches!(refused, Err(VaultError::NoSlot(_))), "{refused:?}");
        }
        SlotState::Damaged => {
            let refused = vault.get_secret(statement, "any");
            assert!(
                matches!(refused, Err(VaultError::KeyDamaged(_))),
                "{refused:?}"
            );
        }
        SlotState::Erasing | SlotState::Erased(_) => {
            let refused = vault.get_secret(statement, "any");
            assert!(
                matches!(refused, Err(VaultError::SlotErased(_))),
                "{refused:?}"
            );
            let refused = vault.ensure_slot(statement);
            assert!(
                matches!(refused, Err(VaultError::SlotErased(_))),
                "{refused:?}"
            );
        }
    }
    if state != SlotState::Live {
        assert!(seen.secrets.is_empty() && seen.bodies.is_empty());
    }
    seen
}

pub fn key_path(statement: &StatementId) -> PathBuf {
    PathBuf::from(format!("{DIR}/keys/{statement}.key"))
}

pub fn bodies_path(statement: &StatementId) -> PathBuf {
    PathBuf::from(format!("{DIR}/sealed/{statement}.bodies"))
}

pub fn secret_path(statement: &StatementId, file_name: &str) -> PathBuf {
    PathBuf::from(format!("{DIR}/secrets/{statement}.{file_name}.secret"))
}

/// The wrapping key in the content of a key file, as a thief would recover it.
pub fn wrapping_key(key_file: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    assert!(merge(&key_file[..REGION], &mut key));
    key
}

/// Whether `needle` occurs in any of `runs`, in this or the reverse order of bytes.
pub fn occurs<R: AsRef<[u8]>>(runs: &[R], needle: &[u8]) -> bool {
    let reversed: Vec<u8> = needle.iter().rev().copied().collect();
    runs.iter()
        .any(|run| find(run.as_ref(), needle) || find(run.as_ref(), &reversed))
}

fn find(run: &[u8], needle: &[u8]) -> bool {
    let first = needle[0];
    let mut rest = run;
    while let Some(at) = rest.iter().position(|b| *b == first) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}
