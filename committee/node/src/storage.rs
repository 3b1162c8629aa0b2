//! The folder of the consensus engine: one process at a time, marked by `node init`, never restored.
//!
//! The engine's own lock waits for ever, so ours comes first and says what is wrong. The marker tells
//! a folder that `node init` made from one that somebody emptied: a node whose engine forgot its
//! votes must not start as if it had none. A file beside the store says that there were votes, and how
//! far the log was, so that a lost or restored store shows even if the database went with it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::fs::{FlockOperation, flock};
use tacit_protocol::ids::Fingerprint;
use thiserror::Error;

use crate::engine::VoteRecord;

const MARKER: &str = "marker";
const LOCK: &str = "lock";
const STORE: &str = "store";
const VOTED: &str = "voted";
const MARKER_TEXT: &str = "tacit consensus storage, version 1. Never copy, restore or empty this \
                           folder.\ncommittee: ";

/// Why the engine's folder can't be used.
#[derive(Debug, Error)]
pub enum StorageError {
    /// Not made by `node init`, or emptied since.
    #[error(
        "{0} isn't this node's consensus storage: it has no marker, so it was never initialized or \
         was deleted. A node that forgot its votes could contradict them"
    )]
    NoMarker(PathBuf),
    /// Made for another committee.
    #[error("{0} is the consensus storage of another committee")]
    OtherCommittee(PathBuf),
    /// `node init` ran before.
    #[error("{0} is initialized already")]
    Marked(PathBuf),
    /// Another process has it.
    #[error("another process is using {0}: is this node running already?")]
    Locked(PathBuf),
    /// The disk.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StorageError + '_ {
    move |error| StorageError::Io {
        path: path.to_owned(),
        error,
    }
}

/// Makes the folder and marks it for a committee. Once.
pub fn initialize(folder: &Path, committee: &Fingerprint) -> Result<(), StorageError> {
    fs::create_dir_all(folder).map_err(io_error(folder))?;
    let path = folder.join(MARKER);
    let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(StorageError::Marked(folder.to_owned()));
        }
        Err(error) => return Err(io_error(&path)(error)),
    };
    file.write_all(format!("{MARKER_TEXT}{committee}\n").as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io_error(&path))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error(folder))
}

/// That this node has voted, in a file beside the engine's store: see [`VoteRecord`].
#[derive(Debug)]
pub struct VotedFile {
    path: PathBuf,
    height: Mutex<Option<u64>>,
}

impl VotedFile {
    fn open(folder: &Path) -> Result<Self, StorageError> {
        let path = folder.join(VOTED);
        let height = match fs::read_to_string(&path) {
            // What can't be read says that it was written, and nothing about where the log was.
            Ok(text) => Some(text.trim().parse().unwrap_or(0)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&path)(error)),
        };
        Ok(Self {
            path,
            height: Mutex::new(height),
        })
    }

    fn locked(&self) -> MutexGuard<'_, Option<u64>> {
        self.height.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VoteRecord for VotedFile {
    fn height(&self) -> Option<u64> {
        *self.locked()
    }

    fn write(&self, height: u64) -> io::Result<()> {
        let mut written = self.locked();
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(format!("{height}\n").as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        *written = Some(height);
        Ok(())
    }
}

/// The folder, held by this process alone until dropped.
#[derive(Debug)]
pub struct Locked {
    folder: PathBuf,
    _lock: File,
}

impl Locked {
    /// Where the engine keeps its files.
    pub fn store(&self) -> PathBuf {
        self.folder.join(STORE)
    }

    /// The record of this node's having voted.
    pub fn voted(&self) -> Result<VotedFile, StorageError> {
        VotedFile::open(&self.folder)
    }
}

/// Checks the marker and takes the lock. Never waits.
pub fn open(folder: &Path, committee: &Fingerprint) -> Result<Locked, StorageError> {
    let path = folder.join(MARKER);
    let marker = match fs::read_to_string(&path) {
        Ok(marker) => marker,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StorageError::NoMarker(folder.to_owned()));
        }
        Err(error) => return Err(io_error(&path)(error)),
    };
    if marker != format!("{MARKER_TEXT}{committee}\n") {
        return Err(StorageError::OtherCommittee(folder.to_owned()));
    }
    let path = folder.join(LOCK);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io_error(&path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Locked {
            folder: folder.to_owned(),
            _lock: lock,
        }),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StorageError::Locked(folder.to_owned())),
        Err(error) => Err(io_error(&path)(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use tacit_protocol::hash::Digest;

    use super::*;

    const OURS: Fingerprint = Fingerprint(Digest([1; 32]));
    const OTHERS: Fingerprint = Fingerprint(Digest([2; 32]));

    #[test]
    fn a_folder_that_was_never_initialized_or_was_emptied_is_refused() {
        let home = tempfile::tempdir().expect("folder");
        let folder = home.path().join("engine");
        assert!(matches!(
            open(&folder, &OURS),
            Err(StorageError::NoMarker(_))
        ));
        initialize(&folder, &OURS).expect("initialized");
        drop(open(&folder, &OURS).expect("opened"));
        fs::remove_dir_all(&folder).expect("removed");
        fs::create_dir(&folder).expect("empty folder");
        assert!(matches!(
            open(&folder, &OURS),
            Err(StorageError::NoMarker(_))
        ));
    }

    #[test]
    fn a_second_process_is_refused_at_once() {
        let home = tempfile::tempdir().expect("folder");
        initialize(home.path(), &OURS).expect("initialized");
        let first = open(home.path(), &OURS).expect("opened");
        assert!(matches!(
            open(home.path(), &OURS),
            Err(StorageError::Locked(_))
        ));
        drop(first);
        assert!(open(home.path(), &OURS).is_ok());
    }

    #[test]
    fn another_committees_folder_is_refused() {
        let home = tempfile::tempdir().expect("folder");
        initialize(home.path(), &OTHERS).expect("initialized");
        assert!(matches!(
            open(home.path(), &OURS),
            Err(StorageError::OtherCommittee(_))
        ));
    }

    #[test]
    fn the_record_of_votes_reads_back_and_a_damaged_one_still_says_that_there_were_some() {
        let home = tempfile::tempdir().expect("folder");
        initialize(home.path(), &OURS).expect("initialized");
        let height = || {
            let folder = open(home.path(), &OURS).expect("opened");
            folder.voted().expect("readable").height()
        };
        assert_eq!(height(), None);
        for wanted in [0, 7, 123_456] {
            let folder = open(home.path(), &OURS).expect("opened");
            let record = folder.voted().expect("readable");
            record.write(wanted).expect("written");
            assert_eq!(record.height(), Some(wanted));
            drop(folder);
            assert_eq!(height(), Some(wanted));
        }
        fs::write(home.path().join(VOTED), "?").expect("damaged");
        assert_eq!(height(), Some(0));
    }

    #[test]
    fn initializing_twice_is_refused() {
        let home = tempfile::tempdir().expect("folder");
        initialize(home.path(), &OURS).expect("initialized");
        assert!(matches!(
            initialize(home.path(), &OURS),
            Err(StorageError::Marked(_))
        ));
    }
}
