//! When a stake is at risk: structure and evidence of another kind, about one member of one community, in
//! each of two different windows, none of it ever used or refuted before, and a case that people can read.
//! Anything less is refused with the reason, which is part of what a moderator sees.
//!
//! Structure alone never takes a stake: fan clubs, parties and small niches have it too. Nor does quality
//! beside it, for a few authors' posts are alike: there must be time in one window too, or, in each of two, a
//! community whose members never disagree, where friends do. Nor does one
//! window: a viral day or a digest looks like a ring once. The kinds have to meet in the same window and
//! the same community, for a structure here and a coincidence there are two accidents.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bars;
use super::inputs::{
    ActiveMembers, Bar, CaseText, CommunityId, EvidenceDigest, Finding, Kind, Pseudonym, VoteHash,
    WindowId,
};

/// Windows that have to speak against a member.
pub const LEAST_WINDOWS: usize = 2;

/// The rules of the slash.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slash {
    /// What structure must reach in a window.
    pub structure: Bar,
    /// What time or quality must reach in a window.
    pub independent: Bar,
    /// How much disagreement must be missing in a window, for quality to stand without time.
    pub one_mind: Bar,
}

impl Default for Slash {
    fn default() -> Self {
        Self {
            structure: bars::STRUCTURE,
            independent: bars::INDEPENDENT,
            one_mind: bars::ONE_MIND,
        }
    }
}

/// Evidence about a member that can't count again: what earlier cases stood on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Findings that a case stood on, whatever became of it.
    pub digests: BTreeSet<EvidenceDigest>,
    /// Windows that a case was about: the same votes, cut or weighed in another way, are no fresh evidence,
    /// and rewards are clawed back once.
    pub windows: BTreeSet<WindowId>,
}

/// What a won appeal explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuted {
    /// Whose appeal it was.
    pub member: Pseudonym,
    /// The votes that the case stood on: explained for this member, and for nobody else.
    pub own: BTreeSet<VoteHash>,
    /// Of these, the votes of moments that were explained (a mail, a meeting): explained for everybody.
    pub moments: BTreeSet<VoteHash>,
}

/// Votes that won appeals explained. Evidence at least half of whose votes are explained for its member never counts
/// again.
///
/// A finding of time stands on the votes of a whole group, and a member's answer is about her own part: so what was
/// explained has a scope. Her part holds for her alone, or one won appeal would clear the ring that she was in; a
/// moment that the panel named holds for everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Immune {
    for_one: BTreeMap<Pseudonym, BTreeSet<VoteHash>>,
    for_everybody: BTreeSet<VoteHash>,
}

impl Immune {
    /// These and what other appeals refuted.
    #[must_use]
    pub fn with(mut self, refuted: impl IntoIterator<Item = Refuted>) -> Self {
        for refuted in refuted {
            let own = self.for_one.entry(refuted.member).or_default();
            own.extend(refuted.own);
            self.for_everybody.extend(refuted.moments);
        }
        self
    }

    /// Whether evidence against a member that stands on these votes is void. Without votes it always is.
    pub fn voids(&self, member: &Pseudonym, votes: &BTreeSet<VoteHash>) -> bool {
        let own = self.for_one.get(member);
        let is_explained = |vote: &&VoteHash| {
            self.for_everybody.contains(vote) || own.is_some_and(|own| own.contains(vote))
        };
        2 * votes.iter().filter(is_explained).count() >= votes.len()
    }
}

/// What a case stands on. Only [`Slash::grounds`] makes it, so it can't be less than the rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grounds {
    member: Pseudonym,
    community: CommunityId,
    windows: BTreeSet<WindowId>,
    digests: BTreeSet<EvidenceDigest>,
    votes: BTreeMap<EvidenceDigest, BTreeSet<VoteHash>>,
    text: CaseText,
}

impl Grounds {
    /// Against whom.
    pub fn member(&self) -> &Pseudonym {
        &self.member
    }

    /// As a member of what.
    pub fn community(&self) -> CommunityId {
        self.community
    }

    /// In which windows: two or more.
    pub fn windows(&self) -> &BTreeSet<WindowId> {
        &self.windows
    }

    /// On which findings.
    pub fn digests(&self) -> &BTreeSet<EvidenceDigest> {
        &self.digests
    }

    /// The votes that all its findings stand on.
    pub fn votes(&self) -> BTreeSet<VoteHash> {
        self.votes.values().flatten().copied().collect()
    }

    /// Whether won appeals refuted one of its findings.
    pub fn is_void(&self, immune: &Immune) -> bool {
        let voids = |votes| immune.voids(&self.member, votes);
        self.votes.values().any(voids)
    }

    /// In words.
    pub fn text(&self) -> &CaseText {
        &self.text
    }
}

/// Why a stake is not at risk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSlash {
    /// Findings about somebody else were put in.
    #[error("the case is against {member} and a finding is about {other}")]
    AboutAnother {
        /// Against whom the case was to be.
        member: Pseudonym,
        /// About whom the finding is.
        other: Pseudonym,
    },
    /// Not without structure.
    #[error(
        "no structure evidence reaches the bar: votes that merely coincide put no stake at risk"
    )]
    NoStructure,
    /// Not on structure alone.
    #[error(
        "structure alone puts no stake at risk: no evidence of time or quality reaches the bar"
    )]
    StructureAlone,
    /// Two accidents.
    #[error(
        "structure and evidence of time or quality never meet in the same community and window"
    )]
    Apart,
    /// Not on one window.
    #[error("only {window} has both kinds of evidence: two different windows are needed")]
    OneWindow {
        /// Which.
        window: WindowId,
    },
    /// Quality is measured, and a few authors' posts are alike: by itself it is no evidence of votes cast by
    /// agreement.
    #[error(
        "quality is the only evidence beside structure: evidence of time is needed in one window at least, or, in two, a community whose members never disagree with each other"
    )]
    QualityAlone,
    /// It would be enough if it were fresh.
    #[error(
        "the evidence would be enough, but {stale} of its findings were used or refuted before"
    )]
    NotFresh {
        /// How many findings don't count any more.
        stale: usize,
    },
}

impl Slash {
    /// Whether evidence puts a member's stake at risk. Findings that were used or refuted before don't count,
    /// nor do those below the bar; the order of findings changes nothing. If the evidence is enough for
    /// several communities, the case is about the one with the most windows.
    ///
    /// # Errors
    /// [`NoSlash`], with the first reason why not.
    pub fn grounds(
        &self,
        _enough: ActiveMembers,
        member: &Pseudonym,
        findings: &[Finding],
        text: CaseText,
        spent: &Spent,
        immune: &Immune,
    ) -> Result<Grounds, NoSlash> {
        let findings = each_once(member, findings)?;
        let is_fresh = |f: &Finding| {
            let used = spent.digests.contains(&f.digest) || spent.windows.contains(&f.window);
            !used && !immune.voids(&f.member, &f.votes)
        };
        match self.weigh(findings.iter().copied().filter(|f| is_fresh(f))) {
            Ok((community, windows)) => {
                let counts = |f: &&&Finding| {
                    f.community == community
                        && windows.contains(&f.window)
                        && is_fresh(f)
                        && self.is_met(f)
                };
                let stands_on = || findings.iter().filter(counts);
                Ok(Grounds {
                    member: member.clone(),
                    community,
                    digests: stands_on().map(|f| f.digest).collect(),
                    votes: stands_on().map(|f| (f.digest, f.votes.clone())).collect(),
                    windows,
                    text,
                })
            }
            Err(reason) => match self.weigh(findings.iter().copied()) {
                Ok(_) => {
                    let stale = |f: &&&Finding| !is_fresh(f);
                    let stale: BTreeSet<_> =
                        findings.iter().filter(stale).map(|f| f.digest).collect();
                    Err(NoSlash::NotFresh { stale: stale.len() })
                }
                Err(_) => Err(reason),
            },
        }
    }

    fn is_met(&self, finding: &Finding) -> bool {
        let bar = match finding.kind {
            Kind::Structure => self.structure,
            Kind::Time | Kind::Quality => self.independent,
            Kind::OneMind => self.one_mind,
        };
        bar.is_met(finding.score, finding.p_value)
    }

    /// The community that two windows or more speak against in both ways, and those windows.
    fn weigh<'a>(
        &self,
        findings: impl Iterator<Item = &'a Finding>,
    ) -> Result<(CommunityId, BTreeSet<WindowId>), NoSlash> {
        let mut structure: BTreeSet<(CommunityId, WindowId)> = BTreeSet::new();
        let mut independent = structure.clone();
        let (mut in_time, mut of_one_mind) = (structure.clone(), structure.clone());
        for finding in findings.filter(|f| self.is_met(f)) {
            let place = (finding.community, finding.window);
            if finding.kind.is_independent() {
                independent.insert(place);
            }
            match finding.kind {
                Kind::Structure => structure.insert(place),
                Kind::Time => in_time.insert(place),
                Kind::OneMind => of_one_mind.insert(place),
                Kind::Quality => false,
            };
        }
        if structure.is_empty() {
            return Err(NoSlash::NoStructure);
        }
        if independent.is_empty() {
            return Err(NoSlash::StructureAlone);
        }
        let mut windows: BTreeMap<CommunityId, BTreeSet<WindowId>> = BTreeMap::new();
        for (community, window) in structure.intersection(&independent) {
            windows.entry(*community).or_default().insert(*window);
        }
        // Quality needs time beside it once, or one mind each time.
        let borne_out = |community: CommunityId, windows: &BTreeSet<WindowId>| {
            let timed = windows.iter().any(|w| in_time.contains(&(community, *w)));
            let minded = windows
                .iter()
                .filter(|w| of_one_mind.contains(&(community, **w)));
            timed || minded.count() >= LEAST_WINDOWS
        };
        // Those that are borne out; of these the most windows; of as many, the lower number.
        let rank = |(community, windows): &(CommunityId, BTreeSet<WindowId>)| {
            let enough = windows.len() >= LEAST_WINDOWS;
            let borne_out = enough && borne_out(*community, windows);
            (borne_out, windows.len(), Reverse(*community))
        };
        let Some((community, windows)) = windows.into_iter().max_by_key(rank) else {
            return Err(NoSlash::Apart);
        };
        let borne_out = borne_out(community, &windows);
        match windows.first() {
            Some(window) if windows.len() < LEAST_WINDOWS => {
                Err(NoSlash::OneWindow { window: *window })
            }
            _ if !borne_out => Err(NoSlash::QualityAlone),
            _ => Ok((community, windows)),
        }
    }
}

/// The findings that are weighed, all of them about this member. Of several with one digest, which stand on
/// the same votes, one counts: the weakest.
fn each_once<'a>(member: &Pseudonym, findings: &'a [Finding]) -> Result<Vec<&'a Finding>, NoSlash> {
    if let Some(other) = findings
        .iter()
        .map(|f| &f.member)
        .filter(|m| *m != member)
        .min()
    {
        return Err(NoSlash::AboutAnother {
            member: member.clone(),
            other: other.clone(),
        });
    }
    let mut once: Vec<&Finding> = findings.iter().collect();
    once.sort_by(|a, b| {
        let weaker = a.score.get().total_cmp(&b.score.get());
        let weaker = weaker.then(b.p_value.get().total_cmp(&a.p_value.get()));
        let place = |f: &Finding| (f.community, f.window, f.kind);
        let same = a.digest.cmp(&b.digest);
        same.then(weaker).then(place(a).cmp(&place(b)))
    });
    once.dedup_by_key(|f| f.digest);
    Ok(once)
}
