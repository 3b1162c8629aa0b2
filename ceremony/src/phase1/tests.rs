use super::verify::List;
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
