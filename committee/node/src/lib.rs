//! A node: the consensus wiring around the ledger, the API, and the reconcilers that act on what
//! the ledger says.
//!
//! The consensus half is generic over the runtime and the network: the same code runs on tokio with
//! authenticated connections ([`production`]) and on the deterministic runtime with simulated links
//! (`simulated`, for tests). What the log means is behind the traits of [`machine`].

#![forbid(unsafe_code)]

pub mod adapters;
pub mod api;
pub mod assembly;
pub mod block;
pub mod bodies;
pub mod certificates;
pub mod engine;
pub mod evidence;
pub mod gossip;
pub mod home;
pub mod ledger;
pub mod limits;
pub mod machine;
pub mod mempool;
pub mod production;
pub mod proofs;
pub mod reconcile;
pub mod run;
pub mod storage;
pub mod time;
pub mod watch;

mod application;
#[cfg(feature = "simulation")]
pub mod simulated;
