//! Each signal on small boards worked out by hand.

mod boards;

use boards::{DAY, HOUR, MINUTE, Up, board, lines, member, post};
use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tacit_detection::graph::{Partition, leiden};
use tacit_detection::signals::chance::Chance;
use tacit_detection::signals::covote::{Covote, covotes, tail};
use tacit_detection::signals::order::{Order, orders};
use tacit_detection::signals::reciprocity::reciprocity;
use tacit_detection::signals::support::Supports;
use tacit_detection::signals::{bursts, closure, entropy, independence};
use tacit_detection::votes::{Board, MemberId};

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-5, "{a} is not {b}");
}

/// A model by names: how many votes each member and each post would have.
fn model(board: &Board, of_member: &[(&str, u32)], of_post: &[(&str, u32)]) -> Chance {
    let (mut members, mut posts) = (vec![0; board.members()], vec![0; board.posts()]);
    for (name, count) in of_member {
        members[member(board, name).at()] = *count;
    }
    for (name, count) in of_post {
        posts[post(board, name).at()] = *count;
    }
    Chance::fit(&members, &posts)
}

/// Four members with two votes each on four posts with two votes each: every chance is 1/2.
const SQUARE: &str = "a p1 z\na p2 z\nb p3 z\nb p4 z\nc p1 z\nc p4 z\ne p2 z\ne p3 z";

#[test]
fn covotes_of_two_members_by_hand() {
    // Of each of a's two posts one vote is a's, and the other is one of three members': two trials of 1/3, with
    // chances 4/9, 4/9, 1/9. The rest of b's two votes, 4/3 on average, are like 8/3 trials of 1/2, with 2, 1
    // and 0 hits in the proportion of (8/3·5/3)/2, 8/3 and 1. So 80, 96 and 9 parts of 185.
    let board = lines(SQUARE);
    let model = Chance::of_upvotes(&board);
    let (a, b) = (member(&board, "a"), member(&board, "b"));
    close(model.of(a, post(&board, "p1")), 0.5);
    let (expected, two) = tail(&board, &model, a, b, 2);
    close(expected, 2.0 / 3.0);
    close(two.p(), 9.0 / 185.0);
    close(tail(&board, &model, b, a, 1).1.p(), 105.0 / 185.0);
}

#[test]
fn ones_own_posts_are_no_trials_of_covoting() {
    let board = lines(&SQUARE.replace("p1 z", "p1 b").replace("p3 z", "p3 a"));
    let model = Chance::of_upvotes(&board);
    let (a, b) = (member(&board, "a"), member(&board, "b"));
    let (expected, one) = tail(&board, &model, a, b, 1);
    close(expected, 1.0 / 3.0);
    close(one.p(), one.at);
    close(one.beyond, 0.0);
}

#[test]
fn two_who_vote_for_the_same_rare_posts_are_found_and_nobody_else() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut text = String::new();
    for member in 0..80 {
        for post in 0..120 {
            // Posts of very different appeal.
            if rng.random_bool(0.4 / f64::from(1 + post % 20)) {
                text.push_str(&format!("m{member} p{post} w{}\n", post % 7));
            }
        }
    }
    for post in 0..12 {
        text.push_str(&format!("m0 r{post} w0\nm1 r{post} w1\n").replace("w1", "w0"));
    }
    let board = lines(&text);
    let found = covotes(&board, &Chance::of_upvotes(&board));
    let pairs: Vec<&Covote> = found.beyond(0.05).collect();
    let [pair] = pairs.as_slice() else {
        panic!("{pairs:?}");
    };
    let mut names = [board.member_name(pair.a), board.member_name(pair.b)];
    names.sort_unstable();
    assert_eq!(names, ["m0", "m1"]);
    assert!(
        pair.together >= 12 && pair.expected < 8.0 && pair.p < 1e-6,
        "{pair:?}"
    );
    assert_eq!(found.tests, 80 * 79 / 2);
}

#[test]
fn listed_pairs_have_the_p_value_of_their_own_tail() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut text = String::new();
    for member in 0..50 {
        for post in 0..60 {
            if rng.random_bool(if post % 2 == member % 2 { 0.6 } else { 0.1 }) {
                text.push_str(&format!("m{member} p{post} w{}\n", post % 7));
            }
        }
    }
    let board = lines(&text);
    let model = Chance::of_upvotes(&board);
    let found = covotes(&board, &model);
    let mut listed = found.pairs.iter().peekable();
    let mut count = 0;
    for a in (0..board.members() as u32).map(MemberId) {
        let of_a: Vec<_> = board.votes_of(a).map(|v| v.post).collect();
        for b in (a.0 + 1..board.members() as u32).map(MemberId) {
            let together = board.votes_of(b).filter(|v| of_a.contains(&v.post)).count() as u32;
            let (_, tail) = tail(&board, &model, a, b, together);
            if together >= 2 && tail.p() <= 0.01 {
                let pair = listed.next().unwrap();
                assert_eq!((pair.a, pair.b, pair.together), (a, b, together));
                close(pair.p, tail.p());
                count += 1;
            }
        }
    }
    assert!(listed.next().is_none() && count > 10, "{count}");
}

#[test]
fn closure_of_a_triangle_with_a_tail_by_hand() {
    let board = lines("a pb b\nb pc c\nc pa a\nd pa a\nd pa2 a");
    let of = |values: Vec<Option<f64>>, name| values[member(&board, name).at()];
    for (name, expected) in [
        ("a", Some(1.0 / 3.0)),
        ("b", Some(1.0)),
        ("c", Some(1.0)),
        ("d", None),
    ] {
        assert_eq!(of(closure::raw(&board), name), expected, "{name}");
    }
    let graph = closure::upvote_graph(&board);
    let (a, d) = (member(&board, "a").0, member(&board, "d").0);
    assert!(graph.edges_of(a).any(|edge| edge == (d, 2.0)));
    let pair = |a, b| {
        let (a, b) = (member(&board, a), member(&board, b));
        Covote {
            a: a.min(b),
            b: a.max(b),
            together: 9,
            expected: 1.0,
            p: 1e-6,
        }
    };
    let pairs = [
        pair("a", "b"),
        pair("b", "d"),
        pair("d", "a"),
        pair("d", "c"),
    ];
    let corrected = closure::corrected(&board, pairs.iter());
    for (name, expected) in [
        ("a", Some(1.0)),
        ("b", Some(1.0)),
        ("c", None),
        ("d", Some(1.0 / 3.0)),
    ] {
        assert_eq!(of(corrected.clone(), name), expected, "{name}");
    }
}

#[test]
fn reciprocity_of_two_members_by_hand() {
    // With two members and two posts of one vote each, every chance is 1/2.
    let even = |board: &Board| model(board, &[("a", 1), ("b", 1)], &[("pa", 1), ("pb", 1)]);
    let measured = |text: &str, labels: &[u32]| {
        let board = lines(text);
        let model = even(&board);
        let supports = Supports::of(&board, &model);
        reciprocity(&board, &model, &supports, &Partition::from_labels(labels))
    };
    let mutual = measured("a pb b\nb pa a", &[0, 0])[0];
    assert_eq!((mutual.links, mutual.mutual), (2, 2));
    close(mutual.expected, 1.0);
    close(mutual.share().unwrap(), 1.0);
    close(mutual.beyond_chance().unwrap(), 1.0);
    // b wrote; a wrote nothing that b could vote for.
    let one_way = measured("a pb b\na pa b", &[0, 0])[0];
    assert_eq!(
        (one_way.links, one_way.mutual, one_way.expected),
        (1, 0, 0.0)
    );
    close(one_way.beyond_chance().unwrap(), 0.0);
    // Across communities nothing counts.
    let apart = measured("a pb b\nb pa a", &[0, 1]);
    assert_eq!(
        (apart.len(), apart[0].links, apart[0].share()),
        (2, 0, None)
    );
}

#[test]
fn more_posts_make_a_link_back_likelier() {
    let board = lines("a pb b\nb pa1 a\nb pa2 a");
    let posts = [("pb", 1), ("pa1", 1), ("pa2", 1)];
    let model = model(&board, &[("a", 1), ("b", 2)], &posts);
    let supports = Supports::of(&board, &model);
    let found = reciprocity(&board, &model, &supports, &Partition::from_labels(&[0, 0]))[0];
    // Chances: a votes for each post with 1/3, b with 2/3. Of a's link: b supports a with 1 - (1/3)^2. Of
    // b's link: a supports b with 1/3.
    close(found.expected, 8.0 / 9.0 + 1.0 / 3.0);
}

#[test]
fn leiden_and_reciprocity_find_a_closed_circle_beside_a_one_way_one() {
    let mut text = String::new();
    for a in 0..5 {
        for b in 0..5 {
            if a != b {
                text.push_str(&format!("ring{a} r{b} ring{b}\n"));
            }
            text.push_str(&format!("fan{a} s{b} star\n"));
        }
    }
    let board = lines(&text);
    let model = Chance::of_upvotes(&board);
    let communities = leiden(&closure::upvote_graph(&board), 1.0, 2, 1);
    let found = reciprocity(&board, &model, &Supports::of(&board, &model), &communities);
    let of = |name| found[communities.of(member(&board, name).0) as usize];
    assert_eq!((of("ring0").links, of("ring0").mutual), (20, 20));
    assert_eq!(
        (of("star").links, of("star").mutual, of("star").expected),
        (5, 0, 0.0)
    );
}

#[test]
fn entropy_of_three_authors_by_hand() {
    // Activities: a 2, b 2, c 1. Both of z's votes are a's; y's are b's and c's.
    let board = lines("a z1 z\na z2 z\nb y1 y\nc y1 y\nb x1 x");
    let measured = entropy::entropy(&board);
    let of = |name| measured[member(&board, name).at()];
    // Two draws differ with chance 1 - (0.16 + 0.16 + 0.04).
    let expected = 0.64 * 2.0_f64.ln();
    let (z, y) = (of("z").unwrap(), of("y").unwrap());
    close(z.expected, expected);
    close(y.expected, expected);
    assert_eq!((z.votes, z.entropy, z.normalised()), (2, 0.0, Some(0.0)));
    close(y.entropy, 2.0_f64.ln());
    close(y.normalised().unwrap(), 1.0 / 0.64);
    assert_eq!((of("x"), of("a")), (None, None));
}

#[test]
fn an_author_does_not_count_among_its_own_voters() {
    // z gave votes too: for z's posts only a and b, with one vote each, can be drawn.
    let board = lines("a z1 z\nb z2 z\nz y1 y\nz y2 y\nz y3 y");
    let z = entropy::entropy(&board)[member(&board, "z").at()].unwrap();
    close(z.expected, 0.5 * 2.0_f64.ln());
}

#[test]
fn independence_of_a_pair_beside_an_author_by_hand() {
    // a and b vote for each other, c and e for d. Shares received: a, b 1/4, d 1/2; given: a, b, c, e 1/4.
    // With d = 1/2, the surfer's rank r_d = 1/4 + 1/2·stuck·1/2, stuck = 1/2·r_d, so r_d = 2/7; c and e 1/14
    // each; a and b share the rest. By activity: S = 1/2, α = 4/5, r0 = 3/5·π + 2/5·s.
    let board = lines("a pb b\nb pa a\nc pd d\ne pd d");
    let measured = independence::damped(&board, 0.5);
    let of = |name| measured[member(&board, name).at()];
    for (name, rank, expected) in [
        ("a", 2.0 / 7.0, 0.25),
        ("b", 2.0 / 7.0, 0.25),
        ("c", 1.0 / 14.0, 0.1),
        ("d", 2.0 / 7.0, 0.3),
        ("e", 1.0 / 14.0, 0.1),
    ] {
        close(of(name).rank, rank);
        close(of(name).expected, expected);
    }
    close(of("a").weight().unwrap(), 0.875);
    close(of("c").weight().unwrap(), 1.0);
    close(of("d").weight().unwrap(), 1.0);
}

#[test]
fn a_board_whose_voters_are_drawn_by_activity_has_weights_of_one() {
    // Everybody votes once for everybody.
    let mut text = String::new();
    for a in 0..6 {
        for b in (0..6).filter(|b| *b != a) {
            text.push_str(&format!("m{a} p{b} m{b}\n"));
        }
    }
    for measured in independence::independence(&lines(&text)) {
        close(measured.weight().unwrap(), 1.0);
    }
}

/// Thirty posts, one at noon of each day, each with five votes in its first hour and five an hour later.
fn daily() -> Vec<(i64, String, String, i64)> {
    let mut votes = Vec::new();
    for day in 0..30 {
        let made = day * DAY + 12 * HOUR;
        for voter in 0..10 {
            let at = made + (voter / 5) * HOUR + voter * MINUTE + 1;
            votes.push((at, format!("v{voter}"), format!("p{day}"), made));
        }
    }
    votes
}

fn daily_board(votes: &[(i64, String, String, i64)]) -> Board {
    let votes: Vec<Up<'_>> = votes
        .iter()
        .map(|(at, voter, post, made)| (*at, voter.as_str(), post.as_str(), "w", *made))
        .collect();
    board(&votes)
}

#[test]
fn a_post_with_forty_votes_in_its_first_hour_where_others_have_half_is_a_burst() {
    let mut votes = daily();
    let made = 20 * DAY + 12 * HOUR;
    for voter in 0..35 {
        votes.push((
            made + voter * 1_000 + 1,
            format!("b{voter}"),
            "p20".into(),
            made,
        ));
    }
    let board = daily_board(&votes);
    let found = bursts::bursts(&board);
    let [burst] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(burst.post, post(&board, "p20"));
    assert_eq!((burst.votes, burst.total), (40, 45));
    // A share of a half, a little more for the burst's own part in what is expected of the young.
    assert!((0.5..0.65).contains(&burst.share), "{burst:?}");
    assert!(burst.tail().p() < 1e-4, "{}", burst.tail().p());
}

#[test]
fn nine_votes_are_no_burst() {
    let mut votes = daily();
    let made = 20 * DAY + 12 * HOUR;
    for voter in 0..4 {
        votes.push((
            made + voter * 1_000 + 1,
            format!("b{voter}"),
            "p20".into(),
            made,
        ));
    }
    assert_eq!(bursts::bursts(&daily_board(&votes)), []);
    votes.push((made + 1, "b4".into(), "p20".into(), made));
    assert_eq!(bursts::bursts(&daily_board(&votes)).len(), 1);
}

#[test]
fn an_hour_in_which_everybody_came_explains_a_burst() {
    let mut votes = daily();
    let made = 20 * DAY + 12 * HOUR;
    for voter in 0..35 {
        votes.push((
            made + voter * 1_000 + 1,
            format!("b{voter}"),
            "p20".into(),
            made,
        ));
        // The same guests vote for everything else too.
        for day in 10..20 {
            let at = made + (voter + day) * 30_000;
            votes.push((
                at,
                format!("b{voter}"),
                format!("p{day}"),
                day * DAY + 12 * HOUR,
            ));
        }
    }
    let board = daily_board(&votes);
    let hours = bursts::first_hours(&board);
    let hour = hours
        .iter()
        .find(|h| h.post == post(&board, "p20"))
        .unwrap();
    assert_eq!(hour.votes, 40);
    assert!(hour.tail().p() > 1e-3, "{hour:?} {}", hour.tail().p());
}

#[test]
fn expected_first_hours_add_up_to_those_seen() {
    let board = daily_board(&daily());
    let hours = bursts::first_hours(&board);
    let expected: f64 = hours.iter().map(|h| h.expected()).sum();
    assert!((expected - 150.0).abs() < 2.0, "{expected}");
    assert_eq!(hours.iter().map(|h| h.votes).sum::<u32>(), 150);
}

#[test]
fn first_hours_are_the_same_after_a_shift_by_a_week() {
    let votes = daily();
    let mut later = votes.clone();
    for (at, _, _, made) in &mut later {
        *at += 52 * 7 * DAY;
        *made += 52 * 7 * DAY;
    }
    let shares = |votes| {
        bursts::first_hours(&daily_board(votes))
            .iter()
            .map(|h| h.share)
            .collect::<Vec<_>>()
    };
    assert_eq!(shares(&votes), shares(&later));
}

#[test]
fn boards_with_times_at_the_ends_of_the_scale_have_bursts_measured() {
    let far = board(&[
        (i64::MIN, "a", "p", "z", i64::MIN),
        (i64::MAX, "b", "p", "z", i64::MIN),
    ]);
    assert_eq!(bursts::bursts(&far), []);
    assert_eq!(
        orders(&far, &[MemberId(0), MemberId(1), MemberId(2)]).pairs,
        []
    );
}

fn order_of(votes: &[Up<'_>], names: &[&str]) -> (Vec<Order>, Option<f64>, f64) {
    let board = board(votes);
    let group: Vec<MemberId> = names.iter().map(|name| member(&board, name)).collect();
    let orders = orders(&board, &group);
    (orders.pairs, orders.concordance, orders.p)
}

const POSTS: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

#[test]
fn the_same_order_on_eight_days_by_hand() {
    let mut votes = Vec::new();
    for (day, post) in (0..).zip(POSTS) {
        votes.push((day * DAY + MINUTE, "a", post, "z", 0));
        votes.push((day * DAY + 2 * MINUTE, "b", post, "z", 0));
    }
    let (pairs, concordance, p) = order_of(&votes, &["a", "b"]);
    assert_eq!((pairs[0].occasions, pairs[0].a_first), (8, 8));
    assert_eq!(concordance, Some(1.0));
    close(p, 2.0 / 256.0);
}

#[test]
fn three_in_the_same_order_are_three_pairs_by_hand() {
    let mut votes = Vec::new();
    for (day, post) in (0..).zip(POSTS) {
        // c is between a and b, but on the last two days first.
        let of_c = if day < 6 { 90_000 } else { 30_000 };
        votes.push((day * DAY + MINUTE, "a", post, "z", 0));
        votes.push((day * DAY + 2 * MINUTE, "b", post, "z", 0));
        votes.push((day * DAY + of_c, "c", post, "z", 0));
    }
    let (pairs, concordance, p) = order_of(&votes, &["a", "b", "c"]);
    assert_eq!(pairs.len(), 3);
    // a-b 8 of 8, c-b 8 of 8, a-c 6 of 8.
    close(concordance.unwrap(), 22.0 / 24.0);
    // Simes: ranks 1 and 2 have 2/256, rank 3 has 2·(1 + 8 + 28)/256.
    close(p, (3.0 / 2.0) * 2.0 / 256.0);
}

#[test]
fn one_sitting_is_one_occasion_however_many_posts_it_has() {
    let mut votes = Vec::new();
    for (place, post) in (0..).zip(POSTS) {
        votes.push((place * 5 * MINUTE, "a", post, "z", 0));
        votes.push((place * 5 * MINUTE + 10_000, "b", post, "z", 0));
    }
    let (pairs, _, p) = order_of(&votes, &["a", "b"]);
    assert_eq!((pairs[0].occasions, pairs[0].a_first), (1, 1));
    close(p, 1.0);
}

#[test]
fn who_joined_later_is_later_and_that_is_no_order() {
    let mut votes = Vec::new();
    for (place, post) in (0..).zip(POSTS) {
        votes.push((place * DAY, "a", post, "z", 0));
        votes.push((place * DAY + 2 * HOUR, "b", post, "z", 0));
    }
    let (pairs, concordance, p) = order_of(&votes, &["a", "b"]);
    assert_eq!((pairs.len(), concordance, p), (0, None, 1.0));
}

#[test]
fn votes_in_the_same_millisecond_have_no_order() {
    let votes = [(5, "a", "p", "z", 0), (5, "b", "p", "z", 0)];
    assert_eq!(order_of(&votes, &["a", "b"]).0, []);
}

#[test]
fn a_board_without_upvotes_has_empty_signals() {
    use tacit_detection::votes::{Builder, Row, Stance};
    let mut builder = Builder::default();
    let row = Row {
        board: "c",
        vote_ms: 5,
        voter: "a",
        post: "p",
        author: "z",
        post_ms: 1,
        stance: Stance::Down,
    };
    builder.push(row, 10).unwrap();
    let board = builder.finish().0.boards()[0].clone();
    let model = Chance::of_upvotes(&board);
    let found = covotes(&board, &model);
    assert_eq!((found.pairs.len(), found.tests), (0, 0));
    assert_eq!(closure::raw(&board), [None, None]);
    assert_eq!(entropy::entropy(&board), [None, None]);
    let measured = independence::independence(&board);
    assert!(measured.iter().all(|m| m.weight().is_none()));
    assert_eq!(bursts::first_hours(&board).len(), 1);
}
