//! Looks for groups whose members support each other as a ring would, and weighs each against chance.
//!
//! The hypothesis: in a ring each member votes for a share `s` of each other member's posts, on top of what
//! it would have voted for anyhow. Votes of a pair are then Poisson with mean `e + s·n` in place of `e`
//! (`n` posts, `e` expected by [`Chance`](crate::signals::chance::Chance)), and a group's evidence is the
//! logarithm of the likelihood ratio, summed over its ordered pairs: a pair that the ring would have made
//! vote, and that didn't, counts against it. It is a scan statistic (Kulldorff: "A spatial scan statistic",
//! Communications in Statistics 26, 1997) over groups in place of regions. The groups are too many to try:
//! they are grown greedily from every member, which finds a planted one whenever its pairs stand out.

use crate::signals::support::{Support, Supports};
use crate::votes::MemberId;

/// The shares that are tried.
pub const SHARES: [f64; 4] = [0.1, 0.2, 0.4, 0.6];
/// Members of a group at most.
pub const MAX_GROUP: usize = 80;
/// An expectation is at least this: taste and friendship explain a vote now and then that the model, which
/// knows neither, thinks impossible.
pub const LEAST_EXPECTED: f64 = 0.02;
/// Members from whom a group is grown at most, the most promising first.
const SEEDS: usize = 4_000;
/// Pairs of one member that are followed at most, the strongest first.
const FOLLOWED: usize = 64;

/// A group that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its members, ascending, and what each adds to the evidence.
    pub members: Vec<(MemberId, f64)>,
    /// The share that explains it best.
    pub share: f64,
    /// Logarithm of the likelihood ratio, in nats.
    pub evidence: f64,
    /// `evidence` less the logarithm of the number of groups of this size: above zero, a group like it is
    /// not expected once on a board without rings.
    pub beyond_chance: f64,
}

impl Group {
    /// How many groups as strong chance alone gives on a board like this, at most one.
    pub fn p_value(&self) -> f64 {
        (-self.beyond_chance).exp().min(1.0)
    }
}

/// What the scan found.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// The best groups that don't overlap by more than half, the strongest first.
    pub groups: Vec<Group>,
    /// For each member, the most that it adds to a group that was grown: nats, zero if to none.
    pub evidence: Vec<f64>,
}

/// Scans a board.
pub fn scan(supports: &Supports, members: usize) -> Scan {
    let mut evidence = vec![0.0; members];
    let mut found: Vec<Group> = Vec::new();
    let back = Back::of(supports, members);
    let choices: Vec<f64> = (0..=MAX_GROUP)
        .map(|size| choices(members as f64, size))
        .collect();
    let mut around = Around::new(members);
    for share in SHARES {
        let graph = Pairs::of(supports, &back, members, share);
        for seed in graph.seeds() {
            let Some(group) = graph.grow(seed, &choices, &mut around) else {
                continue;
            };
            for (member, adds) in &group.members {
                let best = &mut evidence[member.at()];
                *best = adds.max(*best);
            }
            found.push(group);
        }
    }
    Scan {
        groups: apart(found, members),
        evidence,
    }
}

/// Weighs a group that something else proposed, with the share that explains it best: every pair counts, also
/// those that the scan doesn't follow.
pub fn weigh(supports: &Supports, members: usize, group: &[MemberId]) -> Group {
    let weighed = SHARES.map(|share| {
        let mut adds: Vec<(MemberId, f64)> = group.iter().map(|member| (*member, 0.0)).collect();
        let mut evidence = 0.0;
        for (place, member) in group.iter().enumerate() {
            for (other_place, other) in group.iter().enumerate().filter(|(_, o)| *o != member) {
                let cost = share * f64::from(supports.written(*other));
                let ratio = supports.between(*member, *other).map_or(0.0, |support| {
                    let expected = support.expected.max(LEAST_EXPECTED);
                    f64::from(support.votes) * (cost / expected).ln_1p()
                });
                evidence += ratio - cost;
                for place in [place, other_place] {
                    if let Some((_, adds)) = adds.get_mut(place) {
                        *adds += ratio - cost;
                    }
                }
            }
        }
        Group {
            members: adds,
            share,
            evidence,
            beyond_chance: evidence - choices(members as f64, group.len()),
        }
    });
    let [first, rest @ ..] = weighed;
    rest.into_iter().fold(first, |best, next| {
        if next.evidence > best.evidence {
            next
        } else {
            best
        }
    })
}

/// The strongest groups, without those that share more than half of the smaller one with a stronger one.
fn apart(mut found: Vec<Group>, members: usize) -> Vec<Group> {
    found.sort_by(|a, b| {
        let strength = b.beyond_chance.total_cmp(&a.beyond_chance);
        strength.then_with(|| first(a).cmp(&first(b)))
    });
    let mut kept: Vec<Group> = Vec::new();
    let mut groups_of: Vec<Vec<u32>> = vec![Vec::new(); members];
    // By group that was kept: how many members it shares with the one at hand.
    let mut shared: Vec<usize> = Vec::new();
    for group in found {
        shared.clear();
        shared.resize(kept.len(), 0);
        for (member, _) in &group.members {
            for place in &groups_of[member.at()] {
                shared[*place as usize] += 1;
            }
        }
        let overlaps = kept
            .iter()
            .zip(&shared)
            .any(|(other, both)| share_most(*both, other.members.len(), group.members.len()));
        if !overlaps {
            for (member, _) in &group.members {
                groups_of[member.at()].push(kept.len() as u32);
            }
            kept.push(group);
        }
    }
    kept
}

/// Whether two groups have so many of their members in common that they are told as one: more than half of the
/// smaller one.
pub(crate) fn share_most(both: usize, one: usize, other: usize) -> bool {
    2 * both > one.min(other)
}

fn first(group: &Group) -> Option<MemberId> {
    group.members.first().map(|(member, _)| *member)
}

/// For each author, by whom it is supported: ascending, each with its place among [`Supports::all`].
struct Back {
    starts: Vec<u32>,
    list: Vec<(u32, u32)>,
}

impl Back {
    fn of(supports: &Supports, members: usize) -> Self {
        let mut starts = vec![0_u32; members + 1];
        for support in supports.all() {
            starts[support.author.at() + 1] += 1;
        }
        for author in 0..members {
            starts[author + 1] += starts[author];
        }
        let mut next = starts.clone();
        let mut list = vec![(0, 0); supports.all().len()];
        for member in 0..members as u32 {
            for place in supports.places(MemberId(member)) {
                let next = &mut next[supports.all()[place].author.at()];
                list[*next as usize] = (member, place as u32);
                *next += 1;
            }
        }
        Self { starts, list }
    }

    fn of_author(&self, author: u32) -> &[(u32, u32)] {
        let author = author as usize;
        &self.list[self.starts[author] as usize..self.starts[author + 1] as usize]
    }
}

/// The pairs that speak for a ring with one share, both directions added, and what silence costs.
struct Pairs {
    share: f64,
    /// By member: the other, and the logarithms of the ratios of the votes between the two, both ways, the
    /// strongest first: `ratios[starts[member]..starts[member + 1]]`.
    ratios: Vec<(u32, f64)>,
    starts: Vec<u32>,
    /// `share` times the posts that each wrote: what each silent pair with it costs.
    silence: Vec<f64>,
}

impl Pairs {
    fn of(supports: &Supports, back: &Back, members: usize, share: f64) -> Self {
        let silence: Vec<f64> = (0..members as u32)
            .map(|m| share * f64::from(supports.written(MemberId(m))))
            .collect();
        let one_way = |support: &Support| {
            let expected = support.expected.max(LEAST_EXPECTED);
            f64::from(support.votes) * (silence[support.author.at()] / expected).ln_1p()
        };
        let one_way: Vec<f64> = supports.all().iter().map(one_way).collect();
        let mut ratios: Vec<(u32, f64)> = Vec::new();
        let mut starts = Vec::with_capacity(members + 1);
        starts.push(0);
        let mut list: Vec<(u32, f64)> = Vec::new();
        for member in 0..members as u32 {
            let places = supports.places(MemberId(member));
            let given = places.map(|place| (supports.all()[place].author.0, one_way[place]));
            let got = back.of_author(member).iter();
            let got = got.map(|(other, place)| (*other, one_way[*place as usize]));
            list.clear();
            both_ways(given, got, &mut list);
            // A pair that doesn't even pay for itself never helps.
            let own = silence[member as usize];
            list.retain(|(other, ratio)| ratio - own - silence[*other as usize] > 0.0);
            list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            list.truncate(FOLLOWED);
            ratios.extend(&list);
            starts.push(ratios.len() as u32);
        }
        Self {
            share,
            ratios,
            starts,
            silence,
        }
    }

    /// Somebody's pairs, the strongest first.
    fn with(&self, member: u32) -> &[(u32, f64)] {
        let member = member as usize;
        &self.ratios[self.starts[member] as usize..self.starts[member + 1] as usize]
    }

    /// Members with pairs, those with the strongest three first if there are too many.
    fn seeds(&self) -> Vec<u32> {
        let promise = |list: &[(u32, f64)]| list.iter().take(3).map(|(_, r)| r).sum::<f64>();
        let mut seeds: Vec<(u32, f64)> = (0..self.silence.len() as u32)
            .map(|member| (member, self.with(member)))
            .filter(|(_, list)| !list.is_empty())
            .map(|(member, list)| (member, promise(list)))
            .collect();
        seeds.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        seeds.truncate(SEEDS);
        seeds.into_iter().map(|(member, _)| member).collect()
    }

    /// Grows a group from a member, always by whoever adds most, and keeps its best moment. `choices` are by
    /// size.
    fn grow(&self, seed: u32, choices: &[f64], around: &mut Around) -> Option<Group> {
        let mut group = vec![seed];
        let mut wrote = self.silence[seed as usize];
        around.clear();
        around.join(self, seed, 1, wrote);
        let (mut evidence, mut best, mut best_size, mut best_evidence) = (0.0, f64::MIN, 0, 0.0);
        while group.len() < MAX_GROUP {
            let Some((member, adds)) = around.most(group.len(), wrote) else {
                break;
            };
            evidence += adds;
            wrote += self.silence[member as usize];
            group.push(member);
            around.join(self, member, group.len(), wrote);
            let beyond = evidence - choices[group.len()];
            if beyond > best {
                (best, best_size, best_evidence) = (beyond, group.len(), evidence);
            }
        }
        if best_size < 2 {
            return None;
        }
        group.truncate(best_size);
        Some(Group {
            members: self.contributions(&group, around),
            share: self.share,
            evidence: best_evidence,
            beyond_chance: best,
        })
    }

    /// What each member adds to a group, those who joined first of what has grown: all its pairs with the others.
    fn contributions(&self, group: &[u32], around: &Around) -> Vec<(MemberId, f64)> {
        let wrote: f64 = group.iter().map(|m| self.silence[*m as usize]).sum();
        let others = group.len() as f64 - 1.0;
        let mut members: Vec<(MemberId, f64)> = group
            .iter()
            .map(|member| {
                let own = self.silence[*member as usize];
                let pairs = self.with(*member).iter();
                let inside = pairs.filter(|(other, _)| around.joined(*other) <= group.len());
                let ratios: f64 = inside.map(|(_, ratio)| ratio).sum();
                (MemberId(*member), ratios - others * own - (wrote - own))
            })
            .collect();
        members.sort_unstable_by_key(|(member, _)| *member);
        members
    }
}

/// Those who have pairs with a growing group, in lists that are gone through fast. Made once for all groups.
struct Around {
    /// By member: its place in the list.
    place: Vec<u32>,
    near: Vec<Near>,
    /// The places of those who would add to the group. What somebody adds only gets less until somebody joins
    /// who has a pair with it, so most are out of the race soon.
    live: Vec<u32>,
}

/// Somebody with pairs with a group.
struct Near {
    member: u32,
    /// The size of the group with it; more than any group's if it isn't of it.
    joined: u32,
    live: bool,
    /// What its pairs with the group add up to; minus infinity, and so never most, if it is of the group.
    ratio: f64,
    silence: f64,
}

impl Near {
    /// What it adds to a group of `size` whose members are `wrote` silent pairs' worth.
    fn adds(&self, size: f64, wrote: f64) -> f64 {
        self.ratio - size * self.silence - wrote
    }
}

impl Around {
    const NOWHERE: u32 = u32::MAX;

    fn new(members: usize) -> Self {
        Self {
            place: vec![Self::NOWHERE; members],
            near: Vec::new(),
            live: Vec::new(),
        }
    }

    fn clear(&mut self) {
        for near in self.near.drain(..) {
            self.place[near.member as usize] = Self::NOWHERE;
        }
        self.live.clear();
    }

    /// A member joins the group, which is of `size` and `wrote` so much with it.
    fn join(&mut self, pairs: &Pairs, member: u32, size: usize, wrote: f64) {
        let place = self.place_of(pairs, member);
        let near = &mut self.near[place as usize];
        near.ratio = f64::NEG_INFINITY;
        near.joined = size as u32;
        for (other, ratio) in pairs.with(member) {
            let place = self.place_of(pairs, *other);
            let near = &mut self.near[place as usize];
            near.ratio += ratio;
            if !near.live && near.adds(size as f64, wrote) > 0.0 {
                near.live = true;
                self.live.push(place);
            }
        }
    }

    fn place_of(&mut self, pairs: &Pairs, member: u32) -> u32 {
        let place = &mut self.place[member as usize];
        if *place == Self::NOWHERE {
            *place = self.near.len() as u32;
            self.near.push(Near {
                member,
                joined: u32::MAX,
                live: false,
                ratio: 0.0,
                silence: pairs.silence[member as usize],
            });
        }
        *place
    }

    /// The size of the group with this member, who has a pair with one of it.
    fn joined(&self, member: u32) -> usize {
        let near = self.near.get(self.place[member as usize] as usize);
        near.map_or(usize::MAX, |near| near.joined as usize)
    }

    /// Who adds most, of those who add anything, to a group of `size` whose members are `wrote` silent pairs'
    /// worth; of equals the first.
    fn most(&mut self, size: usize, wrote: f64) -> Option<(u32, f64)> {
        let mut most: Option<(u32, f64)> = None;
        let Self { near, live, .. } = self;
        live.retain(|place| {
            let near = &mut near[*place as usize];
            let adds = near.adds(size as f64, wrote);
            near.live = adds > 0.0;
            if near.live
                && most.is_none_or(|(member, best)| {
                    adds > best || (adds == best && near.member < member)
                })
            {
                most = Some((near.member, adds));
            }
            near.live
        });
        most
    }
}

/// Joins two lists that ascend by the other member: somebody who stands in both has the sum.
fn both_ways(
    given: impl Iterator<Item = (u32, f64)>,
    got: impl Iterator<Item = (u32, f64)>,
    into: &mut Vec<(u32, f64)>,
) {
    let mut got = got.peekable();
    for (author, ratio) in given {
        while let Some(next) = got.next_if(|(voter, _)| *voter < author) {
            into.push(next);
        }
        let back = got.next_if(|(voter, _)| *voter == author);
        into.push((author, ratio + back.map_or(0.0, |(_, back)| back)));
    }
    into.extend(got);
}

/// Logarithm of the number of groups of `size` among `total`, from above: `(e·total/size)^size`.
fn choices(total: f64, size: usize) -> f64 {
    let size = size as f64;
    size * (1.0 + (total / size).ln())
}
