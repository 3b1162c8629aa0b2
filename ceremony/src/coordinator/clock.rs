//! The coordinator's clock. It is read about once a second; when it wasn't, this machine slept, the process
//! was stopped or the system's clock was set, and by none of that does anybody lose a turn.

use super::Coordinator;

/// Seconds between two readings that are no sleep.
const GAP: u64 = 5;

/// When it was read last: Unix time in seconds.
#[derive(Debug, Default)]
pub struct Clock(Option<u64>);

impl Clock {
    /// Reads `now`, which is what turns are counted by. Not a monotonic clock: that one stands still while
    /// the machine sleeps, and doesn't show when the other is set.
    pub fn tick(&mut self, coordinator: &Coordinator, now: u64) {
        let gap = self.0.map_or(0, |last| now.saturating_sub(last));
        self.0 = Some(now);
        if gap > GAP {
            tracing::warn!(
                seconds = gap,
                "nothing was done for a while: turns last longer by it"
            );
            coordinator.slept(gap, now);
        }
        coordinator.tick(now);
    }
}
