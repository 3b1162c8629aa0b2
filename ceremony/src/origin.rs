//! Powers that another ceremony made: what their file says of itself. All of it but the hash is the file's
//! word: whose contributions they are, only that ceremony's own records show.

use crate::blake2b::Digest64;
use crate::files::container::FileError;
use crate::files::parameters::{Beacon, Kind};
use crate::files::ptau::Ptau;
use crate::parts::file_hash;

/// A file of powers, as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// BLAKE2b-512 of the file.
    pub hash: Digest64,
    /// Its bytes.
    pub bytes: u64,
    /// For circuits of up to 2^power rows.
    pub power: u32,
    /// The power of the ceremony that it was cut from; the same if it wasn't cut.
    pub ceremony_power: u32,
    /// The names in its contributions' records, beacons not counted; under no hash but the file's.
    pub names: Vec<Option<String>>,
    /// The beacon at its end.
    pub beacon: Option<Beacon>,
}

impl Origin {
    /// Reads it off a file.
    ///
    /// # Errors
    /// [`FileError`], if it can't be read.
    pub fn of(ptau: &Ptau) -> Result<Self, FileError> {
        let (hash, bytes) = file_hash(ptau.file().path())?;
        let records = ptau.records();
        let people = |r: &&crate::files::ptau::Record| r.parameters.kind == Kind::Contribution;
        Ok(Self {
            hash,
            bytes,
            power: ptau.power(),
            ceremony_power: ptau.ceremony_power(),
            names: (records.iter().filter(people))
                .map(|r| r.parameters.name.clone())
                .collect(),
            beacon: records.last().and_then(|r| match &r.parameters.kind {
                Kind::Beacon(beacon) => Some(beacon.clone()),
                Kind::Contribution => None,
            }),
        })
    }

    /// Whether it was cut from a larger one: it can be used, but not contributed to.
    pub fn is_cut(&self) -> bool {
        self.power < self.ceremony_power
    }
}
