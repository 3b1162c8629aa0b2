//! Files that hold a person's or a registrar's state: readable by their owner only, and written as a whole
//! or not at all. What is published is written so too, and readable by whom the system lets.
//!
//! New bytes are written beside the file, synced, then given its name, and the folder is synced: at
//! whatever step the machine stops, the file holds either all of the old bytes or all of the new.
//!
//! What this crate must never do: follow a link that somebody put beside the file, or leave bytes that
//! others can read, but those that its caller publishes.

#![forbid(unsafe_code)]

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
    replace_by(private(&mut OpenOptions::new()), path, bytes, after)
}

/// Replaces a file, or makes it, that others may read too.
pub fn publish(path: &Path, bytes: &[u8]) -> io::Result<()> {
    publish_in_steps(path, bytes, &mut |_| Ok(()))
}

/// As [`publish`]; `after` is called after each step, and stops there with its error.
pub fn publish_in_steps(
    path: &Path,
    bytes: &[u8],
    after: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    replace_by(&mut OpenOptions::new(), path, bytes, after)
}

fn replace_by(
    options: &mut OpenOptions,
    path: &Path,
    bytes: &[u8],
    after: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let beside = write_beside(options, path, bytes, after)?;
    fs::rename(&beside, path)?;
    after(Step::Renamed)?;
    File::open(parent(path))?.sync_all()?;
    after(Step::FolderSynced)
}

/// Replaces files of one folder together, as [`replace`] does each: none gets its name before all are on the disk, and
/// what stood beside them is removed if one can't be written. A machine that stops between two names leaves some
/// files new and the others old, each whole.
///
/// # Errors
/// With the path that it is about.
pub fn replace_all(files: &[(PathBuf, Vec<u8>)]) -> Result<(), (PathBuf, io::Error)> {
    let with = |path: &Path| {
        let path = path.to_owned();
        move |e| (path, e)
    };
    if let Some((path, _)) = files.iter().find(|(path, _)| path.is_dir()) {
        return Err((path.clone(), io::ErrorKind::IsADirectory.into()));
    }
    let replaced = files
        .iter()
        .try_for_each(|(path, bytes)| {
            let options = &mut OpenOptions::new();
            let written = write_beside(private(options), path, bytes, &mut |_| Ok(()));
            written.map(drop).map_err(with(path))
        })
        .and_then(|()| {
            files
                .iter()
                .try_for_each(|(path, _)| fs::rename(beside(path), path).map_err(with(path)))
        });
    if replaced.is_err() {
        for (path, _) in files {
            // What can't be removed is told by the next replacement, if it is in its way.
            let _ = fs::remove_file(beside(path));
        }
        return replaced;
    }
    match files.first() {
        Some((path, _)) => {
            let folder = File::open(parent(path));
            folder.and_then(|f| f.sync_all()).map_err(with(path))
        }
        None => Ok(()),
    }
}

/// Makes a file with permissions for its owner only. One that exists is left as it is, and an error
/// ([`io::ErrorKind::AlreadyExists`]).
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let options = &mut OpenOptions::new();
    let beside = write_beside(private(options), path, bytes, &mut |_| Ok(()))?;
    // Unlike a renaming, a link never takes the place of a file.
    let made = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    made?;
    File::open(parent(path))?.sync_all()
}

fn write_beside(
    options: &mut OpenOptions,
    path: &Path,
    bytes: &[u8],
    after: &mut dyn FnMut(Step) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let beside = beside(path);
    // What an interrupted write left is nobody's; a link in its place is not followed.
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = options.write(true).create_new(true).open(&beside)?;
    file.write_all(bytes)?;
    after(Step::Written)?;
    file.sync_all()?;
    after(Step::Synced)?;
    Ok(beside)
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

/// Whom a file's owner and permissions let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Us, and nobody else.
    Owner,
    /// Others too; these are the permission bits.
    Others(u32),
    /// Somebody else owns it.
    Foreign,
}

/// Who may read or change this file or folder. Where files have no permission bits: its owner.
pub fn access(path: &Path) -> io::Result<Access> {
    let meta = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = meta.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Ok(Access::Others(mode));
        }
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Ok(Access::Foreign);
        }
    }
    #[cfg(not(unix))]
    let _ = meta;
    Ok(Access::Owner)
}

/// May others than the owner read or change this file?
pub fn open_to_others(path: &Path) -> io::Result<bool> {
    access(path).map(|access| matches!(access, Access::Others(_)))
}

/// Options of a file that only its owner can read.
pub fn private(options: &mut OpenOptions) -> &mut OpenOptions {
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

/// Where the new bytes of a file stand before they have its name.
pub fn beside(path: &Path) -> PathBuf {
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
    fn files_are_replaced_together_or_none_is_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let files = |bytes: &[u8]| [(path("a"), bytes.to_vec()), (path("b"), bytes.to_vec())];
        fs::write(beside(&path("b")), b"of a run that was killed").unwrap();
        replace_all(&files(b"old")).unwrap();
        fs::create_dir(beside(&path("b"))).unwrap();
        let (refused, _) = replace_all(&files(b"new")).unwrap_err();
        assert_eq!(refused, path("b"));
        assert_eq!(read(&path("a"), 10).unwrap().unwrap(), b"old");
        assert!(!beside(&path("a")).exists());
        fs::remove_dir(beside(&path("b"))).unwrap();
        fs::remove_file(path("b")).unwrap();
        fs::create_dir(path("b")).unwrap();
        assert_eq!(replace_all(&files(b"new")).unwrap_err().0, path("b"));
        assert_eq!(read(&path("a"), 10).unwrap().unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
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
    fn a_new_file_never_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        create(&path, b"first").unwrap();
        let refused = create(&path, b"second").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(read(&path, 10).unwrap().unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(access(&path).unwrap(), Access::Owner);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_beside_the_file_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("file"), folder.path().join("victim"));
        fs::write(&victim, b"theirs").unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("file.new")).unwrap();
        replace(&path, b"mine").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&victim, folder.path().join("file.new")).unwrap();
        create(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read(&victim).unwrap(), b"theirs");
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
