//! A new ceremony's folder. It is a ceremony's when its rules stand there, which are written last.

use std::fs;
use std::path::{Path, PathBuf};

use tacit_files as files;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::keys::SigningKey;

use super::disk::{copy, done, io_at, make_folder, sync, unwatched};
use super::layout::{self, Layout};
use super::{Folder, FolderError, KEY_FILE, Step, Steps, checked, lock};
use crate::files::r1cs::R1cs;
use crate::parts::file_hash;
use crate::phase1;
use crate::progress::Progress;
use crate::transcript::{Descriptor, Powers, Stage, Transcript};

/// What a ceremony starts from.
#[derive(Debug)]
pub struct Start {
    /// The rules.
    pub descriptor: Descriptor,
    /// The circuits, in the rules' order.
    pub circuits: Vec<R1cs>,
    /// The file of powers, if they exist already: prepared.
    pub powers: Option<PathBuf>,
}

impl Folder {
    /// Makes a ceremony's folder. The coordinator's key is kept in it. What an interrupted call left is
    /// made again.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn create(
        root: &Path,
        start: &Start,
        key: &SigningKey,
        progress: &mut dyn Progress,
    ) -> Result<Self, FolderError> {
        Self::create_in_steps(root, start, key, progress, unwatched())
    }

    /// As [`Folder::create`]; `steps` is called after each step.
    pub(super) fn create_in_steps(
        root: &Path,
        start: &Start,
        key: &SigningKey,
        progress: &mut dyn Progress,
        mut steps: Steps,
    ) -> Result<Self, FolderError> {
        let layout = Layout::new(root);
        let d = &start.descriptor;
        if layout.path(layout::DESCRIPTOR).exists() {
            return Err(FolderError::Exists(root.to_path_buf()));
        }
        let transcript = Transcript::new(d.clone())?;
        // What is published anybody may read, as far as the system lets them; not what is private.
        make_folder(root, |path| fs::create_dir_all(path))?;
        make_folder(&layout.incoming(), files::create_folder)?;
        let lock = lock(&layout)?;
        // Between the first look and the lock another process may have made one. And somebody's ceremony
        // without its rules is none, but what was contributed to it isn't written over.
        let path = layout.path(layout::TRANSCRIPT);
        let empty = transcript.to_bytes().len() as u64;
        if layout.path(layout::DESCRIPTOR).exists()
            || fs::metadata(&path).is_ok_and(|m| m.len() > empty)
        {
            return Err(FolderError::Exists(root.to_path_buf()));
        }
        for folder in ["circuits", "powers", "keys", "finished"] {
            make_folder(&layout.path(folder), |path| fs::create_dir_all(path))?;
        }
        done(&mut steps, Step::Made("folders"), root)?;
        for (i, circuit) in start.circuits.iter().enumerate() {
            circuit.write(&layout.path(&layout::circuit(d, i)))?;
            done(&mut steps, Step::Made("circuit"), root)?;
        }
        checked::circuits(&layout, d)?;
        match (&d.powers, &start.powers) {
            (Powers::Fresh { power, .. }, _) => {
                let path = layout.path(&layout::step(d, Stage::Powers, 0, 0));
                phase1::create(&path, *power)?;
                done(&mut steps, Step::Made("powers"), root)?;
            }
            (Powers::Existing { hash, .. }, Some(from)) => {
                let to = layout.path(&layout::prepared());
                // What stands there may be half a copy, or one that no disk has yet.
                if to.is_file() && file_hash(&to)?.0 == *hash {
                    sync(&to)?;
                    sync(&layout.path(Stage::Powers.word()))?;
                } else {
                    copy(from, &to)?;
                }
                done(&mut steps, Step::Made("powers"), root)?;
                let powers = checked::prepared(&layout, &transcript, progress)?;
                checked::make_initial(&layout, d, &powers, progress)?;
                done(&mut steps, Step::Made("initial keys"), root)?;
            }
            (Powers::Existing { .. }, None) => {
                return Err(FolderError::NotDue("the file of powers is missing"));
            }
        }
        let path = layout.private().join(KEY_FILE);
        let text = zeroize::Zeroizing::new(hex::encode(key.expose()));
        files::replace(&path, text.as_bytes()).map_err(io_at(&path))?;
        done(&mut steps, Step::Made("coordinator's key"), root)?;
        let path = layout.path(layout::TRANSCRIPT);
        files::publish_in_steps(&path, &transcript.to_bytes(), &mut |s| {
            steps(Step::Transcript(s))
        })
        .map_err(io_at(&path))?;
        // Last: what makes it a ceremony.
        let path = layout.path(layout::DESCRIPTOR);
        files::publish_in_steps(&path, &d.to_bytes(), &mut |s| steps(Step::Rules(s)))
            .map_err(io_at(&path))?;
        Self::open_locked(layout, lock)
    }
}
