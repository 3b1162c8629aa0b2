//! Schnorr and DLEQ proofs: their encodings. Making and checking them is the threshold crate's
//! business; here a proof is only a canonical point and canonical scalars.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::field::PublicScalar;
use crate::point::Point;

/// Proof that its maker knows the exponent of a point (Schnorr, made non-interactive by hashing).
///
/// 64 bytes: the nonce's point R, then the response z = nonce + challenge·exponent. R travels
/// instead of the challenge so that many proofs are verified in one multi-scalar multiplication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchnorrProof {
    /// R, the nonce times the base.
    pub commitment: Point,
    /// z, the response.
    pub response: PublicScalar,
}

impl Encode for SchnorrProof {
    fn encode(&self, w: &mut Writer) {
        self.commitment.encode(w);
        self.response.encode(w);
    }
}

impl Decode for SchnorrProof {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            commitment: Decode::decode(r)?,
            response: Decode::decode(r)?,
        })
    }
}

/// Proof that two pairs of points have the same exponent, as in RFC 9497 (section 2.2).
///
/// 64 bytes: challenge c, response z = nonce - c·exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DleqProof {
    /// c, the hash of the transcript.
    pub challenge: PublicScalar,
    /// z, the response.
    pub response: PublicScalar,
}

impl Encode for DleqProof {
    fn encode(&self, w: &mut Writer) {
        self.challenge.encode(w);
        self.response.encode(w);
    }
}

impl Decode for DleqProof {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            challenge: Decode::decode(r)?,
            response: Decode::decode(r)?,
        })
    }
}
