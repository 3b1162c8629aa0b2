//! Bundles of real lives, with real proofs: good ones verify, and nothing else does.

mod flips;
mod journeys;
mod lies;
mod lives;
mod proofs;
mod scale;
mod tampering;
