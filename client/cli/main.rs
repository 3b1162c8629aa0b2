//! The `tacit` program: one file per family of commands.
//!
//! Every family has a `Command`, parsed by clap, and `run(command, &Context) -> Result<(), Failure>`.
//! Results go to stdout, the rest to stderr; [`failure`] says how a command fails.

#![forbid(unsafe_code)]

mod audit;
mod briefing;
mod bundle;
mod ceremony;
mod clock;
mod committee;
mod context;
mod demo;
mod evidence;
mod failure;
mod group;
mod identity;
mod input;
mod names;
mod node;
mod output;
mod parse;
mod registrar;
mod service;
mod sign;
mod statement;
mod verify;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use context::{Context, Globals};
use failure::{EXIT_CODES, Exit, Failure};
use output::Output;

/// Sign together in secret: everybody sees how many, nobody sees who, until enough have signed.
#[derive(Debug, Parser)]
#[command(name = "tacit", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    family: Family,
}

#[derive(Debug, Subcommand)]
enum Family {
    /// Watch the whole job on this machine: a committee, members, a list that opens and one that is erased
    Demo(demo::DemoArgs),
    /// Operators: found a committee together
    #[command(subcommand)]
    Committee(committee::Command),
    /// Proving keys made together by strangers, so that nobody can forge
    #[command(subcommand)]
    Ceremony(ceremony::Command),
    /// Operators: make and run a node
    #[command(subcommand)]
    Node(node::Command),
    /// Check a statement's whole life offline, from one file and one fingerprint
    Verify(verify::VerifyArgs),
    /// Your identity: what makes you a member, and stays secret
    #[command(subcommand)]
    Identity(identity::Command),
    /// Groups: create one, become a member, see who counts
    #[command(subcommand)]
    Group(group::Command),
    /// Registrars: vouch for people
    #[command(subcommand)]
    Registrar(registrar::Command),
    /// Statements: propose one, and see how it stands
    #[command(subcommand)]
    Statement(statement::Command),
    /// Sign a statement in secret
    Sign(sign::Command),
    /// Show an opened list
    Names(names::Command),
    /// Save a statement's whole history in one file, for anybody to verify offline
    Bundle(bundle::Command),
    /// Look for vote rings in a table of votes under pseudonyms
    Audit(audit::AuditArgs),
}

fn run(cli: Cli) -> Result<(), Failure> {
    let cx = Context::new(cli.globals)?;
    match cli.family {
        Family::Demo(args) => demo::run(&args, &cx),
        Family::Committee(command) => committee::run(command, &cx),
        Family::Ceremony(command) => ceremony::run(command, &cx),
        Family::Node(command) => node::run(command, &cx),
        Family::Verify(args) => verify::run(&args, &cx),
        Family::Identity(command) => identity::run(command, &cx),
        Family::Group(command) => group::run(command, &cx),
        Family::Registrar(command) => registrar::run(command, &cx),
        Family::Statement(command) => statement::run(command, &cx),
        Family::Sign(command) => sign::run(command, &cx),
        Family::Names(command) => names::run(command, &cx),
        Family::Bundle(command) => bundle::run(command, &cx),
        Family::Audit(args) => audit::run(&args, &cx),
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return misused(&e),
    };
    let out = Output::new(cli.globals.json);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(&out);
            failure.exit.into()
        }
    }
}

/// Help, the version, or a usage error: clap's own words, and the error object for scripts.
fn misused(e: &clap::Error) -> ExitCode {
    let help = matches!(e.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // Nothing is left to tell somebody whose terminal is gone.
    let _ = e.print();
    if help {
        return ExitCode::SUCCESS;
    }
    // What clap couldn't parse can't say whether a script is asking.
    if std::env::args_os().any(|a| a == "--json") {
        let text = e.render().to_string();
        // Up to the first empty line: the problem, and which arguments it is about.
        let first = text.split("\n\n").next().unwrap_or_default();
        let problem = first.strip_prefix("error: ").unwrap_or(first).trim_end();
        Failure::usage("usage", problem, "Run it with --help.").print(&Output::new(true));
    }
    Exit::Usage.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
