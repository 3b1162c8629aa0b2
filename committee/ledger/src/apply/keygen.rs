//! Key generation in the log: messages are judged by [`DkgState`], phases end here, by what was said
//! or by the block's height and time.

use tacit_protocol::chain::{Event, Finding, Opening, Phase};
use tacit_protocol::dkg::AttemptId;
use tacit_protocol::entry::{Kind, NodeStatement, Subject};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::statement::Status;
use tacit_threshold::Fault;
use tacit_threshold::state::{DkgEvent, DkgMessage, DkgState, Stage};

use super::{Applier, ApplyError, Verdict, refuse};
use crate::facts::{StatementCounts, frozen};
use crate::store::{Preparing, Result as StoreResult, StatementRow, StoreError};

/// Attempts at a key after the first.
pub(crate) const MAX_RETRIES: u8 = 3;

/// The fault's stable name.
pub(crate) fn finding(fault: &Fault) -> Finding {
    let word = match fault {
        Fault::Absent { .. } => "absent",
        Fault::Equivocation { .. } => "equivocation",
        Fault::OtherAttempt { .. } => "other-attempt",
        Fault::KeyProof { .. } => "key-proof",
        Fault::RepeatedPoint { .. } => "repeated-point",
        Fault::CommitmentMismatch { .. } => "commitment-mismatch",
        Fault::FeldmanLength { .. } => "feldman-length",
        Fault::Possession { .. } => "possession",
        Fault::Recipients { .. } => "recipients",
        Fault::EphemeralProof { .. } => "ephemeral-proof",
        Fault::WrongShare { .. } => "wrong-share",
        Fault::FalseComplaint { .. } => "false-complaint",
        Fault::ComplaintProof { .. } => "complaint-proof",
        Fault::ComplaintTarget { .. } => "complaint-target",
        Fault::WrongConfirmation { .. } => "wrong-confirmation",
        Fault::PartialShape { .. } => "partial-shape",
        Fault::PartialProof { .. } => "partial-proof",
    };
    Finding {
        culprit: fault.culprit(),
        fault: word.to_string(),
    }
}

fn findings(faults: &[Fault]) -> Vec<Finding> {
    faults.iter().map(finding).collect()
}

pub(crate) fn log_phase(phase: tacit_threshold::Phase) -> Phase {
    match phase {
        tacit_threshold::Phase::Keys => Phase::Keys,
        tacit_threshold::Phase::Commit => Phase::Commit,
        tacit_threshold::Phase::Deal => Phase::Deal,
        tacit_threshold::Phase::Complain => Phase::Complain,
        tacit_threshold::Phase::Confirm => Phase::Confirm,
    }
}

/// A node's statement as a key generation's message.
pub(crate) fn message(body: &NodeStatement) -> Option<DkgMessage> {
    Some(match body {
        NodeStatement::Keys(m) => DkgMessage::Keys(*m),
        NodeStatement::Commit(m) => DkgMessage::Commit(*m),
        NodeStatement::Deal(m) => DkgMessage::Deal(m.clone()),
        NodeStatement::Complain(m) => DkgMessage::Complain(m.clone()),
        NodeStatement::Confirm(m) => DkgMessage::Confirm(*m),
        NodeStatement::Unseal(_) | NodeStatement::Partial(_) | NodeStatement::Erased(_) => {
            return None;
        }
    })
}

impl Applier<'_> {
    pub(super) fn dkg_state(&self, at: &AttemptId) -> StoreResult<DkgState> {
        self.keygen
            .state(&self.store, self.founding, self.fingerprint, at)
    }

    pub(super) fn keygen_allowed(&self, row: &StatementRow, attempt: u8) -> Result<(), ApplyError> {
        // A confirmation counts whenever it comes while the key is of use.
        if !matches!(
            row.status,
            Status::Preparing | Status::Collecting | Status::Triggered
        ) {
            return refuse(
                "out-of-phase",
                format!(
                    "the statement's key is not being made: it is {}",
                    row.status
                ),
            );
        }
        if attempt != row.attempt {
            return refuse("out-of-phase", "this attempt at a key is over");
        }
        Ok(())
    }

    /// Whether some message of this kind from this node could have an effect now; other kinds pass.
    pub(super) fn keygen_awaits(
        &self,
        row: &StatementRow,
        node: NodeIndex,
        kind: Kind,
    ) -> Result<(), ApplyError> {
        let phase = match kind {
            Kind::DkgKeys => tacit_threshold::Phase::Keys,
            Kind::DkgCommit => tacit_threshold::Phase::Commit,
            Kind::DkgDeal => tacit_threshold::Phase::Deal,
            Kind::DkgComplain => tacit_threshold::Phase::Complain,
            Kind::DkgConfirm => tacit_threshold::Phase::Confirm,
            _ => return Ok(()),
        };
        match self.dkg_state(&row.at())?.may_hear(node, phase) {
            Ok(()) => Ok(()),
            Err(refusal) => refuse("out-of-phase", refusal.to_string()),
        }
    }

    pub(super) fn keygen_message(
        &mut self,
        row: StatementRow,
        node: NodeIndex,
        body: &NodeStatement,
    ) -> Verdict {
        let Some(message) = message(body) else {
            return refuse("out-of-phase", "not a key generation message");
        };
        let mut state = self.dkg_state(&row.at())?;
        let faults = match state.receive(node, &message) {
            Ok(faults) => faults,
            Err(refusal) => return refuse("out-of-phase", refusal.to_string()),
        };
        let confirmed = matches!(message, DkgMessage::Confirm(_)) && faults.is_empty();
        self.record(&row.at(), DkgEvent::Message(node, message), state)?;
        if confirmed {
            self.store.add_holder(&row.id, node)?;
        }
        Ok(findings(&faults))
    }

    fn record(&mut self, at: &AttemptId, event: DkgEvent, state: DkgState) -> StoreResult<()> {
        let digest = self.store.add_keygen_event(at, &event)?;
        self.keygen.put(*at, digest, state);
        Ok(())
    }

    /// After a block's last entry: a phase ends when everyone awaited has spoken, or when its span of
    /// log time and blocks is over. Of keys with which neither is so, nothing more is looked at: there
    /// may be many of them in every block.
    pub(super) fn advance_keygens(&mut self) -> Result<(), ApplyError> {
        for key in self.store.preparing()? {
            if self.is_over(&key)
                || self
                    .keygen
                    .is_complete(&self.store, self.founding, self.fingerprint, &key.at)?
            {
                let row = self.store.statement(&key.at.statement)?;
                self.advance_keygen(row.ok_or(StoreError::Damaged("statement"))?)?;
            }
        }
        Ok(())
    }

    fn is_over(&self, key: &Preparing) -> bool {
        let timing = &self.founding.timing;
        self.time_ms.saturating_sub(key.phase_ms) >= u64::from(timing.dkg_phase_ms)
            && self.height.saturating_sub(key.phase_height) >= u64::from(timing.dkg_phase_blocks)
    }

    fn advance_keygen(&mut self, mut row: StatementRow) -> Result<(), ApplyError> {
        let at = row.at();
        let mut state = self.dkg_state(&at)?;
        let absent = findings(&state.close_phase());
        let stage = state.stage();
        let outcome = state.outcome().map(|o| o.k());
        let holders: Vec<NodeIndex> = state.holders().collect();
        self.record(&at, DkgEvent::Close, state)?;
        (row.phase_height, row.phase_ms) = (self.height, self.time_ms);
        let subject = Subject::Statement(row.id);
        match (stage, outcome) {
            (Stage::Running(phase), _) => {
                row.phase = log_phase(phase);
                self.store.update_statement(&row)?;
                self.link(
                    &subject,
                    Event::Phase {
                        attempt: row.attempt,
                        phase: row.phase,
                        findings: absent,
                    },
                )
            }
            (Stage::Done, Some(k)) => self.open(row, k, holders, absent),
            // `Done` comes with an outcome; without one the attempt is as good as failed.
            (Stage::Failed(_) | Stage::Done, _) if row.attempt < MAX_RETRIES => {
                row.attempt += 1;
                row.phase = Phase::Keys;
                self.store.clear_holders(&row.id)?;
                self.store.update_statement(&row)?;
                self.link(
                    &subject,
                    Event::Phase {
                        attempt: row.attempt,
                        phase: Phase::Keys,
                        findings: absent,
                    },
                )
            }
            (Stage::Failed(_) | Stage::Done, _) => self.fail(row, absent),
        }
    }

    /// The key is made: the roster freezes and signatures are taken.
    fn open(
        &mut self,
        mut row: StatementRow,
        k: tacit_protocol::point::Point,
        holders: Vec<NodeIndex>,
        findings: Vec<Finding>,
    ) -> Result<(), ApplyError> {
        let definition = self
            .store
            .group(&row.statement.group)?
            .ok_or(StoreError::Damaged("group"))?;
        let (group, classes) = frozen(&self.store, &row.statement.group, &definition)?;
        let opening = Opening {
            k,
            attempt: row.attempt,
            holders,
            group,
            classes,
        };
        let counts =
            StatementCounts::of(&self.store, &row.statement.group, None, 0, Some(&opening))?;
        if opening.group.root.is_none() || row.statement.trigger.check_reachable(&counts).is_err() {
            return self.fail(row, findings);
        }
        row.status = Status::Collecting;
        row.opening = Some(opening.clone());
        row.opened_ms = Some(self.time_ms);
        self.store.update_statement(&row)?;
        self.link(
            &Subject::Statement(row.id),
            Event::Collecting { opening, findings },
        )
    }

    fn fail(&mut self, mut row: StatementRow, findings: Vec<Finding>) -> Result<(), ApplyError> {
        row.status = Status::Failed;
        self.store.update_statement(&row)?;
        self.link(&Subject::Statement(row.id), Event::Failed { findings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_word_and_its_culprit() {
        let phase = tacit_threshold::Phase::Deal;
        let (culprit, other, chunk) = (3, 1, 7);
        let named = [
            (Fault::Absent { culprit, phase }, "absent"),
            (Fault::Equivocation { culprit, phase }, "equivocation"),
            (Fault::OtherAttempt { culprit }, "other-attempt"),
            (Fault::KeyProof { culprit }, "key-proof"),
            (Fault::RepeatedPoint { culprit }, "repeated-point"),
            (Fault::CommitmentMismatch { culprit }, "commitment-mismatch"),
            (
                Fault::FeldmanLength {
                    culprit,
                    found: 2,
                    expected: 3,
                },
                "feldman-length",
            ),
            (Fault::Possession { culprit }, "possession"),
            (Fault::Recipients { culprit }, "recipients"),
            (
                Fault::EphemeralProof {
                    culprit,
                    recipient: other,
                },
                "ephemeral-proof",
            ),
            (
                Fault::WrongShare {
                    culprit,
                    victim: other,
                },
                "wrong-share",
            ),
            (
                Fault::FalseComplaint {
                    culprit,
                    dealer: other,
                },
                "false-complaint",
            ),
            (
                Fault::ComplaintProof {
                    culprit,
                    dealer: other,
                },
                "complaint-proof",
            ),
            (
                Fault::ComplaintTarget {
                    culprit,
                    dealer: other,
                },
                "complaint-target",
            ),
            (Fault::WrongConfirmation { culprit }, "wrong-confirmation"),
            (Fault::PartialShape { culprit, chunk }, "partial-shape"),
            (Fault::PartialProof { culprit, chunk }, "partial-proof"),
        ];
        for (fault, word) in &named {
            assert_eq!(
                finding(fault),
                Finding {
                    culprit,
                    fault: word.to_string()
                }
            );
            assert!(word.len() <= tacit_protocol::chain::MAX_FAULT);
        }
        let words: std::collections::BTreeSet<_> = named.iter().map(|(_, word)| word).collect();
        assert_eq!(words.len(), named.len());
    }
}
