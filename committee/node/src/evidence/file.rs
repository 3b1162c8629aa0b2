//! The node's file of evidence, `evidence.jsonl`: a line for each contradiction that this node has seen.
//!
//! The log can't hold it, since it is about the votes that make the log. Nothing that was written is ever
//! changed or removed, each contradiction is written once, and what is there is synced before the next.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};
use tacit_protocol::founding::Founding;
use tacit_protocol::hash::{Digest, Hasher};
use tracing::warn;

use super::{Evidence, OnEvidence};

/// Longest line that is read back, in bytes: two votes have some hundred.
const MAX_LINE: u64 = 64 * 1024;
/// Lines about one node. Its word is broken long before; the rest would only fill the disk.
pub const MAX_PER_NODE: usize = 1000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Key of the node that signed both votes, hex.
    pub key: String,
    /// Its operator's name in the founding file.
    pub operator: Option<String>,
    /// What it did, in words.
    pub offence: String,
    /// In which view.
    pub view: u64,
    /// Both votes in the engine's encoding, hex.
    pub votes: String,
}

/// The file, open for adding to it.
pub struct EvidenceFile {
    path: PathBuf,
    operators: Vec<(Vec<u8>, String)>,
    /// What is in it already.
    seen: BTreeSet<Digest>,
    /// How many lines are about each key.
    lines: BTreeMap<String, usize>,
    /// Whether its last line lacks its end: a crash or a full disk tore it.
    torn: bool,
}

impl EvidenceFile {
    /// The file at `path`, or none yet. Lines that can't be read, such as one that a crash tore, are left
    /// alone: they are no reason not to start.
    pub fn open(path: &Path, founding: &Founding) -> io::Result<Self> {
        let mut file = Self {
            path: path.to_path_buf(),
            operators: founding
                .operators
                .iter()
                .map(|o| (o.key.0.to_vec(), o.name.clone()))
                .collect(),
            seen: BTreeSet::new(),
            lines: BTreeMap::new(),
            torn: false,
        };
        let mut reader = match File::open(path) {
            Ok(found) => BufReader::new(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(file),
            Err(error) => return Err(error),
        };
        loop {
            let mut bytes = Vec::new();
            reader
                .by_ref()
                .take(MAX_LINE)
                .read_until(b'\n', &mut bytes)?;
            if bytes.is_empty() {
                return Ok(file);
            }
            file.torn = bytes.last() != Some(&b'\n');
            match serde_json::from_slice::<Line>(&bytes) {
                Ok(line) => file.note(&line),
                Err(_) => {
                    warn!(path = %path.display(), "a line of the evidence file can't be read; it is left as it is");
                }
            }
        }
    }

    fn note(&mut self, line: &Line) {
        if self.seen.insert(digest(line)) {
            *self.lines.entry(line.key.clone()).or_default() += 1;
        }
    }

    /// Adds evidence, durably, unless it is there already or its node has enough of them: whether it was
    /// added.
    pub fn keep(&mut self, evidence: &Evidence) -> io::Result<bool> {
        let key = evidence.node.as_ref();
        let operator = self.operators.iter().find(|(k, _)| k == key);
        let line = Line {
            key: hex::encode(key),
            operator: operator.map(|(_, name)| name.clone()),
            offence: evidence.offence.to_string(),
            view: evidence.view,
            votes: hex::encode(&evidence.votes),
        };
        let known = self.seen.contains(&digest(&line));
        if known
            || self
                .lines
                .get(&line.key)
                .is_some_and(|n| *n >= MAX_PER_NODE)
        {
            return Ok(false);
        }
        let mut bytes = Vec::new();
        if self.torn {
            // What was torn stays a line of its own, and this one can be read.
            bytes.push(b'\n');
        }
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        self.torn = true;
        let created = !self.path.exists();
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        if created && let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.torn = false;
        self.note(&line);
        Ok(true)
    }
}

/// Names a contradiction: only ever compared on this machine.
fn digest(line: &Line) -> Digest {
    Hasher::new("tacit/evidence/v1")
        .chain(line.view.to_be_bytes())
        .chain_var(line.votes.as_bytes())
        .finish()
}

/// Writes evidence on a thread of its own, since whoever has it must not wait for the disk.
pub struct Keeper {
    thread: JoinHandle<()>,
    /// `None` ends the thread.
    tell: mpsc::Sender<Option<Evidence>>,
}

impl Keeper {
    /// Opens the file at `path`; the handle tells the keeper, whose thread ends with [`Keeper::finish`].
    pub fn start(path: &Path, founding: &Founding) -> io::Result<(Self, OnEvidence)> {
        let mut file = EvidenceFile::open(path, founding)?;
        let (tell, told) = mpsc::channel::<Option<Evidence>>();
        let thread = thread::Builder::new()
            .name("evidence".into())
            .spawn(move || {
                for evidence in told.into_iter().map_while(|evidence| evidence) {
                    if let Err(error) = file.keep(&evidence) {
                        warn!(path = %file.path.display(), %error, "evidence can't be kept");
                    }
                }
            })?;
        let teller = tell.clone();
        let on_evidence: OnEvidence = Arc::new(move |evidence| drop(teller.send(Some(evidence))));
        Ok((Self { thread, tell }, on_evidence))
    }

    /// Waits until everything that was told is written. What is told afterwards is dropped. Blocks.
    pub fn finish(self) {
        drop(self.tell.send(None));
        if self.thread.join().is_err() {
            warn!("the keeper of the evidence has panicked");
        }
    }
}
