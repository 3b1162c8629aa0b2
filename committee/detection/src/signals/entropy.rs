//! How varied an author's voters are: Shannon's entropy of who gave the votes, normalised for their number.
//!
//! `H = -Σ c/n·ln(c/n)`, where `n` votes for an author's posts came from voters who gave `c` each (Shannon:
//! "A mathematical theory of communication", Bell System Technical Journal 27, 1948). Of few votes the
//! entropy is small whoever gave them (Miller: "Note on the bias of information estimates", 1955), so it is
//! divided by what it would be on average if the same number of votes were drawn from all other members by
//! their activity. A voter with share `π` then gave `c` votes with binomial chance, and because
//! `c·B(c; n, π) = n·π·B(c - 1; n - 1, π)` the expectation is `Σ π·(ln n - E[ln(1 + J)])`, with `J` binomial of
//! `n - 1` trials: exact, but for shares being counted in bands where there are many.
//!
//! One member has one vote per post, so the votes of an author with one post are always all different;
//! it is authors with several posts of whom a low figure says something.

use std::collections::HashMap;

use crate::signals::significance::ln_factorial;
use crate::signals::support::banded;
use crate::votes::{Board, MemberId, Stance};

/// Activities that are counted apart; more are put in bands.
const APART: usize = 64;
/// Bands of activity for each factor of two.
const BANDS: f64 = 8.0;

/// How varied an author's voters are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entropy {
    /// Upvotes.
    pub votes: u32,
    /// The entropy of who gave them, in nats.
    pub entropy: f64,
    /// What it would be on average, drawn by activity.
    pub expected: f64,
}

impl Entropy {
    /// Entropy by expectation: about one if drawn by activity, less if the same few vote again and again.
    pub fn normalised(&self) -> Option<f64> {
        (self.expected > 0.0).then(|| self.entropy / self.expected)
    }
}

/// For each member, the entropy of who voted for its posts; none for fewer than two votes.
pub fn entropy(board: &Board) -> Vec<Option<Entropy>> {
    let mut given = vec![0_u32; board.members()];
    let mut voters: Vec<Vec<u32>> = vec![Vec::new(); board.members()];
    for vote in board.votes().iter().filter(|v| v.stance == Stance::Up) {
        given[vote.member.at()] += 1;
        voters[board.post(vote.post).author.at()].push(vote.member.0);
    }
    let all: f64 = given.iter().map(|g| f64::from(*g)).sum();
    let activities = activities(&given);
    let mut known: HashMap<(u32, u32), f64> = HashMap::new();
    let measure = |(author, voters): (u32, &mut Vec<u32>)| {
        let votes = voters.len() as u32;
        if votes < 2 {
            return None;
        }
        voters.sort_unstable();
        let n = f64::from(votes);
        let entropy = voters.chunk_by(|a, b| a == b).map(|same| {
            let share = same.len() as f64 / n;
            -share * share.ln()
        });
        let own = given[MemberId(author).at()];
        let expected = known.entry((votes, own)).or_insert_with(|| {
            let others = all - f64::from(own);
            let term = |activity: f64| drawn(votes, activity / others);
            let everybody: f64 = activities.iter().map(|(count, a)| count * term(*a)).sum();
            everybody - if own > 0 { term(f64::from(own)) } else { 0.0 }
        });
        Some(Entropy {
            votes,
            entropy: entropy.sum(),
            expected: *expected,
        })
    };
    (0..).zip(&mut voters).map(measure).collect()
}

/// How many members gave how many votes.
fn activities(given: &[u32]) -> Vec<(f64, f64)> {
    let mut distinct: Vec<u32> = given.iter().copied().filter(|g| *g > 0).collect();
    distinct.sort_unstable();
    let exact: Vec<(f64, f64)> = distinct
        .chunk_by(|a, b| a == b)
        .filter_map(|same| Some((same.len() as f64, f64::from(*same.first()?))))
        .collect();
    if exact.len() <= APART {
        return exact;
    }
    banded(given.iter().map(|g| f64::from(*g)), BANDS)
}

/// What a voter with a share of the activity adds to the expected entropy of `votes` votes.
fn drawn(votes: u32, share: f64) -> f64 {
    let share = share.min(1.0);
    let n = f64::from(votes);
    if share >= 1.0 {
        return 0.0;
    }
    let trials = n - 1.0;
    let odds = share / (1.0 - share);
    // From the most likely number of further votes upwards and downwards, until nothing is added.
    let mode = (n * share).floor().min(trials);
    let ways = ln_factorial(trials) - ln_factorial(mode) - ln_factorial(trials - mode);
    let top = (ways + mode * share.ln() + (trials - mode) * (-share).ln_1p()).exp();
    let mut mean = top * mode.ln_1p();
    let (mut chance, mut j) = (top, mode);
    while j < trials && chance > top * 1e-12 {
        chance *= (trials - j) / (j + 1.0) * odds;
        j += 1.0;
        mean += chance * j.ln_1p();
    }
    let (mut chance, mut j) = (top, mode);
    while j > 0.0 && chance > top * 1e-12 {
        chance *= j / (trials - j + 1.0) / odds;
        j -= 1.0;
        mean += chance * j.ln_1p();
    }
    share * (n.ln() - mean)
}
