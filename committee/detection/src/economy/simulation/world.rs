//! One board with one ring, played to its end: who votes, what is found in each window, who earns what and
//! who loses it.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;

use super::Plan;
use super::cells::{Cell, Posts};
use crate::economy::windows::{cut, pseudonym};
use crate::economy::{Books, Layers, Priced, Run, Window, records};
use crate::epochs::{Epoch, epochs};
use crate::policy::bars;
use crate::policy::inputs::{PassRate, Pseudonym, Quality};
use crate::policy::strikes::{Record, Units};
use crate::simulate::behaviour::Behaviour;
use crate::simulate::plant::{Planted, plant};
use crate::simulate::population::Synthetic;
use crate::simulate::ring::RingError;
use crate::simulate::{Script, generator, normal};
use crate::votes::{Board, MemberId, PostId, Stance};

/// How good junk is, where posts have a mean of 0 and a deviation of 1.
const JUNK: (f64, f64) = (-1.5, 0.7);
/// Of the voters of a post of middling quality, the share that comes upon junk: by the model of
/// [`reading`](crate::simulate::population), `σ(-1.5)` over `σ(0)`.
const JUNK_SEEN: f64 = 0.36;
/// Of these, the share of supporters that doesn't support it after all.
const JUNK_DISLIKED: f64 = 0.4;
/// How far a measure of quality is off, on the scale of [`JUNK`].
const MEASURED_WITHIN: f64 = 0.7;
/// The share of its proofs of attention that an honest member passes; a ring's member, who votes by a list;
/// and a program. Means, each member within [`PASSES_WITHIN`] of it.
const PASSES: (f64, f64, f64) = (0.9, 0.6, 0.0);
const PASSES_WITHIN: f64 = 0.1;

/// What happened on one board.
#[derive(Debug, Clone)]
pub struct Played {
    /// The ring's part; nobody, if there is no ring.
    pub ring: Run,
    /// Of the ring's members, how many had a strike.
    pub struck: usize,
    /// Strikes against the ring.
    pub ring_strikes: u64,
    /// Strikes against outsiders whom it paid.
    pub bribed_strikes: u64,
    /// Everybody else, by behaviour.
    pub honest: BTreeMap<Behaviour, Honest>,
}

/// What happened to honest members of one behaviour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Honest {
    /// Members times windows in which they voted and could be judged.
    pub member_epochs: u64,
    /// Of these, those in which the member was suspected, so that its votes counted less.
    pub discounted: u64,
    /// Strikes.
    pub strikes: u64,
    /// What they vouched with.
    pub stakes: u128,
    /// What was taken of it.
    pub stakes_lost: u128,
    /// What their posts earned without any defence.
    pub rewards: u128,
    /// With the discount alone.
    pub rewards_discounted: u128,
    /// With the allowance alone.
    pub rewards_allowed: u128,
}

impl Honest {
    /// The share of their rewards that isn't among those that a defence left; none without rewards.
    pub fn taken(&self, left: u128) -> Option<f64> {
        let taken = self.rewards.saturating_sub(left);
        (self.rewards > 0).then(|| taken as f64 / self.rewards as f64)
    }

    /// Takes in what happened to others, or in other windows.
    pub fn add(&mut self, more: &Self) {
        self.member_epochs += more.member_epochs;
        self.discounted += more.discounted;
        self.strikes += more.strikes;
        self.stakes += more.stakes;
        self.stakes_lost += more.stakes_lost;
        self.rewards += more.rewards;
        self.rewards_discounted += more.rewards_discounted;
        self.rewards_allowed += more.rewards_allowed;
    }
}

/// A board with a ring, and what is found on it in each window.
pub struct Staged {
    /// The board, its ring, and whom the ring paid.
    pub planted: Planted,
    /// What was found.
    pub epochs: Vec<Epoch>,
    measures: Measures,
}

/// Plants a cell's ring on the board of one seed, and looks for it; without a cell, nobody cheats.
///
/// # Errors
/// [`RingError`], if the ring can't be planted.
pub fn stage(
    plan: &Plan,
    made: &Synthetic,
    cell: Option<&Cell>,
    seed: u64,
) -> Result<Staged, RingError> {
    let board = made.board().ok_or(RingError::NoVotes)?;
    let planted = match cell {
        Some(cell) => disliked(plant(&board, &cell.ring, seed)?, made, cell.posts, seed)?,
        None => Planted {
            board,
            ring: Vec::new(),
            bribed: Vec::new(),
        },
    };
    let measures = Measures::of(&planted, made, cell.map_or(Posts::Good, |c| c.posts), seed);
    let quality = |board: &Board, post: PostId| measures.quality(board, post);
    let found = epochs(&planted.board, plan.terms.window_ms, Some(&quality));
    Ok(Staged {
        epochs: found.unwrap_or_default(),
        planted,
        measures,
    })
}

/// Plays one cell on the board of one seed.
///
/// # Errors
/// [`RingError`], if the ring can't be planted.
pub fn play(
    plan: &Plan,
    made: &Synthetic,
    cell: Option<&Cell>,
    seed: u64,
) -> Result<Played, RingError> {
    let staged = stage(plan, made, cell, seed)?;
    let world = World {
        plan,
        planted: &staged.planted,
        measured: &staged.measures,
        found: &staged.epochs,
    };
    Ok(world.books(made))
}

struct World<'a> {
    plan: &'a Plan,
    planted: &'a Planted,
    measured: &'a Measures,
    found: &'a [Epoch],
}

impl World<'_> {
    fn books(&self, made: &Synthetic) -> Played {
        let board = &self.planted.board;
        let ring: BTreeSet<MemberId> = self.planted.ring.iter().copied().collect();
        let bribed: BTreeSet<MemberId> = self.planted.bribed.iter().copied().collect();
        let run = self.run(&ring);
        let mut groups: BTreeMap<Behaviour, BTreeSet<MemberId>> = BTreeMap::new();
        for member in (0..board.members() as u32).map(MemberId) {
            if let Some(behaviour) = made.behaviour(board, member)
                && !ring.contains(&member)
                && !bribed.contains(&member)
            {
                groups.entry(behaviour).or_default().insert(member);
            }
        }
        let voted: Vec<BTreeSet<&str>> = self.found.iter().map(voters).collect();
        let honest = groups
            .into_iter()
            .map(|(behaviour, members)| (behaviour, self.honest(&members, &voted)));
        let (ring_strikes, struck) = self.strikes(&run);
        Played {
            struck,
            ring_strikes,
            bribed_strikes: self.strikes(&self.run(&bribed)).0,
            honest: honest.collect(),
            ring: run,
        }
    }

    /// A group's windows, with what was found in them.
    fn run(&self, group: &BTreeSet<MemberId>) -> Run {
        let board = &self.planted.board;
        let quality = |post: PostId| self.measured.quality(board, post);
        let attention = |member: MemberId| self.measured.attention(board, member);
        let windows = cut(board, group, self.plan.terms.window_ms, quality, attention);
        let members = group.iter().map(|m| pseudonym(board, *m)).collect();
        let mut windows = windows.unwrap_or_default();
        let paid: BTreeSet<Pseudonym> = {
            let bribed = self.planted.bribed.iter();
            bribed.map(|m| pseudonym(board, *m)).collect()
        };
        let is_ring = group.iter().eq(self.planted.ring.iter());
        for (window, epoch) in windows.iter_mut().zip(self.found) {
            window.structure.clone_from(&epoch.structure);
            window.findings.clone_from(&epoch.findings);
            if is_ring {
                window.extra_cost = self.bribes(window, &paid);
            }
        }
        Run { members, windows }
    }

    /// What the votes of those who were paid cost in a window.
    fn bribes(&self, window: &Window, paid: &BTreeSet<Pseudonym>) -> Units {
        let votes = window.posts.iter().flat_map(|post| &post.votes);
        let bought = votes.filter(|(voter, _)| paid.contains(voter)).count() as u64;
        Units(bought.saturating_mul(self.plan.bribe.0))
    }

    fn strikes(&self, run: &Run) -> (u64, usize) {
        let records = records(&run.members, &run.windows, &self.plan.terms, Layers::ALL);
        let strikes: Vec<usize> = records.iter().map(Record::strikes).collect();
        let struck = strikes.iter().filter(|s| **s > 0).count();
        (strikes.iter().sum::<usize>() as u64, struck)
    }

    fn honest(&self, group: &BTreeSet<MemberId>, voted: &[BTreeSet<&str>]) -> Honest {
        let run = self.run(group);
        let (mut priced, terms) = (Priced::of(&run), &self.plan.terms);
        let all: Books = priced.fare(terms, Layers::ALL);
        let discount = Layers {
            discount: true,
            ..Layers::NONE
        };
        let allowance = Layers {
            allowance: true,
            ..Layers::NONE
        };
        let mut honest = Honest {
            strikes: all.strikes,
            stakes: all.stakes,
            stakes_lost: all.stakes_lost,
            rewards: priced.fare(terms, Layers::NONE).rewards,
            rewards_discounted: priced.fare(terms, discount).rewards,
            rewards_allowed: priced.fare(terms, allowance).rewards,
            ..Honest::default()
        };
        let judged = self.found.iter().zip(voted);
        for (epoch, voted) in judged.filter(|(epoch, _)| epoch.enough.is_ok()) {
            let suspected: BTreeSet<&Pseudonym> = epoch
                .structure
                .iter()
                .filter(|s| bars::DISCOUNT.is_met(s.score, s.p_value))
                .map(|s| &s.member)
                .filter(|m| run.members.contains(*m))
                .collect();
            let board = &self.planted.board;
            let here = group
                .iter()
                .filter(|m| voted.contains(board.member_name(**m)));
            for member in here {
                honest.member_epochs += 1;
                let is_suspected =
                    !suspected.is_empty() && suspected.contains(&pseudonym(board, *member));
                honest.discounted += u64::from(is_suspected);
            }
        }
        honest
    }
}

/// Who cast a vote in a window.
fn voters(epoch: &Epoch) -> BTreeSet<&str> {
    let Some(board) = &epoch.board else {
        return BTreeSet::new();
    };
    let members = (0..board.members() as u32).map(MemberId);
    let voted = members.filter(|m| board.votes_of(*m).next().is_some());
    voted.map(|m| board.member_name(m)).collect()
}

/// Takes away those who don't come upon junk, and the support of those who don't like it.
fn disliked(
    planted: Planted,
    made: &Synthetic,
    posts: Posts,
    seed: u64,
) -> Result<Planted, RingError> {
    if posts == Posts::Good {
        return Ok(planted);
    }
    let mut rng = generator(seed, b"junk");
    let old = &planted.board;
    let agreed: BTreeSet<MemberId> = planted
        .ring
        .iter()
        .chain(&planted.bribed)
        .copied()
        .collect();
    let mut script = Script::of(old);
    script.votes.retain_mut(|vote| {
        let junk = !made.qualities.contains_key(old.post_name(vote.post));
        if !junk || agreed.contains(&vote.member) {
            return true;
        }
        if vote.stance == Stance::Up && rng.random_bool(JUNK_DISLIKED) {
            vote.stance = Stance::Down;
        }
        rng.random_bool(JUNK_SEEN)
    });
    let board = script.board().ok_or(RingError::NoVotes)?;
    let numbers: BTreeMap<&str, MemberId> = {
        let members = (0..board.members() as u32).map(MemberId);
        members.map(|m| (board.member_name(m), m)).collect()
    };
    let found = |members: &[MemberId]| {
        let names = members.iter().map(|m| old.member_name(*m));
        let mut found: Vec<MemberId> = names.filter_map(|n| numbers.get(n).copied()).collect();
        found.sort_unstable();
        found
    };
    Ok(Planted {
        ring: found(&planted.ring),
        bribed: found(&planted.bribed),
        board,
    })
}

/// What is supplied from outside: quality by post, attention by member.
struct Measures {
    quality: BTreeMap<Box<str>, Quality>,
    attention: BTreeMap<Box<str>, PassRate>,
}

impl Measures {
    fn of(planted: &Planted, made: &Synthetic, posts: Posts, seed: u64) -> Self {
        let mut rng = generator(seed, b"measures");
        let board = &planted.board;
        let quality = (0..board.posts() as u32).map(|post| {
            let name = board.post_name(PostId(post));
            let (mean, deviation) = match posts {
                Posts::Junk => JUNK,
                Posts::Good => (0.0, 1.0),
            };
            let own = mean + deviation * normal(&mut rng);
            let quality = made.qualities.get(name).copied().unwrap_or(own);
            let measured = quality + MEASURED_WITHIN * normal(&mut rng);
            let measured = 1.0 / (1.0 + (-measured).exp());
            (name.into(), Quality::new(measured).unwrap_or(Quality::ZERO))
        });
        let quality = quality.collect();
        let attention = (0..board.members() as u32).map(MemberId).map(|member| {
            let (honest, ring, program) = PASSES;
            let mean = match made.behaviour(board, member) {
                _ if planted.ring.binary_search(&member).is_ok() => ring,
                Some(Behaviour::ScheduledBot) => program,
                _ => honest,
            };
            let rate = mean + PASSES_WITHIN * (2.0 * rng.random::<f64>() - 1.0);
            let rate = PassRate::new(rate.clamp(0.0, 1.0)).unwrap_or(PassRate::ZERO);
            (board.member_name(member).into(), rate)
        });
        let attention = attention.collect();
        Self { quality, attention }
    }

    fn quality(&self, board: &Board, post: PostId) -> Quality {
        let known = self.quality.get(board.post_name(post));
        known.copied().unwrap_or(Quality::ZERO)
    }

    fn attention(&self, board: &Board, member: MemberId) -> PassRate {
        let known = self.attention.get(board.member_name(member));
        known.copied().unwrap_or(PassRate::ZERO)
    }
}
