//! Measures of a score: how well it ranks, what it finds at a rate of false positives, and how sure that is.

use std::collections::BTreeMap;
use std::fmt;

use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// Samples of a bootstrap.
const SAMPLES: usize = 2_000;
/// Steps of a curve, over three powers of ten.
const CURVE: u32 = 30;

/// From so many seeds on, intervals over them are about as wide as they should be. Of two values the bootstrap
/// gives nothing but these two, which hold the mean half of the time: such bounds are a range, and no more.
pub const ENOUGH_SEEDS: usize = 10;

/// What the bounds of an [`Interval`] over so many seeds are, for people: a 95 % interval only from
/// [`ENOUGH_SEEDS`] on.
pub fn bounds(seeds: usize) -> String {
    match seeds {
        0 | 1 => "no bounds, for there is one seed".to_owned(),
        few if few < ENOUGH_SEEDS => format!("in brackets the range over {few} seeds"),
        many => format!("in brackets the 95 % interval over {many} seeds"),
    }
}

/// A mean, and bounds by the percentiles from 2.5 to 97.5 of a bootstrap over seeds; [`bounds`] says what they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Its lower bound; none of one value, which says nothing of how far others lie from it.
    pub low: Option<f64>,
    /// Its upper bound, likewise.
    pub high: Option<f64>,
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ", self.mean)?;
        match self.low.zip(self.high) {
            Some((low, high)) => write!(f, "[{low:.3}, {high:.3}]"),
            None => f.write_str("(one seed)"),
        }
    }
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

/// The rates of false positives of a curve: from one in a thousand to all, evenly by their logarithm.
pub fn rates() -> Vec<f64> {
    (0..=CURVE)
        .map(|step| 10_f64.powf(3.0 * (f64::from(step) / f64::from(CURVE) - 1.0)))
        .collect()
}

/// [`recall`] at each of [`rates`]: a receiver operating characteristic. At the last one, nobody is below
/// the threshold. `None` if either list is empty.
pub fn curve(rings: &[f64], honest: &[f64]) -> Option<Vec<f64>> {
    if rings.is_empty() || honest.is_empty() {
        return None;
    }
    let rates = rates();
    let at = |rate: &f64| recall(rings, honest, *rate).unwrap_or(1.0);
    Some(rates.iter().map(at).collect())
}

/// The interval of the mean of values that come with their seeds: the values of one seed are of one world,
/// and count as one.
pub fn over_seeds(values: impl Iterator<Item = (u64, f64)>) -> Option<Interval> {
    let mut by_seed: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for (seed, value) in values {
        let sum = by_seed.entry(seed).or_default();
        *sum = (sum.0 + value, sum.1 + 1.0);
    }
    let means: Vec<f64> = by_seed
        .into_values()
        .map(|(sum, count)| sum / count)
        .collect();
    interval(&means, 0)
}

/// How many of a thing are expected at most when so many were seen: the 95 % upper bound of a Poisson mean
/// (Garwood: "Fiducial limits for the Poisson distribution", Biometrika 28, 1936).
pub fn at_most(seen: u64) -> f64 {
    // The mean under which so few are seen one time in twenty, by halving.
    let (mut low, mut high) = (seen as f64, 2.0 * seen as f64 + 10.0);
    let factorial: f64 = (1..=seen).map(|n| (n as f64).ln()).sum();
    for _ in 0..80 {
        let mean = (low + high) / 2.0;
        // From the likeliest of so few downwards, and as a logarithm: no term of many is a number by itself.
        let likeliest = seen as f64 * mean.ln() - mean - factorial;
        let (mut term, mut so_few) = (1.0, 1.0);
        for n in (1..=seen).rev() {
            term *= n as f64 / mean;
            so_few += term;
            if term < f64::EPSILON {
                break;
            }
        }
        if likeliest + so_few.ln() > 0.05_f64.ln() {
            low = mean
        } else {
            high = mean
        }
    }
    high
}

/// The mean of values, one for each seed, and its interval by the percentiles of means of samples drawn with
/// replacement (Efron: "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979); of
/// one value there is none. `None` without values.
pub fn interval(values: &[f64], seed: u64) -> Option<Interval> {
    if values.is_empty() {
        return None;
    }
    if let [mean] = values {
        return Some(Interval {
            mean: *mean,
            low: None,
            high: None,
        });
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
        low: at(0.025),
        high: at(0.975),
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
    fn a_curve_rises_from_the_strictest_threshold_to_everybody() {
        let honest: Vec<f64> = (0..1000).map(f64::from).collect();
        let rings = [1500.0, 995.0, 950.0, -1.0];
        let curve = curve(&rings, &honest).unwrap();
        assert_eq!(curve.len(), rates().len());
        assert!((rates()[0] - 0.001).abs() < 1e-12 && rates()[30] == 1.0);
        assert_eq!(
            (curve[0], curve[10], curve[20], curve[30]),
            (0.25, 0.5, 0.75, 1.0)
        );
        assert!(curve.is_sorted());
        assert_eq!(super::curve(&[], &honest), None);
    }

    #[test]
    fn bounds_over_nine_seeds_are_a_range_and_over_ten_an_interval() {
        assert_eq!(bounds(1), "no bounds, for there is one seed");
        assert_eq!(bounds(2), "in brackets the range over 2 seeds");
        assert_eq!(bounds(9), "in brackets the range over 9 seeds");
        assert_eq!(bounds(10), "in brackets the 95 % interval over 10 seeds");
        // Of two values there are no other bounds than these.
        let two = interval(&[0.2, 0.6], 1).unwrap();
        assert_eq!((two.low, two.high), (Some(0.2), Some(0.6)));
    }

    #[test]
    fn values_of_one_seed_count_as_one() {
        let values = [(1, 0.0), (1, 1.0), (2, 0.5), (2, 0.5), (2, 0.5)];
        let found = over_seeds(values.into_iter()).unwrap();
        assert_eq!(
            (found.mean, found.low, found.high),
            (0.5, Some(0.5), Some(0.5))
        );
        assert_eq!(over_seeds(std::iter::empty()), None);
    }

    #[test]
    fn what_was_not_seen_may_still_be_there() {
        // The rule of three, and a table's value for two.
        assert!((at_most(0) - 20_f64.ln()).abs() < 1e-9);
        assert!((at_most(2) - 6.2958).abs() < 1e-3);
        // Of many: by the normal approximation with a continuity correction (Wilson and Hilferty).
        for seen in [700_u64, 740, 741, 800, 5_000, 100_000] {
            let n = seen as f64 + 1.0;
            let near = n * (1.0 - 1.0 / (9.0 * n) + 1.644_854 / (3.0 * n.sqrt())).powi(3);
            assert!((at_most(seen) - near).abs() < 0.02, "{seen}: {near}");
        }
    }

    #[test]
    fn an_interval_holds_its_mean_and_narrows_with_more_seeds() {
        let values: Vec<f64> = (0..20).map(|n| f64::from(n % 5)).collect();
        let some = interval(&values[..5], 1).unwrap();
        let all = interval(&values, 1).unwrap();
        assert_eq!((some.mean, all.mean), (2.0, 2.0));
        assert!(some.low.unwrap() < 2.0 && 2.0 < some.high.unwrap());
        let width = |i: Interval| i.high.unwrap() - i.low.unwrap();
        assert!(width(all) < width(some));
        assert_eq!(interval(&values, 1), interval(&values, 1));
        let one = interval(&[0.3; 4], 1).unwrap();
        assert!((one.low.unwrap() - 0.3).abs() < 1e-12);
        assert!((one.high.unwrap() - 0.3).abs() < 1e-12);
        let single = interval(&[0.3], 1).unwrap();
        assert_eq!((single.mean, single.low, single.high), (0.3, None, None));
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
