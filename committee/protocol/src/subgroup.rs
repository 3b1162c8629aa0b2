//! Is a point of Baby Jubjub in the prime subgroup? By a Tate character, in a fifth of the time of a
//! multiplication by the subgroup's order.
//!
//! The curve's group is Z/8 × Z/l, and 8 divides p - 1. For a point T of order 8, the reduced Tate
//! pairing P ↦ f(P)^((p-1)/8), where f is Miller's function of T, is a homomorphism onto the eighth
//! roots of unity whose kernel is 8E, the prime subgroup (Koshelev, "Subgroup membership testing on
//! elliptic curves via the Tate pairing", 2022). Everything here is public data.

use std::sync::LazyLock;

use ark_ec::twisted_edwards::MontCurveConfig as _;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{AdditiveGroup as _, Field as _, One as _, PrimeField as _, Zero as _};
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsConfig, EdwardsProjective};

use crate::field::{Fr, Scalar};

/// The lines of Miller's loop for a point T of order 8, in Montgomery coordinates (u, v).
struct Lines {
    /// u and v of T, and the slope of the tangent there.
    at_t: [Fr; 3],
    /// u and v of 2T, and the slope of the tangent there.
    at_2t: [Fr; 3],
}

/// Any T of order 8 gives the same verdicts; this one comes from the least y that has one.
static LINES: LazyLock<Lines> = LazyLock::new(|| {
    let mut y = Fr::one();
    loop {
        y += Fr::one();
        let Some(p) = EdwardsAffine::get_point_from_y_unchecked(y, false) else {
            continue;
        };
        // The curve's order is 8l, so l·P has an order that divides 8.
        let t: EdwardsProjective = p.mul_bigint(Scalar::MODULUS);
        let t2 = t.double();
        if !t2.double().is_zero() {
            return Lines {
                at_t: tangent(t.into_affine()),
                at_2t: tangent(t2.into_affine()),
            };
        }
    }
});

/// Montgomery coordinates of a point of order 4 or 8, and the slope of the tangent there.
fn tangent(p: EdwardsAffine) -> [Fr; 3] {
    // Neither y = 1 nor x = 0 nor v = 0 occurs at these orders, so all inverses exist.
    let inverse = |v: Fr| v.inverse().unwrap_or_default();
    let u = (Fr::one() + p.y) * inverse(Fr::one() - p.y);
    let v = u * inverse(p.x);
    let a = EdwardsConfig::COEFF_A;
    let slope = (u.square() * Fr::from(3u8) + (a * u).double() + Fr::one()) * inverse(v.double());
    [u, v, slope]
}

/// Whether a point of the curve is in the prime subgroup. True for the identity.
pub fn contains(p: &EdwardsAffine) -> bool {
    if p.x.is_zero() {
        // The identity (0, 1), or (0, -1) of order 2.
        return p.y.is_one();
    }
    // Miller's function is l_T⁴·l_2T²·u / (v_2T⁴·u²): tangents l, verticals v. An inverse is a seventh
    // power up to eighth powers, which the exponent kills; so are the denominators of u = (1+y)/(1-y)
    // and v = u/x, so that nothing is divided. It is zero at T, 2T, 4T and 6T, which are refused.
    let (u, w) = (Fr::one() + p.y, Fr::one() - p.y);
    // The tangent's value times w·x.
    let line = |[u0, v0, slope]: [Fr; 3]| u - p.x * (v0 * w + slope * (u - u0 * w));
    let vertical = u - LINES.at_2t[0] * w;
    let uw = u * w;
    let uw3 = uw.square() * uw;
    let square = (line(LINES.at_t) * vertical).square() * line(LINES.at_2t) * p.x;
    let f = square.square() * uw3.square() * uw;
    // (p - 1)/8: p is 1 modulo 8, so shifting drops exactly the 1.
    f.pow(Fr::MODULUS >> 3).is_one()
}

#[cfg(test)]
mod tests {
    use ark_ec::PrimeGroup as _;
    use ark_ec::twisted_edwards::TECurveConfig as _;
    use ark_std::UniformRand as _;
    use ark_std::rand::SeedableRng as _;
    use ark_std::rand::rngs::StdRng;

    use super::*;

    /// The eight points whose order divides 8.
    fn torsion() -> Vec<EdwardsProjective> {
        let mut rng = StdRng::seed_from_u64(8);
        loop {
            let y = Fr::rand(&mut rng);
            let Some(p) = EdwardsAffine::get_point_from_y_unchecked(y, false) else {
                continue;
            };
            let t: EdwardsProjective = p.mul_bigint(Scalar::MODULUS);
            if !t.double().double().is_zero() {
                return (0..8u64).map(|k| t.mul_bigint([k])).collect();
            }
        }
    }

    #[test]
    fn agrees_with_multiplication_by_the_order_on_all_eight_cosets() {
        let mut rng = StdRng::seed_from_u64(1);
        let torsion = torsion();
        for _ in 0..64 {
            let good = EdwardsAffine::generator() * Scalar::rand(&mut rng);
            for (k, t) in torsion.iter().enumerate() {
                let p = (good + t).into_affine();
                assert!(p.is_on_curve());
                assert_eq!(contains(&p), k == 0, "coset {k}");
                assert_eq!(contains(&p), p.is_in_correct_subgroup_assuming_on_curve());
            }
        }
    }

    #[test]
    fn agrees_with_multiplication_by_the_order_on_random_points_of_the_curve() {
        let mut rng = StdRng::seed_from_u64(2);
        let mut inside = 0;
        for _ in 0..512 {
            let Some(p) = EdwardsAffine::get_point_from_y_unchecked(Fr::rand(&mut rng), true)
            else {
                continue;
            };
            assert_eq!(contains(&p), p.is_in_correct_subgroup_assuming_on_curve());
            inside += usize::from(contains(&p));
        }
        assert!(inside > 0);
    }

    #[test]
    fn low_order_points_are_outside_and_the_identity_is_inside() {
        for (k, t) in torsion().iter().enumerate() {
            assert_eq!(contains(&t.into_affine()), k == 0, "{k}·T");
        }
        assert!(contains(&EdwardsAffine::zero()));
        assert!(!contains(&EdwardsAffine::new_unchecked(
            Fr::zero(),
            -Fr::one()
        )));
    }

    #[test]
    fn edge_multiples_of_the_generator_and_their_negatives_are_inside() {
        for k in 1u64..20 {
            let p = (EdwardsAffine::generator() * Scalar::from(k)).into_affine();
            assert!(contains(&p));
            assert!(contains(&-p));
        }
    }

    #[test]
    fn the_montgomery_form_is_the_one_that_the_lines_are_written_for() {
        assert_eq!(EdwardsConfig::COEFF_B, Fr::one());
        let (a, d) = (
            <EdwardsConfig as ark_ec::twisted_edwards::TECurveConfig>::COEFF_A,
            EdwardsConfig::COEFF_D,
        );
        assert_eq!(
            <EdwardsConfig as ark_ec::twisted_edwards::MontCurveConfig>::COEFF_A * (a - d),
            (a + d).double()
        );
        for [u, v, _] in [LINES.at_t, LINES.at_2t] {
            assert_eq!(
                v.square(),
                u * u.square()
                    + <EdwardsConfig as ark_ec::twisted_edwards::MontCurveConfig>::COEFF_A
                        * u.square()
                    + u
            );
        }
    }
}
