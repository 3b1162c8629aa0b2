//! Powers that another ceremony made: what their file says of itself. All of it but the hash is the file's
//! word: whose contributions they are, only that ceremony's own records show.

use thiserror::Error;

use crate::blake2b::Digest64;
use crate::files::container::FileError;
use crate::files::parameters::{Beacon, Kind};
use crate::files::ptau::Ptau;
use crate::parts::file_hash;
use crate::transcript::REHEARSAL_VALUE;

/// Why powers from a file are no start for a real ceremony, whoever made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OriginError {
    /// Whoever knows the beacon knows the secret of powers that nobody contributed to.
    #[error("nobody has contributed to the powers: whoever knows their beacon can forge")]
    NoContribution,
    /// A rehearsal made them, under the value that rehearsals take.
    #[error("a rehearsal made the powers: their beacon was known beforehand")]
    Rehearsal,
}

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

    /// Whether a real ceremony can start from them. That they hold doesn't mean that they are anybody's:
    /// only their own ceremony's records show that. Of rehearsals it shows those whose beacon is the value
    /// that rehearsals take; a round of drand that was long past looks like any other.
    ///
    /// # Errors
    /// [`OriginError`]
    pub fn check_real(ptau: &Ptau) -> Result<(), OriginError> {
        let kinds = || ptau.records().iter().map(|r| &r.parameters.kind);
        if !kinds().any(|kind| *kind == Kind::Contribution) {
            return Err(OriginError::NoContribution);
        }
        let rehearsed = |kind: &Kind| match kind {
            Kind::Beacon(beacon) => beacon.value == REHEARSAL_VALUE,
            Kind::Contribution => false,
        };
        match kinds().any(rehearsed) {
            true => Err(OriginError::Rehearsal),
            false => Ok(()),
        }
    }

    /// Whether it was cut from a larger one: it can be used, but not contributed to.
    pub fn is_cut(&self) -> bool {
        self.power < self.ceremony_power
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beacon::{self, Rule};
    use crate::files::parameters::Parameters;
    use crate::phase1;
    use crate::progress::Silent;
    use crate::stream::Stream;

    #[test]
    fn powers_of_nobody_or_of_a_rehearsal_are_no_start_for_a_real_ceremony() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let linked = |name: &str| phase1::tests::linked(&path(name), &Rule::Open).unwrap();
        phase1::create(&path("fresh"), 3).unwrap();
        let person = Parameters::contribution(None);
        let stream = Stream::from_seed([7; 32]);
        phase1::contribute(&linked("fresh"), &path("one"), stream, person, &mut Silent).unwrap();
        let ends = |from: &str, to: &str, value: &[u8]| {
            let value = value.to_vec();
            let exponent = 10;
            let beacon = Beacon { value, exponent };
            let stream = beacon::stream(&beacon);
            let end = Parameters::beacon(beacon, None);
            phase1::contribute(&linked(from), &path(to), stream, end, &mut Silent).unwrap();
            Origin::check_real(&Ptau::open(&path(to)).unwrap())
        };
        assert_eq!(ends("one", "good", &[9; 32]), Ok(()));
        assert_eq!(
            ends("fresh", "nobody", &[9; 32]),
            Err(OriginError::NoContribution)
        );
        assert_eq!(
            ends("one", "rehearsed", REHEARSAL_VALUE),
            Err(OriginError::Rehearsal)
        );
    }
}
