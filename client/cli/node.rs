//! `tacit node`: one operator's node.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_node::home::{Home, Settings};
use tacit_node::run::{self, RunError, RunOptions};
use tacit_protocol::founding::{DEVELOPMENT_KEYS_WARNING, FoundingFile, SignedCard};

use crate::committee::{node_failure, read_encoded};
use crate::context::{Context, Network};
use crate::failure::Failure;
use crate::service::{ServiceArgs, start_log};

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
    #[arg(long, value_name = "IP:PORT")]
    listen_p2p: Option<SocketAddr>,
    /// Listen here for clients
    #[arg(long, value_name = "IP:PORT")]
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
    let founding: FoundingFile = read_encoded(&args.founding, "a founding file")?;
    let cards: Vec<SignedCard> = args
        .cards
        .iter()
        .map(|p| read_encoded(p, "an operator's card"))
        .collect::<Result<_, _>>()?;
    let home = Home::new(cx.home());
    let key = home.key().map_err(node_failure)?.public();
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
        .map_err(node_failure)?;
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
    start_log(&args.service)?;
    let options = RunOptions {
        exit_with_stdin: args.service.exit_with_parent,
    };
    run::run(&Home::new(cx.home()), &options).map_err(|e| match e {
        RunError::Home(e) => node_failure(e),
        other => Failure::check(
            "node",
            other,
            "The log above says more. After mending it, start the node again: it goes on where it stopped.",
        ),
    })
}

#[derive(Serialize)]
struct NodeStatus {
    node: String,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

fn status(args: &StatusArgs, cx: &Context) -> Result<(), Failure> {
    let api = cx.api(&args.network)?;
    let nodes: Vec<NodeStatus> = api
        .readiness()
        .into_iter()
        .map(|(url, answer)| {
            let (detail, problem) = match answer {
                Ok(detail) => (Some(detail), None),
                Err(e) => (None, Some(e.to_string())),
            };
            NodeStatus {
                node: url.to_string(),
                ready: detail.is_some(),
                detail,
                problem,
            }
        })
        .collect();
    let ready = nodes.iter().filter(|n| n.ready).count();
    if ready == 0 {
        let problem = nodes.iter().find_map(|n| n.problem.clone());
        return Err(Failure::unreachable(
            "no-node-ready",
            format!("no node is ready: {}", problem.unwrap_or_default()),
            "Wait if it has just been started, ask its operator, or name other nodes with --node URL.",
        ));
    }
    cx.out.result(&nodes, |out| {
        let rows: Vec<Vec<String>> = nodes
            .iter()
            .map(|n| {
                let field = |name: &str| {
                    let value = n.detail.as_ref().and_then(|d| d.get(name));
                    value.map_or("-".to_string(), ToString::to_string)
                };
                let state = match &n.problem {
                    None => "ready".to_string(),
                    Some(problem) => problem.clone(),
                };
                vec![n.node.clone(), field("applied"), field("peers"), state]
            })
            .collect();
        out.table(&["node", "block", "peers", "state"], &rows);
        out.line(format!("{ready} of {} nodes are ready.", nodes.len()));
    });
    Ok(())
}
