//! How independent a member's support is of its own support: personalised PageRank on the reversed graph.
//!
//! A surfer on the graph of upvotes, reversed, goes from an author to one of those who voted for it, each
//! with a chance by its number of votes, then to one of those who voted for *them*, and so on; with chance
//! `1 - d`, or where nobody voted for the member, the surfer starts again from an author drawn by the votes
//! received ([`personalised`]; Page and others, 1999; reversed as in Gyöngyi, Garcia-Molina, Pedersen:
//! "Combating web spam with TrustRank", VLDB 2004). Its first step reaches each member with exactly the
//! member's share of all upvotes given. Members who support each other in a closed circle are visited more.
//!
//! If everybody's voters were drawn by activity alone, the rank would be
//! `r0 = (1 - d·α)·π + d·α·s` with `α = 1 / (1 + d·(1 - S))`,
//! where `π` is each member's share of votes received, `s` its share of votes given, and `S` the sum of `s` over
//! members who received any. The weight is `min(1, r0 / r)`: one for a member who is visited no more than its
//! activity explains, less for one whose support comes round to it.

use crate::graph::pagerank::{Directed, personalised};
use crate::votes::{Board, Stance};

/// The chance to go on.
pub const DAMPING: f64 = 0.85;
/// The rank's error at most, summed over members.
const CLOSE: f64 = 1e-10;

/// A member's rank.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Independence {
    /// On the reversed graph.
    pub rank: f64,
    /// What it would be if voters were drawn by activity.
    pub expected: f64,
}

impl Independence {
    /// In 0..=1; none for members who never voted up nor were voted up.
    pub fn weight(&self) -> Option<f64> {
        (self.rank > 0.0).then(|| (self.expected / self.rank).min(1.0))
    }
}

/// Measures each member, with [`DAMPING`].
pub fn independence(board: &Board) -> Vec<Independence> {
    damped(board, DAMPING)
}

/// Measures each member, with another chance to go on.
pub fn damped(board: &Board, damping: f64) -> Vec<Independence> {
    let members = board.members();
    let (mut given, mut received) = (vec![0.0; members], vec![0.0; members]);
    let mut edges = Vec::new();
    let mut total = 0.0;
    for vote in board.votes().iter().filter(|v| v.stance == Stance::Up) {
        let author = board.post(vote.post).author;
        given[vote.member.at()] += 1.0;
        received[author.at()] += 1.0;
        total += 1.0;
        edges.push((vote.member.0, author.0, 1.0));
    }
    let reversed = Directed::new(members, &edges).reversed();
    let ranks = personalised(&reversed, &received, damping, CLOSE);
    let onward = given
        .iter()
        .zip(&received)
        .filter(|(_, received)| **received > 0.0);
    let onward: f64 = onward
        .map(|(given, _): (&f64, &f64)| given / f64::max(total, 1.0))
        .sum();
    let alpha = 1.0 / (1.0 + damping * (1.0 - onward));
    let expected = |given: f64, received: f64| {
        let (s, pi) = (
            given / f64::max(total, 1.0),
            received / f64::max(total, 1.0),
        );
        (1.0 - damping * alpha) * pi + damping * alpha * s
    };
    let counts = given.iter().zip(&received);
    ranks
        .into_iter()
        .zip(counts)
        .map(|(rank, (given, received))| Independence {
            rank,
            expected: expected(*given, *received),
        })
        .collect()
}
