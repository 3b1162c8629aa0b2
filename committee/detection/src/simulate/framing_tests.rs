use std::collections::BTreeSet;

use super::*;
use crate::simulate::plant::plant;
use crate::simulate::population::Population;

fn ring() -> Ring {
    Ring {
        share: 0.4,
        ..Ring::of(10)
    }
}

fn planted() -> Planted {
    let board = Population::plain(120, 21).board(4).board().unwrap();
    plant(&board, &ring(), 4).unwrap()
}

/// Votes by names, to compare boards whose members have other numbers.
fn votes(board: &Board) -> BTreeSet<(String, String, i64, Stance)> {
    let named = |v: &Vote| {
        let (voter, post) = (board.member_name(v.member), board.post_name(v.post));
        (voter.to_owned(), post.to_owned(), v.at_ms, v.stance)
    };
    board.votes().iter().map(named).collect()
}

fn names(board: &Board, members: &[MemberId]) -> BTreeSet<String> {
    let name = |m: &MemberId| board.member_name(*m).to_owned();
    members.iter().map(name).collect()
}

#[test]
fn before_any_ruse_the_board_is_as_it_was_and_each_ruse_frames_the_same() {
    let planted = planted();
    let before = frame(&planted, &ring(), None, 5, 2).unwrap();
    assert_eq!(votes(&before.board), votes(&planted.board));
    let victims = names(&before.board, &before.victims);
    assert_eq!(victims.len(), 5);
    for ruse in Ruse::ALL {
        let framed = frame(&planted, &ring(), Some(ruse), 5, 2).unwrap();
        assert_eq!(names(&framed.board, &framed.victims), victims, "{ruse}");
        assert_eq!(framed.ring.len(), 10);
        let again = frame(&planted, &ring(), Some(ruse), 5, 2).unwrap();
        assert_eq!(framed.board.votes(), again.board.votes());
    }
}

#[test]
fn what_others_do_is_done_by_the_ring_alone() {
    let planted = planted();
    let old = votes(&planted.board);
    for ruse in Ruse::ALL
        .into_iter()
        .filter(|r| *r != Ruse::Liked && *r != Ruse::LikedAndPreceded)
    {
        let framed = frame(&planted, &ring(), Some(ruse), 5, 2).unwrap();
        let ring = names(&framed.board, &framed.ring);
        let new = votes(&framed.board);
        let mut changed = new.symmetric_difference(&old);
        assert!(changed.all(|(voter, ..)| ring.contains(voter)), "{ruse}");
        assert!(new.len() > old.len());
    }
}

#[test]
fn all_of_the_ring_vote_for_all_posts_of_whom_it_frames() {
    let framed = frame(&planted(), &ring(), Some(Ruse::VotedFor), 5, 2).unwrap();
    let board = &framed.board;
    for victim in &framed.victims {
        for post in board.posts_by(*victim) {
            let voted = board.votes_on(post).filter(|v| v.stance == Stance::Up);
            let of_ring = voted.filter(|v| framed.ring.contains(&v.member));
            assert_eq!(of_ring.count(), 10);
        }
    }
}

#[test]
fn they_come_after_her_or_before_her() {
    for (ruse, after) in [(Ruse::Followed, true), (Ruse::Preceded, false)] {
        let framed = frame(&planted(), &ring(), Some(ruse), 5, 2).unwrap();
        let board = &framed.board;
        let mut seen = 0;
        for victim in &framed.victims {
            for vote in board.votes_of(*victim).filter(|v| v.stance == Stance::Up) {
                if !framed.ring.contains(&board.post(vote.post).author) {
                    continue;
                }
                let near = board.votes_on(vote.post).filter(|v| {
                    let apart = v.at_ms - vote.at_ms;
                    let apart = if after { apart } else { -apart };
                    framed.ring.contains(&v.member) && (0..=5 * MINUTE).contains(&apart)
                });
                // Another of those who are framed may have had the same post.
                seen += u32::from(near.count() >= 2);
            }
        }
        assert!(seen >= 8, "{ruse}: {seen}");
    }
}

#[test]
fn puppets_repeat_every_vote_within_half_a_minute() {
    let framed = frame(&planted(), &ring(), Some(Ruse::Copied), 1, 2).unwrap();
    let board = &framed.board;
    for vote in board.votes_of(framed.victims[0]) {
        let same = board.votes_on(vote.post).filter(|v| {
            let apart = v.at_ms - vote.at_ms;
            framed.ring.contains(&v.member) && (3_000..30_000).contains(&apart)
        });
        // Of four, one may have written it.
        assert!(same.count() >= 3);
    }
}

#[test]
fn who_likes_the_ring_votes_for_two_in_five_of_its_posts_in_sittings_of_her_own() {
    let planted = planted();
    let framed = frame(&planted, &ring(), Some(Ruse::Liked), 5, 2).unwrap();
    let board = &framed.board;
    let of_ring = |board: &Board, ring: &[MemberId], vote: &Vote| {
        ring.contains(&board.post(vote.post).author)
    };
    for victim in &framed.victims {
        let up = board.votes_of(*victim).filter(|v| v.stance == Stance::Up);
        let liked = up.filter(|v| of_ring(board, &framed.ring, v)).count();
        assert!((10..=16).contains(&liked), "{liked}");
    }
    // Few others read them.
    let others = |board: &Board, ring: &[MemberId]| {
        let votes = board.votes().iter().filter(|v| of_ring(board, ring, v));
        votes.filter(|v| !ring.contains(&v.member)).count()
    };
    let (before, after) = (
        others(&planted.board, &planted.ring),
        others(board, &framed.ring),
    );
    assert!(after < before / 2 + 80, "{before} {after}");
}

#[test]
fn a_board_without_enough_who_take_part_is_refused() {
    let refused = frame(&planted(), &ring(), None, 500, 2);
    assert!(matches!(
        refused,
        Err(RingError::Members { needed: 500, .. })
    ));
}
