//! Whole key generations and openings, honest and not. Here: the committee that plays them.

mod complaints;
mod culprits;
mod honest;
mod opening;
mod order;

use std::cell::Cell;

use tacit_protocol::dkg::{
    AttemptId, Complaint, DkgCommit, DkgComplain, DkgConfirm, DkgDeal, DkgKeys, EncryptedShare,
};
use tacit_protocol::field::{Scalar, SecretScalar, scalar_to_bytes};
use tacit_protocol::hash::Digest;
use tacit_protocol::ids::{Fingerprint, NodeIndex, StatementId};
use tacit_protocol::point::Point;
use tacit_protocol::proofs::SchnorrProof;

use crate::node::{KeyShare, NodeSecrets, Seed};
use crate::proofs::{KeyPair, Purpose, complaint_statement, prove_exponent, prove_same_exponent};
use crate::sharing::place;
use crate::state::{DkgEvent, DkgMessage, DkgState, Stage};
use crate::{
    Blame, Committee, DkgContext, Fault, Participants, Phase, VerifiedDeal, cipher, commitment,
};

fn context(nodes: usize, attempt: u8) -> DkgContext {
    DkgContext {
        fingerprint: Fingerprint(Digest([1; 32])),
        committee: Committee::new(nodes).unwrap(),
        at: AttemptId {
            statement: StatementId(Digest([2; 32])),
            attempt,
        },
    }
}

/// An honest committee.
struct World {
    ctx: DkgContext,
    nodes: Vec<NodeSecrets>,
}

impl World {
    fn new(nodes: usize) -> Self {
        Self::at(context(nodes, 0))
    }

    fn at(ctx: DkgContext) -> Self {
        let nodes = ctx
            .committee
            .members()
            .map(|node| NodeSecrets::derive(&seed(node), &ctx, node))
            .collect();
        Self { ctx, nodes }
    }

    /// Plays to the end. In each phase `speak` gets each node and decides what it says. Returns all that
    /// happened, too.
    fn play_events(
        &self,
        mut speak: impl FnMut(&DkgState, &NodeSecrets) -> Option<DkgMessage>,
    ) -> (DkgState, Vec<DkgEvent>) {
        let mut state = DkgState::new(self.ctx);
        let mut events = Vec::new();
        while matches!(state.stage(), Stage::Running(_)) {
            for node in &self.nodes {
                if let Some(message) = speak(&state, node) {
                    let _ = state.receive(node.node(), &message);
                    events.push(DkgEvent::Message(node.node(), message));
                }
            }
            state.close_phase();
            events.push(DkgEvent::Close);
        }
        (state, events)
    }

    /// Plays to the end; `speak` gets what each node says if it is honest.
    fn play(
        &self,
        mut speak: impl FnMut(&DkgState, NodeIndex, Option<DkgMessage>) -> Option<DkgMessage>,
    ) -> DkgState {
        self.play_events(|state, node| speak(state, node.node(), node.respond(state)))
            .0
    }

    /// Plays with one rogue, whose dealing is `spoil`ed before it is committed to and again (with the
    /// participants known) before it is dealt.
    fn play_with(&self, rogue: &Rogue, spoil: impl Fn(&Participants, &mut DkgDeal)) -> DkgState {
        self.play(|state, from, honest| {
            if from == rogue.node {
                rogue.act(state, &spoil)
            } else {
                honest
            }
        })
    }

    fn play_honestly(&self) -> DkgState {
        self.play(|_, _, honest| honest)
    }

    fn share(&self, state: &DkgState, node: NodeIndex) -> KeyShare {
        self.nodes[usize::from(node)].recover(state).unwrap()
    }

    fn shares(&self, state: &DkgState) -> Vec<KeyShare> {
        self.ctx
            .committee
            .members()
            .map(|node| self.share(state, node))
            .collect()
    }
}

fn seed(node: NodeIndex) -> Seed {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&node.to_be_bytes());
    Seed::new(bytes)
}

fn pair_of(secret: Scalar) -> KeyPair {
    KeyPair {
        public: Point::mul_generator(&secret).unwrap(),
        secret: SecretScalar::new(secret),
    }
}

/// A node that keeps no rule: it has the protocol's parts at hand and puts them together as it likes.
struct Rogue {
    ctx: DkgContext,
    node: NodeIndex,
    key: KeyPair,
    coefficients: Vec<KeyPair>,
    nonces: Cell<u64>,
}

impl Rogue {
    fn new(ctx: DkgContext, node: NodeIndex) -> Self {
        Self::with_degree(ctx, node, ctx.committee.threshold())
    }

    /// With any number of coefficients.
    fn with_degree(ctx: DkgContext, node: NodeIndex, coefficients: usize) -> Self {
        let base = 1_000_000 * (u64::from(node) + 1);
        Self {
            ctx,
            node,
            key: pair_of(Scalar::from(base)),
            coefficients: (1..=coefficients as u64)
                .map(|k| pair_of(Scalar::from(base + k)))
                .collect(),
            nonces: Cell::new(base + 500_000),
        }
    }

    fn fresh(&self) -> KeyPair {
        self.nonces.set(self.nonces.get() + 1);
        pair_of(Scalar::from(self.nonces.get()))
    }

    fn prove(&self, purpose: Purpose, key: &KeyPair) -> SchnorrProof {
        prove_exponent(&self.ctx, purpose, key, &self.fresh())
    }

    fn keys(&self) -> DkgKeys {
        let proof = self.prove(Purpose::Key { node: self.node }, &self.key);
        DkgKeys {
            at: self.ctx.at,
            key: self.key.public,
            proof,
        }
    }

    fn commit_to(&self, deal: &DkgDeal) -> DkgCommit {
        let commitment = commitment(&self.ctx, self.node, &deal.feldman, &deal.possession);
        DkgCommit {
            at: self.ctx.at,
            commitment,
        }
    }

    fn value(&self, recipient: NodeIndex) -> Scalar {
        let x = place(recipient);
        self.coefficients
            .iter()
            .rev()
            .fold(Scalar::from(0u8), |sum, a| sum * x + a.secret.expose())
    }

    fn encrypt(
        &self,
        recipient: NodeIndex,
        key: &Point,
        ephemeral: &KeyPair,
        plain: &[u8; 32],
    ) -> EncryptedShare {
        let ecdh = key.mul(ephemeral.secret.expose()).unwrap();
        let ciphertext = cipher::seal(
            &self.ctx,
            self.node,
            recipient,
            &ephemeral.public,
            key,
            &ecdh,
            plain,
        );
        let proof = self.prove(
            Purpose::Ephemeral {
                dealer: self.node,
                recipient,
            },
            ephemeral,
        );
        EncryptedShare {
            recipient,
            ephemeral: ephemeral.public,
            proof,
            ciphertext,
        }
    }

    /// A dealing that keeps all rules, to be spoiled.
    fn deal(&self, participants: &Participants) -> DkgDeal {
        let shares = participants
            .iter()
            .map(|(node, key)| {
                self.encrypt(
                    node,
                    &key,
                    &self.fresh(),
                    &scalar_to_bytes(&self.value(node)),
                )
            })
            .collect();
        // The same nonce each time, so that the commitment and the opening agree.
        let nonce = pair_of(Scalar::from(42 + u64::from(self.node)));
        DkgDeal {
            at: self.ctx.at,
            feldman: self.coefficients.iter().map(|a| a.public).collect(),
            possession: prove_exponent(
                &self.ctx,
                Purpose::Possession { dealer: self.node },
                &self.coefficients[0],
                &nonce,
            ),
            shares,
        }
    }

    /// A complaint with a good proof, right or not.
    fn complaint(&self, deal: &VerifiedDeal) -> Complaint {
        let ephemeral = deal.share(self.node).unwrap().ephemeral;
        let ecdh = ephemeral.mul(self.key.secret.expose()).unwrap();
        let key = &self.key.public;
        let statement =
            complaint_statement(&self.ctx, deal.dealer(), self.node, key, &ephemeral, &ecdh);
        let proof = prove_same_exponent(statement, &self.key.secret, &ephemeral, &self.fresh());
        Complaint {
            dealer: deal.dealer(),
            ecdh,
            proof,
        }
    }

    /// What an honest node in its place would say, but for its `spoil`ed dealing. It never complains.
    fn act(
        &self,
        state: &DkgState,
        spoil: impl Fn(&Participants, &mut DkgDeal),
    ) -> Option<DkgMessage> {
        let Stage::Running(phase) = state.stage() else {
            return None;
        };
        let deal = || {
            let mut deal = self.deal(state.participants());
            spoil(state.participants(), &mut deal);
            deal
        };
        Some(match phase {
            Phase::Keys => self.keys().into(),
            Phase::Commit => self.commit_to(&deal()).into(),
            Phase::Deal => deal().into(),
            Phase::Complain => DkgComplain {
                at: self.ctx.at,
                complaints: Vec::new(),
            }
            .into(),
            Phase::Confirm => {
                let outcome = state.outcome()?;
                DkgConfirm {
                    at: self.ctx.at,
                    digest: outcome.digest(),
                    k: outcome.k(),
                }
                .into()
            }
        })
    }
}

const ROGUE: NodeIndex = 1;

fn world_and_rogue() -> (World, Rogue) {
    let world = World::new(4);
    let rogue = Rogue::new(world.ctx, ROGUE);
    (world, rogue)
}

/// The key is made without the rogue's dealing, which has this one fault.
#[track_caller]
fn only_fault(state: &DkgState, fault: Fault) {
    assert_eq!(state.faults(), [fault]);
    assert_eq!(fault.culprit(), ROGUE);
    assert_eq!(fault.blame(), Blame::Cheat);
    assert_eq!(state.stage(), Stage::Done);
    assert_eq!(state.outcome().unwrap().good(), [0, 2, 3]);
}

#[track_caller]
fn honest_nodes_hold_the_key(world: &World, state: &DkgState) {
    for node in [0, 2, 3] {
        world.share(state, node);
    }
}
