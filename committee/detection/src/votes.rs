//! Votes, cleaned and indexed: who voted on which post, when and how.
//!
//! A board is a conversation, a topic or a place whose members meet; what happens on one says nothing of
//! another, so each has its own members and is judged on its own. Members and posts are dense numbers here,
//! in the order of their first appearance in time, and the names stay in one place.

use std::collections::HashMap;

/// A member of a board: its place in [`Board::members`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u32);

/// A post of a board: its place in [`Board::posts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId(pub u32);

impl MemberId {
    /// As a place in a list by member.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

impl PostId {
    /// As a place in a list by post.
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// What a vote says, in the order from support to its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stance {
    /// Support.
    Up,
    /// Seen, and neither.
    Pass,
    /// Against.
    Down,
}

/// One member's last vote on one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
    /// Whose.
    pub member: MemberId,
    /// On what.
    pub post: PostId,
    /// How.
    pub stance: Stance,
}

/// What is known of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Post {
    /// Who wrote it.
    pub author: MemberId,
    /// Milliseconds since 1970, UTC.
    pub at_ms: i64,
}

/// One row before cleaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The board's name.
    pub board: &'a str,
    /// Milliseconds since 1970, UTC.
    pub vote_ms: i64,
    /// The voter's pseudonym.
    pub voter: &'a str,
    /// The post's name.
    pub post: &'a str,
    /// The author's pseudonym.
    pub author: &'a str,
    /// Milliseconds since 1970, UTC.
    pub post_ms: i64,
    /// How.
    pub stance: Stance,
}

/// Why a row that could be read doesn't count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// Members don't support themselves.
    OwnPost,
    /// The same member voted on the same post again; the last vote counts.
    VotedAgain,
    /// The vote is dated before its post.
    BeforePost,
    /// The vote, or its post, is dated after the time of reading.
    Future,
    /// The post stood in an earlier row under another author or another time.
    OtherPost,
}

/// A board's votes. Votes are in the order of time, then member, then post.
#[derive(Debug, Clone)]
pub struct Board {
    name: Box<str>,
    members: Vec<Box<str>>,
    posts: Vec<Post>,
    post_names: Vec<Box<str>>,
    votes: Vec<Vote>,
    by_member: Index,
    by_post: Index,
    by_author: Index,
}

/// For each key, the places of its items: `items[starts[key]..starts[key + 1]]`.
#[derive(Debug, Clone)]
struct Index {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Index {
    /// By counting: linear, and items of one key keep their order.
    fn new(keys: usize, of: impl Iterator<Item = u32> + Clone) -> Self {
        let mut starts = vec![0_u32; keys + 1];
        let mut count = 0_usize;
        for key in of.clone() {
            starts[key as usize + 1] += 1;
            count += 1;
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let mut next = starts.clone();
        let mut items = vec![0_u32; count];
        for (item, key) in of.enumerate() {
            let place = &mut next[key as usize];
            items[*place as usize] = item as u32;
            *place += 1;
        }
        Self { starts, items }
    }

    fn of(&self, key: usize) -> &[u32] {
        &self.items[self.starts[key] as usize..self.starts[key + 1] as usize]
    }
}

impl Board {
    /// The board's name, as in the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many voted or wrote.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// How many posts were voted on.
    pub fn posts(&self) -> usize {
        self.posts.len()
    }

    /// Every vote that counts, in the order of time.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// A member's pseudonym, as in the file.
    pub fn member_name(&self, member: MemberId) -> &str {
        &self.members[member.at()]
    }

    /// A post's name, as in the file.
    pub fn post_name(&self, post: PostId) -> &str {
        &self.post_names[post.at()]
    }

    /// What is known of a post.
    pub fn post(&self, post: PostId) -> Post {
        self.posts[post.at()]
    }

    /// A member's votes, in the order of time.
    pub fn votes_of(&self, member: MemberId) -> impl ExactSizeIterator<Item = &Vote> + Clone {
        let votes = self.by_member.of(member.at()).iter();
        votes.map(|place| &self.votes[*place as usize])
    }

    /// The votes on a post, in the order of time.
    pub fn votes_on(&self, post: PostId) -> impl ExactSizeIterator<Item = &Vote> + Clone {
        let votes = self.by_post.of(post.at()).iter();
        votes.map(|place| &self.votes[*place as usize])
    }

    /// The posts that a member wrote.
    pub fn posts_by(&self, member: MemberId) -> impl ExactSizeIterator<Item = PostId> + Clone {
        self.by_author.of(member.at()).iter().map(|p| PostId(*p))
    }

    /// Members with a vote that counts.
    pub fn active(&self) -> usize {
        let members = 0..self.members.len();
        members
            .filter(|m| !self.by_member.of(*m).is_empty())
            .count()
    }
}

/// Boards, in the order of their names' first appearance.
#[derive(Debug, Clone, Default)]
pub struct Votes {
    boards: Vec<Board>,
}

impl Votes {
    /// All boards.
    pub fn boards(&self) -> &[Board] {
        &self.boards
    }
}

/// Takes rows and makes boards of them.
#[derive(Debug, Default)]
pub struct Builder {
    boards: Vec<Draft>,
    names: HashMap<Box<str>, usize>,
}

#[derive(Debug, Default)]
struct Draft {
    name: Box<str>,
    members: Names,
    posts: Names,
    known: Vec<Post>,
    votes: Vec<Vote>,
}

/// Names and their numbers.
#[derive(Debug, Default)]
struct Names {
    list: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.list.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }
}

impl Builder {
    /// Takes a row, if it counts.
    ///
    /// # Errors
    /// [`LeftOut`], if it doesn't. `VotedAgain` is found at the end, by [`Builder::finish`].
    pub fn push(&mut self, row: Row<'_>, now_ms: i64) -> Result<(), LeftOut> {
        if row.vote_ms > now_ms || row.post_ms > now_ms {
            return Err(LeftOut::Future);
        }
        let place = match self.names.get(row.board) {
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
        let draft = &mut self.boards[place];
        let author = MemberId(draft.members.number(row.author));
        let post = PostId(draft.posts.number(row.post));
        let known = Post {
            author,
            at_ms: row.post_ms,
        };
        match draft.known.get(post.at()) {
            Some(earlier) if *earlier != known => return Err(LeftOut::OtherPost),
            Some(_) => {}
            None => draft.known.push(known),
        }
        if row.voter == row.author {
            return Err(LeftOut::OwnPost);
        }
        if row.vote_ms < row.post_ms {
            return Err(LeftOut::BeforePost);
        }
        let member = MemberId(draft.members.number(row.voter));
        draft.votes.push(Vote {
            at_ms: row.vote_ms,
            member,
            post,
            stance: row.stance,
        });
        Ok(())
    }

    /// Makes the boards. Of several votes by one member on one post the last counts; of two in the same
    /// millisecond the one that supports less, so that the order of rows changes nothing. Gives the number of
    /// votes that others replaced.
    pub fn finish(self) -> (Votes, u64) {
        let mut again = 0;
        let boards = self.boards.into_iter().map(|draft| {
            let (board, replaced) = draft.finish();
            again += replaced;
            board
        });
        let votes = Votes {
            boards: boards.collect(),
        };
        (votes, again)
    }
}

impl Draft {
    fn finish(self) -> (Board, u64) {
        let (members, member_names) = in_time(self.members.list, {
            let wrote = self.known.iter().map(|p| (p.author.0, p.at_ms));
            wrote.chain(self.votes.iter().map(|v| (v.member.0, v.at_ms)))
        });
        let (posts, post_names) = in_time(self.posts.list, {
            let made = self.known.iter().zip(0..);
            made.map(|(post, number)| (number, post.at_ms))
        });
        let mut known = self.known.clone();
        for (post, number) in self.known.iter().zip(&posts) {
            known[*number as usize] = Post {
                author: MemberId(members[post.author.at()]),
                at_ms: post.at_ms,
            };
        }
        let mut votes = self.votes;
        for vote in &mut votes {
            vote.member = MemberId(members[vote.member.at()]);
            vote.post = PostId(posts[vote.post.at()]);
        }
        let before = votes.len();
        // Each run's last counts.
        votes.sort_unstable_by_key(|v| (v.member, v.post, v.at_ms, v.stance));
        votes.reverse();
        votes.dedup_by_key(|v| (v.member, v.post));
        votes.sort_unstable_by_key(|v| (v.at_ms, v.member, v.post));
        let replaced = (before - votes.len()) as u64;
        let (members, posts) = (member_names.len(), known.len());
        let board = Board {
            by_member: Index::new(members, votes.iter().map(|v| v.member.0)),
            by_post: Index::new(posts, votes.iter().map(|v| v.post.0)),
            by_author: Index::new(members, known.iter().map(|p| p.author.0)),
            name: self.name,
            members: member_names,
            posts: known,
            post_names,
            votes,
        };
        (board, replaced)
    }
}

/// New numbers in the order of the first time each was seen, then of the name, so that the order of rows
/// changes nothing: the new number by the old one, and the names by the new one.
fn in_time(
    names: Vec<Box<str>>,
    seen: impl Iterator<Item = (u32, i64)>,
) -> (Vec<u32>, Vec<Box<str>>) {
    let mut first = vec![i64::MAX; names.len()];
    for (number, at_ms) in seen {
        let first = &mut first[number as usize];
        *first = at_ms.min(*first);
    }
    let mut order: Vec<u32> = (0..names.len() as u32).collect();
    order.sort_unstable_by_key(|n| (first[*n as usize], &names[*n as usize]));
    let mut numbers = vec![0; names.len()];
    for (new, old) in order.iter().enumerate() {
        numbers[*old as usize] = new as u32;
    }
    let mut sorted: Vec<(u32, Box<str>)> = numbers.iter().copied().zip(names).collect();
    sorted.sort_unstable_by_key(|(number, _)| *number);
    (numbers, sorted.into_iter().map(|(_, name)| name).collect())
}
