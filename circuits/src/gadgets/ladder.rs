//! A variable base times r = 2^252 + 2 rho + 1, rho of 251 free bits: 1,519 constraints.
//!
//! After j steps the accumulator is m*K, where m starts at 3 and a step makes it 2m + 1 or 2m - 1, so
//! m is odd and 2^(j+1) < m < 2^(j+2). A step computes R' = (R + uK) + R with u = ±1 and has an
//! exception only if m = ±1 or 2m + u = 0 mod l. As 2^250 < l < 2^251, the first 248 steps reach
//! neither for any rho. The last three are guarded; all that the guards refuse is r = 0, ±1, ±3 mod l
//! (the whole argument is in `docs/circuit.md`).
//! K has order l: its owner checks that outside.

use ark_ff::One as _;
use ark_relations::gr1cs::SynthesisError;
use tacit_protocol::field::Fr;

use super::montgomery::{MontgomeryPoint, add, double, enforce_distinct, sum_u, sum_v};
use super::{Builder, Lc};
use crate::relation::Rule;

/// How many last steps are guarded.
pub(crate) const GUARDED_STEPS: usize = 3;

/// (2^(n+1) + 2 rho + 1) * base, for rho of n boolean bits, lowest first.
pub(crate) fn mul(
    b: &mut Builder,
    base: &MontgomeryPoint,
    rho: &[Lc],
) -> Result<MontgomeryPoint, SynthesisError> {
    let twice = double(b, base)?;
    // 2K + K: equal only if K were the identity, opposite only if its order were 3.
    let mut point = add(b, &twice, base)?;
    for (i, bit) in rho.iter().enumerate().rev() {
        point = step(b, &point, base, bit, i < GUARDED_STEPS)?;
    }
    Ok(point)
}

/// 2R + K for a 1, 2R - K for a 0, as (R ± K) + R. Six constraints, two more when guarded.
pub(crate) fn step(
    b: &mut Builder,
    r: &MontgomeryPoint,
    base: &MontgomeryPoint,
    bit: &Lc,
    guarded: bool,
) -> Result<MontgomeryPoint, SynthesisError> {
    let sign = bit.times(Fr::from(2u64)).plus(-Fr::one());
    let v = b.product("signed v", &sign, &base.v)?;

    // T = R ± K needs its u only.
    if guarded {
        enforce_distinct(b, Rule::NonceExcluded, &base.u, &r.u)?;
    }
    let first = b.quotient("first slope", &(&r.v - &v), &(&r.u - &base.u))?;
    let u = sum_u(b, &first, &r.u, &base.u)?;

    // The slope of R and T is 2v / (u_R - u_T) less the first slope.
    let run = &r.u - &u;
    if guarded {
        enforce_distinct(b, Rule::NonceExcluded, &u, &r.u)?;
    }
    let both = b.quotient("both slopes", &r.v.times(Fr::from(2u64)), &run)?;
    let second = &both - &first;
    let u = sum_u(b, &second, &r.u, &u)?;
    let v = sum_v(b, &second, r, &u)?;
    Ok(MontgomeryPoint { u, v })
}
