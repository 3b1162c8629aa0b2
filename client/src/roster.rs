//! A group's roster, folded from its chain: who is enrolled, bound to which record, in which classes,
//! and the trees that membership is proven in.
//!
//! Members are only ever added, so a statement's frozen roster is the first so many of them, and the
//! roots that its opening certifies say whether it is the right one.

use std::collections::{HashMap, HashSet};

use tacit_protocol::chain::{Chain, Event, GroupFacts, Opening, Tree};
use tacit_protocol::entry::{Entry, EntryError, Subject as ChainSubject};
use tacit_protocol::field::{FieldElement, Fr};
use tacit_protocol::group::{ClassName, GroupCreate, GroupDefinition, GroupError};
use tacit_protocol::ids::{Binder, GroupId, Subject};
use tacit_protocol::lean_imt::{LeanImt, LeanImtError};
use tacit_protocol::trigger::Counts;
use thiserror::Error;

/// Why a chain isn't a group's roster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RosterError {
    /// A statement's chain.
    #[error("the chain is not a group's")]
    NotAGroup,
    /// The first entry doesn't create the group that the chain is named after.
    #[error("the chain does not begin with the group's creation")]
    NoCreation,
    /// An entry that can't be read.
    #[error("entry {0} of the group's chain can't be read: {1}")]
    Entry(usize, EntryError),
    /// An entry of another kind, or of another group.
    #[error("entry {0} of the group's chain does not belong there")]
    OutOfPlace(usize),
    /// The group or an enrolment isn't signed as it must be.
    #[error("entry {0} of the group's chain does not hold: {1}")]
    Unattested(usize, GroupError),
    /// One person or one leaf twice.
    #[error("entry {0} of the group's chain enrols somebody twice")]
    Twice(usize),
    /// A leaf that no tree takes.
    #[error("the group's chain enrols what is no leaf: {0}")]
    Leaf(#[from] LeanImtError),
    /// The roots are others than those that are certified.
    #[error("the roster does not have the certified root of {0}")]
    Root(String),
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Pseudonym of the person.
    pub subject: Subject,
    /// Commitment to the person's record.
    pub binder: Binder,
    /// The leaf.
    pub leaf: FieldElement,
    /// Positions of their classes in the definition.
    pub classes: Vec<u16>,
    /// Log time of their enrolment, Unix milliseconds.
    pub enrolled_ms: u64,
}

/// All members that a chain enrols, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// The group's id.
    pub id: GroupId,
    /// What its creator decided.
    pub definition: GroupDefinition,
    /// The members.
    pub members: Vec<Member>,
}

impl Roster {
    /// Folds a group's chain: checks every creation's and enrolment's signatures, and that nobody is
    /// enrolled twice. That the chain is complete is [`Chain::fold`]'s and the certified head's to say.
    pub fn from_chain(chain: &Chain) -> Result<Self, RosterError> {
        let ChainSubject::Group(id) = chain.subject else {
            return Err(RosterError::NotAGroup);
        };
        let times = chain
            .links
            .iter()
            .filter(|link| matches!(link.event, Event::Entry { .. }))
            .map(|link| link.time_ms);
        let mut entries = chain.entries.iter().zip(times).enumerate();
        let definition = match entries.next() {
            Some((_, (bytes, _))) => creation(bytes, &id)?,
            None => return Err(RosterError::NoCreation),
        };
        let mut members = Vec::with_capacity(chain.entries.len().saturating_sub(1));
        let (mut subjects, mut leaves) = (HashSet::new(), HashSet::new());
        for (i, (bytes, enrolled_ms)) in entries {
            let entry = Entry::parse(bytes).map_err(|e| RosterError::Entry(i, e))?;
            let Entry::Enrol(enrol) = entry else {
                return Err(RosterError::OutOfPlace(i));
            };
            if enrol.attestation.group != id {
                return Err(RosterError::OutOfPlace(i));
            }
            enrol
                .check(&definition)
                .map_err(|e| RosterError::Unattested(i, e))?;
            let a = enrol.attestation;
            if !subjects.insert(a.subject) || !leaves.insert(a.leaf.to_le_bytes()) {
                return Err(RosterError::Twice(i));
            }
            members.push(Member {
                subject: a.subject,
                binder: a.binder,
                leaf: a.leaf,
                classes: a.classes,
                enrolled_ms,
            });
        }
        Ok(Self {
            id,
            definition,
            members,
        })
    }

    /// Checks that this is the roster that the certified facts describe.
    pub fn check(&self, facts: &GroupFacts) -> Result<(), RosterError> {
        self.trees(&facts.members, &facts.classes).map(|_| ())
    }

    /// The roster as a statement froze it.
    pub fn frozen(&self, opening: &Opening) -> Result<Frozen, RosterError> {
        let (group, classes) = self.trees(&opening.group, &opening.classes)?;
        let members: Vec<Member> = self
            .members
            .iter()
            .take(group.size() as usize)
            .cloned()
            .collect();
        let positions = members
            .iter()
            .enumerate()
            .map(|(i, m)| (m.leaf.to_le_bytes(), i))
            .collect();
        Ok(Frozen {
            definition: self.definition.clone(),
            members,
            positions,
            group,
            classes,
        })
    }

    /// The trees of the first so many members, which must have these roots.
    fn trees(
        &self,
        group: &Tree,
        classes: &[Tree],
    ) -> Result<(LeanImt, Vec<LeanImt>), RosterError> {
        if classes.len() != self.definition.classes.len() {
            return Err(RosterError::Root("its classes".into()));
        }
        let size = usize::try_from(group.size).unwrap_or(usize::MAX);
        let members = self.members.get(..size);
        let members = members.ok_or_else(|| RosterError::Root("the whole group".into()))?;
        let leaves: Vec<Fr> = members.iter().map(|m| m.leaf.0).collect();
        let whole = LeanImt::from_leaves(&leaves)?;
        if !is(&whole, group) {
            return Err(RosterError::Root("the whole group".into()));
        }
        let mut class_trees = Vec::with_capacity(classes.len());
        for ((position, expected), name) in (0u16..).zip(classes).zip(&self.definition.classes) {
            let of_class = members.iter().filter(|m| m.classes.contains(&position));
            let leaves: Vec<Fr> = of_class.map(|m| m.leaf.0).collect();
            let tree = LeanImt::from_leaves(&leaves)?;
            if !is(&tree, expected) {
                return Err(RosterError::Root(format!("the class {name}")));
            }
            class_trees.push(tree);
        }
        Ok((whole, class_trees))
    }
}

fn creation(bytes: &[u8], id: &GroupId) -> Result<GroupDefinition, RosterError> {
    let entry = Entry::parse(bytes).map_err(|e| RosterError::Entry(0, e))?;
    let Entry::GroupCreate(create) = entry else {
        return Err(RosterError::NoCreation);
    };
    let found = GroupCreate::check(&create).map_err(|e| RosterError::Unattested(0, e))?;
    if found == *id {
        Ok(create.definition)
    } else {
        Err(RosterError::NoCreation)
    }
}

fn is(tree: &LeanImt, expected: &Tree) -> bool {
    tree.size() == expected.size && tree.root() == expected.root.map(|r| r.0)
}

/// A roster as a statement froze it, with its trees.
#[derive(Debug, Clone)]
pub struct Frozen {
    /// What the group's creator decided.
    pub definition: GroupDefinition,
    /// The members, in the order of the tree's leaves.
    pub members: Vec<Member>,
    positions: HashMap<[u8; 32], usize>,
    group: LeanImt,
    classes: Vec<LeanImt>,
}

impl Frozen {
    /// The member of a leaf.
    pub fn member(&self, leaf: &FieldElement) -> Option<&Member> {
        let position = self.positions.get(&leaf.to_le_bytes())?;
        self.members.get(*position)
    }

    /// The tree that a signature under this class, or none, proves membership in.
    pub fn tree(&self, class: Option<u16>) -> Option<&LeanImt> {
        match class {
            None => Some(&self.group),
            Some(class) => self.classes.get(usize::from(class)),
        }
    }

    /// Members among whom a signature under this class, or none, can't be told apart.
    pub fn crowd(&self, class: Option<u16>) -> Vec<&Member> {
        let belongs = |m: &&Member| class.is_none_or(|class| m.classes.contains(&class));
        self.members.iter().filter(belongs).collect()
    }

    /// The most of a crowd that were enrolled within one span of `span_ms`: whoever enrols many at once
    /// may have made them up.
    pub fn most_enrolled_within(&self, class: Option<u16>, span_ms: u64) -> usize {
        let mut times: Vec<u64> = self.crowd(class).iter().map(|m| m.enrolled_ms).collect();
        times.sort_unstable();
        let mut first = 0;
        let mut most = 0;
        for (last, time) in times.iter().enumerate() {
            while times.get(first).is_some_and(|t| time - t > span_ms) {
                first += 1;
            }
            most = most.max(last + 1 - first);
        }
        most
    }
}

/// Sizes as they are now, without any signature: what a trigger can ask for.
impl Counts for Roster {
    fn count(&self, _: Option<&ClassName>) -> u64 {
        0
    }

    fn members(&self, class: Option<&ClassName>) -> Option<u64> {
        let Some(class) = class else {
            return Some(self.members.len() as u64);
        };
        let position = self.definition.class_index(class)?;
        let belongs = |m: &&Member| m.classes.iter().any(|c| usize::from(*c) == position);
        Some(self.members.iter().filter(belongs).count() as u64)
    }
}

/// Sizes as frozen, without any signature: what a trigger can ask for.
impl Counts for Frozen {
    fn count(&self, _: Option<&ClassName>) -> u64 {
        0
    }

    fn members(&self, class: Option<&ClassName>) -> Option<u64> {
        match class {
            None => Some(self.group.size()),
            Some(class) => {
                let position = self.definition.class_index(class)?;
                self.classes.get(position).map(LeanImt::size)
            }
        }
    }
}
