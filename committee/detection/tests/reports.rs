//! What people are told: never a flag without a reason, never a name that is more than text, and the same
//! every time.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tacit_detection::report::case::{About, Case, Ground};
use tacit_detection::report::innocent::Reading;
use tacit_detection::report::page::{Beside, page};
use tacit_detection::report::sketch::{EDGES, NODES};
use tacit_detection::report::windows::cut;
use tacit_detection::report::{Asked, Fpr, Report, voters_csv};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::plant;
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring, Synchrony};
use tacit_detection::votes::{Board, Builder, MemberId, Row, Stance, Votes};

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
    let table = String::from_utf8(voters_csv(&report).unwrap()).unwrap();
    assert!(table.lines().nth(1).unwrap().contains(",'=cmd|"), "{table}");
    assert_eq!(table.lines().count(), 1 + report.voters.len());
}

#[test]
fn every_vote_is_in_one_window_and_windows_without_number_are_refused() {
    let board = honest(1);
    let parts = cut(&board, 7 * DAY).unwrap();
    assert!(parts.len() > 2);
    let votes: usize = parts.iter().map(|part| part.board.votes().len()).sum();
    assert_eq!(votes, board.votes().len());
    for part in &parts {
        let span = part.from_ms..part.to_ms;
        assert!(part.board.votes().iter().all(|v| span.contains(&v.at_ms)));
        assert_eq!(part.from_ms % (7 * DAY), 0, "windows are counted from 1970");
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
    // On each of twelve days the three vote for a post of one of theirs within a minute; others come hours
    // later.
    let names: Vec<[String; 2]> = (0..12)
        .map(|d| [format!("p{d}"), format!("x{d}")])
        .collect();
    let authors = ["r0", "r1", "r2"];
    let mut alone: Vec<(i64, &str, &str, &str)> = Vec::new();
    for (day, [post, late]) in (0_i64..).zip(&names) {
        let author = authors[day as usize % 3];
        for voter in authors.iter().filter(|v| **v != author) {
            alone.push((day * 1_440 + 60, voter, post, author));
        }
        for hour in 5..9 {
            let voter = &names[(day as usize + hour) % 12][1];
            alone.push((day * 1_440 + hour as i64 * 60, voter, post, author));
        }
        alone.push((day * 1_440 + 700, "r0", late, "x"));
        alone.push((day * 1_440 + 900, "r1", late, "x"));
    }
    let case = case(&board(&alone));
    assert_eq!(
        reading(&case, "Same time zone, same hours"),
        Reading::DoesntFit
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
        let at = day * 1_440 + 60;
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
