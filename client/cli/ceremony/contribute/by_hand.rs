//! Contributions that are made elsewhere: what they start from is put into a folder, and what is put beside it
//! is taken, as long as the turn lasts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tacit_ceremony::folder::FolderError;
use tacit_ceremony::folder::layout;
use tacit_ceremony::transcript::{Stage, Transcript};

use super::turn::ASK;
use super::work::Work;
use crate::failure::Failure;

/// Rounds of waiting for a file between two looks at whether the turn still lasts.
const STANDING: u64 = 10;

impl Work<'_> {
    /// Puts what the contribution starts from into a folder, and says what is to be put there.
    pub(super) fn by_hand(
        &self,
        transcript: &Transcript,
        stage: Stage,
        folder: &Path,
        made: &[PathBuf],
    ) -> Result<Hands, Failure> {
        let d = transcript.descriptor();
        let mut files = Vec::new();
        fs::create_dir_all(folder).map_err(|e| Failure::folder(folder, &e))?;
        if stage == Stage::Keys {
            // What a key is checked against, on a machine that has nothing else.
            let circuits = (0..d.circuits.len()).map(|i| layout::circuit(d, i));
            for name in circuits.chain([layout::prepared()]) {
                let from = self.layout().path(&name);
                let to = folder.join(from.file_name().unwrap_or_default());
                fs::copy(&from, &to).map_err(|e| Failure::file("write", &to, &e))?;
            }
        }
        for (i, to) in made.iter().enumerate() {
            let from = self
                .layout()
                .path(&layout::step(d, stage, transcript.count(), i));
            let base = folder.join(from.file_name().unwrap_or_default());
            fs::copy(&from, &base).map_err(|e| Failure::file("write", &base, &e))?;
            let wanted = folder.join(to.file_name().unwrap_or_default());
            self.cx.out.note(format!(
                "Contribute to {}, and put the result into {}",
                base.display(),
                wanted.display()
            ));
            files.push((wanted, to.clone(), None));
        }
        Ok(Hands(files))
    }
}

/// When a file was changed last, and its length.
type Seen = (SystemTime, u64);

/// Files that are made elsewhere: where they will be, where they go, and how one looked when it was taken.
pub(super) struct Hands(Vec<(PathBuf, PathBuf, Option<Seen>)>);

impl Hands {
    /// An error in the words of whoever made the files: under the names that they gave them.
    pub(super) fn named(&self, error: &FolderError) -> String {
        (self.0.iter()).fold(error.to_string(), |text, (from, to, _)| {
            text.replace(&to.display().to_string(), &from.display().to_string())
        })
    }

    /// Waits for files that weren't there the last time, and copies them.
    pub(super) fn take(&mut self, ticket: &str, work: &Work<'_>) -> Result<(), Failure> {
        let look = |path: &Path| -> Option<Seen> {
            let found = fs::metadata(path).ok()?;
            (found.len() > 0).then_some((found.modified().ok()?, found.len()))
        };
        let (mut before, mut rounds) = (Vec::new(), 0u64);
        loop {
            // Programs write for a while: what is still being written isn't looked at.
            let now: Vec<_> = self.0.iter().map(|(at, ..)| look(at)).collect();
            let settled = now.iter().all(Option::is_some) && now == before;
            if settled && self.0.iter().zip(&now).any(|(f, now)| f.2 != *now) {
                break;
            }
            before = now;
            if rounds.is_multiple_of(STANDING) {
                work.in_turn(ticket)?;
            }
            rounds += 1;
            std::thread::sleep(ASK);
        }
        for ((from, to, taken), now) in self.0.iter_mut().zip(before) {
            fs::copy(&*from, &*to).map_err(|e| Failure::file("read", from, &e))?;
            *taken = now;
        }
        Ok(())
    }
}
