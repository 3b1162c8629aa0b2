//! Proofs of knowledge of an exponent (Schnorr), and that two points have the same exponent (DLEQ,
//! Chaum and Pedersen; the batched form is RFC 9497's, section 2.2).
//!
//! A challenge hashes everything that the statement is about, the proof's place in the protocol
//! first. All points are in the prime subgroup by type, so the equations need no cofactor.

use ark_ec::AffineRepr as _;
use ark_ff::{One as _, Zero as _};
use hkdf::Hkdf;
use sha2::Sha256;
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::field::{PublicScalar, Scalar, SecretScalar};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::point::Point;
use tacit_protocol::proofs::{DleqProof, SchnorrProof};
use zeroize::Zeroizing;

use crate::committee::DkgContext;
use crate::curve::{encode, msm, mul_secret};

/// A secret exponent that isn't zero, and its multiple of B8.
pub(crate) struct KeyPair {
    pub(crate) secret: SecretScalar,
    pub(crate) public: Point,
}

/// A uniform exponent that isn't zero, expanded from `hkdf` for `info` alone, and its point.
pub(crate) fn nonzero_pair(hkdf: &Hkdf<Sha256>, info: &[u8]) -> KeyPair {
    let mut counter = 0u8;
    loop {
        let mut wide = Zeroizing::new([0; 64]);
        hkdf.expand_multi_info(&[info, &[counter]], &mut wide[..])
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        let secret = SecretScalar::from_wide(&wide);
        if let Ok(public) = Point::mul_generator(secret.expose()) {
            return KeyPair { secret, public };
        }
        // Zero, with probability 2^-250: the next one.
        counter = counter.wrapping_add(1);
    }
}

/// What an exponent is for: a proof for one purpose proves nothing elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A node's encryption key.
    Key { node: NodeIndex },
    /// The constant term of a dealer's polynomial.
    Possession { dealer: NodeIndex },
    /// A dealer's ephemeral point for one recipient.
    Ephemeral {
        dealer: NodeIndex,
        recipient: NodeIndex,
    },
}

impl Purpose {
    fn bind(self, hasher: Hasher) -> Hasher {
        let (kind, dealer, recipient) = match self {
            Self::Key { node } => (0u8, node, node),
            Self::Possession { dealer } => (1, dealer, dealer),
            Self::Ephemeral { dealer, recipient } => (2, dealer, recipient),
        };
        hasher
            .chain([kind])
            .chain(dealer.to_be_bytes())
            .chain(recipient.to_be_bytes())
    }
}

/// 512 bits of the transcript, reduced mod l.
fn scalar(hasher: Hasher) -> Scalar {
    let mut wide = [0; 64];
    let (low, high) = wide.split_at_mut(32);
    low.copy_from_slice(hasher.clone().chain([0]).finish().as_bytes());
    high.copy_from_slice(hasher.chain([1]).finish().as_bytes());
    *SecretScalar::from_wide(&wide).expose()
}

/// The first 128 bits of a digest: a weight of a random linear combination.
fn weight(digest: Digest) -> Scalar {
    let (half, _) = digest.as_bytes().split_at(16);
    Scalar::from(half.iter().fold(0u128, |v, &b| v << 8 | u128::from(b)))
}

/// The statement of a Schnorr proof, hashed. Its nonce is derived from it, too.
pub(crate) fn schnorr_statement(ctx: &DkgContext, purpose: Purpose, point: &Point) -> Hasher {
    let hasher = ctx.bind(Hasher::new(domain::SCHNORR).chain_var("proof"));
    purpose.bind(hasher).chain(point.to_bytes())
}

fn schnorr_challenge(
    ctx: &DkgContext,
    purpose: Purpose,
    point: &Point,
    commitment: &Point,
) -> Scalar {
    scalar(schnorr_statement(ctx, purpose, point).chain(commitment.to_bytes()))
}

/// Proves knowledge of `key`'s secret. The nonce serves this statement only.
pub(crate) fn prove_exponent(
    ctx: &DkgContext,
    purpose: Purpose,
    key: &KeyPair,
    nonce: &KeyPair,
) -> SchnorrProof {
    let c = schnorr_challenge(ctx, purpose, &key.public, &nonce.public);
    SchnorrProof {
        commitment: nonce.public,
        response: PublicScalar(c * key.secret.expose() + nonce.secret.expose()),
    }
}

/// Whether z·B8 = R + c·P.
pub(crate) fn verify_exponent(
    ctx: &DkgContext,
    purpose: Purpose,
    point: &Point,
    proof: &SchnorrProof,
) -> bool {
    let c = schnorr_challenge(ctx, purpose, point, &proof.commitment);
    let bases = [
        EdwardsAffine::generator(),
        proof.commitment.affine(),
        point.affine(),
    ];
    msm(&bases, &[proof.response.0, -Scalar::one(), -c]).is_zero()
}

/// Verifies many proofs in one multi-scalar multiplication, and names the first bad one.
///
/// The weights hash all statements and proofs, so every node computes the same verdict, and a set of
/// bad proofs that cancel takes 2^128 hashes to find.
pub(crate) fn verify_exponents(
    ctx: &DkgContext,
    items: &[(Purpose, Point, SchnorrProof)],
) -> Result<(), usize> {
    let mut hasher = ctx.bind(Hasher::new(domain::SCHNORR).chain_var("batch"));
    for (purpose, point, proof) in items {
        hasher = purpose
            .bind(hasher)
            .chain(point.to_bytes())
            .chain(proof.to_bytes());
    }
    let seed = hasher.finish();
    let mut bases = vec![EdwardsAffine::generator()];
    let mut scalars = vec![Scalar::zero()];
    for (i, (purpose, point, proof)) in (0u32..).zip(items) {
        let w = weight(
            Hasher::new(domain::SCHNORR)
                .chain_var("weight")
                .chain(seed)
                .chain(i.to_be_bytes())
                .finish(),
        );
        let c = schnorr_challenge(ctx, *purpose, point, &proof.commitment);
        scalars[0] += w * proof.response.0;
        bases.extend([proof.commitment.affine(), point.affine()]);
        scalars.extend([-w, -(w * c)]);
    }
    if msm(&bases, &scalars).is_zero() {
        return Ok(());
    }
    let bad = items
        .iter()
        .position(|(purpose, point, proof)| !verify_exponent(ctx, *purpose, point, proof));
    // The combination of good proofs is zero, so one is bad.
    Err(bad.unwrap_or_default())
}

fn dleq_challenge(statement: Hasher, r1: &EdwardsProjective, r2: &EdwardsProjective) -> Scalar {
    scalar(statement.chain(encode(r1)).chain(encode(r2)))
}

/// Proves that `image` = secret·`base`, where secret·B8 is public. `statement` binds all three points
/// and the proof's place; the nonce serves this statement only.
pub(crate) fn prove_same_exponent(
    statement: Hasher,
    secret: &SecretScalar,
    base: &Point,
    nonce: &KeyPair,
) -> DleqProof {
    let r2 = mul_secret(base, &nonce.secret);
    let c = dleq_challenge(
        statement,
        &nonce.public.affine().into(),
        &r2.affine().into(),
    );
    DleqProof {
        challenge: PublicScalar(c),
        response: PublicScalar(*nonce.secret.expose() - c * secret.expose()),
    }
}

/// Whether `proof` shows log_B8(public) = log_base(image).
pub(crate) fn verify_same_exponent(
    statement: Hasher,
    public: &Point,
    base: &Point,
    image: &Point,
    proof: &DleqProof,
) -> bool {
    let (c, z) = (proof.challenge.0, proof.response.0);
    let r1 = msm(&[EdwardsAffine::generator(), public.affine()], &[z, c]);
    let r2 = msm(&[base.affine(), image.affine()], &[z, c]);
    dleq_challenge(statement, &r1, &r2) == c
}

/// The statement of a complaint's DLEQ proof, hashed.
pub(crate) fn complaint_statement(
    ctx: &DkgContext,
    dealer: NodeIndex,
    complainer: NodeIndex,
    key: &Point,
    ephemeral: &Point,
    ecdh: &Point,
) -> Hasher {
    ctx.bind(Hasher::new(domain::DLEQ))
        .chain(dealer.to_be_bytes())
        .chain(complainer.to_be_bytes())
        .chain(key.to_bytes())
        .chain(ephemeral.to_bytes())
        .chain(ecdh.to_bytes())
}

/// The weights of a chunk's batched proof.
pub(crate) fn weights(seed: Digest, n: usize) -> Vec<Scalar> {
    (0u32..)
        .take(n)
        .map(|i| {
            weight(
                Hasher::new(domain::PARTIAL)
                    .chain_var("weight")
                    .chain(seed)
                    .chain(i.to_be_bytes())
                    .finish(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use tacit_protocol::dkg::AttemptId;
    use tacit_protocol::ids::{Fingerprint, StatementId};

    use super::*;
    use crate::committee::Committee;

    fn ctx() -> DkgContext {
        DkgContext {
            fingerprint: Fingerprint(Digest([1; 32])),
            committee: Committee::new(4).unwrap(),
            at: AttemptId {
                statement: StatementId(Digest([2; 32])),
                attempt: 0,
            },
        }
    }

    fn pair(k: u64) -> KeyPair {
        let secret = SecretScalar::new(Scalar::from(k));
        KeyPair {
            public: Point::mul_generator(secret.expose()).unwrap(),
            secret,
        }
    }

    fn items() -> Vec<(Purpose, Point, SchnorrProof)> {
        (1..8u16)
            .map(|i| {
                let purpose = Purpose::Ephemeral {
                    dealer: 0,
                    recipient: i,
                };
                let key = pair(100 + u64::from(i));
                (
                    purpose,
                    key.public,
                    prove_exponent(&ctx(), purpose, &key, &pair(1000 + u64::from(i))),
                )
            })
            .collect()
    }

    #[test]
    fn a_batch_of_good_proofs_passes_and_a_bad_one_is_found() {
        assert_eq!(verify_exponents(&ctx(), &[]), Ok(()));
        assert_eq!(verify_exponents(&ctx(), &items()), Ok(()));
        for bad in 0..items().len() {
            let mut items = items();
            items[bad].2.response.0 += Scalar::one();
            assert_eq!(verify_exponents(&ctx(), &items), Err(bad));
        }
    }

    #[test]
    fn errors_that_cancel_in_a_plain_sum_do_not_cancel_in_a_batch() {
        let mut items = items();
        items[1].2.response.0 += Scalar::one();
        items[2].2.response.0 -= Scalar::one();
        assert_eq!(verify_exponents(&ctx(), &items), Err(1));
    }

    #[test]
    fn every_part_of_a_statement_is_in_its_hash() {
        let (a, b) = (pair(5).public, pair(6).public);
        let purposes = [
            Purpose::Key { node: 1 },
            Purpose::Possession { dealer: 1 },
            Purpose::Ephemeral {
                dealer: 1,
                recipient: 1,
            },
            Purpose::Ephemeral {
                dealer: 1,
                recipient: 2,
            },
            Purpose::Ephemeral {
                dealer: 2,
                recipient: 1,
            },
        ];
        let schnorr = |purpose| schnorr_statement(&ctx(), purpose, &a).finish();
        let mut digests: Vec<Digest> = purposes.into_iter().map(schnorr).collect();
        digests.push(schnorr_statement(&ctx(), purposes[0], &b).finish());
        let complaint = |dealer, complainer, key, ephemeral, ecdh| {
            complaint_statement(&ctx(), dealer, complainer, key, ephemeral, ecdh).finish()
        };
        digests.push(complaint(1, 2, &a, &a, &a));
        digests.push(complaint(2, 2, &a, &a, &a));
        digests.push(complaint(1, 1, &a, &a, &a));
        digests.push(complaint(1, 2, &b, &a, &a));
        digests.push(complaint(1, 2, &a, &b, &a));
        digests.push(complaint(1, 2, &a, &a, &b));
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }

    #[test]
    fn a_proof_holds_for_its_own_purpose_point_and_attempt_only() {
        let (purpose, point, proof) = items()[0];
        assert!(verify_exponent(&ctx(), purpose, &point, &proof));
        for other in [
            Purpose::Key { node: 0 },
            Purpose::Possession { dealer: 0 },
            Purpose::Ephemeral {
                dealer: 0,
                recipient: 2,
            },
            Purpose::Ephemeral {
                dealer: 1,
                recipient: 1,
            },
        ] {
            assert!(!verify_exponent(&ctx(), other, &point, &proof), "{other:?}");
        }
        assert!(!verify_exponent(&ctx(), purpose, &pair(5).public, &proof));
        let mut other = ctx();
        other.at.attempt = 1;
        assert!(!verify_exponent(&other, purpose, &point, &proof));
        other = ctx();
        other.at.statement = StatementId(Digest([3; 32]));
        assert!(!verify_exponent(&other, purpose, &point, &proof));
        other = ctx();
        other.fingerprint = Fingerprint(Digest([3; 32]));
        assert!(!verify_exponent(&other, purpose, &point, &proof));
    }
}
