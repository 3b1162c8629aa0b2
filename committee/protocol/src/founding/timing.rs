//! Spans of time that all nodes share.

use super::FoundingError;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// Spans of time, in milliseconds, and limits that all nodes must share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// An idle committee makes a block this often.
    pub heartbeat_ms: u32,
    /// How far a block's time may be ahead of a verifier's clock.
    pub skew_ms: u32,
    /// How long a leader has to propose.
    pub leader_ms: u32,
    /// How long a view has to be certified.
    pub certification_ms: u32,
    /// Longest wait in one phase of key generation, in log time.
    pub dkg_phase_ms: u32,
    /// Fewest blocks of that wait.
    pub dkg_phase_blocks: u32,
}

impl Timing {
    /// For nodes on one machine.
    pub const LOOPBACK: Self = Self {
        heartbeat_ms: 1000,
        skew_ms: 500,
        leader_ms: 2500,
        certification_ms: 3500,
        dkg_phase_ms: 3000,
        dkg_phase_blocks: 8,
    };
    /// For nodes on the internet.
    pub const WAN: Self = Self {
        heartbeat_ms: 2000,
        skew_ms: 1000,
        leader_ms: 4000,
        certification_ms: 6000,
        dkg_phase_ms: 30_000,
        dkg_phase_blocks: 8,
    };

    /// Checks the relations between the spans that liveness needs.
    pub fn check(&self) -> Result<(), FoundingError> {
        let Self {
            heartbeat_ms,
            skew_ms,
            leader_ms,
            certification_ms,
            dkg_phase_ms,
            dkg_phase_blocks,
        } = *self;
        let ordered = heartbeat_ms >= 100
            && u64::from(leader_ms) > u64::from(heartbeat_ms) + u64::from(skew_ms)
            && certification_ms > leader_ms
            && certification_ms <= 60_000
            && dkg_phase_ms >= heartbeat_ms
            && dkg_phase_ms <= 3_600_000
            && (1..=1000).contains(&dkg_phase_blocks);
        if ordered {
            Ok(())
        } else {
            Err(FoundingError::Timing)
        }
    }
}

impl Encode for Timing {
    fn encode(&self, w: &mut Writer) {
        for v in [
            self.heartbeat_ms,
            self.skew_ms,
            self.leader_ms,
            self.certification_ms,
            self.dkg_phase_ms,
            self.dkg_phase_blocks,
        ] {
            w.u32(v);
        }
    }
}

impl Decode for Timing {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            heartbeat_ms: r.u32()?,
            skew_ms: r.u32()?,
            leader_ms: r.u32()?,
            certification_ms: r.u32()?,
            dkg_phase_ms: r.u32()?,
            dkg_phase_blocks: r.u32()?,
        })
    }
}
