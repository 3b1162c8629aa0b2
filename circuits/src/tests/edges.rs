//! The production circuit at the edges: every path length, and the scalars next to every bound.

use ark_ff::{Field as _, UniformRand as _};
use proptest::prelude::*;
use tacit_protocol::field::{Fr, Scalar, SecretScalar};
use tacit_protocol::lean_imt::{MAX_DEPTH, MembershipProof};

use super::{alone, broken, identity, nonce, public_of, rng};
use crate::relation::{Nonce, Rule, SealingWitness, check};

fn holds(s: Scalar, nonce: &Nonce, path: &MembershipProof) -> (Result<(), Rule>, Vec<Rule>) {
    let signer = identity(s);
    let public = public_of(&signer, nonce, path);
    let witness = SealingWitness::new(&signer, nonce.clone(), path.clone());
    (
        check(&public, &witness, MAX_DEPTH),
        broken::<MAX_DEPTH>(&public, &witness),
    )
}

fn two_to(exponent: u64) -> Scalar {
    Scalar::from(2u64).pow([exponent])
}

#[test]
fn secrets_at_the_edges_are_served_at_full_depth() {
    let one = Scalar::from(1u64);
    let mut rng = rng(12);
    let siblings: Vec<Fr> = (0..MAX_DEPTH).map(|_| Fr::rand(&mut rng)).collect();
    let path = MembershipProof {
        siblings,
        index: 0b1010_0110_0101_1100_1111,
    };
    let small = [1u64, 2, 3, 5, 7, 8].map(Scalar::from);
    let near_bounds = [
        two_to(249),
        two_to(249) + one,
        two_to(250),
        two_to(250) - one,
        two_to(3) - one,
    ];
    let halves = [
        (-one) * Scalar::from(2u64).inverse().unwrap(),
        Scalar::from(2u64).inverse().unwrap(),
    ];
    for s in small
        .into_iter()
        .flat_map(|s| [s, -s])
        .chain(near_bounds)
        .chain(halves)
    {
        assert_eq!(holds(s, &nonce(77), &path), (Ok(()), vec![]), "{s}");
    }
}

#[test]
fn nonces_at_the_edges_are_served() {
    let one = Scalar::from(1u64);
    let small = [2u64, 4, 5, 6, 7].map(Scalar::from);
    let encoded = [
        two_to(252) + one,
        two_to(249),
        two_to(250),
        two_to(251),
        two_to(252),
        Scalar::from(15u64) * two_to(250),
    ];
    for r in small.into_iter().flat_map(|r| [r, -r]).chain(encoded) {
        let nonce = Nonce::new(SecretScalar::new(r)).unwrap();
        assert_eq!(*nonce.scalar().expose(), r);
        assert_eq!(
            holds(Scalar::from(12_345u64), &nonce, &alone()),
            (Ok(()), vec![]),
            "{r}"
        );
    }
}

#[test]
fn every_path_length_is_served_and_one_more_is_not() {
    let mut rng = rng(13);
    for length in 0..=MAX_DEPTH {
        let siblings: Vec<Fr> = (0..length).map(|_| Fr::rand(&mut rng)).collect();
        let index = 0b1_1001_1010_0110_1001_1101 & ((1u32 << length) - 1);
        let path = MembershipProof { siblings, index };
        assert_eq!(
            holds(Scalar::from(12_345u64), &nonce(77), &path),
            (Ok(()), vec![]),
            "{length}"
        );
    }
    let path = MembershipProof {
        siblings: vec![Fr::from(1u64); MAX_DEPTH + 1],
        index: 0,
    };
    let signer = identity(Scalar::from(12_345u64));
    let public = public_of(&signer, &nonce(77), &path);
    let witness = SealingWitness::new(&signer, nonce(77), path);
    assert_eq!(check(&public, &witness, MAX_DEPTH), Err(Rule::PathShape));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_secret_nonce_and_path_hold_and_agree_with_the_native_twin(seed: [u8; 32], length in 0usize..=8, index: u32) {
        use ark_std::rand::{SeedableRng as _, rngs::StdRng};
        let mut rng = StdRng::from_seed(seed);
        let s = Scalar::rand(&mut rng);
        let siblings: Vec<Fr> = (0..length).map(|_| Fr::rand(&mut rng)).collect();
        let path = MembershipProof { siblings, index: index & ((1 << length) - 1) };
        let signer = identity(s);
        let nonce = Nonce::random(&mut rng);
        let public = public_of(&signer, &nonce, &path);
        let witness = SealingWitness::new(&signer, nonce, path);
        prop_assert_eq!(check(&public, &witness, 8), Ok(()));
        prop_assert_eq!(broken::<8>(&public, &witness), vec![]);
    }
}
