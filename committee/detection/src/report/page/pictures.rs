//! What pictures are drawn with: each is one SVG in the page's colours, with every name escaped.

use crate::report::markup::{Markup, at};

/// Groups with a colour of their own; the rest share one, and have their numbers.
const COLOURS: usize = 8;

/// The class that has a group's colour.
pub(super) fn colour(community: Option<usize>) -> &'static str {
    const CLASSES: [&str; COLOURS] = ["g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8"];
    let place = community.and_then(|n| n.checked_sub(1));
    let class = place.and_then(|place| CLASSES.get(place));
    class
        .copied()
        .unwrap_or(if community.is_some() { "gx" } else { "g0" })
}

pub(super) fn line(m: &mut Markup, class: &'static str, from: (f64, f64), to: (f64, f64)) {
    let (x1, y1, x2, y2) = (at(from.0), at(from.1), at(to.0), at(to.1));
    m.empty(
        "line",
        &[
            ("class", class),
            ("x1", &x1),
            ("y1", &y1),
            ("x2", &x2),
            ("y2", &y2),
        ],
    );
}

pub(super) fn label(m: &mut Markup, class: &'static str, place: (f64, f64), text: &str) {
    let (x, y) = (at(place.0), at(place.1));
    m.leaf("text", &[("class", class), ("x", &x), ("y", &y)], text);
}

pub(super) fn svg(m: &mut Markup, class: &'static str, width: f64, height: f64, says: &str) {
    let view = format!("0 0 {} {}", at(width), at(height));
    m.open(
        "svg",
        &[
            ("class", class),
            ("viewBox", &view),
            ("role", "img"),
            ("aria-label", says),
        ],
    );
}
