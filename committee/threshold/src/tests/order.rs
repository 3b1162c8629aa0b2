//! The log may repeat messages, reorder them, and bring them early or late; a node may restart.

use proptest::prelude::*;
use tacit_protocol::hash::Hasher;

use super::*;
use crate::node::NodeError;
use crate::state::Refusal;

fn honest_events(world: &World) -> Vec<DkgEvent> {
    world.play_events(|state, node| node.respond(state)).1
}

#[test]
fn the_state_is_rebuilt_from_what_happened() {
    let world = World::new(4);
    let rogue = Rogue::new(world.ctx, 1);
    let (state, events) = world.play_events(|state, node| match node.node() {
        1 => rogue.act(state, |_, deal| deal.shares[2].ciphertext[0] ^= 1),
        _ => node.respond(state),
    });
    assert!(!state.faults().is_empty());
    assert_eq!(DkgState::replay(world.ctx, &events), state);
}

#[test]
fn a_repeated_message_changes_nothing_in_any_later_phase() {
    let world = World::new(4);
    let mut state = DkgState::new(world.ctx);
    let mut before: Vec<(NodeIndex, DkgMessage)> = Vec::new();
    for event in honest_events(&world) {
        match event {
            DkgEvent::Message(from, message) => {
                assert_eq!(state.receive(from, &message), Ok(Vec::new()));
                before.push((from, message));
            }
            DkgEvent::Close => {
                state.close_phase();
            }
        }
        let unchanged = state.clone();
        for (from, message) in &before {
            assert_eq!(state.receive(*from, message), Err(Refusal::Repeated));
        }
        assert_eq!(state, unchanged);
    }
    assert_eq!(state.stage(), Stage::Done);
}

#[test]
fn a_message_out_of_its_phase_is_refused_without_blame() {
    let world = World::new(4);
    let events = honest_events(&world);
    let all: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            // Node 3's messages never come in time here.
            DkgEvent::Message(3, message) => Some(message.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(all.len(), 5);
    let mut state = DkgState::new(world.ctx);
    for phase in [
        Phase::Keys,
        Phase::Commit,
        Phase::Deal,
        Phase::Complain,
        Phase::Confirm,
    ] {
        assert_eq!(state.stage(), Stage::Running(phase));
        let unchanged = state.clone();
        for message in all.iter().filter(|m| m.phase() > phase) {
            assert_eq!(state.receive(3, message), Err(Refusal::Early));
        }
        for message in all.iter().filter(|m| m.phase() < phase) {
            assert_eq!(state.receive(3, message), Err(Refusal::Late));
        }
        if phase > Phase::Keys {
            assert_eq!(
                state.receive(3, &all[phase as usize]),
                Err(Refusal::NotParticipant)
            );
        }
        assert_eq!(state, unchanged);
        for node in &world.nodes[..3] {
            state
                .receive(node.node(), &node.respond(&state).unwrap())
                .unwrap();
        }
        state.close_phase();
    }
    assert_eq!(state.stage(), Stage::Done);
    assert_eq!(
        state.faults(),
        [Fault::Absent {
            culprit: 3,
            phase: Phase::Keys
        }]
    );
}

#[test]
fn a_dealing_without_a_commitment_is_refused() {
    let world = World::new(4);
    let state = world.play(|state, from, honest| match state.stage() {
        Stage::Running(Phase::Commit) if from == 3 => None,
        Stage::Running(Phase::Deal) if from == 3 => {
            let deal = world.nodes[3].deal(state.participants()).unwrap().into();
            assert_eq!(state.clone().receive(3, &deal), Err(Refusal::NotCommitted));
            None
        }
        _ => honest,
    });
    assert_eq!(state.outcome().unwrap().good(), [0, 1, 2]);
}

#[test]
fn strangers_and_other_attempts_are_refused() {
    let world = World::new(4);
    let mut state = DkgState::new(world.ctx);
    let keys = DkgMessage::from(world.nodes[0].keys());
    assert_eq!(state.receive(4, &keys), Err(Refusal::NotMember));
    let next = World::at(context(4, 1));
    assert_eq!(
        state.receive(0, &next.nodes[0].keys().into()),
        Err(Refusal::OtherAttempt)
    );
    assert_eq!(next.nodes[0].respond(&state), None);
}

#[test]
fn a_failed_attempt_takes_nothing_more() {
    let world = World::new(4);
    let mut state = DkgState::new(world.ctx);
    state.close_phase();
    assert!(matches!(state.stage(), Stage::Failed(_)));
    assert_eq!(
        state.receive(0, &world.nodes[0].keys().into()),
        Err(Refusal::Failed)
    );
    assert_eq!(world.nodes[0].respond(&state), None);
    let unchanged = state.clone();
    assert_eq!(state.close_phase(), []);
    assert_eq!(state, unchanged);
}

#[test]
fn two_different_messages_where_one_belongs_are_equivocation_and_the_first_counts() {
    let world = World::new(4);
    let mut state = DkgState::new(world.ctx);
    let (first, second) = (world.nodes[2].keys(), Rogue::new(world.ctx, 2).keys());
    state.receive(2, &first.into()).unwrap();
    let fault = Fault::Equivocation {
        culprit: 2,
        phase: Phase::Keys,
    };
    assert_eq!(state.receive(2, &second.into()), Ok(vec![fault]));
    assert_eq!(state.receive(2, &second.into()), Err(Refusal::Repeated));
    assert_eq!(state.participants().key(2), Some(first.key));
    assert_eq!(state.faults(), [fault]);
}

#[test]
fn a_node_that_restarts_at_any_step_says_the_same_again() {
    let world = World::new(4);
    let (state, _) = world.play_events(|state, node| {
        let said = node.respond(state);
        let restarted = NodeSecrets::derive(&seed(node.node()), &world.ctx, node.node());
        assert_eq!(restarted.respond(state), said);
        assert!(said.is_some());
        said
    });
    for node in 0..4 {
        let restarted = NodeSecrets::derive(&seed(node), &world.ctx, node);
        assert_eq!(restarted.respond(&state), None);
        let (before, after) = (
            world.share(&state, node),
            restarted.recover(&state).unwrap(),
        );
        assert_eq!(before.expose().expose(), after.expose().expose());
    }
}

#[test]
fn in_another_log_nothing_that_must_be_used_once_is_used_again() {
    // The same seeds, but node 2 has another key: node 0 must not encrypt to both with one ephemeral.
    let world = World::new(4);
    let rogue = Rogue::new(world.ctx, 2);
    let (a, b) = (world.play_honestly(), world.play_with(&rogue, |_, _| {}));
    for recipient in [0, 1, 3] {
        let share = |s: &DkgState| *s.deals()[&0].share(recipient).unwrap();
        assert_eq!(share(&a), share(&b));
    }
    let (x, y) = (
        *a.deals()[&0].share(2).unwrap(),
        *b.deals()[&0].share(2).unwrap(),
    );
    assert_ne!(x.ephemeral, y.ephemeral);
    assert_ne!(x.proof.commitment, y.proof.commitment);
}

#[test]
fn without_its_seed_a_node_says_nothing_in_its_old_attempt_and_has_no_share() {
    let world = World::new(4);
    let stranger = NodeSecrets::derive(&Seed::new([0; 32]), &world.ctx, 2);
    let (state, _) = world.play_events(|state, node| {
        if state.stage() != Stage::Running(Phase::Keys) && node.node() == 2 {
            assert_eq!(stranger.respond(state), None);
        }
        node.respond(state)
    });
    assert_eq!(
        stranger.recover(&state).unwrap_err(),
        NodeError::NotParticipant
    );
    assert_eq!(
        stranger.recover(&DkgState::new(world.ctx)).unwrap_err(),
        NodeError::NotParticipant
    );
    assert!(world.nodes[2].recover(&state).is_ok());
}

#[test]
fn nobody_deals_to_fewer_participants_than_it_takes_to_open() {
    let world = World::new(4);
    let nobody = world.nodes[0].deal(&Participants::default());
    assert_eq!(nobody, Err(NodeError::TooFewParticipants));
}

#[test]
fn there_is_no_share_before_there_is_a_key() {
    let world = World::new(4);
    world.play(|state, from, honest| {
        if !matches!(state.stage(), Stage::Running(Phase::Keys | Phase::Confirm)) {
            let early = world.nodes[usize::from(from)].recover(state);
            assert_eq!(early.unwrap_err(), NodeError::NoOutcome);
        }
        honest
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_within_a_phase_does_not_matter(order in any::<u64>()) {
        let world = World::new(5);
        let rogue = Rogue::new(world.ctx, 1);
        let (expected, events) = world.play_events(|state, node| match node.node() {
            1 => rogue.act(state, |_, deal| deal.shares[2].ciphertext[0] ^= 1),
            _ => node.respond(state),
        });
        let mut shuffled = Vec::new();
        for phase in events.split_inclusive(|event| *event == DkgEvent::Close) {
            let (close, messages) = phase.split_last().unwrap();
            let mut messages: Vec<_> = messages.iter().collect();
            messages.sort_by_key(|event| {
                let DkgEvent::Message(from, _) = event else { return Digest::ZERO };
                Hasher::new("test").chain(order.to_be_bytes()).chain(from.to_be_bytes()).finish()
            });
            shuffled.extend(messages.into_iter().cloned());
            shuffled.push(close.clone());
        }
        prop_assert_eq!(DkgState::replay(world.ctx, &shuffled), expected);
    }
}

#[test]
fn what_may_not_be_heard_is_refused_whatever_it_says() {
    let world = World::new(4);
    let events = honest_events(&world);
    let said = |wanted: Phase| {
        let found = events.iter().find_map(|event| match event {
            DkgEvent::Message(2, message) if message.phase() == wanted => Some(message.clone()),
            _ => None,
        });
        found.expect("everyone speaks in every phase")
    };
    let phases = [
        Phase::Keys,
        Phase::Commit,
        Phase::Deal,
        Phase::Complain,
        Phase::Confirm,
    ];
    let mut state = DkgState::new(world.ctx);
    assert_eq!(state.may_hear(4, Phase::Keys), Err(Refusal::NotMember));
    for event in &events {
        for phase in phases {
            let may = state.may_hear(2, phase);
            let heard = state.has_heard(2, phase);
            let verdict = state.clone().receive(2, &said(phase));
            match may {
                Err(refusal) => assert_eq!(verdict, Err(refusal)),
                // A second one may differ, and is a proof then.
                Ok(()) if heard => assert_eq!(verdict, Err(Refusal::Repeated)),
                // A late complaint is a proof, too; this one is none.
                Ok(()) if phase == Phase::Complain && verdict == Err(Refusal::Late) => {}
                Ok(()) => assert_eq!(verdict, Ok(Vec::new())),
            }
        }
        match event {
            DkgEvent::Message(from, message) => drop(state.receive(*from, message)),
            DkgEvent::Close => drop(state.close_phase()),
        }
    }
}
