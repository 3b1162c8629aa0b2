//! Blocks: what consensus agrees on. A block's digest is its header's, so a certificate, a header and
//! a Merkle path prove an entry or a fact without the block.

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::entry::{Entry, MAX_ENTRY};
use crate::founding::Founding;
use crate::hash::{Digest, Hasher, domain};
use crate::merkle;

/// Version of the encoding.
pub const VERSION: u16 = 1;
/// Most bytes of entries in a block.
pub const MAX_BLOCK_BYTES: usize = 512 * 1024;
/// Most entries in a block.
pub const MAX_BLOCK_ENTRIES: usize = 2048;
/// Most signatures (proofs) in a block, so that the worst block is verified well inside the
/// certification timeout: 256 proofs at about 0.7 ms each.
pub const MAX_BLOCK_PROOFS: usize = 256;
/// Most proposals of statements in a block: each makes every node generate a key.
pub const MAX_BLOCK_PROPOSALS: usize = 16;

/// What a certificate signs, by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// 0 for genesis.
    pub height: u64,
    /// Digest of the parent's header; zero for genesis.
    pub parent: Digest,
    /// Log time: Unix milliseconds, strictly after the parent's.
    pub timestamp_ms: u64,
    /// Merkle root over the entries' bytes.
    pub entries_root: Digest,
    /// Merkle root over groups' and statements' facts as of the parent.
    pub state_root: Digest,
}

impl Header {
    /// What votes and certificates name.
    pub fn digest(&self) -> Digest {
        Hasher::new(domain::HEADER).chain(self.to_bytes()).finish()
    }
}

/// Length of an encoded header, in bytes.
pub const HEADER_BYTES: usize = 2 + 8 + 32 + 8 + 32 + 32;

impl Encode for Header {
    fn encode(&self, w: &mut Writer) {
        w.u16(VERSION);
        w.u64(self.height);
        self.parent.encode(w);
        w.u64(self.timestamp_ms);
        self.entries_root.encode(w);
        self.state_root.encode(w);
    }
}

impl Decode for Header {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.u16()? != VERSION {
            return Err(DecodeError::Unsupported("a block of another version"));
        }
        Ok(Self {
            height: r.u64()?,
            parent: Decode::decode(r)?,
            timestamp_ms: r.u64()?,
            entries_root: Decode::decode(r)?,
            state_root: Decode::decode(r)?,
        })
    }
}

/// A header with its entries, as encoded bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What is certified.
    pub header: Header,
    /// Encoded entries, in order.
    pub entries: Vec<Vec<u8>>,
}

/// Merkle root over encoded entries.
pub fn entries_root(entries: &[Vec<u8>]) -> Digest {
    merkle::root(&entry_leaves(entries))
}

/// Hashed leaves of encoded entries.
pub fn entry_leaves(entries: &[Vec<u8>]) -> Vec<Digest> {
    entries.iter().map(|e| merkle::leaf(e)).collect()
}

impl Block {
    /// The block that a committee starts from.
    pub fn genesis(founding: &Founding) -> Self {
        let header = Header {
            height: 0,
            parent: founding.fingerprint().0,
            timestamp_ms: founding.founded_ms,
            entries_root: entries_root(&[]),
            state_root: merkle::root(&[]),
        };
        Self {
            header,
            entries: Vec::new(),
        }
    }

    /// The header's digest.
    pub fn digest(&self) -> Digest {
        self.header.digest()
    }

    /// Do the entries fit the header?
    pub fn check_entries(&self) -> Result<(), BlockError> {
        if entries_root(&self.entries) == self.header.entries_root {
            Ok(())
        } else {
            Err(BlockError::EntriesRoot)
        }
    }
}

/// Why a block contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BlockError {
    /// The entries aren't those that the header commits to.
    #[error("the block's entries are not those that its header commits to")]
    EntriesRoot,
}

impl Encode for Block {
    fn encode(&self, w: &mut Writer) {
        self.header.encode(w);
        w.u32(self.entries.len() as u32);
        for e in &self.entries {
            w.bytes(e);
        }
    }
}

impl Decode for Block {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let header = Decode::decode(r)?;
        let len = r.length("entries", MAX_BLOCK_ENTRIES)?;
        let (mut entries, mut total) = (Vec::new(), 0usize);
        for _ in 0..len {
            let e = r.bytes("an entry", MAX_ENTRY)?;
            total += e.len();
            if total > MAX_BLOCK_BYTES {
                return Err(DecodeError::TooLong {
                    what: "a block's entries",
                    len: total,
                    max: MAX_BLOCK_BYTES,
                });
            }
            entries.push(e.to_vec());
        }
        Ok(Self { header, entries })
    }
}

/// Longest encoding of a block, in bytes.
pub const MAX_BLOCK: usize = HEADER_BYTES + 4 + 4 * MAX_BLOCK_ENTRIES + MAX_BLOCK_BYTES;

/// The id of each entry.
pub fn entry_ids(block: &Block) -> Vec<crate::ids::EntryId> {
    block.entries.iter().map(|e| Entry::id_of(e)).collect()
}
