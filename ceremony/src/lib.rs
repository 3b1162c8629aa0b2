//! Where proving keys come from.
//!
//! Groth16 keys that one party has made let that party forge. So strangers make them together: each adds
//! randomness and forgets it, and as long as one of them does in each phase, nobody can forge. [`phase1`]
//! makes powers of tau for circuits of every size, [`phase2`] one circuit's key. The files ([`files`]), the
//! hashes and the proofs are those of the snarkjs world, so every step can be checked by tools that we
//! didn't write.
//!
//! [`development`] keys come from one pair of hands, and are marked wherever they are used.

#![forbid(unsafe_code)]

mod affine;
pub mod beacon;
pub mod blake2b;
pub mod checks;
pub mod circuits;
pub mod contributor;
pub mod coordinator;
pub mod development;
pub mod files;
pub mod folder;
mod lagrange;
pub mod lengths;
pub mod origin;
pub mod parts;
pub mod phase1;
pub mod phase2;
pub mod points;
pub mod progress;
pub mod scale;
mod sparse;
pub mod stream;
mod sums;
pub mod transcript;
pub mod verify;
