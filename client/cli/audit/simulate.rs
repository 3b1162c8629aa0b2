//! Rings and honest members played against each other: who earns what.

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub struct SimulateArgs {}

pub fn run(_args: &SimulateArgs, _cx: &Context) -> Result<(), Failure> {
    Err(Failure::usage(
        "not-here",
        "this version can't do it yet",
        "Use tacit audit FILE.",
    ))
}
