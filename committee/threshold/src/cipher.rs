//! Encryption of one share to one recipient: ChaCha20-Poly1305 under a key from the Diffie-Hellman
//! point of the dealer's ephemeral and the recipient's key of this attempt.

use chacha20poly1305::{AeadInOut as _, ChaCha20Poly1305, Key, KeyInit as _, Nonce, Tag};
use hkdf::Hkdf;
use sha2::Sha256;
use tacit_protocol::dkg::{ENCRYPTED_SHARE, EncryptedShare};
use tacit_protocol::field::{SecretScalar, scalar_from_bytes};
use tacit_protocol::hash::domain;
use tacit_protocol::ids::NodeIndex;
use tacit_protocol::point::Point;
use zeroize::{Zeroize as _, Zeroizing};

use crate::committee::DkgContext;

/// Length of the plaintext, a scalar.
pub(crate) const SHARE: usize = 32;

/// What a ciphertext is bound to: its key depends on it, so it opens as nothing else.
fn info(
    ctx: &DkgContext,
    dealer: NodeIndex,
    recipient: NodeIndex,
    ephemeral: &Point,
    key: &Point,
) -> Vec<u8> {
    let mut info = Vec::with_capacity(192);
    info.extend_from_slice(domain::SHARE.as_bytes());
    info.extend_from_slice(ctx.fingerprint.as_bytes());
    info.extend_from_slice(ctx.at.statement.as_bytes());
    info.push(ctx.at.attempt);
    info.extend_from_slice(&dealer.to_be_bytes());
    info.extend_from_slice(&recipient.to_be_bytes());
    info.extend_from_slice(&ephemeral.to_bytes());
    info.extend_from_slice(&key.to_bytes());
    info
}

fn cipher(ecdh: &Point, info: &[u8]) -> ChaCha20Poly1305 {
    let mut key = Zeroizing::new([0u8; 32]);
    let point = Zeroizing::new(ecdh.to_bytes());
    Hkdf::<Sha256>::new(None, &point[..])
        .expand(info, &mut key[..])
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    let mut array = Key::from(*key);
    let cipher = ChaCha20Poly1305::new(&array);
    array.zeroize();
    cipher
}

/// Encrypts a share (its canonical bytes). The nonce is zero: a key serves one (dealer, recipient) of one attempt, and the
/// dealer's share for that recipient is fixed by its seed.
pub(crate) fn seal(
    ctx: &DkgContext,
    dealer: NodeIndex,
    recipient: NodeIndex,
    ephemeral: &Point,
    key: &Point,
    ecdh: &Point,
    plain: &[u8; SHARE],
) -> [u8; ENCRYPTED_SHARE] {
    let info = info(ctx, dealer, recipient, ephemeral, key);
    let mut out = [0u8; ENCRYPTED_SHARE];
    let (body, tag) = out.split_at_mut(SHARE);
    body.copy_from_slice(plain);
    let made = cipher(ecdh, &info)
        .encrypt_inout_detached(&Nonce::default(), &info, body.into())
        .expect("32 bytes are within ChaCha20-Poly1305's limit");
    tag.copy_from_slice(&made);
    out
}

/// Decrypts `from`'s share for its recipient, whose key is `key`. `None` if it doesn't authenticate or
/// isn't a canonical scalar.
pub(crate) fn open(
    ctx: &DkgContext,
    dealer: NodeIndex,
    from: &EncryptedShare,
    key: &Point,
    ecdh: &Point,
) -> Option<SecretScalar> {
    let info = info(ctx, dealer, from.recipient, &from.ephemeral, key);
    let (body, tag) = from.ciphertext.split_first_chunk::<SHARE>()?;
    let tag = Tag::try_from(tag).ok()?;
    let mut plain = Zeroizing::new(*body);
    cipher(ecdh, &info)
        .decrypt_inout_detached(&Nonce::default(), &info, (&mut plain[..]).into(), &tag)
        .ok()?;
    scalar_from_bytes(&plain).map(SecretScalar::new)
}
