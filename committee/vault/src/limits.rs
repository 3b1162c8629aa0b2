//! The vault's bounds, all in one place. Each is refused by an error of its own.

/// Longest sealed body, in bytes: a payload of the largest padding size and its fixed parts fit.
pub const MAX_BODY: usize = 20 * 1024;
/// Most bodies in one [`put_bodies`](crate::Vault::put_bodies), so most bytes in one write are 20 MiB.
pub const MAX_BATCH: usize = 1024;
/// Most bodies that one statement holds: one for each leaf of a group tree of depth 20.
pub const MAX_BODIES: usize = 1 << 20;
/// Most bodies ever written for one statement, dropped ones included: bounds the file.
pub const MAX_BODIES_WRITTEN: u64 = 1 << 22;
/// Longest secret, in bytes.
pub const MAX_SECRET: usize = 64 * 1024;
/// Longest name of a secret, in bytes.
pub const MAX_SECRET_NAME: usize = 64;
/// Most secrets of one statement.
pub const MAX_SECRETS: usize = 64;
/// Most slots that aren't erased yet. Each takes half a megabyte of disk and one page of locked memory.
pub const MAX_LIVE_SLOTS: usize = 4096;

/// The bounds that tests lower to reach them.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub bodies: usize,
    pub bodies_written: u64,
    pub secrets: usize,
    pub live_slots: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bodies: MAX_BODIES,
            bodies_written: MAX_BODIES_WRITTEN,
            secrets: MAX_SECRETS,
            live_slots: MAX_LIVE_SLOTS,
        }
    }
}
