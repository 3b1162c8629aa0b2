//! `tacit verify`: a statement's whole life, offline, from one file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_client::bundle::Certified;
use tacit_client::verify::{Check, Report, verify};
use tacit_protocol::ids::Fingerprint;

use crate::clock::{distance, local, now_ms};
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
    /// What the bundle speaks of; none if it doesn't hold.
    as_of: Option<AsOf>,
    checks: &'a [Check],
}

/// The moment that a bundle is of. It says nothing about any later one.
#[derive(Serialize)]
struct AsOf {
    /// Height of the certified block.
    height: u64,
    /// Its time, Unix milliseconds.
    time_ms: u64,
    /// Where the statement stood.
    status: &'static str,
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
    let certified = report.verified.as_ref().map(|v| &v.certified);
    if cx.out.is_json() {
        cx.out.json(&View {
            ok: report.ok(),
            as_of: certified.map(|c| AsOf {
                height: c.height,
                time_ms: c.time_ms,
                status: c.facts.status.word(),
            }),
            checks: &report.checks,
        });
    }
    print_checks(&report.checks, cx);
    match failed {
        None => {
            cx.out
                .line("Everything holds: nothing is missing, added or changed.");
            if let Some(certified) = certified {
                cx.out.line(as_of(certified, now_ms()));
            }
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

/// Of when the bundle is, and whether there can be news since.
fn as_of(certified: &Certified, now_ms: u64) -> String {
    let status = certified.facts.status;
    let (time, age) = (
        local(certified.time_ms),
        distance(certified.time_ms, now_ms),
    );
    let moment = format!(
        "This is of {time} ({age}), block {}: the statement",
        certified.height
    );
    if status.is_final() {
        format!("{moment} was {status}.")
    } else {
        format!("{moment} was {status}. What came later is not in this file.")
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
