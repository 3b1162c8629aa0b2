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
use crate::phase1::{self, LinkedPowers, PowersError};
use crate::phase2::{self, KeyError, LinkedKey};
use crate::points::hashed;
use crate::progress::Progress;
use crate::transcript::Part;

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
    initial: &Path,
    rule: &Rule,
    progress: &mut dyn Progress,
) -> Result<LinkedKey, PartError> {
    let mut weights = weights()?;
    let initial = Zkey::open(initial)?;
    let valid = phase2::validate(Zkey::open(path)?, &initial, &mut weights, progress)?;
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
}

fn made_powers(powers: &LinkedPowers) -> Vec<Made> {
    let made = |p: &phase1::Proof| Made {
        contribution: p.response,
        points: head_digest(&p.head),
        next: p.next_challenge,
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
        }
    };
    key.proofs().iter().map(made).collect()
}

fn part(path: &Path, made: Vec<Made>) -> Result<Part, PartError> {
    let (file, bytes) = file_hash(path)?;
    let last = made.into_iter().next_back().ok_or(PartError::Count {
        expected: 1,
        found: 0,
    })?;
    Ok(Part {
        file,
        bytes,
        contribution: last.contribution,
        points: last.points,
        next: last.next,
    })
}

/// What the transcript says of the last contribution in a file of powers.
///
/// # Errors
/// [`PartError`]
pub fn part_of_powers(path: &Path, powers: &LinkedPowers) -> Result<Part, PartError> {
    part(path, made_powers(powers))
}

/// What the transcript says of the last contribution in a key.
///
/// # Errors
/// [`PartError`]
pub fn part_of_key(path: &Path, key: &LinkedKey) -> Result<Part, PartError> {
    part(path, made_key(key))
}

/// Checks that the contributions in powers are those of the transcript.
///
/// # Errors
/// [`PartError::Differs`], [`PartError::Count`].
pub fn match_powers<'a>(
    powers: &LinkedPowers,
    parts: impl Iterator<Item = &'a Part>,
) -> Result<(), PartError> {
    compare(&made_powers(powers), &parts.collect::<Vec<_>>())
}

/// Checks that the contributions in a key are those of the transcript.
///
/// # Errors
/// [`PartError::Differs`], [`PartError::Count`].
pub fn match_key<'a>(
    key: &LinkedKey,
    parts: impl Iterator<Item = &'a Part>,
) -> Result<(), PartError> {
    compare(&made_key(key), &parts.collect::<Vec<_>>())
}

fn compare(made: &[Made], parts: &[&Part]) -> Result<(), PartError> {
    if made.len() != parts.len() {
        let (expected, found) = (parts.len(), made.len());
        return Err(PartError::Count { expected, found });
    }
    for ((made, part), number) in made.iter().zip(parts).zip(1..) {
        for (what, same) in [
            ("hash", made.contribution == part.contribution),
            ("points", made.points == part.points),
            ("next challenge", made.next == part.next),
        ] {
            if !same {
                return Err(PartError::Differs { number, what });
            }
        }
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
