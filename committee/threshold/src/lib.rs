//! The committee's key for one statement: made by all, held as shares, used once to open a list.
//!
//! - [`state::DkgState`] folds the log's messages into a key generation's outcome, and names whoever
//!   dealt, complained or confirmed wrongly. It is public data only and deterministic: every node and
//!   every verifier computes the same from the same log.
//! - [`node::NodeSecrets`] is what one node contributes: each of its messages, and in the end its
//!   [`node::KeyShare`], is a pure function of one seed and the log, so that a restart repeats them
//!   byte for byte and erasing the seed erases them all.
//! - [`opening`] turns shares into partial decryptions with proofs, and a quorum of verified ones into
//!   the openings.
//!
//! Key generation is joint Feldman (Pedersen, Eurocrypt 1991) with commitments before openings and
//! proofs of possession; docs/protocol.md says why each check is there. With n nodes,
//! f = floor((n-1)/3) of them faulty, t = n - f shares open.
//!
//! Nothing here does I/O, reads a clock or draws randomness of its own. Seeds, shares and other secret
//! scalars are erased on drop, aren't `Copy` and print nothing; what arithmetic leaves on the stack,
//! Diffie-Hellman points among it, is not erased. Every decoded [`Point`](tacit_protocol::point::Point) is in the
//! prime subgroup, so no multiplication here needs a cofactor. Multiplications by secrets use the
//! curve's constant-time ladder; multi-scalar and windowed ones see public data only.

#![forbid(unsafe_code)]

mod cipher;
mod committee;
mod curve;
mod fault;
mod judge;
pub mod node;
pub mod opening;
mod outcome;
mod proofs;
mod sharing;
pub mod state;

#[cfg(test)]
mod tests;

pub use committee::{Committee, CommitteeError, DkgContext};
pub use fault::{Blame, Fault, Phase};
pub use judge::{
    Deals, Participants, Seen, Verdict, VerifiedDeal, VerifiedKey, commitment, judge_complaint,
    judge_confirm, judge_deal, judge_keys,
};
pub use outcome::Outcome;
