//! Who votes at the same time: a group's votes on its own posts, against how often the same members meet by
//! chance elsewhere.
//!
//! Two people who read a board at the same hour, or who sit in one room, vote within minutes of each other on
//! everything, and nothing is wrong with it. So the measure of chance is each member's own: on posts that
//! the group did *not* write. Only what the group's own posts have beyond that counts.

use std::collections::HashSet;

use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// Votes count as together within so many milliseconds: a minute, ten minutes.
pub const WINDOWS_MS: [i64; 2] = [60_000, 600_000];
/// How many votes the board's general pace counts for beside a member's own habit.
const PRIOR: f64 = 8.0;
/// The share that is never taken for impossible.
const LEAST_SHARE: f64 = 1e-3;

/// How often a member voted together with others of its group, in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Together {
    /// Whose.
    pub member: MemberId,
    /// Within so many milliseconds.
    pub window_ms: i64,
    /// Votes on the group's posts on which others of the group voted too.
    pub votes: u32,
    /// Of these, with another's vote within the window.
    pub together: u32,
    /// The share that this member's habit and the board's pace would give.
    pub expected: f64,
    /// Logarithm of the likelihood ratio of the share seen and the share expected, in nats; zero if no more
    /// were together than expected.
    pub evidence: f64,
}

/// Measures a group, in the window that tells most for the group as a whole.
pub fn together(board: &Board, group: &[MemberId]) -> Vec<Together> {
    let windows = WINDOWS_MS.map(|window| within(board, group, window));
    let sum = |list: &[Together]| list.iter().map(|t| t.evidence).sum::<f64>();
    let [short, long] = windows;
    if sum(&short) >= sum(&long) {
        short
    } else {
        long
    }
}

/// Measures a group in one window.
pub fn within(board: &Board, group: &[MemberId], window_ms: i64) -> Vec<Together> {
    let inside: HashSet<MemberId> = group.iter().copied().collect();
    let mut measured: Vec<Together> = Vec::with_capacity(group.len());
    for member in group {
        let mut own = Count::default();
        let mut elsewhere = Count::default();
        let mut pace = 0.0;
        for vote in board.votes_of(*member).filter(|v| v.stance == Stance::Up) {
            let near = Near::of(board, vote, &inside, window_ms);
            if near.group == 0 {
                continue;
            }
            if inside.contains(&board.post(vote.post).author) {
                own.add(near.group_near > 0);
                pace += near.by_pace();
            } else {
                elsewhere.add(near.group_near > 0);
            }
        }
        let pace = if own.all > 0 {
            pace / f64::from(own.all)
        } else {
            0.0
        };
        let expected =
            (f64::from(elsewhere.hits) + PRIOR * pace) / (f64::from(elsewhere.all) + PRIOR);
        let expected = expected.clamp(LEAST_SHARE, 1.0);
        measured.push(Together {
            member: *member,
            window_ms,
            votes: own.all,
            together: own.hits,
            expected,
            evidence: binomial(own.hits, own.all, expected),
        });
    }
    measured
}

#[derive(Default)]
struct Count {
    all: u32,
    hits: u32,
}

impl Count {
    fn add(&mut self, hit: bool) {
        self.all += 1;
        self.hits += u32::from(hit);
    }
}

/// What else happened on a vote's post.
struct Near {
    /// Votes of others of the group.
    group: u32,
    /// Of these, within the window.
    group_near: u32,
    /// Votes of everybody else.
    rest: u32,
    /// Of these, within the window.
    rest_near: u32,
}

impl Near {
    fn of(board: &Board, vote: &Vote, inside: &HashSet<MemberId>, window_ms: i64) -> Self {
        let mut near = Self {
            group: 0,
            group_near: 0,
            rest: 0,
            rest_near: 0,
        };
        for other in board
            .votes_on(vote.post)
            .filter(|o| o.member != vote.member)
        {
            let close = u32::from(other.at_ms.abs_diff(vote.at_ms) <= window_ms.unsigned_abs());
            if inside.contains(&other.member) {
                if other.stance == Stance::Up {
                    near.group += 1;
                    near.group_near += close;
                }
            } else {
                near.rest += 1;
                near.rest_near += close;
            }
        }
        near
    }

    /// The chance that at least one of the group's votes is near, if they came at the others' pace.
    fn by_pace(&self) -> f64 {
        let share = (f64::from(self.rest_near) + 0.05) / (f64::from(self.rest) + 1.0);
        1.0 - (1.0 - share).powi(self.group as i32)
    }
}

/// `votes·KL(hits/votes ‖ share)`, if more hits than expected.
pub(crate) fn binomial(hits: u32, votes: u32, share: f64) -> f64 {
    let (hits, votes) = (f64::from(hits), f64::from(votes));
    if votes == 0.0 || hits <= share * votes {
        return 0.0;
    }
    let misses = votes - hits;
    let mut evidence = hits * (hits / (votes * share)).ln();
    if misses > 0.0 {
        evidence += misses * (misses / (votes * (1.0 - share)).max(f64::MIN_POSITIVE)).ln();
    }
    evidence.max(0.0)
}

/// How early a group votes on its own posts: for each member the votes among the first quarter of a post's
/// votes, on the group's posts and elsewhere.
pub fn early(board: &Board, group: &[MemberId]) -> Vec<Together> {
    let inside: HashSet<MemberId> = group.iter().copied().collect();
    let first_quarter = |member: MemberId, post: PostId| {
        let votes = board.votes_on(post);
        let all = votes.len();
        let place = board.votes_on(post).position(|v| v.member == member);
        (all >= 4).then(|| place.is_some_and(|place| 4 * place < all))
    };
    let measure = |member: &MemberId| {
        let (mut own, mut elsewhere) = (Count::default(), Count::default());
        for vote in board.votes_of(*member).filter(|v| v.stance == Stance::Up) {
            let Some(early) = first_quarter(*member, vote.post) else {
                continue;
            };
            let within = inside.contains(&board.post(vote.post).author);
            if within { &mut own } else { &mut elsewhere }.add(early);
        }
        let expected =
            (f64::from(elsewhere.hits) + PRIOR / 4.0) / (f64::from(elsewhere.all) + PRIOR);
        Together {
            member: *member,
            window_ms: 0,
            votes: own.all,
            together: own.hits,
            expected,
            evidence: binomial(own.hits, own.all, expected.clamp(LEAST_SHARE, 1.0)),
        }
    };
    group.iter().map(measure).collect()
}
