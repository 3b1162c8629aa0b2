"""igraph's side of the comparison: reads what to do by lines, and answers with seconds and results."""
import random
import sys
import time

import igraph
import numpy


def timed(work):
    # Seconds of processor, as on the other side.
    start = time.thread_time()
    found = work()
    return time.thread_time() - start, found


for line in sys.stdin:
    what, *args = line.split()
    answer = []
    if what == "load":
        nodes, where = int(args[0]), args[1]
        edges = numpy.fromfile(f"{where}/edges", dtype="<u4").reshape(-1, 2)
        weights = numpy.fromfile(f"{where}/weights", dtype="<f8").tolist()
        arrows = numpy.fromfile(f"{where}/arrows", dtype="<u4").reshape(-1, 2)
        graph = igraph.Graph(nodes, edges)
        directed = igraph.Graph(nodes, arrows, directed=True)
        seconds = 0.0
    elif what == "graph":
        # From an array, which igraph takes at once; a list of pairs takes much longer.
        seconds, _ = timed(lambda: igraph.Graph(nodes, edges))
    elif what == "clustering":
        seconds, answer = timed(lambda: graph.transitivity_local_undirected(mode="zero"))
    elif what == "leiden":
        igraph.set_random_number_generator(random.Random(int(args[1])))
        seconds, found = timed(
            lambda: graph.community_leiden("modularity", weights=weights, resolution=1.0, n_iterations=int(args[0]))
        )
        answer = [graph.modularity(found, weights=weights)]
    elif what == "pagerank":
        seconds, answer = timed(lambda: directed.pagerank(damping=0.85, implementation="prpack"))
    print(seconds, *answer, flush=True)
