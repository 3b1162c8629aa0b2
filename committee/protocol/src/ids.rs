//! Ids: SHA-256 digests of what they name.

use crate::digest_newtype;

digest_newtype! {
    /// Hash of the founding file: what clients pin.
    Fingerprint
}
digest_newtype! {
    /// Id of a group: hash of its canonical creation.
    GroupId
}
digest_newtype! {
    /// Id of a statement: hash of everything its creator chose.
    StatementId
}
digest_newtype! {
    /// Id of an entry of the log: hash of its bytes.
    EntryId
}
digest_newtype! {
    /// Pseudonym of a person within one group: HMAC of the canonical identifier under the registrars' key.
    Subject
}
digest_newtype! {
    /// Commitment of a record to a member: SHA-256(domain ‖ canonical record ‖ salt).
    Binder
}
digest_newtype! {
    /// Hash of a constraint system.
    CircuitId
}

/// Position of an operator in the founding file's list, which is sorted by key. 0-based.
pub type NodeIndex = u16;
