//! Small boards for tests.
#![allow(dead_code)]

use tacit_detection::votes::{Board, Builder, MemberId, PostId, Row, Stance};

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// An upvote: when, whose, on which post, by whom, made when.
pub type Up<'a> = (i64, &'a str, &'a str, &'a str, i64);

/// A board of upvotes.
pub fn board(votes: &[Up<'_>]) -> Board {
    let mut builder = Builder::default();
    for (vote_ms, voter, post, author, post_ms) in votes {
        let row = Row {
            board: "board",
            vote_ms: *vote_ms,
            voter,
            post,
            author,
            post_ms: *post_ms,
            stance: Stance::Up,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    builder.finish().0.boards()[0].clone()
}

/// A board of upvotes whose times don't matter: `voter post author`, by lines.
pub fn lines(text: &str) -> Board {
    let mut votes = Vec::new();
    for (place, line) in (1..).zip(text.trim().lines()) {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap();
        votes.push((place, next(), next(), next(), 0));
    }
    board(&votes)
}

pub fn member(board: &Board, name: &str) -> MemberId {
    let members = (0..board.members() as u32).map(MemberId);
    members
        .into_iter()
        .find(|m| board.member_name(*m) == name)
        .unwrap()
}

pub fn post(board: &Board, name: &str) -> PostId {
    let posts = (0..board.posts() as u32).map(PostId);
    posts
        .into_iter()
        .find(|p| board.post_name(*p) == name)
        .unwrap()
}
