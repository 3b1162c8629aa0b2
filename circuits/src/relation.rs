//! The sealing relation: what a sealed signature proves, in public and private halves, and its
//! native twin.
//!
//! "I know the secret of a leaf in this tree; this is its nullifier here; and `ct` commits to an
//! encryption of that very leaf to this committee." [`check`] says the same as the circuit, rule by
//! rule, in the same order and under the same names ([`Rule`]).

use std::fmt;

use ark_ff::{BigInteger as _, Field as _, One as _, PrimeField as _, UniformRand as _, Zero as _};
use ark_std::rand::{CryptoRng, RngCore};
use tacit_protocol::field::{Fr, Scalar, SecretScalar};
use tacit_protocol::lean_imt::MembershipProof;
use tacit_protocol::point::{Point, PointError};
use tacit_protocol::poseidon::poseidon2;
use tacit_protocol::semaphore::{Identity, leaf};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::gadgets::bits::Integer;
use crate::sealing::seal_point;

/// How many public inputs a proof has.
pub const PUBLIC_INPUTS: usize = 7;

/// What a witness can break, in the order in which it is looked at. Also the title of each
/// constraint of the circuit: the one that doesn't hold says which rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Error)]
pub enum Rule {
    /// The bits of s are 0 or 1. Holds by type outside of the circuit.
    #[error("a bit of the secret is neither 0 nor 1")]
    SecretBits,
    /// s < l as an integer: s and s + l are one leaf with two nullifiers.
    #[error("the secret is not below the subgroup's order")]
    SecretRange,
    /// s isn't 0.
    #[error("the secret is zero")]
    SecretZero,
    /// s isn't 2^249 - 1, at which the last addition of s*B8 has its exception.
    #[error("the secret is 2^249 - 1, which the circuit doesn't serve")]
    SecretExcluded,
    /// A = s*B8.
    #[error("the public key isn't the secret times B8")]
    PublicKey,
    /// leaf = Poseidon2(A.x, A.y).
    #[error("the leaf isn't the hash of the public key")]
    Leaf,
    /// The path has at most as many siblings as the circuit has levels, and no more bits than siblings.
    #[error("the path doesn't fit the circuit's depth")]
    PathShape,
    /// Exactly one level's node is the root.
    #[error("the depth selector isn't one-hot")]
    Depth,
    /// The path's bits are 0 or 1. Holds by type outside of the circuit.
    #[error("a bit of the path is neither 0 nor 1")]
    PathBits,
    /// The path leads from the leaf to the root.
    #[error("the leaf is not in the tree with this root")]
    Root,
    /// nullifier = Poseidon2(scope, s).
    #[error("the nullifier isn't the secret's under this scope")]
    Nullifier,
    /// The bits of r are 0 or 1. Holds by type outside of the circuit.
    #[error("a bit of the nonce is neither 0 nor 1")]
    NonceBits,
    /// r isn't one of the six at which an addition has its exception.
    #[error("the nonce is one that the circuit doesn't serve: draw another")]
    NonceExcluded,
    /// C1 = r*B8.
    #[error("C1 isn't the nonce times B8")]
    CommitmentPoint,
    /// S = r*K.
    #[error("S isn't the nonce times the committee's key")]
    SharedPoint,
    /// The mask is Poseidon3(tag, S.x, S.y).
    #[error("the mask isn't the hash of S")]
    Mask,
    /// ct = Poseidon3(C1.x, C1.y, leaf + mask).
    #[error("ct doesn't commit to C1 and the masked leaf")]
    Ct,
    /// The context is in a constraint. It can't be broken: it can only be another.
    #[error("the context isn't bound")]
    Context,
}

/// The public half, in the order of the proof's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealingPublic {
    /// Root of the tree that the signer counts in.
    pub root: Fr,
    /// Poseidon2(scope, s).
    pub nullifier: Fr,
    /// Scope of the statement.
    pub scope: Fr,
    /// The committee's key K for this statement.
    pub key: Point,
    /// Poseidon3(C1.x, C1.y, c2).
    pub ct: Fr,
    /// Digest of all else that the signature is about.
    pub context: Fr,
}

impl SealingPublic {
    /// The proof's public inputs: root, nullifier, scope, K.x, K.y, ct, context.
    pub fn to_inputs(&self) -> [Fr; PUBLIC_INPUTS] {
        [
            self.root,
            self.nullifier,
            self.scope,
            self.key.x(),
            self.key.y(),
            self.ct,
            self.context,
        ]
    }
}

/// The nonce r of one sealing, uniform in [1, l) but for the values that the circuit excludes.
///
/// Fresh from the operating system's randomness for each sealing: two with one nonce under one key
/// have one mask, and tell the difference of their leaves.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Nonce {
    /// r = 2^252 + 2 rho + 1 mod l, rho an integer below l.
    rho: Integer,
}

impl Nonce {
    /// A fresh nonce; draws again for the six that are excluded.
    pub fn random(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        loop {
            if let Ok(nonce) = Self::new(SecretScalar::new(Scalar::rand(rng))) {
                return nonce;
            }
        }
    }

    /// From a scalar; [`Rule::NonceExcluded`] for the six that are excluded.
    pub fn new(r: SecretScalar) -> Result<Self, Rule> {
        if is_excluded(r.expose()) {
            return Err(Rule::NonceExcluded);
        }
        Ok(Self::encode(&r))
    }

    /// From a scalar, excluded or not: rho = (r - 1 - 2^252) / 2 mod l, for which l is odd.
    pub(crate) fn encode(r: &SecretScalar) -> Self {
        let half = Scalar::from(2u64).inverse().unwrap_or_default();
        let mut rho = (*r.expose() - encoding_offset()) * half;
        let integer = rho.into_bigint();
        rho.zeroize();
        Self { rho: integer }
    }

    /// Any 251-bit rho, as only the circuit's own tests want it.
    #[cfg(test)]
    pub(crate) fn from_rho(rho: Integer) -> Self {
        Self { rho }
    }

    /// rho, whose bits are the witness.
    pub(crate) fn rho(&self) -> &Integer {
        &self.rho
    }

    /// r mod l.
    pub(crate) fn scalar(&self) -> SecretScalar {
        let mut bytes = self.rho.to_bytes_le();
        let mut rho = Scalar::from_le_bytes_mod_order(&bytes);
        bytes.zeroize();
        let r = SecretScalar::new(rho + rho + encoding_offset());
        rho.zeroize();
        r
    }

    /// C1 = r*B8.
    pub fn commitment_point(&self) -> Result<Point, PointError> {
        Point::mul_generator(self.scalar().expose())
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(redacted)")
    }
}

/// 2^252 + 1.
fn encoding_offset() -> Scalar {
    Scalar::from(2u64).pow([252]) + Scalar::one()
}

/// 0, ±1 and ±3 meet an exception of the ladder, 9*2^250 that of the last fixed-base addition.
fn is_excluded(r: &Scalar) -> bool {
    let (one, three) = (Scalar::one(), Scalar::from(3u64));
    let doubling = Scalar::from(9u64) * Scalar::from(2u64).pow([250]);
    [Scalar::zero(), one, -one, three, -three, doubling].contains(r)
}

/// The private half.
#[derive(Clone)]
pub struct SealingWitness {
    secret: Secret,
    nonce: Nonce,
    path: MembershipProof,
}

/// s as an integer, which only a test makes one that isn't below l.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Secret(Integer);

impl SealingWitness {
    /// What a member proves with: who they are, the nonce of this sealing, where they are in the tree.
    pub fn new(identity: &Identity, nonce: Nonce, path: MembershipProof) -> Self {
        Self {
            secret: Secret(identity.secret().expose().into_bigint()),
            nonce,
            path,
        }
    }

    /// Any secret of 251 bits, as only the circuit's own tests want it.
    #[cfg(test)]
    pub(crate) fn from_integer(secret: Integer, nonce: Nonce, path: MembershipProof) -> Self {
        Self {
            secret: Secret(secret),
            nonce,
            path,
        }
    }

    /// Something of the right shape, for set-up.
    pub(crate) fn blank() -> Self {
        let path = MembershipProof {
            siblings: vec![],
            index: 0,
        };
        Self {
            secret: Secret(Integer::one()),
            nonce: Nonce {
                rho: Integer::one(),
            },
            path,
        }
    }

    pub(crate) fn secret(&self) -> &Integer {
        &self.secret.0
    }

    pub(crate) fn nonce(&self) -> &Nonce {
        &self.nonce
    }

    pub(crate) fn path(&self) -> &MembershipProof {
        &self.path
    }

    /// Whether the path fits into a circuit of `max_depth` levels.
    pub(crate) fn check_path_shape(&self, max_depth: usize) -> Result<(), Rule> {
        let length = self.path.siblings.len();
        let fits = length <= max_depth && u64::from(self.path.index) >> length.min(63) == 0;
        if fits { Ok(()) } else { Err(Rule::PathShape) }
    }
}

impl fmt::Debug for SealingWitness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingWitness(redacted)")
    }
}

/// The circuit's native twin: whether the relation holds, and if not, the first rule that is broken.
pub fn check(
    public: &SealingPublic,
    witness: &SealingWitness,
    max_depth: usize,
) -> Result<(), Rule> {
    let s = witness.secret();
    if *s >= Scalar::MODULUS {
        return Err(Rule::SecretRange);
    }
    if s.is_zero() {
        return Err(Rule::SecretZero);
    }
    let mut excluded = Integer::one();
    excluded <<= 249;
    excluded.sub_with_borrow(&Integer::one());
    if *s == excluded {
        return Err(Rule::SecretExcluded);
    }
    let scalar = SecretScalar::new(Scalar::from_bigint(*s).ok_or(Rule::SecretRange)?);
    let leaf = leaf(&Point::mul_generator(scalar.expose()).map_err(|_| Rule::SecretZero)?);

    witness.check_path_shape(max_depth)?;
    if witness.path().root(leaf) != public.root {
        return Err(Rule::Root);
    }

    let mut s = Fr::from_bigint(*s).ok_or(Rule::SecretRange)?;
    let nullifier = poseidon2(public.scope, s);
    s.zeroize();
    if nullifier != public.nullifier {
        return Err(Rule::Nullifier);
    }

    if is_excluded(witness.nonce().scalar().expose()) {
        return Err(Rule::NonceExcluded);
    }
    let sealed = seal_point(witness.nonce(), &public.key, leaf).map_err(|_| Rule::NonceExcluded)?;
    if sealed.ct != public.ct {
        Err(Rule::Ct)
    } else {
        Ok(())
    }
}
