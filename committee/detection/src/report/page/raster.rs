//! The picture of when a case's votes came.

use super::pictures::{colour, label, line, svg};
use crate::report::case::{Case, CasePost};
use crate::report::markup::{Markup, at};
use crate::words::{self, counted, expected, span};

/// Posts that are drawn.
pub(super) const POSTS: usize = 24;

/// The times that an axis shows, in milliseconds, with their names.
const TICKS: [(f64, &str); 8] = [
    (1_000.0, "1 s"),
    (10_000.0, "10 s"),
    (60_000.0, "1 min"),
    (600_000.0, "10 min"),
    (3_600_000.0, "1 h"),
    (21_600_000.0, "6 h"),
    (86_400_000.0, "1 day"),
    (604_800_000.0, "1 week"),
];

/// When a case's votes came: posts as rows, the time since each was made from left to right.
pub(super) fn raster(m: &mut Markup, case: &Case) {
    const WIDTH: f64 = 640.0;
    const LEFT: f64 = 132.0;
    const RIGHT: f64 = 590.0;
    const ROW: f64 = 22.0;
    const TOP: f64 = 24.0;
    // The posts with the most of the group's votes, in the order of time.
    let mut posts: Vec<_> = case.posts.iter().collect();
    posts.sort_by_key(|post| std::cmp::Reverse(post.group.len()));
    posts.truncate(POSTS);
    posts.sort_by(|a, b| (a.at_ms, &a.post).cmp(&(b.at_ms, &b.post)));
    let times = posts.iter().flat_map(|post| {
        let group = post.group.iter().map(|v| v.after_ms);
        group.chain(post.others_after_ms.iter().copied())
    });
    let times: Vec<f64> = times.map(|ms| (ms as f64).max(1_000.0)).collect();
    let least = times.iter().copied().fold(60_000.0, f64::min);
    let most = times.iter().copied().fold(3_600_000.0, f64::max);
    let (low, high) = ((0.7 * least).ln(), (1.3 * most).ln());
    let x = |ms: f64| LEFT + (RIGHT - LEFT) * (ms.max(1_000.0).ln() - low).max(0.0) / (high - low);
    let bottom = TOP + ROW * posts.len() as f64;
    let says = format!(
        "when votes for {} came; the group's as dots, others' as strokes",
        counted(posts.len() as u64, "post")
    );
    svg(m, "raster", WIDTH, bottom + 44.0, &says);
    for (ms, text) in TICKS
        .iter()
        .filter(|(ms, _)| *ms >= 0.7 * least && *ms <= 1.3 * most)
    {
        line(m, "grid", (x(*ms), TOP), (x(*ms), bottom));
        label(m, "tick", (x(*ms), bottom + 16.0), text);
    }
    for (row, post) in posts.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        line(m, "row", (LEFT, y), (RIGHT, y));
        let name: String = words::name(&post.post).chars().take(15).collect();
        m.open(
            "text",
            &[
                ("class", "post"),
                ("x", &at(LEFT - 8.0)),
                ("y", &at(y + 4.0)),
            ],
        );
        let title = format!(
            "{} by {}, {}",
            words::name(&post.post),
            words::name(&post.author),
            post.at
        );
        m.leaf("title", &[], &title);
        m.text(&name);
        m.close();
        let strokes = post.others_after_ms.iter();
        let strokes: String = strokes
            .map(|after| format!("M{} {}v10", at(x(*after as f64)), at(y - 5.0)))
            .collect();
        m.empty("path", &[("class", "other"), ("d", &strokes)]);
        dots(m, case, post, y, &x);
        let share = format!("{} / {}", post.group.len(), expected(post.by_chance));
        label(m, "share", (WIDTH - 4.0, y + 4.0), &share);
    }
    label(
        m,
        "tick",
        (0.5 * (LEFT + RIGHT), bottom + 36.0),
        "time since the post was made",
    );
    label(m, "share", (WIDTH - 4.0, 14.0), "votes / chance");
    m.close();
}

/// The group's votes on one post; those that would cover each other are stacked.
fn dots(m: &mut Markup, case: &Case, post: &CasePost, y: f64, x: &dyn Fn(f64) -> f64) {
    const NEAR: f64 = 5.0;
    const STACK: [f64; 5] = [0.0, -5.0, 5.0, -9.0, 9.0];
    let mut last: Option<(f64, usize)> = None;
    for vote in &post.group {
        let here = x(vote.after_ms as f64);
        let level = match last {
            Some((there, level)) if here - there < NEAR => (level + 1) % STACK.len(),
            _ => 0,
        };
        last = Some((
            if level == 0 {
                here
            } else {
                last.map_or(here, |l| l.0)
            },
            level,
        ));
        let up = STACK.get(level).copied().unwrap_or(0.0);
        m.open(
            "circle",
            &[
                ("class", &format!("vote {}", colour(Some(case.community)))),
                ("cx", &at(here)),
                ("cy", &at(y + up)),
                ("r", "3.6"),
            ],
        );
        let title = format!(
            "{}, {} after the post ({})",
            words::name(&vote.voter),
            span(vote.after_ms),
            vote.at
        );
        m.leaf("title", &[], &title);
        m.close();
    }
}
