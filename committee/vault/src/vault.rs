//! The vault: one slot per statement, from its creation to its tombstone.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand_core::TryCryptoRng;
use tacit_protocol::ids::StatementId;
use tracing::warn;

use crate::bodies::{Bodies, Ct};
use crate::error::AtPath as _;
use crate::files::Files;
use crate::layout::{Layout, SecretName};
use crate::limits::{Limits, MAX_BATCH, MAX_BODY, MAX_SECRET};
use crate::memory::LockedKey;
use crate::random::Random;
use crate::secrets::Secrets;
use crate::{
    Caveats, Disk, Erasure, Held, SecretBytes, VaultError, erase, key_file, recover, steps,
};

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
pub(crate) enum Slot {
    Absent,
    Live(Box<Live>),
    Damaged,
    Erasing,
    Erased(Caveats),
}

/// Dropping this zeroes the wrapping key.
pub(crate) struct Live {
    pub key: LockedKey,
    pub secrets: Secrets,
    pub bodies: Bodies,
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
    random: Random,
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
        Self::open_with(dir.into(), disk, Random::new(random), Limits::default())
    }

    pub(crate) fn open_with(
        dir: PathBuf,
        disk: Arc<dyn Disk>,
        random: Random,
        limits: Limits,
    ) -> Result<Self, VaultError> {
        let files = Files {
            layout: Layout::new(dir),
            disk,
        };
        let lock = recover::prepare_folders(&files)?;
        let slots = recover::slots(&files)?;
        let in_use = slots.values().filter(|s| is_in_use(s)).count();
        let vault = Self {
            files,
            random,
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
        let key = key_file::create(&self.files, &self.random, statement)?;
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
            secrets.create(&self.files, key, &self.random, statement, &name, value)?;
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
            bodies.put(
                &self.files,
                key,
                &self.random,
                statement,
                &batch,
                &self.limits,
            )
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
            bodies.drop_body(&self.files, key, &self.random, statement, ct)
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
        let caveats = erase::run(&self.files, &self.random, statement, known)?;
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

#[cfg(test)]
mod tests;
