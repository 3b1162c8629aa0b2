//! Every graph measure against igraph's results (`tests/graphs/make.py` makes them) and against small
//! graphs worked out by hand.

use serde::Deserialize;
use tacit_detection::graph::clustering;
use tacit_detection::graph::pagerank::{Directed, personalised};
use tacit_detection::graph::{Graph, Partition, labels, leiden, louvain, modularity};

#[derive(Deserialize)]
struct Vector {
    name: String,
    nodes: usize,
    edges: Vec<(u32, u32, f64)>,
    clustering: Vec<Option<f64>>,
    partition: Vec<u32>,
    modularity: f64,
    modularity_resolution_2: f64,
    directed: Vec<(u32, u32)>,
    start: Vec<f64>,
    pagerank: Vec<f64>,
    leiden_best: f64,
    leiden_two_rounds_mean: f64,
    louvain: f64,
}

impl Vector {
    fn graph(&self) -> Graph {
        Graph::new(self.nodes, &self.edges)
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("graphs/vectors.json")).unwrap()
}

/// Two triangles that share an edge's end: 0-1-2 and 2-3-4, with a tail 4-5.
fn bow_tie() -> Graph {
    let edges = [(0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (2, 4), (4, 5)];
    Graph::new(6, &edges.map(|(a, b)| (a, b, 1.0)))
}

#[test]
fn clustering_is_igraphs() {
    for vector in vectors() {
        let ours = clustering::local(&vector.graph());
        assert_eq!(ours.len(), vector.clustering.len());
        for (ours, theirs) in ours.iter().zip(&vector.clustering) {
            match (ours, theirs) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-12, "{}", vector.name),
                (a, b) => assert_eq!(a.is_some(), b.is_some(), "{}", vector.name),
            }
        }
    }
}

#[test]
fn clustering_of_two_triangles_by_hand() {
    let graph = bow_tie();
    assert_eq!(clustering::triangles(&graph), [1, 1, 2, 1, 1, 0]);
    let third = Some(1.0 / 3.0);
    let ours = clustering::local(&graph);
    assert_eq!(ours, [Some(1.0), Some(1.0), third, Some(1.0), third, None]);
}

#[test]
fn modularity_is_igraphs() {
    for vector in vectors() {
        let graph = vector.graph();
        let partition = Partition::from_labels(&vector.partition);
        for (resolution, theirs) in [
            (1.0, vector.modularity),
            (2.0, vector.modularity_resolution_2),
        ] {
            let ours = modularity(&graph, &partition, resolution);
            assert!(
                (ours - theirs).abs() < 1e-12,
                "{}: {ours} {theirs}",
                vector.name
            );
        }
    }
}

#[test]
fn modularity_of_two_triangles_by_hand() {
    // Seven edges: three inside {0,1,2}, three inside {3,4,5} less one (2-3 and 2-4 cross).
    let partition = Partition::from_labels(&[0, 0, 0, 1, 1, 1]);
    let expected = (3.0 + 2.0) / 7.0 - (8.0_f64 / 14.0).powi(2) - (6.0_f64 / 14.0).powi(2);
    assert!((modularity(&bow_tie(), &partition, 1.0) - expected).abs() < 1e-12);
}

#[test]
fn personalised_pagerank_is_igraphs() {
    for vector in vectors() {
        let weights = vector.edges.iter().map(|(_, _, weight)| *weight);
        let edges = vector.directed.iter().zip(weights);
        let edges: Vec<_> = edges.map(|((a, b), weight)| (*a, *b, weight)).collect();
        let graph = Directed::new(vector.nodes, &edges);
        let ours = personalised(&graph, &vector.start, 0.85, 1e-14);
        for (ours, theirs) in ours.iter().zip(&vector.pagerank) {
            assert!(
                (ours - theirs).abs() < 1e-9,
                "{}: {ours} {theirs}",
                vector.name
            );
        }
        let total: f64 = ours.iter().sum();
        assert!((total - 1.0).abs() < 1e-9);
    }
}

#[test]
fn personalised_pagerank_of_one_edge_by_hand() {
    // From 0 to 1 and nowhere else; the surfer starts at 0: p0 = (1-d) + d·p1, p1 = d·p0.
    let graph = Directed::new(2, &[(0, 1, 3.0)]);
    let rank = personalised(&graph, &[2.0, 0.0], 0.5, 1e-15);
    assert!((rank[0] - 2.0 / 3.0).abs() < 1e-12 && (rank[1] - 1.0 / 3.0).abs() < 1e-12);
    let back = personalised(&graph.reversed(), &[0.0, 1.0], 0.5, 1e-15);
    assert!((back[1] - 2.0 / 3.0).abs() < 1e-12);
}

#[test]
fn leiden_is_as_good_as_igraphs() {
    for vector in vectors() {
        let graph = vector.graph();
        // As igraph's figures were made: 20 seeds, the mean after two rounds, the best when nothing changes.
        let found = |rounds| -> Vec<f64> {
            let run = |seed| modularity(&graph, &leiden(&graph, 1.0, rounds, seed), 1.0);
            (0..20).map(run).collect()
        };
        let mean = found(2).iter().sum::<f64>() / 20.0;
        let best = found(100).into_iter().fold(f64::MIN, f64::max);
        let name = &vector.name;
        assert!(
            mean > vector.leiden_two_rounds_mean - 0.002,
            "{name}: {mean}"
        );
        assert!(best > vector.leiden_best - 0.002, "{name}: {best}");
    }
}

/// The most that any partition of a few nodes has, by trying all of them.
fn best_of_all(graph: &Graph) -> f64 {
    fn tried(graph: &Graph, labels: &mut Vec<u32>, used: u32) -> f64 {
        if labels.len() == graph.nodes() {
            return modularity(graph, &Partition::from_labels(labels), 1.0);
        }
        let mut best = f64::MIN;
        for label in 0..=used {
            labels.push(label);
            best = best.max(tried(graph, labels, used.max(label + 1)));
            labels.pop();
        }
        best
    }
    tried(graph, &mut Vec::new(), 0)
}

#[test]
fn communities_of_small_graphs_are_the_best_of_all_partitions() {
    // Three triangles in a ring: by hand 9/12 - 3·(8/24)² = 5/12.
    let mut edges = vec![(2, 3, 1.0), (5, 6, 1.0), (8, 0, 1.0)];
    for first in [0, 3, 6] {
        edges.extend([(0, 1), (1, 2), (0, 2)].map(|(a, b)| (first + a, first + b, 1.0)));
    }
    let triangles = Graph::new(9, &edges);
    assert!((best_of_all(&triangles) - 5.0 / 12.0).abs() < 1e-12);
    // A weighted path, a star, and a square with a diagonal.
    let path = Graph::new(5, &[(0, 1, 5.0), (1, 2, 1.0), (2, 3, 4.0), (3, 4, 2.0)]);
    let star = Graph::new(6, &[1, 2, 3, 4, 5].map(|leaf| (0, leaf, 1.0)));
    let square = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)].map(|(a, b)| (a, b, 1.0));
    let square = Graph::new(4, &square);
    for graph in [triangles, bow_tie(), path, star, square] {
        let best = best_of_all(&graph);
        let of = |partition: &Partition| modularity(&graph, partition, 1.0);
        let found = (0..10).map(|seed| of(&leiden(&graph, 1.0, 10, seed)));
        assert!((found.fold(f64::MIN, f64::max) - best).abs() < 1e-12);
        let found = (0..10).map(|seed| of(&louvain(&graph, 1.0, seed)));
        assert!((found.fold(f64::MIN, f64::max) - best).abs() < 1e-12);
    }
}

#[test]
fn labels_are_those_that_most_neighbours_have() {
    for vector in vectors() {
        let graph = vector.graph();
        for seed in 0..5 {
            let found = labels(&graph, seed);
            for node in 0..graph.nodes() as u32 {
                let mut weights = vec![0.0; found.count()];
                for (other, weight) in graph.edges_of(node) {
                    weights[found.of(other) as usize] += weight;
                }
                let most = weights.iter().copied().fold(0.0, f64::max);
                assert_eq!(weights[found.of(node) as usize], most, "{}", vector.name);
            }
        }
    }
}

#[test]
fn louvain_is_as_good_as_igraphs() {
    for vector in vectors() {
        let graph = vector.graph();
        let found = (0..10).map(|seed| modularity(&graph, &louvain(&graph, 1.0, seed), 1.0));
        let best = found.fold(f64::MIN, f64::max);
        assert!(best > vector.louvain - 0.01, "{}: {best}", vector.name);
    }
}

#[test]
fn leidens_communities_are_connected() {
    for vector in vectors() {
        let graph = vector.graph();
        for members in leiden(&graph, 1.0, 2, 3).members() {
            let mut reached = vec![members[0]];
            let mut next = 0;
            while next < reached.len() {
                let neighbours = graph.neighbours(reached[next]).iter();
                let new = neighbours.filter(|n| members.contains(n));
                let new: Vec<u32> = new.filter(|n| !reached.contains(n)).copied().collect();
                reached.extend(new);
                next += 1;
            }
            assert_eq!(reached.len(), members.len(), "{}", vector.name);
        }
    }
}

#[test]
fn cliques_on_a_ring_are_found_by_each_method() {
    let vector = vectors().into_iter().find(|v| v.name == "cliques").unwrap();
    let graph = vector.graph();
    for found in [
        leiden(&graph, 1.0, 2, 1),
        louvain(&graph, 1.0, 1),
        labels(&graph, 1),
    ] {
        assert_eq!(found.count(), 12);
        for node in 0..72 {
            assert_eq!(found.of(node), found.of(node - node % 6));
        }
    }
}

#[test]
fn the_same_seed_finds_the_same_communities() {
    for vector in vectors() {
        let graph = vector.graph();
        assert_eq!(leiden(&graph, 1.0, 2, 5), leiden(&graph, 1.0, 2, 5));
        assert_eq!(louvain(&graph, 1.0, 5), louvain(&graph, 1.0, 5));
        assert_eq!(labels(&graph, 5), labels(&graph, 5));
    }
}

#[test]
fn graphs_without_edges_have_measures_too() {
    let graph = Graph::new(3, &[]);
    assert_eq!(clustering::local(&graph), [None, None, None]);
    for found in [
        leiden(&graph, 1.0, 2, 1),
        louvain(&graph, 1.0, 1),
        labels(&graph, 1),
    ] {
        assert_eq!(found.count(), 3);
        assert_eq!(modularity(&graph, &found, 1.0), 0.0);
    }
    assert_eq!(leiden(&Graph::new(0, &[]), 1.0, 2, 1).count(), 0);
    assert_eq!(
        personalised(&Directed::new(2, &[]), &[0.0, 0.0], 0.85, 1e-9),
        [0.0, 0.0]
    );
}

#[test]
fn parallel_edges_and_loops_are_added_up() {
    let edges = [(0, 1, 1.0), (1, 0, 2.5), (1, 1, 4.0)];
    let graph = Graph::new(2, &edges);
    assert_eq!(graph.edges_of(0).collect::<Vec<_>>(), [(1, 3.5)]);
    assert_eq!(
        (graph.own(1), graph.strength(1), graph.edges()),
        (4.0, 11.5, 1)
    );
}
