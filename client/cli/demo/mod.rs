//! `tacit demo`: the whole job on one machine, with real processes, real proofs and real encryption.
//!
//! Everything is done through this program's own commands, as operators, registrars, creators and
//! members do it: the demo only starts them, in order, and tells the story. There are two acts: what a
//! committee does, and how strangers make the proving keys that it takes.

mod ceremony;
mod committee;
mod members;
mod plan;
mod ports;
mod processes;
mod statements;
mod story;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use tacit_ceremony::folder::layout::Layout;
use tacit_ceremony::transcript::Powers;
use tacit_protocol::codec::Decode as _;
use tacit_protocol::founding::{DEVELOPMENT_KEYS_WARNING, FoundingFile, MAX_NODES, MIN_NODES};
use tacit_protocol::ids::Fingerprint;
use tacit_protocol::statement::Status;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::verify::verify_file;
use crate::{input, parse};
use plan::{Plan, SignerPlan};
use ports::{Addresses, Reserved};
use processes::{Service, Tacit, WATCH_EVERY, in_parallel, wait_for_file};
use story::Story;

/// Registrars of the demo's group, and how many must attest a member.
const REGISTRARS: usize = 3;
/// k
const REGISTRAR_QUORUM: &str = "2";
/// How long any one step may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(180);
/// Which node is killed before the first list opens.
const VICTIM: usize = 3;
/// The latest deadline of the second statement, in seconds: the demo runs until then.
const LATEST_DEADLINE: u64 = 86_400;

/// What to do about a demo that doesn't understand its own program.
const MISTAKE: &str = "This is a mistake of the demo: tell its makers.";
/// What to do about something that the committee promised and didn't keep.
const NEVER: &str = "This must never happen: keep the folder and tell its makers.";

/// What there is to see. Variants without docstrings: with them, all of `--help` takes three times the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Act {
    Committee,
    Ceremony,
}

/// The seconds of --deadline, unless it is given.
const DEADLINE: u64 = 15;

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// What there is to see: what a committee does, or how strangers make the proving keys for one, in seconds
    #[arg(long, value_name = "ACT", value_enum, default_value = "committee")]
    act: Act,
    /// Members: a CSV file with a column `name`; further columns are classes with 1/yes/true (`contact` is kept private)
    #[arg(long, value_name = "FILE.csv")]
    roster: Option<PathBuf>,
    /// The statement's text
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// When the list opens, such as "count >= 10 and count(directors) >= 2"
    #[arg(long, value_name = "EXPR")]
    trigger: Option<String>,
    /// How many sign the first statement: as many as its trigger takes, since the list opens with the last of them
    /// [default: as few as can be]
    #[arg(long, value_name = "N", value_parser = parse::number::<usize>)]
    signers: Option<usize>,
    /// The second statement's deadline, in seconds after its proposal; later if its members need longer to sign here
    /// [default: 15]
    #[arg(long, value_name = "SECONDS", value_parser = parse::number::<u64>)]
    deadline: Option<u64>,
    /// Nodes of the committee [default: 4]
    #[arg(long, value_name = "N", value_parser = parse::number::<usize>)]
    nodes: Option<usize>,
    /// Found the committee with the keys of a finished ceremony: its folder
    #[arg(long, value_name = "DIR")]
    ceremony: Option<PathBuf>,
    /// Everything goes into this folder, which must be empty or not exist [default: a fresh one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the folders with everybody's secrets too
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Serialize)]
struct StatementResult {
    id: String,
    count: u64,
    status: String,
    names: Vec<String>,
    signers: Vec<String>,
    bundle: PathBuf,
}

#[derive(Debug, Serialize)]
struct DemoResult {
    fingerprint: String,
    statements: Vec<StatementResult>,
    timings: BTreeMap<&'static str, f64>,
}

pub fn run(args: &DemoArgs, cx: &Context) -> Result<(), Failure> {
    match args.act {
        Act::Committee => committee_act(args, cx),
        Act::Ceremony => ceremony::run(args, cx),
    }
}

fn committee_act(args: &DemoArgs, cx: &Context) -> Result<(), Failure> {
    let nodes = args.nodes.unwrap_or(MIN_NODES);
    if !(MIN_NODES..=MAX_NODES).contains(&nodes) {
        return Err(Failure::usage(
            "nodes",
            format!("a committee can't have {nodes} nodes"),
            format!("Give --nodes {MIN_NODES} to {MAX_NODES}: with fewer than 4, none may fail."),
        ));
    }
    let deadline = args.deadline.unwrap_or(DEADLINE);
    if !(1..=LATEST_DEADLINE).contains(&deadline) {
        let problem = match deadline {
            0 => "a deadline of no seconds has passed already".to_string(),
            long => format!("the demo would run for {long} seconds"),
        };
        return Err(Failure::usage(
            "deadline",
            problem,
            format!("Give --deadline 1 to {LATEST_DEADLINE}."),
        ));
    }
    let plan = Plan::new(
        args.roster.as_deref(),
        args.statement.as_deref(),
        args.trigger.as_deref(),
        args.signers,
    )?;
    let ceremony = match &args.ceremony {
        Some(folder) => Some(Ceremony::read(folder)?),
        None => None,
    };
    let (show, story) = Show::open(args, cx)?;
    let mut demo = Demo {
        tacit: show.tacit.clone(),
        dir: show.dir.clone(),
        plan,
        ceremony,
        story,
        timings: BTreeMap::new(),
        nodes: Vec::new(),
        registrars: Vec::new(),
        urls: Vec::new(),
        addresses: Vec::new(),
        reserved: Vec::new(),
    };
    let outcome = demo.play(nodes, deadline);
    let secrets = ["nodes", "registrars", "members", "people", "founding"];
    let result = show.close(
        outcome,
        || demo.stop_all(),
        &secrets,
        "nodes/ and registrars/",
    )?;
    if cx.out.is_json() {
        cx.out.json(&result);
    }
    demo.story.end(&result.fingerprint, &show.dir, args.keep);
    Ok(())
}

/// What every act is played on: a folder, and processes that end with it.
struct Show {
    tacit: Tacit,
    dir: PathBuf,
    out: Output,
    keep: bool,
    /// Was the folder made for this alone?
    fresh: bool,
}

impl Show {
    fn open(args: &DemoArgs, cx: &Context) -> Result<(Self, Story), Failure> {
        let dir = demo_folder(args.dir.as_deref())?;
        let tacit = Tacit::current()?;
        tacit.stop_at_signals()?;
        let story = Story::new(cx.out, tacit.clone());
        story.scene(&format!("Everything happens in {}", dir.display()));
        let show = Self {
            tacit,
            dir,
            out: cx.out,
            keep: args.keep,
            fresh: args.dir.is_none(),
        };
        Ok((show, story))
    }

    /// Ends the services, removes the folders with `secrets` unless they are to be kept, and says why it
    /// failed, if it did; services' logs are in `logs`.
    fn close<T>(
        &self,
        outcome: Result<T, Failure>,
        stop_all: impl FnOnce(),
        secrets: &[&str],
        logs: &str,
    ) -> Result<T, Failure> {
        if outcome.is_err() {
            // A service that ended is the better reason than what failed for want of it.
            std::thread::sleep(2 * WATCH_EVERY);
        }
        let stopped = self.tacit.check();
        stop_all();
        let interrupted = self.tacit.is_interrupted();
        if !self.keep && (outcome.is_ok() || interrupted) {
            remove_secrets(&self.dir, secrets, self.out);
        }
        if self.fresh {
            // Goes only if it is empty, which it is when the demo ended before there was a result.
            let _ = fs::remove_dir(&self.dir);
        }
        outcome.map_err(|failure| match interrupted {
            true if self.keep => Failure::interrupted(format!(
                "Nothing runs any more. The folders remain in {}.",
                self.dir.display()
            )),
            true => Failure::interrupted("Nothing runs any more, and the folders are gone."),
            false => with_remains(stopped.err().unwrap_or(failure), &self.dir, logs),
        })
    }
}

/// The ceremony whose keys the committee takes.
struct Ceremony {
    folder: PathBuf,
    name: String,
    transcript: String,
    rehearsal: bool,
    /// The hash of the file that it took its powers from. A demo vouches for nothing, so the rules' word does.
    powers: Option<String>,
}

impl Ceremony {
    /// Reads which one it is; founding verifies it.
    fn read(folder: &Path) -> Result<Self, Failure> {
        let transcript = tacit_ceremony::folder::read(&Layout::new(folder))?;
        if transcript.finished().is_none() {
            return Err(Failure::not_yet(
                "unfinished",
                "the ceremony is not finished",
                "Wait for its end, or rehearse one: tacit ceremony new --help",
            ));
        }
        let descriptor = transcript.descriptor();
        // For other processes, which may have other folders.
        let path = folder
            .canonicalize()
            .map_err(|e| Failure::file("read", folder, &e))?;
        Ok(Self {
            folder: path,
            name: descriptor.name.clone(),
            transcript: transcript.head().to_string(),
            rehearsal: descriptor.rehearsal,
            powers: match &descriptor.powers {
                Powers::Existing { hash, .. } => Some(hex::encode(hash)),
                Powers::Fresh { .. } => None,
            },
        })
    }
}

/// Says where everything lies that somebody who looks for a failure's cause may need.
fn with_remains(mut failure: Failure, dir: &Path, logs: &str) -> Failure {
    failure.advice = format!(
        "{} Nothing runs any more. All folders remain in {}, with the logs in {logs}: they hold the demo's secrets, so remove them when you have looked.",
        failure.advice,
        dir.display()
    );
    failure.advice = failure.advice.trim().to_string();
    failure
}

/// Removes the folders that hold the secrets of the demo's people.
fn remove_secrets(dir: &Path, secrets: &[&str], out: Output) {
    for name in secrets {
        let folder = dir.join(name);
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => out.note(format!(
                "warning: can't remove {}: {e}. It holds the demo's secrets: remove it yourself.",
                folder.display()
            )),
            _ => {}
        }
    }
}

fn demo_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let dir = match given {
        Some(dir) => dir.to_path_buf(),
        None => {
            let tail = input::randomness::<4>()?;
            std::env::temp_dir().join(format!("tacit-demo-{}", hex::encode(*tail)))
        }
    };
    tacit_files::create_folder(&dir).map_err(|e| Failure::folder(&dir, &e))?;
    let mut entries = fs::read_dir(&dir).map_err(|e| Failure::file("read", &dir, &e))?;
    if entries.next().is_some() {
        return Err(Failure::usage(
            "not-empty",
            format!("{} is not empty", dir.display()),
            "Give another folder with --dir, or empty it.",
        ));
    }
    dir.canonicalize()
        .map_err(|e| Failure::file("read", &dir, &e))
}

struct Demo {
    tacit: Tacit,
    dir: PathBuf,
    plan: Plan,
    ceremony: Option<Ceremony>,
    story: Story,
    timings: BTreeMap<&'static str, f64>,
    nodes: Vec<Service>,
    registrars: Vec<Service>,
    urls: Vec<String>,
    addresses: Vec<Addresses>,
    /// The nodes' ports, until they start.
    reserved: Vec<Reserved>,
}

fn text(path: &Path) -> Result<&str, Failure> {
    path.to_str().ok_or_else(|| {
        Failure::usage(
            "path",
            format!("{} is not UTF-8", path.display()),
            "Give another --dir.",
        )
    })
}

fn field(value: &Value, name: &str) -> Result<String, Failure> {
    let found = value.get(name).and_then(Value::as_str).map(str::to_string);
    found.ok_or_else(|| {
        Failure::check(
            "demo-step",
            format!("a command's answer has no \"{name}\": {value}"),
            MISTAKE,
        )
    })
}

impl Demo {
    fn timed<T>(
        &mut self,
        phase: &'static str,
        work: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let started = Instant::now();
        let outcome = work(self);
        self.timings.insert(phase, hundredths(started.elapsed()));
        outcome
    }

    fn play(&mut self, nodes: usize, deadline: u64) -> Result<DemoResult, Failure> {
        let started = Instant::now();
        let fingerprint = self.timed("founding", |d| d.found(nodes))?;
        self.timed("start", Self::start)?;
        let group = self.timed("enrolment", |d| d.enrol(&fingerprint))?;
        let first = self.first_statement(&group)?;
        let second = self.second_statement(&group, deadline)?;
        // Only now has every node attested that it erased what it opened the first list with.
        self.fetch_bundle(&first.id, &first.bundle)?;
        self.story
            .scene("All services stop. What follows needs the two files and the fingerprint only.");
        self.stop_all();
        self.timed("verify", |d| d.verify_all(&fingerprint, &[&first, &second]))?;
        self.timings.insert("total", hundredths(started.elapsed()));
        Ok(DemoResult {
            fingerprint: fingerprint.to_string(),
            statements: vec![first, second],
            timings: self.timings.clone(),
        })
    }

    fn stop_all(&mut self) {
        for service in self.nodes.iter_mut().chain(&mut self.registrars) {
            service.stop();
        }
        self.nodes.clear();
        self.registrars.clear();
    }

    fn node_home(&self, i: usize) -> PathBuf {
        self.dir.join("nodes").join(i.to_string())
    }

    fn node_log(&self, i: usize) -> PathBuf {
        self.dir.join("nodes").join(format!("{i}.log"))
    }

    fn member_home(&self, i: usize) -> PathBuf {
        self.dir.join("members").join(i.to_string())
    }

    fn creator_home(&self) -> PathBuf {
        self.dir.join("people").join("creator")
    }

    fn passphrase(&self, member: usize) -> PathBuf {
        self.member_home(member).join("passphrase")
    }

    fn verify_all(
        &mut self,
        fingerprint: &Fingerprint,
        statements: &[&StatementResult],
    ) -> Result<(), Failure> {
        for statement in statements {
            self.tacit.check()?;
            let report = verify_file(&statement.bundle, fingerprint)?;
            self.story.scene(&format!(
                "tacit verify {} --fingerprint {}…",
                statement.bundle.display(),
                fingerprint.to_string().get(..8).unwrap_or_default()
            ));
            for check in &report.checks {
                self.story.check(check);
            }
            let Some(verified) = report.verified else {
                return Err(Failure::check("lie", "a bundle does not hold", NEVER));
            };
            let listed = verified.names.unwrap_or_default().len();
            if verified.certified.facts.status.word() != statement.status
                || verified.certified.facts.count != statement.count
                || listed != statement.names.len()
            {
                return Err(Failure::check(
                    "wrong-bundle",
                    "a bundle says something else than the nodes did",
                    NEVER,
                ));
            }
        }
        Ok(())
    }
}

fn count(shown: &Value) -> Result<u64, Failure> {
    let count = shown.get("count").and_then(Value::as_u64);
    count.ok_or_else(|| {
        Failure::check(
            "demo-step",
            format!("a statement without a count: {shown}"),
            MISTAKE,
        )
    })
}

/// A span in seconds, to the hundredth.
fn hundredths(span: Duration) -> f64 {
    (span.as_secs_f64() * 100.0).round() / 100.0
}

/// Members' programs that run at once.
fn workers() -> usize {
    std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .saturating_mul(2)
        .clamp(2, 8)
}

fn write_roster(path: &Path, roster: &tacit_registrar::roster::Roster) -> Result<(), Failure> {
    tacit_files::replace(path, &roster.to_csv()).map_err(|e| Failure::file("write", path, &e))
}
