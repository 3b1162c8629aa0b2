use tacit_detection::report::case::Case;
use tacit_detection::report::innocent::Reading;
use tacit_detection::report::page::page;
use tacit_detection::simulate::Script;
use tacit_detection::votes::{Board, Builder, Row, Stance};

use crate::{BESIDE, DAY, MINUTE, board, case, found, reading};

const DISAGREE: &str = "They disagree as often as others do";

/// Five members who each write five posts and vote on twenty of each other's, 100 votes in all: so many of them against.
/// Of four others on each post one is against, so a quarter would be usual.
fn disagreeing(against: usize, of_others: usize) -> Case {
    let mut builder = Builder::default();
    let mut cast = 0;
    for post in 0..25_i64 {
        let author = post % 5;
        let mut push = |voter: String, stance: Stance| {
            let row = Row {
                board: "board",
                vote_ms: 1_000 * DAY + post * DAY + 90 * MINUTE,
                voter: &voter,
                post: &format!("p{post}"),
                author: &format!("r{author}"),
                post_ms: 1_000 * DAY,
                stance,
            };
            builder.push(row, i64::MAX).unwrap();
        };
        for voter in (0..5).filter(|v| *v != author) {
            cast += 1;
            push(
                format!("r{voter}"),
                if cast <= against {
                    Stance::Down
                } else {
                    Stance::Up
                },
            );
        }
        for other in 0..4 {
            push(
                format!("x{other}"),
                if other < of_others {
                    Stance::Down
                } else {
                    Stance::Up
                },
            );
        }
    }
    case(&builder.finish().0.boards()[0])
}

#[test]
fn a_group_that_disagrees_as_others_do_is_told_and_where_nobody_disagrees_nothing_is() {
    let read = |against, of_others| reading(&disagreeing(against, of_others), DISAGREE);
    // The board's share is in the expectation too, so the bounds lie a little off a quarter.
    assert_eq!(read(25, 1), Reading::Fits);
    assert_eq!(read(15, 1), Reading::FitsInPart);
    assert_eq!(read(2, 1), Reading::DoesntFit);
    assert_eq!(read(0, 0), Reading::CantTell);
    let case = disagreeing(2, 1);
    let told = case.innocent.iter().find(|i| i.what == DISAGREE).unwrap();
    assert!(
        told.is_seen
            .starts_with("Of 100 votes on each other's posts, 2 were against or neither; others"),
        "{}",
        told.is_seen
    );
    let few = board(&[
        (1, "r1", "p0", "r0"),
        (2, "r0", "p1", "r1"),
        (3, "x", "p0", "r0"),
    ]);
    assert_eq!(reading(&self::case(&few), DISAGREE), Reading::CantTell);
}

#[test]
fn a_case_claims_no_more_than_it_considered_and_says_what_honest_groups_have_too() {
    let (_, report) = found();
    let says = report.cases[0].summary.join(
        "
",
    );
    assert!(says.contains("this says nothing about guilt"), "{says}");
    assert!(
        says.contains("within 60 seconds after another's")
            || says.contains("within 10 minutes after another's"),
        "{says}"
    );
    let case = disagreeing(2, 1);
    assert_eq!(case.innocent.len(), 8);
    let mut whole = report.clone();
    for case in &mut whole.cases {
        for innocent in &mut case.innocent {
            innocent.reading = Reading::DoesntFit;
        }
        let says = case.what_fits();
        assert_eq!(
            says,
            "None of the 8 innocent explanations that were considered fits. There are others, so ask the members."
        );
    }
    let told: String = report
        .voters
        .iter()
        .flat_map(|v| v.reasons.clone())
        .collect();
    assert!(!told.contains("of another's"), "{told}");
    let page = page(&report, &BESIDE);
    assert!(!page.contains("of another's") && !page.contains("taste and habit explain"));
    assert!(page.contains("If this is about you") && page.contains("whoever runs the board"));
}

#[test]
fn hours_that_the_members_share_and_that_do_not_explain_the_minutes_are_said_not_to() {
    let (_, report) = found();
    let of = |case: &Case| {
        let mut innocent = case.innocent.iter();
        innocent
            .find(|i| i.what == "Same time zone, same hours")
            .unwrap()
            .clone()
    };
    let told = of(&report.cases[0]);
    assert_ne!(told.reading, Reading::Fits);
    assert!(
        told.is_seen
            .contains("keeping the same hours explains about"),
        "{}",
        told.is_seen
    );
    assert!(
        told.is_seen.contains("need another reason"),
        "{}",
        told.is_seen
    );
}

#[test]
fn fans_of_one_author_fit_a_fan_club_and_members_who_support_each_other_do_not() {
    let star = board(&[
        (1, "r1", "p0", "r0"),
        (2, "r2", "p0", "r0"),
        (3, "r3", "p0", "r0"),
        (4, "r1", "q0", "r0"),
        (5, "r2", "q0", "r0"),
        (6, "x", "p0", "r0"),
    ]);
    assert_eq!(reading(&case(&star), "Fan club"), Reading::Fits);
    let ring = board(&[
        (1, "r1", "p0", "r0"),
        (2, "r2", "p0", "r0"),
        (3, "r0", "p1", "r1"),
        (4, "r2", "p1", "r1"),
        (5, "r0", "p2", "r2"),
        (6, "r1", "p2", "r2"),
        (7, "x", "p0", "r0"),
    ]);
    let case = case(&ring);
    assert_eq!(reading(&case, "Fan club"), Reading::DoesntFit);
    assert_eq!(case.pairs.len(), 3);
    assert_eq!(case.posts.len(), 3);
    assert_eq!(case.members[0].given, 2);
}

#[test]
fn a_case_names_the_minutes_and_a_busy_hour_explains_what_an_empty_one_does_not() {
    // On each of twelve days, each time at another hour, the three vote for a post of one of theirs within a minute;
    // others come hours later.
    let at = |day: i64| day * 1_440 + 60 + day * 7 % 24 * 60;
    let names: Vec<[String; 2]> = (0..12)
        .map(|d| [format!("p{d}"), format!("x{d}")])
        .collect();
    let authors = ["r0", "r1", "r2"];
    let mut alone: Vec<(i64, &str, &str, &str)> = Vec::new();
    for (day, [post, late]) in (0_i64..).zip(&names) {
        let author = authors[day as usize % 3];
        for (after, voter) in (0..).zip(authors.iter().filter(|v| **v != author)) {
            alone.push((at(day) + after, voter, post, author));
        }
        for hour in 5..9 {
            let voter = &names[(day as usize + hour) % 12][1];
            alone.push((at(day) + hour as i64 * 60 - 60, voter, post, author));
        }
        alone.push((at(day) + 640, "r0", late, "x"));
        alone.push((at(day) + 840, "r1", late, "x"));
    }
    let case = case(&board(&alone));
    let hours = case.innocent.iter();
    let hours = hours.filter(|i| i.what == "Same time zone, same hours");
    let hours: Vec<_> = hours.map(|i| (i.reading, i.is_seen.as_str())).collect();
    assert_eq!(hours[0].0, Reading::DoesntFit);
    assert!(
        hours[0].1.ends_with("and the others need another reason."),
        "{}",
        hours[0].1
    );
    assert_eq!(
        reading(&case, "Digest e-mail, or a busy moment"),
        Reading::DoesntFit
    );
    assert_eq!(case.moments.len(), 12);
    assert_eq!(case.moments[0].voters.len(), 2);
    assert_eq!(case.moments[0].from, "1972-09-27 01:00:00 UTC");
    // With a crowd at each of these minutes, it's the minute.
    let crowd: Vec<String> = (0..20).map(|n| format!("c{n}")).collect();
    let mut busy = alone.clone();
    for (day, [post, late]) in (0_i64..).zip(&names) {
        let at = at(day);
        busy.extend(
            crowd
                .iter()
                .map(|c| (at, c.as_str(), post.as_str(), authors[day as usize % 3])),
        );
        for voter in authors {
            busy.retain(|v| !(v.1 == voter && v.2 == late));
            busy.push((at, voter, late, "x"));
        }
    }
    let case = self::case(&board(&busy));
    let read = reading(&case, "Digest e-mail, or a busy moment");
    assert!(
        matches!(
            read,
            Reading::Fits | Reading::FitsInPart | Reading::NothingToExplain
        ),
        "{read:?}"
    );
}

/// Three members who vote for posts of one of theirs at each of these minutes; others come hours later, and two of
/// the three vote for posts of others when nobody else does.
fn club(minutes: &[i64]) -> Board {
    let names: Vec<[String; 2]> = (0..minutes.len())
        .map(|n| [format!("p{n}"), format!("x{n}")])
        .collect();
    let authors = ["r0", "r1", "r2"];
    let mut votes: Vec<(i64, &str, &str, &str)> = Vec::new();
    for (place, ([post, late], minute)) in names.iter().zip(minutes).enumerate() {
        let author = authors[place % 3];
        for voter in authors.iter().filter(|v| **v != author) {
            votes.push((*minute, voter, post, author));
        }
        for hour in 5..9 {
            let voter = &names[(place + hour) % names.len()][1];
            votes.push((minute + hour as i64 * 60, voter, post, author));
        }
        votes.push((minute + 700, "r0", late, "x"));
        votes.push((minute + 900, "r1", late, "x"));
    }
    board(&votes)
}

const MET: &str = "They met, as a class or a club does";

/// Twelve occasions, so many of them at one time of the week and the rest at others.
fn weekly(at_one_time: i64) -> Reading {
    let at = |week: i64| {
        let moved = if week < at_one_time { 0 } else { 7 * week };
        week * 7 * 1_440 + 61 + moved * 60
    };
    let minutes: Vec<i64> = (0..12).map(at).collect();
    reading(&case(&club(&minutes)), MET)
}

#[test]
fn votes_at_one_time_of_the_week_fit_a_class_and_votes_at_any_time_do_not() {
    assert_eq!(weekly(12), Reading::Fits);
    assert_eq!(weekly(9), Reading::Fits, "three quarters");
    assert_eq!(weekly(8), Reading::FitsInPart);
    assert_eq!(weekly(6), Reading::FitsInPart, "half");
    assert_eq!(weekly(4), Reading::DoesntFit);
    let daily: Vec<i64> = (0..12).map(|day| day * 1_440 + 61).collect();
    assert_eq!(reading(&case(&club(&daily)), MET), Reading::FitsInPart);
    let hours: Vec<i64> = (0..12).map(|n| n * 29 * 60 + 61).collect();
    assert_eq!(reading(&case(&club(&hours)), MET), Reading::DoesntFit);
}

#[test]
fn one_time_of_the_week_is_told_from_three_occasions_on_with_its_day_and_hour() {
    let minutes: Vec<i64> = (0..12).map(|week| week * 7 * 1_440 + 61).collect();
    let case = case(&club(&minutes));
    let met = case.innocent.iter().find(|i| i.what == MET).unwrap();
    let says = "They voted together on 12 occasions. At one time of the week (three hours from Wednesday 01:00 UTC): 12 of \
                these, in 12 weeks, and 0 % of everybody else's votes.";
    assert!(met.is_seen.starts_with(says), "{}", met.is_seen);
    // Many posts on each of two evenings: there is much to explain, and nothing to tell a fixed time by.
    let twice: Vec<i64> = (0..24).map(|n| n / 12 * 7 * 1_440 + n % 12 * 40).collect();
    let read = reading(&self::case(&club(&twice)), MET);
    assert!(
        matches!(read, Reading::CantTell | Reading::NothingToExplain),
        "{read:?}"
    );
}

#[test]
fn where_everybody_comes_at_that_time_of_the_week_no_meeting_is_told() {
    let minutes: Vec<i64> = (0..12).map(|week| week * 7 * 1_440 + 61).collect();
    let met = club(&minutes);
    let mut script = Script::of(&met);
    let voters: Vec<u32> = (0..)
        .zip(&script.members)
        .filter(|(_, m)| m.starts_with('x'))
        .map(|(n, _)| n)
        .collect();
    for vote in &mut script.votes {
        if voters.contains(&vote.member.0) {
            // Five to eight hours later is an hour or two later now.
            vote.at_ms -= 240 * MINUTE + (vote.at_ms / MINUTE % 3) * 60 * MINUTE;
        }
    }
    let crowded = script.board().unwrap();
    let read = reading(&case(&crowded), MET);
    assert!(
        !matches!(read, Reading::Fits | Reading::FitsInPart),
        "{read:?}"
    );
}
