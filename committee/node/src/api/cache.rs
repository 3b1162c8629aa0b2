//! Answers that are dear to make, kept while they are true: one maker at a time for each, and a
//! bounded part of the ledger's time for all of them together.
//!
//! Only what anyone may read is ever in here, and only of groups and statements that exist.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tacit_protocol::{
    hash::Digest,
    ids::{GroupId, StatementId},
};
use tokio::sync::Mutex;

/// Which answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Groups,
    Members(GroupId),
    GroupChain(GroupId),
    Statements,
    Signatures(StatementId),
    StatementChain(StatementId),
    Bundle(StatementId),
}

impl Key {
    /// Whether the answer carries a certificate, which is waited for.
    pub(crate) fn is_certified(self) -> bool {
        match self {
            Self::GroupChain(_) | Self::StatementChain(_) | Self::Bundle(_) => true,
            Self::Groups | Self::Members(_) | Self::Statements | Self::Signatures(_) => false,
        }
    }
}

/// What an answer was made from: heads or roots. The same token, the same answer.
pub(crate) type Token = Vec<Digest>;

/// An answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) token: Token,
    /// The applied height at which it was last found to be true.
    pub(crate) height: u64,
    /// Log time of its certificate, if it carries one.
    pub(crate) certified_ms: Option<u64>,
    pub(crate) bytes: Bytes,
}

type Cell = Arc<Mutex<Option<Answer>>>;

struct Slot {
    cell: Cell,
    bytes: usize,
    used: u64,
}

#[derive(Default)]
struct Slots {
    by_key: BTreeMap<Key, Slot>,
    uses: u64,
}

/// The answers.
pub(crate) struct Cache {
    slots: SyncMutex<Slots>,
    max_bytes: usize,
}

impl Cache {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            slots: SyncMutex::default(),
            max_bytes,
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer for `key`: what `make` makes of the last one. Of several who ask, one makes it.
    pub(crate) async fn get<E, F>(
        &self,
        key: Key,
        make: impl FnOnce(Option<Answer>) -> F,
    ) -> Result<Bytes, E>
    where
        F: Future<Output = Result<Answer, E>>,
    {
        let cell = self.cell(key);
        let mut held = cell.lock().await;
        match make(held.clone()).await {
            Ok(answer) => {
                let bytes = answer.bytes.clone();
                *held = Some(answer);
                drop(held);
                self.keep(key, &cell, bytes.len());
                Ok(bytes)
            }
            Err(error) => {
                // Nothing is kept of what doesn't exist.
                if held.is_none() {
                    drop(held);
                    self.forget(key, &cell);
                }
                Err(error)
            }
        }
    }

    fn cell(&self, key: Key) -> Cell {
        let mut slots = self.slots();
        slots.uses += 1;
        let used = slots.uses;
        let slot = slots.by_key.entry(key).or_insert_with(|| Slot {
            cell: Cell::default(),
            bytes: 0,
            used,
        });
        slot.used = used;
        slot.cell.clone()
    }

    fn keep(&self, key: Key, cell: &Cell, bytes: usize) {
        if bytes > self.max_bytes {
            // Keeping it would take all others' place.
            return self.forget(key, cell);
        }
        let mut slots = self.slots();
        if let Some(slot) = slots
            .by_key
            .get_mut(&key)
            .filter(|s| Arc::ptr_eq(&s.cell, cell))
        {
            slot.bytes = bytes;
        }
        while slots.by_key.values().map(|slot| slot.bytes).sum::<usize>() > self.max_bytes {
            let oldest = slots.by_key.iter().filter(|(_, slot)| slot.bytes > 0);
            let Some(key) = oldest
                .min_by_key(|(_, slot)| slot.used)
                .map(|(key, _)| *key)
            else {
                break;
            };
            slots.by_key.remove(&key);
        }
    }

    fn forget(&self, key: Key, cell: &Cell) {
        let mut slots = self.slots();
        let same = slots
            .by_key
            .get(&key)
            .is_some_and(|slot| Arc::ptr_eq(&slot.cell, cell));
        if same {
            slots.by_key.remove(&key);
        }
    }

    #[cfg(test)]
    fn keys(&self) -> Vec<Key> {
        self.slots().by_key.keys().copied().collect()
    }
}

/// Spaces dear reads of the ledger, so that blocks get most of its time whatever readers ask for.
pub(crate) struct Pacer {
    not_before: Mutex<Instant>,
    pace: u32,
}

impl Pacer {
    pub(crate) fn new(pace: u32) -> Self {
        Self {
            not_before: Mutex::new(Instant::now()),
            pace,
        }
    }

    /// Runs `read`, which says how much of the ledger's time it took, after the last one's pause.
    pub(crate) async fn run<T, E>(
        &self,
        read: impl Future<Output = Result<(T, Duration), E>>,
    ) -> Result<T, E> {
        let mut not_before = self.not_before.lock().await;
        tokio::time::sleep_until((*not_before).into()).await;
        let (value, took) = read.await?;
        *not_before = Instant::now() + took.saturating_mul(self.pace);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn answer(n: u8, len: usize) -> Answer {
        Answer {
            token: vec![Digest([n; 32])],
            height: 0,
            certified_ms: None,
            bytes: vec![n; len].into(),
        }
    }

    fn statement(n: u8) -> Key {
        Key::Bundle(StatementId(Digest([n; 32])))
    }

    #[tokio::test]
    async fn of_several_who_ask_one_makes_the_answer() {
        let cache = Cache::new(1000);
        let made = AtomicUsize::new(0);
        let ask = || {
            cache.get(Key::Groups, async |held: Option<Answer>| {
                if let Some(held) = held {
                    return Ok::<_, ()>(held);
                }
                tokio::task::yield_now().await;
                made.fetch_add(1, Ordering::SeqCst);
                Ok(answer(1, 10))
            })
        };
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        assert_eq!(
            [a, b, c].map(|r| r.map(|b| b.len())),
            [Ok(10), Ok(10), Ok(10)]
        );
        assert_eq!(made.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_does_not_exist_takes_no_place() {
        let cache = Cache::new(1000);
        let missing = cache
            .get(statement(1), async |_| Err::<Answer, _>("missing"))
            .await;
        assert_eq!(missing, Err("missing"));
        assert!(cache.keys().is_empty());
    }

    #[tokio::test]
    async fn the_answer_unused_for_longest_goes_when_there_are_too_many_bytes() {
        let cache = Cache::new(100);
        for n in [1, 2, 1, 3] {
            let made = cache
                .get(statement(n), async |_| Ok::<_, ()>(answer(n, 40)))
                .await;
            assert!(made.is_ok());
        }
        assert_eq!(cache.keys(), [statement(1), statement(3)]);
        // One that is larger than the whole cache is answered and not kept.
        let huge = cache
            .get(statement(4), async |_| Ok::<_, ()>(answer(4, 101)))
            .await;
        assert_eq!(huge.map(|b| b.len()), Ok(101));
        assert_eq!(cache.keys(), [statement(1), statement(3)]);
    }

    #[tokio::test]
    async fn a_dear_read_is_followed_by_a_pause() {
        let pacer = Pacer::new(3);
        let took = Duration::from_millis(20);
        let start = Instant::now();
        for _ in 0..2 {
            let done = pacer.run(async { Ok::<_, ()>(((), took)) }).await;
            assert_eq!(done, Ok(()));
        }
        assert!(start.elapsed() >= 3 * took);
    }
}
