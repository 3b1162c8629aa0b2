//! Beacons by rule: which public value, known from when, and how anybody checks it offline.
//!
//! drand's rounds are signed by its network, so a value that isn't the round's is refused here. A Bitcoin
//! block shows its work, but not its height: whoever doubts asks any copy of that chain.

use commonware_codec::DecodeExt as _;
use commonware_cryptography::bls12381::primitives::ops;
use commonware_cryptography::bls12381::primitives::variant::{MinSig, Variant};
use sha2::{Digest as _, Sha256};
use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use thiserror::Error;

use crate::files::parameters::Beacon;

/// Bytes of a value that is known beforehand, at most.
const MAX_KNOWN: usize = 64;
/// Bytes of a block's target: below it lie more than 2^72 hashes, as since 2018. An older block's work
/// would take one machine minutes.
const MAX_TARGET: usize = 23;
/// drand's signatures on G1: RFC 9380's suite, and no proof of possession.
const DRAND_DST: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

/// A network of drand's, as its `/info` gives it.
#[derive(Debug, Clone, Copy)]
pub struct Network {
    /// Its name.
    pub name: &'static str,
    /// Seconds between rounds.
    pub period: u32,
    /// When round 1 was: Unix time in seconds.
    pub genesis: u64,
    /// Its key, a point of BLS12-381's G2, in hex.
    pub key: &'static str,
    /// Its group's hash, in hex.
    pub group: &'static str,
}

/// The network that ceremonies use: a round every three seconds, each signature by itself.
pub const QUICKNET: Network = Network {
    name: "quicknet",
    period: 3,
    genesis: 1_692_803_367,
    key: "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    group: "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e",
};

impl Network {
    /// The chain's hash, which the network is known by.
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.period.to_be_bytes());
        hash.update(self.genesis.to_be_bytes());
        // Constants that a test decodes.
        hash.update(hex::decode(self.key).unwrap_or_default());
        hash.update(hex::decode(self.group).unwrap_or_default());
        hash.update(self.name.as_bytes());
        hash.finalize().into()
    }

    /// When a round comes.
    pub fn time(&self, round: u64) -> Option<u64> {
        let rounds = round.checked_sub(1)?;
        (self.genesis).checked_add(rounds.checked_mul(self.period.into())?)
    }

    /// The first round from a time on.
    pub fn round_from(&self, time: u64) -> u64 {
        let since = time.saturating_sub(self.genesis);
        since.div_ceil(self.period.into()) + 1
    }

    /// Whether a signature is the network's for a round.
    fn signed(&self, round: u64, signature: &[u8]) -> bool {
        type Key = <MinSig as Variant>::Public;
        type Signed = <MinSig as Variant>::Signature;
        let key = hex::decode(self.key).unwrap_or_default();
        let (Ok(key), Ok(signature)) = (Key::decode(key), Signed::decode(signature.to_vec()))
        else {
            return false;
        };
        let message = Sha256::digest(round.to_be_bytes());
        ops::verify::<MinSig>(&key, DRAND_DST, &message, &signature).is_ok()
    }
}

/// Where a beacon's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A round of a drand network.
    Drand {
        /// The network.
        chain: [u8; 32],
        /// The round.
        round: u64,
    },
    /// The hash of the Bitcoin block of a height.
    Bitcoin {
        /// The height.
        height: u32,
        /// When it is expected, at the earliest: Unix time in seconds.
        expected: u64,
    },
    /// A value that everybody knows beforehand: for rehearsals.
    Known {
        /// The value.
        value: Vec<u8>,
    },
}

impl Source {
    /// When the value is public, as far as the rule says.
    pub fn time(&self) -> Option<u64> {
        match self {
            Self::Drand { chain, round } if *chain == QUICKNET.hash() => QUICKNET.time(*round),
            Self::Bitcoin { expected, .. } => Some(*expected),
            Self::Drand { .. } | Self::Known { .. } => None,
        }
    }
}

/// A beacon's source and exponent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeaconRule {
    /// Whose value.
    pub source: Source,
    /// It is hashed 2^exponent times.
    pub exponent: u8,
}

/// What shows that a value is the one of the rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// drand's signature over the round.
    Drand(Vec<u8>),
    /// The block's header.
    Bitcoin([u8; 80]),
    /// The rule itself has the value.
    Known,
}

/// Why a value isn't the rule's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EvidenceError {
    /// Evidence of another kind.
    #[error("the evidence is of another kind than the rule")]
    Kind,
    /// Not drand's signature over that round.
    #[error("the signature is not the drand network's over that round")]
    Signature,
    /// A block made before the rule's time.
    #[error("the block was made before the announced time")]
    Early,
    /// The header doesn't show the work that it claims.
    #[error("the block's header does not show its work")]
    Work,
}

impl BeaconRule {
    /// The beacon that evidence gives.
    ///
    /// # Errors
    /// [`EvidenceError`]
    pub fn resolve(&self, evidence: &Evidence) -> Result<Beacon, EvidenceError> {
        let value = match (&self.source, evidence) {
            (Source::Drand { chain, round }, Evidence::Drand(signature)) => {
                if *chain != QUICKNET.hash() || !QUICKNET.signed(*round, signature) {
                    return Err(EvidenceError::Signature);
                }
                Sha256::digest(signature).to_vec()
            }
            (Source::Bitcoin { expected, .. }, Evidence::Bitcoin(header)) => {
                // Else any block since there is so much work would do, one known before the ceremony too.
                if block_time(header) < *expected {
                    return Err(EvidenceError::Early);
                }
                block_hash(header, MAX_TARGET)?
            }
            (Source::Known { value }, Evidence::Known) => value.clone(),
            _ => return Err(EvidenceError::Kind),
        };
        Ok(Beacon {
            value,
            exponent: self.exponent,
        })
    }
}

/// When a block was made, as its miner says: Unix time in seconds.
fn block_time(header: &[u8; 80]) -> u64 {
    let time = header.get(68..72).and_then(|b| b.try_into().ok());
    time.map_or(0, u32::from_le_bytes).into()
}

/// A block's hash as people write it, highest byte first.
fn block_hash(header: &[u8; 80], max_size: usize) -> Result<Vec<u8>, EvidenceError> {
    let mut hash = Sha256::digest(Sha256::digest(header)).to_vec();
    hash.reverse();
    // bits: a byte of exponent and three of mantissa, little-endian at offset 72.
    let bits = header.get(72..76).and_then(|b| b.try_into().ok());
    let bits = bits.map_or(0, u32::from_le_bytes);
    let (size, mantissa) = ((bits >> 24) as usize, bits & 0x007f_ffff);
    if !(3..=max_size).contains(&size) || bits & 0x0080_0000 != 0 {
        return Err(EvidenceError::Work);
    }
    let mut target = [0; 32];
    let start = 32 - size;
    if let Some(place) = target.get_mut(start..start + 3) {
        place.copy_from_slice(mantissa.to_be_bytes().get(1..).unwrap_or_default());
    }
    if hash.as_slice() > target.as_slice() {
        return Err(EvidenceError::Work);
    }
    Ok(hash)
}

impl Encode for BeaconRule {
    fn encode(&self, w: &mut Writer) {
        match &self.source {
            Source::Drand { chain, round } => {
                w.u8(1);
                w.raw(chain);
                w.u64(*round);
            }
            Source::Bitcoin { height, expected } => {
                w.u8(2);
                w.u32(*height);
                w.u64(*expected);
            }
            Source::Known { value } => {
                w.u8(3);
                w.bytes(value);
            }
        }
        w.u8(self.exponent);
    }
}

impl Decode for BeaconRule {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let source = match r.u8()? {
            1 => Source::Drand {
                chain: r.array()?,
                round: r.u64()?,
            },
            2 => Source::Bitcoin {
                height: r.u32()?,
                expected: r.u64()?,
            },
            3 => Source::Known {
                value: r.bytes("a beacon's value", MAX_KNOWN)?.to_vec(),
            },
            _ => return Err(DecodeError::Invalid("a beacon's source")),
        };
        let exponent = r.u8()?;
        Ok(Self { source, exponent })
    }
}

impl Encode for Evidence {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Drand(signature) => {
                w.u8(1);
                w.bytes(signature);
            }
            Self::Bitcoin(header) => {
                w.u8(2);
                w.raw(header);
            }
            Self::Known => w.u8(3),
        }
    }
}

impl Decode for Evidence {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Drand(r.bytes("a drand signature", 96)?.to_vec())),
            2 => Ok(Self::Bitcoin(r.array()?)),
            3 => Ok(Self::Known),
            _ => Err(DecodeError::Invalid("evidence of a beacon")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn quicknet_is_the_network_that_its_hash_says() {
        let known = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
        assert_eq!(hex::encode(QUICKNET.hash()), known);
        assert_eq!(QUICKNET.time(1), Some(QUICKNET.genesis));
        assert_eq!(QUICKNET.round_from(QUICKNET.genesis + 4), 3);
        assert_eq!(QUICKNET.time(3), Some(QUICKNET.genesis + 6));
    }

    /// Round 1000 as the network published it.
    pub const ROUND: u64 = 1000;
    pub const SIGNATURE: &str = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

    #[test]
    fn a_round_of_drand_is_its_networks_or_refused() {
        let rule = |round| BeaconRule {
            source: Source::Drand {
                chain: QUICKNET.hash(),
                round,
            },
            exponent: 10,
        };
        let signature = hex::decode(SIGNATURE).unwrap();
        let beacon = rule(ROUND)
            .resolve(&Evidence::Drand(signature.clone()))
            .unwrap();
        let randomness = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";
        assert_eq!(hex::encode(beacon.value), randomness);
        let refused = Err(EvidenceError::Signature);
        let other = rule(ROUND + 1).resolve(&Evidence::Drand(signature.clone()));
        assert_eq!(other, refused);
        let mut changed = signature;
        changed[20] ^= 1;
        assert_eq!(rule(ROUND).resolve(&Evidence::Drand(changed)), refused);
        assert_eq!(
            rule(ROUND).resolve(&Evidence::Known),
            Err(EvidenceError::Kind)
        );
    }

    #[test]
    fn a_block_shows_its_work_or_is_refused() {
        // Block 125,552.
        let header = "0100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695";
        let header: [u8; 80] = hex::decode(header).unwrap().try_into().unwrap();
        let hash = "00000000000000001e8d6829a8a21adc5d38d0a473b144b6765798e61f98bd1d";
        assert_eq!(block_hash(&header, 26).map(hex::encode), Ok(hash.into()));
        // So little work anybody can make.
        assert_eq!(block_hash(&header, MAX_TARGET), Err(EvidenceError::Work));
        let mut changed = header;
        changed[40] ^= 1;
        assert_eq!(block_hash(&changed, 26), Err(EvidenceError::Work));
        // Its miner says 21 May 2011: no block for a rule that waits for a later one.
        assert_eq!(block_time(&header), 1_305_998_791);
        let rule = |expected| BeaconRule {
            source: Source::Bitcoin {
                height: 125_552,
                expected,
            },
            exponent: 10,
        };
        let evidence = Evidence::Bitcoin(header);
        assert_eq!(
            rule(1_305_998_792).resolve(&evidence),
            Err(EvidenceError::Early)
        );
        assert_eq!(
            rule(1_305_998_791).resolve(&evidence),
            Err(EvidenceError::Work)
        );
    }
}
