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
use ark_ff::{MontFp, PrimeField as _};
use num_bigint::{BigInt, Sign};
use rayon::prelude::*;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::affine::{Work, add, double};

/// Points that share inversions. Their tables fit a core's second cache.
const BATCH: usize = 1 << 11;
/// Digits are odd and below 2^(WINDOW - 1).
const WINDOW: u32 = 5;

/// A part of a scalar: a magnitude, and whether it is subtracted.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
struct Part {
    negative: bool,
    magnitude: u128,
}

/// A scalar's parts: of a secret, as good as the secret.
#[doc(hidden)]
pub struct Parts([Part; 4]);

/// A group whose scalars split.
pub trait Scalable: AffineRepr<ScalarField = Fr> + crate::points::Encoded {
    /// The curve.
    type Curve: SWCurveConfig<ScalarField = Fr>;
    /// Parts of a scalar.
    const PARTS: usize;
    /// Digits of a part at most.
    #[doc(hidden)]
    const PLACES: usize;
    /// As the arkworks type.
    fn as_affine(&self) -> Affine<Self::Curve>;
    /// From the arkworks type.
    fn from_affine(point: Affine<Self::Curve>) -> Self;
    #[doc(hidden)]
    fn split(scalar: &Fr) -> Parts;
    #[doc(hidden)]
    fn twist(point: Affine<Self::Curve>, power: usize) -> Affine<Self::Curve>;
}

/// Scalars, recoded to few signed digits. Wiped when dropped.
pub(crate) struct Digits {
    /// By place, then by part, then by scalar.
    digits: Zeroizing<Vec<i8>>,
    count: usize,
    parts: usize,
    /// Places up to the highest digit.
    top: usize,
}

impl Digits {
    /// Digits that are zero, or odd and below 2^(window - 1).
    pub fn of<P: Scalable>(scalars: &[Fr], window: u32) -> Self {
        let (count, parts) = (scalars.len(), P::PARTS);
        let mut digits = Zeroizing::new(vec![0i8; P::PLACES * parts * count]);
        let mut top = 0;
        for (i, scalar) in scalars.iter().enumerate() {
            let split = P::split(scalar);
            for (number, part) in split.0.iter().take(parts).enumerate() {
                recode(part, window, |place, digit| {
                    top = top.max(place + 1);
                    if let Some(to) = digits.get_mut((place * parts + number) * count + i) {
                        *to = digit;
                    }
                });
            }
        }
        Self {
            digits,
            count,
            parts,
            top,
        }
    }

    /// Places up to the highest digit.
    pub fn places(&self) -> usize {
        self.top
    }

    /// The digits of all scalars' part at a place.
    pub fn at(&self, place: usize, part: usize) -> &[i8] {
        let start = (place * self.parts + part) * self.count;
        self.digits
            .get(start..start + self.count)
            .unwrap_or_default()
    }
}

/// Signed digits, zero or odd, of some width (wNAF: Solinas 2000), from the lowest.
fn recode(part: &Part, window: u32, mut digit: impl FnMut(usize, i8)) {
    let mut rest = Zeroizing::new(part.magnitude);
    // The last carry can make the number one bit longer than 128.
    let mut carry = false;
    let mut place = 0;
    while *rest != 0 || carry {
        let odd = (*rest & 1 == 1) != carry;
        if odd {
            let low = (*rest & ((1 << window) - 1)) as i16 + i16::from(carry);
            carry = low >= 1 << (window - 1);
            let signed = low - (i16::from(carry) << window);
            digit(place, if part.negative { -signed } else { signed } as i8);
            *rest >>= window;
            place += window as usize;
        } else {
            *rest >>= 1;
            place += 1;
        }
    }
}

/// `points[i] * scalars[i]` for all i; of the longer list, the rest is left out.
pub fn each<P: Scalable>(points: &[P], scalars: &[Fr]) -> Vec<P> {
    points
        .par_chunks(BATCH)
        .zip(scalars.par_chunks(BATCH))
        .flat_map_iter(|(points, scalars)| batch(points, &Digits::of::<P>(scalars, WINDOW)))
        .collect()
}

/// `points[i] * scalar` for all i.
pub fn all<P: Scalable>(points: &[P], scalar: &Fr) -> Vec<P> {
    let digits = Digits::of::<P>(std::slice::from_ref(scalar), WINDOW);
    points
        .par_chunks(BATCH)
        .flat_map_iter(|points| batch(points, &digits))
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

/// Each point times its scalar, or times the only one.
fn batch<P: Scalable>(points: &[P], digits: &Digits) -> Vec<P> {
    let bases: Vec<_> = points.iter().map(P::as_affine).collect();
    let mut work = Work::default();
    let table = odd_multiples(&bases, WINDOW, &mut work);
    let mut sums = vec![Affine::<P::Curve>::identity(); bases.len()];
    for place in (0..digits.places()).rev() {
        double(&mut sums, &mut work);
        for part in 0..P::PARTS {
            work.terms.clear();
            let multiple = |(i, digit): (usize, i8)| {
                if digit == 0 {
                    return None;
                }
                let multiples = table.get(usize::from(digit.unsigned_abs()) / 2)?;
                let multiple = P::twist(*multiples.get(i)?, part);
                Some((i, if digit < 0 { -multiple } else { multiple }))
            };
            match digits.at(place, part) {
                [0] => continue,
                [same] => work
                    .terms
                    .extend((0..sums.len()).filter_map(|i| multiple((i, *same)))),
                all => {
                    let all = all.iter().copied().enumerate();
                    work.terms.extend(all.filter_map(multiple));
                }
            }
            add(&mut sums, &mut work);
        }
    }
    sums.into_iter().map(P::from_affine).collect()
}

/// P, 3P, 5P, … for each of the points, as far as digits of the window go.
pub(crate) fn odd_multiples<C: SWCurveConfig>(
    bases: &[Affine<C>],
    window: u32,
    work: &mut Work<C>,
) -> Vec<Vec<Affine<C>>> {
    let mut twice = bases.to_vec();
    double(&mut twice, work);
    let mut table = vec![bases.to_vec()];
    for k in 1..1 << (window - 2) {
        let mut next = table[k - 1].clone();
        work.terms.clear();
        work.terms.extend(twice.iter().copied().enumerate());
        add(&mut next, work);
        table.push(next);
    }
    table
}

/// A lattice of scalars' parts: rows c with c0 + c1 z + c2 z^2 + … = 0 modulo r, z being the endomorphism's
/// eigenvalue. The nearest point of the lattice is taken off a scalar; what is left are its parts.
struct Lattice<const N: usize> {
    rows: [[i128; N]; N],
    /// The first row of the inverse, times 2^256, rounded: signs and limbs from the lowest.
    rounding: [(bool, [u64; 4]); N],
}

impl<const N: usize> Lattice<N> {
    fn new(rows: [[i128; N]; N]) -> Self {
        let numbers = rows.map(|row| row.map(BigInt::from));
        let all: Vec<Vec<&BigInt>> = numbers.iter().map(|row| row.iter().collect()).collect();
        let determinant = determinant(&all);
        let mut rounding = [(false, [0; 4]); N];
        for (row, to) in rounding.iter_mut().enumerate() {
            // The cofactor of the row's first entry.
            let others = all.iter().enumerate().filter(|(other, _)| *other != row);
            let rest: Vec<Vec<&BigInt>> = others.map(|(_, r)| r[1..].to_vec()).collect();
            let minor = self::determinant(&rest);
            let minor = if row % 2 == 0 { minor } else { -minor };
            let entry = (minor << 256u32) / &determinant;
            to.0 = entry.sign() == Sign::Minus;
            for (limb, digit) in to.1.iter_mut().zip(entry.iter_u64_digits()) {
                *limb = digit;
            }
        }
        Self { rows, rounding }
    }

    /// Numbers of fixed size, so that nothing is left behind on the heap. The parts are far below 2^127, so
    /// all arithmetic but the rounding is modulo 2^128.
    fn split(&self, scalar: &Fr) -> Parts {
        let limbs = Zeroizing::new(scalar.into_bigint().0);
        let mut rest = Zeroizing::new([0u128; N]);
        rest[0] = u128::from(limbs[0]) | u128::from(limbs[1]) << 64;
        for (row, (negative, rounding)) in self.rows.iter().zip(&self.rounding) {
            let mut times = rounded(&limbs, rounding);
            if *negative {
                times = times.wrapping_neg();
            }
            for (rest, entry) in rest.iter_mut().zip(row) {
                *rest = rest.wrapping_sub(times.wrapping_mul(*entry as u128));
            }
            times.zeroize();
        }
        let mut parts = Parts(Default::default());
        for (part, rest) in parts.0.iter_mut().zip(rest.iter()) {
            let signed = *rest as i128;
            part.negative = signed < 0;
            part.magnitude = signed.unsigned_abs();
        }
        parts
    }
}

/// The lowest 128 bits of a * b / 2^256, rounded.
fn rounded(a: &[u64; 4], b: &[u64; 4]) -> u128 {
    let mut product = Zeroizing::new([0u64; 8]);
    for (i, a) in a.iter().enumerate() {
        let mut carry = 0;
        for (j, b) in b.iter().enumerate() {
            let sum = u128::from(*a) * u128::from(*b) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 4] = carry as u64;
    }
    let whole = u128::from(product[4]) | u128::from(product[5]) << 64;
    whole.wrapping_add(u128::from(product[3] >> 63))
}

/// By the first row.
fn determinant(rows: &[Vec<&BigInt>]) -> BigInt {
    let Some((first, others)) = rows.split_first() else {
        return BigInt::from(1);
    };
    let terms = first.iter().enumerate().map(|(column, entry)| {
        let rest = others.iter();
        let rest = rest.map(|row| [&row[..column], &row[column + 1..]].concat());
        let minor = determinant(&rest.collect::<Vec<_>>());
        let term = *entry * minor;
        if column % 2 == 0 { term } else { -term }
    });
    terms.sum()
}

/// The curve's parameter: q = 36x^4 + 36x^3 + 24x^2 + 6x + 1.
const X: i128 = 4_965_661_367_192_848_881;

/// For the cube root of unity that arkworks uses in G1.
static HALVES: LazyLock<Lattice<2>> = LazyLock::new(|| {
    Lattice::new([
        [6 * X * X + 2 * X, -(2 * X + 1)],
        [2 * X + 1, 6 * X * X + 4 * X + 1],
    ])
});

/// For the twisted Frobenius map in G2.
static QUARTERS: LazyLock<Lattice<4>> = LazyLock::new(|| {
    Lattice::new([
        [X + 1, X, X, -2 * X],
        [2 * X + 1, -X, -(X + 1), -X],
        [2 * X, 2 * X + 1, 2 * X + 1, 2 * X + 1],
        [X - 1, 4 * X + 2, 1 - 2 * X, X - 1],
    ])
});

impl Scalable for Affine<g1::Config> {
    type Curve = g1::Config;
    const PARTS: usize = 2;
    const PLACES: usize = 133;

    fn as_affine(&self) -> Affine<g1::Config> {
        *self
    }

    fn from_affine(point: Affine<g1::Config>) -> Self {
        point
    }

    fn split(scalar: &Fr) -> Parts {
        HALVES.split(scalar)
    }

    fn twist(point: Affine<g1::Config>, power: usize) -> Affine<g1::Config> {
        if power == 0 {
            point
        } else {
            g1::Config::endomorphism_affine(&point)
        }
    }
}

impl Scalable for Affine<g2::Config> {
    type Curve = g2::Config;
    const PARTS: usize = 4;
    const PLACES: usize = 76;

    fn as_affine(&self) -> Affine<g2::Config> {
        *self
    }

    fn from_affine(point: Affine<g2::Config>) -> Self {
        point
    }

    fn split(scalar: &Fr) -> Parts {
        QUARTERS.split(scalar)
    }

    fn twist(mut point: Affine<g2::Config>, power: usize) -> Affine<g2::Config> {
        let Some((x, y)) = power.checked_sub(1).and_then(|i| PSI.get(i)) else {
            return point;
        };
        if power == 2 {
            // Twice the Frobenius map is none, and the factors are of the base field.
            point.x.mul_assign_by_fp(&x.c0);
            point.y = -point.y;
            return point;
        }
        point.x.conjugate_in_place();
        point.y.conjugate_in_place();
        point.x *= x;
        point.y *= y;
        point
    }
}

/// The factors of x and y in the first three powers of the endomorphism; the first are (u + 9)^((q - 1) / 3)
/// and (u + 9)^((q - 1) / 2).
static PSI: LazyLock<[(Fq2, Fq2); 3]> = LazyLock::new(|| {
    let conjugate = |mut a: Fq2| *a.conjugate_in_place();
    let twice = (PSI_X * conjugate(PSI_X), PSI_Y * conjugate(PSI_Y));
    [
        (PSI_X, PSI_Y),
        twice,
        (PSI_X * conjugate(twice.0), PSI_Y * conjugate(twice.1)),
    ]
});

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

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::CurveGroup as _;
    use ark_ff::{Field as _, One as _, UniformRand as _, Zero as _};

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

    fn signed(n: i128) -> Fr {
        let size = Fr::from(n.unsigned_abs());
        if n < 0 { -size } else { size }
    }

    fn splits_well<P: Scalable>(z: Fr, bits: u32) {
        let p = P::generator();
        for power in 0..P::PARTS {
            let twisted = P::from_affine(P::twist(p.as_affine(), power));
            assert!(twisted == (p * z.pow([power as u64])).into_affine());
        }
        for scalar in scalars() {
            let parts = P::split(&scalar);
            let sum = parts.0.iter().rev().fold(Fr::zero(), |sum, part| {
                let size = Fr::from(part.magnitude);
                sum * z + if part.negative { -size } else { size }
            });
            assert_eq!(sum, scalar);
            for part in &parts.0 {
                assert!(u128::BITS - part.magnitude.leading_zeros() <= bits);
            }
            for window in 2..8 {
                let digits = Digits::of::<P>(&[scalar], window);
                assert!(digits.places() <= P::PLACES);
                let sum = (0..digits.places()).rev().fold(Fr::zero(), |sum, place| {
                    (0..P::PARTS).fold(sum + sum, |sum, part| {
                        let digit = digits.at(place, part)[0];
                        assert!(digit == 0 || digit & 1 == 1);
                        assert!(digit.unsigned_abs() < 1 << (window - 1));
                        sum + signed(digit.into()) * z.pow([part as u64])
                    })
                });
                assert_eq!(sum, scalar);
            }
        }
    }

    #[test]
    fn scalars_are_the_sum_of_their_short_parts() {
        let lambda = <g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::LAMBDA;
        splits_well::<G1Affine>(lambda, 127);
        splits_well::<G2Affine>(Fr::from(6u64) * Fr::from(X as u128).square(), 68);
    }

    #[test]
    fn each_row_of_the_lattices_is_zero_at_the_eigenvalue() {
        let lambda = <g1::Config as ark_ec::scalar_mul::glv::GLVConfig>::LAMBDA;
        let psi = Fr::from(6u64) * Fr::from(X as u128).square();
        let at = |row: &[i128], z: Fr| row.iter().rev().fold(Fr::zero(), |s, c| s * z + signed(*c));
        assert!(HALVES.rows.iter().all(|row| at(row, lambda).is_zero()));
        assert!(QUARTERS.rows.iter().all(|row| at(row, psi).is_zero()));
    }
}
