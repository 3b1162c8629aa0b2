//! The ledger without consensus: two ledgers, one proposing and one validating, fold the same log.
//!
//! What `apply` decides needs no proofs, so here signatures are sealed but not proven ("on paper").
//! Proofs, bundles and their attacks are the client's tests.

mod blocks;
mod canonical;
mod damage;
mod determinism;
mod durability;
mod findings;
mod journeys;
mod many;
mod refusals;
mod story;
