//! The machine's own file system.
//!
//! What it can promise: `fdatasync` and `fsync` return when the device says that it has the data, its
//! write cache flushed. A device that lies about that isn't found out here.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use crate::{Discard, Disk, Held, PermissionError, ReadBack, Step, check_permissions};

/// The real disk. It ignores the steps' names.
#[derive(Clone, Copy, Default, Debug)]
pub struct HostDisk;

/// A file that is only ever its own: symbolic links are not followed.
fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
}

impl Disk for HostDisk {
    fn create_dir(&self, _: Step, path: &Path) -> io::Result<()> {
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn create(&self, _: Step, path: &Path, len: u64) -> io::Result<()> {
        let file = open(
            path,
            OpenOptions::new().write(true).create_new(true).mode(0o600),
        )?;
        if len > 0 {
            allocate(&file, len)
        } else {
            Ok(())
        }
    }

    fn write_at(&self, _: Step, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        open(path, OpenOptions::new().write(true))?.write_all_at(bytes, offset)
    }

    fn truncate(&self, _: Step, path: &Path, len: u64) -> io::Result<()> {
        open(path, OpenOptions::new().write(true))?.set_len(len)
    }

    /// A write error that the kernel met before this call, on a descriptor closed meanwhile, is reported
    /// here too: it is kept with the file until somebody has seen it (Linux 4.16 and later).
    fn sync_data(&self, _: Step, path: &Path) -> io::Result<()> {
        open(path, OpenOptions::new().write(true))?.sync_data()
    }

    fn discard(&self, _: Step, path: &Path, len: u64) -> io::Result<Discard> {
        let file = open(path, OpenOptions::new().write(true))?;
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{FallocateFlags, fallocate};
            use rustix::io::Errno;
            if len == 0 {
                return Ok(Discard::Done);
            }
            let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            match fallocate(&file, punch, 0, len) {
                Ok(()) => Ok(Discard::Done),
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(Discard::Unsupported),
                Err(e) => Err(e.into()),
            }
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = (file, len);
            Ok(Discard::Unsupported)
        }
    }

    fn rename(&self, _: Step, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, _: Step, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, _: Step, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(dir)?
            .map(|entry| {
                // A name that isn't UTF-8 isn't one of ours either way; keep it so that it is refused.
                Ok(entry?.file_name().to_string_lossy().into_owned())
            })
            .collect()
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let meta = fs::symlink_metadata(path)?;
        if meta.is_file() {
            Ok(meta.len())
        } else {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }

    fn read_at(&self, path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        open(path, OpenOptions::new().read(true))?.read_exact_at(buffer, offset)
    }

    /// On Linux with `O_DIRECT`, where the file system takes it (ext4, XFS, Btrfs do); else, and on file
    /// systems in memory, after asking the kernel to drop its pages (`POSIX_FADV_DONTNEED`), which it does
    /// for clean pages that nobody else uses. On other systems it is a plain read.
    fn read_back(&self, path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<ReadBack> {
        #[cfg(target_os = "linux")]
        if direct::read(path, offset, buffer)? {
            return Ok(ReadBack::Direct);
        }
        let file = open(path, OpenOptions::new().read(true))?;
        #[cfg(target_os = "linux")]
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        file.read_exact_at(buffer, offset)?;
        Ok(ReadBack::Advised)
    }

    fn check_private(&self, path: &Path) -> Result<(), PermissionError> {
        check_permissions(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        let options = &mut OpenOptions::new();
        let file = open(
            path,
            options.write(true).create(true).truncate(false).mode(0o600),
        )?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(HeldFile { _file: file })),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(e)) => Err(e),
        }
    }
}

/// Closing the file gives the lock back.
struct HeldFile {
    _file: File,
}

impl Held for HeldFile {}

/// Gives the file `len` bytes of real sectors.
fn allocate(file: &File, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        match fallocate(file, FallocateFlags::empty(), 0, len) {
            Ok(()) => return Ok(()),
            // The file system doesn't know it: zeros take the sectors just as well.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(e) => return Err(e.into()),
        }
    }
    let zeros = [0u8; 4096];
    let mut at = 0;
    while at < len {
        let piece = zeros
            .len()
            .min(usize::try_from(len - at).unwrap_or(usize::MAX));
        file.write_all_at(zeros.get(..piece).unwrap_or_default(), at)?;
        at += piece as u64;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod direct {
    use super::*;
    use rustix::fs::fstatfs;
    use zeroize::Zeroizing;

    /// Direct reads begin, end and land at multiples of this: no device has larger logical sectors.
    const ALIGNMENT: usize = 4096;
    /// `f_type` of file systems that have no device behind them: tmpfs, ramfs.
    const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

    /// Reads past the page cache. False if this file system can't.
    pub(super) fn read(path: &Path, offset: u64, buffer: &mut [u8]) -> io::Result<bool> {
        let flags = (OFlags::NOFOLLOW | OFlags::DIRECT).bits() as i32;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Err(e) if e.kind() == io::ErrorKind::InvalidInput => return Ok(false),
            other => other?,
        };
        if IN_MEMORY.contains(&(fstatfs(&file)?.f_type as u32)) {
            return Ok(false);
        }
        let skip = (offset % ALIGNMENT as u64) as usize;
        let wanted = skip + buffer.len();
        // Room to begin at an aligned address of memory, whatever the allocator gives.
        let mut room = Zeroizing::new(vec![0u8; wanted.next_multiple_of(ALIGNMENT) + ALIGNMENT]);
        let shift = room.as_ptr().align_offset(ALIGNMENT);
        let Some(aligned) = room.get_mut(shift..shift + wanted.next_multiple_of(ALIGNMENT)) else {
            return Ok(false);
        };
        let mut have = 0;
        while have < wanted {
            let Some(rest) = aligned.get_mut(have..) else {
                return Err(io::ErrorKind::UnexpectedEof.into());
            };
            match file.read_at(rest, offset - skip as u64 + have as u64) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => have += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Some file systems say so only now; or the file ends within an aligned piece.
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => return Ok(false),
                Err(e) => return Err(e),
            }
        }
        let read = aligned
            .get(skip..wanted)
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(read);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const STEP: Step = Step::new("test/step");

    #[test]
    fn folders_and_files_are_for_their_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("folder");
        HostDisk.create_dir(STEP, &folder).unwrap();
        HostDisk.create_dir(STEP, &folder).unwrap();
        let file = folder.join("file");
        HostDisk.create(STEP, &file, 8192).unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        HostDisk.check_private(&folder).unwrap();
        assert_eq!(HostDisk.len(&file).unwrap(), 8192);
        let again = HostDisk.create(STEP, &file, 0).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_created_file_has_its_sectors_before_anything_is_written() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        HostDisk.create(STEP, &file, 512_000).unwrap();
        assert!(fs::metadata(&file).unwrap().blocks() >= 1_000);
    }

    #[test]
    fn reading_back_gives_what_was_written_at_any_offset() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        let content: Vec<u8> = (0..20_000u32).map(|i| (i % 251) as u8).collect();
        HostDisk.create(STEP, &file, 0).unwrap();
        HostDisk.write_at(STEP, &file, 0, &content).unwrap();
        HostDisk.sync_data(STEP, &file).unwrap();
        for (offset, len) in [
            (0, 20_000),
            (1, 1),
            (4095, 2),
            (4096, 4096),
            (8000, 12_000),
            (19_999, 1),
        ] {
            let mut back = vec![0; len];
            HostDisk.read_back(&file, offset as u64, &mut back).unwrap();
            assert_eq!(
                back,
                content[offset..offset + len],
                "{len} bytes at {offset}"
            );
        }
        let beyond = HostDisk.read_back(&file, 19_999, &mut [0; 2]).unwrap_err();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_file_system_in_memory_is_not_said_to_be_read_past_the_cache() {
        let Ok(dir) = tempfile::tempdir_in("/dev/shm") else {
            return;
        };
        let file = dir.path().join("file");
        HostDisk.create(STEP, &file, 4096).unwrap();
        assert_eq!(
            HostDisk.read_back(&file, 0, &mut [0; 4096]).unwrap(),
            ReadBack::Advised
        );
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        fs::write(&target, b"precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(HostDisk.write_at(STEP, &link, 0, b"x").is_err());
        assert!(HostDisk.read_at(&link, 0, &mut [0]).is_err());
        assert!(HostDisk.read_back(&link, 0, &mut [0]).is_err());
        assert_eq!(fs::read(&target).unwrap(), b"precious");
    }

    #[test]
    fn a_lock_excludes_a_second_one_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = HostDisk.lock(&path).unwrap();
        assert_eq!(
            HostDisk.lock(&path).err().map(|e| e.kind()),
            Some(io::ErrorKind::WouldBlock)
        );
        drop(held);
        HostDisk.lock(&path).unwrap();
    }
}
