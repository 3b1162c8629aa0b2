//! What is told of one board, before communities have their numbers.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::case::{About, Case, Ground};
use super::measures::{Measures, OfBoard};
use super::reasons::Reasons;
use super::sketch::Sketch;
use super::{Community, Found, Parameters, Report, Signals, Stood, Voter, Window};
use crate::epochs::suspected;
use crate::judge::{Evidence, Judged, Proposed, Verdict};
use crate::policy::discount::{Discount, by_member};
use crate::policy::inputs::{ActiveMembers, PassRate};
use crate::scan::share_most;
use crate::signals::together::early;
use crate::votes::{Board, MemberId};
use crate::windows::{TooMany, cut};
use crate::words;

/// What is told of a board.
pub(super) struct Told {
    voters: Vec<Draft>,
    /// The communities that are listed.
    pub(super) groups: Vec<Listed>,
    sketch: Option<Sketch>,
}

struct Draft {
    voter: Voter,
    reasons: Reasons,
    /// The place of that group among the listed ones.
    listed: Option<usize>,
}

/// A community that is listed; its number and that of its case come later.
pub(super) struct Listed {
    pub(super) community: Community,
    case: Option<Case>,
    /// The highest score of a flagged voter that was judged with it.
    highest: f64,
}

impl Listed {
    /// The order in which communities are told.
    pub(super) fn against(&self, other: &Self) -> Ordering {
        let highest = other.highest.total_cmp(&self.highest);
        let stronger = other.community.score.total_cmp(&self.community.score);
        let (own, others) = (&self.community.members, &other.community.members);
        highest.then(stronger).then_with(|| own.cmp(others))
    }
}

impl Told {
    pub(super) fn of(ground: &Ground<'_>, verdict: &Verdict, parameters: &Parameters) -> Self {
        let board = ground.board;
        let flags: Vec<bool> = verdict.flagged(parameters.fpr.get());
        let flag = |member: MemberId| flags.get(member.at()).copied().unwrap_or(false);
        let mut shown: Vec<(&Judged, f64)> = Vec::new();
        let mut listed_members: Vec<HashSet<MemberId>> = Vec::new();
        let mut listed_at: Vec<Option<usize>> = vec![None; verdict.groups.len()];
        for (place, judged) in verdict.groups.iter().enumerate() {
            let judged_here = |(e, flag): &(&Evidence, &bool)| **flag && e.group == Some(place);
            let here = verdict.members.iter().zip(&flags).filter(judged_here);
            let highest = here.map(|(e, _)| e.score()).fold(0.0, f64::max);
            // What time proposes may be a group that support has proposed already.
            let again = judged.proposed == Proposed::ByTime && shares_most(judged, &listed_members);
            if highest > 0.0 || (judged.group.beyond_chance > 0.0 && !again) {
                if let Some(at) = listed_at.get_mut(place) {
                    *at = Some(shown.len());
                }
                listed_members.push(judged.group.members.iter().map(|(m, _)| *m).collect());
                shown.push((judged, highest));
            }
        }
        let groups = all_listed(ground, &shown, verdict, &flags);
        let discounts = discounts(board, verdict);
        let voters: Vec<Draft> = (0..)
            .map(MemberId)
            .zip(&verdict.members)
            .map(|(member, evidence)| Draft {
                voter: Voter {
                    id: board.id(member),
                    conv: board.name().to_owned(),
                    voter: board.member_name(member).to_owned(),
                    score: evidence.score(),
                    flag: flag(member),
                    discount: discounts.get(member.at()).copied().unwrap_or(0.0),
                    community: None,
                    reasons: Vec::new(),
                    windows: Vec::new(),
                },
                reasons: Reasons::of(ground, member, evidence, verdict),
                listed: evidence
                    .group
                    .and_then(|place| listed_at.get(place).copied().flatten()),
            })
            .collect();
        let mut told = Self {
            voters,
            groups,
            sketch: None,
        };
        told.sketch = Some(told.sketch(ground));
        told
    }

    /// How many stand out.
    pub(super) fn flagged(&self) -> usize {
        self.voters.iter().filter(|d| d.voter.flag).count()
    }

    fn sketch(&self, ground: &Ground<'_>) -> Sketch {
        let voters: Vec<Voter> = self.voters.iter().map(|d| d.voter.clone()).collect();
        // The place among the board's stands for the number until there is one.
        let communities: Vec<Community> = (0..)
            .zip(&self.groups)
            .map(|(number, listed)| Community {
                number,
                ..listed.community.clone()
            })
            .collect();
        Sketch::of(ground, &voters, &communities.iter().collect::<Vec<_>>())
    }

    /// Judges each window of the board on its own, and notes who stands out in which.
    pub(super) fn add_windows(
        &mut self,
        board: &Board,
        window_ms: i64,
        report: &mut Report,
    ) -> Result<(), TooMany> {
        let names = self.voters.iter().map(|draft| draft.voter.voter.clone());
        let places: HashMap<String, usize> = names.zip(0..).collect();
        for (stretch, part) in cut(board, window_ms)? {
            let mut window = Window {
                number: stretch.number,
                conv: board.name().to_owned(),
                from_ms: stretch.span.start,
                to_ms: stretch.span.end,
                from: words::utc(stretch.span.start),
                to: words::utc(stretch.span.end),
                votes: part.votes().len(),
                flagged: 0,
                not_judged: None,
            };
            match Ground::judged(&part) {
                Ok((ground, verdict)) => {
                    let number = stretch.number;
                    window.flagged = self.stood(&ground, &verdict, number, &places, report);
                }
                Err(why) => window.not_judged = Some(why.to_string()),
            }
            report.windows.push(window);
        }
        Ok(())
    }

    fn stood(
        &mut self,
        ground: &Ground<'_>,
        verdict: &Verdict,
        number: i64,
        places: &HashMap<String, usize>,
        report: &Report,
    ) -> usize {
        let mut count = 0;
        let flags = verdict.flagged(report.parameters.fpr.get());
        let members = (0..).map(MemberId).zip(&verdict.members);
        for ((member, evidence), _) in members.zip(flags).filter(|(_, flag)| *flag) {
            count += 1;
            let reasons = Reasons::of(ground, member, evidence, verdict);
            let place = places.get(ground.board.member_name(member)).copied();
            if let Some(draft) = place.and_then(|place| self.voters.get_mut(place)) {
                draft.voter.windows.push(Stood {
                    window: number,
                    score: evidence.score(),
                    reasons: reasons.told(None),
                });
            }
        }
        count
    }

    /// Adds everything to a report, with the communities' numbers.
    pub(super) fn into_report(self, numbers: &[usize], report: &mut Report) {
        let number = |place: usize| numbers.get(place).copied();
        for draft in self.voters {
            let community = draft.listed.and_then(number);
            report.voters.push(Voter {
                community,
                reasons: draft.reasons.told(community),
                ..draft.voter
            });
        }
        for (listed, number) in self.groups.into_iter().zip(numbers) {
            report.communities.push(Community {
                number: *number,
                ..listed.community
            });
            report.cases.extend(listed.case.map(|case| Case {
                community: *number,
                ..case
            }));
        }
        if let Some(mut sketch) = self.sketch.filter(|s| !s.nodes.is_empty()) {
            for node in &mut sketch.nodes {
                node.community = node.community.and_then(number);
            }
            report.sketches.push(sketch);
        }
    }
}

/// Whether a group shares more than half of the smaller one with any of these.
fn shares_most(judged: &Judged, groups: &[HashSet<MemberId>]) -> bool {
    let members = &judged.group.members;
    groups.iter().any(|group| {
        let both = members.iter().filter(|(m, _)| group.contains(m)).count();
        share_most(both, members.len(), group.len())
    })
}

/// Members, those who add most first.
fn by_weight(judged: &Judged) -> Vec<MemberId> {
    let mut members = judged.group.members.clone();
    members.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    members.into_iter().map(|(member, _)| member).collect()
}

/// The groups that are shown, with their other measures.
fn all_listed(
    ground: &Ground<'_>,
    shown: &[(&Judged, f64)],
    verdict: &Verdict,
    flags: &[bool],
) -> Vec<Listed> {
    if shown.is_empty() {
        return Vec::new();
    }
    let members: Vec<Vec<MemberId>> = shown.iter().map(|(judged, _)| by_weight(judged)).collect();
    let measured = OfBoard::of(ground);
    let alike = measured.alike(ground, &members);
    let mut listed_groups = Vec::with_capacity(shown.len());
    for (place, (members, (judged, highest))) in members.iter().zip(shown).enumerate() {
        let about = About {
            community: 0,
            members,
            // What time proposed isn't rare by its structure, and needn't be.
            p_value: (judged.proposed == Proposed::BySupport).then(|| judged.group.p_value()),
            evidence: &verdict.members,
            flags,
            measured: Some(&measured),
        };
        let measures = measured.group(ground, members, &alike, place);
        listed_groups.push(listed(ground, judged, *highest, &about, measures));
    }
    listed_groups
}

fn listed(
    ground: &Ground<'_>,
    judged: &Judged,
    highest: f64,
    about: &About<'_>,
    measures: Measures,
) -> Listed {
    let (members, flags) = (about.members, about.flags);
    let ascending: Vec<MemberId> = judged.group.members.iter().map(|(m, _)| *m).collect();
    let matched = ground.matched(ascending.iter().copied());
    Listed {
        highest,
        case: (highest > 0.0).then(|| Case::of(ground, about)),
        community: Community {
            number: 0,
            conv: ground.board.name().to_owned(),
            members: members.iter().map(|m| ground.board.id(*m)).collect(),
            flagged: members
                .iter()
                .filter(|m| flags.get(m.at()) == Some(&true))
                .count(),
            score: judged.group.beyond_chance,
            p_value: judged.group.p_value(),
            found: match judged.proposed {
                Proposed::BySupport => Found::Support,
                Proposed::ByTime => Found::Time,
            },
            signals: Signals {
                structure: judged.group.evidence,
                share: judged.group.share,
                matched: matched.iter().map(|m| m.evidence).sum(),
                together: judged.together.iter().map(|t| t.evidence).sum(),
                early: early(ground.board, &ascending)
                    .iter()
                    .map(|t| t.evidence)
                    .sum(),
                one_mind: judged.dissent.missing(),
                measures,
            },
        },
    }
}

/// The share by which each member's support counts less under the default discount.
fn discounts(board: &Board, verdict: &Verdict) -> Vec<f64> {
    let none = vec![0.0; board.members()];
    let Ok(enough) = ActiveMembers::of(board) else {
        return none;
    };
    let structure = suspected(board, verdict);
    let suspicions = Discount::default().suspicions(enough, &structure);
    let weights = suspicions.over(board, |_| PassRate::ONE);
    by_member(board, &weights)
        .into_iter()
        .map(|weight| 1.0 - weight.get())
        .collect()
}
