//! A whole committee without consensus: operators' keys, a founding file with real circuit keys,
//! registrars, members, and a [`Log`] in which every block is built by one ledger, checked by another
//! and committed by both. For tests only; nothing here is ever part of a program.
//!
//! Everything follows from labels, so a failing test fails again. [`signing`] and [`rogue`] hold what
//! only a cheat makes: they put the protocol's own parts together as its honest code refuses to.

#![forbid(unsafe_code)]

pub mod bundles;
pub mod committee;
pub mod group;
pub mod log;
pub mod nodes;
pub mod rogue;
pub mod signing;

pub use committee::{Circuit, Committee, circuit};
pub use group::{Member, Registrars};
pub use log::{Log, Refusals};
pub use signing::Draft;

use tacit_protocol::hash::Hasher;

/// 32 bytes that follow from a label and a number.
pub fn bytes(label: &str, number: u64) -> [u8; 32] {
    Hasher::new("tacit/test-world/v1")
        .chain_var(label)
        .chain(number.to_be_bytes())
        .finish()
        .0
}
