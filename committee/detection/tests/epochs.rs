//! From votes to findings and cases, on boards with a ring that votes within a minute.

use std::collections::{BTreeMap, BTreeSet};

use tacit_detection::epochs::case::against;
use tacit_detection::epochs::circles::{At, Proposal, circles};
use tacit_detection::epochs::{Epoch, epochs};
use tacit_detection::policy::appeals::{Decision, Explained, NotOpened, Outcome, Period};
use tacit_detection::policy::bars;
use tacit_detection::policy::inputs::{
    CommunityId, EvidenceDigest, Kind, MAX_CASE_TEXT, Pseudonym, Quality, TooFewActive, VoteHash,
    WindowId,
};
use tacit_detection::policy::slash::{Grounds, Immune, NoSlash, Slash, Spent};
use tacit_detection::policy::strikes::{Record, Units};
use tacit_detection::simulate::plant::{Planted, plant};
use tacit_detection::simulate::population::Population;
use tacit_detection::simulate::ring::{Accounts, Ring, Synchrony};
use tacit_detection::simulate::{Script, Written};
use tacit_detection::votes::{Board, Builder, MemberId, PostId, Row, Stance, Vote};

const HOUR_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;

fn planted() -> Planted {
    let board = Population::plain(240, 56).board(3).board().unwrap();
    let ring = Ring {
        posts_each: 10,
        share: 0.8,
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
    let second = i64::try_from(whole[1].window.0).unwrap();
    let part = planted.board.within(0..(second + 1) * 2 * WEEK_MS);
    let part = found(&part);
    assert_eq!(part.len(), 2);
    assert!(!part[1].findings.is_empty());
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
    let in_evidence = |v: &Vote| own(v) && v.at_ms >= 2 * WEEK_MS * all[0].1.0 as i64;
    let place = script.votes.iter().position(in_evidence).unwrap();
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

/// A board as it would be if some votes had been others, or none.
fn changed(board: &Board, stance: impl Fn(&Vote) -> Option<Stance>) -> Board {
    let mut builder = Builder::default();
    for vote in board.votes() {
        let post = board.post(vote.post);
        let Some(stance) = stance(vote) else {
            continue;
        };
        let row = Row {
            board: board.name(),
            vote_ms: vote.at_ms,
            voter: board.member_name(vote.member),
            post: board.post_name(vote.post),
            author: board.member_name(post.author),
            post_ms: post.at_ms,
            stance,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    builder.finish().0.boards()[0].clone()
}

#[test]
fn without_time_low_posts_accuse_only_a_group_that_never_disagrees_and_would_elsewhere() {
    let board = Population::plain(240, 56).board(3).board().unwrap();
    let ring = Ring {
        posts_each: 6,
        share: 1.0,
        synchrony: Synchrony::Organic,
        ..Ring::of(10)
    };
    let planted = plant(&board, &ring, 3).unwrap();
    let members: BTreeSet<&str> = planted.names().collect();
    let low = |board: &Board, post: PostId| {
        let author = board.member_name(board.post(post).author);
        Quality::new(if members.contains(author) { 0.1 } else { 0.5 }).unwrap()
    };
    let struck = |stance: &dyn Fn(&Vote, bool) -> Option<Stance>| {
        let by_ring = |vote: &Vote| members.contains(planted.board.member_name(vote.member));
        let for_ring = |vote: &Vote| {
            let author = planted.board.post(vote.post).author;
            members.contains(planted.board.member_name(author))
        };
        let board = changed(&planted.board, |vote| match by_ring(vote) {
            true => stance(vote, for_ring(vote)),
            false => Some(vote.stance),
        });
        let found = epochs(&board, 2 * WEEK_MS, Some(&low)).unwrap();
        accused(&names(&planted), &found)
    };
    let as_it_is = |vote: &Vote, _: bool| Some(vote.stance);
    assert!(struck(&as_it_is) >= 8, "{}", struck(&as_it_is));
    // Who votes on nothing else is taken to disagree as others do.
    let alone = |vote: &Vote, for_ring: bool| for_ring.then_some(vote.stance);
    assert!(struck(&alone) >= 8, "{}", struck(&alone));
    // Who never votes against anything says nothing by not doing so here.
    assert_eq!(struck(&|_, _| Some(Stance::Up)), 0);
    // Friends disagree now and then.
    let friends = |vote: &Vote, for_ring: bool| match for_ring && vote.post.0.is_multiple_of(8) {
        true => Some(Stance::Pass),
        false => Some(vote.stance),
    };
    assert_eq!(struck(&friends), 0);
}

/// A moment at which each author of a group writes a post and all others vote for it.
struct Moment {
    at_ms: i64,
    authors: Vec<usize>,
    within_ms: i64,
}

/// Something between 0 and `most`, different for different numbers.
fn some(number: usize, most: i64) -> i64 {
    ((number as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23) as i64
        & i64::MAX)
        % most
}

/// A plain board on which so many of its members vote for each other's posts at these moments, counted from
/// the first Thursday.
fn with_group(size: usize, days: u32, moments: &[Moment]) -> (Board, Vec<Pseudonym>) {
    let mut script = Population::plain(120, days).board(3).script;
    let first = script.votes.iter().map(|v| v.at_ms).min().unwrap();
    let start = (first.div_euclid(WEEK_MS) + 1) * WEEK_MS;
    for (number, moment) in moments.iter().enumerate() {
        for author in &moment.authors {
            let post = PostId(script.posts.len() as u32);
            let at_ms = start + moment.at_ms;
            script.posts.push(Written {
                name: format!("group {number} {author}").into(),
                author: MemberId(*author as u32),
                at_ms,
            });
            // A few others come by in the days after.
            for other in 0..4 {
                let turn = (number * size + author) * 4 + other;
                script.votes.push(Vote {
                    at_ms: at_ms + some(turn + 77, 3 * DAY_MS),
                    member: MemberId((size + some(turn, 20) as usize * 4 + other) as u32),
                    post,
                    stance: Stance::Up,
                });
            }
            for voter in (0..size).filter(|v| v != author) {
                let later = some(
                    (number * size + author) * size + voter + 1,
                    moment.within_ms,
                );
                script.votes.push(Vote {
                    at_ms: at_ms + later,
                    member: MemberId(voter as u32),
                    post,
                    stance: Stance::Up,
                });
            }
        }
    }
    let name = |m: usize| Pseudonym::new(&script.name, &script.members[m]);
    let group = (0..size).map(name).collect();
    (script.board().unwrap(), group)
}

/// Ten moments in each of these weeks, at no time of the week, each with one post and votes within a minute.
fn ring_moments(weeks: impl Iterator<Item = i64>) -> Vec<Moment> {
    let of_week = |week: i64| {
        (0..10).map(move |turn| Moment {
            at_ms: week * WEEK_MS
                + turn * (WEEK_MS / 10)
                + some((week * 10 + turn) as usize, WEEK_MS / 10),
            authors: vec![turn as usize],
            within_ms: 60_000,
        })
    };
    weeks.flat_map(of_week).collect()
}

fn accused(group: &[Pseudonym], found: &[Epoch]) -> usize {
    group.iter().filter(|m| case(m, found).is_ok()).count()
}

#[test]
fn a_ring_that_rests_in_two_of_its_windows_is_still_accused() {
    let (board, ring) = with_group(10, 110, &ring_moments((0..4).chain(10..14)));
    let found = found(&board);
    // It is looked at where it rests, and nothing is found.
    let rests = |e: &&Epoch| {
        let board = e.board.as_ref().unwrap();
        let is_first = |m: MemberId| Pseudonym::new(board.name(), board.member_name(m)) == ring[0];
        let mut suspects = e.circles.iter().flat_map(|(_, c)| &c.suspects);
        let at_rest = suspects.any(|s| is_first(s.member) && s.given.0 + s.got.0 == 0);
        at_rest && e.findings.iter().all(|f| f.member != ring[0])
    };
    assert!(found.iter().filter(rests).count() >= 2);
    assert!(accused(&ring, &found) >= 9);
}

#[test]
fn a_class_that_meets_once_a_week_is_never_accused_and_a_ring_with_ten_moments_is() {
    let class: Vec<Moment> = (0..6)
        .map(|week| Moment {
            at_ms: week * WEEK_MS + 3 * DAY_MS + 19 * HOUR_MS,
            authors: (0..15).collect(),
            within_ms: HOUR_MS,
        })
        .collect();
    let (board, class) = with_group(15, 50, &class);
    for weeks in [1, 2] {
        let found = epochs(&board, weeks * WEEK_MS, None).unwrap();
        assert!(found.iter().any(|e| !e.circles.is_empty()));
        assert_eq!(accused(&class, &found), 0, "in windows of {weeks} weeks");
    }
    let (board, ring) = with_group(10, 50, &ring_moments(0..6));
    for weeks in [1, 2] {
        let found = epochs(&board, weeks * WEEK_MS, None).unwrap();
        assert!(accused(&ring, &found) >= 9, "in windows of {weeks} weeks");
    }
}

#[test]
fn a_team_that_looks_in_four_times_a_day_is_not_accused_once_its_habit_is_known() {
    // At nine, eleven, one and three, one post each time, and votes within a minute.
    let time = |(week, turn): (i64, i64)| Moment {
        at_ms: week * WEEK_MS + turn / 4 * DAY_MS + (9 + turn % 4 * 2) * HOUR_MS,
        authors: vec![(week + turn) as usize % 10],
        within_ms: 60_000,
    };
    let times = (0..6).flat_map(|week| (0..20).map(move |turn| (week, turn)));
    let (board, team) = with_group(10, 50, &times.map(time).collect::<Vec<_>>());
    for weeks in [1, 2] {
        let found = epochs(&board, weeks * WEEK_MS, None).unwrap();
        // The habit shows from the second whole week on.
        let known = &found[2..];
        assert!(known.iter().any(|e| !e.circles.is_empty()));
        assert_eq!(accused(&team, known), 0, "in windows of {weeks} weeks");
    }
}

/// Days on which ten members vote within a minute for a post of each, and somebody who votes for every post of the
/// board half a minute after them; whose time counts?
fn timed(days: &[i64]) -> (usize, bool) {
    let moment = |day: &i64| Moment {
        at_ms: day * DAY_MS + 9 * HOUR_MS,
        authors: (0..10).collect(),
        within_ms: 60_000,
    };
    let (board, group) = with_group(10, 50, &days.iter().map(moment).collect::<Vec<_>>());
    let mut builder = Builder::default();
    let mut last: BTreeMap<PostId, i64> = BTreeMap::new();
    for vote in board.votes() {
        let at_ms = last.entry(vote.post).or_insert(vote.at_ms);
        let name = Pseudonym::new(board.name(), board.member_name(vote.member));
        if group.contains(&name) {
            *at_ms = vote.at_ms.max(*at_ms);
        }
    }
    let hungry = last
        .iter()
        .map(|(post, at_ms)| (*post, "hungry", at_ms + 30_000));
    let votes = board.votes().iter();
    let votes = votes.map(|v| (v.post, board.member_name(v.member), v.at_ms));
    for (post, voter, vote_ms) in votes.chain(hungry) {
        let written = board.post(post);
        let row = Row {
            board: board.name(),
            vote_ms,
            voter,
            post: board.post_name(post),
            author: board.member_name(written.author),
            post_ms: written.at_ms,
            stance: Stance::Up,
        };
        builder.push(row, i64::MAX).unwrap();
    }
    let board = builder.finish().0.boards()[0].clone();
    let name = |m: &MemberId| board.member_name(*m);
    let is_of_group = |m: &MemberId| group.contains(&Pseudonym::new(board.name(), name(m)));
    let everybody = (0..board.members() as u32).map(MemberId);
    let proposal = Proposal {
        members: everybody
            .filter(|m| is_of_group(m) || name(m) == "hungry")
            .collect(),
        by_chance: 0.0,
    };
    let at = At::All {
        quality: None,
        past: None,
    };
    let circle = &circles(&board, &[proposal], at)[0];
    let of = |hungry: bool| {
        let suspects = circle.suspects.iter();
        let these = suspects.filter(move |s| (name(&s.member) == "hungry") == hungry);
        these.filter(|s| s.time.is_some()).count()
    };
    (of(false), of(true) > 0)
}

#[test]
fn time_counts_on_three_occasions_and_only_of_who_gives_more_than_chance_would() {
    assert_eq!(timed(&[1, 4]), (0, false));
    assert_eq!(timed(&[1, 4, 9]), (10, false));
}

#[test]
fn one_evening_across_the_end_of_a_window_is_not_two() {
    // From six hours before midnight, when a window ends, to six hours after it.
    let evening = |turn: i64| Moment {
        at_ms: 2 * WEEK_MS - 6 * HOUR_MS + turn * HOUR_MS,
        authors: vec![turn as usize % 10],
        within_ms: 60_000,
    };
    let (board, group) = with_group(10, 50, &(0..12).map(evening).collect::<Vec<_>>());
    for weeks in [1, 2] {
        let found = epochs(&board, weeks * WEEK_MS, None).unwrap();
        assert_eq!(accused(&group, &found), 0);
    }
}

#[test]
fn an_older_row_moves_no_window() {
    let planted = planted();
    let whole = found(&planted.board);
    let mut script = Script::of(&planted.board);
    let (first, last) = (script.votes[0], script.votes.len() as u32);
    let post = PostId(script.posts.len() as u32);
    let at_ms = first.at_ms - 10 * WEEK_MS - 12_345;
    script.posts.push(Written {
        name: format!("old {last}").into(),
        author: first.member,
        at_ms,
    });
    let voter = planted
        .board
        .votes()
        .iter()
        .find(|v| v.member != first.member);
    script.votes.push(Vote {
        at_ms,
        post,
        member: voter.unwrap().member,
        stance: Stance::Up,
    });
    let later = found(&script.board().unwrap());
    let later: Vec<&Epoch> = later
        .iter()
        .filter(|e| e.window >= whole[0].window)
        .collect();
    assert_eq!(later.len(), whole.len());
    for (before, after) in whole.iter().zip(later) {
        assert_eq!(before.window, after.window);
        assert_eq!(before.findings, after.findings);
    }
}

fn grounds(member: &Pseudonym, epochs: &[Epoch], immune: &Immune) -> Result<Grounds, NoSlash> {
    against(member, epochs, &Slash::default(), &Spent::default(), immune)
}

/// What one member's won appeal explains.
fn cleared(grounds: Grounds, explained: Explained) -> Immune {
    let (record, immune) = (
        Record::new(grounds.member().clone(), Units(1_000), 9),
        Immune::default(),
    );
    let opened = record
        .opened(grounds, 0, Period::TWO_WEEKS, &immune)
        .unwrap();
    let decided = opened.appealed(1).unwrap();
    let decided = decided.decided(Decision::Cleared(explained), 2).unwrap();
    assert_eq!(decided.record.account(), record.account());
    immune.with(decided.refuted)
}

#[test]
fn one_won_appeal_clears_the_member_and_not_the_ring() {
    let planted = planted();
    let found = found(&planted.board);
    let ring = names(&planted);
    let nothing = Immune::default();
    let before: Vec<&Pseudonym> = ring
        .iter()
        .filter(|m| grounds(m, &found, &nothing).is_ok())
        .collect();
    let first = grounds(before[0], &found, &nothing).unwrap();
    let votes = first.votes();
    let immune = cleared(first.clone(), Explained::OwnPart);
    assert!(grounds(before[0], &found, &immune).is_err());
    for other in &before[1..] {
        assert!(grounds(other, &found, &immune).is_ok(), "{other}");
    }
    // If all of its moments were explained, so are those of others who were there.
    let immune = cleared(first, Explained::Moments(votes));
    let left = before[1..]
        .iter()
        .filter(|m| grounds(m, &found, &immune).is_ok());
    assert!(left.count() < before.len() - 1);
}

#[test]
fn real_evidence_is_used_once_and_falls_if_its_moments_are_explained() {
    let planted = planted();
    let found = found(&planted.board);
    let nothing = Immune::default();
    let ring = names(&planted);
    let mut of = ring
        .iter()
        .filter_map(|m| grounds(m, &found, &nothing).ok());
    let case = of.next().unwrap();
    let member = case.member().clone();
    let record = Record::new(member.clone(), Units(1_000), 9);
    let opened = record
        .opened(case.clone(), 0, Period::TWO_WEEKS, &nothing)
        .unwrap();
    let until_ms = opened.open().unwrap().until_ms();
    let executed = opened.executed(until_ms, &nothing).unwrap();
    assert_eq!(executed.strikes(), 1);
    // The same windows judged again are the same evidence.
    let again = against(
        &member,
        &found,
        &Slash::default(),
        executed.spent(),
        &nothing,
    );
    assert!(matches!(again, Err(NoSlash::NotFresh { .. })), "{again:?}");
    let reopened = executed.opened(case.clone(), 0, Period::TWO_WEEKS, &nothing);
    assert_eq!(reopened, Err(NotOpened::NotFresh));
    // Somebody else's appeal names moments that this member's evidence stands on too.
    let shared: BTreeSet<VoteHash> = of.flat_map(|g| g.votes()).collect();
    let shared: BTreeSet<VoteHash> = shared.intersection(&case.votes()).copied().collect();
    let other = ring
        .iter()
        .filter(|m| **m != member)
        .find_map(|m| grounds(m, &found, &nothing).ok())
        .unwrap();
    let explained = shared.intersection(&other.votes()).copied().collect();
    let immune = cleared(other, Explained::Moments(explained));
    let fallen = opened.executed(until_ms, &immune).unwrap();
    let falls = case.is_void(&immune);
    let outcome = fallen.closed()[0].outcome;
    assert_eq!(outcome == Outcome::Fallen, falls);
    assert_eq!(fallen.strikes(), usize::from(!falls));
}

#[test]
fn findings_of_a_window_with_too_few_active_accuse_nobody() {
    let planted = planted();
    let mut found = found(&planted.board);
    let ring = names(&planted);
    let nothing = Immune::default();
    let member = ring
        .iter()
        .find(|m| grounds(m, &found, &nothing).is_ok())
        .unwrap();
    let windows = grounds(member, &found, &nothing).unwrap().windows().clone();
    for epoch in &mut found {
        if windows.iter().skip(1).any(|w| *w == epoch.window) {
            epoch.enough = Err(TooFewActive { found: 49 });
        }
    }
    let left = grounds(member, &found, &nothing);
    let window = *windows.first().unwrap();
    assert_eq!(left, Err(NoSlash::OneWindow { window }));
    for epoch in &mut found {
        epoch.enough = Err(TooFewActive { found: 49 });
    }
    let left = grounds(member, &found, &nothing);
    assert_eq!(left, Err(NoSlash::NoStructure));
}

/// Members, by window, whose votes count for less.
fn discounted(found: &[Epoch]) -> Vec<&Pseudonym> {
    let structure = found.iter().flat_map(|e| &e.structure);
    structure
        .filter(|s| bars::DISCOUNT.is_met(s.score, s.p_value))
        .map(|s| &s.member)
        .collect()
}

#[test]
fn where_nobody_disagrees_with_anything_disagreement_discounts_nobody() {
    let mut script = Population::mixed().board(2).script;
    script.votes.retain(|v| v.stance == Stance::Up);
    let found = epochs(&script.board().unwrap(), WEEK_MS, None).unwrap();
    assert!(found.iter().any(|e| !e.structure.is_empty()));
    assert_eq!(discounted(&found), Vec::<&Pseudonym>::new());
    let circles = found.iter().flat_map(|e| &e.circles);
    for (_, circle) in circles {
        assert_eq!(circle.agreement.p_value.get(), 1.0);
        assert!(!circle.agreement.can_tell());
    }
}

#[test]
fn where_others_disagree_a_ring_that_never_does_is_discounted_and_friends_are_not() {
    let planted = planted();
    let found = found(&planted.board);
    let ring: BTreeSet<Pseudonym> = names(&planted).into_iter().collect();
    let discounted = discounted(&found);
    assert!(discounted.len() >= 10, "{}", discounted.len());
    assert!(discounted.iter().all(|m| ring.contains(*m)));
}

#[test]
fn a_case_says_when_disagreement_cannot_tell() {
    let planted = planted();
    let mut script = Script::of(&planted.board);
    script.votes.retain(|v| v.stance == Stance::Up);
    let found = found(&script.board().unwrap());
    let told = names(&planted).iter().find_map(|m| case(m, &found).ok());
    let told = told.unwrap();
    assert!(
        told.contains("speaks neither for this member nor against it"),
        "{told}"
    );
}
