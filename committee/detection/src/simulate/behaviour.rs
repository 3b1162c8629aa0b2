//! The ways of honest people that look, in one measure or another, like a ring's.

use std::fmt;

/// How a member of a made-up board behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    /// Comes once or twice a week and votes on a handful.
    Casual,
    /// Comes daily, writes much, and votes by quality.
    Expert,
    /// Votes for nearly everything by one author, who doesn't return it.
    FanClub,
    /// The author whom a fan club favours.
    Favourite,
    /// Reads and writes in a small community with a topic of its own, where most support most.
    LocalNiche,
    /// Votes with one of two large blocs.
    PartyLine,
    /// Votes on a list that all readers of the digest have in their mail at the same hour.
    DigestReader,
    /// Came on one day with a class or from a link, and greets those who came along.
    NewcomerCohort,
    /// Came for one post on the day when everybody talked of it.
    ViralDay,
    /// A program, run openly, that votes by a rule at a fixed minute.
    ScheduledBot,
}

impl Behaviour {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Casual,
        Self::Expert,
        Self::FanClub,
        Self::Favourite,
        Self::LocalNiche,
        Self::PartyLine,
        Self::DigestReader,
        Self::NewcomerCohort,
        Self::ViralDay,
        Self::ScheduledBot,
    ];

    /// How much and how.
    pub fn habits(self) -> Habits {
        let casual = Habits {
            sittings_per_week: 1.5,
            votes_per_sitting: 5.0,
            posts_per_week: 0.15,
            discernment: 0.6,
        };
        match self {
            Self::Casual | Self::NewcomerCohort => casual,
            Self::Expert => Habits {
                sittings_per_week: 6.0,
                votes_per_sitting: 9.0,
                posts_per_week: 1.2,
                discernment: 1.5,
            },
            Self::Favourite => Habits {
                sittings_per_week: 4.0,
                posts_per_week: 3.0,
                ..casual
            },
            Self::FanClub | Self::PartyLine => Habits {
                sittings_per_week: 2.5,
                votes_per_sitting: 6.0,
                posts_per_week: 0.3,
                ..casual
            },
            Self::LocalNiche => Habits {
                sittings_per_week: 3.0,
                votes_per_sitting: 6.0,
                posts_per_week: 0.8,
                discernment: 0.4,
            },
            Self::DigestReader => Habits {
                sittings_per_week: 0.7,
                ..casual
            },
            Self::ViralDay | Self::ScheduledBot => Habits {
                sittings_per_week: 0.0,
                votes_per_sitting: 0.0,
                posts_per_week: 0.0,
                discernment: 1.0,
            },
        }
    }
}

/// How much a behaviour does, for a member of mean activity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Habits {
    /// Times a week that it comes to read.
    pub sittings_per_week: f64,
    /// Votes each time.
    pub votes_per_sitting: f64,
    /// Posts a week.
    pub posts_per_week: f64,
    /// How much a post's quality weighs in its vote.
    pub discernment: f64,
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Casual => "casual",
            Self::Expert => "expert",
            Self::FanClub => "fan club",
            Self::Favourite => "favourite",
            Self::LocalNiche => "local niche",
            Self::PartyLine => "party line",
            Self::DigestReader => "digest reader",
            Self::NewcomerCohort => "newcomer cohort",
            Self::ViralDay => "viral day",
            Self::ScheduledBot => "scheduled bot",
        })
    }
}
