//! Each rule of the policy with what just passes it and what just fails, and what must hold whatever comes.

mod allowance;
mod appeals;
mod discount;
mod given;
mod inputs;
mod properties;
mod slash;
mod strikes;
