//! A key generation as a fold over the log's messages.
//!
//! [`DkgState`] says who may say what when, judges what is said, and names culprits. It knows no time:
//! whoever keeps the log decides when a phase is over and calls [`DkgState::close_phase`]. It may as
//! soon as [`DkgState::is_complete`], and it must once the phase's span of time has passed. The order
//! of messages within a phase doesn't matter; a repeated message changes nothing; one out of its
//! phase is refused without blame, because the network may be at fault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tacit_protocol::codec::Encode as _;
use tacit_protocol::dkg::{AttemptId, DkgCommit, DkgComplain, DkgConfirm, DkgDeal, DkgKeys};
use tacit_protocol::ids::NodeIndex;
use thiserror::Error;

use crate::committee::DkgContext;
use crate::fault::{Fault, Phase};
use crate::judge::{
    Deals, Participants, Seen, Verdict, judge_complaint, judge_confirm, judge_deal, judge_keys,
};
use crate::outcome::Outcome;

/// Any message of a key generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DkgMessage {
    /// Of the first phase.
    Keys(DkgKeys),
    /// Of the second phase.
    Commit(DkgCommit),
    /// Of the third phase.
    Deal(DkgDeal),
    /// Of the fourth phase.
    Complain(DkgComplain),
    /// Of the fifth phase.
    Confirm(DkgConfirm),
}

macro_rules! message_from {
    ($($variant:ident($message:ty)),*) => {
        $(impl From<$message> for DkgMessage {
            fn from(message: $message) -> Self {
                Self::$variant(message)
            }
        })*
    };
}

message_from!(
    Keys(DkgKeys),
    Commit(DkgCommit),
    Deal(DkgDeal),
    Complain(DkgComplain),
    Confirm(DkgConfirm)
);

impl DkgMessage {
    /// The phase that it belongs to.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Keys(_) => Phase::Keys,
            Self::Commit(_) => Phase::Commit,
            Self::Deal(_) => Phase::Deal,
            Self::Complain(_) => Phase::Complain,
            Self::Confirm(_) => Phase::Confirm,
        }
    }

    /// The attempt that it belongs to.
    pub fn at(&self) -> AttemptId {
        match self {
            Self::Keys(m) => m.at,
            Self::Commit(m) => m.at,
            Self::Deal(m) => m.at,
            Self::Complain(m) => m.at,
            Self::Confirm(m) => m.at,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Keys(m) => m.to_bytes(),
            Self::Commit(m) => m.to_bytes(),
            Self::Deal(m) => m.to_bytes(),
            Self::Complain(m) => m.to_bytes(),
            Self::Confirm(m) => m.to_bytes(),
        }
    }
}

/// Why a message has no effect, with nobody to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The sender is no node of this committee.
    #[error("the sender is not a node of this committee")]
    NotMember,
    /// It is for another statement or attempt.
    #[error("the message is for another statement or attempt")]
    OtherAttempt,
    /// The same message again.
    #[error("the same message came before")]
    Repeated,
    /// Its phase hasn't begun.
    #[error("the phase of this message has not begun")]
    Early,
    /// Its phase is over.
    #[error("the phase of this message is over")]
    Late,
    /// The sender's encryption key wasn't in time.
    #[error("the sender's encryption key was not in time")]
    NotParticipant,
    /// A dealing without a commitment in time.
    #[error("the sender has not committed to a dealing")]
    NotCommitted,
    /// The attempt has failed.
    #[error("this attempt has failed")]
    Failed,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Failure {
    /// Fewer than n - f good messages in a phase.
    #[error("{have} good {} where {need} are needed", phase.name())]
    TooFew {
        /// Which phase.
        phase: Phase,
        /// How many there were.
        have: usize,
        /// How many it takes.
        need: usize,
    },
    /// Complaints left fewer than t good dealings.
    #[error("complaints left {have} good dealings where {need} are needed")]
    TooFewGood {
        /// How many are left.
        have: usize,
        /// How many it takes.
        need: usize,
    },
    /// The key or a share of it came out as zero.
    #[error("the key or a share of it is zero")]
    Degenerate,
}

/// Where a key generation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// In a phase.
    Running(Phase),
    /// The key is made and held. Late participants may still join the holders.
    Done,
    /// Over without a key.
    Failed(Failure),
}

/// Something that happens to a key generation, for rebuilding its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DkgEvent {
    /// A node's message.
    Message(NodeIndex, DkgMessage),
    /// The phase ends.
    Close,
}

/// A key generation's public state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkgState {
    ctx: DkgContext,
    stage: Stage,
    /// First message of each node in each phase, good or bad: it is the one that counts.
    heard: BTreeMap<(Phase, NodeIndex), Arc<[u8]>>,
    /// Nodes that were silent when they were last expected to speak. They aren't waited for until they
    /// speak again, but for their complaints.
    absent: BTreeSet<NodeIndex>,
    seen: Seen,
    participants: Participants,
    commits: BTreeMap<NodeIndex, DkgCommit>,
    deals: Deals,
    /// Participants with a faultless `DkgComplain`.
    content: BTreeSet<NodeIndex>,
    /// Dealers against whom a complaint was proven in time.
    excluded: BTreeSet<NodeIndex>,
    outcome: Option<Arc<Outcome>>,
    holders: BTreeSet<NodeIndex>,
    faults: Vec<Fault>,
}

impl DkgState {
    /// At the start of an attempt.
    pub fn new(ctx: DkgContext) -> Self {
        Self {
            ctx,
            stage: Stage::Running(Phase::Keys),
            heard: BTreeMap::new(),
            absent: BTreeSet::new(),
            seen: Seen::default(),
            participants: Participants::default(),
            commits: BTreeMap::new(),
            deals: Deals::new(),
            content: BTreeSet::new(),
            excluded: BTreeSet::new(),
            outcome: None,
            holders: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Rebuilds the state from what happened, in the log's order.
    pub fn replay<'a>(ctx: DkgContext, events: impl IntoIterator<Item = &'a DkgEvent>) -> Self {
        let mut state = Self::new(ctx);
        for event in events {
            match event {
                DkgEvent::Message(from, message) => {
                    // What was refused the first time is refused again.
                    let _ = state.receive(*from, message);
                }
                DkgEvent::Close => {
                    state.close_phase();
                }
            }
        }
        state
    }

    /// Whether some message of this node for this phase could have any effect now. Cheap, and asked before
    /// the message's points are decoded: what is refused here, [`DkgState::receive`] refuses whatever it says.
    ///
    /// # Errors
    /// [`Refusal`], if none could.
    pub fn may_hear(&self, from: NodeIndex, phase: Phase) -> Result<(), Refusal> {
        if !self.ctx.committee.contains(from) {
            return Err(Refusal::NotMember);
        }
        if self.has_heard(from, phase) {
            // A second one that differs is equivocation, of which one proof is enough.
            let culprit = from;
            return if self
                .faults
                .contains(&Fault::Equivocation { culprit, phase })
            {
                Err(Refusal::Repeated)
            } else {
                Ok(())
            };
        }
        let now = self.now()?;
        let takes_part = self.participants.key(from).is_some();
        let proof_of_a_fault = phase == Phase::Complain && now == Phase::Confirm && takes_part;
        if phase > now {
            return Err(Refusal::Early);
        }
        if phase < now && !proof_of_a_fault {
            return Err(Refusal::Late);
        }
        if phase > Phase::Keys && !takes_part {
            return Err(Refusal::NotParticipant);
        }
        if phase == Phase::Deal && !self.commits.contains_key(&from) {
            return Err(Refusal::NotCommitted);
        }
        Ok(())
    }

    /// The phase whose messages are taken.
    fn now(&self) -> Result<Phase, Refusal> {
        match self.stage {
            Stage::Failed(_) => Err(Refusal::Failed),
            Stage::Running(now) => Ok(now),
            Stage::Done => Ok(Phase::Confirm),
        }
    }

    /// Takes the next message of the log. Its sender's signature was checked before.
    ///
    /// Returns the faults that it proves; none, if it is good. The culprit isn't always the sender: a
    /// good complaint proves the dealer's fault.
    ///
    /// # Errors
    /// [`Refusal`], if it has no effect at all.
    pub fn receive(
        &mut self,
        from: NodeIndex,
        message: &DkgMessage,
    ) -> Result<Vec<Fault>, Refusal> {
        if !self.ctx.committee.contains(from) {
            return Err(Refusal::NotMember);
        }
        if message.at() != self.ctx.at {
            return Err(Refusal::OtherAttempt);
        }
        let phase = message.phase();
        let bytes = message.to_bytes();
        if let Some(first) = self.heard.get(&(phase, from)) {
            return if **first == bytes[..] {
                Err(Refusal::Repeated)
            } else {
                self.equivocation(from, phase)
            };
        }
        self.check_phase(phase, message)?;
        self.may_hear(from, phase)?;
        let faults = match message {
            DkgMessage::Keys(keys) => self.on_keys(from, keys),
            DkgMessage::Commit(commit) => {
                self.commits.insert(from, *commit);
                Vec::new()
            }
            DkgMessage::Deal(deal) => self.on_deal(from, deal)?,
            DkgMessage::Complain(complain) => self.on_complain(from, complain),
            DkgMessage::Confirm(confirm) => self.on_confirm(from, confirm)?,
        };
        self.heard.insert((phase, from), bytes.into());
        self.absent.remove(&from);
        self.faults.extend(&faults);
        Ok(faults)
    }

    /// Whether a message of this phase may come now.
    fn check_phase(&self, phase: Phase, message: &DkgMessage) -> Result<(), Refusal> {
        let now = self.now()?;
        match message {
            // Too late to exclude anyone, but a proof all the same. Silence needs no saying any more.
            DkgMessage::Complain(c) if now == Phase::Confirm && !c.complaints.is_empty() => Ok(()),
            _ if phase > now => Err(Refusal::Early),
            _ if phase < now => Err(Refusal::Late),
            _ => Ok(()),
        }
    }

    fn equivocation(&mut self, culprit: NodeIndex, phase: Phase) -> Result<Vec<Fault>, Refusal> {
        let fault = Fault::Equivocation { culprit, phase };
        if self.faults.contains(&fault) {
            return Err(Refusal::Repeated);
        }
        self.faults.push(fault);
        Ok(vec![fault])
    }

    fn on_keys(&mut self, from: NodeIndex, keys: &DkgKeys) -> Vec<Fault> {
        match judge_keys(&self.ctx, from, &self.seen, keys) {
            Ok(key) => {
                self.seen.add_key(&key);
                self.participants.insert(key);
                Vec::new()
            }
            Err(fault) => vec![fault],
        }
    }

    fn on_deal(&mut self, from: NodeIndex, deal: &DkgDeal) -> Result<Vec<Fault>, Refusal> {
        let commit = self.commits.get(&from).ok_or(Refusal::NotCommitted)?;
        Ok(
            match judge_deal(
                &self.ctx,
                from,
                commit,
                &self.participants,
                &self.seen,
                deal,
            ) {
                Ok(deal) => {
                    self.seen.add_deal(&deal);
                    self.deals.insert(from, Arc::new(deal));
                    Vec::new()
                }
                Err(fault) => vec![fault],
            },
        )
    }

    fn on_complain(&mut self, from: NodeIndex, complain: &DkgComplain) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut refuted = false;
        let mut last = None;
        for complaint in &complain.complaints {
            let verdict = if last.is_some_and(|dealer| dealer >= complaint.dealer) {
                Verdict::Refuted(Fault::ComplaintTarget {
                    culprit: from,
                    dealer: complaint.dealer,
                })
            } else {
                judge_complaint(&self.ctx, from, &self.participants, &self.deals, complaint)
            };
            last = Some(complaint.dealer);
            match verdict {
                Verdict::Proven(_) if self.outcome.is_none() => {
                    self.excluded.insert(complaint.dealer);
                }
                Verdict::Proven(_) => {}
                Verdict::Refuted(_) => refuted = true,
            }
            faults.push(verdict.fault());
        }
        if !refuted {
            self.content.insert(from);
        }
        faults
    }

    fn on_confirm(&mut self, from: NodeIndex, confirm: &DkgConfirm) -> Result<Vec<Fault>, Refusal> {
        let outcome = self.outcome.as_ref().ok_or(Refusal::Early)?;
        Ok(match judge_confirm(&self.ctx, from, outcome, confirm) {
            Ok(()) => {
                self.holders.insert(from);
                Vec::new()
            }
            Err(fault) => vec![fault],
        })
    }

    /// Who is expected to speak in the current phase and hasn't. All nodes are expected at first, and
    /// later those that take part and weren't silent when last expected.
    ///
    /// Complaints are expected from all who take part, silent before or not: a complaint that comes too
    /// late excludes nobody, so whoever could end the phase without it could keep a wrong share in the
    /// key, and its victim would hold none for ever. Each of them has the whole span, then.
    pub fn awaited(&self) -> Vec<NodeIndex> {
        let Stage::Running(phase) = self.stage else {
            return Vec::new();
        };
        let expected: Vec<NodeIndex> = match phase {
            Phase::Keys => self.ctx.committee.members().collect(),
            Phase::Commit | Phase::Complain | Phase::Confirm => self.participants.nodes().collect(),
            Phase::Deal => self.commits.keys().copied().collect(),
        };
        let excused = |n: &NodeIndex| phase != Phase::Complain && self.absent.contains(n);
        expected
            .into_iter()
            .filter(|n| !excused(n) && !self.has_heard(*n, phase))
            .collect()
    }

    /// Whether everyone expected has spoken, so that the phase may be closed at once.
    pub fn is_complete(&self) -> bool {
        matches!(self.stage, Stage::Running(_)) && self.awaited().is_empty()
    }

    /// Ends the current phase: the silent are absent, and the next phase begins if enough messages
    /// were good; else the attempt has failed. Returns the faults of the absent.
    pub fn close_phase(&mut self) -> Vec<Fault> {
        let Stage::Running(phase) = self.stage else {
            return Vec::new();
        };
        let silent = self.awaited();
        let faults: Vec<_> = silent
            .iter()
            .map(|&culprit| Fault::Absent { culprit, phase })
            .collect();
        self.absent.extend(silent);
        self.faults.extend(&faults);
        self.stage = self.next(phase).unwrap_or_else(Stage::Failed);
        faults
    }

    fn next(&mut self, phase: Phase) -> Result<Stage, Failure> {
        let have = match phase {
            Phase::Keys => self.participants.len(),
            Phase::Commit => self.commits.len(),
            Phase::Deal => self.deals.len(),
            Phase::Complain => self.content.len(),
            Phase::Confirm => self.holders.len(),
        };
        // n - f messages, and at least t good dealings: the same number.
        let need = self.ctx.committee.threshold();
        if have < need {
            return Err(Failure::TooFew { phase, have, need });
        }
        Ok(match phase {
            Phase::Keys => Stage::Running(Phase::Commit),
            Phase::Commit => Stage::Running(Phase::Deal),
            Phase::Deal => Stage::Running(Phase::Complain),
            Phase::Complain => {
                self.conclude(need)?;
                Stage::Running(Phase::Confirm)
            }
            Phase::Confirm => Stage::Done,
        })
    }

    fn conclude(&mut self, need: usize) -> Result<(), Failure> {
        let good: Vec<_> = self
            .deals
            .values()
            .filter(|d| !self.excluded.contains(&d.dealer()))
            .collect();
        if good.len() < need {
            return Err(Failure::TooFewGood {
                have: good.len(),
                need,
            });
        }
        let outcome = Outcome::new(
            &self.ctx,
            &self.participants,
            good.into_iter().map(Arc::as_ref),
        )
        .map_err(|_| Failure::Degenerate)?;
        self.outcome = Some(Arc::new(outcome));
        Ok(())
    }

    /// Which key generation this is.
    pub fn context(&self) -> &DkgContext {
        &self.ctx
    }

    /// Where it stands.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether a node's message of a phase has come, good or bad.
    pub fn has_heard(&self, node: NodeIndex, phase: Phase) -> bool {
        self.heard.contains_key(&(phase, node))
    }

    /// How many messages it has heard, and how many bytes they have: for whoever keeps many states.
    pub fn heard_messages(&self) -> (usize, usize) {
        let bytes = self.heard.values().map(|message| message.len()).sum();
        (self.heard.len(), bytes)
    }

    /// Whether a node committed to a dealing in time.
    pub fn has_committed(&self, node: NodeIndex) -> bool {
        self.commits.contains_key(&node)
    }

    /// The nodes that get shares.
    pub fn participants(&self) -> &Participants {
        &self.participants
    }

    /// The dealings that are well formed.
    pub fn deals(&self) -> &Deals {
        &self.deals
    }

    /// The key, once complaints are settled. It is of use once the stage is [`Stage::Done`].
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_deref()
    }

    /// Who confirmed a share of the key, ascending.
    pub fn holders(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.holders.iter().copied()
    }

    /// All faults so far, in order.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}
