//! Rate-limited voting: the more a member supports in a window, the less each of its votes counts.
//!
//! The manner is that of Steem's voting power ("Steem: an incentivized, blockchain-based, public content
//! platform", 2017, "Rate limited voting"): who votes more often than a person can read has each vote count
//! for less. Nobody is suspected of anything; it is the same rule for all. What it is for is what evidence
//! can't see: accounts that support nearly everything, so that chance explains their votes for each other.
//!
//! A member who supports up to the allowance is heard in full. Beyond it, all of the member's support in the
//! window together counts as much as the allowance: `n` votes weigh `allowance / n` each. The allowance is
//! a multiple of the median of what those gave who supported anything (of two middle ones the greater), so
//! that a few who vote all day don't raise it. Many accounts that support one post each lower it, down to the
//! least. Votes that are no support use none of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::inputs::{ActiveMembers, Weight};

/// Times the median that is heard in full, unless another multiple is agreed on.
pub const TIMES_MEDIAN: u64 = 4;
/// Votes that are always heard in full, however little others give.
pub const LEAST: u64 = 10;

/// The rules of the allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Times the median of what those gave who supported anything.
    pub times_median: u64,
    /// But so many votes at least.
    pub least: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            times_median: TIMES_MEDIAN,
            least: LEAST,
        }
    }
}

/// What the votes of those weigh who gave more than the allowance; everybody else's weigh one.
#[derive(Debug, Clone, PartialEq)]
pub struct Powers<M> {
    of: BTreeMap<M, Weight>,
}

impl Allowance {
    /// The allowance of a window, in votes, by how many posts each member supported in it.
    pub fn votes(&self, given: impl Iterator<Item = u64>) -> u64 {
        let mut given: Vec<u64> = given.filter(|votes| *votes > 0).collect();
        given.sort_unstable();
        let median = given.get(given.len() / 2).copied().unwrap_or_default();
        self.least.max(median.saturating_mul(self.times_median))
    }

    /// What everybody's votes weigh.
    pub fn powers<M: Ord + Clone>(
        &self,
        _enough: ActiveMembers,
        given: &BTreeMap<M, u64>,
    ) -> Powers<M> {
        let allowed = self.votes(given.values().copied());
        let beyond = given.iter().filter(|(_, votes)| **votes > allowed);
        let of = beyond.map(|(member, votes)| {
            let weight = Weight::new(allowed as f64 / *votes as f64);
            (member.clone(), weight.unwrap_or(Weight::ONE))
        });
        Powers { of: of.collect() }
    }
}

impl<M: Ord> Powers<M> {
    /// Everybody is heard in full.
    pub fn full() -> Self {
        Self {
            of: BTreeMap::new(),
        }
    }

    /// What each vote of a member weighs.
    pub fn of(&self, member: &M) -> Weight {
        self.of.get(member).copied().unwrap_or(Weight::ONE)
    }
}
