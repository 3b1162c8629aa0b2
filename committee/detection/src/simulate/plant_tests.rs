use std::collections::BTreeMap;

use super::*;
use crate::simulate::population::Population;

fn honest() -> Board {
    Population::plain(120, 21).board(1).board().unwrap()
}

fn ring() -> Ring {
    Ring {
        share: 0.4,
        ..Ring::of(10)
    }
}

/// The ring's votes on its own posts, by post.
fn inside(planted: &Planted, old: &Board) -> BTreeMap<PostId, Vec<Vote>> {
    let known: HashSet<&str> = (0..old.posts() as u32)
        .map(|p| old.post_name(PostId(p)))
        .collect();
    let mut inside: BTreeMap<PostId, Vec<Vote>> = BTreeMap::new();
    for vote in planted.board.votes() {
        let author = planted.board.post(vote.post).author;
        let new = !known.contains(planted.board.post_name(vote.post));
        if new && planted.ring.contains(&author) && planted.ring.contains(&vote.member) {
            inside.entry(vote.post).or_default().push(*vote);
        }
    }
    inside
}

#[test]
fn the_same_seed_plants_the_same_ring_and_another_another() {
    let board = honest();
    let plant = |seed| Script::of(&plant(&board, &ring(), seed).unwrap().board);
    assert_eq!(plant(3), plant(3));
    assert_ne!(plant(3), plant(4));
}

#[test]
fn the_honest_votes_are_still_there() {
    let board = honest();
    let planted = plant(&board, &ring(), 1).unwrap();
    assert_eq!(planted.board.posts(), board.posts() + 40);
    assert_eq!(planted.board.members(), board.members() + 10);
    let key = |board: &Board, v: &Vote| {
        let member: Box<str> = board.member_name(v.member).into();
        let post: Box<str> = board.post_name(v.post).into();
        (v.at_ms, member, post)
    };
    let now: HashSet<_> = planted
        .board
        .votes()
        .iter()
        .map(|v| key(&planted.board, v))
        .collect();
    assert!(board.votes().iter().all(|v| now.contains(&key(&board, v))));
}

#[test]
fn the_share_of_the_others_votes_for_each_post() {
    let board = honest();
    for rotation in [Rotation::Chance, Rotation::Rota] {
        let planted = plant(
            &board,
            &Ring {
                rotation,
                camouflage: 0.0,
                ..ring()
            },
            2,
        )
        .unwrap();
        let inside = inside(&planted, &board);
        let votes: usize = inside.values().map(Vec::len).sum();
        // 10 members with 4 posts each, of whom 4 in 10 of 9 others vote: 144, and with a rota 4 of 9: 160.
        match rotation {
            Rotation::Chance => assert!((110..180).contains(&votes), "{votes}"),
            Rotation::Rota => assert!(inside.len() == 40 && inside.values().all(|v| v.len() == 4)),
        }
    }
}

#[test]
fn a_rota_spreads_votes_over_pairs() {
    let board = honest();
    let ring = Ring {
        rotation: Rotation::Rota,
        camouflage: 0.0,
        posts_each: 9,
        ..ring()
    };
    let planted = plant(&board, &ring, 2).unwrap();
    let mut pairs: BTreeMap<(MemberId, MemberId), u32> = BTreeMap::new();
    for (post, votes) in inside(&planted, &board) {
        for vote in votes {
            *pairs
                .entry((vote.member, planted.board.post(post).author))
                .or_default() += 1;
        }
    }
    assert!(
        pairs.len() == 90 && pairs.values().all(|count| *count == 4),
        "{pairs:?}"
    );
}

#[test]
fn synchrony_is_kept() {
    let board = honest();
    for (synchrony, width) in [
        (Synchrony::Minute, MINUTE),
        (Synchrony::TenMinutes, 10 * MINUTE),
    ] {
        let planted = plant(
            &board,
            &Ring {
                synchrony,
                camouflage: 0.0,
                ..ring()
            },
            3,
        )
        .unwrap();
        for votes in inside(&planted, &board).values() {
            let times = || votes.iter().map(|v| v.at_ms);
            assert!(times().max().unwrap() - times().min().unwrap() < width);
        }
    }
    let organic = plant(
        &board,
        &Ring {
            synchrony: Synchrony::Organic,
            ..ring()
        },
        3,
    )
    .unwrap();
    let wide = inside(&organic, &board);
    let wide = wide.values().filter(|votes| {
        let times = || votes.iter().map(|v| v.at_ms);
        times().max().unwrap() - times().min().unwrap() > HOUR
    });
    assert!(wide.count() > 25);
}

#[test]
fn camouflage_is_its_share_of_a_members_votes() {
    let board = honest();
    for camouflage in [0.0, 0.5, 0.9] {
        let planted = plant(
            &board,
            &Ring {
                camouflage,
                ..ring()
            },
            5,
        )
        .unwrap();
        let inside: usize = inside(&planted, &board).values().map(Vec::len).sum();
        let all: usize = planted
            .ring
            .iter()
            .map(|m| planted.board.votes_of(*m).len())
            .sum();
        let share = 1.0 - inside as f64 / all as f64;
        assert!((share - camouflage).abs() < 0.1, "{share} {camouflage}");
    }
}

#[test]
fn sleepers_are_members_with_a_past_and_new_accounts_are_not() {
    let board = honest();
    let names: HashSet<&str> = (0..board.members() as u32)
        .map(|m| board.member_name(MemberId(m)))
        .collect();
    for (accounts, old) in [
        (Accounts::New, 0),
        (Accounts::Sleepers, 10),
        (Accounts::Mixed, 5),
    ] {
        let planted = plant(&board, &Ring { accounts, ..ring() }, 6).unwrap();
        assert_eq!(planted.ring.len(), 10);
        assert_eq!(planted.names().filter(|n| names.contains(n)).count(), old);
    }
}

#[test]
fn puppets_join_one_after_the_other_and_do_nothing_before() {
    let board = honest();
    let planted = plant(
        &board,
        &Ring {
            joining: Joining::OverTime,
            ..ring()
        },
        7,
    )
    .unwrap();
    let first = |m: &MemberId| planted.board.votes_of(*m).next().map(|v| v.at_ms);
    let mut firsts: Vec<i64> = planted.ring.iter().filter_map(first).collect();
    firsts.sort_unstable();
    let votes = board.votes();
    assert!(
        firsts[9] > votes[votes.len() / 2].at_ms,
        "the last came in the second half"
    );
    for (place, first) in firsts.iter().enumerate() {
        assert!(*first >= votes[votes.len() * 6 / 10 * place / 10].at_ms);
    }
}

#[test]
fn bribed_outsiders_vote_for_the_ring_and_are_not_of_it() {
    let board = honest();
    let planted = plant(
        &board,
        &Ring {
            bribed: 4,
            ..ring()
        },
        8,
    )
    .unwrap();
    assert_eq!(planted.bribed.len(), 4);
    for member in &planted.bribed {
        assert!(!planted.ring.contains(member));
        let of_ring = planted.board.votes_of(*member);
        let of_ring = of_ring.filter(|v| planted.ring.contains(&planted.board.post(v.post).author));
        assert!(of_ring.count() >= 6);
    }
}

#[test]
fn a_ring_that_feints_is_not_of_one_mind() {
    let board = honest();
    let share = |feints| {
        let planted = plant(&board, &Ring { feints, ..ring() }, 12).unwrap();
        let inside = inside(&planted, &board);
        let all: Vec<Stance> = inside.values().flatten().map(|v| v.stance).collect();
        all.iter().filter(|s| **s == Stance::Up).count() as f64 / all.len() as f64
    };
    assert_eq!(share(0.0), 1.0);
    // Of ten mates' posts four are voted for, and three of the other six passed.
    assert!((share(0.5) - 4.0 / 7.0).abs() < 0.1);
}

#[test]
fn a_rings_posts_have_an_audience_like_other_posts() {
    let board = honest();
    let planted = plant(
        &board,
        &Ring {
            camouflage: 0.0,
            posts_each: 30,
            ..ring()
        },
        9,
    )
    .unwrap();
    let outside = |post: PostId| {
        let votes = planted.board.votes_on(post);
        votes.filter(|v| !planted.ring.contains(&v.member)).count() as f64
    };
    let (mut of_ring, mut others) = (Vec::new(), Vec::new());
    for post in (0..planted.board.posts() as u32).map(PostId) {
        let ring = planted.ring.contains(&planted.board.post(post).author);
        if ring { &mut of_ring } else { &mut others }.push(outside(post));
    }
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    let ratio = mean(&of_ring) / mean(&others);
    assert!((ratio - KEPT).abs() < 0.15, "{ratio}");
}

#[test]
fn a_sham_ring_votes_as_much_and_hardly_for_itself() {
    let board = Population::plain(400, 28).board(1).board().unwrap();
    let real = plant(&board, &ring(), 10).unwrap();
    let sham = plant(
        &board,
        &Ring {
            sham: true,
            ..ring()
        },
        10,
    )
    .unwrap();
    let all = |p: &Planted| {
        p.ring
            .iter()
            .map(|m| p.board.votes_of(*m).len())
            .sum::<usize>() as f64
    };
    let own = |p: &Planted| inside(p, &board).values().map(Vec::len).sum::<usize>();
    assert!((all(&sham) / all(&real) - 1.0).abs() < 0.1);
    assert!(own(&real) > 3 * own(&sham), "{} {}", own(&real), own(&sham));
}

#[test]
fn rings_that_a_board_has_no_room_for_are_refused() {
    let board = honest();
    let sleepers = Ring {
        accounts: Accounts::Sleepers,
        ..Ring::of(500)
    };
    let refused = plant(&board, &sleepers, 1).map(|_| ()).unwrap_err();
    assert!(matches!(refused, RingError::Members { needed: 500, .. }));
}
