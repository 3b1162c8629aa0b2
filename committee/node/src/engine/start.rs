//! Starting a node: every part in the order in which it may rely on those before.

use std::{collections::BTreeSet, num::NonZeroU64, sync::Arc};

use commonware_actor::Feedback;
use commonware_broadcast::buffered;
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
    certificate::{ConstantProvider, Scheme as _, Verifier as _},
};
use commonware_p2p::{Blocker, Provider, Receiver, Sender};
use commonware_parallel::Sequential;
use commonware_runtime::buffer::paged::CacheRef;
use commonware_storage::archive::{Archive as _, Identifier, immutable};
use commonware_utils::{NonZeroDuration, acknowledgement::Exact};
use futures::future::pending;
use tokio::sync::oneshot;
use tracing::info;

use super::{
    Channels, EngineError, Node, PublicKey, Runtime, Scheme, Setup, Sha256Digest, Tasks, Tip,
    votes as record,
};
use crate::{
    application::LogApplication,
    block::LogBlock,
    bodies::{Bodies, BodyKeeper},
    certificates::Archive,
    evidence::{Elsewhere, OwnVotes, Witness},
    ledger::{Acknowledge, Delivery, Ledger},
    limits::{self, TimingError},
    mempool::{Admitter, Gossiper, Mempool},
    proofs::Proofs,
    time::NowMs,
    watch::Publisher,
};

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
        votes,
    } = setup;
    timing.check()?;
    let fetch_timeout = NonZeroDuration::new(timing.fetch_timeout)
        .ok_or(TimingError::Zero("the fetch time-out"))?;
    let public_key = key.public_key();
    let scheme =
        Scheme::signer(&namespace, committee.clone(), key).ok_or(EngineError::NotAMember)?;
    let epocher = FixedEpocher::new(NonZeroU64::MAX);
    let pages = CacheRef::new(limits::PAGE_BYTES, limits::PAGES);
    let mut tasks = Tasks(Vec::new());

    // Memory around the ledger, then the ledger itself, on a thread of its own.
    let clock_context = context.child("clock");
    let now: NowMs = Arc::new(move || clock.now(&clock_context));
    let (mempool, arrivals) = Mempool::new(limits, now.clone());
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
    let own_votes = record::partition(&partition);
    record::check(context, &own_votes, &*votes, ledger.applied().height).await?;

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
        arrivals,
        block: {
            let mut blocker = blocker.clone();
            Box::new(move |peer| {
                commonware_p2p::block!(
                    blocker,
                    peer,
                    "a node pushed a word of its own that is none"
                );
            })
        },
        offenders: BTreeSet::new(),
    };
    let handle = context
        .child("admission")
        .spawn(move |context| admitter.run(context));
    tasks.watch("admission", handle, nothing);
    let (sender, receiver) = channels.entries;
    let gossiper = Gossiper {
        mempool: mempool.clone(),
        ledger: ledger.clone(),
        committee,
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
    let (tell, elsewhere) = oneshot::channel();
    let me = scheme.me().ok_or(EngineError::NotAMember)?.index();
    let witness = Witness::new(context.child("witness"), scheme.clone(), on_evidence)
        .and_own(OwnVotes::new(me, tell));
    let handle = context.child("own_key").spawn(move |_| async move {
        match elsewhere.await {
            Ok(elsewhere) => elsewhere,
            // The engine is gone, and the node ends with it.
            Err(_) => pending().await,
        }
    });
    tasks.watch(
        "the watch over this node's key",
        handle,
        |elsewhere: Elsewhere| elsewhere.to_string(),
    );
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
            partition: own_votes.clone(),
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
    let handle = context.child("votes").spawn({
        let ledger = ledger.clone();
        move |context| record::keep(context, own_votes, votes, ledger)
    });
    tasks.watch("the record of votes", handle, |error| error.to_string());
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
