//! Messages among nodes beside the consensus' own: entries with their sealed bodies (channel 5), and
//! sealed bodies on request (channel 6). One decoder each, with bounds; senders are committee
//! members, which doesn't make them honest.

use bytes::Bytes;
use tacit_protocol::{
    block::MAX_BLOCK_BYTES,
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    ids::StatementId,
};

use crate::{
    limits::{MAX_BODY_BYTES, MAX_ENTRY_BYTES, MAX_GOSSIP_ENTRIES, MAX_WANTED_PER_MESSAGE},
    machine::BodyKey,
};

/// Version of these messages; part of the networks' namespace.
pub const WIRE_VERSION: u8 = 1;
/// Bytes of the entries and bodies that a sender puts into one message, at most.
pub const BATCH_BYTES: usize = MAX_BLOCK_BYTES;
/// Bytes of one message on channel 5: a full batch, each entry with its framing. A batch always
/// takes one entry, which with its body is shorter than a batch.
pub const MAX_GOSSIP_BYTES: usize = 1 + 4 + BATCH_BYTES + MAX_GOSSIP_ENTRIES * SUBMISSION_FRAMING;
/// Bytes of one message on channel 6: a body, or a list of keys.
pub const MAX_BODY_MESSAGE_BYTES: usize = 1 + KEY_BYTES + 4 + MAX_BODY_BYTES;

const SUBMISSION_FRAMING: usize = 4 + 1 + 4;
const KEY_BYTES: usize = 64;
const _: () = assert!(MAX_ENTRY_BYTES + MAX_BODY_BYTES <= BATCH_BYTES);
const _: () = assert!(5 + MAX_WANTED_PER_MESSAGE * KEY_BYTES <= MAX_BODY_MESSAGE_BYTES);

/// An entry, and the sealed body it stands for, as clients and nodes hand them on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The entry's canonical encoding.
    pub entry: Bytes,
    /// The sealed body, if the entry stands for one.
    pub body: Option<Bytes>,
}

impl Submission {
    /// Bytes of the entry and the body.
    pub fn bytes(&self) -> usize {
        self.entry.len() + self.body.as_ref().map_or(0, Bytes::len)
    }

    /// Whether both are within their bounds.
    pub fn fits(&self) -> bool {
        self.entry.len() <= MAX_ENTRY_BYTES
            && self
                .body
                .as_ref()
                .is_none_or(|body| body.len() <= MAX_BODY_BYTES)
    }
}

/// A message on channel 5.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gossip {
    /// Entries that wait to be in a block.
    Entries(Vec<Submission>),
    /// The sender is alive, and its database is at this height.
    Alive {
        /// The height.
        applied: u64,
    },
}

/// A message on channel 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyMessage {
    /// Who has these?
    Want(Vec<BodyKey>),
    /// Here is one.
    Have(BodyKey, Bytes),
}

fn owned(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

impl Encode for Submission {
    fn encode(&self, w: &mut Writer) {
        w.bytes(&self.entry);
        w.bool(self.body.is_some());
        if let Some(body) = &self.body {
            w.bytes(body);
        }
    }
}

impl Decode for Submission {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let entry = owned(r.bytes("an entry", MAX_ENTRY_BYTES)?);
        let body = if r.bool()? {
            Some(owned(r.bytes("a sealed body", MAX_BODY_BYTES)?))
        } else {
            None
        };
        Ok(Self { entry, body })
    }
}

impl Encode for Gossip {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Entries(entries) => {
                w.u8(0);
                w.list(entries);
            }
            Self::Alive { applied } => {
                w.u8(1);
                w.u64(*applied);
            }
        }
    }
}

impl Decode for Gossip {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            0 => Ok(Self::Entries(r.list("entries", MAX_GOSSIP_ENTRIES)?)),
            1 => Ok(Self::Alive { applied: r.u64()? }),
            _ => Err(DecodeError::Invalid("a gossip message's kind")),
        }
    }
}

impl Encode for BodyKey {
    fn encode(&self, w: &mut Writer) {
        self.statement.encode(w);
        w.raw(&self.id);
    }
}

impl Decode for BodyKey {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            statement: StatementId::decode(r)?,
            id: r.array()?,
        })
    }
}

impl Encode for BodyMessage {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Want(keys) => {
                w.u8(0);
                w.list(keys);
            }
            Self::Have(key, body) => {
                w.u8(1);
                key.encode(w);
                w.bytes(body);
            }
        }
    }
}

impl Decode for BodyMessage {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            0 => Ok(Self::Want(r.list("wanted bodies", MAX_WANTED_PER_MESSAGE)?)),
            1 => Ok(Self::Have(
                BodyKey::decode(r)?,
                owned(r.bytes("a sealed body", MAX_BODY_BYTES)?),
            )),
            _ => Err(DecodeError::Invalid("a body message's kind")),
        }
    }
}

/// Splits submissions into messages, each within the bounds.
pub fn batches(submissions: impl IntoIterator<Item = Submission>) -> Vec<Gossip> {
    let mut messages = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for submission in submissions {
        if !batch.is_empty()
            && (batch.len() == MAX_GOSSIP_ENTRIES || bytes + submission.bytes() > BATCH_BYTES)
        {
            messages.push(Gossip::Entries(std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += submission.bytes();
        batch.push(submission);
    }
    if !batch.is_empty() {
        messages.push(Gossip::Entries(batch));
    }
    messages
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*, sample::Index};
    use tacit_protocol::hash::Digest;

    use super::*;

    fn key(n: u8) -> BodyKey {
        BodyKey {
            statement: StatementId(Digest([n; 32])),
            id: [n; 32],
        }
    }

    fn submission(entry: usize, body: Option<usize>) -> Submission {
        Submission {
            entry: vec![7; entry].into(),
            body: body.map(|n| vec![8; n].into()),
        }
    }

    #[test]
    fn messages_are_read_back() {
        for message in [
            Gossip::Entries(vec![submission(3, None), submission(0, Some(9))]),
            Gossip::Alive { applied: 77 },
        ] {
            assert_eq!(Gossip::from_bytes(&message.to_bytes()), Ok(message));
        }
        for message in [
            BodyMessage::Want(vec![key(1), key(2)]),
            BodyMessage::Have(key(3), Bytes::from_static(b"body")),
        ] {
            assert_eq!(BodyMessage::from_bytes(&message.to_bytes()), Ok(message));
        }
    }

    #[test]
    fn unknown_kinds_long_lists_and_trailing_bytes_are_refused() {
        assert_eq!(
            Gossip::from_bytes(&[9]),
            Err(DecodeError::Invalid("a gossip message's kind"))
        );
        assert_eq!(
            BodyMessage::from_bytes(&[9]),
            Err(DecodeError::Invalid("a body message's kind"))
        );
        let mut bytes = Gossip::Alive { applied: 1 }.to_bytes();
        bytes.push(0);
        assert_eq!(Gossip::from_bytes(&bytes), Err(DecodeError::Trailing(1)));
        let long = BodyMessage::Want(vec![key(1); MAX_WANTED_PER_MESSAGE + 1]);
        assert!(matches!(
            BodyMessage::from_bytes(&long.to_bytes()),
            Err(DecodeError::TooLong { .. })
        ));
        let large = Gossip::Entries(vec![submission(MAX_ENTRY_BYTES + 1, None)]);
        assert!(matches!(
            Gossip::from_bytes(&large.to_bytes()),
            Err(DecodeError::TooLong { .. })
        ));
    }

    #[test]
    fn every_batch_fits_the_largest_message() {
        let mut submissions = vec![submission(MAX_ENTRY_BYTES, Some(MAX_BODY_BYTES)); 5];
        submissions.extend(vec![submission(1, Some(1)); 200]);
        submissions.extend(vec![submission(8000, Some(192)); 70]);
        let messages = batches(submissions.clone());
        let mut sent = Vec::new();
        for message in messages {
            assert!(message.to_bytes().len() <= MAX_GOSSIP_BYTES);
            let Gossip::Entries(entries) = Gossip::from_bytes(&message.to_bytes()).expect("valid")
            else {
                panic!("not entries");
            };
            sent.extend(entries);
        }
        assert_eq!(sent, submissions);
    }

    fn some_bytes() -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..60).prop_map(Bytes::from)
    }

    fn some_key() -> impl Strategy<Value = BodyKey> {
        any::<([u8; 32], [u8; 32])>().prop_map(|(statement, id)| BodyKey {
            statement: StatementId(Digest(statement)),
            id,
        })
    }

    fn some_gossip() -> impl Strategy<Value = Gossip> {
        let submission = (some_bytes(), option::of(some_bytes()))
            .prop_map(|(entry, body)| Submission { entry, body });
        prop_oneof![
            vec(submission, 0..6).prop_map(Gossip::Entries),
            any::<u64>().prop_map(|applied| Gossip::Alive { applied }),
        ]
    }

    fn some_body_message() -> impl Strategy<Value = BodyMessage> {
        prop_oneof![
            vec(some_key(), 0..6).prop_map(BodyMessage::Want),
            (some_key(), some_bytes()).prop_map(|(key, body)| BodyMessage::Have(key, body)),
        ]
    }

    /// If these bytes are a message, they are its only encoding.
    fn canonical<T: Encode + Decode>(bytes: &[u8]) {
        if let Ok(message) = T::from_bytes(bytes) {
            assert_eq!(message.to_bytes(), bytes);
        }
    }

    /// Bytes with some that are others, more or missing.
    fn spoil(mut bytes: Vec<u8>, changes: &[(Index, u8, u8)]) -> Vec<u8> {
        for (at, how, value) in changes {
            let at = at.index(bytes.len() + 1);
            match how % 4 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, *value),
                _ if at == bytes.len() => {}
                2 => bytes[at] = *value,
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn every_message_is_read_back(gossip in some_gossip(), message in some_body_message()) {
            assert_eq!(Gossip::from_bytes(&gossip.to_bytes()), Ok(gossip));
            assert_eq!(BodyMessage::from_bytes(&message.to_bytes()), Ok(message));
        }

        #[test]
        fn a_message_that_was_changed_has_one_encoding_or_none(
            gossip in some_gossip(),
            message in some_body_message(),
            changes in vec(any::<(Index, u8, u8)>(), 1..4),
        ) {
            canonical::<Gossip>(&spoil(gossip.to_bytes(), &changes));
            canonical::<BodyMessage>(&spoil(message.to_bytes(), &changes));
        }

        #[test]
        fn junk_is_no_message_or_the_only_encoding_of_one(
            kind in 0u8..3,
            rest in vec(prop_oneof![any::<u8>(), 0u8..3], 0..200),
        ) {
            let bytes = [vec![kind], rest].concat();
            canonical::<Gossip>(&bytes);
            canonical::<BodyMessage>(&bytes);
        }
    }
}
