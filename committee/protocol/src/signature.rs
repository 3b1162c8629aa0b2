//! Sealed signatures: what is public of them (in the log), and the body beside the log that can be destroyed.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::field::{FieldElement, Fr, fr_to_bytes};
use crate::group::digest_to_field;
use crate::hash::{Digest, Hasher, domain};
use crate::ids::StatementId;
use crate::point::Point;
use crate::poseidon::poseidon3;

/// Length of a Groth16 proof over BN254, compressed.
pub const PROOF_BYTES: usize = 128;
/// Sizes that a payload's plaintext is padded to.
/// The last leaves room for a testimony of 16 KiB beside the record.
pub const PAYLOAD_SIZES: [usize; 3] = [1024, 4096, 18 * 1024];
/// Longest testimony, in bytes.
pub const MAX_TESTIMONY: usize = 16 * 1024;
/// Length of the authentication tag after the payload.
pub const TAG_BYTES: usize = 16;

/// Longest encoding of an entry with a sealed signature, in bytes.
pub const MAX_SIGN: usize = 1 + 32 + (1 + 2) + 4 + 3 * 32 + PROOF_BYTES;

/// What a nullifier is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextKind {
    /// A signature.
    Sign = 0,
    /// A withdrawal (not in this version).
    Withdraw = 1,
}

/// SHA-256("tacit/context/v1" ‖ kind ‖ statement id ‖ floor ‖ class ‖ SHA-256(payload)), top byte dropped.
pub fn context(
    kind: ContextKind,
    statement: &StatementId,
    floor: u32,
    class: Option<u16>,
    payload_hash: &Digest,
) -> Fr {
    let digest = Hasher::new(domain::CONTEXT)
        .chain([kind as u8])
        .chain(statement)
        .chain(floor.to_be_bytes())
        .chain(class.map_or(0u32, |c| u32::from(c) + 1).to_be_bytes())
        .chain(payload_hash)
        .finish();
    digest_to_field(&digest)
}

/// Hash of a payload's bytes, as the context and the log hold it.
pub fn payload_hash(payload: &[u8]) -> Digest {
    Hasher::new(domain::PAYLOAD_HASH)
        .chain_var(payload)
        .finish()
}

/// The log's entry for one sealed signature. `root`, `K` and `scope` come from the state, never from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// The statement.
    pub statement: StatementId,
    /// Position of the class in the group's definition, or the whole group.
    pub class: Option<u16>,
    /// "Name me only among at least so many": 0 in this version.
    pub floor: u32,
    /// One per member and statement.
    pub nullifier: FieldElement,
    /// Commitment to the body: Poseidon3(C1.x, C1.y, c2).
    pub ct: FieldElement,
    /// Hash of the payload in the body.
    pub payload_hash: Digest,
    /// Groth16 proof of the sealing relation.
    pub proof: [u8; PROOF_BYTES],
}

impl Sign {
    /// The one body that this entry stands for. Its `ct` alone wouldn't do: whoever sees a signature
    /// could make another body with the same `ct` and other contents, to be kept in its place.
    pub fn body_id(&self) -> Digest {
        body_id(&self.ct.to_le_bytes(), &self.payload_hash)
    }

    /// The public input that binds everything else.
    pub fn context(&self) -> Fr {
        context(
            ContextKind::Sign,
            &self.statement,
            self.floor,
            self.class,
            &self.payload_hash,
        )
    }
}

impl Encode for Sign {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        w.option(&self.class);
        w.u32(self.floor);
        self.nullifier.encode(w);
        self.ct.encode(w);
        self.payload_hash.encode(w);
        w.raw(&self.proof);
    }
}

impl Decode for Sign {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            class: r.option()?,
            floor: match r.u32()? {
                0 => 0,
                _ => return Err(DecodeError::Unsupported("a floor")),
            },
            nullifier: Decode::decode(r)?,
            ct: Decode::decode(r)?,
            payload_hash: Decode::decode(r)?,
            proof: r.array()?,
        })
    }
}

/// The sealed body: never in a block, destroyed when the statement expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBody {
    /// r·B8.
    pub c1: Point,
    /// leaf + Poseidon3(tag, S.x, S.y) with S = r·K.
    pub c2: FieldElement,
    /// The encrypted record, salt and testimony: one of [`PAYLOAD_SIZES`] plus [`TAG_BYTES`].
    pub payload: Vec<u8>,
}

/// Id of a sealed body: what it is stored and asked for by. Binds all of its bytes: `ct` the points,
/// the hash the payload.
fn body_id(ct: &[u8; 32], payload_hash: &Digest) -> Digest {
    Hasher::new(domain::BODY)
        .chain(ct)
        .chain(payload_hash)
        .finish()
}

/// Longest encoding of a body, in bytes.
pub const MAX_BODY: usize = 32 + 32 + 4 + PAYLOAD_SIZES[2] + TAG_BYTES;

impl SealedBody {
    /// Poseidon3(C1.x, C1.y, c2).
    pub fn ct(&self) -> Fr {
        ct(&self.c1, &self.c2.0)
    }

    /// What this body is stored and asked for by.
    pub fn id(&self) -> Digest {
        body_id(&fr_to_bytes(&self.ct()), &payload_hash(&self.payload))
    }

    /// Does this body belong to that entry? (Its `ct` and the hash of its payload.)
    pub fn matches(&self, sign: &Sign) -> bool {
        fr_to_bytes(&self.ct()) == sign.ct.to_le_bytes()
            && payload_hash(&self.payload) == sign.payload_hash
    }
}

/// Commitment to a body's ciphertext: Poseidon3(C1.x, C1.y, c2).
pub fn ct(c1: &Point, c2: &Fr) -> Fr {
    poseidon3(c1.x(), c1.y(), *c2)
}

impl Encode for SealedBody {
    fn encode(&self, w: &mut Writer) {
        self.c1.encode(w);
        self.c2.encode(w);
        w.bytes(&self.payload);
    }
}

impl Decode for SealedBody {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let body = Self {
            c1: Decode::decode(r)?,
            c2: Decode::decode(r)?,
            payload: r.bytes("a payload", PAYLOAD_SIZES[2] + TAG_BYTES)?.to_vec(),
        };
        if !PAYLOAD_SIZES
            .iter()
            .any(|s| s + TAG_BYTES == body.payload.len())
        {
            return Err(DecodeError::Invalid("a payload's length"));
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(payload: u8) -> SealedBody {
        SealedBody {
            c1: Point::generator(),
            c2: FieldElement(Fr::from(7u8)),
            payload: vec![payload; PAYLOAD_SIZES[0] + TAG_BYTES],
        }
    }

    #[test]
    fn a_body_with_the_same_ct_and_another_payload_has_another_id() {
        let (mine, forged) = (body(1), body(2));
        assert_eq!(mine.ct(), forged.ct());
        assert_ne!(mine.id(), forged.id());
    }

    #[test]
    fn the_longest_entry_and_the_longest_body_have_their_bounds() {
        let sign = Sign {
            statement: StatementId(Digest::ZERO),
            class: Some(1),
            floor: 0,
            nullifier: FieldElement(Fr::from(1u8)),
            ct: FieldElement(Fr::from(1u8)),
            payload_hash: Digest::ZERO,
            proof: [0; PROOF_BYTES],
        };
        let entry = crate::entry::Entry::Sign(sign);
        assert_eq!(entry.to_bytes().len(), MAX_SIGN);
        let mut longest = body(1);
        longest.payload = vec![0; PAYLOAD_SIZES[2] + TAG_BYTES];
        assert_eq!(longest.to_bytes().len(), MAX_BODY);
    }

    #[test]
    fn a_body_and_the_entry_that_stands_for_it_agree_on_its_id() {
        let body = body(1);
        let sign = Sign {
            statement: StatementId(Digest::ZERO),
            class: None,
            floor: 0,
            nullifier: FieldElement(Fr::from(1u8)),
            ct: FieldElement(body.ct()),
            payload_hash: payload_hash(&body.payload),
            proof: [0; PROOF_BYTES],
        };
        assert!(body.matches(&sign));
        assert_eq!(body.id(), sign.body_id());
    }
}
