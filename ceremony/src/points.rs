//! Points as the snarkjs world writes them. There are three forms, and mixing them up parses fine and
//! verifies nowhere:
//!
//! - **stored**, in `.ptau` and `.zkey` files: Montgomery limbs, little-endian; infinity is all zeros;
//! - **hashed**: plain integers, big-endian, uncompressed, in G2 the c1 part first; infinity is all zeros;
//! - **compressed**, in response hashes and response files: x as in the hashed form, with the top bit set
//!   when y is the greater root; infinity is 0x40 and zeros.
//!
//! Decoding refuses coordinates that aren't below q and points that aren't on the curve. That a point of
//! G2 lies in the prime subgroup is another question, with its own type of answer: `crate::checks`.

use ark_bn254::{Fq, Fq2, g1, g2};
use ark_ec::AffineRepr as _;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{BigInt, PrimeField as _, Zero as _};
use thiserror::Error;

use crate::stream::{greater_half, is_greater};

/// Why bytes aren't a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PointError {
    /// A coordinate is not below q: a second encoding of another point.
    #[error("a coordinate is not below the field's order")]
    Coordinate,
    /// The point isn't on its curve.
    #[error("a point is not on the curve")]
    Curve,
}

/// A point of G1 or G2 in the three forms.
pub trait Encoded: Sized + Copy + Send + Sync + PartialEq + 'static {
    /// Bytes of the stored and of the hashed form.
    const BYTES: usize;
    /// Bytes of the compressed form.
    const COMPRESSED: usize;

    /// Appends the stored form.
    fn store(&self, to: &mut Vec<u8>);
    /// Reads the stored form, which must be [`Encoded::BYTES`] long.
    ///
    /// # Errors
    /// [`PointError`]; bytes of another length are [`PointError::Coordinate`].
    fn load(bytes: &[u8]) -> Result<Self, PointError>;
    /// Appends the hashed form.
    fn hashed(&self, to: &mut Vec<u8>);
    /// Appends the compressed form.
    fn compressed(&self, to: &mut Vec<u8>);
}

/// The compressed forms of some points, one after another.
pub fn compressed<P: Encoded>(points: &[P]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(points.len() * P::COMPRESSED);
    for point in points {
        point.compressed(&mut bytes);
    }
    bytes
}

/// The hashed forms of some points, one after another.
pub fn hashed<P: Encoded>(points: &[P]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(points.len() * P::BYTES);
    for point in points {
        point.hashed(&mut bytes);
    }
    bytes
}

/// The stored forms of some points, one after another.
pub fn stored<P: Encoded>(points: &[P]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(points.len() * P::BYTES);
    for point in points {
        point.store(&mut bytes);
    }
    bytes
}

/// Reads stored points, one after another.
///
/// # Errors
/// The first point's that isn't one, with its position.
pub fn load_all<P: Encoded>(bytes: &[u8]) -> Result<Vec<P>, (usize, PointError)> {
    let points = bytes.chunks(P::BYTES).enumerate();
    points
        .map(|(i, bytes)| P::load(bytes).map_err(|e| (i, e)))
        .collect()
}

impl Encoded for Affine<g1::Config> {
    const BYTES: usize = 64;
    const COMPRESSED: usize = 32;

    fn store(&self, to: &mut Vec<u8>) {
        store(&self.x, to);
        store(&self.y, to);
    }

    fn load(bytes: &[u8]) -> Result<Self, PointError> {
        let [x, y] = coordinates(bytes)?;
        let point = Self::new_unchecked(x, y);
        check_curve(point.is_zero() || point.is_on_curve(), point)
    }

    fn hashed(&self, to: &mut Vec<u8>) {
        plain(&self.x, to);
        plain(&self.y, to);
    }

    fn compressed(&self, to: &mut Vec<u8>) {
        let start = to.len();
        plain(&self.x, to);
        flag(self.is_zero(), || is_greater(&self.y), to.get_mut(start));
    }
}

impl Encoded for Affine<g2::Config> {
    const BYTES: usize = 128;
    const COMPRESSED: usize = 64;

    fn store(&self, to: &mut Vec<u8>) {
        for coordinate in [&self.x.c0, &self.x.c1, &self.y.c0, &self.y.c1] {
            store(coordinate, to);
        }
    }

    fn load(bytes: &[u8]) -> Result<Self, PointError> {
        let [x0, x1, y0, y1] = coordinates(bytes)?;
        let point = Self::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1));
        check_curve(point.is_zero() || point.is_on_curve(), point)
    }

    fn hashed(&self, to: &mut Vec<u8>) {
        for coordinate in [&self.x.c1, &self.x.c0, &self.y.c1, &self.y.c0] {
            plain(coordinate, to);
        }
    }

    fn compressed(&self, to: &mut Vec<u8>) {
        let start = to.len();
        plain(&self.x.c1, to);
        plain(&self.x.c0, to);
        flag(self.is_zero(), || greater_half(&self.y), to.get_mut(start));
    }
}

fn check_curve<P>(holds: bool, point: P) -> Result<P, PointError> {
    if holds {
        Ok(point)
    } else {
        Err(PointError::Curve)
    }
}

fn flag(infinity: bool, greater: impl Fn() -> bool, first: Option<&mut u8>) {
    let Some(first) = first else { return };
    if infinity {
        *first |= 0x40;
    } else if greater() {
        *first |= 0x80;
    }
}

fn store(value: &Fq, to: &mut Vec<u8>) {
    for limb in value.0.0 {
        to.extend_from_slice(&limb.to_le_bytes());
    }
}

fn plain(value: &Fq, to: &mut Vec<u8>) {
    for limb in value.into_bigint().0.iter().rev() {
        to.extend_from_slice(&limb.to_be_bytes());
    }
}

fn coordinates<const N: usize>(bytes: &[u8]) -> Result<[Fq; N], PointError> {
    if bytes.len() != N * 32 {
        return Err(PointError::Coordinate);
    }
    let mut all = [Fq::zero(); N];
    for (to, bytes) in all.iter_mut().zip(bytes.chunks_exact(32)) {
        let limbs = limbs(bytes);
        if limbs >= Fq::MODULUS {
            return Err(PointError::Coordinate);
        }
        *to = Fq::new_unchecked(limbs);
    }
    Ok(all)
}

/// Four little-endian limbs; of what is shorter, the rest is zero.
pub(crate) fn limbs(bytes: &[u8]) -> BigInt<4> {
    let mut limbs = [0u64; 4];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        *limb = u64::from_le_bytes(word);
    }
    BigInt::new(limbs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fr, G1Affine, G1Projective, G2Affine, G2Projective};
    use ark_ec::{CurveGroup as _, PrimeGroup as _};

    fn g1(n: u64) -> G1Affine {
        (G1Projective::generator() * Fr::from(n)).into_affine()
    }

    fn g2(n: u64) -> G2Affine {
        (G2Projective::generator() * Fr::from(n)).into_affine()
    }

    fn round_trip<P: Encoded + std::fmt::Debug>(point: P) {
        let bytes = stored(&[point]);
        assert_eq!(bytes.len(), P::BYTES);
        assert_eq!(P::load(&bytes), Ok(point));
        assert_eq!(hashed(&[point]).len(), P::BYTES);
        assert_eq!(compressed(&[point]).len(), P::COMPRESSED);
    }

    #[test]
    fn points_come_back_from_the_stored_form_infinity_too() {
        for n in 0..20 {
            round_trip(g1(n));
            round_trip(g2(n));
        }
        assert_eq!(stored(&[g1(0)]), [0; 64]);
        assert_eq!(stored(&[g2(0)]), [0; 128]);
        assert_eq!(compressed(&[g1(0)])[0], 0x40);
    }

    #[test]
    fn the_hashed_form_is_plain_and_big_endian() {
        let mut one = [0; 64];
        (one[31], one[63]) = (1, 2);
        assert_eq!(hashed(&[g1(1)]), one);
        // The published generator of G2, c1 before c0.
        let bytes = hashed(&[g2(1)]);
        assert_eq!(hex::encode(&bytes[..4]), "198e9393");
        assert_eq!(hex::encode(&bytes[32..36]), "1800deef");
    }

    #[test]
    fn a_sign_tells_a_point_from_its_negation() {
        for n in 1..20 {
            let (p, m) = (g1(n), -g1(n));
            assert_eq!(compressed(&[p])[0] ^ compressed(&[m])[0], 0x80);
            let (p, m) = (g2(n), -g2(n));
            assert_eq!(compressed(&[p])[0] ^ compressed(&[m])[0], 0x80);
        }
    }

    #[test]
    fn a_coordinate_that_is_not_below_the_order_is_refused() {
        let mut bytes = stored(&[g1(7)]);
        bytes[..32].copy_from_slice(&[0xff; 32]);
        assert_eq!(G1Affine::load(&bytes), Err(PointError::Coordinate));
        let mut bytes = stored(&[g2(7)]);
        let modulus: Vec<u8> = Fq::MODULUS.0.iter().flat_map(|l| l.to_le_bytes()).collect();
        bytes[96..].copy_from_slice(&modulus);
        assert_eq!(G2Affine::load(&bytes), Err(PointError::Coordinate));
        assert_eq!(G1Affine::load(&bytes[..63]), Err(PointError::Coordinate));
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let mut bytes = stored(&[g1(7)]);
        bytes[0] ^= 1;
        assert_eq!(G1Affine::load(&bytes), Err(PointError::Curve));
        let mut bytes = stored(&[g2(7)]);
        bytes[64] ^= 1;
        assert_eq!(G2Affine::load(&bytes), Err(PointError::Curve));
    }
}
