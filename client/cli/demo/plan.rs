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
/// Ways to meet a trigger that are tried.
const MAX_WAYS: usize = 64;

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
        if roster.rows.len() < 2 {
            return Err(Failure::usage(
                "roster",
                format!("{named}: one member is too few"),
                "Add people: the second statement is to stay one signature short of two at least.",
            ));
        }
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
        let nobody = Tally::of(&roster, &[]);
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

/// What one way to meet a trigger asks of each class, and of everybody.
type Way = BTreeMap<Option<ClassName>, u64>;

/// Ways to meet a trigger, the first [`MAX_WAYS`] of them.
fn ways(trigger: &Trigger, counts: &impl Counts) -> Vec<Way> {
    let mut ways = match trigger {
        Trigger::Count { class, threshold } => {
            let needs = match threshold {
                Threshold::AtLeast(n) => u64::from(*n),
                Threshold::Percent(p) => {
                    (u64::from(*p) * counts.members(None).unwrap_or(0)).div_ceil(100)
                }
            };
            vec![Way::from([(class.clone(), needs)])]
        }
        Trigger::Any(parts) => parts.iter().flat_map(|p| ways(p, counts)).collect(),
        Trigger::All(parts) => parts.iter().fold(vec![Way::new()], |left, part| {
            let right = ways(part, counts);
            let both = |a: &Way| right.iter().map(|b| most(a, b)).collect::<Vec<_>>();
            left.iter().flat_map(both).take(MAX_WAYS).collect()
        }),
    };
    ways.truncate(MAX_WAYS);
    ways
}

/// What both ask.
fn most(a: &Way, b: &Way) -> Way {
    let mut most = a.clone();
    for (class, needs) in b {
        let bound = most.entry(class.clone()).or_default();
        *bound = (*bound).max(*needs);
    }
    most
}

impl<'a> Tally<'a> {
    fn of(roster: &'a Roster, signers: &[SignerPlan]) -> Self {
        let mut tally = Tally {
            roster,
            count: 0,
            classes: BTreeMap::new(),
        };
        signers.iter().for_each(|s| tally.add(s));
        tally
    }

    fn add(&mut self, signer: &SignerPlan) {
        self.count += 1;
        if let Some(class) = &signer.class {
            *self.classes.entry(class.clone()).or_default() += 1;
        }
    }
}

/// Signers who meet the trigger in one way: those whom a class needs first and under that class, then others.
/// The last of them is the one who meets it. None, if this way doesn't lead there.
fn sign_in_this_way(roster: &Roster, trigger: &Trigger, way: &Way) -> Option<Vec<SignerPlan>> {
    let mut tally = Tally::of(roster, &[]);
    let mut chosen = Vec::new();
    let mut sign = |class: Option<&ClassName>, needs: u64| {
        let mut rows: Vec<_> = roster.rows.iter().enumerate().collect();
        if let Some(class) = class {
            rows.retain(|(_, row)| row.classes.contains(class));
            // Those whom another class may need as well come last.
            rows.sort_by_key(|(_, row)| row.classes.len());
        }
        for (member, _) in rows {
            if trigger.holds(&tally) || tally.count(class) >= needs {
                break;
            }
            if chosen.iter().all(|s: &SignerPlan| s.member != member) {
                let class = class.cloned();
                let signer = SignerPlan { member, class };
                tally.add(&signer);
                chosen.push(signer);
            }
        }
    };
    for (class, needs) in way {
        if class.is_some() {
            sign(class.as_ref(), *needs);
        }
    }
    // Whatever this way asks of everybody, it is met when the trigger is.
    sign(None, u64::MAX);
    trigger.holds(&tally).then_some(chosen)
}

/// As few signers as the trigger takes, or as many as were asked for, in an order in which the last one meets
/// it: the list opens then, so nobody could sign after.
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
    let ways = ways(trigger, &Tally::of(roster, &[]));
    let fewest = ways
        .iter()
        .filter_map(|way| sign_in_this_way(roster, trigger, way))
        .min_by_key(Vec::len);
    let Some(fewest) = fewest else {
        return Err(Failure::usage(
            "trigger",
            format!("the demo finds no members who would meet the trigger \"{trigger}\" together"),
            "Somebody signs under one class at most. Ask for fewer of each, or put more members into the classes.",
        ));
    };
    let Some(asked) = asked else {
        return Ok(fewest);
    };
    let least = fewest.len();
    if asked < least {
        return Err(Failure::usage(
            "too-few-signers",
            format!("{asked} signers can't meet the trigger \"{trigger}\": it takes {least}"),
            "Ask for more signers, or leave --signers out: then as many sign as it takes.",
        ));
    }
    let others: Vec<SignerPlan> = (0..members)
        .filter(|member| fewest.iter().all(|s| s.member != *member))
        .take(asked - least)
        .map(|member| SignerPlan {
            member,
            class: None,
        })
        .collect();
    // Whom the trigger can wait for: with everybody else it must not hold yet.
    for last in (0..least).rev() {
        let mut order = fewest.clone();
        let last = order.remove(last);
        order.extend_from_slice(&others);
        if !trigger.holds(&Tally::of(roster, &order)) {
            order.push(last);
            return Ok(order);
        }
    }
    Err(Failure::usage(
        "too-many-signers",
        format!(
            "the list opens before {asked} members have signed: {least} meet the trigger \"{trigger}\""
        ),
        "Ask for fewer signers, or leave --signers out: then as many sign as it takes.",
    ))
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
        assert_eq!(code("count >= 5", Some(0)), "too-few-signers");
        assert_eq!(code("count >= 5", Some(31)), "too-many-signers");
        // The list opens at the third signature, so five of eight would come too late.
        assert_eq!(code("count >= 3", Some(8)), "too-many-signers");
    }

    #[test]
    fn the_list_opens_with_the_last_signature_and_not_before() {
        let cases = [
            (None, None, 10),
            (Some("count >= 1"), None, 1),
            (Some("count >= 3"), Some(3), 3),
            (Some("count >= 30% of members"), None, 9),
            // One of the directors is waited for.
            (Some("count >= 10 and count(directors) >= 2"), Some(12), 12),
            (Some("any(count >= 20, count(directors) >= 2)"), None, 2),
            (
                Some("any(count >= 20, count(directors) >= 2)"),
                Some(20),
                20,
            ),
            (Some("any(count(directors) >= 4, count >= 3)"), None, 3),
        ];
        for (trigger, asked, signers) in cases {
            let plan = plan(trigger, asked).unwrap();
            assert_eq!(plan.signers.len(), signers, "{trigger:?}");
            let holds = |n| {
                let first = plan.signers.get(..n).unwrap();
                plan.trigger.holds(&Tally::of(&plan.roster, first))
            };
            assert!(holds(signers) && !holds(signers - 1), "{trigger:?}");
            let mut members: Vec<_> = plan.signers.iter().map(|s| s.member).collect();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), signers, "{trigger:?}: nobody signs twice");
        }
    }

    #[test]
    fn the_shortest_way_is_taken_and_each_member_where_they_are_needed() {
        let roster = "name,a,b\nAda,1,1\nBela,1,\nCem,1,\nDora,,\n";
        let roster = Roster::parse(roster.as_bytes()).unwrap();
        let choose = |trigger: &str| {
            let signers = choose(&roster, &Trigger::parse(trigger).unwrap(), None)?;
            let names = signers.iter().map(|s| {
                let class = s.class.as_ref().map_or("", ClassName::as_str);
                (
                    roster.rows.get(s.member).unwrap().name.clone(),
                    class.to_string(),
                )
            });
            Ok::<_, Failure>(names.collect::<Vec<_>>())
        };
        let named = |pairs: &[(&str, &str)]| {
            let owned = pairs.iter().map(|(a, b)| (a.to_string(), b.to_string()));
            owned.collect::<Vec<_>>()
        };
        // Ada is the only one of class b, and of class a too.
        assert_eq!(
            choose("count(a) >= 1 and count(b) >= 1").unwrap(),
            named(&[("Bela", "a"), ("Ada", "b")])
        );
        assert_eq!(
            choose("any(count(a) >= 3, count(b) >= 1)").unwrap(),
            named(&[("Ada", "b")])
        );
        assert_eq!(
            choose("count >= 3 and any(count(a) >= 3, count(b) >= 1)").unwrap(),
            named(&[("Bela", "a"), ("Cem", "a"), ("Ada", "a")])
        );
        assert_eq!(
            choose("count(a) >= 3 and count(b) >= 1").unwrap_err().code,
            "trigger"
        );
    }
}
