//! The file of a wrapping key: its split region, then a page by which damage is noticed.
//!
//! ```text
//! 0        region   512,000 bytes: the key, split over 16,000 stripes
//! 512,000  magic    32 bytes
//! 512,032  check    32 bytes: HKDF of the key, for nothing else; says nothing about the key
//! 512,064  zeros    to 516,096, which is 126 pages of 4,096 bytes
//! ```
//!
//! Without the check a damaged region would yield a wrong key, under which everything else would look
//! like a torn tail.

use subtle::ConstantTimeEq as _;
use tacit_protocol::ids::StatementId;
use zeroize::Zeroizing;

use crate::antiforensic::{self, REGION};
use crate::error::AtPath as _;
use crate::files::Files;
use crate::memory::LockedKey;
use crate::random::Random;
use crate::seal::{Purpose, SealingKey, wipe_stack};
use crate::{VaultError, steps};

/// Length of a key file, in bytes.
pub const KEY_FILE_LEN: usize = REGION + 4096;

const MAGIC: [u8; 32] = *b"tacit wrapping key, version 1   ";

/// Makes a wrapping key and its file, durably. The file appears under its name only when it is whole.
pub(crate) fn create(
    files: &Files,
    random: &Random,
    statement: &StatementId,
) -> Result<LockedKey, VaultError> {
    let Files { layout, disk } = files;
    let (new, path) = (layout.key_new(statement), layout.key(statement));

    let mut key = LockedKey::zeroed().at(&path)?;
    random.fill(key.bytes_mut())?;
    let mut content = Zeroizing::new(vec![0; KEY_FILE_LEN]);
    let (region, page) = content.split_at_mut(REGION);
    random.fill(region)?;
    let whole = antiforensic::split(key.bytes(), region);
    wipe_stack();
    debug_assert!(
        whole,
        "the region's length is a constant number of whole stripes"
    );
    let (magic, rest) = page.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    let (check, _) = rest.split_at_mut(32);
    check.copy_from_slice(SealingKey::derive(&key, statement, Purpose::Check).bytes());

    files.remove_if_there(steps::SLOT_REMOVE_STALE, &new)?;
    disk.create(steps::SLOT_CREATE_KEY, &new, KEY_FILE_LEN as u64)
        .at(&new)?;
    disk.write_at(steps::SLOT_WRITE_KEY, &new, 0, &content)
        .at(&new)?;
    disk.sync_data(steps::SLOT_SYNC_KEY, &new).at(&new)?;
    disk.rename(steps::SLOT_RENAME_KEY, &new, &path).at(&path)?;
    disk.sync_dir(steps::SLOT_SYNC_NAME, &layout.keys())
        .at(&layout.keys())?;
    Ok(key)
}

/// Reads a statement's wrapping key back.
///
/// # Errors
/// [`VaultError::KeyDamaged`] if the file isn't what [`create`] wrote for this statement.
pub(crate) fn load(files: &Files, statement: &StatementId) -> Result<LockedKey, VaultError> {
    let path = files.layout.key(statement);
    let damaged = || VaultError::KeyDamaged(*statement);
    if files.len(&path)? != Some(KEY_FILE_LEN as u64) {
        return Err(damaged());
    }
    let mut content = Zeroizing::new(vec![0; KEY_FILE_LEN]);
    files.disk.read_back(&path, 0, &mut content).at(&path)?;
    let mut key = LockedKey::zeroed().at(&path)?;
    let authentic = recover(&content, statement, &mut key);
    wipe_stack();
    if authentic { Ok(key) } else { Err(damaged()) }
}

#[inline(never)]
fn recover(content: &[u8], statement: &StatementId, key: &mut LockedKey) -> bool {
    let Some((region, page)) = content.split_at_checked(REGION) else {
        return false;
    };
    let Some((magic, rest)) = page.split_at_checked(MAGIC.len()) else {
        return false;
    };
    let Some((check, zeros)) = rest.split_at_checked(32) else {
        return false;
    };
    if magic != MAGIC
        || zeros.iter().any(|b| *b != 0)
        || !antiforensic::merge(region, key.bytes_mut())
    {
        return false;
    }
    SealingKey::derive(key, statement, Purpose::Check).bytes()[..]
        .ct_eq(check)
        .into()
}
