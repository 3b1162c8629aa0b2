//! The admission task: cheap checks first, the proof last, many entries in one go, but never so many that
//! blocks wait long for the ledger.
//!
//! It judges peers' entries as strangers', and a peer itself only by what no honest node does.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use commonware_runtime::{Clock, Spawner};
use rand_core::CryptoRng;
use tacit_protocol::ids::EntryId;
use tracing::debug;

use super::{
    Outcome, Pool,
    pool::{self, Contest},
    queue::{Arrivals, Incoming},
};
use crate::{
    engine::PublicKey,
    gossip::Submission,
    ledger::{Ledger, Stopped},
    limits::{MAX_ADMISSION_BATCH, MAX_ADMISSION_BATCH_BYTES},
    machine::{Admission, BodyFault, BodyKey, BodyStore, Candidate, Outline, ProofClaim, Refusal},
    proofs::Proofs,
};

/// Cuts off a peer.
pub(crate) type Block = Box<dyn FnMut(PublicKey) + Send + Sync>;

/// Why a node's word is refused that its author itself pushed, when no honest node ever pushes such a one.
///
/// A node pushes only what its own ledger admitted, and is heard for no other. So it has signed its
/// word, and made it decode, whatever else it doesn't know yet: a phase, a statement, that it said
/// this before. Signatures and encodings depend on no state, and nodes with another founding or other
/// formats don't even connect.
const OFFENCES: [&str; 2] = ["bad-node-signature", "malformed"];

/// Admits what clients and peers submit.
pub(crate) struct Admitter {
    pub(crate) pool: Arc<Pool>,
    pub(crate) ledger: Ledger,
    pub(crate) proofs: Proofs,
    pub(crate) bodies: Arc<dyn BodyStore>,
    pub(crate) arrivals: Arrivals,
    pub(crate) block: Block,
    /// Peers that were cut off and of whom something may still be queued.
    pub(crate) offenders: BTreeSet<PublicKey>,
}

struct Arrived {
    id: EntryId,
    submission: Submission,
    outline: Outline,
    /// The peer that passed it on; none for this node's own.
    peer: Option<PublicKey>,
}

impl Arrived {
    fn local(&self) -> bool {
        self.peer.is_none()
    }
}

struct Checked {
    arrived: Arrived,
    claims: Vec<ProofClaim>,
    body: Option<(BodyKey, Bytes)>,
}

impl Admitter {
    /// Runs until the node stops.
    pub(crate) async fn run<E: Spawner + Clock + CryptoRng>(mut self, mut context: E) {
        let mut applied = self.ledger.watch();
        loop {
            if self.arrivals.no_peer_waits() {
                self.offenders.clear();
            }
            let first = tokio::select! {
                biased;
                changed = applied.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    None
                }
                incoming = self.arrivals.next() => match incoming {
                    Some(incoming) => Some(incoming),
                    None => return,
                },
            };
            let done = match first {
                None => self.recheck(None).await,
                Some(Incoming::Recheck(ids)) => self.recheck(Some(ids)).await,
                Some(first) => self.admit(&mut context, first).await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Looks again at entries that weren't valid on some ancestors.
    async fn recheck(&self, only: Option<Vec<EntryId>>) -> Result<(), Stopped> {
        let suspects = self.pool.take_suspects(only.as_deref());
        let mut undecided = Vec::new();
        for portion in portions(suspects) {
            let (ids, entries): (Vec<_>, Vec<_>) = portion.into_iter().unzip();
            let admissions = self.ledger.admit(entries).await?;
            for (id, admission) in ids.into_iter().zip(admissions) {
                match admission {
                    // An unfinalized block stands against it: wait for what becomes of that.
                    Admission::Valid { .. } => undecided.push(id),
                    Admission::Final(position) => self.pool.settle(id, &Outcome::Final(position)),
                    Admission::Refused(refusal) => self.pool.settle(id, &Outcome::Refused(refusal)),
                }
            }
        }
        self.pool.suspect(&undecided);
        Ok(())
    }

    async fn admit<E: Spawner + CryptoRng>(
        &mut self,
        context: &mut E,
        first: Incoming,
    ) -> Result<(), Stopped> {
        let arrived = self.batch(first);
        if arrived.is_empty() {
            return Ok(());
        }
        let entries = arrived.iter().map(|a| a.submission.entry.clone()).collect();
        let admissions = self.ledger.admit(entries).await?;
        let mut checked = Vec::new();
        for (arrived, admission) in arrived.into_iter().zip(admissions) {
            match admission {
                Admission::Final(position) => {
                    self.pool.settle(arrived.id, &Outcome::Final(position));
                }
                Admission::Refused(refusal) => {
                    if let Some(peer) = &arrived.peer
                        && arrived.outline.author.is_some()
                        && OFFENCES.contains(&refusal.code)
                    {
                        self.cut_off(peer);
                    }
                    self.refuse(&arrived, refusal);
                }
                Admission::Valid { claims, body } => {
                    // A body isn't part of the entry's id: a peer that sends an honest entry with
                    // a wrong body must not have the entry refused.
                    let body = match body {
                        None => Ok(None),
                        Some(need) => match &arrived.submission.body {
                            None => Err(Refusal::new(
                                "body-missing",
                                "the entry stands for a sealed body that didn't come with it",
                            )),
                            Some(body) => match self.bodies.check(&need, body) {
                                Ok(()) => Ok(Some((need.key, body.clone()))),
                                Err(BodyFault::Mismatch(refusal)) => Err(refusal),
                            },
                        },
                    };
                    match body {
                        Err(refusal) if arrived.local() => self.refuse(&arrived, refusal),
                        Err(refusal) => {
                            debug!(entry = %arrived.id, code = refusal.code, "a peer's body refused");
                        }
                        Ok(body) => checked.push(Checked {
                            arrived,
                            claims,
                            body,
                        }),
                    }
                }
            }
        }
        if checked.is_empty() {
            return Ok(());
        }
        let claims = checked.iter().map(|c| c.claims.clone()).collect();
        let verdicts = self.proofs.verify_each(context, claims).await;
        for (checked, valid) in checked.into_iter().zip(verdicts) {
            let Checked {
                arrived,
                claims,
                body,
            } = checked;
            if !valid {
                let refusal = Refusal::new("proof-invalid", "the proof doesn't verify");
                self.refuse(&arrived, refusal);
                continue;
            }
            let local = arrived.local();
            let candidate = Candidate {
                id: arrived.id,
                entry: arrived.submission.entry,
                proofs: claims.len(),
            };
            self.pool.insert(candidate, body, local, arrived.outline);
        }
        Ok(())
    }

    /// The first submission and those queued behind it, each once, as many as may keep the ledger busy.
    fn batch(&mut self, first: Incoming) -> Vec<Arrived> {
        let mut seen = BTreeSet::new();
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(incoming) = next {
            if let Some(arrived) = self.arrive(incoming)
                && seen.insert((arrived.id, arrived.local()))
            {
                bytes += arrived.submission.entry.len();
                batch.push(arrived);
            }
            if batch.len() >= MAX_ADMISSION_BATCH || bytes >= MAX_ADMISSION_BATCH_BYTES {
                break;
            }
            next = self.arrivals.try_next();
        }
        batch
    }

    /// What is worth the ledger's time.
    fn arrive(&mut self, incoming: Incoming) -> Option<Arrived> {
        let arrived = match incoming {
            Incoming::Local(id, submission) => Arrived {
                id,
                outline: self.ledger.outline(&submission.entry),
                submission,
                peer: None,
            },
            Incoming::Peer(offer) if self.offenders.contains(&offer.peer) => return None,
            Incoming::Peer(offer) => Arrived {
                id: offer.id,
                outline: offer.outline,
                submission: offer.submission,
                peer: Some(offer.peer),
            },
            // The next commit looks at them.
            Incoming::Recheck(_) => return None,
        };
        if self.pool.holds(&arrived.id) {
            return None;
        }
        match self.pool.contest(arrived.id, &arrived.outline) {
            Contest::Free => Some(arrived),
            Contest::Joined => None,
            Contest::Taken if arrived.local() && arrived.outline.author.is_some() => Some(arrived),
            Contest::Taken => {
                self.refuse(&arrived, pool::taken());
                None
            }
        }
    }

    fn cut_off(&mut self, peer: &PublicKey) {
        if self.offenders.insert(peer.clone()) {
            (self.block)(peer.clone());
        }
    }

    fn refuse(&self, arrived: &Arrived, refusal: Refusal) {
        debug!(entry = %arrived.id, local = arrived.local(), code = refusal.code, "entry refused");
        self.pool.settle(arrived.id, &Outcome::Refused(refusal));
    }
}

/// Splits entries into what is admitted in one go.
fn portions(entries: Vec<(EntryId, Bytes)>) -> Vec<Vec<(EntryId, Bytes)>> {
    let mut portions = Vec::new();
    let (mut portion, mut bytes) = (Vec::new(), 0);
    for (id, entry) in entries {
        bytes += entry.len();
        portion.push((id, entry));
        if portion.len() >= MAX_ADMISSION_BATCH || bytes >= MAX_ADMISSION_BATCH_BYTES {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

#[cfg(test)]
mod tests;
