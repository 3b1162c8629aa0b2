//! What nodes say: key generation, openings, erasures, as honest nodes say it.

use tacit_protocol::dkg::AttemptId;
use tacit_protocol::entry::{Entry, Erased, ErasureReason, NodeEntry, NodeStatement};
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_protocol::opening::{CHUNK, Ciphertext, Partial, Unseal};
use tacit_protocol::statement::Status;
use tacit_threshold::node::{NodeSecrets, Seed};
use tacit_threshold::opening::partial;
use tacit_threshold::state::{DkgMessage, DkgState};
use tacit_threshold::{Committee, DkgContext};

use crate::{Log, bytes};

/// A message of key generation as a node says it.
pub fn said(message: DkgMessage) -> NodeStatement {
    match message {
        DkgMessage::Keys(m) => NodeStatement::Keys(m),
        DkgMessage::Commit(m) => NodeStatement::Commit(m),
        DkgMessage::Deal(m) => NodeStatement::Deal(m),
        DkgMessage::Complain(m) => NodeStatement::Complain(m),
        DkgMessage::Confirm(m) => NodeStatement::Confirm(m),
    }
}

impl Log {
    /// Which key generation a statement is at.
    pub fn keygen_context(&self, statement: &StatementId) -> DkgContext {
        DkgContext {
            fingerprint: self.committee.fingerprint,
            committee: Committee::new(self.committee.keys.len()).expect("a committee"),
            at: AttemptId {
                statement: *statement,
                attempt: self.view(statement).attempt,
            },
        }
    }

    /// Where it stands.
    #[track_caller]
    pub fn keygen(&self, statement: &StatementId) -> DkgState {
        let state = self.proposer.keygen(statement).expect("readable");
        state.expect("the statement is in the log")
    }

    /// A node's secrets for the statement's current attempt.
    pub fn secrets(&self, statement: &StatementId, node: NodeIndex) -> NodeSecrets {
        self.secrets_of_seed(statement, node, "seed")
    }

    /// A node's secrets from another seed, for a node that says two things.
    pub fn secrets_of_seed(
        &self,
        statement: &StatementId,
        node: NodeIndex,
        label: &str,
    ) -> NodeSecrets {
        let seed = Seed::new(bytes(label, u64::from(node)));
        NodeSecrets::derive(&seed, &self.keygen_context(statement), node)
    }

    /// The key generation message that is due from a node.
    pub fn due(&self, statement: &StatementId, node: NodeIndex) -> Option<NodeStatement> {
        let state = self.keygen(statement);
        self.secrets(statement, node).respond(&state).map(said)
    }

    /// A node's statement, signed.
    pub fn node(&self, node: NodeIndex, body: NodeStatement) -> Entry {
        let key = &self.committee.keys[usize::from(node)];
        Entry::Node(NodeEntry::sign(
            &self.committee.fingerprint,
            node,
            body,
            key,
        ))
    }

    /// The next block of key generation: what is due from these nodes for these statements.
    #[track_caller]
    pub fn keygen_step(&mut self, statements: &[StatementId], awake: &[NodeIndex]) -> u64 {
        let mut entries = Vec::new();
        for statement in statements {
            for node in awake {
                entries.extend(
                    self.due(statement, *node)
                        .map(|body| self.node(*node, body)),
                );
            }
        }
        // Fast when all speak, and long enough for a span to end in a few blocks when some don't.
        self.after(1000, entries)
    }

    /// Key generation by these nodes, until no statement is preparing.
    #[track_caller]
    pub fn make_keys(&mut self, statements: &[StatementId], awake: &[NodeIndex]) {
        for _ in 0..100 {
            if statements
                .iter()
                .all(|s| self.status(s) != Status::Preparing)
            {
                return;
            }
            self.keygen_step(statements, awake);
        }
        panic!("no key after 100 blocks");
    }

    // --- opening

    /// The ciphertexts of the first chunk, from the bodies.
    pub fn unseal(&self, statement: &StatementId) -> Unseal {
        self.unseal_chunk(statement, 0)
    }

    /// The ciphertexts of a chunk, from the bodies.
    pub fn unseal_chunk(&self, statement: &StatementId, chunk: u32) -> Unseal {
        let signatures = self.proposer.signatures(statement).expect("readable");
        let of_chunk = signatures.chunks(CHUNK).nth(chunk as usize);
        let items = of_chunk.unwrap_or_default().iter().map(|s| {
            let body = &self.bodies[&s.ct.to_le_bytes()];
            Ciphertext {
                c1: body.c1,
                c2: body.c2,
            }
        });
        Unseal {
            statement: *statement,
            chunk,
            items: items.collect(),
        }
    }

    /// A node's partial decryptions of the first chunk.
    #[track_caller]
    pub fn partial(&self, statement: &StatementId, node: NodeIndex) -> Partial {
        self.partial_chunk(statement, node, 0)
    }

    /// A node's partial decryptions of a chunk.
    #[track_caller]
    pub fn partial_chunk(&self, statement: &StatementId, node: NodeIndex, chunk: u32) -> Partial {
        let state = self.keygen(statement);
        let share = self
            .secrets(statement, node)
            .recover(&state)
            .expect("the node has a share");
        let opening = self.proposer.opening_context(statement).expect("readable");
        let opening = opening.expect("the ciphertexts are in the log");
        let (context, chunks) = &*opening;
        partial(&share, context, &chunks[chunk as usize]).expect("a partial decryption")
    }

    /// Opens a triggered list by these nodes; bodies are published as a node does.
    #[track_caller]
    pub fn reveal(&mut self, statement: &StatementId, nodes: &[NodeIndex]) {
        let unseal = self.unseal(statement);
        self.next([self.node(nodes[0], NodeStatement::Unseal(unseal))]);
        let partials: Vec<Entry> = nodes
            .iter()
            .map(|node| {
                self.node(
                    *node,
                    NodeStatement::Partial(self.partial(statement, *node)),
                )
            })
            .collect();
        self.next(partials);
    }

    /// A node's attestation that it erased.
    pub fn erasure(
        &self,
        statement: &StatementId,
        node: NodeIndex,
        reason: ErasureReason,
    ) -> Entry {
        let erased = Erased {
            statement: *statement,
            reason,
            caveats: 0,
        };
        self.node(node, NodeStatement::Erased(erased))
    }

    /// These nodes attest that they erased.
    #[track_caller]
    pub fn erase(&mut self, statement: &StatementId, nodes: &[NodeIndex], reason: ErasureReason) {
        let entries: Vec<Entry> = nodes
            .iter()
            .map(|node| self.erasure(statement, *node, reason))
            .collect();
        self.next(entries);
    }
}
