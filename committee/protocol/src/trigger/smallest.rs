//! The smallest list that a trigger can open.

use super::{Counts, Trigger};
use crate::group::ClassName;

/// Ways that are told apart at most, at each step. To find the very smallest list is a covering problem,
/// hard in general, and creators choose the trigger: so the work is bounded, and past the bound the
/// answer may be too small, never too large.
const MAX_WAYS: usize = 16;

/// A way to satisfy a trigger: how many it needs of everybody, then of each class that the trigger names.
type Way = Vec<u64>;

impl Trigger {
    /// The smallest list this trigger can open, in names: what a signer must expect. Someone signs
    /// under one class at most, so bounds of different classes add up; a bound on everybody covers them.
    ///
    /// Never more than the true minimum. Exact, unless more than 16 ways to satisfy the trigger, none of
    /// which asks for less than another, meet in one part of it.
    pub fn smallest_list(&self, counts: &impl Counts) -> u64 {
        let mut classes = Vec::new();
        named(self, &mut classes);
        let ways = ways(self, counts, &classes);
        ways.iter().map(size).min().unwrap_or(0)
    }
}

fn named<'a>(trigger: &'a Trigger, classes: &mut Vec<&'a ClassName>) {
    match trigger {
        Trigger::Count { class, .. } => {
            classes.extend(class.as_ref().filter(|c| !classes.contains(c)));
        }
        Trigger::Any(parts) | Trigger::All(parts) => {
            for part in parts {
                named(part, classes);
            }
        }
    }
}

fn ways(trigger: &Trigger, counts: &impl Counts, classes: &[&ClassName]) -> Vec<Way> {
    match trigger {
        Trigger::Count { class, .. } => {
            let place = |c: &ClassName| classes.iter().position(|n| *n == c).map(|i| i + 1);
            let place = class.as_ref().map_or(Some(0), place);
            let mut way = vec![0; classes.len() + 1];
            if let Some(bound) = place.and_then(|i| way.get_mut(i)) {
                *bound = trigger.needs(counts);
            }
            vec![way]
        }
        Trigger::Any(parts) => least(
            parts
                .iter()
                .flat_map(|p| ways(p, counts, classes))
                .collect(),
        ),
        Trigger::All(parts) => {
            let nothing = vec![vec![0; classes.len() + 1]];
            parts.iter().fold(nothing, |left, part| {
                let right = ways(part, counts, classes);
                let both = |a: &Way| {
                    right
                        .iter()
                        .map(|b| zip(a, b, u64::max))
                        .collect::<Vec<_>>()
                };
                least(left.iter().flat_map(both).collect())
            })
        }
    }
}

/// Drops every way that asks for no less than another, and folds those past the bound into one that asks
/// for the least of each: whatever they are combined with, it is no larger than any of them.
fn least(mut ways: Vec<Way>) -> Vec<Way> {
    ways.sort_by_cached_key(|way| (size(way), way.clone()));
    let mut kept: Vec<Way> = Vec::new();
    let mut rest: Option<Way> = None;
    for way in ways {
        if kept.iter().any(|k| k.iter().zip(&way).all(|(a, b)| a <= b)) {
            continue;
        }
        if kept.len() + 1 < MAX_WAYS {
            kept.push(way);
        } else {
            rest = Some(rest.map_or(way.clone(), |r| zip(&r, &way, u64::min)));
        }
    }
    kept.extend(rest);
    kept
}

fn zip(a: &Way, b: &Way, choose: fn(u64, u64) -> u64) -> Way {
    a.iter().zip(b).map(|(a, b)| choose(*a, *b)).collect()
}

/// Names in a list that is just long enough.
fn size(way: &Way) -> u64 {
    match way.split_first() {
        Some((everybody, classes)) => {
            let classes = classes.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
            classes.max(*everybody)
        }
        None => 0,
    }
}
