//! Proof verification off the asynchronous workers, in randomized batches, with a bounded memory of
//! verdicts: what was verified at admission isn't verified again in a block.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use commonware_runtime::Spawner;
use rand_core::CryptoRng;
use tacit_protocol::{hash::Digest, ids::EntryId};
use tracing::error;

use crate::{
    limits::MAX_VERDICTS,
    machine::{ProofClaim, ProofVerifier},
};

type Key = (EntryId, Digest);

#[derive(Default)]
struct Verdicts {
    known: BTreeMap<Key, bool>,
    order: VecDeque<Key>,
}

impl Verdicts {
    fn insert(&mut self, key: Key, valid: bool) {
        if self.known.insert(key, valid).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > MAX_VERDICTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Verifies claims and remembers the verdicts.
#[derive(Clone)]
pub struct Proofs {
    verifier: Arc<dyn ProofVerifier>,
    verdicts: Arc<Mutex<Verdicts>>,
}

impl Proofs {
    /// A verifier with nothing remembered.
    pub fn new(verifier: Arc<dyn ProofVerifier>) -> Self {
        Self {
            verifier,
            verdicts: Arc::default(),
        }
    }

    fn verdicts(&self) -> std::sync::MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all claims hold. `context` lends its randomness for the batch's weights (the
    /// operating system's on tokio) and a thread that may be kept busy.
    pub async fn verify<E: Spawner + CryptoRng>(
        &self,
        context: &mut E,
        claims: Vec<ProofClaim>,
    ) -> bool {
        self.verify_each(context, vec![claims]).await == [true]
    }

    /// Whether each entry's claims all hold: one batch for those that aren't known.
    pub async fn verify_each<E: Spawner + CryptoRng>(
        &self,
        context: &mut E,
        entries: Vec<Vec<ProofClaim>>,
    ) -> Vec<bool> {
        let mut verdicts = vec![true; entries.len()];
        let (mut asked, mut claims) = (Vec::new(), Vec::new());
        {
            let known = self.verdicts();
            for (at, claim) in entries
                .into_iter()
                .enumerate()
                .flat_map(|(at, claims)| claims.into_iter().map(move |claim| (at, claim)))
            {
                let key = (claim.entry, claim.digest());
                match known.known.get(&key) {
                    Some(true) => {}
                    Some(false) => verdicts[at] = false,
                    None => {
                        asked.push((at, key));
                        claims.push(claim);
                    }
                }
            }
        }
        // An entry that is known to be bad needs no batch; in a block, none of the others either.
        if claims.is_empty() || verdicts == [false] {
            return verdicts;
        }
        let bad = self.batch(context, claims).await;
        let mut known = self.verdicts();
        for (position, (at, key)) in asked.into_iter().enumerate() {
            let valid = !bad.contains(&position);
            known.insert(key, valid);
            verdicts[at] &= valid;
        }
        verdicts
    }

    async fn batch<E: Spawner + CryptoRng>(
        &self,
        context: &mut E,
        claims: Vec<ProofClaim>,
    ) -> Vec<usize> {
        let mut seed = [0; 32];
        context.fill_bytes(&mut seed);
        let verifier = self.verifier.clone();
        let verdict = context
            .child("proofs")
            .shared(true)
            .spawn(move |_| async move { verifier.verify(&claims, seed) })
            .await;
        match verdict {
            Ok(bad) => bad,
            Err(error) => {
                // Only at shutdown. No verdict is not a verdict: never resolve.
                error!(%error, "proof verification was cut off");
                std::future::pending().await
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use commonware_runtime::{Runner as _, deterministic};

    use super::*;

    /// Proofs that say whether they hold; counts what it was asked.
    #[derive(Default)]
    struct Honest {
        batches: AtomicUsize,
        seeds: Mutex<Vec<[u8; 32]>>,
    }

    impl ProofVerifier for Honest {
        fn verify(&self, claims: &[ProofClaim], seed: [u8; 32]) -> Vec<usize> {
            self.batches.fetch_add(1, Ordering::Relaxed);
            self.seeds.lock().expect("not poisoned").push(seed);
            let bad = claims.iter().enumerate().filter(|(_, c)| c.proof != [1]);
            bad.map(|(at, _)| at).collect()
        }
    }

    fn claim(n: u8, valid: bool) -> ProofClaim {
        ProofClaim {
            entry: EntryId(Digest([n; 32])),
            circuit: Digest::ZERO,
            public: vec![[n; 32]],
            proof: vec![u8::from(valid)],
        }
    }

    #[test]
    fn verdicts_are_remembered_per_claim_and_a_bad_one_is_found_in_its_batch() {
        let honest = Arc::new(Honest::default());
        let proofs = Proofs::new(honest.clone());
        deterministic::Runner::default().start(|mut context| async move {
            let good = vec![claim(1, true), claim(2, true)];
            assert!(proofs.verify(&mut context, good.clone()).await);
            assert!(proofs.verify(&mut context, good).await);
            assert_eq!(honest.batches.load(Ordering::Relaxed), 1);
            let entries = vec![
                vec![claim(3, true)],
                vec![claim(4, false)],
                Vec::new(),
                vec![claim(1, true)],
            ];
            let verdicts = proofs.verify_each(&mut context, entries).await;
            assert_eq!(verdicts, [true, false, true, true]);
            assert_eq!(honest.batches.load(Ordering::Relaxed), 2);
            // No batch is needed to refuse a block with 4.
            let block = vec![claim(3, true), claim(4, false), claim(5, true)];
            assert!(!proofs.verify(&mut context, block).await);
            assert_eq!(honest.batches.load(Ordering::Relaxed), 2);
            // Another proof for the same entry is another claim.
            assert!(proofs.verify(&mut context, vec![claim(4, true)]).await);
            let seeds = honest.seeds.lock().expect("not poisoned").clone();
            let distinct: std::collections::BTreeSet<_> = seeds.iter().collect();
            assert_eq!(distinct.len(), seeds.len(), "weights are drawn anew");
        });
    }
}
