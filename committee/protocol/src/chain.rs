//! Chains: everything that happened to one group or one statement, as links of a hash chain whose
//! head is part of the certified state. A chain is complete or its head is another.

use std::fmt;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::entry::{Entry, MAX_ENTRY, Subject};
use crate::field::FieldElement;
use crate::founding::MAX_NODES;
use crate::group::MAX_CLASSES;
use crate::hash::{Digest, Hasher, domain};
use crate::ids::{EntryId, GroupId, NodeIndex, StatementId};
use crate::merkle;
use crate::point::Point;
use crate::statement::Status;

/// Most links that a decoder takes.
pub const MAX_LINKS: usize = 4_000_000;
/// Longest name of a fault, in bytes.
pub const MAX_FAULT: usize = 64;

/// What `apply` found in a node's entry: who is to blame for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Who.
    pub culprit: NodeIndex,
    /// The fault's name, such as `wrong-share`.
    pub fault: String,
}

impl Encode for Finding {
    fn encode(&self, w: &mut Writer) {
        w.u16(self.culprit);
        w.text(&self.fault);
    }
}

impl Decode for Finding {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            culprit: r.u16()?,
            fault: r.text("a fault", MAX_FAULT)?,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: {}", self.culprit, self.fault)
    }
}

/// A root and the number of leaves under it; no root without leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tree {
    /// LeanIMT root.
    pub root: Option<FieldElement>,
    /// Leaves.
    pub size: u64,
}

impl Encode for Tree {
    fn encode(&self, w: &mut Writer) {
        w.option(&self.root);
        w.u64(self.size);
    }
}

impl Decode for Tree {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            root: r.option()?,
            size: r.u64()?,
        })
    }
}

/// What signers rely on, fixed when a statement opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The statement's public key.
    pub k: Point,
    /// The attempt of key generation that made it.
    pub attempt: u8,
    /// Nodes that confirmed that they hold a share, ascending, when it opened.
    pub holders: Vec<NodeIndex>,
    /// The whole group as frozen.
    pub group: Tree,
    /// Its classes as frozen, in the definition's order.
    pub classes: Vec<Tree>,
}

impl Encode for Opening {
    fn encode(&self, w: &mut Writer) {
        self.k.encode(w);
        w.u8(self.attempt);
        w.list(&self.holders);
        self.group.encode(w);
        w.list(&self.classes);
    }
}

impl Decode for Opening {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            k: Decode::decode(r)?,
            attempt: r.u8()?,
            holders: r.list("holders", MAX_NODES)?,
            group: Decode::decode(r)?,
            classes: r.list("classes", MAX_CLASSES)?,
        })
    }
}

/// Phases of key generation, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Fresh encryption keys.
    Keys = 0,
    /// Commitments to dealings.
    Commit = 1,
    /// Dealings.
    Deal = 2,
    /// Complaints.
    Complain = 3,
    /// Confirmations.
    Confirm = 4,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Phase; 5] = [
        Phase::Keys,
        Phase::Commit,
        Phase::Deal,
        Phase::Complain,
        Phase::Confirm,
    ];

    /// The phase of a code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|p| *p as u8 == code)
    }

    /// The phase after this one.
    pub fn next(self) -> Option<Self> {
        Self::from_code(self as u8 + 1)
    }
}

impl Encode for Phase {
    fn encode(&self, w: &mut Writer) {
        w.u8(*self as u8);
    }
}

impl Decode for Phase {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Phase::from_code(r.u8()?).ok_or(DecodeError::Invalid("a phase"))
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An entry, with what was found in it (nothing: it is good).
    Entry {
        /// Its id.
        id: EntryId,
        /// Faults in it.
        findings: Vec<Finding>,
    },
    /// Key generation goes on with this phase. Nodes that were awaited in vain are findings ("absent").
    Phase {
        /// The attempt, from 0.
        attempt: u8,
        /// The phase that begins.
        phase: Phase,
        /// Who was absent in the one before.
        findings: Vec<Finding>,
    },
    /// The statement opens for signatures.
    Collecting {
        /// What signers rely on.
        opening: Opening,
        /// Who was absent in the last phase of key generation.
        findings: Vec<Finding>,
    },
    /// The trigger holds: `count` signatures are opened.
    Triggered {
        /// How many.
        count: u64,
    },
    /// The list is open.
    Revealed,
    /// The deadline passed first.
    Expired,
    /// Enough nodes have attested that they erased.
    Erased,
    /// No key after the last attempt, or none that the roster can use.
    Failed {
        /// Who was absent in the phase in which it failed.
        findings: Vec<Finding>,
    },
}

impl Event {
    /// Who is to blame for what, by this event. Every phase of key generation ends in an event that names
    /// those who were absent in it: the next phase's beginning, the opening, or the failure.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Event::Entry { findings, .. }
            | Event::Phase { findings, .. }
            | Event::Collecting { findings, .. }
            | Event::Failed { findings } => findings,
            Event::Triggered { .. } | Event::Revealed | Event::Expired | Event::Erased => &[],
        }
    }
}

/// One link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Height of its block.
    pub height: u64,
    /// Time of its block, Unix milliseconds.
    pub time_ms: u64,
    /// Position of the entry in its block; for what follows from entries or time: [`Link::NO_ENTRY`].
    pub index: u32,
    /// What happened.
    pub event: Event,
}

impl Link {
    /// Position of a link that is no entry.
    pub const NO_ENTRY: u32 = u32::MAX;

    /// The head after this link.
    pub fn extend(&self, head: &Digest) -> Digest {
        Hasher::new(domain::LINK)
            .chain(head)
            .chain_var(self.to_bytes())
            .finish()
    }
}

/// The head of a chain without links.
pub fn start(subject: &Subject) -> Digest {
    match subject {
        Subject::Group(id) => Hasher::new(domain::CHAIN).chain([0]).chain(id).finish(),
        Subject::Statement(id) => Hasher::new(domain::CHAIN).chain([1]).chain(id).finish(),
    }
}

impl Encode for Link {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.height);
        w.u64(self.time_ms);
        w.u32(self.index);
        match &self.event {
            Event::Entry { id, findings } => {
                w.u8(0);
                id.encode(w);
                w.list(findings);
            }
            Event::Phase {
                attempt,
                phase,
                findings,
            } => {
                w.u8(1);
                w.u8(*attempt);
                phase.encode(w);
                w.list(findings);
            }
            Event::Collecting { opening, findings } => {
                w.u8(2);
                opening.encode(w);
                w.list(findings);
            }
            Event::Triggered { count } => {
                w.u8(3);
                w.u64(*count);
            }
            Event::Revealed => w.u8(4),
            Event::Expired => w.u8(5),
            Event::Erased => w.u8(6),
            Event::Failed { findings } => {
                w.u8(7);
                w.list(findings);
            }
        }
    }
}

impl Decode for Link {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (height, time_ms, index) = (r.u64()?, r.u64()?, r.u32()?);
        let event = match r.u8()? {
            0 => Event::Entry {
                id: Decode::decode(r)?,
                findings: r.list("findings", MAX_NODES)?,
            },
            1 => Event::Phase {
                attempt: r.u8()?,
                phase: Decode::decode(r)?,
                findings: r.list("findings", MAX_NODES)?,
            },
            2 => Event::Collecting {
                opening: Decode::decode(r)?,
                findings: r.list("findings", MAX_NODES)?,
            },
            3 => Event::Triggered { count: r.u64()? },
            4 => Event::Revealed,
            5 => Event::Expired,
            6 => Event::Erased,
            7 => Event::Failed {
                findings: r.list("findings", MAX_NODES)?,
            },
            _ => return Err(DecodeError::Invalid("a link")),
        };
        Ok(Self {
            height,
            time_ms,
            index,
            event,
        })
    }
}

/// A chain with its entries: what `GET …/chain` returns and a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Whose.
    pub subject: Subject,
    /// All links, in order.
    pub links: Vec<Link>,
    /// The bytes of the entries that links name, in order.
    pub entries: Vec<Vec<u8>>,
}

/// Why a chain isn't one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// An entry isn't the one that its link names, or there are too many or too few.
    #[error("the chain's entry {0} is not the one that its link names")]
    Entry(usize),
    /// Links run backwards.
    #[error("the chain's link {0} lies before the one it follows")]
    Order(usize),
    /// The head is another than the certified one.
    #[error("the chain does not end in the certified head: something is missing, added or changed")]
    Head,
}

impl Chain {
    /// Folds all links; checks that every entry is the one that its link names and that heights don't fall.
    pub fn fold(&self) -> Result<Digest, ChainError> {
        let mut head = start(&self.subject);
        let mut entries = self.entries.iter();
        let mut before = 0;
        for (i, link) in self.links.iter().enumerate() {
            if link.height < before {
                return Err(ChainError::Order(i));
            }
            before = link.height;
            if let Event::Entry { id, .. } = &link.event {
                let bytes = entries.next().ok_or(ChainError::Entry(i))?;
                if Entry::id_of(bytes) != *id {
                    return Err(ChainError::Entry(i));
                }
            }
            head = link.extend(&head);
        }
        if entries.next().is_some() {
            return Err(ChainError::Entry(self.links.len()));
        }
        Ok(head)
    }
}

impl Encode for Chain {
    fn encode(&self, w: &mut Writer) {
        self.subject.encode(w);
        w.list(&self.links);
        w.u32(self.entries.len() as u32);
        for e in &self.entries {
            w.bytes(e);
        }
    }
}

impl Decode for Chain {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let subject = Decode::decode(r)?;
        let links = r.list("links", MAX_LINKS)?;
        let len = r.length("entries", MAX_LINKS)?;
        let mut entries = Vec::with_capacity(len.min(r.remaining()));
        for _ in 0..len {
            entries.push(r.bytes("an entry", MAX_ENTRY)?.to_vec());
        }
        Ok(Self {
            subject,
            links,
            entries,
        })
    }
}

impl Encode for Subject {
    fn encode(&self, w: &mut Writer) {
        match self {
            Subject::Group(id) => {
                w.u8(0);
                id.encode(w);
            }
            Subject::Statement(id) => {
                w.u8(1);
                id.encode(w);
            }
        }
    }
}

impl Decode for Subject {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            0 => Ok(Subject::Group(Decode::decode(r)?)),
            1 => Ok(Subject::Statement(Decode::decode(r)?)),
            _ => Err(DecodeError::Invalid("a subject")),
        }
    }
}

/// What the certified state says of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupFacts {
    /// The group.
    pub id: GroupId,
    /// Head of its chain.
    pub head: Digest,
    /// Links of its chain.
    pub links: u64,
    /// All members.
    pub members: Tree,
    /// Members of each class, in the definition's order.
    pub classes: Vec<Tree>,
}

/// What the certified state says of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementFacts {
    /// The statement.
    pub id: StatementId,
    /// Head of its chain.
    pub head: Digest,
    /// Links of its chain.
    pub links: u64,
    /// Where it stands.
    pub status: Status,
    /// Signatures counted.
    pub count: u64,
    /// Signatures counted under each class, in the definition's order.
    pub class_counts: Vec<u64>,
    /// Nodes that hold a share now, ascending: those at the opening and those who confirmed later.
    pub holders: Vec<NodeIndex>,
    /// What signers rely on; `None` while preparing or if it failed.
    pub opening: Option<Opening>,
}

/// One leaf of the certified state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// Of a group.
    Group(GroupFacts),
    /// Of a statement.
    Statement(StatementFacts),
}

impl Facts {
    /// The hashed leaf.
    pub fn leaf(&self) -> Digest {
        merkle::leaf(&self.to_bytes())
    }

    /// Head of the chain.
    pub fn head(&self) -> &Digest {
        match self {
            Facts::Group(f) => &f.head,
            Facts::Statement(f) => &f.head,
        }
    }
}

impl Encode for Facts {
    fn encode(&self, w: &mut Writer) {
        match self {
            Facts::Group(f) => {
                w.u8(0);
                f.id.encode(w);
                f.head.encode(w);
                w.u64(f.links);
                f.members.encode(w);
                w.list(&f.classes);
            }
            Facts::Statement(f) => {
                w.u8(1);
                f.id.encode(w);
                f.head.encode(w);
                w.u64(f.links);
                f.status.encode(w);
                w.u64(f.count);
                w.list(&f.class_counts);
                w.list(&f.holders);
                w.option(&f.opening);
            }
        }
    }
}

impl Decode for Facts {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            0 => Ok(Facts::Group(GroupFacts {
                id: Decode::decode(r)?,
                head: Decode::decode(r)?,
                links: r.u64()?,
                members: Decode::decode(r)?,
                classes: r.list("classes", MAX_CLASSES)?,
            })),
            1 => Ok(Facts::Statement(StatementFacts {
                id: Decode::decode(r)?,
                head: Decode::decode(r)?,
                links: r.u64()?,
                status: Decode::decode(r)?,
                count: r.u64()?,
                class_counts: r.list("classes", MAX_CLASSES)?,
                holders: r.list("holders", MAX_NODES)?,
                opening: r.option()?,
            })),
            _ => Err(DecodeError::Invalid("facts")),
        }
    }
}
