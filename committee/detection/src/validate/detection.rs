//! Runs scores on cases: a board, real or made up, with a ring of one kind, over seeds.
//!
//! The members of the ring are compared with everybody else who voted or wrote, and, since whoever writes
//! nothing is easily told from a ring, with authors alone. Outsiders who were paid count on neither side.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::simulate::behaviour::Behaviour;
use crate::simulate::plant::{Planted, plant};
use crate::simulate::population::{Population, Synthetic};
use crate::simulate::ring::{Ring, RingError};
use crate::validate::each;
use crate::validate::metrics::{Interval, auc, curve, interval, recall, threshold};
use crate::votes::{Board, MemberId};

/// The rate of false positives at which recall is measured.
pub const FALSE_POSITIVES: f64 = 0.01;

/// What a result may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// To choose thresholds and weights.
    Tuning,
    /// To report, and for nothing else.
    HeldBack,
}

impl Part {
    /// A seed's: even ones are for tuning.
    pub fn of_seed(seed: u64) -> Self {
        if seed.is_multiple_of(2) {
            Self::Tuning
        } else {
            Self::HeldBack
        }
    }

    /// A board's, by its name, so that nobody chooses: those with an odd FNV-1a hash (Fowler, Noll, Vo) are
    /// held back.
    pub fn of_board(name: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, step);
        if hash.is_multiple_of(2) {
            Self::Tuning
        } else {
            Self::HeldBack
        }
    }

    /// The seeds below `end` of this part.
    pub fn seeds(self, end: u64) -> Vec<u64> {
        (0..end)
            .filter(|seed| Self::of_seed(*seed) == self)
            .collect()
    }
}

/// Where a ring is planted.
#[derive(Debug, Clone)]
pub enum Ground<'a> {
    /// Among the members of this board.
    Board(&'a Board),
    /// Among members made up anew for each seed.
    Population(&'a Population),
}

impl Ground<'_> {
    /// Its name in a table.
    pub fn name(&self) -> &str {
        match self {
            Self::Board(board) => board.name(),
            Self::Population(population) => &population.name,
        }
    }
}

/// One cell of a validation: a ground and a ring.
#[derive(Debug, Clone)]
pub struct Case<'a> {
    /// Where.
    pub ground: Ground<'a>,
    /// What.
    pub ring: Ring,
}

/// How one score did in one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// Where.
    pub ground: String,
    /// What.
    pub ring: Ring,
    /// Which score.
    pub score: &'static str,
    /// Against all others.
    pub auc: Option<Interval>,
    /// Against all others who wrote something.
    pub auc_among_authors: Option<Interval>,
    /// At [`FALSE_POSITIVES`] among all others.
    pub recall: Option<Interval>,
    /// On a made-up ground: against those of one behaviour, and the share of them above the threshold of
    /// `recall`, a mean over seeds.
    pub against: BTreeMap<Behaviour, (f64, f64)>,
    /// Seeds that were run.
    pub seeds: usize,
    /// Seeds whose ring could not be planted, and why the last could not.
    pub refused: Option<(usize, RingError)>,
}

/// Runs scores on cases. `score` gives for each of `names` a score by member, more for whoever is more
/// likely of a ring; `threads` change no result. `done` is told after every board.
pub fn run<F>(
    cases: &[Case<'_>],
    seeds: &[u64],
    names: &[&'static str],
    score: F,
    threads: usize,
    done: impl Fn(usize) + Sync,
) -> Vec<Line>
where
    F: Fn(&Board) -> Vec<Vec<f64>> + Sync,
{
    let jobs = cases.len() * seeds.len();
    let one = |job: usize| -> Option<Result<Vec<Measured>, RingError>> {
        let case = cases.get(job.checked_div(seeds.len())?)?;
        let seed = seeds.get(job.checked_rem(seeds.len())?)?;
        let site = match Site::of(case, *seed) {
            Ok(site) => site,
            Err(why) => return Some(Err(why)),
        };
        let scores = score(site.board()).into_iter();
        Some(Ok(scores.map(|scores| site.measure(&scores)).collect()))
    };
    let results: Vec<_> = each(jobs, threads, one, done)
        .into_iter()
        .flatten()
        .collect();
    let mut lines = Vec::with_capacity(cases.len() * names.len());
    for (place, case) in cases.iter().enumerate() {
        let first = place * seeds.len();
        let of_case = results.get(first..first + seeds.len()).unwrap_or_default();
        let errors: Vec<&RingError> = of_case.iter().filter_map(|r| r.as_ref().err()).collect();
        for (column, name) in names.iter().enumerate() {
            let good = of_case.iter().filter_map(|r| r.as_ref().ok());
            let good: Vec<&Measured> = good.filter_map(|m| m.get(column)).collect();
            let over = |value: fn(&Measured) -> Option<f64>| {
                let values: Vec<f64> = good.iter().filter_map(|m| value(m)).collect();
                interval(&values, place as u64)
            };
            lines.push(Line {
                ground: case.ground.name().to_owned(),
                ring: case.ring,
                score: name,
                auc: over(|m| m.auc),
                auc_among_authors: over(|m| m.auc_among_authors),
                recall: over(|m| m.recall),
                against: against(&good),
                seeds: good.len(),
                refused: errors.last().map(|error| (errors.len(), (*error).clone())),
            });
        }
    }
    lines
}

/// How one score did on one board.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Against all others.
    pub auc: Option<f64>,
    /// Against all others who wrote something.
    pub auc_among_authors: Option<f64>,
    /// At [`FALSE_POSITIVES`].
    pub recall: Option<f64>,
    /// At all rates.
    pub curve: Option<Vec<f64>>,
    /// As [`Line::against`].
    pub against: BTreeMap<Behaviour, (f64, f64)>,
}

/// A board with a ring, and who is honest.
#[derive(Debug, Clone)]
pub struct Site {
    planted: Planted,
    made: Option<Synthetic>,
    honest: Vec<MemberId>,
}

impl Site {
    /// Plants the ring of a case.
    ///
    /// # Errors
    /// [`RingError`], if it has no place there.
    pub fn of(case: &Case<'_>, seed: u64) -> Result<Self, RingError> {
        let (planted, made) = match case.ground {
            Ground::Board(board) => (plant(board, &case.ring, seed)?, None),
            Ground::Population(population) => {
                let made = population.board(seed);
                let board = made.board().ok_or(RingError::NoVotes)?;
                (plant(&board, &case.ring, seed)?, Some(made))
            }
        };
        let outside = |member: &MemberId| {
            let ring = planted.ring.binary_search(member);
            ring.is_err() && planted.bribed.binary_search(member).is_err()
        };
        let all = (0..planted.board.members() as u32).map(MemberId);
        let honest = all.filter(outside).collect();
        Ok(Self {
            planted,
            made,
            honest,
        })
    }

    /// The board.
    pub fn board(&self) -> &Board {
        &self.planted.board
    }

    /// The board, and the ring on it.
    pub fn planted(&self) -> &Planted {
        &self.planted
    }

    /// The ring's members.
    pub fn ring(&self) -> &[MemberId] {
        &self.planted.ring
    }

    /// Everybody who is neither of the ring nor paid by it.
    pub fn honest(&self) -> &[MemberId] {
        &self.honest
    }

    /// Measures a score by member.
    pub fn measure(&self, scores: &[f64]) -> Measured {
        let board = self.board();
        let wrote = |member: &MemberId| board.posts_by(*member).len() > 0;
        let of = |members: &mut dyn Iterator<Item = &MemberId>| -> Vec<f64> {
            members
                .filter_map(|m| scores.get(m.at()).copied())
                .collect()
        };
        let rings = of(&mut self.ring().iter());
        let all = of(&mut self.honest.iter());
        let authors = of(&mut self.honest.iter().filter(|m| wrote(m)));
        let limit = threshold(&all, FALSE_POSITIVES).unwrap_or(f64::MAX);
        let mut against = BTreeMap::new();
        for behaviour in Behaviour::ALL {
            let behaves = |m: &&MemberId| {
                let made = self.made.as_ref();
                made.and_then(|made| made.behaviour(board, **m)) == Some(behaviour)
            };
            let these = of(&mut self.honest.iter().filter(behaves));
            if let Some(auc) = auc(&rings, &these) {
                let above = these.iter().filter(|score| **score > limit).count();
                against.insert(behaviour, (auc, above as f64 / these.len() as f64));
            }
        }
        Measured {
            auc: auc(&rings, &all),
            auc_among_authors: auc(&rings, &authors),
            recall: recall(&rings, &all, FALSE_POSITIVES),
            curve: curve(&rings, &all),
            against,
        }
    }
}

/// Means over seeds.
fn against(measured: &[&Measured]) -> BTreeMap<Behaviour, (f64, f64)> {
    let mut sums: BTreeMap<Behaviour, (f64, f64, f64)> = BTreeMap::new();
    for (behaviour, (auc, above)) in measured.iter().flat_map(|m| &m.against) {
        let sum = sums.entry(*behaviour).or_default();
        *sum = (sum.0 + auc, sum.1 + above, sum.2 + 1.0);
    }
    let mean = |(behaviour, (auc, above, count))| (behaviour, (auc / count, above / count));
    sums.into_iter().map(mean).collect()
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |interval: Option<Interval>| interval.map_or_else(|| "-".to_owned(), |i| i.to_string());
        let (ring, authors) = (self.ring.to_string(), self.auc_among_authors);
        write!(
            f,
            "| {} | {ring} | {} | {} |",
            self.ground,
            self.score,
            text(self.auc)
        )?;
        write!(
            f,
            " {} | {} | {} |",
            text(authors),
            text(self.recall),
            self.seeds
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::ring::Accounts;
    use crate::votes::Stance;

    /// The share of a member's upvotes that are returned: a poor score, and enough for a plain ring.
    fn mutual(board: &Board) -> Vec<f64> {
        let pairs: std::collections::HashSet<(MemberId, MemberId)> = {
            let up = board.votes().iter().filter(|v| v.stance == Stance::Up);
            up.map(|v| (v.member, board.post(v.post).author)).collect()
        };
        let members = (0..board.members() as u32).map(MemberId);
        members
            .map(|m| {
                pairs
                    .iter()
                    .filter(|(a, b)| *a == m && pairs.contains(&(*b, *a)))
                    .count() as f64
            })
            .collect()
    }

    fn both(board: &Board) -> Vec<Vec<f64>> {
        vec![mutual(board), vec![0.0; board.members()]]
    }

    #[test]
    fn a_plain_ring_is_told_apart_and_a_blind_score_sees_nothing() {
        let population = Population::plain(100, 14);
        let ring = Ring {
            posts_each: 3,
            ..Ring::of(10)
        };
        let cases = [Case {
            ground: Ground::Population(&population),
            ring,
        }];
        let lines = run(&cases, &[0, 1, 2], &["mutual", "blind"], both, 2, |_| {});
        assert_eq!(lines.len(), 2);
        assert!(lines[0].auc.unwrap().mean > 0.8, "{}", lines[0]);
        assert_eq!(lines[1].auc.unwrap().mean, 0.5);
        assert_eq!(lines[1].recall.unwrap().mean, 0.0);
        assert_eq!(lines[0].seeds, 3);
        assert!(lines[0].against.contains_key(&Behaviour::Casual));
    }

    #[test]
    fn a_sham_ring_is_like_other_authors() {
        let population = Population::plain(150, 21);
        let ring = Ring {
            accounts: Accounts::Sleepers,
            posts_each: 2,
            ..Ring::of(10)
        };
        let auc = |ring| {
            let ground = Ground::Population(&population);
            let lines = run(
                &[Case { ground, ring }],
                &[0, 1, 2, 3],
                &["mutual", "blind"],
                both,
                1,
                |_| {},
            );
            lines
                .first()
                .and_then(|line| line.auc_among_authors)
                .unwrap()
                .mean
        };
        let (real, sham) = (auc(ring), auc(Ring { sham: true, ..ring }));
        // The score is a poor one, and the sham must do no better by it than chance.
        assert!(
            (0.35..0.65).contains(&sham) && real > sham + 0.15,
            "{real} {sham}"
        );
    }

    #[test]
    fn threads_and_order_change_nothing() {
        let population = Population::plain(60, 7);
        let board = population.board(9).board().unwrap();
        let ring = Ring::of(5);
        let cases = [
            Case {
                ground: Ground::Population(&population),
                ring,
            },
            Case {
                ground: Ground::Board(&board),
                ring,
            },
        ];
        let run = |threads| {
            run(
                &cases,
                &[0, 1, 2],
                &["mutual", "blind"],
                both,
                threads,
                |_| {},
            )
        };
        assert_eq!(run(1), run(4));
    }

    #[test]
    fn rings_that_do_not_fit_are_told_and_not_counted() {
        let population = Population::plain(30, 7);
        let ring = Ring {
            bribed: 100,
            ..Ring::of(5)
        };
        let cases = [Case {
            ground: Ground::Population(&population),
            ring,
        }];
        let lines = run(&cases, &[0, 1], &["mutual", "blind"], both, 1, |_| {});
        assert_eq!((lines[0].seeds, lines[0].auc), (0, None));
        assert!(matches!(
            lines[0].refused,
            Some((2, RingError::Members { .. }))
        ));
    }

    #[test]
    fn no_seed_and_no_board_is_for_tuning_and_held_back() {
        assert_eq!(Part::Tuning.seeds(6), [0, 2, 4]);
        assert_eq!(Part::HeldBack.seeds(6), [1, 3, 5]);
        let parts: Vec<Part> = (0..40)
            .map(|n| Part::of_board(&format!("board{n}")))
            .collect();
        let tuning = parts.iter().filter(|p| **p == Part::Tuning).count();
        assert!((10..30).contains(&tuning), "{tuning}");
    }
}
