//! Beacons, in both phases: one, last, the announced one, and honestly computed.

use std::time::{Duration, Instant};

use ark_bn254::Fr;
use tacit_ceremony::beacon::{BeaconFault, Rule};
use tacit_ceremony::files::container::Fault;
use tacit_ceremony::files::parameters::{Beacon, Kind, Parameters};
use tacit_ceremony::phase1::{self, PowersFault};
use tacit_ceremony::phase2::KeyFault;
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;

use crate::rogue::{RogueKey, RoguePowers};
use crate::scene::{
    SCENE, file_fault, key_beacon, key_end, key_fault, link_powers, open_key, open_powers,
    powers_beacon, powers_end, powers_fault,
};
use crate::sections::{with_key_records, with_powers_records};

fn powers(number: usize, fault: BeaconFault) -> PowersFault {
    PowersFault::Beacon { number, fault }
}

fn key(number: usize, fault: BeaconFault) -> KeyFault {
    KeyFault::Beacon { number, fault }
}

/// Replaces what a record says beside its points.
fn relabel_powers(bytes: &[u8], number: usize, parameters: &Parameters) -> Vec<u8> {
    with_powers_records(bytes, |r| r[number - 1].parameters = parameters.clone())
}

fn relabel_key(bytes: &[u8], number: usize, parameters: &Parameters) -> Vec<u8> {
    with_key_records(bytes, |r| {
        r[number - 1].truncate(384);
        r[number - 1].extend(parameters.encode());
    })
}

fn with(change: impl FnOnce(&mut Beacon), mut beacon: Beacon) -> Parameters {
    change(&mut beacon);
    Parameters::beacon(beacon, None)
}

#[test]
fn a_finished_file_ends_with_a_beacon() {
    assert_eq!(
        powers_fault(&SCENE.powers[2], &powers_end()),
        powers(2, BeaconFault::Missing)
    );
    assert_eq!(
        key_fault(&SCENE.keys[2], &key_end()),
        key(2, BeaconFault::Missing)
    );
    assert_eq!(
        key_fault(&SCENE.keys[2], &Rule::Any),
        key(2, BeaconFault::Missing)
    );
}

#[test]
fn a_beacon_relabelled_as_a_contribution_is_noticed() {
    let plain = Parameters::contribution(Some("beacon"));
    let bad = relabel_powers(&SCENE.powers[3], 3, &plain);
    assert_eq!(
        powers_fault(&bad, &powers_end()),
        powers(3, BeaconFault::Missing)
    );
    let bad = relabel_key(&SCENE.keys[3], 3, &plain);
    assert_eq!(key_fault(&bad, &key_end()), key(3, BeaconFault::Missing));
}

#[test]
fn a_type_alone_cannot_be_changed() {
    // The first byte of the type, which stands before eight bytes and the parameters.
    let tail = Parameters::beacon(powers_beacon(), Some("beacon"))
        .encode()
        .len();
    for (kind, what) in [(0u8, "contribution with a beacon"), (7, "neither")] {
        let bad = crate::sections::changed(&SCENE.powers[3], |s| {
            let body = s.get(7);
            let at = body.len() - tail;
            body[at] = kind;
        });
        let fault = file_fault(open_powers(&bad));
        assert!(matches!(fault, Fault::Record { number: 3, what: w } if w.contains(what)));
        let bad = with_key_records(&SCENE.keys[3], |r| r[2][384] = kind);
        let fault = file_fault(open_key(&bad));
        assert!(matches!(fault, Fault::Record { number: 3, what: w } if w.contains(what)));
    }
}

#[test]
fn a_contribution_relabelled_as_a_beacon_does_not_have_its_key() {
    let bad = RoguePowers {
        parameters: Parameters::beacon(powers_beacon(), None),
        ..RoguePowers::honest()
    }
    .contribute(&SCENE.powers[1]);
    assert_eq!(powers_fault(&bad, &powers_end()), PowersFault::BeaconKey(2));
    let mut plan = RogueKey::with(Fr::from(3u64));
    plan.parameters = Parameters::beacon(key_beacon(), None);
    let bad = plan.contribute(&SCENE.keys[1]);
    assert_eq!(key_fault(&bad, &key_end()), KeyFault::BeaconKey(2));
    // Also where any beacon is taken.
    assert_eq!(key_fault(&bad, &Rule::Any), KeyFault::BeaconKey(2));
}

#[test]
fn a_second_beacon_is_refused() {
    let bad = RoguePowers {
        parameters: Parameters::beacon(powers_beacon(), None),
        ..RoguePowers::honest()
    }
    .contribute(&SCENE.powers[3]);
    assert_eq!(
        powers_fault(&bad, &powers_end()),
        powers(3, BeaconFault::Early)
    );
    let mut plan = RogueKey::with(Fr::from(3u64));
    plan.parameters = Parameters::beacon(key_beacon(), None);
    let bad = plan.contribute(&SCENE.keys[3]);
    assert_eq!(key_fault(&bad, &key_end()), key(3, BeaconFault::Early));
}

#[test]
fn nothing_follows_on_a_beacon() {
    let bad = RoguePowers::honest().contribute(&SCENE.powers[3]);
    for rule in [Rule::Open, Rule::Any, powers_end()] {
        assert_eq!(powers_fault(&bad, &rule), powers(3, BeaconFault::Early));
    }
    let bad = RogueKey::with(Fr::from(3u64)).contribute(&SCENE.keys[3]);
    for rule in [Rule::Open, Rule::Any, key_end()] {
        assert_eq!(key_fault(&bad, &rule), key(3, BeaconFault::Early));
    }
    let done = link_powers(&SCENE.powers[3], &powers_end()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = phase1::contribute(
        &done,
        &folder.path().join("more"),
        Stream::from_seed([1; 32]),
        Parameters::contribution(None),
        &mut Silent,
    );
    assert_eq!(file_fault(refused), Fault::Closed);
}

#[test]
fn nobody_ends_a_ceremony_that_is_open() {
    assert_eq!(
        powers_fault(&SCENE.powers[3], &Rule::Open),
        powers(3, BeaconFault::Early)
    );
    assert_eq!(
        key_fault(&SCENE.keys[3], &Rule::Open),
        key(3, BeaconFault::Early)
    );
}

#[test]
fn another_value_than_the_announced_is_refused() {
    let other = |b: &mut Beacon| b.value[31] ^= 1;
    let bad = relabel_powers(&SCENE.powers[3], 3, &with(other, powers_beacon()));
    assert_eq!(
        powers_fault(&bad, &powers_end()),
        powers(3, BeaconFault::Value)
    );
    // Its key is that of another value.
    assert_eq!(powers_fault(&bad, &Rule::Any), PowersFault::BeaconKey(3));
    let bad = relabel_key(&SCENE.keys[3], 3, &with(other, key_beacon()));
    assert_eq!(key_fault(&bad, &key_end()), key(3, BeaconFault::Value));
    assert_eq!(key_fault(&bad, &Rule::Any), KeyFault::BeaconKey(3));
}

#[test]
fn an_exponent_that_would_take_for_ever_is_answered_at_once() {
    // Making it isn't what is timed.
    let _ = &*SCENE;
    let start = Instant::now();
    let slow = |b: &mut Beacon| b.exponent = 63;
    let bad = relabel_powers(&SCENE.powers[3], 3, &with(slow, powers_beacon()));
    let fault = BeaconFault::Exponent {
        expected: 10,
        found: 63,
    };
    assert_eq!(powers_fault(&bad, &powers_end()), powers(3, fault));
    let range = BeaconFault::ExponentRange(63);
    assert_eq!(powers_fault(&bad, &Rule::Any), powers(3, range.clone()));
    let bad = relabel_key(&SCENE.keys[3], 3, &with(slow, key_beacon()));
    let fault = BeaconFault::Exponent {
        expected: 11,
        found: 63,
    };
    assert_eq!(key_fault(&bad, &key_end()), key(3, fault));
    assert_eq!(key_fault(&bad, &Rule::Any), key(3, range));
    assert!(start.elapsed() < Duration::from_secs(120));
}

#[test]
fn an_exponent_below_what_other_tools_take_is_refused() {
    let quick = |b: &mut Beacon| b.exponent = 9;
    let bad = relabel_key(&SCENE.keys[3], 3, &with(quick, key_beacon()));
    assert_eq!(
        key_fault(&bad, &Rule::Any),
        key(3, BeaconFault::ExponentRange(9))
    );
}

#[test]
fn a_changed_name_is_under_no_hash_of_the_file() {
    // The signed transcript binds names: a file can't.
    let other = Parameters::contribution(Some("mallory"));
    let renamed = relabel_powers(&SCENE.powers[3], 1, &other);
    let linked = link_powers(&renamed, &powers_end()).unwrap();
    assert_eq!(linked.proofs()[0].name.as_deref(), Some("mallory"));
    let honest = link_powers(&SCENE.powers[3], &powers_end()).unwrap();
    assert_eq!(linked.proofs()[0].response, honest.proofs()[0].response);
    assert!(matches!(
        open_powers(&renamed).unwrap().records()[2].parameters.kind,
        Kind::Beacon(_)
    ));
}
