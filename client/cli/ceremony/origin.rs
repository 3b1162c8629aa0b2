//! What a file of powers from another ceremony says of itself, for people.

use serde::Serialize;
use tacit_ceremony::origin::Origin;

use crate::output::{Output, counted, printable_line};

/// Names that are shown at most.
const SHOWN: usize = 100;

#[derive(Serialize)]
pub struct OriginView {
    blake2b: String,
    bytes: u64,
    contributions: usize,
    /// As they stand in the file; nobody has signed them.
    names: Vec<Option<String>>,
    beacon: Option<BeaconView>,
    /// The power of the ceremony that the file was cut from.
    cut_from: Option<u32>,
}

#[derive(Serialize)]
struct BeaconView {
    value: String,
    exponent: u8,
}

impl OriginView {
    pub fn new(origin: &Origin) -> Self {
        Self {
            blake2b: hex::encode(origin.hash),
            bytes: origin.bytes,
            contributions: origin.names.len(),
            names: origin.names.clone(),
            beacon: origin.beacon.as_ref().map(|beacon| BeaconView {
                value: hex::encode(&beacon.value),
                exponent: beacon.exponent,
            }),
            cut_from: origin.is_cut().then_some(origin.ceremony_power),
        }
    }

    pub fn print(&self, out: &Output) {
        out.line("          from a file that says of itself:");
        out.line(format!("          BLAKE2b-512 {}", self.blake2b));
        let name = |name: &Option<String>| match name {
            Some(name) if !name.is_empty() => printable_line(name),
            _ => "(no name)".into(),
        };
        let mut names: Vec<String> = self.names.iter().take(SHOWN).map(name).collect();
        if self.names.len() > SHOWN {
            names.push("…".into());
        }
        out.line(format!(
            "          {}: {}",
            counted(self.contributions as u64, "contribution"),
            names.join(", ")
        ));
        out.line(match &self.beacon {
            Some(beacon) => format!(
                "          then the beacon {}, hashed 2^{} times",
                beacon.value, beacon.exponent
            ),
            None => "          no beacon".into(),
        });
        if let Some(power) = self.cut_from {
            out.line(format!(
                "          cut from a ceremony of 2^{power}: it can be used, but not contributed to"
            ));
        }
    }
}
