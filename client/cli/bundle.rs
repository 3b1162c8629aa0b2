//! `tacit bundle`: a statement's whole history in one file, for anybody to verify offline.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_protocol::ids::StatementId;

use crate::context::{Context, Network};
use crate::evidence::{self, Freshness};
use crate::failure::Failure;
use crate::output::counted;
use crate::parse;

#[derive(Debug, Args)]
pub struct Command {
    /// The statement
    #[arg(value_name = "ID", value_parser = parse::statement)]
    statement: StatementId,
    /// The bundle goes here
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    network: Network,
}

#[derive(Serialize)]
struct View {
    statement: String,
    status: &'static str,
    count: u64,
    fingerprint: String,
    file: PathBuf,
    bytes: usize,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    let committee = cx.committee(&command.network)?;
    let id = &command.statement;
    let evidence = evidence::fetch(cx, &committee, id, Freshness::Any, |certified| {
        certified.facts.status.is_final()
    })?;
    write(&command.out, &evidence.bytes).map_err(|e| Failure::file("write", &command.out, &e))?;
    let facts = &evidence.verified.certified.facts;
    let view = View {
        statement: facts.id.to_string(),
        status: facts.status.word(),
        count: facts.count,
        fingerprint: committee.pinned.fingerprint.to_string(),
        bytes: evidence.bytes.len(),
        file: command.out,
    };
    cx.out.result(&view, |out| {
        let file = view.file.display();
        out.line(format!(
            "{} bytes in {file}: the statement is {}, with {}.",
            view.bytes,
            view.status,
            counted(view.count, "signature")
        ));
        out.line("Anybody can check it, without a connection:");
        out.line(format!(
            "  tacit verify {file} --fingerprint {}",
            view.fingerprint
        ));
    });
    Ok(())
}

/// Writes a file that everybody may read, as a whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}
