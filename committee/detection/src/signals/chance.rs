//! What chance alone would give: votes spread over members and posts as if each member had only an
//! appetite and each post only an appeal.
//!
//! The bipartite configuration model (Saracco, Di Clemente, Gabrielli, Squartini: "Randomizing bipartite
//! networks: the case of the World Trade Web", Scientific Reports 5, 2015): among all distributions that
//! keep everybody's expected number of votes and every post's, the one that assumes nothing else. Member
//! `m` votes for post `p` with probability `x_m·y_p / (1 + x_m·y_p)`, for each pair alone.

use crate::votes::{Board, MemberId, PostId, Stance};

/// The fit ends when no expected count is off by more than this share of itself.
const CLOSE: f64 = 1e-6;
/// Rounds at most. What is left then is an error far below the noise of the counts themselves.
const ROUNDS: usize = 500;

/// The model, fitted to a board's upvotes.
#[derive(Debug, Clone)]
pub struct Chance {
    appetite: Vec<f64>,
    appeal: Vec<f64>,
}

impl Chance {
    /// Fits the model to upvotes. Members and posts with equal counts have equal values, so the cost is
    /// that of the distinct counts: linear in votes for any board.
    pub fn of_upvotes(board: &Board) -> Self {
        let mut of_member = vec![0_u32; board.members()];
        let mut of_post = vec![0_u32; board.posts()];
        for vote in board.votes().iter().filter(|v| v.stance == Stance::Up) {
            of_member[vote.member.at()] += 1;
            of_post[vote.post.at()] += 1;
        }
        Self::fit(&of_member, &of_post)
    }

    /// Fits the model to counts by member and by post; both add up to the number of votes.
    pub fn fit(of_member: &[u32], of_post: &[u32]) -> Self {
        let total: f64 = of_member.iter().map(|c| f64::from(*c)).sum();
        let members = Classes::of(of_member);
        let posts = Classes::of(of_post);
        let scale = total.max(1.0).sqrt();
        let mut x: Vec<f64> = members.count.iter().map(|c| c / scale).collect();
        let mut y: Vec<f64> = posts.count.iter().map(|c| c / scale).collect();
        for _ in 0..ROUNDS {
            let moved = step(&mut x, &members, &y, &posts);
            let moved = moved.max(step(&mut y, &posts, &x, &members));
            if moved < CLOSE {
                break;
            }
        }
        Self {
            appetite: members.spread(&x),
            appeal: posts.spread(&y),
        }
    }

    /// The chance that this member votes for this post.
    pub fn of(&self, member: MemberId, post: PostId) -> f64 {
        chance(self.appetite[member.at()], self.appeal[post.at()])
    }

    /// A member's appetite, `x`.
    pub fn appetite(&self, member: MemberId) -> f64 {
        self.appetite[member.at()]
    }

    /// A post's appeal, `y`.
    pub fn appeal(&self, post: PostId) -> f64 {
        self.appeal[post.at()]
    }
}

/// The chance of a vote, by appetite and appeal.
pub fn chance(appetite: f64, appeal: f64) -> f64 {
    let product = appetite * appeal;
    product / (1.0 + product)
}

/// Equal counts share a value.
struct Classes {
    count: Vec<f64>,
    size: Vec<f64>,
    class: Vec<u32>,
}

impl Classes {
    fn of(counts: &[u32]) -> Self {
        let mut distinct = counts.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut size = vec![0.0; distinct.len()];
        let class = counts.iter().map(|count| {
            let class = distinct.partition_point(|d| d < count);
            size[class] += 1.0;
            class as u32
        });
        let class = class.collect();
        Self {
            count: distinct.into_iter().map(f64::from).collect(),
            size,
            class,
        }
    }

    fn spread(&self, values: &[f64]) -> Vec<f64> {
        self.class.iter().map(|c| values[*c as usize]).collect()
    }
}

/// One fixed-point step for one side; gives the largest relative change.
fn step(own: &mut [f64], classes: &Classes, other: &[f64], others: &Classes) -> f64 {
    let mut moved = 0.0_f64;
    for (value, count) in own.iter_mut().zip(&classes.count) {
        if *count == 0.0 {
            *value = 0.0;
            continue;
        }
        let weights = other.iter().zip(&others.size);
        let sum: f64 = weights.map(|(o, size)| size * o / (1.0 + *value * o)).sum();
        let next = if sum > 0.0 { count / sum } else { 0.0 };
        moved = moved.max((next - *value).abs() / next.max(f64::MIN_POSITIVE));
        *value = next;
    }
    moved
}
