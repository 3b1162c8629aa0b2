//! Large boards to measure speed on. They are no model of people (`simulate` has those): they have what
//! costs time, which is heavy tails of activity and popularity, communities, and rings.

use std::collections::{BTreeMap, HashSet};
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
    rings(&mut made, &mut HashSet::new(), count, members, rng);
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
    let active = Lottery::new((0..members).map(|_| heavy(rng, 1.7, 1.0).min(1_000.0)));
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
    let mut seen: HashSet<(u32, u32)> = HashSet::with_capacity(votes);
    rings(&mut made, &mut seen, votes / RING_EVERY, members, rng);
    while made.votes.len() < votes {
        let voter = active.draw(rng);
        let home = runs
            .get(&community[voter as usize])
            .filter(|_| rng.random_bool(own));
        let post = match home {
            Some((from, to)) => appeal.draw_within(rng, *from, *to),
            None => appeal.draw(rng),
        };
        let Post { author, at_ms } = made.posts[post as usize];
        if author != voter && seen.insert((voter, post)) {
            made.votes.push((voter, post, at_ms + later(rng)));
        }
    }
    made
}

/// Rings of members with posts of their own, who vote for 40 % of them within ten minutes.
fn rings(
    made: &mut Made,
    seen: &mut HashSet<(u32, u32)>,
    count: usize,
    members: u32,
    rng: &mut ChaCha8Rng,
) {
    let days = made.posts.len() as i64;
    for _ in 0..count {
        let ring: Vec<u32> = (0..RING).map(|_| rng.random_range(0..members)).collect();
        for author in &ring {
            for _ in 0..RING_POSTS {
                let like = rng.random_range(0..days) as usize;
                let at_ms = made.posts[like].at_ms;
                let post = made.posts.len() as u32;
                made.posts.push(Post {
                    author: *author,
                    at_ms,
                });
                let at_ms = at_ms + rng.random_range(0..DAY_MS);
                for voter in ring.iter().filter(|v| *v != author) {
                    if rng.random_bool(0.4) && seen.insert((*voter, post)) {
                        let at_ms = at_ms + rng.random_range(0..600_000);
                        made.votes.push((*voter, post, at_ms));
                    }
                }
            }
        }
    }
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
struct Lottery(Vec<f64>);

impl Lottery {
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let mut sum = 0.0;
        let sums = weights.map(|w| {
            sum += w;
            sum
        });
        Self(sums.collect())
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> u32 {
        self.draw_within(rng, 0, self.0.len())
    }

    fn draw_within(&self, rng: &mut ChaCha8Rng, from: usize, to: usize) -> u32 {
        let below = if from == 0 { 0.0 } else { self.0[from - 1] };
        let lot = below + rng.random::<f64>() * (self.0[to - 1] - below);
        let place = self.0[from..to].partition_point(|sum| *sum <= lot);
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
        writeln!(to, "conv,vote_ms,voter,post,author,post_ms,vote")?;
        for (voter, post, at_ms) in &self.votes {
            let Post {
                author,
                at_ms: post_ms,
            } = self.posts[*post as usize];
            writeln!(to, "board,{at_ms},m{voter},p{post},m{author},{post_ms},1")?;
        }
        to.flush()
    }
}
