//! Proving. The witness is checked twice before, natively and in the constraint system, so that a
//! wrong one is an error with the broken rule's name and never a proof that nobody accepts.

use ark_bn254::Bn254;
use ark_ff::UniformRand as _;
use ark_groth16::Groth16;
use ark_relations::gr1cs::{ConstraintSystem, OptimizationGoal, SynthesisError, SynthesisMode};
use ark_std::rand::{CryptoRng, RngCore};
use tacit_protocol::field::Fr;
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::circuit::{Matrices, SealingCircuit};
use crate::gadgets::Builder;
use crate::keys::ProvingKey;
use crate::relation::{Rule, SealingPublic, SealingWitness, check};
use crate::verify::{PreparedKey, Proof, verify};

/// Why there is no proof.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProveError {
    /// The witness isn't one of this statement.
    #[error(transparent)]
    Relation(#[from] Rule),
    /// The proof that came out doesn't verify: the proving key isn't one of this circuit.
    #[error("the proving key makes proofs that don't verify")]
    Key,
    /// The circuit couldn't be filled.
    #[error("the circuit can't be filled: {0}")]
    Circuit(String),
}

impl From<SynthesisError> for ProveError {
    fn from(e: SynthesisError) -> Self {
        Self::Circuit(e.to_string())
    }
}

/// A filled circuit: its matrices, its assignment (one, public inputs, witness) and each constraint's rule.
pub(crate) struct Filled {
    pub(crate) matrices: Matrices,
    pub(crate) assignment: Zeroizing<Vec<Fr>>,
    pub(crate) rows: Vec<Rule>,
}

impl Filled {
    /// The rules of the constraints that don't hold, in order.
    pub(crate) fn broken(&self) -> impl Iterator<Item = Rule> + '_ {
        self.matrices
            .unsatisfied(&self.assignment)
            .filter_map(|row| self.rows.get(row).copied())
    }
}

/// Fills whatever `synthesize` allocates and constrains.
pub(crate) fn fill<T>(
    synthesize: impl FnOnce(&mut Builder) -> Result<T, SynthesisError>,
) -> Result<(Filled, T), SynthesisError> {
    let cs = ConstraintSystem::new_ref();
    cs.set_optimization_goal(OptimizationGoal::Constraints);
    cs.set_mode(SynthesisMode::Prove {
        construct_matrices: true,
        generate_lc_assignments: false,
    });
    let mut builder = Builder::new(cs.clone());
    let output = synthesize(&mut builder)?;
    let rows = builder.into_rows();
    let matrices = Matrices::of(&cs)?;
    let mut cs = cs.into_inner().ok_or(SynthesisError::MissingCS)?;
    let mut assignment = Zeroizing::new(Vec::with_capacity(cs.num_variables()));
    assignment.extend_from_slice(cs.instance_assignment()?);
    assignment.extend_from_slice(cs.witness_assignment()?);
    cs.assignments.witness_assignment.zeroize();
    Ok((
        Filled {
            matrices,
            assignment,
            rows,
        },
        output,
    ))
}

/// Proves that `witness` is one of `public`. About 0.9 s at depth 20 on one core.
///
/// Each proof is fresh: `rng` hides the witness in it and must be the operating system's, or seeded from it.
pub fn prove<const DEPTH: usize>(
    key: &ProvingKey<DEPTH>,
    public: &SealingPublic,
    witness: &SealingWitness,
    rng: &mut (impl RngCore + CryptoRng),
) -> Result<Proof, ProveError> {
    check(public, witness, DEPTH)?;
    let circuit = SealingCircuit::<DEPTH>::new(*public, witness.clone());
    let (filled, _) = fill(|builder| circuit.synthesize(builder))?;
    if let Some(rule) = filled.broken().next() {
        return Err(rule.into());
    }

    let Matrices {
        a,
        b,
        c,
        instance_variables,
        ..
    } = filled.matrices;
    let constraints = a.len();
    let (mut blind_a, mut blind_b) = (Fr::rand(rng), Fr::rand(rng));
    let proof = Groth16::<Bn254>::create_proof_with_reduction_and_matrices(
        key.as_ark(),
        blind_a,
        blind_b,
        &[a, b, c],
        instance_variables,
        constraints,
        &filled.assignment,
    )?;
    blind_a.zeroize();
    blind_b.zeroize();

    let proof = Proof::from_ark(proof).map_err(|_| ProveError::Key)?;
    verify(&PreparedKey::new(key.verifying_key()), public, &proof).map_err(|_| ProveError::Key)?;
    Ok(proof)
}
