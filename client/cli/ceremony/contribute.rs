//! One command for a contributor: fetch, check, add randomness, upload, and keep the attestation.
//!
//! The secrets live in this process and nowhere else. What is kept on the disk between two runs is the
//! finished contribution alone, which is public: after a broken connection it is uploaded again.

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;
use tacit_ceremony::contributor::{self, Entropy};
use tacit_ceremony::coordinator::turn_message;
use tacit_ceremony::coordinator::wire::{StandingView, TicketView, TurnRequest};
use tacit_ceremony::folder;
use tacit_ceremony::folder::FolderError;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::parts::PartError;
use tacit_ceremony::transcript::{
    Attestation, CeremonyId, Powers, Prepared, Signed, Stage, Transcript, valid_label,
};
use tacit_files as files;
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::hash::domain;
use tacit_protocol::keys::SigningKey;
use zeroize::Zeroizing;

use super::Bar;
use super::fetch::{LimitArgs, Remote, make_parent};
use super::kept::Kept;
use super::offline;
use super::verify::ceremony_id;
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input;

/// How often a contributor asks whether it's their turn.
const ASK: Duration = Duration::from_secs(1);
/// How often they give a sign of life while they compute.
const SIGN: Duration = Duration::from_secs(20);
/// Rounds of waiting for a file between two looks at whether the turn still lasts.
const STANDING: u64 = 10;
/// Uploads that break off without getting on, one after the other, before a run gives up.
const CUTS: u32 = 5;
/// Bytes of typed or read randomness at most.
const MAX_ENTROPY: u64 = 1 << 20;
/// Longest signed entry, in bytes.
const MAX_ENTRY: u64 = 1 << 20;

#[derive(Debug, Args)]
pub struct ContributeArgs {
    /// The coordinator's address
    #[arg(value_name = "URL", required_unless_present = "from")]
    url: Option<String>,
    /// How you want to be called in the transcript, for ever [default: by your key alone]
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// Mix this file into the randomness, beside the system's ("-": stdin)
    #[arg(long, value_name = "FILE")]
    entropy_file: Option<PathBuf>,
    /// The ceremony's id, as it was published before it began
    #[arg(long, value_name = "HEX", value_parser = ceremony_id)]
    ceremony: Option<CeremonyId>,
    /// The attestation goes here [default: a new file in this folder]
    #[arg(long, value_name = "FILE")]
    attestation: Option<PathBuf>,
    /// Make the contribution elsewhere: what it starts from is put into this folder, and what you put
    /// beside it is uploaded. For an offline machine, or another program
    #[arg(long, value_name = "DIR", conflicts_with = "entropy_file")]
    by_hand: Option<PathBuf>,
    #[command(flatten)]
    limit: LimitArgs,
    #[command(flatten)]
    offline: offline::OfflineArgs,
}

#[derive(Serialize)]
struct View {
    ceremony: String,
    phase: u8,
    number: u32,
    contributor: String,
    hashes: Vec<String>,
    transcript: String,
    attestation: PathBuf,
}

pub fn run(args: &ContributeArgs, cx: &Context) -> Result<(), Failure> {
    if let Some(label) = args.label.as_ref().filter(|label| !valid_label(label)) {
        return Err(Failure::usage(
            "label",
            format!("{label:?} can't be a label"),
            "Give 1 to 64 bytes without control characters or spaces at the ends.",
        ));
    }
    let added = || entropy(args.entropy_file.as_deref(), cx);
    let Some(url) = &args.url else {
        return offline::run(&args.offline, args.label.as_deref(), added, cx);
    };
    let remote = Remote::new(cx, url, args.limit)?;
    let key = cx.ceremony_key()?;
    let (work, transcript) = Work::start(&remote, cx, &key, args.ceremony)?;
    if let Some(attestation) = own(&transcript, &key) {
        // As after a connection that broke while the coordinator checked it.
        cx.out.note("You have contributed to this phase already.");
        let path = save(&attestation, args)?;
        tell(&attestation, path, args, cx);
        return Ok(());
    }
    // Before the turn begins: what takes long, and what a person types.
    work.prepare(&transcript)?;
    let entropy = match &args.by_hand {
        Some(_) => None,
        None => Some(added()?),
    };
    let ticket = work.join(&transcript)?;
    let result = work.take_turn(&ticket, args, entropy);
    if result.as_ref().is_err_and(|e| e.exit != Exit::Unreachable) {
        // After a broken connection the next run goes on; else others needn't wait for somebody who has gone. If this fails, the clock does it.
        let path = format!("/v1/turns/{ticket}/leave");
        let _ = remote.try_send(&path, "application/json", b"{}");
    }
    let (attestation, with) = result?;
    let path = save(&attestation, args)?;
    work.remember(&attestation, &with)?;
    tell(&attestation, path, args, cx);
    Ok(())
}

/// The attestation of what this key has contributed to the open phase. The entry bears its signature over
/// all that came before, whoever shows it.
fn own(transcript: &Transcript, key: &SigningKey) -> Option<Attestation> {
    let mut all = transcript.contributions(transcript.stage()?);
    let (_, link) = all.find(|(c, _)| c.contributor == key.public())?;
    Some(Attestation::new(
        transcript,
        link.before,
        link.signed.clone(),
    ))
}

/// Saves the attestation.
fn save(attestation: &Attestation, args: &ContributeArgs) -> Result<PathBuf, Failure> {
    let path = args.attestation.clone().unwrap_or_else(|| {
        let id = attestation.ceremony().to_string();
        let short = id.get(..8).unwrap_or_default();
        let (phase, number) = attestation
            .contribution()
            .map_or((0, 0), |c| (phase(c.stage), c.number));
        PathBuf::from(format!("ceremony-{short}-phase{phase}-{number}.json"))
    });
    files::replace(&path, attestation.to_json().as_bytes())
        .map_err(|e| Failure::file("write", &path, &e))?;
    Ok(path)
}

fn phase(stage: Stage) -> u8 {
    match stage {
        Stage::Powers => 1,
        Stage::Keys => 2,
    }
}

fn tell(attestation: &Attestation, path: PathBuf, args: &ContributeArgs, cx: &Context) {
    let Some(c) = attestation.contribution() else {
        return;
    };
    let view = View {
        ceremony: attestation.ceremony().to_string(),
        phase: phase(c.stage),
        number: c.number,
        contributor: c.contributor.to_string(),
        hashes: c
            .parts
            .iter()
            .map(|p| hex::encode(p.contribution))
            .collect(),
        transcript: attestation.after().to_string(),
        attestation: path,
    };
    cx.out.result(&view, |out| {
        out.line("Accepted. Your attestation, to publish where others see it:");
        out.line("");
        for line in attestation.to_text().lines() {
            out.line(format!("    {line}").trim_end());
        }
        out.line("");
        out.line(format!(
            "It is saved in {}. When the ceremony is finished, check that you are in it:",
            view.attestation.display()
        ));
        out.line(format!(
            "    tacit ceremony verify {} --attestation {}",
            args.url.as_deref().unwrap_or("DIR"),
            view.attestation.display()
        ));
    });
}

/// What a person adds to the system's randomness.
fn entropy(file: Option<&Path>, cx: &Context) -> Result<Entropy, Failure> {
    let mut added = Zeroizing::new(Vec::new());
    if let Some(path) = file {
        added = input::file_or_stdin(path, MAX_ENTROPY)?;
    } else if io::stdin().is_terminal() && !cx.globals.yes {
        let _ = write!(
            io::stderr().lock(),
            "Type some random text and press Enter. It is mixed with the system's randomness: "
        );
        // As long as it can get: a buffer that grew would leave copies behind.
        let mut line = Zeroizing::new(String::with_capacity(MAX_ENTROPY as usize));
        let read = io::stdin().lock().take(MAX_ENTROPY).read_line(&mut line);
        read.map_err(|e| Failure::usage("input", format!("can't read: {e}"), "Try again."))?;
        added.extend_from_slice(line.as_bytes());
    }
    Entropy::gather(&added).map_err(|e| {
        Failure::usage(
            "randomness",
            format!("the operating system gives no randomness: {e}"),
            "Try again.",
        )
    })
}

struct Work<'a> {
    remote: &'a Remote<'a>,
    cx: &'a Context,
    key: &'a SigningKey,
    /// What the coordinator shows, before it is compared with what is kept.
    new: Layout,
    kept: Kept,
    /// The powers that this run made its initial keys from.
    prepared: OnceLock<Prepared>,
}

impl<'a> Work<'a> {
    /// Looks what the coordinator shows. It is kept in a folder of the ceremony's own.
    fn start(
        remote: &'a Remote<'a>,
        cx: &'a Context,
        key: &'a SigningKey,
        wanted: Option<CeremonyId>,
    ) -> Result<(Self, Transcript), Failure> {
        let ceremonies = cx.in_home("ceremonies")?;
        let new = Layout::new(&ceremonies.join("new"));
        let first = remote.transcript(&new)?;
        let id = *first.id();
        if wanted.is_some_and(|wanted| wanted != id) {
            return Err(Failure::check(
                "other-ceremony",
                format!("this is the ceremony {id}, not the one that you named"),
                "Check the address and the id.",
            ));
        }
        let kept = Kept::new(Layout::new(&ceremonies.join(id.to_string())), id);
        kept.keep(&first)?;
        cx.out
            .note(format!("Ceremony \"{}\", {id}", first.descriptor().name));
        if first.descriptor().rehearsal {
            cx.out
                .note("It is a rehearsal: its keys count as development keys.");
        }
        let work = Self {
            remote,
            cx,
            key,
            new,
            kept,
            prepared: OnceLock::new(),
        };
        Ok((work, first))
    }

    /// Where the ceremony's files lie here.
    fn layout(&self) -> &Layout {
        self.kept.layout()
    }

    /// What the coordinator shows by now, if that goes on from all that it showed before.
    fn follow(&self) -> Result<Transcript, Failure> {
        let now = self.remote.transcript(&self.new)?;
        self.kept.keep(&now)?;
        Ok(now)
    }

    /// Phase 2: the powers and circuits, checked, and initial keys of one's own. Those that an earlier run
    /// has made don't count: it may have been shown other powers.
    fn prepare(&self, transcript: &Transcript) -> Result<(), Failure> {
        let d = transcript.descriptor();
        let named = transcript.prepared();
        let done = named.is_some() && self.prepared.get() == named.as_ref();
        if done || transcript.stage() != Some(Stage::Keys) {
            return Ok(());
        }
        let names: Vec<_> = (0..d.circuits.len())
            .map(|i| layout::circuit(d, i))
            .collect();
        let fetch = || {
            let mut each = names.iter();
            each.try_for_each(|name| self.remote.file(self.layout(), transcript, name))
        };
        let forget = || {
            for name in &names {
                let _ = fs::remove_file(self.layout().path(name));
            }
        };
        fetch()?;
        if folder::circuits(self.layout(), d).is_err() {
            // Left from another time: once more, and then it's the coordinator's word against the rules.
            forget();
            fetch()?;
        }
        self.remote
            .file(self.layout(), transcript, &layout::prepared())?;
        let bar = &mut Bar::new(self.cx.out);
        let powers = folder::prepared(self.layout(), transcript, bar).inspect_err(|_| {
            let _ = fs::remove_file(self.layout().path(&layout::prepared()));
        })?;
        for i in 0..d.circuits.len() {
            make_parent(&self.layout().path(&layout::step(d, Stage::Keys, 0, i)))?;
        }
        folder::make_initial(self.layout(), d, &powers, bar).inspect_err(|e| {
            if !matches!(e, FolderError::Setup(_)) {
                forget();
            }
        })?;
        if let Some(named) = named {
            // Set once: the transcript goes on, so a run sees no others later.
            let _ = self.prepared.set(named);
        }
        Ok(())
    }

    fn join(&self, transcript: &Transcript) -> Result<String, Failure> {
        let at = now_ms() / 1000;
        let message = turn_message(transcript.id(), at);
        let signature = self.key.sign(domain::SIGN_CEREMONY_TURN, &message);
        let request = TurnRequest {
            key: self.key.public().to_string(),
            at,
            signature: hex::encode(signature.0),
        };
        let view: TicketView = self.remote.post("/v1/turns", &request)?;
        Ok(view.ticket)
    }

    fn standing(&self, ticket: &str) -> Result<StandingView, Failure> {
        self.remote.get(&format!("/v1/turns/{ticket}"))
    }

    /// Waits for the turn.
    fn wait(&self, ticket: &str) -> Result<StandingView, Failure> {
        let spinner = self.cx.out.spinner("waiting for your turn");
        let mut warned = false;
        loop {
            let standing = self.standing(ticket)?;
            match standing.state.as_str() {
                "turn" => {
                    spinner.finish_and_clear();
                    return Ok(standing);
                }
                "waiting" => {
                    let then = (now_ms() / 1000).saturating_add(standing.estimate);
                    if !warned && standing.closes.is_some_and(|closes| then >= closes) {
                        self.cx.out.note(
                            "Your turn may not come before the phase closes: so many are before you.",
                        );
                        warned = true;
                    }
                    spinner.set_message(format!(
                        "waiting for your turn: {} before you, about {} s",
                        standing.before, standing.estimate
                    ));
                }
                _ => {
                    return Err(Failure::not_yet(
                        "lost-place",
                        "you are no longer in the queue",
                        "Run the same command again.",
                    ));
                }
            }
            std::thread::sleep(ASK);
        }
    }

    /// Waits for the turn and uses it. What comes back is the transcript as it is with the contribution.
    fn take_turn(
        &self,
        ticket: &str,
        args: &ContributeArgs,
        entropy: Option<Entropy>,
    ) -> Result<(Attestation, Transcript), Failure> {
        let standing = self.wait(ticket)?;
        let _ = self.remote.ticket.set(ticket.to_owned());
        if standing.short {
            let left = standing.until.unwrap_or(0).saturating_sub(now_ms() / 1000);
            self.cx.out.note(format!(
                "The phase closes soon: this turn is shorter than others, and ends in {left} s."
            ));
        }
        let transcript = self.follow()?;
        if transcript.head().to_string() != standing.head {
            return Err(Failure::check(
                "bad-answer",
                "the coordinator's transcript is not the one that it says",
                "Tell the other contributors, and keep the transcript in --home.",
            ));
        }
        let d = transcript.descriptor();
        let ended = || {
            Failure::usage(
                "closed",
                "the last phase has ended",
                "See what became of it: tacit ceremony status URL",
            )
        };
        let stage = transcript.stage().ok_or_else(ended)?;
        let own = self
            .layout()
            .root()
            .join("own")
            .join(transcript.head().to_string());
        fs::create_dir_all(&own).map_err(|e| Failure::folder(&own, &e))?;
        let made: Vec<PathBuf> = (0..d.files_of(stage))
            .map(|i| {
                let name = layout::step(d, stage, transcript.count() + 1, i);
                own.join(name.rsplit('/').next().unwrap_or_default())
            })
            .collect();
        let entry = own.join("entry.bin");
        let (signed, attestation) = match self.earlier(&transcript, &entry)? {
            Some(again) => again,
            None => {
                let done = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    scope.spawn(|| self.stay(ticket, &done));
                    let fresh = self.make(ticket, &transcript, &made, args, entropy);
                    done.store(true, Ordering::SeqCst);
                    fresh
                })
                .and_then(|(signed, attestation)| {
                    files::replace(&entry, &signed.to_bytes())
                        .map_err(|e| Failure::file("write", &entry, &e))?;
                    Ok((signed, attestation))
                })?
            }
        };
        for (i, path) in made.iter().enumerate() {
            self.upload(ticket, i, path)?;
        }
        let to = format!("/v1/turns/{ticket}/entry");
        self.remote
            .send(&to, "application/octet-stream", &signed.to_bytes())?;
        self.outcome(ticket)?;
        let mut with = transcript;
        with.push(signed).map_err(FolderError::from)?;
        // What is in the transcript nobody uploads again.
        let _ = fs::remove_dir_all(&own);
        Ok((attestation, with))
    }

    /// Uploads a file from where the coordinator has it. After a cut it goes on, as long as that gets on.
    fn upload(&self, ticket: &str, index: usize, path: &Path) -> Result<(), Failure> {
        let to = format!("/v1/turns/{ticket}/files/{index}");
        let (mut before, mut vain) = (0, 0);
        loop {
            let received = self.standing(ticket)?.received;
            let at = received.get(index).copied().unwrap_or(0);
            if at > before {
                (before, vain) = (at, 0);
            }
            match self.remote.upload(&to, path, at) {
                Err(e) if e.exit == Exit::Unreachable && vain < CUTS => {
                    vain += 1;
                    std::thread::sleep(ASK);
                }
                done => return done,
            }
        }
    }

    /// Keeps the transcript with the contribution in it, and looks whether the coordinator shows that to
    /// everybody, as it has told its contributor. Whoever shows another one, now or later, is caught.
    fn remember(&self, attestation: &Attestation, with: &Transcript) -> Result<(), Failure> {
        self.kept.keep(with)?;
        let transcript = match self.remote.transcript(&self.new) {
            Ok(transcript) => transcript,
            Err(e) if e.exit == Exit::Unreachable => return Ok(()),
            Err(e) => return Err(e),
        };
        let after = attestation.after();
        if transcript.links().iter().any(|link| link.after == after) {
            return self.kept.keep(&transcript);
        }
        Err(Failure::check(
            "forked",
            "the coordinator said that it accepted the contribution, and shows a transcript without it",
            "Tell the other contributors, and show your attestation: it is saved.",
        ))
    }

    /// A contribution from an interrupted run, if it still goes on from the transcript's end.
    fn earlier(
        &self,
        transcript: &Transcript,
        entry: &Path,
    ) -> Result<Option<(Signed, Attestation)>, Failure> {
        let bytes = files::read(entry, MAX_ENTRY).map_err(|e| Failure::file("read", entry, &e))?;
        let signed = bytes.and_then(|b| Signed::from_bytes(&b).ok());
        let Some(signed) = signed else {
            return Ok(None);
        };
        let mut with = transcript.clone();
        if with.push(signed.clone()).is_err() {
            return Ok(None);
        }
        let attestation = Attestation::new(transcript, transcript.head(), signed.clone());
        Ok(Some((signed, attestation)))
    }

    /// Fetches what came before, checks it, and adds randomness.
    fn make(
        &self,
        ticket: &str,
        transcript: &Transcript,
        made: &[PathBuf],
        args: &ContributeArgs,
        entropy: Option<Entropy>,
    ) -> Result<(Signed, Attestation), Failure> {
        let d = transcript.descriptor();
        let bar = &mut Bar::new(self.cx.out);
        let ended = || {
            Failure::usage(
                "closed",
                "the last phase has ended",
                "See what became of it: tacit ceremony status URL",
            )
        };
        let stage = transcript.stage().ok_or_else(ended)?;
        let (number, count) = (transcript.count(), d.files_of(stage));
        // Phase 2 may have opened since this run began.
        self.prepare(transcript)?;
        if number > 0 || stage == Stage::Powers {
            for i in 0..count {
                self.remote.file(
                    self.layout(),
                    transcript,
                    &layout::step(d, stage, number, i),
                )?;
            }
        }
        if stage == Stage::Keys && matches!(d.powers, Powers::Fresh { .. }) && number == 0 {
            self.cx
                .out
                .note("You are the first: the initial keys were made here.");
        }
        let base = folder::base(self.layout(), transcript, bar).inspect_err(|_| {
            // The next run fetches them again.
            for i in 0..count {
                let _ = fs::remove_file(self.layout().path(&layout::step(d, stage, number, i)));
            }
        })?;
        let mut sign = || {
            let (key, label) = (self.key, args.label.clone());
            let at = now_ms() / 1000;
            contributor::sign(self.layout(), transcript, made, key, label, at, bar)
        };
        let Some(folder) = &args.by_hand else {
            if let Some(entropy) = entropy {
                let bar = &mut Bar::new(self.cx.out);
                contributor::contribute(&base, entropy, args.label.as_deref(), made, bar)?;
            }
            return Ok(sign()?);
        };
        let mut hands = self.by_hand(transcript, stage, folder, made)?;
        let mut told = false;
        loop {
            hands.take(ticket, self)?;
            let e = match sign() {
                Ok(signed) => return Ok(signed),
                Err(e) => e,
            };
            // Whoever makes it by hand puts a better one there. While it is being written, a file is cut off,
            // each time in another way: that is said once.
            let cut = matches!(&e, FolderError::Part(PartError::File(_)));
            if !(cut && told) {
                self.cx.out.note(format!(
                    "What lies there is no contribution yet: {}. Waiting for another file, as long as the turn lasts.",
                    hands.named(&e)
                ));
            }
            told = cut;
        }
    }

    /// Puts what the contribution starts from into a folder, and says what is to be put there.
    fn by_hand(
        &self,
        transcript: &Transcript,
        stage: Stage,
        folder: &Path,
        made: &[PathBuf],
    ) -> Result<Hands, Failure> {
        let d = transcript.descriptor();
        let mut files = Vec::new();
        fs::create_dir_all(folder).map_err(|e| Failure::folder(folder, &e))?;
        if stage == Stage::Keys {
            // What a key is checked against, on a machine that has nothing else.
            let circuits = (0..d.circuits.len()).map(|i| layout::circuit(d, i));
            for name in circuits.chain([layout::prepared()]) {
                let from = self.layout().path(&name);
                let to = folder.join(from.file_name().unwrap_or_default());
                fs::copy(&from, &to).map_err(|e| Failure::file("write", &to, &e))?;
            }
        }
        for (i, to) in made.iter().enumerate() {
            let from = self
                .layout()
                .path(&layout::step(d, stage, transcript.count(), i));
            let base = folder.join(from.file_name().unwrap_or_default());
            fs::copy(&from, &base).map_err(|e| Failure::file("write", &base, &e))?;
            let wanted = folder.join(to.file_name().unwrap_or_default());
            self.cx.out.note(format!(
                "Contribute to {}, and put the result into {}",
                base.display(),
                wanted.display()
            ));
            files.push((wanted, to.clone(), None));
        }
        Ok(Hands(files))
    }

    /// Signs of life, while the machine computes.
    fn stay(&self, ticket: &str, done: &AtomicBool) {
        let mut last = std::time::Instant::now();
        while !done.load(Ordering::SeqCst) {
            if last.elapsed() >= SIGN {
                // A call that fails is repeated soon enough.
                let _ = self.standing(ticket);
                last = std::time::Instant::now();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the coordinator has checked it.
    fn outcome(&self, ticket: &str) -> Result<(), Failure> {
        let spinner = self.cx.out.spinner("the coordinator checks it");
        loop {
            let standing = self.standing(ticket)?;
            match standing.state.as_str() {
                "accepted" => {
                    spinner.finish_and_clear();
                    return Ok(());
                }
                "checking" => std::thread::sleep(Duration::from_millis(200)),
                "refused" => {
                    return Err(Failure::check(
                        "refused",
                        format!(
                            "the coordinator refused it: {}",
                            standing.reason.unwrap_or_default()
                        ),
                        "Run the same command again. If it is refused again, tell the coordinator.",
                    ));
                }
                _ => {
                    return Err(Failure::not_yet(
                        "lost-place",
                        "the turn ended before the contribution was accepted",
                        "Run the same command again.",
                    ));
                }
            }
        }
    }
}

/// When a file was changed last, and its length.
type Seen = (SystemTime, u64);

/// Files that are made elsewhere: where they will be, where they go, and how one looked when it was taken.
struct Hands(Vec<(PathBuf, PathBuf, Option<Seen>)>);

impl Hands {
    /// An error in the words of whoever made the files: under the names that they gave them.
    fn named(&self, error: &FolderError) -> String {
        (self.0.iter()).fold(error.to_string(), |text, (from, to, _)| {
            text.replace(&to.display().to_string(), &from.display().to_string())
        })
    }

    /// Waits for files that weren't there the last time, and copies them.
    fn take(&mut self, ticket: &str, work: &Work<'_>) -> Result<(), Failure> {
        let look = |path: &Path| -> Option<Seen> {
            let found = fs::metadata(path).ok()?;
            (found.len() > 0).then_some((found.modified().ok()?, found.len()))
        };
        let (mut before, mut rounds) = (Vec::new(), 0u64);
        loop {
            // Programs write for a while: what is still being written isn't looked at.
            let now: Vec<_> = self.0.iter().map(|(at, ..)| look(at)).collect();
            let settled = now.iter().all(Option::is_some) && now == before;
            if settled && self.0.iter().zip(&now).any(|(f, now)| f.2 != *now) {
                break;
            }
            before = now;
            if rounds.is_multiple_of(STANDING) && work.standing(ticket)?.state != "turn" {
                return Err(Failure::not_yet(
                    "lost-place",
                    "the turn ended before there was a contribution",
                    "Run the same command again.",
                ));
            }
            rounds += 1;
            std::thread::sleep(ASK);
        }
        for ((from, to, taken), now) in self.0.iter_mut().zip(before) {
            fs::copy(&*from, &*to).map_err(|e| Failure::file("read", from, &e))?;
            *taken = now;
        }
        Ok(())
    }
}
