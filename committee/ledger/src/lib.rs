//! What the log means: `state = fold(apply, founding, log)`, kept in SQLite.
//!
//! One [`apply`] serves every use: finalized blocks are applied and committed; proposed blocks are
//! applied above unfinalized ancestors and rolled back; a bundle's chains are applied in memory by
//! [`replay`]. There is no clock, no randomness, no network here, and proofs are not verified here:
//! `apply` says which proofs an entry stands on, and whoever calls it verifies them.

#![forbid(unsafe_code)]

mod apply;
mod facts;
mod ledger;
mod opened;
mod schema;
mod store;
mod views;

pub mod replay;

pub use apply::{BodyNeed, Claim, Effects, Refusal};
pub use ledger::{Admission, Applied, Built, Checked, Ledger, LedgerError};
pub use opened::OpenedBodies;
pub use views::{
    ChunkView, GroupView, MemberView, OpeningView, SignatureEntry, SignatureView, StatementView,
    Unfinished,
};
