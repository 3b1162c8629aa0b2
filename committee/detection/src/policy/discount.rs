//! Votes inside a suspected community count less: mild, automatic, and on structure alone.
//!
//! The manner is that of connection-oriented cluster match (Miller, Weyl, Erichsen: "Beyond collusion
//! resistance: leveraging social information for plural funding and voting", 2022): support by people who
//! act as one adds up under a square root, support by people with nothing in common adds up in full. There,
//! groups are declared and membership is all or nothing. Here groups are suspected, and so each vote is in
//! two parts: with suspicion `s` of its voter, a part `1 - s` is the member's own and counts in full, and
//! the part `s` is the community's. With `S` the sum of the suspicions of all who voted for the post, a vote
//! weighs
//!
//! ```text
//! w = (1 - s) + s · max(floor, 1 / √max(1, S))
//! ```
//!
//! so that the community's parts together weigh `√S` in place of `S`, and never less than `floor · S`. (A
//! voter's pass rate in proofs of attention scales its whole vote, and so its part in `S`.)
//!
//! What is suspected is a *voter and an author* of the same community: `s` is zero for a post whose author
//! is in no suspected community, and for a voter who is in none of its author's. Two departures from the
//! paper: communities that overlap around an author count as one circle, where the paper divides each
//! contribution by the number of its giver's groups, which rewards belonging to many; and the interaction
//! across groups isn't weighted, since without the author's community there is no suspicion.
//!
//! It follows (and the tests hold it to this): a weight is between `floor` and one; a vote that nobody else
//! of the community joins, up to a whole one, counts in full; more suspicion of anybody never raises any
//! weight or any post's sum; one more vote never lowers a post's sum, so nobody is hurt by support.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bars;
use super::inputs::{ActiveMembers, Bar, CommunityId, PValue, PassRate, Quality, Score, Weight};
use crate::votes::{Board, MemberId, PostId, Stance};

/// What a vote inside a suspected community counts at least, unless another floor is agreed on.
pub const FLOOR: Weight = Weight::known(0.25);
/// What structure must reach, unless another bar is agreed on.
pub const BAR: Bar = bars::DISCOUNT;

/// Structure evidence about one member of one community, in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Structure<M> {
    /// About whom.
    pub member: M,
    /// As a member of what.
    pub community: CommunityId,
    /// How strong.
    pub score: Score,
    /// Against chance.
    pub p_value: PValue,
}

/// The rules of the discount.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Discount {
    /// What structure must reach to count at all.
    pub bar: Bar,
    /// What a vote weighs at least.
    pub floor: Weight,
}

impl Default for Discount {
    fn default() -> Self {
        Self {
            bar: BAR,
            floor: FLOOR,
        }
    }
}

/// Who is suspected of belonging where, and how strongly.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspicions<M> {
    floor: Weight,
    of: BTreeMap<M, BTreeMap<CommunityId, Score>>,
}

impl Discount {
    /// Takes the structure evidence of a window. Evidence below the bar doesn't count; of several findings
    /// about one member of one community, the strongest does.
    pub fn suspicions<M: Ord + Clone>(
        &self,
        _enough: ActiveMembers,
        structure: &[Structure<M>],
    ) -> Suspicions<M> {
        let mut of: BTreeMap<M, BTreeMap<CommunityId, Score>> = BTreeMap::new();
        let counts = |s: &&Structure<M>| self.bar.is_met(s.score, s.p_value);
        for finding in structure.iter().filter(counts) {
            let communities = of.entry(finding.member.clone()).or_default();
            let score = communities.entry(finding.community).or_insert(Score::ZERO);
            if finding.score > *score {
                *score = finding.score;
            }
        }
        Suspicions {
            floor: self.floor,
            of,
        }
    }
}

impl<M: Ord + Clone> Suspicions<M> {
    /// No suspicion of anybody: every vote counts in full.
    pub fn nobody() -> Self {
        Self {
            floor: FLOOR,
            of: BTreeMap::new(),
        }
    }

    /// How strongly a voter is suspected of acting as one with an author: the strongest evidence that the
    /// voter belongs to a community of the author's, but not above the evidence that the author does.
    pub fn between(&self, voter: &M, author: &M) -> Score {
        let circle = self.of.get(author);
        circle.map_or(Score::ZERO, |circle| self.within(circle, voter))
    }

    fn within(&self, circle: &BTreeMap<CommunityId, Score>, voter: &M) -> Score {
        let communities = self.of.get(voter).into_iter().flatten();
        let shared = communities.filter_map(|(community, of_voter)| {
            let of_author = circle.get(community)?;
            Some(if of_voter < of_author {
                *of_voter
            } else {
                *of_author
            })
        });
        shared.fold(Score::ZERO, |most, s| if s > most { s } else { most })
    }

    /// What each of the votes for a post weighs, by voter, before attention. A voter who is named twice has
    /// one vote, at the lower pass rate; the order in which votes are named changes nothing.
    pub fn weights(&self, author: &M, votes: &[(M, PassRate)]) -> BTreeMap<M, Weight> {
        let votes = votes.iter().map(|(voter, rate)| (voter, *rate));
        let counted = self.counted(author, votes).into_iter();
        counted
            .map(|(voter, weight, _)| (voter.clone(), weight))
            .collect()
    }

    /// What a post earns from its votes: each vote's weight times its voter's pass rate, summed, times the
    /// post's quality.
    pub fn value(&self, author: &M, votes: &[(M, PassRate)], quality: Quality) -> f64 {
        let votes = votes.iter().map(|(voter, rate)| (voter, *rate));
        self.value_of(author, votes, quality)
    }

    /// As [`Suspicions::value`], of votes that stand anywhere.
    pub fn value_of<'a>(
        &self,
        author: &M,
        votes: impl Iterator<Item = (&'a M, PassRate)>,
        quality: Quality,
    ) -> f64
    where
        M: 'a,
    {
        let counted = self.counted(author, votes).into_iter();
        let sum: f64 = counted
            .map(|(_, weight, rate)| weight.get() * rate.get())
            .sum();
        quality.get() * sum
    }

    /// By voter, whatever the order of votes was: a sum of the same numbers is always the same.
    fn counted<'a>(
        &self,
        author: &M,
        votes: impl Iterator<Item = (&'a M, PassRate)>,
    ) -> Vec<(&'a M, Weight, PassRate)>
    where
        M: 'a,
    {
        let mut rates: Vec<(&M, PassRate)> = votes.collect();
        rates.sort_unstable_by(|a, b| a.0.cmp(b.0).then(a.1.get().total_cmp(&b.1.get())));
        // The lowest rate stands first.
        rates.dedup_by(|next, kept| next.0 == kept.0);
        let circle = self.of.get(author);
        let suspect = |voter: &M| circle.map_or(0.0, |circle| self.within(circle, voter).get());
        let voters: Vec<(&M, PassRate, f64)> = rates
            .into_iter()
            .map(|(voter, rate)| (voter, rate, suspect(voter)))
            .collect();
        let together: f64 = voters.iter().map(|(_, rate, s)| rate.get() * s).sum();
        let joined = together.max(1.0).sqrt().recip().max(self.floor.get());
        let weigh = |(voter, rate, suspicion): (&'a M, PassRate, f64)| {
            let weight = (1.0 - suspicion * (1.0 - joined)).clamp(self.floor.get(), 1.0);
            (voter, Weight::new(weight).unwrap_or(Weight::ONE), rate)
        };
        voters.into_iter().map(weigh).collect()
    }
}

impl Suspicions<MemberId> {
    /// What every vote of a board weighs, in the order of [`Board::votes`]. Support is discounted; a pass and
    /// a vote against weigh one whole vote.
    pub fn over(&self, board: &Board, attention: impl Fn(MemberId) -> PassRate) -> Vec<Weight> {
        let mut weights = vec![Weight::ONE; board.votes().len()];
        let mut places: Vec<Vec<usize>> = vec![Vec::new(); board.posts()];
        let mut support: Vec<Vec<(MemberId, PassRate)>> = vec![Vec::new(); board.posts()];
        for (place, vote) in board.votes().iter().enumerate() {
            let suspected = self.of.contains_key(&board.post(vote.post).author);
            if vote.stance == Stance::Up && suspected {
                places[vote.post.at()].push(place);
                support[vote.post.at()].push((vote.member, attention(vote.member)));
            }
        }
        for (post, (places, support)) in (0..).map(PostId).zip(places.iter().zip(&support)) {
            if support.is_empty() {
                continue;
            }
            let of_voters = self.weights(&board.post(post).author, support);
            for (place, (voter, _)) in places.iter().zip(support) {
                if let Some(weight) = of_voters.get(voter) {
                    weights[*place] = *weight;
                }
            }
        }
        weights
    }
}

/// For each member, what its support counts for on the average, by the weights of [`Suspicions::over`]; one
/// for a member without any.
pub fn by_member(board: &Board, weights: &[Weight]) -> Vec<Weight> {
    let mut sums = vec![(0.0, 0_u32); board.members()];
    for (vote, weight) in board.votes().iter().zip(weights) {
        if vote.stance == Stance::Up {
            let (sum, count) = &mut sums[vote.member.at()];
            *sum += weight.get();
            *count += 1;
        }
    }
    let mean = |(sum, count): (f64, u32)| match count {
        0 => Weight::ONE,
        // A mean of weights is one, but for the last digit.
        _ => Weight::new((sum / f64::from(count)).clamp(0.0, 1.0)).unwrap_or(Weight::ONE),
    };
    sums.into_iter().map(mean).collect()
}
