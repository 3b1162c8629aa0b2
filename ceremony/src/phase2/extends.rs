//! Whether a key that somebody hands in goes on exactly where the ceremony stands.
//!
//! Cheap, and looked at before the points are. It proves nothing alone: [`super::validate`] and
//! [`super::link`] do.

use super::verify::KeyFault;
use crate::files::zkey::Zkey;

/// Checks that `after` is `before` with one more contribution: of the same circuit, and with all earlier
/// records as they were, byte for byte.
///
/// # Errors
/// [`KeyFault::CircuitHash`], [`KeyFault::History`] or [`KeyFault::Count`].
pub fn extends(after: &Zkey, before: &Zkey) -> Result<(), KeyFault> {
    if after.circuit_hash() != before.circuit_hash() {
        return Err(KeyFault::CircuitHash);
    }
    // Two records are equal if and only if their bytes are: nothing in one has a second encoding.
    let pairs = before.records().iter().zip(after.records());
    if let Some((_, number)) = pairs.zip(1..).find(|((b, a), _)| a != b) {
        return Err(KeyFault::History(number));
    }
    let (expected, found) = (before.records().len() + 1, after.records().len());
    if found != expected {
        return Err(KeyFault::Count { expected, found });
    }
    Ok(())
}
