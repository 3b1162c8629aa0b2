//! The members' tree: a LeanIMT with Poseidon2, node for node the tree of Semaphore v4.
//!
//! A node with one child is that child, unhashed, so a path has no sibling where the tree has none:
//! paths in one tree differ in length, and the bits of [`MembershipProof::index`] count only the
//! levels that have a sibling (the index is not the leaf's position).
//!
//! Two forms: [`LeanImt`] in memory, for clients, and [`insert_into`] over a [`NodeStore`], for a
//! ledger that keeps nodes in its database. Neither ever takes a zero leaf, with which Semaphore's
//! tools mark removed members.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;

use ark_ff::{PrimeField as _, Zero as _};
use lean_imt::lean_imt::LeanIMT;
use thiserror::Error;

use crate::field::{Fr, fr_to_bytes};
use crate::poseidon::poseidon2;

/// The longest path that the default circuit proves: 2^20 members.
pub const MAX_DEPTH: usize = 20;

/// How many leaves a tree of [`MAX_DEPTH`] holds.
pub const MAX_LEAVES: u64 = 1 << MAX_DEPTH;

/// Why a leaf isn't added, or has no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LeanImtError {
    /// Zero stands for a removed member in Semaphore's trees and is nobody's leaf.
    #[error("a leaf is zero")]
    ZeroLeaf,
    /// The leaf is in the tree already.
    #[error("the leaf is in the tree already")]
    DuplicateLeaf,
    /// The tree holds as many leaves as the circuit's depth allows.
    #[error("the tree is full: {MAX_LEAVES} leaves")]
    Full,
    /// There is no leaf at this position.
    #[error("there is no leaf at position {0}")]
    NoSuchLeaf(u64),
}

/// Why [`insert_into`] didn't insert.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InsertError<E> {
    /// The leaf or the size isn't allowed.
    #[error(transparent)]
    Refused(LeanImtError),
    /// The store failed.
    #[error("the node store failed: {0}")]
    Store(E),
    /// The store lacks a node that a tree of this size has.
    #[error("the node store has no node {index} on level {level}")]
    MissingNode {
        /// Level, 0 for leaves.
        level: u8,
        /// Position within the level.
        index: u64,
    },
}

impl<E> From<LeanImtError> for InsertError<E> {
    fn from(e: LeanImtError) -> Self {
        Self::Refused(e)
    }
}

/// The path from a leaf to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipProof {
    /// The siblings, from the leaf's level upwards; levels without one are left out.
    pub siblings: Vec<Fr>,
    /// Bit i is 1 when the node that meets sibling i is the right one.
    pub index: u32,
}

impl MembershipProof {
    /// The root that this path leads to from `leaf`.
    pub fn root(&self, leaf: Fr) -> Fr {
        let mut bits = self.index;
        self.siblings.iter().fold(leaf, |node, sibling| {
            let is_right = bits & 1 == 1;
            bits >>= 1;
            if is_right {
                poseidon2(*sibling, node)
            } else {
                poseidon2(node, *sibling)
            }
        })
    }
}

/// A members' tree in memory.
#[derive(Clone, Default)]
pub struct LeanImt {
    tree: LeanIMT<32>,
    positions: HashMap<[u8; 32], u64>,
}

impl LeanImt {
    /// The empty tree, which has no root.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree of these leaves, in this order.
    pub fn from_leaves(leaves: &[Fr]) -> Result<Self, LeanImtError> {
        let mut tree = Self::new();
        if leaves.len() as u64 > MAX_LEAVES {
            return Err(LeanImtError::Full);
        }
        let mut nodes = Vec::with_capacity(leaves.len());
        for (leaf, position) in leaves.iter().zip(0..) {
            nodes.push(tree.register(leaf, position)?);
        }
        if !nodes.is_empty() {
            // The only error is that of an empty list.
            let _ = tree.tree.insert_many(&nodes, hash_nodes);
        }
        Ok(tree)
    }

    /// Adds a leaf and says at which position.
    pub fn insert(&mut self, leaf: Fr) -> Result<u64, LeanImtError> {
        let position = self.size();
        if position >= MAX_LEAVES {
            return Err(LeanImtError::Full);
        }
        let node = self.register(&leaf, position)?;
        self.tree.insert(&node, hash_nodes);
        Ok(position)
    }

    fn register(&mut self, leaf: &Fr, position: u64) -> Result<[u8; 32], LeanImtError> {
        if leaf.is_zero() {
            return Err(LeanImtError::ZeroLeaf);
        }
        let node = fr_to_bytes(leaf);
        if self.positions.contains_key(&node) {
            return Err(LeanImtError::DuplicateLeaf);
        }
        self.positions.insert(node, position);
        Ok(node)
    }

    /// The root; `None` when the tree is empty. With one leaf, the root is the leaf.
    pub fn root(&self) -> Option<Fr> {
        self.tree.root().map(|node| node_to_field(&node))
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.tree.size() as u64
    }

    /// The length of the longest path.
    pub fn depth(&self) -> usize {
        self.tree.depth()
    }

    /// The position of a leaf.
    pub fn position(&self, leaf: Fr) -> Option<u64> {
        self.positions.get(&fr_to_bytes(&leaf)).copied()
    }

    /// The leaves in order.
    pub fn leaves(&self) -> impl ExactSizeIterator<Item = Fr> + '_ {
        self.tree.leaves().iter().map(node_to_field)
    }

    /// The path of the leaf at `position`.
    pub fn proof(&self, position: u64) -> Result<MembershipProof, LeanImtError> {
        let absent = LeanImtError::NoSuchLeaf(position);
        let index = usize::try_from(position).map_err(|_| absent)?;
        let proof = self.tree.generate_proof(index).map_err(|_| absent)?;
        Ok(MembershipProof {
            siblings: proof.siblings.iter().map(node_to_field).collect(),
            // A path has at most MAX_DEPTH bits.
            index: proof.index as u32,
        })
    }
}

impl fmt::Debug for LeanImt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeanImt")
            .field("size", &self.size())
            .field("root", &self.root())
            .finish()
    }
}

/// Where a ledger keeps a tree's nodes. Level 0 holds the leaves.
pub trait NodeStore {
    /// Why the store fails.
    type Error;
    /// The node, if it was ever put.
    fn get(&mut self, level: u8, index: u64) -> Result<Option<Fr>, Self::Error>;
    /// Puts a node, over an earlier one.
    fn put(&mut self, level: u8, index: u64, node: Fr) -> Result<(), Self::Error>;
}

/// Adds `leaf` to the tree of `size` leaves in `store` and returns the new root: one node read and
/// one written per level at most. `store` must be changed by nothing else.
///
/// That no leaf is in a tree twice is the caller's to check, who has an index over the leaves.
pub fn insert_into<S: NodeStore>(
    store: &mut S,
    size: u64,
    leaf: Fr,
) -> Result<Fr, InsertError<S::Error>> {
    if leaf.is_zero() {
        return Err(LeanImtError::ZeroLeaf.into());
    }
    if size >= MAX_LEAVES {
        return Err(LeanImtError::Full.into());
    }
    let mut node = leaf;
    let mut index = size;
    // The new leaf is the last of its level, so its ancestors are too, up to the level with one node.
    for level in 0u8.. {
        store.put(level, index, node).map_err(InsertError::Store)?;
        if index == 0 {
            break;
        }
        if index % 2 == 1 {
            let left = index - 1;
            let sibling = store.get(level, left).map_err(InsertError::Store)?;
            let sibling = sibling.ok_or(InsertError::MissingNode { level, index: left })?;
            node = poseidon2(sibling, node);
        }
        index /= 2;
    }
    Ok(node)
}

/// Nodes in memory, for tests and small trees.
impl NodeStore for HashMap<(u8, u64), Fr> {
    type Error = Infallible;

    fn get(&mut self, level: u8, index: u64) -> Result<Option<Fr>, Infallible> {
        Ok(HashMap::get(self, &(level, index)).copied())
    }

    fn put(&mut self, level: u8, index: u64, node: Fr) -> Result<(), Infallible> {
        self.insert((level, index), node);
        Ok(())
    }
}

// Nodes are canonical little-endian bytes inside the tree; reducing what was written from a field
// element changes nothing.
fn node_to_field(node: &[u8; 32]) -> Fr {
    Fr::from_le_bytes_mod_order(node)
}

fn hash_nodes(pair: &[u8]) -> [u8; 32] {
    let (left, right) = pair.split_at(pair.len() / 2);
    fr_to_bytes(&poseidon2(
        Fr::from_le_bytes_mod_order(left),
        Fr::from_le_bytes_mod_order(right),
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A store that fails when told to.
    struct Failing(HashMap<(u8, u64), Fr>);

    impl NodeStore for Failing {
        type Error = &'static str;

        fn get(&mut self, _: u8, _: u64) -> Result<Option<Fr>, Self::Error> {
            Err("disk gone")
        }

        fn put(&mut self, level: u8, index: u64, node: Fr) -> Result<(), Self::Error> {
            self.0.insert((level, index), node);
            Ok(())
        }
    }

    fn leaves(n: u64) -> Vec<Fr> {
        (1..=n)
            .map(|i| Fr::from(i) * Fr::from(0x9e37_79b9_7f4a_7c15_u64))
            .collect()
    }

    #[test]
    fn an_empty_tree_has_no_root_and_no_paths() {
        let tree = LeanImt::new();
        assert_eq!(tree.root(), None);
        assert_eq!(tree.proof(0), Err(LeanImtError::NoSuchLeaf(0)));
    }

    #[test]
    fn one_leaf_is_its_own_root_and_has_an_empty_path() {
        let tree = LeanImt::from_leaves(&leaves(1)).unwrap();
        assert_eq!(tree.root(), Some(leaves(1)[0]));
        assert_eq!(
            tree.proof(0).unwrap(),
            MembershipProof {
                siblings: vec![],
                index: 0
            }
        );
    }

    #[test]
    fn a_zero_leaf_is_refused_everywhere() {
        let zero = Fr::from(0u64);
        assert_eq!(LeanImt::new().insert(zero), Err(LeanImtError::ZeroLeaf));
        assert_eq!(
            LeanImt::from_leaves(&[Fr::from(1u64), zero]).unwrap_err(),
            LeanImtError::ZeroLeaf
        );
        let refused = insert_into(&mut HashMap::new(), 0, zero);
        assert_eq!(refused, Err(InsertError::Refused(LeanImtError::ZeroLeaf)));
    }

    #[test]
    fn a_leaf_is_refused_the_second_time() {
        let mut tree = LeanImt::from_leaves(&leaves(3)).unwrap();
        let root = tree.root();
        assert_eq!(tree.insert(leaves(3)[1]), Err(LeanImtError::DuplicateLeaf));
        assert_eq!(tree.root(), root);
        let twice = [leaves(1), leaves(1)].concat();
        assert_eq!(
            LeanImt::from_leaves(&twice).unwrap_err(),
            LeanImtError::DuplicateLeaf
        );
    }

    #[test]
    fn a_full_tree_takes_no_more_leaves() {
        let refused = insert_into(&mut HashMap::new(), MAX_LEAVES, Fr::from(1u64));
        assert_eq!(refused, Err(InsertError::Refused(LeanImtError::Full)));
    }

    #[test]
    fn the_last_leaf_of_a_full_tree_has_the_longest_path() {
        // Only the left siblings of the last leaf's path are there: that is all an insertion reads.
        let mut store = HashMap::new();
        for level in 0..MAX_DEPTH as u8 {
            store.insert(
                (level, ((MAX_LEAVES - 1) >> level) - 1),
                Fr::from(u64::from(level) + 1),
            );
        }
        let leaf = Fr::from(99u64);
        let siblings = (1..=MAX_DEPTH as u64).map(Fr::from).collect();
        let path = MembershipProof {
            siblings,
            index: MAX_LEAVES as u32 - 1,
        };
        assert_eq!(
            insert_into(&mut store, MAX_LEAVES - 1, leaf),
            Ok(path.root(leaf))
        );
    }

    #[test]
    fn a_store_without_a_needed_node_is_named() {
        let missing = insert_into(&mut HashMap::new(), 1, Fr::from(1u64));
        assert_eq!(
            missing,
            Err(InsertError::MissingNode { level: 0, index: 0 })
        );
    }

    #[test]
    fn a_failing_store_fails_the_insertion() {
        let failed = insert_into(&mut Failing(HashMap::new()), 1, Fr::from(1u64));
        assert_eq!(failed, Err(InsertError::Store("disk gone")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn stored_insertion_equals_the_tree_in_memory_and_every_path_leads_to_the_root(n in 1u64..70) {
            let mut store = HashMap::new();
            let mut tree = LeanImt::new();
            for (leaf, size) in leaves(n).into_iter().zip(0..) {
                prop_assert_eq!(tree.insert(leaf), Ok(size));
                let root = insert_into(&mut store, size, leaf);
                prop_assert_eq!(root.ok(), tree.root());
            }
            prop_assert_eq!(LeanImt::from_leaves(&leaves(n)).unwrap().root(), tree.root());
            for (position, leaf) in tree.leaves().enumerate() {
                let proof = tree.proof(position as u64).unwrap();
                prop_assert!(proof.siblings.len() <= tree.depth());
                prop_assert_eq!(Some(proof.root(leaf)), tree.root());
                prop_assert_eq!(tree.position(leaf), Some(position as u64));
            }
        }
    }
}
