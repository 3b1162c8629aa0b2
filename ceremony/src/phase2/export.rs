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
/// [`KeyFault::Unfinished`], [`KeyFault::GammaIsDelta`], [`KeyFault::Quotients`], or that the file can't be read.
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
        h_query: quotients(zkey.points(zkey::H)?, header.power()).ok_or(KeyFault::Quotients)?,
        l_query: zkey.points(zkey::L)?,
    };
    Ok(Keys { proving })
}

/// (tau^(n+i) - tau^i) / delta = -2 * sum over j of v^(i (2j+1)) H_j for i below n - 1, v being a root of
/// unity of order 2n, since v^(2n (2j+1) / 2) = -1.
///
/// With w = v^2, the sum is v^i * sum of w^(ij) H_j: a Fourier transform. [`transform`] has w^(-ij) and a
/// factor of 1/n, so its outputs are taken backwards and multiplied by n.
///
/// None, if there aren't 2^power points, or the field has no such root.
fn quotients(odd: Vec<G1Affine>, power: u32) -> Option<Vec<G1Affine>> {
    let count = odd.len();
    let v = root(power.checked_add(1)?)?;
    let mut sums = transform(odd, power)?;
    if let Some(rest) = sums.get_mut(1..) {
        rest.reverse();
    }
    let factor = -Fr::from(2 * count as u64);
    let factors: Vec<Fr> = powers(v, count).into_iter().map(|p| p * factor).collect();
    let mut quotients = each(&sums, &factors);
    quotients.pop();
    debug_assert!(!factor.is_zero() && v.pow([2 * count as u64]) == Fr::from(1u64));
    Some(quotients)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::AffineRepr as _;

    #[test]
    fn points_that_are_no_domains_give_no_quotients() {
        let points = |count: usize| vec![G1Affine::generator(); count];
        assert_eq!(quotients(points(4), 2).map(|q| q.len()), Some(3));
        assert_eq!(quotients(points(3), 2), None);
        // The largest domain has 2^28 rows, and the root is of twice that order.
        assert_eq!(quotients(points(4), 28), None);
        assert_eq!(quotients(points(4), u32::MAX), None);
    }
}
