//! A contributor's own work: seeds, new files, and the signed entry. Nothing here talks to anybody.

use std::path::PathBuf;

use tacit_protocol::keys::SigningKey;
use zeroize::{Zeroize as _, Zeroizing};

use crate::blake2b::Blake2b;
use crate::files::parameters::Parameters;
use crate::folder::layout::Layout;
use crate::folder::{self, Base, FolderError};
use crate::phase1;
use crate::phase2;
use crate::progress::Progress;
use crate::stream::Stream;
use crate::transcript::{Attestation, Signed, Transcript};

/// A contributor's randomness: the system's, and whatever they add. Never written, wiped when dropped.
pub struct Entropy(Zeroizing<[u8; 64]>);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy(…)")
    }
}

impl Entropy {
    /// The system's randomness with what was typed or read: who guesses the one doesn't know the other.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn gather(added: &[u8]) -> Result<Self, getrandom::Error> {
        let mut own = Zeroizing::new([0; 64]);
        getrandom::fill(&mut own[..])?;
        let mut hash = Blake2b::new();
        hash.update(&own[..]);
        hash.update(added);
        Ok(Self(Zeroizing::new(hash.finish())))
    }

    /// The stream of one file's secrets.
    pub fn stream(&self, file: u32) -> Stream {
        let mut hash = Blake2b::new();
        hash.update(&self.0[..]);
        hash.update(&file.to_be_bytes());
        let mut digest = hash.finish();
        let stream = Stream::from_digest(&digest);
        digest.zeroize();
        stream
    }
}

/// Adds randomness to all files of the open phase, and writes the new ones.
///
/// # Errors
/// [`FolderError`]
pub fn contribute(
    base: &Base,
    entropy: Entropy,
    label: Option<&str>,
    to: &[PathBuf],
    progress: &mut dyn Progress,
) -> Result<(), FolderError> {
    let parameters = Parameters::contribution(label);
    match base {
        Base::Powers(powers) => {
            for path in to.iter().take(1) {
                phase1::contribute(
                    powers,
                    path,
                    entropy.stream(0),
                    parameters.clone(),
                    progress,
                )?;
            }
        }
        Base::Keys(keys) => {
            for ((key, path), file) in keys.iter().zip(to).zip(0..) {
                let stream = entropy.stream(file);
                phase2::contribute(key, path, stream, parameters.clone(), progress)?;
            }
        }
    }
    Ok(())
}

/// Checks the new files as everybody will, and signs what the transcript is to say of them.
///
/// # Errors
/// [`FolderError`]
pub fn sign(
    layout: &Layout,
    transcript: &Transcript,
    files: &[PathBuf],
    key: &SigningKey,
    label: Option<String>,
    at: u64,
    progress: &mut dyn Progress,
) -> Result<(Signed, Attestation), FolderError> {
    let rule = crate::beacon::Rule::Open;
    let parts = folder::check_next(layout, transcript, files, &rule, label.as_deref(), progress)?;
    let entry = folder::contribution_entry(transcript, key.public(), label, at, parts)
        .ok_or(FolderError::NotDue("the last phase has ended"))?;
    let before = transcript.head();
    let signed = entry.sign(transcript.id(), &before, key);
    let attestation = Attestation::new(transcript, before, signed.clone());
    Ok((signed, attestation))
}
