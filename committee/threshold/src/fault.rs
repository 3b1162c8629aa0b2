//! What a node can have done wrong, and who did it.

use tacit_protocol::ids::NodeIndex;
use thiserror::Error;

/// The phases of key generation, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Nodes publish fresh encryption keys; those in time are the participants.
    Keys,
    /// Participants commit to their Feldman vectors.
    Commit,
    /// Dealers open their commitments and deal shares.
    Deal,
    /// Participants complain, or say that they don't.
    Complain,
    /// Participants confirm that they hold a share of the key.
    Confirm,
}

impl Phase {
    /// The phase's name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Commit => "commitments",
            Self::Deal => "dealings",
            Self::Complain => "complaints",
            Self::Confirm => "confirmations",
        }
    }
}

/// Whether a fault proves bad intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// No honest node does this: its signed message is the evidence.
    Cheat,
    /// It said nothing: down, slow, cut off, or unwilling.
    Absent,
}

/// Something that a node did wrong, or failed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Fault {
    /// It was expected in a phase and said nothing.
    #[error("node {culprit} was absent when {} were due", phase.name())]
    Absent {
        /// Who.
        culprit: NodeIndex,
        /// When.
        phase: Phase,
    },
    /// It sent two different messages where one belongs.
    #[error("node {culprit} sent two different {}", phase.name())]
    Equivocation {
        /// Who.
        culprit: NodeIndex,
        /// Where.
        phase: Phase,
    },
    /// Its message is for another statement or attempt.
    #[error("node {culprit}'s message belongs to another statement or attempt")]
    OtherAttempt {
        /// Who.
        culprit: NodeIndex,
    },
    /// It doesn't know its encryption key's exponent, or the proof is someone else's.
    #[error("node {culprit}'s encryption key comes without a valid proof of its exponent")]
    KeyProof {
        /// Who.
        culprit: NodeIndex,
    },
    /// It used a point that was used before in this attempt.
    #[error("node {culprit} repeats a point that was used before in this attempt")]
    RepeatedPoint {
        /// Who.
        culprit: NodeIndex,
    },
    /// Its dealing isn't the one that it committed to.
    #[error("node {culprit}'s dealing doesn't match its commitment")]
    CommitmentMismatch {
        /// Who.
        culprit: NodeIndex,
    },
    /// Its Feldman vector is too long (which raises the threshold) or too short (which lowers it).
    #[error("node {culprit}'s Feldman vector has {found} points instead of {expected}")]
    FeldmanLength {
        /// Who.
        culprit: NodeIndex,
        /// The vector's length.
        found: usize,
        /// t.
        expected: usize,
    },
    /// It doesn't know the secret that it deals (a rogue key), or the proof is someone else's.
    #[error("node {culprit}'s dealing comes without a valid proof of possession")]
    Possession {
        /// Who.
        culprit: NodeIndex,
    },
    /// It didn't deal exactly one share to each participant.
    #[error("node {culprit} didn't deal exactly one share to each participant")]
    Recipients {
        /// Who.
        culprit: NodeIndex,
    },
    /// It doesn't know an ephemeral's exponent, or the proof is someone else's.
    #[error(
        "node {culprit}'s share for node {recipient} comes without a valid proof of its ephemeral's exponent"
    )]
    EphemeralProof {
        /// Who.
        culprit: NodeIndex,
        /// Whose share.
        recipient: NodeIndex,
    },
    /// It dealt a share that doesn't open, or isn't on the committed polynomial.
    #[error("node {culprit} dealt node {victim} a wrong share")]
    WrongShare {
        /// The dealer.
        culprit: NodeIndex,
        /// Who complained.
        victim: NodeIndex,
    },
    /// It complained about a share that is right.
    #[error("node {culprit} complained falsely about node {dealer}")]
    FalseComplaint {
        /// Who complained.
        culprit: NodeIndex,
        /// About whom.
        dealer: NodeIndex,
    },
    /// Its complaint doesn't prove its Diffie-Hellman point.
    #[error("node {culprit}'s complaint about node {dealer} has no valid proof")]
    ComplaintProof {
        /// Who complained.
        culprit: NodeIndex,
        /// About whom.
        dealer: NodeIndex,
    },
    /// It complained about itself, about the same dealer twice, or about one whose dealing doesn't count.
    #[error("node {culprit} complained about node {dealer}, which is no complaint to judge")]
    ComplaintTarget {
        /// Who complained.
        culprit: NodeIndex,
        /// About whom.
        dealer: NodeIndex,
    },
    /// It confirmed something other than what the log says.
    #[error("node {culprit} confirmed another key than the log's")]
    WrongConfirmation {
        /// Who.
        culprit: NodeIndex,
    },
    /// Its partial decryptions are for a chunk that doesn't exist or has another number of entries.
    #[error("node {culprit}'s partial decryptions don't fit chunk {chunk}")]
    PartialShape {
        /// Who.
        culprit: NodeIndex,
        /// Which chunk.
        chunk: u32,
    },
    /// At least one of its partial decryptions is wrong, or the proof belongs elsewhere.
    #[error("node {culprit}'s partial decryptions of chunk {chunk} have no valid proof")]
    PartialProof {
        /// Who.
        culprit: NodeIndex,
        /// Which chunk.
        chunk: u32,
    },
}

impl Fault {
    /// Whose fault it is.
    pub fn culprit(&self) -> NodeIndex {
        // No wildcard: a new variant can't forget its culprit.
        match *self {
            Self::Absent { culprit, .. }
            | Self::Equivocation { culprit, .. }
            | Self::OtherAttempt { culprit }
            | Self::KeyProof { culprit }
            | Self::RepeatedPoint { culprit }
            | Self::CommitmentMismatch { culprit }
            | Self::FeldmanLength { culprit, .. }
            | Self::Possession { culprit }
            | Self::Recipients { culprit }
            | Self::EphemeralProof { culprit, .. }
            | Self::WrongShare { culprit, .. }
            | Self::FalseComplaint { culprit, .. }
            | Self::ComplaintProof { culprit, .. }
            | Self::ComplaintTarget { culprit, .. }
            | Self::WrongConfirmation { culprit }
            | Self::PartialShape { culprit, .. }
            | Self::PartialProof { culprit, .. } => culprit,
        }
    }

    /// Whether it proves bad intent.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Absent { .. } => Blame::Absent,
            Self::Equivocation { .. }
            | Self::OtherAttempt { .. }
            | Self::KeyProof { .. }
            | Self::RepeatedPoint { .. }
            | Self::CommitmentMismatch { .. }
            | Self::FeldmanLength { .. }
            | Self::Possession { .. }
            | Self::Recipients { .. }
            | Self::EphemeralProof { .. }
            | Self::WrongShare { .. }
            | Self::FalseComplaint { .. }
            | Self::ComplaintProof { .. }
            | Self::ComplaintTarget { .. }
            | Self::WrongConfirmation { .. }
            | Self::PartialShape { .. }
            | Self::PartialProof { .. } => Blame::Cheat,
        }
    }
}
