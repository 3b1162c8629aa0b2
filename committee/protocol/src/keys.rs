//! Ed25519 keys and signatures of operators, registrars and creators, with a namespace in every
//! signed message. Verification follows ZIP 215, as consensus does, so that nodes and clients agree
//! on every signature, a crafted one included.

use std::fmt;

use ed25519_consensus::{Signature as Raw, SigningKey as RawKey, VerificationKey};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// The signature isn't this key's over this message in this namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

fn message(namespace: &str, bytes: &[u8]) -> Vec<u8> {
    let mut m = Vec::with_capacity(1 + namespace.len() + bytes.len());
    // The consensus engine signs (length ‖ namespace ‖ message) too: the same shape with other
    // namespaces keeps one operator key safe for both uses. Our namespaces are shorter than 128 bytes.
    m.push(namespace.len() as u8);
    m.extend_from_slice(namespace.as_bytes());
    m.extend_from_slice(bytes);
    m
}

/// An Ed25519 signing key: erased on drop, prints nothing.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// From 32 secret bytes (an RFC 8032 seed).
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// The 32 secret bytes.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(RawKey::from(self.0).verification_key().to_bytes())
    }

    /// Signs `bytes` in `namespace` (one of [`crate::hash::domain`]'s `SIGN_…`).
    pub fn sign(&self, namespace: &str, bytes: &[u8]) -> Signature {
        Signature(
            RawKey::from(self.0)
                .sign(&message(namespace, bytes))
                .to_bytes(),
        )
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

/// An Ed25519 public key: 32 bytes, 64 lowercase hex digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Parses 64 lowercase hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        crate::hash::Digest::from_hex(text).map(|d| Self(d.0))
    }

    /// Checks a signature.
    pub fn verify(
        &self,
        namespace: &str,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        self.verify_raw(&message(namespace, bytes), signature)
    }

    /// Checks a signature over a message that carries its own namespace (consensus certificates).
    pub fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let key = VerificationKey::try_from(self.0).map_err(|_| BadSignature)?;
        key.verify(&Raw::from(signature.0), message)
            .map_err(|_| BadSignature)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl Encode for PublicKey {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.0);
    }
}

impl Decode for PublicKey {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let bytes = r.array()?;
        VerificationKey::try_from(bytes).map_err(|_| DecodeError::Invalid("an Ed25519 key"))?;
        Ok(Self(bytes))
    }
}

/// An Ed25519 signature: 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.0[..8]))
    }
}

impl Encode for Signature {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.0);
    }
}

impl Decode for Signature {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.array()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_own_key_namespace_and_message_only() {
        let key = SigningKey::from_seed([7; 32]);
        let signature = key.sign("tacit/a", b"message");
        assert_eq!(
            key.public().verify("tacit/a", b"message", &signature),
            Ok(())
        );
        assert_eq!(
            key.public().verify("tacit/b", b"message", &signature),
            Err(BadSignature)
        );
        assert_eq!(
            key.public().verify("tacit/a", b"massage", &signature),
            Err(BadSignature)
        );
        let other = SigningKey::from_seed([8; 32]).public();
        assert_eq!(
            other.verify("tacit/a", b"message", &signature),
            Err(BadSignature)
        );
    }

    #[test]
    fn a_secret_key_prints_only_its_public_half() {
        let key = SigningKey::from_seed([7; 32]);
        assert!(!format!("{key:?}").contains(&hex::encode([7u8; 32])));
    }
}
