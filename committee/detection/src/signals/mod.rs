//! What can be measured of a board: each signal is a function of its own, with its source.

pub(crate) mod appointments;
pub mod bursts;
pub mod chance;
pub mod closure;
pub mod covote;
pub mod dissent;
pub mod entropy;
pub mod given;
pub mod independence;
pub(crate) mod inside;
pub mod meetings;
pub mod order;
pub mod reciprocity;
pub mod significance;
pub mod support;
pub mod together;
pub mod twins;
