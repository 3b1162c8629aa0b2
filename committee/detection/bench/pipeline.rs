//! The whole way from a table to a report, and every signal beside it, by size.

use std::error::Error;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufWriter;
use std::path::Path;

use tacit_detection::graph::{clustering, leiden};
use tacit_detection::read;
use tacit_detection::report::{Asked, Report};
use tacit_detection::scan::scan;
use tacit_detection::signals::bursts::first_hours;
use tacit_detection::signals::chance::Chance;
use tacit_detection::signals::closure::{corrected, upvote_graph};
use tacit_detection::signals::covote::covotes;
use tacit_detection::signals::entropy::entropy;
use tacit_detection::signals::independence::independence;
use tacit_detection::signals::reciprocity::reciprocity;
use tacit_detection::signals::support::Supports;

use crate::boards::{Shape, made};
use crate::{DAYS, Took, load, timed};

/// False discoveries that are allowed among pairs who vote together.
const LEVEL: f64 = 0.05;

/// Steps and their times.
struct Steps(Vec<(&'static str, Took)>);

impl Steps {
    fn step<T>(&mut self, what: &'static str, work: impl FnOnce() -> T) -> T {
        let (found, took) = timed(work);
        self.0.push((what, took));
        found
    }

    fn total(&self, of: impl Fn(&Took) -> f64) -> f64 {
        self.0.iter().map(|(_, took)| of(took)).sum()
    }
}

/// Runs one size, and prints each step's time; the last line is for tables.
pub fn run(file: &Path, votes: usize, shape: Option<&str>) -> Result<(), Box<dyn Error>> {
    let wanted = shape.unwrap_or("communities");
    let found = Shape::ALL.iter().find(|(name, _)| *name == wanted);
    let (name, shape) = found.ok_or("communities, random or dense?")?;
    let mut audit = Steps(Vec::new());
    audit.step("generator", || -> Result<(), Box<dyn Error>> {
        made(*shape, votes, DAYS, 1).write(BufWriter::new(File::create(file)?))?;
        Ok(())
    })?;
    let reading = audit.step("reading", || read::file(file, i64::MAX, |_| {}))?;
    let report = audit.step("report", || {
        Report::of(&reading.votes, &Asked::default(), || {})
    })?;
    let board = reading.votes.boards().first().ok_or("no board")?;

    let mut signals = Steps(Vec::new());
    let model = signals.step("chance", || Chance::of_upvotes(board));
    let supports = signals.step("supports", || Supports::of(board, &model));
    let scanned = signals.step("scan", || scan(&supports, board.members()));
    let pairs = signals.step("co-voting", || covotes(board, &model));
    signals.step("closure", || corrected(board, pairs.beyond(LEVEL)));
    let graph = signals.step("graph", || upvote_graph(board));
    signals.step("clustering", || clustering::local(&graph));
    let communities = signals.step("communities", || leiden(&graph, 1.0, 2, 1));
    signals.step("reciprocity", || {
        reciprocity(board, &model, &supports, &communities)
    });
    signals.step("independence", || independence(board));
    signals.step("entropy", || entropy(board));
    signals.step("bursts", || first_hours(board));

    let peak = peak();
    for steps in [&audit, &signals] {
        for (what, took) in &steps.0 {
            let each = took.processor * 1e9 / votes as f64;
            eprintln!(
                "  {what:<14} {:>9.3} s of processor, {each:>7.0} ns each, {:>9.3} s by the clock",
                took.processor, took.clock
            );
        }
        eprintln!("  {:<14} {:>9.3} s", "", steps.total(|took| took.processor));
    }
    eprintln!(
        "  {} members, {} votes, {} communities beyond chance, {} groups scanned",
        board.members(),
        board.votes().len(),
        report.communities.len(),
        scanned.groups.len()
    );
    // Whoever makes something faster wants to see that nothing else changed.
    eprintln!(
        "  digests: scan {:016x}, report {:016x}, co-voting {:016x}",
        digest(&scanned),
        digest(&report),
        digest(&pairs)
    );
    // The scan and what it needs are within the report too: they count once.
    let again = ["chance", "supports", "scan"];
    let again = signals.0.iter().filter(|(what, _)| again.contains(what));
    let again: f64 = again.map(|(_, took)| took.processor).sum();
    let processor = |steps: &Steps| steps.total(|took| took.processor);
    let total = processor(&audit) + processor(&signals) - again;
    println!(
        "| {name} | {votes} | {:.2} | {total:.2} | {:.0} | {:.2} | {peak} | {} |",
        processor(&audit),
        total * 1e9 / votes as f64,
        audit.total(|took| took.clock),
        load()
    );
    Ok(())
}

fn digest(of: &impl std::fmt::Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{of:?}").hash(&mut hasher);
    hasher.finish()
}

/// The most memory that this process had at once.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number.map_or("unknown".into(), |kib| format!("{:.0} MiB", kib / 1024.0))
}
