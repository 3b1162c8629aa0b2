//! The product's circuits as constraints that a ceremony makes keys for.
//!
//! They come from the same synthesis that proving fills, with the same optimization. Their files' hashes
//! are pinned in a test: another hash is another circuit, and voids keys that were made before.

use std::collections::BTreeSet;

use ark_bn254::Fr;
use ark_ff::{One as _, Zero as _};
use tacit_circuits::Matrices;
use tacit_protocol::lean_imt::MAX_DEPTH;
use thiserror::Error;

use crate::files::r1cs::{R1cs, Row};

/// Why a circuit has no constraints to make keys for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CircuitError {
    /// It can't be laid out.
    #[error("the circuit can't be laid out: {0}")]
    Layout(String),
    /// It has more wires than the format can count.
    #[error("the circuit has {0} wires, more than a file can hold")]
    Size(usize),
    /// A term that other tools may leave out, so that two tools would make two keys.
    #[error("constraint {0} has a term with the factor zero")]
    ZeroFactor(usize),
    /// Two terms that other tools may put together.
    #[error("constraint {0} has a wire twice in one row")]
    RepeatedWire(usize),
}

/// The sealing circuit, as statements name it.
///
/// # Errors
/// [`CircuitError`], which a build that passes its tests doesn't give.
pub fn sealing() -> Result<R1cs, CircuitError> {
    sealing_of_depth::<MAX_DEPTH>()
}

/// The sealing circuit for paths of up to `DEPTH` siblings.
///
/// # Errors
/// [`CircuitError`].
pub fn sealing_of_depth<const DEPTH: usize>() -> Result<R1cs, CircuitError> {
    let matrices =
        Matrices::of_circuit::<DEPTH>().map_err(|e| CircuitError::Layout(e.to_string()))?;
    from_matrices(&matrices)
}

/// A small circuit for rehearsals and demonstrations: its public wire is the number that `count` squarings in
/// a row make of the private one.
pub fn squares(count: u32) -> R1cs {
    let one = |wire| vec![(wire, Fr::one())];
    // The constant one, the result, the secret, and all squares between.
    let made = |step| if step == count { 1 } else { 2 + step };
    let constraints = (0..count)
        .map(|step| [one(made(step)), one(made(step)), one(made(step + 1))])
        .collect();
    R1cs {
        wires: count + 2,
        public: 1,
        constraints,
    }
}

/// Columns are wires already: the one, public inputs, witness.
fn from_matrices(matrices: &Matrices) -> Result<R1cs, CircuitError> {
    let count = matrices.instance_variables + matrices.witness_variables;
    let number = |n: usize| u32::try_from(n).map_err(|_| CircuitError::Size(count));
    let rows = matrices.a.iter().zip(&matrices.b).zip(&matrices.c);
    let mut constraints = Vec::with_capacity(matrices.constraints());
    for (place, ((a, b), c)) in rows.enumerate() {
        let mut triple = [Row::new(), Row::new(), Row::new()];
        for (to, from) in triple.iter_mut().zip([a, b, c]) {
            let mut seen = BTreeSet::new();
            for (factor, column) in from {
                if factor.is_zero() {
                    return Err(CircuitError::ZeroFactor(place));
                }
                if !seen.insert(*column) {
                    return Err(CircuitError::RepeatedWire(place));
                }
                to.push((number(*column)?, *factor));
            }
        }
        constraints.push(triple);
    }
    Ok(R1cs {
        wires: number(count)?,
        public: number(matrices.instance_variables.saturating_sub(1))?,
        constraints,
    })
}

#[cfg(test)]
mod tests {
    use tacit_circuits::CONSTRAINTS;

    use super::*;

    #[test]
    fn the_sealing_circuits_file_is_pinned() {
        let circuit = sealing().unwrap();
        assert_eq!(circuit.constraints.len(), CONSTRAINTS);
        assert_eq!((circuit.wires, circuit.public), (8_817, 7));
        assert_eq!(circuit.power(), 14);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealing.r1cs");
        circuit.write(&path).unwrap();
        let file = crate::blake2b::hash(&std::fs::read(&path).unwrap());
        assert_eq!(
            (hex::encode(circuit.hash()), hex::encode(file)),
            (SEALING.to_owned(), SEALING_FILE.to_owned())
        );
        assert_eq!(R1cs::open(&path).unwrap(), circuit);
    }

    /// [`R1cs::hash`] of the sealing circuit: a change voids every ceremony for it.
    const SEALING: &str = "547bddcba7b48d2afa7329faf952e494034c092b46b40d611e624fdcedfe7a94592dd41909ec36fa4e295d75ca62edb0f7cf5efd4d76b31ce53acfff0ee69aed";
    /// BLAKE2b-512 of its file.
    const SEALING_FILE: &str = "309673090dc264871c028d6cf436a55943d242c133b41c7dde7beb29a4946fc43b7bfb51eb26f7f790992ccb1e4414e6d277a65c2d1d4a59bb46ed29d590c21b";

    #[test]
    fn squarings_lead_from_the_secret_to_the_public_wire() {
        let circuit = squares(3);
        let witness = [1, 256, 2, 4, 16].map(Fr::from);
        assert_eq!((circuit.wires as usize, circuit.public), (witness.len(), 1));
        let value = |row: &Row| -> Fr { row.iter().map(|(w, f)| witness[*w as usize] * f).sum() };
        for [a, b, c] in &circuit.constraints {
            assert_eq!(value(a) * value(b), value(c));
        }
        assert_eq!(circuit.constraints.len(), 3);
    }

    #[test]
    fn a_term_of_zero_and_a_repeated_wire_are_refused() {
        let good = Matrices::of_circuit::<1>().unwrap();
        assert!(from_matrices(&good).is_ok());
        let mut zero = good.clone();
        zero.b[3].push((Fr::zero(), 0));
        assert_eq!(from_matrices(&zero), Err(CircuitError::ZeroFactor(3)));
        let mut twice = good;
        let row = twice.c.iter().position(|row| !row.is_empty()).unwrap();
        let term = twice.c[row][0];
        twice.c[row].push(term);
        assert_eq!(from_matrices(&twice), Err(CircuitError::RepeatedWire(row)));
    }
}
