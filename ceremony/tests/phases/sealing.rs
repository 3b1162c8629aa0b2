//! A ceremony's keys for the sealing circuit, in the hands of the product's own prover and verifier.

use std::path::Path;
use std::sync::LazyLock;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ff::{FftField as _, Field as _};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use tacit_ceremony::beacon::{self, Rule};
use tacit_ceremony::circuits;
use tacit_ceremony::files::container::SectionWriter;
use tacit_ceremony::files::parameters::Parameters;
use tacit_ceremony::files::ptau::{FORMAT, Ptau};
use tacit_ceremony::files::zkey::Zkey;
use tacit_ceremony::phase1::{self, LinkedPowers, PreparedPowers};
use tacit_ceremony::phase2::{self, LinkedKey, export};
use tacit_ceremony::points::{Encoded, stored};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::scale::{Scalable, each};
use tacit_ceremony::stream::Stream;
use tacit_circuits::{
    KeyError, Nonce, PreparedKey, Proof, ProvingKey, SealingPublic, SealingWitness, VerifyingKey,
    seal_point, seeded_rng,
};
use tacit_protocol::field::Scalar;
use tacit_protocol::lean_imt::{MAX_DEPTH, MembershipProof};
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::Identity;

use crate::scene::{key_beacon, key_end, powers_beacon, powers_end, weights};

fn linked_powers(path: &Path, rule: &Rule) -> LinkedPowers {
    let mut weights = weights();
    let ptau = Ptau::open(path).unwrap();
    let valid = phase1::validate(ptau, &mut weights, &mut Silent).unwrap();
    phase1::link(valid, rule, &mut weights).unwrap()
}

/// The Lagrange polynomials of 2^power at tau, without what tau^(2n - 1) adds if `cut`.
fn lagrange(tau: Fr, power: u32, cut: bool) -> Vec<Fr> {
    let count = 1u64 << power;
    let domain = Radix2EvaluationDomain::<Fr>::new(count as usize).unwrap();
    let mut values = domain.evaluate_all_lagrange_coefficients(tau);
    if cut {
        // 1/m * sum over j of w^(-ij) tau^j, and w^(-i (m - 1)) = w^i.
        let root = Fr::get_root_of_unity(count).unwrap();
        let mut last = tau.pow([count - 1]) / Fr::from(count);
        for value in &mut values {
            *value -= last;
            last *= root;
        }
    }
    values
}

fn block<P: Scalable>(generator: P, scalars: &[Fr], factor: Fr) -> Vec<u8> {
    let scalars: Vec<Fr> = scalars.iter().map(|s| *s * factor).collect();
    let points: Vec<P> = each(&vec![generator; scalars.len()], &scalars);
    stored::<P>(&points)
}

fn write_blocks<P: Scalable + Encoded>(
    writer: &mut SectionWriter,
    section: u32,
    (tau, factor): (Fr, Fr),
    generator: P,
    power: u32,
) {
    writer.begin(section).unwrap();
    let last = if section == 12 { power + 1 } else { power };
    for size in 0..=last {
        let scalars = lagrange(tau, size, size == power + 1);
        writer.write(&block(generator, &scalars, factor)).unwrap();
    }
}

/// Powers of one contribution and a beacon, whose secrets are known here, so that their Lagrange forms take seconds. They
/// are checked like anybody's.
fn known_powers(folder: &Path, power: u32) -> PreparedPowers {
    let path = |name: &str| folder.join(name);
    let seed = [21; 32];
    phase1::create(&path("0.ptau"), power).unwrap();
    let fresh = linked_powers(&path("0.ptau"), &Rule::Open);
    let stream = Stream::from_seed(seed);
    let parameters = Parameters::contribution(None);
    phase1::contribute(&fresh, &path("1.ptau"), stream, parameters, &mut Silent).unwrap();
    let one = linked_powers(&path("1.ptau"), &Rule::Open);
    let stream = beacon::stream(&powers_beacon());
    let parameters = Parameters::beacon(powers_beacon(), None);
    phase1::contribute(&one, &path("2.ptau"), stream, parameters, &mut Silent).unwrap();

    let (mut stream, mut last) = (Stream::from_seed(seed), beacon::stream(&powers_beacon()));
    let [tau, alpha, beta] = [(); 3].map(|()| stream.scalar() * last.scalar());
    let from = Ptau::open(&path("2.ptau")).unwrap();
    let mut writer = SectionWriter::create(&path("p.ptau"), &FORMAT, 11).unwrap();
    for section in 1..=7 {
        let body = from.file().section(section, 1 << 30).unwrap();
        writer.section(section, &body).unwrap();
    }
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    let one = Fr::from(1u64);
    write_blocks(&mut writer, 12, (tau, one), g1, power);
    write_blocks(&mut writer, 13, (tau, one), g2, power);
    write_blocks(&mut writer, 14, (tau, alpha), g1, power);
    write_blocks(&mut writer, 15, (tau, beta), g1, power);
    writer.finish().unwrap();
    let powers = linked_powers(&path("p.ptau"), &powers_end());
    phase1::verify_prepared(powers, &mut weights(), &mut Silent).unwrap()
}

/// Large enough for the sealing circuit, so for shallower ones too. The file stays open without its folder.
static POWERS: LazyLock<PreparedPowers> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    known_powers(folder.path(), circuits::sealing().unwrap().power())
});

/// One contribution and a beacon to the sealing circuit's key.
fn finished<const DEPTH: usize>(folder: &Path) -> LinkedKey {
    let path = |name: &str| folder.join(name);
    let circuit = circuits::sealing_of_depth::<DEPTH>().unwrap();
    let initial = phase2::setup(&POWERS, &circuit, &path("0.zkey"), &mut Silent).unwrap();
    let linked = |name: &str, rule: &Rule| {
        let mut weights = weights();
        let key = Zkey::open(&path(name)).unwrap();
        let valid = phase2::validate(key, &initial, &mut weights, &mut Silent).unwrap();
        phase2::link(valid, rule, &mut weights).unwrap()
    };
    let mut parameters = Parameters::contribution(Some("ada"));
    let mut stream = Stream::from_seed([22; 32]);
    for (from, to) in [("0.zkey", "1.zkey"), ("1.zkey", "2.zkey")] {
        let before = linked(from, &Rule::Open);
        phase2::contribute(&before, &path(to), stream, parameters, &mut Silent).unwrap();
        parameters = Parameters::beacon(key_beacon(), None);
        stream = beacon::stream(&key_beacon());
    }
    linked("2.zkey", &key_end())
}

fn statement(depth: usize) -> (SealingPublic, SealingWitness) {
    let member = Identity::from_key(b"a member").unwrap();
    let siblings: Vec<Fr> = (0..depth as u64).map(|i| Fr::from(1_000 + i)).collect();
    let index = (1u32 << depth) - 1;
    let path = MembershipProof { siblings, index };
    let nonce = Nonce::random(&mut seeded_rng([23; 32]));
    let key = Point::mul_generator(&Scalar::from(1_000_003u64)).unwrap();
    let scope = Fr::from(77u64);
    let public = SealingPublic {
        root: path.root(member.commitment()),
        nullifier: member.nullifier(scope),
        scope,
        key,
        ct: seal_point(&nonce, &key, member.commitment()).unwrap().ct,
        context: Fr::from(99u64),
    };
    (public, SealingWitness::new(&member, nonce, path))
}

/// Keys as bytes, loaded by their hashes, prove and verify a statement, and nothing else.
fn prove_and_verify<const DEPTH: usize>(key: &LinkedKey) {
    let (proving, verifying) = export(key).unwrap().sealing::<DEPTH>().unwrap();
    let (bytes, hash) = (proving.to_bytes(), tacit_circuits::keys::key_hash);
    let proving = ProvingKey::<DEPTH>::load_validated(&bytes, &hash(&bytes)).unwrap();
    let bytes = verifying.to_bytes();
    let verifying = VerifyingKey::load(&bytes, &hash(&bytes)).unwrap();
    assert_eq!(proving.verifying_key(), &verifying);

    let (public, witness) = statement(DEPTH.min(3));
    let proof =
        tacit_circuits::prove(&proving, &public, &witness, &mut seeded_rng([24; 32])).unwrap();
    let proof = Proof::from_bytes(&proof.to_bytes()).unwrap();
    let prepared = PreparedKey::new(&verifying);
    assert!(tacit_circuits::verify(&prepared, &public, &proof).is_ok());
    let mut other = public;
    other.context += Fr::from(1u64);
    assert!(tacit_circuits::verify(&prepared, &other, &proof).is_err());
}

#[test]
fn a_ceremonys_keys_for_a_shallow_circuit_prove_and_verify_and_are_for_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let key = finished::<1>(folder.path());
    prove_and_verify::<1>(&key);
    let refused = export(&key).unwrap().sealing::<2>();
    assert!(matches!(refused, Err(KeyError::OtherCircuit(_))));
}

#[test]
fn a_ceremonys_keys_for_the_sealing_circuit_prove_and_verify() {
    let folder = tempfile::tempdir().unwrap();
    let key = finished::<MAX_DEPTH>(folder.path());
    prove_and_verify::<MAX_DEPTH>(&key);
}
