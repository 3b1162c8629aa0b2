//! Wrong shares, and complaints about them, true and false: the right node is named.

use ark_ff::{BigInteger as _, PrimeField as _};

use super::*;
use crate::node::NodeError;
use crate::state::Failure;
use crate::{Verdict, judge_complaint};

#[test]
fn a_wrong_share_to_one_victim_excludes_the_dealer() {
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |participants, deal| {
        let key = participants.key(2).unwrap();
        let wrong = rogue.value(2) + Scalar::from(1u8);
        deal.shares[2] = rogue.encrypt(2, &key, &rogue.fresh(), &scalar_to_bytes(&wrong));
    });
    only_fault(
        &state,
        Fault::WrongShare {
            culprit: ROGUE,
            victim: 2,
        },
    );
    honest_nodes_hold_the_key(&world, &state);
}

#[test]
fn a_share_that_does_not_decrypt_excludes_the_dealer() {
    let (world, rogue) = world_and_rogue();
    for byte in [0, 31, 32, 47] {
        let state = world.play_with(&rogue, |_, deal| {
            deal.shares[2].ciphertext[byte] ^= 1;
        });
        only_fault(
            &state,
            Fault::WrongShare {
                culprit: ROGUE,
                victim: 2,
            },
        );
    }
}

#[test]
fn a_share_that_is_no_canonical_scalar_excludes_the_dealer() {
    let (world, rogue) = world_and_rogue();
    let mut wrapped = rogue.value(2).into_bigint();
    assert!(!wrapped.add_with_carry(&Scalar::MODULUS));
    let state = world.play_with(&rogue, |participants, deal| {
        let key = participants.key(2).unwrap();
        let plain: [u8; 32] = wrapped.to_bytes_le().try_into().unwrap();
        deal.shares[2] = rogue.encrypt(2, &key, &rogue.fresh(), &plain);
    });
    only_fault(
        &state,
        Fault::WrongShare {
            culprit: ROGUE,
            victim: 2,
        },
    );
}

#[test]
fn a_dealer_that_cheats_two_victims_is_named_for_both() {
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, deal| {
        for share in deal.shares.iter_mut().skip(2) {
            share.ciphertext[0] ^= 1;
        }
    });
    let fault = |victim| Fault::WrongShare {
        culprit: ROGUE,
        victim,
    };
    assert_eq!(state.faults(), [fault(2), fault(3)]);
    assert_eq!(state.outcome().unwrap().good(), [0, 2, 3]);
}

#[test]
fn a_dealer_that_spoils_its_own_share_harms_itself_only() {
    let (world, rogue) = world_and_rogue();
    let state = world.play_with(&rogue, |_, deal| {
        deal.shares[1].ciphertext[0] ^= 1;
    });
    assert_eq!(state.faults(), []);
    honest_nodes_hold_the_key(&world, &state);
}

#[test]
fn a_wrong_share_to_a_victim_that_comes_too_late_is_still_evidence() {
    let (world, rogue) = world_and_rogue();
    let spoils: [&dyn Fn(&Participants, &mut DkgDeal); 2] = [
        &|_, deal| deal.shares[2].ciphertext[0] ^= 1,
        &|participants, deal| {
            let key = participants.key(2).unwrap();
            let wrong = rogue.value(2) + Scalar::from(1u8);
            deal.shares[2] = rogue.encrypt(2, &key, &rogue.fresh(), &scalar_to_bytes(&wrong));
        },
    ];
    for spoil in spoils {
        let mut state = world.play(|state, from, honest| match (from, state.stage()) {
            (ROGUE, _) => rogue.act(state, spoil),
            (2, Stage::Running(Phase::Complain | Phase::Confirm)) => None,
            _ => honest,
        });
        assert_eq!(state.stage(), Stage::Done);
        assert_eq!(state.outcome().unwrap().good(), [0, 1, 2, 3]);
        let no_share = world.nodes[2].recover(&state).unwrap_err();
        assert_eq!(no_share, NodeError::WrongShare { dealer: ROGUE });

        let outcome = state.outcome().unwrap().clone();
        let complaint = world.nodes[2].respond(&state).unwrap();
        let fault = Fault::WrongShare {
            culprit: ROGUE,
            victim: 2,
        };
        assert_eq!(state.receive(2, &complaint), Ok(vec![fault]));
        // The key stands: signatures may be sealed to it already.
        assert_eq!(state.outcome(), Some(&outcome));
        assert_eq!(world.nodes[2].respond(&state), None);
    }
}

#[test]
fn a_false_complaint_names_the_complainer_and_excludes_nobody() {
    let (world, rogue) = world_and_rogue();
    let state = world.play(|state, from, honest| match (from, state.stage()) {
        (ROGUE, Stage::Running(Phase::Complain)) => {
            let complaints = vec![rogue.complaint(&state.deals()[&0])];
            Some(
                DkgComplain {
                    at: world.ctx.at,
                    complaints,
                }
                .into(),
            )
        }
        (ROGUE, _) => rogue.act(state, |_, _| {}),
        _ => honest,
    });
    assert_eq!(
        state.faults(),
        [Fault::FalseComplaint {
            culprit: ROGUE,
            dealer: 0
        }]
    );
    assert_eq!(state.outcome().unwrap().good(), [0, 1, 2, 3]);
    honest_nodes_hold_the_key(&world, &state);
}

#[test]
fn a_false_complaint_does_not_count_towards_those_who_are_content() {
    // One down and one lying are more than one of four.
    let (world, rogue) = world_and_rogue();
    let state = world.play(|state, from, honest| match (from, state.stage()) {
        (ROGUE, Stage::Running(Phase::Complain)) => {
            let complaints = vec![rogue.complaint(&state.deals()[&0])];
            let at = world.ctx.at;
            Some(DkgComplain { at, complaints }.into())
        }
        (ROGUE, _) => rogue.act(state, |_, _| {}),
        (3, Stage::Running(Phase::Complain)) => None,
        _ => honest,
    });
    let failure = Failure::TooFew {
        phase: Phase::Complain,
        have: 2,
        need: 3,
    };
    assert_eq!(state.stage(), Stage::Failed(failure));
}

#[test]
fn a_complaint_needs_a_proof_of_its_point() {
    let (world, rogue) = world_and_rogue();
    let mut state = None;
    world.play(|now, from, honest| {
        if now.stage() == Stage::Running(Phase::Complain) && state.is_none() {
            state = Some(now.clone());
        }
        if from == ROGUE {
            rogue.act(now, |_, _| {})
        } else {
            honest
        }
    });
    let state = state.unwrap();
    let judge = |by, complaint: &Complaint| {
        judge_complaint(
            &world.ctx,
            by,
            state.participants(),
            state.deals(),
            complaint,
        )
    };
    let good = rogue.complaint(&state.deals()[&0]);
    assert_eq!(
        judge(ROGUE, &good),
        Verdict::Refuted(Fault::FalseComplaint {
            culprit: ROGUE,
            dealer: 0
        })
    );

    let no_proof = Verdict::Refuted(Fault::ComplaintProof {
        culprit: ROGUE,
        dealer: 0,
    });
    // A point that makes the share look wrong.
    assert_eq!(
        judge(
            ROGUE,
            &Complaint {
                ecdh: rogue.fresh().public,
                ..good
            }
        ),
        no_proof
    );
    let mut bad = good;
    bad.proof.challenge.0 += Scalar::from(1u8);
    assert_eq!(judge(ROGUE, &bad), no_proof);
    bad = good;
    bad.proof.response.0 += Scalar::from(1u8);
    assert_eq!(judge(ROGUE, &bad), no_proof);
    // Another's complaint, or one about another dealer, sent again.
    assert_eq!(
        judge(2, &good),
        Verdict::Refuted(Fault::ComplaintProof {
            culprit: 2,
            dealer: 0
        })
    );
    let moved = Complaint { dealer: 3, ..good };
    assert_eq!(
        judge(ROGUE, &moved),
        Verdict::Refuted(Fault::ComplaintProof {
            culprit: ROGUE,
            dealer: 3
        })
    );
}

#[test]
fn a_complaint_is_about_someone_elses_dealing_and_made_once() {
    let (world, rogue) = world_and_rogue();
    let complain = |state: &DkgState, dealers: &[NodeIndex]| {
        let complaint = rogue.complaint(&state.deals()[&0]);
        let complaints = dealers
            .iter()
            .map(|&dealer| Complaint {
                dealer,
                ..complaint
            })
            .collect();
        DkgMessage::from(DkgComplain {
            at: world.ctx.at,
            complaints,
        })
    };
    let target = |dealer| Fault::ComplaintTarget {
        culprit: ROGUE,
        dealer,
    };
    let cases: [(&[NodeIndex], Vec<Fault>); 4] = [
        (&[ROGUE], vec![target(ROGUE)]),
        // Node 3 dealt nothing; there is no node 4.
        (&[3], vec![target(3)]),
        (&[4], vec![target(4)]),
        (
            &[0, 0],
            vec![
                Fault::FalseComplaint {
                    culprit: ROGUE,
                    dealer: 0,
                },
                target(0),
            ],
        ),
    ];
    for (dealers, expected) in cases {
        let mut found = Vec::new();
        world.play(|state, from, honest| match (from, state.stage()) {
            (ROGUE, Stage::Running(Phase::Complain)) => {
                let mut probe = state.clone();
                found = probe.receive(ROGUE, &complain(state, dealers)).unwrap();
                None
            }
            (ROGUE, _) => rogue.act(state, |_, _| {}),
            (3, Stage::Running(Phase::Commit)) => None,
            _ => honest,
        });
        assert_eq!(found, expected);
    }
}

#[test]
fn too_few_good_dealings_are_an_attempt_to_repeat() {
    let world = World::new(4);
    let rogues = [Rogue::new(world.ctx, 0), Rogue::new(world.ctx, 1)];
    let state = world.play(|state, from, honest| match rogues.get(usize::from(from)) {
        Some(rogue) => rogue.act(state, |_, deal| {
            deal.shares[2].ciphertext[0] ^= 1;
        }),
        None => honest,
    });
    assert_eq!(
        state.stage(),
        Stage::Failed(Failure::TooFewGood { have: 2, need: 3 })
    );
    assert_eq!(
        state
            .faults()
            .iter()
            .map(Fault::culprit)
            .collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn a_bad_leader_cannot_end_the_complaints_before_a_node_that_was_silent_before_has_made_its_own() {
    let world = World::new(7);
    let rogue = Rogue::new(world.ctx, ROGUE);
    let victim = 2;
    let mut state = DkgState::new(world.ctx);
    while let Stage::Running(phase) = state.stage() {
        let speak = |state: &mut DkgState, node: NodeIndex| {
            let message = if node == ROGUE {
                rogue.act(state, |_, deal| deal.shares[2].ciphertext[0] ^= 1)
            } else {
                world.nodes[usize::from(node)].respond(state)
            };
            if let Some(message) = message {
                state.receive(node, &message).unwrap();
            }
        };
        for node in (0..7).filter(|n| *n != victim) {
            speak(&mut state, node);
        }
        // The leader leaves the victim's message out as long as a phase may end without it.
        if phase == Phase::Keys || (phase != Phase::Commit && !state.is_complete()) {
            speak(&mut state, victim);
        }
        state.close_phase();
    }
    assert_eq!(state.stage(), Stage::Done);
    assert_eq!(state.outcome().unwrap().good(), [0, 3, 4, 5, 6]);
    world.share(&state, victim);
}
