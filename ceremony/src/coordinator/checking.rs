//! What was handed in, between its arrival and the verdict.

use std::path::{Path, PathBuf};

use crate::beacon::Rule;
use crate::files::container::FileError;
use crate::folder::layout::Layout;
use crate::folder::{self, FolderError};
use crate::parts::{PartError, file_hash};
use crate::phase1::PowersError;
use crate::phase2::KeyError;
use crate::progress::Silent;
use crate::transcript::{Contribution, Entry, EntryFault, Signed, Transcript, TranscriptError};

use tacit_protocol::keys::PublicKey;

/// What was handed in and isn't checked yet. Its entry is signed by whose turn it is, and its files are
/// those that the entry names: so what is wrong with them is its signer's fault.
pub struct Checking {
    pub(super) key: PublicKey,
    pub(super) signed: Signed,
    pub(super) files: Vec<PathBuf>,
    pub(super) layout: Layout,
    pub(super) transcript: Transcript,
}

/// The contribution that an entry is, if it is this key's and stands where the rules allow it. Else it is
/// nobody's, and costs nothing.
pub(super) fn own_entry<'a>(
    signed: &'a Signed,
    key: &PublicKey,
    transcript: &Transcript,
) -> Result<&'a Contribution, String> {
    let Entry::Contribution(c) = &signed.entry else {
        return Err("the entry is no contribution".into());
    };
    if c.contributor != *key {
        return Err("the entry is another contributor's".into());
    }
    let mut with = transcript.clone();
    match with.push(signed.clone()) {
        Ok(()) => Ok(c),
        Err(TranscriptError::Entry {
            fault: EntryFault::Signature,
            ..
        }) => Err("the entry is not signed by its contributor over the transcript as it is".into()),
        Err(e) => Err(e.to_string()),
    }
}

/// Whether the files are those that an entry names.
pub(super) fn same_files(c: &Contribution, files: &[PathBuf]) -> Result<bool, FolderError> {
    if c.parts.len() != files.len() {
        return Ok(false);
    }
    let same = |path: &Path, part: &crate::transcript::Part| {
        let (hash, bytes) = file_hash(path)?;
        Ok::<_, FolderError>(hash == part.file && bytes == part.bytes)
    };
    for (path, part) in files.iter().zip(&c.parts) {
        if !same(path, part)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Why it isn't accepted.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It breaks this rule: its signer's fault.
    Rule(String),
    /// It couldn't be checked, by the coordinator's own trouble: nobody's fault.
    Own(FolderError),
}

impl Checking {
    /// Whether it holds.
    pub(super) fn verdict(&self) -> Result<(), Wrong> {
        let c = own_entry(&self.signed, &self.key, &self.transcript).map_err(Wrong::Rule)?;
        // The coordinator's own files first: what is wrong with them is nobody else's fault.
        let before = folder::before(&self.layout, &self.transcript).map_err(Wrong::Own)?;
        let (rule, label) = (Rule::Open, c.label.as_deref());
        let parts = before
            .check(&self.files, &rule, label, &mut Silent)
            .map_err(|e| self.blame(e))?;
        if parts == c.parts {
            Ok(())
        } else {
            let rule = "the entry does not say what the files are";
            Err(Wrong::Rule(rule.into()))
        }
    }

    /// Whose fault an error is: a disk or a system that fails isn't the contributor's, nor is a file that
    /// isn't theirs. What is told has no path of the coordinator's in it.
    fn blame(&self, error: PartError) -> Wrong {
        let file = match &error {
            PartError::Randomness(_) => return Wrong::Own(error.into()),
            PartError::File(e)
            | PartError::Powers(PowersError::File(e))
            | PartError::Key(KeyError::File(e)) => e,
            _ => return Wrong::Rule(error.to_string()),
        };
        match file {
            FileError::Magic { path, expected } if self.files.contains(path) => {
                Wrong::Rule(format!("the file is not a .{expected} file"))
            }
            FileError::Format { path, fault } if self.files.contains(path) => {
                Wrong::Rule(fault.to_string())
            }
            _ => Wrong::Own(error.into()),
        }
    }
}
