//! Proving and verifying keys: loaded by hash, and refused when they are of a shape that breaks
//! Groth16.
//!
//! A key's hash is that of its exact bytes and stands in the founding file. A client never proves with
//! a key that it was merely handed: whoever makes a key can choose one without zero-knowledge.
//!
//! A key that was made by [`setup`] alone is a development key: whoever made it can forge signatures,
//! so can trip the trigger and expose the real signers.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::AffineRepr as _;
use ark_groth16::Groth16;
use ark_poly::{EvaluationDomain as _, GeneralEvaluationDomain};
use ark_relations::gr1cs::SynthesisError;
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _, Compress, Validate};
use ark_std::rand::{CryptoRng, RngCore};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::lean_imt::MAX_DEPTH;
use thiserror::Error;

use crate::circuit::{Matrices, SealingCircuit};
use crate::relation::PUBLIC_INPUTS;

/// Bytes of an encoded verifying key: one point of G1 and three of G2, a count, and eight of G1.
pub const VERIFYING_KEY_BYTES: usize = 32 + 3 * 64 + 8 + (PUBLIC_INPUTS + 1) * 32;

/// Why bytes aren't a key to use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The bytes aren't those that were pinned.
    #[error("the key's hash is {found}, {expected} was expected")]
    Hash {
        /// The hash that is pinned.
        expected: Digest,
        /// The hash of the bytes.
        found: Digest,
    },
    /// The bytes have the pinned hash and are no key: it was pinned wrongly.
    #[error("the bytes are not the encoding of a key")]
    Encoding,
    /// Not one point for the constant and each of the seven public inputs.
    #[error("the key is for {0} public inputs, not for {PUBLIC_INPUTS}")]
    PublicInputs(usize),
    /// gamma = ±delta: anyone can prove anything.
    #[error("gamma and delta are equal up to sign: proofs could be forged")]
    GammaIsDelta,
    /// delta is the identity: proofs have no zero-knowledge and no soundness.
    #[error("delta is the identity: proofs would reveal the witness")]
    DeltaIsIdentity,
    /// Another of alpha, beta, gamma is the identity.
    #[error("{0} is the identity")]
    Identity(&'static str),
    /// The point of a public input is the identity: that input wouldn't be bound.
    #[error("the point of public input {0} is the identity")]
    UnboundInput(usize),
    /// Two public inputs have the same point up to sign: they could be exchanged.
    #[error("public inputs {0} and {1} have the same point")]
    SameInput(usize, usize),
    /// A proving key of another circuit.
    #[error("the proving key is for another circuit: {0} doesn't have the circuit's length")]
    OtherCircuit(&'static str),
    /// The circuit couldn't be laid out.
    #[error("the circuit can't be laid out: {0}")]
    Circuit(String),
}

impl From<SynthesisError> for KeyError {
    fn from(e: SynthesisError) -> Self {
        Self::Circuit(e.to_string())
    }
}

/// The hash that a key is pinned by.
pub fn key_hash(bytes: &[u8]) -> Digest {
    Hasher::new(domain::PROVING_KEY).chain(bytes).finish()
}

fn check_hash(bytes: &[u8], expected: &Digest) -> Result<(), KeyError> {
    let found = key_hash(bytes);
    if found == *expected {
        Ok(())
    } else {
        Err(KeyError::Hash {
            expected: *expected,
            found,
        })
    }
}

/// A verifying key of sound shape. Encoded, 488 bytes: compressed points in arkworks' order.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyingKey(ark_groth16::VerifyingKey<Bn254>);

impl VerifyingKey {
    /// Loads the key whose hash is pinned. All points are checked to be on their curves and in their subgroups.
    pub fn load(bytes: &[u8], expected: &Digest) -> Result<Self, KeyError> {
        check_hash(bytes, expected)?;
        if bytes.len() != VERIFYING_KEY_BYTES {
            return Err(KeyError::Encoding);
        }
        let key = ark_groth16::VerifyingKey::deserialize_compressed(bytes)
            .map_err(|_| KeyError::Encoding)?;
        let key = Self::from_ark(key)?;
        if key.to_bytes() == bytes {
            Ok(key)
        } else {
            Err(KeyError::Encoding)
        }
    }

    /// Takes a key whose points are in their groups, and checks its shape.
    pub fn from_ark(key: ark_groth16::VerifyingKey<Bn254>) -> Result<Self, KeyError> {
        for (name, is_zero) in [
            ("alpha", key.alpha_g1.is_zero()),
            ("beta", key.beta_g2.is_zero()),
            ("gamma", key.gamma_g2.is_zero()),
        ] {
            if is_zero {
                return Err(KeyError::Identity(name));
            }
        }
        if key.delta_g2.is_zero() {
            return Err(KeyError::DeltaIsIdentity);
        }
        if key.gamma_g2 == key.delta_g2 || key.gamma_g2 == -key.delta_g2 {
            return Err(KeyError::GammaIsDelta);
        }
        let inputs = &key.gamma_abc_g1;
        if inputs.len() != PUBLIC_INPUTS + 1 {
            return Err(KeyError::PublicInputs(inputs.len().saturating_sub(1)));
        }
        for (i, point) in inputs.iter().enumerate() {
            if point.is_zero() {
                return Err(KeyError::UnboundInput(i));
            }
            // Equal x coordinates: equal up to sign.
            if let Some(j) = inputs
                .iter()
                .take(i)
                .position(|earlier: &G1Affine| earlier.x == point.x)
            {
                return Err(KeyError::SameInput(j, i));
            }
        }
        Ok(Self(key))
    }

    /// The encoding that is hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(VERIFYING_KEY_BYTES);
        // Writing to a vector can't fail.
        let _ = self.0.serialize_compressed(&mut bytes);
        bytes
    }

    /// The hash to pin it by.
    pub fn hash(&self) -> Digest {
        key_hash(&self.to_bytes())
    }

    /// The arkworks key.
    pub fn as_ark(&self) -> &ark_groth16::VerifyingKey<Bn254> {
        &self.0
    }
}

/// A proving key of the circuit for paths of up to `DEPTH` siblings. Encoded, 3.9 MB at depth 20:
/// uncompressed points in arkworks' order.
#[derive(Clone, PartialEq)]
pub struct ProvingKey<const DEPTH: usize = MAX_DEPTH> {
    key: ark_groth16::ProvingKey<Bn254>,
    verifying: VerifyingKey,
}

impl<const DEPTH: usize> ProvingKey<DEPTH> {
    /// Loads the key whose hash is pinned, in milliseconds. That its points are on their curves is
    /// taken from the hash: who pinned it answers for that, or see [`ProvingKey::load_validated`].
    pub fn load(bytes: &[u8], expected: &Digest) -> Result<Self, KeyError> {
        Self::load_with(bytes, expected, Validate::No)
    }

    /// Also checks every point (about a second). A key with points off their curve or subgroup would
    /// make proofs that leak the witness, so who hasn't watched a key being made does this once.
    pub fn load_validated(bytes: &[u8], expected: &Digest) -> Result<Self, KeyError> {
        Self::load_with(bytes, expected, Validate::Yes)
    }

    fn load_with(bytes: &[u8], expected: &Digest, validate: Validate) -> Result<Self, KeyError> {
        check_hash(bytes, expected)?;
        let mut rest = bytes;
        let key = ark_groth16::ProvingKey::deserialize_with_mode(&mut rest, Compress::No, validate)
            .map_err(|_| KeyError::Encoding)?;
        if !rest.is_empty() {
            return Err(KeyError::Encoding);
        }
        Self::from_ark(key)
    }

    /// Takes a key and checks that it has the shape of this circuit's.
    pub fn from_ark(key: ark_groth16::ProvingKey<Bn254>) -> Result<Self, KeyError> {
        let verifying = VerifyingKey::from_ark(key.vk.clone())?;
        if key.delta_g1.is_zero() {
            return Err(KeyError::DeltaIsIdentity);
        }
        if key.beta_g1.is_zero() {
            return Err(KeyError::Identity("beta"));
        }
        let matrices = Matrices::of_circuit::<DEPTH>()?;
        let variables = matrices.instance_variables + matrices.witness_variables;
        let domain = GeneralEvaluationDomain::<Fr>::new(
            matrices.constraints() + matrices.instance_variables,
        )
        .map_or(0, |domain| domain.size());
        for (name, found, expected) in [
            ("a_query", key.a_query.len(), variables),
            ("b_g1_query", key.b_g1_query.len(), variables),
            ("b_g2_query", key.b_g2_query.len(), variables),
            ("l_query", key.l_query.len(), matrices.witness_variables),
            ("h_query", key.h_query.len(), domain.saturating_sub(1)),
        ] {
            if found != expected {
                return Err(KeyError::OtherCircuit(name));
            }
        }
        Ok(Self { key, verifying })
    }

    /// The encoding that is hashed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.key.uncompressed_size());
        // Writing to a vector can't fail.
        let _ = self.key.serialize_uncompressed(&mut bytes);
        bytes
    }

    /// The verifying key that goes with it: compare its hash with the pinned one.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The arkworks key.
    pub fn as_ark(&self) -> &ark_groth16::ProvingKey<Bn254> {
        &self.key
    }
}

/// Makes **development keys** for the circuit in one pair of hands.
///
/// Whoever runs this, or knows what `rng` gave, can forge signatures. About a second at depth 20.
pub fn setup<const DEPTH: usize>(
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<(ProvingKey<DEPTH>, VerifyingKey), KeyError> {
    let circuit = SealingCircuit::<DEPTH>::blank();
    let key = Groth16::<Bn254>::generate_random_parameters_with_reduction(circuit, rng)?;
    let proving = ProvingKey::from_ark(key)?;
    let verifying = proving.verifying.clone();
    Ok((proving, verifying))
}
