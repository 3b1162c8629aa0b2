//! Opening: partial decryptions of a certified set, their proofs, and their combination.
//!
//! A holder posts D = share·C1 for each entry, in chunks, with one proof per chunk that all of them
//! have its share as exponent. Only [`VerifiedPartial`]s combine, and only exactly t of them from
//! different nodes for the same [`Chunk`]: a [`Quorum`]. A share itself never leaves its node, so what
//! isn't in the set is never opened.

use std::ops::Range;

use hkdf::Hkdf;
use sha2::Sha256;
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::field::scalar_to_bytes;
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::opening::{CHUNK, Ciphertext, Partial};
use tacit_protocol::point::{Point, PointError};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::curve::{Combination, msm, mul_secret, to_points};
use crate::fault::Fault;
use crate::node::KeyShare;
use crate::outcome::Outcome;
use crate::proofs::{KeyPair, nonzero_pair, prove_same_exponent, verify_same_exponent, weights};
use crate::sharing::lagrange;

/// Why something can't be opened, with no node to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpeningError {
    /// The number of chunk digests doesn't follow from the number of entries.
    #[error("{found} chunks for a set that has {expected}")]
    Chunks {
        /// How many were given.
        found: usize,
        /// How many the set has.
        expected: usize,
    },
    /// The entries aren't the set's chunk of that number.
    #[error("these entries are not chunk {0} of the set")]
    NotThisChunk(u32),
    /// The share is of another key than the one that the set is sealed to.
    #[error("the share is of another key than the set's")]
    OtherKey,
    /// Not exactly t partial decryptions.
    #[error("{have} partial decryptions where exactly {need} are needed")]
    Count {
        /// How many there are.
        have: usize,
        /// t.
        need: usize,
    },
    /// Two partial decryptions of the same node.
    #[error("two partial decryptions are node {0}'s")]
    SameNode(NodeIndex),
    /// A partial decryption of another set or chunk.
    #[error("node {0}'s partial decryption is of another set or chunk")]
    OtherSet(NodeIndex),
    /// A sum came out as the identity, with probability 2^-128 at most.
    #[error("a combination is the identity")]
    Degenerate,
}

impl From<PointError> for OpeningError {
    fn from(_: PointError) -> Self {
        Self::Degenerate
    }
}

/// Digest of one chunk's entries, each with its position in the statement's list.
pub fn chunk_digest(chunk: u32, entries: &[(u64, Ciphertext)]) -> Digest {
    let mut hasher = Hasher::new(domain::OPENING_SET)
        .chain_var("chunk")
        .chain(chunk.to_be_bytes())
        .chain((entries.len() as u64).to_be_bytes());
    for (position, ciphertext) in entries {
        hasher = hasher
            .chain(position.to_be_bytes())
            .chain(ciphertext.to_bytes());
    }
    hasher.finish()
}

/// What is opened, when and by whom: every proof is bound to all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpeningContext {
    outcome: Outcome,
    entries: u32,
    chunks: Vec<Digest>,
    binding: Digest,
}

impl OpeningContext {
    /// The opening of a set of `entries` entries whose chunks have these digests ([`chunk_digest`]),
    /// sealed to the key of `outcome`, triggered at the log position `trigger`.
    pub fn new(
        outcome: &Outcome,
        trigger: u64,
        entries: u32,
        chunks: Vec<Digest>,
    ) -> Result<Self, OpeningError> {
        let expected = (entries as usize).div_ceil(CHUNK);
        if chunks.len() != expected {
            return Err(OpeningError::Chunks {
                found: chunks.len(),
                expected,
            });
        }
        let mut set = Hasher::new(domain::OPENING_SET)
            .chain_var("set")
            .chain(entries.to_be_bytes());
        for digest in &chunks {
            set = set.chain(digest);
        }
        let binding = outcome
            .context()
            .bind(Hasher::new(domain::PARTIAL).chain_var("context"))
            .chain(outcome.k().to_bytes())
            .chain(trigger.to_be_bytes())
            .chain(set.finish())
            .finish();
        Ok(Self {
            outcome: outcome.clone(),
            entries,
            chunks,
            binding,
        })
    }

    /// How many chunks the set has.
    pub fn chunks(&self) -> u32 {
        self.entries.div_ceil(CHUNK as u32)
    }

    /// Which entries of the set are in a chunk.
    pub fn range(&self, chunk: u32) -> Option<Range<u32>> {
        let start = chunk
            .checked_mul(CHUNK as u32)
            .filter(|&start| start < self.entries)?;
        Some(start..self.entries.min(start.saturating_add(CHUNK as u32)))
    }

    /// A chunk's entries, which must be the set's.
    pub fn chunk(&self, number: u32, entries: &[(u64, Ciphertext)]) -> Result<Chunk, OpeningError> {
        let error = OpeningError::NotThisChunk(number);
        let range = self
            .range(number)
            .filter(|range| range.len() == entries.len())
            .ok_or(error)?;
        if self.chunks.get(number as usize) != Some(&chunk_digest(number, entries)) {
            return Err(error);
        }
        Ok(Chunk {
            number,
            range,
            binding: self.binding,
            c1: entries
                .iter()
                .map(|(_, ciphertext)| ciphertext.c1.affine())
                .collect(),
        })
    }
}

/// The C1s of one chunk of a certified set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    number: u32,
    range: Range<u32>,
    binding: Digest,
    c1: Vec<EdwardsAffine>,
}

impl Chunk {
    /// The chunk's number, from 0.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The transcript of a node's partial decryptions: protocol tag, fingerprint, statement, attempt,
    /// trigger position, set and K (in `binding`), node, its key, the chunk's range, and all points.
    pub(crate) fn transcript(&self, node: NodeIndex, key: &Point, points: &[Point]) -> Digest {
        let mut hasher = Hasher::new(domain::PARTIAL)
            .chain_var("transcript")
            .chain(self.binding)
            .chain(node.to_be_bytes())
            .chain(key.to_bytes())
            .chain(self.range.start.to_be_bytes())
            .chain(self.range.end.to_be_bytes());
        for point in points {
            hasher = hasher.chain(point.to_bytes());
        }
        hasher.finish()
    }
}

/// The statement of a chunk's proof: `image` has the share as exponent to `base`, where both are folded
/// by weights that hash the transcript.
fn folded_statement(transcript: Digest, base: &Point, image: &Point) -> Hasher {
    Hasher::new(domain::PARTIAL)
        .chain_var("proof")
        .chain(transcript)
        .chain(base.to_bytes())
        .chain(image.to_bytes())
}

/// A holder's partial decryptions of one chunk, with their proof: the same for the same share and set.
pub fn partial(
    share: &KeyShare,
    ctx: &OpeningContext,
    chunk: &Chunk,
) -> Result<Partial, OpeningError> {
    let key = share.verification_key();
    let ours = ctx.outcome.context() == share.context()
        && ctx.outcome.k() == share.k()
        && ctx.outcome.verification_key(share.node()) == Some(key);
    if !ours || chunk.binding != ctx.binding {
        return Err(OpeningError::OtherKey);
    }
    let products: Vec<EdwardsProjective> = chunk
        .c1
        .iter()
        .map(|c1| *c1 * share.expose().expose())
        .collect();
    let points = to_points(&products)?;
    let transcript = chunk.transcript(share.node(), &key, &points);
    let base = Point::from_subgroup(msm(&chunk.c1, &weights(transcript, points.len())))?;
    // Cheaper than folding the points, and the same.
    let image = mul_secret(&base, share.expose());
    let statement = folded_statement(transcript, &base, &image);
    let nonce = nonce(share, statement.clone().finish());
    let proof = prove_same_exponent(statement, share.expose(), &base, &nonce);
    Ok(Partial {
        statement: share.context().at.statement,
        chunk: chunk.number,
        points,
        proof,
    })
}

/// A nonce for one statement, from the share and the statement: no two challenges share one.
fn nonce(share: &KeyShare, statement: Digest) -> KeyPair {
    let secret = Zeroizing::new(scalar_to_bytes(share.expose().expose()));
    let hkdf = Hkdf::<Sha256>::new(Some(domain::PARTIAL.as_bytes()), &secret[..]);
    nonzero_pair(&hkdf, statement.as_bytes())
}

/// Partial decryptions that are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPartial {
    node: NodeIndex,
    number: u32,
    binding: Digest,
    points: Vec<Point>,
}

impl VerifiedPartial {
    /// Whose they are.
    pub fn node(&self) -> NodeIndex {
        self.node
    }
}

/// Judges a node's partial decryptions of a chunk.
pub fn judge_partial(
    ctx: &OpeningContext,
    chunk: &Chunk,
    node: NodeIndex,
    partial: &Partial,
) -> Result<VerifiedPartial, Fault> {
    if partial.statement != ctx.outcome.context().at.statement {
        return Err(Fault::OtherAttempt { culprit: node });
    }
    if partial.chunk != chunk.number || partial.points.len() != chunk.c1.len() {
        return Err(Fault::PartialShape {
            culprit: node,
            chunk: partial.chunk,
        });
    }
    let fault = Fault::PartialProof {
        culprit: node,
        chunk: chunk.number,
    };
    // A node without a share has nothing to post.
    let key = ctx.outcome.verification_key(node).ok_or(fault)?;
    let transcript = chunk.transcript(node, &key, &partial.points);
    let weights = weights(transcript, partial.points.len());
    let images: Vec<EdwardsAffine> = partial.points.iter().map(Point::affine).collect();
    let folded = [msm(&chunk.c1, &weights), msm(&images, &weights)];
    let [base, image] = to_points(&folded)
        .ok()
        .and_then(|p| p.try_into().ok())
        .ok_or(fault)?;
    let statement = folded_statement(transcript, &base, &image);
    if !verify_same_exponent(statement, &key, &base, &image, &partial.proof) {
        return Err(fault);
    }
    Ok(VerifiedPartial {
        node,
        number: chunk.number,
        binding: chunk.binding,
        points: partial.points.clone(),
    })
}

/// Exactly t verified partial decryptions of one chunk, of t different nodes: what it takes to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum(Vec<VerifiedPartial>);

impl Quorum {
    /// Gathers a quorum for `chunk`.
    ///
    /// The check of the number matters: fewer shares than t combine to a wrong point without any error.
    pub fn new(
        ctx: &OpeningContext,
        chunk: &Chunk,
        mut partials: Vec<VerifiedPartial>,
    ) -> Result<Self, OpeningError> {
        let need = ctx.outcome.context().committee.threshold();
        if partials.len() != need {
            return Err(OpeningError::Count {
                have: partials.len(),
                need,
            });
        }
        partials.sort_by_key(VerifiedPartial::node);
        for (p, next) in partials.iter().zip(partials.iter().skip(1)) {
            if p.node == next.node {
                return Err(OpeningError::SameNode(p.node));
            }
        }
        let ours = |p: &VerifiedPartial| {
            p.binding == ctx.binding && p.binding == chunk.binding && p.number == chunk.number
        };
        match partials.iter().find(|p| !ours(p)) {
            Some(p) => Err(OpeningError::OtherSet(p.node)),
            None => Ok(Self(partials)),
        }
    }

    /// S = K's secret times C1 for each entry of the chunk, in order. The same for every quorum.
    pub fn combine(&self) -> Result<Vec<Point>, OpeningError> {
        let nodes: Vec<_> = self.0.iter().map(VerifiedPartial::node).collect();
        let combination = Combination::new(&lagrange(&nodes));
        // All of a quorum's partials are of the same chunk, so equally long.
        let length = self.0.first().map_or(0, |p| p.points.len());
        let sums: Vec<_> = (0..length)
            .map(|i| {
                let points: Vec<EdwardsProjective> = self
                    .0
                    .iter()
                    .filter_map(|p| p.points.get(i))
                    .map(|p| p.affine().into())
                    .collect();
                combination.apply(&points)
            })
            .collect();
        Ok(to_points(&sums)?)
    }
}
