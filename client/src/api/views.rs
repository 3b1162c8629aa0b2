//! The JSON of a node's API. It is one node's word: for reading, not for relying on.

use serde::{Deserialize, Serialize};

/// `GET /v1/epoch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochView {
    /// The committee's fingerprint.
    pub fingerprint: String,
    /// The epoch's number.
    pub epoch: u32,
    /// Version of the protocol.
    pub protocol: u16,
    /// The nodes, in the founding file's order.
    pub nodes: Vec<NodeView>,
    /// Were any keys made by one party?
    pub development_keys: bool,
    /// Hash of the sealing circuit.
    pub circuit: String,
    /// Hash of its verifying key.
    pub verifying_key: String,
    /// Hash of its proving key.
    pub proving_key: String,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its position.
    pub index: u16,
    /// Its operator's name.
    pub name: String,
    /// Its operator's key.
    pub key: String,
    /// URL of its API, if it said so.
    #[serde(default)]
    pub api: Option<String>,
}

/// `GET /v1/groups/{id}`, and an item of `GET /v1/groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// The group's id.
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

/// A class of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassView {
    /// Its name.
    pub name: String,
    /// How many members.
    pub members: u64,
}

/// `GET /v1/statements/{id}`, and an item of `GET /v1/statements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementView {
    /// The statement's id.
    pub id: String,
    /// Its group's id.
    pub group: String,
    /// What people sign.
    pub text: String,
    /// When the list opens.
    pub trigger: String,
    /// Until when: Unix time in milliseconds.
    pub deadline_ms: u64,
    /// Where it stands.
    pub status: String,
    /// Signatures counted.
    pub count: u64,
    /// Signatures counted under each class.
    #[serde(default)]
    pub classes: std::collections::BTreeMap<String, u64>,
    /// Nodes that hold a share.
    #[serde(default)]
    pub holders: Vec<u16>,
    /// Shares that open it.
    #[serde(default)]
    pub needed: u64,
    /// Its public key, in hex; none before it opens.
    #[serde(default)]
    pub k: Option<String>,
    /// Members as frozen (before it opens: as they are).
    #[serde(default)]
    pub members: u64,
    /// When it opened for signatures: Unix time in milliseconds.
    #[serde(default)]
    pub opened_ms: Option<u64>,
    /// Names in the smallest list that the trigger can open.
    #[serde(default)]
    pub smallest_list: u64,
    /// Were any keys made by one party?
    #[serde(default)]
    pub development_keys: bool,
}
