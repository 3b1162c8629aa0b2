//! Innocent explanations of what a ring would look like, each with the figure by which a person can tell
//! whether it fits.
//!
//! They are considered for a group that stands out, and shown beside it; none of them changes a score. The
//! bounds between "fits" and "doesn't fit" are drawn by hand where a layman would draw them, and the figure
//! always stands beside them.

mod meeting;
mod minds;
mod support;
mod time;

use serde::Serialize;

use super::case::Ground;
use crate::signals::dissent::Dissent;
use crate::signals::inside::Inside;
use crate::signals::together::Together;
use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// Whether an explanation fits what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// It accounts for what was seen.
    Fits,
    /// It accounts for some of it.
    FitsInPart,
    /// It doesn't.
    DoesntFit,
    /// The votes can't tell.
    CantTell,
    /// What it would explain wasn't seen.
    NothingToExplain,
}

impl Reading {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::FitsInPart => "fits in part",
            Self::DoesntFit => "doesn't fit",
            Self::CantTell => "can't be told from votes",
            Self::NothingToExplain => "nothing to explain",
        }
    }
}

/// An innocent explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Innocent {
    /// Its name, for people.
    pub what: &'static str,
    /// What one would see if it were so.
    pub would_show: &'static str,
    /// What is seen, with its figures.
    pub is_seen: String,
    /// Whether that fits.
    pub reading: Reading,
    /// The figures, by name, for programs.
    pub figures: Vec<Figure>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
}

impl Innocent {
    /// All of it on one line.
    pub fn sentence(&self) -> String {
        format!("{}: {}. {}", self.what, self.reading.words(), self.is_seen)
    }
}

fn figure(name: &'static str, value: f64) -> Figure {
    Figure { name, value }
}

/// What is asked of a group.
struct Asked<'a> {
    ground: &'a Ground<'a>,
    board: &'a Board,
    members: &'a [MemberId],
    group: Inside,
    timed: &'a [Together],
    dissent: &'a Dissent,
    /// Votes of members for posts of others of the group.
    inside: Vec<Vote>,
}

/// What explanations ask of everybody on a board. A group's own part is taken from it.
#[derive(Debug)]
pub(super) struct Everybody {
    /// Votes by the hour of the day.
    hours: [u32; 24],
    /// Votes by the hour of the week, from Thursday as 1970 did.
    week: [u32; 168],
    /// When each was first seen, by member: its first vote or post.
    first_ms: Vec<Option<i64>>,
}

impl Everybody {
    pub(super) fn of(board: &Board) -> Self {
        let (mut hours, mut week) = ([0; 24], [0; 168]);
        let mut first_ms: Vec<Option<i64>> = vec![None; board.members()];
        let mut seen = |member: MemberId, at_ms: i64| {
            let first = &mut first_ms[member.at()];
            *first = Some(first.map_or(at_ms, |first| first.min(at_ms)));
        };
        for vote in board.votes() {
            hours[time::hour(vote.at_ms)] += 1;
            week[meeting::hour_of_week(vote.at_ms)] += 1;
            seen(vote.member, vote.at_ms);
        }
        for post in (0..board.posts() as u32).map(PostId) {
            let post = board.post(post);
            seen(post.author, post.at_ms);
        }
        Self {
            hours,
            week,
            first_ms,
        }
    }
}

/// Considers every explanation.
pub(super) fn considered(
    ground: &Ground<'_>,
    members: &[MemberId],
    timed: &[Together],
    dissent: &Dissent,
) -> Vec<Innocent> {
    let board = ground.board;
    let group = Inside::of(board, members);
    let up = |member: &MemberId| {
        let votes = board.votes_of(*member);
        votes.filter(|v| v.stance == Stance::Up)
    };
    let inside = members.iter().flat_map(up);
    let asked = Asked {
        ground,
        board,
        members,
        timed,
        dissent,
        inside: inside
            .filter(|v| group.wrote(board, v.post))
            .copied()
            .collect(),
        group,
    };
    vec![
        asked.fan_club(),
        asked.niche(),
        asked.good_posts(),
        asked.disagree(),
        asked.same_hours(),
        asked.digest(),
        asked.they_met(),
        asked.newcomers(),
    ]
}

/// A quotient, zero of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
