//! Opened bodies that this node lacks, because its database was rebuilt from the log, which doesn't
//! hold them, or because it was down when the others opened them: fetched from the peers, who have them
//! as public, and stored as public here.
//!
//! What must never happen here: that a body of a list that isn't open gets into the database.

use std::collections::{BTreeMap, BTreeSet};

use tacit_ledger::{Ledger, LedgerError};
use tacit_protocol::codec::Decode as _;
use tacit_protocol::ids::StatementId;
use tacit_protocol::signature::SealedBody;
use tokio::sync::mpsc::error::TryRecvError;
use tracing::{info, warn};

use super::{HasLedger, ReconcileError, snapshot};
use crate::bodies::{Arrivals, Bodies};
use crate::ledger::Reader;
use crate::machine::{BodyKey, BodyNeed};

/// The opened lists, as far as this node holds their bodies.
#[derive(Default)]
pub(super) struct OpenedLists {
    /// Lists of which nothing is missing.
    whole: BTreeSet<StatementId>,
    /// Lists of which something is on its way.
    coming: BTreeMap<StatementId, Coming>,
}

struct Coming {
    positions: BTreeMap<BodyKey, u64>,
    arrivals: Arrivals,
}

impl OpenedLists {
    /// Stores what has come, and asks for what is missing. Safe at any time, any number of times.
    pub(super) async fn complete<M: HasLedger>(
        &mut self,
        reader: &Reader<M>,
        bodies: &Bodies,
    ) -> Result<(), ReconcileError> {
        for id in reader.read(|m| m.ledger().revealed()).await?? {
            if self.whole.contains(&id) {
                continue;
            }
            match self.coming.get_mut(&id) {
                Some(coming) => {
                    let (found, ended) = coming.take();
                    if !found.is_empty() {
                        reader
                            .read(move |m| m.ledger().publish_bodies(&id, &found))
                            .await??;
                    }
                    if ended {
                        self.coming.remove(&id);
                    }
                }
                None => {
                    let missing = reader.read(move |m| missing(m.ledger(), &id)).await??;
                    if missing.is_empty() {
                        info!(statement = %id, "all bodies of the open list are here");
                        self.whole.insert(id);
                    } else {
                        warn!(statement = %id, missing = missing.len(), "asking peers for opened bodies that this node lacks");
                        self.coming.insert(id, Coming::ask(bodies, missing));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Coming {
    fn ask(bodies: &Bodies, missing: Vec<(u64, BodyNeed)>) -> Self {
        let positions = missing.iter().map(|(p, need)| (need.key, *p)).collect();
        let needs = missing.into_iter().map(|(_, need)| need).collect();
        Self {
            positions,
            arrivals: bodies.fetch(needs),
        }
    }

    /// What has come since the last look, and whether nothing more will.
    fn take(&mut self) -> (Vec<(u64, SealedBody)>, bool) {
        let mut found = Vec::new();
        loop {
            match self.arrivals.try_recv() {
                // They were held against their entries on arrival.
                Ok((key, body)) => {
                    let body = SealedBody::from_bytes(&body).ok();
                    found.extend(self.positions.get(&key).copied().zip(body));
                }
                Err(TryRecvError::Empty) => return (found, false),
                Err(TryRecvError::Disconnected) => return (found, true),
            }
        }
    }
}

/// The bodies of an open list that aren't here, by position; none of a list that isn't open.
fn missing(ledger: &Ledger, id: &StatementId) -> Result<Vec<(u64, BodyNeed)>, LedgerError> {
    let here: BTreeSet<u64> = ledger.opened_positions(id)?.into_iter().collect();
    let mut needs = snapshot::body_needs(ledger, id)?;
    needs.retain(|(position, _)| !here.contains(position));
    Ok(needs)
}
