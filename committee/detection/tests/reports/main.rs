//! What people are told: never a flag without a reason, never a name that is more than text, and the same
//! every time.

mod measures;
mod pages;
mod readings;

use tacit_detection::report::case::{About, Case, Ground};
use tacit_detection::report::innocent::Reading;
use tacit_detection::report::page::Beside;
use tacit_detection::report::{Asked, Fpr, Report};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::plant;
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring};
use tacit_detection::votes::{Board, Builder, MemberId, Row, Stance, Votes};
use tacit_detection::windows::cut;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

const BESIDE: Beside<'_> = Beside {
    table: "votes.csv",
    read: &[],
    dispute: &[],
};

fn votes(boards: &[&Board]) -> Votes {
    let mut builder = Builder::default();
    for board in boards {
        let script = Script::of(board);
        for row in script.rows() {
            // An author's own row is refused after it has made the post known.
            let _ = builder.push(row, i64::MAX);
        }
    }
    builder.finish().0
}

fn honest(seed: u64) -> Board {
    Population::plain(90, 20).board(seed).board().unwrap()
}

fn report(votes: &Votes, asked: &Asked) -> Report {
    Report::of(votes, asked, || ()).unwrap()
}

/// A report in which somebody stands out, because a ring was planted.
fn found() -> (Votes, Report) {
    let ring = Ring {
        accounts: Accounts::New,
        ..Ring::of(8)
    };
    let planted = plant(&honest(3), &ring, 3).unwrap();
    let votes = votes(&[&planted.board]);
    let report = report(&votes, &Asked::default());
    assert!(report.flagged() >= 6, "{}", report.flagged());
    (votes, report)
}

/// A board of upvotes, `(minute, voter, post, author)`; a post is made at minute zero.
fn board(votes: &[(i64, &str, &str, &str)]) -> Board {
    let mut builder = Builder::default();
    for (minute, voter, post, author) in votes {
        let row = Row {
            board: "board",
            vote_ms: 1_000 * DAY + minute * MINUTE,
            voter,
            post,
            author,
            post_ms: 1_000 * DAY,
            stance: Stance::Up,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    builder.finish().0.boards()[0].clone()
}

/// The case of members whose names begin with `r`.
fn case(board: &Board) -> Case {
    let members = (0..board.members() as u32).map(MemberId);
    let group: Vec<MemberId> = members
        .filter(|m| board.member_name(*m).starts_with('r'))
        .collect();
    let about = About {
        community: 1,
        members: &group,
        p_value: None,
        evidence: &[],
        flags: &[],
        measured: None,
    };
    Case::of(&Ground::of(board), &about)
}

fn reading(case: &Case, what: &str) -> Reading {
    case.innocent
        .iter()
        .find(|i| i.what == what)
        .unwrap()
        .reading
}

#[test]
fn every_vote_is_in_one_window_and_windows_without_number_are_refused() {
    let board = honest(1);
    let parts = cut(&board, 7 * DAY).unwrap();
    assert!(parts.len() > 2);
    let votes: usize = parts.iter().map(|(_, part)| part.votes().len()).sum();
    assert_eq!(votes, board.votes().len());
    for (window, part) in &parts {
        assert!(part.votes().iter().all(|v| window.span.contains(&v.at_ms)));
        let from_1970 = window.number * 7 * DAY;
        assert_eq!(window.span, from_1970..from_1970 + 7 * DAY);
    }
    let refused = cut(&board, 1_000).unwrap_err().to_string();
    assert!(
        refused.contains("more than 10000 such windows"),
        "{refused}"
    );
    let asked = Asked {
        window_ms: Some(1_000),
        ..Asked::default()
    };
    let votes = self::votes(&[&board]);
    assert!(Report::of(&votes, &asked, || ()).is_err());
}

#[test]
fn a_share_of_false_alarms_is_above_nothing_and_at_most_a_half() {
    for good in [f64::MIN_POSITIVE, 0.01, 0.5] {
        assert_eq!(Fpr::new(good).unwrap().get(), good);
    }
    for bad in [0.0, -0.1, 0.500_001, 1.0, f64::NAN, f64::INFINITY] {
        assert!(Fpr::new(bad).is_err(), "{bad}");
    }
}
