//! Malformed messages of key generation: each breaks one rule, and the right node is named for it.

use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{PrimeField as _, Zero as _};
use ark_serialize::CanonicalSerialize as _;
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
use tacit_protocol::codec::{Decode, DecodeError, Encode};
use tacit_protocol::field::Fr;

use super::*;
use crate::state::Refusal;

#[test]
fn a_rogue_that_keeps_the_rules_is_a_node_like_others() {
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, _| {});
    assert_eq!(state.faults(), []);
    assert_eq!(state.outcome().unwrap().good(), [0, 1, 2, 3]);
    honest_nodes_hold_the_key(&world, &state);
}

#[test]
fn a_feldman_vector_that_is_too_long_or_too_short_is_refused() {
    for length in [1, 2, 4, 100] {
        let world = World::new(4);
        let rogue = Rogue::with_degree(world.ctx, ROGUE, length);
        let state = world.play_with(&rogue, |_, _| {});
        only_fault(
            &state,
            Fault::FeldmanLength {
                culprit: ROGUE,
                found: length,
                expected: 3,
            },
        );
        honest_nodes_hold_the_key(&world, &state);
    }
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, deal| deal.feldman.clear());
    only_fault(
        &state,
        Fault::FeldmanLength {
            culprit: ROGUE,
            found: 0,
            expected: 3,
        },
    );
}

#[test]
fn a_vector_made_for_another_generator_is_refused() {
    // With base 2·B8 all shares check out against a vector that brings its own generator.
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, deal| {
        for point in &mut deal.feldman {
            *point = point.mul(&Scalar::from(2u8)).unwrap();
        }
    });
    only_fault(&state, Fault::Possession { culprit: ROGUE });
    // And with a proof for what it sends, the shares don't fit.
    let state = world.play_with(&rogue, |_, deal| {
        for point in &mut deal.feldman {
            *point = point.mul(&Scalar::from(2u8)).unwrap();
        }
        let doubled = pair_of(*rogue.coefficients[0].secret.expose() * Scalar::from(2u8));
        let nonce = pair_of(Scalar::from(4242u32));
        deal.possession = prove_exponent(
            &world.ctx,
            Purpose::Possession { dealer: ROGUE },
            &doubled,
            &nonce,
        );
    });
    assert!(state.faults().contains(&Fault::WrongShare {
        culprit: ROGUE,
        victim: 2
    }));
    assert_eq!(state.outcome().unwrap().good(), [0, 2, 3]);
}

#[test]
fn a_rogue_key_has_no_proof_of_possession() {
    // K would be the rogue's own key, if it could deal (its key - the others' constant terms).
    let (world, rogue) = world_and_rogue();
    let others: EdwardsProjective = world
        .play_honestly()
        .deals()
        .values()
        .filter(|d| d.dealer() != ROGUE)
        .map(|d| d.commitments()[0].affine())
        .sum();
    let cancelling =
        Point::from_subgroup(EdwardsProjective::from(rogue.key.public.affine()) - others).unwrap();
    let state = world.play_with(&rogue, |_, deal| deal.feldman[0] = cancelling);
    only_fault(&state, Fault::Possession { culprit: ROGUE });
}

#[test]
fn a_proof_of_possession_cannot_be_borrowed() {
    let (world, rogue) = world_and_rogue();
    let victim = world.nodes[0]
        .deal(world.play_honestly().participants())
        .unwrap();
    let state = world.play_with(&rogue, |_, deal| {
        deal.feldman = victim.feldman.clone();
        deal.possession = victim.possession;
    });
    only_fault(&state, Fault::Possession { culprit: ROGUE });
}

#[test]
fn a_copied_encryption_key_is_refused() {
    let (world, rogue) = world_and_rogue();
    let victim = world.nodes[0].keys();
    let state = world.play(|state, from, honest| match (from, state.stage()) {
        (ROGUE, Stage::Running(Phase::Keys)) => Some(victim.into()),
        (ROGUE, _) => rogue.act(state, |_, _| {}),
        _ => honest,
    });
    only_fault(&state, Fault::KeyProof { culprit: ROGUE });
    assert_eq!(state.participants().nodes().collect::<Vec<_>>(), [0, 2, 3]);
}

#[test]
fn a_copy_that_arrives_before_the_original_does_not_harm_its_owner() {
    let world = World::new(4);
    let mut state = DkgState::new(world.ctx);
    let original = DkgMessage::from(world.nodes[2].keys());
    assert_eq!(
        state.receive(ROGUE, &original),
        Ok(vec![Fault::KeyProof { culprit: ROGUE }])
    );
    assert_eq!(state.receive(2, &original), Ok(Vec::new()));
}

#[test]
fn two_nodes_that_share_one_key_are_told_apart_by_who_came_first() {
    let world = World::new(4);
    let (first, mut second) = (Rogue::new(world.ctx, 0), Rogue::new(world.ctx, ROGUE));
    second.key = pair_of(*first.key.secret.expose());
    let mut state = DkgState::new(world.ctx);
    assert_eq!(state.receive(0, &first.keys().into()), Ok(Vec::new()));
    assert_eq!(
        state.receive(ROGUE, &second.keys().into()),
        Ok(vec![Fault::RepeatedPoint { culprit: ROGUE }])
    );
}

#[test]
fn a_dealing_that_does_not_match_its_commitment_is_refused() {
    let (world, rogue) = world_and_rogue();
    // Committed to one vector, dealt another: it would choose after seeing the others'.
    let other = pair_of(Scalar::from(77u8));
    let state = world.play(|state, from, honest| match (from, state.stage()) {
        (ROGUE, Stage::Running(Phase::Deal)) => {
            rogue.act(state, |_, deal| deal.feldman[1] = other.public)
        }
        (ROGUE, _) => rogue.act(state, |_, _| {}),
        _ => honest,
    });
    only_fault(&state, Fault::CommitmentMismatch { culprit: ROGUE });
}

#[test]
fn a_commitment_cannot_be_copied() {
    let (world, rogue) = world_and_rogue();
    let copied = world.nodes[0].commit();
    let participants = world.play_honestly().participants().clone();
    let state = world.play(|state, from, honest| match (from, state.stage()) {
        (ROGUE, Stage::Running(Phase::Commit)) => Some(copied.into()),
        (ROGUE, Stage::Running(Phase::Deal)) => {
            // The very dealing that the copied commitment was made for.
            Some(world.nodes[0].deal(&participants).unwrap().into())
        }
        (ROGUE, _) => rogue.act(state, |_, _| {}),
        _ => honest,
    });
    assert!(
        state
            .faults()
            .contains(&Fault::CommitmentMismatch { culprit: ROGUE })
    );
    assert_eq!(state.outcome().unwrap().good(), [0, 2, 3]);
}

#[test]
fn a_dealer_that_vanishes_after_committing_is_absent_and_no_cheat() {
    let world = World::new(4);
    let state = world.play(|state, from, honest| {
        honest.filter(|_| {
            from != ROGUE || matches!(state.stage(), Stage::Running(Phase::Keys | Phase::Commit))
        })
    });
    let faults = [Phase::Deal, Phase::Complain].map(|phase| Fault::Absent {
        culprit: ROGUE,
        phase,
    });
    assert_eq!(state.faults(), faults);
    assert!(faults.iter().all(|fault| fault.blame() == Blame::Absent));
    assert_eq!(state.outcome().unwrap().good(), [0, 2, 3]);
    // It still gets a share: its key was in time.
    world.share(&state, ROGUE);
}

#[test]
fn a_copied_ephemeral_of_another_dealer_is_refused() {
    // Else node 2 complains about the copy, and its published point opens node 0's share.
    let (world, rogue) = world_and_rogue();
    let victim = world.nodes[0]
        .deal(world.play_honestly().participants())
        .unwrap();
    let state = world.play_with(&rogue, |_, deal| {
        deal.shares[2].ephemeral = victim.shares[2].ephemeral;
        deal.shares[2].proof = victim.shares[2].proof;
    });
    only_fault(
        &state,
        Fault::EphemeralProof {
            culprit: ROGUE,
            recipient: 2,
        },
    );
    // No complaint is due, so no point is published.
    assert!(state.has_heard(2, Phase::Complain));
}

#[test]
fn a_dealer_that_repeats_a_point_is_refused() {
    let (world, rogue) = world_and_rogue();
    let twice = rogue.fresh();
    // For two recipients; as its own key; as the constant term of its polynomial.
    let reuse = [
        vec![(2, &twice), (3, &twice)],
        vec![(2, &rogue.key)],
        vec![(2, &rogue.coefficients[0])],
    ];
    for points in reuse {
        let state = world.play_with(&rogue, |participants, deal| {
            for &(recipient, ephemeral) in &points {
                let key = participants.key(recipient).unwrap();
                let plain = scalar_to_bytes(&rogue.value(recipient));
                deal.shares[usize::from(recipient)] =
                    rogue.encrypt(recipient, &key, ephemeral, &plain);
            }
        });
        only_fault(&state, Fault::RepeatedPoint { culprit: ROGUE });
    }
}

#[test]
fn an_ephemeral_without_a_proof_is_refused() {
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, deal| {
        deal.shares[3].proof.response.0 += Scalar::from(1u8);
    });
    only_fault(
        &state,
        Fault::EphemeralProof {
            culprit: ROGUE,
            recipient: 3,
        },
    );
}

#[test]
fn a_dealing_goes_to_exactly_the_participants() {
    let (world, rogue) = world_and_rogue();
    let spoils: [&dyn Fn(&mut Vec<EncryptedShare>); 4] = [
        &|shares| {
            shares.pop();
        },
        &|shares| shares.swap(0, 2),
        &|shares| shares[2] = shares[3],
        &|shares| {
            let extra = EncryptedShare {
                recipient: 4,
                ..shares[3]
            };
            shares.push(extra);
        },
    ];
    for spoil in spoils {
        let state = world.play_with(&rogue, |_, deal| {
            spoil(&mut deal.shares);
        });
        only_fault(&state, Fault::Recipients { culprit: ROGUE });
    }
}

#[test]
fn a_wrong_confirmation_makes_no_holder() {
    let (world, rogue) = world_and_rogue();
    let wrong: [&dyn Fn(&mut DkgConfirm); 2] = [&|c| c.k = Point::generator(), &|c| {
        c.digest = Digest([0; 32])
    }];
    for spoil in wrong {
        let state = world.play(|state, from, honest| {
            if from != ROGUE {
                return honest;
            }
            rogue.act(state, |_, _| {}).map(|message| match message {
                DkgMessage::Confirm(mut confirm) => {
                    spoil(&mut confirm);
                    confirm.into()
                }
                other => other,
            })
        });
        assert_eq!(
            state.faults(),
            [Fault::WrongConfirmation { culprit: ROGUE }]
        );
        assert!(state.holders().eq([0, 2, 3]));
    }
}

#[test]
fn proofs_of_another_statement_attempt_or_committee_prove_nothing_here() {
    let world = World::new(4);
    let mut contexts = [world.ctx; 3];
    contexts[0].at.attempt = 1;
    contexts[1].at.statement = StatementId(Digest([9; 32]));
    contexts[2].fingerprint = Fingerprint(Digest([9; 32]));
    for ctx in contexts {
        let rogue = Rogue::new(ctx, ROGUE);
        let mut state = DkgState::new(world.ctx);
        let mut keys = rogue.keys();
        if ctx.at != world.ctx.at {
            assert_eq!(
                state.receive(ROGUE, &keys.into()),
                Err(Refusal::OtherAttempt)
            );
        }
        keys.at = world.ctx.at;
        assert_eq!(
            state.receive(ROGUE, &keys.into()),
            Ok(vec![Fault::KeyProof { culprit: ROGUE }])
        );
    }
}

/// A point of the curve outside of the prime subgroup: `p` plus one of order 2, 4 or 8.
fn with_torsion(p: &Point) -> Vec<[u8; 32]> {
    let mut y = Fr::from(1u8);
    let torsion = loop {
        y += Fr::from(1u8);
        let Some(q) = EdwardsAffine::get_point_from_y_unchecked(y, false) else {
            continue;
        };
        let t = q.mul_bigint(Scalar::MODULUS);
        if !(t + t + t + t).is_zero() {
            break t;
        }
    };
    let mut sum = EdwardsProjective::from(p.affine());
    (1..8)
        .map(|_| {
            sum += torsion;
            let mut bytes = [0; 32];
            sum.into_affine()
                .serialize_compressed(&mut bytes[..])
                .unwrap();
            bytes
        })
        .collect()
}

#[test]
fn low_order_components_are_refused_when_a_message_is_decoded() {
    fn refused<M: Decode + Encode + std::fmt::Debug + PartialEq>(message: &M, point: &Point) {
        let bytes = message.to_bytes();
        assert_eq!(M::from_bytes(&bytes).as_ref(), Ok(message));
        let at = bytes
            .windows(32)
            .position(|w| w == point.to_bytes())
            .unwrap();
        for bad in with_torsion(point) {
            let mut bytes = bytes.clone();
            bytes[at..at + 32].copy_from_slice(&bad);
            assert_eq!(M::from_bytes(&bytes), Err(DecodeError::Invalid("a point")));
        }
    }
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, _| {});
    let keys = rogue.keys();
    refused(&keys, &keys.key);
    refused(&keys, &keys.proof.commitment);
    let deal = rogue.deal(state.participants());
    refused(&deal, &deal.feldman[0]);
    refused(&deal, &deal.possession.commitment);
    refused(&deal, &deal.shares[2].ephemeral);
    refused(&deal, &deal.shares[2].proof.commitment);
    let complaint = rogue.complaint(&state.deals()[&0]);
    refused(
        &DkgComplain {
            at: world.ctx.at,
            complaints: vec![complaint],
        },
        &complaint.ecdh,
    );
    let DkgMessage::Confirm(confirm) = world.nodes[0].respond(&confirming(&world)).unwrap() else {
        panic!()
    };
    refused(&confirm, &confirm.k);
}

fn confirming(world: &World) -> DkgState {
    let mut kept = None;
    world.play(|state, _, honest| {
        if state.stage() == Stage::Running(Phase::Confirm) && kept.is_none() {
            kept = Some(state.clone());
        }
        honest
    });
    kept.unwrap()
}
