//! A registrar's files, and what to tell a person about one that can't be used. Secrets are made once and
//! never written over.

use std::io;
use std::path::{Path, PathBuf};

use tacit_files::Access;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Why a file can't be used.
#[derive(Debug, Error)]
pub enum FileError {
    /// There is none.
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    /// The folder that it should be written into isn't there.
    #[error("can't write {}: there is no such folder", .0.display())]
    NoFolder(PathBuf),
    /// There is one already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// Others may read or change it.
    #[error("{} is open to others (mode {mode:03o})", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Somebody else owns it.
    #[error("{} belongs to another user", .0.display())]
    Foreign(PathBuf),
    /// It doesn't hold what it should.
    #[error("{} is not {what}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
    },
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FileError {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Missing(_) => "Check the path.".into(),
            Self::NoFolder(_) => "Make the folder first, or choose another path.".into(),
            Self::Exists(path) => format!(
                "Nothing was changed; move {} away if it is no longer needed.",
                path.display()
            ),
            Self::OpenToOthers { path, .. } => {
                format!(
                    "Run: chmod go-rwx '{}'; if others could read it, make a new one.",
                    path.display()
                )
            }
            Self::Foreign(path) => format!("Run as the owner of {}.", path.display()),
            Self::Malformed { .. } => {
                "Check that this is the right file and that it was copied whole.".into()
            }
            Self::Io { .. } => "Check the path and its permissions.".into(),
        }
    }
}

/// With the file's name.
pub(crate) fn io_error(path: &Path) -> impl Fn(io::Error) -> FileError + '_ {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.to_path_buf()),
        io::ErrorKind::AlreadyExists => FileError::Exists(path.to_path_buf()),
        _ => FileError::Io {
            path: path.to_path_buf(),
            source,
        },
    }
}

/// The same, of a file that is to be written.
fn write_error(path: &Path) -> impl Fn(io::Error) -> FileError + '_ {
    move |source| match io_error(path)(source) {
        FileError::Missing(path) => FileError::NoFolder(path),
        error => error,
    }
}

/// Checks that only its owner, who is us, may read and change a file or a folder.
pub fn check_private(path: &Path) -> Result<(), FileError> {
    match tacit_files::access(path).map_err(io_error(path))? {
        Access::Owner => Ok(()),
        Access::Others(mode) => Err(FileError::OpenToOthers {
            path: path.to_path_buf(),
            mode,
        }),
        Access::Foreign => Err(FileError::Foreign(path.to_path_buf())),
    }
}

/// Makes a folder that only its owner can enter; one that exists is left as it is.
pub fn create_folder(path: &Path) -> Result<(), FileError> {
    tacit_files::create_folder(path).map_err(io_error(path))
}

/// Writes a new file that only its owner can read. It appears whole and on the disk, or not at all;
/// one that exists is an error.
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    tacit_files::create(path, bytes).map_err(write_error(path))
}

/// Replaces a file as a whole, or makes it, readable by its owner only.
pub fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    tacit_files::replace(path, bytes).map_err(write_error(path))
}

/// Reads a file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64, what: &'static str) -> Result<Vec<u8>, FileError> {
    match tacit_files::read(path, limit) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(FileError::Missing(path.to_path_buf())),
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Err(FileError::Malformed {
            path: path.to_path_buf(),
            what,
        }),
        Err(e) => Err(io_error(path)(e)),
    }
}

/// Writes 32 secret bytes into a new file: one line of 64 hex digits.
pub fn create_secret(path: &Path, secret: &[u8; 32]) -> Result<(), FileError> {
    let mut line = Zeroizing::new(hex::encode(secret));
    line.push('\n');
    create_private(path, line.as_bytes())
}

/// Reads 32 secret bytes from a file that nobody else can read.
pub fn read_secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, FileError> {
    const WHAT: &str = "a secret of 64 hex digits";
    check_private(path)?;
    let mut bytes = read_bounded(path, 128, WHAT)?;
    let mut secret = Zeroizing::new([0u8; 32]);
    let read = hex::decode_to_slice(bytes.trim_ascii(), &mut secret[..]);
    bytes.zeroize();
    read.map_err(|_| FileError::Malformed {
        path: path.to_path_buf(),
        what: WHAT,
    })?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_comes_back_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret(&path, &[7; 32]).unwrap();
        assert_eq!(*read_secret(&path).unwrap(), [7; 32]);
        assert!(matches!(create_secret(&path, &[8; 32]), Err(FileError::Exists(p)) if p == path));
        assert_eq!(*read_secret(&path).unwrap(), [7; 32]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_to_be_written_is_not_called_missing() {
        let path = tempfile::tempdir().unwrap().path().join("none/file");
        for refused in [create_private(&path, b"x"), replace_private(&path, b"x")] {
            assert!(matches!(refused, Err(FileError::NoFolder(p)) if p == path));
        }
        let read = read_bounded(&path, 1, "a file");
        assert!(matches!(read, Err(FileError::Missing(p)) if p == path));
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        create_secret(&path, &[7; 32]).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                matches!(read_secret(&path), Err(FileError::OpenToOthers { mode: m, .. }) if m == mode)
            );
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(read_secret(&path).is_ok());
    }

    #[test]
    fn anything_but_64_hex_digits_is_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let hex64 = "ab".repeat(32);
        for (i, text) in [
            String::new(),
            hex64[1..].into(),
            format!("{hex64}00"),
            hex64.replace('a', "g"),
            "x".repeat(500),
        ]
        .iter()
        .enumerate()
        {
            let path = folder.path().join(i.to_string());
            create_private(&path, text.as_bytes()).unwrap();
            assert!(
                matches!(read_secret(&path), Err(FileError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
