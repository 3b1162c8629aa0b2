//! How well scores and rules do on boards of which the truth is known: what is planted is found or not, and
//! who is honest is wronged or not.
//!
//! A figure is of one [`Part`](detection::Part): what thresholds were chosen by, or what is held back to
//! report. No figure may ever mix the two.

pub mod alone;
pub mod cases;
pub mod clean;
pub mod detection;
pub mod framed;
pub mod metrics;
pub mod plot;
pub mod results;
pub mod slashes;
pub mod study;
pub mod tables;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::calibrate::USUAL_RATE;
use crate::judge::{Evidence, judge};
use crate::votes::Board;

/// What is said of the members of a board, by member.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// More for whoever is more likely of a ring.
    pub scores: Vec<f64>,
    /// Who is flagged.
    pub flagged: Vec<bool>,
}

/// Looks at a board; `None` of one with too few active members.
pub type Look<'a> = &'a (dyn Fn(&Board) -> Option<Seen> + Sync);

/// What `tacit audit` says of a board.
pub fn product(board: &Board) -> Option<Seen> {
    let verdict = judge(board).ok()?;
    let scores: Vec<f64> = verdict.members.iter().map(Evidence::score).collect();
    Some(Seen {
        flagged: verdict.flagged(USUAL_RATE),
        scores,
    })
}

/// Does each of so many jobs, on so many threads, which change no result. `done` is told after each.
pub(crate) fn each<T: Send>(
    jobs: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
    done: impl Fn(usize) + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, T>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.max(1)) {
            scope.spawn(|| {
                loop {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    if job >= jobs {
                        break;
                    }
                    let result = work(job);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.insert(job, result);
                    drop(results);
                    done(job);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_values().collect()
}
