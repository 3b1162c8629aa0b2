//! What was handed in, between its arrival and the verdict.

use std::path::{Path, PathBuf};

use crate::beacon::Rule;
use crate::folder::layout::Layout;
use crate::folder::{self, FolderError};
use crate::parts::{PartError, file_hash};
use crate::progress::Silent;
use crate::transcript::{Contribution, Entry, EntryFault, Signed, Transcript, TranscriptError};

use tacit_protocol::keys::PublicKey;

/// What was handed in and isn't checked yet. Its entry is signed by whose turn it is, and its files are
/// those that the entry names: so what is wrong with them is its signer's fault.
pub struct Checking {
    pub(super) ticket: String,
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

impl Checking {
    /// The rule that it breaks, if any.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let c = own_entry(&self.signed, &self.key, &self.transcript)?;
        let (layout, transcript) = (&self.layout, &self.transcript);
        let rule = Rule::Open;
        let parts = folder::check_next(
            layout,
            transcript,
            &self.files,
            &rule,
            c.label.as_deref(),
            &mut Silent,
        )
        .map_err(|e| without_paths(&e))?;
        if parts == c.parts {
            Ok(())
        } else {
            Err("the entry does not say what the files are".into())
        }
    }
}

/// An error about an uploaded file, without the coordinator's own paths.
fn without_paths(error: &FolderError) -> String {
    use crate::files::container::FileError;
    use crate::phase1::PowersError;
    use crate::phase2::KeyError;
    let file = match error {
        FolderError::Part(PartError::File(e))
        | FolderError::Part(PartError::Powers(PowersError::File(e)))
        | FolderError::Part(PartError::Key(KeyError::File(e))) => e,
        other => return other.to_string(),
    };
    match file {
        FileError::Io { error, .. } => format!("the file can't be read: {error}"),
        FileError::Magic { expected, .. } => format!("the file is not a .{expected} file"),
        FileError::Format { fault, .. } => fault.to_string(),
    }
}
