//! A node's entry from outside: who says it, about what, and whether they have signed it, before any of
//! its points is decoded.
//!
//! A point costs some 40 microseconds to decode and an entry may hold 1,024 of them, so nobody's
//! points may be decoded who hasn't signed for them. The fields in front are at fixed places, and the
//! signature is over the bytes as they lie. It must never accept what [`Entry::parse`](super::Entry::parse)
//! would read otherwise: after it comes the whole decoder all the same.

use crate::codec::{Decode as _, DecodeError, Encode as _, Reader, Writer};
use crate::hash::domain;
use crate::ids::{Fingerprint, NodeIndex, StatementId};
use crate::keys::{BadSignature, PublicKey, Signature};

use super::{EntryError, ErasureReason, Kind, MAX_ENTRY};

/// Bytes of the signature at the end.
const SIGNATURE: usize = 64;

/// Which of the things that a node says about a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A message of this attempt at a key.
    Keygen {
        /// From 0.
        attempt: u8,
    },
    /// The ciphertexts of this chunk.
    Unseal {
        /// From 0.
        chunk: u32,
    },
    /// Partial decryptions of this chunk.
    Partial {
        /// From 0.
        chunk: u32,
    },
    /// An erasure.
    Erased {
        /// Why.
        reason: ErasureReason,
    },
}

/// What is in front of a node's entry and behind it.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// What is said.
    pub kind: Kind,
    /// By whom, if the signature is good.
    pub node: NodeIndex,
    /// About which statement.
    pub statement: StatementId,
    /// About what of it.
    pub about: About,
    body: &'a [u8],
    signature: Signature,
}

impl<'a> Envelope<'a> {
    /// Reads the envelope of an encoded entry, or `None` if it isn't of a kind that nodes sign. The rest
    /// may still be anything.
    pub fn peek(bytes: &'a [u8]) -> Result<Option<Self>, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLong(bytes.len()));
        }
        let mut r = Reader::new(bytes);
        let Some(kind) = Kind::from_code(r.u8()?).filter(|kind| kind.is_node()) else {
            return Ok(None);
        };
        let node = r.u16()?;
        let length = r
            .remaining()
            .checked_sub(SIGNATURE)
            .ok_or(DecodeError::Truncated)?;
        let body = r.take(length)?;
        let signature = Signature::decode(&mut r)?;
        let mut r = Reader::new(body);
        let statement = StatementId::decode(&mut r)?;
        let about = match kind {
            Kind::Unseal => About::Unseal { chunk: r.u32()? },
            Kind::Partial => About::Partial { chunk: r.u32()? },
            Kind::Erased => About::Erased {
                reason: ErasureReason::decode(&mut r)?,
            },
            _ => About::Keygen { attempt: r.u8()? },
        };
        Ok(Some(Self {
            kind,
            node,
            statement,
            about,
            body,
            signature,
        }))
    }

    /// Checks the signature under the node's key, over the bytes as they are.
    pub fn check(&self, fingerprint: &Fingerprint, key: &PublicKey) -> Result<(), BadSignature> {
        let mut w = Writer::new();
        fingerprint.encode(&mut w);
        w.u16(self.node);
        w.u8(self.kind as u8);
        w.raw(self.body);
        key.verify(domain::SIGN_NODE_ENTRY, &w.finish(), &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Decode;
    use crate::dkg::{AttemptId, DkgCommit, DkgComplain, DkgConfirm, DkgDeal, DkgKeys};
    use crate::entry::{Entry, Erased, NodeEntry, NodeStatement};
    use crate::field::{PublicScalar, Scalar};
    use crate::hash::Digest;
    use crate::keys::SigningKey;
    use crate::opening::{Partial, Unseal};
    use crate::point::Point;
    use crate::proofs::{DleqProof, SchnorrProof};

    const STATEMENT: StatementId = StatementId(Digest([3; 32]));
    const OURS: Fingerprint = Fingerprint(Digest([8; 32]));

    fn key() -> SigningKey {
        SigningKey::from_seed([7; 32])
    }

    /// One of each kind, with what it is about.
    fn all() -> Vec<(NodeStatement, Kind, About)> {
        let at = AttemptId {
            statement: STATEMENT,
            attempt: 2,
        };
        let point = Point::generator();
        let schnorr = SchnorrProof {
            commitment: point,
            response: PublicScalar(Scalar::from(5u8)),
        };
        let proof = DleqProof {
            challenge: PublicScalar(Scalar::from(5u8)),
            response: PublicScalar(Scalar::from(6u8)),
        };
        let keygen = About::Keygen { attempt: 2 };
        let keys = DkgKeys {
            at,
            key: point,
            proof: schnorr,
        };
        let commit = DkgCommit {
            at,
            commitment: Digest([1; 32]),
        };
        let deal = DkgDeal {
            at,
            feldman: vec![point],
            possession: schnorr,
            shares: Vec::new(),
        };
        let complain = DkgComplain {
            at,
            complaints: Vec::new(),
        };
        let confirm = DkgConfirm {
            at,
            digest: Digest([1; 32]),
            k: point,
        };
        let unseal = Unseal {
            statement: STATEMENT,
            chunk: 9,
            items: vec![crate::opening::Ciphertext {
                c1: point,
                c2: crate::field::FieldElement(5u64.into()),
            }],
        };
        let partial = Partial {
            statement: STATEMENT,
            chunk: 9,
            points: vec![point; 3],
            proof,
        };
        let reason = ErasureReason::Opened;
        let erased = Erased {
            statement: STATEMENT,
            reason,
            caveats: 1,
        };
        vec![
            (NodeStatement::Keys(keys), Kind::DkgKeys, keygen),
            (NodeStatement::Commit(commit), Kind::DkgCommit, keygen),
            (NodeStatement::Deal(deal), Kind::DkgDeal, keygen),
            (NodeStatement::Complain(complain), Kind::DkgComplain, keygen),
            (NodeStatement::Confirm(confirm), Kind::DkgConfirm, keygen),
            (
                NodeStatement::Unseal(unseal),
                Kind::Unseal,
                About::Unseal { chunk: 9 },
            ),
            (
                NodeStatement::Partial(partial),
                Kind::Partial,
                About::Partial { chunk: 9 },
            ),
            (
                NodeStatement::Erased(erased),
                Kind::Erased,
                About::Erased { reason },
            ),
        ]
    }

    #[test]
    fn an_envelope_says_what_the_entry_says_and_its_signature_is_the_entrys() {
        for (body, kind, about) in all() {
            let entry = NodeEntry::sign(&OURS, 300, body, &key());
            let bytes = Entry::Node(entry.clone()).to_bytes();
            let envelope = Envelope::peek(&bytes).unwrap().unwrap();
            assert_eq!((envelope.kind, envelope.node), (kind, 300));
            assert_eq!((envelope.statement, envelope.about), (STATEMENT, about));
            assert_eq!(envelope.signature, entry.signature);
            assert_eq!(envelope.check(&OURS, &key().public()), Ok(()));
            let other = SigningKey::from_seed([6; 32]).public();
            assert_eq!(envelope.check(&OURS, &other), Err(BadSignature));
            let theirs = Fingerprint(Digest([9; 32]));
            assert_eq!(
                envelope.check(&theirs, &key().public()),
                Err(BadSignature),
                "{kind}"
            );
        }
    }

    #[test]
    fn every_byte_is_signed() {
        for (body, kind, _) in all() {
            let entry = NodeEntry::sign(&OURS, 3, body, &key());
            let bytes = Entry::Node(entry).to_bytes();
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                // No envelope at all is fine, too.
                if let Ok(Some(envelope)) = Envelope::peek(&changed) {
                    let verdict = envelope.check(&OURS, &key().public());
                    assert_eq!(verdict, Err(BadSignature), "byte {at} of {kind}");
                }
            }
        }
    }

    #[test]
    fn the_points_of_an_entry_are_no_business_of_its_envelope() {
        for (body, ..) in all() {
            let entry = NodeEntry::sign(&OURS, 3, body, &key());
            let bytes = Entry::Node(entry).to_bytes();
            let mut junk = bytes.clone();
            let prefix = 1 + 2 + 32 + 4;
            for byte in junk.iter_mut().skip(prefix) {
                *byte = 0xff;
            }
            assert!(Envelope::peek(&junk).unwrap().is_some());
            // Too short for the first fields and the signature.
            for length in 0..1 + 2 + 32 + 1 + SIGNATURE {
                assert!(Envelope::peek(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn what_users_send_and_what_nobody_sends_has_no_envelope() {
        for code in [
            0,
            Kind::GroupCreate as u8,
            Kind::Sign as u8,
            Kind::RecordOpen as u8,
            0xff,
        ] {
            assert!(Envelope::peek(&[code; 200]).unwrap().is_none());
        }
        assert!(Envelope::peek(&[]).is_err());
        let long = vec![Kind::Partial as u8; MAX_ENTRY + 1];
        let error = Envelope::peek(&long).map(drop);
        assert_eq!(error, Err(EntryError::TooLong(MAX_ENTRY + 1)));
        assert!(Entry::from_bytes(&long).is_err());
    }
}
