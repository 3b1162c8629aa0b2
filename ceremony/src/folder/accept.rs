//! What the open phase takes: contributions, and turns that came to nothing.

use std::fs;
use std::path::PathBuf;

use super::disk::{io_at, sync};
use super::{Folder, FolderError, Step, layout, tidy};
use crate::transcript::{Entry, Missed, Signed};

impl Folder {
    /// Accepts a contribution whose files were checked, from where they were uploaded to.
    ///
    /// # Errors
    /// [`FolderError`]; the transcript is as before, except with [`FolderError::Unsure`].
    pub fn accept(&mut self, signed: Signed, uploaded: &[PathBuf]) -> Result<(), FolderError> {
        self.sure()?;
        let mut with = self.transcript.clone();
        with.push(signed)?;
        let (d, number) = (with.descriptor().clone(), self.transcript.count() + 1);
        let stage = self
            .transcript
            .stage()
            .ok_or(FolderError::NotDue("the last phase has ended"))?;
        for path in uploaded {
            sync(path)?;
        }
        self.step(Step::FilesSynced)?;
        for (i, path) in uploaded.iter().enumerate() {
            let to = self.layout.path(&layout::step(&d, stage, number, i));
            tidy::make_room(&self.layout, &to)?;
            fs::rename(path, &to).map_err(io_at(&to))?;
            self.step(Step::FileNamed)?;
        }
        sync(&self.layout.path(stage.word()))?;
        self.step(Step::FolderSynced)?;
        self.commit(with)
    }

    /// Writes down that somebody's turn came to nothing.
    ///
    /// # Errors
    /// [`FolderError`]
    pub fn missed(&mut self, missed: Missed) -> Result<(), FolderError> {
        self.sure()?;
        let signed = self.sign(Entry::Missed(missed));
        let mut with = self.transcript.clone();
        with.push(signed)?;
        self.commit(with)
    }
}
