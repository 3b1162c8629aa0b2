//! What programs that run until they are stopped share: their options and their log. How they are told
//! to stop is [`tacit_node::run::told_to_stop`].

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use tacit_serve::{Listen, ServeError, TlsFiles};
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

/// Options of a service.
#[derive(Debug, Clone, Args)]
pub struct ServiceArgs {
    /// Exit when stdin closes: for programs that start this one
    #[arg(long)]
    pub exit_with_parent: bool,
    /// How much to log: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: String,
    /// Log JSON lines
    #[arg(long)]
    pub log_json: bool,
}

/// What --log takes.
const LEVELS: [(&str, LevelFilter); 5] = [
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// Starts the log, on stderr.
pub fn start_log(args: &ServiceArgs) -> Result<(), Failure> {
    // Not as a filter: that would take a misspelt level for a module's name, and log nothing.
    let level = LEVELS.iter().find(|(name, _)| *name == args.log);
    let (_, level) = level.ok_or_else(|| {
        Failure::usage(
            "log-level",
            format!("\"{}\" is not a level of the log", args.log),
            "Use error, warn, info, debug or trace.",
        )
    })?;
    let logger = tracing_subscriber::fmt()
        .with_max_level(*level)
        .with_writer(std::io::stderr);
    if args.log_json {
        logger.json().init();
    } else {
        logger.with_ansi(false).init();
    }
    Ok(())
}

/// How a service is reached beyond this machine.
#[derive(Debug, Clone, Args)]
pub struct TransportArgs {
    /// TLS certificate chain, PEM. Needed beyond loopback, unless --behind-proxy
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A reverse proxy in front speaks TLS
    #[arg(long)]
    behind_proxy: bool,
}

impl TransportArgs {
    /// Where and how to listen.
    pub fn listen(&self, address: SocketAddr) -> Listen {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            _ => None,
        };
        Listen {
            address,
            tls,
            behind_proxy: self.behind_proxy,
        }
    }
}

/// What a service runs on.
pub fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| {
            let problem = format!("can't start: {e}");
            Failure::usage("system", problem, "Free some resources and try again.")
        })
}

impl From<ServeError> for Failure {
    fn from(e: ServeError) -> Self {
        let advice = e.advice();
        let code = match e {
            ServeError::Exposed(_) => "plain-http",
            ServeError::Bind { .. } => "listen",
            ServeError::TlsFile { .. } | ServeError::Tls(_) => "tls",
        };
        Failure::usage(code, e, advice)
    }
}
