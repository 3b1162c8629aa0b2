//! Key generation: every event of each attempt, and who holds a share.

use rusqlite::{OptionalExtension as _, params};
use tacit_protocol::chain::Phase;
use tacit_protocol::codec::{Encode as _, Writer};
use tacit_protocol::dkg::AttemptId;
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_threshold::state::{DkgEvent, DkgMessage};

use super::{Result, Store, StoreError, decoded, digest};

impl Store<'_> {
    /// The running digest of an attempt's events; zero before the first.
    pub fn keygen_digest(&self, at: &AttemptId) -> Result<Digest> {
        let row: Option<Vec<u8>> = self
            .0
            .prepare_cached("SELECT running FROM keygen WHERE statement = ?1 AND attempt = ?2 ORDER BY seq DESC LIMIT 1")?
            .query_row(params![at.statement.as_bytes(), at.attempt], |r| r.get(0))
            .optional()?;
        row.map_or(Ok(Digest::ZERO), |r| digest(r, "key generation digest"))
    }

    /// Adds an event; the new running digest.
    pub fn add_keygen_event(&self, at: &AttemptId, event: &DkgEvent) -> Result<Digest> {
        let (node, body) = match event {
            DkgEvent::Close => (-1i64, Vec::new()),
            DkgEvent::Message(node, message) => (i64::from(*node), encode_message(message)),
        };
        let running = Hasher::new(domain::KEYGEN_EVENTS)
            .chain(self.keygen_digest(at)?)
            .chain(node.to_be_bytes())
            .chain_var(&body)
            .finish();
        self.0
            .prepare_cached(
                "INSERT INTO keygen (statement, attempt, seq, node, body, running)
                 VALUES (?1, ?2, (SELECT count(*) FROM keygen WHERE statement = ?1 AND attempt = ?2), ?3, ?4, ?5)",
            )?
            .execute(params![at.statement.as_bytes(), at.attempt, node, body, running.as_bytes()])?;
        Ok(running)
    }

    /// What happened in an attempt, in log order.
    pub fn keygen_events(&self, at: &AttemptId) -> Result<Vec<DkgEvent>> {
        let mut q = self.0.prepare_cached(
            "SELECT node, body FROM keygen WHERE statement = ?1 AND attempt = ?2 ORDER BY seq",
        )?;
        let rows = q.query_map(params![at.statement.as_bytes(), at.attempt], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?))
        })?;
        rows.map(|row| {
            let (node, body) = row?;
            match NodeIndex::try_from(node) {
                Err(_) => Ok(DkgEvent::Close),
                Ok(node) => Ok(DkgEvent::Message(node, decode_message(&body)?)),
            }
        })
        .collect()
    }

    /// The phases of an attempt in which a node has spoken.
    pub fn spoken(&self, at: &AttemptId, node: NodeIndex) -> Result<Vec<Phase>> {
        let mut q = self.0.prepare_cached(
            "SELECT substr(body, 1, 1) FROM keygen WHERE statement = ?1 AND attempt = ?2 AND node = ?3",
        )?;
        let rows = q.query_map(params![at.statement.as_bytes(), at.attempt, node], |r| {
            r.get::<_, Vec<u8>>(0)
        })?;
        rows.map(|code| {
            let code = code?.first().copied().and_then(Phase::from_code);
            code.ok_or(StoreError::Damaged("key generation message"))
        })
        .collect()
    }

    pub fn add_holder(&self, statement: &StatementId, node: NodeIndex) -> Result<()> {
        self.0
            .prepare_cached(
                "INSERT INTO holders (statement, node) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![statement.as_bytes(), node])?;
        Ok(())
    }

    pub fn clear_holders(&self, statement: &StatementId) -> Result<()> {
        self.0
            .prepare_cached("DELETE FROM holders WHERE statement = ?1")?
            .execute([statement.as_bytes()])?;
        Ok(())
    }

    pub fn holders(&self, statement: &StatementId) -> Result<Vec<NodeIndex>> {
        let mut q = self
            .0
            .prepare_cached("SELECT node FROM holders WHERE statement = ?1 ORDER BY node")?;
        let rows = q.query_map([statement.as_bytes()], |r| r.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn encode_message(message: &DkgMessage) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(crate::apply::log_phase(message.phase()) as u8);
    match message {
        DkgMessage::Keys(m) => m.encode(&mut w),
        DkgMessage::Commit(m) => m.encode(&mut w),
        DkgMessage::Deal(m) => m.encode(&mut w),
        DkgMessage::Complain(m) => m.encode(&mut w),
        DkgMessage::Confirm(m) => m.encode(&mut w),
    }
    w.finish()
}

fn decode_message(bytes: &[u8]) -> Result<DkgMessage> {
    const WHAT: &str = "key generation message";
    let (code, body) = bytes.split_first().ok_or(StoreError::Damaged(WHAT))?;
    Ok(
        match Phase::from_code(*code).ok_or(StoreError::Damaged(WHAT))? {
            Phase::Keys => DkgMessage::Keys(decoded(body, WHAT)?),
            Phase::Commit => DkgMessage::Commit(decoded(body, WHAT)?),
            Phase::Deal => DkgMessage::Deal(decoded(body, WHAT)?),
            Phase::Complain => DkgMessage::Complain(decoded(body, WHAT)?),
            Phase::Confirm => DkgMessage::Confirm(decoded(body, WHAT)?),
        },
    )
}
