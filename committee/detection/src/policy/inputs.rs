//! What the policy is given, in types that can't hold anything outside their range.
//!
//! Quality and attention come from whoever measures them; here they are only numbers with a range. A number
//! that isn't in its range, or is no number, is refused where it comes in and never corrected in silence.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::votes::{Board, escaped};

/// Members who must have been active in a window before anything is said about any of them: among fewer,
/// everybody meets everybody, and structure says nothing.
pub const LEAST_ACTIVE: u32 = 50;
/// Bytes of a case's text at most.
pub const MAX_CASE_TEXT: usize = 20_000;

/// A number that isn't in its range.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{what} is {found}; it must lie between 0 and 1")]
pub struct OutOfRange {
    /// Which.
    pub what: &'static str,
    /// What was given.
    pub found: f64,
}

/// Defines numbers between 0 and 1, both included.
macro_rules! shares {
    ($($(#[$doc:meta])* $name:ident, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Nothing.
            pub const ZERO: Self = Self(0.0);
            /// All.
            pub const ONE: Self = Self(1.0);

            /// Takes a number between 0 and 1.
            ///
            /// # Errors
            /// [`OutOfRange`], for any other, infinite or none at all.
            pub fn new(value: f64) -> Result<Self, OutOfRange> {
                if (0.0..=1.0).contains(&value) {
                    // A zero has one form: `-0.0` would pass the comparison and sort before `0.0`.
                    Ok(Self(value.abs()))
                } else {
                    Err(OutOfRange { what: $what, found: value })
                }
            }

            /// A number that stands in the program; as a constant, a wrong one doesn't compile.
            #[allow(dead_code, reason = "not every range has a constant in it")]
            pub(crate) const fn known(value: f64) -> Self {
                assert!(value >= 0.0 && value <= 1.0);
                Self(value)
            }

            /// The number.
            pub fn get(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = OutOfRange;

            fn try_from(value: f64) -> Result<Self, OutOfRange> {
                Self::new(value)
            }
        }

        impl From<$name> for f64 {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    )*};
}

shares! {
    /// How good a post is: 0 the worst, 1 the best.
    Quality, "a post's quality";
    /// The share of its proofs of attention that a voter passed.
    PassRate, "a voter's pass rate";
    /// How strong evidence is: 0 none, 1 the strongest.
    Score, "a score";
    /// How often chance alone gives evidence as strong.
    PValue, "a p-value";
    /// What a vote counts for, as a share of a whole vote.
    Weight, "a weight";
}

impl PassRate {
    /// The pass rate of a vote that counts for so much only.
    pub fn weighed(self, weight: Weight) -> Self {
        Self(self.0 * weight.0)
    }
}

/// How many members were active in a window: enough to judge any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActiveMembers(u32);

/// Too few members to say anything about any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "only {} active; among fewer than {LEAST_ACTIVE}, friends and rings look the same, so nobody is judged",
    match .found { 1 => "1 member was".to_owned(), n => format!("{n} members were") }
)]
pub struct TooFewActive {
    /// How many were.
    pub found: u32,
}

impl ActiveMembers {
    /// Takes the number of members with a vote that counts.
    ///
    /// # Errors
    /// [`TooFewActive`], below [`LEAST_ACTIVE`].
    pub fn new(found: u32) -> Result<Self, TooFewActive> {
        if found < LEAST_ACTIVE {
            return Err(TooFewActive { found });
        }
        Ok(Self(found))
    }

    /// A board's members with a vote that counts.
    ///
    /// # Errors
    /// [`TooFewActive`], below [`LEAST_ACTIVE`].
    pub fn of(board: &Board) -> Result<Self, TooFewActive> {
        Self::new(u32::try_from(board.active()).unwrap_or(u32::MAX))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A member across windows: the name of its board and its pseudonym there, `board/pseudonym`, each
/// [`escaped`], so that no two members have the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pseudonym(Box<str>);

impl Pseudonym {
    /// A member of a board.
    pub fn new(board: &str, name: &str) -> Self {
        Self(format!("{}/{}", escaped(board), escaped(name)).into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stretch of time that is judged on its own. Windows with different numbers have no vote in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(pub u64);

impl fmt::Display for WindowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "window {}", self.0)
    }
}

/// A suspected community. It keeps its number from window to window as long as it is [`the_same`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommunityId(pub u64);

/// Whether a later community is an earlier one that changed some of its members: at least half of all who
/// belong to either belong to both (the Jaccard index by which Greene, Doyle and Cunningham follow
/// communities in "Tracking the evolution of communities in dynamic social networks", ASONAM 2010).
pub fn the_same<M: Ord>(earlier: &BTreeSet<M>, later: &BTreeSet<M>) -> bool {
    let both = earlier.intersection(later).count();
    let either = earlier.len() + later.len() - both;
    both > 0 && 2 * both >= either
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Who supports whom, beyond chance and taste.
    Structure,
    /// Votes together on the community's own posts, beyond the members' habits.
    Time,
    /// Support of the community's own posts beyond what their quality earns elsewhere.
    Quality,
    /// Members who never disagree with each other, where friends do now and then and others often. It needs
    /// structure and quality beside it to mean anything.
    OneMind,
}

impl Kind {
    /// Whether it is evidence of another kind than structure.
    pub fn is_independent(self) -> bool {
        match self {
            Self::Structure | Self::OneMind => false,
            Self::Time | Self::Quality => true,
        }
    }
}

/// What identifies a finding: a collision-resistant hash of the member, the kind and the votes that it stands
/// on, not of the figures drawn from them, so that the same votes weighed again are the same evidence. Of
/// another member, or in a group that isn't quite the same, the same votes have another digest: what a won
/// appeal refutes is the votes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceDigest(pub [u8; 32]);

impl fmt::Display for EvidenceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EvidenceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EvidenceDigest({self})")
    }
}

/// What identifies a vote: a collision-resistant hash of its board, voter, post and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VoteHash(pub [u8; 32]);

/// Evidence of one kind about one member of one community in one window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// About whom.
    pub member: Pseudonym,
    /// As a member of what.
    pub community: CommunityId,
    /// When.
    pub window: WindowId,
    /// Of what kind.
    pub kind: Kind,
    /// How strong.
    pub score: Score,
    /// Against chance.
    pub p_value: PValue,
    /// Its own name.
    pub digest: EvidenceDigest,
    /// What it stands on.
    pub votes: BTreeSet<VoteHash>,
}

/// What evidence must reach to count: both, so that a strong figure that chance gives easily counts as
/// little as one that chance never gives and that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// The score, at least.
    pub least_score: Score,
    /// The p-value, at most.
    pub most_p_value: PValue,
}

impl Bar {
    /// Whether evidence reaches it; just at the bar is enough.
    pub fn is_met(&self, score: Score, p_value: PValue) -> bool {
        score >= self.least_score && p_value <= self.most_p_value
    }
}

/// What people are told: why a stake is at risk, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CaseText(Box<str>);

/// A text that tells nobody anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCaseText {
    /// Nothing to read.
    #[error("a case needs a text that says, in words, what was found; there is none")]
    Empty,
    /// More than anybody reads.
    #[error("the case's text has {found} bytes; {MAX_CASE_TEXT} are allowed")]
    Long {
        /// Its bytes.
        found: usize,
    },
    /// Characters that hide text or move it about.
    #[error(
        "the case's text has a control character at byte {at}; only line breaks and tabs are allowed"
    )]
    Control {
        /// Where.
        at: usize,
    },
}

impl CaseText {
    /// Takes a text, without white space at its ends.
    ///
    /// # Errors
    /// [`BadCaseText`], if nobody could read it.
    pub fn new(text: &str) -> Result<Self, BadCaseText> {
        let text = text.trim();
        if !text.chars().any(char::is_alphabetic) {
            return Err(BadCaseText::Empty);
        }
        if text.len() > MAX_CASE_TEXT {
            return Err(BadCaseText::Long { found: text.len() });
        }
        let hidden = |c: &(usize, char)| c.1.is_control() && !matches!(c.1, '\n' | '\t');
        match text.char_indices().find(hidden) {
            Some((at, _)) => Err(BadCaseText::Control { at }),
            None => Ok(Self(text.into())),
        }
    }

    /// As much of a text as fits, with a mark in place of each control character; of a text that tells nothing,
    /// that it does.
    pub fn cut(text: &str) -> Self {
        let shown = |c: char| match c {
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        let mut text: String = text.trim().chars().map(shown).collect();
        text.truncate(text.floor_char_boundary(MAX_CASE_TEXT));
        Self::new(&text).unwrap_or_else(|_| Self("Nothing is told of this case.".into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CaseText {
    type Error = BadCaseText;

    fn try_from(text: String) -> Result<Self, BadCaseText> {
        Self::new(&text)
    }
}

impl From<CaseText> for String {
    fn from(text: CaseText) -> Self {
        text.0.into()
    }
}
