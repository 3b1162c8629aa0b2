//! Large boards to measure speed on. They are no model of people (`simulate` has those): they have what
//! costs time, which is heavy tails of activity and popularity, communities, and rings.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tacit_detection::votes::{Row, Stance};

/// Votes for each member, on average.
const VOTES_EACH: usize = 10;
/// Votes on each post, on average.
const VOTES_ON_EACH: usize = 20;
/// The first post's time: Monday, 5 January 2026, 00:00 UTC.
pub const START_MS: i64 = 1_767_571_200_000;
pub const DAY_MS: i64 = 86_400_000;
/// A ring for so many votes, of so many members, who write so many posts each.
const RING_EVERY: usize = 50_000;
const RING: u32 = 12;
const RING_POSTS: u32 = 4;

/// How votes are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Communities of every size; members vote for their own community's posts mostly.
    Communities,
    /// Anybody for anything: no communities to be found.
    Random,
    /// 2,400 members vote on everything.
    Dense,
}

impl Shape {
    /// All of them, by name.
    pub const ALL: [(&str, Self); 3] = [
        ("communities", Self::Communities),
        ("random", Self::Random),
        ("dense", Self::Dense),
    ];
}

/// A board's votes, all of them for a post.
pub struct Made {
    posts: Vec<Post>,
    votes: Vec<(u32, u32, i64)>,
}

struct Post {
    author: u32,
    at_ms: i64,
}

/// Makes a board with so many votes over so many days.
pub fn made(shape: Shape, votes: usize, days: i64, seed: u64) -> Made {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    match shape {
        Shape::Dense => dense(votes, days, &mut rng),
        Shape::Communities => spread(votes, days, 0.8, &mut rng),
        Shape::Random => spread(votes, days, 0.0, &mut rng),
    }
}

/// Everybody votes for everything.
fn dense(votes: usize, days: i64, rng: &mut ChaCha8Rng) -> Made {
    let members = 2_400_u32.min(votes as u32 / 40);
    let posts: Vec<Post> = (0..=(votes as u32 / members))
        .map(|_| Post {
            author: rng.random_range(0..members),
            at_ms: START_MS + rng.random_range(0..days * DAY_MS),
        })
        .collect();
    let honest = posts.len() as u32;
    let mut made = Made {
        posts,
        votes: Vec::with_capacity(votes),
    };
    let count = votes / RING_EVERY;
    rings(&mut made, count, members, rng);
    for (number, post) in (0..honest).zip(&made.posts) {
        for voter in (0..members).filter(|v| *v != post.author) {
            let at_ms = post.at_ms + later(rng);
            made.votes.push((voter, number, at_ms));
        }
    }
    made.votes.truncate(votes);
    made
}

/// Members and posts with heavy tails; a share `own` of the votes goes to the voter's own community.
fn spread(votes: usize, days: i64, own: f64, rng: &mut ChaCha8Rng) -> Made {
    let members = (votes / VOTES_EACH).max(100) as u32;
    let written = (votes / VOTES_ON_EACH).max(20);
    // Communities are runs of members.
    let mut community = Vec::with_capacity(members as usize);
    let mut communities = 0_u32;
    while community.len() < members as usize {
        let size = heavy(rng, 1.2, 40.0).min(f64::from(members) / 12.0) as usize;
        let size = size.max(20).min(members as usize - community.len());
        community.extend(std::iter::repeat_n(communities, size));
        communities += 1;
    }
    // In communities one member in five writes; without them anybody does.
    let writes = Lottery::new((0..members).map(|m| {
        if own == 0.0 || m % 5 == 0 {
            heavy(rng, 1.5, 1.0).min(300.0)
        } else {
            0.0
        }
    }));
    let mut authors: Vec<u32> = (0..written).map(|_| writes.draw(rng)).collect();
    authors.sort_unstable();
    let posts: Vec<Post> = authors
        .iter()
        .map(|author| Post {
            author: *author,
            at_ms: START_MS + rng.random_range(0..days * DAY_MS),
        })
        .collect();
    let appeal = Lottery::new(posts.iter().map(|_| heavy(rng, 1.5, 1.0).min(500.0)));
    // Each community's posts are a run too.
    let mut runs: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for (number, author) in authors.iter().enumerate() {
        let of = community[*author as usize];
        runs.entry(of).or_insert((number, number)).1 = number + 1;
    }
    let mut made = Made {
        posts,
        votes: Vec::with_capacity(votes),
    };
    // The last voter that each post was given to: nobody votes for it twice.
    let mut given_to = vec![u32::MAX; made.posts.len()];
    rings(&mut made, votes / RING_EVERY, members, rng);
    let given = shares(members, votes - made.votes.len(), rng);
    for ((voter, count), of) in (0..).zip(given).zip(&community) {
        let home = runs.get(of);
        let (mut left, mut tries) = (count, 50 * count + 50);
        while left > 0 && tries > 0 {
            tries -= 1;
            let post = match home.filter(|_| rng.random_bool(own)) {
                Some((from, to)) => appeal.draw_within(rng, *from, *to),
                None => appeal.draw(rng),
            };
            let Post { author, at_ms } = made.posts[post as usize];
            if author != voter && given_to[post as usize] != voter {
                given_to[post as usize] = voter;
                made.votes.push((voter, post, at_ms + later(rng)));
                left -= 1;
            }
        }
    }
    made.votes
        .sort_unstable_by_key(|(voter, post, at_ms)| (*at_ms, *voter, *post));
    made
}

/// Rings of members with posts of their own, who vote for 40 % of them within ten minutes.
fn rings(made: &mut Made, count: usize, members: u32, rng: &mut ChaCha8Rng) {
    let posts = made.posts.len();
    for _ in 0..count {
        let ring: BTreeSet<u32> = (0..RING).map(|_| rng.random_range(0..members)).collect();
        for author in &ring {
            for _ in 0..RING_POSTS {
                let at_ms = made.posts[rng.random_range(0..posts)].at_ms;
                let post = made.posts.len() as u32;
                made.posts.push(Post {
                    author: *author,
                    at_ms,
                });
                let at_ms = at_ms + rng.random_range(0..DAY_MS);
                for voter in ring.iter().filter(|v| *v != author) {
                    if rng.random_bool(0.4) {
                        let at_ms = at_ms + rng.random_range(0..600_000);
                        made.votes.push((*voter, post, at_ms));
                    }
                }
            }
        }
    }
}

/// How many votes each member gives: with a heavy tail, and so many in all.
fn shares(members: u32, votes: usize, rng: &mut ChaCha8Rng) -> Vec<u32> {
    let active: Vec<f64> = (0..members)
        .map(|_| heavy(rng, 1.7, 1.0).min(1_000.0))
        .collect();
    let each = votes as f64 / active.iter().sum::<f64>();
    let (mut sum, mut before) = (0.0, 0.0);
    let shares = active.iter().map(|active| {
        sum += active * each;
        let share = (sum.round() - before) as u32;
        before = sum.round();
        share
    });
    shares.collect()
}

/// How long after a post a vote comes, in milliseconds: within a day mostly.
fn later(rng: &mut ChaCha8Rng) -> i64 {
    (-(1.0 - rng.random::<f64>()).ln() * 0.5 * DAY_MS as f64) as i64
}

/// From the Pareto distribution.
fn heavy(rng: &mut ChaCha8Rng, tail: f64, least: f64) -> f64 {
    least * (1.0 - rng.random::<f64>()).powf(-1.0 / tail)
}

/// Draws by weight.
struct Lottery {
    sums: Vec<f64>,
    /// For each equal part of the whole, where it begins (Chen and Asau: "On generating random variates from an
    /// empirical distribution", AIIE Transactions 6, 1974).
    guide: Vec<u32>,
}

impl Lottery {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let sums = weights.map(|w| {
            sum += w;
            sum
        });
        let sums: Vec<f64> = sums.collect();
        let (parts, mut place) = (sums.len(), 0);
        let guide = (0..parts).map(|part| {
            let from = sum * part as f64 / parts as f64;
            while place + 1 < parts && sums[place] <= from {
                place += 1;
            }
            place as u32
        });
        let guide = guide.collect();
        Self { sums, guide }
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        let all = self.sums.last().copied().unwrap_or(0.0);
        let lot = rng.random::<f64>();
        let part = (lot * self.guide.len() as f64) as usize;
        let mut place = self.guide[part.min(self.guide.len() - 1)] as usize;
        while place + 1 < self.sums.len() && self.sums[place] <= lot * all {
            place += 1;
        }
        place as u32
    }

    fn draw_within(&self, rng: &mut ChaCha8Rng, from: usize, to: usize) -> u32 {
        let below = if from == 0 { 0.0 } else { self.sums[from - 1] };
        let lot = below + rng.random::<f64>() * (self.sums[to - 1] - below);
        let place = self.sums[from..to].partition_point(|sum| *sum <= lot);
        (from + place).min(to - 1) as u32
    }
}

impl Made {
    /// Every vote as a row of a table.
    pub fn rows(&self, mut each: impl FnMut(Row<'_>)) {
        for (voter, post, vote_ms) in &self.votes {
            let Post { author, at_ms } = self.posts[*post as usize];
            each(Row {
                board: "board",
                vote_ms: *vote_ms,
                voter: &format!("m{voter}"),
                post: &format!("p{post}"),
                author: &format!("m{author}"),
                post_ms: at_ms,
                stance: Stance::Up,
            });
        }
    }

    /// Writes the table that `tacit audit` reads.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(b"conv,vote_ms,voter,post,author,post_ms,vote\n")?;
        let mut line = Vec::with_capacity(96);
        for (voter, post, at_ms) in &self.votes {
            let Post {
                author,
                at_ms: post_ms,
            } = self.posts[*post as usize];
            line.clear();
            for (before, number) in [
                (&b"board,"[..], *at_ms),
                (b",m", i64::from(*voter)),
                (b",p", i64::from(*post)),
                (b",m", i64::from(author)),
                (b",", post_ms),
            ] {
                line.extend(before);
                put(&mut line, number.unsigned_abs());
            }
            line.extend(b",1\n");
            to.write_all(&line)?;
        }
        to.flush()
    }
}

/// Writes a number in digits: ten million rows have fifty million.
fn put(line: &mut Vec<u8>, mut number: u64) {
    let from = line.len();
    loop {
        line.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line[from..].reverse();
}
