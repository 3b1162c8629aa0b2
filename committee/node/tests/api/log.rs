//! A log in one process: the real ledger behind the real adapters, and each submission a block of
//! its own.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use tacit_ledger::Ledger;
use tacit_node::{
    adapters::{LedgerMachine, SealingVerifier, VaultBodies},
    api::{LedgerRead, Log, Standing},
    block::{LogBlock, entry_id},
    ledger::Stopped,
    machine::{
        Admission, Applied, BodyFault, BodyStore, Candidate, Checked, Position, ProofVerifier,
        Refusal, StateMachine,
    },
    mempool::Outcome,
    watch::{Follower, Publisher},
};
use tacit_protocol::{
    certificate::CertifiedHeader,
    entry::{Entry, NodeEntry, NodeStatement},
    ids::StatementId,
    opening::{Ciphertext, Unseal},
    signature::SealedBody,
};
use tacit_threshold::{
    node::{NodeSecrets, Seed},
    opening::partial,
    state::DkgMessage,
};
use tacit_vault::{HostDisk, OsRandom, Vault};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::committee::{Operators, operators};

/// What becomes of submissions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// A block at once.
    Final,
    /// Nothing.
    Silent,
    /// Refused for lack of room.
    Busy,
    /// Dropped.
    Forgetful,
}

struct State {
    machine: LedgerMachine,
    blocks: Vec<LogBlock>,
    /// Heights without a certificate of their own.
    uncertified: BTreeSet<u64>,
    mood: Mood,
    peers: usize,
    tip: u64,
}

pub struct TestLog {
    state: Mutex<State>,
    applied: Publisher<Applied>,
    follower: Follower<Applied>,
    verifier: SealingVerifier,
    pub bodies: VaultBodies,
    pub vault: Arc<Vault>,
    pub reads: AtomicUsize,
    _folder: TempDir,
}

impl TestLog {
    pub fn new() -> Arc<Self> {
        let operators = operators();
        let ledger = Ledger::in_memory(operators.founding().clone()).unwrap();
        let machine = LedgerMachine::new(ledger).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path().join("erasable"), Arc::new(HostDisk), OsRandom);
        let vault = Arc::new(vault.unwrap());
        let circuit = operators.founding().circuits[0].circuit.0;
        let genesis = tacit_protocol::block::Block::genesis(operators.founding());
        let applied = Publisher::new(machine.applied());
        Arc::new(Self {
            follower: applied.follow(),
            applied,
            verifier: SealingVerifier::new(circuit, &operators.verifying),
            bodies: VaultBodies::new(vault.clone()),
            vault,
            reads: AtomicUsize::new(0),
            _folder: folder,
            state: Mutex::new(State {
                machine,
                blocks: vec![LogBlock::new(genesis)],
                uncertified: BTreeSet::new(),
                mood: Mood::Final,
                peers: 3,
                tip: 0,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    pub fn set_peers(&self, peers: usize) {
        self.state().peers = peers;
    }

    pub fn set_tip(&self, tip: u64) {
        self.state().tip = tip;
    }

    /// Takes the certificate of a height away.
    pub fn uncertify(&self, height: u64) {
        self.state().uncertified.insert(height);
    }

    pub fn with<T>(&self, read: impl FnOnce(&mut LedgerMachine) -> T) -> T {
        read(&mut self.state().machine)
    }

    /// A block of these entries, each of which must be valid.
    pub fn block(&self, entries: &[Vec<u8>]) -> u64 {
        let mut state = self.state();
        let applied = state.machine.applied();
        let candidates: Vec<_> = entries
            .iter()
            .map(|entry| {
                Arc::new(Candidate {
                    id: entry_id(entry),
                    entry: entry.clone().into(),
                    proofs: 0,
                })
            })
            .collect();
        let built = state
            .machine
            .build(&[], applied.timestamp_ms + 1000, &candidates)
            .unwrap();
        assert!(built.refused.is_empty(), "{:?}", built.refused);
        let block = LogBlock::new(built.block);
        let checked = state.machine.check(&[], &block).unwrap();
        assert!(matches!(checked, Checked::Valid { .. }), "{checked:?}");
        state.machine.commit(&block).unwrap();
        state.blocks.push(block);
        let applied = state.machine.applied();
        state.tip = state.tip.max(applied.height);
        drop(state);
        self.applied.publish(applied);
        applied.height
    }

    /// An empty block.
    pub fn beat(&self) -> u64 {
        self.block(&[])
    }

    /// Empty blocks for as long as the answer is held.
    pub fn heartbeat(self: &Arc<Self>) -> tokio::task::JoinHandle<()> {
        let log = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                log.beat();
            }
        })
    }

    /// Makes a statement's key: every operator says what is due until all hold a share.
    pub fn make_key(&self, statement: &StatementId) {
        let Operators {
            keys, fingerprint, ..
        } = operators();
        for _ in 0..10 {
            let dkg = self.with(|m| m.ledger().keygen(statement).unwrap().unwrap());
            let mut entries = Vec::new();
            for (node, key) in (0u16..).zip(keys) {
                let seed = Seed::new([node as u8 + 1; 32]);
                let secrets = NodeSecrets::derive(&seed, dkg.context(), node);
                if let Some(message) = secrets.respond(&dkg) {
                    let body = match message {
                        DkgMessage::Keys(m) => NodeStatement::Keys(m),
                        DkgMessage::Commit(m) => NodeStatement::Commit(m),
                        DkgMessage::Deal(m) => NodeStatement::Deal(m),
                        DkgMessage::Complain(m) => NodeStatement::Complain(m),
                        DkgMessage::Confirm(m) => NodeStatement::Confirm(m),
                    };
                    let entry = NodeEntry::sign(fingerprint, node, body, key);
                    entries.push(crate::people::bytes(Entry::Node(entry)));
                }
            }
            if entries.is_empty() {
                return;
            }
            self.block(&entries);
        }
        panic!("the key isn't made");
    }

    /// Opens a triggered statement's list: the ciphertexts, then three operators' partial
    /// decryptions.
    pub fn open(&self, statement: &StatementId, bodies: &[SealedBody]) {
        let Operators {
            keys, fingerprint, ..
        } = operators();
        let say = |node: u16, body| {
            let entry = NodeEntry::sign(fingerprint, node, body, &keys[usize::from(node)]);
            self.block(&[crate::people::bytes(Entry::Node(entry))]);
        };
        let ciphertext = |b: &SealedBody| Ciphertext { c1: b.c1, c2: b.c2 };
        let items = bodies.iter().map(ciphertext).collect();
        let unseal = Unseal {
            statement: *statement,
            chunk: 0,
            items,
        };
        say(0, NodeStatement::Unseal(unseal));
        let dkg = self.with(|m| m.ledger().keygen(statement).unwrap().unwrap());
        let opening = self.with(|m| m.ledger().opening_context(statement).unwrap());
        let opening = opening.unwrap();
        let (context, chunks) = &*opening;
        for node in 0..3u16 {
            let seed = Seed::new([node as u8 + 1; 32]);
            let secrets = NodeSecrets::derive(&seed, dkg.context(), node);
            let share = secrets.recover(&dkg).unwrap();
            say(
                node,
                NodeStatement::Partial(partial(&share, context, &chunks[0]).unwrap()),
            );
        }
    }

    /// What a node's admission does: state, body, proof.
    fn admit(&self, entry: &[u8], body: Option<&[u8]>) -> Result<Option<Position>, Refusal> {
        let admission = self.with(|machine| machine.admit(entry)).unwrap();
        match admission {
            Admission::Final(position) => Ok(Some(position)),
            Admission::Refused(refusal) => Err(refusal),
            Admission::Valid { claims, body: need } => {
                if let Some(need) = need {
                    let body = body.ok_or(Refusal::new("body-missing", "no body came with it"))?;
                    if let Err(BodyFault::Mismatch(refusal)) = self.bodies.check(&need, body) {
                        return Err(refusal);
                    }
                    let kept = [(need.key, Bytes::copy_from_slice(body))];
                    assert!(self.bodies.put_all(&kept).unwrap());
                }
                if self.verifier.verify(&claims, [5; 32]).is_empty() {
                    Ok(None)
                } else {
                    Err(Refusal::new("proof-invalid", "the proof doesn't verify"))
                }
            }
        }
    }
}

impl Log for TestLog {
    fn read(&self, read: LedgerRead) -> BoxFuture<'static, Result<(), Stopped>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.with(|machine| read(machine.ledger()));
        Box::pin(async { Ok(()) })
    }

    fn submit(&self, entry: Bytes, body: Option<Bytes>) -> oneshot::Receiver<Outcome> {
        let (reply, outcome) = oneshot::channel();
        let mood = self.state().mood;
        let answer = match mood {
            Mood::Silent => {
                // Kept open, as a waiting entry is.
                std::mem::forget(reply);
                return outcome;
            }
            Mood::Forgetful => return outcome,
            Mood::Busy => Outcome::Busy,
            Mood::Final => match self.admit(&entry, body.as_deref()) {
                Ok(Some(position)) => Outcome::Final(position),
                Ok(None) => {
                    let height = self.block(&[entry.to_vec()]);
                    Outcome::Final(Position { height, index: 0 })
                }
                Err(refusal) => Outcome::Refused(refusal),
            },
        };
        drop(reply.send(answer));
        outcome
    }

    fn applied(&self) -> Applied {
        self.follower.get()
    }

    fn reached(&self, height: u64) -> BoxFuture<'static, Result<(), Stopped>> {
        let mut follower = self.follower.clone();
        Box::pin(async move {
            let reached = follower.wait_for(|applied| applied.height >= height).await;
            reached.map(drop).map_err(|_| Stopped)
        })
    }

    fn block(&self, height: u64) -> BoxFuture<'static, Option<Arc<LogBlock>>> {
        let block = self
            .state()
            .blocks
            .get(height as usize)
            .cloned()
            .map(Arc::new);
        Box::pin(async { block })
    }

    fn certified(&self, height: u64) -> BoxFuture<'static, Option<CertifiedHeader>> {
        let state = self.state();
        let mut headers = Vec::new();
        let mut certified = None;
        for block in state.blocks.iter().skip(height as usize) {
            headers.push(block.header().clone());
            if !state.uncertified.contains(&block.number()) {
                let view = (block.number() % 100) as u8;
                certified = Some(CertifiedHeader {
                    headers,
                    certificate: operators().certify(&block.id(), view),
                });
                break;
            }
        }
        Box::pin(async { certified })
    }

    fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            applied: state.machine.applied(),
            tip: state.tip,
            peers: state.peers,
            pending: 0,
        }
    }
}
