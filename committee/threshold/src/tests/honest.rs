//! Key generations in which everyone is honest, and the keys that they make.

use ark_ff::Zero as _;
use proptest::prelude::*;
use taceo_ark_babyjubjub::EdwardsProjective;
use tacit_protocol::hash::Hasher;

use super::*;
use crate::node::NodeError;
use crate::sharing::lagrange;
use crate::state::Failure;

/// The secret that these shares interpolate to.
fn interpolate(shares: &[&KeyShare]) -> Scalar {
    let nodes: Vec<_> = shares.iter().map(|s| s.node()).collect();
    lagrange(&nodes)
        .iter()
        .zip(shares)
        .map(|(l, s)| l * s.expose().expose())
        .sum()
}

#[test]
fn a_committee_makes_a_key_that_nobody_holds_and_everybody_shares() {
    let world = World::new(4);
    let state = world.play_honestly();
    assert_eq!(state.stage(), Stage::Done);
    assert_eq!(state.faults(), []);
    assert!(state.holders().eq(0..4));
    let outcome = state.outcome().unwrap();
    assert_eq!(outcome.good(), [0, 1, 2, 3]);

    // K is the sum of what all dealt, so as secret as the most honest dealer's part.
    let sum: EdwardsProjective = state
        .deals()
        .values()
        .map(|d| d.commitments()[0].affine())
        .sum();
    assert_eq!(Point::from_subgroup(sum), Ok(outcome.k()));

    let shares = world.shares(&state);
    for share in &shares {
        let key = Point::mul_generator(share.expose().expose()).unwrap();
        assert_eq!(outcome.verification_key(share.node()), Some(key));
        assert_eq!(share.k(), outcome.k());
    }
    let quorum: Vec<_> = shares[1..].iter().collect();
    assert_eq!(Point::mul_generator(&interpolate(&quorum)), Ok(outcome.k()));
}

#[test]
fn the_first_phase_waits_for_all_and_the_next_for_those_who_came() {
    let world = World::new(4);
    let mut state = DkgState::new(world.ctx);
    let say = |state: &mut DkgState, node: usize| {
        let message = world.nodes[node].respond(state).unwrap();
        assert_eq!(state.receive(node as NodeIndex, &message), Ok(Vec::new()));
    };
    for node in 0..3 {
        say(&mut state, node);
        assert!(!state.is_complete());
    }
    assert_eq!(state.awaited(), [3]);
    state.close_phase();
    assert_eq!(
        state.faults(),
        [Fault::Absent {
            culprit: 3,
            phase: Phase::Keys
        }]
    );
    for phase in [Phase::Commit, Phase::Deal, Phase::Complain, Phase::Confirm] {
        assert_eq!(state.stage(), Stage::Running(phase));
        assert_eq!(state.awaited(), [0, 1, 2]);
        assert_eq!(world.nodes[3].respond(&state), None);
        for node in 0..3 {
            say(&mut state, node);
        }
        assert!(state.is_complete());
        state.close_phase();
    }
    assert_eq!(state.stage(), Stage::Done);
    assert!(!state.is_complete());
    // Without a share, and without a way to get one.
    assert_eq!(
        world.nodes[3].recover(&state).unwrap_err(),
        NodeError::NotParticipant
    );
}

#[test]
fn one_of_four_may_be_down_from_any_phase_on_and_two_may_not() {
    let phases = [
        Phase::Keys,
        Phase::Commit,
        Phase::Deal,
        Phase::Complain,
        Phase::Confirm,
    ];
    let world = World::new(4);
    for first in phases {
        let down = |nodes: NodeIndex| {
            world.play(|state, from, honest| {
                let Stage::Running(phase) = state.stage() else {
                    return None;
                };
                honest.filter(|_| from >= nodes || phase < first)
            })
        };
        let state = down(1);
        assert_eq!(state.stage(), Stage::Done, "{first:?}");
        assert!(state.holders().eq(1..4));
        let absent = |phase| Fault::Absent { culprit: 0, phase };
        let expected = match first {
            // Its complaint is waited for all the same.
            Phase::Commit | Phase::Deal => vec![absent(first), absent(Phase::Complain)],
            _ => vec![absent(first)],
        };
        assert_eq!(state.faults(), expected);
        assert_eq!(
            down(2).stage(),
            Stage::Failed(Failure::TooFew {
                phase: first,
                have: 2,
                need: 3
            })
        );
    }
}

#[test]
fn a_node_whose_key_was_in_time_gets_a_share_and_joins_the_holders_late() {
    let world = World::new(4);
    let mut state = world.play(|state, from, honest| {
        honest.filter(|_| from != 2 || state.stage() == Stage::Running(Phase::Keys))
    });
    assert_eq!(state.stage(), Stage::Done);
    assert!(state.holders().eq([0, 1, 3]));
    assert_eq!(state.outcome().unwrap().good(), [0, 1, 3]);

    let confirm = world.nodes[2].respond(&state).unwrap();
    assert_eq!(state.receive(2, &confirm), Ok(Vec::new()));
    assert!(state.holders().eq(0..4));
    let shares = world.shares(&state);
    let with_it: Vec<_> = shares[..3].iter().collect();
    assert_eq!(
        Point::mul_generator(&interpolate(&with_it)),
        Ok(state.outcome().unwrap().k())
    );
}

#[test]
fn a_node_that_comes_back_is_waited_for_again() {
    let world = World::new(4);
    let mut awaited = Vec::new();
    let state = world.play(|state, from, honest| {
        let Stage::Running(phase) = state.stage() else {
            return None;
        };
        if from == 0 {
            awaited.push((phase, state.awaited().contains(&2)));
        }
        honest.filter(|_| from != 2 || !matches!(phase, Phase::Commit | Phase::Deal))
    });
    let expected = [
        (Phase::Keys, true),
        (Phase::Commit, true),
        // It didn't commit, so it doesn't deal; its complaint is waited for all the same.
        (Phase::Deal, false),
        (Phase::Complain, true),
        (Phase::Confirm, true),
    ];
    assert_eq!(awaited, expected);
    assert!(state.holders().eq(0..4));
}

#[test]
fn each_attempt_has_fresh_secrets_even_from_the_same_seed() {
    let (first, second) = (World::new(4), World::at(context(4, 1)));
    let (a, b) = (first.play_honestly(), second.play_honestly());
    assert_ne!(a.outcome().unwrap().k(), b.outcome().unwrap().k());
    for node in 0..4 {
        assert_ne!(a.participants().key(node), b.participants().key(node));
        assert_ne!(
            first.share(&a, node).expose().expose(),
            second.share(&b, node).expose().expose()
        );
        for (x, y) in a.deals()[&node]
            .commitments()
            .iter()
            .zip(b.deals()[&node].commitments())
        {
            assert_ne!(x, y);
        }
        for recipient in 0..4 {
            let ephemeral = |s: &DkgState| s.deals()[&node].share(recipient).unwrap().ephemeral;
            assert_ne!(ephemeral(&a), ephemeral(&b));
        }
    }
}

#[test]
fn one_seed_gives_different_nodes_statements_and_committees_different_secrets() {
    let ctx = context(4, 0);
    let key = |ctx: &DkgContext, node| NodeSecrets::derive(&seed(0), ctx, node).keys().key;
    let own = key(&ctx, 0);
    assert_ne!(own, key(&ctx, 1));
    assert_ne!(
        own,
        key(
            &DkgContext {
                fingerprint: Fingerprint(Digest([9; 32])),
                ..ctx
            },
            0
        )
    );
    let mut other = ctx;
    other.at.statement = StatementId(Digest([9; 32]));
    assert_ne!(own, key(&other, 0));
}

#[test]
fn secrets_print_nothing() {
    let world = World::new(4);
    let state = world.play_honestly();
    let share = world.share(&state, 0);
    let text = format!("{:?} {:?} {:?}", seed(0), world.nodes[0], share);
    assert!(text.contains("Seed(redacted)"));
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert!(!text.contains(&hex(seed(0).expose())));
    assert!(!text.contains(&hex(&scalar_to_bytes(share.expose().expose()))));
    assert!(!text.contains("[7"));
}

#[test]
fn a_seed_is_drawn_from_the_generator_that_is_given() {
    struct Counting(u8);
    impl rand_core::TryRng for Counting {
        type Error = std::convert::Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            unreachable!("bytes are asked for")
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            unreachable!("bytes are asked for")
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            for b in bytes {
                self.0 += 1;
                *b = self.0;
            }
            Ok(())
        }
    }
    impl rand_core::TryCryptoRng for Counting {}
    let expected: Vec<u8> = (1..=32).collect();
    assert_eq!(Seed::random(&mut Counting(0)).expose()[..], expected);
}

#[test]
fn a_hundred_nodes_make_a_key() {
    let world = World::new(100);
    // As few dealers as may be; the others take part. A handful check their shares: all are alike.
    let mut confirmation = None;
    let (state, _) = world.play_events(|state, node| match state.stage() {
        Stage::Running(Phase::Keys) => node.respond(state),
        Stage::Running(Phase::Commit) | Stage::Running(Phase::Deal) if node.node() < 67 => {
            node.respond(state)
        }
        Stage::Running(Phase::Complain) if node.node() % 33 != 0 => Some(
            DkgComplain {
                at: world.ctx.at,
                complaints: Vec::new(),
            }
            .into(),
        ),
        Stage::Running(Phase::Complain) => node.respond(state),
        Stage::Running(Phase::Confirm) => {
            if confirmation.is_none() {
                confirmation = node.respond(state);
            }
            confirmation.clone()
        }
        _ => None,
    });
    assert_eq!(state.stage(), Stage::Done);
    assert_eq!(state.holders().count(), 100);
    assert_eq!(state.outcome().unwrap().good().len(), 67);
    for fault in state.faults() {
        assert_eq!(fault.blame(), Blame::Absent);
    }
    // A node that dealt and one that didn't, with the rest of a quorum.
    let mut sum = EdwardsProjective::zero();
    let nodes: Vec<NodeIndex> = (33..100).collect();
    for (l, node) in lagrange(&nodes).iter().zip(&nodes) {
        sum += state
            .outcome()
            .unwrap()
            .verification_key(*node)
            .unwrap()
            .affine()
            * *l;
    }
    assert_eq!(Point::from_subgroup(sum), Ok(state.outcome().unwrap().k()));
    for node in [0, 99] {
        world.share(&state, node);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 14, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_t_shares_make_the_key_and_any_fewer_make_another(n in 4usize..=10, order in any::<u64>()) {
        let world = World::new(n);
        let state = world.play_honestly();
        let shares = world.shares(&state);
        let mut picked: Vec<&KeyShare> = shares.iter().collect();
        picked.sort_by_key(|s| Hasher::new("test").chain(order.to_be_bytes()).chain(s.node().to_be_bytes()).finish());
        let t = world.ctx.committee.threshold();
        let k = Ok(state.outcome().unwrap().k());
        for count in 1..=n {
            let same = Point::mul_generator(&interpolate(&picked[..count])) == k;
            prop_assert_eq!(same, count >= t);
        }
    }
}
