//! What speaks against a voter, in words with the figures to check them by.

use super::case::{Ground, Pair};
use crate::judge::{Evidence, Judged, ONE_MIND_COUNTS, PAIRS_COUNT, TOGETHER_COUNTS, Verdict};
use crate::scan::LEAST_EXPECTED;
use crate::signals::twins::poisson;
use crate::votes::{MemberId, Stance};
use crate::words::{self, counted, expected, span};

/// Partners that are told.
const PARTNERS: usize = 3;
/// Reasons that add less to the score aren't told beside others.
const LEAST: f64 = 0.4;

/// What speaks against a voter, the weightiest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reasons(Vec<Reason>);

/// One reason.
#[derive(Debug, Clone, PartialEq)]
struct Reason {
    says: String,
    /// About what it adds to the score.
    weight: f64,
    /// Is it about the group that the voter was judged with? That has no number yet.
    of_group: bool,
}

impl Reasons {
    /// For a voter with any evidence there is at least one: evidence of structure needs a pair with more votes
    /// than chance would give, and that pair is told.
    pub fn of(ground: &Ground<'_>, member: MemberId, found: &Evidence, verdict: &Verdict) -> Self {
        if found.score() <= 0.0 {
            return Self::default();
        }
        let mut reasons = partners(ground, member);
        if let Some(judged) = found.group.and_then(|place| verdict.groups.get(place)) {
            reasons.extend(of_group(ground, member, found, judged));
        }
        reasons.sort_by(|a, b| b.weight.total_cmp(&a.weight));
        // What hardly counts is told only where nothing else is.
        let most = reasons.first().map_or(0.0, |r| r.weight);
        reasons.retain(|reason| reason.weight >= LEAST.min(most));
        Self(reasons)
    }

    /// The sentences, with the group's number in the report; without one, the group isn't listed.
    pub fn told(&self, community: Option<usize>) -> Vec<String> {
        let group = match community {
            Some(number) => format!("group {number}"),
            None => "its group".to_owned(),
        };
        let tell = |reason: &Reason| match reason.of_group {
            true => format!("{group}: {}", reason.says),
            false => reason.says.clone(),
        };
        self.0.iter().map(tell).collect()
    }
}

/// What evidence of so many nats adds to a score, before it is weighted.
fn nats(evidence: f64) -> f64 {
    evidence.max(0.0).ln_1p()
}

fn of_group(
    ground: &Ground<'_>,
    member: MemberId,
    found: &Evidence,
    judged: &Judged,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut add = |weight: f64, says: String| {
        reasons.push(Reason {
            says,
            weight,
            of_group: true,
        });
    };
    let others = counted(judged.group.members.len().saturating_sub(1) as u64, "other");
    if let Some(inside) = judged.inside.iter().find(|i| i.member == member) {
        for (verb, from, votes, by_chance) in [
            ("gave", "to", inside.given, inside.given_by_chance),
            ("got", "from", inside.got, inside.got_by_chance),
        ] {
            if f64::from(votes) > by_chance {
                let says = format!(
                    "{verb} {} {from} the {others} in it, where chance would give {}",
                    counted(u64::from(votes), "vote"),
                    expected(by_chance)
                );
                let evidence = poisson(f64::from(votes), by_chance.max(LEAST_EXPECTED));
                add(nats(evidence), says);
            }
        }
    }
    let matched = ground.matched(judged.group.members.iter().map(|(member, _)| *member));
    if let Some(matched) = matched.iter().find(|m| m.member == member)
        && matched.evidence > 0.0
        && matched.twins > 0
    {
        let says = format!(
            "voted for {} of the group; people outside of the same taste ({} compared) would for {}",
            counted(u64::from(matched.votes), "post"),
            matched.twins,
            expected(matched.expected)
        );
        // It isn't counted, and so stands behind what is.
        add(0.5 * nats(matched.evidence), says);
    }
    if let Some(timed) = judged.together.iter().find(|t| t.member == member)
        && found.in_time() > 0.0
    {
        let says = format!(
            "{} of its {} on the group's posts on which others of it voted too came within {} after another's; by its own \
             habit and everybody else's pace it would be {}",
            timed.together,
            counted(u64::from(timed.votes), "vote"),
            span(timed.window_ms),
            expected(timed.expected * f64::from(timed.votes))
        );
        add(TOGETHER_COUNTS * nats(found.in_time()), says);
    }
    let dissent = &judged.dissent;
    if dissent.missing() > 0.0 {
        let says = format!(
            "the group is of one mind: of {} on each other's posts {} were against or neither, where others on the same \
             posts would give {}",
            counted(u64::from(dissent.votes), "vote"),
            dissent.against,
            expected(dissent.expected)
        );
        add(ONE_MIND_COUNTS * dissent.missing(), says);
    }
    reasons
}

/// The strongest partners: those that support it back first.
fn partners(ground: &Ground<'_>, member: MemberId) -> Vec<Reason> {
    let board = ground.board;
    let mutual = |pair: &Pair| {
        f64::from(pair.votes) > pair.by_chance && f64::from(pair.back) > pair.back_by_chance
    };
    let supported = ground.supports.by(member).iter().map(|s| s.author);
    let mut pairs: Vec<Pair> = supported.map(|other| ground.rough(member, other)).collect();
    if !pairs.iter().any(mutual) {
        // Who is supported by others and supports none of them has voters in place of partners.
        let votes = board.posts_by(member).flat_map(|post| board.votes_on(post));
        let up = votes.filter(|v| v.stance == Stance::Up);
        let mut voters: Vec<MemberId> = up.map(|v| v.member).collect();
        voters.sort_unstable();
        voters.dedup();
        voters.retain(|voter| ground.votes(member, *voter) == 0);
        pairs.extend(voters.into_iter().map(|voter| ground.rough(member, voter)));
    }
    pairs.retain(|pair| pair.evidence() > 0.0);
    pairs.sort_by(|a, b| {
        let both = mutual(b).cmp(&mutual(a));
        let stronger = both.then_with(|| b.evidence().total_cmp(&a.evidence()));
        stronger.then(a.other.cmp(&b.other))
    });
    let any = pairs.iter().any(mutual);
    let told = pairs.iter().filter(|pair| mutual(pair) || !any);
    let told = told.take(PARTNERS);
    told.map(|rough| {
        let pair = ground.pair(member, rough.other);
        Reason {
            says: tell(ground, &pair),
            weight: PAIRS_COUNT * nats(0.5 * pair.evidence()),
            of_group: false,
        }
    })
    .collect()
}

fn tell(ground: &Ground<'_>, pair: &Pair) -> String {
    let other = words::name(ground.board.member_name(pair.other));
    if pair.votes > 0 && pair.back > 0 {
        format!(
            "{other} and it voted for each other's posts {} and {} times; chance would give {} and {}",
            pair.back,
            pair.votes,
            expected(pair.back_by_chance),
            expected(pair.by_chance)
        )
    } else if pair.votes > 0 {
        format!(
            "voted for {} by {other}; chance would give {}",
            counted(u64::from(pair.votes), "post"),
            expected(pair.by_chance)
        )
    } else {
        format!(
            "{other} voted for {} of its; chance would give {}",
            counted(u64::from(pair.back), "post"),
            expected(pair.back_by_chance)
        )
    }
}
