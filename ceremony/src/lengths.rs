//! How long a ceremony's files can be, before they are there: from its rules and its signed entries.
//!
//! Whoever fetches a stranger's ceremony fetches no more than this, and reads no longer file.

use std::ops::RangeInclusive;

use crate::files::ptau::{self, Powers as List};
use crate::files::zkey;
use crate::folder::layout;
use crate::transcript::{Descriptor, Powers, Stage, Transcript};

/// Bytes of a container's head, and of each section's.
const HEAD: u64 = 12;

/// A file's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// The one that was signed, or that the rules give.
    Exactly(u64),
    /// What the rules leave room for.
    AtMost(u64),
}

impl Length {
    /// The most that it can be.
    pub fn most(self) -> u64 {
        match self {
            Self::Exactly(bytes) | Self::AtMost(bytes) => bytes,
        }
    }
}

/// A published file that who verifies needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its length.
    pub length: Length,
}

/// A file of powers that nobody has contributed to.
pub fn fresh_powers(power: u32) -> u64 {
    let list = |l: &List| l.count(power) * if l.in_g2() { 128 } else { 64 };
    let lists: u64 = List::ALL.iter().map(list).sum();
    HEAD + 7 * HEAD + 44 + 4 + lists
}

/// A file of powers with Lagrange forms, with as many contributions as there can be.
pub fn prepared_powers(power: u32) -> RangeInclusive<u64> {
    // Blocks of 1, 2, 4, … n points, and of tau in G1 also 2n.
    let blocks = (1u64 << (power + 1)) - 1;
    let forms = (2 * blocks + 1) * 64 + blocks * (128 + 64 + 64);
    let least = fresh_powers(power) + 4 * HEAD + forms;
    least..=least + u64::from(ptau::MAX_RECORDS) * ptau::MAX_RECORD
}

/// A file of a phase with so many contributions, at most.
pub fn step(descriptor: &Descriptor, stage: Stage, number: u32, index: usize) -> u64 {
    match stage {
        Stage::Powers => {
            fresh_powers(descriptor.powers.power()) + u64::from(number) * ptau::MAX_RECORD
        }
        Stage::Keys => {
            let circuit = descriptor.circuits.get(index);
            let (bytes, power) = circuit.map_or((0, 0), |c| (c.bytes, c.power));
            // A wire has 8 bytes of the circuit's file, a term 36; in the key a wire has 320 bytes, a term
            // 44, a public wire one term more, a row a point.
            let wires = bytes / 8;
            let terms = bytes / 36 + wires;
            let points = 320 * wires + 44 * terms + (64 << power);
            2_048 + points + u64::from(number) * zkey::MAX_RECORD
        }
    }
}

/// The files that who verifies a ceremony needs, but for its rules and transcript. Not what they make
/// themselves: initial keys, and powers that nobody has contributed to when somebody has.
pub fn wanted(transcript: &Transcript) -> Vec<Wanted> {
    let d = transcript.descriptor();
    let mut all = Vec::new();
    let mut want = |name: String, length: Length| all.push(Wanted { name, length });
    for (i, circuit) in d.circuits.iter().enumerate() {
        want(layout::circuit(d, i), Length::Exactly(circuit.bytes));
    }
    for stage in [Stage::Powers, Stage::Keys] {
        let steps = transcript.steps(stage);
        let fresh = matches!(d.powers, Powers::Fresh { .. });
        if stage == Stage::Powers && steps.is_empty() && fresh {
            let length = Length::Exactly(fresh_powers(d.powers.power()));
            want(layout::step(d, stage, 0, 0), length);
        }
        for ((parts, _), number) in steps.iter().zip(1..) {
            for (i, part) in parts.iter().enumerate() {
                want(
                    layout::step(d, stage, number, i),
                    Length::Exactly(part.bytes),
                );
            }
        }
    }
    if let Some(prepared) = transcript.prepared() {
        want(layout::prepared(), Length::Exactly(prepared.bytes));
    }
    if let Some(finished) = transcript.finished() {
        let steps = transcript.steps(Stage::Keys);
        let last = steps.last().map(|(parts, _)| *parts).unwrap_or_default();
        for (i, (keys, part)) in finished.circuits.iter().zip(last).enumerate() {
            // The same points in another order, without coefficients and records.
            let most = Length::AtMost(part.bytes.saturating_add(4_096));
            want(layout::key(&keys.proving_key), most);
            want(layout::key(&keys.verifying_key), most);
            // A point of 64 bytes in decimal.
            let most = part.bytes.saturating_mul(4).saturating_add(1 << 16);
            want(layout::verifying_json(d, i), Length::AtMost(most));
        }
    }
    all
}

/// A published file's length.
pub fn of(transcript: &Transcript, name: &str) -> Option<Length> {
    let found = wanted(transcript).into_iter().find(|w| w.name == name);
    found.map(|w| w.length)
}
