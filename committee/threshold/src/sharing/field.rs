//! Integers modulo l as `vsss-rs` wants them: an `ff::PrimeField`.

use ff::PrimeField as _;
use tacit_protocol::field::{Scalar, scalar_from_bytes, scalar_to_bytes};
use zeroize::{DefaultIsZeroes, Zeroize as _};

pub(crate) use derived::ShareScalar;

/// The derive emits constants with names like `S` and `R`: alone in a module, they meet nobody's.
#[allow(missing_docs)]
mod derived {
    use ff::PrimeField;

    #[derive(PrimeField)]
    #[PrimeFieldModulus = "2736030358979909402780800718157159386076813972158567259200215660948447373041"]
    #[PrimeFieldGenerator = "31"]
    #[PrimeFieldReprEndianness = "little"]
    pub struct ShareScalar([u64; 4]);
}

impl DefaultIsZeroes for ShareScalar {}

impl ShareScalar {
    /// The same integer.
    pub(crate) fn from_ark(v: &Scalar) -> Self {
        let mut repr = derived::ShareScalarRepr(scalar_to_bytes(v));
        let scalar = Option::from(Self::from_repr(repr));
        repr.0.zeroize();
        scalar.expect("both fields have the same modulus and canonical form")
    }

    /// The same integer.
    pub(crate) fn to_ark(self) -> Scalar {
        let mut repr = self.to_repr();
        let scalar = scalar_from_bytes(&repr.0);
        repr.0.zeroize();
        scalar.expect("both fields have the same modulus and canonical form")
    }
}

#[cfg(test)]
mod tests {
    use ark_ff::{Field as _, PrimeField as _, UniformRand as _};
    use ark_std::rand::SeedableRng as _;
    use ark_std::rand::rngs::StdRng;
    use ff::Field as _;

    use super::*;

    #[test]
    fn both_fields_are_the_same_one() {
        let mut rng = StdRng::seed_from_u64(1);
        let edges = [Scalar::from(0u8), Scalar::from(1u8), -Scalar::from(1u8)];
        let random: Vec<_> = (0..50).map(|_| Scalar::rand(&mut rng)).collect();
        for a in edges.into_iter().chain(random) {
            let b = Scalar::rand(&mut rng);
            let (x, y) = (ShareScalar::from_ark(&a), ShareScalar::from_ark(&b));
            assert_eq!(x.to_ark(), a);
            assert_eq!((x + y).to_ark(), a + b);
            assert_eq!((x * y).to_ark(), a * b);
            assert_eq!(y.invert().unwrap().to_ark(), b.inverse().unwrap());
        }
        assert_eq!(
            format!("{}", Scalar::MODULUS),
            "2736030358979909402780800718157159386076813972158567259200215660948447373041"
        );
    }
}
