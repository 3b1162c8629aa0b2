//! Whether a group is of one mind: how often its members vote against each other's posts, or pass on them,
//! beside how often everybody else does on the same posts.
//!
//! Friends, parties and niches support each other because they often agree; now and then they don't. Those
//! who vote by agreement do without reading. It costs a ring nothing to pass on some of its posts, so a
//! group that disagrees isn't cleared by that: only one that never does stands out.

use std::collections::HashMap;

use crate::signals::inside::Inside;
use crate::votes::{Board, MemberId, Stance};

/// How many votes the board's general share of dissent counts for beside a post's own.
const PRIOR: f64 = 4.0;
/// A group that dissents this many times less than everybody else is taken to agree on agreeing; so many
/// votes of the usual dissent must be missing before much is made of it.
pub(crate) const RARELY: f64 = 6.0;

/// Dissent within a group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Dissent {
    /// Votes of members on other members' posts.
    pub votes: u32,
    /// Of these, passes and votes against.
    pub against: u32,
    /// How many of them there would be if members dissented as everybody else does on these posts.
    pub expected: f64,
}

impl Dissent {
    /// The share of these votes that would dissent if members did as everybody else does on these posts.
    pub fn usual(&self) -> f64 {
        match self.votes {
            0 => 0.0,
            votes => self.expected / f64::from(votes),
        }
    }

    /// How much of the usual dissent is missing: 0 none, nearly 1 all of a group with many votes. Of a group
    /// that dissents half as often as others, little; and among few votes little can be missing.
    pub fn missing(&self) -> f64 {
        let against = f64::from(self.against);
        let fewer = (self.expected - against).max(0.0);
        fewer / (self.expected + (RARELY - 1.0) * against + RARELY)
    }
}

/// Measures a group, and each of its members by its own votes on the others' posts.
pub fn dissent(board: &Board, group: &[MemberId]) -> (Dissent, Vec<Dissent>) {
    let all = board.votes().len().max(1);
    let usual = (all - board.upvotes()) as f64 / all as f64;
    let inside = Inside::of(board, group);
    let mut of_member: HashMap<MemberId, Dissent> = HashMap::new();
    for post in group.iter().flat_map(|member| board.posts_by(*member)) {
        let (mut others, mut against) = (0_u32, 0_u32);
        for vote in board.votes_on(post).filter(|v| !inside.has(v.member)) {
            others += 1;
            against += u32::from(vote.stance != Stance::Up);
        }
        let share = (f64::from(against) + PRIOR * usual) / (f64::from(others) + PRIOR);
        for vote in board.votes_on(post).filter(|v| inside.has(v.member)) {
            let found = of_member.entry(vote.member).or_default();
            found.votes += 1;
            found.against += u32::from(vote.stance != Stance::Up);
            found.expected += share;
        }
    }
    let of = |member: &MemberId| of_member.get(member).copied().unwrap_or_default();
    let members: Vec<Dissent> = group.iter().map(of).collect();
    let mut whole = Dissent::default();
    for own in &members {
        whole.votes += own.votes;
        whole.against += own.against;
        whole.expected += own.expected;
    }
    (whole, members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::votes::{Builder, Row};

    /// Members a, b and c write a post each; votes are (voter, post, stance).
    fn board(votes: &[(&str, &str, Stance)]) -> Board {
        let mut builder = Builder::default();
        for (voter, post, stance) in votes {
            let row = Row {
                board: "board",
                vote_ms: 1,
                voter,
                post,
                author: post.trim_start_matches('p'),
                post_ms: 0,
                stance: *stance,
            };
            builder.push(row, i64::MAX).unwrap();
        }
        builder.finish().0.boards()[0].clone()
    }

    fn members(board: &Board, names: &[&str]) -> Vec<MemberId> {
        let all = (0..board.members() as u32).map(MemberId);
        all.filter(|m| names.contains(&board.member_name(*m)))
            .collect()
    }

    #[test]
    fn dissent_is_counted_within_the_group_and_expected_by_everybody_else_on_the_same_posts() {
        use Stance::{Down, Pass, Up};
        let board = board(&[
            ("a", "pb", Up),
            ("b", "pa", Pass),
            ("x", "pa", Down),
            ("y", "pa", Up),
            ("x", "pb", Up),
            ("a", "pc", Down),
        ]);
        let (found, by_member) = dissent(&board, &members(&board, &["a", "b"]));
        let own: Vec<_> = by_member
            .iter()
            .map(|own| (own.votes, own.against))
            .collect();
        assert_eq!(own, [(1, 0), (1, 1)]);
        assert_eq!((found.votes, found.against), (2, 1));
        // Half of all votes dissent. On pa one of two others did, on pb none of one.
        let expected = (1.0 + 4.0 * 0.5) / 6.0 + (4.0 * 0.5) / 5.0;
        assert!((found.expected - expected).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn nothing_is_missing_where_nobody_dissents_and_nearly_all_where_only_the_group_does_not() {
        let agreed = Dissent {
            votes: 100,
            against: 0,
            expected: 0.0,
        };
        assert_eq!(agreed.missing(), 0.0);
        let silent = Dissent {
            expected: 54.0,
            ..agreed
        };
        assert!((silent.missing() - 0.9).abs() < 1e-12);
        let usual = Dissent {
            against: 60,
            ..silent
        };
        assert_eq!(usual.missing(), 0.0);
    }
}
