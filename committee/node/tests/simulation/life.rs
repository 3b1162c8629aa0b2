//! Two statements' whole lives, told by whole nodes: one opens and one is erased, though nodes die in the
//! middle of everything.

use std::time::Duration;

use commonware_runtime::{Clock as _, deterministic::Context};
use tacit_ledger::Ledger;
use tacit_node::{
    mempool::Outcome,
    reconcile::{Host, secrets},
    simulated::run,
};
use tacit_protocol::{
    hash::Digest,
    ids::{NodeIndex, StatementId},
    statement::Status,
};
use tacit_threshold::Phase;
use tacit_vault::{FaultDisk, Moment, SlotState, Vault, steps};

use crate::{
    members::{LONG, seeds},
    whole::{Town, is_final, names},
};

const NAMES: [&str; 5] = ["Ada", "Bela", "Chidi", "Dora", "Emeka"];

/// A thief: has a copy of a node's disk, its key, and the whole log. Draws nothing.
struct Thief;

impl Host for Thief {
    fn now(&self) -> std::time::SystemTime {
        std::time::UNIX_EPOCH
    }

    async fn sleep_until(&self, _: std::time::SystemTime) {}

    fn fill_random(&mut self, _: &mut [u8]) {
        panic!("the way back to a share draws no randomness");
    }
}

/// Does a copy of this disk give the node's share?
fn gives_the_share(disk: &FaultDisk, node: NodeIndex, ledger: &Ledger, id: &StatementId) -> bool {
    let copy = std::sync::Arc::new(disk.duplicate());
    let vault = Vault::open("/node/erasable", copy, tacit_vault::OsRandom).expect("opens");
    let keygen = ledger.keygen(id).expect("readable").expect("there");
    let found = secrets(&keygen, node, &vault, &mut Thief).expect("readable");
    found.here().is_some_and(|s| s.recover(&keygen).is_ok())
}

fn has_heard(ledger: &Ledger, id: &StatementId, node: NodeIndex, phase: Phase) -> bool {
    let keygen = ledger.keygen(id).expect("readable").expect("there");
    keygen.has_heard(node, phase)
}

pub fn holders(ledger: &Ledger, id: &StatementId) -> Vec<NodeIndex> {
    let keygen = ledger.keygen(id).expect("readable").expect("there");
    keygen.holders().collect()
}

/// Where the log was at the end, and its state.
type End = (u64, Digest);

async fn life(context: Context) -> End {
    let mut town = Town::plan(&context, "life").await;
    // Two's power will fail while it stores its very first seed.
    town.places[2]
        .disk
        .crash_at(steps::SECRET_SYNC, 0, Moment::During);
    for node in 0..4 {
        town.start(node).await;
    }
    let (group, people) = town.group(&NAMES).await;
    let opens = town
        .propose(group, "Open this", "count >= 3", Duration::from_secs(3600))
        .await;
    let expires = town
        .propose(group, "Not this", "count >= 3", Duration::from_secs(150))
        .await;

    // --- key generation, by the nodes themselves
    let ended = town.died(2).await;
    assert_eq!(ended.task, "the reconcilers", "{}", ended.reason);
    town.start(2).await;
    // One dies after it has committed to its dealing, and before it has confirmed a share.
    town.until("committed", 0, move |l| {
        has_heard(l, &opens, 1, Phase::Commit)
    })
    .await;
    town.crash(1).await;
    assert_eq!(town.status(0, &opens).await, Status::Preparing);
    context.sleep(Duration::from_secs(1)).await;
    town.start(1).await;
    let everybody = [0, 1, 2, 3];
    for id in [opens, expires] {
        town.all_say(&everybody, &id, Status::Collecting).await;
        // Both that died hold a share: what they had said before still binds them, and helps.
        town.until("held by all", 0, move |l| holders(l, &id).len() == 4)
            .await;
    }

    // --- signatures, at any node, across a cut that heals
    town.learn(0).await;
    let signers = [0, 1, 2].map(|n| (&people[n], None));
    let sealed = town.log.seal(&opens, &signers);
    let lonely = town.log.seal(&expires, &[(&people[3], None)]);
    town.sign(0, &sealed[0]).await;
    town.sign(3, &lonely[0]).await;
    town.network.cut(&[0, 1], &[2, 3]).await;
    context.sleep(Duration::from_secs(1)).await;
    let stuck = town.node(2).ledger.applied().height;
    let waiting = town.hand_in_signature(2, &sealed[1]);
    context.sleep(Duration::from_secs(10)).await;
    assert!(town.node(2).ledger.applied().height <= stuck + 1);
    town.network.heal().await;
    is_final(waiting.await);

    // --- the trigger, with one node down; another dies in the middle of opening
    town.crash(3).await;
    town.sign(1, &sealed[2]).await;
    town.all_say(&[0], &opens, Status::Triggered).await;
    town.crash(0).await;
    // Two of four decide nothing.
    context.sleep(Duration::from_secs(5)).await;
    assert_eq!(town.status(1, &opens).await, Status::Triggered);
    town.start(0).await;
    town.all_say(&[0, 1, 2], &opens, Status::Revealed).await;
    town.attested(1, &opens, &[0, 1, 2]).await;
    let bundle = town.bundle(1, &opens).await;
    assert_eq!(names(&town.verified(&bundle)), ["Ada", "Bela", "Chidi"]);

    // --- who was down all the while, and lost its database, gets the opened bodies, and erases too
    town.lose_database(3);
    town.start(3).await;
    town.attested(3, &opens, &[0, 1, 2, 3]).await;
    let bundle = town.bundle(3, &opens).await;
    assert_eq!(names(&town.verified(&bundle)), ["Ada", "Bela", "Chidi"]);

    // --- the other statement: a thief before and after the deadline
    assert_eq!(town.status(0, &expires).await, Status::Collecting);
    for node in everybody {
        let disk = town.places[node].disk.clone();
        let found = town
            .read(node, move |l| {
                gives_the_share(&disk, node as NodeIndex, l, &expires)
            })
            .await;
        assert!(found, "{node} holds a share before the deadline");
    }
    // Two's power fails once more, in the middle of overwriting its wrapping key.
    let overwriting = steps::ERASE_OVERWRITE;
    town.places[2].disk.crash_at(overwriting, 0, Moment::During);
    let ended = town.died(2).await;
    assert_eq!(ended.task, "the reconcilers", "{}", ended.reason);
    // Three attestations are enough.
    town.all_say(&[0, 1, 3], &expires, Status::Erased).await;
    let three = town.read(0, move |l| erasers(l, &expires)).await;
    assert_eq!(three, [0, 1, 3]);
    town.start(2).await;
    town.attested(2, &expires, &[0, 1, 2, 3]).await;
    for node in everybody {
        let disk = town.places[node].disk.clone();
        let found = town
            .read(node, move |l| {
                gives_the_share(&disk, node as NodeIndex, l, &expires)
            })
            .await;
        assert!(!found, "{node} has erased");
        for id in [opens, expires] {
            let state = town.vault(node).state(&id);
            assert!(matches!(state, SlotState::Erased(_)), "{node}: {state:?}");
        }
    }
    let bundle = town.bundle(2, &expires).await;
    let verified = town.verified(&bundle);
    assert!(verified.names.is_none());

    // --- nothing of it can be signed any more, and all agree
    let late = town.hand_in_signature(0, &lonely[0]).await;
    assert!(
        matches!(late, Ok(Outcome::Final(_))),
        "it was counted once: {late:?}"
    );
    assert_eq!(town.network.blocked().await, []);
    let height = town.node(0).ledger.applied().height;
    let mut ends = Vec::new();
    for node in everybody {
        let applied = town.node(node).ledger.reached(height);
        applied.await.expect("running");
        let header = town.read(node, move |l| l.header(height)).await;
        ends.push(header.expect("readable").expect("applied").digest());
    }
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:?}");
    (height, ends[0])
}

fn erasers(ledger: &Ledger, id: &StatementId) -> Vec<NodeIndex> {
    let view = ledger.statement(id).expect("readable").expect("there");
    let mut nodes: Vec<NodeIndex> = view.erasures.iter().map(|(node, _, _)| *node).collect();
    nodes.sort_unstable();
    nodes
}

// Whether a node could lock its keys' pages stands in its attestation, so both runs need a limit of locked
// memory that all tests' keys fit into (a page each; the usual 8 MiB are plenty).
#[test]
fn one_list_opens_and_another_is_erased_though_nodes_die_in_the_middle_of_everything() {
    for seed in seeds(31, 1) {
        let first = run(seed, LONG, life);
        assert_eq!(first, run(seed, LONG, life), "the same seed, the same run");
    }
}
