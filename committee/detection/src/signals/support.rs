//! Who supports whom beyond chance: for a member and an author, how often the one voted for the other's
//! posts, against what the configuration model expects of them.

use crate::scan::LEAST_EXPECTED;
use crate::signals::chance::{Chance, chance};
use crate::signals::twins::poisson;
use crate::votes::{Board, MemberId, Stance};

/// How one member supports one author.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Support {
    /// Whose posts.
    pub author: MemberId,
    /// How many of them the member voted for.
    pub votes: u32,
    /// How many chance alone would give.
    pub expected: f64,
}

/// For each member with an upvote, whom it supports: by author, ascending.
#[derive(Debug, Clone)]
pub struct Supports {
    starts: Vec<u32>,
    list: Vec<Support>,
    written: Vec<u32>,
}

/// An author's posts have appeals in so few bands that an expectation is a short sum, however many posts
/// they wrote. A band spans a factor of `2^(1/4)`: expectations are off by less than 1 %, because a band's
/// posts are counted at their mean.
const BANDS_PER_OCTAVE: f64 = 4.0;

impl Supports {
    /// Counts and expectations for every pair of a member and an author that it voted for at least once.
    pub fn of(board: &Board, model: &Chance) -> Self {
        let mut bands: Vec<Vec<(f64, f64)>> = Vec::with_capacity(board.members());
        let mut written = Vec::with_capacity(board.members());
        for author in 0..board.members() as u32 {
            let posts = board.posts_by(MemberId(author));
            written.push(posts.len() as u32);
            bands.push(banded(
                posts.map(|post| model.appeal(post)),
                BANDS_PER_OCTAVE,
            ));
        }
        let mut starts = Vec::with_capacity(board.members() + 1);
        let mut list = Vec::new();
        let mut authors: Vec<u32> = Vec::new();
        starts.push(0);
        for member in (0..board.members() as u32).map(MemberId) {
            authors.clear();
            let up = board.votes_of(member).filter(|v| v.stance == Stance::Up);
            authors.extend(up.map(|v| board.post(v.post).author.0));
            authors.sort_unstable();
            for same in authors.chunk_by(|a, b| a == b) {
                let Some(author) = same.first().map(|a| MemberId(*a)) else {
                    continue;
                };
                let appetite = model.appetite(member);
                let sum = bands[author.at()].iter();
                list.push(Support {
                    author,
                    votes: same.len() as u32,
                    expected: sum
                        .map(|(count, appeal)| count * chance(appetite, *appeal))
                        .sum(),
                });
            }
            starts.push(list.len() as u32);
        }
        Self {
            starts,
            list,
            written,
        }
    }

    /// Whom each supports: the first member's list, then the next one's.
    pub(crate) fn all(&self) -> &[Support] {
        &self.list
    }

    /// Where a member's list stands among [`Supports::all`].
    pub(crate) fn places(&self, member: MemberId) -> std::ops::Range<usize> {
        self.starts[member.at()] as usize..self.starts[member.at() + 1] as usize
    }

    /// Whom a member supports.
    pub fn by(&self, member: MemberId) -> &[Support] {
        &self.list[self.places(member)]
    }

    /// How a member supports an author, if at all.
    pub fn between(&self, member: MemberId, author: MemberId) -> Option<&Support> {
        let by = self.by(member);
        let place = by.binary_search_by_key(&author, |s| s.author).ok()?;
        by.get(place)
    }

    /// For each member, the evidence of its three strongest mutual pairs: of a pair, the weaker direction's
    /// Poisson likelihood ratio against chance, in nats.
    pub fn mutual(&self, members: usize) -> Vec<f64> {
        let evidence = |s: &Support| poisson(f64::from(s.votes), s.expected.max(LEAST_EXPECTED));
        let of = |member: MemberId| {
            let back = |s: &Support| {
                let back = self.between(s.author, member)?;
                Some(evidence(s).min(evidence(back)))
            };
            let mut pairs: Vec<f64> = self.by(member).iter().filter_map(back).collect();
            pairs.sort_unstable_by(|a, b| b.total_cmp(a));
            pairs.iter().take(3).sum()
        };
        (0..members as u32).map(|m| of(MemberId(m))).collect()
    }

    /// How many posts a member wrote.
    pub fn written(&self, author: MemberId) -> u32 {
        self.written[author.at()]
    }
}

/// Values in bands, so many for each factor of two: how many, and their mean.
pub(crate) fn banded(values: impl Iterator<Item = f64>, per_octave: f64) -> Vec<(f64, f64)> {
    let mut values: Vec<f64> = values.filter(|v| *v > 0.0).collect();
    values.sort_unstable_by(f64::total_cmp);
    let band = |v: f64| (v.log2() * per_octave).floor() as i64;
    let groups = values.chunk_by(|a, b| band(*a) == band(*b));
    groups
        .map(|group| {
            let count = group.len() as f64;
            (count, group.iter().sum::<f64>() / count)
        })
        .collect()
}
