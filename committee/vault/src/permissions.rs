//! Key files and the erasable folder are for their owner alone.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a file or folder with secrets is refused: the problem, then what to do.
#[derive(Debug, Error)]
pub enum PermissionError {
    /// The group or everybody may read, write or enter it.
    #[error(
        "{} is open to other users of this machine (mode {mode:04o}). Run: chmod {} '{}'",
        path.display(), if *.folder { "700" } else { "600" }, path.display()
    )]
    TooOpen {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whether it is a folder.
        folder: bool,
    },
    /// It is neither a file nor a folder.
    #[error("{} is neither a file nor a folder. Put the key itself there", path.display())]
    NotAFile {
        /// What is there.
        path: PathBuf,
    },
    /// It can't be looked at.
    #[error("{} can't be read: {source}. Check the path and who owns it", path.display())]
    Unreadable {
        /// The path asked for.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Refuses a file or folder that anybody but its owner may read, write or enter. A node calls this for
/// each of its key files before it reads them.
///
/// A symbolic link is followed: what counts is the file that will be read. Access lists beyond the
/// permission bits show up in them as the group's, so they are refused too.
///
/// # Errors
/// [`PermissionError`], as problem and advice.
pub fn check_permissions(path: &Path) -> Result<(), PermissionError> {
    let meta = std::fs::metadata(path).map_err(|source| PermissionError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if !meta.is_file() && !meta.is_dir() {
        return Err(PermissionError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(PermissionError::TooOpen {
            path: path.to_owned(),
            mode,
            folder: meta.is_dir(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};

    #[test]
    fn a_file_for_its_owner_alone_is_accepted_and_any_other_bit_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("node.key");
        fs::write(&file, b"x").unwrap();
        for mode in [0o600, 0o400, 0o700] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            check_permissions(&file).unwrap();
        }
        for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let refused = check_permissions(&file);
            assert!(matches!(refused, Err(PermissionError::TooOpen { mode: m, .. }) if m == mode));
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("node.key");
        fs::write(&file, b"x").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let text = check_permissions(&file).unwrap_err().to_string();
        let path = file.display();
        let expected = format!(
            "{path} is open to other users of this machine (mode 0644). Run: chmod 600 '{path}'"
        );
        assert_eq!(text, expected);

        fs::set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
        let text = check_permissions(dir.path()).unwrap_err().to_string();
        assert!(text.contains("chmod 700"), "{text}");
    }

    #[test]
    fn a_missing_file_and_a_device_are_refused_by_name() {
        let missing = check_permissions(Path::new("/nonexistent/key"));
        assert!(matches!(missing, Err(PermissionError::Unreadable { .. })));
        let device = check_permissions(Path::new("/dev/null"));
        assert!(matches!(device, Err(PermissionError::NotAFile { .. })));
    }
}
