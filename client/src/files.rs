//! Files that hold a person's state: readable by their owner only, and replaced as a whole or not at all.
//!
//! A replacement is written beside the file, synced, renamed over it, and the folder is synced: at
//! whatever step the machine stops, the file holds either all of the old bytes or all of the new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The steps of a replacement, in order. A test stops at each; nothing else looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The new bytes are in the file beside.
    Written,
    /// They are on the disk.
    Synced,
    /// The file's name means the new bytes.
    Renamed,
    /// So it does after a loss of power.
    FolderSynced,
}

impl Step {
    /// All of them, in order.
    pub const ALL: [Step; 4] = [
        Step::Written,
        Step::Synced,
        Step::Renamed,
        Step::FolderSynced,
    ];
}

/// Replaces a file, or makes it, with permissions for its owner only.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_in_steps(path, bytes, &mut |_| Ok(()))
}

/// As [`replace`]; `after` is called after each step, and stops there with its error.
pub fn replace_in_steps(
    path: &Path,
    bytes: &[u8],
    after: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let folder = parent(path);
    let beside = beside(path);
    // What an interrupted replacement left is nobody's; a link in its place is not followed.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&beside)?;
    file.write_all(bytes)?;
    after(Step::Written)?;
    file.sync_all()?;
    after(Step::Synced)?;
    fs::rename(&beside, path)?;
    after(Step::Renamed)?;
    File::open(folder)?.sync_all()?;
    after(Step::FolderSynced)
}

/// Makes a folder that only its owner can enter; one that exists is left as it is.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads a file of at most `limit` bytes; `None` if there is none.
pub fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("the file has more than {limit} bytes"),
        ));
    }
    Ok(Some(bytes))
}

/// May others than the owner read or change this file?
pub fn open_to_others(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        fs::metadata(path).map(|_| false)
    }
}

/// Options of a file that only its owner can read.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_that_stops_anywhere_leaves_the_old_file_or_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for stop in Step::ALL {
            replace(&path, b"old").unwrap();
            let stopped = replace_in_steps(&path, b"newer", &mut |step| {
                if step == stop {
                    Err(io::Error::other("power"))
                } else {
                    Ok(())
                }
            });
            assert_eq!(stopped.unwrap_err().to_string(), "power");
            let expected: &[u8] = match stop {
                Step::Written | Step::Synced => b"old",
                Step::Renamed | Step::FolderSynced => b"newer",
            };
            assert_eq!(read(&path, 10).unwrap().unwrap(), expected);
            // The next replacement isn't in the way of what the last one left.
            replace(&path, b"newest").unwrap();
            assert_eq!(read(&path, 10).unwrap().unwrap(), b"newest");
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_is_written_only_its_owner_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, path) = (folder.path().join("a/b"), folder.path().join("a/b/file"));
        create_folder(&inner).unwrap();
        replace(&path, b"secret").unwrap();
        assert!(!open_to_others(&path).unwrap());
        assert!(!open_to_others(&inner).unwrap());
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open_to_others(&path).unwrap());
    }

    #[test]
    #[cfg(unix)]
    fn a_link_beside_the_file_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("file"), folder.path().join("victim"));
        fs::write(&victim, b"theirs").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("file.new")).unwrap();
        replace(&path, b"mine").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"theirs");
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read(&path, 3).unwrap(), None);
        replace(&path, b"four").unwrap();
        assert_eq!(
            read(&path, 3).unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        assert_eq!(read(&path, 4).unwrap().unwrap(), b"four");
    }
}
