//! Running a node: everything put together, in the order in which each part may rely on those before.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use commonware_codec::DecodeExt as _;
use commonware_p2p::Address;
use tacit_ledger::LedgerError;
use tacit_protocol::block::Block;
use tacit_protocol::founding::{DEVELOPMENT_KEYS_WARNING, Timing as FoundedTiming};
use tacit_vault::{HostDisk, OsRandom, Vault, VaultError, harden_process};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use crate::api::{
    self, Api, Committee, CommitteeError, Limits, ListenError, Listener, NodeLog, ServerLimits,
    TlsError, Transport,
};
use crate::assembly::Assembly;
use crate::block::LogBlock;
use crate::engine::{PrivateKey, PublicKey};
use crate::evidence::Keeper;
use crate::home::{Home, HomeError, Opened, Settings};
use crate::limits::{Profile, Timing};
use crate::production::{self, NodeError};
use crate::reconcile::{Identity, ReconcileError, Reconciler, TokioHost};
use crate::time::NowMs;

/// How to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunOptions {
    /// Stop when stdin closes: whoever started this process is gone.
    pub exit_with_stdin: bool,
    /// Serve metrics at this address, which must be on loopback: they are for the operator alone.
    pub metrics: Option<SocketAddr>,
}

/// Why a node doesn't run, or no longer.
#[derive(Debug, Error)]
pub enum RunError {
    /// Its folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// What must be erasable.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The state.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Consensus.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// What it serves.
    #[error(transparent)]
    Committee(#[from] CommitteeError),
    /// Where it listens.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// How.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A certificate without its key, or the other way round, must not end in clear text.
    #[error("node.json names only one of tls_cert and tls_key: give both, or neither")]
    HalfTls,
    /// The reconcilers.
    #[error(transparent)]
    Reconcile(#[from] ReconcileError),
    /// A card's address.
    #[error("the card of {0} has no address of the form IP:PORT: ask for a new one")]
    Address(String),
    /// The operating system.
    #[error("the operating system refuses {0}: {1}")]
    System(&'static str, std::io::Error),
    /// A part ended that never should.
    #[error("{0} ended unexpectedly")]
    Ended(&'static str),
}

fn members(opened: &Opened) -> Result<Vec<(PublicKey, Address)>, RunError> {
    opened
        .cards
        .iter()
        .map(|signed| {
            let card = &signed.card;
            let address: SocketAddr = card
                .p2p
                .parse()
                .map_err(|_| RunError::Address(card.operator.name.clone()))?;
            let key = PublicKey::decode(Bytes::copy_from_slice(&card.operator.key.0))
                .map_err(|_| RunError::Address(card.operator.name.clone()))?;
            Ok((key, Address::Symmetric(address)))
        })
        .collect()
}

/// Runs the node in `home` until it is told to stop, or can't go on. Blocks.
pub fn run(home: &Home, options: &RunOptions) -> Result<(), RunError> {
    harden_process().map_err(|e| RunError::System("to switch core dumps off", e))?;
    // Nobody else on this machine has any business in a node's files.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let opened = home.open()?;
    // Before anything starts: a node that half starts may have voted.
    let transport = transport(&opened.settings)?;
    let founding = opened.founding.founding.clone();
    info!(node = opened.node, committee = %opened.fingerprint, nodes = founding.nodes(), "starting");
    if founding.development_keys() {
        warn!("{DEVELOPMENT_KEYS_WARNING}");
    }
    for transcript in founding.transcripts() {
        info!(%transcript, "the keys are a ceremony's");
    }
    let vault = Arc::new(Vault::open(
        home.erasable(),
        Arc::new(HostDisk),
        Box::new(OsRandom),
    )?);
    let Assembly {
        identity,
        vault,
        machine,
        verifier,
        bodies,
    } = Assembly::new(
        Identity {
            node: opened.node,
            key: opened.key.clone(),
            fingerprint: opened.fingerprint,
        },
        vault,
        &home.database(),
        &founding,
        &opened.verifying_key.1,
    )?;
    let members = members(&opened)?;
    let key = PrivateKey::decode(Bytes::copy_from_slice(opened.key.expose()))
        .map_err(|_| HomeError::NotAnOperator)?;
    let profile = if founding.timing == FoundedTiming::LOOPBACK {
        Profile::Loopback
    } else {
        Profile::Wan
    };
    let config = production::Config {
        key,
        members,
        listen: opened.settings.listen_p2p,
        any_address: opened.settings.behind_proxy,
        fingerprint: opened.fingerprint,
        genesis: LogBlock::new(Block::genesis(&founding)),
        profile,
        timing: Timing::founded(profile, &founding.timing),
        engine_folder: home.engine(),
    };
    let (evidence, on_evidence) = Keeper::start(&home.evidence(), &founding)
        .map_err(|e| RunError::System("the file of evidence", e))?;
    let (running, reader) = production::start(config, machine, verifier, bodies, on_evidence)?;

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("api")
        .enable_all()
        .build()
        .map_err(|e| RunError::System("threads", e))?;
    let reconciler = Reconciler::new(identity, vault, running.node().clone(), reader.clone());
    // The vault's calls block on the disk, so the reconcilers have a thread of their own.
    let (failed, mut failures) = mpsc::channel::<ReconcileError>(1);
    let (stop_reconciling, mut stopped) = oneshot::channel::<()>();
    let handle = runtime.handle().clone();
    let reconciling = thread::Builder::new()
        .name("reconcile".into())
        .spawn(move || {
            let ended = handle.block_on(async {
                tokio::select! {
                    error = reconciler.run(TokioHost::new()) => Some(error),
                    _ = &mut stopped => None,
                }
            });
            if let Some(error) = ended {
                drop(failed.blocking_send(error));
            }
        })
        .map_err(|e| RunError::System("a thread", e))?;

    let apis = opened
        .cards
        .iter()
        .map(|c| Some(c.card.api.clone()))
        .collect();
    let committee = Committee::new(
        opened.founding,
        apis,
        opened.verifying_key.0,
        opened.proving_key,
    )?;
    let log = Arc::new(NodeLog::new(running.node().clone(), reader));
    let now: NowMs = Arc::new(|| crate::time::millis(std::time::SystemTime::now()));
    let api = Api::new(committee, log, now, Limits::default());
    let settings = opened.settings;
    let outcome = runtime.block_on(async {
        let listener = Listener::bind(settings.listen_api, transport).await?;
        info!(api = %listener.address(), p2p = %settings.listen_p2p, "listening");
        let metrics = match options.metrics {
            Some(address) => {
                let listener = Listener::bind(address, Transport::Plain).await?;
                info!(metrics = %listener.address(), "listening");
                let router = api::metrics(running.metrics());
                let server = api::serve(listener, router, ServerLimits::default(), std::future::pending());
                Some(tokio::spawn(server))
            }
            None => None,
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(api::serve(listener, api.router(), ServerLimits::default(), async {
            drop(stopped.await);
        }));
        let mut ended = running.ended();
        let outcome = tokio::select! {
            error = failures.recv() => Err(error.map_or(RunError::Ended("the reconcilers"), RunError::Reconcile)),
            _ = ended.wait_for(|ended| *ended) => Ok(()),
            () = told_to_stop(options.exit_with_stdin) => Ok(()),
        };
        info!("stopping");
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        // Those who wait for finality are told; requests under way get their answers first.
        api.stop();
        let _ = stop.send(());
        drop(server.await);
        outcome
    });
    // The reconcilers wait on the runtime's clock, so they go first.
    let _ = stop_reconciling.send(());
    let reconciled = reconciling.join();
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    let node = running.stop();
    evidence.finish();
    outcome?;
    node?;
    reconciled.map_err(|_| RunError::Ended("a reconciler"))?;
    info!("stopped");
    Ok(())
}

/// How clients connect, by the settings.
fn transport(settings: &Settings) -> Result<Transport, RunError> {
    match (&settings.tls_cert, &settings.tls_key, settings.behind_proxy) {
        (Some(cert), Some(key), _) => Ok(Transport::Tls(api::tls(cert, key)?)),
        (None, None, true) => Ok(Transport::BehindProxy),
        (None, None, false) => Ok(Transport::Plain),
        _ => Err(RunError::HalfTls),
    }
}

/// Resolves at SIGTERM or SIGINT, or when stdin closes if that is how its parent says it: how every
/// service of this program is told to stop.
pub async fn told_to_stop(with_stdin: bool) {
    let mut terminate =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let stdin = async {
        if !with_stdin {
            return std::future::pending().await;
        }
        // A thread, since a blocked read of stdin would keep the runtime from shutting down.
        let (closed, wait) = tokio::sync::oneshot::channel();
        thread::spawn(move || {
            let mut sink = [0u8; 64];
            while std::io::stdin().read(&mut sink).is_ok_and(|n| n > 0) {}
            let _ = closed.send(());
        });
        drop(wait.await);
    };
    let term = async {
        match terminate.as_mut() {
            Some(t) => drop(t.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = stdin => {}
        () = term => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
