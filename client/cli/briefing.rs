//! What a signer is shown before they are asked: who will read what, what hides them, who could break
//! the promise, and until when.

use tacit_client::bundle::Certified;
use tacit_client::roster::Frozen;
use tacit_protocol::founding::DEVELOPMENT_KEYS_WARNING;
use tacit_protocol::group::{ClassName, Record};

use crate::clock::{distance, local, now_ms};
use crate::context::{Committee, Context, Origin};
use crate::failure::Failure;
use crate::output::{printable, printable_line};

/// A crowd below this is warned of.
const SMALL_CROWD: usize = 50;
/// A crowd below this is strongly warned of.
const TINY_CROWD: usize = 20;
/// Members enrolled within so many milliseconds are enrolled in one go.
const ONE_GO_MS: u64 = 10 * 60 * 1000;

/// What a signer is shown.
pub struct Briefing {
    text: String,
    facts: Vec<(&'static str, String)>,
    /// What could go against the signer's wishes, the gravest first.
    pub warnings: Vec<String>,
}

impl Briefing {
    /// From certified facts and the signer's own record.
    pub fn new(
        committee: &Committee,
        certified: &Certified,
        frozen: &Frozen,
        record: &Record,
        class: Option<u16>,
    ) -> Result<Self, Failure> {
        let founding = committee.pinned.founding();
        let (n, t) = (founding.nodes(), founding.quorum());
        let statement = &certified.statement;
        let definition = &certified.roster.definition;
        let class_name = class.and_then(|c| definition.classes.get(usize::from(c)));
        let crowd = frozen.crowd(class).len();
        let smallest = statement.trigger.smallest_list(frozen);
        let holders = certified.facts.holders.len();
        let now = now_ms();

        let mut facts = vec![("You will be named as", named(record))];
        let whom = match class_name {
            None => format!("{crowd} members of \"{}\"", definition.name),
            Some(class) => format!(
                "{crowd} of the class \"{class}\" in \"{}\"",
                definition.name
            ),
        };
        facts.push(("Until then you are one of", whom));
        facts.push((
            "The list opens when",
            format!(
                "{}; it can be as short as {smallest} names",
                statement.trigger
            ),
        ));
        let spare = holders.saturating_sub(t);
        facts.push((
            "It is opened by",
            format!(
                "any {t} of the {holders} nodes that hold a share, so {spare} of them can be lost"
            ),
        ));
        let operators = founding.operators.iter().enumerate().map(|(i, o)| {
            let holds = certified.facts.holders.iter().any(|h| usize::from(*h) == i);
            if holds {
                o.name.clone()
            } else {
                format!("{} (without a share)", o.name)
            }
        });
        facts.push((
            "It could be opened early by",
            format!(
                "any {t} of these together: {}",
                operators.collect::<Vec<_>>().join(", ")
            ),
        ));
        facts.push((
            "Who is a member says",
            format!(
                "any {} of {} registrars together",
                definition.threshold,
                definition.registrars.len()
            ),
        ));
        facts.push((
            "If it doesn't open until",
            format!(
                "{} ({}), the shares are erased and it never opens",
                local(statement.deadline_ms),
                distance(statement.deadline_ms, now)
            ),
        ));
        let origin = match committee.pinned.origin {
            Origin::Given => "as you gave it",
            Origin::Invitation => "from your invitation",
            Origin::Node => "from a node",
        };
        facts.push((
            "The committee's fingerprint",
            format!("{} ({origin})", committee.pinned.fingerprint),
        ));

        let mut warnings = crowd_warnings(crowd, frozen.most_enrolled_within(class, ONE_GO_MS));
        if smallest < TINY_CROWD as u64 {
            warnings.push(format!(
                "The list can open with as few as {smallest} names: yours may be one of them."
            ));
        }
        if founding.development_keys() {
            warnings.push(sentence(DEVELOPMENT_KEYS_WARNING));
        }
        match committee.pinned.origin {
            Origin::Given => {}
            Origin::Invitation => warnings.push(
                "The committee's fingerprint came with your invitation: whoever invited you chose the committee. If you know it from elsewhere, say so with --fingerprint.".into(),
            ),
            Origin::Node => warnings.push(
                "The committee's fingerprint came from a node: whoever runs it chose the committee. If you know it from elsewhere, say so with --fingerprint.".into(),
            ),
        }
        if holders < n {
            warnings.push(format!(
                "{} of {n} nodes hold no share of this statement's key.",
                n - holders
            ));
        }
        warnings.push("In this version a signature can't be taken back.".into());
        Ok(Self {
            text: statement.text.clone(),
            facts,
            warnings,
        })
    }

    /// Shows it on stderr: the answer goes there too, and stdout is for results.
    pub fn show(&self, cx: &Context, testimony: Option<&str>) {
        let out = &cx.out;
        out.note("You are about to sign:");
        out.note("");
        for line in self.text.lines() {
            out.note(printable(&format!("  │ {line}")));
        }
        out.note("");
        for (label, value) in &self.facts {
            out.note(printable_line(&format!("{label:<27} {value}")));
        }
        if let Some(testimony) = testimony {
            out.note("With your name the world will read:");
            for line in testimony.lines() {
                out.note(printable(&format!("  │ {line}")));
            }
        }
        out.note("");
        for warning in &self.warnings {
            out.note(printable_line(&format!("! {warning}")));
        }
        out.note("");
    }
}

fn named(record: &Record) -> String {
    let classes: Vec<&str> = record.classes.iter().map(ClassName::as_str).collect();
    match classes.len() {
        0 => record.name.clone(),
        _ => format!("{} ({})", record.name, classes.join(", ")),
    }
}

fn crowd_warnings(crowd: usize, in_one_go: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if crowd < TINY_CROWD {
        warnings.push(format!(
            "STRONG WARNING: you hide among only {crowd}. Whoever knows some of them, or watches when they are online, may guess who signed."
        ));
    } else if crowd < SMALL_CROWD {
        warnings.push(format!(
            "You hide among {crowd} only: that is a small crowd."
        ));
    }
    if 2 * in_one_go > crowd {
        warnings.push(format!(
            "{in_one_go} of these {crowd} were enrolled within ten minutes: whoever enrolled them may have made some of them up, and then you hide among fewer."
        ));
    }
    warnings
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_crowds_are_warned_of_and_tiny_ones_strongly() {
        assert!(crowd_warnings(50, 1).is_empty());
        let small = crowd_warnings(49, 1);
        assert!(small[0].starts_with("You hide among 49 only"));
        assert!(crowd_warnings(20, 1)[0].starts_with("You hide among 20 only"));
        assert!(crowd_warnings(19, 1)[0].starts_with("STRONG WARNING: you hide among only 19"));
    }

    #[test]
    fn a_crowd_that_was_mostly_enrolled_in_one_go_is_warned_of() {
        assert!(crowd_warnings(100, 50).is_empty());
        assert!(
            crowd_warnings(100, 51)[0]
                .starts_with("51 of these 100 were enrolled within ten minutes")
        );
    }
}
