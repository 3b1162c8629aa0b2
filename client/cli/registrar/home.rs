//! A registrar's own folder: making it, and looking at it.

use std::path::PathBuf;

use clap::Args;
use getrandom::SysRng;
use serde::Serialize;
use tacit_registrar::files::{self, FileError};
use tacit_registrar::{Registrar, RegistrarCard};

use crate::context::Context;
use crate::failure::Failure;

/// The card's file in a registrar's home, unless told otherwise.
const CARD_FILE: &str = "registrar-card.json";

#[derive(Debug, Args)]
pub struct InitArgs {
    /// What people call this registrar
    #[arg(long)]
    name: String,
    /// The card goes here: whoever creates a group needs it [default: registrar-card.json in --home]
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// The shared secret of the group's other registrars, from the one who made it
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Put a copy of the shared secret here, for the other registrars
    #[arg(long, value_name = "FILE")]
    secret_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Write this registrar's card into this file again
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

#[derive(Serialize)]
struct InitView {
    name: String,
    key: String,
    card: PathBuf,
    secret: PathBuf,
    home: PathBuf,
}

pub fn init(args: &InitArgs, cx: &Context) -> Result<(), Failure> {
    let home = cx.home();
    RegistrarCard::check_name(&args.name).map_err(|_| {
        Failure::usage(
            "name",
            "a registrar's name has 1 to 64 bytes and no control characters",
            "Give another --name.",
        )
    })?;
    if let Some(copy) = args.secret_out.as_ref().filter(|path| path.exists()) {
        // Before anything is made that can't be made twice.
        return Err(FileError::Exists(copy.clone()).into());
    }
    for path in [&args.card, &args.secret_out].into_iter().flatten() {
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        if folder.is_some_and(|f| !f.is_dir()) {
            return Err(FileError::NoFolder(path.clone()).into());
        }
    }
    let given = args
        .secret_file
        .as_deref()
        .map(files::read_secret)
        .transpose()?;
    let registrar = Registrar::init(home, &args.name, given.as_deref(), &mut SysRng)?;
    let card = registrar.card();
    let card_path = args.card.clone().unwrap_or_else(|| home.join(CARD_FILE));
    files::replace_private(&card_path, card.to_json().as_bytes())?;
    let own_secret = Registrar::secret_path(home);
    if let Some(copy) = &args.secret_out {
        files::create_secret(copy, &*files::read_secret(&own_secret)?)?;
    }
    let view = InitView {
        name: card.name,
        key: card.key.to_string(),
        card: card_path,
        secret: args.secret_out.clone().unwrap_or(own_secret),
        home: home.to_path_buf(),
    };
    cx.out.result(&view, |out| {
        out.line(format!(
            "Registrar \"{}\" is ready in {}.",
            view.name,
            view.home.display()
        ));
        out.line(format!("key     {}", view.key));
        out.line(format!(
            "card    {}  (give it to whoever creates a group)",
            view.card.display()
        ));
        if given.is_none() {
            out.line(format!("secret  {}", view.secret.display()));
            out.line("");
            out.line(
                "Hand the secret to the group's other registrars, and to nobody else, on a way that you trust:",
            );
            out.line("they give it to their own `tacit registrar init` with --secret-file.");
        }
    });
    Ok(())
}

#[derive(Serialize)]
struct ShowView {
    name: String,
    key: String,
    groups: Vec<GroupProgress>,
}

#[derive(Serialize)]
struct GroupProgress {
    id: String,
    name: String,
    invited: usize,
    enrolled: usize,
}

pub fn show(args: &ShowArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Registrar::open(cx.home())?;
    if let Some(path) = &args.card {
        files::replace_private(path, registrar.card().to_json().as_bytes())?;
    }
    let mut groups = Vec::new();
    for id in registrar.groups()? {
        let (invited, enrolled) = registrar.progress(&id)?;
        let name = registrar.group(&id)?.name;
        groups.push(GroupProgress {
            id: id.to_string(),
            name,
            invited,
            enrolled,
        });
    }
    let card = registrar.card();
    let view = ShowView {
        name: card.name,
        key: card.key.to_string(),
        groups,
    };
    cx.out.result(&view, |out| {
        out.line(format!("registrar  {}", view.name));
        out.line(format!("key        {}", view.key));
        if !view.groups.is_empty() {
            out.line("");
            let row = |g: &GroupProgress| {
                let (invited, enrolled) = (g.invited.to_string(), g.enrolled.to_string());
                vec![g.id.clone(), g.name.clone(), invited, enrolled]
            };
            let rows: Vec<_> = view.groups.iter().map(row).collect();
            out.table(&["id", "group", "invited", "codes used"], &rows);
        }
    });
    Ok(())
}
