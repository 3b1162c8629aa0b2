//! Valid powers become powers that are linked to the ceremony's beginning: did each contributor know the
//! secret that leads from the powers before to those after, and is the file what the last one made? Only
//! what is linked can be contributed to, prepared, or made into keys.

use ark_bn254::{G1Affine, G2Affine};
use ark_ec::AffineRepr;
use rayon::prelude::*;

use super::fault::{Part, PowersError, PowersFault};
use super::first_challenge;
use super::key::{Secret, Secrets, hashed_point};
use super::valid::ValidPowers;
use crate::beacon::{self, Rule};
use crate::blake2b::{Blake2b, Digest64};
use crate::checks::{Named, Weights, all_hold, in_subgroup};
use crate::files::parameters::Kind;
use crate::files::ptau::{Head, KeyPart, Ptau, Record};
use crate::points::compressed;

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
pub(super) fn check_partial_hash(
    record: &Record,
    number: usize,
    n: u64,
) -> Result<Digest64, PowersFault> {
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

pub(super) fn response_of(record: &Record) -> Option<Digest64> {
    let mut hash = Blake2b::import(&record.partial_hash)?;
    hash.update(&record.key.hashed());
    Some(hash.finish())
}
