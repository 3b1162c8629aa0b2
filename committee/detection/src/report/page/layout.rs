//! Where to draw whom: members who support each other stand close, whoever else apart.
//!
//! Fruchterman and Reingold: "Graph drawing by force-directed placement", Software: Practice and Experience
//! 21, 1991, with a pull to the middle that keeps parts without connection in the picture. Every step is the
//! same sum in the same order, so a seed gives one picture.

use rand::RngExt;

use crate::report::sketch::Sketch;
use crate::simulate::generator;

/// Rounds.
const ROUNDS: u32 = 400;
/// The pull to the middle.
const GRAVITY: f64 = 0.9;

/// Places in a square from 0 to 1.
pub(super) fn places(sketch: &Sketch, seed: u64) -> Vec<(f64, f64)> {
    let count = sketch.nodes.len();
    let mut random = generator(seed, b"layout");
    let mut places: Vec<(f64, f64)> = (0..count)
        .map(|_| (random.random::<f64>() - 0.5, random.random::<f64>() - 0.5))
        .collect();
    let apart = (1.0 / count.max(1) as f64).sqrt();
    let strongest = sketch.edges.iter().map(|e| e.evidence).fold(1.0, f64::max);
    for round in 0..ROUNDS {
        let mut moves = vec![(0.0_f64, 0.0_f64); count];
        for (one, a) in places.iter().enumerate() {
            let (mut x, mut y) = (-GRAVITY * a.0, -GRAVITY * a.1);
            for (other, b) in places.iter().enumerate() {
                if one != other {
                    let (dx, dy) = (a.0 - b.0, a.1 - b.1);
                    let square = (dx * dx + dy * dy).max(1e-6);
                    x += dx * apart * apart / square;
                    y += dy * apart * apart / square;
                }
            }
            if let Some(to) = moves.get_mut(one) {
                *to = (x, y);
            }
        }
        for edge in &sketch.edges {
            let (Some(a), Some(b)) = (places.get(edge.one), places.get(edge.other)) else {
                continue;
            };
            let (dx, dy) = (a.0 - b.0, a.1 - b.1);
            let length = (dx * dx + dy * dy).sqrt();
            let pull = length / apart * (0.25 + 0.75 * edge.evidence / strongest) * 0.5;
            for (end, sign) in [(edge.one, -1.0), (edge.other, 1.0)] {
                if let Some(to) = moves.get_mut(end) {
                    to.0 += sign * dx * pull;
                    to.1 += sign * dy * pull;
                }
            }
        }
        let most = 0.1 * (1.0 - f64::from(round) / f64::from(ROUNDS)) + 0.001;
        for (place, (x, y)) in places.iter_mut().zip(moves) {
            let length = (x * x + y * y).sqrt().max(1e-9);
            let step = length.min(most) / length;
            place.0 += x * step;
            place.1 += y * step;
        }
    }
    into_square(places)
}

fn into_square(mut places: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let bounds = |of: fn(&(f64, f64)) -> f64| {
        let least = places.iter().map(of).fold(f64::MAX, f64::min);
        let most = places.iter().map(of).fold(f64::MIN, f64::max);
        (least, (most - least).max(1e-9))
    };
    let ((left, width), (top, height)) = (bounds(|p| p.0), bounds(|p| p.1));
    for place in &mut places {
        *place = ((place.0 - left) / width, (place.1 - top) / height);
    }
    places
}
