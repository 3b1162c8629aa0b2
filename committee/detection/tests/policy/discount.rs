use std::collections::BTreeMap;

use tacit_detection::policy::discount::{BAR, Discount, FLOOR, Structure, Suspicions};
use tacit_detection::policy::inputs::{Bar, CommunityId, PValue, PassRate, Quality, Score, Weight};

use tacit_detection::policy::discount::by_member;
use tacit_detection::votes::{Builder, MemberId, Row, Stance};

use crate::given::enough;

const AUTHOR: u32 = 0;

fn suspected(member: u32, community: u64, score: f64) -> Structure<u32> {
    Structure {
        member,
        community: CommunityId(community),
        score: Score::new(score).unwrap(),
        p_value: PValue::ZERO,
    }
}

/// The author and the members 1 to `others` in community 7, all with the same score.
fn ring(others: u32, score: f64) -> Vec<Structure<u32>> {
    (0..=others).map(|m| suspected(m, 7, score)).collect()
}

fn suspicions(structure: &[Structure<u32>]) -> Suspicions<u32> {
    Discount::default().suspicions(enough(), structure)
}

fn attentive(voters: impl IntoIterator<Item = u32>) -> Vec<(u32, PassRate)> {
    voters.into_iter().map(|v| (v, PassRate::ONE)).collect()
}

fn sum(weights: &BTreeMap<u32, Weight>) -> f64 {
    weights.values().map(|w| w.get()).sum()
}

#[test]
fn four_votes_of_a_certain_ring_count_like_two() {
    let weights = suspicions(&ring(4, 1.0)).weights(&AUTHOR, &attentive(1..=4));
    assert!(weights.values().all(|w| w.get() == 0.5), "{weights:?}");
}

#[test]
fn votes_of_a_half_suspected_community_lose_half_as_much() {
    // Suspicions add up to 4, so the suspected half of each vote counts half: 1/2 + 1/2 · 1/2.
    let weights = suspicions(&ring(8, 0.5)).weights(&AUTHOR, &attentive(1..=8));
    assert!(weights.values().all(|w| w.get() == 0.75), "{weights:?}");
}

#[test]
fn no_vote_counts_less_than_the_floor() {
    let others = 1_000;
    let weights = suspicions(&ring(others, 1.0)).weights(&AUTHOR, &attentive(1..=others));
    assert!(weights.values().all(|w| *w == FLOOR), "{weights:?}");
}

#[test]
fn sixteen_votes_just_reach_the_floor_and_fifteen_do_not() {
    let of = |n| suspicions(&ring(n, 1.0)).weights(&AUTHOR, &attentive(1..=n))[&1];
    assert_eq!(of(16), FLOOR);
    assert!(of(15) > FLOOR);
}

#[test]
fn a_vote_that_nobody_of_the_community_joins_counts_in_full() {
    let weights = suspicions(&ring(9, 1.0)).weights(&AUTHOR, &attentive([1, 20, 21, 22]));
    assert_eq!(sum(&weights), 4.0);
}

#[test]
fn members_of_a_ring_vote_for_others_at_full_weight() {
    let weights = suspicions(&ring(9, 1.0)).weights(&99, &attentive(1..=9));
    assert_eq!(sum(&weights), 9.0);
}

#[test]
fn another_communitys_author_is_no_reason_for_a_discount() {
    let mut structure = ring(9, 1.0);
    structure.push(suspected(99, 8, 1.0));
    assert_eq!(
        sum(&suspicions(&structure).weights(&99, &attentive(1..=9))),
        9.0
    );
}

#[test]
fn a_voter_is_suspected_no_more_than_the_author() {
    let mut structure = ring(4, 1.0);
    structure[0] = suspected(AUTHOR, 7, 0.5);
    let suspicions = suspicions(&structure);
    assert_eq!(suspicions.between(&1, &AUTHOR).get(), 0.5);
}

#[test]
fn structure_just_at_the_bar_counts_and_just_beyond_it_does_not() {
    let with = |p_value: f64| {
        let mut structure = ring(4, 1.0);
        for finding in &mut structure {
            finding.p_value = PValue::new(p_value).unwrap();
        }
        sum(&suspicions(&structure).weights(&AUTHOR, &attentive(1..=4)))
    };
    let bar = BAR.most_p_value.get();
    assert_eq!(with(bar), 2.0);
    assert_eq!(with(bar.next_up()), 4.0);
}

#[test]
fn a_score_just_at_the_bar_counts_and_just_below_it_does_not() {
    let rules = Discount {
        bar: Bar {
            least_score: Score::new(0.5).unwrap(),
            ..BAR
        },
        floor: FLOOR,
    };
    let with = |score: f64| {
        rules
            .suspicions(enough(), &ring(4, score))
            .between(&1, &AUTHOR)
    };
    assert_eq!(with(0.5).get(), 0.5);
    assert_eq!(with(0.5_f64.next_down()), Score::ZERO);
}

#[test]
fn communities_that_overlap_around_an_author_are_one_circle() {
    let mut apart = ring(2, 1.0);
    apart.extend([AUTHOR, 3, 4].map(|m| suspected(m, 8, 1.0)));
    let weights = suspicions(&apart).weights(&AUTHOR, &attentive(1..=4));
    assert_eq!(sum(&weights), 2.0);
}

#[test]
fn naming_a_voter_twice_gives_no_second_vote() {
    let suspicions = suspicions(&ring(4, 1.0));
    let twice = attentive([1, 2, 3, 4, 4, 1]);
    assert_eq!(
        suspicions.weights(&AUTHOR, &twice),
        suspicions.weights(&AUTHOR, &attentive(1..=4))
    );
}

#[test]
fn a_post_earns_its_weighted_votes_times_attention_times_quality() {
    let nobody = suspicions(&[]);
    let half = PassRate::new(0.5).unwrap();
    let votes = [(1, PassRate::ONE), (2, half), (3, PassRate::ZERO)];
    let quality = Quality::new(0.5).unwrap();
    assert_eq!(nobody.value(&AUTHOR, &votes, quality), 0.75);
    assert_eq!(nobody.value(&AUTHOR, &votes, Quality::ZERO), 0.0);
}

#[test]
fn votes_without_attention_neither_count_nor_weigh_others_down() {
    let suspicions = suspicions(&ring(9, 1.0));
    let mut votes = attentive([1]);
    votes.extend((2..=9).map(|v| (v, PassRate::ZERO)));
    assert_eq!(suspicions.value(&AUTHOR, &votes, Quality::ONE), 1.0);
}

#[test]
fn every_vote_of_a_board_is_weighed_and_only_support_is_discounted() {
    let mut builder = Builder::default();
    let vote = |voter, author, post, stance| Row {
        board: "square",
        vote_ms: 2,
        voter,
        post,
        author,
        post_ms: 1,
        stance,
    };
    let rows = [
        vote("b", "a", "by a", Stance::Up),
        vote("c", "a", "by a", Stance::Up),
        vote("d", "a", "by a", Stance::Up),
        vote("e", "a", "by a", Stance::Up),
        vote("z", "a", "by a", Stance::Up),
        vote("f", "a", "by a", Stance::Down),
        vote("b", "z", "by z", Stance::Up),
    ];
    for row in rows {
        builder.push(row, 10).unwrap();
    }
    let (votes, _) = builder.finish();
    let board = &votes.boards()[0];
    let members = || (0..board.members() as u32).map(MemberId);
    let of_ring = members().filter(|m| "abcdef".contains(board.member_name(*m)));
    let structure: Vec<Structure<MemberId>> = of_ring
        .map(|member| Structure {
            member,
            community: CommunityId(7),
            score: Score::ONE,
            p_value: PValue::ZERO,
        })
        .collect();
    let suspicions = Discount::default().suspicions(enough(), &structure);
    let weights = suspicions.over(board, |_| PassRate::ONE);
    for (vote, weight) in board.votes().iter().zip(&weights) {
        let author = board.member_name(board.post(vote.post).author);
        let voter = board.member_name(vote.member);
        let expected = match (author, voter) {
            ("a", "b" | "c" | "d" | "e") => 0.5,
            _ => 1.0,
        };
        assert_eq!(weight.get(), expected, "{voter} for {author}");
    }
    let means = by_member(board, &weights);
    for member in members() {
        let expected = match board.member_name(member) {
            "b" => 0.75,
            "c" | "d" | "e" => 0.5,
            _ => 1.0,
        };
        assert_eq!(means[member.at()].get(), expected);
    }
}
