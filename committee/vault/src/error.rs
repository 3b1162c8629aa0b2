//! The vault's errors.

use std::io;
use std::path::{Path, PathBuf};

use tacit_protocol::ids::StatementId;
use thiserror::Error;

use crate::PermissionError;
use crate::limits::{MAX_BATCH, MAX_BODY, MAX_SECRET, MAX_SECRET_NAME};

/// What went wrong, and whose doing it is: the disk's, the operator's or the caller's.
#[derive(Debug, Error)]
pub enum VaultError {
    /// The disk failed.
    #[error("the disk failed at {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system: {0}")]
    Randomness(String),
    /// The operator's doing: others may read the erasable folder.
    #[error(transparent)]
    Permissions(#[from] PermissionError),
    /// The operator's doing: another process has the vault open.
    #[error("{} is in use by another process; stop that one first", path.display())]
    AlreadyOpen {
        /// The lock file.
        path: PathBuf,
    },
    /// The operator's doing: a copy of a key that erasing wouldn't find would make erasing a lie.
    #[error("{} doesn't belong in the erasable folder; move it away, and destroy it if it is a copy of a key", path.display())]
    UnknownFile {
        /// The file.
        path: PathBuf,
    },
    /// The statement has no slot.
    #[error("there is no slot for statement {0}")]
    NoSlot(StatementId),
    /// The statement's slot was erased, or its erasure has begun; it can't be used or created again.
    #[error("the slot of statement {0} is erased")]
    SlotErased(StatementId),
    /// The disk's doing: the key file doesn't yield this statement's wrapping key.
    #[error("the wrapping key of statement {0} is damaged: what it protects is lost on this node")]
    KeyDamaged(StatementId),
    /// The disk's doing: the secret doesn't decrypt. It isn't replaced, because the first value may have
    /// been used.
    #[error("the secret {name} of statement {statement} is damaged")]
    SecretDamaged {
        /// The statement.
        statement: StatementId,
        /// The secret's name.
        name: String,
    },
    /// The disk's doing: the body doesn't decrypt. It counts as missing from here on, so that it can be
    /// fetched and stored again.
    #[error("a sealed body of statement {0} is damaged")]
    BodyDamaged(StatementId),
    /// The disk's doing: an earlier write failed in a way that leaves what is on the disk unknown.
    #[error(
        "an earlier write for statement {0} failed; start the node again to find out what was stored"
    )]
    Doubtful(StatementId),
    /// The disk's doing: the key file still reads differently from what it was overwritten with.
    #[error("overwriting {} didn't take", path.display())]
    Survives {
        /// The key file.
        path: PathBuf,
    },
    /// The caller's doing.
    #[error("a sealed body has {0} bytes, at most {MAX_BODY} are allowed")]
    BodyTooLarge(usize),
    /// The caller's doing.
    #[error("{0} sealed bodies at once, at most {MAX_BATCH} are allowed")]
    BatchTooLarge(usize),
    /// The statement has all the bodies that it may have.
    #[error("statement {0} has the most sealed bodies that are allowed")]
    TooManyBodies(StatementId),
    /// The caller's doing.
    #[error("a secret has {0} bytes, at most {MAX_SECRET} are allowed")]
    SecretTooLarge(usize),
    /// The caller's doing.
    #[error("a secret's name has 1 to {MAX_SECRET_NAME} letters a-z, digits, - or /")]
    BadSecretName,
    /// The statement has all the secrets that it may have.
    #[error("statement {0} has the most secrets that are allowed")]
    TooManySecrets(StatementId),
    /// The vault has all the slots that it may have.
    #[error("the vault has the most slots that are allowed")]
    TooManySlots,
}

/// Names the path in an I/O error.
pub(crate) trait AtPath<T> {
    /// The result with the path in its error.
    fn at(self, path: &Path) -> Result<T, VaultError>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, VaultError> {
        self.map_err(|source| VaultError::Io {
            path: path.to_owned(),
            source,
        })
    }
}
