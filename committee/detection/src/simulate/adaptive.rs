//! A ring that knows the detector: it rehearses, and does what brings most and isn't seen.

use super::ring::{Accounts, Ring, Rotation, Synchrony};

/// The shares of the others that it tries.
const SHARES: [f64; 5] = [0.6, 0.4, 0.3, 0.2, 0.1];
/// The shares of camouflage that it tries.
const CAMOUFLAGE: [f64; 3] = [0.3, 0.6, 0.9];
/// Of the others' posts that a member doesn't vote for, the share on which it passes, if it feigns dissent.
const FEINTS: f64 = 0.5;
/// What a vote costs that has to be cast when its account is there anyhow, in whole votes for a post.
const WORK: f64 = 0.05;
/// What an account with an honest past costs.
const PAST: f64 = 2.0;
/// Of its members, the share that it lets be flagged in its rehearsals.
pub const MOST_FLAGGED: f64 = 0.1;

/// What a ring settled on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adapted {
    /// How it will vote.
    pub ring: Ring,
    /// The share of its members that was flagged in its rehearsals of this.
    pub flagged: f64,
    /// How many ways it rehearsed.
    pub tried: usize,
}

/// What a way of voting brings a member, in whole votes for its posts: those that it gets, less what those
/// that it casts cost in work. A vote cast by a program that votes for all at once costs less than one that
/// has to be cast when its account is there anyhow, as passes are that feign dissent; an account with a past
/// has to be bought, or kept for long.
pub fn profit(ring: &Ring) -> f64 {
    let posts = (ring.size.saturating_sub(1) * ring.posts_each) as f64;
    let votes = ring.share * posts;
    let feints = WORK * ring.feints * (posts - votes);
    let past = match ring.accounts {
        Accounts::New => 0.0,
        Accounts::Mixed => PAST / 2.0,
        Accounts::Sleepers => PAST,
    };
    let work = match ring.synchrony {
        Synchrony::Minute => 0.02,
        Synchrony::TenMinutes => 0.03,
        Synchrony::Organic => WORK,
    };
    votes - work * votes / (1.0 - ring.camouflage) - feints - past
}

/// A ring as it is; one that votes by rota and feigns dissent; and that with accounts that have a past.
fn disguises(ring: &Ring) -> [Ring; 3] {
    let feigning = Ring {
        rotation: Rotation::Rota,
        feints: FEINTS,
        ..*ring
    };
    let with_past = Ring {
        accounts: Accounts::Sleepers,
        ..feigning
    };
    [*ring, feigning, with_past]
}

/// Every way that it tries, the most profitable first.
pub fn ways(ring: &Ring) -> Vec<Ring> {
    let mut ways = Vec::new();
    for share in SHARES {
        for camouflage in CAMOUFLAGE {
            for synchrony in [Synchrony::Minute, Synchrony::TenMinutes, Synchrony::Organic] {
                let disguised = disguises(ring).map(|ring| Ring {
                    share,
                    camouflage,
                    synchrony,
                    ..ring
                });
                ways.extend(disguised);
            }
        }
    }
    ways.sort_by(|a, b| profit(b).total_cmp(&profit(a)));
    ways
}

/// Settles on the most profitable way of which its rehearsals are flagged no more than [`MOST_FLAGGED`], or
/// else on the one that is flagged least. `flagged` rehearses: it gives the share of members flagged.
///
/// # Errors
/// What `flagged` fails with.
pub fn adapt<E>(
    ring: &Ring,
    mut flagged: impl FnMut(&Ring) -> Result<f64, E>,
) -> Result<Adapted, E> {
    let mut best = Adapted {
        ring: *ring,
        flagged: f64::INFINITY,
        tried: 0,
    };
    for way in ways(ring) {
        let share = flagged(&way)?;
        best.tried += 1;
        if share < best.flagged {
            (best.ring, best.flagged) = (way, share);
        }
        if share <= MOST_FLAGGED {
            break;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_profitable_way_that_is_not_seen_is_taken() {
        let seen = |ring: &Ring| {
            let hidden = ring.share <= 0.3 && ring.synchrony == Synchrony::Organic;
            Ok::<_, ()>(if hidden { 0.05 } else { 0.8 })
        };
        let found = adapt(&Ring::of(10), seen).unwrap();
        let ring = found.ring;
        assert_eq!((ring.share, ring.synchrony), (0.3, Synchrony::Organic));
        // More camouflage than needed costs.
        assert_eq!((ring.camouflage, found.flagged), (0.3, 0.05));
        assert!(found.tried < ways(&ring).len());
    }

    #[test]
    fn a_ring_that_is_always_seen_does_what_is_seen_least() {
        let seen = |ring: &Ring| Ok::<_, ()>(0.5 + ring.share / 2.0 - ring.camouflage / 4.0);
        let found = adapt(&Ring::of(10), seen).unwrap();
        assert_eq!((found.ring.share, found.ring.camouflage), (0.1, 0.9));
        assert_eq!(found.tried, 135);
    }

    #[test]
    fn feigned_dissent_and_accounts_with_a_past_are_taken_where_nothing_cheaper_hides_it() {
        let seen = |ring: &Ring| {
            let hidden = ring.feints > 0.0 && ring.rotation == Rotation::Rota;
            Ok::<_, ()>(if hidden { 0.0 } else { 0.8 })
        };
        let found = adapt(&Ring::of(10), seen).unwrap().ring;
        assert_eq!((found.share, found.accounts), (0.6, Accounts::New));
        let seen = |ring: &Ring| {
            let hidden = ring.accounts == Accounts::Sleepers && ring.share < 0.5;
            Ok::<_, ()>(if hidden { 0.0 } else { 0.8 })
        };
        let found = adapt(&Ring::of(10), seen).unwrap().ring;
        assert_eq!((found.share, found.accounts), (0.4, Accounts::Sleepers));
        let plain = Ring::of(10);
        let feigning = Ring {
            feints: FEINTS,
            ..plain
        };
        // 36 posts of others, half of them voted for: nine passes.
        assert!((profit(&plain) - profit(&feigning) - 0.45).abs() < 1e-12);
        let sleepers = Ring {
            accounts: Accounts::Sleepers,
            ..plain
        };
        assert!((profit(&plain) - profit(&sleepers) - PAST).abs() < 1e-12);
    }

    #[test]
    fn a_detector_that_sees_nothing_lets_it_take_everything() {
        let found = adapt(&Ring::of(10), |_| Ok::<_, ()>(0.0)).unwrap();
        let ring = found.ring;
        assert_eq!((ring.share, ring.camouflage, found.tried), (0.6, 0.3, 1));
        assert_eq!(ring.synchrony, Synchrony::Minute);
    }
}
