//! Crashes, lost disks, lost power and cut links: nothing acknowledged is lost, and nobody diverges.

use std::time::Duration;

use bytes::Bytes;
use commonware_runtime::Clock as _;
use commonware_utils::probability;
use rand::RngExt as _;
use tacit_node::{
    engine::EngineError,
    mempool::Outcome,
    simulated::{self, link, run},
};
use tacit_protocol::hash::Digest;

use crate::{
    members::{LATENCY, LONG, Member, agreed, committee, founded, founded_with, seeds},
    toy::{SharedDisk, plain, proven, sealed},
};

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
    for seed in seeds(100, 3) {
        ordeal(seed);
    }
}
