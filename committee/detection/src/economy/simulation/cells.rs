//! Which rings are played: every size, share, synchrony and camouflage with each other, and the other ways to
//! hide, one at a time and all together.

use std::fmt;

use serde::Serialize;

use crate::simulate::ring::{Accounts, Joining, Ring, Rotation, Synchrony};

/// Sizes of rings.
pub const SIZES: [usize; 5] = [5, 10, 20, 35, 50];
/// Shares of a ring that vote on each of its posts.
pub const SHARES: [f64; 3] = [0.1, 0.3, 0.6];
/// Shares of its votes that serve to look honest.
pub const CAMOUFLAGES: [f64; 3] = [0.0, 0.5, 0.9];
/// Outsiders who are bribed, where any are.
const BRIBED: usize = 5;
/// The smallest ring of the mix.
pub const LEAST_OF_MIX: usize = 10;

/// What a ring writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Posts {
    /// As little as gets votes.
    Junk,
    /// As good as anybody's.
    Good,
}

/// A ring that is played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// How it hides beside its share, synchrony and camouflage; empty for not at all.
    pub ruse: &'static str,
    /// The ring.
    pub ring: Ring,
    /// What it writes.
    pub posts: Posts,
}

impl Cell {
    /// Whether the cell is one of the mix: rings of ten or more that write junk. Each counts alike.
    pub fn is_of_mix(&self) -> bool {
        self.ring.size >= LEAST_OF_MIX && self.posts == Posts::Junk
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let synchrony = name(self.ring.synchrony);
        let (size, share, camouflage) = (self.ring.size, self.ring.share, self.ring.camouflage);
        write!(
            f,
            "{size}, share {share:.1}, {synchrony}, camouflage {camouflage:.1}"
        )?;
        if !self.ruse.is_empty() {
            write!(f, ", {}", self.ruse)?;
        }
        Ok(())
    }
}

/// A synchrony in words.
pub fn name(synchrony: Synchrony) -> &'static str {
    match synchrony {
        Synchrony::Minute => "one minute",
        Synchrony::TenMinutes => "ten minutes",
        Synchrony::Organic => "organic",
    }
}

/// All cells, each member writing so many posts.
pub fn all(posts_each: usize) -> Vec<Cell> {
    let mut cells = Vec::new();
    for size in SIZES {
        for share in SHARES {
            for synchrony in [Synchrony::Minute, Synchrony::TenMinutes, Synchrony::Organic] {
                for camouflage in CAMOUFLAGES {
                    let ring = Ring {
                        posts_each,
                        share,
                        synchrony,
                        camouflage,
                        ..Ring::of(size)
                    };
                    cells.push(Cell {
                        ruse: "",
                        ring,
                        posts: Posts::Junk,
                    });
                }
            }
        }
    }
    for size in [10, 35] {
        for synchrony in [Synchrony::Minute, Synchrony::Organic] {
            cells.extend(ruses(Ring {
                posts_each,
                share: 0.3,
                synchrony,
                ..Ring::of(size)
            }));
        }
    }
    cells
}

/// A smaller mix for real boards, on which there is no time for all: every size and share, within a minute and
/// organically, half of all votes camouflage.
pub fn fewer(posts_each: usize) -> Vec<Cell> {
    let mut cells = all(posts_each);
    cells.retain(|cell| {
        let Ring {
            camouflage,
            synchrony,
            ..
        } = cell.ring;
        cell.ruse.is_empty() && camouflage == 0.5 && synchrony != Synchrony::TenMinutes
    });
    cells
}

/// A few cells of different kinds, for a look that takes seconds.
pub fn few(posts_each: usize) -> Vec<Cell> {
    let of = |size, share, synchrony| Cell {
        ruse: "",
        ring: Ring {
            posts_each,
            share,
            synchrony,
            ..Ring::of(size)
        },
        posts: Posts::Junk,
    };
    vec![
        of(10, 0.6, Synchrony::Minute),
        of(20, 0.3, Synchrony::Minute),
        of(20, 0.3, Synchrony::Organic),
    ]
}

/// One ring with each ruse.
fn ruses(plain: Ring) -> Vec<Cell> {
    let junk = |ruse, ring| Cell {
        ruse,
        ring,
        posts: Posts::Junk,
    };
    let rota = Ring {
        rotation: Rotation::Rota,
        ..plain
    };
    let sleepers = Ring {
        accounts: Accounts::Sleepers,
        ..plain
    };
    let joining = Ring {
        joining: Joining::OverTime,
        ..plain
    };
    let bribed = Ring {
        bribed: BRIBED,
        ..plain
    };
    let feints = Ring {
        feints: 0.2,
        ..plain
    };
    let hidden = Ring {
        rotation: Rotation::Rota,
        accounts: Accounts::Mixed,
        joining: Joining::OverTime,
        feints: 0.2,
        bribed: BRIBED,
        ..plain
    };
    vec![
        junk("by rota", rota),
        junk("sleepers", sleepers),
        junk("joining over time", joining),
        junk("with bribed outsiders", bribed),
        junk("passing on a fifth of the rest", feints),
        junk("all of these", hidden),
        Cell {
            ruse: "good posts",
            ring: plain,
            posts: Posts::Good,
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_cell_can_be_and_has_a_name_of_its_own() {
        let cells = all(12);
        let names: BTreeSet<String> = cells.iter().map(Cell::to_string).collect();
        assert_eq!(names.len(), cells.len());
        assert_eq!(cells.len(), 5 * 3 * 3 * 3 + 2 * 2 * 7);
        assert!(cells.iter().all(|c| c.ring.check().is_ok()));
        assert!(few(12).iter().all(|c| c.ring.check().is_ok()));
        assert!(cells.iter().any(|c| !c.is_of_mix()));
        assert_eq!(fewer(12).len(), 5 * 3 * 2);
    }
}
