//! Communities: groups of nodes with more edges among themselves than chance would give.

use std::borrow::Cow;
use std::collections::VecDeque;

use chacha20::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::Graph;

/// How much less than the best choice is still likely in refinement; Traag and others' value.
const LOOSE: f64 = 0.01;
/// A move that gains less, by its node's strength, is rounding: it could be made and undone for ever.
const LEAST_GAIN: f64 = 1e-12;
/// Rounds of label propagation at most; it mostly ends after a few.
const LABEL_ROUNDS: usize = 100;

/// Which community each node is in. Communities are numbers from zero, in the order of their first node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    of: Vec<u32>,
    count: usize,
}

impl Partition {
    /// A partition from any labels, one for each node.
    pub fn from_labels(of: &[u32]) -> Self {
        let mut distinct = of.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let place = |label: &u32| distinct.partition_point(|d| d < label) as u32;
        Self::numbered(&of.iter().map(place).collect::<Vec<u32>>())
    }

    /// Numbers the communities anew, in the order of their first node.
    fn numbered(of: &[u32]) -> Self {
        let mut numbers = vec![u32::MAX; of.iter().max().map_or(0, |m| *m as usize + 1)];
        let mut count = 0;
        let of = of.iter().map(|c| {
            let number = &mut numbers[*c as usize];
            if *number == u32::MAX {
                *number = count;
                count += 1;
            }
            *number
        });
        let of = of.collect();
        Self {
            of,
            count: count as usize,
        }
    }

    /// Every node alone.
    fn alone(nodes: usize) -> Self {
        Self {
            of: (0..nodes as u32).collect(),
            count: nodes,
        }
    }

    /// A node's community.
    pub fn of(&self, node: u32) -> u32 {
        self.of[node as usize]
    }

    /// How many communities.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Each community's nodes, ascending.
    pub fn members(&self) -> Vec<Vec<u32>> {
        let mut members = vec![Vec::new(); self.count];
        for (node, community) in (0..).zip(&self.of) {
            members[*community as usize].push(node);
        }
        members
    }
}

/// Modularity (Newman and Girvan: "Finding and evaluating community structure in networks", Physical Review
/// E 69, 2004), with a resolution (Reichardt and Bornholdt, 2006): the share of the edges within
/// communities, less `resolution` times what chance would give.
pub fn modularity(graph: &Graph, partition: &Partition, resolution: f64) -> f64 {
    let mut strength = vec![0.0; partition.count];
    let mut inside = 0.0;
    for node in 0..graph.nodes() as u32 {
        let community = partition.of(node);
        strength[community as usize] += graph.strength(node);
        inside += 2.0 * graph.own(node);
        for (other, weight) in graph.edges_of(node) {
            if partition.of(other) == community {
                inside += weight;
            }
        }
    }
    let total: f64 = strength.iter().sum();
    if total <= 0.0 {
        return 0.0;
    }
    let chance: f64 = strength.iter().map(|s| (s / total) * (s / total)).sum();
    inside / total - resolution * chance
}

/// Leiden (Traag, Waltman, van Eck: "From Louvain to Leiden: guaranteeing well-connected communities",
/// Scientific Reports 9, 2019) for modularity: moves nodes, refines each community into well-connected
/// parts, and goes on with a graph of the parts; `rounds` times all of it, or until nothing changes.
pub fn leiden(graph: &Graph, resolution: f64, rounds: usize, seed: u64) -> Partition {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut partition = Partition::alone(graph.nodes());
    for _ in 0..rounds {
        let better = leiden_round(graph, &partition, resolution, &mut rng);
        if better == partition {
            break;
        }
        partition = better;
    }
    partition
}

/// One round from a given partition.
fn leiden_round(
    graph: &Graph,
    from: &Partition,
    resolution: f64,
    rng: &mut ChaCha8Rng,
) -> Partition {
    let mut level = Level::of(Cow::Borrowed(graph), resolution);
    let mut partition = from.clone();
    // Which node of the level each node of the graph is in.
    let mut place: Vec<u32> = (0..graph.nodes() as u32).collect();
    loop {
        partition = level.moved(partition, rng);
        let whole = |place: &[u32], partition: &Partition| {
            let of: Vec<u32> = place.iter().map(|p| partition.of(*p)).collect();
            Partition::numbered(&of)
        };
        if partition.count == level.graph.nodes() {
            return whole(&place, &partition);
        }
        let mut parts = level.refined(&partition, rng);
        if parts.count == level.graph.nodes() {
            // No two nodes were joined, by lot: go on with whole communities, so that the graph gets smaller.
            parts = partition.clone();
        }
        let mut next = vec![0; parts.count];
        for (part, community) in parts.of.iter().zip(&partition.of) {
            next[*part as usize] = *community;
        }
        for place in &mut place {
            *place = parts.of(*place);
        }
        level = Level::of(Cow::Owned(level.joined(&parts)), resolution);
        partition = Partition::numbered(&next);
    }
}

/// Louvain (Blondel, Guillaume, Lambiotte, Lefebvre: "Fast unfolding of communities in large networks",
/// 2008) for modularity: as Leiden without refinement, so that a community may be badly connected.
pub fn louvain(graph: &Graph, resolution: f64, seed: u64) -> Partition {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut level = Level::of(Cow::Borrowed(graph), resolution);
    let mut place: Vec<u32> = (0..graph.nodes() as u32).collect();
    loop {
        let nodes = level.graph.nodes();
        let partition = level.moved(Partition::alone(nodes), &mut rng);
        for place in &mut place {
            *place = partition.of(*place);
        }
        if partition.count == nodes {
            return Partition::numbered(&place);
        }
        level = Level::of(Cow::Owned(level.joined(&partition)), resolution);
    }
}

/// Label propagation (Raghavan, Albert, Kumara: "Near linear time algorithm to detect community structures
/// in large-scale networks", Physical Review E 76, 2007): each node takes the label that most of its
/// neighbours' weight has, ties by lot, until all have such a label.
pub fn labels(graph: &Graph, seed: u64) -> Partition {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let nodes = graph.nodes();
    let mut of: Vec<u32> = (0..nodes as u32).collect();
    let mut order = of.clone();
    let mut weights = vec![0.0_f64; nodes];
    let mut seen: Vec<u32> = Vec::new();
    let mut best: Vec<u32> = Vec::new();
    for _ in 0..LABEL_ROUNDS {
        order.shuffle(&mut rng);
        let mut changed = false;
        for node in &order {
            for (other, weight) in graph.edges_of(*node) {
                let label = of[other as usize];
                if weights[label as usize] == 0.0 {
                    seen.push(label);
                }
                weights[label as usize] += weight;
            }
            let most = seen
                .iter()
                .map(|l| weights[*l as usize])
                .fold(0.0, f64::max);
            best.clear();
            best.extend(seen.iter().filter(|l| weights[**l as usize] >= most));
            for label in seen.drain(..) {
                weights[label as usize] = 0.0;
            }
            if !best.is_empty() && !best.contains(&of[*node as usize]) {
                of[*node as usize] = best[rng.random_range(0..best.len())];
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    Partition::numbered(&of)
}

/// A graph on its way, with what moving nodes needs to know.
struct Level<'a> {
    graph: Cow<'a, Graph>,
    strength: Vec<f64>,
    /// `resolution` over the strength of all.
    pull: f64,
}

/// Sums of weights by community, for one node at a time.
struct Sums {
    weight: Vec<f64>,
    seen: Vec<u32>,
}

impl Sums {
    fn new(communities: usize) -> Self {
        Self {
            weight: vec![0.0; communities],
            seen: Vec::new(),
        }
    }

    fn add(&mut self, community: u32, weight: f64) {
        let sum = &mut self.weight[community as usize];
        if *sum == 0.0 {
            self.seen.push(community);
        }
        *sum += weight;
    }

    fn clear(&mut self) {
        for community in self.seen.drain(..) {
            self.weight[community as usize] = 0.0;
        }
    }
}

/// What moving a node asks of a community. It is kept together, because communities are looked up all over
/// memory, and that is what takes the time.
#[derive(Clone, Copy, Default)]
struct Community {
    /// Of the node's edges with it; zero between nodes.
    weight: f64,
    strength: f64,
}

/// What refining asks of a part.
#[derive(Clone, Copy)]
struct Part {
    /// Of the node's edges with it; zero between nodes.
    weight: f64,
    strength: f64,
    /// The weight of its edges with the rest of its community.
    outward: f64,
    size: u32,
}

impl<'a> Level<'a> {
    fn of(graph: Cow<'a, Graph>, resolution: f64) -> Self {
        let strength: Vec<f64> = (0..graph.nodes() as u32)
            .map(|n| graph.strength(n))
            .collect();
        let total: f64 = strength.iter().sum();
        let pull = if total > 0.0 { resolution / total } else { 0.0 };
        Self {
            graph,
            strength,
            pull,
        }
    }

    /// Moves nodes to where they add most, until none gains by moving: only nodes whose neighbours moved
    /// are looked at again.
    fn moved(&self, partition: Partition, rng: &mut ChaCha8Rng) -> Partition {
        let nodes = self.graph.nodes();
        let mut of = partition.of;
        let mut all = vec![Community::default(); nodes];
        let mut sizes = vec![0_u32; nodes];
        for (node, community) in of.iter().enumerate() {
            all[*community as usize].strength += self.strength[node];
            sizes[*community as usize] += 1;
        }
        let mut empty: Vec<u32> = (0..nodes as u32)
            .filter(|c| sizes[*c as usize] == 0)
            .collect();
        let mut order: Vec<u32> = (0..nodes as u32).collect();
        order.shuffle(rng);
        let mut queue: VecDeque<u32> = order.into();
        let mut queued = vec![true; nodes];
        let mut seen: Vec<u32> = Vec::new();
        while let Some(node) = queue.pop_front() {
            queued[node as usize] = false;
            let from = of[node as usize];
            let own = self.strength[node as usize];
            for (other, weight) in self.graph.edges_of(node) {
                let community = of[other as usize];
                let sum = &mut all[community as usize].weight;
                if *sum == 0.0 {
                    seen.push(community);
                }
                *sum += weight;
            }
            all[from as usize].strength -= own;
            sizes[from as usize] -= 1;
            let gain =
                |community: &Community| community.weight - self.pull * own * community.strength;
            let (mut best, mut most) = (from, gain(&all[from as usize]));
            for community in seen.drain(..) {
                let found = &mut all[community as usize];
                let gain = gain(found);
                if gain > most + own * LEAST_GAIN {
                    (best, most) = (community, gain);
                }
                found.weight = 0.0;
            }
            if most < -own * LEAST_GAIN && sizes[from as usize] > 0 {
                best = empty.last().copied().unwrap_or(from);
            }
            if best != from {
                if sizes[best as usize] == 0 {
                    // Only the last empty one is ever chosen.
                    empty.pop();
                }
                if sizes[from as usize] == 0 {
                    empty.push(from);
                }
                of[node as usize] = best;
                for other in self.graph.neighbours(node) {
                    if of[*other as usize] != best && !queued[*other as usize] {
                        queued[*other as usize] = true;
                        queue.push_back(*other);
                    }
                }
            }
            all[best as usize].strength += own;
            sizes[best as usize] += 1;
        }
        Partition::numbered(&of)
    }

    /// Parts of each community that are well connected with it: nodes join parts by lot, the likelier the
    /// more it gains.
    fn refined(&self, partition: &Partition, rng: &mut ChaCha8Rng) -> Partition {
        let nodes = self.graph.nodes();
        let mut whole = vec![0.0; partition.count];
        for (node, community) in partition.of.iter().enumerate() {
            whole[*community as usize] += self.strength[node];
        }
        let mut of: Vec<u32> = (0..nodes as u32).collect();
        let alone = |node: u32| {
            let community = partition.of(node);
            let edges = self.graph.edges_of(node);
            let inside = edges.filter(|(other, _)| partition.of(*other) == community);
            Part {
                weight: 0.0,
                strength: self.strength[node as usize],
                outward: inside.map(|(_, weight)| weight).sum(),
                size: 1,
            }
        };
        let mut parts: Vec<Part> = (0..nodes as u32).map(alone).collect();
        let mut order: Vec<u32> = (0..nodes as u32).collect();
        order.shuffle(rng);
        let mut seen: Vec<u32> = Vec::new();
        let mut chances: Vec<(u32, f64)> = Vec::new();
        for node in order {
            let community = partition.of(node);
            let (own, all) = (self.strength[node as usize], whole[community as usize]);
            let joined =
                |strength: f64, outward: f64| outward >= self.pull * strength * (all - strength);
            let own_part = parts[node as usize];
            if parts[of[node as usize] as usize].size != 1 || !joined(own, own_part.outward) {
                continue;
            }
            for (other, weight) in self.graph.edges_of(node) {
                if partition.of(other) == community {
                    let part = of[other as usize];
                    let sum = &mut parts[part as usize].weight;
                    if *sum == 0.0 {
                        seen.push(part);
                    }
                    *sum += weight;
                }
            }
            chances.clear();
            chances.push((node, 0.0));
            for place in &seen {
                let part = &parts[*place as usize];
                let gain = part.weight - self.pull * own * part.strength;
                if gain >= 0.0 && joined(part.strength, part.outward) {
                    chances.push((*place, gain));
                }
            }
            let part = drawn(&mut chances, rng);
            let inward = parts[part as usize].weight;
            for place in seen.drain(..) {
                parts[place as usize].weight = 0.0;
            }
            if part != node {
                of[node as usize] = part;
                let joins = &mut parts[part as usize];
                joins.size += 1;
                joins.strength += own;
                joins.outward += own_part.outward - 2.0 * inward;
                let left = &mut parts[node as usize];
                left.size = 0;
                left.strength = 0.0;
            }
        }
        Partition::numbered(&of)
    }

    /// The graph whose nodes are the communities.
    fn joined(&self, partition: &Partition) -> Graph {
        let mut own = vec![0.0; partition.count];
        let mut starts = vec![0_usize; partition.count + 1];
        let (mut to, mut weights) = (Vec::new(), Vec::new());
        let mut sums = Sums::new(partition.count);
        for (community, members) in partition.members().iter().enumerate() {
            let mut inside = 0.0;
            for node in members {
                own[community] += self.graph.own(*node);
                for (other, weight) in self.graph.edges_of(*node) {
                    let other = partition.of(other);
                    if other as usize == community {
                        inside += weight;
                    } else {
                        sums.add(other, weight);
                    }
                }
            }
            own[community] += inside / 2.0;
            sums.seen.sort_unstable();
            to.extend(&sums.seen);
            weights.extend(sums.seen.iter().map(|c| sums.weight[*c as usize]));
            starts[community + 1] = to.len();
            sums.clear();
        }
        Graph {
            starts,
            to,
            weights,
            own,
        }
    }
}

/// One of several by lot, with chances that grow as `exp(gain / LOOSE)`.
fn drawn(chances: &mut [(u32, f64)], rng: &mut ChaCha8Rng) -> u32 {
    let most = chances.iter().map(|(_, gain)| *gain).fold(0.0, f64::max);
    let mut total = 0.0;
    for (_, gain) in chances.iter_mut() {
        *gain = ((*gain - most) / LOOSE).exp();
        total += *gain;
    }
    let mut lot = rng.random::<f64>() * total;
    for (part, chance) in chances.iter() {
        lot -= chance;
        if lot < 0.0 {
            return *part;
        }
    }
    chances.last().map_or(0, |(part, _)| *part)
}
