//! Makes boards of rows, and leaves out the rows that don't count.
//!
//! What is left out must not depend on the order of rows, so nothing but a row's date is judged before all
//! have come.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::{Board, Index, LeftOut, MemberId, Post, PostId, Row, Vote, Votes};

/// Disputed posts that are told by name; of the others only the number.
pub const TOLD_POSTS: usize = 20;

/// Takes rows and makes boards of them.
#[derive(Debug, Default)]
pub struct Builder {
    boards: Vec<Draft>,
    names: HashMap<Box<str>, usize>,
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
    /// By post: as its rows have it; `None` if they don't agree.
    known: Vec<Option<Post>>,
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
        let post = PostId(draft.posts.number(row.post));
        let claimed = Post {
            author: MemberId(draft.members.number(row.author)),
            at_ms: row.post_ms,
        };
        match draft.known.get_mut(post.at()) {
            Some(known) => *known = known.filter(|known| *known == claimed),
            None => draft.known.push(Some(claimed)),
        }
        draft.votes.push(Vote {
            at_ms: row.vote_ms,
            member: MemberId(draft.members.number(row.voter)),
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
        let names = self.posts.list.iter().zip(&self.known);
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

        let (mut votes, known) = (self.votes, self.known);
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

        let post_of = |vote: &Vote| known.get(vote.post.at()).copied().flatten();
        let on: Vec<(&Vote, Post)> = votes
            .iter()
            .filter_map(|v| Some((v, post_of(v)?)))
            .collect();
        let members = InTime::of(self.members.list, {
            let wrote = on.iter().map(|(_, post)| (post.author.0, post.at_ms));
            wrote.chain(on.iter().map(|(vote, _)| (vote.member.0, vote.at_ms)))
        });
        let posts = InTime::of(
            self.posts.list,
            on.iter().map(|(vote, post)| (vote.post.0, post.at_ms)),
        );
        drop(on);
        let of_board = posts.old.iter().filter_map(|old| {
            let post = known.get(*old as usize).copied().flatten()?;
            Some(Post {
                author: MemberId(members.number(post.author.0)),
                at_ms: post.at_ms,
            })
        });
        let of_board: Vec<Post> = of_board.collect();
        for vote in &mut votes {
            vote.member = MemberId(members.number(vote.member.0));
            vote.post = PostId(posts.number(vote.post.0));
        }
        votes.sort_unstable_by_key(|v| (v.at_ms, v.member, v.post));
        let (count, written) = (members.names.len(), posts.names.len());
        Board {
            by_member: Index::new(count, votes.iter().map(|v| v.member.0)),
            by_post: Index::new(written, votes.iter().map(|v| v.post.0)),
            by_author: Index::new(count, of_board.iter().map(|p| p.author.0)),
            name: self.name,
            members: members.names,
            posts: of_board,
            post_names: posts.names,
            votes,
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
    /// By the old number; nothing that is asked for, if it wasn't seen.
    new: Vec<u32>,
    /// By the new number.
    old: Vec<u32>,
    names: Vec<Box<str>>,
}

impl InTime {
    fn of(mut names: Vec<Box<str>>, seen: impl Iterator<Item = (u32, i64)>) -> Self {
        let mut first: Vec<Option<i64>> = vec![None; names.len()];
        for (number, at_ms) in seen {
            let first = &mut first[number as usize];
            *first = Some(first.map_or(at_ms, |first| first.min(at_ms)));
        }
        let mut old: Vec<u32> = (0..names.len() as u32)
            .filter(|n| first[*n as usize].is_some())
            .collect();
        old.sort_unstable_by_key(|n| (first[*n as usize], &names[*n as usize]));
        let mut new = vec![u32::MAX; names.len()];
        for (number, old) in (0..).zip(&old) {
            new[*old as usize] = number;
        }
        let taken = old.iter().map(|n| std::mem::take(&mut names[*n as usize]));
        let names = taken.collect();
        Self { new, old, names }
    }

    fn number(&self, old: u32) -> u32 {
        self.new[old as usize]
    }
}
