//! `tacit demo`: the whole job on one machine, with real processes, real proofs and real encryption.
//!
//! Everything is done through this program's own commands, as operators, registrars, creators and
//! members do it: the demo only starts them, in order, and tells the story.

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

use clap::Args;
use serde::Serialize;
use serde_json::Value;
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

#[derive(Debug, Args)]
pub struct DemoArgs {
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
    #[arg(long, value_name = "SECONDS", value_parser = parse::number::<u64>, default_value_t = 15)]
    deadline: u64,
    /// Nodes of the committee
    #[arg(long, value_name = "N", value_parser = parse::number::<usize>, default_value_t = MIN_NODES)]
    nodes: usize,
    /// Everything goes into this folder, which must be empty or not exist [default: a fresh one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep the nodes', registrars' and members' folders too
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
    if !(MIN_NODES..=MAX_NODES).contains(&args.nodes) {
        return Err(Failure::usage(
            "nodes",
            format!("a committee can't have {} nodes", args.nodes),
            format!("Give --nodes {MIN_NODES} to {MAX_NODES}: with fewer than 4, none may fail."),
        ));
    }
    if !(1..=LATEST_DEADLINE).contains(&args.deadline) {
        let problem = match args.deadline {
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
    let dir = demo_folder(args.dir.as_deref())?;
    let tacit = Tacit::current()?;
    tacit.stop_at_signals()?;
    let story = Story::new(cx.out, tacit.clone());
    story.scene(&format!("Everything happens in {}", dir.display()));
    let mut demo = Demo {
        tacit: tacit.clone(),
        dir: dir.clone(),
        plan,
        story,
        timings: BTreeMap::new(),
        nodes: Vec::new(),
        registrars: Vec::new(),
        urls: Vec::new(),
        addresses: Vec::new(),
        reserved: Vec::new(),
    };
    let outcome = demo.play(args);
    if outcome.is_err() {
        // A service that ended is the better reason than what failed for want of it.
        std::thread::sleep(2 * WATCH_EVERY);
    }
    let stopped = tacit.check();
    demo.stop_all();
    let interrupted = tacit.is_interrupted();
    if !args.keep && (outcome.is_ok() || interrupted) {
        remove_secrets(&dir, cx.out);
    }
    if args.dir.is_none() {
        // Goes only if it is empty, which it is when the demo ended before there was a bundle.
        let _ = fs::remove_dir(&dir);
    }
    let result = outcome.map_err(|failure| match interrupted {
        true if args.keep => Failure::interrupted(format!(
            "Nothing runs any more. The folders remain in {}.",
            dir.display()
        )),
        true => Failure::interrupted("Nothing runs any more, and the folders are gone."),
        false => with_remains(stopped.err().unwrap_or(failure), &dir),
    })?;
    if cx.out.is_json() {
        cx.out.json(&result);
    }
    demo.story.end(&result.fingerprint, &dir, args.keep);
    Ok(())
}

/// Says where everything lies that somebody who looks for a failure's cause may need.
fn with_remains(mut failure: Failure, dir: &Path) -> Failure {
    failure.advice = format!(
        "{} Nothing runs any more. All folders remain in {}, with the logs in nodes/ and registrars/: they hold the demo's secrets, so remove them when you have looked.",
        failure.advice,
        dir.display()
    );
    failure.advice = failure.advice.trim().to_string();
    failure
}

/// Removes everything but the bundles: the folders hold the secrets of the demo's people.
fn remove_secrets(dir: &Path, out: Output) {
    for name in ["nodes", "registrars", "members", "people", "founding"] {
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

    fn play(&mut self, args: &DemoArgs) -> Result<DemoResult, Failure> {
        let started = Instant::now();
        let fingerprint = self.timed("founding", |d| d.found(args.nodes))?;
        self.timed("start", Self::start)?;
        let group = self.timed("enrolment", |d| d.enrol(&fingerprint))?;
        let first = self.first_statement(&group)?;
        let second = self.second_statement(&group, args.deadline)?;
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
