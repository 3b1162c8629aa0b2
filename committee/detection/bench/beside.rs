//! Clustering, Leiden and PageRank beside igraph: on the same graph, on the same machine, in turns, so that
//! whatever else the machine does slows both.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tacit_detection::graph::pagerank::{Directed, personalised};
use tacit_detection::graph::{Graph, clustering, leiden, modularity};
use tacit_detection::read;
use tacit_detection::signals::closure::upvote_graph;
use tacit_detection::votes::Board;

use crate::boards::{Shape, made};
use crate::{DAYS, load, median, timed};

/// Of so many runs the median counts.
const ROUNDS: usize = 5;
/// Leiden's rounds: igraph's default.
const LEIDEN_ROUNDS: usize = 2;
const DAMPING: f64 = 0.85;
/// The tolerance of igraph's PageRank (PRPACK).
const CLOSE: f64 = 1e-10;

/// igraph, in a Python of its own.
struct Igraph {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Igraph {
    fn start(python: &Path) -> Result<Self, Box<dyn Error>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/igraph_side.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take().ok_or("no input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { child, to, from })
    }

    /// Asks for one thing, and gets numbers.
    fn ask(&mut self, what: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        writeln!(self.to, "{what}")?;
        self.to.flush()?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let numbers = line.split_whitespace().map(str::parse);
        let numbers: Vec<f64> = numbers.collect::<Result<_, _>>()?;
        if numbers.is_empty() {
            return Err(format!("igraph gave no answer to {what}").into());
        }
        Ok(numbers)
    }

    fn stop(mut self) -> Result<(), Box<dyn Error>> {
        drop(self.to);
        self.child.wait()?;
        Ok(())
    }
}

/// One measure, by both.
#[derive(Default)]
struct Measured {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Measured {
    fn row(&mut self, shape: &str, what: &str, aim: Option<f64>, says: &str) {
        let (ours, theirs) = (median(&mut self.ours), median(&mut self.theirs));
        let aim = aim.map_or("none".into(), |aim| format!("{aim:.2}"));
        println!(
            "| {shape} | {what} | {ours:.3} | {theirs:.3} | {:.2} | {aim} | {says} |",
            ours / theirs
        );
    }
}

/// Measures on every shape of board, and prints a table.
pub fn run(python: &Path, dir: &Path, votes: usize) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    println!(
        "Seconds of processor, the median of {ROUNDS} runs in turns; load average {}.\n",
        load()
    );
    println!("| board | what | tacit | igraph | tacit / igraph | aim | the same? |");
    println!("|---|---|---|---|---|---|---|");
    for (name, shape) in Shape::ALL {
        let mut table = Vec::new();
        made(shape, votes, DAYS, 1).write(&mut table)?;
        let reading = read::table(table.as_slice(), i64::MAX)?;
        drop(table);
        let board = reading.votes.boards().first().ok_or("no board")?;
        let mut igraph = Igraph::start(python)?;
        compare(name, board, dir, &mut igraph)?;
        igraph.stop()?;
    }
    println!("\nLoad average at the end {}.", load());
    Ok(())
}

fn compare(
    shape: &str,
    board: &Board,
    dir: &Path,
    igraph: &mut Igraph,
) -> Result<(), Box<dyn Error>> {
    let graph = upvote_graph(board);
    let (mut ends, mut weights) = (Vec::new(), Vec::new());
    for node in 0..graph.nodes() as u32 {
        for (other, weight) in graph.edges_of(node).filter(|(other, _)| node < *other) {
            ends.extend([node, other].iter().flat_map(|n| n.to_le_bytes()));
            weights.extend(weight.to_le_bytes());
        }
    }
    // Who voted for whom, once for each vote; the surfer goes from an author to its voters.
    let votes = board.votes().iter();
    let directed: Vec<(u32, u32, f64)> = votes
        .map(|v| (board.post(v.post).author.0, v.member.0, 1.0))
        .collect();
    let arrows = directed.iter().flat_map(|(a, b, _)| [*a, *b]);
    let arrows: Vec<u8> = arrows.flat_map(u32::to_le_bytes).collect();
    fs::write(dir.join("edges"), &ends)?;
    fs::write(dir.join("weights"), &weights)?;
    fs::write(dir.join("arrows"), &arrows)?;
    let dir = dir.to_str().ok_or("the directory's name is no text")?;
    igraph.ask(&format!("load {} {dir}", graph.nodes()))?;

    let mut made = Measured::default();
    for _ in 0..ROUNDS {
        made.ours.push(timed(|| upvote_graph(board)).1.processor);
        made.theirs.push(igraph.ask("graph")?[0]);
    }
    let says = format!("{} nodes, {} edges", graph.nodes(), graph.edges());
    made.row(shape, "making the graph", None, &says);

    clustering_of(shape, &graph, igraph)?;
    leiden_of(shape, &graph, igraph)?;

    let directed = Directed::new(graph.nodes(), &directed);
    let start = vec![1.0; graph.nodes()];
    let (mut ranks, mut apart) = (Measured::default(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (ours, took) = timed(|| personalised(&directed, &start, DAMPING, CLOSE));
        ranks.ours.push(took.processor);
        let theirs = igraph.ask("pagerank")?;
        ranks.theirs.push(theirs[0]);
        let ranked = ours.iter().zip(&theirs[1..]);
        apart = apart.max(ranked.map(|(a, b)| (a - b).abs()).sum());
    }
    let says = format!("ranks differ by {apart:.0e} in all");
    ranks.row(shape, "PageRank", Some(0.25), &says);
    Ok(())
}

fn clustering_of(shape: &str, graph: &Graph, igraph: &mut Igraph) -> Result<(), Box<dyn Error>> {
    let (mut measured, mut apart) = (Measured::default(), 0.0_f64);
    for _ in 0..ROUNDS {
        let (ours, took) = timed(|| clustering::local(graph));
        measured.ours.push(took.processor);
        let theirs = igraph.ask("clustering")?;
        measured.theirs.push(theirs[0]);
        for (ours, theirs) in ours.iter().zip(&theirs[1..]) {
            apart = apart.max((ours.unwrap_or(0.0) - theirs).abs());
        }
    }
    let says = format!("coefficients differ by {apart:.0e} at most");
    measured.row(shape, "clustering", Some(0.08), &says);
    Ok(())
}

fn leiden_of(shape: &str, graph: &Graph, igraph: &mut Igraph) -> Result<(), Box<dyn Error>> {
    let mut measured = Measured::default();
    let mut modular = Measured::default();
    for seed in 0..ROUNDS as u64 {
        let (ours, took) = timed(|| leiden(graph, 1.0, LEIDEN_ROUNDS, seed));
        measured.ours.push(took.processor);
        modular.ours.push(modularity(graph, &ours, 1.0));
        let theirs = igraph.ask(&format!("leiden {LEIDEN_ROUNDS} {seed}"))?;
        measured.theirs.push(theirs[0]);
        modular.theirs.push(theirs[1]);
    }
    let says = format!(
        "modularity {:.4}, igraph's {:.4}",
        median(&mut modular.ours),
        median(&mut modular.theirs)
    );
    measured.row(shape, "Leiden", Some(0.7), &says);
    Ok(())
}
