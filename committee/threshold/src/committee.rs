//! How many nodes there are and how many it takes; which key generation a message belongs to.

use tacit_protocol::dkg::AttemptId;
use tacit_protocol::founding::{MAX_NODES, MIN_NODES};
use tacit_protocol::hash::Hasher;
use tacit_protocol::ids::{Fingerprint, NodeIndex};
use thiserror::Error;

/// The number of nodes is out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a committee has {MIN_NODES} to {MAX_NODES} nodes, this one {0}")]
pub struct CommitteeError(pub usize);

/// The size of a committee: n nodes, of which f may be faulty and t = n - f open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committee {
    nodes: u16,
}

impl Committee {
    /// A committee of `nodes` nodes, 4 to 100.
    pub fn new(nodes: usize) -> Result<Self, CommitteeError> {
        match u16::try_from(nodes) {
            Ok(n) if (MIN_NODES..=MAX_NODES).contains(&nodes) => Ok(Self { nodes: n }),
            _ => Err(CommitteeError(nodes)),
        }
    }

    /// n.
    pub fn nodes(&self) -> usize {
        usize::from(self.nodes)
    }

    /// f = floor((n-1)/3).
    pub fn faults(&self) -> usize {
        (self.nodes() - 1) / 3
    }

    /// t = n - f: shares that open, and messages that a phase needs.
    pub fn threshold(&self) -> usize {
        self.nodes() - self.faults()
    }

    /// Whether `node` is one of them.
    pub fn contains(&self, node: NodeIndex) -> bool {
        node < self.nodes
    }

    /// All nodes, ascending.
    pub fn members(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        0..self.nodes
    }
}

/// Which key generation this is. All proofs, commitments and ciphertexts are bound to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DkgContext {
    /// The committee, by its founding file.
    pub fingerprint: Fingerprint,
    /// The committee's size.
    pub committee: Committee,
    /// The statement and the attempt.
    pub at: AttemptId,
}

impl DkgContext {
    /// Binds a transcript to this key generation.
    pub(crate) fn bind(&self, hasher: Hasher) -> Hasher {
        hasher
            .chain(self.fingerprint)
            .chain(self.at.statement)
            .chain([self.at.attempt])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_follow_from_the_number_of_nodes() {
        for (n, f, t) in [
            (4, 1, 3),
            (5, 1, 4),
            (6, 1, 5),
            (7, 2, 5),
            (10, 3, 7),
            (100, 33, 67),
        ] {
            let committee = Committee::new(n).unwrap();
            assert_eq!(
                (committee.faults(), committee.threshold()),
                (f, t),
                "n = {n}"
            );
        }
    }

    #[test]
    fn committees_of_fewer_than_four_or_more_than_a_hundred_are_refused() {
        for n in [0, 1, 3, 101, 65_540] {
            assert_eq!(Committee::new(n), Err(CommitteeError(n)));
        }
    }
}
