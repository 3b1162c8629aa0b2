//! The picture of how scores are spread, with the line from which on a member may stand out.

use super::pictures::{label, line, svg};
use crate::report::Voter;
use crate::report::markup::{Markup, at};
use crate::words::{counted, grouped};

/// About so many bars has a histogram.
const BARS: f64 = 25.0;
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 12.0;
const BASE: f64 = 180.0;
const TOP: f64 = 40.0;

/// Members with a score.
#[derive(Clone, Copy, Default)]
struct Bar {
    all: u64,
    flagged: u64,
}

/// How many of a board's voters have which score.
pub(super) fn histogram(m: &mut Markup, voters: &[&Voter], bar: f64) {
    let scored = || voters.iter().filter(|v| v.score > 0.0);
    let highest = scored().map(|v| v.score).fold(bar, f64::max);
    // The line is drawn between two bars.
    let wide = bar / (bar * BARS / highest).floor().max(1.0);
    let mut bars = vec![Bar::default(); (highest / wide) as usize + 1];
    for voter in scored() {
        if let Some(bar) = bars.get_mut((voter.score / wide) as usize) {
            bar.all += 1;
            bar.flagged += u64::from(voter.flag);
        }
    }
    let most = bars.iter().map(|b| b.all).max().unwrap_or(1).max(1) as f64;
    let step = (WIDTH - 2.0 * LEFT) / bars.len() as f64;
    let x = |score: f64| LEFT + score / wide * step;
    let says = format!(
        "{} by score; the line is at {bar:.1}",
        counted(scored().count() as u64, "member"),
    );
    svg(m, "histogram", WIDTH, HEIGHT, &says);
    for (place, counts) in bars.iter().enumerate().filter(|(_, b)| b.all > 0) {
        let from = place as f64 * wide;
        let height = |count: u64| match count {
            0 => 0.0,
            count => ((BASE - TOP) * count as f64 / most).max(2.0),
        };
        for (class, count) in [("bar", counts.all), ("bar out", counts.flagged)] {
            if count == 0 {
                continue;
            }
            m.open(
                "rect",
                &[
                    ("class", class),
                    ("x", &at(x(from) + 1.0)),
                    ("y", &at(BASE - height(count))),
                    ("width", &at(step - 2.0)),
                    ("height", &at(height(count))),
                ],
            );
            let title = format!(
                "{} with a score from {from:.1} to {:.1}; {} out",
                counted(counts.all, "member"),
                from + wide,
                match counts.flagged {
                    0 => "nobody stands".to_owned(),
                    1 => "1 stands".to_owned(),
                    n => format!("{n} stand"),
                }
            );
            m.leaf("title", &[], &title);
            m.close();
        }
        let place = (x(from) + 0.5 * step, BASE - height(counts.all) - 4.0);
        label(m, "count", place, &grouped(counts.all));
    }
    line(m, "axis", (LEFT, BASE), (WIDTH - LEFT, BASE));
    let tick = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
        .into_iter()
        .find(|tick| highest / tick <= 8.0)
        .unwrap_or(100.0);
    let mut score = 0.0;
    while score <= highest {
        line(m, "axis", (x(score), BASE), (x(score), BASE + 4.0));
        label(m, "tick", (x(score), BASE + 20.0), &at(score));
        score += tick;
    }
    label(m, "tick", (0.5 * WIDTH, BASE + 42.0), "score");
    let right = x(bar) > 0.6 * WIDTH;
    line(m, "limit", (x(bar), 20.0), (x(bar), BASE));
    let class = if right { "limit end" } else { "limit" };
    let beside = if right { -6.0 } else { 6.0 };
    label(
        m,
        class,
        (x(bar) + beside, 16.0),
        &format!("the line, at {bar:.1}"),
    );
    m.close();
}
