//! How fast the look for vote rings is, beside igraph and by size. `bench/run.sh` runs all of it.
//!
//! `speed beside PYTHON DIR [VOTES]` measures clustering, Leiden and PageRank beside igraph, in turns;
//! `speed table FILE [VOTES] [communities|random|dense]` writes a table of votes;
//! `speed pipeline FILE [VOTES] [communities|random|dense]` makes a table, does all that `tacit audit` does to
//! a report, and measures every other signal;
//! `speed windows [VOTES]` judges a year in weeks, and then one more day.

mod beside;
mod boards;
mod pipeline;
mod windows;

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

use boards::{Shape, made};

/// Boards are made over so many days.
const DAYS: i64 = 364;
/// One million votes.
const MILLION: usize = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let votes = |text: Option<&&str>| text.map_or(Ok(MILLION), |text| text.parse::<usize>());
    match args.as_slice() {
        ["beside", python, dir, rest @ ..] => {
            beside::run(Path::new(python), Path::new(dir), votes(rest.first())?)
        }
        ["table", file, rest @ ..] => {
            let wanted = rest.get(1).unwrap_or(&"communities");
            let shapes = Shape::ALL.iter().find(|(name, _)| name == wanted);
            let (_, shape) = shapes.ok_or("communities, random or dense?")?;
            let made = made(*shape, votes(rest.first())?, DAYS, 1);
            made.write(BufWriter::new(File::create(file)?))?;
            Ok(())
        }
        ["pipeline", file, rest @ ..] => {
            pipeline::run(Path::new(file), votes(rest.first())?, rest.get(1).copied())
        }
        ["windows", rest @ ..] => windows::run(votes(rest.first())?),
        _ => Err("beside PYTHON DIR, table FILE, pipeline FILE, or windows?".into()),
    }
}

/// What something took, in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Took {
    /// By the clock.
    clock: f64,
    /// Of the processor: what counts on a machine that does other things too. Nothing here uses two threads.
    processor: f64,
}

/// What something gives, and what it takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (start, before) = (Instant::now(), processor());
    let found = std::hint::black_box(work());
    let clock = start.elapsed().as_secs_f64();
    let both = before.zip(processor());
    let processor = both.map_or(clock, |(before, after)| after - before);
    (found, Took { clock, processor })
}

/// Seconds that this thread had a processor, to a few milliseconds; only Linux tells.
fn processor() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = stat.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// The middle one.
fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What others do on this machine.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}
