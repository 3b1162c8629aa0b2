//! A case: what stands behind a flag, so that a person can check it. Which members, which posts, which
//! minutes, what chance alone would give, and which innocent explanations were considered, each with its
//! figure.
//!
//! It must never say more than the votes do: it knows pseudonyms, and no purpose.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use serde::Serialize;

use super::innocent::{Everybody, Innocent, Reading, considered};
use super::measures::{OfBoard, OfMember};
use crate::judge::{Evidence, Verdict, judge_by};
use crate::policy::inputs::{ActiveMembers, TooFewActive};
use crate::signals::chance::Chance;
use crate::signals::dissent::{Dissent, dissent};
use crate::signals::support::Supports;
use crate::signals::together::{Together, together};
use crate::signals::twins::{Matched, Voters, poisson};
use crate::votes::{Board, MemberId, PostId, Stance, Vote};
use crate::words::{self, counted, expected};

/// Pairs that a case tells, the strongest.
pub const PAIRS: usize = 20;
/// Posts that a case tells, those with the most votes of the group.
pub const POSTS: usize = 60;
/// Moments that a case tells, those with the most votes.
pub const MOMENTS: usize = 40;
/// Votes of others on a post that are kept for its picture.
const OTHERS: usize = 120;

/// A board, and what chance would give on it: what every case of a board is drawn up from.
#[derive(Debug)]
pub struct Ground<'a> {
    /// Its votes.
    pub board: &'a Board,
    /// What chance alone would give.
    pub chance: Chance,
    /// Who supports whom.
    pub supports: Supports,
    voters: OnceCell<Voters>,
    matched: RefCell<BTreeMap<Vec<MemberId>, Rc<[Matched]>>>,
    everybody: OnceCell<Everybody>,
}

impl<'a> Ground<'a> {
    /// Judges a board.
    ///
    /// # Errors
    /// [`TooFewActive`] members.
    pub(super) fn judged(board: &'a Board) -> Result<(Self, Verdict), TooFewActive> {
        let enough = ActiveMembers::of(board)?;
        let ground = Self::of(board);
        let verdict = judge_by(enough, board, &ground.chance, &ground.supports);
        Ok((ground, verdict))
    }

    /// Fits chance to a board.
    pub fn of(board: &'a Board) -> Self {
        let chance = Chance::of_upvotes(board);
        let supports = Supports::of(board, &chance);
        Self {
            board,
            chance,
            supports,
            voters: OnceCell::new(),
            matched: RefCell::default(),
            everybody: OnceCell::new(),
        }
    }

    /// A group beside people of the same taste, its members ascending: measured when somebody asks, and once.
    pub(super) fn matched(&self, members: impl Iterator<Item = MemberId>) -> Rc<[Matched]> {
        let mut group: Vec<MemberId> = members.collect();
        group.sort_unstable();
        if let Some(known) = self.matched.borrow().get(&group) {
            return Rc::clone(known);
        }
        let voters = self.voters.get_or_init(|| Voters::of(self.board));
        let matched: Rc<[Matched]> = voters.matched(self.board, &group).into();
        self.matched.borrow_mut().insert(group, Rc::clone(&matched));
        matched
    }

    /// What is asked of everybody on the board.
    pub(super) fn everybody(&self) -> &Everybody {
        self.everybody.get_or_init(|| Everybody::of(self.board))
    }

    /// How often one voted for the other's posts.
    pub fn votes(&self, from: MemberId, to: MemberId) -> u32 {
        self.supports.between(from, to).map_or(0, |s| s.votes)
    }

    /// How often it would by chance.
    pub fn by_chance(&self, from: MemberId, to: MemberId) -> f64 {
        let posts = self.board.posts_by(to);
        posts.map(|post| self.chance.of(from, post)).sum()
    }

    /// As [`Ground::pair`], with expectations within one percent, and none where there was no vote: to find
    /// the pairs that are worth more.
    pub fn rough(&self, one: MemberId, other: MemberId) -> Pair {
        let of = |from, to| {
            let support = self.supports.between(from, to);
            support.map_or((0, 0.0), |s| (s.votes, s.expected))
        };
        let ((votes, by_chance), (back, back_by_chance)) = (of(one, other), of(other, one));
        Pair {
            one,
            other,
            votes,
            by_chance,
            back,
            back_by_chance,
        }
    }

    /// Two members' votes for each other's posts.
    pub fn pair(&self, one: MemberId, other: MemberId) -> Pair {
        Pair {
            one,
            other,
            votes: self.votes(one, other),
            by_chance: self.by_chance(one, other),
            back: self.votes(other, one),
            back_by_chance: self.by_chance(other, one),
        }
    }
}

/// Two members' votes for each other's posts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The one.
    pub one: MemberId,
    /// The other.
    pub other: MemberId,
    /// The one's votes for the other's posts.
    pub votes: u32,
    /// By chance.
    pub by_chance: f64,
    /// The other's votes for the one's posts.
    pub back: u32,
    /// By chance.
    pub back_by_chance: f64,
}

impl Pair {
    /// Evidence beyond chance, both ways, in nats.
    pub fn evidence(&self) -> f64 {
        let of = |votes: u32, by_chance: f64| {
            poisson(f64::from(votes), by_chance.max(crate::scan::LEAST_EXPECTED))
        };
        of(self.votes, self.by_chance) + of(self.back, self.back_by_chance)
    }
}

/// What stands behind a flag.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// The number of its community, as in the report.
    pub community: usize,
    /// The board's name.
    pub conv: String,
    /// What was found, in a few sentences.
    pub summary: Vec<String>,
    /// How many boards would have such a group, [`words::IF_CHANCE`], one at most; none for a group that time
    /// proposed.
    pub p_value: Option<f64>,
    /// Who, those who add most first.
    pub members: Vec<CaseMember>,
    /// Who voted for whose posts beyond chance, the strongest first.
    pub pairs: Vec<CasePair>,
    /// Such pairs that aren't told.
    pub pairs_left_out: usize,
    /// The group's posts that others of the group voted for, those with the most such votes first.
    pub posts: Vec<CasePost>,
    /// Such posts that aren't told.
    pub posts_left_out: usize,
    /// Votes count as at the same moment within so many milliseconds of the next.
    pub moment_ms: i64,
    /// Moments at which two or more of the group voted for the same of its posts, the fullest first.
    pub moments: Vec<Moment>,
    /// Such moments that aren't told.
    pub moments_left_out: usize,
    /// Innocent explanations, and whether they fit.
    pub innocent: Vec<Innocent>,
}

/// A member of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseMember {
    /// `board/pseudonym`.
    pub id: String,
    /// The pseudonym.
    pub voter: String,
    /// As in the list of voters.
    pub score: f64,
    /// Likewise.
    pub flag: bool,
    /// Posts it wrote.
    pub posts: usize,
    /// Votes for the others' posts.
    pub given: u32,
    /// By chance.
    pub given_by_chance: f64,
    /// The others' votes for its posts.
    pub got: u32,
    /// By chance.
    pub got_by_chance: f64,
    /// Votes on the group's posts on which others of the group voted too.
    pub shared: u32,
    /// Of these, within [`Case::moment_ms`] after another's.
    pub together: u32,
    /// By its own habit on other posts.
    pub together_by_habit: f64,
    /// What else is measured of it, and counted nowhere.
    pub measures: Option<OfMember>,
}

/// Two members of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CasePair {
    /// The one.
    pub one: String,
    /// The other.
    pub other: String,
    /// The one's votes for the other's posts.
    pub votes: u32,
    /// By chance.
    pub by_chance: f64,
    /// The other's votes for the one's posts.
    pub back: u32,
    /// By chance.
    pub back_by_chance: f64,
}

/// A post of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CasePost {
    /// Its name.
    pub post: String,
    /// Who wrote it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The same in UTC.
    pub at: String,
    /// Votes for it by anybody.
    pub votes: usize,
    /// How many of the group would vote for it by chance.
    pub by_chance: f64,
    /// The group's votes for it, in the order of time.
    pub group: Vec<CaseVote>,
    /// When others voted for it, in milliseconds after it was made: for the picture.
    #[serde(skip)]
    pub others_after_ms: Vec<i64>,
}

/// A vote of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CaseVote {
    /// Whose.
    pub voter: String,
    /// When, in UTC.
    pub at: String,
    /// Milliseconds after the post was made.
    pub after_ms: i64,
}

/// Votes of a group at one moment on one post.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// On which post.
    pub post: String,
    /// The first vote, in UTC.
    pub from: String,
    /// The first vote, in milliseconds since 1970.
    pub from_ms: i64,
    /// From the first to the last.
    pub lasted_ms: i64,
    /// Whose votes, in their order.
    pub voters: Vec<String>,
}

/// Whom a case is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The number of its community.
    pub community: usize,
    /// Its members.
    pub members: &'a [MemberId],
    /// How often chance alone would give such a group, if the scan found it.
    pub p_value: Option<f64>,
    /// What the judge found, by member.
    pub evidence: &'a [Evidence],
    /// Who is flagged, by member.
    pub flags: &'a [bool],
    /// The board's other measures, if they are to be shown.
    pub measured: Option<&'a OfBoard>,
}

impl Case {
    /// Draws up a case.
    pub fn of(ground: &Ground<'_>, about: &About<'_>) -> Self {
        let board = ground.board;
        let timed = together(board, about.members);
        let (dissent, _) = dissent(board, about.members);
        let moment_ms = timed.first().map_or(60_000, |t| t.window_ms);
        let group: HashSet<MemberId> = about.members.iter().copied().collect();
        let (posts, posts_left_out) = posts(ground, about.members, &group);
        let (moments, moments_left_out) = moments(board, about.members, &group, moment_ms);
        let (pairs, pairs_left_out) = pairs(ground, about.members);
        let members = about
            .members
            .iter()
            .map(|member| case_member(ground, about, *member, &timed))
            .collect();
        let mut case = Self {
            community: about.community,
            conv: board.name().to_owned(),
            summary: Vec::new(),
            p_value: about.p_value,
            members,
            pairs,
            pairs_left_out,
            posts,
            posts_left_out,
            moment_ms,
            moments,
            moments_left_out,
            innocent: considered(ground, about.members, &timed, &dissent),
        };
        case.summary = case.sum_up(&dissent);
        case
    }

    /// The members who stand out, and the others, each those who add most first.
    pub fn sides(
        &self,
    ) -> (
        impl Iterator<Item = &CaseMember>,
        impl Iterator<Item = &CaseMember>,
    ) {
        let members = self.members.iter();
        (
            members.clone().filter(|m| m.flag),
            members.filter(|m| !m.flag),
        )
    }

    fn sum_up(&self, dissent: &Dissent) -> Vec<String> {
        let sum = |of: fn(&CaseMember) -> f64| self.members.iter().map(of).sum::<f64>();
        let given = sum(|m| f64::from(m.given)) as u64;
        let by_chance = sum(|m| m.given_by_chance);
        let (shared, close) = (
            sum(|m| f64::from(m.shared)) as u64,
            sum(|m| f64::from(m.together)) as u64,
        );
        let mut says = vec![format!(
            "{} gave each other's posts {}; chance alone would give {}.",
            counted(self.members.len() as u64, "member"),
            counted(given, "vote"),
            expected(by_chance)
        )];
        if let Some(p_value) = self.p_value {
            says.push(format!(
                "{} would have a group like this {}. {}",
                words::capital(&words::rarity(p_value)),
                words::IF_CHANCE,
                words::NO_GUILT
            ));
        }
        if dissent.votes > 0 {
            says.push(format!(
                "Of {} on each other's posts, {} against or neither; others on the same posts would give {}.",
                counted(u64::from(dissent.votes), "vote"),
                match dissent.against {
                    0 => "none was".to_owned(),
                    1 => "1 was".to_owned(),
                    n => format!("{n} were"),
                },
                expected(dissent.expected)
            ));
        }
        if shared > 0 {
            says.push(format!(
                "{} of {} on the group's posts on which others of it voted too came within {} after another's; by the members' \
                 own habits and everybody else's pace it would be {}.",
                words::grouped(close),
                counted(shared, "vote"),
                words::span(self.moment_ms),
                expected(sum(|m| m.together_by_habit))
            ));
        } else {
            says.push(
                "No two of them voted for the same post of the group, so times say nothing.".into(),
            );
        }
        says.push(self.what_fits());
        says
    }

    /// Which innocent explanations fit.
    /// Which innocent explanations fit, in a sentence or two.
    pub fn what_fits(&self) -> String {
        let named = |reading| {
            let fits = self.innocent.iter().filter(move |i| i.reading == reading);
            let names: Vec<&str> = fits.map(|i| i.what).collect();
            names.join("; ")
        };
        let (whole, part) = (named(Reading::Fits), named(Reading::FitsInPart));
        let mut says = match (whole.is_empty(), part.is_empty()) {
            (true, true) => format!(
                "None of the {} innocent explanations that were considered fits. There are others, so ask the members.",
                self.innocent.len()
            ),
            (false, true) => format!("Innocent explanations that fit: {whole}."),
            (true, false) => format!("Innocent explanations that fit in part: {part}."),
            (false, false) => {
                format!("Innocent explanations that fit: {whole}. In part: {part}.")
            }
        };
        let open = named(Reading::CantTell);
        if !open.is_empty() {
            says += &format!(" Can't be told from votes: {open}.");
        }
        says
    }
}

fn case_member(
    ground: &Ground<'_>,
    about: &About<'_>,
    member: MemberId,
    timed: &[Together],
) -> CaseMember {
    let board = ground.board;
    let others = || about.members.iter().filter(|other| **other != member);
    let timed = timed.iter().find(|t| t.member == member);
    CaseMember {
        id: board.id(member),
        voter: board.member_name(member).to_owned(),
        score: about.evidence.get(member.at()).map_or(0.0, Evidence::score),
        flag: about.flags.get(member.at()).copied().unwrap_or(false),
        posts: board.posts_by(member).len(),
        given: others().map(|other| ground.votes(member, *other)).sum(),
        given_by_chance: others().map(|o| ground.by_chance(member, *o)).sum(),
        got: others().map(|other| ground.votes(*other, member)).sum(),
        got_by_chance: others().map(|o| ground.by_chance(*o, member)).sum(),
        shared: timed.map_or(0, |t| t.votes),
        together: timed.map_or(0, |t| t.together),
        together_by_habit: timed.map_or(0.0, |t| t.expected * f64::from(t.votes)),
        measures: about
            .measured
            .map(|board| board.member(member, about.members)),
    }
}

fn pairs(ground: &Ground<'_>, members: &[MemberId]) -> (Vec<CasePair>, usize) {
    let mut found: Vec<Pair> = Vec::new();
    for (place, one) in members.iter().enumerate() {
        let others = members.iter().skip(place + 1);
        found.extend(others.map(|other| ground.pair(*one, *other)));
    }
    found.retain(|pair| pair.evidence() > 0.0);
    found.sort_by(|a, b| {
        let stronger = b.evidence().total_cmp(&a.evidence());
        stronger.then((a.one, a.other).cmp(&(b.one, b.other)))
    });
    let left_out = found.len().saturating_sub(PAIRS);
    let name = |member| ground.board.member_name(member).to_owned();
    let told = found.into_iter().take(PAIRS).map(|pair| CasePair {
        one: name(pair.one),
        other: name(pair.other),
        votes: pair.votes,
        by_chance: pair.by_chance,
        back: pair.back,
        back_by_chance: pair.back_by_chance,
    });
    (told.collect(), left_out)
}

/// The votes for a post, in the order of time.
fn support(board: &Board, post: PostId) -> impl Iterator<Item = &Vote> {
    let votes = board.votes_on(post);
    votes.filter(|v| v.stance == Stance::Up)
}

fn posts(
    ground: &Ground<'_>,
    members: &[MemberId],
    group: &HashSet<MemberId>,
) -> (Vec<CasePost>, usize) {
    let board = ground.board;
    let mut found: Vec<(usize, PostId)> = Vec::new();
    for post in members.iter().flat_map(|author| board.posts_by(*author)) {
        let votes = support(board, post).filter(|v| group.contains(&v.member));
        let votes = votes.count();
        if votes > 0 {
            found.push((votes, post));
        }
    }
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let left_out = found.len().saturating_sub(POSTS);
    let mut told: Vec<PostId> = found
        .into_iter()
        .take(POSTS)
        .map(|(_, post)| post)
        .collect();
    told.sort_by_key(|post| (board.post(*post).at_ms, *post));
    let tell = |post: PostId| {
        let known = board.post(post);
        let after_ms = |vote: &Vote| vote.at_ms.saturating_sub(known.at_ms);
        let inside = support(board, post).filter(|v| group.contains(&v.member));
        let outside: Vec<i64> = support(board, post)
            .filter(|v| !group.contains(&v.member))
            .map(after_ms)
            .collect();
        let step = outside.len().div_ceil(OTHERS).max(1);
        let readers = members.iter().filter(|m| **m != known.author);
        CasePost {
            post: board.post_name(post).to_owned(),
            author: board.member_name(known.author).to_owned(),
            at_ms: known.at_ms,
            at: words::utc(known.at_ms),
            votes: support(board, post).count(),
            by_chance: readers.map(|m| ground.chance.of(*m, post)).sum(),
            group: inside
                .map(|vote| CaseVote {
                    voter: board.member_name(vote.member).to_owned(),
                    at: words::utc(vote.at_ms),
                    after_ms: after_ms(vote),
                })
                .collect(),
            others_after_ms: outside.into_iter().step_by(step).collect(),
        }
    };
    (told.into_iter().map(tell).collect(), left_out)
}

fn moments(
    board: &Board,
    members: &[MemberId],
    group: &HashSet<MemberId>,
    moment_ms: i64,
) -> (Vec<Moment>, usize) {
    let mut found: Vec<Moment> = Vec::new();
    for post in members.iter().flat_map(|author| board.posts_by(*author)) {
        let votes: Vec<&Vote> = support(board, post)
            .filter(|v| group.contains(&v.member))
            .collect();
        let near = |a: &&Vote, b: &&Vote| b.at_ms.abs_diff(a.at_ms) <= moment_ms.unsigned_abs();
        for run in votes.chunk_by(near).filter(|run| run.len() >= 2) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else {
                continue;
            };
            found.push(Moment {
                post: board.post_name(post).to_owned(),
                from: words::utc(first.at_ms),
                from_ms: first.at_ms,
                lasted_ms: last.at_ms.saturating_sub(first.at_ms),
                voters: run
                    .iter()
                    .map(|vote| board.member_name(vote.member).to_owned())
                    .collect(),
            });
        }
    }
    found.sort_by(|a, b| {
        let fuller = b.voters.len().cmp(&a.voters.len());
        fuller.then_with(|| (a.from_ms, &a.post).cmp(&(b.from_ms, &b.post)))
    });
    let left_out = found.len().saturating_sub(MOMENTS);
    found.truncate(MOMENTS);
    (found, left_out)
}
