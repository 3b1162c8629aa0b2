//! A coordinator's published files, and calls to it.
//!
//! A coordinator may be hostile: of each file no more is fetched than the rules or a signed entry say it
//! has, and of all of them together no more than the limit; beside it, the rules and the transcript, each no
//! longer than it can be. Redirects are never followed.

pub mod patience;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::folder::{FolderError, MAX_DESCRIPTOR, MAX_TRANSCRIPT};
use tacit_ceremony::lengths::{self, Length};
use tacit_ceremony::transcript::{CeremonyId, Descriptor, Transcript, TranscriptError};
use tacit_client::api::{Connector, ServiceError, ServiceUrl};
use tacit_files as files;
use tacit_protocol::codec::Decode as _;

use crate::context::Context;
use crate::failure::Failure;
use crate::parse;

use patience::{Pace, Patience};

/// How long a call may take, a piece of an upload included.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a call may take whose answer is short: silence of a minute loses a place in the queue.
const SHORT: Duration = Duration::from_secs(20);
/// How long leaving may take, for somebody who wants to be gone.
const LEAVING: Duration = Duration::from_secs(5);
/// Seconds for which a piece of a file that doesn't come is asked for again, by whoever asks.
const AGAIN: u64 = 60;
/// Longest JSON answer, in bytes.
const MAX_JSON: u64 = 64 << 20;

/// A failure's name: the coordinator doesn't know the ticket, as after a restart.
pub const NO_TICKET: &str = "no-ticket";
/// A failure's name: the turn ended before there was a contribution.
pub const LOST_PLACE: &str = "lost-place";
/// A failure's name: the turn ended by the coordinator's own trouble, and what was contributed is as good as
/// before.
pub const FAILED: &str = "coordinator-failed";
/// A failure's name: the key has contributed to the phase.
pub const CONTRIBUTED: &str = "contributed";

/// Longest answer to a call about a place in the queue, in bytes.
const MAX_SHORT: u64 = 64 << 10;

/// How much is fetched at most.
#[derive(Debug, Clone, Copy, Args)]
pub struct LimitArgs {
    /// Fetch at most so many GiB of a ceremony's files; its rules and transcript aren't counted
    #[arg(long, value_name = "GIB", value_parser = parse::number::<u32>, default_value = "32")]
    max_download: u32,
}

impl Default for LimitArgs {
    fn default() -> Self {
        Self { max_download: 32 }
    }
}

impl LimitArgs {
    fn bytes(self) -> u64 {
        u64::from(self.max_download) << 30
    }
}

/// A coordinator.
pub struct Remote<'a> {
    cx: &'a Context,
    limit: u64,
    /// What may still be fetched.
    left: AtomicU64,
    connector: Connector,
    url: ServiceUrl,
    patience: Patience,
    /// Whose turn it is says so, and gets through however many others ask.
    ticket: Ticket,
}

/// The ticket of a place in the queue, while there is one.
type Ticket = Arc<Mutex<Option<String>>>;

fn held(ticket: &Ticket) -> Option<String> {
    ticket
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Leaves the queue, from wherever the program is.
#[derive(Clone)]
pub struct Leaver {
    connector: Connector,
    url: ServiceUrl,
    ticket: Ticket,
}

impl Leaver {
    /// Others needn't wait for somebody who has gone. If this fails, the clock does it.
    pub fn leave(&self) {
        let Some(ticket) = held(&self.ticket) else {
            return;
        };
        let path = format!("/v1/turns/{ticket}/leave");
        let json = "application/json";
        let _ = (self.connector).post(&self.url, &path, json, b"{}", MAX_SHORT, LEAVING);
    }
}

impl<'a> Remote<'a> {
    /// At this address, with a limit for all files together.
    pub fn new(cx: &'a Context, url: &str, limit: LimitArgs) -> Result<Self, Failure> {
        Ok(Self {
            cx,
            limit: limit.bytes(),
            left: AtomicU64::new(limit.bytes()),
            connector: Connector::with_stall(PATIENCE),
            url: ServiceUrl::parse(url)?,
            patience: Patience::default(),
            ticket: Ticket::default(),
        })
    }

    fn query(&self) -> String {
        held(&self.ticket).map_or(String::new(), |t| format!("ticket={t}"))
    }

    /// From now on calls are made with this ticket, or with none.
    pub fn hold(&self, ticket: Option<String>) {
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = ticket;
    }

    /// Who can leave the queue for this one.
    pub fn leaver(&self) -> Leaver {
        Leaver {
            connector: self.connector.clone(),
            url: self.url.clone(),
            ticket: self.ticket.clone(),
        }
    }

    /// Until then, Unix time in seconds, calls are made again as long as what is wrong can pass by itself.
    pub fn be_patient(&self, until: u64) {
        self.patience.last_until(until);
    }

    fn patiently<T>(
        &self,
        call: impl FnMut() -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.patience.bear(&self.cx.out, 0, call)
    }

    /// Is this an address, not a folder?
    pub fn is_url(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    /// GET some JSON.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let call = || self.connector.get(&self.url, path, MAX_JSON, PATIENCE);
        self.json(&self.patiently(call).map_err(|e| self.failure(e))?)
    }

    /// GET some short JSON, which comes soon or is asked for again.
    pub fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.patiently(|| self.ask_once(path));
        self.json(&answer.map_err(|e| self.failure(e))?)
    }

    /// As [`Remote::ask`], whatever comes of it.
    pub fn ask_once(&self, path: &str) -> Result<Vec<u8>, ServiceError> {
        self.connector.get(&self.url, path, MAX_SHORT, SHORT)
    }

    /// POST some JSON, which is made anew for each try.
    pub fn post<T: DeserializeOwned, B: Serialize>(
        &self,
        path: &str,
        body: impl Fn() -> B,
    ) -> Result<T, Failure> {
        let call = || {
            // Structs of text and numbers always serialize.
            let body = serde_json::to_vec(&body()).unwrap_or_default();
            let json = "application/json";
            self.connector
                .post(&self.url, path, json, &body, MAX_SHORT, SHORT)
        };
        self.json(&self.patiently(call).map_err(|e| self.failure(e))?)
    }

    /// POST some bytes, once.
    pub fn try_send(&self, path: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, ServiceError> {
        let connector = &self.connector;
        connector.post(&self.url, path, kind, body, MAX_JSON, PATIENCE)
    }

    /// What an answer says.
    pub fn json<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, Failure> {
        serde_json::from_slice(bytes).map_err(|_| {
            Failure::check(
                "bad-answer",
                format!("{} doesn't answer as a ceremony's coordinator", self.url),
                "Check the address.",
            )
        })
    }

    /// What an error means.
    pub fn failure(&self, e: ServiceError) -> Failure {
        let url = &self.url;
        match e {
            ServiceError::Transport(why) => Failure::unreachable(
                "unreachable",
                format!("{url} could not be reached: {why}"),
                "Check the address and your connection, and run the same command again.",
            ),
            ServiceError::BadAnswer(why) => {
                Failure::check("bad-answer", format!("{url}: {why}"), "Check the address.")
            }
            ServiceError::Problem(p) if p.is_busy() => {
                Failure::not_yet("busy", format!("{url} says: {p}"), p.advice.clone())
            }
            ServiceError::Problem(p) => match p.word() {
                "closed" => {
                    Failure::not_yet("closed", format!("{url} says: {p}"), p.advice.clone())
                }
                "ticket" => {
                    Failure::not_yet(NO_TICKET, format!("{url} says: {p}"), p.advice.clone())
                }
                "contributed" => {
                    Failure::usage(CONTRIBUTED, format!("{url} says: {p}"), p.advice.clone())
                }
                "not-your-turn" => {
                    Failure::not_yet(LOST_PLACE, format!("{url} says: {p}"), p.advice.clone())
                }
                "not-found" => {
                    Failure::usage("not-found", format!("{url} says: {p}"), p.advice.clone())
                }
                _ => Failure::usage("refused", format!("{url} says: {p}"), p.advice.clone()),
            },
        }
    }

    /// The rules and the transcript, written into a folder and checked: the bytes that came, whatever
    /// another run writes there. The transcript isn't asked for before the rules are those of a ceremony
    /// that somebody wants.
    pub fn transcript(
        &self,
        layout: &Layout,
        is_wanted: impl FnOnce(&CeremonyId) -> Result<(), Failure>,
    ) -> Result<Transcript, Failure> {
        let shown = |name: &str, limit: u64| {
            let path = format!("/v1/files/{name}?{}", self.query());
            let call = || self.connector.get(&self.url, &path, limit, PATIENCE);
            let bytes = self.patiently(call).map_err(|e| self.failure(e))?;
            let to = layout.path(name);
            make_parent(&to)?;
            files::replace(&to, &bytes).map_err(|e| Failure::file("write", &to, &e))?;
            Ok::<_, Failure>(bytes)
        };
        let rules = shown(layout::DESCRIPTOR, MAX_DESCRIPTOR)?;
        let descriptor = Descriptor::from_bytes(&rules).map_err(TranscriptError::from);
        let descriptor = descriptor.map_err(FolderError::from)?;
        is_wanted(&descriptor.id())?;
        let entries = shown(layout::TRANSCRIPT, MAX_TRANSCRIPT)?;
        Ok(Transcript::read(descriptor, &entries).map_err(FolderError::from)?)
    }

    /// All files that who verifies needs, into a folder.
    pub fn everything(&self, layout: &Layout, transcript: &Transcript) -> Result<(), Failure> {
        let wanted = lengths::wanted(transcript);
        let total = wanted.iter().map(|w| w.length.most());
        let total = total.fold(0, u64::saturating_add);
        if total > self.left.load(Ordering::SeqCst) {
            let longest = wanted.iter().max_by_key(|w| w.length.most());
            let longest = longest.map_or("", |w| w.name.as_str());
            return Err(self.too_much(
                format!(
                    "its {} files have {total} bytes, {longest} most",
                    wanted.len()
                ),
                total,
            ));
        }
        for file in &wanted {
            self.piecewise(layout, &file.name, file.length)?;
        }
        Ok(())
    }

    /// A published file, into a folder. What is there already is kept, and a broken download goes on.
    pub fn file(
        &self,
        layout: &Layout,
        transcript: &Transcript,
        name: &str,
    ) -> Result<(), Failure> {
        match lengths::of(transcript, name) {
            Some(length) => self.piecewise(layout, name, length),
            None => Err(Failure::check(
                "bad-answer",
                format!("no entry of the transcript names the file {name}"),
                "Tell the coordinator and the other contributors.",
            )),
        }
    }

    fn too_much(&self, what: String, bytes: u64) -> Failure {
        Failure::usage(
            "too-large",
            format!(
                "{} has more than may be fetched: {what}, and the limit is {} bytes",
                self.url, self.limit
            ),
            format!(
                "If the ceremony is worth it, give --max-download {}.",
                bytes.div_ceil(1 << 30)
            ),
        )
    }

    fn piecewise(&self, layout: &Layout, name: &str, length: Length) -> Result<(), Failure> {
        let to = layout.path(name);
        if to.exists() {
            return Ok(());
        }
        let (most, left) = (length.most(), self.left.load(Ordering::SeqCst));
        if most > left {
            let fetched = self.limit - left;
            let what = format!("{name} has {most} bytes, {fetched} were fetched before it");
            return Err(self.too_much(what, most.saturating_add(fetched)));
        }
        make_parent(&to)?;
        let part = to.with_extension("download");
        let failed = |e: std::io::Error| Failure::file("write", &part, &e);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&part)
            .map_err(failed)?;
        let mut at = file.metadata().map_err(failed)?.len();
        if at > most {
            // Another ceremony's, or another transcript's.
            file.set_len(0).map_err(failed)?;
            at = 0;
        }
        let start = at;
        let wrong = |what: &str| {
            Failure::check(
                "length",
                format!(
                    "{}: {name} is {what} than the {most} bytes that were signed or that the rules leave room for",
                    self.url
                ),
                "Don't rely on these files. Tell the coordinator and the contributors.",
            )
        };
        let spinner = self.cx.out.spinner(&format!("fetching {name}"));
        let mut pace = Pace::default();
        loop {
            // Where the end isn't known, one byte more than there may be shows a file that is too long.
            let more = match length {
                Length::Exactly(_) => most - at,
                Length::AtMost(_) => most - at + 1,
            };
            if more == 0 {
                break;
            }
            let mut asked = 0;
            let piece = self.patience.bear(&self.cx.out, AGAIN, || {
                asked = more.min(pace.bytes());
                let query = self.query();
                let path = format!("/v1/files/{name}?offset={at}&length={asked}&{query}");
                let began = Instant::now();
                let piece = self.connector.get(&self.url, &path, asked, PATIENCE);
                match &piece {
                    Ok(_) => pace.took(began.elapsed()),
                    Err(_) => pace.cut(),
                }
                piece
            });
            let piece = piece.map_err(|e| self.failure(e))?;
            at += piece.len() as u64;
            if at > most {
                return Err(wrong("longer"));
            }
            file.write_all(&piece).map_err(failed)?;
            spinner.set_message(format!(
                "fetching {name}, {} of {} KiB",
                at / 1024,
                most / 1024
            ));
            if (piece.len() as u64) < asked {
                break;
            }
        }
        spinner.finish_and_clear();
        if length == Length::Exactly(most) && at < most {
            // The next run doesn't go on with it.
            let _ = fs::remove_file(&part);
            return Err(wrong("shorter"));
        }
        let left = left.saturating_sub(at.saturating_sub(start));
        self.left.store(left, Ordering::SeqCst);
        file.sync_all().map_err(failed)?;
        fs::rename(&part, &to).map_err(|e| Failure::file("write", &to, &e))
    }
}

/// Makes the folder that a file goes into.
pub fn make_parent(path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(|e| Failure::folder(folder, &e)),
        None => Ok(()),
    }
}
