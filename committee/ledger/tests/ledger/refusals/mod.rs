//! Each rule of `apply`, broken alone: refused by name when it is submitted, when a block holds it, and
//! left out when one is built.

mod entries;
mod erasure;
mod groups;
mod keygen;
mod opening;
mod signing;
mod statements;
