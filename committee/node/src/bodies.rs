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
    Fetch(Vec<BodyNeed>, mpsc::UnboundedSender<(BodyKey, Bytes)>),
}

/// Bodies that arrive, each the one that its entry stands for. Drop it to stop asking for the rest.
pub type Arrivals = mpsc::UnboundedReceiver<(BodyKey, Bytes)>;

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

    /// Goes on fetching these until they are held or their statement is closed. The engine does so
    /// for the bodies of finalized entries; that memory dies with the process, so whoever starts a
    /// node asks again for all bodies of live statements (held ones cost one look).
    pub fn keep(&self, needs: Vec<BodyNeed>) {
        self.keep_with(needs.into_iter().map(|need| (need, None)).collect());
    }

    /// Goes on fetching these for whoever asks, and stores nothing: for opened bodies, which are public
    /// and don't belong into the store that can be erased. Ends when all have come; those beyond what
    /// is fetched at a time don't come, and are to be asked for again then.
    pub fn fetch(&self, needs: Vec<BodyNeed>) -> Arrivals {
        let (to, arrivals) = mpsc::unbounded_channel();
        if !needs.is_empty() {
            drop(self.asks.send(Ask::Fetch(needs, to)));
        }
        arrivals
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

/// A finalized body that is missing.
struct Wanted {
    need: BodyNeed,
    /// Who asked for it, if it isn't for the store.
    to: Option<mpsc::UnboundedSender<(BodyKey, Bytes)>>,
}

/// Fetches, stores and serves sealed bodies.
pub(crate) struct BodyKeeper<S, R> {
    store: Arc<dyn BodyStore>,
    mempool: Mempool,
    sender: S,
    receiver: R,
    queue: BodyQueue,
    holds: VecDeque<Hold>,
    kept: BTreeMap<BodyKey, Wanted>,
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
                    Some(Ask::Fetch(needs, to)) => self.fetch(needs, &to)?,
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
                    self.kept.insert(need.key, Wanted { need, to: None });
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

    fn fetch(
        &mut self,
        needs: Vec<BodyNeed>,
        to: &mpsc::UnboundedSender<(BodyKey, Bytes)>,
    ) -> Result<(), BodiesError> {
        for need in needs {
            match self.store.get(&need.key).map_err(BodiesError)? {
                // Whoever asked may be gone; then there is nothing to do.
                Some(body) if self.matches(&need, &body) => drop(to.send((need.key, body))),
                _ if self.kept.len() < MAX_WANTED => {
                    let to = Some(to.clone());
                    self.kept.insert(need.key, Wanted { need, to });
                }
                _ => {}
            }
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
                if !hold.found.is_empty()
                    && !self.store.put_all(&hold.found).map_err(BodiesError)?
                {
                    warn!("a sealed body can't be held here: no vote for its block");
                    continue;
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
        self.kept.retain(|key, wanted| match &wanted.to {
            Some(to) => !to.is_closed(),
            None => !store.closed(&key.statement),
        });
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
                if self
                    .kept
                    .get(&key)
                    .is_some_and(|wanted| self.matches(&wanted.need, &body))
                    && let Some(wanted) = self.kept.remove(&key)
                {
                    match wanted.to {
                        Some(to) => drop(to.send((key, body))),
                        None => {
                            self.store.put_all(&[(key, body)]).map_err(BodiesError)?;
                        }
                    }
                }
            }
            Err(error) => warn!(?peer, %error, "a node sent a body message that doesn't decode"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Mutex, time::Duration};

    use commonware_cryptography::Signer as _;
    use commonware_p2p::simulated::{self, Link};
    use commonware_runtime::{
        Quota, Runner as _, Supervisor as _,
        deterministic::{self, Context},
    };
    use commonware_utils::{NZU32, NZUsize, probability};
    use futures::FutureExt as _;
    use tacit_protocol::{hash::Digest, ids::StatementId};

    use super::*;
    use crate::{
        engine::PrivateKey,
        limits::{BlockLimits, channel},
        machine::Refusal,
    };

    /// A body matches if it is the `ct`'s first byte; the statement 9 is closed.
    #[derive(Default)]
    struct Shelf(Mutex<BTreeMap<BodyKey, Bytes>>);

    impl BodyStore for Shelf {
        fn has(&self, key: &BodyKey) -> Result<bool, Fault> {
            Ok(self.0.lock().expect("not poisoned").contains_key(key))
        }

        fn get(&self, key: &BodyKey) -> Result<Option<Bytes>, Fault> {
            Ok(self.0.lock().expect("not poisoned").get(key).cloned())
        }

        fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault> {
            if body == &need.key.id[..1] {
                Ok(())
            } else {
                Err(BodyFault::Mismatch(Refusal::new("body", "another")))
            }
        }

        fn put_all(&self, bodies: &[(BodyKey, Bytes)]) -> Result<bool, Fault> {
            if bodies.iter().any(|(key, _)| self.closed(&key.statement)) {
                return Ok(false);
            }
            self.0
                .lock()
                .expect("not poisoned")
                .extend(bodies.iter().cloned());
            Ok(true)
        }

        fn closed(&self, statement: &StatementId) -> bool {
            statement == &StatementId(Digest([9; 32]))
        }
    }

    fn need(statement: u8, ct: u8) -> BodyNeed {
        BodyNeed {
            key: BodyKey {
                statement: StatementId(Digest([statement; 32])),
                id: [ct; 32],
            },
            entry: Bytes::new(),
        }
    }

    /// A peer of the keeper, as the test plays it.
    struct Peer<S, R> {
        sender: S,
        receiver: R,
    }

    impl<S: Sender<PublicKey = PublicKey>, R: Receiver<PublicKey = PublicKey>> Peer<S, R> {
        fn say(&mut self, message: &[u8]) {
            self.sender
                .send(Recipients::All, Bytes::copy_from_slice(message), false);
        }

        async fn hear(&mut self) -> BodyMessage {
            let (_, message) = self.receiver.recv().await.expect("connected");
            BodyMessage::from_bytes(message.as_ref()).expect("valid")
        }
    }

    async fn keeper(
        context: &Context,
    ) -> (
        Bodies,
        Arc<Shelf>,
        Peer<impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>>,
    ) {
        let keys = [PrivateKey::from_seed(1), PrivateKey::from_seed(2)].map(|k| k.public_key());
        let (network, oracle) = simulated::Network::new_with_peers(
            context.child("network"),
            simulated::Config {
                max_size: 1 << 20,
                max_peers_per_set: NZUsize!(2),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(1),
            },
            keys.clone(),
        )
        .await;
        network.start();
        let mut ends = Vec::new();
        for (me, other) in [(0, 1), (1, 0)] {
            let link = Link {
                latency: Duration::from_millis(5),
                jitter: Duration::ZERO,
                success_rate: probability!(1.0),
            };
            oracle
                .add_link(keys[me].clone(), keys[other].clone(), link)
                .await
                .expect("linked");
            let control = oracle.control(keys[me].clone());
            let quota = Quota::per_second(NZU32!(1000));
            ends.push(control.register(channel::BODIES, quota).await.expect("new"));
        }
        let (sender, receiver) = ends.pop().expect("two");
        let peer = Peer { sender, receiver };
        let (mempool, _incoming) = Mempool::new(BlockLimits::V1, Arc::new(|| 0));
        let (bodies, queue) = Bodies::new();
        let shelf = Arc::<Shelf>::default();
        let keeper = BodyKeeper::new(shelf.clone(), mempool, ends.pop().expect("one"), queue);
        context
            .child("keeper")
            .spawn(|context| async move { keeper.run(context).await });
        context.sleep(Duration::from_millis(10)).await;
        (bodies, shelf, peer)
    }

    #[test]
    fn a_missing_body_is_asked_for_until_the_right_one_comes() {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (bodies, shelf, mut peer) = keeper(&context).await;
            let (first, second) = (need(1, 1), need(1, 2));
            let mut held = Box::pin(bodies.hold(vec![first.clone(), second.clone()]));
            assert!(held.as_mut().now_or_never().is_none());
            let both = BodyMessage::Want(vec![first.key, second.key]);
            assert_eq!(peer.hear().await, both);
            // Noise, another body for this key, and a body that nobody asked for.
            peer.say(b"noise");
            peer.say(&BodyMessage::Have(first.key, Bytes::from_static(&[7])).to_bytes());
            peer.say(&BodyMessage::Have(need(1, 3).key, Bytes::from_static(&[3])).to_bytes());
            assert_eq!(peer.hear().await, both, "asked again");
            peer.say(&BodyMessage::Have(first.key, Bytes::from_static(&[1])).to_bytes());
            context.sleep(Duration::from_millis(20)).await;
            assert!(held.as_mut().now_or_never().is_none(), "one is missing");
            loop {
                if peer.hear().await == BodyMessage::Want(vec![second.key]) {
                    break;
                }
            }
            peer.say(&BodyMessage::Have(second.key, Bytes::from_static(&[2])).to_bytes());
            assert_eq!(held.await, Ok(()));
            let held: Vec<BodyKey> = shelf.0.lock().expect("ok").keys().copied().collect();
            assert_eq!(held, [first.key, second.key], "and nothing else");
        });
    }

    #[test]
    fn a_dropped_question_is_not_asked_any_more_and_a_finalized_body_is() {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (bodies, shelf, mut peer) = keeper(&context).await;
            let (dropped, kept, closed) = (need(1, 1), need(1, 2), need(9, 3));
            assert!(bodies.hold(vec![dropped]).now_or_never().is_none());
            bodies.keep(vec![kept.clone(), closed]);
            context.sleep(Duration::from_secs(2)).await;
            let mut last = peer.hear().await;
            while let Some(message) = peer.hear().now_or_never() {
                last = message;
            }
            assert_eq!(last, BodyMessage::Want(vec![kept.key]));
            peer.say(&BodyMessage::Have(kept.key, Bytes::from_static(&[2])).to_bytes());
            context.sleep(Duration::from_millis(20)).await;
            assert!(shelf.has(&kept.key).expect("works"));
        });
    }

    #[test]
    fn a_public_body_is_fetched_for_whoever_asks_and_never_stored_even_if_its_statement_is_closed()
    {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (bodies, shelf, mut peer) = keeper(&context).await;
            let (here, missing) = (need(9, 1), need(9, 2));
            let shelved = (here.key, Bytes::from_static(&[1]));
            shelf.0.lock().expect("ok").extend([shelved.clone()]);
            let mut arrivals = bodies.fetch(vec![here, missing.clone()]);
            assert_eq!(arrivals.recv().await, Some(shelved), "it was here");
            assert_eq!(peer.hear().await, BodyMessage::Want(vec![missing.key]));
            // Another body under this key is no answer.
            peer.say(&BodyMessage::Have(missing.key, Bytes::from_static(&[7])).to_bytes());
            assert_eq!(peer.hear().await, BodyMessage::Want(vec![missing.key]));
            let right = Bytes::from_static(&[2]);
            peer.say(&BodyMessage::Have(missing.key, right.clone()).to_bytes());
            assert_eq!(arrivals.recv().await, Some((missing.key, right)));
            assert_eq!(arrivals.recv().await, None, "all have come");
            assert!(!shelf.has(&missing.key).expect("works"));
        });
    }

    #[test]
    fn nobody_is_asked_for_a_public_body_that_nobody_waits_for() {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (bodies, _shelf, mut peer) = keeper(&context).await;
            let (dropped, kept) = (need(1, 1), need(1, 2));
            drop(bodies.fetch(vec![dropped]));
            bodies.keep(vec![kept.clone()]);
            assert_eq!(peer.hear().await, BodyMessage::Want(vec![kept.key]));
        });
    }

    #[test]
    fn a_body_that_cannot_be_held_here_gets_no_vote() {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (bodies, _shelf, mut peer) = keeper(&context).await;
            let closed = need(9, 1);
            let mut held = Box::pin(bodies.hold(vec![closed.clone()]));
            assert!(held.as_mut().now_or_never().is_none());
            peer.hear().await;
            peer.say(&BodyMessage::Have(closed.key, Bytes::from_static(&[1])).to_bytes());
            assert_eq!(held.await, Err(Stopped));
        });
    }

    #[test]
    fn members_are_given_what_is_held() {
        deterministic::Runner::timed(Duration::from_secs(60)).start(|context| async move {
            let (_bodies, shelf, mut peer) = keeper(&context).await;
            let held = need(1, 1).key;
            shelf
                .put_all(&[(held, Bytes::from_static(&[1]))])
                .expect("works");
            peer.say(&BodyMessage::Want(vec![need(1, 2).key, held]).to_bytes());
            let answer = BodyMessage::Have(held, Bytes::from_static(&[1]));
            assert_eq!(peer.hear().await, answer);
        });
    }
}
