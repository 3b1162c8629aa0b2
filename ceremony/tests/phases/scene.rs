//! A small ceremony of both phases, made once: what attacks start from.

use std::path::PathBuf;
use std::sync::LazyLock;

use ark_bn254::{Fq, Fq2, Fr, G2Affine, g2};
use ark_ec::short_weierstrass::SWCurveConfig as _;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{One as _, PrimeField as _, UniformRand as _};
use num_bigint::BigUint;
use tacit_ceremony::beacon::{self, Rule};
use tacit_ceremony::checks::Weights;
use tacit_ceremony::files::container::{Fault, FileError};
use tacit_ceremony::files::parameters::{Beacon, Parameters};
use tacit_ceremony::files::ptau::Ptau;
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::files::zkey::Zkey;
use tacit_ceremony::phase1::{self, LinkedPowers, PowersError, PowersFault, PreparedPowers};
use tacit_ceremony::phase2::{self, KeyError, KeyFault, LinkedKey};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;
use tempfile::TempDir;

/// Powers for circuits of 16 rows.
pub const POWER: u32 = 4;

/// Files by how many have contributed; the last one is the beacon's.
pub struct Scene {
    pub powers: Vec<Vec<u8>>,
    pub prepared: Vec<u8>,
    pub keys: Vec<Vec<u8>>,
}

pub static SCENE: LazyLock<Scene> = LazyLock::new(|| {
    let mut powers = vec![fresh_powers(POWER)];
    for i in 0..2u8 {
        powers.push(contribute_powers(
            &powers[usize::from(i)],
            [i; 32],
            &format!("p{i}"),
        ));
    }
    powers.push(finish_powers(&powers[2]));
    let prepared = prepare(&powers[3], &Rule::Announced(powers_beacon()));
    let mut keys = vec![initial_key(&prepared, &cube())];
    for i in 0..2u8 {
        let name = format!("k{i}");
        keys.push(contribute_key(
            &keys[usize::from(i)],
            &keys[0],
            [40 + i; 32],
            &name,
        ));
    }
    keys.push(finish_key(&keys[2], &keys[0]));
    Scene {
        powers,
        prepared,
        keys,
    }
});

pub fn powers_beacon() -> Beacon {
    Beacon {
        value: (0..32).collect(),
        exponent: 10,
    }
}

pub fn key_beacon() -> Beacon {
    Beacon {
        value: (32..64).collect(),
        exponent: 11,
    }
}

/// The end's rules.
pub fn powers_end() -> Rule {
    Rule::Announced(powers_beacon())
}

pub fn key_end() -> Rule {
    Rule::Announced(key_beacon())
}

pub fn weights() -> Weights {
    Weights::from_os().unwrap()
}

/// y = x^3 + x + 5; wires: one, y, x, x^2, x^3.
pub fn cube() -> R1cs {
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

/// Bytes as a file for as long as the folder lives; an open file outlives it.
pub fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// What something writes into a file.
pub fn written(write: impl FnOnce(&std::path::Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    write(&path);
    std::fs::read(path).unwrap()
}

pub fn open_powers(bytes: &[u8]) -> Result<Ptau, FileError> {
    let (_folder, path) = file(bytes);
    Ptau::open(&path)
}

pub fn open_key(bytes: &[u8]) -> Result<Zkey, FileError> {
    let (_folder, path) = file(bytes);
    Zkey::open(&path)
}

pub fn link_powers(bytes: &[u8], rule: &Rule) -> Result<LinkedPowers, PowersError> {
    let mut weights = weights();
    let valid = phase1::validate(open_powers(bytes)?, &mut weights, &mut Silent)?;
    phase1::link(valid, rule, &mut weights)
}

pub fn link_key(bytes: &[u8], initial: &[u8], rule: &Rule) -> Result<LinkedKey, KeyError> {
    let mut weights = weights();
    // The scene's own, made by `initial_key` or, in the tests of lies, a lie that must be found out.
    let (_folder, path) = file(initial);
    let initial = phase2::InitialKey::of_own_disk(&path)?;
    let valid = phase2::validate(open_key(bytes)?, &initial, &mut weights, &mut Silent)?;
    phase2::link(valid, rule, &mut weights)
}

/// The rule that powers break.
pub fn powers_fault(bytes: &[u8], rule: &Rule) -> PowersFault {
    match link_powers(bytes, rule) {
        Err(PowersError::Fault(fault)) => fault,
        Err(other) => panic!("refused as a file: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// The rule that a key of the cube's circuit breaks.
pub fn key_fault(bytes: &[u8], rule: &Rule) -> KeyFault {
    match link_key(bytes, &SCENE.keys[0], rule) {
        Err(KeyError::Fault(fault)) => fault,
        Err(other) => panic!("refused as a file: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

/// What is wrong with a file itself.
pub fn file_fault<T>(opened: Result<T, FileError>) -> Fault {
    match opened {
        Err(FileError::Format { fault, .. }) => fault,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

pub fn fresh_powers(power: u32) -> Vec<u8> {
    written(|path| phase1::create(path, power).unwrap())
}

pub fn contribute_powers(before: &[u8], seed: [u8; 32], name: &str) -> Vec<u8> {
    let before = link_powers(before, &Rule::Open).unwrap();
    let parameters = Parameters::contribution(Some(name));
    let stream = Stream::from_seed(seed);
    written(|to| {
        phase1::contribute(&before, to, stream, parameters, &mut Silent).unwrap();
    })
}

pub fn finish_powers(before: &[u8]) -> Vec<u8> {
    let before = link_powers(before, &Rule::Open).unwrap();
    let parameters = Parameters::beacon(powers_beacon(), Some("beacon"));
    let stream = beacon::stream(&powers_beacon());
    written(|to| {
        phase1::contribute(&before, to, stream, parameters, &mut Silent).unwrap();
    })
}

pub fn prepare(bytes: &[u8], rule: &Rule) -> Vec<u8> {
    let powers = link_powers(bytes, rule).unwrap();
    written(|to| phase1::prepare(&powers, to, &mut Silent).unwrap())
}

pub fn prepared(bytes: &[u8], rule: &Rule) -> Result<PreparedPowers, PowersError> {
    let powers = link_powers(bytes, rule)?;
    phase1::verify_prepared(powers, &mut weights(), &mut Silent)
}

pub fn initial_key(prepared_powers: &[u8], circuit: &R1cs) -> Vec<u8> {
    let powers = prepared(prepared_powers, &powers_end()).unwrap();
    written(|to| {
        phase2::setup(&powers, circuit, to, &mut Silent).unwrap();
    })
}

pub fn contribute_key(before: &[u8], initial: &[u8], seed: [u8; 32], name: &str) -> Vec<u8> {
    let before = link_key(before, initial, &Rule::Open).unwrap();
    let parameters = Parameters::contribution(Some(name));
    let stream = Stream::from_seed(seed);
    written(|to| {
        phase2::contribute(&before, to, stream, parameters, &mut Silent).unwrap();
    })
}

pub fn finish_key(before: &[u8], initial: &[u8]) -> Vec<u8> {
    let before = link_key(before, initial, &Rule::Open).unwrap();
    let parameters = Parameters::beacon(key_beacon(), Some("beacon"));
    let stream = beacon::stream(&key_beacon());
    written(|to| {
        phase2::contribute(&before, to, stream, parameters, &mut Silent).unwrap();
    })
}

/// A point of the twist of order 10069, the cofactor's smallest factor.
pub fn small_order() -> G2Affine {
    let q = BigUint::from(Fq::MODULUS);
    let r = BigUint::from(Fr::MODULUS);
    let rest = &r * (&q + &q - &r) / 10_069u32;
    let mut rng = ark_std::test_rng();
    loop {
        let x = Fq2::rand(&mut rng);
        let Some(point) = G2Affine::get_point_from_x_unchecked(x, true) else {
            continue;
        };
        let small = g2::Config::mul_affine(&point, &rest.to_u64_digits()).into_affine();
        if !small.is_zero() {
            return small;
        }
    }
}
