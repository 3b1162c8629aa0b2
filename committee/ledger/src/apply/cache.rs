//! What follows from the log and costs much to work out again: states of key generations, and opened
//! sets. Dropping any of it only costs its replay, so what it never may do is grow without bound.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use tacit_protocol::dkg::AttemptId;
use tacit_protocol::founding::Founding;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, StatementId};
use tacit_threshold::opening::{Chunk, OpeningContext};
use tacit_threshold::state::DkgState;
use tacit_threshold::{Committee, DkgContext};

use crate::store::{Result as StoreResult, Store, StoreError};

/// Memory for states of key generations, in bytes, roughly: those of all statements that may be open at
/// once in committees of up to ten nodes, and of some dozens in the largest.
const KEYGEN_BYTES: usize = 256 << 20;
/// Memory for opened sets, in bytes, roughly.
const OPENED_BYTES: usize = 128 << 20;
/// Histories of which it is known whether their phase waits for somebody. Some hundred bytes each.
const KNOWN_PHASES: usize = 1 << 16;

/// What a triggered statement's partial decryptions are made and judged in.
pub(crate) type Opened = (OpeningContext, Vec<Chunk>);

/// States of key generations by the running digest of their events. A digest names one history, so
/// what is cached holds whether that history is applied, proposed or rolled back.
pub(crate) struct KeygenCache {
    states: RefCell<Lru<AttemptId, Histories>>,
    /// Whether everybody awaited has spoken, for histories whose states may be gone: an idle block asks
    /// only this, of every key that is being made.
    complete: RefCell<Lru<(AttemptId, Digest), bool>>,
    /// Openings by statement and trigger height, of triggers that are final. A signature's `ct` fixes its
    /// ciphertext, so there is one set for these, whoever posted it.
    opened: RefCell<Lru<(StatementId, u64), Arc<Opened>>>,
    replays: Cell<u64>,
}

impl Default for KeygenCache {
    fn default() -> Self {
        Self {
            states: RefCell::new(Lru::new(KEYGEN_BYTES)),
            complete: RefCell::new(Lru::new(KNOWN_PHASES)),
            opened: RefCell::new(Lru::new(OPENED_BYTES)),
            replays: Cell::new(0),
        }
    }
}

/// The latest states of one attempt, oldest first: blocks are tried and rolled back before they are
/// applied, so several are in use.
#[derive(Default)]
struct Histories(VecDeque<(Digest, DkgState)>);

impl Histories {
    /// Roughly how much memory they take: messages are shared among them, the rest isn't.
    fn bytes(&self) -> usize {
        let newest = self.0.back().map(|(_, state)| state.heard_messages());
        let (messages, bytes) = newest.unwrap_or_default();
        (1024 + 128 * messages) * self.0.len() + 3 * bytes
    }
}

impl KeygenCache {
    pub(super) fn opened(&self, key: &(StatementId, u64)) -> Option<Arc<Opened>> {
        self.opened.borrow_mut().get(key).cloned()
    }

    pub(super) fn put_opened(&self, key: (StatementId, u64), opened: Arc<Opened>) {
        let chunks = &opened.1;
        let entries: usize = chunks
            .iter()
            .filter_map(|chunk| opened.0.range(chunk.number()))
            .map(|range| range.len())
            .sum();
        let bytes = 16 * 1024 + 128 * entries;
        self.opened.borrow_mut().put(key, opened, bytes);
    }

    fn get(&self, at: &AttemptId, digest: &Digest) -> Option<DkgState> {
        let mut states = self.states.borrow_mut();
        let (_, state) = states.get(at)?.0.iter().rfind(|(d, _)| d == digest)?;
        Some(state.clone())
    }

    pub(super) fn put(&self, at: AttemptId, digest: Digest, state: DkgState) {
        let complete = state.is_complete();
        self.complete.borrow_mut().put((at, digest), complete, 1);
        // A block holds one message of each node, and is built, checked and applied from where it begins.
        let most = state.context().committee.nodes() + 8;
        let mut states = self.states.borrow_mut();
        let mut histories = states.take(&at).unwrap_or_default();
        histories.0.retain(|(d, _)| *d != digest);
        histories.0.push_back((digest, state));
        while histories.0.len() > most {
            histories.0.pop_front();
        }
        let bytes = histories.bytes();
        states.put(at, histories, bytes);
    }

    /// How often a state was rebuilt from its events.
    pub fn replays(&self) -> u64 {
        self.replays.get()
    }

    /// Whether everybody that an attempt's phase waits for has spoken.
    pub(super) fn is_complete(
        &self,
        store: &Store<'_>,
        founding: &Founding,
        fingerprint: &Fingerprint,
        at: &AttemptId,
    ) -> StoreResult<bool> {
        let digest = store.keygen_digest(at)?;
        if let Some(complete) = self.complete.borrow_mut().get(&(*at, digest)) {
            return Ok(*complete);
        }
        let complete = self.state(store, founding, fingerprint, at)?.is_complete();
        self.complete.borrow_mut().put((*at, digest), complete, 1);
        Ok(complete)
    }

    /// The state of an attempt as the tables have it.
    pub fn state(
        &self,
        store: &Store<'_>,
        founding: &Founding,
        fingerprint: &Fingerprint,
        at: &AttemptId,
    ) -> StoreResult<DkgState> {
        let digest = store.keygen_digest(at)?;
        if let Some(state) = self.get(at, &digest) {
            return Ok(state);
        }
        let committee =
            Committee::new(founding.nodes()).map_err(|_| StoreError::Damaged("number of nodes"))?;
        let ctx = DkgContext {
            fingerprint: *fingerprint,
            committee,
            at: *at,
        };
        self.replays.set(self.replays.get() + 1);
        let state = DkgState::replay(ctx, &store.keygen_events(at)?);
        self.put(*at, digest, state.clone());
        Ok(state)
    }
}

/// A map that forgets what wasn't used for longest when the weights in it sum up to too much.
struct Lru<K, V> {
    most: usize,
    weight: usize,
    clock: u64,
    entries: HashMap<K, Entry<V>>,
    by_use: BTreeMap<u64, K>,
}

struct Entry<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Copy + Eq + Hash, V> Lru<K, V> {
    fn new(most: usize) -> Self {
        Self {
            most,
            weight: 0,
            clock: 0,
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn get(&mut self, key: &K) -> Option<&V> {
        let now = self.tick();
        let entry = self.entries.get_mut(key)?;
        self.by_use.remove(&entry.used);
        entry.used = now;
        self.by_use.insert(now, *key);
        Some(&entry.value)
    }

    fn take(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.by_use.remove(&entry.used);
        self.weight -= entry.weight;
        Some(entry.value)
    }

    /// The newest stays, whatever it weighs.
    fn put(&mut self, key: K, value: V, weight: usize) {
        drop(self.take(&key));
        let used = self.tick();
        self.weight += weight;
        self.by_use.insert(used, key);
        let entry = Entry {
            value,
            weight,
            used,
        };
        self.entries.insert(key, entry);
        while self.weight > self.most && self.entries.len() > 1 {
            let Some(oldest) = self.by_use.values().next().copied() else {
                break;
            };
            drop(self.take(&oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_longest_goes_first_and_no_sooner_than_it_must() {
        let mut lru = Lru::new(10);
        for key in 0..5u8 {
            lru.put(key, key, 2);
        }
        assert_eq!(lru.get(&0), Some(&0));
        lru.put(5, 5, 4);
        let kept: Vec<u8> = (0..6).filter(|key| lru.get(key).is_some()).collect();
        assert_eq!(kept, [0, 3, 4, 5]);
        assert_eq!(
            (lru.weight, lru.entries.len(), lru.by_use.len()),
            (10, 4, 4)
        );
    }

    #[test]
    fn putting_a_key_again_replaces_it_with_its_weight() {
        let mut lru = Lru::new(10);
        lru.put(1, "a", 8);
        lru.put(1, "b", 3);
        lru.put(2, "c", 7);
        assert_eq!((lru.get(&1).copied(), lru.weight), (Some("b"), 10));
    }

    #[test]
    fn one_that_is_too_heavy_alone_is_kept_until_the_next() {
        let mut lru = Lru::new(10);
        lru.put(1, (), 3);
        lru.put(2, (), 99);
        assert_eq!(
            (lru.get(&1).copied(), lru.get(&2).copied()),
            (None, Some(()))
        );
        lru.put(3, (), 3);
        assert_eq!((lru.get(&2).copied(), lru.weight), (None, 3));
    }
}
