//! The sealing circuit: a zero-knowledge proof that an anonymous signature counts once, and that
//! what was counted can be opened to the very member who signed.
//!
//! [`relation`] says what is proven, natively; [`circuit`] says it again as an R1CS; [`prove()`] and
//! [`verify()`] are Groth16 over BN254 around it, with every check that the arkworks crates leave to
//! their callers; [`keys`] loads proving and verifying keys by hash. [`sealing`] is the encryption
//! inside the relation, for clients and for the committee.
//!
//! Nothing here reads randomness, files or clocks: callers pass a generator ([`seeded_rng`]), bytes
//! and hashes. It builds for wasm32.

#![forbid(unsafe_code)]

pub mod circuit;
#[cfg(test)]
mod forgery;
mod gadgets;
pub mod keys;
pub mod prove;
pub mod relation;
pub mod sealing;
#[cfg(test)]
mod tests;
pub mod verify;

pub use circuit::{CIRCUIT_ID, CONSTRAINTS, Matrices, SealingCircuit, circuit_id};
pub use keys::{KeyError, ProvingKey, VerifyingKey, setup};
pub use prove::{ProveError, prove};
pub use relation::{Nonce, Rule, SealingPublic, SealingWitness, check};
pub use sealing::{Sealed, ct, seal_point, unmask};
pub use verify::{BadProofs, PreparedKey, Proof, ProofError, VerifyError, verify, verify_batch};

/// The traits of the generators that this crate takes (rand 0.8, as arkworks has it).
pub use ark_std::rand::{CryptoRng, RngCore};

/// A generator for this crate's functions, seeded with 32 bytes **of the operating system's randomness**.
///
/// All that follows from it is as secret as the seed: a proof's zero-knowledge, a nonce, a batch's weights.
pub fn seeded_rng(seed: [u8; 32]) -> impl RngCore + CryptoRng {
    use ark_std::rand::SeedableRng as _;
    ark_std::rand::rngs::StdRng::from_seed(seed)
}
