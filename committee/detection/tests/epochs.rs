//! From votes to findings and cases, on boards with a ring that votes within a minute.

use std::collections::{BTreeMap, BTreeSet};

use tacit_detection::epochs::case::against;
use tacit_detection::epochs::{Epoch, epochs};
use tacit_detection::policy::bars;
use tacit_detection::policy::inputs::{
    CommunityId, EvidenceDigest, Kind, MAX_CASE_TEXT, Pseudonym, Quality, WindowId,
};
use tacit_detection::policy::slash::{Immune, NoSlash, Slash, Spent};
use tacit_detection::simulate::Script;
use tacit_detection::simulate::plant::{Planted, plant};
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring};
use tacit_detection::votes::{Board, MemberId, Vote};

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

fn planted() -> Planted {
    let board = Population::plain(120, 56).board(3).board().unwrap();
    let ring = Ring {
        posts_each: 8,
        share: 0.6,
        ..Ring::of(10)
    };
    plant(&board, &ring, 3).unwrap()
}

fn found(board: &Board) -> Vec<Epoch> {
    epochs(board, 2 * WEEK_MS, None).unwrap()
}

fn names(planted: &Planted) -> Vec<Pseudonym> {
    let board = planted.board.name();
    planted.names().map(|n| Pseudonym::new(board, n)).collect()
}

fn case(member: &Pseudonym, epochs: &[Epoch]) -> Result<String, NoSlash> {
    let (spent, immune) = (Spent::default(), Immune::default());
    let grounds = against(member, epochs, &Slash::default(), &spent, &immune)?;
    assert!(grounds.windows().len() >= 2 && grounds.digests().len() >= 4);
    Ok(grounds.text().as_str().to_owned())
}

#[test]
fn a_ring_is_told_in_words_that_can_be_checked_and_nobody_else_is_accused() {
    let planted = planted();
    let found = found(&planted.board);
    let ring = names(&planted);
    let cases: Vec<String> = ring.iter().filter_map(|m| case(m, &found).ok()).collect();
    assert!(cases.len() >= 8, "{}", cases.len());
    for text in &cases {
        assert!(text.len() <= MAX_CASE_TEXT);
        for said in [
            "The group: ",
            "where chance alone would give",
            "came within",
            " UTC  post ",
            "A fan club",
            "one time zone",
            "A digest by e-mail",
            "A small niche",
            "can answer until the period ends",
        ] {
            assert!(text.contains(said), "{said} is missing in {text}");
        }
    }
    let board = &planted.board;
    let everybody = (0..board.members() as u32).map(MemberId);
    let others = everybody.filter(|m| planted.ring.binary_search(m).is_err());
    for member in others {
        let name = Pseudonym::new(board.name(), board.member_name(member));
        assert!(case(&name, &found).is_err(), "{name} is accused");
    }
}

#[test]
fn a_ring_keeps_its_number_from_window_to_window() {
    let planted = planted();
    let found = found(&planted.board);
    let ring: BTreeSet<Pseudonym> = names(&planted).into_iter().collect();
    let strong = found.iter().flat_map(|epoch| &epoch.findings).filter(|f| {
        ring.contains(&f.member)
            && f.kind == Kind::Time
            && bars::INDEPENDENT.is_met(f.score, f.p_value)
    });
    let mut windows: BTreeMap<CommunityId, BTreeSet<WindowId>> = BTreeMap::new();
    for finding in strong {
        windows
            .entry(finding.community)
            .or_default()
            .insert(finding.window);
    }
    let most = windows.values().map(BTreeSet::len).max();
    assert!(most >= Some(3), "{windows:?}");
}

#[test]
fn a_window_stands_on_its_own_votes_and_nothing_later_changes_it() {
    let planted = planted();
    let whole = found(&planted.board);
    let first = planted.board.votes().first().unwrap().at_ms;
    let part = planted.board.within(first..first + 4 * WEEK_MS);
    let part = found(&part);
    assert_eq!(part.len(), 2);
    for (early, later) in part.iter().zip(&whole) {
        assert_eq!(early.findings, later.findings);
        assert_eq!(early.structure, later.structure);
    }
}

#[test]
fn evidence_is_named_by_its_votes_and_by_nothing_else() {
    let planted = planted();
    let whole = found(&planted.board);
    let digests = |epochs: &[Epoch]| -> Vec<_> {
        let findings = epochs.iter().flat_map(|e| &e.findings);
        findings
            .map(|f| (f.member.clone(), f.window, f.kind, f.digest))
            .collect()
    };
    let all = digests(&whole);
    let different: BTreeSet<_> = all.iter().map(|(.., digest)| *digest).collect();
    assert_eq!(different.len(), all.len(), "two findings have one digest");
    // Rows in another order, and names of members unchanged: the same evidence.
    let mut script = Script::of(&planted.board);
    script.votes.reverse();
    assert_eq!(digests(&found(&script.board().unwrap())), all);
    // A vote less, and evidence that it was part of is other evidence.
    let member = planted.ring[0];
    let own =
        |v: &Vote| v.member == member && planted.ring.contains(&planted.board.post(v.post).author);
    let mut script = Script::of(&planted.board);
    let place = script.votes.iter().position(own).unwrap();
    script.votes.remove(place);
    let fewer = digests(&found(&script.board().unwrap()));
    let name = Pseudonym::new(planted.board.name(), planted.board.member_name(member));
    let of = |list: &[(Pseudonym, WindowId, Kind, EvidenceDigest)]| -> Vec<EvidenceDigest> {
        let own = list.iter().filter(|(m, ..)| *m == name);
        own.map(|(.., digest)| *digest).collect()
    };
    assert_ne!(of(&fewer), of(&all));
}

#[test]
fn among_forty_nine_nothing_is_found() {
    let board = Population::plain(49, 28).board(1).board().unwrap();
    let ring = Ring {
        accounts: Accounts::Sleepers,
        share: 1.0,
        camouflage: 0.0,
        ..Ring::of(10)
    };
    let planted = plant(&board, &ring, 1).unwrap();
    for epoch in found(&planted.board) {
        assert!(epoch.enough.is_err());
        assert!(epoch.findings.is_empty() && epoch.structure.is_empty());
    }
}

#[test]
fn quality_speaks_only_if_it_is_supplied_and_only_against_support_of_what_is_low() {
    let board = Population::plain(240, 56).board(3).board().unwrap();
    let ring = Ring {
        share: 1.0,
        ..Ring::of(10)
    };
    let planted = plant(&board, &ring, 3).unwrap();
    let kinds = |epochs: &[Epoch]| -> BTreeSet<Kind> {
        let findings = epochs.iter().flat_map(|e| &e.findings);
        findings.map(|f| f.kind).collect()
    };
    assert!(!kinds(&found(&planted.board)).contains(&Kind::Quality));
    let quality = |low: f64| {
        let ring = planted.names().map(str::to_owned).collect::<BTreeSet<_>>();
        move |board: &Board, post| {
            let author = board.member_name(board.post(post).author);
            let quality = if ring.contains(author) { low } else { 0.5 };
            Quality::new(quality).unwrap()
        }
    };
    let strong = |low: f64| {
        let quality = quality(low);
        let found = epochs(&planted.board, 2 * WEEK_MS, Some(&quality)).unwrap();
        let findings = found.iter().flat_map(|e| e.findings.clone());
        findings
            .filter(|f| f.kind == Kind::Quality && bars::INDEPENDENT.is_met(f.score, f.p_value))
            .count()
    };
    assert!(strong(0.1) > 10);
    assert_eq!(strong(0.5), 0);
    assert_eq!(strong(0.9), 0);
}
