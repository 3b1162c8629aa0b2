//! `tacit registrar`: vouch for people. --home holds the registrar's key, the registrars' shared secret,
//! and its rosters.

mod approve;
mod home;
mod invite;
mod serve;

use std::path::Path;

use clap::Subcommand;
use tacit_protocol::group::GroupCreate;
use tacit_registrar::approval::ApprovalError;
use tacit_registrar::card::CardError;
use tacit_registrar::files::FileError;
use tacit_registrar::{RegistrarCard, RegistrarError, approval};

use crate::context::Context;
use crate::failure::Failure;

pub(crate) use approve::describe;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a registrar in --home: its key, its card, and the secret that registrars share
    Init(home::InitArgs),
    /// Show this registrar's key and how far its groups are
    Show(home::ShowArgs),
    /// Approve a group: look at it, and add your signature to its file
    Approve(approve::ApproveArgs),
    /// Give everybody on a roster a one-time code
    Invite(invite::InviteArgs),
    /// Let people enrol with their codes, until stopped (SIGTERM or Ctrl-C)
    Serve(serve::ServeArgs),
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::Init(args) => home::init(&args, cx),
        Command::Show(args) => home::show(&args, cx),
        Command::Approve(args) => approve::run(&args, cx),
        Command::Invite(args) => invite::run(&args, cx),
        Command::Serve(args) => serve::run(&args, cx),
    }
}

/// Reads a group's file, whose signatures aren't checked yet.
pub(crate) fn read_group(path: &Path) -> Result<GroupCreate, Failure> {
    approval::read(path).map_err(|e| match e {
        ApprovalError::Malformed(_) => Failure::usage(
            "malformed",
            format!("{} is not a group's file", path.display()),
            "Check that this is the file that `tacit group create` wrote.",
        ),
        e => e.into(),
    })
}

/// Reads a registrar's card.
pub(crate) fn read_card(path: &Path) -> Result<RegistrarCard, Failure> {
    RegistrarCard::read(path).map_err(|e| {
        let e = RegistrarError::from(e);
        let advice = e.advice();
        match &e {
            // It names the file by itself.
            RegistrarError::Card(CardError::File(_)) => e.into(),
            _ => Failure::usage("card", format!("{}: {e}", path.display()), advice),
        }
    })
}

impl From<RegistrarError> for Failure {
    fn from(e: RegistrarError) -> Self {
        use RegistrarError as E;
        let advice = e.advice();
        let usage = |code| (false, code);
        let (is_check, code) = match &e {
            E::File(FileError::Missing(_))
            | E::Card(CardError::File(FileError::Missing(_)))
            | E::Approval(ApprovalError::File(FileError::Missing(_))) => usage("no-file"),
            E::File(FileError::OpenToOthers { .. } | FileError::Foreign(_)) => usage("permissions"),
            E::File(_)
            | E::Card(CardError::File(_))
            | E::Approval(ApprovalError::File(_))
            | E::HandOver(_) => usage("file"),
            E::NoRegistrar(_) => usage("no-registrar"),
            E::AlreadyRegistrar(_) => usage("registrar-exists"),
            E::Card(_) => usage("card"),
            E::Approval(ApprovalError::NotRegistrar(_)) => usage("not-registrar"),
            E::Approval(_) => (true, "group-file"),
            E::Roster(_)
            | E::RecordFixed { .. }
            | E::SecondIdentifier { .. }
            | E::TooManyPeople => usage("roster"),
            E::Store(_) => usage("database"),
            E::ForeignStore(_) | E::Damaged(_) => (true, "damaged"),
            E::Randomness(_) => usage("randomness"),
            E::UnknownGroup(_) => usage("not-approved"),
            E::NobodyOfThatName(_) | E::SeveralOfThatName(..) => usage("name"),
            E::AlreadyEnrolled(_) => usage("already-enrolled"),
            E::Code(_) => usage("code-mistyped"),
            E::UnknownCode | E::CodeUsed | E::LeafTaken | E::InvitationChanged => usage("refused"),
            E::PublicKey(_) | E::SignatureEncoding | E::Signature => usage("refused"),
        };
        if is_check {
            Failure::check(code, e, advice)
        } else {
            Failure::usage(code, e, advice)
        }
    }
}

impl From<FileError> for Failure {
    fn from(e: FileError) -> Self {
        RegistrarError::from(e).into()
    }
}

impl From<ApprovalError> for Failure {
    fn from(e: ApprovalError) -> Self {
        RegistrarError::from(e).into()
    }
}
