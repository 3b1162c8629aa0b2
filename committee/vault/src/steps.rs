//! The named persistence steps: every change that the vault makes to a disk is one of these, so a test
//! can stop or cut the power before, in the middle of and after each.

use std::fmt;

/// Name of one persistence step. Other users of [`Disk`](crate::Disk) declare their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(&'static str);

impl Step {
    /// A step called `name`, by convention `operation/what-it-does`.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The step's name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

macro_rules! steps {
    ($($(#[$list_doc:meta])* $list:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* })*) => {
        $(
            $($(#[$doc])* pub const $name: Step = Step::new($text);)*
            $(#[$list_doc])*
            pub const $list: &[Step] = &[$($name),*];
        )*
        /// Every step of the vault.
        pub const ALL: &[Step] = &[$($($name),*),*];
    };
}

steps! {
    /// Steps of opening the vault, recovery after a crash included.
    OPEN {
        /// Creates the erasable folder or one of its four parts.
        OPEN_CREATE_FOLDER = "open/create-folder",
        /// Makes the folders' names durable.
        OPEN_SYNC_FOLDER = "open/sync-folder",
        /// Makes durable which files exist, before anything is concluded from it.
        OPEN_SYNC_NAMES = "open/sync-names",
        /// Removes a file that an interrupted creation left.
        OPEN_REMOVE_LEFTOVER = "open/remove-leftover",
        /// Makes those removals durable.
        OPEN_SYNC_REMOVED = "open/sync-removed",
        /// Creates a statement's missing file of bodies.
        OPEN_CREATE_BODIES = "open/create-bodies",
        /// Makes those files' names durable.
        OPEN_SYNC_CREATED = "open/sync-created",
        /// Makes durable what a stopped process had written but not synced.
        OPEN_SYNC_BODIES = "open/sync-bodies",
        /// Cuts off a torn tail.
        OPEN_TRUNCATE_BODIES = "open/truncate-bodies",
        /// Makes the cut durable.
        OPEN_SYNC_TRUNCATED = "open/sync-truncated",
    }
    /// Steps of creating a slot.
    SLOT {
        /// Removes a key file that an earlier attempt of this process left half-made.
        SLOT_REMOVE_STALE = "slot/remove-stale",
        /// Creates the empty file of bodies.
        SLOT_CREATE_BODIES = "slot/create-bodies",
        /// Makes its name durable.
        SLOT_SYNC_BODIES = "slot/sync-bodies",
        /// Creates the key file under a temporary name, with all its sectors allocated.
        SLOT_CREATE_KEY = "slot/create-key",
        /// Writes the split wrapping key.
        SLOT_WRITE_KEY = "slot/write-key",
        /// Makes it durable.
        SLOT_SYNC_KEY = "slot/sync-key",
        /// Gives the key file its name: from here on the slot exists.
        SLOT_RENAME_KEY = "slot/rename-key",
        /// Makes the name durable.
        SLOT_SYNC_NAME = "slot/sync-name",
    }
    /// Steps of storing a secret.
    SECRET {
        /// Removes a file that an earlier attempt of this process left half-made.
        SECRET_REMOVE_STALE = "secret/remove-stale",
        /// Creates the secret's file under a temporary name.
        SECRET_CREATE = "secret/create",
        /// Writes the encrypted secret.
        SECRET_WRITE = "secret/write",
        /// Makes it durable.
        SECRET_SYNC = "secret/sync",
        /// Gives the file its name: from here on this is the secret's one value.
        SECRET_RENAME = "secret/rename",
        /// Makes the name durable.
        SECRET_SYNC_NAME = "secret/sync-name",
    }
    /// Steps of storing and dropping bodies.
    BODIES {
        /// Appends a batch of encrypted bodies.
        BODIES_APPEND = "bodies/append",
        /// Makes the batch durable: the one sync.
        BODIES_SYNC = "bodies/sync",
        /// Appends the record that drops a body.
        BODIES_APPEND_DROP = "bodies/append-drop",
        /// Makes it durable.
        BODIES_SYNC_DROP = "bodies/sync-drop",
        /// Cuts off what a failed append (a full disk) left.
        BODIES_UNDO = "bodies/undo",
    }
    /// Steps of erasing a slot.
    ERASE {
        /// Removes the key file of a creation that failed.
        ERASE_REMOVE_STALE = "erase/remove-stale",
        /// Renames the key file: from here on the slot can only be erased.
        ERASE_RENAME_KEY = "erase/rename-key",
        /// Makes that durable.
        ERASE_SYNC_NAME = "erase/sync-name",
        /// Overwrites the key file in place.
        ERASE_OVERWRITE = "erase/overwrite",
        /// Makes the overwriting durable.
        ERASE_SYNC_OVERWRITTEN = "erase/sync-overwritten",
        /// Creates the tombstone, or gives it other caveats.
        ERASE_TOMBSTONE = "erase/tombstone",
        /// Makes the tombstone durable.
        ERASE_SYNC_TOMBSTONE = "erase/sync-tombstone",
        /// Removes one of the statement's secrets or its bodies.
        ERASE_REMOVE_SEALED = "erase/remove-sealed",
        /// Makes those removals durable.
        ERASE_SYNC_SEALED = "erase/sync-sealed",
        /// Gives the key file's sectors back.
        ERASE_DISCARD = "erase/discard",
        /// Makes that durable.
        ERASE_SYNC_DISCARDED = "erase/sync-discarded",
        /// Notes in the tombstone that the discard succeeded.
        ERASE_NOTE_DISCARD = "erase/note-discard",
        /// Makes the note durable.
        ERASE_SYNC_NOTE = "erase/sync-note",
        /// Removes the key file: from here on the slot is erased.
        ERASE_REMOVE_KEY = "erase/remove-key",
        /// Makes that durable.
        ERASE_SYNC_REMOVED = "erase/sync-removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_steps_share_a_name() {
        let names: std::collections::BTreeSet<_> = ALL.iter().map(|s| s.name()).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
