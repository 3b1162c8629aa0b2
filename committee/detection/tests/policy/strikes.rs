use tacit_detection::policy::appeals::{Outcome, Period};
use tacit_detection::policy::inputs::WindowId;
use tacit_detection::policy::slash::Immune;
use tacit_detection::policy::strikes::{Account, NotBooked, Record, Strike, Taken, Units};

use crate::given::{ada, grounds, record};

/// A case over these windows, carried out.
fn struck(record: &Record, first: u64, second: u64) -> Record {
    let immune = Immune::default();
    let opened = record
        .opened(grounds(first, second), 0, Period::TWO_WEEKS, &immune)
        .unwrap();
    let until_ms = opened.open().unwrap().until_ms();
    opened.executed(until_ms, &immune).unwrap()
}

fn account(stake: u64, balance: u64) -> Account {
    Account {
        stake: Units(stake),
        balance: Units(balance),
        reputation: 0,
    }
}

#[test]
fn strikes_take_a_quarter_then_half_then_everything_and_the_reputation() {
    let record = record();
    let first = struck(&record, 1, 2);
    assert_eq!(first.account().stake, Units(750));
    assert_eq!(first.account().balance, Units(180));
    assert_eq!(first.account().reputation, 42);
    assert_eq!(first.forfeited(), Units(310));

    let second = struck(&first, 3, 4);
    assert_eq!(second.account().stake, Units(375));
    assert_eq!(second.account().reputation, 42);

    let third = struck(&second, 5, 6);
    assert_eq!(third.account().stake, Units::ZERO);
    assert_eq!(third.account().reputation, 0);
    assert_eq!(third.account().balance, Units(60));
    assert_eq!(third.strikes(), 3);
    assert_eq!(third.closed().last().unwrap().reputation_lost, 42);
    assert_eq!(third.total(), record.total());
}

#[test]
fn a_fourth_strike_is_like_the_third() {
    assert_eq!(Strike::after(3), Strike::Third);
    assert_eq!(Strike::Third.percent().get(), 100);
    assert!(Strike::Third.resets_reputation());
}

#[test]
fn only_the_rewards_of_the_cases_windows_are_clawed_back() {
    let taken = Taken::of(account(1_000, 240), 60, Strike::First);
    let expected = Taken {
        rewards: Units(60),
        rewards_from_stake: Units::ZERO,
        stake: Units(250),
    };
    assert_eq!(taken, expected);
}

#[test]
fn rewards_that_were_paid_out_come_from_the_stake_before_the_percentage() {
    let taken = Taken::of(account(1_000, 10), 60, Strike::First);
    let expected = Taken {
        rewards: Units(10),
        rewards_from_stake: Units(50),
        stake: Units(250),
    };
    assert_eq!(taken, expected);
}

#[test]
fn a_percentage_takes_no_more_than_the_claw_back_left() {
    let just = Taken::of(account(1_000, 0), 750, Strike::First);
    assert_eq!(just.stake, Units(250));
    let more = Taken::of(account(1_000, 0), 751, Strike::First);
    assert_eq!(more.stake, Units(249));
    let all = Taken::of(account(1_000, 0), u128::MAX, Strike::Third);
    assert_eq!(all.total(), Units(1_000));
    assert_eq!(all.stake, Units::ZERO);
}

#[test]
fn a_share_of_a_unit_stays_with_the_member() {
    let of = |stake, strike| Taken::of(account(stake, 0), 0, strike).stake;
    assert_eq!(of(3, Strike::First), Units::ZERO);
    assert_eq!(of(4, Strike::First), Units(1));
    assert_eq!(of(7, Strike::First), Units(1));
    assert_eq!(of(3, Strike::Second), Units(1));
    assert_eq!(of(3, Strike::Third), Units(3));
}

#[test]
fn the_largest_amounts_are_worked_out_exactly() {
    let of = |strike| Taken::of(account(u64::MAX, 0), 0, strike).stake;
    assert_eq!(of(Strike::First), Units(u64::MAX / 4));
    assert_eq!(of(Strike::Second), Units(u64::MAX / 2));
    assert_eq!(of(Strike::Third), Units(u64::MAX));
}

#[test]
fn a_member_without_anything_is_struck_all_the_same() {
    let record = struck(&Record::new(ada(), Units::ZERO, 5), 1, 2);
    assert_eq!(record.strikes(), 1);
    assert_eq!(record.forfeited(), Units::ZERO);
    assert_eq!(record.closed()[0].outcome, Outcome::Executed);
}

#[test]
fn a_judged_window_gives_no_late_reward() {
    let record = struck(&record(), 1, 2);
    let window = WindowId(2);
    let refused = Err(NotBooked::Judged { window });
    assert_eq!(record.rewarded(window, Units(1)), refused);
    assert!(record.rewarded(WindowId(3), Units(1)).is_ok());
}

#[test]
fn units_that_cannot_be_counted_are_refused() {
    let record = Record::new(ada(), Units(u64::MAX - 1), 0);
    let full = record.rewarded(WindowId(1), Units(1)).unwrap();
    assert_eq!(
        full.rewarded(WindowId(1), Units(1)),
        Err(NotBooked::TooMuch)
    );
}

#[test]
fn no_more_is_paid_out_than_is_there() {
    let record = record();
    assert_eq!(
        record.paid_out(Units(240)).unwrap().account().balance,
        Units::ZERO
    );
    let refused = NotBooked::NotThere {
        wanted: Units(241),
        there: Units(240),
    };
    assert_eq!(record.paid_out(Units(241)), Err(refused));
    assert_eq!(refused.to_string(), "241 units can't be paid out of 240");
}
