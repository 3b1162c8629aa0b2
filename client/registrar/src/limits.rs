//! Every bound of this crate, in one place. All of them are global: people behind one proxy share an
//! address, so nothing here counts by address.

use std::time::Duration;

/// Longest roster file, in bytes.
pub const MAX_ROSTER_BYTES: usize = 64 * 1024 * 1024;
/// Most people on a group's roster: the leaves of the deepest members tree that the circuit takes (2^20).
pub const MAX_PEOPLE: usize = 1 << 20;
/// Longest contact, in bytes (an e-mail address has at most 254).
pub const MAX_CONTACT: usize = 320;
/// How many bad rows of a roster one error names.
pub const MAX_BAD_ROWS: usize = 20;
/// Longest name of a registrar, in bytes.
pub const MAX_REGISTRAR_NAME: usize = 64;
/// Longest file of a group under approval, in bytes.
pub const MAX_GROUP_FILE: u64 = 96 * 1024;
/// Longest file of a registrar's card, in bytes.
pub const MAX_CARD_FILE: u64 = 4096;

/// Bounds of the enrolment endpoint.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// Longest request body, in bytes.
    pub body: usize,
    /// Longest request head, in bytes.
    pub head: usize,
    /// How long a client may take to send a request's head, and to be idle between two requests.
    pub head_time: Duration,
    /// How long a request may take, its body's arrival included.
    pub request_time: Duration,
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// Most open connections; further ones wait in the system's queue.
    pub connections: usize,
    /// Most requests that are worked on at once; further ones are told to come back.
    pub requests: usize,
    /// How long open requests may finish after a shutdown was asked for.
    pub drain_time: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            body: 4 * 1024,
            head: 16 * 1024,
            head_time: Duration::from_secs(10),
            request_time: Duration::from_secs(20),
            handshake_time: Duration::from_secs(10),
            connections: 1024,
            requests: 128,
            drain_time: Duration::from_secs(5),
        }
    }
}
