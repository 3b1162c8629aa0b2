//! What a contributor keeps of a ceremony: its rules, and the longest transcript that they were shown.
//!
//! It is what a coordinator is held to who shows somebody else's past, or cuts one off. So what is kept must
//! never give way to what wasn't compared with it first: else a fork that was shown once would be the past
//! that the next run compares with.

use std::fmt;

use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::folder::{self, FolderError};
use tacit_ceremony::transcript::{CeremonyId, Transcript};
use tacit_files as files;
use tacit_protocol::codec::Encode as _;
use thiserror::Error;

use super::fetch::make_parent;
use crate::failure::Failure;

/// Why what a coordinator shows is not what it showed before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Astray {
    /// Another ceremony altogether.
    #[error("the coordinator shows the ceremony {found} now, and this is about {expected}")]
    OtherCeremony {
        /// The one that this is about.
        expected: CeremonyId,
        /// The one that is shown.
        found: CeremonyId,
    },
    /// Another past, or less of it.
    #[error("the coordinator shows another transcript than before: it was forked, or cut")]
    Forked,
}

impl From<Astray> for Failure {
    fn from(e: Astray) -> Self {
        const TELL: &str =
            "Tell the other contributors. What was shown before is in --home, under ceremonies.";
        match e {
            Astray::OtherCeremony { .. } => Failure::check("other-ceremony", e, TELL),
            Astray::Forked => Failure::check("forked", e, TELL),
        }
    }
}

/// A transcript only ever grows: one that was seen before is the beginning of every later one of the same
/// ceremony.
fn goes_on(before: &Transcript, now: &Transcript) -> Result<(), Astray> {
    same(before.id(), now.id())?;
    match now.goes_on_from(before) {
        true => Ok(()),
        false => Err(Astray::Forked),
    }
}

fn same(expected: &CeremonyId, found: &CeremonyId) -> Result<(), Astray> {
    if found == expected {
        return Ok(());
    }
    let (expected, found) = (*expected, *found);
    Err(Astray::OtherCeremony { expected, found })
}

/// A ceremony's folder in a contributor's home.
pub struct Kept {
    layout: Layout,
    id: CeremonyId,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.id)
    }
}

impl Kept {
    /// Of this ceremony, in this folder.
    pub fn new(layout: Layout, id: CeremonyId) -> Self {
        Self { layout, id }
    }

    /// Where it and the ceremony's other files lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether a ceremony is this one.
    ///
    /// # Errors
    /// [`Astray::OtherCeremony`] as a failure.
    pub fn is_it(&self, found: &CeremonyId) -> Result<(), Failure> {
        Ok(same(&self.id, found)?)
    }

    /// Keeps a transcript, if it is of this ceremony and goes on from the one that is kept.
    ///
    /// # Errors
    /// [`Astray`] as a failure: all stays as it was. Also if what is kept can't be read: then nobody knows
    /// what was shown.
    pub fn keep(&self, now: &Transcript) -> Result<(), Failure> {
        same(&self.id, now.id())?;
        match folder::read(&self.layout) {
            Ok(before) => goes_on(&before, now)?,
            Err(FolderError::Missing(_)) => {}
            Err(e) => return Err(e.into()),
        }
        for (name, bytes) in [
            (layout::DESCRIPTOR, now.descriptor().to_bytes()),
            (layout::TRANSCRIPT, now.to_bytes()),
        ] {
            let to = self.layout.path(name);
            make_parent(&to)?;
            files::replace(&to, &bytes).map_err(|e| Failure::file("write", &to, &e))?;
        }
        Ok(())
    }
}
