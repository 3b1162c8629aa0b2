//! The innocent explanation that they met: a class or a club that comes together at a fixed time.
//!
//! What keeps an appointment hardly counts as evidence of time ([`crate::signals::appointments`]); here it is told,
//! so that whoever looks at the moments of a case knows why.

use super::{Asked, Innocent, Reading, figure, ratio};
use crate::votes::Vote;
use crate::words::{clock, counted, percent, weekday};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
const WEEK_HOURS: usize = 7 * 24;
/// After a pause as long as this, votes together are another occasion.
const PAUSE_MS: i64 = 3 * HOUR_MS;
/// Occasions are at one time of the week, or of the day, if they begin within the same hours, so many of them.
const WITHIN: i64 = 3;
/// On fewer occasions a fixed time can't be told from another.
const OCCASIONS: usize = 3;
/// In so many weeks people meet weekly.
const WEEKS: usize = 3;
/// On so many days people meet daily.
const DAYS: usize = 5;

impl Asked<'_> {
    pub(super) fn they_met(&self) -> Innocent {
        let close = self.close(self.window_ms());
        let occasions = occasions(&close);
        let weekly = Fixed::of(&occasions, WEEK_MS);
        let daily = Fixed::of(&occasions, DAY_MS);
        let others = self.others_by_hour();
        let all: u32 = others.iter().sum();
        let others = |fixed: &Fixed| ratio(f64::from(fixed.of_hours(&others)), f64::from(all));
        let (others_weekly, others_daily) = (others(&weekly), others(&daily));
        let share = |fixed: &Fixed| ratio(fixed.occasions as f64, occasions.len() as f64);
        let (of_week, of_day) = (share(&weekly), share(&daily));
        // Where everybody comes at that time, no meeting is needed to explain it.
        let own_time = |share: f64, others: f64| others <= 0.5 * share;
        let in_weeks = weekly.periods >= WEEKS && own_time(of_week, others_weekly);
        let on_days = daily.periods >= DAYS && own_time(of_day, others_daily);
        let reading = if close.is_empty() {
            Reading::NothingToExplain
        } else if occasions.len() < OCCASIONS {
            Reading::CantTell
        } else if in_weeks && of_week >= 0.75 {
            Reading::Fits
        } else if (in_weeks && of_week >= 0.5) || (on_days && of_day >= 0.75) {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let is_seen = if close.is_empty() {
            "No two of their votes for the same post came at one moment.".to_owned()
        } else {
            format!(
                "They voted together on {}. At one time of the week (three hours from {} {} UTC): {} of these, in {}, and {} of \
                 everybody else's votes. At one time of the day (three hours from {} UTC): {} of these, on {}, and {} of \
                 everybody else's votes.",
                counted(occasions.len() as u64, "occasion"),
                weekday(weekly.from_ms),
                clock(weekly.from_ms),
                weekly.occasions,
                counted(weekly.periods as u64, "week"),
                percent(others_weekly),
                clock(daily.from_ms),
                daily.occasions,
                counted(daily.periods as u64, "day"),
                percent(others_daily)
            )
        };
        Innocent {
            what: "They met, as a class or a club does",
            would_show: "They vote together at one time of the week, week after week. So does a program that runs at a fixed \
                         time.",
            is_seen,
            reading,
            figures: vec![
                figure("occasions", occasions.len() as f64),
                figure("at_one_time_of_the_week", weekly.occasions as f64),
                figure("weeks", weekly.periods as f64),
                figure("share_of_others_at_that_time_of_the_week", others_weekly),
                figure("at_one_time_of_the_day", daily.occasions as f64),
                figure("days", daily.periods as f64),
                figure("share_of_others_at_that_time_of_the_day", others_daily),
            ],
        }
    }

    /// Everybody else's votes, by the hour of the week.
    fn others_by_hour(&self) -> [u32; WEEK_HOURS] {
        let mut hours = self.ground.everybody().week;
        for vote in self.members.iter().flat_map(|m| self.board.votes_of(*m)) {
            hours[hour_of_week(vote.at_ms)] -= 1;
        }
        hours
    }
}

/// The hour of the week, from Thursday as 1970 did.
pub(super) fn hour_of_week(at_ms: i64) -> usize {
    (at_ms.rem_euclid(WEEK_MS) / HOUR_MS) as usize
}

/// When each occasion began.
fn occasions(close: &[Vote]) -> Vec<i64> {
    let mut times: Vec<i64> = close.iter().map(|v| v.at_ms).collect();
    times.sort_unstable();
    let runs = times.chunk_by(|a, b| b.saturating_sub(*a) < PAUSE_MS);
    runs.filter_map(|run| run.first().copied()).collect()
}

/// The hours of a week or of a day in which most occasions begin; of equals those that begin with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fixed {
    /// The first of its hours, in the week or day of one of the occasions.
    from_ms: i64,
    period_ms: i64,
    occasions: usize,
    /// In how many weeks or days.
    periods: usize,
}

impl Fixed {
    fn of(occasions: &[i64], period_ms: i64) -> Self {
        let mut best = Self {
            from_ms: 0,
            period_ms,
            occasions: 0,
            periods: 0,
        };
        for at_ms in occasions {
            let from_ms = at_ms.div_euclid(HOUR_MS).saturating_mul(HOUR_MS);
            let mut fixed = Self { from_ms, ..best };
            let there: Vec<i64> = occasions
                .iter()
                .copied()
                .filter(|at| fixed.has(*at))
                .collect();
            let after = |at: &i64| at.saturating_sub(from_ms).div_euclid(period_ms);
            let mut periods: Vec<i64> = there.iter().map(after).collect();
            periods.dedup();
            fixed.occasions = there.len();
            fixed.periods = periods.len();
            if fixed.occasions > best.occasions {
                best = fixed;
            }
        }
        best
    }

    /// Is it that time of the week or day?
    fn has(&self, at_ms: i64) -> bool {
        at_ms
            .saturating_sub(self.from_ms)
            .rem_euclid(self.period_ms)
            < WITHIN * HOUR_MS
    }

    /// How many of these, by the hour of the week, fall into it.
    fn of_hours(&self, hours: &[u32; WEEK_HOURS]) -> u32 {
        let hours = (0..).zip(hours);
        let within = hours.filter(|(hour, _)| self.has(hour * HOUR_MS));
        within.map(|(_, votes)| votes).sum()
    }
}
