//! Attestations of erasure.

use tacit_protocol::chain::Event;
use tacit_protocol::entry::{Erased, ErasureReason, Subject};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::statement::Status;

use super::{Applier, ApplyError, Verdict, refuse};
use crate::store::StatementRow;

impl Applier<'_> {
    pub(super) fn erasure_allowed(
        &self,
        row: &StatementRow,
        node: NodeIndex,
        reason: ErasureReason,
    ) -> Result<(), ApplyError> {
        let fits = match reason {
            ErasureReason::Expired => matches!(row.status, Status::Expired | Status::Erased),
            ErasureReason::Opened => row.status == Status::Revealed,
            ErasureReason::AttemptFailed => row.status == Status::Failed,
            // A node that gave up while the log stood still can't help any more, whatever comes.
            ErasureReason::Abandoned => row.status != Status::Failed,
        };
        if !fits {
            return refuse(
                "out-of-phase",
                format!(
                    "\"{}\" is no reason to erase a statement that is {}",
                    reason.word(),
                    row.status
                ),
            );
        }
        if self
            .store
            .erasures(&row.id)?
            .iter()
            .any(|(n, _, _)| *n == node)
        {
            return refuse("repeated", format!("node {node} has attested already"));
        }
        Ok(())
    }

    pub(super) fn erased(&mut self, row: &StatementRow, node: NodeIndex, m: &Erased) -> Verdict {
        if !self
            .store
            .add_erasure(&row.id, node, m.reason as u8, m.caveats)?
        {
            return refuse("repeated", format!("node {node} has attested already"));
        }
        Ok(Vec::new())
    }

    /// After a block's last entry: enough attestations make an expired statement an erased one.
    pub(super) fn evaluate_erasure(&mut self, mut row: StatementRow) -> Result<(), ApplyError> {
        if self.store.erasures(&row.id)?.len() < self.founding.erasure_quorum() {
            return Ok(());
        }
        row.status = Status::Erased;
        self.store.update_statement(&row)?;
        self.link(&Subject::Statement(row.id), Event::Erased)
    }
}
