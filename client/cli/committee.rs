//! `tacit committee`: founding a committee, from the operators' cards to the file that all have signed.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use tacit_ceremony::blake2b::Digest64;
use tacit_ceremony::development::DevelopmentKeys;
use tacit_ceremony::transcript::CeremonyId;
use tacit_files as files;
use tacit_node::home::Home;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::founding::{
    Card, DEVELOPMENT_KEYS_WARNING, Founding, FoundingError, FoundingFile, MAX_OPEN_STATEMENTS,
    MAX_OPERATOR_NAME, Operator, PROTOCOL_VERSION, SignedCard, Timing,
};
use tacit_protocol::keys::PublicKey;

use crate::ceremony::{KnownPowers, LimitArgs, ceremony_id, powers_digest};
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, printable_line};
use crate::{ceremony, input, parse};

mod keys;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Operator: make your node's key, and the card that tells the others how to reach it
    Card(CardArgs),
    /// Founder: put the operators' cards together into a founding file for all of them to sign
    Found(FoundArgs),
    /// Operator: compare a founding file's keys with the ceremony that it names, before you sign it
    Check(CheckArgs),
    /// Operator: sign a founding file, after you have looked at it
    Sign(SignArgs),
    /// Look at a founding file: operators, keys, limits, and who has signed
    Show(FileArgs),
}

#[derive(Debug, Args)]
pub struct CardArgs {
    /// What people call you
    #[arg(long)]
    name: String,
    /// Where other nodes reach yours: IP:PORT
    #[arg(long, value_name = "IP:PORT")]
    p2p: String,
    /// Where clients reach your node's API
    #[arg(long, value_name = "URL")]
    api: String,
    /// The card goes here
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TimingProfile {
    /// Nodes on one machine
    Loopback,
    /// Nodes on the internet
    Wan,
}

/// What the person knows of a ceremony from elsewhere than its coordinator.
#[derive(Debug, Clone, Copy, Args)]
struct KnownArgs {
    /// The ceremony's id, as it was published before it began
    #[arg(long, value_name = "HEX", value_parser = ceremony_id, requires = "ceremony")]
    ceremony_id: Option<CeremonyId>,
    /// Where the ceremony started from powers in a file: that file's BLAKE2b-512, as the ceremony that made
    /// the powers has published it. The coordinator's word for it is none
    #[arg(long, value_name = "HEX", value_parser = powers_digest, requires = "ceremony")]
    powers_hash: Option<Digest64>,
}

impl KnownArgs {
    fn powers(&self) -> KnownPowers {
        KnownPowers(self.powers_hash)
    }
}

#[derive(Debug, Args)]
pub struct FoundArgs {
    /// An operator's card; one for each
    #[arg(long = "card", value_name = "FILE", required = true)]
    cards: Vec<PathBuf>,
    /// Take the proving keys of a finished ceremony: its folder, which is verified first
    #[arg(long, value_name = "DIR")]
    ceremony: Option<PathBuf>,
    #[command(flatten)]
    known: KnownArgs,
    /// Make the proving keys here and now, or take those of a rehearsal. Whoever makes them can forge
    /// signatures: for development only
    #[arg(long)]
    development_keys: bool,
    /// The proving and verifying keys go into this folder; every node needs them
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// Public key of somebody who may create groups (`tacit identity creator-key`)
    #[arg(long = "group-creator", value_name = "KEY", value_parser = parse::key)]
    group_creators: Vec<PublicKey>,
    /// Public key of somebody who may propose statements to any group
    #[arg(long = "statement-creator", value_name = "KEY", value_parser = parse::key)]
    statement_creators: Vec<PublicKey>,
    /// Heartbeat and time limits
    #[arg(long, value_enum, default_value = "wan")]
    timing: TimingProfile,
    /// The founding file goes here
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub struct FileArgs {
    /// The founding file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The founding file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The ceremony's folder, or its coordinator's address. All of it is verified first
    #[arg(long, value_name = "DIR|URL")]
    ceremony: String,
    #[command(flatten)]
    known: KnownArgs,
    #[command(flatten)]
    limit: LimitArgs,
}

#[derive(Debug, Args)]
pub struct SignArgs {
    /// The founding file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Compare its keys with this ceremony first: its folder, or its coordinator's address
    #[arg(long, value_name = "DIR|URL")]
    ceremony: Option<String>,
    #[command(flatten)]
    known: KnownArgs,
    #[command(flatten)]
    limit: LimitArgs,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::Card(args) => card(args, cx),
        Command::Found(args) => found(args, cx),
        Command::Check(args) => check(&args, cx),
        Command::Sign(args) => sign(&args, cx),
        Command::Show(args) => show(&args.file, cx),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    files::replace(path, bytes).map_err(|e| Failure::file("write", path, &e))
}

/// A name that fits into a card, and into everybody's tables.
fn check_name(name: &str) -> Result<(), Failure> {
    if (1..=MAX_OPERATOR_NAME).contains(&name.trim().len())
        && name.len() <= MAX_OPERATOR_NAME
        && !name.chars().any(char::is_control)
    {
        return Ok(());
    }
    Err(Failure::usage(
        "name",
        format!("an operator's name has 1 to {MAX_OPERATOR_NAME} bytes and no control characters"),
        "Give another --name.",
    ))
}

#[derive(Serialize)]
struct CardView {
    name: String,
    key: String,
    p2p: String,
    api: String,
    file: PathBuf,
}

fn card(args: CardArgs, cx: &Context) -> Result<(), Failure> {
    check_name(&args.name)?;
    parse::address(&args.p2p).map_err(|_| {
        Failure::usage(
            "address",
            format!("{} is not an IP address and a port", args.p2p),
            "Give the address that other operators' nodes connect to, such as 203.0.113.5:9000.",
        )
    })?;
    tacit_client::api::ServiceUrl::parse(&args.api)?;
    let key = Home::new(cx.home()).ensure_key()?;
    let operator = Operator {
        key: key.public(),
        name: args.name.clone(),
    };
    let card = Card {
        operator,
        p2p: args.p2p.clone(),
        api: args.api.clone(),
        sequence: now_ms(),
    };
    let signed = SignedCard::sign(card, &key);
    // A card that nobody could read must not go round.
    SignedCard::from_bytes(&signed.to_bytes())
        .map_err(|e| Failure::usage("card", e, "Give shorter addresses."))?;
    write(&args.out, &signed.to_bytes())?;
    let view = CardView {
        name: args.name,
        key: key.public().to_string(),
        p2p: args.p2p,
        api: args.api,
        file: args.out,
    };
    cx.out.result(&view, |out| {
        out.line(format!("Card of {} written to {}", printable_line(&view.name), view.file.display()));
        out.line(format!("Your node's public key: {}", view.key));
        out.line("Give the card to the founder and to every other operator. Your secret key stays in node.key.");
    });
    Ok(())
}

fn found(args: FoundArgs, cx: &Context) -> Result<(), Failure> {
    if args.ceremony.is_none() && !args.development_keys {
        return Err(Failure::usage(
            "no-ceremony",
            "there are no keys: a committee takes them from a ceremony",
            format!(
                "Give the folder of a finished one with --ceremony DIR (see tacit ceremony). Or add --development-keys to make them here, for trying out. Mind: {DEVELOPMENT_KEYS_WARNING}."
            ),
        ));
    }
    let mut operators = Vec::new();
    for path in &args.cards {
        let signed: SignedCard = input::encoded(path, "an operator's card")?;
        let card = signed.check().map_err(|e| {
            Failure::check(
                "bad-card",
                format!(
                    "{} was changed, or its operator didn't sign it: {e}",
                    path.display()
                ),
                "Ask the operator for a fresh card.",
            )
        })?;
        operators.push(card.operator.clone());
    }
    operators.sort_by_key(|o| o.key);
    if let Some([a, _]) = operators
        .windows(2)
        .find(|w| matches!(w, [a, b] if a.key == b.key))
    {
        return Err(Failure::usage(
            "repeated-card",
            format!("two cards name the key {}", a.key),
            "Each operator needs a node, a key and a card of their own.",
        ));
    }
    if args.group_creators.is_empty() {
        return Err(Failure::usage(
            "no-creators",
            "nobody could ever create a group",
            "Name at least one --group-creator KEY; `tacit identity creator-key` prints a person's own.",
        ));
    }
    let nonce = *input::randomness::<16>()?;
    let sorted = |mut keys: Vec<PublicKey>| {
        keys.sort();
        keys.dedup();
        keys
    };
    let mut founding = Founding {
        version: PROTOCOL_VERSION,
        epoch: 0,
        founded_ms: now_ms(),
        nonce,
        operators,
        circuits: Vec::new(),
        group_creators: sorted(args.group_creators),
        statement_creators: sorted(args.statement_creators),
        timing: match args.timing {
            TimingProfile::Loopback => Timing::LOOPBACK,
            TimingProfile::Wan => Timing::WAN,
        },
        max_open_statements: MAX_OPEN_STATEMENTS,
    };
    // Whatever is wrong with the operators shows before the keys are made.
    match founding.check() {
        Err(FoundingError::NoCircuit) => {}
        Err(e) => {
            return Err(Failure::usage(
                "founding",
                e,
                "Give a --card for each operator.",
            ));
        }
        Ok(()) => {}
    }
    let mut to_compare = Vec::new();
    let keys = match &args.ceremony {
        Some(folder) => {
            let (keys, rows) = keys::of_ceremony(folder, &args.known, args.development_keys, cx)?;
            to_compare = rows;
            keys
        }
        None => {
            let spinner = cx.out.spinner("making development keys");
            let keys = DevelopmentKeys::generate()
                .map_err(|e| Failure::usage("keys", e, "Free some memory and try again."))?;
            spinner.finish_and_clear();
            keys
        }
    };
    keys.write(&args.keys)
        .map_err(|e| Failure::usage("file", e, "Check the path and its permissions."))?;
    founding.circuits.push(keys.circuit.clone());
    let file = FoundingFile::draft(founding);
    write(&args.out, &file.to_bytes())?;
    let mut view = FoundingView::of(&file);
    view.to_compare = to_compare;
    cx.out.result(&view, |out| {
        view.print(out);
        out.line("");
        print_to_compare(out, &view.to_compare);
        out.line(format!(
            "Written to {}, keys to {}.",
            args.out.display(),
            args.keys.display()
        ));
        let compared = match args.ceremony {
            Some(_) => " --ceremony DIR|URL",
            None => "",
        };
        out.line(format!("Now every operator signs it: `tacit committee sign FILE{compared}`, one after the other."));
    });
    if view.development_keys {
        cx.out.note(format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
    }
    Ok(())
}

#[derive(Serialize)]
struct ComparedView {
    ceremony: String,
    name: String,
    development_keys: bool,
    transcript: Option<String>,
    proving_key: String,
    verifying_key: String,
    /// What no program can decide.
    to_compare: Vec<String>,
}

/// Compares a founding file with a ceremony, which is verified first.
fn compared(
    founding: &Founding,
    from: &str,
    known: &KnownArgs,
    limit: LimitArgs,
    cx: &Context,
) -> Result<ComparedView, Failure> {
    let gathered = ceremony::Gathered::begin(from, limit, known.ceremony_id, cx)?;
    let whose = known.powers().insist(&gathered.transcript, cx)?;
    gathered.complete()?;
    let verified = gathered.verify().map_err(|e| Failure::from(e.error))?;
    let made = keys::Made::of(&verified)?;
    keys::compare(&founding.circuits, &made).map_err(|e| {
        Failure::check(
            "other-keys",
            e,
            "Don't sign it. Ask the founder where its keys are from.",
        )
    })?;
    Ok(ComparedView {
        ceremony: verified.transcript.id().to_string(),
        name: verified.transcript.descriptor().name.clone(),
        development_keys: made.transcript.is_none(),
        transcript: made.transcript.map(|hash| hash.to_string()),
        proving_key: made.proving.to_string(),
        verifying_key: made.verifying.to_string(),
        to_compare: keys::to_compare(&verified, known, whose),
    })
}

/// What people compare themselves.
fn print_to_compare(out: &Output, rows: &[String]) {
    if rows.is_empty() {
        return;
    }
    out.line("No program can see these. Compare them before anybody relies on the keys:");
    for row in rows {
        out.line(format!("- {row}"));
    }
    out.line("");
}

fn check(args: &CheckArgs, cx: &Context) -> Result<(), Failure> {
    let file = sound(&args.file)?;
    let view = compared(&file.founding, &args.ceremony, &args.known, args.limit, cx)?;
    cx.out.result(&view, |out| {
        out.line(format!(
            "The founding file's keys are those of the ceremony \"{}\", {}, and all that a program can check of it holds.",
            view.name, view.ceremony
        ));
        match &view.transcript {
            Some(hash) => out.line(format!("transcript     {hash}")),
            None => out.line("transcript     none: it was a rehearsal"),
        }
        out.line(format!("proving key    {}", view.proving_key));
        out.line(format!("verifying key  {}", view.verifying_key));
        out.line("");
        print_to_compare(out, &view.to_compare);
    });
    if view.development_keys {
        cx.out.note(format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
    }
    Ok(())
}

/// A founding file that can be one.
fn sound(path: &Path) -> Result<FoundingFile, Failure> {
    let file: FoundingFile = input::encoded(path, "a founding file")?;
    file.founding
        .check()
        .map_err(|e| Failure::check("founding", e, "Ask the founder for another one."))?;
    Ok(file)
}

fn sign(args: &SignArgs, cx: &Context) -> Result<(), Failure> {
    let path = &args.file;
    let mut file = sound(path)?;
    let key = Home::new(cx.home()).key()?;
    let mut to_compare = Vec::new();
    match &args.ceremony {
        Some(from) => {
            let found = compared(&file.founding, from, &args.known, args.limit, cx)?;
            cx.out.note(format!(
                "Its keys are those of the ceremony {}.",
                found.ceremony
            ));
            to_compare = found.to_compare;
        }
        None if file.founding.transcripts().next().is_some() => cx.out.note(
            "note: that its keys are from a ceremony is the founder's word until you compare: --ceremony DIR|URL",
        ),
        None => {}
    }
    let before = FoundingView::of(&file);
    if !cx.out.is_json() {
        before.print(&cx.out);
        if !to_compare.is_empty() {
            cx.out.line("");
            print_to_compare(&cx.out, &to_compare);
        }
    }
    if file.founding.development_keys() {
        cx.out.note(format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
    }
    cx.confirm(
        "Sign this founding file? Nothing in it can be changed later.",
        "--yes to answer it with yes",
    )?;
    let Some(node) = file.sign(&key) else {
        return Err(Failure::check(
            "not-an-operator",
            format!("the founding file doesn't name your key {}", key.public()),
            "Give the founder your card and ask for a new file.",
        ));
    };
    write(path, &file.to_bytes())?;
    let mut view = FoundingView::of(&file);
    view.to_compare = to_compare;
    cx.out.result(&view, |out| {
        let signed = view.operators.iter().filter(|o| o.signed).count();
        out.line(format!(
            "Signed as operator {node}: {signed} of {} have signed.",
            view.operators.len()
        ));
        if view.complete {
            out.line(format!(
                "It is complete. The committee's fingerprint, for everybody to pin:\n  {}",
                view.fingerprint
            ));
        }
    });
    Ok(())
}

fn show(path: &Path, cx: &Context) -> Result<(), Failure> {
    let file: FoundingFile = input::encoded(path, "a founding file")?;
    let view = FoundingView::of(&file);
    cx.out.result(&view, |out| view.print(out));
    if view.development_keys {
        cx.out.note(format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
    }
    Ok(())
}

#[derive(Serialize)]
struct OperatorView {
    index: u16,
    name: String,
    key: String,
    signed: bool,
}

/// Time limits, in milliseconds and blocks.
#[derive(Serialize)]
struct TimingView {
    heartbeat_ms: u32,
    skew_ms: u32,
    leader_ms: u32,
    certification_ms: u32,
    dkg_phase_ms: u32,
    dkg_phase_blocks: u32,
}

/// A founding file for people and scripts.
#[derive(Serialize)]
struct FoundingView {
    fingerprint: String,
    complete: bool,
    nodes: usize,
    may_be_faulty: usize,
    opens_with: usize,
    erased_with: usize,
    development_keys: bool,
    /// Hashes of the ceremonies' transcripts that made the keys.
    transcripts: Vec<String>,
    circuit: Option<String>,
    timing: TimingView,
    max_open_statements: u32,
    group_creators: Vec<String>,
    statement_creators: Vec<String>,
    operators: Vec<OperatorView>,
    /// What no program can decide about the ceremony that it was compared with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    to_compare: Vec<String>,
}

impl FoundingView {
    fn of(file: &FoundingFile) -> Self {
        let f = &file.founding;
        // A signature counts if it holds, not if it is there.
        let signed = |key: &PublicKey, i: usize| {
            let signature = file.signatures.get(i).and_then(Option::as_ref);
            signature.is_some_and(|s| {
                key.verify(
                    tacit_protocol::hash::domain::SIGN_FOUNDING,
                    f.fingerprint().as_bytes(),
                    s,
                )
                .is_ok()
            })
        };
        Self {
            fingerprint: f.fingerprint().to_string(),
            complete: file.check().is_ok(),
            nodes: f.nodes(),
            may_be_faulty: f.faults(),
            opens_with: f.quorum(),
            erased_with: f.erasure_quorum(),
            development_keys: f.development_keys(),
            transcripts: f.transcripts().map(ToString::to_string).collect(),
            circuit: f.circuits.first().map(|c| c.circuit.to_string()),
            timing: TimingView {
                heartbeat_ms: f.timing.heartbeat_ms,
                skew_ms: f.timing.skew_ms,
                leader_ms: f.timing.leader_ms,
                certification_ms: f.timing.certification_ms,
                dkg_phase_ms: f.timing.dkg_phase_ms,
                dkg_phase_blocks: f.timing.dkg_phase_blocks,
            },
            max_open_statements: f.max_open_statements,
            group_creators: f.group_creators.iter().map(ToString::to_string).collect(),
            statement_creators: f
                .statement_creators
                .iter()
                .map(ToString::to_string)
                .collect(),
            to_compare: Vec::new(),
            operators: (0..)
                .zip(&f.operators)
                .map(|(i, o)| OperatorView {
                    index: i,
                    name: o.name.clone(),
                    key: o.key.to_string(),
                    signed: signed(&o.key, usize::from(i)),
                })
                .collect(),
        }
    }

    fn print(&self, out: &Output) {
        out.line(format!("Fingerprint  {}", self.fingerprint));
        out.line(format!(
            "Committee    {} nodes; up to {} may be down or lying; {} together open a list",
            self.nodes, self.may_be_faulty, self.opens_with
        ));
        for transcript in &self.transcripts {
            out.line(format!("Keys         from the ceremony {transcript}"));
        }
        let (seconds, t) = (|ms: u32| f64::from(ms) / 1000.0, &self.timing);
        out.line(format!(
            "Timing       a block every {} s when idle; clocks may be {} s ahead; {} s for a leader, {} s for a view, {} s and {} blocks for a phase of key generation",
            seconds(t.heartbeat_ms),
            seconds(t.skew_ms),
            seconds(t.leader_ms),
            seconds(t.certification_ms),
            seconds(t.dkg_phase_ms),
            t.dkg_phase_blocks
        ));
        out.line(format!(
            "Limits       {} statements open at once",
            self.max_open_statements
        ));
        list(out, "May create groups", &self.group_creators);
        list(
            out,
            "May propose statements to any group",
            &self.statement_creators,
        );
        out.line("");
        let rows: Vec<Vec<String>> = self
            .operators
            .iter()
            .map(|o| {
                vec![
                    o.index.to_string(),
                    o.name.clone(),
                    if o.signed { "yes" } else { "no" }.into(),
                    o.key.clone(),
                ]
            })
            .collect();
        out.table(&["node", "operator", "signed", "key"], &rows);
    }
}

/// Keys under a heading.
fn list(out: &Output, heading: &str, keys: &[String]) {
    match keys {
        [] => out.line(format!("{heading}: nobody")),
        keys => {
            out.line(format!("{heading}:"));
            for key in keys {
                out.line(format!("  {key}"));
            }
        }
    }
}
