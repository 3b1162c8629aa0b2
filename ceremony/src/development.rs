//! Development keys: made by one party, with the operating system's randomness.
//!
//! Whoever makes them can forge signatures, so can trip a trigger and expose the real signers. The
//! seed is erased here, but nobody else can know that: that is what a ceremony is for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tacit_circuits::keys::{key_hash, setup};
use tacit_circuits::{CIRCUIT_ID, KeyError, seeded_rng};
use tacit_protocol::founding::CircuitKeys;
use tacit_protocol::hash::Digest;
use tacit_protocol::lean_imt::MAX_DEPTH;
use thiserror::Error;
use zeroize::Zeroize as _;

/// Why there are no keys.
#[derive(Debug, Error)]
pub enum DevelopmentError {
    /// No randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The set-up failed.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A file can't be written.
    #[error("can't write {path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// The sealing circuit's keys, as bytes that are addressed by their hashes.
pub struct DevelopmentKeys {
    /// What the founding file says of them.
    pub circuit: CircuitKeys,
    /// The proving key.
    pub proving: Vec<u8>,
    /// The verifying key.
    pub verifying: Vec<u8>,
}

impl DevelopmentKeys {
    /// Makes fresh keys; about a second.
    pub fn generate() -> Result<Self, DevelopmentError> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(DevelopmentError::Randomness)?;
        let made = setup::<MAX_DEPTH>(&mut seeded_rng(seed));
        seed.zeroize();
        let (proving, verifying) = made?;
        let (proving, verifying) = (proving.to_bytes(), verifying.to_bytes());
        let circuit = CircuitKeys {
            circuit: CIRCUIT_ID,
            verifying_key: key_hash(&verifying),
            proving_key: key_hash(&proving),
            transcript: None,
        };
        Ok(Self {
            circuit,
            proving,
            verifying,
        })
    }

    /// Writes both keys into `folder`, each under its hash.
    pub fn write(&self, folder: &Path) -> Result<(), DevelopmentError> {
        let fail = |path: &Path| {
            let path = path.to_path_buf();
            move |error| DevelopmentError::File { path, error }
        };
        fs::create_dir_all(folder).map_err(fail(folder))?;
        for (hash, bytes) in [
            (self.circuit.verifying_key, &self.verifying),
            (self.circuit.proving_key, &self.proving),
        ] {
            let path = folder.join(key_file(&hash));
            fs::write(&path, bytes).map_err(fail(&path))?;
        }
        Ok(())
    }
}

/// Name of a key's file: its hash.
pub fn key_file(hash: &Digest) -> String {
    format!("{hash}.key")
}
