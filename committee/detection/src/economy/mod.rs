//! What a ring earns and loses: stakes, rewards, costs and the return on what was invested, with each layer
//! of defence or without it, given what the detector found in each window.
//!
//! A pure function of votes and findings; nothing is detected and nothing is drawn here. Everything that a
//! measure does is done by [`policy`](crate::policy) itself, so that what is priced here is what would
//! happen. In doubt the ring is taken to be clever: it pays its rewards out as soon as the terms let it.

mod counting;
pub mod interval;
pub mod simulation;
mod terms;
pub mod windows;

use std::collections::{BTreeMap, BTreeSet};

use self::counting::{Counting, Earned, earned, paid};
use self::interval::Interval;
pub use self::terms::{Layers, Slashing, Terms};
use crate::policy::appeals::{Closed, Decision, Explained, Outcome};
use crate::policy::discount::Structure;
use crate::policy::inputs::{
    ActiveMembers, CaseText, Finding, Kind, PassRate, Pseudonym, Quality, WindowId,
};
use crate::policy::slash::{Immune, Slash};
use crate::policy::strikes::{Record, Units};

/// Milliseconds of a year of 365 days.
pub const YEAR_MS: f64 = 365.0 * 24.0 * 60.0 * 60.0 * 1000.0;

/// A post and the votes for it within its window.
#[derive(Debug, Clone, PartialEq)]
pub struct Supported {
    /// Who wrote it.
    pub author: Pseudonym,
    /// How good it is.
    pub quality: Quality,
    /// Who voted for it, and how attentive each is.
    pub votes: Vec<(Pseudonym, PassRate)>,
}

/// What happened in a window, and what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Which. Windows follow each other in the order of the list they stand in.
    pub id: WindowId,
    /// How many were active; if too few, nothing that was found is acted on.
    pub active: u32,
    /// Posts of the members in question, with the votes of this window.
    pub posts: Vec<Supported>,
    /// How many posts the members in question wrote in it.
    pub posts_written: u64,
    /// Votes of the members in question, those for others' posts too.
    pub votes_cast: u64,
    /// How many posts each member of the board supported in it; those who supported none may be missing.
    pub given: BTreeMap<Pseudonym, u64>,
    /// What else it cost them: bribes.
    pub extra_cost: Units,
    /// Structure evidence about anybody.
    pub structure: Vec<Structure<Pseudonym>>,
    /// Findings about the members in question.
    pub findings: Vec<Finding>,
}

/// How a group fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Books {
    /// What its posts earned.
    pub rewards: u128,
    /// What the same posts would have earned without the group's votes for each other: nobody is suspected.
    pub honest_rewards: u128,
    /// What posts, votes, accounts and bribes cost.
    pub costs: u128,
    /// What that would have been without the group's votes for each other and without bribes.
    pub honest_costs: u128,
    /// What its members vouched with.
    pub stakes: u128,
    /// Rewards that were clawed back.
    pub clawed_back: u128,
    /// What strikes took of stakes, beyond rewards.
    pub slashed: u128,
    /// What stakes are short of after all: what was slashed, and what stood in for rewards paid out.
    pub stakes_lost: u128,
    /// Strikes that were carried out.
    pub strikes: u64,
}

impl Books {
    /// What is left: rewards that were kept, less costs and what was slashed.
    pub fn profit(&self) -> f64 {
        self.rewards as f64 - self.clawed_back as f64 - self.costs as f64 - self.slashed as f64
    }

    /// The return on investment: profit over stakes and costs; 10 is a gain of 1000 %.
    pub fn return_on_investment(&self) -> f64 {
        over(self.profit(), self.invested())
    }

    /// The same for what being a ring adds to writing the same posts honestly.
    pub fn return_over_honesty(&self) -> f64 {
        let honest = self.honest_rewards as f64 - self.honest_costs as f64;
        over(self.profit() - honest, self.invested())
    }

    /// The share of the stakes that a year of this takes, if `span_ms` was observed.
    pub fn stake_lost_per_year(&self, span_ms: i64) -> f64 {
        over(self.stakes_lost as f64, self.stakes as f64) * over(YEAR_MS, span_ms as f64)
    }

    fn invested(&self) -> f64 {
        self.stakes as f64 + self.costs as f64
    }
}

/// A ratio; nothing over nothing is nothing.
fn over(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// How a group fares over these windows. `cleared` are those whose appeals are won; nobody else appeals.
/// After the last window, cases that are open still run to their end.
pub fn fare(
    members: &BTreeSet<Pseudonym>,
    windows: &[Window],
    terms: &Terms,
    layers: Layers,
    cleared: &BTreeSet<Pseudonym>,
) -> Books {
    let earnings = Earnings::of(members, windows, terms.reward, layers);
    earnings.fare(members, windows, terms, layers, cleared)
}

/// The records of a group's members after all windows, with all that followed from them.
pub fn records(
    members: &BTreeSet<Pseudonym>,
    windows: &[Window],
    terms: &Terms,
    layers: Layers,
) -> Vec<Record> {
    let earnings = Earnings::of(members, windows, terms.reward, layers);
    let of = |member| {
        let seen = windows.iter().zip(&earnings.by_window);
        judged(member, seen, terms, layers, false)
    };
    members.iter().map(of).collect()
}

/// What a group's posts earned: the part of its books that depends on votes.
struct Earnings {
    by_window: Vec<Earned>,
    /// Without the group's votes for each other, and with nobody suspected.
    honest: u128,
    inner_votes: Vec<u64>,
}

impl Earnings {
    fn of(
        members: &BTreeSet<Pseudonym>,
        windows: &[Window],
        reward: Units,
        layers: Layers,
    ) -> Self {
        let mut earnings = Self {
            by_window: windows.iter().map(|w| earned(w, reward, layers)).collect(),
            honest: 0,
            inner_votes: Vec::with_capacity(windows.len()),
        };
        for window in windows {
            let mut inner_votes = 0_u64;
            let honestly = Counting::without(window, layers, members);
            for post in &window.posts {
                let outer = |voter: &Pseudonym| !members.contains(voter);
                let inner = post.votes.iter().filter(|(voter, _)| !outer(voter));
                inner_votes += inner.count() as u64;
                let alone = honestly.value(post, outer);
                earnings.honest += u128::from(paid(alone, reward).0);
            }
            earnings.inner_votes.push(inner_votes);
        }
        earnings
    }

    fn fare(
        &self,
        members: &BTreeSet<Pseudonym>,
        windows: &[Window],
        terms: &Terms,
        layers: Layers,
        cleared: &BTreeSet<Pseudonym>,
    ) -> Books {
        let accounts = members.len() as u128;
        let account_costs = accounts * u128::from(terms.account_cost.0);
        let earned = self.by_window.iter().flat_map(BTreeMap::values);
        let mut books = Books {
            rewards: earned.map(|units| u128::from(units.0)).sum(),
            honest_rewards: self.honest,
            stakes: accounts * u128::from(terms.stake.0),
            costs: account_costs,
            honest_costs: account_costs,
            ..Books::default()
        };
        for (window, inner_votes) in windows.iter().zip(&self.inner_votes) {
            books.count(window, *inner_votes, terms);
        }
        if layers.slashing != Slashing::Off {
            for member in members {
                let wins = cleared.contains(member);
                let seen = windows.iter().zip(&self.by_window);
                books.take(&judged(member, seen, terms, layers, wins));
            }
        }
        books
    }
}

impl Books {
    fn count(&mut self, window: &Window, inner_votes: u64, terms: &Terms) {
        let cost = |votes: u64| {
            let posts = u128::from(window.posts_written) * u128::from(terms.post_cost.0);
            posts + u128::from(votes) * u128::from(terms.vote_cost.0)
        };
        self.costs += cost(window.votes_cast) + u128::from(window.extra_cost.0);
        self.honest_costs += cost(window.votes_cast.saturating_sub(inner_votes));
    }

    fn take(&mut self, record: &Record) {
        for executed in record.closed().iter().filter(|c| is_executed(c)) {
            let taken = executed.case.taken();
            let stood_in = u128::from(taken.rewards_from_stake.0);
            self.clawed_back += u128::from(taken.rewards.0) + stood_in;
            self.slashed += u128::from(taken.stake.0);
            self.stakes_lost += u128::from(taken.from_stake().0);
            self.strikes += 1;
        }
    }
}

fn is_executed(closed: &Closed) -> bool {
    closed.outcome == Outcome::Executed
}

/// A group and what happened to it, with one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Its members.
    pub members: BTreeSet<Pseudonym>,
    /// In the order of time.
    pub windows: Vec<Window>,
}

/// What one of [`Layers::COMPARED`] leaves to a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Returns {
    /// The defences' name.
    pub name: &'static str,
    /// [`Books::return_on_investment`].
    pub on_investment: Interval,
    /// [`Books::return_over_honesty`].
    pub over_honesty: Interval,
}

/// What each set of defences leaves to a group that wins no appeal, over runs with different seeds. `None`
/// for fewer than two runs.
pub fn compared(runs: &[Run], terms: &Terms, seed: u64) -> Option<Vec<Returns>> {
    let books: Vec<Vec<Books>> = runs.iter().map(|run| Priced::of(run).all(terms)).collect();
    returns(&books, seed)
}

/// The same of books that were drawn up before, for each run those of [`Layers::COMPARED`].
pub fn returns(books: &[Vec<Books>], seed: u64) -> Option<Vec<Returns>> {
    let of = |(place, (name, _)): (usize, (&'static str, Layers))| {
        let over = |figure: fn(&Books) -> f64| {
            let figures = books.iter().filter_map(|of_run| of_run.get(place));
            let figures: Vec<f64> = figures.map(figure).collect();
            interval::mean(&figures, seed)
        };
        Some(Returns {
            name,
            on_investment: over(Books::return_on_investment)?,
            over_honesty: over(Books::return_over_honesty)?,
        })
    };
    Layers::COMPARED.into_iter().enumerate().map(of).collect()
}

/// A run whose books can be drawn up for many terms and defences: what posts earn is counted once for each
/// set of defences that changes it, and terms must agree on what a vote brings.
pub struct Priced<'a> {
    run: &'a Run,
    earnings: BTreeMap<(Layers, Units), Earnings>,
}

impl<'a> Priced<'a> {
    /// A run that nothing was counted of yet.
    pub fn of(run: &'a Run) -> Self {
        Self {
            run,
            earnings: BTreeMap::new(),
        }
    }

    /// As [`fare`], of a group that wins no appeal.
    pub fn fare(&mut self, terms: &Terms, layers: Layers) -> Books {
        let Run { members, windows } = self.run;
        // Strikes change nothing of what posts earn.
        let earning = Layers {
            slashing: Slashing::Off,
            ..layers
        };
        self.earnings
            .entry((earning, terms.reward))
            .or_insert_with(|| Earnings::of(members, windows, terms.reward, layers))
            .fare(members, windows, terms, layers, &BTreeSet::new())
    }

    /// With each of [`Layers::COMPARED`].
    pub fn all(&mut self, terms: &Terms) -> Vec<Books> {
        let layers = Layers::COMPARED.iter();
        layers
            .map(|(_, layers)| self.fare(terms, *layers))
            .collect()
    }
}

/// A member's record after all windows and all that followed from them.
fn judged<'a>(
    member: &Pseudonym,
    seen: impl Iterator<Item = (&'a Window, &'a Earned)>,
    terms: &Terms,
    layers: Layers,
    wins: bool,
) -> Record {
    let mut record = Record::new(member.clone(), terms.stake, 0);
    let mut immune = Immune::default();
    let mut findings: Vec<Finding> = Vec::new();
    let mut waiting: Vec<(WindowId, Units)> = Vec::new();
    let mut now_ms = 0_i64;
    for (window, earned) in seen {
        now_ms = now_ms.saturating_add(terms.window_ms);
        record = settled(record, now_ms, &immune);
        if layers.slashing == Slashing::ClawBack {
            let reward = earned.get(member).copied().unwrap_or_default();
            record = record.rewarded(window.id, reward).unwrap_or(record);
            waiting.push((window.id, reward));
        }
        let last_due = waiting
            .len()
            .checked_sub(terms.paid_out_after.saturating_add(1));
        if let Some((due, reward)) = last_due.and_then(|place| waiting.get(place))
            && !record.is_judged(*due)
        {
            record = record.paid_out(*reward).unwrap_or(record);
        }
        let Ok(enough) = ActiveMembers::new(window.active) else {
            continue;
        };
        findings.extend(
            window
                .findings
                .iter()
                .filter(|f| f.member == *member && (layers.quality || f.kind != Kind::Quality))
                .cloned(),
        );
        record = accused(record, &findings, enough, now_ms, terms, &immune);
        if wins && record.open().is_some() {
            let appeal = record.appealed(now_ms);
            let won = Decision::Cleared(Explained::OwnPart);
            let decided = appeal.map(|record| record.decided(won, now_ms));
            if let Ok(Ok(decided)) = decided {
                immune = immune.with(decided.refuted);
                record = decided.record;
            }
        }
    }
    settled(record, i64::MAX, &immune)
}

/// Opens a case if there are grounds for one.
fn accused(
    record: Record,
    findings: &[Finding],
    enough: ActiveMembers,
    now_ms: i64,
    terms: &Terms,
    immune: &Immune,
) -> Record {
    if record.open().is_some() {
        return record;
    }
    let Ok(text) = CaseText::new("A case of a simulation.") else {
        return record;
    };
    let (member, spent) = (record.member(), record.spent());
    let grounds = Slash::default().grounds(enough, member, findings, text, spent, immune);
    let opened = grounds.map(|grounds| record.opened(grounds, now_ms, terms.appeal, immune));
    match opened {
        Ok(Ok(opened)) => opened,
        _ => record,
    }
}

/// Carries out a case whose period is over.
fn settled(record: Record, now_ms: i64, immune: &Immune) -> Record {
    record.executed(now_ms, immune).unwrap_or(record)
}
