//! `verification_key.json`, `proof.json` and `public.json`: how the snarkjs world passes on what isn't
//! large. Numbers are decimal strings, points have a third coordinate that is always one.
//!
//! What is read comes from others: numbers have one form each and are below their field's order, points lie
//! in their groups and aren't at infinity, and nothing stands there that isn't looked at.

use ark_bn254::{Bn254, Fq, Fq2, Fq6, Fq12, Fr, G1Affine, G2Affine};
use ark_ec::AffineRepr as _;
use ark_ec::pairing::Pairing as _;
use ark_ff::{BigInt, PrimeField};
use ark_groth16::{Proof, VerifyingKey};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text isn't what it should be.
#[derive(Debug, Error)]
pub enum JsonError {
    /// It isn't JSON, or has other fields.
    #[error("the text is not of the expected form: {0}")]
    Form(#[from] serde_json::Error),
    /// Another protocol than Groth16.
    #[error("the protocol is {0:?}, not \"groth16\"")]
    Protocol(String),
    /// Another curve than BN254.
    #[error("the curve is {0:?}, not \"bn128\"")]
    Curve(String),
    /// A number that isn't the decimal form of a field element.
    #[error("{0}: not the decimal form of a number below the field's order")]
    Number(&'static str),
    /// A point at infinity, or with a third coordinate other than one.
    #[error("{0}: the third coordinate of a point is not one")]
    NotAffine(&'static str),
    /// A point off its curve or subgroup.
    #[error("{0}: a point is not in its group")]
    Point(&'static str),
    /// The count of public inputs isn't that of the points.
    #[error("nPublic is {said}, but IC has {points} points")]
    Inputs {
        /// What the text says.
        said: usize,
        /// Points for them, one more for the constant.
        points: usize,
    },
    /// The pairing that stands beside alpha and beta isn't theirs.
    #[error("vk_alphabeta_12 is not the pairing of alpha and beta")]
    Pairing,
}

const PROTOCOL: &str = "groth16";
const CURVE: &str = "bn128";

type G1Text = [String; 3];
type PairText = [String; 2];
type G2Text = [PairText; 3];

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    protocol: String,
    curve: String,
    #[serde(rename = "nPublic")]
    n_public: usize,
    vk_alpha_1: G1Text,
    vk_beta_2: G2Text,
    vk_gamma_2: G2Text,
    vk_delta_2: G2Text,
    vk_alphabeta_12: [[PairText; 3]; 2],
    #[serde(rename = "IC")]
    ic: Vec<G1Text>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofText {
    pi_a: G1Text,
    pi_b: G2Text,
    pi_c: G1Text,
    protocol: String,
    curve: String,
}

/// A verifying key's text, as `snarkjs zkey export verificationkey` writes it.
pub fn write_verifying_key(key: &VerifyingKey<Bn254>) -> String {
    text(&KeyText {
        protocol: PROTOCOL.to_owned(),
        curve: CURVE.to_owned(),
        n_public: key.gamma_abc_g1.len().saturating_sub(1),
        vk_alpha_1: g1_text(&key.alpha_g1),
        vk_beta_2: g2_text(&key.beta_g2),
        vk_gamma_2: g2_text(&key.gamma_g2),
        vk_delta_2: g2_text(&key.delta_g2),
        vk_alphabeta_12: pairing_text(&Bn254::pairing(key.alpha_g1, key.beta_g2).0),
        ic: key.gamma_abc_g1.iter().map(g1_text).collect(),
    })
}

/// Reads a verifying key's text. Its points are in their groups; that gamma isn't delta, and such, is
/// looked at by `tacit_circuits::VerifyingKey`.
///
/// # Errors
/// [`JsonError`].
pub fn read_verifying_key(text: &str) -> Result<VerifyingKey<Bn254>, JsonError> {
    let key: KeyText = serde_json::from_str(text)?;
    check_kind(key.protocol, key.curve)?;
    if key.ic.len().checked_sub(1) != Some(key.n_public) {
        return Err(JsonError::Inputs {
            said: key.n_public,
            points: key.ic.len(),
        });
    }
    let ic = key.ic.iter().map(|point| g1("IC", point));
    let read = VerifyingKey {
        alpha_g1: g1("vk_alpha_1", &key.vk_alpha_1)?,
        beta_g2: g2("vk_beta_2", &key.vk_beta_2)?,
        gamma_g2: g2("vk_gamma_2", &key.vk_gamma_2)?,
        delta_g2: g2("vk_delta_2", &key.vk_delta_2)?,
        gamma_abc_g1: ic.collect::<Result<_, _>>()?,
    };
    let pairing = Bn254::pairing(read.alpha_g1, read.beta_g2).0;
    if pairing_text(&pairing) != key.vk_alphabeta_12 {
        return Err(JsonError::Pairing);
    }
    Ok(read)
}

/// A proof's text.
pub fn write_proof(proof: &Proof<Bn254>) -> String {
    text(&ProofText {
        pi_a: g1_text(&proof.a),
        pi_b: g2_text(&proof.b),
        pi_c: g1_text(&proof.c),
        protocol: PROTOCOL.to_owned(),
        curve: CURVE.to_owned(),
    })
}

/// Reads a proof's text. Its points are in their groups, none is at infinity.
///
/// # Errors
/// [`JsonError`].
pub fn read_proof(text: &str) -> Result<Proof<Bn254>, JsonError> {
    let proof: ProofText = serde_json::from_str(text)?;
    check_kind(proof.protocol, proof.curve)?;
    Ok(Proof {
        a: g1("pi_a", &proof.pi_a)?,
        b: g2("pi_b", &proof.pi_b)?,
        c: g1("pi_c", &proof.pi_c)?,
    })
}

/// Public inputs' text, outputs first.
pub fn write_public(inputs: &[Fr]) -> String {
    text(&inputs.iter().map(Fr::to_string).collect::<Vec<_>>())
}

/// Reads public inputs' text.
///
/// # Errors
/// [`JsonError`].
pub fn read_public(text: &str) -> Result<Vec<Fr>, JsonError> {
    let inputs: Vec<String> = serde_json::from_str(text)?;
    let inputs = inputs.iter().map(|input| number("a public input", input));
    inputs.collect()
}

fn check_kind(protocol: String, curve: String) -> Result<(), JsonError> {
    if protocol != PROTOCOL {
        Err(JsonError::Protocol(protocol))
    } else if curve != CURVE {
        Err(JsonError::Curve(curve))
    } else {
        Ok(())
    }
}

/// Strings and counts alone: this can't fail.
fn text(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn pair_text(value: &Fq2) -> PairText {
    [value.c0.to_string(), value.c1.to_string()]
}

fn g1_text(point: &G1Affine) -> G1Text {
    if point.is_zero() {
        return ["0", "1", "0"].map(str::to_owned);
    }
    [point.x.to_string(), point.y.to_string(), "1".to_owned()]
}

fn g2_text(point: &G2Affine) -> G2Text {
    let pair = |one: &str, two: &str| [one.to_owned(), two.to_owned()];
    if point.is_zero() {
        return [pair("0", "0"), pair("1", "0"), pair("0", "0")];
    }
    [pair_text(&point.x), pair_text(&point.y), pair("1", "0")]
}

fn pairing_text(value: &Fq12) -> [[PairText; 3]; 2] {
    let six = |value: &Fq6| [&value.c0, &value.c1, &value.c2].map(pair_text);
    [six(&value.c0), six(&value.c1)]
}

fn number<F>(what: &'static str, text: &str) -> Result<F, JsonError>
where
    F: PrimeField<BigInt = BigInt<4>>,
{
    // Longer ones are too large, and nobody waits for them to be read.
    let plain = text.len() <= 78
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'));
    let value = plain
        .then(|| BigUint::parse_bytes(text.as_bytes(), 10))
        .flatten()
        .and_then(|value| BigInt::try_from(value).ok())
        .and_then(F::from_bigint);
    value.ok_or(JsonError::Number(what))
}

fn pair(what: &'static str, [c0, c1]: &PairText) -> Result<Fq2, JsonError> {
    Ok(Fq2::new(number(what, c0)?, number(what, c1)?))
}

fn g1(what: &'static str, [x, y, z]: &G1Text) -> Result<G1Affine, JsonError> {
    if z != "1" {
        return Err(JsonError::NotAffine(what));
    }
    let (x, y): (Fq, Fq) = (number(what, x)?, number(what, y)?);
    let point = G1Affine::new_unchecked(x, y);
    // (0, 0) stands for infinity in memory, and isn't on the curve.
    if !point.is_zero() && point.is_on_curve() {
        Ok(point)
    } else {
        Err(JsonError::Point(what))
    }
}

fn g2(what: &'static str, [x, y, z]: &G2Text) -> Result<G2Affine, JsonError> {
    if z != &["1", "0"] {
        return Err(JsonError::NotAffine(what));
    }
    let point = G2Affine::new_unchecked(pair(what, x)?, pair(what, y)?);
    if !point.is_zero() && point.is_on_curve() && point.is_in_correct_subgroup_assuming_on_curve() {
        Ok(point)
    } else {
        Err(JsonError::Point(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::CurveGroup as _;

    fn g1_of(n: u64) -> G1Affine {
        (G1Affine::generator() * Fr::from(n)).into_affine()
    }

    fn g2_of(n: u64) -> G2Affine {
        (G2Affine::generator() * Fr::from(n)).into_affine()
    }

    fn key() -> VerifyingKey<Bn254> {
        VerifyingKey {
            alpha_g1: g1_of(2),
            beta_g2: g2_of(3),
            gamma_g2: g2_of(1),
            delta_g2: g2_of(4),
            gamma_abc_g1: vec![g1_of(5), g1_of(6)],
        }
    }

    fn proof() -> Proof<Bn254> {
        Proof {
            a: g1_of(7),
            b: g2_of(8),
            c: g1_of(9),
        }
    }

    #[test]
    fn texts_come_back_as_what_they_were_written_from() {
        assert_eq!(
            read_verifying_key(&write_verifying_key(&key())).unwrap(),
            key()
        );
        assert_eq!(read_proof(&write_proof(&proof())).unwrap(), proof());
        let inputs = [0u64, 1, u64::MAX].map(Fr::from);
        let inputs = [&inputs[..], &[-Fr::from(1u64)]].concat();
        assert_eq!(read_public(&write_public(&inputs)).unwrap(), inputs);
    }

    #[test]
    fn each_rule_of_a_proofs_text_is_kept() {
        let good = write_proof(&proof());
        let x = proof().a.x.to_string();
        let refused = |from: &str, to: &str| {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            read_proof(&bad).unwrap_err()
        };
        assert!(matches!(
            refused("groth16", "plonk"),
            JsonError::Protocol(p) if p == "plonk"
        ));
        assert!(matches!(refused("bn128", "bls12381"), JsonError::Curve(_)));
        assert!(matches!(refused("pi_a", "pi_x"), JsonError::Form(_)));
        assert!(matches!(
            refused("\"curve\"", "\"more\": 1, \"curve\""),
            JsonError::Form(_)
        ));
        let order = BigUint::from(Fq::MODULUS);
        let aliased = (BigUint::parse_bytes(x.as_bytes(), 10).unwrap() + order).to_string();
        let long = "1".repeat(100_000);
        for other in [
            &format!("0{x}"),
            &format!("+{x}"),
            &aliased,
            &long,
            "",
            "0x1",
        ] {
            assert!(matches!(refused(&x, other), JsonError::Number("pi_a")));
        }
        assert!(matches!(refused(&x, "1"), JsonError::Point("pi_a")));
        let x = proof().b.x.c0.to_string();
        assert!(matches!(refused(&x, "1"), JsonError::Point("pi_b")));
        assert!(matches!(
            refused("\"1\"", "\"0\""),
            JsonError::NotAffine("pi_a")
        ));
    }

    #[test]
    fn a_point_of_the_twist_outside_of_the_subgroup_is_refused() {
        let mut rng = ark_std::test_rng();
        let off = loop {
            let x = <Fq2 as ark_ff::UniformRand>::rand(&mut rng);
            let point = G2Affine::get_point_from_x_unchecked(x, true);
            if let Some(point) = point.filter(|p| !p.is_in_correct_subgroup_assuming_on_curve()) {
                break point;
            }
        };
        let bad = Proof { b: off, ..proof() };
        assert!(matches!(
            read_proof(&write_proof(&bad)).unwrap_err(),
            JsonError::Point("pi_b")
        ));
    }

    #[test]
    fn each_rule_of_a_keys_text_is_kept() {
        let good = write_verifying_key(&key());
        let refused = |from: &str, to: &str| {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good, "{from}");
            read_verifying_key(&bad).unwrap_err()
        };
        assert!(matches!(
            refused("\"nPublic\": 1", "\"nPublic\": 2"),
            JsonError::Inputs { said: 2, points: 2 }
        ));
        let (x, y) = (g1_of(2), g1_of(3));
        let bad = good
            .replacen(&x.x.to_string(), &y.x.to_string(), 1)
            .replacen(&x.y.to_string(), &y.y.to_string(), 1);
        assert!(matches!(
            read_verifying_key(&bad).unwrap_err(),
            JsonError::Pairing
        ));
        let zero = VerifyingKey {
            delta_g2: G2Affine::zero(),
            ..key()
        };
        assert!(matches!(
            read_verifying_key(&write_verifying_key(&zero)).unwrap_err(),
            JsonError::NotAffine("vk_delta_2")
        ));
        assert!(matches!(refused("\"IC\"", "\"ic\""), JsonError::Form(_)));
    }

    #[test]
    fn a_public_input_that_is_not_below_the_order_is_refused() {
        let order = format!("[\"{}\"]", BigUint::from(Fr::MODULUS));
        assert!(matches!(
            read_public(&order).unwrap_err(),
            JsonError::Number("a public input")
        ));
        assert!(matches!(
            read_public("[1]").unwrap_err(),
            JsonError::Form(_)
        ));
    }
}
