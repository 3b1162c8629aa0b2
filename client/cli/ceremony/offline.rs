//! From file to file, on a machine without a network.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tacit_ceremony::beacon::Rule;
use tacit_ceremony::checks::Weights;
use tacit_ceremony::contributor::{self, Entropy};
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::folder::{Base, FolderError};
use tacit_ceremony::parts::{PartError, open_key, open_powers, part_of_key, part_of_powers};
use tacit_ceremony::{phase1, phase2};

use super::{Bar, Scratch};
use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub struct OfflineArgs {
    /// Contribute to this file, without any coordinator: a .ptau, or a .zkey with --powers and --circuit
    #[arg(long, value_name = "FILE", conflicts_with = "url", requires = "to")]
    pub from: Option<PathBuf>,
    /// The new file
    #[arg(long, value_name = "FILE", requires = "from")]
    to: Option<PathBuf>,
    /// The prepared powers that the key was made from
    #[arg(long, value_name = "FILE", requires = "from")]
    powers: Option<PathBuf>,
    /// The key's circuit (.r1cs)
    #[arg(long, value_name = "FILE", requires = "from")]
    circuit: Option<PathBuf>,
}

#[derive(Serialize)]
struct View {
    contribution: String,
    file: String,
    to: PathBuf,
}

/// Checks a file, and writes it with one more contribution.
pub fn run(
    args: &OfflineArgs,
    label: Option<&str>,
    entropy: impl FnOnce() -> Result<Entropy, Failure>,
    cx: &Context,
) -> Result<(), Failure> {
    // clap requires both.
    let (Some(from), Some(to)) = (&args.from, &args.to) else {
        return Err(Failure::usage("usage", "no file", "See --help."));
    };
    if to.exists() {
        return Err(Failure::usage(
            "exists",
            format!("there is a file {} already", to.display()),
            "Choose another name.",
        ));
    }
    if !from.exists() {
        return Err(Failure::no_file(from));
    }
    let bar = &mut Bar::new(cx.out);
    let scratch = Scratch::new(cx)?;
    let initial = scratch.path().join("initial.zkey");
    let rule = Rule::Open;
    let is_key = from.extension().is_some_and(|e| e == "zkey");
    let mut own = None;
    let base = if is_key {
        let (Some(powers), Some(circuit)) = (&args.powers, &args.circuit) else {
            return Err(Failure::usage(
                "unchecked",
                "a key can't be checked without the powers and the circuit that it was made from",
                "Give --powers FILE and --circuit FILE: a contribution to a wrong key is worth nothing.",
            ));
        };
        let powers = open_powers(powers, &Rule::Any, bar).map_err(FolderError::from)?;
        let mut weights =
            Weights::from_os().map_err(|e| FolderError::from(PartError::Randomness(e)))?;
        let powers = phase1::verify_prepared(powers, &mut weights, bar)
            .map_err(|e| FolderError::from(PartError::from(e)))?;
        let circuit = R1cs::open(circuit).map_err(FolderError::from)?;
        let made = phase2::setup(&powers, &circuit, &initial, bar).map_err(FolderError::from)?;
        let key = open_key(from, &made, &rule, bar).map_err(FolderError::from)?;
        own = Some(made);
        Base::Keys(vec![key])
    } else {
        let powers = open_powers(from, &rule, bar).map_err(FolderError::from)?;
        Base::Powers(powers)
    };
    let made = [to.clone()];
    contributor::contribute(&base, entropy()?, label, &made, bar)?;
    // What was written, as the next one will see it.
    let part = match &own {
        Some(initial) => {
            open_key(to, initial, &rule, bar).and_then(|key| part_of_key(to, &key, label))
        }
        None => open_powers(to, &rule, bar).and_then(|powers| part_of_powers(to, &powers, label)),
    };
    let part = part.map_err(FolderError::from)?;
    let view = View {
        contribution: hex::encode(part.contribution),
        file: hex::encode(part.file),
        to: to.clone(),
    };
    cx.out.result(&view, |out| {
        out.line(format!("Written to {}.", view.to.display()));
        out.line(format!("contribution  {}", view.contribution));
        out.line(format!("file          {}", view.file));
        out.line("Write the contribution's hash down, and hand the file on.");
    });
    Ok(())
}
