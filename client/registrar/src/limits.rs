//! Every bound of this crate, in one place. All of them are global: people behind one proxy share an
//! address, so nothing here counts by address.

/// Bounds of the enrolment endpoint.
pub use tacit_serve::HttpLimits;

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
