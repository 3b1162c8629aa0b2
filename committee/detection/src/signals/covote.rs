//! Who votes for the same posts as whom, beyond what appetites and appeals explain.
//!
//! The configuration model ([`Chance`]) gives each member a chance to vote for each post. Pairs with more posts
//! in common than that explains are what is left of co-voting when popularity is taken out (Saracco, Straka,
//! Di Clemente, Gabrielli, Caldarelli, Squartini: "Inferring monopartite projections of bipartite networks",
//! New Journal of Physics 19, 2017).
//!
//! The question asked of a pair: of the posts that the one with fewer votes voted for, how many would the
//! other, with as many votes as it has, have voted for too? Each is a trial of its own, so without regard to
//! the other's total the count is Poisson-binomial; its chances are computed exactly, trial by trial. Each is
//! then weighed with the chance that the other's remaining votes fall on the remaining posts, a sum of many
//! trials that is taken for binomial with the same mean and variance (Ehm: "Binomial approximation to the Poisson
//! binomial distribution", Statistics & Probability Letters 11, 1991; good for rare trials, where it is
//! Poisson, and for likely ones). So both members' totals are what they are: the model keeps totals on average
//! only, and would let a member with two votes share three. For the same reason a trial's chance is not the
//! model's `p` but `p·(d - 1)/(d - p')`, for a post with `d` votes of which one, with chance `p'`, is known to be
//! the first member's: the other `d - 1` are what is left to share out. Nobody votes for their own posts, so those
//! are no trials.
//!
//! Posts that nearly everybody voted for say least and cost most, since each has as many pairs as the square
//! of its votes. Those with more votes than a cap are left out, of counts *and* expectations: the cap
//! depends on posts' totals only, which the model keeps, so p-values stay what they are. The cap is the
//! largest that keeps the work at [`PAIRS_PER_VOTE`] per vote: linear in votes, on any board.

use std::cmp::Ordering;

use crate::signals::chance::{Chance, chance};
use crate::signals::significance::{Tail, benjamini_hochberg};
use crate::signals::support::banded;
use crate::votes::{Board, MemberId, PostId, Stance};

/// Pairs that are counted for each vote at most, on average.
pub const PAIRS_PER_VOTE: u64 = 32;
/// Pairs that are counted on any board, however small.
const LEAST_PAIRS: u64 = 4_000_000;
/// Pairs with a larger p-value are not listed: no control of false discoveries would keep them.
pub const LISTED: f64 = 0.01;
/// One post in common says nothing of two members.
const LEAST_TOGETHER: u32 = 2;
/// Bands of appeal for each factor of two.
const BANDS: f64 = 8.0;
/// No count below so many deviations above its mean has a p-value up to [`LISTED`]: Poisson-binomial counts
/// need two at least.
const DEVIATIONS: f64 = 1.5;

/// Two members who vote for the same posts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covote {
    /// The one with the lower number.
    pub a: MemberId,
    /// The other.
    pub b: MemberId,
    /// Posts that both voted for, without those over the cap.
    pub together: u32,
    /// How many chance would give.
    pub expected: f64,
    /// The chance of as many, or more.
    pub p: f64,
}

/// What was found on a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Covotes {
    /// Pairs with a p-value up to [`LISTED`], ascending.
    pub pairs: Vec<Covote>,
    /// Pairs that could have been found: all pairs of members with an upvote.
    pub tests: u64,
    /// Posts with more upvotes were left out.
    pub cap: u32,
}

impl Covotes {
    /// The pairs that stand when a share `level` of false ones is allowed.
    pub fn beyond(&self, level: f64) -> impl Iterator<Item = &Covote> {
        let p: Vec<f64> = self.pairs.iter().map(|c| c.p).collect();
        let most = benjamini_hochberg(&p, self.tests, level);
        self.pairs.iter().filter(move |c| most > 0.0 && c.p <= most)
    }
}

/// Counts the posts that members voted for together, and lists pairs with more than chance gives.
pub fn covotes(board: &Board, model: &Chance) -> Covotes {
    let totals = totals(board);
    let cap = cap(&totals);
    let null = Null::of(board, model, totals, cap);
    let order = null.order();
    let mut voters = null.voters(&order);
    let everybody: Vec<Many> = order.iter().map(|member| null.many(*member)).collect();
    let mut pairs = Vec::new();
    let mut counts = vec![0_u32; board.members()];
    let mut seen: Vec<u32> = Vec::new();
    let mut trials = Trials::default();
    for few in &order {
        for post in &null.posts_of[few.at()] {
            for other in voters.after_next(*post) {
                let count = &mut counts[*other as usize];
                if *count == 0 {
                    seen.push(*other);
                }
                *count += 1;
            }
        }
        let given = null.given(*few);
        for other in seen.drain(..) {
            let together = std::mem::take(&mut counts[other as usize]);
            if together < LEAST_TOGETHER {
                continue;
            }
            let many = &everybody[other as usize];
            if !many.put_trials(&given, f64::from(together), &mut trials) {
                continue;
            }
            if f64::from(together) < trials.mean() + DEVIATIONS * trials.variance().sqrt() {
                continue;
            }
            let p = trials.tail(together).p();
            if p <= LISTED {
                pairs.push(Covote {
                    a: many.member.min(*few),
                    b: many.member.max(*few),
                    together,
                    expected: trials.mean(),
                    p,
                });
            }
        }
    }
    pairs.sort_unstable_by_key(|pair| (pair.a, pair.b));
    let active = voted(board);
    Covotes {
        pairs,
        tests: active * active.saturating_sub(1) / 2,
        cap,
    }
}

/// The expectation and the tail of two members' count, on all of a board's posts.
pub fn tail(board: &Board, model: &Chance, a: MemberId, b: MemberId, together: u32) -> (f64, Tail) {
    let trials = Null::of(board, model, totals(board), u32::MAX).trials(a, b);
    (trials.mean(), trials.tail(together))
}

/// The tails of several pairs' counts: what depends on the board alone is made once.
pub fn tails(board: &Board, model: &Chance, pairs: &[(MemberId, MemberId, u32)]) -> Vec<Tail> {
    let null = Null::of(board, model, totals(board), u32::MAX);
    let tail = |(a, b, together): &(MemberId, MemberId, u32)| null.trials(*a, *b).tail(*together);
    pairs.iter().map(tail).collect()
}

/// Each post's upvotes.
fn totals(board: &Board) -> Vec<u32> {
    let mut totals = vec![0; board.posts()];
    for vote in board.votes().iter().filter(|v| v.stance == Stance::Up) {
        totals[vote.post.at()] += 1;
    }
    totals
}

/// Members with an upvote.
fn voted(board: &Board) -> u64 {
    let members = (0..board.members() as u32).map(MemberId);
    let voted = |m: &MemberId| board.votes_of(*m).any(|v| v.stance == Stance::Up);
    members.filter(voted).count() as u64
}

/// The largest number of a post's votes with which all posts up to it have few enough pairs.
fn cap(totals: &[u32]) -> u32 {
    let mut totals = totals.to_vec();
    totals.sort_unstable();
    let votes: u64 = totals.iter().map(|t| u64::from(*t)).sum();
    let budget = LEAST_PAIRS.max(PAIRS_PER_VOTE * votes);
    let (mut cap, mut pairs) = (0, 0);
    for same in totals.chunk_by(|a, b| a == b) {
        let total = same.first().copied().unwrap_or(0);
        let each = u64::from(total) * u64::from(total.saturating_sub(1)) / 2;
        pairs += same.len() as u64 * each;
        if pairs > budget {
            break;
        }
        cap = total;
    }
    cap
}

/// What the model says of pairs.
struct Null<'a> {
    board: &'a Board,
    model: &'a Chance,
    totals: Vec<u32>,
    /// The posts up to the cap that each member voted for.
    posts_of: Vec<Vec<PostId>>,
    /// The model's sum of each member's chances on the posts up to the cap, and of their squares.
    sums: Vec<(f64, f64)>,
}

impl<'a> Null<'a> {
    fn of(board: &'a Board, model: &'a Chance, totals: Vec<u32>, cap: u32) -> Self {
        let mut posts_of = vec![Vec::new(); board.members()];
        for vote in board.votes().iter().filter(|v| v.stance == Stance::Up) {
            if totals[vote.post.at()] <= cap {
                posts_of[vote.member.at()].push(vote.post);
            }
        }
        let posts = (0..board.posts() as u32)
            .map(PostId)
            .filter(|p| totals[p.at()] <= cap);
        let appeals = banded(posts.map(|post| model.appeal(post)), BANDS);
        let members = (0..board.members() as u32).map(MemberId);
        let sums = members.map(|member| {
            let p = |appeal: f64| chance(model.appetite(member), appeal);
            let all = appeals
                .iter()
                .map(|(count, appeal)| (count * p(*appeal), p(*appeal)));
            let own = board
                .posts_by(member)
                .filter(|post| totals[post.at()] <= cap);
            let own = own.map(|post| (-model.of(member, post), model.of(member, post)));
            all.chain(own)
                .fold((0.0, 0.0), |sums, (p, of)| (sums.0 + p, sums.1 + p * of))
        });
        let sums = sums.collect();
        Self {
            board,
            model,
            totals,
            posts_of,
            sums,
        }
    }

    /// Members, by how many posts they voted for: of a pair the first is the one with fewer.
    fn order(&self) -> Vec<MemberId> {
        let mut order: Vec<MemberId> = (0..self.posts_of.len() as u32).map(MemberId).collect();
        order.sort_unstable_by_key(|m| (self.posts_of[m.at()].len(), *m));
        order
    }

    /// Each post's voters up to the cap.
    fn voters(&self, order: &[MemberId]) -> Voters {
        let mut starts = vec![0_u32; self.totals.len() + 1];
        for post in self.posts_of.iter().flatten() {
            starts[post.at() + 1] += 1;
        }
        for post in 0..self.totals.len() {
            starts[post + 1] += starts[post];
        }
        let mut ends = starts.clone();
        let mut places = vec![0; starts.last().copied().unwrap_or(0) as usize];
        for (place, member) in (0..).zip(order) {
            for post in &self.posts_of[member.at()] {
                let end = &mut ends[post.at()];
                places[*end as usize] = place;
                *end += 1;
            }
        }
        Voters {
            starts,
            ends,
            places,
        }
    }

    fn many(&self, member: MemberId) -> Many {
        Many {
            member,
            votes: self.posts_of[member.at()].len() as u32,
            appetite: self.model.appetite(member),
            sums: self.sums[member.at()],
        }
    }

    /// The posts of the one with fewer votes, the greatest appeal first.
    fn given(&self, few: MemberId) -> Vec<Given> {
        let given = self.posts_of[few.at()].iter().map(|post| {
            let votes = f64::from(self.totals[post.at()]);
            Given {
                author: self.board.post(*post).author,
                appeal: self.model.appeal(*post),
                left: (votes - 1.0).max(0.0) / (votes - self.model.of(few, *post)).max(0.5),
            }
        });
        let mut given: Vec<Given> = given.collect();
        given.sort_unstable_by(|a, b| b.appeal.total_cmp(&a.appeal).then(a.author.cmp(&b.author)));
        given
    }

    fn trials(&self, a: MemberId, b: MemberId) -> Trials {
        let of = |m: MemberId| (self.posts_of[m.at()].len(), m);
        let (few, many) = if of(b) < of(a) { (b, a) } else { (a, b) };
        let mut trials = Trials::default();
        let given = self.given(few);
        self.many(many)
            .put_trials(&given, f64::INFINITY, &mut trials);
        trials
    }
}

/// For each post, its voters as places in the order, ascending. They are gone through in that order, and each
/// leaves when its turn comes, so that nobody looks for where the later ones begin.
struct Voters {
    starts: Vec<u32>,
    ends: Vec<u32>,
    places: Vec<u32>,
}

impl Voters {
    /// The voters after the one whose turn it is.
    fn after_next(&mut self, post: PostId) -> &[u32] {
        let start = &mut self.starts[post.at()];
        *start += 1;
        &self.places[*start as usize..self.ends[post.at()] as usize]
    }
}

/// The one of a pair with more votes.
struct Many {
    member: MemberId,
    votes: u32,
    appetite: f64,
    sums: (f64, f64),
}

impl Many {
    /// Puts its chances for the posts of the one with fewer votes in the place of what was there. Gives up, and
    /// says `false`, when more than `most` are expected.
    fn put_trials(&self, given: &[Given], most: f64, into: &mut Trials) -> bool {
        let (mut rest, mut expected) = (self.sums, 0.0);
        into.chances.clear();
        for post in given.iter().filter(|post| post.author != self.member) {
            let p = chance(self.appetite, post.appeal);
            let trial = (p * post.left).min(1.0);
            into.chances.push(trial);
            expected += trial;
            if expected > most {
                return false;
            }
            rest = (rest.0 - p, rest.1 - p * p);
        }
        let each = if rest.0 > 0.0 { rest.1 / rest.0 } else { 0.0 };
        into.each = each.clamp(1e-6, 1.0 - 1e-6);
        into.votes = self.votes;
        true
    }
}

/// A post that the one with fewer votes voted for.
struct Given {
    author: MemberId,
    appeal: f64,
    /// By how much the chances of others are less, because one of the votes is known.
    left: f64,
}

/// A pair's trials.
#[derive(Default)]
struct Trials {
    /// The chances of the one for the other's posts.
    chances: Vec<f64>,
    /// All votes of the one.
    votes: u32,
    /// The mean chance of its votes for other posts, by votes: the chance of the binomial in their place.
    each: f64,
}

impl Trials {
    fn mean(&self) -> f64 {
        self.chances.iter().sum()
    }

    /// The variance of the count, given all votes.
    fn variance(&self) -> f64 {
        let free: f64 = self.chances.iter().map(|p| p * (1.0 - p)).sum();
        let rest = self.rest() * (1.0 - self.each);
        free * rest / (free + rest).max(f64::MIN_POSITIVE)
    }

    /// How many votes are expected elsewhere.
    fn rest(&self) -> f64 {
        (f64::from(self.votes) - self.mean()).max(0.01)
    }

    fn tail(&self, seen: u32) -> Tail {
        let mut chances = poisson_binomial(&self.chances);
        chances.truncate(self.votes as usize + 1);
        // The binomial of the others: so many trials, with chance `each`. Logarithms of its chances, from no vote
        // elsewhere upwards, are those of the counts from the most downwards.
        let trials = self.rest() / self.each;
        let odds = (self.each / (1.0 - self.each)).ln();
        let least = self.votes - (chances.len() as u32).saturating_sub(1).min(self.votes);
        let (mut weight, mut weights) = (0.0_f64, Vec::with_capacity(chances.len()));
        for elsewhere in (least..).take(chances.len()) {
            weights.push(weight);
            let left = trials - f64::from(elsewhere);
            weight += if left > 0.0 {
                (left / (f64::from(elsewhere) + 1.0)).ln() + odds
            } else {
                f64::NEG_INFINITY
            };
        }
        let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (mut below, mut at, mut beyond) = (0.0, 0.0, 0.0);
        for ((count, chance), weight) in (0..).zip(chances).zip(weights.iter().rev()) {
            let chance = chance * (weight - most).exp();
            match seen.cmp(&count) {
                Ordering::Greater => below += chance,
                Ordering::Equal => at += chance,
                Ordering::Less => beyond += chance,
            }
        }
        let all = below + at + beyond;
        if all <= 0.0 {
            // Nothing that the model thinks possible: no evidence either.
            return Tail {
                beyond: 0.0,
                at: 1.0,
            };
        }
        Tail {
            beyond: beyond / all,
            at: at / all,
        }
    }
}

/// The chances of 0, 1, 2, .. hits in independent trials.
fn poisson_binomial(trials: &[f64]) -> Vec<f64> {
    let mut chances = Vec::with_capacity(trials.len() + 1);
    chances.push(1.0);
    for p in trials {
        let mut below = 0.0;
        for chance in &mut chances {
            let here = *chance;
            *chance = here * (1.0 - p) + below * p;
            below = here;
        }
        chances.push(below * p);
    }
    chances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::significance::binomial;

    #[test]
    fn equal_trials_are_binomial() {
        for (seen, chance) in (0..).zip(poisson_binomial(&[0.3; 12])) {
            assert!(
                (chance - binomial(seen, 12, 0.3).at).abs() < 1e-12,
                "{seen}"
            );
        }
    }

    #[test]
    fn unequal_trials_by_hand() {
        let chances = poisson_binomial(&[0.5, 0.2, 0.1]);
        assert!((chances[3] - 0.01).abs() < 1e-15);
        let two = 0.5 * 0.2 * 0.9 + 0.5 * 0.8 * 0.1 + 0.5 * 0.2 * 0.1;
        assert!((chances[2] - two).abs() < 1e-15);
    }

    #[test]
    fn equal_trials_with_a_given_total_are_hypergeometric() {
        // 6 of 20 posts are the other's; 8 votes at random among 20.
        let trials = Trials {
            chances: vec![0.4; 6],
            votes: 8,
            each: 0.4,
        };
        let choose =
            |n: u32, k: u32| (0..k).fold(1.0, |c, i| c * f64::from(n - i) / f64::from(i + 1));
        for seen in 0..=6 {
            let expected = choose(6, seen) * choose(14, 8 - seen) / choose(20, 8);
            assert!((trials.tail(seen).at - expected).abs() < 1e-12, "{seen}");
        }
        assert_eq!(trials.tail(7).p(), 0.0);
    }

    #[test]
    fn more_than_all_votes_are_never_shared() {
        let trials = Trials {
            chances: vec![0.1; 6],
            votes: 2,
            each: 0.05,
        };
        assert!(trials.tail(2).at > 0.0 && trials.tail(2).beyond == 0.0);
    }

    #[test]
    fn no_count_with_a_listed_p_value_is_within_the_deviations() {
        for p in [0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99] {
            for (count, posts) in [(2, 5), (5, 10), (20, 300), (100, 150), (100, 5_000)] {
                let trials = Trials {
                    chances: vec![p; count],
                    votes: ((p * f64::from(posts)).ceil() as u32).max(2),
                    each: p,
                };
                let least = trials.mean() + DEVIATIONS * trials.variance().sqrt();
                let within = (LEAST_TOGETHER..=count as u32).filter(|k| f64::from(*k) < least);
                for seen in within {
                    let tail = trials.tail(seen).p();
                    assert!(tail > LISTED, "{p} {count} {posts} {seen} {tail}");
                }
            }
        }
    }

    #[test]
    fn the_cap_leaves_out_only_what_is_too_much() {
        assert_eq!(cap(&[]), 0);
        assert_eq!(cap(&[3, 9, 400]), 400);
        // Each of these has about two million pairs; the budget of 4 million is for one of them.
        assert_eq!(cap(&[10, 10, 2_000]), 2_000);
        assert_eq!(cap(&[10, 2_000, 2_900]), 2_000);
        // Many votes have a larger budget, in proportion.
        let many = vec![64; 10_000];
        assert_eq!(cap(&many), 64);
    }
}
