//! The sealing circuit as the consensus' verifier of proofs.

use tacit_circuits::{
    PreparedKey, Proof, ProofError, SealingPublic, VerifyingKey, seeded_rng, verify_batch,
};
use tacit_protocol::{
    field::{Fr, fr_from_bytes},
    hash::Digest,
    point::{Point, PointError},
};
use thiserror::Error;
use tracing::debug;

use crate::machine::{ProofClaim, ProofVerifier};

/// Why a claim can't even be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// Another circuit's.
    #[error("the claim is about another circuit")]
    Circuit,
    /// Not exactly seven inputs: arkworks would ignore more and take missing ones as zero.
    #[error("the claim has {0} public inputs")]
    Inputs(usize),
    /// An input isn't below the field's order: it would pass for another.
    #[error("public input {0} is not canonical")]
    Aliased(usize),
    /// K isn't one.
    #[error("the committee's key is not one: {0}")]
    Key(#[from] PointError),
    /// The proof isn't one.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// Verifies proofs of the sealing circuit in randomized batches.
pub struct SealingVerifier {
    circuit: Digest,
    key: PreparedKey,
}

impl SealingVerifier {
    /// A verifier for the circuit of the founding file under its pinned key.
    pub fn new(circuit: Digest, key: &VerifyingKey) -> Self {
        Self {
            circuit,
            key: PreparedKey::new(key),
        }
    }

    /// The claim by type. Everything that can differ between a single and a batch verdict is
    /// refused here.
    pub fn decode(&self, claim: &ProofClaim) -> Result<(SealingPublic, Proof), ClaimError> {
        if claim.circuit != self.circuit {
            return Err(ClaimError::Circuit);
        }
        let [root, nullifier, scope, k_x, k_y, ct, context] = claim.public.as_slice() else {
            return Err(ClaimError::Inputs(claim.public.len()));
        };
        let public = SealingPublic {
            root: field(0, root)?,
            nullifier: field(1, nullifier)?,
            scope: field(2, scope)?,
            key: point(field(3, k_x)?, field(4, k_y)?)?,
            ct: field(5, ct)?,
            context: field(6, context)?,
        };
        Ok((public, Proof::from_bytes(&claim.proof)?))
    }
}

fn field(position: usize, bytes: &[u8; 32]) -> Result<Fr, ClaimError> {
    fr_from_bytes(bytes).ok_or(ClaimError::Aliased(position))
}

fn point(x: Fr, y: Fr) -> Result<Point, PointError> {
    let mut affine = Point::generator().affine();
    (affine.x, affine.y) = (x, y);
    Point::from_affine(affine)
}

impl ProofVerifier for SealingVerifier {
    fn verify(&self, claims: &[ProofClaim], seed: [u8; 32]) -> Vec<usize> {
        let mut bad = Vec::new();
        let (mut batch, mut positions) = (Vec::new(), Vec::new());
        for (position, claim) in claims.iter().enumerate() {
            match self.decode(claim) {
                Ok(decoded) => {
                    batch.push(decoded);
                    positions.push(position);
                }
                Err(error) => {
                    debug!(entry = %claim.entry, %error, "a proof can't be verified");
                    bad.push(position);
                }
            }
        }
        if let Err(proofs) = verify_batch(&self.key, &batch, &mut seeded_rng(seed)) {
            bad.extend(proofs.0.iter().filter_map(|at| positions.get(*at)));
            bad.sort_unstable();
        }
        bad
    }
}
