//! The enrolment endpoint: a handler parses, calls, encodes; one table says what each error is on the
//! wire. It keeps and logs nothing about where a request came from, and limits nobody by address.

mod api;
mod problem;

pub use api::router;
pub use tacit_serve::{Listen, Problem, ServeError, Server, TlsFiles};

#[cfg(test)]
mod tests;
