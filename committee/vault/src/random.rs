//! Randomness as a capability. In production it is the operating system's ([`OsRandom`]); whoever
//! passes another makes every key of this vault as predictable as that one.

pub use getrandom::SysRng as OsRandom;
use rand_core::TryCryptoRng;

use crate::VaultError;

/// A cryptographic generator with the vault's error.
pub(crate) trait Random: Send {
    /// Fills `bytes`.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), VaultError>;
}

impl<R: TryCryptoRng + Send> Random for R {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), VaultError> {
        self.try_fill_bytes(bytes)
            .map_err(|e| VaultError::Randomness(e.to_string()))
    }
}
