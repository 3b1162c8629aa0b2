//! A committee of whole nodes: real ledger and proofs, a vault on a simulated disk, and the reconcilers,
//! which do everything about keys, openings and erasures by themselves. Only the HTTP side is missing.
//!
//! A [`Town`] also holds what a client knows: a copy of the log, folded from finalized blocks, to seal
//! signatures with. When a node dies its disk forgets what wasn't synced; its database is a real file,
//! of which only the process's own part dies.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use commonware_runtime::{Clock as _, Supervisor as _, deterministic::Context};
use rand::{SeedableRng as _, rngs::StdRng};
use tacit_circuits::VerifyingKey;
use tacit_client::{
    open::Name,
    seal::Sealed,
    verify::{Verified, verify},
};
use tacit_ledger::Ledger;
use tacit_node::{
    adapters::LedgerMachine,
    assembly::Assembly,
    engine::{Ended, Node, PrivateKey},
    ledger::Reader,
    limits::{Profile, Timing},
    machine::{Position, ProofVerifier, StateMachine},
    mempool::Outcome,
    reconcile::{HasLedger, Identity},
    simulated::{Committee, Simulated, link},
    time::{ClockOffset, millis},
};
use tacit_protocol::{
    block::Block,
    certificate,
    codec::Encode as _,
    entry::{Entry, Subject},
    ids::{GroupId, NodeIndex, StatementId},
    proof::{Bundle, CertifiedFacts},
    statement::Status,
};
use tacit_test_world::{Log, Member, Registrars, bytes, circuit};
use tacit_vault::{FaultDisk, Restart, Vault};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::members::LATENCY;

/// How long anything may take, on the simulated clock.
const PATIENCE: Duration = Duration::from_secs(120);

/// A node that runs.
struct Running {
    simulated: Simulated,
    /// None for a liar, whose state machine is its own.
    reader: Option<Reader<LedgerMachine>>,
    vault: Arc<Vault>,
}

/// What outlives a node's process.
pub struct Place {
    /// Its erasable folder's disk.
    pub disk: FaultDisk,
    database: PathBuf,
    boots: u64,
    running: Option<Running>,
}

/// The committee, its network and a client.
pub struct Town {
    /// The simulation.
    pub context: Context,
    /// Links, which can be cut.
    pub network: Committee,
    /// The nodes.
    pub places: Vec<Place>,
    /// What a client knows: the log up to when it last looked.
    pub log: Log,
    /// Who attest.
    pub registrars: Registrars,
    label: String,
    _folder: TempDir,
}

impl Town {
    /// Four nodes that know each other, none of them started. All keys follow from the label.
    pub async fn plan(context: &Context, label: &str) -> Self {
        let committee = Arc::new(tacit_test_world::Committee::new(label, 4));
        let founding = committee.founding();
        let keys = committee.keys.iter().map(|key| {
            PrivateKey::decode(Bytes::copy_from_slice(key.expose())).expect("a node's key")
        });
        let network = Committee::new(
            context,
            keys.collect(),
            certificate::namespace(&committee.fingerprint),
            Block::genesis(founding),
            Timing::founded(Profile::Loopback, &founding.timing),
            link(LATENCY),
        )
        .await;
        let folder = tempfile::tempdir().expect("a folder");
        let place = |node: usize| Place {
            disk: FaultDisk::new("/node"),
            database: folder.path().join(format!("{node}.sqlite")),
            boots: 0,
            running: None,
        };
        Self {
            context: context.child("town"),
            network,
            places: (0..4).map(place).collect(),
            log: Log::new(committee),
            registrars: Registrars::new(label, 2, 3),
            label: label.into(),
            _folder: folder,
        }
    }

    /// The same, and all of them started.
    pub async fn found(context: &Context, label: &str) -> Self {
        let mut town = Self::plan(context, label).await;
        for node in 0..town.places.len() {
            town.start(node).await;
        }
        town
    }

    // --- nodes

    fn assembly(&mut self, node: usize) -> Assembly {
        let place = &mut self.places[node];
        place.boots += 1;
        // Every process draws something else, and the same in each run.
        let draws = bytes(&self.label, (node as u64) << 32 | place.boots);
        let vault = Vault::open(
            "/node/erasable",
            Arc::new(place.disk.clone()),
            StdRng::from_seed(draws),
        );
        let committee = &self.log.committee;
        let key = VerifyingKey::load(&circuit().verifying, &circuit().pinned.verifying_key);
        let identity = Identity {
            node: node as NodeIndex,
            key: committee.keys[node].clone(),
            fingerprint: committee.fingerprint,
        };
        Assembly::new(
            identity,
            Arc::new(vault.expect("opens")),
            &place.database,
            committee.founding(),
            &key.expect("the pinned key"),
        )
        .expect("opens")
    }

    async fn launch<M: StateMachine + HasLedger>(
        &mut self,
        node: usize,
        assembly: Assembly<M>,
    ) -> (Simulated, Reader<M>) {
        let storage = format!("node-{node}");
        let started = self.network.start_whole(
            node,
            &storage,
            assembly,
            Arc::new(move |found| panic!("{node} saw somebody vote twice: {found:?}")),
            ClockOffset::default(),
        );
        started.await.expect("starts")
    }

    /// Starts a node, or starts it again.
    pub async fn start(&mut self, node: usize) {
        self.start_watched(node, |verifier| verifier).await;
    }

    /// Starts an honest node whose verifier is looked at.
    pub async fn start_watched(
        &mut self,
        node: usize,
        watch: impl FnOnce(Arc<dyn ProofVerifier>) -> Arc<dyn ProofVerifier>,
    ) {
        let mut assembly = self.assembly(node);
        assembly.verifier = watch(assembly.verifier);
        let vault = assembly.vault.clone();
        let (simulated, reader) = self.launch(node, assembly).await;
        self.places[node].running = Some(Running {
            simulated,
            reader: Some(reader),
            vault,
        });
    }

    /// Starts a node that isn't what it should be.
    pub async fn start_as<M: StateMachine + HasLedger>(
        &mut self,
        node: usize,
        change: impl FnOnce(Assembly) -> Assembly<M>,
    ) {
        let assembly = change(self.assembly(node));
        let vault = assembly.vault.clone();
        let (simulated, _) = self.launch(node, assembly).await;
        self.places[node].running = Some(Running {
            simulated,
            reader: None,
            vault,
        });
    }

    fn stop(&mut self, node: usize) -> Running {
        self.places[node].running.take().expect("running")
    }

    /// Kills a node: its machine loses power.
    pub async fn crash(&mut self, node: usize) {
        let running = self.stop(node);
        running.simulated.crash(&self.context).await;
        self.places[node].disk.restart(Restart::PowerLost);
    }

    /// Waits until a node dies of itself, and takes the power from its machine.
    pub async fn died(&mut self, node: usize) -> Ended {
        self.fell(node, Restart::PowerLost).await
    }

    /// Waits until a node dies of itself; its machine comes back like this.
    pub async fn fell(&mut self, node: usize, how: Restart) -> Ended {
        let running = self.stop(node);
        let ended = running.simulated.ended().await.expect("it had started");
        self.context.sleep(Duration::from_millis(10)).await;
        self.places[node].disk.restart(how);
        ended
    }

    /// Loses a stopped node's database; it is rebuilt from the consensus storage.
    pub fn lose_database(&mut self, node: usize) {
        let place = &self.places[node];
        assert!(place.running.is_none());
        for end in ["", "-wal", "-shm"] {
            let mut path = place.database.clone().into_os_string();
            path.push(end);
            drop(std::fs::remove_file(path));
        }
        assert!(!place.database.exists());
    }

    fn running(&self, node: usize) -> &Running {
        self.places[node].running.as_ref().expect("running")
    }

    /// A running node's handles.
    pub fn node(&self, node: usize) -> &Node {
        &self.running(node).simulated.node
    }

    /// A running node's vault.
    pub fn vault(&self, node: usize) -> &Arc<Vault> {
        &self.running(node).vault
    }

    /// Something of a running node's state.
    pub async fn read<T: Send + 'static>(
        &self,
        node: usize,
        read: impl FnOnce(&Ledger) -> T + Send + 'static,
    ) -> T {
        let reader = self.running(node).reader.as_ref().expect("no liar");
        let read = reader.read(move |machine| read(machine.ledger())).await;
        read.expect("running")
    }

    /// Waits until something holds of a running node's state.
    pub async fn until(
        &self,
        what: &str,
        node: usize,
        holds: impl Fn(&Ledger) -> bool + Clone + Send + 'static,
    ) {
        let start = self.context.current();
        while !self.read(node, holds.clone()).await {
            let waited = self.context.current().duration_since(start);
            assert!(waited.expect("forward") < PATIENCE, "{node}: not {what}");
            self.context.sleep(Duration::from_millis(20)).await;
        }
    }

    /// A statement's status at a node.
    pub async fn status(&self, node: usize, id: &StatementId) -> Status {
        let id = *id;
        self.read(node, move |ledger| status(ledger, &id)).await
    }

    /// Waits until a statement has this status at all of these nodes.
    pub async fn all_say(&self, nodes: &[usize], id: &StatementId, wanted: Status) {
        let id = *id;
        for node in nodes {
            let holds = move |ledger: &Ledger| status(ledger, &id) == wanted;
            self.until(&format!("{wanted:?}"), *node, holds).await;
        }
    }

    /// Waits until these nodes have attested a statement's erasure, as a node sees it.
    pub async fn attested(&self, seen_by: usize, id: &StatementId, nodes: &[NodeIndex]) {
        let (id, nodes) = (*id, nodes.to_vec());
        let holds = move |ledger: &Ledger| {
            let view = ledger.statement(&id).expect("readable").expect("there");
            nodes
                .iter()
                .all(|n| view.erasures.iter().any(|(by, _, _)| by == n))
        };
        self.until("attested", seen_by, holds).await;
    }

    /// Waits until all have applied a block and the next one's leader holds its proposal back, as it does
    /// when nothing is handed in: no vote is under way then.
    pub async fn quiet(&self) {
        let next = self.node(0).ledger.applied().height + 1;
        for node in 0..self.places.len() {
            self.node(node).ledger.reached(next).await.expect("running");
        }
        self.context.sleep(Duration::from_millis(300)).await;
    }

    // --- the client

    /// Reads the finalized blocks that a node has applied.
    pub async fn learn(&mut self, from: usize) {
        let applied = self.node(from).ledger.applied().height;
        let mut blocks = self.log.blocks.clone();
        for height in blocks.len() as u64..=applied {
            let block = self.node(from).archive.block(height).await;
            blocks.push((**block.expect("finalized")).clone());
        }
        self.log.replay(&blocks);
    }

    /// Hands an entry to a node.
    pub fn hand_in(
        &self,
        node: usize,
        entry: &Entry,
        body: Option<Vec<u8>>,
    ) -> oneshot::Receiver<Outcome> {
        let entry = Bytes::from(entry.to_bytes());
        self.node(node).mempool.submit(entry, body.map(Bytes::from))
    }

    /// Puts an entry into the log.
    pub async fn submit(&self, node: usize, entry: &Entry) -> Position {
        is_final(self.hand_in(node, entry, None).await)
    }

    /// Hands a signature to a node.
    pub fn hand_in_signature(&self, node: usize, sealed: &Sealed) -> oneshot::Receiver<Outcome> {
        let entry = Entry::Sign(sealed.sign.clone());
        self.hand_in(node, &entry, Some(sealed.body.to_bytes()))
    }

    /// Puts a signature into the log.
    pub async fn sign(&self, node: usize, sealed: &Sealed) -> Position {
        is_final(self.hand_in_signature(node, sealed).await)
    }

    /// A group of these people.
    pub async fn group(&self, names: &[&str]) -> (GroupId, Vec<Member>) {
        let committee = &self.log.committee;
        let definition = self.registrars.define(committee, "The town", &[]);
        let by = self.registrars.quorum();
        let create = self
            .registrars
            .create(&committee.creator, definition.clone(), &by);
        self.submit(0, &Entry::GroupCreate(create)).await;
        let people: Vec<Member> = names
            .iter()
            .map(|name| self.registrars.person(&definition, name, &[]))
            .collect();
        for (n, member) in people.iter().enumerate() {
            let entry = Entry::Enrol(self.registrars.enrol(member));
            self.submit(n % 2, &entry).await;
        }
        (definition.id(), people)
    }

    /// Proposes a statement that is due so long from now. Its key is the nodes' business.
    pub async fn propose(
        &self,
        group: GroupId,
        text: &str,
        trigger: &str,
        due: Duration,
    ) -> StatementId {
        let mut statement = self.log.statement(group, text, trigger);
        statement.deadline_ms = millis(self.context.current() + due);
        let id = statement.id();
        self.submit(0, &self.log.proposal(statement)).await;
        id
    }

    /// A statement's bundle as a node gives it, with the committee's own certificate.
    pub async fn bundle(&self, node: usize, id: &StatementId) -> Bundle {
        let id = *id;
        let read = move |ledger: &Ledger| {
            let view = ledger.statement(&id).expect("readable").expect("there");
            let subjects = [Subject::Group(view.statement.group), Subject::Statement(id)];
            let chain = |s: &Subject| ledger.chain(s).expect("readable").expect("there");
            let facts = ledger.prove(&subjects).expect("readable").expect("there");
            let bodies = ledger.opened_bodies(&id).expect("readable");
            let height = ledger.applied().expect("readable").height;
            (height, facts, subjects.map(|s| chain(&s)), bodies)
        };
        let (height, facts, [group, statement], bodies) = self.read(node, read).await;
        // Facts as of a block are certified by the next one's header.
        let header = loop {
            if let Some(header) = self.node(node).archive.certified(height + 1).await {
                break header;
            }
            self.context.sleep(Duration::from_millis(100)).await;
        };
        Bundle {
            founding: self.log.committee.file.clone(),
            verifying_key: circuit().verifying.clone(),
            state: CertifiedFacts { header, facts },
            group,
            statement,
            bodies: bodies.into_iter().map(|(_, body)| body).collect(),
        }
    }

    /// Checks a statement's whole life offline, as anybody can.
    #[track_caller]
    pub fn verified(&self, bundle: &Bundle) -> Verified {
        let fingerprint = &self.log.committee.fingerprint;
        let report = verify(&bundle.to_bytes(), fingerprint, bytes("weights", 0));
        report
            .verified
            .unwrap_or_else(|| panic!("{:?}", report.checks))
    }
}

/// A statement's status.
pub fn status(ledger: &Ledger, id: &StatementId) -> Status {
    let view = ledger.statement(id).expect("readable");
    view.expect("the statement is in the log").status
}

/// Where it is in the log.
#[track_caller]
pub fn is_final(outcome: Result<Outcome, oneshot::error::RecvError>) -> Position {
    match outcome {
        Ok(Outcome::Final(position)) => position,
        other => panic!("not final: {other:?}"),
    }
}

/// The names of an opened list, in the order of the signatures.
pub fn names(verified: &Verified) -> Vec<String> {
    let list = verified.names.as_ref().expect("the list is open");
    let name = |name: &Name| match name {
        Name::Record(record) => record.name.clone(),
        Name::Withheld(why) => panic!("withheld: {why:?}"),
    };
    list.iter().map(|line| name(&line.name)).collect()
}
