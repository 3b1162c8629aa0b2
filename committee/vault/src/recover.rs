//! Opening the erasable folder: what a crash has interrupted is finished or undone, but for erasures,
//! which their node finishes knowingly.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use tacit_protocol::ids::StatementId;
use tracing::warn;

use crate::bodies::Bodies;
use crate::error::AtPath as _;
use crate::files::Files;
use crate::layout::{self, KeyEntry, SecretName};
use crate::secrets::Secrets;
use crate::vault::{Live, Slot};
use crate::{Caveats, Held, VaultError, key_file, steps};

/// Creates what folders are missing, refuses ones that others may enter, and takes the lock.
pub(crate) fn prepare_folders(files: &Files) -> Result<Box<dyn Held>, VaultError> {
    let Files { layout, disk } = files;
    let root = layout.root();
    disk.create_dir(steps::OPEN_CREATE_FOLDER, root).at(root)?;
    disk.check_private(root)?;
    let lock = layout.lock();
    let held = match disk.lock(&lock) {
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            return Err(VaultError::AlreadyOpen { path: lock });
        }
        other => other.at(&lock)?,
    };
    for part in layout.parts() {
        disk.create_dir(steps::OPEN_CREATE_FOLDER, &part)
            .at(&part)?;
        disk.check_private(&part)?;
    }
    disk.sync_dir(steps::OPEN_SYNC_FOLDER, root).at(root)?;
    if let Some(parent) = root.parent() {
        // The parent of a bare name is the working folder.
        let bare = parent.as_os_str().is_empty();
        let parent = if bare { Path::new(".") } else { parent };
        disk.sync_dir(steps::OPEN_SYNC_FOLDER, parent).at(parent)?;
    }
    Ok(held)
}

/// The names found in the four folders.
#[derive(Default)]
struct Found {
    keys: BTreeSet<StatementId>,
    erasing: BTreeSet<StatementId>,
    secrets: BTreeMap<StatementId, BTreeSet<SecretName>>,
    bodies: BTreeSet<StatementId>,
    tombstones: BTreeMap<StatementId, Caveats>,
    /// Left by interrupted creations, of which nothing was acknowledged.
    leftovers: Vec<PathBuf>,
}

/// Reads what there is, removes what was never finished, and loads the live slots.
pub(crate) fn slots(files: &Files) -> Result<BTreeMap<StatementId, Slot>, VaultError> {
    let Files { layout, disk } = files;
    // A process that died may have left names in the cache only; what follows relies on them.
    for part in layout.parts() {
        disk.sync_dir(steps::OPEN_SYNC_NAMES, &part).at(&part)?;
    }
    let mut found = find(files)?;
    if !found.leftovers.is_empty() {
        for path in &found.leftovers {
            disk.remove(steps::OPEN_REMOVE_LEFTOVER, path).at(path)?;
        }
        for part in layout.parts() {
            disk.sync_dir(steps::OPEN_SYNC_REMOVED, &part).at(&part)?;
        }
    }
    let mut slots = BTreeMap::new();
    for statement in &found.keys {
        let secrets = found.secrets.remove(statement).unwrap_or_default();
        // A key beside its own tombstone was put back from a copy: it must go again.
        let slot = if found.erasing.contains(statement) || found.tombstones.contains_key(statement)
        {
            Slot::Erasing
        } else {
            load(files, statement, secrets, found.bodies.contains(statement))?
        };
        slots.insert(*statement, slot);
    }
    for statement in &found.erasing {
        slots.insert(*statement, Slot::Erasing);
    }
    for (statement, caveats) in found.tombstones {
        slots.entry(statement).or_insert(Slot::Erased(caveats));
    }
    Ok(slots)
}

fn find(files: &Files) -> Result<Found, VaultError> {
    let Files { layout, disk } = files;
    let mut found = Found::default();
    let names = |dir: &PathBuf| disk.list(dir).at(dir);
    let unknown = |path: PathBuf| Err(VaultError::UnknownFile { path });

    let dir = layout.keys();
    for name in names(&dir)? {
        match layout::parse_key(&name) {
            Some(KeyEntry::Key(id)) => drop(found.keys.insert(id)),
            Some(KeyEntry::Erasing(id)) => drop(found.erasing.insert(id)),
            Some(KeyEntry::New(_)) => found.leftovers.push(dir.join(name)),
            None => return unknown(dir.join(name)),
        }
    }
    let dir = layout.erased();
    for name in names(&dir)? {
        let Some((id, caveats)) = layout::parse_tombstone(&name) else {
            return unknown(dir.join(name));
        };
        found.tombstones.insert(id, caveats);
    }
    // Without its key, a secret or a body is left over from a creation or an erasure.
    let has_key =
        |found: &Found, id: &StatementId| found.keys.contains(id) || found.erasing.contains(id);
    let dir = layout.secrets();
    for name in names(&dir)? {
        let Some(entry) = layout::parse_secret(&name) else {
            return unknown(dir.join(name));
        };
        if entry.unfinished || !has_key(&found, &entry.statement) {
            found.leftovers.push(dir.join(name));
        } else {
            found
                .secrets
                .entry(entry.statement)
                .or_default()
                .insert(entry.name);
        }
    }
    let dir = layout.sealed();
    for name in names(&dir)? {
        let Some(id) = layout::parse_bodies(&name) else {
            return unknown(dir.join(name));
        };
        if has_key(&found, &id) {
            found.bodies.insert(id);
        } else {
            found.leftovers.push(dir.join(name));
        }
    }
    Ok(found)
}

/// Loads a live slot.
fn load(
    files: &Files,
    statement: &StatementId,
    secrets: BTreeSet<SecretName>,
    has_bodies: bool,
) -> Result<Slot, VaultError> {
    let key = match key_file::load(files, statement) {
        Err(VaultError::KeyDamaged(_)) => {
            warn!(%statement, "the wrapping key is damaged: what it protects is lost on this node");
            return Ok(Slot::Damaged);
        }
        other => other?,
    };
    if !has_bodies {
        let (path, sealed) = (files.layout.bodies(statement), files.layout.sealed());
        warn!(%statement, "the sealed bodies are gone and count as missing");
        files
            .disk
            .create(steps::OPEN_CREATE_BODIES, &path, 0)
            .at(&path)?;
        files
            .disk
            .sync_dir(steps::OPEN_SYNC_CREATED, &sealed)
            .at(&sealed)?;
    }
    let bodies = Bodies::load(files, &key, statement)?;
    Ok(Slot::Live(Box::new(Live {
        key,
        secrets: Secrets::found(secrets),
        bodies,
    })))
}
