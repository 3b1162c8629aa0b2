//! Sealed signatures and triggers.

use tacit_protocol::chain::Event;
use tacit_protocol::entry::Subject;
use tacit_protocol::field::fr_to_bytes;
use tacit_protocol::ids::EntryId;
use tacit_protocol::semaphore::statement_scope;
use tacit_protocol::signature::Sign;
use tacit_protocol::statement::Status;

use super::{Applier, ApplyError, BodyNeed, Claim, Verdict, refuse};
use crate::facts::StatementCounts;
use crate::store::StatementRow;

impl Applier<'_> {
    pub(super) fn sign(&mut self, e: &Sign, id: &EntryId, index: u32) -> Verdict {
        let Some(mut row) = self.store.statement(&e.statement)? else {
            return refuse(
                "unknown-statement",
                format!("there is no statement {}", e.statement),
            );
        };
        let opening = match (row.status, &row.opening) {
            (Status::Collecting, Some(opening)) => opening,
            (status, _) => {
                return refuse(
                    "not-collecting",
                    format!("the statement takes no signatures: it is {status}"),
                );
            }
        };
        let tree = match e.class {
            None => Some(&opening.group),
            Some(class) => opening.classes.get(usize::from(class)),
        };
        // Without a root there is nobody whose membership could be proven.
        let Some(root) = tree.and_then(|t| t.root) else {
            return refuse("unknown-class", "the group has no members in this class");
        };
        if !self.store.add_signature(e, row.count, self.height, index)? {
            return refuse(
                "nullifier-spent",
                "this member has signed this statement already",
            );
        }
        let k = opening.k;
        self.effects.claims.push(Claim {
            entry: *id,
            public: [
                root.to_le_bytes(),
                e.nullifier.to_le_bytes(),
                fr_to_bytes(&statement_scope(&e.statement)),
                fr_to_bytes(&k.x()),
                fr_to_bytes(&k.y()),
                e.ct.to_le_bytes(),
                fr_to_bytes(&e.context()),
            ],
            proof: e.proof,
        });
        self.effects.bodies.push(BodyNeed { sign: e.clone() });
        row.count += 1;
        self.store.update_statement(&row)?;
        Ok(Vec::new())
    }

    /// After a block's last entry: the first crossing latches.
    pub(super) fn evaluate_trigger(&mut self, mut row: StatementRow) -> Result<(), ApplyError> {
        let counts = StatementCounts::of(
            &self.store,
            &row.statement.group,
            Some(&row.id),
            row.count,
            row.opening.as_ref(),
        )?;
        if !row.statement.trigger.holds(&counts) {
            return Ok(());
        }
        row.status = Status::Triggered;
        row.trigger_height = Some(self.height);
        self.store.update_statement(&row)?;
        self.link(
            &Subject::Statement(row.id),
            Event::Triggered { count: row.count },
        )
    }
}
