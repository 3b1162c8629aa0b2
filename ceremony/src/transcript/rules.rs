//! Which rules a ceremony can have: checked before anything is made, and by everybody who reads them.

use thiserror::Error;

use super::beacon::{AHEAD, MIN_BITCOIN_EXPONENT, Source};
use super::descriptor::{Closing, Descriptor, MAX_CIRCUITS, MAX_LEAST, Powers, REHEARSAL_VALUE};
use super::names::valid_name;
use super::stage::Stage;
use crate::files::ptau::MAX_POWER;
use crate::files::r1cs::MAX_BYTES as MAX_CIRCUIT_BYTES;
use crate::lengths;

/// A beacon lies at least so long after its phase's closing, in seconds.
const MARGIN: u64 = 3600;
/// Contributors who can be listed.
pub(super) const MAX_LISTED: usize = 5_000;

/// Why rules can't be a ceremony's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DescriptorError {
    /// A name that isn't fit for files and tables.
    #[error("\"{0}\" is no name: use 1 to 64 letters a-z, digits and hyphens")]
    Name(String),
    /// No circuit, or too many.
    #[error("a ceremony is for 1 to {MAX_CIRCUITS} circuits, not for {0}")]
    Circuits(usize),
    /// Two circuits of one name.
    #[error("two circuits are called {0}")]
    SameName(String),
    /// Powers that no file can have.
    #[error("powers are from 2^1 to 2^{MAX_POWER}, not 2^{0}")]
    Power(u32),
    /// A circuit that needs more.
    #[error("the circuit {name} needs powers for 2^{needed}, the ceremony has 2^{found}")]
    TooLarge {
        /// The circuit.
        name: String,
        /// What it needs.
        needed: u32,
        /// What there is.
        found: u32,
    },
    /// More contributors than a list can have.
    #[error(
        "a ceremony's list has at most {MAX_LISTED} contributors, not {0}; without a list anybody may contribute"
    )]
    TooManyListed(usize),
    /// Contributors must be ascending and distinct.
    #[error("the contributors' keys are not sorted and distinct")]
    Unsorted,
    /// A turn that nobody could take, or that blocks everybody.
    #[error("a turn has 10 to 604800 seconds (7 days), not {0}")]
    Turn(u32),
    /// No strikes.
    #[error("at least one missed turn must be allowed")]
    Strikes,
    /// Fewer contributors than make strangers, or more than there can be.
    #[error(
        "a phase can't ask for {least} contributors: a rehearsal asks for 1 to {MAX_LEAST}, a real ceremony for 2 to {MAX_LEAST}"
    )]
    Least {
        /// As the rules say.
        least: u32,
    },
    /// A list of contributors that is shorter than what each phase asks for.
    #[error("each phase asks for {least} contributors, and {listed} may take part")]
    TooFewListed {
        /// What each phase asks for.
        least: u32,
        /// How many are listed, without the coordinator.
        listed: usize,
    },
    /// A block's hash that is hashed so seldom that a miner could try many.
    #[error(
        "the beacon of {stage} is a Bitcoin block's hash, which miners can try: hash it 2^{MIN_BITCOIN_EXPONENT} times or more, not 2^{exponent}"
    )]
    Quick {
        /// The phase.
        stage: Stage,
        /// Its exponent.
        exponent: u8,
    },
    /// A circuit's file that is empty, or larger than any that is read.
    #[error("the circuit {0} can't have {1} bytes")]
    CircuitBytes(String, u64),
    /// A file of powers that can't be as long.
    #[error("powers of 2^{power} can't have {bytes} bytes")]
    PowersBytes {
        /// Their power.
        power: u32,
        /// The file's bytes, as the rules say.
        bytes: u64,
    },
    /// An exponent that is out of range.
    #[error("a beacon's exponent is from 10 to 24, not {0}")]
    Exponent(u8),
    /// The beacon could be known before the last contribution.
    #[error("the beacon of {0} lies less than an hour after its closing")]
    BeaconTooEarly(Stage),
    /// A block that could be made before the last contribution: its miner's clock may be ahead.
    #[error(
        "the block for the beacon of {0} is expected less than three hours after its closing, and a block's time may be two hours ahead"
    )]
    BlockTooEarly(Stage),
    /// A value that everybody knows beforehand, in a real ceremony.
    #[error("the beacon of {0} is a value that is known beforehand: only a rehearsal may use one")]
    KnownBeacon(Stage),
    /// A value that everybody knows beforehand, and another than rehearsals take.
    #[error("the beacon of {0} is a value that is known beforehand, and not the one of rehearsals")]
    OtherValue(Stage),
    /// drand's numbers don't belong to the chain's hash.
    #[error("the beacon of {0} names a drand network that is not known here")]
    UnknownChain(Stage),
    /// Phase 2 can't end before it has begun.
    #[error("phase 2 closes less than an hour after the beacon of phase 1")]
    Order,
}

impl Descriptor {
    /// Checks the rules.
    ///
    /// # Errors
    /// The first that doesn't fit.
    pub fn check(&self) -> Result<(), DescriptorError> {
        use DescriptorError as E;
        if !valid_name(&self.name) {
            return Err(E::Name(self.name.clone()));
        }
        if !(1..=MAX_CIRCUITS).contains(&self.circuits.len()) {
            return Err(E::Circuits(self.circuits.len()));
        }
        let found = self.powers.power();
        if !(1..=MAX_POWER).contains(&found) {
            return Err(E::Power(found));
        }
        for (i, circuit) in self.circuits.iter().enumerate() {
            let name = || circuit.name.clone();
            if !valid_name(&circuit.name) {
                return Err(E::Name(name()));
            }
            if !(1..=MAX_CIRCUIT_BYTES).contains(&circuit.bytes) {
                return Err(E::CircuitBytes(name(), circuit.bytes));
            }
            if self.circuits.iter().take(i).any(|c| c.name == circuit.name) {
                return Err(E::SameName(name()));
            }
            if circuit.power > found {
                return Err(E::TooLarge {
                    name: name(),
                    needed: circuit.power,
                    found,
                });
            }
        }
        if let Powers::Existing { power, bytes, .. } = self.powers
            && !lengths::prepared_powers(power).contains(&bytes)
        {
            return Err(E::PowersBytes { power, bytes });
        }
        if self.contributors.len() > MAX_LISTED {
            return Err(E::TooManyListed(self.contributors.len()));
        }
        if !self
            .contributors
            .windows(2)
            .all(|w| matches!(w, [a, b] if a < b))
        {
            return Err(E::Unsorted);
        }
        // One key alone is the coordinator's as easily as anybody's.
        let fewest = if self.rehearsal { 1 } else { 2 };
        let least = self.least;
        if !(fewest..=MAX_LEAST).contains(&least) {
            return Err(E::Least { least });
        }
        let listed = (self.contributors.iter())
            .filter(|key| self.counts(key))
            .count();
        if !self.contributors.is_empty() && listed < least as usize {
            return Err(E::TooFewListed { least, listed });
        }
        if !(10..=7 * 86_400).contains(&self.turn) {
            return Err(E::Turn(self.turn));
        }
        if self.strikes == 0 {
            return Err(E::Strikes);
        }
        for stage in [Stage::Powers, Stage::Keys] {
            if let Some(closing) = self.closing_of(stage) {
                self.check_closing(stage, closing)?;
            }
        }
        if let Powers::Fresh { closing, .. } = &self.powers {
            // Phase 2 begins after the beacon of phase 1, and its own beacon may not be known by then.
            let begins = match closing.beacon.source.time() {
                Some(time) if !self.rehearsal => time.saturating_add(MARGIN),
                _ => closing.closes,
            };
            if self.closing.closes < begins {
                return Err(E::Order);
            }
        }
        Ok(())
    }

    fn check_closing(&self, stage: Stage, closing: &Closing) -> Result<(), DescriptorError> {
        use DescriptorError as E;
        let rule = &closing.beacon;
        let range = crate::beacon::MIN_EXPONENT..=crate::beacon::MAX_EXPONENT;
        if !range.contains(&rule.exponent) {
            return Err(E::Exponent(rule.exponent));
        }
        match &rule.source {
            // Made on one machine, in an afternoon: no margin either. One value for all of them, by which
            // powers that were made so show it.
            Source::Known { value } if self.rehearsal && value == REHEARSAL_VALUE => return Ok(()),
            Source::Known { .. } if self.rehearsal => return Err(E::OtherValue(stage)),
            Source::Known { .. } => return Err(E::KnownBeacon(stage)),
            Source::Drand { .. } if rule.source.time().is_none() => {
                return Err(E::UnknownChain(stage));
            }
            Source::Bitcoin { .. } if rule.exponent < MIN_BITCOIN_EXPONENT && !self.rehearsal => {
                let exponent = rule.exponent;
                return Err(E::Quick { stage, exponent });
            }
            Source::Drand { .. } | Source::Bitcoin { .. } => {}
        }
        // A block's time is announced with its height: nobody can compute it.
        let (margin, error) = match rule.source {
            Source::Bitcoin { .. } => (MARGIN + AHEAD, E::BlockTooEarly(stage)),
            _ => (MARGIN, E::BeaconTooEarly(stage)),
        };
        let early =
            (rule.source.time()).is_none_or(|at| at < closing.closes.saturating_add(margin));
        if early && !self.rehearsal {
            return Err(error);
        }
        Ok(())
    }
}
