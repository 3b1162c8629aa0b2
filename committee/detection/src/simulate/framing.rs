//! A ring that frames innocent members: what it can do to people who have no part in it, so that they look as if
//! they had.
//!
//! Whoever is framed does nothing but what she does anyhow; only where the ruse is that she likes the ring's
//! posts does she vote more than she did, at times of her own. Everything else is done by accounts of the ring.

use std::collections::HashMap;
use std::fmt;

use chacha20::ChaCha8Rng;
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::plant::Planted;
use super::ring::{Ring, RingError, Synchrony};
use super::{HOUR, MINUTE, SECOND, Script, exponential, generator};
use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// Votes of whoever is framed, at least: somebody who takes part.
const LEAST_VOTES: usize = 10;
/// Accounts that copy a member's votes.
const PUPPETS: usize = 4;
/// Of the ring's posts, the share that whoever likes them likes: 16 of 40.
const LIKED: f64 = 0.4;
/// Of other people's votes on those posts, the share that there is where few read them.
const READ: f64 = 0.2;
/// Her votes are so far from others of hers in the same sitting, on average.
const APART_MS: f64 = 20_000.0;

/// How a ring frames somebody. In each, all of the ring votes for all of her posts as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ruse {
    /// Two or three of the ring vote seconds to minutes after each vote of hers for its posts.
    Followed,
    /// Nothing else.
    VotedFor,
    /// Accounts of the ring copy all her votes seconds later.
    Copied,
    /// Two or three of the ring vote one to five minutes before each vote of hers for its posts: they know
    /// when she reads.
    Preceded,
    /// She likes two in five of the ring's posts, where few others read them, and votes at times of her own.
    Liked,
    /// As she likes them, and they vote before her.
    LikedAndPreceded,
}

impl Ruse {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Followed,
        Self::VotedFor,
        Self::Copied,
        Self::Preceded,
        Self::Liked,
        Self::LikedAndPreceded,
    ];

    /// Whether she does no more than she did before, and before anybody of the ring: then nothing may befall
    /// her.
    pub fn is_others_doing(self) -> bool {
        matches!(self, Self::Followed | Self::VotedFor | Self::Copied)
    }
}

impl fmt::Display for Ruse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Followed => "followed: the ring votes after her",
            Self::VotedFor => "voted for: the ring votes for all her posts",
            Self::Copied => "copied: puppets repeat all her votes",
            Self::Preceded => "preceded: the ring votes minutes before her",
            Self::Liked => "likes two in five of its posts, and is voted for",
            Self::LikedAndPreceded => "likes them, and is preceded",
        })
    }
}

/// A board on which a ring frames somebody, or has not yet.
#[derive(Debug, Clone)]
pub struct Framed {
    /// The board.
    pub board: Board,
    /// Whom the ring frames, ascending.
    pub victims: Vec<MemberId>,
    /// The ring, ascending.
    pub ring: Vec<MemberId>,
}

/// Frames so many innocent members who take part and write, the same ones by each ruse; without one nobody is
/// framed, and the board is as it was.
///
/// # Errors
/// [`RingError`], if too few take part and write.
pub fn frame(
    planted: &Planted,
    ring: &Ring,
    ruse: Option<Ruse>,
    victims: usize,
    seed: u64,
) -> Result<Framed, RingError> {
    let victims = choose(planted, victims, seed)?;
    let Some(ruse) = ruse else {
        return Ok(Framed {
            board: planted.board.clone(),
            ring: planted.ring.clone(),
            victims,
        });
    };
    let mut framer = Framer::of(planted, ring, seed);
    if matches!(ruse, Ruse::Liked | Ruse::LikedAndPreceded) {
        framer.leave_unread(&victims);
    }
    for victim in &victims {
        framer.frame(*victim, ruse);
    }
    let board = framer.script.board().ok_or(RingError::NoVotes)?;
    let numbers: HashMap<&str, MemberId> = {
        let all = (0..board.members() as u32).map(MemberId);
        all.map(|m| (board.member_name(m), m)).collect()
    };
    let found = |members: &[MemberId]| {
        let names = members.iter().map(|m| planted.board.member_name(*m));
        let mut found: Vec<MemberId> = names.filter_map(|n| numbers.get(n).copied()).collect();
        found.sort_unstable();
        found
    };
    Ok(Framed {
        victims: found(&victims),
        ring: found(&planted.ring),
        board,
    })
}

fn choose(planted: &Planted, wanted: usize, seed: u64) -> Result<Vec<MemberId>, RingError> {
    let board = &planted.board;
    let innocent = |member: &MemberId| {
        planted.ring.binary_search(member).is_err()
            && planted.bribed.binary_search(member).is_err()
            && board.votes_of(*member).len() >= LEAST_VOTES
            && board.posts_by(*member).len() > 0
    };
    let all = (0..board.members() as u32).map(MemberId);
    let mut innocent: Vec<MemberId> = all.filter(innocent).collect();
    let found = innocent.len();
    if found < wanted {
        return Err(RingError::Members {
            found,
            needed: wanted,
        });
    }
    innocent.shuffle(&mut generator(seed, b"framed"));
    innocent.truncate(wanted);
    innocent.sort_unstable();
    Ok(innocent)
}

struct Framer {
    rng: ChaCha8Rng,
    script: Script,
    /// Where in the script somebody's vote on a post is.
    places: HashMap<(MemberId, PostId), usize>,
    synchrony: Synchrony,
    ring: Vec<MemberId>,
    /// The ring's posts.
    posts: Vec<PostId>,
}

impl Framer {
    fn of(planted: &Planted, ring: &Ring, seed: u64) -> Self {
        let script = Script::of(&planted.board);
        let of_ring = |post: &PostId| {
            let author = planted.board.post(*post).author;
            planted.ring.binary_search(&author).is_ok()
        };
        let posts = (0..planted.board.posts() as u32).map(PostId);
        Self {
            rng: generator(seed, b"framing"),
            places: places(&script),
            script,
            synchrony: ring.synchrony,
            ring: planted.ring.clone(),
            posts: posts.filter(of_ring).collect(),
        }
    }

    /// Takes most of the votes that others cast on the ring's posts away.
    fn leave_unread(&mut self, victims: &[MemberId]) {
        let (rng, ring, posts) = (&mut self.rng, &self.ring, &self.posts);
        self.script.votes.retain(|vote| {
            posts.binary_search(&vote.post).is_err()
                || ring.binary_search(&vote.member).is_ok()
                || victims.binary_search(&vote.member).is_ok()
                || rng.random_bool(READ)
        });
        self.places = places(&self.script);
    }

    fn frame(&mut self, victim: MemberId, ruse: Ruse) {
        match ruse {
            Ruse::VotedFor => {}
            Ruse::Copied => self.copy(victim),
            Ruse::Followed => self.accompany(victim, 5 * SECOND..5 * MINUTE),
            Ruse::Preceded => self.accompany(victim, -5 * MINUTE..-MINUTE),
            Ruse::Liked => self.like(victim),
            Ruse::LikedAndPreceded => {
                self.like(victim);
                self.accompany(victim, -5 * MINUTE..-MINUTE);
            }
        }
        self.vote_for(victim);
    }

    /// Her votes for the ring's posts.
    fn likes(&self, victim: MemberId) -> Vec<Vote> {
        let votes = self.script.votes.iter();
        let hers = votes.filter(|v| v.member == victim && v.stance == Stance::Up);
        let of_ring = hers.filter(|v| self.posts.binary_search(&v.post).is_ok());
        of_ring.copied().collect()
    }

    /// Two or three of the ring vote so long after each of her votes for its posts, or before. Those come
    /// first who have no vote on it yet, so that the ring does everything else that it did.
    fn accompany(&mut self, victim: MemberId, apart_ms: std::ops::Range<i64>) {
        for vote in self.likes(victim) {
            let (author, written) = self.post(vote.post);
            let mut others: Vec<MemberId> = {
                let others = self.ring.iter().filter(|m| **m != author);
                others.copied().collect()
            };
            others.shuffle(&mut self.rng);
            others.sort_by_key(|m| self.places.contains_key(&(*m, vote.post)));
            let count = self.rng.random_range(2..=3);
            for member in others.into_iter().take(count) {
                let at_ms = vote.at_ms + self.rng.random_range(apart_ms.clone());
                let at_ms = at_ms.max(written + SECOND);
                // A post that she came upon at once can't be voted on before her.
                if (at_ms < vote.at_ms) == (apart_ms.start < 0) {
                    self.put(Vote {
                        at_ms,
                        member,
                        ..vote
                    });
                }
            }
        }
    }

    /// Some accounts of the ring cast each of her votes seconds after her.
    fn copy(&mut self, victim: MemberId) {
        let puppets: Vec<MemberId> = {
            let puppets = self.ring.sample(&mut self.rng, PUPPETS);
            puppets.copied().collect()
        };
        let votes = self.script.votes.iter();
        let hers: Vec<Vote> = votes.filter(|v| v.member == victim).copied().collect();
        for vote in hers {
            for puppet in &puppets {
                if self.post(vote.post).0 != *puppet {
                    let later = self.rng.random_range(3 * SECOND..30 * SECOND);
                    self.put(Vote {
                        at_ms: vote.at_ms + later,
                        member: *puppet,
                        ..vote
                    });
                }
            }
        }
    }

    /// She votes for so many of the ring's posts, beside votes of hers that she casts anyhow.
    fn like(&mut self, victim: MemberId) {
        let wanted = (LIKED * self.posts.len() as f64).round() as usize;
        let mut liked = self.likes(victim).len();
        let mut times: Vec<i64> = {
            let votes = self.script.votes.iter();
            let hers = votes.filter(|v| v.member == victim);
            hers.map(|v| v.at_ms).collect()
        };
        times.sort_unstable();
        let mut posts = self.posts.clone();
        posts.shuffle(&mut self.rng);
        for post in posts {
            let (_, written) = self.post(post);
            let after = times.partition_point(|t| *t <= written);
            let sittings = times.get(after..).unwrap_or_default();
            let known = self.places.contains_key(&(victim, post));
            let Some(beside) = sittings.choose(&mut self.rng).filter(|_| !known) else {
                continue;
            };
            if liked >= wanted {
                break;
            }
            liked += 1;
            let later = exponential(&mut self.rng, APART_MS) as i64;
            self.put(Vote {
                at_ms: beside + later,
                member: victim,
                post,
                stance: Stance::Up,
            });
        }
    }

    /// All of the ring vote for all of her posts, as close in time as it votes for its own.
    fn vote_for(&mut self, victim: MemberId) {
        let posts = (0..self.script.posts.len() as u32).map(PostId);
        let hers: Vec<PostId> = posts.filter(|p| self.post(*p).0 == victim).collect();
        for post in hers {
            let (_, written) = self.post(post);
            let votes = self.script.votes.iter();
            let times: Vec<i64> = {
                let on_it = votes.filter(|v| v.post == post);
                on_it.map(|v| v.at_ms).collect()
            };
            let moment = |rng: &mut ChaCha8Rng| {
                let near = times.choose(rng).copied();
                near.unwrap_or_else(|| written + rng.random_range(0..HOUR)) + SECOND
            };
            let together = moment(&mut self.rng);
            for member in self.ring.clone() {
                let rng = &mut self.rng;
                let at_ms = match self.synchrony {
                    Synchrony::Minute => together + rng.random_range(0..MINUTE),
                    Synchrony::TenMinutes => together + rng.random_range(0..10 * MINUTE),
                    Synchrony::Organic => moment(rng) + exponential(rng, APART_MS) as i64,
                };
                self.put(Vote {
                    at_ms,
                    member,
                    post,
                    stance: Stance::Up,
                });
            }
        }
    }

    /// Who wrote a post, and when.
    fn post(&self, post: PostId) -> (MemberId, i64) {
        let written = self.script.posts.get(post.at());
        written.map_or((MemberId(u32::MAX), 0), |p| (p.author, p.at_ms))
    }

    /// Casts a vote, in place of the one that its voter had on that post.
    fn put(&mut self, vote: Vote) {
        let place = self.places.get(&(vote.member, vote.post)).copied();
        match place.and_then(|place| self.script.votes.get_mut(place)) {
            Some(old) => *old = vote,
            None => {
                let place = self.script.votes.len();
                self.places.insert((vote.member, vote.post), place);
                self.script.votes.push(vote);
            }
        }
    }
}

fn places(script: &Script) -> HashMap<(MemberId, PostId), usize> {
    let votes = script.votes.iter().enumerate();
    votes.map(|(n, v)| ((v.member, v.post), n)).collect()
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
