//! A circuit's initial key as its checker has made it: what every key is compared with.
//!
//! Whoever could choose it could choose all that contributions don't change. So it is a type of its own, and
//! no file that others have sent becomes one.

use std::path::Path;

use crate::blake2b::Digest64;
use crate::files::container::FileError;
use crate::files::zkey::Zkey;

/// An initial key that was made here, by [`super::setup`].
#[derive(Debug)]
pub struct InitialKey(Zkey);

impl InitialKey {
    /// What [`super::setup`] has just written.
    pub(super) fn made(to: &Path) -> Result<Self, FileError> {
        Zkey::open(to).map(Self)
    }

    /// What [`super::setup`] wrote in an earlier run, to a place where nobody else writes: the caller's word
    /// stands for that. Never for a file that was received.
    ///
    /// # Errors
    /// That it can't be read.
    pub fn of_own_disk(path: &Path) -> Result<Self, FileError> {
        Zkey::open(path).map(Self)
    }

    /// The file.
    pub fn zkey(&self) -> &Zkey {
        &self.0
    }

    /// Its hash, which every key of the circuit names.
    pub fn hash(&self) -> &Digest64 {
        self.0.circuit_hash()
    }
}
