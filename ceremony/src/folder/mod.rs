//! A coordinator's folder: everything it has accepted, and nothing half.
//!
//! A contribution counts from the moment that the transcript on the disk names it, and its files have
//! their names before that. The transcript is replaced as a whole. So whatever step the machine stops at,
//! the folder holds the ceremony with the contribution or without it; files that no transcript names are
//! put aside when the folder is opened again.
//!
//! What the folder must never do: go on from a transcript that isn't the one on the disk, or remove what
//! somebody contributed.

mod accept;
mod checked;
mod create;
mod disk;
mod end;
pub mod layout;
mod tidy;

#[cfg(test)]
mod crash;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tacit_files as files;
use tacit_protocol::codec::Decode as _;
use tacit_protocol::keys::SigningKey;
use thiserror::Error;

use crate::blake2b::hash;
use crate::files::container::FileError;
use crate::parts::PartError;
use crate::phase2::SetupError;
use crate::transcript::{
    Descriptor, Entry, EvidenceError, Signed, Stage, Transcript, TranscriptError,
};
use disk::{done, io_at, sync, unwatched};
use layout::Layout;

pub use checked::{
    Base, Before, base, before, check_next, circuits, contribution_entry, make_initial, prepared,
};
pub use create::Start;
pub use disk::{Step, Steps};
pub use end::{KeyBytes, due, final_keys};

/// Longest descriptor, in bytes.
pub const MAX_DESCRIPTOR: u64 = 1 << 20;
/// Longest transcript, in bytes.
pub const MAX_TRANSCRIPT: u64 = 256 << 20;

const KEY_FILE: &str = "coordinator.key";

/// Why a folder can't be used, or something not accepted.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It can't be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no ceremony.
    #[error("there is no ceremony in {}", .0.display())]
    Missing(PathBuf),
    /// There is one already.
    #[error("there is a ceremony in {} already", .0.display())]
    Exists(PathBuf),
    /// Another process works on it.
    #[error("another tacit works on the ceremony in {}", .0.display())]
    Locked(PathBuf),
    /// A file that the transcript names isn't there, or isn't whole.
    #[error("{} is missing or cut short, and the transcript names it", .0.display())]
    Lost(PathBuf),
    /// The disk failed in the middle of replacing the transcript.
    #[error("the disk failed while the transcript in {} was written: which one it holds shows when it is opened again", .0.display())]
    Unsure(PathBuf),
    /// The key isn't the ceremony's coordinator's.
    #[error("the key in {} is not the ceremony's coordinator's", .0.display())]
    Key(PathBuf),
    /// The descriptor or transcript doesn't hold.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// A file doesn't hold.
    #[error(transparent)]
    Part(#[from] PartError),
    /// A circuit's constraints aren't those that the ceremony is for.
    #[error("the circuit {0} is not the one that the ceremony is for")]
    Circuit(String),
    /// The initial key can't be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The beacon isn't the rule's.
    #[error("the beacon is not the announced one: {0}")]
    Evidence(#[from] EvidenceError),
    /// Something that isn't due.
    #[error("{0}")]
    NotDue(&'static str),
}

impl From<FileError> for FolderError {
    fn from(e: FileError) -> Self {
        Self::Part(e.into())
    }
}

/// A ceremony's folder, open for its coordinator alone.
pub struct Folder {
    layout: Layout,
    transcript: Transcript,
    key: SigningKey,
    steps: Steps,
    /// The disk has failed so that nobody knows which transcript it holds.
    unsure: bool,
    _lock: File,
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Folder({})", self.layout.root().display())
    }
}

/// Reads the rules and the transcript of a ceremony's folder, and checks them.
///
/// # Errors
/// [`FolderError`]
pub fn read(layout: &Layout) -> Result<Transcript, FolderError> {
    let path = layout.path(layout::DESCRIPTOR);
    let bytes = files::read(&path, MAX_DESCRIPTOR).map_err(io_at(&path))?;
    let bytes = bytes.ok_or_else(|| FolderError::Missing(layout.root().to_path_buf()))?;
    let descriptor = Descriptor::from_bytes(&bytes).map_err(TranscriptError::from)?;
    let path = layout.path(layout::TRANSCRIPT);
    let bytes = files::read(&path, MAX_TRANSCRIPT).map_err(io_at(&path))?;
    let bytes = bytes.ok_or_else(|| FolderError::Missing(layout.root().to_path_buf()))?;
    Ok(Transcript::read(descriptor, &bytes)?)
}

impl Folder {
    /// Opens a ceremony's folder, alone, and puts aside what an interruption left.
    ///
    /// # Errors
    /// [`FolderError`]; [`FolderError::Lost`], if a file of an accepted contribution isn't there.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let layout = Layout::new(root);
        if !layout.path(layout::DESCRIPTOR).exists() {
            return Err(FolderError::Missing(root.to_path_buf()));
        }
        let lock = lock(&layout)?;
        Self::open_locked(layout, lock)
    }

    fn open_locked(layout: Layout, lock: File) -> Result<Self, FolderError> {
        let transcript = read(&layout)?;
        let path = layout.private().join(KEY_FILE);
        let key = read_key(&path)?;
        if key.public() != transcript.descriptor().coordinator {
            return Err(FolderError::Key(path));
        }
        // A process may have ended between giving files their names and syncing the folder. Whoever sees
        // from now on what stands there must see it after a loss of power, too.
        for folder in [Stage::Powers.word(), Stage::Keys.word()] {
            sync(&layout.path(folder))?;
        }
        sync(layout.root())?;
        all_there(&layout, &transcript)?;
        tidy::tidy(&layout, &transcript)?;
        Ok(Self {
            layout,
            transcript,
            key,
            steps: unwatched(),
            unsure: false,
            _lock: lock,
        })
    }

    /// Calls this after each step from now on.
    pub fn watch(&mut self, steps: Steps) {
        self.steps = steps;
    }

    /// Where the files lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The transcript.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    fn sign(&self, entry: Entry) -> Signed {
        entry.sign(self.transcript.id(), &self.transcript.head(), &self.key)
    }

    fn step(&mut self, step: Step) -> Result<(), FolderError> {
        done(&mut self.steps, step, self.layout.root())
    }

    /// Whether it is known what the disk holds. If not, nothing more is taken until it is opened again.
    pub fn is_sure(&self) -> bool {
        !self.unsure
    }

    fn sure(&self) -> Result<(), FolderError> {
        if self.unsure {
            return Err(FolderError::Unsure(self.layout.root().to_path_buf()));
        }
        Ok(())
    }

    /// Replaces the transcript. Whatever happens, the one in memory is afterwards the one on the disk, or
    /// the folder takes nothing more until it is opened again.
    fn commit(&mut self, with: Transcript) -> Result<(), FolderError> {
        let path = self.layout.path(layout::TRANSCRIPT);
        let (bytes, steps) = (with.to_bytes(), &mut self.steps);
        let written = files::publish_in_steps(&path, &bytes, &mut |s| steps(Step::Transcript(s)));
        let Err(error) = written else {
            self.transcript = with;
            return Ok(());
        };
        let before = self.transcript.head();
        match read(&self.layout).map(|found| found.head()) {
            // It failed before the new one had its name.
            Ok(found) if found == before => Err(io_at(&path)(error)),
            // The new one is there, and might not be after a loss of power: written once more, all of it.
            Ok(found) if found == with.head() => {
                self.transcript = with;
                files::publish(&path, &bytes).map_err(|_| self.lose())
            }
            _ => Err(self.lose()),
        }
    }

    fn lose(&mut self) -> FolderError {
        self.unsure = true;
        let error = FolderError::Unsure(self.layout.root().to_path_buf());
        tracing::error!(%error, "NOTHING MORE IS TAKEN: see to the disk, and start again");
        error
    }
}

/// Makes the folder this process's alone, for as long as the answer lives.
fn lock(layout: &Layout) -> Result<File, FolderError> {
    let path = layout.private().join("lock");
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let lock = options.open(&path).map_err(io_at(&path))?;
    lock.try_lock()
        .map_err(|_| FolderError::Locked(layout.root().to_path_buf()))?;
    Ok(lock)
}

/// Checks that every file that the transcript speaks of is there, with its length: what is lost is said
/// before anybody builds on it. The bytes are checked when something builds on them.
fn all_there(layout: &Layout, transcript: &Transcript) -> Result<(), FolderError> {
    let lost = |name: &str| Err(FolderError::Lost(layout.path(name)));
    for name in layout::published(transcript) {
        if !layout.path(&name).is_file() {
            return lost(&name);
        }
    }
    for stage in [Stage::Powers, Stage::Keys] {
        for ((parts, _), number) in transcript.steps(stage).into_iter().zip(1..) {
            for (i, part) in parts.iter().enumerate() {
                let name = layout::step(transcript.descriptor(), stage, number, i);
                if fs::metadata(layout.path(&name)).map_or(0, |m| m.len()) != part.bytes {
                    return lost(&name);
                }
            }
        }
    }
    Ok(())
}

fn read_key(path: &Path) -> Result<SigningKey, FolderError> {
    let bytes = files::read(path, 64).map_err(io_at(path))?;
    let bytes = zeroize::Zeroizing::new(bytes.unwrap_or_default());
    let mut seed = [0; 32];
    hex::decode_to_slice(&*bytes, &mut seed).map_err(|_| FolderError::Key(path.to_path_buf()))?;
    Ok(SigningKey::from_seed(seed))
}

/// BLAKE2b-512 of some bytes: an upload's own name.
pub(crate) fn name_of(bytes: &[u8]) -> String {
    hex::encode(hash(bytes).get(..16).unwrap_or_default())
}
