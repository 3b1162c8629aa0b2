//! Attestations: found again in a transcript, kept, and told. What is a contributor's only hold on a
//! coordinator never gives way to another file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tacit_ceremony::folder::layout::Layout;
use tacit_ceremony::transcript::{Attestation, Stage, Transcript};
use tacit_files as files;
use tacit_protocol::keys::SigningKey;

use super::ContributeArgs;
use crate::ceremony::fetch::make_parent;
use crate::context::Context;
use crate::failure::Failure;

/// Files of one name, with numbers, at most.
const MAX_NAMES: u32 = 1_000;

#[derive(Serialize)]
struct View {
    ceremony: String,
    phase: u8,
    number: u32,
    contributor: String,
    hashes: Vec<String>,
    transcript: String,
    attestation: PathBuf,
}

/// The attestation of what this key has contributed to a phase. The entry bears its signature over all
/// that came before, whoever shows it.
pub fn own(transcript: &Transcript, stage: Stage, key: &SigningKey) -> Option<Attestation> {
    let mut all = transcript.contributions(stage);
    let (_, link) = all.find(|(c, _)| c.contributor == key.public())?;
    let signed = link.signed.clone();
    Some(Attestation::new(transcript, link.before, signed))
}

/// Refuses a file for the attestation that is there already.
pub fn check_free(path: Option<&Path>) -> Result<(), Failure> {
    match path.filter(|path| path.exists()) {
        None => Ok(()),
        Some(path) => Err(Failure::usage(
            "exists",
            format!("there is a file {} already", path.display()),
            "Give the attestation another name: nothing is written over.",
        )),
    }
}

fn numbers(attestation: &Attestation) -> (u8, u32) {
    attestation
        .contribution()
        .map_or((0, 0), |c| (c.stage.number(), c.number))
}

/// Keeps it among the ceremony's other files: whatever becomes of the one that its owner asked for. The
/// answer is where, if it wasn't there yet.
pub fn keep(attestation: &Attestation, layout: &Layout) -> Result<Option<PathBuf>, Failure> {
    let (phase, number) = numbers(attestation);
    let name = format!("attestations/phase{phase}-{number}.json");
    let path = layout.root().join(name);
    make_parent(&path)?;
    let json = attestation.to_json();
    if fs::read(&path).is_ok_and(|there| there == json.as_bytes()) {
        return Ok(None);
    }
    write_beside_others(&path, json.as_bytes()).map(Some)
}

/// Saves it where its owner wants it.
pub fn save(attestation: &Attestation, args: &ContributeArgs) -> Result<PathBuf, Failure> {
    let path = args.attestation.clone().unwrap_or_else(|| {
        let id = attestation.ceremony().to_string();
        let short = id.get(..8).unwrap_or_default();
        let (phase, number) = numbers(attestation);
        PathBuf::from(format!("ceremony-{short}-phase{phase}-{number}.json"))
    });
    write_beside_others(&path, attestation.to_json().as_bytes())
}

/// Writes a file under a name, or, where another file has it, under the first free one with a number.
fn write_beside_others(path: &Path, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|e| e.to_string_lossy());
    let named = |n: u32| match (n, &extension) {
        (1, _) => path.to_owned(),
        (n, Some(extension)) => path.with_file_name(format!("{stem}-{n}.{extension}")),
        (n, None) => path.with_file_name(format!("{stem}-{n}")),
    };
    let mut taken = io::Error::from(io::ErrorKind::AlreadyExists);
    for path in (1..=MAX_NAMES).map(named) {
        match files::create(&path, bytes) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => taken = e,
            Err(e) => return Err(Failure::file("write", &path, &e)),
        }
        let length = fs::metadata(&path).map_or(0, |m| m.len());
        if length == bytes.len() as u64 && fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(path);
        }
    }
    Err(Failure::file("write", path, &taken))
}

/// Tells it, for others to see.
pub fn tell(attestation: &Attestation, path: PathBuf, args: &ContributeArgs, cx: &Context) {
    let Some(c) = attestation.contribution() else {
        return;
    };
    let view = View {
        ceremony: attestation.ceremony().to_string(),
        phase: c.stage.number(),
        number: c.number,
        contributor: c.contributor.to_string(),
        hashes: c
            .parts
            .iter()
            .map(|p| hex::encode(p.contribution))
            .collect(),
        transcript: attestation.after().to_string(),
        attestation: path,
    };
    cx.out.result(&view, |out| {
        out.line("Accepted. Your attestation, to publish where others see it:");
        out.line("");
        for line in attestation.to_text().lines() {
            out.line(format!("    {line}").trim_end());
        }
        out.line("");
        out.line(format!(
            "It is saved in {}. When the ceremony is finished, check that you are in it:",
            view.attestation.display()
        ));
        out.line(format!(
            "    tacit ceremony verify {} --attestation {}",
            args.url.as_deref().unwrap_or("DIR"),
            view.attestation.display()
        ));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_of_the_same_name_stays_and_the_same_one_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ada.json");
        let second = folder.path().join("ada-2.json");
        assert_eq!(write_beside_others(&path, b"one").unwrap(), path);
        assert_eq!(write_beside_others(&path, b"two").unwrap(), second);
        assert_eq!(write_beside_others(&path, b"one").unwrap(), path);
        assert_eq!(write_beside_others(&path, b"two").unwrap(), second);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read(&second).unwrap(), b"two");
    }
}
