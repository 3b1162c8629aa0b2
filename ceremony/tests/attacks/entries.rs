//! Lies in the transcript and the rules.

use tacit_ceremony::folder::{FolderError, layout};
use tacit_ceremony::transcript::{
    CeremonyId, Descriptor, Entry, EntryFault, Evidence, EvidenceError, Missed, Powers, Reason,
    Stage, TranscriptError,
};

use crate::scene::{COORDINATOR, STAGES, Town, evidence, key, place, rules};

#[test]
fn the_ceremony_holds_while_nobody_lies() {
    let verified = Town::new().verify().unwrap();
    assert_eq!(verified.transcript.links().len(), 9);
    assert!(verified.keys.is_some());
    for stage in STAGES {
        for number in 1..=3 {
            let mine = crate::scene::attestation(stage, number);
            let found = mine.check(&verified.transcript);
            assert_eq!(found, Ok(place(stage, number) + 1));
        }
    }
}

#[test]
fn a_contribution_that_was_dropped_leaves_a_gap() {
    for stage in STAGES {
        let mut town = Town::new();
        let at = place(stage, 2);
        town.entries.remove(at);
        town.sign_again(&[COORDINATOR]);
        town.publish();
        let (expected, found) = (2, 3);
        assert_eq!(
            town.entry_fault(),
            (at, EntryFault::Number { expected, found })
        );
        // Who closes the gap changes what somebody signed. (A file of one byte fits everywhere.)
        town.contribution(at).number = 2;
        town.part(at).bytes = 1;
        town.sign_again(&[COORDINATOR]);
        town.publish();
        assert_eq!(town.entry_fault(), (at, EntryFault::Signature));
    }
}

#[test]
fn contributions_stand_in_the_order_in_which_they_were_signed() {
    for stage in STAGES {
        let mut town = Town::new();
        let at = place(stage, 1);
        town.entries.swap(at, at + 1);
        town.sign_again(&[COORDINATOR]);
        town.publish();
        let (expected, found) = (1, 2);
        assert_eq!(
            town.entry_fault(),
            (at, EntryFault::Number { expected, found })
        );
        town.contribution(at).number = 1;
        town.part(at).bytes = 1;
        town.contribution(at + 1).number = 2;
        town.sign_again(&[COORDINATOR]);
        town.publish();
        assert_eq!(town.entry_fault(), (at, EntryFault::Signature));
        // One of the two helps: the other one's signature still binds what came before it.
        town.sign_again(&[COORDINATOR, 2]);
        town.publish();
        assert_eq!(town.entry_fault(), (at + 1, EntryFault::Signature));
    }
}

#[test]
fn what_a_contributor_signed_is_theirs_to_the_last_field() {
    type Change = fn(&mut tacit_ceremony::transcript::Contribution);
    let changes: [(&str, Change); 9] = [
        ("label", |c| c.label = Some("mallory".into())),
        ("no label", |c| c.label = None),
        ("time", |c| c.at += 1),
        ("who", |c| c.contributor = key(9).public()),
        ("file", |c| c.parts[0].file[0] ^= 1),
        ("length", |c| c.parts[0].bytes += 1),
        ("hash", |c| c.parts[0].contribution[0] ^= 1),
        ("points", |c| c.parts[0].points[0] ^= 1),
        ("next", |c| c.parts[0].next[0] ^= 1),
    ];
    for stage in STAGES {
        for (what, change) in changes {
            let mut town = Town::new();
            let at = place(stage, 2);
            change(town.contribution(at));
            town.sign_again(&[COORDINATOR]);
            town.publish();
            assert_eq!(town.entry_fault(), (at, EntryFault::Signature), "{what}");
        }
    }
}

#[test]
fn a_contribution_in_the_coordinators_own_name_breaks_the_next_ones_signature() {
    for stage in STAGES {
        let mut town = Town::new();
        let at = place(stage, 2);
        town.contribution(at).contributor = key(9).public();
        town.sign_again(&[COORDINATOR, 9]);
        town.publish();
        assert_eq!(town.entry_fault(), (at + 1, EntryFault::Signature));
    }
}

#[test]
fn the_same_contribution_stands_in_a_transcript_once() {
    for stage in STAGES {
        let mut town = Town::new();
        let at = place(stage, 2);
        let again = town.entries[at].clone();
        town.entries.insert(at + 1, again);
        town.sign_again(&[COORDINATOR]);
        town.publish();
        let (expected, found) = (3, 2);
        let fault = EntryFault::Number { expected, found };
        assert_eq!(town.entry_fault(), (at + 1, fault));
        town.contribution(at + 1).number = 3;
        town.sign_again(&[COORDINATOR, 2]);
        town.publish();
        assert_eq!(town.entry_fault(), (at + 1, EntryFault::Twice));
    }
}

#[test]
fn nobody_has_missed_a_turn_in_a_phase_that_they_contributed_to() {
    for stage in STAGES {
        for who in [1, 3] {
            let mut town = Town::new();
            let at = place(stage, 3) + 1;
            let missed = |contributor| {
                let reason = Reason::Silent;
                Entry::Missed(Missed {
                    contributor,
                    stage,
                    at: 6,
                    reason,
                })
            };
            let before = town.entries[at].clone();
            let entry = missed(key(who).public());
            town.entries
                .insert(at, tacit_ceremony::transcript::Signed { entry, ..before });
            town.entries.truncate(at + 1);
            town.sign_again(&[COORDINATOR]);
            town.publish();
            assert_eq!(town.entry_fault(), (at, EntryFault::NotMissed));
            // Of somebody else it may be true.
            town.entries[at].entry = missed(key(9).public());
            town.sign_again(&[COORDINATOR]);
            town.publish();
            assert!(town.verify().is_ok());
        }
    }
}

#[test]
fn a_beacon_is_the_announced_one_whoever_signs_for_it() {
    let Evidence::Drand(mut other) = evidence() else {
        panic!("drand");
    };
    other[9] ^= 1;
    for stage in STAGES {
        for (evidence, fault) in [
            (Evidence::Drand(other.clone()), EvidenceError::Signature),
            (Evidence::Known, EvidenceError::Kind),
            (Evidence::Bitcoin([0; 80]), EvidenceError::Kind),
        ] {
            let mut town = Town::new();
            let at = place(stage, 4);
            if let Entry::Beacon(cast) = &mut town.entries[at].entry {
                cast.evidence = evidence;
            }
            town.sign_again(&[COORDINATOR]);
            town.publish();
            assert_eq!(town.entry_fault(), (at, EntryFault::Evidence(fault)));
        }
    }
}

#[test]
fn a_phase_has_one_beacon_and_it_is_the_last() {
    let (powers, keys) = STAGES.into();
    let mut town = Town::new();
    // Twice.
    let again = town.entries[place(powers, 4)].clone();
    town.entries.insert(place(powers, 4) + 1, again);
    town.sign_again(&[COORDINATOR]);
    town.publish();
    let fault = EntryFault::Phase {
        found: powers,
        current: keys,
    };
    assert_eq!(town.entry_fault(), (place(powers, 4) + 1, fault.clone()));
    // Before the last contribution.
    let mut town = Town::new();
    let at = place(powers, 3);
    town.entries.swap(at, at + 1);
    town.part(at).bytes = 1;
    town.sign_again(&[COORDINATOR, 3]);
    town.publish();
    assert_eq!(town.entry_fault(), (at + 1, fault));
    let mut town = Town::new();
    let at = place(keys, 3);
    town.entries.swap(at, at + 1);
    town.part(at).bytes = 1;
    town.sign_again(&[COORDINATOR, 3]);
    town.publish();
    assert_eq!(town.entry_fault(), (at + 1, EntryFault::Ended));
    // Not at all.
    let mut town = Town::new();
    town.entries.remove(place(keys, 4));
    town.sign_again(&[COORDINATOR]);
    town.publish();
    assert_eq!(town.entry_fault(), (place(keys, 4), EntryFault::Unfinished));
}

#[test]
fn rules_that_were_changed_are_another_ceremonys() {
    type Change = fn(&mut Descriptor);
    let changes: [(&str, Change); 10] = [
        ("name", |d| d.name = "city".into()),
        ("kind", |d| d.nonce[0] ^= 1),
        ("turn", |d| d.turn = 61),
        ("strikes", |d| d.strikes = 3),
        ("list", |d| {
            d.contributors = [1, 2, 3].map(|n| key(n).public()).to_vec();
            d.contributors.sort();
        }),
        ("end", |d| d.closing.closes += 1),
        ("exponent", |d| d.closing.beacon.exponent = 12),
        ("exponent of phase 1", |d| {
            if let Powers::Fresh { closing, .. } = &mut d.powers {
                closing.beacon.exponent = 12;
            }
        }),
        ("power", |d| {
            if let Powers::Fresh { power, .. } = &mut d.powers {
                *power = 5;
            }
        }),
        ("circuit", |d| d.circuits[0].hash[0] ^= 1),
    ];
    let original = Town::new().rules.id();
    for (what, change) in changes {
        let mut town = Town::new();
        change(&mut town.rules);
        let new = town.rules.id();
        assert_ne!(new, original, "{what}");
        town.put(
            layout::DESCRIPTOR,
            &tacit_protocol::codec::Encode::to_bytes(&town.rules),
        );
        assert_eq!(rules(&town.read(layout::DESCRIPTOR)), town.rules);
        // The transcript names the ceremony that it is of.
        let of = |expected: CeremonyId, found: CeremonyId| {
            matches!(
                town.refused(),
                ("transcript", FolderError::Transcript(TranscriptError::OtherCeremony { expected: e, found: f }))
                    if e == expected && f == found
            )
        };
        assert!(of(new, original), "{what}");
        // And if it is made to name the new one, nobody has signed for that.
        town.sign_again(&[COORDINATOR]);
        town.publish();
        assert_eq!(town.entry_fault(), (0, EntryFault::Signature), "{what}");
        // All the more an attestation says so.
        let mine = crate::scene::attestation(Stage::Powers, 1);
        assert_eq!(*mine.ceremony(), original);
    }
}
