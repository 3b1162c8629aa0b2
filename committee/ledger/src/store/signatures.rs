//! Counted signatures, one per nullifier.

use rusqlite::{OptionalExtension as _, params};
use tacit_protocol::field::FieldElement;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::StatementId;
use tacit_protocol::signature::Sign;

use super::{Result, Store, class_column, class_of, count, digest, element, unsigned};

/// A row of `signatures`.
#[derive(Debug, Clone)]
pub(crate) struct SignatureRow {
    pub position: u64,
    pub nullifier: FieldElement,
    pub class: Option<u16>,
    pub ct: FieldElement,
    pub payload_hash: Digest,
    pub height: u64,
    pub index: u32,
}

impl Store<'_> {
    /// Adds a signature; `false` if its nullifier is spent.
    pub fn add_signature(
        &self,
        sign: &Sign,
        position: u64,
        height: u64,
        index: u32,
    ) -> Result<bool> {
        let n = self
            .0
            .prepare_cached(
                "INSERT INTO signatures (statement, nullifier, position, class, ct, payload_hash, height, idx)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (statement, nullifier) DO NOTHING",
            )?
            .execute(params![
                sign.statement.as_bytes(),
                sign.nullifier.to_le_bytes(),
                position as i64,
                class_column(sign.class),
                sign.ct.to_le_bytes(),
                sign.payload_hash.as_bytes(),
                height as i64,
                index
            ])?;
        if n == 1 && sign.class.is_some() {
            self.0
                .prepare_cached(
                    "INSERT INTO class_counts (statement, class, count) VALUES (?1, ?2, 1)
                     ON CONFLICT (statement, class) DO UPDATE SET count = count + 1",
                )?
                .execute(params![sign.statement.as_bytes(), class_column(sign.class)])?;
        }
        Ok(n == 1)
    }

    pub fn class_count(&self, statement: &StatementId, class: u16) -> Result<u64> {
        let n: Option<i64> = self
            .0
            .prepare_cached("SELECT count FROM class_counts WHERE statement = ?1 AND class = ?2")?
            .query_row(params![statement.as_bytes(), i64::from(class)], |r| {
                r.get(0)
            })
            .optional()?;
        count(n.unwrap_or(0))
    }

    /// Signatures from position `from`, at most `limit`.
    pub fn signatures(
        &self,
        statement: &StatementId,
        from: u64,
        limit: u64,
    ) -> Result<Vec<SignatureRow>> {
        let mut q = self.0.prepare_cached(
            "SELECT position, nullifier, class, ct, payload_hash, height, idx FROM signatures
             WHERE statement = ?1 AND position >= ?2 ORDER BY position LIMIT ?3",
        )?;
        let rows = q.query_map(
            params![
                statement.as_bytes(),
                from as i64,
                limit.min(i64::MAX as u64) as i64
            ],
            signature_row,
        )?;
        rows.map(|row| signature(row?)).collect()
    }

    /// The bytes of all counted signatures' entries, with their positions.
    pub fn signature_entries(&self, statement: &StatementId) -> Result<Vec<(u64, Vec<u8>)>> {
        let mut q = self.0.prepare_cached(
            "SELECT s.position, e.bytes FROM signatures s JOIN entries e ON e.height = s.height AND e.idx = s.idx
             WHERE s.statement = ?1 ORDER BY s.position",
        )?;
        let rows = q.query_map([statement.as_bytes()], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?))
        })?;
        rows.map(|row| {
            let (position, bytes) = row?;
            Ok((unsigned(position, "signature")?, bytes))
        })
        .collect()
    }

    /// The signature that spent a nullifier.
    pub fn signature_of(
        &self,
        statement: &StatementId,
        nullifier: &FieldElement,
    ) -> Result<Option<SignatureRow>> {
        self.0
            .prepare_cached(
                "SELECT position, nullifier, class, ct, payload_hash, height, idx FROM signatures WHERE statement = ?1 AND nullifier = ?2",
            )?
            .query_row(params![statement.as_bytes(), nullifier.to_le_bytes()], signature_row)
            .optional()?
            .map(signature)
            .transpose()
    }
}

type RawSignature = (i64, Vec<u8>, i64, Vec<u8>, Vec<u8>, i64, u32);

fn signature_row(r: &rusqlite::Row<'_>) -> rusqlite::Result<RawSignature> {
    Ok((
        r.get(0)?,
        r.get(1)?,
        r.get(2)?,
        r.get(3)?,
        r.get(4)?,
        r.get(5)?,
        r.get(6)?,
    ))
}

fn signature(
    (position, nullifier, class, ct, payload_hash, height, index): RawSignature,
) -> Result<SignatureRow> {
    Ok(SignatureRow {
        position: unsigned(position, "signature")?,
        nullifier: FieldElement(element(&nullifier, "nullifier")?),
        class: class_of(class),
        ct: FieldElement(element(&ct, "ct")?),
        payload_hash: digest(payload_hash, "payload hash")?,
        height: unsigned(height, "signature")?,
        index,
    })
}
