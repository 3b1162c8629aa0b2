//! Randomness as a capability. In production it is the operating system's ([`OsRandom`]); whoever
//! passes another makes every key of this vault as predictable as that one.

use std::sync::{Mutex, PoisonError};

pub use getrandom::SysRng as OsRandom;
use rand_core::TryCryptoRng;

use crate::VaultError;

/// A cryptographic generator with the vault's error.
trait Source: Send {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), VaultError>;
}

impl<R: TryCryptoRng + Send> Source for R {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), VaultError> {
        self.try_fill_bytes(bytes)
            .map_err(|e| VaultError::Randomness(e.to_string()))
    }
}

/// The vault's generator. Slots share it, and hold it only while it fills their bytes: never while they
/// wait for the disk.
pub(crate) struct Random(Mutex<Box<dyn Source>>);

impl Random {
    pub fn new(source: impl TryCryptoRng + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(source)))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) -> Result<(), VaultError> {
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        source.fill(bytes)
    }
}
