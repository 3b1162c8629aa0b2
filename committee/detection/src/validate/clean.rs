//! What befalls the honest: boards with nothing planted, cut into windows of time, each judged.
//!
//! A member-epoch is a member who cast a vote in a window. Whoever was only voted for there did nothing that
//! could be held against anybody, and would only make the shares smaller. Windows with too few active members
//! are judged by nobody and give none.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::cases::{DISCOUNTED, LEAST_EPOCHS, LIKE_RINGS, SLASHED};
use super::metrics::{Interval, at_most, over_seeds};
use super::results::Verdict;
use super::{Look, Seen};
use crate::economy::windows::{NotCut, pseudonym};
use crate::epochs::{Epoch, case, epochs, suspected};
use crate::judge::judge;
use crate::policy::discount::{Discount, by_member};
use crate::policy::inputs::{ActiveMembers, PassRate, Pseudonym};
use crate::policy::slash::{Immune, Slash, Spent};
use crate::simulate::behaviour::Behaviour;
use crate::simulate::population::Synthetic;
use crate::votes::{Board, MemberId, PostId, Stance};

/// Weights this close to one are one: sums of floating numbers differ in their last digits.
const WHOLE: f64 = 1.0 - 1e-9;

/// What befell some members.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// Members times windows in which they cast a vote.
    pub epochs: u64,
    /// Of these, those whose score the audit of the window flags.
    pub flagged: u64,
    /// Of these, those of whose votes in the window one counted for less.
    pub discounted: u64,
    /// What their votes lost, in votes.
    pub lost: f64,
    /// Votes for something that they cast.
    pub support: u64,
    /// Members against whom there were grounds for a strike, once for each.
    pub slashed: u64,
    /// Members who cast a vote, once for each, where the board can be judged as a whole.
    pub members: u64,
    /// Of these, those whom the audit of the whole board flags.
    pub whole_flagged: u64,
    /// Of these, those whose support that audit says should count for less.
    pub whole_discounted: u64,
}

impl Tally {
    fn add(&mut self, more: &Self) {
        self.epochs += more.epochs;
        self.flagged += more.flagged;
        self.discounted += more.discounted;
        self.lost += more.lost;
        self.support += more.support;
        self.slashed += more.slashed;
        self.members += more.members;
        self.whole_flagged += more.whole_flagged;
        self.whole_discounted += more.whole_discounted;
    }
}

/// What happened on one board with nothing planted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Happened {
    /// By behaviour, if the board is made up.
    pub by: BTreeMap<Behaviour, Tally>,
    /// Everybody.
    pub all: Tally,
    /// Windows that were judged.
    pub windows: u64,
}

/// Cuts a board into windows, and sees what befalls everybody. `done` is told for every window, whether there
/// are enough members in it or not.
///
/// # Errors
/// [`NotCut`].
pub fn happened(
    board: &Board,
    made: Option<&Synthetic>,
    window_ms: i64,
    look: Look<'_>,
    done: impl Fn(),
) -> Result<Happened, NotCut> {
    let epochs = epochs(board, window_ms, None)?;
    let mut happened = Happened::default();
    for epoch in &epochs {
        done();
        let (Some(own), Ok(_)) = (&epoch.board, &epoch.enough) else {
            continue;
        };
        happened.windows += 1;
        let seen = look(own);
        let lost = lost(own, epoch);
        for member in voters(own) {
            let mut tally = tally(own, member, seen.as_ref(), &lost);
            tally.epochs = 1;
            happened.all.add(&tally);
            if let Some(behaviour) = made.and_then(|made| made.behaviour(own, member)) {
                happened.by.entry(behaviour).or_default().add(&tally);
            }
        }
    }
    if let Some(seen) = look(board) {
        let less = counted_less(board);
        for member in voters(board) {
            let is = |list: &[bool]| u64::from(list.get(member.at()).copied().unwrap_or(false));
            let tally = Tally {
                members: 1,
                whole_flagged: is(&seen.flagged),
                whole_discounted: is(&less),
                ..Tally::default()
            };
            happened.all.add(&tally);
            if let Some(behaviour) = made.and_then(|made| made.behaviour(board, member)) {
                happened.by.entry(behaviour).or_default().add(&tally);
            }
        }
    }
    for member in accused(board, &epochs) {
        happened.all.slashed += 1;
        if let Some(behaviour) = made.and_then(|made| made.behaviour(board, member)) {
            happened.by.entry(behaviour).or_default().slashed += 1;
        }
    }
    Ok(happened)
}

/// By member, whether an audit of the whole board says that its support should count for less.
fn counted_less(board: &Board) -> Vec<bool> {
    let (Ok(enough), Ok(verdict)) = (ActiveMembers::of(board), judge(board)) else {
        return vec![false; board.members()];
    };
    let suspicions = Discount::default().suspicions(enough, &suspected(board, &verdict));
    let weights = suspicions.over(board, |_| PassRate::ONE);
    let counted = by_member(board, &weights).into_iter();
    counted.map(|weight| weight.get() < WHOLE).collect()
}

/// Those who cast a vote.
pub(super) fn voters(board: &Board) -> impl Iterator<Item = MemberId> {
    let members = (0..board.members() as u32).map(MemberId);
    members.filter(|member| board.votes_of(*member).len() > 0)
}

fn tally(board: &Board, member: MemberId, seen: Option<&Seen>, lost: &[f64]) -> Tally {
    let flagged = seen.and_then(|seen| seen.flagged.get(member.at()).copied());
    let lost = lost.get(member.at()).copied().unwrap_or(0.0);
    let up = board.votes_of(member).filter(|v| v.stance == Stance::Up);
    Tally {
        flagged: u64::from(flagged.unwrap_or(false)),
        discounted: u64::from(lost > 0.0),
        lost,
        support: up.count() as u64,
        ..Tally::default()
    }
}

/// By member, what the discount takes of its votes in a window, in votes.
pub(super) fn lost(board: &Board, epoch: &Epoch) -> Vec<f64> {
    let mut lost = vec![0.0; board.members()];
    let Ok(enough) = epoch.enough else {
        return lost;
    };
    let suspicions = Discount::default().suspicions(enough, &epoch.structure);
    for post in (0..board.posts() as u32).map(PostId) {
        let up = board.votes_on(post).filter(|v| v.stance == Stance::Up);
        let voters: BTreeMap<Pseudonym, MemberId> =
            up.map(|v| (pseudonym(board, v.member), v.member)).collect();
        let votes: Vec<(Pseudonym, PassRate)> = voters
            .keys()
            .map(|voter| (voter.clone(), PassRate::ONE))
            .collect();
        let author = pseudonym(board, board.post(post).author);
        for (voter, weight) in suspicions.weights(&author, &votes) {
            let lost = voters
                .get(&voter)
                .and_then(|member| lost.get_mut(member.at()));
            if let (Some(lost), true) = (lost, weight.get() < WHOLE) {
                *lost += 1.0 - weight.get();
            }
        }
    }
    lost
}

/// Members against whom there are grounds for a strike, with nothing held against anybody before.
pub fn accused(board: &Board, epochs: &[Epoch]) -> Vec<MemberId> {
    let findings = epochs.iter().flat_map(|epoch| &epoch.findings);
    let named: BTreeSet<&Pseudonym> = findings.map(|finding| &finding.member).collect();
    let (rules, spent, immune) = (Slash::default(), Spent::default(), Immune::default());
    let members = (0..board.members() as u32).map(MemberId);
    members
        .filter(|member| {
            let name = pseudonym(board, *member);
            named.contains(&name) && case::against(&name, epochs, &rules, &spent, &immune).is_ok()
        })
        .collect()
}

/// What befell the honest of one behaviour, over all seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Befell {
    /// Whom.
    pub who: String,
    /// Members times windows in which they cast a vote.
    pub epochs: u64,
    /// The share flagged.
    pub flagged: Option<Interval>,
    /// The share discounted.
    pub discounted: Option<Interval>,
    /// Members of boards that were judged as a whole too.
    pub members: u64,
    /// The share of these flagged there.
    pub whole_flagged: Option<Interval>,
    /// The share of these whose support should count for less, by the audit of the whole board.
    pub whole_discounted: Option<Interval>,
    /// Of their support, the share that was lost by it.
    pub lost: f64,
    /// How many were slashed.
    pub slashed: u64,
    /// How many that may be in truth, at most: the 95 % bound.
    pub slashed_at_most: f64,
    /// Whether at most [`DISCOUNTED`] are discounted; for those who look like rings.
    pub discount_verdict: Option<Verdict>,
}

impl Befell {
    fn of(who: String, tallies: &[(u64, Tally)], aimed: bool) -> Self {
        let mut all = Tally::default();
        tallies.iter().for_each(|(_, tally)| all.add(tally));
        let some = || tallies.iter().filter(|(_, t)| t.epochs > 0);
        let share = |part: fn(&Tally) -> u64| {
            over_seeds(some().map(|(seed, t)| (*seed, part(t) as f64 / t.epochs as f64)))
        };
        let discounted = share(|t| t.discounted);
        let judged = || tallies.iter().filter(|(_, t)| t.members > 0);
        let of_members = |part: fn(&Tally) -> u64| {
            over_seeds(judged().map(|(seed, t)| (*seed, part(t) as f64 / t.members as f64)))
        };
        Self {
            who,
            epochs: all.epochs,
            flagged: share(|t| t.flagged),
            members: all.members,
            whole_flagged: of_members(|t| t.whole_flagged),
            whole_discounted: of_members(|t| t.whole_discounted),
            lost: all.lost / (all.support as f64).max(1.0),
            slashed: all.slashed,
            slashed_at_most: at_most(all.slashed),
            // Seeds that all have none say nothing of how many there may be: of few members, many.
            discount_verdict: discounted.filter(|_| aimed).map(|share| {
                let most = at_most(all.discounted) / all.epochs as f64;
                let high = share.high.is_some_and(|high| high.max(most) <= DISCOUNTED);
                Verdict::of(share.mean <= DISCOUNTED, high)
            }),
            discounted,
        }
    }
}

/// The clean run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clean {
    /// How long a window is.
    pub window_ms: i64,
    /// Boards that were made up.
    pub boards: usize,
    /// Seeds that they are of: what bounds of shares are over.
    pub seeds: usize,
    /// By behaviour.
    pub by: Vec<Befell>,
    /// All those who look like rings.
    pub like_rings: Befell,
    /// Everybody.
    pub all: Befell,
    /// Whether at most [`SLASHED`] of those who look like rings are slashed, on enough of them: beyond doubt
    /// only if the bound says so too.
    pub slash_verdict: Option<Verdict>,
}

impl Clean {
    /// Of what happened with each seed.
    pub fn of(window_ms: i64, happened: &[(u64, Happened)]) -> Self {
        let tallies = |behaviours: &[Behaviour]| -> Vec<(u64, Tally)> {
            let of = |(seed, happened): &(u64, Happened)| {
                let mut sum = Tally::default();
                let by = behaviours.iter().filter_map(|b| happened.by.get(b));
                by.for_each(|tally| sum.add(tally));
                (*seed, sum)
            };
            happened.iter().map(of).collect()
        };
        let by = Behaviour::ALL.iter().map(|behaviour| {
            let aimed = LIKE_RINGS.contains(behaviour);
            Befell::of(behaviour.to_string(), &tallies(&[*behaviour]), aimed)
        });
        let like_rings = Befell::of(
            "all that look like rings".into(),
            &tallies(&LIKE_RINGS),
            true,
        );
        let slash_verdict = (like_rings.epochs >= LEAST_EPOCHS).then(|| {
            let epochs = like_rings.epochs as f64;
            let seen = like_rings.slashed as f64 / epochs;
            Verdict::of(
                seen <= SLASHED,
                like_rings.slashed_at_most / epochs <= SLASHED,
            )
        });
        Self {
            window_ms,
            boards: happened.len(),
            seeds: (happened.iter().map(|(seed, _)| seed))
                .collect::<BTreeSet<_>>()
                .len(),
            by: by.filter(|befell| befell.epochs > 0).collect(),
            all: Befell::of("everybody".into(), &tallies(&Behaviour::ALL), false),
            like_rings,
            slash_verdict,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::economy::windows::numbers_of;
    use crate::simulate::population::Population;

    const WEEK: i64 = 7 * 24 * 60 * 60 * 1000;

    #[test]
    fn every_member_who_votes_in_a_window_counts_once_in_it() {
        let made = Population::plain(100, 14).board(2);
        let board = made.board().unwrap();
        let everybody = |board: &Board| {
            Some(Seen {
                scores: vec![0.0; board.members()],
                flagged: vec![true; board.members()],
            })
        };
        let told = std::cell::Cell::new(0);
        let done = || told.set(told.get() + 1);
        let found = happened(&board, Some(&made), WEEK, &everybody, done).unwrap();
        let numbers = numbers_of(&board, WEEK).unwrap().unwrap();
        assert_eq!(told.get(), numbers.count());
        let first = board.votes().first().unwrap().at_ms.div_euclid(WEEK);
        let members: u64 = (first..first + 4)
            .map(|week| board.within(week * WEEK..(week + 1) * WEEK))
            .filter(|window| window.active() >= 50)
            .map(|window| {
                // Some are there only because somebody voted for what they wrote.
                assert!(voters(&window).count() < window.members());
                voters(&window).count() as u64
            })
            .sum();
        assert!(found.windows >= 2 && members > 100);
        assert_eq!((found.all.epochs, found.all.flagged), (members, members));
        let by: u64 = found.by.values().map(|tally| tally.epochs).sum();
        assert_eq!(by, members);
        // And once on the whole board.
        let all = voters(&board).count() as u64;
        assert_eq!((found.all.members, found.all.whole_flagged), (all, all));
    }

    #[test]
    fn shares_are_of_members_times_windows() {
        let tally = |epochs, discounted| Tally {
            epochs,
            discounted,
            ..Tally::default()
        };
        let befell = Befell::of("x".into(), &[(1, tally(100, 1)), (2, tally(300, 9))], true);
        assert_eq!(befell.epochs, 400);
        assert!((befell.discounted.unwrap().mean - 0.02).abs() < 1e-12);
        assert_eq!(befell.discount_verdict, Some(Verdict::InDoubt));
        // None of two hundred says more than none of a hundred.
        let none = |epochs| {
            let tallies = [(1, tally(epochs, 0)), (2, tally(epochs, 0))];
            Befell::of("x".into(), &tallies, true).discount_verdict
        };
        assert_eq!(none(50), Some(Verdict::InDoubt));
        assert_eq!(none(100), Some(Verdict::Met));
    }

    #[test]
    fn nothing_is_said_of_slashes_before_enough_was_seen() {
        let one = |epochs| {
            let tally = Tally {
                epochs,
                ..Tally::default()
            };
            let by = BTreeMap::from([(Behaviour::FanClub, tally)]);
            let happened = Happened {
                by,
                ..Happened::default()
            };
            Clean::of(WEEK, &[(1, happened)]).slash_verdict
        };
        assert_eq!(one(LEAST_EPOCHS - 1), None);
        // None in thirty thousand: by the rule of three the bound is just reached.
        assert_eq!(one(LEAST_EPOCHS), Some(Verdict::Met));
    }
}
