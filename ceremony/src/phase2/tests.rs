use std::path::{Path, PathBuf};

use ark_bn254::{Bn254, Fr};
use ark_ff::One as _;
use ark_groth16::Groth16;

use super::*;
use crate::beacon::{self, Rule};
use crate::checks::Weights;
use crate::files::parameters::{Beacon, Parameters};
use crate::files::ptau::Ptau;
use crate::files::r1cs::R1cs;
use crate::files::zkey::Zkey;
use crate::phase1;
use crate::progress::Silent;
use crate::stream::Stream;

/// y = x^3 + x + 5, and the public y twice; wires: one, y, x, x^2, x^3.
pub(crate) fn cube() -> R1cs {
    let one = Fr::one();
    R1cs {
        wires: 5,
        public: 1,
        constraints: vec![
            [vec![(2, one)], vec![(2, one)], vec![(3, one)]],
            [vec![(3, one)], vec![(2, one)], vec![(4, one)]],
            [
                vec![(4, one), (2, one), (0, Fr::from(5u64))],
                vec![(0, one)],
                vec![(1, one)],
            ],
        ],
    }
}

/// Powers of one contribution and a beacon.
pub(crate) fn prepared(folder: &Path, power: u32) -> phase1::PreparedPowers {
    prepared_under(folder, power, &Rule::Announced(end()))
}

fn end() -> Beacon {
    Beacon {
        value: vec![6; 32],
        exponent: 10,
    }
}

/// With that beacon, or with none yet.
fn prepared_under(folder: &Path, power: u32, rule: &Rule) -> phase1::PreparedPowers {
    let path = |name: &str| folder.join(name);
    let mut weights = Weights::fixed();
    phase1::create(&path("fresh.ptau"), power).unwrap();
    let mut linked = |name: &str, rule: &Rule| {
        let ptau = Ptau::open(&path(name)).unwrap();
        let valid = phase1::validate(ptau, &mut weights, &mut Silent).unwrap();
        phase1::link(valid, rule, &mut weights).unwrap()
    };
    let fresh = linked("fresh.ptau", &Rule::Open);
    let (to, stream) = (path("one.ptau"), Stream::from_seed([9; 32]));
    let parameters = Parameters::contribution(Some("ada"));
    phase1::contribute(&fresh, &to, stream, parameters, &mut Silent).unwrap();
    let mut last = linked("one.ptau", &Rule::Open);
    if let Rule::Announced(beacon) = rule {
        let (to, stream) = (path("end.ptau"), beacon::stream(beacon));
        let parameters = Parameters::beacon(beacon.clone(), None);
        phase1::contribute(&last, &to, stream, parameters, &mut Silent).unwrap();
        last = linked("end.ptau", rule);
    }
    phase1::prepare(&last, &path("prepared.ptau"), &mut Silent).unwrap();
    let again = linked("prepared.ptau", rule);
    phase1::verify_prepared(again, &mut Weights::fixed(), &mut Silent).unwrap()
}

pub(crate) fn linked(path: &Path, initial: &Path, rule: &Rule) -> Result<LinkedKey, KeyError> {
    let mut weights = Weights::fixed();
    let initial = InitialKey::of_own_disk(initial)?;
    let valid = validate(Zkey::open(path)?, &initial, &mut weights, &mut Silent)?;
    link(valid, rule, &mut weights)
}

#[test]
fn a_key_of_two_contributions_and_a_beacon_proves_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let powers = prepared(folder.path(), 4);
    let circuit = cube();
    setup(&powers, &circuit, &path("0.zkey"), &mut Silent).unwrap();
    for i in 0..2u8 {
        let before = linked(&path(&format!("{i}.zkey")), &path("0.zkey"), &Rule::Open).unwrap();
        let to = path(&format!("{}.zkey", i + 1));
        let parameters = Parameters::contribution(Some("ada"));
        contribute(
            &before,
            &to,
            Stream::from_seed([i; 32]),
            parameters,
            &mut Silent,
        )
        .unwrap();
    }
    let before = linked(&path("2.zkey"), &path("0.zkey"), &Rule::Open).unwrap();
    let beacon = Beacon {
        value: vec![7; 32],
        exponent: 10,
    };
    let parameters = Parameters::beacon(beacon.clone(), None);
    let stream = beacon::stream(&beacon);
    contribute(
        &before,
        &path("final.zkey"),
        stream,
        parameters,
        &mut Silent,
    )
    .unwrap();
    let done = linked(
        &path("final.zkey"),
        &path("0.zkey"),
        &Rule::Announced(beacon),
    )
    .unwrap();
    assert_eq!(done.proofs().len(), 3);

    let keys = export(&done).unwrap();
    let x = Fr::from(3u64);
    let assignment = [Fr::one(), Fr::from(35u64), x, x * x, x * x * x];
    let rows = |part: usize| {
        let row = |c: &[crate::files::r1cs::Row; 3]| {
            c[part]
                .iter()
                .map(|(wire, factor)| (*factor, *wire as usize))
                .collect()
        };
        circuit.constraints.iter().map(row).collect::<Vec<Vec<_>>>()
    };
    let proof = Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
        &keys.proving,
        Fr::from(11u64),
        Fr::from(12u64),
        &[rows(0), rows(1), rows(2)],
        2,
        circuit.constraints.len(),
        &assignment,
    )
    .unwrap();
    let prepared = ark_groth16::prepare_verifying_key(&keys.proving.vk);
    let verify =
        |y: u64| Groth16::<Bn254>::verify_proof(&prepared, &proof, &[Fr::from(y)]).unwrap();
    assert!(verify(35));
    assert!(!verify(36));
}

#[test]
fn powers_that_have_no_beacon_make_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let powers = prepared_under(folder.path(), 4, &Rule::Open);
    let to = folder.path().join("0.zkey");
    assert!(matches!(
        setup(&powers, &cube(), &to, &mut Silent),
        Err(SetupError::Unfinished)
    ));
    assert!(!to.exists());
}
