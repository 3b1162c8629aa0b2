//! `apply`: what a block does to the state. The one place where validity is decided.
//!
//! Checks run from cheap to dear, each with its own refusal. Users' entries must be valid or the
//! block isn't; nodes' entries must be signed, in phase and new, and are then judged: a wrong one
//! stays in the log as its own evidence, a [`Finding`] in its link. What follows from entries or time
//! (a phase, a trigger, an expiry) is a link without an entry.

mod cache;
mod erasure;
mod gate;
mod group;
mod keygen;
mod opening;
mod signing;
mod statement;

use std::collections::BTreeMap;

use rusqlite::Connection;
use tacit_protocol::chain::{Event, Finding, Link};
use tacit_protocol::entry::{Entry, NodeStatement, Subject};
use tacit_protocol::founding::Founding;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{EntryId, Fingerprint, StatementId};
use tacit_protocol::signature::Sign;
use tacit_protocol::statement::Status;

pub(crate) use cache::KeygenCache;
pub(crate) use keygen::log_phase;
pub(crate) use opening::opening_context;

use crate::facts;
use crate::store::{Object, StatementRow, Store, StoreError};

/// Why an entry can't be where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word for programs, such as `nullifier-spent`.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

/// A refusal, or a failure of this node's database.
#[derive(Debug)]
pub(crate) enum ApplyError {
    Refused(Refusal),
    Store(StoreError),
}

impl From<StoreError> for ApplyError {
    fn from(e: StoreError) -> Self {
        ApplyError::Store(e)
    }
}

impl From<rusqlite::Error> for ApplyError {
    fn from(e: rusqlite::Error) -> Self {
        ApplyError::Store(e.into())
    }
}

pub(crate) fn refuse<T>(code: &'static str, detail: impl Into<String>) -> Result<T, ApplyError> {
    Err(ApplyError::Refused(Refusal::new(code, detail)))
}

/// A proof that an entry stands on. The public inputs come from the state, never from the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The entry.
    pub entry: EntryId,
    /// root, nullifier, scope, K.x, K.y, ct, context: canonical, 32 bytes each, little endian.
    pub public: [[u8; 32]; 7],
    /// The proof.
    pub proof: [u8; tacit_protocol::signature::PROOF_BYTES],
}

/// A sealed body that an entry stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyNeed {
    /// The signature.
    pub sign: Sign,
}

/// What applying entries asks of others.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// Proofs to be verified.
    pub claims: Vec<Claim>,
    /// Bodies to be held.
    pub bodies: Vec<BodyNeed>,
}

/// One block's application, inside a transaction.
pub(crate) struct Applier<'a> {
    pub store: Store<'a>,
    pub founding: &'a Founding,
    pub fingerprint: &'a Fingerprint,
    pub keygen: &'a KeygenCache,
    pub height: u64,
    pub time_ms: u64,
    pub effects: Effects,
    /// Statements that this block has proposed so far.
    pub proposals: usize,
    touched: BTreeMap<i64, Object>,
}

/// Outcome of a user's or a node's entry that may stand: what is wrong in it, if anything.
type Verdict = Result<Vec<Finding>, ApplyError>;

impl<'a> Applier<'a> {
    pub fn new(
        conn: &'a Connection,
        founding: &'a Founding,
        fingerprint: &'a Fingerprint,
        keygen: &'a KeygenCache,
        height: u64,
        time_ms: u64,
    ) -> Self {
        Self {
            store: Store(conn),
            founding,
            fingerprint,
            keygen,
            height,
            time_ms,
            effects: Effects::default(),
            proposals: 0,
            touched: BTreeMap::new(),
        }
    }

    /// Before the block's entries: a deadline that has come expires its statement first.
    pub fn begin(&mut self) -> Result<(), ApplyError> {
        for mut row in self.store.due_statements(self.time_ms)? {
            row.status = Status::Expired;
            self.store.update_statement(&row)?;
            self.link(&Subject::Statement(row.id), Event::Expired)?;
        }
        Ok(())
    }

    /// One entry of the block.
    pub fn entry(&mut self, index: u32, bytes: &[u8]) -> Result<(), ApplyError> {
        let id = Entry::id_of(bytes);
        if self.store.entry_position(&id)?.is_some() {
            return refuse("duplicate", "this very entry is in the log already");
        }
        let (entry, row) = self.decode(bytes)?;
        let findings = self.judge(&entry, row, &id, index)?;
        self.store.add_entry(&id, self.height, index, bytes)?;
        self.push(&entry.subject(), index, Event::Entry { id, findings })
    }

    fn judge(
        &mut self,
        entry: &Entry,
        row: Option<StatementRow>,
        id: &EntryId,
        index: u32,
    ) -> Verdict {
        match (entry, row) {
            (Entry::GroupCreate(e), _) => self.group_create(e),
            (Entry::Enrol(e), _) => self.enrol(e),
            (Entry::StatementPropose(e), _) => self.propose(e),
            (Entry::Sign(e), _) => self.sign(e, id, index),
            (Entry::Node(e), Some(row)) => match &e.body {
                NodeStatement::Keys(_)
                | NodeStatement::Commit(_)
                | NodeStatement::Deal(_)
                | NodeStatement::Complain(_)
                | NodeStatement::Confirm(_) => self.keygen_message(row, e.node, &e.body),
                NodeStatement::Unseal(m) => self.unseal(&row, e.node, m),
                NodeStatement::Partial(m) => self.partial(&row, e.node, m),
                NodeStatement::Erased(m) => self.erased(&row, e.node, m),
            },
            // No node's entry comes through the gate without its statement.
            (Entry::Node(_), None) => refuse("malformed", "a node's entry about no statement"),
        }
    }

    /// After the block's last entry: phases, openings, triggers, reveals, erasures; then the leaves
    /// of the state that changed.
    pub fn end(&mut self) -> Result<(), ApplyError> {
        self.advance_keygens()?;
        for id in self.touched_statements() {
            let row = self
                .store
                .statement(&id)?
                .ok_or(StoreError::Damaged("statement"))?;
            match row.status {
                Status::Collecting => self.evaluate_trigger(row)?,
                Status::Triggered => self.evaluate_reveal(row)?,
                Status::Expired => self.evaluate_erasure(row)?,
                _ => {}
            }
        }
        for object in std::mem::take(&mut self.touched).into_values() {
            let facts = facts::facts(&self.store, &object)?;
            self.store.set_leaf(object.ord, &facts.leaf())?;
        }
        Ok(())
    }

    fn touched_statements(&self) -> Vec<StatementId> {
        let statement = |o: &Object| match o.subject {
            Subject::Statement(id) => Some(id),
            Subject::Group(_) => None,
        };
        self.touched.values().filter_map(statement).collect()
    }

    /// A link that is no entry.
    fn link(&mut self, subject: &Subject, event: Event) -> Result<(), ApplyError> {
        self.push(subject, Link::NO_ENTRY, event)
    }

    fn push(&mut self, subject: &Subject, index: u32, event: Event) -> Result<(), ApplyError> {
        let mut object = self
            .store
            .object(subject)?
            .ok_or(StoreError::Damaged("chain"))?;
        let link = Link {
            height: self.height,
            time_ms: self.time_ms,
            index,
            event,
        };
        self.store.push_link(&mut object, &link)?;
        self.touched.insert(object.ord, object);
        Ok(())
    }

    /// Root of the state as it stands; only meaningful after [`Applier::end`].
    pub fn state_root(&self) -> Result<Digest, StoreError> {
        facts::state_root(&self.store)
    }
}
