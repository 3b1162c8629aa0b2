//! Uploads. What was acknowledged is there after a loss of power, and is what was sent: beside each file
//! stands how much of it is on the disk, and that is written after the bytes are.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tacit_files as files;
use tacit_protocol::hash::Digest;
use tacit_protocol::keys::PublicKey;

use crate::folder;

/// Longest text of a length.
const MAX_LENGTH: u64 = 20;

/// The folder of unfinished uploads.
pub(super) struct Incoming(PathBuf);

impl Incoming {
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where somebody's upload is kept: another place for another base.
    pub fn path(&self, head: &Digest, key: &PublicKey, index: usize) -> PathBuf {
        let mut name = head.as_bytes().to_vec();
        name.extend(key.0);
        self.0.join(format!("{}-{index}", folder::name_of(&name)))
    }

    /// Bytes of it that were acknowledged.
    pub fn received(path: &Path) -> io::Result<u64> {
        let Some(text) = files::read(&beside(path), MAX_LENGTH)? else {
            return Ok(0);
        };
        let length = String::from_utf8(text).ok().and_then(|t| t.parse().ok());
        let there = match fs::metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            found => found?.len(),
        };
        Ok(length.unwrap_or(0).min(there))
    }

    /// Writes a piece where the file ends, to stay: the answer is the file's length.
    pub fn append(path: &Path, at: u64, piece: &[u8]) -> io::Result<u64> {
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        file.write_all_at(piece, at)?;
        file.sync_data()?;
        let length = at + piece.len() as u64;
        // This also puts the file's own name on the disk: they are in one folder.
        files::replace(&beside(path), length.to_string().as_bytes())?;
        Ok(length)
    }

    /// Cuts off what was never acknowledged.
    pub fn complete(path: &Path) -> io::Result<()> {
        let received = Self::received(path)?;
        let mut options = OpenOptions::new();
        let file = options
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        file.set_len(received)
    }

    /// Uploads are for one turn: whatever is there when it has ended, nobody can use.
    pub fn clear(&self) {
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            if let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!(%error, "can't remove an upload");
            }
        }
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("length")
}
