//! Triggers: monotone expressions over public counts.
//!
//! ```text
//! expr  = chain | "any(" expr {"," expr} ")" | "all(" expr {"," expr} ")"
//! chain = term {"and" term}  |  term {"or" term}          (mixing needs parentheses)
//! term  = atom | "(" expr ")" | any(…) | all(…)
//! atom  = "count" ["(" class ")"] ">=" ( N | P "% of members" )
//! ```
//!
//! There is no "not" and no upper bound, so a trigger that holds once would hold for every larger count.

mod evaluate;
mod smallest;
#[cfg(test)]
mod tests;
mod text;

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::group::ClassName;

pub use evaluate::Counts;

/// Longest trigger text.
pub const MAX_TEXT: usize = 4096;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 16;
/// Most atoms.
pub const MAX_ATOMS: usize = 64;

/// What an atom asks of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// At least so many.
    AtLeast(u32),
    /// At least so many per cent of the group's members as frozen: `100 * count >= percent * members`.
    Percent(u8),
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// `count >= …` or `count(class) >= …`.
    Count {
        /// Whose count: everybody's or a class's.
        class: Option<ClassName>,
        /// The bound.
        threshold: Threshold,
    },
    /// All of these.
    All(Vec<Trigger>),
    /// Any of these.
    Any(Vec<Trigger>),
}

/// Why a text isn't a trigger, or a trigger can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TriggerError {
    /// Text that the grammar doesn't know.
    #[error("at character {at}: expected {expected}, found {found}")]
    Syntax {
        /// 1-based position.
        at: usize,
        /// What would be right here.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// `not`, `<`, `==` and their like.
    #[error(
        "at character {at}: {found} is not monotone: a trigger may only ask for at least so many"
    )]
    NotMonotone {
        /// 1-based position.
        at: usize,
        /// The offending word.
        found: String,
    },
    /// `and` beside `or` without parentheses.
    #[error("at character {at}: \"and\" and \"or\" are mixed without parentheses")]
    Mixed {
        /// 1-based position.
        at: usize,
    },
    /// A bound of zero holds from the start.
    #[error("a bound of zero would hold before anybody signs")]
    Zero,
    /// Over 100 %.
    #[error("{0} % is more than everybody")]
    OverAll(u32),
    /// Too long, deep or wide.
    #[error("the trigger is too large: {0}")]
    TooLarge(&'static str),
    /// A class that the group doesn't have.
    #[error("the group has no class \"{class}\"")]
    UnknownClass {
        /// Its name.
        class: ClassName,
    },
    /// Could never hold on this roster.
    #[error("unreachable: it asks for {needs} of {whom}, and there are {have}")]
    Unreachable {
        /// How many it asks for.
        needs: u64,
        /// Of whom.
        whom: String,
        /// How many there are.
        have: u64,
    },
}

impl Trigger {
    /// Every class it names.
    pub fn classes(&self) -> Vec<&ClassName> {
        match self {
            Trigger::Count { class, .. } => class.iter().collect(),
            Trigger::All(parts) | Trigger::Any(parts) => {
                parts.iter().flat_map(Trigger::classes).collect()
            }
        }
    }

    fn decode_at(r: &mut Reader<'_>, depth: usize, atoms: &mut usize) -> Result<Self, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::Invalid("a trigger this deep"));
        }
        match r.u8()? {
            0 => {
                *atoms += 1;
                if *atoms > MAX_ATOMS {
                    return Err(DecodeError::Invalid("a trigger with so many parts"));
                }
                let class = r.option()?;
                let threshold = match r.u8()? {
                    0 => match r.u32()? {
                        0 => return Err(DecodeError::Invalid("a bound of zero")),
                        n => Threshold::AtLeast(n),
                    },
                    1 => match r.u8()? {
                        p @ 1..=100 => Threshold::Percent(p),
                        _ => return Err(DecodeError::Invalid("a percentage")),
                    },
                    _ => return Err(DecodeError::Invalid("a threshold")),
                };
                Ok(Trigger::Count { class, threshold })
            }
            tag @ (1 | 2) => {
                let len = r.length("a trigger's parts", MAX_ATOMS)?;
                if len == 0 {
                    return Err(DecodeError::Invalid("an empty trigger"));
                }
                let mut parts = Vec::with_capacity(len);
                for _ in 0..len {
                    parts.push(Self::decode_at(r, depth + 1, atoms)?);
                }
                Ok(if tag == 1 {
                    Trigger::All(parts)
                } else {
                    Trigger::Any(parts)
                })
            }
            _ => Err(DecodeError::Invalid("a trigger")),
        }
    }
}

impl Encode for Trigger {
    fn encode(&self, w: &mut Writer) {
        match self {
            Trigger::Count { class, threshold } => {
                w.u8(0);
                w.option(class);
                match threshold {
                    Threshold::AtLeast(n) => {
                        w.u8(0);
                        w.u32(*n);
                    }
                    Threshold::Percent(p) => {
                        w.u8(1);
                        w.u8(*p);
                    }
                }
            }
            Trigger::All(parts) => {
                w.u8(1);
                w.list(parts);
            }
            Trigger::Any(parts) => {
                w.u8(2);
                w.list(parts);
            }
        }
    }
}

impl Decode for Trigger {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_at(r, 0, &mut 0)
    }
}
