//! What a ring can do to innocent members: the same people on the same board, before it framed them and after.

use std::collections::BTreeSet;

use serde::Serialize;

use super::cases::Scope;
use super::clean::{accused, lost};
use super::detection::{Case, Ground, Site};
use super::metrics::{Interval, over_seeds};
use super::{Look, each};
use crate::economy::windows::{NotCut, pseudonym};
use crate::epochs::epochs;
use crate::simulate::framing::{Framed, Ruse, frame};
use crate::simulate::ring::{Ring, RingError, Synchrony};
use crate::votes::MemberId;

/// Who is framed on a board.
pub const VICTIMS: usize = 5;
/// Seeds of the quick run.
const QUICK_SEEDS: usize = 2;

/// The rings that frame.
pub fn rings(scope: Scope) -> Vec<Ring> {
    let large = Ring {
        share: 0.3,
        synchrony: Synchrony::TenMinutes,
        ..Ring::of(20)
    };
    let small = Ring {
        share: 0.4,
        synchrony: Synchrony::Minute,
        ..Ring::of(10)
    };
    match scope {
        Scope::Quick => vec![small],
        Scope::Whole => vec![large, small],
    }
}

/// The seeds that are measured, of those of a study.
pub fn seeds(scope: Scope, seeds: &[u64]) -> &[u64] {
    match scope {
        Scope::Quick => seeds.get(..QUICK_SEEDS).unwrap_or(seeds),
        Scope::Whole => seeds,
    }
}

/// Boards that are judged for one ring, on one ground with one seed: before, and by each ruse.
pub const BOARDS: usize = 1 + Ruse::ALL.len();

/// What befell those who were framed on one board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Befell {
    victims: u64,
    flagged: u64,
    discounted: u64,
    struck: u64,
    ring: u64,
    ring_flagged: u64,
}

fn befell(framed: &Framed, window_ms: i64, look: Look<'_>) -> Result<Option<Befell>, NotCut> {
    let Some(seen) = look(&framed.board) else {
        return Ok(None);
    };
    let flagged = |members: &[MemberId]| {
        let flag = |m: &&MemberId| seen.flagged.get(m.at()).copied().unwrap_or(false);
        members.iter().filter(flag).count() as u64
    };
    let epochs = epochs(&framed.board, window_ms, None)?;
    let mut discounted = BTreeSet::new();
    for epoch in &epochs {
        if let (Some(own), Ok(_)) = (&epoch.board, &epoch.enough) {
            let members = (0..).map(MemberId).zip(lost(own, epoch));
            let less = members.filter(|(_, lost)| *lost > 0.0);
            discounted.extend(less.map(|(member, _)| pseudonym(own, member)));
        }
    }
    let of = |member: &&MemberId| discounted.contains(&pseudonym(&framed.board, **member));
    let struck = accused(&framed.board, &epochs);
    let is_victim = |m: &&MemberId| framed.victims.binary_search(m).is_ok();
    Ok(Some(Befell {
        victims: framed.victims.len() as u64,
        flagged: flagged(&framed.victims),
        discounted: framed.victims.iter().filter(of).count() as u64,
        struck: struck.iter().filter(is_victim).count() as u64,
        ring: framed.ring.len() as u64,
        ring_flagged: flagged(&framed.ring),
    }))
}

/// Shares of those who were framed, over seeds; `None` where nobody was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fared {
    /// How many there were.
    pub victims: u64,
    /// The share that the audit flags.
    pub flagged: Option<Interval>,
    /// The share of whom one vote or more counted for less.
    pub discounted: Option<Interval>,
    /// The share against whom there are grounds for a strike.
    pub struck: Option<Interval>,
    /// Of the ring, the share that the audit flags.
    pub ring_flagged: Option<Interval>,
}

impl Fared {
    fn of<'a>(befell: impl Iterator<Item = (u64, &'a Befell)> + Clone) -> Self {
        let share = |part: fn(&Befell) -> u64, whole: fn(&Befell) -> u64| {
            let some = befell.clone().filter(|(_, b)| whole(b) > 0);
            over_seeds(some.map(|(seed, b)| (seed, part(b) as f64 / whole(b) as f64)))
        };
        Self {
            victims: befell.clone().map(|(_, b)| b.victims).sum(),
            flagged: share(|b| b.flagged, |b| b.victims),
            discounted: share(|b| b.discounted, |b| b.victims),
            struck: share(|b| b.struck, |b| b.victims),
            ring_flagged: share(|b| b.ring_flagged, |b| b.ring),
        }
    }
}

/// Those whom one ring framed by one ruse.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Framing {
    /// The ring.
    pub ring: String,
    /// What it did.
    pub ruse: String,
    /// Whether those who were framed had no part in it at all.
    pub others_doing: bool,
    /// Before.
    pub before: Fared,
    /// And after.
    pub after: Fared,
    /// The same by ground: before, and after.
    pub grounds: Vec<(String, Fared, Fared)>,
    /// Boards that were judged after.
    pub boards: u64,
    /// Boards on which it had no place, or that nobody judged.
    pub left_out: u64,
}

/// Measures each ruse of each ring on each ground. `done` is told after every board.
///
/// # Errors
/// [`NotCut`].
pub fn framed(
    grounds: &[Ground<'_>],
    scope: Scope,
    of_study: &[u64],
    window_ms: i64,
    look: Look<'_>,
    threads: usize,
    done: impl Fn() + Sync,
) -> Result<Vec<Framing>, NotCut> {
    let (rings, seeds) = (rings(scope), seeds(scope, of_study));
    let mut jobs = Vec::new();
    for ring in 0..rings.len() {
        for ground in 0..grounds.len() {
            for seed in seeds {
                let ruses = std::iter::once(None).chain(Ruse::ALL.map(Some));
                jobs.extend(ruses.map(|ruse| (ring, ground, *seed, ruse)));
            }
        }
    }
    let one = |job: usize| -> Result<Option<Befell>, NotCut> {
        let found = || -> Option<Result<Framed, RingError>> {
            let (ring, ground, seed, ruse) = *jobs.get(job)?;
            let (ring, ground) = (*rings.get(ring)?, grounds.get(ground)?.clone());
            let site = match Site::of(&Case { ground, ring }, seed) {
                Ok(site) => site,
                Err(why) => return Some(Err(why)),
            };
            Some(frame(site.planted(), &ring, ruse, VICTIMS, seed))
        };
        match found() {
            Some(Ok(framed)) => befell(&framed, window_ms, look),
            _ => Ok(None),
        }
    };
    let befell = each(jobs.len(), threads, one, |_| done());
    let befell: Result<Vec<Option<Befell>>, NotCut> = befell.into_iter().collect();
    let befell = befell?;
    let mut list = Vec::new();
    for (at, ring) in rings.iter().enumerate() {
        for ruse in Ruse::ALL {
            let of = |which: Option<Ruse>, only: Option<usize>| {
                let found = jobs
                    .iter()
                    .zip(&befell)
                    .filter(move |((ring, ground, _, ruse), _)| {
                        *ring == at && *ruse == which && only.is_none_or(|only| only == *ground)
                    });
                found.map(|((_, _, seed, _), befell)| (*seed, befell.as_ref()))
            };
            let fared = |which, only| {
                Fared::of(of(which, only).filter_map(|(seed, befell)| Some((seed, befell?))))
            };
            let by_ground = grounds.iter().enumerate().map(|(place, ground)| {
                let [before, after] = [None, Some(ruse)].map(|which| fared(which, Some(place)));
                (ground.name().to_owned(), before, after)
            });
            let judged = of(Some(ruse), None).filter(|(_, befell)| befell.is_some());
            let boards = judged.count() as u64;
            list.push(Framing {
                ring: ring.to_string(),
                ruse: ruse.to_string(),
                others_doing: ruse.is_others_doing(),
                before: fared(None, None),
                after: fared(Some(ruse), None),
                grounds: by_ground.collect(),
                boards,
                left_out: of(Some(ruse), None).count() as u64 - boards,
            });
        }
    }
    Ok(list)
}
