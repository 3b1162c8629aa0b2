//! How a folder's state gets onto the disk: the steps, each with a name, and what makes them last.
//!
//! Nothing here may leave a file under its name before all its bytes are on the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tacit_files as files;

use super::FolderError;

/// The steps of a change of the folder. Tests stop at each; nothing else looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A file that this program makes is there, whole, durable and under its name. Nothing names it yet.
    Made(&'static str),
    /// An uploaded contribution's bytes are on the disk.
    FilesSynced,
    /// One of its files has its name.
    FileNamed,
    /// So have all, after a loss of power too.
    FolderSynced,
    /// A step of replacing the transcript.
    Transcript(files::Step),
    /// A step of writing the rules: the last one makes a folder a ceremony's.
    Rules(files::Step),
}

/// Called after each step; an error stops there.
pub type Steps = Box<dyn FnMut(Step) -> io::Result<()> + Send>;

/// No one looks.
pub(super) fn unwatched() -> Steps {
    Box::new(|_| Ok(()))
}

/// Says that a step is done.
pub(super) fn done(steps: &mut Steps, step: Step, at: &Path) -> Result<(), FolderError> {
    steps(step).map_err(io_at(at))
}

pub(super) fn io_at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_path_buf();
    move |error| FolderError::Io { path, error }
}

/// Makes a file's bytes, or a folder's names, outlast a loss of power.
pub(super) fn sync(path: &Path) -> Result<(), FolderError> {
    let synced = File::open(path).and_then(|f| f.sync_all());
    synced.map_err(io_at(path))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a folder, and those around it, so that they outlast a loss of power.
pub(super) fn make_folder(
    path: &Path,
    make: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), FolderError> {
    let missing = path.ancestors().take_while(|p| !p.exists());
    let missing: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
    make(path).map_err(io_at(path))?;
    for new in missing.iter().filter(|p| !p.as_os_str().is_empty()) {
        sync(parent(new))?;
    }
    Ok(())
}

/// Copies a file: under its new name there are all of its bytes, or what was there before.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), FolderError> {
    let mut draft = to.as_os_str().to_os_string();
    draft.push(".part");
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_at(&draft)(e)),
        _ => {}
    }
    fs::copy(from, &draft).map_err(io_at(from))?;
    sync(&draft)?;
    fs::rename(&draft, to).map_err(io_at(to))?;
    sync(parent(to))
}
