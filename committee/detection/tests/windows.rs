//! Votes that come day by day, in windows: an update finds what starting afresh does, and costs only the
//! windows that changed.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use tacit_detection::votes::{Board, Builder, LeftOut, Row, Stance};
use tacit_detection::windows::{NoLength, Window, Windows};

const DAY: i64 = 86_400_000;
const WEEK: i64 = 7 * DAY;

/// A row: board, voter, post, its author, its time, the vote's time, stance.
type Given = (usize, usize, usize, usize, i64, i64, Stance);

fn row<T>(given: &Given, then: impl FnOnce(Row<'_>) -> T) -> T {
    let (board, voter, post, author, post_ms, vote_ms, stance) = *given;
    let name = |kind: &str, number: usize| format!("{kind}{number}");
    then(Row {
        board: &name("b", board),
        vote_ms,
        voter: &name("m", voter),
        post: &name("p", post),
        author: &name("m", author),
        post_ms,
        stance,
    })
}

fn up(voter: usize, post: usize, vote_ms: i64) -> Given {
    (0, voter, post, 99, 0, vote_ms, Stance::Up)
}

/// All that a board says, by names.
fn told(board: &Board) -> Vec<String> {
    let votes = board.votes().iter().map(|v| {
        let post = board.post(v.post);
        let names = (board.member_name(v.member), board.post_name(v.post));
        let author = (board.member_name(post.author), post.at_ms);
        format!(
            "{} {names:?} {author:?} {:?} {:?} {:?}",
            v.at_ms, v.stance, v.member, v.post
        )
    });
    votes.collect()
}

fn all_at_once(rows: &[Given], window_ms: i64) -> BTreeMap<(String, i64), Vec<String>> {
    let mut builder = Builder::default();
    for given in rows {
        row(given, |row| builder.push(row, i64::MAX)).unwrap();
    }
    let mut windows = BTreeMap::new();
    for board in builder.finish().0.boards() {
        for vote in board.votes() {
            let number = vote.at_ms.div_euclid(window_ms);
            let from = number * window_ms;
            let part = board.within(from..from + window_ms);
            windows.insert((board.name().to_owned(), number), told(&part));
        }
    }
    windows
}

fn held(windows: &Windows<Vec<String>>) -> BTreeMap<(String, i64), Vec<String>> {
    let found = windows.found();
    found
        .map(|(window, told)| ((window.board.to_string(), window.number), told.clone()))
        .collect()
}

/// Few members, posts and times, so that votes are replaced, posts disputed, and rows are one's own.
fn some_rows() -> impl Strategy<Value = Vec<Given>> {
    let stance = prop_oneof![Just(Stance::Up), Just(Stance::Pass), Just(Stance::Down)];
    let post = (0..10_usize, 0..40_u8);
    let row = (0..2_usize, 0..6_usize, post, -2_000..2_000_i64, stance);
    let row = row.prop_map(|(board, voter, (post, odd), vote_ms, stance)| {
        // Now and then a row has another author or another time for its post.
        let author = if odd == 0 { 5 } else { post % 4 };
        let post_ms = if odd == 1 {
            1
        } else {
            post as i64 * 100 - 1_000
        };
        (board, voter, post, author, post_ms, vote_ms, stance)
    });
    vec(row, 0..80)
}

proptest! {
    #[test]
    fn updates_in_any_order_find_what_all_rows_at_once_do(
        rows in some_rows(),
        cuts in vec(0..80_usize, 0..4),
        window_ms in 1..1_500_i64,
    ) {
        let mut windows = Windows::new(window_ms).unwrap();
        for (place, given) in rows.iter().enumerate() {
            row(given, |row| windows.push(row, i64::MAX)).unwrap();
            if cuts.contains(&place) {
                windows.judge(|_, board| told(&board));
                prop_assert_eq!(held(&windows), all_at_once(&rows[..=place], window_ms));
            }
        }
        windows.judge(|_, board| told(&board));
        prop_assert_eq!(held(&windows), all_at_once(&rows, window_ms));
        prop_assert_eq!(windows.judge(|_, board| told(&board)), 0);
    }
}

/// A year of weeks with some votes each, all judged.
fn a_year() -> Windows<usize> {
    let mut windows = Windows::new(WEEK).unwrap();
    for week in 0..52 {
        for voter in 0..5 {
            let given = up(voter, week, week as i64 * WEEK + voter as i64 * DAY);
            row(&given, |row| windows.push(row, i64::MAX)).unwrap();
        }
    }
    assert_eq!(windows.judge(|_, board| board.votes().len()), 52);
    windows
}

/// The windows that are judged again after these rows, by number.
fn judged_again(windows: &mut Windows<usize>, rows: &[Given]) -> Vec<i64> {
    for given in rows {
        row(given, |row| windows.push(row, i64::MAX)).unwrap();
    }
    let mut again = Vec::new();
    let count = windows.judge(|window: &Window, board| {
        again.push(window.number);
        board.votes().len()
    });
    assert_eq!(count, again.len());
    again
}

#[test]
fn a_new_day_costs_its_own_window_only() {
    let mut windows = a_year();
    let day = [up(7, 3, 52 * WEEK), up(8, 3, 52 * WEEK + 1)];
    assert_eq!(judged_again(&mut windows, &day), [52]);
    let next = [up(9, 3, 52 * WEEK + DAY)];
    assert_eq!(judged_again(&mut windows, &next), [52]);
    assert_eq!(windows.found().count(), 53);
    assert_eq!(windows.found().last().map(|(_, votes)| *votes), Some(3));
}

#[test]
fn a_vote_that_replaces_another_changes_the_old_window_too() {
    let mut windows = a_year();
    assert_eq!(judged_again(&mut windows, &[up(0, 3, 9 * WEEK)]), [3, 9]);
    let votes: Vec<usize> = windows.found().map(|(_, votes)| *votes).collect();
    assert_eq!((votes[3], votes[9]), (4, 6));
}

#[test]
fn a_row_that_changes_nothing_costs_nothing() {
    let mut windows = a_year();
    let known = up(0, 3, 3 * WEEK);
    let replaced_already = up(0, 3, 3 * WEEK - 1);
    let own = (0, 99, 3, 99, 0, 3 * WEEK, Stance::Up);
    let before_post = (0, 50, 3, 99, 0, -1, Stance::Up);
    let rows = [known, replaced_already, own, before_post];
    assert_eq!(judged_again(&mut windows, &rows), [0_i64; 0]);
}

#[test]
fn a_post_in_dispute_changes_every_window_with_votes_on_it() {
    let mut windows = a_year();
    let more = [up(20, 3, 30 * WEEK), up(21, 3, 31 * WEEK)];
    assert_eq!(judged_again(&mut windows, &more), [30, 31]);
    let other_author = (0, 22, 3, 98, 0, 40 * WEEK, Stance::Up);
    // Week 3 had votes on this post alone: nothing is left of it to judge.
    assert_eq!(judged_again(&mut windows, &[other_author]), [30, 31]);
    assert_eq!(windows.found().count(), 51);
    assert_eq!(
        judged_again(&mut windows, &[up(23, 3, 41 * WEEK)]),
        [0_i64; 0]
    );
}

#[test]
fn windows_stay_where_they_are_when_older_rows_come() {
    let mut windows = a_year();
    let before: Vec<_> = windows.found().map(|(w, _)| w.span.clone()).collect();
    let old = (0, 0, 77, 99, -3 * WEEK, -2 * WEEK - 1, Stance::Up);
    assert_eq!(judged_again(&mut windows, &[old]), [-3]);
    let after: Vec<_> = windows.found().map(|(w, _)| w.span.clone()).collect();
    assert_eq!(after[1..], before);
    assert_eq!(after[0], -3 * WEEK..-2 * WEEK);
}

#[test]
fn rows_of_the_future_and_windows_of_no_length_are_refused() {
    let mut windows: Windows<()> = Windows::new(WEEK).unwrap();
    let late = row(&up(0, 1, 11), |row| windows.push(row, 10));
    assert_eq!(late, Err(LeftOut::Future));
    assert_eq!(windows.judge(|_, _| ()), 0);
    for window_ms in [0, -5] {
        let refused = Windows::<()>::new(window_ms).map(|_| ());
        assert_eq!(refused, Err(NoLength { window_ms }));
    }
}
