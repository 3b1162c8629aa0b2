//! The fields: `Fr`, BN254's scalar field (circuit values, coordinates), and `Scalar`, integers
//! modulo the order `l` of Baby Jubjub's prime subgroup.
//!
//! Bytes are 32, little endian, and canonical: a value at or above the modulus is refused, never reduced.

use std::fmt;

use ark_ff::{BigInteger as _, PrimeField as _};
use ark_serialize::CanonicalDeserialize as _;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// BN254's scalar field: the circuit's field and Baby Jubjub's coordinates.
pub use ark_bn254::Fr;
/// Integers modulo l, the order of Baby Jubjub's prime subgroup (2^250 < l < 2^251).
pub use taceo_ark_babyjubjub::Fr as Scalar;

/// 32 bytes, little endian.
pub fn fr_to_bytes(v: &Fr) -> [u8; 32] {
    let mut out = [0u8; 32];
    for (o, b) in out.iter_mut().zip(v.into_bigint().to_bytes_le()) {
        *o = b;
    }
    out
}

/// Reads 32 canonical little-endian bytes.
pub fn fr_from_bytes(bytes: &[u8; 32]) -> Option<Fr> {
    Fr::deserialize_uncompressed(&bytes[..]).ok()
}

/// Decimal digits, as Semaphore's tools write field elements.
pub fn fr_to_decimal(v: &Fr) -> String {
    v.into_bigint().to_string()
}

/// A field element from decimal digits; `None` unless canonical (below the modulus).
pub fn fr_from_decimal(text: &str) -> Option<Fr> {
    if text.is_empty() || text.len() > 78 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let v: Fr = text.parse().ok()?;
    (fr_to_decimal(&v) == text).then_some(v)
}

/// 32 bytes, little endian.
pub fn scalar_to_bytes(v: &Scalar) -> [u8; 32] {
    let mut out = [0u8; 32];
    for (o, b) in out.iter_mut().zip(v.into_bigint().to_bytes_le()) {
        *o = b;
    }
    out
}

/// Reads 32 canonical little-endian bytes.
pub fn scalar_from_bytes(bytes: &[u8; 32]) -> Option<Scalar> {
    Scalar::deserialize_uncompressed(&bytes[..]).ok()
}

/// A canonical element of `Fr` inside encodings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FieldElement(pub Fr);

impl FieldElement {
    /// 32 bytes, little endian.
    pub fn to_le_bytes(&self) -> [u8; 32] {
        fr_to_bytes(&self.0)
    }
}

impl fmt::Debug for FieldElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fr({})", hex::encode(self.to_le_bytes()))
    }
}

impl Encode for FieldElement {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.to_le_bytes());
    }
}

impl Decode for FieldElement {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        fr_from_bytes(&r.array()?)
            .map(Self)
            .ok_or(DecodeError::Invalid("a field element"))
    }
}

/// A public scalar (a proof's response) inside encodings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicScalar(pub Scalar);

impl Encode for PublicScalar {
    fn encode(&self, w: &mut Writer) {
        w.raw(&scalar_to_bytes(&self.0));
    }
}

impl Decode for PublicScalar {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        scalar_from_bytes(&r.array()?)
            .map(Self)
            .ok_or(DecodeError::Invalid("a scalar"))
    }
}

/// A scalar that must not leak: erased on drop, not `Copy`, and prints nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// Wraps a scalar. The caller's own copy is the caller's to erase.
    pub fn new(v: Scalar) -> Self {
        Self(v)
    }

    /// The value, for arithmetic.
    pub fn expose(&self) -> &Scalar {
        &self.0
    }

    /// From 64 uniform bytes, reduced mod l (bias below 2^-250).
    pub fn from_wide(bytes: &[u8; 64]) -> Self {
        Self(Scalar::from_le_bytes_mod_order(bytes))
    }
}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(redacted)")
    }
}
