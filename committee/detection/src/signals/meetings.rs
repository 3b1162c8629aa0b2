//! Groups that time alone proposes: members whose votes keep falling within minutes of each other, on one post
//! after another.
//!
//! Accounts with a long honest past support each other hardly more than chance would, so that who supports
//! whom doesn't show them; that the same few come together again and again does. On how many of the posts that
//! two members both voted for they met is weighed against how many others they met there: where everybody
//! votes at once, in a room or on a busy day, to meet says nothing. Groups are grown from every member. This
//! only proposes: classes and readers of one mail meet too, and [`together`](crate::signals::together) asks
//! whether a group meets on its own posts more than elsewhere.

use crate::signals::together::{SITTING_MS, counts_for};
use crate::signals::twins::poisson;
use crate::votes::{Board, MemberId, PostId, Stance};

/// Two votes on one post meet within so many milliseconds.
const WINDOW_MS: u64 = 600_000;
/// Votes after a vote that it can meet, at most: where more fall into the window, everybody meets everybody.
const MET: usize = 12;
/// Two who met only once aren't followed.
const LEAST: f64 = 1.5;
/// Meetings are never expected to be rarer than this.
const LEAST_EXPECTED: f64 = 0.05;
/// How often a vote meets another on a post that nobody else votes for, and how many votes that guess counts
/// for beside a post's own.
const SELDOM: f64 = 0.05;
const FEW: f64 = 3.0;
/// What two members of a group who never met cost it, in nats.
const APART: f64 = 0.6;
/// Pairs of one member that are followed at most, the strongest first.
const FOLLOWED: usize = 64;
/// Posts on which pairs are compared, at most, on any board and for each vote: where everybody votes on
/// everything, all pairs meet.
const COMPARED: usize = 50_000_000;
const COMPARED_PER_VOTE: usize = 50;
/// Members from whom a group is grown at most.
const SEEDS: usize = 2_000;
/// Members of a group.
const SIZES: std::ops::RangeInclusive<usize> = 3..=80;
/// Groups that are proposed at most, of each kind.
const PROPOSED: usize = 30;

/// The groups: those by posts, the strongest first, then those by others. Two of one kind don't share more
/// than half of the smaller one. Members of each are ascending.
pub fn meetings(board: &Board) -> Vec<Vec<MemberId>> {
    let graphs = Graph::both(board);
    let groups = graphs.iter().flat_map(Graph::groups);
    groups
        .map(|group| group.into_iter().map(MemberId).collect())
        .collect()
}

/// By member: others that it met more often than expected, and the evidence of it in nats, the strongest
/// first.
struct Graph(Vec<Vec<(u32, f64)>>);

impl Graph {
    /// By what each pair could expect of the posts that both voted for, and by how often each meets others.
    fn both(board: &Board) -> [Self; 2] {
        let upvotes = Upvotes::of(board);
        let pairs = met(board);
        let mut each = vec![0.0; board.members()];
        let mut total = 0.0;
        for (a, b, count) in &pairs {
            each[*a as usize] += count;
            each[*b as usize] += count;
            total += count;
        }
        let mut graphs = [(); 2].map(|()| Self(vec![Vec::new(); board.members()]));
        let mut again: Vec<(u32, u32, f64)> = pairs;
        again.retain(|(_, _, count)| *count >= LEAST);
        // Those who met most are compared first, as long as it may take.
        again.sort_by(|a, b| b.2.total_cmp(&a.2));
        let mut left = COMPARED.max(COMPARED_PER_VOTE * board.votes().len());
        for (a, b, count) in again {
            // A pair that meets nobody else isn't explained by meeting often.
            let others = |member: u32| f64::max(each[member as usize] - count, 0.3);
            let by_others = others(a) * others(b) / (2.0 * f64::max(total, 1.0));
            let cost = upvotes.by(a).len().min(upvotes.by(b).len());
            let by_posts = left.checked_sub(cost).map(|after| {
                left = after;
                upvotes.compared(a, b)
            });
            let expected = [by_posts, Some((count, by_others))];
            for (graph, expected) in graphs.iter_mut().zip(expected) {
                let Some((met, expected)) = expected else {
                    continue;
                };
                let evidence = poisson(met, expected.max(LEAST_EXPECTED));
                if evidence > APART {
                    graph.0[a as usize].push((b, evidence));
                    graph.0[b as usize].push((a, evidence));
                }
            }
        }
        for list in graphs.iter_mut().flat_map(|graph| &mut graph.0) {
            list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            list.truncate(FOLLOWED);
        }
        graphs
    }

    /// The strongest groups.
    fn groups(&self) -> Vec<Vec<u32>> {
        let mut found: Vec<(f64, Vec<u32>)> = self
            .seeds()
            .into_iter()
            .filter_map(|seed| self.grow(seed))
            .collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        let mut kept: Vec<Vec<u32>> = Vec::new();
        for (_, group) in found {
            let overlaps = |other: &Vec<u32>| {
                let both = group
                    .iter()
                    .filter(|m| other.binary_search(m).is_ok())
                    .count();
                crate::scan::share_most(both, group.len(), other.len())
            };
            if !kept.iter().any(overlaps) {
                kept.push(group);
            }
            if kept.len() == PROPOSED {
                break;
            }
        }
        kept
    }

    /// Members with two pairs or more, those with the strongest four first if there are too many.
    fn seeds(&self) -> Vec<u32> {
        let promise = |list: &[(u32, f64)]| list.iter().take(4).map(|(_, e)| e).sum::<f64>();
        let mut seeds: Vec<(u32, f64)> = (0..)
            .zip(&self.0)
            .filter(|(_, list)| list.len() >= 2)
            .map(|(member, list)| (member, promise(list)))
            .collect();
        seeds.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        seeds.truncate(SEEDS);
        seeds.into_iter().map(|(member, _)| member).collect()
    }

    /// Grows a group from a member, always by whoever adds most.
    fn grow(&self, seed: u32) -> Option<(f64, Vec<u32>)> {
        let mut group = vec![seed];
        let mut around: Vec<(u32, f64)> = self.0.get(seed as usize)?.clone();
        let mut evidence = 0.0;
        while group.len() < *SIZES.end() {
            let apart = APART * group.len() as f64;
            let most = around.iter().enumerate().max_by(|(_, a), (_, b)| {
                let more = a.1.total_cmp(&b.1);
                more.then(b.0.cmp(&a.0))
            });
            let Some((place, (member, met))) = most.map(|(place, next)| (place, *next)) else {
                break;
            };
            if met <= apart {
                break;
            }
            evidence += met - apart;
            around.swap_remove(place);
            group.push(member);
            for (other, met) in self.0.get(member as usize).into_iter().flatten() {
                if group.contains(other) {
                    continue;
                }
                match around.iter_mut().find(|(near, _)| near == other) {
                    Some((_, sum)) => *sum += met,
                    None => around.push((*other, *met)),
                }
            }
        }
        group.sort_unstable();
        SIZES.contains(&group.len()).then_some((evidence, group))
    }
}

/// An upvote, and how busy its post was at the time.
#[derive(Clone, Copy)]
struct Upvote {
    post: PostId,
    at_ms: i64,
    /// Other upvotes within the window.
    near: u32,
    /// Other upvotes.
    others: u32,
}

/// By member, ascending by post.
struct Upvotes(Vec<Vec<Upvote>>);

impl Upvotes {
    fn of(board: &Board) -> Self {
        let mut by_member: Vec<Vec<Upvote>> = vec![Vec::new(); board.members()];
        let mut times: Vec<(i64, MemberId)> = Vec::new();
        for post in (0..board.posts() as u32).map(PostId) {
            upvotes(board, post, &mut times);
            let (mut from, mut to) = (0, 0);
            for (at_ms, member) in &times {
                while times
                    .get(from)
                    .is_some_and(|(t, _)| at_ms.abs_diff(*t) > WINDOW_MS)
                {
                    from += 1;
                }
                let reaches =
                    |(t, _): &(i64, MemberId)| t <= at_ms || t.abs_diff(*at_ms) <= WINDOW_MS;
                while times.get(to).is_some_and(reaches) {
                    to += 1;
                }
                by_member[member.at()].push(Upvote {
                    post,
                    at_ms: *at_ms,
                    near: (to - from - 1) as u32,
                    others: (times.len() - 1) as u32,
                });
            }
        }
        Self(by_member)
    }

    /// How often two members met, and how often they would have if each had come to the posts that both
    /// voted for when any of the others did; what falls into one sitting counts as in
    /// [`together`](crate::signals::together).
    fn compared(&self, a: u32, b: u32) -> (f64, f64) {
        let (of_a, of_b) = (self.by(a), self.by(b));
        let (few, many) = if of_a.len() <= of_b.len() {
            (of_a, of_b)
        } else {
            (of_b, of_a)
        };
        let mut both: Vec<(i64, f64, f64)> = Vec::with_capacity(few.len());
        for one in few {
            let Ok(place) = many.binary_search_by_key(&one.post, |v| v.post) else {
                continue;
            };
            let Some(other) = many.get(place) else {
                continue;
            };
            let met = f64::from(u8::from(one.at_ms.abs_diff(other.at_ms) <= WINDOW_MS));
            // The two themselves don't make a post busy.
            let near = f64::from(one.near + other.near) / 2.0 - met;
            let chance = (near + SELDOM * FEW) / (f64::from(one.others) + FEW);
            both.push((one.at_ms, met, chance.min(1.0)));
        }
        both.sort_unstable_by_key(|(at_ms, ..)| *at_ms);
        let sittings = both.chunk_by(|a, b| b.0.abs_diff(a.0) <= SITTING_MS as u64);
        sittings.fold((0.0, 0.0), |(met, expected), sitting| {
            let votes = sitting.len() as f64;
            let weight = counts_for(votes) / votes;
            let sum = |of: fn(&(i64, f64, f64)) -> f64| sitting.iter().map(of).sum::<f64>();
            (
                met + weight * sum(|v| v.1),
                expected + weight * sum(|v| v.2),
            )
        })
    }

    fn by(&self, member: u32) -> &[Upvote] {
        self.0.get(member as usize).map_or(&[], Vec::as_slice)
    }
}

/// A post's upvotes in the order of time.
fn upvotes(board: &Board, post: PostId, into: &mut Vec<(i64, MemberId)>) {
    into.clear();
    let up = board.votes_on(post).filter(|v| v.stance == Stance::Up);
    into.extend(up.map(|v| (v.at_ms, v.member)));
}

/// Takes out votes of one moment that are more than can meet: where times are coarse, nothing tells them apart.
fn drop_crowds(votes: &mut Vec<(i64, MemberId)>) {
    let moments = votes.chunk_by(|a, b| a.0 == b.0);
    if moments.clone().any(|moment| moment.len() > MET) {
        let few = moments.filter(|moment| moment.len() <= MET);
        *votes = few.flatten().copied().collect();
    }
}

/// The first of these votes, in the order of time: all of the moment `at_ms`, and so many later ones. No moment
/// is cut in two, since nothing but names orders its votes.
fn at_least(many: usize, at_ms: i64, votes: &[(i64, MemberId)]) -> &[(i64, MemberId)] {
    let same = votes.partition_point(|(t, _)| *t == at_ms);
    let last = votes.get((same + many).min(votes.len()).saturating_sub(1));
    let until = last.map_or(0, |(last, _)| votes.partition_point(|(t, _)| t <= last));
    votes.get(..until).unwrap_or_default()
}

/// Pairs that met, lower number first, ascending, and how often; what falls into one sitting counts as above.
fn met(board: &Board) -> Vec<(u32, u32, f64)> {
    let mut met: Vec<(u32, u32, i64)> = Vec::new();
    let mut votes: Vec<(i64, MemberId)> = Vec::new();
    for post in (0..board.posts() as u32).map(PostId) {
        upvotes(board, post, &mut votes);
        drop_crowds(&mut votes);
        for (place, (at_ms, member)) in votes.iter().enumerate() {
            let later = votes.get(place + 1..).unwrap_or_default();
            let near = at_least(MET, *at_ms, later).iter();
            let near = near.take_while(|(later_ms, _)| later_ms.abs_diff(*at_ms) <= WINDOW_MS);
            met.extend(near.map(|(_, other)| {
                let (lower, upper) = (member.min(other), member.max(other));
                (lower.0, upper.0, *at_ms)
            }));
        }
    }
    met.sort_unstable();
    let pairs = met.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
    pairs
        .filter_map(|pair| {
            let sittings = pair.chunk_by(|a, b| b.2.abs_diff(a.2) <= SITTING_MS as u64);
            let count: f64 = sittings
                .map(|sitting| counts_for(sitting.len() as f64))
                .sum();
            pair.first().map(|(a, b, _)| (*a, *b, count))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::votes::{Builder, Row};

    const HOUR_MS: i64 = 3_600_000;

    /// Votes are (voter, post, hours, seconds).
    fn board(votes: &[(String, String, i64, i64)]) -> Board {
        let mut builder = Builder::default();
        for (voter, post, hours, seconds) in votes {
            let row = Row {
                board: "board",
                vote_ms: hours * HOUR_MS + seconds * 1_000,
                voter,
                post,
                author: "author",
                post_ms: 0,
                stance: Stance::Up,
            };
            builder.push(row, i64::MAX).unwrap();
        }
        builder.finish().0.boards()[0].clone()
    }

    fn named(board: &Board, groups: &[Vec<MemberId>]) -> Vec<Vec<String>> {
        let names = |group: &Vec<MemberId>| {
            let mut names: Vec<String> = group
                .iter()
                .map(|m| board.member_name(*m).to_owned())
                .collect();
            names.sort();
            names
        };
        groups.iter().map(names).collect()
    }

    /// Sixty members who vote on forty posts at hours of their own.
    fn crowd() -> Vec<(String, String, i64, i64)> {
        let mut votes = Vec::new();
        for member in 0..60_i64 {
            for turn in 0..10_i64 {
                let post = (member * 7 + turn * 11) % 40;
                let hours = 1 + (member * 13 + turn * 29) % 300;
                votes.push((format!("m{member}"), format!("p{post}"), hours, member * 59));
            }
        }
        votes
    }

    #[test]
    fn four_who_keep_meeting_are_proposed_whatever_else_they_do() {
        let mut votes = crowd();
        for turn in 0..5_i64 {
            for member in 0..4_i64 {
                votes.push((
                    format!("m{member}"),
                    format!("q{turn}"),
                    20 + 50 * turn,
                    90 * member,
                ));
            }
        }
        let board = board(&votes);
        let found = named(&board, &meetings(&board));
        assert!(
            found.contains(&vec!["m0".into(), "m1".into(), "m2".into(), "m3".into()]),
            "{found:?}"
        );
    }

    #[test]
    fn who_met_in_one_sitting_has_met_about_once() {
        let votes: Vec<_> = (0..6_i64)
            .flat_map(|turn| ["a", "b"].map(|m| (m.to_owned(), format!("p{turn}"), 1, 60 * turn)))
            .collect();
        let board = board(&votes);
        assert_eq!(met(&board), [(1, 2, counts_for(6.0))]);
        let (met, _) = Upvotes::of(&board).compared(1, 2);
        assert!((met - counts_for(6.0)).abs() < 1e-12);
    }

    #[test]
    fn to_meet_where_everybody_votes_at_once_is_expected() {
        let votes: Vec<_> = (0..5_i64)
            .flat_map(|turn| {
                (0..20_i64).map(move |m| (format!("m{m}"), format!("p{turn}"), 10 * turn, 20 * m))
            })
            .collect();
        let board = board(&votes);
        let (met, expected) = Upvotes::of(&board).compared(1, 2);
        assert_eq!(met, 5.0);
        assert!((expected - 5.0 * 18.15 / 22.0).abs() < 1e-12, "{expected}");
        let [by_posts, _] = Graph::both(&board);
        assert!(by_posts.groups().is_empty());
    }

    #[test]
    fn nobody_is_proposed_where_nobody_meets_twice() {
        let votes: Vec<_> = (0..30_i64)
            .map(|n| (format!("m{n}"), format!("p{}", n / 3), n / 3, 60 * (n % 3)))
            .collect();
        assert!(meetings(&board(&votes)).is_empty());
    }
}
