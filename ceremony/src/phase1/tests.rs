use super::*;
use crate::beacon::{self, Rule};
use crate::checks::Weights;
use crate::files::parameters::{Beacon, Parameters};
use crate::files::ptau::{Powers, Ptau};
use crate::progress::Silent;
use crate::stream::Stream;

pub(crate) fn linked(path: &Path, rule: &Rule) -> Result<LinkedPowers, PowersError> {
    let mut weights = Weights::fixed();
    let valid = validate(Ptau::open(path)?, &mut weights, &mut Silent)?;
    link(valid, rule, &mut weights)
}

fn announced() -> Beacon {
    let value = (0..32).collect();
    Beacon {
        value,
        exponent: 10,
    }
}

#[test]
fn two_contributions_and_a_beacon_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    create(&path("0"), 5).unwrap();
    for i in 0..2u8 {
        let before = linked(&path(&i.to_string()), &Rule::Open).unwrap();
        let to = path(&(i + 1).to_string());
        let parameters = Parameters::contribution(Some("ada"));
        contribute(
            &before,
            &to,
            Stream::from_seed([i; 32]),
            parameters,
            &mut Silent,
        )
        .unwrap();
    }
    let before = linked(&path("2"), &Rule::Open).unwrap();
    assert_eq!(before.proofs().len(), 2);
    let stream = beacon::stream(&announced());
    let parameters = Parameters::beacon(announced(), None);
    contribute(&before, &path("final"), stream, parameters, &mut Silent).unwrap();
    let done = linked(&path("final"), &Rule::Announced(announced())).unwrap();
    assert_eq!(done.proofs().len(), 3);
}

#[test]
fn prepared_powers_are_checked_against_the_powers_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    create(&path("0"), 4).unwrap();
    let before = linked(&path("0"), &Rule::Open).unwrap();
    let parameters = Parameters::contribution(None);
    contribute(
        &before,
        &path("1"),
        Stream::from_seed([3; 32]),
        parameters,
        &mut Silent,
    )
    .unwrap();
    let done = linked(&path("1"), &Rule::Open).unwrap();
    prepare(&done, &path("2"), &mut Silent).unwrap();
    let done = linked(&path("2"), &Rule::Open).unwrap();
    let prepared = verify_prepared(done, &mut Weights::fixed(), &mut Silent).unwrap();
    assert_eq!(prepared.ptau().power(), 4);
    // A power itself in place of a Lagrange polynomial: on the curve, and wrong.
    for list in [
        Powers::TauG1,
        Powers::TauG2,
        Powers::AlphaG1,
        Powers::BetaG1,
    ] {
        let mut bytes = std::fs::read(path("2")).unwrap();
        let size = if list.in_g2() { 128 } else { 64 };
        let start = section(&bytes, list.lagrange()) + 9 * size;
        let other = start - 3 * size;
        bytes.copy_within(other..other + size, start);
        std::fs::write(path("bad"), bytes).unwrap();
        let powers = linked(&path("bad"), &Rule::Open).unwrap();
        let refused = verify_prepared(powers, &mut Weights::fixed(), &mut Silent).unwrap_err();
        assert!(
            matches!(refused, PowersError::Fault(PowersFault::Lagrange { list: List(l), size: 8 }) if l == list),
            "{refused}"
        );
    }
    let done = linked(&path("1"), &Rule::Open).unwrap();
    let refused = verify_prepared(done, &mut Weights::fixed(), &mut Silent).unwrap_err();
    assert!(matches!(
        refused,
        PowersError::Fault(PowersFault::NotPrepared)
    ));
}

/// Where a section's body starts.
fn section(bytes: &[u8], id: u32) -> usize {
    let mut at = 12;
    loop {
        let found = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let len = u64::from_le_bytes(bytes[at + 4..at + 12].try_into().unwrap());
        if found == id {
            return at + 12;
        }
        at += 12 + len as usize;
    }
}

/// A prepared file of a ceremony of 2^power with one contribution, as bytes.
fn prepared(folder: &Path, power: u32) -> Vec<u8> {
    let path = |name: &str| folder.join(name);
    create(&path("0"), power).unwrap();
    let before = linked(&path("0"), &Rule::Open).unwrap();
    let parameters = Parameters::contribution(None);
    let stream = Stream::from_seed([5; 32]);
    contribute(&before, &path("1"), stream, parameters, &mut Silent).unwrap();
    let one = linked(&path("1"), &Rule::Open).unwrap();
    prepare(&one, &path("2"), &mut Silent).unwrap();
    std::fs::read(path("2")).unwrap()
}

/// The same file cut to 2^power.
fn cut(bytes: &[u8], power: u32) -> Vec<u8> {
    let n = 1usize << power;
    let mut out = bytes[..12].to_vec();
    for (id, len) in [
        (1, 44),
        (2, 64 * (2 * n - 1)),
        (3, 128 * n),
        (4, 64 * n),
        (5, 64 * n),
        (6, 128),
        (7, usize::MAX),
        (12, 64 * (4 * n - 1)),
        (13, 128 * (2 * n - 1)),
        (14, 64 * (2 * n - 1)),
        (15, 64 * (2 * n - 1)),
    ] {
        let start = section(bytes, id);
        let there = u64::from_le_bytes(bytes[start - 8..start].try_into().unwrap()) as usize;
        let len = len.min(there);
        out.extend(id.to_le_bytes());
        out.extend((len as u64).to_le_bytes());
        out.extend(&bytes[start..start + len]);
    }
    let at = section(&out, 1) + 36;
    out[at..at + 4].copy_from_slice(&power.to_le_bytes());
    out
}

/// Adds a point to tau^(2n - 1), as the block of 2n points has it: in no other power does anything change.
fn add_to_the_missing_power(bytes: &mut [u8], power: u32, point: G1Affine) {
    use ark_ec::CurveGroup as _;
    use ark_ff::Field as _;
    let count = 2usize << power;
    let root = crate::lagrange::root(power + 1).unwrap();
    let block = section(bytes, 12) + 64 * (count - 1);
    for i in 0..count {
        let share = root.pow([(i * (count - 1)) as u64]).inverse().unwrap();
        let at = block + 64 * i;
        let old = G1Affine::load(&bytes[at..at + 64]).unwrap();
        let new = (old + point * share).into_affine();
        bytes[at..at + 64].copy_from_slice(&stored(&[new]));
    }
}

fn refused_for_the_largest_block(path: &Path, bytes: &[u8]) -> bool {
    std::fs::write(path, bytes).unwrap();
    let powers = linked(path, &Rule::Open).unwrap();
    let list = List(Powers::TauG1);
    match verify_prepared(powers, &mut Weights::fixed(), &mut Silent) {
        Ok(_) => false,
        Err(PowersError::Fault(fault)) => {
            assert_eq!(fault, PowersFault::Lagrange { list, size: 32 });
            true
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn nothing_can_be_hidden_in_the_power_that_no_file_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tried");
    let point = G1Affine::generator();
    let mut whole = prepared(folder.path(), 4);
    assert!(!refused_for_the_largest_block(&path, &whole));
    add_to_the_missing_power(&mut whole, 4, point);
    assert!(refused_for_the_largest_block(&path, &whole));

    // A cut file has the true power there, which a whole one hasn't.
    let larger = tempfile::tempdir().unwrap();
    let mut shorter = cut(&prepared(larger.path(), 5), 4);
    assert!(!refused_for_the_largest_block(&path, &shorter));
    add_to_the_missing_power(&mut shorter, 4, point);
    assert!(refused_for_the_largest_block(&path, &shorter));
}
