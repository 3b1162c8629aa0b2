//! `tacit ceremony`: proving keys that nobody could have forged, made by strangers together.

mod bar;
mod contribute;
mod fetch;
mod gather;
mod hand;
mod kept;
mod new;
mod offline;
mod origin;
mod powers;
mod serve;
mod steps;
#[cfg(test)]
mod testing;
mod verify;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_ceremony::files::container::FileError;
use tacit_ceremony::folder::FolderError;
use tacit_ceremony::parts::PartError;

use crate::context::Context;
use crate::failure::Failure;

pub use bar::Bar;
pub use fetch::LimitArgs;
pub use gather::{Gathered, Scratch};
pub use powers::{KnownPowers, Whose, digest as powers_digest};
pub use verify::ceremony_id;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Coordinator: fix a ceremony's rules, and make its folder
    New(new::NewArgs),
    /// Coordinator: take contributions, one after the other, until you stop it
    Serve(serve::ServeArgs),
    /// Add your randomness: fetch, check, contribute, upload, and keep the attestation
    Contribute(contribute::ContributeArgs),
    /// Check a whole ceremony on this machine, from its folder or its address
    Verify(verify::VerifyArgs),
    /// Coordinator: end a phase with its announced public value
    Beacon(steps::BeaconArgs),
    /// Coordinator: write the keys, and end the ceremony
    Finish(FolderArgs),
    /// How a ceremony stands, from its folder or its address
    Status(steps::StatusArgs),
    /// Print your own public key for ceremonies with a list of contributors
    Key,
}

#[derive(Debug, Args)]
pub struct FolderArgs {
    /// The ceremony's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::New(args) => new::run(args, cx),
        Command::Serve(args) => serve::run(&args, cx),
        Command::Contribute(args) => contribute::run(&args, cx),
        Command::Verify(args) => verify::run(&args, cx),
        Command::Beacon(args) => steps::beacon(&args, cx),
        Command::Finish(args) => steps::finish(&args.folder, cx),
        Command::Status(args) => steps::status(&args, cx),
        Command::Key => key(cx),
    }
}

#[derive(Serialize)]
struct KeyView {
    key: String,
}

fn key(cx: &Context) -> Result<(), Failure> {
    let view = KeyView {
        key: cx.ceremony_key()?.public().to_string(),
    };
    cx.out.result(&view, |out| out.line(&view.key));
    Ok(())
}

impl From<FolderError> for Failure {
    fn from(e: FolderError) -> Self {
        use FolderError as E;
        const PATH: &str = "Check the path and its permissions.";
        match &e {
            E::Io { .. } => Failure::usage("file", e, PATH),
            E::Missing(_) => Failure::usage(
                "no-ceremony",
                e,
                "Give the folder that tacit ceremony new has made.",
            ),
            E::Exists(_) => Failure::usage("exists", e, "Choose another folder."),
            E::Locked(_) => Failure::not_yet(
                "in-use",
                e,
                "Stop it first, such as tacit ceremony serve with Ctrl-C.",
            ),
            E::Key(_) => Failure::check("key", e, "Restore it from a backup."),
            E::Lost(_) => Failure::check("lost", e, "Restore it from a backup."),
            E::Unsure(_) => Failure::not_yet(
                "disk",
                e,
                "See to the disk, and run it again: nothing that was accepted is lost.",
            ),
            E::NotDue(_) => Failure::not_yet(
                "not-due",
                e,
                "tacit ceremony status shows how the ceremony stands.",
            ),
            E::Evidence(_) => Failure::check(
                "beacon",
                e,
                "Take the value from its source again; the rules can't be changed.",
            ),
            E::Part(PartError::File(FileError::Magic { .. } | FileError::Io { .. })) => {
                Failure::usage("file", e, PATH)
            }
            E::Setup(_) | E::Transcript(_) | E::Part(_) | E::Circuit(_) => Failure::check(
                "ceremony",
                e,
                "Don't rely on these files. Get them again, or tell the coordinator and the contributors.",
            ),
        }
    }
}
