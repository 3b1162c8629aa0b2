//! What our HTTP services share: listening, TLS, limits, problem documents.
//!
//! What this crate must never do: serve plain http beyond this machine by accident, limit anybody by
//! address, or keep one.

#![forbid(unsafe_code)]

mod gate;
mod limits;
mod problem;
mod server;

pub use gate::limited;
pub use limits::HttpLimits;
pub use problem::Problem;
pub use server::{Listen, ServeError, Server, TlsFiles};
