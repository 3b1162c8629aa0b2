//! Errands: what a command asks of the coordinator that runs, by way of the folder's private part.
//!
//! Whoever may write there has the coordinator's key, so nothing is decided here by who asks. A request is
//! a file of its own, taken by renaming it; its answer is another. Whatever stops in between leaves files
//! that nobody heeds: the command asks again, or does it itself when no coordinator runs. A request of a
//! command that isn't there any more is dropped: the command holds a lock as long as it waits.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tacit_files as files;
use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

use crate::folder::layout::Layout;
use crate::transcript::{Evidence, Stage};

/// Longest request or answer, in bytes.
const MAX_BYTES: u64 = 1 << 16;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Errand {
    /// End this phase with its beacon. Once it has ended so, asking again changes nothing.
    Beacon(Stage, Evidence),
    /// Write the keys.
    Finish,
}

impl Encode for Errand {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Beacon(stage, evidence) => {
                w.u8(1);
                stage.encode(w);
                evidence.encode(w);
            }
            Self::Finish => w.u8(2),
        }
    }
}

impl Decode for Errand {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Beacon(Decode::decode(r)?, Decode::decode(r)?)),
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
pub struct Asked {
    path: PathBuf,
    /// Locked as long as the command is there.
    _here: File,
}

/// A request that a coordinator has taken. If it is dropped without an answer, that is one too.
#[derive(Debug)]
pub struct Taken {
    path: PathBuf,
    answered: bool,
}

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
    let mut options = File::options();
    let options = files::private(options.write(true).create_new(true));
    let here = options.open(path.with_extension("here"))?;
    here.lock()?;
    files::replace(&path, &errand.to_bytes())?;
    Ok(Asked { path, _here: here })
}

impl Asked {
    /// How it stands.
    ///
    /// # Errors
    /// That its answer can't be read.
    pub fn look(&self) -> io::Result<Seen> {
        // In this order: what is taken goes from the first to the second to the third.
        if self.path.exists() || self.path.with_extension("taken").exists() {
            return Ok(Seen::Waiting);
        }
        let Some(bytes) = files::read(&self.path.with_extension("answer"), MAX_BYTES)? else {
            return Ok(Seen::Lost);
        };
        let answer = serde_json::from_slice(&bytes).map_err(io::Error::other)?;
        Ok(Seen::Answered(answer))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        for end in ["ask", "answer", "here"] {
            let _ = fs::remove_file(self.path.with_extension(end));
        }
    }
}

/// Takes a request, if there is one. One that can't be read, or whose command has gone, is dropped.
pub fn take(layout: &Layout) -> Option<(Taken, Errand)> {
    let asked = |path: &PathBuf| path.extension().is_some_and(|e| e == "ask");
    let path = list(&folder(layout)).into_iter().find(asked)?;
    if is_left(&path) {
        tracing::info!("a command's errand is dropped: the command has gone");
        for end in ["ask", "here"] {
            let _ = fs::remove_file(path.with_extension(end));
        }
        return None;
    }
    let taken = path.with_extension("taken");
    if let Err(error) = fs::rename(&path, &taken) {
        tracing::warn!(%error, "can't take an errand");
        return None;
    }
    let bytes = files::read(&taken, MAX_BYTES).ok().flatten();
    match bytes.and_then(|b| Errand::from_bytes(&b).ok()) {
        Some(errand) => {
            let (path, answered) = (taken, false);
            Some((Taken { path, answered }, errand))
        }
        None => {
            let _ = fs::remove_file(&taken);
            None
        }
    }
}

/// Whether the command that asked has gone.
fn is_left(path: &Path) -> bool {
    match File::open(path.with_extension("here")) {
        Ok(here) => here.try_lock().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

impl Taken {
    /// Tells what became of it.
    pub fn answer(mut self, answer: &Answer) {
        self.write(answer);
    }

    fn write(&mut self, answer: &Answer) {
        self.answered = true;
        // Text always serializes.
        let bytes = serde_json::to_vec(answer).unwrap_or_default();
        if let Err(error) = files::replace(&self.path.with_extension("answer"), &bytes) {
            tracing::warn!(%error, "can't answer an errand");
        }
        let _ = fs::remove_file(&self.path);
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if !self.answered {
            self.write(&Answer {
                wrong: Some("ceremony".into()),
                detail: "the coordinator failed in the middle of it".into(),
                advice: "See the coordinator's log; tacit ceremony status shows how the ceremony stands.".into(),
            });
        }
    }
}

/// Drops what an earlier coordinator had taken, and answers that nobody waits for.
pub fn tidy(layout: &Layout) {
    for path in list(&folder(layout)) {
        if path.extension().is_none_or(|e| e != "ask" && e != "here") {
            let _ = fs::remove_file(path);
        }
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|e| e.path()).collect()
}
