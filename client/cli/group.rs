//! `tacit group`: found a group with its registrars, enrol in it, look at it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;
use tacit_client::api::{ApiError, GroupView};
use tacit_client::bundle::{self, CertifiedGroup};
use tacit_protocol::codec::Encode as _;
use tacit_protocol::entry::Entry;
use tacit_protocol::group::{
    ClassName, GroupCreate, GroupDefinition, GroupRoster, MAX_CLASSES, MAX_NAME, MAX_REGISTRARS,
};
use tacit_protocol::ids::GroupId;
use tacit_protocol::keys::PublicKey;
use tacit_protocol::proof::Submission;
use tacit_registrar::files::FileError;
use tacit_registrar::{RegistrarCard, approval};

use crate::clock::{distance, now_ms, utc};
use crate::context::{Committee, Context, Network, Pinned, load_founding};
use crate::failure::Failure;
use crate::output::printable_line;
use crate::registrar::{describe, read_card, read_group};
use crate::{input, parse};

mod enrol;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a group: draft it, let its registrars approve the file, then submit it
    Create(CreateArgs),
    /// Become a member, with the codes that registrars gave you
    Enrol(enrol::EnrolArgs),
    /// Show a group's members, classes and registrars, or list all groups
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Draft: what people call the group
    #[arg(long, required_unless_present = "submit", conflicts_with = "submit")]
    name: Option<String>,
    /// Draft: a registrar's card; one for each
    #[arg(
        long = "registrar",
        value_name = "CARD",
        required_unless_present = "submit",
        conflicts_with = "submit"
    )]
    registrars: Vec<PathBuf>,
    /// Draft: how many registrars must attest a member [default: the least majority]
    #[arg(long, value_name = "K", value_parser = parse::number::<u8>, conflicts_with = "submit")]
    threshold: Option<u8>,
    /// Draft: a class, such as senators; repeat it for several
    #[arg(long = "class", value_name = "NAME", value_parser = parse::class, conflicts_with = "submit")]
    classes: Vec<ClassName>,
    /// Draft: key of somebody who may propose statements here (`tacit identity creator-key`) [default: yours]
    #[arg(long = "statement-creator", value_name = "KEY", value_parser = parse::key, conflicts_with = "submit")]
    creators: Vec<PublicKey>,
    /// Draft: the group's file goes here
    #[arg(
        long,
        value_name = "FILE",
        required_unless_present = "submit",
        conflicts_with = "submit"
    )]
    out: Option<PathBuf>,
    /// Submit the file that registrars have approved, or several copies of it
    #[arg(long, value_name = "FILE", num_args = 1..)]
    submit: Vec<PathBuf>,
    #[command(flatten)]
    network: Network,
}

#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The group [default: list all]
    #[arg(value_name = "ID", value_parser = parse::group)]
    group: Option<GroupId>,
    #[command(flatten)]
    network: Network,
}

pub fn run(command: Command, cx: &Context) -> Result<(), Failure> {
    match command {
        Command::Create(args) if args.submit.is_empty() => draft(args, cx),
        Command::Create(args) => submit(&args, cx),
        Command::Enrol(args) => enrol::run(&args, cx),
        Command::Show(args) => show(&args, cx),
    }
}

/// A group's chain from the first node whose answer holds against the pinned fingerprint.
fn certified(committee: &Committee, id: &GroupId) -> Result<CertifiedGroup, ApiError> {
    let (founding, fingerprint) = committee.founding();
    committee.api.group_chain(id, |chain| {
        bundle::check_group(&chain, founding, fingerprint, id).map_err(|e| e.to_string())
    })
}

#[derive(Serialize)]
struct DraftView {
    id: String,
    name: String,
    file: PathBuf,
    threshold: u8,
    registrars: Vec<CardView>,
    classes: Vec<String>,
    /// Registrars that must approve before the group can be created.
    missing: usize,
}

#[derive(Serialize)]
struct CardView {
    name: String,
    key: String,
}

fn draft(args: CreateArgs, cx: &Context) -> Result<(), Failure> {
    let pinned = pinned(&args.network, cx)?;
    let out = args.out.unwrap_or_default();
    if out.exists() {
        // It may hold registrars' approvals.
        return Err(FileError::Exists(out).into());
    }
    let key = cx.creator_key()?;
    if !pinned.founding().group_creators.contains(&key.public()) {
        return Err(Failure::usage(
            "not-allowed",
            format!(
                "this committee lets others create groups, not your key {}",
                key.public()
            ),
            "Use the --home of a creator whom the founding file names (`tacit committee show`).",
        ));
    }
    let cards: Vec<RegistrarCard> = args
        .registrars
        .iter()
        .map(|path| read_card(path))
        .collect::<Result<_, _>>()?;
    let nonce = *input::randomness::<16>()?;
    let definition = define(
        args.name.unwrap_or_default(),
        &cards,
        args.threshold,
        args.classes,
        args.creators,
        (pinned.fingerprint, key.public(), nonce),
    )?;
    let group = approval::draft(definition, &key)?;
    approval::write(&out, &group)?;
    let d = &group.definition;
    let view = DraftView {
        id: d.id().to_string(),
        name: d.name.clone(),
        file: out,
        threshold: d.threshold,
        registrars: cards
            .iter()
            .map(|c| CardView {
                name: c.name.clone(),
                key: c.key.to_string(),
            })
            .collect(),
        classes: d.classes.iter().map(ToString::to_string).collect(),
        missing: approval::missing(&group),
    };
    if !cx.out.is_json() {
        describe(cx, &group, None);
    }
    cx.out.result(&view, |out| {
        let file = view.file.display();
        out.line(format!("Drafted {}", view.id));
        out.line(format!(
            "Now {} of its registrars must approve it: tacit registrar approve {file}",
            view.missing
        ));
        out.line(format!("Then: tacit group create --submit {file}"));
    });
    Ok(())
}

/// The pinned committee; nodes are asked only if it isn't pinned yet or they are named to be remembered.
fn pinned(network: &Network, cx: &Context) -> Result<Pinned, Failure> {
    if network.nodes.is_empty()
        && network.fingerprint.is_none()
        && let Some(pinned) = load_founding(cx.home())?
    {
        return Ok(pinned);
    }
    Ok(cx.committee(network)?.pinned)
}

fn define(
    name: String,
    cards: &[RegistrarCard],
    threshold: Option<u8>,
    mut classes: Vec<ClassName>,
    mut creators: Vec<PublicKey>,
    (fingerprint, creator, nonce): (tacit_protocol::ids::Fingerprint, PublicKey, [u8; 16]),
) -> Result<GroupDefinition, Failure> {
    let usage = |problem: String, advice: &str| Err(Failure::usage("group", problem, advice));
    let name = name.trim().to_string();
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let problem = format!("a group's name has 1 to {MAX_NAME} bytes and no control characters");
        return usage(problem, "Give another --name.");
    }
    let mut registrars: Vec<PublicKey> = cards.iter().map(|c| c.key).collect();
    registrars.sort();
    registrars.dedup();
    if registrars.len() < cards.len() {
        return usage(
            "two cards are of one registrar".into(),
            "Give each registrar's card once.",
        );
    }
    if registrars.len() > MAX_REGISTRARS {
        let problem = format!("a group has at most {MAX_REGISTRARS} registrars");
        return usage(problem, "Give fewer cards.");
    }
    let majority = registrars.len() / 2 + 1;
    let threshold = threshold.unwrap_or(u8::try_from(majority).unwrap_or(u8::MAX));
    if !(majority..=registrars.len()).contains(&usize::from(threshold)) {
        let all = registrars.len();
        let problem = if usize::from(threshold) > all {
            format!("{threshold} registrars can't attest a member: there are {all}")
        } else {
            format!("{threshold} of {all} registrars is no majority")
        };
        let advice = match majority {
            only if only == all => format!("Give --threshold {only}."),
            least => format!("Give a --threshold from {least} to {all}."),
        };
        return usage(problem, &advice);
    }
    classes.sort();
    if let Some([class, _]) = classes.windows(2).find(|w| matches!(w, [a, b] if a == b)) {
        let problem = format!("the class {class} is named twice");
        return usage(problem, "Name each --class once.");
    }
    if classes.len() > MAX_CLASSES {
        let problem = format!("a group has at most {MAX_CLASSES} classes");
        return usage(problem, "Give fewer --class options.");
    }
    if creators.is_empty() {
        creators.push(creator);
    }
    creators.sort();
    creators.dedup();
    if creators.len() > tacit_protocol::group::MAX_CREATORS {
        let problem = format!(
            "a group names at most {} statement creators",
            tacit_protocol::group::MAX_CREATORS
        );
        return usage(problem, "Give fewer --statement-creator options.");
    }
    Ok(GroupDefinition {
        fingerprint,
        name,
        nonce,
        roster: GroupRoster::Growing,
        registrars,
        threshold,
        classes,
        creators,
        creator,
    })
}

#[derive(Serialize)]
struct SubmitView {
    id: String,
    name: String,
    /// Height of its block; none if an earlier run had created it.
    height: Option<u64>,
}

fn submit(args: &CreateArgs, cx: &Context) -> Result<(), Failure> {
    let group = approved(&args.submit)?;
    let id = group.definition.id();
    let committee = cx.committee(&args.network)?;
    if group.definition.fingerprint != committee.pinned.fingerprint {
        let problem = format!(
            "the group is of the committee {}, not of {}",
            group.definition.fingerprint, committee.pinned.fingerprint
        );
        return Err(Failure::usage(
            "other-committee",
            problem,
            "Submit it to that committee's nodes, or draft another group.",
        ));
    }
    let name = group.definition.name.clone();
    let submission = Submission {
        entry: Entry::GroupCreate(group).to_bytes(),
        body: None,
    };
    let spinner = cx.out.spinner("Waiting until the group is final");
    let submitted = committee
        .api
        .submit_group(&submission, committee.founding());
    spinner.finish_and_clear();
    let height = match submitted {
        Ok(finalized) => Some(finalized.height),
        // With other registrars' signatures it may have been created before: then it is what was asked for.
        Err(ApiError::Problem { problem, .. })
            if problem.status == 409 && certified(&committee, &id).is_ok() =>
        {
            None
        }
        Err(e) => return Err(e.into()),
    };
    let view = SubmitView {
        id: id.to_string(),
        name,
        height,
    };
    cx.out.result(&view, |out| {
        let name = printable_line(&view.name);
        match view.height {
            Some(height) => out.line(format!("Created \"{name}\" in block {height}.")),
            None => out.line(format!("\"{name}\" was created before.")),
        }
        out.line(format!("id  {}", view.id));
    });
    Ok(())
}

/// One group from its file and perhaps further copies, with enough approvals.
fn approved(files: &[PathBuf]) -> Result<GroupCreate, Failure> {
    let mut copies = files.iter().map(|path| read_group(path));
    let none = || Failure::usage("usage", "no file", "Give the group's file to --submit.");
    let mut group = copies.next().ok_or_else(none)??;
    approval::check(&group)?;
    for copy in copies {
        approval::merge(&mut group, &copy?)?;
    }
    match approval::missing(&group) {
        0 => Ok(group),
        n => Err(Failure::not_yet(
            "not-approved",
            format!("{n} more of the group's registrars must approve it"),
            "Each of them runs: tacit registrar approve FILE",
        )),
    }
}

#[derive(Serialize)]
struct GroupShow {
    id: String,
    name: String,
    members: u64,
    classes: Vec<ClassShow>,
    threshold: u8,
    registrars: Vec<String>,
    creator: String,
    statement_creators: Vec<String>,
    /// Log time that this was certified at, Unix milliseconds.
    time_ms: u64,
}

#[derive(Serialize)]
struct ClassShow {
    name: String,
    members: u64,
}

fn show(args: &ShowArgs, cx: &Context) -> Result<(), Failure> {
    let committee = cx.committee(&args.network)?;
    let Some(id) = &args.group else {
        return list(cx, &committee);
    };
    let spinner = cx
        .out
        .spinner("Getting the group's history and checking it");
    let group = certified(&committee, id);
    spinner.finish_and_clear();
    let CertifiedGroup {
        time_ms,
        facts,
        roster,
    } = group?;
    let d = &roster.definition;
    let keys = |keys: &[PublicKey]| keys.iter().map(ToString::to_string).collect();
    let view = GroupShow {
        id: id.to_string(),
        name: d.name.clone(),
        members: facts.members.size,
        classes: d
            .classes
            .iter()
            .zip(&facts.classes)
            .map(|(name, tree)| ClassShow {
                name: name.to_string(),
                members: tree.size,
            })
            .collect(),
        threshold: d.threshold,
        registrars: keys(&d.registrars),
        creator: d.creator.to_string(),
        statement_creators: keys(&d.creators),
        time_ms,
    };
    cx.out.result(&view, |out| {
        out.line(printable_line(&view.name));
        out.line(format!("id           {}", view.id));
        out.line(format!("members      {}", view.members));
        for class in &view.classes {
            out.line(format!(
                "             {} of them {}",
                class.members, class.name
            ));
        }
        let quorum = format!("{} of {}", view.threshold, view.registrars.len());
        let label = |i: usize, first: &str| {
            if i == 0 {
                first.to_string()
            } else {
                String::new()
            }
        };
        out.line(format!("registrars   {quorum} must attest a member:"));
        for key in &view.registrars {
            out.line(format!("             {key}"));
        }
        out.line(format!("created by   {}", view.creator));
        for (i, key) in view.statement_creators.iter().enumerate() {
            out.line(format!("{:<13}{key}", label(i, "may propose")));
        }
        let now = now_ms();
        out.line(format!(
            "as of        {} ({}), certified by the committee",
            utc(view.time_ms),
            distance(view.time_ms, now)
        ));
    });
    Ok(())
}

fn list(cx: &Context, committee: &Committee) -> Result<(), Failure> {
    let groups = committee.api.groups()?;
    cx.out.result(&groups, |out| {
        let row = |g: &GroupView| {
            let quorum = format!("{} of {}", g.threshold, g.registrars.len());
            let classes: Vec<String> = g
                .classes
                .iter()
                .map(|c| format!("{} ({})", c.name, c.members))
                .collect();
            let members = g.members.to_string();
            vec![
                g.id.clone(),
                g.name.clone(),
                members,
                classes.join(", "),
                quorum,
            ]
        };
        let rows: Vec<_> = groups.iter().map(row).collect();
        out.table(&["id", "name", "members", "classes", "registrars"], &rows);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_protocol::hash::Digest;
    use tacit_protocol::ids::Fingerprint;
    use tacit_protocol::keys::SigningKey;

    fn card(n: u8) -> RegistrarCard {
        RegistrarCard {
            name: format!("Registrar {n}"),
            key: SigningKey::from_seed([n; 32]).public(),
        }
    }

    fn try_define(
        name: &str,
        cards: &[u8],
        threshold: Option<u8>,
        classes: &[&str],
    ) -> Result<GroupDefinition, Failure> {
        let cards: Vec<_> = cards.iter().map(|n| card(*n)).collect();
        let classes = classes.iter().map(|c| ClassName::new(c).unwrap()).collect();
        let by = (Fingerprint(Digest([1; 32])), card(9).key, [2; 16]);
        define(name.into(), &cards, threshold, classes, Vec::new(), by)
    }

    #[test]
    fn a_draft_is_a_definition_that_holds() {
        let group = try_define(" Town ", &[3, 1, 2], None, &["senators", "board"]).unwrap();
        assert_eq!(group.check(), Ok(()));
        assert_eq!((group.name.as_str(), group.threshold), ("Town", 2));
        assert_eq!(group.creators, [card(9).key]);
        assert_eq!(
            try_define("Town", &[1, 2, 3, 4], None, &[])
                .unwrap()
                .threshold,
            3
        );
        assert_eq!(try_define("Town", &[1], None, &[]).unwrap().threshold, 1);
    }

    #[test]
    fn a_draft_that_could_never_be_a_group_is_refused() {
        let refused = [
            try_define("  ", &[1], None, &[]),
            try_define("To\nwn", &[1], None, &[]),
            try_define(&"x".repeat(257), &[1], None, &[]),
            try_define("Town", &[1, 2, 1], None, &[]),
            try_define("Town", &[1, 2, 3], Some(1), &[]),
            try_define("Town", &[1, 2, 3], Some(4), &[]),
            try_define("Town", &[1, 2], Some(1), &[]),
            try_define("Town", &(1..=17).collect::<Vec<_>>(), None, &[]),
            try_define("Town", &[1], None, &["board", "board"]),
        ];
        for failure in refused {
            let failure = failure.unwrap_err();
            assert_eq!(
                (failure.exit, failure.code),
                (crate::failure::Exit::Usage, "group")
            );
            assert!(!failure.advice.is_empty());
        }
    }
}
