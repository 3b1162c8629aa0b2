//! The gossip task: pushes what clients gave to this node, again and again while it waits, and takes
//! what peers push.

use std::time::Duration;

use bytes::Bytes;
use commonware_p2p::{Receiver, Recipients, Sender};
use commonware_runtime::{Clock, Spawner};
use commonware_utils::ordered::Set;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tracing::{debug, warn};

use super::Mempool;
use crate::{
    engine::PublicKey,
    gossip::{Gossip, Submission, batches},
    ledger::Ledger,
    limits::REPEAT_EVERY,
};

/// Passes entries on to all nodes.
pub(crate) struct Gossiper<S, R> {
    pub(crate) mempool: Mempool,
    pub(crate) ledger: Ledger,
    pub(crate) committee: Set<PublicKey>,
    pub(crate) sender: S,
    pub(crate) receiver: R,
    pub(crate) pause: Duration,
}

impl<S, R> Gossiper<S, R>
where
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    /// Runs until the network stops.
    pub(crate) async fn run<E: Spawner + Clock>(mut self, context: E) {
        let mut changes = self.mempool.changes();
        let mut tick = Box::pin(context.sleep(REPEAT_EVERY));
        let mut pause = Box::pin(context.sleep(Duration::ZERO));
        let (mut paused, mut unsent) = (false, false);
        loop {
            tokio::select! {
                biased;
                () = &mut tick => {
                    tick = Box::pin(context.sleep(REPEAT_EVERY));
                    self.repeat();
                }
                () = &mut pause, if paused => paused = false,
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    unsent = true;
                }
                message = self.receiver.recv() => match message {
                    Ok((peer, message)) => self.take(peer, message.as_ref()),
                    Err(error) => {
                        debug!(%error, "gossip channel closed");
                        return;
                    }
                },
            }
            if unsent && !paused {
                let submissions = self.mempool.pool().take_unsent();
                if !submissions.is_empty() {
                    self.push(submissions);
                    pause = Box::pin(context.sleep(self.pause));
                    paused = true;
                }
                unsent = false;
            }
        }
    }

    fn repeat(&mut self) {
        let expired = self.mempool.pool().expire();
        if expired > 0 {
            warn!(expired, "entries waited too long for a block");
        }
        let applied = self.ledger.applied().height;
        self.send(&Gossip::Alive { applied });
        let repeated = self.mempool.pool().repeat();
        self.push(repeated);
    }

    fn push(&mut self, submissions: Vec<Submission>) {
        for message in batches(submissions) {
            self.send(&message);
        }
    }

    fn send(&mut self, message: &Gossip) {
        // Offline and over-quota peers are skipped without an error: that is what repeats are for.
        self.sender
            .send(Recipients::All, Bytes::from(message.to_bytes()), false);
    }

    fn take(&self, peer: PublicKey, message: &[u8]) {
        match Gossip::from_bytes(message) {
            Ok(Gossip::Alive { applied }) => self.mempool.pool().heard(peer, applied),
            Ok(Gossip::Entries(submissions)) => {
                let position = self.committee.position(&peer);
                for submission in submissions {
                    let outline = |entry: &Bytes| self.ledger.outline(entry);
                    self.mempool.offer(&peer, position, submission, outline);
                }
            }
            Err(error) => warn!(?peer, %error, "a node sent a gossip message that doesn't decode"),
        }
    }
}
