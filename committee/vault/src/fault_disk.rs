//! A disk in memory that a test can stop, tear and cut the power of at any named step, and whose every
//! byte it can look at.
//!
//! The model: writes and names go to a cache first. A sync makes one file, or one folder's names,
//! durable. When the process dies the cache lives on; when the power is cut only what is durable is sure
//! to be there, and of the rest any 512-byte sectors, and of a folder's changes any first few (as
//! journalling file systems keep their order). What is cut off or removed stays on the platter until
//! something is written over it, which here never happens: so [`platter`](FaultDisk::platter) shows the
//! worst that a thief could find.

mod state;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use state::{Change, Coins, Inode, Kept, Node, State};

use crate::{Discard, Disk, Held, PermissionError, ReadBack, Step};

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

    /// Lets the `nth` time from now that `step` is reached fail, without doing anything. Several can be
    /// planned.
    pub fn fail_at(&self, step: Step, nth: usize, kind: io::ErrorKind) {
        self.lock_state().failures.push((step, nth, kind));
    }

    /// From now on the platter ignores what is written to this file, and says that it doesn't.
    pub fn stick(&self, path: impl Into<PathBuf>) {
        self.lock_state().stuck = Some(path.into());
    }

    /// Forgets [`stick`](Self::stick) and planned faults that haven't struck.
    pub fn heal(&self) {
        let mut state = self.lock_state();
        (state.stuck, state.crash) = (None, None);
        state.failures.clear();
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
        (state.down, state.crash) = (false, None);
        state.failures.clear();
        state.locks.clear();
        match how {
            Restart::Process => {}
            Restart::PowerLost => state.lose_power(|| Kept::Nothing),
            Restart::PowerKept => state.lose_power(|| Kept::All),
            Restart::PowerTorn(seed) => {
                let mut coins = Coins(seed);
                state.lose_power(|| Kept::Some(coins.next()));
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
        // All plans are counted at every arrival, so that a test can combine them.
        let mut failure = None;
        state.failures.retain_mut(|plan| {
            let now = strikes(plan, step);
            if now {
                failure = Some(plan.2);
            }
            !now
        });
        let moment = state.crash.map(|(_, _, moment)| moment);
        let crash = moment.filter(|_| state.crash.as_mut().is_some_and(|plan| strikes(plan, step)));
        match (crash, failure) {
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

/// Counts a plan down; the answer is whether it strikes now.
fn strikes<T>(plan: &mut (Step, usize, T), step: Step) -> bool {
    let (planned, nth, _) = plan;
    if *planned != step {
        return false;
    }
    let now = *nth == 0;
    *nth = nth.saturating_sub(1);
    now
}

fn machine_is_down() -> io::Error {
    io::Error::other("the machine is down")
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

#[cfg(test)]
mod tests;
