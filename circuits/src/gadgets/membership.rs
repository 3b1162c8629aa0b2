//! A leaf is in a LeanIMT with a given root: 244 constraints per level and 2 more.
//!
//! Paths differ in length. All levels up to the maximum are hashed, and a one-hot selector chooses
//! the node that is the root; what the levels above it hold doesn't matter.

use ark_relations::gr1cs::SynthesisError;
use tacit_protocol::lean_imt::MembershipProof;

use super::bits::{boolean, one_hot};
use super::poseidon::poseidon2;
use super::{Builder, Lc};
use crate::relation::Rule;

/// Some path of at most `max_depth` siblings leads from `leaf` to `root`.
pub(crate) fn enforce_member(
    b: &mut Builder,
    leaf: &Lc,
    root: &Lc,
    path: &MembershipProof,
    max_depth: usize,
) -> Result<(), SynthesisError> {
    b.rule(Rule::Depth);
    let selectors = one_hot(b, "depth selector", max_depth + 1, path.siblings.len())?;
    let (top_selector, selectors) = selectors
        .split_last()
        .ok_or(SynthesisError::Unsatisfiable)?;

    let mut node = leaf.clone();
    let mut below = Lc::zero();
    for (level, selector) in selectors.iter().enumerate() {
        b.rule(Rule::Root);
        below = &below + &b.product("selected node", selector, &node)?;

        b.rule(Rule::PathBits);
        let is_right = boolean(b, "path bit", path.index >> level & 1 == 1)?;

        // One product swaps: left = node + bit * (sibling - node), and the two keep their sum.
        b.rule(Rule::Root);
        let sibling = b.witness(
            "sibling",
            path.siblings.get(level).copied().unwrap_or_default(),
        )?;
        let moved = b.product("swap", &is_right, &(&sibling - &node))?;
        node = poseidon2(b, &(&node + &moved), &(&sibling - &moved))?;
    }

    // The last product closes the sum of the selected nodes, which is the root.
    b.rule(Rule::Root);
    b.enforce(top_selector, &node, &(root - &below))
}
