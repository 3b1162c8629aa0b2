//! A group's part of a board, cut into windows of time: what it wrote, who voted for it, and what it cast.

use std::collections::{BTreeMap, BTreeSet};

use super::{Supported, Window};
use crate::policy::inputs::{PassRate, Pseudonym, Quality, WindowId};
use crate::policy::strikes::Units;
use crate::votes::{Board, MemberId, PostId, Stance};

/// Windows at most: a board that lasted longer needs longer ones.
pub const MOST_WINDOWS: i64 = 10_000;

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

/// The number of the last window of a board that is cut into windows of this length, the first being 0;
/// `None` without votes.
///
/// # Errors
/// [`NotCut`], for windows without a length or without number.
pub fn number_of(board: &Board, window_ms: i64) -> Result<Option<u64>, NotCut> {
    if window_ms <= 0 {
        return Err(NotCut::NoLength { window_ms });
    }
    let Some(last) = board.votes().last() else {
        return Ok(None);
    };
    match number(board, last.at_ms, window_ms) {
        MOST_WINDOWS.. => Err(NotCut::TooMany { window_ms }),
        last => Ok(u64::try_from(last).ok()),
    }
}

/// The window that a time belongs to; a time before the first vote belongs to the first.
fn number(board: &Board, at_ms: i64, window_ms: i64) -> i64 {
    let first = board.votes().first().map_or(at_ms, |v| v.at_ms);
    // Times are any 64 bits, and so may be further apart than 64 bits.
    let since = i128::from(at_ms) - i128::from(first);
    i64::try_from((since / i128::from(window_ms)).max(0)).unwrap_or(i64::MAX)
}

/// Cuts a board into windows of equal length from its first vote on, with a window's number for its id. A
/// vote belongs to the window it was cast in; a post written before the first vote to the first. What was
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
    let Some(last) = number_of(board, window_ms)? else {
        return Ok(Vec::new());
    };
    let number = |at_ms: i64| u64::try_from(number(board, at_ms, window_ms)).unwrap_or(0);
    let mut drafts: BTreeMap<u64, Draft> = (0..=last)
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
}
