//! Groups: their definitions, members and trees.

use rusqlite::{OptionalExtension as _, params};
use tacit_protocol::chain::Tree;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::field::{FieldElement, Fr, fr_to_bytes};
use tacit_protocol::group::{Attestation, GroupDefinition};
use tacit_protocol::ids::{Binder, GroupId};
use tacit_protocol::lean_imt::NodeStore;

use super::{Result, Store, StoreError, class_column, decoded, digest, element, unsigned};

/// A row of `members`.
#[derive(Debug, Clone)]
pub(crate) struct MemberRow {
    pub position: u64,
    pub leaf: FieldElement,
    pub binder: Binder,
    pub classes: Vec<u16>,
    pub height: u64,
}

impl Store<'_> {
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
