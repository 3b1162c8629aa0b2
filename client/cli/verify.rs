//! `tacit verify`: a statement's whole life, offline, from one file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_client::verify::{Check, Report, verify};
use tacit_protocol::ids::Fingerprint;

use crate::context::{Context, load_founding};
use crate::failure::Failure;
use crate::output::printable_line;
use crate::{input, parse};

/// Longest bundle, in bytes.
const MAX_BUNDLE: u64 = 4 << 30;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The bundle (`tacit bundle ID --out FILE`)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The committee's fingerprint, as you know it from elsewhere [default: the one pinned in --home]
    #[arg(long, value_name = "HEX", value_parser = parse::fingerprint)]
    fingerprint: Option<Fingerprint>,
}

#[derive(Serialize)]
struct View<'a> {
    ok: bool,
    checks: &'a [Check],
}

/// Verifies a bundle's file.
pub fn verify_file(path: &Path, fingerprint: &Fingerprint) -> Result<Report, Failure> {
    let bytes = input::file(path, MAX_BUNDLE)?;
    Ok(verify(&bytes, fingerprint, *input::randomness()?))
}

pub fn run(args: &VerifyArgs, cx: &Context) -> Result<(), Failure> {
    let fingerprint = match args.fingerprint {
        Some(fingerprint) => fingerprint,
        None => match load_founding(cx.home())? {
            Some(pinned) => pinned.fingerprint,
            None => {
                return Err(Failure::usage(
                    "no-fingerprint",
                    "there is no fingerprint to verify against",
                    "Give the committee's with --fingerprint HEX. Take it from where you know the committee from, not from who gave you the file.",
                ));
            }
        },
    };
    let report = verify_file(&args.file, &fingerprint)?;
    let failed = report.checks.iter().find(|c| !c.ok);
    if cx.out.is_json() {
        cx.out.json(&View {
            ok: report.ok(),
            checks: &report.checks,
        });
    }
    print_checks(&report.checks, cx);
    match failed {
        None => {
            cx.out
                .line("Everything holds: nothing is missing, added or changed.");
            Ok(())
        }
        Some(_) if cx.out.is_json() => Err(Failure::already_told()),
        Some(check) => Err(Failure::check(
            "lie",
            format!(
                "the bundle does not hold at \"{}\": {}",
                check.name,
                printable_line(&check.detail)
            ),
            "Don't rely on it. Get the bundle from another node, and tell the operators.",
        )),
    }
}

/// The list of checks, for people.
pub fn print_checks(checks: &[Check], cx: &Context) {
    for check in checks {
        let mark = if check.ok { "✓" } else { "✗" };
        cx.out.line(format!(
            "{mark} {:<20} {}",
            check.name,
            printable_line(&check.detail)
        ));
    }
}
