//! What consensus asks of us: a block to propose, a verdict on a block.
//!
//! `verify` answers false only for what can never be valid. A time in the future, a body that isn't
//! here, a ledger that is still behind: it waits, and consensus drops the question when the view
//! ends. Checks run cheap to dear: time, then the ledger's own, then bodies, then one batch of
//! proofs.

use std::{collections::BTreeSet, future::pending, sync::Arc};

use commonware_consensus::{
    Application,
    marshal::{ancestry::Ancestry, core::Mailbox, standard::Standard},
    simplex::types::Context,
    types::Height,
};
use commonware_cryptography::Digested;
use commonware_runtime::{Clock, Metrics, Spawner};
use futures::StreamExt as _;
use rand_core::CryptoRng;
use tacit_protocol::ids::EntryId;
use tracing::{debug, error, warn};

use crate::{
    block::{LogBlock, engine_digest, entry_id},
    bodies::Bodies,
    engine::{PublicKey, Scheme, Sha256Digest},
    ledger::{Ledger, OnAncestors, Stopped},
    limits::{BlockLimits, MAX_UNAPPLIED, Timing},
    machine::{Checked, Refusal},
    mempool::Mempool,
    proofs::Proofs,
    time::ClockOffset,
};

/// Proposes and verifies blocks.
#[derive(Clone)]
pub(crate) struct LogApplication {
    pub(crate) ledger: Ledger,
    pub(crate) mempool: Mempool,
    pub(crate) proofs: Proofs,
    pub(crate) bodies: Bodies,
    pub(crate) marshal: Mailbox<Scheme, Standard<LogBlock>>,
    pub(crate) limits: BlockLimits,
    pub(crate) timing: Timing,
    pub(crate) clock: ClockOffset,
}

/// The part of a block's ancestry that isn't applied yet.
struct Unapplied {
    parent: Arc<LogBlock>,
    /// Oldest first; ends with the parent unless that is applied.
    blocks: Vec<Arc<LogBlock>>,
}

/// What can be said of a block for good.
enum Verdict {
    Valid,
    Invalid(Refusal),
}

impl LogApplication {
    /// Collects the ancestors above the applied block; the first one is the parent.
    ///
    /// A ledger that is far behind is waited for: walking the whole gap would fetch every block of
    /// it twice.
    async fn unapplied(
        &self,
        ancestry: &mut impl Ancestry<LogBlock>,
    ) -> Result<Option<Unapplied>, Stopped> {
        let Some(parent) = ancestry.next().await.map(|block| block.inner_shared()) else {
            return Ok(None);
        };
        self.ledger
            .reached(parent.number().saturating_sub(MAX_UNAPPLIED))
            .await?;
        let applied = self.ledger.applied().height;
        let mut blocks = Vec::new();
        let mut next = Some(parent.clone());
        while let Some(block) = next.take().filter(|block| block.number() > applied) {
            if block.number() > applied + 1 {
                next = ancestry.next().await.map(|block| block.inner_shared());
            }
            blocks.push(block);
        }
        // A walk that was cut short says nothing about the block.
        if blocks
            .last()
            .is_some_and(|oldest| oldest.number() > applied + 1)
        {
            return Ok(None);
        }
        blocks.reverse();
        Ok(Some(Unapplied { parent, blocks }))
    }

    async fn build<E: Clock + Spawner + Metrics + CryptoRng>(
        &self,
        context: &E,
        mut ancestry: impl Ancestry<LogBlock>,
    ) -> Result<Option<LogBlock>, Stopped> {
        let Some(Unapplied { parent, blocks }) = self.unapplied(&mut ancestry).await? else {
            return Ok(None);
        };
        let mut exclude: BTreeSet<EntryId> = blocks
            .iter()
            .flat_map(|block| block.entries.iter().map(|entry| entry_id(entry)))
            .collect();
        let parent_ms = parent.header.timestamp_ms;
        let due_ms = parent_ms.saturating_add(self.timing.heartbeat.as_millis() as u64);
        // A clock that is slow would hold the proposal until the leader is timed out.
        let latest = context.current() + self.timing.heartbeat;
        let due_at = self.clock.instant(due_ms).min(latest);
        let mut changes = self.mempool.changes();
        loop {
            changes.see();
            let candidates = self.mempool.candidates(&exclude);
            let due = context.current() >= due_at;
            if candidates.is_empty() && !due {
                // Returning nothing would have the view skipped at once, and the next, and the
                // next: an idle committee holds its proposals instead.
                tokio::select! {
                    biased;
                    changed = changes.changed() => drop(changed.map_err(|_| Stopped)?),
                    () = context.sleep_until(due_at) => {}
                }
                continue;
            }
            let offered: Vec<EntryId> = candidates.iter().map(|c| c.id).collect();
            let timestamp_ms = self.clock.now(context).max(parent_ms + 1);
            let built = match self
                .ledger
                .build(
                    (parent.number(), parent.id()),
                    blocks.clone(),
                    timestamp_ms,
                    candidates,
                )
                .await?
            {
                OnAncestors::Answer(built) => built,
                OnAncestors::NotOnApplied => {
                    // Consensus lags behind what the engine has fetched: this view is history.
                    debug!(parent = parent.number(), "no proposal on an old parent");
                    return Ok(None);
                }
            };
            self.mempool.suspect(built.refused);
            if built.block.entries.is_empty() && !due {
                // None of them can be in this block: wait for others.
                exclude.extend(offered);
                continue;
            }
            let block = LogBlock::new(built.block);
            if !block.fits(&self.limits) {
                // Sending it would panic, and nobody could decode it.
                error!(
                    height = block.number(),
                    "the ledger built a block beyond the limits"
                );
                return Ok(None);
            }
            // The proposer votes for its own block: its bodies are durable first.
            self.bodies.hold(built.bodies).await?;
            return Ok(Some(block));
        }
    }

    async fn judge<E: Clock + Spawner + Metrics + CryptoRng>(
        &self,
        context: &mut E,
        mut ancestry: impl Ancestry<LogBlock>,
    ) -> Result<Verdict, Stopped> {
        let Some(block) = ancestry.next().await else {
            return pending().await;
        };
        let block = block.inner_shared();
        if block.number() <= self.ledger.applied().height {
            return self.is_applied(&block).await;
        }
        let Some(Unapplied { parent, blocks }) = self.unapplied(&mut ancestry).await? else {
            return pending().await;
        };
        if let Some(refusal) = self.wait_for_time(context, &block, &parent).await {
            return Ok(Verdict::Invalid(refusal));
        }
        let (claims, bodies) = match self.ledger.check(blocks, block.clone()).await? {
            OnAncestors::Answer(Checked::Invalid(refusal)) => {
                return Ok(Verdict::Invalid(refusal));
            }
            OnAncestors::Answer(Checked::Valid { claims, bodies }) => (claims, bodies),
            // Applied meanwhile, or on a branch that lost.
            OnAncestors::NotOnApplied => return self.is_applied(&block).await,
        };
        if claims.len() > self.limits.proofs {
            return Ok(invalid(
                "too-many-proofs",
                "more proofs than a block may have",
            ));
        }
        // Before the bodies are kept: a leader could else fill every disk with bodies of signatures
        // that nobody made.
        if !self.proofs.verify(context, claims).await {
            return Ok(invalid("proof-invalid", "a proof doesn't verify"));
        }
        self.bodies.hold(bodies).await?;
        Ok(Verdict::Valid)
    }

    /// Strictly after the parent; not far behind this clock; ahead of it by at most the skew, or
    /// else this waits.
    async fn wait_for_time<E: Clock>(
        &self,
        context: &E,
        block: &LogBlock,
        parent: &LogBlock,
    ) -> Option<Refusal> {
        let timestamp_ms = block.header.timestamp_ms;
        if timestamp_ms <= parent.header.timestamp_ms {
            return Some(Refusal::new(
                "time-backwards",
                "the block's time isn't after its parent's",
            ));
        }
        let now = self.clock.now(context);
        if timestamp_ms.saturating_add(self.timing.max_lag.as_millis() as u64) < now {
            return Some(Refusal::new(
                "time-behind",
                "the block's time is far behind this node's clock",
            ));
        }
        let earliest = timestamp_ms.saturating_sub(self.timing.skew.as_millis() as u64);
        if earliest > now {
            debug!(ahead_ms = timestamp_ms - now, "waiting for a block's time");
            context.sleep_until(self.clock.instant(earliest)).await;
        }
        None
    }

    /// At or below the applied height only the applied block itself is valid: after a restart
    /// consensus may ask about it again.
    async fn is_applied(&self, block: &LogBlock) -> Result<Verdict, Stopped> {
        if block.number() > self.ledger.applied().height {
            return Ok(invalid(
                "other-branch",
                "the block's ancestors aren't the finalized ones",
            ));
        }
        let info = self.marshal.get_info(Height::new(block.number())).await;
        match info {
            Some((_, digest)) if digest == engine_digest(block.id()) => Ok(Verdict::Valid),
            Some(_) => Ok(invalid(
                "other-branch",
                "another block was finalized at this height",
            )),
            None => pending().await,
        }
    }
}

fn invalid(code: &'static str, detail: &str) -> Verdict {
    Verdict::Invalid(Refusal::new(code, detail))
}

impl<E: Clock + Spawner + Metrics + CryptoRng> Application<E> for LogApplication {
    type SigningScheme = Scheme;
    type Context = Context<Sha256Digest, PublicKey>;
    type Block = LogBlock;
    type Input = ();

    async fn propose(
        &mut self,
        (runtime, _): (E, Self::Context),
        ancestry: impl Ancestry<LogBlock>,
        (): (),
    ) -> Option<Digested<LogBlock>> {
        match self.build(&runtime, ancestry).await {
            Ok(block) => block.map(LogBlock::sealed),
            Err(Stopped) => None,
        }
    }

    async fn verify(
        &mut self,
        (mut runtime, view): (E, Self::Context),
        ancestry: impl Ancestry<LogBlock>,
    ) -> bool {
        match self.judge(&mut runtime, ancestry).await {
            Ok(Verdict::Valid) => true,
            Ok(Verdict::Invalid(refusal)) => {
                warn!(leader = ?view.leader, round = %view.round, code = refusal.code, detail = refusal.detail, "block refused");
                false
            }
            // A node that is stopping has no verdict.
            Err(Stopped) => pending().await,
        }
    }
}
