//! Erasing a slot. Every step can be repeated, so an interrupted erasure is finished by running it again.
//!
//! 1. The key file is renamed: from here on nothing reads it as a key, whatever happens.
//! 2. It is overwritten in place with fresh randomness, synced, and read back past the cache. Randomness
//!    and not zeros, because zeros are what a device or file system may compress, deduplicate or just note
//!    as "unmapped" without touching the old cells, and because reading back exactly these bytes shows
//!    that this path to the disk really took them, so that no stripe of the key is left where it was.
//! 3. A tombstone notes it, with the caveats so far.
//! 4. Secrets and bodies are removed. They are ciphertext under a key that is gone.
//! 5. The overwritten sectors are discarded, where the file system can, and the key file is removed.
//!
//! Only when all of it is durable is the slot erased; until then it is *erasing*.

use std::path::Path;

use tacit_protocol::ids::StatementId;

use crate::error::AtPath as _;
use crate::files::Files;
use crate::layout::{parse_bodies, parse_secret, parse_tombstone};
use crate::random::Random;
use crate::{Caveats, Discard, ReadBack, Step, VaultError, steps};

/// A finished erasure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// What it could not make sure of: part of the node's attestation.
    pub caveats: Caveats,
}

/// Erases whatever is left of a statement's slot; `known` are caveats that hold for this process.
pub(crate) fn run(
    files: &Files,
    random: &Random,
    statement: &StatementId,
    known: Caveats,
) -> Result<Caveats, VaultError> {
    let Files { layout, disk } = files;
    let (keys, key, erasing) = (
        layout.keys(),
        layout.key(statement),
        layout.key_erasing(statement),
    );
    // A key that was never given its name has sealed nothing.
    files.remove_if_there(steps::ERASE_REMOVE_STALE, &layout.key_new(statement))?;

    let mut tombstone = find_tombstone(files, statement)?;
    let mut caveats = known.union(tombstone.unwrap_or_default());
    if files.len(&erasing)?.is_none() && files.len(&key)?.is_some() {
        disk.rename(steps::ERASE_RENAME_KEY, &key, &erasing)
            .at(&erasing)?;
    }
    // Also when an earlier run renamed it: that one may have died before this sync.
    disk.sync_dir(steps::ERASE_SYNC_NAME, &keys).at(&keys)?;

    let len = files.len(&erasing)?;
    if len.is_none() && tombstone.is_none() {
        // Either this node never held anything, or its folder was lost, and may be somewhere else.
        caveats = caveats.union(Caveats::NOTHING_FOUND);
    }
    if let Some(len) = len {
        caveats = caveats
            .union(overwrite(files, random, &erasing, len)?)
            .union(Caveats::NO_DISCARD);
    }
    let steps = [steps::ERASE_TOMBSTONE, steps::ERASE_SYNC_TOMBSTONE];
    set_tombstone(files, statement, &mut tombstone, caveats, steps)?;
    remove_sealed(files, statement)?;

    if let Some(len) = len {
        // An error here is a caveat and no failure: the key is overwritten already.
        if let Ok(Discard::Done) = disk.discard(steps::ERASE_DISCARD, &erasing, len) {
            disk.sync_data(steps::ERASE_SYNC_DISCARDED, &erasing)
                .at(&erasing)?;
            caveats = caveats.without(Caveats::NO_DISCARD);
            let steps = [steps::ERASE_NOTE_DISCARD, steps::ERASE_SYNC_NOTE];
            set_tombstone(files, statement, &mut tombstone, caveats, steps)?;
        }
        disk.remove(steps::ERASE_REMOVE_KEY, &erasing)
            .at(&erasing)?;
    }
    disk.sync_dir(steps::ERASE_SYNC_REMOVED, &keys).at(&keys)?;

    if files.len(&key)?.is_some() {
        // A copy of the key file was put back beside the one that was being erased.
        return run(files, random, statement, caveats);
    }
    Ok(caveats)
}

/// Overwrites the key file and makes sure that it took.
fn overwrite(files: &Files, random: &Random, path: &Path, len: u64) -> Result<Caveats, VaultError> {
    let Some(len) = usize::try_from(len).ok().filter(|len| *len > 0) else {
        return Ok(Caveats::NONE);
    };
    let mut fresh = vec![0; len];
    random.fill(&mut fresh)?;
    files
        .disk
        .write_at(steps::ERASE_OVERWRITE, path, 0, &fresh)
        .at(path)?;
    files
        .disk
        .sync_data(steps::ERASE_SYNC_OVERWRITTEN, path)
        .at(path)?;
    let mut back = vec![0; len];
    let answered = files.disk.read_back(path, 0, &mut back).at(path)?;
    if back != fresh {
        return Err(VaultError::Survives {
            path: path.to_owned(),
        });
    }
    Ok(match answered {
        ReadBack::Direct => Caveats::NONE,
        ReadBack::Advised => Caveats::READ_BACK_CACHED,
    })
}

/// The caveats that a statement's tombstone carries, if there is one.
fn find_tombstone(files: &Files, statement: &StatementId) -> Result<Option<Caveats>, VaultError> {
    let dir = files.layout.erased();
    let names = files.disk.list(&dir).at(&dir)?;
    Ok(names
        .iter()
        .filter_map(|n| parse_tombstone(n))
        .find(|(id, _)| id == statement)
        .map(|(_, c)| c))
}

/// Makes the tombstone say `caveats`, durably.
fn set_tombstone(
    files: &Files,
    statement: &StatementId,
    current: &mut Option<Caveats>,
    caveats: Caveats,
    [change, sync]: [Step; 2],
) -> Result<(), VaultError> {
    let Files { layout, disk } = files;
    let path = layout.tombstone(statement, caveats);
    match current {
        None => disk.create(change, &path, 0).at(&path)?,
        Some(c) if *c == caveats => {}
        Some(c) => disk
            .rename(change, &layout.tombstone(statement, *c), &path)
            .at(&path)?,
    }
    *current = Some(caveats);
    disk.sync_dir(sync, &layout.erased()).at(&layout.erased())
}

/// Removes a statement's secrets and bodies.
fn remove_sealed(files: &Files, statement: &StatementId) -> Result<(), VaultError> {
    let Files { layout, disk } = files;
    for (dir, owner) in [
        (
            layout.secrets(),
            owner_of_secret as fn(&str) -> Option<StatementId>,
        ),
        (layout.sealed(), parse_bodies),
    ] {
        let names = disk.list(&dir).at(&dir)?;
        for name in names.iter().filter(|n| owner(n) == Some(*statement)) {
            let path = dir.join(name);
            disk.remove(steps::ERASE_REMOVE_SEALED, &path).at(&path)?;
        }
        disk.sync_dir(steps::ERASE_SYNC_SEALED, &dir).at(&dir)?;
    }
    Ok(())
}

fn owner_of_secret(name: &str) -> Option<StatementId> {
    parse_secret(name).map(|entry| entry.statement)
}
