//! What a key generation comes to: the statement's key and every participant's verification key.

use std::collections::BTreeMap;

use ark_ff::Zero as _;
use taceo_ark_babyjubjub::EdwardsProjective;
use tacit_protocol::codec::Writer;
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::point::{Point, PointError};

use crate::committee::DkgContext;
use crate::curve::{encode, to_points};
use crate::judge::{Participants, VerifiedDeal};
use crate::sharing::Feldman;

/// The key that the good dealings make. Everybody computes it from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    ctx: DkgContext,
    good: Vec<NodeIndex>,
    k: Point,
    verification_keys: BTreeMap<NodeIndex, Point>,
    digest: Digest,
}

impl Outcome {
    /// Sums the good dealings, ascending by dealer.
    ///
    /// # Errors
    /// If the key or a participant's share of it is zero, which chance (2^-250) alone could bring
    /// about: all dealers committed before any dealing was known.
    pub fn new<'a>(
        ctx: &DkgContext,
        participants: &Participants,
        good: impl IntoIterator<Item = &'a VerifiedDeal>,
    ) -> Result<Self, PointError> {
        let mut dealers = Vec::new();
        let mut vector = vec![EdwardsProjective::zero(); ctx.committee.threshold()];
        for deal in good {
            dealers.push(deal.dealer());
            for (sum, point) in vector.iter_mut().zip(deal.commitments()) {
                *sum += point.affine();
            }
        }
        let feldman = Feldman::new(&vector);
        let mut values: Vec<_> = participants.nodes().map(|node| feldman.at(node)).collect();
        values.extend(vector.first());
        let mut points = to_points(&values)?;
        let k = points.pop().ok_or(PointError::Identity)?;
        let digest = digest(ctx, &dealers, &vector, &k);
        let verification_keys = participants.nodes().zip(points).collect();
        Ok(Self {
            ctx: *ctx,
            good: dealers,
            k,
            verification_keys,
            digest,
        })
    }

    /// Which key generation it is of.
    pub fn context(&self) -> &DkgContext {
        &self.ctx
    }

    /// The same key in another context, which no key generation could make.
    #[cfg(test)]
    pub(crate) fn renamed(&self, ctx: DkgContext) -> Self {
        Self {
            ctx,
            ..self.clone()
        }
    }

    /// K, to which signatures are sealed.
    pub fn k(&self) -> Point {
        self.k
    }

    /// The dealers whose dealings make up the key, ascending.
    pub fn good(&self) -> &[NodeIndex] {
        &self.good
    }

    /// A participant's share of the key times B8: what its partial decryptions are judged by.
    pub fn verification_key(&self, node: NodeIndex) -> Option<Point> {
        self.verification_keys.get(&node).copied()
    }

    /// All participants' verification keys.
    pub fn verification_keys(&self) -> &BTreeMap<NodeIndex, Point> {
        &self.verification_keys
    }

    /// What a holder confirms: the good dealers, the sum of their vectors, and K.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

fn digest(ctx: &DkgContext, good: &[NodeIndex], vector: &[EdwardsProjective], k: &Point) -> Digest {
    let mut w = Writer::new();
    w.list(good);
    w.u32(vector.len() as u32);
    for point in vector {
        w.raw(&encode(point));
    }
    w.raw(&k.to_bytes());
    ctx.bind(Hasher::new(domain::DKG_CONFIRM))
        .chain_var(w.finish())
        .finish()
}
