//! Witnesses as a malicious prover fills them: everything agrees with the forged value, the public
//! inputs too, and exactly the rule that should stop it does.

use ark_ff::{BigInteger as _, Field as _, PrimeField as _, UniformRand as _};
use tacit_protocol::field::{Fr, Scalar, SecretScalar};
use tacit_protocol::poseidon::poseidon2;

use super::{
    DEPTH, alone, distinct, forge, group, identity, instance, member, nonce, power_of_two,
    public_of, rng,
};
use crate::gadgets::bits::Integer;
use crate::prove::Filled;
use crate::relation::{Nonce, Rule, SealingPublic, SealingWitness};

/// The slopes' places: 82 additions of windows and a last one for the secret, then for the nonce.
const LAST_SLOPE_OF_SECRET: usize = 82;
const LAST_SLOPE_OF_NONCE: usize = 165;

fn anything() -> Fr {
    Fr::from(0xdead_beef_u64)
}

/// Fills twice: the second time with the public inputs that the forged witness leads to.
/// For paths without siblings, whose root is the leaf.
fn forge_all(
    public: SealingPublic,
    witness: &SealingWitness,
    forgeries: &[(&'static str, usize, Fr)],
) -> (Vec<Rule>, SealingPublic) {
    let (_, computed) = forge::<DEPTH>(public, witness, forgeries);
    let forged = SealingPublic {
        root: computed.leaf,
        nullifier: computed.nullifier,
        ct: computed.ct,
        ..public
    };
    let (filled, _) = forge::<DEPTH>(forged, witness, forgeries);
    (distinct(&filled), forged)
}

#[test]
fn a_free_slope_in_the_last_addition_of_the_public_key_is_stopped_by_its_guard_alone() {
    let s = Scalar::from(2u64).pow([249]) - Scalar::from(1u64);
    let public = public_of(&identity(s), &nonce(77), &alone());
    let witness = SealingWitness::new(&identity(s), nonce(77), alone());
    let (rules, forged) = forge_all(
        public,
        &witness,
        &[("slope", LAST_SLOPE_OF_SECRET, anything())],
    );
    assert_ne!(
        forged.root, public.root,
        "the forged slope makes another leaf"
    );
    assert_eq!(rules, [Rule::SecretExcluded]);
}

#[test]
fn a_free_slope_in_the_last_addition_of_c1_is_stopped_by_its_guard_alone() {
    // The two rho at which it doubles: one encodes r = 9*2^250, the other, above l, 15*2^250.
    let doubling = Scalar::from(9u64) * Scalar::from(2u64).pow([250]);
    let mut above = Nonce::encode(&SecretScalar::new(
        Scalar::from(15u64) * Scalar::from(2u64).pow([250]),
    ))
    .rho()
    .to_owned();
    above.add_with_carry(&Scalar::MODULUS);
    assert!(above < power_of_two(251));
    for nonce in [
        Nonce::encode(&SecretScalar::new(doubling)),
        Nonce::from_rho(above),
    ] {
        let public = public_of(&member(4), &nonce, &alone());
        let witness = SealingWitness::new(&member(4), nonce, alone());
        let (rules, forged) = forge_all(
            public,
            &witness,
            &[("slope", LAST_SLOPE_OF_NONCE, anything())],
        );
        assert_ne!(
            forged.ct, public.ct,
            "the forged slope makes a body that nobody can open"
        );
        assert_eq!(rules, [Rule::NonceExcluded]);
    }
}

#[test]
fn free_slopes_in_the_ladders_last_steps_are_stopped() {
    // r = ±1, ±3 reach l*K in step 249 of 251 (from 1), r = 0 in the last: where the guards are.
    // A slope forged before that step is bound, and leads away from it.
    for (r, exception) in [(1u64, 248), (3, 248), (0, 250)] {
        for r in [Scalar::from(r), -Scalar::from(r)] {
            let encoded = Nonce::encode(&SecretScalar::new(r));
            let public = public_of(&member(4), &nonce(77), &alone());
            let witness = SealingWitness::new(&member(4), encoded, alone());
            for (name, step) in ["first slope", "both slopes"]
                .into_iter()
                .flat_map(|name| [248, 249, 250].map(|step| (name, step)))
            {
                let (rules, _) = forge_all(public, &witness, &[(name, step, anything())]);
                assert!(rules.contains(&Rule::SharedPoint) || rules.contains(&Rule::NonceExcluded));
                if (name, step) == ("both slopes", exception) {
                    assert!(rules.contains(&Rule::NonceExcluded), "{rules:?}");
                }
            }
        }
    }
}

#[test]
fn a_slope_forged_anywhere_is_bound() {
    let (public, witness) = (
        public_of(&member(4), &nonce(77), &alone()),
        SealingWitness::new(&member(4), nonce(77), alone()),
    );
    for (name, nth, rule) in [
        ("slope", 0, Rule::PublicKey),
        ("slope", 40, Rule::PublicKey),
        ("slope", LAST_SLOPE_OF_SECRET, Rule::PublicKey),
        ("slope", LAST_SLOPE_OF_SECRET + 1, Rule::CommitmentPoint),
        ("slope", LAST_SLOPE_OF_NONCE, Rule::CommitmentPoint),
        ("slope", LAST_SLOPE_OF_NONCE + 1, Rule::SharedPoint),
        ("slope", LAST_SLOPE_OF_NONCE + 2, Rule::SharedPoint),
        ("first slope", 0, Rule::SharedPoint),
        ("first slope", 250, Rule::SharedPoint),
        ("both slopes", 0, Rule::SharedPoint),
        ("both slopes", 250, Rule::SharedPoint),
    ] {
        let (rules, _) = forge_all(public, &witness, &[(name, nth, anything())]);
        assert_eq!(rules, [rule], "{name} {nth}");
    }
}

#[test]
fn a_path_bit_of_two_is_refused() {
    let (public, witness) = instance(2);
    let path = group(5).proof(2).unwrap();
    let (node, sibling) = (member(2).commitment(), path.siblings[0]);
    let moved = (sibling - node) * Fr::from(2u64);
    let mut rest = path.clone();
    rest.siblings.remove(0);
    rest.index >>= 1;
    let root = rest.root(poseidon2(node + moved, sibling - moved));
    let (filled, _) = forge::<DEPTH>(
        SealingPublic { root, ..public },
        &witness,
        &[("path bit", 0, Fr::from(2u64))],
    );
    assert_eq!(distinct(&filled), [Rule::PathBits]);
}

#[test]
fn an_outsider_who_reaches_the_real_root_with_a_free_path_bit_is_refused() {
    // With the bit free, any leaf becomes any pair (L, R): sibling = L + R - leaf, bit = (L - leaf)/(sibling - leaf).
    let tree = group(8);
    let path = tree.proof(0).unwrap();
    let right = *path.siblings.last().unwrap();
    let left = path.siblings[..2]
        .iter()
        .fold(member(0).commitment(), |node, sibling| {
            poseidon2(node, *sibling)
        });
    let root = tree.root().unwrap();
    assert_eq!(poseidon2(left, right), root);

    let outsider = member(99);
    let leaf = outsider.commitment();
    let sibling = left + right - leaf;
    let bit = (left - leaf) * (sibling - leaf).inverse().unwrap();
    let mut public = public_of(&outsider, &nonce(77), &alone());
    public.root = root;
    let witness = SealingWitness::new(&outsider, nonce(77), alone());
    let forged = [
        ("depth selector", 0, Fr::from(0u64)),
        ("depth selector", 1, Fr::from(1u64)),
        ("sibling", 0, sibling),
        ("path bit", 0, bit),
    ];
    assert_eq!(
        distinct(&forge::<DEPTH>(public, &witness, &forged).0),
        [Rule::PathBits]
    );
}

#[test]
fn a_two_hot_depth_is_refused() {
    let (public, witness) = instance(2);
    let path = group(5).proof(2).unwrap();
    let one = Fr::from(1u64);
    let first = poseidon2(member(2).commitment(), path.siblings[0]);
    assert_eq!(path.index & 1, 0);
    // Levels 0 and 1 are both on, so the last selector, 1 minus their sum, is -1.
    let root = member(2).commitment() + first - path.root(member(2).commitment());
    let forged = [("depth selector", 0, one), ("depth selector", 1, one)];
    let (filled, _) = forge::<DEPTH>(SealingPublic { root, ..public }, &witness, &forged);
    assert_eq!(distinct(&filled), [Rule::Depth]);
}

#[test]
fn an_outsider_who_reaches_the_real_root_with_a_mixed_depth_is_refused() {
    // Weights w and 1 - w on levels 0 and 1 give any root.
    let root = group(5).root().unwrap();
    let outsider = member(99);
    let leaf = outsider.commitment();
    let above = poseidon2(leaf, Fr::from(0u64));
    let weight = (root - above) * (leaf - above).inverse().unwrap();
    let mut public = public_of(&outsider, &nonce(77), &alone());
    public.root = root;
    let witness = SealingWitness::new(&outsider, nonce(77), alone());
    let forged = [
        ("depth selector", 0, weight),
        ("depth selector", 1, Fr::from(1u64) - weight),
    ];
    assert_eq!(
        distinct(&forge::<DEPTH>(public, &witness, &forged).0),
        [Rule::Depth]
    );
}

#[test]
fn secret_and_nonce_bits_that_carry_are_refused() {
    // 5 = 1 + 0*2 + 1*4 = 1 + 2*2: the same integer in other digits.
    let five = identity(Scalar::from(5u64));
    let rho = Nonce::from_rho(Integer::from(5u64));
    for (name, rule) in [
        ("secret bit", Rule::SecretBits),
        ("nonce bit", Rule::NonceBits),
    ] {
        let public = public_of(&five, &rho, &alone());
        let witness = SealingWitness::new(&five, rho.clone(), alone());
        let carried = [(name, 1, Fr::from(2u64)), (name, 2, Fr::from(0u64))];
        assert_eq!(forge_all(public, &witness, &carried).0, [rule]);
    }
}

#[test]
fn range_selectors_that_are_not_bits_do_not_get_s_plus_l_through() {
    let mut second = Scalar::MODULUS;
    second.add_with_carry(&Integer::from(5u64));
    let public = public_of(&identity(Scalar::from(5u64)), &nonce(77), &alone());
    let witness = SealingWitness::from_integer(second, nonce(77), alone());
    let (zero, one, two) = (Fr::from(0u64), Fr::from(1u64), Fr::from(2u64));
    for (first, last) in [(zero, zero), (two, -one), (one, one), (-one, two)] {
        let forged = [("range selector", 0, first), ("range selector", 8, last)];
        assert_eq!(forge_all(public, &witness, &forged).0, [Rule::SecretRange]);
    }
}

#[test]
fn changing_any_one_witness_variable_breaks_a_constraint() {
    // A smoke test, not a proof: each variable alone, four ways, at full and at short paths.
    let mut rng = rng(11);
    for position in [0, 4] {
        let (public, witness) = instance(position);
        let (filled, _) = forge::<DEPTH>(public, &witness, &[]);
        assert_eq!(filled.broken().count(), 0);
        let Filled {
            matrices,
            mut assignment,
            ..
        } = filled;

        let mut rows_of = vec![vec![]; assignment.len()];
        for matrix in [&matrices.a, &matrices.b, &matrices.c] {
            for (row, terms) in matrix.iter().enumerate() {
                for (_, variable) in terms {
                    rows_of[*variable].push(row);
                }
            }
        }
        let holds = |row: usize, assignment: &[Fr]| {
            let sum = |terms: &[(Fr, usize)]| {
                terms
                    .iter()
                    .map(|(factor, i)| *factor * assignment[*i])
                    .sum::<Fr>()
            };
            sum(&matrices.a[row]) * sum(&matrices.b[row]) == sum(&matrices.c[row])
        };
        for variable in 8..assignment.len() {
            let honest = assignment[variable];
            for other in [
                honest + Fr::from(1u64),
                -honest,
                Fr::from(0u64),
                Fr::rand(&mut rng),
            ] {
                if other == honest {
                    continue;
                }
                assignment[variable] = other;
                assert!(
                    rows_of[variable]
                        .iter()
                        .any(|row| !holds(*row, &assignment)),
                    "variable {variable}"
                );
            }
            assignment[variable] = honest;
        }
    }
}
