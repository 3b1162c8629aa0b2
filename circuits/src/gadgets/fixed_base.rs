//! A constant base times 251 bits, plus a constant: 417 constraints, five for each three bits.
//!
//! Three bits with value v stand for the odd digit d = 2v - 7 of the halved base P' = P/2, so that a
//! table is odd, T[-d] = -T[d], and each coordinate one product (see [`Window`]). With j windows added
//! up, the accumulator is a*P' with a odd and |a| < 8^j, the next addend d*8^j*P' with d odd: their
//! sum and difference are non-zero and below 8^(j+1) <= 2^249 < l in size, so no addition among the 83
//! windows has an exception, whatever the bits. The last addition, of the top two bits and the
//! constant, can have one and is guarded.

use std::sync::OnceLock;

use ark_ec::{CurveGroup as _, PrimeGroup as _};
use ark_ff::{AdditiveGroup as _, Field as _, One as _, Zero as _};
use ark_relations::gr1cs::SynthesisError;
use taceo_ark_babyjubjub::{EdwardsAffine, EdwardsProjective};
use tacit_protocol::field::{Fr, Scalar};

use super::montgomery::{MontgomeryPoint, add, enforce_distinct, from_affine};
use super::range::SCALAR_BITS;
use super::{Builder, Lc};
use crate::relation::Rule;

/// Windows of three bits; two bits remain.
const WINDOWS: usize = 83;

/// One window's table. In signs w_i = 2 b_i - 1 the digit is w0 + 2 w1 + 4 w2. The u coordinate is
/// even in all signs at once, the v coordinate odd, so with w_i^2 = 1
///
/// - u = u_constant + (w0 + w1 + w2) * (u_factors . w), and
/// - v = u * (v_product w0) + v_linear . w.
pub(crate) struct Window {
    u_constant: Fr,
    u_factors: [Fr; 3],
    v_product: Fr,
    v_linear: [Fr; 3],
}

impl Window {
    /// From (u, v) of the digits 1, 3, 5, 7. `None` if its points are so special that u has no term
    /// in w1 w2, which B8's multiples aren't.
    fn new([(u1, v1), (u3, v3), (u5, v5), (u7, v7)]: [(Fr, Fr); 4]) -> Option<Self> {
        let quarter = Fr::from(4u64).inverse()?;
        let c = (u7 + u5 + u3 + u1) * quarter;
        let c01 = (u7 - u5 - u3 + u1) * quarter;
        let c02 = (u7 - u5 + u3 - u1) * quarter;
        let c12 = (u7 + u5 - u3 - u1) * quarter;
        let d0 = (v7 - v5 + v3 - v1) * quarter;
        let d1 = (v7 + v5 - v3 - v1) * quarter;
        let d2 = (v7 + v5 + v3 + v1) * quarter;
        let d012 = (v7 - v5 - v3 + v1) * quarter;

        let half = Fr::from(2u64).inverse()?;
        let u_factors = [
            (c01 + c02 - c12) * half,
            (c01 + c12 - c02) * half,
            (c02 + c12 - c01) * half,
        ];
        let v_product = d012 * c12.inverse()?;
        Some(Self {
            u_constant: c - u_factors.iter().sum::<Fr>(),
            u_factors,
            v_product,
            v_linear: [
                d0 - v_product * c,
                d1 - v_product * c01,
                d2 - v_product * c02,
            ],
        })
    }

    /// The window's point for its three bits, lowest first. Two constraints.
    pub(crate) fn look_up(
        &self,
        b: &mut Builder,
        bits: [&Lc; 3],
    ) -> Result<MontgomeryPoint, SynthesisError> {
        let signs = bits.map(|bit| bit.times(Fr::from(2u64)).plus(-Fr::one()));
        let dot = |factors: &[Fr; 3]| {
            signs
                .iter()
                .zip(factors)
                .fold(Lc::zero(), |sum, (sign, factor)| {
                    sum.plus_times(sign, *factor)
                })
        };
        let product = b.product("window u", &dot(&[Fr::one(); 3]), &dot(&self.u_factors))?;
        let u = product.plus(self.u_constant);
        let [first, ..] = &signs;
        let product = b.product("window v", &u, &first.times(self.v_product))?;
        Ok(MontgomeryPoint {
            v: &product + &dot(&self.v_linear),
            u,
        })
    }
}

/// The tables of one base and one constant.
pub(crate) struct FixedBase {
    pub(crate) windows: Vec<Window>,
    /// (u, v) for the top two bits 00, 10 (value 1), 01 (value 2), 11, with the constant and the
    /// windows' own offset in it.
    top: [(Fr, Fr); 4],
}

impl FixedBase {
    /// B8 times the secret.
    pub(crate) fn for_secret() -> Result<&'static Self, SynthesisError> {
        static TABLES: OnceLock<Option<FixedBase>> = OnceLock::new();
        let build = || Self::new(EdwardsProjective::generator(), EdwardsProjective::zero());
        TABLES
            .get_or_init(build)
            .as_ref()
            .ok_or(SynthesisError::DivisionByZero)
    }

    /// 2 B8 times rho, plus (2^252 + 1) B8.
    pub(crate) fn for_nonce() -> Result<&'static Self, SynthesisError> {
        static TABLES: OnceLock<Option<FixedBase>> = OnceLock::new();
        let generator = EdwardsProjective::generator();
        let offset = generator * (Scalar::from(2u64).pow([252]) + Scalar::one());
        let build = || Self::new(generator.double(), offset);
        TABLES
            .get_or_init(build)
            .as_ref()
            .ok_or(SynthesisError::DivisionByZero)
    }

    fn new(base: EdwardsProjective, offset: EdwardsProjective) -> Option<Self> {
        let half = base * Scalar::from(2u64).inverse()?;
        let mut windows = Vec::with_capacity(WINDOWS);
        let mut unit = half;
        for _ in 0..WINDOWS {
            let twice = unit.double();
            let (third, fifth) = (unit + twice, unit + twice.double());
            windows.push(Window::new(coordinates([
                unit,
                third,
                fifth,
                fifth + twice,
            ])?)?);
            unit = twice.double().double();
        }
        // All bits 0 make the windows' sum -(8^83 - 1) P'.
        let start = offset + half * (Scalar::from(2u64).pow([3 * WINDOWS as u64]) - Scalar::one());
        let top_unit = base * Scalar::from(2u64).pow([3 * WINDOWS as u64]);
        let twice = top_unit.double();
        let top = coordinates([
            start,
            start + top_unit,
            start + twice,
            start + twice + top_unit,
        ])?;
        Some(Self { windows, top })
    }

    /// The base times `bits` (251, lowest first), plus the constant. `excluded` is the rule of the guard.
    pub(crate) fn mul(
        &self,
        b: &mut Builder,
        bits: &[Lc],
        excluded: Rule,
    ) -> Result<MontgomeryPoint, SynthesisError> {
        let (windows, top) = bits.as_chunks::<3>();
        let (true, [low, high]) = (bits.len() == SCALAR_BITS, top) else {
            return Err(SynthesisError::Unsatisfiable);
        };
        let mut sum: Option<MontgomeryPoint> = None;
        for (window, [b0, b1, b2]) in self.windows.iter().zip(windows) {
            let point = window.look_up(b, [b0, b1, b2])?;
            sum = Some(match sum {
                None => point,
                Some(sum) => add(b, &sum, &point)?,
            });
        }
        let sum = sum.ok_or(SynthesisError::Unsatisfiable)?;

        let both = b.product("top bits", low, high)?;
        let coordinate = |values: [Fr; 4]| {
            let [v00, v10, v01, v11] = values;
            Lc::constant(v00)
                .plus_times(low, v10 - v00)
                .plus_times(high, v01 - v00)
                .plus_times(&both, v11 - v10 - v01 + v00)
        };
        let top = MontgomeryPoint {
            u: coordinate(self.top.map(|p| p.0)),
            v: coordinate(self.top.map(|p| p.1)),
        };
        enforce_distinct(b, excluded, &sum.u, &top.u)?;
        add(b, &sum, &top)
    }
}

fn coordinates(points: [EdwardsProjective; 4]) -> Option<[(Fr, Fr); 4]> {
    let mut out = [(Fr::zero(), Fr::zero()); 4];
    for (coordinates, point) in out.iter_mut().zip(points) {
        *coordinates = from_affine(EdwardsAffine::from(point.into_affine()))?;
    }
    Some(out)
}
