//! The pass over sorted votes against the plain way: every vote compared with every other on its post.

use std::collections::HashSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::votes::{Builder, Row};

/// Rows of ten members on eight posts, in a few minutes, so that many votes are near and many at the same
/// time.
fn some_board() -> impl Strategy<Value = Board> {
    let row = (0..10_usize, 0..8_usize, 0..40_i64, 0..5_u8);
    vec(row, 1..150).prop_map(|rows| {
        let mut builder = Builder::default();
        for (voter, post, turn, stance) in rows {
            let (voter, author) = (format!("m{voter}"), format!("m{}", post % 6));
            let row = Row {
                board: "board",
                vote_ms: turn * 30_000,
                voter: &voter,
                post: &format!("p{post}"),
                author: &author,
                post_ms: 0,
                stance: match stance {
                    0 => Stance::Down,
                    1 => Stance::Pass,
                    _ => Stance::Up,
                },
            };
            // A member's vote for its own post doesn't count.
            let _ = builder.push(row, i64::MAX);
        }
        builder.finish().0.boards()[0].clone()
    })
}

fn plain_within(board: &Board, group: &[MemberId], window_ms: i64) -> Vec<Together> {
    let after = plain(board, group, window_ms, false);
    let beside = plain(board, group, window_ms, true).into_iter();
    let both = after.into_iter().zip(beside);
    both.map(|(after, beside)| Together {
        evidence: beside.evidence.min(AT_MOST * after.evidence),
        ..after
    })
    .collect()
}

/// With votes that come later too, or without them.
fn plain(board: &Board, group: &[MemberId], window_ms: i64, later: bool) -> Vec<Together> {
    let inside: HashSet<MemberId> = group.iter().copied().collect();
    let measure = |member: &MemberId| {
        let (mut own, mut elsewhere) = (Vec::new(), Vec::new());
        for vote in board.votes_of(*member).filter(|v| v.stance == Stance::Up) {
            let (mut others, mut others_near, mut rest, mut rest_near) = (0, 0, 0, 0);
            for other in board.votes_on(vote.post).filter(|o| o.member != *member) {
                let earlier = other.at_ms < vote.at_ms;
                let within = (other.at_ms - vote.at_ms).abs() <= window_ms;
                let near = i32::from((earlier || later) && within);
                if !inside.contains(&other.member) {
                    rest += 1;
                    rest_near += near;
                } else if other.stance == Stance::Up {
                    others += 1;
                    others_near += near;
                }
            }
            if others == 0 {
                continue;
            }
            let share = (f64::from(rest_near) + 0.05) / (f64::from(rest) + 1.0);
            let pace = 1.0 - (1.0 - share).powi(others);
            let hit = f64::from(u8::from(others_near > 0));
            if inside.contains(&board.post(vote.post).author) {
                own.push((vote.at_ms, hit, pace));
            } else {
                elsewhere.push((vote.at_ms, hit, 0.0));
            }
        }
        // Sums by sitting: votes, hits and paces, each times (1 + ln n) / n; appointments are one sitting.
        let counted = |votes: &[(i64, f64, f64)]| {
            let sittings = || votes.chunk_by(|a, b| b.0 - a.0 <= SITTING_MS);
            let starts: Vec<i64> = sittings().map(|sitting| sitting[0].0).collect();
            let kept = kept(&starts, SITTINGS_MS);
            let events = |appointment: bool| {
                let of = sittings()
                    .zip(&kept)
                    .filter(move |(_, kept)| **kept == appointment);
                of.map(|(sitting, _)| sitting.to_vec())
            };
            let mut all: Vec<Vec<(i64, f64, f64)>> = events(false).collect();
            all.push(events(true).flatten().collect());
            let mut sums = [0.0; 4];
            for event in all.iter().filter(|event| !event.is_empty()) {
                let n = event.len() as f64;
                let weight = (1.0 + n.ln()) / n;
                let hits: f64 = event.iter().map(|v| v.1).sum();
                let paces: f64 = event.iter().map(|v| v.2).sum();
                for (sum, more) in sums.iter_mut().zip([n, hits, paces, 1.0 / weight]) {
                    *sum += weight * more;
                }
            }
            sums
        };
        let [votes, hits, paces, sittings] = counted(&own);
        let [votes_elsewhere, hits_elsewhere, ..] = counted(&elsewhere);
        let pace = if votes > 0.0 { paces / votes } else { 0.0 };
        let habit = (hits_elsewhere + PRIOR * pace) / (votes_elsewhere + PRIOR);
        let expected = habit.max(pace).clamp(LEAST_SHARE, 1.0);
        Together {
            member: *member,
            window_ms,
            votes: own.len() as u32,
            together: own.iter().filter(|v| v.1 > 0.0).count() as u32,
            sittings: sittings.round() as u32,
            expected,
            evidence: weighted_binomial(hits, votes, expected),
        }
    };
    group.iter().map(measure).collect()
}

/// For each member: votes on the group's posts with at least four votes, and those among the first quarter.
fn plain_early(board: &Board, group: &[MemberId]) -> Vec<(u32, u32)> {
    let of = |member: &MemberId| {
        let mut own = Count::default();
        for vote in board.votes_of(*member).filter(|v| v.stance == Stance::Up) {
            let on_post = board.votes_on(vote.post);
            let all = on_post.len();
            let earlier = on_post.filter(|v| v.at_ms < vote.at_ms).count();
            if all >= 4 && group.contains(&board.post(vote.post).author) {
                own.add(4 * earlier < all);
            }
        }
        (own.all, own.hits)
    };
    group.iter().map(of).collect()
}

proptest! {
    #[test]
    fn one_pass_over_sorted_votes_finds_what_comparing_all_of_them_does(
        board in some_board(),
        chosen in vec(any::<bool>(), 10),
    ) {
        let members = (0..board.members() as u32).map(MemberId);
        let group: Vec<MemberId> =
            members.zip(chosen).filter(|(_, is_in)| *is_in).map(|(m, _)| m).collect();
        let plain = WINDOWS_MS.map(|window_ms| plain_within(&board, &group, window_ms));
        prop_assert_eq!(&in_windows(&board, &group, WINDOWS_MS), &plain);
        prop_assert_eq!(&within(&board, &group, 0), &plain_within(&board, &group, 0));
        let early = early(&board, &group).into_iter().map(|t| (t.votes, t.together));
        prop_assert_eq!(early.collect::<Vec<_>>(), plain_early(&board, &group));
    }
}
