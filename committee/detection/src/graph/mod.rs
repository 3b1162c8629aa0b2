//! Graphs and what is measured of them. A graph is undirected, with positive weights; nodes are numbers
//! from zero. Every measure is checked against another program's result.

pub mod clustering;
pub mod communities;
pub mod pagerank;

pub use communities::{Partition, labels, leiden, louvain, modularity};

/// An undirected graph with weights: for each node its neighbours, ascending, each edge at both of its ends.
/// An edge from a node to itself stands in [`Graph::own`], once.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    starts: Vec<usize>,
    to: Vec<u32>,
    weights: Vec<f64>,
    own: Vec<f64>,
}

impl Graph {
    /// Makes a graph; an edge that stands in the list several times, in either direction, has the sum of the
    /// weights. Linear in edges but for sorting each node's neighbours.
    ///
    /// # Panics
    /// If an edge names a node that isn't there.
    pub fn new(nodes: usize, edges: &[(u32, u32, f64)]) -> Self {
        let mut starts = vec![0_usize; nodes + 1];
        let mut own = vec![0.0; nodes];
        for (a, b, weight) in edges {
            if a == b {
                own[*a as usize] += weight;
            } else {
                starts[*a as usize + 1] += 1;
                starts[*b as usize + 1] += 1;
            }
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut all = vec![(0_u32, 0.0_f64); starts[nodes]];
        for (a, b, weight) in edges.iter().filter(|(a, b, _)| a != b) {
            for (from, to) in [(*a, *b), (*b, *a)] {
                let place = &mut next[from as usize];
                all[*place] = (to, *weight);
                *place += 1;
            }
        }
        let mut to = Vec::with_capacity(all.len());
        let mut weights = Vec::with_capacity(all.len());
        let mut ends = vec![0_usize; nodes + 1];
        for node in 0..nodes {
            let list = &mut all[starts[node]..starts[node + 1]];
            list.sort_unstable_by_key(|(to, _)| *to);
            for same in list.chunk_by(|a, b| a.0 == b.0) {
                to.push(same[0].0);
                weights.push(same.iter().map(|(_, weight)| weight).sum());
            }
            ends[node + 1] = to.len();
        }
        Self {
            starts: ends,
            to,
            weights,
            own,
        }
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.own.len()
    }

    /// How many edges between different nodes.
    pub fn edges(&self) -> usize {
        self.to.len() / 2
    }

    /// A node's neighbours, ascending.
    pub fn neighbours(&self, node: u32) -> &[u32] {
        &self.to[self.starts[node as usize]..self.starts[node as usize + 1]]
    }

    /// A node's neighbours and the weights of its edges with them.
    pub fn edges_of(&self, node: u32) -> impl Iterator<Item = (u32, f64)> + '_ {
        let range = self.starts[node as usize]..self.starts[node as usize + 1];
        let weights = &self.weights[range];
        self.neighbours(node)
            .iter()
            .copied()
            .zip(weights.iter().copied())
    }

    /// The weight of a node's edge with itself.
    pub fn own(&self, node: u32) -> f64 {
        self.own[node as usize]
    }

    /// The weights of all edges at a node, one with itself counted twice.
    pub fn strength(&self, node: u32) -> f64 {
        let edges: f64 = self.edges_of(node).map(|(_, weight)| weight).sum();
        edges + 2.0 * self.own(node)
    }
}
