//! What others read of the applied state: the API, the reconcilers, the bundle.

use std::sync::Arc;

use tacit_protocol::chain::{Chain, Finding, Opening, Phase, Tree};
use tacit_protocol::codec::Decode as _;
use tacit_protocol::entry::{Entry, Subject};
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Binder, GroupId, NodeIndex, StatementId};
use tacit_protocol::opening::{CHUNK, Partial};
use tacit_protocol::point::Point;
use tacit_protocol::signature::SealedBody;
use tacit_protocol::statement::{Statement, Status};
use tacit_protocol::trigger::Counts as _;
use tacit_threshold::opening::{Chunk, OpeningContext, Quorum, judge_partial};
use tacit_threshold::state::DkgState;

use crate::apply::opening_context;
use crate::facts::{self, StatementCounts};
use crate::ledger::{Ledger, LedgerError};
use crate::store::{PostKind, StatementRow, StoreError};

/// A group as it stands.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Its id.
    pub id: GroupId,
    /// What its creator decided.
    pub definition: GroupDefinition,
    /// All members.
    pub members: Tree,
    /// Members of each class, in the definition's order.
    pub classes: Vec<Tree>,
}

/// A member, by pseudonyms only.
#[derive(Debug, Clone)]
pub struct MemberView {
    /// From 0, in order of enrolment: the leaf's position in the group's tree.
    pub position: u64,
    /// The leaf.
    pub leaf: FieldElement,
    /// Commitment to the record.
    pub binder: Binder,
    /// Positions of its classes in the definition.
    pub classes: Vec<u16>,
    /// Height of the enrolment.
    pub height: u64,
}

/// A statement as it stands.
#[derive(Debug, Clone)]
pub struct StatementView {
    /// Its id.
    pub id: StatementId,
    /// What its creator chose.
    pub statement: Statement,
    /// Where it stands.
    pub status: Status,
    /// Signatures counted.
    pub count: u64,
    /// Signatures counted under each class.
    pub class_counts: Vec<u64>,
    /// Names of the group's classes, in the same order.
    pub class_names: Vec<String>,
    /// What signers rely on, once it collects.
    pub opening: Option<Opening>,
    /// Log time at which it began to collect, Unix milliseconds.
    pub opened_ms: Option<u64>,
    /// Nodes that hold a share.
    pub holders: Vec<NodeIndex>,
    /// The attempt at a key, from 0.
    pub attempt: u8,
    /// Its phase.
    pub phase: Phase,
    /// Height at which the list was triggered.
    pub trigger_height: Option<u64>,
    /// What the trigger is evaluated on.
    counts: StatementCounts,
    /// Attestations of erasure: node, code of the reason, caveats.
    pub erasures: Vec<(NodeIndex, u8, u32)>,
    /// Who was found to be at fault, or absent from a phase of key generation, in log order.
    pub findings: Vec<Finding>,
}

impl StatementView {
    /// The smallest list that the trigger allows. Takes milliseconds for the most contrived triggers, so
    /// it isn't for the ledger's thread.
    pub fn smallest_list(&self) -> u64 {
        self.statement.trigger.smallest_list(&self.counts)
    }
}

/// A counted signature.
#[derive(Debug, Clone)]
pub struct SignatureView {
    /// From 0, in log order.
    pub position: u64,
    /// Its nullifier.
    pub nullifier: FieldElement,
    /// Its class.
    pub class: Option<u16>,
    /// Commitment to its ciphertext.
    pub ct: FieldElement,
    /// Hash of its payload.
    pub payload_hash: Digest,
    /// Height of its block.
    pub height: u64,
}

/// A counted signature's entry.
#[derive(Debug, Clone)]
pub struct SignatureEntry {
    /// From 0, in log order.
    pub position: u64,
    /// The body that it stands for ([`Sign::body_id`](tacit_protocol::signature::Sign::body_id)).
    pub body: Digest,
    /// The entry's bytes.
    pub entry: Vec<u8>,
}

/// A statement about which a node may have something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfinished {
    /// The statement.
    pub id: StatementId,
    /// Where it stands.
    pub status: Status,
    /// Whether nothing about its key is due from the node now: it has spoken, or it is too late for it.
    pub has_spoken: bool,
}

/// How far the opening of a triggered statement is.
#[derive(Debug, Clone)]
pub struct OpeningView {
    /// Every chunk, in order.
    pub chunks: Vec<ChunkView>,
}

/// One chunk of an opening.
#[derive(Debug, Clone)]
pub struct ChunkView {
    /// From 0.
    pub chunk: u32,
    /// Whether its ciphertexts are in the log.
    pub unsealed: bool,
    /// Nodes that posted an `Unseal`, good or not.
    pub unsealers: Vec<NodeIndex>,
    /// Nodes that posted partial decryptions, with whether they are good.
    pub partials: Vec<(NodeIndex, bool)>,
}

impl Ledger {
    /// All groups, in the order of their creation.
    pub fn groups(&self) -> Result<Vec<GroupView>, LedgerError> {
        let ids = self.store().group_ids()?;
        let mut groups = Vec::with_capacity(ids.len());
        for id in ids {
            groups.extend(self.group(&id)?);
        }
        Ok(groups)
    }

    /// One group.
    pub fn group(&self, id: &GroupId) -> Result<Option<GroupView>, LedgerError> {
        let store = self.store();
        let Some(definition) = store.group(id)? else {
            return Ok(None);
        };
        let (members, classes) = facts::frozen(&store, id, &definition)?;
        Ok(Some(GroupView {
            id: *id,
            definition,
            members,
            classes,
        }))
    }

    /// All members of a group.
    pub fn members(&self, group: &GroupId) -> Result<Vec<MemberView>, LedgerError> {
        let rows = self.store().members(group)?;
        Ok(rows
            .into_iter()
            .map(|m| MemberView {
                position: m.position,
                leaf: m.leaf,
                binder: m.binder,
                classes: m.classes,
                height: m.height,
            })
            .collect())
    }

    /// All statements' ids, in the order of their proposals.
    pub fn statement_ids(&self) -> Result<Vec<StatementId>, LedgerError> {
        Ok(self.store().statement_ids()?)
    }

    /// One statement.
    pub fn statement(&self, id: &StatementId) -> Result<Option<StatementView>, LedgerError> {
        let store = self.store();
        let Some(row) = store.statement(id)? else {
            return Ok(None);
        };
        let definition = store
            .group(&row.statement.group)?
            .ok_or(StoreError::Damaged("group"))?;
        let counts = StatementCounts::of(
            &store,
            &row.statement.group,
            Some(id),
            row.count,
            row.opening.as_ref(),
        )?;
        let class_counts = definition
            .classes
            .iter()
            .map(|c| counts.count(Some(c)))
            .collect();
        let holders = store.holders(&row.id)?;
        let erasures = store.erasures(id)?;
        let object = store
            .object(&Subject::Statement(*id))?
            .ok_or(StoreError::Damaged("chain"))?;
        let findings = store.findings(&object)?;
        let StatementRow {
            id,
            statement,
            status,
            attempt,
            phase,
            opening,
            opened_ms,
            count,
            trigger_height,
            ..
        } = row;
        Ok(Some(StatementView {
            id,
            statement,
            status,
            count,
            class_counts,
            class_names: definition.classes.iter().map(ToString::to_string).collect(),
            opening,
            opened_ms,
            holders,
            attempt,
            phase,
            trigger_height,
            counts,
            erasures,
            findings,
        }))
    }

    /// All counted signatures of a statement, in log order.
    pub fn signatures(&self, id: &StatementId) -> Result<Vec<SignatureView>, LedgerError> {
        let rows = self.store().signatures(id, 0, u64::MAX)?;
        Ok(rows
            .into_iter()
            .map(|s| SignatureView {
                position: s.position,
                nullifier: s.nullifier,
                class: s.class,
                ct: s.ct,
                payload_hash: s.payload_hash,
                height: s.height,
            })
            .collect())
    }

    /// The entries of all counted signatures, in log order: what their sealed bodies are checked against.
    pub fn signature_entries(&self, id: &StatementId) -> Result<Vec<SignatureEntry>, LedgerError> {
        let rows = self.store().signature_entries(id)?;
        let entry = |(position, entry): (u64, Vec<u8>)| match Entry::parse(&entry) {
            Ok(Entry::Sign(sign)) => Ok(SignatureEntry {
                position,
                body: sign.body_id(),
                entry,
            }),
            _ => Err(StoreError::Damaged("signature's entry").into()),
        };
        rows.into_iter().map(entry).collect()
    }

    /// Statements whose lists are open.
    pub fn revealed(&self) -> Result<Vec<StatementId>, LedgerError> {
        Ok(self.store().revealed()?)
    }

    /// Positions of the signatures whose opened bodies are here, ascending. A database that was rebuilt
    /// from the log lacks them until they are fetched.
    pub fn opened_positions(&self, id: &StatementId) -> Result<Vec<u64>, LedgerError> {
        Ok(self.store().opened_positions(id)?)
    }

    /// Statements whose erasure a node hasn't attested: all that it may still have to do something about,
    /// in the order of their creation.
    pub fn unattested(&self, node: NodeIndex) -> Result<Vec<Unfinished>, LedgerError> {
        let store = self.store();
        let rows = store.unattested(node)?;
        rows.into_iter()
            .map(|(at, status, phase)| {
                let has_spoken = match status {
                    Status::Preparing => {
                        let spoken = store.spoken(&at, node)?;
                        spoken.contains(&phase)
                            || (phase != Phase::Keys && !spoken.contains(&Phase::Keys))
                    }
                    Status::Collecting => {
                        store.holders(&at.statement)?.contains(&node)
                            || !store.spoken(&at, node)?.contains(&Phase::Keys)
                    }
                    _ => false,
                };
                Ok(Unfinished {
                    id: at.statement,
                    status,
                    has_spoken,
                })
            })
            .collect()
    }

    /// Where the key generation of a statement's current attempt stands.
    pub fn keygen(&self, id: &StatementId) -> Result<Option<DkgState>, LedgerError> {
        let store = self.store();
        let Some(row) = store.statement(id)? else {
            return Ok(None);
        };
        Ok(Some(self.keygen_cache().state(
            &store,
            self.founding(),
            self.fingerprint(),
            &row.at(),
        )?))
    }

    /// How often a key generation's state was rebuilt from its messages since the database was opened.
    pub fn keygen_replays(&self) -> u64 {
        self.keygen_cache().replays()
    }

    /// How far the opening of a statement is; `None` unless it was triggered.
    pub fn opening(&self, id: &StatementId) -> Result<Option<OpeningView>, LedgerError> {
        let store = self.store();
        let Some(row) = store.statement(id)?.filter(|r| r.trigger_height.is_some()) else {
            return Ok(None);
        };
        let mut chunks = Vec::new();
        for chunk in 0..row.count.div_ceil(CHUNK as u64) as u32 {
            chunks.push(ChunkView {
                chunk,
                unsealed: store.is_unsealed(id, chunk)?,
                unsealers: store
                    .posters(id, PostKind::Unseal, chunk)?
                    .into_iter()
                    .map(|p| p.0)
                    .collect(),
                partials: store.posters(id, PostKind::Partial, chunk)?,
            });
        }
        Ok(Some(OpeningView { chunks }))
    }

    /// The context in which a triggered statement's chunks are decrypted and judged, and the chunks;
    /// `None` until all ciphertexts are in the log.
    pub fn opening_context(
        &self,
        id: &StatementId,
    ) -> Result<Option<Arc<(OpeningContext, Vec<Chunk>)>>, LedgerError> {
        let store = self.store();
        let Some(row) = store.statement(id)? else {
            return Ok(None);
        };
        let Some(state) = self.keygen(id)? else {
            return Ok(None);
        };
        Ok(opening_context(&store, self.keygen_cache(), &row, &state)?)
    }

    /// S = k·C1 of every counted signature in order, from the first t good partial decryptions of
    /// each chunk; `None` unless the list is open.
    pub fn opened_points(&self, id: &StatementId) -> Result<Option<Vec<Point>>, LedgerError> {
        let store = self.store();
        let Some(row) = store
            .statement(id)?
            .filter(|r| r.status == Status::Revealed)
        else {
            return Ok(None);
        };
        let Some(opened) = self.opening_context(&row.id)? else {
            return Ok(None);
        };
        let (context, chunks) = &*opened;
        let damaged = || StoreError::Damaged("partial decryptions");
        let mut points = Vec::new();
        for chunk in chunks {
            let mut verified = Vec::new();
            for (node, good, body) in store.posts(id, PostKind::Partial, chunk.number())? {
                if good && verified.len() < self.founding().quorum() {
                    let partial = Partial::from_bytes(&body).map_err(|_| damaged())?;
                    verified.push(
                        judge_partial(context, chunk, node, &partial).map_err(|_| damaged())?,
                    );
                }
            }
            let quorum = Quorum::new(context, chunk, verified).map_err(|_| damaged())?;
            points.extend(quorum.combine().map_err(|_| damaged())?);
        }
        Ok(Some(points))
    }

    /// Opened bodies, by position, once they are public.
    pub fn opened_bodies(&self, id: &StatementId) -> Result<Vec<(u64, SealedBody)>, LedgerError> {
        Ok(self.store().opened_bodies(id)?)
    }

    /// A whole chain.
    pub fn chain(&self, subject: &Subject) -> Result<Option<Chain>, LedgerError> {
        let store = self.store();
        let Some(object) = store.object(subject)? else {
            return Ok(None);
        };
        Ok(Some(store.chain(&object)?))
    }
}
