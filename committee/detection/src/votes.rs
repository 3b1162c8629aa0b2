//! Votes, cleaned and indexed: who voted on which post, when and how.
//!
//! A board is a conversation, a topic or a place whose members meet; what happens on one says nothing of
//! another, so each has its own members and is judged on its own. Members and posts are dense numbers here,
//! in the order of their first appearance in time, and the names stay in one place.
//!
//! Only votes that count make a board: its posts are those with such a vote, and its members those who cast
//! one or wrote one of those posts. Rows that don't count must change nothing, or whoever can add rows could
//! thin out a ring among members who never did anything.

mod build;
mod dispute;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use build::Names;
pub use build::{Builder, Differing, Disputed, Omitted, TOLD_POSTS, TOLD_VOTERS};

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
    /// The post stands in the table under two authors or at two times, and none of its rows can be believed.
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
    upvotes: usize,
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

    /// How many cast a vote that counts, or wrote a post with one.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// How many posts have a vote that counts.
    pub fn posts(&self) -> usize {
        self.posts.len()
    }

    /// Every vote that counts, in the order of time.
    pub fn votes(&self) -> &[Vote] {
        &self.votes
    }

    /// How many of the votes are in support.
    pub fn upvotes(&self) -> usize {
        self.upvotes
    }

    /// A member's pseudonym, as in the file.
    pub fn member_name(&self, member: MemberId) -> &str {
        &self.members[member.at()]
    }

    /// A member's name among those of all boards: `board/pseudonym`, each [`escaped`], so that no two members
    /// have the same and none can pass for a list of others.
    pub fn id(&self, member: MemberId) -> String {
        format!(
            "{}/{}",
            escaped(&self.name),
            escaped(self.member_name(member))
        )
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

    /// The board that only the votes of a span of time make; the end is no part of it.
    pub fn within(&self, span: Range<i64>) -> Self {
        let place = |at_ms: i64| self.votes.partition_point(|v| v.at_ms < at_ms);
        let votes = self.votes.get(place(span.start)..place(span.end));
        Self::of(self, votes.unwrap_or_default())
    }

    /// The board that only the votes of some of its members make.
    pub fn of_voters(&self, is_one: impl Fn(MemberId) -> bool) -> Self {
        let votes = self.votes.iter().filter(|v| is_one(v.member)).copied();
        Self::of(self, &votes.collect::<Vec<Vote>>())
    }

    /// Members with a vote that counts.
    pub fn active(&self) -> usize {
        let members = 0..self.members.len();
        members
            .filter(|m| !self.by_member.of(*m).is_empty())
            .count()
    }
}

/// A name with `/`, `%`, commas, quotation marks, blanks, control characters and characters that nobody sees
/// written as in URIs: `%` and two hexadecimal digits for each byte of UTF-8.
pub fn escaped(name: &str) -> Cow<'_, str> {
    let plain = |c: char| {
        let unseen = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}');
        // What would part names of a list, or seem to.
        let parts = matches!(
            c,
            ',' | ';' | '"' | '\'' | '`' | '\u{ab}' | '\u{bb}' | '\u{60c}' | '\u{2018}'
                ..='\u{201f}' | '\u{3001}' | '\u{ff0c}'
        );
        !(c.is_whitespace() || c.is_control() || unseen || parts || matches!(c, '/' | '%'))
    };
    if name.chars().all(plain) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 8);
    for c in name.chars() {
        if plain(c) {
            text.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    Cow::Owned(text)
}

/// Boards, in the order of their names: of their numbers, if all names are numbers.
#[derive(Debug, Clone, Default)]
pub struct Votes {
    boards: Vec<Board>,
}

impl Votes {
    /// All boards.
    pub fn boards(&self) -> &[Board] {
        &self.boards
    }

    /// All boards, to keep.
    pub fn into_boards(self) -> Vec<Board> {
        self.boards
    }
}
