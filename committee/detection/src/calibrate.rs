//! From which score on a member is flagged: what a rate of false positives asks for, on this board.
//!
//! There are no labels to learn from, and boards differ: where few people vote on much, honest scores are
//! higher than where many vote on little. So the bar is measured from the median score of those who were
//! active on the board. As long as a ring is less than half of them, the median is at most the highest score
//! of an honest member, however high the ring's own are. Accounts that do nothing else can lower the median,
//! by many votes of theirs, and never the bar below a floor. The distance comes from boards with nothing
//! planted: of the public conversations and made-up boards that are for tuning, at most one member in a
//! hundred of each real one stands above the bar for one in a hundred. And no score flags by itself. Beside
//! it there must be either votes together in several sittings, or a group that is of one mind and in which
//! the member both gives and gets: closed niches, fan clubs and parties have high scores, and lack one of
//! these.

use crate::judge::{Evidence, Verdict};

/// The rate of false positives that is asked for if nobody says otherwise.
pub const USUAL_RATE: f64 = 0.01;
/// Votes of a member before its score counts for the median.
const ACTIVE: u32 = 5;
/// No bar is lower.
const FLOOR: f64 = 5.0;
/// What the bar lies above the median by, at the usual rate.
const ABOVE: f64 = 3.75;
/// How much of the median it adds: honest scores spread as they rise.
const BY_MEDIAN: f64 = 1.2;
/// What a rate that is smaller by a factor of e adds.
const BY_RATE: f64 = 0.6;
/// Evidence of time that flags, in nats beyond what chance gives the best of many groups, and in how many
/// sittings: classes that greet each other have as much in three.
const TIME: (f64, u32) = (1.0, 4);
/// What it must have given the group beyond chance, in nats, for time to flag it: what others do beside it and
/// for it is not its doing.
const GIVEN: f64 = 1.0;
/// How much of the usual dissent must be missing, in a group that flags without time and in the member's own
/// votes on the group's posts, so that it takes a good ten of them.
const ONE_MIND: f64 = 0.4;
/// What must be returned, in nats, in a group that flags without time.
const RETURNED: f64 = 2.0;

impl Verdict {
    /// The score from which on a member may be flagged, at a rate of false positives between 0 and 1.
    pub fn bar(&self, rate: f64) -> f64 {
        let active = self.members.iter().filter(|e| e.votes >= ACTIVE);
        let mut scores: Vec<f64> = active.map(Evidence::score).collect();
        scores.sort_unstable_by(f64::total_cmp);
        let median = scores.get(scores.len() / 2).copied().unwrap_or(0.0);
        let rate = rate.clamp(1e-9, 1.0);
        (BY_MEDIAN * median + ABOVE + BY_RATE * (USUAL_RATE / rate).ln()).max(FLOOR)
    }

    /// Who is flagged, by member.
    pub fn flagged(&self, rate: f64) -> Vec<bool> {
        let bar = self.bar(rate);
        let flagged = |evidence: &Evidence| evidence.score() >= bar && evidence.speaks_for_itself();
        self.members.iter().map(flagged).collect()
    }
}

impl Evidence {
    /// Whether there is what a score alone can't say: votes together in several sittings, or support given
    /// and returned in a group of one mind.
    pub fn speaks_for_itself(&self) -> bool {
        let (nats, sittings) = TIME;
        let in_time = self.in_time() >= nats && self.sittings >= sittings && self.given >= GIVEN;
        let one_mind = self.one_mind.min(self.own_mind) >= ONE_MIND;
        in_time || one_mind && self.returned >= RETURNED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(members: Vec<Evidence>) -> Verdict {
        Verdict {
            members,
            groups: Vec::new(),
            not_looked_at: 0,
        }
    }

    /// Of a member that stands far out, by structure alone.
    fn strong() -> Evidence {
        Evidence {
            structure: 1e3,
            pairs: 50.0,
            ..Evidence::default()
        }
    }

    #[test]
    fn a_score_alone_flags_nobody_however_high_it_is() {
        let mut members = vec![Evidence::default(); 99];
        members.push(strong());
        assert!(members[99].score() > verdict(members.clone()).bar(0.01));
        assert!(!verdict(members).flagged(0.5).contains(&true));
    }

    #[test]
    fn time_flags_from_a_number_of_sittings_an_evidence_and_what_was_given_on() {
        let timed = |together, sittings, given| {
            let mut members = vec![Evidence::default(); 99];
            members.push(Evidence {
                together,
                sittings,
                given,
                ..strong()
            });
            verdict(members).flagged(0.01)[99]
        };
        assert!(timed(3.0, 4, 1.0));
        assert!(!timed(3.0, 3, 1.0));
        assert!(!timed(2.9, 4, 1.0));
        assert!(!timed(3.0, 4, 0.9));
    }

    #[test]
    fn a_group_of_one_mind_flags_only_who_gives_and_gets() {
        let minded = |one_mind, own_mind, returned| {
            let mut members = vec![Evidence::default(); 99];
            members.push(Evidence {
                one_mind,
                own_mind,
                returned,
                ..strong()
            });
            verdict(members).flagged(0.01)[99]
        };
        assert!(minded(0.4, 0.4, 2.0));
        assert!(!minded(0.39, 0.4, 2.0));
        assert!(!minded(0.4, 0.39, 2.0));
        assert!(!minded(0.4, 0.4, 1.9));
    }

    #[test]
    fn a_ring_of_less_than_half_of_the_active_lifts_the_bar_no_higher_than_honest_scores_go() {
        let honest = |place: u32| Evidence {
            structure: f64::from(place),
            votes: 9,
            ..Evidence::default()
        };
        let mut members: Vec<Evidence> = (0..51).map(honest).collect();
        let highest = members.iter().map(Evidence::score).fold(0.0, f64::max);
        members.extend(vec![
            Evidence {
                votes: 9,
                ..strong()
            };
            49
        ]);
        let bar = verdict(members).bar(0.01);
        assert!(bar <= BY_MEDIAN * highest + ABOVE, "{bar}");
    }

    #[test]
    fn accounts_that_hardly_vote_do_not_move_the_bar_and_none_can_put_it_below_the_floor() {
        let mut members = vec![
            Evidence {
                votes: 9,
                ..strong()
            };
            9
        ];
        let before = verdict(members.clone()).bar(0.01);
        let idle = Evidence {
            votes: 4,
            ..Evidence::default()
        };
        members.extend(vec![idle; 500]);
        assert_eq!(verdict(members.clone()).bar(0.01), before);
        members.extend(vec![Evidence { votes: 5, ..idle }; 500]);
        assert_eq!(verdict(members).bar(0.5), FLOOR);
    }

    #[test]
    fn a_smaller_rate_asks_for_a_higher_score() {
        let verdict = verdict(vec![
            Evidence {
                votes: 9,
                ..strong()
            };
            3
        ]);
        assert!(verdict.bar(0.001) > verdict.bar(0.01) && verdict.bar(0.01) > verdict.bar(0.2));
    }
}
