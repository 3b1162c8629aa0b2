//! How unlikely a count is, and which of many unlikely things are still worth a look.
//!
//! Counts are discrete, so a p-value "as much as this, or more" is larger than it need be. Decisions use
//! that one ([`Tail::p`]), which errs towards innocence; [`Tail::by_lot`] is exactly uniform if chance alone
//! was at work, and is what calibration is checked with.

/// The chance of more than was seen, and of just as much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// The chance of more.
    pub beyond: f64,
    /// The chance of just as much.
    pub at: f64,
}

impl Tail {
    /// The p-value: the chance of as much, or more.
    pub fn p(self) -> f64 {
        (self.beyond + self.at).clamp(0.0, 1.0)
    }

    /// The p-value with the chance of "just as much" divided by lot (`lot` uniform in 0..1): uniform under
    /// the null, whatever the steps (Stevens: "Fiducial limits of the parameter of a discontinuous
    /// distribution", Biometrika 37, 1950).
    pub fn by_lot(self, lot: f64) -> f64 {
        (self.beyond + lot * self.at).clamp(0.0, 1.0)
    }
}

/// A count whose mean is known and whose parts are rare and many.
pub fn poisson(seen: u32, mean: f64) -> Tail {
    if mean <= 0.0 {
        let at = if seen == 0 { 1.0 } else { 0.0 };
        return Tail { beyond: 0.0, at };
    }
    let k = f64::from(seen);
    let at = (k * mean.ln() - mean - ln_factorial(k)).exp();
    let beyond = if k + 1.0 > mean {
        upwards(at, |j| mean / (j + 1.0), k, f64::INFINITY)
    } else {
        1.0 - at - upwards(at, |j| (k - j) / mean, 0.0, k)
    };
    Tail {
        beyond: beyond.max(0.0),
        at,
    }
}

/// How many of `of` hit, each with the same chance.
pub fn binomial(seen: u32, of: u32, chance: f64) -> Tail {
    let (k, n) = (f64::from(seen.min(of)), f64::from(of));
    if chance <= 0.0 || chance >= 1.0 {
        let sure = if chance <= 0.0 { 0.0 } else { n };
        return Tail {
            beyond: if sure > k { 1.0 } else { 0.0 },
            at: if sure == k { 1.0 } else { 0.0 },
        };
    }
    let odds = chance / (1.0 - chance);
    let ways = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let at = (ways + k * chance.ln() + (n - k) * (-chance).ln_1p()).exp();
    let beyond = if k + 1.0 > n * chance {
        upwards(at, |j| (n - j) / (j + 1.0) * odds, k, n)
    } else {
        1.0 - at - upwards(at, |j| (k - j) / (n - k + j + 1.0) / odds, 0.0, k)
    };
    Tail {
        beyond: beyond.max(0.0),
        at,
    }
}

/// How many of `of` hit, where the chance itself varies about its mean from case to case: beta-binomial, with
/// the correlation `spread` between hits (Skellam: "A probability distribution derived from the binomial
/// distribution by regarding the probability of success as variable", Journal of the Royal Statistical Society
/// B 10, 1948). Without spread it is binomial. Linear in `of`.
pub fn beta_binomial(seen: u32, of: u32, chance: f64, spread: f64) -> Tail {
    if spread <= 1e-9 || chance <= 0.0 || chance >= 1.0 || of < 2 {
        return binomial(seen, of, chance);
    }
    let both = 1.0 / spread.min(0.999_999) - 1.0;
    let (alpha, beta) = (chance * both, (1.0 - chance) * both);
    let n = f64::from(of);
    // The logarithm of the chance of none, then of one more and one more.
    let mut ln: f64 = (0..of)
        .map(|i| (-alpha / (both + f64::from(i))).ln_1p())
        .sum();
    let (mut at, mut beyond) = (0.0, 0.0);
    for count in 0..=of {
        if count == seen {
            at = ln.exp();
        } else if count > seen {
            beyond += ln.exp();
        }
        let k = f64::from(count);
        if count < of {
            ln += ((n - k) / (k + 1.0) * (k + alpha) / (n - k - 1.0 + beta)).ln();
        }
    }
    Tail { beyond, at }
}

/// How one-sided a fair coin fell: as many of one side, or more, whichever side it was.
pub fn coin(heads: u32, tosses: u32) -> Tail {
    let more = heads.max(tosses - heads.min(tosses));
    let upper = binomial(more, tosses, 0.5);
    let sides = if 2 * u64::from(more) == u64::from(tosses) {
        1.0
    } else {
        2.0
    };
    Tail {
        beyond: 2.0 * upper.beyond,
        at: sides * upper.at,
    }
}

/// The sum of the terms after a first one, each the last one times `ratio` of its place; until `end`, or
/// until nothing is added any more.
fn upwards(first: f64, ratio: impl Fn(f64) -> f64, start: f64, end: f64) -> f64 {
    let (mut term, mut sum, mut place) = (first, 0.0, start);
    while place < end {
        term *= ratio(place);
        sum += term;
        place += 1.0;
        if term <= sum * 1e-17 {
            break;
        }
    }
    sum
}

/// `ln(n!)`, by Lanczos' series (with Godfrey's coefficients for g = 7: 15 digits).
pub fn ln_factorial(n: f64) -> f64 {
    const FIRST: f64 = 0.999_999_999_999_809_9;
    const REST: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let mut sum = FIRST;
    for (place, coefficient) in (1..).zip(REST) {
        sum += coefficient / (n + f64::from(place));
    }
    let t = n + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (n + 0.5) * t.ln() - t + sum.ln()
}

/// The largest p-value that counts, so that of everything that counts at most a share `level` is expected to
/// be chance (Benjamini and Hochberg: "Controlling the false discovery rate", Journal of the Royal Statistical
/// Society B 57, 1995; it holds for positively dependent tests too, Benjamini and Yekutieli 2001). Zero if
/// none does. `tests` is how many were made in all; those that aren't among `p` are taken for 1.
pub fn benjamini_hochberg(p: &[f64], tests: u64, level: f64) -> f64 {
    let mut sorted = p.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let tests = tests.max(sorted.len() as u64) as f64;
    let mut largest = 0.0;
    for (place, p) in (1_u64..).zip(sorted) {
        if p <= level * place as f64 / tests {
            largest = p;
        }
    }
    largest
}

/// One p-value for many tests together: the least of `tests·p/rank` (Simes: "An improved Bonferroni
/// procedure for multiple tests of significance", Biometrika 73, 1986). One if there are none.
pub fn simes(p: &[f64]) -> f64 {
    let mut sorted = p.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let tests = sorted.len() as f64;
    let ranked = (1_u64..)
        .zip(sorted)
        .map(|(rank, p)| tests * p / rank as f64);
    ranked.fold(1.0, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-12 * b.abs().max(1e-3), "{a} {b}");
    }

    #[test]
    fn factorials_are_those_of_school() {
        let mut factorial = 1.0_f64;
        for n in 1..20 {
            factorial *= f64::from(n);
            close(ln_factorial(f64::from(n)), factorial.ln());
        }
    }

    #[test]
    fn poisson_tails_are_the_sums_by_hand() {
        // Mean 2: e^-2·(1, 2, 2, 4/3, ...).
        let unit = (-2.0_f64).exp();
        close(poisson(0, 2.0).p(), 1.0);
        close(poisson(1, 2.0).p(), 1.0 - unit);
        close(poisson(3, 2.0).p(), 1.0 - 5.0 * unit);
        close(poisson(3, 2.0).at, 4.0 / 3.0 * unit);
        assert_eq!(poisson(0, 0.0).p(), 1.0);
        assert_eq!(poisson(1, 0.0).p(), 0.0);
    }

    #[test]
    fn poisson_tails_from_both_sides_meet() {
        for seen in 80..120 {
            let (here, next) = (poisson(seen, 100.0), poisson(seen + 1, 100.0));
            assert!((here.beyond - next.p()).abs() < 1e-12);
        }
    }

    #[test]
    fn far_tails_keep_their_digits() {
        // The first term, 0.01^10/10!, and the next ones.
        let first = 0.01_f64.powi(10) / 3_628_800.0 * (-0.01_f64).exp();
        let sum = first * (1.0 + 0.01 / 11.0 + 0.01 * 0.01 / 132.0);
        assert!((poisson(10, 0.01).p() / sum - 1.0).abs() < 1e-9);
    }

    #[test]
    fn binomial_tails_are_the_sums_by_hand() {
        close(binomial(2, 3, 0.25).p(), 3.0 * 0.0625 * 0.75 + 0.015_625);
        close(binomial(0, 3, 0.25).p(), 1.0);
        close(binomial(3, 3, 0.5).beyond, 0.0);
        close(binomial(1, 10, 0.5).p(), 1.0 - 1.0 / 1024.0);
        assert_eq!(binomial(0, 5, 0.0).p(), 1.0);
        assert_eq!(binomial(5, 5, 1.0).p(), 1.0);
    }

    #[test]
    fn hits_of_a_chance_that_may_be_anything_are_any_number() {
        // A uniform chance: both parameters of the beta distribution are 1, the correlation is 1/3.
        for seen in 0..=9 {
            close(beta_binomial(seen, 9, 0.5, 1.0 / 3.0).at, 0.1);
            close(
                beta_binomial(seen, 9, 0.5, 1.0 / 3.0).beyond,
                0.1 * f64::from(9 - seen),
            );
        }
    }

    #[test]
    fn with_hardly_any_spread_hits_are_binomial() {
        for seen in 0..=20 {
            let (ours, theirs) = (beta_binomial(seen, 20, 0.3, 1e-8), binomial(seen, 20, 0.3));
            assert!((ours.p() - theirs.p()).abs() < 1e-6);
        }
    }

    #[test]
    fn a_coin_has_two_sides() {
        close(coin(5, 5).p(), 2.0 / 32.0);
        close(coin(0, 5).p(), 2.0 / 32.0);
        close(coin(2, 4).p(), 1.0);
        close(coin(3, 4).p(), 10.0 / 16.0);
        close(coin(0, 0).p(), 1.0);
    }

    #[test]
    fn discoveries_are_those_of_benjamini_and_hochberg() {
        let p = [0.001, 0.045, 0.012, 0.3, 0.04];
        // Ranks 1 to 5 allow 0.01, 0.02, 0.03, 0.04, 0.05.
        assert_eq!(benjamini_hochberg(&p, 5, 0.05), 0.012);
        assert_eq!(benjamini_hochberg(&p, 50, 0.05), 0.001);
        assert_eq!(benjamini_hochberg(&p, 500, 0.05), 0.0);
        assert_eq!(benjamini_hochberg(&[], 500, 0.05), 0.0);
    }

    #[test]
    fn simes_takes_the_best_rank() {
        close(simes(&[0.02, 0.03, 0.9]), 0.045);
        assert_eq!(simes(&[]), 1.0);
    }
}
