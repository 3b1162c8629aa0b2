//! Checking a key: bytes become a valid key become one that is linked to its initial key.
//!
//! [`validate`] compares a key with the initial key of the same circuit and powers, which the checker has
//! made: all that contributions don't change is equal to the byte, and the rest differs by delta alone.
//! [`link`] looks at the records: did each contributor know the secret that leads from the delta before to
//! the one after? Only a linked key can be contributed to or exported.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use rayon::prelude::*;
use thiserror::Error;

use super::BLOCK;
use super::initial::InitialKey;
use super::key::{Secret, Transcript, contribution_hash};
use crate::beacon::{self, BeaconFault, Rule};
use crate::blake2b::Digest64;
use crate::checks::{Named, Ratios, Weights, all_hold, in_subgroup};
use crate::files::container::FileError;
use crate::files::parameters::Kind;
use crate::files::zkey::{self, Record, Zkey};
use crate::progress::Progress;
use crate::stream::hash_to_g2;
use crate::sums::Buckets;

/// Why a key is refused.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file can't be read as a key at all.
    #[error(transparent)]
    File(#[from] FileError),
    /// It breaks a rule.
    #[error("{0}")]
    Fault(KeyFault),
}

impl From<KeyFault> for KeyError {
    fn from(fault: KeyFault) -> Self {
        Self::Fault(fault)
    }
}

/// A rule that a key, or a record, breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// Something that no contribution changes isn't as in the initial key.
    #[error("{0} is not that of the circuit's initial key")]
    Initial(&'static str),
    /// The claimed hash of the initial key isn't its hash.
    #[error("the file names another initial key")]
    CircuitHash,
    /// A point at infinity.
    #[error("a point of {0} is at infinity")]
    Infinity(&'static str),
    /// delta in G2 isn't in the prime subgroup.
    #[error("delta in G2 is not in the prime subgroup")]
    Subgroup,
    /// delta is another one in G1 than in G2.
    #[error("delta is not the same in both groups")]
    Delta,
    /// delta equals gamma: anyone could forge.
    #[error("delta and gamma are equal: proofs could be forged")]
    GammaIsDelta,
    /// H's points can't be turned into the quotient's.
    #[error("the points of H are not those of a domain")]
    Quotients,
    /// L or H isn't the initial one over delta.
    #[error("{0} is not the initial one divided by delta")]
    NotDivided(&'static str),
    /// delta isn't the last record's.
    #[error("the file's delta is not that of its last record")]
    LastDelta,
    /// A point in a record at infinity or outside of the prime subgroup.
    #[error("contribution {0}: a point of its record is at infinity or not in the prime subgroup")]
    RecordPoint(usize),
    /// The transcript in the record isn't the hash of what came before.
    #[error("contribution {0}: it doesn't follow on what stands before it")]
    Transcript(usize),
    /// The proof of knowledge doesn't hold.
    #[error("contribution {0}: the proof that its secret was known doesn't hold")]
    Proof(usize),
    /// The proven secret isn't the one that leads from the delta before to the one after.
    #[error("contribution {0}: its secret doesn't lead from the delta before to the one after")]
    Step(usize),
    /// A beacon that breaks its rule.
    #[error("contribution {number}: {fault}")]
    Beacon {
        /// Its number, from 1.
        number: usize,
        /// What is wrong.
        fault: BeaconFault,
    },
    /// A beacon whose proof isn't what its value gives.
    #[error("contribution {0}: its proof is not the one that its beacon gives")]
    BeaconKey(usize),
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
    /// The records without the beacon are none.
    #[error("nobody has contributed: whoever made the file knows delta")]
    Nobody,
    /// Keys are asked for before the beacon.
    #[error("the key's ceremony is not finished: its beacon is missing")]
    Unfinished,
}

/// What [`link`] has checked of one contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Its number, from 1.
    pub number: usize,
    /// Its hash, as its contributor published it.
    pub hash: Digest64,
    /// delta after it.
    pub delta: G1Affine,
    /// Its name, as the file says; under no hash.
    pub name: Option<String>,
    /// Whether it's the beacon.
    pub beacon: bool,
}

/// A key that differs from the initial one by delta alone.
#[derive(Debug)]
pub struct ValidKey(Zkey);

/// A valid key whose every step from the initial one was proven.
#[derive(Debug)]
pub struct LinkedKey {
    zkey: Zkey,
    proofs: Vec<Proof>,
    finished: bool,
}

impl LinkedKey {
    /// The file.
    pub fn zkey(&self) -> &Zkey {
        &self.zkey
    }

    /// What was checked of each contribution, in order.
    pub fn proofs(&self) -> &[Proof] {
        &self.proofs
    }

    /// Whether it was checked to end with a beacon, after somebody's contribution.
    pub fn is_finished(&self) -> bool {
        self.finished
    }
}

/// Checks a key against the initial key of its circuit, which was made here from linked powers.
///
/// # Errors
/// The rule that it breaks, or that a file can't be read.
pub fn validate(
    key: Zkey,
    initial: &InitialKey,
    weights: &mut Weights,
    progress: &mut dyn Progress,
) -> Result<ValidKey, KeyError> {
    let initial = initial.zkey();
    let (header, start) = (key.header(), initial.header());
    progress.start(
        "checking the key",
        header.count(zkey::L) + header.count(zkey::H),
    );
    let numbers = |h: &zkey::Header| (h.wires, h.public, h.domain);
    if numbers(header) != numbers(start) {
        return Err(KeyFault::Initial("its size").into());
    }
    for (what, same) in [
        ("alpha", header.alpha_g1 == start.alpha_g1),
        ("beta in G1", header.beta_g1 == start.beta_g1),
        ("beta in G2", header.beta_g2 == start.beta_g2),
        ("gamma", header.gamma_g2 == start.gamma_g2),
    ] {
        if !same {
            return Err(KeyFault::Initial(what).into());
        }
    }
    if key.circuit_hash() != initial.circuit_hash() {
        return Err(KeyFault::CircuitHash.into());
    }
    for (section, what) in [
        (zkey::IC, "IC"),
        (zkey::COEFFICIENTS, "a coefficient"),
        (zkey::A, "A"),
        (zkey::B1, "B in G1"),
        (zkey::B2, "B in G2"),
    ] {
        if !same_section(&key, initial, section)? {
            return Err(KeyFault::Initial(what).into());
        }
    }
    let (g1, g2) = (G1Affine::generator(), G2Affine::generator());
    if header.delta_g1.is_zero() || header.delta_g2.is_zero() {
        return Err(KeyFault::Infinity("delta").into());
    }
    if !in_subgroup(&[header.delta_g2], weights) {
        return Err(KeyFault::Subgroup.into());
    }
    let mut ratios = Ratios::new();
    ratios.same((g1, header.delta_g1), (g2, header.delta_g2), weights);
    if !ratios.hold() {
        return Err(KeyFault::Delta.into());
    }
    for (section, what) in [(zkey::L, "L"), (zkey::H, "H")] {
        let (now, then) = weighted(&key, initial, section, what, weights, progress)?;
        // Both sums are infinity if the section is empty.
        if now.is_zero() && then.is_zero() {
            continue;
        }
        let mut ratios = Ratios::new();
        ratios.same((now, then), (g2, header.delta_g2), weights);
        if !ratios.hold() {
            return Err(KeyFault::NotDivided(what).into());
        }
    }
    progress.done();
    Ok(ValidKey(key))
}

fn same_section(a: &Zkey, b: &Zkey, section: u32) -> Result<bool, FileError> {
    let len = a.file().len(section);
    if len != b.file().len(section) {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    while at < len {
        let now = (len - at).min(1 << 20) as usize;
        let (l, r) = (left.get_mut(..now), right.get_mut(..now));
        let (Some(l), Some(r)) = (l, r) else { break };
        a.file().read_at(section, at, l)?;
        b.file().read_at(section, at, r)?;
        if l != r {
            return Ok(false);
        }
        at += now as u64;
    }
    Ok(true)
}

/// The same weighted sum of a section in both keys. Infinity may stand only where the initial key has it.
fn weighted(
    key: &Zkey,
    initial: &Zkey,
    section: u32,
    what: &'static str,
    weights: &mut Weights,
    progress: &mut dyn Progress,
) -> Result<(G1Affine, G1Affine), KeyError> {
    let total = key.header().count(section);
    let (mut now, mut then) = (Buckets::new(), Buckets::new());
    let mut shared = weights.shared();
    let mut at = 0;
    while at < total {
        let count = (total - at).min(BLOCK as u64) as usize;
        let mine: Vec<G1Affine> = key.file().points(section, at, count)?;
        let theirs: Vec<G1Affine> = initial.file().points(section, at, count)?;
        if mine
            .iter()
            .zip(&theirs)
            .any(|(m, t)| m.is_zero() != t.is_zero())
        {
            return Err(KeyFault::Infinity(what).into());
        }
        let digits = shared.digits(at, count);
        now.add(&mine, &digits);
        then.add(&theirs, &digits);
        at += count as u64;
        progress.advance(count as u64);
    }
    Ok((now.total().into(), then.total().into()))
}

/// Checks all records: that a valid key comes, step by step, from its initial key.
///
/// # Errors
/// The first record that breaks a rule, and which.
pub fn link(valid: ValidKey, rule: &Rule, weights: &mut Weights) -> Result<LinkedKey, KeyError> {
    let ValidKey(key) = valid;
    let records = key.records();
    let beacons = records.iter().map(|r| match &r.parameters.kind {
        Kind::Contribution => None,
        Kind::Beacon(beacon) => Some(beacon),
    });
    // Before anything is hashed 2^exponent times.
    rule.check(beacons)
        .map_err(|(number, fault)| KeyFault::Beacon { number, fault })?;
    if rule.is_of_the_end()
        && records
            .iter()
            .all(|r| r.parameters.kind != Kind::Contribution)
    {
        return Err(KeyFault::Nobody.into());
    }
    let mut before = G1Affine::generator();
    let mut earlier = Transcript::new(key.circuit_hash());
    let mut steps = Vec::new();
    let mut proofs = Vec::new();
    for (record, number) in records.iter().zip(1..) {
        let points = [record.delta, record.s, record.sx];
        if points.iter().any(|p| p.is_zero())
            || record.spx.is_zero()
            || !in_subgroup(&[record.spx], weights)
        {
            return Err(KeyFault::RecordPoint(number).into());
        }
        if earlier.bind(&record.s, &record.sx) != record.transcript {
            return Err(KeyFault::Transcript(number).into());
        }
        if let Kind::Beacon(beacon) = &record.parameters.kind {
            let knowledge = Secret::draw(&mut beacon::stream(beacon)).prove(&earlier);
            if (knowledge.s, knowledge.sx, knowledge.spx) != (record.s, record.sx, record.spx) {
                return Err(KeyFault::BeaconKey(number).into());
            }
        }
        steps.push((before, record.delta));
        proofs.push(proof(record, number));
        before = record.delta;
        earlier.take(record);
    }
    let hashed: Vec<G2Affine> = (records.par_iter())
        .map(|record| hash_to_g2(&record.transcript))
        .collect();
    let mut equations: Vec<Named<KeyFault>> = Vec::new();
    for (((record, number), step), point) in records.iter().zip(1..).zip(steps).zip(hashed) {
        let large = (point, record.spx);
        equations.push((KeyFault::Proof(number), (record.s, record.sx), large));
        equations.push((KeyFault::Step(number), step, large));
    }
    all_hold(&equations, weights)?;
    if key.header().delta_g1 != before {
        return Err(KeyFault::LastDelta.into());
    }
    let finished = rule.is_of_the_end();
    Ok(LinkedKey {
        zkey: key,
        proofs,
        finished,
    })
}

fn proof(record: &Record, number: usize) -> Proof {
    Proof {
        number,
        hash: contribution_hash(record),
        delta: record.delta,
        name: record.parameters.name.clone(),
        beacon: record.parameters.kind != Kind::Contribution,
    }
}
