//! What a node serves that never changes: the founding file, the keys by hash, the operators'
//! addresses.

use bytes::Bytes;
use tacit_circuits::keys::key_hash;
use tacit_protocol::{
    codec::Encode as _,
    founding::{Founding, FoundingError, FoundingFile, PROTOCOL_VERSION},
    hash::Digest,
    ids::{CircuitId, Fingerprint},
    views::{EpochView, NodeView},
};
use thiserror::Error;

/// Why a committee can't be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CommitteeError {
    /// The founding file.
    #[error(transparent)]
    Founding(#[from] FoundingError),
    /// The bytes aren't the key that the founding file pins.
    #[error("the {key} has hash {found}, the founding file says {pinned}")]
    Key {
        /// Which one.
        key: &'static str,
        /// The founding file's hash.
        pinned: Digest,
        /// The bytes' hash.
        found: Digest,
    },
}

/// The committee as its nodes present it.
pub struct Committee {
    file: FoundingFile,
    file_bytes: Bytes,
    fingerprint: Fingerprint,
    apis: Vec<Option<String>>,
    circuit: CircuitId,
    verifying_key: (Digest, Bytes),
    proving_key: (Digest, Bytes),
}

impl Committee {
    /// Checks the founding file's signatures and the keys' hashes. `apis` are the URLs of the nodes'
    /// APIs by position, as far as they are known.
    pub fn new(
        file: FoundingFile,
        apis: Vec<Option<String>>,
        verifying_key: Vec<u8>,
        proving_key: Vec<u8>,
    ) -> Result<Self, CommitteeError> {
        let fingerprint = file.check()?;
        let sealing = file.founding.sealing()?;
        let pin = |key, bytes: Vec<u8>, pinned: Digest| {
            let found = key_hash(&bytes);
            if found == pinned {
                Ok((pinned, Bytes::from(bytes)))
            } else {
                Err(CommitteeError::Key { key, pinned, found })
            }
        };
        Ok(Self {
            verifying_key: pin("verifying key", verifying_key, sealing.verifying_key)?,
            proving_key: pin("proving key", proving_key, sealing.proving_key)?,
            circuit: sealing.circuit,
            file_bytes: file.to_bytes().into(),
            fingerprint,
            apis,
            file,
        })
    }

    /// The founding.
    pub fn founding(&self) -> &Founding {
        &self.file.founding
    }

    /// The founding file.
    pub fn file(&self) -> &FoundingFile {
        &self.file
    }

    /// Its bytes.
    pub fn file_bytes(&self) -> Bytes {
        self.file_bytes.clone()
    }

    /// Its hash.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The verifying key's bytes.
    pub fn verifying_key(&self) -> &[u8] {
        &self.verifying_key.1
    }

    /// The key of a hash.
    pub fn key(&self, hash: &Digest) -> Option<Bytes> {
        [&self.verifying_key, &self.proving_key]
            .into_iter()
            .find(|(pinned, _)| pinned == hash)
            .map(|(_, bytes)| bytes.clone())
    }

    /// The present epoch.
    pub fn epoch(&self) -> EpochView {
        let founding = self.founding();
        let nodes = founding.operators.iter().enumerate();
        EpochView {
            fingerprint: self.fingerprint.to_string(),
            epoch: founding.epoch,
            protocol: PROTOCOL_VERSION,
            nodes: nodes
                .map(|(i, operator)| NodeView {
                    index: i as u16,
                    name: operator.name.clone(),
                    key: operator.key.to_string(),
                    api: self.apis.get(i).cloned().flatten(),
                })
                .collect(),
            development_keys: founding.development_keys(),
            circuit: self.circuit.to_string(),
            verifying_key: self.verifying_key.0.to_string(),
            proving_key: self.proving_key.0.to_string(),
        }
    }
}
