//! Keys load by hash, and a key of a shape that breaks Groth16 is refused.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_serialize::CanonicalSerialize as _;
use tacit_protocol::hash::Digest;

use super::{DEPTH, instance, keys, rng};
use crate::keys::{KeyError, ProvingKey, VERIFYING_KEY_BYTES, VerifyingKey, key_hash};
use crate::prove::prove;
use crate::verify::{PreparedKey, verify};

type ArkKey = ark_groth16::VerifyingKey<ark_bn254::Bn254>;

#[test]
fn keys_load_by_their_hash_and_work() {
    let (proving, verifying, _) = keys();
    let bytes = verifying.to_bytes();
    assert_eq!(bytes.len(), VERIFYING_KEY_BYTES);
    let loaded = VerifyingKey::load(&bytes, &verifying.hash()).unwrap();
    assert_eq!(&loaded, verifying);

    let bytes = proving.to_bytes();
    let hash = key_hash(&bytes);
    let key = ProvingKey::<DEPTH>::load(&bytes, &hash).unwrap();
    assert_eq!(key.verifying_key().hash(), verifying.hash());
    let (public, witness) = instance(1);
    let proof = prove(&key, &public, &witness, &mut rng(50)).unwrap();
    assert_eq!(verify(&PreparedKey::new(&loaded), &public, &proof), Ok(()));
    assert!(ProvingKey::<DEPTH>::load_validated(&bytes, &hash).unwrap() == key);
}

#[test]
fn other_bytes_than_the_pinned_are_refused_and_both_hashes_named() {
    let (proving, verifying, _) = keys();
    for mut bytes in [verifying.to_bytes(), proving.to_bytes()] {
        let expected = key_hash(&bytes);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let found = key_hash(&bytes);
        let refused = KeyError::Hash { expected, found };
        assert_eq!(VerifyingKey::load(&bytes, &expected).unwrap_err(), refused);
        assert_eq!(
            ProvingKey::<DEPTH>::load(&bytes, &expected).err(),
            Some(refused.clone())
        );
        let message = refused.to_string();
        assert!(message.contains(&expected.to_string()) && message.contains(&found.to_string()));
    }
}

#[test]
fn a_key_with_trailing_or_missing_bytes_is_refused_even_if_that_was_pinned() {
    let (proving, verifying, _) = keys();
    for bytes in [
        [verifying.to_bytes(), vec![0]].concat(),
        verifying.to_bytes()[1..].to_vec(),
        vec![],
    ] {
        assert_eq!(
            VerifyingKey::load(&bytes, &key_hash(&bytes)),
            Err(KeyError::Encoding)
        );
    }
    for bytes in [
        [proving.to_bytes(), vec![0]].concat(),
        proving.to_bytes()[..1000].to_vec(),
        vec![],
    ] {
        assert_eq!(
            ProvingKey::<DEPTH>::load(&bytes, &key_hash(&bytes)).err(),
            Some(KeyError::Encoding)
        );
    }
}

#[test]
fn a_verifying_key_with_a_point_off_its_subgroup_is_refused() {
    let mut key = keys().1.as_ark().clone();
    key.gamma_g2 = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    let mut bytes = vec![];
    key.serialize_compressed(&mut bytes).unwrap();
    assert_eq!(
        VerifyingKey::load(&bytes, &key_hash(&bytes)),
        Err(KeyError::Encoding)
    );
}

#[test]
fn a_proving_key_with_a_point_off_its_curve_is_refused_by_the_validating_load() {
    let mut key = keys().0.as_ark().clone();
    key.l_query[7] = G1Affine::new_unchecked(key.l_query[7].x, key.l_query[8].y);
    let bytes = ProvingKey::<DEPTH>::from_ark(key).unwrap().to_bytes();
    let refused = ProvingKey::<DEPTH>::load_validated(&bytes, &key_hash(&bytes));
    assert_eq!(refused.err(), Some(KeyError::Encoding));
}

/// Breaks one thing of a verifying key. It is refused as such and as a proving key's part, and when
/// its own hash was pinned.
fn refused(change: impl Fn(&mut ArkKey)) -> KeyError {
    let mut key = keys().1.as_ark().clone();
    change(&mut key);
    let error = VerifyingKey::from_ark(key.clone()).unwrap_err();
    let mut proving = keys().0.as_ark().clone();
    proving.vk = key.clone();
    assert_eq!(
        ProvingKey::<DEPTH>::from_ark(proving).err(),
        Some(error.clone())
    );
    let mut bytes = vec![];
    key.serialize_compressed(&mut bytes).unwrap();
    let loaded = VerifyingKey::load(&bytes, &key_hash(&bytes)).unwrap_err();
    assert!(loaded == error || loaded == KeyError::Encoding, "{loaded}");
    error
}

#[test]
fn gamma_equal_to_delta_is_refused() {
    assert_eq!(
        refused(|key| key.gamma_g2 = key.delta_g2),
        KeyError::GammaIsDelta
    );
    assert_eq!(
        refused(|key| key.delta_g2 = -key.gamma_g2),
        KeyError::GammaIsDelta
    );
}

#[test]
fn identities_in_a_key_are_refused() {
    assert_eq!(
        refused(|key| key.delta_g2 = G2Affine::zero()),
        KeyError::DeltaIsIdentity
    );
    assert_eq!(
        refused(|key| key.alpha_g1 = G1Affine::zero()),
        KeyError::Identity("alpha")
    );
    assert_eq!(
        refused(|key| key.beta_g2 = G2Affine::zero()),
        KeyError::Identity("beta")
    );
    assert_eq!(
        refused(|key| key.gamma_g2 = G2Affine::zero()),
        KeyError::Identity("gamma")
    );
    for i in 0..8 {
        assert_eq!(
            refused(|key| key.gamma_abc_g1[i] = G1Affine::zero()),
            KeyError::UnboundInput(i)
        );
    }
    let mut proving = keys().0.as_ark().clone();
    proving.delta_g1 = G1Affine::zero();
    assert_eq!(
        ProvingKey::<DEPTH>::from_ark(proving).err(),
        Some(KeyError::DeltaIsIdentity)
    );
}

#[test]
fn a_key_for_six_or_eight_public_inputs_is_refused() {
    assert_eq!(
        refused(|key| key.gamma_abc_g1.truncate(7)),
        KeyError::PublicInputs(6)
    );
    let more = |key: &mut ArkKey| key.gamma_abc_g1.push(G1Affine::generator());
    assert_eq!(refused(more), KeyError::PublicInputs(8));
    assert_eq!(
        refused(|key| key.gamma_abc_g1.clear()),
        KeyError::PublicInputs(0)
    );
}

#[test]
fn two_public_inputs_with_one_point_are_refused() {
    assert_eq!(
        refused(|key| key.gamma_abc_g1[6] = key.gamma_abc_g1[2]),
        KeyError::SameInput(2, 6)
    );
    assert_eq!(
        refused(|key| key.gamma_abc_g1[3] = -key.gamma_abc_g1[0]),
        KeyError::SameInput(0, 3)
    );
}

#[test]
fn a_proving_key_of_another_depth_is_refused() {
    let key = keys().0.as_ark().clone();
    assert_eq!(
        ProvingKey::<{ DEPTH + 1 }>::from_ark(key.clone()).err(),
        Some(KeyError::OtherCircuit("a_query"))
    );
    let mut short = key;
    short.h_query.pop();
    assert_eq!(
        ProvingKey::<DEPTH>::from_ark(short).err(),
        Some(KeyError::OtherCircuit("h_query"))
    );
}

#[test]
fn two_setups_make_different_keys_with_different_hashes() {
    let hash = keys().1.hash();
    let (_, other) = crate::keys::setup::<1>(&mut rng(51)).unwrap();
    assert_ne!(other.hash(), hash);
    assert_ne!(hash, Digest::ZERO);
}
