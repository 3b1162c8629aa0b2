//! No order of rows, no names and no bytes make a difference.

use proptest::prelude::*;
use tacit_detection::votes::Votes;

use super::{HEADER, NOW, numbered, read};

/// Rows of votes on posts each of which has its author and time, two in each millisecond.
fn rows() -> impl Strategy<Value = Vec<(i64, u8, u8, i8)>> {
    prop::collection::vec((0..12_u8, 0..10_u8, -1..2_i8), 1..80).prop_map(|votes| {
        let numbered = (200_i64..).zip(votes);
        numbered
            .map(|(at, (voter, post, vote))| (at / 2, voter, post, vote))
            .collect()
    })
}

fn table(
    rows: &[(i64, u8, u8, i8)],
    member: impl Fn(u8) -> String,
    post: impl Fn(u8) -> String,
) -> String {
    let line = |(at, voter, on, vote): &(i64, u8, u8, i8)| {
        let (author, made) = (on % 5, 50 + i64::from(*on));
        format!(
            "c,{at},{},{},{},{made},{vote}\n",
            member(*voter),
            post(*on),
            member(author)
        )
    };
    rows.iter().map(line).collect()
}

/// Rows on few posts of few authors and times, so that most posts are disputed or have votes that don't count.
fn careless() -> impl Strategy<Value = Vec<String>> {
    let row = (0..3_u8, 0..6_u8, 0..6_u8, 0..8_u8, 0..12_u8, -1..2_i8);

    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let line = |(board, voter, on, lie, at, vote)| {
            let (author, made) = match lie {
                0_u8 => (7, 5),
                1 => (on % 3, 6),
                _ => (on % 3, 5),
            };
            let at: i64 = if at == 0 { NOW + 1 } else { i64::from(at) };
            format!("b{board},{at},m{voter},p{on},m{author},{made},{vote}\n")
        };
        rows.into_iter().map(line).collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn no_order_of_rows_that_contradict_each_other_changes_anything(
        (rows, shuffled) in careless().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let (one, other) = (read(&rows.concat()), read(&shuffled.concat()));
        prop_assert_eq!(numbered(&one.votes), numbered(&other.votes));
        prop_assert_eq!(&one.left_out, &other.left_out);
        prop_assert_eq!(one.disputed, other.disputed);
        let counted: usize = one.votes.boards().iter().map(|b| b.votes().len()).sum();
        prop_assert_eq!(counted as u64 + one.left_out.values().sum::<u64>(), one.rows);
    }

    #[test]
    fn the_order_of_rows_changes_nothing(mut votes in rows(), turn in 0..80_usize) {
        let straight = read(&table(&votes, |m| format!("m{m}"), |p| format!("p{p}")));
        let turn = turn % votes.len();
        votes.rotate_left(turn);
        votes.reverse();
        let other = read(&table(&votes, |m| format!("m{m}"), |p| format!("p{p}")));
        prop_assert_eq!(numbered(&straight.votes), numbered(&other.votes));
        prop_assert_eq!(straight.left_out, other.left_out);
    }

    #[test]
    fn names_change_nothing_but_names(votes in rows()) {
        // In the same order, so that members who first appear in the same millisecond stay in theirs.
        let one = read(&table(&votes, |m| format!("m{m:03}"), |p| format!("p{p:03}")));
        let other = read(&table(&votes, |m| format!("x{}", 7 * u32::from(m) + 1000), |p| format!("{}", 3 * u32::from(p) + 200)));
        let numbers = |votes: &Votes| {
            let boards = votes.boards().iter();
            boards.flat_map(|b| b.votes().iter().map(|v| (*v, b.post(v.post))).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        prop_assert_eq!(numbers(&one.votes), numbers(&other.votes));
    }

    #[test]
    fn no_bytes_make_it_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read::table(bytes.as_slice(), NOW);
        let mut table = HEADER.as_bytes().to_vec();
        table.extend(&bytes);
        let _ = read::table(table.as_slice(), NOW);
    }
}
