//! Everything that happened: entries, the chains of groups and statements, the leaves of the state.

use rusqlite::{OptionalExtension as _, params};
use tacit_protocol::chain::{Chain, Event, Finding, Link};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Subject;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::EntryId;

use super::{Result, Store, decoded, digest, unsigned};

/// A row of `objects`.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub ord: i64,
    pub subject: Subject,
    pub head: Digest,
    pub links: u64,
}

impl Store<'_> {
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
        for (i, finding) in link.event.findings().iter().enumerate() {
            self.0
                .prepare_cached(
                    "INSERT INTO findings (ord, seq, idx, node, fault) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    object.ord,
                    object.links as i64,
                    i as i64,
                    finding.culprit,
                    finding.fault
                ])?;
        }
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

    /// Everything that was found in a chain's events, in order.
    pub fn findings(&self, object: &Object) -> Result<Vec<Finding>> {
        let mut q = self
            .0
            .prepare_cached("SELECT node, fault FROM findings WHERE ord = ?1 ORDER BY seq, idx")?;
        let rows = q.query_map([object.ord], |r| {
            Ok(Finding {
                culprit: r.get(0)?,
                fault: r.get(1)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
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
}

fn object_key(subject: &Subject) -> (i64, &[u8; 32]) {
    match subject {
        Subject::Group(id) => (0, id.as_bytes()),
        Subject::Statement(id) => (1, id.as_bytes()),
    }
}
