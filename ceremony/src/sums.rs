//! Sums of many points, each times a scalar: by weights that random digits make, or by any scalars.
//!
//! A scalar is cut into digits of [`BITS`] bits, one for each *window*. In each window the points with the
//! same digit are added first, and what they give is multiplied by the digit only then (Pippenger 1976).
//! Buckets stay from block to block, so a long list is summed in constant memory.
//!
//! With random digits, each window's sum is a random combination with small weights by itself: what the
//! check of the prime subgroup needs.

use ark_bn254::Fr;
use ark_ec::short_weierstrass::{Affine, Projective, SWCurveConfig};
use ark_ec::{AdditiveGroup as _, AffineRepr as _};
use ark_ff::{PrimeField as _, Zero as _};
use rayon::prelude::*;

use crate::affine::{Groups, Work, add};

/// Bits of a digit.
pub(crate) const BITS: u32 = 11;
/// Digits are from -HALF to HALF.
const HALF: i16 = 1 << (BITS - 1);
/// Windows of a random weight: 132 bits.
pub(crate) const WINDOWS: usize = 12;
/// Windows of any scalar.
const WIDE: usize = 24;
/// Stretches of buckets that are summed side by side.
const STRETCHES: usize = 32;

/// Scalars, as digits: for each window those of all scalars.
pub(crate) struct Digits(Vec<Vec<i16>>);

impl Digits {
    /// Digits of random weights from random words, `WINDOWS` for each weight: -HALF to HALF - 1, each as
    /// likely. Every weight of an interval of 2^132 is as likely then.
    pub fn random(count: usize, mut word: impl FnMut() -> u16) -> Self {
        let mut windows: Vec<_> = (0..WINDOWS).map(|_| Vec::with_capacity(count)).collect();
        for _ in 0..count {
            for window in &mut windows {
                window.push((word() >> (16 - BITS)) as i16 - HALF);
            }
        }
        Self(windows)
    }

    /// Of any scalars.
    pub fn of(scalars: &[Fr]) -> Self {
        let all = scalars.len();
        let mut windows: Vec<_> = (0..WIDE).map(|_| Vec::with_capacity(all)).collect();
        for scalar in scalars {
            let limbs = scalar.into_bigint().0;
            let mut carry = 0;
            for (window, at) in windows.iter_mut().zip((0u32..).step_by(BITS as usize)) {
                let (limb, shift) = ((at / 64) as usize, at % 64);
                let low = limbs.get(limb).copied().unwrap_or(0) >> shift;
                let high = match limbs.get(limb + 1) {
                    Some(next) if shift > 64 - BITS => next << (64 - shift),
                    _ => 0,
                };
                let digit = ((low | high) & ((1 << BITS) - 1)) as i16 + carry;
                carry = i16::from(digit > HALF);
                window.push(digit - (carry << BITS));
            }
        }
        Self(windows)
    }

    /// The weight at a place, as a scalar.
    pub fn scalar(&self, place: usize) -> Fr {
        let base = Fr::from(1u64 << BITS);
        self.0.iter().rev().fold(Fr::zero(), |sum, window| {
            let digit = window.get(place).copied().unwrap_or(0);
            sum * base + Fr::from(digit)
        })
    }
}

/// A sum under way.
pub(crate) struct Buckets<C: SWCurveConfig>(Vec<Vec<Affine<C>>>);

impl<C: SWCurveConfig> Buckets<C> {
    /// Of nothing, for random weights.
    pub fn new() -> Self {
        Self::of(WINDOWS)
    }

    /// Of nothing, for any scalars.
    pub fn wide() -> Self {
        Self::of(WIDE)
    }

    fn of(windows: usize) -> Self {
        Self(vec![vec![Affine::identity(); HALF as usize]; windows])
    }

    /// Adds each point times its scalar; of the longer list, the rest is left out.
    pub fn add(&mut self, points: &[Affine<C>], digits: &Digits) {
        let windows = self.0.par_iter_mut().zip(&digits.0);
        windows.for_each(|(buckets, digits)| fill(buckets, points, digits));
    }

    /// Each window's sum: each point times its digit there.
    pub fn windows(&self) -> Vec<Projective<C>> {
        let share = self.0.len().div_ceil(rayon::current_num_threads());
        (self.0.par_chunks(share.max(1)))
            .flat_map_iter(bucket_sums)
            .collect()
    }

    /// The sum of each point times its scalar.
    pub fn total(&self) -> Projective<C> {
        total(&self.windows())
    }
}

/// The whole sum, of its windows.
pub(crate) fn total<C: SWCurveConfig>(windows: &[Projective<C>]) -> Projective<C> {
    windows
        .iter()
        .rev()
        .fold(Projective::zero(), |mut sum, window| {
            for _ in 0..BITS {
                sum.double_in_place();
            }
            sum + window
        })
}

/// Puts each point into the bucket of its digit's size.
fn fill<C: SWCurveConfig>(buckets: &mut [Affine<C>], points: &[Affine<C>], digits: &[i16]) {
    // Places in the order of their digits' sizes.
    let mut starts = vec![0u32; buckets.len() + 2];
    for (_, digit) in points.iter().zip(digits) {
        starts[usize::from(digit.unsigned_abs()) + 1] += 1;
    }
    for size in 1..starts.len() {
        starts[size] += starts[size - 1];
    }
    let mut next = starts.clone();
    let mut order = vec![0u32; points.len().min(digits.len())];
    for ((_, digit), place) in points.iter().zip(digits).zip(0u32..) {
        let to = &mut next[usize::from(digit.unsigned_abs())];
        order[*to as usize] = place;
        *to += 1;
    }
    let mut groups = Groups::default();
    for (bucket, bounds) in buckets.iter().zip(starts[1..].windows(2)) {
        if !bucket.is_zero() {
            groups.push(*bucket);
        }
        for place in &order[bounds[0] as usize..bounds[1] as usize] {
            let point = points[*place as usize];
            let negative = digits[*place as usize] < 0;
            groups.push(if negative { -point } else { point });
        }
        groups.close();
    }
    buckets.copy_from_slice(groups.sum(&mut Work::default()));
}

/// For each window, the sum of its buckets, each times its place from 1.
fn bucket_sums<C: SWCurveConfig>(windows: &[Vec<Affine<C>>]) -> Vec<Projective<C>> {
    // In each stretch from above: what was passed is added once for each step.
    let long = (HALF as usize) / STRETCHES;
    let mut work = Work::default();
    let mut passed = vec![Affine::identity(); windows.len() * STRETCHES];
    let mut sums = passed.clone();
    for step in (0..long).rev() {
        let buckets = windows
            .iter()
            .flat_map(|w| w.iter().skip(step).step_by(long));
        work.terms.clear();
        work.terms.extend(buckets.copied().enumerate());
        add(&mut passed, &mut work);
        work.terms.clear();
        work.terms.extend(passed.iter().copied().enumerate());
        add(&mut sums, &mut work);
    }
    // A stretch's own sums count from its beginning.
    (sums.chunks(STRETCHES).zip(passed.chunks(STRETCHES)))
        .map(|(sums, passed)| {
            let (mut above, mut steps) = (Projective::zero(), Projective::zero());
            for passed in passed.iter().skip(1).rev() {
                above += passed;
                steps += above;
            }
            for _ in 0..long.trailing_zeros() {
                steps.double_in_place();
            }
            sums.iter().fold(steps, |sum, stretch| sum + stretch)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G1Projective, G2Affine, G2Projective};
    use ark_ec::CurveGroup as _;
    use ark_ff::{One as _, UniformRand as _};

    fn points<P: ark_ec::AffineRepr<ScalarField = Fr>>(count: usize) -> Vec<P> {
        let mut rng = ark_std::test_rng();
        let mut points: Vec<P> = (0..count)
            .map(|_| (P::generator() * Fr::rand(&mut rng)).into_affine())
            .collect();
        points[7] = P::zero();
        points[9] = points[8];
        points[10] = (-points[8].into_group()).into_affine();
        points
    }

    fn words() -> impl FnMut() -> u16 {
        let mut rng = ark_std::test_rng();
        move || u16::rand(&mut rng)
    }

    #[test]
    fn a_sum_with_random_weights_is_arkworks_block_by_block() {
        let (small, large) = (points::<G1Affine>(900), points::<G2Affine>(300));
        let mut word = words();
        let (mut g1, mut g2) = (Buckets::new(), Buckets::new());
        let (mut plain1, mut plain2) = (G1Projective::zero(), G2Projective::zero());
        for (small, large) in small.chunks(300).zip(large.chunks(100)) {
            let digits = Digits::random(small.len(), &mut word);
            g1.add(small, &digits);
            g2.add(large, &digits);
            let weight = |i| digits.scalar(i);
            plain1 += (small.iter().enumerate())
                .fold(G1Projective::zero(), |s, (i, p)| s + *p * weight(i));
            plain2 += (large.iter().enumerate())
                .fold(G2Projective::zero(), |s, (i, p)| s + *p * weight(i));
        }
        assert_eq!((g1.total(), g2.total()), (plain1, plain2));
    }

    #[test]
    fn a_windows_sum_has_the_digits_for_weights() {
        let points = points::<G1Affine>(40);
        let digits = Digits::random(40, words());
        let mut buckets = Buckets::new();
        buckets.add(&points, &digits);
        for (sum, digits) in buckets.windows().iter().zip(&digits.0) {
            let terms = points.iter().zip(digits);
            assert_eq!(
                *sum,
                terms.map(|(p, d)| *p * Fr::from(*d)).sum::<G1Projective>()
            );
        }
    }

    #[test]
    fn random_weights_have_132_bits_of_either_sign() {
        let all = [0, u16::MAX];
        let ends = all.map(|word| Digits::random(1, || word).scalar(0));
        let two = Fr::from(2u64);
        // Every digit is HALF below what its bits say.
        let shift = Digits::random(1, || 1 << 15).scalar(0);
        assert!(shift.is_zero());
        use ark_ff::Field as _;
        assert_eq!(ends[1] - ends[0], two.pow([132]) - Fr::one());
    }

    #[test]
    fn a_sum_with_any_scalars_is_arkworks() {
        let mut rng = ark_std::test_rng();
        let points = points::<G1Affine>(400);
        let mut scalars: Vec<Fr> = (0..400).map(|_| Fr::rand(&mut rng)).collect();
        scalars[0] = -Fr::one();
        scalars[1] = Fr::zero();
        scalars[2] = Fr::from(1024u64);
        scalars[3] = Fr::from(1025u64);
        let digits = Digits::of(&scalars);
        for (i, scalar) in scalars.iter().enumerate() {
            assert_eq!(digits.scalar(i), *scalar);
        }
        let mut buckets = Buckets::wide();
        buckets.add(&points, &digits);
        let terms = points.iter().zip(&scalars);
        assert_eq!(
            buckets.total(),
            terms.map(|(p, s)| *p * s).sum::<G1Projective>()
        );
    }
}
