//! `tacit group enrol`: the member's side. Shows the person the record that a reveal would publish,
//! gathers k attestations, and gives them to the log.
//!
//! A code goes to the registrar that it is for and to no other: its check digits name the registrar's key,
//! and a service that names another key doesn't get it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tacit_client::api::{ApiError, Connector, Problem, ServiceError, ServiceUrl};
use tacit_client::bundle::{self, CertifiedGroup};
use tacit_client::identity_file::{Membership, Unlocked};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::{Enrol, GroupDefinition, RegistrarSignature};
use tacit_protocol::ids::GroupId;
use tacit_protocol::proof::{CertifiedChain, Submission};
use tacit_protocol::semaphore::{EddsaSignature, Identity};
use tacit_registrar::enrolment::{self, EnrolmentError};
use tacit_registrar::wire::{
    AttestRequest, AttestedView, InvitationRequest, InvitationView, RegistrarView,
};
use tacit_registrar::{Attested, Invitation, code};
use zeroize::Zeroizing;

use crate::context::{Committee, Context, Network};
use crate::failure::Failure;
use crate::output::printable_line;
use crate::{input, parse};

/// How long a registrar may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer of a registrar, in bytes.
const MAX_ANSWER: u64 = 256 * 1024;
/// Longest file of codes, in bytes.
const MAX_CODES: u64 = 4096;
/// How long a group that was created just now may take to be certified.
const NEW_GROUP_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Args)]
pub struct EnrolArgs {
    /// The group
    #[arg(long, value_name = "ID", value_parser = parse::group)]
    group: GroupId,
    /// URL of a registrar that invited you; one for each
    #[arg(long = "registrar", value_name = "URL", required = true)]
    registrars: Vec<String>,
    /// File with the code of that registrar ("-": stdin), in the same order; a file may hold several,
    /// one a line [default: asks]
    #[arg(long = "code-file", value_name = "FILE")]
    code_files: Vec<PathBuf>,
    #[command(flatten)]
    network: Network,
}

#[derive(Serialize)]
struct EnrolView {
    group: String,
    name: String,
    classes: Vec<String>,
    leaf: String,
    /// Height of the enrolment's block.
    height: u64,
}

pub fn run(args: &EnrolArgs, cx: &Context) -> Result<(), Failure> {
    let urls: Vec<ServiceUrl> = args
        .registrars
        .iter()
        .map(|url| ServiceUrl::parse(url))
        .collect::<Result<_, _>>()?;
    let committee = cx.committee(&args.network)?;
    let mut unlocked = cx.unlock()?;
    if unlocked.membership(&args.group).is_none() {
        let membership = gather(args, &urls, cx, &committee, unlocked.identity())?;
        // Before it is sent: whatever happens now, the next run sends the same bytes.
        unlocked.set_membership(membership)?;
    }
    let height = submit(args, cx, &committee, &mut unlocked)?;
    let Some(membership) = unlocked.membership(&args.group) else {
        return Err(Failure::check("damaged", "the membership is gone", ""));
    };
    let view = EnrolView {
        group: args.group.to_string(),
        name: membership.record.name.clone(),
        classes: membership
            .record
            .classes
            .iter()
            .map(ToString::to_string)
            .collect(),
        leaf: hex::encode(membership.leaf.to_le_bytes()),
        height,
    };
    cx.out.result(&view, |out| {
        out.line(format!(
            "You are a member, as {}.",
            printable_line(&view.name)
        ));
        out.line("Your place is in your identity file: keep a copy of it.");
    });
    Ok(())
}

/// Sends the saved enrolment unless its receipt is there already; gives its block's height.
fn submit(
    args: &EnrolArgs,
    cx: &Context,
    committee: &Committee,
    unlocked: &mut Unlocked,
) -> Result<u64, Failure> {
    let damaged = || {
        Failure::check(
            "damaged",
            "the saved enrolment does not hold",
            "Restore your identity file from a backup.",
        )
    };
    let mut membership = unlocked
        .membership(&args.group)
        .cloned()
        .ok_or_else(damaged)?;
    if let Some(receipt) = &membership.receipt {
        let (founding, fingerprint) = committee.founding();
        let (_, height, _) = receipt
            .verify(founding, fingerprint)
            .map_err(|_| damaged())?;
        return Ok(height);
    }
    let submission = Submission {
        entry: membership.enrolment.clone(),
        body: None,
    };
    let spinner = cx.out.spinner("Waiting until your enrolment is final");
    let submitted = committee
        .api
        .submit_member(&args.group, &submission, committee.founding());
    spinner.finish_and_clear();
    let finalized = submitted?;
    membership.receipt = Some(finalized.receipt);
    unlocked.set_membership(membership)?;
    Ok(finalized.height)
}

/// Everything up to an enrolment that can be sent.
fn gather(
    args: &EnrolArgs,
    urls: &[ServiceUrl],
    cx: &Context,
    committee: &Committee,
    identity: &Identity,
) -> Result<Membership, Failure> {
    let (group, before) = find_group(cx, committee, &args.group, identity)?;
    let definition = &group.roster.definition;
    let k = usize::from(definition.threshold);
    if urls.len() < k {
        let have = urls.len();
        return Err(EnrolmentError::Few { have, need: k }.into());
    }
    let codes = read_codes(args, urls, cx)?;
    let registrars = pair(definition, urls, codes)?;

    let mut answers = Vec::new();
    let asked = ask_all(k, &registrars, |r| r.invitation(&args.group, definition))?;
    for (registrar, (name, invitation)) in asked {
        answers.push((registrar, name, invitation));
    }
    let invitations: Vec<(u8, Invitation)> = answers
        .iter()
        .map(|(r, _, invitation)| (r.position, invitation.clone()))
        .collect();
    let invitation = enrolment::agree(definition, &invitations)?;
    let names: Vec<&str> = answers.iter().map(|(_, name, _)| name.as_str()).collect();
    show_record(cx, definition, invitation, &names);
    cx.confirm(
        "Is that you, and are these the classes you belong to?",
        "--yes to answer it with yes",
    )?;

    let signature = enrolment::sign(definition, invitation, identity)?;
    let invited: Vec<Registrar> = answers.into_iter().map(|(r, _, _)| r).collect();
    let attested = ask_all(k, &invited, |r| {
        r.attest(definition, invitation, identity, &signature)
    })?;
    let signatures = attested.into_iter().map(|(_, signature)| signature);
    let enrol = enrolment::assemble(definition, invitation, identity, signatures.collect())?;
    Ok(Membership {
        group: args.group,
        subject: invitation.subject,
        record: invitation.record.clone(),
        salt: Zeroizing::new(invitation.salt),
        binder: invitation.binder,
        leaf: enrol.attestation.leaf,
        classes: invitation.classes.clone(),
        enrolment: same_as_before(before, enrol),
        receipt: None,
    })
}

/// The bytes of an earlier enrolment that says the same, perhaps by other registrars: the log has it
/// already (the identity file may be an older copy). Else the new one's.
fn same_as_before(before: Option<Vec<u8>>, enrol: Enrol) -> Vec<u8> {
    let attestation = enrol.attestation.clone();
    before
        .filter(|bytes| matches!(Entry::parse(bytes), Ok(Entry::Enrol(e)) if e.attestation == attestation))
        .unwrap_or_else(|| Entry::Enrol(enrol).to_bytes())
}

/// The group, certified, and the entry that enrolled this identity's leaf in it, if there is one.
fn find_group(
    cx: &Context,
    committee: &Committee,
    id: &GroupId,
    identity: &Identity,
) -> Result<(CertifiedGroup, Option<Vec<u8>>), Failure> {
    let (founding, fingerprint) = committee.founding();
    let leaf = FieldElement(identity.commitment());
    let check = |chain: CertifiedChain| {
        let group = bundle::check_group(&chain, founding, fingerprint, id);
        let group = group.map_err(|e| e.to_string())?;
        let enrols = |bytes: &&Vec<u8>| matches!(Entry::parse(bytes), Ok(Entry::Enrol(e)) if e.attestation.leaf == leaf);
        let before = chain.chain.entries.iter().find(enrols).cloned();
        Ok((group, before))
    };
    let spinner = cx.out.spinner("Getting the group and checking it");
    let start = Instant::now();
    let found = loop {
        match committee.api.group_chain(id, check) {
            Err(ApiError::Problem { problem, .. })
                if problem.status == 404 && start.elapsed() < NEW_GROUP_PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(300));
            }
            other => break other,
        }
    };
    spinner.finish_and_clear();
    Ok(found?)
}

fn show_record(cx: &Context, group: &GroupDefinition, invitation: &Invitation, names: &[&str]) {
    let record = &invitation.record;
    let classes: Vec<&str> = record.classes.iter().map(|c| c.as_str()).collect();
    let classes = if classes.is_empty() {
        "none".to_string()
    } else {
        classes.join(", ")
    };
    let note = |label: &str, text: &str| {
        cx.out
            .note(format!("  {label:<14}{}", printable_line(text)));
    };
    cx.out.note("You are invited as");
    note("name", &record.name);
    note("classes", &classes);
    note("to the group", &group.name);
    let quorum = format!(
        "{} ({} of {} must attest you)",
        names.join(", "),
        group.threshold,
        group.registrars.len()
    );
    note("by", &quorum);
    cx.out
        .note("When a list that you signed opens, it shows exactly this name and these classes.");
}

/// Codes in the registrars' order: from files, the rest by asking.
fn read_codes(
    args: &EnrolArgs,
    urls: &[ServiceUrl],
    cx: &Context,
) -> Result<Vec<Zeroizing<String>>, Failure> {
    let mut codes = Vec::new();
    for path in &args.code_files {
        let bytes = input::file_or_stdin(path, MAX_CODES)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Failure::usage(
                "codes",
                format!("{} is not text", path.display()),
                "Give the file that holds the code as the registrar wrote it.",
            )
        })?;
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty());
        codes.extend(lines.map(|l| Zeroizing::new(l.to_string())));
    }
    if codes.len() > urls.len() || (!args.code_files.is_empty() && codes.len() < urls.len()) {
        return Err(Failure::usage(
            "codes",
            format!("{} codes for {} registrars", codes.len(), urls.len()),
            "Give one --registrar and one code for each registrar that invited you, in the same order.",
        ));
    }
    for url in urls.iter().skip(codes.len()) {
        codes.push(cx.secret(
            &format!("code from the registrar at {url}"),
            None,
            "--code-file",
        )?);
    }
    Ok(codes)
}

/// A registrar with the code that it gave the person.
struct Registrar {
    connector: Connector,
    url: ServiceUrl,
    /// In the group's definition, as the code's check digits say.
    position: u8,
    code: Zeroizing<String>,
}

/// Finds out whose each code is. A typing error is told here, before anything is sent.
fn pair(
    group: &GroupDefinition,
    urls: &[ServiceUrl],
    codes: Vec<Zeroizing<String>>,
) -> Result<Vec<Registrar>, Failure> {
    let id = group.id();
    let connector = Connector::new();
    let mut registrars: Vec<Registrar> = Vec::new();
    for (url, code) in urls.iter().zip(codes) {
        let position = code::registrar_of(&code, &id, &group.registrars).map_err(|e| {
            Failure::usage(
                "code-mistyped",
                format!("the code for {url} can't be right: {e}"),
                "Compare it with your invitation, letter by letter, and check that it is for this group.",
            )
        })?;
        // A group has at most 16 registrars.
        let position = u8::try_from(position).unwrap_or(u8::MAX);
        if registrars.iter().any(|r| r.position == position) {
            return Err(EnrolmentError::Twice(position).into());
        }
        registrars.push(Registrar {
            connector: connector.clone(),
            url: url.clone(),
            position,
            code,
        });
    }
    Ok(registrars)
}

/// Asks all registrars. Some may be out of reach, as long as k answer; any other trouble stops it.
fn ask_all<T>(
    k: usize,
    registrars: &[Registrar],
    ask: impl Fn(&Registrar) -> Result<T, Failure>,
) -> Result<Vec<(Registrar, T)>, Failure> {
    let mut answers = Vec::new();
    let mut away = None;
    for registrar in registrars {
        match ask(registrar) {
            Ok(answer) => answers.push((registrar.again(), answer)),
            Err(e) if matches!(e.code, "registrar-unreachable" | "busy") => away = Some(e),
            Err(e) => return Err(e),
        }
    }
    match away {
        Some(e) if answers.len() < k => Err(e),
        _ => Ok(answers),
    }
}

impl Registrar {
    fn again(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            url: self.url.clone(),
            position: self.position,
            code: self.code.clone(),
        }
    }

    /// The registrar's name for itself, and what the person is invited as.
    fn invitation(
        &self,
        id: &GroupId,
        group: &GroupDefinition,
    ) -> Result<(String, Invitation), Failure> {
        let answer = self
            .connector
            .get(&self.url, "/v1/registrar", MAX_ANSWER, PATIENCE);
        let about: RegistrarView = self.read(answer)?;
        let expected = group.registrars.get(usize::from(self.position));
        if expected.map(ToString::to_string) != Some(about.key) {
            return Err(Failure::usage(
                "other-registrar",
                format!(
                    "the registrar at {} is not the one that this code is from; the code was not sent",
                    self.url
                ),
                "Give each --registrar and its --code-file in the same order, and check the addresses.",
            ));
        }
        let request = InvitationRequest {
            code: self.code.to_string(),
        };
        let view: InvitationView = self.post(&format!("/v1/groups/{id}/invitation"), &request)?;
        let invitation = Invitation::try_from(&view).map_err(|e| self.bad_answer(&e))?;
        Ok((about.name, invitation))
    }

    /// The registrar's signature for this identity, checked.
    fn attest(
        &self,
        group: &GroupDefinition,
        invitation: &Invitation,
        identity: &Identity,
        signature: &EddsaSignature,
    ) -> Result<RegistrarSignature, Failure> {
        let request = AttestRequest::new(&self.code, identity.public(), signature);
        let path = format!("/v1/groups/{}/attest", group.id());
        let view: AttestedView = self.post(&path, &request)?;
        let attested = Attested::try_from(&view).map_err(|e| self.bad_answer(&e))?;
        Ok(enrolment::accept(
            group,
            self.position,
            invitation,
            identity,
            &attested,
        )?)
    }

    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, Failure> {
        // Structs of text always serialize.
        let body = Zeroizing::new(serde_json::to_vec(request).unwrap_or_default());
        let answer = self.connector.post(
            &self.url,
            path,
            "application/json",
            &body,
            MAX_ANSWER,
            PATIENCE,
        );
        self.read(answer)
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Vec<u8>, ServiceError>,
    ) -> Result<T, Failure> {
        let bytes = answer.map_err(|e| self.failure(e))?;
        serde_json::from_slice(&bytes).map_err(|e| self.bad_answer(&e))
    }

    fn bad_answer(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::check(
            "bad-answer",
            format!(
                "the registrar at {} gives an answer that can't be used: {why}",
                self.url
            ),
            "Check the address; if it is right, tell the registrar.",
        )
    }

    fn failure(&self, e: ServiceError) -> Failure {
        match e {
            ServiceError::Transport(why) => Failure::unreachable(
                "registrar-unreachable",
                format!("the registrar at {} can't be reached: {why}", self.url),
                "Check the address and your connection, or use another registrar that invited you.",
            ),
            ServiceError::BadAnswer(why) => self.bad_answer(&why),
            ServiceError::Problem(problem) if problem.is_busy() => Failure::not_yet(
                "busy",
                format!("the registrar at {} says: {problem}", self.url),
                "Try again in a minute.",
            ),
            ServiceError::Problem(problem) => Failure::usage(
                code_of(&problem),
                format!("the registrar at {} says: {problem}", self.url),
                &problem.advice,
            ),
        }
    }
}

/// A registrar's problem as a stable name of ours.
fn code_of(problem: &Problem) -> &'static str {
    const NAMES: [&str; 8] = [
        "code-malformed",
        "code-mistyped",
        "code-unknown",
        "code-used",
        "identity-taken",
        "invitation-changed",
        "unknown-group",
        "signature",
    ];
    let kind = problem.kind.strip_prefix("tacit:");
    NAMES
        .into_iter()
        .find(|name| kind == Some(name))
        .unwrap_or("refused")
}

impl From<EnrolmentError> for Failure {
    fn from(e: EnrolmentError) -> Self {
        use EnrolmentError as E;
        match &e {
            E::Few { .. } => Failure::usage(
                "few-registrars",
                e,
                "Give --registrar and its code for each of them.",
            ),
            E::Twice(_) => Failure::usage(
                "codes",
                e,
                "Give one code from each registrar, each meant for you.",
            ),
            E::Disagree(..) => Failure::check(
                "registrars-disagree",
                e,
                "Nothing was signed. Check that all codes are your own; if they are, tell the registrars: their rosters must name you alike.",
            ),
            E::Binder(_) | E::Classes(_) | E::OtherAttestation(_) | E::BadSignature(_) => {
                Failure::check(
                    "registrar",
                    e,
                    "Tell the group's other registrars and its creator.",
                )
            }
            E::Group(_) => Failure::check("registrar", e, "Tell the group's creator."),
            E::Identity(_) => Failure::check("identity", e, "Restore your identity from a backup."),
        }
    }
}

#[cfg(test)]
mod tests;
