//! Why powers, or a contribution to them, are refused.

use std::fmt;

use thiserror::Error;

use crate::beacon;
use crate::files::container::FileError;
use crate::files::ptau::Powers;

/// Why powers are refused.
#[derive(Debug, Error)]
pub enum PowersError {
    /// The file can't be read as powers at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// They break a rule.
    #[error("{0}")]
    Fault(PowersFault),
}

impl From<PowersFault> for PowersError {
    fn from(fault: PowersFault) -> Self {
        Self::Fault(fault)
    }
}

/// A rule that powers, or a record, break.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PowersFault {
    /// The zeroth power isn't the generator.
    #[error("the list of {0} doesn't begin with the generator")]
    Generator(List),
    /// A point at infinity.
    #[error("a point of {0} is at infinity")]
    Infinity(List),
    /// A point outside of the prime subgroup.
    #[error("a point of {0} isn't in the prime subgroup")]
    Subgroup(List),
    /// The points of a list aren't successive powers of the file's tau.
    #[error("the points of {0} are not powers of one tau")]
    NotPowers(List),
    /// tau, or beta, is another one in G1 than in G2.
    #[error("{0} is not the same in both groups")]
    Groups(&'static str),
    /// The first powers aren't those that the last record says.
    #[error("the file's first powers are not those of its last record")]
    Head,
    /// A point in a record at infinity or outside of the prime subgroup.
    #[error("contribution {0}: a point of its record is at infinity or not in the prime subgroup")]
    RecordPoint(usize),
    /// The proof of knowledge doesn't hold.
    #[error("contribution {number}: the proof that its {part} was known doesn't hold")]
    Proof {
        /// Its number, from 1.
        number: usize,
        /// Which secret's.
        part: Part,
    },
    /// The proven secret isn't the one that leads from the powers before to those after.
    #[error("contribution {number}: its {part} doesn't lead from the powers before to those after")]
    Step {
        /// Its number, from 1.
        number: usize,
        /// Which secret's.
        part: Part,
    },
    /// The hash state in the record can't be one of this ceremony.
    #[error("contribution {0}: the hash state in its record is not one of this ceremony's")]
    PartialHash(usize),
    /// The powers in the file don't hash to what the last record says.
    #[error("contribution {0}: the powers don't hash to its next challenge")]
    NextChallenge(usize),
    /// The records don't begin with those of the file before.
    #[error("contribution {0}: its record is not the one in the file before")]
    History(usize),
    /// Not one contribution more than the file before.
    #[error("the file has {found} contributions, {expected} were expected")]
    Count {
        /// Contributions that it should have.
        expected: usize,
        /// Those that it has.
        found: usize,
    },
    /// Another size.
    #[error("the powers are 2^{found}, not 2^{expected}")]
    Power {
        /// The ceremony's.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// A beacon that breaks its rule.
    #[error("contribution {number}: {fault}")]
    Beacon {
        /// Its number, from 1.
        number: usize,
        /// What is wrong.
        fault: beacon::BeaconFault,
    },
    /// A beacon whose key isn't what its value gives.
    #[error("contribution {0}: its key is not the one that its beacon gives")]
    BeaconKey(usize),
    /// There are no Lagrange forms.
    #[error("the file is not prepared for phase 2")]
    NotPrepared,
    /// A Lagrange form that isn't that of the powers.
    #[error("the Lagrange form of {list} for {size} points is not that of the powers")]
    Lagrange {
        /// Which list.
        list: List,
        /// Its block.
        size: u64,
    },
    /// The records without the beacon are none.
    #[error("nobody has contributed: whoever made the file knows tau")]
    Nobody,
    /// Cut from a larger ceremony's file.
    #[error(
        "the powers were cut from a larger ceremony's: they can be used, but not contributed to"
    )]
    Cut,
    /// Lagrange forms, where nobody checks them.
    #[error("the file has Lagrange forms, which no contribution brings along")]
    Prepared,
}

/// Which of the three secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// tau.
    Tau,
    /// alpha.
    Alpha,
    /// beta.
    Beta,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tau => "tau",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
        })
    }
}

/// A list of powers, in an error's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List(pub Powers);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Powers::TauG1 => "tau in G1",
            Powers::TauG2 => "tau in G2",
            Powers::AlphaG1 => "alpha in G1",
            Powers::BetaG1 => "beta in G1",
            Powers::BetaG2 => "beta in G2",
        })
    }
}
