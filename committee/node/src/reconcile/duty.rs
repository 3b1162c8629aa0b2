//! What is due, from what is applied and what the vault holds.

use std::collections::BTreeMap;
use std::fmt::Display;

use tacit_protocol::codec::Decode as _;
use tacit_protocol::entry::{ErasureReason, NodeStatement};
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_protocol::opening::{Ciphertext, Unseal};
use tacit_protocol::signature::SealedBody;
use tacit_protocol::statement::Status;
use tacit_threshold::node::{NodeSecrets, Seed};
use tacit_threshold::opening::partial;
use tacit_threshold::state::{DkgMessage, DkgState, Stage};
use tacit_threshold::{DkgContext, Phase};
use tacit_vault::{SecretBytes, SlotState, Vault, VaultError};
use tracing::{error, warn};
use zeroize::Zeroize as _;

use super::host::Host;
use super::snapshot::Snapshot;
use crate::machine::BodyNeed;

/// One thing to do.
#[derive(Debug, Clone)]
pub enum Duty {
    /// Put this into the log.
    Say(NodeStatement),
    /// Make these opened bodies public, then erase.
    Publish(Vec<(u64, BodyNeed)>),
    /// Erase, then attest it.
    Erase(ErasureReason),
}

/// Name of an attempt's seed in the vault.
fn seed_name(attempt: u8) -> String {
    format!("dkg-seed/{attempt}")
}

/// All that a node should do about one statement now. Draws a seed at most, which the vault keeps
/// before anything that follows from it leaves the node.
pub fn due(
    snapshot: &Snapshot,
    me: NodeIndex,
    vault: &Vault,
    host: &mut impl Host,
    losses: &mut Losses,
) -> Result<Vec<Duty>, VaultError> {
    match snapshot.status {
        Status::Preparing | Status::Collecting | Status::Triggered => {
            let Some(state) = &snapshot.keygen else {
                return Ok(Vec::new());
            };
            let is_holder = state.holders().any(|h| h == me);
            // A holder has said everything about the key, and needs it again only to open.
            let secrets = if is_holder && snapshot.status != Status::Triggered {
                None
            } else {
                match secrets(state, me, vault, host)? {
                    Found::Secrets(secrets) => Some(secrets),
                    Found::Nothing => None,
                    Found::Lost(error) => {
                        losses.note(&snapshot.id, &error);
                        None
                    }
                }
            };
            let mut duties = Vec::new();
            if let Some(secrets) = secrets.as_ref().filter(|_| !is_holder) {
                duties.extend(secrets.respond(state).map(say));
            }
            if snapshot.status == Status::Triggered {
                duties.extend(open(snapshot, state, me, vault, secrets.as_ref(), losses));
            }
            Ok(duties)
        }
        Status::Revealed => {
            let missing = snapshot
                .bodies
                .iter()
                .filter(|(p, _)| !snapshot.published.contains(p))
                .cloned()
                .collect();
            Ok(vec![Duty::Publish(missing)])
        }
        Status::Expired | Status::Erased => Ok(vec![Duty::Erase(ErasureReason::Expired)]),
        Status::Failed => Ok(vec![Duty::Erase(ErasureReason::AttemptFailed)]),
    }
}

/// What this node has of its secrets for a key generation.
pub enum Found {
    /// All of them follow from this.
    Secrets(NodeSecrets),
    /// It has none, and may draw none any more.
    Nothing,
    /// They can't be had any more: this node has no share of this statement's key, and goes on.
    Lost(VaultError),
}

impl Found {
    /// The secrets, if they are there.
    pub fn here(self) -> Option<NodeSecrets> {
        match self {
            Self::Secrets(secrets) => Some(secrets),
            Self::Nothing | Self::Lost(_) => None,
        }
    }
}

/// Statements that this node can't serve as it should since the start, each with the last reason.
#[derive(Debug, Default)]
pub struct Losses(BTreeMap<StatementId, String>);

impl Losses {
    /// Says it once, loudly: steps come again and again.
    fn note(&mut self, id: &StatementId, why: &impl Display) {
        let why = why.to_string();
        if self.0.get(id) != Some(&why) {
            error!(statement = %id, error = %why, "this node has no share of the statement's key");
            self.0.insert(*id, why);
        }
    }
}

/// Whether an error is about one statement's part of the vault, and about nothing else: no reason for
/// a node to end, which serves all the others.
fn is_about_one(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::NoSlot(_)
            | VaultError::SlotErased(_)
            | VaultError::KeyDamaged(_)
            | VaultError::SecretDamaged { .. }
            | VaultError::BodyDamaged(_)
            | VaultError::TooManySlots
            | VaultError::TooManySecrets(_)
            | VaultError::TooManyBodies(_)
    )
}

/// This node's secrets for a key generation, if it has a seed or may still draw one. What can't be read
/// costs the node this one share. What can't be *written* is the disk's failure, and an error.
pub fn secrets(
    keygen: &DkgState,
    me: NodeIndex,
    vault: &Vault,
    host: &mut impl Host,
) -> Result<Found, VaultError> {
    let ctx: &DkgContext = keygen.context();
    let id = ctx.at.statement;
    let name = seed_name(ctx.at.attempt);
    let stored = match vault.state(&id) {
        SlotState::Live => match vault.get_secret(&id, &name) {
            Ok(stored) => stored,
            Err(error) => return Ok(Found::Lost(error)),
        },
        SlotState::Absent => None,
        SlotState::Damaged => return Ok(Found::Lost(VaultError::KeyDamaged(id))),
        SlotState::Erasing | SlotState::Erased(_) => {
            return Ok(Found::Lost(VaultError::SlotErased(id)));
        }
    };
    let bytes = match stored {
        Some(bytes) => bytes,
        // Only the first phase takes a new node in; later, a fresh seed could never match what was said.
        None if keygen.stage() == Stage::Running(Phase::Keys)
            && !keygen.has_heard(me, Phase::Keys) =>
        {
            match draw(&id, &name, vault, host) {
                Ok(seed) => seed,
                Err(error) if is_about_one(&error) => return Ok(Found::Lost(error)),
                Err(error) => return Err(error),
            }
        }
        None => return Ok(Found::Nothing),
    };
    match <[u8; 32]>::try_from(bytes.as_ref()) {
        Ok(seed) => Ok(Found::Secrets(NodeSecrets::derive(
            &Seed::new(seed),
            ctx,
            me,
        ))),
        Err(_) => Ok(Found::Lost(VaultError::SecretDamaged {
            statement: id,
            name,
        })),
    }
}

/// Draws a seed, which the vault keeps before anything follows from it.
fn draw(
    id: &StatementId,
    name: &str,
    vault: &Vault,
    host: &mut impl Host,
) -> Result<SecretBytes, VaultError> {
    vault.ensure_slot(id)?;
    let mut fresh = [0u8; 32];
    host.fill_random(&mut fresh);
    let kept = vault.put_secret(id, name, &fresh);
    fresh.zeroize();
    kept
}

fn say(message: DkgMessage) -> Duty {
    Duty::Say(match message {
        DkgMessage::Keys(m) => NodeStatement::Keys(m),
        DkgMessage::Commit(m) => NodeStatement::Commit(m),
        DkgMessage::Deal(m) => NodeStatement::Deal(m),
        DkgMessage::Complain(m) => NodeStatement::Complain(m),
        DkgMessage::Confirm(m) => NodeStatement::Confirm(m),
    })
}

fn open(
    snapshot: &Snapshot,
    state: &DkgState,
    me: NodeIndex,
    vault: &Vault,
    secrets: Option<&NodeSecrets>,
    losses: &mut Losses,
) -> Vec<Duty> {
    let Some(opening) = &snapshot.opening else {
        return Vec::new();
    };
    let mut duties = Vec::new();
    for chunk in &opening.chunks {
        if !chunk.unsealed
            && !chunk.unsealers.contains(&me)
            && let Some(items) = ciphertexts(snapshot, chunk.chunk, vault)
        {
            duties.push(Duty::Say(NodeStatement::Unseal(Unseal {
                statement: snapshot.id,
                chunk: chunk.chunk,
                items,
            })));
        }
    }
    let (Some(opened), Some(secrets)) = (&snapshot.context, secrets) else {
        return duties;
    };
    let (context, chunks) = &**opened;
    let unposted: Vec<u32> = opening
        .chunks
        .iter()
        .filter(|c| c.partials.iter().all(|(node, _)| *node != me))
        .map(|c| c.chunk)
        .collect();
    if unposted.is_empty() {
        return duties;
    }
    let share = match secrets.recover(state) {
        Ok(share) => share,
        Err(error) => {
            losses.note(&snapshot.id, &error);
            return duties;
        }
    };
    for chunk in chunks.iter().filter(|c| unposted.contains(&c.number())) {
        match partial(&share, context, chunk) {
            Ok(p) => duties.push(Duty::Say(NodeStatement::Partial(p))),
            Err(error) => warn!(statement = %snapshot.id, %error, "can't decrypt a chunk"),
        }
    }
    duties
}

/// The ciphertexts of a chunk, if this node holds all its bodies.
fn ciphertexts(snapshot: &Snapshot, chunk: u32, vault: &Vault) -> Option<Vec<Ciphertext>> {
    snapshot
        .chunk_bodies(chunk)
        .map(|need| {
            body(&snapshot.id, need, vault).map(|body| Ciphertext {
                c1: body.c1,
                c2: body.c2,
            })
        })
        .collect()
}

/// A sealed body, if this node has it. One that can't be read is missing here; others have it.
pub(super) fn body(id: &StatementId, need: &BodyNeed, vault: &Vault) -> Option<SealedBody> {
    let bytes = match vault.get_body(id, &need.key.id) {
        Ok(bytes) => bytes?,
        Err(VaultError::NoSlot(_) | VaultError::SlotErased(_)) => return None,
        Err(error) => {
            warn!(statement = %id, %error, "a sealed body can't be read here");
            return None;
        }
    };
    let body = SealedBody::from_bytes(bytes.as_ref()).ok()?;
    (body.id().0 == need.key.id).then_some(body)
}

#[cfg(test)]
mod tests {
    use tacit_protocol::hash::Digest;

    use super::*;

    #[test]
    fn a_full_vault_and_damaged_files_are_about_one_statement_and_a_failing_disk_is_not() {
        let id = StatementId(Digest([1; 32]));
        let path = std::path::PathBuf::from("erasable");
        let about_one = [
            VaultError::TooManySlots,
            VaultError::TooManyBodies(id),
            VaultError::TooManySecrets(id),
            VaultError::KeyDamaged(id),
            VaultError::SlotErased(id),
            VaultError::SecretDamaged {
                statement: id,
                name: seed_name(0),
            },
        ];
        assert!(about_one.iter().all(is_about_one));
        let source = std::io::Error::other("no room");
        let about_all = [
            VaultError::Io {
                path: path.clone(),
                source,
            },
            VaultError::Randomness("none".into()),
            VaultError::Survives { path },
        ];
        assert!(!about_all.iter().any(is_about_one));
    }
}
