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
        loop {
            let x = stream.scalar();
            if !x.is_zero() {
                return Self { x, s: stream.g1() };
            }
        }
    }

    /// The proof, after all earlier records.
    pub fn prove(&self, circuit: &Digest64, before: &[Record]) -> Knowledge {
        let sx = (self.s * self.x).into_affine();
        let transcript = transcript(circuit, before, &self.s, &sx);
        let spx = (hash_to_g2(&transcript) * self.x).into_affine();
        Knowledge {
            s: self.s,
            sx,
            spx,
            transcript,
        }
    }
}

/// What a proof is bound to: the initial key, all earlier records, and its own two points.
pub(crate) fn transcript(
    circuit: &Digest64,
    before: &[Record],
    s: &G1Affine,
    sx: &G1Affine,
) -> Digest64 {
    let mut hash = Blake2b::new();
    hash.update(circuit);
    for record in before {
        take(&mut hash, record);
    }
    hash.update(&hashed(&[*s, *sx]));
    hash.finish()
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
