//! The coordinator's other steps: beacons, the end, and how it stands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use tacit_ceremony::coordinator::wire::{CeremonyView, describe_beacon};
use tacit_ceremony::folder;
use tacit_ceremony::folder::layout::Layout;
use tacit_ceremony::transcript::{Closing, Evidence, Source, Transcript};
use tacit_client::api::{Connector, ServiceUrl};

use super::fetch::{LimitArgs, Remote};
use super::hand::Hand;
use crate::clock::{local, local_short, now_ms};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{counted, printable_line};

/// Where drand's rounds are asked for. Its signature is checked, so it need not be trusted.
const DRAND: &str = "https://api.drand.sh";

#[derive(Debug, Args)]
pub struct BeaconArgs {
    /// The ceremony's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// drand's signature over the announced round [default: asked from api.drand.sh]
    #[arg(long, value_name = "HEX")]
    drand_signature: Option<String>,
    /// The 80 bytes of the announced Bitcoin block's header. It shows the block's work and time, not its
    /// height: compare the hash that is shown with an explorer or a node that you trust
    #[arg(long, value_name = "HEX")]
    bitcoin_header: Option<String>,
}

#[derive(Serialize)]
struct BeaconView {
    phase: u8,
    beacon: String,
    /// The value: of a Bitcoin block its hash, as explorers write it.
    value: Option<String>,
    transcript: String,
}

/// Whether enough people have contributed to the open phase; else what becomes of it.
fn enough(transcript: &Transcript, closing: &Closing, now: u64) -> Result<(), Failure> {
    let (counted, least) = (transcript.counted(), transcript.descriptor().least);
    if counted >= least {
        return Ok(());
    }
    let problem = format!(
        "{counted} contributed to this phase, and the rules ask for {least} or more without the coordinator"
    );
    if now < closing.closes {
        return Err(Failure::not_yet(
            "too-few",
            problem,
            "Wait for more of them, and run it again after the closing.",
        ));
    }
    Err(Failure::usage(
        "too-few",
        format!("{problem}: it is closed, so this ceremony can't end"),
        "Say so to those who contributed, and start anew with tacit ceremony new.",
    ))
}

pub fn beacon(args: &BeaconArgs, cx: &Context) -> Result<(), Failure> {
    let mut folder = Hand::of(&args.folder)?;
    let transcript = folder.transcript();
    let stage = transcript.stage().ok_or_else(|| {
        Failure::usage(
            "not-due",
            "the last phase has its beacon already",
            "Write the keys: tacit ceremony finish DIR",
        )
    })?;
    let rehearsal = transcript.descriptor().rehearsal;
    let closing = transcript.descriptor().closing_of(stage).cloned();
    let Some(closing) = closing else {
        return Err(Failure::usage(
            "not-due",
            "this phase has no beacon",
            "tacit ceremony status shows how the ceremony stands.",
        ));
    };
    let now = now_ms() / 1000;
    let public = closing.beacon.source.time().unwrap_or(0);
    if !rehearsal && now < closing.closes.max(public) {
        let (what, when) = if now < closing.closes {
            ("the phase closes", closing.closes)
        } else {
            ("the beacon's value is public", public)
        };
        return Err(Failure::not_yet(
            "not-due",
            format!("{what} only at {}", local(when.saturating_mul(1000))),
            "Run it again then.",
        ));
    }
    enough(transcript, &closing, now)?;
    let evidence = evidence(args, &closing)?;
    if let (Source::Bitcoin { height, .. }, Ok(beacon)) =
        (&closing.beacon.source, closing.resolve(&evidence))
    {
        cx.out.note(format!(
            "The header is that of the block {}. It does not show its height: compare with an explorer that block {height} is this one.",
            hex::encode(&beacon.value)
        ));
        cx.confirm(
            &format!(
                "Is it block {height}? The phase ends with it, and nothing of that can be changed."
            ),
            "--yes to answer it with yes",
        )?;
    }
    let ended = stage;
    folder.cast(ended, evidence, cx)?;
    let view = BeaconView {
        phase: ended.number(),
        beacon: describe_beacon(&closing),
        value: folder
            .transcript()
            .beacon(ended)
            .map(|b| hex::encode(b.value)),
        transcript: folder.transcript().head().to_string(),
    };
    cx.out.result(&view, |out| {
        out.line(format!("Phase {} is ended by {}.", view.phase, view.beacon));
        match view.phase {
            1 if folder.is_served() => out.line("Phase 2 is open."),
            1 => out.line(format!(
                "Phase 2 is open: tacit ceremony serve {}",
                args.folder.display()
            )),
            _ => out.line(format!(
                "Now write the keys: tacit ceremony finish {}",
                args.folder.display()
            )),
        }
    });
    Ok(())
}

#[derive(Deserialize)]
struct Round {
    signature: String,
}

fn evidence(args: &BeaconArgs, closing: &Closing) -> Result<Evidence, Failure> {
    let malformed = |what: &str| Failure::usage("hex", format!("{what} is not hex"), "Check it.");
    match &closing.beacon.source {
        Source::Known { .. } => Ok(Evidence::Known),
        Source::Bitcoin { height, .. } => {
            let text = args.bitcoin_header.as_ref().ok_or_else(|| {
                Failure::usage(
                    "no-header",
                    format!("the beacon is Bitcoin's block {height}, and its header is missing"),
                    "Give it with --bitcoin-header HEX, from a node or an explorer that you trust: bitcoin-cli getblockheader HASH false",
                )
            })?;
            let bytes = hex::decode(text).ok().and_then(|b| b.try_into().ok());
            Ok(Evidence::Bitcoin(
                bytes.ok_or_else(|| malformed("a header of 80 bytes"))?,
            ))
        }
        Source::Drand { chain, round } => {
            let text = match &args.drand_signature {
                Some(text) => text.clone(),
                None => {
                    let path = format!("/{}/public/{round}", hex::encode(chain));
                    let patience = Duration::from_secs(30);
                    let url = ServiceUrl::parse(DRAND)?;
                    let advice = "Give the round's signature with --drand-signature HEX.";
                    let bytes = Connector::new().get(&url, &path, 1 << 16, patience);
                    let bytes = bytes.map_err(|e| {
                        let problem = format!("{DRAND} could not be asked for round {round}: {e}");
                        Failure::unreachable("unreachable", problem, advice)
                    })?;
                    let round: Round = serde_json::from_slice(&bytes).map_err(|_| {
                        let problem = format!("{DRAND} doesn't answer with a round");
                        Failure::check("bad-answer", problem, advice)
                    })?;
                    round.signature
                }
            };
            let bytes = hex::decode(&text).map_err(|_| malformed("the signature"))?;
            Ok(Evidence::Drand(bytes))
        }
    }
}

#[derive(Serialize)]
struct FinishedView {
    ceremony: String,
    transcript: String,
    rehearsal: bool,
    circuits: Vec<CircuitView>,
}

#[derive(Serialize)]
struct CircuitView {
    name: String,
    proving_key: String,
    verifying_key: String,
}

pub fn finish(path: &Path, cx: &Context) -> Result<(), Failure> {
    let mut folder = Hand::of(path)?;
    folder.finish(cx)?;
    let transcript = folder.transcript();
    let finished = transcript.finished().cloned();
    let circuits = finished.map(|f| f.circuits).unwrap_or_default();
    let d = transcript.descriptor();
    let circuit = |(named, keys): (
        &tacit_ceremony::transcript::Circuit,
        &tacit_ceremony::transcript::FinishedCircuit,
    )| CircuitView {
        name: named.name.clone(),
        proving_key: keys.proving_key.to_string(),
        verifying_key: keys.verifying_key.to_string(),
    };
    let view = FinishedView {
        ceremony: transcript.id().to_string(),
        transcript: transcript.head().to_string(),
        rehearsal: d.rehearsal,
        circuits: (d.circuits.iter().zip(&circuits)).map(circuit).collect(),
    };
    cx.out.result(&view, |out| {
        out.line(format!("The ceremony \"{}\" is finished.", d.name));
        for c in &view.circuits {
            out.line(&c.name);
            out.line(format!("  proving key    {}", c.proving_key));
            out.line(format!("  verifying key  {}", c.verifying_key));
        }
        out.line(format!("transcript  {}", view.transcript));
        out.line("");
        if view.rehearsal {
            out.line("It was a rehearsal: the keys count as development keys.");
        } else {
            out.line("Publish the transcript's hash, and keep serving the folder: everybody verifies it.");
        }
        out.line(format!(
            "Founders take it from here: tacit committee found --ceremony {}",
            path.display()
        ));
    });
    Ok(())
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The ceremony's folder, or its coordinator's address
    #[arg(value_name = "DIR|URL")]
    from: String,
}

pub fn status(args: &StatusArgs, cx: &Context) -> Result<(), Failure> {
    let now = now_ms() / 1000;
    let view: CeremonyView = if Remote::is_url(&args.from) {
        Remote::new(cx, &args.from, LimitArgs::default())?.get("/v1/ceremony")?
    } else {
        let transcript = folder::read(&Layout::new(Path::new(&args.from)))?;
        CeremonyView::new(&transcript, None, now)
    };
    cx.out.result(&view, |out| {
        out.line(format!("ceremony    {}", printable_line(&view.name)));
        out.line(format!("id          {}", printable_line(&view.ceremony)));
        let time = |at: u64| local(at.saturating_mul(1000));
        let state = match (view.finished, view.phase, view.closed, view.closes) {
            (true, ..) => "finished: the keys are made".into(),
            (_, None, ..) => "all beacons are cast; the keys come next".into(),
            (_, Some(phase), true, _) if view.contributors < view.least => format!(
                "phase {phase} closed with {} of at least {}: it can't end, and the ceremony must start anew",
                view.contributors,
                counted(view.least.into(), "contributor")
            ),
            (_, Some(phase), true, _) => format!("phase {phase} is closed and awaits its beacon"),
            (_, Some(phase), false, at) => {
                format!("phase {phase} is open until {}", time(at.unwrap_or(0)))
            }
        };
        out.line(format!("state       {state}"));
        if let Some(beacon) = &view.beacon {
            out.line(format!("beacon      {}", printable_line(beacon)));
            out.line(format!("so far      {} of at least {}", view.contributors, counted(view.least.into(), "contributor")));
        }
        if view.rehearsal {
            out.line("rehearsal   its keys count as development keys");
        }
        if let Some(turn) = &view.turn {
            out.line(format!("turn        {}", printable_line(turn)));
            out.line(format!("waiting     {}", view.waiting));
        }
        out.line(format!("transcript  {}", printable_line(&view.transcript)));
        if view.entries.is_empty() {
            return;
        }
        out.line("");
        let number = |n: Option<u32>| n.map_or(String::new(), |n| n.to_string());
        let row = |e: &tacit_ceremony::coordinator::wire::EntryView| {
            let what = match &e.reason {
                Some(reason) => format!("missed: {reason}"),
                None => e.kind.clone(),
            };
            let who = e.label.clone().or_else(|| e.contributor.clone());
            vec![
                number(e.phase.map(u32::from)),
                number(e.number),
                what,
                who.unwrap_or_default(),
                e.at.map_or(String::new(), |at| local_short(at.saturating_mul(1000))),
            ]
        };
        let rows: Vec<_> = view.entries.iter().map(row).collect();
        out.table(&["phase", "number", "what", "who", "when"], &rows);
    });
    Ok(())
}
