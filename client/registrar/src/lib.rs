//! A registrar: who is a verified person, and how that person's identity enters a group.
//!
//! A registrar keeps a roster, gives each person on it a one-time code, and attests the leaf that the
//! person brings with the code. k of a group's m registrars must attest the same before the log takes
//! a member, so no one registrar can invent people alone.
//!
//! ```text
//! DIR/registrar.key     Ed25519 seed, 0600
//! DIR/shared-secret     32 bytes that the group's registrars share, 0600
//! DIR/registrar.db      approved groups, rosters, hashes of codes, attestations given, 0600
//! ```
//!
//! What this crate must never do: see or store a member's secret, or anything about what a member signs;
//! store a code; let a code vouch for a second leaf; put a contact into a record; write down where a
//! request came from.

#![forbid(unsafe_code)]

pub mod approval;
pub mod card;
pub mod code;
pub mod codes;
pub mod enrolment;
pub mod error;
pub mod files;
pub mod http;
pub mod limits;
pub mod registrar;
pub mod roster;
mod store;
pub mod wire;

pub use card::RegistrarCard;
pub use code::{Code, CodeError};
pub use error::RegistrarError;
pub use registrar::{Attested, Invitation, InviteReport, IssuedCode, Registrar};
pub use roster::{Roster, RosterError, Row};
