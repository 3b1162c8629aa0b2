//! The wiring: from channels and a state machine to a running node, on any runtime.
//!
//! A node's tasks live and die together: [`Tasks::ended`] resolves with the first one that ends, and
//! whoever runs the node then stops it, loudly. Before anything runs, the engine's storage is held
//! against the database, because an engine that forgot its votes may sign contradicting ones.

use std::{num::NonZeroU64, sync::Arc};

use commonware_actor::Feedback;
use commonware_broadcast::buffered;
pub use commonware_consensus::simplex::scheme::ed25519::Scheme;
use commonware_consensus::{
    Reporter, Reporters,
    marshal::{
        self, Start, Update,
        core::{Actor, Processed},
        resolver,
        standard::{Inline, Standard},
    },
    simplex::{self, config as simplex_config, elector::RoundRobin, types::Finalization},
    types::{Epoch, FixedEpocher, ViewDelta},
};
use commonware_cryptography::{
    Sha256, Signer as _,
    certificate::{ConstantProvider, Verifier as _},
    ed25519, sha256,
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::{Clock, Handle, Metrics, Spawner, Storage, buffer::paged::CacheRef};
use commonware_storage::archive::{Archive as _, Identifier, immutable};
use commonware_utils::{NonZeroDuration, acknowledgement::Exact, ordered::Set};
use futures::{
    FutureExt as _,
    future::{BoxFuture, select_all},
};
use rand_core::CryptoRng;
use thiserror::Error;
use tracing::{error, info};

use crate::{
    application::LogApplication,
    block::LogBlock,
    bodies::{Bodies, BodyKeeper},
    certificates::Archive,
    evidence::{OnEvidence, Witness},
    ledger::{Acknowledge, Delivery, Ledger, LedgerTask},
    limits::{self, BlockLimits, Profile, Timing, TimingError},
    machine::{BodyStore, ProofVerifier},
    mempool::{Admitter, Gossiper, Mempool, PeerView},
    proofs::Proofs,
    time::{ClockOffset, NowMs},
    watch::{Follower, Publisher},
};

/// A node's identity and vote key.
pub type PrivateKey = ed25519::PrivateKey;
/// Names a node.
pub type PublicKey = ed25519::PublicKey;
/// A block's digest, as the engine has it.
pub type Sha256Digest = sha256::Digest;

/// What runtimes have that a node needs.
pub trait Runtime: Clock + CryptoRng + Metrics + Spawner + Storage + Sync {}
impl<E: Clock + CryptoRng + Metrics + Spawner + Storage + Sync> Runtime for E {}

/// Everything about a node but its runtime and network.
pub struct Setup {
    /// The node's key. A member's.
    pub key: PrivateKey,
    /// All members' keys.
    pub committee: Set<PublicKey>,
    /// Namespace of votes and certificates: `tacit_protocol::certificate::namespace`.
    pub namespace: Vec<u8>,
    /// The block at height 0.
    pub genesis: LogBlock,
    /// Quotas.
    pub profile: Profile,
    /// Times.
    pub timing: Timing,
    /// Sizes.
    pub limits: BlockLimits,
    /// How wrong this node's clock is: zero but in simulations.
    pub clock: ClockOffset,
    /// Prefix of the engine's storage partitions: letters, digits, `-`, `_`.
    pub partition: String,
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
}

/// A channel's two ends.
pub type Ends<S, R> = (S, R);

/// The registered channels, numbered as in [`limits::channel`].
pub struct Channels<S, R> {
    /// Votes.
    pub votes: Ends<S, R>,
    /// Certificates.
    pub certificates: Ends<S, R>,
    /// Simplex's fetching.
    pub certificate_fetch: Ends<S, R>,
    /// Blocks.
    pub blocks: Ends<S, R>,
    /// Marshal's backfill.
    pub backfill: Ends<S, R>,
    /// Entries.
    pub entries: Ends<S, R>,
    /// Sealed bodies.
    pub bodies: Ends<S, R>,
}

impl<S, R> Channels<S, R> {
    /// Orders what `register` returned for channels 0, 1, 2, …
    pub fn in_order(ends: impl IntoIterator<Item = Ends<S, R>>) -> Option<Self> {
        let mut ends = ends.into_iter();
        Some(Self {
            votes: ends.next()?,
            certificates: ends.next()?,
            certificate_fetch: ends.next()?,
            blocks: ends.next()?,
            backfill: ends.next()?,
            entries: ends.next()?,
            bodies: ends.next()?,
        })
    }
}

/// Why a node doesn't start.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The key isn't a member's.
    #[error("this node's key is not in the committee")]
    NotAMember,
    /// The times can't work.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The engine's storage can't be opened or read.
    #[error("the engine's storage can't be opened: {0}")]
    Storage(#[from] commonware_storage::archive::Error),
    /// The engine's storage lacks what the database has: it was deleted or restored from a copy.
    #[error(
        "the consensus storage is behind the database, which is at block {database}: it was lost or \
         restored from a copy, and a node that forgot its votes could contradict them"
    )]
    EngineBehind {
        /// The database's height.
        database: u64,
    },
    /// The engine's storage and the database hold different logs.
    #[error("the consensus storage and the database disagree about block {height}")]
    OtherLog {
        /// Where.
        height: u64,
    },
    /// The engine has delivered blocks that the database lacks, and doesn't have them any more.
    #[error("the consensus storage lacks block {height}, which the database needs")]
    Missing {
        /// Which one.
        height: u64,
    },
    /// A task ended during the start.
    #[error("the node stopped while starting")]
    Stopped,
}

/// What a node's task ended with.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{task} ended: {reason}")]
pub struct Ended {
    /// The task.
    pub task: &'static str,
    /// Why, if it is known.
    pub reason: String,
}

/// The tasks of a running node.
pub struct Tasks(Vec<BoxFuture<'static, Ended>>);

impl Tasks {
    /// Adds a task.
    pub fn watch<T: Send + 'static>(
        &mut self,
        task: &'static str,
        handle: Handle<T>,
        reason: impl Fn(T) -> String + Send + 'static,
    ) {
        let ended = handle.map(move |result| Ended {
            task,
            reason: match result {
                Ok(value) => reason(value),
                Err(error) => error.to_string(),
            },
        });
        self.0.push(ended.boxed());
    }

    /// Resolves when the first task ends, which ends the node.
    pub async fn ended(self) -> Ended {
        let (ended, ..) = select_all(self.0).await;
        error!(task = ended.task, reason = %ended.reason, "a task of the node ended");
        ended
    }
}

/// The newest finalized block that the engine has heard of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// Its height.
    pub height: u64,
    /// When it was heard of by this node's clock: milliseconds since 1970; 0 if never.
    pub seen_ms: u64,
}

/// How a node is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Height of the database.
    pub applied: u64,
    /// Time of that block, milliseconds since 1970.
    pub applied_ms: u64,
    /// The newest finalized block heard of.
    pub tip: Tip,
    /// Members that were heard lately.
    pub peers: Vec<PeerView>,
    /// Entries that wait, and their bytes.
    pub pending: (usize, usize),
}

/// A running node's handles. Cheap to clone; they work from any runtime.
#[derive(Clone)]
pub struct Node {
    /// Takes entries.
    pub mempool: Mempool,
    /// Follows the applied height.
    pub ledger: Ledger,
    /// Fetches sealed bodies.
    pub bodies: Bodies,
    /// Certificates and finalized blocks.
    pub archive: Archive,
    tip: Follower<Tip>,
}

impl Node {
    /// How the node is doing.
    pub fn status(&self) -> Status {
        let applied = self.ledger.applied();
        Status {
            applied: applied.height,
            applied_ms: applied.timestamp_ms,
            tip: self.tip.get(),
            peers: self.mempool.peers(),
            pending: self.mempool.pending(),
        }
    }
}

/// Receives finalized blocks from the engine. Must only enqueue.
#[derive(Clone)]
struct Sink {
    ledger: Ledger,
    tip: Arc<Publisher<Tip>>,
    now: NowMs,
}

impl Reporter for Sink {
    type Activity = Update<LogBlock, Exact>;

    fn report(&mut self, update: Self::Activity) -> Feedback {
        match update {
            Update::Tip(_, height, _) => {
                self.tip.publish(Tip {
                    height: height.get(),
                    seen_ms: (self.now)(),
                });
                Feedback::Ok
            }
            Update::Block(block, acknowledgement) => {
                let delivery = Delivery {
                    block: block.inner_shared(),
                    acknowledge: Acknowledge::Engine(acknowledgement),
                };
                match self.ledger.deliver(delivery) {
                    Ok(()) => Feedback::Ok,
                    Err(_) => Feedback::Closed,
                }
            }
        }
    }
}

type Certificates<E> = immutable::Archive<E, Sha256Digest, Finalization<Scheme, Sha256Digest>>;
type Blocks<E> = immutable::Archive<E, Sha256Digest, Arc<LogBlock>>;

fn archive_config<C>(
    prefix: &str,
    name: &str,
    pages: &CacheRef,
    codec_config: C,
) -> immutable::Config<C> {
    let partition = |part: &str| format!("{prefix}-{name}-{part}");
    immutable::Config {
        metadata_partition: partition("metadata"),
        freezer_table_partition: partition("table"),
        freezer_table_initial_size: limits::ARCHIVE_TABLE,
        freezer_table_resize_frequency: limits::ARCHIVE_RESIZE_FREQUENCY,
        freezer_table_resize_chunk_size: limits::ARCHIVE_RESIZE_CHUNK,
        freezer_key_partition: partition("key"),
        freezer_key_page_cache: pages.clone(),
        freezer_value_partition: partition("value"),
        freezer_value_target_size: limits::ARCHIVE_VALUE_BYTES,
        freezer_value_compression: None,
        ordinal_partition: partition("ordinal"),
        items_per_section: limits::ARCHIVE_SECTION,
        codec_config,
        replay_buffer: limits::BUFFER_BYTES,
        freezer_key_write_buffer: limits::BUFFER_BYTES,
        freezer_value_write_buffer: limits::BUFFER_BYTES,
        ordinal_write_buffer: limits::BUFFER_BYTES,
    }
}

/// Holds the engine's archive against the database, and brings the database up to the archive: the
/// engine won't deliver again what was acknowledged, and what was delivered but not committed can
/// be had here at once.
async fn reconcile<E: Runtime>(
    blocks: &Blocks<E>,
    genesis: &LogBlock,
    ledger: &Ledger,
) -> Result<(), EngineError> {
    let applied = ledger.applied();
    let known = if applied.height == 0 {
        genesis.id()
    } else {
        blocks
            .get(Identifier::Index(applied.height))
            .await?
            .ok_or(EngineError::EngineBehind {
                database: applied.height,
            })?
            .id()
    };
    if known != applied.digest {
        return Err(EngineError::OtherLog {
            height: applied.height,
        });
    }
    let mut replayed = 0u64;
    for height in applied.height + 1.. {
        let Some(block) = blocks.get(Identifier::Index(height)).await? else {
            break;
        };
        ledger
            .replay(block)
            .await
            .map_err(|_| EngineError::Stopped)?;
        replayed += 1;
    }
    if replayed > 0 {
        info!(
            from = applied.height + 1,
            blocks = replayed,
            "applied finalized blocks from the consensus storage"
        );
    }
    Ok(())
}

/// Starts a node on a runtime and a network. Returns its handles and its tasks; the tasks are
/// children of `context`.
pub async fn start<E, S, R, P, B>(
    context: &E,
    setup: Setup,
    channels: Channels<S, R>,
    peers: P,
    blocker: B,
) -> Result<(Node, Tasks), EngineError>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    P: Provider<PublicKey = PublicKey> + Sync,
    B: Blocker<PublicKey = PublicKey> + Sync,
{
    let Setup {
        key,
        committee,
        namespace,
        genesis,
        profile,
        timing,
        limits,
        clock,
        partition,
        ledger,
        ledger_task,
        verifier,
        bodies: store,
        on_evidence,
    } = setup;
    timing.check()?;
    let fetch_timeout = NonZeroDuration::new(timing.fetch_timeout)
        .ok_or(TimingError::Zero("the fetch time-out"))?;
    let public_key = key.public_key();
    let scheme = Scheme::signer(&namespace, committee, key).ok_or(EngineError::NotAMember)?;
    let epocher = FixedEpocher::new(NonZeroU64::MAX);
    let pages = CacheRef::new(limits::PAGE_BYTES, limits::PAGES);
    let mut tasks = Tasks(Vec::new());

    // Memory around the ledger, then the ledger itself, on a thread of its own.
    let clock_context = context.child("clock");
    let now: NowMs = Arc::new(move || clock.now(&clock_context));
    let (mempool, incoming) = Mempool::new(limits, now.clone());
    let (bodies, body_queue) = Bodies::new();
    let proofs = Proofs::new(verifier);
    let on_commit = {
        let (mempool, bodies) = (mempool.clone(), bodies.clone());
        Box::new(
            move |block: &Arc<LogBlock>, committed: crate::machine::Committed| {
                // Bodies first: the mempool forgets them with their entries.
                let needs = committed.bodies.into_iter();
                bodies.keep_with(
                    needs
                        .map(|need| {
                            let body = mempool.body(&need.key);
                            (need, body)
                        })
                        .collect(),
                );
                mempool.finalized(block);
            },
        )
    };
    let ledger_future = ledger_task.run(on_commit);
    let ledger_handle = context
        .child("ledger")
        .dedicated()
        .spawn(move |_| ledger_future);
    tasks.watch("the ledger", ledger_handle, |result| match result {
        Ok(()) => "nobody is left to ask it".to_string(),
        Err(error) => error.to_string(),
    });

    // The archives, held against the database before anything is delivered or voted.
    let finalizations: Certificates<E> = immutable::Archive::init(
        context.child("finalizations"),
        archive_config(
            &partition,
            "finalizations",
            &pages,
            Scheme::certificate_codec_config_unbounded(),
        ),
    )
    .await?;
    let blocks: Blocks<E> = immutable::Archive::init(
        context.child("blocks"),
        archive_config(&partition, "blocks", &pages, limits),
    )
    .await?;
    reconcile::<E>(&blocks, &genesis, &ledger).await?;

    // Marshal: dissemination, backfill, archive, ordered delivery.
    let (buffer_engine, buffer) = buffered::Engine::new(
        context.child("buffer"),
        buffered::Config {
            public_key: public_key.clone(),
            mailbox_size: limits::MAILBOX_SIZE,
            deque_size: limits::BUFFERED_BLOCKS_PER_PEER,
            priority: false,
            codec_config: limits,
            peer_provider: peers.clone(),
            strategy: Sequential,
        },
    );
    let genesis_digest = commonware_cryptography::Digestible::digest(&genesis);
    let (marshal, mailbox, floor) = Actor::<_, Standard<LogBlock>, _, _, _, _, _>::init(
        context.child("marshal"),
        finalizations,
        blocks,
        marshal::Config {
            provider: ConstantProvider::<Scheme, Epoch>::new(scheme.clone()),
            epocher: epocher.clone(),
            start: Start::Genesis(genesis.sealed()),
            partition_prefix: format!("{partition}-marshal"),
            mailbox_size: limits::MAILBOX_SIZE,
            view_retention: ViewDelta::new(limits::VIEW_RETENTION),
            prunable_items_per_section: limits::CACHE_SECTION,
            page_cache: pages.clone(),
            replay_buffer: limits::BUFFER_BYTES,
            key_write_buffer: limits::BUFFER_BYTES,
            value_write_buffer: limits::BUFFER_BYTES,
            block_codec_config: limits,
            max_repair: limits::MAX_REPAIR,
            max_pending_acks: limits::MAX_PENDING_ACKS,
            strategy: Sequential,
        },
    )
    .await;
    let processed = floor
        .processed()
        .map_or(0, |processed| Processed::height(processed).get());
    let applied = ledger.applied().height;
    if applied < processed {
        return Err(EngineError::Missing {
            height: applied + 1,
        });
    }
    info!(
        applied,
        processed, "the database and the consensus storage agree"
    );
    let resolver = resolver::p2p::init(
        context.child("backfill"),
        resolver::p2p::Config {
            public_key: public_key.clone(),
            peer_provider: peers,
            blocker: blocker.clone(),
            mailbox_size: limits::MAILBOX_SIZE,
            fetch_timeout,
            fetch_retry_delay: timing.fetch_retry,
            priority_requests: false,
            priority_responses: false,
        },
        channels.backfill,
    );
    let publisher = Arc::new(Publisher::new(Tip::default()));
    let tip = publisher.follow();
    let sink = Sink {
        ledger: ledger.clone(),
        tip: publisher,
        now,
    };
    let nothing = |()| "it stopped".to_string();
    tasks.watch(
        "the block buffer",
        buffer_engine.start(channels.blocks),
        nothing,
    );
    tasks.watch("marshal", marshal.start(sink, buffer, resolver), nothing);

    // Our own channels.
    let admitter = Admitter {
        pool: mempool.pool().clone(),
        ledger: ledger.clone(),
        proofs: proofs.clone(),
        bodies: store.clone(),
        incoming,
    };
    let handle = context
        .child("admission")
        .spawn(move |context| admitter.run(context));
    tasks.watch("admission", handle, nothing);
    let (sender, receiver) = channels.entries;
    let gossiper = Gossiper {
        mempool: mempool.clone(),
        ledger: ledger.clone(),
        sender,
        receiver,
        pause: profile.push_pause(),
    };
    let handle = context
        .child("gossip")
        .spawn(move |context| gossiper.run(context));
    tasks.watch("gossip", handle, nothing);
    let keeper = BodyKeeper::new(store, mempool.clone(), channels.bodies, body_queue);
    let handle = context
        .child("bodies")
        .dedicated()
        .spawn(move |context| keeper.run(context));
    tasks.watch("the body keeper", handle, |result| match result {
        Ok(()) => "it stopped".to_string(),
        Err(error) => error.to_string(),
    });

    // Consensus.
    let application = LogApplication {
        ledger: ledger.clone(),
        mempool: mempool.clone(),
        proofs,
        bodies: bodies.clone(),
        marshal: mailbox.clone(),
        limits,
        timing,
        clock,
    };
    let archive = Archive::new(mailbox.clone());
    let inline = Inline::new(context.child("application"), application, mailbox, epocher);
    let witness = Witness::new(context.child("witness"), scheme.clone(), on_evidence);
    let engine = simplex::Engine::new(
        context.child("simplex"),
        simplex_config::Config {
            scheme,
            elector: RoundRobin::<Sha256>::default(),
            blocker,
            automaton: inline.clone(),
            relay: inline.clone(),
            reporter: Reporters::from((inline, witness)),
            track_historical_votes: false,
            strategy: Sequential,
            partition: format!("{partition}-simplex-0"),
            mailbox_size: limits::MAILBOX_SIZE,
            epoch: Epoch::zero(),
            floor: simplex_config::Floor::Genesis(genesis_digest),
            replay_buffer: limits::BUFFER_BYTES,
            write_buffer: limits::BUFFER_BYTES,
            page_cache: pages,
            leader_timeout: timing.leader_timeout,
            certification_timeout: timing.certification_timeout,
            timeout_retry: timing.timeout_retry,
            view_retention: ViewDelta::new(limits::VIEW_RETENTION),
            skip: simplex_config::SkipPolicy::Enabled {
                timeout: timing.skip_timeout,
                budget: simplex_config::SkipBudget::Participants,
            },
            fetch_timeout,
            fetch_retry_delay: timing.fetch_retry,
            forward: simplex_config::ForwardPolicy::SilentVoters,
        },
    );
    let handle = engine.start(
        channels.votes,
        channels.certificates,
        channels.certificate_fetch,
    );
    tasks.watch("simplex", handle, nothing);

    let node = Node {
        mempool,
        ledger,
        bodies,
        archive,
        tip,
    };
    Ok((node, tasks))
}
