//! Personalised PageRank on directed graphs.

/// A directed graph with weights: for each node, the edges that arrive at it.
#[derive(Debug, Clone)]
pub struct Directed {
    starts: Vec<usize>,
    arriving: Vec<(u32, f64)>,
    /// For each node, the weight of the edges that leave it.
    leaving: Vec<f64>,
}

impl Directed {
    /// Makes a graph of edges from a node to another, with positive weights; parallel edges stay apart, which
    /// changes no result.
    ///
    /// # Panics
    /// If an edge names a node that isn't there.
    pub fn new(nodes: usize, edges: &[(u32, u32, f64)]) -> Self {
        let mut starts = vec![0_usize; nodes + 1];
        let mut leaving = vec![0.0; nodes];
        for (from, to, weight) in edges {
            starts[*to as usize + 1] += 1;
            leaving[*from as usize] += weight;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut arriving = vec![(0, 0.0); edges.len()];
        for (from, to, weight) in edges {
            let place = &mut next[*to as usize];
            arriving[*place] = (*from, *weight);
            *place += 1;
        }
        Self {
            starts,
            arriving,
            leaving,
        }
    }

    /// The same edges, each the other way round.
    pub fn reversed(&self) -> Self {
        let mut edges = Vec::with_capacity(self.arriving.len());
        for to in 0..self.nodes() as u32 {
            let back = |(from, weight): &(u32, f64)| (to, *from, *weight);
            edges.extend(self.arriving_at(to).iter().map(back));
        }
        Self::new(self.nodes(), &edges)
    }

    /// How many nodes.
    pub fn nodes(&self) -> usize {
        self.leaving.len()
    }

    fn arriving_at(&self, node: u32) -> &[(u32, f64)] {
        &self.arriving[self.starts[node as usize]..self.starts[node as usize + 1]]
    }
}

/// Where a surfer is in the long run who follows an edge with chance `damping`, by its weight, and else, or
/// where no edge leaves, starts again from a node drawn by `start` (Page, Brin, Motwani, Winograd: "The
/// PageRank citation ranking", 1999; the personalised form of section 6). `start` need not add up to one.
/// The result does. Its error, summed over nodes, is below `close`.
///
/// With `P` the chances to follow each edge, ranks are in proportion to the solution of `y = start + damping·P·y`,
/// where nothing has to be said of nodes that no edge leaves (Gleich, Gray, Greif, Lau: "An inner-outer
/// iteration for computing PageRank", SIAM Journal on Scientific Computing 32, 2010, section 2). It is solved by
/// Gauss and Seidel's iteration. Nodes that no edge arrives at are known from the start, and
/// those that no edge leaves are worked out at the end, once: on a board most members never wrote anything.
pub fn personalised(graph: &Directed, start: &[f64], damping: f64, close: f64) -> Vec<f64> {
    let nodes = graph.nodes();
    let total: f64 = start.iter().sum();
    if nodes == 0 || total <= 0.0 {
        return vec![0.0; nodes];
    }
    let start: Vec<f64> = start.iter().map(|s| s / total).collect();
    let step = |from: u32, weight: f64| damping * weight / graph.leaving[from as usize];
    let mut rank = start.clone();
    let core = Core::of(graph, &start, step);
    for (node, value) in core.nodes.iter().zip(core.solved(damping, close)) {
        rank[*node as usize] = value;
    }
    for node in (0..nodes as u32).filter(|n| graph.leaving[*n as usize] <= 0.0) {
        let arriving = graph.arriving_at(node).iter();
        let from = arriving.map(|(from, weight)| step(*from, *weight) * rank[*from as usize]);
        rank[node as usize] += from.sum::<f64>();
    }
    let all: f64 = rank.iter().sum();
    for rank in &mut rank {
        *rank /= all;
    }
    rank
}

/// The nodes that edges arrive at and leave, with numbers of their own: `y = base + steps·y`.
struct Core {
    nodes: Vec<u32>,
    base: Vec<f64>,
    starts: Vec<usize>,
    from: Vec<u32>,
    steps: Vec<f64>,
}

impl Core {
    fn of(graph: &Directed, start: &[f64], step: impl Fn(u32, f64) -> f64) -> Self {
        let inside =
            |n: &u32| graph.leaving[*n as usize] > 0.0 && !graph.arriving_at(*n).is_empty();
        let nodes: Vec<u32> = (0..graph.nodes() as u32).filter(inside).collect();
        let mut place = vec![u32::MAX; graph.nodes()];
        for (number, node) in (0..).zip(&nodes) {
            place[*node as usize] = number;
        }
        let mut core = Self {
            base: Vec::with_capacity(nodes.len()),
            starts: vec![0],
            from: Vec::new(),
            steps: Vec::new(),
            nodes: Vec::new(),
        };
        for node in &nodes {
            let mut base = start[*node as usize];
            for (from, weight) in graph.arriving_at(*node) {
                match place[*from as usize] {
                    u32::MAX => base += step(*from, *weight) * start[*from as usize],
                    place => {
                        core.from.push(place);
                        core.steps.push(step(*from, *weight));
                    }
                }
            }
            core.base.push(base);
            core.starts.push(core.from.len());
        }
        Self { nodes, ..core }
    }

    fn solved(&self, damping: f64, close: f64) -> Vec<f64> {
        let mut values = self.base.clone();
        // Each round takes off at least (1 - damping) of the error: this many bring any start below `close`.
        let rounds = (close / 2.0).ln() / damping.ln();
        for _ in 0..rounds.ceil().max(1.0) as usize {
            let mut moved = 0.0;
            for (node, base) in self.base.iter().enumerate() {
                let range = self.starts[node]..self.starts[node + 1];
                let edges = self.from[range.clone()].iter().zip(&self.steps[range]);
                let from = edges.map(|(from, step)| step * values[*from as usize]);
                let value = base + from.sum::<f64>();
                moved += (value - values[node]).abs();
                values[node] = value;
            }
            // What is left to be moved is `damping` times this at most, and then as often again.
            if moved * damping / (1.0 - damping) < close {
                break;
            }
        }
        values
    }
}
