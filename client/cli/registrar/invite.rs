//! Inviting people: codes for a roster. A file of codes that count is never written over.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use getrandom::SysRng;
use serde::Serialize;
use tacit_protocol::ids::GroupId;
use tacit_registrar::files::{self, FileError};
use tacit_registrar::limits::MAX_ROSTER_BYTES;
use tacit_registrar::{InviteReport, IssuedCode, Registrar, Roster, codes};
use zeroize::Zeroizing;

use super::read_group;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Output, printable_line};

#[derive(Debug, Args)]
pub struct InviteArgs {
    /// The group's file
    #[arg(long, value_name = "FILE")]
    group: PathBuf,
    /// Who is invited: CSV with the columns name, optionally contact, and one per class
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "renew",
        conflicts_with = "renew"
    )]
    roster: Option<PathBuf>,
    /// Replace the unused code of one person, by name or contact
    #[arg(long, value_name = "NAME")]
    renew: Option<String>,
    /// The new codes go into this file (CSV). There is no other copy of them
    #[arg(long, value_name = "FILE", required_unless_present = "print")]
    out: Option<PathBuf>,
    /// Print the new codes
    #[arg(long, conflicts_with = "out")]
    print: bool,
}

#[derive(Serialize)]
struct InviteView {
    group: String,
    issued: usize,
    kept: usize,
    enrolled: usize,
    changed: usize,
    absent: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<Vec<CodeView>>,
}

#[derive(Serialize)]
struct CodeView {
    name: String,
    contact: Option<String>,
    code: String,
}

pub fn run(args: &InviteArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Registrar::open(cx.home())?;
    let definition = read_group(&args.group)?.definition;
    let id = definition.id();
    let out = args
        .out
        .as_deref()
        .map(|path| CodesFile::look(path, &registrar, &id))
        .transpose()?;
    let mut printed = Vec::new();
    let hand_over = |issued: &[IssuedCode]| {
        if let (Some(file), false) = (&out, issued.is_empty()) {
            file.write(issued)?;
        }
        if args.print {
            printed.extend(issued.iter().map(|i| CodeView {
                name: i.name.clone(),
                contact: i.contact.clone(),
                code: i.code.to_string(),
            }));
        }
        Ok(())
    };
    let report = match (&args.renew, &args.roster) {
        (Some(who), _) => {
            registrar.renew(&id, who, &mut SysRng, hand_over)?;
            InviteReport {
                issued: 1,
                ..InviteReport::default()
            }
        }
        (None, Some(path)) => {
            let roster = read_roster(path)?;
            for class in roster.missing_classes(&definition) {
                cx.out.note(format!(
                    "note: the roster has no column `{class}`, so it puts nobody into that class"
                ));
            }
            registrar.invite(&id, &roster, &mut SysRng, hand_over)?
        }
        // clap requires one of the two.
        (None, None) => InviteReport::default(),
    };
    let file = args.out.clone().filter(|_| report.issued > 0);
    let view = InviteView {
        group: id.to_string(),
        issued: report.issued,
        kept: report.kept,
        enrolled: report.enrolled,
        changed: report.changed,
        absent: report.absent,
        file,
        codes: args.print.then_some(printed),
    };
    cx.out.result(&view, |out| tell_invitation(out, &view));
    Ok(())
}

fn tell_invitation(out: &Output, view: &InviteView) {
    match (&view.file, view.issued) {
        (_, 0) => out.line("Nobody is new: no code was made."),
        (Some(path), n) => {
            let codes = plural(n, "new code is", "new codes are");
            out.line(format!("{codes} in {}.", path.display()));
            out.line(
                "Send each person theirs, on a way that only they read. There is no other copy.",
            );
        }
        (None, n) => {
            let codes = plural(n, "new code", "new codes");
            out.line(format!("{codes}. There is no other copy."));
        }
    }
    if view.kept > 0 {
        let people = plural(view.kept, "person has", "people have");
        out.line(format!(
            "{people} a code already and nobody got a second one ({} used so far). To replace a lost one: --renew NAME.",
            view.enrolled
        ));
    }
    if view.changed > 0 {
        let people = plural(view.changed, "of them is", "of them are");
        out.line(format!(
            "{people} invited under another name or other classes than before."
        ));
    }
    if view.absent > 0 {
        let people = plural(view.absent, "person", "people");
        out.line(format!(
            "Not on this roster, but on an earlier one: {people}. Their codes still work."
        ));
    }
    for c in view.codes.iter().flatten() {
        let contact = c.contact.as_deref().map(|c| format!(" <{c}>"));
        let whose = format!("{}{}", c.name, contact.unwrap_or_default());
        out.line(format!("{}  {}", c.code, printable_line(&whose)));
    }
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn read_roster(path: &Path) -> Result<Roster, Failure> {
    let bytes = files::read_bounded(path, MAX_ROSTER_BYTES as u64, "a roster of at most 64 MiB")?;
    Roster::parse(&bytes).map_err(|e| {
        let problem = format!("{}: {e}", path.display());
        Failure::usage("roster", problem, e.advice())
    })
}

/// Where new codes go. A file whose codes count is never written over; one that an interrupted run left,
/// whose codes never came to count, is.
struct CodesFile<'a> {
    path: &'a Path,
    in_use: bool,
}

impl<'a> CodesFile<'a> {
    fn look(path: &'a Path, registrar: &Registrar, group: &GroupId) -> Result<Self, Failure> {
        if !path.exists() {
            return Ok(Self {
                path,
                in_use: false,
            });
        }
        let bytes = Zeroizing::new(files::read_bounded(
            path,
            2 * MAX_ROSTER_BYTES as u64,
            "a file of codes",
        )?);
        let in_use = match codes::parse(&bytes) {
            Ok(read) => {
                let texts: Vec<_> = read.into_iter().map(|c| c.code).collect();
                !registrar.are_dead_codes(group, &texts)?
            }
            Err(_) => true,
        };
        Ok(Self { path, in_use })
    }

    fn write(&self, issued: &[IssuedCode]) -> io::Result<()> {
        if self.in_use {
            let problem = FileError::Exists(self.path.to_path_buf()).to_string();
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, problem));
        }
        files::replace_private(self.path, &codes::to_csv(issued)).map_err(io::Error::other)
    }
}
