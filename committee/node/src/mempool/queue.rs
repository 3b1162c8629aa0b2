//! What waits for the admission task: this node's own before its peers', and no peer in another's place.
//!
//! Committee members may lie and flood, so none of them may fill what others need: each has its own
//! share, in entries and in bytes. It never decides what an entry is worth, only when its turn comes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tacit_protocol::{founding::MAX_NODES, ids::EntryId};
use tokio::sync::mpsc;

use crate::{
    engine::PublicKey,
    gossip::Submission,
    limits::{MAX_ADMISSIONS, MAX_PEER_ADMISSION_BYTES, MAX_PEER_ADMISSIONS, PEERS_TURN},
    machine::Outline,
};

/// What waits for the admission task.
pub(crate) enum Incoming {
    /// A client's or a reconciler's.
    Local(EntryId, Submission),
    /// A peer's.
    Peer(Offer),
    /// Entries that weren't valid on some ancestors: look at them again.
    Recheck(Vec<EntryId>),
}

/// What a peer passed on.
pub(crate) struct Offer {
    /// Who.
    pub(crate) peer: PublicKey,
    /// Hash of the entry.
    pub(crate) id: EntryId,
    /// The entry.
    pub(crate) submission: Submission,
    /// What it claims to be.
    pub(crate) outline: Outline,
}

/// What of a peer's share is taken.
#[derive(Clone, Copy, Default)]
struct Share {
    entries: usize,
    bytes: usize,
}

type Shares = BTreeMap<PublicKey, Share>;

/// The queue's open end. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Queue {
    local: mpsc::Sender<Incoming>,
    peers: mpsc::Sender<Offer>,
    shares: Arc<Mutex<Shares>>,
}

/// The end at which the admission task takes.
pub(crate) struct Arrivals {
    local: mpsc::Receiver<Incoming>,
    peers: mpsc::Receiver<Offer>,
    shares: Arc<Mutex<Shares>>,
    turn: usize,
}

/// An empty queue.
pub(crate) fn queue() -> (Queue, Arrivals) {
    let (local, local_end) = mpsc::channel(MAX_ADMISSIONS);
    // Shares bound it: each peer's fits beside all others'.
    let (peers, peers_end) = mpsc::channel(MAX_NODES * MAX_PEER_ADMISSIONS);
    let shares = Arc::new(Mutex::new(Shares::new()));
    let queue = Queue {
        local,
        peers,
        shares: shares.clone(),
    };
    let arrivals = Arrivals {
        local: local_end,
        peers: peers_end,
        shares,
        turn: 0,
    };
    (queue, arrivals)
}

fn locked(shares: &Mutex<Shares>) -> MutexGuard<'_, Shares> {
    shares.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Adds what comes from this node itself; `false` if there is no room.
    pub(crate) fn local(&self, incoming: Incoming) -> bool {
        self.local.try_send(incoming).is_ok()
    }

    /// Adds what a peer passed on, within its share; what doesn't fit is dropped, and the peer repeats it.
    pub(crate) fn peer(&self, offer: Offer) -> bool {
        let (peer, bytes) = (offer.peer.clone(), offer.submission.bytes());
        {
            let mut shares = locked(&self.shares);
            let share = shares.entry(peer).or_default();
            if share.entries >= MAX_PEER_ADMISSIONS
                || share.bytes + bytes > MAX_PEER_ADMISSION_BYTES
            {
                return false;
            }
            share.entries += 1;
            share.bytes += bytes;
        }
        match self.peers.try_send(offer) {
            Ok(()) => true,
            Err(
                mpsc::error::TrySendError::Full(offer) | mpsc::error::TrySendError::Closed(offer),
            ) => {
                give_back(&self.shares, &offer);
                false
            }
        }
    }
}

fn give_back(shares: &Mutex<Shares>, offer: &Offer) {
    let mut shares = locked(shares);
    if let Some(share) = shares.get_mut(&offer.peer) {
        share.entries = share.entries.saturating_sub(1);
        share.bytes = share.bytes.saturating_sub(offer.submission.bytes());
        if share.entries == 0 {
            shares.remove(&offer.peer);
        }
    }
}

impl Arrivals {
    /// The next one, once there is one; `None` if nobody is left to send any. Begins a turn: this node's own
    /// go first, but every so many turns its peers', so that a busy API doesn't shut them out.
    pub(crate) async fn next(&mut self) -> Option<Incoming> {
        self.turn = (self.turn + 1) % PEERS_TURN;
        let peers_first = self.turn == 0;
        let Self { local, peers, .. } = self;
        let incoming = if peers_first {
            tokio::select! {
                biased;
                Some(offer) = peers.recv() => Incoming::Peer(offer),
                Some(incoming) = local.recv() => incoming,
                else => return None,
            }
        } else {
            tokio::select! {
                biased;
                Some(incoming) = local.recv() => incoming,
                Some(offer) = peers.recv() => Incoming::Peer(offer),
                else => return None,
            }
        };
        Some(self.taken(incoming))
    }

    /// The next one of this turn, if there is one by now.
    pub(crate) fn try_next(&mut self) -> Option<Incoming> {
        let incoming = if self.turn == 0 {
            self.try_peer().or_else(|| self.try_local())
        } else {
            self.try_local().or_else(|| self.try_peer())
        };
        incoming.map(|incoming| self.taken(incoming))
    }

    /// Whether nothing of any peer waits.
    pub(crate) fn no_peer_waits(&self) -> bool {
        self.peers.is_empty()
    }

    fn try_local(&mut self) -> Option<Incoming> {
        self.local.try_recv().ok()
    }

    fn try_peer(&mut self) -> Option<Incoming> {
        self.peers.try_recv().ok().map(Incoming::Peer)
    }

    fn taken(&self, incoming: Incoming) -> Incoming {
        if let Incoming::Peer(offer) = &incoming {
            give_back(&self.shares, offer);
        }
        incoming
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use commonware_cryptography::Signer as _;

    use super::*;
    use crate::{block::entry_id, engine::PrivateKey};

    fn peer(n: u64) -> PublicKey {
        PrivateKey::from_seed(n).public_key()
    }

    fn submission(entry: Vec<u8>) -> Submission {
        Submission {
            entry: Bytes::from(entry),
            body: None,
        }
    }

    fn offer(peer: PublicKey, entry: Vec<u8>) -> Offer {
        Offer {
            peer,
            id: entry_id(&entry),
            submission: submission(entry),
            outline: Outline::default(),
        }
    }

    fn local(entry: Vec<u8>) -> Incoming {
        Incoming::Local(entry_id(&entry), submission(entry))
    }

    fn first_byte(incoming: Incoming) -> u8 {
        match incoming {
            Incoming::Local(_, submission) => submission.entry[0],
            Incoming::Peer(offer) => offer.submission.entry[0],
            Incoming::Recheck(_) => 0,
        }
    }

    #[test]
    fn a_peer_fills_its_own_share_and_nobody_elses() {
        let (queue, mut arrivals) = queue();
        for n in 0..MAX_PEER_ADMISSIONS {
            assert!(queue.peer(offer(peer(1), vec![n as u8])));
        }
        assert!(!queue.peer(offer(peer(1), vec![1])));
        assert!(queue.peer(offer(peer(2), vec![2])));
        assert!(queue.local(local(vec![3])));
        // What is taken makes room.
        let taken = arrivals.try_peer().map(|incoming| arrivals.taken(incoming));
        assert!(taken.is_some());
        assert!(queue.peer(offer(peer(1), vec![1])));
        assert!(!queue.peer(offer(peer(1), vec![1])));
    }

    #[test]
    fn a_share_is_bounded_in_bytes_too() {
        let (queue, mut arrivals) = queue();
        let large = || offer(peer(1), vec![1; MAX_PEER_ADMISSION_BYTES / 2]);
        assert!(queue.peer(large()));
        assert!(queue.peer(large()));
        assert!(!queue.peer(offer(peer(1), vec![1])));
        assert!(queue.peer(offer(peer(2), vec![1])));
        while arrivals.try_next().is_some() {}
        assert!(arrivals.no_peer_waits());
        assert!(locked(&queue.shares).is_empty());
        assert!(queue.peer(large()));
    }

    #[tokio::test]
    async fn this_nodes_own_go_first_and_its_peers_go_first_in_their_turn() {
        let (queue, mut arrivals) = queue();
        for _ in 0..2 * PEERS_TURN {
            assert!(queue.peer(offer(peer(1), vec![9])));
            assert!(queue.local(local(vec![1])));
        }
        let mut firsts = Vec::new();
        for _ in 0..PEERS_TURN {
            firsts.extend(arrivals.next().await.map(first_byte));
        }
        assert_eq!(firsts, [vec![1; PEERS_TURN - 1], vec![9]].concat());
        drop(queue);
        let mut rest = 0;
        while arrivals.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, 3 * PEERS_TURN);
    }
}
