//! Personalised PageRank on directed graphs.

/// A directed graph with weights: for each node, the edges that leave it.
#[derive(Debug, Clone)]
pub struct Directed {
    starts: Vec<usize>,
    edges: Vec<(u32, f64)>,
}

impl Directed {
    /// Makes a graph; parallel edges stay apart, which changes no result.
    ///
    /// # Panics
    /// If an edge names a node that isn't there.
    pub fn new(nodes: usize, edges: &[(u32, u32, f64)]) -> Self {
        let mut starts = vec![0_usize; nodes + 1];
        for (from, _, _) in edges {
            starts[*from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut list = vec![(0, 0.0); edges.len()];
        for (from, to, weight) in edges {
            let place = &mut next[*from as usize];
            list[*place] = (*to, *weight);
            *place += 1;
        }
        Self {
            starts,
            edges: list,
        }
    }

    /// The same edges, each the other way round.
    pub fn reversed(&self) -> Self {
        let mut edges = Vec::with_capacity(self.edges.len());
        for from in 0..self.nodes() {
            let leaving = &self.edges[self.starts[from]..self.starts[from + 1]];
            edges.extend(
                leaving
                    .iter()
                    .map(|(to, weight)| (*to, from as u32, *weight)),
            );
        }
        Self::new(self.nodes(), &edges)
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.starts.len() - 1
    }
}

/// Where a surfer is in the long run who follows an edge with chance `damping`, by its weight, and else, or
/// where no edge leaves, starts again from a node drawn by `start` (Page, Brin, Motwani, Winograd: "The
/// PageRank citation ranking", 1999; the personalised form of section 6). `start` need not add up to one.
/// The result does. Power iteration, until the sum of changes is below `close`.
pub fn personalised(graph: &Directed, start: &[f64], damping: f64, close: f64) -> Vec<f64> {
    let nodes = graph.nodes();
    let total: f64 = start.iter().sum();
    if nodes == 0 || total <= 0.0 {
        return vec![0.0; nodes];
    }
    let start: Vec<f64> = start.iter().map(|s| s / total).collect();
    let leaving: Vec<f64> = (0..nodes)
        .map(|n| {
            graph.edges[graph.starts[n]..graph.starts[n + 1]]
                .iter()
                .map(|e| e.1)
                .sum()
        })
        .collect();
    let mut rank = start.clone();
    let mut next = vec![0.0; nodes];
    // Each round takes off at least (1 - damping) of the error: this many bring any start below `close`.
    let rounds = (close / 2.0).ln() / damping.ln();
    for _ in 0..rounds.ceil().max(1.0) as usize {
        next.fill(0.0);
        let mut stuck = 0.0;
        for node in 0..nodes {
            if leaving[node] <= 0.0 {
                stuck += rank[node];
                continue;
            }
            let share = rank[node] / leaving[node];
            for (to, weight) in &graph.edges[graph.starts[node]..graph.starts[node + 1]] {
                next[*to as usize] += share * weight;
            }
        }
        let mut moved = 0.0;
        for (node, next) in next.iter_mut().enumerate() {
            *next = damping * (*next + stuck * start[node]) + (1.0 - damping) * start[node];
            moved += (*next - rank[node]).abs();
        }
        std::mem::swap(&mut rank, &mut next);
        if moved < close {
            break;
        }
    }
    rank
}
