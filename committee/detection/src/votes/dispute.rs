//! Posts whose rows don't agree about who wrote them or when, and under whose names those rows stand that differ
//! from most.
//!
//! It decides nothing: no row of such a post counts, whoever is named here. Rows can stand under any name, so
//! this says where to look in the log, and not who lied.

use std::collections::HashMap;

use super::{MemberId, Post, PostId, Vote};

/// What a post's rows claim, and the rows that claim something else than the first that came.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// By post.
    first: Vec<Post>,
    others: Vec<(PostId, Post, MemberId)>,
}

/// Author and time.
type Claim = (u32, i64);

fn claim(post: &Post) -> Claim {
    (post.author.0, post.at_ms)
}

impl Claims {
    /// Takes a row of a post; posts come by number, each new one is the next.
    pub(super) fn add(&mut self, post: PostId, claimed: Post, voter: MemberId) {
        match self.first.get(post.at()) {
            Some(first) if *first == claimed => {}
            Some(_) => self.others.push((post, claimed, voter)),
            None => self.first.push(claimed),
        }
    }

    /// What the first row of a post claims.
    pub(super) fn first(&self, post: PostId) -> Option<&Post> {
        self.first.get(post.at())
    }

    /// By post: as its rows have it; `None` if they don't agree.
    pub(super) fn known(&self) -> Vec<Option<Post>> {
        let mut known: Vec<Option<Post>> = self.first.iter().copied().map(Some).collect();
        for (post, _, _) in &self.others {
            if let Some(known) = known.get_mut(post.at()) {
                *known = None;
            }
        }
        known
    }

    /// How many rows of each voter claim something else than most rows of their post. Where no claim has more rows
    /// than each other, nobody is named. `rows` are all rows of the board.
    pub(super) fn differing(&self, rows: &[Vote]) -> HashMap<MemberId, u64> {
        let mut differing = HashMap::new();
        if self.others.is_empty() {
            return differing;
        }
        let mut claims: HashMap<PostId, HashMap<Claim, u64>> = HashMap::new();
        let mut claimed: HashMap<(PostId, Claim, MemberId), u64> = HashMap::new();
        let mut unlike_first: HashMap<(PostId, MemberId), u64> = HashMap::new();
        for (post, post_claimed, voter) in &self.others {
            let claim = claim(post_claimed);
            *claims.entry(*post).or_default().entry(claim).or_default() += 1;
            *claimed.entry((*post, claim, *voter)).or_default() += 1;
            *unlike_first.entry((*post, *voter)).or_default() += 1;
        }
        let mut cast: HashMap<(PostId, MemberId), u64> = HashMap::new();
        let mut total: HashMap<PostId, u64> = HashMap::new();
        for row in rows.iter().filter(|row| claims.contains_key(&row.post)) {
            *cast.entry((row.post, row.member)).or_default() += 1;
            *total.entry(row.post).or_default() += 1;
        }
        // By post: what most rows claim, and whether it is what the first did.
        let mut most: HashMap<PostId, (Claim, bool)> = HashMap::new();
        for (post, others) in &claims {
            let Some(first) = self.first.get(post.at()) else {
                continue;
            };
            let all = total.get(post).copied().unwrap_or_default();
            let like_first = all.saturating_sub(others.values().sum());
            let mut counts: Vec<(u64, Claim, bool)> =
                others.iter().map(|(c, n)| (*n, *c, false)).collect();
            counts.push((like_first, claim(first), true));
            counts.sort_unstable_by(|a, b| b.cmp(a));
            if let [most_rows, next, ..] = counts.as_slice()
                && most_rows.0 > next.0
            {
                most.insert(*post, (most_rows.1, most_rows.2));
            }
        }
        for ((post, voter), count) in cast {
            let agreeing = match most.get(&post) {
                None => continue,
                Some((_, true)) => {
                    let unlike = unlike_first.get(&(post, voter)).copied();
                    count.saturating_sub(unlike.unwrap_or_default())
                }
                Some((claim, false)) => {
                    let alike = claimed.get(&(post, *claim, voter)).copied();
                    alike.unwrap_or_default()
                }
            };
            if count > agreeing {
                *differing.entry(voter).or_default() += count - agreeing;
            }
        }
        differing
    }
}
