//! One node's part: its messages and its share, as pure functions of a seed and the log.
//!
//! The seed comes from the operating system for each attempt and lies in the vault before the first
//! message leaves. Everything below follows from it, so a node that restarts at any step says the
//! same again, and erasing the seed erases all of it: decryption key, polynomial, ephemerals, nonces,
//! share. Nonces hash the seed *and* the statement that they prove, so that no log, however it was
//! forked or replayed, makes one nonce answer two challenges.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use tacit_protocol::dkg::{
    Complaint, DkgCommit, DkgComplain, DkgConfirm, DkgDeal, DkgKeys, EncryptedShare,
};
use tacit_protocol::field::{Scalar, SecretScalar, scalar_to_bytes};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::point::Point;
use tacit_protocol::proofs::SchnorrProof;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cipher;
use crate::committee::DkgContext;
use crate::curve::mul_secret;
use crate::fault::Phase;
use crate::judge::{Deals, Participants, VerifiedDeal, commitment};
use crate::outcome::Outcome;
use crate::proofs::{
    KeyPair, Purpose, complaint_statement, nonzero_pair, prove_exponent, prove_same_exponent,
    schnorr_statement,
};
use crate::sharing::split;
use crate::state::{DkgMessage, DkgState, Stage};

/// 32 random bytes of the operating system, for one attempt at one statement's key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; 32]);

impl Seed {
    /// Wraps the bytes. The caller's own copy is the caller's to erase.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Draws a seed.
    pub fn random(rng: &mut impl rand_core::CryptoRng) -> Self {
        let mut seed = Self([0; 32]);
        rng.fill_bytes(&mut seed.0);
        seed
    }

    /// The bytes, for the vault.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(redacted)")
    }
}

/// Why a node can't send a message or has no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NodeError {
    /// Its own encryption key wasn't in time, or is another seed's.
    #[error("this node's encryption key is not among the participants' of this attempt")]
    NotParticipant,
    /// Fewer participants than shares that open: nothing can be dealt to them.
    #[error("there are too few participants to deal to")]
    TooFewParticipants,
    /// The key generation has no outcome (yet).
    #[error("this attempt at key generation has no outcome")]
    NoOutcome,
    /// A dealing that counts gave it no right share, and its complaint didn't come in time.
    #[error("node {dealer} dealt this node a wrong share, so it holds no share of the key")]
    WrongShare {
        /// Who dealt it.
        dealer: NodeIndex,
    },
}

/// What a node's secrets are derived for.
enum Label {
    DecryptionKey,
    Coefficient(u16),
    /// For one recipient and its key: another key for the same recipient gets another ephemeral.
    Ephemeral(NodeIndex, Point),
    /// For one statement that is proven.
    Nonce(Digest),
}

impl Label {
    fn encode(&self) -> Vec<u8> {
        match self {
            Self::DecryptionKey => vec![0],
            Self::Coefficient(k) => [&[1][..], &k.to_be_bytes()].concat(),
            Self::Ephemeral(recipient, key) => {
                [&[2][..], &recipient.to_be_bytes(), &key.to_bytes()].concat()
            }
            Self::Nonce(statement) => [&[3][..], statement.as_bytes()].concat(),
        }
    }
}

/// All that one node contributes to one attempt.
pub struct NodeSecrets {
    ctx: DkgContext,
    node: NodeIndex,
    /// HKDF's pseudorandom key for this seed, attempt and node.
    prk: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for NodeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSecrets")
            .field("node", &self.node)
            .field("at", &self.ctx.at)
            .finish_non_exhaustive()
    }
}

impl NodeSecrets {
    /// Derives `node`'s secrets for the attempt in `ctx`. Another attempt has all-fresh ones, even for
    /// the same seed.
    pub fn derive(seed: &Seed, ctx: &DkgContext, node: NodeIndex) -> Self {
        let info = [
            ctx.fingerprint.as_bytes(),
            ctx.at.statement.as_bytes(),
            &[ctx.at.attempt][..],
            &node.to_be_bytes(),
        ]
        .concat();
        let mut prk = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(domain::DKG_SEED.as_bytes()), seed.expose())
            .expand(&info, &mut prk[..])
            .expect("HKDF-SHA256 gives up to 8160 bytes");
        Self {
            ctx: *ctx,
            node,
            prk,
        }
    }

    /// Whose secrets these are.
    pub fn node(&self) -> NodeIndex {
        self.node
    }

    /// A uniform exponent that isn't zero, and its point.
    fn pair(&self, label: &Label) -> KeyPair {
        let hkdf = Hkdf::<Sha256>::from_prk(&self.prk[..])
            .expect("the key is as long as SHA-256's output");
        nonzero_pair(&hkdf, &label.encode())
    }

    fn decryption_key(&self) -> KeyPair {
        self.pair(&Label::DecryptionKey)
    }

    fn polynomial(&self) -> Vec<KeyPair> {
        (0u16..)
            .take(self.ctx.committee.threshold())
            .map(|k| self.pair(&Label::Coefficient(k)))
            .collect()
    }

    fn prove(&self, purpose: Purpose, key: &KeyPair) -> SchnorrProof {
        let statement = schnorr_statement(&self.ctx, purpose, &key.public).finish();
        prove_exponent(
            &self.ctx,
            purpose,
            key,
            &self.pair(&Label::Nonce(statement)),
        )
    }

    /// First phase: this node's fresh encryption key.
    pub fn keys(&self) -> DkgKeys {
        let key = self.decryption_key();
        DkgKeys {
            at: self.ctx.at,
            key: key.public,
            proof: self.prove(Purpose::Key { node: self.node }, &key),
        }
    }

    /// Second phase: the commitment to this node's dealing.
    pub fn commit(&self) -> DkgCommit {
        let (feldman, possession) = self.vector(&self.polynomial());
        DkgCommit {
            at: self.ctx.at,
            commitment: commitment(&self.ctx, self.node, &feldman, &possession),
        }
    }

    fn vector(&self, polynomial: &[KeyPair]) -> (Vec<Point>, SchnorrProof) {
        let feldman = polynomial.iter().map(|a| a.public).collect();
        // A polynomial has t >= 3 coefficients.
        (
            feldman,
            self.prove(Purpose::Possession { dealer: self.node }, &polynomial[0]),
        )
    }

    /// Third phase: this node's dealing to the participants.
    pub fn deal(&self, participants: &Participants) -> Result<DkgDeal, NodeError> {
        let polynomial = self.polynomial();
        let (feldman, possession) = self.vector(&polynomial);
        let nodes: Vec<_> = participants.nodes().collect();
        let values = split(polynomial.iter().map(|a| &a.secret), &nodes)
            .ok_or(NodeError::TooFewParticipants)?;
        let shares = participants
            .iter()
            .zip(&values)
            .map(|((node, key), value)| self.encrypt(node, &key, value))
            .collect();
        Ok(DkgDeal {
            at: self.ctx.at,
            feldman,
            possession,
            shares,
        })
    }

    fn encrypt(&self, recipient: NodeIndex, key: &Point, share: &SecretScalar) -> EncryptedShare {
        let ephemeral = self.pair(&Label::Ephemeral(recipient, *key));
        let ecdh = mul_secret(key, &ephemeral.secret);
        let plain = Zeroizing::new(scalar_to_bytes(share.expose()));
        let ciphertext = cipher::seal(
            &self.ctx,
            self.node,
            recipient,
            &ephemeral.public,
            key,
            &ecdh,
            &plain,
        );
        let proof = self.prove(
            Purpose::Ephemeral {
                dealer: self.node,
                recipient,
            },
            &ephemeral,
        );
        EncryptedShare {
            recipient,
            ephemeral: ephemeral.public,
            proof,
            ciphertext,
        }
    }

    /// What one dealing holds for this node, right or wrong.
    fn decrypt(&self, key: &KeyPair, deal: &VerifiedDeal) -> Option<SecretScalar> {
        let share = deal.share(self.node)?;
        let ecdh = mul_secret(&share.ephemeral, &key.secret);
        cipher::open(&self.ctx, deal.dealer(), share, &key.public, &ecdh)
    }

    /// Whether one dealing's share for this node is right.
    fn is_right(&self, key: &KeyPair, deal: &VerifiedDeal) -> bool {
        self.decrypt(key, deal)
            .is_some_and(|value| deal.feldman().verify(self.node, &value))
    }

    /// Fourth phase: a complaint about each dealing whose share for this node is wrong.
    pub fn complain(&self, deals: &Deals) -> DkgComplain {
        let key = self.decryption_key();
        let complaints = deals
            .values()
            // Nobody complains about itself.
            .filter(|deal| deal.dealer() != self.node && !self.is_right(&key, deal))
            .filter_map(|deal| self.complaint(&key, deal))
            .collect();
        DkgComplain {
            at: self.ctx.at,
            complaints,
        }
    }

    fn complaint(&self, key: &KeyPair, deal: &VerifiedDeal) -> Option<Complaint> {
        let ephemeral = deal.share(self.node)?.ephemeral;
        let ecdh = mul_secret(&ephemeral, &key.secret);
        let statement = complaint_statement(
            &self.ctx,
            deal.dealer(),
            self.node,
            &key.public,
            &ephemeral,
            &ecdh,
        );
        let nonce = self.pair(&Label::Nonce(statement.clone().finish()));
        let proof = prove_same_exponent(statement, &key.secret, &ephemeral, &nonce);
        Some(Complaint {
            dealer: deal.dealer(),
            ecdh,
            proof,
        })
    }

    /// This node's share of the key: what the log's dealings gave it, with its decryption key.
    pub fn share(&self, outcome: &Outcome, deals: &Deals) -> Result<KeyShare, NodeError> {
        let public = outcome
            .verification_key(self.node)
            .ok_or(NodeError::NotParticipant)?;
        let key = self.decryption_key();
        let mut sum = Zeroizing::new(Scalar::from(0u8));
        for &dealer in outcome.good() {
            let value = deals.get(&dealer).and_then(|deal| self.decrypt(&key, deal));
            *sum += value.ok_or(NodeError::WrongShare { dealer })?.expose();
        }
        let secret = SecretScalar::new(*sum);
        // One check of the sum; only if it fails is it worth looking for who dealt wrongly.
        if Point::mul_generator(secret.expose()) != Ok(public) {
            let wrong = |dealer: &&NodeIndex| {
                deals
                    .get(*dealer)
                    .is_none_or(|deal| !self.is_right(&key, deal))
            };
            let dealer = outcome.good().iter().find(wrong);
            return Err(
                dealer.map_or(NodeError::NoOutcome, |&dealer| NodeError::WrongShare {
                    dealer,
                }),
            );
        }
        Ok(KeyShare {
            ctx: self.ctx,
            node: self.node,
            k: outcome.k(),
            secret,
            public,
        })
    }

    /// Fifth phase: says that this node holds a share of the key. Only a node that does can say it.
    pub fn confirm(&self, outcome: &Outcome, deals: &Deals) -> Result<DkgConfirm, NodeError> {
        self.share(outcome, deals)?;
        Ok(DkgConfirm {
            at: self.ctx.at,
            digest: outcome.digest(),
            k: outcome.k(),
        })
    }

    /// The share, straight from the log's state: the way back to it after a restart.
    ///
    /// # Errors
    /// [`NodeError`], if this seed has no share in that key generation.
    pub fn recover(&self, state: &DkgState) -> Result<KeyShare, NodeError> {
        self.check_own_key(state)?;
        self.share(state.outcome().ok_or(NodeError::NoOutcome)?, state.deals())
    }

    /// The message that is due from this node, if any: safe to ask again at any time, because the
    /// answer is the same until the log holds it.
    pub fn respond(&self, state: &DkgState) -> Option<DkgMessage> {
        if state.context() != &self.ctx {
            return None;
        }
        let phase = match state.stage() {
            Stage::Running(phase) => phase,
            Stage::Done => Phase::Confirm,
            Stage::Failed(_) => return None,
        };
        if phase == Phase::Keys {
            return (!state.has_heard(self.node, phase)).then(|| self.keys().into());
        }
        self.check_own_key(state).ok()?;
        let unheard = |phase| !state.has_heard(self.node, phase);
        match phase {
            Phase::Keys => None,
            Phase::Commit => unheard(phase).then(|| self.commit().into()),
            Phase::Deal if state.has_committed(self.node) && unheard(phase) => {
                self.deal(state.participants()).ok().map(Into::into)
            }
            Phase::Deal => None,
            Phase::Complain => unheard(phase).then(|| self.complain(state.deals()).into()),
            Phase::Confirm => match self.confirm(state.outcome()?, state.deals()) {
                Ok(confirm) => unheard(phase).then(|| confirm.into()),
                // Too late to exclude the dealer, early enough to name it.
                Err(_) if unheard(Phase::Complain) => {
                    let complain = self.complain(state.deals());
                    (!complain.complaints.is_empty()).then(|| complain.into())
                }
                Err(_) => None,
            },
        }
    }

    /// A key in the log that this seed didn't make means another seed's attempt: its messages are not
    /// ours to continue.
    fn check_own_key(&self, state: &DkgState) -> Result<(), NodeError> {
        let own = self.decryption_key().public;
        if state.participants().key(self.node) == Some(own) {
            Ok(())
        } else {
            Err(NodeError::NotParticipant)
        }
    }
}

/// A node's share of a statement's key. It opens nothing by itself, and t of them open everything.
pub struct KeyShare {
    ctx: DkgContext,
    node: NodeIndex,
    k: Point,
    secret: SecretScalar,
    public: Point,
}

impl KeyShare {
    /// Which key generation it is of.
    pub fn context(&self) -> &DkgContext {
        &self.ctx
    }

    /// The same share in another context, which no key generation could make.
    #[cfg(test)]
    pub(crate) fn renamed(&self, ctx: DkgContext) -> Self {
        Self {
            ctx,
            node: self.node,
            k: self.k,
            secret: self.secret.clone(),
            public: self.public,
        }
    }

    /// Whose it is.
    pub fn node(&self) -> NodeIndex {
        self.node
    }

    /// The statement's key.
    pub fn k(&self) -> Point {
        self.k
    }

    /// The share times B8.
    pub fn verification_key(&self) -> Point {
        self.public
    }

    /// The share itself: for partial decryptions here, and for tests that look for it on disk.
    pub fn expose(&self) -> &SecretScalar {
        &self.secret
    }
}

impl fmt::Debug for KeyShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyShare")
            .field("node", &self.node)
            .field("at", &self.ctx.at)
            .finish_non_exhaustive()
    }
}
