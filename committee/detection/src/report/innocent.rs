//! Innocent explanations of what a ring would look like, each with the figure by which a person can tell
//! whether it fits.
//!
//! They are considered for a group that stands out, and shown beside it; none of them changes a score. The
//! bounds between "fits" and "doesn't fit" are drawn by hand where a layman would draw them, and the figure
//! always stands beside them.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::case::Ground;
use crate::signals::together::Together;
use crate::signals::twins::matched;
use crate::votes::{Board, MemberId, PostId, Stance, Vote};
use crate::words::{self, counted, expected, grouped, percent};

const HOUR_MS: i64 = 3_600_000;
const WEEK_MS: i64 = 7 * 24 * HOUR_MS;
/// Votes of one member within so long of another are one sitting.
const SITTING_MS: i64 = 600_000;
/// Votes of the board that are asked how busy it usually is.
const ASKED: usize = 500;
/// Less evidence than this, in nats, isn't worth explaining.
const WORTH: f64 = 3.0;

/// Whether an explanation fits what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It accounts for what was seen.
    Fits,
    /// It accounts for some of it.
    FitsInPart,
    /// It doesn't.
    DoesntFit,
    /// The votes can't tell.
    CantTell,
    /// What it would explain wasn't seen.
    NothingToExplain,
}

impl Reading {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::FitsInPart => "fits in part",
            Self::DoesntFit => "doesn't fit",
            Self::CantTell => "can't be told from votes",
            Self::NothingToExplain => "nothing to explain",
        }
    }
}

/// An innocent explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Innocent {
    /// Its name, for people.
    pub what: &'static str,
    /// What one would see if it were so.
    pub would_show: &'static str,
    /// What is seen, with its figures.
    pub is_seen: String,
    /// Whether that fits.
    pub reading: Reading,
    /// The figures, by name, for programs.
    pub figures: Vec<Figure>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

impl Innocent {
    /// All of it on one line.
    pub fn sentence(&self) -> String {
        format!("{}: {}. {}", self.what, self.reading.words(), self.is_seen)
    }
}

fn figure(name: &'static str, value: f64) -> Figure {
    Figure { name, value }
}

/// What is asked of a group.
struct Asked<'a> {
    ground: &'a Ground<'a>,
    board: &'a Board,
    members: &'a [MemberId],
    group: HashSet<MemberId>,
    timed: &'a [Together],
    /// Votes of members for posts of others of the group.
    inside: Vec<Vote>,
}

/// Considers every explanation.
pub(super) fn considered(
    ground: &Ground<'_>,
    members: &[MemberId],
    timed: &[Together],
) -> Vec<Innocent> {
    let board = ground.board;
    let group: HashSet<MemberId> = members.iter().copied().collect();
    let up = |member: &MemberId| {
        let votes = board.votes_of(*member);
        votes.filter(|v| v.stance == Stance::Up)
    };
    let inside = members.iter().flat_map(up);
    let asked = Asked {
        ground,
        board,
        members,
        timed,
        inside: inside
            .filter(|v| group.contains(&board.post(v.post).author))
            .copied()
            .collect(),
        group,
    };
    vec![
        asked.fan_club(),
        asked.niche(),
        asked.good_posts(),
        asked.same_hours(),
        asked.digest(),
        asked.newcomers(),
    ]
}

impl Asked<'_> {
    fn fan_club(&self) -> Innocent {
        let mut by_author: HashMap<MemberId, u32> = HashMap::new();
        let mut pairs: HashSet<(MemberId, MemberId)> = HashSet::new();
        for vote in &self.inside {
            let author = self.board.post(vote.post).author;
            *by_author.entry(author).or_default() += 1;
            pairs.insert((vote.member, author));
        }
        let most = by_author
            .iter()
            .max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
        let (star, most) = most.map_or((None, 0), |(star, votes)| (Some(*star), *votes));
        let share = ratio(f64::from(most), self.inside.len() as f64);
        let even = ratio(1.0, by_author.len() as f64);
        let both = pairs
            .iter()
            .filter(|(from, to)| from < to && pairs.contains(&(*to, *from)))
            .count();
        let any = pairs.len() - both;
        let mutual = ratio(both as f64, any as f64);
        let few = self.members.len() > 2 && share >= 0.5;
        let reading = if few || mutual <= 0.2 {
            Reading::Fits
        } else if mutual <= 0.5 {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let star = star.map_or_else(String::new, |star| {
            format!(
                "{}, whom the group supports most, got {} of its {} ({}; evenly among its authors it would be {}). ",
                words::name(self.board.member_name(star)),
                grouped(u64::from(most)),
                counted(self.inside.len() as u64, "vote"),
                percent(share),
                percent(even)
            )
        });
        Innocent {
            what: "Fan club",
            would_show: "Fans support one author, or a few, who hardly support them back.",
            is_seen: format!(
                "{star}Pairs of whom one supports the other: {}; of whom each supports the other: {}.",
                grouped(any as u64),
                grouped(both as u64)
            ),
            reading,
            figures: vec![
                figure("share_of_most_supported", share),
                figure("share_if_even", even),
                figure("mutual_pairs", both as f64),
                figure("pairs", any as f64),
            ],
        }
    }

    fn niche(&self) -> Innocent {
        let taste = matched(self.board, self.members);
        let known: Vec<_> = taste.iter().filter(|m| m.twins > 0).collect();
        let votes: f64 = known.iter().map(|m| f64::from(m.votes)).sum();
        let would: f64 = known.iter().map(|m| m.expected).sum();
        let cast = |member: &MemberId| {
            let votes = self.board.votes_of(*member);
            votes.filter(|v| v.stance == Stance::Up).count()
        };
        let cast: usize = self.members.iter().map(cast).sum();
        let to_own = ratio(self.inside.len() as f64, cast as f64);
        let reading = if 2 * known.len() < self.members.len() {
            Reading::CantTell
        } else if would >= 0.5 * votes {
            Reading::Fits
        } else if would >= 0.25 * votes || to_own >= 0.8 {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let own = format!(
            "{} of the members' own support goes to the group.",
            percent(to_own)
        );
        let is_seen = if known.is_empty() {
            format!(
                "Nobody outside the group votes like its members, so there is nobody to compare with: a closed niche \
                 and a ring look the same here. {own}"
            )
        } else {
            format!(
                "{} of {} can be compared with people outside who vote like them: they voted for posts of the group {} \
                 times, and those people would for {}. {own}",
                known.len(),
                counted(self.members.len() as u64, "member"),
                grouped(votes as u64),
                expected(would)
            )
        };
        Innocent {
            what: "Small niche or party",
            would_show: "Others of the same taste, who don't belong to the group, vote for its posts as much.",
            is_seen,
            reading,
            figures: vec![
                figure("members_compared", known.len() as f64),
                figure("votes", votes),
                figure("votes_by_same_taste", would),
                figure("share_of_support_within", to_own),
            ],
        }
    }

    fn good_posts(&self) -> Innocent {
        let mut own = Likes::default();
        for post in self.posts() {
            for vote in self.board.votes_on(post) {
                if !self.group.contains(&vote.member) {
                    own.add(vote.stance);
                }
            }
        }
        let mut all = Likes::default();
        for vote in self.board.votes() {
            if !self.group.contains(&vote.member) {
                all.add(vote.stance);
            }
        }
        let posts = self.posts().count();
        let per_post = ratio(f64::from(own.up), posts as f64);
        let usual = ratio(f64::from(all.up), self.board.posts() as f64);
        let judged = all.up < all.votes;
        let (here, there) = if judged {
            (own.share(), all.share())
        } else {
            (per_post, usual)
        };
        let reading = if own.votes < 5 {
            Reading::CantTell
        } else if here >= 1.5 * there {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let is_seen = if judged {
            format!(
                "Of {} by others on the group's posts {} are in favour; on all posts it is {}.",
                counted(u64::from(own.votes), "vote"),
                percent(here),
                percent(there)
            )
        } else {
            format!(
                "Others gave a post of the group {} votes on the average; a post of anybody {}.",
                expected(here),
                expected(there)
            )
        };
        Innocent {
            what: "Good posts",
            would_show: "Others like the group's posts more than most posts, too. (How popular each post is was already \
                         taken into account.)",
            is_seen,
            reading,
            figures: vec![
                figure("votes_by_others", f64::from(own.votes)),
                figure("in_favour", own.share()),
                figure("in_favour_everywhere", all.share()),
                figure("support_by_others_per_post", per_post),
                figure("support_by_others_per_post_everywhere", usual),
            ],
        }
    }

    fn same_hours(&self) -> Innocent {
        let sum = |of: fn(&Together) -> f64| self.timed.iter().map(of).sum::<f64>();
        let (shared, close) = (sum(|t| f64::from(t.votes)), sum(|t| f64::from(t.together)));
        let habit = sum(|t| t.expected * f64::from(t.votes));
        let evidence = sum(|t| t.evidence);
        let mut hours = [0_u32; 24];
        for vote in &self.inside {
            hours[hour(vote.at_ms)] += 1;
        }
        let (start, share) = busiest(&hours);
        let mut others = [0_u32; 24];
        for vote in self.board.votes() {
            if !self.group.contains(&vote.member) {
                others[hour(vote.at_ms)] += 1;
            }
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
        let is_seen = if shared == 0.0 {
            format!("No two of them voted for the same post of the group. {when}")
        } else {
            format!(
                "{} of {} came within {window} of another's; by how close the same members come to each other on posts of \
                 others, and everybody else on these, it would be {}. {when}",
                grouped(close as u64),
                counted(shared as u64, "vote"),
                expected(habit)
            )
        };
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

    fn digest(&self) -> Innocent {
        let window = self.window_ms();
        let close = self.close(window);
        let busy = median(close.iter().map(|v| self.around(v.at_ms, window)));
        let step = (self.board.votes().len() / ASKED).max(1);
        let outside = self.board.votes().iter().step_by(step);
        let usual = median(
            outside
                .filter(|v| !self.group.contains(&v.member))
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

    fn newcomers(&self) -> Innocent {
        let first = |member: MemberId| {
            let voted = self.board.votes_of(member).next().map(|v| v.at_ms);
            let wrote = self
                .board
                .posts_by(member)
                .map(|p| self.board.post(p).at_ms);
            wrote.chain(voted).min()
        };
        let mut came: Vec<i64> = self.members.iter().filter_map(|m| first(*m)).collect();
        came.sort_unstable();
        let within = |from: i64| move |at: &i64| *at >= from && at.saturating_sub(from) <= WEEK_MS;
        let fullest = came
            .iter()
            .map(|from| (came.iter().filter(|at| within(*from)(at)).count(), *from))
            .max_by_key(|(count, from)| (*count, std::cmp::Reverse(*from)));
        let (together, from) = fullest.unwrap_or((0, 0));
        let everybody = (0..self.board.members() as u32).map(MemberId);
        let everybody = everybody.filter(|m| !self.group.contains(m));
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

    fn posts(&self) -> impl Iterator<Item = PostId> {
        let authors = self.members.iter();
        authors.flat_map(|author| self.ground.board.posts_by(*author))
    }

    fn window_ms(&self) -> i64 {
        self.timed.first().map_or(60_000, |t| t.window_ms)
    }

    /// Votes inside that came within a window of another's on the same post.
    fn close(&self, window_ms: i64) -> Vec<Vote> {
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
        meanwhile
            .filter(|v| !self.group.contains(&v.member))
            .count() as f64
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
                .filter(|v| !self.group.contains(&self.board.post(v.post).author))
                .filter(|v| near(times, v.at_ms))
                .count()
        };
        sittings.iter().map(count).sum()
    }
}

#[derive(Default)]
struct Likes {
    up: u32,
    votes: u32,
}

impl Likes {
    fn add(&mut self, stance: Stance) {
        self.up += u32::from(stance == Stance::Up);
        self.votes += 1;
    }

    fn share(&self) -> f64 {
        ratio(f64::from(self.up), f64::from(self.votes))
    }
}

/// A quotient, zero of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn hour(at_ms: i64) -> usize {
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
