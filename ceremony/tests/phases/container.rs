//! Files as such: one content has one encoding, and there is no room for anything else.

use ark_bn254::{Fq, Fr};
use ark_ff::{BigInteger as _, One as _, PrimeField};
use tacit_ceremony::files::container::{Fault, FileError};
use tacit_ceremony::files::ptau::Ptau;
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::files::zkey::Zkey;
use tacit_ceremony::points::PointError;

use crate::scene::{SCENE, cube, file, file_fault, open_key, open_powers, written};
use crate::sections::{changed, lengths, with_key_records};

/// What opening says, whichever kind the file is of.
type Open = fn(&[u8]) -> Result<(), FileError>;

fn circuit() -> Vec<u8> {
    written(|path| cube().write(path).unwrap())
}

fn open_circuit(bytes: &[u8]) -> Result<R1cs, FileError> {
    let (_folder, path) = file(bytes);
    R1cs::open(&path)
}

/// A good file of each kind, a section that it has, one that it doesn't, and how to open it.
fn kinds() -> [(Vec<u8>, u32, u32, Open); 4] {
    let powers: Open = |b| open_powers(b).map(drop);
    let key: Open = |b| open_key(b).map(drop);
    let circuit_: Open = |b| open_circuit(b).map(drop);
    [
        (SCENE.powers[3].clone(), 3, 8, powers),
        (SCENE.prepared.clone(), 13, 16, powers),
        (SCENE.keys[3].clone(), 9, 11, key),
        (circuit(), 2, 4, circuit_),
    ]
}

#[test]
fn good_files_of_each_kind_are_opened() {
    for (good, .., open) in kinds() {
        assert!(open(&good).is_ok());
        // Sections may stand in any order.
        assert!(open(&changed(&good, |_| ())).is_ok());
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    for (good, .., open) in kinds() {
        let mut bad = good.clone();
        bad[0] ^= 1;
        assert!(matches!(open(&bad), Err(FileError::Magic { .. })));
        assert!(matches!(open(&good[..11]), Err(FileError::Magic { .. })));
        assert!(matches!(open(b""), Err(FileError::Magic { .. })));
    }
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    assert!(matches!(Ptau::open(&none), Err(FileError::Io { .. })));
    assert!(matches!(Zkey::open(&none), Err(FileError::Io { .. })));
    assert!(matches!(R1cs::open(&none), Err(FileError::Io { .. })));
}

#[test]
fn another_version_is_refused() {
    for (mut bad, .., open) in kinds() {
        bad[4] = 2;
        assert_eq!(file_fault(open(&bad)), Fault::Version(2));
    }
}

#[test]
fn a_file_that_ends_early_is_refused_wherever_it_ends() {
    for (good, .., open) in kinds() {
        let step = (good.len() / 97).max(1);
        for end in (12..good.len()).step_by(step).chain([good.len() - 1]) {
            assert_eq!(file_fault(open(&good[..end])), Fault::Truncated, "at {end}");
        }
    }
}

#[test]
fn bytes_behind_the_last_section_are_refused() {
    for (good, .., open) in kinds() {
        let bad = [&good[..], b"junk"].concat();
        assert_eq!(file_fault(open(&bad)), Fault::Trailing(4));
    }
}

#[test]
fn an_extra_section_is_refused() {
    for (good, _, unknown, open) in kinds() {
        let bad = changed(&good, |s| s.push(unknown, vec![1, 2, 3]));
        assert_eq!(file_fault(open(&bad)), Fault::UnknownSection(unknown));
        let bad = changed(&good, |s| s.push(u32::MAX, vec![]));
        assert_eq!(file_fault(open(&bad)), Fault::UnknownSection(u32::MAX));
    }
}

#[test]
fn a_repeated_section_is_refused_even_if_it_says_the_same() {
    for (good, known, _, open) in kinds() {
        let bad = changed(&good, |s| {
            let again = s.get(known).clone();
            s.push(known, again);
        });
        assert_eq!(file_fault(open(&bad)), Fault::RepeatedSection(known));
    }
}

#[test]
fn a_missing_section_is_refused() {
    for (good, known, _, open) in kinds() {
        let bad = changed(&good, |s| s.drop(known));
        let fault = file_fault(open(&bad));
        if known == 13 {
            // Lagrange forms are all there or none is.
            assert!(matches!(
                fault,
                Fault::SectionLength {
                    section: 13,
                    found: 0,
                    ..
                }
            ));
        } else {
            assert_eq!(fault, Fault::MissingSection(known));
        }
    }
}

#[test]
fn a_section_of_another_length_than_the_header_asks_for_is_refused() {
    for (good, ..) in kinds().into_iter().take(3) {
        for (section, len) in lengths(&good) {
            // Records say themselves how long they are.
            let is_key = good.starts_with(b"zkey");
            if section == if is_key { 10 } else { 7 } {
                continue;
            }
            for grow in [true, false] {
                let bad = changed(&good, |s| {
                    let body = s.get(section);
                    if grow {
                        body.push(0);
                    } else {
                        body.pop();
                    }
                });
                let opened = if is_key {
                    open_key(&bad).map(drop)
                } else {
                    open_powers(&bad).map(drop)
                };
                let found = if grow { len + 1 } else { len - 1 } as u64;
                let fault = file_fault(opened);
                assert!(
                    matches!(fault, Fault::SectionLength { section: s, found: f, .. } if (s, f) == (section, found)),
                    "section {section}: {fault:?}"
                );
            }
        }
    }
}

#[test]
fn files_for_another_curve_are_refused() {
    for (good, at) in [(&SCENE.powers[3], 4), (&SCENE.powers[3], 0)] {
        let bad = changed(good, |s| s.get(1)[at] ^= 1);
        assert_eq!(file_fault(open_powers(&bad)), Fault::Curve);
    }
    for at in [0, 4, 36, 40] {
        let bad = changed(&SCENE.keys[3], |s| s.get(2)[at] ^= 1);
        assert_eq!(file_fault(open_key(&bad)), Fault::Curve);
    }
    for at in [0, 4] {
        let bad = changed(&circuit(), |s| s.get(1)[at] ^= 1);
        assert_eq!(file_fault(open_circuit(&bad)), Fault::Curve);
    }
}

fn number(fault: Fault) -> (&'static str, u64) {
    match fault {
        Fault::Number { what, value, .. } => (what, value),
        other => panic!("{other}"),
    }
}

#[test]
fn numbers_that_cannot_be_are_refused_before_anything_is_reserved_for_them() {
    let huge = u32::MAX;
    for (mut bad, .., open) in kinds() {
        bad[8..12].copy_from_slice(&huge.to_le_bytes());
        let (what, value) = number(file_fault(open(&bad)));
        assert_eq!((what, value), ("the number of sections", huge.into()));
    }
    let powers = |at: usize, value: u32| {
        let bad = changed(&SCENE.powers[3], |s| s.put(1, at, &value.to_le_bytes()));
        number(file_fault(open_powers(&bad)))
    };
    assert_eq!(powers(36, 0), ("the power", 0));
    assert_eq!(powers(36, 29), ("the power", 29));
    assert_eq!(powers(36, huge), ("the power", huge.into()));
    assert_eq!(powers(40, 3), ("the ceremony's power", 3));
    assert_eq!(powers(40, 29), ("the ceremony's power", 29));
    for count in [10_001, huge] {
        let bad = changed(&SCENE.powers[3], |s| s.put(7, 0, &count.to_le_bytes()));
        let what = "the number of contributions";
        assert_eq!(number(file_fault(open_powers(&bad))), (what, count.into()));
        let bad = changed(&SCENE.keys[3], |s| s.put(10, 64, &count.to_le_bytes()));
        assert_eq!(number(file_fault(open_key(&bad))), (what, count.into()));
    }
    let key = |section: u32, at: usize, value: u32| {
        let bad = changed(&SCENE.keys[3], |s| {
            s.put(section, at, &value.to_le_bytes());
        });
        number(file_fault(open_key(&bad)))
    };
    assert_eq!(key(1, 0, 2), ("the protocol", 2));
    assert_eq!(key(2, 80, 7), ("the domain", 7));
    assert_eq!(key(2, 80, 1), ("the domain", 1));
    assert_eq!(key(2, 80, 1 << 29), ("the domain", 1 << 29));
    assert_eq!(key(2, 76, 5), ("the number of public inputs", 5));
    assert_eq!(
        key(2, 76, huge),
        ("the number of public inputs", huge.into())
    );
    assert_eq!(key(2, 72, 1), ("the number of public inputs", 1));
    let circuit_ = |at: usize, value: u32| {
        let bad = changed(&circuit(), |s| s.put(1, at, &value.to_le_bytes()));
        number(file_fault(open_circuit(&bad)))
    };
    assert_eq!(circuit_(36, 0), ("the number of wires", 0));
    assert_eq!(circuit_(36, huge), ("the number of wires", huge.into()));
    assert_eq!(circuit_(40, huge), ("the number of public inputs", 1));
    assert_eq!(
        circuit_(48, huge),
        ("the number of private inputs", huge.into())
    );
    assert_eq!(
        circuit_(60, 1 << 28),
        ("the number of constraints", 1 << 28)
    );
}

#[test]
fn wires_and_counts_that_the_file_has_no_bytes_for_are_refused() {
    let bad = changed(&SCENE.keys[3], |s| s.put(2, 72, &u32::MAX.to_le_bytes()));
    assert!(matches!(
        file_fault(open_key(&bad)),
        Fault::SectionLength { section: 5, .. }
    ));
    let bad = changed(&SCENE.keys[3], |s| s.put(4, 0, &u32::MAX.to_le_bytes()));
    assert!(matches!(
        file_fault(open_key(&bad)),
        Fault::SectionLength { section: 4, .. }
    ));
    let bad = changed(&circuit(), |s| s.put(2, 0, &u32::MAX.to_le_bytes()));
    assert_eq!(file_fault(open_circuit(&bad)), Fault::Truncated);
    let bad = changed(&circuit(), |s| s.put(1, 60, &1_000_000u32.to_le_bytes()));
    assert_eq!(file_fault(open_circuit(&bad)), Fault::Truncated);
    let bad = changed(&circuit(), |s| s.get(2).push(0));
    assert!(matches!(
        file_fault(open_circuit(&bad)),
        Fault::SectionLength { section: 2, .. }
    ));
    let bad = changed(&circuit(), |s| s.get(3).push(0));
    assert!(matches!(
        file_fault(open_circuit(&bad)),
        Fault::SectionLength { section: 3, .. }
    ));
}

/// Adds the order of the field to a coordinate: the same number in a second form.
fn alias<F: PrimeField>(bytes: &mut [u8]) {
    let mut carry = 0u16;
    for (byte, add) in bytes.iter_mut().zip(F::MODULUS.to_bytes_le()) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0, "there is room for it");
}

#[test]
fn a_coordinate_in_a_second_form_is_refused_in_every_list() {
    for section in [2, 3, 4, 5, 6] {
        let bad = changed(&SCENE.powers[3], |s| alias::<Fq>(&mut s.get(section)[..32]));
        // Lists are read when they are checked.
        let refused = crate::scene::link_powers(&bad, &crate::scene::powers_end()).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains(&format!("section {section}, point 0")),
            "{text}"
        );
        assert!(text.contains("not below"), "{text}");
    }
    for section in [8, 9] {
        let bad = changed(&SCENE.keys[3], |s| alias::<Fq>(&mut s.get(section)[64..96]));
        let refused = crate::scene::link_key(&bad, &SCENE.keys[0], &crate::scene::key_end());
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains(&format!("section {section}, point 1")),
            "{text}"
        );
    }
    let bad = changed(&SCENE.keys[3], |s| alias::<Fq>(&mut s.get(2)[468..500]));
    let error = PointError::Coordinate;
    let (section, index) = (2, 468);
    let fault = Fault::Point {
        section,
        index,
        error,
    };
    assert_eq!(file_fault(open_key(&bad)), fault);
}

#[test]
fn a_point_off_its_curve_is_refused_in_every_list() {
    for section in [2, 3, 4, 5, 6] {
        let bad = changed(&SCENE.powers[3], |s| s.get(section)[40] ^= 1);
        let refused = crate::scene::link_powers(&bad, &crate::scene::powers_end()).unwrap_err();
        assert!(
            refused.to_string().contains("not on the curve"),
            "{refused}"
        );
    }
    for section in [8, 9] {
        let bad = changed(&SCENE.keys[3], |s| s.get(section)[40] ^= 1);
        let refused = crate::scene::link_key(&bad, &SCENE.keys[0], &crate::scene::key_end());
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("not on the curve")
        );
    }
    for at in [84, 148, 212, 340, 468, 532] {
        let bad = changed(&SCENE.keys[3], |s| s.get(2)[at] ^= 1);
        let error = PointError::Curve;
        let (section, index) = (2, at as u64);
        let fault = Fault::Point {
            section,
            index,
            error,
        };
        assert_eq!(file_fault(open_key(&bad)), fault);
    }
}

fn record(fault: Fault) -> (u32, &'static str) {
    match fault {
        Fault::Record { number, what } => (number, what),
        other => panic!("{other}"),
    }
}

#[test]
fn a_record_with_a_point_that_is_none_is_refused() {
    let curve = "a point is not on the curve";
    let coordinate = "a coordinate is not below the field's order";
    let bad = changed(&SCENE.powers[3], |s| s.get(7)[4] ^= 1);
    assert_eq!(record(file_fault(open_powers(&bad))), (1, curve));
    let bad = changed(&SCENE.powers[3], |s| alias::<Fq>(&mut s.get(7)[4..36]));
    assert_eq!(record(file_fault(open_powers(&bad))), (1, coordinate));
    let bad = with_key_records(&SCENE.keys[3], |r| r[1][0] ^= 1);
    assert_eq!(record(file_fault(open_key(&bad))), (2, curve));
    let bad = with_key_records(&SCENE.keys[3], |r| alias::<Fq>(&mut r[1][192..224]));
    assert_eq!(record(file_fault(open_key(&bad))), (2, coordinate));
}

#[test]
fn records_fill_their_section() {
    let behind = "bytes stand behind the last record";
    let bad = changed(&SCENE.powers[3], |s| s.get(7).push(0));
    assert_eq!(record(file_fault(open_powers(&bad))), (3, behind));
    let bad = changed(&SCENE.keys[3], |s| s.get(10).push(0));
    assert_eq!(record(file_fault(open_key(&bad))), (3, behind));
    let end = "it ends behind the section";
    let bad = changed(&SCENE.powers[3], |s| s.put(7, 0, &4u32.to_le_bytes()));
    assert_eq!(record(file_fault(open_powers(&bad))), (4, end));
    let bad = changed(&SCENE.keys[3], |s| s.put(10, 64, &4u32.to_le_bytes()));
    assert_eq!(record(file_fault(open_key(&bad))), (4, end));
    for cut in [0, 3] {
        let bad = changed(&SCENE.powers[3], |s| s.get(7).truncate(cut));
        assert_eq!(file_fault(open_powers(&bad)), Fault::Truncated);
    }
    for cut in [0, 63, 67] {
        let bad = changed(&SCENE.keys[3], |s| s.get(10).truncate(cut));
        assert_eq!(file_fault(open_key(&bad)), Fault::Truncated);
    }
}

#[test]
fn a_circuits_terms_have_one_form_each() {
    let with = |change: fn(&mut R1cs)| {
        let mut circuit = cube();
        change(&mut circuit);
        let bytes = written(|path| circuit.write(path).unwrap());
        file_fault(open_circuit(&bytes))
    };
    // The first factor, behind the first row's count and wire.
    let bad = changed(&circuit(), |s| alias::<Fr>(&mut s.get(2)[8..40]));
    let (section, index) = (2, 1);
    assert_eq!(
        file_fault(open_circuit(&bad)),
        Fault::Element { section, index }
    );
    let zero = with(|c| c.constraints[1][0][0].1 -= Fr::one());
    assert_eq!(number(zero).0, "a term's wire or factor");
    let absent = with(|c| c.constraints[1][0][0].0 = 5);
    assert_eq!(number(absent), ("a term's wire or factor", 5));
    let twice = with(|c| c.constraints[1][0].push((3, Fr::one())));
    assert_eq!(number(twice).0, "a term's wire");
}
