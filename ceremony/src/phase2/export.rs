//! A finished key in the form of the product's prover, which is arkworks': the quotient's points are
//! tau^i (tau^n - 1) / delta, where a `.zkey` has odd Lagrange polynomials of twice the size.

use ark_bn254::{Bn254, Fr, G1Affine};
use ark_ff::{Field as _, Zero as _};
use ark_groth16::{ProvingKey, VerifyingKey};

use super::verify::{KeyError, KeyFault, LinkedKey};
use crate::files::zkey;
use crate::lagrange::{powers, root, transform};
use crate::scale::each;

/// The keys of a finished ceremony.
#[derive(Debug, Clone)]
pub struct Keys {
    /// For provers.
    pub proving: ProvingKey<Bn254>,
}

impl Keys {
    /// The keys of the sealing circuit, for paths of up to `DEPTH` siblings: whose bytes are pinned by hash,
    /// and what the prover takes.
    ///
    /// # Errors
    /// [`tacit_circuits::KeyError`], if they are another circuit's, or of a shape that breaks Groth16.
    pub fn sealing<const DEPTH: usize>(
        self,
    ) -> Result<
        (
            tacit_circuits::ProvingKey<DEPTH>,
            tacit_circuits::VerifyingKey,
        ),
        tacit_circuits::KeyError,
    > {
        let proving = tacit_circuits::ProvingKey::from_ark(self.proving)?;
        let verifying = proving.verifying_key().clone();
        Ok((proving, verifying))
    }
}

/// Makes the keys of a finished ceremony. gamma and delta are checked to differ, also in sign: whoever
/// brings them together can forge, with a chain of contributions that is otherwise as it should be.
///
/// # Errors
/// [`KeyFault::Unfinished`], [`KeyFault::GammaIsDelta`], or that the file can't be read.
pub fn export(key: &LinkedKey) -> Result<Keys, KeyError> {
    if !key.is_finished() {
        return Err(KeyFault::Unfinished.into());
    }
    let zkey = key.zkey();
    let header = zkey.header();
    if header.gamma_g2 == header.delta_g2 || header.gamma_g2 == -header.delta_g2 {
        return Err(KeyFault::GammaIsDelta.into());
    }
    let vk = VerifyingKey {
        alpha_g1: header.alpha_g1,
        beta_g2: header.beta_g2,
        gamma_g2: header.gamma_g2,
        delta_g2: header.delta_g2,
        gamma_abc_g1: zkey.points(zkey::IC)?,
    };
    let proving = ProvingKey {
        vk,
        beta_g1: header.beta_g1,
        delta_g1: header.delta_g1,
        a_query: zkey.points(zkey::A)?,
        b_g1_query: zkey.points(zkey::B1)?,
        b_g2_query: zkey.points(zkey::B2)?,
        h_query: quotients(zkey.points(zkey::H)?, header.power()),
        l_query: zkey.points(zkey::L)?,
    };
    Ok(Keys { proving })
}

/// (tau^(n+i) - tau^i) / delta = -2 * sum over j of v^(i (2j+1)) H_j for i below n - 1, v being a root of
/// unity of order 2n, since v^(2n (2j+1) / 2) = -1.
///
/// With w = v^2, the sum is v^i * sum of w^(ij) H_j: a Fourier transform. [`transform`] has w^(-ij) and a
/// factor of 1/n, so its outputs are taken backwards and multiplied by n.
fn quotients(odd: Vec<G1Affine>, power: u32) -> Vec<G1Affine> {
    let count = odd.len();
    let (Some(v), Some(mut sums)) = (root(power + 1), transform(odd, power)) else {
        return Vec::new();
    };
    if let Some(rest) = sums.get_mut(1..) {
        rest.reverse();
    }
    let factor = -Fr::from(2 * count as u64);
    let factors: Vec<Fr> = powers(v, count).into_iter().map(|p| p * factor).collect();
    let mut quotients = each(&sums, &factors);
    quotients.pop();
    debug_assert!(!factor.is_zero() && v.pow([2 * count as u64]) == Fr::from(1u64));
    quotients
}
