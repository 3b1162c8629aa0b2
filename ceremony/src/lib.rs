//! Where proving keys come from. In this version only from one pair of hands: [`development`] keys,
//! which are marked wherever they are used.

#![forbid(unsafe_code)]

pub mod development;
