//! A coordinator's published files, and calls to it.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tacit_ceremony::coordinator::MAX_PIECE;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::folder::{self, MAX_DESCRIPTOR, MAX_TRANSCRIPT};
use tacit_ceremony::transcript::Transcript;
use tacit_client::api::{Connector, ServiceError, ServiceUrl};
use tacit_files as files;

use super::bar::estimated;
use crate::context::Context;
use crate::failure::Failure;

/// How long a call may take, a piece of an upload included.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest JSON answer, in bytes.
const MAX_JSON: u64 = 64 << 20;

/// A coordinator.
pub struct Remote<'a> {
    cx: &'a Context,
    connector: Connector,
    url: ServiceUrl,
}

impl<'a> Remote<'a> {
    /// At this address.
    pub fn new(cx: &'a Context, url: &str) -> Result<Self, Failure> {
        Ok(Self {
            cx,
            connector: Connector::with_stall(PATIENCE),
            url: ServiceUrl::parse(url)?,
        })
    }

    /// Is this an address, not a folder?
    pub fn is_url(text: &str) -> bool {
        text.starts_with("http://") || text.starts_with("https://")
    }

    /// GET some JSON.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let bytes = self.connector.get(&self.url, path, MAX_JSON, PATIENCE);
        self.json(&bytes.map_err(|e| self.failure(e))?)
    }

    /// POST some JSON.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        // Structs of text and numbers always serialize.
        let body = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.send(path, "application/json", &body)?;
        self.json(&answer)
    }

    /// POST some bytes.
    pub fn send(&self, path: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        self.try_send(path, kind, body).map_err(|e| self.failure(e))
    }

    /// As [`Remote::send`], with the service's own error.
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
                "not-found" => {
                    Failure::usage("not-found", format!("{url} says: {p}"), p.advice.clone())
                }
                _ => Failure::usage("refused", format!("{url} says: {p}"), p.advice.clone()),
            },
        }
    }

    /// The rules and the transcript, written into a folder and checked.
    pub fn transcript(&self, layout: &Layout) -> Result<Transcript, Failure> {
        for (name, limit) in [
            (layout::DESCRIPTOR, MAX_DESCRIPTOR),
            (layout::TRANSCRIPT, MAX_TRANSCRIPT),
        ] {
            let path = format!("/v1/files/{name}");
            let bytes = self.connector.get(&self.url, &path, limit, PATIENCE);
            let bytes = bytes.map_err(|e| self.failure(e))?;
            let to = layout.path(name);
            make_parent(&to)?;
            files::replace(&to, &bytes).map_err(|e| Failure::file("write", &to, &e))?;
        }
        Ok(folder::read(layout)?)
    }

    /// A published file, into a folder. What is there already is kept, and a broken download goes on.
    pub fn file(&self, layout: &Layout, name: &str) -> Result<(), Failure> {
        let to = layout.path(name);
        if to.exists() {
            return Ok(());
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
        let spinner = self.cx.out.spinner(&format!("fetching {name}"));
        loop {
            let path = format!("/v1/files/{name}?offset={at}&length={MAX_PIECE}");
            let piece = self.connector.get(&self.url, &path, MAX_PIECE, PATIENCE);
            let piece = piece.map_err(|e| self.failure(e))?;
            file.write_all(&piece).map_err(failed)?;
            at += piece.len() as u64;
            spinner.set_message(format!("fetching {name}, {} KiB", at / 1024));
            if (piece.len() as u64) < MAX_PIECE {
                break;
            }
        }
        spinner.finish_and_clear();
        file.sync_all().map_err(failed)?;
        fs::rename(&part, &to).map_err(|e| Failure::file("write", &to, &e))
    }

    /// Uploads a file from where the coordinator has it already.
    pub fn upload(&self, path: &str, from: &Path, mut at: u64) -> Result<(), Failure> {
        use std::os::unix::fs::FileExt as _;
        let failed = |e: std::io::Error| Failure::file("read", from, &e);
        let file = fs::File::open(from).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let bar = estimated(&self.cx.out, length, "uploading");
        bar.set_position(at);
        while at < length {
            let mut piece = vec![0; (length - at).min(MAX_PIECE) as usize];
            file.read_exact_at(&mut piece, at).map_err(failed)?;
            self.send(
                &format!("{path}?offset={at}"),
                "application/octet-stream",
                &piece,
            )?;
            at += piece.len() as u64;
            bar.set_position(at);
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// Makes the folder that a file goes into.
pub fn make_parent(path: &Path) -> Result<(), Failure> {
    match path.parent() {
        Some(folder) => fs::create_dir_all(folder).map_err(|e| Failure::folder(folder, &e)),
        None => Ok(()),
    }
}
