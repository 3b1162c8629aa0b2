//! What a contributor bears of networks and coordinators, and for how long: who waits for hours isn't sent
//! away by one answer that doesn't come. Only what can pass by itself is borne, never what is wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tacit_ceremony::coordinator::MAX_PIECE;
use tacit_client::api::ServiceError;

use crate::clock::now_ms;
use crate::output::{Output, printable_line};

/// Between the first two tries, in milliseconds.
const FIRST: u64 = 1_000;
/// Between two tries at most: a turn bears silence of two minutes.
const LONGEST: u64 = 15_000;
/// Bytes that are sent or fetched with the first call, and at least.
const START: u64 = 64 << 10;
const SMALLEST: u64 = 4 << 10;
/// Calls are to take so long, about: well below what a call may take.
const QUICK: Duration = Duration::from_secs(4);
const SLOW: Duration = Duration::from_secs(20);

/// Whether an error can pass by itself: nobody answered, or a coordinator or proxy that is busy, starts
/// again, or waited too long for a slow line.
pub fn passes(error: &ServiceError) -> bool {
    match error {
        ServiceError::Transport(_) => true,
        // Two requests for a turn within a second: the next second's is another one.
        ServiceError::Problem(p) if p.word() == "repeated" => true,
        ServiceError::Problem(p) => matches!(p.status, 408 | 429 | 500 | 502..=599),
        ServiceError::BadAnswer(_) => false,
    }
}

/// How long passing trouble is borne. Not at all, until somebody says so.
#[derive(Debug, Default)]
pub struct Patience {
    /// Unix time in seconds.
    until: AtomicU64,
}

impl Patience {
    /// Until then: Unix time in seconds.
    pub fn last_until(&self, until: u64) {
        self.until.store(until, Ordering::SeqCst);
    }

    /// Calls again as long as what is wrong can pass by itself, and for so many more seconds at least.
    pub fn bear<T>(
        &self,
        out: &Output,
        least: u64,
        mut call: impl FnMut() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let least = now_ms() / 1000 + least;
        let mut trouble = Trouble::default();
        loop {
            let until = self.until.load(Ordering::SeqCst).max(least);
            match call() {
                Err(e) if passes(&e) && now_ms() / 1000 < until => trouble.wait(out, &e),
                done => {
                    if done.is_ok() {
                        trouble.passed(out);
                    }
                    return done;
                }
            }
        }
    }
}

/// Tries that came to nothing, one after the other.
#[derive(Debug, Default)]
pub struct Trouble {
    tries: u32,
}

impl Trouble {
    /// Waits, each time longer, and never as long as others do. One lost answer isn't worth a word.
    pub fn wait(&mut self, out: &Output, why: &ServiceError) {
        self.tries += 1;
        if self.tries == 2 {
            out.note(format!(
                "The coordinator doesn't answer as it should; trying again, as long as it makes sense. ({})",
                printable_line(&why.to_string())
            ));
        }
        std::thread::sleep(self.pause());
    }

    /// As [`Trouble::wait`], and says this, the first time.
    pub fn wait_saying(&mut self, out: &Output, what: impl FnOnce() -> String) {
        self.tries += 1;
        if self.tries == 1 {
            out.note(what());
        }
        std::thread::sleep(self.pause());
    }

    /// It has passed.
    pub fn passed(&mut self, out: &Output) {
        if self.tries > 1 {
            out.note("The coordinator answers again.");
        }
        self.tries = 0;
    }

    fn pause(&self) -> Duration {
        let most = LONGEST.min(FIRST << self.tries.saturating_sub(1).min(10));
        let mut random = [0; 2];
        // Without randomness, everybody waits as long.
        let _ = getrandom::fill(&mut random);
        let part = u64::from(u16::from_be_bytes(random)) % (most / 2);
        // Never under a second: a request for a turn is another one only in another second.
        Duration::from_millis(FIRST.max(most - part))
    }
}

/// How many bytes the next call is for: as many as the line carries in a few seconds, so that no call is
/// cut off while bytes move.
#[derive(Debug)]
pub struct Pace(u64);

impl Default for Pace {
    fn default() -> Self {
        Self(START)
    }
}

impl Pace {
    /// Bytes of the next call.
    pub fn bytes(&self) -> u64 {
        self.0
    }

    /// A call took so long.
    pub fn took(&mut self, time: Duration) {
        if time < QUICK {
            self.0 = (self.0 * 2).min(MAX_PIECE);
        } else if time > SLOW {
            self.cut();
        }
    }

    /// A call was cut off.
    pub fn cut(&mut self) {
        self.0 = (self.0 / 2).max(SMALLEST);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tacit_client::api::Problem;

    use super::*;

    fn problem(status: u16) -> ServiceError {
        ServiceError::Problem(Problem {
            kind: String::new(),
            title: "a title".into(),
            status,
            detail: String::new(),
            advice: String::new(),
        })
    }

    #[test]
    fn what_can_pass_is_borne_and_what_is_wrong_is_not() {
        for status in [408, 429, 500, 502, 503, 504, 520] {
            assert!(passes(&problem(status)), "{status}");
        }
        for status in [301, 400, 403, 404, 409, 413, 422, 501] {
            assert!(!passes(&problem(status)), "{status}");
        }
        assert!(passes(&ServiceError::Transport(String::new())));
        assert!(!passes(&ServiceError::BadAnswer(String::new())));
    }

    #[test]
    fn nothing_is_borne_before_somebody_says_so_nor_later_than_that() {
        let patience = Patience::default();
        let calls = Cell::new(0);
        let mut busy = || {
            calls.set(calls.get() + 1);
            if calls.get() % 2 == 0 {
                Ok(())
            } else {
                Err(problem(503))
            }
        };
        let out = Output::new(true);
        assert!(patience.bear(&out, 0, &mut busy).is_err());
        calls.set(0);
        patience.last_until(now_ms() / 1000 + 60);
        assert!(patience.bear(&out, 0, &mut busy).is_ok());
        assert_eq!(calls.get(), 2);
        patience.last_until(now_ms() / 1000);
        assert!(patience.bear(&out, 0, &mut busy).is_err());
    }

    #[test]
    fn tries_get_rarer_up_to_a_limit_and_are_never_two_in_a_second() {
        let mut trouble = Trouble::default();
        for _ in 0..100 {
            trouble.tries += 1;
            let pause = trouble.pause();
            assert!(
                pause >= Duration::from_millis(FIRST) && pause <= Duration::from_millis(LONGEST)
            );
        }
        assert!(trouble.pause() > Duration::from_millis(LONGEST / 2));
    }

    #[test]
    fn a_line_of_a_kilobyte_a_second_gets_pieces_that_it_carries_in_time_and_a_fast_one_long_ones()
    {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.took(Duration::from_secs(pace.bytes() / 1024));
        }
        assert!(pace.bytes() <= 32 << 10 && pace.bytes() >= SMALLEST);
        for _ in 0..20 {
            pace.took(Duration::from_millis(10));
        }
        assert_eq!(pace.bytes(), MAX_PIECE);
        for _ in 0..20 {
            pace.cut();
        }
        assert_eq!(pace.bytes(), SMALLEST);
    }
}
