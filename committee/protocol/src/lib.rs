//! The words that every part of Tacit shares: what a statement, a trigger, a sealed signature and an
//! entry are, how they are encoded, and how their ids come about.
//!
//! Nothing here does I/O, reads a clock or draws randomness, and everything builds for wasm32.

#![forbid(unsafe_code)]

pub mod block;
pub mod caveats;
pub mod certificate;
pub mod chain;
pub mod codec;
pub mod dkg;
pub mod entry;
pub mod field;
pub mod founding;
pub mod group;
pub mod hash;
pub mod ids;
pub mod keys;
pub mod lean_imt;
pub mod merkle;
pub mod opening;
pub mod point;
pub mod poseidon;
pub mod proof;
pub mod proofs;
pub mod semaphore;
pub mod signature;
pub mod statement;
pub mod subgroup;
pub mod trigger;
pub mod views;
