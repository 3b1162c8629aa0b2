//! What the certified state says of groups and statements.

use tacit_protocol::chain::{Facts, GroupFacts, Opening, StatementFacts, Tree};
use tacit_protocol::entry::Subject;
use tacit_protocol::group::{ClassName, GroupDefinition};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{GroupId, StatementId};
use tacit_protocol::merkle;
use tacit_protocol::trigger::Counts;

use crate::store::{Object, Result, StatementRow, Store, StoreError};

/// Facts of a group or a statement as they stand.
pub(crate) fn facts(store: &Store<'_>, object: &Object) -> Result<Facts> {
    match object.subject {
        Subject::Group(id) => {
            let definition = store.group(&id)?.ok_or(StoreError::Damaged("group"))?;
            Ok(Facts::Group(GroupFacts {
                id,
                head: object.head,
                links: object.links,
                members: tree(store, &id, None)?,
                classes: class_trees(store, &id, &definition)?,
            }))
        }
        Subject::Statement(id) => {
            let row = store
                .statement(&id)?
                .ok_or(StoreError::Damaged("statement"))?;
            Ok(Facts::Statement(StatementFacts {
                id,
                head: object.head,
                links: object.links,
                status: row.status,
                count: row.count,
                class_counts: class_counts(store, &row)?,
                holders: store.holders(&id)?,
                opening: row.opening,
            }))
        }
    }
}

fn tree(store: &Store<'_>, id: &GroupId, class: Option<u16>) -> Result<Tree> {
    store.tree(id, class)?.ok_or(StoreError::Damaged("tree"))
}

/// Trees of all classes, in the definition's order.
pub(crate) fn class_trees(
    store: &Store<'_>,
    id: &GroupId,
    definition: &GroupDefinition,
) -> Result<Vec<Tree>> {
    (0..definition.classes.len() as u16)
        .map(|c| tree(store, id, Some(c)))
        .collect()
}

/// The group's trees as they stand now.
pub(crate) fn frozen(
    store: &Store<'_>,
    id: &GroupId,
    definition: &GroupDefinition,
) -> Result<(Tree, Vec<Tree>)> {
    Ok((tree(store, id, None)?, class_trees(store, id, definition)?))
}

fn class_counts(store: &Store<'_>, row: &StatementRow) -> Result<Vec<u64>> {
    let definition = store
        .group(&row.statement.group)?
        .ok_or(StoreError::Damaged("group"))?;
    (0..definition.classes.len() as u16)
        .map(|c| store.class_count(&row.id, c))
        .collect()
}

/// Root of the certified state.
pub(crate) fn state_root(store: &Store<'_>) -> Result<Digest> {
    Ok(merkle::root(&store.leaves()?))
}

/// Counts and sizes of a statement, for its trigger.
#[derive(Debug, Clone)]
pub(crate) struct StatementCounts {
    definition: GroupDefinition,
    members: u64,
    class_members: Vec<u64>,
    count: u64,
    class_counts: Vec<u64>,
}

impl StatementCounts {
    /// With sizes as frozen at opening, or as they stand before.
    pub fn of(
        store: &Store<'_>,
        group: &GroupId,
        statement: Option<&StatementId>,
        count: u64,
        opening: Option<&Opening>,
    ) -> Result<Self> {
        let definition = store.group(group)?.ok_or(StoreError::Damaged("group"))?;
        let (all, classes) = match opening {
            Some(o) => (o.group, o.classes.clone()),
            None => frozen(store, group, &definition)?,
        };
        let class_counts = match statement {
            Some(id) => (0..definition.classes.len() as u16)
                .map(|c| store.class_count(id, c))
                .collect::<Result<_>>()?,
            None => vec![0; definition.classes.len()],
        };
        Ok(Self {
            definition,
            members: all.size,
            class_members: classes.iter().map(|t| t.size).collect(),
            count,
            class_counts,
        })
    }
}

impl Counts for StatementCounts {
    fn count(&self, class: Option<&ClassName>) -> u64 {
        match class {
            None => self.count,
            Some(c) => self
                .definition
                .class_index(c)
                .and_then(|i| self.class_counts.get(i))
                .copied()
                .unwrap_or(0),
        }
    }

    fn members(&self, class: Option<&ClassName>) -> Option<u64> {
        match class {
            None => Some(self.members),
            Some(c) => self
                .definition
                .class_index(c)
                .and_then(|i| self.class_members.get(i))
                .copied(),
        }
    }
}
