//! A leaf sealed to a committee's key: ElGamal over Baby Jubjub, with a Poseidon mask on the leaf.
//!
//! `C1 = r*B8`, `S = r*K`, `c2 = leaf + Poseidon3(tag, S.x, S.y)`. (C1, c2) is the body, which stays
//! out of the log; `ct = Poseidon3(C1.x, C1.y, c2)` is what the log and the proof hold. Who has S has
//! the leaf: the signer from r, later the committee from k*C1.

use std::fmt;

use ark_ff::PrimeField as _;
use tacit_protocol::field::Fr;
use tacit_protocol::hash::domain;
use tacit_protocol::point::{Point, PointError};
use tacit_protocol::poseidon::poseidon3;

use crate::relation::Nonce;

/// First input of the mask's hash: the bytes of `domain::MASK` as a little-endian integer.
///
/// It is no x coordinate of the curve, so a mask and a `ct` are never hashes of the same inputs.
pub fn mask_tag() -> Fr {
    Fr::from_le_bytes_mod_order(domain::MASK.as_bytes())
}

/// A sealed leaf, as the signer sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// r*B8, first half of the body.
    pub c1: Point,
    /// The masked leaf, second half of the body.
    pub c2: Fr,
    /// Commitment to the body, a public input of the proof.
    pub ct: Fr,
    /// S = r*K, **secret**: opens the leaf, and keys the payload.
    pub shared: Point,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("ct", &self.ct)
            .finish_non_exhaustive()
    }
}

/// Seals `leaf` to `key` with a nonce that is used for nothing else.
///
/// No nonce makes one of the points the identity: an error can't happen.
pub fn seal_point(nonce: &Nonce, key: &Point, leaf: Fr) -> Result<Sealed, PointError> {
    let c1 = nonce.commitment_point()?;
    let shared = key.mul(nonce.scalar().expose())?;
    let c2 = leaf + mask(&shared);
    Ok(Sealed {
        ct: ct(&c1, c2),
        c1,
        c2,
        shared,
    })
}

/// The commitment to a body: what a body is checked against.
pub fn ct(c1: &Point, c2: Fr) -> Fr {
    poseidon3(c1.x(), c1.y(), c2)
}

/// The leaf in `c2`, for who has S.
pub fn unmask(c2: Fr, shared: &Point) -> Fr {
    c2 - mask(shared)
}

fn mask(shared: &Point) -> Fr {
    poseidon3(mask_tag(), shared.x(), shared.y())
}
