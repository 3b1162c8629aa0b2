//! Phase 2: one circuit's Groth16 key, from prepared powers.
//!
//! [`setup`] is deterministic: anyone makes the same initial key from the same powers and circuit. Each
//! contributor then multiplies delta by a secret, and divides L and H by it; the beacon comes last. Files,
//! transcript and hashes are those of the snarkjs world.

mod contribute;
mod export;
mod extends;
mod initial;
mod key;
mod setup;
mod verify;

#[cfg(test)]
pub(crate) mod tests;

pub use contribute::{Contributed, contribute};
pub use export::{Keys, export};
pub use extends::extends;
pub use initial::InitialKey;
pub use setup::{SetupError, needed_power, setup};
pub use verify::{KeyError, KeyFault, LinkedKey, Proof, ValidKey, link, validate};

/// Points that are read and multiplied at once: what bounds memory.
pub(crate) const BLOCK: usize = 1 << 14;
