//! Boards that never were: honest people who behave in the ways that are mistaken for rings, and rings to be
//! found among them or among the members of a real board.
//!
//! It must never be used to judge anybody: it makes what the detector is measured on. Everything is drawn
//! from one generator with a given seed, so that a board can be made again.

pub mod adaptive;
pub mod behaviour;
pub mod framing;
pub mod plant;
pub mod population;
mod reading;
pub mod ring;

use std::f64::consts::TAU;

use chacha20::ChaCha8Rng;
use rand::{Rng, RngExt, SeedableRng};

use crate::votes::{Board, Builder, MemberId, PostId, Row, Vote};

pub(crate) const SECOND: i64 = 1_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A board while it is being written: votes may still be added and taken away.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// The board's name.
    pub name: Box<str>,
    /// Pseudonyms.
    pub members: Vec<Box<str>>,
    /// Posts, with or without votes.
    pub posts: Vec<Written>,
    /// Votes, in any order, at most one by a member on a post.
    pub votes: Vec<Vote>,
}

/// A post of a [`Script`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: Box<str>,
    /// Who wrote it.
    pub author: MemberId,
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
}

impl Script {
    /// A board's votes as a script, with the same numbers.
    pub fn of(board: &Board) -> Self {
        let posts = (0..board.posts() as u32).map(PostId).map(|id| {
            let post = board.post(id);
            Written {
                name: board.post_name(id).into(),
                author: post.author,
                at_ms: post.at_ms,
            }
        });
        let members = (0..board.members() as u32).map(MemberId);
        Self {
            name: board.name().into(),
            members: members.map(|m| board.member_name(m).into()).collect(),
            posts: posts.collect(),
            votes: board.votes().to_vec(),
        }
    }

    /// The rows of the table that it would be: one for each vote.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let name = |member: MemberId| self.members.get(member.at()).map_or("", |name| name);
        self.votes.iter().filter_map(move |vote| {
            let post = self.posts.get(vote.post.at())?;
            Some(Row {
                board: &self.name,
                vote_ms: vote.at_ms,
                voter: name(vote.member),
                post: &post.name,
                author: name(post.author),
                post_ms: post.at_ms,
                stance: vote.stance,
            })
        })
    }

    /// The board that a reader of those rows would have; `None` without votes.
    pub fn board(&self) -> Option<Board> {
        let mut builder = Builder::default();
        for row in self.rows() {
            // Nothing is in the future.
            let _ = builder.push(row, i64::MAX);
        }
        builder.finish().0.boards().first().cloned()
    }
}

/// The generator for one purpose: two purposes with one seed have nothing in common.
pub(crate) fn generator(seed: u64, purpose: &[u8]) -> ChaCha8Rng {
    let mut key = [0; 32];
    let from = seed
        .to_le_bytes()
        .into_iter()
        .chain(purpose.iter().copied());
    for (to, byte) in key.iter_mut().zip(from) {
        *to = byte;
    }
    ChaCha8Rng::from_seed(key)
}

/// From the normal distribution with mean 0 and deviation 1 (Box and Muller, Annals of Mathematical
/// Statistics 29, 1958).
pub(crate) fn normal<R: Rng>(rng: &mut R) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (TAU * rng.random::<f64>()).cos()
}

/// From the exponential distribution.
pub(crate) fn exponential<R: Rng>(rng: &mut R, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

/// From the Poisson distribution with a small mean (Knuth's method), 1,000 at most.
pub(crate) fn poisson<R: Rng>(rng: &mut R, mean: f64) -> usize {
    let least = (-mean).exp();
    let mut product = rng.random::<f64>();
    let mut count = 0;
    while product > least && count < 1_000 {
        product *= rng.random::<f64>();
        count += 1;
    }
    count
}

/// A pseudonym that tells nothing.
pub(crate) fn pseudonym<R: Rng>(rng: &mut R) -> Box<str> {
    format!("{:016x}", rng.random::<u64>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::votes::Stance;

    #[test]
    fn a_script_of_a_board_gives_the_same_board() {
        let script = Script {
            name: "b".into(),
            members: ["a", "b", "c"].map(Into::into).to_vec(),
            posts: vec![
                Written {
                    name: "p".into(),
                    author: MemberId(0),
                    at_ms: 5,
                },
                Written {
                    name: "q".into(),
                    author: MemberId(2),
                    at_ms: 7,
                },
            ],
            votes: vec![Vote {
                at_ms: 9,
                member: MemberId(1),
                post: PostId(0),
                stance: Stance::Up,
            }],
        };
        let board = script.board().unwrap();
        // Nobody voted on the other post, so neither it nor its author is anywhere.
        assert_eq!(
            (board.members(), board.posts(), board.votes().len()),
            (2, 1, 1)
        );
        let again = Script::of(&board);
        assert_eq!(Script::of(&again.board().unwrap()), again);
    }

    #[test]
    fn a_script_without_votes_is_no_board() {
        assert!(Script::default().board().is_none());
    }

    #[test]
    fn draws_have_the_means_that_they_should() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mean =
            |draw: &mut dyn FnMut() -> f64| (0..20_000).map(|_| draw()).sum::<f64>() / 20_000.0;
        assert!(mean(&mut || normal(&mut rng)).abs() < 0.03);
        assert!((mean(&mut || normal(&mut rng).powi(2)) - 1.0).abs() < 0.05);
        assert!((mean(&mut || exponential(&mut rng, 3.0)) - 3.0).abs() < 0.1);
        assert!((mean(&mut || poisson(&mut rng, 2.5) as f64) - 2.5).abs() < 0.05);
        assert_eq!(poisson(&mut rng, 0.0), 0);
    }
}
