//! The consensus half under a virtual clock: four nodes, simulated links, seeded.

mod toy;

use std::{
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use commonware_cryptography::Signer as _;
use commonware_p2p::simulated::Link;
use commonware_runtime::{Clock as _, deterministic::Context};
use commonware_utils::probability;
use rand::RngExt as _;
use tacit_node::{
    adapters::LedgerMachine,
    engine::EngineError,
    evidence::Evidence,
    ledger::{Reader, ledger},
    limits::Profile,
    machine::Position,
    mempool::Outcome,
    simulated::{self, Committee, Parts, Simulated, keys, link, run},
    time::ClockOffset,
};
use tacit_protocol::{
    block::Block,
    certificate,
    founding::{CircuitKeys, Founding, Operator, Timing},
    hash::Digest,
    ids::CircuitId,
    keys::PublicKey,
};
use toy::{Faults, SharedDisk, Toy, ToyBodies, ToyVerifier, plain, proven, sealed};

const LATENCY: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(600);

/// A node with what outlives it.
struct Member {
    index: usize,
    disk: SharedDisk,
    bodies: Arc<ToyBodies>,
    verifier: Arc<ToyVerifier>,
    faults: Faults,
    clock: ClockOffset,
    evidence: Arc<Mutex<Vec<Evidence>>>,
    running: Option<(Simulated, Reader<Toy>)>,
}

impl Member {
    fn new(index: usize) -> Self {
        Self {
            index,
            disk: SharedDisk::new(),
            bodies: Arc::default(),
            verifier: Arc::default(),
            faults: Faults::default(),
            clock: ClockOffset::default(),
            evidence: Arc::default(),
            running: None,
        }
    }

    async fn try_start(&mut self, committee: &Committee, storage: &str) -> Result<(), EngineError> {
        let machine = Toy::new(self.disk.clone(), self.faults.clone());
        let (ledger, reader, ledger_task) = ledger(machine);
        let evidence = self.evidence.clone();
        let parts = Parts {
            ledger,
            ledger_task,
            verifier: self.verifier.clone(),
            bodies: self.bodies.clone(),
            on_evidence: Arc::new(move |found| {
                evidence.lock().expect("not poisoned").push(found);
            }),
            clock: self.clock,
        };
        let simulated = committee.start(self.index, storage, parts).await?;
        // Bodies of committed entries that didn't come before the last crash.
        simulated.node.bodies.keep(toy::body_needs(&self.disk));
        self.running = Some((simulated, reader));
        Ok(())
    }

    async fn start(&mut self, committee: &Committee) {
        let storage = format!("node-{}", self.index);
        self.try_start(committee, &storage).await.expect("starts");
    }

    async fn crash(&mut self, context: &Context) {
        let (simulated, _) = self.running.take().expect("running");
        simulated.crash(context).await;
    }

    fn node(&self) -> &tacit_node::engine::Node {
        &self.running.as_ref().expect("running").0.node
    }

    fn height(&self) -> u64 {
        self.disk.lock().applied.height
    }

    async fn reached(&self, height: u64) {
        self.node().ledger.reached(height).await.expect("running");
    }

    async fn submit(&self, entry: Bytes, body: Option<Bytes>) -> Option<Outcome> {
        self.node().mempool.submit(entry, body).await.ok()
    }

    async fn accepted(&self, entry: Bytes) -> Position {
        match self.submit(entry, None).await {
            Some(Outcome::Final(position)) => position,
            other => panic!("not final: {other:?}"),
        }
    }
}

/// The founding file that the simulated keys belong to.
fn founding() -> Founding {
    let operators = keys(4)
        .iter()
        .map(|key| Operator {
            key: PublicKey(key.public_key().as_ref().try_into().expect("32 bytes")),
            name: String::new(),
        })
        .collect();
    Founding {
        version: 1,
        epoch: 0,
        founded_ms: 0,
        nonce: [0; 16],
        operators,
        circuits: vec![CircuitKeys {
            circuit: CircuitId(Digest::ZERO),
            verifying_key: Digest::ZERO,
            proving_key: Digest::ZERO,
            transcript: None,
        }],
        group_creators: Vec::new(),
        statement_creators: Vec::new(),
        timing: Timing::LOOPBACK,
        max_open_statements: 0,
    }
}

async fn committee_with(context: &Context, link: Link) -> Committee {
    Committee::new(
        context,
        keys(4),
        certificate::namespace(&founding().fingerprint()),
        toy::genesis(),
        Profile::Loopback.timing(),
        link,
    )
    .await
}

async fn committee(context: &Context) -> Committee {
    committee_with(context, link(LATENCY)).await
}

async fn founded_with(
    context: &Context,
    link: Link,
    prepare: impl Fn(&mut Member),
) -> (Committee, Vec<Member>) {
    let committee = committee_with(context, link).await;
    let mut members: Vec<Member> = (0..4).map(Member::new).collect();
    for member in &mut members {
        prepare(member);
        member.start(&committee).await;
    }
    (committee, members)
}

async fn founded(context: &Context, prepare: impl Fn(&mut Member)) -> (Committee, Vec<Member>) {
    founded_with(context, link(LATENCY), prepare).await
}

/// All have the same log up to the lowest height; returns that height and its state's hash.
fn agreed(members: &[Member]) -> (u64, Digest) {
    let height = members.iter().map(Member::height).min().expect("some");
    let states: Vec<Digest> = members.iter().map(|m| m.disk.state_at(height)).collect();
    assert!(
        states.windows(2).all(|pair| pair[0] == pair[1]),
        "divergence at {height}: {states:?}"
    );
    (height, states[0])
}

#[test]
fn four_nodes_agree_on_what_clients_submit_anywhere() {
    run(1, LONG, |context| async move {
        let (_, members) = founded(&context, |_| {}).await;
        let mut positions = Vec::new();
        for n in 0..40 {
            positions.push(members[(n % 4) as usize].accepted(plain(n)).await);
        }
        assert!(positions.windows(2).all(|pair| pair[0] < pair[1]));
        let last = positions.last().expect("some").height;
        for member in &members {
            member.reached(last).await;
        }
        agreed(&members);
        assert_eq!(members[2].disk.lock().entries.len(), 40);
        // The same bytes again, at another node: the same position.
        assert_eq!(members[3].accepted(plain(0)).await, positions[0]);
    });
}

#[test]
fn an_idle_committee_makes_a_block_per_heartbeat() {
    run(2, LONG, |context| async move {
        let (_, members) = founded(&context, |_| {}).await;
        members[0].reached(3).await;
        let before = members[0].height();
        context.sleep(Duration::from_secs(30)).await;
        let blocks = members[0].height() - before;
        assert!((25..=32).contains(&blocks), "{blocks} blocks in 30 s");
        let disk = members[0].disk.lock();
        let times: Vec<u64> = disk.blocks.iter().map(|b| b.header.timestamp_ms).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
    });
}

#[test]
fn a_crashed_node_and_a_partition_heal_and_the_same_seed_gives_the_same_run() {
    let story = |seed| {
        run(seed, LONG, |context| async move {
            let (mut committee, mut members) = founded(&context, |_| {}).await;
            for n in 0..10 {
                members[0].accepted(plain(n)).await;
            }
            // One node dies; the others go on.
            members[3].crash(&context).await;
            for n in 10..20 {
                members[1].accepted(plain(n)).await;
            }
            members[3].start(&committee).await;
            let height = members[0].height();
            members[3].reached(height).await;
            // Two and two: nothing can be final.
            committee.cut(&[0, 1], &[2, 3]).await;
            context.sleep(Duration::from_secs(2)).await;
            let stuck = members.iter().map(Member::height).max().expect("some");
            let waiting = members[0].node().mempool.submit(plain(20), None);
            context.sleep(Duration::from_secs(20)).await;
            assert!(members.iter().map(Member::height).max().expect("some") <= stuck + 1);
            committee.heal().await;
            assert!(matches!(waiting.await, Ok(Outcome::Final(_))));
            for n in 21..30 {
                members[2].accepted(plain(n)).await;
            }
            let height = members[2].height();
            for member in &members {
                member.reached(height).await;
            }
            assert_eq!(committee.blocked().await, []);
            let (_, state) = agreed(&members);
            (height, state)
        })
    };
    let first = story(11);
    assert_eq!(first, story(11));
    assert_ne!(first.1, story(12).1);
}

#[test]
fn a_node_that_died_between_commit_and_acknowledgement_gets_the_block_again_and_skips_it() {
    run(3, LONG, |context| async move {
        let (committee, mut members) = founded(&context, |_| {}).await;
        members[0].accepted(plain(0)).await;
        *members[2].faults.dies_after.lock().expect("not poisoned") = Some(members[2].height() + 2);
        let (simulated, _) = members[2].running.take().expect("running");
        let ended = simulated.ended().await.expect("ran");
        assert_eq!(ended.task, "the ledger");
        assert!(ended.reason.contains("killed between"), "{}", ended.reason);
        let died_at = members[2].height();
        // The toy panics if a block is committed twice.
        members[2].start(&committee).await;
        members[2].accepted(plain(1)).await;
        assert!(members[2].height() > died_at);
        agreed(&members);
    });
}

#[test]
fn a_database_behind_the_engine_is_caught_up_before_anything_else() {
    run(4, LONG, |context| async move {
        let (committee, mut members) = founded(&context, |_| {}).await;
        for n in 0..10 {
            members[1].accepted(plain(n)).await;
        }
        members[1].crash(&context).await;
        let had = members[1].height();
        members[1].disk = SharedDisk::new();
        members[1].start(&committee).await;
        assert!(members[1].height() >= had, "from its own archive, at start");
        members[1].accepted(plain(10)).await;
        agreed(&members);
    });
}

#[test]
fn a_node_whose_engine_storage_is_gone_refuses_to_start() {
    run(5, LONG, |context| async move {
        let (committee, mut members) = founded(&context, |_| {}).await;
        members[0].accepted(plain(0)).await;
        members[0].crash(&context).await;
        let database = members[0].height();
        let refused = members[0].try_start(&committee, "empty").await;
        assert!(matches!(
            refused,
            Err(EngineError::EngineBehind { database: height }) if height == database
        ));
    });
}

#[test]
fn a_block_with_an_applied_entry_is_refused_and_the_log_goes_on() {
    run(6, LONG, |context| async move {
        let (_, members) = founded(&context, |member| {
            member.faults.proposes_duplicates = member.index == 1;
        })
        .await;
        // The toys' own disks assert that no entry is committed twice.
        for n in 0..20 {
            members[0].accepted(plain(n)).await;
        }
        agreed(&members);
    });
}

#[test]
fn a_proof_that_does_not_verify_never_gets_in_and_good_ones_are_verified_once_per_node() {
    run(7, LONG, |context| async move {
        let (_, members) = founded(&context, |_| {}).await;
        let Some(Outcome::Refused(refusal)) = members[0].submit(proven(1, false), None).await
        else {
            panic!("accepted");
        };
        assert_eq!(refusal.code, "proof-invalid");
        let mut waiting = Vec::new();
        for n in 2..30 {
            waiting.push(members[0].node().mempool.submit(proven(n, true), None));
        }
        let mut height = 0;
        for outcome in waiting {
            let Ok(Outcome::Final(position)) = outcome.await else {
                panic!("not final");
            };
            height = position.height;
        }
        for member in &members {
            member.reached(height).await;
        }
        // Admission and block: the verdict is remembered. Gossip may lose a race with the block.
        let looked_at = members[3].verifier.looked_at.load(Ordering::Relaxed);
        assert!((28..=28 + 28).contains(&looked_at), "{looked_at}");
        assert_eq!(members[0].verifier.looked_at.load(Ordering::Relaxed), 29);
    });
}

#[test]
fn a_validator_that_lacks_a_body_fetches_it_and_only_then_votes() {
    run(8, LONG, |context| async move {
        let (_, mut members) = founded(&context, |_| {}).await;
        members[0].accepted(plain(0)).await;
        // Three are left, so all three must vote.
        members[3].crash(&context).await;
        // What gossip brings to node 2 is damaged; what it asks for later isn't.
        members[2].bodies.refuses.store(true, Ordering::Relaxed);
        let body = Bytes::from_static(b"a sealed body");
        let waiting = members[0]
            .node()
            .mempool
            .submit(sealed(1, &body), Some(body.clone()));
        context.sleep(Duration::from_secs(4)).await;
        assert_eq!(
            members[0].disk.lock().entries.len(),
            1,
            "node 2 didn't vote"
        );
        assert!(!members[2].bodies.holds(&body));
        members[2].bodies.refuses.store(false, Ordering::Relaxed);
        let Ok(Outcome::Final(position)) = waiting.await else {
            panic!("not final");
        };
        // It was needed for the quorum, and has the body before its vote left.
        assert!(members[2].bodies.holds(&body));
        members[2].reached(position.height).await;
        assert_eq!(members[2].disk.lock().entries.len(), 2);
    });
}

#[test]
fn a_node_that_was_away_fetches_the_bodies_of_what_became_final() {
    run(9, LONG, |context| async move {
        let (committee, mut members) = founded(&context, |_| {}).await;
        members[3].crash(&context).await;
        let body = Bytes::from_static(b"sealed while node 3 was away");
        let outcome = members[0]
            .submit(sealed(1, &body), Some(body.clone()))
            .await;
        let Some(Outcome::Final(position)) = outcome else {
            panic!("{outcome:?}");
        };
        members[3].start(&committee).await;
        members[3].reached(position.height).await;
        context.sleep(Duration::from_secs(2)).await;
        assert!(members[3].bodies.holds(&body));
    });
}

#[test]
fn an_entry_without_its_body_or_with_another_is_refused() {
    run(10, LONG, |context| async move {
        let (_, members) = founded(&context, |_| {}).await;
        let entry = sealed(1, b"right");
        let codes = |outcome| match outcome {
            Some(Outcome::Refused(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            codes(members[0].submit(entry.clone(), None).await),
            "body-missing"
        );
        let wrong = Some(Bytes::from_static(b"wrong"));
        assert_eq!(codes(members[0].submit(entry.clone(), wrong).await), "body");
        let right = Some(Bytes::from_static(b"right"));
        assert!(matches!(
            members[0].submit(entry, right).await,
            Some(Outcome::Final(_))
        ));
        assert_eq!(
            codes(members[0].submit(Bytes::from_static(b"x"), None).await),
            "malformed"
        );
    });
}

#[test]
fn a_proposer_whose_clock_is_five_seconds_fast_slows_the_log_and_does_not_stop_it() {
    run(13, LONG, |context| async move {
        let (_, members) = founded(&context, |member| {
            if member.index == 2 {
                member.clock = ClockOffset { ms: 5_000 };
            }
        })
        .await;
        members[0].reached(2).await;
        let start = context.current();
        for n in 0..20 {
            members[0].accepted(plain(n)).await;
        }
        let took = context.current().duration_since(start).expect("forward");
        assert!(took < Duration::from_secs(40), "{took:?}");
        // No honest clock ever sees a time beyond its skew.
        let disk = members[0].disk.lock();
        let now = tacit_node::time::millis(context.current());
        let latest = disk.blocks.last().expect("some").header.timestamp_ms;
        assert!(latest <= now + 500, "{latest} > {now}");
        drop(disk);
        agreed(&members);
    });
}

#[test]
fn every_height_can_be_proven_by_headers_and_a_certificate() {
    run(14, LONG, |context| async move {
        let (_, members) = founded(&context, |_| {}).await;
        for n in 0..5 {
            members[0].accepted(plain(n)).await;
        }
        let applied = members[0].height();
        let founding = founding();
        let fingerprint = founding.fingerprint();
        for height in 1..=applied {
            let certified = members[1].node().archive.certified(height).await;
            let certified = certified.expect("finalized");
            // With the code that clients use, which knows nothing of the engine.
            let header = certified
                .verify(&founding, &fingerprint)
                .expect("certified");
            assert_eq!(header.height, height);
        }
        assert!(
            members[1]
                .node()
                .archive
                .certified(applied + 100)
                .await
                .is_none()
        );
        context.sleep(Duration::from_secs(2)).await;
        let status = members[1].node().status();
        assert!(status.applied >= applied);
        assert_eq!(status.peers.len(), 3);
    });
}

#[test]
fn a_proposer_whose_clock_is_slow_still_proposes_in_time() {
    run(15, LONG, |context| async move {
        let (_, members) = founded(&context, |member| {
            if member.index == 1 {
                member.clock = ClockOffset { ms: -5_000 };
            }
        })
        .await;
        members[0].reached(4).await;
        let before = members[0].height();
        context.sleep(Duration::from_secs(20)).await;
        let blocks = members[0].height() - before;
        assert!(blocks >= 18, "{blocks} blocks in 20 s");
        agreed(&members);
    });
}

#[test]
fn a_node_that_missed_hundreds_of_blocks_catches_up_and_is_needed_again() {
    run(16, LONG, |context| async move {
        let (committee, mut members) = founded(&context, |_| {}).await;
        members[3].crash(&context).await;
        for n in 0..200 {
            members[0].accepted(plain(n)).await;
        }
        members[3].start(&committee).await;
        members[3].reached(members[0].height()).await;
        members[1].crash(&context).await;
        members[0].accepted(plain(200)).await;
        agreed(&members);
    });
}

#[test]
fn when_the_power_fails_everywhere_nothing_acknowledged_is_lost() {
    let acknowledged = simulated::power_cut(
        17,
        LONG,
        |context| async move {
            let (_, members) = founded(&context, |_| {}).await;
            let mut acknowledged = Vec::new();
            for n in 0..30 {
                acknowledged.push((plain(n), members[(n % 4) as usize].accepted(plain(n)).await));
            }
            // Some that nobody was told about.
            for n in 30..40 {
                drop(members[0].node().mempool.submit(plain(n), None));
            }
            context.sleep(Duration::from_millis(70)).await;
            let kept: Vec<_> = members
                .into_iter()
                .map(|member| (member.disk.clone(), member.bodies.clone()))
                .collect();
            (kept, acknowledged)
        },
        |context, (kept, acknowledged)| async move {
            let committee = committee(&context).await;
            let mut members = Vec::new();
            for (index, (disk, bodies)) in kept.into_iter().enumerate() {
                let mut member = Member::new(index);
                member.disk = disk;
                member.bodies = bodies;
                member.start(&committee).await;
                members.push(member);
            }
            for (entry, position) in &acknowledged {
                assert_eq!(members[0].accepted(entry.clone()).await, *position);
            }
            for n in 30..45 {
                members[3].accepted(plain(n)).await;
            }
            assert_eq!(committee.blocked().await, []);
            agreed(&members);
            acknowledged.len()
        },
    );
    assert_eq!(acknowledged, 30);
}

/// Losses, crashes and cuts, drawn from the seed, while clients submit and submit again.
fn ordeal(seed: u64) -> (u64, Digest) {
    let ((height, state), _) = run(seed, Duration::from_secs(3600), |mut context| async move {
        let mut lossy = link(LATENCY);
        lossy.success_rate = probability!(0.9);
        let (mut committee, mut members) = founded_with(&context, lossy, |_| {}).await;
        let mut acknowledged = Vec::new();
        for n in 0..40u64 {
            match context.random_range(0..10) {
                0 => {
                    let victim = context.random_range(0..4);
                    members[victim].crash(&context).await;
                    let away = context.random_range(0..5_000);
                    context.sleep(Duration::from_millis(away)).await;
                    members[victim].start(&committee).await;
                }
                1 => {
                    let alone = context.random_range(0..4);
                    let others: Vec<usize> = (0..4).filter(|i| *i != alone).collect();
                    committee.cut(&[alone], &others).await;
                    let apart = context.random_range(0..5_000);
                    context.sleep(Duration::from_millis(apart)).await;
                    committee.heal().await;
                }
                _ => {}
            }
            let body = Bytes::from(n.to_be_bytes().to_vec());
            let (entry, body) = match n % 3 {
                0 => (plain(n), None),
                1 => (proven(n, true), None),
                _ => (sealed(n, &body), Some(body)),
            };
            let at = context.random_range(0..4);
            let outcome = members[at].submit(entry.clone(), body).await;
            let Some(Outcome::Final(position)) = outcome else {
                panic!("{outcome:?}");
            };
            acknowledged.push((entry, position));
        }
        context.sleep(Duration::from_secs(5)).await;
        for member in &members {
            member.reached(members[0].height()).await;
            for (entry, position) in &acknowledged {
                let disk = member.disk.lock();
                let found = disk.entries.get(&tacit_node::block::entry_id(entry));
                assert_eq!(found, Some(position));
            }
            for n in (2..40u64).step_by(3) {
                assert!(member.bodies.holds(&n.to_be_bytes()), "body {n}");
            }
        }
        assert_eq!(committee.blocked().await, []);
        agreed(&members)
    });
    (height, state)
}

#[test]
fn through_losses_crashes_and_cuts_all_agree_and_nothing_acknowledged_is_lost() {
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok());
    for seed in 100..100 + seeds.unwrap_or(3) {
        ordeal(seed);
    }
}

#[test]
fn the_real_ledger_runs_under_consensus_and_is_rebuilt_from_the_archive() {
    run(18, LONG, |context| async move {
        let founding = Founding {
            version: 1,
            ..founding()
        };
        let committee = Committee::new(
            &context,
            keys(4),
            certificate::namespace(&founding.fingerprint()),
            Block::genesis(&founding),
            Profile::Loopback.timing(),
            link(LATENCY),
        )
        .await;
        let start = async |index: usize| {
            let database = tacit_ledger::Ledger::in_memory(founding.clone()).expect("opens");
            let machine = LedgerMachine::new(database).expect("founded");
            let (ledger, reader, ledger_task) = ledger(machine);
            let parts = Parts {
                ledger,
                ledger_task,
                verifier: Arc::<ToyVerifier>::default(),
                bodies: Arc::<ToyBodies>::default(),
                on_evidence: Arc::new(|_| {}),
                clock: ClockOffset::default(),
            };
            let storage = format!("node-{index}");
            let simulated = committee.start(index, &storage, parts).await;
            (simulated.expect("starts"), reader)
        };
        let mut running = Vec::new();
        for index in 0..4 {
            running.push(start(index).await);
        }
        let submit = running[1].0.node.mempool.submit(plain(1), None);
        let Ok(Outcome::Refused(_)) = submit.await else {
            panic!("not an entry of the log");
        };
        running[0].0.node.ledger.reached(10).await.expect("running");
        // The database of one node is lost: its own archive has everything.
        let (simulated, _) = running.remove(3);
        simulated.crash(&context).await;
        running.push(start(3).await);
        assert!(running[3].0.node.ledger.applied().height >= 9);
        running[3].0.node.ledger.reached(15).await.expect("running");
        let mut headers = Vec::new();
        for (simulated, reader) in &running {
            simulated.node.ledger.reached(15).await.expect("running");
            let header = reader.read(|machine| machine.ledger().header(15)).await;
            headers.push(header.expect("running").expect("works").expect("applied"));
        }
        assert!(headers.windows(2).all(|pair| pair[0] == pair[1]));
    });
}
