//! A disk in memory that a test can stop, tear and cut the power of at any named step, and whose every
//! byte it can look at.
//!
//! The model: writes and names go to a cache first. A sync makes one file, or one folder's names,
//! durable. When the process dies the cache lives on; when the power is cut only what is durable is sure
//! to be there, and of the rest any 512-byte sectors, and of a folder's changes any first few (as
//! journalling file systems keep their order). What is cut off or removed stays on the platter until
//! something is written over it, which here never happens: so [`platter`](FaultDisk::platter) shows the
//! worst that a thief could find.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Discard, Disk, Held, PermissionError, ReadBack, Step};

const SECTOR: usize = 512;

/// When a planned crash strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// The step isn't done.
    Before,
    /// The step is half done: half of the bytes are written, half of the sectors synced. A step that is
    /// atomic isn't done.
    During,
    /// The step is done, but its caller never learns it.
    After,
}

/// How a crashed machine comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Restart {
    /// Only the process had died: what it wrote is still in the cache, and not yet durable.
    Process,
    /// Power was cut; nothing that wasn't synced is left.
    PowerLost,
    /// Power was cut, but all that was written had made it to the disk.
    PowerKept,
    /// Power was cut, and what wasn't synced is there in part, as this seed has it.
    PowerTorn(u64),
}

/// A simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default, Clone)]
struct State {
    inodes: Vec<Inode>,
    /// Names as the running system sees them.
    names: BTreeMap<PathBuf, Node>,
    /// Names that survive a power cut for sure.
    durable: BTreeMap<PathBuf, Node>,
    /// Changes of names since their folder's last sync, in order.
    pending: Vec<(PathBuf, Change)>,
    locks: BTreeSet<PathBuf>,
    boots: u64,
    down: bool,
    journal: Vec<Step>,
    crash: Option<(Step, usize, Moment)>,
    failure: Option<(Step, usize, io::ErrorKind)>,
    stuck: Option<PathBuf>,
    no_discard: bool,
    cached_read_back: bool,
}

#[derive(Default, Clone)]
struct Inode {
    durable: Vec<u8>,
    cached: Vec<u8>,
    /// Bytes that the file no longer has and the platter still does.
    freed: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Clone)]
enum Change {
    Set(PathBuf, Node),
    Unset(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
        match self {
            Self::Set(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Unset(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

impl FaultDisk {
    /// An empty disk on which the folder `base` and those above it exist.
    pub fn new(base: impl AsRef<Path>) -> Self {
        let folders: BTreeMap<_, _> = base
            .as_ref()
            .ancestors()
            .map(|p| (p.to_owned(), Node::Folder))
            .collect();
        let state = State {
            names: folders.clone(),
            durable: folders,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Another disk with the same content, cache and settings, on which nobody holds a lock.
    pub fn duplicate(&self) -> Self {
        let mut copy = self.lock_state().clone();
        copy.locks.clear();
        copy.boots += 1;
        Self {
            state: Arc::new(Mutex::new(copy)),
        }
    }

    /// Crashes at the `nth` time from now (0 is the next) that `step` is reached. From then on every
    /// operation fails until [`restart`](Self::restart).
    pub fn crash_at(&self, step: Step, nth: usize, moment: Moment) {
        self.lock_state().crash = Some((step, nth, moment));
    }

    /// Lets the `nth` time from now that `step` is reached fail, without doing anything.
    pub fn fail_at(&self, step: Step, nth: usize, kind: io::ErrorKind) {
        self.lock_state().failure = Some((step, nth, kind));
    }

    /// From now on the platter ignores what is written to this file, and says that it doesn't.
    pub fn stick(&self, path: impl Into<PathBuf>) {
        self.lock_state().stuck = Some(path.into());
    }

    /// Forgets [`stick`](Self::stick) and planned faults that haven't struck.
    pub fn heal(&self) {
        let mut state = self.lock_state();
        (state.stuck, state.failure, state.crash) = (None, None, None);
    }

    /// Whether sectors can be discarded (at first: yes).
    pub fn set_discard(&self, possible: bool) {
        self.lock_state().no_discard = !possible;
    }

    /// Whether read-backs bypass the cache (at first: yes).
    pub fn set_direct_read_back(&self, possible: bool) {
        self.lock_state().cached_read_back = !possible;
    }

    /// Whether a planned crash has struck.
    pub fn is_down(&self) -> bool {
        self.lock_state().down
    }

    /// Brings the machine back, crashed or not; whoever had the disk open must open it anew. Planned
    /// faults that haven't struck are forgotten.
    pub fn restart(&self, how: Restart) {
        let mut state = self.lock_state();
        state.boots += 1;
        (state.down, state.crash, state.failure) = (false, None, None);
        state.locks.clear();
        match how {
            Restart::Process => {}
            Restart::PowerLost => state.lose_power(|_| Kept::Nothing),
            Restart::PowerKept => state.lose_power(|_| Kept::All),
            Restart::PowerTorn(seed) => {
                let mut coins = Coins(seed);
                state.lose_power(|_| Kept::Some(coins.next()));
            }
        }
    }

    /// The steps reached since the last call.
    pub fn take_journal(&self) -> Vec<Step> {
        std::mem::take(&mut self.lock_state().journal)
    }

    /// Every run of bytes on the platter: durable contents and what was ever freed, removed files' too.
    pub fn platter(&self) -> Vec<Vec<u8>> {
        let state = self.lock_state();
        let runs = state
            .inodes
            .iter()
            .flat_map(|i| std::iter::once(&i.durable).chain(&i.freed));
        runs.filter(|run| !run.is_empty()).cloned().collect()
    }

    /// The files there are, with their contents.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.lock_state();
        let content = |node: &Node| match node {
            Node::File(i) => state.inodes.get(*i).map(|inode| inode.cached.clone()),
            Node::Folder => None,
        };
        state
            .names
            .iter()
            .filter_map(|(path, node)| Some((path.clone(), content(node)?)))
            .collect()
    }

    /// Puts a file there, durably, or replaces its content: damage, or a copy from elsewhere.
    pub fn plant(&self, path: impl Into<PathBuf>, content: Vec<u8>) {
        let mut state = self.lock_state();
        let inode = Inode {
            durable: content.clone(),
            cached: content,
            freed: Vec::new(),
        };
        let node = Node::File(state.inodes.len());
        state.inodes.push(inode);
        let path = path.into();
        state.names.insert(path.clone(), node);
        state.durable.insert(path, node);
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock_state();
        if state.down {
            Err(machine_is_down())
        } else {
            Ok(state)
        }
    }

    /// One step: `change` is told whether it is done by half.
    fn changing<T>(
        &self,
        step: Step,
        change: impl FnOnce(&mut State, Extent) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.reading()?;
        state.journal.push(step);
        // Both are counted at every arrival, so that a test can plan both.
        let failure = strikes(&mut state.failure, step);
        match (strikes(&mut state.crash, step), failure) {
            (None, Some(kind)) => Err(kind.into()),
            (None, None) => change(&mut state, Extent::Whole),
            (Some(moment), _) => {
                let _ = match moment {
                    Moment::Before => None,
                    Moment::During => Some(change(&mut state, Extent::Half)),
                    Moment::After => Some(change(&mut state, Extent::Whole)),
                };
                state.down = true;
                Err(machine_is_down())
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Half,
    Whole,
}

/// Counts a plan down; the answer is what it planned, once it strikes.
fn strikes<T: Copy>(plan: &mut Option<(Step, usize, T)>, step: Step) -> Option<T> {
    match plan {
        Some((planned, 0, what)) if *planned == step => {
            let what = *what;
            *plan = None;
            Some(what)
        }
        Some((planned, nth, _)) if *planned == step => {
            *nth -= 1;
            None
        }
        _ => None,
    }
}

fn machine_is_down() -> io::Error {
    io::Error::other("the machine is down")
}

/// What a power cut leaves of something that wasn't synced.
enum Kept {
    Nothing,
    All,
    Some(u64),
}

impl State {
    fn node(&self, path: &Path) -> io::Result<Node> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn inode(&self, path: &Path) -> io::Result<&Inode> {
        match self.node(path)? {
            Node::File(i) => self
                .inodes
                .get(i)
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
            Node::Folder => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn inode_mut(&mut self, path: &Path) -> io::Result<&mut Inode> {
        match self.node(path)? {
            Node::File(i) => self
                .inodes
                .get_mut(i)
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
            Node::Folder => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    fn change_name(&mut self, folder: Option<&Path>, change: Change) -> io::Result<()> {
        let folder = folder.ok_or(io::ErrorKind::InvalidInput)?;
        if self.node(folder)? != Node::Folder {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        change.apply(&mut self.names);
        self.pending.push((folder.to_owned(), change));
        Ok(())
    }

    fn lose_power(&mut self, mut kept: impl FnMut(()) -> Kept) {
        let folders: BTreeSet<PathBuf> = self.pending.iter().map(|(f, _)| f.clone()).collect();
        for folder in folders {
            let changes: Vec<_> = self.pending.iter().filter(|(f, _)| *f == folder).collect();
            let lived = match kept(()) {
                Kept::Nothing => 0,
                Kept::All => changes.len(),
                Kept::Some(coin) => (coin % (changes.len() as u64 + 1)) as usize,
            };
            changes
                .iter()
                .take(lived)
                .for_each(|(_, change)| change.apply(&mut self.durable));
        }
        self.pending.clear();
        // What lies in a folder whose own name was lost is lost with it.
        let folders: BTreeSet<PathBuf> = self
            .durable
            .iter()
            .filter_map(|(path, node)| (*node == Node::Folder).then(|| path.clone()))
            .collect();
        self.durable
            .retain(|path, _| path.ancestors().skip(1).all(|a| folders.contains(a)));
        self.names = self.durable.clone();
        let stuck = self.stuck_inode();
        for (i, inode) in self.inodes.iter_mut().enumerate() {
            if stuck != Some(i) {
                inode.settle(kept(()));
            }
            inode.cached = inode.durable.clone();
        }
    }

    fn stuck_inode(&self) -> Option<usize> {
        match self.names.get(self.stuck.as_ref()?) {
            Some(Node::File(i)) => Some(*i),
            _ => None,
        }
    }
}

impl Inode {
    /// Lets part of what is cached become durable.
    fn settle(&mut self, kept: Kept) {
        match kept {
            Kept::Nothing => {}
            Kept::All => self.persist(|_| true, self.cached.len()),
            Kept::Some(coin) => {
                let mut coins = Coins(coin);
                let (old, new) = (self.durable.len(), self.cached.len());
                let len = match coins.next() % 3 {
                    0 => old,
                    1 => new,
                    _ => old.min(new) + (coins.next() % (old.abs_diff(new) as u64 + 1)) as usize,
                };
                self.persist(|_| coins.next() % 2 == 0, len);
            }
        }
    }

    /// Makes the chosen sectors durable, and the length `len`; what is chosen beyond it is lost, what
    /// isn't chosen up to it keeps its old bytes, or zeros.
    fn persist(&mut self, mut chosen: impl FnMut(usize) -> bool, len: usize) {
        if let Some(cut) = self.durable.get(len..).filter(|cut| !cut.is_empty()) {
            self.freed.push(cut.to_vec());
        }
        self.durable.resize(len, 0);
        let sectors = self
            .durable
            .chunks_mut(SECTOR)
            .zip(self.cached.chunks(SECTOR))
            .enumerate();
        for (i, (old, new)) in sectors {
            let common = old.len().min(new.len());
            if let (Some(old), Some(new)) = (old.get_mut(..common), new.get(..common))
                && old != new
                && chosen(i)
            {
                old.copy_from_slice(new);
            }
        }
    }
}

impl Disk for FaultDisk {
    fn create_dir(&self, step: Step, path: &Path) -> io::Result<()> {
        self.changing(step, |state, extent| match state.node(path) {
            Ok(Node::Folder) => Ok(()),
            Ok(Node::File(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) if extent == Extent::Half => Ok(()),
            Err(_) => state.change_name(path.parent(), Change::Set(path.to_owned(), Node::Folder)),
        })
    }

    fn create(&self, step: Step, path: &Path, len: u64) -> io::Result<()> {
        self.changing(step, |state, extent| {
            if state.node(path).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            let len = if extent == Extent::Half {
                0
            } else {
                size(len)?
            };
            let node = Node::File(state.inodes.len());
            state.inodes.push(Inode {
                cached: vec![0; len],
                ..Inode::default()
            });
            state.change_name(path.parent(), Change::Set(path.to_owned(), node))
        })
    }

    fn write_at(&self, step: Step, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.changing(step, |state, extent| {
            let cached = &mut state.inode_mut(path)?.cached;
            let written = if extent == Extent::Half {
                bytes.len() / 2
            } else {
                bytes.len()
            };
            let (start, bytes) = (size(offset)?, bytes.get(..written).unwrap_or_default());
            if cached.len() < start + written {
                cached.resize(start + written, 0);
            }
            let place = cached
                .get_mut(start..start + written)
                .ok_or(io::ErrorKind::InvalidInput)?;
            place.copy_from_slice(bytes);
            Ok(())
        })
    }

    fn truncate(&self, step: Step, path: &Path, len: u64) -> io::Result<()> {
        self.changing(step, |state, extent| {
            let cached = &mut state.inode_mut(path)?.cached;
            if extent == Extent::Whole {
                cached.truncate(size(len)?);
            }
            Ok(())
        })
    }

    fn sync_data(&self, step: Step, path: &Path) -> io::Result<()> {
        self.changing(step, |state, extent| {
            let stuck = state.stuck.as_deref() == Some(path);
            let inode = state.inode_mut(path)?;
            match extent {
                _ if stuck => {}
                Extent::Whole => inode.persist(|_| true, inode.cached.len()),
                Extent::Half => inode.persist(|sector| sector % 2 == 0, inode.cached.len()),
            }
            Ok(())
        })
    }

    fn discard(&self, step: Step, path: &Path, len: u64) -> io::Result<Discard> {
        self.changing(step, |state, extent| {
            if state.no_discard {
                return Ok(Discard::Unsupported);
            }
            let inode = state.inode_mut(path)?;
            let len = if extent == Extent::Half {
                size(len)? / 2
            } else {
                size(len)?
            };
            inode
                .freed
                .push(inode.durable.iter().take(len).copied().collect());
            inode.cached.iter_mut().take(len).for_each(|b| *b = 0);
            Ok(Discard::Done)
        })
    }

    fn rename(&self, step: Step, from: &Path, to: &Path) -> io::Result<()> {
        self.changing(step, |state, extent| {
            state.node(from)?;
            if from.parent() != to.parent() {
                return Err(io::ErrorKind::Unsupported.into());
            }
            if extent == Extent::Half {
                return Ok(());
            }
            state.change_name(
                from.parent(),
                Change::Rename(from.to_owned(), to.to_owned()),
            )
        })
    }

    fn remove(&self, step: Step, path: &Path) -> io::Result<()> {
        self.changing(step, |state, extent| {
            state.inode(path)?;
            if extent == Extent::Half {
                return Ok(());
            }
            state.change_name(path.parent(), Change::Unset(path.to_owned()))
        })
    }

    fn sync_dir(&self, step: Step, path: &Path) -> io::Result<()> {
        self.changing(step, |state, extent| {
            state.node(path)?;
            let of_folder = state
                .pending
                .iter()
                .filter(|(folder, _)| folder == path)
                .count();
            let mut left = if extent == Extent::Half {
                of_folder / 2
            } else {
                of_folder
            };
            let State {
                pending, durable, ..
            } = state;
            pending.retain(|(folder, change)| {
                let now = folder == path && left > 0;
                if now {
                    left -= 1;
                    change.apply(durable);
                }
                !now
            });
            Ok(())
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.reading()?;
        state.node(dir)?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.reading()?.inode(path)?.cached.len() as u64)
    }

    fn read_at(&self, path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        copy_out(&self.reading()?.inode(path)?.cached, offset, buffer)
    }

    fn read_back(&self, path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<ReadBack> {
        let state = self.reading()?;
        let inode = state.inode(path)?;
        if state.cached_read_back {
            copy_out(&inode.cached, offset, buffer)?;
            return Ok(ReadBack::Advised);
        }
        // A direct read writes the cached pages back first.
        let stuck = state.stuck.as_deref() == Some(path);
        copy_out(
            if stuck { &inode.durable } else { &inode.cached },
            offset,
            buffer,
        )?;
        Ok(ReadBack::Direct)
    }

    fn check_private(&self, path: &Path) -> Result<(), PermissionError> {
        let looked = self
            .reading()
            .and_then(|state| state.node(path).map(|_| ()));
        looked.map_err(|source| PermissionError::Unreadable {
            path: path.to_owned(),
            source,
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        let mut state = self.reading()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(HeldLock {
            disk: self.clone(),
            path: path.to_owned(),
            boot: state.boots,
        }))
    }
}

/// Given back when dropped, unless the machine was restarted meanwhile.
struct HeldLock {
    disk: FaultDisk,
    path: PathBuf,
    boot: u64,
}

impl Held for HeldLock {}

impl Drop for HeldLock {
    fn drop(&mut self) {
        let mut state = self.disk.lock_state();
        if state.boots == self.boot {
            state.locks.remove(&self.path);
        }
    }
}

fn size(len: u64) -> io::Result<usize> {
    usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn copy_out(content: &[u8], offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    let from = content
        .get(size(offset)?..)
        .and_then(|rest| rest.get(..buffer.len()));
    buffer.copy_from_slice(from.ok_or(io::ErrorKind::UnexpectedEof)?);
    Ok(())
}

/// SplitMix64 (Steele, Lea, Flood 2014): the coins of a torn write.
struct Coins(u64);

impl Coins {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step = Step::new("test/step");
    const OTHER: Step = Step::new("test/other");

    fn disk_with_file(content: &[u8]) -> (FaultDisk, PathBuf) {
        let disk = FaultDisk::new("/base");
        let path = PathBuf::from("/base/file");
        disk.create(STEP, &path, 0).unwrap();
        disk.write_at(STEP, &path, 0, content).unwrap();
        disk.sync_data(STEP, &path).unwrap();
        disk.sync_dir(STEP, Path::new("/base")).unwrap();
        (disk, path)
    }

    fn content(disk: &FaultDisk, path: &Path) -> Option<Vec<u8>> {
        disk.files().remove(path)
    }

    #[test]
    fn a_power_cut_takes_what_was_not_synced_and_only_that() {
        let (disk, path) = disk_with_file(b"old");
        disk.write_at(STEP, &path, 0, b"newer").unwrap();
        disk.create(STEP, Path::new("/base/second"), 0).unwrap();
        disk.restart(Restart::Process);
        assert_eq!(content(&disk, &path).unwrap(), b"newer");
        disk.restart(Restart::PowerLost);
        assert_eq!(content(&disk, &path).unwrap(), b"old");
        assert_eq!(content(&disk, Path::new("/base/second")), None);
    }

    #[test]
    fn synced_content_without_a_synced_name_is_lost_too() {
        let disk = FaultDisk::new("/base");
        let path = Path::new("/base/file");
        disk.create(STEP, path, 0).unwrap();
        disk.write_at(STEP, path, 0, b"content").unwrap();
        disk.sync_data(STEP, path).unwrap();
        disk.restart(Restart::PowerLost);
        assert_eq!(content(&disk, path), None);
        assert!(
            disk.platter().contains(&b"content".to_vec()),
            "but the platter has it"
        );
    }

    #[test]
    fn a_torn_write_leaves_old_and_new_sectors_mixed() {
        let mixed = (0..50).filter(|seed| {
            let (disk, path) = disk_with_file(&[1; 8 * SECTOR]);
            disk.write_at(STEP, &path, 0, &[2; 8 * SECTOR]).unwrap();
            disk.restart(Restart::PowerTorn(*seed));
            let after = content(&disk, &path).unwrap();
            assert!(
                after
                    .chunks(SECTOR)
                    .all(|s| s == [1; SECTOR] || s == [2; SECTOR])
            );
            after.contains(&1) && after.contains(&2)
        });
        assert!(mixed.count() > 30);
    }

    #[test]
    fn a_crash_strikes_at_its_step_and_time_and_stops_everything() {
        let (disk, path) = disk_with_file(b"old");
        disk.crash_at(OTHER, 1, Moment::During);
        disk.write_at(STEP, &path, 0, b"a").unwrap();
        disk.write_at(OTHER, &path, 0, b"b").unwrap();
        disk.write_at(OTHER, &path, 0, b"cdef").unwrap_err();
        assert!(disk.is_down());
        disk.len(&path).unwrap_err();
        disk.restart(Restart::Process);
        assert_eq!(content(&disk, &path).unwrap(), b"cdd");
    }

    #[test]
    fn removed_and_cut_off_bytes_stay_on_the_platter_until_overwritten() {
        let (disk, path) = disk_with_file(b"secret");
        disk.truncate(STEP, &path, 3).unwrap();
        disk.sync_data(STEP, &path).unwrap();
        disk.remove(STEP, &path).unwrap();
        disk.sync_dir(STEP, Path::new("/base")).unwrap();
        assert!(disk.files().is_empty());
        assert_eq!(disk.platter(), [b"sec".to_vec(), b"ret".to_vec()]);

        let (disk, path) = disk_with_file(b"secret");
        disk.write_at(STEP, &path, 0, b"public").unwrap();
        disk.sync_data(STEP, &path).unwrap();
        assert_eq!(disk.platter(), [b"public".to_vec()]);
    }

    #[test]
    fn a_rename_is_whole_or_not_at_all() {
        for how in [
            Restart::PowerLost,
            Restart::PowerKept,
            Restart::PowerTorn(3),
        ] {
            let (disk, path) = disk_with_file(b"x");
            disk.rename(STEP, &path, Path::new("/base/new")).unwrap();
            disk.restart(how);
            assert_eq!(disk.files().len(), 1);
        }
    }

    #[test]
    fn a_lock_is_free_after_a_restart_and_the_old_holder_cannot_free_the_new_one() {
        let disk = FaultDisk::new("/base");
        let lock = Path::new("/base/lock");
        let old = disk.lock(lock).unwrap();
        assert!(disk.lock(lock).is_err());
        disk.restart(Restart::Process);
        let _new = disk.lock(lock).unwrap();
        drop(old);
        assert!(disk.lock(lock).is_err());
    }
}
