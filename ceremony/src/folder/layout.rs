//! Where a ceremony's files lie, in a folder or under a coordinator's `/v1/files`.

use std::path::{Path, PathBuf};

use crate::transcript::{Descriptor, Powers, Stage, Transcript};

/// The ceremony's rules.
pub const DESCRIPTOR: &str = "ceremony.bin";
/// The signed transcript.
pub const TRANSCRIPT: &str = "transcript.bin";
/// What isn't published.
pub const PRIVATE: &str = "private";

/// Paths within a ceremony's folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// A circuit's constraints.
pub fn circuit(descriptor: &Descriptor, index: usize) -> String {
    format!("circuits/{}.r1cs", circuit_name(descriptor, index))
}

/// The powers, prepared: what phase 2 starts from.
pub fn prepared() -> String {
    "powers/prepared.ptau".into()
}

/// A file of a phase: 0 is what it starts from, the last one the beacon's.
pub fn step(descriptor: &Descriptor, stage: Stage, number: u32, index: usize) -> String {
    match stage {
        Stage::Powers => format!("powers/{number:04}.ptau"),
        Stage::Keys => format!("keys/{number:04}-{}.zkey", circuit_name(descriptor, index)),
    }
}

/// A finished key's file, which bears its hash.
pub fn key(hash: &tacit_protocol::hash::Digest) -> String {
    format!("finished/{}", crate::development::key_file(hash))
}

/// A circuit's finished verifying key, as snarkjs's verifiers read it.
pub fn verifying_json(descriptor: &Descriptor, index: usize) -> String {
    format!(
        "finished/{}-verification_key.json",
        circuit_name(descriptor, index)
    )
}

/// Whether a file follows from others, so that anybody can make it again: what a phase starts from.
pub fn is_derived(name: &str) -> bool {
    name == prepared() || name.starts_with("powers/0000.") || name.starts_with("keys/0000-")
}

fn circuit_name(descriptor: &Descriptor, index: usize) -> &str {
    descriptor
        .circuits
        .get(index)
        .map_or("unknown", |c| c.name.as_str())
}

/// Every file that the transcript speaks of, beside itself and the rules.
pub fn published(transcript: &Transcript) -> Vec<String> {
    let d = transcript.descriptor();
    let mut names: Vec<String> = (0..d.circuits.len()).map(|i| circuit(d, i)).collect();
    for stage in [Stage::Powers, Stage::Keys] {
        let steps = transcript.steps(stage).len() as u32;
        let existing = matches!(d.powers, Powers::Existing { .. });
        let reached = transcript.stage().is_none_or(|open| open >= stage);
        if stage == Stage::Powers && existing || !reached {
            continue;
        }
        for number in 0..=steps {
            names.extend((0..d.files_of(stage)).map(|i| step(d, stage, number, i)));
        }
    }
    if transcript.stage() != Some(Stage::Powers) {
        names.push(prepared());
    }
    if let Some(finished) = transcript.finished() {
        for circuit in &finished.circuits {
            names.push(key(&circuit.proving_key));
            names.push(key(&circuit.verifying_key));
        }
        names.extend((0..d.circuits.len()).map(|i| verifying_json(d, i)));
    }
    names
}

/// Every file that a coordinator publishes: the rules, the transcript and all that it speaks of.
pub fn all(transcript: &Transcript) -> Vec<String> {
    let mut names = vec![DESCRIPTOR.to_owned(), TRANSCRIPT.to_owned()];
    names.extend(published(transcript));
    names
}

impl Layout {
    /// Of a folder.
    pub fn new(root: &Path) -> Self {
        let root = root.to_path_buf();
        Self { root }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A published file's path.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The coordinator's key, the lock, unfinished uploads and what an interruption left.
    pub fn private(&self) -> PathBuf {
        self.root.join(PRIVATE)
    }

    /// Files that no transcript names: somebody's contribution, perhaps.
    pub fn orphans(&self) -> PathBuf {
        self.private().join("orphans")
    }

    /// Unfinished uploads.
    pub fn incoming(&self) -> PathBuf {
        self.private().join("incoming")
    }
}
