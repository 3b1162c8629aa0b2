//! Binary Merkle trees over SHA-256: for a header's entries and for the certified state.
//!
//! Leaves, inner nodes and the root are hashed in domains of their own, and the root binds the
//! number of leaves, so no node can pass for another kind and a path fixes its position. An odd node
//! is carried up unchanged (as in RFC 9162).

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::hash::{Digest, Hasher, domain};

/// Most siblings in a path: trees of up to 2^40 leaves.
pub const MAX_PATH: usize = 40;

/// Hash of a leaf's bytes.
pub fn leaf(bytes: &[u8]) -> Digest {
    Hasher::new(domain::MERKLE_LEAF).chain_var(bytes).finish()
}

fn node(left: &Digest, right: &Digest) -> Digest {
    Hasher::new(domain::MERKLE_NODE)
        .chain(left)
        .chain(right)
        .finish()
}

fn bind(top: &Digest, size: u64) -> Digest {
    Hasher::new(domain::MERKLE_ROOT)
        .chain(size.to_be_bytes())
        .chain(top)
        .finish()
}

fn up(level: &[Digest]) -> Vec<Digest> {
    level
        .chunks(2)
        .filter_map(|pair| match pair {
            [l, r] => Some(node(l, r)),
            [one] => Some(*one),
            _ => None,
        })
        .collect()
}

/// Root over hashed leaves. Without leaves: the root of size zero.
pub fn root(leaves: &[Digest]) -> Digest {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = up(&level);
    }
    bind(
        &level.first().copied().unwrap_or(Digest::ZERO),
        leaves.len() as u64,
    )
}

/// A leaf's way to the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Position of the leaf.
    pub index: u64,
    /// Number of leaves.
    pub size: u64,
    /// Siblings from the leaf up; levels where the node is carried up have none.
    pub siblings: Vec<Digest>,
}

impl Path {
    /// The path of the leaf at `index`; `None` if there is no such leaf.
    pub fn of(leaves: &[Digest], index: usize) -> Option<Self> {
        leaves.get(index)?;
        let (mut level, mut at, mut siblings) = (leaves.to_vec(), index, Vec::new());
        while level.len() > 1 {
            siblings.extend(level.get(at ^ 1));
            level = up(&level);
            at /= 2;
        }
        Some(Self {
            index: index as u64,
            size: leaves.len() as u64,
            siblings,
        })
    }

    /// The root that this path leads a hashed leaf to; `None` if the path has a wrong shape.
    pub fn root(&self, leaf: &Digest) -> Option<Digest> {
        if self.index >= self.size {
            return None;
        }
        let (mut at, mut width, mut top) = (self.index, self.size, *leaf);
        let mut siblings = self.siblings.iter();
        while width > 1 {
            if at ^ 1 < width {
                let sibling = siblings.next()?;
                top = if at & 1 == 0 {
                    node(&top, sibling)
                } else {
                    node(sibling, &top)
                };
            }
            at /= 2;
            width = width.div_ceil(2);
        }
        siblings.next().is_none().then(|| bind(&top, self.size))
    }
}

impl Encode for Path {
    fn encode(&self, w: &mut Writer) {
        w.u64(self.index);
        w.u64(self.size);
        w.list(&self.siblings);
    }
}

impl Decode for Path {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            index: r.u64()?,
            size: r.u64()?,
            siblings: r.list("a Merkle path", MAX_PATH)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_reaches_the_root_and_only_from_its_own_place() {
        for size in 1..20usize {
            let leaves: Vec<_> = (0..size).map(|i| leaf(&[i as u8])).collect();
            let r = root(&leaves);
            for i in 0..size {
                let path = Path::of(&leaves, i).unwrap();
                assert_eq!(path.root(&leaves[i]), Some(r));
                for j in 0..size {
                    if j != i {
                        assert_ne!(
                            Path {
                                index: j as u64,
                                ..path.clone()
                            }
                            .root(&leaves[i]),
                            Some(r)
                        );
                    }
                }
                assert_ne!(
                    Path {
                        size: path.size + 1,
                        ..path.clone()
                    }
                    .root(&leaves[i]),
                    Some(r)
                );
                let mut long = path.clone();
                long.siblings.push(Digest::ZERO);
                assert_eq!(long.root(&leaves[i]), None);
            }
            assert_eq!(Path::of(&leaves, size), None);
        }
        assert_ne!(root(&[]), root(&[Digest::ZERO]));
    }
}
