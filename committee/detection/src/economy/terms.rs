//! What is agreed on before anybody votes: what taking part costs and brings, and which defences work.

use crate::policy::appeals::Period;
use crate::policy::strikes::Units;

/// What taking part costs and brings.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// What each member vouches with.
    pub stake: Units,
    /// What a post earns for each whole vote, rounded down for each post.
    pub reward: Units,
    /// What writing a post costs its author, in effort or fees.
    pub post_cost: Units,
    /// What a vote costs its voter.
    pub vote_cost: Units,
    /// What an account costs beside its stake.
    pub account_cost: Units,
    /// Rewards are paid out when so many later windows are over.
    pub paid_out_after: usize,
    /// How long a window is.
    pub window_ms: i64,
    /// How long a case is held open.
    pub appeal: Period,
}

/// How stakes are put at risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slashing {
    /// Not at all.
    Off,
    /// Strikes take their percentages, and rewards stay where they are.
    Percentages,
    /// Strikes claw the rewards back and then take their percentages.
    ClawBack,
}

/// Which defences work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layers {
    /// Quality multiplies what votes bring, and support of low posts is evidence.
    pub quality: bool,
    /// Votes count by their voters' attention.
    pub attention: bool,
    /// Who supports more than the allowance is heard less for each vote.
    pub allowance: bool,
    /// Votes inside a suspected community count less.
    pub discount: bool,
    /// Stakes are at risk.
    pub slashing: Slashing,
}

impl Layers {
    /// No defence.
    pub const NONE: Self = Self {
        quality: false,
        attention: false,
        allowance: false,
        discount: false,
        slashing: Slashing::Off,
    };
    /// Every defence.
    pub const ALL: Self = Self {
        quality: true,
        attention: true,
        allowance: true,
        discount: true,
        slashing: Slashing::ClawBack,
    };
    /// What is compared: none, each alone, and all but each.
    pub const COMPARED: [(&'static str, Self); 13] = [
        ("none", Self::NONE),
        (
            "quality",
            Self {
                quality: true,
                ..Self::NONE
            },
        ),
        (
            "attention",
            Self {
                attention: true,
                ..Self::NONE
            },
        ),
        (
            "allowance",
            Self {
                allowance: true,
                ..Self::NONE
            },
        ),
        (
            "discount",
            Self {
                discount: true,
                ..Self::NONE
            },
        ),
        (
            "strikes without claw-back",
            Self {
                slashing: Slashing::Percentages,
                ..Self::NONE
            },
        ),
        (
            "strikes",
            Self {
                slashing: Slashing::ClawBack,
                ..Self::NONE
            },
        ),
        (
            "all but quality",
            Self {
                quality: false,
                ..Self::ALL
            },
        ),
        (
            "all but attention",
            Self {
                attention: false,
                ..Self::ALL
            },
        ),
        (
            "all but the allowance",
            Self {
                allowance: false,
                ..Self::ALL
            },
        ),
        (
            "all but the discount",
            Self {
                discount: false,
                ..Self::ALL
            },
        ),
        (
            "all but the strikes",
            Self {
                slashing: Slashing::Off,
                ..Self::ALL
            },
        ),
        ("all", Self::ALL),
    ];
}
