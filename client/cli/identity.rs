//! `tacit identity`: the person's keys.

use clap::Subcommand;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the public half of the key that signs your groups and statements, made if there is none
    CreatorKey,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::CreatorKey => creator_key(cx),
    }
}

#[derive(Serialize)]
struct CreatorKey {
    key: String,
}

fn creator_key(cx: &Context) -> Result<(), Failure> {
    let view = CreatorKey {
        key: cx.creator_key()?.public().to_string(),
    };
    cx.out.result(&view, |out| out.line(&view.key));
    Ok(())
}
