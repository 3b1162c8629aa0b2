//! The chain of entries: bytes become a transcript in which every signature and every rule of order holds.

use std::collections::BTreeSet;

use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};
use tacit_protocol::hash::{Digest, Hasher, domain};
use tacit_protocol::keys::PublicKey;
use thiserror::Error;

use super::beacon::{Evidence, EvidenceError};
use super::descriptor::{CeremonyId, Descriptor};
use super::entry::{Cast, Contribution, Entry, Finished, Part, Prepared, Reason, Signed};
use super::names::{shows, valid_label};
use super::rules::DescriptorError;
use super::stage::Stage;
use crate::files::{ptau, zkey};
use crate::lengths;

/// Entries at most: those of both phases, all missed turns and the end have room.
const MAX_ENTRIES: usize = 50_000;
const _: () = assert!(2 * MAX_RECORDS as usize + MAX_MISSED < MAX_ENTRIES);
/// Records that a file can have: each contribution's, and last the beacon's. A phase with so many
/// contributions could never end.
const MAX_RECORDS: u32 = if ptau::MAX_RECORDS < zkey::MAX_RECORDS {
    ptau::MAX_RECORDS
} else {
    zkey::MAX_RECORDS
};
/// Missed turns at most: anybody can miss one, and no one may fill the transcript with that.
const MAX_MISSED: usize = 2_000;

/// Why bytes aren't a ceremony's transcript.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TranscriptError {
    /// They can't be read.
    #[error("the transcript can't be read: {0}")]
    Encoding(#[from] DecodeError),
    /// The ceremony's rules aren't any.
    #[error("the ceremony's rules don't hold: {0}")]
    Descriptor(#[from] DescriptorError),
    /// It's another ceremony's.
    #[error("the transcript is of the ceremony {found}, not of {expected}")]
    OtherCeremony {
        /// The descriptor's.
        expected: CeremonyId,
        /// The transcript's.
        found: CeremonyId,
    },
    /// An entry breaks a rule.
    #[error("entry {number}: {fault}")]
    Entry {
        /// Its place, from 1.
        number: usize,
        /// The rule.
        fault: EntryFault,
    },
}

/// The rule that an entry breaks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EntryFault {
    /// Not its signer's signature over it at this place.
    #[error("its signature is not one over this entry at this place")]
    Signature,
    /// An entry after the end.
    #[error("the ceremony has ended before it")]
    Ended,
    /// Another phase's.
    #[error("it belongs to {found}, and {current} is open")]
    Phase {
        /// Its own.
        found: Stage,
        /// The open one.
        current: Stage,
    },
    /// A number that isn't the next.
    #[error("it is contribution {found}, and {expected} is next")]
    Number {
        /// The next.
        expected: u32,
        /// Its own.
        found: u32,
    },
    /// Not a file for each circuit.
    #[error("it has {found} files, the phase has {expected}")]
    Parts {
        /// The phase's.
        expected: usize,
        /// Its own.
        found: usize,
    },
    /// A contribution made after the phase's closing.
    #[error("it was made after its phase had closed")]
    Late,
    /// More entries than a transcript may have, or contributions than a phase's files can name beside its
    /// beacon.
    #[error("the transcript is full")]
    Full,
    /// A contributor who isn't listed.
    #[error("its contributor is not on the list")]
    NotListed,
    /// A second contribution to a phase.
    #[error("its contributor has contributed to this phase before")]
    Twice,
    /// A missed turn of somebody who has contributed to the phase, and so had no other.
    #[error("it says that somebody missed a turn who has contributed to this phase")]
    NotMissed,
    /// A label that isn't fit to be shown.
    #[error("its label is not fit to be shown")]
    Label,
    /// Words that aren't fit to be shown.
    #[error("its reason is not fit to be shown")]
    Reason,
    /// A file longer than any of this ceremony's at this place.
    #[error("its file {file} has {bytes} bytes, and at most {most} can be")]
    Bytes {
        /// Which of its files, from 1.
        file: usize,
        /// As it says.
        bytes: u64,
        /// What the rules leave room for.
        most: u64,
    },
    /// A beacon of phase 1 without the prepared powers, one of phase 2 with them, or a length that they
    /// can't have.
    #[error("it does not name the prepared powers as the rules ask")]
    Prepared,
    /// A beacon before as many have contributed as the rules ask for.
    #[error("{found} contributed before the beacon, and the rules ask for {least} or more")]
    TooFew {
        /// How many did, the coordinator's key not counted.
        found: u32,
        /// The rules' number.
        least: u32,
    },
    /// A value that isn't the rule's.
    #[error("the beacon is not the announced one: {0}")]
    Evidence(#[from] EvidenceError),
    /// Keys before the last beacon.
    #[error("the ceremony's keys stand before its last beacon")]
    Unfinished,
}

/// A place in the transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The digest of all before.
    pub before: Digest,
    /// The entry.
    pub signed: Signed,
    /// The digest with this entry.
    pub after: Digest,
}

/// A transcript that holds: every entry stands where the rules allow it, signed by whom they name.
#[derive(Debug, Clone)]
pub struct Transcript {
    descriptor: Descriptor,
    id: CeremonyId,
    links: Vec<Link>,
    /// The phase that contributions go to; none after the last beacon.
    stage: Option<Stage>,
    /// Contributions to it.
    count: u32,
    contributed: BTreeSet<PublicKey>,
    /// Missed turns, of everybody and in both phases.
    missed: usize,
    ended: bool,
}

impl Transcript {
    /// An empty one.
    ///
    /// # Errors
    /// [`TranscriptError::Descriptor`], if the rules can't be a ceremony's.
    pub fn new(descriptor: Descriptor) -> Result<Self, TranscriptError> {
        descriptor.check()?;
        Ok(Self {
            id: descriptor.id(),
            stage: Some(descriptor.first_stage()),
            descriptor,
            links: Vec::new(),
            count: 0,
            contributed: BTreeSet::new(),
            missed: 0,
            ended: false,
        })
    }

    /// Reads one and checks every entry.
    ///
    /// # Errors
    /// [`TranscriptError`]: the first rule that is broken.
    pub fn read(descriptor: Descriptor, bytes: &[u8]) -> Result<Self, TranscriptError> {
        let mut transcript = Self::new(descriptor)?;
        let mut reader = Reader::new(bytes);
        let found = CeremonyId::decode(&mut reader)?;
        if found != transcript.id {
            return Err(TranscriptError::OtherCeremony {
                expected: transcript.id,
                found,
            });
        }
        let entries: Vec<Signed> = reader.list("entries", MAX_ENTRIES)?;
        reader.finish()?;
        for signed in entries {
            transcript.push(signed)?;
        }
        Ok(transcript)
    }

    /// As it is written.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.id.encode(&mut w);
        w.u32(self.links.len() as u32);
        for link in &self.links {
            link.signed.encode(&mut w);
        }
        w.finish()
    }

    /// The rules.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The ceremony's id.
    pub fn id(&self) -> &CeremonyId {
        &self.id
    }

    /// All entries, in order.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The digest of all entries: the transcript's hash, once it's finished.
    pub fn head(&self) -> Digest {
        self.links.last().map_or(self.id.0, |l| l.after)
    }

    /// Whether this begins with all of an earlier one of the same ceremony: a transcript only ever grows.
    pub fn goes_on_from(&self, before: &Self) -> bool {
        let (old, new) = (&before.links, &self.links);
        before.id == self.id
            && old.len() <= new.len()
            && old.iter().zip(new).all(|(o, n)| o.after == n.after)
    }

    /// The phase that is open; none after the last beacon.
    pub fn stage(&self) -> Option<Stage> {
        self.stage
    }

    /// Contributions to the open phase.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether the open phase takes no more contributions, for its beacon must have room in its files.
    pub fn is_full(&self) -> bool {
        self.count + 1 >= MAX_RECORDS
    }

    /// Whether a phase has ended, and with this.
    pub fn ended_with(&self, stage: Stage, evidence: &Evidence) -> bool {
        self.links.iter().any(|link| match &link.signed.entry {
            Entry::Beacon(cast) => cast.stage == stage && cast.evidence == *evidence,
            _ => false,
        })
    }

    /// Contributors to the open phase who count towards the rules' least number.
    pub fn counted(&self) -> u32 {
        let counted = |key: &&PublicKey| self.descriptor.counts(key);
        self.contributed.iter().filter(counted).count() as u32
    }

    /// The prepared powers that phase 2 starts from, as the rules or the entry of phase 1's beacon name
    /// them.
    pub fn prepared(&self) -> Option<Prepared> {
        if let super::descriptor::Powers::Existing { hash, bytes, .. } = &self.descriptor.powers {
            let (file, bytes) = (*hash, *bytes);
            return Some(Prepared { file, bytes });
        }
        self.links.iter().find_map(|link| match &link.signed.entry {
            Entry::Beacon(cast) => cast.prepared.clone(),
            _ => None,
        })
    }

    /// The labels of a phase's files, in the order of [`Transcript::steps`]: what the last record in each
    /// may be called.
    pub fn labels(&self, stage: Stage) -> Vec<Option<&str>> {
        self.links
            .iter()
            .filter_map(|link| match &link.signed.entry {
                Entry::Contribution(c) if c.stage == stage => Some(c.label.as_deref()),
                Entry::Beacon(b) if b.stage == stage => Some(None),
                _ => None,
            })
            .collect()
    }

    /// Whether somebody has contributed to the open phase.
    pub fn has_contributed(&self, key: &PublicKey) -> bool {
        self.contributed.contains(key)
    }

    /// The keys' hashes, at the end.
    pub fn finished(&self) -> Option<&Finished> {
        match self.links.last().map(|l| &l.signed.entry) {
            Some(Entry::Finished(finished)) => Some(finished),
            _ => None,
        }
    }

    /// The contributions to a phase, in order.
    pub fn contributions(&self, stage: Stage) -> impl Iterator<Item = (&Contribution, &Link)> {
        self.links
            .iter()
            .filter_map(move |link| match &link.signed.entry {
                Entry::Contribution(c) if c.stage == stage => Some((c, link)),
                _ => None,
            })
    }

    /// The files of a phase, in order: each contribution's, and last the beacon's.
    pub fn steps(&self, stage: Stage) -> Vec<(&[Part], bool)> {
        self.links
            .iter()
            .filter_map(|link| match &link.signed.entry {
                Entry::Contribution(c) if c.stage == stage => Some((&c.parts[..], false)),
                Entry::Beacon(b) if b.stage == stage => Some((&b.parts[..], true)),
                _ => None,
            })
            .collect()
    }

    /// The beacon of a phase that has ended.
    pub fn beacon(&self, stage: Stage) -> Option<crate::files::parameters::Beacon> {
        let closing = self.descriptor.closing_of(stage)?;
        self.links.iter().find_map(|link| match &link.signed.entry {
            Entry::Beacon(b) if b.stage == stage => closing.resolve(&b.evidence).ok(),
            _ => None,
        })
    }

    /// Adds an entry, if the rules allow it here.
    ///
    /// # Errors
    /// The rule that it breaks; the transcript is as before.
    pub fn push(&mut self, signed: Signed) -> Result<(), TranscriptError> {
        let before = self.head();
        self.allow(&signed, &before)
            .map_err(|fault| TranscriptError::Entry {
                number: self.links.len() + 1,
                fault,
            })?;
        match &signed.entry {
            Entry::Contribution(c) => {
                self.count += 1;
                self.contributed.insert(c.contributor);
            }
            Entry::Beacon(cast) => {
                self.stage = match cast.stage {
                    Stage::Powers => Some(Stage::Keys),
                    Stage::Keys => None,
                };
                self.count = 0;
                self.contributed.clear();
            }
            Entry::Missed(_) => self.missed += 1,
            Entry::Finished(_) => self.ended = true,
        }
        let after = Hasher::new(domain::CEREMONY_LINK)
            .chain(before)
            .chain(signed.to_bytes())
            .finish();
        self.links.push(Link {
            before,
            signed,
            after,
        });
        Ok(())
    }

    fn allow(&self, signed: &Signed, before: &Digest) -> Result<(), EntryFault> {
        if self.ended {
            return Err(EntryFault::Ended);
        }
        if self.links.len() >= MAX_ENTRIES {
            return Err(EntryFault::Full);
        }
        match &signed.entry {
            Entry::Contribution(c) => {
                self.same_phase(c.stage)?;
                let expected = self.count + 1;
                if c.number != expected {
                    let found = c.number;
                    return Err(EntryFault::Number { expected, found });
                }
                if self.is_full() {
                    return Err(EntryFault::Full);
                }
                self.same_parts(c.stage, expected, &c.parts)?;
                // Later the beacon may be known already, and what is multiplied in can be chosen after it.
                let closes = self.descriptor.closing_of(c.stage).map(|c| c.closes);
                if !self.descriptor.rehearsal && closes.is_some_and(|closes| c.at >= closes) {
                    return Err(EntryFault::Late);
                }
                let listed = &self.descriptor.contributors;
                if !listed.is_empty() && listed.binary_search(&c.contributor).is_err() {
                    return Err(EntryFault::NotListed);
                }
                if self.contributed.contains(&c.contributor) {
                    return Err(EntryFault::Twice);
                }
                if c.label.as_ref().is_some_and(|label| !valid_label(label)) {
                    return Err(EntryFault::Label);
                }
            }
            Entry::Beacon(cast) => {
                self.same_phase(cast.stage)?;
                let (found, least) = (self.counted(), self.descriptor.least);
                if found < least {
                    return Err(EntryFault::TooFew { found, least });
                }
                self.same_parts(cast.stage, self.count + 1, &cast.parts)?;
                self.right_prepared(cast)?;
                if let Some(closing) = self.descriptor.closing_of(cast.stage) {
                    closing.resolve(&cast.evidence)?;
                }
            }
            Entry::Missed(missed) => {
                self.same_phase(missed.stage)?;
                if self.missed >= MAX_MISSED {
                    return Err(EntryFault::Full);
                }
                if self.contributed.contains(&missed.contributor) {
                    return Err(EntryFault::NotMissed);
                }
                if matches!(&missed.reason, Reason::Refused(words) if !shows(words)) {
                    return Err(EntryFault::Reason);
                }
            }
            Entry::Finished(finished) => {
                if self.stage.is_some() {
                    return Err(EntryFault::Unfinished);
                }
                let (expected, found) = (self.descriptor.circuits.len(), finished.circuits.len());
                if expected != found {
                    return Err(EntryFault::Parts { expected, found });
                }
            }
        }
        signed
            .check(&self.id, before, &self.descriptor.coordinator)
            .map_err(|_| EntryFault::Signature)
    }

    fn same_phase(&self, found: Stage) -> Result<(), EntryFault> {
        match self.stage {
            Some(current) if current == found => Ok(()),
            Some(current) => Err(EntryFault::Phase { found, current }),
            None => Err(EntryFault::Ended),
        }
    }

    fn same_parts(&self, stage: Stage, number: u32, parts: &[Part]) -> Result<(), EntryFault> {
        let (expected, found) = (self.descriptor.files_of(stage), parts.len());
        if expected != found {
            return Err(EntryFault::Parts { expected, found });
        }
        for (i, part) in parts.iter().enumerate() {
            // Whoever fetches the ceremony believes this length.
            let (bytes, most) = (
                part.bytes,
                lengths::step(&self.descriptor, stage, number, i),
            );
            if bytes > most {
                let file = i + 1;
                return Err(EntryFault::Bytes { file, bytes, most });
            }
        }
        Ok(())
    }

    fn right_prepared(&self, cast: &Cast) -> Result<(), EntryFault> {
        let power = self.descriptor.powers.power();
        let right = match (cast.stage, &cast.prepared) {
            (Stage::Powers, Some(p)) => lengths::prepared_powers(power).contains(&p.bytes),
            (Stage::Keys, None) => true,
            _ => false,
        };
        if right {
            Ok(())
        } else {
            Err(EntryFault::Prepared)
        }
    }
}
