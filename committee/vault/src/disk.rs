//! The disk as a capability: the few operations that the vault needs, each change under a step's name.
//!
//! Nothing is durable until the file ([`Disk::sync_data`]) or, for names, its folder
//! ([`Disk::sync_dir`]) is synced; until then a power cut may keep all, some or none of it, in any order.

use std::io;
use std::path::Path;

use crate::Step;

/// Files and folders with explicit durability.
///
/// Errors are the operating system's own; a missing file is [`io::ErrorKind::NotFound`]. After a failed
/// sync the content of that file is unknown (Linux drops the dirty pages and reports the error once), so
/// callers must not rely on it before they have read it back from the disk.
pub trait Disk: Send + Sync {
    /// Creates a folder that only its owner may enter (0700). An existing one is fine. Names are durable
    /// after the parent's [`sync_dir`](Disk::sync_dir).
    fn create_dir(&self, step: Step, path: &Path) -> io::Result<()>;

    /// Creates a new file of `len` bytes, for its owner only (0600), and allocates its sectors now, so
    /// that later writes to it go where the first ones went. An existing file is
    /// [`io::ErrorKind::AlreadyExists`].
    fn create(&self, step: Step, path: &Path, len: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`, extending the file if needed. Existing bytes are overwritten in
    /// place, as far as the file system does so.
    fn write_at(&self, step: Step, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `len` bytes.
    fn truncate(&self, step: Step, path: &Path, len: u64) -> io::Result<()>;

    /// Makes the file's content and length durable.
    fn sync_data(&self, step: Step, path: &Path) -> io::Result<()>;

    /// Gives the sectors of a whole file back to the file system, which may tell the device to forget
    /// them. The file reads as zeros afterwards.
    fn discard(&self, step: Step, path: &Path, len: u64) -> io::Result<Discard>;

    /// Renames a file within its folder, replacing what has the new name, atomically.
    fn rename(&self, step: Step, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, step: Step, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, step: Step, path: &Path) -> io::Result<()>;

    /// The names in a folder, in no order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// A file's length in bytes.
    fn len(&self, path: &Path) -> io::Result<u64>;

    /// Fills `buffer` from `offset`; a shorter file is [`io::ErrorKind::UnexpectedEof`].
    fn read_at(&self, path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Like [`read_at`](Disk::read_at), but from the device rather than from the cache, as far as the
    /// answer says.
    fn read_back(&self, path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<ReadBack>;

    /// Refuses a folder that others may enter or read.
    fn check_private(&self, path: &Path) -> Result<(), crate::PermissionError>;

    /// Takes an exclusive lock on a file, which is created if need be, until the answer is dropped or the
    /// process ends. A lock that somebody else has is [`io::ErrorKind::WouldBlock`].
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Held>>;
}

/// A lock that lasts until this is dropped.
pub trait Held: Send + Sync {}

/// Where a read-back was answered from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadBack {
    /// From the device: the operating system's cache was bypassed. The device's own cache can't be; the
    /// sync before has told it to write through.
    Direct,
    /// The operating system was asked to drop its cached pages first, and may not have done so.
    Advised,
}

/// What became of a [`Disk::discard`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discard {
    /// The file system took the sectors back. Whether the device was told depends on how it is mounted.
    Done,
    /// The file system doesn't know the operation.
    Unsupported,
}
