//! Anti-forensic splitting of a key, as LUKS does it: so that destroying *any part* of what was written
//! destroys the key.
//!
//! A disk may keep a sector that it was told to overwrite: it was remapped, or it is a flash cell that
//! waits for its erasure. A key of 32 bytes that lies in one such sector survives. Split over many
//! sectors it survives only if *all* of them do: with random stripes `s_1 … s_{n-1}`,
//!
//! ```text
//! d_0 = 0,   d_k = H(d_{k-1} ⊕ s_k),   s_n = d_{n-1} ⊕ key,   H(d) = SHA-256(0u32 ‖ d)
//! ```
//!
//! Whoever misses one 32-byte stripe has no information about the key that is cheaper than guessing the
//! stripe. A stripe of which only some bytes are missing is worth that many bytes.
//!
//! Sources: Clemens Fruhwirth, "New Methods in Hard Disk Encryption" (2005), section 5.2; LUKS1 On-Disk
//! Format Specification 1.2.3, section 2.4 (the diffuser is its H1; a stripe is one digest long here, so
//! its piece counter is always 0).

use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

/// Length of a key and of a stripe, in bytes.
pub const STRIPE: usize = 32;
/// Bytes that a split wrapping key takes: 1,000 sectors of 512 bytes, which is 16,000 stripes.
pub const REGION: usize = 1_000 * 512;

/// Splits `key` over `region`, which comes filled with fresh randomness: all stripes but the last stay as
/// they are, the last one is computed.
///
/// A region that isn't two or more whole stripes is left alone, and the answer is false.
#[must_use]
pub fn split(key: &[u8; STRIPE], region: &mut [u8]) -> bool {
    let Some(diffused) = diffuse(region) else {
        return false;
    };
    let Some(last) = region.last_chunk_mut::<STRIPE>() else {
        return false;
    };
    combine(&diffused, key, last);
    true
}

/// Recovers the key from all of `region` into `key`. Any changed byte gives another key.
///
/// False for a region that isn't two or more whole stripes; `key` is then left alone.
#[must_use]
pub fn merge(region: &[u8], key: &mut [u8; STRIPE]) -> bool {
    let (Some(diffused), Some(last)) = (diffuse(region), region.last_chunk::<STRIPE>()) else {
        return false;
    };
    combine(&diffused, last, key);
    true
}

/// `d_{n-1}`: all stripes but the last, each stirred into the next.
fn diffuse(region: &[u8]) -> Option<zeroize::Zeroizing<[u8; STRIPE]>> {
    let (stripes, rest) = region.as_chunks::<STRIPE>();
    let (_, stirred) = stripes.split_last()?;
    if !rest.is_empty() || stirred.is_empty() {
        return None;
    }
    let mut d = zeroize::Zeroizing::new([0u8; STRIPE]);
    for stripe in stirred {
        for (a, b) in d.iter_mut().zip(stripe) {
            *a ^= b;
        }
        let mut digest = Sha256::new()
            .chain_update([0u8; 4])
            .chain_update(*d)
            .finalize();
        d.copy_from_slice(&digest);
        digest.as_mut_slice().zeroize();
    }
    Some(d)
}

fn combine(a: &[u8; STRIPE], b: &[u8; STRIPE], into: &mut [u8; STRIPE]) {
    for ((x, a), b) in into.iter_mut().zip(a).zip(b) {
        *x = a ^ b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

    fn random_region(seed: u64, len: usize) -> Vec<u8> {
        let mut region = vec![0; len];
        StdRng::seed_from_u64(seed).fill_bytes(&mut region);
        region
    }

    #[test]
    fn a_split_key_comes_back_from_the_whole_region() {
        let key = [7u8; STRIPE];
        let mut region = random_region(1, REGION);
        assert!(split(&key, &mut region));
        let mut back = [0; STRIPE];
        assert!(merge(&region, &mut back));
        assert_eq!(back, key);
    }

    /// Computed apart from this code, from the specification's formulas with Python's hashlib:
    /// key = 00 01 … 1f, stripe k of 7 = bytes (32k + j) * 7 mod 256.
    #[test]
    fn the_last_stripe_is_the_one_that_the_luks_specification_gives() {
        let key: [u8; STRIPE] = std::array::from_fn(|j| j as u8);
        let mut region: Vec<u8> = (0..8 * STRIPE).map(|i| (i * 7 % 256) as u8).collect();
        assert!(split(&key, &mut region));
        let last: String = region[7 * STRIPE..]
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(
            last,
            "2a69b71a72434473c4aa98a367c67d9ba4d27888b703c6691902e30991e05f03"
        );
    }

    #[test]
    fn one_changed_byte_anywhere_gives_another_key() {
        let key = [9u8; STRIPE];
        let mut region = random_region(2, REGION);
        assert!(split(&key, &mut region));
        // The first and last byte of the region, and some in every part of it.
        for at in (0..REGION)
            .step_by(REGION / 16)
            .chain([REGION - STRIPE, REGION - 1])
        {
            region[at] ^= 1;
            let mut back = [0; STRIPE];
            assert!(merge(&region, &mut back));
            assert_ne!(back, key, "byte {at}");
            region[at] ^= 1;
        }
    }

    #[test]
    fn a_lost_stripe_leaves_no_byte_of_the_key_recognizable() {
        let key = [0u8; STRIPE];
        let mut region = random_region(3, REGION);
        assert!(split(&key, &mut region));
        region[500 * STRIPE..501 * STRIPE].fill(0);
        let mut back = [0; STRIPE];
        assert!(merge(&region, &mut back));
        let kept = back.iter().zip(&key).filter(|(a, b)| a == b).count();
        assert!(kept <= 3, "{kept} bytes of the key came back");
    }

    #[test]
    fn a_region_that_is_not_whole_stripes_is_refused() {
        for len in [0, 1, STRIPE, STRIPE + 1, 2 * STRIPE - 1, 2 * STRIPE + 1] {
            assert!(!split(&[0; STRIPE], &mut vec![0; len]), "{len}");
            assert!(!merge(&vec![0; len], &mut [0; STRIPE]), "{len}");
        }
    }
}
