//! Means over seeds, and how far they can be trusted.

use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Samples that are drawn again.
const RESAMPLES: usize = 4_000;

/// A mean and the interval that holds it with 95 % confidence, if the values are ten or more; of fewer it is a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean of what was seen.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How many values there were.
    pub values: usize,
}

/// The mean of values, one for each seed, and the interval between the 2.5th and the 97.5th percentile of
/// means of as many values drawn again from them (the percentile bootstrap: Efron and Tibshirani, "An
/// introduction to the bootstrap", 1993, chapter 13). `None` for fewer than two values or any that is no
/// finite number. The order of the values changes nothing.
pub fn mean(values: &[f64], seed: u64) -> Option<Interval> {
    if values.len() < 2 || values.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let count = values.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn = (0..count).filter_map(|_| values.get(rng.random_range(0..count)));
            drawn.sum::<f64>() / count as f64
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| means.get((share * (RESAMPLES - 1) as f64).round() as usize);
    Some(Interval {
        mean: values.iter().sum::<f64>() / count as f64,
        low: *at(0.025)?,
        high: *at(0.975)?,
        values: count,
    })
}
