//! Whatever randomness contributors have, and whatever bytes strangers send.

use ark_bn254::Fr;
use ark_ff::PrimeField as _;
use proptest::prelude::*;
use tacit_ceremony::beacon::Rule;
use tacit_ceremony::files::json;
use tacit_ceremony::files::parameters::Parameters;
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::phase2::export;

use crate::scene::{
    POWER, SCENE, contribute_key, contribute_powers, cube, file, finish_key, finish_powers,
    fresh_powers, initial_key, key_end, link_key, link_powers, open_key, open_powers, powers_end,
    prepare, prepared, written,
};
use crate::snarkjs::{prove, verifies};

/// The cube's wires from x.
fn cube_witness(x: Fr) -> Vec<Fr> {
    let y = x * x * x + x + Fr::from(5u64);
    vec![Fr::from(1u64), y, x, x * x, x * x * x]
}

/// A whole key from an initial one.
fn finished(initial: &[u8], seeds: &[[u8; 32]]) -> Vec<u8> {
    let chain = seeds.iter().fold(initial.to_vec(), |key, seed| {
        contribute_key(&key, initial, *seed, "somebody")
    });
    finish_key(&chain, initial)
}

/// What a changed byte may change without being noticed: a name, which no hash covers, and of hash states
/// before the last what nothing in the file authenticates.
fn blank_powers(bytes: &[u8]) -> Vec<u8> {
    crate::sections::with_powers_records(bytes, |records| {
        for record in records {
            record.parameters.name = None;
            record.partial_hash.fill(0);
        }
    })
}

fn blank_key(bytes: &[u8]) -> Vec<u8> {
    let key = open_key(bytes).unwrap();
    crate::sections::with_key_records(bytes, |records| {
        for (bytes, record) in records.iter_mut().zip(key.records()) {
            let mut parameters: Parameters = record.parameters.clone();
            parameters.name = None;
            bytes.truncate(384);
            bytes.extend(parameters.encode());
        }
    })
}

#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Copy(prop::sample::Index, prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<prop::sample::Index>;
    // Counts and lengths stand near the front of files, where edits are most often understood.
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(i, b)| Edit::Set(i, b)),
        (place(), 0u8..8).prop_map(|(i, b)| Edit::Flip(i, b)),
        place().prop_map(Edit::Cut),
        (place(), prop::collection::vec(any::<u8>(), 1..80)).prop_map(|(i, b)| Edit::Insert(i, b)),
        (place(), place(), any::<u8>()).prop_map(|(i, j, n)| Edit::Copy(i, j, n)),
        (place(), prop_oneof![Just(u32::MAX), Just(0), 0u32..40])
            .prop_map(|(i, n)| Edit::Word(i, n)),
    ]
}

fn edited(good: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for edit in edits {
        if bytes.is_empty() {
            break;
        }
        match edit {
            Edit::Set(i, value) => {
                let at = i.index(bytes.len());
                bytes[at] = *value;
            }
            Edit::Flip(i, bit) => {
                let at = i.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Edit::Cut(i) => bytes.truncate(i.index(bytes.len())),
            Edit::Insert(i, more) => {
                let at = i.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Edit::Copy(i, j, count) => {
                let (from, to) = (i.index(bytes.len()), j.index(bytes.len()));
                let count = usize::from(*count).min(bytes.len() - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
            Edit::Word(i, value) => {
                let at = i.index(bytes.len()).min(120);
                for (to, from) in bytes.iter_mut().skip(at).zip(value.to_le_bytes()) {
                    *to = from;
                }
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn keys_from_any_chain_with_unknown_randomness_differ_verify_and_prove(
        seeds in prop::collection::vec(any::<[u8; 32]>(), 1..4),
        unknown: [u8; 32],
        place: prop::sample::Index,
        x: u64,
    ) {
        // The same chain but for one contributor's randomness.
        let place = place.index(seeds.len());
        prop_assume!(seeds[place] != unknown);
        let mut others = seeds.clone();
        others[place] = unknown;
        let initial = &SCENE.keys[0];
        let [one, two] = [&seeds, &others].map(|seeds| {
            let key = finished(initial, seeds);
            let linked = link_key(&key, initial, &key_end()).unwrap();
            prop_assert_eq!(linked.proofs().len(), seeds.len() + 1);
            Ok(export(&linked).unwrap().proving)
        });
        let (one, two) = (one?, two?);
        prop_assert_ne!(one.vk.delta_g2, two.vk.delta_g2);
        prop_assert_ne!(&one.l_query, &two.l_query);
        prop_assert_ne!(&one.h_query, &two.h_query);
        let witness = cube_witness(Fr::from(x));
        let proof = prove(&one, &cube(), &witness);
        prop_assert!(verifies(&one, &proof, &witness[1..2]));
        prop_assert!(!verifies(&two, &proof, &witness[1..2]));
        prop_assert!(!verifies(&one, &proof, &[witness[1] + Fr::from(1u64)]));
    }

    #[test]
    fn powers_from_any_chain_with_unknown_randomness_differ_verify_and_make_keys(
        seeds in prop::collection::vec(any::<[u8; 32]>(), 1..3),
        unknown: [u8; 32],
    ) {
        prop_assume!(seeds[0] != unknown);
        let mut others = seeds.clone();
        others[0] = unknown;
        let [one, two] = [&seeds, &others].map(|seeds| {
            let chain = seeds.iter().fold(fresh_powers(POWER), |powers, seed| {
                contribute_powers(&powers, *seed, "somebody")
            });
            finish_powers(&chain)
        });
        let head = |bytes: &[u8]| {
            let linked = link_powers(bytes, &powers_end()).unwrap();
            linked.proofs().last().unwrap().head
        };
        prop_assert_ne!(head(&one).tau_g2, head(&two).tau_g2);
        prop_assert_ne!(head(&one).alpha_g1, head(&two).alpha_g1);
        prop_assert_ne!(head(&one).beta_g2, head(&two).beta_g2);
        let initial = initial_key(&prepare(&one, &powers_end()), &cube());
        let key = finished(&initial, &[[5; 32]]);
        let key = export(&link_key(&key, &initial, &key_end()).unwrap()).unwrap().proving;
        let witness = cube_witness(Fr::from(3u64));
        let proof = prove(&key, &cube(), &witness);
        prop_assert!(verifies(&key, &proof, &witness[1..2]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn powers_with_edits_never_panic_and_are_refused_unless_they_say_the_same(
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let good = &SCENE.powers[3];
        let bad = edited(good, &edits);
        if link_powers(&bad, &powers_end()).is_ok() {
            prop_assert_eq!(blank_powers(&bad), blank_powers(good));
        }
    }

    #[test]
    fn prepared_powers_with_edits_never_panic_and_are_refused_unless_they_say_the_same(
        edits in prop::collection::vec(edit(), 1..3),
    ) {
        let good = &SCENE.prepared;
        let bad = edited(good, &edits);
        if prepared(&bad, &powers_end()).is_ok() {
            prop_assert_eq!(blank_powers(&bad), blank_powers(good));
        }
    }

    #[test]
    fn keys_with_edits_never_panic_and_are_refused_unless_they_say_the_same(
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let good = &SCENE.keys[3];
        let bad = edited(good, &edits);
        if link_key(&bad, &SCENE.keys[0], &key_end()).is_ok() {
            prop_assert_eq!(blank_key(&bad), blank_key(good));
        }
    }

    #[test]
    fn circuits_with_edits_never_panic_and_have_one_encoding(
        edits in prop::collection::vec(edit(), 1..4),
    ) {
        let good = written(|path| cube().write(path).unwrap());
        let bad = edited(&good, &edits);
        let (_folder, path) = file(&bad);
        if let Ok(read) = R1cs::open(&path) {
            let again = written(|path| read.write(path).unwrap());
            let (_folder, path) = file(&again);
            prop_assert_eq!(R1cs::open(&path).unwrap(), read);
        }
    }

    #[test]
    fn made_up_bytes_of_each_kind_never_panic(
        tail in prop::collection::vec(any::<u8>(), 0..300),
        sections in 0u32..5,
    ) {
        for magic in [&b"ptau"[..], b"zkey", b"r1cs"] {
            let mut bytes = magic.to_vec();
            bytes.extend(1u32.to_le_bytes());
            bytes.extend(sections.to_le_bytes());
            bytes.extend(&tail);
            prop_assert!(open_powers(&bytes).is_err());
            prop_assert!(open_key(&bytes).is_err());
            let (_folder, path) = file(&bytes);
            prop_assert!(R1cs::open(&path).is_err());
        }
    }

    #[test]
    fn texts_with_edits_never_panic(edits in prop::collection::vec(edit(), 1..4)) {
        let linked = link_key(&SCENE.keys[3], &SCENE.keys[0], &key_end()).unwrap();
        let key = export(&linked).unwrap().proving.vk;
        let text = json::write_verifying_key(&key);
        let bad = String::from_utf8_lossy(&edited(text.as_bytes(), &edits)).into_owned();
        if let Ok(read) = json::read_verifying_key(&bad) {
            prop_assert_eq!(read, key);
        }
        let _ = json::read_proof(&bad);
        let _ = json::read_public(&bad);
    }

    #[test]
    fn public_inputs_come_back_from_their_text(inputs in prop::collection::vec(any::<[u8; 32]>(), 0..6)) {
        let inputs: Vec<Fr> = inputs.iter().map(|b| Fr::from_le_bytes_mod_order(b)).collect();
        prop_assert_eq!(json::read_public(&json::write_public(&inputs)).unwrap(), inputs);
    }

    #[test]
    fn parameters_come_back_from_their_bytes_or_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        kind in 0u8..3,
    ) {
        let mut record = vec![kind, 0, 0, 0, bytes.len() as u8, 0, 0, 0];
        record.extend(&bytes);
        if let Ok((read, end)) = Parameters::decode(&record, 0) {
            prop_assert_eq!(read.encode(), &record[..end]);
        }
    }
}

#[test]
fn an_open_chain_is_no_finished_one() {
    assert!(link_key(&SCENE.keys[2], &SCENE.keys[0], &Rule::Any).is_err());
    assert!(link_powers(&SCENE.powers[2], &Rule::Any).is_err());
}
