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
    /// Exit when stdin closes: for programs that start nodes
    #[arg(long)]
    exit_with_parent: bool,
    /// How much to log: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: String,
    /// Log JSON lines
    #[arg(long)]
    log_json: bool,
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
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log).map_err(|e| {
        Failure::usage(
            "log-level",
            format!("{}: {e}", args.log),
            "Use error, warn, info, debug or trace.",
        )
    })?;
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if args.log_json {
        logger.json().init();
    } else {
        logger.with_ansi(false).init();
    }
    let options = RunOptions {
        exit_with_stdin: args.exit_with_parent,
    };
    run::run(&Home::new(cx.home()), &options).map_err(|e| match e {
        RunError::Home(e) => node_failure(e),
        other => Failure::check("node", other, "The log above says more. After mending it, start the node again: it goes on where it stopped."),
    })
}

#[derive(Serialize)]
struct NodeStatus {
    node: String,
    reachable: bool,
    ready: bool,
    detail: serde_json::Value,
}

fn status(args: &StatusArgs, cx: &Context) -> Result<(), Failure> {
    let api = cx.api(&args.network)?;
    let mut rows = Vec::new();
    for (url, answer) in api.readiness() {
        rows.push(match answer {
            Ok((ready, detail)) => NodeStatus {
                node: url.to_string(),
                reachable: true,
                ready,
                detail,
            },
            Err(e) => NodeStatus {
                node: url.to_string(),
                reachable: false,
                ready: false,
                detail: serde_json::Value::String(e.to_string()),
            },
        });
    }
    cx.out.result(&rows, |out| {
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|r| {
                let field = |name: &str| r.detail.get(name).map_or("-".into(), ToString::to_string);
                let state = if r.ready {
                    "ready"
                } else if r.reachable {
                    "not ready"
                } else {
                    "unreachable"
                };
                vec![
                    r.node.clone(),
                    state.into(),
                    field("height"),
                    field("peers"),
                ]
            })
            .collect();
        out.table(&["node", "state", "height", "peers"], &rows);
    });
    if rows.iter().any(|r| r.ready) {
        Ok(())
    } else {
        Err(Failure::unreachable(
            "no-node-ready",
            "no node is ready",
            "Ask its operator, or name other nodes with --node URL.",
        ))
    }
}
