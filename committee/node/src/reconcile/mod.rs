//! Reconcilers: what a node does about the state. Each step looks at what is applied and at what this
//! node's vault holds, and does what is due: it is safe at any time, any number of times, and after a
//! crash at any point, because every message that it sends is a pure function of the vault's seed and
//! the log.
//!
//! What they must never do: act on anything but finalized blocks; help to open what isn't triggered;
//! erase before the opened bodies are public.

mod abandon;
mod duty;
mod host;
mod opened;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tacit_ledger::{Ledger, LedgerError, Unfinished};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, Erased, ErasureReason, NodeEntry, NodeStatement};
use tacit_protocol::ids::{Fingerprint, NodeIndex, StatementId};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::statement::Status;
use tacit_vault::{SlotState, Vault, VaultError};
use thiserror::Error;
use tracing::{debug, error, info, warn};

pub use abandon::ABANDON_AFTER;
pub use duty::{Duty, Found, Losses, due, secrets};
pub use host::{Host, SimulatedHost, TokioHost};
pub use snapshot::{Snapshot, snapshot};

use crate::engine::Node;
use crate::ledger::{Reader, Stopped};
use crate::machine::BodyNeed;
use abandon::{Stillness, may_be_abandoned};
use opened::OpenedLists;

/// How often a node looks, when no block brings news.
const TICK: Duration = Duration::from_millis(500);
/// How often the vault is looked through for what should be gone.
const SWEEP: Duration = Duration::from_secs(60);
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
    /// Since when the log has stood still.
    stillness: Stillness,
    /// What this node can't serve as it should.
    losses: Losses,
    /// When the vault was last looked through for what should be gone.
    swept: Option<std::time::SystemTime>,
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
            stillness: Stillness::default(),
            losses: Losses::default(),
            swept: None,
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
        self.sweep(&unfinished, now).await?;
        let status = self.node.status();
        let still = self.stillness.lasts(status.applied, status.tip.height, now);
        for Unfinished {
            id,
            status,
            has_spoken,
        } in unfinished
        {
            // Of many keys that are being made, only those that wait for this node are looked at.
            let is_known = status == Status::Preparing || self.asked.contains(&id);
            if has_spoken && is_known && !still {
                continue;
            }
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
            for duty in due(&snapshot, me, &self.vault, host, &mut self.losses)? {
                self.perform(&id, duty, now).await?;
            }
        }
        // After the duties: what the vault holds needs no asking.
        self.lists.complete(&self.reader, &self.node.bodies).await
    }

    /// Erases what this node has attested to be gone, or began to erase, and what is there all the same:
    /// because a crash came between, or because somebody put a copy back. At every start, and from time to
    /// time as a log that was behind catches up. What it hasn't attested is its duties' business.
    async fn sweep(
        &mut self,
        unfinished: &[Unfinished],
        now: std::time::SystemTime,
    ) -> Result<(), ReconcileError> {
        let since = self
            .swept
            .map(|at| now.duration_since(at).unwrap_or_default());
        if since.is_some_and(|since| since < SWEEP) {
            return Ok(());
        }
        self.swept = Some(now);
        let me = self.identity.node;
        for (id, state) in self.vault.slots() {
            let is_over = match state {
                SlotState::Absent | SlotState::Erased(_) => false,
                SlotState::Erasing => true,
                SlotState::Live | SlotState::Damaged => {
                    !unfinished.iter().any(|u| u.id == id)
                        && self
                            .reader
                            .read(move |m| m.ledger().statement(&id))
                            .await??
                            .is_some_and(|s| s.erasures.iter().any(|(node, _, _)| *node == me))
                }
            };
            if is_over {
                let erasure = self.vault.erase(&id)?;
                warn!(statement = %id, caveats = erasure.caveats.bits(), "erased again: something was left, or put back, of what this node had erased");
            }
        }
        Ok(())
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
            match duty::body(id, &need, &self.vault) {
                Some(body) => bodies.push((position, body)),
                // On its way from the peers: see `OpenedLists`.
                None => missing += 1,
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

    /// Gives up a statement whose deadline has passed while the log stood still. This never opens anything.
    async fn abandon(
        &self,
        snapshot: &Snapshot,
        now: std::time::SystemTime,
    ) -> Result<bool, ReconcileError> {
        if !may_be_abandoned(snapshot.status, snapshot.deadline_ms, now) {
            return Ok(false);
        }
        self.erase(&snapshot.id, ErasureReason::Abandoned)?;
        Ok(true)
    }
}
