use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use tacit_detection::policy::appeals::{Decision, Explained, Outcome, Period};
use tacit_detection::policy::discount::{Discount, FLOOR, Structure};
use tacit_detection::policy::inputs::{
    CommunityId, EvidenceDigest, Finding, Kind, PValue, PassRate, Pseudonym, Quality, Score,
    VoteHash, WindowId,
};
use tacit_detection::policy::slash::{Immune, Refuted, Slash};
use tacit_detection::policy::strikes::{Account, Record, Strike, Taken, Units};

use crate::given::{ada, enough, finding, text, votes};

/// Sums of a few dozen numbers below one are this close, whatever their order.
const CLOSE: f64 = 1e-9;

fn some_share() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0]
}

/// Structure evidence about the author 0 and voters up to 11, in three communities; some of it is too
/// likely by chance to count.
fn some_structure() -> impl Strategy<Value = Vec<Structure<u32>>> {
    let one = (0..12_u32, 0..3_u64, some_share(), 0.0..=0.02);
    let one = one.prop_map(|(member, community, score, p_value)| Structure {
        member,
        community: CommunityId(community),
        score: Score::new(score).unwrap(),
        p_value: PValue::new(p_value).unwrap(),
    });
    vec(one, 0..40)
}

fn some_votes() -> impl Strategy<Value = Vec<(u32, PassRate)>> {
    let one = (1..24_u32, some_share());
    vec(
        one.prop_map(|(voter, rate)| (voter, PassRate::new(rate).unwrap())),
        0..40,
    )
}

/// Findings about community 0 or 1 in any of 8 windows. Half of the time there are enough for a case, and
/// perhaps some more.
fn some_findings() -> impl Strategy<Value = Vec<Finding>> {
    let independent = prop_oneof![Just(Kind::Time), Just(Kind::Quality)];
    let kind = prop_oneof![Just(Kind::Structure), independent.clone()];
    let one = (0..8_u64, kind, 0..2_u64, any::<bool>());
    let some = vec(
        one.prop_map(|(w, k, c, is_weak)| some_finding(w, k, c, is_weak)),
        0..12,
    );
    let enough = (
        0..8_u64,
        0..8_u64,
        0..2_u64,
        independent.clone(),
        independent,
    );
    let enough = enough.prop_map(|(first, second, community, kind, other)| {
        vec![
            some_finding(first, Kind::Structure, community, false),
            some_finding(first, kind, community, false),
            some_finding(second, Kind::Structure, community, false),
            some_finding(second, other, community, false),
        ]
    });
    let mixed = (enough, some.clone()).prop_map(|(enough, some)| [enough, some].concat());
    prop_oneof![some, mixed]
}

fn some_finding(window: u64, kind: Kind, community: u64, is_weak: bool) -> Finding {
    let mut finding = finding(window, kind);
    finding.community = CommunityId(community);
    finding.digest.0[9] = community as u8;
    if is_weak {
        finding.p_value = PValue::ONE;
        finding.digest.0[10] = 1;
    }
    finding.votes = votes(finding.digest.0);
    finding
}

/// What a panel decides.
#[derive(Debug, Clone, Copy)]
enum Ruling {
    Stands,
    OwnPart,
    /// All of the case, for everybody.
    Moments,
}

impl Ruling {
    fn on(self, record: &Record) -> Decision {
        let votes = record.open().map(|case| case.grounds().votes());
        match self {
            Self::Stands => Decision::Stands,
            Self::OwnPart => Decision::Cleared(Explained::OwnPart),
            Self::Moments => Decision::Cleared(Explained::Moments(votes.unwrap_or_default())),
        }
    }
}

fn bob() -> Pseudonym {
    Pseudonym::new("square", "bob")
}

/// What Bob's appeal explained, for everybody or for him.
fn explained(findings: &[Finding], for_everybody: bool) -> Refuted {
    let votes: BTreeSet<VoteHash> = findings.iter().flat_map(|f| f.votes.clone()).collect();
    let moments = if for_everybody {
        votes.clone()
    } else {
        BTreeSet::new()
    };
    Refuted {
        member: bob(),
        own: votes,
        moments,
    }
}

/// What may happen to a member, in any order, sensible or not.
#[derive(Debug, Clone)]
enum Event {
    Reward(u64, u64),
    PayOut(u64),
    Open(Vec<Finding>, i64),
    Appeal(i64),
    Decide(Ruling, i64),
    Execute(i64),
    RefutedElsewhere(Vec<Finding>),
}

fn some_event() -> impl Strategy<Value = Event> {
    let ruling = prop_oneof![
        Just(Ruling::Stands),
        Just(Ruling::OwnPart),
        Just(Ruling::Moments)
    ];
    // Times around the end of the period, most of them in order.
    let time = 0..4 * i64::from(Period::TWO_WEEKS);
    prop_oneof![
        2 => (0..10_u64, 0..200_u64).prop_map(|(window, units)| Event::Reward(window, units)),
        1 => (0..400_u64).prop_map(Event::PayOut),
        4 => (some_findings(), time.clone()).prop_map(|(findings, at)| Event::Open(findings, at)),
        2 => time.clone().prop_map(Event::Appeal),
        2 => (ruling, time.clone()).prop_map(|(ruling, at)| Event::Decide(ruling, at)),
        4 => time.prop_map(Event::Execute),
        1 => some_findings().prop_map(Event::RefutedElsewhere),
    ]
}

/// The record after an event, if the event was allowed.
fn after(record: &Record, immune: &mut Immune, event: &Event) -> Option<Record> {
    match event {
        Event::Reward(window, units) => record.rewarded(WindowId(*window), Units(*units)).ok(),
        Event::PayOut(units) => record.paid_out(Units(*units)).ok(),
        Event::Open(findings, at_ms) => {
            let rules = Slash::default();
            let spent = record.spent();
            let grounds = rules.grounds(enough(), &ada(), findings, text(), spent, immune);
            record
                .opened(grounds.ok()?, *at_ms, Period::TWO_WEEKS, immune)
                .ok()
        }
        Event::Appeal(at_ms) => record.appealed(*at_ms).ok(),
        Event::Decide(ruling, at_ms) => {
            let decided = record.decided(ruling.on(record), *at_ms).ok()?;
            *immune = immune.clone().with(decided.refuted);
            Some(decided.record)
        }
        Event::Execute(at_ms) => record.executed(*at_ms, immune).ok(),
        Event::RefutedElsewhere(findings) => {
            *immune = immune.clone().with([explained(findings, true)]);
            Some(record.clone())
        }
    }
}

proptest! {
    #[test]
    fn units_are_never_made_or_lost(stake in 0..2_000_u64, events in vec(some_event(), 0..40)) {
        let mut record = Record::new(ada(), Units(stake), 9);
        let mut immune = Immune::default();
        for event in &events {
            let Some(next) = after(&record, &mut immune, event) else {
                continue;
            };
            let (paid_in, paid_out) = match event {
                Event::Reward(_, units) => (*units, 0),
                Event::PayOut(units) => (0, *units),
                _ => (0, 0),
            };
            prop_assert_eq!(
                record.total() + u128::from(paid_in),
                next.total() + u128::from(paid_out)
            );
            prop_assert!(next.forfeited() >= record.forfeited());
            record = next;
        }
        let executed = record.closed().iter().filter(|c| c.outcome == Outcome::Executed);
        let taken: u64 = executed.map(|c| c.case.taken().total().0).sum();
        prop_assert_eq!(record.forfeited(), Units(taken));
    }

    #[test]
    fn a_case_and_a_won_appeal_leave_everything_as_it_was(
        stake in any::<u32>(),
        rewards in vec((0..4_u64, any::<u16>()), 0..8),
        paid_out in any::<u16>(),
        findings in some_findings(),
    ) {
        let mut before = Record::new(ada(), Units(stake.into()), 9);
        for (window, units) in rewards {
            before = before.rewarded(WindowId(window), Units(units.into())).unwrap();
        }
        before = before.paid_out(Units(paid_out.into())).unwrap_or(before);
        let mut immune = Immune::default();
        if let Some(opened) = after(&before, &mut immune, &Event::Open(findings, 0)) {
            let won = opened.appealed(0).unwrap().decided(Ruling::OwnPart.on(&opened), 0).unwrap();
            prop_assert_eq!(won.record.account(), before.account());
            prop_assert_eq!(won.record.total(), before.total());
            prop_assert_eq!(won.record.strikes(), before.strikes());
        }
    }

    #[test]
    fn no_evidence_and_no_window_is_used_twice_or_after_it_was_refuted(
        events in vec(some_event(), 0..60),
    ) {
        let mut record = Record::new(ada(), Units(1_000), 9);
        let mut immune = Immune::default();
        for event in &events {
            let Some(next) = after(&record, &mut immune, event) else {
                continue;
            };
            // What was carried out now wasn't refuted by now.
            if next.strikes() > record.strikes() {
                let closed = next.closed().last().unwrap();
                prop_assert!(!closed.case.grounds().is_void(&immune));
            }
            record = next;
        }
        let mut digests: BTreeSet<EvidenceDigest> = BTreeSet::new();
        let mut windows: BTreeSet<WindowId> = BTreeSet::new();
        let cases = record.closed().iter().map(|c| &c.case).chain(record.open());
        for case in cases {
            prop_assert!(case.grounds().windows().len() >= 2);
            for digest in case.grounds().digests() {
                prop_assert!(digests.insert(*digest));
            }
            for window in case.grounds().windows() {
                prop_assert!(windows.insert(*window));
            }
        }
    }

    #[test]
    fn nothing_is_forfeited_before_a_period_ends(events in vec(some_event(), 0..60)) {
        let mut record = Record::new(ada(), Units(1_000), 9);
        let mut immune = Immune::default();
        for event in &events {
            let Some(next) = after(&record, &mut immune, event) else {
                continue;
            };
            if next.forfeited() > record.forfeited() {
                let until_ms = record.open().unwrap().until_ms();
                let Event::Execute(at_ms) = event else {
                    panic!("{event:?} took something");
                };
                prop_assert!(*at_ms >= until_ms);
            }
            record = next;
        }
    }

    #[test]
    fn a_strike_never_takes_more_than_is_there_and_the_rewards_first(
        stake in any::<u64>(),
        balance in any::<u64>(),
        rewards in any::<u128>(),
        standing in 0..5_usize,
    ) {
        let strike = Strike::after(standing);
        let account = Account { stake: Units(stake), balance: Units(balance), reputation: 0 };
        let taken = Taken::of(account, rewards, strike);
        let from_stake = u128::from(taken.rewards_from_stake.0) + u128::from(taken.stake.0);
        prop_assert!(taken.rewards.0 <= balance && from_stake <= u128::from(stake));
        let clawed = u128::from(taken.rewards.0) + u128::from(taken.rewards_from_stake.0);
        prop_assert_eq!(clawed, rewards.min(u128::from(balance) + u128::from(stake)));
        let share = u128::from(stake) * u128::from(strike.percent().get()) / 100;
        let left = u128::from(stake) - u128::from(taken.rewards_from_stake.0);
        prop_assert_eq!(u128::from(taken.stake.0), share.min(left));
    }

    #[test]
    fn the_order_of_findings_changes_nothing(
        findings in some_findings().prop_flat_map(|f| (Just(f.clone()), Just(f).prop_shuffle())),
    ) {
        let (findings, shuffled) = findings;
        let (spent, immune) = Default::default();
        let judged = |f: &[Finding]| Slash::default().grounds(enough(), &ada(), f, text(), &spent, &immune);
        prop_assert_eq!(judged(&findings), judged(&shuffled));
    }

    #[test]
    fn more_findings_never_save_anybody(findings in some_findings(), more in some_findings()) {
        let (spent, immune) = Default::default();
        let judged = |f: &[Finding]| Slash::default().grounds(enough(), &ada(), f, text(), &spent, &immune);
        let both = [findings.clone(), more].concat();
        if let (Ok(grounds), judged) = (judged(&findings), judged(&both)) {
            let windows = judged.map(|g| g.windows().len());
            prop_assert!(windows.is_ok_and(|n| n >= grounds.windows().len()));
        }
    }

    #[test]
    fn what_somebody_else_explained_of_their_own_part_changes_nothing(
        findings in some_findings(),
        theirs in some_findings(),
    ) {
        let spent = Default::default();
        let judged = |immune| Slash::default().grounds(enough(), &ada(), &findings, text(), &spent, &immune);
        let immune = Immune::default().with([explained(&theirs, false)]);
        prop_assert_eq!(judged(immune), judged(Immune::default()));
    }

    #[test]
    fn more_that_is_explained_never_makes_a_case(
        findings in some_findings(),
        theirs in some_findings(),
        more in some_findings(),
        for_everybody in any::<bool>(),
    ) {
        let spent = Default::default();
        let judged = |immune| Slash::default().grounds(enough(), &ada(), &findings, text(), &spent, immune);
        let less = Immune::default().with([explained(&theirs, true)]);
        let more = less.clone().with([explained(&more, for_everybody)]);
        prop_assert!(judged(&less).is_ok() || judged(&more).is_err());
    }

    #[test]
    fn a_weight_lies_between_the_floor_and_one(structure in some_structure(), votes in some_votes()) {
        let suspicions = Discount::default().suspicions(enough(), &structure);
        for weight in suspicions.weights(&0, &votes).values() {
            prop_assert!((FLOOR.get()..=1.0).contains(&weight.get()));
        }
    }

    #[test]
    fn the_order_of_evidence_and_votes_changes_no_weight(
        structure in some_structure().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        votes in some_votes().prop_flat_map(|v| (Just(v.clone()), Just(v).prop_shuffle())),
    ) {
        let rules = Discount::default();
        let first = rules.suspicions(enough(), &structure.0);
        let second = rules.suspicions(enough(), &structure.1);
        prop_assert_eq!(first.weights(&0, &votes.0), second.weights(&0, &votes.1));
        let value = first.value(&0, &votes.0, Quality::ONE);
        prop_assert_eq!(value.to_bits(), second.value(&0, &votes.1, Quality::ONE).to_bits());
    }

    #[test]
    fn more_suspicion_never_raises_a_weight_or_what_a_post_earns(
        structure in some_structure(),
        more in some_structure(),
        votes in some_votes(),
    ) {
        let rules = Discount::default();
        let less = rules.suspicions(enough(), &structure);
        let more = rules.suspicions(enough(), &[structure, more].concat());
        let (before, after) = (less.weights(&0, &votes), more.weights(&0, &votes));
        for (voter, weight) in &before {
            prop_assert!(after[voter].get() <= weight.get() + CLOSE);
        }
        let earned = less.value(&0, &votes, Quality::ONE);
        prop_assert!(more.value(&0, &votes, Quality::ONE) <= earned + CLOSE);
    }

    #[test]
    fn one_more_vote_never_lowers_what_a_post_earns(
        structure in some_structure(),
        votes in some_votes(),
        more in (24..30_u32, some_share()),
        as_member in 0..12_u32,
    ) {
        // The vote that comes is by somebody new, who is suspected as much as a member already is.
        let mut structure = structure;
        let (voter, rate) = more;
        let like = structure.iter().filter(|s| s.member == as_member).cloned();
        let like: Vec<Structure<u32>> = like.map(|s| Structure { member: voter, ..s }).collect();
        structure.extend(like);
        let suspicions = Discount::default().suspicions(enough(), &structure);
        let earned = suspicions.value(&0, &votes, Quality::ONE);
        let with = [votes, vec![(voter, PassRate::new(rate).unwrap())]].concat();
        prop_assert!(suspicions.value(&0, &with, Quality::ONE) >= earned - CLOSE);
    }

    #[test]
    fn a_larger_ring_earns_less_for_each_vote(score in some_share(), votes in 1..60_u32) {
        let members = 0..=60;
        let structure: Vec<Structure<u32>> = members
            .map(|member| Structure {
                member,
                community: CommunityId(0),
                score: Score::new(score).unwrap(),
                p_value: PValue::ZERO,
            })
            .collect();
        let suspicions = Discount::default().suspicions(enough(), &structure);
        let each = |votes: u32| {
            let votes: Vec<(u32, PassRate)> = (1..=votes).map(|v| (v, PassRate::ONE)).collect();
            let weights: BTreeMap<u32, _> = suspicions.weights(&0, &votes);
            weights[&1].get()
        };
        prop_assert!(each(votes + 1) <= each(votes));
    }
}

#[test]
fn the_histories_that_are_tried_come_to_every_end() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..256 {
        let events = vec(some_event(), 0..60)
            .new_tree(&mut runner)
            .unwrap()
            .current();
        let mut record = Record::new(ada(), Units(1_000), 9);
        let mut immune = Immune::default();
        for event in &events {
            record = after(&record, &mut immune, event).unwrap_or(record);
        }
        for closed in record.closed() {
            *ends.entry(format!("{:?}", closed.outcome)).or_default() += 1;
        }
        *ends
            .entry(format!("{} strikes", record.strikes()))
            .or_default() += 1;
    }
    for end in ["Executed", "Cleared", "Fallen", "1 strikes", "2 strikes"] {
        assert!(ends.get(end).is_some_and(|n| *n >= 10), "{ends:?}");
    }
}
