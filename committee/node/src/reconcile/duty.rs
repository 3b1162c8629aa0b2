//! What is due, from what is applied and what the vault holds.

use tacit_protocol::codec::Decode as _;
use tacit_protocol::entry::{ErasureReason, NodeStatement};
use tacit_protocol::field::FieldElement;
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_protocol::opening::{Ciphertext, Unseal};
use tacit_protocol::point::Point;
use tacit_protocol::signature::SealedBody;
use tacit_protocol::statement::Status;
use tacit_threshold::node::{NodeSecrets, Seed};
use tacit_threshold::opening::partial;
use tacit_threshold::state::{DkgMessage, Stage};
use tacit_threshold::{DkgContext, Phase};
use tacit_vault::{SlotState, Vault, VaultError};
use tracing::warn;
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
) -> Result<Vec<Duty>, VaultError> {
    match snapshot.status {
        Status::Preparing | Status::Collecting => {
            Ok(keygen(snapshot, me, vault, host)?.into_iter().collect())
        }
        Status::Triggered => {
            let mut duties: Vec<Duty> = keygen(snapshot, me, vault, host)?.into_iter().collect();
            duties.extend(open(snapshot, me, vault, host)?);
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

/// This node's secrets for the attempt, if it has a seed or may still draw one.
pub fn secrets(
    snapshot: &Snapshot,
    me: NodeIndex,
    vault: &Vault,
    host: &mut impl Host,
) -> Result<Option<NodeSecrets>, VaultError> {
    let ctx: &DkgContext = snapshot.keygen.context();
    let name = seed_name(ctx.at.attempt);
    let stored = match vault.state(&snapshot.id) {
        SlotState::Live => vault.get_secret(&snapshot.id, &name)?,
        SlotState::Absent => None,
        state @ (SlotState::Damaged | SlotState::Erasing | SlotState::Erased(_)) => {
            warn!(statement = %snapshot.id, ?state, "this node can't take part in the statement's key any more");
            return Ok(None);
        }
    };
    let bytes = match stored {
        Some(bytes) => bytes,
        // Only the first phase takes a new node in; later, a fresh seed could never match what was said.
        None if snapshot.keygen.stage() == Stage::Running(Phase::Keys)
            && !snapshot.keygen.has_heard(me, Phase::Keys) =>
        {
            vault.ensure_slot(&snapshot.id)?;
            let mut fresh = [0u8; 32];
            host.fill_random(&mut fresh);
            let kept = vault.put_secret(&snapshot.id, &name, &fresh);
            fresh.zeroize();
            kept?
        }
        None => return Ok(None),
    };
    let Ok(seed) = <[u8; 32]>::try_from(bytes.as_ref()) else {
        warn!(statement = %snapshot.id, "the stored seed has a wrong length");
        return Ok(None);
    };
    Ok(Some(NodeSecrets::derive(&Seed::new(seed), ctx, me)))
}

fn keygen(
    snapshot: &Snapshot,
    me: NodeIndex,
    vault: &Vault,
    host: &mut impl Host,
) -> Result<Option<Duty>, VaultError> {
    // A holder has said everything; whoever is out, nothing.
    if snapshot.keygen.holders().any(|h| h == me) {
        return Ok(None);
    }
    let Some(secrets) = secrets(snapshot, me, vault, host)? else {
        return Ok(None);
    };
    Ok(secrets.respond(&snapshot.keygen).map(|message| {
        Duty::Say(match message {
            DkgMessage::Keys(m) => NodeStatement::Keys(m),
            DkgMessage::Commit(m) => NodeStatement::Commit(m),
            DkgMessage::Deal(m) => NodeStatement::Deal(m),
            DkgMessage::Complain(m) => NodeStatement::Complain(m),
            DkgMessage::Confirm(m) => NodeStatement::Confirm(m),
        })
    }))
}

fn open(
    snapshot: &Snapshot,
    me: NodeIndex,
    vault: &Vault,
    host: &mut impl Host,
) -> Result<Vec<Duty>, VaultError> {
    let Some(opening) = &snapshot.opening else {
        return Ok(Vec::new());
    };
    let mut duties = Vec::new();
    for chunk in &opening.chunks {
        if chunk.items.is_none()
            && !chunk.unsealers.contains(&me)
            && let Some(items) = ciphertexts(snapshot, chunk.chunk, vault)?
        {
            duties.push(Duty::Say(NodeStatement::Unseal(Unseal {
                statement: snapshot.id,
                chunk: chunk.chunk,
                items,
            })));
        }
    }
    let (Some(opened), Some(secrets)) = (&snapshot.context, secrets(snapshot, me, vault, host)?)
    else {
        return Ok(duties);
    };
    let (context, chunks) = &**opened;
    let unposted: Vec<u32> = opening
        .chunks
        .iter()
        .filter(|c| c.partials.iter().all(|(node, _)| *node != me))
        .map(|c| c.chunk)
        .collect();
    if unposted.is_empty() {
        return Ok(duties);
    }
    let share = match secrets.recover(&snapshot.keygen) {
        Ok(share) => share,
        Err(error) => {
            warn!(statement = %snapshot.id, %error, "this node has no share of the statement's key");
            return Ok(duties);
        }
    };
    for chunk in chunks.iter().filter(|c| unposted.contains(&c.number())) {
        match partial(&share, context, chunk) {
            Ok(p) => duties.push(Duty::Say(NodeStatement::Partial(p))),
            Err(error) => warn!(statement = %snapshot.id, %error, "can't decrypt a chunk"),
        }
    }
    Ok(duties)
}

/// The ciphertexts of a chunk, if this node holds all its bodies.
fn ciphertexts(
    snapshot: &Snapshot,
    chunk: u32,
    vault: &Vault,
) -> Result<Option<Vec<Ciphertext>>, VaultError> {
    let mut items = Vec::new();
    for need in snapshot.chunk_bodies(chunk) {
        let Some(body) = body(&snapshot.id, need, vault)? else {
            return Ok(None);
        };
        items.push(Ciphertext {
            c1: body.0,
            c2: body.1,
        });
    }
    Ok(Some(items))
}

fn body(
    id: &StatementId,
    need: &BodyNeed,
    vault: &Vault,
) -> Result<Option<(Point, FieldElement)>, VaultError> {
    let bytes = match vault.get_body(id, &need.key.id) {
        Ok(bytes) => bytes,
        Err(VaultError::BodyDamaged(_) | VaultError::NoSlot(_) | VaultError::SlotErased(_)) => None,
        Err(e) => return Err(e),
    };
    Ok(bytes
        .and_then(|b| SealedBody::from_bytes(b.as_ref()).ok())
        .map(|b| (b.c1, b.c2)))
}
