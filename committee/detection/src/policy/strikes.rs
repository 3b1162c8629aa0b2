//! What a member has, and what each strike takes: the rewards of the windows that the case is about first,
//! then a percentage of the stake. Percentages alone don't make a ring lose: a ring that earned ten times
//! its stake laughs at all of it.
//!
//! Amounts are whole units. A strike never takes more than what is there, and a share that is no whole
//! number of units is rounded down, in the member's favour. Units move and are never made or lost:
//! [`Record::total`] is the same before and after everything but what the member pays in or out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::appeals::{Case, Closed, Outcome};
use super::inputs::{Pseudonym, WindowId};
use super::slash::Spent;

/// An amount of whatever stakes and rewards are paid in, in its smallest units.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Units(pub u64);

impl Units {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// A percentage of it, rounded down.
    pub fn percent(self, percent: Percent) -> Self {
        // At most the amount itself, since a percentage is at most 100: it fits.
        let share = u128::from(self.0) * u128::from(percent.0) / 100;
        Self(u64::try_from(share).unwrap_or(self.0))
    }

    /// What is left, or nothing.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The sum. A record's total fits (it is checked when units come in), and so do all its parts.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A whole percentage, at most 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Which strike it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strike {
    /// Takes a quarter of the stake.
    First,
    /// Takes half of it.
    Second,
    /// Takes all of it, and reputation starts again from nothing. So does every later one.
    Third,
}

impl Strike {
    /// The strike that follows so many that stand.
    pub fn after(standing: usize) -> Self {
        match standing {
            0 => Self::First,
            1 => Self::Second,
            _ => Self::Third,
        }
    }

    /// What it takes of the stake.
    pub fn percent(self) -> Percent {
        match self {
            Self::First => Percent(25),
            Self::Second => Percent(50),
            Self::Third => Percent(100),
        }
    }

    /// Whether reputation starts again from nothing.
    pub fn resets_reputation(self) -> bool {
        match self {
            Self::First | Self::Second => false,
            Self::Third => true,
        }
    }
}

/// What a strike takes, and from where; that much is held from the day the case opens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// Rewards clawed back that were not paid out yet.
    pub rewards: Units,
    /// Rewards clawed back that had been paid out: as much of the stake.
    pub rewards_from_stake: Units,
    /// The percentage of the stake.
    pub stake: Units,
}

impl Taken {
    /// Works out what a strike takes: first the rewards, from the balance and, where they were paid out,
    /// from the stake; then the percentage of the stake as it was before, as far as that much is left.
    pub fn of(account: Account, rewards: u128, strike: Strike) -> Self {
        let clawed =
            |from: Units, owed: u128| Units(u64::try_from(owed).unwrap_or(u64::MAX).min(from.0));
        let from_balance = clawed(account.balance, rewards);
        let from_stake = clawed(account.stake, rewards - u128::from(from_balance.0));
        let share = account.stake.percent(strike.percent());
        Self {
            rewards: from_balance,
            rewards_from_stake: from_stake,
            stake: share.min(account.stake.less(from_stake)),
        }
    }

    /// All of it.
    pub fn total(self) -> Units {
        self.rewards.and(self.from_stake())
    }

    /// What came out of the stake.
    pub fn from_stake(self) -> Units {
        self.rewards_from_stake.and(self.stake)
    }
}

/// What a member has and may lose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// What it vouches with.
    pub stake: Units,
    /// Rewards that weren't paid out yet.
    pub balance: Units,
    /// Standing that votes gave; no amount, and nothing to be paid with.
    pub reputation: u64,
}

/// A member's account and history. Every change gives a new record; none can be had without its rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub(super) member: Pseudonym,
    pub(super) account: Account,
    pub(super) earned: BTreeMap<WindowId, Units>,
    pub(super) forfeited: Units,
    pub(super) spent: Spent,
    pub(super) open: Option<Case>,
    pub(super) closed: Vec<Closed>,
}

/// Why units can't be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBooked {
    /// More than can be counted.
    #[error("a member can't have more than {} units in all", u64::MAX)]
    TooMuch,
    /// A reward for a window that is held or forfeited.
    #[error("{window} was judged: its rewards are held or clawed back")]
    Judged {
        /// Which.
        window: WindowId,
    },
    /// More than is there.
    #[error("{} units can't be paid out of {}", .wanted.0, .there.0)]
    NotThere {
        /// How much was to be paid out.
        wanted: Units,
        /// How much there is.
        there: Units,
    },
}

impl Record {
    /// A member with a stake and no history.
    pub fn new(member: Pseudonym, stake: Units, reputation: u64) -> Self {
        let account = Account {
            stake,
            balance: Units::ZERO,
            reputation,
        };
        Self {
            member,
            account,
            earned: BTreeMap::new(),
            forfeited: Units::ZERO,
            spent: Spent::default(),
            open: None,
            closed: Vec::new(),
        }
    }

    /// Books a window's reward.
    ///
    /// # Errors
    /// [`NotBooked`], if the window was judged, or if it is more than can be counted.
    pub fn rewarded(&self, window: WindowId, reward: Units) -> Result<Self, NotBooked> {
        if self.is_judged(window) {
            return Err(NotBooked::Judged { window });
        }
        if self.total() + u128::from(reward.0) > u128::from(u64::MAX) {
            return Err(NotBooked::TooMuch);
        }
        let mut next = self.clone();
        next.account.balance = next.account.balance.and(reward);
        let earned = next.earned.entry(window).or_default();
        *earned = earned.and(reward);
        Ok(next)
    }

    /// Pays out rewards that aren't held.
    ///
    /// # Errors
    /// [`NotBooked::NotThere`], if there are fewer.
    pub fn paid_out(&self, wanted: Units) -> Result<Self, NotBooked> {
        let there = self.account.balance;
        if wanted > there {
            return Err(NotBooked::NotThere { wanted, there });
        }
        let mut next = self.clone();
        next.account.balance = there.less(wanted);
        Ok(next)
    }

    /// Whether a window's rewards are held or forfeited.
    pub fn is_judged(&self, window: WindowId) -> bool {
        let executed = |closed: &&Closed| closed.outcome == Outcome::Executed;
        let taken = self
            .closed
            .iter()
            .filter(executed)
            .map(|closed| &closed.case);
        let mut cases = self.open.iter().chain(taken);
        cases.any(|case| case.grounds().windows().contains(&window))
    }

    /// Whose.
    pub fn member(&self) -> &Pseudonym {
        &self.member
    }

    /// What the member has, without what is held.
    pub fn account(&self) -> Account {
        self.account
    }

    /// What an open case holds.
    pub fn held(&self) -> Units {
        self.open
            .as_ref()
            .map_or(Units::ZERO, |case| case.taken().total())
    }

    /// What strikes took for good.
    pub fn forfeited(&self) -> Units {
        self.forfeited
    }

    /// Everything: stake, rewards, what is held and what was forfeited.
    pub fn total(&self) -> u128 {
        let parts = [
            self.account.stake,
            self.account.balance,
            self.held(),
            self.forfeited,
        ];
        parts.iter().map(|units| u128::from(units.0)).sum()
    }

    /// Strikes that stand.
    pub fn strikes(&self) -> usize {
        let executed = |closed: &&Closed| closed.outcome == Outcome::Executed;
        self.closed.iter().filter(executed).count()
    }

    /// What can't be used against the member again.
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// The case that is open.
    pub fn open(&self) -> Option<&Case> {
        self.open.as_ref()
    }

    /// Cases that are over, the oldest first.
    pub fn closed(&self) -> &[Closed] {
        &self.closed
    }

    /// What the member earned in these windows, paid out or not.
    pub(super) fn earned_in(&self, windows: &BTreeSet<WindowId>) -> u128 {
        let earned = windows.iter().filter_map(|window| self.earned.get(window));
        earned.map(|units| u128::from(units.0)).sum()
    }
}
