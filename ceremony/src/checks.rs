//! Checks of many equations at once, by random weights.
//!
//! A sum with weights of 128 bits is right with a chance of 2^-128 if any of its parts is wrong, provided
//! that all points lie in the prime subgroup: of a point that doesn't, a weight can make the wrong part
//! vanish. In G1 all points of the curve do. In G2 the cofactor's least factor is 10069; so there sums with
//! small weights are taken, twelve with 11 bits each. In each of them a point off the subgroup leads off it
//! but for one weight of 2048 at most, since no two weights differ by a multiple of its part's order; all
//! twelve miss it with a chance of 2^-132. Those sums are the windows of [`crate::sums`], so the sum that an
//! equation is about comes with the check.
//!
//! Weights come from the operating system after the file is fixed. Who could foresee them could pass.

use std::collections::HashMap;

use ark_bn254::{Bn254, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::pairing::Pairing as _;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Zero as _;
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroize as _;

use crate::points::stored;
use crate::sums::{Buckets, Digits, WINDOWS};

/// Up to so many points are checked to lie in the subgroup one by one.
const FEW: usize = 64;

/// A source of weights that nobody foresees.
pub struct Weights(ChaCha20Rng);

impl Weights {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// If it gives no randomness.
    pub fn from_os() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let weights = Self(ChaCha20Rng::from_seed(seed));
        seed.zeroize();
        Ok(weights)
    }

    /// Repeatable: for tests only.
    #[cfg(test)]
    pub fn fixed() -> Self {
        Self(ChaCha20Rng::from_seed([7; 32]))
    }

    /// A weight other than zero.
    pub fn weight(&mut self) -> u128 {
        loop {
            let weight = u128::from(self.0.next_u64()) << 64 | u128::from(self.0.next_u64());
            if weight != 0 {
                return weight;
            }
        }
    }

    /// Weights for sums that share them.
    pub(crate) fn shared(&mut self) -> Shared {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        Shared(ChaCha20Rng::from_seed(seed))
    }
}

/// Weights of 132 bits that can be had again: by their places.
pub(crate) struct Shared(ChaCha20Rng);

impl Shared {
    /// The weights of so many places.
    pub fn digits(&mut self, from: u64, count: usize) -> Digits {
        // Two digits to a word.
        self.0
            .set_word_pos(u128::from(from) * (WINDOWS as u128 / 2));
        let mut word = 0;
        let mut second = true;
        Digits::random(count, || {
            second = !second;
            if !second {
                word = self.0.next_u32();
            } else {
                word >>= 16;
            }
            word as u16
        })
    }
}

/// Whether all points of the curve lie in the prime subgroup. Infinity does.
pub fn in_subgroup(points: &[G2Affine], weights: &mut Weights) -> bool {
    if points.len() <= FEW {
        return points
            .iter()
            .all(|p| p.is_in_correct_subgroup_assuming_on_curve());
    }
    let mut sums = Buckets::new();
    sums.add(points, &weights.shared().digits(0, points.len()));
    all_in_subgroup(&sums.windows())
}

/// Whether the windows of a sum with random weights, and so all of its points, lie in the prime subgroup.
pub(crate) fn all_in_subgroup(windows: &[G2Projective]) -> bool {
    G2Projective::normalize_batch(windows)
        .iter()
        .all(|sum| sum.is_in_correct_subgroup_assuming_on_curve())
}

/// Equations between ratios, checked all at once.
#[derive(Default)]
pub struct Ratios {
    /// By the bytes of a point of G2: what is paired with it.
    terms: HashMap<Vec<u8>, (G2Affine, G1Projective)>,
    degenerate: bool,
}

impl Ratios {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// That the first two points have the same ratio as the last two: e(a, B) = e(b, A), with none of the
    /// four at infinity.
    pub fn same(
        &mut self,
        (a, b): (G1Affine, G1Affine),
        (big_a, big_b): (G2Affine, G2Affine),
        weights: &mut Weights,
    ) {
        if a.is_zero() || b.is_zero() || big_a.is_zero() || big_b.is_zero() {
            self.degenerate = true;
            return;
        }
        let weight = weights.weight();
        let limbs = [weight as u64, (weight >> 64) as u64];
        self.pair(a.mul_bigint(limbs), big_b);
        self.pair(-b.mul_bigint(limbs), big_a);
    }

    fn pair(&mut self, with: G1Projective, point: G2Affine) {
        let entry = self.terms.entry(stored(&[point]));
        let (_, sum) = entry.or_insert((point, G1Projective::zero()));
        *sum += with;
    }

    /// Whether all of them hold: two Miller loops for each pair of points of G2, one final exponentiation.
    pub fn hold(self) -> bool {
        if self.degenerate {
            return false;
        }
        let (points, sums): (Vec<_>, Vec<_>) = self.terms.into_values().unzip();
        let sums = G1Projective::normalize_batch(&sums);
        Bn254::multi_pairing(sums, points).is_zero()
    }
}

/// An equation between ratios, and what is wrong if it doesn't hold.
pub type Named<F> = (F, (G1Affine, G1Affine), (G2Affine, G2Affine));

/// Checks all equations at once. If they don't hold together, the first one that is broken is looked for
/// by halves, so that a bad one among thousands costs little more than none.
///
/// # Errors
/// What is wrong with the first that doesn't hold.
pub fn all_hold<F: Clone>(equations: &[Named<F>], weights: &mut Weights) -> Result<(), F> {
    let mut hold = |part: &[Named<F>]| {
        let mut together = Ratios::new();
        for (_, small, large) in part {
            together.same(*small, *large, weights);
        }
        together.hold()
    };
    if hold(equations) {
        return Ok(());
    }
    let mut broken = equations;
    while broken.len() > 1 {
        let (first, second) = broken.split_at(broken.len() / 2);
        broken = if hold(first) { second } else { first };
    }
    broken
        .first()
        .map_or(Ok(()), |(fault, ..)| Err(fault.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use ark_ec::short_weierstrass::SWCurveConfig as _;
    use ark_ff::{PrimeField as _, UniformRand as _};

    use crate::stream::Stream;

    /// A point of the twist that isn't in the subgroup.
    fn off_subgroup(rng: &mut impl ark_std::rand::Rng) -> G2Affine {
        loop {
            let x = ark_bn254::Fq2::rand(rng);
            if let Some(p) = G2Affine::get_point_from_x_unchecked(x, true)
                && !p.is_in_correct_subgroup_assuming_on_curve()
            {
                return p;
            }
        }
    }

    /// An element of order 10069, the cofactor's smallest factor.
    fn small_order(rng: &mut impl ark_std::rand::Rng) -> G2Affine {
        use num_bigint::BigUint;
        let q = BigUint::from(ark_bn254::Fq::MODULUS);
        let r = BigUint::from(Fr::MODULUS);
        let order = &r * (&q + &q - &r);
        let rest = &order / 10069u32;
        assert_eq!(&rest * 10069u32, order);
        loop {
            let p = off_subgroup(rng);
            let p = ark_bn254::g2::Config::mul_affine(&p, &rest.to_u64_digits()).into_affine();
            if !p.is_zero() {
                return p;
            }
        }
    }

    #[test]
    fn shared_weights_are_the_same_wherever_one_begins() {
        let mut shared = Weights::fixed().shared();
        let all = shared.digits(0, 40);
        let some = shared.digits(17, 5);
        for i in 0..5 {
            assert_eq!(some.scalar(i), all.scalar(17 + i));
            assert_ne!(some.scalar(i), all.scalar(16 + i));
        }
    }

    #[test]
    fn one_point_off_the_subgroup_is_found_though_its_error_has_a_small_order() {
        let mut rng = ark_std::test_rng();
        let mut weights = Weights::fixed();
        let good: Vec<G2Affine> = (0..100)
            .map(|_| (G2Affine::generator() * Fr::rand(&mut rng)).into_affine())
            .collect();
        assert!(in_subgroup(&good, &mut weights));
        let error = small_order(&mut rng);
        assert!((error * Fr::from(10069u64)).is_zero());
        for at in [0, 17, 99] {
            let mut bad = good.clone();
            bad[at] = (bad[at] + error).into_affine();
            assert!(bad[at].is_on_curve());
            assert!(!in_subgroup(&bad, &mut weights), "at {at}");
            assert!(!in_subgroup(&bad[at..at + 1], &mut weights));
        }
    }

    #[test]
    fn a_wrong_ratio_among_many_is_found_and_infinity_is_no_ratio() {
        let mut rng = ark_std::test_rng();
        let mut weights = Weights::fixed();
        let (g, h) = (G1Affine::generator(), G2Affine::generator());
        let mut ratios = |wrong: Option<usize>| {
            let mut ratios = Ratios::new();
            for i in 0..5 {
                let (x, a, b) = (Fr::rand(&mut rng), Fr::rand(&mut rng), Fr::rand(&mut rng));
                let y = if wrong == Some(i) {
                    x + Fr::from(1u64)
                } else {
                    x
                };
                ratios.same(
                    ((g * a).into_affine(), (g * (a * x)).into_affine()),
                    ((h * b).into_affine(), (h * (b * y)).into_affine()),
                    &mut weights,
                );
            }
            ratios
        };
        assert!(ratios(None).hold());
        for i in 0..5 {
            assert!(!ratios(Some(i)).hold());
        }
        let mut none = ratios(None);
        none.same(
            (G1Affine::zero(), G1Affine::zero()),
            (h, h),
            &mut Weights::fixed(),
        );
        assert!(!none.hold());
    }

    #[test]
    fn of_many_equations_the_first_broken_one_is_named() {
        let mut rng = ark_std::test_rng();
        let (g, h) = (G1Affine::generator(), G2Affine::generator());
        let x = Fr::rand(&mut rng);
        let large = (h, (h * x).into_affine());
        let good: Vec<Named<usize>> = (0..9)
            .map(|i| {
                let a = (g * Fr::rand(&mut rng)).into_affine();
                (i, (a, (a * x).into_affine()), large)
            })
            .collect();
        let mut weights = Weights::fixed();
        assert_eq!(all_hold(&good, &mut weights), Ok(()));
        assert_eq!(all_hold::<()>(&[], &mut weights), Ok(()));
        for wrong in [vec![0], vec![8], vec![3, 4], vec![4, 7, 8]] {
            let mut bad = good.clone();
            for i in &wrong {
                bad[*i].1.1 = g;
            }
            assert_eq!(all_hold(&bad, &mut weights), Err(wrong[0]));
            // At infinity nothing holds.
            bad[wrong[0]].1 = (G1Affine::zero(), G1Affine::zero());
            assert_eq!(all_hold(&bad, &mut weights), Err(wrong[0]));
        }
    }

    #[test]
    fn hashed_points_lie_in_the_subgroup() {
        let mut stream = Stream::from_seed([1; 32]);
        let points: Vec<G2Affine> = (0..4).map(|_| stream.g2()).collect();
        assert!(in_subgroup(&points, &mut Weights::fixed()));
    }
}
