//! The coordinator's clock. It is read about once a second; when it wasn't, this machine slept, the process
//! was stopped or the system's clock was set, and by none of that does anybody lose a turn.

/// Seconds between two readings that are no sleep.
const GAP: u64 = 5;

/// When it was read last: Unix time in seconds, which is what turns are counted by. Not a monotonic clock:
/// that one stands still while the machine sleeps, and doesn't show when the other is set.
#[derive(Debug, Default)]
pub(super) struct Clock(Option<u64>);

impl Clock {
    /// The reading that comes about once a second. The answer is how long nothing was done before it.
    pub fn tick(&mut self, now: u64) -> u64 {
        let gap = self.gap(now);
        self.0 = Some(now);
        gap
    }

    /// A call's reading, as it may be the first one after a sleep. A call can have waited, and is no reading
    /// at all while nobody reads once a second.
    pub fn read(&mut self, now: u64) -> u64 {
        let gap = self.gap(now);
        self.0 = self.0.map(|last| last.max(now));
        gap
    }

    fn gap(&self, now: u64) -> u64 {
        let gap = self.0.map_or(0, |last| now.saturating_sub(last));
        if gap > GAP { gap } else { 0 }
    }
}
