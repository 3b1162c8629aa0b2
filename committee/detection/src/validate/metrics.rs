//! Measures of a score: how well it ranks, what it finds at a rate of false positives, and how sure that is.

use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// Samples of a bootstrap.
const SAMPLES: usize = 2_000;

/// A mean, and where it lies in 95 of 100 repetitions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Its lower bound.
    pub low: f64,
    /// Its upper bound.
    pub high: f64,
}

/// The area under the receiver operating characteristic: the chance that a ring member's score is above an
/// honest member's, equal ones counted half (Mann and Whitney: "On a test of whether one of two random
/// variables is stochastically larger than the other", Annals of Mathematical Statistics 18, 1947). `None`
/// if either list is empty.
pub fn auc(rings: &[f64], honest: &[f64]) -> Option<f64> {
    if rings.is_empty() || honest.is_empty() {
        return None;
    }
    let mut honest = honest.to_vec();
    honest.sort_unstable_by(f64::total_cmp);
    let above: f64 = rings
        .iter()
        .map(|score| {
            let below = honest.partition_point(|h| h < score);
            let up_to = honest.partition_point(|h| h <= score);
            (below + up_to) as f64 / 2.0
        })
        .sum();
    Some(above / (rings.len() * honest.len()) as f64)
}

/// The lowest threshold above which no more than this share of honest scores lies; `None` without any.
pub fn threshold(honest: &[f64], false_positives: f64) -> Option<f64> {
    let mut honest = honest.to_vec();
    honest.sort_unstable_by(|a, b| b.total_cmp(a));
    let allowed = (false_positives * honest.len() as f64 + 1e-9).floor() as usize;
    honest.get(allowed).copied()
}

/// The share of ring members with a score above [`threshold`]. A score equal to it doesn't count, so that a
/// score which says the same of everybody finds nobody.
pub fn recall(rings: &[f64], honest: &[f64], false_positives: f64) -> Option<f64> {
    let threshold = threshold(honest, false_positives)?;
    let found = rings.iter().filter(|score| **score > threshold).count();
    (!rings.is_empty()).then(|| found as f64 / rings.len() as f64)
}

/// The mean of values, one for each seed, and its interval by the percentiles of means of samples drawn with
/// replacement (Efron: "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979).
/// `None` without values.
pub fn interval(values: &[f64], seed: u64) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut means: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let drawn = (0..values.len()).map(|_| values.get(rng.random_range(0..values.len())));
            drawn.flatten().sum::<f64>() / count
        })
        .collect();
    means.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        means
            .get((share * (SAMPLES - 1) as f64).round() as usize)
            .copied()
    };
    Some(Interval {
        mean: values.iter().sum::<f64>() / count,
        low: at(0.025)?,
        high: at(0.975)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn auc_by_hand() {
        assert_eq!(auc(&[2.0, 3.0], &[0.0, 1.0]), Some(1.0));
        assert_eq!(auc(&[0.0, 1.0], &[2.0, 3.0]), Some(0.0));
        assert_eq!(auc(&[1.0], &[1.0, 1.0]), Some(0.5));
        // Of six pairs three are above, one is equal.
        assert_eq!(auc(&[1.0, 4.0], &[0.0, 4.0, 5.0]), Some(2.5 / 6.0));
        assert_eq!(auc(&[], &[1.0]), None);
        assert_eq!(auc(&[1.0], &[]), None);
    }

    #[test]
    fn recall_counts_scores_above_the_threshold_only() {
        let honest: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(threshold(&honest, 0.01), Some(98.0));
        assert_eq!(recall(&[97.0, 98.0, 98.5, 200.0], &honest, 0.01), Some(0.5));
        // One in a hundred of fifty is none: whoever is flagged is above all of them.
        assert_eq!(threshold(&honest[..50], 0.01), Some(49.0));
        assert_eq!(recall(&[0.0; 3], &[0.0; 300], 0.01), Some(0.0));
        assert_eq!(recall(&[], &honest, 0.01), None);
        assert_eq!(recall(&[1.0], &[], 0.01), None);
    }

    #[test]
    fn an_interval_holds_its_mean_and_narrows_with_more_seeds() {
        let values: Vec<f64> = (0..20).map(|n| f64::from(n % 5)).collect();
        let some = interval(&values[..5], 1).unwrap();
        let all = interval(&values, 1).unwrap();
        assert_eq!((some.mean, all.mean), (2.0, 2.0));
        assert!(some.low < 2.0 && 2.0 < some.high);
        assert!(all.high - all.low < some.high - some.low);
        assert_eq!(interval(&values, 1), interval(&values, 1));
        let one = interval(&[0.3; 4], 1).unwrap();
        assert!((one.low - 0.3).abs() < 1e-12 && (one.high - 0.3).abs() < 1e-12);
        assert_eq!(interval(&[], 1), None);
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_pairs(
            rings in prop::collection::vec(0_u8..6, 1..20),
            honest in prop::collection::vec(0_u8..6, 1..20),
        ) {
            let pairs = rings.iter().flat_map(|r| honest.iter().map(move |h| (r, h)));
            let wins: f64 = pairs.map(|(r, h)| if r > h { 1.0 } else if r == h { 0.5 } else { 0.0 }).sum();
            let expected = wins / (rings.len() * honest.len()) as f64;
            let floats = |list: &[u8]| list.iter().copied().map(f64::from).collect::<Vec<f64>>();
            let found = auc(&floats(&rings), &floats(&honest)).unwrap();
            prop_assert!((found - expected).abs() < 1e-12);
        }

        #[test]
        fn no_more_than_the_allowed_share_of_honest_members_is_above_the_threshold(
            honest in prop::collection::vec(0_u8..50, 1..300),
            rate in 0.0..0.5_f64,
        ) {
            let honest: Vec<f64> = honest.into_iter().map(f64::from).collect();
            let threshold = threshold(&honest, rate).unwrap();
            let above = honest.iter().filter(|h| **h > threshold).count();
            prop_assert!(above as f64 <= rate * honest.len() as f64 + 1e-6);
        }
    }
}
