//! Finds vote rings: members who agreed to support each other's posts. It reads votes under pseudonyms,
//! and must never need, take or guess anything else about who somebody is.
//!
//! The way of the votes: [`read`] makes a [`votes::Votes`] from a file and says which rows it left out; each
//! [`votes::Board`] is judged on its own.

#![forbid(unsafe_code)]

pub mod calibrate;
pub mod economy;
pub mod epochs;
pub mod graph;
pub mod judge;
pub mod policy;
pub mod read;
pub mod report;
pub mod scan;
pub mod signals;
pub mod simulate;
pub mod validate;
pub mod votes;
pub mod windows;
pub mod words;
