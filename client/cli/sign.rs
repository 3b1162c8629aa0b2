//! `tacit sign`: what a signer is shown, asked, and promised.
//!
//! Everything shown and sealed comes from the certified bundle, never from a node's word. The sealed
//! signature is saved before it is sent, and only those bytes are ever sent: interrupted anywhere, the
//! command finishes when it is run again, or says that it is done.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tacit_circuits::seeded_rng;
use tacit_client::api::{ApiError, Finalized};
use tacit_client::bundle::Certified;
use tacit_client::identity_file::{Membership, Progress, Unlocked};
use tacit_client::roster::Frozen;
use tacit_client::seal::{SealError, Sealed, SealingKey, Signer, Target, seal};
use tacit_files as files;
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::ClassName;
use tacit_protocol::ids::StatementId;
use tacit_protocol::proof::{Receipt, Submission};
use tacit_protocol::signature::MAX_TESTIMONY;
use tacit_protocol::statement::Status;

use crate::briefing::Briefing;
use crate::clock::now_ms;
use crate::context::{Committee, Context, Network};
use crate::evidence::{self, Freshness};
use crate::failure::Failure;
use crate::{input, parse};

/// Longest proving key, in bytes.
const MAX_KEY: u64 = 64 << 20;

#[derive(Debug, Args)]
pub struct Command {
    /// The statement
    #[arg(value_name = "ID", value_parser = parse::statement)]
    statement: StatementId,
    /// Count under this class too; the crowd that hides you is then the class
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Seal this text with your name: it is published if the list opens, and else destroyed
    #[arg(long, value_name = "FILE")]
    testimony: Option<PathBuf>,
    #[command(flatten)]
    network: Network,
}

/// What came of it.
#[derive(Serialize)]
struct View {
    statement: String,
    /// `final`: it is in the log, and the receipt is in your identity.
    status: &'static str,
    /// Was it final before this run?
    already: bool,
    /// Height of its block.
    height: u64,
    /// What the signer was warned of.
    warnings: Vec<String>,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    let id = command.statement;
    let testimony = command
        .testimony
        .as_deref()
        .map(read_testimony)
        .transpose()?;
    let committee = cx.committee(&command.network)?;
    let mut unlocked = cx.unlock()?;
    let progress = unlocked.signature(&id).map(|s| s.progress.clone());
    match progress {
        Some(Progress::Final(receipt)) => done(cx, &committee, &id, &receipt),
        Some(Progress::Pending(submission)) => {
            cx.out
                .note("Your signature is sealed already, and is sent again as it is.");
            let finalized = send(cx, &committee, &mut unlocked, &id, &submission)?;
            tell(cx, &id, &finalized, Vec::new());
            Ok(())
        }
        None => {
            let class = command.class.as_deref();
            let request = Request {
                id,
                class,
                testimony: testimony.as_deref(),
            };
            let (submission, warnings) = seal_new(cx, &committee, &mut unlocked, &request)?;
            let finalized = send(cx, &committee, &mut unlocked, &id, &submission)?;
            tell(cx, &id, &finalized, warnings);
            Ok(())
        }
    }
}

/// What is to be signed.
struct Request<'a> {
    id: StatementId,
    class: Option<&'a str>,
    testimony: Option<&'a str>,
}

/// Shows, asks, seals and saves.
fn seal_new(
    cx: &Context,
    committee: &Committee,
    unlocked: &mut Unlocked,
    request: &Request<'_>,
) -> Result<(Submission, Vec<String>), Failure> {
    let evidence = evidence::fetch(cx, committee, &request.id, Freshness::Recent)?;
    let mut certified = evidence.verified.certified;
    must_collect(&certified)?;
    let membership = unlocked
        .membership(&certified.group.id)
        .cloned()
        .ok_or_else(|| {
            Failure::usage(
                "not-a-member",
                format!(
                    "your identity has no membership in the group \"{}\"",
                    certified.roster.definition.name
                ),
                "Enrol with the codes that the group's registrars gave you: tacit group enrol",
            )
        })?;
    let frozen = frozen(&certified)?;
    let class = class_of(request.class, &certified, &frozen, unlocked)?;
    let briefing = Briefing::new(committee, &certified, &frozen, &membership.record, class)?;
    briefing.show(cx, request.testimony);
    cx.confirm("Sign?", "--yes to answer it with yes")?;

    if !certified.is_fresh(now_ms()) {
        // The person took their time: what they agreed to must still be so.
        let before = certified.facts.opening.clone();
        certified = evidence::fetch(cx, committee, &request.id, Freshness::Recent)?
            .verified
            .certified;
        must_collect(&certified)?;
        if certified.facts.opening != before {
            return Err(Failure::check(
                "changed",
                "the statement's key or roster is another than before you were asked",
                "That can't happen with an honest committee. Don't sign; tell the operators.",
            ));
        }
    }
    let key = sealing_key(cx, committee)?;
    let sealed = seal_now(
        cx,
        &certified,
        &frozen,
        unlocked,
        &membership,
        class,
        request.testimony,
        &key,
    )?;
    let submission = sealed.submission();
    // Before it is sent: whatever happens now, these bytes are the signature.
    unlocked.add_sealed(&request.id, submission.clone())?;
    Ok((submission, briefing.warnings))
}

fn must_collect(certified: &Certified) -> Result<(), Failure> {
    let status = certified.facts.status;
    let problem = format!("the statement takes no signatures: it is {status}");
    match status {
        Status::Collecting if now_ms() >= certified.statement.deadline_ms => Err(Failure::usage(
            "closed",
            "the statement's deadline has passed",
            "It can't be signed any more.",
        )),
        Status::Collecting => Ok(()),
        Status::Preparing => Err(Failure::not_yet(
            "preparing",
            problem,
            "The committee is making its key. Try again in a moment.",
        )),
        _ => Err(Failure::usage(
            "closed",
            problem,
            "It can't be signed any more.",
        )),
    }
}

fn frozen(certified: &Certified) -> Result<Frozen, Failure> {
    certified.frozen().map_err(|e| {
        Failure::check(
            "roster",
            e,
            "Name other nodes with --node URL, and tell the operators.",
        )
    })
}

/// The position of the class that the signature is to count under; checks that the signer belongs there.
fn class_of(
    class: Option<&str>,
    certified: &Certified,
    frozen: &Frozen,
    unlocked: &Unlocked,
) -> Result<Option<u16>, Failure> {
    let leaf = FieldElement(unlocked.identity().commitment());
    let member = frozen.member(&leaf).ok_or_else(|| {
        Failure::usage(
            "not-on-the-roster",
            "your identity is not on the roster as the statement froze it",
            "Members enrolled after a statement opened can sign later statements.",
        )
    })?;
    let Some(class) = class else { return Ok(None) };
    let definition = &certified.roster.definition;
    let position = ClassName::new(class)
        .ok()
        .and_then(|c| definition.class_index(&c));
    let position = position
        .and_then(|p| u16::try_from(p).ok())
        .ok_or_else(|| {
            let names: Vec<&str> = definition.classes.iter().map(ClassName::as_str).collect();
            let advice = match names.len() {
                0 => "It has none: sign without --class.".to_string(),
                _ => format!("Its classes: {}", names.join(", ")),
            };
            Failure::usage(
                "class",
                format!("the group has no class \"{class}\""),
                advice,
            )
        })?;
    if !member.classes.contains(&position) {
        return Err(Failure::usage(
            "class",
            format!("you are not enrolled as one of the class \"{class}\""),
            "Sign without --class.",
        ));
    }
    Ok(Some(position))
}

#[allow(
    clippy::too_many_arguments,
    reason = "each is a fact of its own; a struct would only move the list"
)]
fn seal_now(
    cx: &Context,
    certified: &Certified,
    frozen: &Frozen,
    unlocked: &Unlocked,
    membership: &Membership,
    class: Option<u16>,
    testimony: Option<&str>,
    key: &SealingKey,
) -> Result<Sealed, Failure> {
    let opening = certified
        .opening()
        .map_err(|e| Failure::check("opening", e, ""))?;
    let target = Target {
        statement: certified.id,
        opening,
        roster: frozen,
        class,
    };
    let signer = Signer {
        identity: unlocked.identity(),
        record: &membership.record,
        salt: &membership.salt,
    };
    let seed = input::randomness::<32>()?;
    let spinner = cx
        .out
        .spinner("Sealing your signature and proving that it counts");
    let sealed = seal(&target, &signer, testimony, key, &mut seeded_rng(*seed));
    spinner.finish_and_clear();
    sealed.map_err(|e| match e {
        SealError::Binder => Failure::check(
            "binder",
            e,
            "Enrol again with the codes that the registrars gave you, or restore your identity from a backup.",
        ),
        e => Failure::check("seal", e, "Nothing was sent."),
    })
}

/// The proving key that the founding file names: from the home, or once from a node.
fn sealing_key(cx: &Context, committee: &Committee) -> Result<SealingKey, Failure> {
    let founding = committee.pinned.founding();
    let pinned = founding
        .sealing()
        .map_err(|e| Failure::check("founding", e, ""))?;
    let path = cx.in_home(&format!("proving-{}.key", pinned.proving_key))?;
    let cached = files::read(&path, MAX_KEY).map_err(|e| Failure::file("read", &path, &e))?;
    if let Some(bytes) = cached {
        match SealingKey::load_again(&bytes, founding) {
            Ok(key) => return Ok(key),
            Err(e) => cx.out.note(format!(
                "{} is damaged ({e}): getting it again.",
                path.display()
            )),
        }
    }
    let spinner = cx.out.spinner("Getting the proving key, once");
    let loaded = committee.api.key(&pinned.proving_key, |bytes| {
        let key = SealingKey::load(&bytes, founding).map_err(|e| e.to_string())?;
        Ok((key, bytes))
    });
    spinner.finish_and_clear();
    let (key, bytes) = loaded?;
    files::replace(&path, &bytes).map_err(|e| Failure::file("write", &path, &e))?;
    Ok(key)
}

/// Sends what is saved, and saves the receipt.
fn send(
    cx: &Context,
    committee: &Committee,
    unlocked: &mut Unlocked,
    id: &StatementId,
    submission: &Submission,
) -> Result<Finalized, Failure> {
    let spinner = cx.out.spinner("Sending it, and waiting until it is final");
    let sent = committee
        .api
        .submit_signature(id, submission, committee.founding());
    spinner.finish_and_clear();
    let finalized = sent.map_err(not_sent)?;
    unlocked.finish(id, finalized.receipt.clone())?;
    Ok(finalized)
}

fn not_sent(e: ApiError) -> Failure {
    const SAVED: &str = "Your signature is sealed and saved. Run the same command again: it sends the same bytes and never counts twice.";
    if let ApiError::Problem { problem, .. } = &e
        && problem.status == 409
    {
        return Failure::check(
            "signed-elsewhere",
            format!("{e} (another signature with your identity is in the log already)"),
            "Did you sign on another device, or from a backup? If not, somebody else has your secret: tell your registrars.",
        );
    }
    let failure = Failure::from(e);
    match failure.code {
        "not-final" | "busy" | "unreachable" | "bad-answer" => Failure {
            advice: SAVED.into(),
            ..failure
        },
        _ => failure,
    }
}

fn tell(cx: &Context, id: &StatementId, finalized: &Finalized, warnings: Vec<String>) {
    let view = View {
        statement: id.to_string(),
        status: "final",
        already: false,
        height: finalized.height,
        warnings,
    };
    cx.out.result(&view, |out| {
        out.line(format!(
            "Signed. Your signature is counted, in block {}, and the receipt is in your identity.",
            view.height
        ));
        out.line(format!("Follow it: tacit statement watch {id}"));
    });
}

/// A signature that was final before: says so, after checking the receipt again.
fn done(
    cx: &Context,
    committee: &Committee,
    id: &StatementId,
    receipt: &Receipt,
) -> Result<(), Failure> {
    let (founding, fingerprint) = committee.founding();
    let (_, height, _) = receipt.verify(founding, fingerprint).map_err(|e| {
        Failure::check(
            "receipt",
            format!("the receipt in your identity does not hold: {e}"),
            "Is this the committee that you signed with? Use that one's --home.",
        )
    })?;
    let view = View {
        statement: id.to_string(),
        status: "final",
        already: true,
        height,
        warnings: Vec::new(),
    };
    cx.out.result(&view, |out| {
        out.line(format!(
            "You have signed this already: your signature is in block {height}. Nothing was sent."
        ));
    });
    Ok(())
}

fn read_testimony(path: &Path) -> Result<String, Failure> {
    let limit = MAX_TESTIMONY as u64 + 1;
    let too_long = || {
        Failure::usage(
            "testimony",
            format!("{} holds more than {MAX_TESTIMONY} bytes", path.display()),
            "Shorten it: a testimony has at most 16 KiB.",
        )
    };
    let bytes = match files::read(path, limit) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Err(Failure::no_file(path)),
        Err(e) if e.kind() == std::io::ErrorKind::InvalidData => return Err(too_long()),
        Err(e) => return Err(Failure::file("read", path, &e)),
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::usage(
            "testimony",
            format!("{} is not UTF-8 text", path.display()),
            "Save it as UTF-8.",
        )
    })?;
    let text = text.trim_end().to_string();
    if text.len() > MAX_TESTIMONY {
        Err(too_long())
    } else {
        Ok(text)
    }
}
