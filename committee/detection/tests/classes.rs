//! People who meet and read together are no ring: they keep an appointment, and disagree as others do.

use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tacit_detection::calibrate::USUAL_RATE;
use tacit_detection::judge::judge;
use tacit_detection::votes::{Builder, MemberId, Row, Stance};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// A hundred and twenty others read what they come upon in sixty days; twelve read each other's new posts in
/// the lessons of eight weeks, three minutes for each, and like some of them. Who is flagged?
fn flagged(seed: u64, lesson: impl Fn(&mut ChaCha8Rng, i64) -> Vec<i64>) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut posts: Vec<(String, i64)> = Vec::new();
    for member in 0..120 {
        for _ in 0..rng.random_range(0..5) {
            posts.push((format!("m{member}"), rng.random_range(0..58 * DAY)));
        }
    }
    let elsewhere = posts.len();
    let mut lessons: Vec<(i64, Vec<usize>)> = Vec::new();
    for week in 0..8 {
        let hours = lesson(&mut rng, week);
        let mut new: Vec<usize> = Vec::new();
        for member in 0..12 {
            if rng.random_range(0..10) < 6 {
                new.push(posts.len());
                let written = week * 7 * DAY + rng.random_range(0..4 * DAY);
                posts.push((format!("c{member}"), written));
            }
        }
        let each = new.len().div_ceil(hours.len()).max(1);
        let parts = new.chunks(each).map(<[usize]>::to_vec);
        lessons.extend(hours.into_iter().zip(parts));
    }
    let mut builder = Builder::default();
    let mut vote = |voter: &str, post: usize, at: i64, stance: Stance| {
        let (author, written) = &posts[post];
        let row = Row {
            board: "board",
            vote_ms: at,
            voter,
            post: &format!("p{post}"),
            author,
            post_ms: *written,
            stance,
        };
        builder.push(row, i64::MAX).unwrap();
    };
    let stance = |rng: &mut ChaCha8Rng| match rng.random_range(0..20) {
        0..12 => Stance::Up,
        12..16 => Stance::Pass,
        _ => Stance::Down,
    };
    for member in 0..132 {
        let (name, few) = match member {
            0..120 => (format!("m{member}"), posts.len()),
            _ => (format!("c{}", member - 120), elsewhere),
        };
        for _ in 0..rng.random_range(10..60) {
            let post = rng.random_range(0..few);
            let at = posts[post].1 + rng.random_range(MINUTE..4 * DAY);
            if posts[post].0 != name {
                let stance = stance(&mut rng);
                vote(&name, post, at, stance);
            }
        }
    }
    for (start, new) in lessons {
        for (turn, post) in (0..).zip(new) {
            for member in 0..12 {
                let name = format!("c{member}");
                if posts[post].0 != name && rng.random_range(0..10) < 8 {
                    let at = start + 3 * MINUTE * turn + rng.random_range(0..90_000);
                    let stance = stance(&mut rng);
                    vote(&name, post, at, stance);
                }
            }
        }
    }
    let board = builder.finish().0.boards()[0].clone();
    let flags = judge(&board).unwrap().flagged(USUAL_RATE);
    let members = (0..).map(MemberId).zip(flags);
    let flagged = members.filter(|(_, flag)| *flag);
    flagged
        .map(|(member, _)| board.member_name(member).to_owned())
        .collect()
}

#[test]
fn a_class_that_reads_its_own_posts_at_one_hour_of_each_week_is_not_flagged() {
    for seed in 0..4 {
        let weekly = |rng: &mut ChaCha8Rng, week: i64| {
            vec![week * 7 * DAY + 6 * DAY + rng.random_range(0..10) * MINUTE]
        };
        assert_eq!(flagged(seed, weekly), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn nor_is_one_that_has_three_lessons_a_week() {
    for seed in 0..4 {
        let thrice = |rng: &mut ChaCha8Rng, week: i64| {
            let days = [
                4 * DAY,
                5 * DAY + 5 * 60 * MINUTE,
                6 * DAY + 2 * 60 * MINUTE,
            ];
            let late = rng.random_range(0..10) * MINUTE;
            days.map(|day| week * 7 * DAY + day + late).to_vec()
        };
        assert_eq!(flagged(seed, thrice), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn who_comes_together_at_ever_other_times_is_flagged() {
    for seed in 0..4 {
        let any = |rng: &mut ChaCha8Rng, week: i64| {
            let mut times = [(); 3].map(|()| week * 7 * DAY + rng.random_range(4 * DAY..7 * DAY));
            times.sort_unstable();
            times.to_vec()
        };
        let flagged = flagged(seed, any);
        let of_them = flagged.iter().filter(|name| name.starts_with('c')).count();
        assert!(
            of_them >= 8 && of_them == flagged.len(),
            "seed {seed}: {flagged:?}"
        );
    }
}
