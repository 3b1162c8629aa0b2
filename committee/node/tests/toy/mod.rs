//! A small log for the consensus' own tests: every entry once, some with a proof, some with a sealed
//! body. Its disk is memory that outlives the node.

#![allow(dead_code)] // Each test binary uses its part.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tacit_node::{
    block::{LogBlock, entry_id},
    machine::{
        Admission, Applied, BodyFault, BodyKey, BodyNeed, BodyStore, Built, Candidate, Checked,
        Committed, Fault, Position, ProofClaim, ProofVerifier, Refusal, StateMachine,
    },
};
use tacit_protocol::{
    block::{Block, Header, entries_root},
    hash::{Digest, Hasher},
    ids::{EntryId, StatementId},
};

/// The toy's only statement.
pub const STATEMENT: StatementId = StatementId(Digest([7; 32]));

fn hash(bytes: &[u8]) -> Digest {
    Hasher::new("toy").chain(bytes).finish()
}

/// An entry that is just itself.
pub fn plain(n: u64) -> Bytes {
    [b"k".as_slice(), &n.to_be_bytes()].concat().into()
}

/// An entry with a proof that holds or doesn't.
pub fn proven(n: u64, valid: bool) -> Bytes {
    [b"p".as_slice(), &n.to_be_bytes(), &[u8::from(valid)]]
        .concat()
        .into()
}

/// An entry that stands for a sealed body.
pub fn sealed(n: u64, body: &[u8]) -> Bytes {
    [b"b".as_slice(), &n.to_be_bytes(), hash(body).as_ref()]
        .concat()
        .into()
}

/// The genesis block of all tests.
pub fn genesis() -> Block {
    Block {
        header: Header {
            height: 0,
            parent: Digest::ZERO,
            timestamp_ms: 1_600_000_000_000,
            entries_root: entries_root(&[]),
            state_root: Digest::ZERO,
        },
        entries: Vec::new(),
    }
}

/// What a node's disk holds.
pub struct Disk {
    pub applied: Applied,
    pub state: Digest,
    pub entries: BTreeMap<EntryId, Position>,
    pub blocks: Vec<LogBlock>,
}

/// A node's disk; clones share it.
#[derive(Clone)]
pub struct SharedDisk(Arc<Mutex<Disk>>);

impl SharedDisk {
    pub fn new() -> Self {
        let genesis = genesis();
        Self(Arc::new(Mutex::new(Disk {
            applied: Applied {
                height: 0,
                digest: genesis.digest(),
                timestamp_ms: genesis.header.timestamp_ms,
            },
            state: Digest::ZERO,
            entries: BTreeMap::new(),
            blocks: Vec::new(),
        })))
    }

    pub fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("not poisoned")
    }

    /// The state's hash at a height.
    pub fn state_at(&self, height: u64) -> Digest {
        let disk = self.lock();
        disk.blocks
            .iter()
            .take(height as usize)
            .fold(Digest::ZERO, next_state)
    }
}

fn next_state(state: Digest, block: &LogBlock) -> Digest {
    block
        .entries
        .iter()
        .fold(hash(&[state.0, block.id().0].concat()), |state, entry| {
            hash(&[&state.0, entry.as_slice()].concat())
        })
}

/// The bodies of everything in the log.
pub fn body_needs(disk: &SharedDisk) -> Vec<BodyNeed> {
    let disk = disk.lock();
    let entries = disk.blocks.iter().flat_map(|block| &block.entries);
    entries.filter_map(|entry| parts(entry).ok()?.1).collect()
}

/// How a toy misbehaves.
#[derive(Clone, Default)]
pub struct Faults {
    /// Proposes entries that are applied already.
    pub proposes_duplicates: bool,
    /// Fails right after the commit of this height is durable, so that it isn't acknowledged.
    pub dies_after: Arc<Mutex<Option<u64>>>,
}

/// The toy ledger.
pub struct Toy {
    disk: SharedDisk,
    faults: Faults,
    /// How often `commit` was called.
    pub commits: u64,
}

impl Toy {
    pub fn new(disk: SharedDisk, faults: Faults) -> Self {
        Self {
            disk,
            faults,
            commits: 0,
        }
    }

    pub fn state(&self) -> Digest {
        self.disk.lock().state
    }

    fn known(&self, ancestors: &[Arc<LogBlock>]) -> BTreeSet<EntryId> {
        ancestors
            .iter()
            .flat_map(|block| block.entries.iter().map(|entry| entry_id(entry)))
            .collect()
    }

    fn state_on(&self, ancestors: &[Arc<LogBlock>]) -> Digest {
        let state = self.disk.lock().state;
        ancestors
            .iter()
            .fold(state, |state, block| next_state(state, block))
    }
}

fn parts(entry: &[u8]) -> Result<(Vec<ProofClaim>, Option<BodyNeed>), Refusal> {
    match (entry.first(), entry.len()) {
        (Some(b'k'), 9) => Ok((Vec::new(), None)),
        (Some(b'p'), 10) => Ok((
            vec![ProofClaim {
                entry: entry_id(entry),
                circuit: Digest::ZERO,
                public: Vec::new(),
                proof: entry[9..].to_vec(),
            }],
            None,
        )),
        (Some(b'b'), 41) => {
            let mut ct = [0; 32];
            ct.copy_from_slice(&entry[9..]);
            let key = BodyKey {
                statement: STATEMENT,
                id: ct,
            };
            let entry = Bytes::copy_from_slice(entry);
            Ok((Vec::new(), Some(BodyNeed { key, entry })))
        }
        _ => Err(Refusal::new("malformed", "not a toy entry")),
    }
}

impl StateMachine for Toy {
    fn applied(&self) -> Applied {
        self.disk.lock().applied
    }

    fn build(
        &mut self,
        ancestors: &[Arc<LogBlock>],
        timestamp_ms: u64,
        candidates: &[Arc<Candidate>],
    ) -> Result<Built, Fault> {
        let mut known = self.known(ancestors);
        let (mut entries, mut bodies, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        let applied = self.applied();
        for candidate in candidates {
            let duplicate =
                self.disk.lock().entries.contains_key(&candidate.id) || !known.insert(candidate.id);
            match parts(&candidate.entry) {
                Ok((_, body)) if !duplicate => {
                    entries.push(candidate.entry.to_vec());
                    bodies.extend(body);
                }
                _ => refused.push(candidate.id),
            }
        }
        if self.faults.proposes_duplicates
            && let Some(entry) = self
                .disk
                .lock()
                .blocks
                .iter()
                .flat_map(|block| block.entries.first())
                .next()
        {
            entries.push(entry.clone());
        }
        let (height, parent) = ancestors
            .last()
            .map_or((applied.height, applied.digest), |b| (b.number(), b.id()));
        let header = Header {
            height: height + 1,
            parent,
            timestamp_ms,
            entries_root: entries_root(&entries),
            state_root: self.state_on(ancestors),
        };
        let block = Block { header, entries };
        Ok(Built {
            block,
            bodies,
            refused,
        })
    }

    fn check(&mut self, ancestors: &[Arc<LogBlock>], block: &LogBlock) -> Result<Checked, Fault> {
        if block.header.state_root != self.state_on(ancestors) {
            return Ok(Checked::Invalid(Refusal::new("state-root", "wrong state")));
        }
        let mut known = self.known(ancestors);
        let (mut claims, mut bodies) = (Vec::new(), Vec::new());
        for entry in &block.entries {
            let id = entry_id(entry);
            if self.disk.lock().entries.contains_key(&id) || !known.insert(id) {
                return Ok(Checked::Invalid(Refusal::new(
                    "duplicate",
                    "entry is known",
                )));
            }
            match parts(entry) {
                Ok((more, body)) => {
                    claims.extend(more);
                    bodies.extend(body);
                }
                Err(refusal) => return Ok(Checked::Invalid(refusal)),
            }
        }
        Ok(Checked::Valid { claims, bodies })
    }

    fn admit(&mut self, entry: &[u8]) -> Result<Admission, Fault> {
        if let Some(position) = self.disk.lock().entries.get(&entry_id(entry)) {
            return Ok(Admission::Final(*position));
        }
        Ok(match parts(entry) {
            Ok((claims, body)) => Admission::Valid { claims, body },
            Err(refusal) => Admission::Refused(refusal),
        })
    }

    fn commit(&mut self, block: &LogBlock) -> Result<Committed, Fault> {
        self.commits += 1;
        {
            let mut disk = self.disk.lock();
            assert_eq!(block.number(), disk.applied.height + 1, "in order, once");
            assert_eq!(block.header.state_root, disk.state, "the certified state");
            disk.state = next_state(disk.state, block);
            disk.applied = Applied {
                height: block.number(),
                digest: block.id(),
                timestamp_ms: block.header.timestamp_ms,
            };
            for (index, entry) in block.entries.iter().enumerate() {
                let position = Position {
                    height: block.number(),
                    index: index as u32,
                };
                let before = disk.entries.insert(entry_id(entry), position);
                assert_eq!(before, None, "every entry once");
            }
            disk.blocks.push(block.clone());
        }
        let mut dies_after = self.faults.dies_after.lock().expect("not poisoned");
        if dies_after.is_some_and(|height| block.number() >= height) {
            *dies_after = None;
            return Err("killed between the commit and its acknowledgement".into());
        }
        let bodies = block
            .entries
            .iter()
            .filter_map(|entry| parts(entry).ok()?.1)
            .collect();
        Ok(Committed { bodies })
    }
}

/// A proof holds if its byte says so.
#[derive(Default)]
pub struct ToyVerifier {
    /// How many claims were looked at.
    pub looked_at: AtomicUsize,
}

impl ProofVerifier for ToyVerifier {
    fn verify(&self, claims: &[ProofClaim], _: [u8; 32]) -> Vec<usize> {
        self.looked_at.fetch_add(claims.len(), Ordering::Relaxed);
        let bad = claims
            .iter()
            .enumerate()
            .filter(|(_, claim)| claim.proof != [1]);
        bad.map(|(at, _)| at).collect()
    }
}

/// Bodies in memory.
#[derive(Default)]
pub struct ToyBodies {
    pub held: Mutex<BTreeMap<BodyKey, Bytes>>,
    /// Refuses every body while set: as if it came damaged.
    pub refuses: AtomicBool,
}

impl ToyBodies {
    pub fn holds(&self, body: &[u8]) -> bool {
        let key = BodyKey {
            statement: STATEMENT,
            id: hash(body).0,
        };
        self.held.lock().expect("not poisoned").contains_key(&key)
    }
}

impl BodyStore for ToyBodies {
    fn has(&self, key: &BodyKey) -> Result<bool, Fault> {
        Ok(self.held.lock().expect("not poisoned").contains_key(key))
    }

    fn get(&self, key: &BodyKey) -> Result<Option<Bytes>, Fault> {
        Ok(self.held.lock().expect("not poisoned").get(key).cloned())
    }

    fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault> {
        if self.refuses.load(Ordering::Relaxed) || hash(body).0 != need.key.id {
            return Err(BodyFault::Mismatch(Refusal::new("body", "another body")));
        }
        Ok(())
    }

    fn put_all(&self, bodies: &[(BodyKey, Bytes)]) -> Result<bool, Fault> {
        self.held
            .lock()
            .expect("not poisoned")
            .extend(bodies.iter().cloned());
        Ok(true)
    }

    fn closed(&self, _: &StatementId) -> bool {
        false
    }
}
