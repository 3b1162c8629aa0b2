//! The command line's texts: what `--help` says, and what a person is told when something is wrong, each
//! held to a golden text under `snapshots/`. Nothing here needs a running committee.
//!
//! After a text was changed on purpose, `INSTA_UPDATE=always cargo test --workspace --test cli` takes the new
//! ones over; read the difference as somebody would who has never seen the program.

mod audit;
mod ceremony;
mod committee;
mod demo;
mod general;
mod group;
mod help;
mod hostile;
mod identity;
mod metrics;
mod network;
mod node;
mod registrar;
mod scene;
mod simulate;
mod statement;
mod validate;
mod weather;
