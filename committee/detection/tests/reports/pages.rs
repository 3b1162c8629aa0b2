use std::collections::BTreeSet;

use proptest::prelude::*;
use tacit_detection::report::page::{Beside, page};
use tacit_detection::report::sketch::{EDGES, NODES};
use tacit_detection::report::{Asked, Fpr, voters_csv};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::plant;
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring, Synchrony};
use tacit_detection::votes::{Builder, Row};

use crate::{BESIDE, DAY, found, honest, report, votes};

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
