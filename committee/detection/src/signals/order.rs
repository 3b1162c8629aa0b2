//! Who votes in the same order again and again.
//!
//! Accounts that one program or one person works through vote one after the other in the same order on post
//! after post. For two members who are about at the same time, and who have nothing to do with each other,
//! who comes first is a fair coin: the count is binomial with chance 1/2, exactly (Kendall: "A new measure of
//! rank correlation", Biometrika 30, 1938, for each pair of ranks; the sign test, Arbuthnot 1710).
//!
//! Two things make honest people come in the same order, and neither counts here. Somebody who joined later,
//! or gets up later, is always later: only posts count on which the two votes lie within [`CLOSE_MS`]. And in
//! one sitting the faster of two readers stays ahead on all posts: posts make one occasion together unless
//! [`APART_MS`] lie between, and of an occasion only the first post counts.

use crate::signals::significance::{Tail, benjamini_hochberg, coin, simes};
use crate::votes::{Board, MemberId, PostId, Stance};

/// Votes further apart say nothing of order.
pub const CLOSE_MS: i64 = 3_600_000;
/// Between two occasions.
pub const APART_MS: i64 = 3_600_000;

/// Two members' order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// The one.
    pub a: MemberId,
    /// The other.
    pub b: MemberId,
    /// Occasions on which both voted, close to each other and not in the same millisecond.
    pub occasions: u32,
    /// On how many the one was first.
    pub a_first: u32,
}

impl Order {
    /// How one-sided that is, for a fair coin.
    pub fn tail(&self) -> Tail {
        coin(self.a_first, self.occasions)
    }
}

/// A group's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Orders {
    /// Each pair with at least one occasion.
    pub pairs: Vec<Order>,
    /// The share of pairs' occasions that went as most of the pair's did: 1/2 at least, 1 if the order was
    /// always the same. None without occasions.
    pub concordance: Option<f64>,
    /// One p-value for the group (Simes).
    pub p: f64,
}

impl Orders {
    /// The pairs that stand when a share `level` of false ones is allowed.
    pub fn beyond(&self, level: f64) -> impl Iterator<Item = &Order> {
        let p: Vec<f64> = self.pairs.iter().map(|pair| pair.tail().p()).collect();
        let most = benjamini_hochberg(&p, p.len() as u64, level);
        self.pairs
            .iter()
            .filter(move |pair| most > 0.0 && pair.tail().p() <= most)
    }
}

/// Measures a group: every pair, so the cost grows with the square of its size.
pub fn orders(board: &Board, group: &[MemberId]) -> Orders {
    let mut group = group.to_vec();
    group.sort_unstable();
    group.dedup();
    let votes: Vec<Vec<(PostId, i64)>> = group.iter().map(|m| upvotes(board, *m)).collect();
    let mut pairs = Vec::new();
    for (place, (a, of_a)) in group.iter().zip(&votes).enumerate() {
        for (b, of_b) in group.iter().zip(&votes).skip(place + 1) {
            let (occasions, a_first) = occasions(of_a, of_b);
            if occasions > 0 {
                pairs.push(Order {
                    a: *a,
                    b: *b,
                    occasions,
                    a_first,
                });
            }
        }
    }
    let all: f64 = pairs.iter().map(|pair| f64::from(pair.occasions)).sum();
    let most = |pair: &Order| f64::from(pair.a_first.max(pair.occasions - pair.a_first));
    let alike: f64 = pairs.iter().map(most).sum();
    let p: Vec<f64> = pairs.iter().map(|pair| pair.tail().p()).collect();
    Orders {
        concordance: (all > 0.0).then(|| alike / all),
        p: simes(&p),
        pairs,
    }
}

/// A member's upvotes, by post.
fn upvotes(board: &Board, member: MemberId) -> Vec<(PostId, i64)> {
    let up = board.votes_of(member).filter(|v| v.stance == Stance::Up);
    let mut votes: Vec<(PostId, i64)> = up.map(|v| (v.post, v.at_ms)).collect();
    votes.sort_unstable();
    votes
}

/// How many occasions two members had, and on how many the first was first.
fn occasions(of_a: &[(PostId, i64)], of_b: &[(PostId, i64)]) -> (u32, u32) {
    let mut both: Vec<(i64, i64)> = Vec::new();
    let mut rest = of_b;
    for (post, a_ms) in of_a {
        rest = &rest[rest.partition_point(|(other, _)| other < post)..];
        if let Some((other, b_ms)) = rest.first()
            && other == post
            && a_ms != b_ms
            && a_ms.abs_diff(*b_ms) <= CLOSE_MS.unsigned_abs()
        {
            both.push((*a_ms, *b_ms));
        }
    }
    // By when both had voted, so that neither's being first decides what is counted.
    both.sort_unstable_by_key(|(a, b)| ((*a).max(*b), (*a).min(*b)));
    let (mut all, mut first) = (0, 0);
    let mut last: Option<i64> = None;
    for (a, b) in both {
        let (early, late) = (a.min(b), a.max(b));
        if last.is_none_or(|last| early.saturating_sub(last) > APART_MS) {
            all += 1;
            first += u32::from(a < b);
        }
        last = Some(late);
    }
    (all, first)
}
