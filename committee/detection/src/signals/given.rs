//! What each member of a group gave the others and got from them, beside what chance alone would give over all of
//! their posts.

use crate::scan::LEAST_EXPECTED;
use crate::signals::chance::{Chance, chance as of_appeal};
use crate::signals::twins::poisson;
use crate::votes::{Board, MemberId, Stance};

/// What a member gave the others of its group, and got from them: votes, and those that chance alone would
/// give, over all of their posts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inside {
    /// Who.
    pub member: MemberId,
    /// Votes for the others' posts.
    pub given: u32,
    /// By chance.
    pub given_by_chance: f64,
    /// The others' votes for its posts.
    pub got: u32,
    /// By chance.
    pub got_by_chance: f64,
}

impl Inside {
    /// The evidence, in nats, of what it gave or of what it got, whichever is less: a fan gets nothing, and
    /// a favourite gives nothing.
    pub fn returned(&self) -> f64 {
        self.gave().min(beyond(self.got, self.got_by_chance))
    }

    /// The evidence, in nats, of what it gave.
    pub fn gave(&self) -> f64 {
        beyond(self.given, self.given_by_chance)
    }

    /// The evidence, in nats, of what it gave and got together.
    pub(crate) fn both(&self) -> f64 {
        beyond(
            self.given + self.got,
            self.given_by_chance + self.got_by_chance,
        )
    }

    /// The smaller of the shares, of what it gave and of what it got, that chance doesn't explain.
    pub(crate) fn unexplained(&self) -> f64 {
        let share = |seen: u32, by_chance: f64| match seen {
            0 => 0.0,
            _ => 1.0 - by_chance / f64::from(seen),
        };
        share(self.given, self.given_by_chance).min(share(self.got, self.got_by_chance))
    }
}

fn beyond(votes: u32, by_chance: f64) -> f64 {
    poisson(f64::from(votes), by_chance.max(LEAST_EXPECTED))
}

/// Measures the members of a group, in their order.
pub(crate) fn inside(board: &Board, chance: &Chance, members: &[MemberId]) -> Vec<Inside> {
    const NOBODY: u32 = u32::MAX;
    let mut place_of = vec![NOBODY; board.members()];
    for (place, member) in (0..).zip(members) {
        place_of[member.at()] = place;
    }
    let nothing = |member: &MemberId| Inside {
        member: *member,
        given: 0,
        given_by_chance: 0.0,
        got: 0,
        got_by_chance: 0.0,
    };
    let mut found: Vec<Inside> = members.iter().map(nothing).collect();
    for (to, author) in members.iter().enumerate() {
        for post in board.posts_by(*author) {
            for vote in board.votes_on(post).filter(|v| v.stance == Stance::Up) {
                let from = place_of[vote.member.at()];
                if from != NOBODY && from as usize != to {
                    found[from as usize].given += 1;
                    found[to].got += 1;
                }
            }
        }
        // An author's posts with equal appeal have equal chances.
        let appeals = equal(board.posts_by(*author).map(|post| chance.appeal(post)));
        for (from, member) in members.iter().enumerate().filter(|(from, _)| *from != to) {
            let appetite = chance.appetite(*member);
            let terms = appeals.iter();
            let by_chance: f64 = terms
                .map(|(count, appeal)| count * of_appeal(appetite, *appeal))
                .sum();
            found[from].given_by_chance += by_chance;
            found[to].got_by_chance += by_chance;
        }
    }
    found
}

/// How many there are of each value.
fn equal(values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let same = values.chunk_by(|a, b| a == b);
    same.filter_map(|same| Some((same.len() as f64, *same.first()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::population::Population;

    #[test]
    fn what_is_given_and_got_is_what_a_count_of_each_vote_gives() {
        let board = Population::plain(60, 14).board(1).board().unwrap();
        let chance = Chance::of_upvotes(&board);
        let members: Vec<MemberId> = (0..12).map(MemberId).collect();
        for found in inside(&board, &chance, &members) {
            let me = found.member;
            let other = |m: MemberId| m != me && members.contains(&m);
            let (mut given, mut got) = ((0, 0.0), (0, 0.0));
            for vote in board.votes().iter().filter(|v| v.stance == Stance::Up) {
                let author = board.post(vote.post).author;
                given.0 += u32::from(vote.member == me && other(author));
                got.0 += u32::from(author == me && other(vote.member));
            }
            for member in members.iter().filter(|m| other(**m)) {
                let given_by: f64 = board.posts_by(*member).map(|p| chance.of(me, p)).sum();
                let got_by: f64 = board.posts_by(me).map(|p| chance.of(*member, p)).sum();
                given.1 += given_by;
                got.1 += got_by;
            }
            assert_eq!((found.given, found.got), (given.0, got.0));
            assert!((found.given_by_chance - given.1).abs() < 1e-9);
            assert!((found.got_by_chance - got.1).abs() < 1e-9);
        }
    }
}
