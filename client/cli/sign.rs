//! `tacit sign`: what a signer is shown, asked, and promised.
//!
//! Everything shown and sealed comes from the certified bundle, never from a node's word. The sealed
//! signature is saved before it is sent, and only those bytes are ever sent: interrupted anywhere, the
//! command finishes when it is run again, or says that it is done. There are never two sealed signatures
//! of one identity for one statement: before it seals, it looks in the bundle for one from a backup's
//! future or another device.

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
use tacit_protocol::semaphore::statement_scope;
use tacit_protocol::signature::{MAX_TESTIMONY, Sign};
use tacit_protocol::statement::Status;

use crate::briefing::Briefing;
use crate::clock::now_ms;
use crate::context::{Committee, Context, Network};
use crate::evidence::{self, Freshness};
use crate::failure::{Exit, Failure};
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

impl View {
    /// Of a signature that was final before.
    fn already(id: &StatementId, height: u64) -> Self {
        Self {
            statement: id.to_string(),
            status: "final",
            already: true,
            height,
            warnings: Vec::new(),
        }
    }
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
            match seal_new(cx, &committee, &mut unlocked, &request)? {
                Sealing::Counted(height) => {
                    tell_counted(cx, &id, height);
                    Ok(())
                }
                Sealing::Sealed(submission, warnings) => {
                    let finalized = send(cx, &committee, &mut unlocked, &id, &submission)?;
                    tell(cx, &id, &finalized, warnings);
                    Ok(())
                }
            }
        }
    }
}

/// What came of sealing.
enum Sealing {
    /// This identity's signature is counted already, in the block of this height: nothing was sealed.
    Counted(u64),
    /// What was sealed and saved, and what the signer was warned of.
    Sealed(Submission, Vec<String>),
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
) -> Result<Sealing, Failure> {
    let mut certified = to_sign(cx, committee, &request.id)?;
    if let Some((_, height)) = own(&certified, unlocked) {
        return Ok(Sealing::Counted(height));
    }
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
        certified = to_sign(cx, committee, &request.id)?;
        if let Some((_, height)) = own(&certified, unlocked) {
            return Ok(Sealing::Counted(height));
        }
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
    Ok(Sealing::Sealed(submission, briefing.warnings))
}

/// What there is to sign, from a node that knows of the statement's key.
fn to_sign(cx: &Context, committee: &Committee, id: &StatementId) -> Result<Certified, Failure> {
    let has_key = |certified: &Certified| certified.facts.status != Status::Preparing;
    let evidence = evidence::fetch(cx, committee, id, Freshness::Recent, has_key)?;
    Ok(evidence.verified.certified)
}

/// The signature of this identity that is counted, and the height of its block. Everything is looked
/// through here: no node is asked about one signature.
fn own<'a>(certified: &'a Certified, unlocked: &Unlocked) -> Option<(&'a Sign, u64)> {
    let scope = statement_scope(&certified.id);
    certified.counted(&FieldElement(unlocked.identity().nullifier(scope)))
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
    let finalized = sent.map_err(|e| not_sent(cx, committee, unlocked, id, e))?;
    unlocked.finish(id, finalized.receipt.clone())?;
    Ok(finalized)
}

const SAVED: &str = "Your signature is sealed and saved. Run the same command again: it sends the same bytes and never counts twice.";

/// Why what was sealed isn't counted. That another one is, or none any more, isn't taken from one node's
/// word if there is a certificate for it.
fn not_sent(
    cx: &Context,
    committee: &Committee,
    unlocked: &Unlocked,
    id: &StatementId,
    e: ApiError,
) -> Failure {
    let word = match &e {
        ApiError::Problem { problem, .. } => problem.word().to_string(),
        _ => String::new(),
    };
    match word.as_str() {
        "nullifier-spent" => {
            // The newest that there is: how many nodes are asked must not depend on whose signature it is.
            let evidence = evidence::fetch(cx, committee, id, Freshness::Any, |_| false).ok();
            let certified = evidence.map(|evidence| evidence.verified.certified);
            let counted = certified.as_ref().and_then(|c| own(c, unlocked));
            let problem = match counted {
                Some((_, height)) => format!(
                    "another signature with your identity is in the log already, in block {height}"
                ),
                None => format!("{e} (another signature with your identity is in the log already)"),
            };
            Failure::check(
                "signed-elsewhere",
                problem,
                "Did you sign on another device, or from a backup? If not, somebody else has your secret: tell your registrars.",
            )
        }
        // Nothing is decided yet: which of the two will count, the log says.
        "signature-waiting" => Failure::not_yet(
            "signature-waiting",
            e,
            "Did you sign on another device, or from a backup, just now? If not, somebody else has your secret: tell your registrars. Run the same command again to see which one counts.",
        ),
        "not-collecting" => {
            const ADVICE: &str = "Nothing is left to do: your name is not on the list.";
            let closed = |problem| Failure::usage("closed", problem, ADVICE);
            let over = |certified: &Certified| {
                !matches!(
                    certified.facts.status,
                    Status::Preparing | Status::Collecting
                )
            };
            match evidence::fetch(cx, committee, id, Freshness::Any, over) {
                Err(_) => closed(format!("{e}; so your signature was not counted")),
                Ok(evidence) => match evidence.verified.certified.facts.status {
                    // The certificate is older than the node's word, or the word is a lie.
                    Status::Preparing | Status::Collecting => {
                        Failure::not_yet("not-final", e, SAVED)
                    }
                    status => closed(format!(
                        "the statement takes no more signatures, it is {status}: yours came too late and was not counted"
                    )),
                },
            }
        }
        _ => {
            let failure = Failure::from(e);
            let later = matches!(failure.exit, Exit::NotYet | Exit::Unreachable);
            if later || failure.code == "bad-answer" {
                Failure {
                    advice: SAVED.into(),
                    ..failure
                }
            } else {
                failure
            }
        }
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
    let view = View::already(id, height);
    cx.out.result(&view, |out| {
        out.line(format!(
            "You have signed this already: your signature is in block {height}. Nothing was sent."
        ));
    });
    Ok(())
}

/// A signature that is counted, of which this identity file knows nothing.
fn tell_counted(cx: &Context, id: &StatementId, height: u64) {
    cx.out.result(&View::already(id, height), |out| {
        out.line(format!(
            "Your signature is counted already, in block {height}. Nothing was sent."
        ));
    });
    cx.out.note("Your identity file doesn't know of it: it is a backup of before, or you signed on another device. If neither is so, somebody else has your secret: tell your registrars.");
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
