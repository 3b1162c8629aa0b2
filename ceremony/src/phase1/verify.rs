//! Checking powers: bytes become valid powers become powers that are linked to the ceremony's beginning.
//!
//! [`validate`] looks at the points alone: are they powers of one tau, in the right group, none of them at
//! infinity? [`link`] looks at the records: did each contributor know the secret that leads from the powers
//! before to those after, and is the file what the last one made? Only what is linked can be contributed
//! to, prepared, or made into keys.

use std::fmt;
use std::ops::Range;

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup as _};
use rayon::prelude::*;
use thiserror::Error;

use super::key::{Secret, Secrets, hashed_point};
use super::{BLOCK, first_challenge};
use crate::beacon::{self, Rule};
use crate::blake2b::{Blake2b, Digest64};
use crate::checks::{Named, Shared, Weights, all_hold, all_in_subgroup, in_subgroup};
use crate::files::container::FileError;
use crate::files::parameters::Kind;
use crate::files::ptau::{Head, KeyPart, Powers, Ptau, Record};
use crate::points::{compressed, hashed};
use crate::progress::Progress;
use crate::scale::Scalable;
use crate::sums::{Buckets, total};

/// Why powers are refused.
#[derive(Debug, Error)]
pub enum PowersError {
    /// The file can't be read as powers at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// They break a rule.
    #[error("{0}")]
    Fault(PowersFault),
}

impl From<PowersFault> for PowersError {
    fn from(fault: PowersFault) -> Self {
        Self::Fault(fault)
    }
}

/// A rule that powers, or a record, break.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PowersFault {
    /// The zeroth power isn't the generator.
    #[error("the list of {0} doesn't begin with the generator")]
    Generator(List),
    /// A point at infinity.
    #[error("a point of {0} is at infinity")]
    Infinity(List),
    /// A point outside of the prime subgroup.
    #[error("a point of {0} isn't in the prime subgroup")]
    Subgroup(List),
    /// The points of a list aren't successive powers of the file's tau.
    #[error("the points of {0} are not powers of one tau")]
    NotPowers(List),
    /// tau, or beta, is another one in G1 than in G2.
    #[error("{0} is not the same in both groups")]
    Groups(&'static str),
    /// The first powers aren't those that the last record says.
    #[error("the file's first powers are not those of its last record")]
    Head,
    /// A point in a record at infinity or outside of the prime subgroup.
    #[error("contribution {0}: a point of its record is at infinity or not in the prime subgroup")]
    RecordPoint(usize),
    /// The proof of knowledge doesn't hold.
    #[error("contribution {number}: the proof that its {part} was known doesn't hold")]
    Proof {
        /// Its number, from 1.
        number: usize,
        /// Which secret's.
        part: Part,
    },
    /// The proven secret isn't the one that leads from the powers before to those after.
    #[error("contribution {number}: its {part} doesn't lead from the powers before to those after")]
    Step {
        /// Its number, from 1.
        number: usize,
        /// Which secret's.
        part: Part,
    },
    /// The hash state in the record can't be one of this ceremony.
    #[error("contribution {0}: the hash state in its record is not one of this ceremony's")]
    PartialHash(usize),
    /// The powers in the file don't hash to what the last record says.
    #[error("contribution {0}: the powers don't hash to its next challenge")]
    NextChallenge(usize),
    /// The records don't begin with those of the file before.
    #[error("contribution {0}: its record is not the one in the file before")]
    History(usize),
    /// Not one contribution more than the file before.
    #[error("the file has {found} contributions, {expected} were expected")]
    Count {
        /// Contributions that it should have.
        expected: usize,
        /// Those that it has.
        found: usize,
    },
    /// Another size.
    #[error("the powers are 2^{found}, not 2^{expected}")]
    Power {
        /// The ceremony's.
        expected: u32,
        /// The file's.
        found: u32,
    },
    /// A beacon that breaks its rule.
    #[error("contribution {number}: {fault}")]
    Beacon {
        /// Its number, from 1.
        number: usize,
        /// What is wrong.
        fault: beacon::BeaconFault,
    },
    /// A beacon whose key isn't what its value gives.
    #[error("contribution {0}: its key is not the one that its beacon gives")]
    BeaconKey(usize),
    /// There are no Lagrange forms.
    #[error("the file is not prepared for phase 2")]
    NotPrepared,
    /// A Lagrange form that isn't that of the powers.
    #[error("the Lagrange form of {list} for {size} points is not that of the powers")]
    Lagrange {
        /// Which list.
        list: List,
        /// Its block.
        size: u64,
    },
    /// The records without the beacon are none.
    #[error("nobody has contributed: whoever made the file knows tau")]
    Nobody,
    /// Cut from a larger ceremony's file.
    #[error(
        "the powers were cut from a larger ceremony's: they can be used, but not contributed to"
    )]
    Cut,
    /// Lagrange forms, where nobody checks them.
    #[error("the file has Lagrange forms, which no contribution brings along")]
    Prepared,
}

/// Which of the three secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// tau.
    Tau,
    /// alpha.
    Alpha,
    /// beta.
    Beta,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tau => "tau",
            Self::Alpha => "alpha",
            Self::Beta => "beta",
        })
    }
}

/// A list of powers, in an error's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List(pub Powers);

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Powers::TauG1 => "tau in G1",
            Powers::TauG2 => "tau in G2",
            Powers::AlphaG1 => "alpha in G1",
            Powers::BetaG1 => "beta in G1",
            Powers::BetaG2 => "beta in G2",
        })
    }
}

/// Whose secret leads where: what [`link`] has checked of one contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its number, from 1.
    pub number: usize,
    /// Its hash, as its contributor published it. In a file alone it is certain only for the last one:
    /// other records' hash states stand under no hash.
    pub response: Digest64,
    /// What the next one starts from.
    pub next_challenge: Digest64,
    /// The first powers after it.
    pub head: Head,
    /// Its name, as the file says; under no hash.
    pub name: Option<String>,
    /// Whether it's the beacon.
    pub beacon: bool,
}

/// Powers that are powers: of one tau, alpha and beta, in their groups, none at infinity.
#[derive(Debug)]
pub struct ValidPowers {
    ptau: Ptau,
    head: Head,
    /// Hash of all points after the last response, unless there is none to check it with.
    next_challenge: Option<Digest64>,
    /// The last point of beta's powers in G1, compressed.
    last_beta: Vec<u8>,
}

/// Valid powers whose every step from the beginning was proven.
#[derive(Debug)]
pub struct LinkedPowers {
    ptau: Ptau,
    proofs: Vec<Proof>,
    finished: bool,
}

impl LinkedPowers {
    /// The file.
    pub fn ptau(&self) -> &Ptau {
        &self.ptau
    }

    /// What was checked of each contribution, in order.
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    /// Whether they were checked to end with a beacon, after somebody's contribution.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
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

/// Checks all records: that valid powers come, step by step, from a ceremony's beginning.
///
/// # Errors
/// The first record that breaks a rule, and which.
pub fn link(
    valid: ValidPowers,
    rule: &Rule,
    weights: &mut Weights,
) -> Result<LinkedPowers, PowersError> {
    let ptau = &valid.ptau;
    let records = ptau.records();
    let beacons = records.iter().map(|r| match &r.parameters.kind {
        Kind::Contribution => None,
        Kind::Beacon(beacon) => Some(beacon),
    });
    // Before anything is hashed 2^exponent times.
    rule.check(beacons)
        .map_err(|(number, fault)| PowersFault::Beacon { number, fault })?;
    if rule.is_of_the_end()
        && records
            .iter()
            .all(|r| r.parameters.kind != Kind::Contribution)
    {
        return Err(PowersFault::Nobody.into());
    }
    let n = 1u64 << ptau.ceremony_power();
    let mut challenge = first_challenge(ptau.ceremony_power());
    let mut before = Head::fresh();
    let mut links = Vec::new();
    let mut proofs = Vec::new();
    for (record, number) in records.iter().zip(1..) {
        check_points(record, number, weights)?;
        let response = check_partial_hash(record, number, n)?;
        if let Kind::Beacon(beacon) = &record.parameters.kind {
            let secrets = Secrets::draw(&mut beacon::stream(beacon));
            if secrets.public_key(&challenge) != record.key {
                return Err(PowersFault::BeaconKey(number).into());
            }
        }
        links.push((record, number, before, challenge));
        proofs.push(Proof {
            number,
            response,
            next_challenge: record.next_challenge,
            head: record.head,
            name: record.parameters.name.clone(),
            beacon: record.parameters.kind != Kind::Contribution,
        });
        challenge = record.next_challenge;
        before = record.head;
    }
    // Three points of G2 are hashed for each, the slowest part of a long list.
    let equations: Vec<Named<PowersFault>> = (links.into_par_iter())
        .flat_map_iter(|(record, number, before, challenge)| {
            steps(record, number, &before, &challenge)
        })
        .collect();
    all_hold(&equations, weights)?;
    valid.check_last_record()?;
    let ValidPowers { ptau, .. } = valid;
    let finished = rule.is_of_the_end();
    Ok(LinkedPowers {
        ptau,
        proofs,
        finished,
    })
}

/// The equations of one record: three proofs, and five steps.
fn steps(
    record: &Record,
    number: usize,
    before: &Head,
    challenge: &Digest64,
) -> Vec<Named<PowersFault>> {
    let after = &record.head;
    let mut equations = Vec::new();
    let parts: [(Part, Secret, &KeyPart, (G1Affine, G1Affine)); 3] = [
        (
            Part::Tau,
            Secret::Tau,
            &record.key.tau,
            (before.tau_g1, after.tau_g1),
        ),
        (
            Part::Alpha,
            Secret::Alpha,
            &record.key.alpha,
            (before.alpha_g1, after.alpha_g1),
        ),
        (
            Part::Beta,
            Secret::Beta,
            &record.key.beta,
            (before.beta_g1, after.beta_g1),
        ),
    ];
    for (part, secret, key, step) in parts {
        let sp = hashed_point(secret, key.s, key.sx, challenge);
        let large = (sp, key.spx);
        equations.push((PowersFault::Proof { number, part }, (key.s, key.sx), large));
        equations.push((PowersFault::Step { number, part }, step, large));
    }
    for (part, key, large) in [
        (Part::Tau, &record.key.tau, (before.tau_g2, after.tau_g2)),
        (
            Part::Beta,
            &record.key.beta,
            (before.beta_g2, after.beta_g2),
        ),
    ] {
        equations.push((PowersFault::Step { number, part }, (key.s, key.sx), large));
    }
    equations
}

fn check_points(record: &Record, number: usize, weights: &mut Weights) -> Result<(), PowersFault> {
    let (head, key) = (&record.head, &record.key);
    let parts = [&key.tau, &key.alpha, &key.beta];
    let g1 = [head.tau_g1, head.alpha_g1, head.beta_g1]
        .into_iter()
        .chain(parts.iter().flat_map(|p| [p.s, p.sx]));
    let g2: Vec<G2Affine> = [head.tau_g2, head.beta_g2]
        .into_iter()
        .chain(parts.iter().map(|p| p.spx))
        .collect();
    let infinite = g1.into_iter().any(|p| p.is_zero()) || g2.iter().any(AffineRepr::is_zero);
    if infinite || !in_subgroup(&g2, weights) {
        return Err(PowersFault::RecordPoint(number));
    }
    Ok(())
}

/// The response's hash, if the record's hash state can be of this ceremony: it has taken in the challenge
/// and all powers, of which the last is the record's beta in G2.
fn check_partial_hash(record: &Record, number: usize, n: u64) -> Result<Digest64, PowersFault> {
    let fault = PowersFault::PartialHash(number);
    let Some(state) = Blake2b::import(&record.partial_hash) else {
        return Err(fault);
    };
    let beta = compressed(&[record.head.beta_g2]);
    if state.count() != 192 * n + 96 || !state.waiting().ends_with(&beta) {
        return Err(fault);
    }
    response_of(record).ok_or(fault)
}

fn response_of(record: &Record) -> Option<Digest64> {
    let mut hash = Blake2b::import(&record.partial_hash)?;
    hash.update(&record.key.hashed());
    Some(hash.finish())
}
