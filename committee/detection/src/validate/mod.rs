//! How well a score tells rings from honest members: on boards with a ring planted, of which one part is for
//! tuning and the other only for reporting.

pub mod detection;
pub mod metrics;
