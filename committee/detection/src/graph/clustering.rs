//! How closely a node's neighbours are connected with each other.

use super::Graph;

/// The local clustering coefficient (Watts and Strogatz: "Collective dynamics of 'small-world' networks",
/// Nature 393, 1998): of the pairs of a node's neighbours, the share that are neighbours themselves. Not
/// defined (`None`) for nodes with fewer than two. Weights and edges of nodes with themselves don't matter.
///
/// Each triangle is found once, from its node of lowest degree, over edges that point to higher degree:
/// `O(edges^1.5)` at worst (Latapy: "Main-memory triangle computations for very large (sparse (power-law))
/// graphs", Theoretical Computer Science 407, 2008).
pub fn local(graph: &Graph) -> Vec<Option<f64>> {
    let degrees = (0..graph.nodes() as u32).map(|n| graph.neighbours(n).len() as u64);
    triangles(graph)
        .into_iter()
        .zip(degrees)
        .map(|(triangles, degree)| {
            (degree >= 2).then(|| 2.0 * triangles as f64 / (degree * (degree - 1)) as f64)
        })
        .collect()
}

/// For each node, the triangles that it is in.
pub fn triangles(graph: &Graph) -> Vec<u64> {
    let nodes = graph.nodes();
    // Nodes by rank of degree, so that "higher" is a comparison of numbers and lists are short.
    let mut order: Vec<u32> = (0..nodes as u32).collect();
    order.sort_unstable_by_key(|n| (graph.neighbours(*n).len(), *n));
    let mut rank = vec![0_u32; nodes];
    for (place, node) in order.iter().enumerate() {
        rank[*node as usize] = place as u32;
    }
    let mut starts = vec![0_usize; nodes + 1];
    let mut higher: Vec<u32> = Vec::with_capacity(graph.edges());
    for (place, node) in order.iter().enumerate() {
        let ranks = graph.neighbours(*node).iter().map(|n| rank[*n as usize]);
        higher.extend(ranks.filter(|r| *r > place as u32));
        starts[place + 1] = higher.len();
    }
    let above = |place: usize| &higher[starts[place]..starts[place + 1]];
    let mut by_rank = vec![0_u64; nodes];
    let mut marked = vec![false; nodes];
    for place in 0..nodes {
        for other in above(place) {
            marked[*other as usize] = true;
        }
        for other in above(place) {
            for third in above(*other as usize) {
                if marked[*third as usize] {
                    by_rank[place] += 1;
                    by_rank[*other as usize] += 1;
                    by_rank[*third as usize] += 1;
                }
            }
        }
        for other in above(place) {
            marked[*other as usize] = false;
        }
    }
    rank.iter().map(|r| by_rank[*r as usize]).collect()
}
