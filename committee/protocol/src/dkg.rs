//! Messages of the key generation for one statement (joint Feldman through the log).
//!
//! They carry no sender and no signature: the entry around them does. Decoding checks what needs
//! no context (canonical points and scalars, bounds, ascending lists); whether a message is right
//! is the threshold crate's business.

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::founding::MAX_NODES;
use crate::hash::Digest;
use crate::ids::{NodeIndex, StatementId};
use crate::point::Point;
use crate::proofs::{DleqProof, SchnorrProof};

/// Length of an encrypted share: 32 bytes and a 16-byte tag.
pub const ENCRYPTED_SHARE: usize = 48;

/// One run of the key generation. Every point, proof and secret is bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// The statement that the key is for.
    pub statement: StatementId,
    /// 0 for the first attempt.
    pub attempt: u8,
}

impl Encode for AttemptId {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        w.u8(self.attempt);
    }
}

impl Decode for AttemptId {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: Decode::decode(r)?,
            attempt: r.u8()?,
        })
    }
}

/// First phase: a fresh encryption key for this attempt only, to which dealers encrypt shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DkgKeys {
    /// Which attempt.
    pub at: AttemptId,
    /// The encryption key.
    pub key: Point,
    /// Knowledge of its exponent.
    pub proof: SchnorrProof,
}

impl Encode for DkgKeys {
    fn encode(&self, w: &mut Writer) {
        self.at.encode(w);
        self.key.encode(w);
        self.proof.encode(w);
    }
}

impl Decode for DkgKeys {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            at: Decode::decode(r)?,
            key: Decode::decode(r)?,
            proof: Decode::decode(r)?,
        })
    }
}

/// Second phase: hash of the Feldman vector and its proof of possession.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DkgCommit {
    /// Which attempt.
    pub at: AttemptId,
    /// What [`DkgDeal`] must open.
    pub commitment: Digest,
}

impl Encode for DkgCommit {
    fn encode(&self, w: &mut Writer) {
        self.at.encode(w);
        self.commitment.encode(w);
    }
}

impl Decode for DkgCommit {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            at: Decode::decode(r)?,
            commitment: Decode::decode(r)?,
        })
    }
}

/// A dealer's share for one recipient, encrypted to the recipient's key of this attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncryptedShare {
    /// Who can open it.
    pub recipient: NodeIndex,
    /// The ephemeral Diffie-Hellman point, of this dealer and recipient alone.
    pub ephemeral: Point,
    /// Knowledge of its exponent: else a dealer copies another's ephemeral, draws a complaint,
    /// and the published Diffie-Hellman point opens the honest dealer's share.
    pub proof: SchnorrProof,
    /// The share (32 bytes) and a tag (16 bytes).
    pub ciphertext: [u8; ENCRYPTED_SHARE],
}

impl Encode for EncryptedShare {
    fn encode(&self, w: &mut Writer) {
        w.u16(self.recipient);
        self.ephemeral.encode(w);
        self.proof.encode(w);
        w.raw(&self.ciphertext);
    }
}

impl Decode for EncryptedShare {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            recipient: r.u16()?,
            ephemeral: Decode::decode(r)?,
            proof: Decode::decode(r)?,
            ciphertext: r.array()?,
        })
    }
}

/// Third phase: opens the commitment and deals a share to every participant.
///
/// The dealer's own share is among them: then a node's share of the key follows from its
/// decryption key and the log alone, whether or not it dealt itself, its polynomial may be erased
/// first, and "the recipients are the participants" is one comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkgDeal {
    /// Which attempt.
    pub at: AttemptId,
    /// a_0·B8, …, a_(t-1)·B8. A good vector has exactly t points; a verifier prepends B8 itself.
    pub feldman: Vec<Point>,
    /// Knowledge of a_0.
    pub possession: SchnorrProof,
    /// One for every node whose `DkgKeys` was in time, ascending by recipient.
    pub shares: Vec<EncryptedShare>,
}

impl Encode for DkgDeal {
    fn encode(&self, w: &mut Writer) {
        self.at.encode(w);
        w.list(&self.feldman);
        self.possession.encode(w);
        w.list(&self.shares);
    }
}

impl Decode for DkgDeal {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = Decode::decode(r)?;
        let feldman = r.list("a Feldman vector", MAX_NODES)?;
        let possession = Decode::decode(r)?;
        let shares: Vec<EncryptedShare> = r.list("the shares of a dealing", MAX_NODES)?;
        if !shares.is_sorted_by(|a, b| a.recipient < b.recipient) {
            return Err(DecodeError::Invalid("the order of the shares of a dealing"));
        }
        Ok(Self {
            at,
            feldman,
            possession,
            shares,
        })
    }
}

/// A recipient's claim that a dealer's share for it is wrong, with what lets everyone look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint {
    /// Who dealt it.
    pub dealer: NodeIndex,
    /// The Diffie-Hellman point of the recipient's key and the dealer's ephemeral: it opens this
    /// one share and nothing else.
    pub ecdh: Point,
    /// That `ecdh` has the exponent of the recipient's key.
    pub proof: DleqProof,
}

impl Encode for Complaint {
    fn encode(&self, w: &mut Writer) {
        w.u16(self.dealer);
        self.ecdh.encode(w);
        self.proof.encode(w);
    }
}

impl Decode for Complaint {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            dealer: r.u16()?,
            ecdh: Decode::decode(r)?,
            proof: Decode::decode(r)?,
        })
    }
}

/// Fourth phase: all of a recipient's complaints; none at all says that its shares are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkgComplain {
    /// Which attempt.
    pub at: AttemptId,
    /// Ascending by dealer.
    pub complaints: Vec<Complaint>,
}

impl Encode for DkgComplain {
    fn encode(&self, w: &mut Writer) {
        self.at.encode(w);
        w.list(&self.complaints);
    }
}

impl Decode for DkgComplain {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = Decode::decode(r)?;
        let complaints: Vec<Complaint> = r.list("complaints", MAX_NODES)?;
        if !complaints.is_sorted_by(|a, b| a.dealer < b.dealer) {
            return Err(DecodeError::Invalid("the order of complaints"));
        }
        Ok(Self { at, complaints })
    }
}

/// Fifth phase: its sender holds a share of the key that the log describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DkgConfirm {
    /// Which attempt.
    pub at: AttemptId,
    /// Digest of the good dealers, the sum of their Feldman vectors, and K.
    pub digest: Digest,
    /// K, the statement's key.
    pub k: Point,
}

impl Encode for DkgConfirm {
    fn encode(&self, w: &mut Writer) {
        self.at.encode(w);
        self.digest.encode(w);
        self.k.encode(w);
    }
}

impl Decode for DkgConfirm {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            at: Decode::decode(r)?,
            digest: Decode::decode(r)?,
            k: Decode::decode(r)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::{PublicScalar, Scalar};

    fn point(k: u64) -> Point {
        Point::mul_generator(&Scalar::from(k)).unwrap()
    }

    fn proof(k: u64) -> SchnorrProof {
        SchnorrProof {
            commitment: point(k),
            response: PublicScalar(Scalar::from(k)),
        }
    }

    fn at() -> AttemptId {
        AttemptId {
            statement: StatementId(Digest([3; 32])),
            attempt: 2,
        }
    }

    fn deal(recipients: &[NodeIndex]) -> DkgDeal {
        let share = |&recipient: &NodeIndex| EncryptedShare {
            recipient,
            ephemeral: point(100 + u64::from(recipient)),
            proof: proof(200 + u64::from(recipient)),
            ciphertext: [9; ENCRYPTED_SHARE],
        };
        DkgDeal {
            at: at(),
            feldman: vec![point(1), point(2), point(3)],
            possession: proof(4),
            shares: recipients.iter().map(share).collect(),
        }
    }

    fn complain(dealers: &[NodeIndex]) -> DkgComplain {
        let proof = DleqProof {
            challenge: PublicScalar(Scalar::from(5u8)),
            response: PublicScalar(Scalar::from(6u8)),
        };
        let complaint = |&dealer: &NodeIndex| Complaint {
            dealer,
            ecdh: point(7),
            proof,
        };
        DkgComplain {
            at: at(),
            complaints: dealers.iter().map(complaint).collect(),
        }
    }

    #[track_caller]
    fn round_trip<M: Encode + Decode + PartialEq + std::fmt::Debug>(message: &M, len: usize) {
        let bytes = message.to_bytes();
        assert_eq!(bytes.len(), len);
        assert_eq!(M::from_bytes(&bytes).as_ref(), Ok(message));
        for cut in 0..len {
            assert_eq!(M::from_bytes(&bytes[..cut]), Err(DecodeError::Truncated));
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(M::from_bytes(&longer), Err(DecodeError::Trailing(1)));
    }

    #[test]
    fn messages_survive_their_encoding_at_its_exact_length() {
        let key = DkgKeys {
            at: at(),
            key: point(8),
            proof: proof(9),
        };
        round_trip(&key, 33 + 32 + 64);
        let commit = DkgCommit {
            at: at(),
            commitment: Digest([1; 32]),
        };
        round_trip(&commit, 33 + 32);
        round_trip(&deal(&[0, 1, 3]), 33 + 4 + 3 * 32 + 64 + 4 + 3 * 146);
        round_trip(&complain(&[]), 33 + 4);
        round_trip(&complain(&[0, 5]), 33 + 4 + 2 * 98);
        let confirm = DkgConfirm {
            at: at(),
            digest: Digest([1; 32]),
            k: point(10),
        };
        round_trip(&confirm, 33 + 32 + 32);
    }

    #[test]
    fn shares_and_complaints_are_ascending_and_distinct() {
        for nodes in [&[1, 0][..], &[0, 0], &[0, 2, 1]] {
            let error = DecodeError::Invalid("the order of the shares of a dealing");
            assert_eq!(DkgDeal::from_bytes(&deal(nodes).to_bytes()), Err(error));
            let error = DecodeError::Invalid("the order of complaints");
            assert_eq!(
                DkgComplain::from_bytes(&complain(nodes).to_bytes()),
                Err(error)
            );
        }
    }

    #[test]
    fn lists_are_no_longer_than_a_committee() {
        let mut long = deal(&[0]);
        long.feldman = vec![point(1); MAX_NODES + 1];
        assert!(matches!(
            DkgDeal::from_bytes(&long.to_bytes()),
            Err(DecodeError::TooLong {
                len: 101,
                max: 100,
                ..
            })
        ));
        let nodes: Vec<NodeIndex> = (0..101).collect();
        assert!(matches!(
            DkgDeal::from_bytes(&deal(&nodes).to_bytes()),
            Err(DecodeError::TooLong {
                len: 101,
                max: 100,
                ..
            })
        ));
        assert!(matches!(
            DkgComplain::from_bytes(&complain(&nodes).to_bytes()),
            Err(DecodeError::TooLong {
                len: 101,
                max: 100,
                ..
            })
        ));
    }
}
