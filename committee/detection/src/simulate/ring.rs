//! What a ring does: how many, how often, how hidden.

use std::fmt;

/// How close in time a ring votes on one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Synchrony {
    /// All within a minute.
    Minute,
    /// All within ten minutes.
    TenMinutes,
    /// Each when it is there anyhow.
    Organic,
}

/// Which accounts a ring has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Accounts {
    /// Made for it.
    New,
    /// Members with a past of honest votes, which stands in the log and stays.
    Sleepers,
    /// Half of each.
    Mixed,
}

/// Who of a ring votes on which of its posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rotation {
    /// Each of the others, with the ring's share as its chance.
    Chance,
    /// The share that is next on a list, so that no pair stands out.
    Rota,
}

/// When a ring's accounts begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Joining {
    /// All at the board's first vote.
    AtOnce,
    /// One after the other, through the first three fifths of the board's votes.
    OverTime,
}

/// A ring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ring {
    /// Its members.
    pub size: usize,
    /// New posts of each member.
    pub posts_each: usize,
    /// The share of the others that vote for each post, 0 to 1.
    pub share: f64,
    /// How close in time.
    pub synchrony: Synchrony,
    /// The share of a member's votes that serve to look honest, 0 to 0.9.
    pub camouflage: f64,
    /// Which accounts.
    pub accounts: Accounts,
    /// Who votes on which post.
    pub rotation: Rotation,
    /// When accounts begin.
    pub joining: Joining,
    /// Honest members who are paid to vote as ring members do; they write nothing for the ring.
    pub bribed: usize,
    /// Of the others' posts that a member doesn't vote for, the share on which it passes, so as not to be of
    /// one mind with them, 0 to 1.
    pub feints: f64,
    /// The accounts write and vote as much as the ring's, but vote for others as anybody would: no ring at
    /// all. A score that tells these from honest members sees how they were planted, and not the ring.
    pub sham: bool,
}

/// Why a ring can't be planted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RingError {
    /// Fewer than two members, or none of their posts.
    #[error("a ring has two members or more, and each writes a post or more")]
    Empty,
    /// A share that is none, of votes or of feints.
    #[error("a ring's share is {0}, and must be from 0 to 1")]
    Share(f64),
    /// Too much camouflage.
    #[error("a ring's camouflage is {0}, and must be from 0 to 0.9")]
    Camouflage(f64),
    /// Fewer members than accounts that are to be taken over or paid.
    #[error("the board has {found} active members outside; the ring needs {needed} of them")]
    Members {
        /// On the board.
        found: usize,
        /// For the ring.
        needed: usize,
    },
    /// Nothing to be like.
    #[error("the board has no votes")]
    NoVotes,
}

impl Ring {
    /// The plainest ring: new accounts with four posts each, half of them voting within a minute, and half
    /// of their votes camouflage.
    pub fn of(size: usize) -> Self {
        Self {
            size,
            posts_each: 4,
            share: 0.5,
            synchrony: Synchrony::Minute,
            camouflage: 0.5,
            accounts: Accounts::New,
            rotation: Rotation::Chance,
            joining: Joining::AtOnce,
            bribed: 0,
            feints: 0.0,
            sham: false,
        }
    }

    /// Checks the numbers.
    ///
    /// # Errors
    /// [`RingError`], if one can't be.
    pub fn check(&self) -> Result<(), RingError> {
        if self.size < 2 || self.posts_each == 0 {
            return Err(RingError::Empty);
        }
        for share in [self.share, self.feints] {
            if !(0.0..=1.0).contains(&share) {
                return Err(RingError::Share(share));
            }
        }
        if !(0.0..=0.9).contains(&self.camouflage) {
            return Err(RingError::Camouflage(self.camouflage));
        }
        Ok(())
    }
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let synchrony = match self.synchrony {
            Synchrony::Minute => "1min",
            Synchrony::TenMinutes => "10min",
            Synchrony::Organic => "organic",
        };
        let accounts = match self.accounts {
            Accounts::New => "new",
            Accounts::Sleepers => "sleepers",
            Accounts::Mixed => "mixed",
        };
        let (size, posts, share, camouflage) =
            (self.size, self.posts_each, self.share, self.camouflage);
        if self.sham {
            write!(f, "sham ")?;
        }
        write!(
            f,
            "{size}x{posts} s{share:.1} {synchrony} c{camouflage:.1} {accounts}"
        )?;
        if self.rotation == Rotation::Rota {
            write!(f, " rota")?;
        }
        if self.joining == Joining::OverTime {
            write!(f, " joining")?;
        }
        if self.bribed > 0 {
            write!(f, " bribed{}", self.bribed)?;
        }
        if self.feints > 0.0 {
            write!(f, " feints{:.1}", self.feints)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_that_cannot_be_are_refused() {
        let plain = Ring::of(5);
        assert_eq!(plain.check(), Ok(()));
        assert_eq!(Ring::of(1).check(), Err(RingError::Empty));
        assert_eq!(
            Ring {
                posts_each: 0,
                ..plain
            }
            .check(),
            Err(RingError::Empty)
        );
        assert_eq!(
            Ring {
                share: 1.1,
                ..plain
            }
            .check(),
            Err(RingError::Share(1.1))
        );
        assert!(
            Ring {
                share: f64::NAN,
                ..plain
            }
            .check()
            .is_err()
        );
        assert_eq!(
            Ring {
                camouflage: 0.95,
                ..plain
            }
            .check(),
            Err(RingError::Camouflage(0.95))
        );
    }

    #[test]
    fn a_ring_has_a_name_that_tells_it_from_others() {
        assert_eq!(Ring::of(5).to_string(), "5x4 s0.5 1min c0.5 new");
        let hidden = Ring {
            rotation: Rotation::Rota,
            joining: Joining::OverTime,
            bribed: 3,
            feints: 0.2,
            sham: true,
            ..Ring::of(5)
        };
        assert_eq!(
            hidden.to_string(),
            "sham 5x4 s0.5 1min c0.5 new rota joining bribed3 feints0.2"
        );
    }
}
