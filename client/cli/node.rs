//! `tacit node`: one operator's node.

mod failures;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_client::api::{ReadyView, ServiceError};
use tacit_node::home::{Home, Settings};
use tacit_node::run::{self, RunOptions};
use tacit_protocol::founding::{DEVELOPMENT_KEYS_WARNING, FoundingFile, SignedCard};

use crate::context::{Context, Network};
use crate::failure::{Failure, without_numbers};
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
    let key = home.key()?.public();
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
    let node = home.initialize(&founding, &cards, &args.keys, &settings)?;
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
    Ok(run::run(&Home::new(cx.home()), &options)?)
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
                Err(e) => (None, Some(without_numbers(&e.to_string()))),
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
