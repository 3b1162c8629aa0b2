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
pub(crate) fn split(
    coefficients: &[SecretScalar],
    nodes: &[NodeIndex],
) -> Option<Vec<SecretScalar>> {
    // The library keeps the constant term as a value, the other coefficients as identifiers.
    let mut polynomial: Vec<Share> = coefficients
        .iter()
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
        coefficients.len(),
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
