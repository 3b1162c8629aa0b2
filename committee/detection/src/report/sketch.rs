//! Who is drawn: of a board the members who stand out most, and the support between them beyond chance.

use std::collections::HashMap;

use super::case::{Ground, Pair};
use super::{Community, Voter};
use crate::votes::MemberId;

/// Members that are drawn at most.
pub const NODES: usize = 120;
/// Pairs that are drawn at most.
pub const EDGES: usize = 500;
/// Pairs with less evidence, in nats, aren't drawn.
const LEAST: f64 = 2.0;

/// A picture of a board, before it is laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    /// The board's name.
    pub conv: String,
    /// Members, those who stand out most first.
    pub nodes: Vec<Node>,
    /// Pairs beyond chance.
    pub edges: Vec<Edge>,
    /// Members with some evidence who aren't drawn.
    pub left_out: usize,
}

/// A member.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The pseudonym.
    pub voter: String,
    /// As in the list of voters.
    pub score: f64,
    /// Likewise.
    pub flag: bool,
    /// The number of the strongest listed group that it belongs to.
    pub community: Option<usize>,
}

/// Support beyond chance between two members.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The one, a place among the nodes.
    pub one: usize,
    /// The other.
    pub other: usize,
    /// In nats, both ways.
    pub evidence: f64,
    /// Does each support the other?
    pub mutual: bool,
}

impl Sketch {
    /// Chooses whom to draw. `voters` are the board's, by member.
    pub(super) fn of(ground: &Ground<'_>, voters: &[Voter], communities: &[&Community]) -> Self {
        let mut group_of: HashMap<&str, usize> = HashMap::new();
        for community in communities {
            for member in &community.members {
                group_of.entry(member).or_insert(community.number);
            }
        }
        let listed = |place: usize| voters.get(place).and_then(|v| group_of.get(v.id.as_str()));
        let mut chosen: Vec<usize> = (0..voters.len())
            .filter(|p| voters.get(*p).is_some_and(|v| v.score > 0.0))
            .collect();
        chosen.sort_by(|a, b| {
            let key = |p: usize| voters.get(p).map_or((false, 0.0), |v| (v.flag, v.score));
            let ((flag_a, a_score), (flag_b, b_score)) = (key(*a), key(*b));
            let first = flag_b.cmp(&flag_a).then(b_score.total_cmp(&a_score));
            first.then(a.cmp(b))
        });
        let all = chosen.len();
        chosen.truncate(NODES);
        let edges = edges(ground, &chosen);
        let mut drawn: Vec<bool> = vec![false; chosen.len()];
        for edge in &edges {
            for end in [edge.one, edge.other] {
                if let Some(drawn) = drawn.get_mut(end) {
                    *drawn = true;
                }
            }
        }
        // Who supports nobody that is drawn says nothing in a picture of support, unless they are flagged.
        let flag = |place: usize| voters.get(place).is_some_and(|v| v.flag);
        let kept: Vec<usize> = (0..chosen.len())
            .filter(|p| drawn.get(*p) == Some(&true) || chosen.get(*p).is_some_and(|c| flag(*c)))
            .collect();
        let number: HashMap<usize, usize> = kept.iter().enumerate().map(|(n, p)| (*p, n)).collect();
        let nodes = kept.iter().filter_map(|p| chosen.get(*p)).filter_map(|p| {
            let voter = voters.get(*p)?;
            Some(Node {
                voter: voter.voter.clone(),
                score: voter.score,
                flag: voter.flag,
                community: listed(*p).copied(),
            })
        });
        let edges = edges.into_iter().filter_map(|edge| {
            Some(Edge {
                one: *number.get(&edge.one)?,
                other: *number.get(&edge.other)?,
                ..edge
            })
        });
        Self {
            conv: ground.board.name().to_owned(),
            left_out: all - kept.len(),
            nodes: nodes.collect(),
            edges: edges.collect(),
        }
    }
}

fn edges(ground: &Ground<'_>, chosen: &[usize]) -> Vec<Edge> {
    let place: HashMap<u32, usize> = chosen
        .iter()
        .enumerate()
        .map(|(n, member)| (*member as u32, n))
        .collect();
    let mut edges: Vec<Edge> = Vec::new();
    for (one, member) in chosen.iter().enumerate() {
        let member = MemberId(*member as u32);
        for support in ground.supports.by(member) {
            let Some(other) = place.get(&support.author.0).copied() else {
                continue;
            };
            let back = ground.votes(support.author, member);
            // A mutual pair comes twice, and is taken once.
            if back > 0 && other < one {
                continue;
            }
            let pair: Pair = ground.pair(member, support.author);
            let evidence = pair.evidence();
            if evidence >= LEAST {
                let mutual = f64::from(pair.votes) > pair.by_chance
                    && f64::from(pair.back) > pair.back_by_chance;
                edges.push(Edge {
                    one,
                    other,
                    evidence,
                    mutual,
                });
            }
        }
    }
    edges.sort_by(|a, b| {
        let stronger = b.evidence.total_cmp(&a.evidence);
        stronger.then((a.one, a.other).cmp(&(b.one, b.other)))
    });
    edges.truncate(EDGES);
    edges
}
