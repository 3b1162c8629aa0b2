//! Everything of a node that can be erased, and nothing else: one wrapping key per statement, the
//! small secrets under it (seeds and shares of key generation), and the sealed bodies.
//!
//! ```text
//! erasable/                      0700, its own folder, never part of a backup
//!   lock                         held while a process has the vault open
//!   keys/<statement>.key         the wrapping key, split anti-forensically over 1,000 sectors
//!   keys/<statement>.erasing     the same file once its erasure has begun
//!   secrets/<statement>.<name>.secret
//!   sealed/<statement>.bodies    append-only records
//!   erased/<statement>-<caveats> an empty file: this slot is erased for good
//! ```
//!
//! Secrets and bodies are encrypted under keys that follow from the statement's wrapping key and from
//! nothing else, and the wrapping key exists nowhere but in its file and in one locked page of memory.
//! So overwriting that one file destroys all of them at once, copies of the ciphertexts included.
//!
//! What this crate must never do: derive a key from anything that outlives a statement; write a secret
//! in clear; hand out a second value for a secret that may already have been used; report a thing as
//! stored that a power cut could take back; bring an erased slot back.
//!
//! All writes go through [`Disk`], whose every mutating call carries the name of the persistence step
//! that it is ([`steps`]). [`HostDisk`] is the machine's file system, [`FaultDisk`] a simulated one that
//! stops or loses power at a named step.

#![deny(unsafe_code)]

pub mod antiforensic;
mod bodies;
mod disk;
mod erase;
mod error;
mod fault_disk;
mod files;
mod hardening;
mod host_disk;
mod key_file;
mod layout;
pub mod limits;
mod memory;
mod permissions;
mod random;
mod recover;
mod seal;
mod secrets;
pub mod steps;
mod vault;

pub use disk::{Discard, Disk, Held, ReadBack};
pub use erase::Erasure;
pub use error::VaultError;
pub use fault_disk::{FaultDisk, Moment, Restart};
pub use hardening::harden_process;
pub use host_disk::HostDisk;
pub use key_file::KEY_FILE_LEN;
pub use permissions::{PermissionError, check_permissions};
pub use random::OsRandom;
pub use seal::SecretBytes;
pub use steps::Step;
pub use tacit_protocol::caveats::Caveats;
pub use vault::{SlotState, Vault};
