//! What people of the same taste do: for a member of a group, those outside it who vote most alike on
//! everything that the group did not write, and how often *they* voted for the group's posts.
//!
//! A party, a fan club or a niche supports its own because it likes the same things; so do people of the
//! same taste who don't belong to it. A ring supports its own beyond that. This is matching, as in studies
//! without an experiment (Rosenbaum and Rubin: "The central role of the propensity score", Biometrika 70,
//! 1983).

use crate::signals::inside::Inside;
use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// People of the same taste that are asked.
const TWINS: usize = 25;
/// Posts in common that make somebody comparable.
const COMMON: u32 = 3;
/// Posts of a member that are compared at most: the least popular say most.
const COMPARED: usize = 200;
/// Voters of a post that are looked at, at most.
const VOTERS: usize = 2_000;

/// A member's support of its group, and that of people with the same taste.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matched {
    /// Whose.
    pub member: MemberId,
    /// The group's posts by others that the member voted for.
    pub votes: u32,
    /// How many somebody of the same taste and as active would have voted for.
    pub expected: f64,
    /// How many such people there were to compare with.
    pub twins: u32,
    /// Logarithm of the likelihood ratio, in nats; zero if not beyond what is expected.
    pub evidence: f64,
}

/// Compares each member of a group.
pub fn matched(board: &Board, group: &[MemberId]) -> Vec<Matched> {
    Voters::of(board).matched(board, group)
}

/// Who voted how on each post, in the order of time, close together: they are gone through again and again.
#[derive(Debug)]
pub(crate) struct Voters {
    starts: Vec<u32>,
    list: Vec<(MemberId, Stance)>,
}

impl Voters {
    pub(crate) fn of(board: &Board) -> Self {
        let mut starts = Vec::with_capacity(board.posts() + 1);
        let mut list = Vec::with_capacity(board.votes().len());
        starts.push(0);
        for post in (0..board.posts() as u32).map(PostId) {
            list.extend(board.votes_on(post).map(|v| (v.member, v.stance)));
            starts.push(list.len() as u32);
        }
        Self { starts, list }
    }

    fn on(&self, post: PostId) -> &[(MemberId, Stance)] {
        &self.list[self.starts[post.at()] as usize..self.starts[post.at() + 1] as usize]
    }

    /// Compares each member of a group of the same board.
    pub(crate) fn matched(&self, board: &Board, group: &[MemberId]) -> Vec<Matched> {
        compared(board, self, group)
    }
}

fn compared(board: &Board, voters: &Voters, group: &[MemberId]) -> Vec<Matched> {
    let inside = Inside::of(board, group);
    let of_group = |vote: &Vote| inside.wrote(board, vote.post);
    let mut common = Common::of(board);
    let mut written = 0_u32;
    for member in group {
        written += board.posts_by(*member).len() as u32;
    }
    group
        .iter()
        .map(|member| {
            let up = board.votes_of(*member).filter(|v| v.stance == Stance::Up);
            let votes = up.filter(|v| of_group(v)).count() as u32;
            let elsewhere = board.votes_of(*member).filter(|v| !of_group(v)).count();
            let twins = twins(board, voters, *member, &inside, &mut common);
            // Rates of support by activity elsewhere: with half a vote of what anybody might give.
            let (mut supported, mut active) = (0.0, 0.0);
            for (twin, alike) in &twins {
                let up = board.votes_of(*twin).filter(|v| v.stance == Stance::Up);
                supported += alike * up.filter(|v| of_group(v)).count() as f64;
                active += alike * board.votes_of(*twin).filter(|v| !of_group(v)).count() as f64;
            }
            let rate = (supported + 0.5) / (active + 10.0);
            let own = f64::from(written - board.posts_by(*member).len() as u32);
            let expected = (rate * elsewhere as f64).min(own).max(0.25);
            Matched {
                member: *member,
                votes,
                expected,
                twins: twins.len() as u32,
                evidence: poisson(f64::from(votes), expected),
            }
        })
        .collect()
}

/// Those outside the group who vote most alike, and how much.
fn twins(
    board: &Board,
    voters: &Voters,
    member: MemberId,
    inside: &Inside,
    common: &mut Common,
) -> Vec<(MemberId, f64)> {
    let mut compared: Vec<&Vote> = board
        .votes_of(member)
        .filter(|v| !inside.wrote(board, v.post))
        .collect();
    compared.sort_by_key(|v| (board.votes_on(v.post).len(), v.post));
    compared.truncate(COMPARED);
    for vote in compared {
        let voters = voters.on(vote.post);
        // A rare opinion in common says more than a common one.
        let rare = 1.0 / (1.0 + voters.len() as f64).ln();
        for (other, stance) in voters.iter().take(VOTERS) {
            if *other != member && !inside.has(*other) {
                common.add(*other, rare * agreement(vote.stance, *stance));
            }
        }
    }
    let mut twins: Vec<(MemberId, f64)> = common
        .taken()
        .filter(|(_, count, alike)| *count >= COMMON && *alike > 0.0)
        .map(|(twin, _, alike)| (twin, alike / (board.votes_of(twin).len() as f64).sqrt()))
        .collect();
    twins.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    twins.truncate(TWINS);
    twins
}

/// What a member has in common with others: posts, and how much they agree on them.
struct Common {
    by_member: Vec<(u32, f64)>,
    seen: Vec<MemberId>,
}

impl Common {
    fn of(board: &Board) -> Self {
        Self {
            by_member: vec![(0, 0.0); board.members()],
            seen: Vec::new(),
        }
    }

    fn add(&mut self, other: MemberId, agrees: f64) {
        let (count, alike) = &mut self.by_member[other.at()];
        if *count == 0 {
            self.seen.push(other);
        }
        *count += 1;
        *alike += agrees;
    }

    /// Everybody with something in common; nothing is left for the next member.
    fn taken(&mut self) -> impl Iterator<Item = (MemberId, u32, f64)> + '_ {
        let Self { by_member, seen } = self;
        seen.drain(..).map(|other| {
            let (count, alike) = std::mem::take(&mut by_member[other.at()]);
            (other, count, alike)
        })
    }
}

fn agreement(a: Stance, b: Stance) -> f64 {
    match (a, b) {
        (Stance::Pass, _) | (_, Stance::Pass) => 0.0,
        (a, b) if a == b => 1.0,
        _ => -1.0,
    }
}

/// `n·ln(n/e) - (n - e)`, if more than expected.
pub(crate) fn poisson(seen: f64, expected: f64) -> f64 {
    if seen <= expected {
        return 0.0;
    }
    seen * (seen / expected).ln() - (seen - expected)
}
