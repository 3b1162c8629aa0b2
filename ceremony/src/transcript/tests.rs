//! Transcripts, rule by rule.

mod attestations;
mod rules;

use tacit_protocol::codec::{Decode as _, Encode as _};
use tacit_protocol::hash::Digest;
use tacit_protocol::keys::SigningKey;

use super::beacon::tests::{ROUND, SIGNATURE};
use super::*;
use crate::lengths;

pub(crate) fn key(n: u8) -> SigningKey {
    SigningKey::from_seed([n; 32])
}

pub(crate) fn known() -> BeaconRule {
    BeaconRule {
        source: Source::Known {
            value: REHEARSAL_VALUE.to_vec(),
        },
        exponent: 10,
    }
}

pub(crate) fn rules() -> Descriptor {
    Descriptor {
        name: "town".into(),
        rehearsal: true,
        powers: Powers::Fresh {
            power: 4,
            closing: Closing {
                closes: 1_000,
                beacon: known(),
            },
        },
        circuits: vec![Circuit {
            name: "cube".into(),
            hash: [7; 64],
            power: 3,
            bytes: 700,
        }],
        contributors: Vec::new(),
        least: 1,
        turn: 60,
        strikes: 2,
        closing: Closing {
            closes: 2_000,
            beacon: known(),
        },
        coordinator: key(100).public(),
        nonce: [0; 16],
    }
}

/// The rule of a beacon that drand gave once, and its evidence.
pub(crate) fn drand() -> (BeaconRule, Evidence) {
    let rule = BeaconRule {
        source: Source::Drand {
            chain: QUICKNET.hash(),
            round: ROUND,
        },
        exponent: 10,
    };
    (rule, Evidence::Drand(hex::decode(SIGNATURE).unwrap()))
}

fn part(n: u8) -> Part {
    Part {
        file: [n; 64],
        bytes: n.into(),
        contribution: [n; 64],
        points: [n; 64],
        next: [n; 64],
    }
}

fn contribution(who: u8, stage: Stage, number: u32) -> Entry {
    Entry::Contribution(Contribution {
        contributor: key(who).public(),
        label: Some(format!("number {who}")),
        stage,
        number,
        at: 5,
        parts: vec![part(who)],
    })
}

/// What the beacon of a phase names beside its files.
fn prepared(stage: Stage) -> Option<Prepared> {
    let (file, bytes) = ([9; 64], *lengths::prepared_powers(4).start());
    (stage == Stage::Powers).then_some(Prepared { file, bytes })
}

fn beacon(stage: Stage) -> Entry {
    Entry::Beacon(Cast {
        stage,
        evidence: Evidence::Known,
        parts: vec![part(200)],
        prepared: prepared(stage),
    })
}

fn finished() -> Entry {
    Entry::Finished(Finished {
        circuits: vec![FinishedCircuit {
            proving_key: Digest([1; 32]),
            verifying_key: Digest([2; 32]),
        }],
    })
}

/// Signs an entry for the end of a transcript, with the key that the rules ask for.
fn sign(t: &Transcript, entry: Entry) -> Signed {
    let signer = entry.signer(&t.descriptor().coordinator);
    let signing = (0..=255).map(key).find(|k| k.public() == signer).unwrap();
    entry.sign(t.id(), &t.head(), &signing)
}

fn build(rules: Descriptor, entries: Vec<Entry>) -> Transcript {
    let mut t = Transcript::new(rules).unwrap();
    for entry in entries {
        let signed = sign(&t, entry);
        t.push(signed).unwrap();
    }
    t
}

fn whole() -> Vec<Entry> {
    vec![
        contribution(1, Stage::Powers, 1),
        contribution(2, Stage::Powers, 2),
        beacon(Stage::Powers),
        contribution(1, Stage::Keys, 1),
        contribution(3, Stage::Keys, 2),
        beacon(Stage::Keys),
        finished(),
    ]
}

fn attestation(t: &Transcript, place: usize) -> Attestation {
    let link = &t.links()[place];
    Attestation::new(t, link.before, link.signed.clone())
}

#[test]
fn a_whole_ceremony_reads_back_and_its_rules_do() {
    let t = build(rules(), whole());
    let read = Transcript::read(rules(), &t.to_bytes()).unwrap();
    assert_eq!(read.head(), t.head());
    assert_eq!(read.links(), t.links());
    assert!(read.finished().is_some());
    assert_eq!(Descriptor::from_bytes(&rules().to_bytes()), Ok(rules()));
}

#[test]
fn each_rule_of_an_entry_is_refused_by_name_when_it_alone_is_broken() {
    let mut listed = rules();
    listed.contributors = vec![key(1).public()];
    let open = |n: usize| build(rules(), whole().into_iter().take(n).collect());
    let (powers, keys) = (Stage::Powers, Stage::Keys);
    let mut parts = contribution(1, powers, 1);
    let mut label = contribution(1, powers, 1);
    if let (Entry::Contribution(p), Entry::Contribution(l)) = (&mut parts, &mut label) {
        p.parts.push(part(1));
        l.label = Some("a\u{202e}b".into());
    }
    let wrong_kind = Entry::Beacon(Cast {
        stage: powers,
        evidence: Evidence::Drand(vec![0; 48]),
        parts: vec![part(1)],
        prepared: prepared(powers),
    });
    let with_prepared = |stage: Stage, prepared: Option<Prepared>| {
        Entry::Beacon(Cast {
            stage,
            evidence: Evidence::Known,
            parts: vec![part(1)],
            prepared,
        })
    };
    let mut short = prepared(powers).unwrap();
    short.bytes -= 1;
    let mut long = contribution(1, powers, 1);
    let most = lengths::step(&rules(), powers, 1, 0);
    if let Entry::Contribution(c) = &mut long {
        c.parts[0].bytes = most + 1;
    }
    let hidden = Entry::Missed(Missed {
        contributor: key(1).public(),
        stage: powers,
        at: 5,
        reason: Reason::Refused("a\u{1b}[2Jb".into()),
    });
    let mut three = rules();
    three.least = 3;
    // The coordinator's own key doesn't count.
    let two = vec![
        contribution(1, powers, 1),
        contribution(2, powers, 2),
        contribution(100, powers, 3),
    ];
    let cases = [
        (
            open(0),
            contribution(1, keys, 1),
            EntryFault::Phase {
                found: keys,
                current: powers,
            },
        ),
        (
            open(1),
            contribution(2, powers, 1),
            EntryFault::Number {
                expected: 2,
                found: 1,
            },
        ),
        (
            open(0),
            parts,
            EntryFault::Parts {
                expected: 1,
                found: 2,
            },
        ),
        (
            build(listed, Vec::new()),
            contribution(2, powers, 1),
            EntryFault::NotListed,
        ),
        (open(1), contribution(1, powers, 2), EntryFault::Twice),
        (open(0), label, EntryFault::Label),
        (
            open(0),
            long,
            EntryFault::Bytes {
                file: 1,
                bytes: most + 1,
                most,
            },
        ),
        (open(0), hidden, EntryFault::Reason),
        (
            open(0),
            beacon(powers),
            EntryFault::TooFew { found: 0, least: 1 },
        ),
        (
            build(three, two),
            beacon(powers),
            EntryFault::TooFew { found: 2, least: 3 },
        ),
        (open(1), with_prepared(powers, None), EntryFault::Prepared),
        (
            open(1),
            with_prepared(powers, Some(short)),
            EntryFault::Prepared,
        ),
        (
            open(4),
            with_prepared(keys, prepared(powers)),
            EntryFault::Prepared,
        ),
        (
            open(1),
            wrong_kind,
            EntryFault::Evidence(EvidenceError::Kind),
        ),
        (open(2), finished(), EntryFault::Unfinished),
        (open(6), contribution(4, keys, 3), EntryFault::Ended),
        (open(7), finished(), EntryFault::Ended),
    ];
    for (mut t, entry, expected) in cases {
        let number = t.links().len() + 1;
        let signed = sign(&t, entry);
        let refused = t.push(signed).unwrap_err();
        let fault = expected;
        assert_eq!(refused, TranscriptError::Entry { number, fault });
    }
}

#[test]
fn an_entry_is_its_signers_at_its_place_in_its_ceremony_only() {
    let t = build(rules(), whole().into_iter().take(1).collect());
    let entry = contribution(2, Stage::Powers, 2);
    let refused = |signed: Signed| {
        let mut t = t.clone();
        let expected = TranscriptError::Entry {
            number: 2,
            fault: EntryFault::Signature,
        };
        assert_eq!(t.push(signed), Err(expected));
    };
    refused(entry.clone().sign(t.id(), &t.head(), &key(3)));
    refused(entry.clone().sign(t.id(), &t.id().0, &key(2)));
    let mut other = rules();
    other.nonce = [1; 16];
    refused(entry.clone().sign(&other.id(), &t.head(), &key(2)));
    let mut changed = sign(&t, entry);
    if let Entry::Contribution(c) = &mut changed.entry {
        c.parts[0].next[0] ^= 1;
    }
    refused(changed);
    // The coordinator's own entries nobody else makes.
    refused(beacon(Stage::Powers).sign(t.id(), &t.head(), &key(1)));
}

#[test]
fn any_changed_byte_of_a_transcript_is_found() {
    let bytes = build(rules(), whole()).to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let read = Transcript::read(rules(), &changed);
        assert!(read.is_err(), "byte {at}");
    }
}

#[test]
fn what_is_contributed_after_the_closing_is_refused_in_a_real_ceremony() {
    let mut real = rules();
    real.rehearsal = false;
    real.least = 2;
    let drand = |seconds: u64| BeaconRule {
        source: Source::Drand {
            chain: QUICKNET.hash(),
            round: QUICKNET.round_from(QUICKNET.genesis + seconds),
        },
        exponent: 10,
    };
    let closing = |seconds, beacon| Closing {
        closes: QUICKNET.genesis + seconds,
        beacon,
    };
    real.powers = Powers::Fresh {
        power: 4,
        closing: closing(10_000, drand(13_600)),
    };
    real.closing = closing(17_210, drand(20_820));
    let mut t = Transcript::new(real).unwrap();
    let at = |seconds: u64| {
        let mut entry = contribution(1, Stage::Powers, 1);
        if let Entry::Contribution(c) = &mut entry {
            c.at = QUICKNET.genesis + seconds;
        }
        entry
    };
    let late = sign(&t, at(10_000));
    let fault = EntryFault::Late;
    assert_eq!(
        t.push(late),
        Err(TranscriptError::Entry { number: 1, fault })
    );
    let in_time = sign(&t, at(9_999));
    assert_eq!(t.push(in_time), Ok(()));
}

#[test]
fn a_refusals_words_are_made_fit_to_be_shown() {
    let Reason::Refused(words) = Reason::refused("the name is \u{1b}[31m\u{202e}x\n") else {
        panic!("a refusal");
    };
    assert_eq!(words, "the name is ?[31m?x?");
}

#[test]
fn missed_turns_cannot_fill_a_transcript() {
    let mut t = Transcript::new(rules()).unwrap();
    let missed = |who: u8| {
        Entry::Missed(Missed {
            contributor: key(who).public(),
            stage: Stage::Powers,
            at: 5,
            reason: Reason::Silent,
        })
    };
    for i in 0..2_000u32 {
        let signed = sign(&t, missed((i % 50) as u8));
        t.push(signed).unwrap();
    }
    let signed = sign(&t, missed(1));
    let fault = EntryFault::Full;
    let number = 2_001;
    assert_eq!(
        t.push(signed),
        Err(TranscriptError::Entry { number, fault })
    );
    // Who contributes still can, and all of it reads back.
    let signed = sign(&t, contribution(1, Stage::Powers, 1));
    t.push(signed).unwrap();
    assert!(Transcript::read(rules(), &t.to_bytes()).is_ok());
}

#[test]
fn a_label_that_hides_itself_or_turns_what_follows_is_refused() {
    for c in [
        '\u{ad}',
        '\u{61c}',
        '\u{115f}',
        '\u{180e}',
        '\u{200b}',
        '\u{200d}',
        '\u{200f}',
        '\u{2028}',
        '\u{2029}',
        '\u{202a}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{2069}',
        '\u{3164}',
        '\u{feff}',
        '\u{e0041}',
        '\n',
        '\u{85}',
    ] {
        assert!(!valid_label(&format!("a{c}b")), "{c:?}");
    }
    for label in ["Ada", "Ada & Bob", "Ἀριστοτέλης", "愛", "☃"] {
        assert!(valid_label(label), "{label}");
    }
}

#[test]
fn a_phase_takes_no_more_contributions_than_its_files_can_name_beside_the_beacon() {
    let mut t = Transcript::new(rules()).unwrap();
    let most = crate::files::ptau::MAX_RECORDS - 1;
    let someone = |n: u32| {
        let seed = [&n.to_be_bytes()[..], &[3; 28]].concat();
        SigningKey::from_seed(seed.try_into().unwrap())
    };
    let made = |t: &Transcript, n: u32| {
        let who = someone(n);
        let Entry::Contribution(mut c) = contribution(1, Stage::Powers, n) else {
            panic!();
        };
        c.contributor = who.public();
        Entry::Contribution(c).sign(t.id(), &t.head(), &who)
    };
    for n in 1..=most {
        assert!(!t.is_full());
        t.push(made(&t, n)).unwrap();
    }
    assert!(t.is_full());
    let refused = t.push(made(&t, most + 1)).unwrap_err();
    let full = matches!(
        refused,
        TranscriptError::Entry {
            fault: EntryFault::Full,
            ..
        }
    );
    assert!(full, "{refused}");
    t.push(sign(&t, beacon(Stage::Powers))).unwrap();
    assert!(!t.is_full());
}
