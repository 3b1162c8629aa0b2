//! The vault from the outside: what it keeps, what it refuses, what a crash leaves and what erasing
//! doesn't.

mod crashes;
mod damage;
mod erasure;
mod host;
mod model;
mod support;
