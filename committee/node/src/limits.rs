//! Every bound, quota, buffer size and time-out of the consensus half, in one place.
//!
//! A number here is either a limit that all nodes must share (block sizes, message size: see
//! [`BlockLimits::digest`], which goes into the networks' namespace so that nodes that differ can't
//! even connect) or a node's own resource bound. Nothing outside this file invents one.

use std::{
    num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize},
    time::Duration,
};

use commonware_consensus::{marshal, simplex};
use commonware_runtime::Quota;
use commonware_utils::{NZU16, NZU32, NZU64, NZUsize};
use tacit_protocol::{
    block::{MAX_BLOCK_BYTES, MAX_BLOCK_ENTRIES, MAX_BLOCK_PROOFS},
    certificate::MAX_WALK,
    entry::MAX_ENTRY,
    founding,
    hash::{Digest, Hasher},
    signature::MAX_BODY,
};
use thiserror::Error;

use crate::{
    block::LogBlock,
    engine::{Scheme, Sha256Digest},
    gossip,
};

// ---------------------------------------------------------------------------------------------
// The log: equal on all nodes, may grow with a protocol version, may never shrink.

/// Bytes of one sealed body.
pub const MAX_BODY_BYTES: usize = MAX_BODY;
/// Bytes of one entry.
pub const MAX_ENTRY_BYTES: usize = MAX_ENTRY;

/// The limits a block is decoded under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Most entries in one block.
    pub entries: usize,
    /// Most bytes in one entry.
    pub entry_bytes: usize,
    /// Most bytes in all entries of a block.
    pub total_bytes: usize,
    /// Most proofs that a block's entries carry.
    pub proofs: usize,
}

impl BlockLimits {
    /// The limits of this version of the protocol.
    pub const V1: BlockLimits = BlockLimits {
        entries: MAX_BLOCK_ENTRIES,
        entry_bytes: MAX_ENTRY_BYTES,
        total_bytes: MAX_BLOCK_BYTES,
        proofs: MAX_BLOCK_PROOFS,
    };

    /// Hash of the limits and of the message formats' version, for the network's namespace.
    pub fn digest(&self) -> Digest {
        [
            gossip::WIRE_VERSION as u64,
            self.entries as u64,
            self.entry_bytes as u64,
            self.total_bytes as u64,
            self.proofs as u64,
            MAX_BODY_BYTES as u64,
        ]
        .iter()
        .fold(Hasher::new("tacit/limits/v1"), |h, v| {
            h.chain(v.to_be_bytes())
        })
        .finish()
    }

    /// The largest message that anything of ours sends in a committee of `n`: the same on all
    /// nodes, because sending more panics and receiving more disconnects.
    pub fn max_message_size(&self, n: u32) -> u32 {
        commonware_p2p::max_message_size(&[
            marshal::max_payload_size::<marshal::standard::Standard<LogBlock>, Scheme>(n, self),
            simplex::max_payload_size::<Scheme, Sha256Digest>(n),
            gossip::MAX_GOSSIP_BYTES,
            gossip::MAX_BODY_MESSAGE_BYTES,
        ])
    }
}

// ---------------------------------------------------------------------------------------------
// The mempool.

/// Entries waiting to be in a block.
pub const MAX_PENDING_ENTRIES: usize = 20_000;
/// Bytes of waiting entries with their sealed bodies.
pub const MAX_PENDING_BYTES: usize = 128 * 1024 * 1024;
/// Submissions of clients and of this node's reconcilers that wait to be admitted.
pub const MAX_ADMISSIONS: usize = 2048;
/// Submissions that one peer may have waiting to be admitted: a full gossip message.
pub const MAX_PEER_ADMISSIONS: usize = MAX_GOSSIP_ENTRIES;
/// Bytes of what one peer may have waiting to be admitted: twice what a sender puts into one message.
pub const MAX_PEER_ADMISSION_BYTES: usize = 2 * gossip::BATCH_BYTES;
/// This node's own submissions go before its peers', but for one turn in so many.
pub const PEERS_TURN: usize = 4;
/// Submissions that are admitted in one go (one ledger call, one proof batch).
pub const MAX_ADMISSION_BATCH: usize = 64;
/// Bytes of entries after which no more are admitted in the same go. Blocks wait meanwhile, and an entry
/// costs at most about 2 microseconds a byte: points of 32 bytes at some 60 microseconds, decoded and
/// judged. With one entry beyond it a go is 128 KiB at most, a quarter of a second.
pub const MAX_ADMISSION_BATCH_BYTES: usize = 32 * 1024;
/// Clients that wait for the same entry.
pub const MAX_WAITERS_PER_ENTRY: usize = 64;
/// Outcomes that are remembered, so that repeated gossip costs nothing.
pub const MAX_RECENT_OUTCOMES: usize = 65_536;
/// Bytes of waiting entries that are pushed again at a time.
pub const MAX_REPEAT_BYTES: usize = 1024 * 1024;
/// How often a node pushes again what it took from clients and what is still pending. Not
/// optional: sends to offline peers and over quota are dropped without an error.
pub const REPEAT_EVERY: Duration = Duration::from_secs(1);
/// Entries in one gossip message.
pub const MAX_GOSSIP_ENTRIES: usize = 512;
/// How long an entry may wait. The client sends the same bytes again afterwards.
pub const PENDING_LIFETIME: Duration = Duration::from_secs(600);
/// A peer that said nothing for this long is shown as not connected.
pub const PEER_SILENCE: Duration = Duration::from_secs(5);

// ---------------------------------------------------------------------------------------------
// Proofs.

/// Verdicts kept, by entry and claim.
pub const MAX_VERDICTS: usize = 65_536;

// ---------------------------------------------------------------------------------------------
// Sealed bodies.

/// Bodies asked for in one message.
pub const MAX_WANTED_PER_MESSAGE: usize = 64;
/// Bodies that finalized blocks still lack here and that are fetched at a time.
pub const MAX_WANTED: usize = 65_536;
/// Messages asking for bodies per tick.
pub const MAX_WANT_MESSAGES_PER_TICK: usize = 8;
/// How often peers are asked for what is missing.
pub const WANT_EVERY: Duration = Duration::from_millis(250);
/// Questions about blocks that wait for bodies at a time; older ones are dropped first.
pub const MAX_HOLDS: usize = 256;

// ---------------------------------------------------------------------------------------------
// The ledger task.

/// Requests queued for the ledger task, reads included.
pub const MAX_LEDGER_REQUESTS: usize = 1024;
/// Unapplied ancestors that a question may bring. Above it, the question waits for the ledger.
pub const MAX_UNAPPLIED: u64 = 64;
/// Headers between a height and the first one above it with its own certificate.
pub const MAX_CERTIFICATE_WALK: usize = MAX_WALK;

// ---------------------------------------------------------------------------------------------
// Engine internals, at the sizes of a small committee.

/// Mailboxes of the engine's actors.
pub const MAILBOX_SIZE: NonZeroUsize = NZUsize!(1024);
/// Blocks cached per peer by the broadcast buffer.
pub const BUFFERED_BLOCKS_PER_PEER: usize = 8;
/// Views whose votes and blocks stay behind the finalized one.
pub const VIEW_RETENTION: u64 = 256;
/// Missing heights fetched at a time.
pub const MAX_REPAIR: NonZeroUsize = NZUsize!(32);
/// Blocks delivered and not yet committed.
pub const MAX_PENDING_ACKS: NonZeroUsize = NZUsize!(16);
/// Journal and archive buffers, bytes.
pub const BUFFER_BYTES: NonZeroUsize = NZUsize!(1024 * 1024);
/// Bytes of a cached page: 4084 and 12 of checksum make one 4 KiB page.
pub const PAGE_BYTES: NonZeroU16 = NZU16!(4084);
/// Cached pages.
pub const PAGES: NonZeroUsize = NZUsize!(1024);
/// Items per section of the engine's pruned caches.
pub const CACHE_SECTION: NonZeroU64 = NZU64!(1024);
/// Items per section of the archives. Fixed for the archives' life.
pub const ARCHIVE_SECTION: NonZeroU64 = NZU64!(16_384);
/// First size of an archive's hash table.
pub const ARCHIVE_TABLE: u32 = 4096;
/// Inserts into one bucket before it is split.
pub const ARCHIVE_RESIZE_FREQUENCY: u8 = 4;
/// Buckets split at a time.
pub const ARCHIVE_RESIZE_CHUNK: u32 = 4096;
/// Bytes of one of an archive's value files.
pub const ARCHIVE_VALUE_BYTES: u64 = 64 * 1024 * 1024;
/// Identities tracked besides the committee: none.
pub const TRACKED_PEER_SETS: NonZeroUsize = NZUsize!(1);
/// A peer's clock may be this far off in a handshake.
pub const HANDSHAKE_SKEW: Duration = Duration::from_secs(5);
/// A peer that was connected may connect again after this.
pub const RECONNECT_COOLDOWN: Duration = Duration::from_secs(5);
/// A handshake may be this old.
pub const HANDSHAKE_AGE: Duration = Duration::from_secs(10);
/// Threads of the consensus runtime.
pub const WORKER_THREADS: usize = 2;
/// How long a stopping node waits for its tasks.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The channels among nodes.
pub mod channel {
    /// Notarize, nullify, finalize.
    pub const VOTES: u64 = 0;
    /// Notarizations, nullifications, finalizations.
    pub const CERTIFICATES: u64 = 1;
    /// Simplex's own fetching of certificates.
    pub const CERTIFICATE_FETCH: u64 = 2;
    /// Whole blocks.
    pub const BLOCKS: u64 = 3;
    /// Marshal's backfill, one height per request.
    pub const BACKFILL: u64 = 4;
    /// Our entries with their bodies, and nodes' heights.
    pub const ENTRIES: u64 = 5;
    /// Our sealed bodies, on request.
    pub const BODIES: u64 = 6;
    /// How many there are; they are numbered from 0.
    pub const COUNT: u64 = 7;
}

/// Where the committee runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// All nodes on one machine or one fast network.
    Loopback,
    /// Nodes on the internet.
    Wan,
}

impl Profile {
    /// Messages per second and peer on `channel`. Memory that a flooding peer can pin is its burst
    /// times the message size, so the channels that carry whole blocks have a small burst.
    pub fn quota(self, channel: u64) -> Quota {
        let (rate, burst): (NonZeroU32, Option<NonZeroU32>) = match (self, channel) {
            (Self::Loopback, channel::VOTES | channel::CERTIFICATES) => (NZU32!(2048), None),
            (Self::Wan, channel::VOTES | channel::CERTIFICATES) => (NZU32!(256), None),
            (Self::Loopback, channel::CERTIFICATE_FETCH) => (NZU32!(256), None),
            (Self::Wan, channel::CERTIFICATE_FETCH) => (NZU32!(64), None),
            (Self::Loopback, channel::BLOCKS) => (NZU32!(512), Some(NZU32!(16))),
            (Self::Wan, channel::BLOCKS) => (NZU32!(64), Some(NZU32!(16))),
            (Self::Loopback, channel::BACKFILL) => (NZU32!(512), Some(NZU32!(32))),
            (Self::Wan, channel::BACKFILL) => (NZU32!(256), Some(NZU32!(32))),
            (Self::Loopback, channel::ENTRIES) => (NZU32!(256), Some(NZU32!(32))),
            (Self::Wan, channel::ENTRIES) => (NZU32!(64), Some(NZU32!(32))),
            (Self::Loopback, _) => (NZU32!(512), Some(NZU32!(128))),
            (Self::Wan, _) => (NZU32!(256), Some(NZU32!(128))),
        };
        let quota = Quota::per_second(rate);
        burst.map_or(quota, |burst| quota.allow_burst(burst))
    }

    /// Pause between two pushes of new entries, so that pushes stay within the channel's quota and
    /// carry more the busier the node is.
    pub fn push_pause(self) -> Duration {
        match self {
            Self::Loopback => Duration::from_millis(5),
            Self::Wan => Duration::from_millis(20),
        }
    }

    /// The profile's times; a founding file's are in [`Timing::founded`].
    pub fn timing(self) -> Timing {
        match self {
            Self::Loopback => Timing {
                heartbeat: Duration::from_secs(1),
                skew: Duration::from_millis(500),
                max_lag: Duration::from_secs(30),
                hops: Duration::from_millis(500),
                leader_timeout: Duration::from_millis(2500),
                certification_timeout: Duration::from_millis(3500),
                timeout_retry: Duration::from_secs(5),
                skip_timeout: Duration::from_secs(10),
                fetch_timeout: Duration::from_secs(1),
                fetch_retry: Duration::from_millis(100),
            },
            Self::Wan => Timing {
                heartbeat: Duration::from_secs(2),
                skew: Duration::from_secs(1),
                max_lag: Duration::from_secs(60),
                hops: Duration::from_millis(800),
                leader_timeout: Duration::from_secs(4),
                certification_timeout: Duration::from_secs(6),
                timeout_retry: Duration::from_secs(5),
                skip_timeout: Duration::from_secs(30),
                fetch_timeout: Duration::from_secs(3),
                fetch_retry: Duration::from_millis(500),
            },
        }
    }
}

/// The consensus' times. All nodes of a committee use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// An idle committee makes a block this often.
    pub heartbeat: Duration,
    /// A block's time may be this far ahead of a verifier's clock; beyond, the verifier waits.
    pub skew: Duration,
    /// A block's time may be this far behind a verifier's clock; beyond, it is refused.
    pub max_lag: Duration,
    /// What two message hops take at most.
    pub hops: Duration,
    /// How long a leader has to propose.
    pub leader_timeout: Duration,
    /// How long a view has to be certified.
    pub certification_timeout: Duration,
    /// How often votes are sent again.
    pub timeout_retry: Duration,
    /// A leader that was silent for this long is skipped at once.
    pub skip_timeout: Duration,
    /// How long one fetch from a peer may take.
    pub fetch_timeout: Duration,
    /// Pause before a fetch is tried again.
    pub fetch_retry: Duration,
}

/// Times that can't work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TimingError {
    /// A leader that waits for the heartbeat would be timed out.
    #[error(
        "the leader time-out must exceed heartbeat + skew + two hops, or an idle committee skips its leaders"
    )]
    LeaderTooShort,
    /// Simplex needs leader < certification.
    #[error("the certification time-out must exceed the leader time-out")]
    CertificationTooShort,
    /// Simplex needs certification < skip, and retry < skip.
    #[error("the skip time-out must exceed the certification time-out and the retry interval")]
    SkipTooShort,
    /// A zero that must not be.
    #[error("{0} must not be zero")]
    Zero(&'static str),
    /// A slow clock would have its blocks refused.
    #[error("the bound on late block times must exceed the certification time-out and the skew")]
    LagTooShort,
}

impl Timing {
    /// The founding file's times, with the profile's for what the founding file leaves open.
    pub fn founded(profile: Profile, founded: &founding::Timing) -> Self {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let mut timing = profile.timing();
        timing.heartbeat = ms(founded.heartbeat_ms);
        timing.skew = ms(founded.skew_ms);
        timing.leader_timeout = ms(founded.leader_ms);
        timing.certification_timeout = ms(founded.certification_ms);
        timing.hops = timing
            .leader_timeout
            .saturating_sub(timing.heartbeat + timing.skew)
            / 2;
        let certification = timing.certification_timeout;
        timing.skip_timeout = timing.skip_timeout.max(certification * 2);
        timing.max_lag = timing.max_lag.max(certification * 4 + timing.skew);
        timing
    }

    /// Refuses times that can't work together. Called before a node starts.
    pub fn check(&self) -> Result<(), TimingError> {
        for (value, name) in [
            (self.heartbeat, "the heartbeat"),
            (self.leader_timeout, "the leader time-out"),
            (self.timeout_retry, "the retry interval"),
            (self.fetch_timeout, "the fetch time-out"),
        ] {
            if value.is_zero() {
                return Err(TimingError::Zero(name));
            }
        }
        if self.leader_timeout <= self.heartbeat + self.skew + self.hops {
            return Err(TimingError::LeaderTooShort);
        }
        if self.certification_timeout <= self.leader_timeout {
            return Err(TimingError::CertificationTooShort);
        }
        if self.skip_timeout <= self.certification_timeout
            || self.skip_timeout <= self.timeout_retry
        {
            return Err(TimingError::SkipTooShort);
        }
        if self.max_lag <= self.certification_timeout + self.skew {
            return Err(TimingError::LagTooShort);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_profiles_can_work() {
        assert_eq!(Profile::Loopback.timing().check(), Ok(()));
        assert_eq!(Profile::Wan.timing().check(), Ok(()));
    }

    #[test]
    fn founded_times_leave_room_for_the_hops() {
        for (profile, founded) in [
            (Profile::Loopback, founding::Timing::LOOPBACK),
            (Profile::Wan, founding::Timing::WAN),
        ] {
            assert_eq!(Timing::founded(profile, &founded).check(), Ok(()));
        }
        let slow = founding::Timing {
            heartbeat_ms: 10_000,
            skew_ms: 1000,
            leader_ms: 20_000,
            certification_ms: 60_000,
            ..founding::Timing::WAN
        };
        assert_eq!(Timing::founded(Profile::Wan, &slow).check(), Ok(()));
    }

    #[test]
    fn each_impossible_pair_of_times_is_named() {
        let good = Profile::Loopback.timing();
        let with = |change: fn(&mut Timing)| {
            let mut timing = good;
            change(&mut timing);
            timing.check()
        };
        assert_eq!(
            with(|t| t.leader_timeout = t.heartbeat + t.skew),
            Err(TimingError::LeaderTooShort)
        );
        assert_eq!(
            with(|t| t.certification_timeout = t.leader_timeout),
            Err(TimingError::CertificationTooShort)
        );
        assert_eq!(
            with(|t| t.skip_timeout = t.certification_timeout),
            Err(TimingError::SkipTooShort)
        );
        assert_eq!(
            with(|t| t.timeout_retry = t.skip_timeout),
            Err(TimingError::SkipTooShort)
        );
        assert_eq!(
            with(|t| t.max_lag = t.certification_timeout),
            Err(TimingError::LagTooShort)
        );
        assert_eq!(
            with(|t| t.heartbeat = Duration::ZERO),
            Err(TimingError::Zero("the heartbeat"))
        );
    }

    #[test]
    fn the_message_size_covers_the_largest_block_and_grows_with_the_committee() {
        let four = BlockLimits::V1.max_message_size(4);
        assert!(four as usize > MAX_BLOCK_BYTES);
        assert!(BlockLimits::V1.max_message_size(100) > four);
        assert!(four < 1024 * 1024);
    }
}
