//! Blocks: built, judged and applied, all by the one [`Applier`] inside a transaction that is
//! committed or rolled back.

use rusqlite::{Connection, TransactionBehavior, params};
use tacit_protocol::block::{
    Block, Header, MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, MAX_BLOCK_PROOFS, MAX_BLOCK_PROPOSALS,
    entries_root,
};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, Kind};
use tacit_protocol::founding::Founding;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::Fingerprint;
use tacit_protocol::merkle;

use super::{Admission, Applied, Built, Checked, Ledger, LedgerError};
use crate::apply::{Applier, ApplyError, Effects, KeygenCache, Refusal};
use crate::facts;
use crate::store::{Store, StoreError, column};

impl Ledger {
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
            ..
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
            let before = (
                applier.effects.claims.len(),
                applier.effects.bodies.len(),
                applier.proposals,
            );
            tx.execute_batch("SAVEPOINT candidate")?;
            let outcome = applier.judged_entry(entries.len() as u32, candidate);
            let fits = applier.effects.claims.len() <= MAX_BLOCK_PROOFS
                && applier.proposals <= MAX_BLOCK_PROPOSALS;
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
            applier.proposals = before.2;
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
            ..
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
            match apply_block(&tx, founding, fingerprint, keygen, block, Bounds::Hold)? {
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
        let is_signature = bytes.first() == Some(&(Kind::Sign as u8));
        if let Some(Entry::Sign(sign)) = is_signature.then(|| Entry::parse(bytes).ok()).flatten() {
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
        let Self {
            conn,
            founding,
            fingerprint,
            keygen,
            ..
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
        Ok(match applier.judged_entry(0, bytes) {
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
            ..
        } = self;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let leaves = Store(&tx).leaves()?;
        let root = merkle::root(&leaves);
        let checked = check_entries(block)
            .and_then(|()| check_time(block, &applied))
            .and_then(|()| check_state(block, &root));
        let applied = match checked {
            Ok(()) => apply_block(&tx, founding, fingerprint, keygen, block, Bounds::Voted)?,
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
        self.parent_leaves = leaves;
        Ok(effects)
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
            ..
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

/// The bounds on what a whole block may ask of nodes, of which the log has no trace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bounds {
    /// The block is being judged: it must keep to them.
    Hold,
    /// A quorum has judged it.
    Voted,
}

/// Applies a block inside an open transaction; the state root after it.
fn apply_block(
    conn: &Connection,
    founding: &Founding,
    fingerprint: &Fingerprint,
    keygen: &KeygenCache,
    block: &Block,
    bounds: Bounds,
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
            match bounds {
                Bounds::Hold => {
                    applier.judged_entry(index as u32, bytes)?;
                    applier.check_proposals()?;
                }
                Bounds::Voted => applier.entry(index as u32, bytes)?,
            }
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
        let applied = apply_block(conn, founding, fingerprint, keygen, block, Bounds::Voted)?;
        if let Err(refusal) = applied {
            return Ok(Err((block.header.height, refusal)));
        }
    }
    Ok(Ok(facts::state_root(&Store(conn))?))
}
