//! An integer of 251 bits is below l: 56 constraints.
//!
//! Both are cut into chunks of 27 bits, highest first. One-hot selectors point at a chunk; all chunks
//! before it are equal; there, l's is the larger. Nothing wraps: chunks are below 2^27, p is 2^254.

use ark_ff::{BigInteger as _, One as _, PrimeField as _};
use ark_relations::gr1cs::SynthesisError;
use tacit_protocol::field::{Fr, Scalar};

use super::bits::{Integer, bits, one_hot, pack};
use super::{Builder, Lc};

/// Bits of a scalar: 2^250 < l < 2^251.
pub(crate) const SCALAR_BITS: usize = 251;

const CHUNK_BITS: usize = 27;

/// The integer of `SCALAR_BITS` boolean bits, lowest first, is below l.
pub(crate) fn enforce_below_order(b: &mut Builder, integer: &[Lc]) -> Result<(), SynthesisError> {
    let order = Scalar::MODULUS;
    // l_m - s_m for each chunk, highest first.
    let gaps: Vec<Lc> = integer
        .chunks(CHUNK_BITS)
        .enumerate()
        .map(|(m, chunk)| &Lc::constant(chunk_of(&order, m)) - &pack(chunk))
        .rev()
        .collect();

    let first_difference = gaps
        .iter()
        .position(|gap| gap.value() != Fr::from(0u64))
        .unwrap_or(0);
    let selectors = one_hot(b, "range selector", gaps.len(), first_difference)?;

    // Before the selected chunk, the chunks are equal. `unseen` is 1 before it and 0 from it on, so
    // there is nothing to say about the last chunk.
    let mut unseen = Lc::constant(Fr::one());
    let mut chosen = Lc::zero();
    let (Some((last_selector, selectors)), Some((last_gap, gaps))) =
        (selectors.split_last(), gaps.split_last())
    else {
        return Err(SynthesisError::Unsatisfiable);
    };
    for (selector, gap) in selectors.iter().zip(gaps) {
        unseen = &unseen - selector;
        b.enforce(&unseen, gap, &Lc::zero())?;
        chosen = &chosen + &b.product("range product", selector, gap)?;
    }

    // The selected gap, less one, has 27 bits: it is at least 1. The last product closes the sum.
    let gap = chosen.value() + last_selector.value() * last_gap.value() - Fr::one();
    let gap_bits = bits(b, "range bit", &gap.into_bigint(), CHUNK_BITS)?;
    let total = pack(&gap_bits).plus(Fr::one());
    b.enforce(last_selector, last_gap, &(&total - &chosen))
}

/// Chunk m of l, m = 0 the lowest.
fn chunk_of(order: &Integer, m: usize) -> Fr {
    let bits = (m * CHUNK_BITS..(m + 1) * CHUNK_BITS).map(|i| i < 256 && order.get_bit(i));
    bits.rev()
        .fold(Fr::from(0u64), |high, bit| high + high + Fr::from(bit))
}
