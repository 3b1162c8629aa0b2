//! Verifying, one proof or a block's worth in one randomized batch, with all that arkworks leaves to
//! its callers: exactly seven public inputs, by type; one encoding per proof; subgroups checked when
//! decoding, so that single and batch verdicts agree among validators.
//!
//! A valid proof can be turned into another valid proof of the same statement by anyone. So a proof
//! identifies nothing: duplicates are found by nullifier alone.

use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing as _;
use ark_ec::{AffineRepr as _, CurveGroup as _, VariableBaseMSM as _};
use ark_ff::{One as _, PrimeField as _, Zero as _};
use ark_groth16::{Groth16, PreparedVerifyingKey, prepare_verifying_key};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use ark_std::rand::{CryptoRng, RngCore};
use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use thiserror::Error;

use crate::keys::VerifyingKey;
use crate::relation::{PUBLIC_INPUTS, SealingPublic};

/// Bytes of an encoded proof: A in G1, B in G2, C in G1, compressed.
pub const PROOF_BYTES: usize = 128;

/// Why bytes aren't a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// Not 128 bytes.
    #[error("a proof has {PROOF_BYTES} bytes, not {0}")]
    Length(usize),
    /// A point isn't on its curve, or not in its subgroup.
    #[error("a point of the proof is not on its curve or not in its subgroup")]
    Point,
    /// A point is the identity, which no honest proof has and which has many encodings.
    #[error("a point of the proof is the identity")]
    Identity,
    /// A second encoding of a proof.
    #[error("the proof is not canonically encoded")]
    Encoding,
}

/// A proof doesn't hold for its public inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the proof does not hold for its public inputs")]
pub struct VerifyError;

/// Which proofs of a batch don't hold: their positions, in order.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the proofs at positions {0:?} do not hold")]
pub struct BadProofs(pub Vec<usize>);

/// A Groth16 proof whose points are in their groups and none is the identity. 128 bytes encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof(ark_groth16::Proof<Bn254>);

impl Eq for Proof {}

impl Proof {
    /// Checked decoding of exactly 128 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofError> {
        if bytes.len() != PROOF_BYTES {
            return Err(ProofError::Length(bytes.len()));
        }
        let proof =
            ark_groth16::Proof::deserialize_compressed(bytes).map_err(|_| ProofError::Point)?;
        let proof = Self::from_ark(proof)?;
        if proof.to_bytes() == bytes {
            Ok(proof)
        } else {
            Err(ProofError::Encoding)
        }
    }

    /// The 128 bytes.
    pub fn to_bytes(&self) -> [u8; PROOF_BYTES] {
        let mut bytes = [0u8; PROOF_BYTES];
        // Writing 128 bytes into 128 bytes can't fail.
        let _ = self.0.serialize_compressed(&mut bytes[..]);
        bytes
    }

    /// Takes a proof that arithmetic made, whose points are in their groups.
    pub fn from_ark(proof: ark_groth16::Proof<Bn254>) -> Result<Self, ProofError> {
        if proof.a.is_zero() || proof.b.is_zero() || proof.c.is_zero() {
            return Err(ProofError::Identity);
        }
        Ok(Self(proof))
    }

    /// The arkworks proof.
    pub fn as_ark(&self) -> &ark_groth16::Proof<Bn254> {
        &self.0
    }
}

impl Encode for Proof {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.to_bytes());
    }
}

impl Decode for Proof {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Proof::from_bytes(r.take(PROOF_BYTES)?).map_err(|_| DecodeError::Invalid("a proof"))
    }
}

/// A verifying key with its pairings prepared: make it once.
#[derive(Clone, Debug)]
pub struct PreparedKey {
    key: PreparedVerifyingKey<Bn254>,
    gamma_abc: [G1Affine; PUBLIC_INPUTS + 1],
}

impl PreparedKey {
    /// Prepares a key.
    pub fn new(key: &VerifyingKey) -> Self {
        let key = prepare_verifying_key(key.as_ark());
        let mut gamma_abc = [G1Affine::zero(); PUBLIC_INPUTS + 1];
        // As many as there are places, by VerifyingKey's own check.
        for (place, point) in gamma_abc.iter_mut().zip(&key.vk.gamma_abc_g1) {
            *place = *point;
        }
        Self { key, gamma_abc }
    }
}

impl From<&VerifyingKey> for PreparedKey {
    fn from(key: &VerifyingKey) -> Self {
        Self::new(key)
    }
}

/// Verifies one proof. About 2 ms.
pub fn verify(key: &PreparedKey, public: &SealingPublic, proof: &Proof) -> Result<(), VerifyError> {
    match Groth16::<Bn254>::verify_proof(&key.key, &proof.0, &public.to_inputs()) {
        Ok(true) => Ok(()),
        _ => Err(VerifyError),
    }
}

/// Verifies proofs together, at about half a millisecond each. If the batch doesn't hold, each is
/// verified alone, and the bad ones are named.
///
/// With random weights w_i of 128 bits, drawn after all proofs are known,
/// `prod e(w_i A_i, B_i) = e(sum w_i alpha, beta) e(sum_j (sum_i w_i x_ij) IC_j, gamma) e(sum w_i C_i, delta)`.
/// Bad proofs pass with a probability of 2^-128 if nobody who made a proof can foresee `rng`.
pub fn verify_batch(
    key: &PreparedKey,
    batch: &[(SealingPublic, Proof)],
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<(), BadProofs> {
    if batch.len() > 1 && holds_together(key, batch, rng) {
        return Ok(());
    }
    let verdicts = batch
        .iter()
        .map(|(public, proof)| verify(key, public, proof));
    let bad: Vec<usize> = verdicts
        .enumerate()
        .filter(|(_, verdict)| verdict.is_err())
        .map(|(i, _)| i)
        .collect();
    if bad.is_empty() {
        Ok(())
    } else {
        Err(BadProofs(bad))
    }
}

fn holds_together(
    key: &PreparedKey,
    batch: &[(SealingPublic, Proof)],
    rng: &mut (impl RngCore + CryptoRng),
) -> bool {
    let mut left: Vec<G1Affine> = Vec::with_capacity(batch.len() + 3);
    let mut right: Vec<<Bn254 as ark_ec::pairing::Pairing>::G2Prepared> =
        Vec::with_capacity(batch.len() + 3);
    let mut scaled = Vec::with_capacity(batch.len());
    let mut weights = Vec::with_capacity(batch.len());
    let mut c_points = Vec::with_capacity(batch.len());
    // Scalars of the IC points: the first counts the proofs.
    let mut inputs = [Fr::zero(); PUBLIC_INPUTS + 1];
    for (public, proof) in batch {
        let halves = [nonzero(rng), rng.next_u64()];
        let weight = Fr::from(u128::from(halves[0]) | u128::from(halves[1]) << 64);
        let [count, rest @ ..] = &mut inputs;
        *count += weight;
        for (sum, input) in rest.iter_mut().zip(public.to_inputs()) {
            *sum += weight * input;
        }
        scaled.push(proof.0.a.mul_bigint(halves));
        right.push(proof.0.b.into());
        weights.push(weight.into_bigint());
        c_points.push(proof.0.c);
    }
    left.extend(G1Projective::normalize_batch(&scaled));

    let [total, ..] = inputs;
    let input_sum =
        G1Projective::msm_bigint(&key.gamma_abc, &inputs.map(|scalar| scalar.into_bigint()));
    let c_sum = G1Projective::msm_bigint(&c_points, &weights);
    let alpha_sum = key.key.vk.alpha_g1 * -total;
    left.extend(G1Projective::normalize_batch(&[
        input_sum, c_sum, alpha_sum,
    ]));
    // gamma and delta are prepared with their signs changed, alpha's sign was changed above.
    right.push(key.key.gamma_g2_neg_pc.clone());
    right.push(key.key.delta_g2_neg_pc.clone());
    right.push(G2Affine::into(key.key.vk.beta_g2));

    Bn254::multi_pairing(left, right).0.is_one()
}

/// The lower half of a weight: never zero, so that no proof drops out of its batch.
fn nonzero(rng: &mut impl RngCore) -> u64 {
    loop {
        match rng.next_u64() {
            0 => continue,
            half => return half,
        }
    }
}
