//! What programs that run until they are stopped share: their options and their log. How they are told
//! to stop is [`tacit_node::run::told_to_stop`].

use clap::Args;
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
