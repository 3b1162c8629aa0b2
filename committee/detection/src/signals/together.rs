//! Who votes at the same time: a group's votes on its own posts, against how often the same members meet by
//! chance elsewhere.
//!
//! Two people who read a board at the same hour, or who sit in one room, vote within minutes of each other on
//! everything, and nothing is wrong with it. So the measure of chance is each member's own, on posts that the
//! group did *not* write; and if everybody else's votes on the group's posts come as close together (a mail
//! with a link, a busy day), that is the measure. Only what lies beyond both counts. And votes shortly *after*
//! another's of the group must bear it out, because whoever is followed around by others has done nothing.
//! What a member does in one sitting is about one event, however many votes it casts: a class that greets each
//! other on its first day has met once. And so is all that comes at the same time each week or each day
//! ([appointments](crate::signals::appointments)): a class that reads together on Tuesdays has met once too.

use crate::signals::appointments::{SITTINGS_MS, kept};
use crate::signals::inside::Inside;
use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// Votes count as together within so many milliseconds: a minute, ten minutes.
pub const WINDOWS_MS: [i64; 2] = [60_000, 600_000];
/// How many votes the board's general pace counts for beside a member's own habit.
const PRIOR: f64 = 8.0;
/// Votes of one member with less than this between them are one sitting.
pub const SITTING_MS: i64 = 1_800_000;
/// Votes beside another's, before or after it, count for at most so many times what those after it do.
const AT_MOST: f64 = 2.0;
/// The share that is never taken for impossible.
const LEAST_SHARE: f64 = 1e-3;

/// How often a member voted together with others of its group, in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Together {
    /// Whose.
    pub member: MemberId,
    /// Within so many milliseconds; zero where it isn't asked.
    pub window_ms: i64,
    /// Votes on the group's posts on which others of the group voted too.
    pub votes: u32,
    /// Of these, cast within the window after another's.
    pub together: u32,
    /// In how many sittings it cast these votes; those that keep an appointment are one.
    pub sittings: u32,
    /// The share that this member's habit and the pace of everybody else's votes would give.
    pub expected: f64,
    /// Logarithm of the likelihood ratio of the share seen and the share expected, in nats, where `n` votes of
    /// one sitting count for `1 + ln n`; zero if no more were together than expected.
    pub evidence: f64,
}

/// Measures a group, in the window that tells most for the group as a whole.
pub fn together(board: &Board, group: &[MemberId]) -> Vec<Together> {
    let sum = |list: &[Together]| list.iter().map(|t| t.evidence).sum::<f64>();
    let [short, long] = in_windows(board, group, WINDOWS_MS);
    if sum(&short) >= sum(&long) {
        short
    } else {
        long
    }
}

/// Measures a group in one window.
pub fn within(board: &Board, group: &[MemberId], window_ms: i64) -> Vec<Together> {
    let [measured] = in_windows(board, group, [window_ms]);
    measured
}

/// Measures a group in several windows: its upvotes, sorted by post and time, are gone through once, and so
/// are the votes on its own posts.
fn in_windows<const N: usize>(
    board: &Board,
    group: &[MemberId],
    windows_ms: [i64; N],
) -> [Vec<Together>; N] {
    let inside = Inside::of(board, group);
    let met = met(board, group, &inside, windows_ms);
    let mut measured = windows_ms.map(|_| Vec::with_capacity(group.len()));
    for (member, met) in group.iter().zip(met) {
        let is_own = |met: &Met<N>| met.after.by_pace.is_some();
        let (own, elsewhere): (Vec<Met<N>>, Vec<Met<N>>) =
            met.into_iter().flatten().partition(is_own);
        let (own, elsewhere) = (Events::of(own), Events::of(elsewhere));
        for (window, (measured, window_ms)) in measured.iter_mut().zip(windows_ms).enumerate() {
            let of = |which: fn(&Met<N>) -> &Near<N>| {
                let (own, elsewhere) = (own.count(window, which), elsewhere.count(window, which));
                compared(*member, window_ms, &own, &elsewhere)
            };
            let (after, beside) = (of(|met| &met.after), of(|met| &met.beside));
            measured.push(Together {
                evidence: beside.evidence.min(AT_MOST * after.evidence),
                ..after
            });
        }
    }
    measured
}

fn compared(member: MemberId, window_ms: i64, own: &[Event], elsewhere: &[Event]) -> Together {
    let (votes, hits, pace) = counted(own);
    let pace = if votes > 0.0 { pace / votes } else { 0.0 };
    let (votes_elsewhere, hits_elsewhere, _) = counted(elsewhere);
    let habit = (hits_elsewhere + PRIOR * pace) / (votes_elsewhere + PRIOR);
    let expected = habit.max(pace).clamp(LEAST_SHARE, 1.0);
    let sum = |of: fn(&Event) -> u32| own.iter().map(of).sum();
    Together {
        member,
        window_ms,
        votes: sum(|s| s.all),
        together: sum(|s| s.hits),
        sittings: own.len() as u32,
        expected,
        evidence: weighted_binomial(hits, votes, expected),
    }
}

/// What a member did, by event: its sittings, of which all that keep an appointment are one.
struct Events<const N: usize>(Vec<Vec<Met<N>>>);

/// An event's votes.
#[derive(Default)]
struct Event {
    all: u32,
    hits: u32,
    /// The sum of the chances by pace.
    pace: f64,
}

impl<const N: usize> Events<N> {
    /// Of votes in the order of time.
    fn of(votes: Vec<Met<N>>) -> Self {
        let goes_on = |a: &Met<N>, b: &Met<N>| b.at_ms.abs_diff(a.at_ms) <= SITTING_MS as u64;
        let sittings = || votes.chunk_by(goes_on);
        let starts: Vec<i64> = sittings().filter_map(|s| Some(s.first()?.at_ms)).collect();
        let kept = kept(&starts, SITTINGS_MS);
        let (mut events, mut appointment) = (Vec::with_capacity(starts.len()), Vec::new());
        for (sitting, kept) in sittings().zip(kept) {
            if kept {
                appointment.extend_from_slice(sitting);
            } else {
                events.push(sitting.to_vec());
            }
        }
        if !appointment.is_empty() {
            events.push(appointment);
        }
        Self(events)
    }

    fn count(&self, window: usize, which: fn(&Met<N>) -> &Near<N>) -> Vec<Event> {
        let add = |mut sum: Event, met: &Met<N>| {
            let near = which(met);
            sum.all += 1;
            sum.hits += u32::from(near.near[window]);
            sum.pace += near.by_pace.map_or(0.0, |by_pace| by_pace[window]);
            sum
        };
        let count = |votes: &Vec<Met<N>>| votes.iter().fold(Event::default(), add);
        self.0.iter().map(count).collect()
    }
}

/// Votes, hits and chances, with each event's weight.
fn counted(events: &[Event]) -> (f64, f64, f64) {
    events.iter().fold((0.0, 0.0, 0.0), |sum, event| {
        let all = f64::from(event.all);
        let weight = counts_for(all) / all;
        (
            sum.0 + weight * all,
            sum.1 + weight * f64::from(event.hits),
            sum.2 + weight * event.pace,
        )
    })
}

/// What `n` votes of one event count for.
pub(crate) fn counts_for(n: f64) -> f64 {
    1.0 + n.ln()
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

/// A member's vote on a post on which others of its group voted too.
#[derive(Clone, Copy)]
struct Met<const N: usize> {
    at_ms: i64,
    /// Shortly after another's vote.
    after: Near<N>,
    /// Shortly after another's vote or before it.
    beside: Near<N>,
}

/// Whether another's vote is near, by window.
#[derive(Clone, Copy)]
struct Near<const N: usize> {
    near: [bool; N],
    /// On a post by the group, the chance of that if the others' votes came at the pace of everybody else's.
    by_pace: Option<[f64; N]>,
}

/// For each member of a group, and each of its upvotes in the order of time, whether it met others.
fn met<const N: usize>(
    board: &Board,
    group: &[MemberId],
    inside: &Inside,
    windows_ms: [i64; N],
) -> Vec<Vec<Option<Met<N>>>> {
    struct Upvote {
        post: PostId,
        at_ms: i64,
        member: usize,
        place: usize,
    }
    let mut upvotes: Vec<Upvote> = Vec::new();
    let mut met = Vec::with_capacity(group.len());
    for (member, id) in group.iter().enumerate() {
        let before = upvotes.len();
        let up = board.votes_of(*id).filter(|v| v.stance == Stance::Up);
        upvotes.extend(up.enumerate().map(|(place, vote)| Upvote {
            post: vote.post,
            at_ms: vote.at_ms,
            member,
            place,
        }));
        met.push(vec![None; upvotes.len() - before]);
    }
    upvotes.sort_unstable_by_key(|v| (v.post, v.at_ms, v.member));
    let mut rest: Vec<i64> = Vec::new();
    for on_post in upvotes.chunk_by(|a, b| a.post == b.post) {
        let Some(post) = on_post
            .first()
            .map(|v| v.post)
            .filter(|_| on_post.len() > 1)
        else {
            continue;
        };
        let own = inside.wrote(board, post);
        rest.clear();
        if own {
            let others = board.votes_on(post).filter(|v| !inside.has(v.member));
            rest.extend(others.map(|v| v.at_ms));
        }
        for (turn, vote) in on_post.iter().enumerate() {
            let gap_to = |place: Option<usize>| {
                let other = place.and_then(|place| on_post.get(place))?;
                Some(other.at_ms.abs_diff(vote.at_ms))
            };
            let neighbours = [gap_to(turn.checked_sub(1)), gap_to(Some(turn + 1))];
            let gap = neighbours.into_iter().flatten().min();
            // Of votes at one moment none is after another: where times are coarse, their order is unknown.
            let earlier = on_post.partition_point(|other| other.at_ms < vote.at_ms);
            let gap_before = gap_to(earlier.checked_sub(1));
            let near = |gap: Option<u64>, later: bool| Near {
                near: windows_ms.map(|w| gap.is_some_and(|gap| gap <= w.unsigned_abs())),
                by_pace: own.then(|| {
                    windows_ms.map(|w| by_pace(&rest, vote.at_ms, w, later, on_post.len() - 1))
                }),
            };
            met[vote.member][vote.place] = Some(Met {
                at_ms: vote.at_ms,
                after: near(gap_before, false),
                beside: near(gap, true),
            });
        }
    }
    met
}

/// The chance that at least one of so many votes is near, before or, if asked, also after or at the same
/// moment, if they came at the pace of the rest's.
fn by_pace(rest: &[i64], at_ms: i64, window_ms: i64, later: bool, votes: usize) -> f64 {
    let window_ms = window_ms.saturating_abs();
    let from = rest.partition_point(|t| *t < at_ms.saturating_sub(window_ms));
    let to = if later {
        rest.partition_point(|t| *t <= at_ms.saturating_add(window_ms))
    } else {
        rest.partition_point(|t| *t < at_ms)
    };
    let share = ((to - from) as f64 + 0.05) / (rest.len() as f64 + 1.0);
    1.0 - (1.0 - share).powi(votes as i32)
}

/// `votes·KL(hits/votes ‖ share)`, if more hits than expected.
pub(crate) fn binomial(hits: u32, votes: u32, share: f64) -> f64 {
    weighted_binomial(f64::from(hits), f64::from(votes), share)
}

pub(crate) fn weighted_binomial(hits: f64, votes: f64, share: f64) -> f64 {
    if votes == 0.0 || hits <= share * votes {
        return 0.0;
    }
    let misses = votes - hits;
    let mut evidence = hits * (hits / (votes * share)).ln();
    // Sums of weights that are equal may differ in their last digits.
    if misses > 1e-9 {
        evidence += misses * (misses / (votes * (1.0 - share)).max(f64::MIN_POSITIVE)).ln();
    }
    evidence.max(0.0)
}

/// How early a group votes on its own posts: for each member the votes among the first quarter of a post's
/// votes, on the group's posts and elsewhere.
pub fn early(board: &Board, group: &[MemberId]) -> Vec<Together> {
    let inside = Inside::of(board, group);
    let first_quarter = |vote: &Vote| {
        let mut votes = board.votes_on(vote.post);
        let all = votes.len();
        let last = votes.nth(all.saturating_sub(1) / 4)?;
        (all >= 4).then_some(vote.at_ms <= last.at_ms)
    };
    let measure = |member: &MemberId| {
        let (mut own, mut elsewhere) = (Count::default(), Count::default());
        for vote in board.votes_of(*member).filter(|v| v.stance == Stance::Up) {
            let Some(early) = first_quarter(vote) else {
                continue;
            };
            let own_post = inside.wrote(board, vote.post);
            if own_post { &mut own } else { &mut elsewhere }.add(early);
        }
        let expected =
            (f64::from(elsewhere.hits) + PRIOR / 4.0) / (f64::from(elsewhere.all) + PRIOR);
        Together {
            member: *member,
            window_ms: 0,
            votes: own.all,
            together: own.hits,
            sittings: 0,
            expected,
            evidence: binomial(own.hits, own.all, expected.clamp(LEAST_SHARE, 1.0)),
        }
    };
    group.iter().map(measure).collect()
}

#[cfg(test)]
#[path = "together_tests.rs"]
mod tests;
