//! What a validation found, as it is written to files.

use serde::Serialize;

use super::cases::{Aim, Scope};
use super::clean::Clean;
use super::detection::Part;
use super::framed::Framing;
use super::metrics::Interval;
use super::slashes::Slashes;

/// Whether an aim is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No.
    NotMet,
    /// The mean meets it, and the end of its interval doesn't, or there is no interval.
    InDoubt,
    /// All of its interval, or of its range over few seeds, meets it.
    Met,
}

impl Verdict {
    /// Of the mean, and of the less fortunate end of its interval.
    pub fn of(mean: bool, interval: bool) -> Self {
        match (mean, interval) {
            (true, true) => Self::Met,
            (true, false) => Self::InDoubt,
            (false, _) => Self::NotMet,
        }
    }

    /// Whether a figure is as large as it should be.
    pub fn at_least(found: Interval, aim: f64) -> Self {
        Self::of(found.mean >= aim, found.low.is_some_and(|low| low >= aim))
    }

    /// Whether a figure is as small as it should be.
    pub fn at_most(found: Interval, aim: f64) -> Self {
        Self::of(
            found.mean <= aim,
            found.high.is_some_and(|high| high <= aim),
        )
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotMet => "not met",
            Self::InDoubt => "met, in doubt",
            Self::Met => "met",
        }
    }
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Study {
    /// Of which part all of it is.
    pub part: Part,
    /// For rings.
    pub seeds: Vec<u64>,
    /// What `low` and `high` are, over these seeds: [`bounds`](super::metrics::bounds).
    pub bounds: String,
    /// Real boards.
    pub boards: Vec<String>,
    /// Made-up ones.
    pub populations: Vec<String>,
    /// Which rings.
    pub scope: Scope,
    /// Rates of false positives of all curves.
    pub rates: Vec<f64>,
    /// By kind of ring.
    pub kinds: Vec<KindFound>,
    /// Rings of the kinds with an aim, against the honest of each behaviour.
    pub against: Vec<Against>,
    /// What befalls the honest on made-up boards.
    pub clean: Clean,
    /// The same on boards of other kinds, each by itself.
    pub clean_elsewhere: Vec<(String, Clean)>,
    /// What befalls the members of real boards with nothing planted.
    pub real: Vec<Real>,
    /// Real boards that nobody judges, because too few are active.
    pub not_judged: Vec<String>,
    /// Who is slashed where there is a ring.
    pub slashes: Slashes,
    /// What a ring can do to the innocent.
    pub framed: Vec<Framing>,
    /// Each signal alone.
    pub alone: Vec<Alone>,
}

/// Figures over seeds; `None` where there was nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Against all others.
    pub auc: Option<Interval>,
    /// Against all others who wrote.
    pub auc_among_authors: Option<Interval>,
    /// At one false positive in a hundred.
    pub recall: Option<Interval>,
    /// The share of the ring that the audit flags.
    pub flagged: Option<Interval>,
}

/// One kind of ring.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindFound {
    /// Its name.
    pub name: &'static str,
    /// What was aimed at.
    pub aim: Option<Aim>,
    /// Of the AUC and of the recall.
    pub verdicts: [Option<Verdict>; 2],
    /// Over all cells and grounds.
    pub all: Figures,
    /// By ground.
    pub grounds: Vec<(String, Figures)>,
    /// By ring.
    pub rings: Vec<(String, Figures)>,
    /// Mean recall at each of [`Study::rates`].
    pub curve: Vec<f64>,
    /// Boards that were judged.
    pub boards: usize,
    /// Rings that had no place on a board, and why the last had none.
    pub refused: Option<(usize, String)>,
    /// What a ring that adapts settled on, by ground and ring.
    pub adapted: Vec<Settled>,
}

/// One signal alone, with one ring on one ground.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alone {
    /// Its name; the product's score stands beside the signals.
    pub signal: &'static str,
    /// The ring's name.
    pub kind: &'static str,
    /// The ring.
    pub ring: String,
    /// Where.
    pub ground: String,
    /// Against all others.
    pub auc: Option<Interval>,
    /// Against all others who wrote.
    pub auc_among_authors: Option<Interval>,
    /// At one false positive in a hundred.
    pub recall: Option<Interval>,
    /// Boards that were measured.
    pub boards: usize,
    /// Rings that had no place on a board, and why the last had none.
    pub refused: Option<(usize, String)>,
}

/// What a ring settled on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settled {
    /// Where.
    pub ground: String,
    /// How it votes.
    pub ring: String,
    /// The share of its members flagged in its rehearsals.
    pub flagged: f64,
    /// Ways that it rehearsed.
    pub tried: usize,
}

/// Rings against one behaviour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Against {
    /// Which.
    pub behaviour: String,
    /// The chance that a ring member's score is above one of theirs.
    pub auc: Option<Interval>,
    /// For those that look like rings.
    pub verdict: Option<Verdict>,
    /// The same for each kind of ring.
    pub by_kind: Vec<(&'static str, f64)>,
    /// Of these members, the share above the threshold of one false positive in a hundred, with rings there.
    pub above: f64,
}

/// A real board with nothing planted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Real {
    /// Its name.
    pub board: String,
    /// Its members.
    pub members: usize,
    /// Flagged in an audit of all of it.
    pub flagged: usize,
    /// Whether that is at most one in a hundred, and nobody is slashed.
    pub verdict: Verdict,
    /// The share flagged if only half of the voters had come, for many random halves: how far chance goes.
    pub halves: Option<Interval>,
    /// Halves that nobody judges, because too few are active.
    pub halves_not_judged: usize,
    /// The largest of these shares.
    pub worst_half: f64,
    /// Windows with enough active members.
    pub windows: u64,
    /// Members times those.
    pub epochs: u64,
    /// Flagged there.
    pub epochs_flagged: u64,
    /// Discounted there.
    pub epochs_discounted: u64,
    /// Slashed.
    pub slashed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_seed_meets_is_in_doubt_and_what_it_misses_is_not_met() {
        let one = Interval {
            mean: 0.9,
            low: None,
            high: None,
        };
        assert_eq!(Verdict::at_least(one, 0.8), Verdict::InDoubt);
        assert_eq!(Verdict::at_least(one, 0.95), Verdict::NotMet);
        assert_eq!(Verdict::at_most(one, 0.95), Verdict::InDoubt);
        assert_eq!(Verdict::at_most(one, 0.8), Verdict::NotMet);
        let many = Interval {
            low: Some(0.85),
            high: Some(0.93),
            ..one
        };
        assert_eq!(Verdict::at_least(many, 0.8), Verdict::Met);
        assert_eq!(Verdict::at_most(many, 0.92), Verdict::InDoubt);
    }
}
