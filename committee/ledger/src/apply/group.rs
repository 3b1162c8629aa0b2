//! Groups and their members.

use tacit_protocol::entry::Subject;
use tacit_protocol::group::{Enrol, GroupCreate};
use tacit_protocol::ids::GroupId;
use tacit_protocol::lean_imt::{InsertError, LeanImtError, insert_into};

use super::{Applier, ApplyError, Verdict, refuse};
use crate::store::StoreError;

impl Applier<'_> {
    pub(super) fn group_create(&mut self, e: &GroupCreate) -> Verdict {
        let definition = &e.definition;
        if &definition.fingerprint != self.fingerprint {
            return refuse("other-committee", "the group names another committee");
        }
        if !self.founding.group_creators.contains(&definition.creator) {
            return refuse(
                "not-a-creator",
                "the founding file doesn't allow this key to create groups",
            );
        }
        let id = match e.check() {
            Ok(id) => id,
            Err(error) => return refuse("bad-group", error.to_string()),
        };
        if !self.store.add_group(&id, definition)? {
            return refuse("group-exists", format!("group {id} exists already"));
        }
        self.store.create_object(&Subject::Group(id))?;
        Ok(Vec::new())
    }

    pub(super) fn enrol(&mut self, e: &Enrol) -> Verdict {
        let a = &e.attestation;
        let Some(definition) = self.store.group(&a.group)? else {
            return refuse("unknown-group", format!("there is no group {}", a.group));
        };
        if let Err(error) = e.check(&definition) {
            return refuse("bad-attestation", error.to_string());
        }
        let tree = self
            .store
            .tree(&a.group, None)?
            .ok_or(StoreError::Damaged("tree"))?;
        if !self.store.add_member(a, tree.size, self.height)? {
            return refuse(
                "already-enrolled",
                "this person or this identity is enrolled in the group already",
            );
        }
        self.insert_leaf(&a.group, None, a)?;
        for class in &a.classes {
            self.insert_leaf(&a.group, Some(*class), a)?;
        }
        Ok(Vec::new())
    }

    fn insert_leaf(
        &mut self,
        group: &GroupId,
        class: Option<u16>,
        a: &tacit_protocol::group::Attestation,
    ) -> Result<(), ApplyError> {
        let tree = self
            .store
            .tree(group, class)?
            .ok_or(StoreError::Damaged("tree"))?;
        let root = match insert_into(
            &mut self.store.tree_nodes(group, class),
            tree.size,
            a.leaf.0,
        ) {
            Ok(root) => root,
            Err(InsertError::Store(e)) => return Err(e.into()),
            Err(InsertError::Refused(LeanImtError::ZeroLeaf)) => {
                return refuse("zero-leaf", "zero is no identity");
            }
            Err(InsertError::Refused(e)) => return refuse("group-full", e.to_string()),
            Err(InsertError::MissingNode { .. }) => {
                return Err(StoreError::Damaged("tree node").into());
            }
        };
        self.store.set_tree(group, class, tree.size + 1, &root)?;
        Ok(())
    }
}
