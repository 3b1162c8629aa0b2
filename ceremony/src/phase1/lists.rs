//! Copying a section from one file to another, in constant memory.

use crate::files::container::{FileError, SectionFile, SectionWriter};

const BUFFER: usize = 1 << 20;

/// Copies a section's body.
pub(crate) fn copy(
    from: &SectionFile,
    section: u32,
    to: &mut SectionWriter,
) -> Result<(), FileError> {
    let mut buffer = vec![0; BUFFER];
    let mut at = 0;
    while at < from.len(section) {
        let now = (from.len(section) - at).min(BUFFER as u64) as usize;
        let part = buffer.get_mut(..now).unwrap_or_default();
        from.read_at(section, at, part)?;
        to.write(part)?;
        at += now as u64;
    }
    Ok(())
}
