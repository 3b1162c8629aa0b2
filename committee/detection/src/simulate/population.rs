//! Boards with honest members only, of every [`Behaviour`].
//!
//! A member has a taste (a point in [`TASTES`] dimensions), an hour of the day, and a pace drawn from a heavy
//! tail; it comes in sittings and reads what is recent. A post has a quality and a subject near its author's
//! taste. A vote follows both, as in the random utility models of ideal points (Poole and Rosenthal: "A
//! spatial model for legislative roll call analysis", American Journal of Political Science 29, 1985).

use std::collections::{BTreeMap, HashMap};

use chacha20::ChaCha8Rng;
use rand::RngExt;

use super::behaviour::Behaviour;
use super::{DAY, HOUR, MINUTE, Script, Written, generator, normal, poisson, pseudonym};
use crate::votes::{Board, MemberId, Stance};

/// Dimensions of taste; in the first the parties differ.
pub const TASTES: usize = 4;
/// Boards begin on Monday, 5 January 2026, 00:00 UTC.
pub const START_MS: i64 = 1_767_571_200_000;
/// Posts that everybody talks of on the viral day.
pub(super) const VIRAL: usize = 3;

/// So many groups of so many members each that behave one way. A casual group is no more than a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Groups {
    /// How they behave.
    pub behaviour: Behaviour,
    /// How many groups.
    pub groups: usize,
    /// Members of each.
    pub size: usize,
}

/// What a board is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    /// The table's name for it.
    pub name: String,
    /// Who.
    pub mix: Vec<Groups>,
    /// For how long.
    pub days: u32,
    /// How much members of a niche keep to it, 0 to 1: of what they read, the share from within. What of it
    /// others come upon is less by the square of the rest.
    pub insular: f64,
    /// Whether one can only vote for a post, or else not vote.
    pub only_up: bool,
}

impl Population {
    /// Some 400 members of every behaviour, for four weeks.
    pub fn mixed() -> Self {
        let groups = |behaviour, groups, size| Groups {
            behaviour,
            groups,
            size,
        };
        Self {
            name: "mixed".into(),
            mix: vec![
                groups(Behaviour::Casual, 1, 140),
                groups(Behaviour::Expert, 1, 15),
                groups(Behaviour::FanClub, 2, 20),
                groups(Behaviour::LocalNiche, 3, 12),
                groups(Behaviour::PartyLine, 2, 40),
                groups(Behaviour::DigestReader, 1, 30),
                groups(Behaviour::NewcomerCohort, 2, 15),
                groups(Behaviour::ViralDay, 1, 40),
                groups(Behaviour::ScheduledBot, 1, 3),
            ],
            days: 28,
            insular: 0.7,
            only_up: false,
        }
    }

    /// The same, with niches that are less of a world of their own.
    pub fn open() -> Self {
        Self {
            name: "open".into(),
            insular: 0.35,
            ..Self::mixed()
        }
    }

    /// The same as [`mixed`](Self::mixed) with votes for posts and no others, as many boards have it: whoever
    /// doesn't like a post says nothing.
    pub fn only_up() -> Self {
        Self {
            name: "upvotes only".into(),
            only_up: true,
            ..Self::mixed()
        }
    }

    /// The same with niches of fourteen that hardly read anything else: where nobody can disagree, what most
    /// looks like a ring.
    pub fn only_up_closed() -> Self {
        let mut closed = Self {
            name: "upvotes only and closed niches".into(),
            insular: 0.9,
            ..Self::only_up()
        };
        for groups in &mut closed.mix {
            if groups.behaviour == Behaviour::LocalNiche {
                groups.size = 14;
            }
        }
        closed
    }

    /// Casual members and experts only.
    pub fn plain(members: usize, days: u32) -> Self {
        let experts = members / 12;
        let groups = |behaviour, size| Groups {
            behaviour,
            groups: 1,
            size,
        };
        Self {
            name: format!("plain{members}"),
            mix: vec![
                groups(Behaviour::Casual, members - experts),
                groups(Behaviour::Expert, experts),
            ],
            days,
            insular: 0.0,
            only_up: false,
        }
    }

    /// Makes the board.
    pub fn board(&self, seed: u64) -> Synthetic {
        let mut maker = Maker {
            rng: generator(seed, b"population"),
            insular: self.insular,
            days: i64::from(self.days),
            people: Vec::new(),
            posts: Vec::new(),
            niches: HashMap::new(),
            favourites: HashMap::new(),
            viral: Vec::new(),
            viral_ms: 0,
        };
        maker.people(&self.mix);
        maker.posts();
        let mut votes = maker.votes();
        if self.only_up {
            votes.retain(|vote| vote.stance == Stance::Up);
        }
        let script = Script {
            name: format!("{}-{seed}", self.name).into(),
            members: maker.people.iter().map(|p| p.name.clone()).collect(),
            posts: maker.posts.iter().map(|p| p.written.clone()).collect(),
            votes,
        };
        let behaviours = maker.people.iter().map(|p| (p.name.clone(), p.behaviour));
        let qualities = maker
            .posts
            .iter()
            .map(|p| (p.written.name.clone(), p.quality));
        Synthetic {
            behaviours: behaviours.collect(),
            qualities: qualities.collect(),
            script,
        }
    }
}

/// A board that was made up, and how its members behave.
#[derive(Debug, Clone, PartialEq)]
pub struct Synthetic {
    /// The votes.
    pub script: Script,
    /// By pseudonym.
    pub behaviours: BTreeMap<Box<str>, Behaviour>,
    /// By post, how good it is: normal, with mean 0 for most authors.
    pub qualities: BTreeMap<Box<str>, f64>,
}

impl Synthetic {
    /// As a reader of its rows has it; `None` without posts.
    pub fn board(&self) -> Option<Board> {
        self.script.board()
    }

    /// How a member of a board made from these rows behaves, if it is one of these.
    pub fn behaviour(&self, board: &Board, member: MemberId) -> Option<Behaviour> {
        self.behaviours.get(board.member_name(member)).copied()
    }
}

pub(super) struct Person {
    pub(super) name: Box<str>,
    pub(super) behaviour: Behaviour,
    pub(super) group: usize,
    pub(super) taste: [f64; TASTES],
    /// Where in the day it mostly comes, milliseconds after midnight.
    pub(super) hour: i64,
    pub(super) pace: f64,
    pub(super) joined_ms: i64,
}

pub(super) struct Draft {
    pub(super) written: Written,
    pub(super) quality: f64,
    pub(super) subject: [f64; TASTES],
    /// Read by this niche only.
    pub(super) niche: Option<usize>,
}

pub(super) struct Maker {
    pub(super) rng: ChaCha8Rng,
    pub(super) insular: f64,
    pub(super) days: i64,
    pub(super) people: Vec<Person>,
    /// In the order of time.
    pub(super) posts: Vec<Draft>,
    /// Of each niche and each cohort, its members' posts; ascending.
    pub(super) niches: HashMap<(Behaviour, usize), Vec<u32>>,
    /// Of each fan club, the posts that it waits for.
    pub(super) favourites: HashMap<usize, Vec<u32>>,
    /// What everybody talks of for a day.
    pub(super) viral: Vec<u32>,
    /// From when on.
    pub(super) viral_ms: i64,
}

impl Maker {
    fn people(&mut self, mix: &[Groups]) {
        for groups in mix {
            for group in 0..groups.groups {
                let joined_ms = match groups.behaviour {
                    Behaviour::NewcomerCohort => {
                        let day = self
                            .rng
                            .random_range(self.days / 4..(self.days / 2).max(self.days / 4 + 1));
                        START_MS + day * DAY + self.rng.random_range(9..18) * HOUR
                    }
                    _ => START_MS,
                };
                for _ in 0..groups.size {
                    self.person(groups.behaviour, group, joined_ms);
                }
                if groups.behaviour == Behaviour::FanClub {
                    self.person(Behaviour::Favourite, group, joined_ms);
                }
            }
        }
    }

    fn person(&mut self, behaviour: Behaviour, group: usize, joined_ms: i64) {
        let rng = &mut self.rng;
        let mut taste = [(); TASTES].map(|()| 0.7 * normal(rng));
        if behaviour == Behaviour::PartyLine {
            let side = if group.is_multiple_of(2) { 1.8 } else { -1.8 };
            taste = taste.map(|t| 0.6 * t);
            taste[0] += side;
        }
        // Most come in the evening, some at any hour.
        let hour = 19 * HOUR + (3.0 * normal(rng) * HOUR as f64) as i64;
        self.people.push(Person {
            name: pseudonym(rng),
            behaviour,
            group,
            taste,
            hour: hour.rem_euclid(DAY),
            // Log-normal, with mean 1.
            pace: (0.9 * normal(rng) - 0.405).exp(),
            joined_ms,
        });
    }

    /// A time on a day, around a person's hour.
    pub(super) fn moment(&mut self, day: i64, hour: i64) -> i64 {
        let around = hour + (1.5 * normal(&mut self.rng) * HOUR as f64) as i64;
        START_MS + day * DAY + around.rem_euclid(DAY)
    }

    fn posts(&mut self) {
        for author in 0..self.people.len() {
            let Some(person) = self.people.get(author) else {
                continue;
            };
            let (behaviour, group, joined_ms) = (person.behaviour, person.group, person.joined_ms);
            let (hour, taste, pace) = (person.hour, person.taste, person.pace);
            let weeks = (START_MS + self.days * DAY - joined_ms) as f64 / (7 * DAY) as f64;
            let mut times = Vec::new();
            if behaviour == Behaviour::NewcomerCohort {
                // "Hello, I am new here."
                times.push(joined_ms + self.rng.random_range(0..40 * MINUTE));
            }
            let pace = if behaviour == Behaviour::Favourite {
                1.0
            } else {
                pace
            };
            for _ in 0..poisson(
                &mut self.rng,
                behaviour.habits().posts_per_week * weeks * pace,
            ) {
                let day = self
                    .rng
                    .random_range((joined_ms - START_MS) / DAY..self.days);
                times.push(self.moment(day, hour).max(joined_ms));
            }
            let gift = match behaviour {
                Behaviour::Favourite => 0.8,
                Behaviour::Expert => 0.5,
                _ => 0.0,
            };
            for at_ms in times {
                let rng = &mut self.rng;
                let niche = behaviour == Behaviour::LocalNiche && rng.random_bool(0.9);
                self.posts.push(Draft {
                    written: Written {
                        name: pseudonym(rng),
                        author: MemberId(author as u32),
                        at_ms,
                    },
                    quality: gift + normal(rng),
                    subject: taste.map(|t| 0.7 * t + 0.5 * normal(rng)),
                    niche: niche.then_some(group),
                });
            }
        }
        self.posts
            .sort_by_key(|p| (p.written.at_ms, p.written.author));
        for (place, post) in (0..).zip(&self.posts) {
            let Some(author) = self.people.get(post.written.author.at()) else {
                continue;
            };
            match (author.behaviour, post.niche) {
                (Behaviour::LocalNiche, None) => {}
                (Behaviour::Favourite, _) => {
                    self.favourites.entry(author.group).or_default().push(place)
                }
                (Behaviour::LocalNiche | Behaviour::NewcomerCohort, _) => {
                    let key = (author.behaviour, author.group);
                    self.niches.entry(key).or_default().push(place);
                }
                _ => {}
            }
        }
        self.viral_ms = START_MS + self.days * 3 / 5 * DAY + 9 * HOUR;
        let day = self.viral_ms - DAY..self.viral_ms;
        let talked_of = |p: &Draft| p.niche.is_none() && day.contains(&p.written.at_ms);
        let mut best: Vec<(u32, f64)> = (0..)
            .zip(&self.posts)
            .filter(|(_, p)| talked_of(p))
            .map(|(place, p)| (place, p.quality))
            .collect();
        best.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        self.viral = best
            .into_iter()
            .take(VIRAL)
            .map(|(place, _)| place)
            .collect();
    }
}

#[cfg(test)]
#[path = "population_tests.rs"]
mod tests;
