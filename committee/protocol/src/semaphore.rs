//! Identities, signatures and scopes as in Semaphore v4, so that members enrol with the identities
//! they have and every root and nullifier comes out the same here and there.
//!
//! An [`Identity`] is the secret scalar s in [1, l). Everything public about it follows: the point
//! `A = s*B8`, the leaf `Poseidon2(A.x, A.y)`, one nullifier `Poseidon2(scope, s)` per scope. Nothing
//! here ever prints, encodes or copies s; whoever learns it knows all past and future nullifiers.

use std::fmt;

use ark_ff::PrimeField as _;
use blake_hash::{Blake512, Digest as _};
use sha3::{Digest as _, Keccak256};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::field::{
    Fr, PublicScalar, Scalar, SecretScalar, fr_to_bytes, scalar_from_bytes, scalar_to_bytes,
};
use crate::hash::{Hasher, domain};
use crate::ids::StatementId;
use crate::point::{Point, PointError};
use crate::poseidon::{poseidon2, poseidon5};

/// Why bytes don't make an identity, or a signature doesn't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SemaphoreError {
    /// The secret scalar is zero: its public key would be the identity.
    #[error("the secret scalar is zero")]
    ZeroSecret,
    /// The secret scalar isn't below l: it would be a second name for a smaller one.
    #[error("the secret scalar is not below the subgroup order")]
    SecretRange,
    /// The derived nonce is zero (probability 2^-251): sign another message.
    #[error("the signature's nonce is zero")]
    ZeroNonce,
    /// The signature isn't one of this message by this key.
    #[error("the signature does not verify")]
    BadSignature,
}

/// A member's secret: a scalar s in [1, l) and the key its signature nonces are derived with.
#[derive(Clone)]
pub struct Identity {
    secret: SecretScalar,
    nonce_key: Zeroizing<[u8; 32]>,
    public: Point,
}

impl Identity {
    /// From the private key of a Semaphore v4 identity: any bytes (`export()` there is base64 of them).
    ///
    /// As circomlib's EdDSA does: BLAKE-512 (the original, not BLAKE2); the first 32 bytes are pruned,
    /// read little endian, shifted right by 3 and reduced mod l; the last 32 derive nonces.
    pub fn from_key(key: &[u8]) -> Result<Self, SemaphoreError> {
        let mut hash = blake512(&[key]);
        let mut pruned = Zeroizing::new([0u8; 32]);
        let mut nonce_key = Zeroizing::new([0u8; 32]);
        let (low, high) = hash.split_at(32);
        pruned.copy_from_slice(low);
        nonce_key.copy_from_slice(high);
        hash.zeroize();

        pruned[0] &= 0xf8;
        pruned[31] &= 0x7f;
        pruned[31] |= 0x40;
        // Shifting the integer by 3 is exact: its low 3 bits were just cleared.
        let mut carry = 0u8;
        for byte in pruned.iter_mut().rev() {
            let low_bits = *byte & 7;
            *byte = (*byte >> 3) | (carry << 5);
            carry = low_bits;
        }
        Self::assemble(
            SecretScalar::new(Scalar::from_le_bytes_mod_order(&pruned[..])),
            nonce_key,
        )
    }

    /// From the secret scalar itself. Its nonce key is a hash of it, so that signing stays deterministic.
    pub fn from_scalar(secret: SecretScalar) -> Result<Self, SemaphoreError> {
        let bytes = Zeroizing::new(scalar_to_bytes(secret.expose()));
        let nonce_key = Zeroizing::new(
            Hasher::new(domain::EDDSA_NONCE)
                .chain(&bytes[..])
                .finish()
                .0,
        );
        Self::assemble(secret, nonce_key)
    }

    /// From the secret scalar's 32 canonical little-endian bytes.
    pub fn from_scalar_bytes(bytes: &[u8; 32]) -> Result<Self, SemaphoreError> {
        let secret = scalar_from_bytes(bytes).ok_or(SemaphoreError::SecretRange)?;
        Self::from_scalar(SecretScalar::new(secret))
    }

    fn assemble(
        secret: SecretScalar,
        nonce_key: Zeroizing<[u8; 32]>,
    ) -> Result<Self, SemaphoreError> {
        // B8 has order l, so only the zero scalar gives the identity.
        let public = Point::mul_generator(secret.expose())
            .map_err(|_: PointError| SemaphoreError::ZeroSecret)?;
        Ok(Self {
            secret,
            nonce_key,
            public,
        })
    }

    /// The public key A = s*B8. It is shown to registrars and stays out of the log.
    pub fn public(&self) -> &Point {
        &self.public
    }

    /// The leaf that stands for this member in a group's tree, Semaphore's "identity commitment".
    pub fn commitment(&self) -> Fr {
        leaf(&self.public)
    }

    /// The nullifier under `scope`: equal for every signature of this member there, unlinkable elsewhere.
    pub fn nullifier(&self, scope: Fr) -> Fr {
        let mut s = self.secret_as_field();
        let nullifier = poseidon2(scope, s);
        s.zeroize();
        nullifier
    }

    /// The secret scalar, for the prover.
    pub fn secret(&self) -> &SecretScalar {
        &self.secret
    }

    /// EdDSA-Poseidon signature of one field element. Deterministic; the same as Semaphore's for
    /// identities that come from a key.
    ///
    /// Messages of Semaphore's JavaScript API are field elements here: pass a BigInt there.
    pub fn sign(&self, message: Fr) -> Result<EddsaSignature, SemaphoreError> {
        let mut wide = blake512(&[&self.nonce_key[..], &fr_to_bytes(&message)]);
        let nonce = SecretScalar::from_wide(&wide);
        wide.zeroize();
        let r8 = Point::mul_generator(nonce.expose()).map_err(|_| SemaphoreError::ZeroNonce)?;
        let challenge = challenge(&r8, &self.public, message);
        let response = *nonce.expose() + challenge * self.secret.expose();
        Ok(EddsaSignature {
            r8,
            response: PublicScalar(response),
        })
    }

    fn secret_as_field(&self) -> Fr {
        let mut integer = self.secret.expose().into_bigint();
        // l < p, so this is the same integer in both fields.
        let field = Fr::from_bigint(integer).unwrap_or_default();
        integer.zeroize();
        field
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(redacted)")
    }
}

/// The leaf of a public key: Poseidon2(A.x, A.y).
pub fn leaf(public: &Point) -> Fr {
    poseidon2(public.x(), public.y())
}

/// An EdDSA-Poseidon signature (circomlib's): 64 bytes, R8 then S.
///
/// R8 is in the prime subgroup and S below l by type, so a signature has one encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EddsaSignature {
    /// The nonce's point.
    pub r8: Point,
    /// The response S in [0, l).
    pub response: PublicScalar,
}

impl Encode for EddsaSignature {
    fn encode(&self, w: &mut Writer) {
        self.r8.encode(w);
        self.response.encode(w);
    }
}

impl Decode for EddsaSignature {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            r8: Point::decode(r)?,
            response: PublicScalar::decode(r)?,
        })
    }
}

/// Checks that `signature` is one of `message` by the secret of `public`: S*B8 = R8 + 8*hm*A.
///
/// `public` is in the prime subgroup by type, which Semaphore's own verifier doesn't check.
pub fn verify(
    public: &Point,
    message: Fr,
    signature: &EddsaSignature,
) -> Result<(), SemaphoreError> {
    let challenge = challenge(&signature.r8, public, message);
    let left = Point::generator().affine() * signature.response.0;
    let right = public.affine() * challenge + signature.r8.affine();
    if left == right {
        Ok(())
    } else {
        Err(SemaphoreError::BadSignature)
    }
}

/// 8 * Poseidon5(R8, A, message), reduced mod l: all points it multiplies have order l.
fn challenge(r8: &Point, public: &Point, message: Fr) -> Scalar {
    let hm = poseidon5(r8.x(), r8.y(), public.x(), public.y(), message);
    Scalar::from_le_bytes_mod_order(&fr_to_bytes(&hm)) * Scalar::from(8u64)
}

/// Semaphore's scope of a topic: keccak256(the integer's 32 bytes, big endian) >> 8.
pub fn semaphore_scope(integer: &[u8; 32]) -> Fr {
    keccak_shifted(&[integer])
}

/// Semaphore's scope of a text, which its API first turns into the integer of the text's bytes,
/// padded with zeros on the right to 32. `None` over 31 bytes, which its API refuses.
pub fn semaphore_scope_of_text(text: &str) -> Option<Fr> {
    if text.len() > 31 {
        return None;
    }
    let mut padded = [0u8; 32];
    for (to, from) in padded.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    Some(semaphore_scope(&padded))
}

/// The scope of a statement: 2^252 + (keccak256("tacit/statement/v1" ‖ id) >> 8).
///
/// At or above 2^252, where no scope of Semaphore's can lie: a wallet that makes proofs for Semaphore
/// applications can't be asked for a statement's nullifier.
pub fn statement_scope(id: &StatementId) -> Fr {
    let mut offset = [0u8; 32];
    offset[31] = 1 << 4;
    Fr::from_le_bytes_mod_order(&offset)
        + keccak_shifted(&[domain::SCOPE.as_bytes(), id.as_bytes()])
}

/// keccak256 of the parts, as a big-endian integer, without its lowest byte: always below p.
fn keccak_shifted(parts: &[&[u8]]) -> Fr {
    let mut hasher = Keccak256::new();
    for part in parts {
        sha3::Digest::update(&mut hasher, part);
    }
    let hash: [u8; 32] = hasher.finalize().into();
    let (kept, _) = hash.split_at(31);
    Fr::from_be_bytes_mod_order(kept)
}

fn blake512(parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Blake512::new();
    for part in parts {
        blake_hash::Digest::update(&mut hasher, part);
    }
    blake_hash::Digest::finalize(hasher).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Digest;

    fn identity(n: u64) -> Identity {
        Identity::from_scalar(SecretScalar::new(Scalar::from(n))).unwrap()
    }

    #[test]
    fn the_zero_scalar_is_nobody() {
        assert_eq!(
            Identity::from_scalar_bytes(&[0; 32]).unwrap_err(),
            SemaphoreError::ZeroSecret
        );
    }

    #[test]
    fn a_scalar_at_the_order_or_above_is_refused() {
        let mut order = scalar_to_bytes(&-Scalar::from(1u64));
        assert!(Identity::from_scalar_bytes(&order).is_ok());
        // l is odd, so l - 1 is even and adding one carries nowhere.
        order[0] += 1;
        assert_eq!(
            Identity::from_scalar_bytes(&order).unwrap_err(),
            SemaphoreError::SecretRange
        );
    }

    #[test]
    fn debug_prints_nothing_of_the_secret() {
        assert_eq!(format!("{:?}", identity(7)), "Identity(redacted)");
    }

    #[test]
    fn signatures_verify_and_bind_the_key_and_the_message() {
        let (alice, bob) = (identity(7), identity(8));
        let signature = alice.sign(Fr::from(5u64)).unwrap();
        assert_eq!(verify(alice.public(), Fr::from(5u64), &signature), Ok(()));
        assert_eq!(alice.sign(Fr::from(5u64)), Ok(signature));
        assert_eq!(
            verify(alice.public(), Fr::from(6u64), &signature),
            Err(SemaphoreError::BadSignature)
        );
        assert_eq!(
            verify(bob.public(), Fr::from(5u64), &signature),
            Err(SemaphoreError::BadSignature)
        );
    }

    #[test]
    fn a_changed_response_or_nonce_point_is_refused() {
        let alice = identity(7);
        let good = alice.sign(Fr::from(5u64)).unwrap();
        let response = PublicScalar(good.response.0 + Scalar::from(1u64));
        let r8 = alice.sign(Fr::from(6u64)).unwrap().r8;
        for bad in [
            EddsaSignature { response, ..good },
            EddsaSignature { r8, ..good },
        ] {
            assert_eq!(
                verify(alice.public(), Fr::from(5u64), &bad),
                Err(SemaphoreError::BadSignature)
            );
        }
    }

    #[test]
    fn a_signature_has_one_encoding() {
        let signature = identity(7).sign(Fr::from(5u64)).unwrap();
        let bytes = signature.to_bytes();
        assert_eq!(bytes.len(), 64);
        assert_eq!(EddsaSignature::from_bytes(&bytes), Ok(signature));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(
            EddsaSignature::from_bytes(&longer),
            Err(DecodeError::Trailing(1))
        );

        // S + l is the same signature to a verifier that doesn't check the range.
        let mut malleable = bytes.clone();
        add_order(&mut malleable[32..]);
        assert_eq!(
            EddsaSignature::from_bytes(&malleable),
            Err(DecodeError::Invalid("a scalar"))
        );

        let mut identity_point = bytes;
        identity_point[..32].fill(0);
        identity_point[0] = 1;
        assert_eq!(
            EddsaSignature::from_bytes(&identity_point),
            Err(DecodeError::Invalid("a point"))
        );
    }

    fn add_order(bytes: &mut [u8]) {
        use ark_ff::BigInteger as _;
        let mut carry = 0u16;
        for (byte, l) in bytes.iter_mut().zip(Scalar::MODULUS.to_bytes_le()) {
            carry += u16::from(*byte) + u16::from(l);
            *byte = carry as u8;
            carry >>= 8;
        }
    }

    #[test]
    fn nullifiers_differ_between_scopes_and_between_members() {
        let (one, two) = (
            statement_scope(&StatementId(Digest([1; 32]))),
            statement_scope(&StatementId(Digest([2; 32]))),
        );
        assert_ne!(identity(7).nullifier(one), identity(7).nullifier(two));
        assert_ne!(identity(7).nullifier(one), identity(8).nullifier(one));
    }

    #[test]
    fn statement_scopes_lie_where_no_semaphore_scope_can() {
        let bits = |scope: Fr| ark_ff::BigInteger::num_bits(&scope.into_bigint());
        for n in 0..64 {
            assert_eq!(bits(statement_scope(&StatementId(Digest([n; 32])))), 253);
            assert!(bits(semaphore_scope(&[n; 32])) <= 248);
        }
    }

    #[test]
    fn a_text_longer_than_semaphore_takes_has_no_scope() {
        assert!(semaphore_scope_of_text(&"a".repeat(31)).is_some());
        assert_eq!(semaphore_scope_of_text(&"a".repeat(32)), None);
    }
}
