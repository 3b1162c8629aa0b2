//! Every bound of the API, in one place. All are global or per connection, never by address: people
//! behind Tor share one.

use std::time::Duration;

use tacit_protocol::{
    entry::MAX_ENTRY,
    group::{MAX_ENROL, MAX_GROUP_CREATE},
    signature::{MAX_BODY, MAX_SIGN},
};

/// Bytes around an entry in a submission: its length, and whether there is a body.
const AROUND: usize = 4 + 1;
/// Longest submission of a group, in bytes.
pub const MAX_GROUP_SUBMISSION: usize = AROUND + MAX_GROUP_CREATE;
/// Longest submission of a member, in bytes.
pub const MAX_MEMBER_SUBMISSION: usize = AROUND + MAX_ENROL;
/// Longest submission of a statement, in bytes.
pub const MAX_STATEMENT_SUBMISSION: usize = AROUND + MAX_ENTRY;
/// Longest submission of a signature, in bytes: an entry and its sealed body.
pub const MAX_SIGNATURE_SUBMISSION: usize = AROUND + MAX_SIGN + MAX_BODY;
/// Blocks whose receipts are at hand.
pub const RECENT_BLOCKS: usize = 16;

/// Bounds of what the API does.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Submissions that are judged or waited for at once; further ones are told to come back.
    pub submissions: usize,
    /// Other requests that are worked on at once; further ones are told to come back.
    pub reads: usize,
    /// How long a submission's body may take to arrive.
    pub body_time: Duration,
    /// How long a submission waits for finality.
    pub finality_time: Duration,
    /// How long a chain or a bundle waits for the header that certifies it.
    pub certify_time: Duration,
    /// How long any other request may take.
    pub read_time: Duration,
    /// A certified state this much older than the log, in milliseconds, is made again even if
    /// nothing changed: clients refuse one older than two minutes.
    pub refresh_ms: u64,
    /// Bytes of answers that are kept.
    pub cache_bytes: usize,
    /// Whole lists are read from the ledger only after this many times the last such read's
    /// duration: readers get at most 1/(1 + this) of its time, and blocks the rest.
    pub pace: u32,
    /// A log whose last block is this old, in milliseconds, isn't moving.
    pub stale_ms: u64,
    /// A node this many blocks behind is catching up.
    pub max_lag: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            submissions: 1024,
            reads: 256,
            body_time: Duration::from_secs(15),
            finality_time: Duration::from_secs(30),
            certify_time: Duration::from_secs(10),
            read_time: Duration::from_secs(60),
            refresh_ms: 20_000,
            cache_bytes: 256 * 1024 * 1024,
            pace: 3,
            stale_ms: 30_000,
            max_lag: 64,
        }
    }
}

/// Bounds of the server and its connections.
#[derive(Debug, Clone, Copy)]
pub struct ServerLimits {
    /// Open connections; further ones wait in the system's queue.
    pub connections: usize,
    /// Longest request head, in bytes.
    pub head_bytes: usize,
    /// Most header fields.
    pub head_fields: usize,
    /// How long a request's head may take, and how long a connection may be idle before it.
    pub head_time: Duration,
    /// How long a TLS handshake may take.
    pub handshake_time: Duration,
    /// How long a client may take no byte of an answer.
    pub stall_time: Duration,
    /// How long open requests may finish after a stop was asked for.
    pub drain_time: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 2048,
            head_bytes: 16 * 1024,
            head_fields: 64,
            head_time: Duration::from_secs(10),
            handshake_time: Duration::from_secs(10),
            stall_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(5),
        }
    }
}
