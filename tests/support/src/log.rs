//! The log without consensus: one ledger proposes, another validates, both commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use tacit_circuits::{BadProofs, Proof, SealingPublic, seeded_rng, verify_batch};
use tacit_ledger::{Admission, Checked, Claim, Ledger, StatementView};
use tacit_protocol::block::{Block, Header, entries_root};
use tacit_protocol::chain::{Chain, Event, Facts, Finding};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, Subject};
use tacit_protocol::field::fr_from_bytes;
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::ids::{GroupId, StatementId};
use tacit_protocol::point::Point;
use tacit_protocol::signature::SealedBody;
use tacit_protocol::statement::{CountPolicy, RosterPolicy, Statement, StatementPropose, Status};
use tacit_protocol::trigger::Trigger;

use crate::{Committee, Member, Registrars, bytes, circuit};

/// Time between blocks, in milliseconds.
pub const TICK_MS: u64 = 100;

/// By which names everyone refuses an entry: none where it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// When it is submitted.
    pub admit: Option<&'static str>,
    /// When somebody puts it into a block.
    pub check: Option<&'static str>,
    /// When a block is built.
    pub build: Option<&'static str>,
}

impl Refusals {
    /// The same name everywhere.
    pub fn all(code: &'static str) -> Self {
        Self {
            admit: Some(code),
            check: Some(code),
            build: Some(code),
        }
    }

    /// It is taken.
    pub const NONE: Self = Self {
        admit: None,
        check: None,
        build: None,
    };
}

/// A log and the two ledgers that fold it.
pub struct Log {
    /// Whose log.
    pub committee: Arc<Committee>,
    /// Builds the blocks.
    pub proposer: Ledger,
    /// Checks them.
    pub validator: Ledger,
    /// All blocks, genesis first.
    pub blocks: Vec<Block>,
    /// Time of the last block, Unix milliseconds.
    pub now_ms: u64,
    /// Whether proofs are verified, as validators do before they vote. Off for tests of what `apply`
    /// alone decides, which then need no proofs.
    pub proofs: bool,
    /// Sealed bodies, by `ct`: what nodes hold beside the log.
    pub bodies: BTreeMap<[u8; 32], SealedBody>,
    draws: u64,
}

impl Log {
    /// An empty log in memory, whose validators verify proofs.
    pub fn new(committee: Arc<Committee>) -> Self {
        let ledger = || Ledger::in_memory(committee.founding().clone()).expect("a ledger");
        let (proposer, validator) = (ledger(), ledger());
        Self::of(committee, proposer, validator)
    }

    /// An empty log on these ledgers.
    pub fn of(committee: Arc<Committee>, proposer: Ledger, validator: Ledger) -> Self {
        let genesis = Block::genesis(committee.founding());
        Self {
            now_ms: genesis.header.timestamp_ms,
            blocks: vec![genesis],
            proposer,
            validator,
            proofs: true,
            bodies: BTreeMap::new(),
            draws: 0,
            committee,
        }
    }

    /// The same log up to a height, folded anew.
    pub fn at(&self, height: u64) -> Self {
        let mut log = Self::new(self.committee.clone());
        log.bodies = self.bodies.clone();
        log.proofs = self.proofs;
        log.replay(&self.blocks[..=height as usize]);
        log
    }

    /// Commits blocks that were checked before, genesis first, on ledgers that are at or after any of them.
    pub fn replay(&mut self, blocks: &[Block]) {
        for block in blocks.iter().skip(self.blocks.len()) {
            for ledger in [&mut self.proposer, &mut self.validator] {
                ledger.commit(block).expect("it was committed before");
            }
            self.now_ms = block.header.timestamp_ms;
            self.blocks.push(block.clone());
        }
    }

    /// Height of the last block.
    pub fn height(&self) -> u64 {
        self.blocks.len() as u64 - 1
    }

    /// 32 bytes that nobody had before on this log, the same in each run.
    pub fn draw(&mut self) -> [u8; 32] {
        self.draws += 1;
        bytes("draw", self.height() << 32 | self.draws)
    }

    /// A block of these very bytes on the last one, valid or not.
    pub fn forced(&self, entries: Vec<Vec<u8>>) -> Block {
        let parent = self.proposer.applied().expect("readable");
        let header = Header {
            height: parent.height + 1,
            parent: parent.digest,
            timestamp_ms: self.now_ms + TICK_MS,
            entries_root: entries_root(&entries),
            state_root: self.proposer.state_root().expect("readable"),
        };
        Block { header, entries }
    }

    /// The next block, with exactly these entries: built, checked, its proofs verified, committed.
    /// The new height.
    #[track_caller]
    pub fn next(&mut self, entries: impl IntoIterator<Item = Entry>) -> u64 {
        self.after(TICK_MS, entries)
    }

    /// The next block so many milliseconds later.
    #[track_caller]
    pub fn after(&mut self, ms: u64, entries: impl IntoIterator<Item = Entry>) -> u64 {
        let entries: Vec<Vec<u8>> = entries.into_iter().map(|e| e.to_bytes()).collect();
        let candidates: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let time = self.now_ms + ms;
        let built = self.proposer.build(&[], time, &candidates).expect("builds");
        assert_eq!(built.refused, [], "refused by the proposer");
        assert_eq!(built.block.entries, entries);
        self.push(built.block)
    }

    /// So many empty blocks.
    #[track_caller]
    pub fn idle(&mut self, blocks: usize) {
        for _ in 0..blocks {
            self.next([]);
        }
    }

    /// Checks a block, verifies its proofs, commits it on both ledgers.
    #[track_caller]
    pub fn push(&mut self, block: Block) -> u64 {
        let effects = match self.validator.check(&[], &block).expect("checks") {
            Checked::Valid(effects) => effects,
            Checked::Invalid(refusal) => panic!("{}: {refusal}", refusal.code),
        };
        if self.proofs {
            assert_eq!(verify_claims(&effects.claims), Ok(()));
        }
        for ledger in [&mut self.proposer, &mut self.validator] {
            let committed = ledger.commit(&block).expect("commits");
            assert_eq!(committed.claims, effects.claims);
        }
        let (a, b) = (self.proposer.state_root(), self.validator.state_root());
        assert_eq!(a.expect("readable"), b.expect("readable"));
        assert_eq!(
            self.proposer.applied().expect("readable"),
            self.validator.applied().expect("readable")
        );
        self.now_ms = block.header.timestamp_ms;
        self.blocks.push(block);
        self.height()
    }

    /// By which names an entry is refused when it is submitted, when a block holds it, and when one
    /// is built. Changes nothing.
    pub fn refusals(&mut self, entry: &[u8]) -> Refusals {
        let admit = match self.proposer.admit(entry).expect("admits") {
            Admission::Refused(refusal) => Some(refusal.code),
            Admission::Valid(_) | Admission::Final { .. } => None,
        };
        let block = self.forced(vec![entry.to_vec()]);
        let check = match self.validator.check(&[], &block).expect("checks") {
            Checked::Invalid(refusal) => Some(refusal.code),
            Checked::Valid(_) => None,
        };
        let time = self.now_ms + TICK_MS;
        let built = self.proposer.build(&[], time, &[entry]).expect("builds");
        let build = built.refused.first().map(|(_, refusal)| refusal.code);
        assert_eq!(built.block.entries.is_empty(), build.is_some());
        Refusals {
            admit,
            check,
            build,
        }
    }

    // --- groups and statements

    /// Creates a group.
    #[track_caller]
    pub fn create(&mut self, registrars: &Registrars, definition: &GroupDefinition) -> GroupId {
        let by = registrars.quorum();
        let creation = registrars.create(&self.committee.creator, definition.clone(), &by);
        self.next([Entry::GroupCreate(creation)]);
        definition.id()
    }

    /// Enrols members, all in one block.
    #[track_caller]
    pub fn enrol(&mut self, registrars: &Registrars, members: &[Member]) {
        self.next(members.iter().map(|m| Entry::Enrol(registrars.enrol(m))));
    }

    /// A statement to the group, due in an hour.
    pub fn statement(&self, group: GroupId, text: &str, trigger: &str) -> Statement {
        Statement {
            fingerprint: self.committee.fingerprint,
            epoch: 0,
            group,
            text: text.into(),
            trigger: Trigger::parse(trigger).expect("a trigger"),
            deadline_ms: self.now_ms + 3_600_000,
            count_policy: CountPolicy::Live,
            roster_policy: RosterPolicy::Frozen,
            circuit: circuit().pinned.circuit,
            creator: self.committee.creator.public(),
            nonce: [5; 16],
        }
    }

    /// Signs a statement by the committee's creator.
    pub fn proposal(&self, statement: Statement) -> Entry {
        Entry::StatementPropose(StatementPropose::sign(statement, &self.committee.creator))
    }

    /// Proposes a statement.
    #[track_caller]
    pub fn propose(&mut self, statement: Statement) -> StatementId {
        let id = statement.id();
        self.next([self.proposal(statement)]);
        id
    }

    // --- what the log says

    /// A statement as it stands.
    #[track_caller]
    pub fn view(&self, statement: &StatementId) -> StatementView {
        let view = self.proposer.statement(statement).expect("readable");
        view.expect("the statement is in the log")
    }

    /// Its status.
    #[track_caller]
    pub fn status(&self, statement: &StatementId) -> Status {
        self.view(statement).status
    }

    /// A whole chain.
    #[track_caller]
    pub fn chain(&self, subject: Subject) -> Chain {
        let chain = self.proposer.chain(&subject).expect("readable");
        chain.expect("it is in the log")
    }

    /// The facts as they stand.
    #[track_caller]
    pub fn facts(&self, subject: Subject) -> Facts {
        let facts = self.proposer.facts(&subject).expect("readable");
        facts.expect("it is in the log")
    }

    /// What happened to a statement, in order.
    pub fn events(&self, statement: &StatementId) -> Vec<Event> {
        let chain = self.chain(Subject::Statement(*statement));
        chain.links.into_iter().map(|link| link.event).collect()
    }

    /// Everything that was found to be wrong, in order.
    pub fn findings(&self, statement: &StatementId) -> Vec<Finding> {
        let events = self.events(statement);
        let found = events.iter().flat_map(Event::findings).cloned().collect();
        assert_eq!(
            self.view(statement).findings,
            found,
            "the view has them too"
        );
        found
    }
}

/// Verifies the proofs that entries stand on, as validators do; names those that don't hold by their
/// position. One that is no proof at all makes the whole list bad.
pub fn verify_claims(claims: &[Claim]) -> Result<(), BadProofs> {
    let parsed: Vec<Option<(SealingPublic, Proof)>> = claims.iter().map(parse).collect();
    let malformed: Vec<usize> = (0..)
        .zip(&parsed)
        .filter(|(_, p)| p.is_none())
        .map(|(i, _)| i)
        .collect();
    if !malformed.is_empty() {
        return Err(BadProofs(malformed));
    }
    let batch: Vec<_> = parsed.into_iter().flatten().collect();
    verify_batch(
        &circuit().prepared,
        &batch,
        &mut seeded_rng(bytes("weights", 0)),
    )
}

fn parse(claim: &Claim) -> Option<(SealingPublic, Proof)> {
    let [root, nullifier, scope, x, y, ct, context] = claim.public.map(|b| fr_from_bytes(&b));
    let public = SealingPublic {
        root: root?,
        nullifier: nullifier?,
        scope: scope?,
        key: Point::from_xy(x?, y?).ok()?,
        ct: ct?,
        context: context?,
    };
    Some((public, Proof::from_bytes(&claim.proof).ok()?))
}
