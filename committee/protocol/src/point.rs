//! Points of Baby Jubjub's prime subgroup.
//!
//! A [`Point`] is on the curve, in the subgroup of order l and not the identity: the only way in
//! from bytes is [`Point::from_bytes`], which refuses everything else, low-order points and
//! second encodings included. Inside, nothing re-checks.

use std::fmt;

use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::Zero as _;
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::field::{Fr, Scalar};
use crate::subgroup;

/// Why bytes aren't a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PointError {
    /// Not the canonical encoding of a point on the curve.
    #[error("not the canonical encoding of a point on the curve")]
    Encoding,
    /// On the curve, outside of the prime subgroup.
    #[error("the point is not in the prime subgroup")]
    Subgroup,
    /// The neutral element.
    #[error("the point is the identity")]
    Identity,
}

/// A point of the prime subgroup that isn't the identity. 32 bytes encoded: y little endian, top bit = sign of x.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Point(EdwardsAffine);

impl Point {
    /// B8, circomlib's base point, of order l.
    pub fn generator() -> Self {
        Self(EdwardsAffine::generator())
    }

    /// Checks a point that arithmetic or a test made: on the curve, in the subgroup, not the identity.
    pub fn from_affine(p: EdwardsAffine) -> Result<Self, PointError> {
        if !p.is_on_curve() {
            return Err(PointError::Encoding);
        }
        if p.is_zero() {
            return Err(PointError::Identity);
        }
        if !subgroup::contains(&p) {
            return Err(PointError::Subgroup);
        }
        Ok(Self(p))
    }

    /// Checks Edwards coordinates, as public inputs hold them.
    pub fn from_xy(x: Fr, y: Fr) -> Result<Self, PointError> {
        Self::from_affine(EdwardsAffine::new_unchecked(x, y))
    }

    /// The result of group arithmetic on points that are in the subgroup: only the identity is refused.
    pub fn from_subgroup(p: EdwardsProjective) -> Result<Self, PointError> {
        if p.is_zero() {
            Err(PointError::Identity)
        } else {
            Ok(Self(p.into_affine()))
        }
    }

    /// Checked decoding of 32 bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, PointError> {
        let p = EdwardsAffine::deserialize_compressed_unchecked(&bytes[..])
            .map_err(|_| PointError::Encoding)?;
        let point = Self::from_affine(p)?;
        // A second encoding of the same point would be a second digest of the same entry.
        if &point.to_bytes() != bytes {
            return Err(PointError::Encoding);
        }
        Ok(point)
    }

    /// The canonical 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        let mut out = [0u8; 32];
        // Writing 32 bytes into 32 bytes can't fail.
        let _ = self.0.serialize_compressed(&mut out[..]);
        out
    }

    /// The affine point.
    pub fn affine(&self) -> EdwardsAffine {
        self.0
    }

    /// Edwards x coordinate.
    pub fn x(&self) -> Fr {
        self.0.x
    }

    /// Edwards y coordinate.
    pub fn y(&self) -> Fr {
        self.0.y
    }

    /// k times this point by the constant-time ladder: the identity only for k = 0.
    pub fn mul(&self, k: &Scalar) -> Result<Self, PointError> {
        Self::from_subgroup(self.0 * k)
    }

    /// k times the generator.
    pub fn mul_generator(k: &Scalar) -> Result<Self, PointError> {
        Self::generator().mul(k)
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Point({})", hex::encode(self.to_bytes()))
    }
}

impl Encode for Point {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.to_bytes());
    }
}

impl Decode for Point {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Point::from_bytes(&r.array()?).map_err(|_| DecodeError::Invalid("a point"))
    }
}
