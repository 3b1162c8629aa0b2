//! The identity file: one encrypted file with all of a person's secrets and receipts.
//!
//! `magic ‖ cost ‖ salt ‖ nonce ‖ XChaCha20-Poly1305(contents)`, the key by Argon2id from a passphrase,
//! all before the ciphertext authenticated with it. The contents are padded, so that the file's size
//! doesn't tell how much was signed. It is replaced as a whole (see [`crate::files`]), and one process at
//! a time has it open: a lock file beside it sees to that.
//!
//! A sealed signature is saved here *before* it is sent, and there is never a second one for the same
//! statement: [`Unlocked::add_sealed`] refuses. The file must never hold a nonce or a point S.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use tacit_protocol::codec::{Decode as _, DecodeError, Encode as _, Reader, Writer};
use tacit_protocol::field::SecretScalar;
use tacit_protocol::ids::{GroupId, StatementId};
use tacit_protocol::proof::{Receipt, Submission};
use tacit_protocol::semaphore::{Identity, SemaphoreError};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::files::{self, Step};

mod contents;

use contents::Contents;
pub use contents::{MAX_SEMAPHORE_KEY, Membership, Progress, Secret, Signature};

/// First bytes of the file.
const MAGIC: &[u8; 16] = b"tacit identity1\n";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
/// All before the ciphertext.
const HEADER_BYTES: usize = MAGIC.len() + 12 + SALT_BYTES + NONCE_BYTES;
/// The contents are padded to a multiple of this.
const BLOCK: usize = 64 * 1024;
/// Longest file.
const MAX_FILE: u64 = 1 << 30;
/// Dearest key derivation that a file may ask for: 4 GiB, 64 passes, 16 lanes.
const MAX_COST: Cost = Cost {
    memory_kib: 4 << 20,
    passes: 64,
    lanes: 16,
};

/// What deriving the key from the passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// For a person's passphrase: RFC 9106's second choice, on one lane.
    pub const PERSON: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 1,
    };
    /// For a passphrase of at least 128 random bits, which nobody can guess at any cost.
    pub const RANDOM: Self = Self {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    fn check(&self) -> Result<(), IdentityFileError> {
        let fits = self.memory_kib <= MAX_COST.memory_kib
            && self.passes <= MAX_COST.passes
            && self.lanes <= MAX_COST.lanes;
        if fits {
            Ok(())
        } else {
            Err(IdentityFileError::Cost(*self))
        }
    }
}

/// Why the identity file can't be used.
#[derive(Debug, Error)]
pub enum IdentityFileError {
    /// There is none.
    #[error("there is no identity at {0}")]
    Missing(PathBuf),
    /// There is one already.
    #[error("there is an identity at {0} already")]
    Exists(PathBuf),
    /// Another process has it open.
    #[error("another process uses the identity at {0}")]
    InUse(PathBuf),
    /// Others could read it.
    #[error("others can read the identity at {0}")]
    Permissions(PathBuf),
    /// The operating system refuses.
    #[error("can't {doing} {}: {error}", path.display())]
    Io {
        /// "read", "write", "lock".
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another kind of file.
    #[error("{0} is not an identity file")]
    NotAnIdentity(PathBuf),
    /// It asks for more memory or time than a file should.
    #[error("the identity file asks for a key derivation of {} KiB and {} passes", .0.memory_kib, .0.passes)]
    Cost(Cost),
    /// Wrong passphrase, or changed bytes: they look the same.
    #[error("the passphrase is wrong, or the identity file was changed")]
    Passphrase,
    /// It decrypts to something that this version can't read.
    #[error("the identity file can't be read: {0}")]
    Contents(#[from] DecodeError),
    /// Its secret isn't one.
    #[error("the identity's secret can't be used: {0}")]
    Secret(#[from] SemaphoreError),
    /// There is a sealed signature for this statement already.
    #[error("a signature of the statement {0} is sealed already")]
    AlreadySealed(StatementId),
    /// There is nothing to finish.
    #[error("no signature of the statement {0} is sealed")]
    NothingSealed(StatementId),
    /// No randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// A passphrase's key for one file.
struct FileKey {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    key: Zeroizing<[u8; 32]>,
}

impl FileKey {
    fn derive(
        passphrase: &str,
        cost: Cost,
        salt: [u8; SALT_BYTES],
    ) -> Result<Self, IdentityFileError> {
        cost.check()?;
        let refused = || IdentityFileError::Cost(cost);
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32));
        let params = params.map_err(|_| refused())?;
        // The key follows from what this memory holds at the end, so it is wiped too.
        let mut memory = Zeroizing::new(Vec::new());
        let blocks = params.block_count();
        memory.try_reserve_exact(blocks).map_err(|_| refused())?;
        memory.resize(blocks, Block::default());
        let mut key = Zeroizing::new([0u8; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                passphrase.as_bytes(),
                &salt,
                &mut key[..],
                memory.as_mut_slice(),
            )
            .map_err(|_| refused())?;
        Ok(Self { cost, salt, key })
    }

    fn header(&self, nonce: &[u8; NONCE_BYTES]) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(MAGIC);
        w.u32(self.cost.memory_kib);
        w.u32(self.cost.passes);
        w.u32(self.cost.lanes);
        w.raw(&self.salt);
        w.raw(nonce);
        w.finish()
    }

    fn encrypt(&self, contents: &Contents) -> Result<Vec<u8>, IdentityFileError> {
        let encoded = Zeroizing::new(contents.to_bytes());
        let size = (encoded.len() + 4).next_multiple_of(BLOCK);
        let mut padded = Zeroizing::new(Vec::with_capacity(size));
        padded.extend_from_slice(&(encoded.len() as u32).to_be_bytes());
        padded.extend_from_slice(&encoded);
        padded.resize(size, 0);

        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(IdentityFileError::Randomness)?;
        let mut file = self.header(&nonce);
        let payload = Payload {
            msg: &padded,
            aad: &file,
        };
        let cipher = XChaCha20Poly1305::new((&*self.key).into());
        // Encryption fails only for plaintexts of over 256 GiB.
        let sealed = cipher
            .encrypt(&nonce.into(), payload)
            .map_err(|_| IdentityFileError::Passphrase)?;
        file.extend_from_slice(&sealed);
        Ok(file)
    }
}

struct Header {
    cost: Cost,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
}

fn read_header(bytes: &[u8]) -> Result<Header, DecodeError> {
    let mut r = Reader::new(bytes);
    if r.take(MAGIC.len())? != MAGIC {
        return Err(DecodeError::Invalid("an identity file"));
    }
    Ok(Header {
        cost: Cost {
            memory_kib: r.u32()?,
            passes: r.u32()?,
            lanes: r.u32()?,
        },
        salt: r.array()?,
        nonce: r.array()?,
    })
}

fn decrypt(
    path: &Path,
    bytes: &[u8],
    passphrase: &str,
) -> Result<(FileKey, Contents), IdentityFileError> {
    let other = || IdentityFileError::NotAnIdentity(path.to_path_buf());
    let header = read_header(bytes).map_err(|_| other())?;
    let (aad, sealed) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(other)?;
    let key = FileKey::derive(passphrase, header.cost, header.salt)?;
    let cipher = XChaCha20Poly1305::new((&*key.key).into());
    let payload = Payload { msg: sealed, aad };
    let mut padded = cipher
        .decrypt(&header.nonce.into(), payload)
        .map_err(|_| IdentityFileError::Passphrase)?;
    let contents = unpad(&padded);
    padded.zeroize();
    Ok((key, contents?))
}

fn unpad(padded: &[u8]) -> Result<Contents, DecodeError> {
    let mut r = Reader::new(padded);
    let length = r.length("an identity", padded.len())?;
    Contents::from_bytes(r.take(length)?)
}

/// An identity file that is open: secrets in memory until this is dropped, and nobody else's meanwhile.
pub struct Unlocked {
    path: PathBuf,
    key: FileKey,
    contents: Contents,
    identity: Identity,
    _lock: File,
}

impl fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlocked({})", self.path.display())
    }
}

/// A new secret from the operating system's randomness.
pub fn generate() -> Result<Secret, IdentityFileError> {
    let mut wide = Zeroizing::new([0u8; 64]);
    getrandom::fill(&mut wide[..]).map_err(IdentityFileError::Randomness)?;
    Ok(Secret::Scalar(SecretScalar::from_wide(&wide)))
}

/// Makes an identity file. One that exists is never written over.
pub fn create(
    path: &Path,
    passphrase: &str,
    secret: Secret,
    cost: Cost,
) -> Result<Unlocked, IdentityFileError> {
    let lock = lock(path)?;
    let exists = path.try_exists().map_err(|e| io_error("read", path, e))?;
    if exists {
        return Err(IdentityFileError::Exists(path.to_path_buf()));
    }
    let mut salt = [0u8; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(IdentityFileError::Randomness)?;
    let identity = secret.identity()?;
    let unlocked = Unlocked {
        path: path.to_path_buf(),
        key: FileKey::derive(passphrase, cost, salt)?,
        contents: Contents {
            secret,
            memberships: Vec::new(),
            signatures: Vec::new(),
        },
        identity,
        _lock: lock,
    };
    unlocked.save(&mut |_| Ok(()))?;
    Ok(unlocked)
}

/// Opens an identity file with its passphrase.
pub fn unlock(path: &Path, passphrase: &str) -> Result<Unlocked, IdentityFileError> {
    let missing = || IdentityFileError::Missing(path.to_path_buf());
    let exists = path.try_exists().map_err(|e| io_error("read", path, e))?;
    if !exists {
        return Err(missing());
    }
    let lock = lock(path)?;
    if files::open_to_others(path).map_err(|e| io_error("read", path, e))? {
        return Err(IdentityFileError::Permissions(path.to_path_buf()));
    }
    let bytes = files::read(path, MAX_FILE).map_err(|e| io_error("read", path, e))?;
    let (key, contents) = decrypt(path, &bytes.ok_or_else(missing)?, passphrase)?;
    let identity = contents.secret.identity()?;
    Ok(Unlocked {
        path: path.to_path_buf(),
        key,
        contents,
        identity,
        _lock: lock,
    })
}

/// Takes the lock beside the file. The operating system drops it with the process, however that ends.
fn lock(path: &Path) -> Result<File, IdentityFileError> {
    let beside = path.with_extension("lock");
    let file = files::private(OpenOptions::new().write(true).create(true).truncate(false))
        .open(&beside)
        .map_err(|e| io_error("lock", &beside, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IdentityFileError::InUse(path.to_path_buf())),
        Err(TryLockError::Error(e)) => Err(io_error("lock", &beside, e)),
    }
}

fn io_error(doing: &'static str, path: &Path, error: io::Error) -> IdentityFileError {
    IdentityFileError::Io {
        doing,
        path: path.to_path_buf(),
        error,
    }
}

impl Unlocked {
    /// The identity.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All memberships.
    pub fn memberships(&self) -> &[Membership] {
        &self.contents.memberships
    }

    /// The membership of one group.
    pub fn membership(&self, group: &GroupId) -> Option<&Membership> {
        self.memberships().iter().find(|m| m.group == *group)
    }

    /// All signatures, sealed or final.
    pub fn signatures(&self) -> &[Signature] {
        &self.contents.signatures
    }

    /// The signature of one statement.
    pub fn signature(&self, statement: &StatementId) -> Option<&Signature> {
        let mut signatures = self.signatures().iter();
        signatures.find(|s| s.statement == *statement)
    }

    /// Adds a membership, or replaces the one of the same group, and saves.
    pub fn set_membership(&mut self, membership: Membership) -> Result<(), IdentityFileError> {
        let memberships = &mut self.contents.memberships;
        let before = memberships.clone();
        match memberships.iter_mut().find(|m| m.group == membership.group) {
            Some(place) => *place = membership,
            None => memberships.push(membership),
        }
        let saved = self.save(&mut |_| Ok(()));
        if saved.is_err() {
            self.contents.memberships = before;
        }
        saved
    }

    /// Saves a sealed signature: before it is sent. There is one per statement, for good.
    pub fn add_sealed(
        &mut self,
        statement: &StatementId,
        submission: Submission,
    ) -> Result<(), IdentityFileError> {
        self.add_sealed_in_steps(statement, submission, &mut |_| Ok(()))
    }

    fn add_sealed_in_steps(
        &mut self,
        statement: &StatementId,
        submission: Submission,
        after: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> Result<(), IdentityFileError> {
        if self.signature(statement).is_some() {
            return Err(IdentityFileError::AlreadySealed(*statement));
        }
        self.contents.signatures.push(Signature {
            statement: *statement,
            progress: Progress::Pending(submission),
        });
        // Kept in memory even if saving fails: the file may have it or not, so no other may be sealed.
        self.save(after)
    }

    /// Puts the receipt in the sealed signature's place, and saves.
    pub fn finish(
        &mut self,
        statement: &StatementId,
        receipt: Receipt,
    ) -> Result<(), IdentityFileError> {
        let mut signatures = self.contents.signatures.iter_mut();
        let place = signatures
            .find(|s| s.statement == *statement)
            .ok_or(IdentityFileError::NothingSealed(*statement))?;
        place.progress = Progress::Final(receipt);
        self.save(&mut |_| Ok(()))
    }

    fn save(&self, after: &mut dyn FnMut(Step) -> io::Result<()>) -> Result<(), IdentityFileError> {
        let bytes = self.key.encrypt(&self.contents)?;
        files::replace_in_steps(&self.path, &bytes, after)
            .map_err(|e| io_error("write", &self.path, e))
    }
}

#[cfg(test)]
mod tests;
