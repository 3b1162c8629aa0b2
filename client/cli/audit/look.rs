//! `tacit audit FILE`: judges a table of votes, and tells what it found in the terminal, in JSON, or as a page.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_detection::read::{self, ReadError, Reading};
use tacit_detection::report::case::Case;
use tacit_detection::report::{Asked, Community, Found, Fpr, Report, Voter, Window};
use tacit_detection::votes::LeftOut;
use tacit_detection::words::{counted, grouped, name, percent};

use super::folder::Folder;
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::Failure;
use crate::parse;

/// Voters, groups, windows and boards that are shown to people.
const SHOWN: usize = 20;
/// Cases that are shown to people.
const CASES: usize = 3;
/// Members of a group that are named on one line.
const NAMED: usize = 8;
const HOUR_MS: i64 = 3_600_000;
/// Longest window, ten years.
const LONGEST_MS: i64 = 10 * 366 * 24 * HOUR_MS;

#[derive(Debug, Args)]
pub struct LookArgs {
    /// The votes: CSV, plain or gzipped, with the columns conv, vote_ms, voter, post, author, post_ms and
    /// vote (1, 0 or -1); times are milliseconds since 1970
    #[arg(value_name = "FILE", required = true)]
    votes: Option<PathBuf>,
    /// Write report.html, report.json and voters.csv into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Share of honest members who may stand out as well
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share)]
    fpr: Fpr,
    /// Judge each stretch of so long on its own too, such as 12h, 7d or 4w
    #[arg(long, value_name = "SPAN", value_parser = span)]
    window: Option<i64>,
    /// What pictures are laid out by; it changes no figure
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse::number::<u64>)]
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
    bad_rows: u64,
    bad: Vec<BadView>,
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
        let left_out = reading.left_out.iter();
        Self {
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
    let view = View {
        report: &report,
        read: ReadView::of(&reading),
    };
    if let Some(folder) = &folder {
        let table = args
            .file()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let read = [
            format!("{}.", counted(reading.rows, "row")),
            left_out(&reading),
        ];
        folder.write(&report, &view, &table, &read)?;
    }
    cx.out.result(&view, |_| show(&report, &reading, cx));
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
    let reading = read::file(file, now, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let reading = reading.map_err(|e| unread(file, &e))?;
    if reading.votes.boards().iter().all(|b| b.votes().is_empty()) {
        return Err(Failure::usage(
            "no-votes",
            format!("{} holds no vote that counts", file.display()),
            left_out(&reading),
        ));
    }
    Ok(reading)
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

/// What was left out, in one line.
fn left_out(reading: &Reading) -> String {
    let mut parts: Vec<String> = reading
        .left_out
        .iter()
        .map(|(why, count)| format!("{} {}", grouped(*count), words(*why)))
        .collect();
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

fn show(report: &Report, reading: &Reading, cx: &Context) {
    let out = &cx.out;
    out.line(format!(
        "{} read. {}",
        counted(reading.rows, "row"),
        left_out(reading)
    ));
    for board in report.not_judged.iter().take(SHOWN) {
        let name = name(&board.board);
        out.line(format!("Board {name} isn't judged: {}.", board.why));
    }
    more(cx, report.not_judged.len().saturating_sub(SHOWN), "board");
    if report.voters.is_empty() {
        out.line("Nobody is judged.");
        return;
    }
    let judged = report.voters.len();
    let flagged = report.flagged();
    out.line(format!(
        "{} judged; {} out ({}).",
        counted(judged as u64, "member"),
        match flagged {
            0 => "nobody stands".to_owned(),
            1 => "1 stands".to_owned(),
            n => format!("{} stand", grouped(n as u64)),
        },
        percent(flagged as f64 / judged as f64)
    ));
    voters(report, cx);
    communities(report, cx);
    windows(report, cx);
    for case in report.cases.iter().take(CASES) {
        show_case(case, cx);
    }
    if report.cases.len() > CASES {
        out.line("");
        more(cx, report.cases.len() - CASES, "case");
    }
    out.line("");
    out.line("A score is a reason to look, and no proof: a fan club, a party or a class of newcomers can look like a ring.");
}

/// Says how much of a list isn't shown.
fn more(cx: &Context, left_out: usize, noun: &str) {
    if left_out > 0 {
        let plural = if left_out == 1 { "" } else { "s" };
        let number = grouped(left_out as u64);
        cx.out.line(format!(
            "And {number} more {noun}{plural}; see --json or --out."
        ));
    }
}

fn voters(report: &Report, cx: &Context) {
    let flagged = report.flagged();
    if flagged == 0 {
        return;
    }
    let windowed = !report.windows.is_empty();
    let number = |n: Option<usize>| n.map_or(String::new(), |n| n.to_string());
    let line = |voter: &Voter| {
        let board = report.boards.iter().find(|b| b.conv == voter.conv);
        board.map_or(String::new(), |b| format!("{:.1}", b.flag_score))
    };
    let row = |voter: &Voter| {
        let mut cells = vec![
            name(&voter.id),
            format!("{:.1}", voter.score),
            line(voter),
            percent(voter.discount),
            number(voter.community),
        ];
        if windowed {
            cells.push(joined(voter.windows.iter().map(|w| w.window)));
        }
        cells.push(voter.reasons.first().cloned().unwrap_or_default());
        cells
    };
    let rows: Vec<_> = report
        .voters
        .iter()
        .filter(|v| v.flag)
        .take(SHOWN)
        .map(row)
        .collect();
    let mut headers = vec!["voter", "score", "line", "counts", "group"];
    if windowed {
        headers.push("windows");
    }
    headers.push("what speaks for a ring, first of all");
    cx.out.line("");
    cx.out.table(&headers, &rows);
    more(cx, flagged.saturating_sub(SHOWN), "member");
    let elsewhere = report
        .voters
        .iter()
        .filter(|v| !v.flag && !v.windows.is_empty());
    let elsewhere = elsewhere.count() as u64;
    if elsewhere > 0 {
        let stand = if elsewhere == 1 { "stands" } else { "stand" };
        cx.out.line(format!(
            "{} {stand} out in a window and not on the whole; see --json.",
            counted(elsewhere, "member")
        ));
    }
}

fn communities(report: &Report, cx: &Context) {
    if report.communities.is_empty() {
        return;
    }
    let row = |c: &Community| {
        let mut members: Vec<String> = c.members.iter().take(NAMED).map(|m| name(m)).collect();
        if c.members.len() > NAMED {
            members.push(format!("and {} more", c.members.len() - NAMED));
        }
        vec![
            c.number.to_string(),
            c.members.len().to_string(),
            c.flagged.to_string(),
            if c.score > 0.0 {
                format!("{:.1}", c.score)
            } else {
                "–".to_owned()
            },
            match c.found {
                Found::Support if c.p_value < 0.01 => format!("{:.1e}", c.p_value),
                Found::Support => format!("{:.2}", c.p_value),
                Found::Time => "by time".to_owned(),
                Found::Partners => "a pair".to_owned(),
            },
            format!("{:.1}", c.signals.matched),
            format!("{:.1}", c.signals.together),
            members.join(" "),
        ]
    };
    let rows: Vec<_> = report.communities.iter().take(SHOWN).map(row).collect();
    let headers = [
        "group",
        "size",
        "flags",
        "score",
        "p",
        "taste",
        "time",
        "who support each other beyond chance",
    ];
    cx.out.line("");
    cx.out.table(&headers, &rows);
    more(cx, report.communities.len().saturating_sub(SHOWN), "group");
    if report.communities_left_out > 0 {
        cx.out.line(format!(
            "{} beyond chance were weaker than those that were looked at closely, and aren't listed.",
            counted(report.communities_left_out as u64, "group")
        ));
    }
}

fn windows(report: &Report, cx: &Context) {
    if report.windows.is_empty() {
        return;
    }
    let judged: Vec<&Window> = report
        .windows
        .iter()
        .filter(|w| w.not_judged.is_none())
        .collect();
    let row = |w: &&Window| {
        vec![
            w.number.to_string(),
            name(&w.conv),
            w.from.clone(),
            w.to.clone(),
            grouped(w.votes as u64),
            w.flagged.to_string(),
        ]
    };
    let rows: Vec<_> = judged.iter().take(SHOWN).map(row).collect();
    cx.out.line("");
    if !rows.is_empty() {
        cx.out.table(
            &["window", "board", "from", "to", "votes", "stand out"],
            &rows,
        );
        more(cx, judged.len().saturating_sub(SHOWN), "window");
    }
    let others = report.windows.len() - judged.len();
    if others > 0 {
        let were = if others == 1 { "was" } else { "were" };
        cx.out.line(format!(
            "{} {were} not judged, for want of {} active members.",
            counted(others as u64, "window"),
            report.parameters.least_active
        ));
    }
}

fn show_case(case: &Case, cx: &Context) {
    let out = &cx.out;
    out.line("");
    let named: Vec<String> = case
        .members
        .iter()
        .take(NAMED)
        .map(|m| name(&m.voter))
        .collect();
    let others = case.members.len().saturating_sub(NAMED);
    let and = if others > 0 {
        format!(" and {others} more")
    } else {
        String::new()
    };
    out.line(format!(
        "Group {} on board {}: {}{and}",
        case.community,
        name(&case.conv),
        named.join(", ")
    ));
    for says in &case.summary {
        out.line(format!("  {says}"));
    }
    if let Some(moment) = case.moments.first() {
        let voters: Vec<String> = moment.voters.iter().take(NAMED).map(|v| name(v)).collect();
        let others = moment.voters.len().saturating_sub(NAMED);
        let and = if others > 0 {
            format!(" and {others} more")
        } else {
            String::new()
        };
        out.line(format!(
            "  The fullest moment: {}, post {}, {}{and}.",
            moment.from,
            name(&moment.post),
            voters.join(", ")
        ));
    }
    out.line("  Innocent explanations:");
    for innocent in &case.innocent {
        out.line(format!("  - {}", innocent.sentence()));
    }
}

fn joined<T: Display>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|i| i.to_string()).collect();
    items.join(" ")
}
