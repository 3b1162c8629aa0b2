//! Committees under a virtual clock: simulated links, seeded losses, cuts, crashes and liars. The same
//! seed gives the same run.
//!
//! Two kinds. The consensus half runs around a toy ledger ([`members`]), where only the log matters; whole
//! nodes run with the real ledger, the real vault, real proofs and their reconcilers ([`whole`]).
//!
//! All simulations are this one binary, and it is the node crate's: the consensus stack is compiled for
//! the deterministic runtime in that crate's library (feature `simulation`), and a test of the root
//! package would link the whole command line besides, once more for each file.

#[path = "../toy/mod.rs"]
mod toy;

mod members;

mod agreement;
mod bodies;
mod clocks;
mod restarts;

mod whole;

mod attacks;
mod life;
mod ordeal;
mod rebuilt;
mod vaults;
