//! Small named secrets of a statement, each in its own file and each written once.
//!
//! A secret's file appears under its name only when it is whole and durable, so a name that is there is
//! a value that may have been used: a file that doesn't decrypt is an error, never an empty place.
//!
//! ```text
//! 0   magic    8 bytes
//! 8   nonce   12 bytes
//! 20  sealed  the value and its tag; associated data = magic ‖ statement ‖ name
//! ```

use std::collections::BTreeSet;

use tacit_protocol::ids::StatementId;
use zeroize::Zeroizing;

use crate::error::AtPath as _;
use crate::files::Files;
use crate::layout::SecretName;
use crate::limits::MAX_SECRET;
use crate::memory::LockedKey;
use crate::random::Random;
use crate::seal::{NONCE, Purpose, SealingKey, TAG};
use crate::{SecretBytes, VaultError, steps};

const MAGIC: [u8; 8] = *b"tcsecrt1";
const HEADER: usize = MAGIC.len() + NONCE;

/// Which secrets a slot has. Their values stay on the disk.
#[derive(Default)]
pub(crate) struct Secrets {
    names: BTreeSet<SecretName>,
    /// A write failed, or is under way.
    doubtful: bool,
}

impl Secrets {
    pub fn found(names: BTreeSet<SecretName>) -> Self {
        Self {
            names,
            doubtful: false,
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.names.iter().map(|n| n.as_str().to_owned()).collect()
    }

    /// The stored value, decrypted, if the name is taken.
    pub fn get(
        &self,
        files: &Files,
        key: &LockedKey,
        statement: &StatementId,
        name: &SecretName,
    ) -> Result<Option<SecretBytes>, VaultError> {
        if !self.names.contains(name) {
            return Ok(None);
        }
        let damaged = || VaultError::SecretDamaged {
            statement: *statement,
            name: name.as_str().to_owned(),
        };
        let path = files.layout.secret(statement, name);
        let len = files
            .len(&path)?
            .and_then(|len| usize::try_from(len).ok())
            .ok_or_else(damaged)?;
        if !(HEADER + TAG..=HEADER + MAX_SECRET + TAG).contains(&len) {
            return Err(damaged());
        }
        let mut header = [0; HEADER];
        files.disk.read_at(&path, 0, &mut header).at(&path)?;
        let mut value = Zeroizing::new(vec![0; len - HEADER - TAG]);
        files
            .disk
            .read_at(&path, HEADER as u64, &mut value)
            .at(&path)?;
        let mut tag = [0; TAG];
        files
            .disk
            .read_at(&path, (len - TAG) as u64, &mut tag)
            .at(&path)?;

        let nonce = header.last_chunk::<NONCE>().ok_or_else(damaged)?;
        if !header.starts_with(&MAGIC) {
            return Err(damaged());
        }
        SealingKey::derive(key, statement, Purpose::Secret)
            .open(nonce, &associated_data(statement, name), &mut value, &tag)
            .map_err(|_| damaged())?;
        Ok(Some(SecretBytes::new(value)))
    }

    /// Stores a value under a name that isn't taken, durably.
    pub fn create(
        &mut self,
        files: &Files,
        key: &LockedKey,
        random: &Random,
        statement: &StatementId,
        name: &SecretName,
        value: &[u8],
    ) -> Result<(), VaultError> {
        if self.doubtful {
            return Err(VaultError::Doubtful(*statement));
        }
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        let mut content = Zeroizing::new(Vec::with_capacity(HEADER + value.len() + TAG));
        content.extend_from_slice(&MAGIC);
        content.extend_from_slice(&nonce);
        content.extend_from_slice(value);
        let (_, message) = content.split_at_mut(HEADER);
        let tag = SealingKey::derive(key, statement, Purpose::Secret).seal(
            &nonce,
            &associated_data(statement, name),
            message,
        );
        content.extend_from_slice(&tag);

        let Files { layout, disk } = files;
        let (new, path) = (
            layout.secret_new(statement, name),
            layout.secret(statement, name),
        );
        files.remove_if_there(steps::SECRET_REMOVE_STALE, &new)?;
        disk.create(steps::SECRET_CREATE, &new, 0).at(&new)?;
        disk.write_at(steps::SECRET_WRITE, &new, 0, &content)
            .at(&new)?;
        disk.sync_data(steps::SECRET_SYNC, &new).at(&new)?;
        // Until its name is known to be durable, nobody can say which value this secret has.
        self.doubtful = true;
        disk.rename(steps::SECRET_RENAME, &new, &path).at(&path)?;
        disk.sync_dir(steps::SECRET_SYNC_NAME, &layout.secrets())
            .at(&layout.secrets())?;
        self.doubtful = false;
        self.names.insert(name.clone());
        Ok(())
    }

    pub fn count(&self) -> usize {
        self.names.len()
    }
}

/// Binds a value to its place: a file moved to another statement or name doesn't decrypt.
fn associated_data(statement: &StatementId, name: &SecretName) -> Vec<u8> {
    [&MAGIC[..], statement.as_bytes(), name.as_str().as_bytes()].concat()
}
