//! Each gadget against the native arithmetic, and its exceptions.

use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{BigInteger as _, Field as _, PrimeField as _, UniformRand as _};
use ark_relations::gr1cs::SynthesisError;
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
use tacit_protocol::field::{Fr, Scalar};
use tacit_protocol::poseidon as native;

use super::{committee_key, distinct, forgery, power_of_two, rng};
use crate::gadgets::bits::{Integer, bits, boolean, one_hot, pack};
use crate::gadgets::fixed_base::FixedBase;
use crate::gadgets::ladder;
use crate::gadgets::montgomery::{
    MontgomeryPoint, add, double, enforce_distinct, from_affine, from_edwards, to_edwards,
};
use crate::gadgets::poseidon::{poseidon2, poseidon3};
use crate::gadgets::range::{SCALAR_BITS, enforce_below_order};
use crate::gadgets::{Builder, Lc};
use crate::prove::{Filled, fill};
use crate::relation::Rule;

type Forgeries<'a> = &'a [(&'static str, usize, Fr)];

fn run<T>(
    forgeries: Forgeries,
    gadget: impl FnOnce(&mut Builder) -> Result<T, SynthesisError>,
) -> (Filled, T) {
    fill(|b| {
        b.forgery = forgery(forgeries);
        let output = gadget(b)?;
        b.forgery.assert_used();
        Ok(output)
    })
    .unwrap()
}

fn honest<T>(gadget: impl FnOnce(&mut Builder) -> Result<T, SynthesisError>) -> T {
    let (filled, output) = run(&[], gadget);
    assert_eq!(distinct(&filled), []);
    output
}

/// A point as witness variables.
fn point(b: &mut Builder, p: EdwardsProjective) -> Result<MontgomeryPoint, SynthesisError> {
    let (u, v) = from_affine(p.into_affine()).unwrap();
    Ok(MontgomeryPoint {
        u: b.witness("point", u)?,
        v: b.witness("point", v)?,
    })
}

fn coordinates(p: &MontgomeryPoint) -> (Fr, Fr) {
    (p.u.value(), p.v.value())
}

fn b8() -> EdwardsProjective {
    EdwardsAffine::generator().into()
}

/// A field element that no honest filling contains.
fn anything() -> Fr {
    Fr::from(0xdead_beef_u64)
}

#[test]
fn poseidon_equals_the_native_hash_at_the_expected_cost() {
    let mut rng = rng(7);
    for _ in 0..4 {
        let [x, y, z] = [0; 3].map(|_| Fr::rand(&mut rng));
        let inputs =
            |b: &mut Builder| Ok([b.witness("x", x)?, b.witness("y", y)?, b.witness("z", z)?]);
        let (filled, hash) = run(&[], |b| {
            let [x, y, _] = inputs(b)?;
            poseidon2(b, &x, &y)
        });
        assert_eq!(
            (hash.value(), filled.rows.len()),
            (native::poseidon2(x, y), 240)
        );
        assert_eq!(distinct(&filled), []);
        let (filled, hash) = run(&[], |b| {
            let [x, y, z] = inputs(b)?;
            poseidon3(b, &x, &y, &z)
        });
        assert_eq!(
            (hash.value(), filled.rows.len()),
            (native::poseidon3(x, y, z), 261)
        );
        assert_eq!(distinct(&filled), []);
        let (filled, hash) = run(&[], |b| {
            let [_, y, z] = inputs(b)?;
            poseidon3(b, &Lc::constant(x), &y, &z)
        });
        assert_eq!(
            (hash.value(), filled.rows.len()),
            (native::poseidon3(x, y, z), 258)
        );
        assert_eq!(distinct(&filled), []);
    }
}

#[test]
fn bits_pack_to_their_integer_and_only_zero_and_one_are_bits() {
    let integer = Integer::from(0b1011_0101u64);
    assert_eq!(
        honest(|b| Ok(pack(&bits(b, "bit", &integer, 8)?).value())),
        Fr::from(0b1011_0101u64)
    );
    for forged in [Fr::from(2u64), -Fr::from(1u64), anything()] {
        let (filled, _) = run(&[("bit", 0, forged)], |b| boolean(b, "bit", true));
        assert_eq!(filled.broken().count(), 1);
    }
}

#[test]
fn exactly_one_selector_is_one_whatever_is_forged() {
    for hot in 0..4 {
        let values = honest(|b| {
            Ok(one_hot(b, "selector", 4, hot)?
                .iter()
                .map(Lc::value)
                .collect::<Vec<_>>())
        });
        assert_eq!(
            values,
            (0..4).map(|i| Fr::from(i == hot)).collect::<Vec<_>>()
        );
    }
    // All 27 fillings with 0, 1 and -1: only the honest four hold.
    let choices = [Fr::from(0u64), Fr::from(1u64), -Fr::from(1u64)];
    let mut satisfied = 0;
    for filling in 0..27 {
        let forged = [0, 1, 2].map(|nth| {
            (
                "selector",
                nth,
                choices[filling / 3usize.pow(nth as u32) % 3],
            )
        });
        let (filled, _) = run(&forged, |b| one_hot(b, "selector", 4, 0));
        satisfied += usize::from(filled.broken().count() == 0);
    }
    assert_eq!(satisfied, 4);
}

fn range(forgeries: Forgeries, integer: &Integer) -> Filled {
    run(forgeries, |b| {
        let integer = bits(b, "bit", integer, SCALAR_BITS)?;
        enforce_below_order(b, &integer)
    })
    .0
}

#[test]
fn the_range_check_accepts_exactly_what_is_below_the_order() {
    let order = Scalar::MODULUS;
    let minus = |n: u64| {
        let mut integer = order;
        integer.sub_with_borrow(&Integer::from(n));
        integer
    };
    let plus = |n: u64| {
        let mut integer = order;
        integer.add_with_carry(&Integer::from(n));
        integer
    };
    let mut accepted = vec![
        Integer::zero(),
        Integer::one(),
        minus(1),
        minus(2),
        power_of_two(250),
        power_of_two(27),
    ];
    let mut rejected = vec![order, plus(1), plus(2), plus(1 << 27)];
    let mut largest = power_of_two(251);
    largest.sub_with_borrow(&Integer::one());
    rejected.push(largest);
    // Differing from l in one bit alone.
    for i in 0..SCALAR_BITS as u32 {
        let mut flipped = order;
        if order.get_bit(i as usize) {
            flipped.sub_with_borrow(&power_of_two(i));
            accepted.push(flipped);
        } else {
            flipped.add_with_carry(&power_of_two(i));
            rejected.push(flipped);
        }
    }
    for integer in accepted {
        assert_eq!(range(&[], &integer).broken().count(), 0, "{integer}");
    }
    for integer in rejected {
        assert_ne!(range(&[], &integer).broken().count(), 0, "{integer}");
    }
}

#[test]
fn no_choice_of_selectors_gets_the_order_through_the_range_check() {
    let mut above = Scalar::MODULUS;
    above.add_with_carry(&Integer::from(5u64));
    for integer in [Scalar::MODULUS, above] {
        for hot in 0..10 {
            let selectors: Vec<_> = (0..9)
                .map(|i| ("range selector", i, Fr::from(u64::from(i == hot))))
                .collect();
            assert_ne!(
                range(&selectors, &integer).broken().count(),
                0,
                "{integer} at {hot}"
            );
        }
    }
}

#[test]
fn every_window_holds_every_odd_digit() {
    for (tables, base) in [
        (FixedBase::for_secret().unwrap(), b8()),
        (FixedBase::for_nonce().unwrap(), b8() + b8()),
    ] {
        assert_eq!(tables.windows.len(), 83);
        let mut unit = base * Scalar::from(2u64).inverse().unwrap();
        for window in &tables.windows {
            for value in 0..8u64 {
                let looked_up = honest(|b| {
                    let bits = bits(b, "bit", &Integer::from(value), 3)?;
                    let [b0, b1, b2] = &bits[..] else {
                        unreachable!()
                    };
                    Ok(coordinates(&window.look_up(b, [b0, b1, b2])?))
                });
                let digit = Scalar::from(2 * value) - Scalar::from(7u64);
                assert_eq!(
                    looked_up,
                    from_affine((unit * digit).into_affine()).unwrap()
                );
            }
            unit *= Scalar::from(8u64);
        }
    }
}

fn integers() -> Vec<Integer> {
    let mut rng = rng(8);
    let mut all: Vec<Integer> = (0..4)
        .map(|_| Scalar::rand(&mut rng).into_bigint())
        .collect();
    all.extend([1u64, 2, 3, 5, 6, 7, 8, 9].map(Integer::from));
    all.extend([3, 248, 249, 250].map(power_of_two));
    all.extend([1u64, 2, 3, 5].map(|n| (-Scalar::from(n)).into_bigint()));
    // Above l, as a nonce's bits may be.
    let mut above = Scalar::MODULUS;
    above.add_with_carry(&Integer::from(12_345u64));
    all.push(above);
    all
}

fn as_scalar(integer: &Integer) -> Scalar {
    Scalar::from_le_bytes_mod_order(&integer.to_bytes_le())
}

#[test]
fn fixed_base_multiplication_equals_the_native_one() {
    for integer in integers() {
        let (filled, products) = run(&[], |b| {
            let bits = bits(b, "bit", &integer, SCALAR_BITS)?;
            b.rule(Rule::PublicKey);
            let secret = FixedBase::for_secret()?.mul(b, &bits, Rule::PublicKey)?;
            b.rule(Rule::CommitmentPoint);
            let nonce = FixedBase::for_nonce()?.mul(b, &bits, Rule::CommitmentPoint)?;
            Ok((coordinates(&secret), coordinates(&nonce)))
        });
        assert_eq!(distinct(&filled), []);
        let count = |rule| filled.rows.iter().filter(|row| **row == rule).count();
        assert_eq!(
            (count(Rule::PublicKey), count(Rule::CommitmentPoint)),
            (417, 417)
        );
        let s = as_scalar(&integer);
        let r = s + s + Scalar::from(2u64).pow([252]) + Scalar::from(1u64);
        assert_eq!(products.0, from_affine((b8() * s).into_affine()).unwrap());
        assert_eq!(products.1, from_affine((b8() * r).into_affine()).unwrap());
    }
}

#[test]
fn the_ladder_equals_the_native_multiplication() {
    let base = committee_key().affine();
    for rho in integers() {
        let (filled, product) = run(&[], |b| {
            let bits = bits(b, "bit", &rho, SCALAR_BITS)?;
            let base = point(b, base.into())?;
            b.rule(Rule::SharedPoint);
            Ok(coordinates(&ladder::mul(b, &base, &bits)?))
        });
        assert_eq!(distinct(&filled), []);
        let guards = filled
            .rows
            .iter()
            .filter(|row| **row == Rule::NonceExcluded)
            .count();
        assert_eq!((guards, filled.rows.len()), (6, SCALAR_BITS + 1_519));
        let rho = as_scalar(&rho);
        let r = rho + rho + Scalar::from(2u64).pow([252]) + Scalar::from(1u64);
        assert_eq!(product, from_affine((base * r).into_affine()).unwrap());
    }
}

#[test]
fn conversion_there_and_back_is_bound_to_one_result() {
    let p = committee_key();
    let convert = |b: &mut Builder| {
        let (x, y) = (b.witness("given", p.x())?, b.witness("given", p.y())?);
        let there = from_edwards(b, &x, &y)?;
        to_edwards(b, &there).map(|(x, y)| (x.value(), y.value()))
    };
    assert_eq!(honest(convert), (p.x(), p.y()));
    for name in ["u", "v", "x", "y"] {
        assert_ne!(
            run(&[(name, 0, anything())], convert).0.broken().count(),
            0,
            "{name}"
        );
    }
}

#[test]
fn addition_and_doubling_equal_the_native_ones() {
    let (p, q) = (b8() * Scalar::from(12u64), b8() * Scalar::from(30u64));
    let sum = honest(|b| {
        let (p, q) = (point(b, p)?, point(b, q)?);
        Ok(coordinates(&add(b, &p, &q)?))
    });
    assert_eq!(sum, from_affine((p + q).into_affine()).unwrap());
    let twice = honest(|b| {
        let p = point(b, p)?;
        Ok(coordinates(&double(b, &p)?))
    });
    assert_eq!(twice, from_affine((p + p).into_affine()).unwrap());
}

/// p + q with a forged slope, guarded or not.
fn forged_addition(p: EdwardsProjective, q: EdwardsProjective, guarded: bool) -> Vec<Rule> {
    let (filled, _) = run(&[("slope", 0, anything())], |b| {
        b.rule(Rule::PublicKey);
        let (p, q) = (point(b, p)?, point(b, q)?);
        if guarded {
            enforce_distinct(b, Rule::SecretExcluded, &p.u, &q.u)?;
        }
        add(b, &p, &q)
    });
    distinct(&filled)
}

#[test]
fn a_free_slope_passes_an_unguarded_addition_of_equal_points_and_only_the_guard_stops_it() {
    let (p, q) = (b8(), b8() * Scalar::from(2u64));
    assert_eq!(forged_addition(p, p, false), []);
    assert_eq!(forged_addition(p, p, true), [Rule::SecretExcluded]);
    // Elsewhere the slope is bound without a guard: at opposite points, and at any others.
    assert_eq!(forged_addition(p, -p, false), [Rule::PublicKey]);
    assert_eq!(forged_addition(p, q, false), [Rule::PublicKey]);
    assert_eq!(forged_addition(p, q, true), [Rule::PublicKey]);
}

/// One step of the ladder from m*K by a bit, with a forged slope of that name.
fn forged_step(m: Scalar, bit: bool, slope: &'static str, guarded: bool) -> Vec<Rule> {
    let base = EdwardsProjective::from(committee_key().affine());
    let (filled, _) = run(&[(slope, 0, anything())], |b| {
        b.rule(Rule::SharedPoint);
        let (r, base) = (point(b, base * m)?, point(b, base)?);
        let bit = boolean(b, "bit", bit)?;
        ladder::step(b, &r, &base, &bit, guarded)
    });
    distinct(&filled)
}

#[test]
fn a_free_slope_passes_an_unguarded_ladder_step_at_its_exception_and_only_the_guard_stops_it() {
    let one = Scalar::from(1u64);
    // R + K with R = K, and R - K with R = -K.
    for (m, bit) in [(one, true), (-one, false)] {
        assert_eq!(forged_step(m, bit, "first slope", false), []);
        assert_eq!(
            forged_step(m, bit, "first slope", true),
            [Rule::NonceExcluded]
        );
    }
    // Opposite points, and 2R ± K = 0: the slope has no value at all, with or without the guard.
    let half = Scalar::from(2u64).inverse().unwrap();
    for (m, bit, slope) in [
        (-one, true, "first slope"),
        (-half, true, "both slopes"),
        (half, false, "both slopes"),
    ] {
        assert!(forged_step(m, bit, slope, false).contains(&Rule::SharedPoint));
        assert!(forged_step(m, bit, slope, true).contains(&Rule::NonceExcluded));
    }
    // Anywhere else both slopes are bound without a guard.
    for slope in ["first slope", "both slopes"] {
        assert_eq!(
            forged_step(Scalar::from(9u64), true, slope, false),
            [Rule::SharedPoint]
        );
    }
}
