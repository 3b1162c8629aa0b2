//! One log, one state: however often it is folded, in whatever steps, whatever was tried before.

use proptest::prelude::*;
use tacit_ledger::{Checked, replay};
use tacit_protocol::chain::Facts;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::{Entry, ErasureReason, NodeStatement, Subject};
use tacit_protocol::statement::Status;
use tacit_test_world::Log;

use crate::story::{SENATORS, story};

#[test]
fn a_log_folds_to_the_same_roots_each_time() {
    let story = story();
    let roots = |step: usize| -> Vec<_> {
        let mut log = story.at(0);
        let mut roots = Vec::new();
        for height in (0..=story.erased).step_by(step) {
            log.replay(story.blocks(height));
            roots.push((height, log.proposer.state_root().unwrap()));
        }
        roots
    };
    let all = roots(1);
    for step in [2, 7] {
        let some = roots(step);
        assert!(some.iter().all(|r| all.contains(r)));
    }
    // Each header commits to the state as of its parent.
    for (height, root) in &all {
        if let Some(next) = story.blocks(story.erased).get(*height as usize + 1) {
            assert_eq!(next.header.state_root, *root);
        }
    }
}

#[test]
fn what_was_tried_and_rolled_back_leaves_nothing() {
    let story = story();
    let mut tried = story.at(story.enrolled);
    let blocks = story.blocks(story.erased);
    for block in &blocks[story.enrolled as usize + 1..] {
        // Try all that may come, in the wrong order, and then the block.
        for entry in block.entries.iter().rev() {
            tried.refusals(entry);
        }
        assert!(matches!(
            tried.proposer.check(&[], block).unwrap(),
            Checked::Valid(_)
        ));
        tried.push(block.clone());
    }
    let root = story.at(story.erased).proposer.state_root().unwrap();
    assert_eq!(tried.proposer.state_root().unwrap(), root);
}

#[test]
fn two_chains_replay_to_the_facts_that_the_log_certified() {
    let story = story();
    for (height, statement, status) in [
        (story.proposed, story.open, Status::Preparing),
        (story.proposed + 2, story.shut, Status::Preparing),
        (story.collecting, story.shut, Status::Collecting),
        (story.triggered, story.open, Status::Triggered),
        (story.unsealed, story.open, Status::Triggered),
        (story.revealed, story.open, Status::Revealed),
        (story.expired, story.shut, Status::Expired),
        (story.erased, story.shut, Status::Erased),
        (story.erased, story.open, Status::Revealed),
    ] {
        let log = story.at(height);
        let subjects = [Subject::Group(story.group), Subject::Statement(statement)];
        let [group, chain] = subjects.map(|s| log.chain(s));
        let [group_facts, facts] = subjects.map(|s| log.facts(s));
        let founding = story.committee.founding();
        let replayed = replay::replay(founding, &group, &chain, &group_facts, &facts).unwrap();
        let view = replayed.ledger.statement(&statement).unwrap().unwrap();
        assert_eq!(view.status, status);
        assert_eq!(replayed.claims.len() as u64, view.count);
    }
}

#[test]
fn a_statement_replays_without_the_others_that_the_log_holds() {
    // Members enrolled in the midst of it, and another statement's life around it.
    let story = story();
    let mut log = story.at(story.proposed);
    log.keygen_step(&[story.open, story.shut], &[0, 1, 2, 3]);
    log.enrol(&story.registrars, &[story.stranger("Gus")]);
    log.make_keys(&[story.open, story.shut], &[0, 1, 2]);
    log.enrol(&story.registrars, &[story.stranger("Hal")]);
    log.sign_on_paper(&story.shut, &story.members[..1]);
    log.sign_on_paper(&story.open, &story.members[..3]);
    log.enrol(&story.registrars, &[story.stranger("Ivy")]);
    log.reveal(&story.open, &[2, 1, 0]);
    log.after(600_000, []);
    log.erase(&story.shut, &[0, 1, 2], ErasureReason::Expired);
    for statement in [story.open, story.shut] {
        let subjects = [Subject::Group(story.group), Subject::Statement(statement)];
        let [group, chain] = subjects.map(|s| log.chain(s));
        let [group_facts, facts] = subjects.map(|s| log.facts(s));
        let Facts::Statement(statement_facts) = &facts else {
            panic!("not a statement's")
        };
        assert_eq!(statement_facts.opening.as_ref().unwrap().group.size, 7);
        replay::replay(
            story.committee.founding(),
            &group,
            &chain,
            &group_facts,
            &facts,
        )
        .unwrap();
    }
}

/// What may happen next.
#[derive(Debug, Clone)]
enum Act {
    /// A member signs a statement, under their class or not, for the first time or again.
    Sign {
        second: bool,
        member: usize,
        class: bool,
    },
    /// What is due from a node for a statement, whatever it is.
    Node { second: bool, node: u16 },
    /// Somebody is enrolled, or again.
    Enrol { stranger: usize },
    /// An old entry, or a stage's entry out of its turn.
    Old { pick: usize },
    /// An attestation of erasure for any reason.
    Erase { second: bool, node: u16, reason: u8 },
    /// A node posts ciphertexts or partial decryptions, right or wrong.
    Open {
        second: bool,
        node: u16,
        partial: bool,
        wrong: bool,
    },
    /// Bytes of no meaning.
    Noise(Vec<u8>),
}

fn acts() -> impl Strategy<Value = Vec<Vec<Act>>> {
    let act = prop_oneof![
        4 => (any::<bool>(), 0..6usize, any::<bool>())
            .prop_map(|(second, member, class)| Act::Sign { second, member, class }),
        4 => (any::<bool>(), 0..4u16).prop_map(|(second, node)| Act::Node { second, node }),
        1 => (0..3usize).prop_map(|stranger| Act::Enrol { stranger }),
        1 => any::<usize>().prop_map(|pick| Act::Old { pick }),
        1 => (any::<bool>(), 0..4u16, 0..4u8)
            .prop_map(|(second, node, reason)| Act::Erase { second, node, reason }),
        3 => (any::<bool>(), 0..4u16, any::<bool>(), proptest::bool::weighted(0.2))
            .prop_map(|(second, node, partial, wrong)| Act::Open { second, node, partial, wrong }),
        1 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Act::Noise),
    ];
    proptest::collection::vec(proptest::collection::vec(act, 0..8), 1..12)
}

fn entry(log: &mut Log, act: &Act) -> Option<Vec<u8>> {
    let story = story();
    let which = |second: bool| if second { story.shut } else { story.open };
    let entry = match act {
        Act::Sign {
            second,
            member,
            class,
        } => {
            let id = which(*second);
            log.view(&id).opening?;
            let class = (*class && *member < 2).then_some(SENATORS);
            let sealed = log.paper(&id, &story.members[*member], class);
            log.bodies.insert(sealed.sign.ct.to_le_bytes(), sealed.body);
            Entry::Sign(sealed.sign)
        }
        Act::Node { second, node } => log.node(*node, log.due(&which(*second), *node)?),
        Act::Enrol { stranger } => {
            let name = ["Gus", "Hal", "Ivy"][*stranger];
            Entry::Enrol(story.registrars.enrol(&story.stranger(name)))
        }
        Act::Old { pick } => {
            let all: Vec<&Vec<u8>> = story
                .blocks(story.erased)
                .iter()
                .flat_map(|b| &b.entries)
                .collect();
            return Some(all[pick % all.len()].clone());
        }
        Act::Erase {
            second,
            node,
            reason,
        } => {
            let reason = [
                ErasureReason::Expired,
                ErasureReason::Opened,
                ErasureReason::Abandoned,
                ErasureReason::AttemptFailed,
            ][usize::from(*reason)];
            log.erasure(&which(*second), *node, reason)
        }
        Act::Open {
            second,
            node,
            partial,
            wrong,
        } => {
            let id = which(*second);
            if log.view(&id).status != Status::Triggered {
                return None;
            }
            if *partial {
                let state = log.keygen(&id);
                log.secrets(&id, *node).recover(&state).ok()?;
                log.proposer.opening_context(&id).unwrap()?;
                let mut partial = log.partial(&id, *node);
                if *wrong {
                    partial.points.reverse();
                }
                log.node(*node, NodeStatement::Partial(partial))
            } else {
                let mut unseal = log.unseal(&id);
                if *wrong {
                    unseal.items.reverse();
                }
                log.node(*node, NodeStatement::Unseal(unseal))
            }
        }
        Act::Noise(bytes) => return Some(bytes.clone()),
    };
    Some(entry.to_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_in_whatever_order_all_ledgers_agree(
        start in 0..3usize,
        blocks in acts(),
        steps in proptest::collection::vec(prop_oneof![Just(1u64), Just(1000), Just(4000), Just(200_000)], 12),
    ) {
        let story = story();
        let start = [story.proposed, story.collecting, story.signed][start];
        let mut log = story.at(start);
        for (acts, step) in blocks.iter().zip(steps) {
            let candidates: Vec<Vec<u8>> = acts.iter().filter_map(|a| entry(&mut log, a)).collect();
            let refs: Vec<&[u8]> = candidates.iter().map(Vec::as_slice).collect();
            let time = log.now_ms + step;
            let built = log.proposer.build(&[], time, &refs).unwrap();
            prop_assert_eq!(built.block.entries.len() + built.refused.len(), candidates.len());
            // What was left out for good makes the block invalid if somebody puts it in.
            let for_good = ["malformed", "duplicate", "nullifier-spent", "already-enrolled"];
            for (i, _) in built.refused.iter().filter(|(_, r)| for_good.contains(&r.code)) {
                let mut worse = built.block.clone();
                worse.entries.push(candidates[*i].clone());
                worse.header.entries_root = tacit_protocol::block::entries_root(&worse.entries);
                let verdict = log.validator.check(&[], &worse).unwrap();
                prop_assert!(matches!(verdict, Checked::Invalid(_)));
            }
            log.push(built.block);
        }
        // Folded anew from the blocks alone, and statement by statement from their chains.
        let again = log.at(log.height());
        prop_assert_eq!(again.proposer.state_root().unwrap(), log.proposer.state_root().unwrap());
        for statement in [story.open, story.shut] {
            let subjects = [Subject::Group(story.group), Subject::Statement(statement)];
            let [group, chain] = subjects.map(|s| log.chain(s));
            let [group_facts, facts] = subjects.map(|s| log.facts(s));
            replay::replay(story.committee.founding(), &group, &chain, &group_facts, &facts).unwrap();
        }
    }
}
