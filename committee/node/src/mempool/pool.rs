//! The mempool's memory: what waits, who waits for it, and what became of what was seen lately.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tacit_protocol::{block::MAX_BLOCK_PROPOSALS, entry::Kind, ids::EntryId};
use tokio::sync::oneshot;

use crate::{
    block::{LogBlock, entry_id},
    engine::PublicKey,
    gossip::Submission,
    limits::{
        BlockLimits, MAX_PENDING_BYTES, MAX_PENDING_ENTRIES, MAX_RECENT_OUTCOMES, MAX_REPEAT_BYTES,
        MAX_WAITERS_PER_ENTRY, PEER_SILENCE, PENDING_LIFETIME,
    },
    machine::{BodyKey, Candidate, Outline, Place, Position, Refusal},
    time::NowMs,
    watch::{Follower, Publisher},
};

/// First byte of a proposal, of which a block has so many and no more.
const PROPOSAL: u8 = Kind::StatementPropose as u8;

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

/// Why an entry isn't taken beside another that waits.
pub(crate) fn taken() -> Refusal {
    Refusal::new(
        "signature-waiting",
        "another signature of this member on this statement waits to be in the log",
    )
}

/// Whether an entry's place is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contest {
    /// It is, or this entry needs none.
    Free,
    /// The same thing waits there in other bytes: whoever waits for this entry waits for that one now.
    Joined,
    /// Something else waits there.
    Taken,
}

struct Pending {
    candidate: Arc<Candidate>,
    outline: Outline,
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
    by_place: BTreeMap<Place, u64>,
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
        if let Some(place) = &pending.outline.place
            && self.by_place.get(place) == Some(&arrival)
        {
            self.by_place.remove(place);
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

    fn contest(&mut self, id: EntryId, outline: &Outline) -> Contest {
        let holder = outline
            .place
            .and_then(|place| self.by_place.get(&place))
            .and_then(|arrival| self.by_arrival.get(arrival));
        let Some(holder) = holder.filter(|holder| holder.candidate.id != id) else {
            return Contest::Free;
        };
        if holder.outline.content != outline.content {
            return Contest::Taken;
        }
        let holder = holder.candidate.id;
        let Some(joining) = self.waiters.remove(&id) else {
            return Contest::Joined;
        };
        let waiting = self.waiters.entry(holder).or_default();
        waiting.retain(|waiter| !waiter.is_closed());
        for waiter in joining {
            if waiting.len() < MAX_WAITERS_PER_ENTRY {
                waiting.push(waiter);
            } else {
                drop(waiter.send(Outcome::Busy));
            }
        }
        Contest::Joined
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
}

impl Pool {
    pub(crate) fn new(limits: BlockLimits, now: NowMs) -> Self {
        Self {
            limits,
            now,
            state: Mutex::default(),
            changes: Publisher::new(0),
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

    /// Whether the place that an entry wants is free, before anything dear is done for it.
    ///
    /// A place is taken by what was admitted and whose proofs hold, and by nothing else: see
    /// [`Pool::insert`].
    pub(crate) fn contest(&self, id: EntryId, outline: &Outline) -> Contest {
        self.state().contest(id, outline)
    }

    /// Whether the entry waits already.
    pub(crate) fn holds(&self, id: &EntryId) -> bool {
        self.state().by_id.contains_key(id)
    }

    /// Adds an admitted entry whose proofs hold. A full pool answers busy.
    ///
    /// From now on it has its place: of all that claims to be one member's signature on a statement, one
    /// waits here. Without this a member could fill blocks with re-randomized proofs of one signature,
    /// of which one can count. Nobody can be shut out by it. The place goes to a candidate only here,
    /// after its proof was verified, and the proof shows knowledge of the member's secret, from which
    /// the nullifier follows: what somebody makes up for a nullifier that they have seen never gets here.
    /// What they can make is another proof of the very signature that they have seen. That has the same
    /// content, so it doesn't matter which of the two is first: one counts, and whoever waits for the
    /// other gets its outcome. Only the member can make a signature of other content, and then has
    /// two, of which the log takes one anyway.
    ///
    /// A node's word is signed, so its place, too, goes to nobody else's. What this node itself says
    /// stays beside it all the same: it must not depend on what it said before.
    pub(crate) fn insert(
        &self,
        candidate: Candidate,
        body: Option<(BodyKey, Bytes)>,
        local: bool,
        outline: Outline,
    ) {
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
            let contest = state.contest(id, &outline);
            match contest {
                Contest::Free => {}
                Contest::Taken if local && outline.author.is_some() => {}
                Contest::Taken => {
                    state.answer(&id, &Outcome::Refused(taken()));
                    return;
                }
                Contest::Joined => return,
            }
            let pending = Pending {
                candidate: Arc::new(candidate),
                outline,
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
            if let Some(place) = pending.outline.place {
                state.by_place.entry(place).or_insert(arrival);
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
        let (mut bytes, mut proofs, mut proposals) = (0, 0, 0);
        let mut chosen = Vec::new();
        for pending in state.by_arrival.values() {
            let candidate = &pending.candidate;
            if exclude.contains(&candidate.id) {
                continue;
            }
            if chosen.len() == self.limits.entries {
                break;
            }
            let proposes = usize::from(candidate.entry.first() == Some(&PROPOSAL));
            if bytes + candidate.entry.len() > self.limits.total_bytes
                || proofs + candidate.proofs > self.limits.proofs
                || proposals + proposes > MAX_BLOCK_PROPOSALS
            {
                continue;
            }
            proposals += proposes;
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
mod tests;
