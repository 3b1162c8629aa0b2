//! What a step looks at: one statement as it is applied, read in one go.

use std::collections::BTreeSet;
use std::sync::Arc;

use tacit_ledger::{Ledger, LedgerError, OpeningView, SignatureEntry};
use tacit_protocol::ids::StatementId;
use tacit_protocol::opening::CHUNK;
use tacit_protocol::statement::Status;
use tacit_threshold::opening::{Chunk, OpeningContext};
use tacit_threshold::state::DkgState;

use crate::machine::{BodyKey, BodyNeed};

/// One statement, as far as this node may have to do something about it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The statement.
    pub id: StatementId,
    /// Where it stands.
    pub status: Status,
    /// Its deadline, Unix milliseconds.
    pub deadline_ms: u64,
    /// Its key generation, while something may still be said in it or done with its key.
    pub keygen: Option<DkgState>,
    /// Its opening, once triggered.
    pub opening: Option<OpeningView>,
    /// What partial decryptions are made in, once all ciphertexts are in the log.
    pub context: Option<Arc<(OpeningContext, Vec<Chunk>)>>,
    /// The bodies that its counted signatures stand for, once triggered, by position.
    pub bodies: Vec<(u64, BodyNeed)>,
    /// Positions whose bodies are public.
    pub published: BTreeSet<u64>,
}

impl Snapshot {
    /// The bodies of one chunk.
    pub fn chunk_bodies(&self, chunk: u32) -> impl Iterator<Item = &BodyNeed> {
        self.bodies
            .iter()
            .skip(chunk as usize * CHUNK)
            .take(CHUNK)
            .map(|(_, need)| need)
    }
}

/// The bodies that a statement's counted signatures stand for, by position.
pub(super) fn body_needs(
    ledger: &Ledger,
    id: &StatementId,
) -> Result<Vec<(u64, BodyNeed)>, LedgerError> {
    let entries = ledger.signature_entries(id)?;
    Ok(entries
        .into_iter()
        .map(|s| (s.position, need(id, s)))
        .collect())
}

fn need(id: &StatementId, s: SignatureEntry) -> BodyNeed {
    BodyNeed {
        key: BodyKey {
            statement: *id,
            id: s.body.0,
        },
        entry: s.entry.into(),
    }
}

/// Reads a statement; `None` if there is none.
pub fn snapshot(ledger: &Ledger, id: &StatementId) -> Result<Option<Snapshot>, LedgerError> {
    let Some(view) = ledger.statement(id)? else {
        return Ok(None);
    };
    let keygen = match view.status {
        Status::Preparing | Status::Collecting | Status::Triggered => ledger.keygen(id)?,
        // Dear if its messages must be judged again, and of no use: all that is left is to erase.
        Status::Revealed | Status::Expired | Status::Erased | Status::Failed => None,
    };
    let opening = ledger.opening(id)?;
    let context = match view.status {
        Status::Triggered => ledger.opening_context(id)?,
        _ => None,
    };
    let bodies = match view.status {
        Status::Triggered | Status::Revealed => body_needs(ledger, id)?,
        _ => Vec::new(),
    };
    let published = match view.status {
        Status::Revealed => ledger.opened_positions(id)?.into_iter().collect(),
        _ => BTreeSet::new(),
    };
    Ok(Some(Snapshot {
        id: *id,
        status: view.status,
        deadline_ms: view.statement.deadline_ms,
        keygen,
        opening,
        context,
        bodies,
        published,
    }))
}
