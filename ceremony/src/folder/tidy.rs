//! What an interruption left in a folder. Drafts, and what anybody can make again, are removed; all else
//! that no transcript names is put aside and never removed by this program: it may be somebody's
//! contribution. An interruption leaves the files of one contribution at most, so there are no more of
//! them than interruptions.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tacit_files as files;

use super::disk::{io_at, make_folder, sync};
use super::layout::{self, Layout};
use super::{FolderError, KEY_FILE};
use crate::parts::file_hash;
use crate::transcript::{Stage, Transcript};

/// Ends of the names of files that are being written.
const DRAFTS: [&str; 2] = [".part", ".new"];

pub(super) fn tidy(layout: &Layout, transcript: &Transcript) -> Result<(), FolderError> {
    let published = layout::published(transcript);
    for name in [layout::DESCRIPTOR, layout::TRANSCRIPT] {
        remove(&layout.path(&format!("{name}.new")))?;
    }
    remove(&layout.private().join(format!("{KEY_FILE}.new")))?;
    for folder in ["circuits", "finished"] {
        for path in list(&layout.path(folder))? {
            if is_draft(&path) {
                remove(&path)?;
            }
        }
    }
    for stage in [Stage::Powers, Stage::Keys] {
        let folder = layout.path(stage.word());
        for path in list(&folder)? {
            let Some(file) = path.file_name() else {
                continue;
            };
            let name = format!("{}/{}", stage.word(), file.to_string_lossy());
            if published.contains(&name) {
                continue;
            }
            if is_draft(&path) || layout::is_derived(&name) {
                remove(&path)?;
            } else {
                put_aside(layout, &path, &file.to_string_lossy())?;
            }
        }
    }
    Ok(())
}

/// A folder's files; none, if it isn't there.
fn list(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut paths = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(paths),
        other => other.map_err(io_at(folder))?,
    };
    for entry in entries {
        let path = entry.map_err(io_at(folder))?.path();
        if !path.is_dir() {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn is_draft(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    DRAFTS.iter().any(|end| name.ends_with(end))
}

fn remove(path: &Path) -> Result<(), FolderError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_at(path)(e)),
        _ => Ok(()),
    }
}

/// Puts aside what stands where a new file comes: somebody's contribution, perhaps, that the disk failed to
/// write down.
pub(super) fn make_room(layout: &Layout, path: &Path) -> Result<(), FolderError> {
    match path.file_name() {
        Some(name) if path.exists() => put_aside(layout, path, &name.to_string_lossy()),
        _ => Ok(()),
    }
}

/// Moves a file among those that no transcript names. The same bytes are kept once.
fn put_aside(layout: &Layout, path: &Path, name: &str) -> Result<(), FolderError> {
    let aside = layout.orphans();
    make_folder(&aside, files::create_folder)?;
    let mut to = aside.join(name);
    let mut more = 1u32;
    while to.exists() {
        if file_hash(&to)? == file_hash(path)? {
            return remove(path);
        }
        more += 1;
        to = aside.join(format!("{name}.{more}"));
    }
    fs::rename(path, &to).map_err(io_at(&to))?;
    tracing::warn!(file = %to.display(), "no transcript names this file: it was put aside");
    sync(&aside)
}
