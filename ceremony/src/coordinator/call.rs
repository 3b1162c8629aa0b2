//! What contributors' calls are answered.

use tacit_protocol::codec::{Encode as _, Writer};
use tacit_protocol::hash::Digest;
use thiserror::Error;

use super::queue::{Place, Refused};
use crate::folder::FolderError;
use crate::transcript::CeremonyId;

/// Why a contributor's call is refused.
#[derive(Debug, Error)]
pub enum CallError {
    /// No contributions are taken now.
    #[error("{0}")]
    Closed(&'static str),
    /// Not let in.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Contributed already.
    #[error("this key has contributed to this phase already")]
    Again,
    /// The request's signature or time doesn't hold.
    #[error("the request is not signed by its key, or at another time than now")]
    Request,
    /// A request that isn't newer than its key's last one.
    #[error("this key has asked for a turn in this second already, or in a later one")]
    Repeated,
    /// An unknown ticket.
    #[error("there is no such ticket: it is too old, or the coordinator was started again")]
    Ticket,
    /// Not their turn.
    #[error("it is not this key's turn, or no longer")]
    NotYourTurn,
    /// A piece that doesn't go on where the file ends.
    #[error("the upload goes on at {expected}, not at {found}")]
    Offset {
        /// Where it goes on.
        expected: u64,
        /// Where the piece would go.
        found: u64,
    },
    /// A file that is longer than it can be.
    #[error("the file is longer than a contribution can be: {0} bytes at most")]
    TooLong(u64),
    /// A piece that came too slowly, or that broke off. What came of it stays.
    #[error("the piece came too slowly, or broke off")]
    Slow,
    /// No such file in this phase.
    #[error("a contribution to this phase has no file {0}")]
    NoFile(usize),
    /// What was handed in is nobody's contribution to what stands now. It costs nobody the turn.
    #[error("{0}")]
    Invalid(String),
    /// The coordinator's own trouble.
    #[error("the coordinator can't do this now")]
    Internal(FolderError),
}

/// What became of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It stands in the transcript under this number.
    Accepted(u32),
    /// It broke this rule.
    Refused(String),
    /// The coordinator's own trouble, which says nothing about it: it can be handed in again.
    Failed(&'static str),
}

/// What the holder of a ticket is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Their place.
    pub place: Place,
    /// Seconds until their turn, about.
    pub estimate: u64,
    /// When the phase closes: Unix time in seconds.
    pub closes: Option<u64>,
    /// Whether their turn is shorter than others, because the phase closes.
    pub short: bool,
    /// Bytes of each file that are there already.
    pub received: Vec<u64>,
    /// What became of what they handed in.
    pub outcome: Option<Outcome>,
    /// The digest of the transcript that the contribution goes on from.
    pub head: Digest,
}

/// The bytes that a request for a turn signs.
pub fn turn_message(ceremony: &CeremonyId, at: u64) -> Vec<u8> {
    let mut w = Writer::new();
    ceremony.encode(&mut w);
    w.u64(at);
    w.finish()
}
