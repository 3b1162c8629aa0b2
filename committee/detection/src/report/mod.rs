//! What an audit tells: for each voter a score and the reasons for it, for each community what speaks for it,
//! for each flag a case that a person can check, and in which windows of time somebody stood out. What was
//! read of the table, and what was left out of it, is told by [`crate::read::Reading`].
//!
//! Names are those of the table, `board/pseudonym`; nothing here knows or guesses whose they are. A name may
//! hold anything: whoever shows one makes it safe first ([`crate::words::name`], or [`markup`]).

mod board;
pub mod case;
mod dispute;
pub mod innocent;
pub mod markup;
pub mod measures;
pub mod page;
mod reasons;
pub mod sketch;
mod table;

use serde::{Serialize, Serializer};

use crate::calibrate::USUAL_RATE;
use crate::votes::Votes;
use crate::windows::{self, TooMany};
use case::{Case, Ground};
use measures::Measures;
use sketch::Sketch;

pub use dispute::dispute;
pub use table::voters_csv;

/// A share of honest voters that may be flagged: above zero, and one half at most.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Fpr(f64);

/// A number that is no such share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is no share of false alarms; it must be above 0 and at most 0.5, such as 0.01")]
pub struct NoFpr(pub f64);

impl Fpr {
    /// Takes a share.
    ///
    /// # Errors
    /// [`NoFpr`], unless it is above zero and at most one half.
    pub fn new(share: f64) -> Result<Self, NoFpr> {
        if share > 0.0 && share <= 0.5 {
            Ok(Self(share))
        } else {
            Err(NoFpr(share))
        }
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Fpr {
    fn default() -> Self {
        Self(USUAL_RATE)
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Asked {
    /// How many false alarms are accepted.
    pub fpr: Fpr,
    /// How long a window is, if windows are judged too.
    pub window_ms: Option<i64>,
    /// What pictures are laid out by; it changes no figure.
    pub seed: u64,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Everybody on a board that was judged, the highest score first.
    pub voters: Vec<Voter>,
    /// Groups beyond chance, and those of flagged voters, numbered from one: those of flagged voters first, by
    /// the highest score, then the others, by theirs.
    pub communities: Vec<Community>,
    /// Groups beyond chance that weren't looked at, because their board has so many.
    pub communities_left_out: usize,
    /// For each community with a flagged member, what a person can check.
    pub cases: Vec<Case>,
    /// Windows, if they were asked for.
    pub windows: Vec<Window>,
    /// Boards that were judged.
    pub boards: Vec<BoardView>,
    /// Boards that weren't judged.
    pub not_judged: Vec<NotJudged>,
    /// What the figures depend on.
    pub parameters: Parameters,
    /// Who is drawn, by board.
    #[serde(skip)]
    pub sketches: Vec<Sketch>,
}

/// One voter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Voter {
    /// `board/pseudonym`.
    pub id: String,
    /// The board's name.
    pub conv: String,
    /// The pseudonym.
    pub voter: String,
    /// More for whoever is more likely of a ring; zero if nothing speaks for it.
    #[serde(serialize_with = "rounded")]
    pub score: f64,
    /// Does it stand out?
    pub flag: bool,
    /// The share by which this voter's support would count less on the average under the default discount: zero
    /// for whoever is in no suspected group.
    #[serde(serialize_with = "rounded")]
    pub discount: f64,
    /// The number of the community that it was judged with, if that is listed.
    pub community: Option<usize>,
    /// What speaks for it, for people to check.
    pub reasons: Vec<String>,
    /// The windows in which it stood out, each judged on its own.
    pub windows: Vec<Stood>,
}

/// A window in which a voter stood out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stood {
    /// The number of the window.
    pub window: i64,
    /// Its score there.
    #[serde(serialize_with = "rounded")]
    pub score: f64,
    /// What spoke for it there.
    pub reasons: Vec<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Community {
    /// Its number, from one.
    pub number: usize,
    /// The board's name.
    pub conv: String,
    /// As [`Voter::id`]; who adds most to the evidence stands first.
    pub members: Vec<String>,
    /// How many of them are flagged.
    pub flagged: usize,
    /// Evidence in nats, less what the choice among all groups of this size gives; no member's score.
    #[serde(serialize_with = "rounded")]
    pub score: f64,
    /// How many such groups chance alone would give on a board like this, at most one.
    pub p_value: f64,
    /// How it was found.
    pub found: Found,
    /// Parts.
    pub signals: Signals,
}

/// How a community was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Its members support each other beyond chance.
    Support,
    /// Its members keep voting at the same moments.
    Time,
}

/// What speaks for a group, summed over its members, in nats. Matched, early and the other measures are shown and
/// don't count: none of them told rings from others better than the rest does without it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Signals {
    /// Support beyond chance.
    #[serde(serialize_with = "rounded")]
    pub structure: f64,
    /// The share of the others' posts that each votes for, as fits best.
    pub share: f64,
    /// Support beyond that of people with the same taste.
    #[serde(serialize_with = "rounded")]
    pub matched: f64,
    /// Votes together beyond the members' habits.
    #[serde(serialize_with = "rounded")]
    pub together: f64,
    /// Early votes beyond the members' habits.
    #[serde(serialize_with = "rounded")]
    pub early: f64,
    /// The share of the usual dissent that is missing: no nats, but from 0 to 1.
    #[serde(serialize_with = "rounded")]
    pub one_mind: f64,
    /// The other measures.
    #[serde(flatten)]
    pub measures: Measures,
}

/// A window of one board.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// How many windows lie between 1970 and this one.
    pub number: i64,
    /// The board's name.
    pub conv: String,
    /// Its first millisecond.
    pub from_ms: i64,
    /// The one after its last.
    pub to_ms: i64,
    /// The first in UTC.
    pub from: String,
    /// The one after its last in UTC.
    pub to: String,
    /// Votes in it.
    pub votes: usize,
    /// Who stood out.
    pub flagged: usize,
    /// Why it wasn't judged, if it wasn't.
    pub not_judged: Option<String>,
}

/// A board that was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoardView {
    /// Its name.
    pub conv: String,
    /// Members who voted or wrote.
    pub members: usize,
    /// Votes that count.
    pub votes: usize,
    /// The score from which on a member may stand out, by what is usual on the board. It isn't enough: see
    /// [`crate::calibrate`].
    #[serde(serialize_with = "rounded")]
    pub flag_score: f64,
    /// Who stands out.
    pub flagged: usize,
}

/// A board without a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotJudged {
    /// Its name.
    pub board: String,
    /// Why not.
    pub why: String,
}

/// What the figures depend on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parameters {
    /// How many false alarms are accepted.
    pub fpr: Fpr,
    /// How long a window is.
    pub window_ms: Option<i64>,
    /// What pictures are laid out by.
    pub seed: u64,
    /// Members that a board must have active.
    pub least_active: u32,
}

/// Six digits behind the point say more than any figure here knows.
fn rounded<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((value * 1e6).round() / 1e6)
}

impl Report {
    /// Judges every board, and every window of it if windows are asked for. `done` is told after each board.
    ///
    /// # Errors
    /// [`TooMany`] windows; nothing is judged then.
    pub fn of(votes: &Votes, asked: &Asked, mut done: impl FnMut()) -> Result<Self, TooMany> {
        let parameters = Parameters {
            fpr: asked.fpr,
            window_ms: asked.window_ms,
            seed: asked.seed,
            least_active: crate::policy::inputs::LEAST_ACTIVE,
        };
        if let Some(window_ms) = asked.window_ms {
            for board in votes.boards() {
                windows::fits(board, window_ms)?;
            }
        }
        let mut report = Self {
            voters: Vec::new(),
            communities: Vec::new(),
            communities_left_out: 0,
            cases: Vec::new(),
            windows: Vec::new(),
            boards: Vec::new(),
            not_judged: Vec::new(),
            parameters,
            sketches: Vec::new(),
        };
        let mut told: Vec<board::Told> = Vec::new();
        for board in votes.boards() {
            match Ground::judged(board) {
                Ok((ground, verdict)) => {
                    let mut of_board = board::Told::of(&ground, &verdict, &parameters);
                    report.boards.push(BoardView {
                        conv: board.name().to_owned(),
                        members: board.members(),
                        votes: board.votes().len(),
                        flag_score: verdict.bar(asked.fpr.get()),
                        flagged: of_board.flagged(),
                    });
                    report.communities_left_out += verdict.not_looked_at;
                    if let Some(window_ms) = asked.window_ms {
                        of_board.add_windows(board, window_ms, &mut report)?;
                    }
                    told.push(of_board);
                }
                Err(why) => report.not_judged.push(NotJudged {
                    board: board.name().to_owned(),
                    why: why.to_string(),
                }),
            }
            done();
        }
        report.finish(told);
        Ok(report)
    }

    /// Numbers the communities over all boards, and puts everything in its order.
    fn finish(&mut self, told: Vec<board::Told>) {
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (board, of_board) in told.iter().enumerate() {
            order.extend((0..of_board.groups.len()).map(|group| (board, group)));
        }
        let listed = |at: &(usize, usize)| told.get(at.0)?.groups.get(at.1);
        order.sort_by(|a, b| match (listed(a), listed(b)) {
            (Some(a), Some(b)) => a.against(b),
            _ => a.cmp(b),
        });
        let mut numbers: Vec<Vec<usize>> = told.iter().map(|t| vec![0; t.groups.len()]).collect();
        for (number, (board, group)) in (1..).zip(&order) {
            if let Some(place) = numbers.get_mut(*board).and_then(|n| n.get_mut(*group)) {
                *place = number;
            }
        }
        for (of_board, numbers) in told.into_iter().zip(&numbers) {
            of_board.into_report(numbers, self);
        }
        self.communities.sort_by_key(|c| c.number);
        self.cases.sort_by_key(|c| c.community);
        self.voters
            .sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    }

    /// How many voters are flagged.
    pub fn flagged(&self) -> usize {
        self.voters.iter().filter(|v| v.flag).count()
    }
}
