//! Whose votes count for less and whose stake is put at risk when there is a ring: its members', and whose
//! else.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cases::{SLASH_PRECISION, Scope};
use super::clean::{accused, lost, voters};
use super::detection::Site;
use super::metrics::at_most;
use super::results::Verdict;
use crate::economy::windows::NotCut;
use crate::economy::windows::pseudonym;
use crate::epochs::epochs;
use crate::policy::inputs::Pseudonym;
use crate::simulate::ring::{Ring, Synchrony};
use crate::votes::{MemberId, Stance};

/// Posts of each member: two in a week of a made-up board.
const POSTS_EACH: usize = 8;

/// The rings, by the name of their synchrony.
pub fn rings(scope: Scope) -> Vec<(&'static str, Ring)> {
    let (sizes, shares): (&[usize], &[f64]) = match scope {
        Scope::Quick => (&[10], &[0.4]),
        Scope::Whole => (&[10, 20, 35], &[0.2, 0.4]),
    };
    let mut rings = Vec::new();
    for (name, synchrony) in [
        ("synchronised", Synchrony::Minute),
        ("jittered", Synchrony::TenMinutes),
        ("organic", Synchrony::Organic),
    ] {
        for size in sizes {
            for share in shares {
                let ring = Ring {
                    synchrony,
                    share: *share,
                    posts_each: POSTS_EACH,
                    ..Ring::of(*size)
                };
                rings.push((name, ring));
            }
        }
    }
    rings
}

/// What happened on one board with a ring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Struck {
    /// Boards.
    pub boards: u64,
    /// Members of rings.
    pub ring: u64,
    /// Of these, those with grounds for a strike.
    pub ring_slashed: u64,
    /// Others with grounds for a strike, who weren't paid by the ring.
    pub honest_slashed: u64,
    /// Votes of the ring's members for each other.
    pub inside: u64,
    /// What the discount takes of its members' votes, in votes.
    pub ring_lost: f64,
    /// Others, once for each window in which they cast a vote.
    pub honest_epochs: u64,
    /// Of these, those of whose votes in the window one counted for less.
    pub honest_discounted: u64,
}

impl Struck {
    fn add(&mut self, more: Self) {
        self.boards += more.boards;
        self.ring += more.ring;
        self.ring_slashed += more.ring_slashed;
        self.honest_slashed += more.honest_slashed;
        self.inside += more.inside;
        self.ring_lost += more.ring_lost;
        self.honest_epochs += more.honest_epochs;
        self.honest_discounted += more.honest_discounted;
    }

    /// The share of the ring that is slashed.
    pub fn found(&self) -> f64 {
        self.ring_slashed as f64 / (self.ring as f64).max(1.0)
    }

    /// Of its members' votes for each other, the share that the discount takes.
    pub fn lost(&self) -> f64 {
        self.ring_lost / (self.inside as f64).max(1.0)
    }

    /// Of the others, the share that is discounted.
    pub fn wronged(&self) -> f64 {
        self.honest_discounted as f64 / (self.honest_epochs as f64).max(1.0)
    }
}

/// Cuts a board with a ring into windows, and sees who is discounted and who is slashed.
///
/// # Errors
/// [`NotCut`].
pub fn struck(site: &Site, window_ms: i64) -> Result<Struck, NotCut> {
    let board = site.board();
    let epochs = epochs(board, window_ms, None)?;
    let accused: BTreeSet<MemberId> = accused(board, &epochs).into_iter().collect();
    let count = |members: &[MemberId]| members.iter().filter(|m| accused.contains(m)).count();
    let names = |members: &[MemberId]| -> BTreeSet<Pseudonym> {
        members.iter().map(|m| pseudonym(board, *m)).collect()
    };
    let (ring, honest) = (names(site.ring()), names(site.honest()));
    let inside = board.votes().iter().filter(|vote| {
        let within = |member| site.ring().binary_search(&member).is_ok();
        vote.stance == Stance::Up && within(vote.member) && within(board.post(vote.post).author)
    });
    let mut struck = Struck {
        boards: 1,
        ring: site.ring().len() as u64,
        ring_slashed: count(site.ring()) as u64,
        honest_slashed: count(site.honest()) as u64,
        inside: inside.count() as u64,
        ..Struck::default()
    };
    for epoch in &epochs {
        let (Some(own), Ok(_)) = (&epoch.board, &epoch.enough) else {
            continue;
        };
        let lost = lost(own, epoch);
        for member in voters(own) {
            let lost = lost.get(member.at()).copied().unwrap_or(0.0);
            let name = pseudonym(own, member);
            if ring.contains(&name) {
                struck.ring_lost += lost;
            } else if honest.contains(&name) {
                struck.honest_epochs += 1;
                struck.honest_discounted += u64::from(lost > 0.0);
            }
        }
    }
    Ok(struck)
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Slashes {
    /// By synchrony and ground.
    pub by: Vec<(&'static str, String, Struck)>,
    /// The whole.
    pub all: Struck,
    /// Rings that had no place on a board.
    pub left_out: usize,
    /// Of all who are slashed, the share that are ring members; `None` if nobody is.
    pub precision: Option<f64>,
    /// What that may be in truth, at least: the 95 % bound.
    pub precision_at_least: Option<f64>,
    /// Whether that is [`SLASH_PRECISION`].
    pub verdict: Option<Verdict>,
}

impl Slashes {
    /// Of what happened with each ring, by synchrony and ground.
    pub fn of(
        struck: impl Iterator<Item = (&'static str, String, Struck)>,
        left_out: usize,
    ) -> Self {
        let mut by: BTreeMap<(&str, String), Struck> = BTreeMap::new();
        let mut all = Struck::default();
        for (name, ground, struck) in struck {
            by.entry((name, ground)).or_default().add(struck);
            all.add(struck);
        }
        let slashed = (all.ring_slashed + all.honest_slashed) as f64;
        let share = |honest: f64| (slashed > 0.0).then(|| (1.0 - honest / slashed).max(0.0));
        let precision = share(all.honest_slashed as f64);
        let precision_at_least = share(at_most(all.honest_slashed));
        let reaches = |share: f64| share >= SLASH_PRECISION;
        Self {
            by: by
                .into_iter()
                .map(|((name, ground), struck)| (name, ground, struck))
                .collect(),
            all,
            left_out,
            precision,
            precision_at_least,
            verdict: precision
                .zip(precision_at_least)
                .map(|(mean, low)| Verdict::of(reaches(mean), reaches(low))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_is_of_all_who_are_slashed_and_bounded_by_how_many_were_seen() {
        let of = |ring_slashed, honest_slashed| {
            let struck = Struck {
                boards: 1,
                ring: 1_000,
                ring_slashed,
                honest_slashed,
                ..Struck::default()
            };
            Slashes::of([("organic", "mixed".to_owned(), struck)].into_iter(), 0)
        };
        assert_eq!((of(0, 0).precision, of(0, 0).verdict), (None, None));
        assert_eq!(of(100, 0).precision, Some(1.0));
        // None of a hundred may still be three.
        assert_eq!(of(100, 0).verdict, Some(Verdict::InDoubt));
        assert_eq!(of(400, 0).verdict, Some(Verdict::Met));
        assert_eq!(of(90, 10).verdict, Some(Verdict::NotMet));
    }
}
