//! Openings: what t holders can do, what fewer can't, and who is named for a wrong part.

use proptest::prelude::*;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::field::FieldElement;
use tacit_protocol::opening::{CHUNK, Ciphertext, Partial};

use super::*;
use crate::curve::{Combination, msm, to_points};
use crate::opening::{
    Chunk, OpeningContext, OpeningError, Quorum, VerifiedPartial, chunk_digest, judge_partial,
    partial,
};
use crate::proofs::weights;
use crate::sharing::lagrange;

const TRIGGER: u64 = 77;

/// An opened statement: its set, and what sealing it knew.
struct Opening {
    world: World,
    state: DkgState,
    entries: Vec<(u64, Ciphertext)>,
    /// S = r·K for each entry, as its signer computed it.
    openings: Vec<Point>,
    ctx: OpeningContext,
}

impl Opening {
    fn new(world: World, entries: usize) -> Self {
        let state = world.play_honestly();
        let k = state.outcome().unwrap().k();
        let (entries, openings): (Vec<_>, Vec<_>) = (0..entries as u64)
            .map(|i| {
                let r = Scalar::from(1_000_003 * (i + 1));
                let c1 = Point::mul_generator(&r).unwrap();
                let c2 = FieldElement(i.into());
                ((10 + 2 * i, Ciphertext { c1, c2 }), k.mul(&r).unwrap())
            })
            .unzip();
        let ctx = context_of(&state, &entries, TRIGGER);
        Self {
            world,
            state,
            entries,
            openings,
            ctx,
        }
    }

    fn of(nodes: usize, entries: usize) -> Self {
        Self::new(World::new(nodes), entries)
    }

    fn chunk(&self, number: usize) -> Chunk {
        let entries = self.entries.chunks(CHUNK).nth(number).unwrap();
        self.ctx.chunk(number as u32, entries).unwrap()
    }

    fn partial(&self, node: NodeIndex, chunk: &Chunk) -> Partial {
        partial(&self.world.share(&self.state, node), &self.ctx, chunk).unwrap()
    }

    fn verified(&self, node: NodeIndex, chunk: &Chunk) -> VerifiedPartial {
        judge_partial(&self.ctx, chunk, node, &self.partial(node, chunk)).unwrap()
    }

    fn judge(&self, node: NodeIndex, partial: &Partial) -> Result<VerifiedPartial, Fault> {
        judge_partial(&self.ctx, &self.chunk(0), node, partial)
    }
}

fn context_of(state: &DkgState, entries: &[(u64, Ciphertext)], trigger: u64) -> OpeningContext {
    let digests = (0..)
        .zip(entries.chunks(CHUNK))
        .map(|(i, chunk)| chunk_digest(i, chunk))
        .collect();
    OpeningContext::new(
        state.outcome().unwrap(),
        trigger,
        entries.len() as u32,
        digests,
    )
    .unwrap()
}

fn wrong(node: NodeIndex) -> Result<VerifiedPartial, Fault> {
    Err(Fault::PartialProof {
        culprit: node,
        chunk: 0,
    })
}

#[test]
fn every_quorum_opens_every_entry_and_to_the_same() {
    let opening = Opening::of(5, 7);
    let chunk = opening.chunk(0);
    let verified: Vec<_> = (0..5).map(|node| opening.verified(node, &chunk)).collect();
    for without in 0..5 {
        let mut quorum = verified.clone();
        quorum.remove(without);
        let quorum = Quorum::new(&opening.ctx, &chunk, quorum).unwrap();
        assert_eq!(quorum.combine().unwrap(), opening.openings);
    }
}

#[test]
fn a_set_is_opened_in_chunks() {
    let opening = Opening::of(4, CHUNK + 3);
    assert_eq!(opening.ctx.chunks(), 2);
    assert_eq!(opening.ctx.range(0), Some(0..CHUNK as u32));
    assert_eq!(opening.ctx.range(1), Some(CHUNK as u32..CHUNK as u32 + 3));
    assert_eq!(opening.ctx.range(2), None);
    assert_eq!(opening.ctx.range(u32::MAX), None);
    let mut opened = Vec::new();
    for number in 0..2 {
        let chunk = opening.chunk(number);
        let quorum = [0, 1, 3]
            .map(|node| opening.verified(node, &chunk))
            .to_vec();
        opened.extend(
            Quorum::new(&opening.ctx, &chunk, quorum)
                .unwrap()
                .combine()
                .unwrap(),
        );
    }
    assert_eq!(opened, opening.openings);
}

#[test]
fn only_exactly_t_partials_of_different_nodes_make_a_quorum() {
    let opening = Opening::of(4, 2);
    let chunk = opening.chunk(0);
    let verified: Vec<_> = (0..4).map(|node| opening.verified(node, &chunk)).collect();
    let quorum = |nodes: &[usize]| {
        Quorum::new(
            &opening.ctx,
            &chunk,
            nodes.iter().map(|&n| verified[n].clone()).collect(),
        )
        .map(|_| ())
    };
    for count in [0, 1, 2, 4] {
        assert_eq!(
            quorum(&[0, 1, 2, 3][..count]),
            Err(OpeningError::Count {
                have: count,
                need: 3
            })
        );
    }
    assert_eq!(quorum(&[0, 1, 1]), Err(OpeningError::SameNode(1)));
    assert_eq!(quorum(&[3, 1, 3]), Err(OpeningError::SameNode(3)));
    assert_eq!(quorum(&[3, 1, 0]), Ok(()));
}

#[test]
fn partials_of_another_set_or_chunk_do_not_combine() {
    let opening = Opening::of(4, CHUNK + 1);
    let (first, second) = (opening.chunk(0), opening.chunk(1));
    let mixed = vec![
        opening.verified(0, &first),
        opening.verified(1, &second),
        opening.verified(2, &first),
    ];
    assert_eq!(
        Quorum::new(&opening.ctx, &first, mixed).unwrap_err(),
        OpeningError::OtherSet(1)
    );

    let entries = &opening.entries[..1];
    let later = context_of(&opening.state, entries, TRIGGER + 1);
    let chunk = later.chunk(0, entries).unwrap();
    let share = opening.world.share(&opening.state, 2);
    let other =
        judge_partial(&later, &chunk, 2, &partial(&share, &later, &chunk).unwrap()).unwrap();
    let mixed = vec![
        opening.verified(0, &second),
        opening.verified(1, &second),
        other,
    ];
    assert_eq!(
        Quorum::new(&opening.ctx, &second, mixed).unwrap_err(),
        OpeningError::OtherSet(2)
    );
}

#[test]
fn a_chunk_is_exactly_the_sets_entries() {
    let opening = Opening::of(4, 4);
    let refused = |entries: &[(u64, Ciphertext)]| {
        assert_eq!(
            opening.ctx.chunk(0, entries),
            Err(OpeningError::NotThisChunk(0))
        );
    };
    refused(&opening.entries[..3]);
    refused(&[]);
    let mut changed = opening.entries.clone();
    changed.swap(0, 1);
    refused(&changed);
    changed = opening.entries.clone();
    changed[3].0 += 1;
    refused(&changed);
    changed = opening.entries.clone();
    changed[2].1.c1 = Point::generator();
    refused(&changed);
    changed = opening.entries.clone();
    changed[2].1.c2 = FieldElement(99u64.into());
    refused(&changed);
    assert_eq!(
        opening.ctx.chunk(1, &opening.entries),
        Err(OpeningError::NotThisChunk(1))
    );
    let outcome = opening.state.outcome().unwrap();
    let too_many = OpeningContext::new(outcome, TRIGGER, 4, vec![Digest::ZERO; 2]);
    assert_eq!(
        too_many.unwrap_err(),
        OpeningError::Chunks {
            found: 2,
            expected: 1
        }
    );
}

#[test]
fn a_partial_that_is_wrong_for_one_ciphertext_names_its_node() {
    let opening = Opening::of(4, 6);
    let good = opening.partial(2, &opening.chunk(0));
    for entry in 0..6 {
        let mut bad = good.clone();
        bad.points[entry] = Point::generator();
        assert_eq!(opening.judge(2, &bad), wrong(2), "entry {entry}");
    }
}

#[test]
fn errors_that_cancel_and_points_that_are_swapped_are_found() {
    let opening = Opening::of(4, 6);
    let good = opening.partial(2, &opening.chunk(0));
    let mut bad = good.clone();
    bad.points.swap(1, 4);
    assert_eq!(opening.judge(2, &bad), wrong(2));

    let shifted = |p: &Point, sign: bool| {
        let (p, g) = (p.affine(), Point::generator().affine());
        Point::from_subgroup(if sign { p + g } else { p - g }).unwrap()
    };
    bad = good.clone();
    bad.points[1] = shifted(&good.points[1], true);
    bad.points[4] = shifted(&good.points[4], false);
    assert_eq!(opening.judge(2, &bad), wrong(2));
}

#[test]
fn errors_that_cancel_under_the_weights_of_the_right_points_are_found() {
    // Were the weights known before the points are fixed, a node could choose its errors by them.
    let opening = Opening::of(4, 6);
    let chunk = opening.chunk(0);
    let good = opening.partial(2, &chunk);
    let key = opening
        .state
        .outcome()
        .unwrap()
        .verification_key(2)
        .unwrap();
    let w = weights(chunk.transcript(2, &key, &good.points), 6);
    let shifted = |p: &Point, by: Scalar| {
        let error = Point::generator().affine() * by;
        Point::from_subgroup(error + p.affine()).unwrap()
    };
    let mut bad = good.clone();
    bad.points[1] = shifted(&good.points[1], w[4]);
    bad.points[4] = shifted(&good.points[4], -w[1]);
    let folded = |p: &Partial| {
        let points: Vec<_> = p.points.iter().map(Point::affine).collect();
        msm(&points, &w)
    };
    assert_eq!(folded(&bad), folded(&good));
    assert_eq!(opening.judge(2, &bad), wrong(2));
}

#[test]
fn a_proof_by_another_share_names_its_node() {
    // All points and the proof are consistent, but with a share that isn't node 2's.
    let opening = Opening::of(4, 3);
    let of_node_0 = opening.partial(0, &opening.chunk(0));
    assert_eq!(opening.judge(2, &of_node_0), wrong(2));
    let mut mixed = opening.partial(2, &opening.chunk(0));
    mixed.proof = of_node_0.proof;
    assert_eq!(opening.judge(2, &mixed), wrong(2));
}

#[test]
fn a_node_without_a_share_is_named_for_posting() {
    let world = World::new(4);
    let state = world.play(|_, from, honest| honest.filter(|_| from != 3));
    let entries = vec![(
        0,
        Ciphertext {
            c1: pair_of(Scalar::from(5u8)).public,
            c2: FieldElement(0u64.into()),
        },
    )];
    let ctx = context_of(&state, &entries, TRIGGER);
    let chunk = ctx.chunk(0, &entries).unwrap();
    let borrowed = partial(&world.share(&state, 0), &ctx, &chunk).unwrap();
    assert_eq!(judge_partial(&ctx, &chunk, 3, &borrowed), wrong(3));
}

#[test]
fn a_partial_fits_its_chunk_and_statement() {
    let opening = Opening::of(4, 3);
    let good = opening.partial(1, &opening.chunk(0));
    assert!(opening.judge(1, &good).is_ok());
    let shape = |chunk| Err(Fault::PartialShape { culprit: 1, chunk });
    let mut bad = good.clone();
    bad.points.pop();
    assert_eq!(opening.judge(1, &bad), shape(0));
    bad = good.clone();
    bad.points.push(Point::generator());
    assert_eq!(opening.judge(1, &bad), shape(0));
    bad = good.clone();
    bad.chunk = 1;
    assert_eq!(opening.judge(1, &bad), shape(1));
    bad = good.clone();
    bad.statement = StatementId(Digest([9; 32]));
    assert_eq!(
        opening.judge(1, &bad),
        Err(Fault::OtherAttempt { culprit: 1 })
    );
    bad = good;
    bad.proof.response.0 += Scalar::from(1u8);
    assert_eq!(opening.judge(1, &bad), wrong(1));
}

#[test]
fn a_proof_is_bound_to_the_trigger_the_set_and_the_chunk() {
    let opening = Opening::of(4, CHUNK + 3);
    // The same three entries, and D's that are right for them: as a set, as the last chunk of a larger one,
    // at other positions, at another trigger.
    let entries = opening.entries[CHUNK..].to_vec();
    let mut moved = entries.clone();
    moved[0].0 += 1;
    let chunks = [
        (opening.ctx.clone(), opening.chunk(1)),
        alone(&opening, &entries, TRIGGER),
        alone(&opening, &entries, TRIGGER + 1),
        alone(&opening, &moved, TRIGGER),
    ];
    let share = opening.world.share(&opening.state, 1);
    for (i, (ctx, chunk)) in chunks.iter().enumerate() {
        let made = partial(&share, ctx, chunk).unwrap();
        for (j, (ctx, chunk)) in chunks.iter().enumerate() {
            let replayed = Partial {
                chunk: chunk.number(),
                ..made.clone()
            };
            assert_eq!(
                judge_partial(ctx, chunk, 1, &replayed).is_ok(),
                i == j,
                "{i} as {j}"
            );
        }
    }
}

#[test]
fn a_proof_is_bound_to_its_chunk_even_if_another_holds_the_same_points() {
    let mut opening = Opening::of(4, CHUNK);
    let again: Vec<_> = opening
        .entries
        .iter()
        .map(|(at, c)| (at + 10_000, *c))
        .collect();
    opening.entries.extend(again);
    opening.ctx = context_of(&opening.state, &opening.entries, TRIGGER);
    let mut replayed = opening.partial(1, &opening.chunk(0));
    replayed.chunk = 1;
    assert_eq!(
        opening.partial(1, &opening.chunk(1)).points,
        replayed.points
    );
    let verdict = judge_partial(&opening.ctx, &opening.chunk(1), 1, &replayed);
    assert_eq!(
        verdict,
        Err(Fault::PartialProof {
            culprit: 1,
            chunk: 1
        })
    );
}

fn alone(
    opening: &Opening,
    entries: &[(u64, Ciphertext)],
    trigger: u64,
) -> (OpeningContext, Chunk) {
    let ctx = context_of(&opening.state, entries, trigger);
    let chunk = ctx.chunk(0, entries).unwrap();
    (ctx, chunk)
}

#[test]
fn a_proof_is_bound_to_the_statement_the_attempt_and_the_committee() {
    // The same share, key and entries in every context: only the names differ.
    let opening = Opening::of(4, 2);
    let key = opening.world.share(&opening.state, 1);
    let mut contexts = [opening.world.ctx; 4];
    contexts[1].at.attempt = 1;
    contexts[2].at.statement = StatementId(Digest([9; 32]));
    contexts[3].fingerprint = Fingerprint(Digest([9; 32]));
    let openings = contexts.map(|ctx| {
        let outcome = opening.state.outcome().unwrap().renamed(ctx);
        let digest = chunk_digest(0, &opening.entries);
        let opened = OpeningContext::new(&outcome, TRIGGER, 2, vec![digest]).unwrap();
        let chunk = opened.chunk(0, &opening.entries).unwrap();
        (opened, chunk, ctx)
    });
    for (i, (ctx, chunk, name)) in openings.iter().enumerate() {
        let made = partial(&key.renamed(*name), ctx, chunk).unwrap();
        for (j, (ctx, chunk, name)) in openings.iter().enumerate() {
            let replayed = Partial {
                statement: name.at.statement,
                ..made.clone()
            };
            assert_eq!(
                judge_partial(ctx, chunk, 1, &replayed).is_ok(),
                i == j,
                "{i} as {j}"
            );
        }
    }
}

#[test]
fn a_transcript_has_the_node_its_key_and_all_points_in_order() {
    let opening = Opening::of(4, 2);
    let chunk = opening.chunk(0);
    let [a, b] = opening.partial(1, &chunk).points[..] else {
        panic!("two entries")
    };
    let transcripts = [
        chunk.transcript(1, &a, &[a, b]),
        chunk.transcript(2, &a, &[a, b]),
        chunk.transcript(1, &b, &[a, b]),
        chunk.transcript(1, &a, &[b, a]),
        chunk.transcript(1, &a, &[a, a]),
    ];
    let distinct: std::collections::BTreeSet<_> = transcripts.iter().collect();
    assert_eq!(distinct.len(), transcripts.len());
}

#[test]
fn a_share_helps_with_its_own_key_only() {
    let opening = Opening::of(4, 2);
    let other = World::at(context(4, 1));
    let share = other.share(&other.play_honestly(), 1);
    assert_eq!(
        partial(&share, &opening.ctx, &opening.chunk(0)),
        Err(OpeningError::OtherKey)
    );
    let (later, _) = alone(&opening, &opening.entries, TRIGGER + 1);
    let own = opening.world.share(&opening.state, 1);
    assert_eq!(
        partial(&own, &later, &opening.chunk(0)),
        Err(OpeningError::OtherKey)
    );
}

#[test]
fn a_partial_is_the_same_when_it_is_made_again_and_survives_its_encoding() {
    let opening = Opening::of(4, 3);
    let chunk = opening.chunk(0);
    let made = opening.partial(2, &chunk);
    assert_eq!(opening.partial(2, &chunk), made);
    assert_eq!(Partial::from_bytes(&made.to_bytes()), Ok(made));
}

#[test]
fn different_sets_never_share_a_nonce() {
    // One nonce for two challenges is the share: k = (z1 - z2) / (c2 - c1).
    let opening = Opening::of(4, 3);
    let share = opening.world.share(&opening.state, 1);
    let mut seen = Vec::new();
    for trigger in 0..8 {
        let (ctx, chunk) = alone(&opening, &opening.entries, trigger);
        let proof = partial(&share, &ctx, &chunk).unwrap().proof;
        let nonce = proof.response.0 + proof.challenge.0 * share.expose().expose();
        assert!(!seen.contains(&nonce));
        seen.push(nonce);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 14, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_t_honest_partials_open_and_any_fewer_say_nothing(n in 4usize..=10, start in 0usize..10) {
        let opening = Opening::of(n, 2);
        let chunk = opening.chunk(0);
        let t = opening.world.ctx.committee.threshold();
        let nodes: Vec<NodeIndex> = (0..t).map(|i| ((start + i * (n - 1)) % n) as NodeIndex).collect();
        let verified: Vec<_> = nodes.iter().map(|&node| opening.verified(node, &chunk)).collect();
        let quorum = Quorum::new(&opening.ctx, &chunk, verified.clone()).unwrap();
        prop_assert_eq!(quorum.combine().unwrap(), opening.openings.clone());

        for fewer in 1..t {
            let error = Quorum::new(&opening.ctx, &chunk, verified[..fewer].to_vec()).unwrap_err();
            prop_assert_eq!(error, OpeningError::Count { have: fewer, need: t });
            // Who combines them all the same gets another point.
            let points: Vec<_> = nodes[..fewer]
                .iter()
                .map(|&node| opening.partial(node, &chunk).points[0].affine())
                .collect();
            let combined = msm(&points, &lagrange(&nodes[..fewer]));
            prop_assert_ne!(to_points(&[combined]).unwrap()[0], opening.openings[0]);
            let points: Vec<_> = points.into_iter().map(Into::into).collect();
            prop_assert_eq!(Combination::new(&lagrange(&nodes[..fewer])).apply(&points), combined);
        }
    }
}
