//! `tacit audit FILE`: judges a table of votes, and tells what it found in the terminal, in JSON, or as a page.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_detection::read::{self, ReadError, Reading};
use tacit_detection::report::page::Beside;
use tacit_detection::report::{Asked, Fpr, Report, dispute};
use tacit_detection::votes::LeftOut;
use tacit_detection::words::{counted, grouped, name};

use super::folder::Folder;
use super::terminal::show;
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::Failure;
use crate::parse;

const HOUR_MS: i64 = 3_600_000;
/// The beginning of the year 2000.
const YEAR_2000_MS: i64 = 946_684_800_000;
/// Longest window, ten years.
const LONGEST_MS: i64 = 10 * 366 * 24 * HOUR_MS;

#[derive(Debug, Args)]
pub struct LookArgs {
    /// The votes: CSV, plain or gzipped, with the columns conv, vote_ms, voter, post, author, post_ms and
    /// vote (1, 0 or -1); times are milliseconds since 1970. "-" is stdin
    #[arg(value_name = "FILE", required = true)]
    votes: Option<PathBuf>,
    /// Write report.html, report.json and voters.csv into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The rate of false alarms that the line is asked to be drawn for. It is no bound: on an unusual board more
    /// honest members can stand out. Only 0.01 was measured
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share, allow_negative_numbers = true)]
    fpr: Fpr,
    /// Judge each stretch of so long on its own too, such as 12h, 7d or 4w
    #[arg(long, value_name = "SPAN", value_parser = span, allow_hyphen_values = true)]
    window: Option<i64>,
    /// What pictures are laid out by; it changes no figure
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse::number::<u64>, allow_negative_numbers = true)]
    seed: u64,
}

impl LookArgs {
    /// The table; clap asks for it wherever no subcommand is given.
    fn file(&self) -> &Path {
        self.votes.as_deref().unwrap_or(Path::new(""))
    }
}

fn share(text: &str) -> Result<Fpr, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| "a number above 0 and at most 0.5 is wanted, such as 0.01".to_owned())?;
    Fpr::new(number).map_err(|e| e.to_string())
}

/// Reads the length of a window, in milliseconds.
pub(super) fn span(text: &str) -> Result<i64, String> {
    const HOW: &str = "write it like 12h, 7d or 4w: one hour at least, and ten years at most";
    let unit = text.chars().last().ok_or(HOW)?;
    let hours: i64 = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 168,
        _ => return Err(HOW.to_owned()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return Err(HOW.to_owned());
    }
    let number: i64 = digits.parse().map_err(|_| HOW)?;
    let ms = number.checked_mul(hours * HOUR_MS);
    ms.filter(|ms| (HOUR_MS..=LONGEST_MS).contains(ms))
        .ok_or_else(|| HOW.to_owned())
}

#[derive(Serialize)]
struct View<'a> {
    #[serde(flatten)]
    report: &'a Report,
    read: ReadView,
}

#[derive(Serialize)]
struct ReadView {
    rows: u64,
    left_out: BTreeMap<&'static str, u64>,
    disputed_posts: u64,
    disputed: Vec<DisputedView>,
    posts: u64,
    differing_voters: u64,
    differing: Vec<DifferingView>,
    bad_rows: u64,
    bad: Vec<BadView>,
}

#[derive(Serialize)]
struct DisputedView {
    conv: String,
    post: String,
}

/// A voter under whose name rows stand that differ from most rows of their post.
#[derive(Serialize)]
struct DifferingView {
    conv: String,
    voter: String,
    rows: u64,
}

#[derive(Serialize)]
struct BadView {
    line: u64,
    why: String,
}

impl ReadView {
    fn of(reading: &Reading) -> Self {
        let bad = reading.bad.iter().map(|bad| BadView {
            line: bad.line,
            why: bad.why.to_string(),
        });
        let disputed = reading.disputed.iter().map(|post| DisputedView {
            conv: post.board.to_string(),
            post: post.post.to_string(),
        });
        let left_out = reading.left_out.iter();
        let differing = reading.differing.iter().map(|voter| DifferingView {
            conv: voter.board.to_string(),
            voter: voter.voter.to_string(),
            rows: voter.rows,
        });
        Self {
            posts: reading.posts,
            differing_voters: reading.differing_voters,
            differing: differing.collect(),
            disputed_posts: reading.disputed_posts,
            disputed: disputed.collect(),
            rows: reading.rows,
            left_out: left_out.map(|(why, n)| (code(*why), *n)).collect(),
            bad_rows: reading.bad_rows,
            bad: bad.collect(),
        }
    }
}

pub fn run(args: &LookArgs, cx: &Context) -> Result<(), Failure> {
    let folder = args
        .out
        .as_deref()
        .map(|dir| Folder::of(dir, cx))
        .transpose()?;
    let reading = reading(args, cx)?;
    let asked = Asked {
        fpr: args.fpr,
        window_ms: args.window,
        seed: args.seed,
    };
    let bar = cx
        .out
        .progress(reading.votes.boards().len() as u64, "judging");
    let report = Report::of(&reading.votes, &asked, || bar.inc(1));
    bar.finish_and_clear();
    let report = report.map_err(|e| Failure::usage("windows", e, "Give a longer --window."))?;
    let mut read = vec![
        format!("{} read.", counted(reading.rows, "row")),
        left_out(&reading),
    ];
    read.extend(some_old(&reading));
    let dispute = dispute(&reading);
    let view = View {
        report: &report,
        read: ReadView::of(&reading),
    };
    if let Some(folder) = &folder {
        let table = match args.file() {
            file if is_stdin(file) => "standard input".into(),
            file => file.file_name().unwrap_or_default().to_string_lossy(),
        };
        let read: Vec<String> = read.iter().cloned().chain(bad_rows(&reading)).collect();
        let beside = Beside {
            table: &table,
            read: &read,
            dispute: &dispute,
        };
        folder.write(&report, &view, beside)?;
    }
    cx.out.result(&view, |_| show(&report, &read, &dispute, cx));
    if let Some(folder) = &folder {
        folder.tell(cx);
    }
    Ok(())
}

fn reading(args: &LookArgs, cx: &Context) -> Result<Reading, Failure> {
    let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let file = args.file();
    let length = std::fs::metadata(file).map_or(0, |m| m.len());
    let bar = cx.out.progress(length, "reading");
    let reading = if is_stdin(file) {
        read::stream(std::io::stdin().lock(), now, |bytes| bar.inc(bytes))
    } else {
        read::file(file, now, |bytes| bar.inc(bytes))
    };
    bar.finish_and_clear();
    let reading = reading.map_err(|e| unread(file, &e))?;
    if reading.votes.boards().iter().all(|b| b.votes().is_empty()) {
        return Err(Failure::usage(
            "no-votes",
            format!("{} holds no vote that counts", file.display()),
            left_out(&reading),
        ));
    }
    in_milliseconds(&reading, file)?;
    Ok(reading)
}

/// Is it what stands for stdin?
fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Refuses a table most of whose votes are from before this was thought of: its times are in another unit, and
/// a minute of it would be sixteen hours.
///
/// # Errors
/// If half of the votes that count, or more, are dated before the year 2000.
pub(super) fn in_milliseconds(reading: &Reading, file: &Path) -> Result<(), Failure> {
    let (old, all) = old(reading);
    if all == 0 || 2 * old < all {
        return Ok(());
    }
    let problem = format!(
        "{}: {} of {} are dated before the year 2000, so its times are hardly in milliseconds",
        file.display(),
        grouped(old),
        counted(all, "vote")
    );
    Err(Failure::usage(
        "times",
        problem,
        "If they are in seconds, multiply vote_ms and post_ms by 1000. Older boards can't be looked at.",
    ))
}

/// How many of the votes that count are dated before the year 2000, and how many there are.
fn old(reading: &Reading) -> (u64, u64) {
    let boards = || reading.votes.boards().iter();
    // A board's votes are in the order of time.
    let old = boards().map(|b| b.votes().partition_point(|v| v.at_ms < YEAR_2000_MS));
    let all = boards().map(|b| b.votes().len());
    (old.sum::<usize>() as u64, all.sum::<usize>() as u64)
}

pub(super) fn unread(file: &Path, error: &ReadError) -> Failure {
    if let ReadError::Io(e) = error {
        let command = file
            .to_str()
            .filter(|f| ["simulate", "validate"].contains(f));
        if let Some(command) = command.filter(|_| !file.exists()) {
            let problem = format!("there is no file {command}");
            let advice =
                format!("For the command, write tacit audit {command} before its options.");
            return Failure::usage("file", problem, advice);
        }
        return Failure::file("read", file, e);
    }
    let problem = format!("{}: {error}", file.display());
    Failure::usage("votes", problem, "Give a table as tacit audit --help says.")
}

fn code(why: LeftOut) -> &'static str {
    match why {
        LeftOut::OwnPost => "own-post",
        LeftOut::VotedAgain => "voted-again",
        LeftOut::BeforePost => "before-post",
        LeftOut::Future => "future",
        LeftOut::OtherPost => "other-post",
    }
}

fn words(why: LeftOut) -> &'static str {
    match why {
        LeftOut::OwnPost => "on the voter's own post",
        LeftOut::VotedAgain => "replaced by a later vote",
        LeftOut::BeforePost => "dated before the post",
        LeftOut::Future => "dated in the future",
        LeftOut::OtherPost => "on posts whose rows name different authors or times",
    }
}

/// Where few votes are that old, they are told.
fn some_old(reading: &Reading) -> Option<String> {
    let (old, _) = old(reading);
    (old > 0).then(|| {
        format!(
            "Dated before the year 2000, and counted: {}. Times must be in milliseconds.",
            counted(old, "vote")
        )
    })
}

/// Every unreadable row that was kept, for the page.
fn bad_rows(reading: &Reading) -> Vec<String> {
    let told = reading.bad.iter();
    let mut says: Vec<String> = told
        .map(|bad| format!("Line {} is unreadable: {}.", bad.line, bad.why))
        .collect();
    let more = reading.bad_rows.saturating_sub(says.len() as u64);
    if more > 0 {
        says.push(format!("And {} more.", counted(more, "unreadable row")));
    }
    says
}

/// What was left out, in one line.
fn left_out(reading: &Reading) -> String {
    let mut parts: Vec<String> = reading
        .left_out
        .iter()
        .map(|(why, count)| format!("{} {}", grouped(*count), words(*why)))
        .collect();
    if let Some(post) = reading.disputed.first() {
        parts.push(format!(
            "{}, for instance {} on board {}",
            counted(reading.disputed_posts, "such post"),
            name(&post.post),
            name(&post.board)
        ));
    }
    if reading.bad_rows > 0 {
        parts.push(format!("{} unreadable", grouped(reading.bad_rows)));
    }
    if let Some(bad) = reading.bad.first() {
        parts.push(format!(
            "the first unreadable row is line {}: {}",
            bad.line, bad.why
        ));
    }
    if parts.is_empty() {
        "Nothing was left out.".into()
    } else {
        format!("Left out: {}.", parts.join("; "))
    }
}
