//! The node's wall clock, as a capability.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use commonware_runtime::Clock;

/// Reads the wall clock: milliseconds since 1970.
pub type NowMs = Arc<dyn Fn() -> u64 + Send + Sync>;

/// How far this node's wall clock is from the runtime's. Zero in production; simulations give
/// nodes wrong clocks with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOffset {
    /// Milliseconds to add.
    pub ms: i64,
}

impl ClockOffset {
    /// The wall clock on `clock`.
    pub fn now<C: Clock>(self, clock: &C) -> u64 {
        millis(clock.current()).saturating_add_signed(self.ms)
    }

    /// The runtime's time at which this wall clock shows `ms`.
    pub fn instant(self, ms: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(ms.saturating_add_signed(self.ms.saturating_neg()))
    }
}

/// Milliseconds since 1970; 0 before.
pub fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
