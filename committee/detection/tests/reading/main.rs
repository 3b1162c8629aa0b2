//! What is read of a table, what is left out of it and why, and what is said of rows that can't be read.

mod boards;
mod contradictions;
mod files;
mod order;
mod rows;
mod what_counts;

use tacit_detection::read::{self, BadRow, ReadError, Reading, RowError};
use tacit_detection::votes::Votes;

const HEADER: &str = "conv,vote_ms,voter,post,author,post_ms,vote\n";
const NOW: i64 = 1_000_000;

fn read(rows: &str) -> Reading {
    read::table(format!("{HEADER}{rows}").as_bytes(), NOW).unwrap()
}

fn refused(table: &[u8]) -> ReadError {
    read::table(table, NOW).unwrap_err()
}

fn bad(rows: &str) -> Vec<(u64, RowError)> {
    let reading = read(rows);
    assert_eq!(reading.bad_rows, reading.bad.len() as u64);
    reading
        .bad
        .into_iter()
        .map(|BadRow { line, why }| (line, why))
        .collect()
}

/// Everything of the votes by name, so that boards can be compared whatever their numbers are.
fn told(votes: &Votes) -> Vec<String> {
    let mut told = Vec::new();
    for board in votes.boards() {
        told.push(format!(
            "{} {} {}",
            board.name(),
            board.members(),
            board.posts()
        ));
        for vote in board.votes() {
            let post = board.post(vote.post);
            told.push(format!(
                "{} {} {} {} {} {} {:?}",
                board.name(),
                vote.at_ms,
                board.member_name(vote.member),
                board.post_name(vote.post),
                board.member_name(post.author),
                post.at_ms,
                vote.stance,
            ));
        }
    }
    told
}

/// As [`told`], with the numbers too.
fn numbered(votes: &Votes) -> Vec<String> {
    let mut told = told(votes);
    for board in votes.boards() {
        told.extend(
            board
                .votes()
                .iter()
                .map(|v| format!("{v:?} {:?}", board.post(v.post))),
        );
    }
    told
}
