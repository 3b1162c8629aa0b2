//! A committee's keys and the ceremony that made them: taken from it, and compared with it.

use std::path::Path;

use tacit_ceremony::development::DevelopmentKeys;
use tacit_ceremony::folder::KeyBytes;
use tacit_ceremony::verify::Verified;
use tacit_circuits::keys::key_hash;
use tacit_circuits::{CIRCUIT_ID, ProvingKey, VerifyingKey};
use tacit_protocol::founding::{CircuitKeys, DEVELOPMENT_KEYS_WARNING};
use tacit_protocol::hash::Digest;
use tacit_protocol::lean_imt::MAX_DEPTH;
use thiserror::Error;

use super::KnownArgs;
use crate::ceremony::{self, Whose};
use crate::context::Context;
use crate::failure::Failure;

/// What a verified ceremony has made for the sealing circuit.
pub struct Made<'a> {
    /// The transcript's hash; none of a rehearsal.
    pub transcript: Option<Digest>,
    /// The proving key's hash.
    pub proving: Digest,
    /// The verifying key's hash.
    pub verifying: Digest,
    bytes: &'a KeyBytes,
}

impl<'a> Made<'a> {
    /// Of a ceremony that is finished.
    pub fn of(verified: &'a Verified) -> Result<Self, Failure> {
        let Some(keys) = &verified.keys else {
            return Err(unfinished());
        };
        let sealing = tacit_ceremony::circuits::sealing()
            .map_err(|e| unusable(&e))?
            .hash();
        let circuits = &verified.transcript.descriptor().circuits;
        let mut pairs = circuits.iter().zip(keys);
        let Some((_, bytes)) = pairs.find(|(c, _)| c.hash == sealing) else {
            return Err(unusable(
                &"none of its circuits is this version's sealing circuit",
            ));
        };
        Ok(Self {
            transcript: verified.transcript_hash(),
            proving: key_hash(&bytes.proving),
            verifying: key_hash(&bytes.verifying),
            bytes,
        })
    }
}

fn unfinished() -> Failure {
    Failure::not_yet(
        "unfinished",
        "the ceremony is not finished",
        "Wait for its end, or ask its coordinator for the whole folder.",
    )
}

fn unusable(e: &dyn std::fmt::Display) -> Failure {
    Failure::check(
        "keys",
        format!("the ceremony's keys can't be used: {e}"),
        "Take another ceremony's.",
    )
}

/// How a founding file's keys aren't a ceremony's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Difference {
    /// Keys for another circuit than this version's.
    #[error("the founding file has keys for a circuit that this version doesn't know")]
    Circuit,
    /// A real ceremony's, and the file says that they are development keys.
    #[error("the founding file names no transcript, and the ceremony's is {0}")]
    Unnamed(Digest),
    /// A rehearsal's, and the file names a transcript.
    #[error(
        "the founding file names the transcript {0}, and the ceremony was a rehearsal: its keys are development keys"
    )]
    Rehearsal(Digest),
    /// Another transcript.
    #[error("the founding file names the transcript {founding}, and the ceremony's is {ceremony}")]
    Transcript {
        /// The founding file's.
        founding: Digest,
        /// The ceremony's.
        ceremony: Digest,
    },
    /// Another key.
    #[error("the founding file names the {key} key {founding}, and the ceremony's is {ceremony}")]
    Key {
        /// `proving` or `verifying`.
        key: &'static str,
        /// The founding file's.
        founding: Digest,
        /// The ceremony's.
        ceremony: Digest,
    },
}

/// Compares what a founding file says of its keys with what a ceremony has made.
///
/// # Errors
/// The first that differs.
pub fn compare(founding: &[CircuitKeys], made: &Made<'_>) -> Result<(), Difference> {
    for keys in founding {
        if keys.circuit != CIRCUIT_ID {
            return Err(Difference::Circuit);
        }
        match (keys.transcript, made.transcript) {
            (Some(founding), Some(ceremony)) if founding != ceremony => {
                return Err(Difference::Transcript { founding, ceremony });
            }
            (Some(founding), None) => return Err(Difference::Rehearsal(founding)),
            (None, Some(ceremony)) => return Err(Difference::Unnamed(ceremony)),
            _ => {}
        }
        for (key, founding, ceremony) in [
            ("proving", keys.proving_key, made.proving),
            ("verifying", keys.verifying_key, made.verifying),
        ] {
            if founding != ceremony {
                return Err(Difference::Key {
                    key,
                    founding,
                    ceremony,
                });
            }
        }
    }
    Ok(())
}

/// What an operator compares by themselves: no program can decide it.
pub fn to_compare(verified: &Verified, known: &KnownArgs, whose: Whose) -> Vec<String> {
    let mut rows = Vec::new();
    if known.ceremony_id.is_none() {
        rows.push(format!(
            "the ceremony's id, with what was published before it began: {} (--ceremony-id does it)",
            verified.transcript.id()
        ));
    }
    for check in verified.to_compare() {
        if check.name != "powers" || whose != Whose::Named {
            rows.push(format!("{}: {}", check.name, check.detail));
        }
    }
    if let Some(hash) = verified.transcript_hash() {
        rows.push(format!(
            "the transcript's hash, with what its contributors see: {hash}"
        ));
    }
    rows.push(
        "who took part, and whether they depend on each other: tacit ceremony verify lists them"
            .into(),
    );
    rows
}

/// The sealing circuit's keys from a finished ceremony, verified as a doubter would. A rehearsal's count
/// as development keys: everybody in it may have been one person, and its beacons were known.
pub fn of_ceremony(
    folder: &Path,
    known: &KnownArgs,
    development: bool,
    cx: &Context,
) -> Result<(DevelopmentKeys, Vec<String>), Failure> {
    // What shows at once shows before the long checks.
    let gathered = ceremony::Gathered::of_folder(folder, known.ceremony_id, cx)?;
    let transcript = &gathered.transcript;
    if transcript.finished().is_none() {
        return Err(unfinished());
    }
    let rehearsal = transcript.descriptor().rehearsal;
    if rehearsal && !development {
        return Err(Failure::usage(
            "rehearsal",
            "the ceremony was a rehearsal: its keys count as development keys",
            format!(
                "Take a real one's, or add --development-keys. Mind: {DEVELOPMENT_KEYS_WARNING}."
            ),
        ));
    }
    if !rehearsal && development {
        return Err(Failure::usage(
            "not-development",
            "the ceremony's keys are no development keys",
            "Leave out --development-keys.",
        ));
    }
    let whose = known.powers().insist(transcript, cx)?;
    let verified = gathered.verify().map_err(|e| Failure::from(e.error))?;
    if verified.transcript.head() != transcript.head() {
        return Err(Failure::check(
            "changed",
            "the ceremony's folder changed while it was verified",
            "Run it again on a copy that nobody changes.",
        ));
    }
    let made = Made::of(&verified)?;
    let circuit = CircuitKeys {
        circuit: CIRCUIT_ID,
        verifying_key: made.verifying,
        proving_key: made.proving,
        transcript: made.transcript,
    };
    let bytes = made.bytes;
    VerifyingKey::load(&bytes.verifying, &circuit.verifying_key).map_err(|e| unusable(&e))?;
    let proving = ProvingKey::<MAX_DEPTH>::load(&bytes.proving, &circuit.proving_key);
    proving.map_err(|e| unusable(&e))?;
    let keys = DevelopmentKeys {
        circuit,
        proving: bytes.proving.clone(),
        verifying: bytes.verifying.clone(),
    };
    Ok((keys, to_compare(&verified, known, whose)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_founding_file_with_another_transcript_or_key_is_refused_by_name() {
        let [transcript, proving, verifying, other] = [1, 2, 3, 4].map(|n| Digest([n; 32]));
        let bytes = KeyBytes {
            proving: Vec::new(),
            verifying: Vec::new(),
            verifying_json: String::new(),
        };
        let made = |transcript| Made {
            transcript,
            proving,
            verifying,
            bytes: &bytes,
        };
        let keys = CircuitKeys {
            circuit: CIRCUIT_ID,
            proving_key: proving,
            verifying_key: verifying,
            transcript: Some(transcript),
        };
        let real = made(Some(transcript));
        let differs = |change: &dyn Fn(&mut CircuitKeys)| {
            let mut keys = keys.clone();
            change(&mut keys);
            compare(&[keys], &real)
        };
        assert_eq!(differs(&|_| ()), Ok(()));
        let (founding, ceremony) = (other, transcript);
        assert_eq!(
            differs(&|k| k.transcript = Some(other)),
            Err(Difference::Transcript { founding, ceremony })
        );
        assert_eq!(
            differs(&|k| k.transcript = None),
            Err(Difference::Unnamed(transcript))
        );
        let differing = |key, ceremony| {
            Err(Difference::Key {
                key,
                founding,
                ceremony,
            })
        };
        assert_eq!(
            differs(&|k| k.proving_key = other),
            differing("proving", proving)
        );
        assert_eq!(
            differs(&|k| k.verifying_key = other),
            differing("verifying", verifying)
        );
        assert_eq!(
            compare(std::slice::from_ref(&keys), &made(None)),
            Err(Difference::Rehearsal(transcript))
        );
    }
}
