//! The disk and the paths on it, as the vault's parts share them.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::AtPath as _;
use crate::layout::Layout;
use crate::{Disk, Step, VaultError};

/// The vault's folder on its disk.
pub(crate) struct Files {
    pub layout: Layout,
    pub disk: Arc<dyn Disk>,
}

impl Files {
    /// A file's length in bytes, `None` if there is no such file.
    pub fn len(&self, path: &Path) -> Result<Option<u64>, VaultError> {
        match self.disk.len(path) {
            Ok(len) => Ok(Some(len)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e).at(path),
        }
    }

    /// Removes a file if it is there; the answer is whether it was.
    pub fn remove_if_there(&self, step: Step, path: &Path) -> Result<bool, VaultError> {
        if self.len(path)?.is_none() {
            return Ok(false);
        }
        self.disk.remove(step, path).at(path)?;
        Ok(true)
    }
}
