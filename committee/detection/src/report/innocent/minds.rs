//! The innocent explanation that members vote for each other because they agree, and say so where they don't.

use super::{Asked, Innocent, Reading, figure, ratio};
use crate::words::{counted, expected};

/// Of fewer votes on each other's posts nothing is told.
const VOTES: u32 = 20;
/// Where others would disagree less often on these posts, votes can't tell.
const USUAL: f64 = 3.0;

impl Asked<'_> {
    pub(super) fn disagree(&self) -> Innocent {
        let found = self.dissent;
        let (votes, against) = (f64::from(found.votes), f64::from(found.against));
        let told = found.votes >= VOTES && found.expected >= USUAL;
        let reading = if !told {
            Reading::CantTell
        } else if against >= 0.75 * found.expected {
            Reading::Fits
        } else if against >= 0.5 * found.expected {
            Reading::FitsInPart
        } else {
            Reading::DoesntFit
        };
        let mut is_seen = format!(
            "Of {} on each other's posts, {} against or neither; others on the same posts would give {}.",
            counted(u64::from(found.votes), "vote"),
            match found.against {
                0 => "none was".to_owned(),
                1 => "1 was".to_owned(),
                n => format!("{n} were"),
            },
            expected(found.expected)
        );
        if !told {
            is_seen += " That is too little to tell.";
        }
        Innocent {
            what: "They disagree as often as others do",
            would_show: "Friends, parties and niches vote against each other's posts now and then, as anybody does; who votes by \
                         agreement hardly needs to. (To disagree for show costs nothing.)",
            is_seen,
            reading,
            figures: vec![
                figure("votes", votes),
                figure("against", against),
                figure("against_as_others", found.expected),
                figure("share_against", ratio(against, votes)),
            ],
        }
    }
}
