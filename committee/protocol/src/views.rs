//! The JSON of a node's API: the words that nodes write and clients read. `docs/api.md` describes them.
//!
//! It is one node's word: for reading, never for relying on. What is to be relied on are chains,
//! bundles and receipts, which carry their certificates.
//!
//! Ids, hashes, keys and points are lowercase hex; field elements are the hex of their 32 little-endian
//! bytes; times are Unix milliseconds. Fields that a later version adds must be optional for a reader.

use std::collections::BTreeMap;

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// Its position.
    pub index: u16,
    /// Its operator's name.
    pub name: String,
    /// Its operator's key.
    pub key: String,
    /// URL of its API, if it is known.
    #[serde(default)]
    pub api: Option<String>,
}

/// `GET /v1/groups/{id}`, and an item of `GET /v1/groups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// A class of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassView {
    /// Its name.
    pub name: String,
    /// How many members.
    pub members: u64,
}

/// `GET /v1/groups/{id}/members`: always all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersView {
    /// All leaves, in the tree's order.
    pub members: Vec<String>,
    /// The leaves of each class, in its tree's order.
    pub classes: BTreeMap<String, Vec<String>>,
}

/// `GET /v1/statements/{id}`, and an item of `GET /v1/statements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Where it stands: [`crate::statement::Status::word`].
    pub status: String,
    /// Signatures counted.
    pub count: u64,
    /// Signatures counted under each class.
    #[serde(default)]
    pub classes: BTreeMap<String, u64>,
    /// Nodes that hold a share.
    #[serde(default)]
    pub holders: Vec<u16>,
    /// Shares that open it.
    #[serde(default)]
    pub needed: u64,
    /// Its public key; none before it opens.
    #[serde(default)]
    pub k: Option<String>,
    /// Members as frozen; before it opens, as they are.
    #[serde(default)]
    pub members: u64,
    /// When it opened for signatures.
    #[serde(default)]
    pub opened_ms: Option<u64>,
    /// Nodes that were found to be at fault in the log, or absent when the key was made, in log order.
    #[serde(default)]
    pub faults: Vec<FaultView>,
    /// Names in the smallest list that the trigger can open.
    #[serde(default)]
    pub smallest_list: u64,
    /// Whether any keys were made by one party.
    #[serde(default)]
    pub development_keys: bool,
}

/// What a node was found to have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultView {
    /// Its position.
    pub node: u16,
    /// The fault's name in the log, such as `absent` or `wrong-share`.
    pub fault: String,
}

/// `GET /v1/statements/{id}/signatures`: always all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignaturesView {
    /// All counted signatures, in log order.
    pub signatures: Vec<SignatureView>,
}

/// A counted signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// `GET /v1/health`: the process is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    /// `alive`.
    pub status: String,
    /// The program's version.
    pub version: String,
    /// The committee's fingerprint.
    pub fingerprint: String,
}

/// `GET /v1/ready`: the node follows a log that moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyView {
    /// `ready`.
    pub status: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_takes_an_older_nodes_statement_and_a_newer_ones() {
        let bare = serde_json::json!({
            "id": "s", "group": "g", "text": "t", "trigger": "count >= 1",
            "deadline_ms": 5, "status": "collecting", "count": 2,
        });
        let read: StatementView = serde_json::from_value(bare.clone()).unwrap();
        assert_eq!((read.count, read.k, read.members), (2, None, 0));
        let mut newer = bare;
        newer["mood"] = "cheerful".into();
        assert!(serde_json::from_value::<StatementView>(newer).is_ok());
    }
}
