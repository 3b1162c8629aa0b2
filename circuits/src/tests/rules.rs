//! Each rule of the relation, broken alone: the native twin names it, and so does the circuit.

use ark_ff::{BigInteger as _, Field as _, PrimeField as _};
use tacit_protocol::field::{Fr, Scalar, SecretScalar};
use tacit_protocol::lean_imt::MembershipProof;
use tacit_protocol::point::Point;
use tacit_protocol::poseidon::poseidon2;
use tacit_protocol::semaphore::leaf;

use super::{
    DEPTH, alone, broken, committee_key, group, identity, instance, member, nonce, power_of_two,
    public_of,
};
use crate::circuit::SealingCircuit;
use crate::gadgets::bits::Integer;
use crate::prove::fill;
use crate::relation::{Nonce, Rule, SealingPublic, SealingWitness, check};
use crate::sealing::seal_point;

fn both(public: &SealingPublic, witness: &SealingWitness) -> (Result<(), Rule>, Vec<Rule>) {
    (
        check(public, witness, DEPTH),
        broken::<DEPTH>(public, witness),
    )
}

#[test]
fn a_true_statement_holds_natively_and_in_the_circuit() {
    for position in 0..5 {
        let (public, witness) = instance(position);
        assert_eq!(both(&public, &witness), (Ok(()), vec![]));
    }
}

#[test]
fn the_secret_s_plus_l_is_refused_though_all_else_holds() {
    let s = Scalar::from(123_456u64);
    let signer = identity(s);
    let mut second = Scalar::MODULUS;
    second.add_with_carry(&s.into_bigint());

    // The same key and leaf, and another nullifier: a second vote.
    let mut public = public_of(&signer, &nonce(77), &alone());
    public.nullifier = poseidon2(public.scope, Fr::from_bigint(second).unwrap());
    assert_ne!(public.nullifier, signer.nullifier(public.scope));
    let witness = SealingWitness::from_integer(second, nonce(77), alone());
    assert_eq!(
        both(&public, &witness),
        (Err(Rule::SecretRange), vec![Rule::SecretRange])
    );
}

#[test]
fn the_secret_zero_is_refused() {
    let (public, _) = instance(4);
    for (zero, rule) in [
        (Integer::zero(), Rule::SecretZero),
        (Scalar::MODULUS, Rule::SecretRange),
    ] {
        let witness = SealingWitness::from_integer(zero, nonce(77), alone());
        let (native, circuit) = both(&public, &witness);
        assert_eq!((native, circuit.first()), (Err(rule), Some(&rule)));
    }
}

#[test]
fn the_secret_at_the_last_additions_exception_is_refused() {
    let s = Scalar::from(2u64).pow([249]) - Scalar::from(1u64);
    let mut integer = power_of_two(249);
    integer.sub_with_borrow(&Integer::one());
    let public = public_of(&identity(s), &nonce(77), &alone());
    let witness = SealingWitness::from_integer(integer, nonce(77), alone());
    let (native, circuit) = both(&public, &witness);
    assert_eq!(
        (native, circuit.first()),
        (Err(Rule::SecretExcluded), Some(&Rule::SecretExcluded))
    );
    // Its neighbours are served.
    for s in [s + Scalar::from(1u64), s - Scalar::from(1u64)] {
        let public = public_of(&identity(s), &nonce(77), &alone());
        let witness = SealingWitness::new(&identity(s), nonce(77), alone());
        assert_eq!(both(&public, &witness), (Ok(()), vec![]));
    }
}

#[test]
fn an_outsider_is_refused() {
    let (signer, path) = (member(99), group(5).proof(2).unwrap());
    let mut public = public_of(&signer, &nonce(77), &path);
    public.root = group(5).root().unwrap();
    let witness = SealingWitness::new(&signer, nonce(77), path);
    assert_eq!(both(&public, &witness), (Err(Rule::Root), vec![Rule::Root]));
}

#[test]
fn a_member_is_not_counted_in_a_class_that_is_not_theirs() {
    // Members 0..5 are the group, members 10..13 the class; member 2 claims the class.
    let class: Vec<Fr> = (10..13).map(|i| member(i).commitment()).collect();
    let class = tacit_protocol::lean_imt::LeanImt::from_leaves(&class).unwrap();
    for path in [group(5).proof(2).unwrap(), class.proof(2).unwrap()] {
        let mut public = public_of(&member(2), &nonce(77), &path);
        public.root = class.root().unwrap();
        let witness = SealingWitness::new(&member(2), nonce(77), path);
        assert_eq!(both(&public, &witness), (Err(Rule::Root), vec![Rule::Root]));
    }
}

#[test]
fn a_path_with_another_turn_is_refused() {
    let (signer, mut path) = (member(2), group(5).proof(2).unwrap());
    let public = public_of(&signer, &nonce(77), &path);
    path.index ^= 1;
    let witness = SealingWitness::new(&signer, nonce(77), path);
    assert_eq!(both(&public, &witness), (Err(Rule::Root), vec![Rule::Root]));
}

#[test]
fn a_path_that_does_not_fit_is_refused() {
    // 9 members make paths of up to 4.
    let long = group(9).proof(2).unwrap();
    assert_eq!(long.siblings.len(), DEPTH + 1);
    let stray = MembershipProof {
        index: 1 << 3,
        ..group(5).proof(2).unwrap()
    };
    let wide = MembershipProof {
        siblings: vec![],
        index: 1,
    };
    for path in [long, stray, wide] {
        let public = public_of(&member(2), &nonce(77), &path);
        let witness = SealingWitness::new(&member(2), nonce(77), path);
        assert_eq!(check(&public, &witness, DEPTH), Err(Rule::PathShape));
        assert!(fill(|b| SealingCircuit::<DEPTH>::new(public, witness).synthesize(b)).is_err());
    }
}

#[test]
fn a_nullifier_of_another_member_or_scope_is_refused() {
    let (public, witness) = instance(4);
    let scope = public.scope + Fr::from(1u64);
    for wrong in [
        SealingPublic {
            nullifier: member(3).nullifier(public.scope),
            ..public
        },
        SealingPublic {
            nullifier: member(4).nullifier(scope),
            ..public
        },
        SealingPublic { scope, ..public },
    ] {
        assert_eq!(
            both(&wrong, &witness),
            (Err(Rule::Nullifier), vec![Rule::Nullifier])
        );
    }
}

#[test]
fn the_six_excluded_nonces_are_refused_by_type_natively_and_in_the_circuit() {
    let (public, _) = instance(4);
    let two = Scalar::from(2u64);
    let doubling = Scalar::from(9u64) * two.pow([250]);
    let excluded = [0u64, 1, 3]
        .map(Scalar::from)
        .into_iter()
        .flat_map(|r| [r, -r])
        .chain([doubling]);
    for r in excluded {
        assert_eq!(
            Nonce::new(SecretScalar::new(r)).unwrap_err(),
            Rule::NonceExcluded
        );
        let nonce = Nonce::encode(&SecretScalar::new(r));
        let witness = SealingWitness::new(&member(4), nonce, group(5).proof(4).unwrap());
        let (native, circuit) = both(&public, &witness);
        assert_eq!(native, Err(Rule::NonceExcluded));
        assert!(circuit.contains(&Rule::NonceExcluded), "{circuit:?}");
    }
    let neighbours = [
        two,
        -two,
        Scalar::from(4u64),
        doubling + two,
        doubling - Scalar::from(1u64),
    ];
    for r in neighbours {
        let nonce = Nonce::new(SecretScalar::new(r)).unwrap();
        let path = group(5).proof(4).unwrap();
        let public = public_of(&member(4), &nonce, &path);
        assert_eq!(
            both(&public, &SealingWitness::new(&member(4), nonce, path)),
            (Ok(()), vec![])
        );
    }
}

#[test]
fn a_leaf_in_c2_that_is_not_the_signers_is_refused() {
    // Counted as member 4, opened as member 3.
    let (mut public, witness) = instance(4);
    let sealed = seal_point(witness.nonce(), &public.key, member(3).commitment()).unwrap();
    public.ct = sealed.ct;
    assert_eq!(both(&public, &witness), (Err(Rule::Ct), vec![Rule::Ct]));
}

#[test]
fn a_body_sealed_with_another_nonce_or_to_another_key_is_refused() {
    let (public, witness) = instance(4);
    let leaf = leaf(member(4).public());
    let other_nonce = seal_point(&nonce(78), &public.key, leaf).unwrap().ct;
    let other_key = Point::mul_generator(&Scalar::from(5u64)).unwrap();
    let to_other_key = seal_point(witness.nonce(), &other_key, leaf).unwrap().ct;
    assert_ne!(other_key, committee_key());
    for wrong in [
        SealingPublic {
            ct: other_nonce,
            ..public
        },
        SealingPublic {
            ct: to_other_key,
            ..public
        },
        SealingPublic {
            key: other_key,
            ..public
        },
    ] {
        assert_eq!(both(&wrong, &witness), (Err(Rule::Ct), vec![Rule::Ct]));
    }
}

#[test]
fn a_nonce_and_the_nonce_plus_l_are_one_sealing() {
    // Only r mod l matters: a second encoding gives the same public inputs, hence no second vote.
    let (public, witness) = instance(4);
    let mut rho = *witness.nonce().rho();
    rho.add_with_carry(&Scalar::MODULUS);
    if rho >= power_of_two(251) {
        rho = Integer::from(3u64);
        rho.add_with_carry(&Scalar::MODULUS);
    }
    let second = Nonce::from_rho(rho);
    let path = group(5).proof(4).unwrap();
    let again = public_of(&member(4), &Nonce::encode(&second.scalar()), &path);
    let witness = SealingWitness::new(&member(4), second, path);
    assert_eq!(both(&again, &witness), (Ok(()), vec![]));
    assert_eq!(again.nullifier, public.nullifier);
}

#[test]
fn witnesses_and_nonces_print_nothing() {
    let (_, witness) = instance(4);
    assert_eq!(format!("{witness:?}"), "SealingWitness(redacted)");
    assert_eq!(format!("{:?}", nonce(77)), "Nonce(redacted)");
}
