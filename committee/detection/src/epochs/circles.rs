//! Groups, with what speaks for and against each of their members, as scores and p-values.
//!
//! A score is an effect: the share of what was seen that nothing innocent explains. A p-value says how often
//! chance gives as much, and is honest about how many members were looked at. Both are needed: with few
//! votes chance gives large effects, and with many votes small effects mean nothing though chance never
//! gives them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Measured;
use crate::judge::Verdict;
use crate::policy::bars::{DISCOUNT, FRIENDS_DISSENT, NAMED};
use crate::policy::inputs::{PValue, Score};
use crate::scan::{Group, scan};
use crate::signals::appointments::{VOTES_MS, kept};
use crate::signals::chance::Chance;
use crate::signals::dissent::{Dissent, RARELY, dissent};
use crate::signals::given;
use crate::signals::support::Supports;
use crate::signals::together::{Together, WINDOWS_MS, together, weighted_binomial};
use crate::votes::{Board, MemberId, PostId, Stance, Vote};

/// Posts worse than this share of those that a member supports elsewhere are low.
pub const LOW_SHARE: f64 = 0.1;
/// Posts supported elsewhere that make a measure of a member's own.
const ENOUGH_ELSEWHERE: usize = 10;
/// What a member does within so long is one trial, however many votes it casts. It is counted from the first
/// vote on, so that no chain of votes makes a day one trial.
const TRIAL_MS: i64 = 60 * 60 * 1000;
/// And within so long one occasion: an evening, or a day in a classroom.
const OCCASION_MS: i64 = 12 * TRIAL_MS;
/// Occasions with votes together in a window, at least: a class that meets each week has two in two weeks, and
/// three can't be on one day.
const LEAST_OCCASIONS: u32 = 3;
/// Votes on everybody else's posts that show how often a group's members dissent at all.
const HABIT: u32 = 20;
/// Support given beyond chance, in nats, before it counts that somebody was together with a group.
const LEAST_GIVEN: f64 = 1.0;

/// How strong evidence is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// The effect.
    pub score: Score,
    /// Against chance; see [`circles`].
    pub p_value: PValue,
}

impl Strength {
    /// From numbers that are cut to their range.
    fn of(score: f64, p_value: f64) -> Self {
        let score = if score.is_nan() { 0.0 } else { score };
        let p_value = if p_value.is_nan() { 1.0 } else { p_value };
        Self {
            score: Score::new(score.clamp(0.0, 1.0)).unwrap_or(Score::ZERO),
            p_value: PValue::new(p_value.clamp(0.0, 1.0)).unwrap_or(PValue::ONE),
        }
    }
}

/// Support of low posts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Low {
    /// The group's posts that the member voted for.
    pub votes: u32,
    /// Of these, the low ones.
    pub low: u32,
    /// The authors of these posts: one trial each, however many posts of theirs the member voted for, because an
    /// author's posts are alike.
    pub authors: u32,
    /// The sum over these authors of the share of low ones among the member's votes for each.
    pub hits: f64,
    /// What is low.
    pub limit: f64,
}

/// A member of a group that was looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suspect {
    /// Who.
    pub member: MemberId,
    /// Votes for the others' posts, and those that chance would give.
    pub given: (u32, f64),
    /// The others' votes for its posts, and those that chance would give.
    pub got: (u32, f64),
    /// The smaller of the shares of these votes that chance doesn't explain: who only gives is a fan, and who
    /// only gets is a favourite.
    pub structure: Strength,
    /// Votes together on the group's posts, beyond the member's habit: of the hours with votes that the habit
    /// leaves apart, the share that was together. Only on [`LEAST_OCCASIONS`] or more, and only by a member who gives
    /// the group more than chance does.
    pub time: Option<(Together, Strength)>,
    /// Occasions on which it voted together with others.
    pub occasions: u32,
    /// Support of posts that are worse than what the member supports elsewhere.
    pub quality: Option<(Low, Strength)>,
}

/// How seldom a group's members dissent on each other's posts, beside friends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Votes, those that were no support, and how many of these everybody else would have cast there.
    pub dissent: Dissent,
    /// The share of their votes in which friends at least dissent here: [`FRIENDS_DISSENT`], or less where everybody else
    /// on these posts hardly dissents either.
    pub friends: f64,
    /// The share of its members' votes on everybody else's posts that were no support; `None` of too few of them. Some
    /// people never vote against anything, and that they don't here says nothing.
    pub habit: Option<f64>,
    /// How often such friends dissent as seldom as the group.
    pub p_value: PValue,
}

impl Agreement {
    fn of(dissent: Dissent, habit: Option<f64>) -> Self {
        let friends = FRIENDS_DISSENT.min(dissent.usual() / RARELY);
        let p_value = at_most(dissent.against, dissent.votes, friends);
        Self {
            dissent,
            friends,
            habit,
            p_value: PValue::new(p_value.min(1.0)).unwrap_or(PValue::ONE),
        }
    }

    /// Of one mind, for a strike: how much of others' dissent is missing, and how often friends with the members' own
    /// habit dissent as seldom. Who votes on nothing else has no habit, and is taken to dissent as others do here.
    pub fn one_mind(&self) -> Strength {
        let friends = self
            .habit
            .map_or(self.friends, |habit| self.friends.min(habit / RARELY));
        let p_value = at_most(self.dissent.against, self.dissent.votes, friends);
        Strength::of(self.dissent.missing(), p_value)
    }

    /// Whether a group of as many votes could differ from friends at all: where hardly anybody dissents, or among
    /// few votes, a ring and friends look the same.
    pub fn can_tell(&self) -> bool {
        at_most(0, self.dissent.votes, self.friends) <= DISCOUNT.most_p_value.get()
    }
}

/// A group that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Circle {
    /// Its members, ascending.
    pub suspects: Vec<Suspect>,
    /// Among themselves.
    pub agreement: Agreement,
}

impl Circle {
    /// A member's part.
    pub fn suspect(&self, member: MemberId) -> Option<&Suspect> {
        let place = self.suspects.binary_search_by_key(&member, |s| s.member);
        place.ok().and_then(|place| self.suspects.get(place))
    }
}

/// A group that is to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Its members, ascending.
    pub members: Vec<MemberId>,
    /// How often chance alone proposes such a group; zero if the votes it is looked at with had no part in
    /// proposing it.
    pub by_chance: f64,
}

impl Proposal {
    /// The groups of a board that are beyond chance, each with those who add to its evidence.
    pub fn among(board: &Board) -> Vec<Self> {
        let chance = Chance::of_upvotes(board);
        let found = scan(&Supports::of(board, &chance), board.members());
        Self::beyond(found.groups.iter())
    }

    /// Those of a verdict.
    pub fn of(verdict: &Verdict) -> Vec<Self> {
        Self::beyond(verdict.groups.iter().map(|judged| &judged.group))
    }

    fn beyond<'a>(groups: impl Iterator<Item = &'a Group>) -> Vec<Self> {
        let beyond = groups.filter(|group| group.beyond_chance > 0.0);
        let proposals = beyond.map(|group| {
            let named = group.members.iter().filter(|(_, adds)| *adds >= NAMED);
            Self {
                members: named.map(|(member, _)| *member).collect(),
                by_chance: (-group.beyond_chance).exp(),
            }
        });
        proposals.filter(|p| p.members.len() > 1).collect()
    }

    /// Takes in another's members.
    pub fn grow(&mut self, other: &Self) {
        self.members.extend(&other.members);
        self.members.sort_unstable();
        self.members.dedup();
        self.by_chance = self.by_chance.max(other.by_chance);
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub enum At<'a> {
    /// Who supports whom.
    Structure,
    /// That, when, and, where quality is measured, what.
    All {
        /// How good posts are, if that is measured.
        quality: Option<Measured<'a>>,
        /// The board with this window and those before it, which tell what appointments are kept; the earlier ones
        /// are evidence of nothing else here. Without it the window's own votes tell.
        past: Option<&'a Board>,
    },
}

/// Looks at groups with a board's votes. P-values of structure and quality are those of one member times the number of
/// members that are looked at (Bonferroni), so that they hold for the strongest of all.
///
/// That of time is times the *root* of this number, and times the two spans that are tried. A strike asks for two
/// windows of one and the same member, which have no vote in common: if each of `n` members reaches `p/√n` in a window
/// by chance, somebody reaches it in both of two windows in `n·(p/√n)² = p²` of all pairs of windows, however large
/// `n` is.
pub fn circles(board: &Board, proposals: &[Proposal], at: At<'_>) -> Vec<Circle> {
    let looked_at = proposals.iter().map(|p| p.members.len()).sum();
    let chance = Chance::of_upvotes(board);
    let usual = match at {
        At::All { quality, .. } => quality.map(|quality| Usual::of(board, quality, proposals)),
        At::Structure => None,
    };
    let past = match at {
        At::All { past, .. } => past.unwrap_or(board),
        At::Structure => board,
    };
    let by_name: HashMap<&str, MemberId> = (0..past.members() as u32)
        .map(|member| (past.member_name(MemberId(member)), MemberId(member)))
        .collect();
    let then = |member: &MemberId| by_name.get(board.member_name(*member)).copied();
    let look = |proposal: &Proposal| {
        let inside: BTreeSet<MemberId> = proposal.members.iter().copied().collect();
        let support = given::inside(board, &chance, &proposal.members);
        let together = match at {
            At::All { .. } => together(board, &proposal.members),
            At::Structure => Vec::new(),
        };
        let inside_then: BTreeSet<MemberId> = proposal.members.iter().filter_map(then).collect();
        let suspects = support.iter().map(|support| {
            let member = &support.member;
            let by_chance = tested(support.both(), looked_at as f64).max(proposal.by_chance);
            let timed = together.iter().find(|t| t.member == *member && t.votes > 0);
            let met = timed.map(|t| {
                let kept = then(member).map(|member| appointments(past, member, &inside_then));
                Occasions::of(
                    board,
                    *member,
                    &inside,
                    t.window_ms,
                    &kept.unwrap_or_default(),
                )
            });
            let met = met.unwrap_or_default();
            let gives = support.gave() >= LEAST_GIVEN && met.together >= LEAST_OCCASIONS;
            let low = usual.as_ref().and_then(|u| u.low(board, *member, &inside));
            Suspect {
                member: *member,
                given: (support.given, support.given_by_chance),
                got: (support.got, support.got_by_chance),
                structure: Strength::of(support.unexplained(), by_chance),
                time: timed
                    .filter(|_| gives)
                    .map(|timed| (*timed, met.strength(timed.expected, looked_at))),
                occasions: met.together,
                quality: low.map(|low| (low, low.strength(looked_at))),
            }
        });
        Circle {
            suspects: suspects.collect(),
            agreement: Agreement::of(dissent(board, &proposal.members).0, habit(board, &inside)),
        }
    };
    proposals.iter().map(look).collect()
}

/// When a member voted on the group's posts.
#[derive(Default)]
struct Occasions {
    /// Those with a vote together.
    together: u32,
    /// Hours with votes, each counted once however many votes it has.
    trials: u32,
    /// The sum of the shares of each hour's votes that were together.
    hits: f64,
}

/// Of the members' votes on posts that aren't the group's, the share that were no support.
fn habit(board: &Board, inside: &BTreeSet<MemberId>) -> Option<f64> {
    let votes = inside.iter().flat_map(|member| board.votes_of(*member));
    let elsewhere = votes.filter(|v| !inside.contains(&board.post(v.post).author));
    let (all, against) = elsewhere.fold((0_u32, 0_u32), |(all, against), vote| {
        (all + 1, against + u32::from(vote.stance != Stance::Up))
    });
    (all >= HABIT).then(|| f64::from(against) / f64::from(all))
}

/// A member's support of a group's posts.
fn support<'a>(
    board: &'a Board,
    member: MemberId,
    inside: &'a BTreeSet<MemberId>,
) -> impl Iterator<Item = &'a Vote> {
    let up = board.votes_of(member).filter(|v| v.stance == Stance::Up);
    up.filter(|v| inside.contains(&board.post(v.post).author))
}

/// The moments of a member's support of its group that keep an appointment: a class that meets each Monday and
/// Thursday comes together on many occasions, and each is one that everybody knows of.
fn appointments(board: &Board, member: MemberId, inside: &BTreeSet<MemberId>) -> BTreeSet<i64> {
    let moments: Vec<i64> = support(board, member, inside).map(|v| v.at_ms).collect();
    let kept = kept(&moments, VOTES_MS);
    let kept = moments.into_iter().zip(kept).filter(|(_, kept)| *kept);
    kept.map(|(at_ms, _)| at_ms).collect()
}

impl Occasions {
    /// Votes on posts on which others of the group voted too, but for those that keep an appointment; together
    /// are those that came within the window after another's.
    fn of(
        board: &Board,
        member: MemberId,
        inside: &BTreeSet<MemberId>,
        window_ms: i64,
        kept: &BTreeSet<i64>,
    ) -> Self {
        let own = support(board, member, inside).filter(|v| !kept.contains(&v.at_ms));
        let met = own.filter_map(|vote| {
            let others = board.votes_on(vote.post).filter(|other| {
                let of_group = other.member != member && inside.contains(&other.member);
                of_group && other.stance == Stance::Up
            });
            let near = |other: &Vote| {
                // Votes at one moment are in no order.
                let before = other.at_ms < vote.at_ms;
                before && other.at_ms.abs_diff(vote.at_ms) <= window_ms.unsigned_abs()
            };
            let (all, near) = others.fold((0, false), |(all, any), other| {
                (all + 1, any || near(other))
            });
            (all > 0).then_some((vote.at_ms, near))
        });
        let mut met: Vec<(i64, bool)> = met.collect();
        met.sort_unstable();
        let share = |votes: &[(i64, bool)]| {
            votes.iter().filter(|(_, near)| *near).count() as f64 / votes.len() as f64
        };
        let trials: Vec<f64> = spans(&met, TRIAL_MS).map(share).collect();
        let together = spans(&met, OCCASION_MS).filter(|votes| share(votes) > 0.0);
        Self {
            together: together.count() as u32,
            trials: trials.len() as u32,
            hits: trials.iter().sum(),
        }
    }

    fn strength(&self, expected: f64, looked_at: usize) -> Strength {
        let all = f64::from(self.trials.max(1));
        let beyond = (self.hits / all - expected) / (1.0 - expected);
        let evidence = weighted_binomial(self.hits, all, expected);
        // The same member has to reach the bar in two windows.
        let tests = (looked_at as f64).sqrt() * WINDOWS_MS.len() as f64;
        Strength::of(beyond, tested(evidence, tests))
    }
}

/// Cuts votes, in the order of time, where so long is over since the first of a span.
fn spans(mut rest: &[(i64, bool)], span_ms: i64) -> impl Iterator<Item = &[(i64, bool)]> {
    std::iter::from_fn(move || {
        let (start, _) = rest.first()?;
        let end = start.saturating_add(span_ms);
        let until = rest.partition_point(|(at_ms, _)| *at_ms < end).max(1);
        let (one, later) = rest.split_at(until);
        rest = later;
        Some(one)
    })
}

/// `e^-evidence` bounds the chance of as much or more (Chernoff); the best of several tests has as many times
/// that chance.
fn tested(evidence: f64, tests: f64) -> f64 {
    tests * (-evidence).exp()
}

/// How often at most so many of `all` happen, each with the chance `share`: the binomial distribution, whose
/// terms are made one from the other.
fn at_most(seen: u32, all: u32, share: f64) -> f64 {
    let odds = (share / (1.0 - share)).ln();
    let mut term = f64::from(all) * (1.0 - share).ln();
    let mut sum = term.exp();
    for hits in 0..seen.min(all) {
        let hits = f64::from(hits);
        term += odds + ((f64::from(all) - hits) / (hits + 1.0)).ln();
        sum += term.exp();
    }
    sum
}

/// The quality of what is supported.
struct Usual<'a> {
    quality: Measured<'a>,
    /// Of the board's support, the quality that [`LOW_SHARE`] doesn't reach.
    limit: f64,
}

impl<'a> Usual<'a> {
    /// Without the support of groups for themselves: a large ring is no measure of what is usual.
    fn of(board: &Board, quality: Measured<'a>, groups: &[Proposal]) -> Self {
        let mut of_member: BTreeMap<MemberId, BTreeSet<usize>> = BTreeMap::new();
        for (place, group) in groups.iter().enumerate() {
            for member in &group.members {
                of_member.entry(*member).or_default().insert(place);
            }
        }
        let own = |vote: &Vote| {
            let author = board.post(vote.post).author;
            let both = of_member.get(&vote.member).zip(of_member.get(&author));
            both.is_some_and(|(voter, author)| !voter.is_disjoint(author))
        };
        let mut support: BTreeMap<PostId, usize> = BTreeMap::new();
        let votes = board.votes().iter();
        for vote in votes.filter(|v| v.stance == Stance::Up && !own(v)) {
            *support.entry(vote.post).or_default() += 1;
        }
        let of_post = |(post, votes): (&PostId, &usize)| (quality(board, *post).get(), *votes);
        let mut of_posts: Vec<(f64, usize)> = support.iter().map(of_post).collect();
        of_posts.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let all: usize = support.values().sum();
        let (mut below, mut limit) = (0.0, 0.0);
        for (quality, votes) in of_posts {
            limit = quality;
            below += votes as f64;
            if below >= LOW_SHARE * all as f64 {
                break;
            }
        }
        Self { quality, limit }
    }

    /// What a member supports within a group, beside what it supports elsewhere; in doubt the board's measure
    /// or the member's own, whichever calls less low.
    fn low(&self, board: &Board, member: MemberId, inside: &BTreeSet<MemberId>) -> Option<Low> {
        let mut own: BTreeMap<MemberId, Vec<f64>> = BTreeMap::new();
        let mut elsewhere = Vec::new();
        for vote in board.votes_of(member).filter(|v| v.stance == Stance::Up) {
            let quality = (self.quality)(board, vote.post).get();
            let author = board.post(vote.post).author;
            if inside.contains(&author) {
                own.entry(author).or_default().push(quality);
            } else {
                elsewhere.push(quality);
            }
        }
        elsewhere.sort_unstable_by(f64::total_cmp);
        let place = (LOW_SHARE * elsewhere.len() as f64) as usize;
        let own_limit = elsewhere
            .get(place)
            .filter(|_| elsewhere.len() >= ENOUGH_ELSEWHERE);
        let limit = own_limit.map_or(self.limit, |own| own.min(self.limit));
        let mut found = Low {
            votes: 0,
            low: 0,
            authors: own.len() as u32,
            hits: 0.0,
            limit,
        };
        for qualities in own.values() {
            let low = qualities.iter().filter(|quality| **quality < limit).count();
            found.votes += qualities.len() as u32;
            found.low += low as u32;
            found.hits += low as f64 / qualities.len() as f64;
        }
        (!own.is_empty()).then_some(found)
    }
}

impl Low {
    fn strength(&self, looked_at: usize) -> Strength {
        let authors = f64::from(self.authors);
        let evidence = weighted_binomial(self.hits, authors, LOW_SHARE);
        Strength::of(
            (self.hits / authors - LOW_SHARE) / (1.0 - LOW_SHARE),
            tested(evidence, looked_at as f64),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binomial_distribution_by_hand() {
        assert!((at_most(0, 10, 0.05) - 0.95_f64.powi(10)).abs() < 1e-12);
        let one = 0.95_f64.powi(10) + 10.0 * 0.05 * 0.95_f64.powi(9);
        assert!((at_most(1, 10, 0.05) - one).abs() < 1e-12);
        assert!((at_most(10, 10, 0.3) - 1.0).abs() < 1e-9);
        assert!((at_most(0, 0, 0.3) - 1.0).abs() < 1e-12);
        assert!(at_most(0, 100_000, 0.05) < 1e-300);
    }

    #[test]
    fn who_never_votes_against_anything_is_of_no_mind_and_who_spares_the_group_is_of_one() {
        let dissent = Dissent {
            votes: 100,
            against: 0,
            expected: 36.0,
        };
        let of = |habit| Agreement::of(dissent, Some(habit));
        let unknown = Agreement::of(dissent, None);
        assert_eq!(unknown.one_mind().p_value, unknown.p_value);
        assert_eq!(of(0.0).one_mind().p_value, PValue::ONE);
        assert!(of(0.0).p_value < PValue::known(0.01));
        // One in a hundred friends' votes, where they dissent elsewhere in six of a hundred.
        let seldom = of(0.06).one_mind().p_value.get();
        assert!((seldom - 0.99_f64.powi(100)).abs() < 1e-9, "{seldom}");
        assert_eq!(of(0.3).one_mind().p_value, of(0.3).p_value);
    }

    #[test]
    fn strengths_that_are_no_numbers_are_none() {
        let none = Strength::of(f64::NAN, f64::NAN);
        assert_eq!((none.score, none.p_value), (Score::ZERO, PValue::ONE));
        let cut = Strength::of(-3.0, 17.0);
        assert_eq!((cut.score, cut.p_value), (Score::ZERO, PValue::ONE));
    }
}
