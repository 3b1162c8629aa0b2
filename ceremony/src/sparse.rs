//! A sparse matrix times a vector of points: for each column the sum, over its terms, of factor times the
//! row's point. It is what a circuit's initial key is made of.
//!
//! A row's odd multiples are computed once for all its terms, and a column's terms share their doublings
//! (Straus 1964). Nothing here is secret.

use std::collections::HashMap;

use ark_bn254::Fr;
use ark_ec::short_weierstrass::Affine;
use rayon::prelude::*;

use crate::affine::{Groups, Work, double};
use crate::scale::{Digits, Scalable, odd_multiples};

/// Digits are odd and below 2^(WINDOW - 1).
const WINDOW: u32 = 6;
/// Terms that a core takes at a time, about.
const SHARE: usize = 1 << 12;
/// Rows whose multiples are made together.
const ROWS: usize = 1 << 10;

/// A term: its row, its column, its factor.
pub(crate) type Term = (u32, u32, Fr);

/// For each column, the sum over its terms of factor times the row's point. A row that has no point counts
/// as infinity.
pub(crate) fn columns<P: Scalable>(points: &[P], terms: &[Term], columns: usize) -> Vec<P> {
    // A circuit has far fewer factors than terms.
    let mut numbers = HashMap::new();
    let mut factors = Vec::new();
    let mut by_column = vec![Vec::new(); columns];
    for (row, column, factor) in terms {
        let number = *numbers.entry(*factor).or_insert_with(|| {
            factors.push(*factor);
            factors.len() - 1
        });
        if let Some(column) = by_column.get_mut(*column as usize) {
            column.push((*row as usize, number));
        }
    }
    let digits = Digits::of::<P>(&factors, WINDOW);
    let tables: Vec<Affine<P::Curve>> = points.par_chunks(ROWS).flat_map_iter(multiples).collect();
    let mut shares = Vec::new();
    let mut rest = &by_column[..];
    while !rest.is_empty() {
        let mut count = 0;
        let enough = rest.iter().position(|column| {
            count += column.len() + 1;
            count >= SHARE
        });
        let (share, others) = rest.split_at(enough.map_or(rest.len(), |last| last + 1));
        shares.push(share);
        rest = others;
    }
    (shares.into_par_iter())
        .flat_map_iter(|share| together::<P>(&tables, &digits, share))
        .collect()
}

const TABLE: usize = 1 << (WINDOW - 2);

/// For each point its odd multiples, one after another.
fn multiples<P: Scalable>(points: &[P]) -> Vec<Affine<P::Curve>> {
    let bases: Vec<_> = points.iter().map(P::as_affine).collect();
    let by_size = odd_multiples(&bases, WINDOW, &mut Work::default());
    (0..bases.len())
        .flat_map(|i| by_size.iter().filter_map(move |all| all.get(i)))
        .copied()
        .collect()
}

/// Some columns' sums, by rows and numbers of factors.
fn together<P: Scalable>(
    tables: &[Affine<P::Curve>],
    digits: &Digits,
    columns: &[Vec<(usize, usize)>],
) -> Vec<P> {
    let mut work = Work::default();
    let mut groups = Groups::default();
    let mut sums = vec![Affine::<P::Curve>::identity(); columns.len()];
    for place in (0..digits.places()).rev() {
        double(&mut sums, &mut work);
        groups.clear();
        for (sum, terms) in sums.iter().zip(columns) {
            groups.push(*sum);
            for part in 0..P::PARTS {
                let digits = digits.at(place, part);
                for (row, factor) in terms {
                    let digit = digits.get(*factor).copied().unwrap_or(0);
                    if digit == 0 {
                        continue;
                    }
                    let multiple = usize::from(digit.unsigned_abs()) / 2;
                    if let Some(point) = tables.get(row * TABLE + multiple) {
                        let point = P::twist(*point, part);
                        groups.push(if digit < 0 { -point } else { point });
                    }
                }
            }
            groups.close();
        }
        sums.copy_from_slice(groups.sum(&mut work));
    }
    sums.into_iter().map(P::from_affine).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::{G1Affine, G2Affine};
    use ark_ec::CurveGroup as _;
    use ark_ff::{One as _, UniformRand as _};

    fn agrees_with_arkworks<P: Scalable>() {
        let mut rng = ark_std::test_rng();
        let mut points: Vec<P> = (0..50)
            .map(|_| (P::generator() * Fr::rand(&mut rng)).into_affine())
            .collect();
        points[4] = P::zero();
        points[6] = points[5];
        let mut terms = Vec::new();
        for row in 0..52u32 {
            for column in 0..30u32 {
                let factor = match (row + column) % 7 {
                    0 => Fr::one(),
                    1 => -Fr::one(),
                    2 => Fr::from(1u64 << 40),
                    3 => Fr::from(u64::from(column)),
                    4 => Fr::rand(&mut rng),
                    _ => continue,
                };
                // One column has no terms, one has many, one has terms that come to nothing.
                if column != 3 {
                    terms.push((row, if column < 9 { 8 } else { column }, factor));
                }
            }
        }
        terms.extend([(5, 31, Fr::from(77u64)), (6, 31, -Fr::from(77u64))]);
        let mut plain = vec![P::zero().into_group(); 33];
        for (row, column, factor) in &terms {
            if let Some(point) = points.get(*row as usize) {
                plain[*column as usize] += *point * factor;
            }
        }
        let plain: Vec<P> = plain.into_iter().map(|sum| sum.into_affine()).collect();
        assert!(columns(&points, &terms, 33) == plain);
        assert!(columns::<P>(&[], &[], 2) == [P::zero(); 2]);
    }

    #[test]
    fn columns_sums_in_g1_are_arkworks() {
        agrees_with_arkworks::<G1Affine>();
    }

    #[test]
    fn columns_sums_in_g2_are_arkworks() {
        agrees_with_arkworks::<G2Affine>();
    }
}
