//! Many points times many scalars, fast: the work that a contribution is made of.
//!
//! Points stay affine, and the one inversion that an affine addition costs is shared by a whole batch
//! (Montgomery's trick). Scalars are split along the curve's endomorphisms: in two halves for G1 (Gallant,
//! Lambert, Vanstone 2001), in four quarters for G2 (Galbraith, Lin, Scott 2009; the lattice for
//! Barreto-Naehrig curves is from Galbraith and Scott 2008), and each part is recoded to few signed digits
//! (wNAF). Time depends on the scalars: contributors' secrets are used once, on a machine that nobody else
//! should be on, and then forgotten.
//!
//! Exact on every point of G1, and in G2 on every point of the prime subgroup (elsewhere the endomorphism
//! is no multiplication, so callers check subgroups first).

use std::sync::LazyLock;

use ark_bn254::{Fq2, Fr, g1, g2};
use ark_ec::AffineRepr;
use ark_ec::scalar_mul::glv::GLVConfig as _;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{Field as _, MontFp, PrimeField as _, Zero as _, batch_inversion};
use num_bigint::{BigInt, Sign};
use rayon::prelude::*;
use zeroize::Zeroize as _;

/// Points that share inversions. Their tables fit a core's second cache.
const BATCH: usize = 1 << 11;
/// Digits are odd and below 2^(WINDOW - 1).
const WINDOW: u32 = 5;
/// Odd multiples in a point's table.
const TABLE: usize = 1 << (WINDOW - 2);

/// A part of a scalar: a magnitude, and whether it is subtracted.
#[derive(Clone, Copy, Default)]
struct Part {
    negative: bool,
    magnitude: u128,
}

/// A group whose scalars split.
pub trait Scalable: AffineRepr<ScalarField = Fr> + crate::points::Encoded {
    /// The curve.
    type Curve: SWCurveConfig<ScalarField = Fr>;
    /// Parts of a scalar.
    const PARTS: usize;
    /// As the arkworks type.
    fn as_affine(&self) -> Affine<Self::Curve>;
    /// From the arkworks type.
    fn from_affine(point: Affine<Self::Curve>) -> Self;
    #[doc(hidden)]
    fn split(scalar: &Fr) -> Digits;
    #[doc(hidden)]
    fn twist(point: Affine<Self::Curve>, power: usize) -> Affine<Self::Curve>;
}

/// A scalar's parts, recoded: for each part, digits from the lowest.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct Digits {
    parts: [Vec<i8>; 4],
}

/// The digits of a secret are as good as the secret.
impl Drop for Digits {
    fn drop(&mut self) {
        self.parts.zeroize();
    }
}

impl Digits {
    fn of(parts: &[Part]) -> Self {
        let mut digits = Self::default();
        for (to, part) in digits.parts.iter_mut().zip(parts) {
            *to = recode(*part);
        }
        digits
    }

    fn len(&self) -> usize {
        self.parts.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn get(&self, part: usize, place: usize) -> i8 {
        let part = self.parts.get(part);
        part.and_then(|p| p.get(place)).copied().unwrap_or(0)
    }
}

/// Signed digits, zero or odd, of width [`WINDOW`] (Solinas 2000).
fn recode(part: Part) -> Vec<i8> {
    let mut digits = Vec::with_capacity(130);
    let mut rest = part.magnitude;
    // The last carry can make the number one bit longer than 128.
    let mut carry = false;
    while rest != 0 || carry {
        let odd = (rest & 1 == 1) != carry;
        if odd {
            let low = (rest & ((1 << WINDOW) - 1)) as i16 + i16::from(carry);
            let digit = if low >= 1 << (WINDOW - 1) {
                low - (1 << WINDOW)
            } else {
                low
            };
            carry = digit < 0;
            digits.push(if part.negative {
                -digit as i8
            } else {
                digit as i8
            });
            rest >>= WINDOW;
            digits.extend([0; WINDOW as usize - 1]);
        } else {
            digits.push(0);
            rest >>= 1;
        }
    }
    digits
}

/// `points[i] * scalars[i]` for all i; of the longer list, the rest is left out.
pub fn each<P: Scalable>(points: &[P], scalars: &[Fr]) -> Vec<P> {
    points
        .par_chunks(BATCH)
        .zip(scalars.par_chunks(BATCH))
        .flat_map_iter(|(points, scalars)| {
            let digits: Vec<Digits> = scalars.iter().map(P::split).collect();
            batch(points, |i| &digits[i])
        })
        .collect()
}

/// `points[i] * scalar` for all i.
pub fn all<P: Scalable>(points: &[P], scalar: &Fr) -> Vec<P> {
    let digits = P::split(scalar);
    points
        .par_chunks(BATCH)
        .flat_map_iter(|points| batch(points, |_| &digits))
        .collect()
}

/// For each i, the sum and the difference of `left[i]` and `right[i]`, in their places.
pub fn butterflies<P: Scalable>(left: &mut [P], right: &mut [P]) {
    left.par_chunks_mut(BATCH)
        .zip(right.par_chunks_mut(BATCH))
        .for_each(|(left, right)| {
            let mut work = Work::default();
            let mut sums: Vec<_> = left.iter().chain(left.iter()).map(P::as_affine).collect();
            let terms = right.iter().map(P::as_affine);
            let opposite = right.iter().map(|p| -p.as_affine());
            work.terms.extend(terms.chain(opposite).enumerate());
            add(&mut sums, &mut work);
            let to = left.iter_mut().chain(right.iter_mut());
            for (to, sum) in to.zip(sums) {
                *to = P::from_affine(sum);
            }
        });
}

fn batch<'a, P: Scalable>(points: &[P], digits: impl Fn(usize) -> &'a Digits) -> Vec<P> {
    let bases: Vec<_> = points.iter().map(P::as_affine).collect();
    let mut work = Work::default();
    let table = odd_multiples(&bases, &mut work);
    let mut sums = vec![Affine::<P::Curve>::identity(); bases.len()];
    let top = (0..bases.len()).map(|i| digits(i).len()).max().unwrap_or(0);
    for place in (0..top).rev() {
        double(&mut sums, &mut work);
        for part in 0..P::PARTS {
            work.terms.clear();
            work.terms.extend((0..sums.len()).filter_map(|i| {
                let digit = digits(i).get(part, place);
                if digit == 0 {
                    return None;
                }
                let multiples = table.get(usize::from(digit.unsigned_abs()) / 2)?;
                let multiple = P::twist(*multiples.get(i)?, part);
                Some((i, if digit < 0 { -multiple } else { multiple }))
            }));
            add(&mut sums, &mut work);
        }
    }
    sums.into_iter().map(P::from_affine).collect()
}

/// P, 3P, 5P, … for each of the points.
fn odd_multiples<C: SWCurveConfig>(bases: &[Affine<C>], work: &mut Work<C>) -> Vec<Vec<Affine<C>>> {
    let mut twice = bases.to_vec();
    double(&mut twice, work);
    let mut table = vec![bases.to_vec()];
    for k in 1..TABLE {
        let mut next = table[k - 1].clone();
        work.terms.clear();
        work.terms.extend(twice.iter().copied().enumerate());
        add(&mut next, work);
        table.push(next);
    }
    table
}

/// Buffers that a batch uses again and again.
struct Work<C: SWCurveConfig> {
    terms: Vec<(usize, Affine<C>)>,
    inverses: Vec<C::BaseField>,
}

impl<C: SWCurveConfig> Default for Work<C> {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            inverses: Vec::new(),
        }
    }
}

/// Doubles all points. The formula is for curves with a = 0.
fn double<C: SWCurveConfig>(points: &mut [Affine<C>], work: &mut Work<C>) {
    work.inverses.clear();
    // Infinity is (0, 0) here, so its y is zero, which the inversion passes over.
    work.inverses.extend(points.iter().map(|p| p.y + p.y));
    batch_inversion(&mut work.inverses);
    for (p, inverse) in points.iter_mut().zip(&work.inverses) {
        if inverse.is_zero() {
            *p = Affine::identity();
            continue;
        }
        let square = p.x.square();
        let slope = (square + square + square) * inverse;
        let x = slope.square() - p.x - p.x;
        p.y = slope * (p.x - x) - p.y;
        p.x = x;
    }
}

/// Adds each of the work's terms to its sum. No sum may have two terms.
fn add<C: SWCurveConfig>(sums: &mut [Affine<C>], work: &mut Work<C>) {
    if work.terms.is_empty() {
        return;
    }
    work.inverses.clear();
    work.inverses.extend(work.terms.iter().map(|(i, term)| {
        let sum = &sums[*i];
        let run = term.x - sum.x;
        // Equal points are doubled; of opposite ones the sum is infinity, and nothing is inverted.
        if run.is_zero() && sum.y == term.y {
            sum.y + sum.y
        } else {
            run
        }
    }));
    batch_inversion(&mut work.inverses);
    for ((i, term), inverse) in work.terms.iter().zip(&work.inverses) {
        let sum = &mut sums[*i];
        if term.is_zero() {
            continue;
        }
        if sum.is_zero() {
            *sum = *term;
            continue;
        }
        if inverse.is_zero() {
            *sum = Affine::identity();
            continue;
        }
        let slope = if sum.x == term.x {
            let square = sum.x.square();
            (square + square + square) * inverse
        } else {
            (term.y - sum.y) * inverse
        };
        let x = slope.square() - sum.x - term.x;
        sum.y = slope * (sum.x - x) - sum.y;
        sum.x = x;
    }
}

impl Scalable for Affine<g1::Config> {
    type Curve = g1::Config;
    const PARTS: usize = 2;

    fn as_affine(&self) -> Affine<g1::Config> {
        *self
    }

    fn from_affine(point: Affine<g1::Config>) -> Self {
        point
    }

    fn split(scalar: &Fr) -> Digits {
        let halves =
            <g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::scalar_decomposition(*scalar);
        let part = |(positive, value): (bool, Fr)| {
            let limbs = value.into_bigint().0;
            Part {
                negative: !positive,
                magnitude: u128::from(limbs[0]) | u128::from(limbs[1]) << 64,
            }
        };
        Digits::of(&[part(halves.0), part(halves.1)])
    }

    fn twist(point: Affine<g1::Config>, power: usize) -> Affine<g1::Config> {
        if power == 0 {
            point
        } else {
            g1::Config::endomorphism_affine(&point)
        }
    }
}

/// The curve's parameter: q = 36x^4 + 36x^3 + 24x^2 + 6x + 1.
const X: i128 = 4_965_661_367_192_848_881;

/// Rows c with c0 + c1 z + c2 z^2 + c3 z^3 = 0 modulo r, z being the endomorphism's eigenvalue.
const LATTICE: [[i128; 4]; 4] = [
    [X + 1, X, X, -2 * X],
    [2 * X + 1, -X, -(X + 1), -X],
    [2 * X, 2 * X + 1, 2 * X + 1, 2 * X + 1],
    [X - 1, 4 * X + 2, 1 - 2 * X, X - 1],
];

/// The first row of the lattice's inverse, times 2^256, rounded.
static ROUNDING: LazyLock<[BigInt; 4]> = LazyLock::new(|| {
    let entry = |row: usize, column: usize| BigInt::from(LATTICE[row][column]);
    // The cofactor of the entry (row, 0), by the rule of Sarrus on what is left.
    let minor = |row: usize| {
        let rest: Vec<usize> = (0..4).filter(|r| *r != row).collect();
        let mut sum = BigInt::from(0);
        for shift in 0..3 {
            let at = |i: usize, up: bool| {
                let column = if up {
                    (shift + i) % 3
                } else {
                    (shift + 3 - i) % 3
                };
                entry(rest[i], column + 1)
            };
            sum += at(0, true) * at(1, true) * at(2, true);
            sum -= at(0, false) * at(1, false) * at(2, false);
        }
        if row.is_multiple_of(2) { sum } else { -sum }
    };
    let minors = [minor(0), minor(1), minor(2), minor(3)];
    let determinant: BigInt = (0..4).map(|row| entry(row, 0) * &minors[row]).sum();
    minors.map(|m| (m << 256u32) / &determinant)
});

impl Scalable for Affine<g2::Config> {
    type Curve = g2::Config;
    const PARTS: usize = 4;

    fn as_affine(&self) -> Affine<g2::Config> {
        *self
    }

    fn from_affine(point: Affine<g2::Config>) -> Self {
        point
    }

    fn split(scalar: &Fr) -> Digits {
        let scalar = BigInt::from(num_bigint::BigUint::from(scalar.into_bigint()));
        let half = BigInt::from(1) << 255u32;
        let mut rest = [
            scalar.clone(),
            BigInt::from(0),
            BigInt::from(0),
            BigInt::from(0),
        ];
        for (row, rounding) in LATTICE.iter().zip(ROUNDING.iter()) {
            let times = (&scalar * rounding + &half) >> 256u32;
            for (rest, entry) in rest.iter_mut().zip(row) {
                *rest -= &times * BigInt::from(*entry);
            }
        }
        let parts = rest.map(|part| Part {
            negative: part.sign() == Sign::Minus,
            magnitude: u128::try_from(part.magnitude()).unwrap_or_default(),
        });
        Digits::of(&parts)
    }

    fn twist(mut point: Affine<g2::Config>, power: usize) -> Affine<g2::Config> {
        for _ in 0..power {
            point.x.conjugate_in_place();
            point.y.conjugate_in_place();
            point.x *= PSI_X;
            point.y *= PSI_Y;
        }
        point
    }
}

/// (u + 9)^((q - 1) / 3).
const PSI_X: Fq2 = Fq2::new(
    MontFp!("21575463638280843010398324269430826099269044274347216827212613867836435027261"),
    MontFp!("10307601595873709700152284273816112264069230130616436755625194854815875713954"),
);

/// (u + 9)^((q - 1) / 2).
const PSI_Y: Fq2 = Fq2::new(
    MontFp!("2821565182194536844548159561693502659359617185244120367078079554186484126554"),
    MontFp!("3505843767911556378687030309984248845540243509899259641013678093033130930403"),
);

const _: fn() = || {
    // The formulas need a = 0, and infinity as (0, 0).
    fn flagless<C: SWCurveConfig<ZeroFlag = ()>>() {}
    flagless::<g1::Config>();
    flagless::<g2::Config>();
};

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::{AdditiveGroup as _, CurveGroup as _};
    use ark_ff::{One as _, UniformRand as _};

    fn scalars() -> Vec<Fr> {
        let mut rng = ark_std::test_rng();
        let mut scalars: Vec<Fr> = (0..40).map(|_| Fr::rand(&mut rng)).collect();
        scalars.extend((0..40u64).map(Fr::from));
        scalars.extend((0..20u64).map(|n| -Fr::from(n)));
        scalars.extend((0..256).step_by(5).map(|n| Fr::from(2u64).pow([n])));
        scalars.extend(
            (0..256)
                .step_by(7)
                .map(|n| Fr::from(2u64).pow([n]) - Fr::one()),
        );
        let lambda = <g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::LAMBDA;
        scalars.extend([lambda, -lambda, lambda + Fr::one(), lambda.square()]);
        scalars
    }

    fn agrees_with_arkworks<P: Scalable>() {
        let mut rng = ark_std::test_rng();
        let scalars = scalars();
        let mut points: Vec<P> = scalars
            .iter()
            .map(|_| (P::generator() * Fr::rand(&mut rng)).into_affine())
            .collect();
        points[3] = P::zero();
        points[50] = P::zero();
        let plain: Vec<P> = (points.iter().zip(&scalars))
            .map(|(p, s)| p.mul_bigint(s.into_bigint()).into_affine())
            .collect();
        assert!(each(&points, &scalars) == plain);
        for scalar in scalars.iter().step_by(9) {
            let plain: Vec<P> = points
                .iter()
                .map(|p| p.mul_bigint(scalar.into_bigint()).into_affine())
                .collect();
            assert!(all(&points, scalar) == plain);
        }
    }

    #[test]
    fn multiples_in_g1_are_arkworks() {
        agrees_with_arkworks::<G1Affine>();
    }

    #[test]
    fn multiples_in_g2_are_arkworks() {
        agrees_with_arkworks::<G2Affine>();
    }

    #[test]
    fn equal_and_opposite_points_in_one_sum_are_added_rightly() {
        let p = G1Affine::generator();
        let q = (p.into_group().double()).into_affine();
        let mut sums = vec![p, p, q, G1Affine::zero(), G1Affine::zero()];
        let mut work = Work {
            terms: vec![(0, p), (1, -p), (2, p), (3, p), (4, G1Affine::zero())],
            inverses: Vec::new(),
        };
        add(&mut sums, &mut work);
        let three = (q.into_group() + p).into_affine();
        assert_eq!(sums, [q, G1Affine::zero(), three, p, G1Affine::zero()]);
    }

    #[test]
    fn each_row_of_the_lattice_is_zero_at_the_eigenvalue() {
        let x = Fr::from(X as u128);
        let z = Fr::from(6u64) * x.square();
        let p = G2Affine::generator();
        assert_eq!(G2Affine::twist(p, 1), (p * z).into_affine());
        for row in LATTICE {
            let sum: Fr = row.iter().rev().fold(Fr::zero(), |sum, c| {
                let c = if *c < 0 {
                    -Fr::from(c.unsigned_abs())
                } else {
                    Fr::from(c.unsigned_abs())
                };
                sum * z + c
            });
            assert!(sum.is_zero());
        }
    }

    #[test]
    fn parts_are_as_short_as_they_should_be() {
        for scalar in scalars() {
            assert!(G1Affine::split(&scalar).len() <= 133);
            assert!(
                G2Affine::split(&scalar).len() <= 74,
                "{}",
                G2Affine::split(&scalar).len()
            );
        }
    }
}
