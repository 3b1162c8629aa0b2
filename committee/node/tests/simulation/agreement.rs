//! What consensus promises when nobody fails but a proposer: one log, in time, and provable.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use commonware_runtime::Clock as _;
use tacit_node::{
    adapters::LedgerMachine,
    ledger::ledger,
    limits::Profile,
    mempool::Outcome,
    simulated::{Committee, Parts, keys, link, run},
    time::ClockOffset,
};
use tacit_protocol::{block::Block, certificate, founding::Founding};

use crate::{
    members::{LATENCY, LONG, agreed, founded, founding},
    toy::{ToyBodies, ToyVerifier, plain, proven},
};

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
