//! Makes boards of rows, and leaves out the rows that don't count.
//!
//! What is left out must not depend on the order of rows, so nothing but a row's date is judged before all
//! have come.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::dispute::Claims;
use super::{Board, Index, LeftOut, MemberId, Post, PostId, Row, Stance, Vote, Votes};

/// Disputed posts that are told by name; of the others only the number.
pub const TOLD_POSTS: usize = 20;

/// Voters whose rows differ from most of their post's that are told by name; of the others only the number.
pub const TOLD_VOTERS: usize = 20;

/// Takes rows and makes boards of them.
#[derive(Debug, Default)]
pub struct Builder {
    boards: Vec<Draft>,
    names: HashMap<Box<str>, usize>,
    /// The board of the last row, which is often that of the next.
    last: usize,
    future: u64,
}

/// What doesn't count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Omitted {
    /// Rows, by reason.
    pub rows: BTreeMap<LeftOut, u64>,
    /// The first [`TOLD_POSTS`] disputed posts, in the order of boards and names.
    pub disputed: Vec<Disputed>,
    /// How many posts are disputed.
    pub disputed_posts: u64,
    /// Posts in all, of rows that are not dated in the future.
    pub posts: u64,
    /// The first [`TOLD_VOTERS`] of those under whose names the rows stand that differ from most of a disputed
    /// post's; those with the most such rows first.
    pub differing: Vec<Differing>,
    /// How many such voters there are.
    pub differing_voters: u64,
}

/// A voter with rows that claim another author or time than most rows of their post do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    /// The board's name.
    pub board: Box<str>,
    /// The voter's name.
    pub voter: Box<str>,
    /// How many such rows.
    pub rows: u64,
}

/// A post that stands in the table under two authors or at two times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// Its board's name.
    pub board: Box<str>,
    /// Its name.
    pub post: Box<str>,
}

#[derive(Debug, Default)]
struct Draft {
    name: Box<str>,
    members: Names,
    posts: Names,
    claims: Claims,
    votes: Vec<Vote>,
}

/// Names and their numbers.
#[derive(Debug, Default)]
pub(crate) struct Names {
    list: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    /// A name's number: the next one, if it is new.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The name of a number that [`Names::number`] gave.
    pub(crate) fn name(&self, number: u32) -> &str {
        &self.list[number as usize]
    }
}

impl Builder {
    /// Takes a row, unless it is dated after `now_ms`. Whether it counts is known at the end, by
    /// [`Builder::finish`].
    ///
    /// # Errors
    /// [`LeftOut::Future`], and no other.
    pub fn push(&mut self, row: Row<'_>, now_ms: i64) -> Result<(), LeftOut> {
        if row.vote_ms > now_ms || row.post_ms > now_ms {
            self.future += 1;
            return Err(LeftOut::Future);
        }
        let same = |draft: &Draft| *draft.name == *row.board;
        if !self.boards.get(self.last).is_some_and(same) {
            self.last = match self.names.get(row.board) {
                Some(place) => *place,
                None => {
                    self.boards.push(Draft {
                        name: row.board.into(),
                        ..Draft::default()
                    });
                    self.names.insert(row.board.into(), self.boards.len() - 1);
                    self.boards.len() - 1
                }
            };
        }
        let draft = &mut self.boards[self.last];
        let post = PostId(draft.posts.number(row.post));
        // Most often the author is the one that the post's first row named.
        let first = draft.claims.first(post).map(|claimed| claimed.author);
        let same = |author: &MemberId| draft.members.name(author.0) == row.author;
        let claimed = Post {
            author: match first.filter(same) {
                Some(author) => author,
                None => MemberId(draft.members.number(row.author)),
            },
            at_ms: row.post_ms,
        };
        let member = MemberId(draft.members.number(row.voter));
        draft.claims.add(post, claimed, member);
        draft.votes.push(Vote {
            at_ms: row.vote_ms,
            member,
            post,
            stance: row.stance,
        });
        Ok(())
    }

    /// Makes the boards: one for each name in a row that was taken, with members or without.
    ///
    /// No row of a disputed post counts, for nobody can say which of them lie. Of several votes by one member
    /// on one post the last counts; of two in the same millisecond the one that supports less.
    pub fn finish(self) -> (Votes, Omitted) {
        let mut omitted = Omitted::default();
        omitted.add(LeftOut::Future, self.future);
        let mut drafts = self.boards;
        let number = |name: &str| name.bytes().all(|b| b.is_ascii_digit());
        let numbers = drafts.iter().all(|draft| number(&draft.name));
        drafts.sort_unstable_by(|a, b| match numbers {
            true => by_number(&a.name, &b.name),
            false => a.name.cmp(&b.name),
        });
        let boards = drafts.into_iter().map(|draft| draft.finish(&mut omitted));
        let votes = Votes {
            boards: boards.collect(),
        };
        omitted.differing.sort_by(|a, b| {
            let more = b.rows.cmp(&a.rows);
            more.then_with(|| (&a.board, &a.voter).cmp(&(&b.board, &b.voter)))
        });
        omitted.differing_voters = omitted.differing.len() as u64;
        omitted.differing.truncate(TOLD_VOTERS);
        (votes, omitted)
    }
}

/// Of names in digits, however many, the order of the numbers.
fn by_number(a: &str, b: &str) -> Ordering {
    let (x, y) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    let numbers = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
    numbers.then_with(|| a.cmp(b))
}

impl Omitted {
    fn add(&mut self, why: LeftOut, rows: u64) {
        if rows > 0 {
            *self.rows.entry(why).or_default() += rows;
        }
    }
}

impl Draft {
    fn finish(self, omitted: &mut Omitted) -> Board {
        let known = self.claims.known();
        omitted.posts += known.len() as u64;
        let differing = self.claims.differing(&self.votes).into_iter();
        omitted
            .differing
            .extend(differing.map(|(voter, rows)| Differing {
                board: self.name.clone(),
                voter: self.members.name(voter.0).into(),
                rows,
            }));
        let names = self.posts.list.iter().zip(&known);
        let disputed = names.filter(|(_, known)| known.is_none());
        let mut disputed: Vec<&Box<str>> = disputed.map(|(name, _)| name).collect();
        disputed.sort_unstable();
        omitted.disputed_posts += disputed.len() as u64;
        let told = TOLD_POSTS.saturating_sub(omitted.disputed.len());
        let told = disputed.into_iter().take(told).map(|post| Disputed {
            board: self.name.clone(),
            post: post.clone(),
        });
        omitted.disputed.extend(told);

        let mut votes = self.votes;
        votes.retain(|vote| match why_not(vote, &known) {
            Some(why) => {
                omitted.add(why, 1);
                false
            }
            None => true,
        });
        let before = votes.len();
        // Each run's last counts.
        votes.sort_unstable_by_key(|v| (v.member, v.post, v.at_ms, v.stance));
        votes.reverse();
        votes.dedup_by_key(|v| (v.member, v.post));
        omitted.add(LeftOut::VotedAgain, (before - votes.len()) as u64);

        let known: Vec<Post> = known
            .into_iter()
            // Nobody's vote on a disputed post is left to ask.
            .map(|known| {
                known.unwrap_or(Post {
                    author: MemberId(0),
                    at_ms: 0,
                })
            })
            .collect();
        let (members, posts) = (self.members.list, self.posts.list);
        Numbered::of(&known, votes, |m| &*members[m], |p| &*posts[p]).board(self.name)
    }
}

impl Board {
    /// The board that some of a board's votes make.
    pub(super) fn of(from: &Self, votes: &[Vote]) -> Self {
        let names = (&from.members, &from.post_names);
        let numbered = Numbered::of(
            &from.posts,
            votes.to_vec(),
            |m| &*names.0[m],
            |p| &*names.1[p],
        );
        numbered.board(from.name.clone())
    }
}

/// Votes that count, at most one by a member on a post, and only the members and posts that they know, by
/// new numbers.
struct Numbered {
    members: Vec<Box<str>>,
    posts: Vec<Post>,
    post_names: Vec<Box<str>>,
    votes: Vec<Vote>,
}

impl Numbered {
    fn of<'a>(
        known: &[Post],
        mut votes: Vec<Vote>,
        member_name: impl Fn(usize) -> &'a str,
        post_name: impl Fn(usize) -> &'a str,
    ) -> Self {
        let on = |vote: &Vote| known[vote.post.at()];
        let seen = |vote: &Vote| {
            let post = on(vote);
            [(post.author.0, post.at_ms), (vote.member.0, vote.at_ms)]
        };
        let members = InTime::of(votes.iter().flat_map(seen), &member_name);
        let posts = InTime::of(votes.iter().map(|v| (v.post.0, on(v).at_ms)), &post_name);
        for vote in &mut votes {
            vote.member = MemberId(members.number(vote.member.0));
            vote.post = PostId(posts.number(vote.post.0));
        }
        votes.sort_unstable_by_key(|v| (v.at_ms, v.member, v.post));
        let post = |old: &u32| {
            let post = known[*old as usize];
            Post {
                author: MemberId(members.number(post.author.0)),
                ..post
            }
        };
        Self {
            posts: posts.old.iter().map(post).collect(),
            members: members.names(&member_name),
            post_names: posts.names(&post_name),
            votes,
        }
    }

    fn board(self, name: Box<str>) -> Board {
        let (members, posts) = (self.members.len(), self.posts.len());
        Board {
            by_member: Index::new(members, self.votes.iter().map(|v| v.member.0)),
            by_post: Index::new(posts, self.votes.iter().map(|v| v.post.0)),
            by_author: Index::new(members, self.posts.iter().map(|p| p.author.0)),
            upvotes: self.votes.iter().filter(|v| v.stance == Stance::Up).count(),
            name,
            members: self.members,
            posts: self.posts,
            post_names: self.post_names,
            votes: self.votes,
        }
    }
}

/// Why a vote doesn't count, whatever the member's other votes.
fn why_not(vote: &Vote, known: &[Option<Post>]) -> Option<LeftOut> {
    match known.get(vote.post.at()).copied().flatten() {
        None => Some(LeftOut::OtherPost),
        Some(post) if post.author == vote.member => Some(LeftOut::OwnPost),
        Some(post) if vote.at_ms < post.at_ms => Some(LeftOut::BeforePost),
        Some(_) => None,
    }
}

/// New numbers for those that are seen, in the order of the first time, then of the name, so that the order
/// of rows changes nothing.
struct InTime {
    /// By the old number; none that is asked for, if it wasn't seen.
    new: Vec<u32>,
    /// By the new number.
    old: Vec<u32>,
}

impl InTime {
    fn of<'a>(seen: impl Iterator<Item = (u32, i64)>, name: impl Fn(usize) -> &'a str) -> Self {
        let mut first: Vec<Option<i64>> = Vec::new();
        for (number, at_ms) in seen {
            let number = number as usize;
            if number >= first.len() {
                first.resize(number + 1, None);
            }
            first[number] = Some(first[number].map_or(at_ms, |first| first.min(at_ms)));
        }
        let mut old: Vec<(i64, u32)> = (0..)
            .zip(&first)
            .filter_map(|(number, first)| Some(((*first)?, number)))
            .collect();
        old.sort_unstable_by(|a, b| {
            let time = a.0.cmp(&b.0);
            time.then_with(|| name(a.1 as usize).cmp(name(b.1 as usize)))
        });
        let mut new = vec![u32::MAX; first.len()];
        for (number, (_, old)) in (0..).zip(&old) {
            new[*old as usize] = number;
        }
        let old = old.into_iter().map(|(_, number)| number).collect();
        Self { new, old }
    }

    fn number(&self, old: u32) -> u32 {
        self.new[old as usize]
    }

    fn names<'a>(&self, name: impl Fn(usize) -> &'a str) -> Vec<Box<str>> {
        self.old
            .iter()
            .map(|old| name(*old as usize).into())
            .collect()
    }
}
