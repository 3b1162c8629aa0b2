//! Innocent explanations of when a group votes, and when it came: the same hours, a digest, newcomers.

use std::collections::HashMap;

use super::{Asked, Innocent, Reading, figure, ratio};
use crate::signals::together::Together;
use crate::votes::{MemberId, Vote};
use crate::words::{self, counted, expected, grouped, percent};

const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
/// Votes of one member within so long of another are one sitting.
const SITTING_MS: i64 = 600_000;
/// Votes of the board that are asked how busy it usually is.
const ASKED: usize = 500;
/// Less evidence than this, in nats, isn't worth explaining.
const WORTH: f64 = 3.0;

impl Asked<'_> {
    pub(super) fn same_hours(&self) -> Innocent {
        let sum = |of: fn(&Together) -> f64| self.timed.iter().map(of).sum::<f64>();
        let (shared, close) = (sum(|t| f64::from(t.votes)), sum(|t| f64::from(t.together)));
        let habit = sum(|t| t.expected * f64::from(t.votes));
        let evidence = sum(|t| t.evidence);
        let mut hours = [0_u32; 24];
        for vote in &self.inside {
            hours[hour(vote.at_ms)] += 1;
        }
        let (start, share) = busiest(&hours);
        let mut others = self.ground.everybody().hours;
        for vote in self.members.iter().flat_map(|m| self.board.votes_of(*m)) {
            others[hour(vote.at_ms)] -= 1;
        }
        let usual = six_hours(&others, start);
        let reading = if shared == 0.0 || evidence < WORTH {
            Reading::NothingToExplain
        } else if habit >= 0.5 * close {
            Reading::Fits
        } else if habit >= 0.25 * close {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let window = words::span(self.window_ms());
        let when = format!(
            "{} of their votes for each other fall between {start}:00 and {}:00 UTC, and {} of everybody else's votes.",
            percent(share),
            (start + 6) % 24,
            percent(usual)
        );
        let mut is_seen = if shared == 0.0 {
            format!("No two of them voted for the same post of the group. {when}")
        } else {
            format!(
                "{} of {} came within {window} after another's; by how close the same members come to each other on posts of \
                 others, and everybody else on these, it would be {}. {when}",
                grouped(close as u64),
                counted(shared as u64, "vote"),
                expected(habit)
            )
        };
        if matches!(reading, Reading::FitsInPart | Reading::DoesntFit) {
            is_seen += &format!(
                " People who are up together come within hours of each other, and seldom within {window}: keeping the same hours \
                 explains about {} of these {}, and the others need another reason.",
                expected(habit),
                grouped(close as u64)
            );
        }
        Innocent {
            what: "Same time zone, same hours",
            would_show: "People who are up at the same hours vote close to each other on posts of others as well.",
            is_seen,
            reading,
            figures: vec![
                figure("votes", shared),
                figure("close", close),
                figure("close_by_habit", habit),
                figure("share_in_busiest_six_hours", share),
                figure("share_of_others_in_these_hours", usual),
            ],
        }
    }

    pub(super) fn digest(&self) -> Innocent {
        let window = self.window_ms();
        let close = self.close(window);
        let busy = median(close.iter().map(|v| self.around(v.at_ms, window)));
        let step = (self.board.votes().len() / ASKED).max(1);
        let outside = self.board.votes().iter().step_by(step);
        let usual = median(
            outside
                .filter(|v| !self.group.has(v.member))
                .map(|v| self.around(v.at_ms, window) - 1.0),
        );
        let elsewhere = self.elsewhere(&close);
        let evidence: f64 = self.timed.iter().map(|t| t.evidence).sum();
        let mixed = ratio(elsewhere as f64, (elsewhere + close.len()) as f64);
        let reading = if close.is_empty() || evidence < WORTH {
            Reading::NothingToExplain
        } else if busy >= 5.0 && busy >= 2.0 * usual && mixed >= 0.5 {
            Reading::Fits
        } else if (busy >= 5.0 && busy >= 2.0 * usual) || mixed >= 0.5 {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let is_seen = if close.is_empty() {
            "No two of their votes for the same post came at one moment.".to_owned()
        } else {
            format!(
                "When they voted together, others cast {} within {} (median; at any other vote it is {}). Within ten minutes \
                 of these {}, the same members cast {} on posts of others.",
                counted(busy as u64, "vote"),
                words::span(window),
                grouped(usual as u64),
                counted(close.len() as u64, "vote"),
                counted(elsewhere as u64, "vote")
            )
        };
        Innocent {
            what: "Digest e-mail, or a busy moment",
            would_show: "Others come at the same moment, and who comes votes on posts of others too.",
            is_seen,
            reading,
            figures: vec![
                figure("close_votes", close.len() as f64),
                figure("votes_by_others_meanwhile", busy),
                figure("votes_by_others_usually", usual),
                figure("own_votes_elsewhere_meanwhile", elsewhere as f64),
            ],
        }
    }

    pub(super) fn newcomers(&self) -> Innocent {
        let first = |member: MemberId| self.ground.everybody().first_ms[member.at()];
        let mut came: Vec<i64> = self.members.iter().filter_map(|m| first(*m)).collect();
        came.sort_unstable();
        let within = |from: i64| move |at: &i64| *at >= from && at.saturating_sub(from) <= WEEK_MS;
        let fullest = came
            .iter()
            .map(|from| (came.iter().filter(|at| within(*from)(at)).count(), *from))
            .max_by_key(|(count, from)| (*count, std::cmp::Reverse(*from)));
        let (together, from) = fullest.unwrap_or((0, 0));
        let everybody = (0..self.board.members() as u32).map(MemberId);
        let everybody = everybody.filter(|m| !self.group.has(*m));
        let others: Vec<i64> = everybody.filter_map(first).collect();
        let meanwhile = others.iter().filter(|at| within(from)(at)).count();
        let share = ratio(together as f64, self.members.len() as f64);
        let usual = ratio(meanwhile as f64, others.len() as f64);
        let reading = if share >= 0.75 && usual < 0.5 {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        Innocent {
            what: "Newcomers who know each other",
            would_show: "They came in the same week, as a class or a club does. So do accounts that were made for a ring.",
            is_seen: format!(
                "{together} of {} were first seen within the week from {}, and {} of everybody else.",
                counted(self.members.len() as u64, "member"),
                words::day(from),
                percent(usual)
            ),
            reading,
            figures: vec![
                figure("share_first_seen_in_one_week", share),
                figure("share_of_others_first_seen_then", usual),
            ],
        }
    }

    pub(super) fn window_ms(&self) -> i64 {
        self.timed.first().map_or(60_000, |t| t.window_ms)
    }

    /// Votes inside that came within a window of another's on the same post.
    pub(super) fn close(&self, window_ms: i64) -> Vec<Vote> {
        let mut votes = self.inside.clone();
        votes.sort_unstable_by_key(|v| (v.post, v.at_ms, v.member));
        let near = |a: &Vote, b: &Vote| {
            a.post == b.post && b.at_ms.abs_diff(a.at_ms) <= window_ms.unsigned_abs()
        };
        let runs = votes.chunk_by(near).filter(|run| run.len() >= 2);
        runs.flatten().copied().collect()
    }

    /// Votes by others anywhere on the board within a window of a time.
    fn around(&self, at_ms: i64, window_ms: i64) -> f64 {
        let votes = self.board.votes();
        let from = votes.partition_point(|v| v.at_ms < at_ms.saturating_sub(window_ms));
        let to = votes.partition_point(|v| v.at_ms <= at_ms.saturating_add(window_ms));
        let meanwhile = votes.get(from..to).unwrap_or_default().iter();
        meanwhile.filter(|v| !self.group.has(v.member)).count() as f64
    }

    /// Votes on posts of others that the same members cast in the same sittings.
    fn elsewhere(&self, close: &[Vote]) -> usize {
        let mut sittings: HashMap<MemberId, Vec<i64>> = HashMap::new();
        for vote in close {
            sittings.entry(vote.member).or_default().push(vote.at_ms);
        }
        for times in sittings.values_mut() {
            times.sort_unstable();
        }
        let near = |times: &[i64], at: i64| {
            let place = times.partition_point(|t| *t < at);
            let next = times.get(place).into_iter();
            let last = place.checked_sub(1).and_then(|p| times.get(p)).into_iter();
            next.chain(last)
                .any(|t| t.abs_diff(at) <= SITTING_MS.unsigned_abs())
        };
        let count = |(member, times): (&MemberId, &Vec<i64>)| {
            let votes = self.board.votes_of(*member);
            votes
                .filter(|v| !self.group.wrote(self.board, v.post))
                .filter(|v| near(times, v.at_ms))
                .count()
        };
        sittings.iter().map(count).sum()
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

pub(super) fn hour(at_ms: i64) -> usize {
    (at_ms.rem_euclid(24 * HOUR_MS) / HOUR_MS) as usize
}

/// The six hours with the most votes: where they start, and their share.
fn busiest(hours: &[u32; 24]) -> (usize, f64) {
    let shares = (0..24).map(|start| (start, six_hours(hours, start)));
    let most = shares.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    most.unwrap_or((0, 0.0))
}

fn six_hours(hours: &[u32; 24], start: usize) -> f64 {
    let within: u32 = hours.iter().cycle().skip(start).take(6).sum();
    ratio(f64::from(within), f64::from(hours.iter().sum::<u32>()))
}
