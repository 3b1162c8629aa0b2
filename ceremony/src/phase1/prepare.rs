//! Preparing powers for phase 2: their Lagrange forms, for circuits of every size up to the ceremony's.
//!
//! No secret is needed: anyone can do it again, and [`verify`] checks what somebody else has prepared, by
//! random sums, far faster.

use std::ops::RangeInclusive;
use std::path::Path;

use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::short_weierstrass::Projective;
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::Zero as _;
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};

use super::fault::{List, PowersError, PowersFault};
use super::link::LinkedPowers;
use super::{BLOCK, lists};
use crate::checks::{Ratios, Weights, all_in_subgroup};
use crate::files::container::{Fault, FileError, SectionWriter};
use crate::files::ptau::{self, Powers, Ptau};
use crate::lagrange::transform;
use crate::points::stored;
use crate::progress::{Progress, Silent};
use crate::scale::Scalable;
use crate::sums::{Buckets, Digits, total};

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
    let points = transform(points, block).ok_or_else(|| no_domain(ptau, block))?;
    writer.write(&stored(&points))
}

/// That the field has no roots of unity for a block of that size.
fn no_domain(ptau: &Ptau, block: u32) -> FileError {
    ptau.file().fault(Fault::Number {
        what: "the power of a Lagrange form",
        value: u64::from(block),
        rule: "the field has no roots of unity for it",
    })
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
        let all = blocks(list, power);
        let right = |blocks, weights: &mut Weights, progress: &mut dyn Progress| {
            if list.in_g2() {
                Sums::<G2Affine>::of(ptau, list, blocks, weights, progress)?.are_of_g2()
            } else {
                Sums::<G1Affine>::of(ptau, list, blocks, weights, progress)?
                    .are_of_g1(ptau, weights)
            }
        };
        if !right(all.clone(), weights, progress)? {
            // Which one is it?
            let mut wrong = power;
            for block in all {
                if !right(block..=block, weights, &mut Silent)? {
                    wrong = block;
                    break;
                }
            }
            return Err(PowersFault::Lagrange {
                list: List(list),
                size: 1 << wrong,
            }
            .into());
        }
    }
    progress.done();
    Ok(PreparedPowers(powers))
}

/// Random sums of some blocks of a list's Lagrange forms, and of the powers that should give them, since
/// L_i = 1/m * sum over j of w^(-ij) tau^j.
struct Sums<P: Scalable> {
    /// The windows of the sum of the Lagrange forms.
    windows: Vec<Projective<P::Curve>>,
    /// By how much that differs from the sum of the powers.
    difference: Projective<P::Curve>,
    /// What the power counts that the block of 2n points knows and the file doesn't, tau^(2n - 1). It must
    /// not be left out: H is made from that block, and whoever could add a point of their choice in its
    /// direction would find that point over delta in the finished key, and could forge with it.
    missing: Option<Fr>,
}

impl<P: Scalable> Sums<P> {
    fn of(
        ptau: &Ptau,
        list: Powers,
        blocks: RangeInclusive<u32>,
        weights: &mut Weights,
        progress: &mut dyn Progress,
    ) -> Result<Self, FileError> {
        let mut shared = weights.shared();
        let largest = 1usize << *blocks.end();
        let there = list.count(ptau.power()).min(largest as u64) as usize;
        let mut factors = vec![Fr::zero(); largest];
        let mut sum = Buckets::new();
        for block in blocks {
            let count = 1usize << block;
            let mut part = Vec::with_capacity(count);
            let mut at = 0;
            while at < count {
                let now = (count - at).min(BLOCK);
                let points: Vec<P> = ptau.lagrange(list, block, at as u64, now)?;
                let points: Vec<_> = points.iter().map(P::as_affine).collect();
                // Each point has weights of its own: by its place in the section.
                let digits = shared.digits((count + at) as u64, now);
                sum.add(&points, &digits);
                part.extend((0..now).map(|i| digits.scalar(i)));
                at += now;
            }
            // Without it the sums would be compared with other powers' sums: that is a refusal.
            let domain = Radix2EvaluationDomain::<Fr>::new(count);
            let domain = domain.ok_or_else(|| no_domain(ptau, block))?;
            domain.ifft_in_place(&mut part);
            factors
                .iter_mut()
                .zip(part)
                .for_each(|(to, factor)| *to += factor);
            progress.advance(count as u64);
        }
        let mut powers = Buckets::wide();
        let mut at = 0;
        while at < there {
            let now = (there - at).min(BLOCK);
            let points: Vec<P> = ptau.points(list, at as u64, now)?;
            let points: Vec<_> = points.iter().map(P::as_affine).collect();
            powers.add(
                &points,
                &Digits::of(factors.get(at..at + now).unwrap_or_default()),
            );
            at += now;
        }
        let windows = sum.windows();
        Ok(Self {
            difference: total(&windows) - powers.total(),
            windows,
            missing: factors.get(there).copied(),
        })
    }
}

impl Sums<G2Affine> {
    fn are_of_g2(self) -> Result<bool, FileError> {
        Ok(all_in_subgroup(&self.windows) && self.difference.is_zero())
    }
}

impl Sums<G1Affine> {
    fn are_of_g1(self, ptau: &Ptau, weights: &mut Weights) -> Result<bool, FileError> {
        match self.missing {
            _ if self.difference.is_zero() => Ok(true),
            None => Ok(false),
            Some(missing) => is_next_power(ptau, self.difference, missing, weights),
        }
    }
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
