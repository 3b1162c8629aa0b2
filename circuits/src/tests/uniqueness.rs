//! Given the bits and the siblings, every other variable has one value: nothing is left free.
//!
//! Stronger than changing variables one at a time: a constraint in which one variable is unknown, to
//! the first degree and with a coefficient that isn't zero, determines it, whatever else a prover
//! would like. Starting from the variables that a boolean constraint ties to 0 or 1 and from the
//! siblings, all others must follow so, one after the other. At an exception of an addition the slope's
//! coefficient is zero and the chain ends there.

use std::collections::{BTreeMap, HashSet};

use ark_ff::{Field as _, UniformRand as _, Zero as _};
use tacit_protocol::field::{Fr, Scalar, SecretScalar};
use tacit_protocol::lean_imt::{MAX_DEPTH, MembershipProof};

use super::{alone, identity, nonce, public_of, rng};
use crate::circuit::SealingCircuit;
use crate::gadgets::range::SCALAR_BITS;
use crate::prove::{Filled, fill};
use crate::relation::{Nonce, Rule, SealingWitness};

type Terms = [(Fr, usize)];

/// Where the chain leads.
struct Chain {
    /// How many variables nothing determines.
    free: usize,
    /// The rules of the constraints that hold one of them.
    open: Vec<Rule>,
    /// The constraints that determine nothing: each checks what others have determined.
    checks: BTreeMap<Rule, usize>,
}

fn chain<const D: usize>((filled, siblings): &(Filled, Vec<usize>)) -> Chain {
    let matrices = &filled.matrices;
    let rows: Vec<[&Terms; 3]> = (0..matrices.constraints())
        .map(|i| [&matrices.a[i][..], &matrices.b[i][..], &matrices.c[i][..]])
        .collect();

    let mut known: HashSet<usize> = (0..matrices.instance_variables).collect();
    let mut bits = 0;
    for [a, b, c] in &rows {
        // x * (1 - x) = 0
        if let ([(one, x)], true) = (a, c.is_empty())
            && **b == [(Fr::from(1u64), 0), (-Fr::from(1u64), *x)]
            && *one == Fr::from(1u64)
        {
            bits += 1;
            known.insert(*x);
        }
    }
    // 251 bits twice; 9 selectors and 27 bits of the range; D selectors and D bits of the path.
    assert_eq!(bits, 2 * SCALAR_BITS + 36 + 2 * D);
    known.extend(
        siblings
            .iter()
            .map(|place| place + matrices.instance_variables),
    );

    let value = |terms: &Terms| {
        terms
            .iter()
            .map(|(factor, i)| *factor * filled.assignment[*i])
            .sum::<Fr>()
    };
    let mut open: Vec<usize> = (0..rows.len()).collect();
    let mut checks = BTreeMap::new();
    loop {
        let before = known.len();
        open.retain(|row| {
            let terms = rows[*row];
            let unknown: HashSet<usize> = terms
                .iter()
                .flat_map(|terms| terms.iter().map(|(_, i)| *i))
                .filter(|i| !known.contains(i))
                .collect();
            let mut unknown = unknown.into_iter();
            match (unknown.next(), unknown.next()) {
                (None, _) => {
                    *checks.entry(filled.rows[*row]).or_default() += 1;
                    false
                }
                (Some(x), None) => {
                    let [alpha, beta, gamma] = terms.map(|terms| {
                        terms
                            .iter()
                            .filter(|(_, i)| *i == x)
                            .map(|(factor, _)| *factor)
                            .sum::<Fr>()
                    });
                    let coefficient = alpha * value(terms[1]) + beta * value(terms[0]) - gamma;
                    let determined = (alpha * beta).is_zero() && !coefficient.is_zero();
                    if determined {
                        known.insert(x);
                    }
                    !determined
                }
                _ => true,
            }
        });
        if known.len() == before {
            break;
        }
    }
    let mut open: Vec<Rule> = open.iter().map(|row| filled.rows[*row]).collect();
    open.sort();
    open.dedup();
    Chain {
        free: filled.assignment.len() - known.len(),
        open,
        checks,
    }
}

/// A filled circuit, and which of its witness variables are siblings.
fn filled<const D: usize>(s: Scalar, nonce: Nonce, path: MembershipProof) -> (Filled, Vec<usize>) {
    let signer = identity(s);
    let public = public_of(&signer, &nonce, &path);
    let circuit = SealingCircuit::<D>::new(public, SealingWitness::new(&signer, nonce, path));
    fill(|builder| {
        circuit.synthesize(builder)?;
        Ok(builder.forgery.places("sibling"))
    })
    .unwrap()
}

#[test]
fn given_bits_and_siblings_nothing_else_is_free_in_the_production_circuit() {
    let mut rng = rng(60);
    let siblings: Vec<Fr> = (0..MAX_DEPTH).map(|_| Fr::rand(&mut rng)).collect();
    let full = MembershipProof {
        siblings,
        index: 0b1010_0110_0101_1100_1111,
    };
    for (s, path) in [
        (Scalar::rand(&mut rng), full),
        (Scalar::from(1u64), alone()),
        (-Scalar::from(1u64), alone()),
        (Scalar::from(2u64).pow([250]), alone()),
    ] {
        let filled = filled::<MAX_DEPTH>(s, Nonce::random(&mut rng), path);
        let chain = chain::<MAX_DEPTH>(&filled);
        assert_eq!((chain.free, chain.open), (0, vec![]));
        // Every other constraint determines one variable, so without it that variable is free (a guard
        // determines an inverse: forgeries without the guard are elsewhere). These check what others
        // determined, and each of them is forged elsewhere too.
        let checks = [
            (Rule::SecretBits, SCALAR_BITS),
            // Ten selectors, nine chunks that are equal, the chosen gap and its 27 bits.
            (Rule::SecretRange, 10 + 9 + 1 + 27),
            (Rule::Depth, MAX_DEPTH + 1),
            (Rule::PathBits, MAX_DEPTH),
            (Rule::Root, 1),
            (Rule::Nullifier, 1),
            (Rule::NonceBits, SCALAR_BITS),
            (Rule::Ct, 1),
        ];
        assert_eq!(chain.checks, BTreeMap::from(checks));
    }
}

#[test]
fn at_the_exceptions_of_the_last_additions_the_slope_is_free_which_is_why_they_are_guarded() {
    let s = Scalar::from(2u64).pow([249]) - Scalar::from(1u64);
    let Chain { free, open, .. } = chain::<1>(&filled::<1>(s, nonce(77), alone()));
    assert!(
        free > 0 && open.contains(&Rule::PublicKey) && open.contains(&Rule::SecretExcluded),
        "{open:?}"
    );

    let r = Scalar::from(9u64) * Scalar::from(2u64).pow([250]);
    let excluded = Nonce::encode(&SecretScalar::new(r));
    let Chain { free, open, .. } = chain::<1>(&filled::<1>(Scalar::from(77u64), excluded, alone()));
    assert!(
        free > 0 && open.contains(&Rule::CommitmentPoint) && open.contains(&Rule::NonceExcluded),
        "{open:?}"
    );
}
