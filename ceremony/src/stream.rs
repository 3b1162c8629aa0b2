//! The snarkjs world's stream of pseudo-random numbers, field elements and points.
//!
//! It must match bit for bit wherever something is recomputed by all: a beacon's secrets, and the points
//! of G2 that proofs of knowledge are about. ChaCha20 with a zero nonce; each four bytes of the seed are
//! read big-endian as a key word; a 64-bit draw takes its upper half first; a field element is drawn as
//! its raw Montgomery limbs.

use ark_bn254::{Fq, Fq2, Fr, G1Affine, G2Affine, G2Projective, g1, g2};
use ark_ec::short_weierstrass::SWCurveConfig as _;
use ark_ec::{AffineRepr as _, CurveConfig as _, CurveGroup as _};
use ark_ff::{BigInt, Field as _, Fp, MontBackend, MontConfig, MontFp, PrimeField};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroize as _;

use crate::blake2b::Digest64;

/// The stream that a seed gives. Wiped when it is dropped: who has the seed has the secrets.
pub struct Stream(ChaCha20Rng);

const _: fn() = || {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<ChaCha20Rng>();
};

impl Stream {
    /// The stream of the first 32 bytes of a digest.
    pub fn from_digest(digest: &Digest64) -> Self {
        let mut seed = [0; 32];
        seed.copy_from_slice(&digest[..32]);
        let stream = Self::from_seed(seed);
        seed.zeroize();
        stream
    }

    /// The stream of a seed of 32 bytes: eight key words, each big-endian.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        for word in seed.chunks_exact_mut(4) {
            word.reverse();
        }
        let stream = Self(ChaCha20Rng::from_seed(seed));
        seed.zeroize();
        stream
    }

    fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn wide(&mut self) -> u64 {
        let high = u64::from(self.word());
        high << 32 | u64::from(self.word())
    }

    fn boolean(&mut self) -> bool {
        self.word() & 1 == 1
    }

    /// Raw limbs below the modulus: 254 bits, drawn again while too large.
    fn limbs(&mut self, modulus: &BigInt<4>) -> BigInt<4> {
        loop {
            let mut limbs = [self.wide(), self.wide(), self.wide(), self.wide()];
            limbs[3] &= (1 << 62) - 1;
            let drawn = BigInt::new(limbs);
            limbs.zeroize();
            if drawn < *modulus {
                return drawn;
            }
        }
    }

    /// A scalar.
    pub fn scalar(&mut self) -> Fr {
        let mut limbs = self.limbs(&Fr::MODULUS);
        let scalar = from_montgomery(limbs);
        limbs.zeroize();
        scalar
    }

    fn coordinate(&mut self) -> Fq {
        from_montgomery(self.limbs(&Fq::MODULUS))
    }

    /// A point of G1: x and a sign are drawn until x is on the curve.
    pub fn g1(&mut self) -> G1Affine {
        loop {
            let x = self.coordinate();
            let greatest = self.boolean();
            let square = x.square() * x + g1::Config::COEFF_B;
            if let Some(root) = square.sqrt() {
                let y = if is_greater(&root) == greatest {
                    root
                } else {
                    -root
                };
                return G1Affine::new_unchecked(x, y);
            }
        }
    }

    /// A point of G2: x and a sign are drawn until x is on the curve, then the cofactor is cleared by
    /// plain multiplication (the point isn't in the subgroup yet, so no endomorphism holds).
    pub fn g2(&mut self) -> G2Affine {
        loop {
            let c0 = self.coordinate();
            let x = Fq2::new(c0, self.coordinate());
            let greatest = self.boolean();
            let square = x.square() * x + g2::Config::COEFF_B;
            let Some(root) = square.sqrt() else { continue };
            let y = if greater_half(&root) == greatest {
                root
            } else {
                -root
            };
            let point = G2Projective::new_unchecked(x, y, Fq2::ONE);
            let cleared = g2::Config::COFACTOR
                .iter()
                .rev()
                .flat_map(|limb| (0..64).rev().map(move |bit| limb >> bit & 1 == 1))
                .fold(G2Projective::default(), |sum, bit| {
                    let twice = sum + sum;
                    if bit { twice + point } else { twice }
                });
            let cleared = cleared.into_affine();
            if !cleared.is_zero() {
                return cleared;
            }
        }
    }
}

/// The element whose raw Montgomery limbs these are; they must be below the modulus.
fn from_montgomery<C: MontConfig<4>>(limbs: BigInt<4>) -> Fp<MontBackend<C, 4>, 4> {
    Fp::new_unchecked(limbs)
}

/// (q - 1) / 2.
const HALF: Fq =
    MontFp!("10944121435919637611123202872628637544348155578648911831344518947322613104291");

/// Whether y counts as the greater of the two roots y and -y.
pub fn is_greater(y: &Fq) -> bool {
    y.into_bigint() > HALF.into_bigint()
}

/// The same in the quadratic extension: c1 decides, c0 if c1 is zero.
pub fn greater_half(y: &Fq2) -> bool {
    if y.c1 == Fq::from(0u64) {
        is_greater(&y.c0)
    } else {
        is_greater(&y.c1)
    }
}

/// The point of G2 that a proof of knowledge is about, from the hash of what it is bound to.
pub fn hash_to_g2(digest: &Digest64) -> G2Affine {
    Stream::from_digest(digest).g2()
}
