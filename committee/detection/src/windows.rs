//! A stream of votes, cut into windows of equal length that are judged on their own, and again only when
//! something in them changed: what a new day of votes costs is that day's window, however long the past is.
//!
//! Windows are counted from 1970 on, so that they stay where they are when older rows come. What counts is
//! what [`Builder`] says of all rows together: of several votes by one member on one post the last
//! counts, in its own window, and the earlier one leaves the window that it was in; a post that stands under
//! two authors or times is disputed, and every vote on it leaves. Each window's board is therefore the one
//! that [`Board::within`] makes of the whole table's.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::votes::{Board, Builder, LeftOut, MemberId, Names, Post, PostId, Row, Stance};

/// A window of no length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a window of {window_ms} ms has no length")]
pub struct NoLength {
    /// What was given.
    pub window_ms: i64,
}

/// A stretch of a board's time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Window {
    /// The board's name.
    pub board: Box<str>,
    /// How many windows lie between 1970 and this one.
    pub number: i64,
    /// Its milliseconds; the end is no part of it.
    pub span: Range<i64>,
}

/// Windows of one board at most, the empty ones counted.
pub const MOST: u64 = 10_000;

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

/// The window that a time belongs to: how many lie between 1970 and it. Everything that has windows counts them so,
/// and a window stays where it is whatever else a table holds.
pub fn number(at_ms: i64, window_ms: i64) -> i64 {
    at_ms.div_euclid(window_ms.max(1))
}

/// A window's milliseconds; the end is no part of it.
pub fn span(number: i64, window_ms: i64) -> Range<i64> {
    let from = number.saturating_mul(window_ms);
    from..from.saturating_add(window_ms)
}

/// Whether a board has so few windows that it can be cut.
///
/// # Errors
/// [`TooMany`].
pub fn fits(board: &Board, window_ms: i64) -> Result<(), TooMany> {
    let (Some(first), Some(last)) = (board.votes().first(), board.votes().last()) else {
        return Ok(());
    };
    let windows = number(last.at_ms, window_ms).abs_diff(number(first.at_ms, window_ms));
    if windows < MOST {
        return Ok(());
    }
    let lasted = last.at_ms.saturating_sub(first.at_ms);
    Err(TooMany {
        board: crate::words::name(board.name()),
        days: lasted / 86_400_000,
    })
}

/// Cuts a board that is known as a whole into its windows, in the order of time; those without votes are left out.
///
/// # Errors
/// [`TooMany`] windows.
pub fn cut(board: &Board, window_ms: i64) -> Result<Vec<(Window, Board)>, TooMany> {
    fits(board, window_ms)?;
    let votes = board.votes().iter();
    let mut numbers: Vec<i64> = votes.map(|v| number(v.at_ms, window_ms)).collect();
    numbers.dedup();
    let part = |number: i64| {
        let span = span(number, window_ms);
        let window = Window {
            board: board.name().into(),
            number,
            span: span.clone(),
        };
        (window, board.within(span))
    };
    Ok(numbers.into_iter().map(part).collect())
}

/// Boards in windows, and what was found in each.
#[derive(Debug)]
pub struct Windows<T> {
    window_ms: i64,
    boards: BTreeMap<Box<str>, Stream<T>>,
}

/// One board's votes.
#[derive(Debug)]
struct Stream<T> {
    members: Names,
    posts: Names,
    /// By post: as its rows have it; `None` if they don't agree.
    known: Vec<Option<Post>>,
    /// Each member's last vote on each post.
    last: HashMap<(PostId, MemberId), (i64, Stance)>,
    windows: BTreeMap<i64, Held<T>>,
    /// Windows that got or lost a vote since they were judged.
    changed: BTreeSet<i64>,
}

/// A window's votes, and what was found in it when it was judged last.
#[derive(Debug)]
struct Held<T> {
    votes: BTreeSet<(PostId, MemberId)>,
    found: Option<(Window, T)>,
}

impl<T> Windows<T> {
    /// No votes yet, in windows of so many milliseconds.
    ///
    /// # Errors
    /// [`NoLength`].
    pub fn new(window_ms: i64) -> Result<Self, NoLength> {
        if window_ms <= 0 {
            return Err(NoLength { window_ms });
        }
        Ok(Self {
            window_ms,
            boards: BTreeMap::new(),
        })
    }

    /// Takes a row, unless it is dated after `now_ms`. Rows may come in any order.
    ///
    /// # Errors
    /// [`LeftOut::Future`], and no other.
    pub fn push(&mut self, row: Row<'_>, now_ms: i64) -> Result<(), LeftOut> {
        if row.vote_ms > now_ms || row.post_ms > now_ms {
            return Err(LeftOut::Future);
        }
        if !self.boards.contains_key(row.board) {
            self.boards.insert(row.board.into(), Stream::new());
        }
        if let Some(stream) = self.boards.get_mut(row.board) {
            stream.push(row, self.window_ms);
        }
        Ok(())
    }

    /// Judges the windows that changed since they were judged last, and gives how many they were. A window
    /// that lost its last vote is gone.
    pub fn judge(&mut self, mut judge: impl FnMut(&Window, Board) -> T) -> usize {
        let mut judged = 0;
        for (name, stream) in &mut self.boards {
            for number in std::mem::take(&mut stream.changed) {
                let Some(board) = stream.board(name, number) else {
                    stream.windows.remove(&number);
                    continue;
                };
                let window = Window {
                    board: name.clone(),
                    number,
                    span: span(number, self.window_ms),
                };
                let found = judge(&window, board);
                judged += 1;
                if let Some(held) = stream.windows.get_mut(&number) {
                    held.found = Some((window, found));
                }
            }
        }
        judged
    }

    /// Every window that was judged and what was found in it, by board, then by time.
    pub fn found(&self) -> impl Iterator<Item = (&Window, &T)> {
        let windows = self.boards.values().flat_map(|s| s.windows.values());
        windows.filter_map(|held| held.found.as_ref().map(|(window, found)| (window, found)))
    }
}

impl<T> Stream<T> {
    fn new() -> Self {
        Self {
            members: Names::default(),
            posts: Names::default(),
            known: Vec::new(),
            last: HashMap::new(),
            windows: BTreeMap::new(),
            changed: BTreeSet::new(),
        }
    }

    fn push(&mut self, row: Row<'_>, window_ms: i64) {
        let post = PostId(self.posts.number(row.post));
        let claimed = Post {
            author: MemberId(self.members.number(row.author)),
            at_ms: row.post_ms,
        };
        match self.known.get_mut(post.at()) {
            None => self.known.push(Some(claimed)),
            Some(Some(known)) if *known == claimed => {}
            Some(Some(_)) => return self.dispute(post),
            Some(None) => return,
        }
        if row.voter == row.author || row.vote_ms < row.post_ms {
            return;
        }
        let key = (post, MemberId(self.members.number(row.voter)));
        let new = (row.vote_ms, row.stance);
        let last = self.last.get(&key).copied();
        if last.is_some_and(|last| last >= new) {
            return;
        }
        if let Some((at_ms, _)) = last {
            self.leave(self::number(at_ms, window_ms), key);
        }
        self.last.insert(key, new);
        let number = self::number(row.vote_ms, window_ms);
        let held = self.windows.entry(number).or_insert_with(|| Held {
            votes: BTreeSet::new(),
            found: None,
        });
        held.votes.insert(key);
        self.changed.insert(number);
    }

    /// A vote leaves the window that it was in.
    fn leave(&mut self, number: i64, key: (PostId, MemberId)) {
        if let Some(held) = self.windows.get_mut(&number) {
            held.votes.remove(&key);
            self.changed.insert(number);
        }
    }

    /// No vote on this post counts any more.
    fn dispute(&mut self, post: PostId) {
        if let Some(known) = self.known.get_mut(post.at()) {
            *known = None;
        }
        for (number, held) in &mut self.windows {
            let on_post = held.votes.range((post, MemberId(0))..);
            let on_post = on_post.take_while(|(of, _)| *of == post);
            let on_post: Vec<(PostId, MemberId)> = on_post.copied().collect();
            for key in on_post {
                held.votes.remove(&key);
                self.last.remove(&key);
                self.changed.insert(*number);
            }
        }
    }

    /// A window's board, if it has votes.
    fn board(&self, name: &str, number: i64) -> Option<Board> {
        let mut builder = Builder::default();
        for key in &self.windows.get(&number)?.votes {
            let (post, member) = *key;
            let known = self.known.get(post.at()).copied().flatten()?;
            let (vote_ms, stance) = *self.last.get(key)?;
            let row = Row {
                board: name,
                vote_ms,
                voter: self.members.name(member.0),
                post: self.posts.name(post.0),
                author: self.members.name(known.author.0),
                post_ms: known.at_ms,
                stance,
            };
            builder.push(row, i64::MAX).ok()?;
        }
        builder.finish().0.into_boards().pop()
    }
}
