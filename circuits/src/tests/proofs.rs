//! Proofs: what verifies, what doesn't, and which bytes are one.

use std::sync::OnceLock;

use ark_bn254::{Bn254, Fq, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _, PrimeGroup as _};
use ark_ff::{PrimeField as _, UniformRand as _};
use ark_groth16::Groth16;
use ark_serialize::CanonicalSerialize as _;
use tacit_protocol::codec::{Decode, DecodeError, Encode};
use tacit_protocol::field::{FieldElement, Fr, Scalar, fr_to_bytes};
use tacit_protocol::lean_imt::MAX_DEPTH;
use tacit_protocol::point::{Point, PointError};

use super::{DEPTH, group, instance, keys, member, rng};
use crate::keys::{ProvingKey, setup};
use crate::prove::{ProveError, prove};
use crate::relation::{Rule, SealingPublic};
use crate::sealing::{ct, seal_point, unmask};
use crate::verify::{
    BadProofs, PROOF_BYTES, PreparedKey, Proof, ProofError, VerifyError, verify, verify_batch,
};

/// The proofs of members 0, 2 and 4 of 5, whose paths are long and short.
fn proven() -> &'static [(SealingPublic, Proof)] {
    static PROVEN: OnceLock<Vec<(SealingPublic, Proof)>> = OnceLock::new();
    PROVEN.get_or_init(|| {
        let (key, ..) = keys();
        let prove_one = |position| {
            let (public, witness) = instance(position);
            (
                public,
                prove(key, &public, &witness, &mut rng(position as u8)).unwrap(),
            )
        };
        [0, 2, 4].map(prove_one).to_vec()
    })
}

fn check(public: &SealingPublic, proof: &Proof) -> Result<(), VerifyError> {
    verify(&keys().2, public, proof)
}

#[test]
fn honest_proofs_verify_for_long_and_short_paths() {
    for (public, proof) in proven() {
        assert_eq!(check(public, proof), Ok(()));
    }
}

#[test]
fn the_production_circuit_proves_and_verifies() {
    let (key, verifying) = setup::<MAX_DEPTH>(&mut rng(25)).unwrap();
    let (public, witness) = instance(3);
    let proof = prove(&key, &public, &witness, &mut rng(26)).unwrap();
    assert_eq!(
        verify(&PreparedKey::new(&verifying), &public, &proof),
        Ok(())
    );
}

#[test]
fn a_proof_moved_to_any_other_public_input_is_refused() {
    let (public, proof) = &proven()[2];
    let key = Point::mul_generator(&Scalar::from(5u64)).unwrap();
    let one = Fr::from(1u64);
    for (what, moved) in [
        (
            "another root",
            SealingPublic {
                root: group(6).root().unwrap(),
                ..*public
            },
        ),
        (
            "another nullifier",
            SealingPublic {
                nullifier: public.nullifier + one,
                ..*public
            },
        ),
        (
            "another statement's scope",
            SealingPublic {
                scope: public.scope + one,
                ..*public
            },
        ),
        ("another committee's key", SealingPublic { key, ..*public }),
        (
            "another body",
            SealingPublic {
                ct: public.ct + one,
                ..*public
            },
        ),
        (
            "another payload's context",
            SealingPublic {
                context: public.context + one,
                ..*public
            },
        ),
    ] {
        assert_eq!(check(&moved, proof), Err(VerifyError), "{what}");
    }
}

#[test]
fn a_proof_of_another_signature_is_refused() {
    let [(public, _), (_, other), ..] = proven() else {
        unreachable!()
    };
    assert_eq!(check(public, other), Err(VerifyError));
}

#[test]
fn a_rerandomized_proof_verifies_so_only_the_nullifier_tells_duplicates() {
    // Whoever sees a proof can make others of the same statement: a proof identifies nothing.
    let (public, proof) = &proven()[0];
    let (_, verifying, _) = keys();
    let again =
        Groth16::<Bn254>::rerandomize_proof(verifying.as_ark(), proof.as_ark(), &mut rng(20));
    let again = Proof::from_ark(again).unwrap();
    assert_ne!(again.to_bytes(), proof.to_bytes());
    assert_eq!(check(public, &again), Ok(()));
    // So does turning the signs of A and B.
    let mut turned = proof.as_ark().clone();
    (turned.a, turned.b) = (-turned.a, -turned.b);
    assert_eq!(check(public, &Proof::from_ark(turned).unwrap()), Ok(()));
}

#[test]
fn two_proofs_of_one_witness_differ() {
    let (public, witness) = instance(0);
    let again = prove(&keys().0, &public, &witness, &mut rng(21)).unwrap();
    assert_ne!(again, proven()[0].1);
}

#[test]
fn a_false_statement_is_not_proven_and_the_rule_is_named() {
    let (public, witness) = instance(4);
    let root = group(6).root().unwrap();
    let refused = prove(
        &keys().0,
        &SealingPublic { root, ..public },
        &witness,
        &mut rng(22),
    );
    assert_eq!(refused, Err(ProveError::Relation(Rule::Root)));
}

#[test]
fn a_proving_key_that_does_not_fit_its_verifying_key_makes_no_proof() {
    let (public, witness) = instance(4);
    let mut key = keys().0.as_ark().clone();
    key.l_query.swap(1, 2);
    let key = ProvingKey::<DEPTH>::from_ark(key).unwrap();
    assert_eq!(
        prove(&key, &public, &witness, &mut rng(23)),
        Err(ProveError::Key)
    );
}

#[test]
fn a_proof_is_exactly_its_128_bytes() {
    let proof = &proven()[0].1;
    let bytes = proof.to_bytes();
    assert_eq!(bytes.len(), PROOF_BYTES);
    assert_eq!(Proof::from_bytes(&bytes).as_ref(), Ok(proof));
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(
        Proof::from_bytes(&bytes[..127]),
        Err(ProofError::Length(127))
    );
    assert_eq!(Proof::from_bytes(&longer), Err(ProofError::Length(129)));
    assert_eq!(Proof::from_bytes(&[]), Err(ProofError::Length(0)));

    // The same inside of entries.
    assert_eq!(Encode::to_bytes(proof), bytes);
    assert_eq!(<Proof as Decode>::from_bytes(&bytes).as_ref(), Ok(proof));
    assert_eq!(
        <Proof as Decode>::from_bytes(&longer),
        Err(DecodeError::Trailing(1))
    );
    assert_eq!(
        <Proof as Decode>::from_bytes(&bytes[1..]),
        Err(DecodeError::Truncated)
    );
}

/// Places of A, B, C in a proof, and where their flags are.
const PLACES: [(usize, usize); 3] = [(0, 32), (32, 96), (96, 128)];
const INFINITY: u8 = 1 << 6;

#[test]
fn infinity_is_refused_in_every_place_and_with_any_x_bytes() {
    let honest = proven()[0].1.to_bytes();
    for (start, end) in PLACES {
        let mut bytes = honest;
        bytes[start..end].fill(0);
        bytes[end - 1] = INFINITY;
        assert_eq!(Proof::from_bytes(&bytes), Err(ProofError::Identity));
        // Arkworks decodes these to infinity as well.
        bytes[start] = 9;
        assert_eq!(Proof::from_bytes(&bytes), Err(ProofError::Identity));
        let mut bytes = honest;
        bytes[end - 1] = bytes[end - 1] & 0x3f | INFINITY;
        assert_eq!(Proof::from_bytes(&bytes), Err(ProofError::Identity));
        // Both flags at once are no encoding.
        bytes[end - 1] |= 1 << 7;
        assert_eq!(Proof::from_bytes(&bytes), Err(ProofError::Point));
    }
}

#[test]
fn points_off_their_curve_or_subgroup_and_coordinates_past_the_field_are_refused() {
    let honest = proven()[0].1.to_bytes();
    // An x of G1 without a y.
    let x = (1u64..)
        .map(Fq::from)
        .find(|x| G1Affine::get_ys_from_x_unchecked(*x).is_none())
        .unwrap();
    let mut bytes = honest;
    x.serialize_compressed(&mut bytes[..32]).unwrap();
    assert_eq!(Proof::from_bytes(&bytes), Err(ProofError::Point));

    // A point on G2's curve and not in its subgroup.
    let off = (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap();
    let mut bytes = honest;
    off.serialize_compressed(&mut bytes[32..96]).unwrap();
    assert_eq!(Proof::from_bytes(&bytes), Err(ProofError::Point));

    // x + p for the x of A, where it still fits 254 bits.
    let mut bytes = honest;
    let mut carry = 0u16;
    for (byte, p) in bytes[..32]
        .iter_mut()
        .zip(ark_ff::BigInteger::to_bytes_le(&Fq::MODULUS))
    {
        carry += u16::from(*byte) + u16::from(p);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert!(Proof::from_bytes(&bytes).is_err());
}

#[test]
fn no_changed_bit_of_a_proof_verifies() {
    let (public, proof) = &proven()[0];
    let honest = proof.to_bytes();
    for bit in (0..8 * PROOF_BYTES).step_by(37).chain([255, 767, 1023]) {
        let mut bytes = honest;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let accepted = Proof::from_bytes(&bytes).is_ok_and(|proof| check(public, &proof).is_ok());
        assert!(!accepted, "bit {bit}");
    }
}

#[test]
fn an_aliased_public_input_is_no_field_element() {
    // A value and the value plus the field's order are one input to a verifier that reduces.
    let (public, _) = &proven()[0];
    for input in public
        .to_inputs()
        .into_iter()
        .chain([Fr::from(0u64), Fr::from(1u64)])
    {
        let mut bytes = fr_to_bytes(&input);
        let mut carry = 0u16;
        for (byte, p) in bytes
            .iter_mut()
            .zip(ark_ff::BigInteger::to_bytes_le(&Fr::MODULUS))
        {
            carry += u16::from(*byte) + u16::from(p);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert_eq!(Fr::from_le_bytes_mod_order(&bytes), input);
        assert_eq!(
            FieldElement::from_bytes(&bytes),
            Err(DecodeError::Invalid("a field element"))
        );
    }
}

#[test]
fn arkworks_takes_extra_public_inputs_and_reads_missing_ones_as_zero_which_the_type_here_cannot_say()
 {
    let (mut public, witness) = instance(0);
    public.context = Fr::from(0u64);
    let (key, verifying, _) = keys();
    let proof = prove(key, &public, &witness, &mut rng(24)).unwrap();
    let prepared = ark_groth16::prepare_verifying_key(verifying.as_ark());
    let inputs = public.to_inputs();
    let eight = [&inputs[..], &[Fr::from(9u64)]].concat();
    for sloppy in [&inputs[..6], &inputs[..], &eight] {
        assert_eq!(
            Groth16::<Bn254>::verify_proof(&prepared, proof.as_ark(), sloppy),
            Ok(true)
        );
    }
    assert_eq!(inputs.len(), 7);
}

#[test]
fn a_batch_of_good_proofs_holds() {
    let prepared = &keys().2;
    for size in 0..=proven().len() {
        assert_eq!(
            verify_batch(prepared, &proven()[..size], &mut rng(30)),
            Ok(())
        );
    }
    // The same proof twice, and a proof beside its own re-randomization.
    let twice = [proven()[0].clone(), proven()[0].clone()];
    assert_eq!(verify_batch(prepared, &twice, &mut rng(31)), Ok(()));
}

#[test]
fn a_batch_names_its_bad_proofs() {
    let prepared = &keys().2;
    let one = Fr::from(1u64);
    for bad in [vec![0], vec![1], vec![0, 2], vec![0, 1, 2]] {
        let mut batch = proven().to_vec();
        for position in &bad {
            batch[*position].0.context += one;
        }
        assert_eq!(
            verify_batch(prepared, &batch, &mut rng(32)),
            Err(BadProofs(bad))
        );
    }
    let alone = [(
        SealingPublic {
            scope: one,
            ..proven()[0].0
        },
        proven()[0].1.clone(),
    )];
    assert_eq!(
        verify_batch(prepared, &alone, &mut rng(33)),
        Err(BadProofs(vec![0]))
    );
}

#[test]
fn two_bad_proofs_that_cancel_out_do_not_pass_a_batch() {
    // C + X in one and C - X in the other: their plain sum is right.
    let shift = G1Affine::generator().into_group();
    let mut batch = proven()[..2].to_vec();
    for (place, sign) in [(0, Fr::from(1u64)), (1, -Fr::from(1u64))] {
        let mut proof = batch[place].1.as_ark().clone();
        proof.c = (proof.c + shift * sign).into_affine();
        batch[place].1 = Proof::from_ark(proof).unwrap();
    }
    assert_eq!(
        verify_batch(&keys().2, &batch, &mut rng(34)),
        Err(BadProofs(vec![0, 1]))
    );
}

#[test]
fn the_body_opens_to_the_signers_leaf_and_matches_only_its_own_ct() {
    let secret = Scalar::from(424_242u64);
    let key = Point::mul_generator(&secret).unwrap();
    let nonce = crate::relation::Nonce::random(&mut rng(40));
    let leaf = member(1).commitment();
    let sealed = seal_point(&nonce, &key, leaf).unwrap();
    // What the committee computes from the body.
    let shared = sealed.c1.mul(&secret).unwrap();
    assert_eq!(shared, sealed.shared);
    assert_eq!(unmask(sealed.c2, &shared), leaf);
    assert_eq!(ct(&sealed.c1, sealed.c2), sealed.ct);
    // Any other body has another ct.
    let other_c1 = sealed.c1.mul(&Scalar::from(2u64)).unwrap();
    let minus_c1 = sealed.c1.mul(&-Scalar::from(1u64)).unwrap();
    assert_ne!(ct(&other_c1, sealed.c2), sealed.ct);
    assert_ne!(ct(&minus_c1, sealed.c2), sealed.ct);
    assert_ne!(ct(&sealed.c1, sealed.c2 + Fr::from(1u64)), sealed.ct);
    assert!(!format!("{sealed:?}").contains("shared"));
}

#[test]
fn the_mask_tag_is_no_x_coordinate_of_the_curve() {
    use ark_ff::Field as _;
    let x2 = crate::sealing::mask_tag().square();
    let (a, d) = (Fr::from(168_700u64), Fr::from(168_696u64));
    let y2 = (Fr::from(1u64) - a * x2) * (Fr::from(1u64) - d * x2).inverse().unwrap();
    assert!(y2.legendre().is_qnr());
}

#[test]
fn low_order_off_curve_and_identity_points_are_neither_keys_nor_c1() {
    use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
    let encode = |p: &EdwardsAffine| {
        let mut bytes = [0u8; 32];
        p.serialize_compressed(&mut bytes[..]).unwrap();
        bytes
    };
    // A point of order 8: l times one that isn't in the subgroup.
    let torsion: EdwardsProjective = (2u64..)
        .filter_map(|y| EdwardsAffine::get_point_from_y_unchecked(Fr::from(y), false))
        .map(|p| p.mul_bigint(Scalar::MODULUS))
        .find(|p| p.mul_bigint([4u64]) != EdwardsAffine::zero())
        .unwrap();
    let good = Point::generator().affine();
    let mut low = EdwardsProjective::default();
    for order in 1..8 {
        low += torsion;
        let low = low.into_affine();
        for bad in [low, (good + low).into_affine()] {
            assert_eq!(
                Point::from_affine(bad),
                Err(PointError::Subgroup),
                "{order}"
            );
            assert_eq!(
                Point::from_bytes(&encode(&bad)),
                Err(PointError::Subgroup),
                "{order}"
            );
        }
    }
    let identity = EdwardsAffine::zero();
    assert_eq!(Point::from_affine(identity), Err(PointError::Identity));
    assert!(Point::from_bytes(&encode(&identity)).is_err());
    let mut signed = encode(&identity);
    signed[31] |= 0x80;
    assert!(Point::from_bytes(&signed).is_err());
    let off = EdwardsAffine::new_unchecked(Fr::rand(&mut rng(41)), Fr::from(2u64));
    assert_eq!(Point::from_affine(off), Err(PointError::Encoding));
}
