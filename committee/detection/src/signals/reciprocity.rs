//! Mutual support within communities, against chance.
//!
//! A link leads from a member to an author of whose posts it voted for at least one. Reciprocity is the
//! share of links with a link back (Garlaschelli and Loffredo: "Patterns of link reciprocity in directed
//! networks", Physical Review Letters 93, 2004, who compare it with the density as chance's share). Here
//! chance is the configuration model's: the link back from author to member is there with chance
//! `1 - Π(1 - p)` over the member's posts. Under the model the two directions are independent, so the sum of
//! these chances over the links is the expected number of links with a link back, without a look at pairs
//! that have none: linear in votes.

use crate::graph::Partition;
use crate::signals::chance::Chance;
use crate::signals::support::Supports;
use crate::votes::{Board, MemberId};

/// A community's mutual support.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reciprocity {
    /// Links between its members.
    pub links: u32,
    /// Of these, links with a link back: each mutual pair counts twice.
    pub mutual: u32,
    /// How many would have one by chance.
    pub expected: f64,
}

impl Reciprocity {
    /// The share of links with a link back, if there are links.
    pub fn share(&self) -> Option<f64> {
        (self.links > 0).then(|| f64::from(self.mutual) / f64::from(self.links))
    }

    /// The share beyond chance: 0 if as chance gives, 1 if all links are mutual, below 0 if fewer than by
    /// chance (Garlaschelli and Loffredo's ρ). None without links, or if chance explains all.
    pub fn beyond_chance(&self) -> Option<f64> {
        let links = f64::from(self.links);
        let room = links - self.expected;
        (room > 0.0).then(|| (f64::from(self.mutual) - self.expected) / room)
    }
}

/// Measures one group, which may have members in common with others.
pub fn within(
    board: &Board,
    model: &Chance,
    supports: &Supports,
    group: &[MemberId],
) -> Reciprocity {
    let mut found = Reciprocity {
        links: 0,
        mutual: 0,
        expected: 0.0,
    };
    for member in group {
        let others = group.iter().filter(|other| *other != member);
        for author in others.filter(|other| supports.between(*member, **other).is_some()) {
            found.links += 1;
            found.mutual += u32::from(supports.between(*author, *member).is_some());
            found.expected += supports_once(board, model, *author, *member);
        }
    }
    found
}

/// Measures each community.
pub fn reciprocity(
    board: &Board,
    model: &Chance,
    supports: &Supports,
    communities: &Partition,
) -> Vec<Reciprocity> {
    let none = Reciprocity {
        links: 0,
        mutual: 0,
        expected: 0.0,
    };
    let mut measured = vec![none; communities.count()];
    for member in (0..board.members() as u32).map(MemberId) {
        let community = communities.of(member.0);
        let Some(sums) = measured.get_mut(community as usize) else {
            continue;
        };
        let same = supports
            .by(member)
            .iter()
            .filter(|s| communities.of(s.author.0) == community);
        for support in same {
            sums.links += 1;
            sums.mutual += u32::from(supports.between(support.author, member).is_some());
            sums.expected += supports_once(board, model, support.author, member);
        }
    }
    measured
}

/// The chance that somebody votes for at least one of an author's posts.
fn supports_once(board: &Board, model: &Chance, member: MemberId, author: MemberId) -> f64 {
    let appetite = model.appetite(member);
    // 1 - p = 1 / (1 + x·y).
    let never = board
        .posts_by(author)
        .map(|post| (appetite * model.appeal(post)).ln_1p());
    -(-never.sum::<f64>()).exp_m1()
}
