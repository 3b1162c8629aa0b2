//! `tacit audit validate`: plants rings among honest members and measures how many the look finds, and whom
//! it wrongs. It judges nobody: what it reads is ground to plant on.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tacit_detection::read;
use tacit_detection::simulate::population::Population;
use tacit_detection::validate::cases::Scope;
use tacit_detection::validate::detection::Part;
use tacit_detection::validate::plot::curves;
use tacit_detection::validate::product;
use tacit_detection::validate::results::Study;
use tacit_detection::validate::study::{self, Plan};
use tacit_detection::validate::tables::{Table, preface, tables};
use tacit_detection::votes::{Board, Votes};
use tacit_files as files;

use super::folder::can_be_written;
use super::look::{in_milliseconds, span, unread};
use super::threads;
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::counted;
use crate::parse;

const FIGURES: &str = "validation.json";
const TABLES: &str = "validation.md";
const CURVES: &str = "curves.svg";
/// Seeds of each ring, and of the quick run.
const SEEDS: [u64; 2] = [20, 3];
/// Seeds of boards with nothing planted: enough for 30,000 honest member-epochs of those that look like
/// rings; and of the quick run.
const CLEAN_SEEDS: [u64; 2] = [24, 4];
/// Of these, for boards that have upvotes only.
const ELSEWHERE_SEEDS: [usize; 2] = [8, 2];
/// Seeds at most.
const MOST_SEEDS: u64 = 10_000;

#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Plant rings into the boards of this table too, those of the part; else into made-up boards alone
    #[arg(long, value_name = "FILE", conflicts_with = "quick")]
    votes: Option<PathBuf>,
    /// Which half of all seeds and boards: tuning to choose by, held-back to report
    #[arg(long, value_name = "PART", default_value = "tuning")]
    part: PartArg,
    /// How many seeds of the part for each ring; 20, or 3 with --quick
    #[arg(long, value_name = "N", value_parser = parse::number::<u64>)]
    seeds: Option<u64>,
    /// The least seed
    #[arg(long, value_name = "N", default_value = "0", value_parser = parse::number::<u64>)]
    seed: u64,
    /// How long a window is for what befalls honest members, such as 12h, 7d or 4w
    #[arg(long, value_name = "SPAN", default_value = "7d", value_parser = span)]
    window: i64,
    /// A few rings of each kind on made-up boards: seconds in place of an hour
    #[arg(long)]
    quick: bool,
    /// How many boards are judged at once; as many as there are processors
    #[arg(long, value_name = "N", value_parser = parse::number::<NonZeroUsize>)]
    threads: Option<NonZeroUsize>,
    /// Write validation.json, validation.md and curves.svg into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PartArg {
    Tuning,
    HeldBack,
}

impl From<PartArg> for Part {
    fn from(arg: PartArg) -> Self {
        match arg {
            PartArg::Tuning => Self::Tuning,
            PartArg::HeldBack => Self::HeldBack,
        }
    }
}

pub fn run(args: &ValidateArgs, cx: &Context) -> Result<(), Failure> {
    if let Some(folder) = &args.out {
        check_folder(folder, cx)?;
    }
    let part = Part::from(args.part);
    let votes = votes(args, cx)?;
    let (of_part, others) = (votes.boards().iter()).partition(|b| Part::of_board(b.name()) == part);
    let (boards, others): (Vec<&Board>, Vec<&Board>) = (of_part, others);
    if args.votes.is_some() && boards.is_empty() {
        let problem = "no board of the table is of this part, by the hash of its name";
        return Err(Failure::usage(
            "no-board",
            problem,
            "Take the other --part.",
        ));
    }
    let at = usize::from(args.quick);
    let wanted = args.seeds.unwrap_or(SEEDS[at]);
    if !(1..=MOST_SEEDS).contains(&wanted) {
        let problem = format!("{wanted} seeds are too few or too many");
        let advice = format!("Give 1 to {MOST_SEEDS}.");
        return Err(Failure::usage("seeds", problem, advice));
    }
    let seeds = |count: u64| -> Vec<u64> {
        let all = (0..2 * count + 1).map(|n| args.seed.saturating_add(n));
        let of_part = all.filter(|seed| Part::of_seed(*seed) == part);
        of_part.take(count as usize).collect()
    };
    let (clean, mixed) = (CLEAN_SEEDS[at], Population::mixed());
    let plan = Plan {
        part,
        seeds: seeds(wanted),
        clean_seeds: seeds(if args.quick { clean } else { wanted.max(clean) }),
        boards,
        populations: match args.quick {
            true => vec![mixed],
            false => vec![mixed, Population::open()],
        },
        elsewhere: vec![Population::only_up(), Population::only_up_closed()],
        elsewhere_seeds: ELSEWHERE_SEEDS[at],
        scope: if args.quick {
            Scope::Quick
        } else {
            Scope::Whole
        },
        window_ms: args.window,
        threads: threads(args.threads),
    };
    let unmeasured = |e| Failure::usage("validate", e, "Give a longer --window.");
    let steps = plan.steps().map_err(unmeasured)?;
    let bar = cx.out.progress(steps as u64, "measuring");
    let study = study::run(&plan, &product, || bar.inc(1));
    bar.finish_and_clear();
    let study = study.map_err(unmeasured)?;
    let tables = tables(&study);
    // Printed first: what took an hour isn't lost with a full disk.
    cx.out
        .result(&study, |_| show(&study, &tables, others.len(), cx));
    if let Some(folder) = &args.out {
        write(folder, &study, &tables)?;
        let names = format!("{FIGURES}, {TABLES} and {CURVES}");
        cx.out
            .note(format!("Written to {}: {names}.", folder.display()));
    }
    Ok(())
}

fn votes(args: &ValidateArgs, cx: &Context) -> Result<Votes, Failure> {
    (args.votes.as_deref()).map_or_else(|| Ok(Votes::default()), |file| table(file, cx))
}

/// Reads a table of votes as ground for rings: nobody in it is judged.
pub(super) fn table(file: &Path, cx: &Context) -> Result<Votes, Failure> {
    let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let length = std::fs::metadata(file).map_or(0, |m| m.len());
    let bar = cx.out.progress(length, "reading");
    let reading = read::file(file, now, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let reading = reading.map_err(|e| unread(file, &e))?;
    in_milliseconds(&reading, file)?;
    Ok(reading.votes)
}

/// Looks at a folder before any work is done.
fn check_folder(folder: &Path, cx: &Context) -> Result<(), Failure> {
    if folder.exists() && !folder.is_dir() {
        let problem = format!("{} is a file, not a folder", folder.display());
        return Err(Failure::usage("file", problem, "Give another folder."));
    }
    let there = |name: &&str| folder.join(name).exists();
    if let Some(name) = [FIGURES, TABLES, CURVES].into_iter().find(there) {
        let question = format!("{} holds {name}. Write over it?", folder.display());
        cx.confirm(&question, "another folder, or --yes")?;
    }
    can_be_written(folder)
}

fn write(folder: &Path, study: &Study, tables: &[Table]) -> Result<(), Failure> {
    files::create_folder(folder).map_err(|e| Failure::folder(folder, &e))?;
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        files::replace(&path, bytes).map_err(|e| Failure::file("write", &path, &e))
    };
    let figures = serde_json::to_vec_pretty(study);
    let figures = figures.map_err(|e| Failure::file("write", &folder.join(FIGURES), &e.into()))?;
    let mut text = String::from("# Validation\n\n");
    for line in preface(study) {
        text.push_str(&line);
        text.push_str("\n\n");
    }
    let tables: Vec<String> = tables.iter().map(Table::markdown).collect();
    text.push_str(&tables.join("\n"));
    put(FIGURES, &figures)?;
    put(TABLES, text.as_bytes())?;
    put(CURVES, curves(study).as_bytes())
}

fn show(study: &Study, tables: &[Table], others: usize, cx: &Context) {
    for line in preface(study) {
        cx.out.line(line);
    }
    if others > 0 {
        let boards = counted(others as u64, "board");
        cx.out.line(format!(
            "{boards} of the table are of the other part, and were left alone."
        ));
    }
    for table in tables {
        cx.out.line("");
        cx.out.line(&table.title);
        table.notes.iter().for_each(|note| cx.out.line(note));
        let headers: Vec<&str> = table.headers.iter().map(String::as_str).collect();
        cx.out.table(&headers, &table.rows);
    }
}
