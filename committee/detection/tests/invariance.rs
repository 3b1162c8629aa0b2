//! What must change nothing: other names, another order of rows, another week. And what a report says must
//! not hang on how members and posts happen to be numbered.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tacit_detection::graph::{leiden, modularity};
use tacit_detection::report::{Asked, Report};
use tacit_detection::signals::chance::Chance;
use tacit_detection::signals::{bursts, closure, covote, entropy, independence};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::plant;
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring};
use tacit_detection::votes::{Board, Builder, MemberId, Votes};

const WEEK: i64 = 7 * 86_400_000;

/// A board with a ring, so that there is something to tell.
fn script(seed: u64) -> Script {
    let honest = Population::plain(80, 18).board(seed).board().unwrap();
    let ring = Ring {
        accounts: Accounts::New,
        ..Ring::of(8)
    };
    Script::of(&plant(&honest, &ring, seed).unwrap().board)
}

fn votes(script: &Script) -> Votes {
    let mut builder = Builder::default();
    for row in script.rows() {
        builder.push(row, i64::MAX).unwrap();
    }
    builder.finish().0
}

fn report(script: &Script) -> Report {
    Report::of(&votes(script), &Asked::default(), || ()).unwrap()
}

/// Names of which nothing is left, not even their order.
fn renamed(script: &Script, salt: u32) -> (Script, BTreeMap<String, String>) {
    let name = |place: usize| {
        let mixed = (place as u32).wrapping_mul(2_654_435_761) ^ salt;
        Box::<str>::from(format!("{mixed:08x}"))
    };
    let mut other = script.clone();
    other.name = "elsewhere".into();
    let mut old = BTreeMap::new();
    for (place, member) in other.members.iter_mut().enumerate() {
        let new = name(place);
        old.insert(new.to_string(), member.to_string());
        *member = new;
    }
    for (place, post) in other.posts.iter_mut().enumerate() {
        post.name = name(place + 1_000_000);
    }
    (other, old)
}

/// Rows in another order: every so-many-th, then the rest.
fn shuffled(script: &Script, step: usize) -> Script {
    let mut other = script.clone();
    let mut votes: Vec<_> = script.votes.iter().copied().enumerate().collect();
    votes.sort_by_key(|(place, _)| (place * 7_919) % step);
    other.votes = votes.into_iter().map(|(_, vote)| vote).rev().collect();
    other
}

fn shifted(script: &Script, weeks: i64) -> Script {
    let mut other = script.clone();
    for post in &mut other.posts {
        post.at_ms += weeks * WEEK;
    }
    for vote in &mut other.votes {
        vote.at_ms += weeks * WEEK;
    }
    other
}

/// The figures of a report, by pseudonyms as they were first; without the words, which tell names and dates.
fn figures(report: &Report, old: &BTreeMap<String, String>) -> Vec<String> {
    let name = |voter: &str| old.get(voter).map_or(voter, String::as_str).to_owned();
    let voters = report.voters.iter().map(|v| {
        let name = name(&v.voter);
        format!("{name} {:?} {} {:?}", v.score, v.flag, v.discount)
    });
    let communities = report.communities.iter().map(|c| {
        let members = c.members.iter().map(|id| {
            let (_, voter) = id.split_once('/').unwrap();
            name(voter)
        });
        let mut members: Vec<String> = members.collect();
        members.sort();
        let figures = (c.score, c.p_value, c.signals, c.flagged);
        format!("{members:?} {figures:?}")
    });
    let boards = report.boards.iter();
    let boards = boards.map(|b| format!("{:?}", (b.members, b.votes, b.flag_score, b.flagged)));
    let mut all: Vec<String> = voters.chain(communities).chain(boards).collect();
    all.sort();
    all
}

/// Every signal that the report doesn't show, by member or in all.
fn signals(board: &Board) -> BTreeMap<&'static str, Vec<f64>> {
    let graph = closure::upvote_graph(board);
    let model = Chance::of_upvotes(board);
    let covotes = covote::covotes(board, &model);
    let pairs = covotes.pairs.iter();
    let pairs = pairs.map(|c| f64::from(c.a.0) + 1e3 * f64::from(c.b.0) + c.p);
    let or_none = |value: Option<f64>| value.unwrap_or(-1.0);
    let closed = closure::corrected(board, covotes.pairs.iter());
    let entropies = entropy::entropy(board).into_iter();
    let hours = bursts::first_hours(board).into_iter();
    // Posts of one moment are in no order.
    let mut bursts: Vec<f64> = hours.map(|hour| hour.tail().p()).collect();
    bursts.sort_unstable_by(f64::total_cmp);
    BTreeMap::from([
        (
            "closure",
            closure::raw(board).into_iter().map(or_none).collect(),
        ),
        (
            "corrected closure",
            closed.into_iter().map(or_none).collect(),
        ),
        ("co-voting", pairs.collect()),
        (
            "entropy",
            entropies
                .map(|e| or_none(e.and_then(|e| e.normalised())))
                .collect(),
        ),
        (
            "independence",
            independence::independence(board)
                .iter()
                .map(|i| or_none(i.weight()))
                .collect(),
        ),
        ("bursts", bursts),
        (
            "communities",
            vec![modularity(&graph, &leiden(&graph, 1.0, 2, 1), 1.0)],
        ),
    ])
}

fn told(script: &Script) -> (Vec<String>, BTreeMap<&'static str, Vec<f64>>) {
    let votes = votes(script);
    let report = Report::of(&votes, &Asked::default(), || ()).unwrap();
    (
        figures(&report, &BTreeMap::new()),
        signals(&votes.boards()[0]),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_order_and_the_week_change_no_figure(
        seed in 0_u64..1_000_000,
        salt: u32,
        step in 2_usize..5_000,
        weeks in -200_i64..200,
    ) {
        let script = script(seed);
        let first = report(&script);
        prop_assert!(first.flagged() > 0);
        // Another order of rows: every word is the same.
        prop_assert_eq!(&report(&shuffled(&script, step)), &first);
        let (figures_first, signals_first) = told(&script);
        prop_assert_eq!(&told(&shifted(&script, weeks)), &(figures_first.clone(), signals_first.clone()));
        let (other, old) = renamed(&script, salt);
        prop_assert_eq!(&figures(&report(&other), &old), &figures_first);
        prop_assert_eq!(&signals(&votes(&other).boards()[0]), &signals_first);
    }
}

/// Times as a table has them that knows only minutes, or only hours: many votes fall on the same moment, and
/// the members' numbers come from their names.
fn coarse(script: &Script, unit_ms: i64) -> Script {
    let mut other = script.clone();
    for post in &mut other.posts {
        post.at_ms -= post.at_ms.rem_euclid(unit_ms);
    }
    for vote in &mut other.votes {
        vote.at_ms -= vote.at_ms.rem_euclid(unit_ms);
    }
    other
}

/// By pseudonyms as they were first: scores, in millionths because sums in another order end otherwise, and
/// who is flagged.
fn scores(report: &Report, old: &BTreeMap<String, String>) -> BTreeMap<String, (i64, bool)> {
    let voters = report.voters.iter().map(|v| {
        let name = old.get(&v.voter).unwrap_or(&v.voter).clone();
        (name, ((v.score * 1e6).round() as i64, v.flag))
    });
    voters.collect()
}

#[test]
fn where_times_are_coarse_names_change_no_score() {
    for (seed, unit_ms) in [(1, 60_000), (2, 60_000), (3, 3_600_000), (4, 3_600_000)] {
        let script = coarse(&script(seed), unit_ms);
        let first = scores(&report(&script), &BTreeMap::new());
        for salt in 0..4 {
            let (other, old) = renamed(&script, salt);
            let other = scores(&report(&other), &old);
            let differ: Vec<_> = first
                .iter()
                .filter(|(m, s)| other.get(*m) != Some(s))
                .collect();
            assert!(differ.is_empty(), "seed {seed}, salt {salt}: {differ:?}");
        }
    }
}

#[test]
fn members_are_numbered_by_their_first_appearance_whatever_they_are_called() {
    let script = script(7);
    let (other, old) = renamed(&script, 99);
    let (one, two) = (votes(&script), votes(&other));
    let (one, two) = (&one.boards()[0], &two.boards()[0]);
    for member in (0..one.members() as u32).map(MemberId) {
        assert_eq!(one.member_name(member), old[two.member_name(member)]);
    }
}
