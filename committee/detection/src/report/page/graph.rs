//! The picture of who supports whom.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::places;
use super::pictures::{colour, label, svg};
use crate::report::markup::{Markup, at};
use crate::report::sketch::Sketch;
use crate::words::{self, counted};

/// Groups that are named in a picture.
const GROUPS: usize = 30;
/// A group whose members stand no further from their middle has its number beside it.
const TOGETHER: f64 = 120.0;

/// Support with so much evidence, in nats, has a thick line whatever the rest has.
const STRONG: f64 = 15.0;

/// Members as dots, support beyond chance as lines.
pub(super) fn graph(m: &mut Markup, sketch: &Sketch, seed: u64) {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 460.0;
    const EDGE: f64 = 30.0;
    let says = format!(
        "{} and {} of support beyond chance between them",
        counted(sketch.nodes.len() as u64, "member"),
        counted(sketch.edges.len() as u64, "line")
    );
    svg(m, "graph", WIDTH, HEIGHT, &says);
    let places: Vec<(f64, f64)> = places(sketch, seed)
        .into_iter()
        .map(|(x, y)| {
            let (wide, high) = (WIDTH - 2.0 * EDGE, HEIGHT - 2.0 * EDGE);
            (EDGE + x * wide, EDGE + y * high)
        })
        .collect();
    let strongest = sketch
        .edges
        .iter()
        .map(|e| e.evidence)
        .fold(STRONG, f64::max);
    for edge in &sketch.edges {
        let (Some(a), Some(b)) = (places.get(edge.one), places.get(edge.other)) else {
            continue;
        };
        let width = format!("{:.1}", 0.7 + 3.0 * edge.evidence / strongest);
        let (x1, y1, x2, y2) = (at(a.0), at(a.1), at(b.0), at(b.1));
        let class = if edge.mutual { "both" } else { "one" };
        m.empty(
            "line",
            &[
                ("class", class),
                ("x1", &x1),
                ("y1", &y1),
                ("x2", &x2),
                ("y2", &y2),
                ("stroke-width", &width),
            ],
        );
    }
    for (node, (x, y)) in sketch.nodes.iter().zip(&places) {
        let radius = if node.flag { 7.0 } else { 4.5 };
        let class = format!(
            "dot {}{}",
            colour(node.community),
            if node.flag { " flag" } else { "" }
        );
        m.open(
            "circle",
            &[
                ("class", &class),
                ("cx", &at(*x)),
                ("cy", &at(*y)),
                ("r", &at(radius)),
            ],
        );
        let group = node
            .community
            .map_or(String::new(), |number| format!(", group {number}"));
        let title = format!(
            "{}, score {:.1}{group}",
            words::name(&node.voter),
            node.score
        );
        m.leaf("title", &[], &title);
        m.close();
    }
    group_labels(m, sketch, &places);
    m.close();
}

/// Each group's number above its members, if they stand together; colours tell where they don't.
fn group_labels(m: &mut Markup, sketch: &Sketch, places: &[(f64, f64)]) {
    let mut groups: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for (node, place) in sketch.nodes.iter().zip(places) {
        if let Some(number) = node.community {
            groups.entry(number).or_default().push(*place);
        }
    }
    for (number, members) in groups.into_iter().filter(|(_, m)| m.len() > 1).take(GROUPS) {
        let count = members.len() as f64;
        let x = members.iter().map(|p| p.0).sum::<f64>() / count;
        let y = members.iter().map(|p| p.1).sum::<f64>() / count;
        let far = members
            .iter()
            .map(|p| (p.0 - x).hypot(p.1 - y))
            .fold(0.0, f64::max);
        if far <= TOGETHER {
            let top = members.iter().map(|p| p.1).fold(f64::MAX, f64::min);
            label(m, "group", (x, (top - 12.0).max(16.0)), &number.to_string());
        }
    }
}

/// Which colour is which group's.
pub(super) fn legend(m: &mut Markup, sketch: &Sketch) {
    let numbers: BTreeSet<usize> = sketch.nodes.iter().filter_map(|n| n.community).collect();
    if numbers.is_empty() {
        return;
    }
    m.open("p", &[("class", "note")]);
    for number in numbers.iter().take(GROUPS) {
        m.leaf(
            "span",
            &[("class", &format!("swatch {}", colour(Some(*number))))],
            "",
        );
        m.text(&format!("group {number}  "));
    }
    m.leaf("span", &[("class", "swatch g0")], "");
    m.text("none that is listed");
    m.close();
}
