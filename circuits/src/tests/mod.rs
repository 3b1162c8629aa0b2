//! Tests that need the circuit's insides: forged witnesses, single gadgets, the pinned layout.

mod edges;
mod forgeries;
mod gadgets;
mod keys;
mod layout;
mod proofs;
mod rules;
mod uniqueness;

use std::sync::OnceLock;

use ark_std::rand::SeedableRng as _;
use ark_std::rand::rngs::StdRng;
use tacit_protocol::field::{Fr, Scalar, SecretScalar};
use tacit_protocol::lean_imt::{LeanImt, MembershipProof};
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::Identity;

use crate::circuit::{Computed, SealingCircuit};
use crate::forgery::Forgery;
use crate::gadgets::bits::Integer;
use crate::keys::{ProvingKey, VerifyingKey, setup};
use crate::prove::{Filled, fill};
use crate::relation::{Nonce, Rule, SealingPublic, SealingWitness};
use crate::sealing::seal_point;
use crate::verify::PreparedKey;

/// The depth of most tests' circuit.
pub(crate) const DEPTH: usize = 3;

pub(crate) fn rng(seed: u8) -> StdRng {
    StdRng::from_seed([seed; 32])
}

pub(crate) fn member(i: u64) -> Identity {
    Identity::from_key(format!("member {i}").as_bytes()).unwrap()
}

pub(crate) fn identity(s: Scalar) -> Identity {
    Identity::from_scalar(SecretScalar::new(s)).unwrap()
}

pub(crate) fn nonce(r: u64) -> Nonce {
    Nonce::new(SecretScalar::new(Scalar::from(r))).unwrap()
}

pub(crate) fn committee_key() -> Point {
    Point::mul_generator(&Scalar::from(1_000_003u64)).unwrap()
}

/// A tree of members 0..size.
pub(crate) fn group(size: u64) -> LeanImt {
    LeanImt::from_leaves(
        &(0..size)
            .map(|i| member(i).commitment())
            .collect::<Vec<_>>(),
    )
    .unwrap()
}

/// Alone in the tree: the root is the leaf.
pub(crate) fn alone() -> MembershipProof {
    MembershipProof {
        siblings: vec![],
        index: 0,
    }
}

/// The true public inputs for a member's signature.
pub(crate) fn public_of(signer: &Identity, nonce: &Nonce, path: &MembershipProof) -> SealingPublic {
    let scope = Fr::from(77u64);
    let key = committee_key();
    SealingPublic {
        root: path.root(signer.commitment()),
        nullifier: signer.nullifier(scope),
        scope,
        key,
        ct: seal_point(nonce, &key, signer.commitment()).unwrap().ct,
        context: Fr::from(4711u64),
    }
}

/// A true statement and its witness: member 4 of 5, whose path is short, or another.
pub(crate) fn instance(position: u64) -> (SealingPublic, SealingWitness) {
    let (signer, nonce) = (member(position), nonce(1_234_567 + position));
    let path = group(5).proof(position).unwrap();
    (
        public_of(&signer, &nonce, &path),
        SealingWitness::new(&signer, nonce, path),
    )
}

/// Fills the circuit with a forged witness.
pub(crate) fn forge<const D: usize>(
    public: SealingPublic,
    witness: &SealingWitness,
    forgeries: &[(&'static str, usize, Fr)],
) -> (Filled, Computed) {
    let circuit = SealingCircuit::<D>::new(public, witness.clone());
    fill(|builder| {
        builder.forgery = forgery(forgeries);
        let computed = circuit.synthesize(builder)?;
        builder.forgery.assert_used();
        Ok(computed)
    })
    .unwrap()
}

pub(crate) fn forgery(forgeries: &[(&'static str, usize, Fr)]) -> Forgery {
    let mut forgery = Forgery::default();
    for (name, nth, value) in forgeries {
        forgery.set(name, *nth, *value);
    }
    forgery
}

/// The rules that the honest filling of the circuit breaks.
pub(crate) fn broken<const D: usize>(
    public: &SealingPublic,
    witness: &SealingWitness,
) -> Vec<Rule> {
    distinct(&forge::<D>(*public, witness, &[]).0)
}

pub(crate) fn distinct(filled: &Filled) -> Vec<Rule> {
    let mut rules: Vec<Rule> = filled.broken().collect();
    rules.dedup();
    rules
}

/// One development key for all tests of proofs.
pub(crate) fn keys() -> &'static (ProvingKey<DEPTH>, VerifyingKey, PreparedKey) {
    static KEYS: OnceLock<(ProvingKey<DEPTH>, VerifyingKey, PreparedKey)> = OnceLock::new();
    KEYS.get_or_init(|| {
        let (proving, verifying) = setup::<DEPTH>(&mut rng(1)).unwrap();
        let prepared = PreparedKey::new(&verifying);
        (proving, verifying, prepared)
    })
}

pub(crate) fn power_of_two(exponent: u32) -> Integer {
    let mut integer = Integer::one();
    integer <<= exponent;
    integer
}
