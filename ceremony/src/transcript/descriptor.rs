//! What a ceremony is, fixed before it begins: its id is the hash of this.

use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use tacit_protocol::digest_newtype;
use tacit_protocol::hash::{Hasher, domain};
use tacit_protocol::keys::PublicKey;

use super::beacon::BeaconRule;
use super::names::MAX_NAME;
use super::stage::Stage;
use crate::blake2b::Digest64;

/// The only version.
const VERSION: u16 = 1;
/// Circuits at most.
pub const MAX_CIRCUITS: usize = 16;
/// The largest number of contributors that a phase can ask for.
pub const MAX_LEAST: u32 = 1_000;
/// The value that stands for a beacon in a rehearsal: everybody knows it beforehand, so powers that end with
/// it are nobody's but for trying out.
pub const REHEARSAL_VALUE: &[u8] = b"tacit rehearsal";

digest_newtype! {
    /// Id of a ceremony: hash of its descriptor.
    CeremonyId
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
        /// Its bytes.
        bytes: u64,
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
    /// Bytes of its file.
    pub bytes: u64,
}

impl Encode for Circuit {
    fn encode(&self, w: &mut Writer) {
        w.text(&self.name);
        w.raw(&self.hash);
        w.u32(self.power);
        w.u64(self.bytes);
    }
}

impl Decode for Circuit {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.text("a circuit's name", MAX_NAME)?,
            hash: r.array()?,
            power: r.u32()?,
            bytes: r.u64()?,
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
    /// Contributors that each phase needs before its beacon, the coordinator's key not counted. Keys are
    /// counted: no program can count people.
    pub least: u32,
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

    /// Whether a contribution of this key counts towards the least number of contributors.
    pub fn counts(&self, key: &PublicKey) -> bool {
        *key != self.coordinator
    }

    /// What nobody signs in a ceremony that starts from powers in a file, for whoever relies on it.
    pub fn powers_to_compare(&self) -> Option<String> {
        let Powers::Existing { hash, .. } = &self.powers else {
            return None;
        };
        Some(format!(
            "the powers are from a file, and nobody has signed whose they are: if one person made it, that person can forge. Compare with the ceremony that made it, not with this one's coordinator, that its BLAKE2b-512 is {}",
            hex::encode(hash)
        ))
    }

    /// Files that a contribution to this phase consists of.
    pub fn files_of(&self, stage: Stage) -> usize {
        match stage {
            Stage::Powers => 1,
            Stage::Keys => self.circuits.len(),
        }
    }
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
            Powers::Existing { power, hash, bytes } => {
                w.u8(2);
                w.u32(*power);
                w.raw(hash);
                w.u64(*bytes);
            }
        }
        w.list(&self.circuits);
        w.list(&self.contributors);
        w.u32(self.least);
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
                    bytes: r.u64()?,
                },
                _ => return Err(DecodeError::Invalid("the powers' origin")),
            },
            circuits: r.list("circuits", MAX_CIRCUITS)?,
            contributors: r.list("contributors", super::rules::MAX_LISTED)?,
            least: r.u32()?,
            turn: r.u32()?,
            strikes: r.u8()?,
            closing: Decode::decode(r)?,
            coordinator: Decode::decode(r)?,
            nonce: r.array()?,
        })
    }
}
