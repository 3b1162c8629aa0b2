//! Whole ceremonies, whoever and how many take part.

use ark_bn254::{Bn254, Fr};
use ark_groth16::{Groth16, Proof, ProvingKey, VerifyingKey, prepare_verifying_key};
use ark_serialize::CanonicalDeserialize as _;
use proptest::prelude::*;
use tacit_ceremony::folder::{Folder, KeyBytes};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::verify::verify;

use crate::scene::{COORDINATOR, cast, cube, key, make, start};

/// A ceremony of so many in each phase, with or without labels, from its folder to its keys, which are what
/// a doubter has made again.
fn ceremony(people: [u8; 2], labelled: bool) -> KeyBytes {
    let (place, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let root = place.path().join("town");
    let mut folder = Folder::create(&root, &start(), &key(COORDINATOR), &mut Silent).unwrap();
    for count in people {
        for who in 1..=count {
            let label = labelled.then(|| format!("number {who}"));
            let (signed, files, _) = make(&folder, who, label.as_deref());
            folder.accept(signed, &files).unwrap();
        }
        cast(&mut folder);
    }
    folder.finish(&mut Silent).unwrap();
    let verified = verify(&root, scratch.path(), &mut Silent).unwrap();
    verified.keys.unwrap().remove(0)
}

fn prove(key: &ProvingKey<Bn254>, x: Fr) -> (Proof<Bn254>, Fr) {
    let y = x * x * x + x + Fr::from(5u64);
    let assignment = [Fr::from(1u64), y, x, x * x, x * x * x];
    let circuit = cube();
    let rows = |part: usize| -> Vec<Vec<(Fr, usize)>> {
        let row = |c: &[Vec<(u32, Fr)>; 3]| {
            let terms = c[part].iter();
            terms.map(|(wire, f)| (*f, *wire as usize)).collect()
        };
        circuit.constraints.iter().map(row).collect()
    };
    let proof = Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
        key,
        Fr::from(11u64),
        Fr::from(12u64),
        &[rows(0), rows(1), rows(2)],
        2,
        3,
        &assignment,
    );
    (proof.unwrap(), y)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn keys_of_any_ceremony_differ_verify_and_prove(
        people in [1u8..4, 1u8..4],
        labelled: bool,
        x: u64,
    ) {
        // Twice the same in all but what the contributors draw.
        let [one, two] = [ceremony(people, labelled), ceremony(people, labelled)];
        prop_assert_ne!(&one.proving, &two.proving);
        prop_assert_ne!(&one.verifying, &two.verifying);
        let proving = ProvingKey::<Bn254>::deserialize_uncompressed(&one.proving[..]).unwrap();
        let (proof, y) = prove(&proving, Fr::from(x));
        let holds = |bytes: &[u8], y: Fr| {
            let key = VerifyingKey::<Bn254>::deserialize_compressed(bytes).unwrap();
            let key = prepare_verifying_key(&key);
            Groth16::<Bn254>::verify_proof(&key, &proof, &[y]).unwrap()
        };
        prop_assert!(holds(&one.verifying, y));
        prop_assert!(!holds(&two.verifying, y));
        prop_assert!(!holds(&one.verifying, y + Fr::from(1u64)));
    }
}
