"""Makes vectors.json: what igraph says of some graphs. Needs igraph (pip install igraph==1.0.0)."""
import json
import random

import igraph

random.seed(7)
igraph.set_random_number_generator(random)


def rings(count, size):
    edges = []
    for c in range(count):
        base = c * size
        edges += [(base + i, base + j) for i in range(size) for j in range(i)]
        edges.append((base, (base + size) % (count * size)))
    return igraph.Graph(count * size, edges)


def weighted(graph):
    graph.simplify()
    graph.es["weight"] = [random.choice([1, 2, 3, 5]) for _ in graph.es]
    return graph


graphs = {
    "karate": weighted(igraph.Graph.Famous("Zachary")),
    "cliques": weighted(rings(12, 6)),
    "preferential": weighted(igraph.Graph.Barabasi(400, 4)),
    "random": weighted(igraph.Graph.Erdos_Renyi(300, m=1200)),
    "planted": weighted(igraph.Graph.SBM(block_sizes=[40] * 6, pref_matrix=[[0.3 if a == b else 0.02 for a in range(6)] for b in range(6)])),
}
out = []
for name, g in graphs.items():
    n = g.vcount()
    parts = [random.randrange(5) for _ in range(n)]
    start = [random.random() if random.random() < 0.3 else 0.0 for _ in range(n)]
    directed = [(e.source, e.target) if random.random() < 0.5 else (e.target, e.source) for e in g.es]
    d = igraph.Graph(n, directed, directed=True)
    d.es["weight"] = g.es["weight"]
    best = max(
        g.community_leiden("modularity", weights="weight", n_iterations=-1).modularity for _ in range(20)
    )
    clusters = [g.community_leiden("modularity", weights="weight", n_iterations=2) for _ in range(20)]
    out.append({
        "name": name,
        "nodes": n,
        "edges": [[e.source, e.target, e["weight"]] for e in g.es],
        "clustering": [None if c != c else c for c in g.transitivity_local_undirected(mode="nan")],
        "partition": parts,
        "modularity": g.modularity(parts, weights="weight"),
        "modularity_resolution_2": g.modularity(parts, weights="weight", resolution=2.0),
        "directed": directed,
        "start": start,
        "pagerank": d.personalized_pagerank(damping=0.85, reset=start, weights="weight", implementation="prpack"),
        "leiden_best": best,
        "leiden_two_rounds_mean": sum(g.modularity(c, weights="weight") for c in clusters) / 20,
        "louvain": g.modularity(g.community_multilevel(weights="weight"), weights="weight"),
    })
json.dump(out, open("vectors.json", "w"), separators=(",", ":"))
