//! When a node gives a statement up by itself, because the log that should end it stands still.
//!
//! Times here are the reconcilers' clock, which no correction of the machine's clock moves: a clock that
//! jumps must not erase anything.

use std::time::{Duration, SystemTime};

use tacit_protocol::statement::Status;

use crate::time::millis;

/// How long the log must have stood still past a deadline, while this process ran, before the node
/// gives a statement up by itself.
pub const ABANDON_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// Since when the log has stood still, as far as this process saw: height and time.
#[derive(Debug, Default)]
pub(super) struct Stillness(Option<(u64, SystemTime)>);

impl Stillness {
    /// Has nothing been finalized for [`ABANDON_AFTER`]? A node that knows of a newer block than it has
    /// applied is catching up: it can't tell.
    pub fn lasts(&mut self, applied: u64, tip: u64, now: SystemTime) -> bool {
        match self.0 {
            Some((height, since)) if height == applied && tip <= applied => {
                now.duration_since(since).is_ok_and(|d| d >= ABANDON_AFTER)
            }
            _ => {
                self.0 = Some((applied, now));
                false
            }
        }
    }
}

/// May a node give a statement up, if the log stands still? Only before any trigger, and if the deadline,
/// too, has been over for as long as the log must have stood still: all of that time lies past it.
pub(super) fn may_be_abandoned(status: Status, deadline_ms: u64, now: SystemTime) -> bool {
    let patience = ABANDON_AFTER.as_millis() as u64;
    matches!(
        status,
        Status::Preparing | Status::Collecting | Status::Expired
    ) && millis(now) >= deadline_ms.saturating_add(patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    const WEEK: u64 = 7 * 24 * 3600;

    #[test]
    fn the_log_stands_still_after_a_week_without_a_block_and_no_sooner() {
        let mut stillness = Stillness::default();
        assert!(!stillness.lasts(5, 5, at(1_000)));
        assert!(!stillness.lasts(5, 5, at(1_000 + WEEK - 1)));
        assert!(stillness.lasts(5, 5, at(1_000 + WEEK)));
        // A block: the week begins again.
        assert!(!stillness.lasts(6, 6, at(1_000 + WEEK)));
        assert!(!stillness.lasts(6, 6, at(1_000 + 2 * WEEK - 1)));
        assert!(stillness.lasts(6, 6, at(1_000 + 2 * WEEK)));
    }

    #[test]
    fn a_node_that_is_catching_up_cannot_tell_and_begins_again() {
        let mut stillness = Stillness::default();
        assert!(!stillness.lasts(5, 5, at(0)));
        assert!(!stillness.lasts(5, 9, at(WEEK)));
        assert!(!stillness.lasts(5, 5, at(WEEK + 1)));
        assert!(stillness.lasts(5, 5, at(2 * WEEK)));
    }

    #[test]
    fn the_whole_week_lies_past_the_deadline() {
        let deadline = 50_000_000;
        let open = Status::Collecting;
        assert!(!may_be_abandoned(open, deadline, at(50_000)));
        assert!(!may_be_abandoned(open, deadline, at(50_000 + WEEK - 1)));
        assert!(may_be_abandoned(open, deadline, at(50_000 + WEEK)));
        // A deadline in the distant future overflows nothing.
        assert!(!may_be_abandoned(open, u64::MAX, at(50_000 + WEEK)));
    }

    #[test]
    fn nothing_that_was_triggered_is_given_up() {
        for status in [
            Status::Triggered,
            Status::Revealed,
            Status::Erased,
            Status::Failed,
        ] {
            assert!(!may_be_abandoned(status, 0, at(100 * WEEK)), "{status:?}");
        }
        for status in [Status::Preparing, Status::Collecting, Status::Expired] {
            assert!(may_be_abandoned(status, 0, at(100 * WEEK)), "{status:?}");
        }
    }
}
