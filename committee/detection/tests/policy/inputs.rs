use std::collections::BTreeSet;

use tacit_detection::policy::inputs::{
    ActiveMembers, BadCaseText, CaseText, MAX_CASE_TEXT, PValue, PassRate, Pseudonym, Quality,
    Score, TooFewActive, Weight, the_same,
};

#[test]
fn the_ends_of_a_range_belong_to_it() {
    for end in [0.0, 1.0] {
        assert_eq!(Quality::new(end).unwrap().get(), end);
        assert_eq!(PassRate::new(end).unwrap().get(), end);
    }
}

#[test]
fn nothing_outside_a_range_is_taken() {
    let outside = [
        -f64::MIN_POSITIVE,
        1.0 + f64::EPSILON,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ];
    for value in outside {
        assert!(Quality::new(value).is_err(), "{value}");
        assert!(PassRate::new(value).is_err(), "{value}");
        assert!(Score::new(value).is_err(), "{value}");
        assert!(PValue::new(value).is_err(), "{value}");
        assert!(Weight::new(value).is_err(), "{value}");
    }
}

#[test]
fn a_negative_zero_is_zero() {
    assert!(Quality::new(-0.0).unwrap().get().is_sign_positive());
}

#[test]
fn a_refusal_says_what_and_how_much() {
    let refusal = Quality::new(1.5).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "a post's quality is 1.5; it must lie between 0 and 1"
    );
}

#[test]
fn what_is_read_from_a_file_has_the_same_range() {
    assert_eq!(serde_json::from_str::<Quality>("0.25").unwrap().get(), 0.25);
    assert!(serde_json::from_str::<Quality>("1.01").is_err());
    assert!(serde_json::from_str::<PassRate>("-0.5").is_err());
    assert!(serde_json::from_str::<PassRate>("null").is_err());
}

#[test]
fn fifty_active_members_are_enough_and_forty_nine_are_not() {
    assert_eq!(ActiveMembers::new(50).unwrap().get(), 50);
    assert_eq!(ActiveMembers::new(49), Err(TooFewActive { found: 49 }));
    let said = ActiveMembers::new(49).unwrap_err().to_string();
    assert!(said.contains("49") && said.contains("50"), "{said}");
}

#[test]
fn a_case_without_words_is_none() {
    for text in ["", " \n\t", "12 — 34", "…"] {
        assert_eq!(CaseText::new(text), Err(BadCaseText::Empty), "{text:?}");
    }
    assert_eq!(
        CaseText::new("  They met.\n").unwrap().as_str(),
        "They met."
    );
}

#[test]
fn a_case_has_a_length_that_people_read() {
    assert!(CaseText::new(&"a".repeat(MAX_CASE_TEXT)).is_ok());
    let found = MAX_CASE_TEXT + 1;
    let long = CaseText::new(&"a".repeat(found));
    assert_eq!(long, Err(BadCaseText::Long { found }));
}

#[test]
fn a_case_hides_nothing_behind_control_characters() {
    assert!(CaseText::new("One.\n\tTwo.").is_ok());
    assert_eq!(
        CaseText::new("One.\u{1b}[8m"),
        Err(BadCaseText::Control { at: 4 })
    );
}

#[test]
fn a_case_that_is_cut_can_always_be_read() {
    assert_eq!(CaseText::cut(" They met.\n").as_str(), "They met.");
    let all = "a".repeat(MAX_CASE_TEXT);
    assert_eq!(CaseText::cut(&format!("{all}b")).as_str(), all);
    // Not in the middle of a character.
    let long = format!("a{}", "é".repeat(MAX_CASE_TEXT));
    assert_eq!(CaseText::cut(&long).as_str().len(), MAX_CASE_TEXT - 1);
    assert_eq!(CaseText::cut("One.\u{1b}[8m").as_str(), "One.\u{fffd}[8m");
    for nothing in ["", " \n", "12 — 34", "\u{1b}"] {
        let told = CaseText::cut(nothing);
        assert_eq!(CaseText::new(told.as_str()).as_ref(), Ok(&told));
    }
}

#[test]
fn a_community_is_the_same_while_half_of_all_stay() {
    let members = |names: std::ops::Range<u32>| names.collect::<BTreeSet<u32>>();
    // Three of six in all.
    assert!(the_same(&members(0..4), &members(1..6)));
    assert!(the_same(&members(0..3), &members(0..6)));
    assert!(!the_same(&members(0..3), &members(0..7)));
    assert!(!the_same(&members(0..3), &members(3..6)));
    assert!(!the_same(&members(0..0), &members(0..0)));
}

#[test]
fn no_two_members_of_different_boards_have_the_same_name() {
    assert_ne!(Pseudonym::new("a/b", "c"), Pseudonym::new("a", "b/c"));
    assert_ne!(Pseudonym::new("a%2Fb", "c"), Pseudonym::new("a/b", "c"));
    assert_eq!(Pseudonym::new("square", "ada").as_str(), "square/ada");
}
