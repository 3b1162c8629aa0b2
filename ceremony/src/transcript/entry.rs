//! The transcript's entries. Each is signed together with the digest of all before it.

use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::keys::{BadSignature, PublicKey, Signature, SigningKey};

use super::beacon::Evidence;
use super::descriptor::{CeremonyId, MAX_CIRCUITS};
use super::names::{MAX_LABEL, hides};
use super::stage::Stage;
use crate::blake2b::{DIGEST_BYTES, Digest64};

/// Bytes of a reason's words at most.
const MAX_WORDS: usize = 300;

/// One file that a contribution, or a beacon, has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// BLAKE2b-512 of the published file.
    pub file: Digest64,
    /// Its bytes.
    pub bytes: u64,
    /// The contribution's hash, as snarkjs shows it.
    pub contribution: Digest64,
    /// BLAKE2b-512 of the first points after it: five powers, or delta.
    pub points: Digest64,
    /// What the next contribution starts from: phase 1's next challenge, or BLAKE2b-512 of phase 2's records.
    pub next: Digest64,
}

impl Encode for Part {
    fn encode(&self, w: &mut Writer) {
        w.raw(&self.file);
        w.u64(self.bytes);
        w.raw(&self.contribution);
        w.raw(&self.points);
        w.raw(&self.next);
    }
}

impl Decode for Part {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            file: r.array::<DIGEST_BYTES>()?,
            bytes: r.u64()?,
            contribution: r.array()?,
            points: r.array()?,
            next: r.array()?,
        })
    }
}

/// Somebody's randomness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// Who. Signs the entry.
    pub contributor: PublicKey,
    /// How they want to be called; public for ever.
    pub label: Option<String>,
    /// The phase.
    pub stage: Stage,
    /// Its number within the phase, from 1.
    pub number: u32,
    /// When, by the contributor's clock: Unix time in seconds.
    pub at: u64,
    /// One per file of the phase.
    pub parts: Vec<Part>,
}

/// The prepared powers: phase 1's last points in the form that phase 2 starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// BLAKE2b-512 of the file.
    pub file: Digest64,
    /// Its bytes.
    pub bytes: u64,
}

/// A phase's last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// The phase.
    pub stage: Stage,
    /// What shows the value.
    pub evidence: Evidence,
    /// One per file of the phase.
    pub parts: Vec<Part>,
    /// At the end of phase 1, what phase 2 starts from.
    pub prepared: Option<Prepared>,
}

/// Why a turn was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing came in time.
    Silent,
    /// What came wasn't whole in time.
    Late,
    /// What came broke this rule.
    Refused(String),
}

/// A turn that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Whose.
    pub contributor: PublicKey,
    /// In which phase.
    pub stage: Stage,
    /// When: Unix time in seconds.
    pub at: u64,
    /// Why.
    pub reason: Reason,
}

/// A circuit's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedCircuit {
    /// Hash of the proving key's bytes, as a founding file names it.
    pub proving_key: Digest,
    /// Hash of the verifying key's bytes.
    pub verifying_key: Digest,
}

/// The end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// One per circuit, in the ceremony's order.
    pub circuits: Vec<FinishedCircuit>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A contribution, signed by its contributor.
    Contribution(Contribution),
    /// A phase's beacon, signed by the coordinator, as all the rest.
    Beacon(Cast),
    /// A missed turn.
    Missed(Missed),
    /// The keys.
    Finished(Finished),
}

impl Entry {
    /// Whose signature it bears.
    pub fn signer(&self, coordinator: &PublicKey) -> PublicKey {
        match self {
            Self::Contribution(c) => c.contributor,
            _ => *coordinator,
        }
    }

    fn message(&self, ceremony: &CeremonyId, before: &Digest) -> Vec<u8> {
        let mut w = Writer::new();
        ceremony.encode(&mut w);
        before.encode(&mut w);
        self.encode(&mut w);
        w.finish()
    }

    /// Signs it as the one after `before`.
    pub fn sign(self, ceremony: &CeremonyId, before: &Digest, key: &SigningKey) -> Signed {
        let signature = key.sign(domain::SIGN_CEREMONY, &self.message(ceremony, before));
        let entry = self;
        Signed { entry, signature }
    }
}

/// An entry with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The entry.
    pub entry: Entry,
    /// Over the ceremony's id, the digest of all before, and the entry.
    pub signature: Signature,
}

impl Signed {
    /// Checks the signature.
    ///
    /// # Errors
    /// If it isn't the signer's over this entry at this place.
    pub fn check(
        &self,
        ceremony: &CeremonyId,
        before: &Digest,
        coordinator: &PublicKey,
    ) -> Result<(), BadSignature> {
        self.entry.signer(coordinator).verify(
            domain::SIGN_CEREMONY,
            &self.entry.message(ceremony, before),
            &self.signature,
        )
    }
}

impl Encode for Signed {
    fn encode(&self, w: &mut Writer) {
        self.entry.encode(w);
        self.signature.encode(w);
    }
}

impl Decode for Signed {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            entry: Decode::decode(r)?,
            signature: Decode::decode(r)?,
        })
    }
}

fn label(w: &mut Writer, label: &Option<String>) {
    w.bool(label.is_some());
    if let Some(text) = label {
        w.text(text);
    }
}

impl Encode for Entry {
    fn encode(&self, w: &mut Writer) {
        match self {
            Self::Contribution(c) => {
                w.u8(1);
                c.contributor.encode(w);
                label(w, &c.label);
                c.stage.encode(w);
                w.u32(c.number);
                w.u64(c.at);
                w.list(&c.parts);
            }
            Self::Beacon(c) => {
                w.u8(2);
                c.stage.encode(w);
                c.evidence.encode(w);
                w.list(&c.parts);
                w.bool(c.prepared.is_some());
                if let Some(prepared) = &c.prepared {
                    w.raw(&prepared.file);
                    w.u64(prepared.bytes);
                }
            }
            Self::Missed(m) => {
                w.u8(3);
                m.contributor.encode(w);
                m.stage.encode(w);
                w.u64(m.at);
                match &m.reason {
                    Reason::Silent => w.u8(1),
                    Reason::Late => w.u8(2),
                    Reason::Refused(words) => {
                        w.u8(3);
                        w.text(words);
                    }
                }
            }
            Self::Finished(f) => {
                w.u8(4);
                w.u32(f.circuits.len() as u32);
                for c in &f.circuits {
                    c.proving_key.encode(w);
                    c.verifying_key.encode(w);
                }
            }
        }
    }
}

impl Decode for Entry {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.u8()? {
            1 => Self::Contribution(Contribution {
                contributor: Decode::decode(r)?,
                label: if r.bool()? {
                    Some(r.text("a label", MAX_LABEL)?)
                } else {
                    None
                },
                stage: Decode::decode(r)?,
                number: r.u32()?,
                at: r.u64()?,
                parts: r.list("parts", MAX_CIRCUITS)?,
            }),
            2 => Self::Beacon(Cast {
                stage: Decode::decode(r)?,
                evidence: Decode::decode(r)?,
                parts: r.list("parts", MAX_CIRCUITS)?,
                prepared: if r.bool()? {
                    Some(Prepared {
                        file: r.array()?,
                        bytes: r.u64()?,
                    })
                } else {
                    None
                },
            }),
            3 => Self::Missed(Missed {
                contributor: Decode::decode(r)?,
                stage: Decode::decode(r)?,
                at: r.u64()?,
                reason: match r.u8()? {
                    1 => Reason::Silent,
                    2 => Reason::Late,
                    3 => Reason::Refused(r.text("a reason", MAX_WORDS)?),
                    _ => return Err(DecodeError::Invalid("a reason")),
                },
            }),
            4 => {
                let count = r.length("circuits", MAX_CIRCUITS)?;
                let mut circuits = Vec::with_capacity(count);
                for _ in 0..count {
                    circuits.push(FinishedCircuit {
                        proving_key: Decode::decode(r)?,
                        verifying_key: Decode::decode(r)?,
                    });
                }
                Self::Finished(Finished { circuits })
            }
            _ => return Err(DecodeError::Invalid("an entry's kind")),
        })
    }
}

impl Reason {
    /// A refusal in at most as many words as an entry takes, and without anything that hides in them:
    /// some come from the contributor's file.
    pub fn refused(words: &str) -> Self {
        let words: String = words
            .chars()
            .map(|c| if hides(c) { '?' } else { c })
            .collect();
        let mut end = words.len().min(MAX_WORDS);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        Self::Refused(words.get(..end).unwrap_or_default().to_owned())
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silent => f.write_str("nothing came in time"),
            Self::Late => f.write_str("what came was not whole in time"),
            Self::Refused(words) => f.write_str(words),
        }
    }
}
