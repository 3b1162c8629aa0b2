//! The queue, with a clock that the tests hold.

use tacit_protocol::keys::SigningKey;

use super::*;

fn key(n: u8) -> PublicKey {
    SigningKey::from_seed([n; 32]).public()
}

fn queue() -> Queue {
    let rules = Rules {
        turn: 100,
        strikes: 2,
        ..Rules::default()
    };
    Queue::new(rules, BTreeMap::new())
}

#[test]
fn there_is_one_turn_at_a_time_in_the_order_of_coming() {
    let mut q = queue();
    assert_eq!(q.join(key(1), 0), Ok(Place::Turn { until: 100 }));
    assert_eq!(q.join(key(2), 1), Ok(Place::Waiting(1)));
    assert_eq!(q.join(key(3), 2), Ok(Place::Waiting(2)));
    assert_eq!(q.join(key(2), 3), Ok(Place::Waiting(1)));
    assert!(q.has_turn(&key(1), 50) && !q.has_turn(&key(2), 50));
    assert!(!q.check(&key(2), 50) && q.check(&key(1), 50));
    // The clock stands still while something is checked, and nothing can be handed in twice.
    assert!(!q.check(&key(1), 51));
    q.seen(&key(2), 50);
    assert_eq!(q.tick(101, false), None);
    assert_eq!(q.place(&key(1)), Place::Checking);
    q.accepted(110);
    assert_eq!(q.place(&key(2)), Place::Turn { until: 210 });
    assert_eq!(q.place(&key(3)), Place::Nowhere);
    assert_eq!(q.estimate(2), 220);
}

#[test]
fn who_lets_a_turn_pass_is_named_and_out_after_the_strikes() {
    let mut q = queue();
    for round in 0..2 {
        let now = round * 1000;
        q.join(key(1), now).unwrap();
        q.join(key(2), now).unwrap();
        q.seen(&key(2), now + 70);
        q.seen(&key(1), now + 70);
        q.received(&key(1), now + 70);
        q.seen(&key(2), now + 99);
        assert_eq!(
            q.tick(now + 100, false),
            Some(Over::Missed(key(1), Reason::Late))
        );
        assert_eq!(q.place(&key(2)), Place::Turn { until: now + 200 });
        q.leave(&key(2), now + 101);
    }
    assert_eq!(q.join(key(1), 5000), Err(Refused::Strikes));
    // Leaving a turn once is no strike.
    assert!(q.join(key(2), 5000).is_ok());
}

#[test]
fn leaving_turns_again_and_again_counts_as_missing_them() {
    let mut q = queue();
    for round in 0..3 {
        let now = round * 1000;
        q.join(key(1), now).unwrap();
        assert_eq!(q.place(&key(1)), Place::Turn { until: now + 100 });
        q.leave(&key(1), now + 99);
    }
    assert_eq!(q.join(key(1), 5000), Err(Refused::Strikes));
    // Leaving before it's one's turn costs nothing.
    q.join(key(2), 6000).unwrap();
    for _ in 0..5 {
        q.join(key(3), 6000).unwrap();
        q.leave(&key(3), 6001);
    }
    assert!(q.join(key(3), 6002).is_ok());
}

#[test]
fn who_gives_no_sign_loses_their_place_or_their_turn() {
    let mut q = queue();
    q.rules.turn = 10_000;
    q.join(key(1), 0).unwrap();
    q.join(key(2), 0).unwrap();
    assert_eq!(q.tick(SILENCE, false), None);
    assert_eq!(q.place(&key(2)), Place::Nowhere);
    assert_eq!(
        q.tick(NO_SIGN, false),
        Some(Over::Missed(key(1), Reason::Silent))
    );
}

#[test]
fn strangers_are_kept_out_of_a_listed_ceremony_and_a_full_queue_is_full() {
    let mut q = queue();
    q.rules.listed = vec![key(1)];
    assert_eq!(q.join(key(2), 0), Err(Refused::NotListed));
    assert!(q.join(key(1), 0).is_ok());
    q.rules.listed.clear();
    for n in 0..MAX_WAITING {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
        seed[31] = 1;
        q.join(SigningKey::from_seed(seed).public(), 0).unwrap();
    }
    assert_eq!(q.join(key(9), 0), Err(Refused::Full));
    // Who is in keeps the place.
    assert!(q.join(key(1), 0).is_ok());
}

#[test]
fn strangers_however_many_wait_behind_whom_the_ceremony_knows() {
    let mut q = queue();
    q.rules.known = [key(1), key(2)].into();
    let stranger = |n: usize| {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(n as u64).to_be_bytes());
        seed[31] = 1;
        SigningKey::from_seed(seed).public()
    };
    // One has the turn; the rest fill the queue.
    for n in 0..=MAX_WAITING {
        q.join(stranger(n), 0).unwrap();
    }
    assert_eq!(q.join(key(9), 0), Err(Refused::Full));
    assert_eq!(q.join(key(1), 0), Ok(Place::Waiting(1)));
    assert_eq!(q.join(key(2), 0), Ok(Place::Waiting(2)));
    // The last ones went, and nobody's turn.
    assert_eq!(q.place(&stranger(MAX_WAITING)), Place::Nowhere);
    assert_eq!(q.place(&stranger(MAX_WAITING - 1)), Place::Nowhere);
    assert_eq!(q.waiting(), MAX_WAITING);
    assert!(q.has_turn(&stranger(0), 1));
    // One stranger's turn is the longest that somebody known waits for strangers.
    q.leave(&stranger(0), 1);
    assert!(q.has_turn(&key(1), 1));
    // Who has let a turn pass waits behind who hasn't.
    q.leave(&key(1), 2);
    assert!(q.has_turn(&key(2), 2));
    q.join(key(1), 2).unwrap();
    q.rules.known.insert(key(3));
    assert_eq!(q.join(key(3), 2), Ok(Place::Waiting(1)));
    assert_eq!(q.place(&key(1)), Place::Waiting(2));
}

#[test]
fn silence_while_the_doors_are_full_is_longer_borne_and_then_is_like_leaving() {
    let mut q = queue();
    q.rules.turn = 10_000;
    q.join(key(1), 0).unwrap();
    q.join(key(2), 0).unwrap();
    assert_eq!(q.tick(NO_SIGN, true), None);
    assert!(q.has_turn(&key(1), NO_SIGN));
    assert_eq!(q.place(&key(2)), Place::Waiting(1));
    assert_eq!(q.tick(NO_SIGN * PATIENCE, true), None);
    assert_eq!(q.place(&key(1)), Place::Nowhere);
    // Once it is no strike, and a worse place; from then on it is one, or whoever has the turn could
    // fill the doors, be silent, and hold the queue for ever.
    let mut now = NO_SIGN * PATIENCE;
    q.rules.strikes = 1;
    q.join(key(3), now).unwrap();
    assert_eq!(
        q.place(&key(3)),
        Place::Turn {
            until: now + 10_000
        }
    );
    q.leave(&key(3), now);
    q.join(key(4), now).unwrap();
    q.join(key(1), now).unwrap();
    q.join(key(5), now).unwrap();
    assert_eq!(q.place(&key(5)), Place::Waiting(1));
    assert_eq!(q.place(&key(1)), Place::Waiting(2));
    q.leave(&key(4), now);
    q.leave(&key(5), now);
    assert!(q.has_turn(&key(1), now));
    now += NO_SIGN * PATIENCE;
    assert_eq!(q.tick(now, true), None);
    assert_eq!(q.join(key(1), now), Err(Refused::Strikes));
}

#[test]
fn a_turn_whose_time_is_over_is_missed_however_full_the_doors_are() {
    let mut q = queue();
    q.rules.turn = NO_SIGN + 10;
    q.join(key(1), 0).unwrap();
    assert_eq!(q.tick(NO_SIGN + 9, true), None);
    assert_eq!(
        q.tick(NO_SIGN + 10, true),
        Some(Over::Missed(key(1), Reason::Silent))
    );
}

#[test]
fn while_the_coordinator_slept_nobodys_time_went_by() {
    let mut q = queue();
    q.rules.turn = 1_000;
    q.join(key(1), 0).unwrap();
    q.join(key(2), 0).unwrap();
    q.slept(5_000, 5_010);
    assert_eq!(q.tick(5_010, false), None);
    assert_eq!(q.place(&key(1)), Place::Turn { until: 6_000 });
    assert_eq!(q.place(&key(2)), Place::Waiting(1));
    // What they had been silent for before still counts, and the closing stays where it is.
    assert_eq!(
        q.tick(5_000 + NO_SIGN, false),
        Some(Over::Missed(key(1), Reason::Silent))
    );
    q.rules.closes = Some(7_000);
    q.join(key(3), 6_500).unwrap();
    assert_eq!(q.place(&key(3)), Place::Turn { until: 7_000 });
    q.slept(400, 6_950);
    assert_eq!(q.place(&key(3)), Place::Turn { until: 7_000 });
}

#[test]
fn while_the_coordinator_can_not_take_what_comes_nobodys_time_goes_by() {
    let mut q = queue();
    q.join(key(1), 0).unwrap();
    q.troubled(&key(2), 10);
    q.troubled(&key(1), 10);
    q.troubled(&key(1), 30);
    q.received(&key(1), 40);
    assert_eq!(q.place(&key(1)), Place::Turn { until: 130 });
    // What is over meanwhile isn't missed.
    q.troubled(&key(1), 120);
    assert_eq!(q.tick(130, false), Some(Over::Failed(key(1))));
    // Nor is it left, however often.
    for now in [200, 300, 400] {
        q.join(key(1), now).unwrap();
        q.troubled(&key(1), now);
        q.leave(&key(1), now);
    }
    // A sleep in the middle of it counts once.
    q.join(key(1), 500).unwrap();
    q.troubled(&key(1), 510);
    q.slept(1_000, 1_520);
    q.received(&key(1), 1_520);
    assert_eq!(q.place(&key(1)), Place::Turn { until: 1_610 });
    // What had passed before excuses no silence later.
    assert_eq!(
        q.tick(1_610, false),
        Some(Over::Missed(key(1), Reason::Late))
    );
}

#[test]
fn no_turn_goes_on_when_the_phase_has_closed_nor_begins() {
    let mut q = queue();
    q.rules.closes = Some(50);
    assert_eq!(q.join(key(1), 0), Ok(Place::Turn { until: 50 }));
    assert!(q.is_short());
    q.join(key(2), 0).unwrap();
    q.close();
    assert_eq!(q.place(&key(1)), Place::Nowhere);
    assert_eq!(q.place(&key(2)), Place::Nowhere);
    assert_eq!(q.join(key(2), 50), Ok(Place::Waiting(0)));
    assert_eq!(q.tick(51, false), None);
    assert_eq!(q.current(), None);
}
