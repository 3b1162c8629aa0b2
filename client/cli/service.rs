//! What programs that run until they are stopped share: their log, and how they are told to stop.

use std::io::Read as _;
use std::thread;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

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

/// Starts the log, on stderr.
pub fn start_log(args: &ServiceArgs) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(&args.log).map_err(|e| {
        let problem = format!("{}: {e}", args.log);
        Failure::usage(
            "log-level",
            problem,
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
    Ok(())
}

/// Waits for SIGTERM, Ctrl-C, or the end of stdin if that is what the parent says it with.
pub async fn told_to_stop(with_parent: bool) {
    let parent = async {
        if !with_parent {
            return std::future::pending().await;
        }
        // A thread: a blocked read of stdin would keep the runtime from shutting down.
        let (closed, wait) = oneshot::channel::<()>();
        thread::spawn(move || {
            let mut sink = [0u8; 64];
            while std::io::stdin().read(&mut sink).is_ok_and(|n| n > 0) {}
            drop(closed);
        });
        drop(wait.await);
    };
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = parent => {}
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
