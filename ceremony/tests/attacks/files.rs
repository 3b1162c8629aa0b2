//! Lies in the published files.

use std::fs;

use ark_bn254::G1Affine;
use ark_ec::AffineRepr as _;
use tacit_ceremony::beacon::{self, BeaconFault, Rule};
use tacit_ceremony::files::parameters::{Beacon, Parameters};
use tacit_ceremony::folder::{Folder, FolderError, layout};
use tacit_ceremony::parts::{PartError, open_key, open_powers};
use tacit_ceremony::phase1::{self, PowersError, PowersFault};
use tacit_ceremony::phase2::{self, KeyError, KeyFault};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;
use tacit_ceremony::transcript::{Entry, Stage};

use crate::scene::{
    COORDINATOR, STAGES, Town, cast, contribute, cube, key, make, place, start, step,
};
use crate::sections::{with_key_records, with_point, with_powers_records};

fn own(initial: &std::path::Path) -> tacit_ceremony::phase2::InitialKey {
    tacit_ceremony::phase2::InitialKey::of_own_disk(initial).unwrap()
}

fn powers(fault: PowersFault) -> String {
    PowersError::from(fault).to_string()
}

fn keys(fault: KeyFault) -> String {
    KeyError::from(fault).to_string()
}

fn said(fault: (&'static str, PartError)) -> (&'static str, String) {
    (fault.0, fault.1.to_string())
}

#[test]
fn a_contribution_whose_file_was_exchanged_is_named() {
    for stage in STAGES {
        let name = step(stage, 2);
        let named = (stage.word(), name.clone());
        // By another valid one, made from the same file before.
        let mut town = Town::new();
        let folder = town.back_to(place(stage, 2));
        let (_, other, _) = make(&folder, 9, Some("number 2"));
        let other = fs::read(&other[0]).unwrap();
        let town = Town::new();
        town.put(&name, &other);
        assert_eq!(town.other_file(), named);
        // By the one after it, and the other way round.
        let town = Town::new();
        let (two, three) = (town.read(&name), town.read(&step(stage, 3)));
        town.put(&name, &three);
        town.put(&step(stage, 3), &two);
        assert_eq!(town.other_file(), named);
        // A byte at the front, in the middle, at the end; one more, one less.
        for at in [20, two.len() / 2, two.len() - 1] {
            let mut bytes = two.clone();
            bytes[at] ^= 1;
            town.put(&name, &bytes);
            assert_eq!(town.other_file(), named);
        }
        for bytes in [&two[..two.len() - 1], &[&two[..], &[0]].concat()] {
            town.put(&name, bytes);
            assert_eq!(town.other_file(), named);
        }
        // Not published at all.
        fs::remove_file(town.root.join(&name)).unwrap();
        assert!(matches!(
            town.part_fault(),
            (at, PartError::File(_)) if at == stage.word()
        ));
    }
}

#[test]
fn a_file_of_the_coordinators_under_a_contributors_name_lacks_the_signature() {
    for stage in STAGES {
        let mut town = Town::new();
        let folder = town.back_to(place(stage, 2));
        let (signed, other, _) = make(&folder, 9, Some("number 2"));
        let (Entry::Contribution(theirs), other) = (signed.entry, fs::read(&other[0]).unwrap())
        else {
            panic!("a contribution");
        };
        let mut town = Town::new();
        let at = place(stage, 2);
        town.put(&step(stage, 2), &other);
        town.contribution(at).parts = theirs.parts;
        town.sign_again(&[COORDINATOR]);
        town.publish();
        let fault = tacit_ceremony::transcript::EntryFault::Signature;
        assert_eq!(town.entry_fault(), (at, fault));
    }
}

#[test]
fn what_an_accomplice_signs_must_be_what_the_file_is() {
    for stage in STAGES {
        for what in ["hash", "points", "next challenge"] {
            let mut town = Town::new();
            let at = place(stage, 1);
            let part = town.part(at);
            match what {
                "hash" => part.contribution[0] ^= 1,
                "points" => part.points[0] ^= 1,
                _ => part.next[0] ^= 1,
            }
            town.sign_again(&[COORDINATOR, 1, 2, 3]);
            town.publish();
            let refused = town.part_fault();
            assert!(
                matches!(&refused, (name, PartError::Differs { number: 1, what: w })
                    if *name == stage.word() && *w == what),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn a_name_that_no_hash_covers_stays_what_it_was() {
    let mallory = Parameters::contribution(Some("mallory"));
    for stage in STAGES {
        let renamed = |bytes: &[u8]| match stage {
            Stage::Powers => with_powers_records(bytes, |r| r[1].parameters = mallory.clone()),
            Stage::Keys => with_key_records(bytes, |r| {
                r[1].truncate(384);
                r[1].extend(mallory.encode());
            }),
        };
        let town = Town::new();
        let name = step(stage, 2);
        town.put(&name, &renamed(&town.read(&name)));
        assert_eq!(town.other_file(), (stage.word(), name));
        // In the beacon's file, which the coordinator signs for.
        let mut town = Town::new();
        let last = renamed(&town.read(&step(stage, 4)));
        town.put_named(stage, 4, &last);
        town.sign_again(&[COORDINATOR]);
        // Who contributed later has signed for it too, so the ceremony ends there.
        town.entries.truncate(place(stage, 4) + 1);
        town.publish();
        let expected = match stage {
            Stage::Powers => powers(PowersFault::History(2)),
            Stage::Keys => keys(KeyFault::History(2)),
        };
        assert_eq!(said(town.part_fault()), (stage.word(), expected));
    }
}

/// Replaces what the beacon's record says, with the coordinator's signature for it.
fn beacon_says(stage: Stage, parameters: &Parameters) -> Town {
    let mut town = Town::new();
    let bytes = town.read(&step(stage, 4));
    let bytes = match stage {
        Stage::Powers => with_powers_records(&bytes, |r| r[3].parameters = parameters.clone()),
        Stage::Keys => with_key_records(&bytes, |r| {
            r[3].truncate(384);
            r[3].extend(parameters.encode());
        }),
    };
    town.put_named(stage, 4, &bytes);
    town.entries.truncate(place(stage, 4) + 1);
    town.sign_again(&[COORDINATOR]);
    town.publish();
    town
}

fn beacon_fault(stage: Stage, fault: BeaconFault) -> (&'static str, String) {
    let number = 4;
    let text = match stage {
        Stage::Powers => powers(PowersFault::Beacon { number, fault }),
        Stage::Keys => keys(KeyFault::Beacon { number, fault }),
    };
    (stage.word(), text)
}

fn announced(stage: Stage) -> Beacon {
    let d = start().descriptor;
    let closing = d.closing_of(stage).unwrap();
    closing.resolve(&crate::scene::evidence()).unwrap()
}

#[test]
fn a_beacons_record_says_kind_value_and_exponent_as_announced() {
    for stage in STAGES {
        let plain = Parameters::contribution(Some("number 4"));
        let town = beacon_says(stage, &plain);
        let fault = beacon_fault(stage, BeaconFault::Missing);
        assert_eq!(said(town.part_fault()), fault);
        let mut other = announced(stage);
        other.value[0] ^= 1;
        let town = beacon_says(stage, &Parameters::beacon(other, None));
        let fault = beacon_fault(stage, BeaconFault::Value);
        assert_eq!(said(town.part_fault()), fault);
        for found in [9, 12, 63] {
            let mut other = announced(stage);
            let expected = other.exponent;
            other.exponent = found;
            let town = beacon_says(stage, &Parameters::beacon(other, None));
            let fault = BeaconFault::Exponent { expected, found };
            assert_eq!(said(town.part_fault()), beacon_fault(stage, fault));
        }
    }
}

#[test]
fn a_beacon_with_a_secret_of_the_coordinators_own_is_refused() {
    for stage in STAGES {
        let mut town = Town::new();
        let (before, to) = (town.root.join(step(stage, 3)), town.root.join("rogue"));
        let parameters = Parameters::beacon(announced(stage), None);
        let stream = Stream::from_seed([66; 32]);
        let expected = match stage {
            Stage::Powers => {
                let base = open_powers(&before, &Rule::Open, &mut Silent).unwrap();
                phase1::contribute(&base, &to, stream, parameters, &mut Silent).unwrap();
                powers(PowersFault::BeaconKey(4))
            }
            Stage::Keys => {
                let initial = town.root.join(step(stage, 0));
                let base = open_key(&before, &own(&initial), &Rule::Open, &mut Silent).unwrap();
                phase2::contribute(&base, &to, stream, parameters, &mut Silent).unwrap();
                keys(KeyFault::BeaconKey(4))
            }
        };
        let bytes = fs::read(&to).unwrap();
        town.put_named(stage, 4, &bytes);
        town.entries.truncate(place(stage, 4) + 1);
        town.sign_again(&[COORDINATOR]);
        town.publish();
        assert_eq!(said(town.part_fault()), (stage.word(), expected));
    }
}

#[test]
fn a_beacon_on_a_history_without_the_last_contribution_is_refused() {
    // All entries stand, and the keys are made without the secret of the last contributor.
    for stage in STAGES {
        let mut town = Town::new();
        let (before, to) = (town.root.join(step(stage, 2)), town.root.join("rogue"));
        let beacon = announced(stage);
        let parameters = Parameters::beacon(beacon.clone(), None);
        let stream = beacon::stream(&beacon);
        let expected = match stage {
            Stage::Powers => {
                let base = open_powers(&before, &Rule::Open, &mut Silent).unwrap();
                phase1::contribute(&base, &to, stream, parameters, &mut Silent).unwrap();
                powers(PowersFault::History(3))
            }
            Stage::Keys => {
                let initial = town.root.join(step(stage, 0));
                let base = open_key(&before, &own(&initial), &Rule::Open, &mut Silent).unwrap();
                phase2::contribute(&base, &to, stream, parameters, &mut Silent).unwrap();
                keys(KeyFault::History(3))
            }
        };
        let bytes = fs::read(&to).unwrap();
        town.put_named(stage, 4, &bytes);
        town.entries.truncate(place(stage, 4) + 1);
        town.sign_again(&[COORDINATOR]);
        town.publish();
        assert_eq!(said(town.part_fault()), (stage.word(), expected));
    }
}

#[test]
fn an_accomplice_who_hands_in_what_somebody_else_made_adds_nothing() {
    for stage in STAGES {
        let mut town = Town::new();
        town.entries.truncate(place(stage, 3));
        let mut again = town.entries[place(stage, 2)].clone();
        if let Entry::Contribution(c) = &mut again.entry {
            (c.contributor, c.number) = (key(9).public(), 3);
        }
        town.entries.push(again);
        town.sign_again(&[9]);
        town.publish();
        town.put(&step(stage, 3), &town.read(&step(stage, 2)));
        let (expected, found) = (3, 2);
        let expected = match stage {
            Stage::Powers => powers(PowersFault::Count { expected, found }),
            Stage::Keys => keys(KeyFault::Count { expected, found }),
        };
        assert_eq!(said(town.part_fault()), (stage.word(), expected));
    }
}

#[test]
fn a_record_that_stands_twice_in_a_file_is_no_contribution() {
    for stage in STAGES {
        let mut town = Town::new();
        town.entries.truncate(place(stage, 3));
        let mut again = town.entries[place(stage, 2)].clone();
        if let Entry::Contribution(c) = &mut again.entry {
            (c.contributor, c.number) = (key(9).public(), 3);
        }
        town.entries.push(again);
        let two = town.read(&step(stage, 2));
        let (twice, expected) = match stage {
            Stage::Powers => (
                with_powers_records(&two, |r| r.push(r[1].clone())),
                powers(PowersFault::Proof {
                    number: 3,
                    part: phase1::Part::Tau,
                }),
            ),
            Stage::Keys => (
                with_key_records(&two, |r| r.push(r[1].clone())),
                keys(KeyFault::Transcript(3)),
            ),
        };
        town.put_named(stage, 3, &twice);
        town.sign_again(&[9]);
        town.publish();
        assert_eq!(said(town.part_fault()), (stage.word(), expected));
    }
}

/// Another ceremony by the same rules, whose files are all valid there.
fn elsewhere() -> (tempfile::TempDir, std::path::PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("other");
    let mut folder = Folder::create(&root, &start(), &key(COORDINATOR), &mut Silent).unwrap();
    for _ in STAGES {
        for who in 1..=3 {
            contribute(&mut folder, who);
        }
        cast(&mut folder);
    }
    folder.finish(&mut Silent).unwrap();
    (place, root)
}

#[test]
fn prepared_powers_and_initial_keys_are_those_of_this_ceremony() {
    let (_place, other) = elsewhere();
    let name = layout::prepared();
    let (theirs, mine) = (
        fs::read(other.join(&name)).unwrap(),
        Town::new().read(&name),
    );
    let wrong = with_point(&mine, 12, 3, G1Affine::generator());
    for bytes in [&theirs, &wrong] {
        let town = Town::new();
        town.put(&name, bytes);
        assert_eq!(town.other_file(), ("prepared powers", name.clone()));
    }
    // With the coordinator's signature for them.
    let mut town = Town::new();
    town.put_prepared(&theirs);
    let refused = town.part_fault();
    let (number, what) = (1, "hash");
    assert_eq!(
        said(refused),
        said(("prepared powers", PartError::Differs { number, what }))
    );
    let mut town = Town::new();
    town.put_prepared(&wrong);
    let fault = powers(PowersFault::Lagrange {
        list: phase1::List(tacit_ceremony::files::ptau::Powers::TauG1),
        size: 4,
    });
    assert_eq!(said(town.part_fault()), ("prepared powers", fault));
    // The true ones before preparation.
    let mut town = Town::new();
    town.put_prepared(&town.read(&step(Stage::Powers, 4)));
    let fault = tacit_ceremony::transcript::EntryFault::Prepared;
    assert_eq!(town.entry_fault(), (place(Stage::Powers, 4), fault));
}

#[test]
fn published_files_that_a_phase_starts_from_are_the_ones_that_it_does() {
    // Nobody who verifies needs them, and whoever takes another program to them believes them.
    let name = step(Stage::Powers, 0);
    let town = Town::new();
    town.put(&name, &town.read(&step(Stage::Powers, 1)));
    let (expected, found) = (0, 1);
    assert_eq!(
        said(town.part_fault()),
        said(("powers", PartError::Count { expected, found }))
    );
    let town = Town::new();
    let bad = with_point::<G1Affine>(
        &town.read(&name),
        4,
        3,
        (G1Affine::generator() + G1Affine::generator()).into(),
    );
    town.put(&name, &bad);
    let list = phase1::List(tacit_ceremony::files::ptau::Powers::AlphaG1);
    let fault = powers(PowersFault::NotPowers(list));
    assert_eq!(said(town.part_fault()), ("powers", fault));
    let name = step(Stage::Keys, 0);
    let town = Town::new();
    let mut bytes = town.read(&name);
    let at = bytes.len() - 100;
    bytes[at] ^= 1;
    town.put(&name, &bytes);
    assert_eq!(town.other_file(), ("initial keys", name));
}

#[test]
fn finished_keys_are_those_of_the_last_file() {
    let (_place, other) = elsewhere();
    let other_names = |t: &Town| {
        let Entry::Finished(f) = &t.entries[8].entry else {
            panic!("finished");
        };
        [
            layout::key(&f.circuits[0].proving_key),
            layout::key(&f.circuits[0].verifying_key),
            layout::verifying_json(&t.rules, 0),
        ]
    };
    let town = Town::new();
    let theirs = tacit_ceremony::folder::read(&layout::Layout::new(&other)).unwrap();
    let theirs = theirs.finished().unwrap().clone();
    let from = [
        layout::key(&theirs.circuits[0].proving_key),
        layout::key(&theirs.circuits[0].verifying_key),
        layout::verifying_json(&town.rules, 0),
    ];
    for (name, from) in other_names(&town).iter().zip(&from) {
        let town = Town::new();
        town.put(name, &fs::read(other.join(from)).unwrap());
        assert_eq!(town.other_file(), ("finished keys", name.clone()));
    }
    // With the coordinator's signature for them.
    let mut town = Town::new();
    town.entries[8].entry = Entry::Finished(theirs);
    town.sign_again(&[COORDINATOR]);
    town.publish();
    for name in &from {
        town.put(name, &fs::read(other.join(name)).unwrap());
    }
    assert_eq!(
        town.other_file(),
        ("finished keys", "the keys of cube".into())
    );
}

#[test]
fn a_circuit_with_another_constraint_is_not_the_one_of_the_rules() {
    let town = Town::new();
    let mut other = cube();
    other.constraints.swap(0, 1);
    other.write(&town.root.join("circuits/cube.r1cs")).unwrap();
    assert!(matches!(
        town.refused(),
        ("circuits", FolderError::Circuit(name)) if name == "cube"
    ));
}
