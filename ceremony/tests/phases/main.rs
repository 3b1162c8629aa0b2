//! Both phases from outside: each rule by a file that breaks it, other tools' verdicts on our files and ours
//! on theirs, and whole chains with whatever randomness.

mod beacons;
mod container;
mod keys;
mod oracles;
mod powers;
mod properties;
mod rogue;
mod scene;
mod sealing;
mod sections;
mod snarkjs;
mod successors;
