//! A group on its way into the log: its creator signs it, then at least k of its registrars do, each
//! on its own copy or on one that goes round. The file is the log's own encoding with too few signatures.

use std::path::Path;

use tacit_protocol::codec::{Decode as _, DecodeError, Encode as _};
use tacit_protocol::group::{GroupCreate, GroupDefinition, GroupError, RegistrarSignature};
use tacit_protocol::hash::domain;
use tacit_protocol::ids::GroupId;
use tacit_protocol::keys::{PublicKey, SigningKey};
use thiserror::Error;

use crate::files::{self, FileError};
use crate::limits::MAX_GROUP_FILE;

/// Why a group can't be drafted, approved or put together.
#[derive(Debug, Error)]
pub enum ApprovalError {
    /// The file can't be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds something else.
    #[error("this is no group's file: {0}")]
    Malformed(#[from] DecodeError),
    /// The creator's mistake.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The key isn't the one that the definition names as its creator.
    #[error("the group names another creator")]
    NotCreator,
    /// The key isn't among the group's registrars.
    #[error("{0} is none of this group's registrars")]
    NotRegistrar(PublicKey),
    /// A registrar's signature in the file is wrong.
    #[error("the signature of registrar {0} does not hold for this group")]
    BadSignature(u8),
    /// Two files of two groups.
    #[error("the files are of two groups, {0} and {1}")]
    OtherGroup(GroupId, GroupId),
}

impl ApprovalError {
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::File(_) | Self::Malformed(_) => {
                "Check that this is the file that `tacit group create` wrote."
            }
            Self::Group(_) | Self::NotCreator => {
                "The group's creator must make the file anew with `tacit group create`."
            }
            Self::NotRegistrar(_) => "Check --home, or give the creator this registrar's card.",
            Self::BadSignature(_) => "Ask that registrar to approve the group's file again.",
            Self::OtherGroup(..) => "Give the files of one group only.",
        }
    }
}

/// A group with its creator's signature and no other.
pub fn draft(
    definition: GroupDefinition,
    creator: &SigningKey,
) -> Result<GroupCreate, ApprovalError> {
    definition.check()?;
    if definition.creator != creator.public() {
        return Err(ApprovalError::NotCreator);
    }
    let signature = creator.sign(domain::SIGN_GROUP, definition.id().as_bytes());
    Ok(GroupCreate {
        definition,
        creator: signature,
        registrars: Vec::new(),
    })
}

/// Checks the definition, its creator's signature and those registrars' signatures that are there.
pub fn check(group: &GroupCreate) -> Result<GroupId, ApprovalError> {
    group.definition.check()?;
    let id = group.definition.id();
    let by_creator =
        group
            .definition
            .creator
            .verify(domain::SIGN_GROUP, id.as_bytes(), &group.creator);
    by_creator.map_err(|_| GroupError::Unsigned("creator"))?;
    for s in &group.registrars {
        let key = group.definition.registrars.get(usize::from(s.registrar));
        key.and_then(|key| {
            key.verify(domain::SIGN_GROUP, id.as_bytes(), &s.signature)
                .ok()
        })
        .ok_or(ApprovalError::BadSignature(s.registrar))?;
    }
    Ok(id)
}

/// A registrar's position in a group.
pub fn position(definition: &GroupDefinition, key: &PublicKey) -> Result<u8, ApprovalError> {
    let position = definition.registrars.iter().position(|r| r == key);
    position
        .and_then(|i| u8::try_from(i).ok())
        .ok_or(ApprovalError::NotRegistrar(*key))
}

/// Adds a registrar's signature. Whoever calls this has shown the definition to the registrar.
pub fn sign(group: &mut GroupCreate, registrar: &SigningKey) -> Result<GroupId, ApprovalError> {
    let id = check(group)?;
    let position = position(&group.definition, &registrar.public())?;
    put(
        group,
        RegistrarSignature {
            registrar: position,
            signature: registrar.sign(domain::SIGN_GROUP, id.as_bytes()),
        },
    );
    Ok(id)
}

/// Takes over the signatures of another copy.
pub fn merge(group: &mut GroupCreate, other: &GroupCreate) -> Result<(), ApprovalError> {
    let (id, other_id) = (check(group)?, check(other)?);
    if id != other_id {
        return Err(ApprovalError::OtherGroup(id, other_id));
    }
    for signature in &other.registrars {
        put(group, signature.clone());
    }
    Ok(())
}

fn put(group: &mut GroupCreate, signature: RegistrarSignature) {
    group
        .registrars
        .retain(|s| s.registrar != signature.registrar);
    group.registrars.push(signature);
    group.registrars.sort_by_key(|s| s.registrar);
}

/// Registrars that still must sign before the log takes the group.
pub fn missing(group: &GroupCreate) -> usize {
    usize::from(group.definition.threshold).saturating_sub(group.registrars.len())
}

/// Reads a group's file; its signatures are checked by [`check`].
pub fn read(path: &Path) -> Result<GroupCreate, ApprovalError> {
    Ok(GroupCreate::from_bytes(&files::read_bounded(
        path,
        MAX_GROUP_FILE,
        "a group's file",
    )?)?)
}

/// Writes a group's file as a whole.
pub fn write(path: &Path, group: &GroupCreate) -> Result<(), ApprovalError> {
    Ok(files::replace_private(path, &group.to_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registrar::testing::{definition, seed};

    fn keys() -> Vec<SigningKey> {
        (1..=3).map(seed).collect()
    }

    fn drafted() -> GroupCreate {
        draft(definition(&keys()), &seed(100)).unwrap()
    }

    #[test]
    fn a_group_is_complete_once_k_registrars_signed() {
        let mut group = drafted();
        assert_eq!(missing(&group), 2);
        assert!(group.check().is_err());
        sign(&mut group, &keys()[2]).unwrap();
        sign(&mut group, &keys()[0]).unwrap();
        sign(&mut group, &keys()[0]).unwrap();
        assert_eq!((missing(&group), group.registrars.len()), (0, 2));
        assert_eq!(group.check().unwrap(), group.definition.id());
    }

    #[test]
    fn copies_that_were_signed_apart_come_together() {
        let (mut one, mut two) = (drafted(), drafted());
        sign(&mut one, &keys()[0]).unwrap();
        sign(&mut two, &keys()[1]).unwrap();
        merge(&mut one, &two).unwrap();
        assert!(one.check().is_ok());
        let mut other = definition(&keys());
        other.nonce = [9; 16];
        let other = draft(other, &seed(100)).unwrap();
        assert!(matches!(
            merge(&mut one, &other),
            Err(ApprovalError::OtherGroup(..))
        ));
    }

    #[test]
    fn only_its_creator_drafts_and_only_its_registrars_approve() {
        assert!(matches!(
            draft(definition(&keys()), &seed(101)),
            Err(ApprovalError::NotCreator)
        ));
        assert!(matches!(
            sign(&mut drafted(), &seed(4)),
            Err(ApprovalError::NotRegistrar(_))
        ));
    }

    #[test]
    fn a_group_that_was_changed_after_its_creator_signed_is_not_approved() {
        let mut group = drafted();
        group.definition.name = "Another".into();
        let error = sign(&mut group, &keys()[0]).unwrap_err();
        assert!(matches!(
            error,
            ApprovalError::Group(GroupError::Unsigned("creator"))
        ));
        assert!(group.registrars.is_empty());
    }

    #[test]
    fn a_wrong_signature_in_the_file_names_its_registrar() {
        let mut group = drafted();
        sign(&mut group, &keys()[1]).unwrap();
        let position = group.registrars[0].registrar;
        group.registrars[0].signature.0[5] ^= 1;
        assert!(
            matches!(sign(&mut group, &keys()[0]), Err(ApprovalError::BadSignature(p)) if p == position)
        );
        group.registrars[0].registrar = 9;
        assert!(matches!(check(&group), Err(ApprovalError::BadSignature(9))));
    }

    #[test]
    fn a_file_comes_back_and_another_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("group.bin");
        write(&path, &drafted()).unwrap();
        assert_eq!(read(&path).unwrap(), drafted());
        std::fs::write(&path, b"something else").unwrap();
        assert!(matches!(read(&path), Err(ApprovalError::Malformed(_))));
    }
}
