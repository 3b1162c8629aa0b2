//! How much of what is planted the look finds, and whom it wrongs.

use clap::Args;

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub struct ValidateArgs {}

pub fn run(_args: &ValidateArgs, _cx: &Context) -> Result<(), Failure> {
    Err(Failure::usage(
        "not-here",
        "this version can't do it yet",
        "Use tacit audit FILE.",
    ))
}
