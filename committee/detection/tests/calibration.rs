//! P-values mean what they say: on boards drawn from a signal's own null they are uniform.
//!
//! Kolmogorov and Smirnov's distance `D` between the p-values and the uniform distribution is compared with a
//! bound. For `n` independent values `D` exceeds `1.95/√n` once in a thousand draws; values of one board are
//! not quite independent and its model is fitted to it, so the bounds are wider than that and far below
//! what a wrong null gives. Seeds are fixed.

mod boards;

use boards::{DAY, HOUR, MINUTE, Up, board};
use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tacit_detection::signals::bursts::{LEAST, first_hours};
use tacit_detection::signals::chance::{Chance, chance};
use tacit_detection::signals::covote::{covotes, tails};
use tacit_detection::signals::order::orders;
use tacit_detection::signals::significance::binomial;
use tacit_detection::votes::{Board, MemberId};

/// The distance from uniform.
fn distance(p: &mut [f64]) -> f64 {
    p.sort_unstable_by(f64::total_cmp);
    let n = p.len() as f64;
    let gaps = p.iter().zip(0..).map(|(p, place)| {
        let (below, above) = (f64::from(place) / n, f64::from(place + 1) / n);
        (p - below).abs().max((above - p).abs())
    });
    gaps.fold(0.0, f64::max)
}

/// The share of values up to `level`.
fn up_to(p: &[f64], level: f64) -> f64 {
    p.iter().filter(|p| **p <= level).count() as f64 / p.len() as f64
}

/// About normal, mean 0, deviation 1.
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

/// A board drawn from the configuration model: members and posts of very different appetites and appeals.
fn drawn(members: usize, posts: usize, density: f64, rng: &mut ChaCha8Rng) -> Board {
    let appetites: Vec<f64> = (0..members).map(|_| density * normal(rng).exp()).collect();
    let appeals: Vec<f64> = (0..posts).map(|_| normal(rng).exp()).collect();
    let members: Vec<String> = (0..members).map(|m| format!("m{m}")).collect();
    let posts: Vec<String> = (0..posts).map(|p| format!("p{p}")).collect();
    let mut votes: Vec<Up<'_>> = Vec::new();
    for (member, appetite) in members.iter().zip(&appetites) {
        for (post, appeal) in posts.iter().zip(&appeals) {
            if rng.random_bool(chance(*appetite, *appeal)) {
                votes.push((1 + votes.len() as i64, member, post, "w", 0));
            }
        }
    }
    board(&votes)
}

fn pairs(board: &Board) -> Vec<(MemberId, MemberId, u32)> {
    let members = 0..board.members() as u32;
    let of = |m: u32| {
        board
            .votes_of(MemberId(m))
            .map(|v| v.post.0)
            .collect::<Vec<u32>>()
    };
    let posts: Vec<Vec<u32>> = members.clone().map(of).collect();
    let mut pairs = Vec::new();
    let mut marked = vec![false; board.posts()];
    for (a, of_a) in (0..).zip(&posts).filter(|(_, posts)| !posts.is_empty()) {
        for post in of_a {
            marked[*post as usize] = true;
        }
        for (b, of_b) in (0..)
            .zip(&posts)
            .skip(a as usize + 1)
            .filter(|(_, posts)| !posts.is_empty())
        {
            let together = of_b.iter().filter(|post| marked[**post as usize]).count() as u32;
            pairs.push((MemberId(a), MemberId(b), together));
        }
        marked.fill(false);
    }
    pairs
}

#[test]
fn p_values_of_covoting_are_uniform_under_the_configuration_model() {
    for (density, seed) in [(0.02, 1), (0.1, 2), (0.5, 3)] {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut p, mut careful) = (Vec::new(), Vec::new());
        for _ in 0..6 {
            let board = drawn(100, 250, density, &mut rng);
            let model = Chance::of_upvotes(&board);
            for tail in tails(&board, &model, &pairs(&board)) {
                p.push(tail.by_lot(rng.random()));
                careful.push(tail.p());
            }
        }
        let (distance, low) = (distance(&mut p), up_to(&p, 0.01));
        println!(
            "covote {density}: {} values, D {distance:.4}, {low:.4} up to 0.01",
            p.len()
        );
        assert!(distance < 0.025, "{density}: {distance}");
        assert!((0.007..0.014).contains(&low), "{density}: {low}");
        for level in [0.001, 0.01, 0.05, 0.2] {
            assert!(
                up_to(&careful, level) < 1.2 * level + 0.001,
                "{density} {level}"
            );
        }
    }
}

#[test]
fn a_null_without_appetites_and_appeals_would_be_found_out() {
    // The same boards, as if every member voted for every post with one chance.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let board = drawn(100, 250, 0.1, &mut rng);
    let cells = (board.members() * board.posts()) as f64;
    let density = board.votes().len() as f64 / cells;
    let posts = board.posts() as u32;
    let tail = |(_, _, together)| binomial(together, posts, density * density);
    let mut p: Vec<f64> = pairs(&board)
        .into_iter()
        .map(|pair| tail(pair).by_lot(rng.random()))
        .collect();
    assert!(distance(&mut p) > 0.2 && up_to(&p, 0.01) > 0.1);
}

#[test]
fn hardly_a_board_without_friends_has_a_covote_that_stands() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let boards = (0..20).map(|_| drawn(100, 200, 0.1, &mut rng));
    let found = |board: Board| {
        covotes(&board, &Chance::of_upvotes(&board))
            .beyond(0.05)
            .count()
    };
    // With a rate of 5 % one of twenty is expected; five or more have a chance of 0.3 %.
    assert!(boards.map(found).filter(|count| *count > 0).count() < 5);
}

/// Votes on posts at times drawn from a rhythm of day and week and from how young a post is. Those who come
/// bring others along, so that `party` vote within minutes.
fn paced(party: i64, rng: &mut ChaCha8Rng) -> Board {
    let weeks = 6;
    let rhythm = |at: i64| {
        let hour = (at.rem_euclid(DAY)) as f64 / DAY as f64;
        let weekend = if at.div_euclid(DAY).rem_euclid(7) >= 5 {
            0.5
        } else {
            1.0
        };
        weekend * (1.0 - 0.8 * (std::f64::consts::TAU * hour).cos()) / 1.8
    };
    let names: Vec<String> = (0..600).map(|p| format!("p{p}")).collect();
    let voters: Vec<String> = (0..400).map(|v| format!("v{v}")).collect();
    let mut votes = Vec::new();
    for name in &names {
        let made = rng.random_range(0..weeks * 7 * DAY);
        let total = (10.0 * normal(rng).exp()) as usize + 1;
        let mut voter = rng.random_range(0..voters.len());
        let mut count = 0;
        while count < total.min(voters.len()) {
            // Ages of a few hours mostly, and of days.
            let mean = if rng.random_bool(0.6) { 4.0 } else { 60.0 };
            let age = -mean * (1.0 - rng.random::<f64>()).ln();
            let at = made + (age * HOUR as f64) as i64;
            if at < (weeks + 2) * 7 * DAY && rng.random::<f64>() < rhythm(at) {
                for guest in 0..party {
                    let voter_name = voters[voter % voters.len()].as_str();
                    votes.push((
                        at + guest * MINUTE / 4,
                        voter_name,
                        name.as_str(),
                        "w",
                        made,
                    ));
                    voter += 1;
                }
                count += party as usize;
            }
        }
    }
    board(&votes)
}

/// P-values of the first hours of eight boards: by lot, and as they are decided with. Only of posts with enough
/// votes to be called a burst.
fn first_hour_values(party: i64, seed: u64) -> (Vec<f64>, Vec<f64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut p, mut careful) = (Vec::new(), Vec::new());
    for _ in 0..8 {
        let hours = first_hours(&paced(party, &mut rng));
        for hour in hours.into_iter().filter(|hour| hour.total >= LEAST) {
            p.push(hour.tail().by_lot(rng.random()));
            careful.push(hour.tail().p());
        }
    }
    (p, careful)
}

#[test]
fn p_values_of_first_hours_are_uniform_under_rhythm_and_youth() {
    let (mut p, careful) = first_hour_values(1, 4);
    let (distance, low) = (distance(&mut p), up_to(&p, 0.01));
    println!(
        "bursts: {} values, D {distance:.4}, {low:.4} up to 0.01",
        p.len()
    );
    assert!(distance < 0.04, "{distance}");
    assert!((0.004..0.018).contains(&low), "{low}");
    for level in [0.001, 0.01, 0.05, 0.2] {
        assert!(up_to(&careful, level) < 1.5 * level + 0.002, "{level}");
    }
}

#[test]
fn voters_who_come_in_threes_make_no_more_bursts() {
    let (mut p, careful) = first_hour_values(3, 5);
    let (distance, low) = (distance(&mut p), up_to(&p, 0.01));
    println!(
        "bursts in threes: {} values, D {distance:.4}, {low:.4} up to 0.01",
        p.len()
    );
    for level in [0.001, 0.01, 0.05, 0.2] {
        assert!(up_to(&careful, level) < 1.5 * level + 0.002, "{level}");
    }
}

#[test]
fn p_values_of_order_are_uniform_when_nobody_minds_who_is_first() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (mut p, mut of_groups) = (Vec::new(), Vec::new());
    let posts: Vec<String> = (0..40).map(|p| format!("p{p}")).collect();
    let members: Vec<String> = (0..10).map(|m| format!("m{m}")).collect();
    for _ in 0..150 {
        let mut votes: Vec<Up<'_>> = Vec::new();
        for (day, post) in (0..).zip(&posts) {
            for member in &members {
                if rng.random_bool(0.7) {
                    let at = day * DAY + rng.random_range(0..50 * MINUTE);
                    votes.push((at, member, post, "w", 0));
                }
            }
        }
        let board = board(&votes);
        let group: Vec<MemberId> = (0..board.members() as u32).map(MemberId).collect();
        let orders = orders(&board, &group);
        p.extend(
            orders
                .pairs
                .iter()
                .map(|pair| pair.tail().by_lot(rng.random())),
        );
        of_groups.push(orders.p);
    }
    let (distance, low) = (distance(&mut p), up_to(&p, 0.01));
    println!(
        "order: {} values, D {distance:.4}, {low:.4} up to 0.01",
        p.len()
    );
    assert!(distance < 0.03, "{distance}");
    assert!((0.006..0.014).contains(&low), "{low}");
    assert!(
        up_to(&of_groups, 0.05) < 0.10,
        "{}",
        up_to(&of_groups, 0.05)
    );
}
