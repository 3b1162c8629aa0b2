//! drand's quicknet: which round comes when, and whether a signature is the network's.

use commonware_codec::DecodeExt as _;
use commonware_cryptography::bls12381::primitives::ops;
use commonware_cryptography::bls12381::primitives::variant::{MinSig, Variant};
use sha2::{Digest as _, Sha256};

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
    pub(super) fn signed(&self, round: u64, signature: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quicknet_is_the_network_that_its_hash_says() {
        let known = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
        assert_eq!(hex::encode(QUICKNET.hash()), known);
        assert_eq!(QUICKNET.time(1), Some(QUICKNET.genesis));
        assert_eq!(QUICKNET.round_from(QUICKNET.genesis + 4), 3);
        assert_eq!(QUICKNET.time(3), Some(QUICKNET.genesis + 6));
    }
}
