//! The API and the adapters over a real ledger, real proofs and real certificates: only the
//! network is missing, and one process signs for all operators.

mod adapters;
mod committee;
mod documentation;
mod errors;
mod http;
mod log;
mod people;
mod reading;
mod server;
mod starting;
mod submitting;
