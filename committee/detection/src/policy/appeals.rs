//! A case from its opening to its end.
//!
//! Opening it holds what the strike would take, so that nobody runs off with it, and takes nothing. While
//! the period runs the member may appeal; a ballot or a panel decides, and what it decided comes in here. A
//! won appeal gives back all that was held, clears the strike, and makes the votes worthless as evidence against
//! this member for ever: whatever stands on them for a half or more is void. Whoever decides says what was
//! explained: the member's own part, or also moments, whose votes then count against nobody. An
//! appeal that nobody decided keeps the case from being carried out however long it takes. Nothing is
//! carried out before the period is over, whatever was decided.
//!
//! ```text
//! opened ──(the period ends without an appeal)──────────────▶ executed
//!    └─appealed─┬─decided: it stands, and the period ends───▶ executed
//!               └─decided: cleared──────────────────────────▶ cleared, all given back
//! ```
//! Where another member's appeal explained moments with at least half of a finding's votes meanwhile, the case falls instead of being
//! carried out, and all is given back too.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::inputs::VoteHash;
use super::slash::{Grounds, Immune, Refuted};
use super::strikes::{Record, Strike, Taken};

/// The shortest time to appeal in: a day. Nobody reads every hour.
pub const LEAST_PERIOD_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest: a year. What is held is out of the member's hands.
pub const MOST_PERIOD_MS: i64 = 365 * LEAST_PERIOD_MS;

/// How long a case is held open for an appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Period(i64);

/// A period nobody can live with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the time to appeal is {found} ms; it must be from {LEAST_PERIOD_MS} (a day) to {MOST_PERIOD_MS} (a year)"
)]
pub struct BadPeriod {
    /// What was given.
    pub found: i64,
}

impl Period {
    /// Two weeks.
    pub const TWO_WEEKS: Self = Self(14 * LEAST_PERIOD_MS);

    /// Takes a number of milliseconds.
    ///
    /// # Errors
    /// [`BadPeriod`], for less than a day or more than a year.
    pub fn new(ms: i64) -> Result<Self, BadPeriod> {
        if (LEAST_PERIOD_MS..=MOST_PERIOD_MS).contains(&ms) {
            Ok(Self(ms))
        } else {
            Err(BadPeriod { found: ms })
        }
    }
}

impl TryFrom<i64> for Period {
    type Error = BadPeriod;

    fn try_from(ms: i64) -> Result<Self, BadPeriod> {
        Self::new(ms)
    }
}

impl From<Period> for i64 {
    fn from(period: Period) -> Self {
        period.0
    }
}

/// What a ballot or panel decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The case stands: the appeal is lost.
    Stands,
    /// The member is cleared: the appeal is won.
    Cleared(Explained),
}

/// What a won appeal explained; whoever clears a member has to say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Explained {
    /// The member's own part in the votes: why *she* was there. It says nothing of anybody else.
    OwnPart,
    /// Moments themselves: a mail, a meeting, a broadcast that brought people there. These votes of the case are
    /// explained, whoever cast them and whomever they are held against.
    Moments(BTreeSet<VoteHash>),
}

/// Where a case stands with its appeal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Appeal {
    None,
    Filed { at_ms: i64 },
    Lost,
}

/// A case that is open, or was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    grounds: Grounds,
    strike: Strike,
    taken: Taken,
    opened_ms: i64,
    until_ms: i64,
    appeal: Appeal,
}

impl Case {
    /// What it stands on.
    pub fn grounds(&self) -> &Grounds {
        &self.grounds
    }

    /// Which strike it would be.
    pub fn strike(&self) -> Strike {
        self.strike
    }

    /// What is held.
    pub fn taken(&self) -> Taken {
        self.taken
    }

    /// From then on an appeal is late, and the case can be carried out.
    pub fn until_ms(&self) -> i64 {
        self.until_ms
    }
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// What was held is forfeited, and the strike stands.
    Executed,
    /// An appeal was won: all was given back, and the votes are worthless as evidence against this member.
    Cleared,
    /// Another member's appeal refuted the evidence: all was given back.
    Fallen,
}

/// A case that is over.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Closed {
    /// Which.
    pub case: Case,
    /// How it ended.
    pub outcome: Outcome,
    /// The reputation that it took.
    pub reputation_lost: u64,
}

/// Why a case can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// Against somebody else.
    #[error("the case is against {against} and the record is {of}'s")]
    AnotherMember {
        /// Against whom.
        against: super::inputs::Pseudonym,
        /// Whose record.
        of: super::inputs::Pseudonym,
    },
    /// One at a time: which strike it is depends on how the other ends.
    #[error("another case against this member is open; it has to end first")]
    AnotherOpen,
    /// A strike needs evidence of its own.
    #[error("an earlier case against this member stood on the same evidence or the same windows")]
    NotFresh,
    /// It was refuted.
    #[error("a won appeal refuted this evidence")]
    Refuted,
    /// A time at the end of time.
    #[error("the period would end after the last time there is")]
    Time,
}

/// Why an appeal isn't heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotHeard {
    /// Against what?
    #[error("no case against this member is open")]
    NoCase,
    /// Too soon.
    #[error("the case was opened at {opened_ms}; an appeal can't be earlier")]
    Early {
        /// When.
        opened_ms: i64,
    },
    /// Too late.
    #[error("appeals were heard until {until_ms}; this one is late")]
    Late {
        /// Until when.
        until_ms: i64,
    },
    /// One appeal for one case.
    #[error("this case was appealed against before")]
    Again,
}

/// Why a decision doesn't count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// On what?
    #[error("no case against this member is open")]
    NoCase,
    /// Nobody asked.
    #[error("nobody appealed against this case")]
    NoAppeal,
    /// Before it was asked for.
    #[error("the appeal was filed at {filed_ms}; a decision can't be earlier")]
    Early {
        /// When.
        filed_ms: i64,
    },
    /// Decisions are made once.
    #[error("the appeal was decided before")]
    Again,
    /// Nothing was explained for everybody.
    #[error("a moment was explained, and no vote of it is named")]
    NoMoment,
    /// Something else was explained.
    #[error("{votes} of the votes that were explained are none that the case stands on")]
    NotOfCase {
        /// How many.
        votes: usize,
    },
}

/// Why a case isn't carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotExecuted {
    /// Which?
    #[error("no case against this member is open")]
    NoCase,
    /// Never before the period ends.
    #[error("the time to appeal runs until {until_ms}")]
    Early {
        /// Until when.
        until_ms: i64,
    },
    /// Never before an appeal is decided.
    #[error("an appeal waits for its decision")]
    Undecided,
}

/// A decided appeal.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// The member's record after it.
    pub record: Record,
    /// What it explained, for [`Immune::with`]; nothing if it was lost.
    pub refuted: Option<Refuted>,
}

impl Explained {
    /// Votes of a case that are explained for everybody.
    fn moments(self, of_case: &BTreeSet<VoteHash>) -> Result<BTreeSet<VoteHash>, NotDecided> {
        let Self::Moments(votes) = self else {
            return Ok(BTreeSet::new());
        };
        match votes.difference(of_case).count() {
            0 if votes.is_empty() => Err(NotDecided::NoMoment),
            0 => Ok(votes),
            votes => Err(NotDecided::NotOfCase { votes }),
        }
    }
}

impl Record {
    /// Opens a case: holds what the strike takes, and marks the evidence and the windows as used.
    ///
    /// # Errors
    /// [`NotOpened`], if the case isn't against this member, if another is open, or if its evidence is not
    /// fresh.
    pub fn opened(
        &self,
        grounds: Grounds,
        at_ms: i64,
        period: Period,
        immune: &Immune,
    ) -> Result<Self, NotOpened> {
        if *grounds.member() != self.member {
            return Err(NotOpened::AnotherMember {
                against: grounds.member().clone(),
                of: self.member.clone(),
            });
        }
        if self.open.is_some() {
            return Err(NotOpened::AnotherOpen);
        }
        let used = !self.spent.digests.is_disjoint(grounds.digests())
            || !self.spent.windows.is_disjoint(grounds.windows());
        if used {
            return Err(NotOpened::NotFresh);
        }
        if grounds.is_void(immune) {
            return Err(NotOpened::Refuted);
        }
        let until_ms = at_ms.checked_add(period.0).ok_or(NotOpened::Time)?;
        let strike = Strike::after(self.strikes());
        let taken = Taken::of(self.account, self.earned_in(grounds.windows()), strike);
        let mut next = self.clone();
        next.account.balance = next.account.balance.less(taken.rewards);
        next.account.stake = next.account.stake.less(taken.from_stake());
        next.spent.digests.extend(grounds.digests());
        next.spent.windows.extend(grounds.windows());
        next.open = Some(Case {
            grounds,
            strike,
            taken,
            opened_ms: at_ms,
            until_ms,
            appeal: Appeal::None,
        });
        Ok(next)
    }

    /// Files the member's appeal.
    ///
    /// # Errors
    /// [`NotHeard`], if no case is open, or if it is too early, late, or not the first.
    pub fn appealed(&self, at_ms: i64) -> Result<Self, NotHeard> {
        let mut next = self.clone();
        let case = next.open.as_mut().ok_or(NotHeard::NoCase)?;
        if case.appeal != Appeal::None {
            return Err(NotHeard::Again);
        }
        if at_ms < case.opened_ms {
            return Err(NotHeard::Early {
                opened_ms: case.opened_ms,
            });
        }
        if at_ms >= case.until_ms {
            return Err(NotHeard::Late {
                until_ms: case.until_ms,
            });
        }
        case.appeal = Appeal::Filed { at_ms };
        Ok(next)
    }

    /// Takes the decision of the ballot or panel on the member's appeal. A won appeal gives everything back
    /// at once; a lost one changes nothing but that the case can be carried out after its period.
    ///
    /// # Errors
    /// [`NotDecided`], if there is no appeal to decide, if it is earlier than the appeal, or if it explains votes
    /// that the case doesn't stand on.
    pub fn decided(&self, decision: Decision, at_ms: i64) -> Result<Decided, NotDecided> {
        let mut next = self.clone();
        let mut case = next.open.take().ok_or(NotDecided::NoCase)?;
        match case.appeal {
            Appeal::None => return Err(NotDecided::NoAppeal),
            Appeal::Lost => return Err(NotDecided::Again),
            Appeal::Filed { at_ms: filed_ms } if at_ms < filed_ms => {
                return Err(NotDecided::Early { filed_ms });
            }
            Appeal::Filed { .. } => {}
        }
        let refuted = match decision {
            Decision::Stands => {
                case.appeal = Appeal::Lost;
                next.open = Some(case);
                None
            }
            Decision::Cleared(explained) => {
                let own = case.grounds.votes();
                let moments = explained.moments(&own)?;
                next.give_back(case, Outcome::Cleared);
                let member = next.member.clone();
                Some(Refuted {
                    member,
                    own,
                    moments,
                })
            }
        };
        Ok(Decided {
            record: next,
            refuted,
        })
    }

    /// Carries a case out, or lets it fall if its evidence was refuted meanwhile.
    ///
    /// # Errors
    /// [`NotExecuted`], before the period ends or an appeal is decided.
    pub fn executed(&self, at_ms: i64, immune: &Immune) -> Result<Self, NotExecuted> {
        let mut next = self.clone();
        let case = next.open.take().ok_or(NotExecuted::NoCase)?;
        if at_ms < case.until_ms {
            return Err(NotExecuted::Early {
                until_ms: case.until_ms,
            });
        }
        if let Appeal::Filed { .. } = case.appeal {
            return Err(NotExecuted::Undecided);
        }
        if case.grounds.is_void(immune) {
            next.give_back(case, Outcome::Fallen);
            return Ok(next);
        }
        next.forfeited = next.forfeited.and(case.taken.total());
        let reputation_lost = if case.strike.resets_reputation() {
            std::mem::take(&mut next.account.reputation)
        } else {
            0
        };
        next.closed.push(Closed {
            case,
            outcome: Outcome::Executed,
            reputation_lost,
        });
        Ok(next)
    }

    fn give_back(&mut self, case: Case, outcome: Outcome) {
        self.account.balance = self.account.balance.and(case.taken.rewards);
        self.account.stake = self.account.stake.and(case.taken.from_stake());
        self.closed.push(Closed {
            case,
            outcome,
            reputation_lost: 0,
        });
    }
}
