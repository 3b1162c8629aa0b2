//! The HTTP API of a node, under `/v1`. `docs/api.md` is its description.
//!
//! A handler parses, calls and encodes; errors become problem documents in one place
//! ([`ApiError`]). Lists are whole or not at all: there is no route, parameter or event about one
//! nullifier or one leaf, because whoever asks for one says which one is theirs. No limit is by
//! address, and neither logs nor answers hold any.

mod cache;
mod committee;
mod guard;
mod limits;
mod log;
mod problem;
mod routes;
mod server;
mod snapshot;
mod stall;
mod submit;
mod views;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::Router;
use tacit_ledger::{Ledger, LedgerError};
use tacit_protocol::views::ReadyView;
use tokio::sync::{Semaphore, oneshot};
use tracing::error;

pub use committee::{Committee, CommitteeError};
pub use limits::{
    Limits, MAX_GROUP_SUBMISSION, MAX_MEMBER_SUBMISSION, MAX_SIGNATURE_SUBMISSION,
    MAX_STATEMENT_SUBMISSION, ServerLimits,
};
pub use log::{LedgerRead, Log, NodeLog, Standing};
pub use problem::{ApiError, PROBLEM_TYPE, Problem};
pub use routes::metrics;
pub use server::{ListenError, Listener, TlsError, Transport, serve, tls};

use crate::{
    time::NowMs,
    watch::{Follower, Publisher},
};
use cache::{Cache, Pacer};
use submit::Receipts;

/// A node's API. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    committee: Committee,
    log: Arc<dyn Log>,
    now: NowMs,
    limits: Limits,
    cache: Cache,
    pacer: Pacer,
    receipts: Receipts,
    /// When a certificate was last waited for in vain.
    uncertified: Mutex<Option<Instant>>,
    submissions: Semaphore,
    reads: Semaphore,
    stop: Publisher<bool>,
    stopping: Follower<bool>,
}

impl Api {
    /// An API of `log`. `now` is this node's clock, which only readiness depends on.
    pub fn new(committee: Committee, log: Arc<dyn Log>, now: NowMs, limits: Limits) -> Self {
        let stop = Publisher::new(false);
        Self(Arc::new(Inner {
            committee,
            log,
            now,
            cache: Cache::new(limits.cache_bytes),
            pacer: Pacer::new(limits.pace),
            receipts: Receipts::default(),
            uncertified: Mutex::default(),
            submissions: Semaphore::new(limits.submissions),
            reads: Semaphore::new(limits.reads),
            stopping: stop.follow(),
            stop,
            limits,
        }))
    }

    /// All routes, with their limits and headers.
    pub fn router(&self) -> Router {
        routes::router(self)
    }

    /// Answers those who wait for finality that the node is stopping, now and from now on.
    pub fn stop(&self) {
        self.0.stop.publish(true);
    }

    fn committee(&self) -> &Committee {
        &self.0.committee
    }

    fn limits(&self) -> &Limits {
        &self.0.limits
    }

    fn submission_places(&self) -> &Semaphore {
        &self.0.submissions
    }

    fn read_places(&self) -> &Semaphore {
        &self.0.reads
    }

    /// Whether this node can answer for the log: it hears a quorum, follows closely, and the log
    /// moves.
    pub fn ready(&self) -> Result<ReadyView, ApiError> {
        let standing = self.0.log.standing();
        let founding = self.0.committee.founding();
        let limits = &self.0.limits;
        let not_ready = |detail: String| Err(ApiError::NotReady(detail));
        let (quorum, heard) = (founding.quorum(), standing.peers + 1);
        if self.0.stopping.get() {
            return Err(ApiError::Stopping);
        }
        if heard < quorum {
            return not_ready(format!(
                "{heard} of {} nodes are heard, this one included; {quorum} must be",
                founding.nodes()
            ));
        }
        let behind = standing.tip.saturating_sub(standing.applied.height);
        if behind > limits.max_lag {
            return not_ready(format!(
                "this node is {behind} blocks behind and catches up"
            ));
        }
        let age_ms = (self.0.now)().saturating_sub(standing.applied.timestamp_ms);
        if age_ms > limits.stale_ms {
            return not_ready(format!("the last block is {} seconds old", age_ms / 1000));
        }
        Ok(ReadyView {
            status: "ready".into(),
            applied: standing.applied.height,
            applied_ms: standing.applied.timestamp_ms,
            age_ms,
            tip: standing.tip,
            peers: standing.peers,
            quorum,
            pending: standing.pending,
        })
    }

    /// Reads the ledger between two blocks; gives also how much of its time that took.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<(T, Duration), ApiError> {
        let (reply, answer) = oneshot::channel();
        let call: LedgerRead = Box::new(move |ledger| {
            let start = Instant::now();
            let outcome = read(ledger);
            drop(reply.send((outcome, start.elapsed())));
        });
        self.0.log.read(call).await?;
        let (outcome, took) = answer.await.map_err(|_| ApiError::Stopping)?;
        match outcome {
            Ok(value) => Ok((value, took)),
            Err(failure) => {
                error!(error = %failure, "the ledger can't be read");
                Err(ApiError::Internal)
            }
        }
    }

    /// A small read: a few rows.
    async fn glance<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ApiError> {
        Ok(self.read(read).await?.0)
    }

    /// A dear read: whole lists. Spaced, so that blocks come first.
    async fn study<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.0.pacer.run(self.read(read)).await
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
