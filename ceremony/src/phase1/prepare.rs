//! Preparing powers for phase 2: their Lagrange forms, for circuits of every size up to the ceremony's.
//!
//! No secret is needed: anyone can do it again, and [`verify`] checks what somebody else has prepared, by
//! random sums, far faster.

use std::path::Path;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
use ark_ec::{AffineRepr, CurveGroup as _, VariableBaseMSM};
use ark_ff::Zero as _;
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};

use super::verify::{Checked, LinkedPowers, List, PowersError, PowersFault};
use super::{BLOCK, lists};
use crate::checks::{Ratios, Weights, combine, scalar, wide};
use crate::files::container::{FileError, SectionWriter};
use crate::files::ptau::{self, Powers, Ptau};
use crate::lagrange::transform;
use crate::points::{Encoded, stored};
use crate::progress::Progress;
use crate::scale::Scalable;

/// Powers whose Lagrange forms are right: what phase 2 starts from.
#[derive(Debug)]
pub struct PreparedPowers(LinkedPowers);

impl PreparedPowers {
    /// What they were prepared from.
    pub fn linked(&self) -> &LinkedPowers {
        &self.0
    }

    /// The file.
    pub fn ptau(&self) -> &Ptau {
        self.0.ptau()
    }
}

/// The lists that have Lagrange forms.
const LISTS: [Powers; 4] = [
    Powers::TauG1,
    Powers::TauG2,
    Powers::AlphaG1,
    Powers::BetaG1,
];

/// Powers of the blocks of a list: 1, 2, 4, … n points, and of tau in G1 also 2n.
fn blocks(list: Powers, power: u32) -> std::ops::RangeInclusive<u32> {
    0..=if list == Powers::TauG1 {
        power + 1
    } else {
        power
    }
}

/// Writes the same file with Lagrange forms added. Holds one block in memory, at most 2n points.
///
/// # Errors
/// [`FileError`], if a file can't be read or written.
pub fn prepare(
    powers: &LinkedPowers,
    to: &Path,
    progress: &mut dyn Progress,
) -> Result<(), FileError> {
    let ptau = powers.ptau();
    let power = ptau.power();
    let steps = LISTS
        .iter()
        .flat_map(|l| blocks(*l, power))
        .map(|p| u64::from(p) << p);
    progress.start("preparing", steps.sum());
    let mut writer = ptau::create(to, power, ptau.ceremony_power(), 11)?;
    for list in Powers::ALL {
        writer.begin(list.section())?;
        lists::copy(ptau.file(), list.section(), &mut writer)?;
    }
    writer.section(7, &ptau::encode_records(ptau.records()))?;
    for list in LISTS {
        writer.begin(list.lagrange())?;
        for block in blocks(list, power) {
            if list.in_g2() {
                write_block::<G2Affine>(ptau, list, block, &mut writer)?;
            } else {
                write_block::<G1Affine>(ptau, list, block, &mut writer)?;
            }
            progress.advance(u64::from(block) << block);
        }
    }
    writer.finish()?;
    progress.done();
    Ok(())
}

fn write_block<P: Scalable>(
    ptau: &Ptau,
    list: Powers,
    block: u32,
    writer: &mut SectionWriter,
) -> Result<(), FileError> {
    let count = 1usize << block;
    let there = list.count(ptau.power()).min(count as u64) as usize;
    let mut points: Vec<P> = ptau.points(list, 0, there)?;
    // tau^(2n - 1) is in no file.
    points.resize(count, P::zero());
    let points = transform(points, block).unwrap_or_default();
    writer.write(&stored(&points))
}

/// Checks a prepared file's Lagrange forms against its powers.
///
/// # Errors
/// The list that is wrong, or that there are none.
pub fn verify(
    powers: LinkedPowers,
    weights: &mut Weights,
    progress: &mut dyn Progress,
) -> Result<PreparedPowers, PowersError> {
    let ptau = powers.ptau();
    if !ptau.is_prepared() {
        return Err(PowersFault::NotPrepared.into());
    }
    let power = ptau.power();
    let steps = LISTS
        .iter()
        .flat_map(|l| blocks(*l, power))
        .map(|p| 1u64 << p);
    progress.start("checking the prepared forms", steps.sum());
    for list in LISTS {
        for block in blocks(list, power) {
            let missing = scalar(weights.weight());
            let right = if list.in_g2() {
                let off = difference::<G2Projective>(ptau, list, block, missing, weights)?;
                off.is_some_and(|off| off.is_zero())
            } else {
                match difference::<G1Projective>(ptau, list, block, missing, weights)? {
                    None => false,
                    Some(off) if off.is_zero() => true,
                    Some(off) => block > power && is_next_power(ptau, off, missing, weights)?,
                }
            };
            if !right {
                return Err(PowersFault::Lagrange {
                    list: List(list),
                    size: 1 << block,
                }
                .into());
            }
            progress.advance(1 << block);
        }
    }
    progress.done();
    Ok(PreparedPowers(powers))
}

/// By how much the random sums of a block differ from those of the powers, since tau^j = sum over i of
/// w^(ij) L_i. Nothing, if a point isn't in the prime subgroup.
///
/// The block of 2n points knows one power more than the file, tau^(2n - 1), which gets the weight
/// `missing`. It must not be left out: H is made from that block, and whoever could add a point of their
/// choice in its direction would find that point over delta in the finished key, and could forge with it.
fn difference<G>(
    ptau: &Ptau,
    list: Powers,
    block: u32,
    missing: Fr,
    weights: &mut Weights,
) -> Result<Option<G>, FileError>
where
    G: VariableBaseMSM<ScalarField = Fr>,
    G::MulBase: Encoded + AffineRepr + Checked,
{
    let count = 1usize << block;
    let there = list.count(ptau.power()).min(count as u64) as usize;
    let small = weights.weights(there);
    let mut rho: Vec<Fr> = small.iter().map(|w| scalar(*w)).collect();
    rho.resize(count, missing);
    if let Some(domain) = Radix2EvaluationDomain::<Fr>::new(count) {
        domain.fft_in_place(&mut rho);
    }
    let mut difference = G::zero();
    let mut at = 0;
    while at < count {
        let now = (count - at).min(BLOCK);
        let points: Vec<G::MulBase> = ptau.lagrange(list, block, at as u64, now)?;
        if !G::MulBase::in_subgroup(&points, weights) {
            return Ok(None);
        }
        difference += wide::<G>(&points, rho.get(at..at + now).unwrap_or_default());
        let now = now.min(there.saturating_sub(at));
        let points: Vec<G::MulBase> = ptau.points(list, at as u64, now)?;
        difference -= combine::<G>(&points, small.get(at..at + now).unwrap_or_default());
        at += BLOCK;
    }
    Ok(Some(difference))
}

/// Whether what is left over is `missing` times the true tau^(2n - 1), as in a file that was cut from a
/// larger ceremony's. In a whole file that power counts as zero.
fn is_next_power(
    ptau: &Ptau,
    off: G1Projective,
    missing: Fr,
    weights: &mut Weights,
) -> Result<bool, FileError> {
    if !ptau.is_truncated() {
        return Ok(false);
    }
    let last = Powers::TauG1.count(ptau.power()) - 1;
    let last: Vec<G1Affine> = ptau.points(Powers::TauG1, last, 1)?;
    let tau: Vec<G2Affine> = ptau.points(Powers::TauG2, 1, 1)?;
    let (Some(last), Some(tau)) = (last.first(), tau.first()) else {
        return Ok(false);
    };
    let mut ratios = Ratios::new();
    let small = ((*last * missing).into_affine(), off.into_affine());
    ratios.same(small, (G2Affine::generator(), *tau), weights);
    Ok(ratios.hold())
}
