//! Who does the coordinator's long steps: this process, or the service that has the folder open.

use std::path::Path;
use std::time::Duration;

use tacit_ceremony::coordinator::errand::{self, Answer, Errand, Seen};
use tacit_ceremony::folder::layout::Layout;
use tacit_ceremony::folder::{self, Folder, FolderError};
use tacit_ceremony::transcript::{Evidence, Stage, Transcript};

use super::Bar;
use crate::context::Context;
use crate::failure::Failure;

/// How often an answer is looked for.
const ASK: Duration = Duration::from_millis(200);

/// A ceremony's folder, or the coordinator that has it open.
pub enum Hand {
    /// This process has it.
    Own(Box<Folder>),
    /// A service has it: it is asked.
    Serving(Layout, Transcript),
}

impl Hand {
    /// Of a folder.
    pub fn of(path: &Path) -> Result<Self, Failure> {
        match Folder::open(path) {
            Ok(folder) => Ok(Self::Own(Box::new(folder))),
            Err(FolderError::Locked(_)) => {
                let layout = Layout::new(path);
                let transcript = folder::read(&layout)?;
                Ok(Self::Serving(layout, transcript))
            }
            Err(e) => Err(e.into()),
        }
    }

    /// The transcript.
    pub fn transcript(&self) -> &Transcript {
        match self {
            Self::Own(folder) => folder.transcript(),
            Self::Serving(_, transcript) => transcript,
        }
    }

    /// Whether a service has the folder open.
    pub fn is_served(&self) -> bool {
        matches!(self, Self::Serving(..))
    }

    /// Ends this phase with its beacon, and makes what the next one starts from.
    pub fn cast(&mut self, stage: Stage, evidence: Evidence, cx: &Context) -> Result<(), Failure> {
        self.run(&Errand::Beacon(stage, evidence), cx)
    }

    /// Writes the keys, and ends the ceremony.
    pub fn finish(&mut self, cx: &Context) -> Result<(), Failure> {
        self.run(&Errand::Finish, cx)
    }

    fn run(&mut self, errand: &Errand, cx: &Context) -> Result<(), Failure> {
        let layout = match self {
            Self::Own(folder) => return by_itself(folder, errand, cx),
            Self::Serving(layout, _) => layout.clone(),
        };
        let spinner = cx
            .out
            .spinner("the coordinator that serves the folder does it");
        let failed = |e: std::io::Error| Failure::folder(&layout.private(), &e);
        let mut asked = errand::ask(&layout, errand).map_err(failed)?;
        loop {
            match asked.look().map_err(failed)? {
                Seen::Answered(answer) => {
                    spinner.finish_and_clear();
                    told(answer)?;
                    *self = Self::Serving(layout.clone(), folder::read(&layout)?);
                    return Ok(());
                }
                Seen::Lost => asked = errand::ask(&layout, errand).map_err(failed)?,
                Seen::Waiting => {}
            }
            match Folder::open(layout.root()) {
                // It was stopped, or whoever had the folder was no service.
                Ok(mut folder) => {
                    drop(asked);
                    spinner.finish_and_clear();
                    let done = by_itself(&mut folder, errand, cx);
                    *self = Self::Own(Box::new(folder));
                    return done;
                }
                Err(FolderError::Locked(_)) => std::thread::sleep(ASK),
                Err(e) => {
                    spinner.finish_and_clear();
                    return Err(e.into());
                }
            }
        }
    }
}

fn by_itself(folder: &mut Folder, errand: &Errand, cx: &Context) -> Result<(), Failure> {
    let bar = &mut Bar::new(cx.out);
    match errand {
        Errand::Beacon(stage, evidence) => folder.end(*stage, evidence.clone(), bar)?,
        Errand::Finish => folder.finish(bar).map(drop)?,
    }
    Ok(())
}

/// What the service answered.
fn told(answer: Answer) -> Result<(), Failure> {
    let (problem, advice) = (answer.detail, answer.advice);
    match answer.wrong.as_deref() {
        None => Ok(()),
        Some("in-use") => Err(Failure::not_yet("in-use", problem, advice)),
        Some("not-due") => Err(Failure::not_yet("not-due", problem, advice)),
        Some("beacon") => Err(Failure::check("beacon", problem, advice)),
        Some(_) => Err(Failure::check("ceremony", problem, advice)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::testing::{context, town};
    use super::*;

    #[test]
    fn a_folder_that_nobody_can_open_any_more_is_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let cx = context(place.path());
        let root = place.path().join("town");
        let served = town(&root, 1);
        let mut hand = Hand::of(&root).unwrap();
        assert!(hand.is_served());
        // The service ends, and doesn't start again.
        fs::remove_file(root.join("powers/0000.ptau")).unwrap();
        drop(served);
        let refused = hand.finish(&cx).unwrap_err();
        assert_eq!(refused.code, "lost");
        let errands = fs::read_dir(root.join("private/errands")).unwrap();
        assert_eq!(errands.count(), 0, "nothing is left asked for");
    }
}
