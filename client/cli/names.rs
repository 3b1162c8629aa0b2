//! `tacit names`: an opened list, after everything about it was checked.

use std::io;

use clap::Args;
use serde::Serialize;
use tacit_client::open::{Name, OpenedName};
use tacit_protocol::group::{ClassName, GroupDefinition};
use tacit_protocol::ids::StatementId;
use tacit_protocol::statement::Status;

use crate::context::{Context, Network};
use crate::evidence::{self, Freshness};
use crate::failure::Failure;
use crate::output::printable;
use crate::parse;

#[derive(Debug, Args)]
pub struct Command {
    /// The statement
    #[arg(value_name = "ID", value_parser = parse::statement)]
    statement: StatementId,
    /// Print comma-separated values
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    network: Network,
}

/// The opened list.
#[derive(Serialize)]
struct View {
    statement: String,
    count: usize,
    names: Vec<Line>,
}

/// One line of it, in the order in which the signatures were counted.
#[derive(Serialize)]
struct Line {
    /// The member's name; none if the record is withheld.
    name: Option<String>,
    /// The classes that the record names.
    classes: Vec<String>,
    /// The class that the signature counted under.
    signed_as: Option<String>,
    /// What the signer added.
    testimony: Option<String>,
    /// Why the record is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<String>,
    /// The member's leaf, 32 bytes little endian in hex.
    leaf: String,
}

impl Line {
    fn new(opened: &OpenedName, definition: &GroupDefinition) -> Self {
        let (name, classes, withheld) = match &opened.name {
            Name::Record(record) => {
                let classes = record.classes.iter().map(ClassName::to_string);
                (Some(record.name.clone()), classes.collect(), None)
            }
            Name::Withheld(why) => (None, Vec::new(), Some(why.to_string())),
        };
        let class = opened.class.map(usize::from);
        let signed_as = class.and_then(|c| definition.classes.get(c));
        Self {
            name,
            classes,
            signed_as: signed_as.map(ToString::to_string),
            testimony: opened.testimony.clone(),
            withheld,
            leaf: hex::encode(opened.leaf.to_le_bytes()),
        }
    }

    fn shown_name(&self) -> String {
        let withheld = || "(member, record withheld)".to_string();
        self.name.clone().unwrap_or_else(withheld)
    }
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    if command.csv && cx.out.is_json() {
        return Err(Failure::usage(
            "csv-and-json",
            "the list can't be printed as comma-separated values and as JSON at once",
            "Give --csv or --json.",
        ));
    }
    let committee = cx.committee(&command.network)?;
    let id = &command.statement;
    let evidence = evidence::fetch(cx, &committee, id, Freshness::Any, |certified| {
        certified.facts.status.is_final()
    })?;
    let certified = &evidence.verified.certified;
    let Some(names) = &evidence.verified.names else {
        return Err(no_list(certified.facts.status, &certified.id));
    };
    let definition = &certified.roster.definition;
    let view = View {
        statement: certified.id.to_string(),
        count: names.len(),
        names: names.iter().map(|n| Line::new(n, definition)).collect(),
    };
    if command.csv {
        return csv(&view).map_err(|e| Failure::usage("output", format!("can't print: {e}"), ""));
    }
    cx.out.result(&view, |out| {
        let row = |(i, line): (usize, &Line)| {
            let number = (i + 1).to_string();
            let class = line.signed_as.clone().unwrap_or_default();
            vec![number, line.shown_name(), class]
        };
        let rows: Vec<_> = view.names.iter().enumerate().map(row).collect();
        out.table(&["", "name", "signed as"], &rows);
        for line in &view.names {
            if let Some(testimony) = &line.testimony {
                out.line("");
                out.line(printable(&format!("{} adds:", line.shown_name())));
                for paragraph in testimony.lines() {
                    out.line(printable(&format!("  {paragraph}")));
                }
            }
            if let Some(why) = &line.withheld {
                out.note(format!("The record of {} is withheld: {why}", line.leaf));
            }
        }
    });
    Ok(())
}

/// Why there is no list.
fn no_list(status: Status, id: &StatementId) -> Failure {
    let problem = format!("there is no list: the statement is {status}");
    match status {
        Status::Expired | Status::Erased | Status::Failed => Failure::usage(
            "never-opened",
            problem,
            "Nobody can open it any more: that is what its signers were promised.",
        ),
        _ => Failure::not_yet(
            "not-open",
            problem,
            format!("Watch it: tacit statement watch {id}"),
        ),
    }
}

fn csv(view: &View) -> Result<(), csv::Error> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    writer.write_record([
        "name",
        "classes",
        "signed_as",
        "testimony",
        "withheld",
        "leaf",
    ])?;
    for line in &view.names {
        let classes = line.classes.join(" ");
        let cells = [
            line.name.as_deref(),
            Some(classes.as_str()),
            line.signed_as.as_deref(),
            line.testimony.as_deref(),
            line.withheld.as_deref(),
            Some(line.leaf.as_str()),
        ];
        writer.write_record(cells.map(|c| without_formula(c.unwrap_or_default())))?;
    }
    writer.flush()?;
    Ok(())
}

/// A spreadsheet runs cells that begin like a formula: a quote in front makes them text.
fn without_formula(cell: &str) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
        _ => cell.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_run_as_a_formula() {
        assert_eq!(without_formula("=cmd()"), "'=cmd()");
        assert_eq!(without_formula("@x"), "'@x");
        assert_eq!(without_formula("Ada = Lovelace"), "Ada = Lovelace");
        assert_eq!(without_formula(""), "");
    }
}
