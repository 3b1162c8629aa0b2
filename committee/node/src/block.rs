//! A block of our log as the consensus engine wants it: one canonical encoding inside a length, a
//! digest that is the header's, and bounds that are checked while decoding.
//!
//! It must never let two different lists of entries pass under one digest: decoding recomputes the
//! entries' root, because the engine compares only the header's digest with the one it asked for.

use std::ops::Deref;

use bytes::BufMut;
use commonware_codec::{Buf, EncodeSize, Error as CodecError, FixedSize, Read, Write};
use commonware_consensus::{BoundedBlock, Heightable, types::Height};
use commonware_cryptography::{Digested, Digestible};
use tacit_protocol::{
    block::{Block, HEADER_BYTES, Header},
    codec::{Decode as _, Encode as _},
    entry::Entry,
    hash::Digest,
    ids::EntryId,
};

use crate::{engine::Sha256Digest, limits::BlockLimits};

/// Bytes of the entries' count, and of one entry's length.
const COUNT_BYTES: usize = 4;
const LENGTH_BYTES: usize = 4;

/// The id of an entry: the hash of its bytes.
pub fn entry_id(entry: &[u8]) -> EntryId {
    Entry::id_of(entry)
}

/// Our digest as the engine's type.
pub fn engine_digest(digest: Digest) -> Sha256Digest {
    Sha256Digest::from(digest.0)
}

/// A block with its digest and its encoding's length, both computed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogBlock {
    block: Block,
    digest: Digest,
    bytes: usize,
}

impl LogBlock {
    /// Wraps a block.
    pub fn new(block: Block) -> Self {
        let digest = block.header.digest();
        let bytes = encoded_size(&block);
        Self {
            block,
            digest,
            bytes,
        }
    }

    /// The header's digest.
    pub fn id(&self) -> Digest {
        self.digest
    }

    /// The block's height.
    pub fn number(&self) -> u64 {
        self.block.header.height
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.block.header
    }

    /// Whether the block is within the limits that it will be decoded under.
    pub fn fits(&self, limits: &BlockLimits) -> bool {
        check_limits(&self.block, limits).is_ok()
    }

    /// Pairs the block with its digest, as the engine passes blocks around.
    pub fn sealed(self) -> Digested<Self> {
        let digest = engine_digest(self.digest);
        Digested::precomputed(self, digest)
    }
}

impl Deref for LogBlock {
    type Target = Block;

    fn deref(&self) -> &Block {
        &self.block
    }
}

fn encoded_size(block: &Block) -> usize {
    LENGTH_BYTES
        + HEADER_BYTES
        + COUNT_BYTES
        + block
            .entries
            .iter()
            .map(|entry| LENGTH_BYTES + entry.len())
            .sum::<usize>()
}

fn check_limits(block: &Block, limits: &BlockLimits) -> Result<(), CodecError> {
    if block.entries.len() > limits.entries {
        return Err(CodecError::Invalid("block", "too many entries"));
    }
    if block.entries.iter().any(|e| e.len() > limits.entry_bytes) {
        return Err(CodecError::Invalid("block", "an entry is too long"));
    }
    if block.entries.iter().map(Vec::len).sum::<usize>() > limits.total_bytes {
        return Err(CodecError::Invalid("block", "the entries are too long"));
    }
    Ok(())
}

impl Write for LogBlock {
    fn write(&self, buf: &mut impl BufMut) {
        let bytes = self.block.to_bytes();
        buf.put_u32(bytes.len() as u32);
        buf.put_slice(&bytes);
    }
}

impl EncodeSize for LogBlock {
    fn encode_size(&self) -> usize {
        self.bytes
    }
}

impl Read for LogBlock {
    type Cfg = BlockLimits;

    fn read_cfg(buf: &mut impl Buf, limits: &Self::Cfg) -> Result<Self, CodecError> {
        let len = u32::read_cfg(buf, &())? as usize;
        if len > Self::max_encode_size(limits) {
            return Err(CodecError::InvalidLength(len));
        }
        if len > buf.remaining() {
            return Err(CodecError::EndOfBuffer);
        }
        let bytes = buf.copy_to_bytes(len);
        let block = Block::from_bytes(&bytes)
            .map_err(|error| CodecError::Wrapped("block", Box::new(error)))?;
        check_limits(&block, limits)?;
        // The engine compares only the header's digest with the one it asked for: without this,
        // whoever serves a block could swap its entries.
        block
            .check_entries()
            .map_err(|error| CodecError::Wrapped("block", Box::new(error)))?;
        Ok(Self::new(block))
    }
}

impl Digestible for LogBlock {
    type Digest = Sha256Digest;

    fn digest(&self) -> Sha256Digest {
        engine_digest(self.digest)
    }
}

impl Heightable for LogBlock {
    fn height(&self) -> Height {
        Height::new(self.block.header.height)
    }
}

impl commonware_consensus::Block for LogBlock {
    fn parent(&self) -> Sha256Digest {
        engine_digest(self.block.header.parent)
    }
}

impl BoundedBlock for LogBlock {
    fn max_encode_size(limits: &BlockLimits) -> usize {
        u32::SIZE + HEADER_BYTES + COUNT_BYTES + limits.entries * LENGTH_BYTES + limits.total_bytes
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use commonware_codec::{Decode as _, Encode as _};
    use tacit_protocol::block::{BlockError, entries_root};

    use super::*;

    const LIMITS: BlockLimits = BlockLimits {
        entries: 3,
        entry_bytes: 8,
        total_bytes: 16,
        proofs: 1,
    };

    fn block(entries: &[&[u8]]) -> LogBlock {
        let entries: Vec<Vec<u8>> = entries.iter().map(|e| e.to_vec()).collect();
        LogBlock::new(Block {
            header: Header {
                height: 7,
                parent: Digest([1; 32]),
                timestamp_ms: 5,
                entries_root: entries_root(&entries),
                state_root: Digest([2; 32]),
            },
            entries,
        })
    }

    fn decode(bytes: impl Into<Bytes>) -> Result<LogBlock, CodecError> {
        LogBlock::decode_cfg(bytes.into(), &LIMITS)
    }

    #[test]
    fn a_block_is_read_back_from_its_one_encoding() {
        let block = block(&[b"one", b"two"]);
        let bytes = block.encode();
        assert_eq!(bytes.len(), block.encode_size());
        let read = decode(bytes.clone()).expect("valid");
        assert_eq!(read, block);
        assert_eq!(read.encode(), bytes);
    }

    #[test]
    fn the_largest_block_fits_its_declared_bound() {
        let block = block(&[&[0; 8], &[0; 8], &[]]);
        assert_eq!(block.encode_size(), LogBlock::max_encode_size(&LIMITS));
        assert!(decode(block.encode()).is_ok());
    }

    #[test]
    fn each_bound_is_enforced() {
        let message = |result: Result<LogBlock, CodecError>| match result {
            Err(CodecError::Invalid(_, message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            message(decode(block(&[b"", b"", b"", b""]).encode())),
            "too many entries"
        );
        assert_eq!(
            message(decode(block(&[&[0; 9]]).encode())),
            "an entry is too long"
        );
        assert_eq!(
            message(decode(block(&[&[0; 6], &[0; 6], &[0; 6]]).encode())),
            "the entries are too long"
        );
    }

    #[test]
    fn entries_that_are_not_the_headers_are_refused() {
        let mut swapped = block(&[b"one"]).block.clone();
        swapped.entries = vec![b"two".to_vec()];
        let bytes = LogBlock::new(swapped).encode();
        let error = decode(bytes).expect_err("refused");
        let CodecError::Wrapped("block", cause) = error else {
            panic!("{error:?}");
        };
        assert_eq!(
            cause.downcast_ref::<BlockError>(),
            Some(&BlockError::EntriesRoot)
        );
    }

    #[test]
    fn a_hostile_length_allocates_nothing() {
        assert!(matches!(
            decode(Bytes::from_static(&[255; 8])),
            Err(CodecError::InvalidLength(_))
        ));
        assert!(matches!(
            decode(Bytes::from_static(&[0, 0, 0, 40, 1])),
            Err(CodecError::EndOfBuffer)
        ));
    }
}
