//! Phase 2: for each rule, a key that breaks just it.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{FftField as _, Field as _};
use tacit_ceremony::beacon::{self, Rule};
use tacit_ceremony::files::container::Fault;
use tacit_ceremony::files::parameters::Parameters;
use tacit_ceremony::phase2::{KeyError, KeyFault, SetupError, export, setup};
use tacit_ceremony::points::stored;
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;

use crate::rogue::RogueKey;
use crate::scene::{
    SCENE, contribute_key, cube, finish_key, initial_key, key_beacon, key_end, key_fault, link_key,
    open_key, powers_end, prepared, small_order, written,
};
use crate::sections::{Sections, changed, g1_at, with_key_records, with_point};

fn refused(bytes: &[u8]) -> KeyFault {
    key_fault(bytes, &Rule::Open)
}

/// One earlier contribution, then a rogue one.
fn rogue(plan: &RogueKey) -> Vec<u8> {
    plan.contribute(&SCENE.keys[1])
}

fn honest() -> RogueKey {
    RogueKey::with(Fr::from(3u64))
}

#[test]
fn the_rogue_is_accepted_while_it_does_nothing_wrong() {
    let linked = link_key(&rogue(&honest()), &SCENE.keys[0], &Rule::Open).unwrap();
    assert_eq!(linked.proofs().len(), 2);
}

#[test]
fn a_key_for_more_public_inputs_than_the_circuit_has_is_refused() {
    // The first private wire's point moves to the public ones: who proves can choose it freely.
    let bad = changed(&SCENE.keys[2], |s| {
        s.put(2, 76, &2u32.to_le_bytes());
        let moved: Vec<u8> = s.get(8).drain(..64).collect();
        s.get(3).extend(moved);
    });
    assert_eq!(refused(&bad), KeyFault::Initial("its size"));
}

#[test]
fn a_key_of_another_circuit_is_refused() {
    let mut other = cube();
    other.constraints[2][0][2].1 = Fr::from(6u64);
    let bad = initial_key(&SCENE.prepared, &other);
    assert_eq!(refused(&bad), KeyFault::CircuitHash);
    other.wires = 6;
    let bad = initial_key(&SCENE.prepared, &other);
    assert_eq!(refused(&bad), KeyFault::Initial("its size"));
}

#[test]
fn all_that_contributions_do_not_change_is_the_initial_keys() {
    let good = &SCENE.keys[2];
    let (g1, g2) = (
        stored(&[G1Affine::generator()]),
        stored(&[-G2Affine::generator()]),
    );
    for (what, section, at, bytes) in [
        ("alpha", 2, 84, &g1),
        ("beta in G1", 2, 148, &g1),
        ("beta in G2", 2, 212, &g2),
        ("gamma", 2, 340, &g2),
        ("IC", 3, 64, &g1),
        ("a coefficient", 4, 4 + 12, &vec![1]),
        ("A", 5, 2 * 64, &g1),
        ("B in G1", 6, 2 * 64, &g1),
        ("B in G2", 7, 2 * 128, &g2),
    ] {
        let bad = changed(good, |s| s.put(section, at, bytes));
        assert_eq!(refused(&bad), KeyFault::Initial(what));
    }
}

#[test]
fn a_coefficient_left_out_or_added_is_noticed() {
    let bad = changed(&SCENE.keys[2], |s| {
        let body = s.get(4);
        let count = u32::from_le_bytes(body[..4].try_into().unwrap());
        body[..4].copy_from_slice(&(count + 1).to_le_bytes());
        let again = body[4..48].to_vec();
        body.extend(again);
    });
    assert_eq!(refused(&bad), KeyFault::Initial("a coefficient"));
}

#[test]
fn the_claimed_initial_key_is_the_one_that_was_made_again() {
    let bad = changed(&SCENE.keys[2], |s| s.get(10)[0] ^= 1);
    assert_eq!(refused(&bad), KeyFault::CircuitHash);
}

#[test]
fn a_base_whose_lists_or_powers_are_not_the_circuits_is_stale() {
    // The same circuit, from powers that went on afterwards.
    let other = crate::scene::finish_powers(&crate::scene::contribute_powers(
        &SCENE.powers[2],
        [8; 32],
        "late",
    ));
    let other = crate::scene::prepare(&other, &powers_end());
    let stale = initial_key(&other, &cube());
    assert_eq!(refused(&stale), KeyFault::Initial("alpha"));
}

#[test]
fn no_point_is_at_infinity_where_the_initial_key_has_one() {
    let good = &SCENE.keys[2];
    let delta1 = changed(good, |s| s.put(2, 468, &[0; 64]));
    assert_eq!(refused(&delta1), KeyFault::Infinity("delta"));
    let delta2 = changed(good, |s| s.put(2, 532, &[0; 128]));
    assert_eq!(refused(&delta2), KeyFault::Infinity("delta"));
    let l = with_point(good, 8, 1, G1Affine::zero());
    assert_eq!(refused(&l), KeyFault::Infinity("L"));
    let h = with_point(good, 9, 7, G1Affine::zero());
    assert_eq!(refused(&h), KeyFault::Infinity("H"));
}

#[test]
fn a_wire_that_no_constraint_has_keeps_its_infinity() {
    let mut circuit = cube();
    circuit.wires = 6;
    let initial = initial_key(&SCENE.prepared, &circuit);
    let one = contribute_key(&initial, &initial, [1; 32], "one");
    assert!(g1_at(&one, 8, 3).is_zero());
    assert!(link_key(&one, &initial, &Rule::Open).is_ok());
    let bad = with_point(&one, 8, 3, G1Affine::generator());
    assert!(matches!(
        link_key(&bad, &initial, &Rule::Open),
        Err(KeyError::Fault(KeyFault::Infinity("L")))
    ));
}

#[test]
fn delta_in_g2_lies_in_the_subgroup() {
    let bad = changed(&SCENE.keys[2], |s| {
        let delta: Vec<G2Affine> = tacit_ceremony::points::load_all(&s.get(2)[532..660]).unwrap();
        let off = (delta[0] + small_order()).into_affine();
        s.put(2, 532, &stored(&[off]));
    });
    assert_eq!(refused(&bad), KeyFault::Subgroup);
}

#[test]
fn a_delta_that_was_left_behind_in_one_group_is_refused() {
    let mut behind = honest();
    behind.delta_g2 = Fr::from(1u64);
    assert_eq!(refused(&rogue(&behind)), KeyFault::Delta);
    let mut ahead = honest();
    ahead.delta_g1 = Fr::from(1u64);
    assert_eq!(refused(&rogue(&ahead)), KeyFault::Delta);
}

#[test]
fn lists_are_divided_by_what_delta_was_multiplied_by() {
    let mut l = honest();
    l.l = Fr::from(5u64);
    assert_eq!(refused(&rogue(&l)), KeyFault::NotDivided("L"));
    let mut h = honest();
    h.h = Fr::from(5u64);
    assert_eq!(refused(&rogue(&h)), KeyFault::NotDivided("H"));
    let mut neither = honest();
    (neither.l, neither.h) = (Fr::from(1u64), Fr::from(1u64));
    assert_eq!(refused(&rogue(&neither)), KeyFault::NotDivided("L"));
}

#[test]
fn one_wrong_point_in_l_or_h_is_found_wherever_it_stands() {
    for (section, what, count) in [(8, "L", 3), (9, "H", 8)] {
        for index in [0, count / 2, count - 1] {
            let bad = with_point(&SCENE.keys[2], section, index, G1Affine::generator());
            assert_eq!(refused(&bad), KeyFault::NotDivided(what), "place {index}");
        }
        let bad = changed(&SCENE.keys[2], |s| {
            let mut points: Vec<G1Affine> = s.points(section);
            points.swap(0, 1);
            s.set_points(section, &points);
        });
        assert_eq!(refused(&bad), KeyFault::NotDivided(what));
    }
}

#[test]
fn h_is_refused_even_if_it_differs_only_in_the_direction_that_changes_no_proof() {
    // The part of tau^(2n - 1): v^(2j + 1) in place j, v being a root of unity of order 2n.
    let root = Fr::get_root_of_unity(16).unwrap();
    let bad = changed(&SCENE.keys[2], |s| {
        let mut points: Vec<G1Affine> = s.points(9);
        for (j, point) in (0u64..).zip(&mut points) {
            let factor = root.pow([2 * j + 1]);
            *point = (*point + G1Affine::generator() * factor).into_affine();
        }
        s.set_points(9, &points);
    });
    assert_eq!(refused(&bad), KeyFault::NotDivided("H"));
}

#[test]
fn the_files_delta_is_its_last_records() {
    let bad = with_key_records(&SCENE.keys[2], |records| drop(records.pop()));
    assert_eq!(refused(&bad), KeyFault::LastDelta);
    let none = with_key_records(&SCENE.keys[2], |records| records.clear());
    assert_eq!(refused(&none), KeyFault::LastDelta);
}

#[test]
fn each_point_of_a_record_is_in_its_group_and_not_at_infinity() {
    for number in [1, 2] {
        for (at, len) in [(0, 64), (64, 64), (128, 64), (192, 128)] {
            let bad = with_key_records(&SCENE.keys[2], |records| {
                records[number - 1][at..at + len].fill(0);
            });
            assert_eq!(refused(&bad), KeyFault::RecordPoint(number), "at {at}");
        }
        let bad = with_key_records(&SCENE.keys[2], |records| {
            let bytes = &mut records[number - 1][192..320];
            let point: Vec<G2Affine> = tacit_ceremony::points::load_all(bytes).unwrap();
            let off = (point[0] + small_order()).into_affine();
            bytes.copy_from_slice(&stored(&[off]));
        });
        assert_eq!(refused(&bad), KeyFault::RecordPoint(number));
    }
}

#[test]
fn a_record_follows_on_all_that_stands_before_it() {
    let good = &SCENE.keys[2];
    let hash = with_key_records(good, |r| r[1][320] ^= 1);
    assert_eq!(refused(&hash), KeyFault::Transcript(2));
    let dropped = with_key_records(good, |r| drop(r.remove(0)));
    assert_eq!(refused(&dropped), KeyFault::Transcript(1));
    let swapped = with_key_records(good, |r| r.swap(0, 1));
    assert_eq!(refused(&swapped), KeyFault::Transcript(1));
    let doubled = with_key_records(good, |r| r.push(r[1].clone()));
    assert_eq!(refused(&doubled), KeyFault::Transcript(3));
    // Another contributor's proof, over the own step.
    let copied = with_key_records(good, |r| {
        let proof = r[0][64..384].to_vec();
        r[1][64..384].copy_from_slice(&proof);
    });
    assert_eq!(refused(&copied), KeyFault::Transcript(2));
    // An earlier delta is under the hash of all that follow.
    let delta = with_key_records(good, |r| {
        r[0][..64].copy_from_slice(&stored(&[G1Affine::generator()]));
    });
    assert_eq!(refused(&delta), KeyFault::Transcript(2));
}

#[test]
fn a_proof_that_does_not_hold_is_refused() {
    let mut plan = honest();
    plan.spoils = Fr::from(2u64);
    assert_eq!(refused(&rogue(&plan)), KeyFault::Proof(2));
}

#[test]
fn who_proves_one_secret_and_uses_another_is_refused() {
    let mut plan = honest();
    plan.proves = Fr::from(5u64);
    assert_eq!(refused(&rogue(&plan)), KeyFault::Step(2));
}

#[test]
fn a_contribution_that_forgets_those_before_is_refused() {
    // delta from the generators again: what the first contributor added is gone.
    let undone = RogueKey::with(Fr::from(3u64)).contribute(&SCENE.keys[0]);
    let records = Sections::of(&rogue(&honest())).get(10).clone();
    let bad = changed(&undone, |s| *s.get(10) = records);
    assert_eq!(refused(&bad), KeyFault::LastDelta);
}

#[test]
fn a_key_that_nobody_contributed_to_is_not_finished() {
    let bad = finish_key(&SCENE.keys[0], &SCENE.keys[0]);
    assert_eq!(key_fault(&bad, &key_end()), KeyFault::Nobody);
    assert_eq!(key_fault(&bad, &Rule::Any), KeyFault::Nobody);
    // And the initial key, which other tools pass as it is.
    let fault = beacon::BeaconFault::Missing;
    let number = 0;
    assert_eq!(
        key_fault(&SCENE.keys[0], &key_end()),
        KeyFault::Beacon { number, fault }
    );
}

#[test]
fn keys_come_from_a_finished_ceremony_alone() {
    for open in &SCENE.keys[..3] {
        let linked = link_key(open, &SCENE.keys[0], &Rule::Open).unwrap();
        assert!(!linked.is_finished());
        assert!(matches!(
            export(&linked),
            Err(KeyError::Fault(KeyFault::Unfinished))
        ));
    }
    let done = link_key(&SCENE.keys[3], &SCENE.keys[0], &key_end()).unwrap();
    assert!(done.is_finished());
    assert!(export(&done).is_ok());
}

/// The beacon's secret: anyone can draw it once the value is public.
fn beacon_secret() -> Fr {
    let mut stream: Stream = beacon::stream(&key_beacon());
    stream.scalar()
}

#[test]
fn a_delta_that_was_brought_to_gamma_or_its_opposite_makes_no_keys() {
    // Who knows the beacon beforehand, and every other secret, undoes them all.
    for end in [Fr::from(1u64), -Fr::from(1u64)] {
        let undo = end * beacon_secret().inverse().unwrap();
        let last = RogueKey::with(undo).contribute(&SCENE.keys[0]);
        let bad = finish_key(&last, &SCENE.keys[0]);
        let linked = link_key(&bad, &SCENE.keys[0], &key_end()).unwrap();
        assert!(matches!(
            export(&linked),
            Err(KeyError::Fault(KeyFault::GammaIsDelta))
        ));
    }
}

#[test]
fn nobody_contributes_after_the_beacon() {
    let done = link_key(&SCENE.keys[3], &SCENE.keys[0], &key_end()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = tacit_ceremony::phase2::contribute(
        &done,
        &folder.path().join("more"),
        Stream::from_seed([1; 32]),
        Parameters::contribution(None),
        &mut Silent,
    );
    assert_eq!(crate::scene::file_fault(refused), Fault::Closed);
}

#[test]
fn a_circuit_that_is_larger_than_the_powers_is_refused() {
    let powers = prepared(&SCENE.prepared, &powers_end()).unwrap();
    let mut circuit = cube();
    let last = circuit.constraints[0].clone();
    circuit.constraints.resize(15, last);
    let folder = tempfile::tempdir().unwrap();
    let refused = setup(&powers, &circuit, &folder.path().join("key"), &mut Silent);
    assert!(matches!(
        refused,
        Err(SetupError::TooLarge {
            needed: 5,
            found: 4
        })
    ));
    circuit.constraints.truncate(14);
    assert!(setup(&powers, &circuit, &folder.path().join("key"), &mut Silent).is_ok());
}

#[test]
fn a_long_list_of_contributions_is_checked_in_one_go_and_its_bad_one_is_named() {
    let mut key = SCENE.keys[0].clone();
    for i in 0..100u64 {
        let mut plan = RogueKey::with(Fr::from(i + 2));
        if i == 70 {
            plan.spoils = Fr::from(2u64);
        }
        key = plan.contribute(&key);
    }
    assert_eq!(open_key(&key).unwrap().records().len(), 100);
    assert_eq!(refused(&key), KeyFault::Proof(71));
}

#[test]
fn an_initial_key_is_the_same_whoever_makes_it() {
    let again = written(|to| {
        let powers = prepared(&SCENE.prepared, &powers_end()).unwrap();
        setup(&powers, &cube(), to, &mut Silent).unwrap();
    });
    assert_eq!(again, SCENE.keys[0]);
}
