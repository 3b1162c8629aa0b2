//! One log that goes through everything, folded once per process; tests take it up where they need it.

use std::sync::{Arc, OnceLock};

use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, ErasureReason, NodeStatement};
use tacit_protocol::group::GroupDefinition;
use tacit_protocol::ids::{GroupId, StatementId};
use tacit_protocol::statement::Status;
use tacit_test_world::{Committee, Log, Member, Refusals, Registrars};

/// The story's people and the heights of its turns.
pub struct Story {
    pub committee: Arc<Committee>,
    pub registrars: Registrars,
    pub definition: GroupDefinition,
    pub group: GroupId,
    /// Six; the first two are senators. Nobody is a steward.
    pub members: Vec<Member>,
    /// Opens at three signatures.
    pub open: StatementId,
    /// Misses its third signature.
    pub shut: StatementId,
    pub created: u64,
    pub enrolled: u64,
    pub proposed: u64,
    pub collecting: u64,
    /// Two have signed each of them.
    pub signed: u64,
    pub triggered: u64,
    pub unsealed: u64,
    pub revealed: u64,
    pub expired: u64,
    pub erased: u64,
    log: Blocks,
}

struct Blocks {
    blocks: Vec<tacit_protocol::block::Block>,
    bodies: std::collections::BTreeMap<[u8; 32], tacit_protocol::signature::SealedBody>,
}

/// The position of the class "senators".
pub const SENATORS: u16 = 0;
/// The position of the class "stewards", which has no members.
pub const STEWARDS: u16 = 1;

/// The story.
pub fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(tell)
}

fn tell() -> Story {
    let committee = Arc::new(Committee::new("story", 4));
    let registrars = Registrars::new("story", 2, 3);
    let definition = registrars.define(&committee, "Village", &["senators", "stewards"]);
    let mut log = Log::new(committee.clone());
    log.proofs = false;

    let group = log.create(&registrars, &definition);
    let created = log.height();
    let members: Vec<Member> = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Finn"]
        .into_iter()
        .enumerate()
        .map(|(i, name)| {
            let classes: &[u16] = if i < 2 { &[SENATORS] } else { &[] };
            registrars.person(&definition, name, classes)
        })
        .collect();
    log.enrol(&registrars, &members);
    let enrolled = log.height();

    let open = log.statement(group, "Open the sluice", "count >= 3");
    let mut shut = log.statement(group, "Shut the sluice", "count >= 3");
    shut.deadline_ms = log.now_ms + 600_000;
    let (open, shut) = (log.propose(open), log.propose(shut));
    let proposed = log.height();
    log.make_keys(&[open, shut], &[0, 1, 2, 3]);
    let collecting = log.height();
    log.sign_on_paper(&open, &members[..2]);
    log.sign_on_paper(&shut, &members[..2]);
    let signed = log.height();
    log.sign_on_paper(&open, &members[2..3]);
    let triggered = log.height();
    let unseal = log.unseal(&open);
    log.next([log.node(0, NodeStatement::Unseal(unseal))]);
    let unsealed = log.height();
    let partials: Vec<Entry> = [0, 1, 3]
        .into_iter()
        .map(|n| log.node(n, NodeStatement::Partial(log.partial(&open, n))))
        .collect();
    log.next(partials);
    let revealed = log.height();
    log.erase(&open, &[0, 1], ErasureReason::Opened);
    log.after(600_000, []);
    let expired = log.height();
    log.erase(&shut, &[0, 1], ErasureReason::Expired);
    log.erase(&shut, &[2], ErasureReason::Expired);
    let erased = log.height();
    assert_eq!(log.status(&open), Status::Revealed);
    assert_eq!(log.status(&shut), Status::Erased);

    Story {
        committee,
        registrars,
        definition,
        group,
        members,
        open,
        shut,
        created,
        enrolled,
        proposed,
        collecting,
        signed,
        triggered,
        unsealed,
        revealed,
        expired,
        erased,
        log: Blocks {
            blocks: log.blocks,
            bodies: log.bodies,
        },
    }
}

impl Story {
    /// The log up to a height.
    pub fn at(&self, height: u64) -> Log {
        let mut log = Log::new(self.committee.clone());
        log.proofs = false;
        log.bodies = self.log.bodies.clone();
        log.replay(self.blocks(height));
        log
    }

    /// Its blocks up to a height, genesis first.
    pub fn blocks(&self, height: u64) -> &[tacit_protocol::block::Block] {
        &self.log.blocks[..=height as usize]
    }

    /// A person who isn't enrolled yet.
    pub fn stranger(&self, name: &str) -> Member {
        self.registrars.person(&self.definition, name, &[])
    }
}

/// Everyone refuses the entry by this name.
#[track_caller]
pub fn refused(log: &mut Log, entry: &Entry, code: &'static str) {
    assert_eq!(log.refusals(&entry.to_bytes()), Refusals::all(code));
}

/// Everyone takes the entry.
#[track_caller]
pub fn taken(log: &mut Log, entry: &Entry) {
    assert_eq!(log.refusals(&entry.to_bytes()), Refusals::NONE);
}
