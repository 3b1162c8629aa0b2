//! The coordinator's own steps, which take long: beacons and the end. While one works, the ceremony is
//! shown as it stands, and nothing is taken.

use thiserror::Error;

use super::errand::{Answer, Errand};
use super::{Coordinator, open_queue};
use crate::folder::{self, Folder, FolderError};
use crate::progress::{Progress, Silent};
use crate::transcript::{Evidence, Finished, Stage, TranscriptError};

/// Why a step isn't done.
#[derive(Debug, Error)]
pub enum StepError {
    /// Something else must end first.
    #[error("{0}")]
    Busy(&'static str),
    /// It can't be done.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The folder, away for a step. It comes back whatever happens.
struct Away<'a> {
    coordinator: &'a Coordinator,
    folder: Option<Folder>,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        let Some(folder) = self.folder.take() else {
            return;
        };
        let mut state = self.coordinator.lock();
        state.book.transcript = folder.transcript().clone();
        state.queue = open_queue(&state.book.transcript, &self.coordinator.preferred);
        state.folder = Some(folder);
        self.coordinator.moved(&state);
    }
}

impl Coordinator {
    /// Ends a phase with its beacon; one that has ended so has nothing to lose. In a rehearsal that may be
    /// before its closing: whose turn it is then loses it, by nobody's fault.
    ///
    /// # Errors
    /// [`StepError`]; nobody's turn has ended if it isn't due.
    pub fn end_phase(
        &self,
        stage: Stage,
        evidence: Evidence,
        now: u64,
        progress: &mut dyn Progress,
    ) -> Result<(), StepError> {
        if self.look(|book, _| book.transcript.ended_with(stage, &evidence)) {
            return Ok(());
        }
        let due = |folder: &Folder| {
            let d = folder.transcript().descriptor();
            let closes = d.closing_of(stage).map(|c| c.closes);
            if !d.rehearsal && closes.is_some_and(|closes| now < closes) {
                return Err(FolderError::NotDue("this phase has not closed yet"));
            }
            folder::due(folder.transcript(), stage, &evidence).map(drop)
        };
        let mut away = self.send_away(due)?;
        let folder = away.folder.as_mut().ok_or(BUSY)?;
        Ok(folder.end(stage, evidence, progress)?)
    }

    /// Writes the keys, and ends the ceremony.
    ///
    /// # Errors
    /// [`StepError`]
    pub fn finish(&self, progress: &mut dyn Progress) -> Result<Finished, StepError> {
        let due = |folder: &Folder| match folder.transcript().stage() {
            None => Ok(()),
            Some(_) => Err(FolderError::NotDue("the last phase has no beacon yet")),
        };
        let mut away = self.send_away(due)?;
        let folder = away.folder.as_mut().ok_or(BUSY)?;
        Ok(folder.finish(progress)?)
    }

    /// Does what a command asks for.
    pub fn run_errand(&self, errand: Errand, now: u64) -> Answer {
        let done = match errand {
            Errand::Beacon(stage, evidence) => self.end_phase(stage, evidence, now, &mut Silent),
            Errand::Finish => self.finish(&mut Silent).map(drop),
        };
        let Err(error) = done else {
            return Answer {
                wrong: None,
                detail: String::new(),
                advice: String::new(),
            };
        };
        let (word, advice) = match &error {
            StepError::Busy(_) => ("in-use", "Run it again in a moment."),
            StepError::Folder(
                FolderError::Evidence(_) | FolderError::Transcript(TranscriptError::Entry { .. }),
            ) => (
                "beacon",
                "Take the value from its source again; the rules can't be changed.",
            ),
            StepError::Folder(FolderError::NotDue(_)) => (
                "not-due",
                "tacit ceremony status shows how the ceremony stands.",
            ),
            StepError::Folder(_) => ("ceremony", "See the coordinator's log."),
        };
        tracing::warn!(%error, "a command's errand failed");
        Answer {
            wrong: Some(word.into()),
            detail: error.to_string(),
            advice: advice.into(),
        }
    }

    fn send_away(
        &self,
        due: impl FnOnce(&Folder) -> Result<(), FolderError>,
    ) -> Result<Away<'_>, StepError> {
        let mut state = self.lock();
        due(state.folder.as_ref().ok_or(BUSY)?)?;
        if state.queue.is_checking() {
            return Err(StepError::Busy("a contribution is being checked"));
        }
        state.queue.close();
        self.incoming.clear();
        self.moved(&state);
        let folder = state.folder.take();
        Ok(Away {
            coordinator: self,
            folder,
        })
    }
}

const BUSY: StepError = StepError::Busy("another step of the coordinator is not done yet");
