//! The file formats of the snarkjs world, read and written. Hostile files are the input: nothing is
//! trusted but lengths that were compared, and nothing panics.

pub mod container;
pub mod json;
pub mod parameters;
pub mod ptau;
pub mod r1cs;
pub mod zkey;
