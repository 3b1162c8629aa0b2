//! Poseidon with circomlib's parameters: 240 constraints for two inputs, 261 for three, 258 for
//! three of which one is constant.
//!
//! The state starts as [0, inputs…] and the hash is its first element after all rounds, as in
//! `tacit_protocol::poseidon`, its oracle in the tests.

use std::sync::OnceLock;

use ark_relations::gr1cs::SynthesisError;
use light_poseidon::PoseidonParameters;
use light_poseidon::parameters::bn254_x5::get_poseidon_parameters;
use tacit_protocol::field::Fr;

use super::{Builder, Lc};

static WIDTH_3: OnceLock<Option<PoseidonParameters<Fr>>> = OnceLock::new();
static WIDTH_4: OnceLock<Option<PoseidonParameters<Fr>>> = OnceLock::new();

/// Poseidon of two values.
pub(crate) fn poseidon2(b: &mut Builder, x: &Lc, y: &Lc) -> Result<Lc, SynthesisError> {
    permute(
        b,
        parameters(&WIDTH_3, 3)?,
        vec![Lc::zero(), x.clone(), y.clone()],
    )
}

/// Poseidon of three values.
pub(crate) fn poseidon3(b: &mut Builder, x: &Lc, y: &Lc, z: &Lc) -> Result<Lc, SynthesisError> {
    permute(
        b,
        parameters(&WIDTH_4, 4)?,
        vec![Lc::zero(), x.clone(), y.clone(), z.clone()],
    )
}

fn parameters(
    cell: &'static OnceLock<Option<PoseidonParameters<Fr>>>,
    width: u8,
) -> Result<&'static PoseidonParameters<Fr>, SynthesisError> {
    cell.get_or_init(|| get_poseidon_parameters(width).ok())
        .as_ref()
        .ok_or(SynthesisError::Unsatisfiable)
}

fn permute(
    b: &mut Builder,
    parameters: &PoseidonParameters<Fr>,
    mut state: Vec<Lc>,
) -> Result<Lc, SynthesisError> {
    let half = parameters.full_rounds / 2;
    let partial = half..half + parameters.partial_rounds;
    for (round, constants) in parameters.ark.chunks(parameters.width).enumerate() {
        for (element, constant) in state.iter_mut().zip(constants) {
            *element = element.plus(*constant);
        }
        let boxes = if partial.contains(&round) {
            1
        } else {
            parameters.width
        };
        for element in state.iter_mut().take(boxes) {
            *element = fifth_power(b, element)?;
        }
        state = parameters
            .mds
            .iter()
            .map(|row| {
                state
                    .iter()
                    .zip(row)
                    .fold(Lc::zero(), |sum, (element, factor)| {
                        sum.plus_times(element, *factor)
                    })
            })
            .collect();
    }
    state
        .into_iter()
        .next()
        .ok_or(SynthesisError::Unsatisfiable)
}

/// x^5 in three constraints; free for a constant.
fn fifth_power(b: &mut Builder, x: &Lc) -> Result<Lc, SynthesisError> {
    if let Some(x) = x.as_constant() {
        let square = x * x;
        return Ok(Lc::constant(square * square * x));
    }
    let square = b.product("x^2", x, x)?;
    let fourth = b.product("x^4", &square, &square)?;
    b.product("x^5", &fourth, x)
}
