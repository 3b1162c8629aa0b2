//! The admission task: cheap checks first, the proof last, many entries in one go.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use commonware_runtime::{Clock, Spawner};
use rand_core::CryptoRng;
use tacit_protocol::ids::EntryId;
use tokio::sync::mpsc;
use tracing::debug;

use super::{Incoming, Outcome, Pool};
use crate::{
    gossip::Submission,
    ledger::{Ledger, Stopped},
    limits::MAX_ADMISSION_BATCH,
    machine::{Admission, BodyFault, BodyKey, BodyStore, Candidate, ProofClaim, Refusal},
    proofs::Proofs,
};

/// Admits what clients and peers submit.
pub(crate) struct Admitter {
    pub(crate) pool: Arc<Pool>,
    pub(crate) ledger: Ledger,
    pub(crate) proofs: Proofs,
    pub(crate) bodies: Arc<dyn BodyStore>,
    pub(crate) incoming: mpsc::Receiver<Incoming>,
}

struct Arrived {
    id: EntryId,
    submission: Submission,
    local: bool,
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
            let first = tokio::select! {
                biased;
                incoming = self.incoming.recv() => match incoming {
                    Some(incoming) => Some(incoming),
                    None => return,
                },
                changed = applied.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    None
                }
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
        if suspects.is_empty() {
            return Ok(());
        }
        let (ids, entries): (Vec<_>, Vec<_>) = suspects.into_iter().unzip();
        let admissions = self.ledger.admit(entries).await?;
        let mut undecided = Vec::new();
        for (id, admission) in ids.into_iter().zip(admissions) {
            match admission {
                // An unfinalized block stands against it: wait for what becomes of that.
                Admission::Valid { .. } => undecided.push(id),
                Admission::Final(position) => self.pool.settle(id, &Outcome::Final(position)),
                Admission::Refused(refusal) => self.pool.settle(id, &Outcome::Refused(refusal)),
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
        let entries = arrived.iter().map(|a| a.submission.entry.clone()).collect();
        let admissions = self.ledger.admit(entries).await?;
        let mut checked = Vec::new();
        for (arrived, admission) in arrived.into_iter().zip(admissions) {
            match admission {
                Admission::Final(position) => {
                    self.pool.settle(arrived.id, &Outcome::Final(position));
                }
                Admission::Refused(refusal) => self.refuse(&arrived, refusal),
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
                        Err(refusal) if arrived.local => self.refuse(&arrived, refusal),
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
            let candidate = Candidate {
                id: arrived.id,
                entry: arrived.submission.entry,
                proofs: claims.len(),
            };
            self.pool.insert(candidate, body, arrived.local);
        }
        Ok(())
    }

    /// The first submission and those queued behind it, each once.
    fn batch(&mut self, first: Incoming) -> Vec<Arrived> {
        let mut seen = BTreeSet::new();
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(incoming) = next {
            let arrived = match incoming {
                Incoming::Local(id, submission) => Some(Arrived {
                    id,
                    submission,
                    local: true,
                }),
                Incoming::Peer(id, submission) => {
                    self.pool.release_peer_admission();
                    Some(Arrived {
                        id,
                        submission,
                        local: false,
                    })
                }
                // The next commit looks at them.
                Incoming::Recheck(_) => None,
            };
            if let Some(arrived) = arrived
                && !self.pool.holds(&arrived.id)
                && seen.insert((arrived.id, arrived.local))
            {
                batch.push(arrived);
            }
            if batch.len() == MAX_ADMISSION_BATCH {
                break;
            }
            next = self.incoming.try_recv().ok();
        }
        batch
    }

    fn refuse(&self, arrived: &Arrived, refusal: Refusal) {
        debug!(entry = %arrived.id, local = arrived.local, code = refusal.code, "entry refused");
        self.pool.settle(arrived.id, &Outcome::Refused(refusal));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use commonware_runtime::{Runner as _, Supervisor as _, deterministic};
    use tacit_protocol::{hash::Digest, ids::StatementId};

    use super::*;
    use crate::{
        block::LogBlock,
        ledger::ledger,
        limits::BlockLimits,
        machine::{
            Applied, BodyNeed, Built, Checked as BlockChecked, Committed, Fault, ProofVerifier,
            StateMachine,
        },
        mempool::Mempool,
    };

    /// Every entry stands for the body that equals it.
    struct Mirror;

    impl StateMachine for Mirror {
        fn applied(&self) -> Applied {
            Applied {
                height: 0,
                digest: Digest::ZERO,
                timestamp_ms: 0,
            }
        }

        fn build(
            &mut self,
            _: &[Arc<LogBlock>],
            _: u64,
            _: &[Arc<Candidate>],
        ) -> Result<Built, Fault> {
            Err("not asked".into())
        }

        fn check(&mut self, _: &[Arc<LogBlock>], _: &LogBlock) -> Result<BlockChecked, Fault> {
            Err("not asked".into())
        }

        fn admit(&mut self, entry: &[u8]) -> Result<Admission, Fault> {
            let key = BodyKey {
                statement: StatementId(Digest::ZERO),
                id: [0; 32],
            };
            Ok(Admission::Valid {
                claims: Vec::new(),
                body: Some(BodyNeed {
                    key,
                    entry: Bytes::copy_from_slice(entry),
                }),
            })
        }

        fn commit(&mut self, _: &LogBlock) -> Result<Committed, Fault> {
            Err("not asked".into())
        }
    }

    struct Trusting;

    impl ProofVerifier for Trusting {
        fn verify(&self, _: &[ProofClaim], _: [u8; 32]) -> Vec<usize> {
            Vec::new()
        }
    }

    struct NoShelf;

    impl BodyStore for NoShelf {
        fn has(&self, _: &BodyKey) -> Result<bool, Fault> {
            Ok(false)
        }

        fn get(&self, _: &BodyKey) -> Result<Option<Bytes>, Fault> {
            Ok(None)
        }

        fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault> {
            if body == need.entry {
                Ok(())
            } else {
                Err(BodyFault::Mismatch(Refusal::new("body", "another")))
            }
        }

        fn put_all(&self, _: &[(BodyKey, Bytes)]) -> Result<bool, Fault> {
            Ok(true)
        }

        fn closed(&self, _: &StatementId) -> bool {
            false
        }
    }

    #[test]
    fn a_peer_that_sends_an_honest_entry_with_a_wrong_body_does_not_get_it_refused() {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (mempool, incoming) = Mempool::new(BlockLimits::V1, Arc::new(|| 0));
            let (handle, _reader, task) = ledger(Mirror);
            let admitter = Admitter {
                pool: mempool.pool().clone(),
                ledger: handle,
                proofs: Proofs::new(Arc::new(Trusting)),
                bodies: Arc::new(NoShelf),
                incoming,
            };
            let entry = Bytes::from_static(b"entry");
            let wrong = Submission {
                entry: entry.clone(),
                body: Some(Bytes::from_static(b"wrong")),
            };
            // Before, beside and without the client's own.
            mempool.offer(wrong.clone());
            let mut outcome = mempool.submit(entry.clone(), Some(entry.clone()));
            mempool.offer(wrong);
            context
                .child("ledger")
                .spawn(move |_| task.run(Box::new(|_, _| {})));
            context
                .child("admission")
                .spawn(move |context| admitter.run(context));
            context.sleep(Duration::from_secs(1)).await;
            assert_eq!(mempool.pending(), (1, 10));
            assert!(outcome.try_recv().is_err(), "it waits for a block");
            // From the client itself it is refused, and says why.
            let other = Bytes::from_static(b"other");
            let outcome = mempool.submit(other, Some(entry)).await;
            assert!(matches!(outcome, Ok(Outcome::Refused(refusal)) if refusal.code == "body"));
        });
    }
}
