//! A committee around the toy ledger: the consensus half alone, which is all that these tests are about.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::Link;
use commonware_runtime::deterministic::Context;
use tacit_node::{
    engine::EngineError,
    evidence::Evidence,
    ledger::{Reader, ledger},
    limits::Profile,
    machine::Position,
    mempool::Outcome,
    simulated::{Committee, Parts, Simulated, keys, link},
    time::ClockOffset,
};
use tacit_protocol::{
    certificate,
    founding::{CircuitKeys, Founding, Operator, Timing},
    hash::Digest,
    ids::CircuitId,
    keys::PublicKey,
};

use crate::toy::{self, Faults, SharedDisk, Toy, ToyBodies, ToyVerifier};

pub const LATENCY: Duration = Duration::from_millis(20);
pub const LONG: Duration = Duration::from_secs(600);

/// Which seeds to run: from `first` on, as many as the environment's SEEDS says, or `few`.
pub fn seeds(first: u64, few: u64) -> std::ops::Range<u64> {
    let many = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok());
    first..first + many.unwrap_or(few)
}

/// A node with what outlives it.
pub struct Member {
    pub index: usize,
    pub disk: SharedDisk,
    pub bodies: Arc<ToyBodies>,
    pub verifier: Arc<ToyVerifier>,
    pub faults: Faults,
    pub clock: ClockOffset,
    pub evidence: Arc<Mutex<Vec<Evidence>>>,
    pub running: Option<(Simulated, Reader<Toy>)>,
}

impl Member {
    pub fn new(index: usize) -> Self {
        Self {
            index,
            disk: SharedDisk::new(),
            bodies: Arc::default(),
            verifier: Arc::default(),
            faults: Faults::default(),
            clock: ClockOffset::default(),
            evidence: Arc::default(),
            running: None,
        }
    }

    pub async fn try_start(
        &mut self,
        committee: &Committee,
        storage: &str,
    ) -> Result<(), EngineError> {
        let machine = Toy::new(self.disk.clone(), self.faults.clone());
        let (ledger, reader, ledger_task) = ledger(machine);
        let evidence = self.evidence.clone();
        let parts = Parts {
            ledger,
            ledger_task,
            verifier: self.verifier.clone(),
            bodies: self.bodies.clone(),
            on_evidence: Arc::new(move |found| {
                evidence.lock().expect("not poisoned").push(found);
            }),
            clock: self.clock,
        };
        let simulated = committee.start(self.index, storage, parts).await?;
        // Bodies of committed entries that didn't come before the last crash.
        simulated.node.bodies.keep(toy::body_needs(&self.disk));
        self.running = Some((simulated, reader));
        Ok(())
    }

    pub async fn start(&mut self, committee: &Committee) {
        let storage = format!("node-{}", self.index);
        self.try_start(committee, &storage).await.expect("starts");
    }

    pub async fn crash(&mut self, context: &Context) {
        let (simulated, _) = self.running.take().expect("running");
        simulated.crash(context).await;
    }

    pub fn node(&self) -> &tacit_node::engine::Node {
        &self.running.as_ref().expect("running").0.node
    }

    pub fn height(&self) -> u64 {
        self.disk.lock().applied.height
    }

    pub async fn reached(&self, height: u64) {
        self.node().ledger.reached(height).await.expect("running");
    }

    pub async fn submit(&self, entry: Bytes, body: Option<Bytes>) -> Option<Outcome> {
        self.node().mempool.submit(entry, body).await.ok()
    }

    pub async fn accepted(&self, entry: Bytes) -> Position {
        match self.submit(entry, None).await {
            Some(Outcome::Final(position)) => position,
            other => panic!("not final: {other:?}"),
        }
    }
}

/// The founding file that the simulated keys belong to.
pub fn founding() -> Founding {
    let operators = keys(4)
        .iter()
        .map(|key| Operator {
            key: PublicKey(key.public_key().as_ref().try_into().expect("32 bytes")),
            name: String::new(),
        })
        .collect();
    Founding {
        version: 1,
        epoch: 0,
        founded_ms: 0,
        nonce: [0; 16],
        operators,
        circuits: vec![CircuitKeys {
            circuit: CircuitId(Digest::ZERO),
            verifying_key: Digest::ZERO,
            proving_key: Digest::ZERO,
            transcript: None,
        }],
        group_creators: Vec::new(),
        statement_creators: Vec::new(),
        timing: Timing::LOOPBACK,
        max_open_statements: 0,
    }
}

pub async fn committee_with(context: &Context, link: Link) -> Committee {
    Committee::new(
        context,
        keys(4),
        certificate::namespace(&founding().fingerprint()),
        toy::genesis(),
        Profile::Loopback.timing(),
        link,
    )
    .await
}

pub async fn committee(context: &Context) -> Committee {
    committee_with(context, link(LATENCY)).await
}

pub async fn founded_with(
    context: &Context,
    link: Link,
    prepare: impl Fn(&mut Member),
) -> (Committee, Vec<Member>) {
    let committee = committee_with(context, link).await;
    let mut members: Vec<Member> = (0..4).map(Member::new).collect();
    for member in &mut members {
        prepare(member);
        member.start(&committee).await;
    }
    (committee, members)
}

pub async fn founded(context: &Context, prepare: impl Fn(&mut Member)) -> (Committee, Vec<Member>) {
    founded_with(context, link(LATENCY), prepare).await
}

/// All have the same log up to the lowest height; returns that height and its state's hash.
pub fn agreed(members: &[Member]) -> (u64, Digest) {
    let height = members.iter().map(Member::height).min().expect("some");
    let states: Vec<Digest> = members.iter().map(|m| m.disk.state_at(height)).collect();
    assert!(
        states.windows(2).all(|pair| pair[0] == pair[1]),
        "divergence at {height}: {states:?}"
    );
    (height, states[0])
}
