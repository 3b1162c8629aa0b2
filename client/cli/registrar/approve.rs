//! Approving a group: the registrar looks at the file, and signs it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tacit_protocol::group::{GroupCreate, GroupDefinition};
use tacit_protocol::keys::PublicKey;
use tacit_registrar::{Registrar, approval};

use super::read_group;
use crate::context::{Context, load_founding};
use crate::failure::Failure;
use crate::output::printable_line;

#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The group's file, from its creator. Your signature goes into it
    #[arg(value_name = "FILE")]
    group: PathBuf,
}

#[derive(Serialize)]
struct ApproveView {
    id: String,
    name: String,
    file: PathBuf,
    /// Registrars that still must approve before the group can be created.
    missing: usize,
}

pub fn run(args: &ApproveArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Registrar::open(cx.home())?;
    let mut group = read_group(&args.group)?;
    // Nothing is shown of a file that its creator hasn't signed.
    approval::check(&group)?;
    approval::position(&group.definition, &registrar.key())?;
    let pinned = load_founding(cx.home())?.map(|p| p.fingerprint);
    if pinned.is_some_and(|p| p != group.definition.fingerprint) {
        let problem = format!(
            "the group belongs to another committee, {}",
            group.definition.fingerprint
        );
        return Err(Failure::check(
            "other-committee",
            problem,
            "Ask its creator which committee is meant, or use another --home.",
        ));
    }
    describe(cx, &group, Some(&registrar.key()));
    if pinned.is_none() {
        cx.out
            .note("Compare the committee's fingerprint with what you know from elsewhere.");
    }
    cx.confirm("Approve this group?", "--yes to answer it with yes")?;
    let id = registrar.approve(&mut group)?;
    approval::write(&args.group, &group)?;
    let view = ApproveView {
        id: id.to_string(),
        name: group.definition.name.clone(),
        file: args.group.clone(),
        missing: approval::missing(&group),
    };
    cx.out.result(&view, |out| {
        out.line(format!(
            "Approved. Your signature is in {}.",
            view.file.display()
        ));
        match view.missing {
            0 => out.line("Enough registrars have signed: its creator can submit it."),
            n => out.line(format!("{n} more must sign before it can be created.")),
        }
    });
    Ok(())
}

/// Shows a group that isn't in the log yet, on stderr. `own` is marked among its registrars.
pub(crate) fn describe(cx: &Context, group: &GroupCreate, own: Option<&PublicKey>) {
    let d: &GroupDefinition = &group.definition;
    let note = |label: &str, text: String| {
        cx.out
            .note(format!("  {label:<14}{}", printable_line(&text)));
    };
    let list = |keys: &[PublicKey]| match keys {
        [] => "nobody".to_string(),
        keys => keys
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    cx.out
        .note(format!("Group \"{}\"", printable_line(&d.name)));
    note("id", d.id().to_string());
    note("committee", d.fingerprint.to_string());
    note("created by", d.creator.to_string());
    note("statements by", list(&d.creators));
    let classes: Vec<String> = d.classes.iter().map(ToString::to_string).collect();
    note(
        "classes",
        if classes.is_empty() {
            "none".into()
        } else {
            classes.join(", ")
        },
    );
    note(
        "members are",
        format!(
            "whom {} of these {} registrars attest",
            d.threshold,
            d.registrars.len()
        ),
    );
    for (i, key) in d.registrars.iter().enumerate() {
        let signed = group
            .registrars
            .iter()
            .any(|s| usize::from(s.registrar) == i);
        let you = if own == Some(key) { " (you)" } else { "" };
        let signed = if signed { " has approved" } else { "" };
        note("", format!("{key}{you}{signed}"));
    }
}
