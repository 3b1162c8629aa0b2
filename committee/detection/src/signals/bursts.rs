//! Bursts: posts with many votes in their first hour, against what that post and that hour explain.
//!
//! A vote comes when people are there, and to posts that are new. So each of a post's votes is taken to fall
//! at age `t` with a rate `pace(time)·youth(age)`: the board's pace at that time, and how much more young posts
//! are voted on than old ones. The post's own total gives the number of votes, so how good or popular it is
//! plays no part; given the total, the votes of the first hour are binomial (and about Poisson with mean
//! `total·share` where the share is small), if votes come one by one. A scan statistic with a known window (Naus: "The distribution of
//! the size of the maximum cluster of points on a line", 1965; Kleinberg: "Bursty and hierarchical structure in
//! streams", 2003, for rates that change).
//!
//! - The pace is the board's rhythm by hour of the week, drawn towards what others did in that very hour, as
//!   if the rhythm were worth [`RHYTHM`] votes: a digest or a day on which everybody comes explains a burst. The
//!   post's own votes are taken out of it.
//! - Youth is one factor for each band of age, fitted so that over all posts each band has as many votes as
//!   the model expects (the maximum of the likelihood; Darroch and Ratcliff's iterative scaling, 1972).
//! - Votes don't come one by one: people come in groups, and rhythm and youth are known from a board's votes only
//!   roughly. Both make first hours vary more than binomially. How much more is measured on the board's posts, as
//!   the correlation of a post's votes at which all first hours together vary as expected, each post having a
//!   bounded say ([`MOST_SAY`]) so that a few bursts don't explain themselves; the p-value is beta-binomial.

use crate::signals::significance::{Tail, beta_binomial};
use crate::votes::{Board, PostId, Vote};

/// Fewer votes in the first hour are no burst.
pub const LEAST: u32 = 10;
const HOUR_MS: i64 = 3_600_000;
const WEEK: usize = 168;
/// How many votes the rhythm of the week counts for against what happened in an hour.
const RHYTHM: f64 = 50.0;
/// Of boards that lasted longer only the last fifty years are looked at.
const MOST_HOURS: i64 = 50 * 366 * 24;
/// Ends of the bands of age in hours double from band to band.
const BANDS: usize = 24;
/// A post's squared deviation counts for so many variances at most when the spread is measured.
const MOST_SAY: f64 = 10.0;
/// Fewer posts with enough votes don't tell the spread.
const LEAST_POSTS: usize = 20;
/// Rounds of fitting at most.
const ROUNDS: usize = 50;

/// A post's first hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FirstHour {
    /// Which post.
    pub post: PostId,
    /// Votes in its first hour.
    pub votes: u32,
    /// Votes at any time.
    pub total: u32,
    /// The share of them expected in the first hour.
    pub share: f64,
    /// The correlation of a post's votes, the same for the whole board.
    pub spread: f64,
}

impl FirstHour {
    /// Votes expected in the first hour.
    pub fn expected(&self) -> f64 {
        self.share * f64::from(self.total)
    }

    /// How unlikely as many are, or more.
    pub fn tail(&self) -> Tail {
        beta_binomial(self.votes, self.total, self.share, self.spread)
    }
}

/// Posts with at least [`LEAST`] votes in their first hour, and more than expected.
pub fn bursts(board: &Board) -> Vec<FirstHour> {
    let mut found = first_hours(board);
    found.retain(|hour| hour.votes >= LEAST && f64::from(hour.votes) > hour.expected());
    found
}

/// The first hours of all posts with votes.
pub fn first_hours(board: &Board) -> Vec<FirstHour> {
    let Some(pace) = Pace::of(board) else {
        return Vec::new();
    };
    let posts = (0..board.posts() as u32).map(PostId);
    let exposed: Vec<Exposed> = posts
        .filter_map(|post| Exposed::of(board, &pace, post))
        .collect();
    let youth = youth(&exposed);
    let measure = |post: &Exposed| {
        let weights = post
            .pace
            .iter()
            .zip(&youth)
            .map(|(pace, youth)| pace * youth);
        let all: f64 = weights.sum();
        let first = post
            .pace
            .first()
            .zip(youth.first())
            .map_or(0.0, |(pace, youth)| pace * youth);
        FirstHour {
            post: post.post,
            votes: post.votes.first().copied().unwrap_or(0),
            total: post.votes.iter().sum(),
            share: if all > 0.0 {
                (first / all).min(1.0)
            } else {
                1.0
            },
            spread: 0.0,
        }
    };
    let mut hours: Vec<FirstHour> = exposed.iter().map(measure).collect();
    let spread = spread(&hours);
    for hour in &mut hours {
        hour.spread = spread;
    }
    hours
}

/// The correlation at which squared deviations are as large as expected, zero if they aren't larger anyhow.
fn spread(hours: &[FirstHour]) -> f64 {
    let variance = |hour: &FirstHour| hour.expected() * (1.0 - hour.share);
    let known: Vec<&FirstHour> = hours.iter().filter(|hour| variance(hour) >= 1.0).collect();
    if known.len() < LEAST_POSTS {
        return 0.0;
    }
    let excess = |spread: f64| {
        let say = known.iter().map(|hour| {
            let off = f64::from(hour.votes) - hour.expected();
            let more = 1.0 + f64::from(hour.total.saturating_sub(1)) * spread;
            (off * off / (variance(hour) * more)).min(MOST_SAY)
        });
        say.sum::<f64>() - known.len() as f64
    };
    if excess(0.0) <= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if excess(middle) > 0.0 {
            low = middle
        } else {
            high = middle
        }
    }
    high
}

/// How many votes a board has per hour, at any time.
struct Pace {
    /// The first hour, counted from 1970.
    first: i64,
    /// For each hour, the votes in it.
    seen: Vec<f64>,
    /// For each hour, the rhythm of the week there.
    rhythm: Vec<f64>,
    /// For each hour of the week, how often it came.
    times: [f64; WEEK],
    /// The pace of all hours before.
    before: Vec<f64>,
    /// The time of the last vote.
    end_ms: i64,
}

impl Pace {
    fn of(board: &Board) -> Option<Self> {
        let end_ms = board.votes().last()?.at_ms;
        let last = end_ms.div_euclid(HOUR_MS);
        let first = board.votes().first()?.at_ms.div_euclid(HOUR_MS);
        let first = first.max(last.saturating_sub(MOST_HOURS));
        let hours = usize::try_from(last.saturating_sub(first)).ok()? + 1;
        let mut seen = vec![0.0; hours];
        for vote in board.votes() {
            let hour = vote.at_ms.div_euclid(HOUR_MS).saturating_sub(first);
            let hour = usize::try_from(hour)
                .ok()
                .and_then(|hour| seen.get_mut(hour));
            if let Some(count) = hour {
                *count += 1.0;
            }
        }
        let of_week = |hour: usize| of_week(first + hour as i64);
        let (mut votes, mut times) = ([0.0; WEEK], [0.0; WEEK]);
        for (hour, count) in seen.iter().enumerate() {
            votes[of_week(hour)] += count;
            times[of_week(hour)] += 1.0;
        }
        let week = week(&votes, &times);
        let rhythm: Vec<f64> = (0..hours).map(|hour| week[of_week(hour)]).collect();
        let mut before = Vec::with_capacity(hours + 1);
        let mut sum = 0.0;
        before.push(sum);
        for (rhythm, seen) in rhythm.iter().zip(&seen) {
            sum += drawn(*rhythm, *seen);
            before.push(sum);
        }
        Some(Self {
            first,
            seen,
            rhythm,
            times,
            before,
            end_ms,
        })
    }

    /// The pace of all time until a moment, evenly within an hour.
    fn until(&self, at_ms: i64) -> f64 {
        let at_ms = at_ms.min(self.end_ms.saturating_add(1));
        let Ok(hour) = usize::try_from(at_ms.div_euclid(HOUR_MS).saturating_sub(self.first)) else {
            return 0.0;
        };
        let (Some(before), Some(after)) = (self.before.get(hour), self.before.get(hour + 1)) else {
            return self.before.last().copied().unwrap_or(0.0);
        };
        let part = at_ms.rem_euclid(HOUR_MS) as f64 / HOUR_MS as f64;
        before + part * (after - before)
    }

    /// What so many votes of one hour themselves add to its pace.
    fn own(&self, hour: i64, votes: f64) -> f64 {
        let place = usize::try_from(hour.saturating_sub(self.first)).ok();
        let found = place.and_then(|place| self.seen.get(place).zip(self.rhythm.get(place)));
        let Some((seen, rhythm)) = found else {
            return 0.0;
        };
        // Of the rhythm, what is not drawn towards the product is the hour of the week's own.
        let others = rhythm - rhythm * votes / (rhythm * self.times[of_week(hour)] + RHYTHM);
        let others = others.max(rhythm / 1000.0);
        drawn(*rhythm, *seen) - drawn(others, (seen - votes).max(0.0))
    }
}

/// An hour's place in the week.
fn of_week(hour: i64) -> usize {
    hour.rem_euclid(WEEK as i64) as usize
}

/// The votes per hour of each hour of the week. Of a few weeks there are too few votes in each to tell its
/// rhythm from noise, so it is drawn towards the product of the rhythms of the day and of the days of the
/// week, as if that product were worth [`RHYTHM`] votes.
fn week(votes: &[f64; WEEK], times: &[f64; WEEK]) -> [f64; WEEK] {
    let (mut of_hour, mut of_day) = ([(0.0, 0.0); 24], [(0.0, 0.0); 7]);
    let mut all = (0.02, 0.0);
    for (place, (votes, times)) in votes.iter().zip(times).enumerate() {
        for sum in [&mut of_hour[place % 24], &mut of_day[place / 24], &mut all] {
            sum.0 += votes;
            sum.1 += times;
        }
    }
    let mean = all.0 / all.1;
    let mut week = [0.0; WEEK];
    for (place, rhythm) in week.iter_mut().enumerate() {
        let (of_hour, of_day) = (of_hour[place % 24], of_day[place / 24]);
        // A thousandth of the mean: an hour without votes is still possible.
        let product = (of_hour.0 / of_hour.1 * (of_day.0 / of_day.1) / mean).max(mean / 1000.0);
        *rhythm = product * (votes[place] + RHYTHM) / (product * times[place] + RHYTHM);
    }
    week
}

/// The rhythm, drawn towards what was seen.
fn drawn(rhythm: f64, seen: f64) -> f64 {
    rhythm * (seen + RHYTHM) / (rhythm + RHYTHM)
}

fn hour_of(vote: &Vote) -> i64 {
    vote.at_ms.div_euclid(HOUR_MS)
}

/// A post's votes, and the pace without them, by band of age.
struct Exposed {
    post: PostId,
    votes: [u32; BANDS],
    pace: [f64; BANDS],
}

impl Exposed {
    fn of(board: &Board, pace: &Pace, post: PostId) -> Option<Self> {
        let made_ms = board.post(post).at_ms;
        if board.votes_on(post).next()?.at_ms.div_euclid(HOUR_MS) < pace.first {
            return None;
        }
        let mut exposed = Self {
            post,
            votes: [0; BANDS],
            pace: [0.0; BANDS],
        };
        let mut from = pace.until(made_ms);
        for (band, sum) in exposed.pace.iter_mut().enumerate() {
            let until = pace.until(made_ms.saturating_add(HOUR_MS << band));
            *sum = until - from;
            from = until;
        }
        let whole = exposed.pace;
        let votes: Vec<&Vote> = board.votes_on(post).collect();
        for same in votes.chunk_by(|a, b| hour_of(a) == hour_of(b)) {
            let count = same.len() as f64;
            let own = same
                .first()
                .map_or(0.0, |vote| pace.own(hour_of(vote), count))
                / count;
            for vote in same {
                let hours = vote.at_ms.saturating_sub(made_ms) / HOUR_MS;
                // Band 0 is the first hour, then 1 to 2, 2 to 4, ...
                let band = (hours.max(0) as u64)
                    .checked_ilog2()
                    .map_or(0, |log| log as usize + 1);
                let band = band.min(BANDS - 1);
                exposed.votes[band] += 1;
                exposed.pace[band] -= own;
            }
        }
        // Never less than a little: the hour was there even if nobody else was.
        for (sum, whole) in exposed.pace.iter_mut().zip(whole) {
            *sum = sum.max(0.01 * whole);
        }
        Some(exposed)
    }
}

/// How much more posts of each band of age are voted on.
fn youth(posts: &[Exposed]) -> [f64; BANDS] {
    let mut youth = [1.0; BANDS];
    let mut votes = [0.0; BANDS];
    for post in posts {
        for (sum, count) in votes.iter_mut().zip(post.votes) {
            *sum += f64::from(count);
        }
    }
    for _ in 0..ROUNDS {
        let mut expected = [0.0; BANDS];
        for post in posts {
            let total: f64 = post.votes.iter().map(|v| f64::from(*v)).sum();
            let all: f64 = post
                .pace
                .iter()
                .zip(&youth)
                .map(|(pace, youth)| pace * youth)
                .sum();
            if all > 0.0 {
                for ((sum, pace), youth) in expected.iter_mut().zip(post.pace).zip(&youth) {
                    *sum += total * pace * youth / all;
                }
            }
        }
        let mut moved = 0.0_f64;
        for ((youth, votes), expected) in youth.iter_mut().zip(votes).zip(expected) {
            if expected > 0.0 {
                let factor = (votes + 0.5) / (expected + 0.5);
                moved = moved.max((factor - 1.0).abs());
                *youth *= factor;
            }
        }
        if moved < 1e-4 {
            break;
        }
    }
    youth
}
