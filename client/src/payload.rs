//! The payload of a sealed signature: the member's record, the salt of their binder and an optional
//! testimony, encrypted under S = r·K, padded so that its length tells next to nothing.
//!
//! Key: HKDF-SHA256(S ‖ C1 ‖ K, info), info = tag ‖ statement id ‖ nullifier, which is the associated data
//! too. The nonce is zero: a key is used once, because S follows from an r that is fresh for each sealing.
//! So nothing outside of this crate can encrypt: that is [`crate::seal`]'s alone.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use tacit_protocol::codec::{Decode as _, DecodeError, Encode as _, Reader, Writer};
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::Record;
use tacit_protocol::hash::domain;
use tacit_protocol::ids::StatementId;
use tacit_protocol::point::Point;
use tacit_protocol::signature::{MAX_TESTIMONY, PAYLOAD_SIZES, TAG_BYTES};
use thiserror::Error;
use zeroize::{Zeroize as _, Zeroizing};

/// Why a payload can't be made or read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// The testimony doesn't fit.
    #[error("the testimony has {0} bytes, at most {MAX_TESTIMONY} are allowed")]
    TestimonyTooLong(usize),
    /// The record doesn't fit.
    #[error("the record is too long to be sealed")]
    RecordTooLong,
    /// Not the length of a payload.
    #[error("a payload doesn't have {0} bytes")]
    Length(usize),
    /// Changed, or of another signature, or S isn't its.
    #[error("the payload doesn't decrypt: it is not this signature's, or was sealed wrongly")]
    Decryption,
    /// It decrypts to something else than a record, a salt and a testimony.
    #[error("the payload can't be read: {0}")]
    Content(#[from] DecodeError),
    /// What follows isn't zeros up to the least size that fits: a second encoding, or a hidden message.
    #[error("the payload is not padded as it must be")]
    Padding,
}

/// What a payload says.
#[derive(Clone, PartialEq, Eq)]
pub struct Plaintext {
    /// The member's record, as the world will see it.
    pub record: Record,
    /// Salt of the binder that commits to it.
    pub salt: [u8; 32],
    /// What the signer adds to their name.
    pub testimony: Option<String>,
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(redacted)")
    }
}

/// What a payload's key follows from.
#[derive(Clone, Copy)]
pub struct Keying {
    /// S = r·K, secret until the list is opened.
    pub shared: Point,
    /// C1 = r·B8.
    pub c1: Point,
    /// The statement's public key K.
    pub k: Point,
    /// The statement.
    pub statement: StatementId,
    /// The signature's nullifier.
    pub nullifier: FieldElement,
}

impl fmt::Debug for Keying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keying(redacted)")
    }
}

impl Keying {
    fn info(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.raw(domain::PAYLOAD.as_bytes());
        self.statement.encode(&mut w);
        self.nullifier.encode(&mut w);
        w.finish()
    }

    fn cipher(&self, info: &[u8]) -> ChaCha20Poly1305 {
        let mut secret = Zeroizing::new([0u8; 96]);
        let points = [self.shared, self.c1, self.k].map(|p| Zeroizing::new(p.to_bytes()));
        for (place, bytes) in secret.chunks_mut(32).zip(&points) {
            place.copy_from_slice(&bytes[..]);
        }
        let mut key = Zeroizing::new([0u8; 32]);
        // HKDF fails only for outputs over 255 hashes.
        let _ = Hkdf::<Sha256>::new(None, &secret[..]).expand(info, &mut key[..]);
        ChaCha20Poly1305::new((&*key).into())
    }
}

/// The plaintext's bytes, without padding.
fn encode(plaintext: &Plaintext) -> Zeroizing<Vec<u8>> {
    let mut w = Writer::new();
    plaintext.record.encode(&mut w);
    w.raw(&plaintext.salt);
    w.bool(plaintext.testimony.is_some());
    if let Some(testimony) = &plaintext.testimony {
        w.text(testimony);
    }
    Zeroizing::new(w.finish())
}

/// The least size that holds so many bytes.
fn padded_size(bytes: usize) -> Option<usize> {
    PAYLOAD_SIZES.into_iter().find(|size| bytes <= *size)
}

/// Encrypts. Only for a `keying` whose S is fresh: a second payload under one would give both away.
pub(crate) fn seal(plaintext: &Plaintext, keying: &Keying) -> Result<Vec<u8>, PayloadError> {
    if let Some(testimony) = &plaintext.testimony
        && testimony.len() > MAX_TESTIMONY
    {
        return Err(PayloadError::TestimonyTooLong(testimony.len()));
    }
    let bytes = encode(plaintext);
    let size = padded_size(bytes.len()).ok_or(PayloadError::RecordTooLong)?;
    let mut padded = Zeroizing::new(vec![0u8; size]);
    for (place, byte) in padded.iter_mut().zip(bytes.iter()) {
        *place = *byte;
    }
    encrypt(&padded, keying)
}

fn encrypt(padded: &[u8], keying: &Keying) -> Result<Vec<u8>, PayloadError> {
    let info = keying.info();
    let payload = Payload {
        msg: padded,
        aad: &info,
    };
    // Encryption fails only for plaintexts of over 256 GiB.
    keying
        .cipher(&info)
        .encrypt(&Nonce::default(), payload)
        .map_err(|_| PayloadError::RecordTooLong)
}

/// Decrypts, and checks that the plaintext is the one encoding of what it says.
pub fn open(payload: &[u8], keying: &Keying) -> Result<Plaintext, PayloadError> {
    if !PAYLOAD_SIZES
        .iter()
        .any(|size| size + TAG_BYTES == payload.len())
    {
        return Err(PayloadError::Length(payload.len()));
    }
    let info = keying.info();
    let sealed = Payload {
        msg: payload,
        aad: &info,
    };
    let mut padded = keying
        .cipher(&info)
        .decrypt(&Nonce::default(), sealed)
        .map_err(|_| PayloadError::Decryption)?;
    let plaintext = decode(&padded);
    padded.zeroize();
    plaintext
}

fn decode(padded: &[u8]) -> Result<Plaintext, PayloadError> {
    let mut r = Reader::new(padded);
    let plaintext = Plaintext {
        record: Record::decode(&mut r)?,
        salt: r.array()?,
        testimony: match r.bool()? {
            true => Some(r.text("a testimony", MAX_TESTIMONY)?),
            false => None,
        },
    };
    let padding = r.take(r.remaining())?;
    let used = padded.len() - padding.len();
    if padding.iter().any(|byte| *byte != 0) || padded_size(used) != Some(padded.len()) {
        return Err(PayloadError::Padding);
    }
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_protocol::field::{Fr, Scalar};
    use tacit_protocol::group::ClassName;
    use tacit_protocol::hash::Digest;

    fn point(n: u64) -> Point {
        Point::mul_generator(&Scalar::from(n)).unwrap()
    }

    fn keying() -> Keying {
        Keying {
            shared: point(5),
            c1: point(6),
            k: point(7),
            statement: StatementId(Digest([8; 32])),
            nullifier: FieldElement(Fr::from(9u64)),
        }
    }

    fn plaintext(testimony: Option<String>) -> Plaintext {
        Plaintext {
            record: Record {
                name: "Zoë Ångström".into(),
                classes: vec![ClassName::new("senators").unwrap()],
            },
            salt: [3; 32],
            testimony,
        }
    }

    #[test]
    fn what_is_sealed_is_what_is_opened() {
        for testimony in [None, Some(String::new()), Some("I saw it. ✓".to_string())] {
            let plaintext = plaintext(testimony);
            let payload = seal(&plaintext, &keying()).unwrap();
            assert_eq!(open(&payload, &keying()), Ok(plaintext));
        }
    }

    #[test]
    fn a_payload_has_one_of_three_lengths() {
        let length = |n: usize| {
            let sealed = seal(&plaintext(Some("x".repeat(n))), &keying());
            sealed.map(|payload| payload.len() - TAG_BYTES)
        };
        let rest = encode(&plaintext(Some(String::new()))).len();
        assert_eq!(length(0), Ok(1024));
        assert_eq!(length(1024 - rest), Ok(1024));
        assert_eq!(length(1025 - rest), Ok(4096));
        assert_eq!(length(4096 - rest), Ok(4096));
        assert_eq!(length(4097 - rest), Ok(18 * 1024));
        assert_eq!(length(MAX_TESTIMONY), Ok(18 * 1024));
        let over = MAX_TESTIMONY + 1;
        assert_eq!(length(over), Err(PayloadError::TestimonyTooLong(over)));
    }

    #[test]
    fn the_longest_record_fits_beside_the_longest_testimony() {
        let class = |i: usize| ClassName::new(&format!("{}{i:02}", "a".repeat(30))).unwrap();
        let longest = Plaintext {
            record: Record {
                name: "n".repeat(256),
                classes: (0..32).map(class).collect(),
            },
            salt: [1; 32],
            testimony: Some("t".repeat(MAX_TESTIMONY)),
        };
        let payload = seal(&longest, &keying()).unwrap();
        assert_eq!(open(&payload, &keying()), Ok(longest));
    }

    #[test]
    fn any_changed_byte_is_refused() {
        let payload = seal(&plaintext(None), &keying()).unwrap();
        for i in [0, 1, 500, 1023, 1024, payload.len() - 1] {
            let mut changed = payload.clone();
            changed[i] ^= 1;
            assert_eq!(open(&changed, &keying()), Err(PayloadError::Decryption));
        }
    }

    #[test]
    fn a_payload_of_another_length_is_refused() {
        let payload = seal(&plaintext(None), &keying()).unwrap();
        let short = payload.len() - 1;
        assert_eq!(
            open(&payload[..short], &keying()),
            Err(PayloadError::Length(short))
        );
        let long = [&payload[..], &[0]].concat();
        assert_eq!(
            open(&long, &keying()),
            Err(PayloadError::Length(long.len()))
        );
        assert_eq!(open(&[], &keying()), Err(PayloadError::Length(0)));
    }

    #[test]
    fn a_payload_opens_for_its_own_statement_nullifier_and_points_only() {
        let payload = seal(&plaintext(None), &keying()).unwrap();
        let own = keying();
        let statement = StatementId(Digest([9; 32]));
        let nullifier = FieldElement(Fr::from(10u64));
        let others = [
            Keying { statement, ..own },
            Keying { nullifier, ..own },
            Keying {
                shared: point(8),
                ..own
            },
            Keying {
                c1: point(8),
                ..own
            },
            Keying { k: point(8), ..own },
            Keying {
                shared: own.c1,
                c1: own.shared,
                ..own
            },
        ];
        for other in others {
            assert_eq!(open(&payload, &other), Err(PayloadError::Decryption));
        }
    }

    /// Seals bytes as they are.
    fn sealed_raw(bytes: &[u8], size: usize) -> Result<Plaintext, PayloadError> {
        let mut padded = bytes.to_vec();
        padded.resize(size, 0);
        open(&encrypt(&padded, &keying()).unwrap(), &keying())
    }

    #[test]
    fn padding_is_zeros_up_to_the_least_size() {
        let bytes = encode(&plaintext(None));
        assert!(sealed_raw(&bytes, 1024).is_ok());
        assert_eq!(sealed_raw(&bytes, 4096), Err(PayloadError::Padding));
        for at in [bytes.len(), 1023] {
            let mut noisy = bytes.to_vec();
            noisy.resize(1024, 0);
            noisy[at] = 1;
            assert_eq!(sealed_raw(&noisy, 1024), Err(PayloadError::Padding));
        }
    }

    #[test]
    fn what_is_no_record_is_named() {
        let content = |bytes: &[u8]| match sealed_raw(bytes, 1024) {
            Err(PayloadError::Content(e)) => e,
            other => panic!("{other:?}"),
        };
        let too_long = content(&[0xff; 4]);
        assert!(matches!(too_long, DecodeError::TooLong { .. }));
        let mut wrong_flag = encode(&plaintext(None)).to_vec();
        *wrong_flag.last_mut().unwrap() = 2;
        assert_eq!(content(&wrong_flag), DecodeError::Invalid("a boolean"));
    }

    #[test]
    fn debug_prints_neither_names_nor_points() {
        let text = format!("{:?} {:?}", plaintext(Some("I".into())), keying());
        assert_eq!(text, "Plaintext(redacted) Keying(redacted)");
    }
}
