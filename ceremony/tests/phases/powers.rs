//! Phase 1: for each rule, powers that break just it.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{One as _, Zero as _};
use tacit_ceremony::beacon::Rule;
use tacit_ceremony::files::ptau::{Powers, Ptau, Record};
use tacit_ceremony::phase1::{self, List, Part, PowersError, PowersFault};
use tacit_ceremony::points::Encoded;
use tacit_ceremony::progress::Silent;

use crate::rogue::{Lists, RoguePowers};
use crate::scene::{
    SCENE, contribute_powers, fresh_powers, link_powers, open_powers, powers_end, powers_fault,
    prepare, prepared, small_order, weights,
};
use crate::sections::{Sections, changed, with_point, with_powers_records};

/// Of what a contributor handed in after another one.
fn refused(bytes: &[u8]) -> PowersFault {
    powers_fault(bytes, &Rule::Open)
}

/// One earlier contribution, then a rogue one.
fn rogue(plan: &RoguePowers, change: impl FnOnce(&mut Lists)) -> Vec<u8> {
    plan.contribute_with(&SCENE.powers[1], change)
}

fn honest() -> RoguePowers {
    RoguePowers::honest()
}

const ALL: [Powers; 5] = Powers::ALL;

fn put<P: Encoded>(list: &mut [P], index: usize, point: P) {
    list[index] = point;
}

/// Puts a point into whichever list.
fn replace(lists: &mut Lists, list: Powers, index: usize, small: G1Affine, large: G2Affine) {
    match list {
        Powers::TauG1 => put(&mut lists.tau_g1, index, small),
        Powers::TauG2 => put(&mut lists.tau_g2, index, large),
        Powers::AlphaG1 => put(&mut lists.alpha_g1, index, small),
        Powers::BetaG1 => put(&mut lists.beta_g1, index, small),
        Powers::BetaG2 => put(&mut lists.beta_g2, index, large),
    }
}

#[test]
fn the_rogue_is_accepted_while_it_does_nothing_wrong() {
    let good = rogue(&honest(), |_| ());
    assert_eq!(link_powers(&good, &Rule::Open).unwrap().proofs().len(), 2);
}

#[test]
fn lists_of_tau_begin_with_the_generator() {
    let two = Fr::from(2u64);
    let g1 = rogue(&honest(), |l| {
        for p in &mut l.tau_g1 {
            *p = (*p * two).into_affine();
        }
    });
    assert_eq!(refused(&g1), PowersFault::Generator(List(Powers::TauG1)));
    let g2 = rogue(&honest(), |l| {
        for p in &mut l.tau_g2 {
            *p = (*p * two).into_affine();
        }
    });
    assert_eq!(refused(&g2), PowersFault::Generator(List(Powers::TauG2)));
}

#[test]
fn no_power_is_at_infinity() {
    for list in ALL {
        for index in [0, 7] {
            let index = if list == Powers::BetaG2 { 0 } else { index };
            let bad = rogue(&honest(), |lists| {
                replace(lists, list, index, G1Affine::zero(), G2Affine::zero());
            });
            assert_eq!(refused(&bad), PowersFault::Infinity(List(list)));
        }
    }
}

#[test]
fn a_secret_of_zero_is_refused() {
    let zero = Fr::zero();
    let mut tau = honest();
    (tau.tau_g1, tau.tau_g2, tau.proves[0]) = (zero, zero, zero);
    assert_eq!(
        refused(&rogue(&tau, |_| ())),
        PowersFault::Infinity(List(Powers::TauG1))
    );
    let mut alpha = honest();
    (alpha.alpha, alpha.proves[1]) = (zero, zero);
    assert_eq!(
        refused(&rogue(&alpha, |_| ())),
        PowersFault::Infinity(List(Powers::AlphaG1))
    );
    let mut beta = honest();
    (beta.beta_g1, beta.beta_g2, beta.proves[2]) = (zero, zero, zero);
    assert_eq!(
        refused(&rogue(&beta, |_| ())),
        PowersFault::Infinity(List(Powers::BetaG1))
    );
}

#[test]
fn a_point_of_g2_off_the_subgroup_is_found_at_the_first_a_middle_and_the_last_place() {
    let error = small_order();
    for index in [0, 1, 8, 15] {
        let bad = rogue(&honest(), |l| {
            l.tau_g2[index] = (l.tau_g2[index] + error).into_affine();
        });
        assert_eq!(
            refused(&bad),
            PowersFault::Subgroup(List(Powers::TauG2)),
            "place {index}"
        );
    }
    let bad = rogue(&honest(), |l| {
        l.beta_g2[0] = (l.beta_g2[0] + error).into_affine();
    });
    assert_eq!(refused(&bad), PowersFault::Subgroup(List(Powers::BetaG2)));
}

#[test]
fn each_list_holds_powers_of_one_tau_to_its_last_point() {
    for list in [
        Powers::TauG1,
        Powers::TauG2,
        Powers::AlphaG1,
        Powers::BetaG1,
    ] {
        let last = list.count(crate::scene::POWER) as usize - 1;
        for index in [2, 9, last] {
            let bad = rogue(&honest(), |lists| {
                let large = lists.tau_g2[3];
                replace(lists, list, index, G1Affine::generator(), large);
            });
            assert_eq!(
                refused(&bad),
                PowersFault::NotPowers(List(list)),
                "place {index}"
            );
        }
    }
}

#[test]
fn a_wrong_point_at_the_seam_of_two_blocks_is_found() {
    // Files are read in blocks of 2^14 points: of 2^14 powers, tau in G1 has two, with the seam in between.
    let good = fresh_powers(14);
    for index in [16_383, 16_384, 32_766] {
        let two = (G1Affine::generator() * Fr::from(2u64)).into_affine();
        let bad = with_point(&good, 2, index, two);
        assert_eq!(
            refused(&bad),
            PowersFault::NotPowers(List(Powers::TauG1)),
            "place {index}"
        );
    }
}

#[test]
fn two_points_swapped_are_no_powers() {
    let bad = rogue(&honest(), |l| l.tau_g1.swap(4, 5));
    assert_eq!(refused(&bad), PowersFault::NotPowers(List(Powers::TauG1)));
}

#[test]
fn tau_and_beta_are_the_same_in_both_groups() {
    let mut tau = honest();
    tau.tau_g2 = Fr::from(11u64);
    assert_eq!(refused(&rogue(&tau, |_| ())), PowersFault::Groups("tau"));
    let mut beta = honest();
    beta.beta_g2 = Fr::from(11u64);
    assert_eq!(refused(&rogue(&beta, |_| ())), PowersFault::Groups("beta"));
}

#[test]
fn powers_that_are_not_those_of_the_last_record_are_refused() {
    // A substituted file: powers of a tau that somebody knows, under the records of others.
    let known = RoguePowers::honest().contribute(&fresh_powers(crate::scene::POWER));
    let records = Sections::of(&SCENE.powers[2]).get(7).clone();
    let bad = changed(&known, |s| *s.get(7) = records);
    assert_eq!(refused(&bad), PowersFault::Head);
    // And powers that nobody has multiplied.
    let fresh = fresh_powers(crate::scene::POWER);
    let records = Sections::of(&SCENE.powers[2]).get(7).clone();
    let bad = changed(&fresh, |s| *s.get(7) = records);
    assert_eq!(refused(&bad), PowersFault::Head);
}

/// The record's points, one after another.
fn points(record: &mut Record) -> (Vec<&mut G1Affine>, Vec<&mut G2Affine>) {
    let (head, key) = (&mut record.head, &mut record.key);
    (
        vec![
            &mut head.tau_g1,
            &mut head.alpha_g1,
            &mut head.beta_g1,
            &mut key.tau.s,
            &mut key.tau.sx,
            &mut key.alpha.s,
            &mut key.alpha.sx,
            &mut key.beta.s,
            &mut key.beta.sx,
        ],
        vec![
            &mut head.tau_g2,
            &mut head.beta_g2,
            &mut key.tau.spx,
            &mut key.alpha.spx,
            &mut key.beta.spx,
        ],
    )
}

#[test]
fn each_point_of_a_record_is_in_its_group_and_not_at_infinity() {
    let good = &SCENE.powers[2];
    for number in [1, 2] {
        for i in 0..9 {
            let bad = with_powers_records(good, |records| {
                *points(&mut records[number - 1]).0[i] = G1Affine::zero();
            });
            assert_eq!(refused(&bad), PowersFault::RecordPoint(number), "G1 {i}");
        }
        for i in 0..5 {
            let bad = with_powers_records(good, |records| {
                *points(&mut records[number - 1]).1[i] = G2Affine::zero();
            });
            assert_eq!(refused(&bad), PowersFault::RecordPoint(number), "G2 {i}");
            let bad = with_powers_records(good, |records| {
                let mut all = points(&mut records[number - 1]).1;
                *all[i] = (*all[i] + small_order()).into_affine();
            });
            assert_eq!(refused(&bad), PowersFault::RecordPoint(number), "G2 {i}");
        }
    }
}

const PARTS: [Part; 3] = [Part::Tau, Part::Alpha, Part::Beta];

#[test]
fn a_proof_that_does_not_hold_is_refused() {
    for (i, part) in PARTS.into_iter().enumerate() {
        let mut plan = honest();
        plan.spoils[i] = Fr::from(2u64);
        let bad = rogue(&plan, |_| ());
        assert_eq!(refused(&bad), PowersFault::Proof { number: 2, part });
    }
}

#[test]
fn a_proof_copied_from_another_contribution_is_refused() {
    for (i, part) in PARTS.into_iter().enumerate() {
        let bad = with_powers_records(&SCENE.powers[2], |records| {
            let (from, to) = (records[0].key, &mut records[1].key);
            match i {
                0 => to.tau = from.tau,
                1 => to.alpha = from.alpha,
                _ => to.beta = from.beta,
            }
        });
        assert_eq!(refused(&bad), PowersFault::Proof { number: 2, part });
    }
}

#[test]
fn who_proves_one_secret_and_uses_another_is_refused() {
    for (i, part) in PARTS.into_iter().enumerate() {
        let mut plan = honest();
        plan.proves[i] = Fr::from(13u64);
        let bad = rogue(&plan, |_| ());
        assert_eq!(refused(&bad), PowersFault::Step { number: 2, part });
    }
}

#[test]
fn a_contribution_that_forgets_those_before_is_refused() {
    // New powers from the generators, in place of those before times the secret: all earlier secrets gone.
    let fresh = RoguePowers::honest().contribute(&fresh_powers(crate::scene::POWER));
    let bad = rogue(&honest(), |lists| {
        let mut from = Sections::of(&fresh);
        lists.tau_g1 = from.points(2);
        lists.tau_g2 = from.points(3);
        lists.alpha_g1 = from.points(4);
        lists.beta_g1 = from.points(5);
        lists.beta_g2 = from.points(6);
    });
    let part = Part::Tau;
    assert_eq!(refused(&bad), PowersFault::Step { number: 2, part });
}

#[test]
fn the_steps_of_a_record_are_the_same_in_both_groups() {
    let good = &SCENE.powers[2];
    let other = G2Affine::generator();
    let bad = with_powers_records(good, |r| r[0].head.tau_g2 = other);
    let part = Part::Tau;
    assert_eq!(refused(&bad), PowersFault::Step { number: 1, part });
    let bad = with_powers_records(good, |r| {
        r[0].head.beta_g2 = other;
        // The hash state holds the same point.
        let mut bytes = Vec::new();
        other.compressed(&mut bytes);
        r[0].partial_hash[32..96].copy_from_slice(&bytes);
    });
    let part = Part::Beta;
    assert_eq!(refused(&bad), PowersFault::Step { number: 1, part });
}

#[test]
fn a_hash_state_that_is_none_of_this_ceremony_is_refused_in_any_record() {
    let good = &SCENE.powers[2];
    for number in [1, 2] {
        let with = |at: usize, bytes: &[u8]| {
            with_powers_records(good, |r| {
                r[number - 1].partial_hash[at..at + bytes.len()].copy_from_slice(bytes);
            })
        };
        for (what, at, bytes) in [
            ("of another count", 192, &128u64.to_le_bytes()[..]),
            ("of a count that overflows", 192, &(!127u64).to_le_bytes()),
            ("of no whole blocks", 192, &[1]),
            ("with more than a block", 200, &129u64.to_le_bytes()),
            ("with a short buffer", 200, &[0x40]),
            ("with another beta in G2", 40, &[0; 8]),
        ] {
            assert_eq!(
                refused(&with(at, bytes)),
                PowersFault::PartialHash(number),
                "{what}"
            );
        }
    }
    // The last beta tau^i stands in the file for the last record only.
    let bad = with_powers_records(good, |r| r[1].partial_hash[5] ^= 1);
    assert_eq!(refused(&bad), PowersFault::PartialHash(2));
}

#[test]
fn what_is_behind_the_fill_of_a_hash_state_means_nothing() {
    // snarkjs leaves old bytes there.
    let same = with_powers_records(&SCENE.powers[2], |r| r[1].partial_hash[96..128].fill(0xee));
    assert!(link_powers(&same, &Rule::Open).is_ok());
}

#[test]
fn the_last_response_and_the_next_challenge_are_hashes_of_the_files_points() {
    let good = &SCENE.powers[2];
    let bad = with_powers_records(good, |r| r[1].next_challenge[0] ^= 1);
    assert_eq!(refused(&bad), PowersFault::NextChallenge(2));
    // A chaining word of the state: the response would be another.
    let bad = with_powers_records(good, |r| r[1].partial_hash[130] ^= 1);
    assert_eq!(refused(&bad), PowersFault::NextChallenge(2));
    // Of an earlier record, what follows was proven for another challenge.
    let bad = with_powers_records(good, |r| r[0].next_challenge[0] ^= 1);
    let part = Part::Tau;
    assert_eq!(refused(&bad), PowersFault::Proof { number: 2, part });
}

#[test]
fn the_last_record_of_valid_powers_is_checked_without_those_before() {
    // A doubter has every contribution's file: each file makes its own response certain.
    let check = |bytes: &[u8]| {
        let valid = phase1::validate(open_powers(bytes).unwrap(), &mut weights(), &mut Silent);
        valid.unwrap().check_last_record()
    };
    for good in &SCENE.powers {
        assert_eq!(check(good), Ok(()));
    }
    let good = &SCENE.powers[1];
    let state = with_powers_records(good, |r| r[0].partial_hash[130] ^= 1);
    assert_eq!(check(&state), Err(PowersFault::NextChallenge(1)));
    let overflow = with_powers_records(good, |r| {
        r[0].partial_hash[192..200].copy_from_slice(&(!127u64).to_le_bytes());
    });
    assert_eq!(check(&overflow), Err(PowersFault::PartialHash(1)));
    let none = with_powers_records(good, |r| r.clear());
    assert_eq!(check(&none), Err(PowersFault::Head));
}

#[test]
fn an_earlier_response_is_another_one_if_its_state_was_changed() {
    // In a lone file nothing authenticates it: that is why responses are published and attested.
    let good = &SCENE.powers[2];
    let other = with_powers_records(good, |r| r[0].partial_hash[130] ^= 1);
    let linked = link_powers(&other, &Rule::Open).unwrap();
    let honest = link_powers(good, &Rule::Open).unwrap();
    assert_ne!(linked.proofs()[0].response, honest.proofs()[0].response);
}

#[test]
fn a_record_dropped_or_two_swapped_are_noticed() {
    let good = &SCENE.powers[2];
    let part = Part::Tau;
    let proof = |number| PowersFault::Proof { number, part };
    let first = with_powers_records(good, |r| drop(r.remove(0)));
    assert_eq!(refused(&first), proof(1));
    let swapped = with_powers_records(good, |r| r.swap(0, 1));
    assert_eq!(refused(&swapped), proof(1));
    let last = with_powers_records(good, |r| drop(r.pop()));
    assert_eq!(refused(&last), PowersFault::Head);
    let all = with_powers_records(good, |r| r.clear());
    assert_eq!(refused(&all), PowersFault::Head);
    let twice = with_powers_records(good, |r| r.push(r[1].clone()));
    assert_eq!(refused(&twice), proof(3));
}

#[test]
fn powers_that_nobody_contributed_to_are_not_finished() {
    let fresh = fresh_powers(crate::scene::POWER);
    let bad = crate::scene::finish_powers(&fresh);
    assert_eq!(powers_fault(&bad, &powers_end()), PowersFault::Nobody);
    assert_eq!(powers_fault(&bad, &Rule::Any), PowersFault::Nobody);
}

#[test]
fn a_chain_knows_whether_it_was_checked_to_be_finished() {
    let open = link_powers(&SCENE.powers[2], &Rule::Open).unwrap();
    assert!(!open.is_finished());
    let done = link_powers(&SCENE.powers[3], &powers_end()).unwrap();
    assert!(done.is_finished());
    assert!(
        link_powers(&SCENE.powers[3], &Rule::Any)
            .unwrap()
            .is_finished()
    );
}

/// The first half of each list, as snarkjs cuts a file.
pub fn truncated(bytes: &[u8], keep_ceremony: bool) -> Vec<u8> {
    let power = crate::scene::POWER - 1;
    changed(bytes, |s| {
        s.put(1, 36, &power.to_le_bytes());
        if !keep_ceremony {
            s.put(1, 40, &power.to_le_bytes());
        }
        for list in ALL {
            let size = if list.in_g2() { 128 } else { 64 };
            s.get(list.section())
                .truncate(size * list.count(power) as usize);
        }
    })
}

#[test]
fn a_truncated_file_can_be_used() {
    let cut = truncated(&SCENE.powers[3], true);
    let linked = link_powers(&cut, &powers_end()).unwrap();
    assert!(linked.ptau().is_truncated());
    let done = prepare(&cut, &powers_end());
    let done = prepared(&done, &powers_end()).unwrap();
    assert_eq!(done.ptau().ceremony_power(), crate::scene::POWER);
}

#[test]
fn a_truncated_file_that_has_forgotten_its_ceremonys_size_is_refused() {
    // What snarkjs makes of a truncated file by preparing it.
    let cut = truncated(&SCENE.powers[3], false);
    assert_eq!(
        powers_fault(&cut, &powers_end()),
        PowersFault::PartialHash(1)
    );
    // And a larger ceremony than it was, also one whose beginning has 100 GB to hash.
    for claimed in [6u32, 28] {
        let grown = changed(&SCENE.powers[3], |s| s.put(1, 40, &claimed.to_le_bytes()));
        assert_eq!(
            powers_fault(&grown, &powers_end()),
            PowersFault::PartialHash(1)
        );
    }
}

#[test]
fn the_records_of_a_truncated_file_are_as_bound_as_of_a_whole_one() {
    let cut = truncated(&SCENE.powers[3], true);
    let bad = with_powers_records(&cut, |r| drop(r.remove(0)));
    let part = Part::Tau;
    assert_eq!(
        powers_fault(&bad, &powers_end()),
        PowersFault::Proof { number: 1, part }
    );
    let known = truncated(
        &RoguePowers::honest().contribute(&fresh_powers(crate::scene::POWER)),
        true,
    );
    let records = Sections::of(&cut).get(7).clone();
    let bad = changed(&known, |s| *s.get(7) = records);
    assert_eq!(powers_fault(&bad, &powers_end()), PowersFault::Head);
}

fn lagrange_fault(bytes: &[u8]) -> PowersFault {
    match prepared(bytes, &powers_end()) {
        Err(PowersError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn powers_without_lagrange_forms_are_not_prepared() {
    assert_eq!(lagrange_fault(&SCENE.powers[3]), PowersFault::NotPrepared);
}

#[test]
fn a_lagrange_point_off_the_subgroup_is_found_in_every_block() {
    let error = small_order();
    for block in 0..=crate::scene::POWER {
        let size = 1usize << block;
        for index in [size - 1, 2 * size - 2] {
            let good = crate::sections::g2_at(&SCENE.prepared, 13, index);
            let bad = with_point(&SCENE.prepared, 13, index, (good + error).into_affine());
            let list = List(Powers::TauG2);
            let size = size as u64;
            assert_eq!(lagrange_fault(&bad), PowersFault::Lagrange { list, size });
        }
    }
}

#[test]
fn a_wrong_lagrange_point_is_found_in_every_block_of_every_list() {
    for (section, list) in [
        (12, Powers::TauG1),
        (14, Powers::AlphaG1),
        (15, Powers::BetaG1),
    ] {
        let blocks = if list == Powers::TauG1 { 6 } else { 5 };
        for block in 0..blocks {
            let size = 1usize << block;
            for point in [
                G1Affine::zero(),
                crate::sections::g1_at(&SCENE.prepared, 4, 3),
            ] {
                let bad = with_point(&SCENE.prepared, section, 2 * size - 2, point);
                let (list, size) = (List(list), size as u64);
                assert_eq!(lagrange_fault(&bad), PowersFault::Lagrange { list, size });
            }
        }
    }
}

#[test]
fn a_truncated_prepared_file_is_checked_in_its_last_block_too() {
    let done = prepare(&truncated(&SCENE.powers[3], true), &powers_end());
    let size = 1u64 << crate::scene::POWER;
    let bad = with_point(&done, 12, 2 * size as usize - 2, G1Affine::generator());
    let list = List(Powers::TauG1);
    assert_eq!(lagrange_fault(&bad), PowersFault::Lagrange { list, size });
}

#[test]
fn a_contribution_of_one_changes_nothing_and_is_no_fault() {
    // A secret of one is as good as one that its contributor publishes: it can't be told apart.
    let one = Fr::one();
    let plan = RoguePowers {
        tau_g1: one,
        tau_g2: one,
        alpha: one,
        beta_g1: one,
        beta_g2: one,
        proves: [one; 3],
        ..honest()
    };
    assert!(link_powers(&rogue(&plan, |_| ()), &Rule::Open).is_ok());
}

#[test]
fn two_contributions_with_different_randomness_differ_in_every_list() {
    let one: Ptau = open_powers(&SCENE.powers[2]).unwrap();
    let other = contribute_powers(&SCENE.powers[1], [9; 32], "p1");
    let other = open_powers(&other).unwrap();
    let (a, b) = (one.records()[1].head, other.records()[1].head);
    assert_ne!(a.tau_g1, b.tau_g1);
    assert_ne!(a.tau_g2, b.tau_g2);
    assert_ne!(a.alpha_g1, b.alpha_g1);
    assert_ne!(a.beta_g1, b.beta_g1);
    assert_ne!(a.beta_g2, b.beta_g2);
}
