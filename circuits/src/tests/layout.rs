//! The circuit's layout is part of every key: it is pinned here.

use ark_relations::gr1cs::{ConstraintSystem, SynthesisMode};
use tacit_protocol::field::{Fr, Scalar};
use tacit_protocol::lean_imt::MAX_DEPTH;
use tacit_protocol::point::Point;

use super::{DEPTH, instance};
use crate::circuit::{CIRCUIT_ID, CONSTRAINTS, Matrices, SealingCircuit, circuit_id};
use crate::gadgets::Builder;
use crate::prove::fill;
use crate::relation::{Rule, SealingPublic};

#[test]
fn the_constraint_count_is_pinned() {
    let matrices = Matrices::of_circuit::<MAX_DEPTH>().unwrap();
    assert_eq!(matrices.constraints(), CONSTRAINTS);
    assert_eq!(
        (matrices.instance_variables, matrices.witness_variables),
        (8, 8_809)
    );
    let nonzero =
        [&matrices.a, &matrices.b, &matrices.c].map(|m| m.iter().map(Vec::len).sum::<usize>());
    assert_eq!(nonzero, [59_124, 109_223, 11_801]);
    // Every level costs the same.
    assert_eq!(
        Matrices::of_circuit::<16>().unwrap().constraints(),
        CONSTRAINTS - 4 * 244
    );
}

#[test]
fn the_circuit_id_is_pinned() {
    assert_eq!(circuit_id::<MAX_DEPTH>().unwrap(), CIRCUIT_ID);
    assert_ne!(circuit_id::<DEPTH>().unwrap(), CIRCUIT_ID);
}

#[test]
fn the_order_of_the_public_inputs_is_pinned() {
    let key = Point::mul_generator(&Scalar::from(9u64)).unwrap();
    let [root, nullifier, scope, ct, context] = [1u64, 2, 3, 4, 5].map(Fr::from);
    let public = SealingPublic {
        root,
        nullifier,
        scope,
        key,
        ct,
        context,
    };
    let expected = [root, nullifier, scope, key.x(), key.y(), ct, context];
    assert_eq!(public.to_inputs(), expected);

    // And the circuit allocates them so, behind the constant one.
    let (_, witness) = instance(4);
    let (filled, _) =
        fill(|b| SealingCircuit::<DEPTH>::new(public, witness).synthesize(b)).unwrap();
    assert_eq!(filled.assignment[0], Fr::from(1u64));
    assert_eq!(filled.assignment[1..8], expected);
}

#[test]
fn every_public_input_is_in_a_constraint() {
    let matrices = Matrices::of_circuit::<DEPTH>().unwrap();
    for input in 1..8 {
        let used =
            |m: &Vec<Vec<(Fr, usize)>>| m.iter().flatten().any(|(_, variable)| *variable == input);
        assert!(
            [&matrices.a, &matrices.b, &matrices.c]
                .into_iter()
                .any(used),
            "input {input}"
        );
    }
}

#[test]
fn no_value_changes_the_shape() {
    let id = circuit_id::<DEPTH>().unwrap();
    for position in 0..5 {
        let (public, witness) = instance(position);
        let (filled, _) =
            fill(|b| SealingCircuit::<DEPTH>::new(public, witness).synthesize(b)).unwrap();
        assert_eq!(filled.matrices.id(), id);
    }
}

#[test]
fn each_rule_that_bits_and_types_do_not_settle_has_constraints() {
    let cs = ConstraintSystem::new_ref();
    cs.set_mode(SynthesisMode::Setup);
    let mut builder = Builder::new(cs.clone());
    SealingCircuit::<MAX_DEPTH>::blank()
        .synthesize(&mut builder)
        .unwrap();
    let rows = builder.into_rows();
    assert_eq!(rows.len(), cs.num_constraints());
    let count = |rule| rows.iter().filter(|row| **row == rule).count();
    let counts = [
        (Rule::SecretBits, 251),
        (Rule::SecretRange, 56),
        (Rule::SecretZero, 1),
        (Rule::SecretExcluded, 1),
        (Rule::PublicKey, 416 + 2),
        (Rule::Leaf, 240),
        (Rule::PathShape, 0),
        (Rule::Depth, MAX_DEPTH + 1),
        (Rule::PathBits, MAX_DEPTH),
        (Rule::Root, 242 * MAX_DEPTH + 1),
        (Rule::Nullifier, 241),
        (Rule::NonceBits, 251),
        (Rule::NonceExcluded, 1 + 6),
        (Rule::CommitmentPoint, 416 + 2),
        (Rule::SharedPoint, 2 + 1_513 + 2),
        (Rule::Mask, 258),
        (Rule::Ct, 262),
        (Rule::Context, 1),
    ];
    assert_eq!(counts.map(|(rule, _)| (rule, count(rule))), counts);
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<usize>(), CONSTRAINTS);
}
