//! What an audit tells: for each voter a score and the reasons for it, for each community what speaks for
//! it, and what was read. Members are named as the table names them, `board/pseudonym`.

use serde::Serialize;

use crate::judge::{Evidence, Judged, Verdict, judge};
use crate::policy::discount::{Discount, Structure, by_member};
use crate::policy::inputs::{ActiveMembers, CommunityId, PValue, PassRate, Score};
use crate::votes::{Board, MemberId, Votes};

/// From this score on a voter is flagged. On each of the five real conversations that it was measured on, at
/// most one voter in a hundred has it; on others it is not known yet.
pub const FLAG_SCORE: f64 = 4.3;
/// Members of a community with less evidence than this, in nats, aren't named as its members.
const NAMED: f64 = 1.0;

/// The whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Everybody on a board that was judged, the highest score first.
    pub voters: Vec<Voter>,
    /// Groups beyond chance, the strongest first.
    pub communities: Vec<Community>,
    /// Boards that weren't judged.
    pub not_judged: Vec<NotJudged>,
    /// What the figures depend on.
    pub parameters: Parameters,
}

/// One voter.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Voter {
    /// `board/pseudonym`.
    pub id: String,
    /// More for whoever is more likely of a ring; zero if nothing speaks for it.
    pub score: f64,
    /// Is the score [`FLAG_SCORE`] or more?
    pub flag: bool,
    /// What this voter's support would count for under the default discount: one is whole.
    pub discount: f64,
    /// What speaks for it, for people to check.
    pub reasons: Vec<String>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Community {
    /// As [`Voter::id`].
    pub members: Vec<String>,
    /// Evidence in nats, less what the choice among all groups of this size gives.
    pub score: f64,
    /// How many such groups chance alone would give, at most one.
    pub p_value: f64,
    /// Parts.
    pub signals: Signals,
}

/// What speaks for a group, summed over its members, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Signals {
    /// Support beyond chance.
    pub structure: f64,
    /// The share of the others' posts that each votes for, as fits best.
    pub share: f64,
    /// Support beyond that of people with the same taste.
    pub matched: f64,
    /// Votes together beyond the members' habits.
    pub together: f64,
    /// Early votes beyond the members' habits.
    pub early: f64,
}

/// A board without a verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NotJudged {
    /// Its name.
    pub board: String,
    /// Why not.
    pub why: String,
}

/// What the figures depend on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parameters {
    /// [`FLAG_SCORE`].
    pub flag_score: f64,
    /// Members that a board must have active.
    pub least_active: u32,
}

impl Report {
    /// Judges every board. `done` is told after each.
    pub fn of(votes: &Votes, mut done: impl FnMut()) -> Self {
        let mut report = Self {
            voters: Vec::new(),
            communities: Vec::new(),
            not_judged: Vec::new(),
            parameters: Parameters {
                flag_score: FLAG_SCORE,
                least_active: crate::policy::inputs::LEAST_ACTIVE,
            },
        };
        for board in votes.boards() {
            match judge(board) {
                Ok(verdict) => report.add(board, &verdict),
                Err(why) => report.not_judged.push(NotJudged {
                    board: board.name().to_owned(),
                    why: why.to_string(),
                }),
            }
            done();
        }
        let voters = &mut report.voters;
        voters.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        let communities = &mut report.communities;
        communities.sort_by(|a, b| {
            let stronger = b.score.total_cmp(&a.score);
            stronger.then_with(|| a.members.cmp(&b.members))
        });
        report
    }

    fn add(&mut self, board: &Board, verdict: &Verdict) {
        let id = |member: MemberId| board.id(member);
        let discounts = discounts(board, verdict);
        for (place, evidence) in (0..).zip(&verdict.members) {
            let member = MemberId(place);
            let score = evidence.score();
            self.voters.push(Voter {
                id: id(member),
                score,
                flag: score >= FLAG_SCORE,
                discount: discounts.get(member.at()).copied().unwrap_or(1.0),
                reasons: reasons(member, evidence, verdict),
            });
        }
        let beyond = |judged: &&Judged| judged.group.beyond_chance > 0.0;
        for judged in verdict.groups.iter().filter(beyond) {
            let named = judged
                .group
                .members
                .iter()
                .filter(|(_, adds)| *adds >= NAMED);
            self.communities.push(Community {
                members: named.map(|(member, _)| id(*member)).collect(),
                score: judged.group.beyond_chance,
                p_value: (-judged.group.beyond_chance).exp().min(1.0),
                signals: Signals {
                    structure: judged.group.evidence,
                    share: judged.group.share,
                    matched: judged.matched.iter().map(|m| m.evidence).sum(),
                    together: judged.together.iter().map(|t| t.evidence).sum(),
                    early: judged.early.iter().map(|t| t.evidence).sum(),
                },
            });
        }
    }
}

/// What speaks against a member, in words with the figures to check them by.
fn reasons(member: MemberId, evidence: &Evidence, verdict: &Verdict) -> Vec<String> {
    let mut reasons = Vec::new();
    let Some(judged) = evidence.group.and_then(|place| verdict.groups.get(place)) else {
        return reasons;
    };
    let others = judged.group.members.len() - 1;
    if let Some(inside) = judged.inside.iter().find(|i| i.member == member) {
        for (verb, votes, by_chance) in [
            ("gave", inside.given, inside.given_by_chance),
            ("got", inside.got, inside.got_by_chance),
        ] {
            if f64::from(votes) > by_chance {
                reasons.push(format!(
                    "{verb} {votes} votes within a group with {others} others, where chance would give {by_chance:.1}"
                ));
            }
        }
    }
    if let Some(matched) = judged.matched.iter().find(|m| m.member == member)
        && matched.evidence > 0.0
    {
        reasons.push(format!(
            "voted for {} of the group's posts; people of the same taste ({} compared) would for {:.1}",
            matched.votes, matched.twins, matched.expected
        ));
    }
    if let Some(timed) = judged.together.iter().find(|t| t.member == member)
        && timed.evidence > 0.0
    {
        reasons.push(format!(
            "{} of {} votes on the group's posts within {} seconds of another of the group; by its own habit {:.1}",
            timed.together,
            timed.votes,
            timed.window_ms / 1000,
            timed.expected * f64::from(timed.votes)
        ));
    }
    reasons
}

/// What each member's support counts for under the default discount.
fn discounts(board: &Board, verdict: &Verdict) -> Vec<f64> {
    let whole = vec![1.0; board.members()];
    let Ok(enough) = ActiveMembers::new(u32::try_from(board.active()).unwrap_or(u32::MAX)) else {
        return whole;
    };
    let mut structure = Vec::new();
    for (place, judged) in (0..).zip(&verdict.groups) {
        let Ok(p_value) = PValue::new((-judged.group.beyond_chance).exp().min(1.0)) else {
            continue;
        };
        for (member, adds) in &judged.group.members {
            let adds = adds.max(0.0);
            let Ok(score) = Score::new(adds / (adds + 10.0)) else {
                continue;
            };
            structure.push(Structure {
                member: *member,
                community: CommunityId(place),
                score,
                p_value,
            });
        }
    }
    let suspicions = Discount::default().suspicions(enough, &structure);
    let weights = suspicions.over(board, |_| PassRate::ONE);
    by_member(board, &weights)
        .into_iter()
        .map(|w| w.get())
        .collect()
}
