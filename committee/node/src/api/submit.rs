//! Submissions: checked cheaply here, judged by the log, answered with a receipt.
//!
//! Everybody may send, so nothing is decoded before its kind is known to be the route's: what users
//! send holds at most one point, and what nodes say, which may hold a thousand, belongs to no route.
//!
//! A receipt is the entry's bytes, its path in its block and the certified header: nobody has to
//! take this node's word for it. Sending what is final already gives its receipt again, and so does
//! the same signature with another proof.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    body::HttpBody as _,
    extract::{DefaultBodyLimit, FromRequest as _, Request},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use tacit_protocol::{
    block::entry_leaves,
    certificate::CertifiedHeader,
    codec::{Decode as _, DecodeError, Encode as _, Reader},
    entry::{Entry, EntryError, Kind, MAX_ENTRY},
    hash::Digest,
    ids::{GroupId, StatementId},
    merkle::Path,
    proof::{Receipt, Submission},
};
use tokio::{sync::OnceCell, time::timeout_at};

use super::{
    Api, ApiError,
    limits::{
        MAX_GROUP_SUBMISSION, MAX_MEMBER_SUBMISSION, MAX_SIGNATURE_SUBMISSION,
        MAX_STATEMENT_SUBMISSION, RECENT_BLOCKS,
    },
    lock,
};
use crate::{block::LogBlock, machine::Position, mempool::Outcome};

/// Where a submission was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST /v1/groups`.
    Groups,
    /// `POST /v1/groups/{id}/members`.
    Members(GroupId),
    /// `POST /v1/statements`.
    Statements,
    /// `POST /v1/statements/{id}/signatures`.
    Signatures(StatementId),
}

impl Route {
    fn max_bytes(self) -> usize {
        match self {
            Self::Groups => MAX_GROUP_SUBMISSION,
            Self::Members(_) => MAX_MEMBER_SUBMISSION,
            Self::Statements => MAX_STATEMENT_SUBMISSION,
            Self::Signatures(_) => MAX_SIGNATURE_SUBMISSION,
        }
    }

    /// Whether an entry of this kind belongs here, by its first byte. Nodes' entries belong nowhere in
    /// the API. Kinds that nobody serves go on to the decoder, which refuses them at that byte.
    fn check_kind(self, submission: &[u8]) -> Result<(), ApiError> {
        let mut reader = Reader::new(submission);
        let entry = reader.bytes("an entry", MAX_ENTRY).map_err(malformed)?;
        let kind = entry.first().copied().and_then(Kind::from_code);
        let fits = match (self, kind) {
            (_, None | Some(Kind::Remove | Kind::Withdraw | Kind::RecordOpen))
            | (Self::Groups, Some(Kind::GroupCreate))
            | (Self::Members(_), Some(Kind::Enrol))
            | (Self::Statements, Some(Kind::StatementPropose))
            | (Self::Signatures(_), Some(Kind::Sign)) => Ok(()),
            (Self::Groups, _) => Err("this route takes the entry that creates a group"),
            (Self::Members(_), _) => Err("this route takes the entry that enrols a member"),
            (Self::Statements, _) => Err("this route takes the entry that proposes a statement"),
            (Self::Signatures(_), _) => Err("this route takes sealed signatures"),
        };
        fits.map_err(ApiError::WrongRoute)
    }

    /// Whether this entry, of a kind that belongs here, is about what the path names.
    fn check(self, entry: &Entry, with_body: bool) -> Result<(), ApiError> {
        let fits = match (self, entry) {
            (Self::Members(id), Entry::Enrol(e)) if e.attestation.group != id => {
                Err("the enrolment is for another group")
            }
            (Self::Signatures(id), Entry::Sign(sign)) if sign.statement != id => {
                Err("the signature is for another statement")
            }
            (Self::Groups | Self::Members(_) | Self::Statements, _) if with_body => {
                Err("only a signature comes with a sealed body")
            }
            _ => Ok(()),
        };
        fits.map_err(ApiError::WrongRoute)
    }
}

/// A final block with what proves its entries.
struct FinalBlock {
    block: Arc<LogBlock>,
    leaves: Vec<Digest>,
    header: CertifiedHeader,
}

/// What receipts of the last blocks are made of: everybody whose entry is in one block waits for
/// the same certificate.
#[derive(Default)]
pub(super) struct Receipts {
    recent: Mutex<VecDeque<(u64, Cell)>>,
}

type Cell = Arc<OnceCell<FinalBlock>>;

impl Receipts {
    fn cell(&self, height: u64) -> Cell {
        let mut recent = lock(&self.recent);
        if let Some((_, cell)) = recent.iter().find(|(h, _)| *h == height) {
            return cell.clone();
        }
        if recent.len() == RECENT_BLOCKS {
            recent.pop_front();
        }
        let cell = Cell::default();
        recent.push_back((height, cell.clone()));
        cell
    }
}

impl Api {
    /// Takes a submission from a request, submits it, and waits for its receipt.
    pub(super) async fn submit(&self, route: Route, request: Request) -> Result<Bytes, ApiError> {
        check_media_type(request.headers())?;
        let body = self.receive(route, request).await?;
        // Taken only now: a body that trickles in takes a connection and nobody's place.
        let places = self.submission_places();
        let _place = places.try_acquire().map_err(|_| ApiError::Busy)?;
        route.check_kind(&body)?;
        // A node that is behind would refuse what is valid, and one that is cut off would only wait.
        self.ready()?;
        let submission = Submission::from_bytes(&body).map_err(malformed)?;
        let entry = Entry::parse(&submission.entry).map_err(|error| match error {
            EntryError::Decode(error) => malformed(error),
            EntryError::TooLong(_) => ApiError::Malformed(error.to_string()),
        })?;
        route.check(&entry, submission.body.is_some())?;
        let deadline = Instant::now() + self.0.limits.finality_time;
        let body = submission.body.map(|body| Bytes::from(body.to_bytes()));
        let mut stopping = self.0.stopping.clone();
        tokio::select! {
            receipt = self.settle(submission.entry.into(), body, deadline) => receipt,
            _ = stopping.wait_for(|stopping| *stopping) => Err(ApiError::Stopping),
        }
    }

    async fn receive(&self, route: Route, mut request: Request) -> Result<Bytes, ApiError> {
        let max = route.max_bytes();
        // What is announced as too long isn't read at all.
        let announced = request.body().size_hint().lower();
        if usize::try_from(announced).map_or(true, |announced| announced > max) {
            return Err(ApiError::TooLarge(max));
        }
        DefaultBodyLimit::max(max).apply(&mut request);
        let reading = Bytes::from_request(request, &());
        match tokio::time::timeout(self.0.limits.body_time, reading).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(rejection)) if rejection.status().as_u16() == 413 => {
                Err(ApiError::TooLarge(max))
            }
            Ok(Err(_)) => Err(ApiError::BrokenBody),
            Err(_) => Err(ApiError::SlowBody),
        }
    }

    async fn settle(
        &self,
        entry: Bytes,
        body: Option<Bytes>,
        deadline: Instant,
    ) -> Result<Bytes, ApiError> {
        let outcome = self.0.log.submit(entry, body);
        match timeout_at(deadline.into(), outcome).await {
            Ok(Ok(Outcome::Final(position))) => self.receipt(position, deadline).await,
            Ok(Ok(Outcome::Refused(refusal))) => Err(ApiError::Refused(refusal)),
            Ok(Ok(Outcome::Busy)) => Err(ApiError::Busy),
            // The node stops, or the entry waited too long: either way it may still become final.
            Ok(Err(_)) | Err(_) => Err(ApiError::NotFinal),
        }
    }

    /// The receipt of a final entry, by the deadline.
    async fn receipt(&self, position: Position, deadline: Instant) -> Result<Bytes, ApiError> {
        let cell = self.0.receipts.cell(position.height);
        let make = || async {
            let header = self.certified(position.height, deadline).await?;
            let header = header.ok_or(ApiError::NotFinal)?;
            let block = self.0.log.block(position.height).await;
            let block = block.ok_or(ApiError::NotFinal)?;
            Ok::<_, ApiError>(FinalBlock {
                leaves: entry_leaves(&block.entries),
                block,
                header,
            })
        };
        let finality = timeout_at(deadline.into(), cell.get_or_try_init(make)).await;
        let found = finality.map_err(|_| ApiError::NotFinal)??;
        let index = position.index as usize;
        let entry = found.block.entries.get(index);
        let (Some(entry), Some(path)) = (entry, Path::of(&found.leaves, index)) else {
            return Err(ApiError::Internal);
        };
        let receipt = Receipt {
            entry: entry.clone(),
            path,
            header: found.header.clone(),
        };
        Ok(receipt.to_bytes().into())
    }
}

fn malformed(error: DecodeError) -> ApiError {
    match error {
        DecodeError::Unsupported(_) => ApiError::Unsupported(error.to_string()),
        _ => ApiError::Malformed(format!("not a submission: {error}")),
    }
}

/// Other types could be sent by any web page without asking first.
fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).map(|v| v.as_bytes());
    if given == Some(b"application/octet-stream") {
        Ok(())
    } else {
        Err(ApiError::MediaType)
    }
}
