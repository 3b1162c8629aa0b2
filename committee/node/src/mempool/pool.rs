//! The mempool's memory: what waits, who waits for it, and what became of what was seen lately.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tacit_protocol::ids::EntryId;
use tokio::sync::oneshot;

use crate::{
    block::{LogBlock, entry_id},
    engine::PublicKey,
    gossip::Submission,
    limits::{
        BlockLimits, MAX_PEER_ADMISSIONS, MAX_PENDING_BYTES, MAX_PENDING_ENTRIES,
        MAX_RECENT_OUTCOMES, MAX_REPEAT_BYTES, MAX_WAITERS_PER_ENTRY, PEER_SILENCE,
        PENDING_LIFETIME,
    },
    machine::{BodyKey, Candidate, Position, Refusal},
    time::NowMs,
    watch::{Follower, Publisher},
};

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log for good.
    Final(Position),
    /// It can't be in the log.
    Refused(Refusal),
    /// The node has too much to do; send the same bytes again later, or to another node.
    Busy,
}

/// A peer as its messages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerView {
    /// The peer's key.
    pub key: PublicKey,
    /// The height of its database.
    pub applied: u64,
    /// Milliseconds since its last message.
    pub silent_ms: u64,
}

struct Pending {
    candidate: Arc<Candidate>,
    body: Option<(BodyKey, Bytes)>,
    local: bool,
    since_ms: u64,
}

impl Pending {
    fn bytes(&self) -> usize {
        self.candidate.entry.len() + self.body.as_ref().map_or(0, |(_, body)| body.len())
    }

    fn submission(&self) -> Submission {
        Submission {
            entry: self.candidate.entry.clone(),
            body: self.body.as_ref().map(|(_, body)| body.clone()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Final(Position),
    RefusedAt(u64),
}

#[derive(Default)]
struct State {
    by_arrival: BTreeMap<u64, Pending>,
    by_id: BTreeMap<EntryId, u64>,
    by_body: BTreeMap<BodyKey, u64>,
    arrivals: u64,
    bytes: usize,
    waiters: BTreeMap<EntryId, Vec<oneshot::Sender<Outcome>>>,
    suspects: BTreeSet<EntryId>,
    unsent: BTreeSet<u64>,
    repeat_from: u64,
    recent: BTreeMap<EntryId, Known>,
    recent_order: VecDeque<EntryId>,
    applied: u64,
    peers: BTreeMap<PublicKey, (u64, u64)>,
}

impl State {
    fn remove(&mut self, id: &EntryId) -> Option<Pending> {
        let arrival = self.by_id.remove(id)?;
        let pending = self.by_arrival.remove(&arrival)?;
        self.bytes -= pending.bytes();
        self.suspects.remove(id);
        self.unsent.remove(&arrival);
        if let Some((key, _)) = &pending.body
            && self.by_body.get(key) == Some(&arrival)
        {
            self.by_body.remove(key);
        }
        Some(pending)
    }

    fn remember(&mut self, id: EntryId, known: Known) {
        if self.recent.insert(id, known).is_none() {
            self.recent_order.push_back(id);
        }
        if self.recent_order.len() > MAX_RECENT_OUTCOMES
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }

    fn answer(&mut self, id: &EntryId, outcome: &Outcome) {
        for waiter in self.waiters.remove(id).unwrap_or_default() {
            drop(waiter.send(outcome.clone()));
        }
    }
}

/// The mempool's state, shared by the tasks around it.
pub(crate) struct Pool {
    limits: BlockLimits,
    now: NowMs,
    state: Mutex<State>,
    changes: Publisher<u64>,
    peer_admissions: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(limits: BlockLimits, now: NowMs) -> Self {
        Self {
            limits,
            now,
            state: Mutex::default(),
            changes: Publisher::new(0),
            peer_admissions: AtomicUsize::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers someone who waits for an entry. True if the entry is to be admitted; false if it
    /// waits already, or the answer was given.
    pub(crate) fn wait_for(&self, id: EntryId, waiter: oneshot::Sender<Outcome>) -> bool {
        let mut state = self.state();
        if let Some(Known::Final(position)) = state.recent.get(&id) {
            drop(waiter.send(Outcome::Final(*position)));
            return false;
        }
        let waiters = state.waiters.entry(id).or_default();
        waiters.retain(|waiter| !waiter.is_closed());
        if waiters.len() >= MAX_WAITERS_PER_ENTRY {
            drop(waiter.send(Outcome::Busy));
            return false;
        }
        waiters.push(waiter);
        !state.by_id.contains_key(&id)
    }

    /// The queue was full: tells those who wait, unless the entry is waiting after all.
    pub(crate) fn busy(&self, id: EntryId) {
        let mut state = self.state();
        if !state.by_id.contains_key(&id) {
            state.answer(&id, &Outcome::Busy);
        }
    }

    /// Whether a peer's entry is worth a look.
    pub(crate) fn is_news(&self, id: &EntryId) -> bool {
        let state = self.state();
        !state.by_id.contains_key(id)
            && match state.recent.get(id) {
                None => true,
                Some(Known::Final(_)) => false,
                // The next block may make it valid.
                Some(Known::RefusedAt(height)) => *height != state.applied,
            }
    }

    pub(crate) fn reserve_peer_admission(&self) -> bool {
        self.peer_admissions
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < MAX_PEER_ADMISSIONS).then_some(n + 1)
            })
            .is_ok()
    }

    pub(crate) fn release_peer_admission(&self) {
        self.peer_admissions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether the entry waits already.
    pub(crate) fn holds(&self, id: &EntryId) -> bool {
        self.state().by_id.contains_key(id)
    }

    /// Adds an admitted entry. A full pool answers busy.
    pub(crate) fn insert(&self, candidate: Candidate, body: Option<(BodyKey, Bytes)>, local: bool) {
        let id = candidate.id;
        let since_ms = (self.now)();
        {
            let mut state = self.state();
            if let Some(Known::Final(position)) = state.recent.get(&id).copied() {
                // It became final while it was being admitted.
                state.answer(&id, &Outcome::Final(position));
                return;
            }
            if state.by_id.contains_key(&id) {
                return;
            }
            let pending = Pending {
                candidate: Arc::new(candidate),
                body,
                local,
                since_ms,
            };
            if state.by_id.len() >= MAX_PENDING_ENTRIES
                || state.bytes + pending.bytes() > MAX_PENDING_BYTES
            {
                state.answer(&id, &Outcome::Busy);
                return;
            }
            let arrival = state.arrivals;
            state.arrivals += 1;
            state.bytes += pending.bytes();
            if let Some((key, _)) = &pending.body {
                state.by_body.insert(*key, arrival);
            }
            if local {
                state.unsent.insert(arrival);
            }
            state.by_id.insert(id, arrival);
            state.by_arrival.insert(arrival, pending);
        }
        self.changes.modify(|n| *n += 1);
    }

    /// An entry turned out to be final or refused.
    pub(crate) fn settle(&self, id: EntryId, outcome: &Outcome) {
        let mut state = self.state();
        state.remove(&id);
        match outcome {
            Outcome::Final(position) => state.remember(id, Known::Final(*position)),
            Outcome::Refused(_) => {
                let applied = state.applied;
                state.remember(id, Known::RefusedAt(applied));
            }
            Outcome::Busy => {}
        }
        state.answer(&id, outcome);
    }

    pub(crate) fn candidates(&self, exclude: &BTreeSet<EntryId>) -> Vec<Arc<Candidate>> {
        let state = self.state();
        let (mut bytes, mut proofs) = (0, 0);
        let mut chosen = Vec::new();
        for pending in state.by_arrival.values() {
            let candidate = &pending.candidate;
            if exclude.contains(&candidate.id) {
                continue;
            }
            if chosen.len() == self.limits.entries {
                break;
            }
            if bytes + candidate.entry.len() > self.limits.total_bytes
                || proofs + candidate.proofs > self.limits.proofs
            {
                continue;
            }
            bytes += candidate.entry.len();
            proofs += candidate.proofs;
            chosen.push(candidate.clone());
        }
        chosen
    }

    pub(crate) fn suspect(&self, ids: &[EntryId]) {
        let mut state = self.state();
        for id in ids {
            if state.by_id.contains_key(id) {
                state.suspects.insert(*id);
            }
        }
    }

    /// Takes the suspects, with their bytes, for another look.
    pub(crate) fn take_suspects(&self, only: Option<&[EntryId]>) -> Vec<(EntryId, Bytes)> {
        let mut state = self.state();
        let ids: Vec<EntryId> = match only {
            Some(ids) => ids
                .iter()
                .filter(|id| state.suspects.contains(id))
                .copied()
                .collect(),
            None => state.suspects.iter().copied().collect(),
        };
        ids.into_iter()
            .filter_map(|id| {
                state.suspects.remove(&id);
                let arrival = state.by_id.get(&id)?;
                let pending = state.by_arrival.get(arrival)?;
                Some((id, pending.candidate.entry.clone()))
            })
            .collect()
    }

    pub(crate) fn changes(&self) -> Follower<u64> {
        self.changes.follow()
    }

    pub(crate) fn body(&self, key: &BodyKey) -> Option<Bytes> {
        let state = self.state();
        let arrival = state.by_body.get(key)?;
        let (_, body) = state.by_arrival.get(arrival)?.body.as_ref()?;
        Some(body.clone())
    }

    pub(crate) fn finalized(&self, block: &LogBlock) {
        let mut state = self.state();
        state.applied = block.number();
        for (index, entry) in block.entries.iter().enumerate() {
            let id = entry_id(entry);
            let position = Position {
                height: block.number(),
                index: index as u32,
            };
            state.remove(&id);
            state.remember(id, Known::Final(position));
            state.answer(&id, &Outcome::Final(position));
        }
    }

    /// What clients gave to this node and no peer was sent yet.
    pub(crate) fn take_unsent(&self) -> Vec<Submission> {
        let mut state = self.state();
        std::mem::take(&mut state.unsent)
            .into_iter()
            .filter_map(|arrival| state.by_arrival.get(&arrival))
            .map(Pending::submission)
            .collect()
    }

    /// The next part of what clients gave to this node and still waits, in turns.
    ///
    /// Only the node that took an entry repeats it: any peer that has it can propose it, and a
    /// peer that lost it gets it from here.
    pub(crate) fn repeat(&self) -> Vec<Submission> {
        let mut state = self.state();
        let mut bytes = 0;
        let mut repeated = Vec::new();
        let mut next = 0;
        for (arrival, pending) in state.by_arrival.range(state.repeat_from..) {
            if !pending.local {
                continue;
            }
            bytes += pending.bytes();
            if bytes > MAX_REPEAT_BYTES {
                next = *arrival;
                break;
            }
            repeated.push(pending.submission());
        }
        state.repeat_from = next;
        repeated
    }

    /// Lets go of what waited too long; those who wait for it see their channel closed.
    pub(crate) fn expire(&self) -> usize {
        let now = (self.now)();
        let mut state = self.state();
        let old: Vec<EntryId> = state
            .by_arrival
            .values()
            .take_while(|pending| {
                now.saturating_sub(pending.since_ms) > PENDING_LIFETIME.as_millis() as u64
            })
            .map(|pending| pending.candidate.id)
            .collect();
        for id in &old {
            state.remove(id);
            state.waiters.remove(id);
        }
        state.waiters.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
        old.len()
    }

    pub(crate) fn pending(&self) -> (usize, usize) {
        let state = self.state();
        (state.by_id.len(), state.bytes)
    }

    pub(crate) fn heard(&self, peer: PublicKey, applied: u64) {
        let now = (self.now)();
        self.state().peers.insert(peer, (now, applied));
    }

    pub(crate) fn peers(&self) -> Vec<PeerView> {
        let now = (self.now)();
        self.state()
            .peers
            .iter()
            .map(|(key, (heard, applied))| PeerView {
                key: key.clone(),
                applied: *applied,
                silent_ms: now.saturating_sub(*heard),
            })
            .filter(|peer| peer.silent_ms <= PEER_SILENCE.as_millis() as u64)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_protocol::{
        block::{Block, Header, entries_root},
        hash::Digest,
        ids::StatementId,
    };

    const LIMITS: BlockLimits = BlockLimits {
        entries: 3,
        entry_bytes: 100,
        total_bytes: 100,
        proofs: 2,
    };

    fn pool() -> Pool {
        Pool::new(LIMITS, Arc::new(|| 1000))
    }

    fn candidate(entry: &[u8], proofs: usize) -> Candidate {
        Candidate {
            id: entry_id(entry),
            entry: Bytes::copy_from_slice(entry),
            proofs,
        }
    }

    fn insert(pool: &Pool, entry: &[u8]) -> EntryId {
        pool.insert(candidate(entry, 0), None, true);
        entry_id(entry)
    }

    fn block(height: u64, entries: &[&[u8]]) -> LogBlock {
        let entries: Vec<Vec<u8>> = entries.iter().map(|e| e.to_vec()).collect();
        LogBlock::new(Block {
            header: Header {
                height,
                parent: Digest::ZERO,
                timestamp_ms: 0,
                entries_root: entries_root(&entries),
                state_root: Digest::ZERO,
            },
            entries,
        })
    }

    #[test]
    fn candidates_come_oldest_first_and_within_the_blocks_limits() {
        let pool = pool();
        for entry in [&[1u8; 40][..], &[2; 40], &[3; 40], &[4; 10]] {
            insert(&pool, entry);
        }
        let chosen = pool.candidates(&BTreeSet::new());
        let firsts: Vec<u8> = chosen.iter().map(|c| c.entry[0]).collect();
        assert_eq!(firsts, [1, 2, 4], "the third doesn't fit, the fourth does");
        let chosen = pool.candidates(&BTreeSet::from([entry_id(&[1; 40])]));
        assert_eq!(chosen[0].entry[0], 2);
    }

    #[test]
    fn candidates_never_bring_more_proofs_than_a_block_may_have() {
        let pool = pool();
        for n in 0..3u8 {
            pool.insert(candidate(&[n], 1), None, true);
        }
        assert_eq!(pool.candidates(&BTreeSet::new()).len(), 2);
    }

    #[test]
    fn whoever_waits_learns_the_position_and_so_does_a_later_submission() {
        let pool = pool();
        let id = insert(&pool, b"entry");
        let (waiter, mut outcome) = oneshot::channel();
        assert!(!pool.wait_for(id, waiter), "it waits already");
        pool.finalized(&block(9, &[b"other", b"entry"]));
        let position = Position {
            height: 9,
            index: 1,
        };
        assert_eq!(outcome.try_recv(), Ok(Outcome::Final(position)));
        assert_eq!(pool.pending(), (0, 0));
        let (waiter, mut outcome) = oneshot::channel();
        assert!(!pool.wait_for(id, waiter));
        assert_eq!(outcome.try_recv(), Ok(Outcome::Final(position)));
        assert!(!pool.is_news(&id));
    }

    #[test]
    fn a_refused_entry_is_looked_at_again_after_the_next_block() {
        let pool = pool();
        let id = entry_id(b"early");
        pool.settle(id, &Outcome::Refused(Refusal::new("early", "not yet")));
        assert!(!pool.is_news(&id));
        pool.finalized(&block(1, &[]));
        assert!(pool.is_news(&id));
    }

    #[test]
    fn a_body_goes_with_its_entry() {
        let pool = pool();
        let key = BodyKey {
            statement: StatementId(Digest([1; 32])),
            id: [2; 32],
        };
        let body = Bytes::from_static(b"body");
        pool.insert(candidate(b"entry", 1), Some((key, body.clone())), false);
        assert_eq!(pool.body(&key), Some(body));
        pool.settle(entry_id(b"entry"), &Outcome::Busy);
        assert_eq!(pool.body(&key), None);
    }

    #[test]
    fn only_what_clients_gave_here_is_pushed_and_repeated() {
        let pool = pool();
        insert(&pool, b"mine");
        pool.insert(candidate(b"a peer's", 0), None, false);
        assert_eq!(pool.take_unsent().len(), 1);
        assert_eq!(pool.take_unsent().len(), 0);
        assert_eq!(pool.repeat().len(), 1);
        assert_eq!(pool.repeat().len(), 1);
    }

    #[test]
    fn too_many_who_wait_for_one_entry_are_told_to_come_later() {
        let pool = pool();
        let id = insert(&pool, b"entry");
        let mut outcomes = Vec::new();
        for _ in 0..=MAX_WAITERS_PER_ENTRY {
            let (waiter, outcome) = oneshot::channel();
            pool.wait_for(id, waiter);
            outcomes.push(outcome);
        }
        let last = outcomes.last_mut().expect("some");
        assert_eq!(last.try_recv(), Ok(Outcome::Busy));
        assert!(outcomes[0].try_recv().is_err());
    }

    #[test]
    fn peers_fill_only_their_part_of_the_queue() {
        let pool = pool();
        for _ in 0..MAX_PEER_ADMISSIONS {
            assert!(pool.reserve_peer_admission());
        }
        assert!(!pool.reserve_peer_admission());
        pool.release_peer_admission();
        assert!(pool.reserve_peer_admission());
    }
}
