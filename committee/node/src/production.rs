//! A node on the tokio runtime with authenticated connections, on threads of its own.
//!
//! Commonware's runner owns its runtime, so it gets a thread; what the HTTP side needs are the
//! [`Node`]'s handles, which work from any runtime. Everything that instantiates the consensus stack
//! for tokio is in the one non-generic function here.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc, thread};

use commonware_cryptography::{ChaCha20Poly1305, Signer as _};
use commonware_p2p::{
    Address, AddressableManager as _,
    authenticated::lookup::{self, Network},
};
use commonware_runtime::{
    Metrics as _, Quota, Runner as _, Spawner as _, Supervisor as _, tokio as runtime,
};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{
    NZU32,
    ordered::{Map, Set},
};
use futures::future::{Either, select};
use tacit_protocol::{certificate, ids::Fingerprint};
use thiserror::Error;
use tokio::sync::oneshot;
use tracing::{error, info};

use crate::{
    block::LogBlock,
    engine::{self, Channels, EngineError, Node, PrivateKey, PublicKey, Setup},
    evidence::OnEvidence,
    ledger::{Ledger, LedgerTask, Reader, ledger},
    limits::{self, BlockLimits, Profile, Timing, TimingError, channel},
    machine::{BodyStore, ProofVerifier, StateMachine},
    storage::{self, Locked, StorageError},
    time::ClockOffset,
    watch::{Follower, Publisher},
};

/// Where and as whom a node runs.
pub struct Config {
    /// The node's key.
    pub key: PrivateKey,
    /// All members, this node included, with the addresses at which they are reached.
    pub members: Vec<(PublicKey, Address)>,
    /// Where this node listens for other nodes.
    pub listen: SocketAddr,
    /// Accept members from any address (behind NAT or in containers). Keys are checked either way.
    pub any_address: bool,
    /// The committee.
    pub fingerprint: Fingerprint,
    /// The block at height 0.
    pub genesis: LogBlock,
    /// Quotas and connection settings.
    pub profile: Profile,
    /// The founding file's times: [`Timing::founded`].
    pub timing: Timing,
    /// The engine's folder, marked by [`storage::initialize`].
    pub engine_folder: PathBuf,
}

/// Why a node doesn't run.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The engine's folder.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The times.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The wiring.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Fewer than four or too many members, or one twice.
    #[error("the committee's member list is not valid: {0}")]
    Members(&'static str),
    /// The node's port can't be had.
    #[error("can't listen for other nodes at {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        error: std::io::Error,
    },
    /// A task ended.
    #[error(transparent)]
    Ended(#[from] engine::Ended),
    /// The thread panicked: a disk failed, or a bug.
    #[error("the consensus thread panicked")]
    Panicked,
}

/// A node that runs on its own threads.
pub struct Running {
    node: Node,
    stop: Option<oneshot::Sender<()>>,
    ended: Follower<bool>,
    metrics: Arc<dyn Fn() -> String + Send + Sync>,
    thread: thread::JoinHandle<Result<(), NodeError>>,
}

impl Running {
    /// The handles.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The engine's metrics as Prometheus text.
    pub fn metrics(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        self.metrics.clone()
    }

    /// Becomes true (or closes) when the node has ended, asked or not.
    pub fn ended(&self) -> Follower<bool> {
        self.ended.clone()
    }

    /// Stops the node and waits for it. Also how to learn why it ended by itself. Blocks.
    pub fn stop(mut self) -> Result<(), NodeError> {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        self.thread.join().map_err(|_| NodeError::Panicked)?
    }
}

/// Starts a node and returns when it runs: its storage is open and its database has caught up with
/// it. Blocks meanwhile. Takes the folder's lock first.
pub fn start<M: StateMachine>(
    config: Config,
    machine: M,
    verifier: Arc<dyn ProofVerifier>,
    bodies: Arc<dyn BodyStore>,
    on_evidence: OnEvidence,
) -> Result<(Running, Reader<M>), NodeError> {
    let (handle, reader, task) = ledger(machine);
    let running = launch(config, handle, task, verifier, bodies, on_evidence)?;
    Ok((running, reader))
}

/// Not generic, so that programs and tests link the one copy.
fn launch(
    config: Config,
    ledger: Ledger,
    ledger_task: LedgerTask,
    verifier: Arc<dyn ProofVerifier>,
    bodies: Arc<dyn BodyStore>,
    on_evidence: OnEvidence,
) -> Result<Running, NodeError> {
    config.timing.check()?;
    let folder = storage::open(&config.engine_folder, &config.fingerprint)?;
    // The network only logs it if it can't listen; find out now, while someone is looking.
    drop(
        std::net::TcpListener::bind(config.listen).map_err(|error| NodeError::Listen {
            address: config.listen,
            error,
        })?,
    );
    let members: Map<PublicKey, Address> = config
        .members
        .clone()
        .try_into()
        .map_err(|_| NodeError::Members("a member is listed twice"))?;
    let size = u32::try_from(members.len())
        .ok()
        .filter(|n| *n >= 4)
        .ok_or(NodeError::Members("a committee has at least four members"))?;
    let committee: Set<PublicKey> = members.clone().into_keys();
    let network = network_config(&config, &committee, size)?;
    let setup = Setup {
        key: config.key,
        committee,
        namespace: certificate::namespace(&config.fingerprint),
        genesis: config.genesis,
        profile: config.profile,
        timing: config.timing,
        limits: BlockLimits::V1,
        clock: ClockOffset::default(),
        partition: "tacit".to_string(),
        ledger,
        ledger_task,
        verifier,
        bodies,
        on_evidence,
        votes: Arc::new(folder.voted()?),
    };
    let (started, starting) = std::sync::mpsc::channel();
    let (stop, stopping) = oneshot::channel();
    let end = Publisher::new(false);
    let ended = end.follow();
    let profile = config.profile;
    let thread = thread::Builder::new()
        .name("consensus".to_string())
        .spawn(move || {
            let runner = runtime::Runner::new(
                runtime::Config::new()
                    .with_storage_directory(folder.store())
                    .with_worker_threads(limits::WORKER_THREADS)
                    .with_tcp_nodelay(Some(true)),
            );
            let result = runner
                .start(|context| run(context, setup, network, members, profile, started, stopping));
            unlock(folder);
            match &result {
                Ok(()) => info!("the node has stopped"),
                Err(error) => error!(%error, "the node has ended"),
            }
            end.publish(true);
            result
        })
        .map_err(|error| StorageError::Io {
            path: config.engine_folder.clone(),
            error,
        })?;
    match starting.recv() {
        Ok((node, metrics)) => Ok(Running {
            node,
            stop: Some(stop),
            ended,
            metrics,
            thread,
        }),
        // The sender is gone: it didn't start.
        Err(_) => match thread.join().map_err(|_| NodeError::Panicked)? {
            Ok(()) => Err(NodeError::Engine(EngineError::Stopped)),
            Err(error) => Err(error),
        },
    }
}

/// The lock is held until the engine's storage is closed.
fn unlock(folder: Locked) {
    drop(folder);
}

type Handshake = Cups<Sake<PrivateKey>, ChaCha20Poly1305>;

fn network_config(
    config: &Config,
    committee: &Set<PublicKey>,
    size: u32,
) -> Result<lookup::Config<Handshake>, NodeError> {
    if committee.position(&config.key.public_key()).is_none() {
        return Err(EngineError::NotAMember.into());
    }
    let handshake = Cups::new(
        Sake {
            signer: config.key.clone(),
            synchrony_bound: limits::HANDSHAKE_SKEW,
            max_handshake_age: limits::HANDSHAKE_AGE,
            version: sake::Version::V1,
        },
        cups::Version::V1,
    );
    let block_limits = BlockLimits::V1;
    // Whatever must be equal on all nodes is in here: nodes that differ can't connect.
    let mut namespace = certificate::namespace(&config.fingerprint);
    namespace.extend_from_slice(b"-p2p-");
    namespace.extend_from_slice(block_limits.digest().as_ref());
    let peers = NonZeroUsize::new(committee.len()).ok_or(NodeError::Members("it is empty"))?;
    let max_message_size = block_limits.max_message_size(size);
    let mut network = match config.profile {
        Profile::Loopback => lookup::Config::local(
            handshake,
            &namespace,
            config.listen,
            peers,
            max_message_size,
            limits::MAILBOX_SIZE,
        ),
        Profile::Wan => {
            let mut network = lookup::Config::recommended(
                handshake,
                &namespace,
                config.listen,
                peers,
                max_message_size,
                limits::MAILBOX_SIZE,
            );
            // Operators may meet in a private network; keys are what authenticates.
            network.allow_private_ips = true;
            network.peer_connection_cooldown = limits::RECONNECT_COOLDOWN;
            network.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(4));
            network
        }
    };
    network.bypass_ip_check = config.any_address;
    network.tracked_peer_sets = limits::TRACKED_PEER_SETS;
    Ok(network)
}

type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

async fn run(
    context: runtime::Context,
    setup: Setup,
    network: lookup::Config<Handshake>,
    members: Map<PublicKey, Address>,
    profile: Profile,
    started: std::sync::mpsc::Sender<(Node, Metrics)>,
    stopping: oneshot::Receiver<()>,
) -> Result<(), NodeError> {
    let (mut network, mut oracle) = Network::new(context.child("network"), network);
    oracle.track(0, members);
    let ends = (0..channel::COUNT).map(|id| network.register(id, profile.quota(id)));
    let channels =
        Channels::in_order(ends.collect::<Vec<_>>()).ok_or(NodeError::Members("no channels"))?;
    let (node, mut tasks) =
        engine::start(&context, setup, channels, oracle.clone(), oracle).await?;
    tasks.watch("the network", network.start(), |()| {
        "it stopped".to_string()
    });
    let encoder = context.child("metrics");
    let metrics: Metrics = Arc::new(move || encoder.encode());
    drop(started.send((node, metrics)));
    let ended = Box::pin(tasks.ended());
    let result = match select(ended, stopping).await {
        Either::Left((ended, _)) => Err(ended.into()),
        // Asked to stop, or nobody is left to ask.
        Either::Right(_) => Ok(()),
    };
    if let Err(error) = context.stop(0, Some(limits::STOP_TIMEOUT)).await {
        error!(%error, "some tasks did not stop in time");
    }
    result
}
