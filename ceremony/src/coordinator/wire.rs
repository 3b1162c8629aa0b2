//! JSON between a coordinator and its contributors, and for everybody who looks.

use serde::{Deserialize, Serialize};

use super::{Outcome, Place, Standing};
use crate::folder::layout;
use crate::transcript::{Attestation, Closing, Entry, QUICKNET, Source, Stage, Transcript};

use super::queue::Queue;

/// `POST /v1/turns`
#[derive(Debug, Serialize, Deserialize)]
pub struct TurnRequest {
    /// The contributor's key.
    pub key: String,
    /// Unix time in seconds.
    pub at: u64,
    /// Over the ceremony's id and the time, hex.
    pub signature: String,
}

/// Its answer.
#[derive(Debug, Serialize, Deserialize)]
pub struct TicketView {
    /// What further calls are made with. Whoever has it can lose its owner the turn, and no more.
    pub ticket: String,
}

/// `GET /v1/turns/{ticket}`
#[derive(Debug, Serialize, Deserialize)]
pub struct StandingView {
    /// `waiting`, `turn`, `checking`, `accepted`, `refused`, `failed` or `nowhere`.
    pub state: String,
    /// How many are before them.
    pub before: usize,
    /// Seconds until their turn, about.
    pub estimate: u64,
    /// When the phase closes: Unix time in seconds.
    #[serde(default)]
    pub closes: Option<u64>,
    /// Whether the turn is shorter than others, because the phase closes.
    #[serde(default)]
    pub short: bool,
    /// When the turn ends: Unix time in seconds.
    pub until: Option<u64>,
    /// Bytes of each file that are there.
    pub received: Vec<u64>,
    /// The contribution's number.
    pub number: Option<u32>,
    /// The rule that was broken, or what the coordinator couldn't do.
    pub reason: Option<String>,
    /// The digest of the transcript.
    pub head: String,
}

impl From<Standing> for StandingView {
    fn from(s: Standing) -> Self {
        let (mut state, mut before, mut until) = ("nowhere", 0, None);
        match s.place {
            Place::Waiting(n) => (state, before) = ("waiting", n),
            Place::Turn { until: end } => (state, until) = ("turn", Some(end)),
            Place::Checking => state = "checking",
            Place::Nowhere => {}
        }
        let (mut number, mut reason) = (None, None);
        match s.outcome {
            Some(Outcome::Accepted(n)) => (state, number) = ("accepted", Some(n)),
            Some(Outcome::Refused(rule)) => (state, reason) = ("refused", Some(rule)),
            Some(Outcome::Failed(what)) => (state, reason) = ("failed", Some(what.to_owned())),
            None => {}
        }
        Self {
            state: state.into(),
            before,
            estimate: s.estimate,
            closes: s.closes,
            short: s.short,
            until,
            received: s.received,
            number,
            reason,
            head: s.head.to_string(),
        }
    }
}

/// The answer to a piece of an upload.
#[derive(Debug, Serialize, Deserialize)]
pub struct ReceivedView {
    /// The file's length now.
    pub received: u64,
}

/// `GET /v1/ceremony`
#[derive(Debug, Serialize, Deserialize)]
pub struct CeremonyView {
    /// Its name.
    pub name: String,
    /// Its id.
    pub ceremony: String,
    /// Its keys count as development keys.
    pub rehearsal: bool,
    /// The open phase, 1 or 2; none after the last beacon.
    pub phase: Option<u8>,
    /// When it closes: Unix time in seconds.
    pub closes: Option<u64>,
    /// The public value that ends it.
    pub beacon: Option<String>,
    /// Whether it closed, and its beacon is awaited.
    pub closed: bool,
    /// Contributors to the open phase, the coordinator's key not counted.
    pub contributors: u32,
    /// How many of them each phase needs before its beacon. One that closes with fewer can't end.
    pub least: u32,
    /// Whether the keys are made.
    pub finished: bool,
    /// The digest of the transcript.
    pub transcript: String,
    /// Who waits.
    pub waiting: usize,
    /// Whose turn it is.
    pub turn: Option<String>,
    /// When that turn ends: Unix time in seconds.
    #[serde(default)]
    pub until: Option<u64>,
    /// Seconds that a newcomer would wait, about.
    pub estimate: u64,
    /// What happened so far.
    pub entries: Vec<EntryView>,
    /// All published files, below `/v1/files/`.
    pub files: Vec<String>,
}

/// One entry of the transcript.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EntryView {
    /// `contribution`, `beacon`, `missed` or `finished`.
    pub kind: String,
    /// 1 or 2.
    pub phase: Option<u8>,
    /// Its number within the phase.
    pub number: Option<u32>,
    /// Who.
    pub contributor: Option<String>,
    /// How they want to be called.
    pub label: Option<String>,
    /// When, by the contributor's own clock for a contribution: Unix time in seconds.
    pub at: Option<u64>,
    /// Contribution hashes, one per file.
    pub hashes: Vec<String>,
    /// Why a turn was missed.
    pub reason: Option<String>,
    /// What a contributor publishes, for people: on the page, and from a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<String>,
    /// The digest of the transcript with this entry.
    pub digest: String,
}

/// A beacon's rule in words.
pub fn describe_beacon(closing: &Closing) -> String {
    let exponent = closing.beacon.exponent;
    match &closing.beacon.source {
        Source::Drand { chain, round } if *chain == QUICKNET.hash() => format!(
            "round {round} of drand's {}, hashed 2^{exponent} times",
            QUICKNET.name
        ),
        Source::Drand { chain, round } => format!(
            "round {round} of the drand network {}, hashed 2^{exponent} times",
            hex::encode(chain)
        ),
        Source::Bitcoin { height, .. } => {
            format!("the hash of Bitcoin's block {height}, hashed 2^{exponent} times")
        }
        Source::Known { .. } => {
            format!("a value that is known beforehand, hashed 2^{exponent} times")
        }
    }
}

/// The transcript's entries, for scripts and the status page.
pub fn entries(transcript: &Transcript) -> Vec<EntryView> {
    let hashes = |parts: &[crate::transcript::Part]| {
        let hash = |p: &crate::transcript::Part| hex::encode(p.contribution);
        parts.iter().map(hash).collect()
    };
    let view = |link: &crate::transcript::Link| {
        let mut view = EntryView {
            kind: "finished".into(),
            phase: None,
            number: None,
            contributor: None,
            label: None,
            at: None,
            hashes: Vec::new(),
            reason: None,
            attestation: None,
            digest: link.after.to_string(),
        };
        match &link.signed.entry {
            Entry::Contribution(c) => {
                view.kind = "contribution".into();
                view.phase = Some(c.stage.number());
                view.number = Some(c.number);
                view.contributor = Some(c.contributor.to_string());
                view.label = c.label.clone();
                view.at = Some(c.at);
                view.hashes = hashes(&c.parts);
                let signed = link.signed.clone();
                view.attestation =
                    Some(Attestation::new(transcript, link.before, signed).to_text());
            }
            Entry::Beacon(b) => {
                view.kind = "beacon".into();
                view.phase = Some(b.stage.number());
                view.hashes = hashes(&b.parts);
            }
            Entry::Missed(m) => {
                view.kind = "missed".into();
                view.phase = Some(m.stage.number());
                view.contributor = Some(m.contributor.to_string());
                view.at = Some(m.at);
                view.reason = Some(m.reason.to_string());
            }
            Entry::Finished(_) => {}
        }
        view
    };
    transcript.links().iter().map(view).collect()
}

impl CeremonyView {
    /// How a ceremony stands; without a queue, nobody waits.
    pub fn new(transcript: &Transcript, queue: Option<&Queue>, now: u64) -> Self {
        Self {
            entries: entries(transcript),
            files: layout::all(transcript),
            ..Self::stand(transcript, queue, now)
        }
    }

    /// The same without entries and files.
    pub(super) fn stand(transcript: &Transcript, queue: Option<&Queue>, now: u64) -> Self {
        let d = transcript.descriptor();
        let stage = transcript.stage();
        let closing = stage.and_then(|s| d.closing_of(s));
        let waiting = queue.map_or(0, Queue::waiting);
        let turn = queue.and_then(Queue::current).map(ToString::to_string);
        let before = waiting + usize::from(turn.is_some());
        Self {
            name: d.name.clone(),
            ceremony: transcript.id().to_string(),
            rehearsal: d.rehearsal,
            phase: stage.map(Stage::number),
            closes: closing.map(|c| c.closes),
            beacon: closing.map(describe_beacon),
            closed: closing.is_some_and(|c| now >= c.closes),
            contributors: transcript.counted(),
            least: d.least,
            finished: transcript.finished().is_some(),
            transcript: transcript.head().to_string(),
            waiting,
            turn,
            until: queue.and_then(Queue::times).map(|(_, until)| until),
            estimate: queue.map_or(0, |q| q.estimate(before)),
            entries: Vec::new(),
            files: Vec::new(),
        }
    }
}
