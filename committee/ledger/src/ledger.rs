//! The ledger: one database, one block applied after another, and any number tried and rolled back.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};
use tacit_protocol::block::{
    Block, Header, MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, MAX_BLOCK_PROOFS, entries_root, entry_leaves,
};
use tacit_protocol::chain::Facts;
use tacit_protocol::codec::{Decode, Encode};
use tacit_protocol::entry::{Entry, Subject};
use tacit_protocol::founding::{Founding, FoundingError};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, StatementId};
use tacit_protocol::merkle;
use tacit_protocol::proof::ProvenFacts;
use tacit_protocol::signature::SealedBody;
use thiserror::Error;

use crate::apply::{Applier, ApplyError, Effects, KeygenCache, Refusal};
use crate::store::{Store, StoreError, column, unsigned};
use crate::{facts, schema};

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
        use rusqlite::OptionalExtension as _;
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

    /// Builds the next block on `ancestors` (unapplied blocks, oldest first) from those candidates
    /// that are valid there, as many as fit.
    pub fn build(
        &mut self,
        ancestors: &[&Block],
        timestamp_ms: u64,
        candidates: &[&[u8]],
    ) -> Result<Built, LedgerError> {
        let parent = parent(self.applied()?, ancestors);
        let height = parent.height + 1;
        let Self {
            conn,
            founding,
            fingerprint,
            keygen,
        } = self;
        // Dropping the transaction rolls everything back.
        let tx = conn.transaction()?;
        let state_root = match apply_all(&tx, founding, fingerprint, keygen, ancestors)? {
            Ok(root) => root,
            Err((height, refusal)) => return Err(LedgerError::Diverged { height, refusal }),
        };
        let mut applier = Applier::new(&tx, founding, fingerprint, keygen, height, timestamp_ms);
        store_only(applier.begin())?;
        let (mut entries, mut refused, mut bytes) = (Vec::new(), Vec::new(), 0);
        for (i, candidate) in candidates.iter().enumerate() {
            if entries.len() == MAX_BLOCK_ENTRIES || bytes + candidate.len() > MAX_BLOCK_BYTES {
                break;
            }
            let before = (applier.effects.claims.len(), applier.effects.bodies.len());
            tx.execute_batch("SAVEPOINT candidate")?;
            let outcome = applier.entry(entries.len() as u32, candidate);
            let fits = applier.effects.claims.len() <= MAX_BLOCK_PROOFS;
            match outcome {
                Ok(()) if fits => {
                    tx.execute_batch("RELEASE candidate")?;
                    bytes += candidate.len();
                    entries.push(candidate.to_vec());
                    continue;
                }
                Ok(()) => {}
                Err(ApplyError::Refused(refusal)) => refused.push((i, refusal)),
                Err(ApplyError::Store(e)) => return Err(e.into()),
            }
            tx.execute_batch("ROLLBACK TO candidate; RELEASE candidate")?;
            applier.effects.claims.truncate(before.0);
            applier.effects.bodies.truncate(before.1);
        }
        let effects = std::mem::take(&mut applier.effects);
        drop(applier);
        let header = Header {
            height,
            parent: parent.digest,
            timestamp_ms,
            entries_root: entries_root(&entries),
            state_root,
        };
        Ok(Built {
            block: Block { header, entries },
            effects,
            refused,
        })
    }

    /// Judges a proposed block on `ancestors` (unapplied blocks, oldest first). At or below the
    /// applied height only the applied block itself is valid.
    pub fn check(&mut self, ancestors: &[&Block], block: &Block) -> Result<Checked, LedgerError> {
        let invalid = |code, detail: &str| Ok(Checked::Invalid(Refusal::new(code, detail)));
        if let Err(refusal) = check_entries(block) {
            return Ok(Checked::Invalid(refusal));
        }
        let applied = self.applied()?;
        if block.header.height <= applied.height {
            let same = self
                .header(block.header.height)?
                .is_some_and(|h| h.digest() == block.digest());
            return if same {
                Ok(Checked::Valid(Effects::default()))
            } else {
                invalid("below-applied", "another block is final at this height")
            };
        }
        let parent = parent(applied, ancestors);
        if block.header.parent != parent.digest || block.header.height != parent.height + 1 {
            return invalid("parent", "the block does not follow its parent");
        }
        if let Err(refusal) = check_time(block, &parent) {
            return Ok(Checked::Invalid(refusal));
        }
        let Self {
            conn,
            founding,
            fingerprint,
            keygen,
        } = self;
        let tx = conn.transaction()?;
        let root = match apply_all(&tx, founding, fingerprint, keygen, ancestors)? {
            Ok(root) => root,
            Err((_, refusal)) => return Ok(Checked::Invalid(refusal)),
        };
        if let Err(refusal) = check_state(block, &root) {
            return Ok(Checked::Invalid(refusal));
        }
        Ok(
            match apply_block(&tx, founding, fingerprint, keygen, block)? {
                Ok((effects, _)) if effects.claims.len() > MAX_BLOCK_PROOFS => {
                    Checked::Invalid(Refusal::new(
                        "too-many-proofs",
                        "the block holds more proofs than allowed",
                    ))
                }
                Ok((effects, _)) => Checked::Valid(effects),
                Err(refusal) => Checked::Invalid(refusal),
            },
        )
    }

    /// Judges one entry for the block after the applied one.
    pub fn admit(&mut self, bytes: &[u8]) -> Result<Admission, LedgerError> {
        let applied = self.applied()?;
        if let Some((height, index)) = Store(&self.conn).entry_position(&Entry::id_of(bytes))? {
            return Ok(Admission::Final { height, index });
        }
        if let Ok(entry) = Entry::parse(bytes) {
            if let Entry::Sign(sign) = &entry {
                // A re-randomized proof of the signature that is in the log: success, not a second one.
                let spent = Store(&self.conn).signature_of(&sign.statement, &sign.nullifier)?;
                let same = spent.filter(|row| {
                    row.ct == sign.ct
                        && row.class == sign.class
                        && row.payload_hash == sign.payload_hash
                });
                if let Some(row) = same {
                    return Ok(Admission::Final {
                        height: row.height,
                        index: row.index,
                    });
                }
            }
            if matches!(entry, Entry::StatementPropose(_))
                && Store(&self.conn).open_statements()?
                    >= u64::from(self.founding.max_open_statements)
            {
                return Ok(Admission::Refused(Refusal::new(
                    "too-many-statements",
                    "too many statements are open: wait until one ends",
                )));
            }
        }
        let Self {
            conn,
            founding,
            fingerprint,
            keygen,
        } = self;
        let tx = conn.transaction()?;
        let mut applier = Applier::new(
            &tx,
            founding,
            fingerprint,
            keygen,
            applied.height + 1,
            applied.time_ms + 1,
        );
        store_only(applier.begin())?;
        Ok(match applier.entry(0, bytes) {
            Ok(()) => Admission::Valid(std::mem::take(&mut applier.effects)),
            Err(ApplyError::Refused(refusal)) => Admission::Refused(refusal),
            Err(ApplyError::Store(e)) => return Err(e.into()),
        })
    }

    /// Applies a finalized block durably. At or below the applied height it does nothing.
    ///
    /// A quorum has checked it, so what fails here is this node's own: its database or its program is not
    /// theirs. Nothing is applied then.
    pub fn commit(&mut self, block: &Block) -> Result<Effects, LedgerError> {
        let applied = self.applied()?;
        let height = block.header.height;
        if height <= applied.height {
            return Ok(Effects::default());
        }
        if height != applied.height + 1 || block.header.parent != applied.digest {
            return Err(LedgerError::Gap {
                got: height,
                applied: applied.height,
            });
        }
        let Self {
            conn,
            founding,
            fingerprint,
            keygen,
        } = self;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let root = facts::state_root(&Store(&tx))?;
        let checked = check_entries(block)
            .and_then(|()| check_time(block, &applied))
            .and_then(|()| check_state(block, &root));
        let applied = match checked {
            Ok(()) => apply_block(&tx, founding, fingerprint, keygen, block)?,
            Err(refusal) => Err(refusal),
        };
        let effects = match applied {
            Ok((effects, _)) => effects,
            Err(refusal) => return Err(LedgerError::Diverged { height, refusal }),
        };
        tx.prepare_cached("INSERT INTO headers (height, header) VALUES (?1, ?2)")?
            .execute(params![height as i64, block.header.to_bytes()])?;
        tx.prepare_cached(
            "UPDATE meta SET height = ?1, digest = ?2, time_ms = ?3 WHERE height = ?1 - 1",
        )?
        .execute(params![
            height as i64,
            block.digest().as_bytes(),
            block.header.timestamp_ms as i64
        ])?;
        tx.commit()?;
        Ok(effects)
    }

    /// Header of an applied block.
    pub fn header(&self, height: u64) -> Result<Option<Header>, LedgerError> {
        use rusqlite::OptionalExtension as _;
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
        let leaves = self.store().leaves()?;
        let mut proven = Vec::new();
        for subject in subjects {
            let Some(facts) = self.facts(subject)? else {
                return Ok(None);
            };
            let Some(object) = self.store().object(subject)? else {
                return Ok(None);
            };
            let index = self.store().leaf_index(object.ord)?;
            let Some(path) = merkle::Path::of(&leaves, index) else {
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

    /// For [`crate::replay`]: applies one block's worth of entries that lack their block, in memory.
    pub(crate) fn replay_block(
        &mut self,
        height: u64,
        time_ms: u64,
        entries: &[(u32, &[u8])],
    ) -> Result<Result<Effects, Refusal>, LedgerError> {
        let Self {
            conn,
            founding,
            fingerprint,
            keygen,
        } = self;
        let tx = conn.transaction()?;
        let mut applier = Applier::new(&tx, founding, fingerprint, keygen, height, time_ms);
        let mut all = || -> Result<(), ApplyError> {
            applier.begin()?;
            for (index, bytes) in entries {
                applier.entry(*index, bytes)?;
            }
            applier.end()
        };
        let outcome = match all() {
            Ok(()) => Ok(std::mem::take(&mut applier.effects)),
            Err(ApplyError::Refused(refusal)) => Err(refusal),
            Err(ApplyError::Store(e)) => return Err(e.into()),
        };
        drop(applier);
        // What is replayed was certified: it is as final as what a node has applied.
        tx.execute(
            "UPDATE meta SET height = ?1, time_ms = ?2",
            params![column(height), column(time_ms)],
        )?;
        tx.commit()?;
        Ok(outcome)
    }
}

/// What the next block follows: the last ancestor, or the applied block.
fn parent(applied: Applied, ancestors: &[&Block]) -> Applied {
    ancestors.last().map_or(applied, |block| Applied {
        height: block.header.height,
        digest: block.digest(),
        time_ms: block.header.timestamp_ms,
    })
}

fn check_entries(block: &Block) -> Result<(), Refusal> {
    block.check_entries().map_err(|_| {
        Refusal::new(
            "entries-root",
            "the entries are not those that the header commits to",
        )
    })
}

/// Everything that log time decides (deadlines, spans) needs it to run forward only.
fn check_time(block: &Block, parent: &Applied) -> Result<(), Refusal> {
    if block.header.timestamp_ms > parent.time_ms {
        Ok(())
    } else {
        Err(Refusal::new(
            "time-backwards",
            "the block's time is not after its parent's",
        ))
    }
}

fn check_state(block: &Block, root: &Digest) -> Result<(), Refusal> {
    if &block.header.state_root == root {
        Ok(())
    } else {
        Err(Refusal::new(
            "state-root",
            "the header commits to another state",
        ))
    }
}

fn store_only(outcome: Result<(), ApplyError>) -> Result<(), LedgerError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(ApplyError::Store(e)) => Err(e.into()),
        // Neither what begins nor what ends a block refuses anything.
        Err(ApplyError::Refused(_)) => Err(StoreError::Damaged("state").into()),
    }
}

/// Applies a block inside an open transaction; the state root after it.
fn apply_block(
    conn: &Connection,
    founding: &Founding,
    fingerprint: &Fingerprint,
    keygen: &KeygenCache,
    block: &Block,
) -> Result<Result<(Effects, Digest), Refusal>, LedgerError> {
    let mut applier = Applier::new(
        conn,
        founding,
        fingerprint,
        keygen,
        block.header.height,
        block.header.timestamp_ms,
    );
    let mut all = || -> Result<(), ApplyError> {
        applier.begin()?;
        for (index, bytes) in block.entries.iter().enumerate() {
            applier.entry(index as u32, bytes)?;
        }
        applier.end()
    };
    match all() {
        Ok(()) => {
            let root = applier.state_root()?;
            Ok(Ok((applier.effects, root)))
        }
        Err(ApplyError::Refused(refusal)) => Ok(Err(refusal)),
        Err(ApplyError::Store(e)) => Err(e.into()),
    }
}

/// Applies unapplied ancestors inside an open transaction; the state root after the last one.
fn apply_all(
    conn: &Connection,
    founding: &Founding,
    fingerprint: &Fingerprint,
    keygen: &KeygenCache,
    blocks: &[&Block],
) -> Result<Result<Digest, (u64, Refusal)>, LedgerError> {
    for block in blocks {
        if let Err(refusal) = apply_block(conn, founding, fingerprint, keygen, block)? {
            return Ok(Err((block.header.height, refusal)));
        }
    }
    Ok(Ok(facts::state_root(&Store(conn))?))
}
