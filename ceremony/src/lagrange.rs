//! From powers of tau to Lagrange polynomials at tau, and back: L_i = 1/m * sum over j of w^(-ij) tau^j,
//! w being a root of unity of order m. An inverse Fourier transform of points.

use ark_bn254::Fr;
use ark_ff::{FftField as _, Field as _, One as _};

use crate::scale::{Scalable, butterflies, each};

/// The root of unity of order 2^power that arkworks and snarkjs use.
pub(crate) fn root(power: u32) -> Option<Fr> {
    Fr::get_root_of_unity(1u64.checked_shl(power)?)
}

/// `1, base, base^2, …`, so many.
pub(crate) fn powers(base: Fr, count: usize) -> Vec<Fr> {
    let next = |power: &Fr| Some(*power * base);
    std::iter::successors(Some(Fr::one()), next)
        .take(count)
        .collect()
}

/// The Lagrange form of 2^power powers. Nothing, if there aren't so many, or no such root.
pub(crate) fn transform<P: Scalable>(mut points: Vec<P>, power: u32) -> Option<Vec<P>> {
    let count = 1usize.checked_shl(power).filter(|n| *n == points.len())?;
    let inverse = root(power)?.inverse()?;
    reverse(&mut points, power);
    let mut width = 1;
    while width < count {
        let twiddles = powers(inverse.pow([(count / (2 * width)) as u64]), width);
        let mut left = Vec::with_capacity(count / 2);
        let mut right = Vec::with_capacity(count / 2);
        for block in points.chunks_exact(2 * width) {
            let (low, high) = block.split_at(width);
            left.extend_from_slice(low);
            right.extend_from_slice(high);
        }
        // The first layer's only factor is one.
        if width > 1 {
            right = each(&right, &twiddles.repeat(count / (2 * width)));
        }
        butterflies(&mut left, &mut right);
        points.clear();
        for (low, high) in left.chunks_exact(width).zip(right.chunks_exact(width)) {
            points.extend_from_slice(low);
            points.extend_from_slice(high);
        }
        width *= 2;
    }
    let share = Fr::from(count as u64).inverse()?;
    Some(crate::scale::all(&points, &share))
}

/// Puts each point where its index, read backwards in bits, says.
fn reverse<P>(points: &mut [P], power: u32) {
    for i in 0..points.len() {
        let j = i.reverse_bits() >> (usize::BITS - power).min(usize::BITS - 1);
        if power > 0 && i < j {
            points.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::{AffineRepr as _, CurveGroup as _};
    use ark_ff::Zero as _;

    /// L_i(tau) = 1/m * sum over j of (tau / w^i)^j.
    fn lagrange(tau: Fr, power: u32, i: u64) -> Fr {
        let ratio = tau * root(power).unwrap().inverse().unwrap().pow([i]);
        let sum: Fr = powers(ratio, 1 << power).into_iter().sum();
        sum / Fr::from(1u64 << power)
    }

    fn agrees<P: Scalable>() {
        let tau = Fr::from(123_456_789u64);
        for power in [0, 1, 2, 5, 9] {
            let points: Vec<P> = powers(tau, 1 << power)
                .iter()
                .map(|s| (P::generator() * s).into_affine())
                .collect();
            let transformed = transform(points, power).unwrap();
            for (i, point) in transformed.iter().enumerate().step_by(7) {
                let expected = P::generator() * lagrange(tau, power, i as u64);
                assert!(*point == expected.into_affine(), "power {power}, point {i}");
            }
        }
    }

    #[test]
    fn the_transform_gives_lagrange_polynomials_at_tau() {
        agrees::<G1Affine>();
        agrees::<G2Affine>();
    }

    #[test]
    fn a_wrong_count_gives_nothing() {
        assert!(transform(vec![G1Affine::zero(); 3], 2).is_none());
        assert!(root(29).is_none());
        assert!(!root(28).unwrap().is_zero());
    }
}
