//! Bits and one-hot selectors.

use ark_ff::{BigInteger as _, One as _};
use ark_relations::gr1cs::SynthesisError;
use tacit_protocol::field::Fr;

use super::{Builder, Lc};

/// 256-bit integers, of which the circuit takes the low bits.
pub(crate) type Integer = ark_ff::BigInteger256;

/// b is 0 or 1: b * (1 - b) = 0.
pub(crate) fn enforce_boolean(b: &mut Builder, bit: &Lc) -> Result<(), SynthesisError> {
    b.enforce(bit, &(&Lc::constant(Fr::one()) - bit), &Lc::zero())
}

/// A new boolean variable.
pub(crate) fn boolean(
    b: &mut Builder,
    name: &'static str,
    value: bool,
) -> Result<Lc, SynthesisError> {
    let bit = b.witness(name, Fr::from(value))?;
    enforce_boolean(b, &bit)?;
    Ok(bit)
}

/// The low `n` bits of an integer as boolean variables, lowest first. One constraint each.
pub(crate) fn bits(
    b: &mut Builder,
    name: &'static str,
    integer: &Integer,
    n: usize,
) -> Result<Vec<Lc>, SynthesisError> {
    (0..n)
        .map(|i| boolean(b, name, integer.get_bit(i)))
        .collect()
}

/// The integer that bits stand for, lowest first. Free.
pub(crate) fn pack(bits: &[Lc]) -> Lc {
    let two = Fr::from(2u64);
    bits.iter()
        .rev()
        .fold(Lc::zero(), |high, bit| bit.plus_times(&high, two))
}

/// `n` booleans of which exactly one is 1, the one at `hot`. `n` constraints.
///
/// All but the last are variables; the last is 1 minus their sum, and boolean too, so the sum of
/// the others, an integer of at most n - 1, is 0 or 1.
pub(crate) fn one_hot(
    b: &mut Builder,
    name: &'static str,
    n: usize,
    hot: usize,
) -> Result<Vec<Lc>, SynthesisError> {
    let mut selectors = Vec::with_capacity(n);
    let mut last = Lc::constant(Fr::one());
    for i in 0..n.saturating_sub(1) {
        let selector = boolean(b, name, i == hot)?;
        last = &last - &selector;
        selectors.push(selector);
    }
    enforce_boolean(b, &last)?;
    selectors.push(last);
    Ok(selectors)
}
