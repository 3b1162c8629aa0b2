//! The vault as the consensus' store of sealed bodies.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use tacit_ledger::OpenedBodies;
use tacit_protocol::{codec::Decode as _, entry::Entry, ids::StatementId, signature::SealedBody};
use tacit_vault::{SlotState, Vault, VaultError, limits::MAX_BATCH};
use tracing::warn;

use crate::machine::{BodyFault, BodyKey, BodyNeed, BodyStore, Fault, Refusal};

/// A [`Vault`] behind [`BodyStore`].
///
/// A statement whose slot is erased, or whose wrapping key is damaged, is closed: its bodies can't
/// be kept here any more, so they aren't asked for, and blocks with its signatures get no vote here.
pub struct VaultBodies {
    vault: Arc<Vault>,
    opened: Option<OpenedBodies>,
}

impl VaultBodies {
    /// Bodies in this vault.
    pub fn new(vault: Arc<Vault>) -> Self {
        Self {
            vault,
            opened: None,
        }
    }

    /// Gives opened bodies too, which are public, to nodes that were down when they were sealed.
    #[must_use]
    pub fn with_opened(mut self, opened: OpenedBodies) -> Self {
        self.opened = Some(opened);
        self
    }

    fn opened(&self, key: &BodyKey) -> Result<Option<Bytes>, Fault> {
        match &self.opened {
            Some(opened) => Ok(opened.get(&key.statement, &key.id)?.map(Bytes::from)),
            None => Ok(None),
        }
    }

    /// Stores one statement's bodies. The slot is made if there is none yet: whoever votes holds
    /// the bodies, with a share of the key or without.
    fn put(&self, statement: &StatementId, bodies: &[([u8; 32], Bytes)]) -> Result<(), VaultError> {
        self.vault.ensure_slot(statement)?;
        for batch in bodies.chunks(MAX_BATCH) {
            self.vault.put_bodies(statement, batch)?;
        }
        Ok(())
    }
}

/// What is about one statement and isn't a failure of the disk: its bodies can't be kept here.
fn is_closed(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::SlotErased(_)
            | VaultError::KeyDamaged(_)
            | VaultError::TooManySlots
            | VaultError::TooManyBodies(_)
    )
}

impl BodyStore for VaultBodies {
    fn has(&self, key: &BodyKey) -> Result<bool, Fault> {
        Ok(self.vault.has_body(&key.statement, &key.id))
    }

    fn get(&self, key: &BodyKey) -> Result<Option<Bytes>, Fault> {
        match self.vault.get_body(&key.statement, &key.id) {
            Ok(Some(body)) => Ok(Some(Bytes::from_owner(body))),
            Ok(None) => self.opened(key),
            // From here on it counts as missing, and is fetched from the peers again.
            Err(error @ VaultError::BodyDamaged(_)) => {
                warn!(%error, "it will be fetched again");
                Ok(None)
            }
            // Others have it. A disk that can't be written any more ends the node soon enough.
            Err(error @ VaultError::Io { .. }) => {
                warn!(statement = %key.statement, %error, "a sealed body can't be read here");
                self.opened(key)
            }
            Err(VaultError::NoSlot(_)) => self.opened(key),
            Err(error) if is_closed(&error) => self.opened(key),
            Err(error) => Err(error.into()),
        }
    }

    fn check(&self, need: &BodyNeed, body: &[u8]) -> Result<(), BodyFault> {
        let mismatch = |code, detail: String| BodyFault::Mismatch(Refusal::new(code, detail));
        let Ok(Entry::Sign(sign)) = Entry::parse(&need.entry) else {
            return Err(mismatch(
                "no-signature",
                "the entry stands for no sealed body".into(),
            ));
        };
        let body = SealedBody::from_bytes(body)
            .map_err(|e| mismatch("body-malformed", format!("not a sealed body: {e}")))?;
        if body.matches(&sign) {
            Ok(())
        } else {
            Err(mismatch(
                "body-mismatch",
                "the sealed body is not the one that the signature commits to".into(),
            ))
        }
    }

    fn put_all(&self, bodies: &[(BodyKey, Bytes)]) -> Result<bool, Fault> {
        let mut by_statement: BTreeMap<StatementId, Vec<([u8; 32], Bytes)>> = BTreeMap::new();
        for (key, body) in bodies {
            let list = by_statement.entry(key.statement).or_default();
            list.push((key.id, body.clone()));
        }
        let mut held = true;
        for (statement, bodies) in by_statement {
            match self.put(&statement, &bodies) {
                Ok(()) => {}
                Err(error) if is_closed(&error) => {
                    warn!(%error, "its bodies can't be kept");
                    held = false;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(held)
    }

    fn closed(&self, statement: &StatementId) -> bool {
        match self.vault.state(statement) {
            SlotState::Damaged | SlotState::Erasing | SlotState::Erased(_) => true,
            SlotState::Absent | SlotState::Live => false,
        }
    }
}
