//! Contributors who do as they please, and yet write files in which all else fits: hashes, records, heads.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr, CurveGroup as _};
use ark_ff::{Field as _, One as _};
use tacit_ceremony::blake2b::{Blake2b, Digest64, hash};
use tacit_ceremony::files::parameters::Parameters;
use tacit_ceremony::files::ptau::{Head, KeyPart, PublicKey, Record};
use tacit_ceremony::phase1::first_challenge;
use tacit_ceremony::points::{Encoded, compressed, hashed, stored};
use tacit_ceremony::stream::hash_to_g2;

use crate::scene::{POWER, open_key, open_powers};
use crate::sections::{Sections, changed};

/// A contributor to powers: what multiplies each list, and what the key says.
#[derive(Clone)]
pub struct RoguePowers {
    pub tau_g1: Fr,
    pub tau_g2: Fr,
    pub alpha: Fr,
    pub beta_g1: Fr,
    pub beta_g2: Fr,
    /// The secrets whose knowledge is proven, for tau, alpha and beta.
    pub proves: [Fr; 3],
    /// What each proof's `s` is multiplied by after it was made: one, in a proof that holds.
    pub spoils: [Fr; 3],
    pub parameters: Parameters,
}

/// All points of a file.
pub struct Lists {
    pub tau_g1: Vec<G1Affine>,
    pub tau_g2: Vec<G2Affine>,
    pub alpha_g1: Vec<G1Affine>,
    pub beta_g1: Vec<G1Affine>,
    pub beta_g2: Vec<G2Affine>,
}

impl RoguePowers {
    /// Nothing wrong with this one.
    pub fn honest() -> Self {
        let [tau, alpha, beta] = [3u64, 5, 7].map(Fr::from);
        Self {
            tau_g1: tau,
            tau_g2: tau,
            alpha,
            beta_g1: beta,
            beta_g2: beta,
            proves: [tau, alpha, beta],
            spoils: [Fr::one(); 3],
            parameters: Parameters::contribution(Some("rogue")),
        }
    }

    pub fn contribute(&self, before: &[u8]) -> Vec<u8> {
        self.contribute_with(before, |_| ())
    }

    /// Contributes, and changes points before they are hashed.
    pub fn contribute_with(&self, before: &[u8], change: impl FnOnce(&mut Lists)) -> Vec<u8> {
        let ptau = open_powers(before).unwrap();
        let last = ptau.records().last();
        let challenge = last.map_or_else(|| first_challenge(POWER), |r| r.next_challenge);
        let mut sections = Sections::of(before);
        let one = Fr::one();
        let mut lists = Lists {
            tau_g1: times(sections.points(2), one, self.tau_g1),
            tau_g2: times(sections.points(3), one, self.tau_g2),
            alpha_g1: times(sections.points(4), self.alpha, self.tau_g1),
            beta_g1: times(sections.points(5), self.beta_g1, self.tau_g1),
            beta_g2: times(sections.points(6), self.beta_g2, one),
        };
        change(&mut lists);
        let key = self.key(&challenge);
        let mut state = Blake2b::new();
        state.update(&challenge);
        lists.update(&mut state, compressed, compressed);
        let partial_hash = state.export();
        state.update(&key.hashed());
        let mut next = Blake2b::new();
        next.update(&state.finish());
        lists.update(&mut next, hashed, hashed);
        let record = Record {
            head: Head {
                tau_g1: lists.tau_g1[1],
                tau_g2: lists.tau_g2[1],
                alpha_g1: lists.alpha_g1[0],
                beta_g1: lists.beta_g1[0],
                beta_g2: lists.beta_g2[0],
            },
            key,
            partial_hash,
            next_challenge: next.finish(),
            parameters: self.parameters.clone(),
        };
        sections.set_points(2, &lists.tau_g1);
        sections.set_points(3, &lists.tau_g2);
        sections.set_points(4, &lists.alpha_g1);
        sections.set_points(5, &lists.beta_g1);
        sections.set_points(6, &lists.beta_g2);
        let body = sections.get(7);
        let count = ptau.records().len() as u32 + 1;
        body[..4].copy_from_slice(&count.to_le_bytes());
        body.extend(record.encode());
        sections.bytes()
    }

    fn key(&self, challenge: &Digest64) -> PublicKey {
        let part = |which: u8| {
            let i = usize::from(which);
            let s = (G1Affine::generator() * Fr::from(1_000 + u64::from(which))).into_affine();
            let sx = (s * self.proves[i]).into_affine();
            let s = (s * self.spoils[i]).into_affine();
            let mut bytes = vec![which];
            bytes.extend(challenge);
            bytes.extend(hashed(&[s, sx]));
            let spx = (hash_to_g2(&hash(&bytes)) * self.proves[i]).into_affine();
            KeyPart { s, sx, spx }
        };
        PublicKey {
            tau: part(0),
            alpha: part(1),
            beta: part(2),
        }
    }
}

impl Lists {
    fn update(
        &self,
        hash: &mut Blake2b,
        g1: impl Fn(&[G1Affine]) -> Vec<u8>,
        g2: impl Fn(&[G2Affine]) -> Vec<u8>,
    ) {
        hash.update(&g1(&self.tau_g1));
        hash.update(&g2(&self.tau_g2));
        hash.update(&g1(&self.alpha_g1));
        hash.update(&g1(&self.beta_g1));
        hash.update(&g2(&self.beta_g2));
    }
}

fn times<P: AffineRepr<ScalarField = Fr> + Encoded>(points: Vec<P>, first: Fr, tau: Fr) -> Vec<P> {
    let scalars = std::iter::successors(Some(first), |s| Some(*s * tau));
    let points = points.into_iter().zip(scalars);
    points.map(|(p, s)| (p * s).into_affine()).collect()
}

/// A contributor to a key.
#[derive(Clone)]
pub struct RogueKey {
    pub delta_g1: Fr,
    pub delta_g2: Fr,
    /// What L and H are divided by.
    pub l: Fr,
    pub h: Fr,
    pub proves: Fr,
    pub spoils: Fr,
    pub parameters: Parameters,
}

impl RogueKey {
    /// Nothing wrong with this one.
    pub fn with(x: Fr) -> Self {
        Self {
            delta_g1: x,
            delta_g2: x,
            l: x,
            h: x,
            proves: x,
            spoils: Fr::one(),
            parameters: Parameters::contribution(Some("rogue")),
        }
    }

    pub fn contribute(&self, before: &[u8]) -> Vec<u8> {
        let zkey = open_key(before).unwrap();
        let mut all = zkey.circuit_hash().to_vec();
        for record in zkey.records() {
            all.extend(hashed(&[record.delta, record.s, record.sx]));
            all.extend(hashed(&[record.spx]));
            all.extend(record.transcript);
        }
        let s = (G1Affine::generator() * Fr::from(2_000u64)).into_affine();
        let sx = (s * self.proves).into_affine();
        let s = (s * self.spoils).into_affine();
        all.extend(hashed(&[s, sx]));
        let transcript = hash(&all);
        let spx = (hash_to_g2(&transcript) * self.proves).into_affine();
        let header = zkey.header();
        let delta_g1 = (header.delta_g1 * self.delta_g1).into_affine();
        let delta_g2 = (header.delta_g2 * self.delta_g2).into_affine();
        let mut record = stored(&[delta_g1, s, sx]);
        record.extend(stored(&[spx]));
        record.extend(transcript);
        record.extend(self.parameters.encode());
        let count = zkey.records().len() as u32 + 1;
        changed(before, |sections| {
            sections.put(2, 468, &stored(&[delta_g1]));
            sections.put(2, 532, &stored(&[delta_g2]));
            for (section, by) in [(8, self.l), (9, self.h)] {
                let inverse = by.inverse().unwrap();
                let points: Vec<G1Affine> = sections.points(section);
                let points: Vec<G1Affine> = points
                    .iter()
                    .map(|p| (*p * inverse).into_affine())
                    .collect();
                sections.set_points(section, &points);
            }
            let body = sections.get(10);
            body[64..68].copy_from_slice(&count.to_le_bytes());
            body.extend(record);
        })
    }
}
