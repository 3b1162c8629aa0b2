//! `tacit statement`: propose one, and see how it stands.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_client::api::{Api, ApiError, StatementView};
use tacit_client::bundle::{self, CertifiedGroup};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::hash::{Hasher, domain};
use tacit_protocol::ids::{GroupId, StatementId};
use tacit_protocol::keys::SigningKey;
use tacit_protocol::proof::Submission;
use tacit_protocol::statement::{
    CountPolicy, MAX_TEXT, RosterPolicy, Statement, StatementPropose, Status,
};
use tacit_protocol::trigger::{Trigger, TriggerError};

use crate::clock::{distance, local, local_short, now_ms, parse_deadline, utc};
use crate::context::{Committee, Context, Network};
use crate::failure::Failure;
use crate::output::{Output, counted, printable, printable_line};
use crate::{input, parse};

/// How often a statement is looked at while it is watched.
const LOOK_EVERY: Duration = Duration::from_millis(700);
/// How long what one node said is held against others that haven't got so far.
const LAG: Duration = Duration::from_secs(10);
/// How long nodes may be out of reach while a statement is watched.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long `new --wait` waits for a statement's key.
const KEY_PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Propose a statement to a group; the committee makes its key and takes signatures
    New(NewArgs),
    /// List all statements
    List(ListArgs),
    /// Show one statement, as a node tells it
    Show(ShowArgs),
    /// Watch the count until the list is open or erased
    Watch(WatchArgs),
}

#[derive(Debug, Args)]
pub struct NewArgs {
    /// The group whose members may sign
    #[arg(long, value_name = "ID", value_parser = parse::group)]
    group: GroupId,
    /// What they sign: a text file ("-": stdin)
    #[arg(long, value_name = "FILE")]
    text_file: PathBuf,
    /// When the list opens, such as "count >= 100", "count >= 30% of members", or
    /// "count(senators) >= 5 and count >= 100"
    #[arg(long, value_name = "EXPR")]
    trigger: String,
    /// Until when: 2026-12-01T12:00Z, or from now on: +15m, +2h, +3d, +4w
    #[arg(long, value_name = "TIME")]
    deadline: String,
    /// Wait until it takes signatures
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    network: Network,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only statements of this group
    #[arg(long, value_name = "ID", value_parser = parse::group)]
    group: Option<GroupId>,
    #[command(flatten)]
    network: Network,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The statement
    #[arg(value_name = "ID", value_parser = parse::statement)]
    statement: StatementId,
    #[command(flatten)]
    network: Network,
}

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// The statement
    #[arg(value_name = "ID", value_parser = parse::statement)]
    statement: StatementId,
    /// Stop watching after so many seconds, with exit code 4
    #[arg(long, value_name = "SECONDS", value_parser = parse::number::<u64>)]
    timeout: Option<u64>,
    #[command(flatten)]
    network: Network,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::New(args) => new(&args, cx),
        Command::List(args) => list(&args, cx),
        Command::Show(args) => {
            let committee = cx.committee(&args.network)?;
            let statement = committee.api.statement(&args.statement)?;
            cx.out.result(&statement, |out| show(out, &statement));
            Ok(())
        }
        Command::Watch(args) => watch(&args, cx),
    }
}

#[derive(Serialize)]
struct Proposed {
    id: String,
    group: String,
    trigger: String,
    deadline_ms: u64,
    smallest_list: u64,
    status: String,
    height: u64,
}

fn new(args: &NewArgs, cx: &Context) -> Result<(), Failure> {
    let now = now_ms();
    let text = read_text(&args.text_file)?;
    let bad_trigger = |e| trigger_failure(&args.trigger, &e);
    let trigger = Trigger::parse(&args.trigger).map_err(bad_trigger)?;
    let deadline_ms = parse_deadline(&args.deadline, now).map_err(|how| {
        Failure::usage(
            "deadline",
            format!("\"{}\" is not a deadline", args.deadline),
            how,
        )
    })?;
    if deadline_ms <= now {
        return Err(Failure::usage(
            "deadline",
            format!("the deadline was {}", distance(deadline_ms, now)),
            "Give one that is still to come.",
        ));
    }
    let committee = cx.committee(&args.network)?;
    let (founding, fingerprint) = committee.founding();
    // A node that lags may not know the last members, without whom a trigger can't be met.
    let mut newest: Option<CertifiedGroup> = None;
    let found = committee.api.group_chain(&args.group, |chain| {
        let found = bundle::check_group(&chain, founding, fingerprint, &args.group)
            .map_err(|e| e.to_string())?;
        if trigger.check_reachable(&found.roster).is_ok() {
            return Ok(found);
        }
        if newest.as_ref().is_none_or(|n| n.time_ms < found.time_ms) {
            newest = Some(found);
        }
        Err("by its roster the trigger can't be met".into())
    });
    let group = found.or_else(|e| newest.ok_or(e))?;
    trigger
        .check_reachable(&group.roster)
        .map_err(bad_trigger)?;
    let smallest_list = trigger.smallest_list(&group.roster);

    let key = cx.creator_key()?;
    let circuit = founding
        .sealing()
        .map_err(|e| Failure::check("founding", e, "Use another committee."))?;
    let mut statement = Statement {
        fingerprint: *fingerprint,
        epoch: 0,
        group: args.group,
        text,
        trigger,
        deadline_ms,
        count_policy: CountPolicy::Live,
        roster_policy: RosterPolicy::Frozen,
        circuit: circuit.circuit,
        creator: key.public(),
        nonce: [0; 16],
    };
    statement.nonce = nonce(&statement, &key);
    let (id, trigger) = (statement.id(), statement.trigger.to_string());
    let submission = Submission {
        entry: Entry::StatementPropose(StatementPropose::sign(statement, &key)).to_bytes(),
        body: None,
    };
    let spinner = cx.out.spinner("Proposing the statement");
    let finalized = committee
        .api
        .submit_statement(&submission, committee.founding());
    spinner.finish_and_clear();
    let finalized = finalized.map_err(|e| propose_again(e, &id, deadline_ms))?;
    let mut status = Status::Preparing.word().to_string();
    if args.wait {
        status = wait_for_key(cx, &committee.api, &id)?;
    }
    let view = Proposed {
        id: id.to_string(),
        group: args.group.to_string(),
        trigger,
        deadline_ms,
        smallest_list,
        status,
        height: finalized.height,
    };
    cx.out.result(&view, |out| {
        out.line(format!("Statement  {}", view.id));
        out.line(format!("Opens when {}", view.trigger));
        out.line(format!(
            "           smallest list: {} names",
            view.smallest_list
        ));
        out.line(format!(
            "Until      {} ({})",
            local(deadline_ms),
            distance(deadline_ms, now)
        ));
        out.line(format!("Status     {}", view.status));
    });
    Ok(())
}

/// Follows from everything else in the statement and the creator's key, so that the same command, run
/// again because no receipt came, proposes the same statement.
fn nonce(statement: &Statement, key: &SigningKey) -> [u8; 16] {
    let digest = Hasher::new(domain::STATEMENT_NONCE)
        .chain(key.expose())
        .chain_var(statement.to_bytes())
        .finish();
    let mut nonce = [0u8; 16];
    for (place, byte) in nonce.iter_mut().zip(digest.as_bytes()) {
        *place = *byte;
    }
    nonce
}

fn propose_again(e: ApiError, id: &StatementId, deadline_ms: u64) -> Failure {
    let mut failure = Failure::from(e);
    if failure.code == "not-final" {
        failure.advice = format!(
            "Look whether it is there: tacit statement show {id}. If not, run the same command with --deadline {}: it proposes the same statement.",
            utc(deadline_ms)
        );
    }
    failure
}

/// What is wrong with a trigger, in its author's words.
pub(crate) fn trigger_failure(text: &str, e: &TriggerError) -> Failure {
    use TriggerError as E;
    let why = match e {
        E::Syntax {
            expected, found, ..
        } if found == "the end" => format!("it ends where {expected} should come"),
        E::NotMonotone { at, found } => {
            format!("at character {at}: it can only ask for at least so many (>=), not for {found}")
        }
        E::Unreachable { needs, whom, have } => {
            format!("it can never be met: it takes {needs} {whom}, and there are {have}")
        }
        e => e.to_string(),
    };
    let advice = match e {
        E::UnknownClass { .. } => {
            "Use one of the group's classes (`tacit group show ID`; in the demo, the roster's further columns)."
        }
        E::Unreachable { .. } => {
            "Ask for fewer, or enrol more members first: the roster freezes when the statement opens."
        }
        _ => {
            "Write it like: count >= 100, count >= 30% of members, count(senators) >= 5 and count >= 100, any(…, …), all(…, …)"
        }
    };
    Failure::usage(
        "trigger",
        format!("the trigger \"{text}\" can't be used: {why}"),
        advice,
    )
}

/// Reads a statement's text, without the white space at its end ("-": stdin).
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let mut bytes = input::file_or_stdin(path, MAX_TEXT as u64 + 1024)?;
    let text = String::from_utf8(std::mem::take(&mut *bytes)).map_err(|_| {
        Failure::usage(
            "text",
            format!("{} is not UTF-8 text", path.display()),
            "Save it as UTF-8.",
        )
    })?;
    let text = text.trim_end().to_string();
    if text.is_empty() {
        return Err(Failure::usage(
            "text",
            format!("{} holds no text", path.display()),
            "Write the statement into it.",
        ));
    }
    if text.len() > MAX_TEXT {
        return Err(Failure::usage(
            "text",
            format!(
                "{} holds more than {MAX_TEXT} bytes of text",
                path.display()
            ),
            "Shorten it: a statement has at most 64 KiB.",
        ));
    }
    Ok(text)
}

fn list(args: &ListArgs, cx: &Context) -> Result<(), Failure> {
    let Committee { api, .. } = cx.committee(&args.network)?;
    let mut statements = api.statements()?;
    if let Some(group) = &args.group {
        statements.retain(|s| s.group == group.to_string());
    }
    cx.out.result(&statements, |out| {
        let row = |s: &StatementView| {
            let first = s.text.lines().next().unwrap_or_default();
            vec![
                s.id.clone(),
                s.status.clone(),
                s.count.to_string(),
                local_short(s.deadline_ms),
                first.to_string(),
            ]
        };
        let rows: Vec<_> = statements.iter().map(row).collect();
        out.table(&["id", "status", "count", "deadline", "text"], &rows);
    });
    Ok(())
}

fn show(out: &Output, s: &StatementView) {
    let now = now_ms();
    out.line(printable(&s.text));
    out.line("");
    out.line(printable_line(&format!("statement   {}", s.id)));
    out.line(printable_line(&format!("group       {}", s.group)));
    out.line(printable_line(&format!("status      {}", s.status)));
    out.line(format!("signatures  {} of {} members", s.count, s.members));
    for (class, count) in &s.classes {
        out.line(printable_line(&format!("            {count} as {class}")));
    }
    out.line(printable_line(&format!("opens when  {}", s.trigger)));
    out.line(format!(
        "            smallest list: {} names",
        s.smallest_list
    ));
    out.line(format!(
        "until       {} ({})",
        local(s.deadline_ms),
        distance(s.deadline_ms, now)
    ));
    if !s.holders.is_empty() {
        out.line(format!(
            "committee   {} nodes hold a share, {} open together",
            s.holders.len(),
            s.needed
        ));
    }
    for (i, fault) in s.faults.iter().enumerate() {
        let label = if i == 0 { "faults" } else { "" };
        let found = format!("{label:<12}node {}: {}", fault.node, fault.fault);
        out.line(printable_line(&found));
    }
    if s.development_keys {
        out.note(tacit_protocol::founding::DEVELOPMENT_KEYS_WARNING);
    }
    out.note(
        "A node says so. To check all of it: tacit bundle ID --out FILE, then tacit verify FILE",
    );
}

fn status_of(view: &StatementView) -> Result<Status, Failure> {
    Status::from_word(&view.status).map_err(|e| {
        Failure::check(
            "bad-answer",
            format!("\"{}\" is {e}", view.status),
            "Name other nodes with --node URL.",
        )
    })
}

/// Waits until a new statement takes signatures.
fn wait_for_key(cx: &Context, api: &Api, id: &StatementId) -> Result<String, Failure> {
    let spinner = cx.out.spinner("The committee makes the statement's key");
    let start = Instant::now();
    let status = loop {
        // A node that hasn't got that far says that there is none.
        match api.statement(id) {
            Ok(view) => match status_of(&view)? {
                Status::Preparing => {}
                Status::Failed => {
                    return Err(Failure::check(
                        "failed",
                        "the committee could not make a key for it",
                        "Too many of its nodes are down. Propose it again later.",
                    ));
                }
                _ => break view.status,
            },
            Err(e) if start.elapsed() > PATIENCE => return Err(e.into()),
            Err(_) => {}
        }
        if start.elapsed() > KEY_PATIENCE {
            return Err(Failure::not_yet(
                "preparing",
                "the committee is still making the statement's key",
                format!("Watch it: tacit statement watch {id}"),
            ));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    spinner.finish_and_clear();
    Ok(status)
}

/// The furthest that a statement was seen to be.
#[derive(Debug, Clone, Copy)]
struct Furthest {
    status: Status,
    count: u64,
    at: Instant,
}

impl Furthest {
    /// Whether what another node says was so before: some nodes lag. Not for long, or one that lies could stop
    /// the clock.
    fn is_ahead_of(&self, status: Status, count: u64, now: Instant) -> bool {
        let before = status.leads_to(self.status) || (status == self.status && count < self.count);
        before && now.saturating_duration_since(self.at) < LAG
    }
}

fn watch(args: &WatchArgs, cx: &Context) -> Result<(), Failure> {
    let Committee { api, .. } = cx.committee(&args.network)?;
    let deadline = args
        .timeout
        .map(|s| Instant::now() + Duration::from_secs(s));
    let bar = cx.out.progress(0, "");
    let mut reached = Instant::now();
    let mut shown = String::new();
    let mut seen: Option<Furthest> = None;
    let last = loop {
        match api.statement(&args.statement) {
            Ok(view) => {
                reached = Instant::now();
                let status = status_of(&view)?;
                let now = Instant::now();
                if !seen.is_some_and(|seen| seen.is_ahead_of(status, view.count, now)) {
                    seen = Some(Furthest {
                        status,
                        count: view.count,
                        at: now,
                    });
                    bar.set_length(view.smallest_list.max(view.count));
                    bar.set_position(view.count);
                    bar.set_message(printable_line(&view.status));
                    if shown != view.status {
                        shown.clone_from(&view.status);
                        let line = format!("{}: {}", view.status, counted(view.count, "signature"));
                        bar.suspend(|| cx.out.line(printable_line(&line)));
                    }
                    if status.is_final() {
                        break view;
                    }
                }
            }
            // Nodes come and go, or are busy; that there is no such statement doesn't change by waiting.
            Err(e @ ApiError::Problem { .. }) if e.is_missing() && seen.is_none() => {
                return Err(e.into());
            }
            Err(e) if reached.elapsed() > PATIENCE => return Err(e.into()),
            Err(_) => {}
        }
        if deadline.is_some_and(|d| Instant::now() >= d) {
            bar.finish_and_clear();
            return Err(Failure::not_yet(
                "still-open",
                format!(
                    "the statement is {}",
                    if shown.is_empty() {
                        "out of reach"
                    } else {
                        &shown
                    }
                ),
                "Watch it longer.",
            ));
        }
        std::thread::sleep(LOOK_EVERY);
    };
    bar.finish_and_clear();
    cx.out.result(&last, |out| match last.status.as_str() {
        "revealed" => out.line(format!("The list is open. See it: tacit names {}", args.statement)),
        "erased" => out.line("The deadline passed. Enough nodes attest that they erased their shares: the list can never be opened."),
        _ => out.line("The committee could not make a key for it: nobody signed, nothing opens."),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_to_happen_unhappens_only_if_nobody_says_it_again() {
        let at = Instant::now();
        let seen = Furthest {
            status: Status::Collecting,
            count: 5,
            at,
        };
        let ahead = |status, count, later| seen.is_ahead_of(status, count, at + later);
        let soon = LAG - Duration::from_millis(1);
        assert!(ahead(Status::Preparing, 0, soon));
        assert!(ahead(Status::Collecting, 4, soon));
        for (status, count) in [
            (Status::Collecting, 5),
            (Status::Collecting, 6),
            (Status::Triggered, 5),
            (Status::Revealed, 5),
            (Status::Erased, 5),
        ] {
            assert!(!ahead(status, count, Duration::ZERO), "{status} {count}");
        }
        // One node that lies, once.
        assert!(!ahead(Status::Preparing, 0, LAG));
        assert!(!ahead(Status::Collecting, 4, LAG));
    }
}
