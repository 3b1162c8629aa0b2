//! `tacit demo`: the whole job on one machine, with real processes, real proofs and real encryption.
//!
//! Everything is done through this program's own commands, as operators, registrars, creators and
//! members do it: the demo only starts them, in order, and tells the story.

mod plan;
mod processes;
mod story;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use tacit_protocol::codec::Decode as _;
use tacit_protocol::founding::{DEVELOPMENT_KEYS_WARNING, FoundingFile, MAX_NODES, MIN_NODES};
use tacit_protocol::ids::Fingerprint;

use crate::context::Context;
use crate::failure::Failure;
use crate::verify::verify_file;
use plan::{Plan, SignerPlan};
use processes::{Service, Tacit, in_parallel, wait_for_file};
use story::Story;

/// Registrars of the demo's group, and how many must attest a member.
const REGISTRARS: usize = 3;
/// k
const REGISTRAR_QUORUM: &str = "2";
/// How long any one step may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(180);
/// Which node is killed before the first list opens.
const VICTIM: usize = 3;

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
    /// How many sign the first statement [default: as many as its trigger takes]
    #[arg(long, value_name = "N")]
    signers: Option<usize>,
    /// The second statement's deadline, in seconds after its proposal
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    deadline: u64,
    /// Nodes of the committee
    #[arg(long, value_name = "N", default_value_t = MIN_NODES)]
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
            format!("a committee of {} nodes can't be", args.nodes),
            format!("Give --nodes {MIN_NODES} to {MAX_NODES}: with fewer than 4, none may fail."),
        ));
    }
    if args.deadline == 0 {
        return Err(Failure::usage(
            "deadline",
            "a deadline of no seconds has passed already",
            "Give --deadline 5 or more.",
        ));
    }
    let plan = Plan::new(
        args.roster.as_deref(),
        args.statement.as_deref(),
        args.trigger.as_deref(),
        args.signers,
    )?;
    let dir = demo_folder(args.dir.as_deref())?;
    let story = Story::new(cx.out);
    story.scene(&format!("Everything happens in {}", dir.display()));
    let mut demo = Demo {
        tacit: Tacit::current()?,
        dir: dir.clone(),
        plan,
        story,
        timings: BTreeMap::new(),
        nodes: Vec::new(),
        registrars: Vec::new(),
        urls: Vec::new(),
    };
    let outcome = demo.play(args);
    demo.stop_all();
    if !args.keep {
        for folder in ["nodes", "registrars", "members", "people", "founding"] {
            // What can't be removed is mentioned by nobody: the bundles are what counts.
            let _ = fs::remove_dir_all(dir.join(folder));
        }
    }
    let result = outcome?;
    if cx.out.is_json() {
        cx.out.json(&result);
    }
    demo.story.end(&result.fingerprint, &dir, args.keep);
    Ok(())
}

fn demo_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let dir = match given {
        Some(dir) => dir.to_path_buf(),
        None => {
            let mut tail = [0u8; 4];
            getrandom::fill(&mut tail)
                .map_err(|e| Failure::usage("randomness", e, "Try again."))?;
            std::env::temp_dir().join(format!("tacit-demo-{}", hex::encode(tail)))
        }
    };
    tacit_client::files::create_folder(&dir).map_err(|e| Failure::file("make", &dir, &e))?;
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
}

/// One address of this machine that is free now. Somebody else may take it before it is used: the node
/// then says that its port is busy.
fn free_address() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
    listener.map(|a| a.to_string()).map_err(|e| {
        Failure::usage(
            "port",
            format!("no free port: {e}"),
            "Close some programs and try again.",
        )
    })
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
            "This is a mistake of the demo.",
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
        self.timings.insert(
            phase,
            (started.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        );
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
        self.timings.insert(
            "total",
            (started.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        );
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

    fn member_home(&self, i: usize) -> PathBuf {
        self.dir.join("members").join(i.to_string())
    }

    fn creator_home(&self) -> PathBuf {
        self.dir.join("people").join("creator")
    }

    fn passphrase(&self) -> PathBuf {
        self.dir.join("people").join("passphrase")
    }

    // --- the committee

    fn found(&mut self, nodes: usize) -> Result<Fingerprint, Failure> {
        self.story
            .scene(&format!("{nodes} operators found a committee"));
        let founding = self.dir.join("founding");
        for folder in [
            &founding,
            &self.dir.join("nodes"),
            &self.dir.join("registrars"),
            &self.dir.join("members"),
            &self.dir.join("people"),
        ] {
            tacit_client::files::create_folder(folder)
                .map_err(|e| Failure::file("make", folder, &e))?;
        }
        let creator = self
            .tacit
            .call(&self.creator_home(), &["identity", "creator-key"])?;
        let creator = field(&creator, "key")?;
        let mut cards = Vec::new();
        let mut apis = Vec::new();
        for i in 0..nodes {
            let card = founding.join(format!("node{i}.card"));
            let (p2p, api) = (free_address()?, free_address()?);
            self.urls.push(format!("http://{api}"));
            let name = format!("operator {i}");
            self.tacit.call(
                &self.node_home(i),
                &[
                    "committee",
                    "card",
                    "--name",
                    &name,
                    "--p2p",
                    &p2p,
                    "--api",
                    &format!("http://{api}"),
                    "--out",
                    text(&card)?,
                ],
            )?;
            cards.push(card);
            apis.push(api);
        }
        let (file, keys) = (founding.join("founding.bin"), founding.join("keys"));
        let mut args = vec![
            "committee",
            "found",
            "--development-keys",
            "--timing",
            "loopback",
            "--keys",
            text(&keys)?,
            "--group-creator",
            &creator,
            "--statement-creator",
            &creator,
            "--out",
            text(&file)?,
        ];
        for card in &cards {
            args.extend(["--card", text(card)?]);
        }
        self.tacit.call(&self.creator_home(), &args)?;
        self.story
            .fact(&format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
        for i in 0..nodes {
            self.tacit
                .call(&self.node_home(i), &["committee", "sign", text(&file)?])?;
        }
        for (i, api) in apis.iter().enumerate() {
            let mut args = vec![
                "node",
                "init",
                "--founding",
                text(&file)?,
                "--keys",
                text(&keys)?,
                "--listen-api",
                api,
            ];
            for card in &cards {
                args.extend(["--card", text(card)?]);
            }
            self.tacit.call(&self.node_home(i), &args)?;
        }
        let bytes = fs::read(&file).map_err(|e| Failure::file("read", &file, &e))?;
        let founding =
            FoundingFile::from_bytes(&bytes).map_err(|e| Failure::check("founding", e, ""))?;
        let fingerprint = founding
            .check()
            .map_err(|e| Failure::check("founding", e, ""))?;
        self.story.fact(&format!("fingerprint {fingerprint}, signed by all {nodes}; {} of them can open a list, {} may fail", founding.founding.quorum(), founding.founding.faults()));
        Ok(fingerprint)
    }

    fn start_node(&self, i: usize) -> Result<Service, Failure> {
        let log = self.dir.join("nodes").join(format!("{i}.log"));
        self.tacit.serve(
            &format!("node {i}"),
            &self.node_home(i),
            &["node", "run", "--exit-with-parent"],
            &log,
        )
    }

    fn start(&mut self) -> Result<(), Failure> {
        for i in 0..self.urls.len() {
            let node = self.start_node(i)?;
            self.nodes.push(node);
        }
        let nodes = self.nodes.len();
        self.wait_until_ready(&(0..nodes).collect::<Vec<_>>())?;
        self.story
            .fact(&format!("{nodes} node processes run and agree on blocks"));
        Ok(())
    }

    fn wait_until_ready(&mut self, which: &[usize]) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        for i in which {
            let url = self.urls.get(*i).cloned().unwrap_or_default();
            let home = self.dir.join("people").join("operator");
            // `node status` answers 3 until the node is ready.
            while self
                .tacit
                .call(&home, &["node", "status", "--node", &url])
                .is_err()
            {
                for node in &mut self.nodes {
                    node.check()?;
                }
                if Instant::now() > until {
                    return Err(Failure::not_yet(
                        "slow",
                        format!("node {i} is not ready"),
                        format!(
                            "Its log is {}.",
                            self.dir.join("nodes").join(format!("{i}.log")).display()
                        ),
                    ));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    // --- members

    fn enrol(&mut self, fingerprint: &Fingerprint) -> Result<String, Failure> {
        self.story.scene(&format!("{REGISTRARS} registrars, of whom {REGISTRAR_QUORUM} must vouch for a member, invite {} people", self.plan.roster.rows.len()));
        let roster = self.dir.join("people").join("roster.csv");
        write_roster(&roster, &self.plan.roster)?;
        let passphrase = self.passphrase();
        let mut secret = [0u8; 16];
        getrandom::fill(&mut secret).map_err(|e| Failure::usage("randomness", e, "Try again."))?;
        tacit_client::files::replace(&passphrase, hex::encode(secret).as_bytes())
            .map_err(|e| Failure::file("write", &passphrase, &e))?;

        let registrar = |i: usize| self.dir.join("registrars").join(i.to_string());
        let card = |i: usize| self.dir.join("registrars").join(format!("{i}.card"));
        let shared = self.dir.join("registrars").join("shared-secret");
        for i in 0..REGISTRARS {
            let (name, card) = (format!("registrar {i}"), card(i));
            let mut args = vec!["registrar", "init", "--name", &name, "--card", text(&card)?];
            // The first one makes the secret that all of them share.
            args.extend([
                if i == 0 {
                    "--secret-out"
                } else {
                    "--secret-file"
                },
                text(&shared)?,
            ]);
            self.tacit.call(&registrar(i), &args)?;
        }
        let group_file = self.dir.join("people").join("group.bin");
        let mut args = vec![
            "group",
            "create",
            "--name",
            "Employees",
            "--threshold",
            REGISTRAR_QUORUM,
            "--out",
            text(&group_file)?,
            "--fingerprint",
        ];
        let fp = fingerprint.to_string();
        args.push(&fp);
        for url in &self.urls {
            args.extend(["--node", url]);
        }
        let cards: Vec<PathBuf> = (0..REGISTRARS).map(card).collect();
        for card in &cards {
            args.extend(["--registrar", text(card)?]);
        }
        let classes: Vec<String> = self
            .plan
            .roster
            .classes
            .iter()
            .map(ToString::to_string)
            .collect();
        for class in &classes {
            args.extend(["--class", class]);
        }
        self.tacit.call(&self.creator_home(), &args)?;
        for i in 0..REGISTRARS {
            self.tacit
                .call(&registrar(i), &["registrar", "approve", text(&group_file)?])?;
        }
        let created = self.tacit.call(
            &self.creator_home(),
            &["group", "create", "--submit", text(&group_file)?],
        )?;
        let group = field(&created, "id")?;
        let mut urls = Vec::new();
        for i in 0..REGISTRARS {
            let codes = registrar(i).join("codes.csv");
            self.tacit.call(
                &registrar(i),
                &[
                    "registrar",
                    "invite",
                    "--group",
                    text(&group_file)?,
                    "--roster",
                    text(&roster)?,
                    "--out",
                    text(&codes)?,
                ],
            )?;
            let (log, address) = (
                self.dir.join("registrars").join(format!("{i}.log")),
                registrar(i).join("address"),
            );
            let mut service = self.tacit.serve(
                &format!("registrar {i}"),
                &registrar(i),
                &[
                    "registrar",
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--address-file",
                    text(&address)?,
                    "--exit-with-parent",
                ],
                &log,
            )?;
            urls.push(format!(
                "http://{}",
                wait_for_file(&address, &mut service, PATIENCE)?
            ));
            self.registrars.push(service);
        }
        self.hand_out_codes(
            &(0..REGISTRARS)
                .map(|i| registrar(i).join("codes.csv"))
                .collect::<Vec<_>>(),
        )?;
        self.enrol_members(&group, &fp, &urls)?;
        Ok(group)
    }

    /// Gives each member the codes that the registrars made for them, as files.
    fn hand_out_codes(&self, lists: &[PathBuf]) -> Result<(), Failure> {
        for (r, path) in lists.iter().enumerate() {
            let bytes = fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
            let codes = tacit_registrar::codes::parse(&bytes)
                .map_err(|e| Failure::check("codes", e, ""))?;
            for (i, row) in self.plan.roster.rows.iter().enumerate() {
                let code = codes
                    .iter()
                    .find(|c| c.name == row.name && c.contact == row.contact);
                let code = code.ok_or_else(|| {
                    Failure::check(
                        "codes",
                        format!("{} has no code for row {}", path.display(), row.number),
                        "",
                    )
                })?;
                let home = self.member_home(i);
                tacit_client::files::create_folder(&home)
                    .map_err(|e| Failure::file("make", &home, &e))?;
                let file = home.join(format!("code{r}"));
                tacit_client::files::replace(&file, code.code.as_bytes())
                    .map_err(|e| Failure::file("write", &file, &e))?;
            }
        }
        Ok(())
    }

    fn enrol_members(
        &self,
        group: &str,
        fingerprint: &str,
        registrars: &[String],
    ) -> Result<(), Failure> {
        let members = self.plan.roster.rows.len();
        let bar = self.story.bar(members as u64, "enrolling");
        let passphrase = self.passphrase();
        in_parallel(&self.plan.roster.rows, workers(), |i, _| {
            let home = self.member_home(i);
            let pass = text(&passphrase)?;
            self.tacit
                .call(&home, &["identity", "new", "--passphrase-file", pass])?;
            let mut args: Vec<String> = [
                "group",
                "enrol",
                "--group",
                group,
                "--fingerprint",
                fingerprint,
                "--passphrase-file",
                pass,
            ]
            .map(String::from)
            .to_vec();
            for url in &self.urls {
                args.extend(["--node".into(), url.clone()]);
            }
            // Two of three registrars are enough; which two differs from member to member.
            for r in [i % registrars.len(), (i + 1) % registrars.len()] {
                let url = registrars.get(r).cloned().unwrap_or_default();
                let code = home.join(format!("code{r}"));
                args.extend([
                    "--registrar".into(),
                    url,
                    "--code-file".into(),
                    text(&code)?.into(),
                ]);
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            self.tacit.call(&home, &args)?;
            bar.inc(1);
            Ok(())
        })?;
        bar.finish_and_clear();
        self.story.fact(&format!(
            "{members} members enrolled, each with a secret that only they have"
        ));
        Ok(())
    }

    // --- statements

    fn propose(
        &mut self,
        group: &str,
        trigger: &str,
        deadline: &str,
        words: &str,
    ) -> Result<String, Failure> {
        let path = self.dir.join("people").join("statement.txt");
        tacit_client::files::replace(&path, words.as_bytes())
            .map_err(|e| Failure::file("write", &path, &e))?;
        let made = self.tacit.call(
            &self.creator_home(),
            &[
                "statement",
                "new",
                "--group",
                group,
                "--text-file",
                text(&path)?,
                "--trigger",
                trigger,
                "--deadline",
                deadline,
            ],
        )?;
        let id = field(&made, "id")?;
        self.wait_for_status(&id, "collecting")?;
        Ok(id)
    }

    fn show(&self, id: &str) -> Result<Value, Failure> {
        self.tacit
            .call(&self.creator_home(), &["statement", "show", id])
    }

    fn wait_for_status(&mut self, id: &str, wanted: &str) -> Result<Value, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.show(id)?;
            let status = field(&shown, "status")?;
            if status == wanted {
                return Ok(shown);
            }
            if status == "failed" {
                return Err(Failure::check(
                    "failed",
                    format!("statement {id} failed"),
                    "The nodes' logs say why; --keep keeps them.",
                ));
            }
            if Instant::now() > until {
                return Err(Failure::not_yet(
                    "slow",
                    format!("statement {id} is still {status}, not {wanted}"),
                    "The nodes' logs may say why; --keep keeps them.",
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn sign(&self, id: &str, signers: &[SignerPlan], goal: u64) -> Result<(), Failure> {
        let bar = self.story.bar(goal, "signed in secret");
        let passphrase = self.passphrase();
        in_parallel(signers, workers(), |_, signer| {
            let home = self.member_home(signer.member);
            let mut args = vec!["sign", id, "--passphrase-file", text(&passphrase)?];
            if let Some(class) = &signer.class {
                args.extend(["--class", class.as_str()]);
            }
            self.tacit.call(&home, &args)?;
            bar.inc(1);
            Ok(())
        })?;
        bar.finish_and_clear();
        Ok(())
    }

    fn names_of(&self, signers: &[SignerPlan]) -> Vec<String> {
        let mut names: Vec<String> = signers
            .iter()
            .filter_map(|s| self.plan.roster.rows.get(s.member))
            .map(|r| r.name.clone())
            .collect();
        names.sort();
        names
    }

    fn first_statement(&mut self, group: &str) -> Result<StatementResult, Failure> {
        let trigger = self.plan.trigger.to_string();
        self.story.scene(&format!(
            "A creator proposes a statement. The list opens when {trigger}"
        ));
        let words = self.plan.statement.clone();
        self.story.quote(&words);
        let id = self.timed("key", |d| d.propose(group, &trigger, "+1h", &words))?;
        self.story
            .fact("the committee made a key for it that exists only as shares");

        let signers = self.plan.signers.clone();
        let (early, last) = signers.split_at(signers.len().saturating_sub(1));
        let goal = signers.len() as u64;
        self.timed("signing", |d| d.sign(&id, early, goal))?;
        let shown = self.show(&id)?;
        self.story.fact(&format!(
            "{} have signed. Who? Nobody knows, the nodes neither",
            shown.get("count").unwrap_or(&Value::Null)
        ));
        if let Some(victim) = self.nodes.get_mut(VICTIM) {
            victim.kill();
            self.story.scene(&format!("Node {VICTIM} loses power"));
        }
        let opening = Instant::now();
        self.sign(&id, last, goal)?;
        self.story.fact("one more signature: the trigger is met");
        let shown = self.wait_for_status(&id, "revealed")?;
        self.timings.insert(
            "opening",
            (opening.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        );
        let bundle = self.dir.join("revealed.bundle");
        let listed = self.fetch_names(&id, &bundle)?;
        let signed = self.names_of(&signers);
        self.story.fact("the remaining nodes opened the list:");
        self.story.names(&listed);
        if listed != signed {
            return Err(Failure::check(
                "wrong-list",
                "the opened list is not the list of those who signed",
                "This must never happen. Keep the folder with --keep and tell us.",
            ));
        }
        Ok(StatementResult {
            id,
            count: count(&shown)?,
            status: "revealed".into(),
            names: listed,
            signers: signed,
            bundle,
        })
    }

    fn fetch_names(&mut self, id: &str, bundle: &Path) -> Result<Vec<String>, Failure> {
        self.fetch_bundle(id, bundle)?;
        let listed = self.tacit.call(&self.creator_home(), &["names", id])?;
        let list = listed
            .get("names")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut names: Vec<String> = list
            .iter()
            .filter_map(|n| n.get("name").and_then(Value::as_str))
            .map(str::to_string)
            .collect();
        names.sort();
        Ok(names)
    }

    fn fetch_bundle(&self, id: &str, bundle: &Path) -> Result<(), Failure> {
        self.tacit
            .call(
                &self.creator_home(),
                &["bundle", id, "--out", text(bundle)?],
            )
            .map(drop)
    }

    fn second_statement(&mut self, group: &str, deadline: u64) -> Result<StatementResult, Failure> {
        if VICTIM < self.nodes.len() {
            let node = self.start_node(VICTIM)?;
            if let Some(slot) = self.nodes.get_mut(VICTIM) {
                *slot = node;
            }
            self.wait_until_ready(&[VICTIM])?;
            self.story.scene(&format!("Node {VICTIM} is back and has caught up. A second statement, open for {deadline} seconds"));
        }
        let needed = self.plan.signers.len().max(2);
        let trigger = format!("count >= {needed}");
        let id = self.timed("second key", |d| {
            d.propose(
                group,
                &trigger,
                &format!("+{deadline}s"),
                "And we ask the board to resign.",
            )
        })?;
        let signers: Vec<SignerPlan> = self
            .plan
            .signers
            .iter()
            .take(needed - 1)
            .map(|s| SignerPlan {
                member: s.member,
                class: None,
            })
            .collect();
        self.timed("second signing", |d| d.sign(&id, &signers, needed as u64))?;
        self.story.fact(&format!(
            "{} have signed, one too few. The deadline comes …",
            signers.len()
        ));
        let shown = self.timed("erasure", |d| d.wait_for_status(&id, "erased"))?;
        self.story.fact("the nodes destroyed their key shares and the sealed signatures: nobody will ever learn who signed");
        let bundle = self.dir.join("erased.bundle");
        self.fetch_bundle(&id, &bundle)?;
        Ok(StatementResult {
            id,
            count: count(&shown)?,
            status: "erased".into(),
            names: Vec::new(),
            signers: self.names_of(&signers),
            bundle,
        })
    }

    // --- the end

    fn verify_all(
        &mut self,
        fingerprint: &Fingerprint,
        statements: &[&StatementResult],
    ) -> Result<(), Failure> {
        for statement in statements {
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
                return Err(Failure::check(
                    "lie",
                    "a bundle does not hold",
                    "This must never happen. Keep the folder with --keep and tell us.",
                ));
            };
            let listed = verified.names.unwrap_or_default().len();
            if verified.certified.facts.status.word() != statement.status
                || verified.certified.facts.count != statement.count
                || listed != statement.names.len()
            {
                return Err(Failure::check(
                    "wrong-bundle",
                    "a bundle says something else than the nodes did",
                    "This must never happen. Keep the folder with --keep and tell us.",
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
            "",
        )
    })
}

/// Members' programs that run at once.
fn workers() -> usize {
    std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .clamp(2, 8)
}

fn write_roster(path: &Path, roster: &tacit_registrar::roster::Roster) -> Result<(), Failure> {
    tacit_client::files::replace(path, &roster.to_csv())
        .map_err(|e| Failure::file("write", path, &e))
}
