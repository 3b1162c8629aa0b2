//! Nodes on the deterministic runtime with simulated links: the production wiring under a virtual
//! clock, seeded losses, cuts and crashes. For tests; programs don't build it.
//!
//! [`Committee::start`] runs the consensus half around any state machine; [`Committee::start_whole`] runs
//! all of a node but its HTTP side, the reconcilers included.
//!
//! A network has one storage for all nodes, so each node's partitions carry its name: starting a node
//! again under the same name finds what it had.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::{self, Link, Oracle};
use commonware_runtime::{
    Clock as _, Handle, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{self, Context},
};
use commonware_utils::{NZUsize, ordered::Set, probability};
use futures::future::BoxFuture;
use tacit_protocol::{block::Block, hash::Digest};
use tokio::sync::oneshot;

use crate::{
    assembly::Assembly,
    block::LogBlock,
    engine::{self, Channels, Ended, EngineError, Node, PrivateKey, PublicKey, Setup, VoteRecord},
    evidence::OnEvidence,
    ledger::{Ledger, LedgerTask, Reader, ledger},
    limits::{BlockLimits, Profile, Timing, channel},
    machine::{BodyStore, ProofVerifier, StateMachine},
    reconcile::{HasLedger, ReconcileError, Reconciler, SimulatedHost},
    time::ClockOffset,
};

fn config(seed: u64, timeout: Duration) -> deterministic::Config {
    deterministic::Config::default()
        .with_seed(seed)
        .with_start_time(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .with_timeout(Some(timeout))
}

/// Runs a simulation: the same seed gives the same run. Returns the test's result and the digest of
/// everything the runtime did.
pub fn run<T, F, Fut>(seed: u64, timeout: Duration, test: F) -> (T, String)
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = T>,
{
    deterministic::Runner::new(config(seed, timeout)).start(|context| async move {
        let auditor = context.auditor();
        let result = test(context).await;
        (result, auditor.state())
    })
}

/// Runs `before`, cuts the power (what wasn't synced is lost on every disk), and runs `after` on what
/// is left.
pub fn power_cut<T, U, F, FutT, G, FutU>(seed: u64, timeout: Duration, before: F, after: G) -> U
where
    F: FnOnce(Context) -> FutT,
    FutT: Future<Output = T>,
    G: FnOnce(Context, T) -> FutU,
    FutU: Future<Output = U>,
{
    let (kept, disks) = deterministic::Runner::new(config(seed, timeout)).start_and_recover(before);
    deterministic::Runner::from(disks).start(|context| after(context, kept))
}

/// The keys of a simulated committee, in the engine's order.
pub fn keys(n: u64) -> Vec<PrivateKey> {
    let mut keys: Vec<PrivateKey> = (0..n).map(PrivateKey::from_seed).collect();
    keys.sort_by_key(|key| key.public_key());
    keys
}

/// A link without losses.
pub fn link(latency: Duration) -> Link {
    Link {
        latency,
        jitter: latency / 10,
        success_rate: probability!(1.0),
    }
}

/// A committee's network.
pub struct Committee {
    context: Context,
    oracle: Oracle<PublicKey, Context>,
    keys: Vec<PrivateKey>,
    genesis: LogBlock,
    namespace: Vec<u8>,
    timing: Timing,
    profile: Profile,
    cut: BTreeMap<(usize, usize), ()>,
    link: Link,
    votes: Mutex<BTreeMap<String, Arc<Record>>>,
}

/// A node's record of its having voted, which outlives it.
#[derive(Default)]
struct Record(Mutex<Option<u64>>);

impl Record {
    fn locked(&self) -> MutexGuard<'_, Option<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VoteRecord for Record {
    fn height(&self) -> Option<u64> {
        *self.locked()
    }

    fn write(&self, height: u64) -> std::io::Result<()> {
        *self.locked() = Some(height);
        Ok(())
    }
}

/// What a node of a simulated committee brings.
pub struct Parts {
    /// Reaches the state machine.
    pub ledger: Ledger,
    /// Owns the state machine.
    pub ledger_task: LedgerTask,
    /// Verifies proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// Holds sealed bodies.
    pub bodies: Arc<dyn BodyStore>,
    /// Is told of conflicting votes.
    pub on_evidence: OnEvidence,
    /// How wrong its clock is.
    pub clock: ClockOffset,
}

/// What acts beside the consensus, from when it runs; the node ends with it.
type Beside = Box<dyn FnOnce(Node, Context) -> BoxFuture<'static, ReconcileError> + Send>;

/// A running simulated node.
pub struct Simulated {
    /// The handles.
    pub node: Node,
    handle: Handle<Result<Ended, EngineError>>,
}

impl Simulated {
    /// Kills the node: its tasks are dropped where they are. What was synced stays.
    pub async fn crash(self, context: &Context) {
        self.handle.abort();
        drop(self.handle.await);
        context.sleep(Duration::from_millis(10)).await;
    }

    /// Waits until the node ends by itself.
    pub async fn ended(self) -> Result<Ended, EngineError> {
        self.handle.await.unwrap_or(Err(EngineError::Stopped))
    }
}

impl Committee {
    /// A network of `keys`, all linked with `link`.
    pub async fn new(
        context: &Context,
        keys: Vec<PrivateKey>,
        namespace: Vec<u8>,
        genesis: Block,
        timing: Timing,
        link: Link,
    ) -> Self {
        let public: Vec<PublicKey> = keys.iter().map(|key| key.public_key()).collect();
        let size = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let (network, oracle) = simulated::Network::new_with_peers(
            context.child("network"),
            simulated::Config {
                max_size: BlockLimits::V1.max_message_size(size),
                max_peers_per_set: NZUsize!(keys.len()),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
            public,
        )
        .await;
        network.start();
        let committee = Self {
            context: context.child("committee"),
            oracle,
            keys,
            namespace,
            genesis: LogBlock::new(genesis),
            timing,
            profile: Profile::Loopback,
            cut: BTreeMap::new(),
            link,
            votes: Mutex::default(),
        };
        let everybody: Vec<usize> = (0..committee.keys.len()).collect();
        committee.connect(&everybody, &everybody).await;
        committee
    }

    /// How many nodes.
    pub fn size(&self) -> usize {
        self.keys.len()
    }

    fn votes(&self, storage: &str) -> Arc<Record> {
        let mut votes = self.votes.lock().unwrap_or_else(PoisonError::into_inner);
        votes.entry(storage.to_string()).or_default().clone()
    }

    /// A node's key.
    pub fn public_key(&self, node: usize) -> PublicKey {
        self.keys[node].public_key()
    }

    /// The genesis block's digest.
    pub fn genesis(&self) -> Digest {
        self.genesis.id()
    }

    async fn connect(&self, left: &[usize], right: &[usize]) {
        for a in left {
            for b in right {
                if a != b {
                    // Linked already is fine.
                    drop(
                        self.oracle
                            .add_link(self.public_key(*a), self.public_key(*b), self.link.clone())
                            .await,
                    );
                }
            }
        }
    }

    /// Cuts the links between two groups, both ways.
    pub async fn cut(&mut self, left: &[usize], right: &[usize]) {
        for a in left {
            for b in right {
                for (from, to) in [(*a, *b), (*b, *a)] {
                    if self.cut.insert((from, to), ()).is_none() {
                        drop(
                            self.oracle
                                .remove_link(self.public_key(from), self.public_key(to))
                                .await,
                        );
                    }
                }
            }
        }
    }

    /// Restores all links.
    pub async fn heal(&mut self) {
        for (from, to) in std::mem::take(&mut self.cut).into_keys() {
            drop(
                self.oracle
                    .add_link(
                        self.public_key(from),
                        self.public_key(to),
                        self.link.clone(),
                    )
                    .await,
            );
        }
    }

    /// Which node blocked which, as positions.
    pub async fn blocked(&self) -> Vec<(usize, usize)> {
        let position = |key: &PublicKey| {
            self.keys
                .iter()
                .position(|k| &k.public_key() == key)
                .unwrap_or(usize::MAX)
        };
        self.oracle
            .blocked()
            .await
            .unwrap_or_default()
            .iter()
            .map(|(from, to)| (position(from), position(to)))
            .collect()
    }

    /// Starts a node's consensus half, or starts it again: `storage` names its disk.
    pub async fn start(
        &self,
        node: usize,
        storage: &str,
        parts: Parts,
    ) -> Result<Simulated, EngineError> {
        self.launch(node, storage, parts, None).await
    }

    /// Starts a whole node, or starts it again: its reconcilers run on the simulated clock, and draw
    /// what they need from the simulation's seed. As in a program, the node ends when they fail.
    pub async fn start_whole<M: StateMachine + HasLedger>(
        &self,
        node: usize,
        storage: &str,
        assembly: Assembly<M>,
        on_evidence: OnEvidence,
        clock: ClockOffset,
    ) -> Result<(Simulated, Reader<M>), EngineError> {
        let Assembly {
            identity,
            vault,
            machine,
            verifier,
            bodies,
        } = assembly;
        let (ledger, reader, ledger_task) = ledger(machine);
        let parts = Parts {
            ledger,
            ledger_task,
            verifier,
            bodies,
            on_evidence,
            clock,
        };
        let reads = reader.clone();
        let beside: Beside = Box::new(move |node, context| {
            let reconciler = Reconciler::new(identity, vault, node, reads);
            Box::pin(reconciler.run(SimulatedHost(context)))
        });
        let simulated = self.launch(node, storage, parts, Some(beside)).await?;
        Ok((simulated, reader))
    }

    async fn launch(
        &self,
        node: usize,
        storage: &str,
        parts: Parts,
        beside: Option<Beside>,
    ) -> Result<Simulated, EngineError> {
        let key = self.keys[node].clone();
        let control = self.oracle.control(key.public_key());
        let mut ends = Vec::new();
        for id in 0..channel::COUNT {
            let end = control
                .register(id, self.profile.quota(id))
                .await
                .map_err(|_| EngineError::Stopped)?;
            ends.push(end);
        }
        let channels = Channels::in_order(ends).ok_or(EngineError::Stopped)?;
        let committee: Set<PublicKey> =
            Set::from_iter_dedup(self.keys.iter().map(|key| key.public_key()));
        let setup = Setup {
            key,
            committee,
            namespace: self.namespace.clone(),
            genesis: self.genesis.clone(),
            profile: self.profile,
            timing: self.timing,
            limits: BlockLimits::V1,
            clock: parts.clock,
            partition: storage.to_string(),
            ledger: parts.ledger,
            ledger_task: parts.ledger_task,
            verifier: parts.verifier,
            bodies: parts.bodies,
            on_evidence: parts.on_evidence,
            votes: self.votes(storage),
        };
        let manager = self.oracle.manager();
        let (started, starting) = oneshot::channel();
        let handle = self
            .context
            .child("node")
            .with_attribute("index", node)
            .spawn(move |context| async move {
                let (node, mut tasks) =
                    engine::start(&context, setup, channels, manager, control).await?;
                if let Some(beside) = beside {
                    let acting = node.clone();
                    let handle = context
                        .child("reconcile")
                        .spawn(move |context| beside(acting, context));
                    tasks.watch("the reconcilers", handle, |error| error.to_string());
                }
                drop(started.send(node));
                Ok(tasks.ended().await)
            });
        match starting.await {
            Ok(node) => Ok(Simulated { node, handle }),
            Err(_) => Err(match handle.await {
                Ok(Err(error)) => error,
                _ => EngineError::Stopped,
            }),
        }
    }
}
