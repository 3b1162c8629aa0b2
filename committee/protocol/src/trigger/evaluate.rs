//! Does a trigger hold, and could it ever?

use super::{Threshold, Trigger, TriggerError};
use crate::group::ClassName;

/// Where counts and sizes come from when a trigger is evaluated.
pub trait Counts {
    /// Signatures counted for the class, or for everybody.
    fn count(&self, class: Option<&ClassName>) -> u64;
    /// Members as frozen at opening, of a class or of the whole group; `None` if there is no such class.
    fn members(&self, class: Option<&ClassName>) -> Option<u64>;
}

impl Trigger {
    /// Does it hold on these counts?
    pub fn holds(&self, counts: &impl Counts) -> bool {
        match self {
            Trigger::Count { class, threshold } => {
                let count = counts.count(class.as_ref());
                match threshold {
                    Threshold::AtLeast(n) => count >= u64::from(*n),
                    Threshold::Percent(p) => {
                        let members = counts.members(None).unwrap_or(0);
                        members > 0 && 100 * count >= u64::from(*p) * members
                    }
                }
            }
            Trigger::All(parts) => parts.iter().all(|t| t.holds(counts)),
            Trigger::Any(parts) => parts.iter().any(|t| t.holds(counts)),
        }
    }

    /// Checks that it names only classes that exist and could hold if everybody signed.
    ///
    /// Each atom is compared with its class, and the smallest list, for which bounds of different classes
    /// add up (one signs under one class), with the group. Members in several classes are counted in each,
    /// so a trigger that asks more of overlapping classes than their union has is not found out.
    pub fn check_reachable(&self, counts: &impl Counts) -> Result<(), TriggerError> {
        self.check_atoms(counts)?;
        let (needs, have) = (
            self.smallest_list(counts),
            counts.members(None).unwrap_or(0),
        );
        if needs > have {
            let whom = "members".to_string();
            return Err(TriggerError::Unreachable { needs, whom, have });
        }
        Ok(())
    }

    fn check_atoms(&self, counts: &impl Counts) -> Result<(), TriggerError> {
        match self {
            Trigger::Count { class, .. } => {
                let have = match counts.members(class.as_ref()) {
                    Some(have) => have,
                    None => {
                        // Only a named class can be missing.
                        return class.as_ref().map_or(Ok(()), |class| {
                            Err(TriggerError::UnknownClass {
                                class: class.clone(),
                            })
                        });
                    }
                };
                let needs = self.needs(counts);
                if needs > have {
                    let whom = class
                        .as_ref()
                        .map_or("members".to_string(), ToString::to_string);
                    return Err(TriggerError::Unreachable { needs, whom, have });
                }
                Ok(())
            }
            Trigger::All(parts) => parts.iter().try_for_each(|t| t.check_atoms(counts)),
            // One reachable way is enough, but every class must exist.
            Trigger::Any(parts) => {
                let mut first = Ok(());
                let mut reachable = false;
                for part in parts {
                    match part.check_atoms(counts) {
                        Ok(()) => reachable = true,
                        Err(e @ TriggerError::UnknownClass { .. }) => return Err(e),
                        Err(e) => first = first.and(Err(e)),
                    }
                }
                if reachable { Ok(()) } else { first }
            }
        }
    }

    pub(super) fn needs(&self, counts: &impl Counts) -> u64 {
        match self {
            Trigger::Count {
                threshold: Threshold::AtLeast(n),
                ..
            } => u64::from(*n),
            Trigger::Count {
                threshold: Threshold::Percent(p),
                ..
            } => (u64::from(*p) * counts.members(None).unwrap_or(0))
                .div_ceil(100)
                .max(1),
            _ => 0,
        }
    }
}
