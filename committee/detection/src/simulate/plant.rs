//! Plants a ring into a board, real or made up.
//!
//! Nothing but the ring may tell its members from others: their posts have the audience of a random post of
//! the board, thinned, each of its voters some seconds from the vote that is copied; and their camouflage is
//! copied in sittings, a few votes that one honest member cast in a row. [`Ring::sham`] measures what still
//! gives them away.

use std::collections::{HashMap, HashSet};

use chacha20::ChaCha8Rng;
use rand::RngExt;
use rand::seq::{IndexedRandom, SliceRandom};

use super::ring::{Accounts, Joining, Ring, RingError, Rotation, Synchrony};
use super::{HOUR, MINUTE, SECOND, Script, Written, exponential, generator, pseudonym};
use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// Of the copied post's voters, the share that votes on the ring's post too.
const KEPT: f64 = 0.8;
/// Copied votes are this far from the vote they copy, on average.
const APART_MS: f64 = 20_000.0;
/// Votes of one sitting at most.
const SITTING: usize = 12;
/// Votes further apart than this are of two sittings.
const PAUSE: i64 = 30 * MINUTE;
/// Of the members by number of votes, the lower share that is no use to a ring.
const IDLE: f64 = 0.3;
/// Of the board's votes, the share by whose end the last account of a ring that grows has joined.
const JOINED: f64 = 0.6;

/// A board with a ring.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The board.
    pub board: Board,
    /// The ring's members, ascending.
    pub ring: Vec<MemberId>,
    /// Outsiders who were paid, ascending.
    pub bribed: Vec<MemberId>,
}

impl Planted {
    /// The pseudonyms of the ring's members.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.ring
            .iter()
            .map(|member| self.board.member_name(*member))
    }
}

/// Plants a ring.
///
/// # Errors
/// [`RingError`], if the ring can't be, or not on this board.
pub fn plant(board: &Board, ring: &Ring, seed: u64) -> Result<Planted, RingError> {
    ring.check()?;
    if board.votes().is_empty() || board.posts() == 0 {
        return Err(RingError::NoVotes);
    }
    let mut planter = Planter {
        rng: generator(seed, b"ring"),
        old: board,
        ring,
        script: Script::of(board),
        accounts: Vec::new(),
        bribed: Vec::new(),
        posts: Vec::new(),
    };
    planter.choose_accounts()?;
    planter.write_posts();
    let planned = planter.plan();
    planter.camouflage(&planned);
    if !ring.sham {
        planter.vote(&planned);
    }
    planter.finish()
}

struct Account {
    member: MemberId,
    joined_ms: i64,
}

/// One vote that the ring has decided on: on its post number `post`, by its account, or by somebody paid.
struct Planned {
    post: usize,
    voter: MemberId,
    joined_ms: i64,
    stance: Stance,
}

struct Planter<'a> {
    rng: ChaCha8Rng,
    old: &'a Board,
    ring: &'a Ring,
    script: Script,
    accounts: Vec<Account>,
    bribed: Vec<MemberId>,
    /// The ring's posts.
    posts: Vec<PostId>,
}

impl Planter<'_> {
    fn choose_accounts(&mut self) -> Result<(), RingError> {
        let sleepers = match self.ring.accounts {
            Accounts::New => 0,
            Accounts::Sleepers => self.ring.size,
            Accounts::Mixed => self.ring.size / 2,
        };
        let mut useful = useful(self.old);
        let needed = sleepers + self.ring.bribed;
        if useful.len() < needed {
            let found = useful.len();
            return Err(RingError::Members { found, needed });
        }
        useful.shuffle(&mut self.rng);
        let mut members: Vec<MemberId> = useful.drain(..sleepers).collect();
        self.bribed = useful.drain(..self.ring.bribed).collect();
        while members.len() < self.ring.size {
            members.push(MemberId(self.script.members.len() as u32));
            self.script.members.push(pseudonym(&mut self.rng));
        }
        members.shuffle(&mut self.rng);
        let votes = self.old.votes();
        for (place, member) in members.into_iter().enumerate() {
            let passed = JOINED * place as f64 / self.ring.size as f64 * votes.len() as f64;
            let joined_ms = match self.ring.joining {
                Joining::AtOnce => i64::MIN,
                Joining::OverTime => votes.get(passed as usize).map_or(i64::MIN, |v| v.at_ms),
            };
            self.accounts.push(Account { member, joined_ms });
        }
        Ok(())
    }

    /// Each account's posts, with an audience each.
    fn write_posts(&mut self) {
        let inside: HashSet<MemberId> = self.accounts.iter().map(|a| a.member).collect();
        let authors: Vec<(MemberId, i64)> = {
            let accounts = self.accounts.iter();
            accounts.map(|a| (a.member, a.joined_ms)).collect()
        };
        let last = PostId(self.old.posts() as u32 - 1);
        for (author, joined_ms) in authors {
            // Posts stand in the order of time: those after joining are the end of the list.
            let late = (0..self.old.posts() as u32).map(PostId);
            let late: Vec<PostId> = late
                .filter(|p| self.old.post(*p).at_ms >= joined_ms)
                .collect();
            for _ in 0..self.ring.posts_each {
                let source = late.choose(&mut self.rng).copied().unwrap_or(last);
                self.write_post(author, source, &inside);
            }
        }
    }

    fn write_post(&mut self, author: MemberId, source: PostId, inside: &HashSet<MemberId>) {
        let post = PostId(self.script.posts.len() as u32);
        let at_ms = self.old.post(source).at_ms + exponential(&mut self.rng, APART_MS) as i64;
        self.script.posts.push(Written {
            name: pseudonym(&mut self.rng),
            author,
            at_ms,
        });
        self.posts.push(post);
        for vote in self.old.votes_on(source) {
            let against =
                vote.stance != Stance::Up && !self.ring.sham && inside.contains(&vote.member);
            if vote.member == author || against || !self.rng.random_bool(KEPT) {
                continue;
            }
            let later = exponential(&mut self.rng, APART_MS) as i64;
            self.script.votes.push(Vote {
                at_ms: vote.at_ms.max(at_ms) + later,
                post,
                ..*vote
            });
        }
    }

    /// Who votes on which of the ring's posts. A post's authors are in turn, `posts_each` times.
    fn plan(&mut self) -> Vec<Planned> {
        let mut planned = Vec::new();
        let size = self.accounts.len();
        let turn = (self.ring.share * (size - 1) as f64).round() as usize;
        let turn = if self.ring.share > 0.0 {
            turn.max(1)
        } else {
            0
        };
        // The rota of each author goes on where it ended for its last post.
        for post in 0..self.posts.len() {
            let author = post / self.ring.posts_each;
            let round = post % self.ring.posts_each;
            for step in 1..size {
                let votes = match self.ring.rotation {
                    Rotation::Chance => self.rng.random_bool(self.ring.share),
                    Rotation::Rota => {
                        (step + size - 1 - (author + round * turn) % (size - 1)) % (size - 1) < turn
                    }
                };
                let feint = !votes && self.rng.random_bool(self.ring.feints);
                if let (true, Some(account)) =
                    (votes || feint, self.accounts.get((author + step) % size))
                {
                    planned.push(Planned {
                        post,
                        voter: account.member,
                        joined_ms: account.joined_ms,
                        stance: if votes { Stance::Up } else { Stance::Pass },
                    });
                }
            }
            for voter in &self.bribed {
                if self.rng.random_bool(self.ring.share) {
                    planned.push(Planned {
                        post,
                        voter: *voter,
                        joined_ms: i64::MIN,
                        stance: Stance::Up,
                    });
                }
            }
        }
        planned
    }

    /// Votes that look honest, as many as the ring's votes need beside them; a sleeper's past counts.
    fn camouflage(&mut self, planned: &[Planned]) {
        let honest = Sittings::of(&self.script);
        let accounts: Vec<(MemberId, i64)> = {
            let accounts = self.accounts.iter();
            accounts.map(|a| (a.member, a.joined_ms)).collect()
        };
        let inside: HashSet<MemberId> = accounts.iter().map(|(member, _)| *member).collect();
        let sham = self.ring.sham;
        for (member, joined_ms) in accounts {
            let votes = planned.iter().filter(|p| p.stance == Stance::Up);
            let ring = votes.filter(|p| p.voter == member).count() as f64;
            let share = self.ring.camouflage;
            let beside = if self.ring.sham {
                ring / (1.0 - share)
            } else {
                ring * share / (1.0 - share)
            };
            let mut voted: HashSet<PostId> = {
                let own = self.script.votes.iter().filter(|v| v.member == member);
                own.map(|v| v.post).collect()
            };
            let wanted = beside.round() as usize;
            // On a small board there may not be as many posts as it wants to vote on.
            for _ in 0..4 * wanted + 8 {
                if voted.len() >= wanted {
                    break;
                }
                let offset = self.rng.random_range(30 * SECOND..15 * MINUTE);
                for vote in honest.draw(&mut self.rng) {
                    let post = self.script.posts.get(vote.post.at());
                    // To vote for each other is no camouflage; who is no ring does so now and then.
                    let own = post
                        .is_none_or(|p| p.author == member || !sham && inside.contains(&p.author));
                    let early = vote.at_ms < joined_ms;
                    if own || early || voted.len() >= wanted || !voted.insert(vote.post) {
                        continue;
                    }
                    let at_ms = vote.at_ms + offset;
                    self.script.votes.push(Vote {
                        at_ms,
                        member,
                        ..*vote
                    });
                }
            }
        }
    }

    /// The ring's votes. One on a post that the voter had voted on takes the earlier one's place.
    fn vote(&mut self, planned: &[Planned]) {
        let times = Times::of(&self.script, planned, &self.posts);
        let mut cast: Vec<Vote> = Vec::with_capacity(planned.len());
        for same in planned.chunk_by(|a, b| a.post == b.post) {
            let Some(post) = same.first().and_then(|p| self.posts.get(p.post)).copied() else {
                continue;
            };
            let start = self.moment(&times, post);
            for vote in same {
                let within = |rng: &mut ChaCha8Rng, width: i64| start + rng.random_range(0..width);
                let synchrony = match vote.stance {
                    Stance::Up => self.ring.synchrony,
                    _ => Synchrony::Organic,
                };
                let at_ms = match synchrony {
                    Synchrony::Minute => within(&mut self.rng, MINUTE),
                    Synchrony::TenMinutes => within(&mut self.rng, 10 * MINUTE),
                    Synchrony::Organic => self.own_moment(&times, vote, post),
                };
                // Whoever hasn't joined yet comes when it has.
                let at_ms = match vote.joined_ms {
                    joined_ms if at_ms < joined_ms => joined_ms + self.rng.random_range(0..HOUR),
                    _ => at_ms,
                };
                cast.push(Vote {
                    at_ms,
                    member: vote.voter,
                    post,
                    stance: vote.stance,
                });
            }
        }
        let taken: HashSet<(MemberId, PostId)> = cast.iter().map(|v| (v.member, v.post)).collect();
        self.script
            .votes
            .retain(|v| !taken.contains(&(v.member, v.post)));
        self.script.votes.extend(cast);
    }

    /// A moment at which somebody votes on a post, or anywhere after it was written.
    fn moment(&mut self, times: &Times, post: PostId) -> i64 {
        let written = self.written(post);
        let on_it = times.on.get(&post).map_or(&[][..], Vec::as_slice);
        let near = on_it.choose(&mut self.rng).copied().or_else(|| {
            let after = self.old.votes().partition_point(|v| v.at_ms <= written);
            let rest = self.old.votes().get(after..).unwrap_or_default();
            rest.choose(&mut self.rng).map(|v| v.at_ms)
        });
        near.unwrap_or(written + self.rng.random_range(0..HOUR)) + SECOND
    }

    /// A moment of the voter's own: beside one of its other votes after the post was written, or any.
    fn own_moment(&mut self, times: &Times, vote: &Planned, post: PostId) -> i64 {
        let written = self.written(post);
        let own = times.by.get(&vote.voter).map_or(&[][..], Vec::as_slice);
        let after = own
            .get(own.partition_point(|t| *t <= written)..)
            .unwrap_or_default();
        match after.choose(&mut self.rng).copied() {
            Some(at_ms) => at_ms + exponential(&mut self.rng, APART_MS) as i64,
            None => self.moment(times, post),
        }
    }

    fn written(&self, post: PostId) -> i64 {
        self.script.posts.get(post.at()).map_or(0, |p| p.at_ms)
    }

    fn finish(self) -> Result<Planted, RingError> {
        let board = self.script.board().ok_or(RingError::NoVotes)?;
        let numbers: HashMap<&str, MemberId> = {
            let all = (0..board.members() as u32).map(MemberId);
            all.map(|m| (board.member_name(m), m)).collect()
        };
        let found = |members: &mut dyn Iterator<Item = MemberId>| {
            let names = members.filter_map(|m| self.script.members.get(m.at()));
            let mut found: Vec<MemberId> =
                names.filter_map(|n| numbers.get(&**n).copied()).collect();
            found.sort_unstable();
            found
        };
        let ring = found(&mut self.accounts.iter().map(|a| a.member));
        let bribed = found(&mut self.bribed.iter().copied());
        Ok(Planted {
            board,
            ring,
            bribed,
        })
    }
}

/// When the ring's voters vote anyhow, and when others vote on the ring's posts; ascending.
struct Times {
    by: HashMap<MemberId, Vec<i64>>,
    on: HashMap<PostId, Vec<i64>>,
}

impl Times {
    fn of(script: &Script, planned: &[Planned], posts: &[PostId]) -> Self {
        let mut by: HashMap<MemberId, Vec<i64>> =
            planned.iter().map(|p| (p.voter, Vec::new())).collect();
        let mut on: HashMap<PostId, Vec<i64>> = posts.iter().map(|p| (*p, Vec::new())).collect();
        for vote in &script.votes {
            if let Some(own) = by.get_mut(&vote.member) {
                own.push(vote.at_ms);
            }
            if let Some(times) = on.get_mut(&vote.post) {
                times.push(vote.at_ms);
            }
        }
        by.values_mut()
            .chain(on.values_mut())
            .for_each(|times| times.sort_unstable());
        Self { by, on }
    }
}

/// Members with more votes than the idle.
fn useful(board: &Board) -> Vec<MemberId> {
    let members = (0..board.members() as u32).map(MemberId);
    let mut active: Vec<(usize, MemberId)> = members
        .map(|m| (board.votes_of(m).len(), m))
        .filter(|(votes, _)| *votes > 0)
        .collect();
    active.sort_unstable();
    let idle = (IDLE * active.len() as f64) as usize;
    let mut useful: Vec<MemberId> = active.into_iter().skip(idle).map(|(_, m)| m).collect();
    useful.sort_unstable();
    useful
}

/// Honest votes, each member's in the order of time.
struct Sittings(Vec<Vote>);

impl Sittings {
    fn of(script: &Script) -> Self {
        let mut votes = script.votes.clone();
        votes.sort_unstable_by_key(|v| (v.member, v.at_ms, v.post));
        Self(votes)
    }

    /// Votes that one member cast in a row, from a random vote on.
    fn draw(&self, rng: &mut ChaCha8Rng) -> &[Vote] {
        if self.0.is_empty() {
            return &[];
        }
        let start = rng.random_range(0..self.0.len());
        let from = self.0.get(start..).unwrap_or_default();
        let mut rows = from.chunk_by(|a, b| a.member == b.member && b.at_ms - a.at_ms < PAUSE);
        let row = rows.next().unwrap_or_default();
        row.get(..SITTING).unwrap_or(row)
    }
}

#[cfg(test)]
#[path = "plant_tests.rs"]
mod tests;
