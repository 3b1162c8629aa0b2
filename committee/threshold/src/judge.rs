//! Judging the messages of a key generation from public data: the same verdict everywhere.
//!
//! Each function is a list of checks, cheap ones first, each with its own [`Fault`]. What passes is a
//! type that only these functions make.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tacit_protocol::codec::{Encode as _, Writer};
use tacit_protocol::dkg::{Complaint, DkgCommit, DkgConfirm, DkgDeal, DkgKeys, EncryptedShare};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::point::Point;
use tacit_protocol::proofs::SchnorrProof;

use crate::cipher;
use crate::committee::DkgContext;
use crate::fault::Fault;
use crate::outcome::Outcome;
use crate::proofs::{
    Purpose, complaint_statement, verify_exponent, verify_exponents, verify_same_exponent,
};
use crate::sharing::Feldman;

/// An encryption key whose owner knows its exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedKey {
    node: NodeIndex,
    key: Point,
}

impl VerifiedKey {
    /// Whose it is.
    pub fn node(&self) -> NodeIndex {
        self.node
    }

    /// The key.
    pub fn key(&self) -> Point {
        self.key
    }
}

/// The nodes whose encryption keys were in time: all of them get shares.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Participants(BTreeMap<NodeIndex, Point>);

impl Participants {
    /// Adds a node.
    pub fn insert(&mut self, key: VerifiedKey) {
        self.0.insert(key.node, key.key);
    }

    /// A participant's encryption key.
    pub fn key(&self, node: NodeIndex) -> Option<Point> {
        self.0.get(&node).copied()
    }

    /// The participants, ascending, with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (NodeIndex, Point)> + '_ {
        self.0.iter().map(|(&node, &key)| (node, key))
    }

    /// The participants, ascending.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.0.keys().copied()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Points with proven exponents that were used in this attempt; none may come twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeSet<[u8; 32]>);

impl Seen {
    /// Records a key.
    pub fn add_key(&mut self, key: &VerifiedKey) {
        self.0.insert(key.key.to_bytes());
    }

    /// Records a dealing's points.
    pub fn add_deal(&mut self, deal: &VerifiedDeal) {
        self.0.extend(deal.proven_points().map(|p| p.to_bytes()));
    }

    /// Whether a key was used before.
    pub fn has_key(&self, key: &DkgKeys) -> bool {
        self.0.contains(&key.key.to_bytes())
    }

    /// Whether one of these points was used before or is twice among them.
    fn repeats(&self, points: impl Iterator<Item = Point>) -> bool {
        let mut new = BTreeSet::new();
        points
            .map(|p| p.to_bytes())
            .any(|p| self.0.contains(&p) || !new.insert(p))
    }
}

/// A dealing that is well formed, matches its commitment and has all its proofs. Whether the shares
/// are right, only their recipients know.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedDeal {
    dealer: NodeIndex,
    commitments: Vec<Point>,
    feldman: Feldman,
    shares: Vec<EncryptedShare>,
}

impl VerifiedDeal {
    /// Who dealt.
    pub fn dealer(&self) -> NodeIndex {
        self.dealer
    }

    /// The Feldman commitments a_0·B8, …: exactly t.
    pub fn commitments(&self) -> &[Point] {
        &self.commitments
    }

    /// The share for one participant.
    pub fn share(&self, recipient: NodeIndex) -> Option<&EncryptedShare> {
        let i = self
            .shares
            .binary_search_by_key(&recipient, |s| s.recipient)
            .ok()?;
        self.shares.get(i)
    }

    /// The commitments, ready for checks.
    pub(crate) fn feldman(&self) -> &Feldman {
        &self.feldman
    }

    fn proven_points(&self) -> impl Iterator<Item = Point> + '_ {
        proven_points(&self.commitments, &self.shares)
    }
}

impl std::fmt::Debug for VerifiedDeal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifiedDeal")
            .field("dealer", &self.dealer)
            .finish_non_exhaustive()
    }
}

/// The points of a dealing that come with proofs of their exponents.
fn proven_points<'a>(
    commitments: &'a [Point],
    shares: &'a [EncryptedShare],
) -> impl Iterator<Item = Point> + 'a {
    commitments
        .first()
        .copied()
        .into_iter()
        .chain(shares.iter().map(|s| s.ephemeral))
}

/// The dealings that are well formed, by dealer. Shared, because they are large and states are copied.
pub type Deals = BTreeMap<NodeIndex, Arc<VerifiedDeal>>;

/// What comes of one complaint: there always is a culprit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The dealer dealt a wrong share: its dealing is excluded.
    Proven(Fault),
    /// The complaint doesn't hold: the complainer is named and nobody is excluded.
    Refuted(Fault),
}

impl Verdict {
    /// The fault, with its culprit.
    pub fn fault(&self) -> Fault {
        match *self {
            Self::Proven(fault) | Self::Refuted(fault) => fault,
        }
    }
}

/// What a dealer commits to before anyone deals: its Feldman vector and proof of possession. Binding the
/// dealer makes a copied commitment useless to whoever copies it.
pub fn commitment(
    ctx: &DkgContext,
    dealer: NodeIndex,
    feldman: &[Point],
    possession: &SchnorrProof,
) -> Digest {
    let mut w = Writer::new();
    w.u16(dealer);
    w.list(feldman);
    possession.encode(&mut w);
    ctx.bind(Hasher::new(domain::FELDMAN))
        .chain_var(w.finish())
        .finish()
}

/// Judges an encryption key.
pub fn judge_keys(
    ctx: &DkgContext,
    node: NodeIndex,
    seen: &Seen,
    keys: &DkgKeys,
) -> Result<VerifiedKey, Fault> {
    if keys.at != ctx.at {
        return Err(Fault::OtherAttempt { culprit: node });
    }
    // The proof first: a copy of someone's key is a key without proof, and never counts as seen.
    if !verify_exponent(ctx, Purpose::Key { node }, &keys.key, &keys.proof) {
        return Err(Fault::KeyProof { culprit: node });
    }
    if seen.has_key(keys) {
        return Err(Fault::RepeatedPoint { culprit: node });
    }
    Ok(VerifiedKey {
        node,
        key: keys.key,
    })
}

/// Judges a dealing against its commitment.
pub fn judge_deal(
    ctx: &DkgContext,
    dealer: NodeIndex,
    commit: &DkgCommit,
    participants: &Participants,
    seen: &Seen,
    deal: &DkgDeal,
) -> Result<VerifiedDeal, Fault> {
    let culprit = dealer;
    if deal.at != ctx.at || commit.at != ctx.at {
        return Err(Fault::OtherAttempt { culprit });
    }
    let expected = ctx.committee.threshold();
    if deal.feldman.len() != expected {
        return Err(Fault::FeldmanLength {
            culprit,
            found: deal.feldman.len(),
            expected,
        });
    }
    if commitment(ctx, dealer, &deal.feldman, &deal.possession) != commit.commitment {
        return Err(Fault::CommitmentMismatch { culprit });
    }
    if !deal
        .shares
        .iter()
        .map(|s| s.recipient)
        .eq(participants.nodes())
    {
        return Err(Fault::Recipients { culprit });
    }
    let [secret, ..] = deal.feldman[..] else {
        return Err(Fault::FeldmanLength {
            culprit,
            found: 0,
            expected,
        });
    };
    if !verify_exponent(
        ctx,
        Purpose::Possession { dealer },
        &secret,
        &deal.possession,
    ) {
        return Err(Fault::Possession { culprit });
    }
    let proofs: Vec<_> = deal
        .shares
        .iter()
        .map(|s| {
            (
                Purpose::Ephemeral {
                    dealer,
                    recipient: s.recipient,
                },
                s.ephemeral,
                s.proof,
            )
        })
        .collect();
    if let Err(bad) = verify_exponents(ctx, &proofs) {
        let recipient = deal.shares.get(bad).map_or(dealer, |s| s.recipient);
        return Err(Fault::EphemeralProof { culprit, recipient });
    }
    // After the proofs, so that nobody can be blamed for points that someone else copied first.
    if seen.repeats(proven_points(&deal.feldman, &deal.shares)) {
        return Err(Fault::RepeatedPoint { culprit });
    }
    let points: Vec<_> = deal.feldman.iter().map(|p| p.affine().into()).collect();
    Ok(VerifiedDeal {
        dealer,
        commitments: deal.feldman.clone(),
        feldman: Feldman::new(&points),
        shares: deal.shares.clone(),
    })
}

/// Judges one complaint about a dealing by opening the share in question as its recipient would.
pub fn judge_complaint(
    ctx: &DkgContext,
    complainer: NodeIndex,
    participants: &Participants,
    deals: &Deals,
    complaint: &Complaint,
) -> Verdict {
    let dealer = complaint.dealer;
    let target = (dealer != complainer).then(|| deals.get(&dealer)).flatten();
    let share = target
        .and_then(|deal| Some((deal, deal.share(complainer)?, participants.key(complainer)?)));
    let Some((deal, share, key)) = share else {
        return Verdict::Refuted(Fault::ComplaintTarget {
            culprit: complainer,
            dealer,
        });
    };
    let statement = complaint_statement(
        ctx,
        dealer,
        complainer,
        &key,
        &share.ephemeral,
        &complaint.ecdh,
    );
    if !verify_same_exponent(
        statement,
        &key,
        &share.ephemeral,
        &complaint.ecdh,
        &complaint.proof,
    ) {
        return Verdict::Refuted(Fault::ComplaintProof {
            culprit: complainer,
            dealer,
        });
    }
    let right = cipher::open(ctx, dealer, share, &key, &complaint.ecdh)
        .is_some_and(|value| deal.feldman().verify(complainer, &value));
    if right {
        Verdict::Refuted(Fault::FalseComplaint {
            culprit: complainer,
            dealer,
        })
    } else {
        Verdict::Proven(Fault::WrongShare {
            culprit: dealer,
            victim: complainer,
        })
    }
}

/// Judges a confirmation against what the log says.
pub fn judge_confirm(
    ctx: &DkgContext,
    node: NodeIndex,
    outcome: &Outcome,
    confirm: &DkgConfirm,
) -> Result<(), Fault> {
    if confirm.at != ctx.at {
        return Err(Fault::OtherAttempt { culprit: node });
    }
    if confirm.digest != outcome.digest() || confirm.k != outcome.k() {
        return Err(Fault::WrongConfirmation { culprit: node });
    }
    Ok(())
}
