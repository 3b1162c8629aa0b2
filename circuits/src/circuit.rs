//! The sealing circuit: the relation as an R1CS, for paths of up to `DEPTH` siblings.
//!
//! Its constraints, in their order, are what keys are made for: any change here is another circuit
//! with another [`circuit_id`], and its keys start from nothing. The soundness argument is written out
//! in `docs/circuit.md`. What it takes for granted about its inputs (K of order l, canonical field
//! elements, exactly seven) is checked by the types around it.

use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, Matrix, OptimizationGoal,
    R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode,
};
use tacit_protocol::field::{Fr, fr_to_bytes};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::CircuitId;
use tacit_protocol::lean_imt::MAX_DEPTH;
use tacit_protocol::point::Point;

use crate::gadgets::bits::{bits, pack};
use crate::gadgets::fixed_base::FixedBase;
use crate::gadgets::membership::enforce_member;
use crate::gadgets::montgomery::{from_edwards, to_edwards};
use crate::gadgets::poseidon::{poseidon2, poseidon3};
use crate::gadgets::range::{SCALAR_BITS, enforce_below_order};
use crate::gadgets::{Builder, Lc, ladder};
use crate::relation::{PUBLIC_INPUTS, Rule, SealingPublic, SealingWitness};
use crate::sealing::mask_tag;

/// Constraints of the circuit for [`MAX_DEPTH`].
pub const CONSTRAINTS: usize = 8_804;

/// The id of the circuit for [`MAX_DEPTH`], which statements name. Equal to [`circuit_id`].
pub const CIRCUIT_ID: CircuitId = CircuitId(Digest([
    0xc4, 0x57, 0xfa, 0xe3, 0x49, 0x72, 0x58, 0xb5, 0x8a, 0x9c, 0x9d, 0xee, 0x40, 0x30, 0x14, 0x83,
    0x7d, 0x90, 0xc5, 0xc5, 0x8d, 0x5f, 0xb3, 0xf3, 0xfc, 0x33, 0x7e, 0x4b, 0x41, 0x8c, 0x2d, 0x43,
]));

/// The circuit with one instance of it.
pub struct SealingCircuit<const DEPTH: usize = MAX_DEPTH> {
    public: SealingPublic,
    witness: SealingWitness,
}

impl<const DEPTH: usize> SealingCircuit<DEPTH> {
    /// To prove this. That it holds is checked by who proves.
    pub fn new(public: SealingPublic, witness: SealingWitness) -> Self {
        Self { public, witness }
    }

    /// To make keys.
    pub fn blank() -> Self {
        let zero = Fr::from(0u64);
        let key = Point::generator();
        let public = SealingPublic {
            root: zero,
            nullifier: zero,
            scope: zero,
            key,
            ct: zero,
            context: zero,
        };
        Self {
            public,
            witness: SealingWitness::blank(),
        }
    }

    /// Allocates and constrains everything, in the order of [`Rule`]. Returns what the constraints
    /// compute for the public inputs that they compute.
    pub(crate) fn synthesize(&self, b: &mut Builder) -> Result<Computed, SynthesisError> {
        let (public, witness) = (&self.public, &self.witness);
        if witness.check_path_shape(DEPTH).is_err() {
            return Err(SynthesisError::Unsatisfiable);
        }
        let inputs: [Fr; PUBLIC_INPUTS] = public.to_inputs();
        let [root, nullifier, scope, key_x, key_y, ct, context] =
            inputs.map(|value| b.input(value));
        let (root, nullifier, scope, ct, context) = (root?, nullifier?, scope?, ct?, context?);

        b.rule(Rule::SecretBits);
        let secret_bits = bits(b, "secret bit", witness.secret(), SCALAR_BITS)?;
        let secret = pack(&secret_bits);
        b.rule(Rule::SecretRange);
        enforce_below_order(b, &secret_bits)?;
        b.enforce_nonzero(Rule::SecretZero, &secret)?;

        b.rule(Rule::PublicKey);
        let public_key = FixedBase::for_secret()?.mul(b, &secret_bits, Rule::SecretExcluded)?;
        let (x, y) = to_edwards(b, &public_key)?;
        b.rule(Rule::Leaf);
        let leaf = poseidon2(b, &x, &y)?;

        enforce_member(b, &leaf, &root, witness.path(), DEPTH)?;

        b.rule(Rule::Nullifier);
        let computed_nullifier = poseidon2(b, &scope, &secret)?;
        b.enforce_equal(&computed_nullifier, &nullifier)?;

        b.rule(Rule::NonceBits);
        let rho = bits(b, "nonce bit", witness.nonce().rho(), SCALAR_BITS)?;
        b.rule(Rule::CommitmentPoint);
        let c1 = FixedBase::for_nonce()?.mul(b, &rho, Rule::NonceExcluded)?;
        let (c1_x, c1_y) = to_edwards(b, &c1)?;

        b.rule(Rule::SharedPoint);
        let key = from_edwards(b, &key_x?, &key_y?)?;
        let shared = ladder::mul(b, &key, &rho)?;
        let (shared_x, shared_y) = to_edwards(b, &shared)?;

        b.rule(Rule::Mask);
        let mask = poseidon3(b, &Lc::constant(mask_tag()), &shared_x, &shared_y)?;
        b.rule(Rule::Ct);
        let computed_ct = poseidon3(b, &c1_x, &c1_y, &(&leaf + &mask))?;
        b.enforce_equal(&computed_ct, &ct)?;

        b.rule(Rule::Context);
        b.product("context^2", &context, &context)?;
        Ok(Computed {
            leaf: leaf.value(),
            nullifier: computed_nullifier.value(),
            ct: computed_ct.value(),
        })
    }
}

/// What the circuit computes from a witness, so that tests can forge public inputs that agree with
/// a forged witness.
pub(crate) struct Computed {
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) leaf: Fr,
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) nullifier: Fr,
    #[cfg_attr(not(test), expect(dead_code))]
    pub(crate) ct: Fr,
}

impl<const DEPTH: usize> ConstraintSynthesizer<Fr> for SealingCircuit<DEPTH> {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        self.synthesize(&mut Builder::new(cs)).map(|_| ())
    }
}

/// The three matrices of the circuit, and how many variables they are over: what keys are made for, by
/// [`crate::setup`] or by a ceremony.
///
/// A row is a list of factors and columns. Columns are the constant one, the public inputs in the order of
/// [`SealingPublic::to_inputs`], then the witness in the order in which it is allocated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrices {
    /// The left factors' rows.
    pub a: Matrix<Fr>,
    /// The right factors' rows.
    pub b: Matrix<Fr>,
    /// The products' rows.
    pub c: Matrix<Fr>,
    /// Public inputs and the constant one.
    pub instance_variables: usize,
    /// All other variables.
    pub witness_variables: usize,
}

impl Matrices {
    /// Those of a constraint system in which everything is enforced.
    pub(crate) fn of(cs: &ConstraintSystemRef<Fr>) -> Result<Self, SynthesisError> {
        cs.finalize();
        let matrices = cs
            .to_matrices()?
            .remove(R1CS_PREDICATE_LABEL)
            .ok_or(SynthesisError::PredicateNotFound)?;
        let [a, b, c] = matrices
            .try_into()
            .map_err(|_| SynthesisError::ArityMismatch)?;
        let instance_variables = cs.num_instance_variables();
        let witness_variables = cs.num_witness_variables();
        Ok(Self {
            a,
            b,
            c,
            instance_variables,
            witness_variables,
        })
    }

    /// Those of the circuit for paths of up to `DEPTH` siblings, from the same synthesis that proving fills.
    ///
    /// # Errors
    /// If the circuit can't be laid out, which no depth of a path brings about.
    pub fn of_circuit<const DEPTH: usize>() -> Result<Self, SynthesisError> {
        let cs = ConstraintSystem::new_ref();
        cs.set_optimization_goal(OptimizationGoal::Constraints);
        cs.set_mode(SynthesisMode::Setup);
        SealingCircuit::<DEPTH>::blank().generate_constraints(cs.clone())?;
        Self::of(&cs)
    }

    /// How many constraints there are.
    pub fn constraints(&self) -> usize {
        self.a.len()
    }

    /// The constraints that an assignment (one, public inputs, witness) doesn't satisfy.
    pub(crate) fn unsatisfied<'a>(
        &'a self,
        assignment: &'a [Fr],
    ) -> impl Iterator<Item = usize> + 'a {
        let sum = |row: &[(Fr, usize)]| -> Fr {
            row.iter()
                .map(|(factor, i)| *factor * assignment.get(*i).copied().unwrap_or_default())
                .sum()
        };
        let rows = self.a.iter().zip(&self.b).zip(&self.c).enumerate();
        rows.filter(move |(_, ((a, b), c))| sum(a) * sum(b) != sum(c))
            .map(|(i, _)| i)
    }

    /// Hash of the constraint system: every coefficient, in order.
    pub(crate) fn id(&self) -> CircuitId {
        let count = |n: usize| (n as u64).to_be_bytes();
        let mut hasher = Hasher::new(domain::CIRCUIT)
            .chain(count(self.instance_variables))
            .chain(count(self.witness_variables))
            .chain(count(self.constraints()));
        for matrix in [&self.a, &self.b, &self.c] {
            for row in matrix {
                hasher = hasher.chain(count(row.len()));
                for (coefficient, variable) in row {
                    hasher = hasher
                        .chain(count(*variable))
                        .chain(fr_to_bytes(coefficient));
                }
            }
        }
        CircuitId(hasher.finish())
    }
}

/// The id of the circuit for paths of up to `DEPTH` siblings: the hash of its constraint system.
/// Takes some tens of milliseconds; [`CIRCUIT_ID`] is the production circuit's.
pub fn circuit_id<const DEPTH: usize>() -> Result<CircuitId, SynthesisError> {
    Ok(Matrices::of_circuit::<DEPTH>()?.id())
}
