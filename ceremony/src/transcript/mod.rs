//! The signed transcript: who contributed what, in which order, to which ceremony.
//!
//! The files of the snarkjs world put names, kinds and beacons under no hash, and a `.ptau` file doesn't
//! even authenticate its earlier contributions. So each contributor signs what it made, what it built on
//! and everything that came before; a coordinator who drops, forks, reorders or replaces a contribution
//! makes another transcript than the one that the contributor's [`Attestation`] names.
//!
//! Bytes become a [`Transcript`] (every rule of order and every signature holds) and, with the files, a
//! [`crate::verify::Verified`] ceremony. Nothing here reads the ceremony's files.

mod attestation;
mod beacon;
mod bitcoin;
mod chain;
mod descriptor;
mod drand;
mod entry;
mod names;
mod rules;
mod stage;

#[cfg(test)]
pub(crate) mod tests;

pub use attestation::{Attestation, AttestationError, Mismatch};
pub use beacon::{BeaconRule, Evidence, EvidenceError, MIN_BITCOIN_EXPONENT, Source};
pub use chain::{EntryFault, Link, Transcript, TranscriptError};
pub use descriptor::{
    CeremonyId, Circuit, Closing, Descriptor, MAX_CIRCUITS, MAX_LEAST, Powers, REHEARSAL_VALUE,
};
pub use drand::QUICKNET;
pub use entry::{
    Cast, Contribution, Entry, Finished, FinishedCircuit, Missed, Part, Prepared, Reason, Signed,
};
pub use names::{MAX_LABEL, valid_label, valid_name};
pub use rules::DescriptorError;
pub use stage::Stage;
