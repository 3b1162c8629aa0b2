//! A ring can do things to an innocent member: follow its votes, vote for its posts, sit where it sits. None of
//! that may get the member flagged, because none of it is the member's doing.

use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tacit_detection::calibrate::USUAL_RATE;
use tacit_detection::judge::judge;
use tacit_detection::votes::{Board, Builder, MemberId, Row, Stance};

const HOUR: i64 = 3_600_000;

/// Who voted on which post of whom, when.
type Vote = (String, String, String, i64);

/// Eighty members with two posts each, who vote on a third of everything in sittings of their own.
fn crowd(rng: &mut ChaCha8Rng) -> Vec<Vote> {
    let mut votes = Vec::new();
    for member in 0..80 {
        for sitting in 0..12_i64 {
            let start = HOUR * (24 + 40 * sitting + rng.random_range(0..36));
            for turn in 0..5 {
                let post = rng.random_range(0..160);
                if post / 2 != member {
                    votes.push((
                        format!("m{member}"),
                        format!("p{post}"),
                        format!("m{}", post / 2),
                        start + 20_000 * turn,
                    ));
                }
            }
        }
    }
    votes
}

/// Ten who wrote four posts each; four of them vote for each within a minute, and others at times of theirs.
fn ring(rng: &mut ChaCha8Rng) -> Vec<Vote> {
    let mut votes = Vec::new();
    for post in 0..40_i64 {
        let author = post % 10;
        let moment = HOUR * rng.random_range(48..480);
        for step in 1..5 {
            let voter = (author + step * 2 + post / 10) % 10;
            if voter != author {
                let at = moment + rng.random_range(0..60_000);
                votes.push((
                    format!("r{voter}"),
                    format!("rp{post}"),
                    format!("r{author}"),
                    at,
                ));
            }
        }
        for _ in 0..8 {
            let voter = rng.random_range(0..80);
            let at = HOUR * rng.random_range(48..500);
            votes.push((
                format!("m{voter}"),
                format!("rp{post}"),
                format!("r{author}"),
                at,
            ));
        }
    }
    votes
}

fn board(votes: &[Vote]) -> Board {
    let mut builder = Builder::default();
    for (voter, post, author, at_ms) in votes {
        let row = Row {
            board: "board",
            vote_ms: *at_ms,
            voter,
            post,
            author,
            post_ms: HOUR,
            stance: Stance::Up,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    builder.finish().0.boards()[0].clone()
}

/// Who is flagged.
fn flagged(votes: &[Vote]) -> Vec<String> {
    let board = board(votes);
    let flags = judge(&board).unwrap().flagged(USUAL_RATE);
    let members = (0..).map(MemberId).zip(flags);
    let flagged = members.filter(|(_, flag)| *flag);
    flagged
        .map(|(member, _)| board.member_name(member).to_owned())
        .collect()
}

#[test]
fn who_is_followed_by_a_ring_and_voted_for_by_it_is_not_flagged() {
    for seed in 0..4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut votes = crowd(&mut rng);
        votes.extend(ring(&mut rng));
        // She votes for six of the ring's posts in sittings of her own; two of the ring follow within a minute
        // each time, and all of it vote for both of her posts.
        for turn in 0..6_i64 {
            let (post, at) = (turn * 7 % 40, HOUR * (60 + 70 * turn) + 11);
            let (name, author) = (format!("rp{post}"), format!("r{}", post % 10));
            votes.retain(|v| !(v.0 == "m7" && v.1 == name));
            votes.push(("m7".into(), name.clone(), author, at));
            for step in [1, 2] {
                let follower = format!("r{}", (post + step) % 10);
                votes.retain(|v| !(v.0 == follower && v.1 == name));
                let author = format!("r{}", post % 10);
                votes.push((follower, name.clone(), author, at + 9_000 * step));
            }
        }
        for member in 0..10_i64 {
            for post in [14, 15] {
                let at = HOUR * (70 + 9 * member + post);
                votes.push((format!("r{member}"), format!("p{post}"), "m7".into(), at));
            }
        }
        let flagged = flagged(&votes);
        assert!(
            !flagged.contains(&"m7".to_owned()),
            "seed {seed}: {flagged:?}"
        );
        let of_ring = flagged.iter().filter(|name| name.starts_with('r')).count();
        assert!(of_ring >= 6, "seed {seed}: {flagged:?}");
    }
}

#[test]
fn puppets_who_copy_all_votes_of_a_member_seconds_later_do_not_get_it_flagged() {
    for seed in 0..4 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut votes = crowd(&mut rng);
        let copied: Vec<Vote> = votes.iter().filter(|v| v.0 == "m7").cloned().collect();
        for (_, post, author, at) in copied {
            for puppet in 0..5_i64 {
                let later = at + 3_000 * (1 + puppet);
                votes.push((format!("x{puppet}"), post.clone(), author.clone(), later));
            }
        }
        for puppet in 0..5 {
            for post in [14, 15] {
                votes.push((
                    format!("x{puppet}"),
                    format!("p{post}"),
                    "m7".into(),
                    90 * HOUR,
                ));
            }
        }
        let flagged = flagged(&votes);
        assert!(
            !flagged.iter().any(|name| name.starts_with('m')),
            "seed {seed}: {flagged:?}"
        );
    }
}
