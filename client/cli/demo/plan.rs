//! What the demo does, decided before anything starts: who signs what, under which class.

use std::collections::BTreeMap;
use std::path::Path;

use tacit_protocol::group::ClassName;
use tacit_protocol::trigger::{Counts, Threshold, Trigger};
use tacit_registrar::roster::Roster;

use crate::failure::Failure;
use crate::input;
use crate::statement::{read_text, trigger_failure};

/// Longest roster, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// The roster of a demo that isn't given one.
const ROSTER: &str = include_str!("roster.csv");
/// The statement of a demo that isn't given one.
const STATEMENT: &str = "We have each seen the safety reports. They were changed before they reached the board.\nWe will say so together, under our names.";
/// The trigger of a demo that isn't given one.
const TRIGGER: &str = "count >= 10 and count(directors) >= 2";

/// Who signs, and under which class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerPlan {
    /// Position on the roster.
    pub member: usize,
    /// The class that the signature counts under.
    pub class: Option<ClassName>,
}

/// Everything that is decided before the start.
#[derive(Debug)]
pub struct Plan {
    /// The members.
    pub roster: Roster,
    /// What they sign.
    pub statement: String,
    /// When the first list opens.
    pub trigger: Trigger,
    /// Who signs the first statement, in order.
    pub signers: Vec<SignerPlan>,
}

struct Tally<'a> {
    roster: &'a Roster,
    count: u64,
    classes: BTreeMap<ClassName, u64>,
}

impl Counts for Tally<'_> {
    fn count(&self, class: Option<&ClassName>) -> u64 {
        match class {
            None => self.count,
            Some(c) => self.classes.get(c).copied().unwrap_or(0),
        }
    }

    fn members(&self, class: Option<&ClassName>) -> Option<u64> {
        match class {
            None => Some(self.roster.rows.len() as u64),
            Some(c) if self.roster.classes.contains(c) => Some(
                self.roster
                    .rows
                    .iter()
                    .filter(|r| r.classes.contains(c))
                    .count() as u64,
            ),
            Some(_) => None,
        }
    }
}

impl Plan {
    /// Reads what was given and fills in the rest.
    pub fn new(
        roster: Option<&Path>,
        statement: Option<&Path>,
        trigger: Option<&str>,
        signers: Option<usize>,
    ) -> Result<Self, Failure> {
        let (bytes, named) = match roster {
            Some(path) => (input::file(path, MAX_FILE)?, path.display().to_string()),
            None => (ROSTER.as_bytes().to_vec(), "the roster".into()),
        };
        let roster_given = roster.is_some();
        let roster = Roster::parse(&bytes)
            .map_err(|e| Failure::usage("roster", format!("{named}: {e}"), e.advice()))?;
        let statement = match statement {
            Some(path) => read_text(path)?,
            None => STATEMENT.into(),
        };
        let text = match (trigger, roster_given) {
            (Some(text), _) => text.to_string(),
            (None, false) => TRIGGER.into(),
            // Somebody's own roster has other classes and another size.
            (None, true) => format!("count >= {}", roster.rows.len().div_ceil(3).max(2)),
        };
        let bad_trigger = |e| trigger_failure(&text, &e);
        let trigger = Trigger::parse(&text).map_err(bad_trigger)?;
        let nobody = Tally {
            roster: &roster,
            count: 0,
            classes: BTreeMap::new(),
        };
        trigger.check_reachable(&nobody).map_err(bad_trigger)?;
        let signers = choose(&roster, &trigger, signers)?;
        Ok(Self {
            roster,
            statement,
            trigger,
            signers,
        })
    }
}

/// The most that any part asks of each class, and of everybody.
fn bounds(trigger: &Trigger, counts: &impl Counts, of: &mut BTreeMap<Option<ClassName>, u64>) {
    match trigger {
        Trigger::Count { class, threshold } => {
            let needs = match threshold {
                Threshold::AtLeast(n) => u64::from(*n),
                Threshold::Percent(p) => {
                    (u64::from(*p) * counts.members(None).unwrap_or(0)).div_ceil(100)
                }
            };
            let bound = of.entry(class.clone()).or_default();
            *bound = (*bound).max(needs);
        }
        Trigger::All(parts) | Trigger::Any(parts) => {
            parts.iter().for_each(|p| bounds(p, counts, of))
        }
    }
}

/// Members whom a class bound needs come first and sign under that class; then others, until the
/// trigger holds, or as many as were asked for.
fn choose(
    roster: &Roster,
    trigger: &Trigger,
    asked: Option<usize>,
) -> Result<Vec<SignerPlan>, Failure> {
    let members = roster.rows.len();
    if let Some(n) = asked.filter(|n| *n > members) {
        return Err(Failure::usage(
            "too-many-signers",
            format!("{n} signers, but the roster has {members} members"),
            "Ask for fewer signers, or give a longer roster.",
        ));
    }
    let mut tally = Tally {
        roster,
        count: 0,
        classes: BTreeMap::new(),
    };
    let mut of = BTreeMap::new();
    bounds(trigger, &tally, &mut of);
    let mut chosen: Vec<SignerPlan> = Vec::new();
    let classes = of
        .iter()
        .filter_map(|(class, n)| class.clone().map(|c| (c, *n)));
    for (class, needs) in classes {
        for (member, row) in roster.rows.iter().enumerate() {
            if tally.count(Some(&class)) >= needs || trigger.holds(&tally) {
                break;
            }
            if row.classes.contains(&class) && chosen.iter().all(|s| s.member != member) {
                chosen.push(SignerPlan {
                    member,
                    class: Some(class.clone()),
                });
                tally.count += 1;
                *tally.classes.entry(class.clone()).or_default() += 1;
            }
        }
    }
    for member in 0..members {
        let enough = match asked {
            Some(n) => chosen.len() >= n,
            None => trigger.holds(&tally),
        };
        if enough {
            break;
        }
        if chosen.iter().all(|s| s.member != member) {
            chosen.push(SignerPlan {
                member,
                class: None,
            });
            tally.count += 1;
        }
    }
    if !trigger.holds(&tally) {
        return Err(Failure::usage(
            "too-few-signers",
            format!(
                "with {} signers the trigger \"{trigger}\" is not met",
                chosen.len()
            ),
            "Ask for more signers, or leave --signers out: then as many sign as it takes.",
        ));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(trigger: Option<&str>, signers: Option<usize>) -> Result<Plan, Failure> {
        Plan::new(None, None, trigger, signers)
    }

    #[test]
    fn class_members_sign_first_and_under_their_class() {
        let plan = plan(Some("count >= 5 and count(directors) >= 2"), None).unwrap();
        assert_eq!(plan.signers.len(), 5);
        assert!(
            plan.signers
                .iter()
                .take(2)
                .all(|s| s.class.as_ref().is_some_and(|c| c.as_str() == "directors"))
        );
        assert!(plan.signers.iter().skip(2).all(|s| s.class.is_none()));
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_starts() {
        let code = |trigger: &str, signers| plan(Some(trigger), signers).unwrap_err().code;
        assert_eq!(code("count >= 31", None), "trigger");
        assert_eq!(code("count(judges) >= 1", None), "trigger");
        assert_eq!(code("count < 3", None), "trigger");
        assert_eq!(code("count >= 5", Some(4)), "too-few-signers");
        assert_eq!(code("count >= 5", Some(31)), "too-many-signers");
    }
}
