//! What a member's program does: seal a signature, check what it is told before it does, and read an
//! opened list. Every way to sign (laptop, browser, agent) runs this code.
//!
//! The core ([`payload`], [`seal`], [`open`], [`roster`], [`bundle`]) builds for wasm32: no files,
//! sockets, threads or clock; time and randomness are arguments. Behind the feature `native` are the
//! encrypted identity file and the client of a node's API.
//!
//! Nothing here trusts a node: what a signer relies on is checked against the pinned fingerprint first.

#![forbid(unsafe_code)]

#[cfg(feature = "native")]
pub mod api;
pub mod bundle;
#[cfg(feature = "native")]
pub use tacit_files as files;
#[cfg(feature = "native")]
pub mod identity_file;
pub mod open;
pub mod payload;
pub mod roster;
pub mod seal;
#[cfg(feature = "native")]
pub mod verify;
