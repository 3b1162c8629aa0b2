//! What evidence must reach, all of it in one place. Chosen on made-up boards with even seeds, which are kept
//! for tuning, by `cargo run --release -p tacit-detection --example bars`; what they do on other seeds is
//! reported by `tacit audit simulate`. They must never be lowered to catch a ring that somebody is sure of.

use super::inputs::{Bar, PValue, Score};

/// Before a vote counts less. Of what a member gives to its group, and of what it gets, chance must leave
/// more than a third unexplained; and chance, or friends who disagree as seldom as [`FRIENDS_DISSENT`], must
/// give such a group at most once in a hundred.
pub const DISCOUNT: Bar = Bar {
    least_score: Score::known(0.35),
    most_p_value: PValue::known(0.01),
};

/// Structure, before a stake is at risk: of the votes given within the group, and of those got, more than a
/// third are unexplained by chance. The share isn't higher because a large ring makes its own posts popular,
/// and so explains a part of its votes away.
pub const STRUCTURE: Bar = Bar {
    least_score: Score::known(0.35),
    most_p_value: PValue::known(0.01),
};

/// Time or quality, before a stake is at risk: more than a third of what could be beyond the member's habit
/// is beyond it. The p-value counts how many members are looked at in a window, so that of all of them somebody has
/// such evidence in two windows by accident in one of four hundred pairs of windows, if structure were none
/// ([`circles`](crate::epochs::circles::circles)).
pub const INDEPENDENT: Bar = Bar {
    least_score: Score::known(0.35),
    most_p_value: PValue::known(0.05),
};

/// Missing disagreement within the group, before quality may stand without time: more than a third of what
/// others would show is missing, and friends who disagree as seldom as [`FRIENDS_DISSENT`] give as little at most
/// once in a hundred.
pub const ONE_MIND: Bar = Bar {
    least_score: Score::known(0.35),
    most_p_value: PValue::known(0.01),
};

/// Of their votes on each other's posts, the share that honest friends at least don't support. In made-up
/// niches it is one in eight; a ring's members support each other always.
pub const FRIENDS_DISSENT: f64 = 0.05;

/// Members who add less than this to their group's evidence, in nats, aren't taken for members of it.
pub const NAMED: f64 = 1.0;
