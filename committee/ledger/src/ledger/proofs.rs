//! Facts and entries with what proves them: headers, and paths to the roots that headers commit to.

use rusqlite::OptionalExtension as _;
use tacit_protocol::block::{Header, entry_leaves};
use tacit_protocol::chain::Facts;
use tacit_protocol::codec::Decode as _;
use tacit_protocol::entry::Subject;
use tacit_protocol::hash::Digest;
use tacit_protocol::merkle;
use tacit_protocol::proof::ProvenFacts;

use super::{Ledger, LedgerError};
use crate::facts;
use crate::store::StoreError;

impl Ledger {
    /// Header of an applied block.
    pub fn header(&self, height: u64) -> Result<Option<Header>, LedgerError> {
        let row: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT header FROM headers WHERE height = ?1")?
            .query_row([height as i64], |r| r.get(0))
            .optional()?;
        row.map(|b| Header::from_bytes(&b).map_err(|_| StoreError::Damaged("header").into()))
            .transpose()
    }

    /// The bytes of an applied entry and its Merkle path in its block.
    pub fn entry_path(
        &self,
        height: u64,
        index: u32,
    ) -> Result<Option<(Vec<u8>, merkle::Path)>, LedgerError> {
        let entries = self.store().entries_at(height)?;
        let path = merkle::Path::of(&entry_leaves(&entries), index as usize);
        Ok(entries.into_iter().nth(index as usize).zip(path))
    }

    /// Facts as of the applied block with their paths to the state root, which the *next* header commits to.
    pub fn prove(&self, subjects: &[Subject]) -> Result<Option<Vec<ProvenFacts>>, LedgerError> {
        self.prove_among(&self.store().leaves()?, subjects)
    }

    /// As [`Ledger::prove`], but with paths to the root that the applied block's *own* header commits to:
    /// whatever the block changed, facts of others are certified already. `None` if it changed these, or if
    /// it changed anything and was applied before this process started.
    pub fn prove_unchanged(
        &self,
        subjects: &[Subject],
    ) -> Result<Option<Vec<ProvenFacts>>, LedgerError> {
        let Some(header) = self.header(self.applied()?.height)? else {
            return Ok(None);
        };
        let proven = if self.parent_leaves.is_empty() {
            self.prove(subjects)?
        } else {
            self.prove_among(&self.parent_leaves, subjects)?
        };
        let holds = |p: &ProvenFacts| p.path.root(&p.facts.leaf()) == Some(header.state_root);
        Ok(proven.filter(|proven| proven.iter().all(holds)))
    }

    fn prove_among(
        &self,
        leaves: &[Digest],
        subjects: &[Subject],
    ) -> Result<Option<Vec<ProvenFacts>>, LedgerError> {
        let mut proven = Vec::new();
        for subject in subjects {
            let Some(facts) = self.facts(subject)? else {
                return Ok(None);
            };
            let Some(object) = self.store().object(subject)? else {
                return Ok(None);
            };
            let index = self.store().leaf_index(object.ord)?;
            let Some(path) = merkle::Path::of(leaves, index) else {
                return Ok(None);
            };
            proven.push(ProvenFacts { facts, path });
        }
        Ok(Some(proven))
    }

    /// Facts as of the applied block.
    pub fn facts(&self, subject: &Subject) -> Result<Option<Facts>, LedgerError> {
        let store = self.store();
        let Some(object) = store.object(subject)? else {
            return Ok(None);
        };
        Ok(Some(facts::facts(&store, &object)?))
    }

    /// Root of the state as of the applied block.
    pub fn state_root(&self) -> Result<Digest, LedgerError> {
        Ok(facts::state_root(&self.store())?)
    }
}
