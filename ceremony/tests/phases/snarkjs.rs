//! snarkjs and we: its files are ours, ours are its, and where its verdict on a file is another one than
//! ours. A test tool, run as a program: `npm ci` in `tests/snarkjs` installs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{BigInteger as _, One as _, PrimeField as _};
use ark_groth16::{Groth16, Proof, ProvingKey, prepare_verifying_key};
use tacit_ceremony::beacon::{self, Rule};
use tacit_ceremony::files::container::{Format, SectionWriter};
use tacit_ceremony::files::json;
use tacit_ceremony::files::parameters::Parameters;
use tacit_ceremony::files::ptau::{Powers, Ptau};
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::files::zkey::Zkey;
use tacit_ceremony::phase1::{self, LinkedPowers};
use tacit_ceremony::phase2::{self, LinkedKey, export};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;

use crate::powers::truncated;
use crate::rogue::RogueKey;
use crate::scene::{
    SCENE, cube, key_beacon, key_end, link_key, link_powers, powers_beacon, powers_end, weights,
};
use crate::sections::{changed, read, with_key_records, with_point, with_powers_records};

/// w_(i+1) = w_i^2 + i + 2, so many times; wires: one, the last (public), the first, and those between.
pub fn chain(count: u32) -> R1cs {
    let one = Fr::one();
    let wire = |i: u32| if i == count { 1 } else { 2 + i };
    let constraints = (0..count).map(|i| {
        [
            vec![(wire(i), one)],
            vec![(wire(i), one)],
            vec![(wire(i + 1), one), (0, -Fr::from(i + 2))],
        ]
    });
    R1cs {
        wires: count + 2,
        public: 1,
        constraints: constraints.collect(),
    }
}

/// The chain's wires from its first.
pub fn chain_witness(count: u32, first: Fr) -> Vec<Fr> {
    let next = |(i, w): &(u32, Fr)| Some((i + 1, *w * w + Fr::from(i + 2)));
    let values: Vec<Fr> = std::iter::successors(Some((0, first)), next)
        .map(|(_, w)| w)
        .take(count as usize + 1)
        .collect();
    let (last, others) = values.split_last().unwrap();
    [&[Fr::one(), *last], others].concat()
}

/// A proof by arkworks' prover, which is ours.
pub fn prove(key: &ProvingKey<Bn254>, circuit: &R1cs, assignment: &[Fr]) -> Proof<Bn254> {
    let rows = |part: usize| {
        let row = |c: &[Vec<(u32, Fr)>; 3]| {
            let terms = c[part].iter();
            terms.map(|(wire, f)| (*f, *wire as usize)).collect()
        };
        circuit.constraints.iter().map(row).collect::<Vec<Vec<_>>>()
    };
    Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
        key,
        Fr::from(11u64),
        Fr::from(12u64),
        &[rows(0), rows(1), rows(2)],
        circuit.public as usize + 1,
        circuit.constraints.len(),
        assignment,
    )
    .unwrap()
}

pub fn verifies(key: &ProvingKey<Bn254>, proof: &Proof<Bn254>, public: &[Fr]) -> bool {
    let prepared = prepare_verifying_key(&key.vk);
    Groth16::<Bn254>::verify_proof(&prepared, proof, public).unwrap()
}

struct Snarkjs(PathBuf);

impl Snarkjs {
    /// The program, if it is installed. Where everything must be tested, it must be.
    fn find() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snarkjs");
        let program = folder.join("node_modules/.bin/snarkjs");
        if program.exists() {
            return Some(Self(program));
        }
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "snarkjs is not installed: run `npm ci` in {}",
            folder.display()
        );
        eprintln!(
            "skipped: snarkjs is not installed (`npm ci` in {})",
            folder.display()
        );
        None
    }

    /// Whether it is content.
    fn passes(&self, folder: &Path, args: &[&str]) -> bool {
        let output = Command::new(&self.0)
            .args(args)
            .current_dir(folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        eprintln!("snarkjs {}: {}\n{said}", args.join(" "), output.status);
        output.status.success()
    }

    fn run(&self, folder: &Path, args: &[&str]) {
        assert!(self.passes(folder, args), "snarkjs {}", args.join(" "));
    }
}

fn open_powers(path: &Path, rule: &Rule) -> LinkedPowers {
    link_powers(&read(path), rule).unwrap()
}

fn open_key(path: &Path, initial: &Path, rule: &Rule) -> LinkedKey {
    link_key(&read(path), &read(initial), rule).unwrap()
}

fn same_powers(a: &Path, b: &Path) {
    let (a, b) = (Ptau::open(a).unwrap(), Ptau::open(b).unwrap());
    let records = |ptau: &Ptau| {
        let mut records = ptau.records().to_vec();
        for record in &mut records {
            // Behind the fill stands what other programs leave there.
            record.partial_hash[96..128].fill(0);
        }
        records
    };
    assert!(records(&a) == records(&b));
    for list in Powers::ALL {
        let mut bytes = [Vec::new(), Vec::new()];
        for (to, ptau) in bytes.iter_mut().zip([&a, &b]) {
            *to = ptau.file().section(list.section(), 1 << 20).unwrap();
        }
        assert!(bytes[0] == bytes[1]);
    }
}

fn witness_file(path: &Path, values: &[Fr]) {
    const FORMAT: Format = Format {
        magic: "wtns",
        version: 2,
        required: &[1, 2],
        optional: &[],
    };
    let mut head = 32u32.to_le_bytes().to_vec();
    head.extend(Fr::MODULUS.to_bytes_le());
    head.extend((values.len() as u32).to_le_bytes());
    let body = values.iter().flat_map(|v| v.into_bigint().to_bytes_le());
    let mut writer = SectionWriter::create(path, &FORMAT, 2).unwrap();
    writer.section(1, &head).unwrap();
    writer.section(2, &body.collect::<Vec<u8>>()).unwrap();
    writer.finish().unwrap();
}

/// Powers by turns: we, snarkjs, we, and the beacon by both.
fn powers_by_turns(snarkjs: &Snarkjs, folder: &Path) {
    let path = |name: &str| folder.join(name);
    let ours = |from: &str, to: &str, stream: Stream, parameters: Parameters| {
        let before = open_powers(&path(from), &Rule::Open);
        phase1::contribute(&before, &path(to), stream, parameters, &mut Silent).unwrap();
    };
    let ada = Parameters::contribution(Some("ada"));
    phase1::create(&path("0.ptau"), 7).unwrap();
    ours("0.ptau", "1.ptau", Stream::from_seed([1; 32]), ada.clone());
    let args = ["powersoftau", "contribute", "1.ptau", "2.ptau"];
    snarkjs.run(folder, &[&args[..], &["-n=bob", "-e=some words"]].concat());
    let [one, two] = ["1.ptau", "2.ptau"].map(|name| Ptau::open(&path(name)).unwrap());
    assert_eq!(phase1::extends(&two, &one), Ok(()));
    assert_eq!(two.records()[1].parameters.name.as_deref(), Some("bob"));
    ours("2.ptau", "3.ptau", Stream::from_seed([3; 32]), ada);
    let stream = beacon::stream(&powers_beacon());
    let parameters = Parameters::beacon(powers_beacon(), Some("end"));
    ours("3.ptau", "4.ptau", stream, parameters);

    let value = hex::encode(powers_beacon().value);
    let args = ["powersoftau", "beacon", "3.ptau", "b.ptau", &value, "10"];
    snarkjs.run(folder, &[&args[..], &["-n=end"]].concat());
    same_powers(&path("4.ptau"), &path("b.ptau"));

    let done = open_powers(&path("4.ptau"), &powers_end());
    phase1::prepare(&done, &path("p.ptau"), &mut Silent).unwrap();
    snarkjs.run(folder, &["powersoftau", "verify", "p.ptau"]);
}

/// A key by turns.
fn key_by_turns(snarkjs: &Snarkjs, folder: &Path) {
    let path = |name: &str| folder.join(name);
    let ours = |from: &str, to: &str, stream: Stream, parameters: Parameters| {
        let before = open_key(&path(from), &path("0.zkey"), &Rule::Open);
        phase2::contribute(&before, &path(to), stream, parameters, &mut Silent).unwrap();
    };
    chain(100).write(&path("c.r1cs")).unwrap();
    snarkjs.run(folder, &["r1cs", "info", "c.r1cs"]);
    let powers = open_powers(&path("p.ptau"), &powers_end());
    let powers = phase1::verify_prepared(powers, &mut weights(), &mut Silent).unwrap();
    phase2::setup(&powers, &chain(100), &path("0.zkey"), &mut Silent).unwrap();
    snarkjs.run(
        folder,
        &["groth16", "setup", "c.r1cs", "p.ptau", "theirs.zkey"],
    );
    let [mine, theirs] = ["0.zkey", "theirs.zkey"].map(|name| Zkey::open(&path(name)).unwrap());
    assert_eq!(mine.circuit_hash(), theirs.circuit_hash());
    for section in 3..=10 {
        let [a, b] = [&mine, &theirs].map(|k| k.file().section(section, 1 << 24).unwrap());
        assert!(a == b, "section {section}");
    }

    let ada = Parameters::contribution(Some("ada"));
    ours("0.zkey", "1.zkey", Stream::from_seed([4; 32]), ada.clone());
    let args = ["zkey", "contribute", "1.zkey", "2.zkey"];
    snarkjs.run(folder, &[&args[..], &["-n=bob", "-e=other words"]].concat());
    let [one, two] = ["1.zkey", "2.zkey"].map(|name| Zkey::open(&path(name)).unwrap());
    assert_eq!(phase2::extends(&two, &one), Ok(()));
    ours("2.zkey", "3.zkey", Stream::from_seed([5; 32]), ada);
    let stream = beacon::stream(&key_beacon());
    let parameters = Parameters::beacon(key_beacon(), Some("end"));
    ours("3.zkey", "4.zkey", stream, parameters);

    let value = hex::encode(key_beacon().value);
    let args = ["zkey", "beacon", "3.zkey", "b.zkey", &value, "11"];
    snarkjs.run(folder, &[&args[..], &["-n=end"]].concat());
    let [mine, theirs] = ["4.zkey", "b.zkey"].map(|name| Zkey::open(&path(name)).unwrap());
    assert_eq!(mine.header(), theirs.header());
    for section in 3..=10 {
        let [a, b] = [&mine, &theirs].map(|k| k.file().section(section, 1 << 24).unwrap());
        assert!(a == b, "section {section}");
    }
    snarkjs.run(folder, &["zkey", "verify", "c.r1cs", "p.ptau", "4.zkey"]);
}

/// Proofs with the same key, each verified by the other.
fn proofs_by_turns(snarkjs: &Snarkjs, folder: &Path) {
    let path = |name: &str| folder.join(name);
    let text = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let linked = open_key(&path("4.zkey"), &path("0.zkey"), &key_end());
    let key = export(&linked).unwrap().proving;
    let args = ["zkey", "export", "verificationkey", "4.zkey", "vk.json"];
    snarkjs.run(folder, &args);
    assert_eq!(json::read_verifying_key(&text("vk.json")).unwrap(), key.vk);
    let ours: serde_json::Value =
        serde_json::from_str(&json::write_verifying_key(&key.vk)).unwrap();
    let theirs: serde_json::Value = serde_json::from_str(&text("vk.json")).unwrap();
    assert_eq!(ours, theirs);

    let witness = chain_witness(100, Fr::from(5u64));
    let proof = prove(&key, &chain(100), &witness);
    std::fs::write(path("vk.json"), json::write_verifying_key(&key.vk)).unwrap();
    std::fs::write(path("proof.json"), json::write_proof(&proof)).unwrap();
    std::fs::write(path("public.json"), json::write_public(&witness[1..2])).unwrap();
    let verify = ["groth16", "verify", "vk.json", "public.json", "proof.json"];
    snarkjs.run(folder, &verify);
    let wrong = json::write_public(&[witness[1] + Fr::one()]);
    std::fs::write(path("public.json"), wrong).unwrap();
    assert!(!snarkjs.passes(folder, &verify));

    witness_file(&path("w.wtns"), &witness);
    let args = ["groth16", "prove", "4.zkey", "w.wtns", "q.json", "r.json"];
    snarkjs.run(folder, &args);
    let proof = json::read_proof(&text("q.json")).unwrap();
    let public = json::read_public(&text("r.json")).unwrap();
    assert_eq!(public, witness[1..2]);
    assert!(verifies(&key, &proof, &public));
    assert!(!verifies(&key, &proof, &[public[0] + Fr::one()]));
}

#[test]
fn a_ceremony_of_both_tools_is_one_ceremony_and_its_proofs_are_each_others() {
    let Some(snarkjs) = Snarkjs::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    powers_by_turns(&snarkjs, folder.path());
    key_by_turns(&snarkjs, folder.path());
    proofs_by_turns(&snarkjs, folder.path());
}

/// A rule, a file that breaks it, and whether snarkjs passes it.
type Row = (&'static str, Vec<u8>, bool);

fn keys_that_break_rules() -> Vec<Row> {
    let good = &SCENE.keys[3];
    let plain = Parameters::contribution(Some("beacon")).encode();
    let mut behind = RogueKey::with(Fr::from(3u64));
    behind.delta_g2 = Fr::one();
    let twice = (G1Affine::generator() * Fr::from(2u64)).into_affine();
    let relabelled = with_key_records(good, |r| {
        r[2].truncate(384);
        r[2].extend(&plain);
    });
    vec![
        ("no contribution", SCENE.keys[0].clone(), true),
        ("junk at the end", [&good[..], b"junk"].concat(), true),
        (
            "an extra section",
            changed(good, |s| s.push(11, vec![1])),
            true,
        ),
        ("a beacon relabelled", relabelled, true),
        (
            "a type that isn't",
            with_key_records(good, |r| r[0][384] = 7),
            true,
        ),
        ("a point of L", with_point(good, 8, 0, twice), false),
        ("a point of H", with_point(good, 9, 2, twice), false),
        (
            "delta in G2 left behind",
            behind.contribute(&SCENE.keys[2]),
            false,
        ),
        (
            "a record dropped",
            with_key_records(good, |r| drop(r.remove(0))),
            false,
        ),
        (
            "records swapped",
            with_key_records(good, |r| r.swap(0, 1)),
            false,
        ),
    ]
}

fn powers_that_break_rules() -> Vec<Row> {
    let good = &SCENE.powers[3];
    vec![
        ("junk at the end", [&good[..], b"junk"].concat(), true),
        (
            "a hash state of another count",
            with_powers_records(good, |r| r[0].partial_hash[192] ^= 0x80),
            true,
        ),
        (
            "a record dropped",
            with_powers_records(good, |r| drop(r.remove(0))),
            false,
        ),
        (
            "records swapped",
            with_powers_records(good, |r| r.swap(0, 1)),
            false,
        ),
        ("a forgotten size", truncated(good, false), false),
    ]
}

#[test]
fn where_snarkjs_passes_a_file_that_we_refuse_is_known() {
    let Some(snarkjs) = Snarkjs::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    cube().write(&path("c.r1cs")).unwrap();
    std::fs::write(path("p.ptau"), &SCENE.prepared).unwrap();
    for (what, bytes, passes) in keys_that_break_rules() {
        let ours = match link_key(&bytes, &SCENE.keys[0], &key_end()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{what}: accepted"),
        };
        std::fs::write(path("k.zkey"), &bytes).unwrap();
        let args = ["zkey", "verify", "c.r1cs", "p.ptau", "k.zkey"];
        let theirs = snarkjs.passes(folder.path(), &args);
        println!("key, {what}: we say {ours:?}, snarkjs passes it: {theirs}");
        assert_eq!(theirs, passes, "{what}");
    }
    for (what, bytes, passes) in powers_that_break_rules() {
        let ours = match link_powers(&bytes, &powers_end()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{what}: accepted"),
        };
        std::fs::write(path("k.ptau"), &bytes).unwrap();
        let theirs = snarkjs.passes(folder.path(), &["powersoftau", "verify", "k.ptau"]);
        println!("powers, {what}: we say {ours:?}, snarkjs passes them: {theirs}");
        assert_eq!(theirs, passes, "{what}");
    }
}
