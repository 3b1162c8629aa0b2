//! Judges a board: evidence for each member from independent signals, one score, and the groups behind it.
//!
//! Structure proposes and the other signals dispose. The [`scan`](crate::scan) finds groups whose members
//! support each other beyond chance; for each group it is then asked whether people of the same taste do the
//! same ([`twins`](crate::signals::twins)), and whether its members vote together on the group's posts more
//! than they do elsewhere, or earlier ([`together`](crate::signals::together)). Each part can be read alone.

use std::collections::BTreeMap;

use crate::policy::inputs::{ActiveMembers, TooFewActive};
use crate::scan::{Group, Scan, scan};
use crate::signals::chance::{Chance, chance as of_appeal};
use crate::signals::support::Supports;
use crate::signals::together::{Together, early, together};
use crate::signals::twins::{Matched, matched};
use crate::votes::{Board, MemberId};

/// Groups that are looked at closely, at most, the strongest first.
const CLOSELY: usize = 60;
/// What mutual pairs count for, where a group's structure counts for one. Chosen by hand from eight mixtures
/// on rings planted into all five public conversations; early votes and people of the same taste ranked no
/// better with them than without, so they are shown and don't count.
const PAIRS_COUNT: f64 = 1.5;
/// What votes together count for.
const TOGETHER_COUNTS: f64 = 0.5;

/// What was found about a member. All evidence is in nats.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence {
    /// Support within its group beyond chance.
    pub structure: f64,
    /// Its three strongest mutual pairs.
    pub pairs: f64,
    /// Support within its group beyond that by people of the same taste.
    pub matched: f64,
    /// Votes together with others of the group, beyond its own habit.
    pub together: f64,
    /// Early votes on the group's posts, beyond its own habit.
    pub early: f64,
    /// The group it is judged with, a place in [`Verdict::groups`].
    pub group: Option<usize>,
}

impl Evidence {
    /// All of it in one number, to rank by. Logarithms of the evidence, because evidence of one kind that is
    /// beyond doubt says little more than evidence that is nearly so: a member stands out by several kinds.
    pub fn score(&self) -> f64 {
        let weighted = [
            (1.0, self.structure),
            (PAIRS_COUNT, self.pairs),
            (TOGETHER_COUNTS, self.together),
        ];
        weighted
            .iter()
            .map(|(weight, nats)| weight * nats.max(0.0).ln_1p())
            .sum()
    }
}

/// What a member gave the others of its group, and got from them: votes, and those that chance alone would
/// give, over all of their posts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inside {
    /// Who.
    pub member: MemberId,
    /// Votes for the others' posts.
    pub given: u32,
    /// By chance.
    pub given_by_chance: f64,
    /// The others' votes for its posts.
    pub got: u32,
    /// By chance.
    pub got_by_chance: f64,
}

/// A group that was looked at closely.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// As the scan found it.
    pub group: Group,
    /// Support within the group, by member.
    pub inside: Vec<Inside>,
    /// Votes at the same time, by member.
    pub together: Vec<Together>,
    /// Early votes, by member.
    pub early: Vec<Together>,
    /// Beside people of the same taste, by member.
    pub matched: Vec<Matched>,
}

/// What was found on a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// By member.
    pub members: Vec<Evidence>,
    /// The groups that were looked at, the strongest first.
    pub groups: Vec<Judged>,
}

/// Judges a board.
///
/// # Errors
/// [`TooFewActive`] members.
pub fn judge(board: &Board) -> Result<Verdict, TooFewActive> {
    ActiveMembers::new(u32::try_from(board.active()).unwrap_or(u32::MAX))?;
    let chance = Chance::of_upvotes(board);
    let supports = Supports::of(board, &chance);
    let Scan { groups, evidence } = scan(&supports, board.members());
    let pairs = supports.mutual(board.members());
    let mut members: Vec<Evidence> = evidence
        .iter()
        .zip(pairs)
        .map(|(structure, pairs)| Evidence {
            structure: *structure,
            pairs,
            ..Evidence::default()
        })
        .collect();
    let closely = groups.into_iter().take(CLOSELY);
    let groups: Vec<Judged> = closely
        .map(|group| look(board, &chance, &supports, group))
        .collect();
    for (place, judged) in groups.iter().enumerate() {
        for (member, found) in judged.by_member() {
            let best = &mut members[member.at()];
            // A group that was kept explains at most what the scan found at best.
            let here = Evidence {
                group: Some(place),
                structure: best.structure.max(found.structure),
                pairs: best.pairs,
                ..found
            };
            if best.group.is_none() || here.score() > best.score() {
                *best = here;
            }
        }
    }
    Ok(Verdict { members, groups })
}

fn look(board: &Board, chance: &Chance, supports: &Supports, group: Group) -> Judged {
    let members: Vec<MemberId> = group.members.iter().map(|(member, _)| *member).collect();
    let votes = |from: MemberId, to: MemberId| supports.between(from, to).map_or(0, |s| s.votes);
    // Of each ordered pair once. An author's posts with equal appeal have equal chances.
    let by_chance: Vec<Vec<f64>> = members
        .iter()
        .map(|to| {
            let appeals = equal(board.posts_by(*to).map(|post| chance.appeal(post)));
            let of = |from: &MemberId| {
                let appetite = chance.appetite(*from);
                let terms = appeals.iter();
                terms
                    .map(|(count, appeal)| count * of_appeal(appetite, *appeal))
                    .sum()
            };
            members.iter().map(of).collect()
        })
        .collect();
    let inside = |(place, member): (usize, &MemberId)| {
        let others = || {
            members
                .iter()
                .enumerate()
                .filter(move |(other, _)| *other != place)
        };
        Inside {
            member: *member,
            given: others().map(|(_, other)| votes(*member, *other)).sum(),
            given_by_chance: others().map(|(other, _)| by_chance[other][place]).sum(),
            got: others().map(|(_, other)| votes(*other, *member)).sum(),
            got_by_chance: others().map(|(other, _)| by_chance[place][other]).sum(),
        }
    };
    Judged {
        inside: members.iter().enumerate().map(inside).collect(),
        together: together(board, &members),
        early: early(board, &members),
        matched: matched(board, &members),
        group,
    }
}

/// How many there are of each value.
fn equal(values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    let same = values.chunk_by(|a, b| a == b);
    same.filter_map(|same| Some((same.len() as f64, *same.first()?)))
        .collect()
}

impl Judged {
    /// Its members' evidence.
    fn by_member(&self) -> BTreeMap<MemberId, Evidence> {
        let mut found: BTreeMap<MemberId, Evidence> = BTreeMap::new();
        for (member, structure) in &self.group.members {
            found.entry(*member).or_default().structure = structure.max(0.0);
        }
        for timed in &self.together {
            found.entry(timed.member).or_default().together = timed.evidence;
        }
        for timed in &self.early {
            found.entry(timed.member).or_default().early = timed.evidence;
        }
        for matched in &self.matched {
            found.entry(matched.member).or_default().matched = matched.evidence;
        }
        found
    }
}
