//! The initial key of a circuit: a function of prepared powers and constraints, without any secret.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup as _};
use ark_ff::One as _;
use thiserror::Error;

use super::BLOCK;
use super::initial::InitialKey;
use crate::blake2b::Blake2b;
use crate::files::container::FileError;
use crate::files::ptau::Powers;
use crate::files::r1cs::R1cs;
use crate::files::zkey::{self, Coefficient, Header};
use crate::phase1::PreparedPowers;
use crate::points::{Encoded, hashed, stored};
use crate::progress::Progress;
use crate::scale::Scalable;
use crate::sparse::{Term, columns};

/// From this power on other tools hash one point more than there is in powers of the same size.
const LARGE: u32 = 15;

/// Why there is no initial key.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The powers end with no beacon: their last contributor chose them.
    #[error("the powers have no beacon yet: no key is made from them")]
    Unfinished,
    /// The powers are for smaller circuits.
    #[error("the circuit needs powers for 2^{needed}, these are for 2^{found}")]
    TooLarge {
        /// What the circuit needs.
        needed: u32,
        /// What there is.
        found: u32,
    },
}

/// The powers that a circuit's phase 1 must have: those of its domain, and one more from 2^15 on.
pub fn needed_power(circuit: &R1cs) -> u32 {
    let power = circuit.power().max(1);
    if power >= LARGE { power + 1 } else { power }
}

/// Writes a circuit's initial key, and returns it.
///
/// # Errors
/// [`SetupError::Unfinished`] for powers without a beacon, [`SetupError::TooLarge`] for such as are too
/// small, or [`SetupError::File`].
pub fn setup(
    powers: &PreparedPowers,
    circuit: &R1cs,
    to: &Path,
    progress: &mut dyn Progress,
) -> Result<InitialKey, SetupError> {
    if !powers.linked().is_finished() {
        return Err(SetupError::Unfinished);
    }
    let ptau = powers.ptau();
    let needed = needed_power(circuit);
    if ptau.power() < needed {
        let found = ptau.power();
        return Err(SetupError::TooLarge { needed, found });
    }
    let power = circuit.power().max(1);
    let rows = 1usize << power;
    progress.start("making the initial key", 7);
    let tau_g1: Vec<G1Affine> = ptau.lagrange(Powers::TauG1, power, 0, rows)?;
    let tau_g2: Vec<G2Affine> = ptau.lagrange(Powers::TauG2, power, 0, rows)?;
    let alpha: Vec<G1Affine> = ptau.lagrange(Powers::AlphaG1, power, 0, rows)?;
    let beta: Vec<G1Affine> = ptau.lagrange(Powers::BetaG1, power, 0, rows)?;
    progress.advance(1);
    let terms = Terms::of(circuit);
    let wires = circuit.wires as usize;
    let a = sums(&[(&terms.a[..], &tau_g1[..])], wires);
    progress.advance(1);
    let b1 = sums(&[(&terms.b[..], &tau_g1[..])], wires);
    progress.advance(1);
    let b2 = sums(&[(&terms.b[..], &tau_g2[..])], wires);
    progress.advance(1);
    let k = sums(
        &[
            (&terms.a[..], &beta[..]),
            (&terms.b[..], &alpha[..]),
            (&terms.c[..], &tau_g1[..]),
        ],
        wires,
    );
    progress.advance(1);
    let (ic, l) = k.split_at(circuit.public as usize + 1);

    let header = Header {
        wires: circuit.wires,
        public: circuit.public,
        domain: rows as u32,
        alpha_g1: one(ptau.points(Powers::AlphaG1, 0, 1)?),
        beta_g1: one(ptau.points(Powers::BetaG1, 0, 1)?),
        beta_g2: one(ptau.points(Powers::BetaG2, 0, 1)?),
        gamma_g2: G2Affine::generator(),
        delta_g1: G1Affine::generator(),
        delta_g2: G2Affine::generator(),
    };
    let mut hash = Hashing::new(&header);
    hash.list(ic);
    hash.quotients(powers, power)?;
    hash.list(l);
    hash.list(&a);
    hash.list(&b1);
    hash.list(&b2);
    let circuit_hash = hash.0.finish();
    progress.advance(1);

    let mut writer = zkey::create(to, &header)?;
    writer.section(zkey::IC, &stored(ic))?;
    writer.section(zkey::COEFFICIENTS, &terms.coefficients())?;
    writer.section(zkey::A, &stored(&a))?;
    writer.section(zkey::B1, &stored(&b1))?;
    writer.section(zkey::B2, &stored(&b2))?;
    writer.section(zkey::L, &stored(l))?;
    writer.begin(zkey::H)?;
    let mut at = 0;
    while at < 2 * rows {
        let now = (2 * rows - at).min(BLOCK);
        let block: Vec<G1Affine> = ptau.lagrange(Powers::TauG1, power + 1, at as u64, now)?;
        let odd: Vec<G1Affine> = block.into_iter().skip(1).step_by(2).collect();
        writer.write(&stored(&odd))?;
        at += now;
    }
    writer.section(zkey::RECORDS, &zkey::encode_records(&circuit_hash, &[]))?;
    writer.finish()?;
    progress.advance(1);
    progress.done();
    Ok(InitialKey::made(to)?)
}

fn one<P: AffineRepr>(points: Vec<P>) -> P {
    points.first().copied().unwrap_or(P::zero())
}

/// The circuit's terms in file order, with the rows that bind public inputs at the end of A.
pub(crate) struct Terms {
    a: Vec<Term>,
    b: Vec<Term>,
    c: Vec<Term>,
    /// Where each constraint's terms of A and of B end.
    ends: Vec<(usize, usize)>,
}

impl Terms {
    /// For the constant one and each public wire a row of its own follows on the constraints, with that wire
    /// alone, times one, in A.
    ///
    /// Soundness needs these rows, and that they are empty in B and C: not only so that the public wires'
    /// polynomials of A are independent. In powers that weren't cut from larger ones tau^(2n - 1) counts as
    /// zero, so the span of H's points has -tau^(n - 1) / delta in it where (tau^(2n - 1) - tau^(n - 1)) / delta
    /// should be. With it a proof shows no more than that A B - C is c X^(n - 1) on the rows' domain, for
    /// a c of the prover's choice. X^(n - 1) is zero nowhere there, and in these rows A B - C is zero whatever
    /// the wires are: so c is zero, and every constraint holds.
    pub fn of(circuit: &R1cs) -> Self {
        let mut terms = Self {
            a: Vec::new(),
            b: Vec::new(),
            c: Vec::new(),
            ends: Vec::new(),
        };
        for (row, [a, b, c]) in (0u32..).zip(&circuit.constraints) {
            for (to, from) in [(&mut terms.a, a), (&mut terms.b, b), (&mut terms.c, c)] {
                to.extend(from.iter().map(|(wire, factor)| (row, *wire, *factor)));
            }
            terms.ends.push((terms.a.len(), terms.b.len()));
        }
        let first = circuit.constraints.len() as u32;
        let bound = (0..=circuit.public).map(|wire| (first + wire, wire, Fr::one()));
        terms.a.extend(bound);
        terms
    }

    /// The section's body: for each constraint A's terms, then B's; then the bound inputs.
    pub fn coefficients(&self) -> Vec<u8> {
        let mut bytes = ((self.a.len() + self.b.len()) as u32)
            .to_le_bytes()
            .to_vec();
        let mut write = |in_b: bool, terms: Option<&[Term]>| {
            for (row, wire, value) in terms.unwrap_or_default() {
                let coefficient = Coefficient {
                    in_b,
                    row: *row,
                    wire: *wire,
                    value: *value,
                };
                coefficient.encode(&mut bytes);
            }
        };
        let (mut a, mut b) = (0, 0);
        for (a_end, b_end) in &self.ends {
            write(false, self.a.get(a..*a_end));
            write(true, self.b.get(b..*b_end));
            (a, b) = (*a_end, *b_end);
        }
        write(false, self.a.get(a..));
        bytes
    }
}

/// For each wire, the sum over its terms of factor times the row's point.
///
/// A circuit repeats its rows, within a matrix and from one to another (a square has the same in A and B):
/// equal rows are put together as the sum of their points.
fn sums<P: Scalable>(parts: &[(&[Term], &[P])], wires: usize) -> Vec<P> {
    let mut numbers = HashMap::new();
    let mut points: Vec<P::Group> = Vec::new();
    let mut distinct = Vec::new();
    for (terms, from) in parts {
        for row in terms.chunk_by(|a, b| a.0 == b.0) {
            let Some(point) = row.first().and_then(|term| from.get(term.0 as usize)) else {
                continue;
            };
            let key: Vec<_> = row
                .iter()
                .map(|(_, wire, factor)| (*wire, *factor))
                .collect();
            match numbers.entry(key) {
                Entry::Occupied(entry) => {
                    if let Some(sum) = points.get_mut(*entry.get()) {
                        *sum += point;
                    }
                }
                Entry::Vacant(entry) => {
                    let number = points.len() as u32;
                    let terms = entry.key().iter();
                    distinct.extend(terms.map(|(wire, factor)| (number, *wire, *factor)));
                    entry.insert(points.len());
                    points.push(point.into_group());
                }
            }
        }
    }
    columns(&P::Group::normalize_batch(&points), &distinct, wires)
}

/// The hash of an initial key.
struct Hashing(Blake2b);

impl Hashing {
    fn new(header: &Header) -> Self {
        let mut hash = Blake2b::new();
        hash.update(&hashed(&[header.alpha_g1, header.beta_g1]));
        hash.update(&hashed(&[header.beta_g2, header.gamma_g2]));
        hash.update(&hashed(&[header.delta_g1]));
        hash.update(&hashed(&[header.delta_g2]));
        Self(hash)
    }

    fn count(&mut self, count: usize) {
        self.0.update(&(count as u32).to_be_bytes());
    }

    fn list<P: Encoded>(&mut self, points: &[P]) {
        self.count(points.len());
        for block in points.chunks(BLOCK) {
            self.0.update(&hashed(block));
        }
    }

    /// tau^(n+i) - tau^i for i below n - 1. From 2^15 on the format hashes one point more than the length
    /// that it announces; powers that are one size larger have it.
    fn quotients(&mut self, powers: &PreparedPowers, power: u32) -> Result<(), FileError> {
        let rows = 1usize << power;
        self.count(rows - 1);
        let count = if power >= LARGE { rows } else { rows - 1 };
        let mut at = 0;
        while at < count {
            let now = (count - at).min(BLOCK);
            let low: Vec<G1Affine> = powers.ptau().points(Powers::TauG1, at as u64, now)?;
            let high: Vec<G1Affine> =
                powers
                    .ptau()
                    .points(Powers::TauG1, (rows + at) as u64, now)?;
            let differences: Vec<_> = high.iter().zip(&low).map(|(h, l)| *h - *l).collect();
            let differences = ark_bn254::G1Projective::normalize_batch(&differences);
            self.0.update(&hashed(&differences));
            at += now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::cube;
    use super::*;

    #[test]
    fn the_constant_and_each_public_wire_have_a_row_of_their_own_after_the_constraints() {
        for public in 0..3 {
            let circuit = R1cs { public, ..cube() };
            let terms = Terms::of(&circuit);
            let first = circuit.constraints.len() as u32;
            let bound: Vec<Term> = (0..=public)
                .map(|wire| (first + wire, wire, Fr::one()))
                .collect();
            assert_eq!(bound.len(), public as usize + 1);
            let behind = |terms: &[Term]| -> Vec<Term> {
                terms.iter().filter(|t| t.0 >= first).copied().collect()
            };
            assert_eq!(behind(&terms.a), bound);
            assert_eq!(behind(&terms.b), []);
            assert_eq!(behind(&terms.c), []);
            // The key's file has them, too, for every prover.
            let mut last = Vec::new();
            for (row, wire, value) in bound {
                let in_b = false;
                Coefficient {
                    in_b,
                    row,
                    wire,
                    value,
                }
                .encode(&mut last);
            }
            assert!(terms.coefficients().ends_with(&last));
            // And the domain has room for them.
            assert!(1u64 << circuit.power().max(1) > u64::from(first + public));
        }
    }
}
