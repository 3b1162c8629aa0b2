//! The kinds of rings that are measured, and what is aimed at for each.

use serde::Serialize;

use crate::simulate::behaviour::Behaviour;
use crate::simulate::ring::{Accounts, Joining, Ring, Rotation, Synchrony};

/// Behaviours that look like rings, and must be told from them.
pub const LIKE_RINGS: [Behaviour; 6] = [
    Behaviour::FanClub,
    Behaviour::LocalNiche,
    Behaviour::PartyLine,
    Behaviour::NewcomerCohort,
    Behaviour::DigestReader,
    Behaviour::ViralDay,
];
/// Rings are to be told from those with an AUC of this at least.
pub const AGAINST_AUC: f64 = 0.9;
/// Of those, the share that may be discounted.
pub const DISCOUNTED: f64 = 0.02;
/// Of those, the share that may be slashed.
pub const SLASHED: f64 = 0.0001;
/// So many members times windows are to be seen before that can be said.
pub const LEAST_EPOCHS: u64 = 30_000;
/// Of the members of a real conversation with nothing planted, the share that may be flagged.
pub const FLAGGED: f64 = 0.01;

/// What is aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Aim {
    /// Area under the curve at least.
    pub auc: Option<f64>,
    /// Recall at one false positive in a hundred at least.
    pub recall: Option<f64>,
}

/// Rings that are measured together.
#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    /// The table's name for it.
    pub name: &'static str,
    /// Its cells.
    pub rings: Vec<Ring>,
    /// If anything is aimed at.
    pub aim: Option<Aim>,
    /// Does the ring first choose by rehearsals how it votes, and with which accounts?
    pub adaptive: bool,
}

/// Of those who are slashed, the share that should be of a ring.
pub const SLASH_PRECISION: f64 = 0.99;

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A few cells of each kind, for tests.
    Quick,
    /// Every cell.
    Whole,
}

impl Scope {
    fn sizes(self) -> &'static [usize] {
        match self {
            Self::Quick => &[10, 20],
            Self::Whole => &[10, 20, 35, 50],
        }
    }

    fn shares(self) -> &'static [f64] {
        match self {
            Self::Quick => &[0.2, 0.5],
            Self::Whole => &[0.1, 0.2, 0.4, 0.6],
        }
    }

    fn camouflage(self) -> &'static [f64] {
        match self {
            Self::Quick => &[0.9],
            Self::Whole => &[0.0, 0.3, 0.6, 0.9],
        }
    }
}

/// Every kind.
pub fn kinds(scope: Scope) -> Vec<Kind> {
    use Synchrony::{Minute, Organic, TenMinutes};
    let of = |sizes: &[usize], synchronies: &[(Synchrony, Rotation)]| -> Vec<Ring> {
        let mut rings = Vec::new();
        for size in sizes {
            for share in scope.shares() {
                for (synchrony, rotation) in synchronies {
                    rings.push(Ring {
                        share: *share,
                        synchrony: *synchrony,
                        rotation: *rotation,
                        ..Ring::of(*size)
                    });
                }
            }
        }
        rings
    };
    let (chance, rota) = (Rotation::Chance, Rotation::Rota);
    // By the clock of the ten minutes, or by the minute and by rota.
    let rotating = [(TenMinutes, chance), (Minute, rota)];
    let aim = |auc, recall| Some(Aim { auc, recall });
    let kind = |name, rings, aim| Kind {
        name,
        rings,
        aim,
        adaptive: false,
    };
    let hidden = Ring {
        share: 0.3,
        synchrony: TenMinutes,
        ..Ring::of(20)
    };
    let camouflage = scope.camouflage().iter();
    let camouflage = camouflage.map(|camouflage| Ring {
        camouflage: *camouflage,
        ..hidden
    });
    let past = [Accounts::Sleepers, Accounts::Mixed].map(|accounts| Ring { accounts, ..hidden });
    let organic = Ring {
        synchrony: Organic,
        ..hidden
    };
    let sizes = scope.sizes();
    let mut kinds = vec![
        kind(
            "synchronised, 10 or more",
            of(sizes, &[(Minute, chance)]),
            aim(Some(0.995), Some(0.95)),
        ),
        kind(
            "jittered or rotating, 10 or more",
            of(sizes, &rotating),
            aim(Some(0.97), Some(0.70)),
        ),
        kind(
            "organic, 10 or more",
            of(sizes, &[(Organic, chance)]),
            aim(Some(0.85), Some(0.25)),
        ),
        kind(
            "ring of 5, synchronised",
            of(&[5], &[(Minute, chance)]),
            aim(None, Some(0.80)),
        ),
        kind(
            "ring of 5, jittered",
            of(&[5], &rotating),
            aim(None, Some(0.30)),
        ),
        kind("camouflage", camouflage.collect(), None),
        kind("accounts with a past", past.to_vec(), None),
        kind(
            "no ring, but as much written",
            vec![Ring {
                sham: true,
                ..organic
            }],
            None,
        ),
    ];
    if scope == Scope::Quick {
        return kinds;
    }
    let one = |name, ring| kind(name, vec![ring], None);
    let joining = Ring {
        joining: Joining::OverTime,
        ..hidden
    };
    let bribed = Ring {
        bribed: 10,
        ..hidden
    };
    let feints = Ring {
        feints: 0.5,
        ..organic
    };
    kinds.push(one("accounts that join one by one", joining));
    kinds.push(one("with bribed outsiders", bribed));
    kinds.push(one("passes on each other's posts", feints));
    kinds.push(Kind {
        name: "adaptive: knows the detector",
        rings: vec![Ring::of(10), Ring::of(20)],
        aim: None,
        adaptive: true,
    });
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_of_every_kind_can_be() {
        for scope in [Scope::Quick, Scope::Whole] {
            for kind in kinds(scope) {
                assert!(!kind.rings.is_empty(), "{}", kind.name);
                for ring in kind.rings {
                    assert_eq!(ring.check(), Ok(()), "{ring}");
                }
            }
        }
    }

    #[test]
    fn names_tell_kinds_apart_and_rings_of_a_kind() {
        for scope in [Scope::Quick, Scope::Whole] {
            let kinds = kinds(scope);
            let mut names: Vec<&str> = kinds.iter().map(|k| k.name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), kinds.len());
            for kind in kinds {
                let mut rings: Vec<String> = kind.rings.iter().map(Ring::to_string).collect();
                rings.sort_unstable();
                rings.dedup();
                assert_eq!(rings.len(), kind.rings.len(), "{}", kind.name);
            }
        }
    }
}
