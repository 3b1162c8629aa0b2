//! Signatures: honest ones, and ones put together from parts that no honest client would combine.

use ark_bn254::Bn254;
use ark_groth16::Groth16;
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce as CipherNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use tacit_circuits::{
    Nonce, Proof, ProvingKey, SealingPublic, SealingWitness, prove, seal_point, seeded_rng,
};
use tacit_client::payload::{Keying, Plaintext};
use tacit_client::roster::{Frozen, Roster};
use tacit_client::seal::{Sealed, Signer, Target, seal};
use tacit_protocol::chain::Opening;
use tacit_protocol::codec::{Encode as _, Writer};
use tacit_protocol::entry::{Entry, Subject};
use tacit_protocol::field::FieldElement;
use tacit_protocol::hash::domain;
use tacit_protocol::ids::StatementId;
use tacit_protocol::semaphore::statement_scope;
use tacit_protocol::signature::{
    ContextKind, PAYLOAD_SIZES, PROOF_BYTES, SealedBody, Sign, TAG_BYTES, context, payload_hash,
};

use crate::{Log, Member, circuit};

/// A signature without its proof: everything that it takes to prove it, or not to.
#[derive(Clone)]
pub struct Draft {
    /// What would be proven.
    pub public: SealingPublic,
    /// By what.
    pub witness: SealingWitness,
    /// The entry; its proof is zeros.
    pub sign: Sign,
    /// The body.
    pub body: SealedBody,
}

impl Draft {
    /// With a proof.
    pub fn prove(self, log: &mut Log) -> Sealed {
        let key = ProvingKey::<20>::load(&circuit().proving, &circuit().pinned.proving_key);
        let key = key.expect("the pinned key");
        let mut rng = seeded_rng(log.draw());
        let proof = prove(&key, &self.public, &self.witness, &mut rng).expect("a proof");
        Sealed {
            sign: Sign {
                proof: proof.to_bytes(),
                ..self.sign
            },
            body: self.body,
        }
    }

    /// With bytes that prove nothing, for logs that don't look.
    pub fn unproven(self) -> Sealed {
        Sealed {
            sign: self.sign,
            body: self.body,
        }
    }
}

/// What a member's record is sealed as.
pub fn plaintext(member: &Member) -> Plaintext {
    Plaintext {
        record: member.record.clone(),
        salt: member.salt,
        testimony: None,
    }
}

/// Encrypts any plaintext, as docs/protocol.md says: a second way to what the client does.
pub fn encrypt(plaintext: &Plaintext, keying: &Keying) -> Vec<u8> {
    let mut w = Writer::new();
    plaintext.record.encode(&mut w);
    w.raw(&plaintext.salt);
    w.bool(plaintext.testimony.is_some());
    if let Some(testimony) = &plaintext.testimony {
        w.text(testimony);
    }
    let mut padded = w.finish();
    let size = PAYLOAD_SIZES.into_iter().find(|s| padded.len() <= *s);
    padded.resize(size.expect("it fits"), 0);

    let secret = [keying.shared, keying.c1, keying.k]
        .map(|p| p.to_bytes())
        .concat();
    let info = [
        domain::PAYLOAD.as_bytes(),
        keying.statement.as_bytes(),
        &keying.nullifier.to_le_bytes(),
    ]
    .concat();
    let mut key = [0; 32];
    Hkdf::<Sha256>::new(None, &secret)
        .expand(&info, &mut key)
        .expect("short");
    let payload = Payload {
        msg: &padded,
        aad: &info,
    };
    ChaCha20Poly1305::new(&key.into())
        .encrypt(&CipherNonce::default(), payload)
        .expect("encrypts")
}

impl Log {
    /// What signers see of a statement: its opening and the roster that it froze.
    #[track_caller]
    pub fn frozen(&self, statement: &StatementId) -> (Opening, Frozen) {
        let view = self.view(statement);
        let opening = view.opening.expect("the statement is open");
        let chain = self.chain(Subject::Group(view.statement.group));
        let roster = Roster::from_chain(&chain).expect("a roster");
        let frozen = roster.frozen(&opening).expect("the frozen roster");
        (opening, frozen)
    }

    /// Seals and proves as the client does, on two threads.
    #[track_caller]
    pub fn seal(
        &mut self,
        statement: &StatementId,
        signers: &[(&Member, Option<u16>)],
    ) -> Vec<Sealed> {
        let (opening, roster) = self.frozen(statement);
        let key = circuit().sealing(self.committee.founding());
        let seal_one = |(member, class): (&Member, Option<u16>), seed| {
            let target = Target {
                statement: *statement,
                opening: &opening,
                roster: &roster,
                class,
            };
            let signer = Signer {
                identity: &member.identity,
                record: &member.record,
                salt: &member.salt,
            };
            seal(&target, &signer, None, key, &mut seeded_rng(seed)).expect("a sealed signature")
        };
        let jobs: Vec<_> = signers.iter().map(|s| (*s, self.draw())).collect();
        let seal_all = |jobs: &[_]| -> Vec<Sealed> {
            jobs.iter()
                .map(|(signer, seed)| seal_one(*signer, *seed))
                .collect()
        };
        let (first, second) = jobs.split_at(jobs.len() / 2);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| seal_all(first));
            let second = seal_all(second);
            [first.join().expect("sealed"), second].concat()
        })
    }

    /// All of a signature but its proof, around any payload.
    #[track_caller]
    pub fn draft(
        &mut self,
        statement: &StatementId,
        member: &Member,
        class: Option<u16>,
        payload: impl FnOnce(&Keying) -> Vec<u8>,
    ) -> Draft {
        let (opening, roster) = self.frozen(statement);
        let leaf = member.identity.commitment();
        let tree = roster.tree(class).expect("the class");
        let position = tree.position(leaf).expect("a member");
        let nonce = Nonce::random(&mut seeded_rng(self.draw()));
        let point = seal_point(&nonce, &opening.k, leaf).expect("points");
        let scope = statement_scope(statement);
        let nullifier = FieldElement(member.identity.nullifier(scope));
        let payload = payload(&Keying {
            shared: point.shared,
            c1: point.c1,
            k: opening.k,
            statement: *statement,
            nullifier,
        });
        let hash = payload_hash(&payload);
        Draft {
            public: SealingPublic {
                root: tree.root().expect("not empty"),
                nullifier: nullifier.0,
                scope,
                key: opening.k,
                ct: point.ct,
                context: context(ContextKind::Sign, statement, 0, class, &hash),
            },
            witness: SealingWitness::new(
                &member.identity,
                nonce,
                tree.proof(position).expect("a path"),
            ),
            sign: Sign {
                statement: *statement,
                class,
                floor: 0,
                nullifier,
                ct: FieldElement(point.ct),
                payload_hash: hash,
                proof: [0; PROOF_BYTES],
            },
            body: SealedBody {
                c1: point.c1,
                c2: FieldElement(point.c2),
                payload,
            },
        }
    }

    /// An honest signature without a proof, for logs that don't look.
    #[track_caller]
    pub fn paper(
        &mut self,
        statement: &StatementId,
        member: &Member,
        class: Option<u16>,
    ) -> Sealed {
        let plaintext = plaintext(member);
        self.draft(statement, member, class, |keying| {
            encrypt(&plaintext, keying)
        })
        .unproven()
    }

    /// Puts signatures into the next block; nodes keep their bodies.
    #[track_caller]
    pub fn sign(&mut self, sealed: &[Sealed]) -> u64 {
        for one in sealed {
            assert!(one.body.matches(&one.sign));
            self.bodies
                .insert(one.sign.ct.to_le_bytes(), one.body.clone());
        }
        self.next(sealed.iter().map(|one| Entry::Sign(one.sign.clone())))
    }

    /// Signatures without proofs by all of these members, in one block.
    #[track_caller]
    pub fn sign_on_paper(&mut self, statement: &StatementId, members: &[Member]) -> u64 {
        let sealed: Vec<Sealed> = members
            .iter()
            .map(|m| self.paper(statement, m, None))
            .collect();
        self.sign(&sealed)
    }
}

/// Another valid proof of the same signature, which anyone can make.
pub fn rerandomized(sign: &Sign) -> Sign {
    let proof = Proof::from_bytes(&sign.proof).expect("a proof");
    let key =
        tacit_circuits::VerifyingKey::load(&circuit().verifying, &circuit().pinned.verifying_key);
    let key = key.expect("the pinned key");
    let mut rng = seeded_rng(crate::bytes("rerandomize", 0));
    let other = Groth16::<Bn254>::rerandomize_proof(key.as_ark(), proof.as_ark(), &mut rng);
    let proof = Proof::from_ark(other).expect("a proof").to_bytes();
    assert_ne!(proof, sign.proof);
    Sign {
        proof,
        ..sign.clone()
    }
}

/// A payload of the right length that says nothing.
pub fn noise(_: &Keying) -> Vec<u8> {
    vec![0xa5; PAYLOAD_SIZES[0] + TAG_BYTES]
}
