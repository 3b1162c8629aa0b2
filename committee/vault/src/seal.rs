//! Encryption under a statement's wrapping key.
//!
//! ChaCha20Poly1305 (RFC 8439) with a key from HKDF-SHA256 (RFC 5869; salt = statement id, input = the
//! wrapping key, info = what the key is for) and a random 96-bit nonce. Fewer than 2^23 messages are ever
//! sealed under one key ([`limits`](crate::limits)), so a repeated nonce has a chance below 2^-50.

use std::fmt;

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{ChaCha20Poly1305, Key, KeyInit as _, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use tacit_protocol::ids::StatementId;
use zeroize::{Zeroize as _, Zeroizing};

use crate::memory::LockedKey;

/// Length of a nonce, in bytes.
pub(crate) const NONCE: usize = 12;
/// Bytes that sealing adds behind the message.
pub(crate) const TAG: usize = 16;

/// What a derived key is for. One place, so that no two uses share a key.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Sealing secrets.
    Secret,
    /// Sealing the records of bodies.
    Body,
    /// The value by which a damaged wrapping key is noticed. It says nothing about the others.
    Check,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Secret => b"tacit/vault/secret/v1",
            Self::Body => b"tacit/vault/body/v1",
            Self::Check => b"tacit/vault/key-check/v1",
        }
    }
}

/// A message that doesn't authenticate: another key, other associated data, or changed bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unauthentic;

/// A key derived from a statement's wrapping key, for one purpose. Made for one operation, then dropped.
pub(crate) struct SealingKey(Zeroizing<[u8; 32]>);

impl SealingKey {
    /// Derives the key.
    pub fn derive(wrapping: &LockedKey, statement: &StatementId, purpose: Purpose) -> Self {
        let mut key = Self(Zeroizing::new([0; 32]));
        derive_into(wrapping.bytes(), statement, purpose, &mut key.0);
        key
    }

    /// The key's bytes, for [`Purpose::Check`].
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Encrypts `message` in place; the answer is the tag.
    pub fn seal(&self, nonce: &[u8; NONCE], aad: &[u8], message: &mut [u8]) -> [u8; TAG] {
        seal_inner(&self.0, nonce, aad, message)
    }

    /// Decrypts `message` in place if it and `aad` authenticate; leaves it alone otherwise.
    pub fn open(
        &self,
        nonce: &[u8; NONCE],
        aad: &[u8],
        message: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), Unauthentic> {
        open_inner(&self.0, nonce, aad, message, tag)
    }
}

/// Whoever has used the key drops it last, so this wipes what deriving and using it left on the stack.
impl Drop for SealingKey {
    fn drop(&mut self) {
        wipe_stack();
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(redacted)")
    }
}

#[inline(never)]
fn derive_into(wrapping: &[u8; 32], statement: &StatementId, purpose: Purpose, key: &mut [u8; 32]) {
    let hkdf = Hkdf::<Sha256>::new(Some(statement.as_bytes()), wrapping);
    hkdf.expand(purpose.info(), key)
        .expect("32 bytes are within HKDF's bound of 255 digests");
}

#[inline(never)]
fn seal_inner(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], message: &mut [u8]) -> [u8; TAG] {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key));
    cipher
        .encrypt_inout_detached(&Nonce::from(*nonce), aad, message.into())
        .expect("messages are far shorter than the cipher's bound of 256 GiB")
        .into()
}

#[inline(never)]
fn open_inner(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    message: &mut [u8],
    tag: &[u8; TAG],
) -> Result<(), Unauthentic> {
    let cipher = ChaCha20Poly1305::new(&Key::from(*key));
    cipher
        .decrypt_inout_detached(&Nonce::from(*nonce), aad, message.into(), &Tag::from(*tag))
        .map_err(|_| Unauthentic)
}

/// Overwrites the part of the stack that the calls just made have used. The hash and cipher crates leave
/// copies of their keys there, because their own wiping is a compile-time choice of the whole program.
#[inline(never)]
pub(crate) fn wipe_stack() {
    let mut used = [0u8; 16 * 1024];
    used.zeroize();
    std::hint::black_box(&used);
}

/// Secret bytes, zeroed when dropped and never printed.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    pub(crate) fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes. Copies of them are the caller's to wipe.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for SecretBytes {
    fn as_ref(&self) -> &[u8] {
        self.expose()
    }
}

/// In constant time for equal lengths.
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes, redacted)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_protocol::hash::Digest;

    fn statement(n: u8) -> StatementId {
        StatementId(Digest([n; 32]))
    }

    fn wrapping(n: u8) -> LockedKey {
        let mut key = LockedKey::zeroed().unwrap();
        key.bytes_mut().fill(n);
        key
    }

    fn key(wrapping_key: u8, of: u8, purpose: Purpose) -> SealingKey {
        SealingKey::derive(&wrapping(wrapping_key), &statement(of), purpose)
    }

    #[test]
    fn keys_differ_by_wrapping_key_statement_and_purpose() {
        let one = key(1, 1, Purpose::Secret);
        assert_eq!(one.bytes(), key(1, 1, Purpose::Secret).bytes());
        assert_ne!(one.bytes(), key(2, 1, Purpose::Secret).bytes());
        assert_ne!(one.bytes(), key(1, 2, Purpose::Secret).bytes());
        assert_ne!(one.bytes(), key(1, 1, Purpose::Body).bytes());
        assert_ne!(one.bytes(), key(1, 1, Purpose::Check).bytes());
    }

    #[test]
    fn a_sealed_message_opens_only_with_its_key_nonce_aad_and_bytes() {
        let k = key(1, 1, Purpose::Body);
        let mut sealed = *b"message";
        let tag = k.seal(&[1; NONCE], b"aad", &mut sealed);
        assert_ne!(&sealed, b"message");

        let mut opened = sealed;
        assert_eq!(k.open(&[1; NONCE], b"aad", &mut opened, &tag), Ok(()));
        assert_eq!(&opened, b"message");

        let other = key(2, 1, Purpose::Body);
        assert_eq!(
            other.open(&[1; NONCE], b"aad", &mut sealed.clone(), &tag),
            Err(Unauthentic)
        );
        assert_eq!(
            k.open(&[2; NONCE], b"aad", &mut sealed.clone(), &tag),
            Err(Unauthentic)
        );
        assert_eq!(
            k.open(&[1; NONCE], b"aae", &mut sealed.clone(), &tag),
            Err(Unauthentic)
        );
        let mut changed = sealed;
        changed[0] ^= 1;
        assert_eq!(
            k.open(&[1; NONCE], b"aad", &mut changed, &tag),
            Err(Unauthentic)
        );
        let mut tag = tag;
        tag[15] ^= 1;
        assert_eq!(
            k.open(&[1; NONCE], b"aad", &mut sealed, &tag),
            Err(Unauthentic)
        );
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let secret = SecretBytes::new(Zeroizing::new(b"open sesame".to_vec()));
        assert_eq!(format!("{secret:?}"), "SecretBytes(11 bytes, redacted)");
        assert_eq!(
            format!("{:?}", key(1, 1, Purpose::Secret)),
            "SealingKey(redacted)"
        );
    }
}
