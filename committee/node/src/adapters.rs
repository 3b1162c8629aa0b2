//! What the log means, behind the consensus' seam: the ledger as its state machine, the sealing
//! circuit as its verifier of proofs, the vault as its store of sealed bodies.
//!
//! Only translation: nothing here decides what is valid.

mod bodies;
mod ledger;
mod proofs;

pub use bodies::VaultBodies;
pub use ledger::LedgerMachine;
pub use proofs::SealingVerifier;
