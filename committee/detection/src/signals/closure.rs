//! How closely a member's circle is knit: local clustering on two graphs of members.
//!
//! On the raw graph of who voted for whose posts a high coefficient means little, since everybody who is
//! active and popular closes triangles. On the projection of co-voting that is left when popularity is taken
//! out ([`covote`](crate::signals::covote)), chance closes hardly any. The coefficient is Watts and
//! Strogatz's; see [`clustering`].

use crate::graph::{Graph, clustering};
use crate::signals::covote::Covote;
use crate::votes::{Board, Stance};

/// Who voted for whose posts: an edge for each two members of whom one voted for the other's posts, with the
/// number of such votes, both ways.
pub fn upvote_graph(board: &Board) -> Graph {
    let up = board.votes().iter().filter(|v| v.stance == Stance::Up);
    let edges: Vec<(u32, u32, f64)> = up
        .map(|v| (v.member.0, board.post(v.post).author.0, 1.0))
        .collect();
    Graph::new(board.members(), &edges)
}

/// Who votes with whom beyond chance: an edge for each pair, weighed by the surprise `-ln p`.
pub fn covote_graph<'a>(board: &Board, pairs: impl Iterator<Item = &'a Covote>) -> Graph {
    let surprise = |p: f64| -p.max(f64::MIN_POSITIVE).ln();
    let edges = pairs.map(|c| (c.a.0, c.b.0, surprise(c.p)));
    let mut edges: Vec<(u32, u32, f64)> = edges.collect();
    // A pair that is named twice is one pair.
    edges.sort_by_key(|(a, b, _)| (*a, *b));
    edges.dedup_by_key(|(a, b, _)| (*a, *b));
    Graph::new(board.members(), &edges)
}

/// For each member, how many of the pairs of those it votes for, or who vote for it, do so among themselves.
pub fn raw(board: &Board) -> Vec<Option<f64>> {
    clustering::local(&upvote_graph(board))
}

/// For each member, how many of the pairs of those it votes with beyond chance vote together beyond chance.
pub fn corrected<'a>(board: &Board, pairs: impl Iterator<Item = &'a Covote>) -> Vec<Option<f64>> {
    clustering::local(&covote_graph(board, pairs))
}
