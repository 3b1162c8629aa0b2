//! What is told first where posts are in dispute: whoever can write rows could take a ring's posts out of the
//! look, so a look that left posts out must never read as one that found nothing.

use crate::read::Reading;
use crate::votes::{LeftOut, escaped};
use crate::words::{counted, grouped, id, percent};

/// Voters that are named.
const NAMED: usize = 8;

/// Sentences, the weightiest first; none if nothing is in dispute.
pub fn dispute(reading: &Reading) -> Vec<String> {
    let posts = reading.disputed_posts;
    if posts == 0 {
        return Vec::new();
    }
    let rows = reading.left_out.get(&LeftOut::OtherPost).copied();
    let rows = rows.unwrap_or_default();
    let share = |part: u64, whole: u64| percent(part as f64 / whole.max(part).max(1) as f64);
    let (are, their, them) = match posts {
        1 => ("is", "its", "it"),
        _ => ("are", "their", "them"),
    };
    let mut says = vec![
        format!(
            "{} ({} of all) {are} in dispute: {their} rows name different authors or times.",
            counted(posts, "post"),
            share(posts, reading.posts)
        ),
        format!(
            "None of the {} on {them} counts ({} of all rows), so a ring that lives on {them} isn't seen. Take authors and \
             times from the log, and look again.",
            counted(rows, "row"),
            share(rows, reading.rows)
        ),
    ];
    if !reading.differing.is_empty() {
        let named = reading.differing.iter().take(NAMED).map(|voter| {
            let name = format!("{}/{}", escaped(&voter.board), escaped(&voter.voter));
            format!("{} ({})", id(&name), counted(voter.rows, "row"))
        });
        let mut named = named.collect::<Vec<_>>().join(", ");
        let others = reading.differing_voters.saturating_sub(NAMED as u64);
        if others > 0 {
            named += &format!(" and {} more", grouped(others));
        }
        says.push(format!(
            "Rows that differ from most rows of their post stand under the names of these voters: {named}."
        ));
    }
    says
}
