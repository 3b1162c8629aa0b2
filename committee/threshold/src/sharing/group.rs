//! Baby Jubjub's prime subgroup as `vsss-rs` wants it: a `group::Group`.
//!
//! For public values only: its multiplication takes variable time.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use ark_ec::PrimeGroup as _;
use ark_ff::{AdditiveGroup, Zero as _};
use group::{Group, GroupEncoding};
use rand_core::TryRng;
use subtle::{Choice, CtOption};
use taceo_ark_babyjubjub::EdwardsProjective;
use tacit_protocol::field::SecretScalar;
use tacit_protocol::point::Point;

use super::field::ShareScalar;
use crate::curve::{Combination, encode};

/// A public point of the prime subgroup, the identity included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublicGroup(pub(crate) EdwardsProjective);

impl PublicGroup {
    fn times(&self, k: &ShareScalar) -> Self {
        Self(Combination::new(&[k.to_ark()]).apply(&[self.0]))
    }
}

macro_rules! group_operator {
    ($operator:ident $method:ident $assign:ident $method_assign:ident) => {
        impl $operator for PublicGroup {
            type Output = Self;
            fn $method(self, rhs: Self) -> Self {
                Self(self.0.$method(rhs.0))
            }
        }
        impl<'a> $operator<&'a Self> for PublicGroup {
            type Output = Self;
            fn $method(self, rhs: &'a Self) -> Self {
                Self(self.0.$method(rhs.0))
            }
        }
        impl $assign for PublicGroup {
            fn $method_assign(&mut self, rhs: Self) {
                self.0.$method_assign(rhs.0);
            }
        }
        impl<'a> $assign<&'a Self> for PublicGroup {
            fn $method_assign(&mut self, rhs: &'a Self) {
                self.0.$method_assign(rhs.0);
            }
        }
    };
}

group_operator!(Add add AddAssign add_assign);
group_operator!(Sub sub SubAssign sub_assign);

impl Neg for PublicGroup {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Mul<ShareScalar> for PublicGroup {
    type Output = Self;
    fn mul(self, k: ShareScalar) -> Self {
        self.times(&k)
    }
}

impl<'a> Mul<&'a ShareScalar> for PublicGroup {
    type Output = Self;
    fn mul(self, k: &'a ShareScalar) -> Self {
        self.times(k)
    }
}

impl MulAssign<ShareScalar> for PublicGroup {
    fn mul_assign(&mut self, k: ShareScalar) {
        *self = self.times(&k);
    }
}

impl<'a> MulAssign<&'a ShareScalar> for PublicGroup {
    fn mul_assign(&mut self, k: &'a ShareScalar) {
        *self = self.times(k);
    }
}

impl Sum for PublicGroup {
    fn sum<I: Iterator<Item = Self>>(points: I) -> Self {
        Self(points.map(|p| p.0).sum())
    }
}

impl<'a> Sum<&'a Self> for PublicGroup {
    fn sum<I: Iterator<Item = &'a Self>>(points: I) -> Self {
        points.copied().sum()
    }
}

impl Group for PublicGroup {
    type Scalar = ShareScalar;

    fn try_random<R: TryRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
        loop {
            let mut wide = [0; 64];
            rng.try_fill_bytes(&mut wide)?;
            if let Ok(p) = Point::mul_generator(SecretScalar::from_wide(&wide).expose()) {
                return Ok(Self(p.affine().into()));
            }
        }
    }

    fn identity() -> Self {
        Self(EdwardsProjective::zero())
    }

    fn generator() -> Self {
        Self(EdwardsProjective::generator())
    }

    fn is_identity(&self) -> Choice {
        u8::from(self.0.is_zero()).into()
    }

    fn double(&self) -> Self {
        Self(AdditiveGroup::double(&self.0))
    }
}

impl GroupEncoding for PublicGroup {
    /// As [`Point`]'s, and 32 zero bytes for the identity.
    type Repr = [u8; 32];

    fn from_bytes(bytes: &[u8; 32]) -> CtOption<Self> {
        if bytes == &[0; 32] {
            return CtOption::new(Self::identity(), 1.into());
        }
        match Point::from_bytes(bytes) {
            Ok(p) => CtOption::new(Self(p.affine().into()), 1.into()),
            Err(_) => CtOption::new(Self::identity(), 0.into()),
        }
    }

    fn from_bytes_unchecked(bytes: &[u8; 32]) -> CtOption<Self> {
        // No point enters unchecked.
        Self::from_bytes(bytes)
    }

    fn to_bytes(&self) -> [u8; 32] {
        encode(&self.0)
    }
}
