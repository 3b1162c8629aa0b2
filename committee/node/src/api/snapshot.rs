//! Answers that are made of the ledger at one moment: whole lists, and chains and bundles with the
//! header that certifies them.
//!
//! Facts as of a block are committed to by the next block's header. So everything is read in one
//! call at applied height h, and then the header of h + 1 is waited for; if the block changed none of
//! what is asked for, its own header commits to it and nobody waits. If no certificate comes, since
//! the log stands still, the last certified answer is given: what it says is true, if not the latest.

use std::{collections::BTreeMap, time::Instant};

use bytes::Bytes;
use serde::Serialize;
use tacit_ledger::{Ledger, LedgerError, StatementView as Row};
use tacit_protocol::{
    certificate::CertifiedHeader,
    chain::Facts,
    codec::Encode as _,
    entry::Subject,
    hash::Digest,
    ids::{GroupId, StatementId},
    proof::{Bundle, CertifiedChain, CertifiedFacts, ProvenFacts},
    signature::SealedBody,
    statement::Status,
    views::{GroupView, StatementView},
};
use tracing::error;

use super::{
    Api, ApiError, Committee,
    cache::{Answer, Key, Token},
    lock, views,
};

/// What a read found.
enum Found {
    /// The answer that is held is still true.
    Unchanged,
    /// There is no such thing.
    Missing,
    /// The list is open, and its bodies aren't all here.
    Incomplete,
    /// Another answer.
    Changed(Fresh),
}

/// What an answer is made of.
struct Fresh {
    token: Token,
    proven: Option<Proven>,
    encode: Encode,
}

/// Encodes an answer, away from the ledger: with the certified facts, if it has any.
type Encode = Box<dyn FnOnce(Option<CertifiedFacts>) -> Option<Vec<u8>> + Send>;

/// Facts, and the height whose header commits to them.
struct Proven {
    height: u64,
    facts: Vec<ProvenFacts>,
}

impl Api {
    /// The kept answer if it is still true, else a new one. `find` gets the token to compare with.
    async fn answer(
        &self,
        key: Key,
        missing: impl FnOnce() -> ApiError,
        find: impl FnOnce(&Ledger, Option<Token>) -> Result<Found, LedgerError> + Send + 'static,
    ) -> Result<Bytes, ApiError> {
        // Whoever waits for another's answer takes it if it is of a moment after they asked.
        let (asked, wanted) = (Instant::now(), self.0.log.applied().height);
        let make = async |held: Option<Answer>| {
            let applied = self.0.log.applied();
            let last = held.clone();
            // A certificate that grows old is no longer good enough, though nothing changed.
            let held = held.filter(|answer| {
                answer.certified_ms.is_none_or(|ms| {
                    applied.timestamp_ms.saturating_sub(ms) <= self.0.limits.refresh_ms
                })
            });
            if let Some(answer) = held.as_ref().filter(|a| a.height >= wanted) {
                return Ok(answer.clone());
            }
            // What another has just waited for in vain isn't waited for again.
            let in_vain = lock(&self.0.uncertified).is_some_and(|failed| failed > asked);
            if in_vain && key.is_certified() {
                return last.ok_or(ApiError::Uncertified);
            }
            let token = held.as_ref().map(|answer| answer.token.clone());
            let read = move |ledger: &Ledger| Ok((find(ledger, token)?, ledger.applied()?.height));
            match (self.study(read).await?, held) {
                ((Found::Changed(fresh), height), _) => match self.make(fresh, height).await {
                    Err(ApiError::Uncertified) => last.ok_or(ApiError::Uncertified),
                    made => made,
                },
                ((Found::Unchanged, height), Some(answer)) => Ok(Answer { height, ..answer }),
                ((Found::Unchanged, _), None) => Err(ApiError::Internal),
                ((Found::Incomplete, _), _) => Err(ApiError::BodiesMissing),
                ((Found::Missing, _), _) => Err(missing()),
            }
        };
        self.0.cache.get(key, make).await
    }

    async fn make(&self, fresh: Fresh, height: u64) -> Result<Answer, ApiError> {
        let certified = match fresh.proven {
            Some(proven) => Some(self.certify(proven).await?),
            None => None,
        };
        let header = certified.as_ref().and_then(|c| c.header.headers.first());
        let certified_ms = header.map(|h| h.timestamp_ms);
        let encode = fresh.encode;
        let bytes = tokio::task::spawn_blocking(move || encode(certified))
            .await
            .ok()
            .flatten()
            .ok_or_else(|| {
                error!("an answer can't be encoded");
                ApiError::Internal
            })?;
        Ok(Answer {
            token: fresh.token,
            height,
            certified_ms,
            bytes: bytes.into(),
        })
    }

    /// Waits for the header that commits to these facts.
    async fn certify(&self, proven: Proven) -> Result<CertifiedFacts, ApiError> {
        let deadline = Instant::now() + self.0.limits.certify_time;
        let header = self.certified(proven.height, deadline).await?;
        let Some(header) = header else {
            *lock(&self.0.uncertified) = Some(Instant::now());
            return Err(ApiError::Uncertified);
        };
        let root = header.headers.first().map(|h| h.state_root);
        let holds = |p: &ProvenFacts| p.path.root(&p.facts.leaf()) == root;
        if !proven.facts.iter().all(holds) {
            error!(
                height = proven.height,
                "the header commits to another state"
            );
            return Err(ApiError::Internal);
        }
        Ok(CertifiedFacts {
            header,
            facts: proven.facts,
        })
    }

    /// The header of a height with what certifies it, which may be a few blocks away. `None` if it
    /// doesn't come by the deadline.
    pub(super) async fn certified(
        &self,
        height: u64,
        deadline: Instant,
    ) -> Result<Option<CertifiedHeader>, ApiError> {
        loop {
            // Taken before the look, so that no block in between is waited for in vain.
            let next = self.0.log.applied().height.max(height.saturating_sub(1)) + 1;
            if let Some(header) = self.0.log.certified(height).await {
                return Ok(Some(header));
            }
            let reached = self.0.log.reached(next);
            match tokio::time::timeout_at(deadline.into(), reached).await {
                Ok(reached) => reached?,
                Err(_) => return Ok(None),
            }
        }
    }

    /// `GET /v1/groups`.
    pub(super) async fn groups(&self) -> Result<Bytes, ApiError> {
        self.answer(
            Key::Groups,
            || ApiError::Internal,
            |ledger, held| {
                changed(vec![ledger.state_root()?], held, || {
                    let groups = ledger.groups()?;
                    Ok(json(move || {
                        groups.into_iter().map(views::group).collect::<Vec<_>>()
                    }))
                })
            },
        )
        .await
    }

    /// `GET /v1/groups/{id}`.
    pub(super) async fn group(&self, id: GroupId) -> Result<GroupView, ApiError> {
        let found = self.glance(move |ledger| ledger.group(&id)).await?;
        found
            .map(views::group)
            .ok_or_else(|| ApiError::UnknownGroup(id.to_string()))
    }

    /// `GET /v1/groups/{id}/members`.
    pub(super) async fn members(&self, id: GroupId) -> Result<Bytes, ApiError> {
        let missing = || ApiError::UnknownGroup(id.to_string());
        self.answer(Key::Members(id), missing, move |ledger, held| {
            let (Some(head), Some(group)) =
                (head(ledger, &Subject::Group(id))?, ledger.group(&id)?)
            else {
                return Ok(Found::Missing);
            };
            changed(vec![head], held, || {
                let members = ledger.members(&id)?;
                Ok(json(move || views::members(&group.definition, members)))
            })
        })
        .await
    }

    /// `GET /v1/statements`.
    pub(super) async fn statements(&self) -> Result<Bytes, ApiError> {
        let founding = self.0.committee.founding().clone();
        self.answer(
            Key::Statements,
            || ApiError::Internal,
            move |ledger, held| {
                changed(vec![ledger.state_root()?], held, || {
                    let mut statements = Vec::new();
                    for id in ledger.statement_ids()? {
                        if let Some((row, members)) = statement(ledger, &id)? {
                            statements.push(views::statement(&founding, row, members));
                        }
                    }
                    Ok(json(move || statements))
                })
            },
        )
        .await
    }

    /// `GET /v1/statements/{id}`.
    pub(super) async fn statement(&self, id: StatementId) -> Result<StatementView, ApiError> {
        let found = self.glance(move |ledger| statement(ledger, &id)).await?;
        let (row, members) = found.ok_or_else(|| ApiError::UnknownStatement(id.to_string()))?;
        let founding = self.0.committee.founding();
        Ok(views::statement(founding, row, members))
    }

    /// `GET /v1/statements/{id}/signatures`.
    pub(super) async fn signatures(&self, id: StatementId) -> Result<Bytes, ApiError> {
        let missing = || ApiError::UnknownStatement(id.to_string());
        self.answer(Key::Signatures(id), missing, move |ledger, held| {
            let subject = Subject::Statement(id);
            let (Some(head), Some(row)) = (head(ledger, &subject)?, ledger.statement(&id)?) else {
                return Ok(Found::Missing);
            };
            changed(vec![head], held, || {
                let signatures = ledger.signatures(&id)?;
                Ok(json(move || {
                    views::signatures(&row.class_names, signatures)
                }))
            })
        })
        .await
    }

    /// `GET /v1/groups/{id}/chain`.
    pub(super) async fn group_chain(&self, id: GroupId) -> Result<Bytes, ApiError> {
        let missing = || ApiError::UnknownGroup(id.to_string());
        let find = move |ledger: &Ledger, held| chain(ledger, Subject::Group(id), held);
        self.answer(Key::GroupChain(id), missing, find).await
    }

    /// `GET /v1/statements/{id}/chain`.
    pub(super) async fn statement_chain(&self, id: StatementId) -> Result<Bytes, ApiError> {
        let missing = || ApiError::UnknownStatement(id.to_string());
        let find = move |ledger: &Ledger, held| chain(ledger, Subject::Statement(id), held);
        self.answer(Key::StatementChain(id), missing, find).await
    }

    /// `GET /v1/statements/{id}/bundle`.
    pub(super) async fn bundle(&self, id: StatementId) -> Result<Bytes, ApiError> {
        let missing = || ApiError::UnknownStatement(id.to_string());
        let api = self.clone();
        let find = move |ledger: &Ledger, held| bundle(ledger, api, id, held);
        self.answer(Key::Bundle(id), missing, find).await
    }
}

/// Reads on only if `token` isn't the one that is held.
fn changed(
    token: Token,
    held: Option<Token>,
    read: impl FnOnce() -> Result<Encode, LedgerError>,
) -> Result<Found, LedgerError> {
    if held.as_ref() == Some(&token) {
        return Ok(Found::Unchanged);
    }
    Ok(Found::Changed(Fresh {
        token,
        proven: None,
        encode: read()?,
    }))
}

fn json<T: Serialize>(view: impl FnOnce() -> T + Send + 'static) -> Encode {
    Box::new(move |_| serde_json::to_vec(&view()).ok())
}

fn head(ledger: &Ledger, subject: &Subject) -> Result<Option<Digest>, LedgerError> {
    Ok(ledger.facts(subject)?.as_ref().map(Facts::head).copied())
}

/// A statement, and its group's members now.
fn statement(ledger: &Ledger, id: &StatementId) -> Result<Option<(Row, u64)>, LedgerError> {
    let Some(row) = ledger.statement(id)? else {
        return Ok(None);
    };
    let members = ledger
        .group(&row.statement.group)?
        .map_or(0, |g| g.members.size);
    Ok(Some((row, members)))
}

/// Facts as of the applied block, and the height whose header commits to them: the applied one if
/// its block didn't change them, else the next.
fn prove(ledger: &Ledger, subjects: &[Subject]) -> Result<Option<Proven>, LedgerError> {
    let height = ledger.applied()?.height;
    if let Some(facts) = ledger.prove_unchanged(subjects)? {
        return Ok(Some(Proven { height, facts }));
    }
    let proven = ledger.prove(subjects)?.map(|facts| Proven {
        height: height + 1,
        facts,
    });
    Ok(proven)
}

fn chain(ledger: &Ledger, subject: Subject, held: Option<Token>) -> Result<Found, LedgerError> {
    let Some(head) = head(ledger, &subject)? else {
        return Ok(Found::Missing);
    };
    let token = vec![head];
    if held.as_ref() == Some(&token) {
        return Ok(Found::Unchanged);
    }
    let (Some(proven), Some(chain)) = (prove(ledger, &[subject])?, ledger.chain(&subject)?) else {
        return Ok(Found::Missing);
    };
    Ok(Found::Changed(Fresh {
        token,
        proven: Some(proven),
        encode: Box::new(move |state| {
            let state = state?;
            Some(CertifiedChain { state, chain }.to_bytes())
        }),
    }))
}

fn bundle(
    ledger: &Ledger,
    api: Api,
    id: StatementId,
    held: Option<Token>,
) -> Result<Found, LedgerError> {
    let Some(row) = ledger.statement(&id)? else {
        return Ok(Found::Missing);
    };
    let (group, own) = (Subject::Group(row.statement.group), Subject::Statement(id));
    let (Some(group_head), Some(own_head)) = (head(ledger, &group)?, head(ledger, &own)?) else {
        return Ok(Found::Missing);
    };
    let token = vec![group_head, own_head];
    if held.as_ref() == Some(&token) {
        return Ok(Found::Unchanged);
    }
    // Before the reveal a bundle has no bodies; after it, all of them.
    let bodies = match row.status {
        Status::Revealed => match opened_bodies(ledger, &row)? {
            Some(bodies) => bodies,
            None => return Ok(Found::Incomplete),
        },
        _ => Vec::new(),
    };
    let (Some(proven), Some(group), Some(statement)) = (
        prove(ledger, &[group, own])?,
        ledger.chain(&group)?,
        ledger.chain(&own)?,
    ) else {
        return Ok(Found::Missing);
    };
    Ok(Found::Changed(Fresh {
        token,
        proven: Some(proven),
        encode: Box::new(move |state| {
            let committee: &Committee = &api.0.committee;
            let bundle = Bundle {
                founding: committee.file().clone(),
                verifying_key: committee.verifying_key().to_vec(),
                state: state?,
                group,
                statement,
                bodies,
            };
            Some(bundle.to_bytes())
        }),
    }))
}

/// The opened bodies in the order of their signatures, if none is missing.
fn opened_bodies(ledger: &Ledger, row: &Row) -> Result<Option<Vec<SealedBody>>, LedgerError> {
    let bodies: BTreeMap<u64, SealedBody> = ledger.opened_bodies(&row.id)?.into_iter().collect();
    let complete = bodies.len() as u64 == row.count && bodies.keys().copied().eq(0..row.count);
    Ok(complete.then(|| bodies.into_values().collect()))
}
