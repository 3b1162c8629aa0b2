//! Sums and doubles of many affine points at a time.
//!
//! An affine addition is the cheapest there is, but for the inversion that it costs; a whole batch shares
//! one (Montgomery's trick). Every case is handled: equal points, opposite ones, infinity; so the sums are
//! exact on every point of the curve, whoever chose the points.

use ark_bn254::{g1, g2};
use ark_ec::AffineRepr as _;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{AdditiveGroup as _, Field as _, One as _, Zero as _};
use zeroize::Zeroize as _;

/// Running products that don't wait for each other.
const LANES: usize = 4;

/// Buffers that a batch uses again and again. Wiped when dropped, all that they have room for: terms are
/// picked by a secret's digits. One that grows leaves its old place as it was, so whoever works on secrets
/// fills it with the batch's public points first.
pub(crate) struct Work<C: SWCurveConfig> {
    /// What is added, and to which sum.
    pub terms: Vec<(usize, Affine<C>)>,
    inverses: Vec<C::BaseField>,
    products: Vec<C::BaseField>,
}

impl<C: SWCurveConfig> Default for Work<C> {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            inverses: Vec::new(),
            products: Vec::new(),
        }
    }
}

impl<C: SWCurveConfig> Drop for Work<C> {
    fn drop(&mut self) {
        self.inverses.zeroize();
        self.products.zeroize();
        // A batch's last step may have emptied it, which leaves what stood there.
        self.terms.clear();
        self.terms.spare_capacity_mut().zeroize();
    }
}

impl<C: SWCurveConfig> Work<C> {
    /// Empties the inverses, with room for so many as [`Work::invert`] makes of this count.
    fn gather(&mut self, count: usize) {
        self.inverses.clear();
        let count = count.next_multiple_of(LANES);
        self.inverses.reserve(count);
        self.products.clear();
        self.products.reserve(count);
    }

    /// Inverts what was gathered, passing over zeros. Several products run side by side, since each of
    /// their multiplications waits for the one before.
    fn invert(&mut self) {
        let one = C::BaseField::one();
        let count = self.inverses.len();
        self.inverses.resize(count.next_multiple_of(LANES), one);
        self.products.clear();
        let mut running = [one; LANES];
        for values in self.inverses.chunks_exact(LANES) {
            for (product, value) in running.iter_mut().zip(values) {
                self.products.push(*product);
                if !value.is_zero() {
                    *product *= value;
                }
            }
        }
        let [a, b, c, d] = running;
        let (ab, cd) = (a * b, c * d);
        // None of the factors is zero.
        let inverse = (ab * cd).inverse().unwrap_or(one);
        let (ab, cd) = (inverse * cd, inverse * ab);
        let mut running = [ab * b, ab * a, cd * d, cd * c];
        let values = self.inverses.chunks_exact_mut(LANES);
        let products = self.products.chunks_exact(LANES);
        for (values, products) in values.zip(products).rev() {
            for ((inverse, value), product) in running.iter_mut().zip(values).zip(products) {
                if !value.is_zero() {
                    let rest = *inverse * *value;
                    *value = *inverse * product;
                    *inverse = rest;
                }
            }
        }
        self.inverses.truncate(count);
    }
}

/// Doubles all points. The formula is for curves with a = 0.
pub(crate) fn double<C: SWCurveConfig>(points: &mut [Affine<C>], work: &mut Work<C>) {
    work.gather(points.len());
    // Infinity is (0, 0) here, so its y is zero, which the inversion passes over.
    work.inverses.extend(points.iter().map(|p| p.y.double()));
    work.invert();
    for (p, inverse) in points.iter_mut().zip(&work.inverses) {
        if inverse.is_zero() {
            *p = Affine::identity();
            continue;
        }
        let square = p.x.square();
        let slope = (square.double() + square) * inverse;
        let x = slope.square() - p.x.double();
        p.y = slope * (p.x - x) - p.y;
        p.x = x;
    }
}

/// Adds each of the work's terms to its sum. No sum may have two terms.
pub(crate) fn add<C: SWCurveConfig>(sums: &mut [Affine<C>], work: &mut Work<C>) {
    if work.terms.is_empty() {
        return;
    }
    work.gather(work.terms.len());
    let divisors = work.terms.iter().map(|(i, term)| divisor(&sums[*i], term));
    work.inverses.extend(divisors);
    work.invert();
    for ((i, term), inverse) in work.terms.iter().zip(&work.inverses) {
        sums[*i] = joined(&sums[*i], term, inverse);
    }
}

/// What a sum of two points divides by. Zero for opposite points, or for infinities.
#[inline(always)]
fn divisor<C: SWCurveConfig>(left: &Affine<C>, right: &Affine<C>) -> C::BaseField {
    let run = right.x - left.x;
    if run.is_zero() && left.y == right.y {
        left.y.double()
    } else {
        run
    }
}

/// The sum of two points, with the inverse of its divisor.
#[inline(always)]
fn joined<C: SWCurveConfig>(
    left: &Affine<C>,
    right: &Affine<C>,
    inverse: &C::BaseField,
) -> Affine<C> {
    if right.is_zero() {
        return *left;
    }
    if left.is_zero() {
        return *right;
    }
    if inverse.is_zero() {
        return Affine::identity();
    }
    let slope = if left.x == right.x {
        let square = left.x.square();
        (square.double() + square) * inverse
    } else {
        (right.y - left.y) * inverse
    };
    let x = slope.square() - left.x - right.x;
    let y = slope * (left.x - x) - left.y;
    Affine::new_unchecked(x, y)
}

/// Points in groups, each of which is to become its sum.
pub(crate) struct Groups<C: SWCurveConfig> {
    points: Vec<Affine<C>>,
    /// Where each group ends.
    ends: Vec<usize>,
}

impl<C: SWCurveConfig> Default for Groups<C> {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            ends: Vec::new(),
        }
    }
}

impl<C: SWCurveConfig> Groups<C> {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.points.clear();
        self.ends.clear();
    }

    /// Adds a point to the group that is open.
    pub fn push(&mut self, point: Affine<C>) {
        self.points.push(point);
    }

    /// Closes a group; an empty one counts as infinity.
    pub fn close(&mut self) {
        if self.ends.last().copied().unwrap_or(0) == self.points.len() {
            self.points.push(Affine::identity());
        }
        self.ends.push(self.points.len());
    }

    /// Puts each group's sum in its place, one after another: neighbours are added, and then theirs, until
    /// one point is left of each.
    pub fn sum(&mut self, work: &mut Work<C>) -> &[Affine<C>] {
        while self.points.len() > self.ends.len() {
            work.inverses.clear();
            let mut start = 0;
            for end in &self.ends {
                for pair in self.points[start..*end].chunks_exact(2) {
                    work.inverses.push(divisor(&pair[0], &pair[1]));
                }
                start = *end;
            }
            work.invert();
            let mut inverses = work.inverses.iter();
            let (mut start, mut to) = (0, 0);
            for end in &mut self.ends {
                while start < *end {
                    self.points[to] = match inverses.as_slice().first() {
                        Some(inverse) if start + 1 < *end => {
                            inverses.next();
                            joined(&self.points[start], &self.points[start + 1], inverse)
                        }
                        _ => self.points[start],
                    };
                    start += 2;
                    to += 1;
                }
                start = *end;
                *end = to;
            }
            self.points.truncate(to);
        }
        &self.points
    }
}

const _: fn() = || {
    // The formulas need infinity as (0, 0).
    fn flagless<C: SWCurveConfig<ZeroFlag = ()>>() {}
    flagless::<g1::Config>();
    flagless::<g2::Config>();
};

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{Fr, G1Affine, G1Projective};
    use ark_ec::CurveGroup as _;

    #[test]
    fn equal_and_opposite_points_in_one_sum_are_added_rightly() {
        let p = G1Affine::generator();
        let q = (p.into_group().double()).into_affine();
        let mut sums = vec![p, p, q, G1Affine::zero(), G1Affine::zero()];
        let mut work = Work::default();
        work.terms = vec![(0, p), (1, -p), (2, p), (3, p), (4, G1Affine::zero())];
        add(&mut sums, &mut work);
        let three = (q.into_group() + p).into_affine();
        assert_eq!(sums, [q, G1Affine::zero(), three, p, G1Affine::zero()]);
    }

    #[test]
    fn groups_of_every_size_become_their_sums_whatever_is_in_them() {
        let g = G1Affine::generator();
        let points: Vec<G1Affine> = [0i64, 1, 1, -2, 3, 0, 5, 5, 5, -5, 7, 0, 0, 2, 2, 2, 2, -8]
            .iter()
            .map(|n| (g * Fr::from(*n)).into_affine())
            .collect();
        let mut work = Work::default();
        let mut groups = Groups::default();
        for _ in 0..2 {
            groups.clear();
            let mut expected = Vec::new();
            for size in 0..points.len() {
                for start in 0..points.len() - size {
                    let group = &points[start..start + size];
                    group.iter().for_each(|p| groups.push(*p));
                    groups.close();
                    expected.push(group.iter().sum::<G1Projective>().into_affine());
                }
            }
            assert_eq!(groups.sum(&mut work), expected);
        }
    }
}
