//! A ceremony that somebody wants to check: its folder, or what its coordinator shows, fetched first.
//!
//! Which ceremony it is shows before anything long is done with it. What was fetched stays until it was
//! checked, so that a run that broke off goes on; what only a check needs never stays.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tacit_ceremony::folder;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::transcript::{CeremonyId, Transcript, TranscriptError};
use tacit_ceremony::verify::{Verified, VerifyError, verify};
use tacit_files as files;

use super::Bar;
use super::fetch::{LimitArgs, Remote};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::input;

/// Where ceremonies of others lie in the home.
const PLACE: &str = "ceremonies";
/// Who works in a folder holds this file in it.
const LOCK: &str = "lock";
/// How folders begin that only a running check needs.
const SCRATCH: &str = "scratch-";
/// How folders begin of files that were fetched to be checked.
const FETCHED: &str = "verify-";

fn place(cx: &Context) -> Result<PathBuf, Failure> {
    let place = cx.in_home(PLACE)?;
    fs::create_dir_all(&place).map_err(|e| Failure::folder(&place, &e))?;
    Ok(place)
}

fn lock_file(folder: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    options.open(folder.join(LOCK))
}

/// A folder that goes when it isn't needed any more. After Ctrl-C or a loss of power the next one takes it
/// along.
pub struct Scratch {
    path: PathBuf,
    _lock: File,
}

impl Scratch {
    /// A new one in the home.
    pub fn new(cx: &Context) -> Result<Self, Failure> {
        let place = place(cx)?;
        let failed = |e: std::io::Error| Failure::folder(&place, &e);
        // Between a folder and its lock nobody may think that it was left.
        let gate = lock_file(&place).map_err(failed)?;
        gate.lock().map_err(failed)?;
        remove_left(&place);
        let name = hex::encode(*input::randomness::<8>()?);
        let path = place.join(format!("{SCRATCH}{name}"));
        fs::create_dir(&path).map_err(|e| Failure::folder(&path, &e))?;
        let lock = lock_file(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed is public, and in the way of nobody.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes scratch folders whose owners don't run any more.
fn remove_left(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().starts_with(SCRATCH) {
            continue;
        }
        let path = entry.path();
        if lock_file(&path).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// A coordinator's files, on their way here.
struct Fetching<'a> {
    remote: Remote<'a>,
    _lock: File,
}

/// A ceremony of which the rules and the transcript were read, and no more.
pub struct Gathered<'a> {
    cx: &'a Context,
    /// Its transcript, in which every signature holds.
    pub transcript: Transcript,
    layout: Layout,
    fetching: Option<Fetching<'a>>,
    /// For what only the check needs.
    scratch: Scratch,
}

impl<'a> Gathered<'a> {
    /// Reads or fetches the rules and the transcript, and sees whether they are the wanted ceremony's.
    pub fn begin(
        from: &str,
        limit: LimitArgs,
        wanted: Option<CeremonyId>,
        cx: &'a Context,
    ) -> Result<Self, Failure> {
        if !Remote::is_url(from) {
            return Self::of_folder(Path::new(from), wanted, cx);
        }
        let remote = Remote::new(cx, from, limit)?;
        let scratch = Scratch::new(cx)?;
        let new = Layout::new(scratch.path());
        let transcript = remote.transcript(&new, |id| is_wanted(id, wanted))?;
        let root = place(cx)?.join(format!("{FETCHED}{}", transcript.id()));
        fs::create_dir_all(&root).map_err(|e| Failure::folder(&root, &e))?;
        let lock = lock_file(&root).map_err(|e| Failure::folder(&root, &e))?;
        if lock.try_lock().is_err() {
            return Err(Failure::not_yet(
                "in-use",
                format!(
                    "another tacit fetches this ceremony into {}",
                    root.display()
                ),
                "Wait until it has ended, or give another --home.",
            ));
        }
        let layout = Layout::new(&root);
        let before = folder::read(&layout);
        if !before.is_ok_and(|before| transcript.goes_on_from(&before)) {
            // Another past's files: what they hold says nothing about this one.
            empty(&root)?;
        }
        for name in [layout::DESCRIPTOR, layout::TRANSCRIPT] {
            let (from, to) = (new.path(name), layout.path(name));
            let bytes = fs::read(&from).map_err(|e| Failure::file("read", &from, &e))?;
            files::replace(&to, &bytes).map_err(|e| Failure::file("write", &to, &e))?;
        }
        Ok(Self {
            cx,
            transcript,
            layout,
            fetching: Some(Fetching {
                remote,
                _lock: lock,
            }),
            scratch,
        })
    }

    /// The same of a ceremony on this machine.
    pub fn of_folder(
        root: &Path,
        wanted: Option<CeremonyId>,
        cx: &'a Context,
    ) -> Result<Self, Failure> {
        let layout = Layout::new(root);
        let transcript = folder::read(&layout)?;
        is_wanted(transcript.id(), wanted)?;
        Ok(Self {
            cx,
            transcript,
            layout,
            fetching: None,
            scratch: Scratch::new(cx)?,
        })
    }

    /// Fetches what isn't here yet.
    pub fn complete(&self) -> Result<(), Failure> {
        let Some(fetching) = &self.fetching else {
            return Ok(());
        };
        let fetched = fetching.remote.everything(&self.layout, &self.transcript);
        fetched.inspect_err(|e| {
            // After a broken connection, or with a larger limit or disk, the next run goes on.
            if e.exit == Exit::CheckFailed {
                self.remove();
            }
        })
    }

    /// Verifies all of it, with a bar: the ceremony that it was at first, which may have grown meanwhile.
    /// What was fetched goes then, whatever came out.
    pub fn verify(&self) -> Result<Verified, VerifyError> {
        let bar = &mut Bar::new(self.cx.out);
        let verified = verify(self.layout.root(), self.scratch.path(), bar);
        self.remove();
        let verified = verified?;
        let (expected, found) = (*self.transcript.id(), *verified.transcript.id());
        if expected == found {
            return Ok(verified);
        }
        Err(VerifyError {
            name: "transcript",
            error: TranscriptError::OtherCeremony { expected, found }.into(),
            held: Vec::new(),
        })
    }

    fn remove(&self) {
        if self.fetching.is_some() {
            let _ = fs::remove_dir_all(self.layout.root());
        }
    }
}

/// Whether it is the ceremony that the person means.
pub fn is_wanted(id: &CeremonyId, wanted: Option<CeremonyId>) -> Result<(), Failure> {
    if wanted.is_none_or(|wanted| wanted == *id) {
        return Ok(());
    }
    Err(Failure::check(
        "other-ceremony",
        format!("this is the ceremony {id}, not the one that you named"),
        "Check the address and the id.",
    ))
}

/// Removes everything in a folder but its lock.
fn empty(root: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::folder(root, &e);
    for entry in fs::read_dir(root).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name() == LOCK {
            continue;
        }
        let path = entry.path();
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        removed.map_err(|e| Failure::file("remove", &path, &e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{context, town};
    use super::*;

    #[test]
    fn a_folder_that_becomes_another_ceremonys_between_two_looks_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let cx = context(place.path());
        let [first, second] = ["first", "second"].map(|name| place.path().join(name));
        drop(town(&first, 1));
        drop(town(&second, 2));
        let look = || Gathered::begin(first.to_str().unwrap(), LimitArgs::default(), None, &cx);
        let gathered = look().unwrap();
        let verified = gathered.verify().unwrap();
        assert_eq!(verified.transcript.id(), gathered.transcript.id());
        let gathered = look().unwrap();
        fs::remove_dir_all(&first).unwrap();
        fs::rename(&second, &first).unwrap();
        let refused = gathered.verify().unwrap_err();
        assert_eq!(refused.name, "transcript");
        assert!(refused.held.is_empty());
        let told = Failure::from(refused.error).problem;
        assert!(told.contains("is of the ceremony"), "{told}");
    }

    #[test]
    fn without_a_place_for_what_a_check_needs_nothing_is_checked() {
        let place = tempfile::tempdir().unwrap();
        let home = place.path().join("home");
        fs::create_dir(&home).unwrap();
        let cx = context(&home);
        let root = place.path().join("town");
        drop(town(&root, 1));
        fs::write(home.join(PLACE), b"").unwrap();
        let refused = Gathered::begin(root.to_str().unwrap(), LimitArgs::default(), None, &cx);
        assert_eq!(refused.err().map(|e| e.code), Some("file"));
    }
}
