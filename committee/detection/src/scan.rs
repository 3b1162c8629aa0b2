//! Looks for groups whose members support each other as a ring would, and weighs each against chance.
//!
//! The hypothesis: in a ring each member votes for a share `s` of each other member's posts, on top of what
//! it would have voted for anyhow. Votes of a pair are then Poisson with mean `e + s·n` in place of `e`
//! (`n` posts, `e` expected by [`Chance`](crate::signals::chance::Chance)), and a group's evidence is the
//! logarithm of the likelihood ratio, summed over its ordered pairs: a pair that the ring would have made
//! vote, and that didn't, counts against it. It is a scan statistic (Kulldorff: "A spatial scan statistic",
//! Communications in Statistics 26, 1997) over groups in place of regions. The groups are too many to try:
//! they are grown greedily from every member, which finds a planted one whenever its pairs stand out.

use std::collections::HashMap;

use crate::signals::support::Supports;
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
    for share in SHARES {
        let graph = Pairs::of(supports, members, share);
        let mut around = Around::new(members);
        for seed in graph.seeds() {
            let Some(group) = graph.grow(seed, &mut around) else {
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
        groups: apart(found),
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
fn apart(mut found: Vec<Group>) -> Vec<Group> {
    found.sort_by(|a, b| {
        let strength = b.beyond_chance.total_cmp(&a.beyond_chance);
        strength.then_with(|| first(a).cmp(&first(b)))
    });
    let mut kept: Vec<Group> = Vec::new();
    let mut groups_of: HashMap<MemberId, Vec<usize>> = HashMap::new();
    for group in found {
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for (member, _) in &group.members {
            for place in groups_of.get(member).into_iter().flatten() {
                *shared.entry(*place).or_default() += 1;
            }
        }
        let overlaps = shared.iter().any(|(place, count)| {
            let smaller = kept[*place].members.len().min(group.members.len());
            2 * count > smaller
        });
        if !overlaps {
            for (member, _) in &group.members {
                groups_of.entry(*member).or_default().push(kept.len());
            }
            kept.push(group);
        }
    }
    kept
}

fn first(group: &Group) -> Option<MemberId> {
    group.members.first().map(|(member, _)| *member)
}

/// The pairs that speak for a ring with one share, both directions added, and what silence costs.
struct Pairs {
    share: f64,
    /// By member: the other, and the logarithms of the ratios of the votes between the two, both ways.
    ratios: Vec<Vec<(u32, f64)>>,
    /// `share` times the posts that each wrote: what each silent pair with it costs.
    silence: Vec<f64>,
}

impl Pairs {
    fn of(supports: &Supports, members: usize, share: f64) -> Self {
        let silence: Vec<f64> = (0..members as u32)
            .map(|m| share * f64::from(supports.written(MemberId(m))))
            .collect();
        let mut ratios: Vec<Vec<(u32, f64)>> = vec![Vec::new(); members];
        for member in 0..members as u32 {
            for support in supports.by(MemberId(member)) {
                let author = support.author;
                let expected = support.expected.max(LEAST_EXPECTED);
                let ratio = f64::from(support.votes) * (silence[author.at()] / expected).ln_1p();
                ratios[member as usize].push((author.0, ratio));
                ratios[author.at()].push((member, ratio));
            }
        }
        for (member, list) in ratios.iter_mut().enumerate() {
            list.sort_unstable_by_key(|(other, _)| *other);
            list.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    kept.1 += next.1;
                }
                same
            });
            // A pair that doesn't even pay for itself never helps.
            let own = silence[member];
            list.retain(|(other, ratio)| ratio - own - silence[*other as usize] > 0.0);
            list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            list.truncate(FOLLOWED);
        }
        Self {
            share,
            ratios,
            silence,
        }
    }

    /// Members with pairs, those with the strongest three first if there are too many.
    fn seeds(&self) -> Vec<u32> {
        let promise = |list: &[(u32, f64)]| list.iter().take(3).map(|(_, r)| r).sum::<f64>();
        let mut seeds: Vec<(u32, f64)> = (0..)
            .zip(&self.ratios)
            .filter(|(_, list)| !list.is_empty())
            .map(|(member, list)| (member, promise(list)))
            .collect();
        seeds.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        seeds.truncate(SEEDS);
        seeds.into_iter().map(|(member, _)| member).collect()
    }

    /// Grows a group from a member, always by whoever adds most, and keeps its best moment.
    fn grow(&self, seed: u32, around: &mut Around) -> Option<Group> {
        let total = self.ratios.len() as f64;
        let mut group = vec![seed];
        let mut wrote = self.silence[seed as usize];
        around.clear();
        around.join(self, seed);
        let (mut evidence, mut best, mut best_size, mut best_evidence) = (0.0, f64::MIN, 0, 0.0);
        while group.len() < MAX_GROUP {
            let next = around.most(group.len() as f64, wrote);
            let Some((member, adds)) = next.filter(|(_, adds)| *adds > 0.0) else {
                break;
            };
            evidence += adds;
            wrote += self.silence[member as usize];
            group.push(member);
            around.join(self, member);
            let beyond = evidence - choices(total, group.len());
            if beyond > best {
                (best, best_size, best_evidence) = (beyond, group.len(), evidence);
            }
        }
        if best_size < 2 {
            return None;
        }
        group.truncate(best_size);
        Some(Group {
            members: self.contributions(&group),
            share: self.share,
            evidence: best_evidence,
            beyond_chance: best,
        })
    }

    /// What each member adds to a group: all its pairs with the others.
    fn contributions(&self, group: &[u32]) -> Vec<(MemberId, f64)> {
        let wrote: f64 = group.iter().map(|m| self.silence[*m as usize]).sum();
        let others = group.len() as f64 - 1.0;
        let mut members: Vec<(MemberId, f64)> = group
            .iter()
            .map(|member| {
                let own = self.silence[*member as usize];
                let pairs = self.ratios[*member as usize].iter();
                let inside = pairs.filter(|(other, _)| group.contains(other));
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
    /// By member: its place in the lists.
    place: Vec<u32>,
    near: Vec<Near>,
}

/// Somebody with pairs with a group.
struct Near {
    member: u32,
    /// What its pairs with the group add up to; minus infinity, and so never most, if it is of the group.
    ratio: f64,
    silence: f64,
}

impl Around {
    const NOWHERE: u32 = u32::MAX;

    fn new(members: usize) -> Self {
        Self {
            place: vec![Self::NOWHERE; members],
            near: Vec::new(),
        }
    }

    fn clear(&mut self) {
        for near in self.near.drain(..) {
            self.place[near.member as usize] = Self::NOWHERE;
        }
    }

    /// A member joins the group.
    fn join(&mut self, pairs: &Pairs, member: u32) {
        self.near(pairs, member).ratio = f64::NEG_INFINITY;
        for (other, ratio) in &pairs.ratios[member as usize] {
            self.near(pairs, *other).ratio += ratio;
        }
    }

    fn near(&mut self, pairs: &Pairs, member: u32) -> &mut Near {
        let place = &mut self.place[member as usize];
        if *place == Self::NOWHERE {
            *place = self.near.len() as u32;
            self.near.push(Near {
                member,
                ratio: 0.0,
                silence: pairs.silence[member as usize],
            });
        }
        &mut self.near[*place as usize]
    }

    /// Who adds most to a group of `size` whose members are `wrote` silent pairs' worth; of equals the first.
    fn most(&self, size: f64, wrote: f64) -> Option<(u32, f64)> {
        let mut most: Option<(u32, f64)> = None;
        for near in &self.near {
            let adds = near.ratio - size * near.silence - wrote;
            if most
                .is_none_or(|(member, best)| adds > best || (adds == best && near.member < member))
            {
                most = Some((near.member, adds));
            }
        }
        most
    }
}

/// Logarithm of the number of groups of `size` among `total`, from above: `(e·total/size)^size`.
fn choices(total: f64, size: usize) -> f64 {
    let size = size as f64;
    size * (1.0 + (total / size).ln())
}
