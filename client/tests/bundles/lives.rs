//! The lives that are told once per process, and their bundles.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use tacit_client::verify::{Report, verify};
use tacit_protocol::block::Block;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Erased, ErasureReason, NodeStatement};
use tacit_protocol::ids::{Fingerprint, GroupId, StatementId};
use tacit_protocol::proof::Bundle;
use tacit_protocol::signature::SealedBody;
use tacit_test_world::{Committee, Log, Member, Registrars};

/// The position of the class "senators".
pub const SENATORS: u16 = 0;

/// A log that can be taken up at any height, with its people.
pub struct Told {
    pub committee: Arc<Committee>,
    pub registrars: Registrars,
    pub group: GroupId,
    pub members: Vec<Member>,
    blocks: Vec<Block>,
    bodies: BTreeMap<[u8; 32], SealedBody>,
}

impl Told {
    /// The log up to a height.
    pub fn at(&self, height: u64) -> Log {
        let mut log = Log::new(self.committee.clone());
        log.bodies = self.bodies.clone();
        log.replay(&self.blocks[..=height as usize]);
        log
    }

    pub fn fingerprint(&self) -> &Fingerprint {
        &self.committee.fingerprint
    }
}

fn begin(label: &str, names: &[&str], senators: usize) -> (Log, Told) {
    let committee = Arc::new(Committee::new(label, 4));
    let registrars = Registrars::new(label, 2, 3);
    let definition = registrars.define(&committee, label, &["senators"]);
    let mut log = Log::new(committee.clone());
    let group = log.create(&registrars, &definition);
    let classes = |i| if i < senators { &[SENATORS][..] } else { &[] };
    let members: Vec<Member> = names
        .iter()
        .enumerate()
        .map(|(i, name)| registrars.person(&definition, name, classes(i)))
        .collect();
    log.enrol(&registrars, &members);
    let told = Told {
        committee,
        registrars,
        group,
        members,
        blocks: Vec::new(),
        bodies: BTreeMap::new(),
    };
    (log, told)
}

fn end(log: Log, told: Told) -> Told {
    Told {
        blocks: log.blocks,
        bodies: log.bodies,
        ..told
    }
}

/// Twelve villagers, four nodes, three statements.
pub struct Village {
    pub told: Told,
    /// Opens at five: the first five members sign.
    pub opened: StatementId,
    /// Needs three: two of the same members sign, then it expires and is erased.
    pub erased: StatementId,
    /// Needs two senators among three; node 3 confirms late, and then node 0 is down.
    pub classy: StatementId,
    pub preparing_at: u64,
    pub collecting_at: u64,
    pub triggered_at: u64,
    pub revealed_at: u64,
    pub expired_at: u64,
    pub opened_bundle: Bundle,
    pub erased_bundle: Bundle,
    pub classy_bundle: Bundle,
}

pub fn village() -> &'static Village {
    static VILLAGE: OnceLock<Village> = OnceLock::new();
    VILLAGE.get_or_init(|| {
        let names = [
            "Ada", "Ben", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal", "Ivy", "Jo", "Kim", "Lea",
        ];
        let (mut log, told) = begin("village", &names, 3);
        let members = &told.members;
        let mut due = log.statement(told.group, "Shut the sluice", "count >= 3");
        due.deadline_ms = log.now_ms + 900_000;
        let opened = log.propose(log.statement(told.group, "Open the sluice", "count >= 5"));
        let erased = log.propose(due);
        let trigger = "count(senators) >= 2 and count >= 3";
        let classy = log.propose(log.statement(told.group, "Ask the senators", trigger));
        let all = [opened, erased, classy];
        log.keygen_step(&all, &[0, 1, 2, 3]);
        let preparing_at = log.height();
        while log.keygen(&classy).outcome().is_none() {
            log.keygen_step(&all, &[0, 1, 2, 3]);
        }
        log.make_keys(&[opened, erased], &[0, 1, 2, 3]);
        log.make_keys(&[classy], &[0, 1, 2]);
        let collecting_at = log.height();

        let signers: Vec<_> = members[..5].iter().map(|m| (m, None)).collect();
        let sealed = log.seal(&opened, &signers);
        log.sign(&sealed[..2]);
        log.sign(&sealed[2..]);
        let triggered_at = log.height();
        log.reveal(&opened, &[0, 1, 2]);
        let revealed_at = log.height();
        log.erase(&opened, &[0, 1, 2, 3], ErasureReason::Opened);

        let sealed = log.seal(&erased, &signers[..2]);
        log.sign(&sealed);

        let late = log.due(&classy, 3).expect("node 3 still has to confirm");
        log.next([log.node(3, late)]);
        let signers = [
            (&members[0], Some(SENATORS)),
            (&members[5], None),
            (&members[1], Some(SENATORS)),
        ];
        let sealed = log.seal(&classy, &signers);
        log.sign(&sealed);
        log.reveal(&classy, &[1, 2, 3]);

        log.after(900_000, []);
        let expired_at = log.height();
        log.erase(&erased, &[0, 1], ErasureReason::Expired);
        // Node 2 had nothing, and couldn't have its disk forget it.
        let reserved = Erased {
            statement: erased,
            reason: ErasureReason::Expired,
            caveats: 16 + 2,
        };
        let entry = log.node(2, NodeStatement::Erased(reserved));
        log.next([entry]);
        let [opened_bundle, erased_bundle, classy_bundle] = all.map(|id| log.bundle(&id));
        Village {
            told: end(log, told),
            opened,
            erased,
            classy,
            preparing_at,
            collecting_at,
            triggered_at,
            revealed_at,
            expired_at,
            opened_bundle,
            erased_bundle,
            classy_bundle,
        }
    })
}

/// Three people, two of whom sign, and a node that is silent for everything.
pub struct Hamlet {
    pub told: Told,
    pub statement: StatementId,
    pub collecting_at: u64,
    pub bundle: Bundle,
}

pub fn hamlet() -> &'static Hamlet {
    static HAMLET: OnceLock<Hamlet> = OnceLock::new();
    HAMLET.get_or_init(|| {
        let (mut log, told) = begin("hamlet", &["Mia", "Ned", "Oda"], 0);
        let statement = log.propose(log.statement(told.group, "Mend the well", "count >= 2"));
        let awake = [0, 2, 3];
        log.make_keys(&[statement], &awake);
        let collecting_at = log.height();
        let signers = [(&told.members[2], None), (&told.members[0], None)];
        let sealed = log.seal(&statement, &signers);
        log.sign(&sealed);
        log.reveal(&statement, &awake);
        log.erase(&statement, &awake, ErasureReason::Opened);
        let mut bundle = log.bundle(&statement);
        let header = &bundle.state.header.headers[0];
        bundle.state.header = told.committee.certify(header, &awake);
        Hamlet {
            told: end(log, told),
            statement,
            collecting_at,
            bundle,
        }
    })
}

/// Verifies a bundle under a fingerprint.
pub fn verified(bundle: &Bundle, fingerprint: &Fingerprint) -> Report {
    verify(&bundle.to_bytes(), fingerprint, [42; 32])
}

/// The bundle fails at this check, with a detail that says so.
#[track_caller]
pub fn fails(bundle: &Bundle, fingerprint: &Fingerprint, check: &str, detail: &str) {
    let report = verified(bundle, fingerprint);
    assert!(!report.ok(), "it verifies");
    assert!(report.verified.is_none());
    let (last, before) = report.checks.split_last().expect("something was checked");
    assert!(before.iter().all(|c| c.ok));
    assert!(!last.ok);
    assert_eq!(last.name, check, "{}", last.detail);
    assert!(last.detail.contains(detail), "{}", last.detail);
}

/// The bundle verifies.
#[track_caller]
pub fn holds(bundle: &Bundle, fingerprint: &Fingerprint) -> Report {
    let report = verified(bundle, fingerprint);
    assert!(report.ok(), "{:?}", report.checks.last());
    assert!(report.checks.iter().all(|c| c.ok));
    report
}
