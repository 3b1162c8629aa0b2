//! What people are told: never a flag without a reason, never a name that is more than text, and the same
//! every time.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tacit_detection::report::case::{About, Case, Ground};
use tacit_detection::report::innocent::Reading;
use tacit_detection::report::measures::Measured;
use tacit_detection::report::page::{Beside, page};
use tacit_detection::report::sketch::{EDGES, NODES};
use tacit_detection::report::{Asked, Fpr, Report, voters_csv};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::plant;
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring, Synchrony};
use tacit_detection::votes::{Board, Builder, MemberId, Row, Stance, Votes};
use tacit_detection::windows::cut;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;

fn votes(boards: &[&Board]) -> Votes {
    let mut builder = Builder::default();
    for board in boards {
        let script = Script::of(board);
        for row in script.rows() {
            // An author's own row is refused after it has made the post known.
            let _ = builder.push(row, i64::MAX);
        }
    }
    builder.finish().0
}

fn honest(seed: u64) -> Board {
    Population::plain(90, 20).board(seed).board().unwrap()
}

fn report(votes: &Votes, asked: &Asked) -> Report {
    Report::of(votes, asked, || ()).unwrap()
}

/// A report in which somebody stands out, because a ring was planted.
fn found() -> (Votes, Report) {
    let ring = Ring {
        accounts: Accounts::New,
        ..Ring::of(8)
    };
    let planted = plant(&honest(3), &ring, 3).unwrap();
    let votes = votes(&[&planted.board]);
    let report = report(&votes, &Asked::default());
    assert!(report.flagged() >= 6, "{}", report.flagged());
    (votes, report)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whoever_stands_out_is_told_why_and_stands_in_a_case(
        seed in 0_u64..1_000,
        size in 2_usize..14,
        share in 0.1_f64..0.9,
        synchrony in prop_oneof![
            Just(Synchrony::Minute),
            Just(Synchrony::TenMinutes),
            Just(Synchrony::Organic),
        ],
        fpr in prop_oneof![Just(0.001), Just(0.01), Just(0.5)],
    ) {
        let ring = Ring { share, synchrony, ..Ring::of(size) };
        let planted = plant(&honest(seed % 5), &ring, seed).unwrap();
        let asked = Asked { fpr: Fpr::new(fpr).unwrap(), window_ms: Some(7 * DAY), seed: 1 };
        let report = report(&votes(&[&planted.board]), &asked);
        let numbers: Vec<usize> = report.communities.iter().map(|c| c.number).collect();
        prop_assert_eq!(&numbers, &(1..=numbers.len()).collect::<Vec<_>>());
        for voter in &report.voters {
            prop_assert_eq!(voter.score > 0.0, !voter.reasons.is_empty(), "{:?}", voter);
            for window in &voter.windows {
                prop_assert!(!window.reasons.is_empty(), "{:?}", voter);
            }
            if let Some(number) = voter.community {
                prop_assert!(report.communities[number - 1].members.contains(&voter.id));
            }
            if voter.flag {
                let number = voter.community.expect("a flagged voter's group is listed");
                let case = report.cases.iter().find(|c| c.community == number);
                let case = case.expect("a flagged voter's group has a case");
                prop_assert!(case.members.iter().any(|m| m.id == voter.id && m.flag));
                prop_assert!(!case.summary.is_empty() && case.innocent.len() >= 4);
            }
        }
    }
}

/// Tags, and the names of attributes, of a page.
fn anatomy(page: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut tags, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    let body = page.split_once("</style>").unwrap().1;
    for part in body.split('<').skip(1) {
        let inside = part.split('>').next().unwrap();
        let mut words = inside
            .trim_start_matches('/')
            .trim_end_matches('/')
            .split(' ');
        tags.insert(words.next().unwrap().to_owned());
        let mut rest = inside;
        while let Some((name, value)) = rest.split_once("=\"") {
            attributes.insert(name.rsplit(' ').next().unwrap().to_owned());
            rest = value.split_once('"').expect("a value ends").1;
        }
    }
    (tags, attributes)
}

#[test]
fn a_name_that_is_markup_stays_text_wherever_it_stands() {
    let hostile = "</style><script>alert(1)</script>\"' onload=x <img src=//evil>&lt;";
    let (plain, _) = found();
    let mut builder = Builder::default();
    for board in plain.boards() {
        let script = Script::of(board);
        for row in script.rows() {
            let [voter, author] = [row.voter, row.author].map(|name| format!("{hostile}{name}"));
            let (post, board) = (
                format!("{hostile}{}", row.post),
                format!("{hostile}{}", row.board),
            );
            let row = Row {
                board: &board,
                voter: &voter,
                author: &author,
                post: &post,
                ..row
            };
            let _ = builder.push(row, i64::MAX);
        }
    }
    let asked = Asked {
        window_ms: Some(7 * DAY),
        ..Asked::default()
    };
    let report = report(&builder.finish().0, &asked);
    assert!(report.flagged() >= 6 && !report.cases.is_empty());
    let read = [hostile.to_owned()];
    let page = page(
        &report,
        &Beside {
            table: hostile,
            read: &read,
            dispute: &read,
        },
    );
    let (tags, attributes) = anatomy(&page);
    let known = "a bdi body circle details div figcaption figure h1 h2 h3 h4 head html li line nav p path rect section \
                 span strong summary svg table tbody td text th thead title tr ul";
    let known: BTreeSet<String> = known.split_whitespace().map(str::to_owned).collect();
    assert!(tags.is_subset(&known), "{:?}", tags.difference(&known));
    let known = "aria-label class cx cy d data-name height href id r role stroke-width viewBox width x x1 x2 y y1 y2";
    let known: BTreeSet<String> = known.split_whitespace().map(str::to_owned).collect();
    assert!(
        attributes.is_subset(&known),
        "{:?}",
        attributes.difference(&known)
    );
    assert!(page.contains("&lt;script&gt;alert(1)"), "the name is shown");
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("://"));
    let policy = "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\"";
    assert!(page.contains(policy));
}

#[test]
fn a_seed_moves_the_dots_and_no_figure() {
    let (votes, first) = found();
    let beside = Beside {
        table: "votes.csv",
        read: &[],
        dispute: &[],
    };
    let again = report(&votes, &Asked::default());
    assert_eq!(page(&first, &beside), page(&again, &beside));
    let moved = report(
        &votes,
        &Asked {
            seed: 9,
            ..Asked::default()
        },
    );
    assert_ne!(page(&first, &beside), page(&moved, &beside));
    assert_eq!(first.voters, moved.voters);
    assert_eq!(first.communities, moved.communities);
    assert_eq!(first.cases, moved.cases);
}

#[test]
fn a_picture_has_the_strongest_members_and_says_how_many_it_leaves_out() {
    let board = Population::plain(400, 20).board(2).board().unwrap();
    let report = report(&votes(&[&board]), &Asked::default());
    let sketch = &report.sketches[0];
    let scored = report.voters.iter().filter(|v| v.score > 0.0).count();
    assert!(scored > NODES, "{scored}");
    assert!(sketch.nodes.len() <= NODES && sketch.edges.len() <= EDGES);
    assert_eq!(sketch.nodes.len() + sketch.left_out, scored);
    let weakest = sketch
        .nodes
        .iter()
        .map(|n| n.score)
        .fold(f64::MAX, f64::min);
    assert!(weakest >= report.voters[NODES - 1].score);
    let beside = Beside {
        table: "votes.csv",
        read: &[],
        dispute: &[],
    };
    let says = format!("{} members with a lower score", sketch.left_out);
    assert!(page(&report, &beside).contains(&says), "{says}");
}

#[test]
fn a_name_that_a_spreadsheet_would_run_is_text_in_the_table_and_itself_in_the_report() {
    let (_, mut report) = found();
    report.voters[0].voter = "=cmd|' /C calc'!A0".into();
    report.voters[1].voter = "\u{1b}[31ma\u{202e}b\u{200b}c".into();
    report.voters[2].conv = "two\nlines".into();
    let table = String::from_utf8(voters_csv(&report).unwrap()).unwrap();
    let row = |n: usize| table.lines().nth(n).unwrap();
    assert!(
        row(1).contains(",'=cmd|%27%20%2FC%20calc%27!A0,"),
        "{table}"
    );
    assert!(row(2).contains(",%1B[31ma%E2%80%AEb%E2%80%8Bc,"), "{table}");
    assert!(row(3).starts_with("two%0Alines,"), "{table}");
    assert_eq!(table.lines().count(), 1 + report.voters.len());
}

#[test]
fn a_discount_is_what_is_taken_off_and_nothing_of_whoever_is_in_no_suspected_group() {
    let ring = Ring {
        accounts: Accounts::New,
        share: 0.6,
        camouflage: 0.0,
        ..Ring::of(12)
    };
    let planted = plant(&honest(3), &ring, 3).unwrap();
    let report = report(&votes(&[&planted.board]), &Asked::default());
    let names: Vec<&str> = planted.names().collect();
    let (ring, others): (Vec<_>, Vec<_>) =
        (report.voters.iter()).partition(|v| names.contains(&v.voter.as_str()));
    assert!(ring.iter().any(|v| v.discount > 0.05 && v.discount < 1.0));
    assert!(others.iter().all(|v| v.discount == 0.0));
    let json = serde_json::to_value(others[0]).unwrap();
    assert_eq!(json["discount"], 0.0);
    let table = String::from_utf8(voters_csv(&report).unwrap()).unwrap();
    let last = table.lines().last().unwrap();
    assert_eq!(last.split(',').nth(4), Some("0.000"), "{last}");
    let page = page(&report, &BESIDE);
    assert!(
        page.contains("<td class=\"n\" data-name=\"discount\">-"),
        "{page}"
    );
}

const BESIDE: Beside<'_> = Beside {
    table: "votes.csv",
    read: &[],
    dispute: &[],
};

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
fn every_vote_is_in_one_window_and_windows_without_number_are_refused() {
    let board = honest(1);
    let parts = cut(&board, 7 * DAY).unwrap();
    assert!(parts.len() > 2);
    let votes: usize = parts.iter().map(|(_, part)| part.votes().len()).sum();
    assert_eq!(votes, board.votes().len());
    for (window, part) in &parts {
        assert!(part.votes().iter().all(|v| window.span.contains(&v.at_ms)));
        let from_1970 = window.number * 7 * DAY;
        assert_eq!(window.span, from_1970..from_1970 + 7 * DAY);
    }
    let refused = cut(&board, 1_000).unwrap_err().to_string();
    assert!(
        refused.contains("more than 10000 such windows"),
        "{refused}"
    );
    let asked = Asked {
        window_ms: Some(1_000),
        ..Asked::default()
    };
    let votes = self::votes(&[&board]);
    assert!(Report::of(&votes, &asked, || ()).is_err());
}

#[test]
fn a_share_of_false_alarms_is_above_nothing_and_at_most_a_half() {
    for good in [f64::MIN_POSITIVE, 0.01, 0.5] {
        assert_eq!(Fpr::new(good).unwrap().get(), good);
    }
    for bad in [0.0, -0.1, 0.500_001, 1.0, f64::NAN, f64::INFINITY] {
        assert!(Fpr::new(bad).is_err(), "{bad}");
    }
}

/// A board of upvotes, `(minute, voter, post, author)`; a post is made at minute zero.
fn board(votes: &[(i64, &str, &str, &str)]) -> Board {
    let mut builder = Builder::default();
    for (minute, voter, post, author) in votes {
        let row = Row {
            board: "board",
            vote_ms: 1_000 * DAY + minute * MINUTE,
            voter,
            post,
            author,
            post_ms: 1_000 * DAY,
            stance: Stance::Up,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    builder.finish().0.boards()[0].clone()
}

/// The case of members whose names begin with `r`.
fn case(board: &Board) -> Case {
    let members = (0..board.members() as u32).map(MemberId);
    let group: Vec<MemberId> = members
        .filter(|m| board.member_name(*m).starts_with('r'))
        .collect();
    let about = About {
        community: 1,
        members: &group,
        p_value: None,
        evidence: &[],
        flags: &[],
        measured: None,
    };
    Case::of(&Ground::of(board), &about)
}

fn reading(case: &Case, what: &str) -> Reading {
    case.innocent
        .iter()
        .find(|i| i.what == what)
        .unwrap()
        .reading
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

#[test]
fn the_other_measures_of_a_ring_stand_beside_what_is_usual() {
    let (_, report) = found();
    let ring = &report.communities[0];
    let measures = ring.signals.measures;
    let more = |measured: Measured| measured.group.unwrap() > measured.usual.unwrap();
    assert!(more(measures.co_voting) && more(measures.reciprocity) && more(measures.leiden));
    assert!(!more(measures.entropy), "the same few vote for their posts");
    assert!(measures.order.usual.unwrap() >= 0.5 && measures.order_p.is_some());
    let case = report
        .cases
        .iter()
        .find(|c| c.community == ring.number)
        .unwrap();
    let of_members: Vec<_> = case.members.iter().map(|m| m.measures.unwrap()).collect();
    let inside = of_members.iter().filter(|m| m.leiden).count();
    let share = measures.leiden.group.unwrap();
    assert!((inside as f64 / of_members.len() as f64 - share).abs() < 1e-9);
    let json = serde_json::to_value(&report).unwrap();
    let signals = &json["communities"][0]["signals"];
    assert!(
        signals["clustering"]["group"].is_f64() && signals["structure"].is_f64(),
        "{signals}"
    );
    let beside = Beside {
        table: "votes.csv",
        read: &[],
        dispute: &[],
    };
    let page = page(&report, &beside);
    assert!(
        page.contains("Other measures (shown, not counted)") && page.contains("Votes returned")
    );
    assert!(page.contains("<a href=\"#groups\">") && page.contains("<h2 id=\"groups\">"));
}

#[test]
fn where_times_are_coarse_names_change_no_measure() {
    let planted = plant(
        &honest(3),
        &Ring {
            accounts: Accounts::New,
            ..Ring::of(8)
        },
        3,
    )
    .unwrap();
    let mut script = Script::of(&planted.board);
    for post in &mut script.posts {
        post.at_ms -= post.at_ms.rem_euclid(5 * MINUTE);
    }
    for vote in &mut script.votes {
        vote.at_ms -= vote.at_ms.rem_euclid(5 * MINUTE);
    }
    let told = |salt: u32| {
        let mut other = script.clone();
        for (place, name) in other.members.iter_mut().enumerate() {
            let mixed = (place as u32).wrapping_mul(2_654_435_761) ^ salt;
            *name = format!("{mixed:08x}").into();
        }
        let report = report(&votes(&[&other.board().unwrap()]), &Asked::default());
        let figures = report.communities.iter().map(|c| {
            let json = serde_json::to_value(c.signals.measures).unwrap();
            format!("{} {json}", c.members.len())
        });
        let mut figures: Vec<String> = figures.collect();
        figures.sort();
        figures
    };
    let first = told(0);
    assert!(!first.is_empty());
    for salt in [1, 0x5555_5555, u32::MAX] {
        assert_eq!(told(salt), first, "salt {salt}");
    }
}
