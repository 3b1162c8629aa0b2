//! Reconcilers: what a node does about the state. Each step looks at what is applied and at what this
//! node's vault holds, and does what is due: it is safe at any time, any number of times, and after a
//! crash at any point, because every message that it sends is a pure function of the vault's seed and
//! the log.
//!
//! What they must never do: act on anything but finalized blocks; help to open what isn't triggered;
//! erase before the opened bodies are public.

mod duty;
mod host;
mod opened;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tacit_ledger::{Ledger, LedgerError};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, Erased, ErasureReason, NodeEntry, NodeStatement};
use tacit_protocol::ids::{Fingerprint, NodeIndex, StatementId};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::signature::SealedBody;
use tacit_protocol::statement::Status;
use tacit_vault::{Vault, VaultError};
use thiserror::Error;
use tracing::{debug, error, info};

pub use duty::{Duty, due, secrets};
pub use host::{Host, SimulatedHost, TokioHost};
pub use snapshot::{Snapshot, snapshot};

use crate::engine::Node;
use crate::ledger::{Reader, Stopped};
use crate::machine::BodyNeed;
use opened::OpenedLists;

/// How often a node looks, when no block brings news.
const TICK: Duration = Duration::from_millis(500);
/// How long the log must have stood still past a deadline, while this process ran, before the node
/// gives a statement up by itself.
pub const ABANDON_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a node goes on asking its peers for opened bodies that it lacks before it erases without them.
const BODIES_PATIENCE: Duration = Duration::from_secs(600);

/// A state machine with a ledger in it.
pub trait HasLedger: Send + 'static {
    /// The ledger.
    fn ledger(&mut self) -> &mut Ledger;
}

/// Why a reconciler stopped. Each is about this node's own storage, and ends the node.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// The ledger's thread is gone.
    #[error("the ledger has stopped")]
    Stopped,
    /// The database failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl From<Stopped> for ReconcileError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Who acts, and with what.
pub struct Identity {
    /// This node's position.
    pub node: NodeIndex,
    /// Its key.
    pub key: SigningKey,
    /// The committee.
    pub fingerprint: Fingerprint,
}

impl Identity {
    fn sign(&self, body: NodeStatement) -> Vec<u8> {
        Entry::Node(NodeEntry::sign(
            &self.fingerprint,
            self.node,
            body,
            &self.key,
        ))
        .to_bytes()
    }
}

/// All of a node's reconcilers.
pub struct Reconciler<M> {
    identity: Identity,
    vault: Arc<Vault>,
    node: Node,
    reader: Reader<M>,
    /// Since when a revealed statement waits for bodies, by the runtime's clock.
    waiting: BTreeMap<StatementId, std::time::SystemTime>,
    /// Statements whose bodies were asked for since the start.
    asked: BTreeSet<StatementId>,
    /// The opened lists' bodies, which don't follow from the log.
    lists: OpenedLists,
    /// Since when the log has stood still: height and time.
    still: Option<(u64, std::time::SystemTime)>,
}

impl<M: HasLedger> Reconciler<M> {
    /// Prepares the reconcilers of a running node.
    pub fn new(identity: Identity, vault: Arc<Vault>, node: Node, reader: Reader<M>) -> Self {
        Self {
            identity,
            vault,
            node,
            reader,
            waiting: BTreeMap::new(),
            asked: BTreeSet::new(),
            lists: OpenedLists::default(),
            still: None,
        }
    }

    /// Runs until the ledger stops or this node's own storage fails.
    pub async fn run(mut self, mut host: impl Host) -> ReconcileError {
        let mut seen = None;
        let mut next_tick = host.now();
        loop {
            let applied = self.node.ledger.applied().height;
            let now = host.now();
            if seen != Some(applied) || now >= next_tick {
                seen = Some(applied);
                next_tick = now + TICK;
                if let Err(error) = self.step(now, &mut host).await {
                    error!(%error, "a reconciler stopped");
                    return error;
                }
                if self.node.ledger.applied().height != applied {
                    continue;
                }
            }
            let news = Box::pin(self.node.ledger.reached(applied + 1));
            let tick = Box::pin(host.sleep_until(next_tick));
            if let Either::Left((Err(_), _)) = select(news, tick).await {
                return ReconcileError::Stopped;
            }
        }
    }

    /// Everything that is due, once.
    async fn step(
        &mut self,
        now: std::time::SystemTime,
        host: &mut impl Host,
    ) -> Result<(), ReconcileError> {
        let me = self.identity.node;
        let unfinished = self
            .reader
            .read(move |m| m.ledger().unattested(me))
            .await??;
        let still = self.log_stands_still(now);
        for id in unfinished {
            let Some(snapshot) = self
                .reader
                .read(move |m| snapshot(m.ledger(), &id))
                .await??
            else {
                continue;
            };
            if still && self.abandon(&snapshot, now).await? {
                continue;
            }
            self.ask_for_bodies(&snapshot).await?;
            for duty in due(&snapshot, me, &self.vault, host)? {
                self.perform(&id, duty, now).await?;
            }
        }
        // After the duties: what the vault holds needs no asking.
        self.lists.complete(&self.reader, &self.node.bodies).await
    }

    /// Once after a start, for each statement that may still open: what this node missed while it was
    /// down is fetched from its peers.
    async fn ask_for_bodies(&mut self, snapshot: &Snapshot) -> Result<(), ReconcileError> {
        let live = matches!(snapshot.status, Status::Collecting | Status::Triggered);
        if !live || !self.asked.insert(snapshot.id) {
            return Ok(());
        }
        let id = snapshot.id;
        let needs = self
            .reader
            .read(move |m| snapshot::body_needs(m.ledger(), &id))
            .await??;
        self.node
            .bodies
            .keep(needs.into_iter().map(|(_, need)| need).collect());
        Ok(())
    }

    async fn perform(
        &mut self,
        id: &StatementId,
        duty: Duty,
        now: std::time::SystemTime,
    ) -> Result<(), ReconcileError> {
        match duty {
            Duty::Say(body) => self.say(body),
            Duty::Publish(needs) => return self.publish(id, needs, now).await,
            Duty::Erase(reason) => self.erase(id, reason)?,
        }
        Ok(())
    }

    /// Hands an entry to the mempool, which repeats it to all until it is final or refused.
    fn say(&self, body: NodeStatement) {
        let statement = body.statement();
        let entry = self.identity.sign(body);
        debug!(%statement, bytes = entry.len(), "submitting a node's entry");
        // What becomes of it shows in the log; if it is refused there, the next step says what is due then.
        drop(self.node.mempool.submit(entry.into(), None));
    }

    fn erase(&self, id: &StatementId, reason: ErasureReason) -> Result<(), ReconcileError> {
        let erasure = self.vault.erase(id)?;
        info!(statement = %id, reason = reason.word(), caveats = erasure.caveats.bits(), "erased");
        self.say(NodeStatement::Erased(Erased {
            statement: *id,
            reason,
            caveats: erasure.caveats.bits(),
        }));
        Ok(())
    }

    /// Makes the opened bodies public, durably, and then erases.
    async fn publish(
        &mut self,
        id: &StatementId,
        needs: Vec<(u64, BodyNeed)>,
        now: std::time::SystemTime,
    ) -> Result<(), ReconcileError> {
        let (mut bodies, mut missing) = (Vec::new(), 0);
        for (position, need) in needs {
            let held = match self.vault.get_body(id, &need.key.id) {
                Ok(held) => held,
                Err(
                    VaultError::BodyDamaged(_) | VaultError::NoSlot(_) | VaultError::SlotErased(_),
                ) => None,
                Err(e) => return Err(e.into()),
            };
            match held.and_then(|b| {
                <SealedBody as tacit_protocol::codec::Decode>::from_bytes(b.as_ref()).ok()
            }) {
                Some(body) if body.id().0 == need.key.id => bodies.push((position, body)),
                // On its way from the peers: see `OpenedLists`.
                _ => missing += 1,
            }
        }
        let statement = *id;
        self.reader
            .read(move |m| m.ledger().publish_bodies(&statement, &bodies))
            .await??;
        if missing > 0 {
            let since = *self.waiting.entry(*id).or_insert(now);
            if now.duration_since(since).unwrap_or_default() < BODIES_PATIENCE {
                return Ok(());
            }
        }
        self.waiting.remove(id);
        self.erase(id, ErasureReason::Opened)
    }

    /// Has nothing been finalized for [`ABANDON_AFTER`] while this process ran?
    fn log_stands_still(&mut self, now: std::time::SystemTime) -> bool {
        let status = self.node.status();
        match self.still {
            Some((height, since))
                if height == status.applied && status.tip.height <= status.applied =>
            {
                now.duration_since(since).is_ok_and(|d| d >= ABANDON_AFTER)
            }
            _ => {
                self.still = Some((status.applied, now));
                false
            }
        }
    }

    /// Gives up a statement whose deadline has passed while the log stood still. This never opens anything.
    async fn abandon(
        &self,
        snapshot: &Snapshot,
        now: std::time::SystemTime,
    ) -> Result<bool, ReconcileError> {
        if !snapshot.may_be_abandoned(crate::time::millis(now)) {
            return Ok(false);
        }
        self.erase(&snapshot.id, ErasureReason::Abandoned)?;
        Ok(true)
    }
}
