//! A client of the nodes' API, over several nodes at once.
//!
//! Each call goes to the nodes in random order until one answers properly. Whatever can be checked is
//! checked inside the call, so that a node that lies or lags is passed over like one that is down.
//! Whole groups and lists are fetched, never one member or one signature.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use thiserror::Error;

use tacit_protocol::certificate::CertificateError;
use tacit_protocol::codec::{Decode, Encode as _};
use tacit_protocol::entry::Entry;
use tacit_protocol::founding::{Founding, FoundingFile};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, GroupId, StatementId};
use tacit_protocol::proof::{Bundle, CertifiedChain, Receipt, Submission};

mod connector;

pub use connector::{Connector, Problem, ServiceError, ServiceUrl, UrlError};
pub use tacit_protocol::views::{
    ClassView, EpochView, GroupView, NodeView, ReadyView, StatementView,
};

/// Nodes that one call tries at most.
const MAX_ATTEMPTS: usize = 8;
/// How long a small answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a chain or a bundle may take.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(600);
/// How long all other nodes may take with a newer bundle, once there is one that holds.
const NEWER_PATIENCE: Duration = Duration::from_secs(20);
/// How long one node may take with a submission: it waits up to 30 s for finality.
const SUBMIT_PATIENCE: Duration = Duration::from_secs(40);
/// How long a submission may take with all nodes together.
const SUBMIT_BUDGET: Duration = Duration::from_secs(100);

/// Longest founding file, in bytes.
const MAX_FOUNDING: u64 = 1 << 20;
/// Longest JSON answer, in bytes.
const MAX_JSON: u64 = 256 << 20;
/// Longest chain or bundle, in bytes.
const MAX_DOWNLOAD: u64 = 2 << 30;
/// Longest proving key, in bytes.
const MAX_KEY: u64 = 64 << 20;
/// Longest receipt, in bytes.
const MAX_RECEIPT: u64 = 1 << 20;

const BINARY: &str = "application/octet-stream";

/// What one node said to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The node.
    pub node: ServiceUrl,
    /// Why its answer wasn't one.
    pub error: ServiceError,
}

/// Why no node gave a proper answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApiError {
    /// No node's address is known.
    #[error("no node's address is known")]
    NoNodes,
    /// Not one of them could be reached.
    #[error("no node could be reached: {}", list(.0))]
    Unreachable(Vec<Attempt>),
    /// The nodes that were reached say that something is wrong; this is the weightiest account.
    #[error("{node} says: {problem}")]
    Problem {
        /// Who says so.
        node: ServiceUrl,
        /// What.
        problem: Problem,
    },
    /// The nodes that were reached gave answers that don't hold.
    #[error("{node}: {reason}")]
    BadAnswer {
        /// Which node.
        node: ServiceUrl,
        /// What is wrong with its answer.
        reason: String,
    },
    /// The nodes that were reached belong to another committee.
    #[error("the nodes belong to the committee {found}, not to {expected}")]
    OtherCommittee {
        /// The fingerprint that was asked for.
        expected: Fingerprint,
        /// A node's.
        found: Fingerprint,
    },
}

fn list(attempts: &[Attempt]) -> String {
    let each = attempts.iter().map(|a| format!("{} ({})", a.node, a.error));
    each.collect::<Vec<_>>().join(", ")
}

impl ApiError {
    /// What was asked for doesn't exist, say the nodes.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Problem { problem, .. } if problem.status == 404)
    }

    /// Of all attempts, what a person should know: an account of their input before "not yet", that
    /// before "there is none", that before trouble of the nodes' own.
    fn from_attempts(attempts: Vec<Attempt>) -> Self {
        fn weight(e: &ServiceError) -> u8 {
            match e {
                ServiceError::Problem(p) if p.is_not_yet() => 4,
                ServiceError::Problem(p) if p.is_busy() => 2,
                ServiceError::Problem(p) if p.status == 404 => 3,
                // Who says that the other one still waits may lag behind who has counted it.
                ServiceError::Problem(p) if p.word() == "nullifier-spent" => 6,
                ServiceError::Problem(_) => 5,
                ServiceError::BadAnswer(_) => 1,
                ServiceError::Transport(_) => 0,
            }
        }
        let Some(weightiest) = attempts.iter().max_by_key(|a| weight(&a.error)).cloned() else {
            return Self::NoNodes;
        };
        let node = weightiest.node;
        match weightiest.error {
            ServiceError::Problem(problem) => Self::Problem { node, problem },
            ServiceError::BadAnswer(reason) => Self::BadAnswer { node, reason },
            ServiceError::Transport(_) => Self::Unreachable(attempts),
        }
    }
}

/// A bundle that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held<T> {
    /// It shows what is asked for.
    Enough(T),
    /// It is true, but its node may lag: another one may have a newer one.
    Behind {
        /// What it shows.
        found: T,
        /// Height of its certified head.
        height: u64,
    },
}

/// An entry that is final, checked against the fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finalized {
    /// The receipt.
    pub receipt: Receipt,
    /// The entry in it: what was sent, or the first signature with the same nullifier, `ct` and context.
    pub entry: Entry,
    /// Height of its block.
    pub height: u64,
    /// Its position there.
    pub position: u64,
}

/// A client of several nodes.
#[derive(Debug, Clone)]
pub struct Api {
    connector: Connector,
    nodes: Vec<ServiceUrl>,
}

impl Api {
    /// A client of these nodes.
    pub fn new(connector: Connector, nodes: Vec<ServiceUrl>) -> Self {
        Self { connector, nodes }
    }

    /// The nodes.
    pub fn nodes(&self) -> &[ServiceUrl] {
        &self.nodes
    }

    /// Asks the nodes in random order for the first answer that `check` takes.
    fn first<T>(
        &self,
        budget: Duration,
        mut call: impl FnMut(&ServiceUrl) -> Result<Vec<u8>, ServiceError>,
        mut check: impl FnMut(Vec<u8>) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let start = Instant::now();
        let mut attempts = Vec::new();
        for node in shuffled(&self.nodes).into_iter().take(MAX_ATTEMPTS) {
            if !attempts.is_empty() && start.elapsed() >= budget {
                break;
            }
            let checked =
                call(&node).and_then(|bytes| check(bytes).map_err(ServiceError::BadAnswer));
            match checked {
                Ok(value) => return Ok(value),
                Err(error) => attempts.push(Attempt { node, error }),
            }
        }
        Err(ApiError::from_attempts(attempts))
    }

    fn download<T>(
        &self,
        path: &str,
        limit: u64,
        patience: Duration,
        check: impl FnMut(Vec<u8>) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let call = |node: &ServiceUrl| self.connector.get(node, path, limit, patience);
        self.first(DOWNLOAD_PATIENCE, call, check)
    }

    fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.download(path, MAX_JSON, PATIENCE, |bytes| {
            serde_json::from_slice(&bytes).map_err(|e| format!("its answer can't be read: {e}"))
        })
    }

    /// The founding file, signed by all operators; if `expected` is given, no other committee's.
    pub fn founding(
        &self,
        expected: Option<&Fingerprint>,
    ) -> Result<(FoundingFile, Fingerprint), ApiError> {
        let mut other = None;
        let answer = self.download("/v1/founding", MAX_FOUNDING, PATIENCE, |bytes| {
            let file: FoundingFile = decode("its founding file", &bytes)?;
            let found = file.check().map_err(|e| e.to_string())?;
            match expected {
                Some(expected) if *expected != found => {
                    other = Some((*expected, found));
                    Err(format!(
                        "it belongs to another committee, whose fingerprint is {found}"
                    ))
                }
                _ => Ok((file, found)),
            }
        });
        match (answer, other) {
            (Err(ApiError::BadAnswer { .. }), Some((expected, found))) => {
                Err(ApiError::OtherCommittee { expected, found })
            }
            (answer, _) => answer,
        }
    }

    /// What each node says of its own readiness, or why it says nothing.
    pub fn readiness(&self) -> Vec<(ServiceUrl, Result<ReadyView, ServiceError>)> {
        let ask = |node: &ServiceUrl| {
            let bytes = self.connector.get(node, "/v1/ready", MAX_JSON, PATIENCE)?;
            serde_json::from_slice(&bytes)
                .map_err(|e| ServiceError::BadAnswer(format!("its answer can't be read: {e}")))
        };
        self.nodes
            .iter()
            .map(|node| (node.clone(), ask(node)))
            .collect()
    }

    /// What the nodes say of the current epoch.
    pub fn epoch(&self) -> Result<EpochView, ApiError> {
        self.json("/v1/epoch")
    }

    /// The key of this hash, which `load` must check.
    pub fn key<T>(
        &self,
        hash: &Digest,
        load: impl FnMut(Vec<u8>) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let path = format!("/v1/keys/{hash}");
        self.download(&path, MAX_KEY, DOWNLOAD_PATIENCE, load)
    }

    /// All groups.
    pub fn groups(&self) -> Result<Vec<GroupView>, ApiError> {
        self.json("/v1/groups")
    }

    /// One group.
    pub fn group(&self, id: &GroupId) -> Result<GroupView, ApiError> {
        self.json(&format!("/v1/groups/{id}"))
    }

    /// A group's whole chain, which `check` must check.
    pub fn group_chain<T>(
        &self,
        id: &GroupId,
        mut check: impl FnMut(CertifiedChain) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let path = format!("/v1/groups/{id}/chain");
        self.download(&path, MAX_DOWNLOAD, DOWNLOAD_PATIENCE, |bytes| {
            check(decode("its chain", &bytes)?)
        })
    }

    /// All statements.
    pub fn statements(&self) -> Result<Vec<StatementView>, ApiError> {
        self.json("/v1/statements")
    }

    /// One statement.
    pub fn statement(&self, id: &StatementId) -> Result<StatementView, ApiError> {
        self.json(&format!("/v1/statements/{id}"))
    }

    /// A statement's whole chain, which `check` must check.
    pub fn statement_chain<T>(
        &self,
        id: &StatementId,
        mut check: impl FnMut(CertifiedChain) -> Result<T, String>,
    ) -> Result<T, ApiError> {
        let path = format!("/v1/statements/{id}/chain");
        self.download(&path, MAX_DOWNLOAD, DOWNLOAD_PATIENCE, |bytes| {
            check(decode("its chain", &bytes)?)
        })
    }

    /// A statement's bundle, which `check` must check. If none that is asked for one has got as far as is
    /// needed, it is the newest of theirs.
    pub fn bundle<T>(
        &self,
        id: &StatementId,
        mut check: impl FnMut(Vec<u8>, Bundle) -> Result<Held<T>, String>,
    ) -> Result<T, ApiError> {
        let path = format!("/v1/statements/{id}/bundle");
        let start = Instant::now();
        let mut newest: Option<(u64, T)> = None;
        let mut held_since: Option<Instant> = None;
        let mut attempts = Vec::new();
        for node in shuffled(&self.nodes).into_iter().take(MAX_ATTEMPTS) {
            let patience = left(start.elapsed(), held_since.map(|since| since.elapsed()));
            let Some(patience) = patience else { break };
            let answer = self.connector.get(&node, &path, MAX_DOWNLOAD, patience);
            let held = answer.and_then(|bytes| {
                decode("its bundle", &bytes)
                    .and_then(|bundle| check(bytes, bundle))
                    .map_err(ServiceError::BadAnswer)
            });
            match held {
                Ok(Held::Enough(found)) => return Ok(found),
                Ok(Held::Behind { found, height }) => {
                    held_since.get_or_insert_with(Instant::now);
                    if newest.as_ref().is_none_or(|(known, _)| *known < height) {
                        newest = Some((height, found));
                    }
                }
                Err(error) => attempts.push(Attempt { node, error }),
            }
        }
        newest
            .map(|(_, found)| found)
            .ok_or_else(|| ApiError::from_attempts(attempts))
    }

    /// Submits an entry that creates a group.
    pub fn submit_group(
        &self,
        submission: &Submission,
        committee: (&Founding, &Fingerprint),
    ) -> Result<Finalized, ApiError> {
        self.submit("/v1/groups", submission, committee)
    }

    /// Submits an entry that enrols a member.
    pub fn submit_member(
        &self,
        group: &GroupId,
        submission: &Submission,
        committee: (&Founding, &Fingerprint),
    ) -> Result<Finalized, ApiError> {
        let path = format!("/v1/groups/{group}/members");
        self.submit(&path, submission, committee)
    }

    /// Submits an entry that proposes a statement.
    pub fn submit_statement(
        &self,
        submission: &Submission,
        committee: (&Founding, &Fingerprint),
    ) -> Result<Finalized, ApiError> {
        self.submit("/v1/statements", submission, committee)
    }

    /// Submits a sealed signature. A duplicate of it with the same `ct` and context is success.
    pub fn submit_signature(
        &self,
        statement: &StatementId,
        submission: &Submission,
        committee: (&Founding, &Fingerprint),
    ) -> Result<Finalized, ApiError> {
        let path = format!("/v1/statements/{statement}/signatures");
        self.submit(&path, submission, committee)
    }

    fn submit(
        &self,
        path: &str,
        submission: &Submission,
        (founding, fingerprint): (&Founding, &Fingerprint),
    ) -> Result<Finalized, ApiError> {
        let bytes = submission.to_bytes();
        let call = |node: &ServiceUrl| {
            let c = &self.connector;
            c.post(node, path, BINARY, &bytes, MAX_RECEIPT, SUBMIT_PATIENCE)
        };
        self.first(SUBMIT_BUDGET, call, |answer| {
            let receipt: Receipt = decode("its receipt", &answer)?;
            accept(receipt, &submission.entry, founding, fingerprint)
                .map_err(|e| format!("its receipt does not hold: {e}"))
        })
    }
}

/// Why a receipt isn't one of what was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
enum ReceiptError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("it is a receipt of another entry")]
    OtherEntry,
}

/// Checks a receipt against what was sent.
fn accept(
    receipt: Receipt,
    sent: &[u8],
    founding: &Founding,
    fingerprint: &Fingerprint,
) -> Result<Finalized, ReceiptError> {
    let (entry, height, position) = receipt.verify(founding, fingerprint)?;
    if receipt.entry != sent {
        // Proofs can be re-randomized on the way: the same signature may stand in the log with another one.
        let same = match (&entry, Entry::parse(sent)) {
            (Entry::Sign(logged), Ok(Entry::Sign(sent))) => {
                logged.statement == sent.statement
                    && logged.nullifier == sent.nullifier
                    && logged.ct == sent.ct
                    && logged.context() == sent.context()
            }
            _ => false,
        };
        if !same {
            return Err(ReceiptError::OtherEntry);
        }
    }
    Ok(Finalized {
        receipt,
        entry,
        height,
        position,
    })
}

/// How long the next node may take with a bundle, so long after the first was asked and after one gave a bundle
/// that holds: a node that drips can't keep anybody long from what they have.
fn left(asked: Duration, held: Option<Duration>) -> Option<Duration> {
    match held {
        None if asked < DOWNLOAD_PATIENCE => Some(DOWNLOAD_PATIENCE),
        None => None,
        Some(held) => NEWER_PATIENCE
            .checked_sub(held)
            .filter(|left| !left.is_zero()),
    }
}

fn decode<T: Decode>(what: &str, bytes: &[u8]) -> Result<T, String> {
    T::from_bytes(bytes).map_err(|e| format!("{what} can't be read: {e}"))
}

/// The nodes in an order drawn from the operating system's randomness. Without it the order stays: it
/// spreads load and trust, and no secret depends on it.
fn shuffled(nodes: &[ServiceUrl]) -> Vec<ServiceUrl> {
    let mut keyed: Vec<(u64, &ServiceUrl)> = nodes
        .iter()
        .map(|n| (getrandom::u64().unwrap_or(0), n))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, n)| n.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_bundle_holds_no_node_can_keep_anybody_long() {
        let second = Duration::from_secs(1);
        assert_eq!(left(Duration::ZERO, None), Some(DOWNLOAD_PATIENCE));
        assert_eq!(left(DOWNLOAD_PATIENCE, None), None);
        // However long that took.
        let held = |since| left(DOWNLOAD_PATIENCE * 2, Some(since));
        assert_eq!(held(Duration::ZERO), Some(NEWER_PATIENCE));
        assert_eq!(held(NEWER_PATIENCE - second), Some(second));
        assert_eq!(held(NEWER_PATIENCE), None);
        assert_eq!(held(NEWER_PATIENCE + second), None);
    }
}
