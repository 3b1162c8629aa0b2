//! Sealed bodies among nodes: fetched from peers when a block stands for one that isn't here, kept
//! being fetched once the block is final, and given to members who ask.
//!
//! A missing body never makes a block invalid: whoever asks waits, until consensus drops the
//! question. What peers send is taken only if it was asked for and matches its entry. One task on a
//! thread of its own does all of the store's I/O.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use tacit_protocol::codec::{Decode as _, Encode as _};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use crate::{
    engine::PublicKey,
    gossip::BodyMessage,
    ledger::Stopped,
    limits::{
        MAX_HOLDS, MAX_WANT_MESSAGES_PER_TICK, MAX_WANTED, MAX_WANTED_PER_MESSAGE, WANT_EVERY,
    },
    machine::{BodyFault, BodyKey, BodyNeed, BodyStore, Fault},
    mempool::Mempool,
};

/// The body task failed, and the node with it.
#[derive(Debug, Error)]
#[error("the store of sealed bodies failed: {0}")]
pub struct BodiesError(pub Fault);

enum Ask {
    Hold(Vec<BodyNeed>, oneshot::Sender<()>),
    Keep(Vec<(BodyNeed, Option<Bytes>)>),
}

/// Asks for sealed bodies. Cheap to clone.
#[derive(Clone)]
pub struct Bodies {
    asks: mpsc::UnboundedSender<Ask>,
}

pub(crate) struct BodyQueue(mpsc::UnboundedReceiver<Ask>);

impl Bodies {
    pub(crate) fn new() -> (Self, BodyQueue) {
        let (asks, queue) = mpsc::unbounded_channel();
        (Self { asks }, BodyQueue(queue))
    }

    /// Resolves when all of them are held durably, however long it takes. Drop it to stop asking.
    pub async fn hold(&self, needs: Vec<BodyNeed>) -> Result<(), Stopped> {
        if needs.is_empty() {
            return Ok(());
        }
        let (reply, held) = oneshot::channel();
        self.asks
            .send(Ask::Hold(needs, reply))
            .map_err(|_| Stopped)?;
        held.await.map_err(|_| Stopped)
    }

    /// Goes on fetching these until they are held or their statement is closed: bodies of
    /// finalized entries. Also how a node that starts says which ones it lacks.
    pub fn keep(&self, needs: Vec<BodyNeed>) {
        self.keep_with(needs.into_iter().map(|need| (need, None)).collect());
    }

    /// The same, with those bodies that are at hand.
    pub(crate) fn keep_with(&self, needs: Vec<(BodyNeed, Option<Bytes>)>) {
        if !needs.is_empty() {
            drop(self.asks.send(Ask::Keep(needs)));
        }
    }
}

/// A question about a block.
struct Hold {
    missing: BTreeMap<BodyKey, BodyNeed>,
    found: Vec<(BodyKey, Bytes)>,
    reply: oneshot::Sender<()>,
}

/// Fetches, stores and serves sealed bodies.
pub(crate) struct BodyKeeper<S, R> {
    store: Arc<dyn BodyStore>,
    mempool: Mempool,
    sender: S,
    receiver: R,
    queue: BodyQueue,
    holds: VecDeque<Hold>,
    kept: BTreeMap<BodyKey, BodyNeed>,
    ask_from: Option<BodyKey>,
}

impl<S, R> BodyKeeper<S, R>
where
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    pub(crate) fn new(
        store: Arc<dyn BodyStore>,
        mempool: Mempool,
        (sender, receiver): (S, R),
        queue: BodyQueue,
    ) -> Self {
        Self {
            store,
            mempool,
            sender,
            receiver,
            queue,
            holds: VecDeque::new(),
            kept: BTreeMap::new(),
            ask_from: None,
        }
    }

    /// Runs until the network stops or the store fails.
    pub(crate) async fn run<E: Spawner + Clock>(mut self, context: E) -> Result<(), BodiesError> {
        let mut arrivals = self.mempool.changes();
        let mut tick = Box::pin(context.sleep(WANT_EVERY));
        loop {
            tokio::select! {
                biased;
                ask = self.queue.0.recv() => match ask {
                    Some(Ask::Hold(needs, reply)) => self.hold(needs, reply)?,
                    Some(Ask::Keep(needs)) => self.keep(needs)?,
                    None => return Ok(()),
                },
                () = &mut tick => {
                    tick = Box::pin(context.sleep(WANT_EVERY));
                    self.want();
                }
                changed = arrivals.changed(), if !self.holds.is_empty() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    self.look_in_mempool()?;
                }
                message = self.receiver.recv() => match message {
                    Ok((peer, message)) => self.take(peer, message.as_ref())?,
                    Err(error) => {
                        debug!(%error, "body channel closed");
                        return Ok(());
                    }
                },
            }
        }
    }

    fn hold(
        &mut self,
        needs: Vec<BodyNeed>,
        reply: oneshot::Sender<()>,
    ) -> Result<(), BodiesError> {
        let mut missing = BTreeMap::new();
        for need in needs {
            if !self.store.has(&need.key).map_err(BodiesError)? {
                missing.insert(need.key, need);
            }
        }
        if self.holds.len() == MAX_HOLDS {
            // Its question was dropped long ago.
            self.holds.pop_front();
        }
        self.holds.push_back(Hold {
            missing,
            found: Vec::new(),
            reply,
        });
        self.look_in_mempool()?;
        if self.holds.iter().any(|hold| !hold.missing.is_empty()) {
            self.want();
        }
        Ok(())
    }

    fn keep(&mut self, needs: Vec<(BodyNeed, Option<Bytes>)>) -> Result<(), BodiesError> {
        let mut found = Vec::new();
        for (need, body) in needs {
            if self.store.has(&need.key).map_err(BodiesError)? {
                continue;
            }
            match body {
                Some(body) if self.matches(&need, &body) => found.push((need.key, body)),
                _ if self.kept.len() < MAX_WANTED => {
                    self.kept.insert(need.key, need);
                }
                _ => {
                    warn!("too many sealed bodies are missing; the rest is fetched after a restart")
                }
            }
        }
        if !found.is_empty() {
            self.store.put_all(&found).map_err(BodiesError)?;
        }
        Ok(())
    }

    fn matches(&self, need: &BodyNeed, body: &[u8]) -> bool {
        match self.store.check(need, body) {
            Ok(()) => true,
            Err(BodyFault::Mismatch(refusal)) => {
                debug!(code = refusal.code, "a sealed body doesn't match its entry");
                false
            }
        }
    }

    fn look_in_mempool(&mut self) -> Result<(), BodiesError> {
        let mempool = self.mempool.clone();
        self.fill(|key| mempool.body(key))
    }

    /// Gives to the open questions what `source` has, and answers those that lack nothing.
    fn fill(&mut self, source: impl Fn(&BodyKey) -> Option<Bytes>) -> Result<(), BodiesError> {
        let mut waiting = VecDeque::with_capacity(self.holds.len());
        for mut hold in std::mem::take(&mut self.holds) {
            if hold.reply.is_closed() {
                continue;
            }
            let found: Vec<(BodyKey, Bytes)> = hold
                .missing
                .values()
                .filter_map(|need| {
                    let body = source(&need.key)?;
                    self.matches(need, &body).then_some((need.key, body))
                })
                .collect();
            for (key, body) in found {
                hold.missing.remove(&key);
                hold.found.push((key, body));
            }
            if hold.missing.is_empty() {
                if !hold.found.is_empty() {
                    self.store.put_all(&hold.found).map_err(BodiesError)?;
                }
                for (key, _) in &hold.found {
                    self.kept.remove(key);
                }
                let _ = hold.reply.send(());
            } else {
                waiting.push_back(hold);
            }
        }
        self.holds = waiting;
        Ok(())
    }

    /// Asks all peers for what is missing: first what votes wait for, then finalized ones in turns.
    fn want(&mut self) {
        self.holds.retain(|hold| !hold.reply.is_closed());
        let store = self.store.clone();
        self.kept.retain(|key, _| !store.closed(&key.statement));
        let room = MAX_WANTED_PER_MESSAGE * MAX_WANT_MESSAGES_PER_TICK;
        let mut wanted: BTreeSet<BodyKey> = self
            .holds
            .iter()
            .flat_map(|hold| hold.missing.keys().copied())
            .take(room)
            .collect();
        let start = self.ask_from.take();
        let turn = start
            .map_or_else(|| self.kept.range(..), |key| self.kept.range(key..))
            .map(|(key, _)| *key);
        for key in turn {
            if wanted.len() >= room {
                self.ask_from = Some(key);
                break;
            }
            wanted.insert(key);
        }
        let wanted: Vec<BodyKey> = wanted.into_iter().collect();
        for keys in wanted.chunks(MAX_WANTED_PER_MESSAGE) {
            let message = BodyMessage::Want(keys.to_vec());
            self.send(Recipients::All, &message);
        }
    }

    fn send(&mut self, to: Recipients<PublicKey>, message: &BodyMessage) {
        self.sender.send(to, Bytes::from(message.to_bytes()), false);
    }

    fn take(&mut self, peer: PublicKey, message: &[u8]) -> Result<(), BodiesError> {
        match BodyMessage::from_bytes(message) {
            Ok(BodyMessage::Want(keys)) => {
                for key in keys {
                    let body = match self.store.get(&key).map_err(BodiesError)? {
                        Some(body) => Some(body),
                        None => self.mempool.body(&key),
                    };
                    if let Some(body) = body {
                        let answer = BodyMessage::Have(key, body);
                        self.send(Recipients::One(peer.clone()), &answer);
                    }
                }
            }
            Ok(BodyMessage::Have(key, body)) => {
                self.fill(|missing| (*missing == key).then(|| body.clone()))?;
                if let Some(need) = self.kept.get(&key)
                    && self.matches(need, &body)
                {
                    self.kept.remove(&key);
                    self.store.put_all(&[(key, body)]).map_err(BodiesError)?;
                }
            }
            Err(error) => warn!(?peer, %error, "a node sent a body message that doesn't decode"),
        }
        Ok(())
    }
}
