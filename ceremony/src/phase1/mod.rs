//! Phase 1: powers of a tau that nobody knows, for every circuit up to a size.
//!
//! Each contributor multiplies all powers by powers of a secret of their own and proves that they knew it
//! (Bowe, Gabizon, Miers 2017). As long as one of them forgets theirs, nobody knows tau; the last
//! contribution is a beacon, a public value that nobody could foresee, which that paper's theorem needs.
//! Files, transcript and hashes are those of the snarkjs world.

mod challenges;
mod contribute;
mod extends;
mod fault;
mod key;
mod link;
pub(crate) mod lists;
mod prepare;
mod valid;

#[cfg(test)]
pub(crate) mod tests;

use std::path::Path;

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;

use crate::blake2b::{Blake2b, Digest64};
use crate::files::container::FileError;
use crate::files::ptau::{self, Powers};
use crate::points::{Encoded, hashed, stored};

pub use contribute::{Contributed, contribute};
pub use extends::extends;
pub use fault::{List, Part, PowersError, PowersFault};
pub use link::{LinkedPowers, Proof, link};
pub use prepare::{PreparedPowers, prepare, verify as verify_prepared};
pub use valid::{ValidPowers, validate};

/// Points that are read, multiplied or summed at once: what bounds memory.
pub(crate) const BLOCK: usize = 1 << 14;

/// Writes the file that a ceremony of 2^power starts from: nothing but generators.
///
/// # Errors
/// [`FileError`], if it can't be written.
pub fn create(path: &Path, power: u32) -> Result<(), FileError> {
    let mut writer = ptau::create(path, power, power, 7)?;
    for list in Powers::ALL {
        writer.begin(list.section())?;
        let generator = if list.in_g2() {
            stored(&[G2Affine::generator()])
        } else {
            stored(&[G1Affine::generator()])
        };
        let mut left = list.count(power);
        while left > 0 {
            let now = left.min(BLOCK as u64);
            writer.write(&generator.repeat(now as usize))?;
            left -= now;
        }
    }
    ptau::finish(writer, &[])
}

/// The hash that the first contribution starts from: of generators as often as there are powers.
pub fn first_challenge(power: u32) -> Digest64 {
    challenges::known(power).unwrap_or_else(|| compute_first_challenge(power))
}

pub(crate) fn compute_first_challenge(power: u32) -> Digest64 {
    let mut hash = Blake2b::new();
    hash.update(&crate::blake2b::hash(&[]));
    for list in Powers::ALL {
        let count = list.count(power);
        if list.in_g2() {
            repeat(&mut hash, G2Affine::generator(), count);
        } else {
            repeat(&mut hash, G1Affine::generator(), count);
        }
    }
    hash.finish()
}

fn repeat<P: Encoded + AffineRepr>(hash: &mut Blake2b, point: P, mut count: u64) {
    let block = hashed(&[point]).repeat(BLOCK);
    while count > 0 {
        let now = count.min(BLOCK as u64) as usize;
        hash.update(block.get(..now * P::BYTES).unwrap_or_default());
        count -= now as u64;
    }
}
