//! `tacit node`: one operator's node.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_client::api::{ReadyView, ServiceError};
use tacit_node::api::{ListenError, TlsError};
use tacit_node::home::{Home, HomeError, Settings};
use tacit_node::production::NodeError;
use tacit_node::run::{self, RunError, RunOptions};
use tacit_node::storage::StorageError;
use tacit_protocol::founding::{DEVELOPMENT_KEYS_WARNING, FoundingError, FoundingFile, SignedCard};
use tacit_vault::PermissionError;

use crate::context::{Context, Network};
use crate::failure::Failure;
use crate::service::{ServiceArgs, start_log};
use crate::{input, parse};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a node in --home, from the founding file that all operators have signed
    Init(InitArgs),
    /// Run the node in --home until it is stopped (SIGTERM or Ctrl-C)
    Run(RunArgs),
    /// Ask nodes how they are: height, time, peers
    Status(StatusArgs),
}

#[derive(Debug, Args)]
pub struct InitArgs {
    /// The founding file, signed by every operator
    #[arg(long, value_name = "FILE")]
    founding: PathBuf,
    /// An operator's card; one for each operator, your own too
    #[arg(long = "card", value_name = "FILE", required = true)]
    cards: Vec<PathBuf>,
    /// Folder with the proving and verifying keys that the founding file names
    #[arg(long, value_name = "DIR")]
    keys: PathBuf,
    /// Listen here for other nodes [default: the address on your card]
    #[arg(long, value_name = "IP:PORT", value_parser = parse::address)]
    listen_p2p: Option<SocketAddr>,
    /// Listen here for clients
    #[arg(long, value_name = "IP:PORT", value_parser = parse::address)]
    listen_api: SocketAddr,
    /// TLS certificate chain, PEM. Needed beyond loopback, unless --behind-proxy
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A reverse proxy in front of the API speaks TLS
    #[arg(long)]
    behind_proxy: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// Serve Prometheus metrics at http://IP:PORT/metrics, on this machine only [default: none]
    #[arg(long, value_name = "IP:PORT", value_parser = parse::address)]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    service: ServiceArgs,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    network: Network,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init(args, cx),
        Command::Run(args) => run_node(&args, cx),
        Command::Status(args) => status(&args, cx),
    }
}

#[derive(Serialize)]
struct InitView {
    node: u16,
    name: String,
    fingerprint: String,
    home: PathBuf,
}

fn init(args: InitArgs, cx: &Context) -> Result<(), Failure> {
    let founding: FoundingFile = input::encoded(&args.founding, "a founding file")?;
    let cards: Vec<SignedCard> = args
        .cards
        .iter()
        .map(|p| input::encoded(p, "an operator's card"))
        .collect::<Result<_, _>>()?;
    let home = Home::new(cx.home());
    let key = home.key().map_err(home_failure)?.public();
    let listen_p2p = match args.listen_p2p {
        Some(address) => address,
        None => {
            let own = cards.iter().find(|c| c.card.operator.key == key);
            let address = own.and_then(|c| c.card.p2p.parse().ok());
            address.ok_or_else(|| {
                Failure::usage(
                    "no-card",
                    "your own card is not among the cards",
                    "Add it with --card, or give --listen-p2p IP:PORT.",
                )
            })?
        }
    };
    let settings = Settings {
        listen_p2p,
        listen_api: args.listen_api,
        tls_cert: args.tls_cert,
        tls_key: args.tls_key,
        behind_proxy: args.behind_proxy,
    };
    let node = home
        .initialize(&founding, &cards, &args.keys, &settings)
        .map_err(home_failure)?;
    let name = founding
        .founding
        .operators
        .get(usize::from(node))
        .map(|o| o.name.clone())
        .unwrap_or_default();
    let view = InitView {
        node,
        name,
        fingerprint: founding.founding.fingerprint().to_string(),
        home: cx.home().to_path_buf(),
    };
    cx.out.result(&view, |out| {
        out.line(format!(
            "Node {} ({}) of committee {} is ready in {}.",
            view.node,
            view.name,
            view.fingerprint,
            view.home.display()
        ));
        out.line(format!(
            "Start it with: tacit --home {} node run",
            view.home.display()
        ));
    });
    if founding.founding.development_keys() {
        cx.out.note(format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
    }
    Ok(())
}

fn run_node(args: &RunArgs, cx: &Context) -> Result<(), Failure> {
    if let Some(address) = args.metrics.filter(|a| !a.ip().is_loopback()) {
        return Err(Failure::usage(
            "metrics",
            format!("metrics at {address} would be open to other machines"),
            "Give an address of this machine alone, such as --metrics 127.0.0.1:9100.",
        ));
    }
    start_log(&args.service)?;
    let options = RunOptions {
        exit_with_stdin: args.service.exit_with_parent,
        metrics: args.metrics,
    };
    run::run(&Home::new(cx.home()), &options).map_err(run_failure)
}

#[derive(Serialize)]
struct NodeStatus {
    node: String,
    /// Did it answer at all?
    reached: bool,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<ReadyView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn status(args: &StatusArgs, cx: &Context) -> Result<(), Failure> {
    let api = cx.api(&args.network)?;
    let nodes: Vec<NodeStatus> = api
        .readiness()
        .into_iter()
        .map(|(url, answer)| {
            let reached = !matches!(answer, Err(ServiceError::Transport(_)));
            let (detail, problem) = match answer {
                Ok(detail) => (Some(detail), None),
                Err(e) => (None, Some(e.to_string())),
            };
            NodeStatus {
                node: url.to_string(),
                reached,
                ready: detail.is_some(),
                detail,
                problem,
            }
        })
        .collect();
    let ready = nodes.iter().filter(|n| n.ready).count();
    if nodes.iter().all(|n| !n.reached) {
        let why = |n: &NodeStatus| Some(format!("{} ({})", n.node, n.problem.as_ref()?));
        let all: Vec<String> = nodes.iter().filter_map(why).collect();
        return Err(Failure::unreachable(
            "no-node-ready",
            format!("no node could be reached: {}", all.join(", ")),
            "Check the addresses and your connection, or name other nodes with --node URL.",
        ));
    }
    cx.out.result(&nodes, |out| {
        let rows: Vec<Vec<String>> = nodes
            .iter()
            .map(|n| {
                let (block, peers) = match &n.detail {
                    Some(ready) => (ready.applied.to_string(), ready.peers.to_string()),
                    None => ("-".to_string(), "-".to_string()),
                };
                let state = match &n.problem {
                    None => "ready".to_string(),
                    Some(problem) => problem.clone(),
                };
                vec![n.node.clone(), block, peers, state]
            })
            .collect();
        out.table(&["node", "block", "peers", "state"], &rows);
        out.line(format!("{ready} of {} nodes are ready.", nodes.len()));
    });
    match ready {
        0 if cx.out.is_json() => Err(Failure::not_yet_told()),
        0 => Err(Failure::not_yet(
            "no-node-ready",
            "no node is ready",
            "Wait if they have just been started, or ask their operators.",
        )),
        _ => Ok(()),
    }
}

/// What is wrong with a node's folder, and what to do about it.
pub(crate) fn home_failure(e: HomeError) -> Failure {
    use HomeError as E;
    match e {
        E::NoNode(path) => Failure::usage(
            "no-node",
            format!("there is no node in {}", path.display()),
            "Check --home, or make one: tacit node init",
        ),
        E::Exists(path) => Failure::usage(
            "node-exists",
            format!("there is a node in {} already", path.display()),
            "Run it (`tacit node run`), or make another one in another --home.",
        ),
        E::File { doing, path, error } => Failure::file(doing, &path, &error),
        E::Permissions(e) => permission_failure(e),
        E::Founding(FoundingError::Unsigned(operator)) => Failure::usage(
            "unsigned",
            format!("operator {operator} has not signed the founding file"),
            "Let them sign it (`tacit committee sign`), or get the file that all have signed.",
        ),
        E::Founding(e) => Failure::check("founding", e, "Ask the founder for another one."),
        E::NotAnOperator => Failure::usage(
            "not-an-operator",
            "the founding file doesn't name this node's key",
            "Check --home. If your key should be in it, give the founder your card (`tacit committee card`) and ask for a new file.",
        ),
        E::NoCard { node, name } => Failure::usage(
            "no-card",
            format!("there is no valid card of operator {node} ({name})"),
            "Ask them for it, and give it with --card.",
        ),
        E::NoKey(what, hash) => Failure::usage(
            "no-key",
            format!("the {what} is missing: there is no {hash}.key in the folder of keys"),
            format!(
                "Get it from whoever founded the committee, or from another node at /v1/keys/{hash}"
            ),
        ),
        E::OtherKey { .. } => Failure::check(
            "other-key",
            e,
            "Get it again from whoever founded the committee, or from another node.",
        ),
        E::Key(_) => Failure::check(
            "other-key",
            e,
            "Tell the founder: this key must not be used.",
        ),
        E::Malformed { .. } => Failure::check(
            "damaged",
            e,
            "Restore it from a backup. Never restore the folders engine/ and erasable/.",
        ),
        E::Storage(StorageError::NoMarker(path)) => Failure::check(
            "no-engine",
            format!(
                "the consensus storage {} was deleted, or never made",
                path.display()
            ),
            "A node that forgot its votes could contradict them, so it doesn't start. Don't make a new one: see the operators' guide.",
        ),
        E::Storage(StorageError::Locked(_)) => Failure::usage(
            "running",
            "this node is running already",
            "Stop the other one first.",
        ),
        E::Storage(e) => Failure::check(
            "engine",
            e,
            "See the operators' guide: never copy or restore engine/.",
        ),
    }
}

fn permission_failure(e: PermissionError) -> Failure {
    match e {
        PermissionError::TooOpen { path, mode, folder } => Failure::usage(
            "permissions",
            format!(
                "{} is open to other users of this machine (mode {mode:04o})",
                path.display()
            ),
            format!(
                "Run: chmod {} '{}'",
                if folder { 700 } else { 600 },
                path.display()
            ),
        ),
        PermissionError::NotAFile { path } => Failure::usage(
            "permissions",
            format!("{} is neither a file nor a folder", path.display()),
            "Put the key itself there.",
        ),
        PermissionError::Unreadable { path, source }
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Failure::usage(
                "no-node-key",
                format!("there is no node's key {}", path.display()),
                "Check --home. `tacit committee card` makes a key.",
            )
        }
        PermissionError::Unreadable { path, source } => Failure::file("read", &path, &source),
    }
}

/// Why a node doesn't run, or no longer.
fn run_failure(e: RunError) -> Failure {
    match e {
        RunError::Home(e) => home_failure(e),
        RunError::Node(NodeError::Storage(e)) => home_failure(e.into()),
        RunError::Listen(ListenError::Unprotected(address)) => Failure::usage(
            "plain-http",
            format!(
                "{address} is reachable from other machines, and this would serve plain http there"
            ),
            "Set tls_cert and tls_key in node.json, or behind_proxy if a proxy in front speaks TLS, or listen on 127.0.0.1.",
        ),
        RunError::Listen(_) | RunError::Node(NodeError::Listen { .. }) => Failure::usage(
            "listen",
            e,
            "Stop what uses that port, or change the address in node.json.",
        ),
        RunError::Tls(TlsError::Permissions(e)) => permission_failure(e),
        RunError::Tls(_) | RunError::HalfTls => Failure::usage(
            "tls",
            e,
            "tls_cert in node.json takes the certificate chain and tls_key its private key, both PEM.",
        ),
        RunError::Address(_) => Failure::usage(
            "card",
            e,
            "Ask the operator for a new card, and put it into cards/.",
        ),
        other => Failure::check(
            "node",
            other,
            "The log above says more. After mending it, start the node again: it goes on where it stopped.",
        ),
    }
}
