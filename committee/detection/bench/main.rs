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
use std::time::{Duration, Instant};

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

/// What something gives, and how long it takes.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let found = std::hint::black_box(work());
    (found, start.elapsed())
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
