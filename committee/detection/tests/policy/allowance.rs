use std::collections::BTreeMap;

use proptest::collection::btree_map;
use proptest::prelude::*;
use tacit_detection::policy::allowance::{Allowance, LEAST, TIMES_MEDIAN};

use crate::given::enough;

fn given(votes: &[u64]) -> BTreeMap<u32, u64> {
    (0..).zip(votes.iter().copied()).collect()
}

#[test]
fn the_allowance_is_so_many_times_the_median_of_those_who_gave_anything() {
    let allowance = Allowance::default();
    assert_eq!(allowance.votes([5, 5, 5].into_iter()), 5 * TIMES_MEDIAN);
    // Whoever gave nothing would pull it down, and one who votes all day doesn't pull it up.
    assert_eq!(
        allowance.votes([0, 0, 0, 0, 5, 5, 9_000].into_iter()),
        5 * TIMES_MEDIAN
    );
    // Of two in the middle the greater.
    assert_eq!(allowance.votes([1, 5, 9, 70].into_iter()), 9 * TIMES_MEDIAN);
    assert_eq!(allowance.votes([1, 1, 1].into_iter()), LEAST);
    assert_eq!(allowance.votes([].into_iter()), LEAST);
    let most = Allowance {
        times_median: u64::MAX,
        ..allowance
    };
    assert_eq!(most.votes([3].into_iter()), u64::MAX);
}

#[test]
fn who_gives_as_much_as_the_allowance_is_heard_in_full_and_one_vote_more_makes_all_of_them_less() {
    let just = given(&[5, 5, 5, 5 * TIMES_MEDIAN, 5 * TIMES_MEDIAN + 1]);
    let powers = Allowance::default().powers(enough(), &just);
    for member in 0..4 {
        assert_eq!(powers.of(&member).get(), 1.0);
    }
    let allowed = (5 * TIMES_MEDIAN) as f64;
    assert_eq!(powers.of(&4).get(), allowed / (allowed + 1.0));
    // Nobody knows of this one.
    assert_eq!(powers.of(&77).get(), 1.0);
}

proptest! {
    #[test]
    fn nobody_is_heard_for_more_than_the_allowance_and_nobody_for_less_than_others_who_gave_less(
        given in btree_map(0..40_u32, 0..1_000_u64, 0..40),
    ) {
        let allowance = Allowance::default();
        let allowed = allowance.votes(given.values().copied()) as f64;
        let powers = allowance.powers(enough(), &given);
        let mut heard: Vec<(u64, f64)> = given
            .iter()
            .map(|(member, votes)| (*votes, *votes as f64 * powers.of(member).get()))
            .collect();
        heard.sort_by_key(|(votes, _)| *votes);
        for pair in heard.windows(2) {
            prop_assert!(pair[0].1 <= pair[1].1 + 1e-9, "{pair:?}");
        }
        for (votes, heard) in heard {
            prop_assert!((heard - (votes as f64).min(allowed)).abs() < 1e-9);
        }
    }
}
