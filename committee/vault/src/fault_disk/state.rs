//! What a simulated disk consists of, and what a power cut does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Moment;
use crate::Step;

/// What a device writes whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;

#[derive(Default, Clone)]
pub(super) struct State {
    pub inodes: Vec<Inode>,
    /// Names as the running system sees them.
    pub names: BTreeMap<PathBuf, Node>,
    /// Names that survive a power cut for sure.
    pub durable: BTreeMap<PathBuf, Node>,
    /// Changes of names since their folder's last sync, in order.
    pub pending: Vec<(PathBuf, Change)>,
    pub locks: BTreeSet<PathBuf>,
    pub boots: u64,
    pub down: bool,
    pub journal: Vec<Step>,
    pub crash: Option<(Step, usize, Moment)>,
    pub failures: Vec<(Step, usize, io::ErrorKind)>,
    pub stuck: Option<PathBuf>,
    pub no_discard: bool,
    pub cached_read_back: bool,
}

#[derive(Default, Clone)]
pub(super) struct Inode {
    pub durable: Vec<u8>,
    pub cached: Vec<u8>,
    /// Bytes that the file no longer has and the platter still does.
    pub freed: Vec<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Folder,
    File(usize),
}

#[derive(Clone)]
pub(super) enum Change {
    Set(PathBuf, Node),
    Unset(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Change {
    pub fn apply(&self, names: &mut BTreeMap<PathBuf, Node>) {
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

/// What a power cut leaves of something that wasn't synced.
pub(super) enum Kept {
    Nothing,
    All,
    Some(u64),
}

impl State {
    pub fn node(&self, path: &Path) -> io::Result<Node> {
        self.names
            .get(path)
            .copied()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub fn inode(&self, path: &Path) -> io::Result<&Inode> {
        match self.node(path)? {
            Node::File(i) => self
                .inodes
                .get(i)
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
            Node::Folder => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub fn inode_mut(&mut self, path: &Path) -> io::Result<&mut Inode> {
        match self.node(path)? {
            Node::File(i) => self
                .inodes
                .get_mut(i)
                .ok_or_else(|| io::ErrorKind::NotFound.into()),
            Node::Folder => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    pub fn change_name(&mut self, folder: Option<&Path>, change: Change) -> io::Result<()> {
        let folder = folder.ok_or(io::ErrorKind::InvalidInput)?;
        if self.node(folder)? != Node::Folder {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        change.apply(&mut self.names);
        self.pending.push((folder.to_owned(), change));
        Ok(())
    }

    pub fn lose_power(&mut self, mut kept: impl FnMut() -> Kept) {
        let folders: BTreeSet<PathBuf> = self.pending.iter().map(|(f, _)| f.clone()).collect();
        for folder in folders {
            let changes: Vec<_> = self.pending.iter().filter(|(f, _)| *f == folder).collect();
            let lived = match kept() {
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
            .filter(|(_, node)| **node == Node::Folder)
            .map(|(path, _)| path.clone())
            .collect();
        self.durable
            .retain(|path, _| path.ancestors().skip(1).all(|a| folders.contains(a)));
        self.names = self.durable.clone();
        let stuck = self.stuck_inode();
        for (i, inode) in self.inodes.iter_mut().enumerate() {
            if stuck != Some(i) {
                inode.settle(kept());
            }
            inode.cached = inode.durable.clone();
        }
    }

    pub fn stuck_inode(&self) -> Option<usize> {
        match self.names.get(self.stuck.as_ref()?) {
            Some(Node::File(i)) => Some(*i),
            _ => None,
        }
    }
}

impl Inode {
    /// Lets part of what is cached become durable.
    pub fn settle(&mut self, kept: Kept) {
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
                self.persist(|_| coins.next().is_multiple_of(2), len);
            }
        }
    }

    /// Makes the chosen sectors durable, and the length `len`; what is chosen beyond it is lost, what
    /// isn't chosen up to it keeps its old bytes, or zeros.
    pub fn persist(&mut self, mut chosen: impl FnMut(usize) -> bool, len: usize) {
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

/// SplitMix64 (Steele, Lea, Flood 2014): the coins of a torn write.
pub(super) struct Coins(pub u64);

impl Coins {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
