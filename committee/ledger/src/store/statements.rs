//! Statements: what their creators chose, and where they stand.

use rusqlite::params;
use tacit_protocol::chain::{Opening, Phase};
use tacit_protocol::codec::Encode;
use tacit_protocol::dkg::AttemptId;
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_protocol::statement::{Statement, Status};

use super::{Result, Store, StoreError, column, decoded, digest, unsigned};

/// A row of `statements`.
#[derive(Debug, Clone)]
pub(crate) struct StatementRow {
    pub id: StatementId,
    pub statement: Statement,
    pub status: Status,
    pub attempt: u8,
    pub phase: Phase,
    pub phase_height: u64,
    pub phase_ms: u64,
    pub opening: Option<Opening>,
    pub opened_ms: Option<u64>,
    pub count: u64,
    pub trigger_height: Option<u64>,
}

impl StatementRow {
    pub fn at(&self) -> AttemptId {
        AttemptId {
            statement: self.id,
            attempt: self.attempt,
        }
    }
}

/// A key that is being made, and when its phase began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preparing {
    pub at: AttemptId,
    pub phase_height: u64,
    pub phase_ms: u64,
}

impl Store<'_> {
    pub fn add_statement(&self, row: &StatementRow) -> Result<bool> {
        let n = self
            .0
            .prepare_cached(
                "INSERT INTO statements (id, grp, statement, status, deadline_ms, attempt, phase, phase_height, phase_ms, opening, opened_ms, count, trigger_height)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, NULL, 0, NULL) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                row.id.as_bytes(),
                row.statement.group.as_bytes(),
                row.statement.to_bytes(),
                row.status.code(),
                column(row.statement.deadline_ms),
                row.attempt,
                row.phase as u8,
                row.phase_height as i64,
                row.phase_ms as i64,
            ])?;
        Ok(n == 1)
    }

    pub fn statement(&self, id: &StatementId) -> Result<Option<StatementRow>> {
        let mut rows = self.statements_where("id = ?1", params![id.as_bytes()])?;
        Ok(rows.pop())
    }

    /// The keys that are being made, in the order of their statements' creation.
    pub fn preparing(&self) -> Result<Vec<Preparing>> {
        let mut q = self.0.prepare_cached(
            "SELECT s.id, s.attempt, s.phase_height, s.phase_ms
             FROM statements s JOIN objects o ON o.id = s.id WHERE s.status = ?1 ORDER BY o.ord",
        )?;
        let rows = q.query_map([Status::Preparing.code()], |r| {
            Ok((
                r.get::<_, Vec<u8>>(0)?,
                r.get(1)?,
                r.get::<_, i64>(2)?,
                r.get::<_, i64>(3)?,
            ))
        })?;
        rows.map(|row| {
            let (id, attempt, height, ms) = row?;
            Ok(Preparing {
                at: AttemptId {
                    statement: StatementId(digest(id, "statement id")?),
                    attempt,
                },
                phase_height: unsigned(height, "phase")?,
                phase_ms: unsigned(ms, "phase")?,
            })
        })
        .collect()
    }

    /// Statements that a block at `time_ms` expires, in the order of their creation.
    pub fn due_statements(&self, time_ms: u64) -> Result<Vec<StatementRow>> {
        self.statements_where(
            "status IN (?1, ?2) AND s.deadline_ms <= ?3",
            params![
                Status::Preparing.code(),
                Status::Collecting.code(),
                column(time_ms)
            ],
        )
    }

    pub fn open_statements(&self) -> Result<u64> {
        let n: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM statements WHERE status IN (?1, ?2, ?3)")?
            .query_row(
                params![
                    Status::Preparing.code(),
                    Status::Collecting.code(),
                    Status::Triggered.code()
                ],
                |r| r.get(0),
            )?;
        Ok(n as u64)
    }

    fn statements_where(
        &self,
        clause: &str,
        args: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<StatementRow>> {
        type Raw = (
            Vec<u8>,
            Vec<u8>,
            u8,
            u8,
            u8,
            i64,
            i64,
            Option<Vec<u8>>,
            Option<i64>,
            i64,
            Option<i64>,
        );
        let mut q = self.0.prepare_cached(&format!(
            "SELECT s.id, s.statement, s.status, s.attempt, s.phase, s.phase_height, s.phase_ms, s.opening, s.opened_ms, s.count, s.trigger_height
             FROM statements s JOIN objects o ON o.id = s.id WHERE s.{clause} ORDER BY o.ord"
        ))?;
        let rows = q.query_map(args, |r| {
            Ok((
                r.get(0)?,
                r.get(1)?,
                r.get(2)?,
                r.get(3)?,
                r.get(4)?,
                r.get(5)?,
                r.get(6)?,
                r.get(7)?,
                r.get(8)?,
                r.get(9)?,
                r.get(10)?,
            ))
        })?;
        rows.map(|row| {
            let (
                id,
                statement,
                status,
                attempt,
                phase,
                phase_height,
                phase_ms,
                opening,
                opened_ms,
                count,
                trigger_height,
            ): Raw = row?;
            Ok(StatementRow {
                id: StatementId(digest(id, "statement id")?),
                statement: decoded(&statement, "statement")?,
                status: status_of(status)?,
                attempt,
                phase: Phase::from_code(phase).ok_or(StoreError::Damaged("phase"))?,
                phase_height: unsigned(phase_height, "phase")?,
                phase_ms: unsigned(phase_ms, "phase")?,
                opening: opening.map(|o| decoded(&o, "opening")).transpose()?,
                opened_ms: opened_ms.map(|ms| unsigned(ms, "opening")).transpose()?,
                count: super::count(count)?,
                trigger_height: trigger_height.map(|h| unsigned(h, "trigger")).transpose()?,
            })
        })
        .collect()
    }

    pub fn statement_ids(&self) -> Result<Vec<StatementId>> {
        let mut q = self
            .0
            .prepare_cached("SELECT id FROM objects WHERE kind = 1 ORDER BY ord")?;
        let rows = q.query_map([], |r| r.get::<_, Vec<u8>>(0))?;
        rows.map(|r| Ok(StatementId(digest(r?, "statement id")?)))
            .collect()
    }

    /// Statements whose lists are open, in the order of their creation.
    pub fn revealed(&self) -> Result<Vec<StatementId>> {
        let mut q = self.0.prepare_cached(
            "SELECT s.id FROM statements s JOIN objects o ON o.id = s.id WHERE s.status = ?1 ORDER BY o.ord",
        )?;
        let rows = q.query_map([Status::Revealed.code()], |r| r.get::<_, Vec<u8>>(0))?;
        rows.map(|r| Ok(StatementId(digest(r?, "statement id")?)))
            .collect()
    }

    /// Statements whose erasure a node hasn't attested, in the order of their creation: where each stands,
    /// the attempt at its key and that attempt's phase.
    pub fn unattested(&self, node: NodeIndex) -> Result<Vec<(AttemptId, Status, Phase)>> {
        let mut q = self.0.prepare_cached(
            "SELECT s.id, s.attempt, s.status, s.phase FROM statements s JOIN objects o ON o.id = s.id
             WHERE NOT EXISTS (SELECT 1 FROM erasures e WHERE e.statement = s.id AND e.node = ?1) ORDER BY o.ord",
        )?;
        let rows = q.query_map([node], |r| {
            Ok((r.get::<_, Vec<u8>>(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
        })?;
        rows.map(|row| {
            let (id, attempt, status, phase) = row?;
            let at = AttemptId {
                statement: StatementId(digest(id, "statement id")?),
                attempt,
            };
            let phase = Phase::from_code(phase).ok_or(StoreError::Damaged("phase"))?;
            Ok((at, status_of(status)?, phase))
        })
        .collect()
    }

    /// Writes what changes in a statement's life: everything but what its creator chose.
    pub fn update_statement(&self, row: &StatementRow) -> Result<()> {
        self.0
            .prepare_cached(
                "UPDATE statements SET status = ?2, attempt = ?3, phase = ?4, phase_height = ?5, phase_ms = ?6, opening = ?7, opened_ms = ?8, count = ?9, trigger_height = ?10 WHERE id = ?1",
            )?
            .execute(params![
                row.id.as_bytes(),
                row.status.code(),
                row.attempt,
                row.phase as u8,
                row.phase_height as i64,
                row.phase_ms as i64,
                row.opening.as_ref().map(Encode::to_bytes),
                row.opened_ms.map(|ms| ms as i64),
                row.count as i64,
                row.trigger_height.map(|h| h as i64),
            ])?;
        Ok(())
    }
}

fn status_of(code: u8) -> Result<Status> {
    let mut all = Status::ALL.into_iter();
    all.find(|s| s.code() == code)
        .ok_or(StoreError::Damaged("status"))
}
