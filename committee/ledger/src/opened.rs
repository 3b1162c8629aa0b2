//! Opened bodies for whoever asks, beside the ledger's own thread: what a node that has erased can
//! still give to one that was down.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use tacit_protocol::ids::StatementId;

use crate::store::StoreError;

/// A read-only view of the opened bodies in a ledger's database.
pub struct OpenedBodies {
    path: PathBuf,
    conn: Mutex<Option<Connection>>,
}

impl OpenedBodies {
    /// Of the database at `path`, which may be made later.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            conn: Mutex::new(None),
        }
    }

    /// The encoded body of a signature by its id ([`tacit_protocol::signature::Sign::body_id`]), once it
    /// is public.
    pub fn get(
        &self,
        statement: &StatementId,
        id: &[u8; 32],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        // Whoever panicked with the connection has left nothing half done: it only reads.
        let mut conn = self.conn.lock().unwrap_or_else(|e| e.into_inner());
        if conn.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            *conn = Some(Connection::open_with_flags(&self.path, flags)?);
        }
        let Some(conn) = conn.as_ref() else {
            return Ok(None);
        };
        Ok(conn
            .prepare_cached("SELECT body FROM opened_bodies WHERE statement = ?1 AND id = ?2")?
            .query_row(params![statement.as_bytes(), id], |r| r.get(0))
            .optional()?)
    }
}
