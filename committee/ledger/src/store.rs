//! Typed access to the tables: rows in, protocol types out. No rule of the protocol is decided here.

use rusqlite::{Connection, OptionalExtension as _, params};
use tacit_protocol::chain::{Chain, Event, Link, Opening, Phase, Tree};
use tacit_protocol::codec::{Decode, Encode, Writer};
use tacit_protocol::dkg::AttemptId;
use tacit_protocol::entry::Subject;
use tacit_protocol::field::{FieldElement, Fr, fr_from_bytes, fr_to_bytes};
use tacit_protocol::group::{Attestation, GroupDefinition};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::{Binder, EntryId, GroupId, NodeIndex, StatementId};
use tacit_protocol::lean_imt::NodeStore;
use tacit_protocol::opening::Ciphertext;
use tacit_protocol::signature::{SealedBody, Sign};
use tacit_protocol::statement::{Statement, Status};
use tacit_threshold::state::{DkgEvent, DkgMessage};
use thiserror::Error;

/// A failure of this node's own database. Never about others' data.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row isn't what this code wrote.
    #[error(
        "the database holds a damaged {0}: it follows from the log, so delete it and start again to rebuild it"
    )]
    Damaged(&'static str),
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

fn decoded<T: Decode>(bytes: &[u8], what: &'static str) -> Result<T> {
    T::from_bytes(bytes).map_err(|_| StoreError::Damaged(what))
}

fn digest(bytes: Vec<u8>, what: &'static str) -> Result<Digest> {
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| StoreError::Damaged(what))
}

fn element(bytes: &[u8], what: &'static str) -> Result<Fr> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Damaged(what))?;
    fr_from_bytes(&bytes).ok_or(StoreError::Damaged(what))
}

/// An integer that was never written negative.
pub(crate) fn unsigned(value: i64, what: &'static str) -> Result<u64> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(what))
}

/// A count of signatures: at most one for each leaf of the largest tree, so far below what is refused here.
fn count(value: i64) -> Result<u64> {
    u32::try_from(value)
        .map(u64::from)
        .map_err(|_| StoreError::Damaged("count"))
}

/// A time or a height as a column: what doesn't fit lies beyond all that can come.
pub(crate) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Column value of "no class": the whole group.
pub(crate) fn class_column(class: Option<u16>) -> i64 {
    class.map_or(-1, i64::from)
}

fn class_of(column: i64) -> Option<u16> {
    u16::try_from(column).ok()
}

/// A row of `objects`.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub ord: i64,
    pub subject: Subject,
    pub head: Digest,
    pub links: u64,
}

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

/// A row of `members`.
#[derive(Debug, Clone)]
pub(crate) struct MemberRow {
    pub position: u64,
    pub leaf: FieldElement,
    pub binder: Binder,
    pub classes: Vec<u16>,
    pub height: u64,
}

/// The tables, inside or outside of a transaction.
#[derive(Clone, Copy)]
pub(crate) struct Store<'c>(pub &'c Connection);

impl Store<'_> {
    /// Height of the last block that is applied for good, whatever is being tried above it.
    pub fn applied_height(&self) -> Result<u64> {
        let height = self
            .0
            .prepare_cached("SELECT height FROM meta")?
            .query_row([], |r| r.get(0))?;
        unsigned(height, "applied block")
    }

    // --- objects and links

    pub fn object(&self, subject: &Subject) -> Result<Option<Object>> {
        let (kind, id) = object_key(subject);
        let row = self
            .0
            .prepare_cached("SELECT ord, head, links FROM objects WHERE id = ?1 AND kind = ?2")?
            .query_row(params![id, kind], |r| {
                Ok((
                    r.get::<_, i64>(0)?,
                    r.get::<_, Vec<u8>>(1)?,
                    r.get::<_, i64>(2)?,
                ))
            })
            .optional()?;
        row.map(|(ord, head, links)| {
            Ok(Object {
                ord,
                subject: *subject,
                head: digest(head, "chain head")?,
                links: unsigned(links, "chain")?,
            })
        })
        .transpose()
    }

    pub fn create_object(&self, subject: &Subject) -> Result<()> {
        let (kind, id) = object_key(subject);
        let head = tacit_protocol::chain::start(subject);
        self.0
            .prepare_cached(
                "INSERT INTO objects (kind, id, head, links, leaf) VALUES (?1, ?2, ?3, 0, x'')",
            )?
            .execute(params![kind, id, head.as_bytes()])?;
        Ok(())
    }

    pub fn push_link(&self, object: &mut Object, link: &Link) -> Result<()> {
        let entry = match &link.event {
            Event::Entry { id, .. } => Some(*id.as_bytes()),
            _ => None,
        };
        self.0
            .prepare_cached("INSERT INTO links (ord, seq, link, entry) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![
                object.ord,
                object.links as i64,
                link.to_bytes(),
                entry
            ])?;
        object.head = link.extend(&object.head);
        object.links += 1;
        self.0
            .prepare_cached("UPDATE objects SET head = ?2, links = ?3 WHERE ord = ?1")?
            .execute(params![
                object.ord,
                object.head.as_bytes(),
                object.links as i64
            ])?;
        Ok(())
    }

    pub fn set_leaf(&self, ord: i64, leaf: &Digest) -> Result<()> {
        self.0
            .prepare_cached("UPDATE objects SET leaf = ?2 WHERE ord = ?1")?
            .execute(params![ord, leaf.as_bytes()])?;
        Ok(())
    }

    pub fn leaves(&self) -> Result<Vec<Digest>> {
        let mut q = self
            .0
            .prepare_cached("SELECT leaf FROM objects ORDER BY ord")?;
        let rows = q.query_map([], |r| r.get::<_, Vec<u8>>(0))?;
        rows.map(|r| digest(r?, "state leaf")).collect()
    }

    /// Position of an object among the leaves.
    pub fn leaf_index(&self, ord: i64) -> Result<usize> {
        let n: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM objects WHERE ord < ?1")?
            .query_row([ord], |r| r.get(0))?;
        Ok(n as usize)
    }

    pub fn chain(&self, object: &Object) -> Result<Chain> {
        let mut q = self.0.prepare_cached(
            "SELECT l.link, e.bytes FROM links l LEFT JOIN entries e ON e.id = l.entry WHERE l.ord = ?1 ORDER BY l.seq",
        )?;
        let rows = q.query_map([object.ord], |r| {
            Ok((r.get::<_, Vec<u8>>(0)?, r.get::<_, Option<Vec<u8>>>(1)?))
        })?;
        let (mut links, mut entries) = (Vec::new(), Vec::new());
        for row in rows {
            let (link, entry) = row?;
            links.push(decoded(&link, "link")?);
            entries.extend(entry);
        }
        Ok(Chain {
            subject: object.subject,
            links,
            entries,
        })
    }

    // --- entries

    /// Adds an entry; `false` if its id is there already.
    pub fn add_entry(&self, id: &EntryId, height: u64, index: u32, bytes: &[u8]) -> Result<bool> {
        let n = self
            .0
            .prepare_cached("INSERT INTO entries (id, height, idx, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING")?
            .execute(params![id.as_bytes(), height as i64, index, bytes])?;
        Ok(n == 1)
    }

    pub fn entry_position(&self, id: &EntryId) -> Result<Option<(u64, u32)>> {
        let row = self
            .0
            .prepare_cached("SELECT height, idx FROM entries WHERE id = ?1")?
            .query_row([id.as_bytes()], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?)))
            .optional()?;
        row.map(|(height, index)| Ok((unsigned(height, "entry")?, index)))
            .transpose()
    }

    pub fn entries_at(&self, height: u64) -> Result<Vec<Vec<u8>>> {
        let mut q = self
            .0
            .prepare_cached("SELECT bytes FROM entries WHERE height = ?1 ORDER BY idx")?;
        let rows = q.query_map([height as i64], |r| r.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    // --- groups

    pub fn add_group(&self, id: &GroupId, definition: &GroupDefinition) -> Result<bool> {
        let n = self
            .0
            .prepare_cached(
                "INSERT INTO groups (id, definition) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![id.as_bytes(), definition.to_bytes()])?;
        if n == 1 {
            for class in std::iter::once(-1).chain(0..definition.classes.len() as i64) {
                self.0
                    .prepare_cached(
                        "INSERT INTO trees (grp, class, size, root) VALUES (?1, ?2, 0, NULL)",
                    )?
                    .execute(params![id.as_bytes(), class])?;
            }
        }
        Ok(n == 1)
    }

    pub fn group(&self, id: &GroupId) -> Result<Option<GroupDefinition>> {
        let row: Option<Vec<u8>> = self
            .0
            .prepare_cached("SELECT definition FROM groups WHERE id = ?1")?
            .query_row([id.as_bytes()], |r| r.get(0))
            .optional()?;
        row.map(|b| decoded(&b, "group")).transpose()
    }

    pub fn group_ids(&self) -> Result<Vec<GroupId>> {
        let mut q = self
            .0
            .prepare_cached("SELECT id FROM objects WHERE kind = 0 ORDER BY ord")?;
        let rows = q.query_map([], |r| r.get::<_, Vec<u8>>(0))?;
        rows.map(|r| Ok(GroupId(digest(r?, "group id")?))).collect()
    }

    /// Adds a member; `false` if the subject or the leaf is there already.
    pub fn add_member(&self, a: &Attestation, position: u64, height: u64) -> Result<bool> {
        let n = self
            .0
            .prepare_cached(
                "INSERT INTO members (grp, subject, position, leaf, binder, classes, height) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                a.group.as_bytes(),
                a.subject.as_bytes(),
                position as i64,
                a.leaf.to_le_bytes(),
                a.binder.as_bytes(),
                classes_to_bytes(&a.classes),
                height as i64
            ])?;
        Ok(n == 1)
    }

    pub fn members(&self, group: &GroupId) -> Result<Vec<MemberRow>> {
        let mut q = self.0.prepare_cached("SELECT position, leaf, binder, classes, height FROM members WHERE grp = ?1 ORDER BY position")?;
        let rows = q.query_map([group.as_bytes()], |r| {
            Ok((
                r.get::<_, i64>(0)?,
                r.get::<_, Vec<u8>>(1)?,
                r.get::<_, Vec<u8>>(2)?,
                r.get::<_, Vec<u8>>(3)?,
                r.get::<_, i64>(4)?,
            ))
        })?;
        rows.map(|row| {
            let (position, leaf, binder, classes, height) = row?;
            Ok(MemberRow {
                position: unsigned(position, "member")?,
                leaf: FieldElement(element(&leaf, "leaf")?),
                binder: Binder(digest(binder, "binder")?),
                classes: classes
                    .chunks_exact(2)
                    .filter_map(|c| Some(u16::from_be_bytes(c.try_into().ok()?)))
                    .collect(),
                height: unsigned(height, "member")?,
            })
        })
        .collect()
    }

    pub fn tree(&self, group: &GroupId, class: Option<u16>) -> Result<Option<Tree>> {
        let row = self
            .0
            .prepare_cached("SELECT size, root FROM trees WHERE grp = ?1 AND class = ?2")?
            .query_row(params![group.as_bytes(), class_column(class)], |r| {
                Ok((r.get::<_, i64>(0)?, r.get::<_, Option<Vec<u8>>>(1)?))
            })
            .optional()?;
        row.map(|(size, root)| {
            Ok(Tree {
                size: unsigned(size, "tree")?,
                root: root
                    .map(|r| element(&r, "root"))
                    .transpose()?
                    .map(FieldElement),
            })
        })
        .transpose()
    }

    pub fn set_tree(
        &self,
        group: &GroupId,
        class: Option<u16>,
        size: u64,
        root: &Fr,
    ) -> Result<()> {
        self.0
            .prepare_cached("UPDATE trees SET size = ?3, root = ?4 WHERE grp = ?1 AND class = ?2")?
            .execute(params![
                group.as_bytes(),
                class_column(class),
                size as i64,
                fr_to_bytes(root)
            ])?;
        Ok(())
    }

    pub fn tree_nodes<'s>(&'s self, group: &'s GroupId, class: Option<u16>) -> TreeNodes<'s> {
        TreeNodes {
            store: Store(self.0),
            group,
            class: class_column(class),
        }
    }

    // --- statements

    pub fn add_statement(&self, row: &StatementRow) -> Result<bool> {
        let n = self
            .0
            .prepare_cached(
                "INSERT INTO statements (id, grp, statement, status, deadline_ms, attempt, phase, phase_height, phase_ms, opening, count, trigger_height)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, 0, NULL) ON CONFLICT DO NOTHING",
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

    /// Statements whose key is being made, in the order of their creation.
    pub fn preparing_statements(&self) -> Result<Vec<StatementRow>> {
        self.statements_where("status = ?1", params![Status::Preparing.code()])
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
            i64,
            Option<i64>,
        );
        let mut q = self.0.prepare_cached(&format!(
            "SELECT s.id, s.statement, s.status, s.attempt, s.phase, s.phase_height, s.phase_ms, s.opening, s.count, s.trigger_height
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
                count,
                trigger_height,
            ): Raw = row?;
            Ok(StatementRow {
                id: StatementId(digest(id, "statement id")?),
                statement: decoded(&statement, "statement")?,
                status: Status::ALL
                    .into_iter()
                    .find(|s| s.code() == status)
                    .ok_or(StoreError::Damaged("status"))?,
                attempt,
                phase: Phase::from_code(phase).ok_or(StoreError::Damaged("phase"))?,
                phase_height: unsigned(phase_height, "phase")?,
                phase_ms: unsigned(phase_ms, "phase")?,
                opening: opening.map(|o| decoded(&o, "opening")).transpose()?,
                count: self::count(count)?,
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

    /// Statements whose erasure a node hasn't attested, in the order of their creation.
    pub fn unattested(&self, node: NodeIndex) -> Result<Vec<StatementId>> {
        let mut q = self.0.prepare_cached(
            "SELECT o.id FROM objects o WHERE o.kind = 1
             AND NOT EXISTS (SELECT 1 FROM erasures e WHERE e.statement = o.id AND e.node = ?1) ORDER BY o.ord",
        )?;
        let rows = q.query_map([node], |r| r.get::<_, Vec<u8>>(0))?;
        rows.map(|r| Ok(StatementId(digest(r?, "statement id")?)))
            .collect()
    }

    /// Writes what changes in a statement's life: everything but what its creator chose.
    pub fn update_statement(&self, row: &StatementRow) -> Result<()> {
        self.0
            .prepare_cached(
                "UPDATE statements SET status = ?2, attempt = ?3, phase = ?4, phase_height = ?5, phase_ms = ?6, opening = ?7, count = ?8, trigger_height = ?9 WHERE id = ?1",
            )?
            .execute(params![
                row.id.as_bytes(),
                row.status.code(),
                row.attempt,
                row.phase as u8,
                row.phase_height as i64,
                row.phase_ms as i64,
                row.opening.as_ref().map(Encode::to_bytes),
                row.count as i64,
                row.trigger_height.map(|h| h as i64),
            ])?;
        Ok(())
    }

    // --- key generation

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

    // --- signatures

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

    /// How many chunks of a statement have their ciphertexts in the log.
    pub fn unsealed_chunks(&self, statement: &StatementId) -> Result<u64> {
        let n: i64 = self
            .0
            .prepare_cached("SELECT count(*) FROM unseals WHERE statement = ?1")?
            .query_row([statement.as_bytes()], |r| r.get(0))?;
        Ok(n as u64)
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

    // --- opening and erasing

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

    pub fn unseal(&self, statement: &StatementId, chunk: u32) -> Result<Option<Vec<Ciphertext>>> {
        let row: Option<Vec<u8>> = self
            .0
            .prepare_cached("SELECT items FROM unseals WHERE statement = ?1 AND chunk = ?2")?
            .query_row(params![statement.as_bytes(), chunk], |r| r.get(0))
            .optional()?;
        row.map(|bytes| {
            let mut r = tacit_protocol::codec::Reader::new(&bytes);
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

/// What a post is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostKind {
    Unseal = 0,
    Partial = 1,
}

type RawSignature = (i64, Vec<u8>, i64, Vec<u8>, Vec<u8>, i64, u32);

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

fn object_key(subject: &Subject) -> (i64, &[u8; 32]) {
    match subject {
        Subject::Group(id) => (0, id.as_bytes()),
        Subject::Statement(id) => (1, id.as_bytes()),
    }
}

fn classes_to_bytes(classes: &[u16]) -> Vec<u8> {
    classes.iter().flat_map(|c| c.to_be_bytes()).collect()
}

/// One tree's nodes, for [`tacit_protocol::lean_imt::insert_into`].
pub(crate) struct TreeNodes<'s> {
    store: Store<'s>,
    group: &'s GroupId,
    class: i64,
}

impl NodeStore for TreeNodes<'_> {
    type Error = StoreError;

    fn get(&mut self, level: u8, index: u64) -> Result<Option<Fr>> {
        let row: Option<Vec<u8>> = self
            .store
            .0
            .prepare_cached("SELECT node FROM tree_nodes WHERE grp = ?1 AND class = ?2 AND level = ?3 AND idx = ?4")?
            .query_row(params![self.group.as_bytes(), self.class, level, index as i64], |r| r.get(0))
            .optional()?;
        row.map(|b| element(&b, "tree node")).transpose()
    }

    fn put(&mut self, level: u8, index: u64, node: Fr) -> Result<()> {
        self.store
            .0
            .prepare_cached("INSERT OR REPLACE INTO tree_nodes (grp, class, level, idx, node) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![self.group.as_bytes(), self.class, level, index as i64, fr_to_bytes(&node)])?;
        Ok(())
    }
}
