//! Openings and erasures: ciphertexts, what nodes posted about them, attestations, opened bodies.

use rusqlite::{OptionalExtension as _, params};
use tacit_protocol::codec::{Encode as _, Reader, Writer};
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_protocol::opening::Ciphertext;
use tacit_protocol::signature::SealedBody;

use super::{Result, Store, StoreError, decoded, unsigned};

/// What a post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostKind {
    Unseal = 0,
    Partial = 1,
}

impl Store<'_> {
    /// How many chunks of a statement have their ciphertexts in the log.
    pub fn unsealed_chunks(&self, statement: &StatementId) -> Result<u64> {
        let n: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM unseals WHERE statement = ?1")?
            .query_row([statement.as_bytes()], |r| r.get(0))?;
        Ok(n as u64)
    }

    pub fn add_unseal(
        &self,
        statement: &StatementId,
        chunk: u32,
        items: &[Ciphertext],
    ) -> Result<()> {
        let mut w = Writer::new();
        w.list(items);
        self.0
            .prepare_cached("INSERT INTO unseals (statement, chunk, items) VALUES (?1, ?2, ?3)")?
            .execute(params![statement.as_bytes(), chunk, w.finish()])?;
        Ok(())
    }

    /// Whether a chunk's ciphertexts are in the log. Decodes none of them.
    pub fn is_unsealed(&self, statement: &StatementId, chunk: u32) -> Result<bool> {
        Ok(self
            .0
            .prepare_cached("SELECT 1 FROM unseals WHERE statement = ?1 AND chunk = ?2")?
            .exists(params![statement.as_bytes(), chunk])?)
    }

    /// A chunk's ciphertexts. A thousand points to decode: not for asking whether they are there.
    pub fn unseal(&self, statement: &StatementId, chunk: u32) -> Result<Option<Vec<Ciphertext>>> {
        let row: Option<Vec<u8>> = self
            .0
            .prepare_cached("SELECT items FROM unseals WHERE statement = ?1 AND chunk = ?2")?
            .query_row(params![statement.as_bytes(), chunk], |r| r.get(0))
            .optional()?;
        row.map(|bytes| {
            let mut r = Reader::new(&bytes);
            r.list("ciphertexts", tacit_protocol::opening::CHUNK)
                .map_err(|_| StoreError::Damaged("unsealed chunk"))
        })
        .transpose()
    }

    /// Adds what a node posted about a chunk; `false` if it had posted already.
    pub fn add_post(
        &self,
        statement: &StatementId,
        kind: PostKind,
        chunk: u32,
        node: NodeIndex,
        good: bool,
        body: &[u8],
    ) -> Result<bool> {
        let n = self
            .0
            .prepare_cached("INSERT INTO posts (statement, kind, chunk, node, good, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING")?
            .execute(params![statement.as_bytes(), kind as u8, chunk, node, good, body])?;
        Ok(n == 1)
    }

    /// Whether a node has posted about a chunk, good or not.
    pub fn has_posted(
        &self,
        statement: &StatementId,
        kind: PostKind,
        chunk: u32,
        node: NodeIndex,
    ) -> Result<bool> {
        Ok(self
            .0
            .prepare_cached("SELECT 1 FROM posts WHERE statement = ?1 AND kind = ?2 AND chunk = ?3 AND node = ?4")?
            .exists(params![statement.as_bytes(), kind as u8, chunk, node])?)
    }

    /// Nodes that posted about a chunk, with whether it was good.
    pub fn posters(
        &self,
        statement: &StatementId,
        kind: PostKind,
        chunk: u32,
    ) -> Result<Vec<(NodeIndex, bool)>> {
        let mut q = self.0.prepare_cached("SELECT node, good FROM posts WHERE statement = ?1 AND kind = ?2 AND chunk = ?3 ORDER BY node")?;
        let rows = q.query_map(params![statement.as_bytes(), kind as u8, chunk], |r| {
            Ok((r.get(0)?, r.get(1)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Nodes that posted about a chunk, with whether it was good, and what.
    pub fn posts(
        &self,
        statement: &StatementId,
        kind: PostKind,
        chunk: u32,
    ) -> Result<Vec<(NodeIndex, bool, Vec<u8>)>> {
        let mut q = self.0.prepare_cached("SELECT node, good, body FROM posts WHERE statement = ?1 AND kind = ?2 AND chunk = ?3 ORDER BY node")?;
        let rows = q.query_map(params![statement.as_bytes(), kind as u8, chunk], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub fn good_posts(&self, statement: &StatementId, kind: PostKind, chunk: u32) -> Result<u64> {
        let n: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM posts WHERE statement = ?1 AND kind = ?2 AND chunk = ?3 AND good = 1")?
            .query_row(params![statement.as_bytes(), kind as u8, chunk], |r| r.get(0))?;
        Ok(n as u64)
    }

    /// Adds an attestation; `false` if the node has attested already.
    pub fn add_erasure(
        &self,
        statement: &StatementId,
        node: NodeIndex,
        reason: u8,
        caveats: u32,
    ) -> Result<bool> {
        let n = self
            .0
            .prepare_cached("INSERT INTO erasures (statement, node, reason, caveats) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
            .execute(params![statement.as_bytes(), node, reason, caveats])?;
        Ok(n == 1)
    }

    pub fn erasures(&self, statement: &StatementId) -> Result<Vec<(NodeIndex, u8, u32)>> {
        let mut q = self.0.prepare_cached(
            "SELECT node, reason, caveats FROM erasures WHERE statement = ?1 ORDER BY node",
        )?;
        let rows = q.query_map([statement.as_bytes()], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub fn add_opened_body(
        &self,
        statement: &StatementId,
        position: u64,
        body: &SealedBody,
    ) -> Result<()> {
        self.0
            .prepare_cached("INSERT INTO opened_bodies (statement, position, id, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
            .execute(params![statement.as_bytes(), position as i64, body.id().as_bytes(), body.to_bytes()])?;
        Ok(())
    }

    /// Positions of the signatures whose opened bodies are here, ascending.
    pub fn opened_positions(&self, statement: &StatementId) -> Result<Vec<u64>> {
        let mut q = self.0.prepare_cached(
            "SELECT position FROM opened_bodies WHERE statement = ?1 ORDER BY position",
        )?;
        let rows = q.query_map([statement.as_bytes()], |r| r.get::<_, i64>(0))?;
        rows.map(|position| unsigned(position?, "opened body"))
            .collect()
    }

    pub fn opened_bodies(&self, statement: &StatementId) -> Result<Vec<(u64, SealedBody)>> {
        let mut q = self.0.prepare_cached(
            "SELECT position, body FROM opened_bodies WHERE statement = ?1 ORDER BY position",
        )?;
        let rows = q.query_map([statement.as_bytes()], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?))
        })?;
        rows.map(|row| {
            let (position, body) = row?;
            Ok((
                unsigned(position, "opened body")?,
                decoded(&body, "opened body")?,
            ))
        })
        .collect()
    }
}
