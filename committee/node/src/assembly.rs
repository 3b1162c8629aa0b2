//! What a node is made of, whatever it runs on: the state, the verifier of proofs, the sealed bodies
//! and the reconcilers around one vault.
//!
//! Programs put these on tokio, simulations on the deterministic runtime; nothing in here knows which.
//! It must never hold a second way to a secret: all that can be erased is in the one vault.

use std::path::Path;
use std::sync::Arc;

use tacit_circuits::VerifyingKey;
use tacit_ledger::{Ledger, LedgerError, OpenedBodies};
use tacit_protocol::founding::Founding;
use tacit_vault::Vault;

use crate::adapters::{LedgerMachine, SealingVerifier, VaultBodies};
use crate::machine::{BodyStore, ProofVerifier};
use crate::reconcile::{HasLedger, Identity};

impl HasLedger for LedgerMachine {
    fn ledger(&mut self) -> &mut Ledger {
        self.ledger_mut()
    }
}

/// A node's own parts, before it meets the others. The consensus takes the state, the verifier and the
/// bodies; whoever the node is, and its vault, go to [`Reconciler::new`](crate::reconcile::Reconciler::new).
pub struct Assembly<M = LedgerMachine> {
    /// Who it is.
    pub identity: Identity,
    /// All that can be erased.
    pub vault: Arc<Vault>,
    /// What the log means.
    pub machine: M,
    /// Verifies signatures' proofs.
    pub verifier: Arc<dyn ProofVerifier>,
    /// The sealed bodies: those in the vault, and the opened ones beside the state.
    pub bodies: Arc<dyn BodyStore>,
}

impl Assembly {
    /// Opens or creates the state at `database`, and puts everything around the vault.
    pub fn new(
        identity: Identity,
        vault: Arc<Vault>,
        database: &Path,
        founding: &Founding,
        key: &VerifyingKey,
    ) -> Result<Self, LedgerError> {
        let machine = LedgerMachine::new(Ledger::open(database, founding.clone())?)?;
        let circuit = founding.sealing()?.circuit.0;
        let bodies = VaultBodies::new(vault.clone()).with_opened(OpenedBodies::new(database));
        Ok(Self {
            identity,
            vault,
            machine,
            verifier: Arc::new(SealingVerifier::new(circuit, key)),
            bodies: Arc::new(bodies),
        })
    }
}
