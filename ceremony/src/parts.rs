//! Between a ceremony's files and what its transcript says of them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use thiserror::Error;

use crate::beacon::Rule;
use crate::blake2b::{Digest64, hash};
use crate::checks::Weights;
use crate::files::container::{FileError, io_error};
use crate::files::ptau::{Head, Ptau};
use crate::files::zkey::{self, Zkey};
use crate::origin::OriginError;
use crate::phase1::{self, LinkedPowers, PowersError};
use crate::phase2::{self, InitialKey, KeyError, LinkedKey};
use crate::points::hashed;
use crate::progress::Progress;
use crate::transcript::{Part, Prepared, Stage, Transcript};

/// Why a file isn't the one that is wanted.
#[derive(Debug, Error)]
pub enum PartError {
    /// It can't be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Powers that break a rule.
    #[error(transparent)]
    Powers(#[from] PowersError),
    /// A key that breaks a rule.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Powers from a file that are no start for a real ceremony.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Other bytes than the transcript names.
    #[error("{0} is not the file that the transcript names")]
    OtherFile(String),
    /// A contribution that isn't the one in the transcript.
    #[error("contribution {number}: the file's {what} is not the one in the transcript")]
    Differs {
        /// Its number, from 1.
        number: usize,
        /// What differs.
        what: &'static str,
    },
    /// A name in a file that isn't the label that its contributor signed.
    #[error(
        "contribution {number}: the file calls it {name:?}, which is not the label that was signed"
    )]
    Name {
        /// Its number, from 1.
        number: usize,
        /// What the file says.
        name: String,
    },
    /// More or fewer contributions than the transcript has.
    #[error("the file has {found} contributions, the transcript {expected}")]
    Count {
        /// The transcript's.
        expected: usize,
        /// The file's.
        found: usize,
    },
    /// No randomness for the checks.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(getrandom::Error),
}

/// Weights for checks.
pub(crate) fn weights() -> Result<Weights, PartError> {
    Weights::from_os().map_err(PartError::Randomness)
}

/// BLAKE2b-512 of a file, and its length.
///
/// # Errors
/// [`FileError::Io`]
pub fn file_hash(path: &Path) -> Result<(Digest64, u64), FileError> {
    let fail = |error: io::Error| io_error(path, error);
    let mut file = File::open(path).map_err(fail)?;
    let mut state = blake2b_simd::State::new();
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(fail)?;
        if read == 0 {
            return Ok((*state.finalize().as_array(), bytes));
        }
        state.update(buffer.get(..read).unwrap_or_default());
        bytes += read as u64;
    }
}

/// Checks that a file's bytes are those of a part.
///
/// # Errors
/// [`PartError::OtherFile`], or that it can't be read.
pub fn same_file(path: &Path, part: &Part) -> Result<(), PartError> {
    let (found, bytes) = file_hash(path)?;
    if found == part.file && bytes == part.bytes {
        return Ok(());
    }
    Err(PartError::OtherFile(path.display().to_string()))
}

/// Checks that a file's bytes are those of the prepared powers.
///
/// # Errors
/// [`PartError::OtherFile`], or that it can't be read.
pub fn same_prepared(path: &Path, prepared: &Prepared) -> Result<(), PartError> {
    let (found, bytes) = file_hash(path)?;
    if found == prepared.file && bytes == prepared.bytes {
        return Ok(());
    }
    Err(PartError::OtherFile(path.display().to_string()))
}

/// Opens powers and checks everything about them.
///
/// # Errors
/// [`PartError`]
pub fn open_powers(
    path: &Path,
    rule: &Rule,
    progress: &mut dyn Progress,
) -> Result<LinkedPowers, PartError> {
    let mut weights = weights()?;
    let valid = phase1::validate(Ptau::open(path)?, &mut weights, progress)?;
    Ok(phase1::link(valid, rule, &mut weights)?)
}

/// Opens a key and checks everything about it against the initial key.
///
/// # Errors
/// [`PartError`]
pub fn open_key(
    path: &Path,
    initial: &InitialKey,
    rule: &Rule,
    progress: &mut dyn Progress,
) -> Result<LinkedKey, PartError> {
    let mut weights = weights()?;
    let valid = phase2::validate(Zkey::open(path)?, initial, &mut weights, progress)?;
    Ok(phase2::link(valid, rule, &mut weights)?)
}

fn head_digest(head: &Head) -> Digest64 {
    let mut bytes = hashed(&[head.tau_g1, head.alpha_g1, head.beta_g1]);
    bytes.extend(hashed(&[head.tau_g2, head.beta_g2]));
    hash(&bytes)
}

/// What a contribution has made, without its file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    contribution: Digest64,
    points: Digest64,
    next: Digest64,
    name: Option<String>,
}

impl Made {
    /// A record's name is under no hash. So it is the label that was signed, or there is none; what people
    /// are called stands in the transcript.
    fn check_name(&self, number: usize, label: Option<&str>) -> Result<(), PartError> {
        match &self.name {
            Some(name) if !name.is_empty() && Some(name.as_str()) != label => {
                let name = name.clone();
                Err(PartError::Name { number, name })
            }
            _ => Ok(()),
        }
    }
}

fn made_powers(powers: &LinkedPowers) -> Vec<Made> {
    let made = |p: &phase1::Proof| Made {
        contribution: p.response,
        points: head_digest(&p.head),
        next: p.next_challenge,
        name: p.name.clone(),
    };
    powers.proofs().iter().map(made).collect()
}

fn made_key(key: &LinkedKey) -> Vec<Made> {
    let zkey = key.zkey();
    let made = |p: &phase2::Proof| {
        let records = zkey.records().get(..p.number).unwrap_or_default();
        Made {
            contribution: p.hash,
            points: hash(&hashed(&[p.delta])),
            next: hash(&zkey::encode_records(zkey.circuit_hash(), records)),
            name: p.name.clone(),
        }
    };
    key.proofs().iter().map(made).collect()
}

fn part(path: &Path, made: Vec<Made>, label: Option<&str>) -> Result<Part, PartError> {
    let (file, bytes) = file_hash(path)?;
    let number = made.len();
    let last = made.into_iter().next_back().ok_or(PartError::Count {
        expected: 1,
        found: 0,
    })?;
    last.check_name(number, label)?;
    Ok(Part {
        file,
        bytes,
        contribution: last.contribution,
        points: last.points,
        next: last.next,
    })
}

/// What the transcript says of the last contribution in a file of powers, which bears this label or none.
///
/// # Errors
/// [`PartError`]
pub fn part_of_powers(
    path: &Path,
    powers: &LinkedPowers,
    label: Option<&str>,
) -> Result<Part, PartError> {
    part(path, made_powers(powers), label)
}

/// What the transcript says of the last contribution in a key, which bears this label or none.
///
/// # Errors
/// [`PartError`]
pub fn part_of_key(path: &Path, key: &LinkedKey, label: Option<&str>) -> Result<Part, PartError> {
    part(path, made_key(key), label)
}

/// Checks that the contributions in powers are those of the transcript's phase 1.
///
/// # Errors
/// [`PartError::Differs`], [`PartError::Name`], [`PartError::Count`].
pub fn match_powers(powers: &LinkedPowers, transcript: &Transcript) -> Result<(), PartError> {
    compare(&made_powers(powers), transcript, Stage::Powers, 0)
}

/// Checks that the contributions in a circuit's key are those of the transcript's phase 2.
///
/// # Errors
/// [`PartError::Differs`], [`PartError::Name`], [`PartError::Count`].
pub fn match_key(key: &LinkedKey, transcript: &Transcript, index: usize) -> Result<(), PartError> {
    compare(&made_key(key), transcript, Stage::Keys, index)
}

fn compare(
    made: &[Made],
    transcript: &Transcript,
    stage: Stage,
    index: usize,
) -> Result<(), PartError> {
    let steps = transcript.steps(stage);
    let parts: Vec<_> = steps.iter().filter_map(|(p, _)| p.get(index)).collect();
    if made.len() != parts.len() {
        let (expected, found) = (parts.len(), made.len());
        return Err(PartError::Count { expected, found });
    }
    let labels = transcript.labels(stage);
    for (((made, part), label), number) in made.iter().zip(parts).zip(labels).zip(1..) {
        for (what, same) in [
            ("hash", made.contribution == part.contribution),
            ("points", made.points == part.points),
            ("next challenge", made.next == part.next),
        ] {
            if !same {
                return Err(PartError::Differs { number, what });
            }
        }
        made.check_name(number, label)?;
    }
    Ok(())
}

/// Checks that powers are those before with one more contribution.
///
/// # Errors
/// What isn't so.
pub fn follows_powers(before: &Ptau, after: &Ptau) -> Result<(), PartError> {
    Ok(phase1::extends(after, before).map_err(PowersError::from)?)
}

/// The same for a key.
///
/// # Errors
/// What isn't so.
pub fn follows_key(before: &Zkey, after: &Zkey) -> Result<(), PartError> {
    Ok(phase2::extends(after, before).map_err(KeyError::from)?)
}
