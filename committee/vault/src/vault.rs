//! The vault: one slot per statement, from its creation to its tombstone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::TryCryptoRng;
use tacit_protocol::ids::StatementId;
use tracing::warn;

use crate::bodies::{Bodies, Ct};
use crate::error::AtPath as _;
use crate::files::Files;
use crate::layout::{self, KeyEntry, Layout, SecretName};
use crate::limits::{Limits, MAX_BATCH, MAX_BODY, MAX_SECRET};
use crate::memory::LockedKey;
use crate::random::Random;
use crate::secrets::Secrets;
use crate::{Caveats, Disk, Erasure, Held, SecretBytes, VaultError, erase, key_file, steps};

/// What a statement has in the vault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SlotState {
    /// Nothing, and never had.
    Absent,
    /// A wrapping key, and what lies under it.
    Live,
    /// A key file that yields no key: only [`Vault::erase`] can be done.
    Damaged,
    /// An erasure that isn't finished: only [`Vault::erase`] can be done, and should be.
    Erasing,
    /// Nothing any more, for good.
    Erased(Caveats),
}

/// A slot as it is held in memory.
enum Slot {
    Absent,
    Live(Box<Live>),
    Damaged,
    Erasing,
    Erased(Caveats),
}

/// Dropping this zeroes the wrapping key.
struct Live {
    key: LockedKey,
    secrets: Secrets,
    bodies: Bodies,
}

/// Everything of a node that can be erased.
///
/// All methods take `&self` and may be called from any thread: each slot has its own lock, held for the
/// whole operation, so operations on one statement happen one after the other and those on others don't
/// wait for them. Every call may block on the disk for milliseconds (creating and erasing a slot: some
/// tens), so async callers use a blocking thread.
///
/// What a call has returned `Ok` for is durable.
pub struct Vault {
    files: Files,
    random: Mutex<Box<dyn Random>>,
    limits: Limits,
    slots: Mutex<BTreeMap<StatementId, Arc<Mutex<Slot>>>>,
    /// Slots that aren't absent or erased.
    in_use: AtomicUsize,
    /// Whether some key's page couldn't be locked.
    swappable: AtomicBool,
    _lock: Box<dyn Held>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({})", self.files.layout.root().display())
    }
}

impl Vault {
    /// Opens the erasable folder, creating it if need be, and finishes or undoes whatever a crash has
    /// interrupted, but for erasures: those are reported as [`SlotState::Erasing`].
    ///
    /// `random` makes all keys and nonces: [`OsRandom`](crate::OsRandom), except in simulations.
    ///
    /// # Errors
    /// [`VaultError::Permissions`] if others may enter the folder, [`VaultError::AlreadyOpen`] if another
    /// process has it, [`VaultError::UnknownFile`] if something else lies in it, and
    /// [`VaultError::Io`].
    pub fn open(
        dir: impl Into<PathBuf>,
        disk: Arc<dyn Disk>,
        random: impl TryCryptoRng + Send + 'static,
    ) -> Result<Self, VaultError> {
        Self::open_with(dir.into(), disk, Box::new(random), Limits::default())
    }

    pub(crate) fn open_with(
        dir: PathBuf,
        disk: Arc<dyn Disk>,
        random: Box<dyn Random>,
        limits: Limits,
    ) -> Result<Self, VaultError> {
        let files = Files {
            layout: Layout::new(dir),
            disk,
        };
        let lock = prepare_folders(&files)?;
        let slots = recover(&files)?;
        let in_use = slots.values().filter(|s| is_in_use(s)).count();
        let vault = Self {
            files,
            random: Mutex::new(random),
            limits,
            slots: Mutex::default(),
            in_use: AtomicUsize::new(in_use),
            swappable: AtomicBool::new(false),
            _lock: lock,
        };
        // Asked once more than needed, so that a node without keys yet knows it too.
        vault.note_memory(&LockedKey::zeroed().at(vault.files.layout.root())?);
        for slot in slots.values() {
            if let Slot::Live(live) = slot {
                vault.note_memory(&live.key);
            }
        }
        *lock_of(&vault.slots) = slots
            .into_iter()
            .map(|(id, slot)| (id, Arc::new(Mutex::new(slot))))
            .collect();
        Ok(vault)
    }

    /// What a statement has in the vault.
    pub fn state(&self, statement: &StatementId) -> SlotState {
        self.find(statement)
            .map_or(SlotState::Absent, |slot| state_of(&lock_of(&slot)))
    }

    /// Every slot that isn't absent, in the order of ids; the erased ones too.
    pub fn slots(&self) -> Vec<(StatementId, SlotState)> {
        let slots: Vec<_> = lock_of(&self.slots)
            .iter()
            .map(|(id, s)| (*id, s.clone()))
            .collect();
        let states = slots
            .into_iter()
            .map(|(id, slot)| (id, state_of(&lock_of(&slot))));
        states
            .filter(|(_, state)| *state != SlotState::Absent)
            .collect()
    }

    /// Makes sure that the statement has a slot; an existing one is left as it is.
    ///
    /// # Errors
    /// [`VaultError::SlotErased`] for a statement whose slot is erased or being erased,
    /// [`VaultError::KeyDamaged`], [`VaultError::TooManySlots`], [`VaultError::Io`].
    pub fn ensure_slot(&self, statement: &StatementId) -> Result<(), VaultError> {
        let slot = self.find_or_insert(statement);
        let mut slot = lock_of(&slot);
        match &*slot {
            Slot::Live(_) => Ok(()),
            Slot::Damaged => Err(VaultError::KeyDamaged(*statement)),
            Slot::Erasing | Slot::Erased(_) => Err(VaultError::SlotErased(*statement)),
            Slot::Absent => {
                // Reserved first, so that racing creations can't pass the bound together.
                if self.in_use.fetch_add(1, Ordering::SeqCst) >= self.limits.live_slots {
                    self.in_use.fetch_sub(1, Ordering::SeqCst);
                    return Err(VaultError::TooManySlots);
                }
                match self.create(statement) {
                    Ok(live) => {
                        *slot = Slot::Live(Box::new(live));
                        Ok(())
                    }
                    Err(e) => {
                        self.in_use.fetch_sub(1, Ordering::SeqCst);
                        Err(e)
                    }
                }
            }
        }
    }

    fn create(&self, statement: &StatementId) -> Result<Live, VaultError> {
        let Files { layout, disk } = &self.files;
        // Before the key, so that a slot always has its file of bodies and storing them is one sync.
        let (bodies, sealed) = (layout.bodies(statement), layout.sealed());
        if self.files.len(&bodies)?.is_none() {
            disk.create(steps::SLOT_CREATE_BODIES, &bodies, 0)
                .at(&bodies)?;
        }
        disk.sync_dir(steps::SLOT_SYNC_BODIES, &sealed)
            .at(&sealed)?;
        let key = key_file::create(&self.files, &mut **lock_of(&self.random), statement)?;
        self.note_memory(&key);
        Ok(Live {
            key,
            secrets: Secrets::default(),
            bodies: Bodies::empty(),
        })
    }

    /// Stores a secret unless its name is taken, and returns what is stored under the name now.
    ///
    /// Callers use the *returned* value: of two that race, and of one that was interrupted and comes
    /// again, all get the same. Names are 1 to 64 of a-z, 0-9, `-` and `/`.
    ///
    /// # Errors
    /// [`VaultError::SecretDamaged`] if the stored one can't be read (it is never replaced),
    /// [`VaultError::NoSlot`], [`VaultError::SlotErased`], [`VaultError::KeyDamaged`],
    /// [`VaultError::BadSecretName`], [`VaultError::SecretTooLarge`], [`VaultError::TooManySecrets`],
    /// [`VaultError::Doubtful`], [`VaultError::Io`].
    pub fn put_secret(
        &self,
        statement: &StatementId,
        name: &str,
        value: &[u8],
    ) -> Result<SecretBytes, VaultError> {
        let name = SecretName::parse(name).ok_or(VaultError::BadSecretName)?;
        if value.len() > MAX_SECRET {
            return Err(VaultError::SecretTooLarge(value.len()));
        }
        self.with_live(statement, |Live { key, secrets, .. }| {
            if let Some(stored) = secrets.get(&self.files, key, statement, &name)? {
                return Ok(stored);
            }
            if secrets.count() >= self.limits.secrets {
                return Err(VaultError::TooManySecrets(*statement));
            }
            let random = &mut **lock_of(&self.random);
            secrets.create(&self.files, key, random, statement, &name, value)?;
            Ok(SecretBytes::new(value.to_vec().into()))
        })
    }

    /// The secret of this name, if there is one.
    ///
    /// # Errors
    /// As [`put_secret`](Self::put_secret).
    pub fn get_secret(
        &self,
        statement: &StatementId,
        name: &str,
    ) -> Result<Option<SecretBytes>, VaultError> {
        let name = SecretName::parse(name).ok_or(VaultError::BadSecretName)?;
        self.with_live(statement, |live| {
            live.secrets.get(&self.files, &live.key, statement, &name)
        })
    }

    /// Names of the statement's secrets, sorted; none if it has no live slot.
    pub fn secret_names(&self, statement: &StatementId) -> Vec<String> {
        self.with_live(statement, |live| Ok(live.secrets.names()))
            .unwrap_or_default()
    }

    /// Stores sealed bodies, each under its `ct`, with one sync for all of them. One that is there
    /// already is left as it is. That a body matches its `ct` is the caller's to check.
    ///
    /// # Errors
    /// [`VaultError::BodyTooLarge`], [`VaultError::BatchTooLarge`], [`VaultError::TooManyBodies`] (none of
    /// the batch is stored then), [`VaultError::NoSlot`], [`VaultError::SlotErased`],
    /// [`VaultError::KeyDamaged`], [`VaultError::Doubtful`], [`VaultError::Io`].
    pub fn put_bodies<B: AsRef<[u8]>>(
        &self,
        statement: &StatementId,
        batch: &[([u8; 32], B)],
    ) -> Result<(), VaultError> {
        if batch.len() > MAX_BATCH {
            return Err(VaultError::BatchTooLarge(batch.len()));
        }
        let batch: Vec<(Ct, &[u8])> = batch
            .iter()
            .map(|(ct, body)| (*ct, body.as_ref()))
            .collect();
        if let Some((_, body)) = batch.iter().find(|(_, body)| body.len() > MAX_BODY) {
            return Err(VaultError::BodyTooLarge(body.len()));
        }
        self.with_live(statement, |Live { key, bodies, .. }| {
            let random = &mut **lock_of(&self.random);
            bodies.put(&self.files, key, random, statement, &batch, &self.limits)
        })
    }

    /// The sealed body of this `ct`, if it is there.
    ///
    /// # Errors
    /// [`VaultError::BodyDamaged`] if what is stored isn't what was put there; from then on it counts as
    /// missing and can be put again. Else as [`put_bodies`](Self::put_bodies).
    pub fn get_body(
        &self,
        statement: &StatementId,
        ct: &[u8; 32],
    ) -> Result<Option<SecretBytes>, VaultError> {
        self.with_live(statement, |Live { key, bodies, .. }| {
            bodies.get(&self.files, key, statement, ct)
        })
    }

    /// Whether the body of this `ct` is stored, durably. Without a live slot: no.
    pub fn has_body(&self, statement: &StatementId, ct: &[u8; 32]) -> bool {
        self.with_live(statement, |live| Ok(live.bodies.has(ct)))
            .unwrap_or(false)
    }

    /// The `ct` of every body stored for the statement, sorted; none if it has no live slot.
    pub fn cts(&self, statement: &StatementId) -> Vec<[u8; 32]> {
        self.with_live(statement, |live| Ok(live.bodies.cts()))
            .unwrap_or_default()
    }

    /// Drops a body: it can't be had from here any more, unless it is put again. Its ciphertext goes with
    /// the wrapping key. The answer is whether it was there.
    ///
    /// # Errors
    /// As [`put_bodies`](Self::put_bodies).
    pub fn drop_body(&self, statement: &StatementId, ct: &[u8; 32]) -> Result<bool, VaultError> {
        self.with_live(statement, |Live { key, bodies, .. }| {
            let random = &mut **lock_of(&self.random);
            bodies.drop_body(&self.files, key, random, statement, ct)
        })
    }

    /// Erases the statement's slot for good: wrapping key, secrets and bodies. Also for a statement that
    /// never had one, which then never gets one.
    ///
    /// From the first call on nothing can be read any more, in memory the key is zeroed at once. After an
    /// error, or a crash, calling it again goes on; after success it gives the same answer.
    ///
    /// # Errors
    /// [`VaultError::Survives`] if the disk doesn't take the overwriting, [`VaultError::Io`],
    /// [`VaultError::Randomness`]. The slot is then [`SlotState::Erasing`].
    pub fn erase(&self, statement: &StatementId) -> Result<Erasure, VaultError> {
        let slot = self.find_or_insert(statement);
        let mut slot = lock_of(&slot);
        if let Slot::Erased(caveats) = &*slot {
            return Ok(Erasure { caveats: *caveats });
        }
        if !is_in_use(&slot) {
            self.in_use.fetch_add(1, Ordering::SeqCst);
        }
        *slot = Slot::Erasing;
        let known = if self.swappable.load(Ordering::SeqCst) {
            Caveats::MEMORY_NOT_LOCKED
        } else {
            Caveats::NONE
        };
        let caveats = erase::run(&self.files, &mut **lock_of(&self.random), statement, known)?;
        *slot = Slot::Erased(caveats);
        self.in_use.fetch_sub(1, Ordering::SeqCst);
        Ok(Erasure { caveats })
    }

    fn find(&self, statement: &StatementId) -> Option<Arc<Mutex<Slot>>> {
        lock_of(&self.slots).get(statement).cloned()
    }

    fn find_or_insert(&self, statement: &StatementId) -> Arc<Mutex<Slot>> {
        let absent = || Arc::new(Mutex::new(Slot::Absent));
        lock_of(&self.slots)
            .entry(*statement)
            .or_insert_with(absent)
            .clone()
    }

    fn with_live<T>(
        &self,
        statement: &StatementId,
        use_it: impl FnOnce(&mut Live) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let slot = self.find(statement).ok_or(VaultError::NoSlot(*statement))?;
        let mut slot = lock_of(&slot);
        match &mut *slot {
            Slot::Live(live) => use_it(live),
            Slot::Absent => Err(VaultError::NoSlot(*statement)),
            Slot::Damaged => Err(VaultError::KeyDamaged(*statement)),
            Slot::Erasing | Slot::Erased(_) => Err(VaultError::SlotErased(*statement)),
        }
    }

    fn note_memory(&self, key: &LockedKey) {
        if !key.is_locked() && !self.swappable.swap(true, Ordering::SeqCst) {
            warn!("keys can't be kept out of swap: raise this process's limit of locked memory");
        }
    }
}

fn state_of(slot: &Slot) -> SlotState {
    match slot {
        Slot::Absent => SlotState::Absent,
        Slot::Live(_) => SlotState::Live,
        Slot::Damaged => SlotState::Damaged,
        Slot::Erasing => SlotState::Erasing,
        Slot::Erased(caveats) => SlotState::Erased(*caveats),
    }
}

fn is_in_use(slot: &Slot) -> bool {
    matches!(slot, Slot::Live(_) | Slot::Damaged | Slot::Erasing)
}

/// Whoever panicked while holding a lock left nothing half-changed in memory: every change comes after
/// the disk's, and a write under way is marked doubtful.
fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates what folders are missing, refuses ones that others may enter, and takes the lock.
fn prepare_folders(files: &Files) -> Result<Box<dyn Held>, VaultError> {
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
    if let Some(parent) = root.parent().filter(|p| !p.as_os_str().is_empty()) {
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
fn recover(files: &Files) -> Result<BTreeMap<StatementId, Slot>, VaultError> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultDisk, OsRandom};
    use tacit_protocol::hash::Digest;

    fn statement(n: u8) -> StatementId {
        StatementId(Digest([n; 32]))
    }

    fn vault_with(limits: Limits) -> Vault {
        let disk = Arc::new(FaultDisk::new("/node"));
        Vault::open_with("/node/erasable".into(), disk, Box::new(OsRandom), limits).unwrap()
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
        impl Random for NoRandomness {
            fn fill(&mut self, _: &mut [u8]) -> Result<(), VaultError> {
                Err(VaultError::Randomness("none".to_owned()))
            }
        }
        let disk = Arc::new(FaultDisk::new("/node"));
        let random = Box::new(NoRandomness);
        let vault =
            Vault::open_with("/node/erasable".into(), disk, random, Limits::default()).unwrap();
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
}
