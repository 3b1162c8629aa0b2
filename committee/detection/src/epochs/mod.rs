//! From what the detector found to what the [policy](crate::policy) is given: windows of time, communities that live from one
//! to the next, findings about their members, and the case that people read.
//!
//! **Findings**, which can cost a stake, come from the window's own votes and nothing else: two windows are two
//! pieces of evidence only if they have no vote in common. Which groups to look at is proposed by the votes of
//! earlier windows, which are no evidence in this one, so that nothing has to be taken off for the choice
//! among all groups there are; and, for rings that are new, by the window's own votes, with that taken off.
//!
//! The **discount**, which is mild and over as soon as the suspicion is, comes from all votes of the last
//! [`REMEMBERED`] windows up to the window's end: more votes make fewer mistakes, and nothing later is known
//! when a window's rewards are counted.

pub mod case;
pub mod circles;
pub mod communities;
pub mod digest;

use std::collections::BTreeSet;

use self::circles::{At, Circle, Proposal, circles};
use self::communities::Communities;
use crate::economy::windows::{NotCut, numbers_of, pseudonym, within};
use crate::judge::Verdict;
use crate::policy::discount::Structure;
use crate::policy::inputs::{
    ActiveMembers, CommunityId, EvidenceDigest, Finding, Kind, PValue, Pseudonym, Quality,
    TooFewActive, WindowId, the_same,
};
use crate::votes::{Board, MemberId, PostId};

/// Windows whose votes the discount sees: this one and those before it.
pub const REMEMBERED: usize = 3;

/// A group that is known from earlier windows grows by this window's own group only if chance alone gives
/// that no more often than this.
const GROWS: f64 = 1e-3;

/// How good a post is, from whoever measures it.
pub type Measured<'a> = &'a dyn Fn(&Board, PostId) -> Quality;

/// A window, and what was found in it.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Which.
    pub window: WindowId,
    /// Its votes; `None` without any.
    pub board: Option<Board>,
    /// Whether anything may be said about anybody.
    pub enough: Result<ActiveMembers, TooFewActive>,
    /// Groups that were looked at with the window's own votes.
    pub circles: Vec<(CommunityId, Circle)>,
    /// For the discount of the window's votes.
    pub structure: Vec<Structure<Pseudonym>>,
    /// For the slash.
    pub findings: Vec<Finding>,
}

/// Cuts a board into windows of equal length, counted from 1970, as [`cut`](crate::economy::windows::cut)
/// does, and judges each.
///
/// # Errors
/// [`NotCut`], for windows without a length or without number.
pub fn epochs(
    board: &Board,
    window_ms: i64,
    quality: Option<Measured<'_>>,
) -> Result<Vec<Epoch>, NotCut> {
    let Some(numbers) = numbers_of(board, window_ms)? else {
        return Ok(Vec::new());
    };
    let mut communities = Communities::default();
    let mut known: Vec<BTreeSet<Pseudonym>> = Vec::new();
    let mut epochs = Vec::new();
    for number in numbers {
        let own = within(board, &(number..=number), window_ms);
        let active = own.as_ref().map_or(0, Board::active);
        let mut epoch = Epoch {
            window: WindowId(number),
            enough: ActiveMembers::new(u32::try_from(active).unwrap_or(u32::MAX)),
            circles: Vec::new(),
            structure: Vec::new(),
            findings: Vec::new(),
            board: own,
        };
        let first = (number + 1).saturating_sub(REMEMBERED as u64);
        let remembered = within(board, &(first..=number), window_ms);
        if let (Ok(_), Some(own)) = (epoch.enough, &epoch.board) {
            let past = remembered.as_ref();
            epoch.circles = looked_at(own, &known, At::All { quality, past }, &mut communities);
            epoch.findings = findings(own, epoch.window, &epoch.circles);
        }
        if let Some(board) = remembered.filter(|board| ActiveMembers::of(board).is_ok()) {
            let proposals = Proposal::among(&board);
            if epoch.enough.is_ok() {
                let suspected = structure(&circles(&board, &proposals, At::Structure)).into_iter();
                let named = suspected.map(|s| Structure {
                    member: pseudonym(&board, s.member),
                    community: s.community,
                    score: s.score,
                    p_value: s.p_value,
                });
                epoch.structure = named.collect();
            }
            known = proposals
                .iter()
                .map(|p| names(&board, &p.members))
                .collect();
        }
        epochs.push(epoch);
    }
    Ok(epochs)
}

/// Groups known from earlier windows, and those of this window that are none of them, looked at with this
/// window's votes.
fn looked_at(
    board: &Board,
    known: &[BTreeSet<Pseudonym>],
    at: At<'_>,
    communities: &mut Communities,
) -> Vec<(CommunityId, Circle)> {
    let (mut groups, mut proposals) = (Vec::new(), Vec::new());
    for group in known {
        let everybody = (0..board.members() as u32).map(MemberId);
        let here = everybody.filter(|m| group.contains(&pseudonym(board, *m)));
        groups.push(group.clone());
        proposals.push(Proposal {
            members: here.collect(),
            by_chance: 0.0,
        });
    }
    for own in Proposal::among(board) {
        let group = names(board, &own.members);
        match known.iter().position(|earlier| the_same(earlier, &group)) {
            None => {
                groups.push(group);
                proposals.push(own);
            }
            // A group that is known grows by those whom chance doesn't add.
            Some(place) if own.by_chance <= GROWS => {
                if let (Some(known), Some(proposal)) =
                    (groups.get_mut(place), proposals.get_mut(place))
                {
                    known.extend(group);
                    proposal.grow(&own);
                }
            }
            Some(_) => {}
        }
    }
    let ids = communities.follow(&groups);
    ids.into_iter()
        .zip(circles(board, &proposals, at))
        .collect()
}

fn names(board: &Board, members: &[MemberId]) -> BTreeSet<Pseudonym> {
    members.iter().map(|m| pseudonym(board, *m)).collect()
}

/// What the discount of a board that was judged is given: structure that neither chance nor honest friendship
/// explains.
pub fn suspected(board: &Board, verdict: &Verdict) -> Vec<Structure<MemberId>> {
    structure(&circles(board, &Proposal::of(verdict), At::Structure))
}

fn structure(circles: &[Circle]) -> Vec<Structure<MemberId>> {
    let mut structure = Vec::new();
    for (place, circle) in (0..).zip(circles) {
        for suspect in &circle.suspects {
            structure.push(Structure {
                member: suspect.member,
                community: CommunityId(place),
                score: suspect.structure.score,
                p_value: larger(suspect.structure.p_value, circle.agreement.p_value),
            });
        }
    }
    structure
}

/// Findings about each member of each group. Evidence on the same votes is the same, and so it stands once:
/// for the group with the lower number, which was found first. Without votes there is no evidence: a member
/// that rests in a window is nothing in it.
fn findings(board: &Board, window: WindowId, circles: &[(CommunityId, Circle)]) -> Vec<Finding> {
    let mut by_age: Vec<&(CommunityId, Circle)> = circles.iter().collect();
    by_age.sort_unstable_by_key(|(id, _)| *id);
    let mut findings = Vec::new();
    let mut known: BTreeSet<EvidenceDigest> = BTreeSet::new();
    for (community, circle) in by_age {
        let one_mind = circle.agreement.one_mind();
        for suspect in &circle.suspects {
            let time = suspect.time.as_ref().map(|(_, strength)| strength);
            let quality = suspect.quality.as_ref().map(|(_, strength)| strength);
            let kinds = [
                (Kind::Structure, Some(&suspect.structure)),
                (Kind::Time, time),
                (Kind::Quality, quality),
                (Kind::OneMind, Some(&one_mind)),
            ];
            for (kind, strength) in kinds {
                let Some(strength) = strength else {
                    continue;
                };
                let member = pseudonym(board, suspect.member);
                let votes = digest::votes(board, suspect.member, kind, circle);
                let digest = digest::of(&member, kind, &votes);
                if !votes.is_empty() && known.insert(digest) {
                    findings.push(Finding {
                        member,
                        community: *community,
                        window,
                        kind,
                        score: strength.score,
                        p_value: strength.p_value,
                        digest,
                        votes,
                    });
                }
            }
        }
    }
    findings
}

fn larger(a: PValue, b: PValue) -> PValue {
    if a > b { a } else { b }
}
