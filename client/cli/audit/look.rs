//! Looks for vote rings in a table of votes under pseudonyms. It asks nobody, and knows nobody's name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_detection::read::{self, ReadError, Reading};
use tacit_detection::report::{Report, Voter};
use tacit_detection::votes::LeftOut;

use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{counted, printable_line};

/// Voters that are shown to people.
const SHOWN: usize = 20;

#[derive(Debug, Args)]
pub struct LookArgs {
    /// The votes: CSV, plain or gzipped, with the columns conv, vote_ms, voter, post, author, post_ms and
    /// vote (1, 0 or -1); times are milliseconds since 1970
    #[arg(value_name = "FILE", required = true)]
    votes: Option<PathBuf>,
}

impl LookArgs {
    /// The table; clap asks for it wherever no subcommand is given.
    fn file(&self) -> &Path {
        self.votes.as_deref().unwrap_or(Path::new(""))
    }
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

pub fn run(args: &LookArgs, cx: &Context) -> Result<(), Failure> {
    let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let length = std::fs::metadata(args.file()).map_or(0, |m| m.len());
    let bar = cx.out.progress(length, "reading");
    let reading = read::file(args.file(), now, |bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let reading = reading.map_err(|e| unread(args, &e))?;
    let boards = reading.votes.boards().len() as u64;
    let none = reading.votes.boards().iter().all(|b| b.votes().is_empty());
    if none {
        return Err(Failure::usage(
            "no-votes",
            format!("{} holds no vote that counts", args.file().display()),
            left_out(&reading),
        ));
    }
    let bar = cx.out.progress(boards, "judging");
    let report = Report::of(&reading.votes, || bar.inc(1));
    bar.finish_and_clear();
    let view = View {
        report: &report,
        read: ReadView {
            rows: reading.rows,
            left_out: reading
                .left_out
                .iter()
                .map(|(w, n)| (code(*w), *n))
                .collect(),
            bad_rows: reading.bad_rows,
            bad: reading
                .bad
                .iter()
                .map(|bad| BadView {
                    line: bad.line,
                    why: bad.why.to_string(),
                })
                .collect(),
        },
    };
    cx.out.result(&view, |_| show(&report, &reading, cx));
    Ok(())
}

fn unread(args: &LookArgs, error: &ReadError) -> Failure {
    if let ReadError::Io(e) = error {
        return Failure::file("read", args.file(), e);
    }
    let problem = format!("{}: {error}", args.file().display());
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
        LeftOut::OtherPost => "on posts that stand under two authors or at two times",
    }
}

/// What was left out, in one line.
fn left_out(reading: &Reading) -> String {
    let mut parts: Vec<String> = reading
        .left_out
        .iter()
        .map(|(why, count)| format!("{count} {}", words(*why)))
        .collect();
    if reading.bad_rows > 0 {
        parts.push(format!("{} unreadable", reading.bad_rows));
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
    for board in &report.not_judged {
        let name = printable_line(&board.board);
        out.line(format!("Board {name} isn't judged: {}.", board.why));
    }
    let flagged = report.voters.iter().filter(|v| v.flag).count();
    out.line(format!(
        "{} judged, {flagged} with a score of {} or more.",
        counted(report.voters.len() as u64, "voter"),
        report.parameters.flag_score
    ));
    let row = |voter: &Voter| {
        vec![
            printable_line(&voter.id),
            format!("{:.2}", voter.score),
            format!("{:.2}", voter.discount),
            if voter.flag { "flag" } else { "" }.to_owned(),
            voter.reasons.join("; "),
        ]
    };
    if report.voters.is_empty() {
        return;
    }
    let rows: Vec<_> = report.voters.iter().take(SHOWN).map(row).collect();
    out.line("");
    out.table(
        &["voter", "score", "counts", "", "what speaks for a ring"],
        &rows,
    );
    if !report.communities.is_empty() {
        let rows: Vec<_> = report
            .communities
            .iter()
            .map(|c| {
                vec![
                    c.members.len().to_string(),
                    format!("{:.1}", c.score),
                    format!("{:.1e}", c.p_value),
                    format!("{:.1}", c.signals.matched),
                    format!("{:.1}", c.signals.together),
                    c.members
                        .iter()
                        .map(|m| printable_line(m))
                        .collect::<Vec<_>>()
                        .join(" "),
                ]
            })
            .collect();
        out.line("");
        let headers = [
            "size",
            "score",
            "p",
            "taste",
            "time",
            "groups that support each other beyond chance",
        ];
        out.table(&headers, &rows);
    }
    out.line("");
    out.line("A score is a reason to look, and no proof: a fan club, a party or a class of newcomers can look like a ring.");
}
