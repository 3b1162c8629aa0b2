//! `tacit audit`: looks for vote rings in a table of votes under pseudonyms. It asks nobody, and knows
//! nobody's name.

mod folder;
mod look;
mod simulate;
mod terminal;
mod validate;

use std::num::NonZeroUsize;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Who stands out is a reason to look, and no proof. What may follow, and how it is appealed, stands in \
                  docs/detection.md."
)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    look: look::LookArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play rings and honest members against each other, and show who earns what
    Simulate(simulate::SimulateArgs),
    /// Measure what the look finds, and whom it wrongs
    Validate(validate::ValidateArgs),
}

/// So many threads, or as many as there are processors.
fn threads(wanted: Option<NonZeroUsize>) -> usize {
    let cores = || std::thread::available_parallelism().ok();
    wanted.or_else(cores).map_or(1, NonZeroUsize::get)
}

pub fn run(args: &AuditArgs, cx: &Context) -> Result<(), Failure> {
    match &args.command {
        None => look::run(&args.look, cx),
        Some(Command::Simulate(args)) => simulate::run(args, cx),
        Some(Command::Validate(args)) => validate::run(args, cx),
    }
}
