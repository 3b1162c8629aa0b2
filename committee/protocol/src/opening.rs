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
