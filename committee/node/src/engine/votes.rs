//! That a node has voted, remembered beside the engine's storage and not in it.
//!
//! An engine that finds no votes of its own votes anew, and may contradict what it has forgotten. The
//! database shows that something was lost as long as it is there itself; this record shows it when both
//! are gone, or were put back from a copy. It is a height and no vote: what it must never do is make a
//! start possible, only refuse one.

use std::{io, sync::Arc, time::Duration};

use commonware_runtime::{Error, Storage};

use super::{EngineError, Runtime};
use crate::ledger::Ledger;

/// How often it is looked whether the record is behind. The first votes come within a view's time.
const EVERY: Duration = Duration::from_millis(250);

/// Keeps the record, durably.
pub trait VoteRecord: Send + Sync {
    /// The height at which the log was when it was last written; `None` if this node never voted.
    fn height(&self) -> Option<u64>;
    /// Writes it: whatever happens afterwards, [`VoteRecord::height`] is at least this.
    fn write(&self, height: u64) -> io::Result<()>;
}

/// The engine's partition of its own votes.
pub(super) fn partition(prefix: &str) -> String {
    format!("{prefix}-simplex-0")
}

async fn has_votes<E: Storage>(context: &E, partition: &str) -> Result<bool, EngineError> {
    match context.scan(partition).await {
        Ok(blobs) => Ok(!blobs.is_empty()),
        Err(Error::PartitionMissing(_)) => Ok(false),
        Err(error) => Err(EngineError::Votes(error)),
    }
}

/// Refuses to start an engine that has lost its votes, or has older ones than it had.
///
/// `applied` is the database's height, into which the engine's archive was replayed before.
pub(super) async fn check<E: Storage>(
    context: &E,
    partition: &str,
    record: &dyn VoteRecord,
    applied: u64,
) -> Result<(), EngineError> {
    let recorded = record.height();
    // Nothing gets into the archive but by a certificate that the engine has noted among its votes.
    if (recorded.is_some() || applied > 0) && !has_votes(context, partition).await? {
        return Err(EngineError::VotesLost);
    }
    match recorded {
        Some(recorded) if recorded > applied => Err(EngineError::Older { recorded, applied }),
        _ => Ok(()),
    }
}

/// Keeps the record up to date; ends when it can't be written.
pub(super) async fn keep<E: Runtime>(
    context: E,
    partition: String,
    record: Arc<dyn VoteRecord>,
    ledger: Ledger,
) -> io::Error {
    loop {
        let applied = ledger.applied().height;
        let is_behind = match record.height() {
            Some(height) => height < applied,
            // The engine makes the partition with its first vote, before it sends it.
            None => has_votes(&context, &partition).await.unwrap_or(false),
        };
        if is_behind && let Err(error) = record.write(applied) {
            return error;
        }
        context.sleep(EVERY).await;
    }
}
