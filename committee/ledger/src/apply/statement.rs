//! Proposals of statements.

use tacit_protocol::chain::Phase;
use tacit_protocol::entry::Subject;
use tacit_protocol::statement::{StatementPropose, Status};

use super::{Applier, Verdict, refuse};
use crate::facts::StatementCounts;
use crate::store::StatementRow;

impl Applier<'_> {
    pub(super) fn propose(&mut self, e: &StatementPropose) -> Verdict {
        let s = &e.statement;
        if &s.fingerprint != self.fingerprint {
            return refuse("other-committee", "the statement names another committee");
        }
        let circuit = self.founding.circuits.first().map(|c| c.circuit);
        if circuit != Some(s.circuit) {
            return refuse(
                "unknown-circuit",
                "the committee doesn't serve the statement's circuit",
            );
        }
        let Some(group) = self.store.group(&s.group)? else {
            return refuse("unknown-group", format!("there is no group {}", s.group));
        };
        if !self.founding.statement_creators.contains(&s.creator)
            && !group.creators.contains(&s.creator)
        {
            return refuse(
                "not-a-creator",
                "neither the founding file nor the group allows this key to propose statements",
            );
        }
        if s.text.trim().is_empty() {
            return refuse("no-text", "the statement has no text");
        }
        if s.deadline_ms <= self.time_ms {
            return refuse("deadline-passed", "the deadline has passed already");
        }
        let counts = StatementCounts::of(&self.store, &s.group, None, 0, None)?;
        if let Err(error) = s.trigger.check_reachable(&counts) {
            return refuse("unreachable-trigger", error.to_string());
        }
        let id = match e.check() {
            Ok(id) => id,
            Err(error) => return refuse("bad-creator-signature", error.to_string()),
        };
        let row = StatementRow {
            id,
            statement: s.clone(),
            status: Status::Preparing,
            attempt: 0,
            phase: Phase::Keys,
            phase_height: self.height,
            phase_ms: self.time_ms,
            opening: None,
            count: 0,
            trigger_height: None,
        };
        if !self.store.add_statement(&row)? {
            return refuse("statement-exists", format!("statement {id} exists already"));
        }
        self.store.create_object(&Subject::Statement(id))?;
        Ok(Vec::new())
    }
}
