//! The hashes that phase 2's proofs of knowledge are about.

use ark_bn254::{Fr, G1Affine, G2Affine};
use ark_ec::CurveGroup as _;
use ark_ff::Zero as _;
use zeroize::Zeroize as _;

use crate::blake2b::{Blake2b, Digest64};
use crate::files::zkey::Record;
use crate::points::hashed;
use crate::stream::{Stream, hash_to_g2};

/// What a contributor must forget.
pub(crate) struct Secret {
    pub x: Fr,
    s: G1Affine,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.x.zeroize();
    }
}

/// The proof that x was known, and what it was bound to.
pub(crate) struct Knowledge {
    pub s: G1Affine,
    pub sx: G1Affine,
    pub spx: G2Affine,
    pub transcript: Digest64,
}

impl Secret {
    /// Draws x, and the point of the proof. A beacon's are drawn by everyone alike.
    pub fn draw(stream: &mut Stream) -> Self {
        let mut nonzero = || {
            loop {
                let scalar = stream.scalar();
                if !scalar.is_zero() {
                    return scalar;
                }
            }
        };
        // Straight into its place: a copy would not be wiped.
        Self {
            x: nonzero(),
            s: stream.g1(),
        }
    }

    /// The proof, after all that the transcript has taken in.
    pub fn prove(&self, before: &Transcript) -> Knowledge {
        let sx = (self.s * self.x).into_affine();
        let transcript = before.bind(&self.s, &sx);
        let spx = (hash_to_g2(&transcript) * self.x).into_affine();
        Knowledge {
            s: self.s,
            sx,
            spx,
            transcript,
        }
    }
}

/// What proofs are bound to: the hash of the initial key and of all earlier records. It takes each record
/// in once, so that checking a long list costs no more than its length.
pub(crate) struct Transcript(Blake2b);

impl Transcript {
    /// Of an initial key.
    pub fn new(circuit: &Digest64) -> Self {
        let mut hash = Blake2b::new();
        hash.update(circuit);
        Self(hash)
    }

    /// Of an initial key and some records.
    pub fn after(circuit: &Digest64, records: &[Record]) -> Self {
        let mut transcript = Self::new(circuit);
        for record in records {
            transcript.take(record);
        }
        transcript
    }

    /// Takes in the next record.
    pub fn take(&mut self, record: &Record) {
        take(&mut self.0, record);
    }

    /// The hash that a proof with these two points is bound to.
    pub fn bind(&self, s: &G1Affine, sx: &G1Affine) -> Digest64 {
        let mut hash = self.0.clone();
        hash.update(&hashed(&[*s, *sx]));
        hash.finish()
    }
}

/// A contribution's hash: what its contributor publishes.
pub(crate) fn contribution_hash(record: &Record) -> Digest64 {
    let mut hash = Blake2b::new();
    take(&mut hash, record);
    hash.finish()
}

fn take(hash: &mut Blake2b, record: &Record) {
    hash.update(&hashed(&[record.delta, record.s, record.sx]));
    hash.update(&hashed(&[record.spx]));
    hash.update(&record.transcript);
}
