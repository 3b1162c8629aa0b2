//! What our HTTP services share: listening, TLS, limits, problem documents.
//!
//! What this crate must never do: serve plain http beyond this machine by accident, limit anybody by
//! address, or keep one.

#![forbid(unsafe_code)]

mod crowd;
mod gate;
mod limits;
mod pace;
mod problem;
mod server;

#[cfg(test)]
mod tests;

pub use crowd::Pressure;
pub use gate::{Admission, Gate, limited};
pub use limits::HttpLimits;
pub use problem::Problem;
pub use server::{Listen, ServeError, Server, TlsFiles};
