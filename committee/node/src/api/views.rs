//! The JSON of the API: one node's word, for reading. What is to be relied on are chains, bundles
//! and receipts, which carry their certificates.
//!
//! Ids, hashes, keys and points are lowercase hex; field elements are the hex of their 32
//! little-endian bytes; times are Unix milliseconds.

use std::collections::BTreeMap;

use serde::Serialize;
use tacit_ledger::{
    GroupView as Group, MemberView, SignatureView as Signature, StatementView as Row,
};
use tacit_protocol::{field::FieldElement, founding::Founding, group::GroupDefinition};

/// `GET /v1/epoch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EpochView {
    /// The committee's fingerprint.
    pub fingerprint: String,
    /// The epoch's number.
    pub epoch: u32,
    /// Version of the protocol.
    pub protocol: u16,
    /// The nodes, in the founding file's order.
    pub nodes: Vec<NodeView>,
    /// Whether any keys were made by one party.
    pub development_keys: bool,
    /// Hash of the sealing circuit.
    pub circuit: String,
    /// Hash of its verifying key.
    pub verifying_key: String,
    /// Hash of its proving key.
    pub proving_key: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeView {
    /// Its position.
    pub index: u16,
    /// Its operator's name.
    pub name: String,
    /// Its operator's key.
    pub key: String,
    /// URL of its API, if it is known.
    pub api: Option<String>,
}

/// `GET /v1/groups/{id}`, and an item of `GET /v1/groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// How many members.
    pub members: u64,
    /// Its classes.
    pub classes: Vec<ClassView>,
    /// Its registrars' keys.
    pub registrars: Vec<String>,
    /// How many of them attest a member.
    pub threshold: u8,
}

/// A class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassView {
    /// Its name.
    pub name: String,
    /// How many members.
    pub members: u64,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        let names = group.definition.classes.iter().map(ToString::to_string);
        let sizes = group.classes.iter().map(|tree| tree.size);
        Self {
            id: group.id.to_string(),
            classes: names
                .zip(sizes)
                .map(|(name, members)| ClassView { name, members })
                .collect(),
            members: group.members.size,
            registrars: group
                .definition
                .registrars
                .iter()
                .map(ToString::to_string)
                .collect(),
            threshold: group.definition.threshold,
            name: group.definition.name,
        }
    }
}

/// `GET /v1/groups/{id}/members`: always all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MembersView {
    /// All leaves, in the tree's order.
    pub members: Vec<String>,
    /// The leaves of each class, in its tree's order.
    pub classes: BTreeMap<String, Vec<String>>,
}

impl MembersView {
    /// Lists a group's members.
    pub fn new(definition: &GroupDefinition, mut members: Vec<MemberView>) -> Self {
        members.sort_by_key(|member| member.position);
        let in_class = |class: usize| {
            let of = |m: &&MemberView| m.classes.iter().any(|c| usize::from(*c) == class);
            members.iter().filter(of).map(|m| hex(&m.leaf)).collect()
        };
        let names = definition.classes.iter().enumerate();
        Self {
            classes: names
                .map(|(i, name)| (name.to_string(), in_class(i)))
                .collect(),
            members: members.iter().map(|m| hex(&m.leaf)).collect(),
        }
    }
}

/// `GET /v1/statements/{id}`, and an item of `GET /v1/statements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementView {
    /// Its id.
    pub id: String,
    /// Its group's id.
    pub group: String,
    /// What people sign.
    pub text: String,
    /// When the list opens.
    pub trigger: String,
    /// Until when.
    pub deadline_ms: u64,
    /// Where it stands.
    pub status: &'static str,
    /// Signatures counted.
    pub count: u64,
    /// Signatures counted under each class.
    pub classes: BTreeMap<String, u64>,
    /// Nodes that hold a share.
    pub holders: Vec<u16>,
    /// Shares that open it.
    pub needed: u64,
    /// Its public key; none before it opens.
    pub k: Option<String>,
    /// Members as frozen; before it opens, as they are.
    pub members: u64,
    /// When it opened for signatures.
    pub opened_ms: Option<u64>,
    /// Names in the smallest list that the trigger can open.
    pub smallest_list: u64,
    /// Whether any keys were made by one party.
    pub development_keys: bool,
}

impl StatementView {
    /// Shows a statement, of whose group there are `members` now.
    pub fn new(founding: &Founding, row: Row, members: u64, opened_ms: Option<u64>) -> Self {
        let opening = row.opening.as_ref();
        Self {
            id: row.id.to_string(),
            group: row.statement.group.to_string(),
            trigger: row.statement.trigger.to_string(),
            deadline_ms: row.statement.deadline_ms,
            status: row.status.word(),
            count: row.count,
            classes: row.class_names.into_iter().zip(row.class_counts).collect(),
            holders: row.holders,
            needed: founding.quorum() as u64,
            k: opening.map(|o| hex::encode(o.k.to_bytes())),
            members: opening.map_or(members, |o| o.group.size),
            opened_ms,
            smallest_list: row.smallest_list,
            development_keys: founding.development_keys(),
            text: row.statement.text,
        }
    }
}

/// `GET /v1/statements/{id}/signatures`: always all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignaturesView {
    /// All counted signatures, in log order.
    pub signatures: Vec<SignatureView>,
}

/// A counted signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureView {
    /// From 0, in log order.
    pub position: u64,
    /// Its nullifier.
    pub nullifier: String,
    /// Commitment to its sealed body.
    pub ct: String,
    /// The class it counts under; none: the whole group.
    pub class: Option<String>,
    /// Height of its block.
    pub height: u64,
}

impl SignaturesView {
    /// Lists a statement's signatures; `classes` are the group's, in the definition's order.
    pub fn new(classes: &[String], mut signatures: Vec<Signature>) -> Self {
        signatures.sort_by_key(|signature| signature.position);
        let show = |s: Signature| SignatureView {
            position: s.position,
            nullifier: hex(&s.nullifier),
            ct: hex(&s.ct),
            class: s.class.and_then(|c| classes.get(usize::from(c)).cloned()),
            height: s.height,
        };
        Self {
            signatures: signatures.into_iter().map(show).collect(),
        }
    }
}

/// `GET /v1/health`: the process is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthView {
    /// `alive`.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// The committee's fingerprint.
    pub fingerprint: String,
}

/// `GET /v1/ready`: the node follows a log that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyView {
    /// `ready`.
    pub status: &'static str,
    /// Height of the last block in the database.
    pub applied: u64,
    /// Its time.
    pub applied_ms: u64,
    /// How long ago that was, in milliseconds, by this node's clock.
    pub age_ms: u64,
    /// Newest finalized height heard of.
    pub tip: u64,
    /// Other nodes heard lately.
    pub peers: usize,
    /// Nodes that finalize a block together.
    pub quorum: usize,
    /// Entries that wait for a block.
    pub pending: usize,
}

fn hex(element: &FieldElement) -> String {
    hex::encode(element.to_le_bytes())
}
