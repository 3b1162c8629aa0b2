//! Shamir sharing and Feldman's check, by `vsss-rs`, behind types that close its traps.
//!
//! - A verifier vector of the library starts with the generator and is as long as it likes; here the
//!   generator is always B8, put in by us, and the length is fixed before ([`Feldman::new`]).
//! - The library's combination doesn't know the threshold; a
//!   [`Quorum`](crate::opening::Quorum) counts first.
//! - Its scalars print their values and are `Copy`: they live inside these functions only.

mod field;
mod group;

use ark_ff::{Field as _, One as _, Zero as _};
use taceo_ark_babyjubjub::EdwardsProjective;
use tacit_protocol::field::{Scalar, SecretScalar};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::point::Point;
use vsss_rs::{
    DefaultShare, FeldmanVerifierSet, IdentifierPrimeField, ShareVerifierGroup, ValuePrimeField,
    shamir,
};
use zeroize::Zeroize as _;

use field::ShareScalar;
use group::PublicGroup;

type Share = DefaultShare<IdentifierPrimeField<ShareScalar>, ValuePrimeField<ShareScalar>>;
type Verifier = ShareVerifierGroup<PublicGroup>;

/// A node's place on the polynomials: never 0, where the secret lies.
pub(crate) fn place(node: NodeIndex) -> Scalar {
    Scalar::from(u32::from(node) + 1)
}

fn identifier(node: NodeIndex) -> IdentifierPrimeField<ShareScalar> {
    IdentifierPrimeField(ShareScalar::from_ark(&place(node)))
}

/// The values of the polynomial with these coefficients (constant term first, at least two) at the
/// nodes' places, in the order of `nodes`. `None` for fewer nodes than coefficients.
pub(crate) fn split<'a>(
    coefficients: impl Iterator<Item = &'a SecretScalar>,
    nodes: &[NodeIndex],
) -> Option<Vec<SecretScalar>> {
    // The library keeps the constant term as a value, the other coefficients as identifiers.
    let mut polynomial: Vec<Share> = coefficients
        .enumerate()
        .map(|(k, coefficient)| {
            let c = IdentifierPrimeField(ShareScalar::from_ark(coefficient.expose()));
            let zero = IdentifierPrimeField::ZERO;
            if k == 0 {
                DefaultShare {
                    identifier: zero,
                    value: c,
                }
            } else {
                DefaultShare {
                    identifier: c,
                    value: zero,
                }
            }
        })
        .collect();
    let mut shares = vec![Share::default(); nodes.len()];
    let split = shamir::create_shares_from_polynomial_in_place(
        &polynomial,
        polynomial.len(),
        nodes.iter().map(|&node| identifier(node)),
        &mut shares,
    );
    let secrets = shares
        .iter()
        .map(|share| SecretScalar::new(share.value.0.to_ark()))
        .collect();
    polynomial.zeroize();
    shares.zeroize();
    split.ok().map(|()| secrets)
}

/// A vector of Feldman commitments, or the sum of several.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Feldman(Vec<Verifier>);

impl Feldman {
    /// From the commitments a_0·B8, a_1·B8, …: B8 itself is prepended here, never received.
    pub(crate) fn new(commitments: &[EdwardsProjective]) -> Self {
        let verifiers: Vec<_> = commitments
            .iter()
            .map(|&p| ShareVerifierGroup::from(PublicGroup(p)))
            .collect();
        let set = <Vec<Verifier> as FeldmanVerifierSet<Share, Verifier>>::feldman_set_with_generator_and_verifiers;
        Self(set(Verifier::generator(), &verifiers))
    }

    /// The polynomial's value at the node's place, times B8.
    pub(crate) fn at(&self, node: NodeIndex) -> EdwardsProjective {
        // It errs for an empty vector only: no commitments, the zero polynomial.
        FeldmanVerifierSet::<Share, Verifier>::evaluate_at(&self.0, &identifier(node))
            .map_or_else(|_| EdwardsProjective::zero(), |v| v.0.0)
    }

    /// Whether `share` is the polynomial's value at the node's place.
    pub(crate) fn verify(&self, node: NodeIndex, share: &SecretScalar) -> bool {
        // Our own multiplication on the secret's side: the library's group is variable time here.
        Point::mul_generator(share.expose())
            .is_ok_and(|p| EdwardsProjective::from(p.affine()) == self.at(node))
    }
}

/// Lagrange coefficients at 0 for these distinct nodes.
pub(crate) fn lagrange(nodes: &[NodeIndex]) -> Vec<Scalar> {
    nodes
        .iter()
        .map(|&i| {
            let (mut numerator, mut denominator) = (Scalar::one(), Scalar::one());
            for &j in nodes.iter().filter(|&&j| j != i) {
                numerator *= place(j);
                denominator *= place(j) - place(i);
            }
            // Distinct places below l: no factor is zero.
            numerator * denominator.inverse().unwrap_or_default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ark_std::UniformRand as _;
    use ark_std::rand::SeedableRng as _;
    use ark_std::rand::rngs::StdRng;
    use vsss_rs::{ReadableShareSet as _, ValueGroup};

    use super::*;

    fn polynomial(t: usize) -> Vec<SecretScalar> {
        let mut rng = StdRng::seed_from_u64(t as u64);
        (0..t)
            .map(|_| SecretScalar::new(Scalar::rand(&mut rng)))
            .collect()
    }

    fn feldman(polynomial: &[SecretScalar]) -> Feldman {
        let points: Vec<_> = polynomial
            .iter()
            .map(|a| Point::mul_generator(a.expose()).unwrap().affine().into())
            .collect();
        Feldman::new(&points)
    }

    #[test]
    fn shares_are_values_of_the_polynomial_and_pass_feldmans_check() {
        for (t, n) in [(2u16, 2u16), (3, 4), (7, 10), (67, 100)] {
            let polynomial = polynomial(t.into());
            let feldman = feldman(&polynomial);
            let nodes: Vec<NodeIndex> = (0..n).collect();
            let shares = split(polynomial.iter(), &nodes).unwrap();
            for (&node, share) in nodes.iter().zip(&shares).step_by(usize::from(n / 2)) {
                let x = place(node);
                let horner = |sum, a: &SecretScalar| sum * x + a.expose();
                let expected = polynomial.iter().rev().fold(Scalar::zero(), horner);
                assert_eq!(*share.expose(), expected);
                assert!(feldman.verify(node, share));
                assert!(!feldman.verify(node + 1, share));
                assert!(!feldman.verify(node, &SecretScalar::new(expected + Scalar::one())));
            }
        }
    }

    #[test]
    fn a_share_that_is_zero_is_a_share() {
        // The library refuses it; f(x) = x - 1 is zero at the first node's place, and no less right.
        let polynomial = [
            SecretScalar::new(-Scalar::one()),
            SecretScalar::new(Scalar::one()),
        ];
        let zero = SecretScalar::new(Scalar::zero());
        assert_eq!(feldman(&polynomial).at(0), EdwardsProjective::zero());
        let shares = split(polynomial.iter(), &[0, 1]).unwrap();
        assert_eq!(shares[0].expose(), zero.expose());
    }

    #[test]
    fn fewer_nodes_than_coefficients_get_nothing() {
        assert!(split(polynomial(3).iter(), &[0, 1]).is_none());
        assert!(split(polynomial(1).iter(), &[0, 1]).is_none());
    }

    #[test]
    fn our_coefficients_combine_as_the_library_does() {
        let polynomial = polynomial(3);
        let nodes = [4, 0, 9];
        let shares = split(polynomial.iter(), &nodes).unwrap();
        let set: Vec<Share> = nodes
            .iter()
            .zip(&shares)
            .map(|(&node, share)| DefaultShare {
                identifier: identifier(node),
                value: IdentifierPrimeField(ShareScalar::from_ark(share.expose())),
            })
            .collect();
        let ours: Scalar = lagrange(&nodes)
            .iter()
            .zip(&shares)
            .map(|(l, s)| *l * s.expose())
            .sum();
        assert_eq!(ours, set.combine().unwrap().0.to_ark());
        assert_eq!(ours, *polynomial[0].expose());

        // And for points.
        let base = Point::mul_generator(&Scalar::from(77u8)).unwrap();
        let set: Vec<DefaultShare<_, ValueGroup<PublicGroup>>> = nodes
            .iter()
            .zip(&shares)
            .map(|(&node, share)| DefaultShare {
                identifier: identifier(node),
                value: ValueGroup(PublicGroup(base.affine() * share.expose())),
            })
            .collect();
        let expected = base.affine() * polynomial[0].expose();
        assert_eq!(set.combine().unwrap().0.0, expected);
    }
}
