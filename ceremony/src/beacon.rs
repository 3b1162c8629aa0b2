//! Beacons: public values that nobody could foresee when the last contributor had finished.
//!
//! A value and an exponent are fixed by a rule that is announced before the ceremony. The value is hashed
//! 2^exponent times with SHA-256, and the digest seeds the stream that the last secrets are drawn from.
//! A file's exponent is compared with the announced one before anything is hashed: 63 would take for ever.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::files::parameters::Beacon;
use crate::stream::Stream;

/// The largest exponent that is accepted: 2^24 hashes take some seconds.
pub const MAX_EXPONENT: u8 = 24;
/// The smallest that other tools take.
pub const MIN_EXPONENT: u8 = 10;

/// What a list of contributions must say of beacons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// No beacon yet: the ceremony is open.
    Open,
    /// Exactly this one, and it's the last.
    Announced(Beacon),
    /// Exactly one, last, with any value: for files of other ceremonies, whose rule we don't know.
    Any,
}

/// How a list of contributions breaks the rule.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BeaconFault {
    /// A beacon where there should be none.
    #[error("a beacon stands before the end")]
    Early,
    /// No beacon at the end.
    #[error("the last one is no beacon")]
    Missing,
    /// Another value.
    #[error("the beacon's value is not the announced one")]
    Value,
    /// Another exponent.
    #[error("the beacon's exponent is {found}, not {expected}")]
    Exponent {
        /// The announced one.
        expected: u8,
        /// The file's.
        found: u8,
    },
    /// An exponent that nobody should wait for.
    #[error("the beacon's exponent is {0}; from 10 to 24 are accepted")]
    ExponentRange(u8),
}

impl Rule {
    /// Whether it is one of finished ceremonies: nobody contributes any more.
    pub fn is_of_the_end(&self) -> bool {
        *self != Self::Open
    }

    /// Checks which of the contributions are beacons. The number in an error counts from 1.
    ///
    /// # Errors
    /// The first contribution that breaks the rule.
    pub fn check<'a>(
        &self,
        contributions: impl Iterator<Item = Option<&'a Beacon>>,
    ) -> Result<(), (usize, BeaconFault)> {
        let contributions: Vec<_> = contributions.collect();
        let last = contributions.len();
        for (beacon, number) in contributions.iter().zip(1..) {
            let Some(beacon) = beacon else { continue };
            if number < last || *self == Self::Open {
                return Err((number, BeaconFault::Early));
            }
            let exponent = beacon.exponent;
            if let Self::Announced(announced) = self {
                if exponent != announced.exponent {
                    let expected = announced.exponent;
                    let fault = BeaconFault::Exponent {
                        expected,
                        found: exponent,
                    };
                    return Err((number, fault));
                }
                if beacon.value != announced.value {
                    return Err((number, BeaconFault::Value));
                }
            }
            if !(MIN_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
                return Err((number, BeaconFault::ExponentRange(exponent)));
            }
        }
        let has = contributions.last().is_some_and(Option::is_some);
        if *self != Self::Open && !has {
            return Err((last, BeaconFault::Missing));
        }
        Ok(())
    }
}

/// The stream that a beacon's secrets are drawn from. Check the exponent first.
pub fn stream(beacon: &Beacon) -> Stream {
    let mut digest: [u8; 32] = Sha256::digest(&beacon.value).into();
    let rounds = 1u64 << beacon.exponent.min(63);
    for _ in 1..rounds {
        digest = Sha256::digest(digest).into();
    }
    Stream::from_seed(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beacon(value: u8, exponent: u8) -> Beacon {
        let value = vec![value; 32];
        Beacon { value, exponent }
    }

    fn check(rule: &Rule, list: &[Option<Beacon>]) -> Result<(), (usize, BeaconFault)> {
        rule.check(list.iter().map(Option::as_ref))
    }

    #[test]
    fn a_beacon_is_the_last_the_only_and_the_announced_one() {
        let good = beacon(1, 10);
        let rule = Rule::Announced(good.clone());
        let g = Some(good);
        assert_eq!(check(&rule, &[None, None, g.clone()]), Ok(()));
        assert_eq!(check(&rule, &[None]), Err((1, BeaconFault::Missing)));
        assert_eq!(check(&rule, &[]), Err((0, BeaconFault::Missing)));
        assert_eq!(
            check(&rule, &[g.clone(), None]),
            Err((1, BeaconFault::Early))
        );
        assert_eq!(
            check(&rule, &[None, g.clone(), g.clone()]),
            Err((2, BeaconFault::Early))
        );
        assert_eq!(
            check(&rule, &[None, Some(beacon(2, 10))]),
            Err((2, BeaconFault::Value))
        );
        assert_eq!(check(&Rule::Open, &[None, None]), Ok(()));
        assert_eq!(check(&Rule::Open, &[None, g]), Err((2, BeaconFault::Early)));
    }

    #[test]
    fn an_exponent_that_would_take_for_ever_is_refused_at_once() {
        let rule = Rule::Announced(beacon(1, 10));
        let list = [Some(beacon(1, 63))];
        let wrong = BeaconFault::Exponent {
            expected: 10,
            found: 63,
        };
        assert_eq!(check(&rule, &list), Err((1, wrong)));
        assert_eq!(
            check(&Rule::Any, &list),
            Err((1, BeaconFault::ExponentRange(63)))
        );
        let rule = Rule::Announced(beacon(1, 63));
        assert_eq!(
            check(&rule, &list),
            Err((1, BeaconFault::ExponentRange(63)))
        );
    }
}
