//! Cuts a board by time, so that each stretch can be judged as if there were no other.

use crate::votes::Board;

/// Windows of one board at most, the empty ones counted.
pub const MOST: i128 = 10_000;

/// Windows without number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "board {board} lasted {days} days, which is more than {MOST} such windows; take longer ones"
)]
pub struct TooMany {
    /// Of which board, as people read it.
    pub board: String,
    /// How long it lasted.
    pub days: i64,
}

/// A stretch of a board.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its first millisecond.
    pub from_ms: i64,
    /// The one after its last.
    pub to_ms: i64,
    /// The board that its votes make.
    pub board: Board,
}

/// Whether a board can be cut so.
///
/// # Errors
/// [`TooMany`] windows.
pub fn fits(board: &Board, window_ms: i64) -> Result<(), TooMany> {
    let (Some(first), Some(last)) = (board.votes().first(), board.votes().last()) else {
        return Ok(());
    };
    let lasted = i128::from(last.at_ms) - i128::from(first.at_ms);
    if lasted.div_euclid(i128::from(window_ms.max(1))) >= MOST {
        return Err(TooMany {
            board: crate::words::name(board.name()),
            days: i64::try_from(lasted / 86_400_000).unwrap_or(i64::MAX),
        });
    }
    Ok(())
}

/// Cuts a board into windows of equal length, counted from 1970 on, so that a window stays where it is whatever
/// else a table holds; those without votes are left out.
///
/// # Errors
/// [`TooMany`] windows.
pub fn cut(board: &Board, window_ms: i64) -> Result<Vec<Part>, TooMany> {
    fits(board, window_ms)?;
    let window = i128::from(window_ms.max(1));
    let number = |at_ms: i64| i128::from(at_ms).div_euclid(window);
    let mut numbers: Vec<i128> = board.votes().iter().map(|v| number(v.at_ms)).collect();
    numbers.dedup();
    let at = |number: i128| i64::try_from(number * window).unwrap_or(i64::MAX);
    let part = |number: i128| Part {
        from_ms: at(number),
        to_ms: at(number + 1),
        board: board.within(at(number)..at(number + 1)),
    };
    Ok(numbers.into_iter().map(part).collect())
}
