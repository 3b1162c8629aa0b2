//! The other measures of a group, each beside what is usual on its board: how closely its members are knit, what
//! they vote for in common, whether votes are returned, who votes for them, whether their posts have bursts, and in
//! what order they come. They are shown and change no score: each of them alone is high in honest groups too.
//!
//! Nothing here may hang on how members are numbered, since numbers come from names where times are coarse. What
//! needs an order, the communities and the pairs that are drawn by lot, has one that is made of the votes alone.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::case::Ground;
use crate::graph::{Graph, Partition, clustering, leiden};
use crate::signals::bursts::{LEAST, first_hours};
use crate::signals::closure::corrected;
use crate::signals::covote::{covotes, tails};
use crate::signals::entropy::entropy;
use crate::signals::independence::independence;
use crate::signals::order::{Orders, orders};
use crate::signals::reciprocity::{Reciprocity, reciprocity, within};
use crate::signals::significance::ln_factorial;
use crate::votes::{Board, MemberId, PostId, Stance};
use crate::words::{grouped, percent};

/// What chance gives once in so many is beyond chance.
const BEYOND: f64 = 0.01;
/// The share of false ones among the pairs of which closure is measured.
const FALSE_PAIRS: f64 = 0.05;
/// Closure is measured on boards with so many votes at most: it takes all pairs of a board.
const CLOSED: usize = 100_000;
/// Pairs of a group whose votes are compared, and pairs of a board that are drawn by lot.
const PAIRS: (usize, usize) = (120, 500);
/// Who cast fewer votes isn't drawn: the board's usual member has as many.
const ACTIVE: usize = 5;
/// Rounds of Leiden, and its seed: it must say the same of a board whenever it is asked.
const ROUNDS: usize = 1;
const SEED: u64 = 1;
/// Rounds in which a member's place in the order takes in those around it.
const AROUND: usize = 3;

/// A group's figure beside what is usual; none where there is nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Measured {
    /// The group's.
    #[serde(serialize_with = "rounded")]
    pub group: Option<f64>,
    /// What is usual on its board.
    #[serde(serialize_with = "rounded")]
    pub usual: Option<f64>,
}

/// What is measured of a group, and counted nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Measures {
    /// The mean local clustering coefficient on the graph of votes for each other's posts; usual: of all members.
    pub clustering: Measured,
    /// The share of pairs who vote for the same posts beyond chance; usual: of pairs drawn by lot.
    pub co_voting: Measured,
    /// The mean local clustering coefficient on the graph of such pairs; usual: of all members. Of boards with up
    /// to 100,000 votes.
    pub closure: Measured,
    /// The share of those who vote for another's posts who are voted for in return; usual: on the whole board.
    pub reciprocity: Measured,
    /// How varied the voters of a member's posts are, one if drawn by activity: the mean; usual: of all members.
    pub entropy: Measured,
    /// The mean PageRank independence weight; usual: of all members.
    pub independence: Measured,
    /// The share of posts with a burst in their first hour beyond chance; usual: of all posts.
    pub bursts: Measured,
    /// How often two members came in the order that was the pair's more frequent one; usual: by a fair coin.
    pub order: Measured,
    /// The chance of so much repeated order, by fair coins.
    #[serde(serialize_with = "rounded")]
    pub order_p: Option<f64>,
    /// The largest share of the group in one community by Leiden; usual: that community's share of the board.
    pub leiden: Measured,
}

/// What is measured of one member, and counted nowhere; as in [`Measures`].
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct OfMember {
    /// Local clustering coefficient.
    #[serde(serialize_with = "rounded")]
    pub clustering: Option<f64>,
    /// The same on the graph of pairs who vote alike beyond chance.
    #[serde(serialize_with = "rounded")]
    pub closure: Option<f64>,
    /// How varied the voters of its posts are.
    #[serde(serialize_with = "rounded")]
    pub entropy: Option<f64>,
    /// PageRank independence weight.
    #[serde(serialize_with = "rounded")]
    pub independence: Option<f64>,
    /// Posts with a burst in their first hour.
    pub bursts: usize,
    /// Is it in the community by Leiden in which most of its group are?
    pub leiden: bool,
}

/// A measure in words: what it is called, what it says, and its figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its name.
    pub what: &'static str,
    /// What it says, for people.
    pub means: String,
    /// The group's figure.
    pub group: String,
    /// What is usual.
    pub usual: String,
}

impl Measures {
    /// All that could be measured, in words.
    pub fn told(&self) -> Vec<Told> {
        let of = |what, means: &str, measured: Measured| {
            let group = measured.group?;
            Some(Told {
                what,
                means: means.to_owned(),
                group: percent(group),
                usual: measured.usual.map_or("–".to_owned(), percent),
            })
        };
        let mut order = of(
            "Same order",
            "How often, where two members came one soon after the other, the same one came first. Usual is what tossing a \
             coin gives.",
            self.order,
        );
        if let (Some(order), Some(p)) = (&mut order, self.order_p) {
            order.means += &by_coins(p);
        }
        let told = [
            of(
                "Closed circle",
                "Of two people with whom a member exchanges votes, how often these two exchange votes as well.",
                self.clustering,
            ),
            of(
                "Same choices",
                "How many pairs of members vote for the same posts more than chance gives. Usual is any two members.",
                self.co_voting,
            ),
            of(
                "Circle of same choices",
                "Of two people who vote for the same posts as a member, beyond chance, how often these two do as well.",
                self.closure,
            ),
            of(
                "Votes returned",
                "When one votes for another's posts, how often the other votes for theirs.",
                self.reciprocity,
            ),
            of(
                "Varied supporters",
                "How varied those are who vote for a member's posts. At 100 % they come as everybody's activity gives; it \
                 is less where the same few vote again and again.",
                self.entropy,
            ),
            of(
                "Independent support",
                "How little of a member's support comes round to itself, by way of those whom it supports. At 100 % no \
                 more than activity explains.",
                self.independence,
            ),
            of(
                "Sudden posts",
                "Posts with ten votes or more in their first hour, and more than their day and hour explain.",
                self.bursts,
            ),
            order,
            of(
                "In one community",
                "If the whole board is parted into communities of those who exchange votes, how much of the group is in \
                 one. Usual is that community's share of the board.",
                self.leiden,
            ),
        ];
        told.into_iter().flatten().collect()
    }
}

/// How often coins would give so much, in words.
fn by_coins(p: f64) -> String {
    match p {
        p if p > 0.1 => String::new(),
        p if p < 1e-6 => " Coins give as much less than once in a million.".to_owned(),
        p => format!(" Coins give as much once in {}.", grouped((1.0 / p) as u64)),
    }
}

fn rounded<S: serde::Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    value.map(|v| (v * 1e6).round() / 1e6).serialize(to)
}

/// A board, measured once for all its groups.
#[derive(Debug)]
pub struct OfBoard {
    clustering: Vec<Option<f64>>,
    closure: Vec<Option<f64>>,
    entropy: Vec<Option<f64>>,
    independence: Vec<Option<f64>>,
    /// By member: posts with a burst.
    bursts: Vec<usize>,
    everybody: Reciprocity,
    communities: Partition,
    /// How many members each community has.
    sizes: Vec<usize>,
    /// By member: its place in the order that is made of the votes alone.
    place: Vec<u32>,
}

/// The share of a board's pairs who vote alike, and that of each group's.
#[derive(Debug)]
pub struct Alike {
    usual: Option<f64>,
    groups: Vec<Option<f64>>,
}

impl OfBoard {
    /// Measures a board.
    pub fn of(ground: &Ground<'_>) -> Self {
        let board = ground.board;
        let place = places(board);
        let by_place = upvotes(board, &place);
        let coefficients = clustering::local(&by_place);
        let communities = leiden(&by_place, 1.0, ROUNDS, SEED);
        let mut sizes = vec![0; communities.count()];
        for size in (0..board.members() as u32).map(|node| communities.of(node) as usize) {
            if let Some(count) = sizes.get_mut(size) {
                *count += 1;
            }
        }
        let closure = if board.votes().len() <= CLOSED {
            corrected(board, covotes(board, &ground.chance).beyond(FALSE_PAIRS))
        } else {
            Vec::new()
        };
        let mut bursts = vec![0; board.members()];
        for hour in first_hours(board) {
            let many = hour.votes >= LEAST && f64::from(hour.votes) > hour.expected();
            if many
                && hour.tail().p() <= BEYOND
                && let Some(count) = bursts.get_mut(board.post(hour.post).author.at())
            {
                *count += 1;
            }
        }
        let one = Partition::from_labels(&vec![0; board.members()]);
        let everybody = reciprocity(board, &ground.chance, &ground.supports, &one);
        let entropy = entropy(board).into_iter();
        let independence = independence(board).into_iter();
        Self {
            clustering: place
                .iter()
                .map(|node| coefficients.get(*node as usize).copied().flatten())
                .collect(),
            closure,
            entropy: entropy.map(|e| e?.normalised()).collect(),
            independence: independence.map(|i| i.weight()).collect(),
            bursts,
            everybody: everybody.first().copied().unwrap_or(Reciprocity {
                links: 0,
                mutual: 0,
                expected: 0.0,
            }),
            communities,
            sizes,
            place,
        }
    }

    /// Compares what the members of each group vote for, and what pairs of the board do.
    pub fn alike(&self, ground: &Ground<'_>, groups: &[Vec<MemberId>]) -> Alike {
        let board = ground.board;
        let mut order: Vec<MemberId> = (0..board.members() as u32).map(MemberId).collect();
        order.retain(|m| board.votes_of(*m).len() >= ACTIVE);
        order.sort_unstable_by_key(|m| self.place.get(m.at()).copied());
        let mut lists = vec![drawn(&order)];
        lists.extend(groups.iter().map(|group| some_pairs(group)));
        let mut up: HashMap<MemberId, Vec<PostId>> = HashMap::new();
        let mut asked: HashMap<(MemberId, MemberId), u32> = HashMap::new();
        for (a, b) in lists.iter().flatten() {
            for member in [a, b] {
                up.entry(*member)
                    .or_insert_with(|| posts_up(board, *member));
            }
            let both = up.get(a).zip(up.get(b));
            asked.insert((*a, *b), both.map_or(0, |(a, b)| in_both(a, b)));
        }
        let pairs: Vec<(MemberId, MemberId, u32)> = asked
            .into_iter()
            .filter(|(_, together)| *together > 0)
            .map(|((a, b), together)| (a, b, together))
            .collect();
        let tails = tails(board, &ground.chance, &pairs);
        let beyond: HashSet<(MemberId, MemberId)> = pairs
            .iter()
            .zip(tails)
            .filter(|(_, tail)| tail.p() <= BEYOND)
            .map(|((a, b, _), _)| (*a, *b))
            .collect();
        let share = |list: &Vec<(MemberId, MemberId)>| {
            let found = list.iter().filter(|pair| beyond.contains(pair)).count();
            (!list.is_empty()).then(|| found as f64 / list.len() as f64)
        };
        let mut shares = lists.iter().map(share);
        Alike {
            usual: shares.next().flatten(),
            groups: shares.collect(),
        }
    }

    /// What is measured of a group, the `number`th of those whose votes were compared.
    pub fn group(
        &self,
        ground: &Ground<'_>,
        members: &[MemberId],
        alike: &Alike,
        number: usize,
    ) -> Measures {
        let board = ground.board;
        let mean_beside = |values: &[Option<f64>]| {
            let of_members = members
                .iter()
                .map(|m| values.get(m.at()).copied().flatten());
            Measured {
                group: mean(of_members),
                usual: mean(values.iter().copied()),
            }
        };
        let bursts = |members: &mut dyn Iterator<Item = MemberId>| {
            let (mut found, mut posts) = (0, 0);
            for member in members {
                found += self.bursts.get(member.at()).copied().unwrap_or(0);
                posts += board.posts_by(member).len();
            }
            (posts > 0).then(|| found as f64 / posts as f64)
        };
        let returned = within(board, &ground.chance, &ground.supports, members);
        let (order, order_p) = in_order(&orders(board, members));
        let (community, most) = self.community(members);
        let size = self.sizes.get(community as usize).copied().unwrap_or(0);
        Measures {
            clustering: mean_beside(&self.clustering),
            co_voting: Measured {
                group: alike.groups.get(number).copied().flatten(),
                usual: alike.usual,
            },
            closure: mean_beside(&self.closure),
            reciprocity: Measured {
                group: returned.share(),
                usual: self.everybody.share(),
            },
            entropy: mean_beside(&self.entropy),
            independence: mean_beside(&self.independence),
            bursts: Measured {
                group: bursts(&mut members.iter().copied()),
                usual: bursts(&mut (0..board.members() as u32).map(MemberId)),
            },
            order,
            order_p,
            leiden: Measured {
                group: (!members.is_empty()).then(|| most as f64 / members.len() as f64),
                usual: (board.members() > 0).then(|| size as f64 / board.members() as f64),
            },
        }
    }

    /// What is measured of a member of a group.
    pub fn member(&self, member: MemberId, group: &[MemberId]) -> OfMember {
        let of = |values: &[Option<f64>]| values.get(member.at()).copied().flatten();
        OfMember {
            clustering: of(&self.clustering),
            closure: of(&self.closure),
            entropy: of(&self.entropy),
            independence: of(&self.independence),
            bursts: self.bursts.get(member.at()).copied().unwrap_or(0),
            leiden: self.community_of(member) == Some(self.community(group).0),
        }
    }

    fn community_of(&self, member: MemberId) -> Option<u32> {
        let node = self.place.get(member.at())?;
        Some(self.communities.of(*node))
    }

    /// The community with most of a group, of equals the larger one, and how many of the group that is.
    fn community(&self, group: &[MemberId]) -> (u32, usize) {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for community in group.iter().filter_map(|m| self.community_of(*m)) {
            *counts.entry(community).or_default() += 1;
        }
        let size = |community: u32| self.sizes.get(community as usize).copied();
        let most = counts.into_iter().max_by_key(|(community, count)| {
            (*count, size(*community), std::cmp::Reverse(*community))
        });
        most.unwrap_or((0, 0))
    }
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values.flatten() {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// How much of a group's order is repeated, beside what coins give, and the chance of it.
fn in_order(found: &Orders) -> (Measured, Option<f64>) {
    let occasions: f64 = found.pairs.iter().map(|p| f64::from(p.occasions)).sum();
    let by_coin: f64 = found.pairs.iter().map(|p| more_often(p.occasions)).sum();
    let some = occasions > 0.0;
    let measured = Measured {
        group: found.concordance,
        usual: some.then(|| by_coin / occasions),
    };
    (measured, some.then_some(found.p))
}

/// How often the more frequent side of a fair coin comes on average: `n/2 + n·C(n - 1, ⌊n/2⌋)/2^n` (de Moivre's
/// mean deviation of the binomial).
fn more_often(tosses: u32) -> f64 {
    let n = f64::from(tosses);
    if tosses == 0 {
        return 0.0;
    }
    let half = f64::from(tosses / 2);
    let ways = ln_factorial(n - 1.0) - ln_factorial(half) - ln_factorial(n - 1.0 - half);
    n / 2.0 + n * (ways - n * std::f64::consts::LN_2).exp()
}

/// Each member's place in an order that is made of who voted for whom, and of nothing else: the colours of
/// Weisfeiler and Leman ("The reduction of a graph to canonical form", 1968), sorted. Members who stand alike in the
/// graph, as far as a few steps show, are in the order of their numbers.
fn places(board: &Board) -> Vec<u32> {
    let mut colours = vec![0_u64; board.members()];
    let up = || board.votes().iter().filter(|v| v.stance == Stance::Up);
    for _ in 0..AROUND {
        let mut next: Vec<u64> = colours.iter().map(|c| mixed(*c)).collect();
        for vote in up() {
            let (voter, author) = (vote.member.at(), board.post(vote.post).author.at());
            // Sums don't depend on the order of votes. What is given and what is got are mixed differently.
            let gave = mixed(colours[author] ^ 0x9e37_79b9_7f4a_7c15);
            let got = mixed(colours[voter] ^ 0xc2b2_ae3d_27d4_eb4f);
            next[voter] = next[voter].wrapping_add(gave);
            next[author] = next[author].wrapping_add(got);
        }
        colours = next;
    }
    let mut order: Vec<(u64, u32)> = colours.into_iter().zip(0..).collect();
    order.sort_unstable();
    let mut place = vec![0; order.len()];
    for (number, (_, member)) in (0..).zip(order) {
        place[member as usize] = number;
    }
    place
}

/// Mixes bits (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn mixed(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The graph of who voted for whose posts, by place.
fn upvotes(board: &Board, place: &[u32]) -> Graph {
    let up = board.votes().iter().filter(|v| v.stance == Stance::Up);
    let edges: Vec<(u32, u32, f64)> = up
        .map(|v| {
            let author = board.post(v.post).author;
            (place[v.member.at()], place[author.at()], 1.0)
        })
        .collect();
    Graph::new(board.members(), &edges)
}

/// Pairs of members who stand next to each other in an order that has no meaning, then next but one, and so on.
fn drawn(order: &[MemberId]) -> Vec<(MemberId, MemberId)> {
    let steps = 1..order.len().min(PAIRS.1 + 1);
    let pairs = steps.flat_map(|step| order.iter().zip(order.iter().skip(step)));
    pairs.take(PAIRS.1).map(|(a, b)| pair(*a, *b)).collect()
}

/// A group's pairs; of too many, evenly over those of members who add most with all others.
fn some_pairs(group: &[MemberId]) -> Vec<(MemberId, MemberId)> {
    let pairs = group.iter().enumerate().flat_map(|(place, a)| {
        let others = group.iter().skip(place + 1);
        others.map(|b| pair(*a, *b))
    });
    let all: Vec<_> = pairs.collect();
    let step = all.len().div_ceil(PAIRS.0).max(1);
    all.into_iter().step_by(step).collect()
}

fn pair(a: MemberId, b: MemberId) -> (MemberId, MemberId) {
    (a.min(b), a.max(b))
}

fn posts_up(board: &Board, member: MemberId) -> Vec<PostId> {
    let up = board.votes_of(member).filter(|v| v.stance == Stance::Up);
    let mut posts: Vec<PostId> = up.map(|v| v.post).collect();
    posts.sort_unstable();
    posts
}

/// How many of these, ascending, are in both.
fn in_both(a: &[PostId], b: &[PostId]) -> u32 {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let found = few.iter().filter(|post| many.binary_search(post).is_ok());
    found.count() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_comes_in_one_order_more_often_than_half_and_less_so_the_more_often_it_is_tossed() {
        // Of two tosses both sides are alike with chance 1/2: (2 + 1 + 1 + 2) / 4.
        let shares = [1, 2, 3, 4].map(|n| more_often(n) / f64::from(n));
        let exact = [1.0, 0.75, 0.75, 0.6875];
        assert!(
            shares.iter().zip(exact).all(|(a, b)| (a - b).abs() < 1e-9),
            "{shares:?}"
        );
        assert!(more_often(10_000) / 10_000.0 < 0.51);
    }

    #[test]
    fn pairs_are_drawn_once_each_and_no_more_than_asked_for() {
        let few: Vec<MemberId> = (0..4).map(MemberId).collect();
        let pairs = drawn(&few);
        assert_eq!(pairs.len(), 6);
        assert_eq!(pairs.iter().collect::<HashSet<_>>().len(), 6);
        let many: Vec<MemberId> = (0..900).map(MemberId).collect();
        assert_eq!(drawn(&many).len(), PAIRS.1);
        assert_eq!(some_pairs(&few).len(), 6);
        assert!(some_pairs(&many).len() <= PAIRS.0);
        assert!(drawn(&[]).is_empty() && some_pairs(&[MemberId(1)]).is_empty());
    }

    #[test]
    fn what_is_in_both_lists_is_counted_from_either_side() {
        let [a, b] = [[1, 3, 5, 7].as_slice(), &[3, 4, 7]]
            .map(|l| l.iter().map(|p| PostId(*p)).collect::<Vec<_>>());
        assert_eq!(
            (in_both(&a, &b), in_both(&b, &a), in_both(&a, &[])),
            (2, 2, 0)
        );
    }
}
