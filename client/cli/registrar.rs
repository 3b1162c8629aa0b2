//! `tacit registrar`: vouch for people. --home holds the registrar's key, the registrars' shared secret,
//! and its rosters.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use getrandom::SysRng;
use serde::Serialize;
use tacit_protocol::group::{GroupCreate, GroupDefinition};
use tacit_protocol::keys::PublicKey;
use tacit_registrar::approval::ApprovalError;
use tacit_registrar::card::CardError;
use tacit_registrar::files::{self, FileError};
use tacit_registrar::http::{Listen, ServeError, Server, TlsFiles};
use tacit_registrar::limits::{HttpLimits, MAX_ROSTER_BYTES};
use tacit_registrar::{
    InviteReport, IssuedCode, Registrar, RegistrarCard, RegistrarError, Roster, approval, codes,
};
use zeroize::Zeroizing;

use crate::context::{Context, load_founding};
use crate::failure::Failure;
use crate::output::{Output, printable_line};
use crate::service::{ServiceArgs, start_log, told_to_stop};

/// The card's file in a registrar's home, unless told otherwise.
const CARD_FILE: &str = "registrar-card.json";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a registrar in --home: its key, its card, and the secret that registrars share
    Init(InitArgs),
    /// Show this registrar's key and how far its groups are
    Show(ShowArgs),
    /// Approve a group: look at it, and add your signature to its file
    Approve(ApproveArgs),
    /// Give everybody on a roster a one-time code
    Invite(InviteArgs),
    /// Let people enrol with their codes, until stopped (SIGTERM or Ctrl-C)
    Serve(ServeArgs),
}

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

#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// The group's file, from its creator. Your signature goes into it
    #[arg(value_name = "FILE")]
    group: PathBuf,
}

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

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Listen here; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:7700")]
    listen: SocketAddr,
    /// Write the real address into this file
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
    /// TLS certificate chain, PEM. Needed beyond loopback, unless --behind-proxy
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// TLS key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// A reverse proxy in front speaks TLS
    #[arg(long)]
    behind_proxy: bool,
    #[command(flatten)]
    service: ServiceArgs,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init(&args, cx),
        Command::Show(args) => show(&args, cx),
        Command::Approve(args) => approve(&args, cx),
        Command::Invite(args) => invite(&args, cx),
        Command::Serve(args) => serve(&args, cx),
    }
}

impl From<RegistrarError> for Failure {
    fn from(e: RegistrarError) -> Self {
        use RegistrarError as E;
        let advice = e.advice();
        let usage = |code| (false, code);
        let (is_check, code) = match &e {
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

impl From<ServeError> for Failure {
    fn from(e: ServeError) -> Self {
        let advice = e.advice();
        let code = match e {
            ServeError::Exposed(_) => "plain-http",
            ServeError::Bind { .. } => "listen",
            ServeError::TlsFile { .. } | ServeError::Tls(_) => "tls",
        };
        Failure::usage(code, e, advice)
    }
}

#[derive(Serialize)]
struct InitView {
    name: String,
    key: String,
    card: PathBuf,
    secret: PathBuf,
    home: PathBuf,
}

fn init(args: &InitArgs, cx: &Context) -> Result<(), Failure> {
    let home = cx.home();
    if let Some(copy) = args.secret_out.as_ref().filter(|path| path.exists()) {
        // Before anything is made that can't be made twice.
        return Err(FileError::Exists(copy.clone()).into());
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

fn show(args: &ShowArgs, cx: &Context) -> Result<(), Failure> {
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

#[derive(Serialize)]
struct ApproveView {
    id: String,
    name: String,
    file: PathBuf,
    /// Registrars that still must approve before the group can be created.
    missing: usize,
}

fn approve(args: &ApproveArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Registrar::open(cx.home())?;
    let mut group = approval::read(&args.group)?;
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
    cx.confirm("Approve this group?", "--yes")?;
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

fn invite(args: &InviteArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Registrar::open(cx.home())?;
    let definition = approval::read(&args.group)?.definition;
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
    fn look(
        path: &'a Path,
        registrar: &Registrar,
        group: &tacit_protocol::ids::GroupId,
    ) -> Result<Self, Failure> {
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

#[derive(Serialize)]
struct ServeView {
    address: String,
    url: String,
}

fn serve(args: &ServeArgs, cx: &Context) -> Result<(), Failure> {
    let registrar = Arc::new(Registrar::open(cx.home())?);
    start_log(&args.service)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| {
            let problem = format!("can't start: {e}");
            Failure::usage("system", problem, "Free some resources and try again.")
        })?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
        }),
        _ => None,
    };
    let listen = Listen {
        address: args.listen,
        tls,
        behind_proxy: args.behind_proxy,
    };
    runtime.block_on(async {
        let server = Server::bind(&listen).await?;
        let view = ServeView {
            address: server.address().to_string(),
            url: server.url(),
        };
        if let Some(path) = &args.address_file {
            files::replace_private(path, format!("{}\n", view.address).as_bytes())?;
        }
        cx.out
            .result(&view, |out| out.line(format!("Listening on {}", view.url)));
        tracing::info!(url = %view.url, "listening");
        let stop = told_to_stop(args.service.exit_with_parent);
        server.run(registrar, HttpLimits::default(), stop).await;
        tracing::info!("stopped");
        Ok::<(), Failure>(())
    })?;
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    Ok(())
}

/// Reads a registrar's card.
pub(crate) fn read_card(path: &Path) -> Result<RegistrarCard, Failure> {
    RegistrarCard::read(path).map_err(|e| {
        let e = RegistrarError::from(e);
        let advice = e.advice();
        let problem = match &e {
            // It names the file by itself.
            RegistrarError::Card(CardError::File(_)) => e.to_string(),
            _ => format!("{}: {e}", path.display()),
        };
        Failure::usage("card", problem, advice)
    })
}
