//! Triggers in text, on counts, and as encodings.

use super::*;

struct Sizes {
    counts: (u64, u64),
    members: (u64, u64),
}

impl Counts for Sizes {
    fn count(&self, class: Option<&ClassName>) -> u64 {
        if class.is_some() {
            self.counts.1
        } else {
            self.counts.0
        }
    }

    fn members(&self, class: Option<&ClassName>) -> Option<u64> {
        match class {
            None => Some(self.members.0),
            Some(c) if c.as_str() == "senators" => Some(self.members.1),
            Some(_) => None,
        }
    }
}

fn with(count: u64, senators: u64) -> Sizes {
    Sizes {
        counts: (count, senators),
        members: (30, 6),
    }
}

#[test]
fn the_whole_language_parses_prints_and_encodes_back_to_itself() {
    for text in [
        "count >= 100",
        "count >= 30% of members",
        "count(senators) >= 5 and count >= 100",
        "any(count >= 3, all(count(senators) >= 2, count >= 10% of members))",
        "(count >= 3 and count(senators) >= 1) or count >= 20",
        "all(count >= 3)",
    ] {
        let t = Trigger::parse(text).unwrap();
        assert_eq!(Trigger::parse(&t.to_string()).unwrap(), t, "{text} -> {t}");
        assert_eq!(Trigger::from_bytes(&t.to_bytes()).unwrap(), t);
    }
}

#[test]
fn triggers_hold_exactly_at_their_bounds() {
    let t = Trigger::parse("count(senators) >= 2 and count >= 10").unwrap();
    assert!(!t.holds(&with(9, 2)));
    assert!(!t.holds(&with(10, 1)));
    assert!(t.holds(&with(10, 2)));
    let p = Trigger::parse("count >= 34% of members").unwrap(); // 10.2 of 30
    assert!(!p.holds(&with(10, 0)));
    assert!(p.holds(&with(11, 0)));
}

#[test]
fn what_is_not_monotone_zero_mixed_or_misspelt_is_refused_by_name() {
    let bad = |text: &str| Trigger::parse(text).unwrap_err();
    assert!(matches!(
        bad("not count >= 3"),
        TriggerError::NotMonotone { .. }
    ));
    assert!(matches!(bad("count < 3"), TriggerError::NotMonotone { .. }));
    assert!(matches!(
        bad("count == 3"),
        TriggerError::NotMonotone { .. }
    ));
    assert!(matches!(bad("count > 3"), TriggerError::NotMonotone { .. }));
    assert_eq!(bad("count >= 0"), TriggerError::Zero);
    assert_eq!(bad("count >= 0% of members"), TriggerError::Zero);
    assert_eq!(bad("count >= 101% of members"), TriggerError::OverAll(101));
    assert!(matches!(
        bad("count >= 1 and count >= 2 or count >= 3"),
        TriggerError::Mixed { .. }
    ));
    assert!(matches!(
        bad("cout >= 1"),
        TriggerError::Syntax { at: 1, .. }
    ));
    assert!(matches!(bad("count >= "), TriggerError::Syntax { .. }));
    assert!(matches!(
        bad("count >= 1 count"),
        TriggerError::Syntax { .. }
    ));
    assert!(matches!(
        bad("count >= 99999999999"),
        TriggerError::Syntax { .. }
    ));
    assert!(matches!(bad("count >= 10%"), TriggerError::Syntax { .. }));
    assert!(matches!(bad(""), TriggerError::Syntax { .. }));
    assert!(matches!(bad(&"(".repeat(40)), TriggerError::TooLarge(_)));
    assert!(matches!(
        bad(&vec!["count >= 1"; 70].join(" and ")),
        TriggerError::TooLarge(_)
    ));
}

#[test]
fn what_the_roster_can_never_reach_is_refused() {
    let reach = |text: &str| Trigger::parse(text).unwrap().check_reachable(&with(0, 0));
    assert_eq!(reach("count >= 30"), Ok(()));
    assert!(matches!(
        reach("count >= 31"),
        Err(TriggerError::Unreachable {
            needs: 31,
            have: 30,
            ..
        })
    ));
    assert!(matches!(
        reach("count(senators) >= 7"),
        Err(TriggerError::Unreachable { .. })
    ));
    assert!(matches!(
        reach("count(judges) >= 1"),
        Err(TriggerError::UnknownClass { .. })
    ));
    assert!(matches!(
        reach("count >= 1 or count(judges) >= 1"),
        Err(TriggerError::UnknownClass { .. })
    ));
    assert_eq!(reach("count >= 31 or count >= 2"), Ok(()));
    assert!(matches!(
        reach("count >= 31 or count >= 32"),
        Err(TriggerError::Unreachable { needs: 31, .. })
    ));
    assert!(matches!(
        reach("count(senators) >= 50% of members"),
        Err(TriggerError::Unreachable {
            needs: 15,
            have: 6,
            ..
        })
    ));
}

#[test]
fn the_smallest_list_counts_what_a_signer_must_expect() {
    let smallest = |text: &str| Trigger::parse(text).unwrap().smallest_list(&with(0, 0));
    assert_eq!(smallest("count >= 10"), 10);
    assert_eq!(smallest("count >= 10 or count(senators) >= 3"), 3);
    assert_eq!(smallest("count(senators) >= 5 and count >= 10"), 10);
    assert_eq!(smallest("count(senators) >= 5 and count >= 2"), 5);
    assert_eq!(smallest("count >= 1% of members"), 1);
}

#[test]
fn the_smallest_list_is_never_shown_too_large_and_takes_no_time_on_a_hostile_trigger() {
    // Members enough for every bound, and as many classes as are asked for.
    struct Many;
    impl Counts for Many {
        fn count(&self, _: Option<&ClassName>) -> u64 {
            0
        }
        fn members(&self, _: Option<&ClassName>) -> Option<u64> {
            Some(1_000)
        }
    }
    let smallest = |text: &str| Trigger::parse(text).unwrap().smallest_list(&Many);
    let any = |first: usize, bound: u64| {
        let atoms: Vec<String> = (first..first + 8)
            .map(|i| format!("count(c{}) >= {bound}", i % 32))
            .collect();
        format!("any({})", atoms.join(", "))
    };
    let four = |first: usize, bound: u64| {
        let parts: Vec<String> = (0..4).map(|i| any(first + 8 * i, bound)).collect();
        format!("all({})", parts.join(", "))
    };
    // 8^8 ways: every product of them would fill the memory.
    let hostile = format!("all({}, {})", four(0, 1), four(4, 1));
    assert!(smallest(&hostile) <= 8);
    // Cutting off the larger of many ways must not lose the one that costs nothing beside another part.
    let beside = format!("all(any({}, count(a) >= 40), count(a) >= 40)", four(0, 9));
    assert!(smallest(&beside) <= 40);
    // With few ways it is exact.
    assert_eq!(
        smallest("all(any(count(a) >= 3, count(b) >= 2), any(count(a) >= 3, count(c) >= 2))"),
        3
    );
    assert_eq!(
        smallest("all(any(count(a) >= 9, count(b) >= 2), any(count(a) >= 9, count(c) >= 2))"),
        4
    );
}

#[test]
fn a_trigger_that_needs_more_signers_than_there_are_members_is_refused() {
    struct Three;
    impl Counts for Three {
        fn count(&self, _: Option<&ClassName>) -> u64 {
            0
        }
        fn members(&self, _: Option<&ClassName>) -> Option<u64> {
            Some(3)
        }
    }
    // Both classes have three members and the group too: each member signs under one of them.
    let both = Trigger::parse("count(alpha) >= 3 and count(beta) >= 3").unwrap();
    assert!(matches!(
        both.check_reachable(&Three),
        Err(TriggerError::Unreachable {
            needs: 6,
            have: 3,
            ..
        })
    ));
    let either = Trigger::parse("count(alpha) >= 3 or count(beta) >= 3").unwrap();
    assert_eq!(either.check_reachable(&Three), Ok(()));
}
