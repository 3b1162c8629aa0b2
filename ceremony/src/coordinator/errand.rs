//! Errands: what a command asks of the coordinator that runs, by way of the folder's private part.
//!
//! Whoever may write there has the coordinator's key, so nothing is decided here by who asks. A request is
//! a file of its own, taken by renaming it; its answer is another. Whatever stops in between leaves files
//! that nobody heeds: the command asks again, or does it itself when no coordinator runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tacit_files as files;
use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

use crate::folder::layout::Layout;
use crate::transcript::Evidence;

/// Longest request or answer, in bytes.
const MAX_BYTES: u64 = 1 << 16;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// End the open phase with its beacon.
    Beacon(Evidence),
    /// Write the keys.
    Finish,
}

impl Encode for Errand {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Beacon(evidence) => {
                w.u8(1);
                evidence.encode(w);
            }
            Self::Finish => w.u8(2),
        }
    }
}

impl Decode for Errand {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Beacon(Decode::decode(r)?)),
            2 => Ok(Self::Finish),
            _ => Err(DecodeError::Invalid("an errand")),
        }
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Nothing: it is done. Else a stable word for what is wrong.
    pub wrong: Option<String>,
    /// The same in words.
    pub detail: String,
    /// What to do.
    pub advice: String,
}

/// What a command sees of its request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nobody has taken it, or it isn't done.
    Waiting,
    /// Done, or refused.
    Answered(Answer),
    /// Whoever took it is gone: ask again.
    Lost,
}

/// A request that a command made. Its files go with it.
#[derive(Debug)]
pub struct Asked(PathBuf);

/// A request that a coordinator has taken.
#[derive(Debug)]
pub struct Taken(PathBuf);

fn folder(layout: &Layout) -> PathBuf {
    layout.private().join("errands")
}

/// Asks.
///
/// # Errors
/// That it can't be written.
pub fn ask(layout: &Layout, errand: &Errand) -> io::Result<Asked> {
    let folder = folder(layout);
    if !folder.is_dir() {
        files::create_folder(&folder)?;
    }
    let mut name = [0; 8];
    getrandom::fill(&mut name).map_err(io::Error::other)?;
    let path = folder.join(format!("{}.ask", hex::encode(name)));
    files::replace(&path, &errand.to_bytes())?;
    Ok(Asked(path))
}

impl Asked {
    /// How it stands.
    ///
    /// # Errors
    /// That its answer can't be read.
    pub fn look(&self) -> io::Result<Seen> {
        // In this order: what is taken goes from the first to the second to the third.
        if self.0.exists() || self.0.with_extension("taken").exists() {
            return Ok(Seen::Waiting);
        }
        let Some(bytes) = files::read(&self.0.with_extension("answer"), MAX_BYTES)? else {
            return Ok(Seen::Lost);
        };
        let answer = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        Ok(Seen::Answered(answer))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        for end in ["ask", "answer"] {
            let _ = fs::remove_file(self.0.with_extension(end));
        }
    }
}

/// Takes a request, if there is one. One that can't be read is dropped.
pub fn take(layout: &Layout) -> Option<(Taken, Errand)> {
    let asked = |path: &PathBuf| path.extension().is_some_and(|e| e == "ask");
    let path = list(&folder(layout)).into_iter().find(asked)?;
    let taken = path.with_extension("taken");
    if let Err(error) = fs::rename(&path, &taken) {
        tracing::warn!(%error, "can't take an errand");
        return None;
    }
    let bytes = files::read(&taken, MAX_BYTES).ok().flatten();
    match bytes.and_then(|b| Errand::from_bytes(&b).ok()) {
        Some(errand) => Some((Taken(taken), errand)),
        None => {
            let _ = fs::remove_file(&taken);
            None
        }
    }
}

impl Taken {
    /// Tells what became of it.
    pub fn answer(self, answer: &Answer) {
        // Text always serializes.
        let bytes = serde_json::to_vec(answer).unwrap_or_default();
        if let Err(error) = files::replace(&self.0.with_extension("answer"), &bytes) {
            tracing::warn!(%error, "can't answer an errand");
        }
        let _ = fs::remove_file(&self.0);
    }
}

/// Drops what an earlier coordinator had taken, and answers that nobody waits for.
pub fn tidy(layout: &Layout) {
    for path in list(&folder(layout)) {
        if path.extension().is_none_or(|e| e != "ask") {
            let _ = fs::remove_file(path);
        }
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.path()).collect()
}
