//! Invitation codes: 20 random bytes, written so that a person can type them.
//!
//! A code reads `7Q4M-…`: Crockford's base32 (no I, L, O, U; case doesn't matter), nine groups of four,
//! of which the last is a check over the group, the registrar's key and the rest. So a slip of the
//! finger is told apart from a code that is wrong, and a program knows which registrar a code is for
//! before it shows it to one: a registrar that saw another's code could enrol in the person's place.
//!
//! Registrars keep the hash only. Looking up by the hash of 160 random bits is constant-time in what
//! matters: whatever the time of a comparison tells about a hash says nothing of use about a code.

use std::fmt;

use rand_core::TryCryptoRng;
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::ids::GroupId;
use tacit_protocol::keys::PublicKey;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Random bytes in a code.
const BYTES: usize = 20;
/// Digits of the random bytes.
const DIGITS: usize = BYTES * 8 / 5;
/// Check digits after them.
const CHECK: usize = 4;
/// All of them.
const LENGTH: usize = DIGITS + CHECK;
/// Longest text that is looked at: digits with a separator after each.
const MAX_TEXT: usize = 2 * (DIGITS + CHECK);

/// Why a text isn't a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodeError {
    /// Something is missing or too much.
    #[error("a code has {LENGTH} letters and digits, this text has {0}")]
    Length(usize),
    /// A character that codes don't use.
    #[error("a code has no {0:?}")]
    Character(char),
    /// The check digits belong to another code, registrar or group.
    #[error("the code has a typing error, or is for another registrar or group")]
    Check,
}

/// A one-time code. Erased on drop, prints nothing.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Code([u8; BYTES]);

impl Code {
    /// A new code.
    pub fn draw<R: TryCryptoRng>(rng: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; BYTES];
        rng.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The text that the person gets.
    pub fn text(&self, group: &GroupId, registrar: &PublicKey) -> Zeroizing<String> {
        let mut digits = Zeroizing::new(to_digits(&self.0, DIGITS));
        digits.extend_from_slice(&check(group, registrar, &self.0));
        // As long as it gets, so that no part of it stays behind where a longer one was moved from.
        let mut text = Zeroizing::new(String::with_capacity(digits.len() * 2));
        for (i, digit) in digits.iter().enumerate() {
            if i > 0 && i % 4 == 0 {
                text.push('-');
            }
            text.push(char::from(*digit));
        }
        text
    }

    /// Reads a text that a person typed: any case, with or without separators.
    pub fn parse(text: &str, group: &GroupId, registrar: &PublicKey) -> Result<Self, CodeError> {
        let (code, digits) = split(text)?;
        if digits == check(group, registrar, &code.0) {
            Ok(code)
        } else {
            Err(CodeError::Check)
        }
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What is stored.
    pub fn hash(&self, group: &GroupId) -> Digest {
        Hasher::new(domain::INVITATION)
            .chain(group)
            .chain(self.0)
            .finish()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(redacted)")
    }
}

/// Position of the registrar that a code is for.
pub fn registrar_of(
    text: &str,
    group: &GroupId,
    registrars: &[PublicKey],
) -> Result<usize, CodeError> {
    let (code, digits) = split(text)?;
    registrars
        .iter()
        .position(|key| digits == check(group, key, &code.0))
        .ok_or(CodeError::Check)
}

fn split(text: &str) -> Result<(Code, [u8; CHECK]), CodeError> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return Err(CodeError::Length(
            text.chars().filter(|c| !is_separator(*c)).count(),
        ));
    }
    let mut values = Zeroizing::new(Vec::with_capacity(MAX_TEXT));
    for c in text.chars().filter(|c| !is_separator(*c)) {
        values.push(value(c).ok_or(CodeError::Character(c))?);
    }
    let (random, check) = values
        .split_at_checked(DIGITS)
        .ok_or(CodeError::Length(values.len()))?;
    let check: [u8; CHECK] = check
        .try_into()
        .map_err(|_| CodeError::Length(values.len()))?;
    let mut bytes = [0; BYTES];
    for (eight, five) in random.chunks(8).zip(bytes.chunks_mut(5)) {
        let word = eight.iter().fold(0u64, |word, v| word << 5 | u64::from(*v));
        for (to, from) in five.iter_mut().zip(word.to_be_bytes().iter().skip(3)) {
            *to = *from;
        }
    }
    let code = Code(bytes);
    bytes.zeroize();
    Ok((code, check.map(digit)))
}

fn is_separator(c: char) -> bool {
    c == '-' || c.is_whitespace()
}

/// The value of a digit as people write it: case doesn't matter, O is 0, I and L are 1.
fn value(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET
        .iter()
        .position(|a| char::from(*a) == c)
        .and_then(|i| u8::try_from(i).ok())
}

fn digit(value: u8) -> u8 {
    // Values come from five bits each.
    ALPHABET
        .get(usize::from(value & 31))
        .copied()
        .unwrap_or(b'0')
}

/// The first `count` base32 digits of `bytes`; at least five bytes for every eight digits.
fn to_digits(bytes: &[u8], count: usize) -> Vec<u8> {
    let mut digits = Vec::with_capacity(DIGITS + CHECK);
    for five in bytes.chunks(5) {
        let word = five.iter().fold(0u64, |word, b| word << 8 | u64::from(*b));
        digits.extend((0..8).rev().map(|i| digit((word >> (5 * i)) as u8)));
    }
    digits.truncate(count);
    digits
}

fn check(group: &GroupId, registrar: &PublicKey, bytes: &[u8; BYTES]) -> [u8; CHECK] {
    let digest = Hasher::new(domain::INVITATION_CHECK)
        .chain(group)
        .chain(registrar.0)
        .chain(bytes)
        .finish();
    let digits = to_digits(digest.0.get(..5).unwrap_or_default(), CHECK);
    std::array::from_fn(|i| digits.get(i).copied().unwrap_or(b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupId = GroupId(Digest([1; 32]));
    const KEY: PublicKey = PublicKey([2; 32]);

    fn code() -> Code {
        Code(std::array::from_fn(|i| (i * 37 + 11) as u8))
    }

    #[test]
    fn a_code_comes_back_however_a_person_types_it() {
        let text = code().text(&GROUP, &KEY);
        assert_eq!(text.len(), 9 * 4 + 8);
        let lower = text.to_lowercase();
        let bare = text.replace('-', "");
        let spaced = text.replace('-', " ");
        let confused = text.replace('0', "o").replace('1', "l");
        for typed in [
            text.as_str(),
            &lower,
            &bare,
            &spaced,
            &confused,
            &format!("  {}\n", *text),
        ] {
            assert_eq!(Code::parse(typed, &GROUP, &KEY), Ok(code()), "{typed}");
        }
    }

    #[test]
    fn a_code_is_the_same_on_every_machine() {
        // Recomputed apart from this code, in Python.
        assert_eq!(
            code().text(&GROUP, &KEY).as_str(),
            "1CR5-AYMZ-RKMG-WCTR-FPHC-FV0H-6SDR-19EA-F1BB"
        );
        assert_eq!(
            code().hash(&GROUP).to_string(),
            "a562955f508f9a871501d19a92d5588955bed5f7cd367dd4d58c1bcc69753ff4"
        );
    }

    #[test]
    fn every_wrong_digit_is_told_from_a_wrong_code() {
        let text = code().text(&GROUP, &KEY);
        let mut wrong = 0;
        for i in (0..text.len()).filter(|i| i % 5 != 4) {
            for digit in ALPHABET {
                let mut typed = text.as_bytes().to_vec();
                if typed[i] == *digit {
                    continue;
                }
                typed[i] = *digit;
                let typed = String::from_utf8(typed).unwrap();
                assert_eq!(
                    Code::parse(&typed, &GROUP, &KEY),
                    Err(CodeError::Check),
                    "{typed}"
                );
                wrong += 1;
            }
        }
        assert_eq!(wrong, 36 * 31);
    }

    #[test]
    fn what_is_no_code_is_refused_by_name() {
        let text = code().text(&GROUP, &KEY);
        assert_eq!(Code::parse("", &GROUP, &KEY), Err(CodeError::Length(0)));
        assert_eq!(
            Code::parse(&text[..text.len() - 1], &GROUP, &KEY),
            Err(CodeError::Length(35))
        );
        assert_eq!(
            Code::parse(&format!("{}7", *text), &GROUP, &KEY),
            Err(CodeError::Length(37))
        );
        assert_eq!(
            Code::parse(&"7".repeat(1000), &GROUP, &KEY),
            Err(CodeError::Length(1000))
        );
        assert_eq!(
            Code::parse(&text.replace('-', "_"), &GROUP, &KEY),
            Err(CodeError::Character('_'))
        );
        assert_eq!(
            Code::parse("Üx", &GROUP, &KEY),
            Err(CodeError::Character('Ü'))
        );
    }

    #[test]
    fn a_code_says_whose_it_is_and_nobody_elses() {
        let keys = [PublicKey([3; 32]), KEY, PublicKey([4; 32])];
        let text = code().text(&GROUP, &KEY);
        assert_eq!(registrar_of(&text, &GROUP, &keys), Ok(1));
        assert_eq!(
            registrar_of(&text, &GROUP, &keys[2..]),
            Err(CodeError::Check)
        );
        assert_eq!(
            registrar_of(&text, &GroupId(Digest([9; 32])), &keys),
            Err(CodeError::Check)
        );
    }

    #[test]
    fn a_code_prints_nothing() {
        assert_eq!(format!("{:?}", code()), "Code(redacted)");
    }

    #[test]
    fn codes_that_are_drawn_differ() {
        let mut rng = getrandom::SysRng;
        assert_ne!(Code::draw(&mut rng).unwrap(), Code::draw(&mut rng).unwrap());
    }
}
