//! Judges a board: evidence for each member from independent signals, one score, and the groups behind it.
//!
//! Structure proposes groups, and so does time. The [`scan`](crate::scan) finds groups whose members support
//! each other beyond chance, and [`meetings`](crate::signals::meetings) those who keep voting within minutes
//! of each other. Each group is then asked whether it votes together on its own posts more than its members
//! do elsewhere, and more than everybody else does there ([`together`](crate::signals::together)); whether it
//! is of one mind where others differ ([`dissent`](crate::signals::dissent)). Each part can be read alone. What
//! is shown beside and doesn't count (whether people of the same taste do the same, and whether it votes early)
//! is measured by whoever shows it.

use std::collections::BTreeMap;

use crate::policy::inputs::{ActiveMembers, TooFewActive};
use crate::scan::{Group, Scan, scan, weigh};
use crate::signals::chance::Chance;
use crate::signals::dissent::{Dissent, dissent};
use crate::signals::given::{Inside, inside};
use crate::signals::meetings::meetings;
use crate::signals::support::Supports;
use crate::signals::together::{Together, together};
use crate::votes::{Board, MemberId};

/// Groups that are looked at closely, at most, the strongest first.
const CLOSELY: usize = 60;
/// What mutual pairs count for, where a group's structure counts for one. This and the next were chosen on
/// rings planted into the boards and seeds that are for tuning; early votes and people of the same taste
/// ranked no better with them than without, so they are shown and don't count.
pub(crate) const PAIRS_COUNT: f64 = 1.5;
/// What it counts for that a group is of one mind. Not more, because it costs a ring nothing to feign
/// dissent.
pub(crate) const ONE_MIND_COUNTS: f64 = 3.0;
/// What votes together count for.
pub(crate) const TOGETHER_COUNTS: f64 = 4.0;
/// Evidence of votes together that isn't counted, in nats: the best of many groups has as much by chance.
const TOGETHER_BY_CHANCE: f64 = 2.0;
/// Sittings in which a member must have voted on the group's posts before it counts that they were together:
/// everybody can meet the same people twice.
const LEAST_SITTINGS: u32 = 3;

/// What was found about a member. All evidence is in nats.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Evidence {
    /// Support within its group beyond chance.
    pub structure: f64,
    /// Its three strongest mutual pairs.
    pub pairs: f64,
    /// Votes together with others of the group, beyond its own habit and everybody else's pace.
    pub together: f64,
    /// In how many sittings it voted on the group's posts.
    pub sittings: u32,
    /// How much of the usual dissent is missing within its group, 0 to 1.
    pub one_mind: f64,
    /// The same of its own votes on the group's posts alone.
    pub own_mind: f64,
    /// Support within its group beyond chance, given or got, whichever is less beyond.
    pub returned: f64,
    /// Support that it gave within its group beyond chance: what others did for it is not its doing.
    pub given: f64,
    /// Votes that it cast on the whole board.
    pub votes: u32,
    /// The group it is judged with, a place in [`Verdict::groups`].
    pub group: Option<usize>,
}

impl Evidence {
    /// All of it in one number, to rank by. Logarithms of the evidence, because evidence of one kind that is
    /// beyond doubt says little more than evidence that is nearly so: a member stands out by several kinds.
    pub fn score(&self) -> f64 {
        let nats = |evidence: f64| evidence.max(0.0).ln_1p();
        nats(self.structure)
            + PAIRS_COUNT * nats(self.pairs)
            + ONE_MIND_COUNTS * self.one_mind
            + TOGETHER_COUNTS * nats(self.in_time())
    }

    /// Evidence of time that counts, in nats: zero unless there is more than chance gives the best of many
    /// groups, in three sittings or more, and by somebody who supports the group more than chance would:
    /// others only sit in the same room, or are followed around.
    pub fn in_time(&self) -> f64 {
        if self.sittings < LEAST_SITTINGS || self.given <= 0.0 {
            return 0.0;
        }
        (self.together - TOGETHER_BY_CHANCE).max(0.0)
    }
}

/// What proposed a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposed {
    /// Support beyond chance.
    BySupport,
    /// Votes at the same time, again and again.
    ByTime,
}

/// A group that was looked at closely.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// What proposed it.
    pub proposed: Proposed,
    /// Its members, and the evidence of its structure.
    pub group: Group,
    /// Dissent within it.
    pub dissent: Dissent,
    /// Each member's own, in the order of the group's members.
    pub own_dissent: Vec<Dissent>,
    /// Support within the group, by member.
    pub inside: Vec<Inside>,
    /// Votes at the same time, by member.
    pub together: Vec<Together>,
}

/// What was found on a board.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// By member.
    pub members: Vec<Evidence>,
    /// The groups that were looked at: those proposed by support, the strongest first, then those by time.
    pub groups: Vec<Judged>,
    /// Groups beyond chance that weren't, because there are so many stronger ones.
    pub not_looked_at: usize,
}

/// Judges a board.
///
/// # Errors
/// [`TooFewActive`] members.
pub fn judge(board: &Board) -> Result<Verdict, TooFewActive> {
    let enough = ActiveMembers::of(board)?;
    let chance = Chance::of_upvotes(board);
    let supports = Supports::of(board, &chance);
    Ok(judge_by(enough, board, &chance, &supports))
}

/// Judges a board with enough members, by what chance would give and who supports whom on it.
pub(crate) fn judge_by(
    _enough: ActiveMembers,
    board: &Board,
    chance: &Chance,
    supports: &Supports,
) -> Verdict {
    let Scan { groups, evidence } = scan(supports, board.members());
    let pairs = supports.mutual(board.members());
    let mut members: Vec<Evidence> = (0..)
        .map(MemberId)
        .zip(evidence.iter().zip(pairs))
        .map(|(member, (structure, pairs))| Evidence {
            structure: *structure,
            pairs,
            votes: u32::try_from(board.votes_of(member).len()).unwrap_or(u32::MAX),
            ..Evidence::default()
        })
        .collect();
    let beyond_chance = |group: &&Group| group.beyond_chance > 0.0;
    let not_looked_at = groups.iter().skip(CLOSELY).filter(beyond_chance).count();
    let mut by_time = meetings(board);
    by_time.retain(|group| {
        !groups
            .iter()
            .take(CLOSELY)
            .any(|known| nearly(known, group))
    });
    let by_time = by_time.into_iter();
    let by_time = by_time.map(|group| weigh(supports, board.members(), &group));
    let by_support = groups.into_iter().take(CLOSELY);
    let proposed = by_support.map(|group| (Proposed::BySupport, group));
    let proposed = proposed.chain(by_time.map(|group| (Proposed::ByTime, group)));
    let groups: Vec<Judged> = proposed
        .map(|(proposed, group)| look(board, chance, proposed, group))
        .collect();
    for (place, judged) in groups.iter().enumerate() {
        for (member, found) in judged.by_member() {
            let best = &mut members[member.at()];
            // A group that was kept explains at most what the scan found at best.
            let here = Evidence {
                group: Some(place),
                structure: best.structure.max(found.structure),
                pairs: best.pairs,
                votes: best.votes,
                ..found
            };
            if best.group.is_none() || here.score() > best.score() {
                *best = here;
            }
        }
    }
    Verdict {
        members,
        groups,
        not_looked_at,
    }
}

/// Whether two groups have four in five of all their members in common.
fn nearly(known: &Group, group: &[MemberId]) -> bool {
    let is_known = |m: &&MemberId| known.members.binary_search_by_key(*m, |k| k.0).is_ok();
    let both = group.iter().filter(is_known).count();
    5 * both >= 4 * (known.members.len() + group.len() - both)
}

fn look(board: &Board, chance: &Chance, proposed: Proposed, group: Group) -> Judged {
    let members: Vec<MemberId> = group.members.iter().map(|(member, _)| *member).collect();
    let (dissent, own_dissent) = dissent(board, &members);
    Judged {
        inside: inside(board, chance, &members),
        together: together(board, &members),
        dissent,
        own_dissent,
        proposed,
        group,
    }
}

impl Judged {
    /// Its members' evidence.
    fn by_member(&self) -> BTreeMap<MemberId, Evidence> {
        let mut found: BTreeMap<MemberId, Evidence> = BTreeMap::new();
        for (member, structure) in &self.group.members {
            let found = found.entry(*member).or_default();
            found.structure = structure.max(0.0);
            found.one_mind = self.dissent.missing();
        }
        for ((member, _), own) in self.group.members.iter().zip(&self.own_dissent) {
            found.entry(*member).or_default().own_mind = own.missing();
        }
        for inside in &self.inside {
            let found = found.entry(inside.member).or_default();
            found.returned = inside.returned();
            found.given = inside.gave();
        }
        for timed in &self.together {
            let found = found.entry(timed.member).or_default();
            found.together = timed.evidence;
            found.sittings = timed.sittings;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::simulate::plant::plant;
    use crate::simulate::population::Population;
    use crate::simulate::ring::Ring;

    #[test]
    fn time_counts_from_three_sittings_and_of_who_gives() {
        let timed = |together, sittings, given| {
            let evidence = Evidence {
                together,
                sittings,
                given,
                ..Evidence::default()
            };
            evidence.in_time()
        };
        assert_eq!(timed(10.0, LEAST_SITTINGS, 0.1), 10.0 - TOGETHER_BY_CHANCE);
        assert_eq!(timed(10.0, LEAST_SITTINGS - 1, 0.1), 0.0);
        assert_eq!(timed(10.0, LEAST_SITTINGS, 0.0), 0.0);
        assert_eq!(timed(TOGETHER_BY_CHANCE, LEAST_SITTINGS, 0.1), 0.0);
    }

    #[test]
    fn a_group_that_support_proposed_is_not_proposed_again_by_time() {
        let mut proposed = 0;
        for seed in 0..4 {
            let honest = Population::plain(120, 28).board(seed).board().unwrap();
            let planted = plant(&honest, &Ring::of(10), seed).unwrap();
            let verdict = judge(&planted.board).unwrap();
            let members = |judged: &Judged| -> BTreeSet<MemberId> {
                judged
                    .group
                    .members
                    .iter()
                    .map(|(member, _)| *member)
                    .collect()
            };
            for by_time in verdict
                .groups
                .iter()
                .filter(|g| g.proposed == Proposed::ByTime)
            {
                for by_support in verdict
                    .groups
                    .iter()
                    .filter(|g| g.proposed == Proposed::BySupport)
                {
                    let (one, other) = (members(by_time), members(by_support));
                    let both = one.intersection(&other).count();
                    let either = one.union(&other).count();
                    assert!(5 * both < 4 * either, "{one:?} and {other:?}");
                }
            }
            proposed += meetings(&planted.board).len();
        }
        assert!(proposed > 0, "time proposes something");
    }
}
