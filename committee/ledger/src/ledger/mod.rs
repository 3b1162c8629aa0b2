//! The ledger: one database, one block applied after another, and any number tried and rolled back.

mod blocks;
mod proofs;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use tacit_protocol::block::Block;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::founding::{Founding, FoundingError};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, StatementId};
use tacit_protocol::signature::SealedBody;
use thiserror::Error;

use crate::apply::{Effects, KeygenCache, Refusal};
use crate::schema;
use crate::store::{Store, StoreError, unsigned};

/// Why the ledger can't go on. Each is about this node, never about others' data.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The database failed or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The founding file can't be used.
    #[error(transparent)]
    Founding(#[from] FoundingError),
    /// The database belongs to another committee.
    #[error("the database belongs to the committee {0}: point the node at its own folder")]
    OtherCommittee(String),
    /// The database was written by another version.
    #[error("the database has version {0}, this program writes version {expected}", expected = schema::VERSION)]
    Version(i64),
    /// A finalized block isn't the next one.
    #[error("block {got} was delivered after block {applied}")]
    Gap {
        /// The delivered height.
        got: u64,
        /// The applied height.
        applied: u64,
    },
    /// A finalized block isn't valid: more than f nodes are faulty, or this node's program or database isn't theirs.
    #[error(
        "finalized block {height} is not valid here ({refusal}): over f nodes are faulty, or this node's program or database differs from theirs"
    )]
    Diverged {
        /// Its height.
        height: u64,
        /// Why.
        refusal: Refusal,
    },
}

impl From<rusqlite::Error> for LedgerError {
    fn from(e: rusqlite::Error) -> Self {
        StoreError::from(e).into()
    }
}

/// The last applied block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// Height; 0 for genesis.
    pub height: u64,
    /// Digest of its header.
    pub digest: Digest,
    /// Its time, Unix milliseconds.
    pub time_ms: u64,
}

/// A block built from candidates.
#[derive(Debug, Clone)]
pub struct Built {
    /// The block.
    pub block: Block,
    /// What it stands on.
    pub effects: Effects,
    /// Candidates that can't be in it, by their position.
    pub refused: Vec<(usize, Refusal)>,
}

/// A verdict on a proposed block.
#[derive(Debug, Clone)]
pub enum Checked {
    /// Not valid on these ancestors.
    Invalid(Refusal),
    /// Valid if its proofs hold; to be voted for once its bodies are held.
    Valid(Effects),
}

/// A verdict on an entry for the next block.
#[derive(Debug, Clone)]
pub enum Admission {
    /// It can be in the next block if its proofs hold.
    Valid(Effects),
    /// It, or the same signature with another proof, is in the log.
    Final {
        /// Height of the block.
        height: u64,
        /// Position in the block.
        index: u32,
    },
    /// It can't be in the next block.
    Refused(Refusal),
}

/// The state of one committee's log.
pub struct Ledger {
    conn: Connection,
    founding: Founding,
    fingerprint: Fingerprint,
    keygen: KeygenCache,
    /// Leaves of the state before the applied block, which that block's own header commits to; none before
    /// a block was applied in this process.
    parent_leaves: Vec<Digest>,
}

impl Ledger {
    /// Opens or creates the database at `path`.
    pub fn open(path: &Path, founding: Founding) -> Result<Self, LedgerError> {
        Self::with(Connection::open(path)?, founding)
    }

    /// A database in memory: for simulations and for checking bundles.
    pub fn in_memory(founding: Founding) -> Result<Self, LedgerError> {
        Self::with(Connection::open_in_memory()?, founding)
    }

    fn with(conn: Connection, founding: Founding) -> Result<Self, LedgerError> {
        founding.check()?;
        let fingerprint = founding.fingerprint();
        conn.busy_timeout(Duration::from_secs(10))?;
        // Answers with the mode that holds: in memory there is no write-ahead log.
        conn.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        conn.pragma_update(None, "secure_delete", "ON")?;
        conn.set_prepared_statement_cache_capacity(128);
        let mut ledger = Self {
            conn,
            founding,
            fingerprint,
            keygen: KeygenCache::default(),
            parent_leaves: Vec::new(),
        };
        let version: i64 = ledger
            .conn
            .pragma_query_value(None, "user_version", |r| r.get(0))?;
        match version {
            0 => ledger.create()?,
            schema::VERSION => {
                let stored: Vec<u8> =
                    ledger
                        .conn
                        .query_row("SELECT fingerprint FROM meta", [], |r| r.get(0))?;
                if stored != ledger.fingerprint.as_bytes() {
                    let other: String = stored.iter().map(|b| format!("{b:02x}")).collect();
                    return Err(LedgerError::OtherCommittee(other));
                }
            }
            other => return Err(LedgerError::Version(other)),
        }
        Ok(ledger)
    }

    fn create(&mut self) -> Result<(), LedgerError> {
        let genesis = Block::genesis(&self.founding);
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        schema::create(&tx)?;
        tx.execute(
            "INSERT INTO meta (one, fingerprint, height, digest, time_ms) VALUES (1, ?1, 0, ?2, ?3)",
            params![self.fingerprint.as_bytes(), genesis.digest().as_bytes(), genesis.header.timestamp_ms as i64],
        )?;
        tx.execute(
            "INSERT INTO headers (height, header) VALUES (0, ?1)",
            params![genesis.header.to_bytes()],
        )?;
        tx.commit()?;
        Ok(())
    }

    /// The founding that this ledger folds over.
    pub fn founding(&self) -> &Founding {
        &self.founding
    }

    /// Its hash.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The last applied block.
    pub fn applied(&self) -> Result<Applied, LedgerError> {
        const DAMAGED: StoreError = StoreError::Damaged("applied block");
        let row = self
            .conn
            .query_row("SELECT height, digest, time_ms FROM meta", [], |r| {
                Ok((
                    r.get::<_, i64>(0)?,
                    r.get::<_, Vec<u8>>(1)?,
                    r.get::<_, i64>(2)?,
                ))
            })
            .optional()?;
        let (height, digest, time_ms) = row.ok_or(DAMAGED)?;
        Ok(Applied {
            height: unsigned(height, "applied block")?,
            digest: digest.try_into().map(Digest).map_err(|_| DAMAGED)?,
            time_ms: unsigned(time_ms, "applied block")?,
        })
    }

    /// Keeps opened bodies as public, durably: the last thing before the wrapping key goes.
    pub fn publish_bodies(
        &mut self,
        statement: &StatementId,
        bodies: &[(u64, SealedBody)],
    ) -> Result<(), LedgerError> {
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (position, body) in bodies {
            Store(&tx).add_opened_body(statement, *position, body)?;
        }
        tx.commit()?;
        Ok(())
    }

    pub(crate) fn store(&self) -> Store<'_> {
        Store(&self.conn)
    }

    pub(crate) fn keygen_cache(&self) -> &KeygenCache {
        &self.keygen
    }
}
