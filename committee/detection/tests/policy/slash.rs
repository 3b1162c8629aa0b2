use tacit_detection::policy::inputs::{
    CommunityId, Finding, Kind, PValue, Pseudonym, Score, VoteHash, WindowId,
};
use tacit_detection::policy::slash::{Grounds, Immune, NoSlash, Refuted, Slash, Spent};

use crate::given::{ada, enough, finding, strong, text};

fn judged(findings: &[Finding]) -> Result<Grounds, NoSlash> {
    after(findings, &Spent::default(), &Immune::default())
}

fn after(findings: &[Finding], spent: &Spent, immune: &Immune) -> Result<Grounds, NoSlash> {
    Slash::default().grounds(enough(), &ada(), findings, text(), spent, immune)
}

/// Moments with these votes, explained for everybody.
fn explained(votes: impl IntoIterator<Item = VoteHash>) -> Immune {
    Immune::default().with([Refuted {
        member: Pseudonym::new("square", "bob"),
        own: [].into(),
        moments: votes.into_iter().collect(),
    }])
}

#[test]
fn structure_and_time_in_two_windows_put_a_stake_at_risk() {
    let grounds = judged(&strong(1, 2)).unwrap();
    assert_eq!(grounds.member(), &ada());
    assert_eq!(grounds.community(), CommunityId(7));
    assert_eq!(grounds.windows(), &[WindowId(1), WindowId(2)].into());
    assert_eq!(
        grounds.digests(),
        &strong(1, 2).iter().map(|f| f.digest).collect()
    );
    assert_eq!(grounds.text(), &text());
}

#[test]
fn quality_serves_as_well_as_time_in_one_window_and_not_in_all() {
    let mut findings = strong(1, 2);
    findings[1] = finding(1, Kind::Quality);
    findings[3] = finding(2, Kind::Quality);
    assert_eq!(judged(&findings), Err(NoSlash::QualityAlone));
    findings[3] = finding(2, Kind::Time);
    assert!(judged(&findings).is_ok());
}

#[test]
fn quality_stands_without_time_only_where_a_community_is_of_one_mind_in_two_windows() {
    let mut findings = strong(1, 2);
    findings[1] = finding(1, Kind::Quality);
    findings[3] = finding(2, Kind::Quality);
    findings.push(finding(1, Kind::OneMind));
    assert_eq!(judged(&findings), Err(NoSlash::QualityAlone));
    findings.push(finding(2, Kind::OneMind));
    assert_eq!(judged(&findings).unwrap().digests().len(), 6);
    // At the bar, and just below it.
    let with = |score, p_value| {
        let mut findings = findings.clone();
        findings[5].score = Score::new(score).unwrap();
        findings[5].p_value = PValue::new(p_value).unwrap();
        judged(&findings).map(|_| ())
    };
    assert_eq!(with(0.35, 0.01), Ok(()));
    assert_eq!(with(0.34, 0.01), Err(NoSlash::QualityAlone));
    assert_eq!(with(0.35, 0.011), Err(NoSlash::QualityAlone));
    // Of one mind alone is nothing: friends are it too, among few votes.
    findings.retain(|f| f.kind != Kind::Quality);
    assert_eq!(judged(&findings), Err(NoSlash::StructureAlone));
}

#[test]
fn structure_alone_puts_no_stake_at_risk() {
    let findings: Vec<Finding> = (1..=20).map(|w| finding(w, Kind::Structure)).collect();
    assert_eq!(judged(&findings), Err(NoSlash::StructureAlone));
}

#[test]
fn without_structure_no_stake_is_at_risk() {
    let mut findings: Vec<Finding> = (1..=20).map(|w| finding(w, Kind::Time)).collect();
    findings.extend((1..=20).map(|w| finding(w, Kind::Quality)));
    assert_eq!(judged(&findings), Err(NoSlash::NoStructure));
    assert_eq!(judged(&[]), Err(NoSlash::NoStructure));
}

#[test]
fn one_window_is_not_enough_however_much_it_shows() {
    let mut findings = vec![
        finding(1, Kind::Structure),
        finding(1, Kind::Time),
        finding(1, Kind::Quality),
    ];
    let refused = Err(NoSlash::OneWindow {
        window: WindowId(1),
    });
    assert_eq!(judged(&findings), refused);
    findings.push(finding(2, Kind::Structure));
    assert_eq!(judged(&findings), refused);
    findings.push(finding(2, Kind::Time));
    assert!(judged(&findings).is_ok());
}

#[test]
fn structure_here_and_time_there_are_two_accidents() {
    let findings = [
        finding(1, Kind::Structure),
        finding(2, Kind::Structure),
        finding(3, Kind::Time),
        finding(4, Kind::Time),
    ];
    assert_eq!(judged(&findings), Err(NoSlash::Apart));
}

#[test]
fn the_two_kinds_must_be_about_the_same_community() {
    let mut findings = strong(1, 2);
    for time in [1, 3] {
        findings[time].community = CommunityId(8);
    }
    assert_eq!(judged(&findings), Err(NoSlash::Apart));
}

#[test]
fn two_windows_must_speak_against_the_same_community() {
    let mut findings = strong(1, 2);
    for second in [2, 3] {
        findings[second].community = CommunityId(8);
    }
    let refused = Err(NoSlash::OneWindow {
        window: WindowId(1),
    });
    assert_eq!(judged(&findings), refused);
}

#[test]
fn evidence_just_at_the_bar_counts_and_just_beyond_it_does_not() {
    let rules = Slash::default();
    let at_the_bar = || -> Vec<Finding> {
        let at = |mut finding: Finding| {
            let bar = match finding.kind.is_independent() {
                true => rules.independent,
                false => rules.structure,
            };
            finding.score = bar.least_score;
            finding.p_value = bar.most_p_value;
            finding
        };
        strong(1, 2).into_iter().map(at).collect()
    };
    assert!(judged(&at_the_bar()).is_ok());
    let refused = [
        NoSlash::OneWindow {
            window: WindowId(2),
        },
        NoSlash::OneWindow {
            window: WindowId(2),
        },
        NoSlash::OneWindow {
            window: WindowId(1),
        },
        NoSlash::OneWindow {
            window: WindowId(1),
        },
    ];
    for (place, refused) in refused.into_iter().enumerate() {
        let mut weaker = at_the_bar();
        let score = weaker[place].score.get().next_down();
        weaker[place].score = Score::new(score).unwrap();
        assert_eq!(judged(&weaker), Err(refused.clone()));
        let mut likelier = at_the_bar();
        let p_value = likelier[place].p_value.get().next_up();
        likelier[place].p_value = PValue::new(p_value).unwrap();
        assert_eq!(judged(&likelier), Err(refused));
    }
}

#[test]
fn a_finding_that_was_used_counts_no_more() {
    let findings = strong(1, 2);
    for used in &findings {
        let mut spent = Spent::default();
        spent.digests.insert(used.digest);
        let refused = Err(NoSlash::NotFresh { stale: 1 });
        assert_eq!(after(&findings, &spent, &Immune::default()), refused);
    }
}

#[test]
fn a_finding_that_was_refuted_counts_no_more() {
    let findings = strong(1, 2);
    for refuted in &findings {
        let immune = explained(refuted.votes.clone());
        let refused = Err(NoSlash::NotFresh { stale: 1 });
        assert_eq!(after(&findings, &Spent::default(), &immune), refused);
    }
}

#[test]
fn evidence_half_of_whose_votes_were_refuted_is_void_against_anybody() {
    let findings = strong(1, 2);
    for place in 0..4 {
        let votes: Vec<_> = findings[place].votes.iter().copied().collect();
        let fewer = explained(votes[..1].iter().copied());
        assert!(after(&findings, &Spent::default(), &fewer).is_ok());
        let half = explained(votes[..2].iter().copied());
        let refused = Err(NoSlash::NotFresh { stale: 1 });
        // However the finding is called.
        let mut renamed = findings.clone();
        renamed[place].digest.0[20] = 9;
        assert_eq!(after(&renamed, &Spent::default(), &half), refused);
    }
}

#[test]
fn a_finding_without_votes_is_no_evidence() {
    let mut findings = strong(1, 2);
    findings[0].votes.clear();
    assert!(judged(&findings).is_err());
}

#[test]
fn the_votes_of_a_judged_window_are_no_fresh_evidence_under_another_digest() {
    let mut spent = Spent::default();
    spent.windows.insert(WindowId(2));
    let refused = Err(NoSlash::NotFresh { stale: 2 });
    assert_eq!(after(&strong(1, 2), &spent, &Immune::default()), refused);
    assert!(after(&strong(1, 3), &spent, &Immune::default()).is_ok());
}

#[test]
fn fresh_evidence_beside_used_evidence_has_to_be_enough_by_itself() {
    let mut spent = Spent::default();
    spent.windows.extend([WindowId(1), WindowId(2)]);
    let mut findings = strong(1, 2);
    findings.extend(strong(3, 4));
    let grounds = after(&findings, &spent, &Immune::default()).unwrap();
    assert_eq!(grounds.windows(), &[WindowId(3), WindowId(4)].into());
    assert_eq!(grounds.digests().len(), 4);
}

#[test]
fn findings_about_somebody_else_do_not_slip_in() {
    let mut findings = strong(1, 2);
    let other = Pseudonym::new("square", "bob");
    findings[3].member = other.clone();
    let refused = NoSlash::AboutAnother {
        member: ada(),
        other,
    };
    assert_eq!(judged(&findings), Err(refused));
}

#[test]
fn of_two_findings_with_one_digest_the_weaker_counts() {
    let mut findings = strong(1, 2);
    findings.push(findings[0].clone());
    assert_eq!(judged(&findings), judged(&strong(1, 2)));
    findings[4].p_value = PValue::ONE;
    let refused = Err(NoSlash::OneWindow {
        window: WindowId(2),
    });
    assert_eq!(judged(&findings), refused);
    findings.reverse();
    assert_eq!(judged(&findings), refused);
    // That of another window is dropped, and what is left has to be enough.
    let mut findings = strong(1, 2);
    findings.extend(strong(3, 4));
    findings[2].digest = findings[0].digest;
    assert_eq!(judged(&findings).unwrap().windows().len(), 3);
}

#[test]
fn of_two_communities_the_one_with_more_windows_makes_the_case() {
    let mut findings = strong(1, 2);
    for mut more in strong(3, 4).into_iter().chain(strong(5, 6)) {
        more.community = CommunityId(9);
        findings.push(more);
    }
    let grounds = judged(&findings).unwrap();
    assert_eq!(grounds.community(), CommunityId(9));
    assert_eq!(grounds.windows().len(), 4);
    assert_eq!(grounds.digests().len(), 8);
}
