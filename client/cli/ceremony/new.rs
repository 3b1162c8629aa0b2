//! Fixing a ceremony's rules.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tacit_ceremony::blake2b::Digest64;
use tacit_ceremony::circuits;
use tacit_ceremony::coordinator::wire::describe_beacon;
use tacit_ceremony::files::ptau::Ptau;
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::folder::{Folder, FolderError, Start};
use tacit_ceremony::origin::Origin;
use tacit_ceremony::phase2::needed_power;
use tacit_ceremony::transcript::{
    BeaconRule, Circuit, Closing, Descriptor, MIN_BITCOIN_EXPONENT, Powers, QUICKNET,
    REHEARSAL_VALUE, Source, Stage,
};
use tacit_protocol::keys::{PublicKey, SigningKey};

use super::Bar;
use super::origin::OriginView;
use super::powers::digest;
use crate::clock::{local, now_ms, parse_deadline};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::counted;
use crate::{input, parse};

/// Seconds from a closing to the default beacon: an hour, and some more for clocks that go wrong.
const MARGIN: u64 = 3_660;
/// A block that is expected so long after a closing comes after it, however fast blocks come.
const A_DAY: u64 = 86_400;
/// Contributors that each phase of a real ceremony needs, unless told otherwise.
const LEAST: u32 = 3;
/// How often drand's value is hashed, as a power of two: it needs no delay, and other tools ask for this.
const EXPONENT: u8 = 10;
/// The name of the product's own circuit.
pub const SEALING: &str = "sealing";

#[derive(Debug, Args)]
pub struct NewArgs {
    /// The ceremony's folder; it must not hold one yet
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What people call it: letters a-z, digits and hyphens
    #[arg(long)]
    name: String,
    /// A circuit beside or instead of the sealing circuit: its name and its .r1cs file
    #[arg(long = "circuit", value_name = "NAME=FILE", value_parser = circuit)]
    circuits: Vec<(String, PathBuf)>,
    /// Leave the sealing circuit out
    #[arg(long, requires = "circuits")]
    without_sealing: bool,
    /// Make powers for circuits of up to 2^POWER rows [default: what the circuits need]
    #[arg(long, value_name = "POWER", value_parser = parse::number::<u32>, conflicts_with = "powers")]
    power: Option<u32>,
    /// Start from the powers in this file (.ptau, prepared), and leave phase 1 out
    #[arg(long, value_name = "FILE")]
    powers: Option<PathBuf>,
    /// The BLAKE2b-512 that this file must have, as the ceremony that made it has published it. Without it
    /// the powers are nobody's, and the ceremony is a rehearsal. Everybody who relies on the keys gives it
    /// again
    #[arg(long, value_name = "HEX", value_parser = digest, requires = "powers")]
    powers_hash: Option<Digest64>,
    /// Contributors that each phase needs before its beacon, without the coordinator's own key. A phase that
    /// closes with fewer can't end. 2 to 1000; from 1 in a rehearsal. Keys are counted, not people
    /// [default: 3; 1 in a rehearsal]
    #[arg(long, value_name = "NUMBER", value_parser = parse::number::<u32>)]
    least: Option<u32>,
    /// Public key of somebody who may contribute; repeat it. Without any, everybody may
    #[arg(long = "contributor", value_name = "KEY", value_parser = parse::key)]
    contributors: Vec<PublicKey>,
    /// Seconds that a contributor has for a turn: 10 to 604800, which are 7 days
    #[arg(long, value_name = "SECONDS", value_parser = parse::number::<u32>, default_value = "3600")]
    turn: u32,
    /// Missed turns after which a contributor is not let in again: 1 to 255
    #[arg(long, value_name = "NUMBER", value_parser = parse::number::<u8>, default_value = "3")]
    strikes: u8,
    /// When phase 1 closes: a time like 2026-12-01T18:00Z, or from now on like +90m, +2h or +3d
    #[arg(long, value_name = "TIME", required_unless_present = "powers")]
    phase1_closes: Option<String>,
    /// When phase 2 closes, written like that: an hour or more after the beacon of phase 1, which comes an
    /// hour or more after the closing of phase 1. So two hours and some minutes later at the least
    #[arg(long, value_name = "TIME")]
    phase2_closes: String,
    /// The value that ends phase 1: drand:ROUND, or bitcoin:HEIGHT@TIME with the time from which on the
    /// block is expected. A block's header shows its work, not its height: everybody compares that with an
    /// explorer or a node that they trust [default: the first drand round an hour after the closing]
    #[arg(long, value_name = "VALUE")]
    beacon1: Option<String>,
    /// The value that ends phase 2
    #[arg(long, value_name = "VALUE")]
    beacon2: Option<String>,
    /// A beacon is hashed 2^EXPONENT times: 10 to 24, and at least 22 for a Bitcoin block, whose miner could
    /// try several [default: 10 for drand, 22 for Bitcoin]
    #[arg(long, value_name = "EXPONENT", value_parser = parse::number::<u8>)]
    exponent: Option<u8>,
    /// A rehearsal: no waiting for beacons, and its keys count as development keys
    #[arg(long)]
    rehearsal: bool,
}

fn circuit(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text
        .split_once('=')
        .ok_or("write it like NAME=FILE, such as square=square.r1cs")?;
    Ok((name.to_owned(), PathBuf::from(file)))
}

#[derive(Serialize)]
struct NewView {
    name: String,
    ceremony: String,
    rehearsal: bool,
    power: u32,
    circuits: Vec<String>,
    coordinator: String,
    least: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    powers_file: Option<OriginView>,
    phases: Vec<PhaseView>,
    folder: PathBuf,
}

#[derive(Serialize)]
struct PhaseView {
    phase: u8,
    closes: u64,
    beacon: String,
}

pub fn run(args: NewArgs, cx: &Context) -> Result<(), Failure> {
    let now = now_ms() / 1000;
    let mut named = Vec::new();
    if !args.without_sealing {
        let sealing = circuits::sealing()
            .map_err(|e| Failure::check("circuit", e, "Get another copy of this program."))?;
        named.push((SEALING.to_owned(), sealing));
    }
    for (name, path) in &args.circuits {
        let circuit = R1cs::open(path).map_err(FolderError::from)?;
        named.push((name.clone(), circuit));
    }
    let needed = named
        .iter()
        .map(|(_, c)| needed_power(c))
        .max()
        .unwrap_or(1);
    // Powers that nobody has named by their hash may be anybody's.
    let nameless = args.powers.is_some() && args.powers_hash.is_none();
    let rehearsal = args.rehearsal || nameless;
    let mut powers_file = None;
    let closing = |time: &str, beacon: Option<&str>| -> Result<Closing, Failure> {
        let closes = seconds(time)?;
        let source = match beacon {
            Some(text) => source(text)?,
            None if rehearsal => Source::Known {
                value: REHEARSAL_VALUE.to_vec(),
            },
            None => Source::Drand {
                chain: QUICKNET.hash(),
                round: QUICKNET.round_from(closes.saturating_add(MARGIN)),
            },
        };
        if let Source::Bitcoin { expected, .. } = source
            && expected < closes.saturating_add(A_DAY)
        {
            cx.out.note("A block that comes sooner than expected may show a time before its phase's closing is past for sure, and then the phase can never end: choose a height that you expect a day or more after it.");
        }
        let usual = match source {
            Source::Bitcoin { .. } => MIN_BITCOIN_EXPONENT,
            _ => EXPONENT,
        };
        let exponent = args.exponent.unwrap_or(usual);
        let beacon = BeaconRule { source, exponent };
        Ok(Closing { closes, beacon })
    };
    let powers = match (&args.powers, &args.phase1_closes) {
        (Some(path), _) => {
            let ptau = Ptau::open(path).map_err(FolderError::from)?;
            if !ptau.is_prepared() {
                return Err(Failure::usage(
                    "not-prepared",
                    format!("{} is not prepared for phase 2", path.display()),
                    "Prepare it first: snarkjs powersoftau prepare phase2 FILE PREPARED",
                ));
            }
            let origin = Origin::of(&ptau).map_err(FolderError::from)?;
            let found = &origin.hash;
            if let Some(expected) = args.powers_hash.filter(|e| e != found) {
                return Err(Failure::check(
                    "powers-hash",
                    format!(
                        "{} has the BLAKE2b-512 {}, not {}",
                        path.display(),
                        hex::encode(found),
                        hex::encode(expected)
                    ),
                    "Get the file again, or the hash from the ceremony that made it.",
                ));
            }
            if !rehearsal {
                Origin::check_real(&ptau).map_err(|e| {
                    Failure::check(
                        "powers",
                        format!("{}: {e}", path.display()),
                        "Take powers of a real ceremony, or rehearse: --rehearsal.",
                    )
                })?;
            }
            powers_file = Some(OriginView::new(&origin));
            Powers::Existing {
                power: origin.power,
                hash: origin.hash,
                bytes: origin.bytes,
            }
        }
        (None, Some(time)) => Powers::Fresh {
            power: args.power.unwrap_or(needed),
            closing: closing(time, args.beacon1.as_deref())?,
        },
        // clap requires one of the two.
        (None, None) => return Err(Failure::usage("usage", "no closing time", "See --help.")),
    };
    let seed = input::randomness::<32>()?;
    let key = SigningKey::from_seed(*seed);
    let mut contributors = args.contributors;
    contributors.sort();
    contributors.dedup();
    let descriptor = Descriptor {
        name: args.name,
        rehearsal,
        powers,
        circuits: named
            .iter()
            .map(|(name, circuit)| Circuit {
                name: name.clone(),
                hash: circuit.hash(),
                power: needed_power(circuit),
                bytes: circuit.file_bytes(),
            })
            .collect(),
        contributors,
        least: args.least.unwrap_or(if rehearsal { 1 } else { LEAST }),
        turn: args.turn,
        strikes: args.strikes,
        closing: closing(&args.phase2_closes, args.beacon2.as_deref())?,
        coordinator: key.public(),
        nonce: *input::randomness::<16>()?,
    };
    descriptor.check().map_err(|e| {
        Failure::usage(
            "rules",
            e,
            "Change the rules; see tacit ceremony new --help.",
        )
    })?;
    let first = descriptor.closing_of(descriptor.first_stage());
    if first.is_some_and(|c| c.closes <= now) && !rehearsal {
        return Err(Failure::usage(
            "rules",
            "the first phase would be closed already",
            "Give a later time.",
        ));
    }
    let mut view = NewView {
        name: descriptor.name.clone(),
        ceremony: descriptor.id().to_string(),
        rehearsal: descriptor.rehearsal,
        power: descriptor.powers.power(),
        circuits: named.iter().map(|(name, _)| name.clone()).collect(),
        coordinator: key.public().to_string(),
        least: descriptor.least,
        powers_file,
        phases: Vec::new(),
        folder: args.folder.clone(),
    };
    for (phase, stage) in [(1, Stage::Powers), (2, Stage::Keys)] {
        if let Some(closing) = descriptor.closing_of(stage) {
            view.phases.push(PhaseView {
                phase,
                closes: closing.closes,
                beacon: describe_beacon(closing),
            });
        }
    }
    let start = Start {
        descriptor,
        circuits: named.into_iter().map(|(_, circuit)| circuit).collect(),
        powers: args.powers,
    };
    Folder::create(&args.folder, &start, &key, &mut Bar::new(cx.out))?;
    cx.out.result(&view, |out| {
        out.line(format!(
            "Ceremony \"{}\" is ready in {}.",
            view.name,
            view.folder.display()
        ));
        out.line(format!("id        {}", view.ceremony));
        out.line(format!("circuits  {}", view.circuits.join(", ")));
        out.line(format!("powers    2^{}", view.power));
        if let Some(origin) = &view.powers_file {
            origin.print(out);
        }
        out.line(format!("least     {} in each phase", counted(view.least.into(), "contributor")));
        for p in &view.phases {
            let (phase, closes) = (p.phase, local(p.closes.saturating_mul(1000)));
            out.line(format!("phase {phase}   closes {closes}"));
            out.line(format!("          then {}", p.beacon));
        }
        if nameless && !args.rehearsal {
            out.line("It is a rehearsal, since nobody has said which powers these are: with the hash that their ceremony has published, --powers-hash HEX, they count. Its keys will count as development keys.");
        } else if view.rehearsal {
            out.line("It is a rehearsal: its keys will count as development keys.");
        }
        out.line("");
        out.line("Publish the id and these rules before anybody contributes: nothing of them can be changed. Publish with them the command for contributors, with your address for URL:");
        out.line(format!(
            "    tacit ceremony contribute URL --ceremony {}",
            view.ceremony
        ));
        out.line(format!(
            "Then take contributions: tacit ceremony serve {}",
            view.folder.display()
        ));
    });
    Ok(())
}

fn seconds(time: &str) -> Result<u64, Failure> {
    let parsed = parse_deadline(time, now_ms());
    let ms = parsed.map_err(|e| Failure::usage("time", format!("\"{time}\" is no time"), e))?;
    Ok(ms / 1000)
}

fn source(text: &str) -> Result<Source, Failure> {
    let wrong = || {
        Failure::usage(
            "beacon",
            format!("\"{text}\" is no public value"),
            "Write drand:ROUND, or bitcoin:HEIGHT@TIME such as bitcoin:980000@2026-12-01T12:00Z.",
        )
    };
    if let Some(round) = text.strip_prefix("drand:") {
        return Ok(Source::Drand {
            chain: QUICKNET.hash(),
            round: round.parse().map_err(|_| wrong())?,
        });
    }
    let rest = text.strip_prefix("bitcoin:").ok_or_else(wrong)?;
    let (height, time) = rest.split_once('@').ok_or_else(wrong)?;
    Ok(Source::Bitcoin {
        height: height.parse().map_err(|_| wrong())?,
        expected: seconds(time)?,
    })
}
