//! What a contributor keeps and publishes: enough to find out whether a finished transcript is the one
//! that they contributed to.

use serde::{Deserialize, Serialize};
use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::hash::Digest;
use thiserror::Error;

use super::chain::{Link, Transcript};
use super::descriptor::CeremonyId;
use super::entry::{Contribution, Entry, Signed};

/// The JSON's own name, with its version.
const FORMAT: &str = "tacit-ceremony-attestation/1";

/// A contribution, and what came before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    ceremony: CeremonyId,
    /// What the rules call it. Not in the JSON: nobody has signed it there, and the id stands for it.
    name: Option<String>,
    before: Digest,
    signed: Signed,
}

/// Why a text is no attestation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AttestationError {
    /// Not the JSON that this program writes.
    #[error("this is not an attestation of a contribution")]
    Malformed,
    /// The signature isn't the contributor's, so it was changed.
    #[error("the attestation was changed: its signature does not hold")]
    Signature,
    /// The fields for people don't say what was signed.
    #[error("the attestation was changed: its {0} is not the one that was signed")]
    Changed(&'static str),
}

/// How a transcript isn't the one that was contributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Mismatch {
    /// Another ceremony.
    #[error("the contribution was made to another ceremony, {0}")]
    OtherCeremony(CeremonyId),
    /// What came before the contribution isn't what stands there now.
    #[error(
        "what came before the contribution is not in this transcript: it was forked, or its entries were reordered"
    )]
    Forked,
    /// Another contribution of the same contributor stands in its place.
    #[error("another contribution stands in its place, in the same contributor's name")]
    Substituted,
    /// It isn't there.
    #[error("the contribution was dropped: the transcript goes on without it")]
    Dropped,
    /// It's there, but the transcript has no end yet.
    #[error("the contribution is there, and the ceremony is not finished")]
    Unfinished,
}

/// Nothing stands in it that the signature doesn't bind.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    format: String,
    ceremony: String,
    contributor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    phase: u8,
    number: u32,
    before: String,
    after: String,
    files: Vec<FileJson>,
    /// The signed entry.
    entry: String,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileJson {
    blake2b: String,
    bytes: u64,
    contribution: String,
    points: String,
    next: String,
}

impl Attestation {
    /// Of a contribution that stands, or is to stand, at this place.
    pub fn new(transcript: &Transcript, before: Digest, signed: Signed) -> Self {
        Self {
            ceremony: *transcript.id(),
            name: Some(transcript.descriptor().name.clone()),
            before,
            signed,
        }
    }

    /// The contribution. Every constructor has seen that it is one.
    pub fn contribution(&self) -> Option<&Contribution> {
        match &self.signed.entry {
            Entry::Contribution(c) => Some(c),
            _ => None,
        }
    }

    /// The ceremony.
    pub fn ceremony(&self) -> &CeremonyId {
        &self.ceremony
    }

    /// The digest of the transcript with this contribution.
    pub fn after(&self) -> Digest {
        tacit_protocol::hash::Hasher::new(tacit_protocol::hash::domain::CEREMONY_LINK)
            .chain(self.before)
            .chain(self.signed.to_bytes())
            .finish()
    }

    /// For machines.
    pub fn to_json(&self) -> String {
        let Some(json) = self.json() else {
            return String::new();
        };
        // Text and numbers always serialize.
        serde_json::to_string_pretty(&json).unwrap_or_default() + "\n"
    }

    fn json(&self) -> Option<Json> {
        let c = self.contribution()?;
        let file = |p: &super::entry::Part| FileJson {
            blake2b: hex::encode(p.file),
            bytes: p.bytes,
            contribution: hex::encode(p.contribution),
            points: hex::encode(p.points),
            next: hex::encode(p.next),
        };
        Some(Json {
            format: FORMAT.into(),
            ceremony: self.ceremony.to_string(),
            contributor: c.contributor.to_string(),
            label: c.label.clone(),
            phase: c.stage.number(),
            number: c.number,
            before: self.before.to_string(),
            after: self.after().to_string(),
            files: c.parts.iter().map(file).collect(),
            entry: hex::encode(self.signed.to_bytes()),
        })
    }

    /// Reads what [`Attestation::to_json`] wrote, and checks that it says what its contributor signed.
    ///
    /// # Errors
    /// [`AttestationError`]
    pub fn from_json(text: &str) -> Result<Self, AttestationError> {
        use AttestationError as E;
        let json: Json = serde_json::from_str(text).map_err(|_| E::Malformed)?;
        if json.format != FORMAT {
            return Err(E::Malformed);
        }
        let bytes = hex::decode(&json.entry).map_err(|_| E::Malformed)?;
        let signed = Signed::from_bytes(&bytes).map_err(|_| E::Malformed)?;
        let Entry::Contribution(c) = &signed.entry else {
            return Err(E::Malformed);
        };
        let attestation = Self {
            ceremony: CeremonyId::from_hex(&json.ceremony).ok_or(E::Malformed)?,
            name: None,
            before: Digest::from_hex(&json.before).ok_or(E::Malformed)?,
            signed: signed.clone(),
        };
        let (ceremony, before) = (&attestation.ceremony, &attestation.before);
        signed
            .check(ceremony, before, &c.contributor)
            .map_err(|_| E::Signature)?;
        let right = attestation.json().ok_or(E::Malformed)?;
        for (what, same) in [
            ("contributor", json.contributor == right.contributor),
            ("label", json.label == right.label),
            ("phase", json.phase == right.phase),
            ("number", json.number == right.number),
            ("digest", json.after == right.after),
            ("list of files", json.files == right.files),
        ] {
            if !same {
                return Err(E::Changed(what));
            }
        }
        Ok(attestation)
    }

    /// For people: to be posted where others see it.
    pub fn to_text(&self) -> String {
        let Some(c) = self.contribution() else {
            return String::new();
        };
        let name =
            (self.name.as_ref()).map_or("a ceremony".into(), |n| format!("the ceremony \"{n}\""));
        let mut text = format!(
            "I contributed to {name}.\n\nceremony      {}\n{}, contribution {}\ncontributor   {}\n",
            self.ceremony, c.stage, c.number, c.contributor
        );
        if let Some(label) = &c.label {
            text += &format!("label         {label}\n");
        }
        for part in &c.parts {
            text += &format!(
                "contribution  {}\npoints after  {}\nnext          {}\nfile          {}\n",
                hex::encode(part.contribution),
                hex::encode(part.points),
                hex::encode(part.next),
                hex::encode(part.file)
            );
        }
        text += &format!(
            "before        {}\nafter         {}\n",
            self.before,
            self.after()
        );
        text
    }

    /// Where the contribution stands in a finished transcript.
    ///
    /// # Errors
    /// How the transcript isn't the one that was contributed to.
    pub fn check(&self, transcript: &Transcript) -> Result<usize, Mismatch> {
        if transcript.id() != &self.ceremony {
            return Err(Mismatch::OtherCeremony(self.ceremony));
        }
        let links = transcript.links();
        let after = self.after();
        if let Some(i) = links.iter().position(|l| l.after == after) {
            return match transcript.finished() {
                Some(_) => Ok(i + 1),
                None => Err(Mismatch::Unfinished),
            };
        }
        // Where the history is still ours, what came next instead?
        let known = links.iter().find(|l| l.before == self.before);
        if known.is_none() && transcript.head() != self.before {
            return Err(Mismatch::Forked);
        }
        let own = self.contribution().map(|c| (c.contributor, c.stage));
        let same = |l: &Link| match &l.signed.entry {
            Entry::Contribution(c) => own == Some((c.contributor, c.stage)),
            _ => false,
        };
        if known.is_some_and(same) {
            return Err(Mismatch::Substituted);
        }
        Err(Mismatch::Dropped)
    }
}
