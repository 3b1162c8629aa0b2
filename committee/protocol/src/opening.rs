//! Messages of the opening: the ciphertexts of the certified set, and each holder's partial
//! decryptions of them. Which node sent one, and its signature, is the entry's business.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::field::FieldElement;
use crate::ids::StatementId;
use crate::point::Point;
use crate::proofs::DleqProof;

/// Entries of the opened set per chunk. Every chunk but the last has exactly this many.
pub const CHUNK: usize = 1024;

/// The ElGamal part of a sealed signature: what `ct` is the hash of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ciphertext {
    /// C1 = r·B8.
    pub c1: Point,
    /// c2 = leaf + Poseidon3(tag, S.x, S.y), where S = r·K.
    pub c2: FieldElement,
}

impl Encode for Ciphertext {
    fn encode(&self, w: &mut Writer) {
        self.c1.encode(w);
        self.c2.encode(w);
    }
}

impl Decode for Ciphertext {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            c1: Decode::decode(r)?,
            c2: Decode::decode(r)?,
        })
    }
}

/// The ciphertexts of one chunk, in the order of the set. Any node posts it once the trigger is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseal {
    /// The statement that is opened.
    pub statement: StatementId,
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// 1 to [`CHUNK`] ciphertexts.
    pub items: Vec<Ciphertext>,
}

impl Encode for Unseal {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        w.u32(self.chunk);
        w.list(&self.items);
    }
}

impl Decode for Unseal {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            chunk: r.u32()?,
            items: chunk(r, "the ciphertexts of a chunk")?,
        })
    }
}

/// One holder's partial decryptions of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// The statement that is opened.
    pub statement: StatementId,
    /// The chunk's number, from 0.
    pub chunk: u32,
    /// D = share·C1 for each entry of the chunk, in its order: 1 to [`CHUNK`] points.
    pub points: Vec<Point>,
    /// One proof for all of them.
    pub proof: DleqProof,
}

impl Encode for Partial {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        w.u32(self.chunk);
        w.list(&self.points);
        self.proof.encode(w);
    }
}

impl Decode for Partial {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            chunk: r.u32()?,
            points: chunk(r, "the points of a chunk")?,
            proof: Decode::decode(r)?,
        })
    }
}

/// A list of 1 to [`CHUNK`] items: no chunk is empty.
fn chunk<T: Decode>(r: &mut Reader<'_>, what: &'static str) -> Result<Vec<T>, DecodeError> {
    let items = r.list(what, CHUNK)?;
    if items.is_empty() {
        Err(DecodeError::Invalid(what))
    } else {
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{PublicScalar, Scalar};
    use crate::hash::Digest;

    fn partial(points: usize) -> Partial {
        Partial {
            statement: StatementId(Digest([3; 32])),
            chunk: 7,
            points: vec![Point::generator(); points],
            proof: DleqProof {
                challenge: PublicScalar(Scalar::from(5u8)),
                response: PublicScalar(-Scalar::from(1u8)),
            },
        }
    }

    fn unseal(items: usize) -> Unseal {
        let item = Ciphertext {
            c1: Point::generator(),
            c2: FieldElement(5u64.into()),
        };
        Unseal {
            statement: StatementId(Digest([3; 32])),
            chunk: 7,
            items: vec![item; items],
        }
    }

    #[test]
    fn messages_survive_their_encoding() {
        for n in [1, 3] {
            assert_eq!(Partial::from_bytes(&partial(n).to_bytes()), Ok(partial(n)));
            assert_eq!(Unseal::from_bytes(&unseal(n).to_bytes()), Ok(unseal(n)));
        }
    }

    #[test]
    fn no_chunk_is_empty_or_over_its_bound() {
        let what = "the points of a chunk";
        let empty = Partial::from_bytes(&partial(0).to_bytes());
        assert_eq!(empty, Err(DecodeError::Invalid(what)));
        let (len, max) = (CHUNK + 1, CHUNK);
        let long = Partial::from_bytes(&partial(len).to_bytes());
        assert_eq!(long, Err(DecodeError::TooLong { what, len, max }));

        let what = "the ciphertexts of a chunk";
        let empty = Unseal::from_bytes(&unseal(0).to_bytes());
        assert_eq!(empty, Err(DecodeError::Invalid(what)));
        let long = Unseal::from_bytes(&unseal(len).to_bytes());
        assert_eq!(long, Err(DecodeError::TooLong { what, len, max }));
    }

    #[test]
    fn a_scalar_at_or_above_the_order_is_refused() {
        let mut bytes = partial(1).to_bytes();
        let response = bytes.len() - 32;
        bytes[response] += 1;
        let what = DecodeError::Invalid("a scalar");
        assert_eq!(Partial::from_bytes(&bytes), Err(what));
    }
}
