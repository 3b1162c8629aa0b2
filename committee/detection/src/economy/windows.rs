//! A group's part of a board, cut into windows of time: what it wrote, who voted for it, and what it cast.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::{Supported, Window};
use crate::policy::inputs::{PassRate, Pseudonym, Quality, WindowId};
use crate::policy::strikes::Units;
use crate::votes::{Board, MemberId, PostId, Stance};
use crate::windows::span;

/// Windows at most: a board that lasted longer needs longer ones.
pub const MOST_WINDOWS: u64 = crate::windows::MOST;

/// A board that can't be cut so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCut {
    /// No length at all.
    #[error("a window of {window_ms} ms has no length")]
    NoLength {
        /// What was given.
        window_ms: i64,
    },
    /// Windows without end.
    #[error(
        "windows of {window_ms} ms are more than {MOST_WINDOWS} for this board; take longer ones"
    )]
    TooMany {
        /// What was given.
        window_ms: i64,
    },
}

/// A member's name across windows.
pub fn pseudonym(board: &Board, member: MemberId) -> Pseudonym {
    Pseudonym::new(board.name(), board.member_name(member))
}

/// The numbers of a board's first and last window, counted from 1970, so that an older row moves none; `None`
/// without votes.
///
/// # Errors
/// [`NotCut`], for windows without a length or without number.
pub fn numbers_of(board: &Board, window_ms: i64) -> Result<Option<RangeInclusive<u64>>, NotCut> {
    if window_ms <= 0 {
        return Err(NotCut::NoLength { window_ms });
    }
    let votes = board.votes();
    let (Some(first), Some(last)) = (votes.first(), votes.last()) else {
        return Ok(None);
    };
    let (first, last) = (
        number(first.at_ms, window_ms),
        number(last.at_ms, window_ms),
    );
    if last - first >= MOST_WINDOWS {
        return Err(NotCut::TooMany { window_ms });
    }
    Ok(Some(first..=last))
}

/// The window that a time belongs to, counted from 1970; what was before belongs to the first.
fn number(at_ms: i64, window_ms: i64) -> u64 {
    crate::windows::number(at_ms.max(0), window_ms).unsigned_abs()
}

/// The votes cast in these windows, as a board of their own; `None` without any. What was before 1970 belongs to the
/// first of all windows.
pub fn within(board: &Board, numbers: &RangeInclusive<u64>, window_ms: i64) -> Option<Board> {
    let span_of = |number: u64| span(i64::try_from(number).unwrap_or(i64::MAX), window_ms);
    let from = match *numbers.start() {
        0 => i64::MIN,
        first => span_of(first).start,
    };
    let part = board.within(from..span_of(*numbers.end()).end);
    (!part.votes().is_empty()).then_some(part)
}

/// Cuts a board into windows of equal length, counted from 1970, with a window's number for its id. A vote
/// belongs to the window it was cast in; a post written before the window of the first vote to that one. What was
/// found in each window (`structure`, `findings`), and bribes, are for the caller to add.
///
/// # Errors
/// [`NotCut`], for windows without a length or without number.
pub fn cut(
    board: &Board,
    group: &BTreeSet<MemberId>,
    window_ms: i64,
    quality: impl Fn(PostId) -> Quality,
    attention: impl Fn(MemberId) -> PassRate,
) -> Result<Vec<Window>, NotCut> {
    let Some(numbers) = numbers_of(board, window_ms)? else {
        return Ok(Vec::new());
    };
    let number = |at_ms: i64| number(at_ms, window_ms).max(*numbers.start());
    let mut drafts: BTreeMap<u64, Draft> = numbers
        .clone()
        .map(|number| (number, Draft::default()))
        .collect();
    for author in group {
        for post in board.posts_by(*author) {
            if let Some(draft) = drafts.get_mut(&number(board.post(post).at_ms)) {
                draft.written += 1;
            }
        }
    }
    for vote in board.votes() {
        let Some(draft) = drafts.get_mut(&number(vote.at_ms)) else {
            continue;
        };
        draft.active.insert(vote.member);
        draft.cast += u64::from(group.contains(&vote.member));
        if vote.stance == Stance::Up {
            *draft.given.entry(vote.member).or_default() += 1;
        }
        if vote.stance == Stance::Up && group.contains(&board.post(vote.post).author) {
            draft
                .support
                .entry(vote.post)
                .or_default()
                .push(vote.member);
        }
    }
    let finish = |(id, draft): (u64, Draft)| {
        let supported = |(post, voters): (PostId, Vec<MemberId>)| Supported {
            author: pseudonym(board, board.post(post).author),
            quality: quality(post),
            votes: voters
                .into_iter()
                .map(|voter| (pseudonym(board, voter), attention(voter)))
                .collect(),
        };
        Window {
            id: WindowId(id),
            active: u32::try_from(draft.active.len()).unwrap_or(u32::MAX),
            posts: draft.support.into_iter().map(supported).collect(),
            posts_written: draft.written,
            votes_cast: draft.cast,
            given: {
                let given = draft.given.into_iter();
                given
                    .map(|(member, votes)| (pseudonym(board, member), votes))
                    .collect()
            },
            extra_cost: Units::ZERO,
            structure: Vec::new(),
            findings: Vec::new(),
        }
    };
    Ok(drafts.into_iter().map(finish).collect())
}

#[derive(Default)]
struct Draft {
    active: BTreeSet<MemberId>,
    support: BTreeMap<PostId, Vec<MemberId>>,
    written: u64,
    cast: u64,
    given: BTreeMap<MemberId, u64>,
}
