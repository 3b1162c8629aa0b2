//! Opening a triggered statement: ciphertexts first, then partial decryptions.

use std::sync::Arc;

use tacit_protocol::chain::{Event, Finding};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Subject;
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::opening::{CHUNK, Ciphertext, Partial, Unseal};
use tacit_protocol::signature::ct;
use tacit_protocol::statement::Status;
use tacit_threshold::opening::{OpeningContext, chunk_digest, judge_partial};
use tacit_threshold::state::DkgState;

use super::cache::{KeygenCache, Opened};
use super::{Applier, ApplyError, Verdict, keygen, refuse};
use crate::store::{PostKind, Result as StoreResult, StatementRow, Store, StoreError};

/// How many chunks a statement's opened set has.
pub(crate) fn chunks(row: &StatementRow) -> u32 {
    row.count.div_ceil(CHUNK as u64) as u32
}

/// The ciphertexts of a chunk with their positions; `None` until they are in the log.
fn chunk_entries(
    store: &Store<'_>,
    row: &StatementRow,
    chunk: u32,
) -> StoreResult<Option<Vec<(u64, Ciphertext)>>> {
    let first = u64::from(chunk) * CHUNK as u64;
    Ok(store
        .unseal(&row.id, chunk)?
        .map(|items| (first..).zip(items).collect()))
}

/// The opening's context and chunks; `None` until all ciphertexts are in the log.
pub(crate) fn opening_context(
    store: &Store<'_>,
    cache: &KeygenCache,
    row: &StatementRow,
    state: &DkgState,
) -> StoreResult<Option<Arc<Opened>>> {
    let (Some(trigger), Some(outcome)) = (row.trigger_height, state.outcome()) else {
        return Ok(None);
    };
    // What is cached may come from blocks that were rolled back: here, too, all chunks must be there.
    if store.unsealed_chunks(&row.id)? < u64::from(chunks(row)) {
        return Ok(None);
    }
    let key = (row.id, trigger);
    // Two branches may trigger at one height with different signatures. Only what is final has one set.
    let is_final = trigger <= store.applied_height()?;
    if let Some(opened) = cache.opened(&key).filter(|_| is_final) {
        return Ok(Some(opened));
    }
    let mut entries = Vec::new();
    for chunk in 0..chunks(row) {
        match chunk_entries(store, row, chunk)? {
            Some(e) => entries.push(e),
            None => return Ok(None),
        }
    }
    let digests = (0u32..)
        .zip(&entries)
        .map(|(i, e)| chunk_digest(i, e))
        .collect();
    let count = u32::try_from(row.count).map_err(|_| StoreError::Damaged("count"))?;
    let damaged = |_| StoreError::Damaged("opened set");
    let context = OpeningContext::new(outcome, trigger, count, digests).map_err(damaged)?;
    let chunks = (0u32..)
        .zip(&entries)
        .map(|(i, e)| context.chunk(i, e))
        .collect::<Result<_, _>>()
        .map_err(damaged)?;
    let opened = Arc::new((context, chunks));
    if is_final {
        cache.put_opened(key, opened.clone());
    }
    Ok(Some(opened))
}

impl Applier<'_> {
    fn opening_allowed(&self, row: &StatementRow, chunk: u32) -> Result<(), ApplyError> {
        if row.status != Status::Triggered {
            return refuse(
                "out-of-phase",
                format!("the statement is {}: nothing of it is opened", row.status),
            );
        }
        if chunk >= chunks(row) {
            return refuse(
                "no-such-chunk",
                format!("the statement has {} chunks", chunks(row)),
            );
        }
        Ok(())
    }

    fn first_post(
        &self,
        row: &StatementRow,
        kind: PostKind,
        chunk: u32,
        node: NodeIndex,
    ) -> Result<(), ApplyError> {
        if self.store.has_posted(&row.id, kind, chunk, node)? {
            return refuse("repeated", format!("node {node} has posted this already"));
        }
        Ok(())
    }

    pub(super) fn unseal_allowed(
        &self,
        row: &StatementRow,
        node: NodeIndex,
        chunk: u32,
    ) -> Result<(), ApplyError> {
        self.opening_allowed(row, chunk)?;
        if self.store.is_unsealed(&row.id, chunk)? {
            return refuse(
                "repeated",
                "the ciphertexts of this chunk are in the log already",
            );
        }
        self.first_post(row, PostKind::Unseal, chunk, node)
    }

    /// The first one whose every ciphertext matches its signature's `ct` counts.
    pub(super) fn unseal(&mut self, row: &StatementRow, node: NodeIndex, m: &Unseal) -> Verdict {
        let signatures =
            self.store
                .signatures(&row.id, u64::from(m.chunk) * CHUNK as u64, CHUNK as u64)?;
        let good = signatures.len() == m.items.len()
            && signatures
                .iter()
                .zip(&m.items)
                .all(|(s, item)| ct(&item.c1, &item.c2.0) == s.ct.0);
        if !self
            .store
            .add_post(&row.id, PostKind::Unseal, m.chunk, node, good, &[])?
        {
            return refuse("repeated", format!("node {node} has posted this already"));
        }
        if !good {
            return Ok(vec![Finding {
                culprit: node,
                fault: "unseal-mismatch".into(),
            }]);
        }
        self.store.add_unseal(&row.id, m.chunk, &m.items)?;
        Ok(Vec::new())
    }

    pub(super) fn partial_allowed(
        &self,
        row: &StatementRow,
        node: NodeIndex,
        chunk: u32,
    ) -> Result<(), ApplyError> {
        self.opening_allowed(row, chunk)?;
        if !self.store.is_unsealed(&row.id, chunk)? {
            return refuse(
                "out-of-phase",
                "the ciphertexts of this chunk are not in the log yet",
            );
        }
        self.first_post(row, PostKind::Partial, chunk, node)
    }

    pub(super) fn partial(&mut self, row: &StatementRow, node: NodeIndex, m: &Partial) -> Verdict {
        let state = self.dkg_state(&row.at())?;
        let Some(opened) = opening_context(&self.store, self.keygen, row, &state)? else {
            return refuse("out-of-phase", "not all ciphertexts are in the log yet");
        };
        let (context, chunks) = &*opened;
        let chunk = chunks
            .get(m.chunk as usize)
            .ok_or(StoreError::Damaged("opened set"))?;
        let verdict = judge_partial(context, chunk, node, m);
        if !self.store.add_post(
            &row.id,
            PostKind::Partial,
            m.chunk,
            node,
            verdict.is_ok(),
            &m.to_bytes(),
        )? {
            return refuse("repeated", format!("node {node} has posted this already"));
        }
        Ok(verdict
            .err()
            .map(|fault| keygen::finding(&fault))
            .into_iter()
            .collect())
    }

    /// After a block's last entry: opened is a quorum of good partial decryptions for every chunk.
    pub(super) fn evaluate_reveal(&mut self, mut row: StatementRow) -> Result<(), ApplyError> {
        for chunk in 0..chunks(&row) {
            if self.store.good_posts(&row.id, PostKind::Partial, chunk)?
                < self.founding.quorum() as u64
            {
                return Ok(());
            }
        }
        row.status = Status::Revealed;
        self.store.update_statement(&row)?;
        self.link(&Subject::Statement(row.id), Event::Revealed)
    }
}
