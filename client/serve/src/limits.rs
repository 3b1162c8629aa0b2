//! The bounds of a service, with what suits small requests. All of them are global: people behind one
//! proxy share an address, so nothing here counts by address.

use std::time::Duration;

/// Bounds of a service.
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
    /// Most open connections. A further one takes the place of the oldest that nothing is done for.
    pub connections: usize,
    /// Most requests that are worked on at once; further ones wait a little and are told to come back.
    pub requests: usize,
    /// Requests beside those that whom a service reserves them for may make at once.
    pub reserved: usize,
    /// How long one of those may take, its body's arrival included.
    pub reserved_time: Duration,
    /// Whoever takes less than `least` bytes in so long a time, while more wait to be sent, has gone.
    pub stall: Duration,
    /// Bytes that must be taken in each `stall`.
    pub least: u64,
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
            reserved: 0,
            reserved_time: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            least: 16 * 1024,
            drain_time: Duration::from_secs(5),
        }
    }
}
