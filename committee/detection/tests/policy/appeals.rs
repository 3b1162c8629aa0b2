use tacit_detection::policy::appeals::{
    BadPeriod, Decision, Explained, LEAST_PERIOD_MS, MOST_PERIOD_MS, NotDecided, NotExecuted,
    NotHeard, NotOpened, Outcome, Period,
};
use tacit_detection::policy::inputs::{Finding, Pseudonym, VoteHash, WindowId};
use tacit_detection::policy::slash::{Grounds, Immune, NoSlash, Refuted, Slash, Spent};
use tacit_detection::policy::strikes::{NotBooked, Record, Strike, Units};

use crate::given::{ada, enough, grounds, record, strong, text};

const OPENED: i64 = 1_000;

fn opened(record: &Record, first: u64, second: u64) -> Record {
    let (grounds, immune) = (grounds(first, second), Immune::default());
    record
        .opened(grounds, OPENED, Period::TWO_WEEKS, &immune)
        .unwrap()
}

fn won() -> Decision {
    Decision::Cleared(Explained::OwnPart)
}

/// Moments that were explained for everybody, by somebody else's appeal.
fn moments(votes: impl IntoIterator<Item = VoteHash>) -> Refuted {
    Refuted {
        member: Pseudonym::new("square", "bob"),
        own: [].into(),
        moments: votes.into_iter().collect(),
    }
}

fn until() -> i64 {
    OPENED + i64::from(Period::TWO_WEEKS)
}

#[test]
fn an_open_case_holds_what_it_would_take_and_takes_nothing() {
    let before = record();
    let record = opened(&before, 1, 2);
    assert_eq!(record.held(), Units(310));
    assert_eq!(record.forfeited(), Units::ZERO);
    assert_eq!(record.strikes(), 0);
    assert_eq!(record.total(), before.total());
}

#[test]
fn nothing_is_carried_out_before_the_period_ends() {
    let record = opened(&record(), 1, 2);
    let refused = NotExecuted::Early { until_ms: until() };
    assert_eq!(
        record.executed(until() - 1, &Immune::default()),
        Err(refused)
    );
    let executed = record.executed(until(), &Immune::default()).unwrap();
    assert_eq!(executed.strikes(), 1);
    assert_eq!(executed.forfeited(), Units(310));
}

#[test]
fn an_appeal_lost_early_still_waits_for_the_period() {
    let record = opened(&record(), 1, 2).appealed(OPENED).unwrap();
    let lost = record.decided(Decision::Stands, OPENED + 1).unwrap();
    assert_eq!(lost.refuted, None);
    let refused = NotExecuted::Early { until_ms: until() };
    let (lost, immune) = (lost.record, Immune::default());
    assert_eq!(lost.executed(until() - 1, &immune), Err(refused));
    assert_eq!(lost.executed(until(), &immune).unwrap().strikes(), 1);
}

#[test]
fn an_appeal_is_heard_until_the_last_moment_and_not_after() {
    let record = opened(&record(), 1, 2);
    assert!(record.appealed(until() - 1).is_ok());
    let late = NotHeard::Late { until_ms: until() };
    assert_eq!(record.appealed(until()), Err(late));
}

#[test]
fn an_appeal_is_not_earlier_than_its_case() {
    let record = opened(&record(), 1, 2);
    assert!(record.appealed(OPENED).is_ok());
    let early = NotHeard::Early { opened_ms: OPENED };
    assert_eq!(record.appealed(OPENED - 1), Err(early));
}

#[test]
fn a_case_is_appealed_against_once() {
    let record = opened(&record(), 1, 2).appealed(OPENED).unwrap();
    assert_eq!(record.appealed(OPENED), Err(NotHeard::Again));
    let lost = record.decided(Decision::Stands, OPENED).unwrap().record;
    assert_eq!(lost.appealed(OPENED), Err(NotHeard::Again));
}

#[test]
fn an_undecided_appeal_keeps_a_case_from_being_carried_out_for_ever() {
    let record = opened(&record(), 1, 2).appealed(OPENED).unwrap();
    let executed = record.executed(i64::MAX, &Immune::default());
    assert_eq!(executed, Err(NotExecuted::Undecided));
}

#[test]
fn a_won_appeal_gives_back_everything_and_clears_the_strike() {
    let before = record();
    let appealed = opened(&before, 1, 2).appealed(OPENED).unwrap();
    // Long after the period: the appeal was in time, and the decision takes as long as it takes.
    let won = appealed.decided(won(), until() + 1).unwrap();
    assert_eq!(won.record.account(), before.account());
    assert_eq!(won.record.held(), Units::ZERO);
    assert_eq!(won.record.forfeited(), Units::ZERO);
    assert_eq!(won.record.strikes(), 0);
    assert_eq!(won.record.closed()[0].outcome, Outcome::Cleared);
    let next = opened(&won.record, 3, 4);
    assert_eq!(next.open().unwrap().strike(), Strike::First);
}

#[test]
fn a_won_appeal_gives_back_paid_out_rewards_that_the_stake_stood_in_for() {
    let before = record().paid_out(Units(240)).unwrap();
    let appealed = opened(&before, 1, 2).appealed(OPENED).unwrap();
    assert_eq!(appealed.account().stake, Units(690));
    let won = appealed.decided(won(), OPENED).unwrap();
    assert_eq!(won.record.account(), before.account());
}

#[test]
fn evidence_that_a_won_appeal_refuted_never_counts_again() {
    let appealed = opened(&record(), 1, 2).appealed(OPENED).unwrap();
    let won = appealed.decided(won(), OPENED).unwrap();
    let refuted = won.refuted.unwrap();
    assert_eq!((refuted.member.clone(), refuted.own.len()), (ada(), 16));
    assert_eq!(refuted.own, grounds(1, 2).votes());
    let immune = Immune::default().with([refuted]);
    let again = Slash::default().grounds(
        enough(),
        &ada(),
        &strong(1, 2),
        text(),
        won.record.spent(),
        &immune,
    );
    assert_eq!(again, Err(NoSlash::NotFresh { stale: 4 }));
    // Nor in a record that has forgotten the case.
    let reopened = record().opened(grounds(1, 2), OPENED, Period::TWO_WEEKS, &immune);
    assert_eq!(reopened, Err(NotOpened::Refuted));
}

/// The same findings, held against Bob.
fn against_bob() -> Vec<Finding> {
    let mut findings = strong(1, 2);
    for finding in &mut findings {
        finding.member = Pseudonym::new("square", "bob");
        finding.digest.0[11] = 1;
    }
    findings
}

fn judged(findings: &[Finding], immune: &Immune) -> Result<Grounds, NoSlash> {
    let member = &findings[0].member;
    let spent = Spent::default();
    Slash::default().grounds(enough(), member, findings, text(), &spent, immune)
}

fn cleared(explained: Explained) -> Result<Immune, NotDecided> {
    let appealed = opened(&record(), 1, 2).appealed(OPENED).unwrap();
    let decided = appealed.decided(Decision::Cleared(explained), OPENED)?;
    Ok(Immune::default().with(decided.refuted))
}

#[test]
fn a_members_own_part_is_explained_for_this_member_and_for_nobody_else() {
    let immune = cleared(Explained::OwnPart).unwrap();
    let refused = Err(NoSlash::NotFresh { stale: 4 });
    assert_eq!(judged(&strong(1, 2), &immune), refused);
    // Every vote of it, held against somebody else, still stands.
    assert!(judged(&against_bob(), &immune).is_ok());
}

#[test]
fn a_moment_is_explained_for_everybody_and_only_its_votes_are() {
    let votes: Vec<VoteHash> = strong(1, 2)[1].votes.iter().copied().collect();
    let half = Explained::Moments(votes[..2].iter().copied().collect());
    let immune = cleared(half).unwrap();
    let refused = Err(NoSlash::NotFresh { stale: 1 });
    assert_eq!(judged(&against_bob(), &immune), refused);
    let fewer = Explained::Moments(votes[..1].iter().copied().collect());
    let immune = cleared(fewer).unwrap();
    assert!(judged(&against_bob(), &immune).is_ok());
    // Whoever appealed is cleared of all of it.
    let refused = Err(NoSlash::NotFresh { stale: 4 });
    assert_eq!(judged(&strong(1, 2), &immune), refused);
}

#[test]
fn a_moment_has_votes_and_they_are_of_the_case() {
    let none = cleared(Explained::Moments([].into()));
    assert_eq!(none, Err(NotDecided::NoMoment));
    let foreign = [VoteHash([7; 32]), VoteHash([8; 32])];
    let other = cleared(Explained::Moments(foreign.into()));
    assert_eq!(other, Err(NotDecided::NotOfCase { votes: 2 }));
    let one = strong(1, 2)[0].votes.first().copied().unwrap();
    let mixed = cleared(Explained::Moments([one, foreign[0]].into()));
    assert_eq!(mixed, Err(NotDecided::NotOfCase { votes: 1 }));
    assert!(cleared(Explained::Moments([one].into())).is_ok());
}

#[test]
fn a_case_falls_if_its_evidence_was_refuted_meanwhile() {
    let before = record();
    let record = opened(&before, 1, 2);
    let immune = Immune::default().with([moments(strong(1, 2)[0].votes.clone())]);
    let fallen = record.executed(until(), &immune).unwrap();
    assert_eq!(fallen.account(), before.account());
    assert_eq!(fallen.strikes(), 0);
    assert_eq!(fallen.closed()[0].outcome, Outcome::Fallen);
}

#[test]
fn a_strike_needs_evidence_of_its_own() {
    let immune = Immune::default();
    let struck = opened(&record(), 1, 2).executed(until(), &immune).unwrap();
    let open = |first, second| struck.opened(grounds(first, second), 0, Period::TWO_WEEKS, &immune);
    assert_eq!(open(1, 2), Err(NotOpened::NotFresh));
    assert_eq!(open(2, 3), Err(NotOpened::NotFresh));
    assert_eq!(open(3, 4).unwrap().open().unwrap().strike(), Strike::Second);
}

#[test]
fn one_case_is_open_at_a_time() {
    let record = opened(&record(), 1, 2);
    let another = record.opened(grounds(3, 4), OPENED, Period::TWO_WEEKS, &Immune::default());
    assert_eq!(another, Err(NotOpened::AnotherOpen));
}

#[test]
fn a_case_opens_in_its_own_members_record() {
    let bob = Pseudonym::new("square", "bob");
    let record = Record::new(bob.clone(), Units(1), 0);
    let refused = NotOpened::AnotherMember {
        against: ada(),
        of: bob,
    };
    let opened = record.opened(grounds(1, 2), OPENED, Period::TWO_WEEKS, &Immune::default());
    assert_eq!(opened, Err(refused));
}

#[test]
fn a_period_that_never_ends_is_refused() {
    let immune = Immune::default();
    let last = i64::MAX - i64::from(Period::TWO_WEEKS);
    let open = |at_ms| record().opened(grounds(1, 2), at_ms, Period::TWO_WEEKS, &immune);
    assert!(open(last).is_ok());
    assert_eq!(open(last + 1), Err(NotOpened::Time));
}

#[test]
fn a_decision_needs_an_appeal() {
    let record = record();
    let decided = record.decided(won(), OPENED);
    assert_eq!(decided, Err(NotDecided::NoCase));
    let opened = opened(&record, 1, 2);
    let decided = opened.decided(won(), OPENED);
    assert_eq!(decided, Err(NotDecided::NoAppeal));
}

#[test]
fn a_decision_is_not_earlier_than_its_appeal_and_is_made_once() {
    let record = opened(&record(), 1, 2).appealed(OPENED + 5).unwrap();
    let early = NotDecided::Early {
        filed_ms: OPENED + 5,
    };
    assert_eq!(record.decided(won(), OPENED + 4), Err(early));
    let lost = record.decided(Decision::Stands, OPENED + 5).unwrap().record;
    let again = lost.decided(won(), OPENED + 6);
    assert_eq!(again, Err(NotDecided::Again));
}

#[test]
fn without_a_case_there_is_nothing_to_appeal_or_carry_out() {
    let record = record();
    assert_eq!(record.appealed(0), Err(NotHeard::NoCase));
    assert_eq!(
        record.executed(0, &Immune::default()),
        Err(NotExecuted::NoCase)
    );
}

#[test]
fn a_held_window_gives_no_reward_and_a_cleared_one_does() {
    let window = WindowId(1);
    let record = opened(&record(), 1, 2).appealed(OPENED).unwrap();
    let refused = Err(NotBooked::Judged { window });
    assert_eq!(record.rewarded(window, Units(1)), refused);
    let won = record.decided(won(), OPENED).unwrap();
    assert!(won.record.rewarded(window, Units(1)).is_ok());
}

#[test]
fn a_period_is_a_day_to_a_year() {
    assert!(Period::new(LEAST_PERIOD_MS).is_ok());
    assert!(Period::new(MOST_PERIOD_MS).is_ok());
    for found in [LEAST_PERIOD_MS - 1, MOST_PERIOD_MS + 1, 0, -1] {
        assert_eq!(Period::new(found), Err(BadPeriod { found }));
    }
}
