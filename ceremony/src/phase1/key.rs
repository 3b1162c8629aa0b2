//! A contribution's secrets, and the proof that their owner knew them.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::Zero as _;
use zeroize::Zeroize;

use crate::blake2b::{Digest64, hash};
use crate::files::ptau::{KeyPart, PublicKey};
use crate::points::Encoded as _;
use crate::stream::{Stream, hash_to_g2};

/// What a contributor must forget.
pub(crate) struct Secrets {
    pub tau: Fr,
    pub alpha: Fr,
    pub beta: Fr,
    /// The points of the proofs: they are published.
    s: [G1Affine; 3],
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        for secret in [&mut self.tau, &mut self.alpha, &mut self.beta] {
            secret.zeroize();
        }
    }
}

impl Secrets {
    /// Draws tau, alpha, beta, and then the three points. A beacon's are drawn by everyone alike.
    pub fn draw(stream: &mut Stream) -> Self {
        let mut nonzero = || {
            loop {
                let scalar = stream.scalar();
                if !scalar.is_zero() {
                    return scalar;
                }
            }
        };
        // Straight into their place: a copy would not be wiped.
        Self {
            tau: nonzero(),
            alpha: nonzero(),
            beta: nonzero(),
            s: [stream.g1(), stream.g1(), stream.g1()],
        }
    }

    /// The proof, after the challenge.
    pub fn public_key(&self, challenge: &Digest64) -> PublicKey {
        let [tau, alpha, beta] = self.s;
        PublicKey {
            tau: prove(Secret::Tau, tau, &self.tau, challenge),
            alpha: prove(Secret::Alpha, alpha, &self.alpha, challenge),
            beta: prove(Secret::Beta, beta, &self.beta, challenge),
        }
    }
}

/// Which secret a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    Tau = 0,
    Alpha = 1,
    Beta = 2,
}

fn prove(which: Secret, s: G1Affine, x: &Fr, challenge: &Digest64) -> KeyPart {
    let sx = (s * x).into_affine();
    let spx = (hashed_point(which, s, sx, challenge) * x).into_affine();
    KeyPart { s, sx, spx }
}

/// The point of G2 that the proof is about: nobody knows its logarithm, and everything before decides it.
pub(crate) fn hashed_point(
    which: Secret,
    s: G1Affine,
    sx: G1Affine,
    challenge: &Digest64,
) -> G2Affine {
    let mut bytes = vec![which as u8];
    bytes.extend_from_slice(challenge);
    s.hashed(&mut bytes);
    sx.hashed(&mut bytes);
    let point = hash_to_g2(&hash(&bytes));
    debug_assert!(!point.is_zero());
    point
}
