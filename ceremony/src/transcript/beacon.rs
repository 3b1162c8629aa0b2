//! Beacons by rule: which public value, known from when, and how anybody checks it offline.
//!
//! drand's rounds are signed by its network, so a value that isn't the round's is refused here. A Bitcoin
//! block shows its work, but not its height: whoever doubts asks any copy of that chain.

use sha2::{Digest as _, Sha256};
use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use thiserror::Error;

use super::bitcoin::{block_hash, block_time};
use super::descriptor::Closing;
use super::drand::QUICKNET;
use crate::files::parameters::Beacon;

/// Bytes of a value that is known beforehand, at most.
const MAX_KNOWN: usize = 64;
/// Bytes of a block's target: below it lie more than 2^72 hashes, as since 2018. An older block's work
/// would take one machine minutes.
const MAX_TARGET: usize = 23;
/// Seconds that a block's time may be ahead of when it was made: Bitcoin's nodes refuse more.
pub(super) const AHEAD: u64 = 2 * 3600;
/// The smallest exponent for a block's hash in a real ceremony: a miner who would try blocks until one
/// suits spends so many hashes, one after the other, on each. Whoever verifies spends a second or two.
pub const MIN_BITCOIN_EXPONENT: u8 = 22;

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
        /// When it is expected: Unix time in seconds.
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
    /// A block that may have been made before the phase had closed.
    #[error("the block may have been made before the phase had closed")]
    Early,
    /// The header doesn't show the work that it claims.
    #[error("the block's header does not show its work")]
    Work,
}

impl BeaconRule {
    /// The beacon that evidence gives, for a phase that closes then.
    ///
    /// Of a Bitcoin block the height alone is the rule, and nobody knows exactly when it comes. So one that
    /// comes before its expected time will do, if its own time, which may be two hours ahead of when it was
    /// made, shows that it was made after the closing.
    ///
    /// # Errors
    /// [`EvidenceError`]
    pub(super) fn resolve(
        &self,
        closes: u64,
        evidence: &Evidence,
    ) -> Result<Beacon, EvidenceError> {
        let value = match (&self.source, evidence) {
            (Source::Drand { chain, round }, Evidence::Drand(signature)) => {
                if *chain != QUICKNET.hash() || !QUICKNET.signed(*round, signature) {
                    return Err(EvidenceError::Signature);
                }
                Sha256::digest(signature).to_vec()
            }
            (Source::Bitcoin { expected, .. }, Evidence::Bitcoin(header)) => {
                // Else any block since there is so much work would do, one known before the ceremony too.
                if block_time(header) < closes.saturating_add(AHEAD).min(*expected) {
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

impl Closing {
    /// The beacon that evidence gives.
    ///
    /// # Errors
    /// [`EvidenceError`]
    pub fn resolve(&self, evidence: &Evidence) -> Result<Beacon, EvidenceError> {
        self.beacon.resolve(self.closes, evidence)
    }
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
            .resolve(0, &Evidence::Drand(signature.clone()))
            .unwrap();
        let randomness = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";
        assert_eq!(hex::encode(beacon.value), randomness);
        let refused = Err(EvidenceError::Signature);
        let other = rule(ROUND + 1).resolve(0, &Evidence::Drand(signature.clone()));
        assert_eq!(other, refused);
        let mut changed = signature;
        changed[20] ^= 1;
        assert_eq!(rule(ROUND).resolve(0, &Evidence::Drand(changed)), refused);
        assert_eq!(
            rule(ROUND).resolve(0, &Evidence::Known),
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
        let late = u64::MAX;
        for (expected, closes, fault) in [
            (1_305_998_792, late, EvidenceError::Early),
            (1_305_998_791, late, EvidenceError::Work),
            // Before it was expected, and made after the closing for sure; or perhaps before.
            (late, 1_305_998_791 - AHEAD, EvidenceError::Work),
            (late, 1_305_998_792 - AHEAD, EvidenceError::Early),
        ] {
            assert_eq!(rule(expected).resolve(closes, &evidence), Err(fault));
        }
    }
}
