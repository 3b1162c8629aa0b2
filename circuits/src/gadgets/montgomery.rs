//! Baby Jubjub in Montgomery form, v^2 = u^3 + 168698 u^2 + u, where an addition is 3 constraints.
//!
//! The price is that addition and doubling have exceptions, at which the slope is unbound and with it
//! the result. So each addition in this crate is one of two kinds: either no scalar reaches its
//! exception, for which its caller has the argument, or it is guarded by [`enforce_distinct`].

use ark_ff::{Field as _, One as _};
use ark_relations::gr1cs::SynthesisError;
use taceo_ark_babyjubjub::EdwardsAffine;
use tacit_protocol::field::Fr;

use super::{Builder, Lc};
use crate::relation::Rule;

/// The coefficient A.
pub(crate) const A: u64 = 168_698;

/// A point in Montgomery form: of odd order and not the identity, so that v isn't zero.
#[derive(Clone)]
pub(crate) struct MontgomeryPoint {
    pub(crate) u: Lc,
    pub(crate) v: Lc,
}

/// (u, v) of a constant point of the prime subgroup that isn't the identity.
pub(crate) fn from_affine(p: EdwardsAffine) -> Option<(Fr, Fr)> {
    let u = (Fr::one() + p.y) * (Fr::one() - p.y).inverse()?;
    Some((u, u * p.x.inverse()?))
}

/// From Edwards coordinates: u (1 - y) = 1 + y, v x = u. Two constraints.
///
/// Bound because the point, checked outside, isn't (0, 1) or (0, -1), the only ones with x = 0 or y = 1.
pub(crate) fn from_edwards(
    b: &mut Builder,
    x: &Lc,
    y: &Lc,
) -> Result<MontgomeryPoint, SynthesisError> {
    let one = Lc::constant(Fr::one());
    let u = b.quotient("u", &(&one + y), &(&one - y))?;
    let v = b.quotient("v", &u, x)?;
    Ok(MontgomeryPoint { u, v })
}

/// To Edwards coordinates (x, y): x v = u, y (u + 1) = u - 1. Two constraints.
///
/// Bound because v isn't zero on a point of odd order, and no point has u = -1: v^2 = A - 2 isn't a square.
pub(crate) fn to_edwards(b: &mut Builder, p: &MontgomeryPoint) -> Result<(Lc, Lc), SynthesisError> {
    let one = Lc::constant(Fr::one());
    let x = b.quotient("x", &p.u, &p.v)?;
    let y = b.quotient("y", &(&p.u - &one), &(&p.u + &one))?;
    Ok((x, y))
}

/// p + q in three constraints. **Unbound when p = q**, unsatisfiable when p = -q: the caller excludes the former.
pub(crate) fn add(
    b: &mut Builder,
    p: &MontgomeryPoint,
    q: &MontgomeryPoint,
) -> Result<MontgomeryPoint, SynthesisError> {
    let slope = b.quotient("slope", &(&q.v - &p.v), &(&q.u - &p.u))?;
    third_point(b, &slope, p, &q.u)
}

/// 2p in four constraints: bound, since v isn't zero on a point of odd order.
pub(crate) fn double(
    b: &mut Builder,
    p: &MontgomeryPoint,
) -> Result<MontgomeryPoint, SynthesisError> {
    let square = b.product("u^2", &p.u, &p.u)?;
    let (two, three) = (Fr::from(2u64), Fr::from(3u64));
    let numerator = square
        .times(three)
        .plus_times(&p.u, two * Fr::from(A))
        .plus(Fr::one());
    let slope = b.quotient("slope", &numerator, &p.v.times(two))?;
    third_point(b, &slope, p, &p.u)
}

/// The u coordinates differ. One constraint.
pub(crate) fn enforce_distinct(
    b: &mut Builder,
    rule: Rule,
    u: &Lc,
    other: &Lc,
) -> Result<(), SynthesisError> {
    b.enforce_nonzero(rule, &(other - u))
}

/// The u coordinate of the sum of two points, given the slope of their line: slope^2 = u + A + u1 + u2.
pub(crate) fn sum_u(b: &mut Builder, slope: &Lc, u1: &Lc, u2: &Lc) -> Result<Lc, SynthesisError> {
    let rest = (u1 + u2).plus(Fr::from(A));
    let u = b.witness("u", slope.value() * slope.value() - rest.value())?;
    b.enforce(slope, slope, &(&u + &rest))?;
    Ok(u)
}

/// Reflects where the line of that slope through p meets the curve at u: slope (u1 - u) = v1 + v.
pub(crate) fn sum_v(
    b: &mut Builder,
    slope: &Lc,
    p: &MontgomeryPoint,
    u: &Lc,
) -> Result<Lc, SynthesisError> {
    let run = &p.u - u;
    let v = b.witness("v", slope.value() * run.value() - p.v.value())?;
    b.enforce(slope, &run, &(&p.v + &v))?;
    Ok(v)
}

fn third_point(
    b: &mut Builder,
    slope: &Lc,
    p: &MontgomeryPoint,
    other_u: &Lc,
) -> Result<MontgomeryPoint, SynthesisError> {
    let u = sum_u(b, slope, &p.u, other_u)?;
    let v = sum_v(b, slope, p, &u)?;
    Ok(MontgomeryPoint { u, v })
}
