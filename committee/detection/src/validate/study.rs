//! The whole validation: every kind of ring on every ground, what befalls the honest, and what was aimed at.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use rand::RngExt;

use super::alone::{self, alone};
use super::cases::{AGAINST_AUC, Aim, FLAGGED, Kind, LIKE_RINGS, Scope, kinds};
use super::clean::{Clean, Happened, happened};
use super::detection::{Case, Ground, Measured, Part, Site};
use super::framed::{self, framed};
use super::metrics::{Interval, bounds, over_seeds, rates};
use super::results::{Against, Figures, KindFound, Real, Settled, Study, Verdict};
use super::slashes::{self, Slashes, Struck, struck};
use super::{Look, Seen, each};
use crate::economy::windows::{NotCut, numbers_of};
use crate::simulate::adaptive::{Adapted, MOST_FLAGGED, adapt, ways};
use crate::simulate::behaviour::Behaviour;
use crate::simulate::generator;
use crate::simulate::population::Population;
use crate::simulate::ring::Ring;
use crate::votes::Board;

/// A ring rehearses with seeds that are so much larger than those that are measured; of the same part.
const REHEARSAL: u64 = 1 << 40;
/// Rehearsals of each way.
const REHEARSALS: u64 = 2;
/// Why nothing is measured on a board.
const TOO_FEW: &str = "too few members are active on the board";

/// What to measure.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// Of which part all of it is.
    pub part: Part,
    /// For rings.
    pub seeds: Vec<u64>,
    /// For boards with nothing planted.
    pub clean_seeds: Vec<u64>,
    /// Real boards.
    pub boards: Vec<&'a Board>,
    /// Made-up ones.
    pub populations: Vec<Population>,
    /// Made-up ones on which nothing is planted, and what befalls the honest is told by itself.
    pub elsewhere: Vec<Population>,
    /// How many of `clean_seeds` for these.
    pub elsewhere_seeds: usize,
    /// Which rings.
    pub scope: Scope,
    /// How long a window is.
    pub window_ms: i64,
    /// At the same time.
    pub threads: usize,
}

/// Why nothing could be measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMeasured {
    /// A seed of the other part.
    #[error("seed {0} is of the other part")]
    Seed(u64),
    /// A board of the other part.
    #[error("board {0} is of the other part")]
    Board(String),
    /// A board can't be cut.
    #[error(transparent)]
    NotCut(#[from] NotCut),
}

/// A ring on a ground with one seed.
#[derive(Clone)]
struct Job {
    kind: usize,
    ground: usize,
    ring: usize,
    seed: u64,
}

struct Found {
    job: Job,
    measured: Measured,
    flagged: Option<f64>,
}

impl<'a> Plan<'a> {
    /// What is done one after the other, to tell how far it is.
    ///
    /// # Errors
    /// [`NotMeasured`], if a board can't be cut.
    pub fn steps(&self) -> Result<usize, NotMeasured> {
        let grounds = self.grounds().len();
        let kinds = kinds(self.scope);
        let rings: usize = kinds.iter().map(|kind| kind.rings.len()).sum();
        let adaptive = kinds.iter().filter(|kind| kind.adaptive);
        let rehearsals = |ring| ways(ring).len() * REHEARSALS as usize;
        let adapting = adaptive.flat_map(|kind| &kind.rings).map(rehearsals);
        let adapting: usize = adapting.sum();
        let framed = framed::rings(self.scope).len() * framed::BOARDS;
        let framed = framed * framed::seeds(self.scope, &self.seeds).len();
        let mut real = 0;
        for board in &self.boards {
            let windows = numbers_of(board, self.window_ms)?;
            real += 1 + self.seeds.len() + windows.map_or(0, Iterator::count);
        }
        let struck = slashes::rings(self.scope).len();
        let alone = alone::rings(self.scope).len() * alone::seeds(self.scope, &self.seeds).len();
        Ok(
            grounds * ((rings + struck) * self.seeds.len() + adapting + framed)
                + self.populations.len() * self.clean_seeds.len()
                + self.elsewhere.len() * self.seeds_elsewhere().len()
                + real
                + self.grounds_of_signals().len() * alone,
        )
    }

    fn seeds_elsewhere(&self) -> &[u64] {
        let some = self.clean_seeds.get(..self.elsewhere_seeds);
        some.unwrap_or(&self.clean_seeds)
    }

    fn grounds(&self) -> Vec<Ground<'_>> {
        let boards = self.boards.iter().map(|board| Ground::Board(board));
        boards
            .chain(self.populations.iter().map(Ground::Population))
            .collect()
    }

    /// Where each signal is measured alone: made-up boards of one kind say enough.
    fn grounds_of_signals(&self) -> Vec<Ground<'_>> {
        let mut grounds = self.grounds();
        grounds.truncate(self.boards.len() + 1);
        grounds
    }

    fn check(&self) -> Result<(), NotMeasured> {
        let mut seeds = self.seeds.iter().chain(&self.clean_seeds);
        if let Some(seed) = seeds.find(|seed| Part::of_seed(**seed) != self.part) {
            return Err(NotMeasured::Seed(*seed));
        }
        let mut names = self.boards.iter().map(|board| board.name());
        match names.find(|name| Part::of_board(name) != self.part) {
            Some(name) => Err(NotMeasured::Board(name.to_owned())),
            None => Ok(()),
        }
    }
}

/// Measures. `done` is told after each of [`Plan::steps`].
///
/// # Errors
/// [`NotMeasured`], before anything is.
pub fn run(plan: &Plan<'_>, look: Look<'_>, done: impl Fn() + Sync) -> Result<Study, NotMeasured> {
    plan.check()?;
    let grounds = plan.grounds();
    let kinds = kinds(plan.scope);
    let (rings, settled) = settle(plan, &grounds, &kinds, look, &done);
    let mut jobs = Vec::new();
    for (kind, of_kind) in kinds.iter().enumerate() {
        for ring in 0..of_kind.rings.len() {
            for ground in 0..grounds.len() {
                let job = |seed: &u64| Job {
                    kind,
                    ground,
                    ring,
                    seed: *seed,
                };
                jobs.extend(plan.seeds.iter().map(job));
            }
        }
    }
    let measure = |place: usize| -> Option<Result<Found, (usize, String)>> {
        let job = jobs.get(place)?.clone();
        let ring = *rings.get(&(job.kind, job.ring, job.ground))?;
        let ground = grounds.get(job.ground)?.clone();
        let site = match Site::of(&Case { ground, ring }, job.seed) {
            Ok(site) => site,
            Err(why) => return Some(Err((job.kind, why.to_string()))),
        };
        let Some(seen) = look(site.board()) else {
            return Some(Err((job.kind, TOO_FEW.to_owned())));
        };
        Some(Ok(Found {
            measured: site.measure(&seen.scores),
            flagged: flagged(&site, &seen.flagged),
            job,
        }))
    };
    let mut found = Vec::new();
    let mut refused: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    for result in each(jobs.len(), plan.threads, measure, |_| done()) {
        match result {
            Some(Ok(one)) => found.push(one),
            Some(Err((kind, why))) => {
                let (count, last) = refused.entry(kind).or_default();
                (*count, *last) = (*count + 1, why);
            }
            None => {}
        }
    }
    let honest = clean(plan, &plan.populations, &plan.clean_seeds, look, &done)?;
    let mut clean_elsewhere = Vec::new();
    for population in &plan.elsewhere {
        let these = std::slice::from_ref(population);
        let clean = clean(plan, these, plan.seeds_elsewhere(), look, &done)?;
        clean_elsewhere.push((population.name.clone(), clean));
    }
    let (real, not_judged) = real(plan, look, &done)?;
    let slashes = slashes(plan, &grounds, &done)?;
    let framed = framed(
        &grounds,
        plan.scope,
        &plan.seeds,
        plan.window_ms,
        look,
        plan.threads,
        &done,
    )?;
    let alone = alone(
        &plan.grounds_of_signals(),
        plan.scope,
        &plan.seeds,
        look,
        plan.threads,
        &done,
    );
    let names = grounds.iter().map(|g| g.name().to_owned());
    let names: Vec<String> = names.collect();
    let of_kind = |(place, kind): (usize, &Kind)| {
        let these: Vec<&Found> = found.iter().filter(|f| f.job.kind == place).collect();
        let settled = settled.get(&place).cloned().unwrap_or_default();
        KindFound {
            refused: refused.get(&place).cloned(),
            adapted: settled,
            ..kind_found(kind, &these, &names)
        }
    };
    Ok(Study {
        part: plan.part,
        seeds: plan.seeds.clone(),
        bounds: bounds(plan.seeds.len()),
        boards: plan.boards.iter().map(|b| b.name().to_owned()).collect(),
        populations: plan.populations.iter().map(|p| p.name.clone()).collect(),
        scope: plan.scope,
        rates: rates(),
        kinds: kinds.iter().enumerate().map(of_kind).collect(),
        against: against(&kinds, &found),
        clean: honest,
        clean_elsewhere,
        real,
        not_judged,
        slashes,
        framed,
        alone,
    })
}

/// The share of a site's ring that is flagged.
fn flagged(site: &Site, flagged: &[bool]) -> Option<f64> {
    let ring = site.ring();
    let is_flagged = |flag: Option<&bool>| flag.copied().unwrap_or(false);
    let count = ring
        .iter()
        .filter(|m| is_flagged(flagged.get(m.at())))
        .count();
    (!ring.is_empty()).then(|| count as f64 / ring.len() as f64)
}

type Rings = BTreeMap<(usize, usize, usize), Ring>;

/// The ring of each kind, cell and ground. Those that adapt rehearse first.
fn settle(
    plan: &Plan<'_>,
    grounds: &[Ground<'_>],
    kinds: &[Kind],
    look: Look<'_>,
    done: &(impl Fn() + Sync),
) -> (Rings, BTreeMap<usize, Vec<Settled>>) {
    let mut rings = Rings::new();
    let mut adapting = Vec::new();
    for (kind, of_kind) in kinds.iter().enumerate() {
        for (cell, ring) in of_kind.rings.iter().enumerate() {
            for ground in 0..grounds.len() {
                rings.insert((kind, cell, ground), *ring);
                if of_kind.adaptive {
                    adapting.push(((kind, cell, ground), *ring));
                }
            }
        }
    }
    let own = |n: u64| plan.seeds.iter().copied().min().unwrap_or(0) + REHEARSAL + 2 * n;
    let rehearse = |place: usize| -> Option<Adapted> {
        let ((_, _, ground), ring) = adapting.get(place)?;
        let told = Cell::new(0);
        let ground = grounds.get(*ground)?;
        let show = |ring: &Ring| -> Result<f64, Infallible> {
            let mut sum = 0.0;
            for n in 0..REHEARSALS {
                let case = Case {
                    ground: ground.clone(),
                    ring: *ring,
                };
                // A way that has no place on the board is none.
                let Ok(site) = Site::of(&case, own(n)) else {
                    return Ok(1.0);
                };
                told.set(told.get() + 1);
                done();
                let seen = look(site.board());
                sum += seen
                    .and_then(|seen| flagged(&site, &seen.flagged))
                    .unwrap_or(0.0);
                // Nothing that the others could show would make this a way to go.
                if sum > MOST_FLAGGED * REHEARSALS as f64 {
                    return Ok(sum / (n + 1) as f64);
                }
            }
            Ok(sum / REHEARSALS as f64)
        };
        let adapted = adapt(ring, show).ok();
        // Of those that it didn't have to rehearse too.
        let all = ways(ring).len() * REHEARSALS as usize;
        (told.get()..all).for_each(|_| done());
        adapted
    };
    let mut settled: BTreeMap<usize, Vec<Settled>> = BTreeMap::new();
    let adapted = each(adapting.len(), plan.threads, rehearse, |_| {});
    for ((key, _), adapted) in adapting.iter().zip(adapted) {
        if let Some(adapted) = adapted {
            rings.insert(*key, adapted.ring);
            settled.entry(key.0).or_default().push(Settled {
                ground: grounds.get(key.2).map_or("", |g| g.name()).to_owned(),
                ring: adapted.ring.to_string(),
                flagged: adapted.flagged,
                tried: adapted.tried,
            });
        }
    }
    (rings, settled)
}

impl Figures {
    fn of<'a>(found: impl Iterator<Item = &'a Found> + Clone) -> Self {
        let over = |value: fn(&Found) -> Option<f64>| {
            over_seeds(found.clone().filter_map(|f| Some((f.job.seed, value(f)?))))
        };
        Self {
            auc: over(|f| f.measured.auc),
            auc_among_authors: over(|f| f.measured.auc_among_authors),
            recall: over(|f| f.measured.recall),
            flagged: over(|f| f.flagged),
        }
    }
}

fn kind_found(kind: &Kind, found: &[&Found], grounds: &[String]) -> KindFound {
    let these = || found.iter().copied();
    let all = Figures::of(these());
    let verdict = |aim: Option<f64>, found: Option<Interval>| {
        let (aim, found) = (aim?, found?);
        Some(Verdict::at_least(found, aim))
    };
    let aim = |part: fn(&Aim) -> Option<f64>| kind.aim.as_ref().and_then(part);
    let by_ground = grounds.iter().enumerate().map(|(place, name)| {
        let here = these().filter(move |f| f.job.ground == place);
        (name.clone(), Figures::of(here))
    });
    let by_ring = kind.rings.iter().enumerate().map(|(cell, ring)| {
        let name = if kind.adaptive {
            format!("{}x{}, as it settled", ring.size, ring.posts_each)
        } else {
            ring.to_string()
        };
        (
            name,
            Figures::of(these().filter(move |f| f.job.ring == cell)),
        )
    });
    let curves: Vec<&Vec<f64>> = these().filter_map(|f| f.measured.curve.as_ref()).collect();
    let mean = |step: usize| {
        let recalls = curves.iter().filter_map(|curve| curve.get(step));
        recalls.sum::<f64>() / (curves.len() as f64).max(1.0)
    };
    KindFound {
        name: kind.name,
        aim: kind.aim,
        verdicts: [
            verdict(aim(|a| a.auc), all.auc),
            verdict(aim(|a| a.recall), all.recall),
        ],
        all,
        grounds: by_ground.collect(),
        rings: by_ring.collect(),
        curve: (0..rates().len()).map(mean).collect(),
        boards: found.len(),
        refused: None,
        adapted: Vec::new(),
    }
}

fn against(kinds: &[Kind], found: &[Found]) -> Vec<Against> {
    let aimed = |f: &&Found| kinds.get(f.job.kind).is_some_and(|kind| kind.aim.is_some());
    let mut list = Vec::new();
    for behaviour in Behaviour::ALL {
        let values = |f: &Found| f.measured.against.get(&behaviour).copied();
        let these = || found.iter().filter(aimed);
        let aucs = these().filter_map(|f| Some((f.job.seed, values(f)?.0)));
        let Some(auc) = over_seeds(aucs) else {
            continue;
        };
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0.0), |(s, c), v| (s + v, c + 1.0));
            if count > 0.0 { sum / count } else { 0.0 }
        };
        let with_aim = kinds
            .iter()
            .enumerate()
            .filter(|(_, kind)| kind.aim.is_some());
        let by_kind = with_aim.map(|(place, kind)| {
            let of_kind = found.iter().filter(|f| f.job.kind == place);
            (
                kind.name,
                mean(&mut of_kind.filter_map(|f| Some(values(f)?.0))),
            )
        });
        list.push(Against {
            behaviour: behaviour.to_string(),
            auc: Some(auc),
            verdict: LIKE_RINGS
                .contains(&behaviour)
                .then(|| Verdict::at_least(auc, AGAINST_AUC)),
            by_kind: by_kind.collect(),
            above: mean(&mut these().filter_map(|f| Some(values(f)?.1))),
        });
    }
    list
}

fn clean(
    plan: &Plan<'_>,
    populations: &[Population],
    seeds: &[u64],
    look: Look<'_>,
    done: &(impl Fn() + Sync),
) -> Result<Clean, NotMeasured> {
    let one = |job: usize| -> Option<Result<(u64, Happened), NotCut>> {
        let population = populations.get(job.checked_div(seeds.len())?)?;
        let seed = *seeds.get(job.checked_rem(seeds.len())?)?;
        let made = population.board(seed);
        let board = made.board()?;
        let happened = happened(&board, Some(&made), plan.window_ms, look, || {});
        Some(happened.map(|happened| (seed, happened)))
    };
    let jobs = populations.len() * seeds.len();
    let happened = each(jobs, plan.threads, one, |_| done());
    let happened: Result<Vec<_>, NotCut> = happened.into_iter().flatten().collect();
    Ok(Clean::of(plan.window_ms, &happened?))
}

/// What befalls the members of real boards, and which of these nobody judges.
fn real(
    plan: &Plan<'_>,
    look: Look<'_>,
    done: &(impl Fn() + Sync),
) -> Result<(Vec<Real>, Vec<String>), NotMeasured> {
    let one = |job: usize| -> Option<Result<Result<Real, String>, NotCut>> {
        let board = *plan.boards.get(job)?;
        let seen = look(board);
        done();
        let halves: Vec<(u64, Option<f64>)> = (plan.seeds.iter())
            .map(|seed| {
                let half = seen.as_ref().and_then(|_| of_half(board, *seed, look));
                done();
                (*seed, half)
            })
            .collect();
        let happened = match happened(board, None, plan.window_ms, look, done) {
            Ok(happened) => happened,
            Err(why) => return Some(Err(why)),
        };
        Some(Ok(match seen {
            Some(seen) => Ok(of_board(board, &seen, &halves, &happened)),
            None => Err(board.name().to_owned()),
        }))
    };
    let found = each(plan.boards.len(), plan.threads, one, |_| {});
    let found: Result<Vec<_>, NotCut> = found.into_iter().flatten().collect();
    let (mut real, mut not_judged) = (Vec::new(), Vec::new());
    for board in found? {
        match board {
            Ok(board) => real.push(board),
            Err(name) => not_judged.push(name),
        }
    }
    Ok((real, not_judged))
}

fn of_board(
    board: &Board,
    seen: &Seen,
    halves: &[(u64, Option<f64>)],
    happened: &Happened,
) -> Real {
    let flagged = seen.flagged.iter().filter(|flag| **flag).count();
    let few = flagged as f64 <= FLAGGED * board.members() as f64;
    let fine = few && happened.all.slashed == 0;
    let judged = || {
        halves
            .iter()
            .filter_map(|(seed, half)| Some((*seed, (*half)?)))
    };
    Real {
        board: board.name().to_owned(),
        members: board.members(),
        flagged,
        verdict: Verdict::of(fine, fine),
        worst_half: judged().map(|(_, share)| share).fold(0.0, f64::max),
        halves: over_seeds(judged()),
        halves_not_judged: halves.len() - judged().count(),
        windows: happened.windows,
        epochs: happened.all.epochs,
        epochs_flagged: happened.all.flagged,
        epochs_discounted: happened.all.discounted,
        slashed: happened.all.slashed,
    }
}

/// The share of members flagged on the board of a random half of the voters.
fn of_half(board: &Board, seed: u64, look: Look<'_>) -> Option<f64> {
    let mut rng = generator(seed, b"half");
    let stays: Vec<bool> = (0..board.members()).map(|_| rng.random_bool(0.5)).collect();
    let half = board.of_voters(|member| stays.get(member.at()).copied().unwrap_or(false));
    let flagged = look(&half)?.flagged;
    let count = flagged.iter().filter(|flag| **flag).count();
    Some(count as f64 / (half.members() as f64).max(1.0))
}

fn slashes(
    plan: &Plan<'_>,
    grounds: &[Ground<'_>],
    done: &(impl Fn() + Sync),
) -> Result<Slashes, NotMeasured> {
    let rings = slashes::rings(plan.scope);
    let mut jobs = Vec::new();
    for (name, ring) in rings {
        for ground in grounds {
            jobs.extend(plan.seeds.iter().map(|seed| (name, ring, ground, *seed)));
        }
    }
    let one = |place: usize| -> Option<Result<(&'static str, String, Struck), NotCut>> {
        let (name, ring, ground, seed) = jobs.get(place)?;
        let case = Case {
            ground: (*ground).clone(),
            ring: *ring,
        };
        let site = Site::of(&case, *seed).ok()?;
        let struck = struck(&site, plan.window_ms);
        Some(struck.map(|struck| (*name, ground.name().to_owned(), struck)))
    };
    let struck = each(jobs.len(), plan.threads, one, |_| done());
    let struck: Result<Vec<_>, NotCut> = struck.into_iter().flatten().collect();
    let struck = struck?;
    let left_out = jobs.len() - struck.len();
    Ok(Slashes::of(struck.into_iter(), left_out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_board_is_fine_if_one_in_a_hundred_is_flagged_and_nobody_slashed() {
        let board = Population::plain(100, 14).board(0).board().unwrap();
        let verdict = |flagged: usize, slashed| {
            let seen = Seen {
                scores: vec![0.0; board.members()],
                flagged: (0..board.members()).map(|m| m < flagged).collect(),
            };
            let mut happened = Happened::default();
            happened.all.slashed = slashed;
            of_board(&board, &seen, &[(0, None)], &happened).verdict
        };
        let most = board.members() / 100;
        assert_eq!(verdict(most, 0), Verdict::Met);
        assert_eq!(verdict(most + 1, 0), Verdict::NotMet);
        assert_eq!(verdict(0, 1), Verdict::NotMet);
    }
}
