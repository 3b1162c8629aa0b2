//! What a ring earns and loses, on amounts that are worked out by hand.

use std::collections::{BTreeMap, BTreeSet};

use tacit_detection::economy::interval::mean;
use tacit_detection::economy::windows::{MOST_WINDOWS, NotCut, cut};
use tacit_detection::economy::{
    Books, Layers, Run, Slashing, Supported, Terms, Window, YEAR_MS, compared, fare,
};
use tacit_detection::policy::allowance::TIMES_MEDIAN;
use tacit_detection::policy::appeals::Period;
use tacit_detection::policy::discount::Structure;
use tacit_detection::policy::inputs::{
    CommunityId, EvidenceDigest, Finding, Kind, PValue, PassRate, Pseudonym, Quality, Score,
    VoteHash, WindowId,
};
use tacit_detection::policy::strikes::Units;
use tacit_detection::votes::{Board, Builder, MemberId, Row, Stance};

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;
const RING: u32 = 5;

fn name(member: u32) -> Pseudonym {
    Pseudonym::new("square", &member.to_string())
}

fn ring() -> BTreeSet<Pseudonym> {
    (0..RING).map(name).collect()
}

fn terms() -> Terms {
    Terms {
        stake: Units(1_000),
        reward: Units(100),
        post_cost: Units(10),
        vote_cost: Units(1),
        account_cost: Units(50),
        paid_out_after: 0,
        window_ms: WEEK_MS,
        appeal: Period::TWO_WEEKS,
    }
}

/// Evidence as strong as there is, of both kinds.
fn findings(window: u64) -> Vec<Finding> {
    let of = |member: u32, kind: Kind| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&window.to_be_bytes());
        digest[8..12].copy_from_slice(&member.to_be_bytes());
        digest[12] = kind as u8;
        Finding {
            member: name(member),
            community: CommunityId(7),
            window: WindowId(window),
            kind,
            score: Score::ONE,
            p_value: PValue::ZERO,
            digest: EvidenceDigest(digest),
            votes: [VoteHash(digest)].into(),
        }
    };
    let both = |member| [of(member, Kind::Structure), of(member, Kind::Time)];
    (0..RING).flat_map(both).collect()
}

/// Each of five members writes a post; the other four and one outsider vote for it.
fn window(id: u64) -> Window {
    let post = |author: u32| {
        let voters = (0..RING).filter(|v| *v != author).chain([99]);
        Supported {
            author: name(author),
            quality: Quality::new(0.5).unwrap(),
            votes: voters.map(|v| (name(v), PassRate::ONE)).collect(),
        }
    };
    let structure = (0..RING).map(|member| Structure {
        member: name(member),
        community: CommunityId(7),
        score: Score::ONE,
        p_value: PValue::ZERO,
    });
    Window {
        id: WindowId(id),
        active: 60,
        posts: (0..RING).map(post).collect(),
        posts_written: 5,
        given: BTreeMap::new(),
        votes_cast: 20,
        extra_cost: Units::ZERO,
        structure: structure.collect(),
        findings: findings(id),
    }
}

fn windows(count: u64) -> Vec<Window> {
    (0..count).map(window).collect()
}

fn fared(windows: &[Window], layers: Layers) -> Books {
    fare(&ring(), windows, &terms(), layers, &BTreeSet::new())
}

#[test]
fn without_defences_a_ring_keeps_everything() {
    let books = fared(&windows(1), Layers::NONE);
    // Five posts with five votes at 100; five posts at 10, 20 votes at 1, five accounts at 50.
    assert_eq!(books.rewards, 2_500);
    assert_eq!(books.costs, 50 + 20 + 250);
    assert_eq!(books.stakes, 5_000);
    assert_eq!(books.profit(), 2_180.0);
    assert_eq!(books.return_on_investment(), 2_180.0 / 5_320.0);
    // Honestly: one vote for each post, and no votes for each other.
    assert_eq!(books.honest_rewards, 500);
    assert_eq!(books.honest_costs, 50 + 250);
    assert_eq!(books.return_over_honesty(), (2_180.0 - 200.0) / 5_320.0);
}

#[test]
fn the_discount_halves_what_four_votes_of_a_ring_bring() {
    let layers = Layers {
        discount: true,
        ..Layers::NONE
    };
    // Two for the ring's four, and the outsider's in full.
    assert_eq!(fared(&windows(1), layers).rewards, 5 * 300);
}

#[test]
fn who_gives_four_times_the_allowance_is_heard_for_a_quarter_each() {
    let layers = Layers {
        allowance: true,
        ..Layers::NONE
    };
    let mut flood = windows(1);
    let allowed = 7 * TIMES_MEDIAN;
    let others = (100..200).map(|other| (name(other), 7));
    flood[0].given = others.collect();
    let of_ring = |votes: u64| (0..RING).map(move |member| (name(member), votes));
    flood[0].given.extend(of_ring(allowed));
    assert_eq!(fared(&flood, layers).rewards, 2_500);
    flood[0].given.extend(of_ring(4 * allowed));
    // Four votes of the ring count as one; the outsider is heard in full, honestly too.
    let books = fared(&flood, layers);
    assert_eq!((books.rewards, books.honest_rewards), (5 * 200, 500));
    assert_eq!(fared(&flood, Layers::NONE).rewards, 2_500);
    flood[0].given.insert(name(99), 4 * allowed);
    let books = fared(&flood, layers);
    assert_eq!((books.rewards, books.honest_rewards), (5 * 125, 125));
    flood[0].active = 49;
    assert_eq!(fared(&flood, layers), fared(&flood, Layers::NONE));
}

#[test]
fn what_posts_earn_honestly_is_counted_as_if_the_ring_had_not_moved_the_median() {
    let layers = Layers {
        allowance: true,
        ..Layers::NONE
    };
    // The outsider gave twice what is allowed among the others, and no more than among all.
    let mut flood = windows(1);
    flood[0].given = (100..104).map(|other| (name(other), 7)).collect();
    flood[0].given.insert(name(99), 2 * 7 * TIMES_MEDIAN);
    flood[0]
        .given
        .extend((0..RING).map(|member| (name(member), 14)));
    let books = fared(&flood, layers);
    assert_eq!((books.rewards, books.honest_rewards), (2_500, 250));
}

#[test]
fn attention_and_the_allowance_multiply() {
    let layers = Layers {
        attention: true,
        allowance: true,
        ..Layers::NONE
    };
    let mut flood = windows(1);
    flood[0].given = (100..200).map(|other| (name(other), 7)).collect();
    flood[0]
        .given
        .extend((0..RING).map(|member| (name(member), 2 * 7 * TIMES_MEDIAN)));
    for (voter, rate) in flood[0].posts.iter_mut().flat_map(|post| &mut post.votes) {
        if *voter != name(99) {
            *rate = PassRate::new(0.5).unwrap();
        }
    }
    // Four votes of a quarter each, and the outsider's.
    assert_eq!(fared(&flood, layers).rewards, 5 * 200);
}

#[test]
fn quality_and_attention_multiply_what_votes_bring() {
    let quality = Layers {
        quality: true,
        ..Layers::NONE
    };
    assert_eq!(fared(&windows(1), quality).rewards, 1_250);
    let attention = Layers {
        attention: true,
        ..Layers::NONE
    };
    let mut one = windows(1);
    for post in &mut one[0].posts {
        for (_, rate) in &mut post.votes {
            *rate = PassRate::new(0.25).unwrap();
        }
    }
    assert_eq!(fared(&one, attention).rewards, 625);
    assert_eq!(fared(&one, Layers::NONE).rewards, 2_500);
}

#[test]
fn strikes_claw_back_what_was_paid_out_already() {
    let layers = Layers {
        slashing: Slashing::ClawBack,
        ..Layers::NONE
    };
    let books = fared(&windows(2), layers);
    // Each member: 500 in each of two windows, all of it out of the stake, of which nothing is left.
    assert_eq!(books.clawed_back, 5_000);
    assert_eq!(books.slashed, 0);
    assert_eq!(books.stakes_lost, 5_000);
    assert_eq!(books.strikes, 5);
    assert_eq!(books.profit(), -390.0);
}

#[test]
fn rewards_that_wait_for_a_window_save_the_stake_from_standing_in_and_so_more_is_lost() {
    let waiting = Terms {
        paid_out_after: 2,
        ..terms()
    };
    let layers = Layers {
        slashing: Slashing::ClawBack,
        ..Layers::NONE
    };
    let books = fare(&ring(), &windows(2), &waiting, layers, &BTreeSet::new());
    assert_eq!(books.clawed_back, 5_000);
    assert_eq!(books.slashed, 1_250);
    assert_eq!(books.stakes_lost, 1_250);
}

#[test]
fn percentages_alone_leave_a_ring_its_gain_and_claw_back_takes_it() {
    let waiting = Terms {
        paid_out_after: 4,
        ..terms()
    };
    let of = |slashing| {
        let layers = Layers {
            slashing,
            ..Layers::NONE
        };
        fare(&ring(), &windows(10), &waiting, layers, &BTreeSet::new())
    };
    // Ten windows at 2,500; ten times 70, and 250 for accounts.
    assert_eq!(of(Slashing::Off).profit(), 25_000.0 - 950.0);
    assert_eq!(
        of(Slashing::Percentages).profit(),
        25_000.0 - 950.0 - 5_000.0
    );
    assert_eq!(of(Slashing::ClawBack).profit(), -950.0 - 5_000.0);
    assert_eq!(of(Slashing::ClawBack).return_on_investment(), -1.0);
}

#[test]
fn rewards_that_are_paid_out_at_once_are_clawed_back_only_as_far_as_the_stake_goes() {
    let layers = Layers {
        slashing: Slashing::ClawBack,
        ..Layers::NONE
    };
    let books = fared(&windows(10), layers);
    assert_eq!(books.clawed_back, 5_000);
    assert!(books.return_on_investment() > 1.0);
}

#[test]
fn structure_alone_takes_no_stake() {
    let mut all = windows(6);
    for window in &mut all {
        window.findings.retain(|f| f.kind == Kind::Structure);
    }
    let books = fared(&all, Layers::ALL);
    assert_eq!((books.slashed, books.clawed_back, books.strikes), (0, 0, 0));
}

#[test]
fn on_a_board_of_forty_nine_nothing_is_done() {
    let mut all = windows(4);
    for window in &mut all {
        window.active = 49;
    }
    let layers = Layers {
        discount: true,
        slashing: Slashing::ClawBack,
        ..Layers::NONE
    };
    assert_eq!(fared(&all, layers), fared(&all, Layers::NONE));
}

#[test]
fn a_won_appeal_costs_nothing() {
    let books = fare(&ring(), &windows(2), &terms(), Layers::ALL, &ring());
    assert_eq!((books.slashed, books.clawed_back, books.strikes), (0, 0, 0));
}

#[test]
fn one_case_after_the_other_takes_three_strikes() {
    let layers = Layers {
        slashing: Slashing::Percentages,
        ..Layers::NONE
    };
    let books = fared(&windows(6), layers);
    assert_eq!(books.strikes, 15);
    assert_eq!(books.slashed, 5_000);
}

#[test]
fn bribes_cost_what_they_cost() {
    let mut bribed = windows(1);
    bribed[0].extra_cost = Units(77);
    let without = fared(&windows(1), Layers::NONE).costs;
    assert_eq!(fared(&bribed, Layers::NONE).costs, without + 77);
}

#[test]
fn a_loss_is_told_by_the_year() {
    let books = Books {
        stakes: 1_000,
        stakes_lost: 10,
        ..Books::default()
    };
    assert!((books.stake_lost_per_year(YEAR_MS as i64) - 0.01).abs() < 1e-12);
    assert!((books.stake_lost_per_year(YEAR_MS as i64 / 2) - 0.02).abs() < 1e-12);
    assert_eq!(books.stake_lost_per_year(0), 0.0);
}

#[test]
fn a_group_of_nobody_fares_neither_well_nor_badly() {
    let books = fare(
        &BTreeSet::new(),
        &[],
        &terms(),
        Layers::ALL,
        &BTreeSet::new(),
    );
    assert_eq!(books, Books::default());
    assert_eq!(books.return_on_investment(), 0.0);
}

#[test]
fn an_interval_holds_the_mean_and_is_made_again_in_any_order() {
    let values: Vec<f64> = (0..20).map(f64::from).collect();
    let interval = mean(&values, 1).unwrap();
    assert_eq!(interval.mean, 9.5);
    // The standard error is 5.77/√20 = 1.29: some 2.5 to either side.
    assert!((6.5..7.5).contains(&interval.low), "{interval:?}");
    assert!((11.5..12.5).contains(&interval.high), "{interval:?}");
    let backwards: Vec<f64> = values.iter().rev().copied().collect();
    assert_eq!(mean(&backwards, 1), Some(interval));
}

#[test]
fn no_interval_comes_of_one_value_or_of_no_number() {
    assert_eq!(mean(&[1.0], 1), None);
    assert_eq!(mean(&[1.0, f64::NAN], 1), None);
    assert_eq!(mean(&[1.0, f64::INFINITY], 1), None);
}

#[test]
fn each_set_of_defences_is_priced_over_all_runs() {
    let run = |count| Run {
        members: ring(),
        windows: windows(count),
    };
    let waiting = Terms {
        paid_out_after: 4,
        ..terms()
    };
    let runs = [run(6), run(8), run(10)];
    let table = compared(&runs, &waiting, 1).unwrap();
    assert_eq!(table.len(), Layers::COMPARED.len());
    let of = |name: &str| table.iter().find(|row| row.name == name).unwrap();
    assert!(of("none").on_investment.low > 1.0);
    assert!(of("discount").on_investment.high < of("none").on_investment.low);
    assert!(of("strikes without claw-back").on_investment.low > 0.0);
    assert!(of("strikes").on_investment.high < 0.0);
    assert!(of("all").over_honesty.high < 0.0);
    assert_eq!(compared(&runs[..1], &waiting, 1), None);
}

/// Ada writes at 0 and Bob at 950; votes at these times, windows of 1,000.
fn board(votes: &[(i64, &str, &str, Stance)]) -> Board {
    let mut builder = Builder::default();
    for (vote_ms, voter, post, stance) in votes {
        let (author, post_ms) = if *post == "by ada" {
            ("ada", 0)
        } else {
            ("bob", 950)
        };
        let row = Row {
            board: "square",
            vote_ms: *vote_ms,
            voter,
            post,
            author,
            post_ms,
            stance: *stance,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    let (votes, _) = builder.finish();
    votes.boards()[0].clone()
}

fn cut_so(board: &Board, window_ms: i64) -> Result<Vec<Window>, NotCut> {
    let ids = (0..board.members() as u32).map(MemberId);
    let group = ids.filter(|m| ["ada", "bob"].contains(&board.member_name(*m)));
    cut(
        board,
        &group.collect(),
        window_ms,
        |_| Quality::ONE,
        |_| PassRate::ONE,
    )
}

#[test]
fn a_board_is_cut_into_windows_that_are_counted_from_1970() {
    let board = board(&[
        (100, "bob", "by ada", Stance::Up),
        (1_099, "eve", "by ada", Stance::Down),
        (1_100, "ada", "by bob", Stance::Up),
        (3_100, "eve", "by bob", Stance::Up),
        (3_100, "fay", "by bob", Stance::Up),
    ]);
    let windows = cut_so(&board, 1_000).unwrap();
    let told: Vec<_> = windows
        .iter()
        .map(|w| {
            let votes: usize = w.posts.iter().map(|p| p.votes.len()).sum();
            (w.id.0, w.active, w.posts_written, w.votes_cast, votes)
        })
        .collect();
    let expected = vec![
        (0, 1, 2, 1, 1),
        (1, 2, 0, 1, 1),
        (2, 0, 0, 0, 0),
        (3, 2, 0, 0, 2),
    ];
    assert_eq!(told, expected);
    let author = Pseudonym::new("square", "bob");
    assert_eq!(windows[3].posts[0].author, author);
    // Support alone counts in the allowance, that of anybody.
    let given = |place: usize| -> Vec<(&str, u64)> {
        let given = windows[place].given.iter();
        given
            .map(|(member, votes)| (member.as_str(), *votes))
            .collect()
    };
    assert_eq!(given(0), [("square/bob", 1)]);
    assert_eq!(given(1), [("square/ada", 1)]);
    assert_eq!(given(3), [("square/eve", 1), ("square/fay", 1)]);
}

#[test]
fn windows_have_a_length_and_a_number() {
    let board = board(&[
        (0, "eve", "by ada", Stance::Up),
        (MOST_WINDOWS as i64, "fay", "by ada", Stance::Up),
    ]);
    assert_eq!(cut_so(&board, 0), Err(NotCut::NoLength { window_ms: 0 }));
    assert_eq!(cut_so(&board, 1), Err(NotCut::TooMany { window_ms: 1 }));
    assert!(cut_so(&board, 2).is_ok());
    let always = board_of_all_times();
    assert!(cut_so(&always, i64::MAX).is_ok());
}

fn board_of_all_times() -> Board {
    let mut builder = Builder::default();
    for vote_ms in [i64::MIN, i64::MAX] {
        let voter = vote_ms.to_string();
        let row = Row {
            board: "square",
            vote_ms,
            voter: &voter,
            post: "by ada",
            author: "ada",
            post_ms: i64::MIN,
            stance: Stance::Up,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    let (votes, _) = builder.finish();
    votes.boards()[0].clone()
}
