//! What a ceremony is, fixed before it begins: its id is the hash of this.

use std::fmt;

use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use tacit_protocol::digest_newtype;
use tacit_protocol::hash::{Hasher, domain};
use tacit_protocol::keys::PublicKey;
use thiserror::Error;

use super::beacon::{BeaconRule, Source};
use crate::blake2b::Digest64;
use crate::files::ptau::MAX_POWER;

/// The only version.
const VERSION: u16 = 1;
/// Circuits at most.
pub const MAX_CIRCUITS: usize = 16;
/// Listed contributors at most.
const MAX_CONTRIBUTORS: usize = 5_000;
/// Bytes of a ceremony's or circuit's name at most.
const MAX_NAME: usize = 64;
/// Bytes of a contributor's label at most.
pub const MAX_LABEL: usize = 64;
/// A beacon lies at least so long after its phase's closing, in seconds.
const MARGIN: u64 = 3600;

digest_newtype! {
    /// Id of a ceremony: hash of its descriptor.
    CeremonyId
}

/// Which part of a ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Phase 1: the powers of tau.
    Powers,
    /// Phase 2: the circuits' keys.
    Keys,
}

impl Stage {
    /// Its folder's name, and its name in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Powers => "powers",
            Self::Keys => "keys",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Powers => "phase 1",
            Self::Keys => "phase 2",
        })
    }
}

impl Encode for Stage {
    fn encode(&self, w: &mut Writer) {
        w.u8(match self {
            Self::Powers => 1,
            Self::Keys => 2,
        });
    }
}

impl Decode for Stage {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Powers),
            2 => Ok(Self::Keys),
            _ => Err(DecodeError::Invalid("a phase")),
        }
    }
}

/// Where the powers of tau come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Powers {
    /// This ceremony makes them.
    Fresh {
        /// For circuits of up to 2^power rows.
        power: u32,
        /// When contributions end, and the beacon after it.
        closing: Closing,
    },
    /// Another ceremony made them, under a rule for its beacon that isn't known here.
    Existing {
        /// The file's power.
        power: u32,
        /// BLAKE2b-512 of the file.
        hash: Digest64,
    },
}

impl Powers {
    /// For circuits of up to 2^power rows.
    pub fn power(&self) -> u32 {
        match self {
            Self::Fresh { power, .. } | Self::Existing { power, .. } => *power,
        }
    }
}

/// The end of a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// No contribution is accepted from then on: Unix time in seconds.
    pub closes: u64,
    /// The public value that ends the phase.
    pub beacon: BeaconRule,
}

impl Encode for Closing {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.closes);
        self.beacon.encode(w);
    }
}

impl Decode for Closing {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            closes: r.u64()?,
            beacon: Decode::decode(r)?,
        })
    }
}

/// A circuit that the ceremony makes a key for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circuit {
    /// Its name, which its files bear: letters a-z, digits and hyphens.
    pub name: String,
    /// [`crate::files::r1cs::R1cs::hash`].
    pub hash: Digest64,
    /// The powers that it needs.
    pub power: u32,
}

impl Encode for Circuit {
    fn encode(&self, w: &mut Writer) {
        w.text(&self.name);
        w.raw(&self.hash);
        w.u32(self.power);
    }
}

impl Decode for Circuit {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.text("a circuit's name", MAX_NAME)?,
            hash: r.array()?,
            power: r.u32()?,
        })
    }
}

/// A ceremony's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// What people call it.
    pub name: String,
    /// A rehearsal: its keys count as development keys, whoever took part.
    pub rehearsal: bool,
    /// Where the powers come from.
    pub powers: Powers,
    /// The circuits.
    pub circuits: Vec<Circuit>,
    /// Who may contribute, ascending; empty: anybody.
    pub contributors: Vec<PublicKey>,
    /// Seconds that a contributor has for a turn.
    pub turn: u32,
    /// Missed turns after which a contributor isn't let in again.
    pub strikes: u8,
    /// The end of phase 2.
    pub closing: Closing,
    /// Signs the transcript's other entries.
    pub coordinator: PublicKey,
    /// Makes two ceremonies with the same rules different.
    pub nonce: [u8; 16],
}

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
    /// Contributors must be ascending and distinct.
    #[error("the contributors' keys are not sorted and distinct")]
    Unsorted,
    /// A turn that nobody could take, or that blocks everybody.
    #[error("a turn has 10 to 604800 seconds (7 days), not {0}")]
    Turn(u32),
    /// No strikes.
    #[error("at least one missed turn must be allowed")]
    Strikes,
    /// An exponent that is out of range.
    #[error("a beacon's exponent is from 10 to 24, not {0}")]
    Exponent(u8),
    /// The beacon could be known before the last contribution.
    #[error("the beacon of {0} lies less than an hour after its closing")]
    BeaconTooEarly(Stage),
    /// A value that everybody knows beforehand, in a real ceremony.
    #[error("the beacon of {0} is a value that is known beforehand: only a rehearsal may use one")]
    KnownBeacon(Stage),
    /// drand's numbers don't belong to the chain's hash.
    #[error("the beacon of {0} names a drand network that is not known here")]
    UnknownChain(Stage),
    /// Phase 2 can't end before it has begun.
    #[error("phase 2 closes less than an hour after the beacon of phase 1")]
    Order,
}

impl Descriptor {
    /// The ceremony's id.
    pub fn id(&self) -> CeremonyId {
        CeremonyId(
            Hasher::new(domain::CEREMONY)
                .chain(self.to_bytes())
                .finish(),
        )
    }

    /// The end of a phase; none for powers that exist already.
    pub fn closing_of(&self, stage: Stage) -> Option<&Closing> {
        match (stage, &self.powers) {
            (Stage::Powers, Powers::Fresh { closing, .. }) => Some(closing),
            (Stage::Powers, Powers::Existing { .. }) => None,
            (Stage::Keys, _) => Some(&self.closing),
        }
    }

    /// The first phase that people contribute to.
    pub fn first_stage(&self) -> Stage {
        match self.powers {
            Powers::Fresh { .. } => Stage::Powers,
            Powers::Existing { .. } => Stage::Keys,
        }
    }

    /// Files that a contribution to this phase consists of.
    pub fn files_of(&self, stage: Stage) -> usize {
        match stage {
            Stage::Powers => 1,
            Stage::Keys => self.circuits.len(),
        }
    }

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
        if !self
            .contributors
            .windows(2)
            .all(|w| matches!(w, [a, b] if a < b))
        {
            return Err(E::Unsorted);
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
            // Made on one machine, in an afternoon: no margin either.
            Source::Known { .. } if self.rehearsal => return Ok(()),
            Source::Known { .. } => return Err(E::KnownBeacon(stage)),
            Source::Drand { .. } if rule.source.time().is_none() => {
                return Err(E::UnknownChain(stage));
            }
            Source::Drand { .. } | Source::Bitcoin { .. } => {}
        }
        // A block's time is announced with its height: nobody can compute it.
        let early =
            (rule.source.time()).is_none_or(|at| at < closing.closes.saturating_add(MARGIN));
        if early && !self.rehearsal {
            return Err(E::BeaconTooEarly(stage));
        }
        Ok(())
    }
}

/// Fit for a file's name, a table and a URL.
pub fn valid_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('-')
        && (name.bytes()).all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Fit to stand in the transcript for ever, and in a terminal.
pub fn valid_label(label: &str) -> bool {
    label.len() <= MAX_LABEL
        && label.trim() == label
        && !label.is_empty()
        && !label.chars().any(|c| {
            c.is_control()
                || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
}

impl Encode for Descriptor {
    fn encode(&self, w: &mut Writer) {
        w.u16(VERSION);
        w.text(&self.name);
        w.bool(self.rehearsal);
        match &self.powers {
            Powers::Fresh { power, closing } => {
                w.u8(1);
                w.u32(*power);
                closing.encode(w);
            }
            Powers::Existing { power, hash } => {
                w.u8(2);
                w.u32(*power);
                w.raw(hash);
            }
        }
        w.list(&self.circuits);
        w.list(&self.contributors);
        w.u32(self.turn);
        w.u8(self.strikes);
        self.closing.encode(w);
        self.coordinator.encode(w);
        w.raw(&self.nonce);
    }
}

impl Decode for Descriptor {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.u16()? != VERSION {
            return Err(DecodeError::Unsupported("this version of a ceremony"));
        }
        Ok(Self {
            name: r.text("a ceremony's name", MAX_NAME)?,
            rehearsal: r.bool()?,
            powers: match r.u8()? {
                1 => Powers::Fresh {
                    power: r.u32()?,
                    closing: Decode::decode(r)?,
                },
                2 => Powers::Existing {
                    power: r.u32()?,
                    hash: r.array()?,
                },
                _ => return Err(DecodeError::Invalid("the powers' origin")),
            },
            circuits: r.list("circuits", MAX_CIRCUITS)?,
            contributors: r.list("contributors", MAX_CONTRIBUTORS)?,
            turn: r.u32()?,
            strikes: r.u8()?,
            closing: Decode::decode(r)?,
            coordinator: Decode::decode(r)?,
            nonce: r.array()?,
        })
    }
}
