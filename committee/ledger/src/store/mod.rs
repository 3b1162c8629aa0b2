//! Typed access to the tables: rows in, protocol types out. No rule of the protocol is decided here.

mod chains;
mod groups;
mod keygen;
mod opening;
mod signatures;
mod statements;

use rusqlite::Connection;
use tacit_protocol::codec::Decode;
use tacit_protocol::field::{Fr, fr_from_bytes};
use tacit_protocol::hash::Digest;
use thiserror::Error;

pub(crate) use chains::Object;
pub(crate) use opening::PostKind;
pub(crate) use statements::{Preparing, StatementRow};

/// A failure of this node's own database. Never about others' data.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite failed.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A row isn't what this code wrote.
    #[error(
        "the database holds a damaged {0}: it follows from the log, so delete it and start again to rebuild it"
    )]
    Damaged(&'static str),
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

fn decoded<T: Decode>(bytes: &[u8], what: &'static str) -> Result<T> {
    T::from_bytes(bytes).map_err(|_| StoreError::Damaged(what))
}

fn digest(bytes: Vec<u8>, what: &'static str) -> Result<Digest> {
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| StoreError::Damaged(what))
}

fn element(bytes: &[u8], what: &'static str) -> Result<Fr> {
    let bytes = bytes.try_into().map_err(|_| StoreError::Damaged(what))?;
    fr_from_bytes(&bytes).ok_or(StoreError::Damaged(what))
}

/// An integer that was never written negative.
pub(crate) fn unsigned(value: i64, what: &'static str) -> Result<u64> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(what))
}

/// A count of signatures: at most one for each leaf of the largest tree, so far below what is refused here.
fn count(value: i64) -> Result<u64> {
    u32::try_from(value)
        .map(u64::from)
        .map_err(|_| StoreError::Damaged("count"))
}

/// A time or a height as a column: what doesn't fit lies beyond all that can come.
pub(crate) fn column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Column value of "no class": the whole group.
pub(crate) fn class_column(class: Option<u16>) -> i64 {
    class.map_or(-1, i64::from)
}

fn class_of(column: i64) -> Option<u16> {
    u16::try_from(column).ok()
}

/// The tables, inside or outside of a transaction.
#[derive(Clone, Copy)]
pub(crate) struct Store<'c>(pub &'c Connection);

impl Store<'_> {
    /// Height of the last block that is applied for good, whatever is being tried above it.
    pub fn applied_height(&self) -> Result<u64> {
        let height = self
            .0
            .prepare_cached("SELECT height FROM meta")?
            .query_row([], |r| r.get(0))?;
        unsigned(height, "applied block")
    }
}
