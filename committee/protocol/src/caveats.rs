//! What an erasure could not make sure of: the bits in a node's attestation.

use std::fmt;

/// A set of reservations about an erasure. Empty: everything that software can do was done.
///
/// Even an empty set proves nothing about a snapshot that was taken before, or about flash memory that
/// keeps an overwritten cell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Caveats(u32);

impl Caveats {
    /// No reservation.
    pub const NONE: Self = Self(0);
    /// The read-back after overwriting may have been answered from the operating system's cache.
    pub const READ_BACK_CACHED: Self = Self(1);
    /// The file system didn't take the overwritten sectors back before the file's removal.
    pub const NO_DISCARD: Self = Self(1 << 1);
    /// The file system copies on write or journals data, so overwriting didn't happen in place. Set by
    /// the check at a node's start, when its operator went on in spite of it.
    pub const COPY_ON_WRITE: Self = Self(1 << 2);
    /// The wrapping key lay in memory that the operating system may have written to swap.
    pub const MEMORY_NOT_LOCKED: Self = Self(1 << 3);
    /// There was nothing to erase: the node never held anything of the statement, or has lost the
    /// folder that it lay in.
    pub const NOTHING_FOUND: Self = Self(1 << 4);

    const DESCRIBED: [(Self, &'static str); 5] = [
        (Self::READ_BACK_CACHED, "read-back possibly from the cache"),
        (Self::NO_DISCARD, "sectors not discarded"),
        (Self::COPY_ON_WRITE, "copy-on-write file system"),
        (Self::MEMORY_NOT_LOCKED, "key was in swappable memory"),
        (Self::NOTHING_FOUND, "nothing was found to erase"),
    ];

    /// The bits, as attestations carry them.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set with these bits; `None` if one is unknown.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let known = Self::DESCRIBED.iter().fold(0, |all, (c, _)| all | c.0);
        (bits & !known == 0).then_some(Self(bits))
    }

    /// The bits of an attestation in words. A node can put any bits there.
    pub fn words(bits: u32) -> String {
        match Self::from_bits(bits) {
            Some(caveats) => caveats.to_string(),
            None => format!("unknown reservations, {bits:#x}"),
        }
    }

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl fmt::Display for Caveats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (caveat, text) in Self::DESCRIBED {
            if self.contains(caveat) {
                write!(f, "{separator}{text}")?;
                separator = ", ";
            }
        }
        if separator.is_empty() {
            f.write_str("none")
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Caveats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caveats({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_and_unknown_ones_are_refused() {
        let both = Caveats::NO_DISCARD.union(Caveats::COPY_ON_WRITE);
        assert_eq!(Caveats::from_bits(both.bits()), Some(both));
        assert_eq!(Caveats::from_bits(0), Some(Caveats::NONE));
        assert_eq!(Caveats::from_bits(1 << 5), None);
        assert_eq!(both.without(Caveats::NO_DISCARD), Caveats::COPY_ON_WRITE);
    }

    #[test]
    fn caveats_read_as_words() {
        let both = Caveats::NO_DISCARD.union(Caveats::READ_BACK_CACHED);
        assert_eq!(
            both.to_string(),
            "read-back possibly from the cache, sectors not discarded"
        );
        assert_eq!(Caveats::NONE.to_string(), "none");
        assert_eq!(Caveats::words(16), "nothing was found to erase");
        assert_eq!(Caveats::words(33), "unknown reservations, 0x21");
    }
}
