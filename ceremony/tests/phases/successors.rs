//! What a coordinator takes: the file that stands, and one contribution more.

use tacit_ceremony::beacon::Rule;
use tacit_ceremony::files::container::Fault;
use tacit_ceremony::files::parameters::Parameters;
use tacit_ceremony::phase1::{self, PowersFault};
use tacit_ceremony::phase2::{self, KeyFault};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;

use crate::powers::truncated;
use crate::scene::{
    POWER, SCENE, contribute_key, contribute_powers, cube, file_fault, fresh_powers, initial_key,
    link_powers, open_key, open_powers, powers_end,
};
use crate::sections::{with_key_records, with_powers_records};

fn powers(after: &[u8], before: &[u8]) -> Result<(), PowersFault> {
    phase1::extends(&open_powers(after).unwrap(), &open_powers(before).unwrap())
}

fn key(after: &[u8], before: &[u8]) -> Result<(), KeyFault> {
    phase2::extends(&open_key(after).unwrap(), &open_key(before).unwrap())
}

#[test]
fn each_step_of_a_ceremony_follows_on_the_one_before() {
    for step in SCENE.powers.windows(2) {
        assert_eq!(powers(&step[1], &step[0]), Ok(()));
    }
    for step in SCENE.keys.windows(2) {
        assert_eq!(key(&step[1], &step[0]), Ok(()));
    }
}

#[test]
fn the_same_file_an_older_one_and_two_steps_at_once_are_refused() {
    let count = |expected, found| PowersFault::Count { expected, found };
    let p = &SCENE.powers;
    assert_eq!(powers(&p[1], &p[1]), Err(count(2, 1)));
    assert_eq!(powers(&p[0], &p[1]), Err(count(2, 0)));
    assert_eq!(powers(&p[3], &p[1]), Err(count(2, 3)));
    let count = |expected, found| KeyFault::Count { expected, found };
    let k = &SCENE.keys;
    assert_eq!(key(&k[1], &k[1]), Err(count(2, 1)));
    assert_eq!(key(&k[0], &k[1]), Err(count(2, 0)));
    assert_eq!(key(&k[3], &k[1]), Err(count(2, 3)));
}

#[test]
fn a_contribution_to_a_stale_base_is_refused() {
    let late = contribute_powers(&SCENE.powers[0], [77; 32], "late");
    assert_eq!(
        powers(&late, &SCENE.powers[1]),
        Err(PowersFault::History(1))
    );
    let late = contribute_key(&SCENE.keys[0], &SCENE.keys[0], [77; 32], "late");
    assert_eq!(key(&late, &SCENE.keys[1]), Err(KeyFault::History(1)));
}

#[test]
fn a_fork_is_refused_at_the_record_where_it_parts() {
    let fork = contribute_powers(&SCENE.powers[1], [78; 32], "fork");
    let fork = contribute_powers(&fork, [79; 32], "fork");
    assert_eq!(
        powers(&fork, &SCENE.powers[2]),
        Err(PowersFault::History(2))
    );
    let fork = contribute_key(&SCENE.keys[1], &SCENE.keys[0], [78; 32], "fork");
    let fork = contribute_key(&fork, &SCENE.keys[0], [79; 32], "fork");
    assert_eq!(key(&fork, &SCENE.keys[2]), Err(KeyFault::History(2)));
}

#[test]
fn an_earlier_record_stays_as_it_is_even_where_no_hash_covers_it() {
    // A name, and a hash state's words and stale bytes: all of them are somebody else's.
    let name = Parameters::contribution(Some("mallory"));
    for change in [0usize, 130, 100] {
        let bad = with_powers_records(&SCENE.powers[2], |r| match change {
            0 => r[0].parameters = name.clone(),
            at => r[0].partial_hash[at] ^= 1,
        });
        assert_eq!(powers(&bad, &SCENE.powers[1]), Err(PowersFault::History(1)));
    }
    let bad = with_key_records(&SCENE.keys[2], |r| {
        r[0].truncate(384);
        r[0].extend(name.encode());
    });
    assert_eq!(key(&bad, &SCENE.keys[1]), Err(KeyFault::History(1)));
}

#[test]
fn powers_of_another_size_are_refused() {
    let other = contribute_powers(&fresh_powers(POWER + 1), [1; 32], "one");
    let (expected, found) = (POWER, POWER + 1);
    assert_eq!(
        powers(&other, &SCENE.powers[0]),
        Err(PowersFault::Power { expected, found })
    );
}

#[test]
fn a_key_for_another_circuit_is_refused() {
    let mut other = cube();
    other.constraints.swap(0, 1);
    let initial = initial_key(&SCENE.prepared, &other);
    let one = contribute_key(&initial, &initial, [1; 32], "one");
    assert_eq!(key(&one, &SCENE.keys[0]), Err(KeyFault::CircuitHash));
}

#[test]
fn lagrange_forms_are_no_part_of_a_contribution() {
    assert_eq!(
        powers(&SCENE.prepared, &SCENE.powers[2]),
        Err(PowersFault::Prepared)
    );
}

#[test]
fn a_truncated_file_is_not_contributed_to() {
    let cut = truncated(&SCENE.powers[2], true);
    assert_eq!(powers(&cut, &SCENE.powers[1]), Err(PowersFault::Cut));
    assert_eq!(powers(&SCENE.powers[2], &cut), Err(PowersFault::Cut));
    let linked = link_powers(&cut, &Rule::Open).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = phase1::contribute(
        &linked,
        &folder.path().join("more"),
        Stream::from_seed([1; 32]),
        Parameters::contribution(None),
        &mut Silent,
    );
    assert_eq!(file_fault(refused), Fault::Cut);
    assert!(link_powers(&truncated(&SCENE.powers[3], true), &powers_end()).is_ok());
}
