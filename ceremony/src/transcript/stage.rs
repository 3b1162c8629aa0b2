//! The two phases.

use std::fmt;

use tacit_protocol::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// Which part of a ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Phase 1: the powers of tau.
    Powers,
    /// Phase 2: the circuits' keys.
    Keys,
}

impl Stage {
    /// 1 or 2: as people and JSON call it, and as it is encoded.
    pub fn number(self) -> u8 {
        match self {
            Self::Powers => 1,
            Self::Keys => 2,
        }
    }

    /// Its folder's name, and its name in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Powers => "powers",
            Self::Keys => "keys",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "phase {}", self.number())
    }
}

impl Encode for Stage {
    fn encode(&self, w: &mut Writer) {
        w.u8(self.number());
    }
}

impl Decode for Stage {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.u8()? {
            1 => Ok(Self::Powers),
            2 => Ok(Self::Keys),
            _ => Err(DecodeError::Invalid("a phase")),
        }
    }
}
