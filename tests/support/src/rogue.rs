//! What a cheating node or key holder makes.

use curve25519_dalek_ng::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek_ng::scalar::Scalar as Ed25519Scalar;
use sha2::{Digest as _, Sha512};
use tacit_protocol::dkg::{DkgComplain, DkgDeal, DkgKeys};
use tacit_protocol::field::{PublicScalar, Scalar, SecretScalar};
use tacit_protocol::hash::{Hasher, domain};
use tacit_protocol::ids::{NodeIndex, StatementId};
use tacit_protocol::keys::{Signature, SigningKey};
use tacit_protocol::point::Point;
use tacit_protocol::proofs::SchnorrProof;
use tacit_threshold::DkgContext;
use tacit_threshold::state::{DkgEvent, DkgMessage, DkgState};

use crate::{Log, bytes};

/// Another signature of the same message by the same key: Ed25519 is deterministic only for those who
/// follow it.
pub fn second_signature(key: &SigningKey, namespace: &str, message: &[u8]) -> Signature {
    let hash = Sha512::digest(key.expose());
    let mut secret = [0; 32];
    secret.copy_from_slice(&hash[..32]);
    secret[0] &= 248;
    secret[31] = secret[31] & 63 | 64;
    let secret = Ed25519Scalar::from_bits(secret);
    let nonce = Ed25519Scalar::from_bytes_mod_order(bytes("another nonce", 0));
    let r = (&nonce * &ED25519_BASEPOINT_TABLE).compress();
    let mut challenge = Sha512::new();
    challenge.update(r.as_bytes());
    challenge.update(key.public().0);
    challenge.update([namespace.len() as u8]);
    challenge.update(namespace);
    challenge.update(message);
    let mut wide = [0; 64];
    wide.copy_from_slice(&challenge.finalize());
    let response = nonce + Ed25519Scalar::from_bytes_mod_order_wide(&wide) * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(r.as_bytes());
    signature[32..].copy_from_slice(response.as_bytes());
    Signature(signature)
}

/// An encryption key of a node's choice, with the proof of its exponent.
pub fn chosen_key(ctx: &DkgContext, node: NodeIndex, secret: u64) -> DkgKeys {
    let (secret, nonce) = (Scalar::from(secret), Scalar::from(secret + 1));
    let point = |s: &Scalar| Point::mul_generator(s).expect("not zero");
    let (key, commitment) = (point(&secret), point(&nonce));
    let transcript = Hasher::new(domain::SCHNORR)
        .chain_var("proof")
        .chain(ctx.fingerprint)
        .chain(ctx.at.statement)
        .chain([ctx.at.attempt])
        .chain([0])
        .chain(node.to_be_bytes())
        .chain(node.to_be_bytes())
        .chain(key.to_bytes())
        .chain(commitment.to_bytes());
    let mut wide = [0; 64];
    wide[..32].copy_from_slice(transcript.clone().chain([0]).finish().as_bytes());
    wide[32..].copy_from_slice(transcript.chain([1]).finish().as_bytes());
    let challenge = *SecretScalar::from_wide(&wide).expose();
    DkgKeys {
        at: ctx.at,
        key,
        proof: SchnorrProof {
            commitment,
            response: PublicScalar(challenge * secret + nonce),
        },
    }
}

/// A dealing whose share for one node doesn't open.
pub fn spoiled(deal: &DkgDeal, victim: NodeIndex) -> DkgDeal {
    let mut deal = deal.clone();
    for share in deal.shares.iter_mut().filter(|s| s.recipient == victim) {
        share.ciphertext[0] ^= 1;
    }
    deal
}

impl Log {
    /// A complaint by `node` with good proofs about the share that `dealer` dealt it, which is right:
    /// the node complains as if it had got another.
    pub fn false_complaint(
        &self,
        statement: &StatementId,
        node: NodeIndex,
        dealer: NodeIndex,
    ) -> DkgComplain {
        let chain = self.chain(tacit_protocol::entry::Subject::Statement(*statement));
        let mut events = Vec::new();
        for entry in &chain.entries {
            use tacit_protocol::entry::{Entry, NodeStatement};
            let Ok(Entry::Node(entry)) = Entry::parse(entry) else {
                continue;
            };
            let message = match entry.body {
                NodeStatement::Keys(m) => DkgMessage::Keys(m),
                NodeStatement::Commit(m) => DkgMessage::Commit(m),
                NodeStatement::Deal(m) if entry.node == dealer => {
                    DkgMessage::Deal(spoiled(&m, node))
                }
                NodeStatement::Deal(m) => DkgMessage::Deal(m),
                _ => continue,
            };
            events.push((message.phase(), DkgEvent::Message(entry.node, message)));
        }
        let mut state = DkgState::new(self.keygen_context(statement));
        for phase in [
            tacit_threshold::Phase::Keys,
            tacit_threshold::Phase::Commit,
            tacit_threshold::Phase::Deal,
        ] {
            for (of, event) in &events {
                if let (true, DkgEvent::Message(from, message)) = (*of == phase, event) {
                    let _ = state.receive(*from, message);
                }
            }
            state.close_phase();
        }
        self.secrets(statement, node).complain(state.deals())
    }
}
