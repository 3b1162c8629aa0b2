//! Readers that we didn't write: what they find in our files is what we put there.

use std::fs::File;

use ark_bn254::{Bn254, Fr};
use ark_ff::{BigInteger as _, PrimeField as _};
use taceo_circom_types::R1CS;
use taceo_circom_types::groth16::{Proof, PublicInput, VerificationKey};
use tacit_ceremony::circuits;
use tacit_ceremony::files::json;
use tacit_ceremony::files::r1cs::{R1cs, Row};
use tacit_ceremony::phase2::export;

use crate::scene::{SCENE, cube, key_end, link_key};
use crate::snarkjs::{chain, chain_witness, prove};

/// A circuit as a file, read by two others.
fn agrees(circuit: &R1cs) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circuit.r1cs");
    circuit.write(&path).unwrap();

    let read = r1cs_file::R1csFile::<32>::read(File::open(&path).unwrap()).unwrap();
    let mut modulus = Fr::MODULUS.to_bytes_le();
    modulus.resize(32, 0);
    assert_eq!(read.header.prime.as_bytes(), modulus);
    assert_eq!(read.header.n_wires, circuit.wires);
    assert_eq!(read.header.n_pub_out + read.header.n_pub_in, circuit.public);
    assert_eq!(read.constraints.0.len(), circuit.constraints.len());
    assert_eq!(read.map.0.len(), circuit.wires as usize);
    for (theirs, ours) in read.constraints.0.iter().zip(&circuit.constraints) {
        for (theirs, ours) in [&theirs.0, &theirs.1, &theirs.2].into_iter().zip(ours) {
            let row = theirs
                .iter()
                .map(|(value, wire)| (*wire, Fr::from_le_bytes_mod_order(value.as_bytes())));
            assert_eq!(&row.collect::<Row>(), ours);
        }
    }

    let read = R1CS::<Bn254>::from_reader(File::open(&path).unwrap()).unwrap();
    assert_eq!(read.num_variables, circuit.wires as usize);
    assert_eq!(read.num_inputs, circuit.public as usize + 1);
    for (theirs, ours) in read.constraints.iter().zip(&circuit.constraints) {
        for (theirs, ours) in [&theirs.0, &theirs.1, &theirs.2].into_iter().zip(ours) {
            let row = theirs.iter().map(|(wire, value)| (*wire as u32, *value));
            assert_eq!(&row.collect::<Row>(), ours);
        }
    }
}

#[test]
fn circuits_are_read_by_others_as_they_were_written() {
    agrees(&cube());
    agrees(&chain(100));
    agrees(&circuits::sealing_of_depth::<1>().unwrap());
}

#[test]
fn texts_of_keys_proofs_and_inputs_are_read_by_others_as_they_were_written() {
    let linked = link_key(&SCENE.keys[3], &SCENE.keys[0], &key_end()).unwrap();
    let keys = export(&linked).unwrap().proving;
    let text = json::write_verifying_key(&keys.vk);
    let read: VerificationKey<Bn254> = serde_json::from_str(&text).unwrap();
    let pairing = read.alpha_beta_gt;
    assert_eq!(
        pairing,
        <Bn254 as ark_ec::pairing::Pairing>::pairing(keys.vk.alpha_g1, keys.vk.beta_g2).0
    );
    assert_eq!(ark_groth16::VerifyingKey::from(read), keys.vk);

    let x = Fr::from(3u64);
    let assignment = [Fr::from(1u64), Fr::from(35u64), x, x * x, x * x * x];
    let proof = prove(&keys, &cube(), &assignment);
    let read: Proof<Bn254> = serde_json::from_str(&json::write_proof(&proof)).unwrap();
    assert_eq!(ark_groth16::Proof::from(read), proof);

    let inputs = chain_witness(5, Fr::from(9u64));
    let read: PublicInput<Fr> = serde_json::from_str(&json::write_public(&inputs)).unwrap();
    assert_eq!(read.into_inner(), inputs);
}
