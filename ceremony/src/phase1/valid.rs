//! Bytes become valid powers: are the points of a file powers of one tau, in the right group, none of them at
//! infinity? Whose they are, [`link`](super::link()) looks at.

use std::ops::Range;

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup as _};

use super::BLOCK;
use super::fault::{List, PowersError, PowersFault};
use super::link::{check_partial_hash, response_of};
use crate::blake2b::{Blake2b, Digest64};
use crate::checks::{Shared, Weights, all_hold, all_in_subgroup, in_subgroup};
use crate::files::ptau::{Head, Powers, Ptau};
use crate::points::{compressed, hashed};
use crate::progress::Progress;
use crate::scale::Scalable;
use crate::sums::{Buckets, total};

/// Powers that are powers: of one tau, alpha and beta, in their groups, none at infinity.
#[derive(Debug)]
pub struct ValidPowers {
    pub(super) ptau: Ptau,
    head: Head,
    /// Hash of all points after the last response, unless there is none to check it with.
    next_challenge: Option<Digest64>,
    /// The last point of beta's powers in G1, compressed.
    last_beta: Vec<u8>,
}

/// Checks that a file's points are powers. Reads the file once, in constant memory.
///
/// # Errors
/// The rule that they break, or that the file can't be read.
pub fn validate(
    ptau: Ptau,
    weights: &mut Weights,
    progress: &mut dyn Progress,
) -> Result<ValidPowers, PowersError> {
    let power = ptau.power();
    progress.start(
        "checking the powers",
        Powers::ALL.iter().map(|l| l.count(power)).sum(),
    );
    // Hashed with the points, so that the file is read once.
    let mut hash = (!ptau.is_truncated())
        .then(|| ptau.records().last())
        .flatten()
        .map(|record| {
            let mut hash = Blake2b::new();
            hash.update(&response_of(record).unwrap_or([0; 64]));
            hash
        });
    let mut scan = Scan {
        ptau: &ptau,
        weights: weights.shared(),
        hash: hash.as_mut(),
        progress,
    };
    let n = Powers::TauG2.count(power);
    // The first n powers, the same but for the first, and those from the last of them on.
    let whole = 0..n;
    let stretches = [whole.clone(), 1..n, n - 1..2 * n - 1];
    let (tau_g1, [low, shifted, high]) = scan.list::<G1Affine, 3>(Powers::TauG1, stretches)?;
    let (tau_g2, [tau_g2_sum]) = scan.list::<G2Affine, 1>(Powers::TauG2, [whole.clone()])?;
    let windows = tau_g2_sum.windows();
    if !all_in_subgroup(&windows) {
        return Err(PowersFault::Subgroup(List(Powers::TauG2)).into());
    }
    let (alpha_g1, [alpha_sum]) = scan.list::<G1Affine, 1>(Powers::AlphaG1, [whole.clone()])?;
    let (beta_g1, [beta_sum]) = scan.list::<G1Affine, 1>(Powers::BetaG1, [whole])?;
    let (beta_g2, []) = scan.list::<G2Affine, 0>(Powers::BetaG2, [])?;
    if !in_subgroup(&[beta_g2.first], weights) {
        return Err(PowersFault::Subgroup(List(Powers::BetaG2)).into());
    }
    let head = Head {
        tau_g1: tau_g1.second,
        tau_g2: tau_g2.second,
        alpha_g1: alpha_g1.first,
        beta_g1: beta_g1.first,
        beta_g2: beta_g2.first,
    };
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    if tau_g1.first != g1 {
        return Err(PowersFault::Generator(List(Powers::TauG1)).into());
    }
    if tau_g2.first != g2 {
        return Err(PowersFault::Generator(List(Powers::TauG2)).into());
    }
    let tau = (g2, head.tau_g2);
    let low = low.total();
    // All of them but the last, which the shifted sum has no successor of.
    let before: Vec<G1Affine> = ptau.points(Powers::TauG1, n - 1, 1)?;
    let last_weight = scan.weights.digits(n - 1, 1).scalar(0);
    let before = low - before.first().copied().unwrap_or_default() * last_weight;
    let low = low.into_affine();
    let tau_g2_sum = total(&windows).into_affine();
    // The first n powers of tau in G1 are successive; so the others follow from sums with the same weights.
    let equations = [
        (PowersFault::Groups("tau"), (g1, head.tau_g1), tau),
        (
            PowersFault::Groups("beta"),
            (g1, head.beta_g1),
            (g2, head.beta_g2),
        ),
        (
            PowersFault::NotPowers(List(Powers::TauG1)),
            (before.into_affine(), shifted.total().into_affine()),
            tau,
        ),
        (
            PowersFault::NotPowers(List(Powers::TauG2)),
            (g1, low),
            (g2, tau_g2_sum),
        ),
        (
            PowersFault::NotPowers(List(Powers::TauG1)),
            (low, high.total().into_affine()),
            (g2, tau_g2.last),
        ),
        (
            PowersFault::NotPowers(List(Powers::AlphaG1)),
            (alpha_g1.first, alpha_sum.total().into_affine()),
            (g2, tau_g2_sum),
        ),
        (
            PowersFault::NotPowers(List(Powers::BetaG1)),
            (beta_g1.first, beta_sum.total().into_affine()),
            (g2, tau_g2_sum),
        ),
    ];
    all_hold(&equations, weights)?;
    progress.done();
    Ok(ValidPowers {
        head,
        next_challenge: hash.map(Blake2b::finish),
        last_beta: compressed(&[beta_g1.last]),
        ptau,
    })
}

/// What a pass over a list leaves, beside its sums.
struct Scanned<P> {
    first: P,
    second: P,
    last: P,
}

struct Scan<'a, 'b> {
    ptau: &'a Ptau,
    weights: Shared,
    hash: Option<&'b mut Blake2b>,
    progress: &'a mut dyn Progress,
}

impl Scan<'_, '_> {
    /// Reads a list, and sums stretches of it. In each, the same weights stand from its beginning on.
    fn list<P: Scalable, const N: usize>(
        &mut self,
        list: Powers,
        stretches: [Range<u64>; N],
    ) -> Result<(Scanned<P>, [Buckets<P::Curve>; N]), PowersError> {
        let total = list.count(self.ptau.power());
        let mut scanned = Scanned {
            first: P::generator(),
            second: P::generator(),
            last: P::generator(),
        };
        let mut sums = [(); N].map(|()| Buckets::new());
        let mut at = 0;
        while at < total {
            let now = (total - at).min(BLOCK as u64) as usize;
            let points: Vec<P> = self.ptau.points(list, at, now)?;
            if points.iter().any(AffineRepr::is_zero) {
                return Err(PowersFault::Infinity(List(list)).into());
            }
            if at == 0 {
                scanned.first = points.first().copied().unwrap_or(scanned.first);
                scanned.second = points.get(1).copied().unwrap_or(scanned.second);
            }
            scanned.last = points.last().copied().unwrap_or(scanned.last);
            let (hash, weights) = (self.hash.as_deref_mut(), &mut self.weights);
            rayon::join(
                || {
                    if let Some(hash) = hash {
                        hash.update(&hashed(&points));
                    }
                },
                || {
                    let affine: Vec<_> = points.iter().map(P::as_affine).collect();
                    for (stretch, sum) in stretches.iter().zip(&mut sums) {
                        let from = stretch.start.max(at);
                        let to = stretch.end.min(at + now as u64);
                        let part = affine.get((from - at) as usize..to.saturating_sub(at) as usize);
                        if let Some(part) = part {
                            sum.add(part, &weights.digits(from - stretch.start, part.len()));
                        }
                    }
                },
            );
            at += now as u64;
            self.progress.advance(now as u64);
        }
        Ok((scanned, sums))
    }
}

impl ValidPowers {
    /// The file.
    pub fn ptau(&self) -> &Ptau {
        &self.ptau
    }

    /// Checks that the file's points are those that its last record, or nobody, has made: the first powers,
    /// and the hash of all of them. This is what makes the last response certain; who has each contribution's
    /// file makes each response certain by it. [`link`] checks it too.
    ///
    /// # Errors
    /// [`PowersFault::Head`], [`PowersFault::PartialHash`] or [`PowersFault::NextChallenge`]. Of a truncated
    /// file the hashes can't be checked.
    pub fn check_last_record(&self) -> Result<(), PowersFault> {
        let records = self.ptau.records();
        let Some(last) = records.last() else {
            return if self.head == Head::fresh() {
                Ok(())
            } else {
                Err(PowersFault::Head)
            };
        };
        if self.head != last.head {
            return Err(PowersFault::Head);
        }
        let Some(next_challenge) = self.next_challenge else {
            return Ok(());
        };
        let number = records.len();
        check_partial_hash(last, number, 1 << self.ptau.ceremony_power())?;
        // The last bytes but for beta in G2 that the response's hash took in.
        if last.partial_hash.get(..32) != Some(&self.last_beta[..]) {
            return Err(PowersFault::PartialHash(number));
        }
        if next_challenge != last.next_challenge {
            return Err(PowersFault::NextChallenge(number));
        }
        Ok(())
    }
}
