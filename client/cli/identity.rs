//! `tacit identity`: what makes a person a member. Secrets lie in one encrypted file in --home, and
//! nothing here prints them.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_client::identity_file::{
    self, Cost, IdentityFileError, MAX_SEMAPHORE_KEY, Membership, Progress, Secret, Unlocked,
};
use tacit_files as files;
use tacit_protocol::field::{FieldElement, fr_to_decimal};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::failure::Failure;
use crate::input;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make your identity, and choose the passphrase that encrypts it
    New(NewArgs),
    /// Show your identity's public half, your groups, and what you have signed
    Show,
    /// Show the public half of the key that signs your groups and statements, made if there is none
    CreatorKey,
}

#[derive(Debug, Args)]
pub struct NewArgs {
    /// Take over an identity of Semaphore v4: a file with the text that its export() gives
    #[arg(long, value_name = "FILE")]
    semaphore_key_file: Option<PathBuf>,
    /// Make a random passphrase and write it to this new file: for scripts and agents, who give it back
    /// with --passphrase-file
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    new_passphrase_file: Option<PathBuf>,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::New(args) => new(&args, cx),
        Command::Show => show(cx),
        Command::CreatorKey => creator_key(cx),
    }
}

#[derive(Serialize)]
struct CreatorKey {
    key: String,
}

fn creator_key(cx: &Context) -> Result<(), Failure> {
    let view = CreatorKey {
        key: cx.creator_key()?.public().to_string(),
    };
    cx.out.result(&view, |out| out.line(&view.key));
    Ok(())
}

/// An identity's public half.
#[derive(Serialize)]
struct IdentityView {
    /// The leaf, 32 bytes little endian in hex, as the log has it.
    leaf: String,
    /// The same number in decimal digits, as Semaphore's tools write it.
    commitment: String,
    /// Where the identity lies.
    file: PathBuf,
    groups: Vec<GroupEntry>,
    signatures: Vec<SignatureEntry>,
}

#[derive(Serialize)]
struct GroupEntry {
    id: String,
    name: String,
    classes: Vec<String>,
    enrolled: bool,
}

#[derive(Serialize)]
struct SignatureEntry {
    statement: String,
    /// `sealed`: saved, and perhaps sent, but without a receipt; `final`: in the log.
    progress: &'static str,
}

fn view(unlocked: &Unlocked, file: PathBuf) -> IdentityView {
    let leaf = unlocked.identity().commitment();
    let group = |m: &Membership| GroupEntry {
        id: m.group.to_string(),
        name: m.record.name.clone(),
        classes: m.record.classes.iter().map(ToString::to_string).collect(),
        enrolled: m.receipt.is_some(),
    };
    let signatures = unlocked.signatures().iter().map(|s| SignatureEntry {
        statement: s.statement.to_string(),
        progress: match s.progress {
            Progress::Pending(_) => "sealed",
            Progress::Final(_) => "final",
        },
    });
    IdentityView {
        leaf: hex::encode(FieldElement(leaf).to_le_bytes()),
        commitment: fr_to_decimal(&leaf),
        file,
        groups: unlocked.memberships().iter().map(group).collect(),
        signatures: signatures.collect(),
    }
}

fn new(args: &NewArgs, cx: &Context) -> Result<(), Failure> {
    let path = cx.identity_path()?;
    if path.exists() {
        // Before anybody types a passphrase for nothing.
        return Err(IdentityFileError::Exists(path).into());
    }
    let secret = match &args.semaphore_key_file {
        Some(file) => semaphore_key(file)?,
        None => identity_file::generate()?,
    };
    let (passphrase, cost) = match &args.new_passphrase_file {
        // Nobody guesses 256 random bits, so there is no need to make guessing dear.
        Some(file) => (random_passphrase(file)?, Cost::RANDOM),
        None => (cx.new_passphrase()?, Cost::PERSON),
    };
    let unlocked = identity_file::create(&path, &passphrase, secret, cost)?;
    let view = view(&unlocked, path);
    cx.out.result(&view, |out| {
        out.line(format!("Your identity is in {}", view.file.display()));
        out.line(format!("Its leaf is {}", view.leaf));
        out.line(format!("(in Semaphore's writing: {})", view.commitment));
        out.line("");
        out.line(
            "Keep a copy of the file and remember the passphrase: nobody can restore them for you.",
        );
        out.line("Whoever has both can sign as you, and see what you have signed.");
    });
    Ok(())
}

/// Makes a passphrase of 256 random bits and writes it to a file that doesn't exist yet.
fn random_passphrase(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |e: io::Error| Failure::file("write", path, &e);
    if path.try_exists().map_err(failed)? {
        return Err(Failure::usage(
            "file-exists",
            format!("there is a file {} already", path.display()),
            "It may hold another identity's passphrase: choose another name.",
        ));
    }
    let random = input::randomness::<32>()?;
    let passphrase = Zeroizing::new(hex::encode(&random[..]));
    files::replace(path, passphrase.as_bytes()).map_err(failed)?;
    Ok(passphrase)
}

/// Reads what Semaphore's `identity.export()` gave: the private key in base64.
fn semaphore_key(path: &Path) -> Result<Secret, Failure> {
    let limit = 2 * MAX_SEMAPHORE_KEY as u64;
    let bytes = Zeroizing::new(input::file(path, limit)?);
    let malformed = || {
        Failure::usage(
            "semaphore-key",
            format!("{} is not an exported Semaphore identity", path.display()),
            "Write the text that identity.export() gives into the file, and nothing else.",
        )
    };
    let key = STANDARD
        .decode(bytes.trim_ascii())
        .map_err(|_| malformed())?;
    let key = Zeroizing::new(key);
    if key.is_empty() || key.len() > MAX_SEMAPHORE_KEY {
        return Err(malformed());
    }
    Ok(Secret::SemaphoreKey(key))
}

fn show(cx: &Context) -> Result<(), Failure> {
    let unlocked = cx.unlock()?;
    let view = view(&unlocked, cx.identity_path()?);
    cx.out.result(&view, |out| {
        out.line(format!("leaf        {}", view.leaf));
        out.line(format!("commitment  {}", view.commitment));
        out.line(format!("file        {}", view.file.display()));
        if !view.groups.is_empty() {
            out.line("");
            let row = |g: &GroupEntry| {
                let enrolled = if g.enrolled { "yes" } else { "not yet" };
                vec![
                    g.id.clone(),
                    g.name.clone(),
                    g.classes.join(", "),
                    enrolled.into(),
                ]
            };
            let rows: Vec<_> = view.groups.iter().map(row).collect();
            out.table(&["id", "you are", "classes", "enrolled"], &rows);
        }
        if !view.signatures.is_empty() {
            out.line("");
            let row = |s: &SignatureEntry| vec![s.statement.clone(), s.progress.into()];
            let rows: Vec<_> = view.signatures.iter().map(row).collect();
            out.table(&["id", "your signature"], &rows);
        }
    });
    Ok(())
}
