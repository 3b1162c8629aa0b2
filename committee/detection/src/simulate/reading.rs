//! What members of a made-up board read, and how they vote on it.

use std::collections::HashSet;
use std::ops::Range;

use rand::RngExt;

use super::behaviour::Behaviour;
use super::population::{Maker, START_MS, VIRAL};
use super::{DAY, HOUR, MINUTE, SECOND, exponential, poisson};
use crate::votes::{MemberId, PostId, Stance, Vote};

/// Posts are read for so long, in a niche for twice as long.
const FRESH: i64 = 4 * DAY;
/// The digest is sent at this hour.
pub(super) const DIGEST_SENT: i64 = 7 * HOUR;
/// It is read within so long.
pub(super) const DIGEST_READ: i64 = 12 * MINUTE;
/// So many posts are in it.
const DIGEST_POSTS: usize = 12;

impl Maker {
    /// Everybody's votes.
    pub(super) fn votes(&mut self) -> Vec<Vote> {
        let mut votes = Vec::new();
        for reader in 0..self.people.len() {
            let mut sittings = self.sittings(reader);
            sittings.sort_by_key(|s| s.at_ms);
            let mut seen = HashSet::new();
            for sitting in sittings {
                self.sit(reader, &sitting, &mut seen, &mut votes);
            }
        }
        votes
    }

    /// When a member reads, and what.
    fn sittings(&mut self, reader: usize) -> Vec<Sitting> {
        let Some(person) = self.people.get(reader) else {
            return Vec::new();
        };
        let (behaviour, joined_ms, hour) = (person.behaviour, person.joined_ms, person.hour);
        let (habits, pace) = (behaviour.habits(), person.pace);
        let mut sittings = Vec::new();
        for day in (joined_ms - START_MS) / DAY..self.days {
            for _ in 0..poisson(&mut self.rng, habits.sittings_per_week * pace / 7.0).min(6) {
                let at_ms = self.moment(day, hour);
                let votes = 1 + exponential(&mut self.rng, habits.votes_per_sitting) as usize;
                if at_ms >= joined_ms {
                    sittings.push(Sitting {
                        at_ms,
                        reads: Reads::Recent(votes),
                        gap_ms: 15_000.0,
                    });
                }
            }
            let midnight = START_MS + day * DAY;
            match behaviour {
                Behaviour::DigestReader if self.rng.random_bool(0.6) => sittings.push(Sitting {
                    at_ms: midnight + DIGEST_SENT + self.rng.random_range(0..DIGEST_READ),
                    reads: Reads::Digest,
                    gap_ms: 6_000.0,
                }),
                Behaviour::ScheduledBot => sittings.push(Sitting {
                    at_ms: midnight + 6 * HOUR,
                    reads: Reads::Rule,
                    gap_ms: 0.0,
                }),
                _ => {}
            }
        }
        match behaviour {
            Behaviour::ViralDay => sittings.push(Sitting {
                at_ms: self.viral_ms + exponential(&mut self.rng, 3.0 * HOUR as f64) as i64,
                reads: Reads::Viral,
                gap_ms: 15_000.0,
            }),
            Behaviour::NewcomerCohort => sittings.push(Sitting {
                at_ms: joined_ms + self.rng.random_range(20..60) * MINUTE,
                reads: Reads::Recent(8),
                gap_ms: 15_000.0,
            }),
            _ => {}
        }
        sittings
    }

    /// The votes of one sitting.
    fn sit(
        &mut self,
        reader: usize,
        sitting: &Sitting,
        seen: &mut HashSet<u32>,
        votes: &mut Vec<Vote>,
    ) {
        let mut at_ms = sitting.at_ms;
        let list = match sitting.reads {
            Reads::Recent(_) => Vec::new(),
            Reads::Digest => self.digest(at_ms),
            Reads::Rule => self.between(at_ms - DAY, at_ms).collect(),
            Reads::Viral => self.viral.clone(),
        };
        let (mut list, more) = match sitting.reads {
            Reads::Recent(votes) => (list.into_iter(), votes),
            Reads::Viral => (list.into_iter(), 2),
            _ => (list.into_iter(), 0),
        };
        let mut tries = 3 * more;
        let mut left = more;
        loop {
            let next = match list.next() {
                Some(post) => Some(post),
                None if left > 0 && tries > 0 => {
                    tries -= 1;
                    self.recent(reader, at_ms)
                }
                None => break,
            };
            let Some(place) = next else { continue };
            let Some(post) = self.posts.get(place as usize) else {
                continue;
            };
            if post.written.author.at() == reader
                || post.written.at_ms >= at_ms
                || !seen.insert(place)
            {
                continue;
            }
            left = left.saturating_sub(1);
            at_ms += SECOND + exponential(&mut self.rng, sitting.gap_ms) as i64;
            if let Some(stance) = self.stance(reader, place) {
                votes.push(Vote {
                    at_ms,
                    member: MemberId(reader as u32),
                    post: PostId(place),
                    stance,
                });
            }
        }
    }

    /// The places of posts written between two times.
    fn between(&self, from_ms: i64, to_ms: i64) -> Range<u32> {
        let place = |at_ms: i64| self.posts.partition_point(|p| p.written.at_ms < at_ms) as u32;
        place(from_ms)..place(to_ms)
    }

    /// The best of the two days before the digest was sent.
    fn digest(&self, at_ms: i64) -> Vec<u32> {
        let sent_ms = at_ms - (at_ms - START_MS).rem_euclid(DAY) + DIGEST_SENT;
        let quality = |place: u32| self.posts.get(place as usize).map_or(0.0, |p| p.quality);
        let open = |place: &u32| {
            self.posts
                .get(*place as usize)
                .is_some_and(|p| p.niche.is_none())
        };
        let mut list: Vec<u32> = self
            .between(sent_ms - 2 * DAY, sent_ms)
            .filter(open)
            .collect();
        list.sort_by(|a, b| quality(*b).total_cmp(&quality(*a)).then(a.cmp(b)));
        list.truncate(DIGEST_POSTS);
        list
    }

    /// A recent post that the reader comes upon.
    fn recent(&mut self, reader: usize, at_ms: i64) -> Option<u32> {
        let person = self.people.get(reader)?;
        let own: &[u32] = match person.behaviour {
            Behaviour::FanClub => self
                .favourites
                .get(&person.group)
                .map_or(&[], Vec::as_slice),
            behaviour => self
                .niches
                .get(&(behaviour, person.group))
                .map_or(&[], Vec::as_slice),
        };
        let (chance, fresh) = match person.behaviour {
            Behaviour::FanClub => (0.4, FRESH),
            Behaviour::LocalNiche => (self.insular, 2 * FRESH),
            Behaviour::NewcomerCohort => (0.25, FRESH),
            _ => (0.0, FRESH),
        };
        let member_of = (person.behaviour == Behaviour::LocalNiche).then_some(person.group);
        if chance > 0.0 && self.rng.random_bool(chance) {
            let place = |at_ms: i64| {
                own.partition_point(|p| {
                    self.posts
                        .get(*p as usize)
                        .is_some_and(|p| p.written.at_ms < at_ms)
                })
            };
            let own = own
                .get(place(at_ms - fresh)..place(at_ms))
                .unwrap_or_default();
            if !own.is_empty() {
                return own.get(self.rng.random_range(0..own.len())).copied();
            }
        }
        let all = self.between(at_ms - FRESH, at_ms);
        let viral = self.viral.get(self.rng.random_range(0..VIRAL)).copied();
        let talked_of = viral.filter(|_| (0..DAY).contains(&(at_ms - self.viral_ms)));
        let place = match talked_of.filter(|_| self.rng.random_bool(0.4)) {
            Some(place) => place,
            // The newest are seen most.
            None => {
                let back = (all.len() as f64 * self.rng.random::<f64>().powi(2)) as u32;
                all.end.checked_sub(1 + back)?
            }
        };
        let post = self.posts.get(place as usize)?;
        let others = post.niche.is_some() && post.niche != member_of;
        // A good post is shown more; few come upon another's niche.
        let shown = 1.0 / (1.0 + (-post.quality).exp());
        let shown = if others {
            shown * (1.0 - self.insular).powi(2)
        } else {
            shown
        };
        self.rng.random_bool(shown).then_some(place)
    }

    /// What a reader thinks of a post; `None` if it doesn't vote.
    fn stance(&mut self, reader: usize, place: u32) -> Option<Stance> {
        let person = self.people.get(reader)?;
        let post = self.posts.get(place as usize)?;
        let author = self.people.get(post.written.author.at())?;
        let alike: f64 = person
            .taste
            .iter()
            .zip(&post.subject)
            .map(|(a, b)| a * b)
            .sum();
        let mut utility = 0.2 + person.behaviour.habits().discernment * post.quality + alike;
        let same_group = person.group == author.group;
        utility += match (person.behaviour, author.behaviour) {
            (Behaviour::FanClub, Behaviour::Favourite) if same_group => 3.0,
            (Behaviour::LocalNiche, Behaviour::LocalNiche) if same_group => 1.5,
            (Behaviour::NewcomerCohort, Behaviour::NewcomerCohort) if same_group => 1.5,
            (Behaviour::ViralDay, _) => 1.0,
            _ => 0.0,
        };
        if person.behaviour == Behaviour::ScheduledBot {
            return (post.quality > 0.7).then_some(Stance::Up);
        }
        let up = 1.0 / (1.0 + (-utility).exp());
        if self.rng.random_bool(up) {
            Some(Stance::Up)
        } else if self.rng.random_bool(0.4) {
            Some(Stance::Pass)
        } else {
            Some(Stance::Down)
        }
    }
}

/// One time that a member reads.
struct Sitting {
    at_ms: i64,
    reads: Reads,
    /// Between two votes, on average.
    gap_ms: f64,
}

/// What a member reads in a sitting.
enum Reads {
    /// So many of what is recent.
    Recent(usize),
    /// The day's digest.
    Digest,
    /// All of the last day, as a program does.
    Rule,
    /// What everybody talks of, and two more.
    Viral,
}
