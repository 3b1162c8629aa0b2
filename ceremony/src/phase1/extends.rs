//! Whether a file that somebody hands in goes on exactly where the ceremony stands.
//!
//! Cheap, and looked at before the points are: who hands in a stale base, a fork, a file of another size or
//! one with passengers costs no more than this. It proves nothing alone: [`super::validate`] and
//! [`super::link`] do.

use super::fault::PowersFault;
use crate::files::ptau::Ptau;

/// Checks that `after` is `before` with one more contribution: of the same size, whole, without Lagrange
/// forms (nobody would check them), and with all earlier records as they were, byte for byte.
///
/// # Errors
/// [`PowersFault::Cut`], [`PowersFault::Power`], [`PowersFault::Prepared`], [`PowersFault::History`] or
/// [`PowersFault::Count`].
pub fn extends(after: &Ptau, before: &Ptau) -> Result<(), PowersFault> {
    if before.is_truncated() || after.is_truncated() {
        return Err(PowersFault::Cut);
    }
    if after.power() != before.power() {
        return Err(PowersFault::Power {
            expected: before.power(),
            found: after.power(),
        });
    }
    if after.is_prepared() {
        return Err(PowersFault::Prepared);
    }
    // Two records are equal if and only if their bytes are: nothing in one has a second encoding, and
    // what stands behind a hash state's fill is kept as it is.
    let pairs = before.records().iter().zip(after.records());
    if let Some((_, number)) = pairs.zip(1..).find(|((b, a), _)| a != b) {
        return Err(PowersFault::History(number));
    }
    let (expected, found) = (before.records().len() + 1, after.records().len());
    if found != expected {
        return Err(PowersFault::Count { expected, found });
    }
    Ok(())
}
