//! What follows from evidence: which votes count less, when a stake is at risk, and how a member gets it
//! back. Pure functions: no files, no clock, no chance; times, decisions and figures come in.
//!
//! Two measures, as far apart as what they cost an honest member. The [`discount`] is mild, automatic and
//! over as soon as the suspicion is: votes inside a suspected community count less, never nothing. A
//! [`slash`] takes from a stake, and so it needs structure *and* evidence of another kind, in two windows of
//! time, and a case that people can read. Then there are [`strikes`], each on evidence of its own, and
//! [`appeals`] before anything is carried out.
//!
//! Nothing here may ever run for a board with too few active members: every measure asks for an
//! [`inputs::ActiveMembers`], which can't be had for fewer than [`inputs::LEAST_ACTIVE`].

pub mod allowance;
pub mod appeals;
pub mod bars;
pub mod discount;
pub mod inputs;
pub mod slash;
pub mod strikes;
