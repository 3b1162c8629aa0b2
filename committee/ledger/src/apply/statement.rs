//! Proposals of statements.

use tacit_protocol::block::MAX_BLOCK_PROPOSALS;
use tacit_protocol::chain::Phase;
use tacit_protocol::entry::Subject;
use tacit_protocol::statement::{StatementPropose, Status};

use super::{Applier, ApplyError, Verdict, refuse};
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
            opened_ms: None,
            count: 0,
            trigger_height: None,
        };
        if !self.store.add_statement(&row)? {
            return refuse("statement-exists", format!("statement {id} exists already"));
        }
        self.store.create_object(&Subject::Statement(id))?;
        self.proposals += 1;
        Ok(Vec::new())
    }

    /// One entry of a block that no quorum has judged: it may ask for no more keys than nodes make at
    /// once, those of its ancestors' statements included.
    ///
    /// That is a rule of blocks and not of entries, whose verdicts mustn't depend on other statements:
    /// else a statement's own chains wouldn't suffice to replay it. Only a proposal can break it, since
    /// what ends a statement comes before a block's entries or after them.
    pub fn judged_entry(&mut self, index: u32, bytes: &[u8]) -> Result<(), ApplyError> {
        let before = self.proposals;
        self.entry(index, bytes)?;
        let most = u64::from(self.founding.max_open_statements);
        if self.proposals > before && self.store.open_statements()? > most {
            return refuse(
                "too-many-statements",
                format!("up to {most} statements are open at once: wait until one ends"),
            );
        }
        Ok(())
    }

    /// The other rule of blocks about proposals: so many and no more.
    pub fn check_proposals(&self) -> Result<(), ApplyError> {
        if self.proposals > MAX_BLOCK_PROPOSALS {
            return refuse(
                "too-many-proposals",
                "the block proposes more statements than allowed",
            );
        }
        Ok(())
    }
}
